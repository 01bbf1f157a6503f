"""Kernels of the shared room: passes over ids, and the stable counting sort behind `Ragged`."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..typing import AnyArray, Int32Array, Int64Array
from .jit import kernel

INSERTION = 16
"""Runs of this length are sorted by insertion before merging."""


@kernel
def extent(values: AnyArray, start: int, stop: int) -> tuple[int, int]:
    """Return the smallest and the largest of ``values[start:stop]``, which must not be empty."""
    low = high = values[start]
    for i in range(start + 1, stop):
        low = min(low, values[i])
        high = max(high, values[i])
    return low, high


@kernel
def tally(keys: AnyArray, low: int, counts: AnyArray, start: int, stop: int) -> None:
    """Add to ``counts[key - low]`` for each key of ``keys[start:stop]``."""
    for i in range(start, stop):
        counts[keys[i] - low] += 1


@kernel
def look_up(keys: AnyArray, low: int, table: Int32Array, out: Int32Array, start: int, stop: int) -> None:
    """Set ``out[i] = table[keys[i] - low]`` for i from start to stop."""
    for i in range(start, stop):
        out[i] = table[keys[i] - low]


@kernel
def place(rows: Int32Array, slots: Int64Array, order: AnyArray, start: int, stop: int) -> None:
    """Write each entry's number to the next free slot of its row; `slots` is consumed."""
    for i in range(start, stop):
        slot = slots[rows[i]]
        slots[rows[i]] = slot + 1
        order[slot] = i


@kernel
def insert_sorted(order: AnyArray, times: Int64Array, start: int, stop: int) -> None:
    """Sort ``order[start:stop]`` by time, stably, by insertion."""
    for i in range(start + 1, stop):
        entry = order[i]
        j = i
        while j > start and times[order[j - 1]] > times[entry]:
            order[j] = order[j - 1]
            j -= 1
        order[j] = entry


@kernel
def merge_runs(order: AnyArray, times: Int64Array, start: int, middle: int, stop: int, scratch: AnyArray) -> None:
    """Merge two neighbouring sorted runs of `order`; the left one wins ties."""
    left, right = start, middle
    for slot in range(stop - start):
        take_right = left == middle or (right < stop and times[order[right]] < times[order[left]])
        if take_right:
            scratch[slot] = order[right]
            right += 1
        else:
            scratch[slot] = order[left]
            left += 1
    order[start:stop] = scratch[: stop - start]


@kernel
def sort_run(order: AnyArray, times: Int64Array, start: int, stop: int, scratch: AnyArray) -> None:
    """Sort ``order[start:stop]`` by time, stably, bottom-up."""
    for left in range(start, stop, INSERTION):
        insert_sorted(order, times, left, min(left + INSERTION, stop))
    width = INSERTION
    while width < stop - start:
        for left in range(start, stop - width, 2 * width):
            merge_runs(order, times, left, left + width, min(left + 2 * width, stop), scratch)
        width *= 2


@kernel
def order_rows(indptr: Int64Array, order: AnyArray, times: Int64Array, first_row: int, last_row: int) -> None:
    """Put the entries of each row from `first_row` to `last_row` in time order; ties keep their order."""
    longest = 0
    for row in range(first_row, last_row):
        longest = max(longest, indptr[row + 1] - indptr[row])
    scratch = np.empty(longest, order.dtype)
    for row in range(first_row, last_row):
        start, stop = indptr[row], indptr[row + 1]
        for i in range(start + 1, stop):
            if times[order[i - 1]] > times[order[i]]:
                sort_run(order, times, start, stop, scratch)
                break


@kernel
def hash_text(one: Any, two: Any, shift: int) -> Any:
    """Return where in a hash table of 2^(64 - shift) slots to look first for a text."""
    return ((one ^ (two * np.uint64(0x9E3779B97F4A7C15))) * np.uint64(0xBF58476D1CE4E5B9)) >> np.uint64(shift)


@kernel
def learn_texts(
    views: AnyArray, known: AnyArray, numbers: Int32Array, shift: int, firsts: Int64Array, stop: int
) -> int:
    """Put the different texts of the first rows into a hash table; return how many there are.

    A text is two 64-bit words, as Arrow views it: its length in the low half of the first, and if it is so short, its
    bytes in the rest, padded with zeros; so equal words are equal texts. ``known[slot]`` are such words and
    ``numbers[slot]`` is the text's number, in order of appearance, or -1; there are at least twice as many slots as
    `firsts`, the first row of each text, holds. -1 is returned where one is longer than 12 bytes, or where more differ.
    """
    n_known = 0
    mask = np.uint64(numbers.size - 1)
    for i in range(stop):
        one, two = views[i, 0], views[i, 1]
        if (one & np.uint64(0xFFFFFFFF)) > np.uint64(12):
            return -1
        slot = hash_text(one, two, shift)
        while numbers[slot] >= 0 and (known[slot, 0] != one or known[slot, 1] != two):
            slot = (slot + np.uint64(1)) & mask
        if numbers[slot] < 0:
            if n_known == firsts.size:
                return -1
            known[slot, 0], known[slot, 1] = one, two
            numbers[slot] = n_known
            firsts[n_known] = i
            n_known += 1
    return n_known


@kernel
def look_up_texts(
    views: AnyArray, known: AnyArray, numbers: Int32Array, shift: int, codes: Int32Array, start: int, stop: int
) -> bool:
    """Write the number of each text to `codes`; return whether all were known, and stop where one is not.

    The words in free slots are those of no short text.
    """
    mask = np.uint64(numbers.size - 1)
    for i in range(start, stop):
        one, two = views[i, 0], views[i, 1]
        slot = hash_text(one, two, shift)
        while known[slot, 0] != one or known[slot, 1] != two:
            if numbers[slot] < 0:
                return False
            slot = (slot + np.uint64(1)) & mask
        codes[i] = numbers[slot]
    return True
