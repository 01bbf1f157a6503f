"""The pass over the rows that sums moments: blocks of rows sorted by cell, then merged in a fixed order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .._core.parallel import run_blocks
from ..typing import AnyArray, FloatArray, Int32Array
from . import _kernels

__all__ = ["Sums", "pass_over"]

BLOCK = 8_192
"""Rows that are sorted by cell together, so that their columns fit the cache; more where there are many cells."""

ROWS_A_CELL = 8
"""Rows that a block should have for each cell."""

BLOCKS_A_PART = 16
"""Blocks whose moments are summed one by one; parts run side by side on threads."""


class Sums(NamedTuple):
    """Moments of cells: n (cells,), mean (cells, variables), products (cells, pairs), thirds (cells, variables)."""

    n: FloatArray
    mean: FloatArray
    products: FloatArray
    thirds: FloatArray


def pass_over(
    cells: Int32Array,
    n_cells: int,
    columns: Sequence[AnyArray],
    caps: Sequence[float],
    pairs: Int32Array,
    *,
    n_threads: int,
) -> Sums:
    """Sum the moments of all cells, of columns of numbers of any type.

    The cuts into blocks do not depend on the number of threads. A value that is not finite leaves a mean that is not.
    """
    block = max(BLOCK, ROWS_A_CELL * n_cells)
    part = block * BLOCKS_A_PART
    edges = [(start, min(start + part, cells.size)) for start in range(0, cells.size, part)]
    parts = run_blocks(
        lambda p: _sum_part(cells, n_cells, columns, caps, pairs, block, *edges[p]), len(edges), n_threads=n_threads
    )
    total = parts[0]
    for other in parts[1:]:
        _kernels.merge_cells(pairs, *total, *other)
    return total


def _sum_part(
    cells: Int32Array,
    n_cells: int,
    columns: Sequence[AnyArray],
    caps: Sequence[float],
    pairs: Int32Array,
    block: int,
    start: int,
    stop: int,
) -> Sums:
    total = _nothing(n_cells, len(columns), len(pairs))
    rows = _work_rows(len(columns), pairs)
    work = np.empty((int(rows.max()) + 1, min(block, stop - start)))
    starts, places = np.empty(n_cells + 1, dtype=np.int64), np.empty(work.shape[1], dtype=np.uint32)
    sums = np.empty((n_cells, len(columns), 3))
    for low in range(start, stop, block):
        high = min(low + block, stop)
        _kernels.place_by_cell(cells[low:high], starts, places)
        for j, (column, cap, place) in enumerate(zip(columns, caps, rows.tolist(), strict=True)):
            row = work[place, : high - low]
            _kernels.put(column[low:high], places, row)
            if cap < np.inf:
                _kernels.cut(row, cap)
            _kernels.centre_row(row, starts, total.n, total.mean, sums, j)
        _kernels.add_block(work, starts, pairs, rows, sums, *total)
    return total


def _work_rows(n_columns: int, pairs: Int32Array) -> Int32Array:
    """Return where each column is kept while its block is worked on; those without a partner share one place."""
    partnered = np.unique(pairs[n_columns:])
    rows = np.full(n_columns, partnered.size, dtype=np.int32)
    rows[partnered] = np.arange(partnered.size, dtype=np.int32)
    return rows


def _nothing(n_cells: int, n_columns: int, n_pairs: int) -> Sums:
    return Sums(
        np.zeros(n_cells), np.zeros((n_cells, n_columns)), np.zeros((n_cells, n_pairs)), np.zeros((n_cells, n_columns))
    )
