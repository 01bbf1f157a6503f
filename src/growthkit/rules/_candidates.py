"""The rules that itemsets hold: enumerated, counted, and judged by one measure."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from math import comb
from typing import Any, NamedTuple

import numpy as np

from .._core.frames import frozen
from .._core.parallel import block_edges, run_blocks
from .._core.params import Params
from .._core.ragged import Ragged
from ..summaries.baskets import Baskets
from ..typing import AnyArray, BoolArray, Int32Array, Int64Array
from . import _counting_kernels, _rule_kernels
from ._sets import Counter, SetTable, as_sets, distinct_sets, joined_sets, some_rows, where_all
from .measures import MEASURES, Cells

__all__ = ["Found", "Request", "absences_of", "rules_of"]

BLOCK = 1 << 17
"""Candidates that one piece of work looks at."""

MOST_OF_ONE = 1 << 22
"""Rules that one itemset may give."""


class Request(NamedTuple):
    """What is asked for."""

    metric: str
    threshold: float
    in_antecedent: BoolArray
    in_consequent: BoolArray
    most: int
    n: int
    least: int

    @property
    def floor(self) -> float:
        """The confidence that a kernel can ask for; other measures are judged afterwards."""
        return self.threshold if self.metric == "confidence" else -1.0

    def absent(self, item_counts: Int64Array) -> Int32Array:
        """Return the items whose absence is looked at: frequent ones that may stand in a consequent."""
        return np.flatnonzero(self.in_consequent & (item_counts >= self.least)).astype(np.int32)

    def kept(self, count: Int64Array, antecedent: Int64Array, consequent: Int64Array) -> BoolArray:
        """Return which rules reach the threshold."""
        return MEASURES[self.metric].of(Cells(count, antecedent, consequent, self.n)) >= self.threshold


class Found(NamedTuple):
    """Rules, a row each."""

    antecedents: Ragged
    consequents: Ragged
    both_count: Int64Array
    antecedent_count: Int64Array
    consequent_count: Int64Array


class _Candidates(NamedTuple):
    """Rules of itemsets: the places of the consequent's items in the itemset, -1 behind the last; counts or -1."""

    itemset: Int64Array
    positions: Int32Array
    sizes: Int32Array
    antecedent_count: Int64Array
    consequent_count: Int64Array


def rules_of(params: Params, request: Request, sets: Ragged, counts: Int64Array, counter: Counter) -> Found:
    """Return the rules whose items are one of the sets."""
    blocks = _blocks(params, sets, request.most)
    found, missing = _enumerated(request, sets, counts, counter, blocks)
    if missing:
        every = request._replace(metric="confidence", threshold=-1.0)
        candidates, _ = _enumerated(every, sets, counts, counter, blocks)
        found, _ = _enumerated(request, *_completed(sets, counts, candidates, counter), counter, blocks)
    left, right = _split(sets, found)
    return Found(left, right, counts[found.itemset], found.antecedent_count, found.consequent_count)


def _blocks(params: Params, sets: Ragged, most: int) -> list[tuple[int, int, int]]:
    """Cut the sets into runs with about `BLOCK` candidates each: first set, last set, candidates."""
    lengths = sets.lengths
    by_length = np.zeros(int(lengths.max(initial=0)) + 1, dtype=np.int64)
    for length in np.unique(lengths).tolist():
        by_length[length] = n_rules = _n_rules(length, most)
        if n_rules > MOST_OF_ONE:
            wanted = f"smaller: an itemset of {length} items gives more than {MOST_OF_ONE:,} rules"
            params.refuse("max_consequent", wanted, most)
    total = np.concatenate(([0], np.cumsum(by_length[lengths])))
    edges = np.searchsorted(total, np.arange(0, int(total[-1]), BLOCK), side="right") - 1
    edges = np.unique(np.concatenate((edges, [len(sets)])))
    return [(int(i), int(j), int(total[j] - total[i])) for i, j in pairwise(edges.tolist())]


def _n_rules(length: int, most: int) -> int:
    """Return how many rules an itemset gives, or, where they are too many, some number that is too large, too."""
    n_rules = 0
    for k in range(1, min(most, length - 1) + 1):
        n_rules += comb(length, k)
        if n_rules > MOST_OF_ONE:
            break
    return min(n_rules, MOST_OF_ONE + 1)


def _enumerated(
    request: Request,
    known: Ragged,
    counts: Int64Array,
    counter: Counter,
    blocks: list[tuple[int, int, int]],
) -> tuple[_Candidates, int]:
    """Return the rules that reach the threshold, and how many counts were not known.

    The blocks are of sets at the beginning of those known.
    """
    table = SetTable(known, counter.item_counts.size)
    lists = (known.indptr, known.codes, frozen(counts), frozen(counter.item_counts))

    enumerate_rules: Any = _rule_kernels.enumerate_rules

    def work(block: int) -> tuple[_Candidates, int]:
        first, last, size = blocks[block]
        out = _room(size, request.most)
        n, missing = enumerate_rules(
            *(*lists, table.salts, table.hashes, table.slots, request.in_antecedent, request.in_consequent),
            *(request.floor, first, last, *out),
        )
        listed = _candidates(column[:n] for column in out)
        if not missing and request.metric != "confidence":
            kept = request.kept(counts[listed.itemset], listed.antecedent_count, listed.consequent_count)
            return _candidates(column[kept] for column in listed), missing
        return _candidates(column.copy() for column in listed), missing

    parts = run_blocks(work, len(blocks), n_threads=counter.n_threads)
    columns: list[list[Any]] = list(map(list, zip(_room(0, request.most), *(part for part, _ in parts), strict=True)))
    return _candidates(map(np.concatenate, columns)), sum(missing for _, missing in parts)


def _candidates(columns: Iterable[Any]) -> _Candidates:
    return _Candidates(*columns)


def _room(n: int, most: int) -> _Candidates:
    wide, narrow = (np.empty(n, dtype=np.int64) for _ in range(2)), np.empty(n, dtype=np.int32)
    return _Candidates(np.empty(n, dtype=np.int64), np.empty((n, most), dtype=np.int32), narrow, *wide)


def _split(sets: Ragged, found: _Candidates) -> tuple[Ragged, Ragged]:
    """Return the antecedents and the consequents."""
    sizes = found.sizes.astype(np.int64)
    left, right = (
        np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(lengths)))
        for lengths in (sets.lengths[found.itemset] - sizes, sizes)
    )
    left_codes, right_codes = (np.empty(int(edges[-1]), dtype=np.int32) for edges in (left, right))
    rules = (found.itemset, found.positions, found.sizes)
    _rule_kernels.split_rules(sets.indptr, sets.codes, *rules, left, left_codes, right, right_codes)
    return as_sets(left, left_codes), as_sets(right, right_codes)


def _completed(sets: Ragged, counts: Int64Array, found: _Candidates, counter: Counter) -> tuple[Ragged, Int64Array]:
    """Return the sets and their counts together with the parts whose counts are missing, found in the baskets."""
    left, right = _split(sets, found)
    parts = [some_rows(left, found.antecedent_count < 0), some_rows(right, found.consequent_count < 0)]
    others, _ = distinct_sets(joined_sets(parts), counter.item_counts.size)
    return joined_sets([sets, others]), np.concatenate((counts, counter.count(others)))


def absences_of(request: Request, sets: Ragged, counter: Counter) -> Found:
    """Return the rules from one of the sets to the absence of an item."""
    fit = some_rows(sets, np.flatnonzero(where_all(sets, request.in_antecedent) & (sets.lengths > 0)))
    wanted = request.absent(counter.item_counts)
    if not (len(fit) and wanted.size):
        nothing = np.zeros(0, dtype=np.int64)
        return Found(some_rows(fit, nothing), some_rows(fit, nothing), nothing, nothing, nothing)
    parts = _absences(request, fit, wanted, counter)
    places, items, count, antecedent_count = map(np.concatenate, zip(*parts, strict=True))
    order = np.argsort(places, kind="stable")
    right = as_sets(np.arange(order.size + 1), items[order])
    absent_count = request.n - counter.item_counts[items[order]]
    return Found(some_rows(fit, places[order]), right, count[order], antecedent_count[order], absent_count)


def _absences(request: Request, sets: Ragged, wanted: Int32Array, counter: Counter) -> list[list[AnyArray]]:
    """Return set, item, count and antecedent's count of the rules that reach the threshold, by blocks of sets."""
    ordered = counter.ordered(sets)
    n_items = counter.item_counts.size
    rows, by_item = counter.baskets.rows, counter.by_item
    kin = _kin(counter.baskets, n_items)
    blocks = block_edges(len(sets), min(len(sets), 1 + len(sets) * wanted.size // BLOCK))

    def work(block: int) -> list[AnyArray]:
        first, last = blocks[block]
        out: list[AnyArray] = [np.empty((last - first) * wanted.size, dtype=np.int64) for _ in range(4)]
        n = _counting_kernels.enumerate_absent(
            *(by_item.indptr, by_item.codes, counter.weights, frozen(rows.indptr), frozen(rows.codes)),
            *(ordered.sets.indptr, ordered.sets.codes, ordered.order, ordered.longest, ordered.widest),
            *(wanted, n_items, kin.indptr, kin.codes, request.least, request.floor, first, last, *out),
        )
        places, items, count, antecedent_count = (column[:n] for column in out)
        kept = request.kept(count, antecedent_count, request.n - counter.item_counts[items])
        return [column[kept] for column in (places, items, count, antecedent_count)]

    return run_blocks(work, len(blocks), n_threads=counter.n_threads)


def _kin(baskets: Baskets, n_items: int) -> Ragged:
    """Return the ancestors and the descendants of each item."""
    if baskets.taxonomy is None:
        return as_sets(np.zeros(n_items + 1), np.zeros(0))
    above = baskets.taxonomy
    below = above.transpose(n_items)
    codes = np.arange(n_items, dtype=np.int32)
    kin = Ragged.merge([above, below], [codes, codes], n_items)
    return as_sets(kin.indptr, kin.codes)
