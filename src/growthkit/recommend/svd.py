"""PureSVD: the customers' histories, projected on the main directions in which histories differ."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core.parallel import serial_blas
from .._core.params import Params
from .._core.ragged import Ragged
from .._core.random import stream
from ..summaries.interactions import Interactions
from ..typing import AnyArray, FloatArray, IntoFrame
from ._factors import FactorModel

__all__ = ["PureSVD"]


class PureSVD(FactorModel):
    """Truncated singular value decomposition of the interactions, absent ones counted as 0 [1]_.

    With the singular vectors V of the items, a customer's scores are :math:`x_u V V^T`, where :math:`x_u` is the row of
    her weights. Before the decomposition each column of weights is scaled to the power `scaling` of its length [2]_.

    Parameters
    ----------
    factors
        Number of singular vectors, at least 1; at most as many as there are customers or items are used.
    scaling
        From 0 to 1: 1 leaves the columns as they are, which is PureSVD proper; 0 gives all items the same length, and
        what is popular no head start.

    Attributes
    ----------
    customer_vectors_, item_vectors_
        float32, a row an id, in the order of ``customers_`` and ``items_``.

    Notes
    -----
    Lanczos iterations (ARPACK) from a fixed start, on one thread: O(interactions x factors + items x factors^2), some
    times over. Weights may have any sign and size; large ones dominate, so take logarithms, or ones, of counts that
    vary much.

    `fold_in` projects new histories on the same directions, which for customers who were there at fit gives the same
    vectors. `partial_fit` learns anew from all interactions.

    References
    ----------
    .. [1] Cremonesi, P., Koren, Y. and Turrin, R. (2010). Performance of Recommender Algorithms on Top-N Recommendation
       Tasks. RecSys.
    .. [2] Nikolakopoulos, A. N., Kalantzis, V., Gallopoulos, E. and Garofalakis, J. D. (2019). EigenRec: Generalizing
       PureSVD for Effective and Efficient Top-N Recommendations. Knowledge and Information Systems 58.

    Examples
    --------
    >>> import pandas as pd
    >>> from growthkit import recommend
    >>> log = pd.DataFrame({"customer_id": [1, 1, 2, 2, 3], "item_id": ["tea", "milk", "tea", "milk", "tea"]})
    >>> model = recommend.PureSVD(factors=1).fit(recommend.Interactions.from_frame(log))
    >>> model.explain(3, "milk").round(3)
      item_id  contribution
    0     tea         0.485
    """

    def __init__(self, factors: int = 64, *, scaling: float = 1.0) -> None:
        self.factors = factors
        self.scaling = scaling

    def _learn(self, interactions: Interactions, items: IntoFrame | None, customers: IntoFrame | None) -> None:
        del items, customers
        params = Params(f"{self._name}.fit")
        factors = params.whole("factors", self.factors, low=1)
        scaling = params.number("scaling", self.scaling, low=0, high=1)
        matrix = interactions.to_csr()
        lengths = np.sqrt(np.bincount(matrix.indices, weights=matrix.data**2, minlength=interactions.n_items))
        scales = np.where(lengths > 0, lengths, 1.0) ** (scaling - 1)
        with serial_blas():
            directions = _right_singular(matrix * scales, factors).astype(np.float32)
            self._set_vectors(matrix @ directions.astype(np.float64), directions)

    def _fold(self, history: Ragged) -> None:
        from scipy.sparse import csr_array

        weights = np.ones(history.codes.size) if history.values is None else history.values
        matrix: Any = csr_array((weights, history.codes, history.indptr), shape=(len(history), len(self.items_)))
        self._set_vectors(matrix @ self.item_vectors_.astype(np.float64), self.item_vectors_)

    def _contributions(self, customer: int, item: int) -> tuple[AnyArray, AnyArray]:
        row = self.history_.slice(customer, customer + 1)
        weights = np.ones(row.codes.size) if row.values is None else row.values
        vectors = self.item_vectors_.astype(np.float64)
        return row.codes, weights * (vectors[row.codes] @ vectors[item])


def _right_singular(matrix: Any, factors: int) -> FloatArray:
    """Return the first right singular vectors of a sparse matrix as columns, each with its largest entry above 0."""
    from scipy.sparse.linalg import svds

    n: int = min(matrix.shape)
    if factors < n - 1:
        decompose: Any = svds  # its stub lacks "vh"
        start = stream(0).standard_normal(n)
        _, values, rows = decompose(matrix, k=factors, v0=start, solver="arpack", return_singular_vectors="vh")
        rows = rows[np.argsort(-values, kind="stable")]
    else:
        rows = np.linalg.svd(matrix.toarray(), full_matrices=False)[2][:factors]
    tops = rows[np.arange(len(rows)), np.abs(rows).argmax(axis=1)]
    return (rows * np.where(tops < 0, -1.0, 1.0)[:, None]).T
