"""Kernels that find the extensions of items: the more frequent items that are often in a basket with them.

The most frequent items of a basket are bits of a mask. The masks of the baskets of an item, turned by 90 degrees, are
sets of baskets, whose bits are counted.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .._core.instructions import lowest_one, prefetch
from .._core.jit import kernel
from ..typing import AnyArray, Int32Array, Int64Array
from ._instructions import BLOCK, LANES, RUN, copy_mask, copy_run, reach, turn_halfway, turn_rest

AHEAD = 12
"""How many baskets ahead memory is asked for."""

FULL = 2**62
"""Where tallies start anew from zero, so that they never overflow."""

FAR = 255
"""Where depths end, which are small numbers."""


class Masked(NamedTuple):
    """Baskets for mining; items are ranks, 0 the most frequent, an ancestor before its descendants.

    Items below `split` are bits of the baskets' `masks`, `width` words each, behind which there is room for LANES more.
    The others stand in `tails` in rising order, behind which there is room for RUN more; that of basket b begins at
    ``ends[b]``. Item r is in baskets ``owners[starts[r]:starts[r + 1]]``; if it is not below `split`,
    ``depths[starts[r] - starts[split]:]`` say how many items stand before it in their tails, FAR for so many or more.
    They are at most `before` in all tails with one item. Item r counts ``supports[r]`` times, basket b ``weights[b]``
    times or, if there are no weights, once. The ancestors of r are ``ancestors[lineage[r]:lineage[r + 1]]``.
    """

    split: int
    width: int
    masks: AnyArray
    tails: Int32Array
    ends: AnyArray
    starts: Int64Array
    owners: AnyArray
    depths: AnyArray
    before: int
    weights: AnyArray
    supports: Int64Array
    lineage: Int64Array
    ancestors: Int32Array


class Desk(NamedTuple):
    """Arrays to work with on one item.

    `rows` holds masks of a part of its baskets, in blocks of 64, and `picked` some of these, `block` 64 of them while
    they are turned, `counts` how often each bit is set (bit b of word w at LANES * b + w), and `limit` a mask of items.
    Between two items no `tally` is above ``base[0]``, and `local` is -1. `weights` holds the weights of the baskets in
    `rows`, and `codes` items of their tails, those of each basket from `indptr` on. `order` says which baskets were
    picked. `partners` and `always` are for lists of items, and `found` has the counts of the former.
    """

    rows: AnyArray
    picked: AnyArray
    block: AnyArray
    counts: AnyArray
    limit: AnyArray
    weights: Int64Array
    order: Int64Array
    tally: Int64Array
    base: Int64Array
    found: Int64Array
    partners: Int32Array
    always: Int32Array
    local: Int32Array
    indptr: Int64Array
    codes: Int32Array


@kernel
def sort_short(values: Int32Array, n: Any) -> None:
    """Sort the first `n` values by insertion."""
    for i in range(1, n):
        value = values[i]
        j = i
        while j > 0 and values[j - 1] > value:
            values[j] = values[j - 1]
            j -= 1
        values[j] = value


@kernel
def limit_to(item: int, limit: AnyArray) -> None:
    """Set in `limit` the bits below `item`."""
    for word in range(LANES):
        bits = min(max(item - 64 * word, 0), 64)
        limit[word] = ~np.uint64(0) if bits == 64 else (np.uint64(1) << np.uint64(bits)) - np.uint64(1)


@kernel
def copy_masks(first: int, last: int, data: Masked, desk: Desk) -> Any:
    """Copy to `rows` what is below the limit in the masks of some baskets; return the bits set in their weights."""
    owners, width = data.owners, data.width
    for i in range(first, last):
        prefetch(data.masks, np.int64(owners[min(i + AHEAD, owners.size - 1)]) * width)
        copy_mask(data.masks, np.int64(owners[i]) * width, desk.limit, desk.rows, (i - first) * LANES)
    powers = np.int64(0)
    if data.weights.size:
        for i in range(first, last):
            weight = np.int64(data.weights[owners[i]])
            desk.weights[i - first] = weight
            powers |= weight
    return powers


@kernel
def pick(power: Any, n: int, desk: Desk) -> int:
    """Copy the masks of the baskets in whose weight a power of 2 is, and note which these are."""
    m = 0
    desk.block[:LANES] = ~np.uint64(0)
    for basket in range(n):
        copy_mask(desk.rows, basket * LANES, desk.block, desk.picked, m * LANES)
        desk.order[m] = basket
        m += desk.weights[basket] >> power & 1
    return m


@kernel
def count_bits(masks: AnyArray, n: int, power: Any, desk: Desk) -> None:
    """Add to the counts how often each bit is set in the first `n` masks, times a power of 2."""
    blocks = (n + 63) >> 6
    masks[n * LANES : blocks * BLOCK] = 0
    for block in range(blocks):
        turn_halfway(masks, block * BLOCK, desk.block)
        turn_rest(desk.block, desk.counts, power)


@kernel
def count_frequent(item: int, least: int, data: Masked, desk: Desk) -> None:
    """Count the items below `split` in the baskets of `item`, and set in `limit` those that reach `least`."""
    limit_to(item, desk.limit)
    desk.counts[:] = 0
    room = desk.rows.size // LANES
    for first in range(data.starts[item], data.starts[item + 1], room):
        last = min(first + room, data.starts[item + 1])
        powers = copy_masks(first, last, data, desk)
        if data.weights.size == 0:
            count_bits(desk.rows, last - first, np.int64(0), desk)
        power = np.int64(0)
        while powers >> power:
            if powers >> power & 1:
                count_bits(desk.picked, pick(power, last - first, desk), power, desk)
            power += 1
    reach(desk.counts, least, desk.limit)


@kernel
def tail(place: int, item: int, data: Masked) -> tuple[Any, Any]:
    """Return where the tail of the basket ``owners[place]`` begins, and how many items stand in it before `item`."""
    ahead = data.owners[min(place + AHEAD, data.owners.size - 1)]
    prefetch(data.tails, np.int64(data.ends[ahead]))
    begin, length = np.int64(data.ends[data.owners[place]]), np.int64(data.depths[place - data.starts[data.split]])
    if length == FAR:
        while data.tails[begin + length] < item:
            length += 1
    return begin, length


@kernel
def copy_tail(begin: Any, length: Any, used: Any, data: Masked, desk: Desk) -> Any:
    """Copy a part of the tails to `codes` from `used` on; return where it ends there."""
    for place in range(0, length, RUN):
        copy_run(data.tails, begin + place, desk.codes, used + place)
    return used + length


@kernel
def tally_rare(item: int, data: Masked, desk: Desk) -> tuple[Any, Any]:
    """Add to the tally, from ``base[0]`` on, what was copied from the tails; return how much that is and the largest.

    Unsigned numbers are no places from the end, so that this becomes shorter code.
    """
    codes, tally, base = desk.codes, desk.tally, desk.base[0]
    used, largest = np.int64(0), base
    if data.weights.size == 0:
        for place in range(data.starts[item], data.starts[item + 1]):
            begin, length = tail(place, item, data)
            used = copy_tail(begin, length, used, data, desk)
        for i in range(used):
            code = np.uint32(codes[i])
            total = max(tally[code], base) + 1
            tally[code] = total
            largest = max(largest, total)
        return used, largest
    for place in range(data.starts[item], data.starts[item + 1]):
        weight = np.int64(data.weights[data.owners[place]])
        begin, length = tail(place, item, data)
        end = copy_tail(begin, length, used, data, desk)
        for i in range(used, end):
            code = np.uint32(codes[i])
            total = max(tally[code], base) + weight
            tally[code] = total
            largest = max(largest, total)
        used = end
    return used, largest


@kernel
def count_rare(item: int, least: int, data: Masked, desk: Desk) -> Any:
    """Count the items from `split` on in the baskets of `item`; list those that reach `least`, in rising order."""
    if desk.base[0] > FULL:
        desk.tally[:] = 0
        desk.base[0] = 0
    base = desk.base[0]
    used, largest = tally_rare(item, data, desk)
    n = np.int64(0)
    if largest - base >= least:
        for i in range(used):
            code = desk.codes[i]
            count = desk.tally[code] - base
            if count >= least:
                desk.partners[n] = code
                desk.found[code] = count
                desk.tally[code] = base
                n += 1
        sort_short(desk.partners, n)
    desk.base[0] += data.supports[item]
    return n


@kernel
def drop_ancestors(item: int, n: Any, data: Masked, desk: Desk) -> Any:
    """Drop the ancestors of an item from those that were found with it; return how many rare ones are left."""
    for i in range(data.lineage[item], data.lineage[item + 1]):
        code = data.ancestors[i]
        if code < data.split:
            desk.limit[code >> 6] &= ~(np.uint64(1) << np.uint64(code & 63))
        else:
            desk.local[code] = 0
    left = 0
    for i in range(n):
        code = desk.partners[i]
        desk.partners[left] = code
        left += desk.local[code] < 0
    for i in range(data.lineage[item], data.lineage[item + 1]):
        desk.local[data.ancestors[i]] = -1
    return left


@kernel
def list_frequent(own: int, perfect: bool, at: int, extensions: Int64Array, desk: Desk) -> tuple[int, int]:
    """Write the items set in `limit` to `extensions`; those that are always there go to `always`."""
    kept, fixed = 0, 0
    for word in range(LANES):
        left = desk.limit[word]
        while left:
            bit = np.int64(lowest_one(left))
            count = desk.counts[bit * LANES + word]
            if perfect and count == own:
                desk.always[fixed] = 64 * word + bit
                fixed += 1
            else:
                extensions[at + kept, 0], extensions[at + kept, 1] = 64 * word + bit, count
                kept += 1
            left &= left - np.uint64(1)
    return kept, fixed


@kernel
def list_extensions(
    item: int, least: int, perfect: bool, at: Any, extensions: Int64Array, data: Masked, desk: Desk
) -> tuple[int, int]:
    """Write the extensions of `item`, in rising order, and behind them the items that are always there.

    Returns how many of both there are.
    """
    own, n = data.supports[item], np.int64(0)
    if data.split:
        count_frequent(item, least, data, desk)
    if item > data.split:
        n = count_rare(item, least, data, desk)
    if data.ancestors.size:
        n = drop_ancestors(item, n, data, desk)
    kept, fixed = 0, 0
    if data.split:
        kept, fixed = list_frequent(own, perfect, at, extensions, desk)
    for i in range(n):
        code = desk.partners[i]
        count = desk.found[code]
        if perfect and count == own:
            desk.always[fixed] = code
            fixed += 1
        else:
            extensions[at + kept, 0], extensions[at + kept, 1] = code, count
            kept += 1
    for i in range(fixed):
        extensions[at + kept + i, 0], extensions[at + kept + i, 1] = desk.always[i], own
    return kept, fixed


@kernel
def choose(
    first: int,
    last: int,
    least: int,
    max_len: int,
    perfect: bool,
    data: Masked,
    desk: Desk,
    records: Int64Array,
    extensions: Int64Array,
) -> int:
    """List the extensions of the items from `first` on, of as many as there is room for up to `last`.

    A row of `records` gets the item, how many extensions it has, how many more items are always there, and where these
    stand in `extensions`. The last row says how much of `extensions` is used, or is needed if not even one had room.
    Returns how many there are.
    """
    used, n = np.int64(0), min(last - first, records.shape[0] - 1)
    for i in range(n):
        item = first + i
        if used + item + 1 > extensions.shape[0]:
            records[-1, 3] = used if i else item + 1
            return i
        kept, fixed = 0, 0
        if max_len > 1:
            kept, fixed = list_extensions(item, least, perfect, used, extensions, data, desk)
        records[i, 0], records[i, 1], records[i, 2], records[i, 3] = item, kept, fixed, used
        used += kept + fixed
    records[-1, 3] = used
    return n
