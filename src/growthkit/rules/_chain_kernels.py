"""Compiled reading of patterns that extend one another."""

from __future__ import annotations

from .._core.jit import kernel
from ..typing import BoolArray, Int32Array, Int64Array

__all__ = ["spell"]


@kernel
def spell(
    parents: Int64Array, keys: Int64Array, n_items: int, indptr: Int64Array, codes: Int32Array, opens: BoolArray
) -> None:
    """Write the items of each pattern in order, and which of them have a key below `n_items`."""
    for pattern in range(parents.size):
        place, at = indptr[pattern + 1], pattern
        while at >= 0:
            place -= 1
            codes[place], opens[place] = keys[at] % n_items, keys[at] < n_items
            at = parents[at]
