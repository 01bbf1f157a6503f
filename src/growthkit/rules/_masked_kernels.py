"""Kernels that make local databases of chosen extensions, as sets of bits, from baskets with masks.

The local database of an item has a set for each of its extensions, with a bit for each basket that holds the item and
two extensions at least. The masks of these baskets, turned by 90 degrees, are such sets.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core.instructions import prefetch
from .._core.jit import kernel
from ..typing import AnyArray, Int64Array
from ._instructions import BLOCK, LANES, copy_mask, turn_halfway, turn_rest

AHEAD = 12
"""How many baskets ahead memory is asked for."""

FAR = 255
"""Where depths end, as for the kernels that choose."""


@kernel
def gather_rare(place: int, item: int, used: Any, data: Any, desk: Any) -> Any:
    """Write the numbers of the extensions before `item` in the tail of the basket ``owners[place]`` to `codes`.

    They stand there from `used` on; returns where they end.
    """
    ahead = data.owners[min(place + AHEAD, data.owners.size - 1)]
    prefetch(data.tails, np.int64(data.ends[ahead]))
    begin, length = np.int64(data.ends[data.owners[place]]), np.int64(data.depths[place - data.starts[data.split]])
    if length == FAR:
        while data.tails[begin + length] < item:
            length += 1
    for i in range(begin, begin + length):
        number = desk.local[data.tails[i]]
        desk.codes[used] = number
        used += number >= 0
    return used


@kernel
def mark(low: int, kept: int, start: int, extensions: Int64Array, desk: Any) -> None:
    """Set in `limit` the extensions that are in masks, and number the others in `local`."""
    desk.limit[:] = 0
    for i in range(start, start + low):
        desk.limit[extensions[i, 0] >> 6] |= np.uint64(1) << np.uint64(extensions[i, 0] & 63)
    for i in range(low, kept):
        desk.local[extensions[start + i, 0]] = i


@kernel
def unmark(low: int, kept: int, start: int, extensions: Int64Array, desk: Any) -> None:
    """Clear `local`."""
    for i in range(start + low, start + kept):
        desk.local[extensions[i, 0]] = -1


@kernel
def gather_baskets(item: int, place: Any, low: int, kept: int, data: Any, desk: Any) -> tuple[Any, Any]:
    """Gather the extensions of `item`, of which `low` are in masks, from its baskets with two at least.

    Their masks are written to `rows`, and the numbers of the others to `codes`. It begins with the basket
    ``owners[place]``, and ends where `rows` are full. Returns how many baskets these are, and the place of the next.
    """
    owners, last, room = data.owners, data.starts[item + 1], desk.rows.size // LANES
    n, used, width = 0, np.int64(0), data.width
    while place < last and n < room:
        found, end = 0, used
        if low:
            prefetch(data.masks, np.int64(owners[min(place + AHEAD, last - 1)]) * width)
            found = copy_mask(data.masks, np.int64(owners[place]) * width, desk.limit, desk.rows, n * LANES)
        if kept > low:
            end = gather_rare(place, item, used, data, desk)
        if data.weights.size:
            desk.weights[n] = data.weights[owners[place]]
        enough = found + end - used > 1
        used = end if enough else used
        n += enough
        desk.indptr[n] = used
        place += 1
    return n, place


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
    return (plain, np.int64(0)) if plain <= words and plain * BLOCK <= desk.picked.size else (words, powers)


@kernel
def most_words(item: int, n: int, place: int, data: Any, desk: Any) -> Any:
    """Return how many words the sets of bits have at most where `n` baskets before `place` were gathered.

    A weight w takes at most 1 + log2(w) bits; on average these are at most one more than the logarithm of the average.
    """
    left = data.starts[item + 1] - place
    if data.weights.size == 0:
        return (n + left + 63) >> 6
    every, total = data.starts[item + 1] - data.starts[item], data.supports[item]
    average, largest, bits, powers = total // every, total - every + 1, np.int64(1), np.int64(0)
    while average >> (bits - 1):
        bits += 1
    while largest >> powers:
        powers += 1
    parts = left // (desk.rows.size // LANES) + 2
    return (min(total, bits * every) >> 6) + (powers + 1) * parts


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
def write_part(
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
) -> Any:
    """Write the sets of bits of the extensions in the baskets that were gathered; return the words of a set.

    Writes the power that the bits of each word count to ``bits[shifts:]``, unless that is 0.
    """
    stride, weighted = (kept + LANES - 1) // LANES * LANES, data.weights.size > 0
    if not weighted:
        return write_bits(desk.rows, n, weighted, low, kept, start, at, stride, extensions, desk, bits)
    if powers == 0:
        words = write_bits(desk.picked, repeat(n, desk), weighted, low, kept, start, at, stride, extensions, desk, bits)
        if shifts:
            bits[shifts : shifts + words + LANES] = 0
        return words
    power, first = np.int64(0), at
    while powers >> power:
        m = pick(power, n, desk)
        words = write_bits(desk.picked, m, weighted, low, kept, start, at, stride, extensions, desk, bits)
        bits[shifts : shifts + words + LANES] = power
        shifts += words
        at += words * stride
        power += 1
    return (at - first) // stride


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
            mark(low, kept, first, extensions, desk)
            n, place = gather_baskets(item, data.starts[item], low, kept, data, desk)
            room, powers = lay_out(n, data, desk)
            if place < data.starts[item + 1]:
                room = most_words(item, n, place, data, desk)
            if powers or (data.weights.size and place < data.starts[item + 1]):
                shifts = at
                at += room + LANES
            if at + stride * room > bits.size:
                unmark(low, kept, first, extensions, desk)
                records[-1, 6] = used if i > start else at + stride * room
                return i
            words = write_part(n, powers, low, kept, first, shifts, at, extensions, data, desk, bits)
            while place < data.starts[item + 1]:
                n, place = gather_baskets(item, place, low, kept, data, desk)
                powers = lay_out(n, data, desk)[1]
                next_shifts = shifts + words if shifts else 0
                words += write_part(
                    n, powers, low, kept, first, next_shifts, at + words * stride, extensions, data, desk, bits
                )
            unmark(low, kept, first, extensions, desk)
            used = at + stride * words
        row[4], row[5], row[6], row[7] = words, shifts, at, stride
    records[-1, 6] = used
    return stop
