"""The door for dataframes: what passes, and what is refused with which words. Seen through `summaries.customers`."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from growthkit._core.frames import Coded, give_back, hand_over, read_frame
from growthkit.exceptions import DataError, ParameterError
from growthkit.summaries import CustomerSummary, customers
from growthkit.testing import FrameEngine

pl = pytest.importorskip("polars")
pa = pytest.importorskip("pyarrow")

MOMENTS = [dt.datetime(2026, 1, 1), dt.datetime(2026, 1, 5), dt.datetime(2026, 1, 8)]
DAYS = pd.DatetimeIndex(MOMENTS)
COLUMN = 'summaries.customers: column "{column}" '


def read(**columns: Any) -> CustomerSummary:
    frame = {"customer_id": ["a", "b", "a"], "timestamp": DAYS, "value": [1.0, 2.0, 3.0]} | columns
    return customers(pd.DataFrame(frame), value="value")


def objects(*values: Any) -> pd.Series:
    return pd.Series(list(values), dtype=object)


def refuses(message: str, error: type[Exception] = DataError) -> Any:
    return pytest.raises(error, match="^" + re.escape(message))


class TestEngines:
    """What each library calls missing is refused by each, with the same words."""

    @pytest.mark.parametrize("ids", [["a", None, None], [1, None, None]], ids=["text", "integer"])
    def test_null_ids(self, engine: FrameEngine, ids: list[Any]) -> None:
        frame = engine({"customer_id": ids, "timestamp": MOMENTS})
        with refuses(
            'summaries.customers: column "customer_id" holds 2 null values (first at row 1); drop or fill them first.'
        ):
            customers(frame)

    def test_null_timestamps(self, engine: FrameEngine) -> None:
        moments = [dt.datetime(2026, 1, 1), dt.datetime(2026, 1, 2), None]
        with refuses('summaries.customers: column "timestamp" holds 1 null values (first at row 2); drop or fill'):
            customers(engine({"customer_id": [1, 2, 3], "timestamp": moments}))

    @pytest.mark.parametrize("bad", [None, float("nan"), float("inf"), float("-inf")])
    def test_values_that_are_no_numbers(self, engine: FrameEngine, bad: float | None) -> None:
        frame = engine({"customer_id": [1, 2, 3], "timestamp": MOMENTS, "value": [1.0, bad, bad]})
        with pytest.raises(
            DataError,
            match=r'^summaries\.customers: column "value" holds 2 .*\(first at row 1\); drop or fill them first',
        ):
            customers(frame, value="value")

    @pytest.mark.parametrize("bad", [float("nan"), float("inf")])
    def test_float_ids_that_are_no_numbers(self, engine: FrameEngine, bad: float) -> None:
        frame = engine({"customer_id": [1.0, 2.0, bad], "timestamp": MOMENTS})
        with pytest.raises(
            DataError, match=r'column "customer_id" holds 1 .*\(first at row 2\); drop or fill them first'
        ):
            customers(frame)

    def test_missing_column_lists_those_there_are(self, engine: FrameEngine) -> None:
        with refuses(
            'summaries.customers: there is no column "customer_id"; the columns are "client", "timestamp". '
            'Name the right one with customer="...".'
        ):
            customers(engine({"client": [1, 2, 3], "timestamp": MOMENTS}))

    def test_no_rows(self, engine: FrameEngine) -> None:
        columns = {"customer_id": np.array([], dtype=np.int64), "timestamp": np.array([], dtype="datetime64[us]")}
        with refuses("summaries.customers: the dataframe has no rows; pass at least one."):
            customers(engine(columns))

    @pytest.mark.parametrize("bad", [["2026-01-01"] * 3, [20260101] * 3, [0.5] * 3], ids=["text", "integer", "float"])
    def test_dates_that_are_none(self, engine: FrameEngine, bad: list[Any]) -> None:
        with pytest.raises(
            DataError, match=r'column "timestamp" is of type .*, not timestamps; parse it first \(pandas'
        ):
            customers(engine({"customer_id": [1, 2, 3], "timestamp": bad}))

    def test_text_values(self, engine: FrameEngine) -> None:
        frame = engine({"customer_id": [1, 2, 3], "timestamp": MOMENTS, "value": ["1", "2", "3"]})
        with pytest.raises(DataError, match=r'column "value" is of type .*, not numbers; cast it to float first'):
            customers(frame, value="value")

    @pytest.mark.parametrize("values", [[1, 2, 3], [True, False, True]], ids=["integer", "boolean"])
    def test_whole_values_are_numbers(self, engine: FrameEngine, values: list[Any]) -> None:
        summary = customers(engine({"customer_id": [1, 1, 2], "timestamp": MOMENTS, "value": values}), value="value")
        assert summary.value_total.tolist() == [values[0] + values[1], values[2]]

    @pytest.mark.parametrize(
        "ids", [[1, 2], [1.0, 2.0], [False, True], ["1", "2"]], ids=["integer", "float", "boolean", "text"]
    )
    def test_ids_come_back_as_they_went_in(self, engine: FrameEngine, ids: list[Any]) -> None:
        given_back = customers(engine({"customer_id": ids, "timestamp": MOMENTS[:2]})).customer_id.tolist()
        assert given_back == ids
        assert [type(value) for value in given_back] == [type(value) for value in ids]


class TestIds:
    @pytest.mark.parametrize(
        ("ids", "complaint"),
        [
            (objects(1, "1", "2"), "holds 2 values of type str among int (first at row 1); cast the column"),
            (objects("a", "b", 3), "holds 1 values of type int among str (first at row 2); cast the column"),
            (objects(1, 1.0, 2), "holds 1 values of type float among int (first at row 1); cast the column"),
            (objects(1, True, 2), "holds 1 values of type bool among int (first at row 1); cast the column"),
            (objects(1, np.float64(1), 2), "holds 1 values of type float among int (first at row 1); cast the column"),
            (pd.Categorical(objects("a", "b", 3)), "holds 1 values of type int among str (first at row 2); cast"),
            (objects("a", np.nan, None), "holds 2 null values (first at row 1); drop or fill them first."),
            (pd.Categorical(["a", None, "b"]), "holds 1 null values (first at row 1); drop or fill them first."),
            (objects(*[Decimal(1)] * 3), "holds Decimal values; cast them to whole numbers or text."),
            (objects([1], [2], [3]), "holds list values, which are not hashable; make ids of them first."),
            (objects({}, {}, {}), "holds dict values, which are not hashable; make ids of them first."),
            (pd.to_timedelta([1, 2, 3], unit="D"), "is of type Duration"),
        ],
    )  # fmt: skip
    def test_refused(self, ids: Any, complaint: str) -> None:
        with refuses(COLUMN.format(column="customer_id") + complaint):
            read(customer_id=ids)

    @pytest.mark.parametrize(
        "ids",
        [
            pl.Series([Decimal(1)] * 3),
            pl.Series([[1], [2], [3]]),
            pl.Series([{"a": 1}] * 3),
            pl.Series([dt.time(1)] * 3),
        ],
        ids=["decimal", "list", "struct", "time"],
    )
    def test_refused_types_of_polars(self, ids: Any) -> None:
        frame = pl.DataFrame({"customer_id": ids, "timestamp": MOMENTS})
        with pytest.raises(
            DataError, match=r'column "customer_id" is of type .*, which cannot be an id; cast it to whole'
        ):
            customers(frame)

    @pytest.mark.parametrize(
        "ids",
        [
            [(1, 2), (1, "x"), (1, 2)],
            ["", "Zoë", ""],
            ["مرحبا", "👩‍👩‍👧", "مرحبا"],
            ["é", "é", "é"],  # composed, decomposed: two ids
            [2**62, -(2**62), 2**62],
            [b"x", b"y", b"x"],
            [dt.date(2026, 1, 1), dt.date(2025, 1, 1), dt.date(2026, 1, 1)],
        ],
        ids=["tuples", "empty text", "scripts", "composition", "huge range", "bytes", "dates"],
    )
    def test_unusual_but_fine(self, ids: list[Any]) -> None:
        values = ids if isinstance(ids[0], int) else objects(*ids)
        summary = read(customer_id=values)
        assert sorted(summary.customer_id.tolist(), key=repr) == sorted(set(ids), key=repr)
        assert dict(zip(summary.customer_id.tolist(), summary.n_purchases.tolist(), strict=True)) == {
            one: ids.count(one) for one in ids
        }

    def test_ids_from_two_to_the_63(self) -> None:
        summary = read(customer_id=np.array([2**63 + 5, 7, 2**63 + 5], dtype=np.uint64))
        assert summary.customer_id.tolist() == [7, 2**63 + 5]
        assert summary.n_purchases.tolist() == [1, 2]

    def test_ids_from_two_to_the_63_merge_with_small_ones(self) -> None:
        large = read(customer_id=np.array([2**63, 2**64 - 1, 2**63], dtype=np.uint64))
        merged = large.merge(read(customer_id=[5, 6, 5]))
        assert merged.customer_id.tolist() == [5, 6, 2**63, 2**64 - 1]

    def test_ids_from_two_to_the_63_do_not_merge_with_negative_ones(self) -> None:
        large = read(customer_id=np.array([2**63, 1, 1], dtype=np.uint64))
        with refuses("CustomerSummary.merge: ids below 0 and ids from 2**63 up fit no common integer type"):
            large.merge(read(customer_id=[-5, 6, 5]))

    @pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "int32", "uint32", "float32"])
    def test_narrow_numbers(self, dtype: str) -> None:
        summary = read(customer_id=np.array([3, 1, 3], dtype=dtype))
        assert summary.customer_id.tolist() == [1, 3]
        assert summary.customer_id.dtype == (np.float64 if dtype == "float32" else np.int64)

    @pytest.mark.parametrize(
        "ids",
        [
            pd.Categorical(["a", "b", "a"], categories=["z", "a", "b", "y"]),
            pl.Series(["a", "b", "a"], dtype=pl.Enum(["z", "b", "a"])),
            pl.Series(["z", "a", "b", "a"], dtype=pl.Categorical)[1:],
            pa.DictionaryArray.from_arrays([1, 2, 1], ["z", "a", "b"]),
            pa.chunked_array([pa.array(["a"]).dictionary_encode(), pa.array(["b", "a"]).dictionary_encode()]),
        ],
        ids=["pandas", "polars enum", "polars categorical", "pyarrow", "pyarrow chunks"],
    )
    def test_categories_that_do_not_occur_are_no_customers(self, ids: Any) -> None:
        library = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "pyarrow": pa.table}[
            type(ids).__module__.split(".")[0]
        ]
        summary = customers(library({"customer_id": ids, "timestamp": MOMENTS}))
        assert summary.customer_id.tolist() == ["a", "b"]
        assert summary.n_purchases.tolist() == [2, 1]

    @pytest.mark.parametrize(
        "frame",
        [
            pd.DataFrame({"customer_id": pd.Categorical([7, 5, 7]), "timestamp": DAYS}),
            pa.table({"customer_id": pa.array([7, 5, 7]).dictionary_encode(), "timestamp": MOMENTS}),
            pd.DataFrame(
                {
                    "customer_id": pd.Series(
                        pa.array([7, 5, 7]).dictionary_encode(),
                        dtype=pd.ArrowDtype(pa.dictionary(pa.int32(), pa.int64())),
                    ),
                    "timestamp": DAYS,
                }
            ),
        ],
        ids=["pandas categorical", "pyarrow dictionary", "pandas arrow dictionary"],
    )
    def test_categories_of_numbers_stay_numbers(self, frame: Any) -> None:
        assert customers(frame).customer_id.tolist() == [5, 7]

    def test_numbers_of_numpy_are_those_of_python(self) -> None:
        assert read(customer_id=objects(1, np.int64(2), np.int8(1))).customer_id.tolist() == [1, 2]

    def test_default_text_of_pandas(self) -> None:
        assert read(customer_id=pd.Series(["b", "a", "b"])).customer_id.tolist() == ["a", "b"]


class TestTimes:
    @pytest.mark.parametrize(
        ("times", "complaint"),
        [
            (DAYS.tz_localize("Europe/Paris"), "is in time zone Europe/Paris; convert it to the shop's local time"),
            (objects(DAYS[0].tz_localize("UTC"), DAYS[1].tz_localize("Asia/Tokyo"), DAYS[2]),
             "holds 2 times that are not in the zone of the first, UTC, but in Asia/Tokyo, None (first at row 1); "
             "convert all to the shop's local time and drop the zone."),
            (objects(None, DAYS[1].tz_localize("UTC"), None), "holds 2 null values (first at row 0); drop or fill"),
            (DAYS[[0, 1]].append(pd.DatetimeIndex([pd.NaT])), "holds 1 null values (first at row 2); drop or fill"),
            (objects(*DAYS.date), "is of type object (date), not timestamps; parse it first"),
        ],
    )  # fmt: skip
    def test_refused(self, times: Any, complaint: str) -> None:
        with refuses(COLUMN.format(column="timestamp") + complaint):
            read(timestamp=times)

    @pytest.mark.parametrize(
        ("moment", "day"),
        [
            ("1969-12-31T23:59:59.999999", "1969-12-31"),
            ("1970-01-01T00:00:00.000000", "1970-01-01"),
            ("1969-12-31T00:00:00.000000", "1969-12-31"),
            ("1969-12-30T23:59:59.999999", "1969-12-30"),
            ("1900-01-01T00:00:00.000000", "1900-01-01"),
            ("2262-04-11T23:47:16.854775", "2262-04-11"),
            ("1677-09-21T00:12:43.145225", "1677-09-21"),
        ],
    )
    @pytest.mark.parametrize("unit", ["us", "ns"])
    def test_days_turn_at_midnight(self, moment: str, day: str, unit: str) -> None:
        moments = np.array([moment, "2026-01-05", "2026-01-05"], dtype=f"datetime64[{unit}]")
        summary = read(timestamp=moments, customer_id=["a", "b", "b"])
        assert str(summary.first[0]) == day
        assert summary.n_purchases.tolist() == [1, 1]

    def test_one_stray_date_does_not_spoil_the_rest(self) -> None:
        summary = read(timestamp=np.array(["1900-01-01", "2262-04-01", "2026-01-01"], dtype="datetime64[ns]"))
        assert summary.first.astype(str).tolist() == ["1900-01-01", "2262-04-01"]
        assert summary.recency[0] == (dt.date(2026, 1, 1) - dt.date(1900, 1, 1)).days / 7

    def test_years_that_nanoseconds_cannot_reach(self) -> None:
        summary = read(timestamp=np.array(["0001-01-01", "9999-12-31", "2026-01-01"], dtype="datetime64[s]"))
        assert summary.last.astype(str).tolist() == ["2026-01-01", "9999-12-31"]

    @pytest.mark.parametrize(
        "frame",
        [
            pl.DataFrame({"customer_id": [1, 1], "timestamp": [dt.date(1969, 12, 31), dt.date(2026, 1, 1)]}),
            pa.table({"customer_id": [1, 1], "timestamp": [dt.date(1969, 12, 31), dt.date(2026, 1, 1)]}),
        ],
        ids=["polars", "pyarrow"],
    )
    def test_dates(self, frame: Any) -> None:
        assert customers(frame).first.astype(str).tolist() == ["1969-12-31"]

    def test_columns_in_chunks(self) -> None:
        columns = {"customer_id": ["b", "a", "b"], "timestamp": MOMENTS, "value": [1.0, 2.0, 4.0]}
        chunks = {
            name: pa.chunked_array([pa.array(column[:1]), pa.array(column[1:])]) for name, column in columns.items()
        }
        summary = customers(pa.table(chunks), value="value")
        assert (summary.customer_id.tolist(), summary.value_total.tolist()) == (["a", "b"], [2.0, 5.0])


class TestValues:
    @pytest.mark.parametrize(
        ("values", "complaint"),
        [
            ([1.0, np.nan, np.inf], "holds 2 NaN, null or infinite values (first at row 1); drop or fill them first."),
            (pd.array([1, None, 3], dtype="Int64"), "holds 1 null values (first at row 1); drop or fill them first."),
            (objects(*[Decimal(1)] * 3), "is of type object (Decimal), not numbers; cast it to float first."),
            (["1", "2", "3"], "is of type String, not numbers; cast it to float first."),
            ([1j, 2j, 3j], "is of type "),
        ],
    )
    def test_refused(self, values: Any, complaint: str) -> None:
        with refuses(COLUMN.format(column="value") + complaint):
            read(value=values)

    @pytest.mark.parametrize("frame", [pl.DataFrame, pa.table])
    def test_decimals_refused(self, frame: Any) -> None:
        with pytest.raises(
            DataError, match=r'column "value" is of type Decimal.*, not numbers; cast it to float first'
        ):
            customers(frame({"customer_id": [1], "timestamp": MOMENTS[:1], "value": [Decimal("1.5")]}), value="value")

    def test_large_values_are_no_infinities(self) -> None:
        assert read(value=[1e308, 5e307, -1e308]).value_total.tolist() == [0, 5e307]

    @pytest.mark.parametrize(
        ("values", "whose"), [([1e308, 1e308, 5e307], "all customers together"), ([1e308, 1.0, 1e308], "1 customers")]
    )
    def test_sums_beyond_doubles(self, values: list[float], whose: str) -> None:
        with refuses(f"CustomerSummary: the values of {whose} sum to more than a double holds; scale the column down."):
            read(value=values)

    def test_sums_of_the_first_day_beyond_doubles(self) -> None:
        """The sum of all days stays finite on the way, in this order."""
        frame = {"customer_id": 1, "timestamp": [DAYS[0], DAYS[1], DAYS[0]], "value": [1e308, -1e308, 1e308]}
        with refuses("CustomerSummary: the values of 1 customers sum to more than a double holds"):
            customers(pd.DataFrame(frame), value="value")

    def test_values_too_large_for_statistics(self) -> None:
        numbers = [1.0, -1e76, 1e75, 1.7e308]
        frame = pd.DataFrame({"x": numbers, "part": [1.0, None, 2.0, 3.0]})
        complaint = "values beyond 1e+75, whose squares overflow"
        with refuses(f'f: column "x" holds 2 {complaint} (first at row 1); drop these rows or scale the column down.'):
            read_frame(frame, function="f").measures("x", role="x")
        _, log = read_frame(frame, function="f").holding("part", role="part")
        with refuses(f'f: column "x" holds 1 {complaint} (first at row 3)'):
            log.measures("x", role="x")
        assert read_frame(frame[:1], function="f").measures("x", role="x").tolist() == [1.0]

    @pytest.mark.parametrize("values", [[1e308, 1.0, 1e308], [1e308, 1.0, -1e308]])
    def test_sums_are_right_or_refused(self, values: list[float]) -> None:
        try:
            total = read(value=values).value_total[0]
        except DataError:
            return
        assert total == values[0] + values[2]


class TestFrames:
    @pytest.mark.parametrize("data", [[1, 2], {"customer_id": [1]}, pd.Series([1]), np.ones(3), None, "log.csv"])
    def test_what_is_no_dataframe(self, data: Any) -> None:
        kind = type(data).__name__
        with refuses(
            f"summaries.customers: expected a pandas, Polars or PyArrow dataframe, got {kind}; wrap it, for example in"
        ):
            customers(data)

    def test_lazy_frame(self) -> None:
        with refuses("summaries.customers: lazy frames are not read yet; collect it first (Polars: .collect();"):
            customers(pl.LazyFrame({"customer_id": [1], "timestamp": MOMENTS[:1]}))

    @pytest.mark.parametrize(
        "frame",
        [
            pd.DataFrame([[1, 2, DAYS[0]]], columns=["customer_id", "customer_id", "timestamp"]),
            pa.table([pa.array([1]), pa.array([1])], names=["customer_id", "customer_id"]),
        ],
        ids=["pandas", "pyarrow"],
    )
    def test_two_columns_of_one_name(self, frame: Any) -> None:
        with pytest.raises(DataError, match=r"(?s)^summaries\.customers: two columns have the same name.*customer_id"):
            customers(frame)

    @pytest.mark.parametrize("column", [None, ["customer_id"], 3])
    def test_what_is_no_column_name(self, column: Any) -> None:
        with refuses("summaries.customers: customer must be the name of a column, got", ParameterError):
            customers(pd.DataFrame({"customer_id": [1], "timestamp": DAYS[:1]}), customer=column)

    def test_index_is_ignored(self) -> None:
        frame = pd.DataFrame({"customer_id": [1, 2, 1], "timestamp": DAYS}, index=[9, 9, 9])
        assert customers(frame).n_purchases.tolist() == [2, 1]

    @pytest.mark.parametrize("backend", ["pandas", "polars", "pyarrow"])
    def test_reading_what_was_given_back(self, backend: str) -> None:
        days = np.array(["2026-01-01", "2026-01-02"], dtype="datetime64[D]")
        log = read_frame(give_back({"x": np.array([1.5, 2.5]), "day": days}, backend=backend), function="f")
        assert log.backend == backend
        assert log.numbers("x", role="x").tolist() == [1.5, 2.5]
        times = log.times("day", role="day")
        assert (times.ticks // times.ticks_per_day).tolist() == days.astype(int).tolist()

    @pytest.mark.parametrize("backend", ["pandas", "polars", "pyarrow"])
    def test_handing_over_makes_the_frame_that_giving_back_makes(self, backend: str) -> None:
        codes, labels = np.array([2, 0, 2, 1], dtype=np.int8), np.array(["龙井", "", "mug"], dtype=object)
        plain = {"n": np.arange(4), "x": np.array([0.5, 1.0, 2.0, np.inf])}
        handed = hand_over(plain | {"name": Coded(codes, labels)}, backend=backend)
        given = give_back(plain | {"name": labels[codes]}, backend=backend)
        assert handed.equals(given)
        assert str(read_frame(handed, function="f").frame.schema) == str(read_frame(given, function="f").frame.schema)

    @pytest.mark.parametrize(
        "labels", [[(1, 2), (3, 4)], [dt.date(2026, 1, 1), dt.date(2026, 1, 2)]], ids=["tuples", "dates"]
    )
    def test_handing_over_objects_of_any_type_to_polars(self, labels: list[Any]) -> None:
        objects = np.empty(2, dtype=object)
        objects[:] = labels
        handed = hand_over({"name": Coded(np.array([1, 0, 1], dtype=np.int32), objects)}, backend="polars")
        assert handed["name"].to_list() == [labels[1], labels[0], labels[1]]

    def test_handing_over_copies_no_numbers(self) -> None:
        numbers = np.arange(5)
        assert np.shares_memory(hand_over({"n": numbers}, backend="pandas")["n"].to_numpy(), numbers)

    @pytest.mark.parametrize(
        "frame",
        [
            pd.DataFrame({"x": ["a", None, "b"]}),
            pd.DataFrame({"x": pd.array([1, None, 2], dtype="Int64")}),
            pd.DataFrame({"x": [1.5, np.nan, 2.5]}),
            pl.DataFrame({"x": [1.5, float("nan"), 2.5]}),
            pl.DataFrame({"x": ["a", None, "b"]}),
            pa.table({"x": [True, None, False]}),
        ],
        ids=["pandas text", "pandas nullable", "pandas float", "polars NaN", "polars text", "pyarrow"],
    )
    def test_rows_that_hold_something(self, frame: Any) -> None:
        log = read_frame(frame, function="f")
        held, rows = log.holding("x", role="x")
        assert held.tolist() == [True, False, True]
        assert rows.n_rows == 2
        assert len(rows.ids("x", role="x").vocabulary) == 2
        assert rows.holding("x", role="x")[1] is rows

    @pytest.mark.skipif(not hasattr(pa, "string_view"), reason="needs a later PyArrow")
    def test_rows_are_picked_beside_texts_of_any_type(self) -> None:
        texts = pa.array(["a", "b", "c"]).cast(pa.string_view())
        _, log = read_frame(pa.table({"x": [1.5, None, 2.5], "id": texts}), function="f").holding("x", role="x")
        assert log.ids("id", role="id").vocabulary.labels.tolist() == ["a", "c"]

    def test_rows_that_hold_something_in_two_columns_keep_their_places(self) -> None:
        frame = pd.DataFrame({"x": [np.nan, 1.0, 2.0, 3.0], "y": [0.0, np.nan, 1.0, np.inf]})
        _, first = read_frame(frame, function="f").holding("x", role="x")
        _, both = first.holding("y", role="y")
        with pytest.raises(DataError, match="first at row 3"):
            both.numbers("y", role="y")

    def test_columns_are_read_only(self) -> None:
        log = read_frame(pd.DataFrame({"x": [1.5, 2.5], "id": [1, 2], "t": DAYS[:2]}), function="f")
        assert not log.numbers("x", role="x").flags.writeable
        assert not log.times("t", role="t").ticks.flags.writeable


class TestObservationEnd:
    @pytest.mark.parametrize(
        "end", ["2026-02-01", dt.date(2026, 2, 1), dt.datetime(2026, 2, 1, 13), pd.Timestamp("2026-02-01 13:00"),
                np.datetime64("2026-02-01T13", "h")]
    )  # fmt: skip
    def test_what_is_a_date(self, end: Any) -> None:
        summary = customers(pd.DataFrame({"customer_id": [1, 2, 1], "timestamp": DAYS}), observation_end=end, unit="D")
        assert summary.idle.tolist() == [24.0, 27.0]

    @pytest.mark.parametrize(
        "end",
        [
            pd.Timestamp("2026-02-01", tz="UTC"),
            dt.datetime(2026, 2, 1, tzinfo=dt.UTC),
            "2026-02-01T00:00+01:00",
            pd.NaT,
            np.datetime64("NaT", "s"),
            "soon",
            "",
            20260201,
            True,
            1.5,
            ["2026-02-01", "2026-02-02"],
            np.timedelta64(3, "D"),
        ],
        ids=repr,
    )
    def test_what_is_none(self, end: Any) -> None:
        with refuses("summaries.customers: observation_end must be a date", ParameterError):
            customers(pd.DataFrame({"customer_id": [1, 2, 1], "timestamp": DAYS}), observation_end=end)

    def test_before_all_rows(self) -> None:
        with refuses("summaries.customers: all 3 rows lie after observation_end 2025-12-31; choose a later one."):
            customers(pd.DataFrame({"customer_id": [1, 2, 1], "timestamp": DAYS}), observation_end="2025-12-31")

    def test_before_the_last_row_leaves_no_phantom_customers(self) -> None:
        frame = pd.DataFrame({"customer_id": ["a", "b", "c"], "timestamp": DAYS})
        summary = customers(frame, observation_end="2026-01-05")
        assert (summary.customer_id.tolist(), summary.n_rows_after_end) == (["a", "b"], 1)

    def test_last_moment_of_the_day_belongs_to_it(self) -> None:
        moments = pd.to_datetime(["2026-01-01T23:59:59.999999", "2026-01-02T00:00:00.000000"])
        summary = customers(pd.DataFrame({"customer_id": [1, 2], "timestamp": moments}), observation_end="2026-01-01")
        assert summary.customer_id.tolist() == [1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"unit": "Q"}, "unit must be one of 'D', 'W', 'M', 'Y', got 'Q'."),
        ({"unit": None}, "unit must be one of 'D', 'W', 'M', 'Y', got None."),
        ({"n_threads": 0}, "n_threads must be a whole number of at least 1, got 0."),
        ({"n_threads": -1}, "n_threads must be a whole number of at least 1, got -1."),
        ({"n_threads": True}, "n_threads must be a whole number of at least 1, got True."),
        ({"n_threads": 1.5}, "n_threads must be a whole number of at least 1, got 1.5."),
        ({"n_threads": "2"}, "n_threads must be a whole number of at least 1, got '2'."),
    ],
)
def test_parameters_out_of_range(options: dict[str, Any], message: str) -> None:
    with refuses(f"summaries.customers: {message}", ParameterError):
        customers(pd.DataFrame({"customer_id": [1], "timestamp": DAYS[:1]}), **options)


class TestSmallest:
    def test_one_row(self) -> None:
        summary = customers(pd.DataFrame({"customer_id": ["a"], "timestamp": DAYS[:1], "value": [0.1]}), value="value")
        row = {name: column.tolist()[0] for name, column in summary.columns().items()}
        assert row == {
            "customer_id": "a", "first": dt.date(2026, 1, 1), "last": dt.date(2026, 1, 1), "n_purchases": 1,
            "frequency": 0, "recency": 0.0, "T": 0.0, "idle": 0.0, "value_total": 0.1, "monetary_value": 0.0,
        }  # fmt: skip

    def test_one_customer(self) -> None:
        summary = read(customer_id=["a", "a", "a"])
        assert (len(summary), summary.n_purchases[0], summary.monetary_value[0]) == (1, 3, 2.5)

    def test_all_on_one_day(self) -> None:
        summary = read(timestamp=[DAYS[0]] * 3)
        assert (summary.n_purchases.tolist(), summary.T.tolist()) == ([1, 1], [0.0, 0.0])
        assert (summary.value_total.tolist(), summary.monetary_value.tolist()) == ([4.0, 2.0], [0.0, 0.0])


def test_whole_numbers_as_objects_stay_whole_beyond_int64() -> None:
    ids = np.array([1, 2**63 + 5, 1], dtype=object)
    frame = pd.DataFrame({"customer_id": ids, "timestamp": pd.to_datetime(["2026-01-01"] * 3)})
    assert customers(frame).customer_id.tolist() == [1, 2**63 + 5]


WHOLE = (1, 0, 1)
WORDS = ("b", "a", "b")
DATES = (MOMENTS[1], MOMENTS[0], MOMENTS[1])
DECIMALS = (Decimal("1.5"), Decimal("0.5"), Decimal("1.5"))
BYTES = tuple(text.encode() for text in WORDS)


def of_numpy(values: Any, dtype: str) -> Any:
    return pd.DataFrame({"c": np.array(values, dtype=dtype)})


def of_pandas(values: Any, dtype: Any) -> Any:
    return pd.DataFrame({"c": pd.Series(list(values), dtype=dtype)})


def of_arrow(values: Any, dtype: Any) -> Any:
    return pa.table({"c": pa.array(values, type=dtype)})


def of_arrow_in_pandas(values: Any, dtype: Any) -> Any:
    array = pd.arrays.ArrowExtensionArray(pa.chunked_array([pa.array(values, type=dtype)]))
    return pd.DataFrame({"c": pd.Series(array)})


def of_polars(values: Any, dtype: Any) -> Any:
    return pl.DataFrame({"c": pl.Series(list(values)).cast(dtype)})


NUMBERS = {
    **{code: of_numpy(WHOLE, code) for code in "?bBhHiIlLqQefd"},
    **{code: of_numpy(WHOLE, code) for code in (">i2", ">i4", ">i8", ">u2", ">u4", ">u8", ">f2", ">f4", ">f8")},
    **{name: of_pandas(WHOLE, name) for name in ("boolean", "Int8", "Int64", "UInt64", "Float32", "Float64")},
    **{
        f"{make.__name__} {dtype}": make(WHOLE, dtype)
        for dtype in (pa.int8(), pa.uint64(), pa.float32(), pa.float64())
        for make in (of_arrow, of_arrow_in_pandas)
    },
    **{f"polars {dtype}": of_polars(WHOLE, dtype) for dtype in (pl.Int8, pl.UInt64, pl.Float32, pl.Float64)},
}
"""Columns read as numbers, and as ids."""

IDS = {
    "objects": of_pandas(WORDS, object),
    "text": of_pandas(WORDS, "str"),
    "category": of_pandas(WORDS, "category"),
    "enum": of_polars(WORDS, pl.Enum(["b", "a"])),
    "dictionary": of_arrow(WORDS, pa.string()).cast(pa.schema({"c": pa.dictionary(pa.int32(), pa.string())})),
    **{
        f"{make.__name__} {dtype}": make(WORDS, dtype)
        for dtype in (getattr(pa, name)() for name in ("string", "large_string", "string_view") if hasattr(pa, name))
        for make in (of_arrow, of_arrow_in_pandas)
    },
}
"""Columns read as ids."""

TIMES = {
    **{code: of_numpy(DATES, code) for code in ("M8[s]", "M8[ms]", "M8[us]", "M8[ns]", ">M8[s]", ">M8[ns]")},
    **{
        f"{make.__name__} {dtype}": make(DATES, dtype)
        for dtype in (pa.date32(), pa.date64(), pa.timestamp("s"), pa.timestamp("ns"))
        for make in (of_arrow, of_arrow_in_pandas)
    },
    "polars date": of_polars(DATES, pl.Date),
    "polars datetime": of_polars(DATES, pl.Datetime("ms")),
}
"""Columns read as times."""

REFUSED = {
    **{name: (of_numpy(WHOLE, name), name) for name in ("complex64", "complex128")},
    **({"longdouble": (of_numpy(WHOLE, "g"), np.dtype("g").name)} if np.dtype("g") != np.dtype("d") else {}),
    "span": (of_numpy(WHOLE, "m8[s]"), "Duration"),
    "lists": (of_pandas([[1], [0], [1]], object), "object (list)"),
    "sparse": (of_pandas(WHOLE, pd.SparseDtype("float64")), "Sparse[float64, nan]"),
    "period": (of_pandas(DATES, "period[D]"), "period[D]"),
    **{
        f"{make.__name__} {dtype}": (make(values, dtype), name)
        for values, dtype, name in (
            (DECIMALS, pa.decimal128(10, 2), "Decimal"),
            (DECIMALS, pa.decimal256(40, 2), "decimal256(40, 2)"),
            (BYTES, pa.binary(), "Binary"),
            (BYTES, pa.binary(1), "fixed_size_binary[1]"),
            ([[1], [0], [1]], pa.list_(pa.int64()), "List"),
            ([dt.time(1)] * 3, pa.time64("us"), "Time"),
        )
        for make in (of_arrow, of_arrow_in_pandas)
    },
    "polars decimal": (of_polars(DECIMALS, pl.Decimal(10, 2)), "Decimal"),
    **({"polars Int128": (of_polars(WHOLE, pl.Int128), "Int128")} if hasattr(pl, "Int128") else {}),
    "polars Binary": (of_polars(BYTES, pl.Binary), "Binary"),
}
"""Columns of types that are neither numbers, ids nor times, and how messages call these."""


class TestTypes:
    """Every type of column is read right, or refused by name with what to do."""

    @pytest.mark.parametrize("frame", NUMBERS.values(), ids=NUMBERS)
    def test_numbers(self, frame: Any) -> None:
        log = read_frame(frame, function="f")
        for read_as in (log.numbers, log.unchecked_numbers):
            found = read_as("c", role="c")
            assert found.tolist() == [1, 0, 1]
            assert found.dtype.isnative
        codes, vocabulary = log.ids("c", role="c")
        assert codes.tolist() == [1, 0, 1]
        assert vocabulary.labels.tolist() == [0, 1]

    @pytest.mark.parametrize("frame", IDS.values(), ids=IDS)
    def test_ids(self, frame: Any) -> None:
        codes, vocabulary = read_frame(frame, function="f").ids("c", role="c")
        assert codes.tolist() == [1, 0, 1]
        assert vocabulary.labels.tolist() == ["a", "b"]

    @pytest.mark.parametrize("frame", TIMES.values(), ids=TIMES)
    def test_times(self, frame: Any) -> None:
        log = read_frame(frame, function="f")
        times = log.times("c", role="c")
        assert (times.ticks / times.ticks_per_day).tolist() == np.array(DATES, dtype="M8[D]").astype(int).tolist()
        assert log.ids("c", role="c").codes.tolist() == [1, 0, 1]

    @pytest.mark.parametrize(("frame", "name"), REFUSED.values(), ids=REFUSED)
    def test_refused(self, frame: Any, name: str) -> None:
        log = read_frame(frame, function="f")
        for read_as, fix in ((log.numbers, "cast it to "), (log.times, "parse it first|cast it to ")):
            with pytest.raises(DataError, match=rf'^f: column "c" is of type {re.escape(name)}.*[,;] .*({fix})'):
                read_as("c", role="c")
        with pytest.raises(DataError, match=r'^f: column "c" (is of type|holds list values).*; (cast|make)'):
            log.ids("c", role="c")
