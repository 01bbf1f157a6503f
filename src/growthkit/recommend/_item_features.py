"""Categories and vectors of items, read from the frame that also the models get."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .._core.frames import Log, frozen, read_frame
from .._core.ragged import Ragged
from .._core.vocabulary import Vocabulary
from ..exceptions import DataError
from ..typing import AnyArray, FloatArray, Int32Array, IntoFrame
from ._aspects import read_aspects
from ._ranking_metrics import Features, Table
from ._request import one_row_each

__all__ = ["ItemTable", "Space", "item_table"]


class Space:
    """Codes that all models share: the items of the training data first, then others that are known of.

    An item that is in neither has the code ``len(space)``.
    """

    def __init__(self, items: Vocabulary, others: Sequence[Vocabulary], function: str) -> None:
        every, _ = Vocabulary.union([items, *others], function=function)
        self.items = items
        self.others = Vocabulary(every.labels[items.find(every.labels) < 0])

    def __len__(self) -> int:
        """Return the number of known items."""
        return len(self.items) + len(self.others)

    def codes(self, vocabulary: Vocabulary) -> Int32Array:
        """Return the code of each of the ids."""
        first, second = self.items.find(vocabulary.labels), self.others.find(vocabulary.labels)
        outside = np.where(second >= 0, second + len(self.items), len(self))
        return np.where(first >= 0, first, outside).astype(np.int32)


@dataclass(frozen=True, slots=True, eq=False)
class ItemTable:
    """What the item frame says of each of its items.

    Parameters
    ----------
    items
        The items of the frame.
    shares
        The share of each category in each item, or None; ``n_categories`` how many there are.
    vectors
        The vector of each item, or None: the shares are taken for it.
    one_row_each
        Whether no item has several rows.
    """

    items: Vocabulary
    shares: Ragged | None
    n_categories: int
    vectors: FloatArray | None
    one_row_each: bool

    def features(self, space: Space) -> Features:
        """Return the features by code of `space`, which holds all items of the table."""
        places = space.codes(self.items)
        shares = None if self.shares is None else _placed(self.shares, places, len(space), self.n_categories)
        if self.vectors is None:
            return Features(shares, None if shares is None else _of_length_one(shares))
        rows = _placed(_sparse(self.vectors), places, len(space), self.vectors.shape[1])
        return Features(shares, _of_length_one(rows))


def item_table(
    function: str,
    items: IntoFrame,
    item: str,
    category: str | Sequence[str] | None,
    vector: Sequence[str] | None,
) -> ItemTable:
    """Read the item frame."""
    log = read_frame(items, function=function)
    shares, n_categories = None, 0
    if isinstance(category, str):
        aspects = read_aspects(log, item, category, None)
        shares, n_categories = aspects.shares, len(aspects.labels)
    elif category is not None:
        members = _columns(log, item, category, "category")
        shares, n_categories = _sparse(_shares(log, category, members)), members.shape[1]
    vectors = None if vector is None else _columns(log, item, vector, "vector")
    known = log.ids(item, role="item").vocabulary
    return ItemTable(known, shares, n_categories, vectors, len(known) == log.n_rows)


def _columns(log: Log, item: str, names: Sequence[str], role: str) -> FloatArray:
    """Return columns of numbers by code of the item, of which each has one row."""
    if isinstance(names, str) or not len(names):
        raise DataError(f"{log.function}: {role} must name columns of the item frame in a list, got {names!r}.")
    codes = log.ids(item, role="item").codes
    one_row_each(log, item, codes, "item")
    table = np.empty((codes.size, len(names)))
    table[codes] = np.column_stack([log.numbers(name, role=role) for name in names])
    return table


def _shares(log: Log, names: Sequence[str], members: FloatArray) -> FloatArray:
    """Return memberships as shares that sum to 1, or to 0 for an item that has none."""
    for name in names:
        log.refuse_rows(name, log.numbers(name, role="category") < 0, "memberships under 0", "make them 0 or more")
    totals = members.sum(axis=1, keepdims=True)
    return np.divide(members, totals, out=np.zeros_like(members), where=totals > 0)


def _sparse(table: FloatArray) -> Ragged:
    rows, columns = np.nonzero(table)
    values = table[rows, columns]
    return Ragged.from_codes(rows.astype(np.int32), columns.astype(np.int32), len(table), values=values)


def _placed(rows: Ragged, places: Int32Array, n_rows: int, width: int) -> Table:
    """Return rows in other places, of which there are `n_rows`."""
    moved = Ragged.from_codes(places[rows.row_numbers()], rows.codes, n_rows, values=rows.values)
    values: AnyArray = np.ones(moved.codes.size) if moved.values is None else moved.values
    return Table(frozen(moved.indptr), frozen(moved.codes), frozen(values), width)


def _of_length_one(table: Table) -> Table:
    """Return vectors of length 1; rows without entries stay so."""
    rows = np.repeat(np.arange(table.indptr.size - 1), np.diff(table.indptr))
    norms = np.sqrt(np.bincount(rows, weights=table.values**2, minlength=table.indptr.size - 1))
    return table._replace(values=frozen(table.values / norms[rows]))
