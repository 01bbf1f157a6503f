"""From two arms to an effect: difference and relative change, each with the interval that inverts its own test."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..typing import AnyArray, BoolArray, FloatArray, Int64Array
from ._arms import Arms
from ._contrasts import CONTRAST_METHODS
from ._contrasts import Arms as Counts
from ._special import special

__all__ = ["Effects", "Level", "arm_effects", "fieller_limits", "score_effects"]

SKEWED = 0.25
"""Skewness of the estimated difference from which a normal interval is doubtful."""


class Level(NamedTuple):
    """What an interval promises: its level, the alternative, and, by contrast or for all, a critical value of its own.

    critical is a sequential design's number of standard errors, in the shape of the contrasts; None for Student's t.
    """

    confidence: float
    alternative: str
    critical: FloatArray | None = None

    @property
    def tail(self) -> float:
        """Probability that each finite end of the interval may miss."""
        return (1.0 - self.confidence) / (2.0 if self.alternative == "two-sided" else 1.0)


class Effects(NamedTuple):
    """Effects of arms against the control, arrays of one shape; limits are infinite where unbounded, NaN if unknown.

    `outside` marks relative intervals that are everything but (lower, upper): control is not separated from 0.
    """

    control_value: FloatArray
    value: FloatArray
    effect: FloatArray
    lower: FloatArray
    upper: FloatArray
    relative: FloatArray
    relative_lower: FloatArray
    relative_upper: FloatArray
    p_value: FloatArray
    error: FloatArray
    df: FloatArray
    relative_error: FloatArray
    unbounded: BoolArray
    skewed: BoolArray


def arm_effects(arms: Arms, level: Level) -> Effects:
    """Compare every arm but the first with the first: Welch's test, and Fieller's interval of the ratio."""
    with np.errstate(all="ignore"):
        return _arm_effects(arms, level)


def _arm_effects(arms: Arms, level: Level) -> Effects:
    one, control = arms.value[..., 1:], arms.value[..., :1]
    v11, v00, v10 = arms.variance[..., 1:], arms.variance[..., :1], arms.shared[..., 1:]
    effect = one - control
    error = np.sqrt(np.maximum(v11 + v00 - 2 * v10, 0.0))
    df = (v11 + v00) ** 2 / (v11**2 / arms.df[..., 1:] + v00**2 / arms.df[..., :1])
    df = np.where(v11 + v00 > 0, df, arms.n[..., 1:] + arms.n[..., :1] - 2)
    critical, p_value = _test(effect, error, df, level)
    known = np.isfinite(error) & (df > 0) & ((error > 0) | (effect == 0))
    critical = np.where(known, critical, np.nan)
    lower, upper = _ends(effect, critical * error, level)
    low, high, unbounded = fieller_limits(one, control, v11, v00, v10, critical, level)
    ratio = one / control
    spread = np.sqrt(np.maximum(v11 - 2 * ratio * v10 + ratio**2 * v00, 0.0)) / np.abs(control)
    skewed = _skewness(arms) > SKEWED
    return Effects(
        np.broadcast_to(arms.raw[..., :1], effect.shape),
        arms.raw[..., 1:],
        effect,
        lower,
        upper,
        ratio - 1,
        low - 1,
        high - 1,
        np.where(known, p_value, np.nan),
        error,
        df,
        spread,
        unbounded,
        skewed & known,
    )


def _skewness(arms: Arms) -> FloatArray:
    """Return the skewness of the difference of means, if both arms had the shape that they have together.

    Equal arms cancel it. The arms' own skewness would be estimated worst where it matters most, in the smaller arm.
    """
    n1, n0 = arms.n[..., 1:], arms.n[..., :1]
    square, third = ((part[..., 1:] + part[..., :1]) / (n1 + n0) for part in (arms.square, arms.third))
    return np.abs(third * (1 / n1**2 - 1 / n0**2)) / (square * (1 / n1 + 1 / n0)) ** 1.5


def _test(effect: FloatArray, error: FloatArray, df: FloatArray, level: Level) -> tuple[FloatArray, FloatArray]:
    """Return the critical value in standard errors, and the p-value."""
    t = np.where(error > 0, effect / error, 0.0)
    sides = {"two-sided": -np.abs(t), "greater": -t, "less": t}[level.alternative]
    p_value: FloatArray = special.stdtr(df, sides) * (2.0 if level.alternative == "two-sided" else 1.0)
    if level.critical is None:
        return np.asarray(-special.stdtrit(df, level.tail), dtype=np.float64), p_value
    return np.broadcast_to(level.critical, effect.shape), p_value


def _ends(centre: FloatArray, reach: FloatArray, level: Level) -> tuple[FloatArray, FloatArray]:
    """Return both ends, or the one end that a one-sided test inverts to."""
    lower, upper = centre - reach, centre + reach
    if level.alternative == "greater":
        upper = np.where(np.isnan(reach), np.nan, np.inf)
    if level.alternative == "less":
        lower = np.where(np.isnan(reach), np.nan, -np.inf)
    return lower, upper


def fieller_limits(
    one: FloatArray,
    control: FloatArray,
    v11: FloatArray,
    v00: FloatArray,
    v10: FloatArray,
    critical: FloatArray,
    level: Level,
) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Return the ratios R at which ``one - R * control`` is not significant, and where that set is unbounded.

    Bounded where the control lies more than `critical` standard errors from 0. Elsewhere the set is the whole line, or
    the line without a gap; then the ends are infinite, and the caller says so.
    """
    square = critical**2
    a = control**2 - square * v00
    b = one * control - square * v10
    c = one**2 - square * v11
    root = np.sqrt(np.maximum(b**2 - a * c, 0.0))
    # The smaller root as product over the larger, so that near-equal numbers are not subtracted.
    big = np.where(b >= 0, b + root, b - root)
    first, second = big / a, np.where(big == 0, 0.0, c / big)
    lower, upper = np.minimum(first, second), np.maximum(first, second)
    unbounded = ~(a > 0) & np.isfinite(critical)
    unknown = np.isnan(critical) | ~np.isfinite(a)
    lower = np.where(unbounded, -np.inf, lower)
    upper = np.where(unbounded, np.inf, upper)
    negative = control < 0  # dividing by a negative control turns the sides of a one-sided test round
    if level.alternative != "two-sided":
        keep_lower = (level.alternative == "greater") ^ negative
        lower, upper = np.where(keep_lower, lower, -np.inf), np.where(keep_lower, np.inf, upper)
    return np.where(unknown, np.nan, lower), np.where(unknown, np.nan, upper), unbounded & ~unknown


def score_effects(x1: FloatArray, n1: FloatArray, x0: FloatArray, n0: FloatArray, level: Level) -> Effects:
    """Compare proportions by the score test of Miettinen and Nurminen, with its own intervals."""
    flat = Counts(*(np.ravel(part) for part in np.broadcast_arrays(x1, n1, x0, n0)))
    known = np.flatnonzero((flat.n1 > 0) & (flat.n2 > 0))
    arms = flat.take(known)
    difference, ratio = (CONTRAST_METHODS[metric]["miettinen_nurminen"] for metric in ("difference", "ratio"))
    greater, less = difference.tails(arms, np.zeros(known.size))
    p_value = {"greater": greater, "less": less}.get(level.alternative, np.minimum(2 * np.minimum(greater, less), 1.0))
    lower, upper = _one_side(difference.limits(arms, level.tail), level, (-1.0, 1.0))
    low, high = _one_side(ratio.limits(arms, level.tail), level, (0.0, np.inf))
    with np.errstate(all="ignore"):
        p1, p0 = arms.x1 / arms.n1, arms.x2 / arms.n2
        error = np.sqrt(p1 * (1 - p1) / arms.n1 + p0 * (1 - p0) / arms.n2)
        relative_error = np.sqrt((1 - p1) / arms.x1 + (1 - p0) / arms.x2) * (p1 / p0)
        parts = (p0, p1, p1 - p0, lower, upper, p1 / p0 - 1, low - 1, high - 1, p_value, error)
        parts = (*parts, np.full(known.size, np.inf), relative_error)
    found = [_placed(part, known, x1.shape, np.nan) for part in parts]
    unbounded = _placed(arms.x2 == 0, known, x1.shape, False)
    return Effects._make([*found, unbounded, np.zeros(x1.shape, dtype=bool)])


def _one_side(limits: tuple[FloatArray, FloatArray], level: Level, space: tuple[float, float]) -> list[FloatArray]:
    lower, upper = limits
    if level.alternative == "greater":
        upper = np.full(upper.shape, space[1])
    if level.alternative == "less":
        lower = np.full(lower.shape, space[0])
    return [lower, upper]


def _placed(part: AnyArray, known: Int64Array, shape: tuple[int, ...], missing: Any) -> AnyArray:
    whole = np.full(int(np.prod(shape)), missing, dtype=part.dtype)
    whole[known] = part
    return whole.reshape(shape)
