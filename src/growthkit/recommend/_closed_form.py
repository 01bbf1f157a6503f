"""The weights of EASE in closed form, from the items' equations or from the customers'."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .._core.frames import frozen
from .._core.parallel import block_edges, run_blocks
from ..typing import AnyArray, FloatArray, Int32Array, Int64Array
from . import _linear_kernels
from ._inverse import invert

__all__ = ["ClosedForm", "gram"]

Rows = tuple[Int64Array, Int32Array, FloatArray]
"""Row pointers, codes and values."""

TILE = 256
"""Rows and columns of the matrix of weights that are written at a time."""

PANEL = 256
"""Items whose weights are found together from the customers' equations."""

WIDTH = 64
"""Columns that are added up at a time: those of all customers stay in the second level of the cache."""

PAD = 8
"""Numbers between rows whose length is a power of 2, which would share few lines of the cache."""


@dataclass(frozen=True, slots=True, eq=False)
class ClosedForm:
    """The matrix of weights ``-P[i, j] / P[j, j]``, 0 on the diagonal, with ``P = inverse(X' X + l2 I)``.

    Where customers are few, P is ``(I - S) / l2`` with ``S = X' inverse(X X' + l2 I) X``: a matrix of customers is
    inverted instead of one of items, and X is sparse. The weights are ``S[i, j] / (1 - S[j, j])`` then.

    Parameters
    ----------
    by_customer, by_item
        X, the weights of interactions, from both sides.
    l2
        Above 0.
    n_threads
        How many threads to use.
    """

    by_customer: Rows
    by_item: Rows
    l2: float
    n_threads: int

    @property
    def n_customers(self) -> int:
        """The number of rows of X."""
        return self.by_customer[0].size - 1

    @property
    def n_items(self) -> int:
        """The number of columns of X."""
        return self.by_item[0].size - 1

    def of_customers(self) -> bool:
        """Return whether to take the equations of the customers.

        They are less work where customers are at most half as many as items. But ``1 - S[j, j]`` loses what S has more
        of than single precision can tell from 1: the rounding error grows with the condition of the equations, at most
        the sum of squares over `l2`, and with ``1 / (1 - S[j, j])``, at most 1 more than those of item j over `l2`.
        """
        indptr, _, values = self.by_item
        squares = np.add.reduceat(np.append(values * values, 0.0), indptr[:-1]) * (np.diff(indptr) > 0)
        with np.errstate(over="ignore"):  # a loss without bound is too much, too
            loss = squares.sum() / self.l2 * (1 + squares.max() / self.l2) * np.finfo(np.float64).eps
        return 2 * self.n_customers <= self.n_items and bool(loss < np.finfo(np.float32).eps)

    def n_bytes(self) -> int:
        """Return how much memory `weights` takes: those in single precision, and the equations in double."""
        return 4 * self.n_items**2 + 8 * (self.n_customers if self.of_customers() else self.n_items) ** 2

    def weights(self) -> AnyArray:
        """Return the weights, float32, items by items.

        Raises
        ------
        numpy.linalg.LinAlgError
            If the equations are singular in double precision.
        """
        return self._from_customers() if self.of_customers() else self._from_items()

    def _from_items(self) -> AnyArray:
        return _without_self(self._inverse(self.by_customer, self.by_item), self.n_threads)

    def _from_customers(self) -> AnyArray:
        inverse = self._inverse(self.by_item, self.by_customer)
        _mirror(inverse)
        weights = np.empty((self.n_items, self.n_items), dtype=np.float32)
        panels = block_edges(self.n_items, -(-self.n_items // PANEL))
        run_blocks(
            lambda p: self._write_panel(frozen(inverse), weights, *panels[p]), len(panels), n_threads=self.n_threads
        )
        return weights

    def _write_panel(self, inverse: FloatArray, weights: AnyArray, start: int, stop: int) -> None:
        """Write the columns `start` to `stop` of the weights, by blocks of rows."""
        items = frozen(np.arange(self.n_items, dtype=np.int32))
        n = stop - start
        turned, room = np.empty((n, self.n_customers)), np.empty((self.n_customers, PANEL + PAD))
        _linear_kernels.dense_scores(*self.by_item, items[start:stop], inverse, WIDTH, turned)
        room[:, :n] = turned.T
        solved = frozen(room)
        sums, own = np.empty((PANEL, n)), np.arange(n)
        _linear_kernels.dense_scores(*self.by_item, items[start:stop], solved, WIDTH, sums[:n])
        scale = 1 / (1 - sums[own, own])
        for first in range(0, self.n_items, PANEL):
            rows = slice(first, min(first + PANEL, self.n_items))
            part = sums[: rows.stop - first]
            _linear_kernels.dense_scores(*self.by_item, items[rows], solved, WIDTH, part)
            np.multiply(part, scale, out=weights[rows, start:stop], casting="same_kind")
        weights[items[start:stop], items[start:stop]] = 0

    def _inverse(self, rows: Rows, columns: Rows) -> FloatArray:
        """Return the inverse of the Gram matrix of columns plus l2, of which the lower triangle is defined."""
        matrix = gram(rows, columns, self.n_threads)
        matrix[np.diag_indices_from(matrix)] += self.l2
        invert(matrix, n_threads=self.n_threads)
        return matrix


def gram(rows: Rows, columns: Rows, n_threads: int) -> FloatArray:
    """Return the lower triangle of the Gram matrix of columns; what stands above it is not defined."""
    n = columns[0].size - 1
    matrix = np.empty((n, n))
    blocks = block_edges(n, min(n, 256))
    run_blocks(
        lambda b: _linear_kernels.gram_rows(*rows, *columns, matrix, *blocks[b]), len(blocks), n_threads=n_threads
    )
    return matrix


def _tiles(n: int) -> list[slice]:
    return [slice(start, min(start + TILE, n)) for start in range(0, n, TILE)]


def _mirror(matrix: FloatArray) -> None:
    """Copy the lower triangle to the upper one."""
    tiles = _tiles(len(matrix))
    for t, rows in enumerate(tiles):
        for columns in tiles[:t]:
            matrix[columns, rows] = matrix[rows, columns].T
        corner = np.tril(matrix[rows, rows], -1)
        matrix[rows, rows] = corner + corner.T + np.diag(np.diagonal(matrix[rows, rows]))


def _without_self(inverse: FloatArray, n_threads: int) -> AnyArray:
    """Return ``-P[i, j] / P[j, j]`` with a diagonal of 0, from the lower triangle of P."""
    n, scale = len(inverse), -1 / np.diagonal(inverse)
    weights = np.empty((n, n), dtype=np.float32)
    tiles = _tiles(n)[::-1]  # long rows of tiles first

    def write(t: int) -> None:
        rows = tiles[t]
        for columns in tiles[t + 1 :]:
            part = inverse[rows, columns]
            np.multiply(part, scale[columns], out=weights[rows, columns], casting="same_kind")
            np.multiply(part.T, scale[rows], out=weights[columns, rows], casting="same_kind")
        corner = np.tril(inverse[rows, rows], -1)
        weights[rows, rows] = (corner + corner.T) * scale[rows]

    run_blocks(write, len(tiles), n_threads=n_threads)
    weights[np.diag_indices_from(weights)] = 0
    return weights
