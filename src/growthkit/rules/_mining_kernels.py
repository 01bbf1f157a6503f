"""Kernels of the search for frequent itemsets: depth first, by meeting the sets of bits of local databases.

The search stops where it runs out of room, and goes on from there once it is given more.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .._core.instructions import lowest_one
from .._core.jit import kernel
from ..typing import AnyArray, Int32Array, Int64Array
from ._instructions import LANES, count_lanes, meet

DONE, WANTS_OUTPUT, WANTS_EXTENSIONS, WANTS_BITS = range(4)
"""What a call ends with: everything found, or which arrays must have room for state[NEED] entries."""

RECORD, DEPTH, USED, BASE, NEED, ROOT, TOP, TOP_BITS, STATES = range(9)
"""Places in `state`: the local database, the depth of the search (-1 between two), how many entries of the output are
used, how many came before it, the room that is needed, how many items stand in every basket, and where there is room
behind the local databases in `extensions` and `bits`."""

START, SIZE, CURSOR, BITS, FAMILY, MEMBERS, FREE, FIELDS = range(8)
"""Places in a frame: its first extension and how many there are, the next to be tried, where their bits are, the first
and the number of the entries of the output that stand for the prefix with some of its perfect extensions, and how many
perfect extensions these are."""


class Task(NamedTuple):
    """What to find.

    The least count, the greatest length, whether perfect extensions (items that are always there) are set apart, and
    whether itemsets are listed or only counted.
    """

    least: int
    max_len: int
    perfect: bool
    listing: bool


class Stack(NamedTuple):
    """Local databases as `build` makes them, and behind them the frames of the search.

    `extensions` holds (item, count). The first LANES words of `bits` are for counting.
    """

    state: Int64Array
    records: Int64Array
    frames: Int64Array
    extensions: Int64Array
    bits: AnyArray


class Step(NamedTuple):
    """An itemset of the search, extension `a` of its frame, and where things stand in `extensions` and `bits`."""

    a: int
    start: int
    at: int
    stride: int
    words: int
    padded: int
    shifts: int
    least: int
    perfect: bool
    child: int
    out: int


@kernel
def extend_lanes(step: Step, extensions: Int64Array, bits: AnyArray) -> tuple[int, int]:
    """Count what the itemset has in common with the extensions before it, LANES at once; list the frequent ones.

    Items that are always there are listed from the end of the child's room.
    """
    kept, fixed = 0, 0
    a, start, at, child, words = step.a, step.start, step.at, step.child, step.words
    own = extensions[start + a, 1]
    for first in range(0, a, LANES):
        if step.shifts:
            found = count_lanes(bits, at + a, at + first, step.stride, words, None, step.shifts, step.least)
        else:
            found = count_lanes(bits, at + a, at + first, step.stride, words, None, None, step.least)
        if first + LANES > a:
            found &= (1 << (a - first)) - 1
        while found:
            lane = lowest_one(found)
            found &= found - 1
            count = np.int64(bits[lane])
            if step.perfect and count == own:
                fixed += 1
                extensions[child + a - fixed, 0] = extensions[start + first + lane, 0]
            else:
                extensions[child + kept, 0] = first + lane
                extensions[child + kept, 1] = count
                kept += 1
    return kept, fixed


@kernel
def copy_common(step: Step, kept: int, extensions: Int64Array, bits: AnyArray) -> None:
    """Write what the itemset has in common with the listed ones, and put their items for their numbers."""
    one, out = step.at + step.a, step.out
    for i in range(step.child, step.child + kept):
        other = step.at + extensions[i, 0]
        extensions[i, 0] = extensions[step.start + extensions[i, 0], 0]
        if kept == 1:
            return
        for word in range(step.words):
            bits[out + word] = bits[one + word * step.stride] & bits[other + word * step.stride]
        for word in range(step.words, step.padded):
            bits[out + word] = 0
        out += step.padded


@kernel
def extend(step: Step, extensions: Int64Array, bits: AnyArray) -> tuple[int, int]:
    """Meet the itemset with the extensions before it; list the frequent ones like `extend_lanes`, with their bits."""
    kept, fixed = 0, 0
    start, at, child, words, out = step.start, step.at, step.child, step.padded, step.out
    own = extensions[start + step.a, 1]
    one = at + step.a * words
    for b in range(step.a):
        if step.shifts:
            count = meet(bits, one, at + b * words, out, words, step.shifts)
        else:
            count = meet(bits, one, at + b * words, out, words, None)
        if step.perfect and count == own:
            fixed += 1
            extensions[child + step.a - fixed, 0] = extensions[start + b, 0]
        else:
            extensions[child + kept, 0] = extensions[start + b, 0]
            extensions[child + kept, 1] = count
            kept += count >= step.least
            out += words * (count >= step.least)
    return kept, fixed


@kernel
def drop_ancestors(
    step: Step, kept: int, lineage: Int64Array, ancestors: Int32Array, extensions: Int64Array, bits: AnyArray
) -> int:
    """Drop the ancestors of the last item from the extensions; return how many are left."""
    left = 0
    item = extensions[step.start + step.a, 0]
    for i in range(kept):
        related = False
        for j in range(lineage[item], lineage[item + 1]):
            related |= ancestors[j] == extensions[step.child + i, 0]
        if related:
            continue
        extensions[step.child + left] = extensions[step.child + i]
        for word in range(step.padded):
            bits[step.out + left * step.padded + word] = bits[step.out + i * step.padded + word]
        left += 1
    return left


@kernel
def find_extensions(step: Step, side_by_side: bool, extensions: Int64Array, bits: AnyArray) -> tuple[int, int]:
    """Write the extensions of an itemset, and return how many there are and how many items always go with it."""
    if not side_by_side:
        return extend(step, extensions, bits)
    kept, fixed = extend_lanes(step, extensions, bits)
    copy_common(step, kept, extensions, bits)
    return kept, fixed


@kernel
def emit(entries: AnyArray, used: int, family: int, members: int, item: Any, count: Any) -> int:
    """Write `item` below each member of a family, and return how many entries are used then."""
    for i in range(members):
        entries[used + i, 0] = family + i
        entries[used + i, 1] = item
        entries[used + i, 2] = count
    return used + members


@kernel
def enter(supports: Int64Array, task: Task, stack: Stack, entries: AnyArray, nodes: Int64Array) -> int:
    """Record the itemsets of a local database's item and those always with it, and make the first frame.

    An item of -1 means that the database is the whole, of which extensions record[2] to record[1] are searched.
    """
    state, extensions, frame = stack.state, stack.extensions, stack.frames[0]
    record = stack.records[state[RECORD]]
    item, size, fixed, start = record[0], record[1], record[2], record[3]
    members, place = np.int64(1) << state[ROOT], state[BASE] + state[USED]
    frame[START], frame[SIZE], frame[CURSOR], frame[BITS] = start, size, 0, record[6]
    frame[FAMILY], frame[MEMBERS], frame[FREE] = place, members << fixed, state[ROOT] + fixed
    if item < 0:
        frame[CURSOR], frame[FAMILY], frame[MEMBERS], frame[FREE] = fixed, -1, members, state[ROOT]
    elif task.listing:
        if len(entries) - state[USED] < members << fixed:
            state[NEED] = members << fixed
            return WANTS_OUTPUT
        used = emit(entries, state[USED], -1, members, item, supports[item])
        for i in range(fixed):
            used = emit(entries, used, place, members << i, extensions[start + size + i, 0], supports[item])
        state[USED] = used
    else:
        nodes[1, state[ROOT] + fixed] += 1
    state[DEPTH] = 0
    return DONE


@kernel
def descend(
    lineage: Int64Array, ancestors: Int32Array, task: Task, stack: Stack, entries: AnyArray, nodes: Int64Array
) -> int:
    """Search a local database depth first, from where the stack stands."""
    state, extensions, bits = stack.state, stack.extensions, stack.bits
    depth = state[DEPTH]
    record = stack.records[state[RECORD]]
    words, shifts, before = record[4], record[5], 1 if record[0] < 0 else 2
    padded = words if words == 1 else (words + LANES - 1) // LANES * LANES
    while depth >= 0:
        frame = stack.frames[depth]
        size, a, start, at = frame[SIZE], frame[CURSOR], frame[START], frame[BITS]
        state[DEPTH] = depth
        if a == size:
            depth -= 1
            continue
        stride = 1 if depth else record[7]
        child, out = (start + size, at + size * padded) if depth else (state[TOP], state[TOP_BITS])
        if child + a + 1 > extensions.shape[0]:
            state[NEED] = child + a + 1
            return WANTS_EXTENSIONS
        if out + (a + 1) * padded + LANES > bits.size:
            state[NEED] = out + (a + 1) * padded + LANES
            return WANTS_BITS
        kept, fixed = 0, 0
        if a and depth + before < task.max_len:
            step = Step(a, start, at, stride, words, padded, shifts, task.least, task.perfect, child, out)
            kept, fixed = find_extensions(step, depth == 0 or words == 1, extensions, bits)
            if ancestors.size:
                kept = drop_ancestors(step, kept, lineage, ancestors, extensions, bits)
        family, members = frame[FAMILY], frame[MEMBERS]
        if task.listing:
            used, place = state[USED], state[BASE] + state[USED]
            if len(entries) - used < (members << fixed) * (1 + (kept == 1)):
                state[NEED] = (members << fixed) * (1 + (kept == 1))
                return WANTS_OUTPUT
            count = extensions[start + a, 1]
            used = emit(entries, used, family, members, extensions[start + a, 0], count)
            for i in range(fixed):
                used = emit(entries, used, place, members << i, extensions[child + a - 1 - i, 0], count)
            if kept == 1:
                used = emit(entries, used, place, members << fixed, extensions[child, 0], extensions[child, 1])
            family, state[USED] = place, used
        else:
            nodes[depth + before, frame[FREE] + fixed] += 1
            nodes[depth + before + 1, frame[FREE] + fixed] += kept == 1
        frame[CURSOR] = a + 1
        if kept > 1:
            depth += 1
            below = stack.frames[depth]
            below[START], below[SIZE], below[CURSOR], below[BITS] = child, kept, 0, out
            below[FAMILY], below[MEMBERS], below[FREE] = family, members << fixed, frame[FREE] + fixed
    state[DEPTH] = -1
    return DONE


@kernel
def mine(
    n: int,
    supports: Int64Array,
    lineage: Int64Array,
    ancestors: Int32Array,
    task: Task,
    stack: Stack,
    entries: AnyArray,
    nodes: Int64Array,
) -> int:
    """Find the itemsets of local databases state[RECORD] to `n`.

    They are listed in `entries` as (parent, item, count), or counted in `nodes` by the number of items and the number
    of perfect extensions.
    """
    state = stack.state
    while state[RECORD] < n:
        status = DONE
        if state[DEPTH] < 0:
            status = enter(supports, task, stack, entries, nodes)
        if status == DONE:
            status = descend(lineage, ancestors, task, stack, entries, nodes)
        if status != DONE:
            return status
        state[RECORD] += 1
    return DONE
