"""The best itemsets without a threshold."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from fractions import Fraction
from functools import cache
from itertools import pairwise
from math import inf, prod
from typing import Any, NamedTuple

import numpy as np

from .._core.params import Params
from ..summaries.baskets import Baskets
from ..typing import AnyArray, FloatArray, Int64Array, IntoFrame
from ._mining import TooManyItemsetsError
from ._request import MAX_ITEMSETS, Request, read_request
from ._sets import as_sets, some_rows
from ._support import item_counts
from ._trie import Listing
from .itemsets import Itemsets

__all__ = ["top_itemsets"]

FEW = 1 << 16
"""Itemsets that one step of the search for a threshold may list at first."""

FEWEST_FOR_LIFT = 5
"""The least count of an itemset ranked by lift, unless another is given."""

EPSILON = float(np.finfo(np.float64).eps)

TINY = 1e-280
"""Below this, products of shares are near the end of what floats hold, and rounding has no bound."""


def top_itemsets(
    data: Baskets | IntoFrame,
    *,
    k: int,
    by: str = "support",
    min_len: int = 2,
    max_len: int | None = None,
    min_count: int | None = None,
    items: Sequence[Hashable] | None = None,
    exclude: Sequence[Hashable] | None = None,
    max_itemsets: int = MAX_ITEMSETS,
    basket: str = "basket_id",
    item: str = "item_id",
    n_threads: int | None = None,
) -> Itemsets:
    """Find the k best itemsets by support, lift or leverage; no support threshold is needed.

    Parameters
    ----------
    data
        `Baskets`, or a dataframe with one row per basket line.
    k
        How many itemsets to find. All that tie with the last of them are given, too.
    by
        "support": the share s of baskets that hold the itemset. "lift": s over the product of the shares of its items
        [1]_. "leverage": s less that product [2]_. Both compare with items bought independently of each other.
    min_len, max_len
        The fewest and the most items of an itemset; None for any number.
    min_count
        Itemsets of fewer baskets are left out; None for 1, but 5 for lift. A handful of baskets that share some rare
        items have an enormous lift and mean nothing, and the lift of long itemsets grows with their length.
    items, exclude, max_itemsets, basket, item, n_threads
        As in `frequent_itemsets`.

    Returns
    -------
    Itemsets
        Best first; ties in the order of length, then of codes. For lift and leverage a column of the table has the
        scores. `Itemsets.min_count` is the least count that was looked at.

    Raises
    ------
    ParameterError
        If a parameter is out of range, or more than `max_itemsets` had to be looked at.
    DataError
        If the dataframe cannot be read as baskets.

    Notes
    -----
    Exact: equal to sorting all itemsets. By support, the threshold is found by bisection, which lists few itemsets at a
    time. By leverage, an itemset of support s has less than s; so once k itemsets of leverage t or more are known, none
    of support t or less can be among the best, and the threshold rises to t. By lift, all itemsets of `min_count`
    baskets are looked at. Scores so close that rounding may have changed their order are compared as fractions of whole
    numbers; ties are those of equal fractions.

    References
    ----------
    .. [1] Brin, S., Motwani, R., Ullman, J. D., Tsur, S. (1997). Dynamic itemset counting and implication rules for
       market basket data. SIGMOD, 255-264.
    .. [2] Piatetsky-Shapiro, G. (1991). Discovery, analysis, and presentation of strong rules. In: Knowledge Discovery
       in Databases, 229-248.

    Examples
    --------
    >>> from growthkit import rules
    >>> baskets = rules.Baskets.from_lists([["tea", "milk"], ["tea", "milk"], ["tea", "rusk"], ["rusk"], ["rusk"]])
    >>> rules.top_itemsets(baskets, k=1, by="leverage").to_frame().round(2)
           itemset  length  count  support  leverage
    0  (milk, tea)       2      2      0.4      0.16
    """
    params = Params("top_itemsets")
    k = params.whole("k", k, low=1)
    params.one_of("by", by, ("support", "lift", "leverage"))
    if min_count is not None:
        min_count = params.whole("min_count", min_count, low=1)
    request = read_request(
        params, data, basket, item, items, exclude, min_len=min_len, max_len=max_len, max_itemsets=max_itemsets,
        n_threads=n_threads,
    )  # fmt: skip
    if by == "lift":
        least = FEWEST_FOR_LIFT if min_count is None else min_count
        listing = request.list_all(least)
    else:
        least, listing = _by_support(request, k, min_count or 1)
    if by == "leverage":
        least, listing = _by_leverage(request, k, min_count or 1, least, listing)
    order, scores = _best(request.baskets, by, listing, k)
    shown = {} if by == "support" else {by: scores}
    picked = _picked(listing, order)
    return Itemsets(
        request.baskets.backend, request.baskets, "all", least, request.min_len, request.max_len, picked, shown
    )


def _by_support(request: Request, k: int, lowest: int) -> tuple[int, Listing]:
    """Return the largest count that k itemsets reach, but not less than `lowest`, and the itemsets that reach it."""
    limit = min(FEW, request.max_itemsets)
    while True:
        least, listing = _threshold(request, k, lowest, limit)
        if listing is not None:
            return least, listing
        if limit == request.max_itemsets:
            return least, request.list_all(least)  # which says that they are too many
        limit = min(8 * limit, request.max_itemsets)


def _threshold(request: Request, k: int, lowest: int, limit: int) -> tuple[int, Listing | None]:
    """Return what `_by_support` does; no itemsets where more than `limit` reach it."""
    high = request.baskets.n_baskets + 1
    guess, reached = max(lowest, high // 2), 0
    found = None
    while True:
        listing = _at_most(request, guess, limit)
        if listing is not None and len(listing) < k:
            if guess == lowest:
                return guess, listing
            high = guess
        else:
            reached, found = guess, listing
        if reached and high - reached <= 1:
            return reached, found
        guess = (reached + high) // 2 if reached else max(lowest, high // 2)


def _at_most(request: Request, least: int, limit: int) -> Listing | None:
    """Return the itemsets with a count of at least `least`, None if they are more than `limit`."""
    try:
        return request.list_all(least, limit=limit)
    except TooManyItemsetsError:
        return None


def _by_leverage(request: Request, k: int, lowest: int, least: int, listing: Listing) -> tuple[int, Listing]:
    """Return itemsets among which are the k of the largest leverage, and the least count that was looked at.

    Those with a count below that have less leverage than k of them.
    """
    while True:
        low = _scored(request.baskets, "leverage", listing).low
        bound = lowest
        if low.size >= k:
            bound = max(lowest, int(_last_of_best(low, k) * (1 - 4 * EPSILON) * request.baskets.n_baskets))
        if least <= bound:
            return least, listing
        least = max(bound, least // 2)
        listing = request.list_all(least)


class _Scored(NamedTuple):
    """Scores as they come out of rounding, and bounds between which the exact ones are."""

    rounded: AnyArray
    low: AnyArray
    high: AnyArray


def _scored(baskets: Baskets, by: str, listing: Listing) -> _Scored:
    indptr, codes, counts = listing.arrays
    if by == "support" or not counts.size:
        return _Scored(counts, counts, counts)
    support = counts / baskets.n_baskets
    independent = np.multiply.reduceat((item_counts(baskets) / baskets.n_baskets)[codes], indptr[:-1])
    error = 4 * EPSILON * (np.diff(indptr) + 2)  # twice what so many products and quotients can amount to
    if by == "leverage":
        slack = error * (support + independent)
        return _Scored(support - independent, support - independent - slack, support - independent + slack)
    with np.errstate(divide="ignore", over="ignore"):
        lift = support / independent
    low = support / np.maximum(independent, TINY) * (1 - error)
    return _Scored(lift, low, np.where(independent < TINY, np.inf, lift * (1 + error)))


def _last_of_best(scores: AnyArray, k: int) -> Any:
    """Return the k-th largest, the smallest where there are fewer."""
    place = max(0, scores.size - k)
    return np.partition(scores, place)[place]


def _best(baskets: Baskets, by: str, listing: Listing, k: int) -> tuple[Int64Array, AnyArray]:
    """Return the places of the k best itemsets and of those that tie with the last of them, in order; their scores."""
    indptr, codes, counts = listing.arrays
    scored = _scored(baskets, by, listing)
    if not counts.size:
        return np.arange(0), scored.rounded
    kept = np.flatnonzero(scored.high >= _last_of_best(scored.low, k))
    kept = kept[np.argsort(-scored.rounded[kept], kind="stable")]
    ranks, scores = -counts[kept], counts[kept]
    if by != "support":
        exact = _exactly(baskets, by, listing)
        ranks, scores = _ranked(_Scored(*(column[kept] for column in scored)), lambda place: exact(int(kept[place])))
    sizes = np.diff(indptr)[kept]
    padded = np.full((kept.size, int(sizes.max())), -1, dtype=np.int32)
    for place in range(padded.shape[1]):
        long_enough = sizes > place
        padded[long_enough, place] = codes[indptr[kept[long_enough]] + place]
    order = np.lexsort((*padded.T[::-1], sizes, ranks))
    order = order[ranks[order] <= ranks[order[min(k, order.size) - 1]]]
    return kept[order], scores[order]


def _ranked(scored: _Scored, exact: Callable[[int], Fraction]) -> tuple[Int64Array, FloatArray]:
    """Return ranks, of equal scores the same, and scores, which come sorted but for rounding.

    Neighbours whose bounds overlap, and scores without a bound, are settled by the exact scores of their places.
    """
    lowest_yet = np.minimum.accumulate(scored.low)
    highest_to_come = np.maximum.accumulate(scored.high[::-1])[::-1]
    edges = np.flatnonzero(np.concatenate(([True], lowest_yet[:-1] > highest_to_come[1:], [True])))
    ranks, scores = np.arange(scored.rounded.size), scored.rounded.copy()
    for start, stop in pairwise(edges.tolist()):
        if stop - start > 1 or np.isinf(highest_to_come[start]):
            fractions = [exact(place) for place in range(start, stop)]
            rank_of = {score: rank for rank, score in enumerate(sorted(set(fractions), reverse=True), start)}
            ranks[start:stop] = [rank_of[score] for score in fractions]
            scores[start:stop] = [_rounded(score) for score in fractions]
    return ranks, scores


def _exactly(baskets: Baskets, by: str, listing: Listing) -> Callable[[int], Fraction]:
    """Return what tells the exact score of the itemset at a place."""
    indptr, codes, counts = listing.arrays
    alone, n = item_counts(baskets), baskets.n_baskets

    @cache
    def score(count: int, *of_items: int) -> Fraction:
        together, independent = Fraction(count, n), Fraction(prod(of_items), n ** len(of_items))
        return together / independent if by == "lift" else together - independent

    return lambda place: score(int(counts[place]), *sorted(alone[codes[indptr[place] : indptr[place + 1]]].tolist()))


def _rounded(score: Fraction) -> float:
    try:
        return float(score)
    except OverflowError:
        return inf


def _picked(listing: Listing, order: Int64Array) -> Listing:
    """Return some of the itemsets."""
    indptr, codes, counts = listing.arrays
    sets = some_rows(as_sets(indptr, codes), order)
    return Listing.of(sets.indptr, sets.codes, counts[order])
