"""Kernels of alternating least squares: conjugate gradients over rows of interactions, and exact solutions by LAPACK.

Both work in a basis in which the Gram matrix of the fixed side is diagonal. There the part of the equations that all
rows share, the unobserved pairs and the penalty, is one vector instead of a matrix: a product with it costs f
operations instead of f^2, and its inverse, the natural preconditioner, costs nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core.jit import summing_kernel
from ..typing import AnyArray, FloatArray, Int32Array, Int64Array


@summing_kernel
def pull(
    codes: Int32Array,
    weights: AnyArray,
    vectors: AnyArray,
    first: int,
    last: int,
    towards: Any,
    x: AnyArray,
    out: AnyArray,
) -> None:
    """Add to `out` the sum of ``(towards * max(w, 0) - abs(w) * (x . y)) * y`` over the entries of one row.

    With `towards` 1 that is the pull of the row's entries on x, with 0 minus the product of their matrix with x. Four
    entries at a time share the reads of `x` and the writes of `out`.
    """
    f = x.size
    zero = np.float32(0)
    e = first
    while e + 4 <= last:
        y0, y1 = vectors[np.uint32(codes[e])], vectors[np.uint32(codes[e + 1])]
        y2, y3 = vectors[np.uint32(codes[e + 2])], vectors[np.uint32(codes[e + 3])]
        s0 = s1 = s2 = s3 = zero
        for j in range(f):
            s0 += y0[j] * x[j]
            s1 += y1[j] * x[j]
            s2 += y2[j] * x[j]
            s3 += y3[j] * x[j]
        w0, w1, w2, w3 = weights[e], weights[e + 1], weights[e + 2], weights[e + 3]
        s0 = towards * max(w0, zero) - abs(w0) * s0
        s1 = towards * max(w1, zero) - abs(w1) * s1
        s2 = towards * max(w2, zero) - abs(w2) * s2
        s3 = towards * max(w3, zero) - abs(w3) * s3
        for j in range(f):
            out[j] += s0 * y0[j] + s1 * y1[j] + s2 * y2[j] + s3 * y3[j]
        e += 4
    while e < last:
        y = vectors[np.uint32(codes[e])]
        s = zero
        for j in range(f):
            s += y[j] * x[j]
        s = towards * max(weights[e], zero) - abs(weights[e]) * s
        for j in range(f):
            out[j] += s * y[j]
        e += 1


@summing_kernel
def energy(
    codes: Int32Array, weights: AnyArray, vectors: AnyArray, first: int, last: int, diagonal: AnyArray, x: AnyArray
) -> Any:
    """Return ``x' A x`` of one row: the last step of conjugate gradients needs no more of the product."""
    f = x.size
    total = np.float32(0)
    for j in range(f):
        total += diagonal[j] * x[j] * x[j]
    e = first
    while e + 4 <= last:
        y0, y1 = vectors[np.uint32(codes[e])], vectors[np.uint32(codes[e + 1])]
        y2, y3 = vectors[np.uint32(codes[e + 2])], vectors[np.uint32(codes[e + 3])]
        s0 = s1 = s2 = s3 = np.float32(0)
        for j in range(f):
            s0 += y0[j] * x[j]
            s1 += y1[j] * x[j]
            s2 += y2[j] * x[j]
            s3 += y3[j] * x[j]
        total += abs(weights[e]) * s0 * s0 + abs(weights[e + 1]) * s1 * s1
        total += abs(weights[e + 2]) * s2 * s2 + abs(weights[e + 3]) * s3 * s3
        e += 4
    while e < last:
        y = vectors[np.uint32(codes[e])]
        s = np.float32(0)
        for j in range(f):
            s += y[j] * x[j]
        total += abs(weights[e]) * s * s
        e += 1
    return total


@summing_kernel
def precondition(residual: AnyArray, diagonal: AnyArray, direction: AnyArray, momentum: Any) -> None:
    """Set the next direction: the residual through the preconditioner, and `momentum` times the one before."""
    for j in range(direction.size):
        direction[j] = residual[j] / diagonal[j] + momentum * direction[j]


@summing_kernel
def size_of(residual: AnyArray, diagonal: AnyArray) -> Any:
    """Return the squared length of the residual as the preconditioner sees it."""
    total = np.float32(0)
    for j in range(residual.size):
        total += residual[j] * residual[j] / diagonal[j]
    return total


@summing_kernel
def descend(
    indptr: Int64Array,
    codes: Int32Array,
    weights: AnyArray,
    vectors: AnyArray,
    spectrum: AnyArray,
    penalties: AnyArray,
    steps: int,
    out: AnyArray,
    start: int,
    stop: int,
) -> None:
    """Improve rows `start` to `stop` of `out` by preconditioned conjugate gradients; rows without entries become 0.

    Row u solves ``(diag(spectrum + penalties[u]) + sum |w| y y') x = sum max(w, 0) y`` over its entries.
    """
    f = out.shape[1]
    diagonal, residual = np.empty(f, np.float32), np.empty(f, np.float32)
    direction, product = np.empty(f, np.float32), np.empty(f, np.float32)
    one, zero = np.float32(1), np.float32(0)
    for u in range(start, stop):
        first, last = indptr[u], indptr[u + 1]
        x = out[u]
        if first == last:
            x[:] = zero
            continue
        for j in range(f):
            diagonal[j] = spectrum[j] + penalties[u]
            residual[j] = -diagonal[j] * x[j]
            direction[j] = zero
        pull(codes, weights, vectors, first, last, one, x, residual)
        size = size_of(residual, diagonal)
        precondition(residual, diagonal, direction, zero)
        for step in range(steps):
            if not size > np.float32(1e-30):
                break
            if step == steps - 1:
                length = size / energy(codes, weights, vectors, first, last, diagonal, direction)
                for j in range(f):
                    x[j] += length * direction[j]
                break
            bend = zero
            for j in range(f):
                product[j] = -diagonal[j] * direction[j]
            pull(codes, weights, vectors, first, last, zero, direction, product)
            for j in range(f):
                bend -= direction[j] * product[j]
            length = size / bend
            for j in range(f):
                x[j] += length * direction[j]
                residual[j] += length * product[j]
            before = size
            size = size_of(residual, diagonal)
            precondition(residual, diagonal, direction, size / before)


@summing_kernel
def solve(
    indptr: Int64Array,
    codes: Int32Array,
    weights: FloatArray,
    vectors: FloatArray,
    spectrum: FloatArray,
    penalties: FloatArray,
    out: FloatArray,
    start: int,
    stop: int,
) -> None:
    """Solve the equations of `descend` exactly for rows `start` to `stop`, in double precision, by LAPACK.

    A row with fewer entries n than factors f is solved in its n unknowns instead (the matrix inversion lemma).
    """
    f = out.shape[1]
    diagonal: Any = np.empty(f)
    for u in range(start, stop):
        first, last = indptr[u], indptr[u + 1]
        n: int = last - first
        out[u] = 0
        if n == 0:
            continue
        for j in range(f):
            diagonal[j] = spectrum[j] + penalties[u]
        rows: Any = np.empty((n, f), np.float64)
        scaled: Any = np.empty((n, f), np.float64)
        for i in range(n):
            y = vectors[codes[first + i]]
            root = np.sqrt(abs(weights[first + i]))
            for j in range(f):
                rows[i, j] = y[j] * root
                scaled[i, j] = rows[i, j] / diagonal[j] if n < f else rows[i, j]
        goal = np.empty(n, np.float64)
        for i in range(n):
            goal[i] = np.sqrt(max(weights[first + i], 0.0))
        if n < f:
            small: Any = np.dot(scaled, rows.T)
            for i in range(n):
                small[i, i] += 1
            out[u] = np.linalg.solve(small, goal) @ scaled
        else:
            full: Any = np.dot(rows.T, rows)
            for j in range(f):
                full[j, j] += diagonal[j]
            out[u] = np.linalg.solve(full, np.dot(goal, rows))
