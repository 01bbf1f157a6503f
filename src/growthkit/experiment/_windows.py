"""The order statistics around a quantile of every group: rows dealt out by group, and selection within each."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._core.parallel import block_edges, run_blocks
from ..typing import FloatArray, Int32Array, Int64Array
from ._dealing import Dealer, order_window

__all__ = ["Grouping", "windows"]


class _Runs(NamedTuple):
    """Rows in runs, and the groups that are such runs: each from where to where."""

    dealer: Dealer
    groups: Int64Array
    starts: Int64Array
    ends: Int64Array


class Grouping(NamedTuple):
    """Rows in cells, and cells in groups: ``tables[t, c]`` is the group of cell c in grouping t.

    Groups of different groupings have different numbers, and those of the first are unions of groups of each other one;
    `n` holds the rows of each group. `runs` are all groups, in as few ways to deal the rows out as it takes.
    """

    cells: Int32Array
    tables: Int64Array
    n: Int64Array
    runs: list[_Runs]

    @classmethod
    def of(cls, cells: Int32Array, tables: Int64Array, rows: FloatArray, n_groups: int, *, n_threads: int) -> Grouping:
        """Count the rows of the groups from those of the cells, and find where they go; O(rows)."""
        n = np.asarray(sum(np.bincount(table, weights=rows, minlength=n_groups) for table in tables)).astype(np.int64)
        coarse, finer = tables[0], tables[1:] if len(tables) > 1 else tables
        runs: list[_Runs] = []
        for table in finer:
            ranked, place = np.unique(coarse * n_groups + table, return_inverse=True)
            groups = ranked % n_groups
            dealer = Dealer.of(cells, place.ravel(), groups.size, n_threads=n_threads)
            runs.append(_Runs(dealer, groups, dealer.ends - n[groups], dealer.ends))
        if len(tables) > 1:
            groups = np.unique(coarse)
            ends = np.cumsum(n[groups])
            runs.append(_Runs(runs[-1].dealer, groups, ends - n[groups], ends))
        return cls(cells, tables, n, runs)


def windows(
    values: FloatArray, grouping: Grouping, low: Int64Array, high: Int64Array, *, n_threads: int
) -> list[FloatArray]:
    """Return the sorted values of each group from rank `low` to before rank `high`, counted from 0."""
    found: list[FloatArray] = [np.empty(0)] * grouping.n.size
    dealt, dealer = np.empty(0), None
    for runs in grouping.runs:
        if runs.dealer is not dealer:
            dealt, dealer = runs.dealer.deal(values), runs.dealer
        blocks = block_edges(runs.groups.size, 4 * n_threads)

        def select(
            b: int, dealt: FloatArray = dealt, runs: _Runs = runs, edges: list[tuple[int, int]] = blocks
        ) -> None:
            for k in range(*edges[b]):
                group = int(runs.groups[k])
                sample = dealt[runs.starts[k] : runs.ends[k]]
                found[group] = order_window(sample, int(low[group]), int(high[group]))

        run_blocks(select, len(blocks), n_threads=n_threads)
    return found
