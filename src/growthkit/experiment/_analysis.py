"""All effects of an experiment at once: metrics of one shape are stacked, segments and arms are axes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, cast

import numpy as np

from .._core.parallel import thread_count
from .._core.params import Params
from ..exceptions import ParameterError
from ..typing import FloatArray
from ._arms import Arms, estimate_arms
from ._effects import Effects, Level, arm_effects, score_effects
from ._quantiles import Clusters, quantile_effects
from ._reading import ROWS, Experiment, Grid, columns_of
from ._special import special
from ._windows import Grouping
from .confidence_sequence import ConfidenceSequence
from .group_sequential import GroupSequential
from .metrics import Metric

__all__ = ["Analysed", "analyse_metrics", "level_of"]


class Analysed(NamedTuple):
    """Effects with axes (metric, segment, variant), and the method of each metric."""

    effects: Effects
    methods: tuple[str, ...]
    near_zero: FloatArray
    """Standard errors that separate each control's denominator from 0; infinite where there is none."""


def level_of(
    params: Params, confidence: float, alternative: str, sequential: Any, counts: FloatArray
) -> tuple[Level, str]:
    """Return what the intervals promise, and the name of the sequential design; `counts` is (segments, arms)."""
    if sequential is None:
        return Level(confidence, alternative), ""
    control, others = counts[:, :1], counts[:, 1:]
    if isinstance(sequential, ConfidenceSequence):
        _refuse_other_level(params, sequential.confidence, sequential.alternative, confidence, alternative)
        return Level(confidence, alternative, sequential.critical_value(control, others)), "confidence sequence"
    pair = cast("tuple[Any, ...]", sequential) if isinstance(sequential, tuple) else ()
    look: Any = pair[1] if len(pair) == 2 else None
    plan = cast("Any", pair[0] if len(pair) == 2 else sequential)
    if not isinstance(plan, GroupSequential) or look is None:
        params.refuse(
            "sequential", "None, a ConfidenceSequence or a pair (GroupSequential, number of this look)", sequential
        )
    if params.whole("sequential[1]", look, low=1) > len(plan):
        raise ParameterError(
            f"{params.function}: look {look} lies beyond the {len(plan)} that the plan holds; plan it with more "
            "looks, or use a ConfidenceSequence, which has no last one."
        )
    planned = "two-sided" if plan.sided == 2 else "greater"
    _refuse_other_level(params, 1 - plan.alpha, planned, confidence, alternative)
    bound = np.full(others.shape, float(plan.bounds[look - 1]))
    return Level(confidence, alternative, bound), f"group sequential, look {look} of {len(plan)}"


def _refuse_other_level(params: Params, planned: float, planned_side: str, confidence: float, alternative: str) -> None:
    if abs(planned - confidence) > 1e-12 or planned_side != alternative:
        raise ParameterError(
            f"{params.function}: sequential was planned for confidence {planned:g}, {planned_side}, the readout asks "
            f"for {confidence:g}, {alternative}; make them equal."
        )


def analyse_metrics(
    experiment: Experiment,
    grid: Grid,
    metrics: Mapping[str, Metric],
    level: Level,
    *,
    sequential: Any,
    design: str,
    adjustment: str,
) -> Analysed:
    """Return the effects of all metrics, in the order in which they came."""
    clustered = ROWS in grid.moments.variables
    names = list(metrics)
    found: dict[str, Effects] = {}
    methods: dict[str, str] = {}
    gaps: dict[str, FloatArray] = {}
    for shape, members in _by_shape(metrics, grid, clustered, level).items():
        chosen = [metrics[name] for name in members]
        if shape[0] == "quantile":
            found |= _quantiles(experiment, grid, {name: metrics[name] for name in members}, level)
        elif shape[0] == "score":
            found |= _split(_score(grid, chosen, level), members)
        else:
            effects, near = _linear(grid, chosen, level, adjustment=adjustment, clustered=clustered)
            found |= _split(effects, members)
            gaps |= dict(zip(members, near, strict=True))
        methods |= {name: _method(shape, grid, design, adjustment, clustered) for name in members}
    stacked = Effects(*(np.stack(parts) for parts in zip(*(found[name] for name in names), strict=True)))
    far = np.full((grid.shape[0], 1), np.inf)
    near_zero = np.stack([np.broadcast_to(gaps.get(name, far), stacked.effect.shape[1:]) for name in names])
    if level.critical is not None:
        stacked = stacked._replace(p_value=_sequential_p(stacked, grid, level, sequential))
    return Analysed(stacked, tuple(methods[name] for name in names), near_zero)


def _quantiles(experiment: Experiment, grid: Grid, metrics: Mapping[str, Metric], level: Level) -> dict[str, Effects]:
    """Return the effects by metric; `_reading` refuses quantiles of moments alone."""
    n_rows = experiment.cells.size
    n_threads = thread_count(grid.request.n_threads, n_rows=n_rows, function=grid.request.function)
    rows, clusters = grid.moments.n, None
    if experiment.units is not None and experiment.unit_cells is not None:
        clusters = Clusters(experiment.units, experiment.unit_cells)
        rows = np.bincount(experiment.cells, minlength=rows.size).astype(np.float64)
    grouping = Grouping.of(experiment.cells, grid.tables, rows, grid.counts.size, n_threads=n_threads)
    return {
        name: quantile_effects(
            experiment.columns[metric.column],
            grouping,
            cast("float", metric.q),
            level,
            n_arms=grid.arms.size,
            clusters=clusters,
            n_threads=n_threads,
        )
        for name, metric in metrics.items()
    }


def _by_shape(
    metrics: Mapping[str, Metric], grid: Grid, clustered: bool, level: Level
) -> dict[tuple[str, bool, int], list[str]]:
    shapes: dict[tuple[str, bool, int], list[str]] = {}
    for name, metric in metrics.items():
        kind = "linear"
        if metric.kind == "quantile":
            kind = "quantile"
            if level.critical is not None or grid.shape[2] > 1:
                raise ParameterError(
                    f"{grid.request.function}: metric {name!r} is a quantile, for which there is no sequential and no "
                    "stratified form here; read it out alone."
                )
        elif metric.kind == "proportion" and not (
            clustered or metric.covariates or grid.shape[2] > 1 or level.critical is not None
        ):
            kind = "score"
        ratio = metric.kind == "ratio" or (clustered and kind == "linear")
        shapes.setdefault((kind, ratio, len(metric.covariates)), []).append(name)
    return shapes


def _linear(
    grid: Grid, metrics: list[Metric], level: Level, *, adjustment: str, clustered: bool
) -> tuple[Effects, FloatArray]:
    columns = [columns_of(metric, clustered=clustered) for metric in metrics]
    ratio = metrics[0].kind == "ratio" or clustered
    cells = grid.cells(columns, ratio=ratio)
    effects = arm_effects(estimate_arms(cells, adjustment=adjustment), level)
    if not ratio:
        return effects, np.full((len(metrics), grid.shape[0], 1), np.inf)
    bases = cells._replace(mean=cells.mean[..., 1:2], covariance=cells.covariance[..., 1:2, 1:2], ratio=False)
    arms: Arms = estimate_arms(bases, adjustment="cuped")
    with np.errstate(divide="ignore", invalid="ignore"):
        separation = np.abs(arms.value) / np.sqrt(arms.variance)
    return effects, np.minimum(separation[..., :1], separation[..., 1:])


def _score(grid: Grid, metrics: list[Metric], level: Level) -> Effects:
    cells = grid.cells([(metric.column,) for metric in metrics], ratio=False)
    n = np.broadcast_to(grid.counts, cells.mean.shape[:3])
    x = np.rint(cells.mean[..., 0, 0] * n)
    x1, n1, x0, n0 = np.broadcast_arrays(x[..., 1:], n[..., 1:], x[..., :1], n[..., :1])
    return score_effects(x1, n1, x0, n0, level)


def _split(effects: Effects, names: list[str]) -> dict[str, Effects]:
    return {name: Effects(*(part[place] for part in effects)) for place, name in enumerate(names)}


def _method(shape: tuple[str, bool, int], grid: Grid, design: str, adjustment: str, clustered: bool) -> str:
    kind, ratio, n_covariates = shape
    if kind == "quantile":
        return "order statistics, clusters" if clustered else "order statistics"
    if kind == "score":
        return "Miettinen-Nurminen score"
    words = ["delta method" if ratio else ("normal" if design else "Welch")]
    words += ["clusters"] if clustered else []
    words += ["post-stratified"] if grid.shape[2] > 1 else []
    words += ["CUPED" if adjustment == "cuped" else "Lin"] if n_covariates else []
    return ", ".join([*words, *([design] if design else [])])


def _sequential_p(effects: Effects, grid: Grid, level: Level, sequential: Any) -> FloatArray:
    """Return p-values that are at most alpha exactly where the interval excludes 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(effects.error > 0, effects.effect / effects.error, np.where(effects.effect == 0, 0.0, np.nan))
    if isinstance(sequential, ConfidenceSequence):
        counts = grid.counts
        return np.where(np.isnan(z), np.nan, sequential.p_value(z, counts[:, :1], counts[:, 1:]))
    # At the bound the level is alpha; elsewhere the z scale is stretched so that it stays so.
    stretched = z * (-special.ndtri(level.tail) / np.asarray(level.critical))
    return 2 * special.ndtr(-np.abs(stretched)) if level.alternative == "two-sided" else special.ndtr(-stretched)
