"""The inverse of a large positive definite matrix, in place, on our threads.

LAPACK's own routines spread over BLAS's threads, which are idle for a fifth of the time, and their last bits depend on
how many there are. Here the matrix is halved again and again, so that nearly all work is in products of large blocks.
Each is cut into parts that do not depend on the number of threads, and a part is one call of BLAS on one thread: equal
bits on any number of threads.

BLAS is called by its address, as compiled code would: it works in place on blocks of the matrix, and without the GIL.
It counts columns first, so what it sees of a block is the transpose, and of a lower triangle the upper one ("U").
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from .._core.parallel import run_blocks, serial_blas
from ..typing import FloatArray
from ._lapack import address

__all__ = ["invert"]

LEAF = 512
"""Rows of a matrix that LAPACK treats in one piece."""

PART = 1200
"""Rows that a part of a triangular product has at most."""

STRIP = 384
"""Rows that a part of a symmetric product has at most."""

SOLVED = 128
"""Unknowns of a triangular system that BLAS solves in one piece; beyond it, products are faster."""

SPLIT = 256
"""Rows from which on work is worth cutting in two."""

Run = tuple[int, int]


def invert(matrix: FloatArray, *, n_threads: int = 1) -> None:
    """Replace the lower triangle of a symmetric positive definite matrix by that of its inverse.

    The upper triangle is neither read nor written, but for blocks at the diagonal. n^3 multiplications and additions;
    no further memory.

    Raises
    ------
    numpy.linalg.LinAlgError
        If the matrix is not positive definite.
    """
    with serial_blas():
        halves = _Halves(matrix, n_threads)
        for step in (halves.factor, halves.invert_factor, halves.square):
            step(0, len(matrix))


class _Halves:
    """The steps of the inversion of a matrix A, each of them by halves of a run of rows `low` to `high`.

    ``L L' = A``, then ``M = inverse(L)``, then ``M' M`` take each other's place in the lower triangle. What lies
    between the halves, with the rows of the second and the columns of the first, is called "between".
    """

    def __init__(self, matrix: FloatArray, n_threads: int) -> None:
        self._start, self._width = matrix.ctypes.data, matrix.strides[0] // matrix.itemsize
        self._n_threads = n_threads

    def factor(self, low: int, high: int) -> None:
        """Replace A by L: that of the first half, between ``A inverse(L1')``, that of ``A2 - between between'``."""
        if high - low <= LEAF:
            return self._whole("dpotrf", low, high, "U")
        middle = (low + high) // 2
        self.factor(low, middle)
        self._all(partial(self._divide, low, middle), _parts(middle, high, PART))
        self._add_square((middle, high), -1.0, "T", lambda row: self._at(row, low), middle - low)
        return self.factor(middle, high)

    def invert_factor(self, low: int, high: int) -> None:
        """Replace L by M: those of the halves, and between ``-M2 L M1``."""
        if high - low <= LEAF:
            return self._whole("dtrtri", low, high, "U", "N")
        middle = (low + high) // 2
        self.invert_factor(low, middle)
        self.invert_factor(middle, high)
        self._all(partial(self._times_first, low, middle), _parts(middle, high, PART))
        return self._times_second(low, middle, high, "N", -1.0)

    def square(self, low: int, high: int) -> None:
        """Replace M by ``M' M``: ``M1' M1 + between' between``, between ``M2' between``, and ``M2' M2``."""
        if high - low <= LEAF:
            return self._whole("dlauum", low, high, "U")
        middle = (low + high) // 2
        self.square(low, middle)
        self._add_square((low, middle), 1.0, "N", lambda column: self._at(middle, column), high - middle)
        self._times_second(low, middle, high, "T", 1.0)
        return self.square(middle, high)

    def _at(self, row: int, column: int) -> ctypes.c_void_p:
        return ctypes.c_void_p(self._start + 8 * (row * self._width + column))

    def _all(self, work: Callable[[int, int], None], parts: list[Run]) -> None:
        run_blocks(lambda part: work(*parts[part]), len(parts), n_threads=self._n_threads)

    def _whole(self, routine: str, low: int, high: int, *letters: str) -> None:
        """Call a routine of LAPACK for the block on the diagonal."""
        failed = ctypes.c_int(0)
        _call(routine, *letters, high - low, self._at(low, low), self._width, ctypes.byref(failed))
        if failed.value:
            raise np.linalg.LinAlgError("the matrix is not positive definite")

    def _divide(self, low: int, high: int, first: int, last: int) -> None:
        """Multiply rows `first` to `last`, in columns `low` to `high`, by the inverse of L' of these."""
        n, width = last - first, self._width
        if high - low <= SOLVED:
            corner = self._at(low, low)
            return _call("dtrsm", *"LUTN", high - low, n, 1.0, corner, width, self._at(first, low), width)
        middle = (low + high) // 2
        self._divide(low, middle, first, last)
        known, between, rest = self._at(first, low), self._at(middle, low), self._at(first, middle)
        _call("dgemm", *"TN", high - middle, n, middle - low, -1.0, between, width, known, width, 1.0, rest, width)
        return self._divide(middle, high, first, last)

    def _times_first(self, low: int, middle: int, first: int, last: int) -> None:
        """Multiply rows `first` to `last` of what lies between by the first half, a lower triangle, from the right."""
        corner, block = self._at(low, low), self._at(first, low)
        _call("dtrmm", *"LUNN", middle - low, last - first, 1.0, corner, self._width, block, self._width)

    def _times_second(self, low: int, middle: int, high: int, turned: str, scale: float) -> None:
        """Multiply what lies between by the second half or, if `turned` is "T", its transpose, from the left."""
        corner, width = self._at(middle, middle), self._width

        def part(first: int, last: int) -> None:
            block = self._at(middle, first)
            _call("dtrmm", *f"RU{turned}N", last - first, high - middle, scale, corner, width, block, width)

        self._all(part, _parts(low, middle, PART))

    def _add_square(
        self, rows: Run, scale: float, turned: str, factor: Callable[[int], ctypes.c_void_p], n: int
    ) -> None:
        """Add to a block on the diagonal `scale` times the product of a factor with its transpose.

        `factor` gives the place from which the factor's part for a row on stands, `n` is how many terms a product has.
        The last strips are the longest, and come first.
        """
        width = self._width

        def strip(first: int, last: int) -> None:
            before, own = factor(rows[0]), factor(first)
            if first > rows[0]:
                sides = "TN" if turned == "T" else "NT"
                sizes, room = (first - rows[0], last - first, n), self._at(first, rows[0])
                _call("dgemm", *sides, *sizes, scale, before, width, own, width, 1.0, room, width)
            _call("dsyrk", "U", turned, last - first, n, scale, own, width, 1.0, self._at(first, first), width)

        self._all(strip, _parts(*rows, STRIP)[::-1])


def _parts(low: int, high: int, most: int) -> list[Run]:
    """Cut a run into an even number of runs of at most `most` rows, or leave it whole if it is short."""
    n = high - low
    n_parts = 1 if n < SPLIT else 2 * -(-n // (2 * most))
    return list(pairwise(low + n * part // n_parts for part in range(n_parts + 1)))


def _call(routine: str, *arguments: Any) -> None:
    """Call a routine of BLAS or LAPACK, which leaves the GIL to others."""
    kind = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * len(arguments))
    kind(address(routine))(*map(_reference, arguments))


def _reference(argument: Any) -> Any:
    """Return an argument as Fortran takes it: by reference."""
    if isinstance(argument, str):
        return ctypes.c_char_p(argument.encode())
    if isinstance(argument, int):
        return ctypes.byref(ctypes.c_int(argument))
    if isinstance(argument, float):
        return ctypes.byref(ctypes.c_double(argument))
    return argument
