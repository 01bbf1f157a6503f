"""Intervals of highest density of beta laws."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core.results import Notice
from ..typing import FloatArray
from ._beta_law import Betas
from ._roots import bracketed_roots
from ._special import special

__all__ = ["beta_hdi"]


def beta_hdi(
    law: Betas, confidence: float, lower: FloatArray, upper: FloatArray
) -> tuple[FloatArray, FloatArray, tuple[Notice, ...]]:
    """Return the shortest intervals, and a notice where there is none and the given equal tails stay.

    With a mode inside, both ends have one density; with a mode at an end, the interval starts there.
    """
    a, b = law.a.ravel(), law.b.ravel()
    low, high = lower.ravel().copy(), upper.ravel().copy()
    start, end = (a <= 1) & (b > 1), (b <= 1) & (a > 1)
    low[start], high[start] = 0.0, special.betaincinv(a[start], b[start], confidence)
    low[end], high[end] = 1 - special.betaincinv(b[end], a[end], confidence), 1.0
    inside = (a > 1) & (b > 1)
    if inside.any():
        low[inside], high[inside] = _equal_heights(a[inside], b[inside], confidence)
    valley = ~(start | end | inside)
    text = f"{int(valley.sum())} posteriors have no single peak inside; their interval has equal tails."
    notices = (Notice("no_single_peak", text),) if valley.any() else ()
    return low.reshape(lower.shape), high.reshape(upper.shape), notices


def _equal_heights(a: FloatArray, b: FloatArray, confidence: float) -> tuple[FloatArray, FloatArray]:
    rest = 1 - confidence

    def ends(below: FloatArray, rows: Any) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return the lower end, and the upper one with its distance from 1, with `below` in the lower tail."""
        far = np.asarray(special.betaincinv(b[rows], a[rows], rest - below), dtype=np.float64)
        low = np.asarray(special.betaincinv(a[rows], b[rows], below), dtype=np.float64)
        return low, 1 - far, far

    def excess(share: FloatArray, rows: Any) -> FloatArray:
        low, high, far = ends(share * rest, rows)
        with np.errstate(divide="ignore", invalid="ignore"):
            heights = (
                special.xlogy(a[rows] - 1, low / high)
                + special.xlog1py(b[rows] - 1, -low)
                - special.xlogy(b[rows] - 1, far)
            )
        return np.clip(np.nan_to_num(heights, nan=0.0), -1e6, 1e6).astype(np.float64)

    rows = np.arange(a.size)
    one = np.ones(a.size)
    share = bracketed_roots(excess, 0 * one, one, -1e6 * one, 1e6 * one, tolerance=1e-10)
    low, high, _ = ends(share * rest, rows)
    return low, high
