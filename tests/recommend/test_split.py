"""Splits: who lands where, and what the report says of it."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from growthkit.exceptions import DataError, ParameterError
from growthkit.recommend import Interactions, split
from growthkit.testing import FrameEngine

DAY = pd.Timestamp("2026-01-01")


def log_of(rows: list[tuple[Any, Any, int]]) -> pd.DataFrame:
    """Return a log of (customer, item, day)."""
    customers, items, days = zip(*rows, strict=True)
    stamps = DAY + pd.to_timedelta(np.array(days), "D")
    return pd.DataFrame({"customer_id": customers, "item_id": items, "timestamp": stamps})


def pairs(part: Interactions | None) -> set[tuple[Any, Any]]:
    """Return the pairs of interactions."""
    if part is None:
        return set()
    columns = part.columns()
    return set(zip(columns[part.customer_name].tolist(), columns[part.item_name].tolist(), strict=True))


def report(parts: split.Split) -> dict[str, tuple[int, int]]:
    return {check.code: (check.n, check.of) for check in parts.checks}


LOG = log_of([("ann", 1, 0), ("ann", 2, 3), ("bob", 2, 1), ("bob", 1, 4), ("eve", 3, 5), ("ann", 1, 6), ("bob", 3, 6)])

LOGS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 6), st.integers(0, 9)), min_size=2, max_size=40).map(log_of)


class TestByTime:
    @pytest.mark.parametrize(
        "at",
        [
            "2026-01-05",
            dt.date(2026, 1, 5),
            dt.datetime(2026, 1, 5),
            np.datetime64("2026-01-05"),
            DAY + pd.Timedelta("4D"),
            3 / 7,
        ],
    )
    def test_moments_and_shares(self, at: Any) -> None:
        parts = split.by_time(LOG, at)
        assert pairs(parts.train) == {("ann", 1), ("ann", 2), ("bob", 2)}
        assert pairs(parts.test) == {("bob", 1), ("eve", 3), ("ann", 1), ("bob", 3)}

    def test_report(self) -> None:
        assert report(split.by_time(LOG, "2026-01-05")) == {
            "train_after_test": (0, 3),
            "left_out": (0, 7),
            "repeated": (1, 4),
            "new_customers": (1, 3),
            "new_items": (1, 2),
            "new_item_pairs": (2, 4),
            "reachable": (1, 4),
        }

    def test_gap_and_end(self) -> None:
        parts = split.by_time(LOG, "2026-01-04", gap=1.5, until="2026-01-07")
        assert pairs(parts.train) == {("ann", 1), ("bob", 2)}
        assert pairs(parts.test) == {("eve", 3)}
        assert parts.count("left_out") == 4
        assert "left_out" in {notice.code for notice in parts.warnings}

    def test_a_moment_within_a_day_of_dates(self) -> None:
        polars = pytest.importorskip("polars")
        days = [dt.date(2026, 1, 1), dt.date(2026, 1, 2)]
        log = polars.DataFrame({"customer_id": [1, 1], "item_id": [1, 2], "timestamp": days})
        assert pairs(split.by_time(log, "2026-01-01T12:00").test) == {(1, 2)}

    def test_rows_of_one_time_are_not_parted(self) -> None:
        log = log_of([(1, 1, 0), (2, 2, 1), (3, 3, 1), (4, 4, 1)])
        assert len(split.by_time(log, 0.5).test) == 3

    @pytest.mark.parametrize("at", ["2025-01-01", "2027-01-01"])
    def test_nothing_on_one_side(self, at: str) -> None:
        with pytest.raises(DataError, match=r"split\.by_time: no rows are left for"):
            split.by_time(LOG, at)

    @pytest.mark.parametrize(
        "at", [0.0, 1.0, 7, True, "soon", None, np.datetime64("NaT", "s"), dt.datetime(2026, 1, 1, tzinfo=dt.UTC)]
    )
    def test_bad_moments(self, at: Any) -> None:
        with pytest.raises(ParameterError, match=r"split\.by_time: at must be"):
            split.by_time(LOG, at)

    @given(LOGS, st.floats(0.05, 0.95))
    def test_training_is_older_than_test(self, log: pd.DataFrame, share: float) -> None:
        if log["timestamp"].nunique() < 2:
            return
        try:
            parts = split.by_time(log, share)
        except DataError:
            return
        ticks = parts.train.rows.times, parts.test.rows.times
        assert ticks[0] is not None
        assert ticks[1] is not None
        assert ticks[0].max() < ticks[1].min()
        assert parts.count("train_after_test") == 0

    def test_roles_and_weights(self) -> None:
        log = LOG.rename(columns={"customer_id": "user", "item_id": "movie", "timestamp": "when"})
        log["kind"] = ["view", "buy", "view", "view", "buy", "view", "buy"]
        roles = {"customer": "user", "item": "movie", "timestamp": "when", "event": "kind"}
        parts = split.by_time(log, "2026-01-05", event_weights={"view": 1, "buy": 5}, half_life=3, **roles)
        assert parts.train.item_name == "movie"
        assert parts.train.weights.tolist() == [0.5, 5.0, 0.5 ** (2 / 3)]
        with pytest.raises(ParameterError, match="there is no parameter 'user'"):
            split.by_time(log, 0.5, user="user")

    def test_interactions_are_split_by_their_last_events(self) -> None:
        whole = Interactions.from_frame(LOG, timestamp="timestamp")
        parts = split.by_time(whole, "2026-01-05")
        assert pairs(parts.train) == {("ann", 2), ("bob", 2)}
        assert pairs(parts.test) == {("bob", 1), ("eve", 3), ("ann", 1), ("bob", 3)}
        assert parts.train.customers.labels.tolist() == ["ann", "bob"]
        assert parts.train.items.labels.tolist() == [2]
        with pytest.raises(DataError, match="have no times"):
            split.by_time(Interactions.from_frame(LOG), 0.5)
        with pytest.raises(ParameterError, match="item is for a log"):
            split.by_time(whole, 0.5, item="item_id")

    @given(LOGS, st.floats(0.1, 0.9))
    def test_pairs_split_like_rows_where_each_pair_occurs_once(self, log: pd.DataFrame, share: float) -> None:
        once = log.drop_duplicates(["customer_id", "item_id"])
        try:
            one = split.by_time(once, share)
        except DataError:
            return
        two = split.by_time(Interactions.from_frame(once, timestamp="timestamp"), share)
        for mine, other in ((one.train, two.train), (one.test, two.test)):
            pd.testing.assert_frame_equal(mine.to_table(), other.to_table())
            assert (mine.customers, mine.items) == (other.customers, other.items)

    def test_engines(self, engine: FrameEngine) -> None:
        log = engine({name: LOG[name].to_numpy() if name == "timestamp" else LOG[name].tolist() for name in LOG})
        parts = split.by_time(log, "2026-01-05")
        assert pairs(parts.train) == {("ann", 1), ("ann", 2), ("bob", 2)}
        assert type(parts.to_frame()) is type(log)


class TestLeaveLast:
    def test_last_events(self) -> None:
        parts = split.leave_last(LOG)
        assert pairs(parts.test) == {("ann", 1), ("bob", 3)}
        assert pairs(parts.train) == {("ann", 1), ("ann", 2), ("bob", 2), ("bob", 1), ("eve", 3)}
        assert report(parts)["train_after_test"] == (0, 5)
        assert report(parts)["repeated"] == (1, 2)

    def test_what_others_did_later_is_reported(self) -> None:
        parts = split.leave_last(log_of([(1, 1, 0), (1, 2, 1), (2, 1, 5), (2, 3, 9)]))
        assert report(parts)["train_after_test"] == (1, 2)
        assert "train_after_test" in {notice.code for notice in parts.warnings}

    def test_customers_with_too_little_stay_in_training(self) -> None:
        log = pd.concat([LOG, log_of([("eve", 1, 8)])])
        assert pairs(split.leave_last(log).test) == {("ann", 1), ("bob", 3), ("eve", 1)}
        assert pairs(split.leave_last(log, min_history=2).test) == {("ann", 1), ("bob", 3)}
        with pytest.raises(DataError, match="no rows are left for the test"):
            split.leave_last(log, 3, min_history=3)

    def test_ties_go_by_item_and_equal_rows_together(self) -> None:
        log = log_of([(1, 1, 0), (1, 5, 1), (1, 3, 1), (1, 5, 1)])
        assert pairs(split.leave_last(log).test) == {(1, 5)}
        assert split.leave_last(log).test.weights.tolist() == [2.0]

    @given(LOGS, st.integers(1, 3), st.randoms(use_true_random=False))
    def test_order_of_rows_does_not_matter(self, log: pd.DataFrame, n: int, random: Any) -> None:
        order = list(range(len(log)))
        random.shuffle(order)
        try:
            one = split.leave_last(log, n)
        except DataError:
            return
        two = split.leave_last(log.iloc[order], n)
        assert one.to_dict() == two.to_dict()
        assert pairs(one.test) == pairs(two.test)
        counts = log.drop_duplicates().groupby("customer_id").size()
        tested = {customer for customer, _ in pairs(one.test)}
        assert tested == set(counts.index[counts > n])


class TestRolling:
    def test_windows(self) -> None:
        parts = split.rolling(LOG, 2, horizon=2)
        assert [pairs(part.test) for part in parts] == [{("ann", 2), ("bob", 1)}, {("eve", 3), ("ann", 1), ("bob", 3)}]
        assert [pairs(part.train) for part in parts] == [
            {("ann", 1), ("bob", 2)},
            {("ann", 1), ("ann", 2), ("bob", 2), ("bob", 1)},
        ]

    def test_step_gap_and_length_of_training(self) -> None:
        (part,) = split.rolling(LOG, 1, horizon=1, gap=1, train_days=2)
        assert pairs(part.test) == {("ann", 1), ("bob", 3)}
        assert pairs(part.train) == {("ann", 2), ("bob", 1)}
        early, late = split.rolling(LOG, 2, horizon=3, step=1)
        assert pairs(early.test) == {("ann", 2), ("bob", 1), ("eve", 3)}
        assert pairs(late.test) == {("bob", 1), ("eve", 3), ("ann", 1), ("bob", 3)}

    def test_out_of_data(self) -> None:
        with pytest.raises(DataError, match="no rows are left for training"):
            split.rolling(LOG, 4, horizon=2)

    @pytest.mark.parametrize("change", [{"n": 0}, {"horizon": 0}, {"step": 0}, {"gap": -1}, {"train_days": 0}])
    def test_out_of_range(self, change: dict[str, float]) -> None:
        (name,) = change
        with pytest.raises(ParameterError, match=f"split.rolling: {name} must be"):
            split.rolling(LOG, **({"horizon": 2} | change))  # type: ignore[arg-type]


class TestColdCustomers:
    @given(LOGS, st.floats(0.1, 0.9), st.floats(0.1, 0.9), st.booleans())
    def test_cold_ones_are_not_in_training(self, log: pd.DataFrame, share: float, hidden: float, timed: bool) -> None:
        try:
            parts = split.cold_customers(log, share, hidden=hidden, rng=0, timestamp="timestamp" if timed else None)
        except DataError:
            return
        assert not {customer for customer, _ in pairs(parts.train)} & {customer for customer, _ in pairs(parts.test)}
        assert not pairs(parts.given) & pairs(parts.test)
        assert {item for _, item in pairs(parts.given)} <= {item for _, item in pairs(parts.train)}
        whole = set(zip(log["customer_id"], log["item_id"], strict=True))
        assert pairs(parts.train) | pairs(parts.given) | pairs(parts.test) <= whole

    def test_the_last_items_are_hidden(self) -> None:
        log = log_of([(u, i, i) for u in range(10) for i in range(5)])
        parts = split.cold_customers(log, 0.3, hidden=0.4, rng=0, timestamp="timestamp")
        assert {item for _, item in pairs(parts.test)} == {3, 4}
        assert {item for _, item in pairs(parts.given)} == {0, 1, 2}
        assert parts.train.n_customers == 7

    def test_who_is_cold_depends_on_the_seed_alone(self) -> None:
        log = log_of([(u, i, i) for u in range(30) for i in range(4)])
        one = split.cold_customers(log, rng=7)
        two = split.cold_customers(log.sample(frac=1.0, random_state=1), rng=7)
        assert pairs(one.test) == pairs(two.test)
        assert pairs(one.test) != pairs(split.cold_customers(log, rng=8).test)

    def test_nothing_told(self) -> None:
        log = log_of([(u, i, i) for u in range(10) for i in range(3)])
        parts = split.cold_customers(log, 0.2, hidden=1.0, rng=0)
        assert parts.given is None
        assert len(parts.test) == 6
        assert report(parts)["new_customers"] == (2, 2)

    def test_told_items_that_nobody_else_has(self) -> None:
        log = log_of([(u, i, i) for u in range(4) for i in range(3)] + [(u, 100 + u, 0) for u in range(4)])
        parts = split.cold_customers(log, 0.25, hidden=0.25, rng=0, timestamp="timestamp")
        assert report(parts)["given_left_out"] == (1, 3)

    def test_single_items_are_left_out(self) -> None:
        log = log_of([(0, 1, 0), (1, 1, 0), (2, 1, 0), (3, 1, 0), (3, 2, 1)])
        cold = [
            split.cold_customers(log, 0.5, hidden=0.5, rng=seed)
            for seed in (0, 1, 2, 3, 4)
            if self.has_three(log, seed)
        ]
        assert cold
        assert all(part.count("left_out") == 1 for part in cold)

    @staticmethod
    def has_three(log: pd.DataFrame, seed: int) -> bool:
        """Return whether customer 3, the only one with two items, is among the cold."""
        try:
            return len(split.cold_customers(log, 0.5, hidden=0.5, rng=seed).test) == 1
        except DataError:
            return False


class TestAtRandom:
    @given(LOGS, st.floats(0.05, 0.95), st.integers(0, 9))
    def test_every_customer_keeps_an_item(self, log: pd.DataFrame, share: float, seed: int) -> None:
        try:
            parts = split.at_random(log, share, rng=seed)
        except DataError:
            return
        each = log.groupby("customer_id")["item_id"].nunique()
        hidden = pd.Series([customer for customer, _ in pairs(parts.test)]).value_counts()
        expected = np.minimum(np.floor(share * each + 0.5), each - 1).astype(int)
        assert hidden.reindex(each.index, fill_value=0).tolist() == expected.tolist()
        assert not pairs(parts.train) & pairs(parts.test)

    def test_items_are_equally_likely(self) -> None:
        log = log_of([(u, i, 0) for u in range(2_000) for i in range(5)])
        drawn = [item for _, item in pairs(split.at_random(log, 0.4, rng=0).test)]
        counts = np.bincount(drawn)
        assert counts.sum() == 4_000
        assert np.abs(counts - 800).max() < 4 * np.sqrt(2_000 * 0.4 * 0.6)

    def test_interactions(self) -> None:
        whole = Interactions.from_frame(LOG)
        parts = split.at_random(whole, 0.5, rng=0)
        assert pairs(parts.train) | pairs(parts.test) == pairs(whole)
        again = split.at_random(LOG, 0.5, rng=0)
        assert pairs(again.test) == pairs(parts.test)


class TestOf:
    def test_ids_of_different_kinds(self) -> None:
        train, test = (
            Interactions.from_frame(pd.DataFrame({"customer_id": ids, "item_id": [1]})) for ids in (["1"], [1])
        )
        with pytest.raises(DataError, match=r"Split.of: the ids of the customers are of kinds integer and text"):
            split.Split.of(train, test)

    def test_told_items_must_be_known(self) -> None:
        one, two = (Interactions.from_frame(pd.DataFrame({"customer_id": [1], "item_id": [i]})) for i in (1, 2))
        with pytest.raises(DataError, match="given has items that train has not"):
            split.Split.of(one, one, given=two)

    def test_training_rows_after_the_split_are_refused_or_counted(self) -> None:
        train = Interactions.from_frame(LOG.iloc[:6], timestamp="timestamp")
        test = Interactions.from_frame(LOG.iloc[4:], timestamp="timestamp")
        assert split.Split.of(train, test).count("train_after_test") == 2
        with pytest.raises(
            DataError, match=r"train holds 2 pairs whose last event is at 2026-01-06 or later \(first at"
        ):
            split.Split.of(train, test, at="2026-01-06")
        assert len(split.Split.of(train, test, at="2026-01-08").train) == 5
        with pytest.raises(DataError, match="train has no times"):
            split.Split.of(Interactions.from_frame(LOG), test, at="2026-01-06")

    def test_counts_are_those_of_sets(self) -> None:
        draw = np.random.default_rng(0)
        parts = [
            Interactions.from_frame(
                pd.DataFrame(
                    {"customer_id": draw.integers(low, low + 40, 200), "item_id": draw.integers(low, low + 30, 200)}
                )
            )
            for low in (0, 5)
        ]
        made = split.Split.of(*parts)
        train, test = map(pairs, parts)
        customers, items = ({pair[side] for pair in train} for side in (0, 1))
        assert made.count("repeated") == len(train & test)
        assert made.count("new_customers") == len({u for u, _ in test} - customers)
        assert made.count("new_items") == len({i for _, i in test} - items)
        assert made.count("new_item_pairs") == sum(i not in items for _, i in test)
        assert made.count("reachable") == sum(u in customers and i in items for u, i in test - train)

    def test_nothing_is_changed(self) -> None:
        before = LOG.copy()
        split.by_time(LOG, 0.5)
        split.cold_customers(LOG, 0.3, rng=0)
        pd.testing.assert_frame_equal(LOG, before)
        assert "train times" in split.by_time(LOG, 0.5).summary()
