"""Kernels that search tables (see `_closed_tables_kernels`) for generators.

Nodes are visited depth-first, without recursion, as in `_closed_kernels`. The critical rows of an item of a node are
those that hold all of the node but this item: without any, the others imply the item, in the node and below it [1]_.

References
----------
.. [1] Soulet, A. and Rioult, F. (2014). Efficiently depth-first minimal pattern mining. PAKDD 2014, 28-39.
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

SLOT, STOP, N_FRAME = 0, 1, 2
"""A frame: the next slot, and the end of the slots."""

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
def find_critical(
    tables: Int64Array, slots: Int64Array, slot: int, parent: int, critical: Int64Array, depth: int, room: Room
) -> None:
    """Write the critical rows of each item that a node took in its room, the last of which is that of `slot`.

    Those of depth d follow those of all depths before, and `parent` is the slot of the node above (-1 for the room).
    """
    own = depth * (depth + 1) // 2 * room.across
    above = own - depth * room.across
    bits = room.slots + slots[slot + ITEM] * room.stride + BITS
    for x in range(depth):
        for w in range(x * room.across, (x + 1) * room.across):
            critical[own + w] = critical[above + w] & tables[bits + w - x * room.across]
    own += depth * room.across
    for w in range(room.across):
        critical[own + w] = (slots[parent + BITS + w] if parent >= 0 else -1) & ~tables[bits + w]


@kernel
def is_free(tables: Int64Array, item: int, critical: Int64Array, depth: int, room: Room) -> bool:
    """Return whether all items of a node keep critical rows with one more item."""
    own = depth * (depth + 1) // 2 * room.across
    bits = room.slots + item * room.stride + BITS
    for x in range(depth, -1, -1):
        w = 0
        while w < room.across and critical[own + x * room.across + w] & tables[bits + w] == 0:
            w += 1
        if w == room.across:
            return False
    return True


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
def prefers_rows(slots: Int64Array, slot: int, stop: int, room: Room) -> bool:
    """Whether the rows of a slot are quicker to go through than the bit sets of the later slots."""
    ones = 0
    for part in range(BITS, room.stride):
        ones += count_ones(slots[slot + part])
    return (stop - slot) // room.stride * (6 + room.stride) > 16 * ones


@kernel
def grow_by_rows(
    tables: Int64Array,
    slots: Int64Array,
    slot: int,
    stop: int,
    room: Room,
    min_count: int,
    critical: Int64Array,
    depth: int,
    path: Int64Array,
    n_seen: int,
) -> int:
    """Do as `grow_by_bits`, with the items that `tally_later` listed."""
    top = stop
    for i in range(n_seen):
        item = path[SPARE, i]
        count = path[COUNTED, item]
        path[COUNTED, item] = 0
        if min_count <= count < slots[slot + TALLY] and is_free(tables, item, critical, depth, room):
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
    return top


@kernel
def grow_by_bits(
    tables: Int64Array,
    slots: Int64Array,
    slot: int,
    stop: int,
    room: Room,
    min_count: int,
    critical: Int64Array,
    depth: int,
) -> int:
    """Write the later slots that are frequent and free with a slot to the slots from `stop`; return their end."""
    top = stop
    for other in range(slot + room.stride, stop, room.stride):
        count = meet(tables, slots, slot, other, top, room)
        if min_count <= count < slots[slot + TALLY] and is_free(tables, slots[other + ITEM], critical, depth, room):
            slots[top + ITEM] = slots[other + ITEM]
            slots[top + TALLY] = count
            top += room.stride
    return top


@kernel
def mine_generators(records: Int64Array, tables: Int64Array, rule: Rule, n_items: int) -> tuple[Int64Array, Int64Array]:
    """Find the itemsets of all tables without an item that the others imply, the first item of each apart.

    Return them, their items by rank, and their numbers. Whether the first item is implied, `keep_generators` tells.
    """
    out, used = np.empty(n_items + 64, np.int64), np.zeros(2, np.int64)
    slots, critical, frames = (
        np.empty(1024, np.int64),
        np.empty(64, np.int64),
        np.empty((n_items + 1, N_FRAME), np.int64),
    )
    path = np.zeros((N_LINES, n_items + 1), np.int64)
    at, longest = 0, n_items + 3
    while at < tables.size:
        n_later, depth = tables[at + N_LATER], -1
        room = enter(tables, at, path)
        out = grown(out, used[SIZE], longest)
        emit(out, used, rule, path, 1, tables[at + COUNT])
        if n_later > 0:
            slots = grown(slots, 0, n_later * room.stride)
            copy_slots(tables, room, n_later, slots)
            frames[0, SLOT], frames[0, STOP], depth = 0, n_later * room.stride, 0
        while depth >= 0:
            slot, stop = frames[depth, SLOT], frames[depth, STOP]
            if slot == stop:
                depth -= 1
                continue
            frames[depth, SLOT] = slot + room.stride
            if 2 * stop - slot > slots.size:
                slots = grown(slots, stop, stop - slot)
            if used[SIZE] + longest > out.size:
                out = grown(out, used[SIZE], longest)
            path[NAMES, depth + 1] = tables[room.names + slots[slot + ITEM]]
            emit(out, used, rule, path, depth + 2, slots[slot + TALLY])
            size = (depth + 1) * (depth + 2) // 2 * room.across
            if size > critical.size:
                critical = grown(critical, size - (depth + 1) * room.across, (depth + 1) * room.across)
            parent = frames[depth - 1, SLOT] - room.stride if depth > 0 else -1
            find_critical(tables, slots, slot, parent, critical, depth, room)
            if room.is_sparse and prefers_rows(slots, slot, stop, room):
                n_seen = tally_later(records, tables, slots, slot, room, path)
                top = grow_by_rows(tables, slots, slot, stop, room, rule.min_count, critical, depth, path, n_seen)
            else:
                top = grow_by_bits(tables, slots, slot, stop, room, rule.min_count, critical, depth)
            if top > stop and depth + 2 < rule.max_len:
                depth += 1
                frames[depth, SLOT], frames[depth, STOP] = stop, top
        at = tables[at + NEXT]
    return out, used
