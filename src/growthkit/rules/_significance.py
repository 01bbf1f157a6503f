"""Fisher's exact test of many rules, and its correction for their number."""

from __future__ import annotations

import numpy as np

from .._core.corrections import adjusted
from .._core.frames import frozen
from .._core.parallel import block_edges, run_blocks
from ..typing import FloatArray, Int64Array
from . import _tail_kernels

__all__ = ["corrected", "fisher"]

MOST_TESTS = 10**300
"""Larger families are corrected for as if they had this size, which a float can hold: no p-value but 0 survives it."""


def fisher(
    count: Int64Array, drawn: Int64Array, marked: Int64Array, n: int | Int64Array, *, n_threads: int = 1
) -> FloatArray:
    """Return for each table the chance of `count` or more of the `marked` among `drawn` of n: Fisher's exact test."""
    p = np.empty(count.size)
    columns = (count, drawn, marked, np.broadcast_to(n, count.size))
    one, two, three, four = (frozen(np.ascontiguousarray(column)) for column in columns)
    blocks = block_edges(count.size, 1 if n_threads == 1 else 8 * n_threads)
    run_blocks(lambda b: _tail_kernels.tails(one, two, three, four, p, *blocks[b]), len(blocks), n_threads=n_threads)
    return p


def corrected(p: FloatArray, method: str, n_tests: int) -> FloatArray:
    """Return p-values adjusted for a family of so many tests, a whole number of any size."""
    return adjusted(p, method, min(n_tests, MOST_TESTS))
