"""Kernels that make local databases: what is often bought together with one item, as sets of bits.

The local database of an item holds the more frequent items that are often in a basket with it. They are its extensions.
Each has a set with a bit for each basket that holds the item and two extensions at least.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .._core.instructions import prefetch
from .._core.jit import kernel
from ..typing import AnyArray, Int32Array, Int64Array
from ._instructions import LANES

AHEAD = 12
"""How many baskets ahead memory is asked for."""


class Database(NamedTuple):
    """Baskets for mining; items are ranks, 0 the most frequent, an ancestor before its descendants.

    `codes` holds each basket's weight and then its items in rising order. For each basket of item r a row of
    ``places[starts[r]:starts[r + 1]]`` says where the basket begins and where in it the item stands; r counts
    ``supports[r]`` times. The ancestors of r are ``ancestors[lineage[r]:lineage[r + 1]]``.
    """

    codes: AnyArray
    starts: Int64Array
    places: AnyArray
    supports: Int64Array
    lineage: Int64Array
    ancestors: Int32Array


class Scratch(NamedTuple):
    """Arrays that hold nothing between two items but zeros in `tally` and -1 in `local`."""

    tally: AnyArray
    local: Int32Array
    partners: Int32Array
    indptr: Int64Array
    codes: Int32Array
    weights: AnyArray
    slots: Int64Array


@kernel
def sort_short(values: Int32Array, n: int) -> None:
    """Sort the first `n` values by insertion."""
    for i in range(1, n):
        value = values[i]
        j = i
        while j > 0 and values[j - 1] > value:
            values[j] = values[j - 1]
            j -= 1
        values[j] = value


@kernel
def count_partners(item: int, data: Database, tally: AnyArray, partners: Int32Array) -> int:
    """Count with how many baskets of `item` each more frequent item is, and list those that occur."""
    codes, places = data.codes, data.places
    first, last = data.starts[item], data.starts[item + 1]
    n = 0
    if (last - first) * 32 < item:
        for i in range(first, last):
            prefetch(codes, np.int64(places[min(i + AHEAD, places.shape[0] - 1), 0]))
            weight = codes[places[i, 0]]
            for place in range(places[i, 0] + 1, places[i, 1]):
                code = codes[place]
                partners[n] = code
                n += tally[code] == 0
                tally[code] += weight
        return n
    for i in range(first, last):
        prefetch(codes, np.int64(places[min(i + AHEAD, places.shape[0] - 1), 0]))
        weight = codes[places[i, 0]]
        for place in range(places[i, 0] + 1, places[i, 1]):
            tally[codes[place]] += weight
    for code in range(item):
        partners[n] = code
        n += tally[code] > 0
    return n


@kernel
def choose_partners(
    n: int, least: int, own: int, always: Int32Array, extensions: Int64Array, at: int, work: Scratch
) -> tuple[int, int]:
    """Write the frequent of `n` partners to `extensions`, in rising order, and behind them those that are always there.

    The latter are set apart only where `always` has room. Clears the tally. Returns how many of both there are.
    """
    tally, partners = work.tally, work.partners
    kept, fixed = 0, 0
    for i in range(n):
        code = partners[i]
        if tally[code] >= least and (tally[code] < own or always.size == 0):
            partners[kept] = code
            kept += 1
            continue
        if tally[code] >= least:
            always[fixed] = code
            fixed += 1
        tally[code] = 0
    sort_short(partners, kept)
    sort_short(always, fixed)
    for i in range(kept):
        extensions[at + i, 0], extensions[at + i, 1] = partners[i], tally[partners[i]]
        tally[partners[i]] = 0
    for i in range(fixed):
        extensions[at + kept + i, 0], extensions[at + kept + i, 1] = always[i], own
    return kept, fixed


@kernel
def gather_baskets(item: int, start: int, size: int, extensions: Int64Array, data: Database, work: Scratch) -> int:
    """Write the baskets of `item` with the numbers of its extensions, if two at least; return how many there are."""
    codes, places, local = data.codes, data.places, work.local
    for i in range(size):
        local[extensions[start + i, 0]] = i
    n, used = 0, 0
    for i in range(data.starts[item], data.starts[item + 1]):
        prefetch(codes, np.int64(places[min(i + AHEAD, places.shape[0] - 1), 0]))
        end = used
        for place in range(places[i, 0] + 1, places[i, 1]):
            code = local[codes[place]]
            work.codes[end] = code
            end += code >= 0
        if end - used > 1:
            work.weights[n] = codes[places[i, 0]]
            n += 1
            work.indptr[n] = end
            used = end
    for i in range(size):
        local[extensions[start + i, 0]] = -1
    return n


@kernel
def lay_out(n: int, work: Scratch) -> tuple[Any, bool]:
    """Choose how baskets become bits: as many bits as they count, or a bit for each power of 2 in their weight.

    Returns the words of a set of bits and whether they have weights; sets `slots` to the first bit of each power.
    """
    slots = work.slots
    slots[:] = 0
    total = np.int64(0)
    for basket in range(n):
        weight = np.int64(work.weights[basket])
        total += weight
        power = 0
        while weight:
            slots[power] += weight & 1
            weight >>= 1
            power += 1
    words = 0
    for power in range(slots.size):
        needed = (slots[power] + 63) >> 6
        slots[power] = words << 6
        words += needed
    plain = (total + 63) >> 6
    return (plain, False) if plain <= words else (words, True)


@kernel
def set_shifts(at: int, words: int, slots: Int64Array, bits: AnyArray) -> None:
    """Write the power of 2 that the bits of each word count."""
    for word in range((words + LANES - 1) // LANES * LANES):
        bits[at + word] = 0
    for power in range(slots.size):
        for word in range(slots[power] >> 6, words):
            bits[at + word] = power


@kernel
def set_bits(n: int, at: int, stride: int, words: int, weighted: bool, work: Scratch, bits: AnyArray) -> None:
    """Fill the sets of bits of the extensions from the gathered baskets; their words stand side by side."""
    bits[at : at + stride * words] = 0
    next_bit = np.int64(0)
    for basket in range(n):
        weight = np.int64(work.weights[basket])
        power = 0
        while weight:
            if weighted and not weight & 1:
                weight >>= 1
                power += 1
                continue
            bit = next_bit
            if weighted:
                bit = work.slots[power]
                work.slots[power] = bit + 1
                weight >>= 1
                power += 1
            else:
                weight -= 1
                next_bit += 1
            first = at + (bit >> 6) * stride
            mask = np.uint64(1) << np.uint64(bit & 63)
            for i in range(work.indptr[basket], work.indptr[basket + 1]):
                bits[first + work.codes[i]] |= mask


@kernel
def build(
    first: int,
    last: int,
    least: int,
    max_len: int,
    always: Int32Array,
    data: Database,
    work: Scratch,
    records: Int64Array,
    extensions: Int64Array,
    bits: AnyArray,
) -> int:
    """Make the local databases of the items from `first` on, as many as there is room for up to `last`.

    A row of `records` holds an item, how many extensions it has, how many more items are always there, where these
    stand in `extensions`, how many words the sets of bits have, where their weights stand in `bits` (0 for none),
    where they do, and how far apart their words are. The row behind the last says how much of `extensions` and `bits`
    is used, or is needed if not even one had room. Returns how many there are.
    """
    used, used_bits = 0, LANES
    for item in range(first, min(last, first + records.shape[0] - 1)):
        row = records[item - first]
        if used + item + 1 > extensions.shape[0]:
            row[3], row[6] = used if used else item + 1, used_bits
            return item - first
        n = 0
        if max_len > 1:
            n = count_partners(item, data, work.tally, work.partners)
            for i in range(data.lineage[item], data.lineage[item + 1]):
                work.tally[data.ancestors[i]] = 0
        kept, fixed = choose_partners(n, least, data.supports[item], always, extensions, used, work)
        words, shifts, at = 0, 0, used_bits
        if kept > 1 and max_len > 2:
            n = gather_baskets(item, used, kept, extensions, data, work)
            words, weighted = lay_out(n, work)
            stride = (kept + LANES - 1) // LANES * LANES
            at += (words + LANES) * weighted
            if at + stride * words > bits.size:
                row[3], row[6] = used, used_bits if used_bits > LANES else at + stride * words
                return item - first
            if weighted:
                shifts = used_bits
                set_shifts(shifts, words, work.slots, bits)
            set_bits(n, at, stride, words, weighted, work, bits)
            used_bits = at + stride * words
        row[0], row[1], row[2], row[3], row[4], row[5], row[6] = item, kept, fixed, used, words, shifts, at
        row[7] = (kept + LANES - 1) // LANES * LANES
        used += kept + fixed
    records[min(last - first, records.shape[0] - 1), 3] = used
    records[min(last - first, records.shape[0] - 1), 6] = used_bits
    return min(last - first, records.shape[0] - 1)
