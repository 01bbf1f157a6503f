"""`beta_binomial`: conversion rates of any number of arms, by exact laws and quadrature."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import numpy as np

from .._core.params import Params
from .._core.results import Notice, Result
from ..exceptions import DataError
from ..typing import AnyArray, FloatArray
from ._beta_law import Betas, Contrast, best_and_loss
from ._hdi import beta_hdi
from ._inputs import Columns
from ._regions import read_region
from ._roots import bracketed_roots
from ._special import special

__all__ = ["BetaBinomialResult", "beta_binomial"]

LEAST_PRIOR = 0.05
"""Weaker beta priors put mass where doubles have no proportions."""

MOST_COUNT = 1e12

CHUNK = 1 << 21
"""Values of the integrands held at a time."""

INTERVALS = ("equal_tailed", "hdi")

Limits = tuple[FloatArray, FloatArray]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class BetaBinomialResult(Result):
    """Posterior of the arms' conversion rates: arrays of shape (rows, arms); rows is 1 for one experiment.

    Parameters
    ----------
    variants
        The names of the arms.
    control
        The place of the arm that the others are compared with.
    x, n
        Conversions and trials.
    a, b
        Parameters of the posterior beta laws.
    mean, lower, upper
        Posterior mean and interval of each rate.
    probability_best
        The chance that the arm has the highest rate; sums to 1 over the arms.
    expected_loss
        What is lost in expectation if the arm is chosen: E(max of all rates - its rate).
    effect, effect_lower, effect_upper
        Posterior median and equal-tailed interval of the difference from the control (or of the ratio less 1); 0
        for the control.
    probability_better
        The chance that the rate exceeds the control's; NaN for the control.
    rope_probability
        The chance that the effect lies within the region of practical equivalence; None without one.
    relative
        Whether effects are ratios less 1.
    confidence
        The probability that an interval holds.
    method
        The kind of interval, and how the probabilities were computed.
    notices
        What a reader must know.
    """

    _picture: ClassVar[str] = "bayes:draw_beta_binomial"

    variants: tuple[Any, ...]
    control: int
    x: FloatArray
    n: FloatArray
    a: FloatArray
    b: FloatArray
    mean: FloatArray
    lower: FloatArray
    upper: FloatArray
    probability_best: FloatArray
    expected_loss: FloatArray
    effect: FloatArray
    effect_lower: FloatArray
    effect_upper: FloatArray
    probability_better: FloatArray
    rope_probability: FloatArray | None
    relative: bool
    confidence: float
    method: str
    notices: tuple[Notice, ...]

    @property
    def warnings(self) -> tuple[Notice, ...]:
        """What a reader must know, as codes and sentences."""
        return self.notices

    def columns(self) -> dict[str, AnyArray]:
        """Return the table as arrays by column name: one row for each arm (of each row of the input)."""
        rows, arms = self.x.shape
        table: dict[str, AnyArray] = {}
        if rows > 1:
            table["row"] = np.arange(rows * arms) // arms
        names = np.empty(arms, dtype=object)
        names[:] = self.variants
        table["variant"] = np.tile(names, rows)
        table |= {name: getattr(self, name).ravel() for name in MEASURES}
        if self.rope_probability is not None:
            table["rope_probability"] = self.rope_probability.ravel()
        return table

    def facts(self) -> dict[str, Any]:
        """Return the chances and losses of the arms if there is one row, else how many rows there are."""
        facts: dict[str, Any] = {"confidence": self.confidence, "method": self.method}
        if self.x.shape[0] > 1:
            return {"rows": self.x.shape[0], "arms": len(self.variants), **facts}
        best = {f"P({name} best)": p for name, p in zip(self.variants, self.probability_best[0], strict=True)}
        loss = {f"loss of {name}": value for name, value in zip(self.variants, self.expected_loss[0], strict=True)}
        return {**best, **loss, **facts}


MEASURES = (
    "x",
    "n",
    "mean",
    "lower",
    "upper",
    "probability_best",
    "expected_loss",
    "effect",
    "effect_lower",
    "effect_upper",
    "probability_better",
)


def beta_binomial(
    x: Any,
    n: Any,
    *,
    prior: Any = (1.0, 1.0),
    control: Any = None,
    relative: bool = False,
    rope: tuple[float, float] | None = None,
    confidence: float = 0.95,
    interval: str = "equal_tailed",
) -> BetaBinomialResult:
    """Compare the conversion rates of k arms under beta priors.

    Parameters
    ----------
    x
        Conversions: a mapping of variants to whole numbers, or an array of k of them, or of shape (rows, k) for many
        experiments at once. From 0 to `n`.
    n
        Trials, in the same form; at most 1e12.
    prior
        The two parameters (a, b) of the beta prior of every arm, or a mapping of variants to such pairs; at least 0.05.
        (1, 1) is uniform, (0.5, 0.5) Jeffreys's. ``(mean * size, (1 - mean) * size)`` says as much as `size` trials.
    control
        The variant that the others are compared with: its name, or its place if `x` is an array; None for the first.
    relative
        Whether effects are ratios less 1, p / p_control - 1, rather than differences.
    rope
        Region of practical equivalence (low, high) of the effect; None for none.
    confidence
        The posterior probability of each interval, in (0, 1).
    interval
        "equal_tailed", or "hdi" for the interval of highest density; of the rates only.

    Returns
    -------
    BetaBinomialResult
        Arrays of shape (rows, k). `effect` is the posterior median.

    Raises
    ------
    ParameterError
        For a prior, control, region, level or interval out of range.
    DataError
        For counts that are not whole or more than trials, fewer than two arms, or variants that differ between x and n.

    Notes
    -----
    The posterior of an arm is Beta(a + x, b + n - x). No sampling: all integrals are Gauss-Legendre sums over panels
    that end at the quantiles of every arm, with errors below 1e-9 (1e-6 of a limit where both posteriors have
    parameters below 0.1, for a prior of 0.05 without conversions). With k arms and m rows O(m k^3) for the
    probabilities and losses, and about 5 to 10 ms an arm and row for the interval of its effect.

    - ``P(i best) = int f_i prod_(j != i) F_j``; for two arms with whole parameters it equals the finite sum of [1]_.
    - ``loss_i = E(max_j p_j - p_i) = int F_i (1 - prod_(j != i) F_j)``; for two arms see [2]_.
    - The effect's law is ``P(p_1 - p_0 <= d) = int f_0(y) F_1(y + d) dy``; its interval has equal tails.

    A posterior probability is not an error rate. Stopping as soon as ``P(best)`` exceeds .95 ships null changes far
    more often than 5 % of the time; for that use `ConfidenceSequence`.

    References
    ----------
    .. [1] Miller, E. (2015). Formulas for Bayesian A/B testing. https://www.evanmiller.org/bayesian-ab-testing.html
    .. [2] Stucchio, C. (2014). Easy evaluation of decision rules in Bayesian A/B testing.
       https://www.chrisstucchio.com/blog/2014/bayesian_ab_decision_rule.html

    Examples
    --------
    >>> from growthkit.experiment.bayes import beta_binomial
    >>> found = beta_binomial({"A": 39, "B": 69}, {"A": 98, "B": 158})
    >>> found.probability_best.round(4).tolist(), found.expected_loss.round(4).tolist()
    ([[0.2737, 0.7263]], [[0.0481, 0.0106]])
    >>> found.effect_lower.round(4).tolist(), found.effect_upper.round(4).tolist()
    ([[0.0, -0.0857]], [[0.0, 0.159]])
    """
    params = Params("beta_binomial")
    params.one_of("interval", interval, INTERVALS)
    params.flag("relative", relative)
    confidence = params.number("confidence", confidence, above=0, below=1)
    region = read_region(params, rope)
    names, x, n = _counts(params, x, n)
    base = _control(params, control, names)
    a, b = _prior(params, prior, names)
    posterior = Betas(a + x, b + n - x)
    lower, upper, notices = _rate_limits(posterior, confidence, interval)
    best, loss = _in_chunks(posterior)
    effects, better, within = _effects(posterior, base, confidence, relative, region)
    kind = "highest density" if interval == "hdi" else "equal tails"
    head = (x, n, posterior.a, posterior.b, posterior.mean, lower, upper, best, loss)
    tail = (better, within, relative, confidence, f"{kind}, quadrature", notices)
    return BetaBinomialResult("pandas", names, base, *head, *effects, *tail)


def _counts(params: Params, x: Any, n: Any) -> tuple[tuple[Any, ...], FloatArray, FloatArray]:
    """Return the names of the arms, and the counts as tables of shape (rows, arms)."""
    if isinstance(x, Mapping) != isinstance(n, Mapping):
        raise DataError("beta_binomial: x and n must have one form; pass two mappings or two arrays.")
    if isinstance(x, Mapping):
        mine, theirs = cast("Mapping[Any, Any]", x), cast("Mapping[Any, Any]", n)
        if set(mine) != set(theirs):
            raise DataError(
                f"beta_binomial: x has the variants {list(mine)}, n has {list(theirs)}; give both for each."
            )
        names: tuple[Any, ...] = tuple(mine)
        x, n = [mine[name] for name in names], [theirs[name] for name in names]
    else:
        names = ()
    tables = [np.atleast_2d(_numbers(name, value)) for name, value in (("x", x), ("n", n))]
    if tables[0].shape != tables[1].shape or tables[0].ndim != 2:
        raise DataError(
            f"beta_binomial: x has shape {tables[0].shape}, n {tables[1].shape}; give (rows, arms) for both."
        )
    if tables[0].shape[1] < 2 or not tables[0].shape[0]:
        raise DataError(f"beta_binomial: {tables[0].shape[1]} arms cannot be compared; give at least two.")
    flat = Columns(params.function, x=tables[0].ravel(), n=tables[1].ravel())
    flat.counts("x", "n")
    flat.refuse("n", flat["n"] > MOST_COUNT, f"values above {MOST_COUNT:g}", "no shop has that many")
    shape = tables[0].shape
    return names or tuple(range(shape[1])), flat["x"].reshape(shape), flat["n"].reshape(shape)


def _numbers(name: str, value: Any) -> FloatArray:
    try:
        return np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError(f"beta_binomial: {name} must be whole numbers, got {value!r}.") from None


def _control(params: Params, control: Any, names: tuple[Any, ...]) -> int:
    if control is None:
        return 0
    if control not in names:
        params.refuse("control", f"one of {', '.join(map(repr, names))}", control)
    return names.index(control)


def _prior(params: Params, prior: Any, names: tuple[Any, ...]) -> tuple[FloatArray, FloatArray]:
    pairs = cast("Mapping[Any, Any]", prior) if isinstance(prior, Mapping) else dict.fromkeys(names, prior)
    if set(pairs) != set(names):
        params.refuse("prior", f"a pair, or a mapping of {', '.join(map(repr, names))} to pairs", prior)
    table = [_beta_pair(params, pairs[name]) for name in names]
    return np.array([pair[0] for pair in table]), np.array([pair[1] for pair in table])


def _beta_pair(params: Params, pair: Any) -> tuple[float, float]:
    if not isinstance(pair, (tuple, list)) or len(cast("Any", pair)) != 2:
        params.refuse("prior", "a pair (a, b)", pair)
    return tuple(params.number("prior", part, low=LEAST_PRIOR, high=MOST_COUNT) for part in cast("Any", pair))  # type: ignore[return-value]


def _rate_limits(
    posterior: Betas, confidence: float, interval: str
) -> tuple[FloatArray, FloatArray, tuple[Notice, ...]]:
    tail = (1 - confidence) / 2
    lower = np.asarray(special.betaincinv(posterior.a, posterior.b, tail), dtype=np.float64)
    upper = 1 - np.asarray(special.betaincinv(posterior.b, posterior.a, tail), dtype=np.float64)
    if interval == "equal_tailed":
        return lower, upper, ()
    return beta_hdi(posterior, confidence, lower, upper)


def _in_chunks(posterior: Betas) -> Limits:
    """Return the chances to be best and the losses, some rows at a time."""
    rows, arms = posterior.a.shape
    size = max(1, CHUNK // (arms * (arms * 17 + 41) * 10))
    parts = [
        best_and_loss(Betas(posterior.a[start : start + size], posterior.b[start : start + size]))
        for start in range(0, rows, size)
    ]
    return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])


def _effects(
    posterior: Betas, control: int, confidence: float, relative: bool, region: tuple[float, float] | None
) -> tuple[tuple[FloatArray, FloatArray, FloatArray], FloatArray, FloatArray | None]:
    """Return median and limits of each effect, the chance to beat the control, and that of the region."""
    rows, arms = posterior.a.shape
    others = [place for place in range(arms) if place != control]
    one = Betas(posterior.a[:, others].ravel(), posterior.b[:, others].ravel())
    base = Betas(*(np.repeat(part[:, control], arms - 1) for part in posterior))
    tail = (1 - confidence) / 2
    law = Contrast(one, base, relative=relative)
    quantiles = [_quantile(law, level) for level in (0.5, tail, 1 - tail)]
    better = 1 - law.cdf(np.zeros(one.a.size))
    within = (
        None if region is None else law.cdf(np.full(better.size, region[1])) - law.cdf(np.full(better.size, region[0]))
    )

    def placed(values: FloatArray, own: float) -> FloatArray:
        table = np.full((rows, arms), own)
        table[:, others] = values.reshape(rows, arms - 1)
        return table

    median, lower, upper = (placed(values, 0.0) for values in quantiles)
    return (median, lower, upper), placed(better, np.nan), None if within is None else placed(within, np.nan)


def _quantile(law: Contrast, level: float) -> FloatArray:
    """Return the effect that the posterior is below with probability `level`; ratios are searched on the log scale."""
    one, base, relative = law.one, law.base, law.relative
    spread = [np.sqrt(arm.mean * (1 - arm.mean) / (arm.a + arm.b + 1)) for arm in (one, base)]
    step = np.hypot(spread[0] / one.mean, spread[1] / base.mean) if relative else np.hypot(*spread)
    centre = np.log(one.mean / base.mean) if relative else one.mean - base.mean

    def effect(x: FloatArray, rows: Any) -> FloatArray:
        """Return the effect that lies x steps from the centre."""
        moved = centre[rows] + step[rows] * x
        return np.expm1(moved) if relative else np.clip(moved, -1, 1)

    def excess(x: FloatArray, rows: Any) -> FloatArray:
        return law.cdf(effect(x, rows), rows) - level

    guess = np.full(centre.size, float(special.ndtri(level)))
    low, f_low = _widened(excess, guess - 0.5, -1)
    high, f_high = _widened(excess, guess + 0.5, 1)
    return effect(bracketed_roots(excess, low, high, f_low, f_high, tolerance=1e-9), ...)


def _widened(excess: Any, end: FloatArray, sign: int) -> Limits:
    """Move ends of brackets outward, by doubling steps, until they hold the root."""
    rows = np.arange(end.size)
    values = excess(end, rows)
    step = 0.5
    while (rows := np.flatnonzero(values * sign < 0)).size and step < MOST_COUNT:
        step *= 2
        end[rows] += sign * step
        values[rows] = excess(end[rows], rows)
    return end, values
