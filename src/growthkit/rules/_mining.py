"""All frequent itemsets of baskets, as a trie in flat arrays that is read when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from math import comb
from queue import SimpleQueue
from threading import Lock

import numpy as np

from .._core.frames import frozen
from .._core.parallel import run_blocks, thread_count
from .._core.ragged import Ragged
from ..exceptions import ParameterError
from ..summaries.baskets import Baskets
from ..typing import AnyArray, BoolArray, Int32Array, Int64Array
from . import _basket_kernels, _local_kernels, _mining_kernels
from ._local_kernels import Database, Scratch
from ._mining_kernels import Stack, Task
from ._support import item_counts, weights_of
from ._trie import Trie

__all__ = ["Budget", "Prepared", "TooManyItemsetsError", "Worker", "count_lengths", "list_itemsets", "prepare", "run"]

BLOCKS_A_THREAD = 24
"""Blocks differ much in size."""

VISITS_A_ROW = 4
"""Pairs of items in a basket that are as much work as a row of a log, for the choice of the number of threads."""

BATCH = 1 << 17
"""Words of sets of bits that are made before they are searched; they stay in the cache of a core."""

SPARE = 4096
"""Extensions of local databases there is room for at least."""

FIRST_PIECE, LAST_PIECE = 1 << 12, 1 << 19
"""Entries of the first piece of output of a block, and of the largest; each has twice the room of the one before."""

DENSE = 0.2
"""The share of items in an average basket from which on baskets are searched without making local databases."""

NARROW = 2**31 - 1


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """Baskets recoded for mining.

    Parameters
    ----------
    data
        The baskets by rank of their items.
    code_of
        The item of each rank, and behind these the items that stand in every basket.
    n_always
        How many items stand in every basket.
    n_baskets
        The number of baskets.
    longest
        The most frequent items of one basket.
    visits
        How many pairs of frequent items stand in the baskets before each rank.
    indptr
        Where each basket begins in ``data.codes``.
    """

    data: Database
    code_of: Int32Array
    n_always: int
    n_baskets: int
    longest: int
    visits: Int64Array
    indptr: Int64Array

    @property
    def is_dense(self) -> bool:
        """Whether to search the whole as one database: its baskets hold a good part of all items."""
        n_entries = len(self.data.places)
        return n_entries > DENSE * self.n_ranks * (self.indptr.size - 1)

    @property
    def n_ranks(self) -> int:
        """The number of items to be mined."""
        return self.code_of.size - self.n_always


class TooManyItemsetsError(ParameterError):
    """More itemsets than `Budget` allows."""


class Budget:
    """How many itemsets may be listed; several threads spend it.

    Parameters
    ----------
    limit
        The most that are allowed.
    least
        The count that they reach, for the message.
    function
        The public function, for the message.
    """

    def __init__(self, limit: int, least: int, function: str) -> None:
        self.limit, self.least, self.function = limit, least, function
        self.spent = 0
        self._lock = Lock()

    def spend(self, n: int) -> None:
        """Take account of `n` more itemsets.

        Raises
        ------
        TooManyItemsetsError
            If they are too many.
        """
        with self._lock:
            self.spent += n
            if self.spent > self.limit:
                raise TooManyItemsetsError(
                    f"{self.function}: {self.spent:,} itemsets and more have a count of at least {self.least:,}, and "
                    f"max_itemsets is {self.limit:,}; raise min_support, set max_len, ask for "
                    'kind="closed", or raise max_itemsets (an itemset takes 12 bytes).'
                )


def prepare(baskets: Baskets, least: int, allowed: BoolArray | None, *, perfect: bool) -> Prepared:
    """Recode baskets for mining: frequent items only, by rank, sorted; equal baskets merged.

    Parameters
    ----------
    baskets
        What was bought together.
    least
        The count from which on an item is frequent.
    allowed
        Which items may be part of an itemset; None for all.
    perfect
        Whether items that stand in every basket are set apart.
    """
    counts, n_baskets = item_counts(baskets), baskets.n_baskets
    frequent = counts >= least if allowed is None else (counts >= least) & allowed
    always = np.flatnonzero(frequent & (counts == n_baskets)) if perfect else np.zeros(0, dtype=np.int64)
    frequent[always] = False
    order = np.flatnonzero(frequent)
    depth = np.zeros(order.size) if baskets.taxonomy is None else baskets.taxonomy.lengths[order]
    order = order[np.lexsort((depth, -counts[order]))]
    rank = np.full(counts.size, -1, dtype=np.int32)
    rank[order] = np.arange(order.size, dtype=np.int32)
    indptr, codes, starts, visits = _recode(baskets, rank, order.size)
    places = np.empty((starts[-1], 2), dtype=codes.dtype)
    _basket_kernels.list_places(indptr.size - 1, indptr, codes, starts[:-1].copy(), places)
    lineage, ancestors = _lineage(baskets.taxonomy, order, rank)
    data = Database(codes, starts, places, counts[order], lineage, ancestors)
    longest = int(np.diff(indptr).max(initial=1)) - 1
    code_of = np.concatenate((order, always)).astype(np.int32)
    return Prepared(data, code_of, always.size, n_baskets, longest, visits, indptr)


def _recode(baskets: Baskets, rank: Int32Array, n_ranks: int) -> tuple[Int64Array, AnyArray, Int64Array, Int64Array]:
    """Return the baskets by rank with their weights, where the places of each rank begin, and the visits before it."""
    rows = baskets.rows
    size = rows.codes.size + len(rows)
    wide = max(baskets.n_baskets, size) > NARROW
    codes = np.empty(size + 1, dtype=np.int64 if wide else np.int32)
    indptr = np.zeros(len(rows) + 1, dtype=np.int64)
    table = np.full(1 << (2 * len(rows)).bit_length(), -1, dtype=np.int32)
    weights = weights_of(baskets)
    n = _basket_kernels.recode(frozen(rows.indptr), frozen(rows.codes), weights, rank, table, indptr, codes)
    sizes, visits = np.zeros((2, n_ranks + 1), dtype=np.int64)
    _basket_kernels.sort_baskets(n, indptr, codes, sizes[1:], visits[1:])
    return indptr[: n + 1], codes[: indptr[n]], np.cumsum(sizes), np.cumsum(visits)


def _lineage(taxonomy: Ragged | None, order: Int64Array, rank: Int32Array) -> tuple[Int64Array, Int32Array]:
    """Return the ranks of the ancestors of each rank."""
    if taxonomy is None:
        return np.zeros(order.size + 1, dtype=np.int64), np.zeros(0, dtype=np.int32)
    of_rank = [rank[taxonomy.codes[slice(*taxonomy.indptr[code : code + 2])]] for code in order]
    known = [ranks[ranks >= 0] for ranks in of_rank]
    indptr = np.cumsum([0, *map(len, known)], dtype=np.int64)
    return indptr, np.concatenate([*known, np.zeros(0, dtype=np.int32)])


class Worker:
    """The arrays that one thread works with, and the loop that gives the kernels room.

    Parameters
    ----------
    prepared
        What is mined.
    task
        What to find.
    budget
        How many itemsets may be listed.
    """

    def __init__(self, prepared: Prepared, task: Task, budget: Budget) -> None:
        data, n = prepared.data, prepared.n_ranks
        self.prepared, self.task, self.budget = prepared, task, budget
        self.always = np.empty(n if task.perfect else 0, dtype=np.int32)
        self.room, self.room_for_bits = 2 * n + SPARE, BATCH
        most = int(np.diff(data.starts).max(initial=0))
        self.work = Scratch(
            np.zeros(n, dtype=data.codes.dtype),
            np.full(n, -1, dtype=np.int32),
            np.empty(n + 1, dtype=np.int32),
            np.zeros(most + 1, dtype=np.int64),
            np.empty(int(np.diff(prepared.visits).max(initial=0)) + 1, dtype=np.int32),
            np.empty(most, dtype=data.codes.dtype),
            np.zeros(64, dtype=np.int64),
        )
        self.stack = Stack(
            np.zeros(_mining_kernels.STATES, dtype=np.int64),
            np.zeros((1024, 8), dtype=np.int64),
            np.zeros((prepared.longest + 3, _mining_kernels.FIELDS), dtype=np.int64),
            np.empty((2 * self.room, 2), dtype=np.int64),
            np.empty(2 * self.room_for_bits, dtype=np.uint64),
        )
        self.nodes = np.zeros((prepared.longest + 4, prepared.longest + prepared.n_always + 1), dtype=np.int64)
        self.pieces: list[AnyArray] = []
        self.whole: Int64Array | None = None

    def mine(self, first: int, last: int) -> None:
        """List or count the itemsets whose rarest item has a rank from `first` to `last`."""
        state = self.stack.state
        state[:] = 0
        state[_mining_kernels.DEPTH] = -1
        state[_mining_kernels.ROOT] = self.prepared.n_always
        state[_mining_kernels.BASE] = (1 << self.prepared.n_always) - 1 if self.task.listing else 0
        self.pieces = [self._piece(FIRST_PIECE if self.task.listing else 0)]
        while first < last:
            n = self._take_whole(first, last) if self.prepared.is_dense else self._build(first, last)
            first = last if self.prepared.is_dense else first + n
            state[_mining_kernels.RECORD] = 0
            state[_mining_kernels.TOP], state[_mining_kernels.TOP_BITS] = self.stack.records[n, [3, 6]]
            while self._search(n):
                pass
        self._close_piece()

    def _take_whole(self, first: int, last: int) -> int:
        """Make the whole the local database, all of whose items are extensions."""
        records = self.stack.records
        if self.whole is None:
            self.whole = self._build_whole()
        records[0] = self.whole
        records[0, 1], records[0, 2] = last, first
        records[1, 3], records[1, 6] = self.prepared.n_ranks, self.whole[6] + self.whole[4] * self.whole[7]
        return 1

    def _build_whole(self) -> Int64Array:
        """Make sets of bits of all baskets, and return their record."""
        prepared, data = self.prepared, self.prepared.data
        n, heads = prepared.n_ranks, prepared.indptr[:-1]
        lanes = _local_kernels.LANES
        indptr = prepared.indptr - np.arange(prepared.indptr.size)
        codes = np.delete(data.codes, heads).astype(np.int32)
        work = self.work._replace(indptr=indptr, codes=codes, weights=data.codes[heads])
        words, weighted = _local_kernels.lay_out(heads.size, work)
        stride = -(-n // lanes) * lanes
        at = lanes + (words + lanes) * weighted
        self.stack = stack = self._grow(2 * n + self.room, 2 * (at + stride * words) + self.room_for_bits)
        stack.extensions[:n, 0], stack.extensions[:n, 1] = np.arange(n), data.supports
        if weighted:
            _local_kernels.set_shifts(lanes, words, work.slots, stack.bits)
        _local_kernels.set_bits(heads.size, at, stride, words, weighted, work, stack.bits)
        return np.array([-1, n, 0, 0, words, lanes * weighted, at, stride], dtype=np.int64)

    def _build(self, first: int, last: int) -> int:
        """Make as many local databases as there is room for, one at least."""
        task, stack = self.task, self.stack
        while True:
            extensions, bits = stack.extensions[: self.room], stack.bits[: self.room_for_bits]
            n = _local_kernels.build(
                first, last, task.least, task.max_len, self.always, self.prepared.data, self.work, stack.records,
                extensions, bits,
            )  # fmt: skip
            if n:
                return n
            self.room = max(self.room, int(stack.records[0, 3]))
            self.room_for_bits = max(self.room_for_bits, int(stack.records[0, 6]))
            stack = self._grow(2 * self.room, 2 * self.room_for_bits)

    def _search(self, n: int) -> bool:
        """Search the local databases until all are done, or until there is no room; then make some and return True."""
        data, state = self.prepared.data, self.stack.state
        status = _mining_kernels.mine(
            n, data.supports, data.lineage, data.ancestors, self.task, self.stack, self.pieces[-1], self.nodes
        )
        need = int(state[_mining_kernels.NEED])
        if status == _mining_kernels.WANTS_OUTPUT:
            self._close_piece()
            self.pieces.append(self._piece(max(need, min(2 * len(self.pieces[-1]), LAST_PIECE))))
        elif status == _mining_kernels.WANTS_EXTENSIONS:
            self._grow(2 * need, 0)
        elif status == _mining_kernels.WANTS_BITS:
            self._grow(0, 2 * need)
        return status != _mining_kernels.DONE

    def _grow(self, n_extensions: int, n_bits: int) -> Stack:
        """Make room for so many extensions and words."""
        stack = self.stack
        extensions, bits = stack.extensions, stack.bits
        if n_extensions > len(extensions):
            extensions = np.empty((n_extensions, 2), dtype=np.int64)
            extensions[: len(stack.extensions)] = stack.extensions
        if n_bits > bits.size:
            bits = np.empty(n_bits, dtype=np.uint64)
            bits[: stack.bits.size] = stack.bits
        self.stack = stack._replace(extensions=extensions, bits=bits)
        return self.stack

    def _piece(self, size: int) -> AnyArray:
        return np.empty((size, 3), dtype=self.prepared.data.codes.dtype)

    def _close_piece(self) -> None:
        """Give back what the last piece of output does not use, and count it."""
        state = self.stack.state
        used = int(state[_mining_kernels.USED])
        self.budget.spend(used)
        self.pieces[-1].resize((used, 3), refcheck=False)
        state[_mining_kernels.BASE] += used
        state[_mining_kernels.USED] = 0


def run(
    make: Callable[[], Worker], prepared: Prepared, *, function: str, n_threads: int | None, progress: bool
) -> Iterator[tuple[list[AnyArray], Worker]]:
    """Mine block after block of ranks, and return the pieces of each and the worker that made them."""
    work = int(prepared.visits[-1])
    threads = thread_count(n_threads, n_rows=work // VISITS_A_ROW, function=function)
    n_blocks = 1 if threads == 1 and not progress else BLOCKS_A_THREAD * threads
    targets = np.linspace(0, work + prepared.n_ranks, n_blocks + 1)[1:-1]
    cuts = np.searchsorted(prepared.visits[1:] + np.arange(prepared.n_ranks), targets)
    edges = list(pairwise([0, *np.unique(cuts[cuts > 0]).tolist(), prepared.n_ranks]))
    idle: SimpleQueue[Worker] = SimpleQueue()

    def mine(block: int) -> tuple[list[AnyArray], Worker]:
        worker = make() if idle.empty() else idle.get()
        worker.mine(*edges[block])
        pieces = worker.pieces
        idle.put(worker)
        return pieces, worker

    return iter(run_blocks(mine, len(edges), n_threads=threads, progress=progress, label=function))


def list_itemsets(
    prepared: Prepared, least: int, max_len: int | None, budget: Budget, *, n_threads: int | None, progress: bool
) -> Trie:
    """Return all itemsets of at most `max_len` items with a count of at least `least`."""
    task = _task(prepared, least, max_len, listing=True)
    budget.spend((1 << prepared.n_always) - 1)
    worker = partial(Worker, prepared, task, budget)
    done = list(run(worker, prepared, function=budget.function, n_threads=n_threads, progress=progress))
    threads = thread_count(n_threads, n_rows=budget.spent, function=budget.function)
    return Trie(prepared.code_of, _shared_entries(prepared), [pieces for pieces, _ in done], threads)


def count_lengths(
    prepared: Prepared, least: int, max_len: int | None, *, function: str, n_threads: int | None, progress: bool
) -> list[int]:
    """Return how many itemsets of 1, 2, ... items have a count of at least `least`, without listing them."""
    budget = Budget(0, least, function)
    task = _task(prepared, least, max_len, listing=False)
    worker = partial(Worker, prepared, task, budget)
    done = run(worker, prepared, function=function, n_threads=n_threads, progress=progress)
    workers = {id(worker): worker for _, worker in done}
    totals = [0] * (prepared.longest + prepared.n_always + 1)
    for worker in workers.values():
        for n_items, n_free in zip(*(axis.tolist() for axis in np.nonzero(worker.nodes)), strict=True):
            for more in range(n_free + 1):
                totals[n_items + more - 1] += int(worker.nodes[n_items, n_free]) * comb(n_free, more)
    for n_items in range(1, prepared.n_always + 1):
        totals[n_items - 1] += comb(prepared.n_always, n_items)
    while totals and not totals[-1]:
        totals.pop()
    return totals


def _task(prepared: Prepared, least: int, max_len: int | None, *, listing: bool) -> Task:
    perfect = max_len is None and not prepared.data.ancestors.size
    return Task(least, prepared.longest + 1 if max_len is None else max_len, perfect, listing)


def _shared_entries(prepared: Prepared) -> AnyArray:
    """Return the itemsets of the items that stand in every basket."""
    entries = np.empty(((1 << prepared.n_always) - 1, 3), dtype=prepared.data.codes.dtype)
    entries[:, 2] = prepared.n_baskets
    for place in range(prepared.n_always):
        members = 1 << place
        entries[members - 1 : 2 * members - 1, 0] = np.arange(-1, members - 1)
        entries[members - 1 : 2 * members - 1, 1] = prepared.n_ranks + place
    return entries
