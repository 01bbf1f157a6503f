"""Kernels of the summaries: purchases by customer, in one counting-sort pass and one pass over cache-sized buckets.

A log is first partitioned into buckets of neighbouring customers. Within a bucket each customer's days are bits of a
bitmap, so that rows may come in any order, and sums are kept as unevaluated pairs (value + residue), so that the order
does not matter either: the sum of doubles is exact as long as the pair's 106 bits hold it [1]_.

References
----------
.. [1] Dekker, T. J. (1971). A floating-point technique for extending the available precision. Numerische Mathematik 18,
   224-242.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core.instructions import count_ones
from .._core.jit import kernel
from ..typing import AnyArray, FloatArray, Int32Array, Int64Array

PURCHASE = np.dtype([("customer", np.int32), ("day", np.int32), ("value", np.float64)])
NO_DAY = np.int32(2**31 - 1)


@kernel
def day_of(tick: Any, ticks_per_day: int) -> Any:
    """Return the day of a tick, rounding down.

    Multiplying by the inverse is faster than dividing, and wrong by one day at most.
    """
    day = np.int64(np.floor(tick * (1.0 / ticks_per_day)))
    rest = tick - day * ticks_per_day
    if rest < 0:
        return day - 1
    if rest >= ticks_per_day:
        return day + 1
    return day


@kernel
def mark_days(ticks: Int64Array, ticks_per_day: int, low_day: int, present: AnyArray, start: int, stop: int) -> None:
    """Set ``present[day - low_day]`` for each day on which something happened."""
    for i in range(start, stop):
        present[day_of(ticks[i], ticks_per_day) - low_day] = True


@kernel
def tally_buckets(keys: AnyArray, low: int, shift: int, counts: Int64Array, start: int, stop: int) -> None:
    """Count the rows of each bucket: the customers whose keys share the bits above `shift`."""
    for i in range(start, stop):
        counts[(keys[i] - low) >> shift] += 1


@kernel
def partition(
    keys: AnyArray,
    low: int,
    ticks: Int64Array,
    values: FloatArray,
    ticks_per_day: int,
    low_day: int,
    day_codes: Int32Array,
    shift: int,
    slots: Int64Array,
    purchases: Any,
    start: int,
    stop: int,
) -> None:
    """Write rows `start` to `stop` to the next free slots of their buckets; `slots` is consumed."""
    for i in range(start, stop):
        customer = keys[i] - low
        bucket = customer >> shift
        slot = slots[bucket]
        slots[bucket] = slot + 1
        purchase = purchases[slot]
        purchase.customer = customer
        purchase.day = day_codes[day_of(ticks[i], ticks_per_day) - low_day]
        purchase.value = values[i]


@kernel
def add_exactly(total: FloatArray, residue: FloatArray, i: int, value: float) -> None:
    """Add `value` to ``total[i]``, and what rounding loses to ``residue[i]`` (Knuth's two-sum)."""
    old = total[i]
    new = old + value
    part = new - old
    residue[i] += (old - (new - part)) + (value - part)
    total[i] = new


@kernel
def add_sums(
    total: FloatArray, residue: FloatArray, places: Int32Array, others: FloatArray, other_residues: FloatArray
) -> None:
    """Add other totals and residues to those at `places`."""
    for i in range(places.size):
        add_exactly(total, residue, places[i], others[i])
        add_exactly(total, residue, places[i], other_residues[i])


@kernel
def normalise(total: FloatArray, residue: FloatArray, start: int, stop: int) -> None:
    """Make each total the double nearest to total + residue, and the residue the rest."""
    for i in range(start, stop):
        rounded = total[i] + residue[i]
        residue[i] -= rounded - total[i]
        total[i] = rounded


@kernel
def gather(
    purchases: Any,
    first_customer: int,
    bitmap: AnyArray,
    words: int,
    first_day: Int32Array,
    total: FloatArray,
    total_residue: FloatArray,
    first: FloatArray,
    first_residue: FloatArray,
) -> None:
    """Mark the days of each customer of a bucket in `bitmap`; sum all values, and those of the first day."""
    for i in range(purchases.size):
        purchase = purchases[i]
        customer, day, value = purchase.customer, purchase.day, purchase.value
        word = (customer - first_customer) * words + (day >> 6)
        bitmap[word] |= np.uint64(1) << np.uint64(day & 63)
        add_exactly(total, total_residue, customer, value)
        if day < first_day[customer]:
            first_day[customer] = day
            first[customer] = value
            first_residue[customer] = 0.0
        elif day == first_day[customer]:
            add_exactly(first, first_residue, customer, value)


@kernel
def list_days(bitmap: Any, words: int, calendar: Int32Array, n_days: AnyArray, days: Int32Array) -> int:
    """Write the days of each customer of a bucket in order, and how many they are; return how many in all.

    The number of zeros below the lowest bit of a word is that of the ones in ``~word & (word - 1)``, 64 for no bit; so
    `calendar` has ``64 * words + 1`` entries, and `days` room for three more than there are.
    """
    filled: Any = 0
    for customer in range(n_days.size):
        before = filled
        for w in range(words):
            word = bitmap[customer * words + w]
            if word == 0:
                continue
            slot = filled
            filled += np.int64(count_ones(word))
            for _ in range(4):  # as many as most words hold; writing too many is cheaper than asking each time
                days[slot] = calendar[w * 64 + np.int64(count_ones(~word & (word - np.uint64(1))))]
                slot += 1
                word &= word - np.uint64(1)
            while slot < filled:
                days[slot] = calendar[w * 64 + np.int64(count_ones(~word & (word - np.uint64(1))))]
                slot += 1
                word &= word - np.uint64(1)
        n_days[customer] = filled - before
    return filled
