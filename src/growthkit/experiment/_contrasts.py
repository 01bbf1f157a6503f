"""Two binomial proportions: for each method the limits of their contrast, and the one-sided tests that they invert.

As in `_binomial`, a method is a pair: ``limits(arms, tail)`` and ``tails(arms, null)``. The score methods compare the
observed proportions with those that are most likely under the null hypothesis (the restricted maximum of likelihood).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from ..typing import AnyArray, FloatArray
from ._binomial import Pair, deviates_to_reach, normal_tails, ratio_or_sign, wilson_limits
from ._exact import exact_limits, exact_tails
from ._roots import bracketed_roots
from ._special import special

__all__ = ["CONTRAST_METHODS", "Arms", "ContrastMethod", "contrast"]


class Arms(NamedTuple):
    """Events and trials of the first and the second arm."""

    x1: FloatArray
    n1: FloatArray
    x2: FloatArray
    n2: FloatArray

    def take(self, rows: AnyArray) -> Arms:
        """Return some of the rows."""
        return Arms(*(part[rows] for part in self))


class ContrastMethod(NamedTuple):
    """How one method makes limits and tests of one contrast, and its name."""

    name: str
    limits: Callable[[Arms, float], Pair]
    tails: Callable[[Arms, FloatArray], Pair]


def contrast(metric: str, arms: Arms) -> FloatArray:
    """Return the estimates: NaN only for ratios of arms where nothing, or everything, happened in both."""
    p1, p2 = arms.x1 / arms.n1, arms.x2 / arms.n2
    if metric == "difference":
        return p1 - p2
    with np.errstate(divide="ignore", invalid="ignore"):
        return p1 / p2 if metric == "ratio" else (arms.x1 * (arms.n2 - arms.x2)) / ((arms.n1 - arms.x1) * arms.x2)


def restricted_difference(arms: Arms, delta: FloatArray) -> Pair:
    """Return the most likely proportions among those with p1 - p2 = delta.

    p2 is a root of the cubic ``a3 p^3 + a2 p^2 + a1 p + a0`` that the derivative of the likelihood becomes.
    """
    x1, n1, x2, n2 = arms
    events, trials = x1 + x2, n1 + n2
    a3, a2 = trials, (n1 + 2 * n2) * delta - trials - events
    a1, a0 = (n2 * delta - trials - 2 * x2) * delta + events, x2 * delta * (1 - delta)
    third = a2 / (3 * a3)
    q = third**3 - a1 * third / (2 * a3) + a0 / (2 * a3)
    radius = np.copysign(np.sqrt(np.maximum(third**2 - a1 / (3 * a3), 0)), q)
    with np.errstate(divide="ignore", invalid="ignore"):
        angle = np.where(radius == 0, 0.0, np.arccos(np.clip(q / radius**3, -1, 1)))
    low, high = np.maximum(0, -delta), np.minimum(1, 1 - delta)
    p2 = np.clip(2 * radius * np.cos((np.pi + angle) / 3) - third, low, high)
    p2 = _newton(p2, (a3, a2, a1, a0), low, high)
    return np.clip(p2 + delta, 0, 1), p2


def _newton(p: FloatArray, cubic: tuple[FloatArray, ...], low: FloatArray, high: FloatArray) -> FloatArray:
    """Take one step towards the root, for the digits that the cosine lost, where it is an improvement."""
    a3, a2, a1, a0 = cubic
    value, slope = ((a3 * p + a2) * p + a1) * p + a0, (3 * a3 * p + 2 * a2) * p + a1
    with np.errstate(divide="ignore", invalid="ignore"):
        step = p - value / slope
    step = np.where(np.isfinite(step), np.clip(step, low, high), p)
    return np.where(np.abs(((a3 * step + a2) * step + a1) * step + a0) < np.abs(value), step, p)


def _difference_error(arms: Arms, delta: FloatArray, inflate: bool) -> FloatArray:
    p1, p2 = restricted_difference(arms, delta)
    variance = p1 * (1 - p1) / arms.n1 + p2 * (1 - p2) / arms.n2
    return np.sqrt(variance * _inflation(arms, inflate))


def _inflation(arms: Arms, inflate: bool) -> FloatArray | float:
    """Miettinen and Nurminen's N / (N - 1); Farrington and Manning do without."""
    trials = arms.n1 + arms.n2
    return trials / (trials - 1) if inflate else 1.0


def _difference_score_tails(arms: Arms, null: FloatArray, *, inflate: bool) -> Pair:
    distance = contrast("difference", arms) - null
    return normal_tails(ratio_or_sign(distance, _difference_error(arms, null, inflate)))


def _difference_score_limits(arms: Arms, tail: float, *, inflate: bool) -> Pair:
    lower = _difference_score_lower(arms, tail, inflate)
    return lower, -_difference_score_lower(Arms(arms.x2, arms.n2, arms.x1, arms.n1), tail, inflate)


def _difference_score_lower(arms: Arms, tail: float, inflate: bool) -> FloatArray:
    estimate, z = contrast("difference", arms), -special.ndtri(tail)

    def excess(delta: FloatArray, rows: AnyArray) -> FloatArray:
        return estimate[rows] - delta - z * _difference_error(arms.take(rows), delta, inflate)

    # At the estimate the excess is at most 0, and 0 only where no variance is left; the root sought lies below.
    lowest, size = np.full(estimate.size, -1.0), np.ones(estimate.size)
    found = bracketed_roots(excess, lowest, estimate, size, -size)
    return np.where(estimate == -1, -1.0, found)


def _ratio_parts(arms: Arms, share: FloatArray, inflate: bool) -> Pair:
    """Return distance and error of the score test of p1 / p2 = share / (1 - share), both times (1 - share)."""
    x1, n1, x2, n2 = arms
    rest, events = 1 - share, x1 + x2
    # p1 = share t, p2 = rest t, and the likelihood is largest at the smaller root t of a t^2 - b t + events.
    a, b = share * rest * (n1 + n2), events + (n1 - x1) * share + (n2 - x2) * rest
    root = b + np.sqrt(np.maximum(b**2 - 4 * a * events, 0))
    t = 2 * events / np.maximum(root, 1e-300)
    p1, p2 = np.minimum(share * t, 1), np.minimum(rest * t, 1)
    variance = rest**2 * p1 * (1 - p1) / n1 + share**2 * p2 * (1 - p2) / n2
    return rest * x1 / n1 - share * x2 / n2, np.sqrt(variance * _inflation(arms, inflate))


def _ratio_score_tails(arms: Arms, null: FloatArray, *, inflate: bool) -> Pair:
    return normal_tails(ratio_or_sign(*_ratio_parts(arms, null / (1 + null), inflate)))


def _ratio_score_limits(arms: Arms, tail: float, *, inflate: bool) -> Pair:
    lower = _ratio_score_lower(arms, tail, inflate)
    with np.errstate(divide="ignore"):
        return lower, 1 / _ratio_score_lower(Arms(arms.x2, arms.n2, arms.x1, arms.n1), tail, inflate)


def _ratio_score_lower(arms: Arms, tail: float, inflate: bool) -> FloatArray:
    z = -special.ndtri(tail)

    def excess(share: FloatArray, rows: AnyArray) -> FloatArray:
        distance, error = _ratio_parts(arms.take(rows), share, inflate)
        return distance - z * error

    known = arms.x1 > 0
    p1, p2 = np.where(known, arms.x1, 1) / arms.n1, arms.x2 / arms.n2
    ones = np.ones(p1.size)
    share = bracketed_roots(excess, 0 * ones, p1 / (p1 + p2), ones, -ones)
    return np.where(known, share / (1 - share), 0.0)


def _odds_score_tails(arms: Arms, null: FloatArray, *, inflate: bool) -> Pair:
    events, trials = arms.x1 + arms.x2, arms.n1 + arms.n2
    expected = np.where((events > 0) & (events < trials), _expected_events(arms, null), arms.x1)
    return normal_tails(ratio_or_sign(arms.x1 - expected, _odds_error(arms, expected, inflate)))


def _expected_events(arms: Arms, odds_ratio: FloatArray) -> FloatArray:
    """Return the events of the first arm expected under an odds ratio, both sums of the table kept."""
    events = arms.x1 + arms.x2
    a, c = odds_ratio - 1, odds_ratio * arms.n1 * events
    b = odds_ratio * (arms.n1 + events) + arms.n2 - events
    root = np.sqrt(np.maximum(b**2 - 4 * a * c, 0))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(b >= 0, 2 * c / (b + root), (b - root) / (2 * a))


def _odds_error(arms: Arms, expected: FloatArray, inflate: bool) -> FloatArray:
    """Return the standard error of the first arm's events, around `expected` ones (Cornfield)."""
    events = arms.x1 + arms.x2
    cells = expected, arms.n1 - expected, events - expected, arms.n2 - events + expected
    with np.errstate(divide="ignore"):
        precision = sum(1 / np.maximum(cell, 0) for cell in cells)
    return np.sqrt(_inflation(arms, inflate) / precision)


def _odds_score_limits(arms: Arms, tail: float, *, inflate: bool) -> Pair:
    lower = _odds_score_lower(arms, tail, inflate)
    with np.errstate(divide="ignore"):
        return lower, 1 / _odds_score_lower(Arms(arms.x2, arms.n2, arms.x1, arms.n1), tail, inflate)


def _odds_score_lower(arms: Arms, tail: float, inflate: bool) -> FloatArray:
    """Find the fewest expected events that the test accepts, and the odds ratio that expects them."""
    z, events = -special.ndtri(tail), arms.x1 + arms.x2
    fewest = np.maximum(0, events - arms.n2)
    known = arms.x1 > fewest
    high, ones = np.where(known, arms.x1, fewest + 1), np.ones(events.size)

    def excess(expected: FloatArray, rows: AnyArray) -> FloatArray:
        some = arms.take(rows)
        return some.x1 - expected - z * _odds_error(some, expected, inflate)

    found = np.where(known, bracketed_roots(excess, fewest, high, ones, -ones), fewest)
    with np.errstate(divide="ignore", invalid="ignore"):
        odds = found * (arms.n2 - events + found) / ((arms.n1 - found) * (events - found))
    return np.where(known, odds, 0.0)


def _newcombe_at(arms: Arms, z: FloatArray | float) -> Pair:
    """Combine the distances from each proportion to its Wilson limits (Newcombe's method 10)."""
    (l1, u1), (l2, u2) = wilson_limits(arms.x1, arms.n1, z), wilson_limits(arms.x2, arms.n2, z)
    p1, p2 = arms.x1 / arms.n1, arms.x2 / arms.n2
    return p1 - p2 - np.hypot(p1 - l1, u2 - p2), p1 - p2 + np.hypot(u1 - p1, p2 - l2)


def _newcombe_limits(arms: Arms, tail: float) -> Pair:
    return _newcombe_at(arms, -special.ndtri(tail))


def _newcombe_tails(arms: Arms, null: FloatArray) -> Pair:
    """Find the level at which the interval ends at the null."""
    above = contrast("difference", arms) >= null

    def excess(z: FloatArray, rows: AnyArray) -> FloatArray:
        lower, upper = _newcombe_at(arms.take(rows), z)
        return np.where(above[rows], lower - null[rows], null[rows] - upper)

    return normal_tails(np.where(above, 1, -1) * deviates_to_reach(excess, null.size))


def _wald_parts(arms: Arms, added: float) -> Pair:
    """Return estimate and standard error after adding so many events and as many non-events to each arm."""
    x1, n1, x2, n2 = arms
    p1, p2 = (x1 + added) / (n1 + 2 * added), (x2 + added) / (n2 + 2 * added)
    return p1 - p2, np.sqrt(p1 * (1 - p1) / (n1 + 2 * added) + p2 * (1 - p2) / (n2 + 2 * added))


def _wald_limits(arms: Arms, tail: float, *, added: float) -> Pair:
    estimate, error = _wald_parts(arms, added)
    spread = -special.ndtri(tail) * error
    return np.maximum(estimate - spread, -1), np.minimum(estimate + spread, 1)


def _wald_tails(arms: Arms, null: FloatArray, *, added: float) -> Pair:
    estimate, error = _wald_parts(arms, added)
    return normal_tails(ratio_or_sign(estimate - null, error))


def _log_wald_parts(arms: Arms, metric: str) -> Pair:
    x1, n1, x2, n2 = arms
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = 1 / x1 + 1 / x2 + (-1 / n1 - 1 / n2 if metric == "ratio" else 1 / (n1 - x1) + 1 / (n2 - x2))
        return np.log(contrast(metric, arms)), np.sqrt(variance)


def _log_wald_limits(arms: Arms, tail: float, *, metric: str) -> Pair:
    centre, error = _log_wald_parts(arms, metric)
    spread = -special.ndtri(tail) * error
    known = np.isfinite(centre) & np.isfinite(error)
    with np.errstate(invalid="ignore"):
        return np.where(known, np.exp(centre - spread), 0.0), np.where(known, np.exp(centre + spread), np.inf)


def _log_wald_tails(arms: Arms, null: FloatArray, *, metric: str) -> Pair:
    centre, error = _log_wald_parts(arms, metric)
    known = np.isfinite(centre) & np.isfinite(error)
    distance = np.where(known, centre - np.log(null), 0.0)
    greater, less = normal_tails(ratio_or_sign(distance, np.where(known, error, 1.0)))
    return np.where(known, greater, 1.0), np.where(known, less, 1.0)


def _scores(limits: Callable[..., Pair], tails: Callable[..., Pair]) -> dict[str, ContrastMethod]:
    return {
        key: ContrastMethod(name, partial(limits, inflate=inflate), partial(tails, inflate=inflate))
        for key, name, inflate in (
            ("miettinen_nurminen", "Miettinen-Nurminen score", True),
            ("farrington_manning", "Farrington-Manning score", False),
        )
    }


def _log_walds(metric: str) -> dict[str, ContrastMethod]:
    limits, tails = partial(_log_wald_limits, metric=metric), partial(_log_wald_tails, metric=metric)
    return {"wald": ContrastMethod("Wald, logarithmic", limits, tails)}


CONTRAST_METHODS: dict[str, dict[str, ContrastMethod]] = {
    "difference": {
        "newcombe": ContrastMethod("Newcombe hybrid score", _newcombe_limits, _newcombe_tails),
        **_scores(_difference_score_limits, _difference_score_tails),
        "exact": ContrastMethod("exact unconditional (Buehler, Newcombe order)", exact_limits, exact_tails),
        "agresti_caffo": ContrastMethod(
            "Agresti-Caffo", partial(_wald_limits, added=1.0), partial(_wald_tails, added=1.0)
        ),
        "wald": ContrastMethod("Wald", partial(_wald_limits, added=0.0), partial(_wald_tails, added=0.0)),
    },
    "ratio": {**_scores(_ratio_score_limits, _ratio_score_tails), **_log_walds("ratio")},
    "odds_ratio": {**_scores(_odds_score_limits, _odds_score_tails), **_log_walds("odds_ratio")},
}
