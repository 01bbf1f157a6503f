"""From coded rows to purchase days and exact sums, one customer a row."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from .._core.frames import Times
from .._core.parallel import SMALL, block_edges, rows_apart, run_blocks
from .._core.ragged import Ragged, free_slots
from .._core.vocabulary import Keys, Vocabulary
from ..exceptions import DataError
from ..typing import AnyArray, BoolArray, FloatArray, Int32Array, Int64Array
from . import _kernels

__all__ = ["Money", "collect", "day_number"]

CACHE = 2**22
"""Bytes of the state of a bucket's customers (bitmaps and sums); smaller buckets make the partition slower."""

BYTES_OF_SUMS = 40
MANY_BUCKETS = 16
"""Enough for threads to share evenly, where there are rows for several threads."""

LONG_PERIOD = 4096
"""In days: about eleven years."""


class Money(NamedTuple):
    """Exact sums of value by customer: each is the pair of a double and what rounding it left over."""

    total: FloatArray
    total_residue: FloatArray
    first: FloatArray
    first_residue: FloatArray

    @classmethod
    def zeros(cls, n_customers: int) -> Money:
        """Return sums of nothing."""
        return cls(*np.zeros((4, n_customers)))

    def add(self, places: Int32Array, other: Money, *, on_first_day: BoolArray) -> None:
        """Add the sums of other customers at their `places` here; those of the first day only where `on_first_day`."""
        for mine, residue, theirs, their_residue, counts in (
            (self.total, self.total_residue, other.total, other.total_residue, np.ones(places.size, dtype=bool)),
            (self.first, self.first_residue, other.first, other.first_residue, on_first_day),
        ):
            _kernels.add_sums(mine, residue, places[counts], theirs[counts], their_residue[counts])

    def normalise(self) -> None:
        """Make each pair canonical, so that equal sums are equal bits; refuse sums beyond the doubles."""
        _kernels.normalise(self.total, self.total_residue, 0, self.total.size)
        _kernels.normalise(self.first, self.first_residue, 0, self.first.size)
        with np.errstate(over="ignore", invalid="ignore"):
            sound = all(math.isfinite(np.abs(sums).sum()) for sums in (self.total, self.first))
        if not sound:
            overflown = int(np.count_nonzero(~(np.isfinite(self.total) & np.isfinite(self.first))))
            whose = f"{overflown} customers" if overflown else "all customers together"
            raise DataError(
                f"CustomerSummary: the values of {whose} sum to more than a double holds; scale the column down."
            )


class _Buckets(NamedTuple):
    """Runs of neighbouring customers, small enough for the cache."""

    shift: int
    edges: Int64Array
    """Customers of bucket b: ``edges[b]`` to ``edges[b + 1]``."""


def day_number(tick: int, times: Times) -> int:
    """Return the day of one tick, counted from 1970-01-01."""
    return tick // times.ticks_per_day


def collect(
    keys: Keys, times: Times, values: FloatArray | None, *, n_threads: int
) -> tuple[Vocabulary, Ragged, Money | None]:
    """Return the customers who have rows, their distinct purchase days in order, and their sums of value.

    One counting-sort pass puts the rows of neighbouring customers together; one pass over each bucket does the rest.
    O(rows + customers x days / 64) time; 20 bytes a row while it runs.
    """
    calendar, day_codes = _calendar(times, n_threads)
    words = (calendar.size + 63) // 64
    calendar = np.pad(calendar, (0, 64 * words + 1 - calendar.size))
    buckets = _cut(keys.values.size, keys.size, words)
    starts, purchases = _partition(keys, times, values, day_codes, buckets, n_threads)
    first_day = np.full(keys.size, _kernels.NO_DAY)
    money = Money.zeros(keys.size)
    lengths = np.empty(keys.size, dtype=np.int64)

    def summarise(bucket: int) -> Int32Array:
        low, high = buckets.edges[bucket], buckets.edges[bucket + 1]
        rows = purchases[starts[bucket] : starts[bucket + 1]]
        bitmap = np.zeros((high - low) * words, dtype=np.uint64)
        _kernels.gather(rows, low, bitmap, words, first_day, *money)
        days = rows.view(np.int32)  # the rows have been read; their memory takes the days
        return days[: _kernels.list_days(bitmap, words, calendar, lengths[low:high], days)]

    days = np.concatenate(run_blocks(summarise, starts.size - 1, n_threads=n_threads))
    present = lengths > 0
    money = Money(*(sums[present] for sums in money))
    money.normalise()
    indptr = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(lengths[present])))
    return keys.ids(present), Ragged(indptr, days), money if values is not None else None


def _calendar(times: Times, n_threads: int) -> tuple[Int32Array, Int32Array]:
    """Return the days that count, and the place among them of each day from the first on.

    All days of the period count; of a period as long as no shop's, where a stray row is dated 1900, only those that
    occur, which keeps the bitmaps small.
    """
    low, high = day_number(times.low, times), day_number(times.high, times)
    if high - low < LONG_PERIOD:
        return np.arange(low, high + 1, dtype=np.int32), np.arange(high - low + 1, dtype=np.int32)
    present = np.zeros(high - low + 1, dtype=bool)
    blocks = block_edges(times.ticks.size, n_threads)
    run_blocks(
        lambda b: _kernels.mark_days(times.ticks, times.ticks_per_day, low, present, *blocks[b]),
        len(blocks),
        n_threads=n_threads,
    )
    return (np.flatnonzero(present) + low).astype(np.int32), np.cumsum(present, dtype=np.int32) - np.int32(1)


def _cut(n_rows: int, n_customers: int, words: int) -> _Buckets:
    """Choose buckets whose state fits the cache."""
    size = CACHE // (8 * words + BYTES_OF_SUMS)
    if n_rows >= SMALL:
        size = min(size, n_customers // MANY_BUCKETS)
    shift = max(size, 1).bit_length() - 1
    edges = np.arange(0, n_customers + (1 << shift), 1 << shift, dtype=np.int64)
    return _Buckets(shift, np.minimum(edges, n_customers))


def _partition(
    keys: Keys,
    times: Times,
    values: FloatArray | None,
    day_codes: Int32Array,
    buckets: _Buckets,
    n_threads: int,
) -> tuple[Int64Array, AnyArray]:
    """Return where each bucket starts, and the rows bucket by bucket, in their order within each."""
    blocks = block_edges(keys.values.size, n_threads)
    counts = rows_apart(n_threads, buckets.edges.size - 1)
    run_blocks(
        lambda b: _kernels.tally_buckets(keys.values, keys.low, buckets.shift, counts[b], *blocks[b]),
        n_threads,
        n_threads=n_threads,
    )
    starts, slots = free_slots(counts)
    purchases = np.empty(keys.values.size, dtype=_kernels.PURCHASE)
    worth = np.zeros(keys.values.size) if values is None else values
    low_day = day_number(times.low, times)
    run_blocks(
        lambda b: _kernels.partition(
            keys.values,
            keys.low,
            times.ticks,
            worth,
            times.ticks_per_day,
            low_day,
            day_codes,
            buckets.shift,
            slots[b],
            purchases,
            *blocks[b],
        ),
        n_threads,
        n_threads=n_threads,
    )
    return starts, purchases
