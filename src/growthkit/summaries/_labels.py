"""Ids that come as Python objects rather than as the column of a dataframe."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence
from typing import Any, cast

import numpy as np

from .._core.frames import Log, read_frame
from .._core.vocabulary import Vocabulary, array_of, plain
from ..exceptions import DataError, ParameterError
from ..typing import AnyArray, Int32Array, Int64Array, IntoFrame

__all__ = ["columns_as_items", "given_weights", "line_ids", "listed", "refuse_countless", "refuse_unfit", "sparse"]

MOST_BASKETS = 2**63
"""One more than int64 counts."""


def listed(row: int, basket: Any) -> list[Any]:
    """Return a basket as a list; a text is no basket of letters."""
    if isinstance(basket, (str, bytes)) or not isinstance(basket, Iterable):
        raise DataError(
            f"Baskets.from_lists: basket {row} is the {type(basket).__name__} {basket!r}, not a collection of items; "
            "put it in a list."
        )
    return cast("list[Any]", basket.tolist()) if isinstance(basket, np.ndarray) else list(cast("Iterable[Any]", basket))


def refuse_unfit(function: str, labels: Sequence[Any], row_of: Int32Array, row: str) -> None:
    """Refuse missing ids, and ids of more than one type: 1, 1.0, True and "1" are different things."""
    missing = [place for place, label in enumerate(labels) if _is_missing(label)]
    if missing:
        raise DataError(
            f"{function}: {len(missing)} ids are missing, NaN or infinite (first in {row} {row_of[missing[0]]}); "
            "drop them first."
        )
    unhashable = [place for place, label in enumerate(labels) if not isinstance(label, Hashable)]
    if unhashable:
        raise DataError(
            f"{function}: {len(unhashable)} ids are of type {type(labels[unhashable[0]]).__name__} (first in {row} "
            f"{row_of[unhashable[0]]}), which is not hashable; make texts or tuples of them."
        )
    if len(set(map(type, labels))) > 1:
        types = list(map(type, labels))
        strangers = [place for place, kind in enumerate(types) if kind is not types[0]]
        raise DataError(
            f"{function}: {len(strangers)} ids are of type {types[strangers[0]].__name__} among {types[0].__name__} "
            f"(first in {row} {row_of[strangers[0]]}); cast all to one type first."
        )


def _is_missing(label: Any) -> bool:
    """Whether the label is None, NaN, infinite or no time, or one of the missing values of pandas."""
    infinite_or_nan = isinstance(label, float) and not math.isfinite(label)
    is_a_missing_value = type(label).__name__ in ("NAType", "NaTType")
    return (
        label is None or infinite_or_nan or is_a_missing_value or (isinstance(label, np.datetime64) and label != label)
    )


def given_weights(function: str, weights: Sequence[int] | None, n: int) -> Int64Array | None:
    """Return how often each basket counts."""
    if weights is None:
        return None
    given = np.asarray(weights)
    if given.shape != (n,) or given.dtype.kind not in "iu" or (given < 1).any():
        raise ParameterError(f"{function}: weights must be {n} whole numbers of at least 1, one a basket.")
    refuse_countless(function, given)
    return given.astype(np.int64)


def refuse_countless(function: str, weights: AnyArray) -> None:
    """Refuse weights that make more baskets than can be counted."""
    n = sum(weights.tolist()) if weights.size and float(weights.max()) * weights.size >= MOST_BASKETS else 0
    if n >= MOST_BASKETS:
        raise DataError(f"{function}: the weights sum to {n:,}, 2**63 or more; divide them by a number.")


def line_ids(function: str, name: str, ids: Sequence[Any] | AnyArray | None, n: int) -> tuple[Int32Array, Vocabulary]:
    """Return the code of each row (or column) of a matrix, and the vocabulary."""
    if ids is None:
        return np.arange(n, dtype=np.int32), Vocabulary(np.arange(n, dtype=np.int64))
    if isinstance(ids, (str, bytes)) or not isinstance(cast("Any", ids), Iterable):
        raise DataError(f"{function}: {name} must be ids in a list, got {ids!r}.")
    labels = ids if isinstance(ids, np.ndarray) else array_of(list(ids))
    refuse_unfit(function, labels.tolist(), np.arange(labels.size, dtype=np.int32), "row")
    codes, vocabulary = Vocabulary.encode(labels)
    if labels.size != n or len(vocabulary) != n:
        raise DataError(
            f"{function}: the matrix has {n} {name}, but {labels.size} ids came, {len(vocabulary)} of them different; "
            "give each an id of its own."
        )
    return codes, vocabulary


def columns_as_items(frame: IntoFrame, function: str) -> tuple[Log, Sequence[Any]]:
    """Open a dataframe whose columns are named by ids, of which pandas allows any kind; return these, too."""
    log = read_frame(frame, function=function)
    ids = plain(list(log.frame.columns))
    if not all(isinstance(name, str) for name in ids):
        refuse_unfit(function, ids, np.arange(len(ids), dtype=np.int32), "column")
        renamed: Any = frame
        log = read_frame(renamed.set_axis(list(map(str, ids)), axis=1), function=function)
    return log, ids


def sparse(function: str, matrix: Any) -> Any:
    """Check that something is a sparse matrix of real numbers."""
    if not hasattr(matrix, "tocoo") or len(matrix.shape) != 2:
        raise DataError(
            f"{function}: expected a scipy.sparse matrix of two dimensions, got {type(matrix).__name__}; make one with "
            "scipy.sparse.csr_array(...)."
        )
    if matrix.dtype.kind not in "biuf":
        raise DataError(f"{function}: the matrix holds values of type {matrix.dtype}, not real numbers; cast it first.")
    return matrix
