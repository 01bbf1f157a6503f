"""The contenders of the area "recommend": ourselves, and what else finds neighbours, learns factors and makes lists.

Peers get the matrices that they like best, and BLAS on one thread where they start threads of their own, as they ask.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from .contest import Disagreement
from .interactions_data import InteractionData

__all__ = [
    "agree_on_lists",
    "agree_on_loss",
    "agree_on_metrics",
    "agree_on_neighbours",
    "agree_on_weights",
    "implicit_als_lists",
    "implicit_fit",
    "implicit_knn_lists",
    "implicit_metrics",
    "implicit_neighbours",
    "implicit_sweep",
    "our_als_lists",
    "our_ease",
    "our_fit",
    "our_knn_lists",
    "our_metrics",
    "our_neighbours",
    "our_sweep",
    "potrf_and_potri",
    "scipy_ease",
    "similaripy_neighbours",
    "sparse_dot_topn_neighbours",
]

Call = Callable[[], Any]

K = 100
"""Neighbours of an item."""

N = 10
"""Length of a list."""

UNOBSERVED = 0.01
"""The weight of a pair without interaction, against 1 for one with; small, so that two ways to write the loss meet."""

REGULARIZATION = 0.5
"""Penalty of squared vectors, against 1 for an interaction."""

L2 = 500.0


def our_neighbours(data: InteractionData) -> Call:
    """`growthkit.recommend.ItemKNN.fit`, cosine."""
    from growthkit.recommend import ItemKNN

    return lambda: ItemKNN(k=K, similarity="cosine").fit(data.ours)


def similaripy_neighbours(data: InteractionData) -> Call:
    """`similaripy.cosine`; one more neighbour, as the item itself is among them."""
    import similaripy

    rows = data.matrix.T.tocsr()
    return lambda: similaripy.cosine(rows, k=K + 1, verbose=False, format_output="csr", num_threads=_threads())


def implicit_neighbours(data: InteractionData) -> Call:
    """`implicit.nearest_neighbours.CosineRecommender.fit`; one more neighbour, as the item itself is among them."""
    from implicit.nearest_neighbours import CosineRecommender

    def run() -> Any:
        model = CosineRecommender(K=K + 1, num_threads=_threads())
        with warnings.catch_warnings(action="ignore"):  # of a matrix that it makes itself
            model.fit(data.matrix, show_progress=False)
        return model.similarity

    return run


def sparse_dot_topn_neighbours(data: InteractionData) -> Call:
    """`sparse_dot_topn.sp_matmul_topn` of rows that were brought to length 1 before."""
    from scipy.sparse import diags
    from sparse_dot_topn import sp_matmul_topn

    rows = data.matrix.T.tocsr()
    length = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())
    unit = (diags(1 / length) @ rows).tocsr().astype(np.float32)
    other = unit.T.tocsr()
    return lambda: sp_matmul_topn(unit, other, top_n=K + 1, n_threads=_threads())


def our_knn_lists(data: InteractionData) -> Call:
    """`ItemKNN.recommend` for all customers, as a dataframe."""
    model = our_neighbours(data)()
    return partial(model.recommend, k=N)


def implicit_knn_lists(data: InteractionData) -> Call:
    """`ItemItemRecommender.recommend` for all customers, with the very neighbours that we found."""
    from implicit.nearest_neighbours import ItemItemRecommender, NearestNeighboursScorer
    from scipy.sparse import csr_matrix

    rows = our_neighbours(data)().neighbours_
    model = ItemItemRecommender(K=K, num_threads=_threads())
    weights = rows.values.astype(np.float64)
    model.similarity = csr_matrix((weights, rows.codes, rows.indptr.astype(np.int32)), shape=2 * (len(rows),))
    model.scorer = NearestNeighboursScorer(model.similarity)
    likes = data.matrix.astype(np.float64)
    return lambda: model.recommend(np.arange(likes.shape[0]), likes, N=N)


def our_als_lists(data: InteractionData) -> Call:
    """`ImplicitALS.recommend` for all customers, as a dataframe."""
    return partial(_our_als(data, 1)().recommend, k=N)


def implicit_als_lists(data: InteractionData) -> Call:
    """`AlternatingLeastSquares.recommend` for all customers, with the very vectors that we learnt."""
    model = _implicit_als(data, 1)
    ours = _our_als(data, 1)()
    model.user_factors, model.item_factors = ours.customer_vectors_, ours.item_vectors_
    customers = np.arange(data.matrix.shape[0])
    return _serial(lambda: model.recommend(customers, data.matrix, N=N))


def our_fit(data: InteractionData) -> Call:
    """`growthkit.recommend.ImplicitALS.fit` with ten sweeps, and exact vectors of customers at the end."""
    fit = _our_als(data, 10)

    def run() -> Any:
        model = fit()
        return data, model.customer_vectors_, model.item_vectors_

    return run


def implicit_fit(data: InteractionData) -> Call:
    """`implicit.als.AlternatingLeastSquares.fit` with ten sweeps."""

    def run() -> Any:
        model = _implicit_als(data, 10)
        model.fit(data.matrix, show_progress=False)
        return model.user_factors, model.item_factors

    return _serial(run)


def our_sweep(data: InteractionData) -> Call:
    """One sweep of `ImplicitALS` over customers and items: its half-steps, on equations that are set up before."""
    from growthkit._core.parallel import serial_blas
    from growthkit.recommend._half_steps import Penalty, Side

    rows, penalty = data.ours.rows, Penalty(REGULARIZATION, UNOBSERVED, 0.0)
    n_customers, n_items = data.matrix.shape
    sides = (
        Side.of(rows, n_items, penalty, _threads()),
        Side.of(rows.transpose(n_items), n_customers, penalty, _threads()),
    )
    start = _start(data)

    def run() -> Any:
        with serial_blas():
            customers, items = sides[0].improved(*start)
            items, customers = sides[1].improved(items, customers)
        return data, customers, items

    return run


def implicit_sweep(data: InteractionData) -> Call:
    """One sweep of implicit's solver, three steps of conjugate gradients too, on matrices that are set up before."""
    model = _implicit_als(data, 1)
    by_customer = (data.matrix * np.float32(model.alpha)).tocsr()
    by_item = by_customer.T.tocsr()
    start = _start(data)

    def run() -> Any:
        customers, items = (side.copy() for side in start)
        model.solver(by_customer, customers, items, model.regularization, num_threads=_threads())
        model.solver(by_item, items, customers, model.regularization, num_threads=_threads())
        return customers, items

    return _serial(run)


def our_ease(data: InteractionData) -> Call:
    """`growthkit.recommend.EASE.fit`, from interactions to weights."""
    from growthkit.recommend import EASE

    return lambda: EASE(l2=L2).fit(data.ours).weights_


def scipy_ease(data: InteractionData) -> Call:
    """EASE in NumPy and SciPy: a sparse product, potrf, potri."""

    def run() -> Any:
        return _scaled(_inverse(_gram(data)))

    return run


def potrf_and_potri(data: InteractionData) -> Call:
    """LAPACK's factor and inverse alone, of a Gram matrix that is there already and is overwritten."""
    gram = _gram(data)
    room = np.empty_like(gram)

    def run() -> Any:
        np.copyto(room, gram)
        return partial(_scaled, _inverse(room))

    return run


def our_metrics(data: InteractionData, *, ci: str | None = None) -> Call:
    """`growthkit.recommend.evaluate` of a fitted model, its lists included."""
    from growthkit.recommend import evaluate

    model, split = _our_als(data, 1)(), data.split
    return lambda: evaluate(model, split, metrics=["ndcg", "recall_capped", "map"], k=N, ci=ci, rng=0)


def implicit_metrics(data: InteractionData) -> Call:
    """`implicit.evaluation.ranking_metrics_at_k` of a model with the same vectors, its lists included."""
    from implicit.evaluation import ranking_metrics_at_k

    model, ours = _implicit_als(data, 1), _our_als(data, 1)()
    model.user_factors, model.item_factors = ours.customer_vectors_, ours.item_vectors_
    options = {"K": N, "show_progress": False, "num_threads": _threads()}
    return _serial(lambda: ranking_metrics_at_k(model, data.matrix, data.test, **options))


def agree_on_neighbours(ours: Any, theirs: Any) -> None:
    """Check that the best `K` similarities of each item are the same, whichever items tie for the last places."""
    mine, their = _best(_as_matrix(ours.neighbours_)), _best(theirs.tocsr())
    if not np.allclose(mine, their, rtol=1e-4, atol=1e-4):  # peers add up in single precision
        worst = np.abs(mine - their).max()
        raise Disagreement(f"similarities differ by up to {worst:.2g}")


def agree_on_lists(ours: Any, theirs: tuple[Any, Any]) -> None:
    """Check that each customer's scores are the same, place by place, as far as the model has scores."""
    items, scores = theirs
    frame = ours[ours["source"] != "popular"]
    mine = np.zeros(scores.shape)
    mine[frame["customer_id"].to_numpy(), frame["rank"].to_numpy() - 1] = frame["score"].to_numpy()
    known = mine != 0
    if not np.allclose(mine[known], scores[known], rtol=1e-4, atol=1e-5):
        raise Disagreement(f"scores differ by up to {np.abs(mine - scores)[known].max():.2g}")
    if items.shape != mine.shape:
        raise Disagreement(f"lists of {items.shape[1]} against {mine.shape[1]}")


def agree_on_loss(ours: tuple[InteractionData, Any, Any], theirs: tuple[Any, Any]) -> None:
    """Check that our loss is as low as theirs to one in a hundred; neither solves the equations exactly.

    It may be lower, as our steps are preconditioned and `fit` ends with an exact one; but not by more than one in 20.
    """
    data, *mine = ours
    losses = [_loss(data, *vectors) for vectors in (mine, theirs)]
    if not 0.95 < losses[0] / losses[1] < 1.01:
        raise Disagreement("loss {:.6g} against {:.6g}".format(*losses))


def agree_on_weights(ours: Any, theirs: Any) -> None:
    """Check that all weights are the same."""
    weights = theirs() if callable(theirs) else theirs
    if not np.allclose(ours, weights, rtol=1e-4, atol=1e-6):
        raise Disagreement(f"weights differ by up to {np.abs(ours - weights).max():.2g}")


def agree_on_metrics(ours: Any, theirs: dict[str, float]) -> None:
    """Check that nDCG is the same; its definition is the one that both share."""
    mine = ours.value(ours.models[0], "ndcg")
    if abs(mine - theirs["ndcg"]) > 1e-5:
        raise Disagreement(f"ndcg {mine:.6f} against {theirs['ndcg']:.6f}")


def _our_als(data: InteractionData, iterations: int) -> Call:
    from growthkit.recommend import ImplicitALS

    model = ImplicitALS(
        data.options["factors"],
        regularization=REGULARIZATION,
        unobserved_weight=UNOBSERVED,
        regularization_exponent=0.0,
        iterations=iterations,
    )
    return lambda: model.fit(data.ours)


def _implicit_als(data: InteractionData, iterations: int) -> Any:
    """Return implicit's model of the same loss: it gives 1 to pairs without interaction, so all else is scaled."""
    from implicit.cpu.als import AlternatingLeastSquares

    make = _serial(
        lambda: AlternatingLeastSquares(
            factors=data.options["factors"],
            regularization=REGULARIZATION / UNOBSERVED,
            alpha=1 + 1 / UNOBSERVED,
            iterations=iterations,
            num_threads=_threads(),
            random_state=0,
        )
    )
    return make()


def _start(data: InteractionData) -> tuple[Any, Any]:
    """Return vectors of customers and items to begin with."""
    draw = np.random.default_rng(0)
    n_customers, n_items = data.matrix.shape
    factors = data.options["factors"]
    items = draw.standard_normal((n_items, factors), dtype=np.float32) / np.float32(10 * np.sqrt(factors))
    return np.zeros((n_customers, factors), dtype=np.float32), items


def _loss(data: InteractionData, customers: Any, items: Any) -> float:
    """Return ``sum(w (1 - s)^2 + alpha_0 s^2)`` over all pairs, with the penalties."""
    customers, items = (np.asarray(side, dtype=np.float64) for side in (customers, items))
    rows = np.repeat(np.arange(data.matrix.shape[0]), np.diff(data.matrix.indptr))
    total = UNOBSERVED * float(((customers.T @ customers) * (items.T @ items)).sum())
    for start in range(0, rows.size, 1_000_000):
        part = slice(start, start + 1_000_000)
        scores = np.einsum("ij,ij->i", customers[rows[part]], items[data.matrix.indices[part]])
        total += float(data.matrix.data[part] @ (1 - scores) ** 2)
    return total + REGULARIZATION * float((customers**2).sum() + (items**2).sum())


def _gram(data: InteractionData) -> Any:
    """Return the items' products with the penalty on the diagonal, column-major as LAPACK likes it."""
    product = data.matrix.astype(np.float64)
    gram = np.asfortranarray((product.T @ product).toarray())
    gram[np.diag_indices_from(gram)] += L2
    return gram


def _inverse(gram: Any) -> Any:
    """Return the lower triangle of the inverse in the room of the matrix."""
    from scipy.linalg.lapack import dpotrf, dpotri

    factor, _ = dpotrf(gram, lower=1, overwrite_a=1, clean=0)
    return dpotri(factor, lower=1, overwrite_c=1)[0]


def _scaled(inverse: Any) -> Any:
    """Return the weights of EASE from the lower triangle of the inverse."""
    full = np.tril(inverse, -1)
    full += full.T
    weights = (full / -np.diagonal(inverse)).astype(np.float32)
    np.fill_diagonal(weights, 0)
    return weights


def _as_matrix(rows: Any) -> Any:
    from scipy.sparse import csr_matrix

    return csr_matrix((rows.values, rows.codes, rows.indptr), shape=2 * (len(rows),))


def _best(similarities: Any) -> Any:
    """Return the `K` largest similarities of each item to others, 0 where there are fewer."""
    rows = np.repeat(np.arange(similarities.shape[0]), np.diff(similarities.indptr))
    values = np.where(similarities.indices == rows, 0.0, similarities.data)
    order = np.lexsort((-values, rows))
    places = np.arange(rows.size) - similarities.indptr[rows]
    best = np.zeros((similarities.shape[0], K))
    kept = places < K
    best[rows[kept], places[kept]] = values[order][kept]
    return best


def _serial(call: Call) -> Call:
    """Return a call during which BLAS has one thread, as a peer with threads of its own asks for."""
    from threadpoolctl import ThreadpoolController

    controller = ThreadpoolController()

    def run() -> Any:
        with controller.limit(limits=1, user_api="blas"):
            return call()

    return run


def _threads() -> int:
    """Return the number of threads of the run."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return int(asked) if asked.isdigit() else os.cpu_count() or 1
