"""What a request for recommendations asks for: who, what is allowed, what is forbidden, and what counts more."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np

from .._core.frames import Log, read_frame
from .._core.parallel import block_edges
from .._core.params import Params
from .._core.ragged import Ragged
from .._core.vocabulary import Vocabulary, array_of
from ..exceptions import DataError
from ..typing import AnyArray, BoolArray, Int32Array

__all__ = [
    "Ranked",
    "Wanted",
    "codes_of",
    "count_of",
    "factors_of",
    "ids_of",
    "is_frame",
    "one_row_each",
    "pairs_of",
    "read_with_columns",
    "rows_of",
    "same_kind",
]

LARGEST_BOOST = 1e12
"""Factors up to here, and down to one over it, keep scores within single precision."""

ENTRIES_A_BLOCK = 2**18
"""Entries whose places are held at a time: 4 MB."""


@dataclass(frozen=True, slots=True, eq=False)
class Wanted:
    """A request in codes; row r of its ragged arrays belongs to the r-th customer asked for.

    Parameters
    ----------
    k
        The length of each list.
    excluded
        Items that a customer must not get, or None.
    eligible
        For each item whether anybody may get it, or None for all.
    eligible_rows
        The items that each customer may get, or None for all.
    groups
        The group of each item, -1 for none, or None where groups have no cap.
    cap
        How many items of one group a list may hold.
    boost
        What each item's score is multiplied with (divided by, where it is negative), float32, or None.
    """

    k: int
    excluded: Ragged | None = None
    eligible: BoolArray | None = None
    eligible_rows: Ragged | None = None
    groups: Int32Array | None = None
    cap: int = 0
    boost: AnyArray | None = None

    def at(self, places: AnyArray) -> Wanted:
        """Return the request of the customers at these places only."""
        return replace(
            self,
            excluded=None if self.excluded is None else rows_of(self.excluded, places),
            eligible_rows=None if self.eligible_rows is None else rows_of(self.eligible_rows, places),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Ranked:
    """Lists of items, best first.

    Parameters
    ----------
    items
        int32, a row a list; -1 where a list is shorter.
    scores
        float32, of the same shape.
    """

    items: Int32Array
    scores: AnyArray

    @classmethod
    def empty(cls, n: int, k: int) -> Ranked:
        """Return `n` lists without an item."""
        return cls(np.full((n, k), -1, dtype=np.int32), np.zeros((n, k), dtype=np.float32))


def rows_of(rows: Ragged, places: AnyArray) -> Ragged:
    """Return some rows of a ragged array, in the order of `places`; times are left behind.

    Rows that follow each other are views.
    """
    if places.size and places[0] >= 0 and (np.diff(places) == 1).all():
        part = rows.slice(int(places[0]), int(places[-1]) + 1)
        return Ragged(part.indptr, part.codes, None, part.values)
    lengths = rows.lengths[places]
    indptr = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(lengths)))
    shifts = rows.indptr[:-1][places] - indptr[:-1]
    codes = np.empty(int(indptr[-1]), dtype=rows.codes.dtype)
    values = None if rows.values is None else np.empty(codes.size, dtype=rows.values.dtype)
    for start, stop in block_edges(places.size, 1 + codes.size // ENTRIES_A_BLOCK):
        block = slice(int(indptr[start]), int(indptr[stop]))
        entries = np.repeat(shifts[start:stop], lengths[start:stop]) + np.arange(block.start, block.stop)
        codes[block] = rows.codes[entries]
        if values is not None and rows.values is not None:
            values[block] = rows.values[entries]
    return Ragged(indptr, codes, None, values)


def is_frame(thing: Any) -> bool:
    """Whether something has columns, as dataframes have."""
    return hasattr(thing, "columns")


def ids_of(function: str, name: str, ids: Any) -> AnyArray:
    """Return ids given as a list, array, index or series as one array.

    Raises
    ------
    ParameterError
        If they come as anything else.
    """
    params = Params(function)
    if isinstance(ids, (str, bytes)) or not hasattr(ids, "__iter__"):
        params.refuse(name, f"ids in a list, array or series (write [{ids!r}] for one)", ids)
    if isinstance(ids, Mapping) or is_frame(ids) or getattr(ids, "ndim", 1) != 1:
        params.refuse(name, "ids in a list, array or series", cast(Any, ids))
    array = np.asarray(ids) if hasattr(ids, "__array__") else None
    array = array if array is not None and array.dtype.kind != "O" else array_of(list(ids))
    if array.dtype.kind == "O" and not all(isinstance(label, Hashable) for label in array):
        params.refuse(name, "ids, which are hashable", ids)
    return array


def same_kind(function: str, what: str, theirs: Vocabulary, ours: Vocabulary) -> None:
    """Refuse ids of another kind.

    Raises
    ------
    DataError
        If no id of the one can be one of the other.
    """
    if len(theirs) and len(ours) and theirs.kind != ours.kind:
        raise DataError(
            f"{function}: {what} has {theirs.kind} ids, the model {ours.kind} ids, which never match; cast them to the "
            "same type."
        )


def codes_of(function: str, name: str, ids: Any, known: Vocabulary) -> tuple[AnyArray, Int32Array]:
    """Return distinct ids and their codes, -1 for those that are not known.

    Raises
    ------
    DataError
        If an id stands twice.
    """
    labels = ids_of(function, name, ids)
    codes = known.find(labels)
    n_distinct = len(set(labels.tolist()))
    if n_distinct < labels.size:
        raise DataError(f"{function}: {name} holds {labels.size - n_distinct} ids a second time; give each once.")
    return labels, codes


def count_of(codes: AnyArray, labels: AnyArray) -> tuple[int, Any]:
    """Return how many ids are not known, and the first of them."""
    unknown = codes < 0
    first: Any = labels[unknown][0] if unknown.any() else None
    return int(unknown.sum()), cast(Any, first).item() if isinstance(first, np.generic) else first


def pairs_of(
    function: str,
    name: str,
    frame: Any,
    columns: tuple[str, str],
    asked: AnyArray,
    customers: Vocabulary,
    items: Vocabulary,
) -> tuple[Ragged, tuple[int, Any]]:
    """Return the known items that a frame of pairs lists for each customer asked for, and what items are not known.

    A frame without rows lists none.

    Raises
    ------
    DataError
        If the frame lacks the columns, or has ids of another kind than the model.
    """
    if hasattr(frame, "__len__") and not len(frame):
        return Ragged(np.zeros(asked.size + 1, dtype=np.int64), np.empty(0, dtype=np.int32)), (0, None)
    log = read_with_columns(function, name, frame, columns)
    of_customer, of_item = log.ids(columns[0], role="customer"), log.ids(columns[1], role="item")
    same_kind(function, f'column "{columns[0]}" of {name}', of_customer.vocabulary, customers)
    same_kind(function, f'column "{columns[1]}" of {name}', of_item.vocabulary, items)
    places = np.full(len(of_customer.vocabulary), -1, dtype=np.int32)
    found = of_customer.vocabulary.find(asked)
    places[found[found >= 0]] = np.flatnonzero(found >= 0)
    item_codes = items.find(of_item.vocabulary.labels)
    rows, codes = places[of_customer.codes], item_codes[of_item.codes]
    kept = (rows >= 0) & (codes >= 0)
    pairs = Ragged.from_codes(rows[kept], codes[kept], asked.size)
    return pairs, count_of(item_codes, of_item.vocabulary.labels)


def read_with_columns(function: str, name: str, frame: Any, columns: Sequence[str]) -> Log:
    """Open a frame whose columns have the names that the interactions or a parameter gave them.

    Raises
    ------
    DataError
        If one is missing.
    """
    log = read_frame(frame, function=function)
    if not set(columns) <= set(log.frame.columns):
        needed, listed = (", ".join(f'"{column}"' for column in names) for names in (columns, log.frame.columns))
        raise DataError(f"{function}: the frame {name} needs the columns {needed}; it has {listed}.")
    return log


def one_row_each(log: Log, column: str, codes: Int32Array, role: str) -> None:
    """Refuse a frame in which an item, or a customer, has several rows.

    Raises
    ------
    DataError
        If one has.
    """
    again = np.bincount(codes)[codes] > 1
    log.refuse_rows(column, again, f"rows whose {role} has another row", f"keep one row for each {role}")


def factors_of(function: str, boost: Any, item: str, items: Vocabulary) -> tuple[AnyArray, tuple[int, Any]]:
    """Return the factor of each item (1 where none is given), and what items are not known.

    Raises
    ------
    DataError
        If a factor is not a number from 1e-12 to 1e12, or an item has two.
    """
    params = Params(function)
    if is_frame(boost):
        log = read_with_columns(function, "boost", boost, (item, "boost"))
        codes, vocabulary = log.ids(item, role="item")
        labels, factors = vocabulary.labels[codes], log.numbers("boost", role="boost")
    elif isinstance(boost, Mapping):
        given = cast("Mapping[Any, Any]", boost)
        labels = ids_of(function, "boost", list(given))
        factors = np.array([params.number(f"boost[{label!r}]", factor) for label, factor in given.items()])
    else:
        params.refuse("boost", f'a mapping of items to factors, a frame of "{item}" and "boost", or None', boost)
    bad = ~((factors >= 1 / LARGEST_BOOST) & (factors <= LARGEST_BOOST))
    if bad.any():
        raise DataError(
            f"{function}: boost holds {int(bad.sum())} factors that are not from {1 / LARGEST_BOOST:g} to "
            f"{LARGEST_BOOST:g} (first {factors[int(bad.argmax())].item()!r}); 1 leaves a score as it is, eligible= "
            "takes items out."
        )
    labels, codes = codes_of(function, "boost", labels, items)
    table = np.ones(len(items), dtype=np.float32)
    table[codes[codes >= 0]] = factors[codes >= 0]
    return table, count_of(codes, labels)
