"""Offers from rules: against the plain loop, with ties, unknown items, taxonomies, threads and every dataframe."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from growthkit.exceptions import DataError, ParameterError
from growthkit.rules import Baskets, RuleRecommender, Rules, mine_rules
from growthkit.testing import FrameEngine
from tests.references import association as reference
from tests.support import to_lists

few_items = st.frozensets(st.sampled_from("abcdef"), max_size=5)
shops = st.lists(few_items, min_size=2, max_size=12).filter(any)
SHOP = [["bread", "milk"]] * 4 + [["bread"], ["milk"], ["tea"], ["tea", "milk"], ["tea", "milk", "rusk"]]


def rules_of(shop: Any, **options: Any) -> Rules:
    return mine_rules(Baskets.from_lists(shop), **({"min_support": 1, "min_threshold": 0.0} | options))


def plain(rules: Rules) -> list[reference.Rule]:
    columns = rules.columns()
    counts = (columns[name].tolist() for name in ("count", "antecedent_count", "consequent_count"))
    sides = (map(frozenset, columns[name]) for name in ("antecedent", "consequent"))
    return [reference.Rule(*row) for row in zip(*sides, *counts, strict=True)]


@given(shops, shops, st.sampled_from(["confidence", "lift", "leverage"]), st.sampled_from(["max", "sum"]))
def test_offers_are_those_of_the_plain_loop(
    shop: list[frozenset[str]], now: list[frozenset[str]], score: str, aggregate: str
) -> None:
    rules = rules_of(shop, max_consequent=2)
    table = RuleRecommender(rules, score=score, aggregate=aggregate).recommend(Baskets.from_lists(now), k=9)
    scores = rules.measure(score)
    for row, basket in enumerate(now):
        wanted = reference.offers(basket, plain(rules), scores.tolist(), summed=aggregate == "sum")
        mine = table[table["basket_id"] == row]
        assert dict(zip(mine["item_id"], mine["score"], strict=True)) == pytest.approx(wanted)
        assert mine["rank"].tolist() == list(range(1, len(mine) + 1))
        assert (np.diff(mine["score"]) <= 0).all()
        for item, because, best in zip(mine["item_id"], mine["because"], mine["score"], strict=True):
            assert set(because) <= basket
            said = [
                value
                for rule, value in zip(plain(rules), scores, strict=True)
                if rule.antecedent == set(because) and item in rule.consequent
            ]
            assert said
            assert aggregate == "sum" or best in said


@given(shops, st.integers(1, 4))
def test_fewer_offers_are_the_first_of_more(shop: list[frozenset[str]], k: int) -> None:
    recommender, baskets = RuleRecommender(rules_of(shop)), Baskets.from_lists(shop)
    every = recommender.recommend(baskets, k=6)
    pd.testing.assert_frame_equal(recommender.recommend(baskets, k=k), every[every["rank"] <= k].reset_index(drop=True))


def test_ties_go_to_the_larger_count_then_to_the_shorter_antecedent() -> None:
    shop = [["a", "x", "z"]] * 3 + [["b", "y"]] * 2 + [["c"]]
    table = RuleRecommender(rules_of(shop, min_threshold=1.0)).recommend(Baskets.from_lists([["b", "a"]]))
    assert table["item_id"].tolist() == ["x", "z", "y"]
    table = RuleRecommender(rules_of(shop, min_threshold=1.0)).recommend(Baskets.from_lists([["a", "x"]]))
    assert table["because"].tolist() == [("a",)]


def test_of_equal_scores_that_of_the_most_baskets_comes_first() -> None:
    """Two rules with a confidence of one half: of 2 and of 4 baskets, whatever the order in which they stand."""
    shop = [["a", "x"]] * 2 + [["a"]] * 2 + [["b", "y"]] * 4 + [["b"]] * 4
    rules = rules_of(shop).filter(antecedent=["a", "b"])
    assert rules.measure("confidence").tolist() == [0.5, 0.5]
    for order in ([0, 1], [1, 0]):
        table = RuleRecommender(rules.take(order)).recommend(Baskets.from_lists([["a", "b"]]))
        assert table["item_id"].tolist() == ["y", "x"]


def test_of_every_library(engine: FrameEngine) -> None:
    now = engine({"basket_id": np.array([8, 7, 8]), "item_id": np.array(["tea", "bread", "unknown"], dtype=object)})
    found = RuleRecommender(rules_of(SHOP)).recommend(now, k=2)
    assert type(found) is type(now)
    table = to_lists(found)
    assert table["basket_id"] == [7, 8, 8]
    assert table["item_id"] == ["milk", "milk", "rusk"]
    assert table["rank"] == [1, 1, 2]
    assert [tuple(side) for side in table["because"]] == [("bread",), ("tea",), ("tea",)]


def test_columns_can_be_named() -> None:
    now = pd.DataFrame({"visit": [1], "what": ["bread"]})
    table = RuleRecommender(rules_of(SHOP)).recommend(now, basket="visit", item="what")
    assert table["item_id"].tolist() == ["milk"]


def test_threads_change_nothing(threaded: None) -> None:
    rng = np.random.default_rng(2)
    baskets = Baskets.from_lists([np.flatnonzero(rng.random(12) < 0.4) for _ in range(200)])
    recommender = RuleRecommender(mine_rules(baskets, min_support=10, min_threshold=0.0), aggregate="sum")
    one, *others = (recommender.recommend(baskets, k=5, n_threads=n) for n in (1, 2, 5))
    for other in others:
        pd.testing.assert_frame_equal(one, other, check_exact=True)


def test_groups_of_the_items_are_added() -> None:
    table = pd.DataFrame({"item_id": ["brie", "gouda", "wine"], "group": ["cheese", "cheese", "drinks"]})
    shop = Baskets.from_lists([["brie", "wine"], ["gouda", "wine"], ["gouda"]]).with_taxonomy(table)
    rules = mine_rules(shop, min_support=1, min_threshold=0.0).filter(antecedent=["group=cheese"])
    offered = RuleRecommender(rules).recommend(Baskets.from_lists([["brie"]]))
    assert set(offered["item_id"]) == {"wine", "group=drinks"}


def test_a_group_does_not_stand_for_its_only_item() -> None:
    """Rye was the only bread when the rules were found; who has another bread now has no rye."""
    table = pd.DataFrame({"item_id": ["brie", "rye"], "shelf": ["cheese", "bread"]})
    rules = mine_rules(Baskets.from_lists([["brie", "rye"]] * 3).with_taxonomy(table), min_support=1)
    now = Baskets.from_lists([["bun"]]).with_taxonomy(pd.DataFrame({"item_id": ["bun"], "shelf": ["bread"]}))
    offered = RuleRecommender(rules).recommend(now)
    assert set(offered["because"]) == {("shelf=bread",)}
    assert set(offered["item_id"]) == {"brie", "shelf=cheese"}


def test_nothing_to_say() -> None:
    empty = rules_of(SHOP, min_support=9)
    for rules, now in ((empty, [["tea"]]), (rules_of(SHOP), [["unknown"], []])):
        table = RuleRecommender(rules).recommend(Baskets.from_lists(now))
        assert table.columns.tolist() == ["basket_id", "item_id", "rank", "score", "because"]
        assert len(table) == 0


def test_rules_without_the_score_are_left_out() -> None:
    rules = rules_of([["a", "b"], ["a", "b"]])
    assert np.isnan(rules.measure("phi")).all()
    assert len(RuleRecommender(rules, score="phi").recommend(Baskets.from_lists([["a"]]))) == 0


def test_ids_of_another_kind_never_match() -> None:
    recommender = RuleRecommender(mine_rules(Baskets.from_lists([["1", "2"]] * 3), min_support=1))
    with pytest.raises(DataError, match="the baskets have integer ids, the rules text ids, which never match"):
        recommender.recommend(Baskets.from_lists([[1]]))
    assert len(recommender.recommend(Baskets.from_lists([[], []]))) == 0


def test_refuses() -> None:
    rules = rules_of(SHOP)
    for options in ({"score": "lyft"}, {"aggregate": "mean"}):
        with pytest.raises(ParameterError, match="RuleRecommender: "):
            RuleRecommender(rules, **options)  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="the rules are negative"):
        RuleRecommender(rules_of(SHOP, negative=True))
    with pytest.raises(ParameterError, match="k must be a whole number of at least 1"):
        RuleRecommender(rules).recommend(Baskets.from_lists(SHOP), k=0)
    with pytest.raises(DataError, match="no column"):
        RuleRecommender(rules).recommend(pd.DataFrame({"item_id": [1]}))
