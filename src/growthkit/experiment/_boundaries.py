"""Bounds of a group sequential test: spending functions, classical constants, futility, and the drift they need."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np

from ..typing import FloatArray
from ._recursion import Grid, Regions, above, advance, below, root, solve_above, solve_below, solve_inside, start
from ._special import special

__all__ = ["SHAPES", "SPENDING", "Plan", "Walk", "futility_at", "regions", "settle", "spent_by_look", "spent_share"]

SPENDING = ("obrien_fleming", "pocock", "kim_demets", "hwang_shih_decani")

SHAPES = {"kim_demets": "rho", "hwang_shih_decani": "gamma", "wang_tsiatis": "Delta", "haybittle_peto": "interim z"}
"""What the number of a family is called, for the families that have one."""

Efficacy: TypeAlias = Callable[[int, Grid], float]
Futility: TypeAlias = Callable[[int, Grid, float], float]


def spent_share(function: str, share: FloatArray | float, total: float, shape: float | None) -> FloatArray:
    """Return how much of an error `total` a spending function has spent at a share of the planned information."""
    t = np.clip(np.asarray(share, dtype=np.float64), 0.0, 1.0)
    if function == "obrien_fleming":
        with np.errstate(divide="ignore"):
            return 2.0 * special.ndtr(special.ndtri(0.5 * total) / np.sqrt(t))
    if function == "pocock":
        return total * np.log1p((math.e - 1.0) * t)
    assert shape is not None
    if function == "kim_demets":
        return total * t**shape
    return total * t if shape == 0.0 else total * np.expm1(-shape * t) / math.expm1(-shape)


@dataclass(frozen=True, slots=True, eq=False)
class Walk:
    """A test from its first look to its last.

    Parameters
    ----------
    information
        At each look.
    bounds, futility
        On the z scale, of each look; NaN where there is no futility bound.
    grids
        Who gets to each look.
    sided
        1 or 2.
    """

    information: FloatArray
    bounds: FloatArray
    futility: FloatArray
    grids: tuple[Grid, ...]
    sided: int

    def upper(self, effect: FloatArray | float) -> FloatArray:
        """Return, by look (first axis) and effect, the probability to stop there above the upper bound."""
        looks = zip(self.grids, self.information, self.bounds, strict=True)
        return np.array([above(grid, float(info), float(z), effect) for grid, info, z in looks])

    def lower(self, effect: FloatArray | float) -> FloatArray:
        """Return the same for the lower bound; zeros for a one-sided test."""
        if self.sided == 1:
            return np.zeros_like(self.upper(effect))
        looks = zip(self.grids, self.information, self.bounds, strict=True)
        return np.array([below(grid, float(info), -float(z), effect) for grid, info, z in looks])

    def stopped(self, effect: FloatArray | float) -> FloatArray:
        """Return the same for the futility bound, the last look left out."""
        looks = zip(self.grids[:-1], self.information[:-1], self.futility[:-1], strict=True)
        rows = [self._futile(grid, float(info), float(z), effect) for grid, info, z in looks]
        return np.array([*rows, np.zeros(np.shape(effect))])

    def _futile(self, grid: Grid, information: float, z: float, effect: FloatArray | float) -> FloatArray:
        if math.isnan(z):
            return np.zeros(np.shape(effect))
        stop = below(grid, information, z, effect)
        return stop if self.sided == 1 else stop - below(grid, information, -z, effect)


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What a group sequential test was asked to be, checked.

    Parameters
    ----------
    alpha, beta
        Errors of the whole test.
    sided
        1 or 2.
    design, spending, shape
        The family of the bounds and its number.
    information
        At each planned look.
    futility, futility_shape, binding
        None, a spending function of beta (and its number), or z bounds of the looks but the last; and whether the
        efficacy bounds count on them.
    """

    alpha: float
    beta: float
    sided: int
    design: str
    spending: str
    shape: float | None
    information: FloatArray
    futility: str | FloatArray | None
    futility_shape: float | None
    binding: bool
    fractions: FloatArray = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "fractions", self.information / self.information[-1])

    @property
    def side(self) -> float:
        """The error of one side."""
        return self.alpha / self.sided

    def constants(self) -> FloatArray:
        """Return the bounds of a classical design up to the constant: of Wang and Tsiatis with their Delta."""
        delta = {"obrien_fleming": 0.0, "pocock": 0.5}.get(self.design, self.shape)
        assert delta is not None
        return self.fractions ** (delta - 0.5)

    def bounds_at(self, look: int, information: FloatArray, *, final: bool) -> float:
        """Return the bound of a look (from 0), the last of those made so far at `information`."""
        by_look = None if self.design == "spending" else spent_by_look(efficacy_walk(self, self.counted_on()))
        spent = self.spent_at(information, by_look, final=final)
        at = replace(self, information=information)
        return float(follow(at, _spent_on(information, spent), self.counted_on()).bounds[look])

    def level_at(self, look: int, score: float) -> float:
        """Return the level of the classical design whose bound at a planned look (from 0) is `score`."""
        shape = self.constants()
        walk = follow(self, _given(score / shape[look] * shape), self.counted_on())
        return min(1.0, self.sided * float(walk.upper(0.0).sum()))

    def spent_at(self, information: FloatArray, by_look: FloatArray | None, *, final: bool) -> FloatArray:
        """Return the error of one side spent up to each look made so far; all of it if the last of them is final.

        A spending function goes by the information; a classical design, whose `by_look` is given, by the number of the
        look.
        """
        if by_look is None:
            spent = spent_share(self.spending, information / self.information[-1], self.side, self.shape)
        else:
            spent = by_look[: information.size].copy()
        if final:
            spent[-1] = self.side
        return spent

    def counted_on(self) -> Futility:
        """Return the futility bounds that the efficacy bounds count on, as far as they are given as numbers."""
        return _given_futility(self.futility) if self.binding and isinstance(self.futility, np.ndarray) else _none


def spent_by_look(walk: Walk) -> FloatArray:
    """Return the error of one side spent up to each look."""
    return np.cumsum(walk.upper(0.0))


def settle(plan: Plan) -> tuple[Walk, Walk, float]:
    """Return the walk with which alpha is kept, the walk as it is lived, and the drift for which power is 1 - beta."""
    if isinstance(plan.futility, str):
        return _settle_spent_beta(plan)
    fixed = _none if plan.futility is None else _given_futility(plan.futility)
    efficacy = efficacy_walk(plan, fixed if plan.binding else _none)
    lived = efficacy if plan.binding or plan.futility is None else follow(plan, _given(efficacy.bounds), fixed)
    return efficacy, lived, _drift(plan, lambda _: lived)


def _settle_spent_beta(plan: Plan) -> tuple[Walk, Walk, float]:
    free = efficacy_walk(plan, _none)

    def at(drift: float) -> Walk:
        spend = _spent_futility(plan, drift)
        return efficacy_walk(plan, spend) if plan.binding else follow(plan, _given(free.bounds), spend)

    drift = _drift(plan, at)
    lived = at(drift)
    return (lived if plan.binding else free), lived, drift


def _drift(plan: Plan, walk: Callable[[float], Walk]) -> float:
    """Return effect x sqrt(planned information) for which the test stops in its favour with probability 1 - beta."""
    scale = math.sqrt(plan.information[-1])
    fixed = float(-special.ndtri(plan.side) - special.ndtri(plan.beta))

    def shortfall(drift: float) -> float:
        return float(walk(drift).upper(drift / scale).sum()) - 1.0 + plan.beta

    return root(shortfall, fixed, 1.1 * fixed + 0.05, low_end=0.0)


def efficacy_walk(plan: Plan, futility: Futility) -> Walk:
    if plan.design == "spending":
        spent = spent_share(plan.spending, plan.fractions, plan.side, plan.shape)
        return follow(plan, _spent_on(plan.information, spent), futility)
    if plan.design == "haybittle_peto":
        return _haybittle_peto(plan, futility)
    shape = plan.constants()

    def excess(constant: float) -> float:
        return math.log(float(follow(plan, _given(constant * shape), futility).upper(0.0).sum()) / plan.side)

    first = float(-special.ndtri(plan.side))
    return follow(plan, _given(root(excess, first, first + 0.3) * shape), futility)


def _haybittle_peto(plan: Plan, futility: Futility) -> Walk:
    last = plan.information.size - 1
    assert plan.shape is not None
    interim = plan.shape
    spent = 0.0

    def bound(k: int, grid: Grid) -> float:
        nonlocal spent
        if k == last:
            return solve_above(grid, float(plan.information[k]), plan.side - spent) if spent < plan.side else math.nan
        spent += float(above(grid, float(plan.information[k]), interim))
        return interim

    return follow(plan, bound, futility)


def follow(plan: Plan, efficacy: Efficacy, futility: Futility) -> Walk:
    """Walk from look to look: find the bounds of each, then who goes on."""
    grid, info, last = start(), plan.information, plan.information.size - 1
    grids: list[Grid] = []
    bounds, futile = np.full(info.size, np.nan), np.full(info.size, np.nan)
    for k in range(info.size):
        grids.append(grid)
        bounds[k] = efficacy(k, grid)
        if k < last:
            futile[k] = futility(k, grid, bounds[k])
            grid = advance(grid, float(info[k]), regions(plan.sided, bounds[k], futile[k]), float(info[k + 1]))
    return Walk(info, bounds, futile, tuple(grids), plan.sided)


def regions(sided: int, bound: float, futility: float) -> Regions:
    """Return the intervals of z in which the test goes on."""
    if sided == 1:
        return [(-math.inf if math.isnan(futility) else futility, bound)]
    return [(-bound, bound)] if math.isnan(futility) or futility <= 0 else [(-bound, -futility), (futility, bound)]


def futility_at(grid: Grid, information: float, spend: float, effect: float, sided: int, bound: float) -> float:
    """Return the futility bound of a look that spends that much of beta, at most its efficacy bound."""
    if spend <= 0.0:
        return math.nan
    solve = solve_below if sided == 1 else solve_inside
    return min(solve(grid, information, spend, effect), bound)


def _spent_on(information: FloatArray, spent: FloatArray) -> Efficacy:
    steps = np.diff(spent, prepend=0.0)
    return lambda k, grid: solve_above(grid, float(information[k]), float(steps[k]))


def _given(bounds: FloatArray) -> Efficacy:
    return lambda k, _: float(bounds[k])


def _given_futility(bounds: FloatArray) -> Futility:
    return lambda k, _, bound: min(float(bounds[k]), bound) if k < bounds.size else math.nan


def _none(_k: int, _grid: Grid, _bound: float) -> float:
    return math.nan


def _spent_futility(plan: Plan, drift: float) -> Futility:
    effect = drift / math.sqrt(plan.information[-1])
    spent = spent_share(str(plan.futility), plan.fractions, plan.beta, plan.futility_shape)
    steps = np.diff(spent, prepend=0.0)
    return lambda k, grid, bound: futility_at(
        grid, float(plan.information[k]), float(steps[k]), effect, plan.sided, bound
    )
