"""ImplicitALS: each half-step against its twin, the loss, folding in, explanations, growth, and published quality."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from growthkit._core.frames import frozen
from growthkit._core.ragged import Ragged
from growthkit.exceptions import DataError, NotFittedError, ParameterError
from growthkit.recommend import ImplicitALS, Interactions, _als_kernels, _half_steps
from growthkit.recommend._half_steps import Penalty, Side
from growthkit.recommend._lapack import address

from ..references import factorisation as twin

PENALTY = Penalty(0.05, 0.1, 0.7)
SETTINGS = (0.1, 0.05, 0.7)


def weights(seed: int = 0, shape: tuple[int, int] = (23, 17), share: float = 0.3) -> np.ndarray:
    """Return weights with zeros, large ones, negative ones, an empty row and an empty column."""
    rng = np.random.default_rng(seed)
    matrix = np.where(rng.random(shape) < share, rng.choice([1.0, 2.0, 5.5, -1.0], size=shape), 0.0)
    matrix[3], matrix[:, 5] = 0.0, 0.0
    return matrix


def interactions(matrix: np.ndarray) -> Interactions:
    return Interactions.from_csr(sp.csr_array(matrix))


def vectors(n: int, factors: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, factors)).astype(np.float32)


def side(matrix: np.ndarray) -> Side:
    return Side.of(interactions(matrix).rows, matrix.shape[1], PENALTY, 1)


class TestHalfSteps:
    @pytest.mark.parametrize("factors", [1, 4, 30])
    @pytest.mark.parametrize("share", [0.05, 0.3, 1.0])
    def test_exact_one_is_that_of_the_loops(self, factors: int, share: float) -> None:
        matrix, others = weights(share=share), vectors(17, factors)
        expected = twin.half_step(matrix, others.astype(float), *SETTINGS)
        assert side(matrix).solved(others) == pytest.approx(expected, abs=1e-10)

    @pytest.mark.parametrize("steps", [1, 2, 3])
    def test_conjugate_gradients_take_the_same_steps(self, steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(_half_steps, "STEPS", steps)
        matrix, own, others = weights(), vectors(23, 6, seed=2), vectors(17, 6)
        found, turned = side(matrix).improved(own, others)
        basis = np.linalg.lstsq(others, turned, rcond=None)[0].astype(float)
        y = turned.astype(float)
        shared = 0.1 * np.diag(y.T @ y)
        for u, penalty in enumerate(twin.penalties(matrix, *SETTINGS)):
            if not matrix[u].any():
                assert not found[u].any()
                continue
            equations = np.diag(shared + penalty) + (y.T * np.abs(matrix[u])) @ y
            goal = y.T @ np.maximum(matrix[u], 0)
            x = twin.conjugate_gradients(equations, goal, shared + penalty, own[u] @ basis, steps)
            assert found[u] == pytest.approx(x, abs=2e-4)

    def test_many_steps_of_them_are_exact(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(_half_steps, "STEPS", 40)
        matrix, others = weights(), vectors(17, 6)
        found, turned = side(matrix).improved(np.zeros((23, 6), dtype=np.float32), others)
        expected = twin.half_step(matrix, others.astype(float), *SETTINGS) @ others.T
        assert found @ turned.T == pytest.approx(expected, abs=1e-4)

    def test_turning_the_basis_changes_no_score(self) -> None:
        own, others = vectors(23, 6, seed=2), vectors(17, 6)
        turned = side(weights()).improved(own, others)[1]
        assert turned @ turned.T == pytest.approx(others @ others.T, abs=1e-4)

    def test_parts_of_a_score_sum_to_it(self) -> None:
        matrix, others = weights(), vectors(17, 6)
        solved = side(matrix).solved(others)
        for u in range(23):
            parts = side(matrix).parts(u, others, 4)
            assert parts.size == (matrix[u] != 0).sum()
            assert parts.sum() == pytest.approx(solved[u] @ others[4], abs=1e-10)

    def test_blocks_cover_all_rows_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(_half_steps, "ENTRIES_A_BLOCK", 7)
        blocks = side(weights()).blocks
        assert [row for block in blocks for row in range(*block)] == list(range(23))

    @given(st.integers(0, 10**6), st.integers(1, 9))
    @settings(max_examples=25, deadline=None)
    def test_a_kernel_solves_rows_of_any_length(self, seed: int, factors: int) -> None:
        matrix = weights(seed, (6, 8), 0.5)
        both = np.vstack([matrix, np.ones(8)])
        equations_of = Side.of(interactions(both).rows, 8, PENALTY, 1)
        y, spectrum, penalties = vectors(8, factors).astype(float), np.linspace(0, 1, factors), np.full(7, 0.3)
        out = np.empty((7, factors))
        arrays = equations_of.indptr, equations_of.codes, equations_of.weights
        lapack = address("dgemm"), address("dsyrk"), address("dposv")
        _als_kernels.solve(*arrays, frozen(y), frozen(spectrum), frozen(penalties), *lapack, out, 0, 7)
        for u, row in enumerate(both):
            equations = np.diag(spectrum + 0.3) + (y.T * np.abs(row)) @ y
            assert equations @ out[u] == pytest.approx(y.T @ np.maximum(row, 0), abs=1e-8)

    def test_no_routine_reads_memory_that_was_let_go(self) -> None:
        # The C library of Linux overwrites what is freed if it is told to, and if no thread keeps it for itself.
        program = (
            "import numpy as np\n"
            "from growthkit._core.ragged import Ragged\n"
            "from growthkit.recommend._half_steps import Penalty, Side\n"
            "rows = Ragged(np.array([0, 2, 60, 70]), np.arange(70, dtype=np.int32), None, np.ones(70))\n"
            "others = np.random.default_rng(0).normal(size=(70, 55)).astype(np.float32)\n"
            "found = Side.of(rows, 70, Penalty(0.1, 0.1, 0.0), 1).solved(others)\n"
            "for row, entries in zip(found, np.split(others, [2, 60])):\n"
            "    equations = 0.1 * others.T @ others + entries.T @ entries + 0.1 * np.eye(55)\n"
            "    print(np.allclose(equations @ row, entries.sum(axis=0), atol=1e-3))\n"
        )
        free = {"GLIBC_TUNABLES": "glibc.malloc.tcache_count=0", "MALLOC_PERTURB_": "165"}
        done = subprocess.run(
            [sys.executable, "-c", program], env=os.environ | free, capture_output=True, text=True, check=True
        )
        assert done.stdout.split() == ["True"] * 3

    @pytest.mark.parametrize("n", [8, 20], ids=["by entries", "by factors"])
    def test_equations_without_a_solution_are_refused(self, n: int) -> None:
        others = np.vstack([np.repeat(vectors(1, 12), 20, axis=0), vectors(20, 12)])
        row = Ragged(np.array([0, n]), np.arange(n, dtype=np.int32), None, np.ones(n))
        with pytest.raises(np.linalg.LinAlgError, match="1 rows are singular"):
            Side.of(row, 40, Penalty(1e-25, 1e-25, 0.0), 1).solved(others)

    def test_rows_without_entries_are_zeros(self) -> None:
        empty = Ragged(np.zeros(4, dtype=np.int64), np.empty(0, dtype=np.int32))
        assert Side.of(empty, 9, PENALTY, 1).solved(vectors(9, 3)).tolist() == np.zeros((3, 3)).tolist()


class TestModel:
    def fitted(self, matrix: np.ndarray | None = None, **options: Any) -> ImplicitALS:
        wanted: dict[str, Any] = {"factors": 5, "regularization": 0.02, "iterations": 6} | options
        return ImplicitALS(**wanted).fit(interactions(weights() if matrix is None else matrix))

    def loss(self, model: ImplicitALS, matrix: np.ndarray) -> float:
        own, others = (side.astype(float) for side in model.export_vectors())
        return twin.loss(
            matrix,
            own,
            others,
            model.unobserved_weight_,
            model.regularization,
            model.regularization_exponent,
        )

    def test_the_loss_falls_with_each_sweep(self) -> None:
        losses = [self.loss(self.fitted(iterations=n), weights()) for n in (1, 2, 4, 8, 16)]
        assert losses == sorted(losses, reverse=True)
        assert losses[0] > losses[-1]

    def test_customers_are_solved_exactly(self) -> None:
        model = self.fitted()
        own, others = model.export_vectors()
        expected = twin.half_step(weights(), others.astype(float), model.unobserved_weight_, 0.02, 1.0)
        assert own == pytest.approx(expected, abs=1e-6)

    def test_a_penalty_that_is_lost_beside_the_weights_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def singular(*_: Any) -> int:
            return 1

        monkeypatch.setattr(_als_kernels, "solve", singular)
        with pytest.raises(DataError, match=r"^ImplicitALS\.fit: regularization=0\.02 and an unobserved weight of"):
            self.fitted()

    def test_folding_in_a_customer_of_fit_gives_the_same_vector(self) -> None:
        model = self.fitted()
        folded = model.fold_in(interactions(weights()))
        assert (folded.customer_vectors_ == model.customer_vectors_).all()
        one = model.fold_in(Interactions.from_csr(sp.csr_array(weights()[[7]]), customers=["new"]))
        assert one.customer_vectors_[0] == pytest.approx(model.customer_vectors_[7], abs=1e-6)
        assert (one.item_vectors_ == model.item_vectors_).all()

    def test_explanations_sum_to_the_score(self) -> None:
        model = self.fitted()
        own, others = model.export_vectors()
        for u, i in ((0, 0), (5, 4), (22, 16)):
            frame = model.explain(u, i)
            assert frame["contribution"].sum() == pytest.approx(own[u] @ others[i], abs=1e-5)
            assert len(frame) == (weights()[u] != 0).sum()

    @pytest.mark.parametrize(("factors", "regularization"), [(4, 1e-12), (4, 5e-324), (12, 1e-12), (12, 1e-18)])
    def test_explanations_sum_to_the_score_with_hardly_a_penalty(self, factors: int, regularization: float) -> None:
        matrix = np.abs(weights())[:, :9]  # fewer items than factors: their vectors leave directions open
        model = self.fitted(matrix, factors=factors, regularization=regularization, unobserved_weight=1e-3)
        own, others = model.export_vectors()
        for u, i in ((0, 0), (5, 4), (22, 8)):
            parts = model.explain(u, i)["contribution"]
            assert parts.sum() == pytest.approx(own[u] @ others[i], abs=1e-5)

    def test_nothing_explains_a_customer_without_history(self) -> None:
        matrix = weights()
        matrix[3] = 0
        assert len(self.fitted(matrix).explain(3, 1)) == 0

    @pytest.mark.parametrize("factors", [4, 64])
    def test_penalties_that_let_vectors_run_over(self, factors: int) -> None:
        with pytest.raises(DataError, match=r"raise (either|regularization or unobserved_weight)"):
            self.fitted(weights(shape=(60, 20)), factors=factors, regularization=1e-30, unobserved_weight=1e-30)

    def test_the_scale_of_weights_does_not_matter(self) -> None:
        one, two = self.fitted(np.abs(weights())), self.fitted(np.abs(weights()) * 1000)
        assert two.unobserved_weight_ == pytest.approx(1000 * one.unobserved_weight_)
        scores = [np.matmul(m.customer_vectors_, m.item_vectors_.T) for m in (one, two)]
        assert scores[1] == pytest.approx(scores[0], abs=1e-3)

    def test_customers_in_another_order_get_the_same_scores(self) -> None:
        order = np.random.default_rng(3).permutation(23)
        one, two = self.fitted(), self.fitted(weights()[order])
        scores = [m.customer_vectors_ @ m.item_vectors_.T for m in (one, two)]
        assert scores[1] == pytest.approx(scores[0][order], abs=1e-3)

    @pytest.mark.usefixtures("threaded")
    def test_threads_do_not_change_a_bit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(_half_steps, "ENTRIES_A_BLOCK", 50)
        monkeypatch.setattr(_half_steps, "ROWS_A_BLOCK", 16)
        matrix = weights(shape=(200, 90))
        models = [self.fitted(matrix, n_threads=n) for n in (1, 2, 5)]
        for model in models[1:]:
            assert model.customer_vectors_.tobytes() == models[0].customer_vectors_.tobytes()
            assert model.item_vectors_.tobytes() == models[0].item_vectors_.tobytes()

    def test_a_seed_decides_the_start(self) -> None:
        one, two, three = self.fitted(rng=1), self.fitted(rng=1), self.fitted(rng=2)
        assert (one.item_vectors_ == two.item_vectors_).all()
        assert (one.item_vectors_ != three.item_vectors_).any()

    def test_disliked_items_are_drawn_to_nothing(self) -> None:
        matrix = np.ones((40, 4))
        matrix[:, 3] = -1.0
        model = self.fitted(matrix, factors=2)
        scores = model.customer_vectors_ @ model.item_vectors_.T
        assert (scores[:, :3] > 0.3).all()
        assert np.abs(scores[:, 3]).max() < 0.1

    def test_customers_without_a_like_have_no_vector(self) -> None:
        matrix = np.abs(weights())
        matrix[2] = -matrix[0]
        model = self.fitted(matrix)
        assert not model.customer_vectors_[2].any()
        assert not model.customer_vectors_[3].any()
        assert len(model.recommend([3], k=4, exclude=None)) == 4

    def test_one_customer_and_one_item(self) -> None:
        model = self.fitted(np.array([[2.0]]), factors=8)
        assert model.recommend(exclude=None)["score"].to_numpy() > 0

    def test_saved_and_loaded(self, tmp_path: Path) -> None:
        model = self.fitted()
        model.save(tmp_path / "model.npz")
        loaded = ImplicitALS.load(tmp_path / "model.npz")
        pd.testing.assert_frame_equal(loaded.recommend(k=3), model.recommend(k=3))
        again = loaded.fold_in(interactions(weights()))
        assert (again.customer_vectors_ == model.customer_vectors_).all()


class TestGrowth:
    LOG = pd.DataFrame({"customer_id": list("aabbccdd"), "item_id": [1, 2, 1, 3, 2, 3, 1, 4]})
    MORE = pd.DataFrame({"customer_id": list("aezz"), "item_id": [9, 1, 9, 2]})

    def model(self) -> ImplicitALS:
        return ImplicitALS(factors=3, iterations=8).fit(Interactions.from_frame(self.LOG))

    def test_new_ids_get_vectors_and_old_ones_keep_their_place(self) -> None:
        model = self.model().partial_fit(Interactions.from_frame(self.MORE))
        assert model.customers_.labels.tolist() == list("abcdez")
        assert model.items_.labels.tolist() == [1, 2, 3, 4, 9]
        assert np.abs(model.customer_vectors_).sum(axis=1).min() > 0
        assert np.abs(model.item_vectors_).sum(axis=1).min() > 0

    def test_it_approaches_a_stationary_point_of_the_same_loss(self) -> None:
        model = self.model().partial_fit(Interactions.from_frame(self.MORE))
        nothing_new = Interactions.from_frame(self.MORE, duplicates="sum")
        merged = Interactions.from_frame(pd.concat([self.LOG, self.MORE]))
        matrix = merged.to_csr().toarray()
        settings = (model.unobserved_weight_, model.regularization, 1.0)
        before = twin.loss(matrix, *(v.astype(float) for v in model.export_vectors()), *settings)
        model._update(merged, nothing_new)
        after = twin.loss(matrix, *(v.astype(float) for v in model.export_vectors()), *settings)
        assert after <= before + 1e-6

    def test_before_fit_it_is_fit(self) -> None:
        one = ImplicitALS(factors=3).partial_fit(Interactions.from_frame(self.LOG))
        two = ImplicitALS(factors=3).fit(Interactions.from_frame(self.LOG))
        assert (one.customer_vectors_ == two.customer_vectors_).all()

    def test_fitting_anew_forgets(self) -> None:
        model = self.model()
        model.fit(Interactions.from_frame(self.MORE))
        fresh = ImplicitALS(factors=3, iterations=8).fit(Interactions.from_frame(self.MORE))
        assert (model.item_vectors_ == fresh.item_vectors_).all()


class TestRefusals:
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("factors", 0),
            ("factors", 2.5),
            ("regularization", 0),
            ("regularization", float("nan")),
            ("unobserved_weight", 0.0),
            ("unobserved_weight", -1),
            ("regularization_exponent", 1.1),
            ("iterations", 0),
            ("n_threads", 0),
            ("rng", "seed"),
        ],
    )
    def test_parameters_out_of_range(self, name: str, value: Any) -> None:
        with pytest.raises(ParameterError, match=rf"ImplicitALS.fit: {name} must be"):
            ImplicitALS(**{name: value}).fit(interactions(np.eye(3)))

    def test_weights_that_overflow(self) -> None:
        with pytest.raises(DataError, match=r"weights beyond 1e\+15 overflow; scale the weights"):
            ImplicitALS(factors=2).fit(interactions(np.array([[1e300, 1.0], [1.0, 1e200]])))

    def test_not_fitted(self) -> None:
        with pytest.raises(NotFittedError):
            ImplicitALS().export_vectors()


@pytest.mark.slow
def test_quality_on_gowalla(shared_data: Path) -> None:
    """The official split: hits over relevant items, all items ranked, those seen left out; 128 factors, no tuning."""
    columns = ["user", "item"]
    train, test = (
        pd.read_csv(shared_data / "recommend" / f"gowalla_{part}.csv.xz")[columns] for part in ("train", "test")
    )
    shape = (29_858, 40_981)
    seen, relevant = (
        sp.csr_array((np.ones(len(part)), (part["user"], part["item"])), shape=shape) for part in (train, test)
    )
    model = ImplicitALS(factors=128).fit(Interactions.from_csr(seen))
    lists = model.recommend(k=20)
    hits = relevant[lists["customer_id"].to_numpy(), lists["item_id"].to_numpy()].reshape(-1, 20)
    lengths = np.diff(relevant.indptr)
    gains = 1 / np.log2(np.arange(2, 22))
    ideal = np.concatenate(([0.0], np.cumsum(gains)))[np.minimum(lengths, 20)]
    known = lengths > 0
    recall = (hits.sum(axis=1)[known] / lengths[known]).mean()
    ndcg = ((hits * gains).sum(axis=1)[known] / ideal[known]).mean()
    assert recall >= 0.1641
    assert ndcg >= 0.1350
