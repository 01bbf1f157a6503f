"""Slow, readable twins of popularity, content, session neighbours and fusion: dictionaries and loops."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence


def popularity(
    pairs: Sequence[tuple[str, str, float]], window: float | None, half_life: float | None
) -> dict[str, float]:
    """Return the decayed number of customers of each item; pairs are (customer, item, day)."""
    now = max(day for _, _, day in pairs)
    counts: dict[str, float] = defaultdict(float)
    for _, item, day in pairs:
        age = now - day
        if window is None or age < window:
            counts[item] += 1.0 if half_life is None else 0.5 ** (age / half_life)
    return dict(counts)


def by_segment(
    pairs: Sequence[tuple[str, str]], segments: Mapping[str, str], segment: str, smoothing: float
) -> dict[str, float]:
    """Return the customers of each item in a segment, filled up with what is usual overall."""
    overall = Counter(item for _, item in pairs)
    inside = Counter(item for customer, item in pairs if segments.get(customer) == segment)
    return {item: inside[item] + smoothing * n / sum(overall.values()) for item, n in overall.items()}


def cosine(one: Mapping[str, float], two: Mapping[str, float]) -> float:
    """Return the cosine of two sparse vectors; 0 where one is empty."""
    product = sum(value * two.get(name, 0.0) for name, value in one.items())
    lengths = math.sqrt(sum(v * v for v in one.values())) * math.sqrt(sum(v * v for v in two.values()))
    return product / lengths if lengths else 0.0


def unit(vector: Mapping[str, float]) -> dict[str, float]:
    """Return a vector scaled to length 1."""
    length = math.sqrt(sum(v * v for v in vector.values()))
    return {name: value / length for name, value in vector.items()} if length else {}


def category_vectors(rows: Sequence[Mapping[str, str]], columns: Sequence[str]) -> list[dict[str, float]]:
    """Return the unit vectors of items described by categories alone."""
    rarity: dict[tuple[str, str], float] = {}
    for column in columns:
        counts = Counter(row[column] for row in rows)
        raw = {label: 1 + math.log((1 + len(rows)) / (1 + n)) for label, n in counts.items()}
        rarity |= {(column, label): value / (1 + math.log((1 + len(rows)) / 2)) for label, value in raw.items()}
    return [unit({f"{c} = {row[c]}": rarity[c, row[c]] for c in columns}) for row in rows]


def mean_vector(vectors: Sequence[Mapping[str, float]], weights: Sequence[float]) -> dict[str, float]:
    """Return the weighted sum of vectors."""
    total: dict[str, float] = defaultdict(float)
    for vector, weight in zip(vectors, weights, strict=True):
        for name, value in vector.items():
            total[name] += weight * value
    return dict(total)


POSITION = {
    "same": lambda p, n: 1.0,
    "linear": lambda p, n: p / n,
    "quadratic": lambda p, n: (p / n) ** 2,
    "log": lambda p, n: 1 / math.log10(n - p + 1.7),
}
STEP = {
    "same": lambda t: 1.0,
    "linear": lambda t: max(1 - 0.1 * (t - 1), 0.0),
    "quadratic": lambda t: 1 / t**2,
    "log": lambda t: 1 / math.log10(t + 1.7),
    "reciprocal": lambda t: 1 / t,
}


def session_scores(
    sessions: Sequence[Sequence[str]],
    last_times: Sequence[int],
    current: Sequence[str],
    *,
    k: int,
    sample_size: int,
    decay: str,
    step_decay: str,
    idf_weight: float,
) -> dict[str, float]:
    """Return V-SKNN scores of all items that some neighbour of the current session holds."""
    n = len(current)
    recency = sorted(range(len(sessions)), key=lambda s: (-last_times[s], s))
    sharing = [s for s in recency if set(sessions[s]) & set(current)][:sample_size]
    similarity = {
        s: sum(POSITION[decay](p, n) / n for p, item in enumerate(current, 1) if item in sessions[s]) for s in sharing
    }
    neighbours = sorted(sharing, key=lambda s: (-similarity[s], recency.index(s)))[:k]
    held = Counter(item for items in sessions for item in items)
    scores: dict[str, float] = defaultdict(float)
    for s in neighbours:
        step = next(t for t, item in enumerate(reversed(current), 1) if item in sessions[s])
        for item in sessions[s]:
            rarity = 1 + idf_weight * math.log(len(sessions) / held[item])
            scores[item] += similarity[s] * STEP[step_decay](step) * rarity
    return dict(scores)


def reciprocal_rank_fusion(
    lists: Sequence[Sequence[str]], weights: Sequence[float], constant: float
) -> dict[str, float]:
    """Return ``sum(weight / (constant + rank))`` of each item over the lists that hold it."""
    scores: dict[str, float] = defaultdict(float)
    for items, weight in zip(lists, weights, strict=True):
        for rank, item in enumerate(items, 1):
            scores[item] += weight / (constant + rank)
    return dict(scores)
