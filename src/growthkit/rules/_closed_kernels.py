"""Kernels that search tables (see `_closed_tables_kernels`) for closed itemsets.

Nodes are visited depth-first, without recursion. A node is an itemset; the items by which it may grow are a run of
slots, each with the bit set of the rows that hold node and item. An item whose turn is over is banned from the subtrees
of the items after it; where it is in all rows of a node, the node was found before, and nothing below it is new [1]_.

References
----------
.. [1] Lucchese, C., Orlando, S. and Perego, R. (2006). Fast and memory efficient mining of frequent closed itemsets.
   IEEE Transactions on Knowledge and Data Engineering 18(1), 21-36.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numba.extending import intrinsic

from .._core.jit import kernel
from ..typing import Int64Array

WORD = 64

LENGTH, N_LATER, N_EARLIER, N_ROWS, COUNT, NEXT, CORE, ACROSS, IS_SPARSE, N_PLANES, TABLE_HEAD = range(11)
"""The head of a table, as in `_closed_tables_kernels`."""

ITEM, TALLY, BITS = 0, 1, 2
"""A slot: an item by which a node may grow, by its number in the room; the count of both; and their rows."""

SLOT, STOP, DEEP, BANNED, N_FRAME = 0, 1, 2, 3, 4
"""A frame: the next slot, the end of the slots, the length of the itemset, and the items banned below it."""

ITEMS, NAMES, SPARE, COUNTED, N_LINES = 0, 1, 2, 3, 4
"""Lines of a path: its items by their numbers in the room (-1 for those of the room's own itemset), by rank; working
space; and counts by item, zero when not in use."""

N_SETS, SIZE = 0, 1
"""What a tally of the output counts: itemsets, and numbers. An itemset is its count, its length, and its items."""


class Rule(NamedTuple):
    """What is looked for; `limit` is the number of itemsets after which to give up."""

    kind: int
    total: int
    min_count: int
    min_len: int
    max_len: int
    limit: int


class Room(NamedTuple):
    """Where the parts of a table are; see `_closed_tables_kernels`. A bit set has `across` words, a slot `stride`."""

    names: int
    planes: int
    sizes: int
    weights: int
    rows: int
    slots: int
    n_planes: int
    across: int
    stride: int
    is_sparse: int
    core: int


def _population_count(_context: Any, word: Any) -> tuple[Any, Callable[..., Any]]:
    """Compile to the processor's count of the bits set in a 64-bit word."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return word(word), generate


count_ones: Any = intrinsic(_population_count)


@kernel
def lowest_one(word: int) -> int:
    """Return the place of the lowest bit set in a word that is not zero."""
    return count_ones((word & -word) - 1)


@kernel
def grown(buffer: Int64Array, used: int, more: int) -> Int64Array:
    """Return `buffer`, or a longer copy where `more` entries do not fit after the first `used`."""
    if used + more <= buffer.size:
        return buffer
    longer = np.empty(max(2 * buffer.size, used + more), buffer.dtype)
    longer[:used] = buffer[:used]
    return longer


@kernel
def emit(out: Int64Array, used: Int64Array, rule: Rule, path: Int64Array, length: int, count: Any) -> None:
    """Write the itemset of a path, if its length is asked for; there is place for it."""
    if length < rule.min_len or length > rule.max_len:
        return
    at = used[SIZE]
    out[at], out[at + 1] = count, length
    for i in range(length):
        out[at + 2 + i] = path[NAMES, i]
    used[N_SETS] += 1
    used[SIZE] = at + 2 + length


@kernel
def enter(tables: Int64Array, at: int, path: Int64Array) -> Room:
    """Return the room of the table at `at`, and write its itemset to the path."""
    length, n_later, n_rows = tables[at], tables[at + N_LATER], tables[at + N_ROWS]
    across, n_planes = tables[at + ACROSS], tables[at + N_PLANES]
    for i in range(length):
        path[ITEMS, i] = -1
        path[NAMES, i] = tables[at + TABLE_HEAD + i]
    names = at + TABLE_HEAD + length
    planes = names + n_later
    sizes = planes + n_planes * across
    weights = sizes + n_planes
    rows, slots = weights + n_rows, weights + 2 * n_rows
    core, is_sparse = tables[at + CORE], tables[at + IS_SPARSE]
    return Room(names, planes, sizes, weights, rows, slots, n_planes, across, across + BITS, is_sparse, core)


@kernel
def copy_slots(tables: Int64Array, room: Room, n_later: int, slots: Int64Array) -> None:
    """Write the first slots of a room."""
    for i in range(n_later * room.stride):
        slots[i] = tables[room.slots + i]


@kernel
def weigh(tables: Int64Array, slots: Int64Array, bits: int, room: Room) -> int:
    """Return the weight of the rows in the bit set at `bits`."""
    count = 0
    for w in range(room.across):
        count += count_ones(slots[bits + w])
    for plane in range(room.n_planes):
        ones, base = 0, room.planes + plane * room.across
        for w in range(tables[room.sizes + plane]):
            ones += count_ones(slots[bits + w] & tables[base + w])
        count += ones << plane
    return count


@kernel
def meet(tables: Int64Array, slots: Int64Array, one: int, other: int, to: int, room: Room) -> int:
    """Write the rows that the slots at `one` and `other` share to that at `to`, and return their weight."""
    count = 0
    for part in range(BITS, room.stride):
        word = slots[one + part] & slots[other + part]
        slots[to + part] = word
        count += count_ones(word)
    if room.n_planes > 0:
        return weigh(tables, slots, to + BITS, room)
    return count


@kernel
def grow_by_bits(
    tables: Int64Array,
    slots: Int64Array,
    slot: int,
    stop: int,
    room: Room,
    min_count: int,
    path: Int64Array,
    length: int,
) -> tuple[int, int]:
    """Write the later slots that are frequent with a slot, which has joined the path, to the slots from `stop`.

    Items in all of its rows join the path. Return the end of the new slots and the length of the path.
    """
    top = stop
    for other in range(slot + room.stride, stop, room.stride):
        count = meet(tables, slots, slot, other, top, room)
        if count < min_count:
            continue
        if count == slots[slot + TALLY]:
            path[ITEMS, length] = slots[other + ITEM]
            path[NAMES, length] = tables[room.names + slots[other + ITEM]]
            length += 1
        else:
            slots[top + ITEM] = slots[other + ITEM]
            slots[top + TALLY] = count
            top += room.stride
    return top, length


@kernel
def tally_later(
    records: Int64Array, tables: Int64Array, slots: Int64Array, slot: int, room: Room, path: Int64Array
) -> int:
    """Count the items after that of a slot in its rows; list those seen and return their number."""
    item = slots[slot + ITEM]
    n = 0
    for w in range(room.across):
        word = slots[slot + BITS + w]
        while word != 0:
            row = w * WORD + lowest_one(word)
            word &= word - 1
            first, weight = tables[room.rows + row], tables[room.weights + row]
            at = first + records[first - 2] - 1
            while records[at] > item:
                path[SPARE, n] = records[at]
                n += path[COUNTED, records[at]] == 0
                path[COUNTED, records[at]] += weight
                at -= 1
    return n


@kernel
def grow_by_rows(
    records: Int64Array,
    tables: Int64Array,
    slots: Int64Array,
    slot: int,
    stop: int,
    room: Room,
    min_count: int,
    path: Int64Array,
    length: int,
) -> tuple[int, int]:
    """Do as `grow_by_bits`, by the rows of the slot."""
    top, known = stop, length
    for i in range(tally_later(records, tables, slots, slot, room, path)):
        item = path[SPARE, i]
        count = path[COUNTED, item]
        path[COUNTED, item] = 0
        if count < min_count:
            continue
        if count == slots[slot + TALLY]:
            path[ITEMS, length] = item
            path[NAMES, length] = tables[room.names + item]
            is_new = True
            for j in range(known):
                is_new &= path[ITEMS, j] != item
            length += is_new
            continue
        place = top
        while place > stop and slots[place - room.stride + ITEM] > item:
            place -= room.stride
            slots[place + room.stride + ITEM] = slots[place + ITEM]
            slots[place + room.stride + TALLY] = slots[place + TALLY]
        slots[place + ITEM], slots[place + TALLY] = item, count
        top += room.stride
    for place in range(stop, top, room.stride):
        own = room.slots + slots[place + ITEM] * room.stride
        for part in range(BITS, room.stride):
            slots[place + part] = slots[slot + part] & tables[own + part]
    return top, length


@kernel
def prefers_rows(slots: Int64Array, slot: int, stop: int, room: Room) -> bool:
    """Whether the rows of a slot are quicker to go through than the bit sets of the later slots."""
    ones = 0
    for part in range(BITS, room.stride):
        ones += count_ones(slots[slot + part])
    return (stop - slot) // room.stride * (6 + room.stride) > 16 * ones


@kernel
def grow(
    records: Int64Array,
    tables: Int64Array,
    slots: Int64Array,
    slot: int,
    stop: int,
    room: Room,
    min_count: int,
    path: Int64Array,
    length: int,
) -> tuple[int, int]:
    """Add the item of a slot to the path, and do as `grow_by_bits`."""
    path[ITEMS, length] = slots[slot + ITEM]
    path[NAMES, length] = tables[room.names + slots[slot + ITEM]]
    if room.is_sparse and prefers_rows(slots, slot, stop, room):
        return grow_by_rows(records, tables, slots, slot, stop, room, min_count, path, length + 1)
    return grow_by_bits(tables, slots, slot, stop, room, min_count, path, length + 1)


@kernel
def is_covered_dense(
    tables: Int64Array, slots: Int64Array, slot: int, room: Room, banned: Int64Array, n_banned: int
) -> bool:
    """Return whether all rows of a slot hold one of the banned items."""
    for i in range(n_banned - 1, -1, -1):
        w = 0
        while w < room.across and slots[slot + BITS + w] & ~tables[banned[i] + w] == 0:
            w += 1
        if w == room.across:
            return True
    return False


@kernel
def list_before(records: Int64Array, at: int, item: int, path: Int64Array, length: int) -> int:
    """List the entries of a row from `at` on that stand before `item` and are not in the path; return their number."""
    n = 0
    while records[at] < item:
        path[SPARE, n] = records[at]
        n += 1
        for i in range(length - 1, -1, -1):
            if path[ITEMS, i] == records[at]:
                n -= 1
                break
        at += 1
    return n


@kernel
def keep_common(records: Int64Array, at: int, step: int, path: Int64Array, n: int) -> int:
    """Keep those of `n` listed entries that are in a row, too; both are sorted alike. Return their number.

    `step` is 1 if they ascend and -1 if they descend. Something in the row stands behind all that are listed.
    """
    kept = 0
    for i in range(n):
        item = path[SPARE, i]
        while step * records[at] < step * item:
            at += 1
        path[SPARE, kept] = item
        kept += records[at] == item
    return kept


@kernel
def is_covered_sparse(
    records: Int64Array, tables: Int64Array, slots: Int64Array, slot: int, room: Room, path: Int64Array, length: int
) -> bool:
    """Return whether all rows of a slot hold an item that stands before the slot's and is not in the path."""
    n, sign, item = -1, -1, slots[slot + ITEM]
    for w in range(room.across):
        word = slots[slot + BITS + w]
        while word != 0:
            at = tables[room.rows + w * WORD + lowest_one(word)]
            word &= word - 1
            sign &= records[at - 3]
            if n < 0:
                n = list_before(records, at, item, path, length)
            elif n > 0:
                n = keep_common(records, at, 1, path, n)
            if n == 0 and sign == 0:
                return False
    return n > 0 or has_earlier(records, tables, slots, slot, room, path, sign)


@kernel
def has_earlier(
    records: Int64Array, tables: Int64Array, slots: Int64Array, slot: int, room: Room, path: Int64Array, sign: Any
) -> bool:
    """Return whether all rows of a slot hold an earlier item; `sign` has the bits that all of their signs have."""
    n = -1
    for w in range(room.across):
        word = slots[slot + BITS + w]
        while word != 0:
            first = tables[room.rows + w * WORD + lowest_one(word)]
            word &= word - 1
            at, end = first + records[first - 2], first + records[first - 1]
            if n < 0:
                n = 0
                for place in range(at, end):
                    path[SPARE, n] = records[place]
                    n += (sign >> (records[place] & (WORD - 1))) & 1
            else:
                n = keep_common(records, at, -1, path, n)
            if n == 0:
                return False
    return True


@kernel
def push(frames: Int64Array, depth: int, start: int, stop: int, length: int, n_banned: int) -> None:
    """Write a frame."""
    frames[depth, SLOT], frames[depth, STOP] = start, stop
    frames[depth, DEEP], frames[depth, BANNED] = length, n_banned


@kernel
def list_banned(banned: Int64Array, room: Room, n_later: int, n_earlier: int) -> Int64Array:
    """Return a list of where the bit sets of earlier items are, with place for those of the later ones."""
    banned = grown(banned, 0, n_later + n_earlier)
    for i in range(n_earlier):
        banned[i] = room.slots + n_later * room.stride + i * room.across
    return banned


@kernel
def search_room(
    records: Int64Array,
    tables: Int64Array,
    room: Room,
    rule: Rule,
    slots: Int64Array,
    frames: Int64Array,
    banned: Int64Array,
    path: Int64Array,
    out: Int64Array,
    used: Int64Array,
) -> tuple[Int64Array, Int64Array]:
    """Find the closed itemsets of a room whose first frame is written; return slots and output."""
    depth, stride, longest = 0, room.stride, path.shape[1] + 2
    while depth >= 0 and used[N_SETS] <= rule.limit:
        slot, stop = frames[depth, SLOT], frames[depth, STOP]
        length, n_banned = frames[depth, DEEP], frames[depth, BANNED]
        if slot == stop:
            depth -= 1
            if depth >= 0:
                done = slots[frames[depth, SLOT] - stride + ITEM]
                banned[frames[depth, BANNED] - 1] = room.slots + done * stride + BITS
            continue
        frames[depth, SLOT] = slot + stride
        if room.is_sparse:
            covered = is_covered_sparse(records, tables, slots, slot, room, path, length)
        else:
            covered = is_covered_dense(tables, slots, slot, room, banned, n_banned)
        if covered:
            continue
        banned[n_banned] = room.slots + slots[slot + ITEM] * stride + BITS
        frames[depth, BANNED] = n_banned + 1
        if 2 * stop - slot > slots.size:
            slots = grown(slots, stop, stop - slot)
        if used[SIZE] + longest > out.size:
            out = grown(out, used[SIZE], longest)
        top, length = grow(records, tables, slots, slot, stop, room, rule.min_count, path, length)
        emit(out, used, rule, path, length, slots[slot + TALLY])
        if top > stop and length < rule.max_len:
            depth += 1
            push(frames, depth, stop, top, length, n_banned)
    return slots, out


@kernel
def mine_closed(records: Int64Array, tables: Int64Array, rule: Rule, n_items: int) -> tuple[Int64Array, Int64Array]:
    """Find the closed itemsets of all tables; return them and their numbers."""
    out, used = np.empty(n_items + 64, np.int64), np.zeros(2, np.int64)
    slots, banned, frames = np.empty(1024, np.int64), np.empty(64, np.int64), np.empty((n_items + 1, N_FRAME), np.int64)
    path = np.zeros((N_LINES, n_items + 1), np.int64)
    at = 0
    while at < tables.size and used[N_SETS] <= rule.limit:
        length, n_later, n_earlier = tables[at], tables[at + N_LATER], max(0, tables[at + N_EARLIER])
        room = enter(tables, at, path)
        out = grown(out, used[SIZE], n_items + 3)
        emit(out, used, rule, path, length, tables[at + COUNT])
        if n_later > 0:
            banned = list_banned(banned, room, n_later, n_earlier)
            slots = grown(slots, 0, n_later * room.stride)
            copy_slots(tables, room, n_later, slots)
            push(frames, 0, 0, n_later * room.stride, length, n_earlier)
            slots, out = search_room(records, tables, room, rule, slots, frames, banned, path, out, used)
        at = tables[at + NEXT]
    return out, used
