"""How many rules could have been found: the size of the family of tests."""

from __future__ import annotations

import numpy as np

from .._core.ragged import Ragged
from ..typing import BoolArray, Int64Array
from ._candidates import Request
from ._sets import where_all
from .itemsets import Itemsets, count_itemsets

__all__ = ["family_of_absences", "family_of_rules"]


def family_of_absences(request: Request, sets: Ragged, item_counts: Int64Array) -> int:
    """Return the number of pairs of an antecedent and an item that is not in it."""
    fit = where_all(sets, request.in_antecedent) & (sets.lengths > 0)
    wanted = np.zeros(item_counts.size, dtype=bool)
    wanted[request.absent(item_counts)] = True
    inside = wanted[sets.codes] & fit[sets.row_numbers()]
    return int(fit.sum()) * int(wanted.sum()) - int(inside.sum())


def family_of_rules(request: Request, itemsets: Itemsets, sets: Ragged, item_counts: Int64Array, n_listed: int) -> int:
    """Return the number of pairs of disjoint frequent sets that may be antecedent and consequent.

    Exact for consequents of one item where all itemsets are listed; for longer ones pairs that overlap count, too.
    Antecedents of equal closure are in the same baskets and so are one test: closed sets or generators, if all are
    listed, stand for all frequent sets. A closed set with longer consequents can give one test several times; then the
    `n_listed` rules count besides, as a correction must not rank more tests than there are. Where sets are missing they
    are counted, the limits on the sides apart.
    """
    longest = itemsets.max_len
    if itemsets.min_len == 1 and itemsets.kind == "all":
        left, right = _by_length(sets, request.in_antecedent), _by_length(sets, request.in_consequent)
        return _pairs(left, right, request.most, longest) - _overlap(request, sets, longest)
    if itemsets.min_len == 1 and itemsets.kind in ("closed", "generators") and longest is None:
        pairs = len(sets) * request.absent(item_counts).size
        return pairs if request.most == 1 else pairs + len(sets) ** 2 + n_listed
    counted = [0, *count_itemsets(itemsets.baskets, min_support=request.least, max_len=longest)]
    inside = sum(length * n for length, n in enumerate(counted) if longest is None or length < longest)
    return _pairs(counted, counted, request.most, longest) - inside


def _by_length(sets: Ragged, allowed: BoolArray) -> list[int]:
    """Return the number of sets of allowed items by length."""
    return np.bincount(sets.lengths[where_all(sets, allowed)], minlength=2).tolist()


def _pairs(left: list[int], right: list[int], most: int, longest: int | None) -> int:
    """Return the number of pairs whose lengths together are within the limits."""
    return sum(
        n_left * n_right
        for length, n_left in enumerate(left)
        for size, n_right in enumerate(right[: most + 1])
        if length and size and (longest is None or length + size <= longest)
    )


def _overlap(request: Request, sets: Ragged, longest: int | None) -> int:
    """Return the number of pairs of an antecedent and an item of it that might be the consequent."""
    fit = where_all(sets, request.in_antecedent)
    if longest is not None:
        fit &= sets.lengths < longest
    return int((request.in_consequent[sets.codes] & fit[sets.row_numbers()]).sum())
