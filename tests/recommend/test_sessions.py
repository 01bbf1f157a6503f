"""Session neighbours: the twin, what is recent, ongoing sessions, explanations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from growthkit.exceptions import DataError, ParameterError
from growthkit.recommend import Interactions, SessionKNN
from growthkit.testing import check_estimator

from ..references import recommending

ITEMS = "abcdefg"

session = st.lists(st.sampled_from(ITEMS), min_size=1, max_size=5, unique=True)


def interactions(sessions: list[Any], starts: list[int] | None = None, first: int = 0) -> Interactions:
    """Return sessions numbered from `first`; each begins at its start, an item a minute."""
    starts = list(range(len(sessions))) if starts is None else starts
    rows = [
        (first + s, item, pd.Timestamp("2026-01-01") + pd.Timedelta(hours=start, minutes=p))
        for s, (items, start) in enumerate(zip(sessions, starts, strict=True))
        for p, item in enumerate(items)
    ]
    frame = pd.DataFrame(rows, columns=["session_id", "item_id", "timestamp"])
    return Interactions.from_frame(frame, customer="session_id", timestamp="timestamp")


def scores(model: SessionKNN, customer: int) -> dict[str, float]:
    found = model.recommend([customer], k=len(ITEMS), exclude=None)
    found = found[found["source"] == "SessionKNN"]
    return dict(zip(found["item_id"], found["score"], strict=True))


class TestScores:
    @given(
        past=st.lists(session, min_size=2, max_size=9),
        starts=st.lists(st.integers(0, 3), min_size=9, max_size=9),
        now=session,
        k=st.sampled_from([1, 2, 5]),
        sample_size=st.sampled_from([1, 3, 20]),
        decay=st.sampled_from(sorted(recommending.POSITION)),
        step_decay=st.sampled_from(sorted(recommending.STEP)),
        idf_weight=st.sampled_from([0.0, 1.0, 3.0]),
    )
    def test_are_those_of_the_twin(self, past: Any, starts: Any, now: Any, **options: Any) -> None:
        known = {item for items in past for item in items}
        now = [item for item in now if item in known] or [past[0][0]]
        starts = starts[: len(past)]
        model = SessionKNN(**options).fit(interactions(past, starts)).fold_in(interactions([now], first=100))
        last = [60 * start + len(items) for items, start in zip(past, starts, strict=True)]
        expected = recommending.session_scores(past, last, now, **options)
        assert scores(model, 100) == pytest.approx({i: s for i, s in expected.items() if s > 0}, rel=1e-6)

    @given(past=st.lists(session, min_size=2, max_size=6), k=st.sampled_from([1, 3]))
    def test_a_session_is_no_neighbour_of_itself(self, past: Any, k: int) -> None:
        model = SessionKNN(k=k, sample_size=2).fit(interactions(past))
        others = [items for s, items in enumerate(past) if s != 0]
        last = [60 * s + len(items) for s, items in enumerate(past)][1:]
        options = {"k": k, "sample_size": 2, "decay": "linear", "step_decay": "reciprocal", "idf_weight": 0.0}
        expected = recommending.session_scores(others, last, past[0], **options)
        model.factors_ = np.ones_like(model.factors_)  # rarity counts the session itself
        assert scores(model, 0) == pytest.approx(expected, rel=1e-6)

    def test_by_hand(self) -> None:
        """Session (a, b) weighs a 1/2 and b 1, over 2 items; c was last seen with b, d with a."""
        model = SessionKNN(idf_weight=0).fit(interactions(["bc", "ad"])).fold_in(interactions(["ab"], first=9))
        assert scores(model, 9) == pytest.approx({"b": 0.5, "c": 0.5, "a": 0.25 / 2, "d": 0.25 / 2})

    def test_order_comes_from_the_times(self) -> None:
        model = SessionKNN().fit(interactions(["ac", "bd"]))
        assert model.fold_in(interactions(["ab"], first=9)).recommend(k=1)["item_id"].tolist() == ["d"]
        assert model.fold_in(interactions(["ba"], first=9)).recommend(k=1)["item_id"].tolist() == ["c"]

    def test_only_the_latest_sessions_are_compared(self) -> None:
        past = ["ac", "ad", "ae"]
        for starts, expected in (([0, 1, 2], "e"), ([2, 1, 0], "c")):
            model = SessionKNN(sample_size=1, idf_weight=0).fit(interactions(past, starts))
            assert set(scores(model.fold_in(interactions(["a"], first=9)), 9)) == {"a", expected}

    def test_without_a_neighbour_lists_are_filled_and_say_so(self) -> None:
        found = SessionKNN().fit(interactions(["ab", "cd", "c"])).recommend([0], k=2)
        assert found["source"].tolist() == ["popular", "popular"]
        assert found["item_id"].tolist() == ["c", "d"]


class TestContract:
    past = ("abc", "bcd", "ce", "aeb", "dcb", "abe", "ga")

    def test_explanations_sum_to_the_score(self) -> None:
        model = SessionKNN(k=3).fit(interactions(list(self.past)))
        for s in range(len(self.past)):
            for item, score in scores(model, s).items():
                parts = model.explain(s, item)
                assert parts["contribution"].sum() == pytest.approx(score, rel=1e-6)
                assert sorted(parts["item_id"]) == sorted(self.past[s])

    def test_similar_items_are_what_a_session_of_one_item_gets(self) -> None:
        model = SessionKNN().fit(interactions(list(self.past)))
        similar = model.similar_items(["c"], k=3)
        single = model.fold_in(interactions(["c"], first=9)).recommend(k=3)
        assert similar["similar_item_id"].tolist() == single["item_id"].tolist()
        assert similar["score"].tolist() == single["score"].tolist()

    def test_threads_change_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("growthkit._core.parallel.SMALL", 0)
        monkeypatch.setattr("growthkit.recommend._selection.LONGEST_BLOCK", 2)
        model = SessionKNN(k=2).fit(interactions(list(self.past)))
        one, *others = [model.recommend(k=3, n_threads=n) for n in (1, 2, 5)]
        assert all(one.equals(other) for other in others)

    def test_partial_fit_is_a_refit(self) -> None:
        one, two = interactions(list(self.past[:4])), interactions(list(self.past[4:]), [4, 5, 6], first=4)
        grown = SessionKNN().fit(one).partial_fit(two)
        assert grown.recommend(k=3).equals(SessionKNN().fit(one.merge(two)).recommend(k=3))

    def test_protocol(self) -> None:
        check_estimator(SessionKNN(), interactions(list(self.past)))


class TestRefusals:
    def test_of_interactions_without_times(self) -> None:
        plain = Interactions.from_frame(pd.DataFrame({"customer_id": [1], "item_id": ["a"]}))
        with pytest.raises(ParameterError, match="timestamp="):
            SessionKNN().fit(plain)
        with pytest.raises(ParameterError, match="timestamp="):
            SessionKNN().fit(interactions(["ab"])).fold_in(plain)

    def test_of_dislikes(self) -> None:
        frame = pd.DataFrame({"customer_id": [1, 1], "item_id": ["a", "b"], "w": [1.0, -1.0]})
        frame["timestamp"] = pd.Timestamp("2026-01-01")
        with pytest.raises(DataError, match="below 0"):
            SessionKNN().fit(Interactions.from_frame(frame, weight="w", timestamp="timestamp"))

    @pytest.mark.parametrize(
        "options", [{"k": 0}, {"sample_size": 0}, {"decay": "no"}, {"step_decay": "no"}, {"idf_weight": -1}]
    )
    def test_of_parameters(self, options: dict[str, Any]) -> None:
        with pytest.raises(ParameterError, match=r"SessionKNN\.fit"):
            SessionKNN(**options).fit(interactions(["ab"]))
