"""Kernels of Bayesian personalised ranking: strata of pairs that share no row, and descent within one of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core.jit import kernel, summing_kernel
from ..typing import AnyArray, FloatArray, Int32Array, Int64Array

TRIES = 16
"""Draws of an item that a customer has not had; after so many the pair is left out for this epoch."""


@kernel
def scramble(key: Any, counter: int) -> Any:
    """Return 64 bits that depend on the key and the counter only (SplitMix64)."""
    z = np.uint64(key) + np.uint64(counter) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@kernel
def below(bits: Any, n: int) -> Any:
    """Return a number from 0 to ``n - 1`` made of 64 random bits; n is less than 2^31."""
    return np.int64(((np.uint64(bits) >> np.uint64(32)) * np.uint64(n)) >> np.uint64(32))


@kernel
def count_strata(
    indptr: Int64Array,
    codes: Int32Array,
    weights: FloatArray,
    customer_block: Int32Array,
    item_block: Int32Array,
    counts: Int64Array,
) -> None:
    """Count the pairs with weight above 0 in each stratum: ``counts[customer block, item block]``."""
    for u in range(indptr.size - 1):
        row = counts[customer_block[u]]
        for e in range(indptr[u], indptr[u + 1]):
            if weights[e] > 0:
                row[item_block[codes[e]]] += 1


@kernel
def fill_strata(
    indptr: Int64Array,
    codes: Int32Array,
    weights: FloatArray,
    customer_block: Int32Array,
    item_block: Int32Array,
    slots: Int64Array,
    customers: Int32Array,
    items: Int32Array,
) -> None:
    """Write the pairs with weight above 0 to the slots of their stratum; `slots` is consumed."""
    for u in range(indptr.size - 1):
        row = slots[customer_block[u]]
        for e in range(indptr[u], indptr[u + 1]):
            if weights[e] > 0:
                slot = row[item_block[codes[e]]]
                row[item_block[codes[e]]] = slot + 1
                customers[slot] = u
                items[slot] = codes[e]


@kernel
def likes(codes: Int32Array, weights: FloatArray, start: Any, stop: Any, item: Any) -> Any:
    """Return whether a customer's sorted row holds the item with a weight above 0."""
    low, high = start, stop
    while low < high:
        middle = (low + high) // 2
        if codes[middle] < item:
            low = middle + 1
        else:
            high = middle
    return low < stop and codes[low] == item and weights[low] > 0


@summing_kernel
def climb(x: AnyArray, better: AnyArray, worse: AnyArray, rate: Any, item_rate: Any, penalty: Any) -> None:
    """Take one step: the customer's score of one item up, that of the other down. The last place is the item's bias."""
    f = x.size - 1
    gap = better[f] - worse[f]
    for j in range(f):
        gap += x[j] * (better[j] - worse[j])
    pull = np.float32(1) / (np.float32(1) + np.exp(gap))
    for j in range(f):
        own, up, down = x[j], better[j], worse[j]
        x[j] = own + rate * (pull * (up - down) - penalty * own)
        better[j] = up + item_rate * (pull * own - penalty * up)
        worse[j] = down - item_rate * (pull * own + penalty * down)
    better[f] += item_rate * (pull - penalty * better[f])
    worse[f] -= item_rate * (pull + penalty * worse[f])


@kernel
def descend(
    indptr: Int64Array,
    codes: Int32Array,
    weights: FloatArray,
    customers: Int32Array,
    items: Int32Array,
    start: int,
    stop: int,
    candidates: Int32Array,
    key: Any,
    rate: Any,
    penalty: Any,
    customer_vectors: AnyArray,
    item_vectors: AnyArray,
) -> None:
    """Visit the pairs ``start:stop`` of one stratum in random order, each against a drawn item of the same stratum.

    `candidates` are the items of the stratum; no other stratum that is visited at the same time holds these items or
    these customers.
    """
    counter = 0
    for e in range(stop - 1, start - 1, -1):
        other = start + below(scramble(key, counter), e - start + 1)
        counter += 1
        customers[e], customers[other] = customers[other], customers[e]
        items[e], items[other] = items[other], items[e]
        u, better = customers[e], items[e]
        for _ in range(TRIES):
            worse = candidates[below(scramble(key, counter), candidates.size)]
            counter += 1
            if not likes(codes, weights, indptr[u], indptr[u + 1], worse):
                climb(customer_vectors[u], item_vectors[better], item_vectors[worse], rate, rate, penalty)
                break


@kernel
def fold(
    indptr: Int64Array,
    codes: Int32Array,
    weights: FloatArray,
    epochs: int,
    key: Any,
    rate: Any,
    penalty: Any,
    item_vectors: AnyArray,
    out: AnyArray,
    start: int,
    stop: int,
) -> None:
    """Learn the vectors of customers `start` to `stop` from zeros, each alone, with those of the items as they are."""
    n, width = item_vectors.shape
    better, worse = np.empty(width, np.float32), np.empty(width, np.float32)
    for u in range(start, stop):
        counter = 0
        for _ in range(epochs):
            for e in range(indptr[u], indptr[u + 1]):
                if weights[e] <= 0:
                    continue
                for _ in range(TRIES):
                    other = below(scramble(key, counter), n)
                    counter += 1
                    if not likes(codes, weights, indptr[u], indptr[u + 1], other):
                        better[:] = item_vectors[codes[e]]
                        worse[:] = item_vectors[other]
                        climb(out[u], better, worse, rate, np.float32(0), penalty)
                        break
