"""EASE and SLIM against their twins, their optimality conditions, and their refusals."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from growthkit.exceptions import DataError, GrowthkitError, GrowthkitWarning, ParameterError
from growthkit.recommend import EASE, SLIM, Interactions, _closed_form, _inverse, _linear_kernels, linear
from growthkit.recommend._lapack import address

from ..references import linear_recommenders as twin


def weights(seed: int = 0, shape: tuple[int, int] = (40, 12), low: float = 1.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    matrix = np.where(rng.random(shape) < 0.35, rng.choice([low, 1.0, 2.0, 3.5], size=shape), 0.0)
    matrix[3], matrix[:, 5] = 0, 0
    return matrix


def interactions(matrix: np.ndarray) -> Interactions:
    return Interactions.from_csr(sp.csr_array(matrix))


def sides(matrix: np.ndarray) -> tuple[Any, Any]:
    rows = interactions(matrix).rows
    return linear._arrays(rows, np.float64), linear._arrays(rows.transpose(matrix.shape[1]), np.float64)


def closed_form(matrix: np.ndarray, l2: float) -> _closed_form.ClosedForm:
    return _closed_form.ClosedForm(*sides(matrix), l2, 1)


def dense(model: SLIM) -> np.ndarray:
    indptr, codes, values = linear._arrays(model.weights_, np.float64)
    return sp.csr_array((values, codes, indptr), shape=(len(model.weights_),) * 2).toarray()


def small_parts(monkeypatch: pytest.MonkeyPatch, leaf: int) -> None:
    """Let small matrices be cut as large ones are."""
    for name, value in (("LEAF", leaf), ("SOLVED", 2), ("SPLIT", 3), ("PART", 4), ("STRIP", 3)):
        monkeypatch.setattr(_inverse, name, value)


class TestInverse:
    @pytest.mark.parametrize("n", [1, 7, 8, 9, 30])
    @pytest.mark.parametrize("leaf", [1, 8, 100])
    def test_it_is_the_inverse(self, n: int, leaf: int, monkeypatch: pytest.MonkeyPatch) -> None:
        small_parts(monkeypatch, leaf)
        x = np.random.default_rng(n).normal(size=(n, 2 * n))
        matrix = x @ x.T + np.eye(n)
        found = np.tril(matrix) + np.triu(np.full((n, n), np.nan), 1)
        _inverse.invert(found)
        assert np.tril(found) == pytest.approx(np.tril(np.linalg.inv(matrix)), abs=1e-10)

    def test_that_of_a_large_matrix(self) -> None:
        x = np.random.default_rng(0).normal(size=(1500, 1600))
        matrix = x @ x.T + np.eye(1500)
        found = matrix.copy()
        _inverse.invert(found, n_threads=2)
        assert np.tril(found) == pytest.approx(np.tril(np.linalg.inv(matrix)), abs=1e-10)

    def test_threads_do_not_change_a_bit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        small_parts(monkeypatch, 16)
        x = np.random.default_rng(1).normal(size=(100, 120))
        inverses = [x @ x.T + np.eye(100) for _ in range(3)]
        for inverse, n_threads in zip(inverses, (1, 2, 5), strict=True):
            _inverse.invert(inverse, n_threads=n_threads)
        assert np.tril(inverses[0]).tobytes() == np.tril(inverses[1]).tobytes() == np.tril(inverses[2]).tobytes()

    def test_what_is_not_positive_definite(self) -> None:
        with pytest.raises(np.linalg.LinAlgError):
            _inverse.invert(np.array([[1.0, 0.0], [2.0, 1.0]]))


class TestEase:
    @pytest.mark.parametrize("low", [1.0, -1.0])
    def test_weights_are_ridge_regressions_on_the_other_items(self, low: float) -> None:
        model = EASE(l2=3.0).fit(interactions(weights(low=low)))
        assert model.weights_ == pytest.approx(twin.ease(weights(low=low), 3.0), abs=1e-6)
        assert (np.diagonal(model.weights_) == 0).all()

    def test_several_tiles(self, monkeypatch: pytest.MonkeyPatch) -> None:
        small_parts(monkeypatch, 4)
        monkeypatch.setattr(_closed_form, "TILE", 5)
        assert EASE(l2=3.0).fit(interactions(weights())).weights_ == pytest.approx(twin.ease(weights(), 3.0), abs=1e-6)

    @pytest.mark.parametrize("low", [1.0, -1.0])
    @pytest.mark.parametrize("panel", [5, 256])
    def test_customers_who_are_few(self, low: float, panel: int, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(_closed_form, "PANEL", panel)
        monkeypatch.setattr(_closed_form, "TILE", 5)
        matrix = weights(shape=(13, 40), low=low)
        assert closed_form(matrix, 3.0).of_customers()
        model = EASE(l2=3.0).fit(interactions(matrix))
        assert model.weights_ == pytest.approx(twin.ease(matrix, 3.0), abs=1e-6)
        assert (np.diagonal(model.weights_) == 0).all()

    def test_customers_who_are_few_with_weights_beyond_the_precision(self) -> None:
        matrix = weights(shape=(13, 40))
        matrix[0, 0] = 1e4
        assert not closed_form(matrix, 3.0).of_customers()
        assert EASE(l2=3.0).fit(interactions(matrix)).weights_ == pytest.approx(
            twin.ease(matrix, 3.0), rel=1e-5, abs=1e-6
        )

    def test_a_loss_of_precision_without_bound(self) -> None:
        assert not closed_form(np.full((2, 8), 1e15), 1e-300).of_customers()

    def test_scores_are_sums_over_the_history(self) -> None:
        model = EASE(l2=3.0).fit(interactions(weights()))
        asked = np.array([7, 3, 0, 39], dtype=np.int32)
        expected = weights()[asked] @ twin.ease(weights(), 3.0)
        expected[~weights()[asked].any(axis=1)] = -np.inf
        assert model._scores(asked) == pytest.approx(expected, abs=1e-5)
        assert model.explain(7, 2)["contribution"].sum() == pytest.approx(expected[0, 2], abs=1e-5)

    @pytest.mark.usefixtures("threaded")
    def test_threads_do_not_change_a_bit(self) -> None:
        for shape in ((90, 70), (30, 70)):
            models = [EASE(n_threads=n).fit(interactions(weights(shape=shape))) for n in (1, 2, 5)]
            assert len({model.weights_.tobytes() for model in models}) == 1

    def test_too_many_items_are_refused_before_anything_is_allocated(self) -> None:
        log = Interactions.from_csr(sp.csr_array(([1.0], ([0], [0])), shape=(1, 1_000_000)))
        with pytest.raises(DataError, match=r"1,000,000 items need 4e\+03 GB, more than max_memory=8;"):
            EASE().fit(log)
        log = Interactions.from_csr(sp.eye_array(100_000).tocsr())
        with pytest.raises(DataError, match=r"100,000 items need 120 GB, more than max_memory=8;"):
            EASE().fit(log)

    def test_a_blas_that_counts_in_64_bits_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from scipy.linalg import cython_blas

        monkeypatch.setitem(cython_blas.__pyx_capi__, "dsymm", "void (char *, char *, int64_t *, int64_t *)")
        with pytest.raises(GrowthkitError, match="dsymm: this SciPy's BLAS counts in 64 bits"):
            address("dsymm")

    def test_an_inverse_that_does_not_exist(self) -> None:
        with pytest.raises(DataError, match="l2=1e-12 is lost"):
            EASE(l2=1e-12).fit(interactions(np.full((3, 4), 1e8)))

    @pytest.mark.parametrize(("name", "value"), [("l2", 0), ("l2", float("inf")), ("max_memory", 0), ("n_threads", 0)])
    def test_parameters_out_of_range(self, name: str, value: Any) -> None:
        with pytest.raises(ParameterError, match=rf"EASE.fit: {name} must be"):
            EASE(**{name: value}).fit(interactions(weights()))


class TestSlim:
    @pytest.mark.parametrize("positive", [True, False])
    @pytest.mark.parametrize(("l1", "l2"), [(0.0, 1.0), (2.0, 0.0), (1.0, 5.0), (1000.0, 1.0)])
    def test_weights_are_those_of_the_loops(self, l1: float, l2: float, positive: bool) -> None:
        model = SLIM(l1=l1, l2=l2, positive=positive, tolerance=1e-10, sweeps=10_000).fit(interactions(weights()))
        assert dense(model) == pytest.approx(twin.slim(weights(), l1, l2, positive), abs=1e-6)

    @given(st.integers(0, 10**6), st.sampled_from([0.1, 1.0, 4.0]), st.booleans())
    @settings(max_examples=20, deadline=None)
    def test_no_change_of_one_weight_is_better(self, seed: int, l1: float, positive: bool) -> None:
        matrix = weights(seed, (15, 7), low=1.0 if positive else -1.0)
        found = dense(SLIM(l1=l1, l2=0.5, positive=positive, tolerance=1e-9, sweeps=5000).fit(interactions(matrix)))
        assert not found.diagonal().any()
        assert not positive or found.min() >= 0
        for j in range(7):
            best = twin.slim_objective(matrix, found[:, j], j, l1, 0.5)
            for i in range(7):
                for step in (-1e-3, 1e-3):
                    other = found[:, j].copy()
                    other[i] += step
                    if i != j and not (positive and other[i] < 0):
                        assert twin.slim_objective(matrix, other, j, l1, 0.5) >= best - 1e-12

    def test_scores_are_sums_over_the_history(self) -> None:
        model = SLIM(l1=1.0, l2=5.0).fit(interactions(weights()))
        asked = np.array([7, 3, 0], dtype=np.int32)
        expected = weights()[asked] @ dense(model)
        scores = model._scores(asked)
        reached = (weights()[asked] != 0).astype(float) @ (dense(model) != 0) > 0
        assert scores[reached] == pytest.approx(expected[reached], abs=1e-5)
        assert np.isneginf(scores[~reached]).all()
        assert model.explain(7, 2)["contribution"].sum() == pytest.approx(expected[0, 2], abs=1e-9)

    def test_similar_items_are_those_with_weights(self) -> None:
        model = SLIM(l1=1.0, l2=5.0).fit(interactions(weights()))
        table = model.similar_items(k=3)
        for item, similar, score in zip(*(table[c] for c in ("item_id", "similar_item_id", "score")), strict=True):
            assert dense(model)[item, similar] == pytest.approx(score, rel=1e-6)

    def test_room_may_fill_up(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(linear, "ROOM", 1)
        one = dense(SLIM(l1=0.1, l2=1.0).fit(interactions(weights())))
        monkeypatch.setattr(linear, "ITEMS_A_BLOCK", 1)
        assert (dense(SLIM(l1=0.1, l2=1.0).fit(interactions(weights()))) == one).all()

    @pytest.mark.usefixtures("threaded")
    def test_threads_do_not_change_a_bit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(linear, "ITEMS_A_BLOCK", 8)
        models = [SLIM(n_threads=n).fit(interactions(weights(shape=(90, 70)))) for n in (1, 2, 5)]
        assert len({dense(model).tobytes() for model in models}) == 1

    def test_items_that_nothing_speaks_for_come_from_elsewhere(self) -> None:
        model = SLIM(l1=1e6).fit(interactions(weights()))
        assert set(model.recommend(k=3)["source"]) == {"popular"}

    def test_descent_that_is_not_over_is_said(self) -> None:
        with pytest.warns(GrowthkitWarning, match="was not over after 1 sweeps"):
            SLIM(l1=0.0, l2=0.1, sweeps=1).fit(interactions(weights()))

    def test_negative_weights_need_weights_of_any_sign(self) -> None:
        with pytest.raises(DataError, match="negative weights"):
            SLIM().fit(interactions(weights(low=-1.0)))

    def test_too_many_pairs_are_refused(self) -> None:
        with pytest.raises(DataError, match="more than max_memory=1e-09"):
            SLIM(max_memory=1e-9).fit(interactions(weights()))

    @pytest.mark.parametrize(
        ("name", "value"), [("l1", -1), ("l2", -1), ("positive", 1), ("tolerance", 0), ("sweeps", 0)]
    )
    def test_parameters_out_of_range(self, name: str, value: Any) -> None:
        with pytest.raises(ParameterError, match=rf"SLIM.fit: {name} must be"):
            SLIM(**{name: value}).fit(interactions(weights()))


class TestBoth:
    MODELS = (EASE(l2=3.0), SLIM(l1=0.5, l2=3.0))

    @pytest.mark.parametrize("model", MODELS, ids=["ease", "slim"])
    def test_folding_in_changes_the_history_only(self, model: EASE | SLIM) -> None:
        model.fit(interactions(weights()))
        folded = model.fold_in(Interactions.from_csr(sp.csr_array(weights()[[7]]), customers=["new"]))
        one, two = folded.recommend(["new"], k=4), model.recommend([7], k=4)
        assert one["item_id"].tolist() == two["item_id"].tolist()
        assert one["score"].tolist() == two["score"].tolist()

    @pytest.mark.parametrize("model", MODELS, ids=["ease", "slim"])
    def test_saved_and_loaded(self, model: EASE | SLIM, tmp_path: Path) -> None:
        model.fit(interactions(weights()))
        model.save(tmp_path / "model.npz")
        loaded = type(model).load(tmp_path / "model.npz")
        pd.testing.assert_frame_equal(loaded.recommend(k=3), model.recommend(k=3))

    @pytest.mark.parametrize("model", MODELS, ids=["ease", "slim"])
    def test_growing_is_fitting_anew(self, model: EASE | SLIM) -> None:
        names = {"customer_id": list("aabbccd"), "item_id": [1, 2, 1, 3, 2, 3, 1]}
        log = pd.DataFrame(names)
        grown = model.fit(Interactions.from_frame(log[:5])).partial_fit(Interactions.from_frame(log[5:]))
        one = grown.recommend(k=2)
        pd.testing.assert_frame_equal(one, model.fit(Interactions.from_frame(log)).recommend(k=2))

    @pytest.mark.parametrize("model", MODELS, ids=["ease", "slim"])
    def test_one_customer_and_one_item(self, model: EASE | SLIM) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert len(model.fit(interactions(np.array([[2.0]]))).recommend(exclude=None)) == 1


def test_gram_matrices_agree() -> None:
    found = _closed_form.gram(*sides(weights()), 1)
    indptr, neighbours, products, diagonal = linear._sparse_gram(interactions(weights()), "test", 1.0, 1)
    expected = weights().T @ weights()
    assert np.tril(found) == pytest.approx(np.tril(expected))
    assert sp.csr_array((products, neighbours, indptr), shape=expected.shape).toarray() == pytest.approx(expected)
    assert diagonal == pytest.approx(expected.diagonal())


def test_candidates_are_all_items_unless_weights_are_positive() -> None:
    gram = np.array([0, 2, 4]), np.array([0, 1, 0, 1], dtype=np.int32), np.array([3.0, 1.0, 1.0, 2.0])
    out = np.empty(2, dtype=np.int32)
    assert _linear_kernels.candidates_of(*gram, 0, 1.0, True, out) == 1
    assert _linear_kernels.candidates_of(*gram, 0, 1.0, False, out) == 2
