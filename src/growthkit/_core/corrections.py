"""p-values adjusted for their number."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..typing import FloatArray

__all__ = ["CORRECTIONS", "adjusted"]


def adjusted(p: FloatArray, method: str, n_tests: int | None = None) -> FloatArray:
    """Return p-values adjusted by one of `CORRECTIONS` for a family of tests; NaN stays NaN and does not count.

    Parameters
    ----------
    p
        p-values, any shape.
    method
        The name of the procedure.
    n_tests
        The size of the family; tests whose p-values are not given count as 1. None for those given.
    """
    known = ~np.isnan(p)
    values = p[known]
    answer = p.copy()
    answer[known] = CORRECTIONS[method](values, float(values.size if n_tests is None else n_tests))
    return answer


def _none(p: FloatArray, n: float) -> FloatArray:
    del n
    return p


def _bonferroni(p: FloatArray, n: float) -> FloatArray:
    return np.minimum(p * n, 1)


def _in_order(p: FloatArray, steps: Callable[[FloatArray, FloatArray], FloatArray]) -> FloatArray:
    """Apply `steps` to the p-values in rising order and their ranks from 1."""
    order = np.argsort(p, kind="stable")
    answer = np.empty(p.size)
    answer[order] = np.minimum(steps(p[order], np.arange(1.0, p.size + 1)), 1)
    return answer


def _holm(p: FloatArray, n: float) -> FloatArray:
    return _in_order(p, lambda ranked, rank: np.maximum.accumulate(ranked * (n - rank + 1)))


def _hochberg(p: FloatArray, n: float) -> FloatArray:
    return _in_order(p, lambda ranked, rank: _least_above(ranked * (n - rank + 1)))


def _bh(p: FloatArray, n: float) -> FloatArray:
    return _in_order(p, lambda ranked, rank: _least_above(ranked * n / rank))


def _by(p: FloatArray, n: float) -> FloatArray:
    harmonic = np.sum(1 / np.arange(1, n + 1))
    return _in_order(p, lambda ranked, rank: _least_above(ranked * n * harmonic / rank))


def _least_above(values: FloatArray) -> FloatArray:
    return np.minimum.accumulate(values[::-1])[::-1]


CORRECTIONS: dict[str, Callable[[FloatArray, float], FloatArray]] = {
    "none": _none,
    "bonferroni": _bonferroni,
    "holm": _holm,
    "hochberg": _hochberg,
    "bh": _bh,
    "by": _by,
}
"""What each procedure makes of known p-values, for a family of so many tests."""
