"""Frequent itemsets: what is bought together often."""

from __future__ import annotations

import html
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .._core.params import Params
from .._core.ragged import Ragged
from .._core.results import HEAD, Result, _html_table
from .._core.vocabulary import Vocabulary
from ..exceptions import DataError
from ..summaries.baskets import Baskets
from ..typing import AnyArray, BoolArray, FloatArray, Int32Array, Int64Array, IntoFrame
from ._request import MAX_ITEMSETS, Request, read_request
from ._support import least_count, members
from ._tables import framed, label_sets
from ._trie import Listing

__all__ = ["ItemsetCounts", "Itemsets", "count_itemsets", "frequent_itemsets"]

LARGEST = 2**1023
"""Whole numbers below are finite as floats."""

KINDS = ("all", "closed", "maximal", "generators")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Itemsets(Result):
    """Sets of items with the number of baskets that hold them.

    Parameters
    ----------
    baskets
        What was mined.
    kind
        "all", "closed", "maximal" or "generators".
    min_count
        The least count of an itemset that is in.
    min_len
        The fewest items of an itemset that is in.
    max_len
        The most items, None for any number.
    listing
        The itemsets, which are expanded to arrays when these are first asked for.
    scores
        Further columns by name, a number an itemset.
    """

    baskets: Baskets
    kind: str
    min_count: int
    min_len: int
    max_len: int | None
    listing: Listing
    scores: dict[str, FloatArray] = field(default_factory=dict[str, FloatArray])

    def __len__(self) -> int:
        """Return the number of itemsets."""
        return len(self.listing)

    @property
    def indptr(self) -> Int64Array:
        """Where the items of each itemset begin in `codes`, one more than there are itemsets."""
        return self.listing.arrays[0]

    @property
    def codes(self) -> Int32Array:
        """The items of all itemsets as codes of `vocabulary`, in rising order within an itemset."""
        return self.listing.arrays[1]

    @property
    def counts(self) -> Int64Array:
        """The number of baskets that hold each itemset."""
        return self.listing.arrays[2]

    @property
    def n_baskets(self) -> int:
        """The number of baskets, empty ones included."""
        return self.baskets.n_baskets

    @property
    def vocabulary(self) -> Vocabulary:
        """The items' ids."""
        return self.baskets.items

    def find(self, itemset: Iterable[Hashable]) -> int | None:
        """Return the count of one itemset, given as its ids in any order; None where it is not among these.

        Raises
        ------
        DataError
            If `itemset` is a single id rather than a collection, or empty.

        Notes
        -----
        O(number of itemsets).
        """
        ids = members(itemset)
        if not ids:
            raise DataError(f"Itemsets.find: expected some ids in a list or tuple, got {itemset!r}.")
        codes = np.unique(self.vocabulary.find(ids))
        rows = np.flatnonzero(np.diff(self.indptr) == codes.size)
        for place, code in enumerate(codes):
            rows = rows[self.codes[self.indptr[rows] + place] == code]
        return int(self.counts[rows[0]]) if rows.size else None

    def columns(self) -> dict[str, AnyArray]:
        """Return one row per itemset: itemset (a tuple of ids), length, count, support, and further scores."""
        return self._columns(len(self))

    def to_frame(self) -> IntoFrame:
        """Return the table as a dataframe of the caller's library; itemsets are tuples, lists in Polars and PyArrow."""
        return framed(self.columns(), self.backend, {"itemset": (self.vocabulary.example,)})

    def facts(self) -> dict[str, Any]:
        """Return how many itemsets there are, of what kind, and from which count on."""
        return {
            "itemsets": len(self),
            "kind": self.kind,
            "least count": self.min_count,
            "least support": self.min_count / self.n_baskets,
            "baskets": self.n_baskets,
        }

    def _columns(self, stop: int) -> dict[str, AnyArray]:
        indptr, counts = self.indptr[: stop + 1], self.counts[:stop]
        itemsets = label_sets(Ragged(indptr, self.codes[: indptr[-1]]), self.vocabulary)
        scores = {name: values[:stop] for name, values in self.scores.items()}
        support = counts / self.n_baskets
        return {"itemset": itemsets, "length": np.diff(indptr), "count": counts, "support": support, **scores}

    def _repr_html_(self) -> str:
        table = _html_table(self._columns(min(HEAD, len(self))))  # not of all itemsets, which may be millions
        return f"<pre>{html.escape(self.summary())}</pre>{table}"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ItemsetCounts(Result):
    """How many frequent itemsets of each length there are; a sequence of whole numbers, from length 1 on.

    Parameters
    ----------
    n_itemsets
        The number of itemsets of 1, 2, ... items. Python's whole numbers: there may be more than 2**63.
    min_count
        The least count of an itemset that is in.
    n_baskets
        The number of baskets.
    """

    n_itemsets: tuple[int, ...]
    min_count: int
    n_baskets: int

    def __len__(self) -> int:
        """Return the greatest length."""
        return len(self.n_itemsets)

    def __iter__(self) -> Iterator[int]:
        """Go through the numbers, from length 1 on."""
        return iter(self.n_itemsets)

    def __getitem__(self, place: int) -> int:
        """Return the number of itemsets of ``place + 1`` items."""
        return self.n_itemsets[place]

    @property
    def total(self) -> int:
        """The number of itemsets of all lengths."""
        return sum(self.n_itemsets)

    def columns(self) -> dict[str, AnyArray]:
        """Return one row per length: length, itemsets (floats where 2**63 or more, infinite where these end)."""
        if self.total < 2**63:
            numbers = np.array(self.n_itemsets, dtype=np.int64)
        else:
            numbers = np.array([float(n) if n < LARGEST else np.inf for n in self.n_itemsets])
        return {"length": np.arange(1, len(self) + 1), "itemsets": numbers}

    def facts(self) -> dict[str, Any]:
        """Return the total, and from which count on an itemset is counted."""
        total = self.total if self.total < LARGEST else np.inf
        return {"itemsets": total, "least count": self.min_count, "baskets": self.n_baskets}


def frequent_itemsets(
    data: Baskets | IntoFrame,
    *,
    min_support: float | int = 0.01,
    kind: str = "all",
    min_len: int = 1,
    max_len: int | None = None,
    items: Sequence[Hashable] | None = None,
    exclude: Sequence[Hashable] | None = None,
    max_itemsets: int = MAX_ITEMSETS,
    basket: str = "basket_id",
    item: str = "item_id",
    n_threads: int | None = None,
    progress: bool = False,
) -> Itemsets:
    """Find the sets of items that are bought together in many baskets [1]_.

    Parameters
    ----------
    data
        `Baskets`, or a dataframe with one row per basket line.
    min_support
        The least number of baskets that hold an itemset (a whole number from 1 on), or their share (a float in
        (0, 1]). An itemset that reaches it exactly is in: count c is in where ``c / n_baskets >= min_support``.
    kind
        "all"; "closed": those without a larger itemset of the same count; "maximal": those without a larger frequent
        itemset; "generators": those without a smaller itemset of the same count.
    min_len, max_len
        The fewest and the most items of an itemset; None for any number. Closed, maximal and generators are those of
        all lengths, of which those in the range are given.
    items
        The items that itemsets are made of; None for all. All others count as not bought.
    exclude
        Items that count as not bought.
    max_itemsets
        Guard against a threshold that is too low: more itemsets than this are an error. There is no other limit.
    basket, item
        Columns of ids of a dataframe.
    n_threads
        Number of threads; None for all cores. The result does not depend on it.
    progress
        Whether to show a progress bar.

    Returns
    -------
    Itemsets
        Compact, 12 bytes an itemset, until its arrays or its table are asked for.

    Raises
    ------
    ParameterError
        If a parameter is out of range, an item is not in the baskets, or there are more than `max_itemsets`.
    DataError
        If the dataframe cannot be read as baskets, see `Baskets.from_frame`.

    Notes
    -----
    Baskets with a taxonomy never give an itemset with an item and its own ancestor [2]_. Equal baskets are merged and
    items sorted by frequency. For each item, the baskets that hold it become sets of bits of the more frequent items
    that are often with it [3]_, and a depth-first search meets these. Items that stand in each basket of an itemset
    ("perfect extensions") are set apart, since they double its itemsets without further counting. The time is
    O(sum of squared basket lengths + itemsets tried x baskets / 64), the memory that of the baskets three times and of
    the itemsets.

    References
    ----------
    .. [1] Agrawal, R., Imieliński, T., Swami, A. (1993). Mining association rules between sets of items in large
       databases. SIGMOD, 207-216.
    .. [2] Srikant, R., Agrawal, R. (1995). Mining generalized association rules. VLDB, 407-419.
    .. [3] Zaki, M. J. (2000). Scalable algorithms for association mining. IEEE Transactions on Knowledge and Data
       Engineering 12, 372-390.

    Examples
    --------
    >>> from growthkit import rules
    >>> baskets = rules.Baskets.from_lists([["tea", "milk"], ["tea", "milk", "rusk"], ["tea"], []])
    >>> itemsets = rules.frequent_itemsets(baskets, min_support=2)
    >>> itemsets.to_frame()
           itemset  length  count  support
    0       (tea,)       1      3     0.75
    1      (milk,)       1      2     0.50
    2  (milk, tea)       2      2     0.50
    >>> itemsets.find(["tea", "milk"])
    2
    """
    params = Params("frequent_itemsets")
    request = read_request(
        params, data, basket, item, items, exclude, min_len=min_len, max_len=max_len, max_itemsets=max_itemsets,
        n_threads=n_threads,
    )  # fmt: skip
    params.one_of("kind", kind, KINDS)
    params.flag("progress", progress)
    least = least_count(params, min_support, request.baskets.n_baskets)
    listing = (
        request.list_all(least, progress=progress)
        if kind == "all"
        else _list_condensed(request, least, kind, progress=progress)
    )
    return Itemsets(request.baskets.backend, request.baskets, kind, least, request.min_len, request.max_len, listing)


def count_itemsets(
    data: Baskets | IntoFrame,
    *,
    min_support: float | int = 0.01,
    min_len: int = 1,
    max_len: int | None = None,
    items: Sequence[Hashable] | None = None,
    exclude: Sequence[Hashable] | None = None,
    basket: str = "basket_id",
    item: str = "item_id",
    n_threads: int | None = None,
    progress: bool = False,
) -> ItemsetCounts:
    """Count the frequent itemsets of each length without listing them, to see how low a threshold may be.

    Parameters
    ----------
    data, min_support, min_len, max_len, items, exclude, basket, item, n_threads, progress
        As in `frequent_itemsets`. Lengths below `min_len` are given as 0.

    Returns
    -------
    ItemsetCounts
        A sequence: its first number is that of single items.

    Raises
    ------
    ParameterError, DataError
        As `frequent_itemsets`; there is no limit on the number.

    Notes
    -----
    The search is that of `frequent_itemsets` without its output. Items that go with an itemset always are not searched:
    with r of them, an itemset stands for ``binomial(r, j)`` sets of j more items [1]_.

    References
    ----------
    .. [1] Borgelt, C. (2012). Frequent item set mining. Wiley Interdisciplinary Reviews: Data Mining and Knowledge
       Discovery 2, 437-456.

    Examples
    --------
    >>> from growthkit import rules
    >>> baskets = rules.Baskets.from_lists([range(100), range(100)])
    >>> counted = rules.count_itemsets(baskets, min_support=2)
    >>> counted[1], counted.total == 2**100 - 1
    (4950, True)
    """
    params = Params("count_itemsets")
    request = read_request(
        params, data, basket, item, items, exclude, min_len=min_len, max_len=max_len, max_itemsets=MAX_ITEMSETS,
        n_threads=n_threads,
    )  # fmt: skip
    params.flag("progress", progress)
    least = least_count(params, min_support, request.baskets.n_baskets)
    counted = request.count(least, progress=progress)
    return ItemsetCounts(request.baskets.backend, counted, least, request.baskets.n_baskets)


def _list_condensed(request: Request, least: int, kind: str, *, progress: bool) -> Listing:
    """List closed or maximal itemsets or generators."""
    from ._closed import mine_closed

    baskets = request.baskets
    return Listing.of(
        *mine_closed(
            _only(baskets.rows, request.allowed),
            baskets.weights,
            baskets.n_items,
            least,
            kind,
            min_len=request.min_len,
            max_len=request.max_len,
            conflicts=baskets.taxonomy,
            limit=request.max_itemsets,
            n_threads=request.n_threads,
            progress=progress,
        )
    )


def _only(rows: Ragged, allowed: BoolArray | None) -> Ragged:
    """Return the rows without the codes that are not allowed."""
    if allowed is None:
        return rows
    kept = allowed[rows.codes]
    before = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(kept, dtype=np.int64)))
    return Ragged(before[rows.indptr], rows.codes[kept])
