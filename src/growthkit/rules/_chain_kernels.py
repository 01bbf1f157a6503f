"""Compiled reading of patterns that extend one another, and of what stands inside what."""

from __future__ import annotations

import numpy as np

from .._core.jit import kernel
from ..typing import BoolArray, Int32Array, Int64Array

__all__ = ["fill_table", "mark_absorbed", "spell"]

NONE = -1


@kernel
def spell(
    parents: Int64Array, keys: Int64Array, n_items: int, indptr: Int64Array, codes: Int32Array, opens: BoolArray
) -> None:
    """Write the items of each pattern in order, and which of them have a key below `n_items`."""
    for pattern in range(parents.size):
        place, at = indptr[pattern + 1], pattern
        while at >= 0:
            place -= 1
            codes[place], opens[place] = keys[at] % n_items, keys[at] < n_items
            at = parents[at]


@kernel
def slot_of(parent: int, key: int, n_keys: int, table: Int64Array, parents: Int64Array, keys: Int64Array) -> int:
    """Return the slot of the hash table that holds this extension of `parent`, or the free one where it would stand."""
    mask = np.uint64(table.size - 1)
    hashed = np.uint64((parent + 1) * n_keys + key) * np.uint64(0x9E3779B97F4A7C15)
    slot = (hashed ^ (hashed >> np.uint64(32))) & mask
    while table[slot] != NONE and (parents[table[slot]] != parent or keys[table[slot]] != key):
        slot = (slot + np.uint64(1)) & mask
    return int(slot)


@kernel
def fill_table(parents: Int64Array, keys: Int64Array, n_keys: int, table: Int64Array) -> None:
    """Enter every pattern into a hash table of a power of 2 of slots, more than there are patterns, all -1."""
    for pattern in range(parents.size):
        table[slot_of(parents[pattern], keys[pattern], n_keys, table, parents, keys)] = pattern


@kernel
def mark_absorbed(
    parents: Int64Array,
    keys: Int64Array,
    counts: Int64Array,
    n_items: int,
    indptr: Int64Array,
    codes: Int32Array,
    opens: BoolArray,
    table: Int64Array,
    absorbed: BoolArray,
) -> None:
    """Mark each pattern that as many customers have as one with one item more."""
    for pattern in range(parents.size):
        first, stop = indptr[pattern], indptr[pattern + 1]
        for left_out in range(first, stop):
            at = NONE
            for p in range(first, stop):
                if p == left_out:
                    continue
                follows_opener = p == left_out + 1 and opens[left_out]
                key = codes[p] if opens[p] or follows_opener else n_items + codes[p]
                at = table[slot_of(at, key, 2 * n_items, table, parents, keys)]
                if at == NONE:
                    break
            if at != NONE and counts[at] == counts[pattern]:
                absorbed[at] = True
