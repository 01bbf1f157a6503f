"""Fisher's exact test of many rules."""

from __future__ import annotations

import numpy as np

from .._core.frames import frozen
from .._core.parallel import block_edges, run_blocks
from ..typing import FloatArray, Int64Array
from . import _tail_kernels

__all__ = ["fisher"]


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
