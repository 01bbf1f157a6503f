"""Itemsets of high utility by definition: every set, summed over the baskets that hold it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

Line = tuple[int, str, float]


def itemsets(lines: Sequence[Line], min_utility: float) -> dict[tuple[str, ...], tuple[int, float]]:
    """Return count and utility of each set that is worth at least `min_utility`."""
    baskets: dict[int, dict[str, float]] = {}
    for basket, item, worth in lines:
        bought = baskets.setdefault(basket, {})
        bought[item] = bought.get(item, 0.0) + worth
    items = sorted({item for bought in baskets.values() for item in bought})
    found: dict[tuple[str, ...], tuple[int, float]] = {}
    for size in range(1, len(items) + 1):
        for itemset in combinations(items, size):
            worths = [sum(bought[i] for i in itemset) for bought in baskets.values() if set(itemset) <= set(bought)]
            if worths and sum(worths) >= min_utility:
                found[itemset] = len(worths), sum(worths)
    return found
