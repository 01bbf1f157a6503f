"""EASE and SLIM: items scored by a linear combination of what a customer has had."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core.frames import frozen
from .._core.parallel import block_edges, run_blocks, thread_count
from .._core.params import Params
from .._core.ragged import Ragged
from .._core.results import Notice, announce
from ..exceptions import DataError
from ..summaries.interactions import Interactions
from ..typing import AnyArray, FloatArray, Int32Array, Int64Array, IntoFrame
from . import _linear_kernels
from ._base import Recommender
from ._closed_form import ClosedForm
from ._request import Ranked, Wanted
from ._selection import select

__all__ = ["EASE", "SLIM"]

GIGABYTE = 1_000_000_000

BYTES_SPARSE = 12
"""For each pair of items that some customer has both of: a code and a product."""

WIDTH = 2048
"""Scores that are added up at a time: they stay in the first level of the cache."""

ITEMS_A_BLOCK = 64
"""Items whose weights are learnt at a time."""

ROOM = 8
"""Rows of items that a block of learnt weights can hold before they are put away."""


class LinearModel(Recommender):
    """A recommender that scores an item by the weights, for it, of the items that the customer has had."""

    n_threads: int | None

    def _weights_to(self, sources: Int32Array, item: int) -> FloatArray:
        """Return the weights of some items for one."""
        raise NotImplementedError

    def _contributions(self, customer: int, item: int) -> tuple[AnyArray, AnyArray]:
        row = self.history_.slice(customer, customer + 1)
        return row.codes, _values(row) * self._weights_to(row.codes, item)

    def _threads(self, rows: Ragged) -> int:
        """Return how many threads to use for the Gram matrix, whose work is the squares of the lengths of rows."""
        work = int(np.square(rows.lengths).sum()) + len(self.items_) ** 2
        return thread_count(self.n_threads, n_rows=work, function=f"{self._name}.fit")


class EASE(LinearModel):
    r"""Embarrassingly shallow autoencoder: the linear model with a closed form [1]_.

    The matrix of weights B minimises :math:`|X - X B|^2 + \lambda |B|^2` with a diagonal of 0, where X holds the
    weights of the interactions. With :math:`P = (X^T X + \lambda I)^{-1}` it is :math:`B_{ij} = -P_{ij} / P_{jj}`, and
    0 on the diagonal. The score of item j is the sum of :math:`x_{ui} B_{ij}` over the history of customer u.

    Parameters
    ----------
    l2
        lambda, above 0; in units of squared weights, so that what fits depends on the size of the weights and on how
        many customers an item has. Try 50 to 1000 on data of ones.
    max_memory
        Gigabytes (10^9 bytes) that `fit` may take; it takes 12 bytes for each pair of items, and 4 to 6 where customers
        are few.
    n_threads
        Number of threads of `fit`; None for all cores.

    Attributes
    ----------
    weights_
        float32, items by items: B.

    Raises
    ------
    ParameterError
        If a parameter is out of range.
    DataError
        If the items need more than `max_memory`; nothing has been allocated then.

    Notes
    -----
    O(sum of squared history lengths + items^3). Where customers are at most half as many as items, P comes from a
    matrix of customers instead, unless `l2` is so small beside the weights that this would cost precision:
    O(customers^3 + interactions x items). Weights of any sign and size are taken as they are: a customer with
    weights of 1000 counts a million times one with weights of 1, so take logarithms, or ones, of counts that vary much.

    Customers without any interaction have no scores; `recommend` fills their lists from other sources. `partial_fit`
    learns anew from all interactions.

    References
    ----------
    .. [1] Steck, H. (2019). Embarrassingly Shallow Autoencoders for Sparse Data. The World Wide Web Conference.

    Examples
    --------
    >>> import pandas as pd
    >>> from growthkit import recommend
    >>> log = pd.DataFrame({"customer_id": [1, 1, 2, 2, 3], "item_id": ["tea", "milk", "tea", "milk", "tea"]})
    >>> model = recommend.EASE(l2=1.0).fit(recommend.Interactions.from_frame(log))
    >>> model.weights_.round(3)
    array([[0.   , 0.667],
           [0.5  , 0.   ]], dtype=float32)
    >>> model.explain(3, "milk")
      item_id  contribution
    0     tea           0.5
    """

    weights_: AnyArray

    def __init__(self, *, l2: float = 100.0, max_memory: float = 8.0, n_threads: int | None = None) -> None:
        self.l2 = l2
        self.max_memory = max_memory
        self.n_threads = n_threads

    def _learn(self, interactions: Interactions, items: IntoFrame | None, customers: IntoFrame | None) -> None:
        del items, customers
        params = Params(f"{self._name}.fit")
        l2, budget = params.number("l2", self.l2, above=0), params.number("max_memory", self.max_memory, above=0)
        rows, n_items = interactions.rows, interactions.n_items
        sides = _arrays(rows, np.float64), _arrays(rows.transpose(n_items), np.float64)
        form = ClosedForm(*sides, l2, self._threads(rows))
        _check_room(params.function, n_items, form.n_bytes(), budget)
        try:
            self.weights_ = form.weights()
        except np.linalg.LinAlgError as error:
            raise DataError(
                f"{params.function}: l2={l2:g} is lost beside the products of the weights, and they have no inverse; "
                "scale the weights down, or raise l2."
            ) from error

    def _scores(self, customers: Int32Array) -> AnyArray:
        scores = np.empty((customers.size, len(self.items_)), dtype=np.float32)
        history = _arrays(self.history_, np.float32)
        _linear_kernels.dense_scores(
            *history, frozen(np.ascontiguousarray(customers)), frozen(self.weights_), WIDTH, scores
        )
        scores[self.history_.lengths[customers] == 0] = -np.inf
        return scores

    def _similar(self, items: Int32Array, k: int) -> Ranked:
        wanted = Wanted(k, excluded=Ragged(np.arange(items.size + 1, dtype=np.int64), items))
        return select(lambda a, b: self.weights_[items[a:b]], items.size, len(self.items_), wanted, 1)

    def _weights_to(self, sources: Int32Array, item: int) -> FloatArray:
        return self.weights_[sources, item].astype(np.float64)


class SLIM(LinearModel):
    r"""Sparse linear method: as `EASE`, but most weights are 0 and, by default, none is negative [1]_.

    For each item j apart, the weights minimise

    .. math::

        \tfrac{1}{2} |X_j - X w|^2 + \lambda_1 |w|_1 + \tfrac{1}{2} \lambda_2 |w|^2,
        \quad w_j = 0, \quad w \ge 0,

    where X holds the weights of the interactions.

    Parameters
    ----------
    l1
        At least 0: how much a weight costs; more of it leaves fewer. In units of squared weights.
    l2
        At least 0: how much the square of a weight costs.
    positive
        Whether weights must be at least 0. Without this, `fit` considers all pairs of items instead of those that some
        customer has had both of.
    tolerance
        The descent for an item is over when no weight moves by more than this share of the largest.
    sweeps
        How often the descent may visit the weights of an item.
    max_memory
        Gigabytes (10^9 bytes) that `fit` may take; it takes 12 bytes for each pair of items that some customer has had
        both of.
    n_threads
        Number of threads of `fit`; None for all cores.

    Attributes
    ----------
    weights_
        The weights other than 0: a row an item of the history, with the items that it speaks for.

    Raises
    ------
    ParameterError
        If a parameter is out of range.
    DataError
        If the pairs of items need more than `max_memory`, or weights are negative and `positive` is asked for.

    Warns
    -----
    GrowthkitWarning
        If the descent for some items was not over after all `sweeps`; their weights are near the best.

    Notes
    -----
    Coordinate descent on the Gram matrix [2]_: no step looks at the customers again. O(sum of squared history lengths)
    for the matrix, then for each item O(sweeps x items with a weight x their neighbours).

    Items that no weight reaches have no score for a customer; `recommend` fills her list from other sources, and says
    so. `partial_fit` learns anew from all interactions.

    References
    ----------
    .. [1] Ning, X. and Karypis, G. (2011). SLIM: Sparse Linear Methods for Top-N Recommender Systems. ICDM.
    .. [2] Friedman, J., Hastie, T. and Tibshirani, R. (2010). Regularization Paths for Generalized Linear Models via
       Coordinate Descent. Journal of Statistical Software 33(1).

    Examples
    --------
    >>> import pandas as pd
    >>> from growthkit import recommend
    >>> log = pd.DataFrame({"customer_id": [1, 1, 2, 2, 3], "item_id": ["tea", "milk", "tea", "milk", "tea"]})
    >>> model = recommend.SLIM(l1=0.5, l2=1.0).fit(recommend.Interactions.from_frame(log))
    >>> model.explain(3, "milk")
      item_id  contribution
    0     tea         0.375
    """

    weights_: Ragged

    def __init__(
        self,
        *,
        l1: float = 1.0,
        l2: float = 20.0,
        positive: bool = True,
        tolerance: float = 1e-4,
        sweeps: int = 200,
        max_memory: float = 8.0,
        n_threads: int | None = None,
    ) -> None:
        self.l1 = l1
        self.l2 = l2
        self.positive = positive
        self.tolerance = tolerance
        self.sweeps = sweeps
        self.max_memory = max_memory
        self.n_threads = n_threads

    def _learn(self, interactions: Interactions, items: IntoFrame | None, customers: IntoFrame | None) -> None:
        del items, customers
        params = Params(f"{self._name}.fit")
        positive = params.flag("positive", self.positive)
        settings = (
            params.number("l1", self.l1, low=0),
            params.number("l2", self.l2, low=0),
            positive,
            params.number("tolerance", self.tolerance, above=0),
            params.whole("sweeps", self.sweeps, low=1),
        )
        budget = params.number("max_memory", self.max_memory, above=0)
        n_negative = int((_values(interactions.rows) < 0).sum())
        if positive and n_negative:
            raise DataError(
                f"{params.function}: {n_negative} interactions have negative weights, which positive=True cannot learn "
                "from; drop them, or pass positive=False."
            )
        threads = self._threads(interactions.rows)
        gram = _sparse_gram(interactions, params.function, budget, threads)
        self.weights_, n_unsettled = _descend(gram, settings, threads)
        if n_unsettled:
            text = f"the descent for {n_unsettled} items was not over after {self.sweeps} sweeps; raise l2 or sweeps."
            announce([Notice("not_settled", text)], function=params.function)

    def _scores(self, customers: Int32Array) -> AnyArray:
        scores = np.empty((customers.size, len(self.items_)), dtype=np.float32)
        asked = frozen(np.ascontiguousarray(customers))
        history, weights = _arrays(self.history_, np.float64), _arrays(self.weights_, np.float64)
        _linear_kernels.sparse_scores(*history, asked, *weights, scores)
        return scores

    def _similar(self, items: Int32Array, k: int) -> Ranked:
        def scorer(start: int, stop: int) -> AnyArray:
            scores = np.full((stop - start, len(self.items_)), -np.inf, dtype=np.float32)
            for row, item in enumerate(items[start:stop].tolist()):
                targets = self.weights_.slice(item, item + 1)
                scores[row, targets.codes] = _values(targets)
            return scores

        return select(scorer, items.size, len(self.items_), Wanted(k), 1)

    def _weights_to(self, sources: Int32Array, item: int) -> FloatArray:
        rows = [self.weights_.slice(source, source + 1) for source in sources.tolist()]
        return np.array([_values(row)[row.codes == item].sum() for row in rows])


def _values(rows: Ragged) -> FloatArray:
    return np.ones(rows.codes.size) if rows.values is None else rows.values


def _arrays(rows: Ragged, dtype: Any) -> tuple[Int64Array, Int32Array, AnyArray]:
    """Return a ragged array as kernels take it."""
    values: Any = np.ascontiguousarray(_values(rows), dtype=dtype)
    return frozen(np.ascontiguousarray(rows.indptr)), frozen(np.ascontiguousarray(rows.codes)), frozen(values)


def _check_room(function: str, n_items: int, n_bytes: int, budget: float) -> None:
    if n_bytes > budget * GIGABYTE:
        raise DataError(
            f"{function}: {n_items:,} items need {n_bytes / GIGABYTE:.3g} GB, more than max_memory={budget:g}; leave "
            "out rare items, raise max_memory, or take ItemKNN or ImplicitALS."
        )


def _sparse_gram(
    interactions: Interactions, function: str, budget: float, n_threads: int
) -> tuple[Int64Array, Int32Array, FloatArray, FloatArray]:
    """Return the items' Gram matrix by rows, sparse, and its diagonal."""
    rows, n = interactions.rows, interactions.n_items
    by_customer, by_item = _arrays(rows, np.float64), _arrays(rows.transpose(n), np.float64)
    blocks = block_edges(n, min(n, 256))
    counts = np.zeros(n, dtype=np.int64)
    run_blocks(
        lambda b: _linear_kernels.count_neighbours(*by_customer[:2], *by_item[:2], counts, *blocks[b]),
        len(blocks),
        n_threads=n_threads,
    )
    indptr = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(counts)))
    _check_room(function, n, int(indptr[-1]) * BYTES_SPARSE, budget)
    neighbours, products = np.empty(indptr[-1], dtype=np.int32), np.empty(indptr[-1])
    run_blocks(
        lambda b: _linear_kernels.sparse_gram_rows(*by_customer, *by_item, indptr, neighbours, products, *blocks[b]),
        len(blocks),
        n_threads=n_threads,
    )
    own = by_item[2]
    diagonal = np.add.reduceat(np.append(own * own, 0.0), by_item[0][:-1]) * (np.diff(by_item[0]) > 0)
    return frozen(indptr), frozen(neighbours), frozen(products), frozen(diagonal)


def _descend(
    gram: tuple[Int64Array, Int32Array, FloatArray, FloatArray],
    settings: tuple[float, float, bool, float, int],
    n_threads: int,
) -> tuple[Ragged, int]:
    """Return the weights of all items, a row a source, and for how many items the descent was not over."""
    n = gram[3].size
    lengths = np.zeros(n, dtype=np.int64)
    blocks = block_edges(n, -(-n // ITEMS_A_BLOCK))

    def learn(block: int) -> tuple[list[Int32Array], list[FloatArray], int]:
        start, stop = blocks[block]
        codes, weights, unsettled = list[Int32Array](), list[FloatArray](), 0
        room, values = np.empty(ROOM * n, dtype=np.int32), np.empty(ROOM * n)
        while start < stop:
            reached, more = _linear_kernels.columns(*gram, *settings, start, stop, lengths, room, values)
            used = int(lengths[start:reached].sum())
            codes.append(room[:used].copy())
            weights.append(values[:used].copy())
            start, unsettled = reached, unsettled + more
        return codes, weights, unsettled

    parts = run_blocks(learn, len(blocks), n_threads=n_threads)
    columns = Ragged(
        np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(lengths))),
        np.concatenate([codes for part in parts for codes in part[0]]),
        None,
        np.concatenate([weights for part in parts for weights in part[1]]),
    )
    return columns.transpose(n), sum(part[2] for part in parts)
