"""Neighbourhood models: `ItemKNN` goes by items like those of the history, `UserKNN` by like customers."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core.frames import frozen
from .._core.parallel import block_edges, run_blocks
from .._core.params import Params
from .._core.ragged import Ragged
from ..exceptions import GrowthkitError
from ..summaries.interactions import Interactions
from ..typing import AnyArray, Int32Array, IntoFrame
from . import _select_kernels
from ._base import Recommender
from ._request import Ranked, Wanted, rows_of
from ._selection import array_or_none, pointers
from ._similarities import Measure, narrow, nearest

__all__ = ["ItemKNN", "UserKNN"]

CUSTOMERS_A_BLOCK = 512
"""Customers whose rows are held at a time in the form that kernels take."""


class _Neighbours(Recommender):
    """What both models share: a score is a sum over a sparse row times a sparse table."""

    places_: AnyArray
    """The codes of the table in as few bytes as hold them."""

    def __init__(
        self,
        k: int = 100,
        similarity: str = "cosine",
        *,
        shrinkage: float = 0.0,
        alpha: float | None = None,
        beta: float | None = None,
        k1: float | None = None,
        b: float | None = None,
        n_threads: int | None = None,
    ) -> None:
        self.k = k
        self.similarity = similarity
        self.shrinkage = shrinkage
        self.alpha = alpha
        self.beta = beta
        self.k1 = k1
        self.b = b
        self.n_threads = n_threads

    def _measure(self, function: str) -> tuple[int, Measure]:
        given = {"alpha": self.alpha, "beta": self.beta, "k1": self.k1, "b": self.b}
        k = Params(function).whole("k", self.k, low=1)
        return k, Measure.checked(function, self.similarity, self.shrinkage, given)

    def _rows(self, customers: Int32Array) -> Ragged:
        """Return the sparse row of each customer."""
        raise NotImplementedError

    def _table(self) -> tuple[Ragged, AnyArray]:
        """Return the table of items that the rows go through, and its values in single precision."""
        raise NotImplementedError

    def _product(self, customers: Int32Array) -> tuple[Any, Any]:
        """Return the rows of the customers and the table they go through, as kernels take them."""
        rows, (table, values) = self._rows(customers), self._table()
        return (*pointers(rows), frozen(_values(rows))), (frozen(table.indptr), frozen(self.places_), frozen(values))

    def _scores(self, customers: Int32Array) -> AnyArray:
        scores = np.empty((customers.size, len(self.items_)), dtype=np.float32)
        _select_kernels.walk_dense(*self._product(customers), scores)
        return scores

    def _top(self, customers: Int32Array, wanted: Wanted, n_threads: int) -> Ranked:
        if wanted.eligible_rows is not None or wanted.groups is not None:
            return super()._top(customers, wanted, n_threads)
        ranked = Ranked.empty(customers.size, wanted.k)
        excluded_indptr, excluded = pointers(wanted.excluded)
        options = array_or_none(wanted.eligible, np.bool_), array_or_none(wanted.boost, np.float32)

        def walk(block: int) -> None:
            start, stop = blocks[block]
            request = (excluded_indptr[start : stop + 1], excluded), options
            out = ranked.items[start:stop], ranked.scores[start:stop]
            _select_kernels.walk(*self._product(customers[start:stop]), len(self.items_), *request, out)

        blocks = block_edges(customers.size, 1 + customers.size // CUSTOMERS_A_BLOCK)
        run_blocks(walk, len(blocks), n_threads=n_threads)
        return ranked


class ItemKNN(_Neighbours):
    """Recommend items that are similar to those of the customer's history.

    Each item keeps the `k` items that are most similar to it. The score of an item is the sum, over the items of the
    history that keep it, of similarity times weight.

    Parameters
    ----------
    k
        Similar items that each item keeps, at least 1.
    similarity
        "cosine", "tfidf", "bm25", "jaccard", "dice", "tversky", "asymmetric", "pearson", "adjusted_cosine", "p3alpha"
        or "rp3beta"; see the notes. Only cosine, pearson and adjusted_cosine take negative weights.
    shrinkage
        What is added to the denominator of the similarity, at least 0: it makes similarities that rest on few customers
        smaller. 0 for bm25, p3alpha and rp3beta, which have no denominator.
    alpha
        Of p3alpha and rp3beta: the power of the steps' probabilities (default 0.9); of tversky: how much customers
        count that only the item of the history has (1); of asymmetric: that item's share of the norm (0.5).
    beta
        Of rp3beta: the power of popularity that scores are divided by (0.1); of tversky: how much customers count that
        only the recommended item has (1).
    k1, b
        Of bm25: how fast weights saturate (1.2), and how much long rows count less (0.75).
    n_threads
        Number of threads of `fit`; None for all cores. Results are the same for any.

    Notes
    -----
    With weights ``w``, and ``x_i`` the weights of item i over customers, the similarity ``s(i, j)`` of item j to
    item i of the history, with shrinkage h, is

    - cosine ``x_i x_j / (|x_i| |x_j| + h)``; tfidf the same of ``w ln(n_items / items of the customer)``;
    - tversky ``x_i x_j / (x_i x_j + alpha (|x_i|^2 - x_i x_j) + beta (|x_j|^2 - x_i x_j) + h)``, which is jaccard for
      alpha = beta = 1 and dice for 1/2; asymmetric ``x_i x_j / (|x_i|^(2 alpha) |x_j|^(2 (1 - alpha)) + h)``;
    - pearson and adjusted_cosine the cosine, over customers of both, of weights less the mean of the item, of the
      customer;
    - bm25 the inner product of the rows' BM25 weights;
    - p3alpha ``sum_u P(i -> u)^alpha P(u -> j)^alpha``: a walk from item i over a customer to item j, with
      probabilities in proportion to weights; rp3beta the same divided by ``(customers of j)^beta``.

    Learning takes O(sum over customers of the squared length of the history); a list O(history x k).

    References
    ----------
    .. [1] Sarwar, B., Karypis, G., Konstan, J. and Riedl, J. (2001). Item-based collaborative filtering recommendation
       algorithms. WWW 10, 285-295.
    .. [2] Deshpande, M. and Karypis, G. (2004). Item-based top-N recommendation algorithms. ACM TOIS 22(1), 143-177.
    .. [3] Cooper, C., Lee, S. H., Radzik, T. and Siantos, Y. (2014). Random walks in recommender systems: exact
       computation and simulations. WWW 23 Companion, 811-816.
    .. [4] Paudel, B., Christoffel, F., Newell, C. and Bernstein, A. (2017). Updatable, accurate, diverse, and scalable
       recommendations for interactive applications. ACM TiiS 7(1), 1:1-1:34.
    .. [5] Aiolli, F. (2013). Efficient top-N recommendation for very large scale binary rated datasets. RecSys 7,
       273-280.

    Examples
    --------
    >>> import pandas as pd
    >>> from growthkit import recommend
    >>> log = pd.DataFrame({
    ...     "customer_id": [1, 1, 1, 2, 2, 3, 3],
    ...     "item_id": ["tea", "mug", "milk", "tea", "milk", "tea", "mug"],
    ... })
    >>> model = recommend.ItemKNN(similarity="cosine").fit(recommend.Interactions.from_frame(log))
    >>> model.recommend([2, 3], k=1).round(3)
       customer_id item_id  rank  score   source
    0            2     mug     1  1.316  ItemKNN
    1            3    milk     1  1.316  ItemKNN
    """

    neighbours_: Ragged

    def __init__(
        self,
        k: int = 100,
        similarity: str = "rp3beta",
        *,
        shrinkage: float = 0.0,
        alpha: float | None = None,
        beta: float | None = None,
        k1: float | None = None,
        b: float | None = None,
        n_threads: int | None = None,
    ) -> None:
        rest: Any = {"shrinkage": shrinkage, "alpha": alpha, "beta": beta, "k1": k1, "b": b, "n_threads": n_threads}
        super().__init__(k, similarity, **rest)

    def _learn(self, interactions: Interactions, items: IntoFrame | None, customers: IntoFrame | None) -> None:
        del items, customers
        k, measure = self._measure("ItemKNN.fit")
        by_customer = interactions.rows
        by_item = by_customer.transpose(interactions.n_items)
        own = np.arange(interactions.n_items, dtype=np.int32)
        self.neighbours_ = nearest(
            by_item, by_item, by_customer, own, k, measure, function="ItemKNN.fit", n_threads=self.n_threads
        )
        self.places_ = narrow(self.neighbours_.codes, interactions.n_items)

    def _rows(self, customers: Int32Array) -> Ragged:
        return rows_of(self.history_, customers)

    def _table(self) -> tuple[Ragged, AnyArray]:
        return self.neighbours_, _values(self.neighbours_)

    def _similar(self, items: Int32Array, k: int) -> Ranked:
        return _sorted_rows(rows_of(self.neighbours_, items), k)

    def _contributions(self, customer: int, item: int) -> tuple[AnyArray, AnyArray]:
        history = self.history_.slice(customer, customer + 1)
        near = rows_of(self.neighbours_, history.codes)
        places = np.flatnonzero(near.codes == item)
        sources = near.row_numbers()[places]
        return history.codes[sources], _values(history)[sources].astype(np.float64) * _values(near)[places]


class UserKNN(_Neighbours):
    """Recommend what similar customers have.

    The score of an item is the sum, over those of the customer's `k` nearest neighbours who have it, of similarity
    times weight.

    Parameters
    ----------
    k
        Neighbours of each customer, at least 1.
    similarity, shrinkage, alpha, beta, k1, b
        As in `ItemKNN`, with customers in the place of items: pearson subtracts the mean weight of the customer,
        adjusted_cosine that of the item, tfidf counts items less that many have.
    n_threads
        Number of threads of `fit`; None for all cores. Results are the same for any.

    Notes
    -----
    Learning takes O(sum over items of the squared number of their customers), so it suits shops with fewer customers
    than `ItemKNN` does. `fold_in` compares new customers with those of `fit`; one of these is not compared with the own
    row, so that folding in a known history changes nothing.

    References
    ----------
    .. [1] Resnick, P., Iacovou, N., Suchak, M., Bergstrom, P. and Riedl, J. (1994). GroupLens: an open architecture for
       collaborative filtering of netnews. CSCW, 175-186.

    Examples
    --------
    >>> import pandas as pd
    >>> from growthkit import recommend
    >>> log = pd.DataFrame({
    ...     "customer_id": [1, 1, 1, 2, 2, 3, 3],
    ...     "item_id": ["tea", "mug", "milk", "tea", "milk", "tea", "mug"],
    ... })
    >>> model = recommend.UserKNN().fit(recommend.Interactions.from_frame(log))
    >>> model.recommend([2], k=1).round(3)
       customer_id item_id  rank  score   source
    0            2     mug     1  1.316  UserKNN
    """

    neighbours_: Ragged
    known_: Ragged
    known_customers_: Any
    worths_: AnyArray

    def _learn(self, interactions: Interactions, items: IntoFrame | None, customers: IntoFrame | None) -> None:
        del items, customers
        self.known_, self.known_customers_ = interactions.rows, interactions.customers
        own = np.arange(interactions.n_customers, dtype=np.int32)
        self.neighbours_ = self._nearest("UserKNN.fit", self.known_, own)
        self.places_, self.worths_ = narrow(self.known_.codes, interactions.n_items), _values(self.known_)

    def _fold(self, history: Ragged) -> None:
        own = self.known_customers_.find(self.customers_.labels)
        self.neighbours_ = self._nearest("UserKNN.fold_in", history, own)

    def _nearest(self, function: str, queries: Ragged, own: Int32Array) -> Ragged:
        k, measure = self._measure(function)
        by_item = self.known_.transpose(len(self.items_))
        return nearest(queries, self.known_, by_item, own, k, measure, function=function, n_threads=self.n_threads)

    def _rows(self, customers: Int32Array) -> Ragged:
        return rows_of(self.neighbours_, customers)

    def _table(self) -> tuple[Ragged, AnyArray]:
        return self.known_, self.worths_

    def _similar(self, items: Int32Array, k: int) -> Ranked:
        del items, k
        raise GrowthkitError("UserKNN.similar_items: this model compares customers, not items; use ItemKNN.")

    def _contributions(self, customer: int, item: int) -> tuple[AnyArray, AnyArray]:
        near = self.neighbours_.slice(customer, customer + 1)
        theirs = rows_of(self.known_, near.codes)
        has = theirs.codes == item
        place = theirs.row_numbers()[has]
        parts = _values(near)[place].astype(np.float64) * _values(theirs)[has]
        labels = self.known_customers_.decode(near.codes[place])
        return np.array([str(label) for label in labels], dtype=object), parts


def _values(rows: Ragged) -> AnyArray:
    if rows.values is None:
        return np.ones(rows.codes.size, dtype=np.float32)
    return rows.values.astype(np.float32, copy=False)


def _sorted_rows(rows: Ragged, k: int) -> Ranked:
    """Return the `k` best of each row, best first, ties by code."""
    row = rows.row_numbers()
    order = np.lexsort((rows.codes, -_values(rows), row))
    rank = np.arange(order.size) - np.repeat(rows.indptr[:-1], rows.lengths)
    kept = rank < k
    ranked = Ranked.empty(len(rows), k)
    ranked.items[row[kept], rank[kept]] = rows.codes[order][kept]
    ranked.scores[row[kept], rank[kept]] = _values(rows)[order][kept]
    return ranked
