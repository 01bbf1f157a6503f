"""The bootstrap that areas share: sums with Poisson weights, and percentile intervals of many replicates at once."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ..typing import FloatArray
from . import _resampling_kernels
from .frames import frozen
from .parallel import block_edges, run_blocks, thread_count

__all__ = ["Ends", "percentiles", "poisson_sums"]

RESAMPLES_A_BLOCK = 32

WEIGHTS_A_ROW = 64
"""How many weights take about as long as a row elsewhere; for the decision whether threads pay."""


class Ends(NamedTuple):
    """Both ends of each interval, and the two-sided p-value of 0; NaN where no replicate is known."""

    lower: FloatArray
    upper: FloatArray
    p_value: FloatArray


def poisson_sums(
    columns: FloatArray,
    n_resamples: int,
    *,
    seed: int,
    n_threads: int | None,
    function: str,
    progress: bool = False,
) -> FloatArray:
    """Return the sum of each column in each resample, where every unit has a Poisson(1) weight.

    Parameters
    ----------
    columns
        float64, one row a column, one entry a unit; finite. All columns get the same weights.
    n_resamples
        How often.
    seed
        Of the whole job; the weight of a unit depends on (seed, resample, unit) only.
    n_threads
        As the caller gave it.
    function
        The public function that asks.
    progress
        Whether to show a bar.

    Returns
    -------
    numpy.ndarray
        float64 of shape (n_resamples, columns); the same bits on any number of threads.

    References
    ----------
    .. [1] Hanley, J. A. and B. MacGibbon (2006). Creating non-parametric bootstrap samples using Poisson frequencies.
       Computer Methods and Programs in Biomedicine 83(1), 57-62.
    """
    table = frozen(np.ascontiguousarray(columns, dtype=np.float64))
    sums = np.empty((n_resamples, table.shape[0]))
    runs = block_edges(n_resamples, -(-n_resamples // RESAMPLES_A_BLOCK))
    key: Any = np.random.SeedSequence(seed).generate_state(1, np.uint64)[0]
    work = table.size * n_resamples // WEIGHTS_A_ROW
    threads = thread_count(n_threads, n_rows=work, function=function)

    def sum_run(run: int) -> None:
        first, stop = runs[run]
        _resampling_kernels.poisson_sums(table, key, first, sums[first:stop])

    run_blocks(sum_run, len(runs), n_threads=threads, progress=progress, label=function)
    return sums


def percentiles(replicates: FloatArray, *, confidence: float) -> Ends:
    """Return percentile intervals and the p-values that they invert, one for each column of `replicates`.

    The ends are those replicates that a share of (1 - confidence) / 2 of m + 1 lie at or beyond; infinite where m is
    too small for that. NaN replicates count as beyond both ends. p is twice the smaller of (1 + replicates at or under
    0) / (m + 1) and (1 + replicates at or over 0) / (m + 1), so it is at most 1 - confidence exactly where the interval
    leaves 0 out.
    """
    m = replicates.shape[0]
    unknown = np.isnan(replicates)
    low = np.sort(np.where(unknown, -np.inf, replicates), axis=0)
    high = np.sort(np.where(unknown, np.inf, replicates), axis=0)
    place = math.floor((m + 1) * (1 - confidence) / 2 + 1e-9)
    shape = replicates.shape[1:]
    lower = low[place - 1] if place > 0 else np.full(shape, -np.inf)
    upper = high[m - place] if place > 0 else np.full(shape, np.inf)
    under, over = (low <= 0).sum(axis=0), (high >= 0).sum(axis=0)
    p_value = np.minimum(1.0, 2 * (1 + np.minimum(under, over)) / (m + 1))
    nothing = unknown.all(axis=0)
    return Ends(*(np.where(nothing, np.nan, part) for part in (lower, upper, p_value)))
