"""Tables of sets and patterns: the types of their columns, with rows and without."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pytest

from growthkit.recommend import Interactions, ItemKNN
from growthkit.rules import (
    Baskets,
    RuleRecommender,
    frequent_itemsets,
    high_utility_itemsets,
    mine_rules,
    sequential_patterns,
)
from growthkit.testing import FrameEngine

ITEMS = {
    "text": ["mat", "tent", "stove"],
    "integer": [1, 2, 3],
    "float": [0.5, 1.5, 2.5],
    "boolean": [False, True],
    "datetime": [dt.datetime(2026, 1, day) for day in (1, 2, 3)],
}
"""Ids of each kind."""

BASKETS = [[0, 1], [0, 1], [0], [1]]


def log_of(engine: FrameEngine, items: list[Any]) -> Any:
    lines = [(basket, items[place]) for basket, held in enumerate(BASKETS) for place in held]
    moments = [place for held in BASKETS for place in held]
    return engine(
        {
            "basket_id": [f"basket {basket}" for basket, _ in lines],
            "item_id": [item for _, item in lines],
            "timestamp": moments,
            "value": np.ones(len(lines)),
        }
    )


def offers(log: Any, n_least: int) -> Any:
    rules = mine_rules(log, min_support=n_least, min_threshold=0.0)
    return RuleRecommender(rules).recommend(Baskets.from_frame(log))


TABLES = {
    "itemsets": lambda log, n: frequent_itemsets(log, min_support=n).to_frame(),
    "rules": lambda log, n: mine_rules(log, min_support=n, min_threshold=0.0).to_frame(),
    "negative rules": lambda log, n: mine_rules(log, min_support=n, negative=True, min_threshold=0.0).to_frame(),
    "offers": offers,
    "patterns": lambda log, n: sequential_patterns(log, customer="basket_id", min_support=n).to_frame(),
    "worths": lambda log, n: high_utility_itemsets(log, min_utility=n).to_frame(),
}
"""What gives rows for a threshold of 1, and none for one of 99."""


def types_of(frame: Any) -> dict[str, str]:
    if hasattr(frame, "dtypes"):  # pandas, Polars
        return dict(zip(frame.columns, map(str, frame.dtypes), strict=True))
    return {field.name: str(field.type) for field in frame.schema}


@pytest.mark.parametrize("items", ITEMS.values(), ids=ITEMS)
@pytest.mark.parametrize("table", TABLES)
def test_tables_without_rows_have_the_types_of_those_with_rows(
    engine: FrameEngine, table: str, items: list[Any]
) -> None:
    log = log_of(engine, items)
    full, empty = (TABLES[table](log, n) for n in (1, 99))
    assert full.shape[0]
    assert not empty.shape[0]
    assert types_of(empty) == types_of(full)


def test_explanations_and_lists_without_rows_have_types(engine: FrameEngine) -> None:
    log = engine({"customer_id": ["a", "a", "b"], "item_id": ["x", "y", "z"]})
    model = ItemKNN().fit(Interactions.from_frame(log))
    assert types_of(model.explain("b", "x")) == types_of(model.explain("a", "x"))
    nothing = model.recommend(["a"], k=1, eligible=np.zeros(3, dtype=bool))
    assert types_of(nothing) == types_of(model.recommend(["a"], k=1))
