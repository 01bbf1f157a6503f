"""Sets of items as columns of a table: tuples of ids."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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


def framed(columns: Mapping[str, AnyArray], backend: str, examples: Mapping[str, tuple[Any, ...]]) -> IntoFrame:
    """Return columns as a dataframe; tuples become lists in Polars and PyArrow, which have a type for them.

    `examples` has a value of each column of tuples, from which that type is seen where there are no rows.
    """
    if backend == "pandas":
        return give_back(columns, backend=backend, examples=examples)
    plain = {name: column.tolist() if name in examples and column.size else column for name, column in columns.items()}
    return give_back(plain, backend=backend, examples=examples)
