"""What mines a block of items on one thread: its arrays, and the loop that gives the kernels room."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..typing import AnyArray, Int32Array, Int64Array
from . import _choosing_kernels, _local_kernels, _masked_kernels, _mining_kernels, _table_kernels
from ._budget import Budget
from ._choosing_kernels import Desk, Masked
from ._instructions import BLOCK, LANES, RUN
from ._local_kernels import Scratch
from ._mining_kernels import Stack, Task
from ._prepared import Prepared, Recoded, aligned
from ._table_kernels import SETS, TABULATED, Grid, Tables

__all__ = ["Bench", "Lister", "Tabulator", "Worker", "tabulate"]

BATCH = 1 << 15
"""Words of sets of bits that are made before they are searched; they stay in the cache of a core."""

BATCHES = 96
"""Bytes of the baskets for each word of these, so that small baskets take little memory."""

SPARE = 2048
"""Extensions of local databases there is room for at least."""

FIRST_PIECE, LAST_PIECE = 1 << 12, 1 << 19
"""Entries of the first piece of output of a block, and of the largest; each has room for half of what there is."""

MANY_ROWS = 1024
"""Baskets from which on tables are worth while."""

FULL_TABLE = 0.95
"""The share of the sets of the most frequent items that must be frequent for a search with tables."""

ROWS = 512
"""Masks of the baskets of an item that are worked on at once, in blocks of 64; they stay in the cache of a core."""

REPEATED = 512
"""Masks more there is room for: each as often as it counts, where that saves weights."""


class Bench:
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

    def __init__(self, prepared: Recoded, task: Task, budget: Budget) -> None:
        self.prepared, self.task, self.budget = prepared, task, budget
        self.room = prepared.n_ranks + SPARE
        self.room_for_bits = min(BATCH, prepared.n_bytes // BATCHES + LANES)
        self.stack = Stack(
            np.zeros(_mining_kernels.STATES, dtype=np.int64),
            np.zeros((1024, 8), dtype=np.int64),
            np.zeros((prepared.longest + 3, _mining_kernels.FIELDS), dtype=np.int64),
            np.empty((2 * self.room, 2), dtype=np.int64),
            aligned(2 * self.room_for_bits, np.empty),
        )
        lengths = 0 if task.listing else prepared.longest + 4
        self.nodes = np.zeros((lengths, prepared.longest + prepared.n_always + 1), dtype=np.int64)
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
        databases = self._take_whole(first, last) if self.prepared.is_dense else self._make_local(first, last)
        for start, stop in databases:
            state[_mining_kernels.RECORD] = start
            state[_mining_kernels.TOP], state[_mining_kernels.TOP_BITS] = self.stack.records[-1, [3, 6]]
            while self._search(stop):
                pass
        self._close_piece()

    def _take_whole(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """Make the whole the local database, all of whose items are extensions."""
        records = self.stack.records
        if self.whole is None:
            self.whole = self._build_whole()
        records[0] = self.whole
        records[0, 1], records[0, 2] = last, first
        records[-1, 3], records[-1, 6] = self.prepared.n_ranks, self.whole[6] + self.whole[4] * self.whole[7]
        yield 0, 1

    def _make_local(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """Make local databases of some items after another, and tell their first and last record."""
        raise NotImplementedError

    def _build_whole(self) -> Int64Array:
        """Make sets of bits of all baskets, and return their record."""
        prepared = self.prepared
        n, n_rows, heads = prepared.n_ranks, prepared.n_rows, prepared.indptr[:-1]
        indptr = prepared.indptr - np.arange(n_rows + 1)
        codes = np.delete(prepared.codes, heads).astype(np.int32)
        work = scratch(0, 0, indptr, codes, prepared.codes[heads])
        words, weighted = _local_kernels.lay_out(n_rows, work)
        stride = -(-n // LANES) * LANES
        at = LANES + (words + LANES) * weighted
        self.stack = stack = self._grow(2 * n + self.room, 2 * (at + stride * words) + self.room_for_bits)
        stack.extensions[:n, 0], stack.extensions[:n, 1] = np.arange(n), prepared.supports
        if weighted:
            _local_kernels.set_shifts(LANES, words, work.slots, stack.bits)
        _local_kernels.set_bits(n_rows, at, stride, words, weighted, work, stack.bits)
        return np.array([-1, n, 0, 0, words, LANES * weighted, at, stride], dtype=np.int64)

    def _search(self, n: int) -> bool:
        """Search the local databases until all are done, or until there is no room; then make some and return True."""
        state = self.stack.state
        status = self._call(n)
        need = int(state[_mining_kernels.NEED])
        if status == _mining_kernels.WANTS_OUTPUT:
            self._close_piece()
            grown = max(int(state[_mining_kernels.BASE]) // 2, FIRST_PIECE)
            self.pieces.append(self._piece(max(need, min(grown, LAST_PIECE))))
        elif status == _mining_kernels.WANTS_EXTENSIONS:
            self._grow(2 * need, 0)
        elif status == _mining_kernels.WANTS_BITS:
            self._grow(0, 2 * need)
        return status != _mining_kernels.DONE

    def _call(self, n: int) -> int:
        """Call the kernel that searches."""
        data = self.prepared
        return _mining_kernels.mine(
            n, data.supports, data.lineage, data.ancestors, self.task, self.stack, self.pieces[-1], self.nodes
        )

    def _make_room(self, n_extensions: int, n_bits: int) -> None:
        """Make room for local databases of so many extensions and words, and for as many to search them."""
        self.room, self.room_for_bits = max(self.room, n_extensions), max(self.room_for_bits, n_bits)
        self._grow(2 * self.room, 2 * self.room_for_bits)

    def _grow(self, n_extensions: int, n_bits: int) -> Stack:
        """Make room for so many extensions and words."""
        stack = self.stack
        extensions, bits = stack.extensions, stack.bits
        if n_extensions > len(extensions):
            extensions = np.empty((n_extensions, 2), dtype=np.int64)
            extensions[: len(stack.extensions)] = stack.extensions
        if n_bits > bits.size:
            bits = aligned(n_bits, np.empty)
            bits[: stack.bits.size] = stack.bits
        self.stack = stack._replace(extensions=extensions, bits=bits)
        return self.stack

    def _piece(self, size: int) -> AnyArray:
        return np.empty((size, 3), dtype=self.prepared.codes.dtype)

    def _close_piece(self) -> None:
        """Give back what the last piece of output does not use, and count it."""
        state = self.stack.state
        used = int(state[_mining_kernels.USED])
        self.budget.spend(used)
        self.pieces[-1].resize((used, 3), refcheck=False)
        state[_mining_kernels.BASE] += used
        state[_mining_kernels.USED] = 0


class Worker(Bench):
    """A bench whose local databases are made from lists of items.

    Parameters
    ----------
    prepared
        What is mined.
    task
        What to find.
    budget
        How many itemsets may be listed.
    """

    prepared: Prepared

    def __init__(self, prepared: Prepared, task: Task, budget: Budget) -> None:
        super().__init__(prepared, task, budget)
        data, n = prepared.data, prepared.n_ranks
        most = int(np.diff(data.starts).max(initial=0))
        self.always = np.empty(n if task.perfect else 0, dtype=np.int32)
        codes = np.empty(most * prepared.longest + 1, dtype=np.int32)
        self.work = scratch(n, n + 1, np.zeros(most + 1, dtype=np.int64), codes, np.empty(most, dtype=data.codes.dtype))

    def _make_local(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """Make local databases of some items after another, and tell their first and last record."""
        task, data = self.task, self.prepared.data
        while first < last:
            stack = self.stack
            records, extensions, bits = stack.records, stack.extensions[: self.room], stack.bits[: self.room_for_bits]
            n = _local_kernels.build(
                first, last, task.least, task.max_len, self.always, data, self.work, records, extensions, bits
            )
            if n:
                records[-1] = records[n]
                yield 0, n
            else:
                self._make_room(int(records[0, 3]), int(records[0, 6]))
            first += n


def scratch(n: int, n_partners: int, indptr: Int64Array, codes: Int32Array, weights: AnyArray) -> Scratch:
    """Return arrays to make local databases from lists of n items with."""
    return Scratch(
        np.zeros(n, dtype=weights.dtype),
        np.full(n, -1, dtype=np.int32),
        np.empty(n_partners, dtype=np.int32),
        indptr,
        codes,
        weights,
        np.zeros(64, dtype=np.int64),
    )


class Lister(Bench):
    """A bench whose local databases are made from masks.

    Parameters
    ----------
    prepared
        What is mined.
    masked
        The same with masks; nothing where the whole is searched as one.
    task
        What to find.
    budget
        How many itemsets may be listed.
    """

    def __init__(self, prepared: Recoded, masked: Masked | None, task: Task, budget: Budget) -> None:
        super().__init__(prepared, task, budget)
        self.masked = masked
        if masked is not None:
            self.desk = desk(masked)

    def _make_local(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """Make local databases of some items after another, and tell their first and last record."""
        while first < last:
            n = self._choose(first, last)
            start = 0
            while start < n:
                stop = self._build(start, n)
                if stop > start:
                    yield start, stop
                start = stop
            first += n

    def _choose(self, first: int, last: int) -> int:
        """List the extensions of items from `first` on; return of how many."""
        task, records, extensions = self.task, self.stack.records, self.stack.extensions[: self.room]
        assert self.masked is not None
        n = _choosing_kernels.choose(
            first, last, task.least, task.max_len, task.perfect, self.masked, self.desk, records, extensions
        )
        if not n:
            self._make_room(int(records[-1, 3]), 0)
        return n

    def _build(self, start: int, stop: int) -> int:
        """Make the local databases of chosen items from `start` on; return at which of them it ended."""
        stack = self.stack
        n = _masked_kernels.build(
            start, stop, self.task.max_len, self.masked, self.desk, stack.records, stack.extensions,
            stack.bits[: self.room_for_bits],
        )  # fmt: skip
        if n == start:
            self._make_room(0, int(stack.records[-1, 6]))
        return n


def desk(masked: Masked) -> Desk:
    """Return arrays to make local databases from masks with."""
    n, most = masked.supports.size, int(np.diff(masked.starts).max(initial=0))
    room = min(ROWS, -(-max(most, 1) // 64) * 64)
    repeated = (room + REPEATED) * (masked.weights.size > 0)
    return Desk(
        rows=aligned(room * LANES),
        picked=aligned(repeated * LANES),
        block=aligned(BLOCK),
        counts=aligned(BLOCK),
        limit=aligned(LANES),
        weights=np.zeros(room, dtype=np.int64),
        order=np.zeros(repeated, dtype=np.int64),
        tally=np.zeros(n + 1, dtype=np.int64),
        base=np.zeros(1, dtype=np.int64),
        found=np.zeros(n + 1, dtype=np.int64),
        partners=np.empty(n + 1, dtype=np.int32),
        always=np.empty(n + 1, dtype=np.int32),
        local=np.full(n + 1, -1, dtype=np.int32),
        indptr=np.zeros(room + 1, dtype=np.int64),
        codes=np.empty(max(n, masked.before) + RUN, dtype=np.int32),
    )


class Tabulator(Bench):
    """A bench that counts the sets of the most frequent items in tables.

    Parameters
    ----------
    prepared
        What is mined.
    grid
        The same as sets of bits.
    task
        What to find.
    budget
        How many itemsets may be listed.
    """

    def __init__(self, prepared: Recoded, grid: Grid, task: Task, budget: Budget) -> None:
        super().__init__(prepared, task, budget)
        self.grid, self.tables = grid, Tables(np.zeros(SETS, dtype=np.int64), np.zeros(SETS, dtype=np.int64))
        self.range = (0, 0)

    def _take_whole(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """Take the whole, of which there is one."""
        self.range = (first, last)
        yield 0, 1

    def _call(self, n: int) -> int:
        """Call the kernel that searches."""
        del n
        return _table_kernels.mine(*self.range, self.task.least, self.grid, self.tables, self.stack, self.pieces[-1])


def tabulate(recoded: Recoded, task: Task) -> Grid | None:
    """Return dense baskets as sets of bits for a search with tables; nothing where another search is faster.

    That is where the tables would have empty places, where the sets of bits have a few words only, or where itemsets of
    some lengths only are wanted.
    """
    suitable = recoded.is_dense and task.listing and task.perfect
    if not suitable or recoded.n_rows < MANY_ROWS or recoded.n_ranks < TABULATED:
        return None
    patterns, counts = np.zeros(recoded.n_rows, dtype=np.int64), np.zeros(SETS, dtype=np.int64)
    _table_kernels.find_patterns(recoded.indptr, recoded.codes, patterns, counts)
    if (counts >= task.least).mean() < FULL_TABLE:
        return None
    rows, powers = _as_bits(recoded.codes[recoded.indptr[:-1]].astype(np.int64))
    order = np.lexsort((powers, patterns[rows]))
    rows, keys = rows[order], 64 * patterns[rows[order]] + powers[order]
    groups, starts, sizes = np.unique(keys, return_index=True, return_counts=True)
    words = -(-sizes // 64)
    places = np.arange(rows.size) + np.repeat(64 * (np.cumsum(words) - words) - starts, sizes)
    n_words = -(-int(words.sum()) // LANES) * LANES
    bits, everything = np.zeros(recoded.n_ranks * n_words, dtype=np.uint64), np.zeros(n_words, dtype=np.uint64)
    _table_kernels.set_bits(rows, places, recoded.indptr, recoded.codes, n_words, bits, everything)
    key_of = np.zeros(n_words, dtype=np.int64)
    key_of[: words.sum()] = np.repeat(groups, words)
    return Grid(bits, everything, key_of >> 6, key_of & 63, recoded.supports)


def _as_bits(weights: Int64Array) -> tuple[Int64Array, Int64Array]:
    """Return the basket and the power of 2 of each bit: a bit for each power in a weight, or as many as it says."""
    powers = np.arange(int(weights.max(initial=1)).bit_length())
    power, rows = np.nonzero(weights >> powers[:, np.newaxis] & 1)
    if weights.sum() <= rows.size + 64 * powers.size:
        rows, power = np.repeat(np.arange(weights.size), weights), np.zeros(int(weights.sum()), dtype=np.int64)
    return rows, powers[power]
