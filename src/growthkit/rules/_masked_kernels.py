"""Kernels that make local databases of chosen extensions, as sets of bits, from baskets with masks.

The local database of an item has a set for each of its extensions, with a bit for each basket that holds the item and
two extensions at least. The masks of these baskets, turned by 90 degrees, are such sets.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core.instructions import prefetch
from .._core.jit import kernel
from ..typing import AnyArray, Int32Array, Int64Array
from ._instructions import BLOCK, LANES, copy_mask, turn_halfway, turn_rest

AHEAD = 12
"""How many baskets ahead memory is asked for."""


@kernel
def gather_rare(begin: Any, length: Any, used: Any, tails: Int32Array, desk: Any) -> Any:
    """Write the numbers of the extensions in the part of a tail to `codes` from `used` on; return where they end."""
    for place in range(begin, begin + length):
        number = desk.local[tails[place]]
        desk.codes[used] = number
        used += number >= 0
    return used


@kernel
def gather_baskets(item: int, low: int, kept: int, at: int, extensions: Int64Array, data: Any, desk: Any) -> Any:
    """Gather the extensions of `item`, of which `low` are in masks, from its baskets with two at least.

    Their masks are written to `rows`, and the numbers of the others to `codes`. Returns how many baskets these are.
    """
    owners, first, last = data.owners, data.starts[item], data.starts[item + 1]
    desk.limit[:] = 0
    for i in range(at, at + low):
        desk.limit[extensions[i, 0] >> 6] |= np.uint64(1) << np.uint64(extensions[i, 0] & 63)
    for i in range(low, kept):
        desk.local[extensions[at + i, 0]] = i
    n, used, spot = 0, np.int64(0), first - data.starts[data.split]
    for i in range(first, last):
        found, end = 0, used
        if low:
            prefetch(data.masks, np.int64(owners[min(i + AHEAD, last - 1)]) * LANES)
            found = copy_mask(data.masks, np.int64(owners[i]) * LANES, desk.limit, desk.rows, n * LANES)
        if kept > low:
            place = spot + i - first
            prefetch(data.tails, np.int64(data.spots[min(place + AHEAD, data.spots.shape[0] - 1), 0]))
            end = gather_rare(np.int64(data.spots[place, 0]), np.int64(data.spots[place, 1]), used, data.tails, desk)
        if data.weights.size:
            desk.weights[n] = data.weights[owners[i]]
        enough = found + end - used > 1
        used = end if enough else used
        n += enough
        desk.indptr[n] = used
    for i in range(low, kept):
        desk.local[extensions[at + i, 0]] = -1
    return n


@kernel
def pick(power: Any, n: int, desk: Any) -> int:
    """Copy the masks of the baskets in whose weight a power of 2 is, and note which these are."""
    m = 0
    desk.block[:LANES] = ~np.uint64(0)
    for basket in range(n):
        copy_mask(desk.rows, basket * LANES, desk.block, desk.picked, m * LANES)
        desk.order[m] = basket
        m += desk.weights[basket] >> power & 1
    return m


@kernel
def repeat(n: int, desk: Any) -> int:
    """Copy the mask of each basket as often as it counts, and note which these are."""
    m = 0
    desk.block[:LANES] = ~np.uint64(0)
    for basket in range(n):
        for _ in range(desk.weights[basket]):
            copy_mask(desk.rows, basket * LANES, desk.block, desk.picked, m * LANES)
            desk.order[m] = basket
            m += 1
    return m


@kernel
def lay_out(n: int, data: Any, desk: Any) -> tuple[Any, Any]:
    """Choose how baskets become bits: as many bits as they count, or a bit for each power of 2 in their weight.

    Returns the words of a set of bits, and the powers that have some, or 0 for the former.
    """
    if data.weights.size == 0:
        return (n + 63) >> 6, np.int64(0)
    total, powers, words = np.int64(0), np.int64(0), 0
    for basket in range(n):
        total += desk.weights[basket]
        powers |= desk.weights[basket]
    power = 0
    while powers >> power:
        having = 0
        for basket in range(n):
            having += desk.weights[basket] >> power & 1
        words += (having + 63) >> 6
        power += 1
    plain = (total + 63) >> 6
    return (plain, np.int64(0)) if plain <= words else (words, powers)


@kernel
def write_bits(
    masks: AnyArray,
    n: int,
    ordered: bool,
    low: int,
    kept: int,
    start: int,
    at: int,
    stride: int,
    extensions: Int64Array,
    desk: Any,
    bits: AnyArray,
) -> int:
    """Write the sets of bits of the extensions in `n` baskets, whose words stand side by side; return the words."""
    blocks = (n + 63) >> 6
    bits[at : at + blocks * stride] = 0
    if low:
        masks[n * LANES : blocks * BLOCK] = 0
        for block in range(blocks):
            turn_halfway(masks, block * BLOCK, desk.block)
            turn_rest(desk.block, None, 0)
            for i in range(low):
                code = extensions[start + i, 0]
                bits[at + block * stride + i] = desk.block[(code & 63) * LANES + (code >> 6)]
    if kept > low:
        for i in range(n):
            basket = desk.order[i] if ordered else i
            for j in range(desk.indptr[basket], desk.indptr[basket + 1]):
                bits[at + (i >> 6) * stride + desk.codes[j]] |= np.uint64(1) << np.uint64(i & 63)
    return blocks


@kernel
def write_sets(
    n: int,
    powers: int,
    low: int,
    kept: int,
    start: int,
    shifts: int,
    at: int,
    extensions: Int64Array,
    data: Any,
    desk: Any,
    bits: AnyArray,
) -> None:
    """Write the sets of bits of the extensions, and to ``bits[shifts:]`` the power that the bits of each word count."""
    stride = (kept + LANES - 1) // LANES * LANES
    weighted = data.weights.size > 0
    if not weighted:
        write_bits(desk.rows, n, weighted, low, kept, start, at, stride, extensions, desk, bits)
        return
    if powers == 0:
        write_bits(desk.picked, repeat(n, desk), weighted, low, kept, start, at, stride, extensions, desk, bits)
        return
    power = np.int64(0)
    while powers >> power:
        m = pick(power, n, desk)
        words = write_bits(desk.picked, m, weighted, low, kept, start, at, stride, extensions, desk, bits)
        bits[shifts : shifts + words + LANES] = power
        shifts += words
        at += words * stride
        power += 1


@kernel
def build(
    start: int,
    stop: int,
    max_len: int,
    data: Any,
    desk: Any,
    records: Int64Array,
    extensions: Int64Array,
    bits: AnyArray,
) -> int:
    """Make the local databases of the items in rows `start` to `stop` of `records`, or of those that there is room for.

    A row gets how many words the sets of bits have, where their weights stand in `bits` (0 for none), where they do,
    and how far apart their words are. The last row says how much of `bits` is used, or is needed if not even one had
    room.
    Returns the row at which it ended.
    """
    used = LANES
    for i in range(start, stop):
        row = records[i]
        item, kept, first = row[0], row[1], row[3]
        words, shifts, at = 0, 0, used
        stride = (kept + LANES - 1) // LANES * LANES
        if kept > 1 and max_len > 2:
            low = 0
            while low < kept and extensions[first + low, 0] < data.split:
                low += 1
            n = gather_baskets(item, low, kept, first, extensions, data, desk)
            words, powers = lay_out(n, data, desk)
            shifts = at if powers else 0
            at += (words + LANES) * (powers > 0)
            if at + stride * words > bits.size:
                records[-1, 6] = used if i > start else at + stride * words
                return i
            write_sets(n, powers, low, kept, first, shifts, at, extensions, data, desk, bits)
            used = at + stride * words
        row[4], row[5], row[6], row[7] = words, shifts, at, stride
    records[-1, 6] = used
    return stop
