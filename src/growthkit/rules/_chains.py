"""Patterns that extend one another, as arrays of parents and keys."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..typing import BoolArray, Int32Array, Int64Array
from ._chain_kernels import spell

__all__ = ["Spelling", "lengths_of", "spelt"]


class Spelling(NamedTuple):
    """The items of all patterns, one pattern after another, and which of them open a new element."""

    indptr: Int64Array
    codes: Int32Array
    opens: BoolArray


def lengths_of(parents: Int64Array) -> Int64Array:
    """Return the number of items of each pattern; `parents` names the pattern that it extends, -1 for none."""
    lengths = np.ones(parents.size, dtype=np.int64)
    at = parents.copy()
    while (at >= 0).any():
        lengths += at >= 0
        at = np.where(at >= 0, parents[at], -1)
    return lengths


def spelt(parents: Int64Array, keys: Int64Array, n_items: int) -> Spelling:
    """Return the items of each pattern in the order in which they were added."""
    indptr = np.concatenate(([0], np.cumsum(lengths_of(parents))))
    codes, opens = np.empty(indptr[-1], dtype=np.int32), np.empty(indptr[-1], dtype=bool)
    spell(parents, keys, n_items, indptr, codes, opens)
    return Spelling(indptr, codes, opens)
