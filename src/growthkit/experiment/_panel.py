"""A panel: one outcome for each unit in each period, read from a long table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .._core.frames import Log
from .._core.params import Params
from .._core.results import Notice
from ..exceptions import DataError
from ..typing import AnyArray, FloatArray, Int64Array

__all__ = ["Panel", "column_list", "place_of_start", "read_panel"]


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """Units by periods, without holes.

    Parameters
    ----------
    outcome
        Shape (units, periods).
    rows
        The row of the table behind each outcome.
    units, periods
        Their labels, sorted.
    notices
        What was left out.
    """

    outcome: FloatArray
    rows: Int64Array
    units: AnyArray
    periods: AnyArray
    notices: tuple[Notice, ...] = ()

    def of(self, column: FloatArray) -> FloatArray:
        """Return another column of the table, by unit and period."""
        return column[self.rows]

    def keep(self, units: AnyArray) -> Panel:
        """Return the panel of some units."""
        return replace(self, outcome=self.outcome[units], rows=self.rows[units], units=self.units[units])


def read_panel(log: Log, *, unit: str, timestamp: str, outcome: str, incomplete: str) -> Panel:
    """Read a table with one row per unit and period.

    Units that lack a period are refused, or dropped and counted in a notice, as `incomplete` says.
    """
    units, periods = log.ids(unit, role="unit"), log.ids(timestamp, role="timestamp")
    values = log.measures(outcome, role="outcome")
    if periods.vocabulary.labels.dtype.kind not in "iufM":
        raise DataError(
            f'{log.function}: column "{timestamp}" holds {periods.vocabulary.kind}, whose order in time is unknown; '
            "pass dates, timestamps of one kind or numbers."
        )
    n_units, n_periods = len(units.vocabulary), len(periods.vocabulary)
    cell = units.codes.astype(np.int64) * n_periods + periods.codes
    _refuse_repeated(log, cell, unit, timestamp)
    rows = np.full(n_units * n_periods, -1)
    rows[cell] = np.arange(cell.size)
    rows = rows.reshape(n_units, n_periods)
    panel = Panel(values[rows], rows, units.vocabulary.labels, periods.vocabulary.labels)
    return _complete(log, panel, unit, timestamp, incomplete)


def _refuse_repeated(log: Log, cell: Int64Array, unit: str, timestamp: str) -> None:
    first = np.unique(cell, return_index=True)[1]
    if first.size < cell.size:
        repeated = np.ones(cell.size, dtype=np.bool_)
        repeated[first] = False
        log.refuse_rows(
            timestamp,
            repeated,
            f'repeated periods of one "{unit}"',
            "aggregate to one row per unit and period (for example the mean of a week) first",
        )


def _complete(log: Log, panel: Panel, unit: str, timestamp: str, incomplete: str) -> Panel:
    holes = panel.rows < 0
    partial = holes.any(axis=1)
    if not partial.any():
        return panel
    n, total = int(holes.sum()), holes.size
    if incomplete == "drop" and not partial.all():
        text = f"{int(partial.sum())} of {partial.size} units lack a period and were left out."
        return replace(panel.keep(np.flatnonzero(~partial)), notices=(Notice("incomplete_units", text),))
    u, t = np.argwhere(holes)[0]
    raise DataError(
        f'{log.function}: {n} of {total} combinations of "{unit}" and "{timestamp}" have no row (first: '
        f"{panel.units[u]} at {panel.periods[t]}); add them (with 0 where nothing happened), or leave such units out "
        "with incomplete='drop'."
    )


def place_of_start(params: Params, periods: AnyArray, start: Any) -> int:
    """Return the place of the first period that is not before `start`."""
    try:
        moment = np.datetime64(start) if periods.dtype.kind == "M" else float(start)
        place = int(np.searchsorted(periods, moment))
    except (TypeError, ValueError):
        params.refuse("start", f"a period like {periods[-1]}", start)
    if not 0 < place < periods.size:
        params.refuse("start", f"after the first period, {periods[0]}, and at most the last, {periods[-1]}", start)
    return place


def column_list(params: Params, name: str, columns: str | Sequence[str] | None) -> list[str]:
    """Return the names of different columns."""
    names = [] if columns is None else [columns] if isinstance(columns, str) else list(columns)
    if len(set(names)) < len(names):
        params.refuse(name, "different columns", columns)
    return names
