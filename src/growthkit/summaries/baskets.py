"""Baskets: which items were bought together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np

from .._core.frames import Log, give_back, read_frame, stamps
from .._core.params import Params
from .._core.ragged import Ragged
from .._core.results import Result
from .._core.vocabulary import Vocabulary, array_of, plain
from ..exceptions import DataError, ParameterError
from ..typing import AnyArray, BoolArray, Int32Array, Int64Array, IntoFrame
from ._labels import columns_as_items, given_weights, line_ids, listed, refuse_countless, refuse_unfit, sparse
from ._taxonomy import climb

__all__ = ["Baskets"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Baskets(Result):
    """Sets of items, one a basket; merges with other baskets.

    Made by `from_frame`, `from_lists`, `from_onehot` or `from_csr`. An item that stands twice in a basket counts once;
    an empty basket counts as a basket.

    Parameters
    ----------
    rows
        The items of each basket as codes into `items`: distinct, in rising order.
    items
        The items' ids, sorted.
    baskets
        The baskets' ids, sorted, one a row; None where they have none.
    weights
        How often each row counts, whole numbers of at least 1; None for once each.
    times
        The earliest timestamp of each basket, datetime64, or None.
    taxonomy
        For each item the codes of its ancestors, or None. Where it is given, ancestors stand in the baskets like items.
    """

    rows: Ragged
    items: Vocabulary
    baskets: Vocabulary | None = None
    weights: Int64Array | None = None
    times: AnyArray | None = None
    taxonomy: Ragged | None = None

    @classmethod
    def from_frame(
        cls,
        frame: IntoFrame,
        *,
        basket: str = "basket_id",
        item: str = "item_id",
        timestamp: str | None = None,
        weight: str | None = None,
        n_threads: int | None = None,
    ) -> Baskets:
        """Read baskets from a log with one row per basket line, in any order.

        Parameters
        ----------
        frame
            A pandas, Polars or PyArrow dataframe.
        basket, item
            Columns of ids, each of one kind.
        timestamp
            Column of timestamps without time zone; the earliest of a basket's lines is the basket's time.
        weight
            Column that says how often a basket counts: whole numbers of at least 1, equal on all its lines.
        n_threads
            Number of threads; None for all cores.

        Returns
        -------
        Baskets
            Sorted by basket id.

        Raises
        ------
        DataError
            For a missing column, null or mixed ids, bad timestamps, weights that are no whole numbers of at least 1 or
            differ within a basket, and an empty or lazy frame.

        Notes
        -----
        Two counting sorts: O(lines + baskets + items).

        Examples
        --------
        >>> import pandas as pd
        >>> from growthkit import rules
        >>> lines = pd.DataFrame({"basket_id": [7, 7, 7, 8], "item_id": ["tea", "milk", "tea", "tea"]})
        >>> rules.Baskets.from_frame(lines)
        Baskets
          baskets         2
          items           2
          items a basket  1.50
          largest basket  2
        """
        log = read_frame(frame, function="Baskets.from_frame", n_threads=n_threads)
        baskets, items = log.ids(basket, role="basket"), log.ids(item, role="item")
        by_item = Ragged.from_codes(items.codes, baskets.codes, len(items.vocabulary), n_threads=log.n_threads)
        rows = by_item.transpose(len(baskets.vocabulary)).distinct()
        weights = None if weight is None else _basket_weights(log, weight, baskets.codes, len(rows))
        times = None if timestamp is None else _basket_times(log, timestamp, baskets.codes, len(rows))
        return cls(log.backend, rows, items.vocabulary, baskets.vocabulary, weights, times)

    @classmethod
    def from_lists(cls, baskets: Iterable[Iterable[Any]], *, weights: Sequence[int] | None = None) -> Baskets:
        """Read baskets given as lists (or sets, tuples, arrays) of items.

        Parameters
        ----------
        baskets
            One collection of items a basket; all items of one type, for which NumPy's numbers and texts count as
            Python's. Empty ones count.
        weights
            How often each basket counts, whole numbers of at least 1; None for once each.

        Raises
        ------
        DataError
            If there is no basket, a basket is a text, or an item is missing (None, NaN) or of another type than the
            rest.

        Examples
        --------
        >>> from growthkit import rules
        >>> len(rules.Baskets.from_lists([["a", "b"], ["a"], []]))
        3
        """
        function = "Baskets.from_lists"
        if not isinstance(cast("Any", baskets), Iterable):
            raise DataError(f"{function}: expected a list of baskets, got {baskets!r}.")
        lists = [listed(row, basket) for row, basket in enumerate(baskets)]
        if not lists:
            raise DataError(f"{function}: there is no basket; pass at least one.")
        lengths = np.fromiter(map(len, lists), dtype=np.int64, count=len(lists))
        row_of = np.repeat(np.arange(len(lists), dtype=np.int32), lengths)
        labels = plain([label for row in lists for label in row])
        refuse_unfit(function, labels, row_of, "basket")
        codes, items = Vocabulary.encode(array_of(labels))
        rows = Ragged.from_codes(codes, row_of, len(items)).transpose(len(lists)).distinct()
        return cls("pandas", rows, items, None, given_weights(function, weights, len(lists)))

    @classmethod
    def from_onehot(cls, frame: IntoFrame) -> Baskets:
        """Read baskets from a table with one row per basket and one column per item, of 0 and 1 or booleans.

        The names of the columns are the items' ids; in pandas they need not be text. Sparse columns of pandas stay
        sparse.

        Raises
        ------
        DataError
            If a column holds anything else, or the names are of several types.

        Examples
        --------
        >>> import pandas as pd
        >>> from growthkit import rules
        >>> rules.Baskets.from_onehot(pd.DataFrame({"tea": [True, True], "milk": [False, True]})).rows.lengths.tolist()
        [1, 2]
        """
        log, ids = columns_as_items(frame, "Baskets.from_onehot")
        bought = [np.zeros(0, dtype=np.int32)]
        for name in log.frame.columns:
            stored = log.stored(name)
            values = stored.numbers(name, role="item")
            stored.refuse_rows(
                name, (values != 0) & (values != 1), "values other than 0 and 1", "say bought or not bought"
            )
            held = np.flatnonzero(values)
            bought.append((held if stored.rows is None else stored.rows[held]).astype(np.int32))
        codes, items = Vocabulary.encode(array_of(ids))
        item_of = np.repeat(codes, [rows.size for rows in bought[1:]])
        rows = Ragged.from_codes(item_of, np.concatenate(bought), len(items)).transpose(log.n_rows)
        return cls(log.backend, rows, items)

    @classmethod
    def from_csr(cls, matrix: Any, items: Sequence[Any] | AnyArray | None = None) -> Baskets:
        """Read baskets from a sparse matrix with one row per basket and one column per item.

        Parameters
        ----------
        matrix
            A `scipy.sparse` matrix or array of two dimensions, of any format; values above 0 mean bought, explicit
            zeros mean not bought.
        items
            The ids of the columns, distinct; None for their numbers.

        Raises
        ------
        DataError
            If it is no such matrix, has no row or holds negative values or NaN, or `items` does not fit its columns.

        Examples
        --------
        >>> import scipy.sparse as sp
        >>> from growthkit import rules
        >>> rules.Baskets.from_csr(sp.csr_array([[1, 0, 2], [0, 0, 0]]), items=["a", "b", "c"]).rows.lengths.tolist()
        [2, 0]
        """
        function = "Baskets.from_csr"
        entries = sparse(function, matrix).tocoo()
        n_rows, n_columns = entries.shape
        if n_rows == 0:
            raise DataError(f"{function}: the matrix has no rows; pass at least one.")
        bad = ~(entries.data >= 0)
        if bad.any():
            first = int(entries.row[bad].min())
            raise DataError(
                f"{function}: the matrix holds {int(bad.sum())} negative or NaN values (first in row {first}); "
                "drop them first."
            )
        column_code, vocabulary = line_ids(function, "columns", items, n_columns)
        bought = entries.data > 0
        codes = column_code[entries.col[bought]]
        row_of = entries.row[bought].astype(np.int32)
        rows = Ragged.from_codes(codes, row_of, len(vocabulary)).transpose(n_rows).distinct()
        return cls("pandas", rows, vocabulary)

    def __len__(self) -> int:
        """Return the number of rows; with weights, `n_baskets` is larger."""
        return len(self.rows)

    @property
    def n_baskets(self) -> int:
        """The number of baskets, empty ones included, each as often as its weight says."""
        return len(self) if self.weights is None else int(self.weights.sum())

    @property
    def n_items(self) -> int:
        """The number of different items, ancestors included."""
        return len(self.items)

    def columns(self) -> dict[str, AnyArray]:
        """Return one row per basket and item: basket_id (the row's number where there are none) and item_id."""
        row_of = self.rows.row_numbers()
        ids = row_of if self.baskets is None else self.baskets.decode(row_of)
        return {"basket_id": ids, "item_id": self.items.decode(self.rows.codes)}

    def facts(self) -> dict[str, Any]:
        """Return how many baskets and items there are, and the sizes of the baskets."""
        return {
            "baskets": self.n_baskets,
            "items": self.n_items,
            "items a basket": round(self.rows.codes.size / len(self), 2),
            "largest basket": int(self.rows.lengths.max()),
        }

    def before(self, moment: Any) -> Baskets:
        """Return the baskets whose time is before `moment`; `since` has the others.

        Parameters
        ----------
        moment
            A date or time without zone: a date, a datetime, `numpy.datetime64` or ISO text.

        Raises
        ------
        ParameterError
            If `moment` is nothing of that.
        DataError
            If the baskets have no times, or none is left.
        """
        moment = Params("Baskets.before").moment("moment", moment)
        return self._kept(self._times("before") < moment)

    def since(self, moment: Any) -> Baskets:
        """Return the baskets whose time is `moment` or later; all else is as in `before`."""
        moment = Params("Baskets.since").moment("moment", moment)
        return self._kept(self._times("since") >= moment)

    def merge(self, *others: Baskets) -> Baskets:
        """Return the baskets of all parts together.

        Rows with the same basket id are one basket: its items are united, its earliest time kept. Parts without basket
        ids are put one after another. The result is that of the whole log.

        Raises
        ------
        DataError
            If ids are of different kinds, only some parts have basket ids, weights or times, weights of one basket
            differ, or a part has a taxonomy (merge first, then add it).
        """
        return _merge([self, *others])

    def with_taxonomy(self, frame: IntoFrame, *, item: str = "item_id", levels: Sequence[str] | None = None) -> Baskets:
        """Add the groups that items belong to, so that rules can cross levels [1]_.

        A basket then holds each ancestor of its items once, under an id such as "department=dairy" that names the
        column, as groups and items often share a name. Itemsets and rules never put an item beside its own ancestor.

        Parameters
        ----------
        frame
            One row an item, with a column for each level.
        item
            Column of the items' ids, each once. Items that are not in the baskets are passed over.
        levels
            Columns of text, one a level, in any order; None for all columns but `item`. Which groups are above which
            is seen from the items: those of a group lie within those of its ancestors. Where two groups of different
            levels have the same items, the one of the later level is above.

        Raises
        ------
        ParameterError
            If the baskets have a taxonomy already, or `levels` is a text.
        DataError
            If the items are not text (cast them first: an id has one kind, and groups have names), an item of the
            baskets stands twice or nowhere in `frame`, there is no level, or a group would have the id of an item or of
            another level's group.

        References
        ----------
        .. [1] Srikant, R., Agrawal, R. (1995). Mining generalized association rules. VLDB, 407-419.

        Examples
        --------
        >>> import pandas as pd
        >>> from growthkit import rules
        >>> baskets = rules.Baskets.from_lists([["brie", "gouda"], ["brie"]])
        >>> table = pd.DataFrame({"item_id": ["brie", "gouda"], "department": ["cheese", "cheese"]})
        >>> baskets.with_taxonomy(table).items.labels.tolist()
        ['brie', 'department=cheese', 'gouda']
        """
        if self.taxonomy is not None:
            raise ParameterError(
                "Baskets.with_taxonomy: the baskets have a taxonomy already; start from those without."
            )
        rows, items, ancestors = climb(self.rows, self.items, frame, item, levels)
        return replace(self, rows=rows, items=items, taxonomy=ancestors)

    def to_table(self) -> IntoFrame:
        """Return what a merge needs as one flat table: a row per basket and item.

        The columns are basket_id, item_id, weight and timestamp where there are any, and n_empty, equal on all rows:
        how many baskets have no item, and so no row.
        """
        row_of = self.rows.row_numbers()
        table = self.columns()
        if self.weights is not None:
            table["weight"] = self.weights[row_of]
        if self.times is not None:
            table["timestamp"] = self.times[row_of]
        return give_back(table | {"n_empty": np.full(row_of.size, self._n_empty)}, backend=self.backend)

    @classmethod
    def from_table(cls, table: IntoFrame) -> Baskets:
        """Return the baskets that `to_table` wrote; empty ones come last, without their ids and times.

        Raises
        ------
        DataError
            As `from_frame`, and if n_empty differs between rows.
        """
        log = read_frame(table, function="Baskets.from_table")
        names = log.frame.columns
        n_empty = log.numbers("n_empty", role="n_empty")
        log.refuse_rows("n_empty", n_empty != n_empty[0], "values that differ from the first", "give one number")
        baskets = cls.from_frame(
            table,
            timestamp="timestamp" if "timestamp" in names else None,
            weight="weight" if "weight" in names else None,
        )
        if not n_empty[0]:
            return baskets
        if baskets.weights is not None or baskets.times is not None:
            raise DataError("Baskets.from_table: empty baskets have no weight and no time in a table; leave them out.")
        indptr = np.concatenate((baskets.rows.indptr, np.full(int(n_empty[0]), baskets.rows.indptr[-1])))
        return replace(baskets, rows=replace(baskets.rows, indptr=indptr), baskets=None)

    @property
    def _n_empty(self) -> int:
        return int((self.rows.lengths == 0).sum())

    def _times(self, method: str) -> AnyArray:
        if self.times is None:
            raise DataError(f"Baskets.{method}: the baskets have no times; read them with timestamp=... .")
        return self.times

    def _kept(self, kept: BoolArray) -> Baskets:
        """Return the baskets marked in `kept`; items that no longer occur stay in the vocabulary."""
        if not kept.any():
            raise DataError("Baskets: no basket lies in that time; choose another moment.")
        of_kept = kept[self.rows.row_numbers()]
        indptr = np.concatenate(([0], np.cumsum(self.rows.lengths[kept])))
        return replace(
            self,
            rows=Ragged(indptr, self.rows.codes[of_kept]),
            baskets=None if self.baskets is None else Vocabulary(self.baskets.labels[kept]),
            weights=None if self.weights is None else self.weights[kept],
            times=None if self.times is None else self.times[kept],
        )


def _basket_weights(log: Log, column: str, codes: Int32Array, n: int) -> Int64Array:
    numbers = log.numbers(column, role="weight")
    bad = (numbers < 1) | (numbers != np.floor(numbers)) | (numbers >= 2**53)
    log.refuse_rows(column, bad, "values that are no whole numbers from 1 on", "say how often each basket counts")
    weights = np.zeros(n)
    weights[codes] = numbers
    log.refuse_rows(column, weights[codes] != numbers, "values that differ within a basket", "give a basket one weight")
    refuse_countless(log.function, weights.astype(np.int64))
    return weights.astype(np.int64)


def _basket_times(log: Log, column: str, codes: Int32Array, n: int) -> AnyArray:
    times = log.times(column, role="timestamp")
    earliest = np.full(n, times.high)
    np.minimum.at(earliest, codes, times.ticks)
    return stamps(earliest, times.ticks_per_day)


def _merge(parts: list[Baskets]) -> Baskets:
    function = "Baskets.merge"
    strangers = [part for part in parts if not isinstance(cast("Any", part), Baskets)]
    if strangers:
        raise DataError(f"{function}: expected Baskets, got {type(strangers[0]).__name__}; pass them one by one.")
    if any(part.taxonomy is not None for part in parts):
        raise DataError(f"{function}: a part has a taxonomy; merge first, then add it with with_taxonomy.")
    for what in ("baskets", "weights", "times"):
        if len({getattr(part, what) is None for part in parts}) > 1:
            raise DataError(f"{function}: some parts have {what}, some have none; read all in one way.")
    items, item_maps = Vocabulary.union([part.items for part in parts], function=function)
    ids, row_maps = _united_rows(parts, function)
    n = sum(map(len, parts)) if ids is None else len(ids)
    recoded = [replace(p.rows, codes=m[p.rows.codes]) for p, m in zip(parts, item_maps, strict=True)]
    rows = Ragged.merge(recoded, row_maps, n).transpose(len(items)).transpose(n).distinct()
    return Baskets(
        parts[0].backend, rows, items, ids, _united_weights(parts, row_maps, n), _united_times(parts, row_maps, n)
    )


def _united_rows(parts: list[Baskets], function: str) -> tuple[Vocabulary | None, list[Int32Array]]:
    """Return the ids of the rows of all parts, and for each part its rows' new numbers."""
    known = [part.baskets for part in parts if part.baskets is not None]
    if known:
        return Vocabulary.union(known, function=function)
    starts = np.cumsum([0, *map(len, parts)])[:-1]
    return None, [
        np.arange(start, start + len(part), dtype=np.int32) for start, part in zip(starts, parts, strict=True)
    ]


def _united_weights(parts: list[Baskets], row_maps: list[Int32Array], n: int) -> Int64Array | None:
    columns = [part.weights for part in parts if part.weights is not None]
    if not columns:
        return None
    weights = np.zeros(n, dtype=np.int64)
    for rows, column in zip(row_maps, columns, strict=True):
        differing = (weights[rows] != 0) & (weights[rows] != column)
        if differing.any():
            raise DataError(
                f"Baskets.merge: {int(differing.sum())} baskets have different weights in different parts "
                f"(first at row {int(differing.argmax())} of one); give a basket one weight."
            )
        weights[rows] = column
    refuse_countless("Baskets.merge", weights)
    return weights


def _united_times(parts: list[Baskets], row_maps: list[Int32Array], n: int) -> AnyArray | None:
    columns = [part.times for part in parts if part.times is not None]
    if not columns:
        return None
    times = np.full(n, "NaT", dtype=np.result_type(*columns))
    for rows, column in zip(row_maps, columns, strict=True):
        times[rows] = np.fmin(times[rows], column)
    return times
