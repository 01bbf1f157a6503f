"""Frequent itemsets and rules beside the libraries of the field: all that they find, and what they lose."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from growthkit.rules import Baskets, association_rules, frequent_itemsets

pytestmark = pytest.mark.filterwarnings("ignore")


def drawn(seed: int) -> list[list[int]]:
    rng = np.random.default_rng(seed)
    return [np.flatnonzero(row < 0.45).tolist() for row in rng.random((120, 9))]


def ours(lists: Any, min_support: float) -> dict[frozenset[Any], int]:
    columns = frequent_itemsets(Baskets.from_lists(lists), min_support=min_support).columns()
    return dict(zip(map(frozenset, columns["itemset"]), columns["count"].tolist(), strict=True))


def onehot(lists: list[list[int]]) -> pd.DataFrame:
    return pd.DataFrame([[item in basket for item in range(9)] for basket in lists])


class TestPyfim:
    @pytest.mark.parametrize("algorithm", ["apriori", "eclat", "fpgrowth", "relim"])
    def test_the_same_where_no_item_is_in_every_basket(self, algorithm: str) -> None:
        fim = pytest.importorskip("fim")
        lists = drawn(1)
        theirs = getattr(fim, algorithm)(lists, supp=-6, report="a")
        assert {frozenset(itemset): count for itemset, count in theirs} == ours(lists, 6)

    @pytest.mark.parametrize("algorithm", ["apriori", "eclat", "fpgrowth"])
    def test_all_that_it_finds_and_the_items_of_every_basket(self, algorithm: str) -> None:
        fim = pytest.importorskip("fim")
        lists = [("a", "b"), ("a",)]
        theirs = {frozenset(s): n for s, n in getattr(fim, algorithm)(lists, supp=-1, report="a")}
        found = ours(lists, 1)
        assert found == {frozenset("a"): 2, frozenset("b"): 1, frozenset("ab"): 1}
        assert theirs.items() <= found.items()


class TestMlxtend:
    def test_all_that_it_finds_and_those_at_the_threshold(self) -> None:
        patterns = pytest.importorskip("mlxtend.frequent_patterns")
        lists = drawn(2)
        for count in range(4, 40):
            share = count / len(lists)
            table = patterns.fpgrowth(onehot(lists), min_support=share)
            theirs = {frozenset(s): round(p * 120) for s, p in zip(table["itemsets"], table["support"], strict=True)}
            found = ours(lists, share)
            assert found == ours(lists, count)
            assert theirs.items() <= found.items()
            assert {n for _, n in found.items() - theirs.items()} <= {count}

    def test_all_rules_that_it_finds_and_those_at_the_threshold(self) -> None:
        patterns = pytest.importorskip("mlxtend.frequent_patterns")
        lists = drawn(3)
        table = patterns.apriori(onehot(lists), min_support=6 / 120)
        itemsets = frequent_itemsets(Baskets.from_lists(lists), min_support=6)
        for threshold in (0.3, 0.5, 0.6):
            theirs = patterns.association_rules(table, metric="confidence", min_threshold=threshold)
            found = association_rules(itemsets, min_threshold=threshold, max_consequent=None, correction=None)
            columns = found.columns()
            sides = zip(map(frozenset, columns["antecedent"]), map(frozenset, columns["consequent"]), strict=True)
            mine = dict(zip(sides, columns["confidence"], strict=True))
            wanted = dict(zip(zip(theirs["antecedents"], theirs["consequents"]), theirs["confidence"]))  # noqa: B905
            assert set(wanted) <= set(mine)
            assert all(mine[rule] == pytest.approx(confidence) for rule, confidence in wanted.items())
            assert all(mine[rule] == pytest.approx(threshold) for rule in set(mine) - set(wanted))
