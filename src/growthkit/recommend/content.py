"""`ContentBased`: items whose features are like those of what a customer had to do with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from .._core.frames import frozen, read_frame
from .._core.params import Params
from .._core.ragged import Ragged
from .._core.results import Notice, announce
from .._core.vocabulary import Vocabulary
from ..exceptions import GrowthkitError
from ..summaries.interactions import Interactions
from ..typing import AnyArray, FloatArray, Int32Array, IntoFrame
from . import _content_kernels
from ._aspects import arrays
from ._base import Recommender
from ._features import Features, as_csr, columns_of, read_features
from ._request import Ranked, Wanted, rows_of
from ._selection import select

__all__ = ["ContentBased"]

MOST_NUMBERS = 2**28
"""Numbers in exported vectors: 1 GB."""


class ContentBased(Recommender):
    """Recommend items by their features: text, categories, numbers, embeddings.

    An item is a unit vector of features, to which each column adds its part. A customer is the mean of the vectors of
    the own items, weighted by the interactions; negative weights push away. The score is the cosine of the two [1]_.
    Items of the frame that nobody had to do with yet are recommended like all others.

    Parameters
    ----------
    text
        Columns of text, as TF-IDF with logarithmic counts (scikit-learn).
    categorical
        Columns of categories; a rare one says more, by ``1 + log((1 + items) / (1 + items of the category))``.
    numeric
        Columns of numbers, each placed between the two nearest of its deciles, so that near numbers are alike.
    embedding
        Columns that together are a vector from elsewhere, such as an image or language model.
    weights
        Weight of each column ("embedding" for that vector) in the similarity; 1 where none is given.
    analyzer
        How text becomes terms: "auto" (words, and pairs of characters in Chinese, Japanese, Thai and other scripts
        without spaces), "word" (scikit-learn's), or "char" (two to four characters within words).

    Notes
    -----
    A null category, text or number, or a text without words, is no feature: the item goes by its other columns, and a
    `GrowthkitWarning` counts such items. Nulls in embedding columns are refused.

    Scores of a customer take O(items that share a feature, for each feature of the profile). Items without a row in the
    frame have no vector; items that share nothing with a customer have no score.

    References
    ----------
    .. [1] Pazzani, M. J. and Billsus, D. (2007). Content-based recommendation systems. The Adaptive Web, 325-341.

    Examples
    --------
    >>> import pandas as pd
    >>> from growthkit import recommend
    >>> log = pd.DataFrame({"customer_id": [1, 1, 2], "item_id": ["sencha", "cup", "cup"]})
    >>> items = pd.DataFrame({"item_id": ["cup", "matcha", "mug", "sencha"], "kind": ["ware", "tea", "ware", "tea"]})
    >>> model = recommend.ContentBased(categorical="kind").fit(recommend.Interactions.from_frame(log), items=items)
    >>> model.recommend([2], k=1)[["item_id", "source"]].to_records(index=False).tolist()
    [('mug', 'ContentBased')]
    """

    _takes_new_items: ClassVar[bool] = True

    vectors_: Ragged
    postings_: Ragged
    embedding_: AnyArray
    features_: AnyArray
    described_: Vocabulary

    def __init__(
        self,
        *,
        text: str | Sequence[str] = (),
        categorical: str | Sequence[str] = (),
        numeric: str | Sequence[str] = (),
        embedding: str | Sequence[str] = (),
        weights: Mapping[str, float] | None = None,
        analyzer: str = "auto",
    ) -> None:
        self.text = text
        self.categorical = categorical
        self.numeric = numeric
        self.embedding = embedding
        self.weights = weights
        self.analyzer = analyzer

    def export_vectors(self) -> tuple[AnyArray, AnyArray]:
        """Return unit vectors of customers and items whose inner products are the scores, float32.

        Raises
        ------
        GrowthkitError
            If there are so many features that they would take more than 1 GB.
        """
        self.check_fitted()
        n_numbers = (len(self.customers_) + len(self.items_)) * self.features_.size
        if n_numbers > MOST_NUMBERS:
            raise GrowthkitError(
                f"ContentBased.export_vectors: {self.features_.size:,} features make {4 * n_numbers:,} bytes of "
                "vectors; export a model of few features, such as of embedding columns alone."
            )
        return self._dense(*self._profiles(np.arange(len(self.customers_)))), self._dense(*self._items())

    def _learn(self, interactions: Interactions, items: IntoFrame | None, customers: IntoFrame | None) -> None:
        del customers
        params = Params("ContentBased.fit")
        columns = columns_of(
            params, self.text, self.categorical, self.numeric, self.embedding, self.weights, self.analyzer
        )
        if items is None:
            params.refuse("items", "a dataframe with one row per item", items)
        features = read_features(read_frame(items, function=params.function), interactions.item_name, columns)
        self.features_ = features.names
        self._place(features)
        notices = [*features.notices]
        n_plain = int((features.items.find(self.items_.labels) < 0).sum())
        if n_plain:
            text = f"{n_plain:,} items have no row in the item frame, so nothing is known of them."
            notices.append(Notice("items_without_features", text))
        announce(notices, function=params.function)

    def _update(self, merged: Interactions, new: Interactions) -> None:
        """Keep the features; items that are new have none."""
        del merged, new
        self._place(Features(self.described_, self.vectors_, self.features_, self.embedding_))

    def _place(self, features: Features) -> None:
        """Bring the features into the order of the model's items; items without any get zeros."""
        places = features.items.find(self.items_.labels)
        ends = np.append(features.sparse.indptr, features.sparse.indptr[-1])  # one more row, empty, at the place -1
        sparse = features.sparse
        self.vectors_ = rows_of(Ragged(ends, sparse.codes, None, sparse.values), places)
        self.postings_ = self.vectors_.transpose(features.names.size - features.dense.shape[1])
        dense = np.vstack((features.dense, np.zeros((1, features.dense.shape[1]))))[places]
        self.embedding_ = dense.astype(np.float32)
        self.described_ = self.items_

    def _items(self) -> tuple[Any, AnyArray]:
        """Return the vectors of items as a sparse part and a dense one."""
        return as_csr(self.vectors_, len(self.postings_)), self.embedding_

    def _profiles(self, customers: AnyArray) -> tuple[Any, FloatArray]:
        """Return unit vectors of customers as a sparse part and a dense one; zeros where nothing is known."""
        import scipy.sparse as sp

        held = as_csr(rows_of(self.history_, customers), len(self.items_))
        sparse, dense = self._items()
        sparse, dense = held @ sparse, held @ dense
        lengths = np.sqrt(np.asarray(sparse.multiply(sparse).sum(axis=1)).ravel() + (dense**2).sum(axis=1))
        scale = np.divide(1.0, lengths, out=np.zeros_like(lengths), where=lengths > 0)
        return sp.diags_array(scale, format="csr") @ sparse, dense * scale[:, None]

    def _dense(self, sparse: Any, dense: FloatArray) -> AnyArray:
        return np.hstack((sparse.toarray(), dense)).astype(np.float32)

    def _products(self, sparse: Any, dense: FloatArray) -> AnyArray:
        """Return the products of some vectors with all items; -inf where they share nothing."""
        out = np.zeros((sparse.shape[0], len(self.items_)), dtype=np.float32)
        if dense.shape[1]:
            np.matmul(dense.astype(np.float32), self.embedding_.T, out=out)
        parts = (sparse.indptr.astype(np.int64), sparse.indices.astype(np.int32), sparse.data)
        arguments: tuple[Any, ...] = (*map(frozen, parts), *arrays(self.postings_), out)
        _content_kernels.add_products(*arguments)
        out[out == 0] = -np.inf
        return out

    def _scores(self, customers: Int32Array) -> AnyArray:
        return self._products(*self._profiles(customers))

    def _similar(self, items: Int32Array, k: int) -> Ranked:
        sparse, dense = self._items()
        itself = Ragged(np.arange(items.size + 1, dtype=np.int64), items)

        def scorer(start: int, stop: int) -> AnyArray:
            return self._products(sparse[items[start:stop]], dense[items[start:stop]])

        return select(scorer, items.size, len(self.items_), Wanted(k, excluded=itself), 1)

    def _contributions(self, customer: int, item: int) -> tuple[AnyArray, AnyArray]:
        sparse, dense = self._profiles(np.array([customer]))
        vectors, embedding = self._items()
        parts = (sparse.multiply(vectors[[item]])).tocoo()
        reasons = [self.features_[feature] for feature in parts.col] + ["embedding"] * bool(dense.shape[1])
        near = [float(dense[0] @ embedding[item])] if dense.shape[1] else []
        return np.array(reasons, dtype=object), np.concatenate((parts.data, near)).astype(np.float64)
