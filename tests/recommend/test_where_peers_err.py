"""What other libraries get wrong, here got right; beside them where they are installed."""

from __future__ import annotations

import mmap
import sys
import warnings
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from growthkit._core.frames import frozen
from growthkit._core.ragged import Ragged
from growthkit.exceptions import DataError
from growthkit.recommend import (
    BPR,
    EASE,
    SLIM,
    ImplicitALS,
    Interactions,
    ItemKNN,
    Popular,
    PureSVD,
    UserKNN,
    _linear_kernels,
    _popular_kernels,
)
from growthkit.recommend._request import Wanted, rows_of
from growthkit.recommend._selection import kernel_request

MAP_NORESERVE = 0x4000
"""As Linux defines it; Python names it from 3.13 on."""

FEW = np.array([[1.0, 1, 1, 0], [1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 0, 1]])

MODELS = {
    "ItemKNN": ItemKNN(similarity="cosine"),
    "UserKNN": UserKNN(),
    "EASE": EASE(),
    "SLIM": SLIM(),
    "ImplicitALS": ImplicitALS(factors=2, iterations=2),
    "BPR": BPR(factors=2, iterations=2),
    "PureSVD": PureSVD(factors=2),
    "Popular": Popular(),
}

each = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)


def data_of(dense: Any) -> Interactions:
    return Interactions.from_csr(sp.csr_array(dense))


@pytest.fixture
def implicit_knn() -> Any:
    nearest = peer("implicit.nearest_neighbours")

    def fit(dense: Any, k: int) -> Any:
        model = nearest.CosineRecommender(K=k)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(sp.csr_matrix(dense), show_progress=False)
        return model

    return fit


def peer(name: str) -> Any:
    """Import a peer, whose warnings are its own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip(name)


class TestImplicit:
    def test_fills_up_with_what_was_seen(self, implicit_knn: Any) -> None:
        items, scores = implicit_knn(FEW, 2).recommend(0, sp.csr_matrix(FEW)[0], N=4)
        assert set(items.tolist()) & {0, 1, 2}
        assert not scores.any()

    @each
    def test_here_only_what_is_left_comes(self, model: Any) -> None:
        frame = model.fit(data_of(FEW)).recommend(k=4)
        assert frame[frame["customer_id"] == 0]["item_id"].tolist() == [3]
        assert frame["customer_id"].value_counts().to_dict() == {0: 1, 1: 2, 2: 2, 3: 3}

    def test_counts_an_item_among_its_own_neighbours(self, implicit_knn: Any) -> None:
        model = implicit_knn(FEW, 2)
        assert model.similarity.diagonal().all()
        assert model.similarity[0].nnz == 2

    def test_here_k_others_are_kept(self) -> None:
        near = ItemKNN(k=2, similarity="cosine").fit(data_of(FEW)).neighbours_
        assert not (near.codes == near.row_numbers()).any()
        assert near.lengths.tolist() == [2, 2, 2, 0]

    def test_makes_phantoms_of_item_0(self) -> None:
        als = peer("implicit.als")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = als.AlternatingLeastSquares(factors=2, iterations=1, random_state=0)
            model.fit(sp.csr_matrix(FEW), show_progress=False)
            items, _ = model.recommend(0, sp.csr_matrix(FEW)[0], N=7, filter_already_liked_items=False)
        assert items.tolist().count(0) > 1

    @each
    def test_here_no_item_comes_twice(self, model: Any) -> None:
        frame = model.fit(data_of(FEW)).recommend(k=7, exclude=None)
        assert frame.groupby("customer_id")["item_id"].apply(sorted).tolist() == [[0, 1, 2, 3]] * 4

    def test_lets_nan_through(self, implicit_knn: Any) -> None:
        dense = FEW.copy()
        dense[0, 0] = np.nan
        assert np.isnan(implicit_knn(dense, 4).similarity.data).any()

    @pytest.mark.parametrize("weight", [np.nan, np.inf])
    def test_here_nan_is_refused(self, weight: float) -> None:
        dense = FEW.copy()
        dense[0, 0] = weight
        with pytest.raises(DataError, match=r"the matrix holds 1 NaN or infinite entries \(first in row 0\)"):
            data_of(dense)

    def test_its_bpr_is_another_with_each_run(self) -> None:
        """Which it need not be in any two; ours never is, see the tests of BPR."""
        bpr = peer("implicit.bpr")
        likes = sp.csr_matrix(sp.random_array((300, 200), density=0.05, rng=np.random.default_rng(0), format="csr"))
        runs: list[Any] = []
        for _ in range(3):
            model = bpr.BayesianPersonalizedRanking(factors=8, iterations=5, random_state=0, num_threads=4)
            model.fit(likes, show_progress=False)
            runs.append(model.item_factors.copy())
        ours = [BPR(factors=8, iterations=5, n_threads=4).fit(data_of(likes)).item_vectors_ for _ in range(3)]
        assert all(run.shape == runs[0].shape for run in runs)
        assert np.array_equal(ours[0], ours[1])
        assert np.array_equal(ours[0], ours[2])


class TestSimilaripy:
    DENSE = np.array([[1.0, 1, 0], [0, 1, 1], [0, 0, 0]])

    def test_raises_on_an_empty_last_row(self) -> None:
        similaripy = peer("similaripy")
        with pytest.raises(IndexError, match=r"out-of-bounds in add\.reduceat"):
            similaripy.cosine(sp.csr_matrix(self.DENSE), k=2, verbose=False)

    @pytest.mark.parametrize("dense", [DENSE, DENSE.T, np.array([[1.0, 0], [0, 0], [1, 1], [0, 0]])], ids=str)
    @each
    def test_here_empty_rows_and_columns_are_fine(self, model: Any, dense: Any) -> None:
        frame = model.fit(data_of(dense)).recommend(k=9)
        wanted = (dense == 0).sum(axis=1)
        assert np.bincount(frame["customer_id"], minlength=len(dense)).tolist() == wanted.tolist()


class TestSparseDotTopn:
    DENSE = np.array([[1.0, -1, 0], [1, -2, 0], [0, 1, 1], [0, 2, 1]])

    def test_drops_negative_scores(self) -> None:
        topn = peer("sparse_dot_topn")
        one, scores = sp.csr_matrix([[1.0]]), sp.csr_matrix([[-1.0, -2, -3, 4]])
        assert topn.sp_matmul_topn(one, scores, top_n=2).nnz == 1

    def test_here_negative_similarities_are_kept_and_ranked(self) -> None:
        model = ItemKNN(k=2, similarity="cosine").fit(data_of(self.DENSE))
        norms = np.linalg.norm(self.DENSE, axis=0)
        cosine = self.DENSE.T @ self.DENSE / np.outer(norms, norms)
        near = model.neighbours_
        assert near.values is not None
        assert (near.values < 0).any()
        assert near.values.tolist() == pytest.approx(cosine[near.row_numbers(), near.codes].tolist(), rel=1e-6)
        scores = model.similar_items([1], k=2)["score"].tolist()
        assert scores == pytest.approx(sorted(cosine[1, [0, 2]], reverse=True), rel=1e-6)


class TestZeros:
    @each
    def test_explicit_ones_are_no_interactions(self, model: Any) -> None:
        """They are neither seen, nor do they make an item popular, nor count in the length of a history."""
        stored = sp.csr_array((np.array([1.0, 1, 0, 1, 1, 0]), ([0, 0, 0, 1, 1, 2], [0, 1, 2, 0, 2, 1])), shape=(3, 3))
        assert stored.nnz == 6
        with_zeros = model.fit(Interactions.from_csr(stored)).recommend(k=3)
        stored.eliminate_zeros()
        assert with_zeros.equals(model.fit(Interactions.from_csr(stored)).recommend(k=3))
        assert with_zeros[with_zeros["customer_id"] == 0]["item_id"].tolist() == [2]


class TestBeyondTwoToThe31:
    """More entries than int32 counts: an array of as many, of which the system holds only the pages that are used."""

    START = 2**31 - 2
    CODES, VALUES = (0, 2, 1, 0), (1.0, 2.0, 3.0, 4.0)

    def far(self, entries: Any, dtype: Any) -> Any:
        if sys.platform != "linux":
            pytest.skip("needs memory that is only promised")
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_NORESERVE
        promised = mmap.mmap(-1, (self.START + 4) * np.dtype(dtype).itemsize, flags=flags)
        array = np.frombuffer(promised, dtype=dtype)
        array[self.START :] = entries
        return array

    @pytest.fixture
    def near_and_far(self) -> list[Ragged]:
        """Two rows, at the beginning and on both sides of the border."""
        indptr = np.array([0, 1, 4], dtype=np.int64)
        near = Ragged(indptr, np.array(self.CODES, dtype=np.int32), None, np.array(self.VALUES))
        codes, values = self.far(self.CODES, np.int32), self.far(self.VALUES, np.float64)
        return [near, Ragged(indptr + self.START, codes, None, values)]

    def test_kernels_find_rows_there(self, near_and_far: list[Ragged]) -> None:
        table = frozen(np.arange(4, dtype=np.int64)), frozen(np.array([1, 2, 0], dtype=np.int32)), frozen(np.ones(3))
        asked, answers = frozen(np.array([1, 0], dtype=np.int32)), list[Any]()
        for rows in near_and_far:
            out = np.empty((2, 3), dtype=np.float32)
            history = frozen(rows.indptr), frozen(rows.codes), frozen(rows.values)
            _linear_kernels.sparse_scores(*history, asked, *table, out)
            answers.append(out.tolist())
        assert answers[0] == answers[1] == [[2.0, 4.0, 3.0], [-np.inf, 1.0, -np.inf]]

    def test_rows_are_taken_from_there(self, near_and_far: list[Ragged]) -> None:
        near, far = (rows_of(rows, np.array([1, 0, 1])) for rows in near_and_far)
        assert near.codes.tolist() == far.codes.tolist() == [2, 1, 0, 0, 2, 1, 0]
        assert near.values.tolist() == far.values.tolist()
        assert far.indptr.tolist() == [0, 3, 4, 7]

    def test_popularity_walks_past_what_is_excluded_there(self, near_and_far: list[Ragged]) -> None:
        answers: list[Any] = []
        for rows in near_and_far:
            wanted = Wanted(2, excluded=rows)
            items, values = np.full((2, 2), -1, dtype=np.int32), np.zeros((2, 2), dtype=np.float32)
            *request, _ = kernel_request(wanted)
            order, scores = frozen(np.arange(3, dtype=np.int32)), frozen(np.ones(3, dtype=np.float32))
            _popular_kernels.walk_down(order, scores, *request, np.arange(2), items, values, 0, 2)
            answers.append(items.tolist())
        assert answers[0] == answers[1] == [[1, 2], [-1, -1]]

    @each
    def test_row_pointers_are_int64_everywhere(self, model: Any) -> None:
        fitted = model.fit(data_of(FEW))
        ragged = [part for part in vars(fitted).values() if isinstance(part, Ragged)]
        assert ragged
        assert all(part.indptr.dtype == np.int64 for part in ragged)
