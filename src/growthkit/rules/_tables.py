"""Sets of items as columns of a table: tuples of ids."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np

from .._core.frames import give_back
from .._core.ragged import Ragged
from .._core.vocabulary import Vocabulary
from ..typing import AnyArray, IntoFrame

__all__ = ["framed", "label_sets"]


def label_sets(sets: Ragged, items: Vocabulary) -> AnyArray:
    """Return each set, none of them empty, as a tuple of ids, in an array of objects."""
    labels = items.objects()
    tuples = np.empty(len(sets), dtype=object)
    lengths = sets.lengths
    for length in np.flatnonzero(np.bincount(lengths)).tolist():
        rows = np.flatnonzero(lengths == length)
        columns = [labels[sets.codes[sets.indptr[rows] + k]].tolist() for k in range(length)]
        tuples[rows] = np.fromiter(zip(*columns, strict=True), dtype=object, count=rows.size)
    return tuples


def framed(columns: Mapping[str, AnyArray], backend: str) -> IntoFrame:
    """Return columns as a dataframe; tuples become lists in Polars and PyArrow, which have a type for them."""
    if backend == "pandas":
        return give_back(columns, backend=backend)
    plain: dict[str, Any] = {name: _lists(column) for name, column in columns.items()}
    return give_back(plain, backend=backend)


def _lists(column: AnyArray) -> Any:
    if column.dtype == object and (not column.size or isinstance(column[0], tuple)):
        return list(map(_listed, column))
    return column


def _listed(value: Any) -> Any:
    """Return tuples, and those inside them, as lists."""
    return [_listed(part) for part in cast("tuple[Any, ...]", value)] if isinstance(value, tuple) else value
