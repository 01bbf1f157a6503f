"""The pass over the rows that sums moments: blocks of rows sorted by cell, then merged in a fixed order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .._core.parallel import run_blocks
from ..typing import AnyArray, FloatArray, Int32Array, Int64Array
from . import _moments_kernels

__all__ = ["Sums", "pass_over"]

BLOCK = 4_096
"""Rows that are sorted by cell together, so that a column fits the cache; more where there are many cells."""

ROWS_A_CELL = 8
"""Rows that a block should have for each cell."""

BLOCKS_A_PART = 32
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
    binary: Sequence[bool],
    pairs: Int32Array,
    *,
    n_threads: int,
) -> tuple[Sums, Int64Array]:
    """Sum the moments of all cells, of columns of numbers of any type; count the values that are neither 0 nor 1.

    These are counted in the columns marked in `binary`. The cuts into blocks do not depend on the number of threads. A
    value that is not finite leaves a mean that is not.
    """
    block = max(BLOCK, ROWS_A_CELL * n_cells)
    part = block * BLOCKS_A_PART
    edges = [(start, min(start + part, cells.size)) for start in range(0, cells.size, part)]
    stored = [np.require(column, requirements=("C", "A")) for column in columns]
    places = np.array([_place_of(column) for column in stored], dtype=np.int64)
    fixed = np.array(caps, dtype=np.float64), np.array(binary, dtype=np.bool_), _work_rows(len(columns), pairs), pairs

    def sum_part(p: int) -> tuple[Sums, Int64Array]:
        total, bad = _nothing(n_cells, len(columns), len(pairs)), np.zeros(len(columns), dtype=np.int64)
        _moments_kernels.sum_part(places, *fixed, cells, block, *edges[p], *total, bad)
        return total, bad

    parts = run_blocks(sum_part, len(edges), n_threads=n_threads)
    total, bad = parts[0]
    for other, more in parts[1:]:
        _moments_kernels.merge_cells(pairs, *total, *other)
        bad += more
    return total, bad


def _place_of(column: AnyArray) -> tuple[int, int, int]:
    """Return the address of a column's first number, the bytes of each, and its kind."""
    numbers = column.view(np.uint8) if column.dtype == np.bool_ else column
    return numbers.ctypes.data, numbers.itemsize, _moments_kernels.KINDS.index(numbers.dtype)


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
