"""Difference in differences: the change of treated units less that of untreated ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .._core.frames import Log, give_back, read_frame
from .._core.params import Params
from .._core.results import Estimate, Notice, announce
from ..exceptions import DataError, ParameterError
from ..typing import AnyArray, BoolArray, FloatArray, Int64Array, IntoFrame
from ._contrast_of_means import Contrasts, Estimates, estimate_contrasts
from ._group_time import Cell, Design, aggregate, cell_weights, group_time_cells, two_way_cells
from ._panel import Panel, column_list, place_of_start, read_panel
from ._pretrend import Pretrend, pretrend

__all__ = ["DifferenceInDifferences", "difference_in_differences"]

FEW_CLUSTERS = 10
"""Below so many clusters in a group the t law leans on normal means of clusters."""

METHODS = {"two_way": "two-way fixed effects", "group_time": "group-time effects (Callaway-Sant'Anna)"}


@dataclass(frozen=True, slots=True, eq=False, repr=False, kw_only=True)
class DifferenceInDifferences(Estimate):
    """The mean effect on the treated, and its course before and after the start.

    Parameters
    ----------
    df
        Degrees of freedom of the mean effect.
    distance
        Periods since the start, negative before; one row of the table each.
    by_distance
        Estimate, lower, upper and p-value of each, shape (4, distances); each interval stands alone.
    cells
        First treated period, period, estimate, lower, upper and p-value of each group-time effect.
    pretrend
        The test of the periods before the start.
    n_treated, n_control
        Units treated at some time, and never.
    """

    _picture: ClassVar[str] = "quasi:draw_difference_in_differences"

    df: float
    distance: Int64Array
    by_distance: FloatArray
    cells: dict[str, AnyArray]
    pretrend: Pretrend
    n_treated: int
    n_control: int

    def columns(self) -> dict[str, AnyArray]:
        """Return the effect by periods since the start as arrays by column name."""
        names = ("estimate", "lower", "upper", "p_value")
        return {"periods_since_start": self.distance, **dict(zip(names, self.by_distance, strict=True))}

    def group_times(self) -> IntoFrame:
        """Return the effect of each starting period in each period, as a dataframe of the caller's library."""
        return give_back(self.cells, backend=self.backend)

    def facts(self) -> dict[str, Any]:
        """Return the mean effect with its interval, and the test of the periods before the start."""
        interval = {name: getattr(self, name) for name in ("estimate", "lower", "upper", "p_value", "confidence")}
        counts = {"treated units": self.n_treated, "never treated units": self.n_control}
        return {**interval, "method": self.method, "pretrend p_value": self.pretrend.p_value, **counts}


def difference_in_differences(
    df: IntoFrame,
    *,
    unit: str,
    outcome: str,
    treated: str = "treated",
    timestamp: str = "timestamp",
    start: Any = None,
    covariates: str | Sequence[str] | None = None,
    cluster: str | None = None,
    method: str = "auto",
    control: str = "not_yet",
    incomplete: str = "refuse",
    confidence: float = 0.95,
) -> DifferenceInDifferences:
    """Estimate the mean effect on treated units from their change over time less that of untreated ones.

    Parameters
    ----------
    df
        One row per unit and period.
    unit
        The column of units: shops, regions, customers.
    outcome
        The column of outcomes.
    treated
        A column of 0 and 1. Without `start`: whether the unit is under treatment in this period; who is treated once
        stays so. With `start`: whether the unit belongs to those that are treated from then on.
    timestamp
        The column of periods: dates, timestamps or numbers. Its distinct values are the periods; moments in a time
        zone are read as UTC, so convert them to local time and drop the zone if that is what `start` is in.
    start
        The first treated period, where all start together.
    covariates
        Columns that explain the trend and are constant for each unit, such as its size before the start. Only where all
        start together.
    cluster
        A column of larger groups that share shocks, or within which treatment was given; constant for each unit. None
        for the unit itself.
    method
        "two_way": unit and period fixed effects, where all start together. "group_time": effects by group and period
        [1]_, also where they do not. "auto": the first where it is right, else the second. Two-way fixed effects are
        refused where units start at different times, since they then take treated units as controls [2]_.
    control
        For "group_time": "not_yet" (units that start later, or never) or "never".
    incomplete
        "refuse" or "drop" units that lack a period.
    confidence
        The level of the intervals, in (0, 1).

    Returns
    -------
    DifferenceInDifferences
        `estimate` is the mean over all treated units and periods for which there are controls; the table has a row per
        distance from the start. The test of the periods before it is in `pretrend`.

    Raises
    ------
    ParameterError
        If a parameter is out of range, or asks for two-way fixed effects or covariates where starts differ.
    DataError
        If periods of a unit are missing or repeated, a treatment ends, nobody is treated or untreated, or a covariate
        or cluster changes within a unit.

    Notes
    -----
    Every estimate is a contrast of means over groups of units: ``sum_g mean_{i in g} a_g . Y_i``, where a group are the
    units with one start. For "two_way", a is the mean of the later less that of the earlier periods, which is the
    coefficient of a regression with fixed effects of units and periods. For "group_time",
    ``ATT(g, t) = mean_g(Y_t - Y_{g-1}) - mean_C(Y_t - Y_{g-1})``, weighted by the size of g.

    Its variance is ``sum_g s_g^2 / n_g``, with s_g^2 of the ``a_g . Y_i`` (of their sums over clusters): Welch's test
    of the units' changes, whatever the correlation within a unit [3]_. Degrees of freedom are Satterthwaite's, but at
    most those for equal variances [4]_. The variance is conditional on the sizes of the groups. A group of a single
    unit borrows its covariance matrix from the others. With covariates the untreated changes are those of a regression
    on the untreated units, evaluated at the mean of the treated.

    O(units x periods x effects).

    References
    ----------
    .. [1] Callaway, B. and P. H. C. Sant'Anna (2021). Difference-in-differences with multiple time periods. Journal of
       Econometrics 225(2), 200-230.
    .. [2] Goodman-Bacon, A. (2021). Difference-in-differences with variation in treatment timing. Journal of
       Econometrics 225(2), 254-277.
    .. [3] Bertrand, M., E. Duflo and S. Mullainathan (2004). How much should we trust differences-in-differences
       estimates? Quarterly Journal of Economics 119(1), 249-275.
    .. [4] Imbens, G. W. and M. Kolesar (2016). Robust standard errors in small samples: some practical advice. Review
       of Economics and Statistics 98(4), 701-712.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from growthkit.experiment.difference_in_differences import difference_in_differences
    >>> rng = np.random.default_rng(4)
    >>> shop, week = np.repeat(np.arange(60), 10), np.tile(np.arange(10), 60)
    >>> sales = rng.normal(100, 10, 60)[shop] + 2 * week + 5 * ((shop < 25) & (week >= 6)) + rng.normal(0, 2, 600)
    >>> table = pd.DataFrame({"shop": shop, "week": week, "sales": sales, "treated": shop < 25})
    >>> result = difference_in_differences(table, unit="shop", outcome="sales", timestamp="week", start=6)
    >>> round(result.estimate, 2), round(result.lower, 2), round(result.upper, 2)
    (4.02, 3.32, 4.71)
    """
    params = Params("difference_in_differences")
    confidence = params.number("confidence", confidence, above=0, below=1)
    params.one_of("method", method, ("auto", *METHODS))
    params.one_of("control", control, ("not_yet", "never"))
    params.one_of("incomplete", incomplete, ("refuse", "drop"))
    names = column_list(params, "covariates", covariates)
    log = read_frame(df, function=params.function)
    panel = read_panel(log, unit=unit, timestamp=timestamp, outcome=outcome, incomplete=incomplete)
    first = _first_treated(params, log, panel, treated, start)
    panel, first = _without_always_treated(log, panel, first)
    design = _design(log, panel, first, treated)
    method = _method(params, design, method, control, names)
    others = _constant(log, panel, names, "covariate") if names else None
    clusters = None if cluster is None else _clusters(log, panel, cluster)
    result = _analyse(log, panel, design, method, control, others, clusters, confidence)
    announce((n for n in result.notices if n.code in ("pretrend", "variance_unknown")), function=params.function)
    return result


def _first_treated(params: Params, log: Log, panel: Panel, treated: str, start: Any) -> Int64Array:
    """Return the place of the first treated period of each unit; the number of periods where there is none."""
    marks = log.numbers(treated, role="treated")
    log.refuse_rows(treated, (marks != 0) & (marks != 1), "values other than 0 and 1", "recode it first")
    on: BoolArray = panel.of(marks) == 1
    n_periods = panel.periods.size
    if start is not None:
        place = place_of_start(params, panel.periods, start)
        _refuse_changes(log, panel, treated, on != on[:, :1], "with start= it marks the units, not their periods")
        return np.where(on[:, 0], place, n_periods)
    ended = np.zeros_like(on)
    ended[:, 1:] = on[:, :-1] & ~on[:, 1:]
    _refuse_changes(log, panel, treated, ended, "treatments that end cannot be analysed so; cut the table before")
    return np.where(on.any(axis=1), on.argmax(axis=1), n_periods)


def _refuse_changes(log: Log, panel: Panel, column: str, changed: BoolArray, fix: str) -> None:
    bad = np.zeros(log.n_rows, dtype=np.bool_)
    bad[panel.rows[changed]] = True
    log.refuse_rows(column, bad, "rows that differ from an earlier row of their unit", fix)


def _without_always_treated(log: Log, panel: Panel, first: Int64Array) -> tuple[Panel, Int64Array]:
    always = first == 0
    if not always.any():
        return panel, first
    if always.all():
        raise DataError(f"{log.function}: every unit is treated from its first period on; add earlier periods.")
    text = f"{int(always.sum())} units are treated from the first period on; they show no change and were left out."
    kept = panel.keep(np.flatnonzero(~always))
    return _with_notice(kept, Notice("always_treated", text)), first[~always]


def _with_notice(panel: Panel, notice: Notice) -> Panel:
    return Panel(panel.outcome, panel.rows, panel.units, panel.periods, (*panel.notices, notice))


def _design(log: Log, panel: Panel, first: Int64Array, treated: str) -> Design:
    starts, group = np.unique(first, return_inverse=True)
    if starts[0] == panel.periods.size:
        raise DataError(f'{log.function}: column "{treated}" marks nobody as treated; there is no effect to estimate.')
    if starts.size == 1:
        raise DataError(
            f"{log.function}: all {first.size} units start together and none is untreated; add untreated units."
        )
    return Design(starts, group.ravel(), np.bincount(group.ravel()), panel.periods.size)


def _method(params: Params, design: Design, method: str, control: str, covariates: Sequence[str]) -> str:
    """Return the method in use; staggered starts admit but one."""
    together = design.treated.size == 1 and design.starts.size == 2
    if not together and method == "two_way":
        raise ParameterError(
            f"{params.function}: method='two_way' takes treated units as controls where starts differ (here "
            f"{design.treated.size} of them) and may get even the sign wrong; use method='group_time'."
        )
    if covariates and (not together or method == "group_time"):
        params.refuse("covariates", "None unless all start together and method is 'two_way'", covariates)
    if control == "never" and design.starts[-1] < design.n_periods:
        params.refuse("control", "'not_yet' where no unit is never treated", control)
    return ("two_way" if together else "group_time") if method == "auto" else method


def _constant(log: Log, panel: Panel, names: Sequence[str], role: str) -> FloatArray:
    """Return columns that are constant within units, shape (units, columns)."""
    columns: list[FloatArray] = []
    for name in names:
        values = panel.of(log.measures(name, role=role))
        _refuse_changes(log, panel, name, values != values[:, :1], f"a {role} must be constant for each unit")
        columns.append(values[:, 0])
    return np.column_stack(columns)


def _clusters(log: Log, panel: Panel, column: str) -> AnyArray:
    codes = log.ids(column, role="cluster").codes[panel.rows]
    _refuse_changes(log, panel, column, codes != codes[:, :1], "a cluster must be constant for each unit")
    return codes[:, 0]


def _analyse(
    log: Log,
    panel: Panel,
    design: Design,
    method: str,
    control: str,
    covariates: FloatArray | None,
    cluster: AnyArray | None,
    confidence: float,
) -> DifferenceInDifferences:
    cells, lost = (two_way_cells(design), 0) if method == "two_way" else group_time_cells(design, control)
    if not any(cell.period >= design.starts[cell.group] for cell in cells):
        raise DataError(f"{log.function}: no effect has untreated units to compare with; add some.")
    weights = cell_weights(design, cells)
    total, distance = aggregate(design, cells, weights)
    contrasts = Contrasts(panel.outcome, design.group, cluster, covariates)
    found = estimate_contrasts(contrasts, total, confidence)
    before = pretrend(contrasts, total[1:][distance < 0], distance[distance < 0], method)
    notices = (*panel.notices, *_notices(found, before, lost, design, cluster))
    return DifferenceInDifferences(
        backend=log.backend,
        estimate=float(found.table[0, 0]),
        lower=float(found.table[1, 0]),
        upper=float(found.table[2, 0]),
        confidence=confidence,
        method=METHODS[method] + (", adjusted for covariates" if covariates is not None else ""),
        p_value=float(found.table[3, 0]),
        notices=notices,
        df=float(found.df[0]),
        distance=distance,
        by_distance=found.table[:, 1:],
        cells=_cell_table(panel, design, cells, estimate_contrasts(contrasts, weights, confidence)),
        pretrend=before,
        n_treated=int(design.sizes[design.treated].sum()),
        n_control=int(design.sizes[design.starts == design.n_periods].sum()),
    )


def _cell_table(panel: Panel, design: Design, cells: Sequence[Cell], found: Estimates) -> dict[str, AnyArray]:
    group = panel.periods[design.starts[[cell.group for cell in cells]]]
    period = panel.periods[[cell.period for cell in cells]]
    names = ("estimate", "lower", "upper", "p_value")
    return {"start": group, "period": period, **dict(zip(names, found.table, strict=True))}


def _notices(found: Estimates, before: Pretrend, lost: int, design: Design, cluster: AnyArray | None) -> list[Notice]:
    notices = [before.notice]
    single = int((design.sizes == 1).sum())
    if not np.isfinite(found.table[1, 0]):
        text = "the variance of the mean effect is 0 or cannot be known from these units: there is no interval."
        notices.append(Notice("variance_unknown", text))
    elif single and cluster is None:
        text = f"{single} of {design.sizes.size} groups hold a single unit, which borrows its variance from the others."
        notices.append(Notice("single_unit_groups", text))
    elif found.clusters < FEW_CLUSTERS:
        text = f"a group has only {found.clusters} clusters: the interval leans on a normal law of their changes."
        notices.append(Notice("few_clusters", text))
    if lost:
        text = f"{lost} group-time effects have no untreated units to compare with and are left out of the mean."
        notices.append(Notice("effects_without_controls", text))
    return notices
