"""Metrics of recommendation lists, straight from their definitions: one customer at a time, sets and loops."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any


def recall(found: Sequence[Any], relevant: set[Any], k: int) -> float:
    return len(set(found[:k]) & relevant) / len(relevant)


def recall_capped(found: Sequence[Any], relevant: set[Any], k: int) -> float:
    return len(set(found[:k]) & relevant) / min(k, len(relevant))


def precision(found: Sequence[Any], relevant: set[Any], k: int) -> float:
    return len(set(found[:k]) & relevant) / k


def hit_rate(found: Sequence[Any], relevant: set[Any], k: int) -> float:
    return 1.0 if set(found[:k]) & relevant else 0.0


def mrr(found: Sequence[Any], relevant: set[Any], k: int) -> float:
    for rank, item in enumerate(found[:k], start=1):
        if item in relevant:
            return 1 / rank
    return 0.0


def average_precision(found: Sequence[Any], relevant: set[Any], k: int) -> float:
    total = 0.0
    for rank, item in enumerate(found[:k], start=1):
        if item in relevant:
            total += precision(found, relevant, rank)
    return total / min(k, len(relevant))


def ndcg(found: Sequence[Any], relevant: Mapping[Any, float] | set[Any], k: int) -> float:
    gains = relevant if isinstance(relevant, Mapping) else dict.fromkeys(relevant, 1.0)
    reached = sum(gains.get(item, 0.0) / math.log2(rank + 1) for rank, item in enumerate(found[:k], start=1))
    best = sorted(gains.values(), reverse=True)[:k]
    return reached / sum(gain / math.log2(rank + 1) for rank, gain in enumerate(best, start=1))


METRICS = {
    "recall": recall,
    "recall_capped": recall_capped,
    "precision": precision,
    "hit_rate": hit_rate,
    "mrr": mrr,
    "map": average_precision,
    "ndcg": ndcg,
}


def novelty(found: Sequence[Any], owners: Mapping[Any, int], n_customers: int, k: int) -> float:
    return sum(-math.log2(owners[item] / n_customers) for item in found[:k]) / len(found[:k])


def diversity(found: Sequence[Any], vectors: Mapping[Any, Sequence[float]], k: int) -> float:
    def cosine(a: Sequence[float], b: Sequence[float]) -> float:
        return sum(x * y for x, y in zip(a, b, strict=True)) / math.hypot(*a) / math.hypot(*b)

    items = [item for item in found[:k] if item in vectors]
    pairs = [(a, b) for place, a in enumerate(items) for b in items[place + 1 :]]
    if not pairs:
        return math.nan
    return sum(1 - cosine(vectors[a], vectors[b]) for a, b in pairs) / len(pairs)


def miscalibration(
    found: Sequence[Any], history: Mapping[Any, float], shares: Mapping[Any, Mapping[str, float]], k: int
) -> float:
    """Return Steck's C_KL with alpha = 0.01, natural logarithm."""

    def spread(weights: Mapping[Any, float]) -> dict[str, float]:
        known = {item: weight for item, weight in weights.items() if item in shares}
        total = sum(known.values())
        mixed: Counter[str] = Counter()
        for item, weight in known.items():
            for category, share in shares[item].items():
                mixed[category] += weight * share / total
        return dict(mixed)

    p, q = spread(history), spread(dict.fromkeys(found[:k], 1.0))
    if not p or not q:
        return math.nan
    return sum(share * math.log(share / (0.99 * q.get(name, 0.0) + 0.01 * share)) for name, share in p.items())


def gini(times: Sequence[int]) -> float:
    """Return half the relative mean difference over all ordered pairs of different items."""
    n = len(times)
    total = sum(abs(a - b) for a in times for b in times)
    return total / (2 * (n - 1) * sum(times))
