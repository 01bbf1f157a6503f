"""Rows dealt out to runs, so that those of a group lie together, in the order in which they came."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .._core.frames import frozen
from .._core.parallel import block_edges, rows_apart, run_blocks
from ..typing import AnyArray, FloatArray, Int32Array, Int64Array
from . import _kernels

__all__ = ["Dealer", "order_window"]


@dataclass(frozen=True, slots=True, eq=False)
class Dealer:
    """Where the rows of each run go.

    Parameters
    ----------
    codes
        The code of each row.
    table
        By code, the run of its rows.
    edges
        Where the blocks of rows begin and end that threads deal out side by side.
    slots
        Where the rows of each block begin in each run, shape (blocks, runs).
    ends
        Where each run ends.
    """

    codes: Int32Array
    table: AnyArray
    edges: list[tuple[int, int]]
    slots: Int64Array
    ends: Int64Array

    @classmethod
    def of(cls, codes: Int32Array, table: AnyArray, n_runs: int, *, n_threads: int) -> Dealer:
        """Count the rows of each run by block; O(rows)."""
        edges = block_edges(codes.size, n_threads)
        steady, runs = frozen(codes), frozen(table.astype(np.uint32))
        counts = rows_apart(n_threads, n_runs)
        run_blocks(lambda b: _kernels.tally(steady, runs, counts[b], *edges[b]), n_threads, n_threads=n_threads)
        sizes = counts.sum(axis=0)
        ends = np.cumsum(sizes)
        return cls(steady, runs, edges, ends - sizes + np.cumsum(counts, axis=0) - counts, ends)

    def deal(self, values: FloatArray) -> FloatArray:
        """Return the values run by run, in an array of their own; O(rows)."""
        steady, dealt = frozen(values), np.empty(values.size)
        run_blocks(
            lambda b: _kernels.deal(self.codes, self.table, steady, self.slots[b].copy(), dealt, *self.edges[b]),
            len(self.edges),
            n_threads=len(self.edges),
        )
        return dealt

    def parts(self, values: FloatArray) -> list[FloatArray]:
        """Return the values of each run."""
        return np.split(self.deal(values), self.ends[:-1])


def order_window(sample: FloatArray, low: int, high: int) -> FloatArray:
    """Return the values of rank `low` to before `high`, counted from 0, in rising order; `sample` is rearranged.

    Two selections of one rank each: NumPy's vectorised ones.
    """
    if high <= low:
        return np.empty(0)
    if low > 0:
        sample.partition(low)
    upper = sample[low:]
    if high < sample.size:
        upper.partition(high - 1 - low)
    return np.sort(upper[: high - low])
