"""BPR: matrix factorisation that learns to rank what a customer had before what she had not."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core.frames import frozen
from .._core.parallel import block_edges, run_blocks, thread_count
from .._core.params import Params
from .._core.ragged import Ragged
from .._core.random import seed_from, stream
from ..exceptions import DataError
from ..summaries.interactions import Interactions
from ..typing import AnyArray, FloatArray, Int32Array, Int64Array, IntoFrame, RngLike
from . import _bpr_kernels
from ._factors import FactorModel

__all__ = ["BPR"]

MAX_BLOCKS = 32
"""Blocks of customers and of items: as many strata can be visited at a time."""

ROWS_A_BLOCK = 128
"""Customers and items that a block has at least; items are compared with others of their block."""

START = 0.1
"""Length that the vectors have on average at the start."""

WORK_OF_AN_ENTRY = 8
"""Factors for which one interaction is as much work as a row of a log elsewhere; small fits use one thread."""


class BPR(FactorModel):
    r"""Bayesian personalised ranking from implicit feedback, by matrix factorisation [1]_.

    The score of item i for customer u is :math:`s_{ui} = x_u^T y_i + b_i`. Stochastic gradient descent minimises

    .. math::

        -\sum_{u, i, j} \log \sigma(s_{ui} - s_{uj})
        + \frac{\lambda}{2} (|x_u|^2 + |y_i|^2 + |y_j|^2 + b_i^2 + b_j^2)

    over interactions (u, i) and, for each, an item j that is drawn from those that u has not had.

    Parameters
    ----------
    factors
        Length of the vectors, at least 1, without the place of the bias.
    learning_rate
        Size of a step, above 0.
    regularization
        lambda, at least 0.
    iterations
        Passes over all interactions, at least 1.
    rng
        Seed of the start and of all draws.
    n_threads
        Number of threads of `fit`; None for all cores. The model is the same, bit for bit, for any number.

    Attributes
    ----------
    customer_vectors_, item_vectors_
        float32, a row an id, in the order of ``customers_`` and ``items_``. They have one place more than `factors`:
        the bias of an item, and 1 for customers.

    Notes
    -----
    Only the sign of a weight counts. Pairs with a weight above 0 are ranked before all others; items with a negative
    weight are among these others. Customers without a weight above 0 have vectors of zeros: they get the items of
    largest bias.

    Threads that change vectors at will make every run differ. Here customers and items are cut into random blocks, anew
    in each pass, so that interactions fall into strata; those on a diagonal share neither customers nor items and are
    visited at the same time, each in an order, and with draws, of its own [2]_. The item j is drawn from the block of
    i, so over passes from all items.

    O(iterations x interactions x (factors + log(history length))). `fold_in` learns the vector of each customer by the
    same descent with the items held still. `partial_fit` learns anew from all interactions. Scores have no parts that
    sum to them, so `explain` refuses.

    References
    ----------
    .. [1] Rendle, S., Freudenthaler, C., Gantner, Z. and Schmidt-Thieme, L. (2009). BPR: Bayesian Personalized Ranking
       from Implicit Feedback. UAI.
    .. [2] Gemulla, R., Nijkamp, E., Haas, P. J. and Sismanis, Y. (2011). Large-Scale Matrix Factorization with
       Distributed Stochastic Gradient Descent. KDD.

    Examples
    --------
    >>> import pandas as pd
    >>> from growthkit import recommend
    >>> log = pd.DataFrame({"customer_id": [1, 1, 2, 2, 3], "item_id": ["tea", "milk", "tea", "milk", "tea"]})
    >>> model = recommend.BPR(factors=4).fit(recommend.Interactions.from_frame(log))
    >>> model.recommend([3], k=1)[["customer_id", "item_id", "rank"]]
       customer_id item_id  rank
    0            3    milk     1
    """

    def __init__(
        self,
        factors: int = 64,
        *,
        learning_rate: float = 0.1,
        regularization: float = 0.003,
        iterations: int = 100,
        rng: RngLike = 0,
        n_threads: int | None = None,
    ) -> None:
        self.factors = factors
        self.learning_rate = learning_rate
        self.regularization = regularization
        self.iterations = iterations
        self.rng = rng
        self.n_threads = n_threads

    seed_: int

    _remedy = "take a smaller learning_rate"

    def _learn(self, interactions: Interactions, items: IntoFrame | None, customers: IntoFrame | None) -> None:
        del items, customers
        factors = Params(f"{self._name}.fit").whole("factors", self.factors, low=1)
        rate, penalty, epochs = self._settings()
        self.seed_ = seed_from(self.rng, function=f"{self._name}.fit")
        liked = interactions.weights > 0
        if not liked.any():
            raise DataError(f"{self._name}.fit: no interaction has a weight above 0; there is nothing to rank first.")
        rng = stream(self.seed_)
        own = _start(rng, interactions.n_customers, factors, 1)
        others = _start(rng, interactions.n_items, factors, 0)
        own[np.bincount(interactions.rows.row_numbers()[liked], minlength=len(own)) == 0, :-1] = 0
        threads = self._threads(interactions.rows, "fit")
        passes = _Passes(interactions.rows, interactions.n_items, self.seed_, threads)
        for epoch in range(epochs):
            passes.run(epoch, own, others, rate, penalty)
        self._set_vectors(own, others)

    def _fold(self, history: Ragged) -> None:
        rate, penalty, epochs = self._settings()
        own = np.zeros((len(history), self.item_vectors_.shape[1]), dtype=np.float32)
        own[:, -1] = 1
        blocks = block_edges(len(history), min(len(history), 64))
        arrays, key = _arrays(history), np.uint64(self.seed_)
        run_blocks(
            lambda b: _bpr_kernels.fold(
                *arrays, epochs, key, rate, penalty, frozen(self.item_vectors_), own, *blocks[b]
            ),
            len(blocks),
            n_threads=self._threads(history, "fold_in"),
        )
        self._set_vectors(own, self.item_vectors_)

    def _settings(self) -> tuple[Any, Any, int]:
        """Return the learning rate, the penalty and the number of passes."""
        params = Params(f"{self._name}.fit")
        rate = params.number("learning_rate", self.learning_rate, above=0)
        penalty = params.number("regularization", self.regularization, low=0)
        return np.float32(rate), np.float32(penalty), params.whole("iterations", self.iterations, low=1)

    def _threads(self, rows: Ragged, method: str) -> int:
        work = rows.codes.size * self.factors // WORK_OF_AN_ENTRY
        return thread_count(self.n_threads, n_rows=work, function=f"{self._name}.{method}")


class _Passes:
    """The interactions, cut anew into strata for each pass."""

    def __init__(self, rows: Ragged, n_items: int, seed: int, n_threads: int) -> None:
        self.arrays = _arrays(rows)
        self.n_items, self.n_customers = n_items, len(rows)
        self.n_blocks = max(1, min(MAX_BLOCKS, n_items // ROWS_A_BLOCK, len(rows) // ROWS_A_BLOCK))
        self.customers, self.items = (np.empty(rows.codes.size, dtype=np.int32) for _ in range(2))
        self.seed, self.n_threads = seed, n_threads

    def run(self, epoch: int, own: AnyArray, others: AnyArray, rate: Any, penalty: Any) -> None:
        """Visit all interactions once."""
        n, rng = self.n_blocks, stream(self.seed, epoch)
        blocks = block_edges(self.n_items, n)
        order = rng.permutation(self.n_items).astype(np.int32)
        edges = self._stratify(_blocks_of(order, n), _blocks_of(rng.permutation(self.n_customers), n))
        keys = rng.integers(0, 2**64, size=(n, n), dtype=np.uint64)

        def visit(block: int, shift: int) -> None:
            other = (block + shift) % n
            stratum = block * n + other
            place = int(edges[stratum]), int(edges[stratum + 1])
            settings = order[slice(*blocks[other])], keys[block, other], rate, penalty
            _bpr_kernels.descend(*self.arrays, self.customers, self.items, *place, *settings, own, others)

        for shift in rng.permutation(n).tolist():
            run_blocks(lambda block, shift=shift: visit(block, shift), n, n_threads=self.n_threads)

    def _stratify(self, item_block: Int32Array, customer_block: Int32Array) -> Int64Array:
        """Sort the interactions by block of customers, then of items; return where each stratum begins."""
        counts = np.zeros((self.n_blocks, self.n_blocks), dtype=np.int64)
        _bpr_kernels.count_strata(*self.arrays, customer_block, item_block, counts)
        edges = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(counts)))
        slots = edges[:-1].reshape(counts.shape).copy()
        _bpr_kernels.fill_strata(*self.arrays, customer_block, item_block, slots, self.customers, self.items)
        return edges


def _arrays(rows: Ragged) -> tuple[Int64Array, Int32Array, FloatArray]:
    values = np.ones(rows.codes.size) if rows.values is None else rows.values
    indptr, codes, weights = (frozen(np.ascontiguousarray(part)) for part in (rows.indptr, rows.codes, values))
    return indptr, codes, weights


def _start(rng: np.random.Generator, n: int, factors: int, last: float) -> AnyArray:
    """Return random vectors with one more place that holds `last`."""
    vectors = np.full((n, factors + 1), last, dtype=np.float32)
    vectors[:, :-1] = rng.standard_normal((n, factors), dtype=np.float32) * np.float32(START / np.sqrt(factors))
    return vectors


def _blocks_of(order: AnyArray, n_blocks: int) -> Int32Array:
    """Return the block of each number, when they are cut into blocks in this order."""
    block = np.empty(order.size, dtype=np.int32)
    for b, (start, stop) in enumerate(block_edges(order.size, n_blocks)):
        block[order[start:stop]] = b
    return block
