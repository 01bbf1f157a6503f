"""`Interactions`: weights by definition, parts merge to the whole, bad input is named."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from growthkit.exceptions import DataError, GrowthkitWarning, ParameterError
from growthkit.recommend import Interactions
from growthkit.testing import FrameEngine

EVENT_WEIGHTS = {"view": 1, "cart": 3, "purchase": 5, "like": 0.5}
HOURS = st.integers(0, 200)
EVENTS = st.lists(
    st.tuples(st.integers(0, 4), st.sampled_from("äbc"), st.sampled_from(sorted(EVENT_WEIGHTS)), HOURS),
    min_size=1,
    max_size=30,
)
WAYS = st.sampled_from(["sum", "max", "last"])


def frame_of(events: list[tuple[int, str, str, int]]) -> pd.DataFrame:
    frame = pd.DataFrame(events, columns=["customer_id", "item_id", "event", "hour"])
    return frame.assign(timestamp=pd.Timestamp("2026-01-01") + pd.to_timedelta(frame["hour"], unit="h"))


def read(frame: pd.DataFrame, **options: Any) -> Interactions:
    given = {"event": "event", "event_weights": EVENT_WEIGHTS, "timestamp": "timestamp"} | options
    return Interactions.from_frame(frame, **given)


def weights_of(interactions: Interactions) -> dict[tuple[Any, Any], float]:
    columns = interactions.columns()
    pairs = zip(columns["customer_id"].tolist(), columns["item_id"].tolist(), strict=True)
    return dict(zip(pairs, columns["weight"].tolist(), strict=True))


def by_definition(
    events: list[tuple[int, str, str, int]], duplicates: str, half_life: float | None
) -> dict[Any, float]:
    end = max(event[3] for event in events)
    found: dict[Any, list[tuple[int, float]]] = {}
    for customer, item, what, hour in events:
        decay = 1.0 if half_life is None else 0.5 ** ((end - hour) / 24 / half_life)
        found.setdefault((customer, item), []).append((hour, EVENT_WEIGHTS[what] * decay))
    combine = {
        "sum": lambda pairs: sum(weight for _, weight in pairs),
        "max": lambda pairs: max(weight for _, weight in pairs),
        "last": lambda pairs: sorted(pairs, key=lambda pair: pair[0])[-1][1],
    }
    return {pair: combine[duplicates](history) for pair, history in found.items()}


class TestWeights:
    @given(EVENTS, WAYS, st.sampled_from([None, 0.5, 30.0]))
    def test_by_definition(self, events: list[Any], duplicates: str, half_life: float | None) -> None:
        interactions = read(frame_of(events), duplicates=duplicates, half_life=half_life)
        expected = by_definition(events, duplicates, half_life)
        assert weights_of(interactions) == pytest.approx(expected, rel=1e-12)

    def test_without_weights_events_are_counted(self) -> None:
        frame = pd.DataFrame({"customer_id": [1, 1, 2], "item_id": ["a", "a", "b"]})
        assert weights_of(Interactions.from_frame(frame)) == {(1, "a"): 2.0, (2, "b"): 1.0}

    def test_event_and_weight_multiply(self) -> None:
        frame = pd.DataFrame({"customer_id": [1], "item_id": ["a"], "event": ["buy"], "n": [3]})
        made = Interactions.from_frame(frame, event="event", event_weights={"buy": 5}, weight="n")
        assert weights_of(made) == {(1, "a"): 15.0}

    def test_without_times_the_last_row_is_the_last(self) -> None:
        frame = pd.DataFrame({"customer_id": [1, 1], "item_id": ["a", "a"], "stars": [5, 2]})
        assert weights_of(Interactions.from_frame(frame, weight="stars", duplicates="last")) == {(1, "a"): 2.0}

    def test_weights_that_cancel_are_left_out_and_said(self) -> None:
        frame = pd.DataFrame({"customer_id": [1, 1, 2], "item_id": ["a", "a", "b"], "w": [1, -1, -2]})
        with pytest.warns(GrowthkitWarning, match="1 pairs have weights that sum to 0"):
            made = Interactions.from_frame(frame, weight="w")
        assert weights_of(made) == {(2, "b"): -2.0}
        assert [notice.code for notice in made.warnings] == ["weights_cancelled"]

    def test_the_last_time_of_a_pair_is_kept(self) -> None:
        made = read(frame_of([(1, "a", "view", 5), (1, "a", "cart", 9), (1, "a", "view", 1)]))
        assert made.columns()["timestamp"].astype("datetime64[h]").astype(str).tolist() == ["2026-01-01T09"]

    def test_every_engine(self, engine: FrameEngine) -> None:
        table = engine({"who": ["x", "y", "x"], "what": [3, 1, 3], "n": [2.0, 1.0, 0.5]})
        made = Interactions.from_frame(table, customer="who", item="what", weight="n")
        assert list(made.columns()) == ["who", "what", "weight"]
        assert made.weights.tolist() == [2.5, 1.0]
        assert type(made.to_frame()) is type(table)

    def test_threads_change_nothing(self, threaded: None) -> None:
        draw = np.random.default_rng(3)
        columns = {name: draw.integers(0, 30, 900) for name in ("customer_id", "item_id", "w")}
        frame = pd.DataFrame(columns).assign(w=lambda table: table["w"] / 7 + 0.1)
        one, five = (Interactions.from_frame(frame, weight="w", n_threads=n) for n in (1, 5))
        assert np.array_equal(one.weights, five.weights)
        assert np.array_equal(one.rows.codes, five.rows.codes)


class TestMatrix:
    def test_there_and_back(self) -> None:
        matrix = sp.csr_array([[1.0, 0.0, 2.0], [0.0, 0.0, 0.0], [0.0, -3.0, 0.0]])
        made = Interactions.from_csr(matrix, customers=["z", "y", "x"], items=[7, 8, 5])
        assert weights_of(made) == {("z", 7): 1.0, ("z", 5): 2.0, ("x", 8): -3.0}
        again = Interactions.from_csr(made.to_csr(), customers=made.customers.labels, items=made.items.labels)
        assert weights_of(again) == weights_of(made)

    def test_explicit_zeros_and_double_entries(self) -> None:
        entries = (np.array([0.0, 1.0, 2.0]), (np.array([0, 0, 0]), np.array([0, 1, 1])))
        made = Interactions.from_csr(sp.coo_array(entries, shape=(1, 2)))
        assert weights_of(made) == {(0, 1): 3.0}

    def test_is_binary(self) -> None:
        assert Interactions.from_csr(sp.eye_array(3)).is_binary
        assert not Interactions.from_csr(2 * sp.eye_array(3)).is_binary


class TestMerge:
    @given(EVENTS, st.integers(0, 30), st.sampled_from(["sum", "max"]), st.sampled_from([None, 2.0]))
    def test_parts_merge_to_the_whole(
        self, events: list[Any], cut: int, duplicates: str, half_life: float | None
    ) -> None:
        options = {"duplicates": duplicates, "half_life": half_life}
        whole = read(frame_of(events), **options)
        first, *others = [read(frame_of(part), **options) for part in (events[:cut], events[cut:]) if part]
        merged = first.merge(*others)
        assert np.array_equal(merged.rows.indptr, whole.rows.indptr)
        assert np.array_equal(merged.rows.codes, whole.rows.codes)
        assert np.array_equal(merged.rows.times, whole.rows.times)
        np.testing.assert_allclose(merged.weights, whole.weights, rtol=1e-12)
        if half_life is None:
            assert np.array_equal(merged.weights, whole.weights)

    def test_the_last_of_two_parts(self) -> None:
        early, late = [(1, "a", "cart", 1)], [(1, "a", "view", 2)]
        parts = [read(frame_of(part), duplicates="last") for part in (late, early)]
        assert weights_of(parts[0].merge(parts[1])) == {(1, "a"): 1.0}

    def test_unlike_units_of_time(self) -> None:
        frame = frame_of([(1, "a", "view", 5)])
        fine = read(frame.assign(timestamp=frame["timestamp"].astype("datetime64[ns]")))
        coarse = read(frame.assign(timestamp=frame["timestamp"].astype("datetime64[s]")))
        merged = coarse.merge(fine)
        assert merged.rows.times.tolist() == fine.rows.times.tolist()
        assert merged.weights.tolist() == [2.0]

    @pytest.mark.parametrize("options", [{"duplicates": "max"}, {"half_life": 3}, {"timestamp": None}])
    def test_unlike_parts_are_refused(self, options: dict[str, Any]) -> None:
        frame = frame_of([(1, "a", "view", 5)])
        with pytest.raises(DataError, match="read all in one way"):
            read(frame).merge(read(frame, **options))

    @given(EVENTS, WAYS, st.sampled_from([None, 2.0]))
    def test_a_table_and_back(self, events: list[Any], duplicates: str, half_life: float | None) -> None:
        whole = read(frame_of(events), duplicates=duplicates, half_life=half_life)
        again = Interactions.from_table(whole.to_table())
        assert np.array_equal(again.weights, whole.weights)
        assert np.array_equal(again.rows.times, whole.rows.times)
        for fact in ("duplicates", "half_life", "as_of", "ticks_per_day"):
            assert getattr(again, fact) == getattr(whole, fact)


class TestRefusals:
    FRAME = pd.DataFrame({"customer_id": [1, 2], "item_id": ["a", "b"], "event": ["view", "tap"], "w": [1.0, 0.0]})

    def test_weights_that_overflow(self) -> None:
        frame = pd.DataFrame({"customer_id": [1, 1, 2], "item_id": "a", "weight": 1e308, "event": "cart"})
        with pytest.raises(DataError, match=r"^Interactions: the weights of 1 pairs sum to more than a double holds"):
            Interactions.from_frame(frame, weight="weight")
        with pytest.raises(DataError, match=r'column "weight" holds 3 weights that overflow .*first at row 0'):
            Interactions.from_frame(frame, weight="weight", event="event", event_weights={"cart": 3})
        with pytest.raises(DataError, match=r"the weights of 1 pairs sum"):
            Interactions.from_frame(frame[:1], weight="weight").merge(
                Interactions.from_frame(frame[1:], weight="weight")
            )

    @pytest.mark.parametrize(
        ("options", "sentence"),
        [
            ({"event": "event"}, "event_weights must be given together with event"),
            ({"event_weights": {"view": 1}}, "event_weights must be given together with event"),
            ({"half_life": 3}, "timestamp must be given where half_life is"),
            ({"half_life": 0, "timestamp": "t"}, "half_life must be a finite number above 0"),
            ({"duplicates": "mean"}, "duplicates must be one of 'sum', 'max', 'last'"),
            ({"event": "event", "event_weights": {"view": float("nan"), "tap": 1}}, "finite number"),
        ],
    )
    def test_parameters(self, options: dict[str, Any], sentence: str) -> None:
        with pytest.raises(ParameterError, match=sentence):
            Interactions.from_frame(self.FRAME, **options)

    @pytest.mark.parametrize(
        ("options", "sentence"),
        [
            (
                {"event": "event", "event_weights": {"view": 1}},
                r"1 events without a weight, such as 'tap' \(first at row 1",
            ),
            ({"event": "event", "event_weights": {"view": 1, "tap": 0}}, "1 events of weight 0"),
            ({"weight": "w"}, r"1 weights of 0 \(first at row 1\)"),
            ({"weight": "event"}, "not numbers"),
            ({"customer": "nobody"}, 'there is no column "nobody"'),
        ],
    )
    def test_data(self, options: dict[str, Any], sentence: str) -> None:
        with pytest.raises(DataError, match=sentence):
            Interactions.from_frame(self.FRAME, **options)

    def test_weights_that_all_cancel(self) -> None:
        frame = pd.DataFrame({"customer_id": [1, 1], "item_id": ["a", "a"], "w": [1, -1]})
        with pytest.raises(DataError, match="all weights sum to 0"):
            Interactions.from_frame(frame, weight="w")

    def test_matrices(self) -> None:
        with pytest.raises(DataError, match=r"1 NaN or infinite entries \(first in row 1\)"):
            Interactions.from_csr(sp.csr_array([[1.0], [np.nan]]))
        with pytest.raises(DataError, match="nothing to learn from"):
            Interactions.from_csr(sp.csr_array((2, 2)))
        with pytest.raises(DataError, match="1 customers, but 2 ids came"):
            Interactions.from_csr(sp.csr_array([[1.0]]), customers=["a", "b"])

    def test_a_table_with_a_pair_twice(self) -> None:
        frame = frame_of([(1, "a", "view", 5)])
        table = read(frame).to_table()
        with pytest.raises(DataError, match="1 pairs of customer and item stand twice"):
            Interactions.from_table(pd.concat([table, table]))
