"""Closed, maximal and generator itemsets, mined as such."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from .._core.frames import frozen
from .._core.ragged import Ragged
from .._core.vocabulary import Vocabulary
from ..summaries.baskets import Baskets
from ..typing import AnyArray, BoolArray, Int32Array, Int64Array
from . import _condensed_kernels as search
from . import _condensing_kernels as condensing
from . import _maximal_kernels as maximal
from ._choosing_kernels import Masked
from ._mining import Budget, Recoded, recode, run
from ._mining_kernels import Task
from ._prepared import mask, split
from ._sets import salts, slots_for, some_rows
from ._workers import FIRST_PIECE, Lister

__all__ = ["mine_closed"]

MANY = 2**62
"""More than there are items or itemsets."""

BYTES_AN_ITEMSET = 64
"""Bytes of baskets for each of which the output of a block has room for an itemset at first."""

FIRST_TABLE = 1 << 12
"""Slots of the first table of the itemsets of a local database."""

FEW = 8
"""Items an itemset for which there is room at first."""

Itemsets = tuple[Int64Array, Int32Array, Int64Array]
"""Where each itemset begins, the items, and the counts."""


class CondensedBudget(Budget):
    """How many closed or maximal itemsets, or generators, may be listed.

    Parameters
    ----------
    limit, least, function
        As in `Budget`.
    """

    advice = "raise min_support, set max_len, or raise max_itemsets (an itemset takes 24 bytes and 4 for each item)"


class Searcher(Lister):
    """The arrays that one thread works with, where some itemsets are wanted instead of all.

    Parameters
    ----------
    prepared
        What is mined.
    masked
        The same with masks; nothing where the whole is searched as one.
    least
        The least count of an itemset.
    budget
        How many itemsets there may be.
    n_states, n_fields
        Places in the state and in a frame of the search.
    """

    def __init__(
        self, prepared: Recoded, masked: Masked | None, least: int, budget: Budget, n_states: int, n_fields: int
    ) -> None:
        super().__init__(prepared, masked, Task(least, MANY, True, False), budget)
        self.stack = self.stack._replace(state=np.zeros(n_states, dtype=np.int64))
        self.frames = np.zeros((prepared.longest + 4, n_fields), dtype=np.int64)
        self.numbers = np.empty(prepared.n_ranks, dtype=np.int64)
        self.path = np.empty(prepared.n_ranks + 2, dtype=np.int32)
        self.codes = np.zeros(0, dtype=np.int32)

    def least_number(self) -> int:
        """Return how many itemsets there are at least, by those found so far."""
        raise NotImplementedError

    def _go_on(self, status: int) -> bool:
        """Make the room that the search wants; return False where it wants none."""
        if status == search.WANTS_OUTPUT:
            self._enlarge()
        elif status == search.WANTS_ROOM:
            self._grow(2 * len(self.stack.extensions), 2 * self.stack.bits.size)
        return status != search.DONE

    def _piece(self, size: int) -> AnyArray:
        """Make room for the first itemsets of a block."""
        size = max(size, FIRST_PIECE, self.prepared.n_bytes // BYTES_AN_ITEMSET)
        self.codes = np.empty(size * FEW, dtype=np.int32)
        return np.empty((size, search.COLUMNS), dtype=np.int64)

    def _enlarge(self) -> None:
        """Make room for four times as many itemsets, unless it is certain that there are too many."""
        (sets,) = self.pieces
        n = int(self.stack.state[search.N_SETS])
        if n > self.budget.limit:
            n = self.least_number()
            self.budget.spend(n if n > self.budget.limit else 0)
        self.pieces = [_longer(sets, 4 * len(sets))]
        self.codes = _longer(self.codes, 4 * self.codes.size)

    def _close_piece(self) -> None:
        """Give back what the output does not use."""
        state = self.stack.state
        self.pieces[0].resize((int(state[search.N_SETS]), search.COLUMNS), refcheck=False)
        self.codes.resize(int(state[search.N_CODES]), refcheck=False)
        self.pieces.append(self.codes)


class NodeSearcher(Searcher):
    """A searcher for the nodes among which the closed itemsets or the generators are.

    Parameters
    ----------
    prepared, masked, least, budget
        As in `Searcher`.
    kind
        "closed" or "generators".
    """

    def __init__(self, prepared: Recoded, masked: Masked | None, least: int, budget: Budget, kind: str) -> None:
        super().__init__(prepared, masked, least, budget, search.STATES, search.FIELDS)
        self.kind, self.n_salts = kind, 0
        self.spots = np.empty(0, dtype=np.int64)
        self.hashes = self.keys = self.table = np.zeros(0, dtype=np.int64)

    def least_number(self) -> int:
        """Count the itemsets among the nodes found: each set of baskets has a closed one, a generator all its parts."""
        sets = self.pieces[0][: int(self.stack.state[search.N_SETS])].copy()
        return int(_kept(sets, self.codes, self.kind, self.prepared).sum())

    def _build_whole(self) -> Int64Array:
        """Make sets of bits of all baskets, and return their record."""
        record = super()._build_whole()
        self.spots = np.empty(int(record[4]), dtype=np.int64)
        return record

    def _make_local(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """Make local databases of some items after another, with keys for their bits; tell their first and last."""
        for start, stop in super()._make_local(first, last):
            self._make_keys(int(self.stack.records[start:stop, 4].max()))
            yield start, stop

    def _make_keys(self, words: int) -> None:
        """Make keys for the bits of so many words, and room for those of the bits that are packed."""
        if self.n_salts < 64 * words:
            self.n_salts = 128 * words
            self.keys = np.empty(4 * self.n_salts, dtype=np.int64)
            self.keys[: self.n_salts] = salts(self.n_salts).view(np.int64)
            self.spots = np.empty(2 * words, dtype=np.int64)
        self.stack.state[search.TOP_KEYS] = self.n_salts

    def _search(self, n: int) -> bool:
        """Search the local databases until all are done, or until there is no room; then make some and return True."""
        stack, state, sets = self.stack, self.stack.state, self.pieces[0]
        self.hashes = _longer(self.hashes, len(stack.extensions))
        space = search.Space(
            state, stack.records, self.frames, stack.extensions, stack.bits, self.hashes, self.keys,
            self.numbers, self.path, self.spots, self.table,
        )  # fmt: skip
        supports, kind = self.prepared.supports, search.CLOSED if self.kind == "closed" else search.GENERATORS
        status = search.mine(kind, n, self.task.least, supports, space, sets, self.codes)
        if status == search.WANTS_TABLE:
            self.table = np.full(4 * self.table.size, -1, dtype=np.int64)
            search.fill_table(int(self.frames[0, search.LENGTH]) + search.ENTERED, state, self.table, sets)
        return self._go_on(status)

    def _piece(self, size: int) -> AnyArray:
        """Make room for the first itemsets of a block."""
        self.table = np.full(FIRST_TABLE, -1, dtype=np.int64)
        return super()._piece(size)


class MaximalSearcher(Searcher):
    """A searcher for the itemsets that are maximal in a local database.

    Parameters
    ----------
    prepared, masked, least, budget
        As in `Searcher`.
    """

    def __init__(self, prepared: Recoded, masked: Masked | None, least: int, budget: Budget) -> None:
        super().__init__(prepared, masked, least, budget, maximal.STATES, maximal.FIELDS)
        self.found = np.zeros((prepared.n_ranks, 1), dtype=np.int64)
        self.focus = np.empty((2 * len(self.frames), 2), dtype=np.int64)

    def least_number(self) -> int:
        """Bound the number from below: of a maximal itemset one part for each of its items may have been found, too."""
        return -(-int(self.stack.state[maximal.N_SETS]) // self.prepared.longest)

    def _search(self, n: int) -> bool:
        """Search the local databases until all are done, or until there is no room; then make some and return True."""
        stack = self.stack
        space = maximal.Space(
            stack.state, stack.records, self.frames, stack.extensions, stack.bits, self.numbers, self.path, self.found,
            self.focus,
        )  # fmt: skip
        status = maximal.mine(n, self.task.least, self.prepared.supports, space, self.pieces[0], self.codes)
        if status == maximal.WANTS_FOUND:
            self.found = np.hstack((self.found, np.zeros_like(self.found)))
            self.focus = _longer(self.focus, len(self.frames) * (self.found.shape[1] + 1))
        return self._go_on(status)


def mine_closed(
    rows: Ragged,
    weights: Int64Array | None,
    n_items: int,
    min_count: int,
    kind: str,
    *,
    min_len: int,
    max_len: int | None,
    conflicts: Ragged | None,
    limit: int | None = None,
    n_threads: int | None = None,
    progress: bool = False,
) -> Itemsets:
    """Find the closed or maximal itemsets, or the generators, that at least `min_count` baskets hold.

    Parameters
    ----------
    rows
        The baskets: codes below `n_items`, ascending and distinct within each row.
    weights
        How often each row counts; None for once.
    n_items
        The number of codes.
    min_count
        The least count, at least 1.
    kind
        "closed", "maximal" or "generators".
    min_len, max_len
        Which lengths are returned; None for any. What is closed, maximal or a generator does not depend on them.
    conflicts
        The ancestors of each item in a taxonomy, of which each row holds those of its items, too. Itemsets are returned
        without the ancestors of their own items, and their lengths are counted so.
    limit
        How many itemsets to accept; None for any number.
    n_threads
        How many threads to use; None for every core.
    progress
        Whether to show a bar.

    Returns
    -------
    tuple of arrays
        Where each itemset begins in the codes (int64, one more than there are itemsets), the codes (int32, ascending
        within an itemset) and the counts (int64). The order depends on the data only.

    Raises
    ------
    TooManyItemsetsError
        There are more than `limit` itemsets.
    """
    function = "frequent_itemsets"
    budget = CondensedBudget(MANY if limit is None else limit, min_count, function)
    if weights is not None and not weights.all():
        rows, weights = some_rows(rows, np.flatnonzero(weights)), weights[weights > 0]
    baskets = Baskets("", rows, Vocabulary(np.arange(n_items)), None, weights)
    prepared = recode(baskets, min_count, None, perfect=True)
    layout = split(prepared)
    masked = None if layout is None else mask(prepared, layout)
    prepared = prepared if masked is None else prepared.without_baskets()
    guard = budget if min_len == 1 and max_len is None else CondensedBudget(MANY, min_count, function)
    make = partial(MaximalSearcher, prepared, masked, min_count, guard)
    if kind != "maximal":
        make = partial(NodeSearcher, prepared, masked, min_count, guard, kind)
    blocks = [pieces for pieces, _ in run(make, prepared, function=function, n_threads=n_threads, progress=progress)]
    sets, codes = _joined(blocks[::-1] if prepared.is_dense else blocks)
    itemsets = _written(sets, codes, _kept(sets, codes, kind, prepared), prepared, kind)
    if conflicts is not None:
        itemsets = _most_specific(itemsets, conflicts)
    itemsets = _of_lengths(itemsets, min_len, max_len)
    budget.spend(itemsets[2].size)
    return itemsets


def _joined(blocks: list[list[AnyArray]]) -> tuple[Int64Array, Int32Array]:
    """Put the itemsets of all blocks one after another."""
    if len(blocks) == 1:
        return blocks[0][0], blocks[0][1]
    before = 0
    for sets, codes in blocks:
        sets[:, search.END] += before
        before += codes.size
    return np.concatenate([sets for sets, _ in blocks]), np.concatenate([codes for _, codes in blocks])


def _kept(sets: Int64Array, codes: Int32Array, kind: str, prepared: Recoded) -> BoolArray:
    """Return which of the nodes found are closed, maximal or generators."""
    kept = np.ones(len(sets), dtype=bool)
    if kind == "maximal":
        condensing.keep_maximal(sets, codes, prepared.n_ranks, kept)
    elif kind == "generators":
        condensing.keep_generators(sets, codes, slots_for(len(sets)), kept)
    elif prepared.is_dense:
        condensing.keep_longest(sets, codes, slots_for(len(sets)), np.empty(len(sets), dtype=np.int32), kept)
    else:
        table = slots_for(len(sets))
        seen = np.zeros(table.size // 4, dtype=np.uint64)
        condensing.keep_closed(sets, codes, salts(prepared.n_ranks).view(np.int64), seen, table, kept)
    return kept


def _written(sets: Int64Array, codes: Int32Array, kept: BoolArray, prepared: Recoded, kind: str) -> Itemsets:
    """Return the itemsets that are kept, by the codes of their items, with the items that stand in every basket."""
    n_always = 0 if kind == "generators" else prepared.n_always
    lengths = np.diff(sets[:, search.END], prepend=0)[kept] + n_always
    alone = n_always > 0 and (kind == "closed" or not lengths.size)
    n, size = lengths.size + alone, int(lengths.sum()) + n_always * alone
    indptr, counts, out = np.zeros(n + 1, dtype=np.int64), np.empty(n, dtype=np.int64), np.empty(size, dtype=np.int32)
    if alone:
        out[-n_always:], counts[-1], indptr[-1] = prepared.code_of[prepared.n_ranks :], prepared.n_baskets, size
    condensing.write(sets, codes, kept, prepared.code_of, n_always, indptr, counts, out)
    return indptr, out, counts


def _most_specific(itemsets: Itemsets, conflicts: Ragged) -> Itemsets:
    """Drop the ancestors of an itemset's own items."""
    indptr, codes, counts = itemsets
    codes, ends = condensing.most_specific(codes, indptr, frozen(conflicts.indptr), frozen(conflicts.codes))
    return ends, codes, counts


def _of_lengths(itemsets: Itemsets, min_len: int, max_len: int | None) -> Itemsets:
    """Keep the itemsets of `min_len` to `max_len` items."""
    indptr, codes, counts = itemsets
    lengths = np.diff(indptr)
    kept = (lengths >= min_len) & (lengths <= (MANY if max_len is None else max_len))
    if kept.all():
        return itemsets
    return np.concatenate(([0], np.cumsum(lengths[kept]))), codes[np.repeat(kept, lengths)], counts[kept]


def _longer(array: AnyArray, size: int) -> AnyArray:
    """Return the array, or a copy that has room for `size` rows."""
    if len(array) >= size:
        return array
    longer = np.empty((size, *array.shape[1:]), dtype=array.dtype)
    longer[: len(array)] = array
    return longer
