"""The inverse of a large positive definite matrix, in place, on our threads.

LAPACK's own routines spread over BLAS's threads, and their last bits depend on how many there are. Here the matrix is
cut into tiles, each tile is made by one product on one thread, and factors of tiles come from LAPACK: equal bits on any
number of threads, at the same speed.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .._core.parallel import run_blocks, serial_blas
from ..typing import FloatArray

__all__ = ["invert"]

TILE = 384
"""Rows and columns of a tile."""


def invert(matrix: FloatArray, *, n_threads: int = 1) -> None:
    """Replace the lower triangle of a symmetric positive definite matrix by that of its inverse.

    The upper triangle is neither read nor kept. n^3 multiplications and additions; memory for one row of tiles more.

    Raises
    ------
    numpy.linalg.LinAlgError
        If the matrix is not positive definite.
    """
    tiles = [slice(start, min(start + TILE, len(matrix))) for start in range(0, len(matrix), TILE)]
    with serial_blas():
        diagonal = _factor(matrix, tiles, n_threads)
        _invert_factor(matrix, tiles, diagonal, n_threads)
        _square(matrix, tiles, n_threads)


def _each(work: Callable[[int], None], n: int, n_threads: int) -> None:
    run_blocks(work, n, n_threads=n_threads)


def _factor(a: FloatArray, tiles: list[slice], n_threads: int) -> list[FloatArray]:
    """Replace `a` by its Cholesky factor L, column of tiles by column; return the inverses of its diagonal tiles."""
    inverses: list[FloatArray] = []
    for j, column in enumerate(tiles):
        left = slice(0, column.start)

        def subtract(t: int, j: int = j, column: slice = column, left: slice = left) -> None:
            a[tiles[j + t], column] -= a[tiles[j + t], left] @ a[column, left].T

        if j:
            _each(subtract, len(tiles) - j, n_threads)
        corner = np.linalg.cholesky(a[column, column])
        inverse = np.tril(np.linalg.inv(corner)).astype(np.float64, copy=False)
        a[column, column] = corner
        inverses.append(inverse)

        def divide(t: int, j: int = j, column: slice = column, inverse: FloatArray = inverse) -> None:
            a[tiles[j + 1 + t], column] = a[tiles[j + 1 + t], column] @ inverse.T

        _each(divide, len(tiles) - j - 1, n_threads)
    return inverses


def _invert_factor(a: FloatArray, tiles: list[slice], diagonal: list[FloatArray], n_threads: int) -> None:
    """Replace the factor L by its inverse M, row of tiles by row.

    ``M[i, j] = -inverse(L[i, i]) @ L[i, j:i] @ M[j:i, j]``.
    """
    for i, row in enumerate(tiles):
        known = np.ascontiguousarray(a[row, : row.start])

        def make(j: int, row: slice = row, known: FloatArray = known, i: int = i) -> None:
            column = tiles[j]
            between = slice(column.start, row.start)
            a[row, column] = -diagonal[i] @ (known[:, between] @ a[between, column])

        _each(make, i, n_threads)
        a[row, row] = diagonal[i]


def _square(a: FloatArray, tiles: list[slice], n_threads: int) -> None:
    """Replace the lower triangular M by the lower triangle of ``M' M``, row of tiles by row."""
    for i, row in enumerate(tiles):
        below = slice(row.start, None)
        own = np.ascontiguousarray(a[below, row].T)

        def make(j: int, row: slice = row, below: slice = below, own: FloatArray = own) -> None:
            a[row, tiles[j]] = own @ a[below, tiles[j]]

        _each(make, i + 1, n_threads)
