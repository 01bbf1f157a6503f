"""Units of an experiment, of any kind, as canonical bytes and their 64-bit hashes.

Every kind of id has a seed of its own, so that ``1``, ``1.0``, ``True`` and ``"1"`` hash differently; within a kind,
equal ids have equal bytes, whatever the library, dtype or unit of time that holds them.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import numpy as np

from .._core.frames import TICKS_A_DAY, read_frame
from ..exceptions import DataError
from ..typing import AnyArray, BoolArray, Int64Array
from ._xxhash import UInt64Array, hash_bytes, hash_messages, hash_words

__all__ = ["Units", "read_units", "seed_of"]

COLUMN = "ids"
"""What messages call the ids."""

NS_A_DAY = 86_400_000_000_000

EPOCH = dt.date(1970, 1, 1).toordinal()


class Units(NamedTuple):
    """Ids that passed the door: an array (whole numbers, floats, booleans, timestamps, objects), of one kind."""

    values: AnyArray
    kind: str

    def hash(self, *names: Any) -> UInt64Array:
        """Return one 64-bit hash a unit, from a seed that `names` and the kind of ids make."""
        return HASHES[self.kind](self.values, seed_of(*names, self.kind))


def read_units(ids: Any, *, function: str) -> Units:
    """Check ids, all of one kind, in an array, a list, or a pandas, Polars or PyArrow series."""
    if isinstance(ids, np.ndarray):
        array = cast("AnyArray", ids)
        if array.ndim != 1:
            raise DataError(f"{function}: ids have {array.ndim} dimensions; pass one id or a flat array of them.")
        if array.dtype.kind in "OUS":
            return _read_objects(array.astype(object), function)
        return _read_column(_as_frame(array), function)
    if hasattr(ids, "to_frame"):
        return (
            _read_objects(ids.to_numpy(), function) if _is_object(ids) else _read_column(ids.to_frame(COLUMN), function)
        )
    if type(ids).__module__.startswith("pyarrow"):
        import pyarrow as pa

        return _read_column(pa.table({COLUMN: ids}), function)
    return _read_objects(_object_array(_as_list(ids, function)), function)


def seed_of(*names: Any) -> int:
    """Return the 64-bit seed that names make, each a unit of any kind."""
    return hash_bytes(b"".join(_framed(name) for name in names))


def _is_object(series: Any) -> bool:
    return isinstance(series.dtype, np.dtype) and series.dtype.kind == "O"


def _as_list(ids: Any, function: str) -> list[Any]:
    if isinstance(ids, (dict, set, frozenset)) or hasattr(ids, "columns"):
        raise DataError(
            f"{function}: ids must be one id, a list, an array or a column, got {type(cast('Any', ids)).__name__}; "
            "pass the column of ids."
        )
    try:
        return list(ids)
    except TypeError:
        raise DataError(f"{function}: a {type(ids).__name__} cannot be an id; make text of it first.") from None


def _object_array(values: Sequence[Any]) -> AnyArray:
    array = np.empty(len(values), dtype=object)
    array[:] = values if not values or not isinstance(values[0], tuple) else [*values]
    return array


def _as_frame(values: AnyArray) -> Any:
    import pandas as pd

    dtype = object if values.dtype.kind == "O" else None
    return pd.DataFrame({COLUMN: pd.Series(values, dtype=dtype)})


def _read_objects(objects: AnyArray, function: str) -> Units:
    """Read Python objects; whole numbers as such, since arrays of large ones would become floats."""
    types = set(map(type, objects))
    if types == {int}:
        return Units(_whole_numbers(objects), "integer")
    if types == {bytes}:
        return Units(objects, "bytes")
    return _read_column(_as_frame(objects), function)


def _whole_numbers(objects: AnyArray) -> AnyArray:
    for dtype in (np.int64, np.uint64):
        try:
            return np.array(objects.tolist(), dtype=dtype)
        except OverflowError:
            continue
    return objects


def _read_column(frame: Any, function: str) -> Units:
    log = read_frame(frame, function=function)
    column: Any = log.plain_ids(COLUMN, role=COLUMN)
    values = _to_array(column)
    if values.dtype.kind != "O":
        _refuse(np.isnat(values) if values.dtype.kind == "M" else np.zeros(1, dtype=bool), values, function)
        return Units(values, KINDS[values.dtype.kind])
    kind = _object_kind(values[0])
    if kind is None:
        _refuse(np.ones(values.size, dtype=bool), values, function)
    return Units(values, cast("str", kind))


def _to_array(column: Any) -> AnyArray:
    if type(column).__module__.startswith("pyarrow"):
        column = column.combine_chunks() if hasattr(column, "combine_chunks") else column
        return np.asarray(column.to_numpy(zero_copy_only=False), dtype=object)
    if isinstance(column, np.ndarray):
        return cast("AnyArray", column)
    return np.asarray(column, dtype=object)


def _object_kind(sample: Any) -> str | None:
    for python_type, kind in OBJECTS.items():
        if isinstance(sample, python_type):
            return kind
    return None


def _refuse(bad: BoolArray, values: AnyArray, function: str) -> None:
    if bad.any():
        first = int(bad.argmax())
        raise DataError(
            f"{function}: ids hold {int(bad.sum())} values that have no canonical bytes (first at row {first}: "
            f"{values[first]!r}); make whole numbers or text of them first."
        )


def _integers(values: AnyArray, seed: int) -> UInt64Array:
    """Hash whole numbers: 8 bytes where int64 holds them, else as many times 8 as it takes."""
    if values.dtype.kind == "O":
        return hash_messages([_bytes_of(value) for value in values.tolist()], seed)
    out = hash_words(np.ascontiguousarray(values.astype(np.int64)).view(np.uint64)[None, :], 8, seed)
    if values.dtype.kind == "u":
        large = values > np.uint64(2**63 - 1)
        if large.any():
            low = values[large].astype(np.uint64)
            out[large] = hash_words(np.stack([low, np.zeros_like(low)]), 16, seed)
    return out


def _floats(values: AnyArray, seed: int) -> UInt64Array:
    doubles = values.astype(np.float64) + 0.0  # -0.0 and 0.0 are one id
    return hash_words(doubles.view(np.uint64)[None, :], 8, seed)


def _moments(values: AnyArray, seed: int) -> UInt64Array:
    """Hash timestamps as a day and the nanosecond in it, so that the unit does not matter."""
    if values.dtype.kind == "O":
        return hash_messages([_bytes_of(value) for value in values.tolist()], seed)
    ticks_a_day = TICKS_A_DAY[np.datetime_data(values.dtype)[0]]
    days, rest = np.divmod(values.view(np.int64), ticks_a_day)
    return _hash_days(days, rest * (NS_A_DAY // ticks_a_day), seed)


def _hash_days(days: Int64Array, nanoseconds: Int64Array, seed: int) -> UInt64Array:
    return hash_words(np.stack([days, nanoseconds]).view(np.uint64), 16, seed)


def _texts(values: AnyArray, seed: int) -> UInt64Array:
    return hash_messages([text.encode("utf-8", "surrogatepass") for text in values.tolist()], seed)


def _others(values: AnyArray, seed: int) -> UInt64Array:
    return hash_messages([_bytes_of(value) for value in values.tolist()], seed)


def _framed(value: Any) -> bytes:
    """Return kind, length and bytes of a value, so that no two lists of values make the same message."""
    kind = "none" if value is None else _object_kind(value)
    if kind is None:
        raise DataError(
            f"assign: a {type(value).__name__} cannot name a unit, a variant or an experiment; make text of it first."
        )
    content = b"" if value is None else _bytes_of(value)
    return kind.encode() + b":" + len(content).to_bytes(8, "little") + content


def _bytes_of(value: Any) -> bytes:
    """Return the canonical bytes of one value."""
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    if isinstance(value, (bytes, uuid.UUID)):
        return value if isinstance(value, bytes) else value.bytes
    if isinstance(value, (float, np.floating)):
        return np.array(float(cast("Any", value)) + 0.0, dtype="<f8").tobytes()
    if isinstance(value, tuple):
        return b"".join(_framed(part) for part in cast("tuple[Any, ...]", value))
    if isinstance(value, dt.date):
        return b"".join(part.to_bytes(8, "little", signed=True) for part in _day_and_rest(value))
    number = int(value)
    return number.to_bytes(8 * (number.bit_length() // 64 + 1), "little", signed=True)


def _day_and_rest(moment: dt.date) -> tuple[int, int]:
    day = moment.toordinal() - EPOCH
    if not isinstance(moment, dt.datetime):
        return day, 0
    if moment.tzinfo is not None:
        raise DataError("assign: a timestamp with a time zone cannot be an id; convert it and drop the zone first.")
    seconds = (moment.hour * 60 + moment.minute) * 60 + moment.second
    return day, seconds * 10**9 + moment.microsecond * 1000 + getattr(moment, "nanosecond", 0)


KINDS = {"i": "integer", "u": "integer", "f": "float", "b": "boolean", "M": "datetime"}

OBJECTS: dict[Any, str] = {
    str: "text",
    bytes: "bytes",
    (bool, np.bool_): "boolean",
    (int, np.integer): "integer",
    (float, np.floating): "float",
    dt.date: "datetime",
    uuid.UUID: "uuid",
    tuple: "tuple",
}
"""Kinds of single values; the order matters, for True is an int."""

HASHES = {
    "integer": _integers,
    "boolean": _integers,
    "float": _floats,
    "datetime": _moments,
    "text": _texts,
    "bytes": _others,
    "uuid": _others,
    "tuple": _others,
}
