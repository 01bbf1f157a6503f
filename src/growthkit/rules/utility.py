"""Itemsets of high utility: what is worth most when bought together, however rarely."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .._core.frames import Log, read_frame
from .._core.parallel import block_edges, run_blocks
from .._core.params import Params
from .._core.ragged import Ragged
from .._core.results import Result
from .._core.vocabulary import Vocabulary
from ..exceptions import DataError
from ..typing import AnyArray, FloatArray, Int64Array, IntoFrame
from . import _growth_kernels as kernels
from ._chains import spelt
from ._tables import framed, label_sets

__all__ = ["UtilityItemsets", "high_utility_itemsets"]

BLOCKS = 64
"""Parts into which the first items are cut: many, since some items begin far more sets than others."""

ROUNDING = 1e-14
"""What the utility of a set may be off by, as a share of what was added up; a set that near to the threshold is in.

Cents are no doubles, so a hundred thousand times 0.7 may come out a little below 70,000.
"""

EPSILON = 2.0**-53
"""What one addition of doubles may be off by, as a share of the sum."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class UtilityItemsets(Result):
    """Sets of items whose utility, summed over the baskets that hold them all, reaches a threshold.

    Made by `high_utility_itemsets`; the most useful set stands first.

    Parameters
    ----------
    items
        The items' ids, sorted.
    indptr
        Set s holds ``codes[indptr[s]:indptr[s + 1]]``.
    codes
        Codes into `items`, rising within a set.
    counts
        In how many baskets each set is.
    utilities
        What each set is worth in all of them.
    n_baskets
        How many baskets there are.
    total
        The utility of the whole log.
    min_utility
        The threshold.
    """

    items: Vocabulary
    indptr: Int64Array
    codes: AnyArray
    counts: Int64Array
    utilities: FloatArray
    n_baskets: int
    total: float
    min_utility: float

    def __len__(self) -> int:
        """Return the number of sets."""
        return self.counts.size

    def columns(self) -> dict[str, AnyArray]:
        """Return one row per set: its items as a tuple, length, count, support, utility and utility in a basket."""
        return {
            "itemset": label_sets(Ragged(self.indptr, self.codes), self.items),
            "length": np.diff(self.indptr),
            "count": self.counts,
            "support": self.counts / self.n_baskets,
            "utility": self.utilities,
            "utility_a_basket": self.utilities / self.counts,
        }

    def to_frame(self) -> IntoFrame:
        """Return the table as a dataframe of the caller's library; itemsets are tuples, lists in Polars and PyArrow."""
        return framed(self.columns(), self.backend, {"itemset": (self.items.example,)})

    def facts(self) -> dict[str, Any]:
        """Return how many sets there are, the threshold, and the utility of the whole log."""
        return {
            "itemsets": len(self),
            "minimum utility": self.min_utility,
            "baskets": self.n_baskets,
            "utility of all": self.total,
        }


def high_utility_itemsets(
    log: IntoFrame,
    *,
    basket: str = "basket_id",
    item: str = "item_id",
    utility: str = "value",
    min_utility: float,
    max_len: int | None = None,
    n_threads: int | None = None,
    progress: bool = False,
) -> UtilityItemsets:
    """Find the sets of items that are worth most together: by margin, not by how often they are bought [1]_.

    The utility of a set in a basket that holds it is the sum of the utilities of its items there; that of the set is
    the sum over these baskets. It neither falls nor rises with the size of a set, so frequent sets do not help to find
    it.

    Parameters
    ----------
    log
        One row per basket and item, in any order; rows of one basket and item are summed.
    basket, item
        Columns of ids.
    utility
        Column of finite numbers: the margin or the sales of the line. Losses are negative [2]_.
    min_utility
        What a set must be worth, above 0; a set worth exactly this is in.
    max_len
        The most items of a set; None for no bound.
    n_threads
        Number of threads; None for all cores. The result is the same for any number.
    progress
        Whether to show a progress bar.

    Returns
    -------
    UtilityItemsets
        All such sets.

    Raises
    ------
    DataError
        For a missing column, null or mixed ids, utilities that are NaN or infinite, and an empty or lazy frame.
    ParameterError
        For a parameter out of range.

    Notes
    -----
    Depth-first search. A set is extended as long as the sum, over its baskets, of its utility and that of all that is
    worth something behind it reaches the threshold; a basket whose sum is negative counts as 0. Items whose baskets are
    worth too little together are dropped beforehand. O(extensions at all occurrences) time.

    Utilities are added up with what rounding takes, so that many small ones make what they should. A set is in if it
    misses the threshold by no more than 1e-14 of the terms added, that is of `min_utility` and twice all losses.

    References
    ----------
    .. [1] Liu, M., Qu, J. (2012). Mining high utility itemsets without candidate generation. CIKM, 55-64.
    .. [2] Lin, J. C.-W., Fournier-Viger, P., Gan, W. (2016). FHN: an efficient algorithm for mining high-utility
       itemsets with negative unit profits. Knowledge-Based Systems 111, 283-298.

    Examples
    --------
    >>> import pandas as pd
    >>> from growthkit import rules
    >>> log = pd.DataFrame({
    ...     "basket_id": [1, 1, 2, 2, 3],
    ...     "item_id": ["grill", "coal", "grill", "coal", "coal"],
    ...     "value": [30.0, 2.0, 30.0, 4.0, 3.0],
    ... })
    >>> rules.high_utility_itemsets(log, min_utility=50).to_frame()[["itemset", "count", "utility"]]
             itemset  count  utility
    0  (coal, grill)      2     66.0
    1       (grill,)      2     60.0
    """
    params = Params("high_utility_itemsets")
    threshold = params.number("min_utility", min_utility, above=0)
    longest = min(params.whole("max_len", 2**62 if max_len is None else max_len, low=1), 2**62)
    params.flag("progress", progress)
    opened = read_frame(log, function=params.function, n_threads=n_threads)
    rows, items = _worth_of_items(opened, basket, item, utility)
    values = _known(rows.values)
    with np.errstate(over="ignore"):
        if not np.isfinite(np.abs(values).sum()):
            raise DataError(f'{params.function}: column "{utility}" sums to more than a float holds; scale it down.')
    gains, losses = float(np.maximum(values, 0).sum()), -float(np.minimum(values, 0).sum())
    # The terms of a set at the threshold are, all taken as positive, its utility and its losses twice.
    least = threshold - ROUNDING * (threshold + 2 * losses)
    hopeful = least - (values.size + 2) * EPSILON * gains  # bounds are plain sums of at most so many terms
    ranked, order = _in_search_order(rows, len(items), hopeful)
    parts = _search(ranked, order.size, hopeful, longest, opened.n_threads, progress)
    sets, counts, utilities = _decoded(parts, order, least)
    total = float(values.sum())
    return UtilityItemsets(
        opened.backend, items, sets.indptr, sets.codes, counts, utilities, len(rows), total, threshold
    )


def _worth_of_items(log: Log, basket: str, item: str, utility: str) -> tuple[Ragged, Vocabulary]:
    """Return the items of each basket with their utilities, each once."""
    baskets, items = log.ids(basket, role="basket"), log.ids(item, role="item")
    values = log.numbers(utility, role="utility")
    by_item = Ragged.from_codes(items.codes, baskets.codes, len(items.vocabulary), values=values)
    lines = by_item.transpose(len(baskets.vocabulary))
    once = lines.distinct()
    starts = np.flatnonzero(_opens(lines))
    return Ragged(once.indptr, once.codes, values=np.add.reduceat(_known(lines.values), starts)), items.vocabulary


def _opens(lines: Ragged) -> AnyArray:
    """Return which lines are the first of their basket and item."""
    opens = np.ones(lines.codes.size, dtype=bool)
    opens[1:] = lines.codes[1:] != lines.codes[:-1]
    opens[lines.indptr[:-1]] = True
    return opens


def _known(values: FloatArray | None) -> FloatArray:
    assert values is not None
    return values


def _in_search_order(rows: Ragged, n_items: int, least: float) -> tuple[Ragged, Int64Array]:
    """Return the promising items of each basket as ranks, and the items by rank: the least promising first."""
    kept, bounds = np.ones(n_items, dtype=bool), np.zeros(n_items)
    while True:
        bounds[:] = 0.0
        kernels.upper_bounds(rows.indptr, rows.codes, _known(rows.values), kept, bounds)
        fewer = kept & (bounds >= least)
        if (fewer == kept).all():
            break
        kept = fewer
    order = np.lexsort((np.arange(n_items), bounds))
    order = order[kept[order]]
    rank = np.full(n_items, -1, dtype=np.int32)
    rank[order] = np.arange(order.size, dtype=np.int32)
    lines = kept[rows.codes]
    codes, owners = rank[rows.codes[lines]], rows.row_numbers()[lines]
    by_item = Ragged.from_codes(codes, owners, order.size, values=_known(rows.values)[lines])
    return by_item.transpose(len(rows)), order


def _search(
    rows: Ragged, n_items: int, threshold: float, max_len: int, n_threads: int, progress: bool
) -> list[tuple[Int64Array, FloatArray]]:
    """Search block by block of first items."""
    values = _known(rows.values)
    rest = np.empty_like(values)
    kernels.sum_behind(rows.indptr, values, rest)
    baskets = kernels.Worths(rows.codes, values, rest, np.repeat(rows.indptr[1:], rows.lengths))
    places = Ragged.from_codes(rows.codes, np.arange(rows.codes.size, dtype=np.int32), n_items)
    in_baskets = places.codes.astype(np.int64)
    blocks = block_edges(n_items, min(BLOCKS, max(n_items, 1)))

    def block(b: int) -> tuple[Int64Array, FloatArray]:
        return kernels.search_utilities(baskets, in_baskets, places.indptr, np.arange(*blocks[b]), threshold, max_len)

    return run_blocks(block, len(blocks), n_threads=n_threads, progress=progress, label="itemsets")


def _decoded(
    parts: list[tuple[Int64Array, FloatArray]], order: Int64Array, threshold: float
) -> tuple[Ragged, Int64Array, FloatArray]:
    """Return the sets that are worth enough, the most useful first, with their counts and utilities."""
    sizes = [utilities.size for _, utilities in parts]
    starts = np.repeat(np.cumsum([0, *sizes[:-1]]), sizes)
    table = np.concatenate([found for found, _ in parts]).reshape(-1, 3)
    utilities = np.concatenate([utilities for _, utilities in parts])
    parents = np.where(table[:, 0] < 0, -1, table[:, 0] + starts)
    spelling = spelt(parents, table[:, 1].copy(), order.size)
    chosen = np.flatnonzero(utilities >= threshold)
    chosen = chosen[np.argsort(-utilities[chosen], kind="stable")]
    place = np.full(parents.size, -1, dtype=np.int32)
    place[chosen] = np.arange(chosen.size, dtype=np.int32)
    owners = np.repeat(place, np.diff(spelling.indptr))
    shown = owners >= 0
    items = order[spelling.codes[shown]].astype(np.int32)
    sets = Ragged.from_codes(owners[shown], items, chosen.size, times=items.astype(np.int64))
    return sets, table[chosen, 2], utilities[chosen]
