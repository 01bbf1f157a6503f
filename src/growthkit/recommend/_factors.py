"""`FactorModel`: what models have in common whose scores are inner products of two vectors."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ..exceptions import DataError
from ..typing import AnyArray, Int32Array
from ._base import Recommender

__all__ = ["FactorModel"]


class FactorModel(Recommender):
    """A recommender with a vector for each customer and each item; the score is their inner product."""

    customer_vectors_: AnyArray
    item_vectors_: AnyArray

    _remedy: ClassVar[str] = "scale the weights of the interactions down, for example to their logarithm"
    """What helps where numbers run over."""

    def export_vectors(self) -> tuple[AnyArray, AnyArray]:
        """Return the vectors of customers and items, float32; the inner product of two is the score.

        Rows stand in the order of ``customers_`` and ``items_``. For similar items, or scores as cosines, scale them to
        length 1.
        """
        self.check_fitted()
        return self.customer_vectors_, self.item_vectors_

    def _scores(self, customers: Int32Array) -> AnyArray:
        vectors = self.customer_vectors_[customers]
        scores = vectors @ self.item_vectors_.T
        scores[~vectors.any(axis=1)] = -np.inf  # nothing is known of them
        return scores

    def _set_vectors(self, customers: AnyArray, items: AnyArray) -> None:
        """Keep what was learnt, unless numbers ran over."""
        if not (np.isfinite(customers).all() and np.isfinite(items).all()):
            raise DataError(f"{self._name}: the vectors overflow; {self._remedy}.")
        self.customer_vectors_ = np.ascontiguousarray(customers, dtype=np.float32)
        self.item_vectors_ = np.ascontiguousarray(items, dtype=np.float32)
