"""Kernels of the bootstrap that areas share: sums of columns with Poisson weights.

Randomness is counter-based: the weight of unit i in resample b is a hash (SplitMix64 [1]_) of (seed, b, i), so
resamples can be made in any blocks, on any thread.

References
----------
.. [1] Steele, G. L., D. Lea and C. H. Flood (2014). Fast splittable pseudorandom number generators. OOPSLA 2014,
   453-472.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..typing import AnyArray, FloatArray
from .jit import kernel, summing_kernel

POISSON_CELLS = (24110, 24108, 12055, 4018, 1006, 201, 32, 5, 1)
"""How many of 65,536 equally likely numbers stand for the weights 0, 1, ..., 8.

No cell is further than 1.5 from 65,536 times the Poisson(1) probability; mean 1 and variance 1 are exact, since on them
the standard error of the bootstrap rests.
"""

STEPS = np.cumsum(POISSON_CELLS)[:-1] - 32769
"""The largest of the numbers from -32,768 up that stands for each weight but the last."""

STEP_0, STEP_1, STEP_2, STEP_3, STEP_4, STEP_5, STEP_6, STEP_7 = STEPS.astype(np.int16)

CHUNK = 1024
"""Units done at a time for all resamples of a block, so that their values stay in the cache; a multiple of 4."""

LANES = 4
"""Units that share one hash: 16 bits for each."""

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
FIRST = np.uint64(0xBF58476D1CE4E5B9)
SECOND = np.uint64(0x94D049BB133111EB)


@kernel
def scramble(word: Any) -> Any:
    """Return the hash of a 64-bit word: the finaliser of SplitMix64."""
    word = (word ^ (word >> np.uint64(30))) * FIRST
    word = (word ^ (word >> np.uint64(27))) * SECOND
    return word ^ (word >> np.uint64(31))


@kernel
def hash_units(seed: Any, resample: int, first: int, hashes: AnyArray) -> None:
    """Fill `hashes` with those of one resample for the units from `first` on, a multiple of 4."""
    start = scramble(scramble(seed + GOLDEN) + np.uint64(resample) * GOLDEN)
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
def as_floats(weights: AnyArray, floats: FloatArray) -> None:
    """Copy weights to floats, once for all columns."""
    for i in range(weights.size):
        floats[i] = weights[i]


@summing_kernel
def weigh(weights: FloatArray, values: FloatArray) -> float:
    """Return the sum of weights x values."""
    total = 0.0
    for i in range(values.size):
        total += weights[i] * values[i]
    return total


@kernel
def poisson_sums(columns: FloatArray, seed: Any, first: int, sums: FloatArray) -> None:
    """Set ``sums[b, c]`` to the sum of weights x ``columns[c]`` over all units in resample ``first + b``."""
    n_columns, n = columns.shape
    sums[:] = 0.0
    hashes = np.empty(CHUNK // LANES, dtype=np.uint64)
    numbers = hashes.view(np.int16)
    weights = np.empty(CHUNK, dtype=np.int16)
    floats = np.empty(CHUNK)
    for low in range(0, n, CHUNK):
        high = min(n, low + CHUNK)
        for b in range(sums.shape[0]):
            hash_units(seed, first + b, low, hashes)
            step_up(numbers[: high - low], weights[: high - low])
            as_floats(weights[: high - low], floats)
            for c in range(n_columns):
                sums[b, c] += weigh(floats[: high - low], columns[c, low:high])
