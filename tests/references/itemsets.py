"""Frequent itemsets by definition: go through all sets of items that stand in some basket and count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from fractions import Fraction
from itertools import combinations
from math import prod
from typing import Any

Itemset = frozenset[Any]


def all_counts(baskets: Sequence[Iterable[Any]], weights: Sequence[int] | None = None) -> dict[Itemset, int]:
    """Return the number of baskets that hold each set of items that some basket holds."""
    counts: Counter[Itemset] = Counter()
    for row, basket in enumerate(baskets):
        items = sorted(set(basket), key=repr)
        for length in range(1, len(items) + 1):
            for chosen in combinations(items, length):
                counts[frozenset(chosen)] += 1 if weights is None else weights[row]
    return dict(counts)


def frequent(
    baskets: Sequence[Iterable[Any]],
    least: int,
    *,
    weights: Sequence[int] | None = None,
    min_len: int = 1,
    max_len: int | None = None,
    allowed: Collection[Any] | None = None,
    ancestors: Mapping[Any, Collection[Any]] | None = None,
) -> dict[Itemset, int]:
    """Return the itemsets of at least `least` baskets with their counts; none holds an item and its ancestor."""
    if allowed is not None:
        baskets = [[item for item in basket if item in allowed] for basket in baskets]
    related = {(item, above) for item, listed in (ancestors or {}).items() for above in listed}
    return {
        itemset: count
        for itemset, count in all_counts(baskets, weights).items()
        if count >= least
        and min_len <= len(itemset) <= (max_len or len(itemset))
        and not any(pair in related for pair in ((a, b) for a in itemset for b in itemset))
    }


def score(baskets: Sequence[Iterable[Any]], itemset: Itemset, by: str) -> Fraction:
    """Return support, lift or leverage of an itemset, exactly."""
    n = len(baskets)
    share = Fraction(sum(itemset <= set(basket) for basket in baskets), n)
    independent = prod(Fraction(sum(item in basket for basket in baskets), n) for item in itemset)
    return {"support": share, "lift": share / independent, "leverage": share - independent}[by]


def best(
    baskets: Sequence[Iterable[Any]], k: int, by: str, *, min_len: int, max_len: int | None, least: int
) -> dict[Itemset, Fraction]:
    """Return the k itemsets of the largest score, and all that tie with the last of them."""
    found = frequent(baskets, least, min_len=min_len, max_len=max_len)
    scores = {itemset: score(baskets, itemset, by) for itemset in found}
    last = sorted(scores.values(), reverse=True)[:k][-1:]
    return {itemset: value for itemset, value in scores.items() if value >= last[0]}
