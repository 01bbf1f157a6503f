"""`Hooks`: what a model has to say, in codes and arrays, and what it remembers of the data."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from .._core.estimator import Estimator
from .._core.frames import Log
from .._core.ragged import Ragged
from .._core.vocabulary import Vocabulary
from ..exceptions import DataError, GrowthkitError, ParameterError
from ..summaries.interactions import Interactions
from ..typing import AnyArray, Int32Array, Int64Array, IntoFrame
from ._request import Ranked, Wanted, one_row_each, read_with_columns, same_kind
from ._selection import select

__all__ = ["Hooks"]

LARGEST_WEIGHT = 1e15
"""Up to here, sums of products of weights and of factors stay within single precision."""


class Hooks(Estimator):
    """What is behind a recommender: hooks, which a model provides, and the data that it has seen.

    A model provides `_learn` and `_scores` (or `_top`, where it knows a faster way), and may provide the other hooks.
    """

    customers_: Vocabulary
    items_: Vocabulary
    history_: Ragged
    popularity_: Int64Array
    item_columns_: dict[str, Any]
    item_groups_: Int32Array
    origin_: dict[str, Any]

    _takes_new_items: ClassVar[bool] = False
    """Whether items of the item frame that nobody had to do with are items of the model."""

    def _learn(self, interactions: Interactions, items: IntoFrame | None, customers: IntoFrame | None) -> None:
        """Learn; what is learnt stands on attributes that end in ``_``. Vocabularies and history are set already."""
        raise NotImplementedError

    def _scores(self, customers: Int32Array) -> AnyArray:
        """Return scores of known customers by all items, float32, in a new array; -inf where the model has none."""
        raise NotImplementedError

    def _scores_unknown(self) -> AnyArray | None:
        """Return scores by all items for any customer of whom nothing is known, or None if there are none."""
        return None

    def _top(self, customers: Int32Array, wanted: Wanted, n_threads: int) -> Ranked:
        """Return the lists of known customers; those that the model cannot fill are shorter."""
        return select(lambda a, b: self._scores(customers[a:b]), customers.size, len(self.items_), wanted, n_threads)

    def _similar(self, items: Int32Array, k: int) -> Ranked:
        """Return the `k` items most similar to each of `items`."""
        raise NotImplementedError

    def _fold(self, history: Ragged) -> None:
        """Make the customers' side anew for these histories; called on a copy, whose arrays are shared."""

    def _contributions(self, customer: int, item: int) -> tuple[AnyArray, AnyArray]:
        """Return reasons (int32 item codes, or texts) and float64 parts that sum to the score."""
        del customer, item
        raise GrowthkitError(f"{self._name}.explain: this model cannot say what its scores are made of.")

    def _own_sources(self) -> list[str]:
        """Return the sources that `_lists` may number from 3 on, for models that have several."""
        return []

    def _update(self, merged: Interactions, new: Interactions) -> None:
        """Learn from all interactions when `new` ones have come; by default anew."""
        del new
        self._learn(merged, None, None)

    # What a model remembers ------------------------------------------------------------------------------------------

    @property
    def _name(self) -> str:
        return type(self).__name__

    def _check_interactions(self, method: str, interactions: Any) -> None:
        if not isinstance(interactions, Interactions):
            raise ParameterError(
                f"{self._name}.{method}: interactions must be Interactions, got {type(interactions).__name__}; "
                "make them with Interactions.from_frame or Interactions.from_csr."
            )
        weights = interactions.weights
        if max(weights.max(initial=0.0), -weights.min(initial=0.0)) > LARGEST_WEIGHT:
            raise DataError(
                f"{self._name}.{method}: weights beyond {LARGEST_WEIGHT:g} overflow; scale the weights of the "
                "interactions down, for example to their logarithm."
            )

    def _remember(self, interactions: Interactions) -> None:
        self.customers_, self.items_ = interactions.customers, interactions.items
        self.history_ = interactions.rows
        self.popularity_ = np.bincount(self.history_.codes, minlength=len(self.items_)).astype(np.int64)
        facts = ("backend", "customer_name", "item_name", "duplicates", "ticks_per_day", "half_life", "as_of")
        self.origin_ = {fact: getattr(interactions, fact) for fact in facts}

    def _interactions(self) -> Interactions:
        return Interactions(customers=self.customers_, items=self.items_, rows=self.history_, **self.origin_)

    def _item_table(
        self, method: str, items: IntoFrame, item_name: str, known: Vocabulary
    ) -> tuple[Vocabulary, Int32Array, Log]:
        """Return the items of an item frame, the code of each row, and the frame."""
        function = f"{self._name}.{method}"
        log = read_with_columns(function, "items", items, (item_name,))
        codes, vocabulary = log.ids(item_name, role="item")
        same_kind(function, f'column "{item_name}" of items', vocabulary, known)
        one_row_each(log, item_name, codes, "item")
        return vocabulary, codes, log
