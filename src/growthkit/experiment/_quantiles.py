"""Effects on quantiles: the distribution-free law of order statistics, contrast by contrast.

The population's q-quantile lies between the order statistics x(j) and x(j + 1) with probability P(Binomial(n, q) = j).
So there is a law just under it and one just over it; the law of the difference of two arms, under and over, gives an
interval and a test that agree. Of logarithms it gives those of the relative change, and the same test. Ranks are taken
in groups where there are many; each group counts at its outer end, which widens the interval by at most .01 standard
errors an arm.

Where units have several rows, the number of rows below the quantile is no binomial: its standard deviation is
estimated from the units' own numbers, by the delta method of a ratio, and its law is Student's [1]_.

References
----------
.. [1] Deng, A., U. Knoblich and J. Lu (2018). Applying the delta method in metric analytics: a practical guide with
   novel ideas. KDD '18, 233-242, section 4.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._core.parallel import run_blocks
from ..typing import FloatArray, Int32Array, Int64Array
from . import _order_kernels
from ._effects import Effects, Level
from ._order_law import rank_of
from ._special import special
from ._windows import Grouping, windows

__all__ = ["Clusters", "quantile_effects"]

REACH = 6.5
"""Standard deviations of the rank that are looked at; the rest, 1e-10, counts there too."""

MOST_STEPS = 1200
"""Groups of ranks of one law."""


class Clusters(NamedTuple):
    """The unit of each row, and the cell of each unit."""

    units: Int32Array
    cells: Int32Array


class _Ranks(NamedTuple):
    """The number J of rows below each group's quantile: rows, units, standard deviation, and the range looked at."""

    n: Int64Array
    units: Int64Array
    sd: FloatArray
    low: Int64Array
    high: Int64Array
    clustered: bool

    def upto(self, q: float) -> tuple[FloatArray, Int64Array]:
        """Return P(J <= low), ..., P(J <= high) = 1 of one group after the other, and where each group's end."""
        sizes = self.high - self.low + 1
        ends = np.cumsum(sizes)
        upto = np.empty(int(ends[-1]))
        if not self.clustered:
            _order_kernels.all_binomial_sums(self.n, q, self.low, upto, ends)
            return upto, ends
        middle, scale, df = self.low - self.n * q, np.maximum(self.sd, 1e-300), np.maximum(self.units - 1, 1)
        places = np.arange(upto.size) - np.repeat(ends - sizes, sizes)
        scores = (places + 0.5 + np.repeat(middle, sizes)) / np.repeat(scale, sizes)
        upto[:] = special.stdtr(np.repeat(df, sizes), scores)
        upto[ends - 1] = 1.0
        return upto, ends


def quantile_effects(
    values: FloatArray,
    grouping: Grouping,
    q: float,
    level: Level,
    *,
    n_arms: int,
    clusters: Clusters | None = None,
    n_threads: int = 1,
) -> Effects:
    """Compare the q-quantiles of each segment's arms with its control's; groups are by segment, then arm."""
    ranks = _ranks(values, grouping, q, clusters, n_threads)
    known = ranks.units > 1
    low, high = np.maximum(0, ranks.low - 1), np.minimum(ranks.n, ranks.high + 1) * known
    samples = windows(values, grouping, low, high, n_threads=n_threads)
    found = np.full(ranks.n.size, np.nan)
    for g in np.flatnonzero(known).tolist():
        found[g] = samples[g][rank_of(int(ranks.n[g]), q) - 1 - int(low[g])]
    ends = _interval_ends(samples, ranks, q, level, n_arms, n_threads)
    by_segment = found.reshape(-1, n_arms)
    both = known.reshape(-1, n_arms)[:, 1:] & known.reshape(-1, n_arms)[:, :1]
    value, base, *ends = (np.where(both, part, np.nan) for part in (by_segment[:, 1:], by_segment[:, :1], *ends))
    return _effects(value, base, ends, level)


def _interval_ends(
    samples: list[FloatArray], ranks: _Ranks, q: float, level: Level, n_arms: int, n_threads: int
) -> FloatArray:
    """Return what `contrast_quantiles` finds, each of shape (segments, arms - 1)."""
    upto, upto_ends = ranks.upto(q)
    joined, joined_ends = np.concatenate(samples), np.cumsum([part.size for part in samples])
    table = np.column_stack((ranks.n, ranks.low, ranks.high))
    z = -float(special.ndtri(level.tail))
    ends = np.full((ranks.n.size // n_arms, n_arms - 1, 6), np.nan)
    fixed = (joined, joined_ends, upto, upto_ends, table, MOST_STEPS, level.tail, z)
    run_blocks(
        lambda s: _order_kernels.contrast_quantiles(*fixed, (s * n_arms, (s + 1) * n_arms), ends[s]),
        len(ends),
        n_threads=n_threads,
    )
    return np.moveaxis(ends, -1, 0)


def _effects(value: FloatArray, base: FloatArray, ends: list[FloatArray], level: Level) -> Effects:
    lower, upper, at_most, at_least, low, high = ends
    p_value = np.minimum(1.0, 2 * np.minimum(at_most, at_least))
    if level.alternative == "greater":
        p_value, upper, high = (
            at_most,
            np.where(np.isnan(upper), np.nan, np.inf),
            np.where(np.isnan(high), np.nan, np.inf),
        )
    elif level.alternative == "less":
        p_value, lower, low = (
            at_least,
            np.where(np.isnan(lower), np.nan, -np.inf),
            np.where(np.isnan(low), np.nan, -np.inf),
        )
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        low, high = np.expm1(low), np.expm1(high)
        relative = np.where(base > 0, value / base, np.nan) - 1
        wide = 2 * 1.959964
        errors = (upper - lower) / wide, (high - low) / wide
    plain = np.zeros(value.shape, dtype=np.bool_)
    infinite = np.where(np.isnan(value), np.nan, np.inf)
    return Effects(
        base,
        value,
        value - base,
        lower,
        upper,
        relative,
        low,
        high,
        p_value,
        errors[0],
        infinite,
        errors[1],
        plain,
        plain,
    )


def _ranks(values: FloatArray, grouping: Grouping, q: float, clusters: Clusters | None, n_threads: int) -> _Ranks:
    n, units = grouping.n, grouping.n
    sd = np.sqrt(n * q * (1 - q))
    if clusters is not None:
        units, sd = _clustered(values, grouping, q, clusters, n_threads)
    reach = REACH * sd + 10
    low, high = np.maximum(0, np.floor(n * q - reach)), np.minimum(n, np.ceil(n * q + reach))
    low, high = (np.where(units > 1, part, 0).astype(np.int64) for part in (low, high))
    return _Ranks(n, units, sd, low, high, clusters is not None)


def _clustered(
    values: FloatArray, grouping: Grouping, q: float, clusters: Clusters, n_threads: int
) -> tuple[Int64Array, FloatArray]:
    """Return the units of each group, and the standard deviation of its number of rows below the quantile.

    Of S rows of R in a unit at most the quantile, S - F R varies from unit to unit, F being the share in the group; the
    sum over k units has k times that variance.
    """
    rank = np.array([rank_of(n, q) if n else 0 for n in grouping.n.tolist()], dtype=np.int64)
    found = windows(values, grouping, np.maximum(rank - 1, 0), rank, n_threads=n_threads)
    quantile = np.array([window[0] if window.size else np.nan for window in found])
    n_groups, n_units = grouping.n.size, clusters.cells.size
    sizes = np.bincount(clusters.units, minlength=n_units)
    units, squares = np.zeros(n_groups), np.zeros(n_groups)
    for table in grouping.tables:
        below = values <= quantile[table[grouping.cells]]
        counts = np.bincount(clusters.units, weights=below, minlength=n_units)
        group = table[clusters.cells]
        share = np.bincount(group, weights=counts, minlength=n_groups) / np.maximum(grouping.n, 1)
        units += np.bincount(group, minlength=n_groups)
        squares += np.bincount(group, weights=(counts - share[group] * sizes) ** 2, minlength=n_groups)
    return units.astype(np.int64), np.sqrt(squares * units / np.maximum(units - 1, 1))
