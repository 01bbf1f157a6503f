"""Neighbourhood models and the contract of recommendations, pair by pair from the definitions.

`weights` is a list with one dict (feature to weight) a row.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence

Rows = Sequence[Mapping[int, float]]


def similarity(
    rows: Rows, name: str, i: int, j: int, h: float, alpha: float, beta: float, k1: float, b: float
) -> float:
    """Return the similarity of row j to row i."""
    x, y = rows[i], rows[j]
    common = sorted(set(x) & set(y))
    n = len(rows)
    having = {f: sum(f in row for row in rows) for f in set(x) | set(y)}
    total = {f: sum(row.get(f, 0.0) for row in rows) for f in having}
    if name in ("p3alpha", "rp3beta"):
        walk = sum((x[f] / sum(x.values())) ** alpha * (y[f] / total[f]) ** alpha for f in common)
        return walk / len(y) ** beta if name == "rp3beta" else walk
    if name == "bm25":
        mean = sum(sum(row.values()) for row in rows) / n

        def saturated(row: Mapping[int, float], f: int) -> float:
            idf = math.log(1 + (n - having[f] + 0.5) / (having[f] + 0.5))
            return idf * row[f] * (k1 + 1) / (row[f] + k1 * (1 - b + b * sum(row.values()) / mean))

        return sum(saturated(x, f) * saturated(y, f) for f in common)
    if name in ("pearson", "adjusted_cosine"):
        centre_x = {f: sum(x.values()) / len(x) if name == "pearson" else total[f] / having[f] for f in x}
        centre_y = {f: sum(y.values()) / len(y) if name == "pearson" else total[f] / having[f] for f in y}
        dx = {f: x[f] - centre_x[f] for f in common}
        dy = {f: y[f] - centre_y[f] for f in common}
        norm = math.sqrt(sum(v * v for v in dx.values())) * math.sqrt(sum(v * v for v in dy.values())) + h
        return sum(dx[f] * dy[f] for f in common) / norm if norm else 0.0
    if name == "tfidf":
        x, y = ({f: w * math.log(n / having[f]) for f, w in row.items()} for row in (x, y))
    dot = sum(x[f] * y[f] for f in common)
    xx, yy = sum(w * w for w in x.values()), sum(w * w for w in y.values())
    if name in ("cosine", "tfidf"):
        norm = math.sqrt(xx * yy) + h
    elif name == "asymmetric":
        norm = xx**alpha * yy ** (1 - alpha) + h
    else:
        alpha, beta = {"jaccard": (1.0, 1.0), "dice": (0.5, 0.5)}.get(name, (alpha, beta))
        norm = dot + alpha * (xx - dot) + beta * (yy - dot) + h
    return dot / norm if norm else 0.0


def nearest(rows: Rows, k: int, alike: Callable[[int, int], float], *, positive: bool) -> list[dict[int, float]]:
    """Return the `k` rows most similar to each row, of those with a common feature."""
    table: list[dict[int, float]] = []
    for i in range(len(rows)):
        found = {j: alike(i, j) for j in range(len(rows)) if j != i and set(rows[i]) & set(rows[j])}
        best = sorted((j for j in found if not positive or found[j] > 0), key=lambda j: (-found[j], j))[:k]
        table.append({j: found[j] for j in best})
    return table


def product(row: Mapping[int, float], table: Rows) -> dict[int, float]:
    """Return the score of each item that a row reaches through a table."""
    scores: dict[int, float] = {}
    for source in sorted(row):
        for item, value in table[source].items():
            scores[item] = scores.get(item, 0.0) + row[source] * value
    return scores


def ranking(
    scores: Mapping[int, float],
    k: int,
    *,
    forbidden: Collection[int] = (),
    allowed: Collection[int] | None = None,
    groups: Mapping[int, int] | None = None,
    cap: int = 0,
    boost: Mapping[int, float] | None = None,
    before: Sequence[int] = (),
) -> list[int]:
    """Return the best items in order, after those that stand there before."""
    groups, boost = groups or {}, boost or {}
    lifted = {j: s * boost.get(j, 1.0) if s >= 0 else s / boost.get(j, 1.0) for j, s in scores.items()}
    chosen = list(before)
    for item in sorted(lifted, key=lambda j: (-lifted[j], j)):
        if len(chosen) == k or item in chosen or item in forbidden or (allowed is not None and item not in allowed):
            continue
        if item in groups and sum(groups.get(other) == groups[item] for other in chosen) >= cap:
            continue
        chosen.append(item)
    return chosen
