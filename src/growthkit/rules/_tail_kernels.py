"""Kernels for the tail of the hypergeometric distribution: Fisher's exact test, one-sided, exact far out."""

from __future__ import annotations

import math

import numpy as np

from .._core.jit import kernel
from ..typing import FloatArray, Int64Array

LOG_2PI = math.log(2 * math.pi)

STIRLING = np.array(
    [
        0.0,
        0.08106146679532726,
        0.0413406959554093,
        0.02767792568499834,
        0.020790672103765093,
        0.016644691189821193,
        0.013876128823070748,
        0.01189670994589177,
        0.010411265261972096,
        0.009255462182712733,
        0.00833056343336287,
        0.007573675487951841,
        0.00694284010720953,
        0.006408994188004207,
        0.0059513701127588475,
        0.005554733551962801,
    ]
)
"""ln n! less Stirling's formula, for n from 0 to 15 (0 where n is 0, which is treated apart)."""

ENOUGH = 1e-17
"""A term that is smaller than this share of the sum ends it."""


@kernel
def stirling_error(n: float) -> float:
    """Return ln n! - ((n + 1/2) ln n - n + ln(2 pi) / 2): a table for small n, else Stirling's series."""
    if n < 16:
        return STIRLING[int(n)]
    square = n * n
    series = 1 / 1188.0 / square
    series = (1 / 1680.0 - series) / square
    series = (1 / 1260.0 - series) / square
    series = (1 / 360.0 - series) / square
    return (1 / 12.0 - series) / n


@kernel
def deviance(x: float, mean: float) -> float:
    """Return x ln(x / mean) + mean - x without cancellation."""
    difference = x - mean
    if abs(difference) < 0.1 * (x + mean):
        ratio = difference / (x + mean)
        total = difference * ratio
        term = 2 * x * ratio
        square = ratio * ratio
        for j in range(1, 1000):
            term *= square
            new = total + term / (2 * j + 1)
            if new == total:
                break
            total = new
        return total
    return x * math.log(x / mean) - difference


@kernel
def log_binomial(x: float, n: float, p: float, q: float) -> float:
    """Return the logarithm of the binomial probability of x of n by saddle-point expansion; q = 1 - p."""
    if x == 0:
        return -deviance(n, n * q) - n * p if p < 0.1 else n * math.log(q)
    if x == n:
        return -deviance(n, n * p) - n * q if q < 0.1 else n * math.log(p)
    error = stirling_error(n) - stirling_error(x) - stirling_error(n - x)
    exponent = error - deviance(x, n * p) - deviance(n - x, n * q)
    return exponent - 0.5 * (LOG_2PI + math.log(x) + math.log1p(-x / n))


@kernel
def log_probability(k: float, drawn: float, marked: float, n: float) -> float:
    """Return the logarithm of the hypergeometric probability of k marked ones among `drawn` of n."""
    if drawn == 0 or drawn == n or marked == 0 or marked == n:
        return 0.0
    p, q = drawn / n, (n - drawn) / n
    chosen = log_binomial(k, marked, p, q) + log_binomial(drawn - k, n - marked, p, q)
    return chosen - log_binomial(drawn, n, p, q)


@kernel
def upper_tail(k: int, drawn: int, marked: int, n: int) -> float:
    """Return the probability of k or more marked ones among `drawn` of n.

    Above the mean the terms from k up are summed, below it those under k, and taken from 1: neither loses digits.
    """
    low, high = max(0, drawn + marked - n), min(drawn, marked)
    if k <= low:
        return 1.0
    if k > high:
        return 0.0
    x, y, size, rest = float(drawn), float(marked), float(n), float(n - drawn - marked)
    total = term = 1.0
    if float(k) * size > x * y:
        for i in range(k, high):
            term *= (x - i) * (y - i) / ((i + 1.0) * (rest + i + 1.0))
            total += term
            if term < ENOUGH * total:
                break
        return min(1.0, math.exp(log_probability(float(k), x, y, size) + math.log(total)))
    for i in range(k - 1, low, -1):
        term *= i * (rest + i) / ((x - i + 1.0) * (y - i + 1.0))
        total += term
        if term < ENOUGH * total:
            break
    return max(0.0, 1.0 - math.exp(log_probability(k - 1.0, x, y, size) + math.log(total)))


@kernel
def tails(
    counts: Int64Array, drawn: Int64Array, marked: Int64Array, n: Int64Array, out: FloatArray, start: int, stop: int
) -> None:
    """Write the tail of each table from `start` to `stop`."""
    for i in range(start, stop):
        out[i] = upper_tail(counts[i], drawn[i], marked[i], n[i])
