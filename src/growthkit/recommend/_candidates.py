"""Lists of recommendations as arrays and back: what all re-rankers read and write."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._core.frames import Log, frozen, give_back, read_frame
from .._core.parallel import block_edges, run_blocks
from .._core.params import Params
from .._core.vocabulary import Encoded, Vocabulary
from ..exceptions import DataError
from ..typing import AnyArray, FloatArray, Int32Array, Int64Array, IntoFrame
from . import _fusion_kernels, _rerank_kernels

__all__ = ["NEVER", "NORMALISATIONS", "Candidates", "list_length", "normalised", "read_candidates"]

NORMALISATIONS = ("minmax", "zscore", "max", "rank", "none")
"""In the order of the kernel's numbers."""

NEVER = 2**30
"""A place, or a number of items, that no list reaches."""


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """The lists of all customers, side by side, each in the order of its ranks.

    Parameters
    ----------
    log
        The frame that they came from.
    names
        The columns of customer and item.
    order
        The row of the frame of each candidate.
    customers
        The customers in the order of their lists.
    indptr
        Where each list begins; one more than there are lists.
    items, item_ids
        The item of each candidate as a code, and what the codes stand for.
    scores
        The score of each candidate.
    """

    log: Log
    names: tuple[str, str]
    order: AnyArray
    customers: AnyArray
    indptr: Int64Array
    items: Int32Array
    item_ids: Vocabulary
    scores: FloatArray

    def column(self, name: str) -> FloatArray:
        """Return another column of numbers of the frame, candidate by candidate."""
        return self.log.numbers(name, role=name)[self.order]

    def relevance(self, normalise: str) -> FloatArray:
        """Return the scores on a scale that is common to all lists."""
        return normalised(self.indptr, self.scores, normalise, self.log.n_threads)

    def rank(self, kernel: Callable[..., None], request: tuple[Any, ...]) -> Int64Array:
        """Return the candidates of all places, as a kernel fills them from a request."""
        out = np.full(self.items.size, -1, dtype=np.int64)
        n_threads = self.log.n_threads
        blocks = block_edges(self.customers.size, min(16 * n_threads if n_threads > 1 else 1, self.customers.size))
        run_blocks(lambda b: kernel(*request, out, *blocks[b]), len(blocks), n_threads=n_threads)
        return out

    def frame(self, out: Int64Array, scores: FloatArray | None = None) -> IntoFrame:
        """Return the lists as a frame; a place that holds -1 is left out."""
        filled = np.flatnonzero(out >= 0)
        chosen = out[filled]
        lists = np.repeat(np.arange(self.customers.size), np.diff(self.indptr))[filled]
        columns = {
            self.names[0]: self.customers[lists],
            self.names[1]: self.item_ids.decode(self.items[chosen]),
            "rank": filled - self.indptr[lists] + 1,
            "score": (self.scores if scores is None else scores)[chosen],
        }
        if "source" in self.log.frame.columns:
            sources = self.log.ids("source", role="source")
            columns["source"] = sources.vocabulary.decode(sources.codes[self.order[chosen]])
        return give_back(columns, backend=self.log.backend)


def read_candidates(params: Params, frame: IntoFrame, customer: str, item: str, n_threads: int | None) -> Candidates:
    """Read lists of recommendations.

    Raises
    ------
    DataError
        If ranks are no whole numbers from 1, or a customer has an item or a rank twice.
    """
    log = read_frame(frame, function=params.function, n_threads=n_threads)
    customers, items = log.ids(customer, role="customer"), log.ids(item, role="item")
    ranks, scores = log.numbers("rank", role="rank"), log.numbers("score", role="score")
    log.refuse_rows(
        "rank", (ranks < 1) | (ranks % 1 != 0), "values that are no whole numbers from 1", "number the lists"
    )
    lists, labels = _in_order_of_appearance(customers)
    order = _list_order(lists, ranks)
    lists, sorted_ranks = lists[order], ranks[order]
    indptr = np.searchsorted(lists, np.arange(labels.size + 1)).astype(np.int64)
    codes = frozen(items.codes[order])
    repeat = _rerank_kernels.first_repeat(frozen(indptr), codes, len(items.vocabulary))
    same_rank = np.flatnonzero((np.diff(sorted_ranks) == 0) & (np.diff(lists) == 0))
    if repeat >= 0 or same_rank.size:
        place, what = (repeat, "item") if repeat >= 0 else (same_rank[0] + 1, "rank")
        raise DataError(
            f"{params.function}: customer {labels[lists[place]]!r} has one {what} twice "
            f"(again at row {int(order[place])}); keep each once."
        )
    return Candidates(
        log, (customer, item), order, labels, frozen(indptr), codes, items.vocabulary, frozen(scores[order])
    )


def list_length(params: Params, k: int | None) -> int:
    """Check the length of the new lists; None stands for all candidates."""
    return NEVER if k is None else min(params.whole("k", k, low=1), NEVER)


def normalised(indptr: Int64Array, scores: AnyArray, normalise: str, n_threads: int) -> FloatArray:
    """Bring the scores of each row to a common scale: read-only float64."""
    out = np.array(scores, dtype=np.float64)
    method = NORMALISATIONS.index(normalise)
    blocks = block_edges(indptr.size - 1, 16 * n_threads if n_threads > 1 else 1)
    run_blocks(
        lambda b: _fusion_kernels.normalise_rows(indptr, out, method, *blocks[b]), len(blocks), n_threads=n_threads
    )
    return frozen(out)


def _in_order_of_appearance(customers: Encoded) -> tuple[Int32Array, AnyArray]:
    """Number the customers as they come; return the number of each row and the ids."""
    codes, vocabulary = customers
    first = np.zeros(len(vocabulary), dtype=np.int64)
    first[codes[::-1]] = np.arange(codes.size - 1, -1, -1)
    order = np.argsort(first)
    number = np.empty(order.size, dtype=np.int32)
    number[order] = np.arange(order.size, dtype=np.int32)
    return number[codes], vocabulary.decode(order)


def _list_order(lists: Int32Array, ranks: FloatArray) -> AnyArray:
    """Return the order of rows by list and rank; most often they stand so already."""
    steps = np.diff(lists)
    if ((steps > 0) | ((steps == 0) & (np.diff(ranks) > 0))).all():
        return np.arange(lists.size)
    return np.lexsort((ranks, lists))
