"""Popularity: counts, windows, decay, segments, and customers of whom nothing is known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from growthkit.exceptions import DataError, ParameterError
from growthkit.recommend import Interactions, Popular
from growthkit.testing import FrameEngine, check_estimator

from ..references import recommending
from ..support import to_lists

START = pd.Timestamp("2026-01-01")

pairs = st.lists(
    st.tuples(st.sampled_from("abcdef"), st.sampled_from(["tea", "mug", "pot", "jar"]), st.integers(0, 40)),
    min_size=1,
    max_size=25,
    unique_by=lambda pair: pair[:2],
)


def interactions(rows: Sequence[tuple[str, str, int]], **options: Any) -> Interactions:
    frame = pd.DataFrame(list(rows), columns=["customer_id", "item_id", "day"])
    frame["timestamp"] = START + pd.to_timedelta(frame["day"], unit="D")
    return Interactions.from_frame(frame, timestamp="timestamp", **options)


def scores(model: Popular, customers: Any = None) -> dict[str, float]:
    found = model.recommend(customers, k=10, exclude=None)
    found = found[found["source"] == "Popular"]
    return dict(zip(found["item_id"], found["score"], strict=True))


class TestCounts:
    @given(rows=pairs, window=st.sampled_from([None, 1.0, 7.0]), half_life=st.sampled_from([None, 5.0]))
    def test_are_those_of_the_twin(self, rows: Any, window: float | None, half_life: float | None) -> None:
        model = Popular(window, half_life).fit(interactions(rows))
        expected = recommending.popularity(rows, window, half_life)
        assert scores(model, ["nobody"]) == pytest.approx(expected, rel=1e-6)

    def test_seen_items_are_left_out_and_lists_are_full(self) -> None:
        rows = [("a", "tea", 0), ("b", "tea", 0), ("b", "mug", 0), ("c", "pot", 0), ("c", "mug", 0)]
        found = Popular().fit(interactions(rows)).recommend(["a", "b", "new"], k=2)
        assert found["item_id"].tolist() == ["mug", "pot", "pot", "mug", "tea"]
        assert found["rank"].tolist() == [1, 2, 1, 1, 2]

    def test_items_outside_the_window_come_last_and_say_so(self) -> None:
        found = (
            Popular(window=7)
            .fit(interactions([("a", "old", 0), ("b", "old", 0), ("c", "new", 30)]))
            .recommend(["x"], k=2)
        )
        assert found["item_id"].tolist() == ["new", "old"]
        assert found["source"].tolist() == ["Popular", "popular"]

    def test_weights_may_count_against(self) -> None:
        frame = pd.DataFrame({"customer_id": [1, 2, 3], "item_id": ["tea", "tea", "mug"], "w": [2.0, -5.0, 1.0]})
        given = Interactions.from_frame(frame, weight="w")
        assert scores(Popular(measure="weights").fit(given), [9]) == {"mug": 1.0, "tea": -3.0}
        assert scores(Popular().fit(given), [9]) == {"mug": 1.0, "tea": 1.0}

    def test_requests_are_heeded(self) -> None:
        rows = [(c, i, 0) for c, i in ["at", "bt", "ct", "am", "bm", "dp", "dj"]]
        model = Popular().fit(interactions(rows))
        assert model.recommend(["x"], k=2, eligible=["j", "m"])["item_id"].tolist() == ["m", "j"]
        assert model.recommend(["x"], k=3, boost={"j": 10.0})["item_id"].tolist() == ["j", "t", "m"]
        capped = model.recommend(["x"], k=3, group_cap=({"t": 1, "m": 1, "p": 2, "j": 2}, 1))
        assert capped["item_id"].tolist()[:2] == ["t", "j"]
        allowed = pd.DataFrame({"customer_id": ["x", "a"], "item_id": ["p", "j"]})
        assert model.recommend(["a", "x"], k=3, eligible=allowed)["item_id"].tolist() == ["j", "p"]
        left_out = pd.DataFrame({"customer_id": ["x"], "item_id": ["t"]})
        assert model.recommend(["x"], k=1, exclude=left_out)["item_id"].tolist() == ["m"]


class TestSegments:
    rows = (("a", "tea", 0), ("b", "tea", 0), ("b", "mug", 0), ("c", "pot", 0), ("d", "pot", 0), ("e", "pot", 0))
    people = pd.DataFrame({"customer_id": ["a", "b", "c", "d", "z"], "town": ["Ulm", "Ulm", "Bonn", "Bonn", "Ulm"]})

    def model(self, **options: Any) -> Popular:
        return Popular(by="town", **options).fit(interactions(self.rows), customers=self.people)

    @pytest.mark.parametrize("smoothing", [0.0, 3.0])
    def test_scores_are_those_of_the_twin(self, smoothing: float) -> None:
        model = self.model(smoothing=smoothing)
        segments = dict(zip(self.people["customer_id"], self.people["town"], strict=True))
        known = [(c, i) for c, i, _ in self.rows]
        for customer in "abcdz":
            expected = recommending.by_segment(known, segments, segments[customer], smoothing)
            assert scores(model, [customer]) == pytest.approx(expected, rel=1e-6)

    def test_a_new_customer_of_a_segment_gets_what_is_popular_there(self) -> None:
        assert self.model().recommend(["z"], k=1)["item_id"].tolist() == ["tea"]

    def test_customers_without_segment_get_what_is_popular_overall(self) -> None:
        assert scores(self.model(), ["e"]) == {"pot": 3.0, "tea": 2.0, "mug": 1.0}
        assert scores(self.model(), ["stranger"]) == {"pot": 3.0, "tea": 2.0, "mug": 1.0}

    def test_explanations_sum_to_the_score(self) -> None:
        model = self.model()
        for customer in ["a", "c", "e", "z"]:
            for item, score in scores(model, [customer]).items():
                assert model.explain(customer, item)["contribution"].sum() == pytest.approx(score, rel=1e-6)

    def test_new_interactions_keep_the_segments(self) -> None:
        more = interactions([("z", "mug", 3), ("new", "jar", 3)])
        model = self.model().partial_fit(more)
        whole = Popular(by="town").fit(interactions(self.rows).merge(more), customers=self.people)
        assert scores(model, ["a"]) == scores(whole, ["a"])
        assert scores(model, ["new"]) == scores(whole, ["new"])

    def test_folding_in_keeps_the_segments(self) -> None:
        model = self.model().fold_in(interactions([("a", "mug", 0), ("q", "tea", 0)]))
        assert model.recommend(["a"], k=1)["item_id"].tolist() == ["tea"]
        assert model.recommend(["q"], k=1)["item_id"].tolist() == ["pot"]

    def test_needs_the_frame_of_customers(self) -> None:
        with pytest.raises(ParameterError, match="customers="):
            Popular(by="town").fit(interactions(self.rows))
        with pytest.raises(DataError, match="another row"):
            Popular(by="town").fit(interactions(self.rows), customers=pd.concat([self.people, self.people]))


class TestProtocol:
    def test_is_kept(self) -> None:
        check_estimator(Popular(window=30, half_life=3), interactions(TestSegments.rows))
        check_estimator(Popular(by="town"), interactions(TestSegments.rows), customers=TestSegments.people)

    @pytest.mark.parametrize(
        "options", [{"window": 0}, {"half_life": -1}, {"half_life": np.inf}, {"measure": "no"}, {"smoothing": -1}]
    )
    def test_refuses_parameters_out_of_range(self, options: dict[str, Any]) -> None:
        with pytest.raises(ParameterError, match=r"Popular\.fit"):
            Popular(**options).fit(interactions([("a", "tea", 0)]))

    def test_windows_need_times(self) -> None:
        plain = Interactions.from_frame(pd.DataFrame({"customer_id": [1], "item_id": [2]}))
        with pytest.raises(ParameterError, match="timestamp="):
            Popular(window=3).fit(plain)

    def test_threads_change_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("growthkit._core.parallel.SMALL", 0)
        rng = np.random.default_rng(1)
        frame = pd.DataFrame({"customer_id": rng.integers(0, 90, 800), "item_id": rng.zipf(1.6, 800) % 50})
        model = Popular().fit(Interactions.from_frame(frame))
        one, *others = [model.recommend(k=5, n_threads=n) for n in (1, 2, 5)]
        assert all(one.equals(other) for other in others)

    def test_all_libraries(self, engine: FrameEngine) -> None:
        log = engine({"customer_id": [1, 2, 2], "item_id": ["tea", "tea", "mug"]})
        people = engine({"customer_id": [1, 2, 3], "town": ["Ulm", "Ulm", "Bonn"]})
        found = Popular(by="town").fit(Interactions.from_frame(log), customers=people).recommend([3, 1], k=1)
        assert type(found) is type(log)
        assert to_lists(found)["item_id"] == ["tea", "mug"]
