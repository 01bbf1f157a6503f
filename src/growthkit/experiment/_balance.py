"""Balance of covariates between the arms: standardised mean differences, and one test of all of them together."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..typing import AnyArray, FloatArray
from ._special import special
from .corrections import adjust_p_values

__all__ = ["Balance", "Omnibus", "balance_of", "omnibus_test"]

SPREAD = 1e-10
"""Directions with less than this share of the covariates' (standardised) variance are taken for sums of others."""


class Balance(NamedTuple):
    """One entry for each covariate and arm other than the control, covariates first."""

    difference: FloatArray
    lower: FloatArray
    upper: FloatArray
    p_value: FloatArray
    p_adjusted: FloatArray
    mean: FloatArray
    mean_control: FloatArray
    n: FloatArray
    n_control: FloatArray


class Omnibus(NamedTuple):
    """The test that all covariates are balanced over all arms."""

    statistic: float
    freedom: int
    p_value: float


def balance_of(
    values: FloatArray, arms: AnyArray, n_arms: int, control: int, confidence: float, correction: str
) -> Balance:
    """Compare each arm with the control by Student's test, in units of the pooled standard deviation.

    Under randomisation the arms have one law, so the pooled variance is right; Welch's test would reject skewed
    covariates far too often in uneven splits.

    Parameters
    ----------
    values
        Shape (units, covariates).
    arms
        The arm of each unit.
    """
    n, mean, variance = _moments(values, arms, n_arms)
    others = np.delete(np.arange(n_arms), control)
    count, one, spread = n[others], mean[others], variance[others]
    base, base_spread = mean[control], variance[control]
    freedom = count[:, None] + n[control] - 2
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = np.sqrt(((count[:, None] - 1) * spread + (n[control] - 1) * base_spread) / freedom)
        error = np.sqrt(1 / count[:, None] + 1 / n[control])
        difference = (one - base) / scale
    half = np.asarray(special.stdtrit(freedom, (1 + confidence) / 2), dtype=np.float64) * error
    t = difference / error
    p_value = 2 * np.asarray(special.stdtr(freedom, -np.abs(t)), dtype=np.float64)
    p_values = p_value.T.ravel()
    return Balance(
        difference=difference.T.ravel(),
        lower=(difference - half).T.ravel(),
        upper=(difference + half).T.ravel(),
        p_value=p_values,
        p_adjusted=adjust_p_values(p_values, method=correction),
        mean=one.T.ravel(),
        mean_control=np.repeat(base, others.size),
        n=np.tile(count, base.size),
        n_control=np.full(p_values.size, n[control]),
    )


def omnibus_test(values: FloatArray, arms: AnyArray, n_arms: int) -> Omnibus:
    """Test all covariates at once: sum over arms of n_a (m_a - m)' S^-1 (m_a - m), against chi-square.

    S is the covariance of all units, which is what randomisation permutes; under it the mean of the statistic is
    exactly rank(S) (arms - 1).
    """
    deviations = values - values.mean(axis=0)
    spread = deviations.std(axis=0, ddof=1)
    deviations = deviations[:, spread > 0] / spread[spread > 0]
    if not deviations.shape[1]:
        return Omnibus(np.nan, 0, np.nan)
    n = np.bincount(arms, minlength=n_arms).astype(np.float64)
    sums = np.stack([np.bincount(arms, weights=column, minlength=n_arms) for column in deviations.T])
    sizes, axes = np.linalg.eigh(deviations.T @ deviations / (arms.size - 1))
    kept = sizes > SPREAD * sizes[-1]
    scores = (axes[:, kept].T @ (sums / np.sqrt(n))) / np.sqrt(sizes[kept])[:, None]
    statistic, freedom = float((scores**2).sum()), int(kept.sum()) * (n_arms - 1)
    return Omnibus(statistic, freedom, float(special.chdtrc(freedom, statistic)))


def _moments(values: FloatArray, arms: AnyArray, n_arms: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return n, and the means and variances of shape (arms, covariates), in two passes."""
    n = np.bincount(arms, minlength=n_arms).astype(np.float64)
    sums = np.stack([np.bincount(arms, weights=column, minlength=n_arms) for column in values.T], axis=1)
    mean = sums / n[:, None]
    squares = ((values - mean[arms]) ** 2).T
    spread = np.stack([np.bincount(arms, weights=column, minlength=n_arms) for column in squares], axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return n, mean, spread / (n[:, None] - 1)
