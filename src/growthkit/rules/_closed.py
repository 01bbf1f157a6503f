"""Closed, maximal and generator itemsets, mined as such."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from .._core.frames import frozen
from .._core.parallel import run_blocks, thread_count
from .._core.ragged import Ragged
from ..typing import Int32Array, Int64Array
from . import _closed_kernels as closed
from . import _closed_rooms_kernels as rooms
from . import _closed_rows_kernels as lists
from . import _closed_tables_kernels as closed_tables
from . import _generator_kernels as generators
from . import _maximal_kernels as maximal
from ._mining import Budget

__all__ = ["mine_closed"]

KINDS = {"closed": rooms.CLOSED, "maximal": rooms.MAXIMAL, "generators": rooms.GENERATORS}

MANY = 2**62
"""More than there are items or itemsets."""

BLOCK = 16_384
"""Entries of the rows for which a block of first items is worth while."""

MAX_BLOCKS = 64

Itemsets = tuple[Int32Array, Int64Array, Int64Array]
"""Items one after another, where each itemset ends, and counts."""


class Data(NamedTuple):
    """Rows ready to be mined: as laid out, where each item stands, and the items by rank."""

    rows: rooms.Rows
    starts: Int64Array
    places: Int32Array
    items: Int32Array
    total: int


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
) -> tuple[Int64Array, Int32Array, Int64Array]:
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
    data = _prepare(rows, weights, n_items, min_count)
    budget = Budget(MANY if limit is None else limit, min_count, "frequent_itemsets")
    threads = thread_count(n_threads, n_rows=rows.codes.size, function="frequent_itemsets")
    is_late = kind == "generators" or (conflicts is not None and (min_len > 1 or max_len is not None))
    rule = rooms.Rule(
        KINDS[kind],
        data.total,
        min_count,
        1 if is_late else min_len,
        MANY if max_len is None or conflicts is not None else max_len,
        MANY if is_late else budget.limit,
    )
    blocks = _blocks(data.rows.entries.size, data.items.size)

    def mine(block: int) -> Itemsets:
        itemsets = _mine_block(data, rule, *blocks[block])
        if not is_late:
            budget.spend(itemsets[1].size)
        return itemsets

    parts = run_blocks(mine, len(blocks), n_threads=threads, progress=progress, label=f"{kind} itemsets")
    codes, ends, counts = _finished(_joined(parts), data, kind, conflicts)
    if is_late:
        codes, ends, counts = _of_lengths(codes, ends, counts, min_len, max_len)
        budget.spend(ends.size)
    return np.concatenate((np.zeros(1, dtype=np.int64), ends)), codes, counts


def _prepare(rows: Ragged, weights: Int64Array | None, n_items: int, min_count: int) -> Data:
    """Keep the frequent items, by rank from the rarest, in rows that are sorted and merged."""
    if weights is None:
        weights = np.ones(len(rows), dtype=np.int64)
    indptr, codes = frozen(rows.indptr), frozen(rows.codes)
    counts = lists.weigh_items(indptr, codes, frozen(weights), n_items)
    items = np.flatnonzero(counts >= min_count)
    items = items[np.lexsort((items, counts[items]))].astype(np.int32)
    ranks = np.full(n_items, -1, dtype=np.int32)
    ranks[items] = np.arange(items.size, dtype=np.int32)
    by_row = lists.keep_frequent(indptr, codes, ranks)
    by_item = lists.turn(*by_row, items.size)
    row_starts, codes, merged = lists.merge_rows(*lists.turn(*by_item, len(rows)), frozen(weights))
    entries, starts, places = lists.lay_out(row_starts, codes, items.size)
    if merged.max(initial=1) == 1:
        merged = merged[:0]
    laid_out = rooms.Rows(row_starts.size - 1, int(np.diff(row_starts).max(initial=0)), entries, merged, counts[items])
    return Data(laid_out, starts, places, items, int(weights.sum()))


def _blocks(n_entries: int, n_items: int) -> list[tuple[int, int]]:
    """Cut the items into blocks, in a way that depends on the data only."""
    n_blocks = max(1, min(MAX_BLOCKS, n_entries // BLOCK, n_items))
    return list(pairwise(n_items * block // n_blocks for block in range(n_blocks + 1)))


def _mine_block(data: Data, rule: rooms.Rule, first: int, last: int) -> Itemsets:
    """Find the itemsets whose rarest item is one of those from `first` to `last`, or always goes with one of those."""
    records = rooms.divide(data.rows, data.starts, data.places, rule, first, last)
    tables, n_items = closed_tables.furnish(records), data.items.size
    if rule.kind == rooms.CLOSED:
        out, used = closed.mine_closed(records, tables, closed.Rule(*rule), n_items)
    elif rule.kind == rooms.MAXIMAL:
        out, used = maximal.mine_maximal(records, tables, maximal.Rule(*rule), n_items)
    else:
        out, used = generators.mine_generators(records, tables, generators.Rule(*rule), n_items)
    return lists.unpack(out, used[0], used[1])


def _joined(parts: list[Itemsets]) -> Itemsets:
    """Put the itemsets of all blocks one after another."""
    before = np.cumsum([0, *(part[0].size for part in parts[:-1])])
    ends = [part[1] + shift for part, shift in zip(parts, before, strict=True)]
    return (
        np.concatenate([part[0] for part in parts]),
        np.concatenate(ends),
        np.concatenate([part[2] for part in parts]),
    )


def _finished(itemsets: Itemsets, data: Data, kind: str, conflicts: Ragged | None) -> Itemsets:
    """Drop what is no generator, and the ancestors of items; give items by their codes, ascending."""
    codes, ends, counts = itemsets
    if kind == "generators":
        codes, ends, counts = lists.keep_generators(codes, ends, counts, int(np.diff(ends, prepend=0).max(initial=0)))
    lists.name_items(codes, ends, data.items)
    if conflicts is not None:
        codes, ends = lists.most_specific(codes, ends, frozen(conflicts.indptr), frozen(conflicts.codes))
    return codes, ends, counts


def _of_lengths(codes: Int32Array, ends: Int64Array, counts: Int64Array, min_len: int, max_len: int | None) -> Itemsets:
    """Keep the itemsets of `min_len` to `max_len` items."""
    lengths = np.diff(ends, prepend=0)
    kept = (lengths >= min_len) & (lengths <= (MANY if max_len is None else max_len))
    return codes[np.repeat(kept, lengths)], np.cumsum(lengths[kept]), counts[kept]
