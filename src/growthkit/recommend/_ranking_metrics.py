"""The metrics: what each says of one customer's list, or of all lists together.

Every metric of customers is a ratio of two sums over customers, so that its bootstrap needs sums only; for most of them
the denominator is 1 a customer, and the ratio a mean.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .._core.parallel import block_edges, run_blocks
from .._core.ragged import Ragged
from ..typing import BoolArray, FloatArray, Int32Array, Int64Array
from . import _evaluation_kernels

__all__ = ["METRICS", "Case", "Features", "Metric", "Parts", "Table", "Truth", "case_of"]

CUSTOMERS_A_BLOCK = 4096

MIXED = 0.01
"""Steck's alpha: the share of the history mixed into the list, so that the divergence stays finite."""


class Table(NamedTuple):
    """Numbers by item: in row i the columns where item i is not 0, and the numbers there; read-only."""

    indptr: Int64Array
    columns: Int32Array
    values: FloatArray
    width: int


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """What is known of the items, by code.

    Parameters
    ----------
    categories
        The share of each category in each item, or None.
    vectors
        A vector of length 1 for each item, or none; None if not wanted.
    """

    categories: Table | None
    vectors: Table | None


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """What the evaluated customers did, in codes that all models share: first the items of the training data.

    Parameters
    ----------
    relevant
        For each evaluated customer the items to be found, rising; `values` are their weights in the test data.
    history
        The interactions known before, by row.
    rows
        The row of each evaluated customer in `history`; -1 for none.
    popularity
        For each item of the training data the share of its customers that have it.
    features
        What is known of the items, or None.
    n_threads
        For the kernels.
    """

    relevant: Ragged
    history: Ragged
    rows: Int64Array
    popularity: FloatArray
    features: Features | None
    n_threads: int

    def in_blocks(self, work: Callable[[int, int], None]) -> None:
        """Call ``work(first, stop)`` for runs of customers."""
        n = len(self.relevant)
        edges = block_edges(n, -(-n // CUSTOMERS_A_BLOCK))
        run_blocks(lambda block: work(*edges[block]), len(edges), n_threads=self.n_threads)


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """The lists of one model beside the truth: item codes (-1 for none) and which are hits, a row a customer."""

    truth: Truth
    lists: Int32Array
    hits: BoolArray

    @property
    def n_relevant(self) -> Int64Array:
        """How many items each customer wanted."""
        return self.truth.relevant.lengths


class Parts(NamedTuple):
    """What each customer adds to both sums of a ratio; both are 0 where the metric is not defined."""

    numerator: FloatArray
    denominator: FloatArray


class Metric(NamedTuple):
    """One metric.

    Parameters
    ----------
    of_customers
        Its parts by customer at a length of list, or None.
    of_lists
        Its value for all lists together, or None.
    better
        1 if larger is better, -1 if smaller is, 0 if that depends.
    needs
        What of the items it needs: "", "category" or "vector".
    """

    of_customers: Callable[[Case, int], Parts] | None = None
    of_lists: Callable[[Case, int], float] | None = None
    better: int = 1
    needs: str = ""


def case_of(truth: Truth, lists: Int32Array) -> Case:
    """Find the hits in the lists of one model."""
    return Case(truth, lists, marked(truth, lists, np.arange(len(lists), dtype=np.int64), truth.relevant))


def marked(truth: Truth, lists: Int32Array, rows: Int64Array, known: Ragged) -> BoolArray:
    """Return which items of the lists stand in the given row of `known`."""
    found = np.zeros(lists.shape, dtype=np.bool_)
    truth.in_blocks(
        lambda first, stop: _evaluation_kernels.mark_hits(lists, rows, known.indptr, known.codes, first, stop, found)
    )
    return found


def _hits(case: Case, k: int) -> FloatArray:
    return case.hits[:, :k].sum(axis=1).astype(np.float64)


def _mean(values: FloatArray) -> Parts:
    """Return the parts of a mean over the customers for whom the value is not NaN."""
    known = ~np.isnan(values)
    return Parts(np.where(known, values, 0.0), known.astype(np.float64))


def _recall(case: Case, k: int) -> Parts:
    return _mean(_hits(case, k) / case.n_relevant)


def _recall_capped(case: Case, k: int) -> Parts:
    return _mean(_hits(case, k) / np.minimum(case.n_relevant, k))


def _precision(case: Case, k: int) -> Parts:
    return _mean(_hits(case, k) / k)


def _hit_rate(case: Case, k: int) -> Parts:
    return _mean(np.minimum(_hits(case, k), 1.0))


def _reciprocal_rank(case: Case, k: int) -> Parts:
    hits = case.hits[:, :k]
    return _mean(np.where(hits.any(axis=1), 1.0 / (1.0 + hits.argmax(axis=1)), 0.0))


def _average_precision(case: Case, k: int) -> Parts:
    hits = case.hits[:, :k]
    so_far = np.cumsum(hits, axis=1) / np.arange(1.0, hits.shape[1] + 1)
    total: FloatArray = (so_far * hits).sum(axis=1)
    return _mean(total / np.minimum(case.n_relevant, k))


def _discounts(n: int) -> FloatArray:
    return 1.0 / np.log2(np.arange(2.0, n + 2))


def _ndcg(case: Case, k: int) -> Parts:
    ideal = np.concatenate(([0.0], np.cumsum(_discounts(k))))
    hits = case.hits[:, :k]
    reached: FloatArray = (hits * _discounts(hits.shape[1])).sum(axis=1)
    return _mean(reached / ideal[np.minimum(case.n_relevant, k)])


def _ndcg_graded(case: Case, k: int) -> Parts:
    relevant, lists = case.truth.relevant, case.lists
    grades = np.ones(relevant.codes.size) if relevant.values is None else relevant.values
    gains, best = np.empty(lists.shape), np.empty((len(lists), k))

    def grade(first: int, stop: int) -> None:
        _evaluation_kernels.graded_gains(lists, relevant.indptr, relevant.codes, grades, first, stop, gains)
        _evaluation_kernels.best_gains(relevant.indptr, grades, first, stop, best)

    case.truth.in_blocks(grade)
    gains = gains[:, :k]
    reached: FloatArray = (gains * _discounts(gains.shape[1])).sum(axis=1)
    ideal: FloatArray = (best * _discounts(k)).sum(axis=1)
    return _mean(reached / ideal)


def _over_lists(case: Case, k: int, of_item: FloatArray) -> FloatArray:
    """Return the mean of a number over each list; items from outside the training data do not count, NaN if all are."""
    lists = case.lists[:, :k]
    known = (lists >= 0) & (lists < of_item.size)
    with np.errstate(invalid="ignore"):
        return np.where(known, of_item[np.where(known, lists, 0)], 0.0).sum(axis=1) / known.sum(axis=1)


def _novelty(case: Case, k: int) -> Parts:
    with np.errstate(divide="ignore"):
        surprise = -np.log2(case.truth.popularity)
    return _mean(_over_lists(case, k, surprise))


def _popularity_lift(case: Case, k: int) -> Parts:
    listed = _over_lists(case, k, case.truth.popularity)
    owned = _of_history(case.truth)
    known = ~np.isnan(listed) & ~np.isnan(owned)
    return Parts(np.where(known, listed - owned, 0.0), np.where(known, owned, 0.0))


def _of_history(truth: Truth) -> FloatArray:
    """Return the mean popularity of the items that each customer has; NaN without any."""
    history = truth.history
    sums = np.concatenate(([0.0], np.cumsum(truth.popularity[history.codes])))
    with np.errstate(invalid="ignore"):
        means = (sums[history.indptr[1:]] - sums[history.indptr[:-1]]) / history.lengths
    return np.where(truth.rows >= 0, np.append(means, np.nan)[truth.rows], np.nan)


def _diversity(case: Case, k: int) -> Parts:
    vectors = None if case.truth.features is None else case.truth.features.vectors
    distances = np.full(len(case.lists), np.nan)
    if vectors is not None:
        case.truth.in_blocks(
            lambda first, stop: _evaluation_kernels.spread(case.lists, k, *vectors, first, stop, distances)
        )
    return _mean(distances)


def _miscalibration(case: Case, k: int) -> Parts:
    truth = case.truth
    shares = None if truth.features is None else truth.features.categories
    divergences = np.full(len(case.lists), np.nan)
    history = truth.history
    if shares is None or history.values is None:
        return _mean(divergences)
    known = truth.rows, history.indptr, history.codes, history.values
    truth.in_blocks(
        lambda first, stop: _evaluation_kernels.miscalibration(
            case.lists, k, *known, *shares, MIXED, first, stop, divergences
        )
    )
    return _mean(divergences)


def _times_shown(case: Case, k: int) -> Int64Array:
    """Return how often each item of the training data is recommended."""
    shown = case.lists[:, :k].ravel()
    n_items = case.truth.popularity.size
    return np.bincount(shown[(shown >= 0) & (shown < n_items)], minlength=n_items)


def _coverage(case: Case, k: int) -> float:
    return float((_times_shown(case, k) > 0).mean())


def _gini(case: Case, k: int) -> float:
    shown = np.sort(_times_shown(case, k))
    n, total = shown.size, float(shown.sum())
    if n < 2 or total == 0:
        return float("nan")
    return float(((2.0 * np.arange(1, n + 1) - n - 1) * shown).sum() / ((n - 1) * total))


METRICS = {
    "recall": Metric(_recall),
    "recall_capped": Metric(_recall_capped),
    "precision": Metric(_precision),
    "ndcg": Metric(_ndcg),
    "ndcg_graded": Metric(_ndcg_graded),
    "map": Metric(_average_precision),
    "mrr": Metric(_reciprocal_rank),
    "hit_rate": Metric(_hit_rate),
    "novelty": Metric(_novelty, better=0),
    "popularity_lift": Metric(_popularity_lift, better=0),
    "diversity": Metric(_diversity, better=0, needs="vector"),
    "miscalibration": Metric(_miscalibration, better=-1, needs="category"),
    "coverage": Metric(of_lists=_coverage, better=0),
    "gini": Metric(of_lists=_gini, better=0),
}
