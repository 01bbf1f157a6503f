"""`high_utility_itemsets`: a published example, a twin by definition, and what must not change the answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from growthkit.exceptions import DataError, ParameterError
from growthkit.rules import UtilityItemsets, high_utility_itemsets
from growthkit.testing import FrameEngine
from tests.references import utility as twin

LINES = st.lists(
    st.tuples(st.integers(0, 5), st.sampled_from("äbcde"), st.integers(-4, 9).map(float)), min_size=1, max_size=30
)


def frame_of(lines: list[tuple[int, str, float]]) -> pd.DataFrame:
    return pd.DataFrame(lines, columns=["basket_id", "item_id", "value"])


def worths(found: UtilityItemsets) -> dict[Any, tuple[int, float]]:
    columns = found.columns()
    pairs = zip(columns["count"].tolist(), columns["utility"].tolist(), strict=True)
    return dict(zip(columns["itemset"].tolist(), pairs, strict=True))


class TestTwin:
    @given(LINES, st.integers(1, 40))
    def test_all_sets(self, lines: list[Any], min_utility: int) -> None:
        expected = twin.itemsets(lines, min_utility)
        assert worths(high_utility_itemsets(frame_of(lines), min_utility=min_utility)) == expected

    @given(LINES, st.integers(1, 20), st.integers(1, 3))
    def test_up_to_a_length(self, lines: list[Any], min_utility: int, max_len: int) -> None:
        found = worths(high_utility_itemsets(frame_of(lines), min_utility=min_utility, max_len=max_len))
        whole = twin.itemsets(lines, min_utility)
        assert found == {itemset: worth for itemset, worth in whole.items() if len(itemset) <= max_len}

    @given(LINES, st.randoms(use_true_random=False))
    def test_the_order_of_rows(self, lines: list[Any], random: Any) -> None:
        shuffled = list(lines)
        random.shuffle(shuffled)
        one, other = (high_utility_itemsets(frame_of(each), min_utility=3) for each in (lines, shuffled))
        assert worths(one) == worths(other)


class TestAnswer:
    def test_the_most_useful_stands_first(self) -> None:
        found = high_utility_itemsets(frame_of([(1, "a", 5.0), (1, "b", 3.0), (2, "b", 4.0)]), min_utility=5)
        assert found.columns()["itemset"].tolist() == [("a", "b"), ("b",), ("a",)]
        assert found.utilities.tolist() == [8.0, 7.0, 5.0]
        assert found.columns()["support"].tolist() == [0.5, 1.0, 0.5]
        assert found.total == 12.0

    def test_a_loss_can_hide_inside_a_useful_set(self) -> None:
        lines = [(1, "bait", -2.0), (1, "phone", 90.0), (2, "bait", -2.0)]
        assert worths(high_utility_itemsets(frame_of(lines), min_utility=88)) == {
            ("bait", "phone"): (1, 88.0),
            ("phone",): (1, 90.0),
        }

    def test_cents_that_sum_to_the_threshold_are_in(self) -> None:
        lines = [(basket, "a", 0.1) for basket in range(10)]
        assert worths(high_utility_itemsets(frame_of(lines), min_utility=1.0)).keys() == {("a",)}

    @pytest.mark.parametrize(("cents", "n"), [(70, 100_000), (30, 100_000), (1_999, 100_000), (110, 1_000_000)])
    def test_many_cents_that_sum_to_the_threshold_are_in(self, cents: int, n: int) -> None:
        """Added up one by one, 100,000 times 0.7 is 69,999.99999..."""
        frame = pd.DataFrame({"basket_id": np.repeat(np.arange(n), 2), "item_id": ["a", "b"] * n, "value": cents / 100})
        found = worths(high_utility_itemsets(frame, min_utility=cents * n / 100))
        assert found[("a",)] == found[("b",)] == (n, pytest.approx(cents * n / 100, rel=1e-15))
        assert found[("a", "b")] == (n, pytest.approx(2 * cents * n / 100, rel=1e-15))

    def test_what_is_worth_little_beside_a_fortune_is_out(self) -> None:
        frame = frame_of([(1, "pin", 1.0), (2, "palace", 1e15)])
        assert worths(high_utility_itemsets(frame, min_utility=2)) == {("palace",): (1, 1e15)}

    def test_threads(self, threaded: None) -> None:
        draw = np.random.default_rng(5)
        frame = pd.DataFrame({"basket_id": draw.integers(0, 400, 3_000), "item_id": draw.integers(0, 30, 3_000)})
        frame["value"] = draw.normal(1, 3, len(frame))
        one, *others = [high_utility_itemsets(frame, min_utility=20, n_threads=n) for n in (1, 2, 5)]
        assert len(one) > 100
        for other in others:
            assert np.array_equal(one.codes, other.codes)
            assert np.array_equal(one.utilities, other.utilities)

    def test_every_engine(self, engine: FrameEngine) -> None:
        table = engine({"t": [1, 1, 2], "sku": ["x", "y", "x"], "margin": [2.0, 1.0, 4.0]})
        found = high_utility_itemsets(table, basket="t", item="sku", utility="margin", min_utility=3)
        assert worths(found) == {("x",): (2, 6.0), ("x", "y"): (1, 3.0)}
        assert type(found.to_frame()) is type(table)


class TestEdges:
    def test_nothing_worth_enough(self) -> None:
        found = high_utility_itemsets(frame_of([(1, "a", 1.0)]), min_utility=2)
        assert len(found) == 0
        assert found.to_frame().shape == (0, 6)

    def test_a_bound_beyond_64_bits_is_none(self) -> None:
        assert len(high_utility_itemsets(frame_of([(1, "a", 1.0), (1, "b", 1.0)]), min_utility=1, max_len=10**30)) == 3

    def test_losses_only(self) -> None:
        assert len(high_utility_itemsets(frame_of([(1, "a", -1.0), (1, "b", 0.0)]), min_utility=1)) == 0

    @pytest.mark.parametrize("options", [{"min_utility": 0}, {"min_utility": -1.0}, {"min_utility": 1, "max_len": 0}])
    def test_bad_parameters(self, options: dict[str, Any]) -> None:
        with pytest.raises(ParameterError, match="high_utility_itemsets"):
            high_utility_itemsets(frame_of([(1, "a", 1.0)]), **options)

    def test_sums_beyond_floats(self) -> None:
        with pytest.raises(DataError, match="sums to more than a float holds"):
            high_utility_itemsets(frame_of([(1, "a", 1e308), (1, "b", 1e308)]), min_utility=1)

    def test_bad_utilities(self) -> None:
        with pytest.raises(DataError, match=r'column "value" holds 1 NaN.*first at row 1'):
            high_utility_itemsets(frame_of([(1, "a", 1.0), (1, "b", float("nan"))]), min_utility=1)
