"""The order statistics around a quantile of every group at once, found by counting instead of sorting.

A jittered systematic sample says where they should lie; one pass counts the values below and above that bracket, a
second one copies those within. The counts prove the bracket right, or have it widened; so the sample never changes the
answer, only the time.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._core.frames import frozen
from .._core.parallel import block_edges, run_blocks
from ..typing import AnyArray, BoolArray, FloatArray, Int32Array, Int64Array
from . import _order_kernels

__all__ = ["Grouping", "windows"]

STRIDE = 64
"""One row in so many is drawn into the sample."""

SAFETY = 5.0
"""Standard errors of the sample's ranks that the bracket allows for."""

ROWS_A_BLOCK = 65_536


class Grouping(NamedTuple):
    """Rows in cells, and cells in groups: ``tables[t, c]`` is the group of cell c in grouping t.

    Groups of different groupings have different numbers; `n` holds the rows of each group.
    """

    cells: Int32Array
    tables: Int32Array
    n: Int64Array

    @classmethod
    def of(cls, cells: Int32Array, tables: Int64Array, rows: FloatArray, n_groups: int) -> Grouping:
        """Count the rows of the groups from those of the cells."""
        n = sum(np.bincount(table, weights=rows, minlength=n_groups) for table in tables)
        return cls(frozen(cells), frozen(tables.astype(np.int32)), np.asarray(n).astype(np.int64))


def windows(
    values: FloatArray, grouping: Grouping, low: Int64Array, high: Int64Array, *, n_threads: int
) -> list[FloatArray]:
    """Return the sorted values of each group from rank `low` to before rank `high`, counted from 0."""
    lows, highs = _brackets(values, grouping, low, high)
    found: list[FloatArray] = [np.empty(0)] * grouping.n.size
    wanted = (grouping.n > 0) & (high > low)
    while wanted.any():
        lows, highs = np.where(wanted, lows, np.nan), np.where(wanted, highs, np.nan)
        counts, within = _between(values, grouping, lows, highs, n_threads)
        upto = np.cumsum(counts, axis=1)
        good = wanted & (upto[:, 0] <= low) & (upto[:, 3] >= high)
        for group in np.flatnonzero(good).tolist():
            inside = within[group]
            inside.sort()
            ends = (lows[group], highs[group])
            found[group] = _window(counts[group], inside, ends, int(low[group]), int(high[group]))
        wanted = wanted & ~good
        lows, highs = np.full(lows.size, -np.inf), np.full(highs.size, np.inf)
    return found


def _window(counts: Int64Array, inside: FloatArray, ends: tuple[float, float], low: int, high: int) -> FloatArray:
    """Return the values of rank `low` to `high`; those equal to an end of the bracket were counted, not copied."""
    below, at_low, between, at_high, _ = counts.tolist()
    if ends[0] == ends[1]:
        return np.full(high - low, ends[0])
    first, last = low - below, high - below
    lead, tail = max(0, min(at_low, last) - first), max(0, last - max(at_low + between, first))
    middle = inside[max(0, first - at_low) : max(0, last - at_low)]
    del at_high
    return np.concatenate((np.full(lead, ends[0]), middle, np.full(tail, ends[1])))


def _brackets(
    values: FloatArray, grouping: Grouping, low: Int64Array, high: Int64Array
) -> tuple[FloatArray, FloatArray]:
    """Return the bracket that a sample of the rows suggests for each group."""
    starts = np.arange(0, values.size, STRIDE)
    # A hash of the number decides which of its stretch is drawn, so that no period of the rows can agree with it.
    jitter = ((starts.astype(np.uint64) // STRIDE + 1) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(58)
    rows = np.minimum(starts + jitter.astype(np.int64), values.size - 1)
    drawn, cells = values[rows], grouping.cells[rows]
    order = np.argsort(drawn)
    drawn, cells = drawn[order], cells[order]
    lows, highs = np.full(grouping.n.size, -np.inf), np.full(grouping.n.size, np.inf)
    for table in grouping.tables:
        groups = table[cells]
        by_group = np.argsort(groups.astype(np.int16) if grouping.n.size < 2**15 else groups, kind="stable")
        sizes = np.bincount(groups, minlength=grouping.n.size)
        own, ends = drawn[by_group], np.cumsum(sizes)
        with np.errstate(divide="ignore", invalid="ignore"):
            for bracket, share, side in ((lows, low / grouping.n, -1), (highs, high / grouping.n, 1)):
                place = sizes * share + side * (SAFETY * np.sqrt(sizes * share * (1 - share)) + 2)
                known = (sizes > 0) & (place >= 0) & (place < sizes)
                bracket[known] = own[(ends - sizes)[known] + place[known].astype(np.int64)]
    return lows, highs


def _between(
    values: FloatArray, grouping: Grouping, lows: FloatArray, highs: FloatArray, n_threads: int
) -> tuple[Int64Array, list[FloatArray]]:
    """Return the five counts of each group, and its values strictly within the bracket."""
    edges = block_edges(values.size, max(1, -(-values.size // ROWS_A_BLOCK)))
    n_groups = grouping.n.size
    counts = np.zeros((len(edges), n_groups, 5), dtype=np.int64)

    def count(b: int) -> None:
        tallied = np.zeros(5 * n_groups, dtype=np.int64)
        _order_kernels.count_between(values, grouping.cells, grouping.tables, lows, highs, tallied, *edges[b])
        counts[b] = tallied.reshape(n_groups, 5)

    run_blocks(count, len(edges), n_threads=n_threads)
    inside = np.where(_apart(lows, highs), counts[:, :, 2], 0)
    whole = inside.sum(axis=0)
    starts = np.cumsum(whole) - whole
    slots: AnyArray = starts + np.cumsum(inside, axis=0) - inside
    out = np.empty(int(whole.sum()))
    run_blocks(
        lambda b: _order_kernels.collect_between(
            values, grouping.cells, grouping.tables, lows, highs, slots[b].copy(), out, *edges[b]
        ),
        len(edges),
        n_threads=n_threads,
    )
    return counts.sum(axis=0), np.split(out, starts[1:])


def _apart(lows: FloatArray, highs: FloatArray) -> BoolArray:
    return lows < highs
