"""Closed, maximal and generator itemsets, mined as such."""

from __future__ import annotations

from functools import partial

import numpy as np

from .._core.frames import frozen
from .._core.ragged import Ragged
from .._core.vocabulary import Vocabulary
from ..summaries.baskets import Baskets
from ..typing import AnyArray, BoolArray, Int32Array, Int64Array
from . import _condensed_kernels as search
from . import _condensing_kernels as condensing
from ._mining import Budget, Prepared, Worker, prepare, run
from ._mining_kernels import Task
from ._sets import slots_for, some_rows

__all__ = ["mine_closed"]

KINDS = {
    "closed": search.CLOSED,
    "maximal": search.MAXIMAL,
    "generators": search.GENERATORS,
}

MANY = 2**62
"""More than there are items or itemsets."""

FIRST_OUTPUT = 1 << 18
"""Itemsets that the output of a block has room for at first."""

FEW = 8
"""Items an itemset for which there is room at first."""

Itemsets = tuple[Int64Array, Int32Array, Int64Array]
"""Where each itemset begins, the items, and the counts."""


class Searcher(Worker):
    """The arrays that one thread works with, where the nodes of the search are wanted instead of all itemsets.

    Parameters
    ----------
    prepared
        What is mined.
    least
        The least count of an itemset.
    kind
        What is wanted.
    budget
        How many closed itemsets there may be in a block.
    """

    def __init__(self, prepared: Prepared, least: int, kind: int, budget: Budget) -> None:
        super().__init__(prepared, Task(least, MANY, True, False), budget)
        self.kind, n = kind, prepared.n_ranks
        self.stack = self.stack._replace(state=np.zeros(search.STATES, dtype=np.int64))
        self.frames = np.zeros((prepared.longest + 3, search.FIELDS), dtype=np.int64)
        self.tally = np.empty(n + search.LANES, dtype=np.int64)
        self.path = np.empty(n + 2, dtype=np.int32)
        self.found = np.zeros((n, 1), dtype=np.int64)
        self.codes = np.zeros(0, dtype=np.int32)
        self.hashes = self.keys = np.zeros(0, dtype=np.int64)

    def _search(self, n: int) -> bool:
        """Search the local databases until all are done, or until there is no room; then make some and return True."""
        data, stack, state = self.prepared.data, self.stack, self.stack.state
        self.hashes = _longer(self.hashes, len(stack.extensions))
        self.keys = _longer(self.keys, 64 * int(stack.records[:n, 4].max()))
        space = search.Space(
            state, stack.records, self.frames, stack.extensions, stack.bits, self.hashes, self.keys, self.tally,
            self.path, self.found,
        )  # fmt: skip
        whole = (data.codes, data.starts, data.places, data.supports)
        status = search.mine(self.kind, n, self.task.least, whole, self.work.local, space, self.pieces[0], self.codes)
        need = int(state[search.NEED])
        if status == search.WANTS_OUTPUT:
            self._enlarge()
        elif status == search.WANTS_EXTENSIONS:
            self._grow(2 * need, 0)
        elif status == search.WANTS_BITS:
            self._grow(0, 2 * need)
        elif status == search.WANTS_FOUND:
            self.found = np.hstack((self.found, np.zeros_like(self.found)))
        return status != search.DONE

    def _piece(self, size: int) -> AnyArray:
        """Make room for the first itemsets of a block."""
        self.codes = np.empty(max(size, FIRST_OUTPUT) * FEW, dtype=np.int32)
        return np.empty((max(size, FIRST_OUTPUT), search.COLUMNS), dtype=np.int64)

    def _enlarge(self) -> None:
        """Make room for four times as many itemsets, unless too many are closed: each set of baskets has one."""
        (sets,), codes, n = self.pieces, self.codes, int(self.stack.state[search.N_SETS])
        if n > self.budget.limit and self.kind == search.CLOSED:
            n = int(_kept(sets[:n], codes, self.kind, self.prepared).sum())
            self.budget.spend(n if n > self.budget.limit else 0)
        self.pieces = [_longer(sets, 4 * len(sets))]
        self.codes = _longer(codes, 4 * codes.size)

    def _close_piece(self) -> None:
        """Give back what the output does not use."""
        state = self.stack.state
        self.pieces[0].resize((int(state[search.N_SETS]), search.COLUMNS), refcheck=False)
        self.codes.resize(int(state[search.N_CODES]), refcheck=False)
        self.pieces.append(self.codes)


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
    function, number = "frequent_itemsets", KINDS[kind]
    budget = Budget(MANY if limit is None else limit, min_count, function)
    if weights is not None and not weights.all():
        rows, weights = some_rows(rows, np.flatnonzero(weights)), weights[weights > 0]
    baskets = Baskets("", rows, Vocabulary(np.arange(n_items)), None, weights)
    prepared = prepare(baskets, min_count, None, perfect=True)
    guard = budget if min_len == 1 and max_len is None else Budget(MANY, min_count, function)
    make = partial(Searcher, prepared, min_count, number, guard)
    blocks = [pieces for pieces, _ in run(make, prepared, function=function, n_threads=n_threads, progress=progress)]
    sets, codes = _joined(blocks[::-1] if prepared.is_dense else blocks)
    itemsets = _written(sets, codes, _kept(sets, codes, number, prepared), prepared, number)
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


def _kept(sets: Int64Array, codes: Int32Array, kind: int, prepared: Prepared) -> BoolArray:
    """Return which of the nodes found are closed, maximal or generators."""
    kept = np.ones(len(sets), dtype=bool)
    if kind == search.CLOSED:
        condensing.keep_closed(sets, codes, slots_for(len(sets)), np.empty(len(sets), dtype=np.int32), kept)
    elif kind == search.MAXIMAL:
        condensing.keep_maximal(sets, codes, prepared.n_ranks, kept)
    else:
        condensing.keep_generators(sets, codes, slots_for(len(sets)), kept)
    return kept


def _written(sets: Int64Array, codes: Int32Array, kept: BoolArray, prepared: Prepared, kind: int) -> Itemsets:
    """Return the itemsets that are kept, by the codes of their items, with the items that stand in every basket."""
    n_always = 0 if kind == search.GENERATORS else prepared.n_always
    lengths = np.diff(sets[:, search.END], prepend=0)[kept] + n_always
    alone = n_always > 0 and (kind == search.CLOSED or not lengths.size)
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
