"""Kernels of alternating least squares: conjugate gradients over rows of interactions, and exact solutions by LAPACK.

Both work in a basis in which the Gram matrix of the fixed side is diagonal. There the part of the equations that all
rows share, the unobserved pairs and the penalty, is one vector instead of a matrix: a product with it costs f
operations instead of f^2, and its inverse, the natural preconditioner, costs nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.core import cgutils as _cgutils
from numba.core import types as nb
from numba.extending import intrinsic

from .._core.jit import summing_kernel
from ..typing import AnyArray, FloatArray, Int32Array, Int64Array

cgutils: Any = _cgutils  # numba has no stubs

FEW = 48
"""Rows below which BLAS multiplies general matrices more quickly than it makes half of a symmetric one."""


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


def _call_routine(_context: Any, address: Any, arrays: Any) -> Any:
    """Call the routine of BLAS or LAPACK at an address, with the addresses of the first numbers of arrays.

    Of arrays and not of their addresses, so that each lives until the routine returns: the compiler lets go of an array
    after its last use.
    """

    def generate(context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        parts = zip(arrays.types, cgutils.unpack_tuple(builder, values[1]), strict=True)
        pointers = [context.make_array(kind)(context, builder, array).data for kind, array in parts]
        routine = cgutils.ir.FunctionType(cgutils.ir.VoidType(), [pointer.type for pointer in pointers])
        builder.call(builder.inttoptr(values[0], routine.as_pointer()), pointers)
        return context.get_dummy_value()

    return nb.void(address, arrays), generate


call_routine: Any = intrinsic(_call_routine)


@summing_kernel
def gather(
    codes: Int32Array, weights: FloatArray, vectors: FloatArray, scale: FloatArray, rows: FloatArray, goal: FloatArray
) -> None:
    """Set each row to ``sqrt(abs(w)) * y * scale``, and each goal to ``sqrt(max(w, 0))``."""
    for i in range(codes.size):
        y, row = vectors[np.uint32(codes[i])], rows[i]
        root = np.sqrt(abs(weights[i]))
        goal[i] = np.sqrt(max(weights[i], 0.0))
        for j in range(scale.size):
            row[j] = y[j] * root * scale[j]


@summing_kernel
def combine(rows: FloatArray, goal: FloatArray, n: int, out: FloatArray) -> None:
    """Set `out` to the sum of the first `n` rows, each times its goal."""
    out[:] = 0
    for i in range(n):
        row = rows[i]
        for j in range(out.size):
            out[j] += goal[i] * row[j]


@summing_kernel
def square(dsyrk: int, letters: AnyArray, sizes: Int32Array, rows: FloatArray, out: FloatArray) -> None:
    """Set the lower triangle of `out` to the products of rows (`letters` "LT") or of columns ("LN") with each other.

    `sizes` are the order of `out`, how many terms a product has, and the length of rows.
    """
    factors = np.array([1.0, 0.0])
    left = (letters, letters[1:], sizes, sizes[1:], factors, rows, sizes[2:])
    call_routine(dsyrk, (*left, factors[1:], out, sizes))


@summing_kernel
def products(dgemm: int, letters: AnyArray, sizes: Int32Array, rows: FloatArray, out: FloatArray) -> None:
    """Set `out` to the products of rows (`letters` "LTN") with each other; for few rows quicker than `square`."""
    factors = np.array([1.0, 0.0])
    left = (letters[1:], letters[2:], sizes, sizes, sizes[1:], factors, rows, sizes[2:])
    call_routine(dgemm, (*left, rows, sizes[2:], factors[1:], out, sizes))


@summing_kernel
def settle(dposv: int, letters: AnyArray, sizes: Int32Array, equations: FloatArray, right: FloatArray) -> bool:
    """Replace the right side of the equations, of which there is a triangle, by their solution, if they have one.

    Return whether they have none in double precision.
    """
    counts = np.array([1, 0], np.int32)
    call_routine(dposv, (letters, sizes, counts, equations, sizes, right, sizes, counts[1:]))
    return counts[1] != 0


@summing_kernel
def solve(
    indptr: Int64Array,
    codes: Int32Array,
    weights: FloatArray,
    vectors: FloatArray,
    spectrum: FloatArray,
    penalties: FloatArray,
    dgemm: int,
    dsyrk: int,
    dposv: int,
    out: FloatArray,
    start: int,
    stop: int,
) -> int:
    """Solve the equations of `descend` exactly for rows `start` to `stop`, in double precision, by LAPACK.

    Return how many rows have equations that are singular in double precision; their `out` is no solution.

    A row with fewer entries n than factors f is solved in n unknowns instead (the matrix inversion lemma): with
    ``R = sqrt(W) Y inverse(sqrt(D))``, D the diagonal, and goals g, ``x = inverse(sqrt(D)) R' inverse(I + R R') g``.
    `dgemm`, `dsyrk` and `dposv` are addresses.
    """
    f = out.shape[1]
    most = 1
    for u in range(start, stop):
        most = max(most, indptr[u + 1] - indptr[u])
    rows, goals, equations = np.empty((most, f)), np.empty(most), np.empty(f * f)
    scale, sizes, n_singular = np.ones(f), np.array([f, f, f], np.int32), 0
    by_rows, by_columns = np.array([76, 84, 78], np.uint8), np.array([76, 78], np.uint8)  # "LTN", "LN"
    for u in range(start, stop):
        first, last = indptr[u], indptr[u + 1]
        n, x = last - first, out[u]
        if n < f:
            for j in range(f):
                scale[j] = 1 / np.sqrt(spectrum[j] + penalties[u])
            gather(codes[first:last], weights[first:last], vectors, scale, rows, goals)
            if n > 0:
                sizes[0], sizes[1] = n, f
                if n < FEW:
                    products(dgemm, by_rows, sizes, rows, equations)
                else:
                    square(dsyrk, by_rows, sizes, rows, equations)
                for i in range(n):
                    equations[i * (n + 1)] += 1
                n_singular += settle(dposv, by_rows, sizes, equations, goals)
            combine(rows, goals, n, x)
            for j in range(f):
                x[j] *= scale[j]
        else:
            scale[:] = 1
            gather(codes[first:last], weights[first:last], vectors, scale, rows, goals)
            sizes[0], sizes[1] = f, n
            square(dsyrk, by_columns, sizes, rows, equations)
            for j in range(f):
                equations[j * (f + 1)] += spectrum[j] + penalties[u]
            combine(rows, goals, n, x)
            n_singular += settle(dposv, by_rows, sizes, equations, x)
    return n_singular
