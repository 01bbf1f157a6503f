"""Slow, readable twins of the re-rankers: one list at a time, straight from the formulas."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence


def greedy(n: int, k: int, worth: Callable[[list[int], int], float]) -> list[int]:
    """Return candidates chosen one by one by what each is worth after those before; the first of equals."""
    chosen: list[int] = []
    while len(chosen) < min(k, n):
        rest = [i for i in range(n) if i not in chosen]
        chosen.append(max(rest, key=lambda i: (worth(chosen, i), -i)))
    return chosen


def mmr_worth(
    relevance: Sequence[float], similarity: Callable[[int, int], float], trade_off: float
) -> Callable[[list[int], int], float]:
    """Return the worth of maximal marginal relevance."""

    def worth(chosen: list[int], i: int) -> float:
        near = max((similarity(i, j) for j in chosen), default=0.0)
        return trade_off * relevance[i] - (1.0 - trade_off) * near

    return worth


def divergence(target: Mapping[str, float], items: Sequence[Mapping[str, float]], smoothing: float) -> float:
    """Return KL(target, mean of the items' shares), smoothed."""
    total = 0.0
    for aspect, p in target.items():
        q = sum(item.get(aspect, 0.0) for item in items) / len(items)
        if p > 0:
            total += p * math.log(p / ((1 - smoothing) * q + smoothing * p))
    return total


def calibrated_worth(
    relevance: Sequence[float],
    shares: Sequence[Mapping[str, float]],
    target: Mapping[str, float],
    trade_off: float,
    smoothing: float,
) -> Callable[[list[int], int], float]:
    """Return the objective of calibration of the whole list with a candidate added."""

    def worth(chosen: list[int], i: int) -> float:
        places = [*chosen, i]
        miss = divergence(target, [shares[j] for j in places], smoothing)
        return (1 - trade_off) * sum(relevance[j] for j in places) - trade_off * miss

    return worth


def xquad_worth(
    relevance: Sequence[float], shares: Sequence[Mapping[str, float]], target: Mapping[str, float], trade_off: float
) -> Callable[[list[int], int], float]:
    """Return the worth of explicit query aspect diversification."""

    def worth(chosen: list[int], i: int) -> float:
        gain = 0.0
        for aspect, p in target.items():
            unmet = math.prod(1.0 - relevance[j] * shares[j].get(aspect, 0.0) for j in chosen)
            gain += p * relevance[i] * shares[i].get(aspect, 0.0) * unmet
        return (1 - trade_off) * relevance[i] + trade_off * gain

    return worth


def allowed(
    groups: Sequence[str], places: Sequence[int], rules: Sequence[tuple[str | None, int, int | None, int]]
) -> bool:
    """Whether a list keeps rules of (group, at_least, at_most, within)."""
    for group, at_least, at_most, within in rules:
        names = set(groups) if group is None else {group}
        for name in names:
            count = sum(groups[i] == name for i in places[:within])
            if count < at_least or (at_most is not None and count > at_most):
                return False
    return True


def quota_lists(
    groups: Sequence[str], k: int, rules: Sequence[tuple[str | None, int, int | None, int]]
) -> Iterator[tuple[int, ...]]:
    """Yield all lists of `k` candidates that keep the rules, those with earlier candidates in front first."""
    for places in itertools.permutations(range(len(groups)), k):
        if allowed(groups, places, rules):
            yield places
