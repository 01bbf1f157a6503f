"""Selection of the best from blocks of dense scores; the frame of lists that a request gets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .._core.frames import frozen
from .._core.parallel import block_edges, run_blocks, serial_blas
from .._core.ragged import Ragged
from ..typing import AnyArray, Int32Array, Int64Array
from . import _select_kernels
from ._request import Ranked, Wanted

__all__ = ["BLOCK", "Scorer", "array_or_none", "fill", "kernel_request", "pointers", "select"]

BLOCK = 8_000_000
"""Scores in one block of customers: 32 MB. Products of smaller matrices are slower."""

LONGEST_BLOCK = 512
"""Customers in a block at most, so that there are blocks for every thread."""

Scorer = Callable[[int, int], Any]
"""Returns the scores of customers `start` to `stop` by items, float32, in an array of its own."""


def select(scorer: Scorer, n: int, n_items: int, wanted: Wanted, n_threads: int) -> Ranked:
    """Return the lists of `n` customers whose scores come in blocks."""
    ranked = Ranked.empty(n, min(wanted.k, n_items))
    _select_into(ranked, scorer, n_items, wanted, n_threads)
    return ranked


def fill(ranked: Ranked, places: Int64Array, scorer: Scorer, n_items: int, wanted: Wanted, n_threads: int) -> None:
    """Fill the lists at `places`, where they are short, with the best that another scorer has for them."""
    if places.size:
        part = Ranked(ranked.items[places], ranked.scores[places])
        _select_into(part, scorer, n_items, wanted.at(places), n_threads)
        ranked.items[places], ranked.scores[places] = part.items, part.scores


def _select_into(ranked: Ranked, scorer: Scorer, n_items: int, wanted: Wanted, n_threads: int) -> None:
    n = ranked.items.shape[0]
    rows = int(np.clip(BLOCK // max(n_items, 1), 1, LONGEST_BLOCK))
    blocks = block_edges(n, -(-n // rows))
    excluded_indptr, excluded, _, _, _, groups, n_groups, cap, _ = kernel_request(wanted)
    request = (excluded_indptr, excluded), (groups, n_groups, cap), (ranked.items, ranked.scores)

    def work(block: int) -> None:
        start, stop = blocks[block]
        scores = np.ascontiguousarray(scorer(start, stop), dtype=np.float32)
        _boost_and_mask(scores, start, stop, wanted)
        _select_kernels.select_rows(scores, start, *request)

    with serial_blas():
        run_blocks(work, len(blocks), n_threads=n_threads)


def kernel_request(wanted: Wanted) -> tuple[Any, ...]:
    """Return a request as kernels take it, in this order.

    The row pointers and codes of what is excluded, the mask of eligible items, the row pointers and codes of what each
    customer may get, the groups, how many there are, their cap, the boost. Arrays of length 0 stand for None.
    """
    groups = array_or_none(wanted.groups, np.int32)
    return (
        *pointers(wanted.excluded),
        array_or_none(wanted.eligible, np.bool_),
        *pointers(wanted.eligible_rows),
        groups,
        int(groups.max(initial=-1)) + 1,
        wanted.cap,
        array_or_none(wanted.boost, np.float32),
    )


def _boost_and_mask(scores: AnyArray, start: int, stop: int, wanted: Wanted) -> None:
    """Multiply a block of scores with the boost, and take out what is not eligible."""
    if wanted.boost is not None:
        negative = scores < 0
        np.multiply(scores, wanted.boost, out=scores, where=~negative)
        np.divide(scores, wanted.boost, out=scores, where=negative)
    if wanted.eligible is not None:
        scores[:, ~wanted.eligible] = -np.inf
    if wanted.eligible_rows is not None:
        rows = wanted.eligible_rows.slice(start, stop)
        eligible = np.zeros(scores.shape, dtype=bool)
        eligible[rows.row_numbers(), rows.codes] = True
        scores[~eligible] = -np.inf


def pointers(rows: Ragged | None) -> tuple[Int64Array, Int32Array]:
    """Return a ragged array as kernels take it: two read-only arrays, of length 0 for None."""
    if rows is None:
        return frozen(np.empty(0, dtype=np.int64)), frozen(np.empty(0, dtype=np.int32))
    return frozen(np.ascontiguousarray(rows.indptr)), frozen(np.ascontiguousarray(rows.codes))


def array_or_none(array: AnyArray | None, dtype: Any) -> AnyArray:
    """Return an array as kernels take it: read-only, of length 0 for None."""
    return frozen(np.empty(0, dtype=dtype) if array is None else np.ascontiguousarray(array, dtype=dtype))
