"""The door: columns of the caller's dataframe to arrays, and arrays back to a dataframe of the caller's library.

This is the only module that touches narwhals. Nothing passes the door unchecked: what is wrong is refused with a
sentence that names the function, the column, how many rows, the first of them (counted from 0) and the fix. Nothing is
dropped or repaired here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple, NoReturn, cast

import narwhals.stable.v2 as nw
import numpy as np
from narwhals.exceptions import DuplicateError

from ..exceptions import DataError, ParameterError
from ..typing import AnyArray, BoolArray, FloatArray, Int64Array, IntoFrame
from . import _kernels
from .parallel import block_edges, run_blocks, thread_count
from .vocabulary import Encoded, Keys, Vocabulary, array_of, plain

__all__ = ["Coded", "Log", "Times", "frozen", "give_back", "hand_over", "read_frame", "stamps"]

TICKS_A_DAY = {"D": 1, "s": 86_400, "ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}


AS_STORED = frozenset(map(np.dtype, ("f8", "f4", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "?")))
"""Types of numbers that kernels read without conversion: those of this machine's byte order."""

LARGEST = 1e75
"""Size up to which numbers can be summed, squared, and their sums of squares multiplied: all that statistics do."""

SMALLEST = 1e-150
"""Size below which squares leave the range of doubles, so that nothing else tells a spread from none."""

NATURAL = {"date64[ms]": "timestamp[ms]", "string_view": "large_string"}
"""Arrow's types that few functions know, and those that are read in their place."""

NOT_A_TIME = np.iinfo(np.int64).min
"""How NumPy writes a missing timestamp: the smallest of all, so the extent of a column finds it."""


class Coded(NamedTuple):
    """A column to be: the labels that its codes, which are places from 0 on, stand for."""

    codes: AnyArray
    labels: AnyArray


@dataclass(frozen=True, slots=True, eq=False)
class Times:
    """A column of timestamps.

    Parameters
    ----------
    ticks
        int64, counted from 1970-01-01.
    ticks_per_day
        How many of them make a day.
    low, high
        The smallest and the largest of `ticks`.
    """

    ticks: Int64Array
    ticks_per_day: int
    low: int
    high: int


class Log:
    """One dataframe of the caller, read column by column.

    Parameters
    ----------
    frame
        The frame behind narwhals.
    function
        The public function that reads it, for messages.
    n_threads
        Threads for the passes over its columns; None for every core.
    rows
        Where its rows stand in the caller's frame, for messages, if it holds but some of them.
    """

    def __init__(
        self, frame: nw.DataFrame[Any], function: str, n_threads: int | None, rows: Int64Array | None = None
    ) -> None:
        self.frame = frame
        self.rows = rows
        self.function = function
        self.n_rows = len(frame)
        self.backend: str = frame.implementation.value
        self.n_threads = thread_count(n_threads, n_rows=self.n_rows, function=function)

    def ids(self, column: str, *, role: str) -> Encoded:
        """Read a column of ids, all of one kind; categories count as their values."""
        return Vocabulary.encode(self.plain_ids(column, role=role), n_threads=self.n_threads)

    def keys(self, column: str, *, role: str) -> Keys:
        """Read a column of ids like `ids`, but as keys, some of which may not occur."""
        return Vocabulary.keys(self.plain_ids(column, role=role), n_threads=self.n_threads)

    def nulls(self, column: str, *, role: str) -> BoolArray:
        """Return which rows hold a null in a column of any kind."""
        return np.array(self._series(column, role).is_null().to_numpy(), dtype=bool)

    def plain_ids(self, column: str, *, role: str) -> Any:
        """Return a column of ids, checked as by `ids`: an array, a pandas Series or a PyArrow array."""
        series = _without_dictionary(self._series(column, role))
        self._refuse_nulls(column, series)
        dtype = series.dtype
        if isinstance(dtype, nw.Object) or _has_odd_categories(series):
            return self._objects(column, series)
        if isinstance(dtype, (nw.String, nw.Categorical, nw.Enum)):
            return _texts(series)
        if dtype.is_integer() or dtype.is_float() or isinstance(dtype, (nw.Boolean, nw.Date, nw.Datetime)):
            return self._plain(column, series)
        fix = "cast it to whole numbers or text"
        self._refuse(column, f"is of type {_type_name(series)}, which cannot be an id; {fix}")

    def holding(self, column: str, *, role: str) -> tuple[BoolArray, Log]:
        """Return which rows hold something in a column, neither null nor NaN, and the log of these rows."""
        series = self._series(column, role)
        missing = series.is_null() | series.is_nan() if series.dtype.is_float() else series.is_null()
        held = ~np.asarray(missing.to_numpy(), dtype=bool)
        if held.all():
            return held, self
        rows = np.flatnonzero(held)
        columns = [self.frame[name] for name in self.frame.columns]
        changed = [part.alias(old.name) for old in columns if (part := _usual(old)) is not old]
        frame = self.frame.with_columns(*changed) if changed else self.frame  # some of Arrow's types cannot be taken
        return held, self._part(frame[rows], rows)

    def stored(self, column: str) -> Log:
        """Return the log of the rows of a column that are stored: all, unless pandas leaves out the zeros."""
        native: Any = self.frame[column].to_native()
        if type(getattr(native, "dtype", None)).__name__ != "SparseDtype" or native.array.fill_value != 0:
            return self
        import pandas as pd

        values = nw.from_native(pd.DataFrame({column: native.array.sp_values}))
        return self._part(values, native.array.sp_index.to_int_index().indices)

    def times(self, column: str, *, role: str) -> Times:
        """Read a column of dates or timestamps without time zone."""
        series = self._series(column, role)
        dtype = series.dtype
        if not isinstance(dtype, (nw.Date, nw.Datetime)):
            self._refuse_not_time(column, series)
        if isinstance(dtype, nw.Datetime) and dtype.time_zone is not None:
            self._refuse(
                column,
                f"is in time zone {dtype.time_zone}; convert it to the shop's local time and drop the zone, so that "
                "its days are the shop's days (pandas: .dt.tz_convert(zone).dt.tz_localize(None))",
            )
        stamps = np.asarray(series.to_numpy())
        if stamps.dtype.kind != "M":
            self._refuse_nulls(column, series)
            stamps = stamps.astype("datetime64[us]")
        ticks = np.ascontiguousarray(stamps).view(np.int64)
        low, high = self._extent(ticks)
        if low == NOT_A_TIME:
            self._refuse_nulls(column, series)
        return Times(frozen(ticks), TICKS_A_DAY[np.datetime_data(stamps.dtype)[0]], low, high)

    def numbers(self, column: str, *, role: str) -> FloatArray:
        """Read a column of finite numbers as float64; True and False count as 1 and 0."""
        numbers = np.ascontiguousarray(self._numeric(column, role).to_numpy(), dtype=np.float64)
        # A finite sum proves that every term is finite; one pass, no temporary. Overflow only costs the slow look.
        with np.errstate(over="ignore", invalid="ignore"):
            blocks = block_edges(numbers.size, self.n_threads)
            sums = run_blocks(lambda b: numbers[slice(*blocks[b])].sum(), len(blocks), n_threads=self.n_threads)
            suspicious = not math.isfinite(sum(sums))
        if suspicious:
            self.refuse_infinite(column, numbers)
        return frozen(numbers)

    def measures(self, column: str, *, role: str) -> FloatArray:
        """Read numbers like `numbers`, refusing those too large for statistics."""
        numbers = self.numbers(column, role=role)
        self.refuse_huge(column, numbers)
        return numbers

    def unchecked_numbers(self, column: str, *, role: str) -> AnyArray:
        """Read a column of numbers or booleans as it is stored, without a copy where that can be.

        For passes that convert on the way and whose sums tell whether all values were finite; they must call
        `refuse_infinite` where one is not.
        """
        numbers = np.ascontiguousarray(self._numeric(column, role).to_numpy())
        return frozen(numbers if numbers.dtype in AS_STORED else numbers.astype(np.float64))

    def refuse_infinite(self, column: str, numbers: AnyArray) -> None:
        """Raise the error that counts the numbers that are not finite, if there are any."""
        self.refuse_rows(column, ~np.isfinite(numbers), "NaN, null or infinite values", "drop or fill them first")

    def refuse_huge(self, column: str, numbers: AnyArray) -> None:
        """Raise the error that counts the numbers beyond `LARGEST`, if there are any."""
        if numbers.size and (numbers.max() > LARGEST or numbers.min() < -LARGEST):  # no temporary where all is well
            complaint = f"values beyond {LARGEST:g}, whose squares overflow"
            self.refuse_rows(column, np.abs(numbers) > LARGEST, complaint, "drop these rows or scale the column down")

    def refuse_tiny(self, column: str, numbers: AnyArray, rows: BoolArray) -> None:
        """Raise the error that counts the numbers below `SMALLEST` in some rows, zeros apart, if there are any."""
        tiny = rows & (numbers != 0) & (np.abs(numbers) < SMALLEST)
        self.refuse_rows(column, tiny, f"values below {SMALLEST:g}, whose squares vanish", "scale the column up")

    def _numeric(self, column: str, role: str) -> nw.Series[Any]:
        series = self._series(column, role)
        dtype = series.dtype
        if not (dtype.is_integer() or dtype.is_float() or isinstance(dtype, nw.Boolean)):
            self._refuse(column, f"is of type {_type_name(series)}, not numbers; cast it to float first")
        if not dtype.is_float():
            self._refuse_nulls(column, series)
        return series

    def is_numeric(self, column: str, *, role: str) -> bool:
        """Whether a column holds numbers."""
        dtype = self._series(column, role).dtype
        return bool(dtype.is_integer() or dtype.is_float())

    def _series(self, column: Any, role: str) -> nw.Series[Any]:
        if not isinstance(column, str):
            raise ParameterError(f"{self.function}: {role} must be the name of a column, got {column!r}.")
        if column not in self.frame.columns:
            listed = ", ".join(f'"{name}"' for name in self.frame.columns)
            raise DataError(
                f'{self.function}: there is no column "{column}"; the columns are {listed}. '
                f'Name the right one with {role}="...".'
            )
        series = _usual(self.frame[column])
        if isinstance(series.dtype, (nw.Int128, nw.UInt128)):
            self._refuse(column, f"is of type {series.dtype}, wider than NumPy's numbers; cast it to Int64 or text")
        return series

    def _plain(self, column: str, series: nw.Series[Any]) -> AnyArray:
        """Return numbers, booleans, dates or timestamps as a NumPy array; float ids must be finite."""
        return frozen(self._finite(column, np.ascontiguousarray(series.to_numpy())))

    def _finite(self, column: str, array: AnyArray) -> AnyArray:
        if array.dtype.kind == "f":
            self.refuse_rows(column, ~np.isfinite(array), "NaN or infinite values", "drop or fill them first")
        return array

    def _objects(self, column: str, series: nw.Series[Any]) -> AnyArray:
        """Return a column of Python objects of one type as an array, of numbers if that is what they are."""
        import pandas as pd
        from pandas.api.types import infer_dtype

        objects = np.asarray(series.to_numpy(), dtype=object)
        kind = infer_dtype(objects, skipna=False)
        if kind == "string":
            return objects
        self._refuse_mixed(column, plain(objects.tolist()))
        if kind == "decimal":
            self._refuse(column, "holds Decimal values; cast them to whole numbers or text")
        if kind in ("integer", "floating", "boolean"):
            return self._finite(column, array_of(objects.tolist()))
        try:
            pd.factorize(objects[:1])
        except TypeError:
            self._refuse(
                column,
                f"holds {type(objects[0]).__name__} values, which are not hashable; make ids of them first",
            )
        return objects

    def _extent(self, values: AnyArray) -> tuple[int, int]:
        blocks = block_edges(values.size, self.n_threads)
        extents = run_blocks(lambda b: _kernels.extent(values, *blocks[b]), len(blocks), n_threads=self.n_threads)
        return min(int(e[0]) for e in extents), max(int(e[1]) for e in extents)

    def _refuse_nulls(self, column: str, series: nw.Series[Any]) -> None:
        if _cannot_be_null(series.to_native()):
            return
        if series.null_count():
            bad = np.asarray(series.is_null().to_numpy(), dtype=bool)
            self.refuse_rows(column, bad, "null values", "drop or fill them first")

    def _refuse_mixed(self, column: str, objects: Sequence[Any]) -> None:
        types: list[type[Any]] = list(map(type, objects))
        if len(set(types)) > 1:
            first = types[0]
            other = np.array([kind is not first for kind in types])
            stranger = types[int(other.argmax())].__name__
            complaint = f"values of type {stranger} among {first.__name__}"
            self.refuse_rows(column, other, complaint, "cast the column to one type first")

    def _refuse_not_time(self, column: str, series: nw.Series[Any]) -> NoReturn:
        if isinstance(series.dtype, nw.Object):
            zones = np.array([str(getattr(value, "tzinfo", None)) for value in series.to_numpy()])
            others = zones != zones[0]
            if others.any():
                self._refuse_nulls(column, series)
            listed = ", ".join(sorted(set(zones[others])))
            complaint = f"times that are not in the zone of the first, {zones[0]}, but in {listed}"
            self.refuse_rows(column, others, complaint, "convert all to the shop's local time and drop the zone")
        self._refuse(
            column,
            f"is of type {_type_name(series)}, not timestamps; parse it first "
            "(pandas: pd.to_datetime; Polars: .str.to_datetime or .cast(pl.Datetime))",
        )

    def refuse_rows(self, column: str, bad: BoolArray, what: str, fix: str) -> None:
        """Raise the error that counts the rows marked in `bad`, if there are any."""
        count = int(bad.sum())
        if count:
            place = int(bad.argmax())
            row = place if self.rows is None else int(self.rows[place])
            self._refuse(column, f"holds {count} {what} (first at row {row}); {fix}")

    def _part(self, frame: nw.DataFrame[Any], rows: AnyArray) -> Log:
        return Log(frame, self.function, self.n_threads, rows if self.rows is None else self.rows[rows])

    def _refuse(self, column: str, complaint: str) -> NoReturn:
        raise DataError(f'{self.function}: column "{column}" {complaint}.')


def read_frame(data: IntoFrame, *, function: str, n_threads: int | None = 1) -> Log:
    """Open a dataframe held in memory.

    Raises
    ------
    DataError
        If `data` is lazy, no dataframe, has no rows, or has two columns of one name.
    """
    try:
        frame = nw.from_native(data)
    except DuplicateError as error:
        raise DataError(f"{function}: two columns have the same name; rename one of them. {error}") from error
    except TypeError as error:
        raise DataError(
            f"{function}: expected a pandas, Polars or PyArrow dataframe, got {type(data).__name__}; "
            "wrap it, for example in pandas.DataFrame(...)."
        ) from error
    if isinstance(frame, nw.LazyFrame):
        raise DataError(
            f"{function}: lazy frames are not read yet; collect it first "
            "(Polars: .collect(); Dask: .compute(); DuckDB: .pl())."
        )
    if len(frame) == 0:
        raise DataError(f"{function}: the dataframe has no rows; pass at least one.")
    return Log(frame, function, n_threads)


def give_back(columns: Mapping[str, Any], *, backend: str, examples: Mapping[str, Any] | None = None) -> Any:
    """Return arrays as a dataframe of the library named by `backend`, as `Log.backend` gave it.

    A column of objects without rows has the type that it would have with its example among them; that of text, if it
    has none.
    """
    build: Any = nw.from_dict
    typed = dict(columns)
    for name, column in columns.items():
        if isinstance(column, np.ndarray) and column.dtype.kind == "O" and not column.size:
            example = [examples[name]] if examples and name in examples else np.array([""], dtype=object)
            typed[name] = build({name: example}, backend=backend)[name][:0].to_native()
    return build(typed, backend=backend).to_native()


def hand_over(columns: Mapping[str, AnyArray | Coded], *, backend: str) -> Any:
    """Return columns as `give_back` does, but without a second copy of arrays, which nobody else may hold.

    The labels of coded columns are converted once each, not once a row.
    """
    built = {name: _taken(column, backend) if isinstance(column, Coded) else column for name, column in columns.items()}
    if backend != "pandas":
        return give_back(built, backend=backend)
    import pandas as pd

    return pd.DataFrame(built, copy=False)


def frozen(array: AnyArray) -> AnyArray:
    """Return a read-only view, so that kernels meet one kind of array and cannot write to the caller's data."""
    view = array.view()
    view.flags.writeable = False
    return view


def stamps(ticks: Int64Array, ticks_per_day: int) -> AnyArray:
    """Return times as datetime64, in the unit in which they were read."""
    unit = {count: name for name, count in TICKS_A_DAY.items()}[ticks_per_day]
    return ticks.view(f"datetime64[{unit}]")


def _taken(column: Coded, backend: str) -> Any:
    """Return a coded column as a series of the library, or what it makes one of."""
    build: Any = nw.from_dict
    labels = build({"labels": column.labels}, backend=backend)["labels"]
    if isinstance(labels.dtype, nw.Object) and backend != "pandas":
        return column.labels[column.codes]  # Polars would gather the addresses of its objects
    if backend != "pandas":
        return labels[column.codes].to_native()
    import pandas as pd

    native = labels.to_native()
    return pd.Series(native.array.take(column.codes), dtype=native.dtype, copy=False)  # told the type, it infers none


def _usual(series: nw.Series[Any]) -> nw.Series[Any]:
    """Return a column in this machine's byte order, and not in one of Arrow's types that few functions know."""
    native: Any = series.to_native()
    dtype: Any = getattr(native, "dtype", None)
    if isinstance(dtype, np.dtype) and not dtype.isnative:
        return nw.from_native(native.astype(dtype.newbyteorder("=")), series_only=True)
    kind: Any = native.type if dtype is None else getattr(cast("Any", dtype), "pyarrow_dtype", "")
    natural = NATURAL.get(str(kind))
    if natural is None:
        return series
    arrow = native if dtype is None else native.array.__arrow_array__()
    return nw.from_native(arrow.cast(natural), series_only=True)


def _without_dictionary(series: nw.Series[Any]) -> nw.Series[Any]:
    """Return an Arrow dictionary column as its plain values, which may be other than text."""
    native: Any = series.to_native()
    if series.implementation.is_pyarrow() and isinstance(series.dtype, nw.Categorical):
        return nw.from_native(native.cast(native.type.value_type), series_only=True)
    return series


def _has_odd_categories(series: nw.Series[Any]) -> bool:
    """Whether this is a pandas categorical in which objects other than text occur: such are read value by value."""
    if not (series.implementation.is_pandas_like() and isinstance(series.dtype, nw.Categorical)):
        return False
    native: Any = series.to_native()
    if not hasattr(native, "cat"):  # an Arrow dictionary in pandas, whose values are of one type
        return False
    categories = native.cat.remove_unused_categories().cat.categories
    return categories.dtype == object and not all(isinstance(label, str) for label in categories)


def _texts(series: nw.Series[Any]) -> Any:
    """Return a column of text as the library that holds it has a hash table for."""
    if series.implementation.is_pandas_like():
        return series.to_native()
    texts: Any = series.cast(nw.String)
    try:
        return _views(texts.to_native()) if texts.implementation.is_polars() else texts.to_arrow()
    except ModuleNotFoundError:  # Polars without PyArrow
        return np.asarray(texts.to_numpy(), dtype=object)


def _views(texts: Any) -> Any:
    """Return Polars' text as Arrow's without a copy, where this version of PyArrow can hash it so."""
    import polars as pl

    return texts.to_arrow(compat_level=pl.CompatLevel.newest()) if _hashes_views() else texts.to_arrow()


@cache
def _hashes_views() -> bool:
    import polars as pl
    import pyarrow as pa

    try:
        pl.Series([""]).to_arrow(compat_level=pl.CompatLevel.newest()).dictionary_encode()
    except (KeyError, pa.ArrowNotImplementedError):  # a PyArrow that does not know views answers with a KeyError
        return False
    return True


def _cannot_be_null(native: Any) -> bool:
    """Whether the column is a NumPy one of whole numbers or booleans; looking for nulls there would cost a pass."""
    dtype = getattr(native, "dtype", None)
    return isinstance(dtype, np.dtype) and dtype.kind in "iub"


def _type_name(series: nw.Series[Any]) -> str:
    if isinstance(series.dtype, nw.Object) and len(series):
        return f"object ({type(series[0]).__name__})"
    if isinstance(series.dtype, nw.Unknown):
        native: Any = series.to_native()
        return str(native.type if series.implementation.is_pyarrow() else native.dtype)
    return str(series.dtype)
