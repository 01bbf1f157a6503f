"""`normal_effect`: estimated effects under a normal prior; `normal_prior`: that prior, from past experiments.

`beta_binomial`, for conversion rates, is to be found here too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, cast

import numpy as np

from .._core.params import Params
from .._core.results import Notice, Result
from ..exceptions import DataError
from ..typing import AnyArray, FloatArray
from ._inputs import Columns
from ._regions import read_region
from ._roots import bracketed_roots
from ._special import special
from .beta_binomial import BetaBinomialResult, beta_binomial

__all__ = ["BetaBinomialResult", "NormalEffectResult", "beta_binomial", "normal_effect", "normal_prior"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class NormalEffectResult(Result):
    """Posterior of effects: arrays, one entry an effect.

    Parameters
    ----------
    effect, standard_error
        What was estimated.
    mean, sd
        Of the posterior.
    lower, upper
        The interval, equal-tailed and of highest density at once.
    probability_positive
        The chance that the effect is above 0.
    loss_if_shipped
        E(max(-effect, 0)): what shipping costs in expectation where the effect is negative.
    loss_if_kept
        E(max(effect, 0)): what not shipping forgoes.
    rope_probability
        The chance that the effect lies in the region of practical equivalence; None without one.
    shrinkage
        The weight of the prior mean in the posterior mean, from 0 (flat prior) to 1.
    prior
        Mean and standard deviation of the prior; None for a flat one.
    confidence
        The probability that an interval holds.
    method
        "normal prior" or "flat prior".
    notices
        What a reader must know.
    """

    _picture: ClassVar[str] = "bayes:draw_normal_effect"

    effect: FloatArray
    standard_error: FloatArray
    mean: FloatArray
    sd: FloatArray
    lower: FloatArray
    upper: FloatArray
    probability_positive: FloatArray
    loss_if_shipped: FloatArray
    loss_if_kept: FloatArray
    rope_probability: FloatArray | None
    shrinkage: FloatArray
    prior: tuple[float, float] | None
    confidence: float
    method: str
    notices: tuple[Notice, ...]

    @property
    def warnings(self) -> tuple[Notice, ...]:
        """What a reader must know, as codes and sentences."""
        return self.notices

    def columns(self) -> dict[str, AnyArray]:
        """Return the table as arrays by column name: one row an effect."""
        table: dict[str, AnyArray] = {name: getattr(self, name) for name in EFFECT_MEASURES}
        return table if self.rope_probability is None else {**table, "rope_probability": self.rope_probability}

    def facts(self) -> dict[str, Any]:
        """Return the one row, or how many there are."""
        facts: dict[str, Any] = {"confidence": self.confidence, "method": self.method}
        columns = self.columns()
        if self.mean.size > 1:
            return {"effects": self.mean.size, **facts}
        return {**{name: column[0] for name, column in columns.items()}, **facts}


EFFECT_MEASURES = (
    "effect",
    "standard_error",
    "mean",
    "sd",
    "lower",
    "upper",
    "probability_positive",
    "loss_if_shipped",
    "loss_if_kept",
    "shrinkage",
)


def normal_effect(
    effect: Any,
    standard_error: Any,
    *,
    prior: tuple[float, float] | None,
    rope: tuple[float, float] | None = None,
    confidence: float = 0.95,
) -> NormalEffectResult:
    """Combine estimated effects with a normal prior.

    Parameters
    ----------
    effect
        The estimate, a number or an array of m; on any scale (absolute or relative), the prior on the same.
    standard_error
        Its standard error, taken as known: above 0.
    prior
        Mean and standard deviation of true effects before the experiment, such as `normal_prior` finds in past ones;
        None for a flat prior, which says that an effect of a million is as likely as one of .01, and with which the
        chance of a positive effect is 1 minus the one-sided p-value. There is no default: the choice matters.
    rope
        Region of practical equivalence (low, high); None for none.
    confidence
        The posterior probability of the interval, in (0, 1).

    Returns
    -------
    NormalEffectResult
        Arrays of m.

    Raises
    ------
    ParameterError
        For a prior, region or level out of range.
    DataError
        For NaN, infinite values, or standard errors that are not above 0.

    Notes
    -----
    O(m). With estimate d, standard error s and prior N(m0, t^2) the posterior is normal, with precision
    ``1 / s^2 + 1 / t^2`` and mean ``d + w (m0 - d)``, ``w = s^2 / (s^2 + t^2)`` [1]_. The losses are
    ``E(max(-D, 0)) = sd (phi(z) - z Phi(-z))`` with ``z = mean / sd``, and for `loss_if_kept` the same with -z. The
    difference of the two is the posterior mean. For t-like estimates from small samples the known standard error
    overstates what is known.

    References
    ----------
    .. [1] Gelman, A. et al. (2013). Bayesian Data Analysis, 3rd edition, section 2.5. Chapman and Hall/CRC.

    Examples
    --------
    >>> from growthkit.experiment.bayes import normal_effect
    >>> found = normal_effect(0.04, 0.02, prior=(0.0, 0.02), rope=(-0.01, 0.01))
    >>> found.mean.round(4).tolist(), found.probability_positive.round(4).tolist()
    ([0.02], [0.9214])
    >>> found.rope_probability.round(4).tolist(), found.loss_if_shipped.round(5).tolist()
    ([0.2228], [0.0005])
    """
    params = Params("normal_effect")
    confidence = params.number("confidence", confidence, above=0, below=1)
    region = read_region(params, rope)
    columns = Columns(params.function, effect=effect, standard_error=standard_error)
    d, s = columns["effect"], columns["standard_error"]
    columns.refuse("standard_error", s <= 0, "values that are not above 0", "leave out effects without an error")
    known = None if prior is None else _normal_pair(params, prior)
    mean, sd, weight = (d, s, np.zeros(d.size)) if known is None else _posterior(d, s, *known)
    half = sd * special.ndtri((1 + confidence) / 2)
    within = None if region is None else _normal_between(mean, sd, *region)
    losses = sd * _unit_loss(mean / sd), sd * _unit_loss(-mean / sd)
    notices = () if known is None else _surprises(d, s, *known)
    method = "flat prior" if known is None else "normal prior"
    limits = (mean - half, mean + half, special.ndtr(mean / sd), *losses)
    return NormalEffectResult("pandas", d, s, mean, sd, *limits, within, weight, known, confidence, method, notices)


def normal_prior(effects: Any, standard_errors: Any) -> tuple[float, float]:
    """Return mean and standard deviation of the *true* effects of past experiments, for `normal_effect`.

    The spread of the estimates is no prior: it holds their errors too. This takes them out, by Paule and Mandel's
    method [1]_.

    Parameters
    ----------
    effects
        Estimates of k >= 3 experiments, all of them, not only those that were shipped.
    standard_errors
        Their standard errors, above 0.

    Returns
    -------
    tuple of float
        Mean and standard deviation, on the scale of the effects.

    Raises
    ------
    DataError
        For fewer than three effects, NaN, errors that are not above 0, or estimates that differ no more than their
        errors explain, so that the true effects' spread cannot be told from 0.

    Notes
    -----
    The variance t^2 solves ``sum w_i (y_i - m)^2 = k - 1`` with ``w_i = 1 / (s_i^2 + t^2)`` and m the mean weighted by
    w. O(k) for each of about ten steps.

    References
    ----------
    .. [1] Paule, R. C. and J. Mandel (1982). Consensus values and weighting factors. Journal of Research of the
       National Bureau of Standards 87(5), 377-385.

    Examples
    --------
    >>> from growthkit.experiment.bayes import normal_prior
    >>> mean, sd = normal_prior([0.03, -0.02, 0.05, 0.00, 0.01, -0.03], [0.01, 0.01, 0.02, 0.01, 0.015, 0.01])
    >>> round(mean, 4), round(sd, 4)
    (0.0045, 0.0264)
    """
    columns = Columns("normal_prior", effects=effects, standard_errors=standard_errors)
    y, s = columns["effects"], columns["standard_errors"]
    columns.refuse("standard_errors", s <= 0, "values that are not above 0", "leave out effects without an error")
    if y.size < 3:
        raise DataError(f"normal_prior: {y.size} effects cannot tell a spread; give at least three.")

    def excess(root: FloatArray, _: Any) -> FloatArray:
        weight = 1 / (s**2 + root[:, None] ** 2)
        centre = (weight * y).sum(axis=1, keepdims=True) / weight.sum(axis=1, keepdims=True)
        return (weight * (y - centre) ** 2).sum(axis=1) - (y.size - 1)

    low, high = np.zeros(1), np.array([2 * float(np.ptp(y)) + 1e-300])
    start = excess(low, None)
    if start[0] <= 0:
        raise DataError(
            "normal_prior: the effects differ no more than their standard errors explain, so the spread of the true "
            "effects cannot be told from 0; give more experiments, or name a prior yourself."
        )
    sd = float(bracketed_roots(excess, low, high, start, excess(high, None), tolerance=1e-12 * float(high[0]))[0])
    weight = 1 / (s**2 + sd**2)
    return float((weight * y).sum() / weight.sum()), sd


def _normal_pair(params: Params, prior: Any) -> tuple[float, float]:
    if not isinstance(prior, (tuple, list)) or len(cast("Any", prior)) != 2:
        params.refuse("prior", "a pair (mean, standard deviation), or None for a flat prior", prior)
    mean, sd = cast("tuple[Any, Any]", prior)
    return float(params.number("prior mean", mean)), float(params.number("prior standard deviation", sd, above=0))


def _posterior(d: FloatArray, s: FloatArray, mean: float, sd: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return mean and standard deviation, and the weight of the prior."""
    total = np.sqrt(s**2 + sd**2)
    weight = (s / total) ** 2
    return d + weight * (mean - d), s * (sd / total), weight


def _unit_loss(z: FloatArray) -> FloatArray:
    """Return E(max(-Z - z, 0)) for a standard normal Z: phi(z) - z Phi(-z); in the far tail by its series."""
    phi: FloatArray = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    r = 1 / np.maximum(z, 25.0) ** 2
    tail = phi * r * (1 - 3 * r + 15 * r**2 - 105 * r**3 + 945 * r**4)
    near: FloatArray = phi - z * np.asarray(special.ndtr(-z), dtype=np.float64)
    return np.where(z > 25, tail, near)


def _normal_between(mean: FloatArray, sd: FloatArray, low: float, high: float) -> FloatArray:
    """Return the chance of (low, high), from the tail in which it lies."""
    below, above = (low - mean) / sd, (high - mean) / sd
    left: FloatArray = special.ndtr(above) - special.ndtr(below)
    right: FloatArray = special.ndtr(-below) - special.ndtr(-above)
    return np.where(below > 0, right, left)


def _surprises(d: FloatArray, s: FloatArray, mean: float, sd: float) -> tuple[Notice, ...]:
    far = np.abs(d - mean) > 4 * np.hypot(s, sd)
    if not far.any():
        return ()
    text = f"{int(far.sum())} effects (first at row {int(far.argmax())}) lie more than 4 standard deviations from "
    return (
        Notice("prior_conflict", text + "what the prior and the error expect: doubt the prior, or the experiment."),
    )
