"""BPR: the descent against its twin, the same bits on any number of threads, and that it learns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from growthkit.exceptions import DataError, GrowthkitError, ParameterError
from growthkit.recommend import BPR, Interactions, _bpr_kernels, bpr

from ..references import factorisation as twin


def tastes(n_customers: int = 300, n_items: int = 60, seed: int = 0) -> np.ndarray:
    """Return ones where customers of three tastes meet items of their own taste, mostly."""
    rng = np.random.default_rng(seed)
    own = np.arange(n_customers)[:, None] % 3 == np.arange(n_items) % 3
    return (rng.random(own.shape) < np.where(own, 0.35, 0.02)).astype(float)


def interactions(matrix: np.ndarray) -> Interactions:
    return Interactions.from_csr(sp.csr_array(matrix))


def fitted(matrix: np.ndarray, **options: Any) -> BPR:
    return BPR(**({"factors": 6, "iterations": 20} | options)).fit(interactions(matrix))


class TestKernels:
    @given(st.integers(0, 2**64 - 1), st.integers(0, 2**40), st.integers(1, 2**31 - 1))
    @settings(max_examples=200, deadline=None)
    def test_draws_are_those_of_the_twin(self, key: int, counter: int, n: int) -> None:
        bits = int(_bpr_kernels.scramble(np.uint64(key), counter))
        assert bits == twin.scramble(key, counter)
        assert _bpr_kernels.below(np.uint64(bits), n) == twin.below(bits, n) < n

    def test_draws_are_even(self) -> None:
        draws = [twin.below(twin.scramble(77, counter), 10) for counter in range(20_000)]
        assert np.bincount(draws, minlength=10) == pytest.approx(np.full(10, 2000), abs=200)

    def test_descent_is_that_of_the_loops(self) -> None:
        matrix = tastes(40, 9)
        rows = interactions(matrix).rows
        pairs = list(zip(rows.row_numbers().tolist(), rows.codes.tolist(), strict=True))
        rng = np.random.default_rng(4)
        own, others = rng.normal(size=(40, 4)).astype(np.float32), rng.normal(size=(9, 4)).astype(np.float32)
        own[:, -1] = 1
        expected = own.astype(float), others.astype(float)
        liked = [set(np.flatnonzero(row)) for row in matrix]
        twin.visit(liked, pairs[3:20], list(range(9)), 99, 0.1, 0.01, *expected, _bpr_kernels.TRIES)
        assert len(pairs) > 20
        customers, items = (np.array(side, dtype=np.int32) for side in zip(*pairs, strict=True))
        settings = np.uint64(99), np.float32(0.1), np.float32(0.01)
        candidates = np.arange(9, dtype=np.int32)
        arrays = bpr._arrays(rows)
        _bpr_kernels.descend(*arrays, customers, items, 3, 20, candidates, *settings, own, others)
        assert own == pytest.approx(expected[0], abs=1e-5)
        assert others == pytest.approx(expected[1], abs=1e-5)

    def test_strata_hold_each_pair_once(self) -> None:
        matrix = tastes() * np.where(np.random.default_rng(1).random((300, 60)) < 0.1, -1, 1)
        passes = bpr._Passes(interactions(matrix).rows, 60, 5, 1)
        passes.n_blocks = 4
        item_block, customer_block = (bpr._blocks_of(np.random.default_rng(n).permutation(n), 4) for n in (60, 300))
        edges = passes._stratify(item_block, customer_block)
        pairs = set(zip(passes.customers[: edges[-1]].tolist(), passes.items[: edges[-1]].tolist(), strict=True))
        assert pairs == set(zip(*(side.tolist() for side in np.nonzero(matrix > 0)), strict=True))
        for stratum in range(16):
            place = slice(edges[stratum], edges[stratum + 1])
            assert set(customer_block[passes.customers[place]]) <= {stratum // 4}
            assert set(item_block[passes.items[place]]) <= {stratum % 4}


class TestModel:
    def test_it_learns_tastes(self) -> None:
        matrix = tastes()
        lists = fitted(matrix).recommend(k=5)
        own = lists["customer_id"] % 3 == lists["item_id"] % 3
        assert own.mean() > 0.9

    @pytest.mark.usefixtures("threaded")
    def test_threads_do_not_change_a_bit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(bpr, "ROWS_A_BLOCK", 15)
        models = [fitted(tastes(), n_threads=n, iterations=2) for n in (1, 2, 5)]
        folded = [model.fold_in(interactions(tastes(50))) for model in models]
        for one, many in (*((models[0], m) for m in models[1:]), *((folded[0], m) for m in folded[1:])):
            assert many.customer_vectors_.tobytes() == one.customer_vectors_.tobytes()
            assert many.item_vectors_.tobytes() == one.item_vectors_.tobytes()

    def test_blocks_do_not_hurt(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(bpr, "ROWS_A_BLOCK", 5)
        lists = fitted(tastes()).recommend(k=5)
        assert (lists["customer_id"] % 3 == lists["item_id"] % 3).mean() > 0.9

    def test_a_seed_decides_everything(self) -> None:
        one, two, three = (fitted(tastes(), rng=seed, iterations=2) for seed in (1, 1, 2))
        assert one.item_vectors_.tobytes() == two.item_vectors_.tobytes()
        assert (one.item_vectors_ != three.item_vectors_).any()

    def test_folding_in_learns_from_the_history_alone(self) -> None:
        model = fitted(tastes())
        folded = model.fold_in(interactions(tastes()[:30]))
        own, others = folded.export_vectors()
        scores = own @ others.T
        same = np.arange(30)[:, None] % 3 == np.arange(60) % 3
        assert scores[same].mean() > scores[~same].mean() + 1
        alone = model.fold_in(interactions(np.vstack([tastes()[[7]], tastes()[[3]]])))
        assert (alone.customer_vectors_[0] == folded.customer_vectors_[7]).all()

    def test_only_signs_of_weights_count(self) -> None:
        matrix = tastes()
        one, two = fitted(matrix, iterations=2), fitted(matrix * 7.5, iterations=2)
        assert one.item_vectors_.tobytes() == two.item_vectors_.tobytes()

    def test_disliked_items_are_ranked_below(self) -> None:
        matrix = np.ones((200, 4))
        matrix[:, 3] = -1
        model = fitted(matrix)
        scores = model.customer_vectors_ @ model.item_vectors_.T
        assert (scores[:, 3] < scores[:, :3].min(axis=1)).all()

    def test_customers_without_a_like_get_the_largest_biases(self) -> None:
        matrix = tastes()
        matrix[4] = 0
        matrix[4, 7] = -1
        model = fitted(matrix)
        assert not model.customer_vectors_[4, :-1].any()
        best = int(model.item_vectors_[:, -1].argmax())
        assert model.recommend([4], k=1, exclude=None)["item_id"].tolist() == [best]

    def test_customers_who_had_everything_are_left_out(self) -> None:
        model = fitted(np.ones((3, 4)), iterations=3)
        assert np.isfinite(model.customer_vectors_).all()

    def test_scores_have_no_parts(self) -> None:
        with pytest.raises(GrowthkitError, match=r"BPR\.explain"):
            fitted(tastes(), iterations=1).explain(0, 0)

    def test_saved_and_loaded(self, tmp_path: Path) -> None:
        model = fitted(tastes(), iterations=2)
        model.save(tmp_path / "model.npz")
        loaded = BPR.load(tmp_path / "model.npz")
        pd.testing.assert_frame_equal(loaded.recommend(k=3), model.recommend(k=3))
        one, two = (m.fold_in(interactions(tastes(9))).customer_vectors_ for m in (loaded, model))
        assert (one == two).all()


class TestRefusals:
    @pytest.mark.parametrize(
        ("name", "value"),
        [("factors", 0), ("learning_rate", 0), ("regularization", -1), ("iterations", 0), ("n_threads", 0)],
    )
    def test_parameters_out_of_range(self, name: str, value: Any) -> None:
        with pytest.raises(ParameterError, match=rf"BPR.fit: {name} must be"):
            BPR(**{name: value}).fit(interactions(np.eye(3)))

    def test_nothing_liked(self) -> None:
        with pytest.raises(DataError, match="no interaction has a weight above 0"):
            BPR().fit(interactions(-np.eye(3)))

    def test_steps_too_large(self) -> None:
        with pytest.raises(DataError, match="take a smaller learning_rate"):
            fitted(tastes(), learning_rate=1e30)
