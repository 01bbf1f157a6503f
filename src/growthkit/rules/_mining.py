"""All frequent itemsets of baskets, as a trie in flat arrays that is read when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from queue import SimpleQueue
from typing import TypeVar

import numpy as np

from .._core.parallel import run_blocks, thread_count
from ..typing import AnyArray, Int64Array
from ._budget import Budget, TooManyItemsetsError
from ._mining_kernels import Task
from ._prepared import Prepared, Recoded, Split, mask, prepare, recode, split
from ._table_kernels import Grid
from ._trie import Trie
from ._workers import Bench, Lister, Tabulator, Worker, tabulate

__all__ = [
    "Budget",
    "Prepared",
    "Recoded",
    "TooManyItemsetsError",
    "Worker",
    "count_lengths",
    "list_itemsets",
    "prepare",
    "recode",
    "run",
]

BLOCKS_A_THREAD = 24
"""Blocks differ much in size."""

VISITS_A_ROW = 4
"""Pairs of items in a basket that are as much work as a row of a log, for the choice of the number of threads."""

AnyBench = TypeVar("AnyBench", bound=Bench)


def run(
    make: Callable[[], AnyBench], prepared: Recoded, *, function: str, n_threads: int | None, progress: bool
) -> Iterator[tuple[list[AnyArray], AnyBench]]:
    """Mine block after block of ranks, and return the pieces of each and the worker that made them."""
    visits = prepared.visits
    work = int(visits[-1])
    threads = thread_count(n_threads, n_rows=work // VISITS_A_ROW, function=function)
    n_blocks = 1 if threads == 1 and not progress else BLOCKS_A_THREAD * threads
    edges = _edges(visits, n_blocks)
    idle: SimpleQueue[AnyBench] = SimpleQueue()

    def mine(block: int) -> tuple[list[AnyArray], AnyBench]:
        worker = make() if idle.empty() else idle.get()
        worker.mine(*edges[block])
        pieces = worker.pieces
        idle.put(worker)
        return pieces, worker

    return iter(run_blocks(mine, len(edges), n_threads=threads, progress=progress, label=function))


def _edges(visits: Int64Array, n_blocks: int) -> list[tuple[int, int]]:
    """Cut the ranks into blocks of about equal work."""
    n = visits.size - 1
    if n_blocks == 1:
        return [(0, n)]
    work = visits + np.arange(n + 1)
    cuts = np.searchsorted(work[1:], np.linspace(0, int(work[-1]), n_blocks + 1)[1:-1])
    return list(pairwise([0, *np.unique(cuts[cuts > 0]).tolist(), n]))


def list_itemsets(
    prepared: Recoded, least: int, max_len: int | None, budget: Budget, *, n_threads: int | None, progress: bool
) -> Trie:
    """Return all itemsets of at most `max_len` items with a count of at least `least`."""
    task = _task(prepared, least, max_len, listing=True)
    budget.spend((1 << prepared.n_always) - 1)
    layout = _layout(prepared, task)
    prepared = prepared if prepared.is_dense else prepared.without_baskets()
    make = _maker(prepared, layout, task, budget)
    done = list(run(make, prepared, function=budget.function, n_threads=n_threads, progress=progress))
    threads = thread_count(n_threads, n_rows=budget.spent, function=budget.function)
    return Trie(prepared.code_of, _shared_entries(prepared), [pieces for pieces, _ in done], threads)


def count_lengths(
    prepared: Recoded, least: int, max_len: int | None, *, function: str, n_threads: int | None, progress: bool
) -> list[int]:
    """Return how many itemsets of 1, 2, ... items have a count of at least `least`, without listing them."""
    budget = Budget(0, least, function)
    task = _task(prepared, least, max_len, listing=False)
    layout = _layout(prepared, task)
    prepared = prepared if prepared.is_dense else prepared.without_baskets()
    make = _maker(prepared, layout, task, budget)
    done = run(make, prepared, function=function, n_threads=n_threads, progress=progress)
    workers = {id(worker): worker for _, worker in done}
    totals = [0] * (prepared.longest + prepared.n_always + 2)
    for worker in workers.values():
        for n_items, n_free in zip(*(axis.tolist() for axis in np.nonzero(worker.nodes)), strict=True):
            _add_subsets(totals, n_items, n_free, int(worker.nodes[n_items, n_free]))
    _add_subsets(totals, 0, prepared.n_always, 1)
    totals = totals[1:]
    while totals and not totals[-1]:
        totals.pop()
    return totals


def _add_subsets(totals: list[int], n_items: int, n_free: int, n: int) -> None:
    """Add the subsets of `n_free` items, times `n`, to the totals by length, which begin at `n_items`.

    Each binomial coefficient follows from the one before, ``C(f, k + 1) = C(f, k) (f - k) / (k + 1)``.
    """
    ways = n
    for more in range(n_free + 1):
        totals[n_items + more] += ways
        ways = ways * (n_free - more) // (more + 1)


def _layout(prepared: Recoded, task: Task) -> Grid | Split | None:
    """Return the baskets laid out for the search: with tables, with masks, or nothing for the whole as one."""
    grid = tabulate(prepared, task)
    return split(prepared) if grid is None else grid


def _maker(prepared: Recoded, layout: Grid | Split | None, task: Task, budget: Budget) -> Callable[[], Bench]:
    """Return what makes a bench for the baskets as they are laid out."""
    if isinstance(layout, Grid):
        return partial(Tabulator, prepared, layout, task, budget)
    return partial(Lister, prepared, None if layout is None else mask(prepared, layout), task, budget)


def _task(prepared: Recoded, least: int, max_len: int | None, *, listing: bool) -> Task:
    perfect = max_len is None and not prepared.ancestors.size
    return Task(least, prepared.longest + 1 if max_len is None else max_len, perfect, listing)


def _shared_entries(prepared: Recoded) -> AnyArray:
    """Return the itemsets of the items that stand in every basket."""
    entries = np.empty(((1 << prepared.n_always) - 1, 3), dtype=prepared.codes.dtype)
    entries[:, 2] = prepared.n_baskets
    for place in range(prepared.n_always):
        members = 1 << place
        entries[members - 1 : 2 * members - 1, 0] = np.arange(-1, members - 1)
        entries[members - 1 : 2 * members - 1, 1] = prepared.n_ranks + place
    return entries
