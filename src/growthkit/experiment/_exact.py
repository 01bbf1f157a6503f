"""Exact unconditional limits for a difference of proportions (Buehler's construction).

Tables are ordered by one approximate lower limit. The exact lower limit of the observed table is the least difference
at which tables ordered as high as it have a probability of at least `tail`, for some value of the nuisance parameter.
Because the order is fixed and rises with x1 and falls with x2, that probability rises with the difference: limits and
tests agree at every level, and coverage is never below the nominal one.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..typing import FloatArray, Int64Array
from ._binomial import Pair, wilson_limits
from ._roots import bracketed_roots
from ._special import special

__all__ = ["MOST_TRIALS", "exact_limits", "exact_tails"]

MOST_TRIALS = 2_000
"""Trials in one arm beyond which exact limits take longer than anybody waits, and differ from the score's by little."""

ORDER_DEVIATE = 1.9599639845400545
"""Tables are ordered by Newcombe's lower 97.5 % limit, whatever the confidence asked for."""

GRID, PEAKS, ZOOM, ZOOMS = 129, 3, 9, 4
"""The nuisance parameter is searched on a grid, then around its highest peaks, each time in a quarter of the width."""


def exact_limits(arms: Any, tail: float) -> Pair:
    """Return the limits of p1 - p2 that miss with probability `tail` at most."""
    lower = [_limit(x1, n1, x2, n2, tail) for x1, n1, x2, n2 in zip(*arms, strict=True)]
    upper = [-_limit(x2, n2, x1, n1, tail) for x1, n1, x2, n2 in zip(*arms, strict=True)]
    return np.array(lower), np.array(upper)


def exact_tails(arms: Any, null: FloatArray) -> Pair:
    """Return the p-values of p1 - p2 against "greater" and "less"."""
    rows = list(zip(*arms, null, strict=True))
    greater = [_worst(_at_most(x1, n1, x2, n2), n1, n2, d) for x1, n1, x2, n2, d in rows]
    less = [_worst(_at_most(x2, n2, x1, n1), n2, n1, -d) for x1, n1, x2, n2, d in rows]
    return np.array(greater), np.array(less)


def _at_most(x1: float, n1: float, x2: float, n2: float) -> FloatArray:
    """Return, for 0 to n1 events in the first arm, the most in the second that are ordered as high; -1 for none."""
    first = np.arange(n1 + 1)
    goal = _order(np.array([x1]), n1, np.array([x2]), n2)[0] - 1e-12
    low, high = np.full(first.size, -1.0), np.full(first.size, n2)
    while (low < high).any():
        middle = np.ceil((low + high) / 2)
        reached = (_order(first, n1, np.maximum(middle, 0), n2) >= goal) & (middle >= 0)
        low, high = np.where(reached, middle, low), np.where(reached, high, np.maximum(middle - 1, -1))
    return low


def _order(x1: FloatArray, n1: float, x2: FloatArray, n2: float) -> FloatArray:
    p1, p2 = x1 / n1, x2 / n2
    lower = wilson_limits(x1, np.full(x1.size, n1), ORDER_DEVIATE)[0]
    upper = wilson_limits(x2, np.full(x2.size, n2), ORDER_DEVIATE)[1]
    return p1 - p2 - np.hypot(p1 - lower, upper - p2)


def _limit(x1: float, n1: float, x2: float, n2: float, tail: float) -> float:
    if x1 == 0 and x2 == n2:
        return -1.0
    region = _at_most(x1, n1, x2, n2)

    def excess(delta: FloatArray, _: Any) -> FloatArray:
        return np.log(np.maximum([_worst(region, n1, n2, float(d)) for d in delta], 1e-300)) - np.log(tail)

    ends = np.array([-1.0]), np.array([1.0])
    return float(bracketed_roots(excess, *ends, np.array([-1.0]), np.array([1.0]), tolerance=1e-10)[0])


def _worst(region: FloatArray, n1: float, n2: float, delta: float) -> float:
    """Return the largest probability of the region over p2, with p1 = p2 + delta."""
    low, high = max(0.0, -delta), min(1.0, 1.0 - delta)
    grid = low + (high - low) * np.sin(np.linspace(0, np.pi / 2, GRID)) ** 2
    heights = _probability(region, n1, n2, grid + delta, grid)
    peaks = _peaks(heights)
    left, right = grid[np.maximum(peaks - 1, 0)], grid[np.minimum(peaks + 1, GRID - 1)]
    best = heights[peaks]
    for _ in range(ZOOMS):
        fine = np.linspace(left, right, ZOOM)
        heights = _probability(region, n1, n2, fine.ravel() + delta, fine.ravel()).reshape(fine.shape)
        best = np.maximum(best, heights.max(axis=0))
        peaks, among = heights.argmax(axis=0), np.arange(best.size)
        left, right = fine[np.maximum(peaks - 1, 0), among], fine[np.minimum(peaks + 1, ZOOM - 1), among]
    return float(min(best.max(), 1.0))


def _peaks(heights: FloatArray) -> Int64Array:
    """Return where the highest few local maxima of the grid are."""
    padded = np.concatenate([[-1.0], heights, [-1.0]])
    summits = np.flatnonzero((heights >= padded[:-2]) & (heights >= padded[2:]))
    return summits[np.argsort(heights[summits])[-PEAKS:]]


def _probability(region: FloatArray, n1: float, n2: float, p1: FloatArray, p2: FloatArray) -> FloatArray:
    """Sum over the first arm: the chance of so many events, times that of at most `region` events in the second."""
    first = np.flatnonzero(region >= 0)
    p1, p2 = np.clip(p1, 0, 1)[:, None], np.clip(p2, 0, 1)[:, None]
    choices = -special.betaln(first + 1, n1 - first + 1) - np.log(n1 + 1)
    chance = np.exp(choices + special.xlogy(first, p1) + special.xlog1py(n1 - first, -p1))
    most = region[first]
    below = np.where(most == n2, 1.0, special.betaincc(most + 1, np.maximum(n2 - most, 1), p2))
    return (chance * below).sum(axis=1)
