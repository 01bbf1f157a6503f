"""Kernels that cut the search for closed, maximal and generator itemsets into rooms, one below each item.

A room holds the rows with the item, and what the search below it needs: the items by which its itemsets may grow (the
later ones), and those by which they must not (the earlier ones, below which such itemsets are found). Items go by rank,
the rarest first. An item whose rows all hold an earlier item has no room: everything below it is found below that item,
too (prefix-preserving closure extension [1]_).

Where the data are dense, a room is a table of bit sets of rows, one for each item, and rows with the same later items
are merged: of their earlier items those stay that all of them hold [1]_ (not so for maximal itemsets, where they are
counted). Elsewhere it is a list of rows.

References
----------
.. [1] Uno, T., Kiyomi, M. and Arimura, H. (2004). LCM ver. 2: efficient mining algorithms for frequent/closed/maximal
   itemsets. FIMI '04, CEUR Workshop Proceedings 126.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np

from .._core.jit import kernel
from ..typing import AnyArray, Int32Array, Int64Array

Head: TypeAlias = "tuple[int, int, int, int, int]"

CLOSED, MAXIMAL, GENERATORS = 0, 1, 2

WORD = 64
"""Rows of a bit set's word; also the most items by which a dense room may grow."""

LENGTH, N_LATER, N_EARLIER, N_ROWS, COUNT, HEAD = 0, 1, 2, 3, 4, 5
"""The head of a record: sizes of what follows it, and the count of the itemset.

Then come the itemset, the later items and their counts. A dense record goes on with the weights of the rows and the bit
sets of later and earlier items. A sparse one, whose `N_EARLIER` is -1, goes on with rows: weight, sign, how many later
items, how many items in all; the numbers of the later items, ascending; those of the earlier ones, which are how far
they are before the item of the room, negative, descending; and `LAST`. The sign has the bits of the earlier items,
modulo 64."""

ROW_HEAD = 4
LAST = -(2**62)

WEIGHT, SLOT, TOUCHED, LATER, EARLIER, N_LINES = 0, 1, 2, 3, 4, 5
"""Lines of the working space. The first two go by item, the others are lists of items."""


class Rows(NamedTuple):
    """Rows of items in ascending order, one after another: after row r stands ``-1 - r``, before the first -1.

    There are `n`, of at most `longest` items. `weights` is empty where all of them are 1. `counts` holds the weight of
    the rows with each item.
    """

    n: int
    longest: int
    entries: Int32Array
    weights: Int64Array
    counts: Int64Array


class Rule(NamedTuple):
    """What is looked for; `limit` is the number of itemsets after which to give up."""

    kind: int
    total: int
    min_count: int
    min_len: int
    max_len: int
    limit: int


@kernel
def grown(buffer: AnyArray, used: int, more: int) -> AnyArray:
    """Return `buffer`, or a longer copy where `more` entries do not fit after the first `used`."""
    if used + more <= buffer.size:
        return buffer
    longer = np.empty(max(2 * buffer.size, used + more), buffer.dtype)
    longer[:used] = buffer[:used]
    return longer


@kernel
def new_scratch(n_items: int) -> Int64Array:
    """Return clean working space."""
    scratch = np.zeros((N_LINES, n_items + 1), np.int64)
    scratch[SLOT] = -1
    return scratch


@kernel
def weight_at(entries: Int32Array, weights: Int64Array, at: int) -> Any:
    """Return the weight of the row in which an entry stands; `weights` is empty where all are 1."""
    if weights.size == 0:
        return 1
    while entries[at] >= 0:
        at += 1
    return weights[-1 - entries[at]]


@kernel
def scan(entries: Int32Array, weights: Int64Array, here: Int32Array, step: int, scratch: Int64Array, seen: int) -> int:
    """Count the items that stand after (`step` 1) or before (-1) the places; return the number of items seen."""
    for place in here:
        weight = weight_at(entries, weights, place)
        at = place + step
        item = entries[at]
        while item >= 0:
            scratch[TOUCHED, seen] = item
            seen += scratch[WEIGHT, item] == 0
            scratch[WEIGHT, item] += weight
            at += step
            item = entries[at]
    return seen


@kernel
def clean(scratch: Int64Array, seen: int) -> None:
    """Forget the items seen."""
    for i in range(seen):
        item = scratch[TOUCHED, i]
        scratch[WEIGHT, item] = 0
        scratch[SLOT, item] = -1


@kernel
def is_covered(entries: Int32Array, here: Int32Array, scratch: Int64Array) -> bool:
    """Return whether an item stands before all of the places."""
    n = 0
    at = here[0] - 1
    while entries[at] >= 0:
        scratch[EARLIER, n] = entries[at]
        n += 1
        at -= 1
    for i in range(1, here.size):
        at = here[i] - 1
        kept = 0
        for j in range(n):
            item = scratch[EARLIER, j]
            while entries[at] > item:
                at -= 1
            scratch[EARLIER, kept] = item
            kept += entries[at] == item
        n = kept
        if n == 0:
            return False
    return n > 0


@kernel
def sort_items(items: Int64Array, n: int, keys: Int64Array) -> None:
    """Sort ``items[:n]`` by key, then by rank, in place (shell sort)."""
    gap = 1
    while gap < n:
        gap = 3 * gap + 1
    while gap > 1:
        gap //= 3
        for i in range(gap, n):
            item = items[i]
            j = i
            while j >= gap and (
                keys[items[j - gap]] > keys[item] or (keys[items[j - gap]] == keys[item] and items[j - gap] > item)
            ):
                items[j] = items[j - gap]
                j -= gap
            items[j] = item


@kernel
def list_later(rows: Rows, rule: Rule, scratch: Int64Array, path: Int64Array, count: int, seen: int) -> tuple[int, int]:
    """List the items by which the itemset ``path[:1]`` may grow, by rank; those in all its rows join the path.

    Return the new length of the path, and the number of items listed.
    """
    length, n_later = 1, 0
    for i in range(seen):
        item = scratch[TOUCHED, i]
        weight = scratch[WEIGHT, item]
        if weight < rule.min_count:
            continue
        if weight < count:
            scratch[LATER, n_later] = item
            n_later += rule.kind != GENERATORS or weight < rows.counts[item]
        elif rule.kind != GENERATORS:
            path[length] = item
            length += 1
    sort_items(scratch[LATER], n_later, scratch[SLOT])
    return length, n_later


@kernel
def list_earlier(min_count: int, scratch: Int64Array, first: int, seen: int) -> int:
    """List the frequent ones of the items seen from `first` on; return their number."""
    n_earlier = 0
    for i in range(first, seen):
        item = scratch[TOUCHED, i]
        scratch[EARLIER, n_earlier] = item
        n_earlier += scratch[WEIGHT, item] >= min_count
    return n_earlier


@kernel
def open_record(
    out: Int64Array, used: int, scratch: Int64Array, path: Int64Array, head: Head, more: int
) -> tuple[Int64Array, int]:
    """Write a record up to the counts of its later items, and make place for `more` numbers.

    Return the output, and where the record goes on.
    """
    length, n_later = head[LENGTH], head[N_LATER]
    out = grown(out, used, HEAD + length + 2 * n_later + more)
    for i in range(HEAD):
        out[used + i] = head[i]
    used += HEAD
    for i in range(length):
        out[used + i] = path[i]
    used += length
    for i in range(n_later):
        out[used + i] = scratch[LATER, i]
        out[used + n_later + i] = scratch[WEIGHT, scratch[LATER, i]]
    return out, used + 2 * n_later


@kernel
def gather(rows: Rows, here: Int32Array, scratch: Int64Array, n_items: int) -> tuple[Int64Array, Int64Array]:
    """Return the node's rows as bit sets of the items that have a slot, and their weights."""
    across = (n_items + WORD - 1) // WORD
    table = np.zeros((here.size, across), np.int64)
    weights = np.empty(here.size, np.int64)
    for i in range(here.size):
        weights[i] = weight_at(rows.entries, rows.weights, here[i])
        for step in (-1, 1):
            at = here[i] + step
            item = rows.entries[at]
            while item >= 0:
                slot = scratch[SLOT, item]
                if slot >= 0:
                    table[i, slot // WORD] |= np.int64(1) << (slot % WORD)
                at += step
                item = rows.entries[at]
    return table, weights


@kernel
def merge_table(table: Int64Array, weights: Int64Array, n_later: int) -> int:
    """Merge rows that hold the same later items, in place; of their earlier items those stay that all of them hold.

    Later items have the lowest slots, at most 64. Return the number of rows left.
    """
    mask = 1
    while mask < 2 * weights.size:
        mask *= 2
    mask -= 1
    places = np.full(mask + 1, -1, np.int64)
    ours = np.int64(-1) if n_later == WORD else (np.int64(1) << n_later) - 1
    n = 0
    for row in range(weights.size):
        word = table[row, 0] & ours
        place = ((word * 0x1E3779B97F4A7C15) >> 31) & mask
        while places[place] >= 0 and table[places[place], 0] & ours != word:
            place = (place + 1) & mask
        seen = places[place]
        if seen >= 0:
            weights[seen] += weights[row]
            for w in range(table.shape[1]):
                table[seen, w] &= table[row, w]
        else:
            places[place] = n
            weights[n] = weights[row]
            for w in range(table.shape[1]):
                table[n, w] = table[row, w]
            n += 1
    return n


@kernel
def order_rows(weights: Int64Array) -> Int64Array:
    """Return the rows by the number of bits of their weights, largest first."""
    slots = np.zeros(WORD + 1, np.int64)
    bits = np.zeros(weights.size, np.int64)
    for row in range(weights.size):
        while weights[row] >> bits[row] > 0:
            bits[row] += 1
        slots[bits[row] - 1] += 1
    for n_bits in range(WORD - 1, -1, -1):
        slots[n_bits] += slots[n_bits + 1]
    ordered = np.empty(weights.size, np.int64)
    for row in range(weights.size):
        ordered[slots[bits[row]]] = row
        slots[bits[row]] += 1
    return ordered


@kernel
def write_dense(out: Int64Array, used: int, table: Int64Array, weights: Int64Array, n_items: int) -> int:
    """Write the weights of a table's rows and its columns as bit sets; return the end of the output."""
    across = (weights.size + WORD - 1) // WORD
    start = used + weights.size
    stop = start + n_items * across
    out[start:stop] = 0
    ordered = order_rows(weights)
    for i in range(ordered.size):
        row = ordered[i]
        out[used + i] = weights[row]
        for slot in range(n_items):
            bit = (table[row, slot // WORD] >> (slot % WORD)) & 1
            out[start + slot * across + i // WORD] |= bit << (i % WORD)
    return stop


@kernel
def dense_room(
    rows: Rows,
    rule: Rule,
    out: Int64Array,
    used: int,
    scratch: Int64Array,
    here: Int32Array,
    path: Int64Array,
    head: Head,
) -> tuple[Int64Array, int]:
    """Write the record of a dense room. Return the output and its end."""
    length, n_later, n_earlier, _, count = head
    sort_items(scratch[LATER], n_later, scratch[SLOT if rule.kind == GENERATORS else WEIGHT])
    for i in range(n_later):
        scratch[SLOT, scratch[LATER, i]] = i
    for i in range(n_earlier):
        scratch[SLOT, scratch[EARLIER, i]] = n_later + i
    table, weights = gather(rows, here, scratch, n_later + n_earlier)
    if rule.kind != MAXIMAL:
        weights = weights[: merge_table(table, weights, n_later)]
    more = weights.size + (weights.size + WORD - 1) // WORD * (n_later + n_earlier)
    head = (length, n_later, n_earlier, weights.size, count)
    out, used = open_record(out, used, scratch, path, head, more)
    return out, write_dense(out, used, table, weights, n_later + n_earlier)


@kernel
def sparse_room(
    rows: Rows,
    rule: Rule,
    out: Int64Array,
    used: int,
    scratch: Int64Array,
    here: Int32Array,
    path: Int64Array,
    head: Head,
) -> tuple[Int64Array, int]:
    """Write the record of a sparse room, with the rows that hold a later item. Return the output and its end.

    Where maximal itemsets are looked for, only the frequent ones of the earlier items are written.
    """
    n_later, core = head[N_LATER], path[0]
    entries = rows.entries
    for i in range(n_later):
        scratch[SLOT, scratch[LATER, i]] = i
    start = used
    out, used = open_record(out, used, scratch, path, head, 0)
    n_rows, most = 0, ROW_HEAD + rows.longest + 1
    for place in here:
        if used + most > out.size:
            out = grown(out, used, most)
        size = used + ROW_HEAD
        at = place + 1
        while entries[at] >= 0:
            out[size] = scratch[SLOT, entries[at]]
            size += out[size] >= 0
            at += 1
        if size == used + ROW_HEAD:
            continue
        out[used] = rows.weights[-1 - entries[at]] if rows.weights.size > 0 else 1
        out[used + 2] = size - used - ROW_HEAD
        sign, at = 0, place - 1
        while rule.kind != GENERATORS and entries[at] >= 0:
            item = entries[at] - core
            out[size] = item
            size += rule.kind == CLOSED or scratch[WEIGHT, entries[at]] >= rule.min_count
            sign |= np.int64(1) << (item & (WORD - 1))
            at -= 1
        out[used + 1] = sign
        out[used + 3] = size - used - ROW_HEAD
        out[size] = LAST
        used = size + 1
        n_rows += 1
    out[start + N_ROWS] = n_rows
    return out, used


@kernel
def is_dense(rows: Rows, n_later: int) -> bool:
    """Whether a room is worth its bits: few items, of which an eighth are in a row."""
    n_entries = rows.entries.size - rows.n
    return n_later <= WORD and 8 * n_entries >= rows.n * rows.counts.size


@kernel
def divide(rows: Rows, starts: Int64Array, places: Int32Array, rule: Rule, first: int, last: int) -> Int64Array:
    """Return the records of the items from `first` to `last`. Item i stands at ``places[starts[i]:starts[i + 1]]``."""
    n_items = rows.counts.size
    used = 0
    out = np.empty(64, np.int64)
    scratch = new_scratch(n_items)
    path = np.empty(n_items, np.int64)
    for item in range(first, last):
        here = places[starts[item] : starts[item + 1]]
        count = rows.counts[item]
        path[0] = item
        if count == rule.total if rule.kind == GENERATORS else is_covered(rows.entries, here, scratch):
            continue
        seen = seen_later = scan(rows.entries, rows.weights, here, 1, scratch, 0)
        length, n_later = list_later(rows, rule, scratch, path, count, seen)
        grows = n_later > 0 and length < rule.max_len
        dense = is_dense(rows, n_later)
        n_earlier = 0
        if rule.kind == MAXIMAL or (rule.kind == CLOSED and dense and grows):
            seen = scan(rows.entries, rows.weights, here, -1, scratch, seen)
            n_earlier = list_earlier(rule.min_count, scratch, seen_later, seen)
        if grows and dense:
            out, used = dense_room(rows, rule, out, used, scratch, here, path, (length, n_later, n_earlier, 0, count))
        elif grows:
            out, used = sparse_room(rows, rule, out, used, scratch, here, path, (length, n_later, -1, 0, count))
        elif rule.kind != MAXIMAL or n_later + n_earlier == 0:
            out, used = open_record(out, used, scratch, path, (length, 0, 0, 0, count), 0)
        clean(scratch, seen)
    return out[:used]
