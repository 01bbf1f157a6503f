"""Fieller's interval for a ratio of two estimates, such as a relative effect or a revenue per session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from .._core.params import Params
from .._core.results import Estimate, Notice
from ..exceptions import DataError
from ..typing import AnyArray, BoolArray, FloatArray
from ._inputs import Columns
from ._special import special

__all__ = ["FiellerInterval", "Pivot", "fieller_interval"]


class Pivot(NamedTuple):
    """Two estimates with their variances and covariance, a value a row.

    Parameters
    ----------
    numerator, denominator
        The estimates.
    var_num, var_den, cov
        Their variances and covariance.
    """

    numerator: FloatArray
    denominator: FloatArray
    var_num: FloatArray
    var_den: FloatArray
    cov: FloatArray

    def statistic(self, ratio: FloatArray) -> FloatArray:
        """Return by how many standard errors numerator - ratio x denominator differs from 0."""
        distance = np.abs(self.numerator - ratio * self.denominator)
        error = np.sqrt(np.maximum(self.var_num - 2 * ratio * self.cov + ratio**2 * self.var_den, 0))
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            return np.where(error > 0, distance / error, np.where(distance == 0, 0.0, np.inf))


@dataclass(frozen=True, slots=True, eq=False, repr=False, kw_only=True)
class FiellerInterval(Estimate):
    """Confidence sets of ratios; use `contains` to ask whether a value belongs to them.

    Parameters
    ----------
    shape
        Of each set: "bounded": lower to upper. "exclusive": everything but the open gap from `gap_lower` to
        `gap_upper`. "half-line": one end is infinite. "whole": every number. Other than bounded only where the
        denominator is not separated from 0 at this level.
    gap_lower, gap_upper
        The ends of the gap of an exclusive set, NaN elsewhere.
    pivot
        What `contains` needs: the two estimates, their variances and covariance.
    quantile
        Of the law of the test statistic, a value a row.
    """

    shape: str | AnyArray
    gap_lower: float | FloatArray
    gap_upper: float | FloatArray
    pivot: Pivot
    quantile: FloatArray

    def contains(self, value: Any) -> Any:
        """Return whether the sets contain `value` (a number or an array of k): whether the test does not reject it."""
        ratio: FloatArray = np.atleast_1d(np.asarray(value, dtype=np.float64))
        inside = self.pivot.statistic(ratio) <= self.quantile
        return bool(inside[0]) if np.ndim(self.estimate) == 0 and inside.size == 1 else inside

    def columns(self) -> dict[str, AnyArray]:
        """Return the table as arrays by column name: one row a ratio."""
        shape = np.atleast_1d(np.asarray(self.shape, dtype=object))
        gap = {"gap_lower": np.atleast_1d(self.gap_lower), "gap_upper": np.atleast_1d(self.gap_upper)}
        return {**super(FiellerInterval, self).columns(), "shape": shape, **gap}


def fieller_interval(
    numerator: Any,
    denominator: Any,
    var_num: Any,
    var_den: Any,
    cov: Any = 0.0,
    *,
    confidence: float = 0.95,
    df: Any = None,
    null: Any = 0.0,
) -> FiellerInterval:
    """Return the confidence set of a ratio of two normal estimates, and the test that it inverts.

    The method is that of [1]_.

    Parameters
    ----------
    numerator, denominator
        The two estimates, numbers or arrays of k. For a relative effect: the difference of the means and the mean of
        the control.
    var_num, var_den
        Their variances (squared standard errors, not variances of single values), at least 0.
    cov
        Their covariance. For a relative effect with the control's mean below: minus its variance.
    confidence
        The level, in (0, 1).
    df
        Degrees of freedom of the variances, above 0, a number or an array of k; None for the normal distribution.
    null
        The ratio to test, a number or an array of k. The p-value at 0 is that of the test of the numerator.

    Returns
    -------
    FiellerInterval
        `lower` and `upper` enclose the set, infinite where it has no bound; for sets with a gap both are infinite and
        `gap_lower` and `gap_upper` say what is excluded. Sets that are not bounded are named in `warnings`. The set
        contains `null` exactly where the p-value is at least 1 - `confidence`.

    Raises
    ------
    ParameterError
        For a level out of range.
    DataError
        For NaN, negative variances, covariances too large for them, degrees of freedom of 0 or less, arrays of
        different lengths, or a denominator of exactly 0 without variance.

    Notes
    -----
    O(k). The set holds the r with ``(numerator - r denominator)^2 <= t^2 (var_num - 2 r cov + r^2 var_den)``, a
    quadratic inequality. It is bounded exactly where the denominator differs from 0 at this level. If not, a bounded
    interval with the right coverage does not exist [2]_; one of the delta method is bounded always, and covers less
    than it says.

    References
    ----------
    .. [1] Fieller, E. C. (1954). Some problems in interval estimation. Journal of the Royal Statistical Society B
       16(2), 175-185.
    .. [2] Gleser, L. J. and J. T. Hwang (1987). The nonexistence of 100(1 - alpha)% confidence sets of finite expected
       diameter in errors-in-variables and related models. Annals of Statistics 15(4), 1351-1362.

    Examples
    --------
    >>> from growthkit.experiment.ratios import fieller_interval
    >>> lift = fieller_interval(0.5, 10.0, 0.04, 0.02, -0.02)
    >>> round(lift.lower, 4), round(lift.upper, 4), round(lift.p_value, 4)
    (0.0106, 0.091, 0.0124)
    >>> vague = fieller_interval(3.0, 0.5, 1.0, 1.0)
    >>> vague.shape, vague.contains(0.0), vague.contains(-10.0)
    ('exclusive', False, True)
    """
    params = Params("fieller_interval")
    level = params.number("confidence", confidence, above=0, below=1)
    given = {"numerator": numerator, "denominator": denominator, "var_num": var_num, "var_den": var_den, "cov": cov}
    columns = Columns(params.function, **given, null=null, **({} if df is None else {"df": df}))
    _check(columns, has_df=df is not None)
    pivot = Pivot(*(columns[name] for name in Pivot._fields))
    freedom = columns["df"] if df is not None else None
    quantile = _quantile((1 + level) / 2, freedom, pivot.cov.size)
    found = _solve(pivot, quantile**2)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        estimate = pivot.numerator / pivot.denominator
    return FiellerInterval(
        "pandas",
        columns.plain(estimate),
        columns.plain(found.lower),
        columns.plain(found.upper),
        level,
        "Fieller",
        columns.plain(_p_value(pivot.statistic(columns["null"]), freedom)),
        _notices(found.shape, level),
        shape=str(found.shape[0]) if columns.scalar else found.shape,
        gap_lower=columns.plain(found.gap_lower),
        gap_upper=columns.plain(found.gap_upper),
        pivot=pivot,
        quantile=quantile,
    )


def _check(columns: Columns, *, has_df: bool) -> None:
    for name in ("var_num", "var_den"):
        columns.refuse(name, columns[name] < 0, "negative values", "pass squared standard errors")
    most = columns["var_num"] * columns["var_den"]
    too_large = columns["cov"] ** 2 > most * (1 + 1e-9)
    columns.refuse("cov", too_large, "values beyond sqrt(var_num var_den)", "pass a covariance, not a correlation")
    if has_df:
        columns.refuse("df", columns["df"] <= 0, "values of 0 or less", "drop arms with fewer than two units")
    fixed: BoolArray = (columns["denominator"] == 0) & (columns["var_den"] == 0)
    if fixed.any():
        raise DataError(
            f"{columns.function}: denominator is 0 without variance in {int(fixed.sum())} rows (first at row "
            f"{int(fixed.argmax())}), so there is no ratio; compare the numerators themselves."
        )


def _quantile(probability: float, df: FloatArray | None, size: int) -> FloatArray:
    return np.asarray(
        np.full(size, special.ndtri(probability)) if df is None else special.stdtrit(df, probability), dtype=np.float64
    )


def _p_value(statistic: FloatArray, df: FloatArray | None) -> FloatArray:
    return np.asarray(2 * (special.ndtr(-statistic) if df is None else special.stdtr(df, -statistic)), dtype=np.float64)


class Solution(NamedTuple):
    """The shape of the sets, what encloses them, and their gaps."""

    shape: AnyArray
    lower: FloatArray
    upper: FloatArray
    gap_lower: FloatArray
    gap_upper: FloatArray


def _solve(pivot: Pivot, square: FloatArray) -> Solution:
    """Solve a r^2 - 2 b r + c <= 0."""
    a = pivot.denominator**2 - square * pivot.var_den
    b = pivot.numerator * pivot.denominator - square * pivot.cov
    c = pivot.numerator**2 - square * pivot.var_num
    discriminant = b**2 - a * c
    low, high = _roots(a, b, c, np.sqrt(np.maximum(discriminant, 0)))
    exclusive, half = (a < 0) & (discriminant > 0), (a == 0) & (b != 0)
    kinds: AnyArray = np.select([a > 0, exclusive, half], ["bounded", "exclusive", "half-line"], "whole")
    end = c / np.where(half, 2 * b, 1)
    lower = np.select([a > 0, half & (b > 0)], [low, end], -np.inf)
    upper = np.select([a > 0, half & (b < 0)], [high, end], np.inf)
    return Solution(
        kinds.astype(object), lower, upper, np.where(exclusive, low, np.nan), np.where(exclusive, high, np.nan)
    )


def _roots(a: FloatArray, b: FloatArray, c: FloatArray, root: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return both roots in order, without cancellation: the larger in size first, the other as a quotient."""
    large = b + np.copysign(root, b)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        first, second = large / a, np.where(large == 0, 0.0, c / large)
    return np.minimum(first, second), np.maximum(first, second)


REASONS = {
    "exclusive": "all ratios but those in a gap",
    "half-line": "all ratios beyond one end",
    "whole": "all ratios",
}


def _notices(shape: AnyArray, confidence: float) -> tuple[Notice, ...]:
    notices: list[Notice] = []
    for kind, meaning in REASONS.items():
        rows = shape == kind
        if rows.any():
            text = (
                f"{int(rows.sum()):,} rows (first {int(rows.argmax())}) have a denominator that is not separated "
                f"from 0 at {confidence:.4g}: {meaning} agree with the data."
            )
            notices.append(Notice(f"ratio_{kind.replace('-', '_')}", text))
    return tuple(notices)
