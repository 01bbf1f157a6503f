"""What every rich answer can do."""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest

from growthkit._core.results import HEAD, Notice, Result, announce
from growthkit.exceptions import GrowthkitWarning


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Answer(Result):
    _picture: ClassVar[str] = "nowhere:draw"
    table: dict[str, np.ndarray]
    notices: tuple[Notice, ...] = ()

    @property
    def warnings(self) -> tuple[Notice, ...]:
        return self.notices

    def columns(self) -> dict[str, np.ndarray]:
        return self.table

    def facts(self) -> dict[str, Any]:
        return {
            "rows": np.int64(1_234_567),
            "mean": np.float64(1234.5),
            "share": 0.125,
            "sure": True,
            "end": np.datetime64("2026-01-01"),
        }


def answer(*notices: Notice, **columns: Any) -> Answer:
    return Answer("pandas", {name: np.asarray(values) for name, values in columns.items()}, notices)


def test_to_dict_is_plain_json() -> None:
    result = answer(
        Notice("code", "Text."),
        x=np.array([1.5, np.nan, np.inf]),
        day=np.array(["2026-01-01", "NaT", "2026-01-03"], dtype="datetime64[D]"),
        n=np.array([1, 2, 3], dtype=np.int32),
        odd=np.array([(1, 2), "a", None], dtype=object),
    )
    kept = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert kept == {
        "kind": "Answer",
        "facts": {"rows": 1_234_567, "mean": 1234.5, "share": 0.125, "sure": True, "end": "2026-01-01"},
        "columns": {
            "x": [1.5, None, None],
            "day": ["2026-01-01", None, "2026-01-03"],
            "n": [1, 2, 3],
            "odd": [[1, 2], "a", None],
        },
        "warnings": [{"code": "code", "text": "Text."}],
    }


def test_summary_is_readable() -> None:
    assert answer(Notice("code", "Mind this.")).summary().splitlines() == [
        "Answer",
        "  rows   1,234,567",
        "  mean   1,234.50",
        "  share  0.125",
        "  sure   True",
        "  end    2026-01-01",
        "  ! Mind this.",
    ]
    assert repr(answer()) == answer().summary()


def test_html_escapes_everything_and_shows_the_head() -> None:
    html = answer(Notice("code", "a < b"), **{"<name>": [f"<i>{row}</i>" for row in range(HEAD + 3)]})._repr_html_()
    assert "&lt;name&gt;" in html
    assert "a &lt; b" in html
    assert html.count("&lt;i&gt;") == HEAD
    assert not {"<name>", "<i>", "a < b"} & {part for part in ("<name>", "<i>", "a < b") if part in html}


def test_to_frame_is_of_the_callers_library() -> None:
    assert isinstance(answer(x=[1, 2]).to_frame(), pd.DataFrame)
    polars = pytest.importorskip("polars")
    assert isinstance(Answer("polars", {"x": np.array([1])}).to_frame(), polars.DataFrame)


def test_results_are_frozen_and_slotted() -> None:
    result = answer(x=[1])
    with pytest.raises(AttributeError):
        result.backend = "polars"  # type: ignore[misc]
    assert not hasattr(result, "__dict__")


def test_announcements_point_at_the_caller_of_the_public_function() -> None:
    def public() -> None:
        announce([Notice("a", "First."), Notice("b", "Second.")], function="area.public")

    with pytest.warns(GrowthkitWarning) as caught:
        public()
    assert [str(warning.message) for warning in caught] == ["area.public: First.", "area.public: Second."]
    assert {warning.filename for warning in caught} == {__file__}


def test_nothing_to_announce_is_silent() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        announce([], function="f")
