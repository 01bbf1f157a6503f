"""How sure the figures of an evaluation are: ratios of sums over customers, their bootstrap, and paired differences."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri

from .._core.resampling import Ends, percentiles, poisson_sums
from ..typing import BoolArray, FloatArray

__all__ = ["Estimates", "estimates", "interval_of", "ratios"]

ROUNDING = 1e-12


class Estimates(NamedTuple):
    """What intervals are made of, by model and measure.

    Parameters
    ----------
    values
        The ratios of sums; NaN for those that are not defined.
    replicates
        The ratios in each resample (first axis), or None.
    """

    values: FloatArray
    replicates: FloatArray | None


def ratios(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """Return numerator / denominator, NaN where the latter is 0."""
    return np.divide(numerator, denominator, out=np.full(numerator.shape, np.nan), where=denominator != 0)


def estimates(
    numerator: FloatArray,
    denominator: FloatArray,
    *,
    n_resamples: int,
    seed: int,
    n_threads: int | None,
    function: str,
    progress: bool,
) -> Estimates:
    """Return the ratios of the sums over customers (last axis), and those of `n_resamples` resamples of customers.

    All models and measures share the weights of a resample: that is what makes differences paired.
    """
    values = ratios(numerator.sum(axis=-1), denominator.sum(axis=-1))
    if not n_resamples:
        return Estimates(values, None)
    kept, which = _distinct([row for part in (numerator, denominator) for row in part.reshape(-1, part.shape[-1])])
    sums = poisson_sums(kept, n_resamples, seed=seed, n_threads=n_threads, function=function, progress=progress)[
        :, which
    ].reshape(n_resamples, 2, *values.shape)
    return Estimates(values, ratios(sums[:, 0], sums[:, 1]))


def _distinct(rows: Sequence[FloatArray]) -> tuple[FloatArray, list[int]]:
    """Return the different rows, and for each row which of them it is; most denominators are 1 for everybody."""
    places: dict[bytes, int] = {}
    kept: list[FloatArray] = []
    which: list[int] = []
    for row in rows:
        place = places.setdefault(blake2b(np.ascontiguousarray(row).data).digest(), len(kept))
        if place == len(kept):
            kept.append(row)
        which.append(place)
    return np.stack(kept), which


def interval_of(
    values: FloatArray, replicates: FloatArray | None, influence: FloatArray, *, ci: str | None, confidence: float
) -> Ends:
    """Return intervals of ratios or of differences, and p-values for 0.

    `influence` holds what each customer adds to the value to first order (last axis). Where it is 0 for all, up to
    rounding, there is no variation to judge by: no interval.
    """
    still: BoolArray = np.abs(influence).sum(axis=-1) <= ROUNDING * np.abs(np.nan_to_num(values))
    unknown = np.full(values.shape, np.nan)
    if ci is None:
        return Ends(unknown, unknown, unknown)
    if replicates is not None:
        ends = percentiles(replicates, confidence=confidence)
    else:
        n = influence.shape[-1]
        with np.errstate(divide="ignore", invalid="ignore"):
            errors = np.sqrt((influence**2).sum(axis=-1) * n / (n - 1.0))
            half = float(ndtri((1 + confidence) / 2)) * errors
            ends = Ends(values - half, values + half, 2 * ndtr(-np.abs(values) / errors))
    return Ends(*(np.where(still | np.isnan(values), np.nan, part) for part in ends))
