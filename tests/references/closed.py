"""Closed, maximal and generator itemsets by their definitions, from the counts of all itemsets."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

Counts = dict[frozenset[int], int]


def count_all(rows: Sequence[Sequence[int]], weights: Sequence[int], min_count: int) -> Counts:
    """Count every itemset that is in some row; keep those of at least `min_count`."""
    counts: Counts = {}
    for row, weight in zip(rows, weights, strict=True):
        for length in range(1, len(row) + 1):
            for itemset in combinations(row, length):
                counts[frozenset(itemset)] = counts.get(frozenset(itemset), 0) + weight
    return {itemset: count for itemset, count in counts.items() if count >= min_count}


def closed(counts: Counts) -> Counts:
    """Keep the itemsets without a larger one of the same count."""
    return {
        one: count for one, count in counts.items() if not any(one < two and counts[two] == count for two in counts)
    }


def maximal(counts: Counts) -> Counts:
    """Keep the itemsets without a larger one."""
    return {one: count for one, count in counts.items() if not any(one < two for two in counts)}


def generators(counts: Counts, total: int) -> Counts:
    """Keep the itemsets without a smaller one of the same count; the empty one has the count `total`."""
    return {
        one: count
        for one, count in counts.items()
        if count < total and not any(two < one and counts[two] == count for two in counts)
    }


def most_specific(counts: Counts, ancestors: Sequence[Sequence[int]]) -> Counts:
    """Drop the ancestors of an itemset's items from it."""
    return {one - frozenset(above for item in one for above in ancestors[item]): count for one, count in counts.items()}
