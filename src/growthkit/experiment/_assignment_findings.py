"""What each check of an assignment looks at, row by row: units in two arms, repeated rows, times, covariates."""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import numpy as np

from .._core.frames import Log, read_frame
from ..exceptions import DataError
from ..typing import AnyArray, BoolArray, Int64Array, IntoFrame

__all__ = ["Finding", "Table", "changes", "read_table", "repeats", "split_units", "time_findings", "two_arms"]

NS_A_DAY = 86_400_000_000_000


class Finding(NamedTuple):
    """What one check found: how many of how many, where first, and whether it passed.

    Parameters
    ----------
    check
        Its name.
    column
        The column that it looked at.
    checked, found
        How many rows or units it looked at, and how many are wrong.
    first_row
        The first row that is wrong, counted from 0; -1 for none.
    first_unit
        The unit of that row, as text; "" for none.
    p_value
        For checks by a test, else NaN.
    ok
        Whether it passed.
    text
        A sentence.
    """

    check: str
    column: str
    checked: int
    found: int
    first_row: int
    first_unit: str
    p_value: float
    ok: bool
    text: str


class Table(NamedTuple):
    """The rows that have a variant, as codes."""

    log: Log
    rows: Int64Array
    unit: AnyArray
    arm: AnyArray
    units: AnyArray
    arms: AnyArray

    def finding(self, check: str, column: str, bad: BoolArray, what: str) -> Finding:
        """Return what a check of rows found."""
        count = int(bad.sum())
        place = int(bad.argmax())
        row, unit = (int(self.rows[place]), str(self.units[self.unit[place]])) if count else (-1, "")
        text = f"{count} of {bad.size} {what}" + (f" (first at row {row}, unit {unit})." if count else ".")
        return Finding(check, column, bad.size, count, row, unit, np.nan, not count, text)


def read_table(df: IntoFrame, unit: str, variant: str) -> tuple[Table, Finding]:
    """Read units and variants, and leave out the rows without a variant."""
    log = read_frame(df, function="check_assignment")
    ids = log.ids(unit, role="unit")
    absent = log.nulls(variant, role="variant")
    rows = np.flatnonzero(~absent)
    if not rows.size:
        raise DataError(f'check_assignment: column "{variant}" is null in all rows; name the column of variants.')
    arms = _kept(log, absent).ids(variant, role="variant")
    labels = ids.vocabulary.labels
    table = Table(_kept(log, absent), rows, ids.codes[rows], arms.codes, labels, arms.vocabulary.labels)
    whole = table._replace(rows=np.arange(absent.size), unit=ids.codes)
    return table, whole.finding("missing_variant", variant, absent, "rows have no variant")


def _kept(log: Log, absent: BoolArray) -> Log:
    """Return the log without the rows marked in `absent`."""
    if not absent.any():
        return log
    rows: Any = np.flatnonzero(~absent).tolist()
    return read_frame(log.frame[rows].to_native(), function=log.function)


def two_arms(table: Table) -> tuple[BoolArray, Int64Array]:
    """Return which units have rows in two arms, and the first row of each of the others."""
    _, first = np.unique(table.unit, return_index=True)
    arm_of = np.full(table.units.size, -1, dtype=np.int64)
    arm_of[table.unit[first]] = table.arm[first]
    two = np.zeros(table.units.size, dtype=bool)
    two[table.unit[table.arm != arm_of[table.unit]]] = True
    return two, first[~two[table.unit[first]]]


def split_units(table: Table, two: BoolArray, variant: str) -> Finding:
    """Return what there is of units in two arms."""
    found = table.finding("two_arms", variant, two[table.unit], "")
    present = np.unique(table.unit).size
    count = int(two.sum())
    where = f" (first at row {found.first_row}, unit {found.first_unit})" if count else ""
    text = f"{count} of {present} units are in two or more arms{where}."
    return found._replace(checked=present, found=count, text=text)


def repeats(table: Table, two: BoolArray, unit: str) -> Finding:
    """Return how many rows repeat a unit in its arm."""
    _, first = np.unique(table.unit, return_index=True)
    again = np.ones(table.unit.size, dtype=bool)
    again[first] = False
    again &= ~two[table.unit]
    found = table.finding("repeated_rows", unit, again, "rows repeat a unit in its arm")
    return found._replace(ok=True)


class _Moments(NamedTuple):
    """Times as days since 1970 and nanoseconds in the day; `known` where there is one."""

    days: Int64Array
    rest: Int64Array
    known: BoolArray
    daily: bool

    def after(self, other: _Moments) -> BoolArray:
        """Whether each is later than the other, where both are known; by days if one has only days."""
        later = self.days > other.days
        if not (self.daily or other.daily):
            later |= (self.days == other.days) & (self.rest > other.rest)
        return later & self.known & other.known


def _moments(log: Log, column: str, role: str) -> _Moments:
    absent = log.nulls(column, role=role)
    days, rest = np.zeros((2, absent.size), dtype=np.int64)
    if absent.all():
        return _Moments(days, rest, ~absent, True)
    times = _kept(log, absent).times(column, role=role)
    per_day = times.ticks_per_day
    days[~absent], left = np.divmod(times.ticks, per_day)
    rest[~absent] = left * (NS_A_DAY // per_day)
    return _Moments(days, rest, ~absent, per_day == 1)


def time_findings(
    table: Table, timestamp: str | None, exposure: str | None, measured: dict[str, list[str]]
) -> list[Finding]:
    """Return what the checks of times found."""
    assigned = None if timestamp is None else _moments(table.log, timestamp, "timestamp")
    exposed = None if exposure is None else _moments(table.log, exposure, "exposure")
    findings: list[Finding] = []
    if assigned is not None and exposed is not None:
        early = assigned.after(exposed)
        findings.append(table.finding("early_exposure", str(exposure), early, "exposures come before the assignment"))
    since, word = (assigned, "assignment") if exposed is None else (exposed, "exposure")
    for column, names in measured.items():
        late = _moments(table.log, column, "measured").after(cast("_Moments", since))
        what = f"measurements of {', '.join(names)} come after the {word}"
        findings.append(table.finding("late_covariate", column, late, what))
    return findings


def changes(table: Table, names: list[str]) -> list[Finding]:
    """Look for units whose rows differ in a covariate."""
    _, first, place = np.unique(table.unit, return_index=True, return_inverse=True)
    findings: list[Finding] = []
    for name in names:
        values = table.log.measures(name, role="covariates")
        differs = values != values[first][place]
        findings.append(table.finding("changing_covariate", name, differs, "rows differ from the unit's first one"))
    return findings
