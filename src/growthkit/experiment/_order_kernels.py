"""Kernels of order statistics: those around a quantile, their laws, and the laws of differences of two of them."""

from __future__ import annotations

import math

import numpy as np

from .._core.jit import kernel
from ..typing import FloatArray, Int64Array

MOST_LOOKS = 200
"""At the law of a difference, in search of one point; about ten are enough."""

CLOSE = 1e-9
"""Width of the bracket, as a share of the widest, at which the end of an interval is found."""


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
    total = upto[upto.size - 1]
    for k in range(upto.size):
        upto[k] /= total


@kernel
def all_binomial_sums(n: Int64Array, q: float, low: Int64Array, upto: FloatArray, ends: Int64Array) -> None:
    """Set the sums of each group, which lie one after the other in `upto`, as `binomial_sums` does."""
    start = 0
    for group in range(n.size):
        binomial_sums(n[group], q, low[group], upto[start : ends[group]])
        start = ends[group]


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
def share_upto(
    values: FloatArray, masses: FloatArray, others: FloatArray, heads: FloatArray, at: float
) -> tuple[float, float]:
    """Return P(D <= at) and the smallest D above `at`, for D = V - W with V and W independent.

    V takes ``values[i]`` (rising) with probability ``masses[i]``; ``heads[j]`` is the probability that W is one of the
    first j of `others` (rising).
    """
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
def finite_range(values: FloatArray) -> tuple[int, int]:
    """Return the places of the first and the last finite one of rising values; the first lies behind if none is."""
    first, last = 0, values.size - 1
    while first < values.size and not math.isfinite(values[first]):
        first += 1
    while last >= 0 and not math.isfinite(values[last]):
        last -= 1
    return first, last


@kernel
def lower_end(
    values: FloatArray,
    masses: FloatArray,
    others: FloatArray,
    heads: FloatArray,
    null: float,
    share: float,
    z: float,
    close: float,
) -> tuple[float, float]:
    """Return the smallest difference d with P(D <= d) > `share`, and P(D <= null).

    `null` is looked at first and bounds the search, so that the end lies above it exactly where P(D <= null) is at most
    `share`. The end may lie `close` too low, as a share of the range of differences.
    """
    at_null, next_to_null = share_upto(values, masses, others, heads, null)
    first, last = finite_range(values)
    least, most = finite_range(others)
    if first > last or least > most:
        return -np.inf, at_null
    above, high = values[first] - others[most], values[last] - others[least]
    scale = max(high - above, 1e-300)
    low = above - max(close, 1e-12) * scale
    at_low = 1.0 - (1.0 - masses[:first].sum()) * heads[most + 1] / heads[others.size]
    if at_low > share:
        return -np.inf, at_null
    if at_null <= share and low < null:
        low, at_low, above = null, at_null, next_to_null
    if at_null > share:
        high = min(high, null)
    return narrow(values, masses, others, heads, share, z, (low, at_low, above, high, close * scale)), at_null


@kernel
def heads_of(masses: FloatArray) -> FloatArray:
    """Return the probabilities of the first 0, 1, ... values."""
    heads = np.zeros(masses.size + 1)
    for k in range(masses.size):
        heads[k + 1] = heads[k] + masses[k]
    return heads / heads[masses.size]


@kernel
def difference_interval(
    under: FloatArray,
    over: FloatArray,
    masses: FloatArray,
    other_under: FloatArray,
    other_over: FloatArray,
    other_masses: FloatArray,
    null: float,
    share: float,
    z: float,
    close: float,
) -> tuple[float, float, float, float]:
    """Return both ends of the interval of a difference, and P(D <= null) and P(D >= null).

    Each of the two has a law just under it and one just over it: the lower end takes V from under and W from over, the
    upper one, which is the lower one of -D, the other way round.
    """
    heads, backwards = heads_of(other_masses), heads_of(other_masses[::-1].copy())
    lower, at_most = lower_end(under, masses, other_over, heads, null, share, z, close)
    mirrored, other_mirrored = -over[::-1].copy(), -other_under[::-1].copy()
    upper, at_least = lower_end(mirrored, masses[::-1].copy(), other_mirrored, backwards, -null, share, z, close)
    return lower, -upper, at_most, at_least


@kernel
def law_of(window: FloatArray, upto: FloatArray, low: int, high: int, most: int) -> FloatArray:
    """Return the values just under, those just over and the masses of the law of a quantile, in three rows.

    `window` holds the sorted values of rank low - 1 to high + 1, as far as there are such; `upto` is P(J <= low), ...,
    P(J <= high) for the number J of values below the quantile; `most` is the largest number of groups of ranks.
    """
    places = np.empty(high - low + 2)
    first = 1 if low == 0 else 0
    places[0], places[-1] = -np.inf, np.inf
    places[first : first + window.size] = window
    law = np.empty((3, min(most, high - low) + 1))
    group_law(places, upto, law[0], law[1], law[2])
    return law


@kernel
def logarithm_of(law: FloatArray) -> FloatArray:
    """Return the law of the logarithm; an empty one where a value is not positive."""
    first, last = finite_range(law[0])
    if first > last or law[0, first] <= 0.0:
        return np.empty((3, 0))
    logs = law.copy()
    for side in range(2):
        for k in range(law.shape[1]):
            logs[side, k] = -np.inf if law[side, k] == -np.inf else math.log(law[side, k])
    return logs


@kernel
def contrast_quantiles(
    samples: FloatArray,
    sample_ends: Int64Array,
    uptos: FloatArray,
    upto_ends: Int64Array,
    ranks: Int64Array,
    most: int,
    share: float,
    z: float,
    groups: tuple[int, int],
    ends: FloatArray,
) -> None:
    """Compare the quantiles of a segment's arms with that of its first one, the groups from one to before another.

    ``ranks[g]`` holds the rows of a group, low and high of `law_of`, both 0 where nothing is known; samples and sums of
    all groups lie one after the other. ``ends[a]`` becomes `difference_interval` of arm a, and the ends of that of the
    logarithms, as far as they are known.
    """
    first, stop = groups
    control, control_log = np.empty((3, 0)), np.empty((3, 0))
    for g in range(first, stop):
        n, low, high = ranks[g, 0], ranks[g, 1], ranks[g, 2]
        if low == high or (g > first and control.shape[1] == 0):
            continue
        window = samples[sample_ends[g] - min(n, high + 1) + max(0, low - 1) : sample_ends[g]]
        law = law_of(window, uptos[upto_ends[g] - (high - low + 1) : upto_ends[g]], low, high, most)
        logs = logarithm_of(law)
        if g == first:
            control, control_log = law, logs
            continue
        a = g - first - 1
        lower, upper, at_most, at_least = difference_interval(
            law[0], law[1], law[2], control[0], control[1], control[2], 0.0, share, z, CLOSE
        )
        ends[a, 0], ends[a, 1], ends[a, 2], ends[a, 3] = lower, upper, at_most, at_least
        if logs.shape[1] and control_log.shape[1]:
            lower, upper, _, _ = difference_interval(
                logs[0], logs[1], logs[2], control_log[0], control_log[1], control_log[2], 0.0, share, z, CLOSE
            )
            ends[a, 4], ends[a, 5] = lower, upper
