"""`Recommender`: the one contract of all models, and what they share: requests, filling, frames, folding in."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np

from .._core.frames import give_back, hand_over
from .._core.parallel import serial_blas, thread_count
from .._core.params import Params
from .._core.ragged import Ragged
from .._core.results import announce
from .._core.vocabulary import Vocabulary
from ..exceptions import DataError, GrowthkitError
from ..summaries.interactions import Interactions
from ..typing import AnyArray, Int32Array, Int64Array, IntoFrame
from ._asking import Known, group_columns
from ._columns import Listed, columns_of
from ._hooks import Hooks
from ._request import Ranked, Wanted, codes_of, count_of, same_kind
from ._selection import Scorer, fill, select

__all__ = ["POPULAR", "Recommender"]

POPULAR = "popular"
"""The source of rows that neither the model nor a fallback could fill."""

TAKEN_NAMES = ("boost", "contribution", "rank", "reason", "score", "source")
"""Columns that recommendations, explanations and requests have besides those of customers and items."""


class Recommender(Hooks):
    """Base of all recommenders: learn from interactions, then say who gets what.

    A subclass provides `_learn` and `_scores` (or `_top`, where it knows a faster way), and may provide the other
    hooks. Hooks speak in codes and arrays; this class speaks to the caller.
    """

    def fit(
        self, interactions: Interactions, *, items: IntoFrame | None = None, customers: IntoFrame | None = None
    ) -> Self:
        """Learn from interactions.

        Parameters
        ----------
        interactions
            Made by `Interactions.from_frame` or `from_csr`.
        items
            A dataframe with one row per item, for models that use features of items, and for `group_cap`; or None.
        customers
            A dataframe with one row per customer, for models that use features of customers; or None.

        Returns
        -------
        Self
            The model.

        Raises
        ------
        DataError
            If a frame lacks the column of ids or has an id twice.
        """
        self._check_interactions("fit", interactions)
        names = interactions.customer_name, interactions.item_name
        if names[0] == names[1] or set(names) & set(TAKEN_NAMES):
            raise DataError(f"{self._name}.fit: the columns {names} need names of their own, other than {TAKEN_NAMES}.")
        table = None if items is None else self._item_table("fit", items, names[1], interactions.items)
        if self._takes_new_items and table is not None:
            interactions = _widened(interactions, table[0])
        self._remember(interactions)
        self.item_columns_, self.item_groups_ = group_columns(table, self.items_)
        self._learn(interactions, items, customers)
        return self

    def partial_fit(self, interactions: Interactions) -> Self:
        """Learn from further interactions, whose customers and items may be new.

        Unless the class says otherwise, this refits on all interactions together, so that the model is the same as if
        `fit` had had them all; pairs that occur again are united as `duplicates` of the interactions says.

        Raises
        ------
        DataError
            If the interactions do not merge with those of `fit`.
        """
        self._check_interactions("partial_fit", interactions)
        if not self._learnt():
            return self.fit(interactions)
        merged = self._interactions().merge(interactions)
        groups, known = self.item_groups_, self.items_.find(merged.items.labels)
        self._remember(merged)
        self.item_groups_ = np.where(known >= 0, groups[:, known], np.int32(-1))
        self._update(merged, interactions)
        return self

    def recommend(
        self,
        customers: Any = None,
        k: int = 10,
        *,
        exclude: Any = "seen",
        eligible: Any = None,
        group_cap: tuple[Any, int] | None = None,
        boost: Any = None,
        fallback: Recommender | None = None,
        n_threads: int | None = None,
    ) -> IntoFrame:
        """Recommend items to customers: exactly min(k, eligible items) each.

        Where the model has no score for enough items, lists are filled by `fallback`, then by the number of customers
        of each item; the column ``source`` says which.

        Parameters
        ----------
        customers
            Distinct ids in a list, array or series; None for all.
        k
            Length of each list, at least 1.
        exclude
            "seen": no customer gets an item of the own history; None: nothing is left out; or a dataframe with the
            columns of customer and item: these pairs, and no others, are left out (none, if it has no rows).
        eligible
            The items that may be recommended: ids, or a boolean array in the order of ``items_``; or a dataframe with
            the columns of customer and item, which says it for each customer. None for all.
        group_cap
            ``(groups, n)``: at most n items of one group in a list; groups is a column of the item frame that `fit`
            had, or a mapping of items to groups. Items without a group have no cap.
        boost
            A factor from 1e-12 to 1e12 for each item, as a mapping or as a dataframe with the item column and "boost";
            1 where none is given. Scores are multiplied with it, negative ones divided by it: more than 1 always lifts
            an item.
        fallback
            A fitted model that serves customers who were not there at fit, and fills what this model cannot.
        n_threads
            Number of threads; None for all cores.

        Returns
        -------
        dataframe
            The columns of customer and item, rank (from 1), score and source; in the order of `customers`, then by
            rank. Ties go to the smaller id. Scores of different sources do not compare.

        Raises
        ------
        DataError
            If a customer was not there at fit and no fallback serves her, or a parameter's ids do not fit.
        ParameterError
            If a parameter is out of range.

        Warns
        -----
        GrowthkitWarning
            If `eligible`, `group_cap` or `boost` name items that the model does not know.
        """
        self.check_fitted()
        function = f"{self._name}.recommend"
        k = min(Params(function).whole("k", k, low=1), len(self.items_))
        labels, codes = self._asked(function, customers)
        wanted, notices = self._known_to(function).wanted(labels, codes, k, exclude, eligible, group_cap, boost)
        server = None if fallback is None else self._fallback(function, fallback)
        self._check_served(function, labels, codes, server)
        threads = thread_count(n_threads, n_rows=labels.size * len(self.items_) // 8, function=function)
        announce(notices, function=function)
        with serial_blas():
            lists: list[Listed] = [self._lists(labels, codes, wanted, server, threads)]
        sources = [self._name, f"{server._name} (fallback)" if server else "", POPULAR, *self._own_sources()]
        return self._frame(self.origin_["customer_name"], labels, self.origin_["item_name"], lists, sources)

    def similar_items(self, items: Any = None, k: int = 10) -> IntoFrame:
        """Return the `k` items that are most similar to each of `items`, never the item itself.

        Parameters
        ----------
        items
            Distinct ids in a list, array or series; None for all.
        k
            How many, at least 1; fewer come where the model has fewer.

        Returns
        -------
        dataframe
            The item, the similar item (its column begins with ``similar_``), rank and score.

        Raises
        ------
        DataError
            If an item was not there at fit.
        GrowthkitError
            If the model has no notion of similar items.
        """
        self.check_fitted()
        function = f"{self._name}.similar_items"
        k = min(Params(function).whole("k", k, low=1), max(len(self.items_) - 1, 1))
        labels, codes = self._asked_items(function, items)
        with serial_blas():
            lists: list[Listed] = [(self._similar(codes, k), None)]
        item = self.origin_["item_name"]
        return self._frame(item, labels, f"similar_{item}", lists)

    def fold_in(self, interactions: Interactions) -> Self:
        """Return a model for the customers of `interactions`, whatever was known of them, on the items as learnt.

        Parameters
        ----------
        interactions
            All that is known of these customers; their items must be known.

        Returns
        -------
        Self
            A model of the same class that shares the items' side with this one, which stays as it is.

        Raises
        ------
        DataError
            If an item was not there at fit.
        """
        self.check_fitted()
        self._check_interactions("fold_in", interactions)
        codes = self.items_.find(interactions.items.labels)
        n_unknown, first = count_of(codes, interactions.items.labels)
        if n_unknown:
            raise DataError(
                f"{self._name}.fold_in: {n_unknown} items were not there at fit (first {first!r}); drop their rows, or "
                "use partial_fit."
            )
        model = copy.copy(self)
        model.customers_ = interactions.customers
        model.history_ = replace(interactions.rows, codes=codes[interactions.rows.codes])
        model._fold(model.history_)
        return model

    def explain(self, customer: Any, item: Any) -> IntoFrame:
        """Return what the score of an item for a customer is made of.

        Parameters
        ----------
        customer, item
            One id each, known at fit.

        Returns
        -------
        dataframe
            One row per item of the customer's history (or what else the model goes by, in a column ``reason``) and its
            contribution, the largest first. The contributions sum to the score before any boost.

        Raises
        ------
        DataError
            If the customer or the item was not there at fit.
        """
        self.check_fitted()
        function = f"{self._name}.explain"
        codes = [
            self._known(function, name, [label], vocabulary)[1]
            for name, label, vocabulary in (("customer", customer, self.customers_), ("item", item, self.items_))
        ]
        reasons, parts = self._contributions(int(codes[0][0]), int(codes[1][0]))
        order = np.argsort(-parts, kind="stable")
        by_item = reasons.dtype == np.int32
        named = self.items_.decode(reasons) if by_item else reasons
        columns = {self.origin_["item_name"] if by_item else "reason": named[order], "contribution": parts[order]}
        return give_back(columns, backend=self.origin_["backend"])

    def export_vectors(self) -> tuple[AnyArray, AnyArray]:
        """Return the vectors of customers and items whose inner products are the scores, for an index of neighbours.

        Rows stand in the order of ``customers_`` and ``items_``.

        Raises
        ------
        GrowthkitError
            If the model has no vectors.
        """
        raise GrowthkitError(f"{self._name}.export_vectors: this model has no vectors; factor models have.")

    # Shared ----------------------------------------------------------------------------------------------------------

    def _similar(self, items: Int32Array, k: int) -> Ranked:
        """Return the `k` items most similar to each of `items`; by default by the cosine of their vectors."""
        if type(self).export_vectors is Recommender.export_vectors:
            raise GrowthkitError(f"{self._name}.similar_items: this model has no notion of similar items.")
        vectors = np.asarray(self.export_vectors()[1], dtype=np.float32)
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        unit = vectors / np.where(norms > 0, norms, np.float32(1))
        wanted = Wanted(k, excluded=Ragged(np.arange(items.size + 1, dtype=np.int64), items))
        return select(lambda a, b: unit[items[a:b]] @ unit.T, items.size, len(self.items_), wanted, 1)

    def _asked(self, function: str, customers: Any) -> tuple[AnyArray, Int32Array]:
        if customers is None:
            return self.customers_.labels, np.arange(len(self.customers_), dtype=np.int32)
        labels, codes = codes_of(function, "customers", customers, self.customers_)
        return self.customers_.decode(codes) if (codes >= 0).all() else labels, codes

    def _asked_items(self, function: str, items: Any) -> tuple[AnyArray, Int32Array]:
        if items is None:
            return self.items_.labels, np.arange(len(self.items_), dtype=np.int32)
        return self._known(function, "items", items, self.items_)

    def _known(self, function: str, name: str, ids: Any, known: Vocabulary) -> tuple[AnyArray, Int32Array]:
        labels, codes = codes_of(function, name, ids, known)
        n_unknown, first = count_of(codes, labels)
        if n_unknown:
            raise DataError(f"{function}: {name} holds {n_unknown} ids that were not there at fit (first {first!r}).")
        return known.decode(codes), codes

    def _known_to(self, function: str) -> Known:
        names = self.origin_["customer_name"], self.origin_["item_name"]
        known = self.customers_, self.items_, self.history_
        return Known(function, names, *known, self.item_columns_, self.item_groups_)

    def _fallback(self, function: str, fallback: Any) -> Recommender:
        if not isinstance(fallback, Recommender):
            Params(function).refuse("fallback", "a fitted recommender", fallback)
        fallback.check_fitted()
        same_kind(function, "the item column of fallback", fallback.items_, self.items_)
        return fallback

    def _check_served(self, function: str, labels: AnyArray, codes: Int32Array, fallback: Recommender | None) -> None:
        """Refuse customers of whom neither the model nor the fallback knows anything."""
        if (codes >= 0).all() or self._scores_unknown() is not None:
            return
        served = codes >= 0
        if fallback is not None:
            if fallback._scores_unknown() is not None:
                return
            served |= fallback.customers_.find(labels) >= 0
        if not served.all():
            n, first = count_of(np.where(served, 0, -1), labels)
            raise DataError(
                f"{function}: {n} customers were not there at fit (first {first!r}); pass a fallback that serves "
                "anybody, such as Popular, fold their interactions in, or leave them out."
            )

    def _lists(
        self, labels: AnyArray, codes: Int32Array, wanted: Wanted, fallback: Recommender | None, n_threads: int
    ) -> tuple[Ranked, AnyArray]:
        """Return full lists, and the source of each of their places."""
        ranked = self._own_lists(codes, wanted, n_threads)
        sources = np.zeros(ranked.items.shape, dtype=np.int8)
        unknown, anybody = np.flatnonzero(codes < 0), self._scores_unknown()
        if unknown.size and anybody is not None:
            fill(ranked, unknown, _same(anybody), len(self.items_), wanted, n_threads)
        helpers: list[tuple[int, Callable[[Int64Array], Scorer]]] = [(2, lambda _places: _same(self.popularity_))]
        if fallback is not None:
            helpers.insert(0, (1, self._borrowed(fallback, labels)))
        for source, scorer in helpers:
            short = np.flatnonzero(ranked.items[:, -1] < 0)
            if short.size:
                sources[ranked.items < 0] = source
                fill(ranked, short, scorer(short), len(self.items_), wanted, n_threads)
        return ranked, sources

    def _own_lists(self, codes: Int32Array, wanted: Wanted, n_threads: int) -> Ranked:
        """Return what the model has for the customers it knows; no item for the others."""
        known = np.flatnonzero(codes >= 0)
        if known.size == codes.size > 0:
            return self._top(codes, wanted, n_threads)
        ranked = Ranked.empty(codes.size, wanted.k)
        if known.size:
            part = self._top(codes[known], wanted.at(known), n_threads)
            ranked.items[known], ranked.scores[known] = part.items, part.scores
        return ranked

    def _borrowed(self, fallback: Recommender, labels: AnyArray) -> Callable[[Int64Array], Scorer]:
        """Return what makes, for the customers at some places, the scorer of the fallback in this model's items."""
        theirs = fallback.items_.find(self.items_.labels)
        customers, anybody = fallback.customers_.find(labels), fallback._scores_unknown()

        def scorer_of(places: Int64Array) -> Scorer:
            codes = customers[places]

            def scorer(start: int, stop: int) -> AnyArray:
                known = codes[start:stop] >= 0
                scores = np.full((stop - start, len(fallback.items_) + 1), -np.inf, dtype=np.float32)
                if known.any():
                    scores[known, :-1] = fallback._scores(codes[start:stop][known])
                if anybody is not None:
                    scores[~known, :-1] = anybody
                return scores[:, theirs]

            return scorer

        return scorer_of

    def _frame(
        self,
        owner: str,
        labels: AnyArray,
        item: str,
        lists: list[Listed],
        sources: Sequence[str] = (),
    ) -> IntoFrame:
        columns = columns_of((owner, labels), (item, self.items_.labels), lists, sources)
        return hand_over(columns, backend=self.origin_["backend"])


def _same(scores: AnyArray) -> Scorer:
    """Return the scorer that has the same scores for everybody."""
    return lambda start, stop: np.tile(scores.astype(np.float32), (stop - start, 1))


def _widened(interactions: Interactions, items: Vocabulary) -> Interactions:
    """Return the interactions with further items, which nobody had to do with."""
    union, maps = Vocabulary.union([interactions.items, items], function="fit")
    return replace(interactions, items=union, rows=replace(interactions.rows, codes=maps[0][interactions.rows.codes]))
