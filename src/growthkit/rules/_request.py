"""What the functions that find itemsets are asked for: the baskets, the items, the lengths."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from .._core.params import Params
from ..summaries.baskets import Baskets
from ..typing import BoolArray, IntoFrame
from ._mining import Budget, count_lengths, list_itemsets, recode
from ._support import allowed_items
from ._trie import Listing

__all__ = ["MAX_ITEMSETS", "Request", "read_request"]

MAX_ITEMSETS = 100_000_000
"""Itemsets that are listed unless more are asked for: they take 1.2 GB."""

UNBOUNDED = 2**31
"""A length that no itemset has."""


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """A checked request for itemsets.

    Parameters
    ----------
    function
        The public function, for messages.
    baskets
        What is mined.
    allowed
        Which items may be part of an itemset; None for all.
    min_len, max_len
        The fewest and the most items; `max_len` may be None.
    max_itemsets
        How many may be listed.
    n_threads
        As it was given.
    """

    function: str
    baskets: Baskets
    allowed: BoolArray | None
    min_len: int
    max_len: int | None
    max_itemsets: int
    n_threads: int | None

    def list_all(self, least: int, *, limit: int | None = None, progress: bool = False) -> Listing:
        """Return the itemsets with a count of at least `least`; more than `limit` are an error."""
        budget = Budget(self.max_itemsets if limit is None else limit, least, self.function)
        trie = list_itemsets(
            recode(self.baskets, least, self.allowed, perfect=self._perfect), least, self.max_len, budget,
            n_threads=self.n_threads, progress=progress,
        )  # fmt: skip
        return Listing(trie, self.min_len)

    def count(self, least: int, *, progress: bool = False) -> tuple[int, ...]:
        """Return how many itemsets of 1, 2, ... items have a count of at least `least`."""
        numbers = count_lengths(
            recode(self.baskets, least, self.allowed, perfect=self._perfect), least, self.max_len,
            function=self.function, n_threads=self.n_threads, progress=progress,
        )  # fmt: skip
        return tuple(0 if length < self.min_len else n for length, n in enumerate(numbers, start=1))

    @property
    def _perfect(self) -> bool:
        """Whether items that always go with an itemset double it: not where that could make a forbidden one."""
        return self.max_len is None and self.baskets.taxonomy is None


def read_request(
    params: Params,
    data: Baskets | IntoFrame,
    basket: str,
    item: str,
    items: Sequence[Hashable] | None,
    exclude: Sequence[Hashable] | None,
    *,
    min_len: int,
    max_len: int | None,
    max_itemsets: int,
    n_threads: int | None,
) -> Request:
    """Check the parameters that the functions share, and read the baskets."""
    min_len = min(params.whole("min_len", min_len, low=1), UNBOUNDED)
    if max_len is not None:
        max_len = min(params.whole("max_len", max_len, low=min_len), UNBOUNDED)
    max_itemsets = params.whole("max_itemsets", max_itemsets, low=1, high=2**31 - 1)
    if n_threads is not None:
        n_threads = params.whole("n_threads", n_threads, low=1)
    if not isinstance(data, Baskets):
        data = Baskets.from_frame(data, basket=basket, item=item, n_threads=n_threads)
    allowed = None
    if items is not None or exclude is not None:
        allowed = allowed_items(params, "items", items, data)
        if exclude is not None:
            allowed &= ~allowed_items(params, "exclude", exclude, data)
    return Request(params.function, data, allowed, min_len, max_len, max_itemsets, n_threads)
