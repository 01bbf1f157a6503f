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

import math
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


class _Law(NamedTuple):
    """The quantile of one arm: its estimate, and the laws just under and just over it, with equal masses."""

    value: float
    under: FloatArray
    over: FloatArray
    masses: FloatArray


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

    def upto(self, g: int, q: float) -> FloatArray:
        """Return P(J <= low), ..., P(J <= high) = 1 of a group."""
        n, low, high = int(self.n[g]), int(self.low[g]), int(self.high[g])
        upto = np.empty(high - low + 1)
        if not self.clustered:
            _order_kernels.binomial_sums(n, q, low, upto)
            return upto
        scores = (np.arange(low, high + 1) + 0.5 - n * q) / max(float(self.sd[g]), 1e-300)
        upto[:] = special.stdtr(float(self.units[g] - 1), scores)
        upto[-1] = 1.0
        return upto


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
    ends = np.maximum(0, ranks.low - 1), np.minimum(ranks.n, ranks.high + 1) * known
    samples = windows(values, grouping, *ends, n_threads=n_threads)
    n_segments = ranks.n.size // n_arms
    table = np.full((len(Effects._fields), n_segments, n_arms - 1), np.nan)

    def compare(s: int) -> None:
        arms = range(s * n_arms, (s + 1) * n_arms)
        control, *others = (_law(samples[g], q, ranks, g) if known[g] else None for g in arms)
        for a, law in enumerate(others):
            if law is not None and control is not None:
                table[:, s, a] = _contrast(law, control, level)

    run_blocks(compare, n_segments, n_threads=n_threads)
    return Effects._make([*table[:-2], table[-2] == 1.0, table[-1] == 1.0])


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


def _law(window: FloatArray, q: float, ranks: _Ranks, g: int) -> _Law:
    """Return the law of a group from its values of rank low - 1 to high + 1."""
    n, low, high = int(ranks.n[g]), int(ranks.low[g]), int(ranks.high[g])
    value = float(window[rank_of(n, q) - 1 - max(0, low - 1)])
    places = np.concatenate(([-np.inf] if low == 0 else [], window, [np.inf] if high == n else []))
    under, over, masses = np.empty((3, min(MOST_STEPS, high - low) + 1))
    _order_kernels.group_law(places, ranks.upto(g, q), under, over, masses)
    return _Law(value, under, over, masses)


def _contrast(one: _Law, control: _Law, level: Level) -> tuple[float, ...]:
    value, base = one.value, control.value
    lower, upper, p_value = _interval(one, control, level)
    low, high, ratio = np.nan, np.nan, np.nan
    if min(_smallest(one), _smallest(control)) > 0:
        ratio = value / base
        low, high, _ = _interval(_logarithm(one), _logarithm(control), level)
        low, high = math.expm1(low) if low < 700 else np.inf, math.expm1(high) if high < 700 else np.inf
    elif base > 0:
        ratio = value / base
    wide = 2 * 1.959964
    found = (base, value, value - base, lower, upper, ratio - 1, low, high, p_value)
    return (*found, (upper - lower) / wide, np.inf, (high - low) / wide, 0.0, 0.0)


def _interval(one: _Law, control: _Law, level: Level) -> tuple[float, float, float]:
    z = -float(special.ndtri(level.tail))
    lower, greater = _order_kernels.lower_end(
        one.under, one.masses, control.over, _heads(control.masses), level.tail, z
    )
    upper, less = _order_kernels.lower_end(
        np.ascontiguousarray(-one.over[::-1]),
        np.ascontiguousarray(one.masses[::-1]),
        np.ascontiguousarray(-control.under[::-1]),
        _heads(control.masses[::-1]),
        level.tail,
        z,
    )
    if level.alternative == "greater":
        return lower, np.inf, greater
    if level.alternative == "less":
        return -np.inf, -upper, less
    return lower, -upper, min(1.0, 2 * min(greater, less))


def _heads(masses: FloatArray) -> FloatArray:
    heads = np.concatenate(([0.0], np.cumsum(masses)))
    return heads / heads[-1]


def _smallest(law: _Law) -> float:
    finite = law.under[np.isfinite(law.under)]
    return float(finite[0]) if finite.size else np.nan


def _logarithm(law: _Law) -> _Law:
    with np.errstate(divide="ignore", invalid="ignore"):
        under, over = (np.where(np.isneginf(part), -np.inf, np.log(part)) for part in (law.under, law.over))
    return _Law(math.log(law.value), under, over, law.masses)
