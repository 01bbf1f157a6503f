"""Simulated experiments: how often a design is wrong, on your own data. `simulate`, `Trial`, `Population`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

import numpy as np

from .._core.parallel import run_blocks, thread_count
from .._core.params import Params
from .._core.random import seed_from, stream
from .._core.results import Estimate, Notice, Result
from ..exceptions import ParameterError
from ..typing import AnyArray, BoolArray, FloatArray, Int64Array, RngLike
from ._inputs import ALTERNATIVES
from ._populations import Population, Sums
from ._sequences import Arms
from ._special import special
from .confidence_sequence import ConfidenceSequence
from .group_sequential import GroupSequential
from .proportions import proportion_interval

__all__ = ["Population", "Simulation", "Trial", "simulate"]

NUMBERS_A_BLOCK = 1 << 19
RUNS_A_BLOCK = 512
MOST_LOOKS = 1_000


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Trial:
    """An experiment with two arms, to be run many times by `simulate`.

    Parameters
    ----------
    population
        Where the units come from: `Population.from_frame` for your own data, or a named law.
    n_control, n_treatment
        Units at the end, at least 2; in the treatment by default as many as in the control.
    effect, relative_effect
        The true effect, absolute or as a share of the control's metric; none for an A/A test. Values of the treatment
        are multiplied for a relative effect and shifted for an absolute one (a ratio: by so much per unit of the
        denominator); conversions are drawn with the changed probability.
    rule
        "fixed" (Welch's test at the end), "naive" (Welch's test at every look, stopping when it rejects), a
        `GroupSequential` or a `ConfidenceSequence`.
    looks
        For "naive" and confidence sequences: a number of equal steps, or rising shares of the units with 1 as the last.
        A `GroupSequential` brings its own.
    alpha
        Level of "fixed" and "naive".
    alternative
        "two-sided", "greater" or "less", for "fixed" and "naive".

    Examples
    --------
    >>> from growthkit.experiment.simulation import Population, Trial
    >>> Trial(Population.bernoulli(0.1), n_control=1000, rule="naive", looks=4).shares
    array([0.25, 0.5 , 0.75, 1.  ])
    """

    population: Population = field(kw_only=False)
    n_control: int
    n_treatment: int | None = None
    effect: float | None = None
    relative_effect: float | None = None
    rule: str | GroupSequential | ConfidenceSequence = "fixed"
    looks: int | Sequence[float] | FloatArray = 1
    alpha: float = 0.05
    alternative: str = "two-sided"

    @property
    def shares(self) -> FloatArray:
        """Share of the units at each look."""
        if isinstance(self.rule, GroupSequential):
            return self.rule.information / self.rule.information[-1]
        if self.rule == "fixed":
            return np.ones(1)
        if isinstance(self.looks, (int, np.integer)):
            steps = Params("simulate").whole("looks", self.looks, low=1, high=MOST_LOOKS)
            return np.arange(1, steps + 1) / steps
        return np.asarray(self.looks, dtype=np.float64)

    @property
    def level(self) -> float:
        """The false positive rate that the rule promises."""
        if isinstance(self.rule, GroupSequential):
            return self.rule.alpha
        return 1.0 - self.rule.confidence if isinstance(self.rule, ConfidenceSequence) else self.alpha

    @property
    def truth(self) -> float:
        """The true effect, absolute."""
        if self.relative_effect is not None:
            return self.relative_effect * self.population.metric
        return self.effect or 0.0


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Simulation(Result):
    """What a design did over many runs: one row a measure, each with an interval for the number of runs.

    Parameters
    ----------
    measures
        "false_positive_rate" or, with a true effect, "power": share of the runs that rejected. "coverage": of the true
        effect, by the interval at the end of the run. "coverage_all_looks": by the intervals of all planned looks at
        once, stopped or not. "share_of_units": mean share of the units at the end. With a true effect also
        "wrong_sign" (type S: share of the rejections with an estimate of the wrong sign) and "exaggeration" (type M:
        mean size of the estimates that rejected, over the true effect).
    estimate, lower, upper
        Of each measure; NaN where no run rejected.
    counted
        The runs behind each measure.
    confidence
        Level of the intervals.
    truth
        The true effect.
    shares
        Share of the units at each look.
    rejected_by_look
        Share of the runs that had rejected by each look.
    n_runs
        Number of runs.
    alpha
        The level that the rule promises, which false positives are held against.
    method
        The rule.
    notices
        What a reader must know.
    """

    _picture: ClassVar[str] = "planning:draw_simulation"

    measures: tuple[str, ...]
    estimate: FloatArray
    lower: FloatArray
    upper: FloatArray
    counted: Int64Array
    confidence: float
    truth: float
    shares: FloatArray
    rejected_by_look: FloatArray
    n_runs: int
    alpha: float
    method: str
    notices: tuple[Notice, ...] = ()

    def __getitem__(self, measure: str) -> Estimate:
        """Return one measure with its interval."""
        if measure not in self.measures:
            raise ParameterError(f"Simulation: there is no measure {measure!r}; there are {', '.join(self.measures)}.")
        place = self.measures.index(measure)
        value, low, high = (float(part[place]) for part in (self.estimate, self.lower, self.upper))
        return Estimate(self.backend, value, low, high, self.confidence, self.method, notices=self.notices)

    @property
    def warnings(self) -> tuple[Notice, ...]:
        """What a reader must know."""
        return self.notices

    def columns(self) -> dict[str, AnyArray]:
        """Return the table as arrays by column name: one row a measure."""
        names = np.array(self.measures, dtype=object)
        ends = {"estimate": self.estimate, "lower": self.lower, "upper": self.upper}
        return {"measure": names, **ends, "runs": self.counted}

    def facts(self) -> dict[str, Any]:
        """Return the measures with their intervals, and what was simulated."""
        rows = zip(self.measures, self.estimate, self.lower, self.upper, strict=True)
        told = {name: f"{value:.4g} ({low:.4g} to {high:.4g})" for name, value, low, high in rows}
        return {"method": self.method, "runs": self.n_runs, "looks": self.shares.size, "true effect": self.truth} | told


class _Ends(NamedTuple):
    """How runs ended: one entry a run."""

    rejected: BoolArray
    look: Int64Array
    estimate: FloatArray
    covered: BoolArray
    always: BoolArray


class _Plan(NamedTuple):
    """A trial, checked and ready to run."""

    trial: Trial
    treatment: Population
    scale: float
    shift: float
    n0: Int64Array
    n1: Int64Array


def simulate(
    design: Trial,
    n_runs: int = 10_000,
    *,
    rng: RngLike = None,
    n_threads: int | None = None,
    progress: bool = False,
    confidence: float = 0.95,
    interval: str = "clopper_pearson",
) -> Simulation:
    """Run an experiment many times, and count how often it errs.

    Parameters
    ----------
    design
        The experiment.
    n_runs
        How often, at least 1. The Monte Carlo error of a rate p is ``sqrt(p (1 - p) / n_runs)``: 0.2 percentage points
        for a rate of 5 % and 10,000 runs.
    rng
        Seed, generator, or None. What run i draws depends on the seed and i alone.
    n_threads
        Threads; None for every core. The answer is the same for any number.
    progress
        Whether to show a bar.
    confidence
        Level of the intervals of the measures, in (0, 1).
    interval
        For rates "clopper_pearson" (default), "wilson", or another method of `proportion_interval`.

    Returns
    -------
    Simulation
        False positive rate or power, coverage, wrong signs, exaggeration, units used.

    Raises
    ------
    ParameterError
        If the design or another parameter is out of range.

    Notes
    -----
    O(runs x units x share of units that are not 0); normal and Bernoulli populations take O(runs x looks). Runs are
    made in blocks, each with its own Philox stream; sums are kept as deviations from the population's means. Statistics
    are those of the rule's own module: Welch's t; for `GroupSequential` z with repeated intervals; for
    `ConfidenceSequence` its critical value and its variance. Exaggeration and wrong signs are those of [1]_.

    References
    ----------
    .. [1] Gelman, A. and J. Carlin (2014). Beyond power calculations: assessing type S (sign) and type M (magnitude)
       errors. Perspectives on Psychological Science 9(6), 641-651.

    Examples
    --------
    >>> from growthkit.experiment.simulation import Population, Trial, simulate
    >>> shop = Population.bernoulli(0.1)
    >>> naive = simulate(Trial(shop, n_control=10_000, rule="naive", looks=10), 2_000, rng=1)
    >>> rate = naive["false_positive_rate"]
    >>> 0.15 < rate.lower < rate.upper < 0.25
    True
    """
    params = Params("simulate")
    runs = params.whole("n_runs", n_runs, low=1)
    level = params.number("confidence", confidence, above=0, below=1)
    params.flag("progress", progress)
    plan = _read_trial(params, design)
    seed = seed_from(rng, function="simulate")
    numbers = plan.trial.population.cost * (plan.n0[-1] + plan.n1[-1]) + 8.0 * plan.n0.size
    block = int(np.clip(NUMBERS_A_BLOCK // numbers, 1, RUNS_A_BLOCK))
    threads = thread_count(n_threads, n_rows=int(runs * numbers), function="simulate")

    def work(number: int) -> _Ends:
        return _run_block(plan, stream(seed, number), block)

    blocks = run_blocks(work, -(-runs // block), n_threads=threads, progress=progress, label="simulate")
    ends = _Ends(*(np.concatenate(parts)[:runs] for parts in zip(*blocks, strict=True)))
    return _summarise(plan, ends, level, interval)


def _read_trial(params: Params, design: Any) -> _Plan:
    if not isinstance(design, Trial):
        params.refuse("design", "a Trial(population=..., n_control=...)", design)
    source: Any = design.population
    if not isinstance(source, Population):
        params.refuse("population", "made by Population.from_frame(...) or another of its makers", source)
    if not isinstance(design.rule, (GroupSequential, ConfidenceSequence)):
        params.one_of("rule", design.rule, ("fixed", "naive"))
    if (design.rule == "fixed" or isinstance(design.rule, GroupSequential)) and not np.array_equal(design.looks, 1):
        params.refuse("looks", "left out: a fixed test has one, and a GroupSequential brings its own", design.looks)
    params.one_of("alternative", design.alternative, ALTERNATIVES)
    params.number("alpha", design.alpha, above=0, below=0.5)
    control = params.whole("n_control", design.n_control, low=2)
    treatment = control if design.n_treatment is None else params.whole("n_treatment", design.n_treatment, low=2)
    shares = design.shares
    if shares.ndim != 1 or not shares.size or not (np.diff(shares, prepend=0) > 0).all() or shares[-1] != 1:
        params.refuse("looks", "a whole number, or rising shares of the units up to 1", design.looks)
    n0, n1 = (np.rint(shares * n).astype(np.int64) for n in (control, treatment))
    if min(n0[0], n1[0]) < 2 or (np.diff(n0) < 1).any() or (np.diff(n1) < 1).any():
        params.refuse("looks", "so few that each adds units to both arms, the first at least 2", design.looks)
    return _with_effect(params, design, n0, n1)


def _with_effect(params: Params, design: Trial, n0: Int64Array, n1: Int64Array) -> _Plan:
    """Return the plan with the treatment's population, and by what its values are scaled and shifted."""
    if design.effect is not None and design.relative_effect is not None:
        raise ParameterError("simulate: give effect or relative_effect, not both.")
    shift = params.number("effect", design.effect or 0.0)
    scale = 1 + params.number("relative_effect", design.relative_effect or 0.0)
    own = design.population
    if own.kind != "bernoulli":
        return _Plan(design, own, scale, shift, n0, n1)
    p = own.mean * scale + shift
    if not 0 < p < 1:
        params.refuse("effect", f"such that the conversion rate, now {own.mean:.6g}, stays between 0 and 1", p)
    return _Plan(design, Population.bernoulli(p), 1.0, 0.0, n0, n1)


def _run_block(plan: _Plan, rng: np.random.Generator, n_runs: int) -> _Ends:
    control, treatment = plan.trial.population, plan.treatment
    first = control.sums(rng, n_runs, np.diff(plan.n0, prepend=0)).cumulated()
    second = treatment.sums(rng, n_runs, np.diff(plan.n1, prepend=0)).tilted(plan.scale, plan.shift).cumulated()
    mean1 = treatment.mean * plan.scale + plan.shift * treatment.base
    n0, n1 = plan.n0.astype(np.float64), plan.n1.astype(np.float64)
    arms = Arms(
        *(n0, *_mean_and_variance(first, n0, control.mean, control.base, ratio=bool(control.bases.size))),
        *(n1, *_mean_and_variance(second, n1, mean1, treatment.base, ratio=bool(treatment.bases.size))),
    )
    return _ends(plan, arms)


def _mean_and_variance(
    sums: Sums, n: FloatArray, mean: float, base: float, *, ratio: bool
) -> tuple[FloatArray, FloatArray]:
    """Return the metric and the variance of a unit, for a ratio by the delta method."""
    vyy = np.maximum(sums.yy - sums.y**2 / n, 0) / (n - 1)
    if not ratio:
        return mean + sums.y / n, vyy
    vxy, vxx = (sums.xy - sums.x * sums.y / n) / (n - 1), (sums.xx - sums.x**2 / n) / (n - 1)
    below = base + sums.x / n
    with np.errstate(divide="ignore", invalid="ignore"):
        found = (mean + sums.y / n) / below
        return found, np.maximum(vyy - 2 * found * vxy + found**2 * vxx, 0) / below**2


def _ends(plan: _Plan, arms: Arms) -> _Ends:
    effect = arms.mean1 - arms.mean0
    critical, error, sides = _critical(plan.trial, arms)
    width = critical * error
    found: BoolArray = np.zeros(effect.shape, dtype=np.bool_)
    for side in sides:
        found |= side * effect > np.where(error > 0, width, np.inf)
    halted = _futile(plan.trial, effect, error)
    stopped = found | halted
    last = effect.shape[1] - 1
    first: AnyArray = stopped.argmax(axis=1)
    look: Int64Array = np.where(stopped.any(axis=1), first, last).astype(np.int64)
    truth, rows = plan.trial.truth, np.arange(look.size)
    inside: BoolArray = np.ones(effect.shape, dtype=np.bool_)
    for side in sides:
        inside &= ~(side * (effect - truth) > width)
    return _Ends(found[rows, look], look, effect[rows, look], inside[rows, look], np.asarray(inside.all(axis=1)))


def _critical(trial: Trial, arms: Arms) -> tuple[FloatArray, FloatArray, tuple[int, ...]]:
    """Return the critical values, standard errors, and the sides on which the rule rejects."""
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = (
            arms.errors if isinstance(trial.rule, ConfidenceSequence) else (arms.var0 / arms.n0, arms.var1 / arms.n1)
        )
        error = np.sqrt(parts[0] + parts[1])
        if isinstance(trial.rule, ConfidenceSequence):
            values = trial.rule.critical_value(arms.n0, arms.n1)
            return np.broadcast_to(values, error.shape), error, _sides(trial.rule.alternative)
        if isinstance(trial.rule, GroupSequential):
            return np.broadcast_to(trial.rule.bounds, error.shape), error, (1, -1) if trial.rule.sided == 2 else (1,)
        df = (parts[0] + parts[1]) ** 2 / (parts[0] ** 2 / (arms.n0 - 1) + parts[1] ** 2 / (arms.n1 - 1))
    sides = _sides(trial.alternative)
    quantile: Any = special.stdtrit(np.where(np.isfinite(df), df, np.inf), trial.alpha / len(sides))
    return -quantile, error, sides


def _sides(alternative: str) -> tuple[int, ...]:
    return {"two-sided": (1, -1), "greater": (1,), "less": (-1,)}[alternative]


def _futile(trial: Trial, effect: FloatArray, error: FloatArray) -> BoolArray:
    """Return where a binding futility bound stops the run."""
    if not (isinstance(trial.rule, GroupSequential) and trial.rule.binding):
        return np.zeros(effect.shape, dtype=np.bool_)
    bounds = np.append(np.nan_to_num(trial.rule.futility_bounds[:-1], nan=-np.inf), -np.inf)
    return (np.abs(effect) if trial.rule.sided == 2 else effect) < np.where(np.isinf(bounds), -np.inf, bounds * error)


def _summarise(plan: _Plan, ends: _Ends, confidence: float, interval: str) -> Simulation:
    truth, shares, runs = plan.trial.truth, plan.trial.shares, ends.look.size
    hits = ends.estimate[ends.rejected]
    main = "power" if truth else "false_positive_rate"
    counts = (int(np.count_nonzero(part)) for part in (ends.rejected, ends.covered, ends.always))
    rates = {name: (count, runs) for name, count in zip((main, "coverage", "coverage_all_looks"), counts, strict=True)}
    means: dict[str, FloatArray] = {"share_of_units": shares[ends.look]}
    if truth:
        rates["wrong_sign"] = (int(np.count_nonzero(np.sign(hits) != np.sign(truth))), hits.size)
        means["exaggeration"] = np.abs(hits / truth)
    rows = [_rate(*pair, confidence, interval) for pair in rates.values()]
    rows += [_average(values, confidence) for values in means.values()]
    table = np.array(rows, dtype=np.float64)
    looked = np.bincount(ends.look[ends.rejected], minlength=shares.size).cumsum() / runs
    return Simulation(
        backend="pandas",
        measures=(*rates, *means),
        estimate=table[:, 0],
        lower=table[:, 1],
        upper=table[:, 2],
        counted=table[:, 3].astype(np.int64),
        confidence=confidence,
        truth=truth,
        shares=shares,
        rejected_by_look=looked,
        n_runs=runs,
        alpha=plan.trial.level,
        method=_method(plan.trial),
        notices=_notices(plan),
    )


def _rate(events: float, trials: int, confidence: float, interval: str) -> tuple[float, ...]:
    if trials == 0:
        return math.nan, math.nan, math.nan, 0
    found: Any = proportion_interval(int(events), trials, method=interval, confidence=confidence)
    return found.estimate, found.lower, found.upper, trials


def _average(values: FloatArray, confidence: float) -> tuple[float, ...]:
    if values.size == 0:
        return math.nan, math.nan, math.nan, 0
    centre = float(values.mean())
    if values.size == 1:
        return centre, -math.inf, math.inf, 1
    half = -float(special.ndtri((1 - confidence) / 2)) * float(values.std(ddof=1)) / math.sqrt(values.size)
    return centre, centre - half, centre + half, values.size


def _method(trial: Trial) -> str:
    if isinstance(trial.rule, GroupSequential):
        return f"group sequential, {trial.rule.facts()['design']}"
    if isinstance(trial.rule, ConfidenceSequence):
        return "asymptotic confidence sequence"
    name = "Welch t test at the end" if trial.rule == "fixed" else "Welch t test at every look"
    return f"{name}, {trial.alternative}"


def _notices(plan: _Plan) -> tuple[Notice, ...]:
    own, wanted = plan.trial.population, int(plan.n0[-1] + plan.n1[-1])
    if not 0 < own.size < wanted:
        return ()
    text = (
        f"{wanted:,} units a run were drawn from {own.size:,}; rare large values that these happen not to hold are "
        "missing from every run."
    )
    return (Notice("small_population", text),)
