"""`Popular`: what most customers have to do with, lately, or among customers of one kind."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from .._core.frames import frozen
from .._core.parallel import block_edges, run_blocks
from .._core.params import Params
from .._core.ragged import Ragged
from .._core.vocabulary import Vocabulary
from ..exceptions import ParameterError
from ..summaries.interactions import Interactions
from ..typing import AnyArray, BoolArray, FloatArray, Int32Array, IntoFrame
from . import _popular_kernels
from ._base import Recommender
from ._request import Ranked, Wanted, one_row_each, read_with_columns, same_kind
from ._selection import kernel_request

__all__ = ["Popular"]

MEASURES = ("customers", "weights")


class Popular(Recommender):
    """Recommend what is popular: with everybody, of late, or among customers of the same kind.

    The score of an item is the number of its customers (or the sum of its weights), each counted
    ``0.5 ** (age / half_life)``. With `by`, it is ``n(segment, item) + smoothing * n(item) / n``: what the customer's
    segment did, filled up with `smoothing` events as they are usual overall, so that small segments stay close to all.

    Parameters
    ----------
    window
        Days before the last event of all that count; None for all. A pair of customer and item has one time, that of
        its last event.
    half_life
        Days in which a pair loses half its count, or None.
    by
        A column of the frame of customers given to `fit`: a segment, region or age group. Customers without a row, and
        those of whom nothing is known, get what is popular overall; those with a row but without interactions get what
        is popular in their segment.
    measure
        "customers" counts customers with a weight above 0; "weights" sums weights, in which dislikes count against.
    smoothing
        Events of all customers that a segment is filled up with; 0 or more.

    Notes
    -----
    Learning is O(pairs + segments x items); a list is O(k + seen items), since customers of a segment share one order
    of items. Items without an event in the window have no score.

    Examples
    --------
    >>> import pandas as pd
    >>> from growthkit import recommend
    >>> log = pd.DataFrame({"customer_id": [1, 2, 3, 3], "item_id": ["tea", "tea", "tea", "mug"]})
    >>> model = recommend.Popular().fit(recommend.Interactions.from_frame(log))
    >>> model.recommend([4], k=2)[["item_id", "score"]].to_records(index=False).tolist()
    [('tea', 3.0), ('mug', 1.0)]
    """

    counts_: FloatArray
    segments_: Vocabulary
    members_: Vocabulary
    member_segments_: Int32Array
    segment_of_: Int32Array
    active_: BoolArray

    def __init__(
        self,
        window: float | None = None,
        half_life: float | None = None,
        by: str | None = None,
        *,
        measure: str = "customers",
        smoothing: float = 10.0,
    ) -> None:
        self.window = window
        self.half_life = half_life
        self.by = by
        self.measure = measure
        self.smoothing = smoothing

    def _learn(self, interactions: Interactions, items: IntoFrame | None, customers: IntoFrame | None) -> None:
        del items
        params = Params("Popular.fit")
        if self.by is not None and customers is None:
            params.refuse("by", "None where fit gets no frame customers=", self.by)
        self.members_, self.member_segments_, self.segments_ = self._read_segments(params, customers)
        self.customers_, maps = Vocabulary.union([self.customers_, self.members_], function=params.function)
        self.history_ = _spread(self.history_, maps[0], len(self.customers_))
        self._count(params, replace(interactions, customers=self.customers_, rows=self.history_))

    def _update(self, merged: Interactions, new: Interactions) -> None:
        """Count anew; customers keep the segments that they had."""
        del new
        self._count(Params("Popular.partial_fit"), merged)

    def _fold(self, history: Ragged) -> None:
        del history
        self.segment_of_ = self._segments_now()

    def _read_segments(self, params: Params, frame: IntoFrame | None) -> tuple[Vocabulary, Int32Array, Vocabulary]:
        """Return the customers of the frame, their segments as codes, and what the segments are called."""
        if frame is None or self.by is None:
            none = self.customers_.labels[:0].copy()
            return Vocabulary(none), np.empty(0, dtype=np.int32), Vocabulary(np.empty(0, dtype=object))
        name = self.origin_["customer_name"]
        log = read_with_columns(params.function, "customers", frame, (name,))
        codes, members = log.ids(name, role="customer")
        same_kind(params.function, f'column "{name}" of customers', members, self.customers_)
        one_row_each(log, name, codes, "customer")
        labels = log.ids(self.by, role="by")
        segments = np.empty(codes.size, dtype=np.int32)
        segments[codes] = labels.codes
        return members, segments, labels.vocabulary

    def _count(self, params: Params, interactions: Interactions) -> None:
        """Fill `counts_`: a row a segment, the last one for all customers."""
        params.one_of("measure", self.measure, MEASURES)
        smoothing = params.number("smoothing", self.smoothing, low=0)
        self.segment_of_ = self._segments_now()
        weights = self._weights(params, interactions)
        codes, n_items = interactions.rows.codes, interactions.n_items
        overall = np.bincount(codes, weights=weights, minlength=n_items)
        rows = self.segment_of_[interactions.rows.row_numbers()].astype(np.int64)
        inside = rows >= 0
        n_segments = len(self.segments_)
        flat = np.bincount(
            rows[inside] * n_items + codes[inside], weights=weights[inside], minlength=n_segments * n_items
        )
        total = np.abs(overall).sum()
        usual = smoothing * overall / total if total > 0 else np.zeros(n_items)
        self.counts_ = np.vstack((flat.reshape(n_segments, n_items) + usual, overall)).astype(np.float64)
        self.active_ = np.bincount(codes, weights=weights != 0, minlength=n_items) > 0

    def _weights(self, params: Params, interactions: Interactions) -> FloatArray:
        weights = interactions.weights if self.measure == "weights" else (interactions.weights > 0).astype(np.float64)
        if self.window is None and self.half_life is None:
            return weights
        times, ticks = interactions.rows.times, interactions.ticks_per_day
        if times is None or ticks is None:
            raise ParameterError(
                f"{params.function}: window and half_life need the times of interactions; name timestamp= in "
                "Interactions.from_frame."
            )
        ages = (times.max() - times) / ticks
        if self.window is not None:
            weights = weights * (ages < params.number("window", self.window, above=0))
        if self.half_life is not None:
            weights = weights * 0.5 ** (ages / params.number("half_life", self.half_life, above=0))
        return weights

    def _segments_now(self) -> Int32Array:
        """Return the segment of each customer, -1 for none."""
        if not len(self.members_):
            return np.full(len(self.customers_), -1, dtype=np.int32)
        found = self.members_.find(self.customers_.labels)
        return np.where(found >= 0, self.member_segments_[found], np.int32(-1))

    def _scores(self, customers: Int32Array) -> AnyArray:
        return self._rows(self.segment_of_[customers])

    def _scores_unknown(self) -> AnyArray | None:
        return self._rows(-1)

    def _rows(self, segments: Any) -> AnyArray:
        """Return the scores of some segments (-1 for all customers), float32, -inf where no event counts."""
        return np.where(self.active_, self.counts_[segments], -np.inf).astype(np.float32)

    def _top(self, customers: Int32Array, wanted: Wanted, n_threads: int) -> Ranked:
        ranked = Ranked.empty(customers.size, min(wanted.k, len(self.items_)))
        *request, boost = kernel_request(wanted)
        segments = self.segment_of_[customers]
        for segment in np.unique(segments):
            scores = _boosted(self._rows(segment), boost)
            order = np.argsort(-scores, kind="stable").astype(np.int32)
            shared = (frozen(order[np.isfinite(scores[order])]), frozen(scores), *request)
            self._walk(np.flatnonzero(segments == segment), shared, ranked, n_threads)
        return ranked

    def _walk(self, places: AnyArray, shared: Any, ranked: Ranked, n_threads: int) -> None:
        blocks = block_edges(places.size, 8 * n_threads if n_threads > 1 else 1)
        walk: Any = _popular_kernels.walk_down
        run_blocks(
            lambda b: walk(*shared, places, ranked.items, ranked.scores, *blocks[b]), len(blocks), n_threads=n_threads
        )

    def _contributions(self, customer: int, item: int) -> tuple[AnyArray, AnyArray]:
        segment, overall = int(self.segment_of_[customer]), self.counts_[-1]
        if segment < 0:
            return np.array(["all customers"], dtype=object), overall[[item]]
        total = np.abs(overall).sum()
        usual = float(self.smoothing) * overall[item] / total if total > 0 else 0.0
        reasons = [f"{self.by} = {self.segments_.labels[segment]}", "all customers"]
        return np.array(reasons, dtype=object), np.array([self.counts_[segment, item] - usual, usual])


def _boosted(scores: AnyArray, boost: AnyArray) -> AnyArray:
    """Return scores times the boost, negative ones divided by it; no boost has length 0."""
    if not boost.size:
        return scores
    return np.where(scores > 0, scores * boost, scores / boost).astype(np.float32)


def _spread(rows: Ragged, places: Int32Array, n_rows: int) -> Ragged:
    """Return the rows at new places among more rows, in the same order; the others are empty."""
    lengths = np.zeros(n_rows, dtype=np.int64)
    lengths[places] = rows.lengths
    return replace(rows, indptr=np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(lengths))))
