"""The table of measures: formulas, definitions, ranges, sources and the page that explains them."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from growthkit._core.params import Params
from growthkit.exceptions import ParameterError
from growthkit.rules.measures import DEFAULT_MEASURES, MEASURES, SOURCES, Cells, Measure, chosen
from tests.references import association as reference

PAGE = Path(__file__).resolve().parents[2] / "docs" / "methods" / "rule-measures.md"
each = pytest.mark.parametrize("measure", MEASURES.values(), ids=MEASURES.keys())
cells = st.integers(0, 40)
tables = st.tuples(st.integers(1, 40), cells, cells, cells)


def of(measure: Measure, a: int, b: int, c: int, d: int) -> float:
    columns = (np.array([value]) for value in (a, a + b, a + c))
    return float(measure.of(Cells(*columns, a + b + c + d))[0])


def from_formula(measure: Measure, a: int, b: int, c: int, d: int) -> float | None:
    """Evaluate the formula as it is printed; None where it divides by 0 or takes the logarithm of 0."""
    names = {"a": a, "b": b, "c": c, "d": d, "x": a + b, "y": a + c, "n": a + b + c + d}
    tools = {"sqrt": math.sqrt, "log2": math.log2, "max": max, "min": min, "abs": abs, "entropy": two_entropy}
    try:
        return float(eval(measure.formula, {"__builtins__": {}}, names | tools))
    except (ZeroDivisionError, ValueError):
        return None


def two_entropy(p: float) -> float:
    return -sum(q * math.log2(q) for q in (p, 1 - p) if q > 0)


class TestTable:
    def test_holds_what_the_field_uses(self) -> None:
        assert len(MEASURES) >= 50
        assert len(DEFAULT_MEASURES) == 12
        assert set(DEFAULT_MEASURES) <= set(MEASURES) == set(reference.DEFINITIONS)

    def test_every_source_is_cited_and_listed(self) -> None:
        assert {measure.source for measure in MEASURES.values()} == set(SOURCES)

    def test_every_name_is_its_key(self) -> None:
        assert all(name == measure.name for name, measure in MEASURES.items())

    @given(table=tables)
    def test_all_equal_their_definitions(self, table: tuple[int, ...]) -> None:
        chances = reference.Chances(*table)
        wanted = {name: float(define(chances)) for name, define in reference.DEFINITIONS.items()}
        found = {name: of(measure, *table) for name, measure in MEASURES.items()}
        assert found == pytest.approx(wanted, rel=1e-9, abs=1e-12, nan_ok=True)

    @given(table=tables)
    def test_all_equal_their_printed_formulas(self, table: tuple[int, ...]) -> None:
        for measure in MEASURES.values():
            printed, value = from_formula(measure, *table), of(measure, *table)
            if printed is None:
                assert not math.isfinite(value) or 0 in table, measure
            else:
                assert value == pytest.approx(printed, rel=1e-9, abs=1e-12), measure

    @given(table=tables)
    def test_all_stay_in_their_ranges(self, table: tuple[int, ...]) -> None:
        for measure in MEASURES.values():
            value = of(measure, *table)
            assert math.isnan(value) or measure.low - 1e-12 <= value <= measure.high + 1e-12, measure

    @given(a=st.integers(1, 9), b=st.integers(1, 9), times=st.integers(1, 9))
    def test_all_are_as_printed_at_independence(self, a: int, b: int, times: int) -> None:
        for measure in MEASURES.values():
            value = of(measure, a, b, a * times, b * times)
            assert measure.independent is None or value == pytest.approx(measure.independent, abs=1e-12), measure

    def test_ranges_that_claim_more_than_others_are_sharp(self) -> None:
        """Where R's pages print other ends: [-1, 1] for leverage and Klosgen, [0, 2] for casual support."""
        assert of(MEASURES["leverage"], 1, 0, 0, 1) == 0.25
        assert of(MEASURES["gini"], 1, 0, 0, 1) == 0.5
        assert of(MEASURES["casual_support"], 1, 0, 0, 1) == 1
        assert of(MEASURES["klosgen"], 100, 0, 0, 200) == pytest.approx(0.3849, abs=1e-4)
        assert of(MEASURES["klosgen"], 11, 22, 67, 0) == pytest.approx(-0.1481, abs=1e-3)
        assert of(MEASURES["two_way_support"], 1000, 0, 0, 1718) == pytest.approx(0.5307, abs=1e-4)


class TestMeasuresThatOthersComputeOtherwise:
    """From the definitions by hand, in the cells 20, 5, 10, 65 (positive) and 2, 23, 28, 47 (negative association)."""

    POSITIVE, NEGATIVE = (20, 5, 10, 65), (2, 23, 28, 47)

    @pytest.mark.parametrize(
        ("name", "positive", "negative"),
        [
            ("collective_strength", (0.85 / 0.6) * (0.4 / 0.15), (0.49 / 0.6) * (0.4 / 0.51)),
            ("casual_support", 0.85, 0.49),
            ("casual_confidence", (20 / 25 + 65 / 75) / 2, (2 / 25 + 47 / 75) / 2),
            ("causal_confidence", (20 / 25 + 65 / 70) / 2, (2 / 25 + 47 / 70) / 2),
            ("least_contradiction", 15 / 30, -21 / 30),
            ("certainty", (0.8 - 0.3) / 0.7, (0.08 - 0.3) / 0.3),
        ],
    )
    def test_by_hand(self, name: str, positive: float, negative: float) -> None:
        assert of(MEASURES[name], *self.POSITIVE) == pytest.approx(positive)
        assert of(MEASURES[name], *self.NEGATIVE) == pytest.approx(negative)

    def test_those_that_others_compute_are_other_measures(self) -> None:
        """What arules has for certainty and least contradiction goes by other names here, and is no less."""
        a, b, c, d = self.NEGATIVE
        assert of(MEASURES["loevinger"], a, b, c, d) == pytest.approx((a / (a + b) - 0.3) / 0.7)
        assert of(MEASURES["recall"], a, b, c, d) == pytest.approx(a / (a + c))

    def test_zhang_compares_with_those_who_lack_the_antecedent(self) -> None:
        zhang = MEASURES["zhang"]
        assert of(zhang, 1, 9, 0, 5) == 1
        assert of(zhang, 1, 0, 9, 5) == pytest.approx((1 - 9 / 14) / 1)
        assert of(zhang, 0, 9, 1, 5) == -1

    @given(table=tables)
    def test_zhang_of_the_rule_turned_round_is_the_form_of_the_surveys(self, table: tuple[int, ...]) -> None:
        a, b, c, d = table
        x, y, n = a + b, a + c, a + b + c + d
        room = max(a * (n - y), b * y)
        turned = of(MEASURES["zhang"], a, c, b, d)
        assert turned == pytest.approx((a * n - x * y) / room, abs=1e-12) if room else math.isnan(turned)


class TestPage:
    @each
    def test_prints_each_formula_and_range(self, measure: Measure) -> None:
        text = PAGE.read_text()
        assert f"| `{measure.name}` | `{measure.formula}` | {interval(measure)} |" in text

    def test_lists_the_sources(self) -> None:
        text = re.sub(r"\s+", " ", PAGE.read_text())
        assert [source for source in SOURCES.values() if source not in text] == []


def interval(measure: Measure) -> str:
    ends = ["-∞" if end == -math.inf else "∞" if end == math.inf else f"{end:g}" for end in (measure.low, measure.high)]
    return f"{ends[0]} to {ends[1]}"


class TestChosen:
    def test_all_and_some(self) -> None:
        params = Params("f")
        assert chosen(params, "all") == tuple(MEASURES)
        assert chosen(params, ["lift", "lift", "support"]) == ("lift", "support")
        assert chosen(params, []) == ()

    @pytest.mark.parametrize("measures", ["lift", ["lift", "lyft"], [1]])
    def test_refuses(self, measures: object) -> None:
        with pytest.raises(ParameterError, match="f: measures must be"):
            chosen(Params("f"), measures)  # type: ignore[arg-type]
