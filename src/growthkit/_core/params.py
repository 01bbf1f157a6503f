"""Checks of parameters, each with a sentence that names the function, the parameter, its range and what came."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NoReturn

import numpy as np

from ..exceptions import ParameterError

__all__ = ["Params"]


class Params:
    """The parameters of one call of `function`.

    Every check returns the value in its plain Python type, so that it can stand where the value is used.
    """

    def __init__(self, function: str) -> None:
        self.function = function

    def one_of(self, name: str, value: Any, choices: Sequence[str]) -> str:
        """Check that `value` is one of `choices`."""
        if not isinstance(value, str) or value not in choices:
            self.refuse(name, f"one of {', '.join(map(repr, choices))}", value)
        return value

    def whole(self, name: str, value: Any, *, low: int | None = None, high: int | None = None) -> int:
        """Check that `value` is a whole number from `low` to `high`, both included."""
        number = _as_whole(value)
        if number is None or not _within(number, low, high):
            self.refuse(name, f"a whole number{_range_text(low, high)}", value)
        return number

    def number(
        self,
        name: str,
        value: Any,
        *,
        low: float | None = None,
        high: float | None = None,
        above: float | None = None,
        below: float | None = None,
    ) -> float:
        """Check that `value` is a finite number within closed (`low`, `high`) and open (`above`, `below`) bounds."""
        number = _as_number(value)
        inside = _within(number, low, high) and (above is None or number > above) and (below is None or number < below)
        if not (math.isfinite(number) and inside):
            self.refuse(name, f"a finite number{_range_text(low, high, above, below)}", value)
        return number

    def flag(self, name: str, value: Any) -> bool:
        """Check that `value` is True or False."""
        if not isinstance(value, bool):
            self.refuse(name, "True or False", value)
        return value

    def moment(self, name: str, value: Any) -> np.datetime64:
        """Check that `value` is a date or time without zone: a date, datetime, numpy.datetime64 or ISO text."""
        missing = value is None or (isinstance(value, str) and value.lower() in ("", "nat"))
        if missing or isinstance(value, (int, float)) or _has_zone(value):
            self.refuse(name, "a date or time without zone", value)
        try:
            moment = np.datetime64(value)
        except (TypeError, ValueError):
            self.refuse(name, "a date or time without zone, such as '2026-03-01'", value)
        if np.isnat(moment):
            self.refuse(name, "a date or time without zone", value)
        return moment

    def refuse(self, name: str, wanted: str, value: Any) -> NoReturn:
        """Raise the error that says what was wanted and what came."""
        raise ParameterError(f"{self.function}: {name} must be {wanted}, got {value!r}.")


def _has_zone(value: Any) -> bool:
    """Whether a time, or the text of one, is in a time zone."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return False
    return getattr(value, "tzinfo", None) is not None


def _as_whole(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None


def _as_number(value: Any) -> float:
    if isinstance(value, (bool, np.bool_, str, bytes)):
        return math.nan
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def _within(number: float, low: float | None, high: float | None) -> bool:
    return (low is None or number >= low) and (high is None or number <= high)


def _range_text(low: float | None, high: float | None, above: float | None = None, below: float | None = None) -> str:
    bounds = [
        text.format(bound)
        for text, bound in (
            ("of at least {}", low),
            ("above {}", above),
            ("of at most {}", high),
            ("below {}", below),
        )
        if bound is not None
    ]
    return f" {' and '.join(bounds)}" if bounds else ""
