"""The contenders of the bootstrap: the difference of two arms' means or quantiles, with its interval.

Resamples are random, so that two right answers differ by chance. They agree if estimates are equal, and the ends of the
intervals lie within a few Monte Carlo standard errors of each other.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .contest import Disagreement
from .experiment_data import CONTROL, TwoArms

__all__ = [
    "Interval",
    "agree_within_chance",
    "arch_mean",
    "our_mean",
    "our_quantile",
    "scipy_mean",
    "scipy_quantile",
]

Call = Callable[[], Any]

Q = 0.9
"""The quantile that is compared."""

CONFIDENCE = 0.95
Z = 1.959964
END_ERROR = math.sqrt(0.025 * 0.975) / 0.05844507
"""Standard error of a percentile interval's end with one resample, in standard errors of the estimate."""

FAR = 6.0
"""Monte Carlo standard errors by which two right answers do not differ."""

CLOSE = 1e-9


@dataclass(frozen=True)
class Interval:
    """An answer: the estimate, both ends, and how many resamples they rest on."""

    estimate: float
    lower: float
    upper: float
    n_resamples: int


def our_mean(data: TwoArms) -> Call:
    """`growthkit.experiment.bootstrap` of a mean difference, with Poisson weights."""
    return _ours(data, "mean_difference")


def our_quantile(data: TwoArms) -> Call:
    """`growthkit.experiment.bootstrap` of a quantile difference: the law of its resamples, without drawing any."""
    return _ours(data, "quantile_difference", q=Q)


def _ours(data: TwoArms, statistic: str, **options: Any) -> Call:
    from growthkit.experiment import bootstrap

    def run() -> Interval:
        found = bootstrap(data.frame, statistic, control=CONTROL, n_resamples=data.n_resamples, rng=1, **options)
        ends = (np.asarray(part).item() for part in (found.estimate, found.lower, found.upper))
        return Interval(*ends, data.n_resamples)

    return run


def arch_mean(data: TwoArms) -> Call:
    """`arch.bootstrap.IndependentSamplesBootstrap`, percentile interval."""
    from arch.bootstrap import IndependentSamplesBootstrap

    control, treatment = data.arms

    def difference(one: Any, other: Any) -> Any:
        return other.mean() - one.mean()

    def run() -> Interval:
        resampler = IndependentSamplesBootstrap(control, treatment, seed=1)
        ends = resampler.conf_int(difference, data.n_resamples, method="percentile", size=CONFIDENCE)
        return Interval(difference(control, treatment), *map(float, ends.ravel()), data.n_resamples)

    return run


def scipy_mean(data: TwoArms) -> Call:
    """`scipy.stats.bootstrap` of the means, one resample at a time: the fastest batch for many rows."""

    def difference(one: Any, other: Any, axis: int = -1) -> Any:
        return other.mean(axis=axis) - one.mean(axis=axis)

    return _scipy(data, difference)


def scipy_quantile(data: TwoArms) -> Call:
    """`scipy.stats.bootstrap` of the quantiles, found by partition."""

    def quantile(values: Any) -> Any:
        place = math.ceil(values.shape[-1] * Q) - 1
        return np.partition(values, place, axis=-1)[..., place]

    def difference(one: Any, other: Any, axis: int = -1) -> Any:
        del axis  # scipy asks for the last one
        return quantile(other) - quantile(one)

    return _scipy(data, difference)


def _scipy(data: TwoArms, difference: Callable[..., Any]) -> Call:
    from scipy.stats import bootstrap

    control, treatment = data.arms

    def run() -> Interval:
        found = bootstrap(
            (control, treatment),
            difference,
            n_resamples=data.n_resamples,
            batch=1,
            vectorized=True,
            method="percentile",
            confidence_level=CONFIDENCE,
        )
        estimate = float(difference(control, treatment))
        return Interval(estimate, *map(float, found.confidence_interval), data.n_resamples)

    return run


def agree_within_chance(ours: Interval, theirs: Interval) -> None:
    """Check that estimates are equal, and ends equal within Monte Carlo error."""
    error = (ours.upper - ours.lower) / (2 * Z)
    if not abs(ours.estimate - theirs.estimate) <= CLOSE * max(error, abs(ours.estimate)):
        raise Disagreement(f"estimate {ours.estimate!r} against {theirs.estimate!r}")
    chance = END_ERROR * error * math.sqrt(1 / ours.n_resamples + 1 / theirs.n_resamples)
    for what in ("lower", "upper"):
        apart = abs(getattr(ours, what) - getattr(theirs, what))
        if not apart <= FAR * chance:
            raise Disagreement(f"{what} differs by {apart / chance:.1f} Monte Carlo standard errors")
