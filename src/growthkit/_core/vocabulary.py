"""`Vocabulary`: ids of any kind to dense int32 codes and back."""

from __future__ import annotations

import sys
from collections.abc import Hashable, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple, cast

import numpy as np

from ..exceptions import DataError
from ..typing import AnyArray, BoolArray, Int32Array, Int64Array
from . import _kernels
from .parallel import block_edges, run_blocks, thread_count

__all__ = ["Encoded", "Keys", "Vocabulary", "array_of", "plain"]

ROWS_A_KEY = 10
"""Whole numbers are their own keys from this many rows on for each number of their range."""

TEXT_BITS = 12
"""Of the slots of our own hash table of short texts: at most half of them are filled."""

FIRST_TEXTS = 4096
"""Rows in which texts are looked for first."""

SCALARS = ((np.bool_, bool), (np.integer, int), (np.floating, float), (np.str_, str), (np.bytes_, bytes))
"""NumPy's numbers and texts, and the types of Python that they are equivalent to."""

SEARCHABLE = ("integer", "float", "boolean", "datetime", "text")
"""Kinds whose labels stand in the order of their values, so that bisection finds them."""


class Encoded(NamedTuple):
    """A column of ids as codes into its vocabulary."""

    codes: Int32Array
    vocabulary: Vocabulary


class Keys(NamedTuple):
    """A column of ids as whole numbers from `low` on, some of which may not occur.

    Ids that are whole numbers in a narrow range are their own keys, which saves two passes; all others are codes.
    """

    values: AnyArray
    low: int
    size: int
    vocabulary: Vocabulary | None

    def ids(self, present: BoolArray) -> Vocabulary:
        """Return the ids of the keys that are marked in `present`."""
        places = np.flatnonzero(present)
        return Vocabulary(places + self.low if self.vocabulary is None else self.vocabulary.labels[places])


class Vocabulary:
    """The distinct ids of one kind, sorted: code c stands for ``labels[c]``.

    Because the labels are sorted, codes do not depend on the order of the rows that they came from.

    Parameters
    ----------
    labels
        Distinct and sorted: int64, uint64, float64, bool, datetime64, or objects of one type.
    """

    __slots__ = ("labels",)

    def __init__(self, labels: AnyArray) -> None:
        self.labels = labels
        self.labels.flags.writeable = False

    @classmethod
    def encode(cls, ids: Any, *, n_threads: int | None = 1) -> Encoded:
        """Encode ids of one kind, none of them null.

        Parameters
        ----------
        ids
            A NumPy array, a pandas Series or a PyArrow array.
        n_threads
            Threads for whole-number ids; the others are encoded by the library that holds them.

        Returns
        -------
        Encoded
            The codes, one an id, and the vocabulary. O(ids) for whole numbers in a narrow range, else a hash table.
        """
        threads = thread_count(n_threads, n_rows=len(ids), function="Vocabulary.encode")
        span = _span(ids, threads)
        if span is not None and span.stop - span.start <= 2 * len(ids) + 1024:
            return _encode_dense(ids, span, threads)
        short = _encode_short_texts(ids, threads)
        if short is not None:
            return Encoded(short[0], cls(short[1]))
        codes, labels = _encode_hashed(ids)
        order = _sorting(labels)
        rank = np.empty(order.size, dtype=np.int32)
        rank[order] = np.arange(order.size, dtype=np.int32)
        return Encoded(_look_up(codes, 0, rank, threads), cls(labels[order]))

    @classmethod
    def keys(cls, ids: Any, *, n_threads: int | None = 1) -> Keys:
        """Number ids as `encode` does, but leave whole numbers as they are where most of their range occurs."""
        span = _span(ids, thread_count(n_threads, n_rows=len(ids), function="Vocabulary.keys"))
        if span is not None and ids.dtype == np.int64 and span.stop - span.start <= len(ids) // ROWS_A_KEY:
            return Keys(ids, span.start, span.stop - span.start, None)
        codes, vocabulary = cls.encode(ids, n_threads=n_threads)
        return Keys(codes, 0, len(vocabulary), vocabulary)

    @property
    def kind(self) -> str:
        """What the ids are: integer, float, boolean, datetime, text, or the name of their Python type."""
        named = {"i": "integer", "u": "integer", "f": "float", "b": "boolean", "M": "datetime"}
        if self.labels.dtype.kind != "O":
            return named[self.labels.dtype.kind]
        sample = self.labels[0] if self.labels.size else ""
        return "text" if isinstance(sample, str) else type(sample).__name__

    @property
    def example(self) -> Any:
        """An id of this kind as a Python object: the first, or a blank one where there is none."""
        if self.labels.size:
            return Vocabulary(self.labels[:1]).objects()[0]
        return "" if self.labels.dtype.kind == "O" else Vocabulary(np.zeros(1, self.labels.dtype)).objects()[0]

    def __len__(self) -> int:
        """Return the number of ids."""
        return self.labels.size

    def __eq__(self, other: object) -> bool:
        """Whether both hold the same ids of the same kind."""
        if not isinstance(other, Vocabulary):
            return NotImplemented
        return self.kind == other.kind and np.array_equal(self.labels, other.labels)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Vocabulary({len(self)} ids of kind {self.kind})"

    def decode(self, codes: AnyArray) -> AnyArray:
        """Return the ids that `codes` stand for."""
        return self.labels[codes]

    def objects(self) -> AnyArray:
        """Return the ids by code as Python objects; moments finer than a microsecond as NumPy's, as Python has none."""
        if self.labels.dtype != np.dtype("datetime64[ns]"):
            return self.labels.astype(object)
        coarse = self.labels.astype("datetime64[us]")
        if (coarse == self.labels).all():
            return coarse.astype(object)
        objects = np.empty(self.labels.size, dtype=object)
        objects[:] = list(self.labels)
        return objects

    def find(self, ids: AnyArray | Sequence[Hashable]) -> Int32Array:
        """Return the code of each of `ids`, -1 where this vocabulary does not hold it.

        ``1``, ``1.0``, ``True`` and ``"1"`` are different ids. O(m log n).
        """
        wanted = _as_labels(ids)
        objects = wanted.dtype.kind == "O"
        if objects and self.labels.dtype.kind == "M" and all(isinstance(label, datetime) for label in wanted):
            wanted = wanted.astype(self.labels.dtype)
        if not (wanted.size and len(self)) or Vocabulary(wanted.copy()).kind != self.kind:
            return np.full(wanted.size, -1, dtype=np.int32)
        if self.kind not in SEARCHABLE or (objects and len(set(map(type, wanted))) > 1):
            table = {label: code for code, label in enumerate(self.labels)}
            hashable = (label if isinstance(label, Hashable) else None for label in wanted)
            return np.array([table.get(label, -1) for label in hashable], dtype=np.int32)
        slots = np.minimum(np.searchsorted(self.labels, wanted), len(self) - 1)
        return np.where(self.labels[slots] == wanted, slots, -1).astype(np.int32)

    @staticmethod
    def union(parts: Sequence[Vocabulary], *, function: str) -> tuple[Vocabulary, list[Int32Array]]:
        """Return the ids of all parts, and for each part the new code of each of its codes.

        Raises
        ------
        DataError
            If the ids are of different kinds.
        """
        kinds = sorted({part.kind for part in parts if len(part)})
        if len(kinds) > 1:
            raise DataError(
                f"{function}: one part has {kinds[0]} ids, another {kinds[1]} ids, which never match; "
                "cast them to one type before summarising."
            )
        codes, vocabulary = Vocabulary.encode(_joined([part.labels for part in parts], function))
        return vocabulary, np.split(codes, np.cumsum([len(part) for part in parts])[:-1])


def _span(ids: Any, n_threads: int) -> range | None:
    """Return the range of whole-number ids, None for other ids and for numbers that int64 does not hold."""
    if not isinstance(ids, np.ndarray) or ids.size == 0 or ids.dtype.kind not in "iu":
        return None
    numbers = cast("AnyArray", ids)
    blocks = block_edges(numbers.size, n_threads)
    extents = run_blocks(lambda b: _kernels.extent(numbers, *blocks[b]), n_threads, n_threads=n_threads)
    low, high = min(int(e[0]) for e in extents), max(int(e[1]) for e in extents)
    return range(low, high + 1) if high < 2**63 else None


def _encode_dense(ids: AnyArray, span: range, n_threads: int) -> Encoded:
    """Encode whole numbers through a table over their range."""
    numbers = ids.view(np.int64) if ids.dtype == np.uint64 else ids  # numba takes uint64 less int64 for a float
    blocks = block_edges(numbers.size, n_threads)
    counts = np.zeros((n_threads, len(span)), dtype=np.int32)
    run_blocks(lambda b: _kernels.tally(numbers, span.start, counts[b], *blocks[b]), n_threads, n_threads=n_threads)
    present = counts.any(axis=0)
    table = np.cumsum(present, dtype=np.int32) - np.int32(1)
    labels = np.flatnonzero(present).astype(np.int64) + span.start
    return Encoded(_look_up(numbers, span.start, table, n_threads), Vocabulary(labels))


def _look_up(keys: AnyArray, low: int, table: Int32Array, n_threads: int) -> Int32Array:
    """Return ``table[keys - low]``."""
    out = np.empty(keys.size, dtype=np.int32)
    blocks = block_edges(keys.size, n_threads)
    run_blocks(lambda b: _kernels.look_up(keys, low, table, out, *blocks[b]), n_threads, n_threads=n_threads)
    return out


def _encode_hashed(ids: Any) -> tuple[AnyArray, AnyArray]:
    """Encode by a hash table, in order of first appearance: Arrow's where the ids are Arrow's, else that of pandas."""
    if type(ids).__module__.startswith("pyarrow"):
        encoded = ids.dictionary_encode()
        if hasattr(encoded, "unify_dictionaries"):
            encoded = encoded.unify_dictionaries().combine_chunks()
        return encoded.indices.to_numpy(), _as_labels(encoded.dictionary.to_pylist())
    import pandas as pd

    factorize: Any = pd.factorize
    codes, uniques = factorize(ids)
    labels = _as_labels(np.asarray(uniques))
    if labels.dtype == object and _texts_end_at_nul() and _any_nul(ids):
        return _encode_by_dict(ids)
    return codes, labels


@cache
def _texts_end_at_nul() -> bool:
    """Whether this version of pandas takes "a" and "a" with a NUL for one text, as those before 3.0 do."""
    import pandas as pd

    return len(pd.factorize(np.array(["a", "a\0"], dtype=object))[1]) == 1


def _any_nul(ids: Any) -> bool:
    try:
        return "\0" in "".join(ids)
    except TypeError:  # objects other than text, which pandas hashes as such
        return False


def _encode_by_dict(ids: Any) -> tuple[AnyArray, AnyArray]:
    codes: dict[Hashable, int] = {}
    places = [codes.setdefault(label, len(codes)) for label in ids]
    return np.array(places, dtype=np.int32), _as_labels(list(codes))


def _encode_short_texts(ids: Any, n_threads: int) -> tuple[Int32Array, AnyArray] | None:
    """Encode Arrow's views of text if all are so short that they hold their bytes, and few differ; else None.

    The first rows mostly hold all the texts there are; where they do not, all rows are gone through once more.
    """
    if not type(ids).__module__.startswith("pyarrow") or str(ids.type) != "string_view" or sys.byteorder != "little":
        return None
    start, size = 2 * ids.offset, 2 * len(ids)
    views = np.frombuffer(ids.buffers()[1], dtype=np.uint64)[start : start + size].reshape(-1, 2)
    codes, blocks = np.empty(len(ids), dtype=np.int32), block_edges(len(ids), n_threads)
    for stop in sorted({min(FIRST_TEXTS, len(ids)), len(ids)}):
        known = np.full((1 << TEXT_BITS, 2), 2**64 - 1, dtype=np.uint64)
        numbers, firsts = np.full(len(known), -1, dtype=np.int32), np.empty(len(known) // 2, dtype=np.int64)
        n_texts = _kernels.learn_texts(views, known, numbers, 64 - TEXT_BITS, firsts, stop)
        if n_texts < 0:
            return None
        labels = _as_labels([_short_text(words) for words in views[firsts[:n_texts]]])
        order = _sorting(labels)
        rank = np.full(n_texts + 1, -1, dtype=np.int32)
        rank[order] = np.arange(n_texts, dtype=np.int32)
        table = known, rank[numbers], 64 - TEXT_BITS
        found = run_blocks(
            lambda b, table=table: _kernels.look_up_texts(views, *table, codes, *blocks[b]),
            len(blocks),
            n_threads=n_threads,
        )
        if all(found):
            return codes, labels[order]
    return None


def _short_text(words: AnyArray) -> str:
    view = words.tobytes()
    return view[4 : 4 + view[0]].decode()


def _as_labels(ids: AnyArray | Sequence[Hashable]) -> AnyArray:
    """Return ids as an array of one of the label types; texts and all other things as objects."""
    if not isinstance(ids, np.ndarray):
        ids = array_of(ids)
    if ids.dtype.kind in "iu":
        return ids.astype(np.uint64 if ids.size and ids.max() >= 2**63 else np.int64)
    if ids.dtype.kind == "f":
        return ids.astype(np.float64) + 0.0  # -0.0 and 0.0 are one id
    return ids.astype(object) if ids.dtype.kind in "UST" else ids


def plain(ids: Sequence[Any]) -> Sequence[Any]:
    """Return ids with NumPy's numbers and texts as those of Python; its times, finer than Python's, stay."""
    kinds = set(map(type, ids)) - {np.timedelta64}  # which NumPy counts as an integer
    python: dict[type, Any] = {kind: own for kind in kinds for theirs, own in SCALARS if issubclass(kind, theirs)}
    if not python:
        return ids
    return [python[type(label)](label) if type(label) in python else label for label in ids]


def array_of(ids: Sequence[Hashable]) -> AnyArray:
    """Return Python objects as an array: of numbers where all are of one numeric type, else of objects."""
    ids = plain(ids)
    types = set(map(type, ids))
    if types == {int}:
        return _whole_numbers(ids)
    if len(types) == 1 and issubclass(next(iter(types)), (float, bool, np.datetime64)):
        return np.array(ids)
    return np.fromiter(ids, dtype=object, count=len(ids))


def _whole_numbers(ids: Sequence[Hashable]) -> AnyArray:
    """Return integers as int64, uint64 or, where they fit neither, objects; NumPy alone makes floats of some."""
    for dtype in (np.int64, np.uint64):
        try:
            return np.array(ids, dtype=dtype)
        except OverflowError:
            continue
    return np.array(ids, dtype=object)


def _sorting(labels: AnyArray) -> Int64Array:
    """Return the order that sorts distinct labels; things without a total order are sorted by their representation."""
    if labels.dtype.kind != "O":
        return np.argsort(labels)
    keys = labels.tolist()
    if keys and not isinstance(keys[0], (str, bytes)):
        keys = [repr(label) for label in keys]
    return np.array(sorted(range(len(keys)), key=keys.__getitem__), dtype=np.intp)


def _joined(columns: list[AnyArray], function: str) -> AnyArray:
    """Concatenate labels; int64 with uint64 as they are would become floats."""
    if {column.dtype.kind for column in columns} == {"i", "u"}:
        if any(column.size and column.min() < 0 for column in columns):
            raise DataError(
                f"{function}: ids below 0 and ids from 2**63 up fit no common integer type; make them text."
            )
        columns = [column.astype(np.uint64) for column in columns]
    return np.concatenate(columns)
