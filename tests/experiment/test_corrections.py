from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from growthkit.exceptions import DataError, ParameterError
from growthkit.experiment._many_to_one import any_beyond, critical_value
from growthkit.experiment.corrections import adjust_p_values, dunnett
from tests.references import corrections as twin

PUBLISHED = json.loads((Path(__file__).parents[1] / "published" / "corrections.json").read_text())
METHODS = ("bonferroni", "holm", "hochberg", "bh", "by")

p_values = st.lists(st.floats(0, 1) | st.sampled_from([0.0, 0.01, 0.02, 0.05, 1.0]), min_size=1, max_size=8)


@given(p=p_values, method=st.sampled_from(METHODS), alpha=st.floats(0.001, 0.999))
def test_an_adjusted_p_value_is_the_least_alpha_that_rejects(p: list[float], method: str, alpha: float) -> None:
    adjusted = adjust_p_values(p, method=method)
    sure = np.abs(adjusted - alpha) > 1e-9
    decided = set(np.flatnonzero(sure).tolist())
    assert twin.rejected(p, alpha, method) & decided == set(np.flatnonzero(adjusted <= alpha).tolist()) & decided


@given(
    rows=st.lists(
        st.tuples(st.floats(0, 1), st.sampled_from(["primary", "secondary", "guardrail"])), min_size=1, max_size=8
    ),
    method=st.sampled_from(("bonferroni", "holm", "hochberg")),
    gate=st.sampled_from(("all", "any")),
    alpha=st.floats(0.001, 0.999),
)
def test_gatekeeping_equals_its_rule(rows: list[tuple[float, str]], method: str, gate: str, alpha: float) -> None:
    p, roles = [row[0] for row in rows], [row[1] for row in rows]
    adjusted = adjust_p_values(p, method=method, role=roles, gate=gate)
    decided = set(np.flatnonzero(np.abs(adjusted - alpha) > 1e-9).tolist())
    expected = twin.rejected_behind_gate(p, roles, alpha, method, gate)
    assert expected & decided == set(np.flatnonzero(adjusted <= alpha).tolist()) & decided


@given(p=p_values, method=st.sampled_from(METHODS), order=st.randoms())
def test_order_changes_nothing_and_methods_keep_their_rank(p: list[float], method: str, order: object) -> None:
    shuffled = list(range(len(p)))
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    adjusted = adjust_p_values(p, method=method)
    np.testing.assert_array_equal(adjust_p_values([p[i] for i in shuffled], method=method), adjusted[shuffled])
    assert (adjusted >= np.array(p) - 1e-15).all()
    assert (adjusted <= adjust_p_values(p, method="bonferroni") + 1e-15).all() or method == "by"


@pytest.mark.parametrize("method", METHODS)
def test_nan_stays_and_does_not_count(method: str) -> None:
    p = np.array([[0.01, np.nan], [0.04, 0.03]])
    adjusted = adjust_p_values(p, method=method)
    assert np.isnan(adjusted[0, 1]) and adjusted.shape == (2, 2)
    known = adjust_p_values([0.01, 0.04, 0.03], method=method)
    np.testing.assert_array_equal(adjusted[~np.isnan(adjusted)], known)
    assert np.isnan(adjust_p_values([np.nan, np.nan], method=method)).all()
    assert adjust_p_values([], method=method).size == 0


def test_peers_agree() -> None:
    multipletests = pytest.importorskip("statsmodels.stats.multitest").multipletests
    p = np.random.default_rng(1).uniform(size=40) ** 2
    for ours, theirs in {"holm": "holm", "hochberg": "simes-hochberg", "bh": "fdr_bh", "by": "fdr_by"}.items():
        np.testing.assert_allclose(adjust_p_values(p, method=ours), multipletests(p, method=theirs)[1], rtol=1e-12)


def test_guardrails_stand_apart_and_an_unmade_primary_test_keeps_the_gate_shut() -> None:
    roles = ["primary", "primary", "secondary", "guardrail"]
    np.testing.assert_allclose(adjust_p_values([0.01, 0.02, 0.001, 0.03], role=roles), [0.02, 0.02, 0.02, 0.03])
    shut = adjust_p_values([0.01, np.nan, 0.001, 0.03], role=roles)
    np.testing.assert_allclose(shut, [0.01, np.nan, 1.0, 0.03])
    np.testing.assert_allclose(adjust_p_values([0.01, 0.04], role=["secondary"] * 2), [0.02, 0.04])


class TestBranches:
    ROLES = (("primary",) * 2, ("secondary",) * 2)

    def test_each_has_a_gate_of_its_own(self) -> None:
        p = [[0.001, 0.9], [0.002, 0.002]]
        adjusted = adjust_p_values(p, role=self.ROLES, branch=[["a", "b"]] * 2)
        np.testing.assert_allclose(adjusted, [[0.002, 1.0], [0.004, 1.0]])
        np.testing.assert_allclose(adjust_p_values(p, role=self.ROLES)[1], [0.9, 0.9])

    def test_an_unmade_test_shuts_one_gate(self) -> None:
        found = adjust_p_values([[0.001, np.nan], [0.002, 0.002]], role=self.ROLES, branch=[[1, 2]] * 2)
        np.testing.assert_allclose(found, [[0.002, np.nan], [0.004, 1.0]])

    @given(p=st.lists(st.floats(0, 1), min_size=8, max_size=8), method=st.sampled_from(METHODS))
    def test_is_the_rule_within_each_branch(self, p: list[float], method: str) -> None:
        roles, branch = ["primary", "secondary", "secondary", "guardrail"] * 2, [0] * 4 + [1] * 4
        found = adjust_p_values(p, method=method, role=roles, branch=branch)
        if method in ("bh", "by"):
            families = adjust_p_values(p, method=method, role=roles)
            assert (found <= families + 1e-15).all()
            return
        for start in (0, 4):
            own = adjust_p_values(p[start : start + 3], method=method, role=roles[:3])
            np.testing.assert_allclose(found[start : start + 3], np.minimum(2 * own, 1))
            assert found[start + 3] == p[start + 3]

    def test_without_secondary_metrics_they_are_one_family(self) -> None:
        p = [0.01, 0.03, 0.5]
        found = adjust_p_values(p, role=["primary"] * 3, branch=[0, 1, 2])
        np.testing.assert_array_equal(found, adjust_p_values(p))

    @pytest.mark.slow
    def test_hold_the_chance_of_any_false_rejection(self) -> None:
        rng, runs, wrong = np.random.default_rng(5), 20_000, 0
        effects = np.array([[5.0, 0.0], [0.0, 4.0]])
        for _ in range(runs):
            z = effects + np.sqrt(0.5) * (rng.standard_normal((2, 2)) + rng.standard_normal((2, 1)))
            adjusted = adjust_p_values(2 * stats.norm.sf(np.abs(z)), role=self.ROLES, branch=[[0, 1]] * 2)
            wrong += bool((adjusted[effects == 0] <= 0.05).any())
        assert wrong / runs <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / runs)


@pytest.mark.slow
@pytest.mark.parametrize("gate", ["all", "any"])
def test_gatekeeping_holds_the_chance_of_any_false_rejection(gate: str) -> None:
    rng, runs, wrong = np.random.default_rng(4), 20_000, 0
    roles = ["primary", "primary", "secondary", "secondary"]
    effects = np.array([3.0, 0.0, 0.0, 4.0])
    for _ in range(runs):
        z = effects + np.sqrt(0.5) * (rng.standard_normal(4) + rng.standard_normal())
        adjusted = adjust_p_values(2 * stats.norm.sf(np.abs(z)), role=roles, gate=gate)
        wrong += bool((adjusted[effects == 0] <= 0.05).any())
    assert wrong / runs <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / runs)


def test_dunnetts_table() -> None:
    table = PUBLISHED["dunnett_one_sided"]
    for df, row in table["df"].items():
        found = [critical_value(0.05, np.full(k, np.sqrt(0.5)), float(df), two_sided=False) for k in table["arms"]]
        np.testing.assert_allclose(found, row, atol=0.0101)
        assert np.mean(np.abs(np.array(found) - row) < 0.0051) > 0.7


def test_one_comparison_is_the_t_test() -> None:
    for df in (1.0, 2.5, 30.0, 4000.0):
        for loading in (0.0, 0.3, 0.9, 0.999):
            ours = any_beyond(2.2, np.array([loading]), df, two_sided=True)
            assert ours == pytest.approx(2 * stats.t.sf(2.2, df), rel=1e-8)
    rng = np.random.default_rng(3)
    a, b = rng.normal(0, 1, 30), rng.normal(0.5, 3, 20)
    for equal in (True, False):
        ours = dunnett([a.mean(), b.mean()], [a.var(ddof=1), b.var(ddof=1)], [30, 20], equal_variances=equal)
        theirs = stats.ttest_ind(b, a, equal_var=equal)
        assert ours.p_value[0] == pytest.approx(theirs.pvalue, rel=1e-7)
        interval = theirs.confidence_interval()
        assert (ours.lower[0], ours.upper[0]) == pytest.approx((interval.low, interval.high), rel=1e-6)


def test_the_integral_equals_the_multivariate_normal() -> None:
    loadings = np.array([0.7, 0.6, 0.9])
    correlation = np.outer(loadings, loadings)
    np.fill_diagonal(correlation, 1)
    law = stats.multivariate_normal
    inside = law.cdf([2.0] * 3, cov=correlation, lower_limit=[-2.0] * 3, abseps=1e-7, releps=1e-7)
    assert any_beyond(2.0, loadings, np.inf, two_sided=True) == pytest.approx(1 - inside, abs=1e-5)


def test_scipys_dunnett_agrees_within_its_simulation() -> None:
    rng = np.random.default_rng(0)
    groups = [rng.normal(0, 1, 12), rng.normal(0.8, 1, 10), rng.normal(1, 1, 20)]
    shape = [[g.mean() for g in groups], [g.var(ddof=1) for g in groups], [g.size for g in groups]]
    for alternative in ("two-sided", "greater", "less"):
        ours = dunnett(*shape, equal_variances=True, alternative=alternative)
        theirs = stats.dunnett(*groups[1:], control=groups[0], alternative=alternative, random_state=1)
        np.testing.assert_allclose(ours.p_value, theirs.pvalue, atol=2e-4)
        interval = theirs.confidence_interval()
        np.testing.assert_allclose(ours.lower, interval.low, atol=2e-3)
        np.testing.assert_allclose(ours.upper, interval.high, atol=2e-3)


def test_limits_and_p_values_of_dunnett_agree() -> None:
    rng = np.random.default_rng(5)
    for alternative in ("two-sided", "greater", "less"):
        for _ in range(4):
            arms = dunnett(
                rng.normal(0, 0.5, 5), rng.uniform(0.5, 2, 5), rng.integers(5, 50, 5), alternative=alternative
            )
            outside = (arms.lower > 0) | (arms.upper < 0)
            np.testing.assert_array_equal(outside, arms.p_value < 0.05)


def test_units_and_places_change_nothing() -> None:
    mean, variance, n = np.array([1.0, 1.3, 0.8]), np.array([1.0, 2.0, 1.5]), np.array([40, 50, 60])
    one = dunnett(mean, variance, n)
    scaled = dunnett(100 * mean, 1e4 * variance, n)
    np.testing.assert_allclose(scaled.p_value, one.p_value, rtol=1e-9)
    moved = dunnett(mean[::-1], variance[::-1], n[::-1], control=2)
    np.testing.assert_allclose(moved.p_value[::-1], one.p_value, rtol=1e-9)
    assert moved.arm.tolist() == [0, 1]
    assert list(one.to_frame().columns[:4]) == ["arm", "estimate", "lower", "upper"]


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: adjust_p_values([0.1, 1.2]), DataError, r"p holds 1 values outside \[0, 1\] \(first at row 1: 1.2\)"),
        (lambda: adjust_p_values(["a"]), DataError, "p must be numbers"),
        (lambda: adjust_p_values([0.1], method="sidak"), ParameterError, "method must be one of"),
        (lambda: adjust_p_values([0.1], role=["main"]), ParameterError, "role must be one of"),
        (lambda: adjust_p_values([0.1], role=["primary"] * 2), DataError, "give one role for each"),
        (lambda: adjust_p_values([0.1], role=["primary"], branch=[1, 2]), DataError, "give one branch for each"),
        (lambda: adjust_p_values([0.1], role=["primary"], gate="any", method="bh"), ParameterError, "gate='any'"),
        (lambda: dunnett([1.0], [1.0], [10]), DataError, "at least one other arm"),
        (lambda: dunnett([1, 2], [1, 1], [10, 1]), DataError, r"n holds 1 values.*first at row 1"),
        (lambda: dunnett([1, 2], [0, 0], [10, 10]), DataError, "variance"),
        (lambda: dunnett([1, 2], [1, -1], [10, 10]), DataError, "variance holds 1 negative"),
        (lambda: dunnett([1, 2], [1, 1], [10, 10], control=2), ParameterError, "control"),
        (lambda: dunnett([1, np.nan], [1, 1], [10, 10]), DataError, "mean holds 1 NaN"),
    ],
)
def test_what_is_refused(call: object, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        call()  # type: ignore[operator]
