"""What all searches ask of the baskets: the threshold as a count, the items' counts, the items that are allowed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np

from .._core.frames import frozen
from .._core.params import Params
from ..summaries.baskets import Baskets
from ..typing import BoolArray, Int64Array
from . import _basket_kernels

__all__ = ["allowed_items", "item_counts", "least_count", "weights_of"]

UNWEIGHTED = frozen(np.zeros(0, dtype=np.int64))


def least_count(params: Params, min_support: Any, n: int) -> int:
    """Return the least count that reaches `min_support` of `n`: itself if it is whole, else a share in (0, 1].

    A count k is in when ``k / n >= min_support``, both rounded to doubles (to the type of `min_support` if that is
    shorter): so is the count that the user had in mind when writing 0.1, or dividing k by n. Multiplying the share by n
    would miss some of these.
    """
    if isinstance(min_support, Integral):
        return params.whole("min_support", min_support, low=1)
    share = params.number("min_support", min_support, above=0, high=1)
    rounded: Any = type(min_support) if isinstance(min_support, np.float32 | np.float16) else float
    count = max(math.ceil(share * n), 1)
    while count > 1 and rounded((count - 1) / n) >= share:
        count -= 1
    while rounded(count / n) < share:
        count += 1
    return count


def weights_of(baskets: Baskets) -> Int64Array:
    """Return how often each row counts; nothing where all count once."""
    return UNWEIGHTED if baskets.weights is None else frozen(baskets.weights)


def item_counts(baskets: Baskets) -> Int64Array:
    """Return how many baskets hold each item."""
    counts = np.zeros(baskets.n_items, dtype=np.int64)
    rows = baskets.rows
    _basket_kernels.weigh_items(frozen(rows.indptr), frozen(rows.codes), weights_of(baskets), counts)
    return counts


def allowed_items(params: Params, name: str, items: Sequence[Any] | None, baskets: Baskets) -> BoolArray:
    """Return which item codes are among `items`: all if that is None."""
    if items is None:
        return np.ones(baskets.n_items, dtype=bool)
    if isinstance(items, (str, bytes)):
        params.refuse(name, "a list of items", items)
    listed = list(items)
    codes = baskets.items.find(listed)
    if (codes < 0).any() or not listed:
        params.refuse(name, f"items that the baskets hold ({baskets.items.kind} ids)", items)
    allowed = np.zeros(baskets.n_items, dtype=bool)
    allowed[codes] = True
    return allowed
