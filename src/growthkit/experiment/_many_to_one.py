"""The distribution of the largest of several t statistics that share one control.

The statistics are ``T_i = (sqrt(1 - l_i^2) Z_i + l_i Z_0) / S``: given the control's share Z_0 and the common error S
they are independent, so the multivariate t probability is a double integral, taken here by Gauss-Legendre quadrature
to about 1e-9, without simulation.
"""

from __future__ import annotations

import numpy as np

from ..typing import FloatArray
from ._special import special

__all__ = ["any_beyond", "critical_value"]

FLAT_DF = 30.0
"""Degrees of freedom from which on the density of the common error is 0 at 0 for all that matters."""

NORMAL_DF = 1e7
"""Degrees of freedom from which on the error counts as known."""

REACH = 8.5
"""How far the control's share is followed, in standard deviations; beyond lies 2e-17."""

NODES = 24
"""Nodes of one panel."""


def any_beyond(value: float, loadings: FloatArray, df: float, *, two_sided: bool) -> float:
    """Return the probability that some of the statistics lies beyond `value` (in size, if two-sided).

    Parameters
    ----------
    value
        Where; at least 0 if two-sided.
    loadings
        ``l_i`` in [0, 1): the correlation of two statistics is the product of theirs.
    df
        Degrees of freedom of the common error; inf if it is known.
    """
    shares, weights = _share_nodes(loadings)
    errors, error_weights = _error_nodes(df)
    rest = np.sqrt(1 - loadings**2)
    inside: FloatArray = np.zeros((errors.size, shares.size))
    for loading, own in zip(loadings, rest, strict=True):
        top = (value * errors[:, None] - loading * shares) / own
        bottom = (-value * errors[:, None] - loading * shares) / own
        outside: FloatArray = np.asarray(
            special.ndtr(-top) + (special.ndtr(bottom) if two_sided else 0.0), dtype=np.float64
        )
        inside += np.log1p(-np.minimum(outside, 1 - 1e-16))
    return float(np.clip(-error_weights @ np.expm1(inside) @ weights, 0, 1))


def critical_value(tail: float, loadings: FloatArray, df: float, *, two_sided: bool) -> float:
    """Return the value that some of the statistics exceeds with probability `tail`."""
    from scipy.optimize import brentq

    def excess(value: float) -> float:
        return np.log(max(any_beyond(value, loadings, df, two_sided=two_sided), 1e-300)) - np.log(tail)

    # One comparison alone, and Bonferroni's bound, enclose it.
    alone, shared = (part / 2 if two_sided else part for part in (tail, tail / loadings.size))
    low, high = (-(special.ndtri(part) if df >= NORMAL_DF else special.stdtrit(df, part)) for part in (alone, shared))
    return float(brentq(excess, low - 1e-6, high + 1e-6, xtol=1e-10))


def _share_nodes(loadings: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return nodes and weights for the control's share; the panels are as narrow as the steepest factor is."""
    steepest = float((np.sqrt(1 - loadings**2) / np.maximum(loadings, 1e-9)).min())
    panels = int(np.clip(np.ceil(2 * REACH / (4 * max(steepest, 1e-3))), 8, 400))
    nodes, weights = _panels(-REACH, REACH, panels)
    return nodes, weights * np.exp(-(nodes**2) / 2) / np.sqrt(2 * np.pi)


def _error_nodes(df: float) -> tuple[FloatArray, FloatArray]:
    """Return nodes and weights for the common error, sqrt(chi-square / df)."""
    if df >= NORMAL_DF:
        return np.ones(1), np.ones(1)
    low, high = (float(np.sqrt(special.chdtri(df, part) / df)) for part in (1 - 1e-16, 1e-17))
    if df > FLAT_DF:
        nodes, weights = _panels(low, high, 3)
    else:  # as the cube of a third variable, because the density is a broken power at 0
        roots, weights = _panels(0.0, np.cbrt(high), 4)
        nodes, weights = roots**3, 3 * roots**2 * weights
    density = (
        np.log(2) + df / 2 * np.log(df / 2) - special.gammaln(df / 2) + (df - 1) * np.log(nodes) - df * nodes**2 / 2
    )
    weights = weights * np.exp(density)
    return nodes, weights / weights.sum()


def _panels(low: float, high: float, panels: int) -> tuple[FloatArray, FloatArray]:
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    half = (high - low) / panels / 2
    centres = low + half * (2 * np.arange(panels) + 1)
    return (centres[:, None] + half * nodes).ravel(), np.tile(half * weights, panels)
