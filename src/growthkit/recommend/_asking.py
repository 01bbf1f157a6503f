"""What a caller asks for, in his words, turned into a request in codes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np

from .._core.params import Params
from .._core.ragged import Ragged
from .._core.results import Notice
from .._core.vocabulary import Vocabulary
from ..exceptions import DataError
from ..typing import AnyArray, Int32Array
from ._request import Wanted, codes_of, count_of, factors_of, ids_of, is_frame, pairs_of, rows_of

__all__ = ["Known", "group_columns"]


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """What a model knows that a request may refer to.

    Parameters
    ----------
    function
        The public function that was called, for messages.
    names
        The columns of customers and items.
    customers, items
        The customers and items of the model.
    history
        What each of its customers has had to do with.
    columns, groups
        The columns of the item frame, and the group of each item in each; see `group_columns`.
    """

    function: str
    names: tuple[str, str]
    customers: Vocabulary
    items: Vocabulary
    history: Ragged
    columns: dict[str, Any]
    groups: Int32Array

    def wanted(
        self,
        labels: AnyArray,
        codes: Int32Array,
        k: int,
        exclude: Any,
        eligible: Any,
        group_cap: tuple[Any, int] | None,
        boost: Any,
    ) -> tuple[Wanted, list[Notice]]:
        """Return the request in codes, and notices of the items in it that are not known."""
        unknown: dict[str, tuple[int, Any]] = {}
        wanted = Wanted(k, excluded=self.excluded(labels, codes, exclude))
        names = self.names
        if is_frame(eligible):
            rows, unknown["eligible"] = self.pairs("eligible", eligible, labels)
            wanted = replace(wanted, eligible_rows=rows)
        elif eligible is not None:
            mask, unknown["eligible"] = self.mask(eligible)
            wanted = replace(wanted, eligible=mask)
        if group_cap is not None:
            groups, cap, unknown["group_cap"] = self.groups_of(group_cap)
            wanted = replace(wanted, groups=groups, cap=cap)
        if boost is not None:
            factors, unknown["boost"] = factors_of(self.function, boost, names[1], self.items)
            wanted = replace(wanted, boost=factors)
        texts = {
            name: f"{name} names {n} items that were not there at fit (first {first!r}); they cannot be recommended."
            for name, (n, first) in unknown.items()
            if n
        }
        return wanted, [Notice("unknown_items", text) for text in texts.values()]

    def excluded(self, labels: AnyArray, codes: Int32Array, exclude: Any) -> Ragged | None:
        if exclude is None:
            return None
        if is_frame(exclude):
            return self.pairs("exclude", exclude, labels)[0]
        if not (isinstance(exclude, str) and exclude == "seen"):
            Params(self.function).refuse("exclude", '"seen", None, or a dataframe of customers and items', exclude)
        return self.seen(codes)

    def pairs(self, name: str, frame: Any, labels: AnyArray) -> tuple[Ragged, tuple[int, Any]]:
        return pairs_of(self.function, name, frame, self.names, labels, self.customers, self.items)

    def seen(self, codes: Int32Array) -> Ragged:
        """Return the histories of customers; empty ones for -1."""
        history = Ragged(self.history.indptr, self.history.codes)
        if (codes >= 0).all():
            return rows_of(history, codes)
        ends = np.append(history.indptr, history.indptr[-1])  # one more row, empty, at the place -1
        return rows_of(Ragged(ends, history.codes), codes)

    def mask(self, eligible: Any) -> tuple[AnyArray, tuple[int, Any]]:
        labels = ids_of(self.function, "eligible", eligible)
        if labels.dtype.kind == "b" and self.items.kind != "boolean":
            if labels.size != len(self.items):
                wanted = f"a mask of {len(self.items)} items, in the order of items_"
                Params(self.function).refuse("eligible", wanted, f"one of {labels.size}")
            return labels, (0, None)
        codes = self.items.find(labels)
        mask = np.zeros(len(self.items), dtype=bool)
        mask[codes[codes >= 0]] = True
        return mask, count_of(codes, labels)

    def groups_of(self, group_cap: Any) -> tuple[Int32Array, int, tuple[int, Any]]:
        params = Params(self.function)
        if not isinstance(group_cap, tuple) or len(cast(Any, group_cap)) != 2:
            params.refuse("group_cap", "a pair of a column (or a mapping of items to groups) and a number", group_cap)
        groups, number = cast(tuple[Any, Any], group_cap)
        cap = params.whole("group_cap[1]", number, low=1)
        if isinstance(groups, str):
            return self.column(groups), cap, (0, None)
        if not isinstance(groups, Mapping):
            params.refuse("group_cap[0]", "a column of the item frame, or a mapping of items to groups", groups)
        given = cast("Mapping[Any, Any]", groups)
        nameless = [label for label, group in given.items() if group is None or group != group]
        if nameless:
            raise DataError(
                f"{self.function}: group_cap gives {len(nameless)} items no group (first {nameless[0]!r}); leave them "
                "out of the mapping, they have no cap then."
            )
        labels, codes = codes_of(self.function, "group_cap", list(given), self.items)
        group_codes, _ = Vocabulary.encode(ids_of(self.function, "group_cap", list(given.values())))
        table = np.full(len(self.items), -1, dtype=np.int32)
        table[codes[codes >= 0]] = group_codes[codes >= 0]
        return table, cap, count_of(codes, labels)

    def column(self, column: str) -> Int32Array:
        place = self.columns.get(column)
        if isinstance(place, int):
            return self.groups[place]
        if place is not None:
            raise DataError(f"{self.function}: group_cap needs groups, but at fit it turned out: {place}")
        listed = ", ".join(f'"{name}"' for name in self.columns) or "none"
        raise DataError(
            f'{self.function}: group_cap names "{column}", but the item frame given to fit has the columns {listed}; '
            "pass items= to fit, or a mapping of items to groups here."
        )


def group_columns(
    table: tuple[Vocabulary, Int32Array, Any] | None, items: Vocabulary
) -> tuple[dict[str, Any], Int32Array]:
    """Return, for each column of the item frame, its row in the array of groups, or why it has none; and the groups."""
    if table is None:
        return {}, np.empty((0, len(items)), dtype=np.int32)
    vocabulary, codes, log = table
    row_of = np.full(len(vocabulary), 0, dtype=np.int64)
    row_of[codes] = np.arange(codes.size)
    places = vocabulary.find(items.labels)
    columns: dict[str, Any] = {}
    groups: list[AnyArray] = []
    for column in log.frame.columns:
        if not isinstance(column, str):  # which pandas allows, and no parameter names
            continue
        try:
            values = log.ids(column, role="group")
        except DataError as error:
            columns[column] = str(error)
            continue
        if values.vocabulary.kind == "float":
            columns[column] = f'the column "{column}" holds floats.'
            continue
        columns[column] = len(groups)
        groups.append(np.where(places >= 0, values.codes[row_of[places]], np.int32(-1)))
    return columns, np.array(groups, dtype=np.int32).reshape(len(groups), len(items))
