"""`Result`: what every rich answer can do; `Notice`: what its reader must know."""

from __future__ import annotations

import html
import math
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar, NamedTuple, cast

import numpy as np

from ..exceptions import GrowthkitError, GrowthkitWarning
from ..typing import AnyArray, FloatArray, IntoFrame
from .frames import give_back

__all__ = ["Estimate", "Notice", "Result", "announce"]

HEAD = 5
"""Rows of the table that a notebook shows."""


class Notice(NamedTuple):
    """One thing that a reader of a result must know.

    Parameters
    ----------
    code
        A stable word for programs.
    text
        A sentence for people.
    """

    code: str
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """Base of the rich answers: one table, a few facts about it, and its notices."""

    _picture: ClassVar[str] = ""
    """The function that draws it, as "module:function" inside `growthkit.plotting`; empty for none."""

    backend: str
    """The dataframe library of the caller."""

    @property
    def warnings(self) -> tuple[Notice, ...]:
        """What a reader must know, as codes and sentences."""
        return ()

    def columns(self) -> dict[str, AnyArray]:
        """Return the table as arrays by column name."""
        raise NotImplementedError

    def facts(self) -> dict[str, Any]:
        """Return the few numbers that sum the result up, by name."""
        raise NotImplementedError

    def to_frame(self) -> IntoFrame:
        """Return the table as a dataframe of the caller's library."""
        return give_back(self.columns(), backend=self.backend)

    def to_dict(self) -> dict[str, Any]:
        """Return facts, table (by column) and warnings as plain Python values, fit for JSON."""
        return {
            "kind": type(self).__name__,
            "facts": {name: _plain(value) for name, value in self.facts().items()},
            "columns": {name: [_plain(value) for value in column] for name, column in self.columns().items()},
            "warnings": [notice._asdict() for notice in self.warnings],
        }

    def summary(self) -> str:
        """Return the facts and warnings as text, one a line."""
        facts = self.facts()
        width = max(map(len, facts), default=0)
        lines = [type(self).__name__, *(f"  {name:<{width}}  {_readable(value)}" for name, value in facts.items())]
        return "\n".join(lines + [f"  ! {notice.text}" for notice in self.warnings])

    def plot(self, **options: Any) -> Any:
        """Draw the result with matplotlib (extra ``plot``) and return the axes; `options` go to the drawing."""
        if not self._picture:
            raise GrowthkitError(f"{type(self).__name__} has no picture; draw what is made from it.")
        module, function = self._picture.split(":")
        drawings = import_module(f"..plotting.{module}", package=__package__)
        return getattr(drawings, function)(self, **options)

    def __repr__(self) -> str:
        return self.summary()

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.summary())}</pre>{_html_table(self.columns())}"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Estimate(Result):
    """One estimate, or an array of them, with its interval and the name of the method that made it.

    Parameters
    ----------
    estimate, lower, upper
        The estimate and the ends of its interval: infinite where it is unbounded, NaN where it cannot be known.
    confidence
        The level of the interval, in (0, 1).
    method
        How it was made.
    p_value
        Of the test that the interval inverts, or None.
    notices
        What a reader must know.
    """

    _picture: ClassVar[str] = "estimates:draw_estimates"

    estimate: float | FloatArray
    lower: float | FloatArray
    upper: float | FloatArray
    confidence: float
    method: str
    p_value: float | FloatArray | None = None
    notices: tuple[Notice, ...] = ()

    @property
    def warnings(self) -> tuple[Notice, ...]:
        """What a reader must know, as codes and sentences."""
        return self.notices

    def columns(self) -> dict[str, AnyArray]:
        """Return the table as arrays by column name: one row an estimate."""
        table: dict[str, Any] = {"estimate": self.estimate, "lower": self.lower, "upper": self.upper}
        if self.p_value is not None:
            table["p_value"] = self.p_value
        table |= {"confidence": self.confidence, "method": np.array(self.method, dtype=object)}
        return dict(zip(table, np.broadcast_arrays(*map(np.atleast_1d, table.values())), strict=True))

    def facts(self) -> dict[str, Any]:
        """Return the estimate and its interval if it is one, else how many there are."""
        columns = self.columns()
        if columns["estimate"].size > 1:
            return {"estimates": columns["estimate"].size, "confidence": self.confidence, "method": self.method}
        return {name: column[0] for name, column in columns.items()}


def announce(notices: Iterable[Notice], *, function: str) -> None:
    """Give each notice once as a `GrowthkitWarning`, at the line that called the public function."""
    for notice in notices:
        warnings.warn(f"{function}: {notice.text}", GrowthkitWarning, stacklevel=3)


def _plain(value: Any) -> Any:
    if isinstance(value, np.datetime64):
        moment = cast("np.datetime64", value)
        return None if np.isnat(moment) else str(moment)
    plain: Any = cast("Any", value).item() if isinstance(value, np.generic) else value
    if isinstance(plain, tuple):
        return [_plain(part) for part in cast("tuple[Any, ...]", plain)]
    if isinstance(plain, float) and not math.isfinite(plain):
        return None
    return plain if isinstance(plain, (int, float, str, bool, type(None))) else str(plain)


def _readable(value: Any) -> str:
    if isinstance(value, tuple):
        return str(cast("tuple[Any, ...]", value))
    plain = value if isinstance(value, float) else _plain(value)
    if isinstance(plain, float):
        return f"{plain:,.2f}" if abs(plain) >= 1 else f"{plain:.4g}"
    return f"{plain:,}" if isinstance(plain, int) and not isinstance(plain, bool) else str(plain)


def _html_table(columns: Mapping[str, AnyArray]) -> str:
    head = "".join(f"<th>{html.escape(name)}</th>" for name in columns)
    shown = zip(*(column[:HEAD] for column in columns.values()), strict=True)
    body = "".join(f"<tr>{''.join(f'<td>{html.escape(_readable(cell))}</td>' for cell in row)}</tr>" for row in shown)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
