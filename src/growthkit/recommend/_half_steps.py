"""The half-steps of alternating least squares: one side's vectors, given those of the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .._core.frames import frozen
from .._core.parallel import block_edges, run_blocks
from .._core.ragged import Ragged
from ..typing import AnyArray, FloatArray, Int32Array, Int64Array
from . import _als_kernels
from ._lapack import address

__all__ = ["Penalty", "Side"]

STEPS = 3
"""Steps of conjugate gradients in a half-step; preconditioned, they are nearly as good as exact."""

ROWS_A_BLOCK = 4096
"""Vectors in a block of dense work."""

ENTRIES_A_BLOCK = 32_768
"""Interactions in a block of equations."""


@dataclass(frozen=True, slots=True)
class Penalty:
    """What the loss says besides the interactions.

    Parameters
    ----------
    regularization, exponent
        lambda and nu: a row is penalised with ``lambda * (its weight) ** nu``.
    unobserved
        alpha_0: the weight of each pair, observed or not.
    """

    regularization: float
    unobserved: float
    exponent: float

    def of_rows(self, weights: FloatArray, n_others: int) -> FloatArray:
        """Return the penalty of rows whose interactions have these absolute weights, among so many pairs each."""
        return self.regularization * (weights + self.unobserved * n_others) ** self.exponent


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """The equations of one side, customers or items: a row for each, its interactions with the other side.

    Parameters
    ----------
    indptr, codes, weights
        The interactions, as of `Ragged`; weights are float64.
    rounded
        The weights in single precision.
    penalties
        Of each row.
    unobserved
        alpha_0.
    blocks
        Runs of rows with about equally many interactions.
    n_threads
        How many threads to use.
    """

    indptr: Int64Array
    codes: Int32Array
    weights: FloatArray
    rounded: AnyArray
    penalties: FloatArray
    unobserved: float
    blocks: list[tuple[int, int]]
    n_threads: int

    @classmethod
    def of(cls, rows: Ragged, n_others: int, penalty: Penalty, n_threads: int) -> Side:
        """Return the equations of the rows of a ragged array, against `n_others` of the other side."""
        weights = np.ones(rows.codes.size) if rows.values is None else np.ascontiguousarray(rows.values)
        sums: Any = np.bincount(rows.row_numbers(), weights=np.abs(weights), minlength=len(rows))
        return cls(
            frozen(np.ascontiguousarray(rows.indptr)),
            frozen(np.ascontiguousarray(rows.codes)),
            frozen(weights),
            frozen(weights.astype(np.float32)),
            frozen(penalty.of_rows(sums, n_others)),
            penalty.unobserved,
            _even_blocks(rows.indptr),
            n_threads,
        )

    def improved(self, own: AnyArray, others: AnyArray) -> tuple[AnyArray, AnyArray]:
        """Return better vectors of this side, and those of the other side in the basis in which they are."""
        gram = _gram(others, self.n_threads)
        spectrum, basis = np.linalg.eigh(gram)
        turn = basis.astype(np.float32)
        own, others = (_product(side, turn, self.n_threads) for side in (own, others))
        shared = self.unobserved * np.maximum(spectrum, 0)
        arrays = frozen(others), frozen(shared.astype(np.float32)), frozen(self.penalties.astype(np.float32))
        run_blocks(
            lambda b: _als_kernels.descend(self.indptr, self.codes, self.rounded, *arrays, STEPS, own, *self.blocks[b]),
            len(self.blocks),
            n_threads=self.n_threads,
        )
        return own, others

    def solved(self, others: AnyArray) -> FloatArray:
        """Return the vectors of this side that solve its equations, in double precision.

        Raises
        ------
        numpy.linalg.LinAlgError
            If equations are singular in double precision.
        """
        spectrum, basis = np.linalg.eigh(_gram(others, self.n_threads, np.float64))
        turned = _product(others, basis, self.n_threads)
        own = np.empty((self.indptr.size - 1, others.shape[1]))
        arrays = frozen(turned), frozen(self.unobserved * np.maximum(spectrum, 0)), self.penalties
        lapack = address("dgemm"), address("dsyrk"), address("dposv")

        def solve(block: int) -> int:
            place = self.blocks[block]
            n_singular = _als_kernels.solve(self.indptr, self.codes, self.weights, *arrays, *lapack, own, *place)
            own[slice(*place)] = own[slice(*place)] @ basis.T
            return n_singular

        n_singular = sum(run_blocks(solve, len(self.blocks), n_threads=self.n_threads))
        if n_singular:
            raise np.linalg.LinAlgError(f"the equations of {n_singular} rows are singular")
        return own

    def parts(self, row: int, others: AnyArray, target: int) -> FloatArray:
        """Return what each interaction of a row adds to the inner product of its solution with one of the others.

        The solution is linear in what is observed: ``x = inverse(A) @ sum(w y)``; so are its products. As for `solve`,
        let D be the diagonal and ``R = sqrt(W) Y inverse(sqrt(D))``. With singular values ``R = U s V'``, the products
        are ``sqrt(W) U (s / (1 + s * s)) V' inverse(sqrt(D)) y``: no penalty is too small for them.
        """
        entries = slice(self.indptr[row], self.indptr[row + 1])
        spectrum, basis = np.linalg.eigh(_gram(others, self.n_threads, np.float64))
        diagonal = self.unobserved * np.maximum(spectrum, 0) + self.penalties[row]
        scaled = basis / np.sqrt(np.maximum(diagonal, np.finfo(np.float64).tiny))
        roots = np.sqrt(np.abs(self.weights[entries]))
        near = roots[:, None] * (others[self.codes[entries]].astype(np.float64) @ scaled)
        left, sizes, right = np.linalg.svd(near, full_matrices=False)
        sizes[sizes <= max(near.shape) * np.finfo(np.float64).eps * sizes.max(initial=0)] = 0  # nothing but rounding
        length = np.hypot(1, sizes)
        found = left @ (sizes / length / length * (right @ (others[target].astype(np.float64) @ scaled)))
        return np.where(self.weights[entries] > 0, roots * found, 0.0)


def _product(rows: AnyArray, matrix: AnyArray, n_threads: int) -> AnyArray:
    """Return ``rows @ matrix``, precise as the matrix, made in blocks that do not depend on the number of threads."""
    out = np.empty((len(rows), matrix.shape[1]), dtype=matrix.dtype)
    blocks = block_edges(len(rows), -(-len(rows) // ROWS_A_BLOCK))

    def write(block: int) -> None:
        place = slice(*blocks[block])
        np.matmul(rows[place].astype(matrix.dtype, copy=False), matrix, out=out[place])

    run_blocks(write, len(blocks), n_threads=n_threads)
    return out


def _gram(vectors: AnyArray, n_threads: int, dtype: Any = np.float32) -> FloatArray:
    """Return the sum of ``y y'`` over vectors, added up in blocks that do not depend on the number of threads."""
    blocks = block_edges(len(vectors), -(-len(vectors) // ROWS_A_BLOCK))

    def square(block: int) -> AnyArray:
        part = vectors[slice(*blocks[block])].astype(dtype, copy=False)
        return part.T @ part

    total: FloatArray = np.zeros((vectors.shape[1], vectors.shape[1]))
    for part in run_blocks(square, len(blocks), n_threads=n_threads):
        total += part
    return total


def _even_blocks(indptr: Int64Array) -> list[tuple[int, int]]:
    """Cut rows into runs of about `ENTRIES_A_BLOCK` entries."""
    marks = np.arange(0, max(int(indptr[-1]), 1), ENTRIES_A_BLOCK)
    edges = np.unique(np.append(np.searchsorted(indptr, marks), len(indptr) - 1))
    return list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))
