"""The search itself: every layout finds the same, and it goes on where it ran out of room."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from math import comb
from typing import Any

import numpy as np
import pandas as pd
import pytest

from growthkit.exceptions import ParameterError
from growthkit.rules import Baskets, _prepared, _workers, count_itemsets, frequent_itemsets
from growthkit.rules._mining import Budget, count_lengths, list_itemsets, prepare
from tests.references import itemsets as reference

LAYOUTS = {
    "whole": {"DENSE": -1.0, "MANY_ROWS": 2**40},
    "tables": {"DENSE": -1.0, "MANY_ROWS": 0, "FULL_TABLE": 0.0},
    "masks": {"DENSE": 2.0, "ROOM_FOR_MASKS": 10**9},
    "masks and tails": {"DENSE": 2.0, "ROOM_FOR_MASKS": 10**9, "BLOCK": 3},
    "narrow masks": {"DENSE": 2.0, "ROOM_FOR_MASKS": 0},
    "tails": {"DENSE": 2.0, "BLOCK": 0},
}
"""What makes the choice fall on the whole, with tables or without, or on items in masks, in lists, or in both."""


@pytest.fixture(params=LAYOUTS)
def layout(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Baskets are searched as a whole, or item by item."""
    for name, value in LAYOUTS[request.param].items():
        monkeypatch.setattr(_workers if hasattr(_workers, name) and name != "BLOCK" else _prepared, name, value)
    return request.param


def drawn(seed: int, n: int, n_items: int, share: float) -> list[list[int]]:
    """Return n baskets in which low items are frequent."""
    rng = np.random.default_rng(seed)
    chances = share * np.linspace(1.6, 0.4, n_items)
    return [np.flatnonzero(row < chances).tolist() for row in rng.random((n, n_items))]


def popular(n: int, n_items: int, length: int, copies: int) -> Baskets:
    """Return baskets of about so many items, popular by Zipf's law, each as often as `copies` says."""
    rng = np.random.default_rng(n_items)
    lengths = np.tile(rng.poisson(length, n), copies)
    items = np.minimum(n_items * rng.random((n, 4 * length + 9)) ** 4, n_items - 1).astype(np.int64)
    codes = np.tile(items, (copies, 1))[np.arange(items.shape[1]) < lengths[:, np.newaxis]]
    frame = pd.DataFrame({"basket_id": np.repeat(np.arange(n * copies), lengths), "item_id": codes})
    return Baskets.from_frame(frame)


def found(baskets: Baskets, least: int, **options: Any) -> dict[frozenset[Any], int]:
    columns = frequent_itemsets(baskets, min_support=least, **options).columns()
    return dict(zip(map(frozenset, columns["itemset"]), columns["count"].tolist(), strict=True))


@pytest.mark.usefixtures("layout")
class TestLayouts:
    @pytest.mark.parametrize("n", [1, 2, 40, 63, 64, 65, 128, 511, 513, 1_100])
    @pytest.mark.parametrize("max_len", [None, 1, 2, 3, 4])
    def test_words_of_bits(self, n: int, max_len: int | None) -> None:
        lists = drawn(n, n, 9, 0.5)
        baskets = Baskets.from_lists([*lists, [0]])
        least = max(1, n // 30)
        expected = reference.frequent([*lists, [0]], least, max_len=max_len)
        assert found(baskets, least, max_len=max_len) == expected
        assert count_itemsets(baskets, min_support=least, max_len=max_len).total == len(expected)

    @pytest.mark.parametrize("heaviest", [2, 9, 100, 10_000])
    @pytest.mark.parametrize("n", [3, 30, 300])
    def test_bits_with_weights(self, n: int, heaviest: int) -> None:
        lists = drawn(heaviest, n, 8, 0.5)
        weights = np.random.default_rng(n).integers(1, heaviest, n, endpoint=True).tolist()
        least = max(1, sum(weights) // 20)
        expected = reference.frequent(lists, least, weights=weights)
        assert found(Baskets.from_lists(lists, weights=weights), least) == expected

    def test_more_extensions_than_lanes(self) -> None:
        lists = drawn(3, 400, 60, 0.05)
        assert found(Baskets.from_lists(lists), 2) == reference.frequent(lists, 2)

    @pytest.mark.parametrize("n", [20, 200])
    def test_ancestors(self, n: int) -> None:
        lists = [[f"i{item}" for item in basket] for basket in drawn(n, n, 8, 0.4)]
        table = pd.DataFrame({"item_id": [f"i{item}" for item in range(8)], "aisle": list("aabbccdd")})
        baskets = Baskets.from_lists(lists).with_taxonomy(table)
        aisle = {item: {f"aisle={name}"} for item, name in zip(table["item_id"], table["aisle"], strict=True)}
        with_aisles = [[*basket, *set[str]().union(*(aisle[item] for item in basket))] for basket in lists]
        expected = reference.frequent(with_aisles, 2, ancestors=aisle)
        assert found(baskets, 2) == expected
        assert count_itemsets(baskets, min_support=2).total == len(expected)

    def test_running_out_of_room_changes_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        lists = drawn(5, 300, 14, 0.6)
        expected = found(Baskets.from_lists(lists), 20)
        assert len(expected) > 2_900
        for name in ("BATCH", "FIRST_PIECE", "LAST_PIECE"):
            monkeypatch.setattr(_workers, name, 3)
        monkeypatch.setattr(_workers, "SPARE", 1)
        assert found(Baskets.from_lists(lists), 20) == expected

    @pytest.mark.parametrize("heaviest", [1, 3, 300])
    def test_baskets_of_an_item_in_parts(self, heaviest: int, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(_workers, "ROWS", 64)
        monkeypatch.setattr(_workers, "REPEATED", 64)
        lists = drawn(heaviest, 700, 9, 0.5)
        weights = np.random.default_rng(heaviest).integers(1, heaviest, 700, endpoint=True).tolist()
        least = sum(weights) // 40
        expected = reference.frequent(lists, least, weights=weights)
        assert found(Baskets.from_lists(lists, weights=weights), least) == expected

    def test_long_baskets(self) -> None:
        lists = [range(400), range(700), range(100, 500), range(300, 700)]
        held = np.array([np.isin(np.arange(700), basket) for basket in lists]).astype(np.int64)
        together = held.T @ held
        pairs = frequent_itemsets(Baskets.from_lists(lists), min_support=2, min_len=2, max_len=2)
        one, other = pairs.codes.reshape(-1, 2).T
        assert pairs.counts.tolist() == together[one, other].tolist()
        assert len(pairs) == np.count_nonzero(np.triu(together, 1) >= 2)

    @pytest.mark.usefixtures("threaded")
    def test_blocks_share_the_items_of_every_basket(self) -> None:
        lists = [[*basket, 20, 21, 22] for basket in drawn(6, 200, 10, 0.5)]
        assert found(Baskets.from_lists(lists), 9, n_threads=3) == reference.frequent(lists, 9)


class TestSubsets:
    @pytest.mark.parametrize("empty", [[], [[]]], ids=["in every basket", "not in every basket"])
    def test_of_one_long_basket(self, empty: list[list[int]]) -> None:
        n = 1_100
        counted = count_itemsets(Baskets.from_lists([range(n), range(n), *empty]), min_support=2)
        assert counted.n_itemsets == tuple(comb(n, length) for length in range(1, n + 1))


class TestMemory:
    """A call takes at most 16 bytes an itemset and three times its baskets; 12 bytes an itemset are the answer's."""

    @pytest.mark.parametrize(
        ("n_items", "length", "copies", "least"),
        [(6_000, 10, 1, 25), (400, 8, 1, 150), (300, 5, 1, 60), (3_000, 3, 1, 20), (200, 5, 6, 60)],
        ids=["masks and tails", "masks", "narrow masks", "tails", "weights"],
    )
    def test_of_a_call(self, n_items: int, length: int, copies: int, least: int) -> None:
        baskets = popular(100_000 // copies, n_items, length, copies)
        frequent_itemsets(baskets, min_support=least, n_threads=1)
        tracemalloc.start()
        try:
            n = len(frequent_itemsets(baskets, min_support=least, n_threads=1))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert n > n_items // 4
        assert peak <= 16 * n + 3 * (baskets.rows.indptr.nbytes + baskets.rows.codes.nbytes)


class TestPreparing:
    def test_equal_baskets_are_merged(self) -> None:
        prepared = prepare(Baskets.from_lists([[1, 2, 3], [3, 2, 1], [1, 2], [3], []]), 1, None, perfect=True)
        assert prepared.data.codes.tolist() == [2, 0, 1, 2, 1, 0, 1]
        assert prepared.data.supports.tolist() == [3, 3, 3]

    def test_merging_stops_where_it_does_not_pay(self) -> None:
        rng = np.random.default_rng(0)
        lists = [rng.choice(400, 6, replace=False).tolist() for _ in range(5_000)]
        prepared = prepare(Baskets.from_lists(lists * 2), 1, None, perfect=True)
        assert 5_000 < prepared.indptr.size - 1 <= 10_000
        one = prepare(Baskets.from_lists([[1, 2]] * 9_000), 1, None, perfect=False)
        assert one.indptr.size - 1 == 1

    def test_long_baskets_are_sorted(self) -> None:
        lists = [np.random.default_rng(n).permutation(300)[: 120 + n].tolist() for n in range(9)]
        lists.append([7] * 3 + [8])
        prepared = prepare(Baskets.from_lists(lists), 1, None, perfect=True)
        for start, stop in zip(prepared.indptr[:-1], prepared.indptr[1:], strict=True):
            assert (np.diff(prepared.data.codes[start + 1 : stop]) > 0).all()
        pairs = found(Baskets.from_lists(lists), 5, min_len=2, max_len=2)
        sets = [set(basket) for basket in lists]
        assert all(count == sum(itemset <= basket for basket in sets) >= 5 for itemset, count in pairs.items())

    def test_ancestors_come_before_descendants_of_equal_count(self) -> None:
        table = pd.DataFrame({"item_id": ["a"], "z": ["y"], "x": ["w"]})
        prepared = prepare(Baskets.from_lists([["a"], ["a"]]).with_taxonomy(table), 1, None, perfect=False)
        above = np.split(prepared.data.ancestors, prepared.data.lineage[1:-1])
        assert prepared.data.supports.tolist() == [2, 2, 2]
        for low in range(3):
            for high in range(low + 1, 3):
                assert low in above[high]


class TestBudget:
    def test_it_adds_up(self) -> None:
        budget = Budget(10, 3, "f")
        budget.spend(6)
        budget.spend(4)
        with pytest.raises(ParameterError, match="f: 11 itemsets and more have a count of at least 3"):
            budget.spend(1)

    @pytest.mark.usefixtures("threaded")
    def test_it_holds_for_all_threads_together(self) -> None:
        baskets = Baskets.from_lists(drawn(1, 200, 16, 0.7))
        prepared = prepare(baskets, 5, None, perfect=True)
        total = sum(count_lengths(prepared, 5, None, function="f", n_threads=1, progress=False))
        list_all: Callable[[int], Any] = lambda limit: list_itemsets(  # noqa: E731
            prepared, 5, None, Budget(limit, 5, "f"), n_threads=3, progress=False
        )
        assert len(list_all(total)) == total
        with pytest.raises(ParameterError, match="max_itemsets"):
            list_all(total - 1)
