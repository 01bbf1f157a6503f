"""Laws of order statistics: where a quantile lies, and by how much two of them differ, without drawing anything.

Two laws over the sorted sample x(1), ..., x(n) are known exactly:

- the bootstrap's: the q-quantile of a resample is at most x(j) with probability P(Binomial(n, j/n) >= r),
  r = ceil(n q) [1]_;
- the distribution-free one: the population's q-quantile lies between x(j) and x(j + 1) with probability
  P(Binomial(n, q) = j) [2]_.

References
----------
.. [1] Maritz, J. S. and R. G. Jarrett (1978). A note on estimating the variance of the sample median. JASA 73, 194-196.
.. [2] David, H. A. and H. N. Nagaraja (2003). Order Statistics, 3rd ed., section 7.1. Wiley.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ..typing import FloatArray
from . import _order_kernels
from ._special import special

__all__ = ["CERTAIN", "Law", "bootstrap_law", "confidence_laws", "difference_ends", "difference_moments", "rank_of"]

NEGLIGIBLE = 1e-14
"""Probability of either tail of a law that is left out."""


class Law(NamedTuple):
    """Values in rising order, with their probabilities."""

    values: FloatArray
    masses: FloatArray

    def mean_and_variance(self) -> tuple[float, float]:
        """Return the mean and the variance; NaN where a value is infinite."""
        if not np.isfinite(self.values[[0, -1]]).all():
            return math.nan, math.nan
        centre = float(self.values[self.values.size // 2])
        shifted = self.values - centre
        mean = float(self.masses @ shifted)
        return centre + mean, float(self.masses @ (shifted - mean) ** 2)


CERTAIN = Law(np.zeros(1), np.ones(1))
"""The law of 0, to take from a law that stands alone."""


def rank_of(n: int, q: float) -> int:
    """Return the rank of the q-quantile, ceil(n q): the inverse of the empirical distribution function."""
    return min(n, max(1, math.ceil(n * q * (1 - 1e-12))))


def bootstrap_law(sample: FloatArray, q: float) -> tuple[float, Law]:
    """Return the q-quantile of a sample and the law of the q-quantile of its resamples, exactly."""
    n, rank = sample.size, rank_of(sample.size, q)
    ends = special.betaincinv(rank, n - rank + 1, [NEGLIGIBLE, 1 - NEGLIGIBLE]) * n
    low, high = max(0, math.floor(ends[0]) - 1), min(n, math.ceil(ends[1]) + 1)
    window = _sorted_window(sample, low, high)
    upto = special.betainc(rank, n - rank + 1, np.arange(low, high + 1) / n)
    upto[0], upto[-1] = 0.0, 1.0
    return float(window[rank - 1 - low]), Law(window, np.diff(upto))


def confidence_laws(sample: FloatArray, q: float, *, ranked: bool = False) -> tuple[float, Law, Law]:
    """Return the q-quantile of a sample, and the laws of the order statistics around that of the population.

    The first is of the one just under it, the second of the one just over it. The outermost lie at -inf and inf, where
    the sample cannot say more. `ranked` says that the sample is sorted.
    """
    n, rank = sample.size, rank_of(sample.size, q)
    reach = 8.5 * math.sqrt(n * q * (1 - q)) + 40
    low, high = max(0, math.floor(n * q - reach)), min(n, math.ceil(n * q + reach))
    window = _sorted_window(sample, max(0, low - 1), min(n, high + 1), ranked=ranked)
    upto = special.bdtr(np.arange(low, high + 1, dtype=np.float64), n, q)
    upto[-1] = 1.0
    masses = np.diff(upto, prepend=0.0)
    padded = np.concatenate(([-np.inf] if low == 0 else [], window, [np.inf] if high == n else []))
    return (
        float(window[rank - 1 - max(0, low - 1)]),
        Law(padded[: masses.size], masses),
        Law(padded[1 : masses.size + 1], masses),
    )


def difference_moments(law: Law, other: Law | None) -> tuple[float, float]:
    """Return the mean and the standard deviation of the difference of two independent laws."""
    mean, variance = law.mean_and_variance()
    if other is None:
        return mean, math.sqrt(variance)
    other_mean, other_variance = other.mean_and_variance()
    return mean - other_mean, math.sqrt(variance + other_variance)


def difference_ends(
    under: tuple[Law, Law], over: tuple[Law, Law], *, confidence: float, null: float = 0.0
) -> tuple[float, float, float]:
    """Return the ends of the interval of a difference and the two-sided p-value of `null`.

    `under` holds the laws whose difference bounds it from below, `over` those whose difference bounds it from above;
    they are the same where the law is known. The lower end is the smallest d with P(D <= d) > (1 - confidence) / 2.
    """
    share = (1 - confidence) / 2
    lower = _lower_end(*under, share)
    upper = -_lower_end(_mirrored(over[0]), _mirrored(over[1]), share)
    below = _law_at(*under, null)[1]
    above = _law_at(_mirrored(over[0]), _mirrored(over[1]), -null)[1]
    return lower, upper, min(1.0, 2 * min(below, above))


def _sorted_window(sample: FloatArray, low: int, high: int, *, ranked: bool = False) -> FloatArray:
    """Return the order statistics from `low` to `high`, counted from 0, without sorting the others."""
    if ranked:
        return sample[low:high]
    if 4 * (high - low) > sample.size:
        return np.sort(sample)[low:high]
    return np.sort(np.partition(sample, [low, high - 1])[low:high])


def _mirrored(law: Law) -> Law:
    return Law(np.ascontiguousarray(-law.values[::-1]), np.ascontiguousarray(law.masses[::-1]))


def _law_at(law: Law, other: Law, at: float) -> tuple[float, float, float]:
    return _order_kernels.difference_law(law.values, law.masses, other.values, _heads(other), at)


def _lower_end(law: Law, other: Law, share: float) -> float:
    """Return the smallest difference d with P(D <= d) > `share`."""
    finite, others = law.values[np.isfinite(law.values)], other.values[np.isfinite(other.values)]
    if not (finite.size and others.size):
        return -math.inf
    heads = _heads(other)
    parts = (law.values, law.masses, other.values, heads)
    low, high = float(np.nextafter(finite[0] - others[-1], -np.inf)), float(finite[-1] - others[0])
    at_low, above = _order_kernels.share_upto(*parts, low)
    if at_low > share:
        return -math.inf
    return _order_kernels.narrow(*parts, share, -float(special.ndtri(share)), (low, at_low, above, high, 0.0))


def _heads(law: Law) -> FloatArray:
    """Return the probabilities of the first 0, 1, ... values."""
    heads = np.concatenate(([0.0], np.cumsum(law.masses)))
    return heads / heads[-1]
