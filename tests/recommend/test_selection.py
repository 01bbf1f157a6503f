"""The choice of a model: on held-out data, never one that is not better than the popular items."""

from __future__ import annotations

import lzma
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from growthkit.exceptions import DataError, GrowthkitWarning, ParameterError
from growthkit.recommend import Interactions, Popular, compare_models, evaluate, split
from growthkit.recommend._base import Recommender


class Neighbours(Recommender):
    """Items that stand beside those of the customer: enough of a model to beat the popular items with."""

    def __init__(self, sign: int = 1) -> None:
        self.sign = sign

    def _learn(self, interactions: Interactions, items: Any, customers: Any) -> None:
        del items, customers
        matrix = interactions.to_csr()
        self.together_ = np.asarray((matrix.T @ matrix).todense(), dtype=np.float32)

    def _scores(self, customers: np.ndarray) -> np.ndarray:
        scores = np.zeros((customers.size, len(self.items_)), dtype=np.float32)
        for row, customer in enumerate(customers.tolist()):
            start, stop = self.history_.indptr[customer : customer + 2]
            scores[row] = self.sign * self.together_[self.history_.codes[start:stop]].sum(axis=0)
        return scores


class Refusing(Neighbours):
    """A model that is too large for the data."""

    def _learn(self, interactions: Interactions, items: Any, customers: Any) -> None:
        raise DataError("Refusing.fit: 7 items are too many.")


def shop(n: int = 300, groups: int = 4, *, seed: int = 0) -> pd.DataFrame:
    """Return customers who each buy from one group of items; with one group there is nothing to learn."""
    draw = np.random.default_rng(seed)
    taste = np.repeat(draw.integers(0, groups, n), 8)
    item = taste * (80 // groups) + draw.integers(0, 80 // groups, 8 * n)
    stamps = pd.Timestamp("2026-01-01") + pd.to_timedelta(draw.permutation(8 * n), "min")
    return pd.DataFrame({"customer_id": np.repeat(np.arange(n), 8), "item_id": item, "timestamp": stamps})


def test_the_better_model_is_chosen_and_fitted_on_all_data() -> None:
    choice = compare_models(shop(), {"neighbours": Neighbours()}, timestamp="timestamp")
    assert choice.best_name == "neighbours"
    assert choice.baseline == "popular"
    assert choice.best is not None
    assert choice.best.history_.codes.size == len(Interactions.from_frame(shop()))
    assert choice.to_frame()["model"].tolist() == ["neighbours", "popular"]
    assert choice.to_frame()["chosen"].tolist() == [True, False]
    assert choice.validation[0].method == "by time"
    assert "told apart from all others" in choice.reasons[1]
    assert "times that of popular" in choice.summary()


def test_nothing_better_than_popular_is_said() -> None:
    with pytest.warns(GrowthkitWarning, match="no candidate has a better ndcg@10 than popular beyond chance"):
        choice = compare_models(shop(groups=1), {"against": Neighbours(-1)}, timestamp="timestamp", refit=False)
    assert choice.best_name == "popular"
    assert choice.best is None
    assert "not_better_than_popular" in {notice.code for notice in choice.warnings}
    assert "beyond chance" in choice.reasons[0]


def test_popular_alone() -> None:
    with pytest.warns(GrowthkitWarning, match="beyond chance"):
        choice = compare_models(shop(), [Popular()], timestamp="timestamp")
    assert choice.baseline == "Popular"
    assert choice.differences is None
    assert np.isnan(choice.to_frame()["difference"]).all()


def test_equals_are_not_told_apart() -> None:
    choice = compare_models(shop(), {"one": Neighbours(), "two": Neighbours()}, timestamp="timestamp", ci="normal")
    assert choice.best_name == "one"
    assert choice.reasons[1] == "Not told apart from it: two."


def test_what_cannot_be_fitted_is_said_and_left_out() -> None:
    with pytest.warns(GrowthkitWarning, match="large was not compared: Refusing.fit: 7 items"):
        choice = compare_models(shop(), {"large": Refusing(), "small": Neighbours()}, timestamp="timestamp")
    assert choice.best_name == "small"
    assert list(choice.skipped) == ["large"]


def test_interactions_and_splits_of_ones_own() -> None:
    whole = Interactions.from_frame(shop())
    at_random = compare_models(whole, {"neighbours": Neighbours()}, rng=3)
    assert at_random.validation[0].method.endswith("at random")
    timed = compare_models(Interactions.from_frame(shop(), timestamp="timestamp"), {"neighbours": Neighbours()}, rng=0)
    assert timed.validation[0].method == "by time"
    parts = split.rolling(shop(), 2, horizon=0.2)
    rolled = compare_models(shop(), {"neighbours": Neighbours()}, validation=parts)
    assert len(rolled.validation) == 2
    assert {at_random.best_name, timed.best_name, rolled.best_name} == {"neighbours"}


def test_the_figures_are_those_of_evaluate() -> None:
    models = {"popular": Popular(), "neighbours": Neighbours()}
    choice = compare_models(shop(), models, timestamp="timestamp", rng=5, k=5)
    together = evaluate(models, choice.validation[0], metrics="ndcg", k=5, rng=5)
    assert choice.evaluation.to_dict() == together.to_dict()
    assert choice.differences is not None
    assert choice.differences.to_dict() == together.differences("popular").to_dict()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"metric": "coverage"}, "metric must be one of 'recall'"),
        ({"ci": None}, "ci must be one of"),
        ({"refit": 1}, "refit must be True or False"),
        ({"k": 0}, "k must be a whole number"),
        ({"models": {"popular": Neighbours()}}, "only Popular is called 'popular'"),
        ({"models": {"lists": pd.DataFrame({"a": [1]})}}, "models must be recommenders"),
    ],
)
def test_out_of_range(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        compare_models(**({"data": shop(20), "models": {"n": Neighbours()}} | change))


def gowalla(folder: Path) -> split.Split:
    """Return the official split of Gowalla."""
    parts: list[Interactions] = []
    for name in ("train", "test"):
        with lzma.open(folder / "recommend" / f"gowalla_{name}.csv.xz") as file:
            parts.append(Interactions.from_frame(pd.read_csv(file), customer="user", item="item"))
    return split.Split.of(*parts)


@pytest.mark.slow
def test_the_best_on_gowalla_is_found_without_its_test_data(shared_data: Path) -> None:
    from growthkit.recommend import ImplicitALS, ItemKNN

    parts = gowalla(shared_data)
    models = {"item_knn": ItemKNN(), "als": ImplicitALS()}
    choice = compare_models(parts.train, models, k=20, refit=False, rng=0)
    final = evaluate({"popular": Popular(), **models}, parts, metrics=["ndcg", "recall"], k=20, rng=0)
    assert choice.best_name == final.models[int(final.estimate[:, 0].argmax())]
    assert choice.best_name == final.models[int(final.estimate[:, 1].argmax())]
    assert choice.reasons[1] == "It is told apart from all others."
