"""Intervals and p-values from the replicates of a bootstrap; each interval excludes a value exactly when p says so."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ..typing import FloatArray
from ._special import special

__all__ = ["Interval", "basic", "bca", "percentile", "studentized"]


class Interval(NamedTuple):
    """Both ends, and the two-sided p-value of the value that was asked about."""

    lower: float
    upper: float
    p_value: float


class _Tails:
    """Replicates in rising order; those that are not defined count as -inf below and as +inf above."""

    def __init__(self, replicates: FloatArray) -> None:
        undefined = np.isnan(replicates)
        self.low: FloatArray = np.sort(np.where(undefined, -np.inf, replicates))
        self.high: FloatArray = np.sort(np.where(undefined, np.inf, replicates))
        self.size = replicates.size

    def lower(self, share: float) -> float:
        """Return the replicate that `share` of m + 1 lie at or under; -inf where m is too small for that."""
        place = math.floor((self.size + 1) * share + 1e-9)
        return float(self.low[min(place, self.size) - 1]) if place > 0 else -math.inf

    def upper(self, share: float) -> float:
        """Return the replicate that `share` of m + 1 lie at or over; inf where m is too small for that."""
        place = math.floor((self.size + 1) * share + 1e-9)
        return float(self.high[max(self.size - place, 0)]) if place > 0 else math.inf

    def below(self, value: float) -> float:
        """Return (1 + the number of replicates at or under `value`) / (m + 1)."""
        return (1 + int(np.searchsorted(self.low, value, side="right"))) / (self.size + 1)

    def above(self, value: float) -> float:
        """Return (1 + the number of replicates at or over `value`) / (m + 1)."""
        return (1 + self.size - int(np.searchsorted(self.high, value, side="left"))) / (self.size + 1)


def percentile(replicates: FloatArray, *, confidence: float, null: float = 0.0) -> Interval:
    """Return the interval between the replicates that leave (1 - confidence) / 2 on either side."""
    tails, share = _Tails(replicates), (1 - confidence) / 2
    p_value = min(1.0, 2 * min(tails.below(null), tails.above(null)))
    return Interval(tails.lower(share), tails.upper(share), p_value)


def basic(replicates: FloatArray, estimate: float, *, confidence: float, null: float = 0.0) -> Interval:
    """Return the percentile interval reflected at the estimate."""
    mirrored = percentile(replicates, confidence=confidence, null=2 * estimate - null)
    return Interval(2 * estimate - mirrored.upper, 2 * estimate - mirrored.lower, mirrored.p_value)


def studentized(pivots: FloatArray, estimate: float, error: float, *, confidence: float, null: float = 0.0) -> Interval:
    """Return estimate - error x (quantiles of the pivots (replicate - estimate) / its own standard error)."""
    if not error > 0:
        return Interval(math.nan, math.nan, math.nan)
    found = percentile(pivots, confidence=confidence, null=(estimate - null) / error)
    return Interval(estimate - error * found.upper, estimate - error * found.lower, found.p_value)


def bca(
    replicates: FloatArray, estimate: float, acceleration: float, *, confidence: float, null: float = 0.0
) -> Interval:
    """Return the bias-corrected and accelerated interval; NaN where all replicates lie on one side of the estimate."""
    under, equal = (int(np.count_nonzero(found)) for found in (replicates < estimate, replicates == estimate))
    share = (under + 0.5 * equal) / replicates.size
    if not 0 < share < 1:
        return Interval(math.nan, math.nan, math.nan)
    tails, bias = _Tails(replicates), float(special.ndtri(share))

    def corrected(z: float) -> float:
        return bias + (bias + z) / (1 - acceleration * (bias + z))

    def nominal(share: float) -> float:
        if share >= 1:
            return math.inf
        z = float(special.ndtri(share)) - bias
        return z / (1 + acceleration * z) - bias if 1 + acceleration * z > 0 else math.copysign(math.inf, z)

    half = float(special.ndtri((1 - confidence) / 2))
    lower = tails.lower(float(special.ndtr(corrected(half))))
    upper = tails.upper(float(special.ndtr(-corrected(-half))))
    under = float(special.ndtr(nominal(tails.below(null))))
    over = float(special.ndtr(-nominal(1 - tails.above(null)))) if tails.above(null) < 1 else 1.0
    return Interval(lower, upper, min(1.0, 2 * min(under, over)))
