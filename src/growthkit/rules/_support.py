"""What all searches ask of the baskets: the threshold as a count, the items' counts, the items that are allowed."""

from __future__ import annotations

import math
from collections.abc import Iterable
from numbers import Integral
from typing import Any, cast

import numpy as np

from .._core.frames import frozen
from .._core.params import Params
from ..summaries.baskets import Baskets
from ..typing import BoolArray, Int64Array
from . import _basket_kernels

__all__ = ["allowed_items", "item_counts", "least_count", "least_double", "members", "weights_of"]

UNWEIGHTED = frozen(np.zeros(0, dtype=np.int64))


def least_count(params: Params, min_support: Any, n: int) -> int:
    """Return the least count that reaches `min_support` of `n`: itself if it is whole, else a share in (0, 1].

    A count k is in when ``k / n >= min_support``, both rounded to doubles (to the type of `min_support` if that is
    shorter): so is the count that the user had in mind when writing 0.1, or dividing k by n. Multiplying the share by n
    would miss some of these. O(1).
    """
    if isinstance(min_support, Integral):
        return params.whole("min_support", min_support, low=1)
    share = least_double(params, "min_support", min_support)
    if not 0 < share <= 1:
        params.refuse("min_support", "a count (a whole number from 1 on) or a share (a float in (0, 1])", min_support)
    count = max(math.ceil(share * n), 1)
    while count > 1 and (count - 1) / n >= share:
        count -= 1
    while count / n < share:
        count += 1
    return count


def least_double(params: Params, name: str, value: Any) -> float:
    """Return a threshold: the least double that reaches `value` when rounded to its type, so itself for a double.

    0.1 in single precision is more than 0.1, but is meant to be reached by 1 of 10.
    """
    number = params.number(name, value)
    given = np.asarray(value).dtype
    if given.kind != "f" or given.itemsize >= 8:
        return number
    middle = (number + float(np.nextafter(given.type(value), given.type(-np.inf)))) / 2
    return middle if float(np.float64(middle).astype(given)) >= number else math.nextafter(middle, math.inf)


def weights_of(baskets: Baskets) -> Int64Array:
    """Return how often each row counts; nothing where all count once."""
    return UNWEIGHTED if baskets.weights is None else frozen(baskets.weights)


def item_counts(baskets: Baskets) -> Int64Array:
    """Return how many baskets hold each item."""
    counts = np.zeros(baskets.n_items, dtype=np.int64)
    rows = baskets.rows
    _basket_kernels.weigh_items(frozen(rows.indptr), frozen(rows.codes), weights_of(baskets), counts)
    return counts


def members(collection: Any) -> list[Any] | None:
    """Return what a collection holds; None for a text, which is no collection of letters, and for single things."""
    if isinstance(collection, (str, bytes)) or not isinstance(collection, Iterable):
        return None
    return list(cast("Iterable[Any]", collection))


def allowed_items(params: Params, name: str, items: Iterable[Any] | None, baskets: Baskets) -> BoolArray:
    """Return which item codes are among `items`: all if that is None."""
    if items is None:
        return np.ones(baskets.n_items, dtype=bool)
    listed = members(items)
    if listed is None:
        params.refuse(name, "a list of items", items)
    codes = baskets.items.find(listed)
    if (codes < 0).any() or not listed:
        params.refuse(name, f"items that the baskets hold ({baskets.items.kind} ids)", items)
    allowed = np.zeros(baskets.n_items, dtype=bool)
    allowed[codes] = True
    return allowed
