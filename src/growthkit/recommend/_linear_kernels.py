"""Kernels of the linear models: Gram matrices of items, coordinate descent, and scores from weights between items."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core.jit import kernel, summing_kernel
from ..typing import AnyArray, FloatArray, Int32Array, Int64Array


@kernel
def gram_rows(
    indptr: Int64Array,
    codes: Int32Array,
    values: FloatArray,
    by_item: Int64Array,
    customers: Int32Array,
    weights: FloatArray,
    out: FloatArray,
    start: int,
    stop: int,
) -> None:
    """Fill rows `start` to `stop` of the lower triangle of the Gram matrix ``X' X``.

    X comes by customer (`indptr`, sorted `codes`, `values`) and by item (`by_item`, `customers`, `weights`).
    """
    for item in range(start, stop):
        row = out[item]
        row[: item + 1] = 0.0
        for e in range(by_item[item], by_item[item + 1]):
            u, weight = customers[e], weights[e]
            for a in range(indptr[u], indptr[u + 1]):
                j = codes[a]
                if j > item:
                    break
                row[j] += weight * values[a]


@kernel
def count_neighbours(
    indptr: Int64Array,
    codes: Int32Array,
    by_item: Int64Array,
    customers: Int32Array,
    counts: Int64Array,
    start: int,
    stop: int,
) -> None:
    """Set ``counts[i]`` to the number of items that some customer has together with item i, itself included."""
    seen_for = np.full(counts.size, -1, np.int32)
    for item in range(start, stop):
        n = 0
        for e in range(by_item[item], by_item[item + 1]):
            u = customers[e]
            for a in range(indptr[u], indptr[u + 1]):
                j = codes[a]
                if seen_for[j] != item:
                    seen_for[j] = item
                    n += 1
        counts[item] = n


@kernel
def sparse_gram_rows(
    indptr: Int64Array,
    codes: Int32Array,
    values: FloatArray,
    by_item: Int64Array,
    customers: Int32Array,
    weights: FloatArray,
    gram: Int64Array,
    neighbours: Int32Array,
    products: FloatArray,
    start: int,
    stop: int,
) -> None:
    """Fill rows `start` to `stop` of the sparse Gram matrix, whose row pointers are `gram`."""
    place = np.full(gram.size - 1, -1, np.int64)
    for item in range(start, stop):
        free = first = gram[item]
        for e in range(by_item[item], by_item[item + 1]):
            u, weight = customers[e], weights[e]
            for a in range(indptr[u], indptr[u + 1]):
                j = codes[a]
                slot = place[j]
                if slot < first:
                    slot = place[j] = free
                    free += 1
                    neighbours[slot] = j
                    products[slot] = 0.0
                products[slot] += weight * values[a]


@kernel
def candidates_of(
    gram: Int64Array,
    neighbours: Int32Array,
    products: FloatArray,
    item: int,
    l1: float,
    positive: bool,
    out: Int32Array,
) -> int:
    """Write the items whose weight for `item` may differ from 0, and return how many there are.

    With weights and data of at least 0, the gradient of a weight is largest where all weights are 0: an item that does
    not pass the threshold there never will.
    """
    if not positive:
        for j in range(out.size):
            out[j] = j
        return out.size
    n = 0
    for e in range(gram[item], gram[item + 1]):
        if products[e] > l1:
            out[n] = neighbours[e]
            n += 1
    return n


@kernel
def sweep(
    gram: Int64Array,
    neighbours: Int32Array,
    products: FloatArray,
    diagonal: FloatArray,
    item: int,
    l1: float,
    l2: float,
    positive: bool,
    visited: Int32Array,
    n_visited: int,
    gradient: FloatArray,
    column: FloatArray,
) -> tuple[Any, Any]:
    """Minimise in the weight of each visited item in turn; return the largest change and the largest weight.

    ``gradient[i]`` is the product of item i with what the weights leave unexplained; it is kept up to date.
    """
    change = largest = 0.0
    for v in range(n_visited):
        i = visited[v]
        if i == item or diagonal[i] == 0.0:
            continue
        before = column[i]
        pull = gradient[i] + diagonal[i] * before
        after = max(pull - l1, 0.0)
        if not positive and pull < -l1:
            after = pull + l1
        after /= diagonal[i] + l2
        step = after - before
        if step != 0.0:
            column[i] = after
            for e in range(gram[i], gram[i + 1]):
                gradient[neighbours[e]] -= step * products[e]
        change = max(change, abs(step))
        largest = max(largest, abs(after))
    return change, largest


@kernel
def descend(
    gram: Int64Array,
    neighbours: Int32Array,
    products: FloatArray,
    diagonal: FloatArray,
    item: int,
    l1: float,
    l2: float,
    positive: bool,
    tolerance: float,
    sweeps: int,
    gradient: FloatArray,
    column: FloatArray,
    candidates: Int32Array,
    active: Int32Array,
) -> bool:
    """Find the weights of all items for `item` by coordinate descent; return whether it settled within `sweeps`.

    Sweeps over the weights that are not 0 alternate with sweeps over all candidates; it is over when one of the latter
    changes nothing that counts.
    """
    gradient[:] = 0.0
    column[:] = 0.0
    for e in range(gram[item], gram[item + 1]):
        gradient[neighbours[e]] = products[e]
    n = candidates_of(gram, neighbours, products, item, l1, positive, candidates)
    settled = done = 0
    while done < sweeps:
        change, largest = sweep(
            gram, neighbours, products, diagonal, item, l1, l2, positive, candidates, n, gradient, column
        )
        done += 1
        if change <= tolerance * largest:
            settled = 1
            break
        n_active = 0
        for v in range(n):
            if column[candidates[v]] != 0.0:
                active[n_active] = candidates[v]
                n_active += 1
        while done < sweeps:
            change, largest = sweep(
                gram, neighbours, products, diagonal, item, l1, l2, positive, active, n_active, gradient, column
            )
            done += 1
            if change <= tolerance * largest:
                break
    return settled == 1


@kernel
def columns(
    gram: Int64Array,
    neighbours: Int32Array,
    products: FloatArray,
    diagonal: FloatArray,
    l1: float,
    l2: float,
    positive: bool,
    tolerance: float,
    sweeps: int,
    start: int,
    stop: int,
    lengths: Int64Array,
    room: Int32Array,
    weights: FloatArray,
) -> tuple[int, int]:
    """Find the weights for items from `start` on, until `room` is full or `stop` is reached.

    Returns the first item that is not done, and how many did not settle. The items with weights go to `room`, one run
    an item, as long as `lengths` says.
    """
    n = diagonal.size
    gradient, column = np.empty(n), np.empty(n)
    candidates, active = np.empty(n, np.int32), np.empty(n, np.int32)
    free = unsettled = 0
    for item in range(start, stop):
        if room.size - free < n:
            return item, unsettled
        settled = descend(
            gram,
            neighbours,
            products,
            diagonal,
            item,
            l1,
            l2,
            positive,
            tolerance,
            sweeps,
            gradient,
            column,
            candidates,
            active,
        )
        unsettled += not settled
        first = free
        for i in range(n):
            if column[i] != 0.0:
                room[free] = i
                weights[free] = column[i]
                free += 1
        lengths[item] = free - first
    return stop, unsettled


@summing_kernel
def dense_scores(
    indptr: Int64Array,
    codes: Int32Array,
    values: AnyArray,
    asked: Int32Array,
    weights: AnyArray,
    width: int,
    out: AnyArray,
) -> None:
    """Set ``out[r]`` to the sum of ``value * weights[item]`` over the history of customer ``asked[r]``.

    `width` columns are added up at a time.
    """
    n = out.shape[1]
    for low in range(0, n, width):
        high = min(low + width, n)
        for r in range(asked.size):
            total = out[r, low:high]
            total[:] = 0
            e, last = indptr[asked[r]], indptr[asked[r] + 1]
            while e + 4 <= last:
                w0, w1 = weights[codes[e], low:high], weights[codes[e + 1], low:high]
                w2, w3 = weights[codes[e + 2], low:high], weights[codes[e + 3], low:high]
                v0, v1, v2, v3 = values[e], values[e + 1], values[e + 2], values[e + 3]
                for j in range(total.size):
                    total[j] += v0 * w0[j] + v1 * w1[j] + v2 * w2[j] + v3 * w3[j]
                e += 4
            while e < last:
                w0, v0 = weights[codes[e], low:high], values[e]
                for j in range(total.size):
                    total[j] += v0 * w0[j]
                e += 1


@kernel
def sparse_scores(
    indptr: Int64Array,
    codes: Int32Array,
    values: FloatArray,
    asked: Int32Array,
    by_source: Int64Array,
    targets: Int32Array,
    weights: FloatArray,
    out: AnyArray,
) -> None:
    """Do the same with sparse weights; items that no weight reaches have no score."""
    nothing = np.float32(-np.inf)
    total = np.zeros(out.shape[1])
    reached = np.zeros(out.shape[1], np.bool_)
    for r in range(asked.size):
        total[:] = 0.0
        reached[:] = False
        for e in range(indptr[asked[r]], indptr[asked[r] + 1]):
            for t in range(by_source[codes[e]], by_source[codes[e] + 1]):
                total[targets[t]] += values[e] * weights[t]
                reached[targets[t]] = True
        for j in range(out.shape[1]):
            out[r, j] = np.float32(total[j]) if reached[j] else nothing
