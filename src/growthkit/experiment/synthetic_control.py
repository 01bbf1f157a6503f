"""Synthetic control: what one treated unit would have done, as a weighted mean of others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .._core.frames import Log, give_back, read_frame
from .._core.params import Params
from .._core.results import Estimate, Notice, announce
from ..exceptions import DataError
from ..typing import AnyArray, FloatArray, IntoFrame
from ._panel import Panel, place_of_start, read_panel
from ._simplex import simplex_weights

__all__ = ["SyntheticControl", "synthetic_control"]

FEWEST_DONORS = 2
FEWEST_PERIODS = 4
"""Before the start: below, weights fit noise and the placebo ratios say nothing."""

EXACT_FIT = 1e-9
"""A fit whose error is below this share of the outcomes' scale counts as without error."""

POOR_FIT = 2.0
"""A fit worse than so many times the median placebo's is called poor."""


@dataclass(frozen=True, slots=True, eq=False, repr=False, kw_only=True)
class SyntheticControl(Estimate):
    """The treated unit against its synthetic control: one row a period.

    Parameters
    ----------
    treated
        The treated unit.
    periods
        Their labels, sorted.
    start
        The place in `periods` of the first treated one.
    observed, synthetic
        The outcome of the treated unit and of its synthetic control, by period. Their difference is the gap.
    donors, weights
        The other units and their weights, which sum to 1.
    pre_rmspe, post_rmspe
        Root mean squared gaps before and from the start; of the treated unit, then of each donor as a placebo.
    placebo_gaps
        The gaps of each donor as a placebo, shape (donors, periods).
    """

    _picture: ClassVar[str] = "quasi:draw_synthetic_control"

    treated: Any
    periods: AnyArray
    start: int
    observed: FloatArray
    synthetic: FloatArray
    donors: AnyArray
    weights: FloatArray
    pre_rmspe: FloatArray
    post_rmspe: FloatArray
    placebo_gaps: FloatArray

    @property
    def gap(self) -> FloatArray:
        """Observed less synthetic, by period."""
        return self.observed - self.synthetic

    def columns(self) -> dict[str, AnyArray]:
        """Return observed, synthetic and gap by period as arrays by column name."""
        after = np.arange(self.periods.size) >= self.start
        series = {"observed": self.observed, "synthetic": self.synthetic, "gap": self.gap}
        return {"timestamp": self.periods, "treated": after, **series}

    def facts(self) -> dict[str, Any]:
        """Return the mean gap with its interval, the fit, and the donors in use."""
        used = np.flatnonzero(self.weights > 0)
        leading = used[np.argsort(-self.weights[used], kind="stable")][:5]
        return {
            "estimate": self.estimate,
            "lower": self.lower,
            "upper": self.upper,
            "p_value": self.p_value,
            "confidence": self.confidence,
            "method": self.method,
            "pre_rmspe": float(self.pre_rmspe[0]),
            "donors": f"{used.size} of {self.donors.size}: "
            + ", ".join(f"{self.donors[i]} {self.weights[i]:.3f}" for i in leading),
        }

    def weights_frame(self) -> IntoFrame:
        """Return donor and weight, the heaviest first, as a dataframe of the caller's library."""
        order = np.argsort(-self.weights, kind="stable")
        return give_back({"donor": self.donors[order], "weight": self.weights[order]}, backend=self.backend)

    def placebos_frame(self) -> IntoFrame:
        """Return the fit of each unit before and from the start; the treated unit comes first."""
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = self.post_rmspe / self.pre_rmspe
        units = np.array([self.treated, *self.donors.tolist()], dtype=object).astype(str).astype(object)
        table = {"unit": units, "pre_rmspe": self.pre_rmspe, "post_rmspe": self.post_rmspe, "ratio": ratio}
        return give_back(table, backend=self.backend)


def synthetic_control(
    df: IntoFrame,
    *,
    unit: str,
    treated: Any,
    start: Any,
    outcome: str,
    timestamp: str = "timestamp",
    intercept: bool = False,
    incomplete: str = "refuse",
    confidence: float = 0.95,
) -> SyntheticControl:
    """Estimate the effect on one unit by a weighted mean of untreated ones.

    The method is that of [1]_.

    Parameters
    ----------
    df
        One row per unit and period, of the treated unit and of donors that nothing happened to.
    unit
        The column of units, such as regions.
    treated
        The treated unit, a value of that column.
    start
        The first treated period: a value of `timestamp` or any moment between two of them.
    outcome
        The column of outcomes.
    timestamp
        The column of periods: dates, timestamps or numbers. Its distinct values are the periods; moments in a time
        zone are read as UTC, so convert them to local time and drop the zone if that is what `start` is in.
    intercept
        Whether the synthetic control may differ from the treated unit by a constant: each series is centred at its mean
        before the start [3]_. Needed where no mix of donors reaches the level of the treated unit.
    incomplete
        "refuse" or "drop" donors that lack a period.
    confidence
        The level of the interval, in (0, 1).

    Returns
    -------
    SyntheticControl
        `estimate` is the mean gap from the start on; `p_value` is that of the placebo test; the table holds the gap of
        each period. The interval holds each constant effect that the placebo test does not reject.

    Raises
    ------
    ParameterError
        If a parameter is out of range or `treated` is no unit.
    DataError
        If there are fewer than 2 donors or 4 periods before the start, or a period of a unit is missing or repeated.

    Notes
    -----
    The weights minimise ``sum (y_1t - sum_j w_j y_jt)^2`` over the periods before the start, with ``w >= 0`` and
    ``sum w = 1``. Only outcomes are matched, all of them, and no further predictors.

    The placebo test treats each donor as if it had been treated, the treated unit among its donors, and compares ratios
    R of the root mean squared gaps after and before: p is the share of all units whose R is at least that of the
    treated unit. It is exact if the treated unit could as well have been any other. For a constant effect c, c is
    subtracted from the treated unit's outcomes first; the squares of all R are quadratic in c, so that the set of the c
    that are not rejected has closed form [2]_. With J donors p is at least 1 / (J + 1): fewer than 19 donors give no
    bounded interval of 95 %.

    O(J^2 (T + k^2)) for T periods and k positive weights.

    References
    ----------
    .. [1] Abadie, A., A. Diamond and J. Hainmueller (2010). Synthetic control methods for comparative case studies.
       Journal of the American Statistical Association 105(490), 493-505.
    .. [2] Firpo, S. and V. Possebom (2018). Synthetic control method: inference, sensitivity analysis and confidence
       sets. Journal of Causal Inference 6(2).
    .. [3] Ferman, B. and C. Pinto (2021). Synthetic controls with imperfect pretreatment fit. Quantitative Economics
       12(4), 1197-1221.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from growthkit.experiment.synthetic_control import synthetic_control
    >>> rng = np.random.default_rng(1)
    >>> season = 10 * np.sin(np.arange(40) / 3)
    >>> sales = 100 + np.outer(np.linspace(0.5, 1.5, 25), season) + rng.normal(0, 1, (25, 40))
    >>> sales[12, 30:] += 8
    >>> table = pd.DataFrame({"region": np.repeat(np.arange(25), 40), "week": np.tile(np.arange(40), 25),
    ...                       "sales": sales.ravel()})
    >>> result = synthetic_control(table, unit="region", treated=12, start=30, outcome="sales", timestamp="week")
    >>> round(result.estimate, 2), round(result.p_value, 2), bool(result.lower < 8 < result.upper)
    (8.04, 0.04, True)
    """
    params = Params("synthetic_control")
    confidence = params.number("confidence", confidence, above=0, below=1)
    params.flag("intercept", intercept)
    params.one_of("incomplete", incomplete, ("refuse", "drop"))
    log = read_frame(df, function=params.function)
    panel = read_panel(log, unit=unit, timestamp=timestamp, outcome=outcome, incomplete=incomplete)
    first = place_of_start(params, panel.periods, start)
    one = _place_of_treated(params, panel, treated)
    _refuse_too_few(log, panel, first)
    result = _analyse(log, panel, one, first, intercept, confidence)
    announce((n for n in result.notices if n.code in ("poor_fit", "exact_fit")), function=params.function)
    return result


def _place_of_treated(params: Params, panel: Panel, treated: Any) -> int:
    found = np.flatnonzero(panel.units == treated)
    if found.size != 1:
        some = ", ".join(repr(label) for label in panel.units[:5].tolist())
        params.refuse("treated", f"a unit with a row in each period, such as {some}", treated)
    return int(found[0])


def _refuse_too_few(log: Log, panel: Panel, first: int) -> None:
    donors = panel.units.size - 1
    if donors < FEWEST_DONORS:
        raise DataError(f"{log.function}: {donors} donors are too few; add untreated units, at least {FEWEST_DONORS}.")
    if first < FEWEST_PERIODS:
        raise DataError(
            f"{log.function}: {first} periods before the start are too few to fit weights; add earlier ones, at least "
            f"{FEWEST_PERIODS}."
        )


def _analyse(log: Log, panel: Panel, one: int, first: int, intercept: bool, confidence: float) -> SyntheticControl:
    order = np.append(one, np.flatnonzero(np.arange(panel.units.size) != one))
    series = panel.outcome[order]
    level = series[:, :first].mean(axis=1, keepdims=True) if intercept else np.zeros((series.shape[0], 1))
    weights = _all_weights((series - level)[:, :first])
    gaps = (series - level) - weights @ (series - level)
    pre = np.sqrt(np.square(gaps[:, :first]).mean(axis=1))
    post = np.sqrt(np.square(gaps[:, first:]).mean(axis=1))
    exact = pre <= EXACT_FIT * max(float(np.abs(series[:, :first]).max()), np.finfo(np.float64).tiny)
    lower, upper, p_value = _placebo_set(gaps[:, first:], pre, exact, weights[:, 0], confidence)
    notices = (*panel.notices, *_notices(pre, exact, lower, upper, confidence))
    return SyntheticControl(
        backend=log.backend,
        estimate=float(gaps[0, first:].mean()),
        lower=lower,
        upper=upper,
        confidence=confidence,
        method="synthetic control, placebo test" + (" (with intercept)" if intercept else ""),
        p_value=p_value,
        notices=notices,
        treated=panel.units[one],
        periods=panel.periods,
        start=first,
        observed=series[0],
        synthetic=series[0] - gaps[0],
        donors=panel.units[order[1:]],
        weights=weights[0, 1:],
        pre_rmspe=pre,
        post_rmspe=post,
        placebo_gaps=gaps[1:],
    )


def _all_weights(before: FloatArray) -> FloatArray:
    """Return the weights of each unit (row) on all others (columns); 0 on itself."""
    n = before.shape[0]
    weights = np.zeros((n, n))
    for i in range(n):
        others = np.ones(n, dtype=np.bool_)
        others[i] = False
        weights[i, others] = simplex_weights(before[others], before[i])
    return weights


def _placebo_set(
    gaps: FloatArray, pre: FloatArray, exact: AnyArray, loading: FloatArray, confidence: float
) -> tuple[float, float, float]:
    """Return the ends of the set of constant effects that the placebo test does not reject, and p at 0.

    The squared ratio of unit j is the quadratic ``a c^2 + b c + d`` in the effect c: the gaps of the treated unit are
    lower by c, those of a placebo higher by c times its weight on the treated unit.
    """
    if exact[0]:
        return -np.inf, np.inf, np.nan
    slope = np.append(-1.0, loading[1:])
    with np.errstate(divide="ignore", invalid="ignore"):
        unscaled = np.array([slope**2, 2 * slope * gaps.mean(axis=1), np.square(gaps).mean(axis=1)])
        quadratics = np.where(exact, np.array([[0.0], [0.0], [np.inf]]), unscaled / np.square(pre))
    needed = (1 - confidence) * pre.size

    def reaching(c: FloatArray) -> AnyArray:
        values = quadratics[0] * c[:, None] ** 2 + quadratics[1] * c[:, None] + quadratics[2]
        return (values >= values[:, :1] * (1 - 1e-12)).sum(axis=1)

    p_value = float(reaching(np.zeros(1))[0]) / pre.size
    ends = _crossings(quadratics[:, 1:] - quadratics[:, :1])
    probes = np.concatenate([[ends[0] - 1 - abs(ends[0])], (ends[1:] + ends[:-1]) / 2, [ends[-1] + 1 + abs(ends[-1])]])
    inside = reaching(probes) > needed + 1e-9
    if not inside.any():
        return np.nan, np.nan, p_value
    low, high = int(inside.argmax()), inside.size - 1 - int(inside[::-1].argmax())
    edges = np.concatenate([[-np.inf], ends, [np.inf]])
    return float(edges[low]), float(edges[high + 1]), p_value


def _crossings(quadratics: FloatArray) -> FloatArray:
    """Return the sorted real roots of ``a c^2 + b c + d``, by column; 0 if there are none."""
    a, b, d = quadratics[:, np.isfinite(quadratics[2])]
    with np.errstate(divide="ignore", invalid="ignore"):
        q = -0.5 * (b + np.copysign(np.sqrt(b**2 - 4 * a * d), b))
        roots = np.concatenate([q / a, d / q])
    roots = np.sort(roots[np.isfinite(roots)])
    return roots if roots.size else np.zeros(1)


def _notices(pre: FloatArray, exact: AnyArray, lower: float, upper: float, confidence: float) -> list[Notice]:
    found: list[Notice] = []
    usual = float(np.median(pre[1:]))
    if exact[0]:
        text = "the donors fit the periods before the start without error: weights are not unique and the fit proves "
        found.append(Notice("exact_fit", text + "nothing; add earlier periods or leave out donors."))
    elif pre[0] > POOR_FIT * usual:
        text = f"the fit before the start (RMSPE {pre[0]:.4g}) is worse than the median placebo's ({usual:.4g}): the "
        found.append(Notice("poor_fit", text + "gap may be lack of fit, not effect; try intercept=True."))
    if pre.size * (1 - confidence) < 1 - 1e-9:
        text = f"with {pre.size - 1} donors p is at least {1 / pre.size:.3g}: no bounded interval of {confidence:.0%}."
        found.append(Notice("few_donors", text))
    elif np.isinf(lower) or np.isinf(upper):
        text = "the interval has no bound: a placebo that leans on the treated unit moves with any effect taken off it."
        found.append(Notice("unbounded", text))
    elif np.isnan(lower):
        found.append(Notice("no_constant_effect", "every constant effect is rejected: look at the gaps by period."))
    return found
