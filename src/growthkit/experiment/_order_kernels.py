"""Kernels of order statistics: those around a quantile, their laws, and the laws of differences of two of them."""

from __future__ import annotations

import math

import numpy as np

from .._core.jit import kernel
from ..typing import FloatArray, Int32Array, Int64Array

MOST_LOOKS = 200
"""At the law of a difference, in search of one point; about ten are enough."""

CLOSE = 1e-9
"""Width of the bracket, as a share of the widest, at which the end of an interval is found."""


@kernel
def count_between(
    values: FloatArray,
    cells: Int32Array,
    tables: Int32Array,
    lows: FloatArray,
    highs: FloatArray,
    counts: Int64Array,
    start: int,
    stop: int,
) -> None:
    """Count each group's values below its low, equal to it, between, equal to its high and above, in five columns.

    ``tables[t, c]`` is the group of the rows of cell c in grouping t. Where low and high are equal, the values equal to
    both count as between; where they are NaN, all values count as below.
    """
    for i in range(start, stop):
        value, cell = values[i], cells[i]
        for t in range(tables.shape[0]):
            group = tables[t, cell]
            low, high = lows[group], highs[group]
            place = np.int64(value >= low) + np.int64(value > low) + np.int64(value >= high) + np.int64(value > high)
            counts[group * 5 + place] += 1


@kernel
def collect_between(
    values: FloatArray,
    cells: Int32Array,
    tables: Int32Array,
    lows: FloatArray,
    highs: FloatArray,
    slots: Int64Array,
    out: FloatArray,
    start: int,
    stop: int,
) -> None:
    """Write the values strictly between low and high of each group to its next free slots; `slots` is consumed.

    A low of minus infinity and a high of infinity leave nothing out.
    """
    for i in range(start, stop):
        value, cell = values[i], cells[i]
        for t in range(tables.shape[0]):
            group = tables[t, cell]
            if lows[group] < value < highs[group]:
                out[slots[group]] = value
                slots[group] += 1


@kernel
def binomial_sums(n: int, q: float, low: int, upto: FloatArray) -> None:
    """Set ``upto[k]`` to P(J <= low + k), J binomial and known to lie in the range; the last is 1.

    From one probability to the next by their ratio, from the most likely one outwards.
    """
    odds = q / (1.0 - q)
    most = min(max(np.int64(math.floor((n + 1) * q)) - low, 0), upto.size - 1)
    upto[most] = 1.0
    for k in range(most, 0, -1):
        upto[k - 1] = upto[k] * (low + k) / ((n - low - k + 1) * odds)
    for k in range(most, upto.size - 1):
        upto[k + 1] = upto[k] * (n - low - k) * odds / (low + k + 1)
    for k in range(1, upto.size):
        upto[k] += upto[k - 1]
    for k in range(upto.size):
        upto[k] /= upto[upto.size - 1]


@kernel
def group_law(places: FloatArray, upto: FloatArray, under: FloatArray, over: FloatArray, masses: FloatArray) -> None:
    """Gather the ranks 0, 1, ... into as many runs of nearly equal length as `masses` has, two or more.

    With k successes the quantile lies between ``places[k]`` and ``places[k + 1]``; a run counts at its outer ends.
    """
    last = upto.size - 1
    first, before = 0, 0.0
    for g in range(masses.size):
        edge = last * g // (masses.size - 1)
        under[g], over[g] = places[first], places[edge + 1]
        masses[g] = upto[edge] - before
        first, before = edge + 1, upto[edge]


@kernel
def difference_law(
    values: FloatArray, masses: FloatArray, others: FloatArray, heads: FloatArray, at: float
) -> tuple[float, float, float]:
    """Return P(D < at), P(D <= at) and the smallest D above `at`, for D = V - W with V and W independent.

    V takes ``values[i]`` (rising) with probability ``masses[i]``; ``heads[j]`` is the probability that W is one of the
    first j of `others` (rising).
    """
    m = others.size
    under = upto = 0.0
    above = np.inf
    first_upto = first_under = 0
    for i in range(values.size):
        while first_upto < m and values[i] - others[first_upto] > at:
            first_upto += 1
        while first_under < m and values[i] - others[first_under] >= at:
            first_under += 1
        upto += masses[i] * (heads[m] - heads[first_upto])
        under += masses[i] * (heads[m] - heads[first_under])
        if first_upto > 0:
            above = min(above, values[i] - others[first_upto - 1])
    return under, upto, above


@kernel
def share_upto(
    values: FloatArray, masses: FloatArray, others: FloatArray, heads: FloatArray, at: float
) -> tuple[float, float]:
    """Return P(D <= at) and the smallest D above `at`, as `difference_law` does."""
    m = others.size
    upto = 0.0
    above = np.inf
    first = 0
    for i in range(values.size):
        while first < m and values[i] - others[first] > at:
            first += 1
        upto += masses[i] * (heads[m] - heads[first])
        if first > 0:
            above = min(above, values[i] - others[first - 1])
    return upto, above


@kernel
def centre_and_spread(values: FloatArray, masses: FloatArray) -> tuple[float, float]:
    """Return mean and variance of the finite values."""
    total = first = second = 0.0
    reference = values[values.size // 2]
    for i in range(values.size):
        if math.isfinite(values[i]) and math.isfinite(reference):
            delta = values[i] - reference
            total += masses[i]
            first += masses[i] * delta
            second += masses[i] * delta * delta
    if total == 0.0:
        return 0.0, 0.0
    return reference + first / total, max(second / total - (first / total) ** 2, 0.0)


@kernel
def log_odds(share: float) -> float:
    """Return the logarithm of the odds, of shares from 1e-15 to 1 - 1e-15."""
    share = min(max(share, 1e-15), 1.0 - 1e-15)
    return math.log(share / (1.0 - share))


@kernel
def narrow(
    values: FloatArray,
    masses: FloatArray,
    others: FloatArray,
    heads: FloatArray,
    share: float,
    z: float,
    bracket: tuple[float, float, float, float, float],
) -> float:
    """Return the smallest difference d with P(D <= d) > `share`, which lies in a bracket.

    `bracket` is (low, P(D <= low), the smallest difference above low, high, width that is close enough). The first look
    is where the end would be if D were normal, `z` being the normal quantile; the next go by the log-odds, which are
    nearly straight (rule of Illinois), and by halves where that is slow.
    """
    low, at_low, above, high, close = bracket
    centre, variance = centre_and_spread(values, masses)
    other, added = centre_and_spread(others, heads[1:] - heads[:-1])
    spread = math.sqrt(variance + added)
    slope = math.exp(-0.5 * z * z) / (math.sqrt(2.0 * math.pi) * share * (1.0 - share))  # of log-odds, per spread
    goal = log_odds(share)
    left, right = log_odds(at_low) - goal, 1.0
    middle = centre - other - z * spread
    side, width = 0, high - low
    for step in range(MOST_LOOKS):
        if above >= high or high - low <= close:
            break
        if not low < middle < high:
            middle = low + 0.5 * (high - low)
        middle = max(middle, above)
        at, after = share_upto(values, masses, others, heads, middle)
        gap = log_odds(at) - goal
        if at > share:
            left = 0.5 * left if side == 1 else left
            high, right, side = middle, gap, 1
        else:
            right = 0.5 * right if side == -1 else right
            low, left, above, side = middle, gap, after, -1
        if step == 0:
            middle -= 1.2 * gap / slope * spread + math.copysign(1e-3 * spread, gap)
        elif step % 4 == 3 and high - low > 0.25 * width:
            middle = low + 0.5 * (high - low)
        else:
            middle = low - left * (high - low) / max(right - left, 1e-300)
        if step % 4 == 3:
            width = high - low
    return above


@kernel
def lower_end(
    values: FloatArray, masses: FloatArray, others: FloatArray, heads: FloatArray, share: float, z: float
) -> tuple[float, float]:
    """Return the smallest difference d with P(D <= d) > `share`, and P(D <= 0).

    The value at 0 is looked at first and bounds the search, so that the end lies above 0 exactly where P(D <= 0) is at
    most `share`.
    """
    at_zero, next_to_zero = share_upto(values, masses, others, heads, 0.0)
    finite, known = values[np.isfinite(values)], others[np.isfinite(others)]
    if finite.size == 0 or known.size == 0:
        return -np.inf, at_zero
    low, high = finite[0] - known[-1], finite[-1] - known[0]
    scale = max(high - low, 1e-300)
    low -= CLOSE * scale
    at_low, above = share_upto(values, masses, others, heads, low)
    if at_low > share:
        return -np.inf, at_zero
    if at_zero <= share and low < 0.0:
        low, at_low, above = 0.0, at_zero, next_to_zero
    if at_zero > share:
        high = min(high, 0.0)
    return narrow(values, masses, others, heads, share, z, (low, at_low, above, high, CLOSE * scale)), at_zero
