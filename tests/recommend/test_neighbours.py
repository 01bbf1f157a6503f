"""Neighbourhood models against their definitions."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from growthkit.exceptions import DataError, GrowthkitError, ParameterError
from growthkit.recommend import Interactions, ItemKNN, UserKNN
from growthkit.recommend._similarities import DEFAULTS, SIGNED, SIMILARITIES, Measure, nearest
from growthkit.testing import check_estimator
from growthkit.testing.recommenders import check_recommender
from tests.references import neighbours as reference

MODELS = [ItemKNN, UserKNN]


def random_matrix(rng: np.random.Generator, n: int, m: int, density: float, *, binary: bool, low: int = 1) -> Any:
    dense = rng.integers(low, 6, (n, m)).astype(float)
    dense[dense == 0] = 1
    if binary:
        dense[:] = 1
    dense[rng.random((n, m)) >= density] = 0
    dense[0, 0] = 1
    return sp.csr_array(dense)


def table_of(matrix: Any, measure: Measure, k: int, *, by_customer: bool = False, n_threads: int = 1) -> Any:
    data = Interactions.from_csr(matrix)
    one, two = data.rows, data.rows.transpose(data.n_items)
    rows, by_feature = (one, two) if by_customer else (two, one)
    own = np.arange(len(rows), dtype=np.int32)
    return nearest(rows, rows, by_feature, own, k, measure, function="test", n_threads=n_threads)


def listed(table: Any) -> list[dict[int, float]]:
    rows = [table.slice(r, r + 1) for r in range(len(table))]
    return [dict(zip(row.codes.tolist(), row.values.tolist(), strict=True)) for row in rows]


def as_dicts(dense: Any) -> list[dict[int, float]]:
    return [{int(f): float(row[f]) for f in np.flatnonzero(row)} for row in dense]


def measure_of(name: str, shrinkage: float = 0.0) -> Measure:
    return Measure(name, shrinkage, **DEFAULTS.get(name, {}))


class TestSimilarities:
    @pytest.mark.parametrize("by_customer", [False, True])
    @pytest.mark.parametrize("binary", [False, True])
    @pytest.mark.parametrize("shrinkage", [0.0, 3.0])
    @pytest.mark.parametrize("name", SIMILARITIES)
    def test_are_what_their_definitions_say(self, name: str, shrinkage: float, binary: bool, by_customer: bool) -> None:
        if (binary and name in ("pearson", "adjusted_cosine")) or (
            shrinkage and name in ("bm25", "p3alpha", "rp3beta")
        ):
            return
        matrix = random_matrix(np.random.default_rng(3), 25, 18, 0.3, binary=binary)
        dense = matrix.toarray() if by_customer else matrix.toarray().T
        rows, measure = as_dicts(dense), measure_of(name, shrinkage)
        numbers = shrinkage, measure.alpha, measure.beta, measure.k1, measure.b
        wanted = reference.nearest(
            rows, 30, lambda i, j: reference.similarity(rows, name, i, j, *numbers), positive=False
        )
        got = listed(table_of(matrix, measure, 30, by_customer=by_customer))
        for one, two in zip(got, wanted, strict=True):
            assert one == pytest.approx({j: s for j, s in two.items() if j in one or s != 0}, rel=2e-5, abs=1e-6)

    @pytest.mark.parametrize("name", [*SIGNED])
    def test_some_take_dislikes(self, name: str) -> None:
        matrix = random_matrix(np.random.default_rng(4), 25, 18, 0.3, binary=False, low=-3)
        rows, measure = as_dicts(matrix.toarray().T), measure_of(name)
        numbers = 0.0, 0.0, 0.0, 0.0, 0.0
        wanted = reference.nearest(
            rows, 30, lambda i, j: reference.similarity(rows, name, i, j, *numbers), positive=False
        )
        got = listed(table_of(matrix, measure, 30))
        assert min(min(row.values(), default=0) for row in got) < -0.1  # negative similarities are kept
        for one, two in zip(got, wanted, strict=True):
            assert one == pytest.approx(two, rel=2e-5, abs=1e-6)

    @pytest.mark.parametrize("name", sorted(set(SIMILARITIES) - set(SIGNED)))
    @pytest.mark.parametrize("model", MODELS)
    def test_others_refuse_them(self, model: Any, name: str) -> None:
        data = Interactions.from_csr(sp.csr_array([[1.0, -2.0], [1.0, 1.0]]))
        with pytest.raises(
            DataError, match=f"1 weights are below 0, which {name} cannot take; drop them, or use one of"
        ):
            model(similarity=name).fit(data)

    @pytest.mark.parametrize("binary", [False, True])
    @pytest.mark.parametrize("name", ["cosine", "tfidf", "bm25", "jaccard", "dice", "pearson", "adjusted_cosine"])
    def test_symmetric_ones_are_symmetric_bit_for_bit(self, name: str, binary: bool) -> None:
        if binary and name in ("pearson", "adjusted_cosine"):
            return
        assert measure_of(name).is_symmetric
        matrix = random_matrix(np.random.default_rng(5), 60, 30, 0.2, binary=binary)
        table = table_of(matrix, measure_of(name), 30)
        full = sp.csr_array((table.values, table.codes, table.indptr), shape=(30, 30)).toarray()
        assert np.array_equal(full, full.T)

    @settings(max_examples=60, deadline=None)
    @given(st.integers(0, 2**32), st.integers(1, 40), st.floats(0.02, 0.9), st.booleans())
    def test_the_nearest_are_the_best(self, seed: int, k: int, density: float, binary: bool) -> None:
        """Sparse and dense rows, more and fewer candidates than k; the top k is that of the whole table."""
        matrix = random_matrix(np.random.default_rng(seed), 30, 45, density, binary=binary)
        whole, cut = listed(table_of(matrix, Measure("cosine"), 45)), listed(table_of(matrix, Measure("cosine"), k))
        for row, (full, some) in enumerate(zip(whole, cut, strict=True)):
            best = sorted(full, key=lambda j: (-full[j], j))[:k]
            assert some == {j: full[j] for j in best}
            assert row not in some

    def test_many_candidates_pass_through_the_buffer(self) -> None:
        matrix = random_matrix(np.random.default_rng(0), 300, 2_000, 0.05, binary=True)
        whole, cut = (
            listed(table_of(matrix, Measure("jaccard"), 2_000)),
            listed(table_of(matrix, Measure("jaccard"), 7)),
        )
        for full, some in zip(whole, cut, strict=True):
            assert some == {j: full[j] for j in sorted(full, key=lambda j: (-full[j], j))[:7]}

    @pytest.mark.parametrize("name", ["cosine", "tversky", "rp3beta", "pearson"])
    @pytest.mark.parametrize("binary", [False, True])
    def test_threads_change_no_bit(self, name: str, binary: bool) -> None:
        if binary and name == "pearson":
            return
        matrix = random_matrix(np.random.default_rng(1), 800, 300, 0.1, binary=binary)
        tables = [table_of(matrix, measure_of(name), 20, n_threads=n) for n in (1, 2, 5)]
        for other in tables[1:]:
            assert np.array_equal(tables[0].codes, other.codes)
            assert tables[0].values.tobytes() == other.values.tobytes()

    def test_extreme_weights_give_finite_similarities(self) -> None:
        dense = np.array([[1e12, 1e-12, 0], [1e12, 1e-300, 1.0], [0, 1.0, 1e-9]])
        for name in SIMILARITIES:
            for shrinkage in (0.0,) if name in ("bm25", "p3alpha", "rp3beta") else (0.0, 1.0):
                table = table_of(sp.csr_array(dense), measure_of(name, shrinkage), 3)
                assert np.isfinite(table.values).all(), name
                assert all(len(set(row)) == len(row) for row in map(list, listed(table)))

    def test_too_large_weights_are_refused(self) -> None:
        with pytest.raises(DataError, match=re.escape("weights reach 1e+13; divide them to stay within 1e+12")):
            ItemKNN().fit(Interactions.from_csr(sp.csr_array([[1e13, 1.0]])))

    @pytest.mark.parametrize("name", ["pearson", "adjusted_cosine"])
    def test_equal_weights_have_no_correlation(self, name: str) -> None:
        with pytest.raises(DataError, match=f"all weights are 1, so that {name} has nothing to go by; use cosine"):
            ItemKNN(similarity=name).fit(Interactions.from_csr(sp.csr_array([[1.0, 1.0]])))

    def test_a_wide_table_of_codes_gives_what_a_narrow_one_does(self, monkeypatch: pytest.MonkeyPatch) -> None:
        matrix = random_matrix(np.random.default_rng(1), 50, 40, 0.2, binary=True)
        narrow = table_of(matrix, Measure("cosine"), 9)
        monkeypatch.setattr("growthkit.recommend._similarities.LARGEST_NARROW", 1)
        wide = table_of(matrix, Measure("cosine"), 9)
        assert np.array_equal(narrow.codes, wide.codes)
        assert np.array_equal(narrow.values, wide.values)

    def test_empty_last_rows_are_fine(self) -> None:
        """Peers raise on a matrix whose last row is empty."""
        matrix = sp.csr_array(np.array([[1.0, 1, 0], [1, 1, 0], [0, 0, 0]]))
        assert listed(table_of(matrix, Measure("dice"), 5)) == [{1: 1.0}, {0: 1.0}, {}]
        for model in MODELS:
            assert len(model(similarity="cosine").fit(Interactions.from_csr(matrix)).recommend(k=5)) == 1 + 1 + 3


class TestParameters:
    @pytest.mark.parametrize("model", MODELS)
    @pytest.mark.parametrize(
        ("params", "message"),
        [
            ({"k": 0}, "k must be a whole number of at least 1, got 0"),
            ({"similarity": "euclid"}, "similarity must be one of 'cosine', 'tfidf'"),
            ({"similarity": "cosine", "shrinkage": -1}, "shrinkage must be a finite number of at least 0, got -1"),
            (
                {"similarity": "rp3beta", "shrinkage": 2},
                "shrinkage must be 0 for rp3beta, which has no denominator, got 2",
            ),
            ({"similarity": "cosine", "alpha": 1}, "alpha must be None for cosine, which has no such parameter, got 1"),
            (
                {"similarity": "asymmetric", "alpha": 1.5},
                "alpha must be a finite number of at least 0 and of at most 1",
            ),
            ({"similarity": "bm25", "b": 2}, "b must be a finite number of at least 0 and of at most 1"),
            ({"similarity": "rp3beta", "beta": float("nan")}, "beta must be a finite number of at least 0, got nan"),
        ],
    )
    def test_out_of_range_are_refused(self, model: Any, params: dict[str, Any], message: str) -> None:
        data = Interactions.from_csr(sp.csr_array([[1.0, 2.0]]))
        with pytest.raises(ParameterError, match=re.escape(f"{model.__name__}.fit: {message}")):
            model(**params).fit(data)


class TestModels:
    @pytest.mark.parametrize("binary", [False, True])
    @pytest.mark.parametrize("model", MODELS)
    def test_scores_are_sums_over_neighbours(self, model: Any, binary: bool) -> None:
        matrix = random_matrix(np.random.default_rng(2), 30, 25, 0.15, binary=binary)
        customers, items = as_dicts(matrix.toarray()), as_dicts(matrix.toarray().T)
        rows = items if model is ItemKNN else customers
        table = reference.nearest(
            rows, 4, lambda i, j: reference.similarity(rows, "cosine", i, j, 0, 0, 0, 0, 0), positive=True
        )
        fitted = model(k=4, similarity="cosine").fit(Interactions.from_csr(matrix))
        frame = fitted.recommend(k=25)
        for customer, seen in enumerate(customers):
            row, through = (seen, table) if model is ItemKNN else (table[customer], customers)
            scores = reference.product(row, through)
            mine = frame[(frame.customer_id == customer) & (frame.source == model.__name__)]
            left = {j: s for j, s in scores.items() if j not in seen}
            assert dict(zip(mine.item_id, mine.score, strict=True)) == pytest.approx(left, rel=1e-5)
            assert mine.score.is_monotonic_decreasing

    @pytest.mark.parametrize("model", MODELS)
    def test_dense_and_sparse_ways_agree_bit_for_bit(self, model: Any) -> None:
        matrix = random_matrix(np.random.default_rng(6), 40, 60, 0.1, binary=False)
        fitted = model(k=5, similarity="cosine").fit(Interactions.from_csr(matrix))
        everything = dict.fromkeys(range(60), 0)
        sparse = fitted.recommend(k=10)
        assert sparse.equals(fitted.recommend(k=10, group_cap=(everything, 60)))
        boost = {item: 1 + item / 7 for item in range(60)}
        assert fitted.recommend(k=9, boost=boost).equals(fitted.recommend(k=9, boost=boost, group_cap=(everything, 60)))

    @pytest.mark.parametrize("model", MODELS)
    def test_the_protocol_is_kept(self, model: Any) -> None:
        matrix = random_matrix(np.random.default_rng(7), 20, 15, 0.2, binary=False)
        check_estimator(model(k=3), Interactions.from_csr(matrix))

    @pytest.mark.parametrize("similarity", ["cosine", "rp3beta", "adjusted_cosine"])
    @pytest.mark.parametrize("model", MODELS)
    def test_the_contract_is_kept(self, model: Any, similarity: str) -> None:
        check_recommender(model(k=4, similarity=similarity))

    @pytest.mark.parametrize("model", MODELS)
    def test_explanations_sum_to_the_score(self, model: Any) -> None:
        matrix = random_matrix(np.random.default_rng(8), 30, 20, 0.3, binary=False, low=-2)
        fitted = model(k=6, similarity="cosine").fit(Interactions.from_csr(matrix))
        frame = fitted.recommend(k=3)
        for customer, item, score in zip(frame.customer_id, frame.item_id, frame.score, strict=True):
            parts = fitted.explain(customer, item).contribution
            assert parts.sum() == pytest.approx(score, rel=1e-4, abs=1e-5)
            assert parts.is_monotonic_decreasing

    def test_similar_items_are_the_neighbours_in_order(self) -> None:
        matrix = random_matrix(np.random.default_rng(9), 40, 20, 0.4, binary=True)
        fitted = ItemKNN(k=20, similarity="jaccard").fit(Interactions.from_csr(matrix))
        table = listed(fitted.neighbours_)
        frame = fitted.similar_items([3, 11], k=5)
        for item in (3, 11):
            mine = frame[frame.item_id == item]
            assert mine.similar_item_id.tolist() == sorted(table[item], key=lambda j: (-table[item][j], j))[:5]
            assert mine["rank"].tolist() == [1, 2, 3, 4, 5]

    def test_user_knn_has_no_similar_items(self) -> None:
        fitted = UserKNN().fit(Interactions.from_csr(sp.csr_array([[1.0, 1.0]])))
        with pytest.raises(GrowthkitError, match="compares customers, not items; use ItemKNN"):
            fitted.similar_items()

    def test_the_walk_goes_from_the_history(self) -> None:
        """With the walk turned round, scores would be divided by the customers of the item that is reached."""
        dense = np.zeros((12, 3))
        dense[:10, 0] = dense[0, 1] = dense[1, 2] = 1  # everybody has item 0; items 1 and 2 have one customer each
        fitted = ItemKNN(similarity="p3alpha", alpha=1.0).fit(Interactions.from_csr(sp.csr_array(dense)))
        assert listed(fitted.neighbours_)[1] == pytest.approx({0: 1 / 2})
        assert listed(fitted.neighbours_)[0] == pytest.approx({1: 1 / 20, 2: 1 / 20})


class TestWaysOfSumming:
    """Long histories are summed up for the whole catalogue, short ones for the items that they reach."""

    @staticmethod
    def best_of(model: Any, customer: int, k: int, factors: np.ndarray) -> list[int]:
        scores = model._scores(np.array([customer], dtype=np.int32))[0] * factors
        start, stop = model.history_.indptr[customer : customer + 2]
        scores[model.history_.codes[start:stop]] = -np.inf
        order = np.lexsort((np.arange(scores.size), -scores))[:k]
        return order[scores[order] > -np.inf].tolist()

    @pytest.mark.parametrize("n_items", [900, 70_000])
    @pytest.mark.parametrize("signed", [False, True])
    @pytest.mark.parametrize("boosted", [False, True])
    def test_both_give_the_best_of_all_scores(self, n_items: int, signed: bool, boosted: bool) -> None:
        rng = np.random.default_rng(1)
        lengths = [1, 2, 3, 5, 400, 600] + [40] * 30
        rows = np.repeat(np.arange(len(lengths)), lengths)
        items = np.concatenate(
            [rng.choice(min(n_items, 3000 if i else n_items), n, replace=False) for i, n in enumerate(lengths)]
        )
        items[0] = n_items - 1
        values = rng.integers(1, 4, rows.size) * np.where(signed & (rng.random(rows.size) < 0.4), -1.0, 1.0)
        matrix = sp.csr_array((values, (rows, items)), shape=(len(lengths), n_items))
        model = ItemKNN(k=30, similarity="cosine").fit(Interactions.from_csr(matrix))
        boost = np.where(np.arange(n_items) % 5, 1.0, 0.5) if boosted else None
        factors = np.ones(n_items, dtype=np.float32)
        for k in (1, 10, 50):
            asked = {"boost": dict(enumerate(boost.tolist()))} if boost is not None else {}
            frame = model.recommend(k=k, **asked)
            own = frame[frame.source == "ItemKNN"]
            for customer in range(len(lengths)):
                scores = model._scores(np.array([customer], dtype=np.int32))[0]
                if boost is not None:
                    factors = np.where(scores < 0, 1 / boost, boost).astype(np.float32)
                found = own.item_id[own.customer_id == customer].tolist()
                assert found == self.best_of(model, customer, k, factors)
