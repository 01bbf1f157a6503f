"""`check_assignment`: whether a table of assignments can carry an experiment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import numpy as np

from .._core.corrections import CORRECTIONS
from .._core.frames import give_back
from .._core.params import Params
from .._core.results import Notice, Result, announce
from ..exceptions import DataError
from ..typing import AnyArray, FloatArray, Int64Array, IntoFrame
from ._assignment_findings import (
    Finding,
    Table,
    changes,
    read_table,
    repeats,
    split_units,
    time_findings,
    two_arms,
)
from ._balance import Balance, Omnibus, balance_of, omnibus_test
from ._shares import ALPHA, read_shares
from .srm import srm

__all__ = ["AssignmentCheck", "check_assignment"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class AssignmentCheck(Result):
    """One row a check; `ok` if all passed. `balance` has one row for each covariate and arm.

    Parameters
    ----------
    findings
        What each check found.
    covariates, variants
        The names of each row of `differences`.
    differences
        The standardised mean differences, or None without covariates.
    omnibus
        The test of all covariates at once, or None.
    confidence
        Of the intervals of the differences.
    alpha
        The level of the tests.
    counts
        Units by variant, those in two arms left out.
    """

    _picture: ClassVar[str] = "assignment:draw_assignment_check"

    findings: tuple[Finding, ...]
    covariates: AnyArray
    variants: AnyArray
    differences: Balance | None
    omnibus: Omnibus | None
    confidence: float
    alpha: float
    counts: dict[Any, int]

    @property
    def ok(self) -> bool:
        """Whether every check passed."""
        return all(finding.ok for finding in self.findings)

    @property
    def warnings(self) -> tuple[Notice, ...]:
        """One notice for each check that found something, passed or not."""
        return tuple(Notice(one.check, one.text) for one in self.findings if not one.ok or one.found)

    def columns(self) -> dict[str, AnyArray]:
        """Return the table as arrays by column name."""
        return {
            name: np.array([getattr(finding, name) for finding in self.findings], dtype=dtype)
            for name, dtype in DTYPES.items()
        }

    def facts(self) -> dict[str, Any]:
        """Return whether all passed, and the units of each arm."""
        units = {f"units in {name}": n for name, n in self.counts.items()}
        return {
            "ok": self.ok,
            **{finding.check: "ok" if finding.ok else "FAILED" for finding in self.findings},
            **units,
        }

    def balance(self) -> IntoFrame:
        """Return the balance of the covariates: one row for each covariate and arm other than the control.

        Returns
        -------
        dataframe
            covariate, variant, difference (of means, in standard deviations), lower, upper, p_value, p_adjusted, mean,
            mean_control, n, n_control.

        Raises
        ------
        DataError
            If no covariates were given.
        """
        if self.differences is None:
            raise DataError("AssignmentCheck.balance: no covariates were checked; name some with covariates=(...).")
        names = {"covariate": self.covariates, "variant": self.variants}
        return give_back({**names, **self.differences._asdict()}, backend=self.backend)


DTYPES: dict[str, Any] = {
    "check": object,
    "column": object,
    "checked": np.int64,
    "found": np.int64,
    "first_row": np.int64,
    "first_unit": object,
    "p_value": np.float64,
    "ok": bool,
    "text": object,
}


def check_assignment(
    df: IntoFrame,
    *,
    unit: str = "customer_id",
    variant: str = "variant",
    timestamp: str | None = None,
    exposure: str | None = None,
    covariates: Sequence[str] = (),
    measured: str | Mapping[str, str] | None = None,
    control: Any = None,
    weights: Mapping[Any, float] | None = None,
    confidence: float = 0.95,
    correction: str = "holm",
    alpha: float = ALPHA,
) -> AssignmentCheck:
    """Check whether a table of assignments can carry an experiment, before any metric is read.

    Parameters
    ----------
    df
        One row for each assignment or exposure of a unit; several rows of a unit are counted, not refused.
    unit
        The column of units; no nulls.
    variant
        The column of variants. Rows without one are counted, and left out of the other checks.
    timestamp
        The column of times of assignment, without time zone; None to check no times.
    exposure
        The column of times of first exposure; null where a unit was not exposed. An exposure before the assignment is
        wrong. Where one of the two columns holds dates, days are compared.
    covariates
        Columns of numbers that were known before the experiment. Units in two arms are left out; of a unit's rows the
        first counts.
    measured
        The column that says when the covariates were measured, or a mapping of covariates to such columns; a
        measurement after the exposure (without `exposure`: after the assignment) is wrong, for the treatment may have
        changed it. Null where it was not measured.
    control
        The variant that the others are compared with; None for the first in sorted order.
    weights
        The share that each variant should get; they must sum to 1. Adds the check of the sample ratio, see `srm`.
    confidence
        The level of the intervals of the differences.
    correction
        How the p-values of the differences are adjusted for their number, as in `adjust_p_values`.
    alpha
        The level of the tests (sample ratio, balance); strict by default, since a check is made in every experiment.

    Returns
    -------
    AssignmentCheck
        One row for each check, with the number of rows or units that are wrong and the first of them; `ok` if all
        passed. Its `warnings` are given as a `GrowthkitWarning` too.

        ================== ======================================================== ================
        check              finds                                                    fails
        ================== ======================================================== ================
        missing_variant    rows without a variant                                   if any
        two_arms           units with rows in two or more arms                      if any
        repeated_rows      rows of a unit beyond its first, in the same arm         never
        early_exposure     exposures before the assignment                          if any
        late_covariate     measurements after the exposure                          if any
        changing_covariate units whose rows differ in a covariate                   if any
        sample_ratio       counts that do not fit the weights                       p below `alpha`
        balance            covariates that differ between arms (adjusted)           p below `alpha`
        balance_omnibus    all covariates and arms in one test                      p below `alpha`
        ================== ======================================================== ================

    Raises
    ------
    ParameterError
        If a parameter is out of range, or `measured` is given without a time to compare with.
    DataError
        If a column is missing or of the wrong type, covariates are NaN, `control` does not occur, or an arm has fewer
        than two units to compare.

    Notes
    -----
    O(rows log rows). The difference of a covariate is ``(m_1 - m_0) / s`` with s the pooled standard deviation of the
    two arms; its interval is Student's interval of ``m_1 - m_0`` divided by s, so it holds 0 exactly where the test
    does not reject. If arms were assigned at random they have one law, so pooling is right, and Welch's test, made for
    unequal variances, would reject skewed covariates far too often in uneven splits. The error of s itself, of
    second order for small differences, is left out. A covariate that does not vary has no difference: NaN.

    The omnibus statistic is ``sum_a n_a (m_a - m)' S^-1 (m_a - m)`` over the arms, with S the covariance of all units
    [1]_; against chi-square with rank(S) (arms - 1) degrees of freedom. Covariates that are sums of others add nothing.

    References
    ----------
    .. [1] Hansen, B. B. and J. Bowers (2008). Covariate balance in simple, stratified and clustered comparative
       studies. Statistical Science 23(2), 219-236.

    Examples
    --------
    >>> import pandas as pd
    >>> from growthkit.experiment.assignment import check_assignment
    >>> table = pd.DataFrame({
    ...     "customer_id": ["ann", "bob", "cleo", "dan"],
    ...     "variant": ["control", "treatment", "control", "treatment"],
    ...     "orders_before": [3.0, 2.0, 5.0, 4.0],
    ... })
    >>> check = check_assignment(table, covariates=["orders_before"])
    >>> check.ok, check.counts
    (True, {'control': 2, 'treatment': 2})
    >>> check.balance()[["covariate", "variant", "difference", "p_adjusted"]].round(3)
           covariate    variant  difference  p_adjusted
    0  orders_before  treatment      -0.707       0.553
    """
    params = Params("check_assignment")
    params.one_of("correction", correction, tuple(CORRECTIONS))
    confidence = params.number("confidence", confidence, above=0, below=1)
    alpha = params.number("alpha", alpha, above=0, below=1)
    names = _names(params, covariates)
    times = _measurements(params, measured, names, exposure or timestamp)
    table, missing = read_table(df, unit, variant)
    two, first = two_arms(table)
    findings = [missing, split_units(table, two, variant), repeats(table, two, unit)]
    findings += time_findings(table, timestamp, exposure, times)
    counts = np.bincount(table.arm[first], minlength=table.arms.size)
    if weights is not None:
        findings.append(_sample_ratio(params, table, counts, weights, alpha, variant))
    result = (None, None, np.array([], dtype=object), np.array([], dtype=object))
    if names:
        findings += changes(table, names)
        base = _control(table, control)
        result = _balance(table, first, names, base, confidence, correction, findings, alpha)
    tallies = dict(zip(table.arms.tolist(), counts.tolist(), strict=True))
    check = AssignmentCheck(
        table.log.backend, tuple(findings), result[2], result[3], result[0], result[1], confidence, alpha, tallies
    )
    announce((Notice(one.check, one.text) for one in findings if not one.ok), function=params.function)
    return check


def _names(params: Params, covariates: Any) -> list[str]:
    names: list[str] = [covariates] if isinstance(covariates, str) else list(covariates)
    if len(set(names)) < len(names):
        params.refuse("covariates", "different columns", covariates)
    return names


def _measurements(params: Params, measured: Any, names: list[str], since: str | None) -> dict[str, list[str]]:
    """Return for each column of measurement times the covariates that it belongs to."""
    if measured is None:
        return {}
    pairs: Any = dict.fromkeys(names, measured) if isinstance(measured, str) else measured
    if not isinstance(pairs, Mapping) or not set(cast("Any", pairs)) <= set(names):
        params.refuse("measured", "a column of times, or a mapping of covariates to such columns", measured)
    if since is None:
        params.refuse("measured", "given together with exposure or timestamp, to compare with", measured)
    columns: dict[str, list[str]] = {}
    for name, column in cast("Mapping[str, str]", pairs).items():
        columns.setdefault(column, []).append(name)
    return columns


def _sample_ratio(
    params: Params, table: Table, counts: Int64Array, weights: Mapping[Any, float], alpha: float, variant: str
) -> Finding:
    read_shares(params, weights)
    found = srm(dict(zip(table.arms.tolist(), counts.tolist(), strict=True)), weights=weights, alpha=alpha)
    shares = ", ".join(f"{name!r} {n}" for name, n in zip(table.arms.tolist(), counts.tolist(), strict=True))
    text = f"the counts ({shares}) {'do not ' if found.mismatch else ''}fit the weights, p = {found.p_value:.3g}."
    total = int(counts.sum())
    return Finding("sample_ratio", variant, total, int(found.mismatch), -1, "", found.p_value, not found.mismatch, text)


def _control(table: Table, control: Any) -> int:
    if control is None:
        return 0
    matches = [
        place for place, name in enumerate(table.arms.tolist()) if type(name) is type(control) and name == control
    ]
    if not matches:
        there = ", ".join(map(repr, table.arms.tolist()))
        raise DataError(f"check_assignment: no unit is in control {control!r}; the variants are {there}.")
    return matches[0]


def _balance(
    table: Table,
    first: Int64Array,
    names: list[str],
    control: int,
    confidence: float,
    correction: str,
    findings: list[Finding],
    alpha: float,
) -> tuple[Balance, Omnibus, AnyArray, AnyArray]:
    arms, n_arms = table.arm[first], table.arms.size
    _refuse_small(table, np.bincount(arms, minlength=n_arms))
    values: FloatArray = np.stack([table.log.measures(name, role="covariates")[first] for name in names], axis=1)
    differences = balance_of(values, arms, n_arms, control, confidence, correction)
    others = np.delete(table.arms, control)
    labels = np.repeat(np.array(names, dtype=object), others.size), np.tile(others, len(names))
    findings += [
        _worst(differences, *labels, alpha),
        _together(omnibus := omnibus_test(values, arms, n_arms), names, arms.size, alpha),
    ]
    return differences, omnibus, *labels


def _refuse_small(table: Table, counts: Int64Array) -> None:
    small = [f"{name!r} has {n}" for name, n in zip(table.arms.tolist(), counts.tolist(), strict=True) if n < 2]
    if small or counts.size < 2:
        told = ", ".join(small) or f"there is only {table.arms[0]!r}"
        raise DataError(
            f"check_assignment: balance needs two arms of at least two units each, but {told}; leave out covariates."
        )


def _worst(differences: Balance, names: AnyArray, variants: AnyArray, alpha: float) -> Finding:
    p = np.where(np.isnan(differences.p_adjusted), np.inf, differences.p_adjusted)
    place, count = int(p.argmin()), int((p < alpha).sum())
    least = float(differences.p_adjusted[place])
    text = f"{count} of {p.size} standardised differences are significant; the least likely is {names[place]} in "
    text += f"{variants[place]}: {differences.difference[place]:.3g} (adjusted p = {least:.3g})."
    return Finding("balance", str(names[place]), p.size, count, -1, "", least, not count, text)


def _together(omnibus: Omnibus, names: list[str], n: int, alpha: float) -> Finding:
    bad = bool(omnibus.p_value < alpha)
    text = f"all covariates together: chi-square {omnibus.statistic:.4g} on {omnibus.freedom} degrees of freedom, "
    text += f"p = {omnibus.p_value:.3g}."
    return Finding("balance_omnibus", ", ".join(names), n, int(bad), -1, "", omnibus.p_value, not bad, text)
