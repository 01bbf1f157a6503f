"""Kernels that find the rules whose antecedents are in a basket, and the best items that they offer."""

from __future__ import annotations

import numpy as np

from .._core.jit import kernel
from ..typing import FloatArray, Int32Array, Int64Array

NOBODY = -1


@kernel
def offer(
    basket_indptr: Int64Array,
    basket_codes: Int32Array,
    rules_indptr: Int64Array,
    rules_of: Int32Array,
    left_indptr: Int64Array,
    left: Int32Array,
    right_indptr: Int64Array,
    right: Int32Array,
    scores: FloatArray,
    summed: bool,
    n_items: int,
    first: int,
    last: int,
    items: Int32Array,
    values: FloatArray,
    because: Int32Array,
) -> None:
    """Write the best items of the baskets `first` to `last`, best first, -1 where there are no more.

    Each rule is listed once, under one item of its antecedent, in `rules_of`; rules stand in order of preference: the
    first of the best rules for an item is the reason given. An item's value is the best score, or the sum of all.
    """
    bought = np.full(n_items, NOBODY, np.int64)
    seen = np.full(n_items, NOBODY, np.int64)
    value = np.zeros(n_items)
    reason = np.zeros(n_items, np.int32)
    touched = np.empty(n_items, np.int32)
    for basket in range(first, last):
        start, stop = basket_indptr[basket], basket_indptr[basket + 1]
        n = 0
        for at in range(start, stop):
            bought[basket_codes[at]] = basket
        for at in range(start, stop):
            for place in range(rules_indptr[basket_codes[at]], rules_indptr[basket_codes[at] + 1]):
                rule = rules_of[place]
                fits = True
                for j in range(left_indptr[rule], left_indptr[rule + 1]):
                    if bought[left[j]] != basket:
                        fits = False
                        break
                if not fits:
                    continue
                for j in range(right_indptr[rule], right_indptr[rule + 1]):
                    item = right[j]
                    if bought[item] == basket:
                        continue
                    if seen[item] != basket:
                        seen[item] = basket
                        value[item] = scores[rule]
                        reason[item] = rule
                        touched[n] = item
                        n += 1
                        continue
                    better = rule < reason[item]
                    if summed:
                        value[item] += scores[rule]
                    elif better:
                        value[item] = scores[rule]
                    if better:
                        reason[item] = rule
        kept = rank_offers(value, reason, touched, n, items[basket])
        for j in range(kept):
            values[basket, j] = value[items[basket, j]]
            because[basket, j] = reason[items[basket, j]]


@kernel
def rank_offers(value: FloatArray, reason: Int32Array, touched: Int32Array, n: int, ranked: Int32Array) -> int:
    """Put the best of the first n `touched` items into `ranked`, best first, and return how many there are."""
    kept = 0
    for t in range(n):
        item = touched[t]
        at = kept
        while at > 0 and comes_before(value, reason, item, ranked[at - 1]):
            at -= 1
        if at == ranked.size:
            continue
        kept = min(kept + 1, ranked.size)
        for j in range(kept - 1, at, -1):
            ranked[j] = ranked[j - 1]
        ranked[at] = item
    return kept


@kernel
def comes_before(value: FloatArray, reason: Int32Array, one: int, two: int) -> bool:
    """Whether item one is the better offer: a larger value, then a better rule, then the smaller code."""
    if value[one] != value[two]:
        return value[one] > value[two]
    if reason[one] != reason[two]:
        return reason[one] < reason[two]
    return one < two
