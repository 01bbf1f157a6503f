"""ImplicitALS: matrix factorisation of implicit feedback by alternating least squares."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import numpy as np

from .._core.parallel import serial_blas, thread_count
from .._core.params import Params
from .._core.ragged import Ragged
from .._core.random import seed_from, stream
from .._core.vocabulary import Vocabulary
from ..exceptions import DataError
from ..summaries.interactions import Interactions
from ..typing import AnyArray, IntoFrame, RngLike
from ._factors import FactorModel
from ._half_steps import Penalty, Side

__all__ = ["ImplicitALS"]

SWEEPS_OF_UPDATE = 2
"""Sweeps of `partial_fit`."""

UNOBSERVED = 20
"""The weight of all pairs together, as a multiple of that of the interactions, where none is given."""

START = 0.1
"""Length that the vectors of items have on average at the start."""

WORK_OF_AN_ENTRY = 16
"""Factors for which one interaction is as much work as a row of a log elsewhere; small fits use one thread."""


class ImplicitALS(FactorModel):
    r"""Matrix factorisation for implicit feedback [1]_, with the refinements that made it competitive again [2]_.

    The vectors minimise, over all pairs of customer u and item i,

    .. math::

        \sum_{(u,i)} |w_{ui}| (p_{ui} - x_u^T y_i)^2 + \alpha_0 \sum_u \sum_i (x_u^T y_i)^2
        + \lambda \sum_u (W_u + \alpha_0 n)^\nu |x_u|^2 + \lambda \sum_i (W_i + \alpha_0 m)^\nu |y_i|^2

    where the first sum runs over the interactions, :math:`p_{ui}` is 1 for a weight above 0 and 0 for one below,
    :math:`W` sums the absolute weights of a row or column, and m and n are the numbers of customers and items.

    Parameters
    ----------
    factors
        Length of the vectors, at least 1. More are better, up to hundreds, if `regularization` is tuned with them.
    regularization
        lambda, above 0.
    unobserved_weight
        alpha_0, above 0: how much each pair counts as a sign of no interest. None takes the
        mean absolute weight of an interaction times 20 times the share of pairs that interacted (at most times 1), so
        that the model does not depend on the scale of the weights.
    regularization_exponent
        nu, from 0 to 1: with 1, customers and items are penalised in proportion to their weight, with 0 all alike.
    iterations
        Sweeps over customers and items, at least 1.
    rng
        Seed of the start.
    n_threads
        Number of threads of `fit`; None for all cores.

    Attributes
    ----------
    customer_vectors_, item_vectors_
        float32, a row an id, in the order of ``customers_`` and ``items_``.
    unobserved_weight_
        alpha_0 as it was used.

    Notes
    -----
    Negative weights say dislike: the pair is drawn to 0 with the weight's size. Customers without weights above 0 have
    vectors of zeros.

    Each half-step solves the equations of all rows by three steps of preconditioned conjugate gradients in single
    precision. O(interactions x factors + (customers + items) x factors^2) per sweep. `fit` ends with an exact solution
    for the customers, in double precision by LAPACK: so their vectors are a function of their history, `fold_in` of the
    same history gives the same vector, and `explain` can say what each interaction adds to a score.

    `partial_fit` goes on from the vectors as they are, with two sweeps over all interactions; it approaches what `fit`
    would find, and equals it only in the limit.

    References
    ----------
    .. [1] Hu, Y., Koren, Y. and Volinsky, C. (2008). Collaborative Filtering for Implicit Feedback Datasets. ICDM.
    .. [2] Rendle, S., Krichene, W., Zhang, L. and Koren, Y. (2022). Revisiting the Performance of iALS on Item
       Recommendation Benchmarks. RecSys.
    .. [3] Takács, G., Pilászy, I. and Tikk, D. (2011). Applications of the Conjugate Gradient Method for Implicit
       Feedback Collaborative Filtering. RecSys.

    Examples
    --------
    >>> import pandas as pd
    >>> from growthkit import recommend
    >>> log = pd.DataFrame({"customer_id": [1, 1, 2, 2, 3], "item_id": ["tea", "milk", "tea", "milk", "tea"]})
    >>> model = recommend.ImplicitALS(factors=4).fit(recommend.Interactions.from_frame(log))
    >>> model.recommend([3], k=1)[["customer_id", "item_id", "rank"]]
       customer_id item_id  rank
    0            3    milk     1
    """

    unobserved_weight_: float

    _remedy = "raise regularization or unobserved_weight, or scale the weights of the interactions down"

    def __init__(
        self,
        factors: int = 64,
        *,
        regularization: float = 0.003,
        unobserved_weight: float | None = None,
        regularization_exponent: float = 1.0,
        iterations: int = 10,
        rng: RngLike = 0,
        n_threads: int | None = None,
    ) -> None:
        self.factors = factors
        self.regularization = regularization
        self.unobserved_weight = unobserved_weight
        self.regularization_exponent = regularization_exponent
        self.iterations = iterations
        self.rng = rng
        self.n_threads = n_threads

    def _learn(self, interactions: Interactions, items: IntoFrame | None, customers: IntoFrame | None) -> None:
        del items, customers
        params = Params(f"{self._name}.fit")
        factors = params.whole("factors", self.factors, low=1)
        iterations = params.whole("iterations", self.iterations, low=1)
        self.unobserved_weight_ = self._unobserved(interactions)
        rng = stream(seed_from(self.rng, function=params.function))
        start = rng.standard_normal((interactions.n_items, factors), dtype=np.float32)
        start *= np.float32(START / np.sqrt(factors))
        self._sweep(np.zeros((interactions.n_customers, factors), dtype=np.float32), start, iterations)

    def _remember(self, interactions: Interactions) -> None:
        if hasattr(self, "item_vectors_"):  # further interactions: vectors keep their ids, new ids begin at 0
            self.customer_vectors_ = _moved(self.customer_vectors_, self.customers_, interactions.customers)
            self.item_vectors_ = _moved(self.item_vectors_, self.items_, interactions.items)
        super()._remember(interactions)

    def _update(self, merged: Interactions, new: Interactions) -> None:
        del new
        self.unobserved_weight_ = self._unobserved(merged)
        self._sweep(self.customer_vectors_, self.item_vectors_, SWEEPS_OF_UPDATE)

    def _sweep(self, customers: AnyArray, items: AnyArray, iterations: int) -> None:
        """Improve the vectors in turn, and end with exact ones of the customers."""
        history, n_customers, n_items = self.history_, len(customers), len(items)
        side, other = self._side(history, n_items), self._side(history.transpose(n_items), n_customers)
        with serial_blas(), self._told("fit"):
            for _ in range(iterations):
                customers, items = side.improved(customers, items)
                items, customers = other.improved(items, customers)
            self._set_vectors(side.solved(items), items)

    def _unobserved(self, interactions: Interactions) -> float:
        if self.unobserved_weight is not None:
            return Params(f"{self._name}.fit").number("unobserved_weight", self.unobserved_weight, above=0)
        share = len(interactions) / (interactions.n_customers * interactions.n_items)
        return min(UNOBSERVED * share, 1.0) * float(np.abs(interactions.weights).mean())

    def _side(self, rows: Ragged, n_others: int) -> Side:
        params = Params(f"{self._name}.fit")
        penalty = Penalty(
            params.number("regularization", self.regularization, above=0),
            self.unobserved_weight_,
            params.number("regularization_exponent", self.regularization_exponent, low=0, high=1),
        )
        work = rows.codes.size * self.factors // WORK_OF_AN_ENTRY
        return Side.of(rows, n_others, penalty, thread_count(self.n_threads, n_rows=work, function=params.function))

    def _fold(self, history: Ragged) -> None:
        with serial_blas(), self._told("fold_in"):
            side = self._side(history, len(self.items_))
            self._set_vectors(side.solved(self.item_vectors_), self.item_vectors_)

    @contextmanager
    def _told(self, method: str) -> Generator[None]:
        """Say what makes equations singular, and vectors run over."""
        try:
            yield
        except np.linalg.LinAlgError as error:
            raise DataError(
                f"{self._name}.{method}: regularization={self.regularization:g} and an unobserved weight of "
                f"{self.unobserved_weight_:g} are lost beside the weights, and leave a vector open; raise either."
            ) from error

    def _contributions(self, customer: int, item: int) -> tuple[AnyArray, AnyArray]:
        row = self.history_.slice(customer, customer + 1)
        with serial_blas():
            return row.codes, self._side(row, len(self.items_)).parts(0, self.item_vectors_, item)


def _moved(vectors: AnyArray, before: Vocabulary, now: Vocabulary) -> AnyArray:
    """Return vectors in the order of another vocabulary, zeros where it has ids that the first had not."""
    places = before.find(now.labels)
    return np.where((places >= 0)[:, None], vectors[places], np.float32(0))
