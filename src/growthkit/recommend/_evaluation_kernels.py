"""Kernels of the evaluation: which recommended items are hits, how far lists spread, how far they are off the mark."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._core.jit import kernel
from ..typing import BoolArray, FloatArray, Int32Array, Int64Array


@kernel
def find_code(codes: Int32Array, start: Any, stop: Any, wanted: Any) -> Any:
    """Return the place of `wanted` in ``codes[start:stop]``, which rises; -1 where it is not."""
    low, high = start, stop
    while low < high:
        middle = (low + high) >> 1
        if codes[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return low if low < stop and codes[low] == wanted else -1


@kernel
def mark_hits(
    lists: Int32Array, rows: Int64Array, indptr: Int64Array, codes: Int32Array, first: int, stop: int, hits: BoolArray
) -> None:
    """Set ``hits[u, r]`` to whether item ``lists[u, r]`` stands in row ``rows[u]``, for the lists u of a block.

    Rows of -1 are empty; an item of -1 is none.
    """
    for u in range(first, stop):
        row = rows[u]
        for r in range(lists.shape[1]):
            item = lists[u, r]
            hits[u, r] = row >= 0 and item >= 0 and find_code(codes, indptr[row], indptr[row + 1], item) >= 0


@kernel
def graded_gains(
    lists: Int32Array,
    indptr: Int64Array,
    codes: Int32Array,
    grades: FloatArray,
    first: int,
    stop: int,
    gains: FloatArray,
) -> None:
    """Set ``gains[u, r]`` to the grade that row u has for item ``lists[u, r]``, 0 where it has none."""
    for u in range(first, stop):
        for r in range(lists.shape[1]):
            item = lists[u, r]
            place = find_code(codes, indptr[u], indptr[u + 1], item) if item >= 0 else -1
            gains[u, r] = grades[place] if place >= 0 else 0.0


@kernel
def best_gains(indptr: Int64Array, grades: FloatArray, first: int, stop: int, best: FloatArray) -> None:
    """Set ``best[u]`` to the largest grades of row u in falling order, as many as fit, then 0."""
    for u in range(first, stop):
        row = np.sort(grades[indptr[u] : indptr[u + 1]])
        for r in range(best.shape[1]):
            best[u, r] = row[row.size - 1 - r] if r < row.size else 0.0


@kernel
def spread(
    lists: Int32Array,
    k: int,
    indptr: Int64Array,
    columns: Int32Array,
    values: FloatArray,
    width: int,
    first: int,
    stop: int,
    distances: FloatArray,
) -> None:
    """Set ``distances[u]`` to 1 - the mean cosine of all pairs of the first k items; NaN with fewer than two.

    Items are sparse vectors of length 1; those with an empty row do not count. With s the sum of m unit vectors, the
    cosines of the m (m - 1) ordered pairs sum to s.s - m.
    """
    total = np.zeros(width)
    for u in range(first, stop):
        m = 0
        square = 0.0
        for r in range(k):
            item = lists[u, r]
            if item < 0 or item >= indptr.size - 1 or indptr[item] == indptr[item + 1]:
                continue
            m += 1
            for place in range(indptr[item], indptr[item + 1]):
                before, value = total[columns[place]], values[place]
                square += value * (2.0 * before + value)
                total[columns[place]] = before + value
        for r in range(k):
            item = lists[u, r]
            if item >= 0 and item < indptr.size - 1:
                for place in range(indptr[item], indptr[item + 1]):
                    total[columns[place]] = 0.0
        distances[u] = 1.0 - (square - m) / (m * (m - 1.0)) if m > 1 else math.nan


@kernel
def add_shares(
    items: Int32Array,
    weights: FloatArray,
    indptr: Int64Array,
    categories: Int32Array,
    parts: FloatArray,
    out: FloatArray,
) -> None:
    """Set `out` to the weighted mean of the items' category shares.

    Items without categories and weights under 0 do not count; all of `out` is 0 where no item counts.
    """
    out[:] = 0.0
    total = 0.0
    for i in range(items.size):
        item = items[i]
        if item < 0 or item >= indptr.size - 1 or indptr[item] == indptr[item + 1]:
            continue
        weight = max(weights[i], 0.0) if weights.size else 1.0
        total += weight
        for place in range(indptr[item], indptr[item + 1]):
            out[categories[place]] += weight * parts[place]
    if total > 0:
        for c in range(out.size):
            out[c] /= total


@kernel
def miscalibration(
    lists: Int32Array,
    k: int,
    rows: Int64Array,
    row_indptr: Int64Array,
    row_codes: Int32Array,
    row_weights: FloatArray,
    indptr: Int64Array,
    categories: Int32Array,
    parts: FloatArray,
    n_categories: int,
    alpha: float,
    first: int,
    stop: int,
    divergences: FloatArray,
) -> None:
    """Set ``divergences[u]`` to the Kullback-Leibler divergence of list u's categories from those of its history.

    p is that of the history (row ``rows[u]``; -1 for none), q that of the list, mixed with a share `alpha` of p; NaN
    where either has no item with a category.
    """
    p, q = np.empty(n_categories), np.empty(n_categories)
    equal = np.empty(0)
    for u in range(first, stop):
        divergences[u] = math.nan
        row = rows[u]
        if row < 0:
            continue
        low, high = row_indptr[row], row_indptr[row + 1]
        add_shares(row_codes[low:high], row_weights[low:high], indptr, categories, parts, p)
        add_shares(lists[u, :k], equal, indptr, categories, parts, q)
        if p.sum() == 0.0 or q.sum() == 0.0:
            continue
        total = 0.0
        for c in range(n_categories):
            if p[c] > 0.0:
                total += p[c] * math.log(p[c] / ((1.0 - alpha) * q[c] + alpha * p[c]))
        divergences[u] = max(total, 0.0)
