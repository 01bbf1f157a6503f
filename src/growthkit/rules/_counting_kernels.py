"""Kernels that count given sets in the baskets themselves, by intersecting the lists of the items' rows."""

from __future__ import annotations

import numpy as np

from .._core.jit import kernel
from ..typing import Int32Array, Int64Array


@kernel
def seek(values: Int32Array, start: int, stop: int, wanted: int) -> int:
    """Return the first place from `start` on whose value is not below `wanted`: steps double, then bisection."""
    step, high = 1, start
    while high < stop and values[high] < wanted:
        start = high + 1
        high += step
        step *= 2
    high = min(high, stop)
    while start < high:
        middle = (start + high) // 2
        if values[middle] < wanted:
            start = middle + 1
        else:
            high = middle
    return start


@kernel
def meet(one: Int32Array, n_one: int, many: Int32Array, start: int, stop: int, out: Int32Array) -> int:
    """Write the rows that stand both in ``one[:n_one]`` and in ``many[start:stop]``, and return how many there are."""
    n = 0
    place = start
    for i in range(n_one):
        place = seek(many, place, stop, one[i])
        if place == stop:
            break
        if many[place] == one[i]:
            out[n] = one[i]
            n += 1
            place += 1
    return n


@kernel
def gather_rows(
    indptr: Int64Array,
    rows: Int32Array,
    set_indptr: Int64Array,
    set_codes: Int32Array,
    order: Int64Array,
    at: int,
    first: int,
    stack: Int32Array,
    sizes: Int64Array,
) -> int:
    """Put the rows of set ``order[at]`` on the stack, item by item; what it shares with the set before stays there.

    Level d of the stack holds the rows with the first d + 1 items. Returns the set's level.
    """
    start, length = set_indptr[order[at]], set_indptr[order[at] + 1] - set_indptr[order[at]]
    depth = 0
    if at > first:
        before = set_indptr[order[at - 1]]
        shared = min(length, set_indptr[order[at - 1] + 1] - before)
        while depth < shared and set_codes[start + depth] == set_codes[before + depth]:
            depth += 1
    while depth < length:
        item = set_codes[start + depth]
        low, high = int(indptr[item]), int(indptr[item + 1])
        if depth == 0:
            stack[0, : high - low] = rows[low:high]
            sizes[0] = high - low
        else:
            sizes[depth] = meet(stack[depth - 1], sizes[depth - 1], rows, low, high, stack[depth])
        depth += 1
    return depth - 1


@kernel
def count_sets(
    indptr: Int64Array,
    rows: Int32Array,
    weights: Int64Array,
    set_indptr: Int64Array,
    set_codes: Int32Array,
    order: Int64Array,
    longest: int,
    widest: int,
    out: Int64Array,
    first: int,
    last: int,
) -> None:
    """Write how many baskets hold each set ``order[first:last]``: sets of items, in the order of a dictionary.

    `rows` lists the rows of each item from ``indptr``; `weights` says how often a row counts (empty: once each).
    """
    stack = np.empty((longest, widest), np.int32)
    sizes = np.zeros(longest, np.int64)
    for at in range(first, last):
        level = gather_rows(indptr, rows, set_indptr, set_codes, order, at, first, stack, sizes)
        total = sizes[level]
        if weights.size:
            total = 0
            for i in range(sizes[level]):
                total += weights[stack[level, i]]
        out[order[at]] = total


@kernel
def enumerate_absent(
    indptr: Int64Array,
    rows: Int32Array,
    weights: Int64Array,
    basket_indptr: Int64Array,
    basket_codes: Int32Array,
    set_indptr: Int64Array,
    set_codes: Int32Array,
    order: Int64Array,
    longest: int,
    widest: int,
    wanted: Int32Array,
    n_items: int,
    kin_indptr: Int64Array,
    kin: Int32Array,
    least: int,
    floor: float,
    first: int,
    last: int,
    antecedent: Int64Array,
    absent: Int64Array,
    counts: Int64Array,
    antecedent_counts: Int64Array,
) -> int:
    """List the rules "set without item" of the sets ``order[first:last]``, and return their number.

    Counts every item in the baskets that hold the set. A rule needs `least` baskets with the set and without the item,
    a confidence of at least `floor`, and an item that is `wanted`, not in the set, and no kin (ancestor or descendant)
    of anything in it.
    """
    stack = np.empty((longest, widest), np.int32)
    sizes = np.zeros(longest, np.int64)
    met = np.zeros(n_items, np.int64)
    barred = np.full(n_items, -1, np.int64)
    n = 0
    for at in range(first, last):
        level = gather_rows(indptr, rows, set_indptr, set_codes, order, at, first, stack, sizes)
        met[:] = 0
        total = 0
        for i in range(sizes[level]):
            row = stack[level, i]
            weight = weights[row] if weights.size else 1
            total += weight
            for k in range(basket_indptr[row], basket_indptr[row + 1]):
                met[basket_codes[k]] += weight
        for k in range(set_indptr[order[at]], set_indptr[order[at] + 1]):
            barred[set_codes[k]] = at
            for j in range(kin_indptr[set_codes[k]], kin_indptr[set_codes[k] + 1]):
                barred[kin[j]] = at
        for item in wanted:
            left = total - met[item]
            if barred[item] != at and left >= least and left / total >= floor:
                antecedent[n] = order[at]
                absent[n] = item
                counts[n] = left
                antecedent_counts[n] = total
                n += 1
    return n
