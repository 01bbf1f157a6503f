"""The kit finds what it says it finds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from growthkit.recommend import ItemKNN
from growthkit.testing.recommenders import check_recommender


class Sound(ItemKNN):
    pass


class ForgetsWhatWasSeen(ItemKNN):
    def recommend(self, *args: Any, **options: Any) -> Any:
        return super().recommend(*args, **{**options, "exclude": None})


class GivesTooFew(ItemKNN):
    def recommend(self, *args: Any, **options: Any) -> Any:
        return super().recommend(*args, **options).iloc[:-1]


class RepeatsItself(ItemKNN):
    def recommend(self, *args: Any, **options: Any) -> Any:
        frame = super().recommend(*args, **options)
        frame.loc[1, "item_id"] = frame.loc[0, "item_id"]
        return frame


class NamesItself(ItemKNN):
    def _similar(self, items: Any, k: int) -> Any:
        ranked = super()._similar(items, k)
        ranked.items[:, 0] = items
        return ranked


class IgnoresCaps(ItemKNN):
    def recommend(self, *args: Any, **options: Any) -> Any:
        return super().recommend(*args, **{**options, "group_cap": None})


class GivesNaN(ItemKNN):
    def recommend(self, *args: Any, **options: Any) -> Any:
        return super().recommend(*args, **options).assign(score=np.nan)


@pytest.mark.parametrize(
    ("model", "rule"),
    [
        (ForgetsWhatWasSeen, "no item is seen, excluded or ineligible"),
        (GivesTooFew, "exactly min"),
        (RepeatsItself, "no item stands twice in a list"),
        (NamesItself, "never holds the item itself"),
        (IgnoresCaps, "exactly min|holds more of a group than the cap"),
        (GivesNaN, "scores are finite"),
    ],
)
def test_faults_are_found(model: Any, rule: str) -> None:
    with pytest.raises(AssertionError, match=rule):
        check_recommender(model(k=5, similarity="cosine"))


def test_a_sound_model_passes() -> None:
    check_recommender(Sound(k=5))
