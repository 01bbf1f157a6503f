"""Laws of independent beta variables, by Gauss-Legendre quadrature over panels that fit every arm.

All integrals are taken over t = logit(p). There the density of Beta(a, b) is ``p^a (1 - p)^b / B(a, b)``, smooth for
every a, b > 0, also where the density in p is infinite. The panels end at quantiles of all arms, so that however
unequal the arms are, each of the functions is resolved on its own scale.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..typing import FloatArray
from ._special import special

__all__ = ["Betas", "Contrast", "best_and_loss"]

BELOW = np.array([-8.5, -7.0, -5.75, -4.75, -3.75, -2.75, -1.75, -0.8])
DEVIATES = np.concatenate([BELOW, [0.0], -BELOW[::-1]])
"""Panels end at the quantiles of these normal deviates."""

NODES, WEIGHTS = np.polynomial.legendre.leggauss(10)

GRID = np.arange(-40.0, 40.5, 2.0)
"""Further ends of panels, in logits, for integrals over the way from one arm to another."""

FAR = 690.0
"""Logits beyond which doubles have no proportions."""


class Betas(NamedTuple):
    """Parameters of beta laws, arrays of one shape."""

    a: FloatArray
    b: FloatArray

    @property
    def mean(self) -> FloatArray:
        """The means."""
        return self.a / (self.a + self.b)

    def quantile_logits(self) -> FloatArray:
        """Return the logits of the quantiles at `DEVIATES`, on a new last axis."""
        tails = special.ndtr(-np.abs(DEVIATES))
        a, b = self.a[..., None], self.b[..., None]
        near_0 = np.maximum(special.betaincinv(a, b, tails), np.exp(-FAR))
        near_1 = np.maximum(special.betaincinv(b, a, tails), np.exp(-FAR))
        low: FloatArray = np.log(near_0) - np.log1p(-np.minimum(near_0, 1 - 1e-16))
        high = np.log1p(-np.minimum(near_1, 1 - 1e-16)) - np.log(near_1)
        return np.where(DEVIATES <= 0, low, high)

    def tails(self, t: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the chances of a logit of at most t, and of one above, both to full relative precision."""
        left = t <= 0
        one, other, p = np.where(left, self.a, self.b), np.where(left, self.b, self.a), special.expit(-np.abs(t))
        near: FloatArray = special.betainc(one, other, p)
        far: FloatArray = special.betaincc(one, other, p)
        return np.where(left, near, far), np.where(left, far, near)

    def density(self, t: FloatArray) -> FloatArray:
        """Return the density of the logit at t, but for a factor: 1 at its mode, where p is the mean."""
        lift = _log_ratio(-np.logaddexp(0, -t), special.expit(t), self.mean)
        drop = _log_ratio(-np.logaddexp(0, t), special.expit(-t), self.b / (self.a + self.b))
        return np.exp(self.a * lift + self.b * drop)


def _log_ratio(log_p: FloatArray, p: FloatArray, mean: FloatArray) -> FloatArray:
    """Return log(p / mean) less p / mean - 1: weighted by a and b the latter cancel, so here they never arise."""
    change = (p - mean) / mean
    return np.where(np.abs(change) < 0.5, np.log1p(np.maximum(change, -0.9)), log_p - np.log(mean)) - change


def best_and_loss(arms: Betas) -> tuple[FloatArray, FloatArray]:
    """Return for each arm the chance to be the best and the expected loss, both of shape (rows, arms).

    P(i best) is the integral of ``f_i prod_(j != i) F_j``; the loss E(max_j p_j - p_i) that of
    ``F_i (1 - prod_(j != i) F_j)``, whose terms are all positive, so that small losses keep their digits.
    """
    quantiles = arms.quantile_logits()
    ends = quantiles.reshape(quantiles.shape[0], -1)
    grid = np.broadcast_to(GRID, (ends.shape[0], GRID.size))
    t, width = _nodes(np.concatenate([ends, grid], axis=1))
    each = Betas(arms.a[:, :, None], arms.b[:, :, None])
    below, above = each.tails(t[:, None, :])
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.maximum(np.where(above < 0.5, np.log1p(-above), np.log(below)), -1e300)
        others = np.minimum(logs.sum(axis=1, keepdims=True) - logs, 0.0)
    density = each.density(t[:, None, :]) * width[:, None, :]
    best = (density * np.exp(others)).sum(axis=2) / density.sum(axis=2)
    slope = (width * special.expit(t) * special.expit(-t))[:, None, :]
    loss = (slope * below * -np.expm1(others)).sum(axis=2)
    return best / best.sum(axis=1, keepdims=True), loss


class Contrast:
    """The law of ``p_1 - p_0``, or of ``p_1 / p_0 - 1`` if `relative`, for arrays of independent pairs."""

    def __init__(self, one: Betas, base: Betas, *, relative: bool) -> None:
        self.one, self.base, self.relative = one, base, relative
        self._quantiles = special.expit(one.quantile_logits())
        self._ends = base.quantile_logits()

    def cdf(self, effect: FloatArray, rows: Any = ...) -> FloatArray:
        """Return the chance of at most `effect`, for the pairs numbered `rows`.

        It is the mean over p_0 of the chance that p_1 is at most ``p_0 + effect``, or ``p_0 (1 + effect)``.
        """
        one, base = (Betas(law.a[rows, None], law.b[rows, None]) for law in (self.one, self.base))
        own, effect = self._ends[rows], effect[:, None]
        edges = np.broadcast_to([0.0, 1.0], (effect.size, 2))
        places = np.concatenate([self._quantiles[rows], edges], axis=1)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            matched = places / (1 + effect) if self.relative else places - effect
        ends = np.clip(_logit(matched), own[:, :1], own[:, -1:])
        t, width = _nodes(np.concatenate([own, ends], axis=1))
        weight = base.density(t) * width
        with np.errstate(over="ignore"):
            limit = special.expit(t) * (1 + effect) if self.relative else special.expit(t) + effect
        below = special.betainc(one.a, one.b, np.clip(limit, 0, 1))
        return (weight * below).sum(axis=1) / weight.sum(axis=1)


def _logit(p: FloatArray) -> FloatArray:
    """Return log(p / (1 - p)), a large number where p leaves (0, 1)."""
    inside = np.clip(np.nan_to_num(p, nan=1.0), 1e-300, 1 - 1e-16)
    return np.where(p >= 1, FAR, np.log(inside) - np.log1p(-inside))


def _nodes(ends: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return nodes and weights of all panels between the ends of each row."""
    ends = np.sort(ends, axis=1)
    half = np.diff(ends, axis=1)[:, :, None] / 2
    middle = (ends[:, 1:] + ends[:, :-1])[:, :, None] / 2
    t = middle + half * NODES
    return t.reshape(ends.shape[0], -1), (half * WEIGHTS).reshape(ends.shape[0], -1)
