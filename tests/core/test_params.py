"""Checks of parameters: what passes, as which plain value, and the sentence for what does not."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

import numpy as np
import pytest

from growthkit._core.params import Params
from growthkit.exceptions import ParameterError

params = Params("f")


@pytest.mark.parametrize("value", [3, np.int8(3), np.uint64(3)])
def test_whole_numbers_become_int(value: Any) -> None:
    assert params.whole("k", value, low=3, high=3) == 3
    assert type(params.whole("k", value)) is int


@pytest.mark.parametrize("value", [2, 6, 3.0, "3", None, True, np.True_, math.nan, [3]])
def test_what_is_no_whole_number_in_range(value: Any) -> None:
    with pytest.raises(ParameterError, match=r"^f: k must be a whole number .*3.*5.*, got "):
        params.whole("k", value, low=3, high=5)


@pytest.mark.parametrize("value", [0.5, 1, np.float32(0.5), np.int64(1)])
def test_numbers_become_float(value: Any) -> None:
    assert params.number("share", value, low=0, high=1) == float(value)
    assert type(params.number("share", value)) is float


@pytest.mark.parametrize("value", [-0.1, 1.1, math.nan, math.inf, "0.5", b"1", None, True, 10**400, [0.5]])
def test_what_is_no_number_in_range(value: Any) -> None:
    with pytest.raises(ParameterError, match=r"^f: share must be a finite number .*0.*1.*, got "):
        params.number("share", value, low=0, high=1)


@pytest.mark.parametrize(
    ("bounds", "value", "inside"),
    [
        ({"low": 0}, 0, True), ({"above": 0}, 0, False), ({"above": 0}, 1e-300, True),
        ({"high": 1}, 1, True), ({"below": 1}, 1, False), ({"below": 1}, 1 - 1e-16, True),
    ],
)  # fmt: skip
def test_bounds_are_closed_or_open(bounds: dict[str, float], value: float, inside: bool) -> None:
    if inside:
        assert params.number("x", value, **bounds) == value
    else:
        with pytest.raises(ParameterError, match=r"^f: x must be a finite number "):
            params.number("x", value, **bounds)


def test_choices() -> None:
    assert params.one_of("unit", "W", ("D", "W")) == "W"


@pytest.mark.parametrize("value", ["w", "", None, 1, ["D"], ("D", "W")])
def test_what_is_no_choice(value: Any) -> None:
    with pytest.raises(ParameterError, match=r"^f: unit must be one of 'D', 'W', got "):
        params.one_of("unit", value, ("D", "W"))


@pytest.mark.parametrize("value", [True, False])
def test_flags(value: bool) -> None:
    assert params.flag("progress", value) is value


@pytest.mark.parametrize("value", [0, 1, "yes", None])
def test_what_is_no_flag(value: Any) -> None:
    with pytest.raises(ParameterError, match=r"^f: progress must be True or False, got "):
        params.flag("progress", value)


@pytest.mark.parametrize(
    "value", ["2026-03-01", "2026-03", dt.date(2026, 3, 1), dt.datetime(2026, 3, 1), np.datetime64("2026-03-01", "ns")]
)
def test_moments(value: Any) -> None:
    assert params.moment("since", value) == np.datetime64("2026-03-01")


@pytest.mark.parametrize(
    "value",
    [
        None, 5, 0.5, "soon", "", "NaT", np.datetime64("NaT", "s"), [1], "2026-03-01T00:00Z", "2026-03-01T00:00+01:00",
        dt.datetime(2026, 3, 1, tzinfo=dt.UTC),
    ],
)  # fmt: skip
def test_what_is_no_moment(value: Any) -> None:
    with pytest.raises(ParameterError, match=r"^f: since must be a date or time without zone.*, got "):
        params.moment("since", value)
