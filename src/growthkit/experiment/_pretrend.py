"""Whether groups moved alike before the treatment: a test that can refute parallel trends, and cannot prove them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._core.results import Notice
from ..typing import FloatArray, Int64Array
from ._contrast_of_means import Contrasts, contributions, estimate_contrasts, pooled_covariance
from ._contributions import Spread
from ._special import special

__all__ = ["ALPHA", "Pretrend", "pretrend"]

ALPHA = 0.05
"""Below this p-value the trends are called different."""

UNITS_A_LEAD = 5
"""The joint test needs so many degrees of freedom for each lead; else one slope is tested."""


class Pretrend(NamedTuple):
    """The test of the periods before the start.

    Parameters
    ----------
    method
        "joint F test of the leads", "t test of the leads' slope", or "none".
    p_value
        NaN for "none".
    leads
        How many effects before the start were tested.
    """

    method: str
    p_value: float
    leads: int

    @property
    def notice(self) -> Notice:
        """What it says, and what it does not."""
        if np.isnan(self.p_value):
            text = "trends before the start could not be tested; that they would have been parallel is an assumption."
            return Notice("pretrend_untested", text)
        test = f"{self.method}, p = {self.p_value:.3g}"
        if self.p_value < ALPHA:
            text = f"groups moved apart before the start ({test}): the estimate may be that drift, not an effect."
            return Notice("pretrend", text)
        text = f"no drift was found before the start ({test}); the test has little power and proves no parallel trends."
        return Notice("pretrend_not_rejected", text)


def pretrend(contrasts: Contrasts, weights: FloatArray, distance: Int64Array, method: str) -> Pretrend:
    """Test that all effects before the start are 0.

    Hotelling's T^2 of the leads where there are degrees of freedom for it, else the slope of the leads alone.

    Parameters
    ----------
    contrasts, weights, distance
        The leads: what they are made of, their weights and their distances from the start.
    method
        "two_way", where the leads are deviations from their own mean and the last is redundant, or "group_time".
    """
    leads = len(weights) - (method == "two_way")
    if leads < 1:
        return Pretrend("none", np.nan, 0)
    estimate, found = contributions(contrasts, weights[:leads])
    if len(found.parts) - found.loss >= UNITS_A_LEAD * leads:
        covariance, free = _covariance(contrasts, weights[:leads], found)
        if free >= UNITS_A_LEAD * leads:
            return Pretrend("joint F test of the leads", _joint(estimate, covariance, free), leads)
    centre = np.append(distance, -1).mean() if method == "group_time" else distance.mean()
    slope = np.einsum("l,lgp->gp", distance - centre, weights)[None]
    p_value = float(estimate_contrasts(contrasts, slope, 0.95).table[3, 0])
    return Pretrend("t test of the leads' slope" if np.isfinite(p_value) else "none", p_value, leads)


def _covariance(contrasts: Contrasts, weights: FloatArray, found: Spread) -> tuple[FloatArray, int]:
    """Return the covariance matrix of the leads and its degrees of freedom.

    All groups are taken to have one covariance matrix: those of small groups are too rough to be inverted. With
    clusters or covariates it is made of the contributions, with the degrees of freedom of the smallest group.
    """
    if contrasts.cluster is not None or contrasts.covariates is not None:
        return found.parts.T @ found.parts, found.clusters - 1
    spread = np.einsum("egp,pq,fgq->gef", weights, pooled_covariance(contrasts), weights, optimize=True)
    return np.einsum("gef,g->ef", spread, 1 / np.bincount(contrasts.group)), len(found.parts) - found.loss


def _joint(estimate: FloatArray, covariance: FloatArray, free: int) -> float:
    scale = np.sqrt(np.diag(covariance))
    if not (np.isfinite(scale).all() and (scale > 0).all()):
        return float("nan")
    standard = estimate / scale
    square = float(standard @ np.linalg.pinv(covariance / np.outer(scale, scale), hermitian=True) @ standard)
    q = estimate.size
    return float(special.fdtrc(q, free - q + 1, square * (free - q + 1) / (q * free)))
