"""Kernels that bring the scores of one list to a common scale, and add up what several models say."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core.jit import kernel
from ..typing import AnyArray, FloatArray, Int32Array, Int64Array

MINMAX, ZSCORE, MAXIMUM, RANK, NONE = 0, 1, 2, 3, 4


@kernel
def rescale(scores: FloatArray, shift: float, width: float) -> None:
    """Make each score ``(score - shift) / width``, or 0 where the width is 0: equal scores tell nothing."""
    if width == 0.0:
        scores[:] = 0.0
        return
    for i in range(scores.size):
        scores[i] = (scores[i] - shift) / width


@kernel
def rank_shares(scores: FloatArray) -> None:
    """Make each score the share of scores that are no larger; equal scores get equal shares."""
    n = scores.size
    order = np.argsort(scores)
    held = scores[order]
    last = n - 1
    while last >= 0:
        first = last
        while first > 0 and held[first - 1] == held[last]:
            first -= 1
        for place in range(first, last + 1):
            scores[order[place]] = (last + 1.0) / n
        last = first - 1


@kernel
def normalise(scores: FloatArray, method: int) -> None:
    """Bring scores, at least one, to a common scale."""
    low = high = scores[0]
    for score in scores:
        low, high = min(low, score), max(high, score)
    if method == MINMAX:
        rescale(scores, low, high - low)
    elif method == ZSCORE:
        mean = scores.sum() / scores.size
        square = 0.0
        for score in scores:
            square += (score - mean) ** 2
        rescale(scores, mean, np.sqrt(square / scores.size) if high > low else 0.0)
    elif method == MAXIMUM:
        rescale(scores, 0.0, max(abs(low), abs(high)))
    elif method == RANK:
        rank_shares(scores)


@kernel
def normalise_rows(indptr: Int64Array, scores: FloatArray, method: int, start: int, stop: int) -> None:
    """Normalise each row from `start` to `stop` on its own."""
    for row in range(start, stop):
        if indptr[row + 1] > indptr[row]:
            normalise(scores[indptr[row] : indptr[row + 1]], method)


@kernel
def add_normalised(scores: AnyArray, method: int, weight: float, total: Any, known: Any) -> None:
    """Add the weighted and normalised scores of one model, rows by items, to `total`, float64; mark those in `known`.

    Items without a score (-inf) count as the lowest of their row; rows without any score add nothing.
    """
    line = np.empty(scores.shape[1])
    for row in range(scores.shape[0]):
        lowest = np.inf
        for i in range(line.size):
            score = np.float64(scores[row, i])
            line[i] = score
            if score != -np.inf:
                known[row, i] = True
                lowest = min(lowest, score)
        if lowest == np.inf:
            continue
        for i in range(line.size):
            line[i] = max(line[i], lowest)
        normalise(line, method)
        for i in range(line.size):
            total[row, i] += weight * line[i]


@kernel
def add_reciprocal(items: Int32Array, weight: float, constant: float, total: Any) -> None:
    """Add ``weight / (constant + rank)`` of the items of lists to `total`, float32, -inf where nothing is added yet."""
    for row in range(items.shape[0]):
        for place in range(items.shape[1]):
            item = items[row, place]
            if item >= 0 and weight > 0.0:
                share = weight / (constant + place + 1.0)
                before = total[row, item]
                total[row, item] = share if before == -np.inf else before + share
