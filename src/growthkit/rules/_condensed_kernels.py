"""Kernels of the search for closed, maximal and generator itemsets: depth first, in local databases.

A node is an itemset of which no subset with the same count leads the same way: the items that stand in all of its
baskets and are more frequent than its last one are taken up at once, or, for generators, left out for good. So the
closed itemsets and the generators are among the nodes. The search stops where it runs out of room, and goes on from
there once it is given more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numba.extending import intrinsic

from .._core.jit import kernel
from ..typing import AnyArray, Int32Array, Int64Array

LANES = 8
"""Sets of bits begin and end with whole runs of so many words, unless they are of one word."""

CLOSED, MAXIMAL, GENERATORS = range(3)

DONE, WANTS_OUTPUT, WANTS_EXTENSIONS, WANTS_BITS, WANTS_FOUND = range(5)
"""What a call ends with: everything found, or which arrays must have room for state[NEED] entries."""

RECORD, DEPTH, N_SETS, N_CODES, NEED, N_ROOT, TOP, TOP_BITS, N_LISTED, STATES = range(10)
"""Places in `state`, which begin like those of `_mining_kernels`: the local database, the depth of the search (-1
between two), how many itemsets and items the output holds, the room that is needed, how many items of the path go with
the whole local database, where there is room behind the local databases in `extensions` and `bits`, and how many sets
`found` holds."""

START, SIZE, STOP, CURSOR, BITS, LENGTH, FIELDS = range(7)
"""Places in a frame: its first extension and how many there are, the last to be tried, the one tried last, where their
bits are, and the length of the path."""

END, COUNT, HASH, COLUMNS = range(4)
"""Columns of the output: where the items of an itemset end, its count, and a hash of its baskets."""


class Space(NamedTuple):
    """Local databases as `_local_kernels.build` makes them, and behind them the frames of the search.

    `extensions` holds (item, count), `hashes` a hash of the baskets of each, `keys` one of the baskets of each bit.
    `path` is the itemset. A row of `found` has a bit for each set found in the local database that holds the item.
    """

    state: Int64Array
    records: Int64Array
    frames: Int64Array
    extensions: Int64Array
    bits: AnyArray
    hashes: Int64Array
    keys: Int64Array
    tally: Int64Array
    path: Int32Array
    found: Int64Array


class Step(NamedTuple):
    """An itemset of the search, extension `a` of its frame, and where things stand in `extensions` and `bits`."""

    a: int
    start: int
    at: int
    stride: int
    side_by_side: bool
    words: int
    padded: int
    shifts: int
    least: int
    child: int
    out: int


def _population_count(_context: Any, word: Any) -> tuple[Any, Callable[..., Any]]:
    """Compile to the processor's count of the bits set in a word."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return word(word), generate


count_ones: Any = intrinsic(_population_count)


@kernel
def hash_basket(begin: Any) -> Any:
    """Return a random-looking number for the basket that begins at `begin` (the finaliser of splitmix64)."""
    mixed = np.uint64(begin + 1) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.int64(mixed ^ (mixed >> np.uint64(31)))


@kernel
def hash_bits(bits: AnyArray, at: int, words: int, keys: Int64Array) -> Any:
    """Return the sum of the keys of the bits that are set."""
    total, start, n = np.int64(0), np.uint64(at), np.uint64(words)
    for word in range(n):
        left = bits[start + word]
        while left:
            lowest = left & (np.uint64(0) - left)
            total += keys[(word << np.uint64(6)) + count_ones(lowest - np.uint64(1))]
            left ^= lowest
    return total


@kernel
def hash_words(bits: AnyArray, at: int, stride: int, words: int) -> Any:
    """Return a hash of the words of a set of bits that stand `stride` apart."""
    total = np.uint64(0)
    for word in range(words):
        mixed = (bits[at + word * stride] + np.uint64(word)) * np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(32))) * np.uint64(0xBF58476D1CE4E5B9) + np.uint64(word)
        total += mixed * (mixed >> np.uint64(27) | np.uint64(1))
    return np.int64(total)


@kernel
def hash_baskets(
    item: int,
    codes: AnyArray,
    starts: Int64Array,
    places: AnyArray,
    record: Int64Array,
    extensions: Int64Array,
    bits: AnyArray,
    local: Int32Array,
    hashes: Int64Array,
    keys: Int64Array,
) -> Any:
    """Hash the baskets with `item` and each of its extensions, and those of each bit of its local database.

    `local` is -1 throughout. Returns the hash of the baskets with the item: the sum over them of weight times a number.
    """
    size, start, words, shifts = record[1], record[3], record[4], record[5]
    first_bit = np.zeros(64, np.int64)
    for word in range(words - 1, -1, -1):
        first_bit[np.int64(bits[shifts + word]) if shifts else 0] = word << 6
    for i in range(size):
        local[extensions[start + i, 0]] = i
        hashes[start + i] = 0
    total = np.int64(0)
    for i in range(starts[item], starts[item + 1]):
        begin = places[i, 0]
        key, weight, n = hash_basket(begin), np.int64(codes[begin]), 0
        total += key * weight
        for place in range(begin + 1, places[i, 1]):
            code = local[codes[place]]
            if code >= 0:
                hashes[start + code] += key * weight
                n += 1
        power = 0
        while n > 1 and words and weight:
            if shifts == 0 or weight & 1:
                keys[first_bit[power]] = key << power
                first_bit[power] += 1
            weight = weight >> 1 if shifts else weight - 1
            power += shifts > 0
    for i in range(size):
        local[extensions[start + i, 0]] = -1
    return total


@kernel
def count_side_by_side(step: Step, bits: AnyArray, tally: Int64Array) -> None:
    """Count in `tally` what the itemset has in common with the extensions before it, whose words stand side by side.

    Unsigned numbers are no places from the end, so that this becomes code for several words at once.
    """
    runs = np.uint64((step.a + LANES - 1) // LANES * LANES)
    for b in range(runs):
        tally[b] = 0
    at = np.uint64(step.at)
    for word in range(step.words):
        own = bits[at + np.uint64(step.a)]
        shift = np.int64(bits[step.shifts + word]) if step.shifts else 0
        if own:
            for first in range(np.uint64(0), runs, np.uint64(LANES)):
                for lane in range(np.uint64(LANES)):
                    ones = np.int64(count_ones(bits[at + first + lane] & own))
                    tally[first + lane] += ones << shift
        at += np.uint64(step.stride)


@kernel
def count_one_by_one(step: Step, bits: AnyArray, tally: Int64Array) -> None:
    """Count in `tally` what the itemset has in common with the extensions before it, whose sets stand one by one."""
    words, lanes, shifts = np.uint64(step.padded), np.uint64(LANES), np.uint64(step.shifts)
    one, other = np.uint64(step.at + step.a * step.padded), np.uint64(step.at)
    for b in range(step.a):
        count = np.uint64(0)
        for first in range(np.uint64(0), words, lanes):
            if shifts:
                for lane in range(lanes):
                    ones = count_ones(bits[one + first + lane] & bits[other + first + lane])
                    count += ones << bits[shifts + first + lane]
            else:
                for lane in range(lanes):
                    count += count_ones(bits[one + first + lane] & bits[other + first + lane])
        tally[b] = np.int64(count)
        other += words


@kernel
def choose(
    step: Step, extensions: Int64Array, bits: AnyArray, tally: Int64Array, path: Int32Array, length: int
) -> tuple[int, int]:
    """List the frequent extensions before the itemset with their bits; those always there go to the path."""
    kept, fixed, own = 0, 0, extensions[step.start + step.a, 1]
    out, words, stride = np.uint64(step.out), np.uint64(step.words), np.uint64(step.stride)
    apart = np.uint64(1 if step.side_by_side else step.padded)
    for first in range(0, step.a, LANES):
        some = np.int64(0)
        for lane in range(LANES):
            some |= step.least - 1 - tally[np.uint64(first + lane)]
        if some >= 0:
            continue
        for b in range(first, min(first + LANES, step.a)):
            if tally[b] < step.least:
                continue
            if tally[b] == own:
                path[length + fixed] = extensions[step.start + b, 0]
                fixed += 1
                continue
            extensions[step.child + kept, 0] = extensions[step.start + b, 0]
            extensions[step.child + kept, 1] = tally[b]
            kept += 1
            one, other = np.uint64(step.at) + np.uint64(step.a) * apart, np.uint64(step.at) + np.uint64(b) * apart
            for word in range(words):
                bits[out + word] = bits[one] & bits[other]
                one += stride
                other += stride
            for word in range(words, np.uint64(step.padded)):
                bits[out + word] = 0
            out += np.uint64(step.padded)
    return kept, fixed


@kernel
def report(
    length: int,
    count: Any,
    code: Any,
    child: int,
    kept: int,
    state: Int64Array,
    extensions: Int64Array,
    hashes: Int64Array,
    path: Int32Array,
    sets: Int64Array,
    codes: Int32Array,
) -> None:
    """Write the itemset of the path, and its extension if there is one only, which is not searched then."""
    for extended in range(2 if kept == 1 else 1):
        if extended:
            path[length] = extensions[child, 0]
            length, count, code = length + 1, extensions[child, 1], hashes[child]
        n, size = state[N_SETS], state[N_CODES]
        for i in range(length):
            codes[size + i] = path[i]
        sets[n, END], sets[n, COUNT], sets[n, HASH] = size + length, count, code
        state[N_SETS], state[N_CODES] = n + 1, size + length


@kernel
def report_maximal(
    length: int,
    count: Any,
    child: int,
    kept: int,
    state: Int64Array,
    extensions: Int64Array,
    path: Int32Array,
    found: Int64Array,
    sets: Int64Array,
    codes: Int32Array,
) -> bool:
    """Return whether the path with all its extensions is part of no set found; write it if one extension is left."""
    for i in range(kept):
        path[length + i] = extensions[child + i, 0]
    length += kept
    listed, root, common, word = state[N_LISTED], state[N_ROOT], np.int64(0), 0
    while common == 0 and word << 6 < listed:
        common, i = np.int64(-1), root
        while common and i < length:
            common &= found[path[i], word]
            i += 1
        word += 1
    if common == 0 and kept <= 1:
        n, size = state[N_SETS], state[N_CODES]
        for i in range(length):
            codes[size + i] = path[i]
        for i in range(root, length):
            found[path[i], listed >> 6] |= np.int64(1) << (listed & 63)
        sets[n, END], sets[n, COUNT], sets[n, HASH] = size + length, extensions[child, 1] if kept else count, 0
        state[N_SETS], state[N_CODES], state[N_LISTED] = n + 1, size + length, listed + 1
    return common == 0


@kernel
def forget(state: Int64Array, start: int, size: int, extensions: Int64Array, found: Int64Array) -> None:
    """Forget all sets of a local database."""
    for i in range(size):
        for word in range((state[N_LISTED] + 63) >> 6):
            found[extensions[start + i, 0], word] = 0
    state[N_LISTED] = 0


@kernel
def enter(
    kind: int,
    data: tuple[AnyArray, Int64Array, AnyArray, Int64Array],
    local: Int32Array,
    space: Space,
    sets: Int64Array,
    codes: Int32Array,
) -> None:
    """Write the itemsets of a local database's item, and make the first frame.

    An item of -1 means that the database is the whole, of which extensions record[2] to record[1] are searched.
    """
    state, frames, extensions, path = space.state, space.frames, space.extensions, space.path
    hashes, bits = space.hashes, space.bits
    record = space.records[state[RECORD]]
    item, size, fixed, start = record[0], record[1], record[2], record[3]
    frames[0, START], frames[0, SIZE], frames[0, CURSOR], frames[0, STOP] = start, size, size, 0
    frames[0, BITS], frames[0, LENGTH] = record[6], 0
    state[DEPTH], state[N_ROOT] = 0, 0
    if item < 0:
        frames[0, STOP] = fixed
        for a in range(fixed, size if kind == CLOSED else 0):
            hashes[start + a] = hash_words(bits, record[6] + a, record[7], record[4])
        return
    length, code = 1, np.int64(0)
    path[0] = item
    if kind != GENERATORS:
        for i in range(fixed):
            path[1 + i] = extensions[start + size + i, 0]
        length += fixed
    if kind == CLOSED:
        code = hash_baskets(item, data[0], data[1], data[2], record, extensions, bits, local, hashes, space.keys)
    state[N_ROOT] = frames[0, LENGTH] = length
    count = data[3][item]
    if kind != MAXIMAL:
        report(length, count, code, start, size, state, extensions, hashes, path, sets, codes)
    else:
        report_maximal(length, count, start, size, state, extensions, path, space.found, sets, codes)
    if size == 1:
        frames[0, CURSOR] = 0


@kernel
def hash_extensions(
    step: Step, kept: int, is_whole: bool, bits: AnyArray, hashes: Int64Array, keys: Int64Array
) -> None:
    """Hash the baskets of the extensions just found."""
    for i in range(kept):
        out = step.out + i * step.padded
        if is_whole:
            hashes[step.child + i] = hash_words(bits, out, 1, step.words)
        else:
            hashes[step.child + i] = hash_bits(bits, out, step.words, keys)


@kernel
def descend(kind: int, least: int, space: Space, sets: Int64Array, codes: Int32Array) -> int:
    """Search a local database depth first, from where the stack stands, the rarest items first."""
    state, frames, extensions, bits, path = space.state, space.frames, space.extensions, space.bits, space.path
    hashes, keys, tally, found = space.hashes, space.keys, space.tally, space.found
    depth, record = state[DEPTH], space.records[state[RECORD]]
    words, shifts, is_whole = record[4], record[5], record[0] < 0
    padded = words if words == 1 else (words + LANES - 1) // LANES * LANES
    while depth >= 0:
        a, start, length = frames[depth, CURSOR] - 1, frames[depth, START], frames[depth, LENGTH]
        at, state[DEPTH] = frames[depth, BITS], depth
        if a < frames[depth, STOP]:
            depth -= 1
            continue
        child, out = start + frames[depth, SIZE], at + frames[depth, SIZE] * padded
        if depth == 0:
            child, out = state[TOP], state[TOP_BITS]
        if child + a + 1 > extensions.shape[0]:
            state[NEED] = child + a + 1
            return WANTS_EXTENSIONS
        if out + (a + 1) * padded + LANES > bits.size:
            state[NEED] = out + (a + 1) * padded + LANES
            return WANTS_BITS
        if state[N_SETS] + 2 > len(sets) or state[N_CODES] + 2 * frames.shape[0] > codes.size:
            return WANTS_OUTPUT
        if state[N_LISTED] == found.shape[1] << 6:
            return WANTS_FOUND
        path[length] = extensions[start + a, 0]
        stride = record[7] if depth == 0 else 1
        step = Step(a, start, at, stride, depth == 0 or words == 1, words, padded, shifts, least, child, out)
        if step.side_by_side:
            count_side_by_side(step, bits, tally)
        else:
            count_one_by_one(step, bits, tally)
        kept, fixed = choose(step, extensions, bits, tally, path, length + 1)
        if kind == CLOSED:
            hash_extensions(step, kept, is_whole, bits, hashes, keys)
        length += 1 + (fixed if kind != GENERATORS else 0)
        frames[depth, CURSOR] = a
        count = extensions[start + a, 1]
        if kind != MAXIMAL:
            report(length, count, hashes[start + a], child, kept, state, extensions, hashes, path, sets, codes)
        elif not report_maximal(length, count, child, kept, state, extensions, path, found, sets, codes):
            kept = 0
        if kept > 1:
            depth += 1
            frames[depth, START], frames[depth, SIZE], frames[depth, CURSOR], frames[depth, STOP] = child, kept, kept, 0
            frames[depth, BITS], frames[depth, LENGTH] = out, length
    state[DEPTH] = -1
    return DONE


@kernel
def mine(
    kind: int,
    n: int,
    least: int,
    data: tuple[AnyArray, Int64Array, AnyArray, Int64Array],
    local: Int32Array,
    space: Space,
    sets: Int64Array,
    codes: Int32Array,
) -> int:
    """Find the nodes of local databases state[RECORD] to `n`, or the sets that are maximal in one of these.

    `data` is the codes, starts, places and supports of the whole.
    """
    state = space.state
    while state[RECORD] < n:
        record = space.records[state[RECORD]]
        if state[DEPTH] < 0:
            if state[N_SETS] + 2 > len(sets) or state[N_CODES] + 2 * space.frames.shape[0] > codes.size:
                return WANTS_OUTPUT
            enter(kind, data, local, space, sets, codes)
        status = descend(kind, least, space, sets, codes)
        if status != DONE:
            return status
        forget(state, record[3], record[1], space.extensions, space.found)
        state[RECORD] += 1
    return DONE
