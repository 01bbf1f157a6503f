"""Intervals and p-values that hold at every look: `ConfidenceSequence`, tuned by sample size; `msprt`, by effect."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .._core.params import Params
from .._core.results import Notice
from ..exceptions import DataError
from ..typing import FloatArray
from ._mixture import critical_values, log_evidence, tuned_ratio
from ._sequences import Arms, ArmSummary, Rule, SequenceResult, analyse, read_arms

__all__ = ["ConfidenceSequence", "SequenceResult", "msprt"]

ALTERNATIVES = ("two-sided", "greater", "less")
START = 20
"""Units in each arm before which nothing is said."""

DRIFT = 0.05
"""By how much the share of an arm may change before the result says that `target` should be a pair."""


class ConfidenceSequence:
    """Intervals for the difference of two means, absolute and relative, that hold at all looks together.

    Look as often as you like, stop when you like: the chance that any interval ever leaves out the truth is at most
    ``1 - confidence``, as the samples grow (an asymptotic confidence sequence [1]_ with a normal mixture [2]_).

    Parameters
    ----------
    target
        The sample size at which intervals shall be narrowest: units of both arms together, or a pair (control,
        treatment). Any value is valid; take the size at which you expect to decide. Give the pair if the shares of the
        arms change on the way.
    confidence
        The level, in (0, 1); in (.5, 1) for one-sided alternatives.
    alternative
        "two-sided", or "greater" or "less" for intervals that are bounded on one side.
    start
        Units in each arm, at least 2, below which intervals are infinite: means of few units are not normal.
    running
        Whether each interval is intersected with those before, and the p-value is the smallest so far. Such intervals
        never widen; they may become empty if the effect changes over time.

    Notes
    -----
    With the difference of means d and its squared standard error V, the interval is ``d +- k sqrt(V)`` with

        ``k^2 = (1 + r) / r * log((1 + r) / alpha^2)``,    ``r = r* n / target``,    ``r* = -W_{-1}(-alpha^2 / e) - 1``

    and the p-value is ``min(1, sqrt(1 + r) exp(-z^2 r / (2 (1 + r))))`` for ``z = d / sqrt(V)``: at most alpha exactly
    where the interval leaves out 0. r* (8.21 for 95 %) makes k smallest relative to the root of n at the target. For a
    pair, n is the effective size ``n0 n1 / (n0 + n1)``.

    The relative sequence is the set of ratios R for which the linear hypothesis ``m1 - R m0 = 0``, with variance
    ``s1^2 / n1 + R^2 s0^2 / n0``, is not rejected: Fieller's set with k for the quantile. There is no delta method in
    it, so it leaves out 0 exactly where the absolute interval does. It is unbounded where control is not separated from
    0; then `gap_lower` and `gap_upper` tell whether it is everything outside of a gap.

    V is Welch's, or the pooled variance of the difference where that is larger (they agree for arms of equal size):
    with skewed values a small arm often lacks the large ones, so it underestimates its mean and its variance together.
    O(looks).

    References
    ----------
    .. [1] Waudby-Smith, I., D. Arbour, R. Sinha, E. H. Kennedy and A. Ramdas (2024). Time-uniform central limit
       theory and asymptotic confidence sequences. Annals of Statistics 52(6). arXiv:2103.06476.
    .. [2] Howard, S. R., A. Ramdas, J. McAuliffe and J. Sekhon (2021). Time-uniform, nonparametric, nonasymptotic
       confidence sequences. Annals of Statistics 49(2). arXiv:1810.08240.

    Examples
    --------
    >>> from growthkit.experiment.confidence_sequence import ConfidenceSequence
    >>> sequence = ConfidenceSequence(target=4_000)
    >>> result = sequence.evaluate(
    ...     control=([500, 1000, 2000], [10.1, 10.0, 10.0], [25.0, 25.0, 25.0]),
    ...     treatment=([500, 1000, 2000], [10.6, 10.7, 10.8], [25.0, 25.0, 25.0]),
    ... )
    >>> result.to_frame()[["look", "effect", "lower", "upper", "p_value"]].round(3)
       look  effect  lower  upper  p_value
    0     1     0.5 -0.528  1.528    0.754
    1     2     0.7  0.012  1.388    0.044
    2     3     0.8  0.320  1.280    0.000
    >>> result.relative_lower.round(3).tolist()
    [-0.05, 0.001, 0.031]
    """

    def __init__(
        self,
        *,
        target: float | tuple[float, float],
        confidence: float = 0.95,
        alternative: str = "two-sided",
        start: int = START,
        running: bool = False,
    ) -> None:
        self.target = target
        self.confidence = confidence
        self.alternative = alternative
        self.start = start
        self.running = running
        self._looks: Arms | None = None

    def __repr__(self) -> str:
        names = ("target", "confidence", "alternative", "start", "running")
        return f"ConfidenceSequence({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"

    def evaluate(self, control: ArmSummary, treatment: ArmSummary) -> SequenceResult:
        """Return the sequence for cumulative summaries, one entry a look. What `update` has seen plays no part.

        Parameters
        ----------
        control, treatment
            ``(n, mean, variance)`` of all units so far (variance with ddof 1): numbers, or arrays, one entry a look.

        Returns
        -------
        SequenceResult
            One row per look.

        Raises
        ------
        ParameterError
            If a setting is out of its range or an arm is no triple.
        DataError
            If an arm holds NaN, a negative variance, falling counts, or fewer than two units at the last look.
        """
        function = "ConfidenceSequence.evaluate"
        arms = read_arms(control, treatment, function=function)
        _refuse_single(arms, function)
        return self._analyse(arms, function)

    def update(self, control: ArmSummary, treatment: ArmSummary) -> SequenceResult:
        """Add a batch of new units to each arm and return the sequence over all updates so far.

        Parameters
        ----------
        control, treatment
            ``(n, mean, variance)`` of the *new* units; n may be 0, and the variance of a single unit is not read.

        Returns
        -------
        SequenceResult
            One row per update.

        Raises
        ------
        ParameterError, DataError
            As `evaluate`; a batch that is refused leaves the sequence as it was.

        Examples
        --------
        >>> from growthkit.experiment.confidence_sequence import ConfidenceSequence
        >>> sequence = ConfidenceSequence(target=4_000)
        >>> first = sequence.update(control=(500, 10.1, 25.0), treatment=(500, 10.6, 25.0))
        >>> second = sequence.update(control=(500, 9.9, 25.0), treatment=(500, 10.8, 25.0))
        >>> second.effect.round(3).tolist()
        [0.5, 0.7]
        """
        function = "ConfidenceSequence.update"
        batch = read_arms(control, treatment, function=function)
        if batch.n0.size > 1:
            raise DataError(f"{function}: a batch is one look, got {batch.n0.size}; pass them to evaluate instead.")
        looks = batch if self._looks is None else _append(self._looks, batch)
        result = self._analyse(looks, function)
        self._looks = looks
        return result

    def critical_value(self, n_control: ArrayLike, n_treatment: ArrayLike) -> FloatArray:
        """Return k, by which a standard error is multiplied in place of a normal quantile.

        With it, any estimate whose standard error shrinks with the sample (regression-adjusted, of a ratio) gets an
        interval that holds at all looks, ``estimate +- k * standard error``.

        Parameters
        ----------
        n_control, n_treatment
            Units so far; arrays broadcast.

        Returns
        -------
        ndarray of float64
            k, infinite below `start`.
        """
        rule = self._rule("ConfidenceSequence.critical_value")
        n0, n1 = np.asarray(n_control, dtype=np.float64), np.asarray(n_treatment, dtype=np.float64)
        ratio = np.where(np.minimum(n0, n1) >= rule.start, self._ratio(n0, n1, rule), 0.0)
        return critical_values(ratio, rule.alpha, two_sided=rule.two_sided)

    def p_value(self, z: ArrayLike, n_control: ArrayLike, n_treatment: ArrayLike) -> FloatArray:
        """Return the p-value, valid at any look, of an estimate that is `z` standard errors away from its null value.

        Parameters
        ----------
        z
            Estimate minus null value, over the standard error.
        n_control, n_treatment
            Units so far; arrays broadcast.

        Returns
        -------
        ndarray of float64
            In (0, 1]; at most alpha exactly where z reaches `critical_value`. 1 below `start`.
        """
        rule = self._rule("ConfidenceSequence.p_value")
        n0, n1 = np.asarray(n_control, dtype=np.float64), np.asarray(n_treatment, dtype=np.float64)
        evidence = log_evidence(rule.sign * np.asarray(z), self._ratio(n0, n1, rule), two_sided=rule.two_sided)
        return np.where(np.minimum(n0, n1) >= rule.start, np.exp(-np.maximum(evidence, 0)), 1.0)

    def _analyse(self, arms: Arms, function: str) -> SequenceResult:
        rule = self._rule(function)
        return analyse(arms, self._ratio(arms.n0, arms.n1, rule), rule, self._drift(arms))

    def _rule(self, function: str) -> Rule:
        name = "asymptotic confidence sequence, normal mixture"
        return _rule(Params(function), self.confidence, self.alternative, self.start, self.running, name)

    def _ratio(self, n0: FloatArray, n1: FloatArray, rule: Rule) -> FloatArray:
        """Return the information ratio at each look."""
        params, best = Params("ConfidenceSequence"), tuned_ratio(rule.alpha, two_sided=rule.two_sided)
        if not isinstance(self.target, tuple):
            return best * (n0 + n1) / params.number("target", self.target, low=4)
        if len(self.target) != 2:
            params.refuse("target", "a number, or a pair (control, treatment)", self.target)
        planned = [params.number("target", size, low=2) for size in self.target]
        with np.errstate(invalid="ignore"):
            harmonic = np.nan_to_num(n0 * n1 / (n0 + n1))
        return best * harmonic * sum(planned) / (planned[0] * planned[1])

    def _drift(self, arms: Arms) -> tuple[Notice, ...]:
        """Return a notice if the shares of the arms moved while the target is one number."""
        said = arms.smaller >= self.start
        shares = arms.n1[said] / (arms.n0 + arms.n1)[said]
        if isinstance(self.target, tuple) or not shares.size or np.ptp(shares) <= DRIFT:
            return ()
        text = (
            f"treatment's share of the units ran from {shares.min():.0%} to {shares.max():.0%}; give target as a pair "
            "(control, treatment), by which such changes are allowed for."
        )
        return (Notice("allocation_changed", text),)


def msprt(
    control: ArmSummary,
    treatment: ArmSummary,
    *,
    scale: float,
    confidence: float = 0.95,
    alternative: str = "two-sided",
    start: int = START,
    running: bool = True,
) -> SequenceResult:
    """Mixture sequential probability ratio test of the difference of two means.

    Parameters
    ----------
    control, treatment
        ``(n, mean, variance)`` of all units so far (variance with ddof 1): numbers, or arrays with one entry a look.
    scale
        The standard deviation tau of the mixture, on the metric's own scale: the size of the differences of means that
        you want to find soonest (money per user, percentage points as a fraction). It is a standard deviation, not a
        variance, and not in units of sigma. Change the metric's unit, and it must change alike.
    confidence
        The level, in (0, 1); in (.5, 1) for one-sided alternatives.
    alternative
        "two-sided", "greater" or "less".
    start
        Units in each arm, at least 2, below which nothing is said.
    running
        Whether the p-value is the smallest so far and intervals are intersected, as in [1]_.

    Returns
    -------
    SequenceResult
        One row per look; relative effects as in `ConfidenceSequence`.

    Raises
    ------
    ParameterError
        If a parameter is out of its range or an arm is no triple.
    DataError
        If an arm holds NaN, a negative variance, falling counts, or fewer than two units at the last look.

    Notes
    -----
    With the difference of means d and its squared standard error V, the mixture of likelihood ratios over effects drawn
    from N(0, tau^2) is ``sqrt(V / (V + tau^2)) exp(tau^2 d^2 / (2 V (V + tau^2)))``; the p-value is 1 over its largest
    value so far. A `ConfidenceSequence` is the same test with ``tau^2 = r* V(target)``; that choice needs no opinion
    about effects. A scale ten times too large or small costs power, never validity. O(looks).

    References
    ----------
    .. [1] Johari, R., P. Koomen, L. Pekelis and D. Walsh (2022). Always valid inference: continuous monitoring of A/B
       tests. Operations Research 70(3). arXiv:1512.04922. First as: Peeking at A/B tests (2017), KDD.

    Examples
    --------
    >>> from growthkit.experiment.confidence_sequence import msprt
    >>> looks = [500, 1000, 2000]
    >>> result = msprt((looks, [10.1, 10.0, 10.0], [25.0] * 3), (looks, [10.6, 10.7, 10.8], [25.0] * 3), scale=0.5)
    >>> result.p_value.round(4).tolist()
    [0.7661, 0.0413, 0.0]
    """
    params = Params("msprt")
    rule = _rule(params, confidence, alternative, start, running, "mixture sequential probability ratio test")
    scale = params.number("scale", scale, above=0)
    arms = read_arms(control, treatment, function="msprt")
    _refuse_single(arms, "msprt")
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = scale**2 / sum(arms.errors)
    return analyse(arms, np.where(np.isfinite(ratio), ratio, 0.0), rule)


def _rule(params: Params, confidence: float, alternative: str, start: int, running: bool, method: str) -> Rule:
    params.one_of("alternative", alternative, ALTERNATIVES)
    low = 0.0 if alternative == "two-sided" else 0.5
    return Rule(
        params.number("confidence", confidence, above=low, below=1),
        alternative,
        params.whole("start", start, low=2),
        params.flag("running", running),
        method,
    )


def _refuse_single(arms: Arms, function: str) -> None:
    for name, n in (("control", arms.n0[-1]), ("treatment", arms.n1[-1])):
        if n < 2:
            raise DataError(f"{function}: {name} has {n:.0f} units at the last look; a variance takes at least two.")


def _append(looks: Arms, batch: Arms) -> Arms:
    """Return the looks with one more: the last one merged with the batch."""
    merged = (*_merge(looks[:3], batch[:3]), *_merge(looks[3:], batch[3:]))
    return Arms(*(np.append(column, value) for column, value in zip(looks, merged, strict=True)))


def _merge(looks: tuple[FloatArray, ...], batch: tuple[FloatArray, ...]) -> tuple[float, float, float]:
    """Merge n, mean and variance of two sets of units (Chan, Golub and LeVeque)."""
    (n0, mean0, var0), (n1, mean1, var1) = ([float(part[-1]) for part in arm] for arm in (looks, batch))
    if n0 == 0 or n1 == 0:
        return (n0, mean0, var0) if n1 == 0 else (n1, mean1, var1)
    n, gap = n0 + n1, mean1 - mean0
    squares = sum((size - 1) * var for size, var in ((n0, var0), (n1, var1)) if size > 1) + gap**2 * n0 * n1 / n
    return n, mean0 + gap * n1 / n, squares / (n - 1)
