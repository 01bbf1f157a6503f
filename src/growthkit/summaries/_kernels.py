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

from collections.abc import Callable
from typing import Any

import numpy as np
from numba.extending import intrinsic

from .._core.jit import kernel, summing_kernel
from ..typing import AnyArray, FloatArray, Int32Array, Int64Array

PURCHASE = np.dtype([("customer", np.int32), ("day", np.int32), ("value", np.float64)])
NO_DAY = np.int32(2**31 - 1)


def _population_count(_context: Any, word: Any) -> tuple[Any, Callable[..., Any]]:
    """Compile to the processor's count of the bits set in a 64-bit word."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return word(word), generate


count_ones: Any = intrinsic(_population_count)


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


@kernel
def place_by_cell(cells: Int32Array, starts: Int64Array, places: AnyArray) -> None:
    """Write the place of each row once the rows are sorted by cell; those of cell c begin at ``starts[c]``.

    `places` are unsigned: the compiler then need not think of places counted from the end.
    """
    starts[:] = 0
    for i in range(cells.size):
        starts[cells[i] + 1] += 1
    for cell in range(starts.size - 1):
        starts[cell + 1] += starts[cell]
    for i in range(cells.size):
        cell = cells[i]
        places[i] = starts[cell]
        starts[cell] += 1
    for cell in range(starts.size - 1, 0, -1):
        starts[cell] = starts[cell - 1]
    starts[0] = 0


@kernel
def put(column: AnyArray, places: AnyArray, row: FloatArray) -> None:
    """Write each number of any type to its place in `row`, which is float64."""
    for i in range(column.size):
        row[places[i]] = column[i]


@kernel
def cut(row: FloatArray, cap: float) -> None:
    """Lower what lies above `cap` to it."""
    for i in range(row.size):
        row[i] = min(row[i], cap)


@summing_kernel
def average(values: FloatArray) -> float:
    """Return the mean, summed around the first value."""
    shifted = 0.0
    for i in range(values.size):
        shifted += values[i] - values[0]
    return values[0] + shifted / values.size


@summing_kernel
def centre(values: FloatArray, reference: float) -> tuple[float, float, float]:
    """Subtract `reference`; return the sums of what is left, of its squares and of its cubes."""
    first = second = third = 0.0
    for i in range(values.size):
        delta = values[i] - reference
        square = delta * delta
        values[i] = delta
        first += delta
        second += square
        third += square * delta
    return first, second, third


@summing_kernel
def dot(x: FloatArray, y: FloatArray) -> float:
    """Return the sum of ``x * y``."""
    total = 0.0
    for i in range(x.size):
        total += x[i] * y[i]
    return total


@kernel
def centre_row(row: FloatArray, starts: Int64Array, n: FloatArray, mean: FloatArray, sums: FloatArray, j: int) -> None:
    """Centre one column of a block, sorted by cell, at each cell's mean so far; `sums` is (cells, columns, powers).

    In a cell's first block that is the mean of the block.
    """
    for cell in range(n.size):
        values = row[starts[cell] : starts[cell + 1]]
        if values.size:
            if n[cell] == 0:
                mean[cell, j] = average(values)
            first, second, third = centre(values, mean[cell, j])
            sums[cell, j, 0], sums[cell, j, 1], sums[cell, j, 2] = first, second, third


@kernel
def add_block(
    work: FloatArray,
    starts: Int64Array,
    pairs: Int32Array,
    rows: Int32Array,
    sums: FloatArray,
    n: FloatArray,
    mean: FloatArray,
    products: FloatArray,
    thirds: FloatArray,
) -> None:
    """Add a block that `centre_row` has centred to the moments of the cells; column j stands in ``work[rows[j]]``.

    All sums are around the mean so far, so the new ones around the new mean follow by shifting both together. Where the
    cell had fewer rows than the block, at most their ratio times the rounding of a double is lost.
    """
    for cell in range(n.size):
        start, stop = starts[cell], starts[cell + 1]
        if stop == start:
            continue
        total = n[cell] + (stop - start)
        for j in range(mean.shape[1]):
            shift = sums[cell, j, 0] / total
            square = products[cell, j] + sums[cell, j, 1]
            cubes = thirds[cell, j] + sums[cell, j, 2]
            thirds[cell, j] = cubes - 3.0 * shift * square + 2.0 * total * shift * shift * shift
            products[cell, j] = max(square - shift * sums[cell, j, 0], 0.0)
            mean[cell, j] += shift
        for pair in range(mean.shape[1], pairs.shape[0]):
            x, y = pairs[pair, 0], pairs[pair, 1]
            product = dot(work[rows[x], start:stop], work[rows[y], start:stop])
            products[cell, pair] += product - sums[cell, x, 0] * sums[cell, y, 0] / total
        n[cell] = total


@kernel
def merge_cell(
    pairs: Int32Array,
    n: float,
    mean: FloatArray,
    products: FloatArray,
    thirds: FloatArray,
    n_b: float,
    mean_b: FloatArray,
    products_b: FloatArray,
    thirds_b: FloatArray,
) -> None:
    """Add the moments of part b to those of a part of `n` rows; the first pairs are (j, j) for each column j.

    Chan, Golub and LeVeque (1979) for products, Pebay (2008) for third powers.
    """
    total = n + n_b
    for j in range(mean.size):
        shift = mean_b[j] - mean[j]
        thirds[j] += thirds_b[j] + shift * shift * shift * n * n_b * (n - n_b) / (total * total)
        thirds[j] += 3.0 * shift * (n * products_b[j] - n_b * products[j]) / total
    for pair in range(products.size):
        i, j = pairs[pair, 0], pairs[pair, 1]
        products[pair] += products_b[pair] + (mean_b[i] - mean[i]) * (mean_b[j] - mean[j]) * n * n_b / total
    for j in range(mean.size):
        mean[j] += (mean_b[j] - mean[j]) * (n_b / total)


@kernel
def merge_cells(
    pairs: Int32Array,
    n: FloatArray,
    mean: FloatArray,
    products: FloatArray,
    thirds: FloatArray,
    n_b: FloatArray,
    mean_b: FloatArray,
    products_b: FloatArray,
    thirds_b: FloatArray,
) -> None:
    """Add the moments of all cells of part b to those of the cells."""
    for cell in range(n.size):
        if n_b[cell] > 0:
            merge_cell(
                pairs,
                n[cell],
                mean[cell],
                products[cell],
                thirds[cell],
                n_b[cell],
                mean_b[cell],
                products_b[cell],
                thirds_b[cell],
            )
            n[cell] += n_b[cell]
