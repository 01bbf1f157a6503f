"""Kernels of the resampling methods: bootstrap sums, permuted sums and rank counts.

Randomness is counter-based: what unit i gets in resample b is a hash (SplitMix64 [1]_) of (seed, b, i). A kernel may so
do any block of units and resamples, in any order, and the blocks fit together bit for bit.

References
----------
.. [1] Steele, G. L., D. Lea and C. H. Flood (2014). Fast splittable pseudorandom number generators. OOPSLA 2014,
   453-472.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core.jit import kernel
from ..typing import AnyArray, FloatArray, Int32Array, Int64Array

POISSON_CELLS = (24110, 24108, 12055, 4018, 1006, 201, 32, 5, 1)
"""How many of 65,536 equally likely numbers stand for the weights 0, 1, ..., 8.

No cell is further than 1.5 from 65,536 times the Poisson(1) probability; mean 1 and variance 1 are exact, since on them
the standard error of the bootstrap rests.
"""

STEPS = np.cumsum(POISSON_CELLS)[:-1] - 32769
"""The largest of the numbers from -32,768 up that stands for each weight but the last."""

STEP_0, STEP_1, STEP_2, STEP_3, STEP_4, STEP_5, STEP_6, STEP_7 = STEPS.astype(np.int16)

CHUNK = 4096
"""Units done at a time for all resamples of a block, so that their values stay in the cache; a multiple of 4."""

LANES = 4
"""Units that share one hash: 16 bits for each."""

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
FIRST = np.uint64(0xBF58476D1CE4E5B9)
SECOND = np.uint64(0x94D049BB133111EB)
TO_UNIT = 2.0**-53


@kernel
def scramble(word: Any) -> Any:
    """Return the hash of a 64-bit word: the finaliser of SplitMix64."""
    word = (word ^ (word >> np.uint64(30))) * FIRST
    word = (word ^ (word >> np.uint64(27))) * SECOND
    return word ^ (word >> np.uint64(31))


@kernel
def start_of(seed: Any, resample: int) -> Any:
    """Return where the counter of one resample starts."""
    return scramble(scramble(seed + GOLDEN) + np.uint64(resample) * GOLDEN)


@kernel
def tally(codes: Int32Array, table: AnyArray, counts: Int64Array, start: int, stop: int) -> None:
    """Count the rows of each run from `start` to `stop`: ``table[c]``, unsigned, is the run of the rows of code c."""
    for i in range(start, stop):
        counts[table[np.uint32(codes[i])]] += 1


@kernel
def deal(
    codes: Int32Array, table: AnyArray, values: FloatArray, slots: Int64Array, dealt: FloatArray, start: int, stop: int
) -> None:
    """Copy each value from `start` to `stop` to the next free slot of its run; `slots` is consumed.

    Places are unsigned: the compiler then need not think of those counted from the end, which takes several times as
    long.
    """
    for i in range(start, stop):
        run = table[np.uint32(codes[i])]
        slot = slots[run]
        slots[run] = slot + 1
        dealt[np.uint64(slot)] = values[i]


@kernel
def hash_units(start: Any, first: int, hashes: AnyArray) -> None:
    """Fill `hashes` with those of the units from `first` on, a multiple of 4."""
    for group in range(hashes.size):
        hashes[group] = scramble(start + np.uint64(first // LANES + group) * GOLDEN)


@kernel
def step_up(numbers: AnyArray, weights: AnyArray) -> None:
    """Turn each 16-bit number into its Poisson(1) weight: how many steps of the table it is above.

    Comparisons without branches, in 16 bits, so that the processor does many units at once.
    """
    for i in range(weights.size):
        number = numbers[i]
        weights[i] = (
            np.int16(number > STEP_0)
            + np.int16(number > STEP_1)
            + np.int16(number > STEP_2)
            + np.int16(number > STEP_3)
            + np.int16(number > STEP_4)
            + np.int16(number > STEP_5)
            + np.int16(number > STEP_6)
            + np.int16(number > STEP_7)
        )


@kernel
def poisson_weights(start: Any, weights: AnyArray) -> None:
    """Fill `weights`, int16, with those of all units in the resample whose counter begins at `start`."""
    hashes = np.empty(CHUNK // LANES, dtype=np.uint64)
    numbers = hashes.view(np.int16)
    for low in range(0, weights.size, CHUNK):
        high = min(weights.size, low + CHUNK)
        hash_units(start, low, hashes)
        step_up(numbers[: high - low], weights[low:high])


@kernel
def weigh(weights: AnyArray, values: Int64Array) -> tuple[Any, Any]:
    """Return the sum of the weights and that of weights x values; whole numbers, so that order plays no part."""
    total = np.int64(0)
    weighted = np.int64(0)
    for i in range(values.size):
        weight = np.int64(weights[i])
        total += weight
        weighted += weight * values[i]
    return total, weighted


@kernel
def poisson_sums(
    bases: Int64Array,
    values: Int64Array,
    seed: Any,
    first_unit: int,
    stop_unit: int,
    first: int,
    sums: Int64Array,
) -> None:
    """Set ``sums[b]`` to the sums of weights x bases and weights x values of some units in resample ``first + b``.

    `first_unit` must be a multiple of `CHUNK`; without `bases` (an empty array) all of them are 1. Bases and values are
    whole numbers, so small that no sum overflows.
    """
    sums[:] = 0
    hashes = np.empty(CHUNK // LANES, dtype=np.uint64)
    numbers = hashes.view(np.int16)
    weights = np.empty(CHUNK, dtype=np.int16)
    for low in range(first_unit, stop_unit, CHUNK):
        high = min(stop_unit, low + CHUNK)
        some = weights[: high - low]
        for b in range(sums.shape[0]):
            hash_units(start_of(seed, first + b), low, hashes)
            step_up(numbers[: high - low], some)
            total, weighted = weigh(some, values[low:high])
            if bases.size:
                _, total = weigh(some, bases[low:high])
            sums[b, 0] += total
            sums[b, 1] += weighted


@kernel
def drawn_sums(columns: FloatArray, seed: Any, first: int, sums: FloatArray) -> None:
    """Set ``sums[b]`` to the sums of n rows of `columns` drawn from its n rows with replacement."""
    n, width = columns.shape
    for b in range(sums.shape[0]):
        start = start_of(seed, first + b)
        sums[b] = 0.0
        for j in range(n):
            bits = scramble(start + np.uint64(j) * GOLDEN)
            row = np.int64((bits >> np.uint64(11)) * TO_UNIT * n)
            for k in range(width):
                sums[b, k] += columns[row, k]


@kernel
def drawn_weights(n: int, start: Any, weights: AnyArray) -> None:
    """Fill `weights` with how often `drawn_sums` draws each unit."""
    weights[:] = 0
    for j in range(n):
        bits = scramble(start + np.uint64(j) * GOLDEN)
        weights[np.int64((bits >> np.uint64(11)) * TO_UNIT * n)] += 1


@kernel
def weighted_quantiles(
    poisson: bool,
    ranked: FloatArray,
    units: Int32Array,
    sizes: Int64Array,
    q: float,
    seed: Any,
    first: int,
    quantiles: FloatArray,
) -> None:
    """Set ``quantiles[b]`` to the q-quantile of the rows, each with the weight of its unit; NaN where all are 0.

    `ranked` holds the values in rising order, `units` the unit of each of them, `sizes` the rows of each unit.
    """
    weights = np.empty(sizes.size, dtype=np.int16)
    for b in range(quantiles.size):
        start = start_of(seed, first + b)
        if poisson:
            poisson_weights(start, weights)
        else:
            drawn_weights(sizes.size, start, weights)
        total = np.int64(0)
        for unit in range(sizes.size):
            total += np.int64(weights[unit]) * sizes[unit]
        quantiles[b] = np.nan
        wanted = q * total * (1.0 - 1e-12)
        reached = np.int64(0)
        for i in range(ranked.size):
            reached += weights[units[i]]
            if reached > 0 and reached >= wanted:
                quantiles[b] = ranked[i]
                break


@kernel
def selected_sums(columns: FloatArray, n_selected: int, seed: Any, first: int, sums: FloatArray) -> None:
    """Set ``sums[b]`` to the sums of `n_selected` rows of `columns`, all choices of them being equally likely.

    Selection sampling: a row is taken with the probability (still wanted) / (still to come).
    """
    n, width = columns.shape
    for b in range(sums.shape[0]):
        start = start_of(seed, first + b)
        sums[b] = 0.0
        wanted = n_selected
        for i in range(n):
            bits = scramble(start + np.uint64(i) * GOLDEN)
            if (bits >> np.uint64(11)) * TO_UNIT * (n - i) < wanted:
                wanted -= 1
                for k in range(width):
                    sums[b, k] += columns[i, k]


@kernel
def placements(values: FloatArray, others: FloatArray, below: FloatArray) -> None:
    """Set ``below[i]`` to the number of `others` under ``values[i]``, plus half of those equal; both sorted."""
    low = high = 0
    for i in range(values.size):
        while low < others.size and others[low] < values[i]:
            low += 1
        high = max(high, low)
        while high < others.size and others[high] == values[i]:
            high += 1
        below[i] = 0.5 * (low + high)


@kernel
def tie_cubes(values: FloatArray, others: FloatArray) -> float:
    """Return the sum of t^3 - t over the runs of t equal values in two sorted arrays taken together."""
    i = j = 0
    total = 0.0
    while i < values.size or j < others.size:
        value = values[i] if j == others.size or (i < values.size and values[i] <= others[j]) else others[j]
        run = 0.0
        while i < values.size and values[i] == value:
            run += 1.0
            i += 1
        while j < others.size and others[j] == value:
            run += 1.0
            j += 1
        total += run * run * run - run
    return total


@kernel
def u_counts(m: int, n: int) -> FloatArray:
    """Return how many of the arrangements of m and n distinct values give each U, from 0 to m x n.

    Only additions, so that every count has full relative precision: f(i, j, u) = f(i - 1, j, u - j) + f(i, j - 1, u).
    """
    table = np.zeros((n + 1, m * n + 1))
    table[:, 0] = 1.0
    for i in range(1, m + 1):
        for j in range(1, n + 1):
            for u in range(i * j, j - 1, -1):
                table[j, u] = table[j, u - j]
            for u in range(min(j, i * j + 1)):
                table[j, u] = 0.0
            for u in range(i * (j - 1) + 1):
                table[j, u] += table[j - 1, u]
    return table[n]
