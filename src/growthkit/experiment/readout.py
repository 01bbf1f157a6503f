"""`readout`: from the log of an experiment to effects, intervals, corrected p-values and a decision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, cast

import numpy as np

from .._core.corrections import CORRECTIONS
from .._core.params import Params
from .._core.results import Notice, Result
from ..exceptions import DataError
from ..summaries.moments import Moments
from ..typing import AnyArray, BoolArray, FloatArray, IntoFrame
from ._analysis import analyse_metrics, level_of
from ._effects import Effects
from ._reading import Grid, Request, read_experiment, refuse_foreign_covariates
from .corrections import adjust_p_values
from .decision import Decision, decide
from .metrics import Metric, named_metrics
from .srm import srm

__all__ = ["Readout", "readout"]


FEW = 30
"""Units in an arm below which the normal approximation is said to be doubtful."""

APART = 5.0
"""Standard errors by which a denominator must be apart from 0 for the delta method."""

CAUTIONS = {
    "too_few_units": "{} rows have an arm with fewer than two units (or two in a stratum), and no estimate.",
    "no_variation": "{} rows have an arm without variation and different values; no interval can be given.",
    "few_units": "{} rows rest on fewer than 30 units in an arm; their intervals may be too narrow.",
    "skewed": "{} rows rest on so skewed an estimate that their intervals may cover less than they say; cap it.",
    "relative_unbounded": "{} rows have a control value not separated from 0, so their relative interval is unbounded.",
    "negative_control": "{} rows have a control value below 0; there a positive relative effect means a lower value.",
    "denominator_near_zero": "{} rows have a denominator within 5 standard errors of 0; do not trust their ratio.",
    "relative_unknown": "{} rows have a quantile that is not surely above 0, and no relative interval.",
    "unbounded": "{} rows have too few units for both ends of their interval.",
}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Readout(Result):
    """One row per metric, segment and variant, each compared with the control; made by `readout`.

    Parameters
    ----------
    metrics
        By name.
    control
        The control's label.
    variants
        The other variants' labels.
    segments
        "all", then ``column=value`` for each value of each segment column.
    moments
        What the closed-form metrics were computed from; it merges with that of other parts of the experiment.
    counts
        Units, shape (segments, 1 + variants), the control first.
    effects
        Arrays of shape (metrics, segments, variants).
    methods
        One a metric.
    p_adjusted
        p-values corrected for their number, by role and apart for "all" and for the other segments.
    cautions
        By code: the rows concerned, shape (metrics, segments, variants).
    confidence, alternative, correction, design
        As asked for; design is the name of the sequential design, or "".
    srm_p
        p-value of the sample ratio mismatch test, NaN where no weights were given.
    """

    _picture: ClassVar[str] = "experiment:draw_readout"

    metrics: Mapping[str, Metric]
    control: Any
    variants: tuple[Any, ...]
    segments: tuple[str, ...]
    moments: Moments
    counts: FloatArray
    effects: Effects
    methods: tuple[str, ...]
    p_adjusted: FloatArray
    cautions: Mapping[str, BoolArray]
    confidence: float
    alternative: str
    correction: str
    design: str
    srm_p: float

    def __len__(self) -> int:
        """Return the number of rows."""
        return self.p_adjusted.size

    @property
    def warnings(self) -> tuple[Notice, ...]:
        """What a reader must know; the column `warnings` of the table says which rows are meant."""
        notices = [
            Notice(code, CAUTIONS[code].format(f"{int(rows.sum()):,}"))
            for code, rows in self.cautions.items()
            if rows.any()
        ]
        if self.srm_p < 0.001:
            text = (
                f"the arms do not hold the shares of units that they were given (p = {self.srm_p:.2g}); find out why."
            )
            notices.insert(0, Notice("sample_ratio_mismatch", text))
        return tuple(notices)

    def columns(self) -> dict[str, AnyArray]:
        """Return the table as arrays by column name: a row per metric, segment and variant."""
        shape, effects = self.p_adjusted.shape, self.effects
        labels = (
            np.array(list(self.metrics), dtype=object)[:, None, None],
            np.array(self.segments, dtype=object)[None, :, None],
            _labels(self.variants)[None, None, :],
        )
        table: dict[str, AnyArray] = dict(zip(("metric", "segment", "variant"), labels, strict=True))
        table |= {name: getattr(effects, name) for name in ("control_value", "value", "effect", "lower", "upper")}
        table |= {
            "relative_effect": effects.relative,
            "relative_lower": effects.relative_lower,
            "relative_upper": effects.relative_upper,
            "p_value": effects.p_value,
            "p_adjusted": self.p_adjusted,
            "method": np.array(self.methods, dtype=object)[:, None, None],
            "warnings": _codes(self.cautions, shape),
        }
        return {name: np.broadcast_to(column, shape).ravel() for name, column in table.items()}

    def facts(self) -> dict[str, Any]:
        """Return the size of the experiment and, for each variant, the primary metrics' relative effects."""
        facts: dict[str, Any] = {
            "units": int(self.counts[0].sum()),
            "control": self.control,
            "variants": ", ".join(map(str, self.variants)),
            "segments": len(self.segments) - 1,
            "confidence": self.confidence,
            "correction": self.correction,
        }
        for place, (name, metric) in enumerate(self.metrics.items()):
            if metric.role == "primary":
                for arm, variant in enumerate(self.variants):
                    facts[f"{name}, {variant}"] = self._told(place, arm)
        return facts

    def decision(self) -> Decision:
        """Return, for each variant, whether to ship it, keep the control or wait, with reasons.

        Returns
        -------
        Decision
            One row per variant; see `Decision` for the rules.
        """
        return decide(self)

    def _told(self, metric: int, arm: int) -> str:
        change, low, high = (
            float(part[metric, 0, arm])
            for part in (self.effects.relative, self.effects.relative_lower, self.effects.relative_upper)
        )
        return f"{change:+.2%} ({low:+.2%} to {high:+.2%}), adjusted p {self.p_adjusted[metric, 0, arm]:.3g}"


def readout(
    data: IntoFrame | Moments,
    *,
    variant: str = "variant",
    control: Any,
    metrics: Sequence[Metric] | Mapping[str, Metric],
    segments: str | Sequence[str] | None = None,
    unit: str | None = None,
    strata: str | Sequence[str] | None = None,
    covariates: str | Sequence[str] | None = None,
    adjustment: str = "cuped",
    weights: Mapping[Any, float] | None = None,
    confidence: float = 0.95,
    alternative: str = "two-sided",
    sequential: Any = None,
    correction: str = "holm",
    n_threads: int | None = None,
) -> Readout:
    """Read an experiment out: effect, interval and test of each metric, segment and variant against the control.

    Parameters
    ----------
    data
        One row per unit (or several, see `unit`): a pandas, Polars or PyArrow dataframe. Or `Moments` by variant,
        segments and strata, such as ``Readout.moments`` of several days merged; all but quantiles can be had from them.
    variant
        Column of the arm.
    control
        The label of the arm that the others are compared with.
    metrics
        A list of `Metric`, named by their columns, or a mapping of name to `Metric`.
    segments
        Columns whose every value is read out too, beside "all".
    unit
        Column of what was randomised. Where it has several rows, a mean stays the mean of a *row*, and units are
        clusters: their sums are compared by the delta method. A unit must be in one variant, segment and stratum.
    strata
        Columns known before the assignment, to post-stratify by: arms are weighted to the strata's shares in all arms.
    covariates
        Columns known before the assignment, for all metrics without covariates of their own (quantiles excepted).
    adjustment
        "cuped": one slope for all arms [2]_. "lin": a slope for each arm, Lin's interacted regression [3]_, which never
        loses precision in large samples, whatever the arms' sizes.
    weights
        The shares that the assignment should have given to each variant, summing to 1, for the test of sample ratio
        mismatch; None leaves the test out.
    confidence
        The level of the intervals, in (0, 1).
    alternative
        "two-sided"; "greater" or "less" test one side (of treatment minus control) and give one-sided intervals.
    sequential
        None for one look; a `ConfidenceSequence` of the same level; or ``(GroupSequential, number of this look)``,
        whose p-values are those of z stretched by the bound, so that they are alpha at the bound. Every critical value
        is the design's own, also that of relative effects.
    correction
        "holm", "bonferroni", "hochberg", "bh", "by" or "none". Primary metrics of all variants are one family. A
        secondary metric stays behind the gate of its own variant's primary ones; where there are secondary metrics,
        variants share alpha equally (see `adjust_p_values`). Guardrails are not corrected. Segments are corrected apart
        from "all".
    n_threads
        Number of threads; None for all cores. The result is bitwise the same for any number.

    Returns
    -------
    Readout
        The table, `Readout.decision`, and what a reader must know in `warnings`.

    Raises
    ------
    DataError
        For a missing column or null labels, NaN or infinite values, proportions that are not 0 or 1, units in two
        variants, fewer than two units in an arm, and covariates that differ between arms by more than six standard
        errors: those were measured after exposure.
    ParameterError
        For a control that no row has, and parameters out of range or against each other.

    Notes
    -----
    O(rows x variables) for one pass, then O(metrics x segments x variants).

    Means: Welch's test. Ratios: linearised, ``(N - R D) / mean(D)``, with Welch's degrees of freedom. Proportions: the
    score test of Miettinen and Nurminen with its own intervals. Quantiles: exact laws of order statistics. Relative
    effects of means and ratios are Fieller's [1]_: the set of R for which ``m1 - (1 + R) m0`` is not significant at the
    same critical value. So each interval excludes 0 exactly where its test rejects. Where the control is not
    separated from 0 that set is unbounded; its ends are infinite then, with the warning "relative_unbounded".

    References
    ----------
    .. [1] Fieller, E. C. (1954). Some problems in interval estimation. Journal of the Royal Statistical Society B 16,
       175-185.
    .. [2] Deng, A., Y. Xu, R. Kohavi and T. Walker (2013). Improving the sensitivity of online controlled experiments
       by utilizing pre-experiment data. WSDM '13, 123-132.
    .. [3] Lin, W. (2013). Agnostic notes on regression adjustments to experimental data: reexamining Freedman's
       critique. Annals of Applied Statistics 7(1), 295-318.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from growthkit.experiment.metrics import Metric
    >>> from growthkit.experiment.readout import readout
    >>> draws = np.random.default_rng(7)
    >>> before = draws.gamma(2.0, 10.0, 4000)
    >>> arm = np.repeat(["a", "b"], 2000)
    >>> log = pd.DataFrame({"variant": arm, "before": before})
    >>> log["spend"] = before + draws.gamma(2.0, 5.0, 4000) + 1.0 * (arm == "b")
    >>> result = readout(log, control="a", metrics=[Metric.mean("spend", covariate="before")])
    >>> result.to_frame()[["metric", "segment", "variant", "effect", "lower", "upper"]].round(2)
      metric segment variant  effect  lower  upper
    0  spend     all       b    0.93   0.49   1.37
    """
    params = Params("readout")
    params.number("confidence", confidence, above=0.0, below=1.0)
    params.one_of("alternative", alternative, ("two-sided", "greater", "less"))
    params.one_of("correction", correction, tuple(CORRECTIONS))
    params.one_of("adjustment", adjustment, ("cuped", "lin"))
    named = _with_covariates(
        params, named_metrics(metrics, function="readout"), _listed(params, "covariates", covariates)
    )
    chosen = _listed(params, "segments", segments), _listed(params, "strata", strata)
    request = Request("readout", variant, control, named, *chosen, unit, n_threads)
    experiment = read_experiment(data, request)
    grid = Grid(experiment.moments, request)
    _refuse_small(grid)
    refuse_foreign_covariates(grid, sorted({name for metric in named.values() for name in metric.covariates}), request)
    level, design = level_of(params, confidence, alternative, sequential, grid.counts)
    found = analyse_metrics(experiment, grid, named, level, sequential=sequential, design=design, adjustment=adjustment)
    return Readout(
        backend=experiment.moments.backend,
        metrics=named,
        control=grid.arms.tolist()[0],
        variants=tuple(grid.arms.tolist()[1:]),
        segments=tuple(grid.segments),
        moments=experiment.moments,
        counts=grid.counts,
        effects=found.effects,
        methods=found.methods,
        p_adjusted=_adjusted(found.effects.p_value, named, correction),
        cautions=_cautions(found.effects, grid, found.near_zero),
        confidence=confidence,
        alternative=alternative,
        correction=correction,
        design=design,
        srm_p=_srm(grid, weights),
    )


def _listed(params: Params, name: str, given: Any) -> tuple[str, ...]:
    names = () if given is None else (given,) if isinstance(given, str) else tuple(given)
    if len(set(names)) < len(names):
        params.refuse(name, "different columns", given)
    return names


def _with_covariates(params: Params, metrics: dict[str, Metric], covariates: tuple[str, ...]) -> dict[str, Metric]:
    outcomes = {column for metric in metrics.values() for column in (metric.column, metric.denominator)}
    used = {*covariates, *(name for metric in metrics.values() for name in metric.covariates)}
    for name in sorted(used & outcomes, key=str):
        params.refuse("covariates", "measured before the assignment, so no metric's own column", name)
    return {
        name: metric if metric.covariates or metric.kind == "quantile" else replace(metric, covariates=covariates)
        for name, metric in metrics.items()
    }


def _refuse_small(grid: Grid) -> None:
    small = np.flatnonzero(grid.counts[0] < 2)
    if small.size:
        name = grid.arms[small[0]]
        raise DataError(
            f'readout: column "{grid.request.variant}" holds {small.size} arms of fewer than two units '
            f"(first {name!r}, {int(grid.counts[0][small[0]])}); a variance needs two, so leave such arms out."
        )


def _adjusted(p_value: FloatArray, metrics: Mapping[str, Metric], correction: str) -> FloatArray:
    roles = np.array([metric.role for metric in metrics.values()])
    adjusted = np.empty(p_value.shape)
    for part in (slice(0, 1), slice(1, None)):
        chosen = p_value[:, part]
        if chosen.size:
            role = np.broadcast_to(roles[:, None, None], chosen.shape)
            branch: AnyArray = np.arange(chosen.size, dtype=np.int64).reshape(chosen.shape) % chosen[0].size
            adjusted[:, part] = adjust_p_values(
                np.minimum(chosen, 1.0), method=correction, role=cast("Any", role), branch=branch
            )
    return adjusted


def _cautions(effects: Effects, grid: Grid, near_zero: FloatArray) -> dict[str, BoolArray]:
    fewest = np.minimum(grid.counts[:, :1], grid.counts[:, 1:])[None]
    unknown = np.isnan(effects.lower)
    starved = unknown & (np.isnan(effects.error) | (fewest < 2))
    closed = np.isfinite(effects.df) | np.isnan(effects.df)
    return {
        "too_few_units": starved,
        "no_variation": unknown & ~starved,
        "few_units": (fewest < FEW) & closed & ~starved,
        "skewed": effects.skewed,
        "relative_unbounded": effects.unbounded,
        "negative_control": effects.control_value < 0,
        "denominator_near_zero": near_zero < APART,
        "relative_unknown": np.isnan(effects.relative_lower) & ~unknown & ~effects.unbounded,
        "unbounded": np.isinf(effects.lower) & np.isinf(effects.upper),
    }


def _codes(cautions: Mapping[str, BoolArray], shape: tuple[int, ...]) -> AnyArray:
    told = np.full(shape, "", dtype=object)
    for code, rows in cautions.items():
        for place in map(tuple, np.argwhere(rows)):
            told[place] = f"{told[place]}, {code}" if told[place] else code
    return told


def _labels(labels: Sequence[Any]) -> AnyArray:
    plain = np.array(labels)
    if plain.dtype.kind in "iubf" and plain.ndim == 1:
        return plain
    return np.fromiter(labels, dtype=object, count=len(labels))


def _srm(grid: Grid, weights: Mapping[Any, float] | None) -> float:
    if weights is None:
        return float("nan")
    counts = dict(zip(grid.arms.tolist(), grid.counts[0].astype(int).tolist(), strict=True))
    return srm(counts, weights=weights).p_value
