"""Recursive integration of a test that looks several times: who goes on after each look, and who stops.

The statistic of a look is taken as a score S = Z sqrt(I), whose increments between looks are independent,
N(effect x step, step) for a step of information [1]_ [2]_. What is kept between two looks is the density of the score
among those who went on, as masses on a Gauss-Legendre grid, computed once for no effect; for any other effect each mass
is multiplied by its likelihood ratio, exp(effect S - effect^2 I / 2).

References
----------
.. [1] Armitage, P., C. K. McPherson and B. C. Rowe (1969). Repeated significance tests on accumulating data. JRSS A
   132(2), 235-244.
.. [2] Jennison, C. and B. W. Turnbull (2000). Group Sequential Methods with Applications to Clinical Trials, ch. 19.
   Chapman & Hall.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

import numpy as np

from ..typing import FloatArray
from ._special import special

__all__ = [
    "Grid",
    "Regions",
    "above",
    "advance",
    "below",
    "root",
    "solve_above",
    "solve_below",
    "solve_inside",
    "start",
]

Regions: TypeAlias = "Sequence[tuple[float, float]]"
"""Intervals of z in which the test goes on."""

LEAST_GROWTH = 1e-4
"""Information that a look must add, relative to what there is; the grids grow with the inverse of its root."""

REACH = 10.0
"""Beyond this z nobody is followed who goes on; the probability to be there is 1.5e-23 without effect."""

NODES = 16
"""Nodes of one panel of the grid."""

PANEL = 4.0
"""Length of a panel, in standard deviations of the narrower of the steps before and after the look."""

LARGEST = 4_000_000
"""Pairs of nodes of neighbouring looks that are held in memory at once."""

TINY = 1e-15
"""Probabilities below this one are spent without regard to the looks before, which is on the safe side."""


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Those who go on after a look, if there is no effect.

    Parameters
    ----------
    score
        Nodes, S = Z sqrt(information).
    mass
        Probability at each node.
    information
        At that look; 0 before the first.
    """

    score: FloatArray
    mass: FloatArray
    information: float

    def tilted(self, effect: FloatArray | float) -> FloatArray:
        """Return the masses under an effect; an array of effects gives one row for each."""
        theta = np.asarray(effect, dtype=np.float64)[..., None]
        return self.mass * np.exp(theta * self.score - 0.5 * theta * theta * self.information)


def start() -> Grid:
    """Return everybody, before the first look."""
    return Grid(np.zeros(1), np.ones(1), 0.0)


def above(grid: Grid, information: float, z: float, effect: FloatArray | float = 0.0) -> FloatArray:
    """Return the probability to get to the look at `information` and see at least `z` there, for each effect."""
    return _tail(grid, information, z, effect, 1.0)


def below(grid: Grid, information: float, z: float, effect: FloatArray | float = 0.0) -> FloatArray:
    """Return the probability to get to the look at `information` and see at most `z` there, for each effect."""
    return _tail(grid, information, z, effect, -1.0)


def advance(grid: Grid, information: float, regions: Regions, following: float) -> Grid:
    """Return those who go on after the look at `information`, on a grid fine enough for a next look at `following`."""
    step = information - grid.information
    width = PANEL * math.sqrt(min(step, following - information) / information)
    pieces = [_nodes(low, high, width) for low, high in regions if min(high, REACH) > max(low, -REACH)]
    if not pieces:
        return Grid(np.zeros(0), np.zeros(0), information)
    z, weight = (np.concatenate(parts) for parts in zip(*pieces, strict=True))
    score = z * math.sqrt(information)
    blocks = np.array_split(score, 1 + score.size * grid.score.size // LARGEST)
    density = np.concatenate([_kernel(block, grid, step) for block in blocks])
    return Grid(score, density * weight * math.sqrt(information / (2.0 * math.pi * step)), information)


def solve_above(grid: Grid, information: float, probability: float) -> float:
    """Return the z that those who get to the look exceed with `probability`, if there is no effect."""
    if probability < TINY:
        return math.inf if probability <= 0.0 else float(-special.ndtri(probability))
    if probability >= _total(grid):
        return -math.inf
    tail, goal, high = (
        _tail_from(grid, information, 0.0, 1.0),
        math.log(probability),
        float(-special.ndtri(probability)),
    )
    return root(lambda z: math.log(tail(z) + 1e-300) - goal, high - 0.5, high)


def solve_below(grid: Grid, information: float, probability: float, effect: float) -> float:
    """Return the z that those who get to the look stay below with `probability`, under `effect`."""
    if probability >= _total(grid, effect):
        return math.inf
    tail, goal = _tail_from(grid, information, effect, -1.0), math.log(probability)
    low = float(special.ndtri(probability)) + effect * math.sqrt(information)
    return root(lambda z: math.log(tail(z) + 1e-300) - goal, low, low + 0.5)


def solve_inside(grid: Grid, information: float, probability: float, effect: float) -> float:
    """Return the z within which, on both sides of 0, those who get to the look stay with `probability`."""
    if probability >= _total(grid, effect):
        return math.inf
    tail = _tail_from(grid, information, effect, -1.0)
    return root(lambda z: tail(z) - tail(-z) - probability, 0.0, 1.0, low_end=0.0)


def root(function: Callable[[float], float], low: float, high: float, *, low_end: float = -math.inf) -> float:
    """Return a zero of a monotone function, first guessed between `low` and `high`; NaN if it has none in reach."""
    from scipy.optimize import brentq

    at_low, at_high, width = function(low), function(high), high - low
    for _ in range(60):
        if at_low * at_high <= 0.0:
            return float(brentq(function, low, high, xtol=1e-11, rtol=1e-12))
        width *= 1.6
        if abs(at_low) < abs(at_high) and low > low_end:
            low = max(low - width, low_end)
            at_low = function(low)
        else:
            high += width
            at_high = function(high)
    return math.nan


def _tail(grid: Grid, information: float, z: float, effect: FloatArray | float, side: float) -> FloatArray:
    step = information - grid.information
    mean = grid.score + np.asarray(effect, dtype=np.float64)[..., None] * step
    return (grid.tilted(effect) * special.ndtr(side * (mean - z * math.sqrt(information)) / math.sqrt(step))).sum(
        axis=-1
    )


def _tail_from(grid: Grid, information: float, effect: float, side: float) -> Callable[[float], float]:
    """Return the same as a function of z, with everything else worked out once."""
    step = information - grid.information
    mass, scale = grid.tilted(effect), side / math.sqrt(step)
    mean, slope = scale * (grid.score + effect * step), scale * math.sqrt(information)
    return lambda z: float((mass * special.ndtr(mean - slope * z)).sum())


def _kernel(score: FloatArray, grid: Grid, step: float) -> FloatArray:
    distance = (score[:, None] - grid.score) / math.sqrt(step)
    return np.exp(-0.5 * distance * distance) @ grid.mass


def _total(grid: Grid, effect: float = 0.0) -> float:
    return float(grid.tilted(effect).sum())


def _nodes(low: float, high: float, width: float) -> tuple[FloatArray, FloatArray]:
    """Return nodes and weights of Gauss-Legendre panels of at most `width` between two values of z."""
    low, high = max(low, -REACH), min(high, REACH)
    panels = max(1, math.ceil((high - low) / width))
    half = 0.5 * (high - low) / panels
    x, weight = _legendre()
    centres = low + half * (2.0 * np.arange(panels) + 1.0)
    return (centres[:, None] + half * x).ravel(), np.tile(half * weight, panels)


@cache
def _legendre() -> tuple[FloatArray, FloatArray]:
    return np.polynomial.legendre.leggauss(NODES)
