"""The selection of the best scores of dense rows against sorting."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from growthkit._core.ragged import Ragged
from growthkit.recommend._request import Wanted
from growthkit.recommend._selection import select


def expected(scores: np.ndarray, k: int) -> list[list[tuple[int, float]]]:
    """Return the k best places of each row with their scores, ties by place; minus infinity is no score."""
    lists: list[list[tuple[int, float]]] = []
    for row in scores:
        order = np.lexsort((np.arange(row.size), -row))[:k]
        lists.append([(int(i), float(row[i])) for i in order if row[i] > -np.inf])
    return lists


def selected(scores: np.ndarray, wanted: Wanted, n_threads: int = 1) -> list[list[tuple[int, float]]]:
    ranked = select(lambda a, b: scores[a:b].copy(), *scores.shape, wanted, n_threads)
    rows = zip(ranked.items.tolist(), ranked.scores.tolist(), strict=True)
    return [[(i, s) for i, s in zip(*row, strict=True) if i >= 0] for row in rows]


KINDS: dict[str, Any] = {
    "all different": lambda rng, shape: rng.standard_normal(shape),
    "all below 0": lambda rng, shape: -rng.random(shape) - 1,
    "few values": lambda rng, shape: rng.integers(-2, 3, shape),
    "one value": lambda rng, shape: np.full(shape, 0.5),
    "zeros of both signs": lambda rng, shape: np.where(rng.random(shape) < 0.5, -0.0, 0.0),
    "few above 0": lambda rng, shape: np.where(rng.random(shape) < 0.01, rng.random(shape), -rng.random(shape)),
    "hardly any score": lambda rng, shape: np.where(rng.random(shape) < 0.02, rng.standard_normal(shape), -np.inf),
    "no score": lambda rng, shape: np.full(shape, -np.inf),
    "rising": lambda rng, shape: np.arange(shape[0] * shape[1]).reshape(shape),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n_items", [1, 63, 64, 65, 1000, 5000])
def test_the_best_are_those_of_a_sorted_row(kind: str, n_items: int) -> None:
    scores = KINDS[kind](np.random.default_rng(n_items), (7, n_items)).astype(np.float32)
    for k in (1, 2, 10, 15, 16, 100, n_items):
        assert selected(scores, Wanted(min(k, n_items))) == expected(scores, k)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 400), st.integers(1, 30), st.sampled_from(sorted(KINDS)))
def test_what_is_excluded_never_comes(seed: int, n_items: int, k: int, kind: str) -> None:
    rng = np.random.default_rng(seed)
    scores = KINDS[kind](rng, (3, n_items)).astype(np.float32)
    out = rng.random(scores.shape) < 0.3
    rows, codes = np.nonzero(out)
    excluded = Ragged.from_codes(rows.astype(np.int32), codes.astype(np.int32), 3)
    found = selected(scores, Wanted(min(k, n_items), excluded=excluded))
    assert found == expected(np.where(out, np.float32(-np.inf), scores), k)


def test_any_number_of_threads_finds_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("growthkit.recommend._selection.BLOCK", 5000)
    rng = np.random.default_rng(0)
    one, two = rng.standard_normal((60, 16), dtype=np.float32), rng.standard_normal((900, 16), dtype=np.float32)
    first, *others = (select(lambda a, b: one[a:b] @ two.T, 60, 900, Wanted(10), n) for n in (1, 2, 5))
    for other in others:
        assert first.items.tobytes() == other.items.tobytes()
        assert first.scores.tobytes() == other.scores.tobytes()
