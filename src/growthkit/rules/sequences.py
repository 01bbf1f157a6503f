"""Sequential patterns: what customers buy first, and what after it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import Any, NamedTuple, cast

import numpy as np

from .._core.frames import Log, read_frame
from .._core.parallel import block_edges, run_blocks
from .._core.params import Params
from .._core.ragged import Ragged
from .._core.results import Result
from .._core.vocabulary import Vocabulary
from ..exceptions import DataError
from ..typing import AnyArray, BoolArray, Int32Array, Int64Array, IntoFrame
from . import _growth_kernels as kernels
from ._chain_kernels import fill_table, mark_absorbed
from ._chains import Spelling, lengths_of, spelt
from ._support import least_count, members
from ._tables import framed

__all__ = ["SequentialPatterns", "sequential_patterns"]

BLOCKS = 64
"""Parts into which the first items are cut: many, since some items begin far more patterns than others."""

UNBOUNDED = 2**62
"""More items than a pattern has, and more patterns than there are."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SequentialPatterns(Result):
    """What at least so many customers bought in this order; made by `sequential_patterns`.

    The most frequent pattern stands first, of equally frequent ones the shorter one.

    Parameters
    ----------
    items
        The ids of the frequent items, sorted.
    parents
        The pattern that each pattern extends by its last item, -1 for those of one item.
    keys
        The last item's code, plus ``len(items)`` if it was bought together with the item before it.
    counts
        How many customers have the pattern.
    n_customers
        How many there are.
    kind
        "all" or "closed".
    shown
        The patterns that are of that kind; the others are there to be extended.
    """

    items: Vocabulary
    parents: Int64Array
    keys: Int64Array
    counts: Int64Array
    n_customers: int
    kind: str
    shown: Int64Array

    def __len__(self) -> int:
        """Return the number of patterns."""
        return self.shown.size

    @property
    def support(self) -> AnyArray:
        """The share of customers who have each pattern."""
        return self.counts[self.shown] / self.n_customers

    def columns(self) -> dict[str, AnyArray]:
        """Return one row per pattern: its elements as tuples of items, its sizes, count and support."""
        spelling = spelt(self.parents, self.keys, len(self.items))
        opened = np.concatenate(([0], np.cumsum(spelling.opens)))[spelling.indptr]
        return {
            "pattern": _elements(spelling, self.shown, self.items),
            "length": np.diff(spelling.indptr)[self.shown],
            "n_elements": np.diff(opened)[self.shown],
            "count": self.counts[self.shown],
            "support": self.support,
        }

    def to_frame(self) -> IntoFrame:
        """Return the table as a dataframe of the caller's library; patterns are lists in Polars and PyArrow."""
        return framed(self.columns(), self.backend, {"pattern": ((self.items.example,),)})

    def facts(self) -> dict[str, Any]:
        """Return how many patterns and customers there are, and the longest."""
        lengths = lengths_of(self.parents)[self.shown]
        longest = int(lengths.max()) if len(self) else 0
        return {"patterns": len(self), "kind": self.kind, "customers": self.n_customers, "longest (items)": longest}

    def find(self, pattern: Iterable[Iterable[Any]]) -> int | None:
        """Return how many customers have a pattern, given as collections of items; None if it is not among these.

        Raises
        ------
        DataError
            If the pattern or an element is a single id rather than a collection, or an element has no item.

        Notes
        -----
        O(items of all patterns).
        """
        keys = self._keys(pattern)
        rows = self.shown[self.keys[self.shown] == keys[-1]]
        at = self.parents[rows]
        for key in keys[-2::-1]:
            fit = at >= 0
            fit[fit] = self.keys[at[fit]] == key
            rows, at = rows[fit], self.parents[at[fit]]
        rows = rows[at < 0]
        return int(self.counts[rows[0]]) if rows.size else None

    def _keys(self, pattern: Iterable[Any]) -> list[int]:
        """Return a pattern as keys, -1 for items that are not frequent."""
        keys: list[int] = []
        listed = members(pattern)
        if listed is None:
            raise DataError(
                f"SequentialPatterns.find: a pattern is a collection of elements, got {pattern!r}; put them in a list."
            )
        for element in listed:
            ids = members(element)
            if not ids:
                raise DataError(
                    f"SequentialPatterns.find: an element is a collection of ids, got {element!r}; put it in a list."
                )
            codes: list[int] = np.unique(self.items.find(ids)).tolist()
            keys += [code if place == 0 or code < 0 else code + len(self.items) for place, code in enumerate(codes)]
        if not keys:
            raise DataError("SequentialPatterns.find: the pattern has no element; give at least one.")
        return keys


def sequential_patterns(
    log: IntoFrame,
    *,
    customer: str = "customer_id",
    item: str = "item_id",
    timestamp: str = "timestamp",
    min_support: float | int = 0.01,
    kind: str = "all",
    min_gap: Any = None,
    max_gap: Any = None,
    max_span: Any = None,
    max_len: int | None = None,
    max_patterns: int | None = None,
    n_threads: int | None = None,
    progress: bool = False,
) -> SequentialPatterns:
    """Find what customers buy in which order, by growing patterns item by item [1]_ under bounds of time [2]_.

    What one customer bought at one moment is an element, a set of items. A customer has the pattern ``((a, b), (c,))``
    if a and b stand in one element of hers and c in a later one. Each customer counts once.

    Parameters
    ----------
    log
        One row per customer, moment and item, in any order: a pandas, Polars or PyArrow dataframe.
    customer, item
        Columns of ids.
    timestamp
        Column of timestamps without time zone, or of whole numbers that give the order. To make a day one element, cut
        the timestamps to days first.
    min_support
        The least share of customers (a float in (0, 1]) or number of customers (an int) that must have a pattern; what
        is exactly there is in.
    kind
        "all", or "closed": only patterns that no longer pattern contains which as many customers have.
    min_gap, max_gap
        The least and the largest time between neighbouring elements, both allowed: days, a `datetime.timedelta` or
        `numpy.timedelta64`; for a column of whole numbers its own unit.
    max_span
        The largest time from the first element to the last.
    max_len
        The most items that a pattern may have; None for no bound.
    max_patterns
        How many patterns may be found before the call is given up; None for no bound.
    n_threads
        Number of threads; None for all cores. The result is the same for any number.
    progress
        Whether to show a progress bar.

    Returns
    -------
    SequentialPatterns
        With all patterns of that kind; nothing is cut off.

    Raises
    ------
    DataError
        For a missing column, null or mixed ids, bad timestamps, and more than `max_patterns` patterns.
    ParameterError
        For a parameter out of range; for closed patterns with `max_gap`, under which a longer pattern may have more
        customers than a shorter one inside it.

    Notes
    -----
    Under `max_gap` a part of a frequent pattern need not be frequent; its beginning is, and patterns are grown from
    there.

    Closed patterns are found by leaving out each item of each pattern once: what is left and has as many customers is
    not closed. With `max_len`, closed means among patterns of any length.

    O(extensions at all occurrences) time; memory for the occurrences on one path down, and 24 bytes a pattern.

    References
    ----------
    .. [1] Pei, J., Han, J., Mortazavi-Asl, B., et al. (2004). Mining sequential patterns by pattern-growth: the
       PrefixSpan approach. IEEE Transactions on Knowledge and Data Engineering 16(11), 1424-1440.
    .. [2] Srikant, R., Agrawal, R. (1996). Mining sequential patterns: generalizations and performance improvements.
       EDBT, 3-17.

    Examples
    --------
    >>> import pandas as pd
    >>> from growthkit import rules
    >>> log = pd.DataFrame({
    ...     "customer_id": ["ann", "ann", "ann", "bob", "bob"],
    ...     "timestamp": pd.to_datetime(["2026-01-01", "2026-01-01", "2026-01-09", "2026-02-01", "2026-02-20"]),
    ...     "item_id": ["tent", "mat", "stove", "tent", "stove"],
    ... })
    >>> rules.sequential_patterns(log, min_support=2).to_frame()
                 pattern  length  n_elements  count  support
    0         ((stove,),)       1           1      2      1.0
    1          ((tent,),)       1           1      2      1.0
    2  ((tent,), (stove,))       2           2      2      1.0
    >>> rules.sequential_patterns(log, min_support=2, max_gap=10).find([["tent"], ["stove"]]) is None
    True
    """
    params = Params("sequential_patterns")
    params.one_of("kind", kind, ("all", "closed"))
    if kind == "closed" and max_gap is not None:
        params.refuse("max_gap", "None for closed patterns: under it a longer pattern may be more frequent", max_gap)
    longest = UNBOUNDED if max_len is None else min(params.whole("max_len", max_len, low=1), UNBOUNDED)
    limit = UNBOUNDED if max_patterns is None else min(params.whole("max_patterns", max_patterns, low=1), UNBOUNDED)
    params.flag("progress", progress)
    opened = read_frame(log, function=params.function, n_threads=n_threads)
    data = _read(opened, customer, item, timestamp)
    bounds = _bounds(params, data.ticks_per_unit, min_gap, max_gap, max_span)
    min_count = min(least_count(params, min_support, data.n_customers), data.n_customers + 1)
    histories, support, items = _histories(data, min_count)
    # Whether the longest patterns are closed is seen only beside those with one item more.
    depth = longest + (kind == "closed")
    found = _search(histories, support, min_count, depth, bounds, limit, opened.n_threads, progress)
    parents, keys, counts = _most_frequent_first(*found)
    shown = np.flatnonzero(_is_closed(parents, keys, counts, len(items))) if kind == "closed" else np.arange(keys.size)
    shown = shown[lengths_of(parents)[shown] <= longest]
    return SequentialPatterns(opened.backend, items, parents, keys, counts, data.n_customers, kind, shown)


class _Entries(NamedTuple):
    """The rows of the log as codes; moments from 0, and how many of their ticks make a unit of the gaps."""

    customers: Int32Array
    items: Int32Array
    times: Int64Array
    n_customers: int
    vocabulary: Vocabulary
    ticks_per_unit: int


def _read(log: Log, customer: str, item: str, timestamp: str) -> _Entries:
    customers, items = log.ids(customer, role="customer"), log.ids(item, role="item")
    if log.is_numeric(timestamp, role="timestamp"):
        numbers = log.numbers(timestamp, role="timestamp")
        bad = (numbers != np.floor(numbers)) | (np.abs(numbers) >= 2**53)
        log.refuse_rows(
            timestamp, bad, "values that are no whole numbers below 2**53", "give timestamps, or smaller whole numbers"
        )
        ticks, low, unit = numbers.astype(np.int64), int(numbers.min()), 1
    else:
        times = log.times(timestamp, role="timestamp")
        ticks, low, unit = times.ticks, times.low, times.ticks_per_day
    return _Entries(customers.codes, items.codes, ticks - low, len(customers.vocabulary), items.vocabulary, unit)


def _bounds(params: Params, ticks_per_unit: int, min_gap: Any, max_gap: Any, max_span: Any) -> kernels.Bounds:
    return kernels.Bounds(
        0 if min_gap is None else _ticks(params, "min_gap", min_gap, ticks_per_unit, up=True),
        kernels.NO_BOUND if max_gap is None else _ticks(params, "max_gap", max_gap, ticks_per_unit),
        kernels.NO_BOUND if max_span is None else _ticks(params, "max_span", max_span, ticks_per_unit),
    )


def _ticks(params: Params, name: str, length: Any, ticks_per_unit: int, *, up: bool = False) -> int:
    """Return a length of time in ticks, rounded down or up, but to the nearest where only rounding parts them."""
    if isinstance(length, timedelta | np.timedelta64):
        if ticks_per_unit == 1:
            params.refuse(
                name, "a number in the unit of the timestamp column, which holds whole numbers or days", length
            )
        length = np.timedelta64(cast("Any", length))
        if np.datetime_data(length.dtype)[0] in ("Y", "M"):
            params.refuse(name, "a length in days or shorter units, as months and years have no one length", length)
        length = length / np.timedelta64(1, "D")
    ticks = params.number(name, length, low=0) * ticks_per_unit
    if ticks >= kernels.NO_BOUND:
        return kernels.NO_BOUND
    near = round(ticks)
    return near if abs(ticks - near) <= 2**-50 * near else math.ceil(ticks) if up else math.floor(ticks)


def _histories(entries: _Entries, min_count: int) -> tuple[kernels.Histories, Int64Array, Vocabulary]:
    """Return the frequent items of all customers by element, how many customers have each, and their ids."""
    n_items = len(entries.vocabulary)
    by_item = Ragged(np.arange(entries.items.size + 1), entries.items).transpose(n_items).codes
    rows = Ragged.from_codes(
        entries.customers[by_item], entries.items[by_item], entries.n_customers, times=entries.times[by_item]
    )
    support = rows.transpose(n_items).distinct().lengths
    frequent = support >= min_count
    kept = frequent[rows.codes]
    codes = (np.cumsum(frequent, dtype=np.int32) - np.int32(1))[rows.codes[kept]]
    owners, times = rows.row_numbers()[kept], _known(rows.times)[kept]
    fresh, opens = _changes(owners, times, codes)
    starts = np.flatnonzero(opens[fresh])
    edges = np.append(starts, int(fresh.sum()))
    owners, times = owners[fresh][starts], times[fresh][starts]
    elements = np.searchsorted(owners, np.arange(entries.n_customers + 1)).astype(np.int64)
    items = Vocabulary(entries.vocabulary.labels[frequent])
    return kernels.Histories(len(items), codes[fresh], edges, times, owners, elements), support[frequent], items


def _known(times: Int64Array | None) -> Int64Array:
    assert times is not None
    return times


def _changes(owners: Int32Array, times: Int64Array, codes: Int32Array) -> tuple[BoolArray, BoolArray]:
    """Return which entries are not the one before them again, and which open an element."""
    opens = np.ones(owners.size, dtype=bool)
    opens[1:] = (owners[1:] != owners[:-1]) | (times[1:] != times[:-1])
    fresh = opens.copy()
    fresh[1:] |= codes[1:] != codes[:-1]
    return fresh, opens


def _search(
    histories: kernels.Histories,
    support: Int64Array,
    min_count: int,
    max_len: int,
    bounds: kernels.Bounds,
    limit: int,
    n_threads: int,
    progress: bool,
) -> tuple[Int64Array, Int64Array, Int64Array]:
    """Return parents, keys and counts of all frequent patterns, block by block of first items."""
    lengths = np.diff(histories.edges)
    elements = np.repeat(np.arange(lengths.size, dtype=np.int32), lengths)
    places = Ragged.from_codes(histories.items, elements, support.size)
    in_elements = places.codes.astype(np.int64)
    blocks = block_edges(support.size, min(BLOCKS, max(support.size, 1)))

    def block(b: int) -> Int64Array:
        roots = np.arange(*blocks[b])
        return kernels.search_sequences(
            histories, in_elements, places.indptr, support, roots, min_count, max_len, bounds, limit
        )

    parts = run_blocks(block, len(blocks), n_threads=n_threads, progress=progress, label="patterns")
    n_found = sum(part.size // 3 for part in parts)
    if n_found > limit:
        raise DataError(
            f"sequential_patterns: more than max_patterns = {limit:,} patterns are frequent ({n_found:,} when the "
            "search stopped); raise min_support, bound max_len or max_gap, or raise max_patterns."
        )
    return _joined(parts)


def _joined(parts: Sequence[Int64Array]) -> tuple[Int64Array, Int64Array, Int64Array]:
    starts = np.cumsum([0, *(part.size // 3 for part in parts)])
    tables = [part.reshape(-1, 3) for part in parts]
    parents = [np.where(table[:, 0] < 0, -1, table[:, 0] + start) for table, start in zip(tables, starts, strict=False)]
    table = np.concatenate([*tables, np.empty((0, 3), dtype=np.int64)])
    return np.concatenate([*parents, np.empty(0, dtype=np.int64)]), table[:, 1].copy(), table[:, 2].copy()


def _most_frequent_first(
    parents: Int64Array, keys: Int64Array, counts: Int64Array
) -> tuple[Int64Array, Int64Array, Int64Array]:
    """Sort patterns by count, then length; those that others extend stay before them."""
    order = np.lexsort((lengths_of(parents), -counts))
    place = np.empty(order.size + 1, dtype=np.int64)
    place[order], place[-1] = np.arange(order.size), -1
    return place[parents[order]], keys[order], counts[order]


def _elements(spelling: Spelling, shown: Int64Array, items: Vocabulary) -> AnyArray:
    """Return patterns as tuples of tuples of ids, in an array of objects."""
    labels = items.objects()[spelling.codes].tolist()
    edges = [*np.flatnonzero(spelling.opens).tolist(), len(labels)]
    elements = [tuple(labels[a:b]) for a, b in pairwise(edges)]
    opened = np.concatenate(([0], np.cumsum(spelling.opens)))[spelling.indptr].tolist()
    patterns = np.empty(shown.size, dtype=object)
    patterns[:] = [tuple(elements[opened[pattern] : opened[pattern + 1]]) for pattern in shown.tolist()]
    return patterns


def _is_closed(parents: Int64Array, keys: Int64Array, counts: Int64Array, n_items: int) -> BoolArray:
    spelling = spelt(parents, keys, n_items)
    table = np.full(1 << (2 * parents.size + 1).bit_length(), -1, dtype=np.int64)
    fill_table(parents, keys, 2 * n_items, table)
    absorbed = np.zeros(parents.size, dtype=bool)
    mark_absorbed(parents, keys, counts, n_items, *spelling, table, absorbed)
    return ~absorbed
