"""The kernel of popularity: walk down one order of items that many customers share."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core.jit import kernel
from ..typing import BoolArray, Int32Array, Int64Array


@kernel
def walk_down(
    order: Int32Array,
    scores: Any,
    excluded_indptr: Int64Array,
    excluded: Int32Array,
    eligible: BoolArray,
    eligible_indptr: Int64Array,
    eligible_items: Int32Array,
    groups: Int32Array,
    n_groups: int,
    cap: int,
    customers: Int64Array,
    items: Any,
    values: Any,
    start: int,
    stop: int,
) -> None:
    """Give each of ``customers[start:stop]`` the first items of `order` that are allowed.

    Arrays of length 0 stand for no restriction. `scores` has a place for each item.
    """
    forbidden = np.full(scores.size, -1, np.int64)
    permitted = np.full(scores.size, -1, np.int64)
    count = np.zeros(n_groups, np.int64)
    for p in range(start, stop):
        c = customers[p]
        if excluded_indptr.size:
            for e in range(excluded_indptr[c], excluded_indptr[c + 1]):
                forbidden[excluded[e]] = p
        if eligible_indptr.size:
            for e in range(eligible_indptr[c], eligible_indptr[c + 1]):
                permitted[eligible_items[e]] = p
        count[:] = 0
        place = 0
        for item in order:
            if place == items.shape[1]:
                break
            if forbidden[item] == p or (eligible_indptr.size and permitted[item] != p):
                continue
            if eligible.size and not eligible[item]:
                continue
            if groups.size and groups[item] >= 0:
                if count[groups[item]] == cap:
                    continue
                count[groups[item]] += 1
            items[c, place] = item
            values[c, place] = scores[item]
            place += 1
