"""Sets of items in flat arrays: a table to look them up, and a counter that finds them in the baskets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .._core.frames import frozen
from .._core.parallel import block_edges, run_blocks
from .._core.ragged import Ragged
from ..summaries.baskets import Baskets
from ..typing import AnyArray, BoolArray, Int32Array, Int64Array
from . import _counting_kernels, _rule_kernels
from ._support import item_counts, weights_of

__all__ = [
    "Counter",
    "SetTable",
    "as_sets",
    "distinct_sets",
    "joined_sets",
    "salts",
    "slots_for",
    "some_rows",
    "united",
    "where_all",
]


def as_sets(indptr: AnyArray, codes: AnyArray) -> Ragged:
    """Return sets whose arrays are of one kind, read-only, so that kernels are compiled once."""
    return Ragged(
        frozen(np.ascontiguousarray(indptr, dtype=np.int64)), frozen(np.ascontiguousarray(codes, dtype=np.int32))
    )


def salts(n: int) -> AnyArray:
    """Return a random-looking 64-bit number for each of n items (the finaliser of splitmix64)."""
    mixed = np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def slots_for(n: int) -> Int32Array:
    """Return an empty hash table, at most half of which n entries fill."""
    return np.full(1 << max(4, (2 * n - 1).bit_length()), -1, dtype=np.int32)


class SetTable:
    """A hash table of sets.

    Parameters
    ----------
    sets
        The sets; codes in rising order.
    n_items
        One more than the largest code that can be asked for.
    """

    def __init__(self, sets: Ragged, n_items: int) -> None:
        self.sets = sets
        self.salts = salts(n_items)
        self.hashes = self._hashed(sets)
        self.slots = slots_for(len(sets))
        self.same_as = np.empty(len(sets), dtype=np.int32)
        self.n_distinct = _rule_kernels.index_sets(sets.indptr, sets.codes, self.hashes, self.slots, self.same_as)

    def find(self, wanted: Ragged) -> Int64Array:
        """Return the place of each wanted set, -1 where the table does not hold it."""
        found = np.empty(len(wanted), dtype=np.int64)
        table = (self.sets.indptr, self.sets.codes, self.hashes, self.slots)
        _rule_kernels.find_sets(*table, wanted.indptr, wanted.codes, self._hashed(wanted), found)
        return found

    def _hashed(self, sets: Ragged) -> AnyArray:
        hashes = np.empty(len(sets), dtype=np.uint64)
        _rule_kernels.set_hashes(sets.indptr, sets.codes, self.salts, hashes)
        return hashes


def where_all(sets: Ragged, allowed: BoolArray) -> BoolArray:
    """Return which sets hold allowed items only."""
    strangers = np.concatenate(([0], np.cumsum(~allowed[sets.codes])))
    return strangers[sets.indptr[1:]] == strangers[sets.indptr[:-1]]


def some_rows(sets: Ragged, rows: AnyArray) -> Ragged:
    """Return the sets at the places `rows`, in that order."""
    lengths = sets.lengths[rows]
    indptr = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(lengths)))
    shift: Int64Array = sets.indptr[:-1][rows] - indptr[:-1]
    places = np.repeat(shift, lengths) + np.arange(int(indptr[-1]), dtype=np.int64)
    return as_sets(indptr, sets.codes[places])


def joined_sets(parts: Sequence[Ragged]) -> Ragged:
    """Return the sets of all parts, one part after another."""
    lengths = np.concatenate([part.lengths for part in parts])
    indptr = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(lengths)))
    return as_sets(indptr, np.concatenate([part.codes for part in parts]))


def distinct_sets(sets: Ragged, n_items: int) -> tuple[Ragged, Int64Array]:
    """Return the different sets, and for each set its place among them."""
    table = SetTable(sets, n_items)
    kept = np.flatnonzero(table.same_as == np.arange(len(sets), dtype=np.int32))
    place = np.empty(len(sets), dtype=np.int64)
    place[kept] = np.arange(kept.size)
    return some_rows(sets, kept), place[table.same_as]


def united(one: Ragged, two: Ragged) -> Ragged:
    """Return the codes of both sets of each row."""
    rows = np.arange(len(one), dtype=np.int32)
    both = Ragged.merge([one, two], [rows, rows], len(one))
    return as_sets(both.indptr, both.codes)


class _Ordered(NamedTuple):
    """Sets whose items stand from the rarest on, and the order of the dictionary that they make."""

    sets: Ragged
    order: Int64Array
    longest: int
    widest: int


class Counter:
    """Counts sets of items in baskets.

    Parameters
    ----------
    baskets
        Where to count.
    n_threads
        Number of threads, at least 1.
    """

    def __init__(self, baskets: Baskets, n_threads: int) -> None:
        n_items = baskets.n_items
        self.baskets = baskets
        self.n_threads = n_threads
        by_item = baskets.rows.transpose(n_items)
        self.by_item = as_sets(by_item.indptr, by_item.codes)
        self.weights = weights_of(baskets)
        self.item_counts = item_counts(baskets)

    def count(self, sets: Ragged) -> Int64Array:
        """Return how many baskets hold each set: all of them where the set is empty.

        Sets are visited in the order of a dictionary, so that those with equal beginnings share the work; the rarest
        item of a set comes first. O(sum over sets of the baskets with their rarest item) at worst.
        """
        counts = np.full(len(sets), self.baskets.n_baskets, dtype=np.int64)
        given = np.flatnonzero(sets.lengths > 0)
        if not given.size:
            return counts
        some = self.ordered(some_rows(sets, given))
        found = np.empty(given.size, dtype=np.int64)
        blocks = block_edges(given.size, 1 if self.n_threads == 1 else 8 * self.n_threads)

        def work(block: int) -> None:
            where = (self.by_item.indptr, self.by_item.codes, self.weights, some.sets.indptr, some.sets.codes)
            _counting_kernels.count_sets(*where, some.order, some.longest, some.widest, found, *blocks[block])

        run_blocks(work, len(blocks), n_threads=self.n_threads)
        counts[given] = found
        return counts

    def ordered(self, sets: Ragged) -> _Ordered:
        """Return sets with the rarest item of each first, and the order of their dictionary."""
        rank = np.empty(self.item_counts.size, dtype=np.int32)
        by_rank = np.argsort(self.item_counts, kind="stable").astype(np.int32)
        rank[by_rank] = np.arange(rank.size, dtype=np.int32)
        ranks = rank[sets.codes]
        ranks = ranks[np.lexsort((ranks, sets.row_numbers()))]
        first = by_rank[ranks[sets.indptr[:-1]]]
        widest = int(self.by_item.lengths[first].max())
        order = _dictionary(Ragged(sets.indptr, ranks), rank.size)
        return _Ordered(as_sets(sets.indptr, by_rank[ranks]), order, int(sets.lengths.max()), widest)


def _dictionary(sets: Ragged, n_codes: int) -> Int64Array:
    """Return the order of a dictionary: by the first code, then the second, ...; beginnings before what continues."""
    bits = max(1, n_codes.bit_length())
    lengths, longest = sets.lengths, int(sets.lengths.max())
    keys: list[Int64Array] = []
    for start in range(0, longest, 62 // bits):
        key = np.zeros(len(sets), dtype=np.int64)
        for k in range(start, min(start + 62 // bits, longest)):
            key <<= bits
            held = lengths > k
            key[held] |= sets.codes[sets.indptr[:-1][held] + k].astype(np.int64) + 1
        keys.append(key)
    return np.lexsort(keys[::-1])
