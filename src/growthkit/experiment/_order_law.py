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
from ._dealing import order_window
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


SMOOTH = 400.0
"""Variance of a rank from which on the density of its law is smooth from one rank to the next."""

NODES = 0.5 + math.sqrt(0.15) * np.array((-1.0, 0.0, 1.0))
WEIGHTS = np.array((5.0, 8.0, 5.0)) / 18.0

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
    return float(window[rank - 1 - low]), Law(window, _beta_masses(n, rank, low, high))


def _beta_masses(n: int, rank: int, low: int, high: int) -> FloatArray:
    """Return the probabilities of each of the intervals between low / n, ..., high / n under Beta(rank, n - rank + 1).

    Nearly all of it lies there, and the rest counts at both ends. Where the density is smooth from one interval to the
    next, it is summed over three points of each (Gauss and Legendre), to 1e-12 of each probability that matters.
    """
    if rank * (n - rank) < SMOOTH * n:
        upto = special.betainc(rank, n - rank + 1, np.arange(low, high + 1) / n)
        upto[0], upto[-1] = 0.0, 1.0
        return np.diff(upto)
    mode = (rank - 1) / (n - 1)
    away = (np.arange(low, high) + NODES[:, None]) / n - mode
    masses = WEIGHTS @ np.exp((rank - 1) * np.log1p(away / mode) + (n - rank) * np.log1p(-away / (1 - mode)))
    return masses / masses.sum()


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
    lower, upper, below, above = _order_kernels.difference_interval(
        under[0].values,
        over[0].values,
        under[0].masses,
        over[1].values,
        under[1].values,
        under[1].masses,
        null,
        share,
        -float(special.ndtri(share)),
        0.0,
    )
    return lower, upper, min(1.0, 2 * min(below, above))


def _sorted_window(sample: FloatArray, low: int, high: int, *, ranked: bool = False) -> FloatArray:
    """Return the order statistics from `low` to `high`, counted from 0, without sorting the others.

    A sample that may be written to is rearranged; a frozen one, which is the caller's, is not.
    """
    if ranked:
        return sample[low:high]
    return order_window(sample if sample.flags.writeable else sample.copy(), low, high)
