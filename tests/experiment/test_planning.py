"""Planning: published sizes and powers, inverses, slow twins, traffic, and hostile input."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtri, stdtrit

from growthkit.exceptions import DataError, ParameterError
from growthkit.experiment._many_to_one import critical_value
from growthkit.experiment._test_power import Comparison, solve_size
from growthkit.experiment.group_sequential import GroupSequential
from growthkit.experiment.planning import (
    SamplePlan,
    duration,
    minimum_detectable_effect,
    power,
    ratio_sd,
    sample_size,
)
from tests.references.planning import days_until, exact_power_of_pooled_z, fleiss_tytun_ury, simulated_welch_power

PUBLISHED: dict[str, Any] = json.loads((Path(__file__).parents[1] / "published" / "planning.json").read_text())

NONCENTRAL = 1e-9 if tuple(map(int, scipy.__version__.split(".")[:2])) >= (1, 17) else 2e-8
"""What powers may be off by: with the newest SciPy 1e-9; the noncentral t of the oldest is off by 6e-9."""

NO_SD: dict[str, Any] = {"sd_control": np.array([np.nan]), "sd_treatment": np.array([np.nan])}


def cases(name: str) -> Any:
    return pytest.mark.parametrize("case", PUBLISHED[name]["cases"], ids=lambda case: str(case.get("name", case)))


class TestPublished:
    @cases("sizes")
    def test_sizes(self, case: dict[str, Any]) -> None:
        plan = sample_size(**case["arguments"])
        if "exact" in case:
            assert plan.exact == pytest.approx(case["exact"], abs=case["tolerance"])
            assert plan.n_control == math.ceil(case["exact"])
        else:
            assert plan.n_control == case["n_control"]

    @cases("powers")
    def test_powers(self, case: dict[str, Any]) -> None:
        assert power(**case["arguments"]).power == pytest.approx(case["power"], abs=case.get("tolerance", NONCENTRAL))

    @cases("effects")
    def test_effects(self, case: dict[str, Any]) -> None:
        found = minimum_detectable_effect(**case["arguments"])
        assert found.effect == pytest.approx(case["effect"], abs=case["tolerance"])

    def test_no_proportion_is_far_enough(self) -> None:
        found = minimum_detectable_effect(0.9, n_control=30)  # the R documentation's impossible condition
        assert math.isnan(found.effect) and math.isnan(found.power)
        assert "out_of_reach" in {notice.code for notice in found.warnings}

    @cases("rpact")
    def test_score_variance_with_margins_and_sequential_inflation(self, case: dict[str, Any]) -> None:
        looks = {"information": [0.2, 0.5, 1], "design": "wang_tsiatis", "shape": 0.3}
        design, ratio = GroupSequential(0.025, sided=1, beta=0.1, **looks), np.array([case["allocation_ratio"]])
        numbers = {"baseline": case["baseline"], "tail": 0.025, "factor": design.inflation, "cluster": 1.0}
        arrays = {name: np.array([value]) for name, value in (numbers | {"margin": case["margin"]}).items()}
        plan = Comparison("pooled", "non_inferiority", False, 1, case["relative"], **arrays, **NO_SD)
        n = solve_size(plan, ratio, np.array([case["target"]]), np.array([0.9]))
        assert n[0] == pytest.approx(case["n_control"], rel=1e-7)
        assert n[0] * ratio[0] == pytest.approx(case["n_treatment"], rel=1e-7)

    def test_relative_margin_by_name(self) -> None:
        design = GroupSequential(0.025, information=[0.2, 0.5, 1], sided=1, design="wang_tsiatis", shape=0.3, beta=0.1)
        plan = sample_size(0.2, 0.4, margin=0.1, alternative="greater", alpha=0.025, power=0.9, inflation=design)
        assert plan.exact == pytest.approx(85.604059, rel=1e-7)
        assert "Farrington-Manning" in plan.method and "sequential inflation" in plan.method

    def test_sequential_sizes(self) -> None:
        wanted = PUBLISHED["rpact"]["sequential"]
        two = GroupSequential(0.05, information=3, design="obrien_fleming", sided=2)
        rates = sample_size(0.15, 0.11, inflation=two)
        assert 2 * rates.exact == pytest.approx(wanted["rates"], abs=0.06)
        one = GroupSequential(0.05, information=3, design="obrien_fleming", sided=1)
        means = sample_size(0, sd=23, margin=7, margin_scale="absolute", alternative="greater", inflation=one)
        assert 2 * means.exact == pytest.approx(wanted["means"], abs=0.06)

    def test_names_its_formula(self) -> None:
        methods = {f: sample_size(0.10, 0.12, formula=f) for f in ("pooled", "unpooled", "continuity", "arcsine")}
        assert [plan.n_control for plan in methods.values()] == [3841, 3839, 3941, 3835]
        for word, plan in zip(("Fleiss", "Wald", "Fleiss-Tytun-Ury", "Cohen"), methods.values(), strict=True):
            assert word in plan.method


class TestTwins:
    @pytest.mark.parametrize("ratio", [0.5, 1.0, 3.0])
    def test_fleiss_tytun_ury(self, ratio: float) -> None:
        plain, corrected = fleiss_tytun_ury(0.2, 0.35, ratio, 0.05, 0.9)
        one = {"power": 0.9, "allocation_ratio": ratio}
        assert sample_size(0.2, 0.35, **one).exact == pytest.approx(plain, rel=1e-6)
        assert sample_size(0.2, 0.35, formula="continuity", **one).exact == pytest.approx(corrected, rel=1e-6)

    def test_pooled_power_is_near_the_exact_one(self) -> None:
        exact = exact_power_of_pooled_z(0.2, 0.4, 80, 80, 0.05)
        assert power(0.2, 0.4, n_control=80).power == pytest.approx(exact, abs=0.02)

    def test_welch_power_by_simulation(self) -> None:
        sds, sizes = (1.0, 3.0), (12, 20)
        parts = np.array(sds) ** 2 / sizes
        df = parts.sum() ** 2 / (parts**2 / (np.array(sizes) - 1)).sum()
        runs = 20_000
        seen = simulated_welch_power(2.0, sds, sizes, -float(stdtrit(df, 0.025)), runs, seed=3)
        found = power(0, 2.0, n_control=12, n_treatment=20, sd=1.0, sd_treatment=3.0)
        assert found.power == pytest.approx(seen, abs=4 * math.sqrt(0.25 / runs) + 0.005)

    def test_equivalence_by_simulation(self) -> None:
        rng, n, runs = np.random.default_rng(1), 500, 20_000
        error = math.sqrt(2 / n)
        estimate = 0.02 + error * rng.standard_normal(runs)
        seen = (np.abs(estimate) + 1.959964 * error < 0.2).mean()
        options: dict[str, Any] = {"goal": "equivalence", "margin": 0.2, "margin_scale": "absolute", "sd": 1.0}
        found = power(0, 0.02, n_control=n, formula="normal", **options)
        assert found.power == pytest.approx(seen, abs=0.012)
        assert "each one-sided at 0.025" in found.method

    @given(
        st.floats(1, 1e5),
        st.lists(st.floats(0, 1000), min_size=7, max_size=7).filter(lambda w: sum(w) > 1),
        st.integers(0, 6),
        st.lists(st.floats(0, 1), max_size=10),
    )
    @settings(max_examples=60, deadline=None)
    def test_days(self, n: float, week: list[float], start: int, ramp: list[float]) -> None:
        n = min(n, 500 * sum(week))
        found = duration(n, traffic=week, start=start, ramp_up=ramp or None, whole_weeks=False)
        assert found.days == days_until(n, week, start, ramp)
        assert found.n_expected >= n * (1 - 1e-9)


PLANS: list[dict[str, Any]] = [
    {"baseline": 0.1},
    {"baseline": 0.1, "formula": "unpooled", "alternative": "greater"},
    {"baseline": 0.3, "formula": "arcsine"},
    {"baseline": 0.3, "formula": "continuity", "direction": "decrease"},
    {"baseline": 20.0, "sd": 40.0},
    {"baseline": 20.0, "sd": 40.0, "formula": "student", "direction": "decrease"},
    {"baseline": -5.0, "sd": 4.0, "sd_treatment": 6.0, "formula": "normal", "r_squared": 0.4},
    {"baseline": 0.2, "margin": 0.1},
    {"baseline": 0.2, "margin": 0.03, "margin_scale": "absolute", "direction": "decrease"},
    {"baseline": 9.0, "sd": 5.0, "margin": 0.02, "arms": 4, "correction": "dunnett"},
    {"baseline": 9.0, "sd": 5.0, "cluster_size": 8.0, "icc": 0.05, "cluster_cv": 0.7, "inflation": 1.1},
]


class TestInverses:
    @pytest.mark.parametrize("plan", PLANS, ids=str)
    @pytest.mark.parametrize("ratio", [1.0, 0.4])
    def test_effect_size_power(self, plan: dict[str, Any], ratio: float) -> None:
        n = np.array([200.0, 4_000.0, 1e6])
        found = minimum_detectable_effect(n_control=n, n_treatment=ratio * n, power=0.83, **plan)
        keep = np.isfinite(found.effect)
        assert keep[1:].all()
        again = power(target=found.target[keep], n_control=n[keep], n_treatment=ratio * n[keep], **plan)
        np.testing.assert_allclose(again.power, 0.83, atol=1e-7)
        sizes = sample_size(target=found.target[keep], power=0.83, allocation_ratio=ratio, **plan)
        np.testing.assert_allclose(sizes.exact, n[keep], rtol=1e-5)
        assert (sizes.power >= 0.83 - 1e-9).all()

    @given(st.floats(0.001, 0.9), st.floats(0.01, 0.5), st.floats(0.3, 0.99), st.floats(0.001, 0.2))
    @settings(max_examples=60, deadline=None)
    def test_rounded_up_is_enough_and_one_less_is_not(self, p: float, lift: float, want: float, alpha: float) -> None:
        plan = sample_size(p, p + lift * (1 - p), power=want, alpha=alpha)
        assert plan.power >= want - 1e-9
        if plan.n_control > 3:
            less = power(p, p + lift * (1 - p), n_control=plan.n_control - 1, alpha=alpha)
            assert less.power < want + 1e-9

    @given(st.floats(1e-6, 1e6))
    @settings(max_examples=25, deadline=None)
    def test_the_unit_of_measure_changes_nothing(self, unit: float) -> None:
        plain, scaled = (sample_size(10.0 * u, relative_effect=0.05, sd=30.0 * u) for u in (1.0, unit))
        assert plain.exact == pytest.approx(scaled.exact, rel=1e-9)
        found = (minimum_detectable_effect(10.0 * u, n_control=500, sd=30.0 * u).relative_effect for u in (1.0, unit))
        assert next(found) == pytest.approx(next(found), rel=1e-9)

    def test_rows_are_plans_of_their_own(self) -> None:
        effects, levels = np.array([0.01, 0.02, 0.05]), np.array([0.05, 0.01, 0.1])
        together = sample_size(0.1, effect=effects, alpha=levels)
        alone = [
            sample_size(0.1, effect=float(e), alpha=float(a)).n_total for e, a in zip(effects, levels, strict=True)
        ]
        assert together.n_total.tolist() == alone
        assert together.to_frame().shape[0] == 3 and together.facts()["plans"] == 3


class TestAllowances:
    def test_corrections(self) -> None:
        sizes = [
            sample_size(0.1, 0.12, arms=4, correction=c).n_control
            for c in ("none", "dunnett", "sidak", "holm", "bonferroni")
        ]
        assert sizes == sorted(sizes) and sizes[3] == sizes[4]
        assert sample_size(0.1, 0.12, arms=4).alpha == pytest.approx(0.05 / 3)

    def test_dunnett_is_the_one_of_the_comparison(self) -> None:
        for alternative, sides in (("two-sided", 2), ("greater", 1)):
            plan = sample_size(0.1, 0.12, arms=3, correction="dunnett", alternative=alternative)
            wanted = critical_value(0.05, np.sqrt([0.5, 0.5]), np.inf, two_sided=sides == 2)
            assert -float(ndtri(plan.alpha / sides)) == pytest.approx(wanted, abs=1e-9)

    def test_multipliers(self) -> None:
        plain = sample_size(10, effect=1, sd=10, formula="normal").exact
        for options, factor in [
            ({"r_squared": 0.36}, 0.64),
            ({"inflation": 1.2}, 1.2),
            ({"design_effect": 1.9}, 1.9),
            ({"cluster_size": 10, "icc": 0.1}, 1.9),
            ({"cluster_size": 10, "icc": 0.1, "cluster_cv": 0.5}, 1 + (12.5 - 1) * 0.1),
        ]:
            assert sample_size(10, effect=1, sd=10, formula="normal", **options).exact == pytest.approx(plain * factor)

    def test_ratio_sd(self) -> None:
        rng = np.random.default_rng(0)
        views = rng.poisson(8, 200_000) + 1.0
        clicks = rng.binomial(views.astype(int), 0.1)
        sd = ratio_sd(clicks.mean(), views.mean(), clicks.var(), views.var(), np.cov(clicks, views, ddof=0)[0, 1])
        linear = (clicks - clicks.mean() / views.mean() * views) / views.mean()
        assert sd == pytest.approx(linear.std(), rel=1e-9)

    def test_warnings(self) -> None:
        codes = lambda plan: {notice.code for notice in plan.warnings}  # noqa: E731
        assert codes(power(0.005, 0.02, n_control=200)) == {"few_events"}
        assert codes(power(5, 6, n_control=20, sd=2)) == {"few_units"}
        assert codes(power(0.1, 0.12, n_control=4000)) == set()
        wrong = GroupSequential(0.01, information=3)
        assert codes(sample_size(0.1, 0.12, inflation=wrong)) == {"sequential_level_differs"}
        assert codes(sample_size(0.1, effect=0.0)) == {"out_of_reach"}

    def test_result(self) -> None:
        plan = sample_size(0.1, 0.12)
        assert isinstance(plan, SamplePlan) and plan.estimate == plan.n_total == 7682
        assert plan.to_dict()["facts"]["n_control"] == 3841
        assert "Fleiss" in plan.summary() and "<table>" in plan._repr_html_()
        assert power(0.1, 0.12, n_control=100).estimate == power(0.1, 0.12, n_control=100).power


class TestDuration:
    def test_weeks_share_and_plans(self) -> None:
        plan = sample_size(0.1, effect=[0.01, 0.02])
        found = duration(plan, traffic=2000, share=[1.0, 0.5])
        assert found.days.tolist() == [21, 14] and found.weeks.tolist() == [3, 2]
        assert found.method == "cumulated traffic, whole weeks"

    def test_short_and_long_ones_are_named(self) -> None:
        assert [n.code for n in duration(900, traffic=1000, whole_weeks=False).warnings] == ["under_one_week"]
        assert [n.code for n in duration(60_000, traffic=1000).warnings] == ["over_eight_weeks"]
        assert not duration(900, traffic=1000).warnings
        endless = duration(1e12, traffic=1000)
        assert math.isnan(endless.days) and [n.code for n in endless.warnings] == ["out_of_reach"]

    def test_rows_of_traffic(self) -> None:
        found = duration(1000, traffic=np.array([[100.0] * 7, [50.0] * 7]), whole_weeks=False)
        assert found.days.tolist() == [10, 20]

    def test_ramp_up_and_start(self) -> None:
        week = [0, 0, 0, 0, 0, 100, 100]
        assert duration(100, traffic=week, whole_weeks=False, start=0).days == 6
        assert duration(100, traffic=week, whole_weeks=False, start=5).days == 1
        assert duration(100, traffic=100, whole_weeks=False, ramp_up=[0.5, 0.5]).days == 2

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"traffic": [1, 2, 3]}, "Monday to Sunday"),
            ({"traffic": 0}, "above 0 on some day"),
            ({"traffic": math.nan}, "finite"),
            ({"traffic": "many"}, "numbers"),
            ({"traffic": 10, "share": 1.5}, "share holds 1"),
            ({"traffic": 10, "start": 7}, "start must be"),
            ({"traffic": 10, "ramp_up": [2.0]}, "ramp_up must be"),
        ],
    )
    def test_hostile(self, options: dict[str, Any], words: str) -> None:
        with pytest.raises((ParameterError, DataError), match=words):
            duration(1000, **options)

    def test_plans_out_of_reach(self) -> None:
        with pytest.raises(DataError, match="out of reach"):
            duration(sample_size(0.1, effect=0.0), traffic=100)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"baseline": 0.1}, "one of target, effect and relative_effect, got none"),
        ({"baseline": 0.1, "target": 0.2, "effect": 0.1}, "got target and effect"),
        ({"baseline": 1.2, "target": 0.2}, r"baseline holds 1 values out of \[0, 1\].*give sd if it is a mean"),
        ({"baseline": 0.1, "effect": [0.1, 0.95]}, "first at row 1: 0.95"),
        ({"baseline": 0.1, "effect": [0.1, math.nan]}, "effect holds 1 NaN"),
        ({"baseline": [0.1, 0.2], "effect": [0.1, 0.1, 0.1]}, "one length"),
        ({"baseline": 0.1, "target": 0.2, "power": 1.0}, "power holds 1 values out of range"),
        ({"baseline": 0.1, "target": 0.2, "power": 0.04}, "not above alpha"),
        ({"baseline": 5, "effect": 1, "sd": 0}, "sd holds 1 values out of range.*above 0"),
        ({"baseline": 0.1, "target": 0.2, "formula": "welch"}, "for proportions, where sd is not given"),
        ({"baseline": 0.1, "target": 0.2, "formula": "best"}, "formula must be one of"),
        ({"baseline": 0.1, "margin": 0.1, "formula": "arcsine"}, "with a margin"),
        ({"baseline": 0.1, "target": 0.2, "goal": "equivalence"}, "margin must be given"),
        ({"baseline": 0.1, "target": 0.2, "margin": 0.1, "goal": "superiority"}, "margin must be left out"),
        ({"baseline": 0.1, "margin": 1.5}, "margin holds 1 values of 1 or more"),
        ({"baseline": 0.1, "margin": 1, "margin_scale": "absolute"}, "margin holds 1 values of 1 or more"),
        ({"baseline": -3, "sd": 1, "margin": 0.1}, "margin_scale='absolute'"),
        ({"baseline": 0.1, "target": 0.2, "sd_treatment": 1}, "sd_treatment must be left out"),
        ({"baseline": 0.1, "target": 0.2, "icc": 0.1}, "icc and cluster_size together"),
        ({"baseline": 0.1, "target": 0.2, "cluster_cv": 0.1}, "cluster_cv belongs"),
        ({"baseline": 0.1, "target": 0.2, "icc": 0.1, "cluster_size": 3, "design_effect": 2}, "not both"),
        ({"baseline": 0.1, "target": 0.2, "r_squared": 1.0}, "below 1"),
        ({"baseline": 0.1, "target": 0.2, "inflation": 0.9}, "at least 1"),
        ({"baseline": 0.1, "target": 0.2, "arms": 1}, "arms must be"),
        ({"baseline": 0.1, "target": 0.2, "arms": 3, "comparisons": 5, "correction": "dunnett"}, "comparisons must be"),
        ({"baseline": 0.1, "target": 0.2, "alternative": "less", "direction": "increase"}, "in keeping with"),
    ],
)
def test_hostile(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises((ParameterError, DataError), match=words) as caught:
        sample_size(**arguments)
    assert str(caught.value).startswith("sample_size: ")


def test_equivalence_has_no_smallest_effect() -> None:
    with pytest.raises(ParameterError, match="no smallest one"):
        minimum_detectable_effect(0.1, n_control=100, goal="equivalence", margin=0.1)
