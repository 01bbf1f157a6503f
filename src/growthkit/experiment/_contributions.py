"""Variances of contrasts of group means from what each unit contributes: Welch's formula with any number of groups."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..typing import AnyArray, BoolArray, FloatArray
from ._special import special

__all__ = ["Spread", "spread", "t_interval"]


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """Sampling variances of E estimates.

    Parameters
    ----------
    variance, df
        Shape (E,); Satterthwaite's degrees of freedom. NaN where it cannot be known.
    parts
        Contributions whose cross products sum to the covariance matrix, shape (clusters, E).
    clusters
        The smallest number of clusters in one of the groups.
    loss
        Degrees of freedom used up by the means of the groups.
    """

    variance: FloatArray
    df: FloatArray
    parts: FloatArray
    clusters: int
    loss: int


def spread(contributions: FloatArray, group: AnyArray, cluster: AnyArray | None, used: AnyArray) -> Spread:
    """Return the variances of sums of contributions.

    Parameters
    ----------
    contributions
        Of each unit to each estimate, shape (units, E), centred within their group.
    group
        The group of each unit, from 0: units of one group have one mean.
    cluster
        The cluster of each unit, from 0; None where each unit is one.
    used
        By group, the parameters that were estimated from it.

    Notes
    -----
    A group of n clusters, the variance of which is ``n / (n - used) sum c^2``, has n - used degrees of freedom. Where a
    cluster reaches over groups, all clusters are one group. Degrees of freedom are Satterthwaite's, but at most those
    for equal variances of clusters (Bell and McCaffrey): the former are too many where a small group varies little.
    """
    sums, owner = _cluster_sums(contributions, group, cluster)
    nested = owner is not None
    of_cluster = owner if owner is not None else np.zeros(len(sums), dtype=np.intp)
    loss = used if nested else np.array([1])
    counts = np.bincount(of_cluster, minlength=loss.size)
    free = (counts - loss).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = sums * np.sqrt(np.where(free > 0, counts / free, np.nan))[of_cluster, None]
        by_group = np.array([np.square(parts[of_cluster == g]).sum(axis=0) for g in range(loss.size)])
        variance = by_group.sum(axis=0)
        shares = np.where(by_group == 0, 0.0, np.square(by_group) / free[:, None])
        equal = np.square((1 / counts).sum()) / np.square(1 / counts).dot(1 / free)
        df = np.minimum(np.square(variance) / shares.sum(axis=0), equal)
    return Spread(variance, df, parts, int(counts.min()), int(loss.sum()))


def _cluster_sums(
    contributions: FloatArray, group: AnyArray, cluster: AnyArray | None
) -> tuple[FloatArray, AnyArray | None]:
    """Return the sums by cluster and the group of each cluster, or None where one reaches over groups."""
    if cluster is None:
        return contributions, group
    labels, first, place = np.unique(cluster, return_index=True, return_inverse=True)
    sums = np.zeros((labels.size, contributions.shape[1]))
    np.add.at(sums, place, contributions)
    across: BoolArray = group[first][place] != group
    return sums, None if across.any() else group[first]


def t_interval(
    estimate: FloatArray, variance: FloatArray, df: FloatArray, confidence: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return lower and upper ends and two-sided p-values; NaN where the variance is 0 or not known."""
    known = np.isfinite(variance) & (variance > 0) & (df > 0)
    error = np.sqrt(np.where(known, variance, np.nan))
    free = np.where(known, df, 1.0)
    half = special.stdtrit(free, 0.5 + confidence / 2) * error
    return estimate - half, estimate + half, 2 * special.stdtr(free, -np.abs(estimate / error))
