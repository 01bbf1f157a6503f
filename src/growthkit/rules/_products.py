"""Products of counts, compared without rounding."""

from __future__ import annotations

import numpy as np

from ..typing import AnyArray, FloatArray, Int64Array

__all__ = ["product_gap"]

SAFE = 3_037_000_499
"""The largest number whose square int64 holds."""


def product_gap(
    one: AnyArray, by_one: AnyArray | int, two: AnyArray, by_two: AnyArray | int, most: int
) -> FloatArray | Int64Array:
    """Return ``one * by_one - two * by_two`` of whole numbers from 0 to `most`, exact before it is rounded once."""
    if most > SAFE:
        one, two = one.astype(object), two.astype(object)
    return (one * by_one - two * by_two).astype(np.float64)
