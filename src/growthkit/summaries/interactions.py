"""Interactions: how much each customer has had to do with each item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .._core.frames import Log, Times, give_back, read_frame, stamps
from .._core.params import Params
from .._core.ragged import Ragged
from .._core.results import Notice, Result, announce
from .._core.vocabulary import Vocabulary
from ..exceptions import DataError
from ..typing import AnyArray, FloatArray, IntoFrame
from ._labels import line_ids, sparse
from ._pairs import decay, grouped, one_a_pair, paired, weigh, without_zeros

__all__ = ["Interactions"]

DUPLICATES = ("sum", "max", "last")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Interactions(Result):
    """The weight of each pair of customer and item that had to do with each other; merges with other interactions.

    Made by `from_frame` or `from_csr`.

    Parameters
    ----------
    customers, items
        The ids of both sides, sorted.
    rows
        For each customer the items as codes, distinct, in rising order; `values` are the weights, never 0; `times` the
        time of the pair's last event, or None.
    customer_name, item_name
        The columns that the ids came from; recommendations come back under these names.
    duplicates
        How several events of one pair make its weight: "sum", "max" or "last".
    ticks_per_day
        The unit of the times, or None.
    half_life
        Days in which the weight of an event halves, or None; it is counted up to `as_of`.
    as_of
        The time of the last event in ticks, or None.
    n_cancelled
        Pairs whose weights summed to 0 and that were therefore left out.

    Notes
    -----
    Merging parts gives the interactions of the whole log: exactly, where weights are whole numbers without decay, else
    up to the rounding of sums.
    """

    customers: Vocabulary
    items: Vocabulary
    rows: Ragged
    customer_name: str = "customer_id"
    item_name: str = "item_id"
    duplicates: str = "sum"
    ticks_per_day: int | None = None
    half_life: float | None = None
    as_of: int | None = None
    n_cancelled: int = 0

    @classmethod
    def from_frame(
        cls,
        frame: IntoFrame,
        *,
        customer: str = "customer_id",
        item: str = "item_id",
        event: str | None = None,
        weight: str | None = None,
        timestamp: str | None = None,
        event_weights: Mapping[Any, float] | None = None,
        half_life: float | None = None,
        duplicates: str = "sum",
        n_threads: int | None = None,
    ) -> Interactions:
        """Read interactions from a log with one row per event, in any order.

        The weight of an event is ``event_weights[event] * weight * 0.5 ** (age / half_life)``, where each factor that
        is not asked for is 1 and age is the time up to the last event of the log.

        Parameters
        ----------
        frame
            A pandas, Polars or PyArrow dataframe.
        customer, item
            Columns of ids, each of one kind.
        event
            Column that says what happened; goes with `event_weights`.
        weight
            Column of finite numbers: a quantity, a rating, seconds. Negative ones say dislike.
        timestamp
            Column of timestamps without time zone.
        event_weights
            The weight of each event, such as ``{"view": 1, "cart": 3, "purchase": 5, "dislike": -1}``.
        half_life
            Days in which an event loses half its weight; above 0. Needs `timestamp`.
        duplicates
            What becomes of several events of one customer with one item: "sum", "max", or "last" (the latest; of those
            at one time, and without timestamps, the one furthest down).
        n_threads
            Number of threads; None for all cores.

        Returns
        -------
        Interactions
            Customers and items sorted by id.

        Raises
        ------
        DataError
            For a missing column, null or mixed ids, NaN or infinite weights, weights that are all 0, events without a
            weight, bad timestamps, and an empty or lazy frame.
        ParameterError
            For a parameter out of range, or one that needs another.

        Warns
        -----
        GrowthkitWarning
            If weights of some pairs sum to 0: they are left out and counted in `n_cancelled`.

        Notes
        -----
        Two counting sorts: O(events + customers + items) time, about 40 bytes an event while they run.

        Examples
        --------
        >>> import pandas as pd
        >>> from growthkit import recommend
        >>> log = pd.DataFrame({
        ...     "customer_id": ["ann", "bob", "ann", "ann"],
        ...     "item_id": [7, 7, 9, 7],
        ...     "event": ["view", "purchase", "cart", "cart"],
        ... })
        >>> weights = {"view": 1, "cart": 3, "purchase": 5}
        >>> recommend.Interactions.from_frame(log, event="event", event_weights=weights).to_frame()
          customer_id  item_id  weight
        0         ann        7     4.0
        1         ann        9     3.0
        2         bob        7     5.0
        """
        params = Params("Interactions.from_frame")
        params.one_of("duplicates", duplicates, DUPLICATES)
        if (event is None) != (event_weights is None):
            params.refuse("event_weights", "given together with event", event_weights)
        if half_life is not None:
            half_life = params.number("half_life", half_life, above=0)
            if timestamp is None:
                params.refuse("timestamp", "given where half_life is", timestamp)
        log = read_frame(frame, function=params.function, n_threads=n_threads)
        customers, items = log.ids(customer, role="customer"), log.ids(item, role="item")
        times = None if timestamp is None else log.times(timestamp, role="timestamp")
        weights = weigh(log, event, event_weights, weight)
        if half_life is not None and times is not None:
            weights = weights * decay(times.ticks, times.high, half_life * times.ticks_per_day)
        rows, n_cancelled = paired(log, customers, items, weights, times, duplicates)
        ticks_per_day, as_of = (None, None) if times is None else (times.ticks_per_day, times.high)
        vocabularies = customers.vocabulary, items.vocabulary
        facts = duplicates, ticks_per_day, half_life, as_of, n_cancelled
        made = cls(log.backend, *vocabularies, rows, customer, item, *facts)
        announce(made.warnings, function=params.function)
        return made

    @classmethod
    def from_csr(
        cls,
        matrix: Any,
        customers: Sequence[Any] | AnyArray | None = None,
        items: Sequence[Any] | AnyArray | None = None,
    ) -> Interactions:
        """Read interactions from a sparse matrix with one row per customer and one column per item.

        Parameters
        ----------
        matrix
            A `scipy.sparse` matrix or array of any format; its finite entries are the weights, entries that stand twice
            are summed, explicit zeros are no interactions.
        customers, items
            The ids of rows and columns, distinct; None for their numbers.

        Raises
        ------
        DataError
            If entries are NaN or infinite, none is other than 0, or ids do not fit.

        Examples
        --------
        >>> import scipy.sparse as sp
        >>> from growthkit import recommend
        >>> recommend.Interactions.from_csr(sp.csr_array([[1.0, 0.0], [2.0, 4.0]]), items=["tea", "milk"])
        Interactions
          customers           2
          items               2
          pairs               3
          pairs a customer    1.50
          share of all pairs  0.75
        """
        function = "Interactions.from_csr"
        entries = sparse(function, matrix).tocsr().tocoo()
        weights = entries.data.astype(np.float64)
        bad = ~np.isfinite(weights)
        if bad.any():
            raise DataError(
                f"{function}: the matrix holds {int(bad.sum())} NaN or infinite entries "
                f"(first in row {int(entries.row[bad].min())}); drop or fill them first."
            )
        row_code, customer_ids = line_ids(function, "customers", customers, entries.shape[0])
        column_code, item_ids = line_ids(function, "items", items, entries.shape[1])
        codes = row_code[entries.row], column_code[entries.col]
        rows = grouped(*codes, weights, None, len(customer_ids), len(item_ids))
        rows, _ = without_zeros(one_a_pair(rows, "sum"))
        if not rows.codes.size:
            raise DataError(f"{function}: no entry of the matrix is other than 0; there is nothing to learn from.")
        return cls("pandas", customer_ids, item_ids, rows)

    def __len__(self) -> int:
        """Return the number of pairs."""
        return self.rows.codes.size

    @property
    def n_customers(self) -> int:
        """The number of customers."""
        return len(self.customers)

    @property
    def n_items(self) -> int:
        """The number of items."""
        return len(self.items)

    @property
    def weights(self) -> FloatArray:
        """The weight of each pair, in the order of `rows`."""
        values = self.rows.values
        return np.ones(len(self)) if values is None else values

    @property
    def is_binary(self) -> bool:
        """Whether all weights are 1."""
        return bool((self.weights == 1.0).all())

    @property
    def warnings(self) -> tuple[Notice, ...]:
        """Pairs left out because their weights cancelled."""
        if not self.n_cancelled:
            return ()
        text = f"{self.n_cancelled:,} pairs have weights that sum to 0 and were left out."
        return (Notice("weights_cancelled", text),)

    def columns(self) -> dict[str, AnyArray]:
        """Return one row per pair: the customer, the item, their weight and, if known, the time of the last event."""
        table: dict[str, AnyArray] = {
            self.customer_name: self.customers.decode(self.rows.row_numbers()),
            self.item_name: self.items.decode(self.rows.codes),
            "weight": self.weights,
        }
        if self.rows.times is not None:
            table["timestamp"] = stamps(self.rows.times, self.ticks_per_day or 1)
        return table

    def facts(self) -> dict[str, Any]:
        """Return how many customers, items and pairs there are."""
        return {
            "customers": self.n_customers,
            "items": self.n_items,
            "pairs": len(self),
            "pairs a customer": round(len(self) / self.n_customers, 2),
            "share of all pairs": len(self) / (self.n_customers * self.n_items),
        }

    def to_csr(self) -> Any:
        """Return the weights as a `scipy.sparse.csr_array` of customers by items."""
        from scipy.sparse import csr_array

        rows = self.rows
        return csr_array((self.weights, rows.codes, rows.indptr), shape=(self.n_customers, self.n_items))

    def merge(self, *others: Interactions) -> Interactions:
        """Return the interactions of the logs of all parts together.

        Raises
        ------
        DataError
            If ids are of different kinds, or the parts differ in `duplicates`, `half_life`, names of columns or in
            having times.
        """
        return _merge([self, *others])

    def to_table(self) -> IntoFrame:
        """Return what a merge needs as one flat table: that of `to_frame`, and what holds for all rows as columns.

        These are duplicates, half_life (0 for none) and, where there are times, as_of.
        """
        columns = self.columns()
        columns["duplicates"] = np.full(len(self), self.duplicates, dtype=object)
        columns["half_life"] = np.full(len(self), self.half_life or 0.0)
        if self.as_of is not None:
            columns["as_of"] = stamps(np.full(len(self), self.as_of), self.ticks_per_day or 1)
        return give_back(columns, backend=self.backend)

    @classmethod
    def from_table(cls, table: IntoFrame, *, customer: str = "customer_id", item: str = "item_id") -> Interactions:
        """Return the interactions that `to_table` wrote, or an engine in the same form; rows may come in any order.

        Raises
        ------
        DataError
            If a column is missing or null, a pair stands twice, or a column that holds for all rows differs between
            them.
        """
        return _from_table(read_frame(table, function="Interactions.from_table"), customer, item)


def _merge(parts: list[Interactions]) -> Interactions:
    function = "Interactions.merge"
    first = parts[0]
    for what in ("duplicates", "half_life", "customer_name", "item_name"):
        if len({getattr(part, what) for part in parts}) > 1:
            raise DataError(f"{function}: the parts differ in {what}; read all in one way.")
    if len({part.rows.times is None for part in parts}) > 1:
        raise DataError(f"{function}: some parts have times, some have none; read all in one way.")
    customers, customer_maps = Vocabulary.union([part.customers for part in parts], function=function)
    items, item_maps = Vocabulary.union([part.items for part in parts], function=function)
    ticks_per_day = max((part.ticks_per_day for part in parts if part.ticks_per_day is not None), default=None)
    timed = [_retimed(part, ticks_per_day) for part in parts]
    as_of = max((part.as_of for part in timed if part.as_of is not None), default=None)
    rows = [replace(_aged(part, as_of), codes=m[part.rows.codes]) for part, m in zip(timed, item_maps, strict=True)]
    joined = Ragged.merge(rows, customer_maps, len(customers))
    events = grouped(joined.row_numbers(), joined.codes, _known(joined), joined.times, len(customers), len(items))
    pairs, n_zeros = without_zeros(one_a_pair(events, first.duplicates))
    n_cancelled = n_zeros + sum(part.n_cancelled for part in parts)
    return replace(
        first,
        customers=customers,
        items=items,
        rows=pairs,
        ticks_per_day=ticks_per_day,
        as_of=as_of,
        n_cancelled=n_cancelled,
    )


def _known(rows: Ragged) -> FloatArray:
    return np.ones(rows.codes.size) if rows.values is None else rows.values


def _retimed(part: Interactions, ticks_per_day: int | None) -> Interactions:
    """Return the part with its times in another, finer unit."""
    if part.rows.times is None or ticks_per_day is None or part.ticks_per_day in (None, ticks_per_day):
        return part
    factor = ticks_per_day // part.ticks_per_day
    rows = replace(part.rows, times=part.rows.times * factor)
    return replace(
        part, rows=rows, ticks_per_day=ticks_per_day, as_of=None if part.as_of is None else part.as_of * factor
    )


def _aged(part: Interactions, as_of: int | None) -> Ragged:
    """Return the pairs with their weights decayed up to a later moment."""
    if part.half_life is None or part.as_of is None or as_of is None or part.ticks_per_day is None:
        return part.rows
    factor = float(np.exp2((part.as_of - as_of) / (part.half_life * part.ticks_per_day)))
    return replace(part.rows, values=_known(part.rows) * factor)


def _from_table(log: Log, customer: str, item: str) -> Interactions:
    times = log.times("timestamp", role="timestamp") if "timestamp" in log.frame.columns else None
    customers, items = log.ids(customer, role="customer"), log.ids(item, role="item")
    weights = log.numbers("weight", role="weight")
    log.refuse_rows("weight", weights == 0, "weights of 0", "drop these rows")
    sizes = len(customers.vocabulary), len(items.vocabulary)
    rows = grouped(customers.codes, items.codes, weights, None if times is None else times.ticks, *sizes)
    n_twice = rows.codes.size - rows.distinct().codes.size
    if n_twice:
        raise DataError(f"{log.function}: {n_twice} pairs of customer and item stand twice; give each one row.")
    half_life = Params(log.function).number("half_life", _only(log, "half_life"), low=0)
    return Interactions(
        log.backend,
        customers.vocabulary,
        items.vocabulary,
        rows,
        customer,
        item,
        Params(log.function).one_of("duplicates", _only(log, "duplicates"), DUPLICATES),
        None if times is None else times.ticks_per_day,
        half_life or None,
        None if times is None else _as_of(log, times),
    )


def _only(log: Log, column: str) -> Any:
    """Return the one value of a column that holds for the whole table."""
    codes, values = log.ids(column, role=column)
    log.refuse_rows(column, codes != codes[0], "values that differ from the first", "give one for the whole table")
    return values.objects()[codes[0]]


def _as_of(log: Log, times: Times) -> int:
    """Return the time up to which weights are decayed, in the unit of the other times."""
    as_of = log.times("as_of", role="as_of")
    log.refuse_rows("as_of", as_of.ticks != as_of.low, "values that differ", "give one for the whole table")
    return as_of.low * times.ticks_per_day // as_of.ticks_per_day
