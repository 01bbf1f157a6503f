"""One binomial proportion: for each method its limits, and the one-sided tests that they invert.

Every method is a pair. ``limits(x, n, tail)`` gives the lower and the upper limit, each of which may miss with
probability `tail`. ``tails(x, n, null)`` gives the p-values against "the proportion is at most `null`" and "at least
`null`". The lower limit lies above `null` exactly where the first p-value is below `tail`, and so on the other side.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..typing import AnyArray, FloatArray
from ._roots import bracketed_roots
from ._special import special

__all__ = [
    "PROPORTION_METHODS",
    "Pair",
    "ProportionMethod",
    "deviates_to_reach",
    "normal_tails",
    "ratio_or_sign",
    "wilson_limits",
]

Pair = tuple[FloatArray, FloatArray]

MOST_DEVIATES = 38.0
"""Standard deviations beyond which a p-value is 0 in double precision."""


class ProportionMethod(NamedTuple):
    """How one method makes limits and tests, and its name."""

    name: str
    limits: Callable[[FloatArray, FloatArray, float], Pair]
    tails: Callable[[FloatArray, FloatArray, FloatArray], Pair]


def normal_tails(z: FloatArray) -> Pair:
    """Return the p-values of a standard normal statistic against "greater" and "less"."""
    return special.ndtr(-z), special.ndtr(z)


def ratio_or_sign(distance: FloatArray, error: FloatArray) -> FloatArray:
    """Return distance / error; where there is no error, 0 or an infinity with the sign of the distance."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(error > 0, distance / error, np.where(distance == 0, 0.0, np.copysign(np.inf, distance)))


def wilson_limits(x: FloatArray, n: FloatArray, z: FloatArray | float) -> Pair:
    """Return the score limits at `z` standard errors, without cancellation near 0 and 1."""
    square = np.square(z)
    larger = x + square / 2 + np.abs(z) * np.sqrt(x * (n - x) / n + square / 4)
    lower = np.where(x == 0, 0.0, x**2 / n / np.maximum(larger, 0.5))  # the product of both roots over the larger
    return lower, np.where(x == n, 1.0, larger / (n + square))


def _wilson(x: FloatArray, n: FloatArray, tail: float) -> Pair:
    return wilson_limits(x, n, -special.ndtri(tail))


def _wilson_tails(x: FloatArray, n: FloatArray, null: FloatArray) -> Pair:
    return normal_tails(ratio_or_sign(x / n - null, np.sqrt(null * (1 - null) / n)))


def _clopper_pearson(x: FloatArray, n: FloatArray, tail: float) -> Pair:
    lower = special.betaincinv(np.maximum(x, 1), n - x + 1, tail)
    upper = special.betainccinv(x + 1, np.maximum(n - x, 1), tail)
    return np.where(x == 0, 0.0, lower), np.where(x == n, 1.0, upper)


def _clopper_pearson_tails(x: FloatArray, n: FloatArray, null: FloatArray) -> Pair:
    return _at_least(x, n, null), _at_most(x, n, null)


def _mid_p(x: FloatArray, n: FloatArray, tail: float) -> Pair:
    lower, upper = (_mid_p_limit(x, n, tail, side) for side in (0, 1))
    return np.where(x == 0, 0.0, lower), np.where(x == n, 1.0, upper)


def _mid_p_limit(x: FloatArray, n: FloatArray, tail: float, side: int) -> FloatArray:
    def excess(p: FloatArray, rows: AnyArray) -> FloatArray:
        return _mid_p_tails(x[rows], n[rows], p)[side] - tail

    ends = np.zeros(x.size), np.ones(x.size)
    signs = (-1.0, 1.0) if side == 0 else (1.0, -1.0)
    return bracketed_roots(excess, *ends, *(np.full(x.size, sign) for sign in signs), tolerance=1e-15)


def _mid_p_tails(x: FloatArray, n: FloatArray, null: FloatArray) -> Pair:
    more = np.where(x < n, _at_least(np.minimum(x + 1, n), n, null), 0.0)
    fewer = np.where(x > 0, _at_most(np.maximum(x - 1, 0), n, null), 0.0)
    return (_at_least(x, n, null) + more) / 2, (_at_most(x, n, null) + fewer) / 2


def _jeffreys(x: FloatArray, n: FloatArray, tail: float) -> Pair:
    a, b = x + 0.5, n - x + 0.5
    return np.where(x == 0, 0.0, special.betaincinv(a, b, tail)), np.where(x == n, 1.0, special.betainccinv(a, b, tail))


def _jeffreys_tails(x: FloatArray, n: FloatArray, null: FloatArray) -> Pair:
    a, b = x + 0.5, n - x + 0.5
    return np.where(x == 0, 1.0, special.betainc(a, b, null)), np.where(x == n, 1.0, special.betaincc(a, b, null))


def _agresti_coull(x: FloatArray, n: FloatArray, tail: float) -> Pair:
    lower, upper = _agresti_coull_at(x, n, -special.ndtri(tail))
    return np.maximum(lower, 0), np.minimum(upper, 1)


def _agresti_coull_at(x: FloatArray, n: FloatArray, z: FloatArray | float) -> Pair:
    centre = (x + np.square(z) / 2) / (n + np.square(z))
    spread = z * np.sqrt(centre * (1 - centre) / (n + np.square(z)))
    return centre - spread, centre + spread


def _agresti_coull_tails(x: FloatArray, n: FloatArray, null: FloatArray) -> Pair:
    above = x / n >= null

    def excess(z: FloatArray, rows: AnyArray) -> FloatArray:
        lower, upper = _agresti_coull_at(x[rows], n[rows], z)
        return np.where(above[rows], lower - null[rows], null[rows] - upper)

    return normal_tails(np.where(above, 1, -1) * deviates_to_reach(excess, x.size))


def deviates_to_reach(excess: Callable[[FloatArray, AnyArray], FloatArray], size: int) -> FloatArray:
    """Return at how many standard errors a limit, which starts at the estimate, reaches the null; inf if never.

    `excess` is what the limit still lacks, for deviates and rows; it falls from 0 or more.
    """
    rows = np.arange(size)
    start, end = excess(np.zeros(size), rows), excess(np.full(size, MOST_DEVIATES), rows)
    z = np.where(start <= 0, 0.0, np.inf)
    crossing = np.flatnonzero((start > 0) & (end < 0))
    if crossing.size:
        z[crossing] = bracketed_roots(
            lambda at, among: excess(at, crossing[among]),
            np.zeros(crossing.size),
            np.full(crossing.size, MOST_DEVIATES),
            start[crossing],
            end[crossing],
        )
    return z


def _wald(x: FloatArray, n: FloatArray, tail: float) -> Pair:
    p = x / n
    spread = -special.ndtri(tail) * np.sqrt(p * (1 - p) / n)
    return np.maximum(p - spread, 0), np.minimum(p + spread, 1)


def _wald_tails(x: FloatArray, n: FloatArray, null: FloatArray) -> Pair:
    p = x / n
    return normal_tails(ratio_or_sign(p - null, np.sqrt(p * (1 - p) / n)))


def _at_least(x: FloatArray, n: FloatArray, p: FloatArray) -> FloatArray:
    return np.where(x == 0, 1.0, special.betainc(np.maximum(x, 1), n - x + 1, p))


def _at_most(x: FloatArray, n: FloatArray, p: FloatArray) -> FloatArray:
    return np.where(x == n, 1.0, special.betaincc(x + 1, np.maximum(n - x, 1), p))


PROPORTION_METHODS = {
    "wilson": ProportionMethod("Wilson score", _wilson, _wilson_tails),
    "clopper_pearson": ProportionMethod("Clopper-Pearson exact", _clopper_pearson, _clopper_pearson_tails),
    "mid_p": ProportionMethod("mid-P exact", _mid_p, _mid_p_tails),
    "jeffreys": ProportionMethod("Jeffreys", _jeffreys, _jeffreys_tails),
    "agresti_coull": ProportionMethod("Agresti-Coull", _agresti_coull, _agresti_coull_tails),
    "wald": ProportionMethod("Wald", _wald, _wald_tails),
}
