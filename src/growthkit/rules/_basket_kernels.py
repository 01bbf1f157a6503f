"""Kernels that make baskets ready for mining: count items; recode, merge and sort baskets; list where items stand."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core.instructions import lowest_one
from .._core.jit import kernel
from ..typing import AnyArray, Int32Array, Int64Array

TRIAL = 4096
"""Baskets after which merging is undone where it does not pay."""

SHORT = 48
"""Baskets up to this length are sorted by comparing all pairs, which needs no branches."""

MIX = np.uint64(0x9E3779B97F4A7C15)
"""2**64 over the golden ratio: multiplying by it spreads keys (Knuth's multiplicative hashing)."""


@kernel
def weigh_items(indptr: Int64Array, codes: Int32Array, weights: AnyArray, counts: Int64Array) -> None:
    """Add each basket's weight (1 where `weights` is empty) to the counts of its items."""
    if weights.size == 0:
        for i in range(indptr[0], indptr[-1]):
            counts[codes[i]] += 1
        return
    for row in range(indptr.size - 1):
        for i in range(indptr[row], indptr[row + 1]):
            counts[codes[i]] += weights[row]


@kernel
def sort_basket(codes: AnyArray, start: Any, stop: Any, scratch: Int32Array) -> None:
    """Sort distinct codes."""
    length = stop - start
    if length <= SHORT:
        for i in range(length):
            scratch[i] = codes[start + i]
        for i in range(length):
            place = start
            for j in range(length):
                place += scratch[j] < scratch[i]
            codes[place] = scratch[i]
        return
    gap = 1
    while gap < length // 3:
        gap = 3 * gap + 1
    while gap:
        for i in range(start + gap, stop):
            code = codes[i]
            j = i
            while j >= start + gap and codes[j - gap] > code:
                codes[j] = codes[j - gap]
                j -= gap
            codes[j] = code
        gap //= 3


@kernel
def find_equal(out: AnyArray, out_indptr: Int64Array, n: Any, stop: Any, table: Int32Array) -> Any:
    """Return the slot of a basket equal to number n, which ends at `stop`, or the free slot where n belongs."""
    start = out_indptr[n]
    mask = np.uint64(table.size - 1)
    key = np.uint64(0)
    for i in range(start + 1, stop):
        key = (key ^ np.uint64(out[i])) * MIX
        key ^= key >> np.uint64(32)
    slot = key & mask
    while table[slot] >= 0:
        other = out_indptr[table[slot]]
        i = 1
        if out_indptr[table[slot] + 1] - other == stop - start:
            while start + i < stop and out[other + i] == out[start + i]:
                i += 1
            if start + i == stop:
                break
        slot = (slot + np.uint64(1)) & mask
    return np.int64(slot)


@kernel
def recode(
    indptr: Int64Array,
    codes: Int32Array,
    weights: AnyArray,
    rank: Int32Array,
    table: Int32Array,
    out_indptr: Int64Array,
    out: AnyArray,
) -> Any:
    """Write each basket's weight and the ranks of its frequent items; leave out baskets of under two.

    Equal baskets are merged if many of the first are equal. `table` is a hash table with a power of 2 of slots, all -1.
    Basket b stands from ``out_indptr[b]`` to ``out_indptr[b + 1]``. Returns how many there are.
    """
    merging, row, seen, n, used = True, 0, 0, np.int64(0), np.int64(0)
    while row < indptr.size - 1:
        stop = used + 1
        for i in range(indptr[row], indptr[row + 1]):
            code = rank[codes[i]]
            out[stop] = code
            stop += code >= 0
        row += 1
        if stop - used < 3:
            continue
        weight = np.int64(1) if weights.size == 0 else weights[row - 1]
        if merging:
            seen += 1
            slot = find_equal(out, out_indptr, n, stop, table)
            if table[slot] >= 0:
                out[out_indptr[table[slot]]] += weight
                continue
            table[slot] = n
            if seen > TRIAL and n * 10 > TRIAL * 9:
                merging, row, n, used = False, 0, np.int64(0), np.int64(0)
                continue
        out[used] = weight
        used = stop
        n += 1
        out_indptr[n] = used
    return n


@kernel
def sort_baskets(n: int, indptr: Int64Array, codes: AnyArray, sizes: Int64Array) -> None:
    """Sort the items of each basket; count in `sizes` the baskets of each item."""
    scratch = np.empty(SHORT, np.int32)
    for basket in range(n):
        start, stop = indptr[basket] + 1, indptr[basket + 1]
        sort_basket(codes, start, stop, scratch)
        for i in range(start, stop):
            sizes[codes[i]] += 1


@kernel
def list_places(n: int, indptr: Int64Array, codes: AnyArray, slots: Int64Array, places: AnyArray) -> None:
    """Note for each item where each of its baskets begins and where in it the item stands; `slots` is consumed."""
    for basket in range(n):
        begin = indptr[basket]
        for place in range(begin + 1, indptr[basket + 1]):
            code = codes[place]
            slot = slots[code]
            slots[code] = slot + 1
            places[slot, 0] = begin
            places[slot, 1] = place


@kernel
def split_baskets(
    n: int,
    split: int,
    width: int,
    indptr: Int64Array,
    codes: AnyArray,
    masks: AnyArray,
    tails: Int32Array,
    ends: AnyArray,
    weights: AnyArray,
    sizes: Int64Array,
) -> None:
    """Set the bits of the items below `split` in the masks of `width` words; write the others of a basket to its tail.

    Each tail is sorted; basket b's begins at ``ends[b]``. `weights` gets how often each basket counts unless it has no
    room, and `sizes` how many baskets hold each item.
    """
    scratch, used = np.empty(SHORT, np.int32), np.int64(0)
    for basket in range(n):
        start = used
        if weights.size:
            weights[basket] = codes[indptr[basket]]
        for i in range(indptr[basket] + 1, indptr[basket + 1]):
            code = codes[i]
            frequent = code < split
            sizes[code] += 1
            masks[basket * width + (code >> 6) * frequent] |= np.uint64(frequent) << np.uint64(code & 63)
            tails[used] = code
            used += not frequent
        if used - start > 1:
            sort_basket(tails, start, used, scratch)
        ends[basket + 1] = used


@kernel
def list_owners(
    n: int,
    width: int,
    first: int,
    masks: AnyArray,
    tails: Int32Array,
    ends: AnyArray,
    slots: Int64Array,
    owners: AnyArray,
    depths: AnyArray,
    before: Int64Array,
) -> None:
    """Note for each item the baskets that hold it; `slots` is consumed, and masks have `width` words.

    For what stands in tails, write to `depths`, which begin with slot `first`, how many items are before it, and add
    these to `before`.
    """
    most = np.int64(255)
    for basket in range(n):
        for word in range(width):
            left = masks[basket * width + word]
            while left:
                code = 64 * word + np.int64(lowest_one(left))
                left &= left - np.uint64(1)
                slot = slots[code]
                slots[code] = slot + 1
                owners[slot] = basket
        start = np.int64(ends[basket])
        for place in range(start, np.int64(ends[basket + 1])):
            code = tails[place]
            slot = slots[code]
            slots[code] = slot + 1
            owners[slot] = basket
            depths[slot - first] = min(place - start, most)
            before[code] += place - start
