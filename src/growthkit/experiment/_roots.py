"""Roots of many functions of one variable at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..typing import AnyArray, BoolArray, FloatArray

__all__ = ["bracketed_roots"]

MOST_STEPS = 200
"""Chandrupatla's method bisects at worst every other step; 200 is never reached."""


def bracketed_roots(
    function: Callable[[FloatArray, AnyArray], FloatArray],
    low: FloatArray,
    high: FloatArray,
    f_low: FloatArray,
    f_high: FloatArray,
    *,
    tolerance: float = 1e-13,
) -> FloatArray:
    """Return one root within each bracket, by Chandrupatla's method.

    The method is that of [1]_.

    Parameters
    ----------
    function
        ``function(x, rows)``: the values at `x` of the functions numbered `rows`.
    low, high, f_low, f_high
        The ends of the brackets, one-dimensional, and the values there, which differ in sign.
    tolerance
        Half the width, absolute, at which a bracket is narrow enough.

    Notes
    -----
    About eight evaluations for smooth functions; rows that are done are not evaluated again.

    References
    ----------
    .. [1] Chandrupatla, T. R. (1997). A new hybrid quadratic/bisection algorithm for finding the zero of a nonlinear
       function without using derivatives. Advances in Engineering Software 28(3), 145-149.
    """
    found: FloatArray = np.array(low, dtype=np.float64)
    rows: AnyArray = np.arange(found.size)
    state: FloatArray = np.array([high, low, high, f_high, f_low, f_high], dtype=np.float64)
    t: FloatArray = np.full(found.size, 0.5)
    for _ in range(MOST_STEPS):
        a: FloatArray = state[0]
        b: FloatArray = state[1]
        fa: FloatArray = state[3]
        fb: FloatArray = state[4]
        x = a + t * (b - a)
        f = function(x, rows)
        same: BoolArray = np.sign(f) == np.sign(fa)
        # The new point replaces the end on its side, whose old point is kept for the interpolation.
        end: FloatArray = np.where(same, b, a)
        f_end: FloatArray = np.where(same, fb, fa)
        gone = [np.where(same, a, b), np.where(same, fa, fb)]
        nearer = np.abs(f) < np.abs(f_end)
        best = np.where(nearer, x, end)
        found[rows] = best
        least = 0.5 * (tolerance + 4e-16 * np.abs(best)) / np.maximum(np.abs(end - x), 1e-300)
        going = (least < 0.5) & (np.where(nearer, f, f_end) != 0)
        if not going.any():
            break
        rows, least = rows[going], least[going]
        state = np.array([x, end, gone[0], f, f_end, gone[1]])[:, going]
        t = np.clip(_next_step(state), least, 1 - least)
    return found


def _next_step(state: FloatArray) -> FloatArray:
    """Interpolate by the inverse quadratic where it is safe, else bisect."""
    a, b, c, fa, fb, fc = state
    with np.errstate(all="ignore"):
        xi, phi = (a - b) / (c - b), (fa - fb) / (fc - fb)
        quadratic = fa / (fb - fa) * fc / (fb - fc) + (c - a) / (b - a) * fa / (fc - fa) * fb / (fc - fb)
        safe = (phi**2 < xi) & ((1 - phi) ** 2 < 1 - xi) & np.isfinite(quadratic)
    return np.where(safe, quadratic, 0.5)
