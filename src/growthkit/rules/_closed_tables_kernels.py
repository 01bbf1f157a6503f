"""Kernels that turn the records of `_closed_rooms_kernels` into tables to search: bit sets and planes of weights."""

from __future__ import annotations

import numpy as np

from .._core.jit import kernel
from ..typing import Int64Array

WORD = 64

LENGTH, N_LATER, N_EARLIER, N_ROWS, COUNT, HEAD = 0, 1, 2, 3, 4, 5
"""The head of a record, as in `_closed_rooms_kernels`."""

ROW_HEAD = 4
"""A row of a sparse record: weight, sign, how many later items, how many items, and the items and a last number."""

NEXT, CORE, ACROSS, IS_SPARSE, N_PLANES, TABLE_HEAD = 5, 6, 7, 8, 9, 10
"""The head of a table: first that of the record, then where the next table begins, and what is needed of the room.

Then come the itemset and the later items; the `N_PLANES` bits of the weights less one, a bit set each; how many words
of each are not all zero; the weights; where the entries of each row begin in the records; a slot for each later item,
of its number, its count and the bit set of its rows; and the bit sets of the earlier items of a dense room."""

BITS = 2
"""The numbers in front of a slot's bit set."""


@kernel
def grown(buffer: Int64Array, used: int, more: int) -> Int64Array:
    """Return `buffer`, or a longer copy where `more` entries do not fit after the first `used`."""
    if used + more <= buffer.size:
        return buffer
    longer = np.empty(max(2 * buffer.size, used + more), buffer.dtype)
    longer[:used] = buffer[:used]
    return longer


@kernel
def order_rows(weights: Int64Array) -> Int64Array:
    """Return the rows by the number of bits of their weights less one, largest first."""
    slots = np.zeros(WORD + 1, np.int64)
    bits = np.zeros(weights.size, np.int64)
    for row in range(weights.size):
        while (weights[row] - 1) >> bits[row] > 0:
            bits[row] += 1
        if bits[row] > 0:
            slots[bits[row] - 1] += 1
    for n_bits in range(WORD - 1, -1, -1):
        slots[n_bits] += slots[n_bits + 1]
    ordered = np.empty(weights.size, np.int64)
    for row in range(weights.size):
        ordered[slots[bits[row]]] = row
        slots[bits[row]] += 1
    return ordered


@kernel
def count_planes(weights: Int64Array) -> int:
    """Return how many bits the largest of the weights less one has."""
    n_planes = 0
    for weight in weights:
        while (weight - 1) >> n_planes > 0:
            n_planes += 1
    return n_planes


@kernel
def find_rows(records: Int64Array, at: int, n_rows: int) -> tuple[Int64Array, Int64Array]:
    """Return weights and places of the rows of a sparse record, from heavy to light."""
    weights, firsts = np.empty(n_rows, np.int64), np.empty(n_rows, np.int64)
    for row in range(n_rows):
        weights[row] = records[at]
        firsts[row] = at + ROW_HEAD
        at += ROW_HEAD + records[at + 3] + 1
    if count_planes(weights) == 0:
        return weights, firsts
    ordered = order_rows(weights)
    return weights[ordered], firsts[ordered]


@kernel
def fill_side(table: Int64Array, at: int, weights: Int64Array, firsts: Int64Array, n_planes: int, across: int) -> None:
    """Write the bit planes of the weights, their sizes, the weights and the places of the rows."""
    sizes = at + n_planes * across
    for i in range(at, sizes + n_planes):
        table[i] = 0
    for row in range(weights.size):
        table[sizes + n_planes + row] = weights[row]
        table[sizes + n_planes + weights.size + row] = firsts[row]
        extra = weights[row] - 1
        for plane in range(n_planes):
            if (extra >> plane) & 1:
                table[at + plane * across + row // WORD] |= np.int64(1) << (row % WORD)
                table[sizes + plane] = row // WORD + 1


@kernel
def fill_slots(records: Int64Array, table: Int64Array, at: int, counts: int, n_later: int, across: int) -> None:
    """Write the slots of the later items, without their rows."""
    for i in range(n_later):
        slot = at + i * (across + BITS)
        table[slot], table[slot + 1] = i, records[counts + i]
        for w in range(BITS, across + BITS):
            table[slot + w] = 0


@kernel
def mark_rows(records: Int64Array, table: Int64Array, at: int, firsts: Int64Array, across: int) -> None:
    """Set the bits of the rows of a sparse room."""
    for row in range(firsts.size):
        first = firsts[row]
        bit = np.int64(1) << (row % WORD)
        for entry in range(first, first + records[first - 2]):
            table[at + records[entry] * (across + BITS) + BITS + row // WORD] |= bit


@kernel
def copy_bits(
    records: Int64Array, start: int, table: Int64Array, at: int, n_later: int, n_earlier: int, across: int
) -> None:
    """Copy the bit sets of a dense room."""
    for i in range(n_later):
        for w in range(across):
            table[at + i * (across + BITS) + BITS + w] = records[start + i * across + w]
    at += n_later * (across + BITS)
    start += n_later * across
    for w in range(n_earlier * across):
        table[at + w] = records[start + w]


@kernel
def furnish_one(records: Int64Array, start: int, table: Int64Array, used: int) -> tuple[Int64Array, int]:
    """Write the table of the record at `start`, which has a room. Return the tables and the end of the record."""
    length, n_later, n_earlier = records[start], records[start + N_LATER], records[start + N_EARLIER]
    n_rows = records[start + N_ROWS]
    across = (n_rows + WORD - 1) // WORD
    at = start + HEAD + length + 2 * n_later
    if n_earlier < 0:
        weights, firsts = find_rows(records, at, n_rows)
    else:
        weights = firsts = records[at : at + n_rows]
    n_planes = count_planes(weights)
    size = length + n_later + n_planes * (across + 1) + 2 * n_rows + n_later * (across + BITS)
    table = grown(table, used + HEAD, TABLE_HEAD + size + max(n_earlier, 0) * across)
    for i in range(length + n_later):
        table[used + TABLE_HEAD + i] = records[start + HEAD + i]
    table[used + CORE], table[used + ACROSS], table[used + IS_SPARSE] = records[start + HEAD], across, n_earlier < 0
    table[used + N_PLANES] = n_planes
    side = used + TABLE_HEAD + length + n_later
    slots = side + n_planes * (across + 1) + 2 * n_rows
    fill_side(table, side, weights, firsts, n_planes, across)
    fill_slots(records, table, slots, start + HEAD + length + n_later, n_later, across)
    if n_earlier < 0:
        mark_rows(records, table, slots, firsts, across)
        while n_rows > 0:
            at += ROW_HEAD + records[at + 3] + 1
            n_rows -= 1
        table[used + NEXT] = used + TABLE_HEAD + size
        return table, at
    copy_bits(records, at + n_rows, table, slots, n_later, n_earlier, across)
    table[used + NEXT] = used + TABLE_HEAD + size + n_earlier * across
    return table, at + n_rows + (n_later + n_earlier) * across


@kernel
def furnish(records: Int64Array) -> Int64Array:
    """Return the tables of all records."""
    table = np.empty(64, np.int64)
    at = used = 0
    while at < records.size:
        length = records[at]
        table = grown(table, used, TABLE_HEAD + length)
        for i in range(HEAD):
            table[used + i] = records[at + i]
        if records[at + N_LATER] > 0:
            table, at = furnish_one(records, at, table, used)
        else:
            for i in range(length):
                table[used + TABLE_HEAD + i] = records[at + HEAD + i]
            table[used + NEXT] = used + TABLE_HEAD + length
            at += HEAD + length
        used = table[used + NEXT]
    return table[:used]
