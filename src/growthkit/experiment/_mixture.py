"""The normal mixture: from a z statistic and an information ratio to evidence, and back to a critical value.

All of it is one formula. Under the null hypothesis the estimate of an effect has variance V; under the alternative
the effect itself is drawn from N(0, tau^2), or from the half of it with the right sign. The likelihood ratio of the two
is a martingale under the null hypothesis, so it exceeds 1 / alpha ever, at any look, with probability alpha at most
(Ville). It depends on the data by z = estimate / sqrt(V) and on the design by the information ratio r = tau^2 / V.
"""

from __future__ import annotations

import math

import numpy as np

from ..typing import FloatArray
from ._special import special

__all__ = ["critical_values", "log_evidence", "tuned_ratio"]

NEWTON_STEPS = 12
"""Enough for full precision: the function is convex and the first guess lies within one unit of its root."""


def tuned_ratio(alpha: float, *, two_sided: bool) -> float:
    """Return the information ratio at which a sequence of level `alpha` is narrowest.

    It minimises ``critical_values(r) ** 2``: ``r = -W(-alpha^2 / e) - 1`` with the lower branch of Lambert's W. The
    one-sided mixture takes that of twice its level, next to which its own optimum hardly differs.
    """
    level = alpha if two_sided else 2 * alpha
    return float(-special.lambertw(-(level**2) / math.e, k=-1).real - 1)


def log_evidence(z: FloatArray, ratio: FloatArray, *, two_sided: bool) -> FloatArray:
    """Return the logarithm of the mixture likelihood ratio; one-sided: against effects above zero."""
    shrunk = z * np.sqrt(ratio / (1 + ratio))
    evidence = (shrunk**2 - np.log1p(ratio)) / 2
    return evidence if two_sided else evidence + math.log(2) + special.log_ndtr(shrunk)


def critical_values(ratio: FloatArray, alpha: float, *, two_sided: bool) -> FloatArray:
    """Return the z at which the mixture likelihood ratio is ``1 / alpha``; infinite where the ratio is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        level = np.log1p(ratio) / 2 - math.log(alpha if two_sided else 2 * alpha)
        root = np.sqrt(2 * level) if two_sided else _solve(level)
        return np.where(ratio > 0, root * np.sqrt((1 + ratio) / ratio), np.inf)


def _solve(level: FloatArray) -> FloatArray:
    """Return y with ``y^2 / 2 + log ndtr(y) = level``, by Newton's method."""
    y: FloatArray = np.sqrt(2 * np.maximum(level, 0))
    for _ in range(NEWTON_STEPS):
        tail: FloatArray = np.asarray(special.log_ndtr(y))
        slope = y + np.exp(-(y**2) / 2 - tail) / math.sqrt(2 * math.pi)
        y = y - (y**2 / 2 + tail - level) / slope
    return y
