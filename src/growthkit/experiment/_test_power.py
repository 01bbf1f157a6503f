"""The power of a comparison of two arms, and its inverses: one definition, rows of many plans at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from ..typing import AnyArray, BoolArray, FloatArray
from ._contrasts import Arms, restricted_difference
from ._roots import bracketed_roots
from ._special import special

__all__ = ["T_FORMULAS", "Comparison", "power_of", "solve_effect", "solve_size"]

T_FORMULAS = ("welch", "student")

NORMAL_DF = 1e6
"""Degrees of freedom from which on Student's t counts as normal."""

MOST_UNITS = 1e15

LEAST_EFFECT = 1e-12
"""The smallest effect looked for, as a share of the largest."""


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """How a treatment will be compared with the control. Arrays have one entry a plan.

    Parameters
    ----------
    formula
        "pooled", "unpooled", "continuity" or "arcsine" for proportions, "welch", "student" or "normal" for means.
    goal
        "superiority", "non_inferiority" or "equivalence".
    two_sided
        Whether a difference in the unwanted direction counts as found, for superiority.
    sign
        1 where more is better (or looked for), -1 where less is.
    relative_margin
        Whether `margin` is a share of the control's mean.
    baseline
        Mean of the control.
    tail
        Level of one side of the test, after corrections.
    factor
        By what the variance of a mean exceeds variance / units: clusters, sequential looks, covariates.
    cluster
        Units in a cluster.
    margin
        0 for superiority.
    sd_control, sd_treatment
        Standard deviations of a unit; NaN for proportions.
    """

    formula: str
    goal: str
    two_sided: bool
    sign: int
    relative_margin: bool
    baseline: FloatArray
    tail: FloatArray
    factor: FloatArray
    cluster: FloatArray
    margin: FloatArray
    sd_control: FloatArray
    sd_treatment: FloatArray

    def take(self, rows: AnyArray) -> Comparison:
        """Return some of the rows."""
        parts: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        return replace(self, **{name: part[rows] for name, part in parts.items() if isinstance(part, np.ndarray)})

    def null(self, side: int) -> tuple[FloatArray, FloatArray]:
        """Return slope and shift of the hypothesis ``treatment = slope x control + shift`` at one margin."""
        one, zero = np.ones(self.baseline.size), np.zeros(self.baseline.size)
        if self.relative_margin:
            return one + side * self.margin, zero
        return one, zero + side * self.margin

    def variances(self, mean: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the variance of a unit of control and of treatment, whose mean is `mean`."""
        if self.formula in T_FORMULAS or self.formula == "normal":
            return self.sd_control**2, self.sd_treatment**2
        return self.baseline * (1 - self.baseline), mean * (1 - mean)


def power_of(plan: Comparison, n0: FloatArray, n1: FloatArray, mean: FloatArray) -> FloatArray:
    """Return the power with `n0` and `n1` units if the treatment's mean is `mean`."""
    if plan.goal == "superiority":
        found = _rejects(plan, n0, n1, mean, 0, plan.sign)
        return found + _rejects(plan, n0, n1, mean, 0, -plan.sign) if plan.two_sided else found
    if plan.goal == "non_inferiority":
        return _rejects(plan, n0, n1, mean, -plan.sign, plan.sign)
    both = _rejects(plan, n0, n1, mean, -1, 1) + _rejects(plan, n0, n1, mean, 1, -1)
    return np.maximum(both - 1, 0)


def solve_size(plan: Comparison, ratio: FloatArray, mean: FloatArray, power: FloatArray) -> FloatArray:
    """Return the units of the control, not rounded; NaN where no number gives the power."""
    least = 2 * plan.cluster * np.maximum(1, 1 / ratio)

    def excess(log_n: FloatArray, rows: AnyArray) -> FloatArray:
        n = np.exp(log_n)
        return power_of(plan.take(rows), n, ratio[rows] * n, mean[rows]) - power[rows]

    return np.exp(_solve(excess, np.log(least), np.full(least.size, np.log(MOST_UNITS))))


def solve_effect(plan: Comparison, n0: FloatArray, n1: FloatArray, power: FloatArray) -> FloatArray:
    """Return the mean of the treatment nearest to the hypothesis that is found with `power`; NaN if none is."""
    slope, shift = plan.null(-plan.sign if plan.goal == "non_inferiority" else 0)
    start = slope * plan.baseline + shift
    reach = _reach(plan, n0, n1, start)

    def excess(log_share: FloatArray, rows: AnyArray) -> FloatArray:
        mean = start[rows] + plan.sign * reach[rows] * np.exp(log_share)
        return power_of(plan.take(rows), n0[rows], n1[rows], mean) - power[rows]

    low = np.full(start.size, np.log(LEAST_EFFECT))
    return start + plan.sign * reach * np.exp(_solve(excess, low, np.zeros(start.size)))


def _reach(plan: Comparison, n0: FloatArray, n1: FloatArray, start: FloatArray) -> FloatArray:
    """Return how far from the hypothesis a mean can be, or need be."""
    if plan.formula not in T_FORMULAS and plan.formula != "normal":
        return (1 - start) if plan.sign > 0 else start
    v0, v1 = plan.variances(start)
    return 1e5 * np.sqrt(plan.factor * (v0 / n0 + v1 / n1))


def _solve(excess: Callable[[FloatArray, AnyArray], FloatArray], low: FloatArray, high: FloatArray) -> FloatArray:
    """Return the roots; `low` where the function is not negative there, NaN where it is not positive at `high`."""
    rows = np.arange(low.size)
    f_low, f_high = excess(low, rows), excess(high, rows)
    found = np.where(f_low >= 0, low, np.where(f_high == 0, high, np.nan))
    open_: BoolArray = (f_low < 0) & (f_high > 0)
    if open_.any():
        part = rows[open_]
        found[open_] = bracketed_roots(
            lambda x, some: excess(x, part[some]), low[open_], high[open_], f_low[open_], f_high[open_]
        )
    return found


def _rejects(
    plan: Comparison, n0: FloatArray, n1: FloatArray, mean: FloatArray, margin_side: int, side: int
) -> FloatArray:
    """Return the probability to find the treatment above (side 1) or below (-1) the hypothesis."""
    slope, shift = plan.null(margin_side)
    z = -special.ndtri(plan.tail)
    if plan.formula == "arcsine":
        distance = 2 * (np.arcsin(np.sqrt(mean)) - np.arcsin(np.sqrt(plan.baseline)))
        return special.ndtr(side * distance / np.sqrt(plan.factor * (1 / n0 + 1 / n1)) - z)
    distance = side * (mean - slope * plan.baseline - shift)
    v0, v1 = plan.variances(mean)
    parts = plan.factor * slope**2 * v0 / n0, plan.factor * v1 / n1
    error = np.sqrt(parts[0] + parts[1])
    if plan.formula in T_FORMULAS:
        return _beyond_t(plan, n0, n1, distance, parts)
    if plan.formula in ("pooled", "continuity"):
        null_error = np.sqrt(plan.factor * _null_variance(plan, n0, n1, mean, slope, shift))
    else:
        null_error = error
    step = plan.factor * (1 / n0 + 1 / n1) / 2 if plan.formula == "continuity" else 0.0
    return _share(distance - step - z * null_error, error)


def _share(distance: FloatArray, error: FloatArray) -> FloatArray:
    """Return ndtr(distance / error), also where there is no error."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(error > 0, special.ndtr(distance / error), distance > 0)


def _beyond_t(
    plan: Comparison, n0: FloatArray, n1: FloatArray, distance: FloatArray, parts: tuple[FloatArray, FloatArray]
) -> FloatArray:
    """Return the probability that Student's t exceeds its critical value, by the noncentral t distribution."""
    m0, m1 = np.maximum(n0 / plan.cluster - 1, 1e-9), np.maximum(n1 / plan.cluster - 1, 1e-9)
    total = parts[0] + parts[1]
    with np.errstate(divide="ignore", invalid="ignore"):
        welch = total**2 / (parts[0] ** 2 / m0 + parts[1] ** 2 / m1)
        df = m0 + m1 if plan.formula == "student" else np.where(total > 0, welch, m0 + m1)
        shift = np.where(total > 0, distance / np.sqrt(total), np.copysign(np.inf, distance))
    normal: FloatArray = special.ndtr(shift + special.ndtri(plan.tail))
    critical = -special.stdtrit(df, plan.tail)
    bounded = np.clip(np.minimum(df, NORMAL_DF), 1e-3, None)
    with np.errstate(all="ignore"):
        exact = 1 - special.nctdtr(bounded, np.clip(shift, -30, 30), critical)
    usable = np.isfinite(exact) & (df < NORMAL_DF) & (np.abs(shift) < 30)
    return np.where(usable, np.clip(exact, 0, 1), normal)


def _null_variance(
    plan: Comparison, n0: FloatArray, n1: FloatArray, mean: FloatArray, slope: FloatArray, shift: FloatArray
) -> FloatArray:
    """Return the variance of the distance at the proportions most likely under the hypothesis."""
    arms = Arms(mean * n1, n1, plan.baseline * n0, n0)
    if plan.relative_margin:
        p1, p0 = _restricted_ratio(arms, slope)
    elif plan.goal == "superiority":
        p1 = p0 = (arms.x1 + arms.x2) / (n0 + n1)
    else:
        p1, p0 = restricted_difference(arms, shift)
    return p1 * (1 - p1) / n1 + slope**2 * p0 * (1 - p0) / n0


def _restricted_ratio(arms: Arms, ratio: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the most likely proportions among those with p1 = ratio p2 (the smaller root of a quadratic)."""
    x1, n1, x2, n2 = arms
    a, b = ratio * (n1 + n2), n1 * ratio + x1 + n2 + x2 * ratio
    p2 = 2 * (x1 + x2) / (b + np.sqrt(np.maximum(b**2 - 4 * a * (x1 + x2), 0)))
    return np.minimum(ratio * p2, 1), p2
