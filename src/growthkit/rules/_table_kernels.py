"""Kernels of the search for frequent itemsets where most sets of the most frequent items are frequent.

A depth-first search finds the itemsets of the other items only. With each, a table tells how many of its baskets hold
each set of the most frequent items.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .._core.instructions import count_ones, lowest_one
from .._core.jit import kernel
from ..typing import AnyArray, Int64Array

DONE, WANTS_OUTPUT, WANTS_EXTENSIONS, WANTS_BITS = range(4)
"""What a call ends with: everything found, or which arrays must have room for state[NEED] entries."""

RECORD, DEPTH, USED, BASE, NEED, ROOT, TOP, TOP_BITS, STATES = range(9)
"""Places in `state`, as for the search without tables."""

START, SIZE, CURSOR, BITS, FAMILY, MEMBERS, FREE, FIELDS = range(8)
"""Places in a frame: its first extension and how many there are, the next to be tried, where their bits are, and the
first entry of the output that stands for the prefix; the others are not used."""

TABULATED = 8
"""Most frequent items whose sets are counted in tables."""

SETS = 1 << TABULATED
"""Sets of these items."""


class Grid(NamedTuple):
    """Baskets as sets of bits, one for each item.

    Word w of a set stands for baskets of which each holds the set ``patterns[w]`` of the tabulated items (a bit for
    each) and counts ``2 ** powers[w]`` times. `everything` is the set of all. Item r counts ``supports[r]`` times.
    """

    bits: AnyArray
    everything: AnyArray
    patterns: Int64Array
    powers: Int64Array
    supports: Int64Array


class Tables(NamedTuple):
    """How many baskets hold each set of the tabulated items, and where it stands in the output."""

    counts: Int64Array
    places: Int64Array


@kernel
def add_larger(counts: Int64Array) -> None:
    """Add to the count of each set of the tabulated items those of all sets that it is a part of."""
    for group in range(0, SETS, 8):
        for near in (1, 2, 4):
            for i in range(8):
                if not i & near:
                    counts[group + i] += counts[group + i + near]
    near = 8
    while near < SETS:
        for group in range(0, SETS, 2 * near):
            for i in range(group, group + near):
                counts[i] += counts[i + near]
        near *= 2


@kernel
def find_patterns(indptr: Int64Array, codes: AnyArray, patterns: Int64Array, counts: Int64Array) -> None:
    """Write which tabulated items each basket holds, and how many baskets hold each set of these."""
    for row in range(patterns.size):
        pattern = 0
        for i in range(indptr[row] + 1, indptr[row + 1]):
            pattern |= (codes[i] < TABULATED) << min(codes[i], TABULATED)
        patterns[row] = pattern
        counts[pattern] += codes[indptr[row]]
    add_larger(counts)


@kernel
def set_bits(
    rows: Int64Array,
    places: Int64Array,
    indptr: Int64Array,
    codes: AnyArray,
    words: int,
    bits: AnyArray,
    everything: AnyArray,
) -> None:
    """Set the bit at ``places[i]`` for each item of the basket ``rows[i]``, and in the set of all baskets."""
    for i in range(rows.size):
        word, bit = places[i] >> 6, np.uint64(1) << np.uint64(places[i] & 63)
        everything[word] |= bit
        for j in range(indptr[rows[i]] + 1, indptr[rows[i] + 1]):
            bits[codes[j] * words + word] |= bit


@kernel
def fill_table(bits: AnyArray, at: int, grid: Grid, counts: Int64Array) -> None:
    """Count the baskets of a set that hold each set of the tabulated items."""
    counts[:] = 0
    for word in range(grid.patterns.size):
        ones = np.int64(count_ones(bits[at + word]))
        counts[np.uint64(grid.patterns[word])] += ones << grid.powers[word]
    add_larger(counts)


@kernel
def emit_table(
    entries: AnyArray,
    used: int,
    base: int,
    family: int,
    first: int,
    last: int,
    members: int,
    least: int,
    tables: Tables,
) -> int:
    """Write the frequent sets in the table below those of a family; return how many entries are used then.

    Only those whose rarest item is one from `first` to `last`.
    """
    counts, places = tables.counts, tables.places
    places[0] = family
    for rarest in range(first, last):
        if counts[1 << rarest] < least:
            continue
        for key in range(1 << rarest, 2 << rarest):
            parent, item, count = places[key & (key - 1)], lowest_one(np.uint64(key)), counts[key]
            places[key] = base + used
            for i in range(members):
                entries[used + i, 0] = parent + i
                entries[used + i, 1] = item
                entries[used + i, 2] = count
            used += members * (count >= least)
    return used


@kernel
def extend(
    a: int,
    start: int,
    at: int,
    child: int,
    out: int,
    words: int,
    least: int,
    grid: Grid,
    extensions: Int64Array,
    source: AnyArray,
    bits: AnyArray,
) -> Any:
    """List the frequent extensions of extension `a` of a frame among those before it, with their bits."""
    kept = 0
    powers = grid.powers
    one = np.uint64(at + a * words)
    for b in range(a):
        other, target = np.uint64(at + b * words), np.uint64(out + kept * words)
        count = np.int64(0)
        for word in range(np.uint64(words)):
            both = source[one + word] & source[other + word]
            bits[target + word] = both
            count += np.int64(count_ones(both)) << powers[word]
        extensions[child + kept, 0] = extensions[start + b, 0]
        extensions[child + kept, 1] = count
        kept += count >= least
    return kept


@kernel
def enter(first: int, last: int, least: int, grid: Grid, tables: Tables, stack: Any, entries: AnyArray) -> int:
    """List the sets of tabulated items, and make the first frame: all other items."""
    state, extensions, frame = stack.state, stack.extensions, stack.frames[0]
    members, n = np.int64(1) << state[ROOT], grid.supports.size
    if len(entries) - state[USED] < members * SETS:
        state[NEED] = members * SETS
        return WANTS_OUTPUT
    fill_table(grid.everything, 0, grid, tables.counts)
    for i in range(TABULATED):
        tables.counts[1 << i] = grid.supports[i]  # with the baskets of one item, which are left out
    low, high = min(first, TABULATED), min(last, TABULATED)
    state[USED] = emit_table(entries, state[USED], state[BASE], -1, low, high, members, least, tables)
    for i in range(TABULATED, n):
        extensions[i - TABULATED, 0], extensions[i - TABULATED, 1] = i, grid.supports[i]
    frame[START], frame[SIZE], frame[CURSOR] = 0, max(last - TABULATED, 0), max(first - TABULATED, 0)
    frame[BITS], frame[FAMILY] = TABULATED * grid.patterns.size, -1
    state[DEPTH] = 0
    return DONE


@kernel
def descend(least: int, grid: Grid, tables: Tables, stack: Any, entries: AnyArray) -> int:
    """Search depth first for itemsets of the other items, from where the stack stands."""
    state, extensions, bits = stack.state, stack.extensions, stack.bits
    words, members, depth = grid.patterns.size, np.int64(1) << state[ROOT], state[DEPTH]
    while depth >= 0:
        frame = stack.frames[depth]
        size, a, start, at = frame[SIZE], frame[CURSOR], frame[START], frame[BITS]
        state[DEPTH] = depth
        if a == size:
            depth -= 1
            continue
        child, out = (start + size, at + size * words) if depth else (grid.supports.size, 0)
        if child + a + 1 > extensions.shape[0]:
            state[NEED] = child + a + 1
            return WANTS_EXTENSIONS
        if out + (a + 1) * words > bits.size:
            state[NEED] = out + (a + 1) * words
            return WANTS_BITS
        if len(entries) - state[USED] < members * (SETS + 1):
            state[NEED] = members * (SETS + 1)
            return WANTS_OUTPUT
        source = bits if depth else grid.bits
        kept = extend(a, start, at, child, out, words, least, grid, extensions, source, bits)
        used, place = state[USED], state[BASE] + state[USED]
        for i in range(members):
            entries[used + i, 0] = frame[FAMILY] + i
            entries[used + i, 1], entries[used + i, 2] = extensions[start + a, 0], extensions[start + a, 1]
        fill_table(source, at + a * words, grid, tables.counts)
        used = emit_table(entries, used + members, state[BASE], place, 0, TABULATED, members, least, tables)
        state[USED] = used
        frame[CURSOR] = a + 1
        if kept:
            depth += 1
            below = stack.frames[depth]
            below[START], below[SIZE], below[CURSOR], below[BITS], below[FAMILY] = child, kept, 0, out, place
    state[DEPTH] = -1
    return DONE


@kernel
def mine(first: int, last: int, least: int, grid: Grid, tables: Tables, stack: Any, entries: AnyArray) -> int:
    """List the itemsets whose rarest item has a rank from `first` to `last` in `entries`, as (parent, item, count)."""
    if stack.state[DEPTH] < 0:
        status = enter(first, last, least, grid, tables, stack, entries)
        if status != DONE:
            return status
    return descend(least, grid, tables, stack, entries)
