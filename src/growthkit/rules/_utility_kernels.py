"""Compiled search for itemsets of high utility: arrays in, arrays out.

Baskets stand one after another, each in the order in which items extend sets. An occurrence of a set is the place of
its last item in a basket, with what the set is worth there. `rest` holds what the items behind a place are worth at
most: the sum of those that are worth something.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._core.jit import kernel
from ..typing import AnyArray, FloatArray, Int32Array, Int64Array

__all__ = ["Worths", "search", "sum_behind", "upper_bounds"]

NONE = -1


class Worths(NamedTuple):
    """All baskets: items, what each is worth there, what those behind it are worth at most, and where baskets end."""

    items: Int32Array
    values: FloatArray
    rest: FloatArray
    ends: Int64Array


@kernel
def upper_bounds(indptr: Int64Array, codes: Int32Array, values: FloatArray, kept: AnyArray, bounds: FloatArray) -> None:
    """Add to each item the positive worth of all kept items of the baskets that it is in."""
    for row in range(indptr.size - 1):
        whole = 0.0
        for p in range(indptr[row], indptr[row + 1]):
            if kept[codes[p]]:
                whole += max(values[p], 0.0)
        for p in range(indptr[row], indptr[row + 1]):
            bounds[codes[p]] += whole


@kernel
def sum_behind(indptr: Int64Array, values: FloatArray, rest: FloatArray) -> None:
    """Write for each place what the items behind it in its basket are worth at most."""
    for row in range(indptr.size - 1):
        behind = 0.0
        for p in range(indptr[row + 1] - 1, indptr[row] - 1, -1):
            rest[p] = behind
            behind += max(values[p], 0.0)


@kernel
def grown_whole(old: Int64Array, size: int) -> Int64Array:
    """Return the array, with room for at least `size` entries."""
    if size <= old.size:
        return old
    new = np.empty(max(size, 2 * old.size), dtype=np.int64)
    new[: old.size] = old
    return new


@kernel
def grown(old: FloatArray, size: int) -> FloatArray:
    """Return the array, with room for at least `size` entries."""
    if size <= old.size:
        return old
    new = np.empty(max(size, 2 * old.size), dtype=np.float64)
    new[: old.size] = old
    return new


@kernel
def weigh_extensions(
    baskets: Worths,
    places: Int64Array,
    worths: FloatArray,
    begin: int,
    end: int,
    sizes: Int64Array,
    utility: FloatArray,
    bound: FloatArray,
    met: Int64Array,
) -> int:
    """Sum for each item behind the occurrences what the set is worth with it, and at most with more as well."""
    items, values, rest, ends = baskets
    n_met = 0
    for o in range(begin, end):
        for p in range(places[o] + 1, ends[places[o]]):
            item = items[p]
            if sizes[item] == 0:
                met[n_met] = item
                n_met += 1
            sizes[item] += 1
            worth = worths[o] + values[p]
            utility[item] += worth
            bound[item] += max(worth + rest[p], 0.0)
    return n_met


@kernel
def place_extensions(
    baskets: Worths, places: Int64Array, worths: FloatArray, begin: int, end: int, slots: Int64Array
) -> None:
    """Write the occurrences of each extension that has slots to them."""
    items, values, _, ends = baskets
    for o in range(begin, end):
        for p in range(places[o] + 1, ends[places[o]]):
            slot = slots[items[p]]
            if slot != NONE:
                places[slot], worths[slot] = p, worths[o] + values[p]
                slots[items[p]] = slot + 1


@kernel
def noted(found: Int64Array, place: int, parent: int, key: int, count: int) -> Int64Array:
    """Write a set to its place."""
    found = grown_whole(found, 3 * place + 3)
    found[3 * place], found[3 * place + 1], found[3 * place + 2] = parent, key, count
    return found


@kernel
def queued(waiting: Int64Array, depth: int, itemset: int, length: int, begin: int, end: int) -> Int64Array:
    """Put a set that is to be extended onto the stack."""
    waiting = grown_whole(waiting, 4 * depth + 4)
    waiting[4 * depth], waiting[4 * depth + 1] = itemset, length
    waiting[4 * depth + 2], waiting[4 * depth + 3] = begin, end
    return waiting


@kernel
def search(
    baskets: Worths,
    places_of_items: Int64Array,
    indptr: Int64Array,
    roots: Int64Array,
    least: float,
    max_len: int,
) -> tuple[Int64Array, FloatArray]:
    """Return all sets that begin with an item of `roots` and are worth `least`, or may be with more items.

    Item x stands at the places ``places_of_items[indptr[x]:indptr[x + 1]]``. The first result holds three numbers a
    set: the set that it extends (-1 for none), its last item, and in how many baskets it is; the second what it is
    worth.
    """
    n_items = indptr.size - 1
    sizes, slots, met = np.zeros(n_items, np.int64), np.full(n_items, NONE, np.int64), np.empty(n_items, np.int64)
    utility, bound = np.zeros(n_items), np.zeros(n_items)
    places, worths = np.empty(64, np.int64), np.empty(64)
    found, worth_of, n_found = np.empty(64, np.int64), np.empty(64), 0
    waiting = np.empty(64, np.int64)  # four numbers a set to extend: its place, its length, and where it occurs
    for r in range(roots.size):
        root = int(roots[r])
        end = int(indptr[root + 1] - indptr[root])
        places, worths = grown_whole(places, end), grown(worths, end)
        places[:end] = places_of_items[indptr[root] : indptr[root + 1]]
        worths[:end] = baskets.values[places[:end]]
        found = noted(found, n_found, NONE, root, end)
        worth_of = grown(worth_of, n_found + 1)
        worth_of[n_found] = worths[:end].sum()
        waiting = queued(waiting, 0, n_found, 1, 0, end)
        n_found, depth = n_found + 1, 1
        while depth:
            depth -= 1
            parent, length = int(waiting[4 * depth]), int(waiting[4 * depth + 1])
            begin, end = int(waiting[4 * depth + 2]), int(waiting[4 * depth + 3])
            if length == max_len:
                continue
            n_met = weigh_extensions(baskets, places, worths, begin, end, sizes, utility, bound, met)
            first, stop = begin, end
            met[:n_met].sort()
            for i in range(n_met):
                item = int(met[i])
                if bound[item] >= least:
                    found = noted(found, n_found, parent, item, sizes[item])
                    worth_of = grown(worth_of, n_found + 1)
                    worth_of[n_found] = utility[item]
                    waiting = queued(waiting, depth, n_found, length + 1, end, end + sizes[item])
                    slots[item], end = end, int(end + sizes[item])
                    n_found, depth = n_found + 1, depth + 1
            places, worths = grown_whole(places, end), grown(worths, end)
            place_extensions(baskets, places, worths, first, stop, slots)
            for i in range(n_met):
                sizes[met[i]], slots[met[i]], utility[met[i]], bound[met[i]] = 0, NONE, 0.0, 0.0
    return found[: 3 * n_found], worth_of[:n_found]
