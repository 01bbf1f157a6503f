"""The exact multinomial test: the probability of all outcomes that are at most as likely as the observed one."""

from __future__ import annotations

import math

import numpy as np

from .._core.random import stream
from ..typing import AnyArray, FloatArray, Int64Array
from ._special import special

__all__ = ["DRAWS", "exact_p_value"]

MOST = 2_000_000
"""Outcomes beyond which they are drawn instead of listed."""

DRAWS = 100_000

TIE = 1e-7
"""Outcomes whose log probabilities differ by less are equally likely; rounding must not part them."""


def exact_p_value(counts: Int64Array, weights: FloatArray) -> tuple[float, str]:
    """Return the p-value of `counts` under positive `weights`, and "exact" or "monte carlo".

    O(outcomes), of which there are ``C(n + k - 1, k - 1)`` for n units in k arms.
    """
    n, k = int(counts.sum()), counts.size
    seen = float(_log_probability(counts[None, :], weights)[0])
    if math.comb(n + k - 1, k - 1) > MOST:
        draws = stream(0, n, k).multinomial(n, weights, size=DRAWS)
        hits = int((_log_probability(draws, weights) <= seen + TIE).sum())
        return (1 + hits) / (1 + DRAWS), "monte carlo"
    log_p = _all_log_probabilities(n, weights)
    return min(1.0, float(np.exp(log_p[log_p <= seen + TIE]).sum())), "exact"


def _log_probability(counts: AnyArray, weights: FloatArray) -> FloatArray:
    totals: Int64Array = counts.sum(axis=1)
    return np.asarray(special.gammaln(totals + 1)) + _term(counts, weights).sum(axis=1)


def _all_log_probabilities(n: int, weights: FloatArray) -> FloatArray:
    """Return the log probability of every way to spread n units over the arms, one arm after the other."""
    left = np.array([n])
    log_p = np.array([float(special.gammaln(n + 1))])
    for weight in weights[:-1]:
        repeats = left + 1
        starts = np.repeat(np.cumsum(repeats) - repeats, repeats)
        taken = np.arange(starts.size) - starts
        log_p = np.repeat(log_p, repeats) + _term(taken, weight)
        left = np.repeat(left, repeats) - taken
    return log_p + _term(left, weights[-1])


def _term(counts: AnyArray, weights: FloatArray | float) -> FloatArray:
    return np.asarray(special.xlogy(counts, weights)) - np.asarray(special.gammaln(counts + 1))
