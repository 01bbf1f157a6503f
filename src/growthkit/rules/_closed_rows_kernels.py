"""Kernels around the mining of closed, maximal and generator itemsets: rows made ready, itemsets put in order.

Items go by rank here: the rarest frequent item is 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core.jit import kernel
from ..typing import BoolArray, Int32Array, Int64Array


@kernel
def weigh_items(indptr: Int64Array, codes: Int32Array, weights: Int64Array, n_items: int) -> Int64Array:
    """Return how much the rows with each item weigh."""
    counts = np.zeros(n_items, np.int64)
    for row in range(indptr.size - 1):
        for at in range(indptr[row], indptr[row + 1]):
            counts[codes[at]] += weights[row]
    return counts


@kernel
def keep_frequent(indptr: Int64Array, codes: Int32Array, ranks: Int32Array) -> tuple[Int64Array, Int32Array]:
    """Return the rows with ranks for codes, without the items whose rank is negative."""
    ends = np.zeros(indptr.size, np.int64)
    kept = np.empty(codes.size, np.int32)
    size = 0
    for row in range(indptr.size - 1):
        for at in range(indptr[row], indptr[row + 1]):
            rank = ranks[codes[at]]
            kept[size] = rank
            size += rank >= 0
        ends[row + 1] = size
    return ends, kept[:size].copy()


@kernel
def turn(indptr: Int64Array, codes: Int32Array, n_codes: int) -> tuple[Int64Array, Int32Array]:
    """Return the rows of each code, ascending. Turning twice sorts the codes within each row."""
    starts = np.zeros(n_codes + 1, np.int64)
    for at in range(codes.size):
        starts[codes[at] + 1] += 1
    for code in range(n_codes):
        starts[code + 1] += starts[code]
    slots = starts[:-1].copy()
    members = np.empty(codes.size, np.int32)
    for row in range(indptr.size - 1):
        for at in range(indptr[row], indptr[row + 1]):
            code = codes[at]
            members[slots[code]] = row
            slots[code] += 1
    return starts, members


@kernel
def hash_row(codes: Int32Array, start: int, stop: int) -> Any:
    """Return a hash of a row."""
    mixed = np.uint64(stop - start)
    for at in range(start, stop):
        mixed = (mixed ^ np.uint64(codes[at] + 1)) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    return np.int64(mixed >> np.uint64(1))


@kernel
def same_row(codes: Int32Array, start: Any, stop: Any, other: Any, other_stop: Any) -> bool:
    """Return whether two rows hold the same codes."""
    if stop - start != other_stop - other:
        return False
    step = 0
    while step < stop - start and codes[start + step] == codes[other + step]:
        step += 1
    return step == stop - start


@kernel
def merge_rows(indptr: Int64Array, codes: Int32Array, weights: Int64Array) -> tuple[Int64Array, Int32Array, Int64Array]:
    """Return each distinct row that is not empty once, with the weight of all its copies, in order of first sight."""
    mask = 1
    while mask < 2 * indptr.size:
        mask *= 2
    mask -= 1
    table = np.full(mask + 1, -1, np.int32)
    ends = np.zeros(indptr.size, np.int64)
    merged = np.empty(codes.size, np.int32)
    totals = np.empty(weights.size, np.int64)
    n = 0
    for row in range(indptr.size - 1):
        start, stop = indptr[row], indptr[row + 1]
        if start == stop or weights[row] == 0:
            continue
        size = ends[n]
        merged[size : size + stop - start] = codes[start:stop]
        slot = hash_row(codes, start, stop) & mask
        while table[slot] >= 0:
            seen = table[slot]
            if same_row(merged, ends[seen], ends[seen + 1], size, size + stop - start):
                totals[seen] += weights[row]
                break
            slot = (slot + 1) & mask
        if table[slot] < 0:
            table[slot] = n
            totals[n] = weights[row]
            n += 1
            ends[n] = size + stop - start
    return ends[: n + 1].copy(), merged[: ends[n]].copy(), totals[:n].copy()


@kernel
def lay_out(indptr: Int64Array, codes: Int32Array, n_items: int) -> tuple[Int32Array, Int64Array, Int32Array]:
    """Return the rows with ``-1 - r`` after row r and -1 before the first, and where each item stands.

    Row r begins at ``indptr[r] + r + 1``.

    Item i stands at ``places[starts[i]:starts[i + 1]]``.
    """
    entries = np.full(codes.size + indptr.size, -1, np.int32)
    starts = np.zeros(n_items + 1, np.int64)
    for code in codes:
        starts[code + 1] += 1
    for item in range(n_items):
        starts[item + 1] += starts[item]
    slots = starts[:-1].copy()
    places = np.empty(codes.size, np.int32)
    for row in range(indptr.size - 1):
        for at in range(indptr[row], indptr[row + 1]):
            code, place = codes[at], at + row + 1
            entries[place] = code
            places[slots[code]] = place
            slots[code] += 1
        entries[indptr[row + 1] + row + 1] = -1 - row
    return entries, starts, places


@kernel
def unpack(out: Int64Array, n_sets: int, size: int) -> tuple[Int32Array, Int64Array, Int64Array]:
    """Return items, ends and counts of itemsets that are written as count, length and items each."""
    codes, ends, counts = np.empty(size - 2 * n_sets, np.int32), np.empty(n_sets, np.int64), np.empty(n_sets, np.int64)
    at = end = 0
    for itemset in range(n_sets):
        counts[itemset] = out[at]
        for i in range(out[at + 1]):
            codes[end + i] = out[at + 2 + i]
        end += out[at + 1]
        at += 2 + out[at + 1]
        ends[itemset] = end
    return codes, ends, counts


@kernel
def name_items(codes: Int32Array, ends: Int64Array, items: Int32Array) -> None:
    """Replace ranks by the codes in `items`, in place, ascending within each itemset."""
    start = 0
    for end in ends:
        for at in range(start, end):
            code = items[codes[at]]
            left = at
            while left > start and codes[left - 1] > code:
                codes[left] = codes[left - 1]
                left -= 1
            codes[left] = code
        start = end


@kernel
def most_specific(
    codes: Int32Array, ends: Int64Array, starts: Int64Array, ancestors: Int32Array
) -> tuple[Int32Array, Int64Array]:
    """Return the itemsets without the ancestors of their own items, and where each ends.

    The ancestors of item i are ``ancestors[starts[i]:starts[i + 1]]``.
    """
    is_above = np.zeros(starts.size, np.bool_)
    kept = np.empty(codes.size, np.int32)
    kept_ends = np.empty(ends.size, np.int64)
    size = start = 0
    for itemset in range(ends.size):
        members = codes[start : ends[itemset]]
        start = ends[itemset]
        for code in members:
            is_above[ancestors[starts[code] : starts[code + 1]]] = True
        for code in members:
            kept[size] = code
            size += not is_above[code]
        kept_ends[itemset] = size
        for code in members:
            is_above[ancestors[starts[code] : starts[code + 1]]] = False
    return kept[:size].copy(), kept_ends


@kernel
def keep_generators(
    codes: Int32Array, ends: Int64Array, counts: Int64Array, longest: int
) -> tuple[Int32Array, Int64Array, Int64Array]:
    """Return the itemsets that are still rarer without their first item, in the same order.

    That rest has to be such an itemset itself; so they are looked at from short to long.
    """
    mask = 1
    while mask < 2 * ends.size + 2:
        mask *= 2
    mask -= 1
    table = np.full(mask + 1, -1, np.int64)
    kept = np.zeros(ends.size, np.bool_)
    n_kept = n_codes = 0
    for length in range(1, longest + 1):
        for itemset in range(ends.size):
            start, stop = ends[itemset - 1] if itemset > 0 else 0, ends[itemset]
            if stop - start != length:
                continue
            if length > 1:
                slot = hash_row(codes, start + 1, stop) & mask
                while table[slot] >= 0 and not same_row(
                    codes, start + 1, stop, ends[table[slot]] - length + 1, ends[table[slot]]
                ):
                    slot = (slot + 1) & mask
                if table[slot] < 0 or counts[table[slot]] == counts[itemset]:
                    continue
            slot = hash_row(codes, start, stop) & mask
            while table[slot] >= 0:
                slot = (slot + 1) & mask
            table[slot] = itemset
            kept[itemset] = True
            n_kept += 1
            n_codes += length
    return copy_kept(codes, ends, counts, kept, n_kept, n_codes)


@kernel
def copy_kept(
    codes: Int32Array, ends: Int64Array, counts: Int64Array, kept: BoolArray, n_kept: int, n_codes: int
) -> tuple[Int32Array, Int64Array, Int64Array]:
    """Return the itemsets marked as kept."""
    new_codes, new_ends = np.empty(n_codes, np.int32), np.empty(n_kept, np.int64)
    new_counts = np.empty(n_kept, np.int64)
    n = size = 0
    for itemset in range(ends.size):
        if not kept[itemset]:
            continue
        for at in range(ends[itemset - 1] if itemset > 0 else 0, ends[itemset]):
            new_codes[size] = codes[at]
            size += 1
        new_ends[n] = size
        new_counts[n] = counts[itemset]
        n += 1
    return new_codes, new_ends, new_counts
