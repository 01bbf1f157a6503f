"""`sequential_patterns`: the paper's example, a twin by definition, bounds of time, what must not change the answer."""

from __future__ import annotations

import datetime as dt
import lzma
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from growthkit._core.frames import read_frame
from growthkit.exceptions import DataError, ParameterError
from growthkit.rules import SequentialPatterns, sequences, sequential_patterns
from growthkit.testing import FrameEngine
from tests.references import sequences as twin

Events = list[tuple[int, int, str]]
EVENTS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 5), st.sampled_from("äbc")), min_size=1, max_size=24)
PAPER = ("a|abc|ac|d|cf", "ad|c|bc|ae", "ef|ab|df|c|b", "e|g|af|c|b|c")
"""The running example of Pei et al. (2004): one customer each, elements between bars."""


def frame_of(events: Events) -> pd.DataFrame:
    return pd.DataFrame(events, columns=["customer_id", "timestamp", "item_id"])


def paper() -> pd.DataFrame:
    events = [(c, t, i) for c, text in enumerate(PAPER) for t, part in enumerate(text.split("|")) for i in part]
    return frame_of(events)


def histories(events: Events) -> list[twin.History]:
    bought: dict[int, dict[int, set[str]]] = {}
    for customer, moment, item in events:
        bought.setdefault(customer, {}).setdefault(moment, set()).add(item)
    return [[(moment, frozenset(items)) for moment, items in sorted(history.items())] for history in bought.values()]


def counts(found: SequentialPatterns) -> dict[Any, int]:
    columns = found.columns()
    return dict(zip(columns["pattern"].tolist(), columns["count"].tolist(), strict=True))


class TestPublished:
    def test_the_paper_has_53_patterns(self, published: Any) -> None:
        facts = published("sequences")["prefixspan"]
        found = sequential_patterns(paper(), min_support=facts["min_count"])
        assert len(found) == facts["patterns"]
        for text in facts["some"]:
            assert found.find(map(list, text.split("|"))) is not None

    def test_clicks(self, shared_data: Path) -> None:
        with lzma.open(shared_data / "rules" / "kosarak_36k.dat.xz", "rt") as file:
            events = [
                (row, place, int(item)) for row, line in enumerate(file) for place, item in enumerate(line.split())
            ]
        assert len(sequential_patterns(frame_of(events), min_support=180)) == 1_738


class TestTwin:
    @given(EVENTS, st.integers(1, 3))
    def test_all_patterns(self, events: Events, min_count: int) -> None:
        found = sequential_patterns(frame_of(events), min_support=min_count, max_len=4)
        assert counts(found) == twin.patterns(histories(events), min_count, max_len=4)

    @given(
        EVENTS,
        st.integers(1, 2),
        st.sampled_from([None, 0, 2]),
        st.sampled_from([None, 1, 2, 3]),
        st.sampled_from([None, 2, 4]),
    )
    def test_bounds_of_time(
        self, events: Events, min_count: int, min_gap: int | None, max_gap: int | None, max_span: int | None
    ) -> None:
        bounds = {"min_gap": min_gap, "max_gap": max_gap, "max_span": max_span}
        given = {name: bound for name, bound in bounds.items() if bound is not None}
        found = sequential_patterns(frame_of(events), min_support=min_count, max_len=4, **bounds)
        assert counts(found) == twin.patterns(histories(events), min_count, max_len=4, **given)

    @given(EVENTS, st.integers(1, 3), st.sampled_from([None, 2, 4]))
    def test_closed_patterns(self, events: Events, min_count: int, max_span: int | None) -> None:
        found = sequential_patterns(frame_of(events), min_support=min_count, kind="closed", max_span=max_span)
        given = {} if max_span is None else {"max_span": max_span}
        assert counts(found) == twin.closed(twin.patterns(histories(events), min_count, **given))

    @given(EVENTS)
    def test_closed_patterns_up_to_a_length(self, events: Events) -> None:
        whole = counts(sequential_patterns(frame_of(events), min_support=1, kind="closed"))
        short = counts(sequential_patterns(frame_of(events), min_support=1, kind="closed", max_len=2))
        assert short == {pattern: count for pattern, count in whole.items() if twin.size(pattern) <= 2}


class TestWhatMustNotMatter:
    @given(EVENTS, st.randoms(use_true_random=False))
    def test_the_order_of_rows_and_rows_that_stand_twice(self, events: Events, random: Any) -> None:
        shuffled = events + events[:3]
        random.shuffle(shuffled)
        assert counts(sequential_patterns(frame_of(shuffled), min_support=1, max_len=3)) == counts(
            sequential_patterns(frame_of(events), min_support=1, max_len=3)
        )

    def test_threads(self, threaded: None) -> None:
        draw = np.random.default_rng(5)
        frame = pd.DataFrame({name: draw.integers(0, n, 3_000) for name, n in NAMES.items()})
        one, *others = [sequential_patterns(frame, min_support=3, max_len=4, n_threads=n) for n in (1, 2, 5)]
        assert len(one) > 1_000
        for other in others:
            assert np.array_equal(one.parents, other.parents)
            assert np.array_equal(one.keys, other.keys)
            assert np.array_equal(one.counts, other.counts)

    def test_every_engine(self, engine: FrameEngine) -> None:
        columns = {name: paper()[name].to_numpy() for name in ("customer_id", "timestamp", "item_id")}
        days = np.datetime64("2026-01-01", "us") + columns["timestamp"] * np.timedelta64(1, "D")
        table = engine(columns | {"timestamp": days, "item_id": columns["item_id"].tolist()})
        found = sequential_patterns(table, min_support=2)
        assert counts(found) == counts(sequential_patterns(paper(), min_support=2))
        assert type(found.to_frame()) is type(table)


NAMES = {"customer_id": 300, "timestamp": 6, "item_id": 12}


class TestTime:
    def log(self) -> pd.DataFrame:
        days = pd.to_datetime(["2026-01-01 08:00", "2026-01-08 08:00"])
        return pd.DataFrame({"customer_id": [1, 1], "item_id": ["a", "b"], "timestamp": days})

    @pytest.mark.parametrize("gap", [7, 7.0, dt.timedelta(days=7), np.timedelta64(7, "D"), pd.Timedelta("7D")])
    def test_a_gap_of_exactly_the_bound_is_in(self, gap: Any) -> None:
        assert sequential_patterns(self.log(), min_support=1, max_gap=gap).find([["a"], ["b"]]) == 1
        assert sequential_patterns(self.log(), min_support=1, min_gap=gap).find([["a"], ["b"]]) == 1

    @pytest.mark.parametrize("gap", [6.9, dt.timedelta(hours=167)])
    def test_a_gap_over_the_bound_is_out(self, gap: Any) -> None:
        assert sequential_patterns(self.log(), min_support=1, max_gap=gap).find([["a"], ["b"]]) is None

    @pytest.mark.parametrize("hours", range(1, 60))
    def test_hours_are_not_rounded_away(self, hours: int) -> None:
        frame = self.log().assign(timestamp=pd.Timestamp("2026-01-01") + pd.to_timedelta([0, hours], unit="h"))
        for gap in (dt.timedelta(hours=hours), hours / 24):
            for bounds in ({"min_gap": gap}, {"max_gap": gap}, {"max_span": gap}):
                assert sequential_patterns(frame, min_support=1, **bounds).find([["a"], ["b"]]) == 1

    @pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
    @pytest.mark.parametrize("seconds", [22, 29, 85, 113, 183])
    def test_shares_of_a_day_are_whole_ticks(self, unit: str, seconds: int) -> None:
        """22 / 86,400 of a day times 86,400 is 21.999999999999996."""
        stamps = (np.datetime64("2026-01-01", "s") + np.array([0, seconds])).astype(f"datetime64[{unit}]")
        frame = self.log().assign(timestamp=stamps)
        for bounds in ({"min_gap": seconds / 86_400}, {"max_gap": seconds / 86_400}, {"max_span": seconds / 86_400}):
            assert sequential_patterns(frame, min_support=1, **bounds).find([["a"], ["b"]]) == 1

    def test_a_least_gap_between_two_ticks_is_rounded_up(self) -> None:
        frame = frame_of([(1, 0, "a"), (1, 1, "b"), (1, 2, "c")])
        found = sequential_patterns(frame, min_support=1, min_gap=1.5, max_gap=1e300)
        assert (found.find([["a"], ["b"]]), found.find([["a"], ["c"]])) == (None, 1)

    def test_what_was_bought_at_one_moment_has_no_order(self) -> None:
        frame = frame_of([(1, 0, "a"), (1, 0, "b")])
        assert set(counts(sequential_patterns(frame, min_support=1))) == {(("a",),), (("b",),), (("a", "b"),)}


class TestEdges:
    def test_a_share_that_is_reached_exactly(self) -> None:
        frame = frame_of([(customer, 0, "a") for customer in range(3)] + [(customer, 0, "z") for customer in range(30)])
        assert sequential_patterns(frame, min_support=0.1).find([["a"]]) == 3

    def test_nothing_frequent(self) -> None:
        found = sequential_patterns(frame_of([(1, 0, "a"), (2, 0, "b")]), min_support=2)
        assert len(found) == 0
        assert found.to_frame().shape == (0, 5)
        assert found.find([["a"]]) is None

    def test_one_row(self) -> None:
        assert counts(sequential_patterns(frame_of([(1, 0, "a")]), min_support=1.0)) == {(("a",),): 1}

    @pytest.mark.parametrize(
        ("options", "sentence"),
        [
            ({"min_support": 0}, "min_support"),
            ({"min_support": 0.0}, "min_support"),
            ({"min_support": 1.5}, "min_support"),
            ({"kind": "maximal"}, "kind must be one of 'all', 'closed'"),
            ({"kind": "closed", "max_gap": 3}, "max_gap must be None for closed patterns"),
            ({"max_len": 0}, "max_len"),
            ({"min_gap": -1}, "min_gap"),
            ({"max_gap": dt.timedelta(days=1)}, "in the unit of the timestamp column"),
            ({"max_gap": np.timedelta64(1, "M")}, "in the unit of the timestamp column"),
        ],
    )
    def test_bad_parameters(self, options: dict[str, Any], sentence: str) -> None:
        with pytest.raises(ParameterError, match=sentence):
            sequential_patterns(paper(), **options)

    def test_months_have_no_one_length(self) -> None:
        frame = pd.DataFrame({"customer_id": [1], "timestamp": pd.to_datetime(["2026-01-31"]), "item_id": ["a"]})
        with pytest.raises(ParameterError, match="max_gap must be a length in days or shorter units"):
            sequential_patterns(frame, max_gap=np.timedelta64(1, "M"))

    def test_a_count_beyond_64_bits_is_reached_by_nothing(self) -> None:
        assert len(sequential_patterns(paper(), min_support=2**70)) == 0

    @pytest.mark.parametrize("pattern", [["a"], "a", [[]], [], 5, [5]])
    def test_elements_are_collections(self, pattern: Any) -> None:
        with pytest.raises(DataError, match=r"SequentialPatterns\.find: "):
            sequential_patterns(paper(), min_support=2).find(pattern)

    def test_every_pattern_is_found_again(self) -> None:
        found = sequential_patterns(paper(), min_support=2)
        for pattern, count in counts(found).items():
            assert found.find(pattern) == found.find([set(element) for element in pattern]) == count
        for absent in ([["z"]], [["a", 1]], [["a", "z"]], [["b", "a"], ["b", "a"]], [["a"]] * 9):
            assert found.find(absent) is None

    def test_too_many_patterns(self) -> None:
        with pytest.raises(DataError, match="more than max_patterns = 10 patterns are frequent"):
            sequential_patterns(paper(), min_support=2, max_patterns=10)
        assert len(sequential_patterns(paper(), min_support=2, max_patterns=53)) == 53

    def test_bounds_beyond_64_bits_are_none(self) -> None:
        for kind in ("all", "closed"):
            found = sequential_patterns(paper(), min_support=2, kind=kind, max_len=10**30, max_patterns=10**30)
            assert counts(found) == counts(sequential_patterns(paper(), min_support=2, kind=kind))

    @pytest.mark.parametrize("moment", [0.5, 2.0**60])
    def test_fractions_and_what_floats_cannot_tell_apart_are_no_order(self, moment: float) -> None:
        frame = pd.DataFrame({"customer_id": [1], "timestamp": [moment], "item_id": ["a"]})
        with pytest.raises(DataError, match=r"1 values that are no whole numbers below 2\*\*53"):
            sequential_patterns(frame)

    def test_a_text_is_no_pattern(self) -> None:
        with pytest.raises(DataError, match="a pattern is a collection of elements, got 'ab'"):
            sequential_patterns(paper(), min_support=2).find("ab")

    def test_elements_hold_distinct_items_in_rising_order(self) -> None:
        """Else the search would count no more customers, but double its work with each item."""
        frame = frame_of([(1, 0, item) for item in "cabcab"] + [(0, 0, "b"), (0, 1, "b"), (0, 0, "b")])
        entries = sequences._read(read_frame(frame, function="f"), "customer_id", "item_id", "timestamp")
        histories, support, _ = sequences._histories(entries, 1)
        assert np.split(histories.items, histories.edges[1:-1])[2].tolist() == [0, 1, 2]
        assert histories.items.tolist() == [1, 1, 0, 1, 2]
        assert support.tolist() == [1, 2, 1]

    def test_json_keeps_elements_apart(self) -> None:
        table = sequential_patterns(paper(), min_support=4, max_len=2).to_dict()["columns"]
        assert table["pattern"][:3] == [[["a"]], [["b"]], [["c"]]]
