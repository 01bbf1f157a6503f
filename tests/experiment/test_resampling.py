"""Resampling: twins, published numbers, exact laws, scipy on small cases, hostile input, threads, coverage."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from growthkit.exceptions import DataError, GrowthkitWarning, ParameterError
from growthkit.experiment import _intervals, _kernels
from growthkit.experiment._order_law import Law, bootstrap_law, difference_ends
from growthkit.experiment.resampling import bootstrap, mann_whitney, permutation_test, quantile_test
from growthkit.testing import FrameEngine
from tests.experiment import simulate_resampling as simulate
from tests.references import resampling as reference
from tests.support import to_lists

SEED: Any = np.uint64(2**63 + 12345)
NO_BASES = np.empty(0, dtype=np.int64)
METHODS = ("poisson", "percentile", "basic", "bca", "studentized")
whole_samples = st.lists(st.integers(-5, 5), min_size=2, max_size=6).map(lambda v: [float(x) for x in v])


def frame_of(control: Any, treated: Any, **columns: Any) -> pd.DataFrame:
    arms = np.repeat(["a", "b"], [len(control), len(treated)])
    return pd.DataFrame({"variant": arms, "value": np.concatenate((control, treated)).astype(float), **columns})


def two_samples(n: int = 60, m: int = 40, seed: int = 0) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    return rng.exponential(1.0, n), rng.exponential(1.3, m)


class TestKernels:
    @pytest.mark.parametrize("n", [1, 3, 4, 5, 4095, 4096, 4099, 9000])
    def test_poisson_weights_are_those_of_the_twin(self, n: int) -> None:
        weights = np.empty(n, dtype=np.int16)
        _kernels.poisson_weights(np.uint64(_kernels.start_of(SEED, 3)), weights)
        units = {0, n // 2, n - 1, min(n - 1, 4096)}
        assert {i: weights[i] for i in units} == {i: reference.poisson_weight(int(SEED), 3, i) for i in units}

    @pytest.mark.parametrize("n", [2, 7, 4100])
    def test_poisson_sums_weigh_units(self, n: int) -> None:
        rng = np.random.default_rng(n)
        values, bases = rng.integers(-1000, 1000, n), rng.integers(1, 9, n)
        sums, plain = np.empty((2, 2), dtype=np.int64), np.empty((2, 2), dtype=np.int64)
        _kernels.poisson_sums(bases, values, SEED, 0, n, 5, sums)
        _kernels.poisson_sums(NO_BASES, values, SEED, 0, n, 5, plain)
        for b in range(2):
            weights = np.array([reference.poisson_weight(int(SEED), 5 + b, i) for i in range(n)])
            assert sums[b].tolist() == [weights @ bases, weights @ values]
            assert plain[b].tolist() == [weights.sum(), weights @ values]

    def test_blocks_of_units_add_up(self) -> None:
        values = np.random.default_rng(1).integers(-1000, 1000, 10_000)
        whole, parts = np.empty((3, 2), dtype=np.int64), np.empty((2, 3, 2), dtype=np.int64)
        _kernels.poisson_sums(NO_BASES, values, SEED, 0, 10_000, 0, whole)
        _kernels.poisson_sums(NO_BASES, values, SEED, 0, 8192, 0, parts[0])
        _kernels.poisson_sums(NO_BASES, values, SEED, 8192, 10_000, 0, parts[1])
        assert (parts.sum(axis=0) == whole).all()

    def test_table_has_mean_and_variance_one_and_is_near_poisson(self) -> None:
        cells, k = np.array(_kernels.POISSON_CELLS), np.arange(9)
        assert (cells.sum(), cells @ k, cells @ k**2) == (65536, 65536, 2 * 65536)
        assert cells @ k**3 == pytest.approx(5 * 65536, abs=3)
        exact = np.array([65536 * math.exp(-1) / math.factorial(j) for j in k])
        assert np.abs(cells - exact).max() < 1.5

    def test_weights_look_like_poisson(self) -> None:
        weights = np.empty(400_000, dtype=np.int16)
        _kernels.poisson_weights(np.uint64(_kernels.start_of(SEED, 0)), weights)
        expected = np.array(_kernels.POISSON_CELLS[:6]) / 65536 * weights.size
        observed = np.bincount(weights, minlength=9)[:6]
        assert ((observed - expected) ** 2 / expected).sum() < 25.0
        for lag in (1, 2, 3, 4, 8):
            assert abs(np.corrcoef(weights[:-lag], weights[lag:])[0, 1]) < 5 / math.sqrt(weights.size)

    def test_resamples_are_not_correlated(self) -> None:
        table = np.empty((40, 20_000), dtype=np.int16)
        for b in range(40):
            _kernels.poisson_weights(np.uint64(_kernels.start_of(SEED, b)), table[b])
        correlations = np.corrcoef(table)[np.triu_indices(40, 1)]
        assert np.abs(correlations).max() < 5 / math.sqrt(20_000)

    def test_drawn_sums_and_weights_are_those_of_the_twin(self) -> None:
        columns = np.random.default_rng(2).normal(size=(9, 2))
        sums, weights = np.empty((2, 2)), np.empty(9, dtype=np.int16)
        _kernels.drawn_sums(columns, SEED, 4, sums)
        for b in range(2):
            rows = [reference.drawn_unit(int(SEED), 4 + b, j, 9) for j in range(9)]
            np.testing.assert_allclose(sums[b], columns[rows].sum(axis=0), rtol=1e-12)
        _kernels.drawn_weights(9, np.uint64(_kernels.start_of(SEED, 4)), weights)
        rows = [reference.drawn_unit(int(SEED), 4, j, 9) for j in range(9)]
        assert weights.tolist() == np.bincount(rows, minlength=9).tolist()

    def test_selected_sums_are_those_of_the_twin_and_all_choices_equally_likely(self) -> None:
        columns = 2.0 ** np.arange(5).reshape(5, 1)
        sums = np.empty((6000, 1))
        _kernels.selected_sums(columns, 2, SEED, 0, sums)
        for b in range(20):
            assert sums[b, 0] == sum(2.0**i for i in reference.selected(int(SEED), b, 5, 2))
        _, counts = np.unique(sums, return_counts=True)
        assert counts.size == 10
        assert ((counts - 600) ** 2 / 600).sum() < 30.0

    @given(whole_samples, whole_samples)
    def test_placements_and_ties(self, values: list[float], others: list[float]) -> None:
        below = np.empty(len(values))
        _kernels.placements(np.sort(values), np.sort(others), below)
        assert below.sum() == reference.pairs_won(values, others)
        _, runs = np.unique(values + others, return_counts=True)
        assert _kernels.tie_cubes(np.sort(values), np.sort(others)) == (runs**3 - runs).sum()

    @pytest.mark.parametrize(("m", "n"), [(1, 1), (1, 5), (2, 3), (3, 3), (4, 6)])
    def test_counts_of_u(self, m: int, n: int) -> None:
        assert _kernels.u_counts(m, n).tolist() == reference.u_counts(m, n)

    def test_weighted_quantiles_are_quantiles_of_repeated_rows(self) -> None:
        values = np.sort(np.random.default_rng(3).integers(0, 9, 12).astype(float))
        units = np.array([0, 1, 2, 3, 0, 1, 2, 3, 4, 4, 5, 5], dtype=np.int32)
        sizes = np.bincount(units).astype(np.int64)
        for poisson in (True, False):
            found = np.empty(50)
            _kernels.weighted_quantiles(poisson, values, units, sizes, 0.3, SEED, 0, found)
            for b in range(50):
                drawn = [reference.drawn_unit(int(SEED), b, j, 6) for j in range(6)]
                by_unit = [reference.poisson_weight(int(SEED), b, u) if poisson else drawn.count(u) for u in range(6)]
                rows = np.repeat(values, [by_unit[u] for u in units]).tolist()
                assert found[b] == reference.quantile(rows, 0.3) if rows else math.isnan(found[b])


class TestOrderLaws:
    @given(st.lists(st.integers(0, 6), min_size=2, max_size=5), st.sampled_from([0.1, 0.25, 0.5, 0.75, 0.9]))
    def test_bootstrap_law_is_that_of_all_resamples(self, values: list[int], q: float) -> None:
        estimate, law = bootstrap_law(np.array(values, dtype=float), q)
        exact = reference.bootstrap_law([float(v) for v in values], q)
        assert estimate == reference.quantile([float(v) for v in values], q)
        for value, mass in exact.items():
            assert law.masses[np.equal(law[0], value)].sum() == pytest.approx(float(mass), abs=1e-12)

    @given(st.lists(st.integers(-4, 4), min_size=1, max_size=6, unique=True), st.integers(0, 99))
    def test_ends_of_differences(self, values: list[int], seed: int) -> None:
        rng = np.random.default_rng(seed)
        sides = [np.sort(np.array(values, dtype=float)), np.unique(rng.integers(-4, 4, 5)).astype(float)]
        laws = [Law(side, rng.dirichlet(np.ones(side.size))) for side in sides]
        tables: list[dict[float, float]] = [dict(zip(v.tolist(), m.tolist(), strict=True)) for v, m in laws]
        found = difference_ends((laws[0], laws[1]), (laws[0], laws[1]), confidence=0.8)
        assert found == pytest.approx(reference.difference_ends(tables[0], tables[1], 0.8), abs=1e-9)

    def test_exact_quantile_interval_is_the_limit_of_resampling(self) -> None:
        control, treated = two_samples(200, 150)
        frame = frame_of(control, treated, unit=np.arange(350))
        exact = bootstrap(frame, "quantile_difference", q=0.8, control="a", rng=1)
        drawn = bootstrap(
            frame,
            "quantile_difference",
            q=0.8,
            control="a",
            unit="unit",
            method="percentile",
            n_resamples=20_000,
            rng=1,
        )
        assert exact.n_resamples == 0
        assert exact.estimate == drawn.estimate
        for end in ("lower", "upper"):
            assert getattr(exact, end)[0] == pytest.approx(getattr(drawn, end)[0], abs=0.05)
        assert exact.standard_error == pytest.approx(drawn.standard_error, rel=0.03)

    def test_median_intervals_as_published(self, published: Callable[[str], Any]) -> None:
        for n, low, high, level in published("resampling")["median_intervals"]["n_low_high_level"]:
            found = quantile_test(pd.DataFrame({"value": np.arange(1.0, n + 1)}), 0.5, confidence=0.95)
            assert (found.lower, found.upper) == (low, high)
            at_level = quantile_test(pd.DataFrame({"value": np.arange(1.0, n + 1)}), confidence=level / 100 - 0.0006)
            assert (at_level.lower, at_level.upper) == (low, high)


class TestBootstrap:
    @pytest.mark.parametrize("method", METHODS)
    @pytest.mark.parametrize("statistic", ["mean_difference", "relative_difference"])
    @pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.98])
    def test_interval_excludes_zero_exactly_when_p_says_so(
        self, method: str, statistic: str, confidence: float
    ) -> None:
        for seed in range(12):
            frame = frame_of(*two_samples(30, 25, seed))
            found = bootstrap(
                frame, statistic, control="a", method=method, n_resamples=199, confidence=confidence, rng=seed
            )
            excluded = not found.lower[0] <= 0 <= found.upper[0]  # type: ignore[index]
            assert excluded == (found.p_value[0] <= 1 - confidence + 1e-12)  # type: ignore[index]

    @pytest.mark.parametrize("method", METHODS)
    def test_mean_difference_is_near_the_normal_interval(self, method: str) -> None:
        rng = np.random.default_rng(4)
        control, treated = rng.normal(1e9, 1.0, 4000), rng.normal(1e9 + 0.1, 1.0, 3000)
        error = math.sqrt(np.var(control) / 4000 + np.var(treated) / 3000)
        found = bootstrap(
            frame_of(control, treated), "mean_difference", control="a", method=method, n_resamples=8000, rng=1
        )
        assert found.standard_error == pytest.approx(error, rel=0.04)
        assert found.lower == pytest.approx(found.estimate - 1.96 * error, abs=0.12 * error)
        assert found.upper == pytest.approx(found.estimate + 1.96 * error, abs=0.12 * error)

    @pytest.mark.parametrize(("method", "peer"), [("percentile", "percentile"), ("basic", "basic"), ("bca", "BCa")])
    def test_agrees_with_scipy(self, method: str, peer: Any) -> None:
        from scipy import stats

        control, treated = two_samples(50, 45)
        found = bootstrap(
            frame_of(control, treated), "mean_difference", control="a", method=method, n_resamples=40_000, rng=1
        )

        def difference(x: Any, y: Any, axis: int = -1) -> Any:
            return x.mean(axis=axis) - y.mean(axis=axis)

        theirs = stats.bootstrap(
            (treated, control), difference, method=peer, n_resamples=40_000, random_state=np.random.default_rng(1)
        )
        noise = 0.05 * theirs.standard_error
        assert found.lower == pytest.approx(theirs.confidence_interval.low, abs=noise)
        assert found.upper == pytest.approx(theirs.confidence_interval.high, abs=noise)

    def test_bca_is_that_of_the_twin(self) -> None:
        values = np.random.default_rng(5).exponential(size=30)
        found = bootstrap(pd.DataFrame({"value": values}), "mean", method="bca", n_resamples=999, rng=2)
        left = [float(np.delete(values, i).mean()) for i in range(30)]
        shares = reference.bca_shares(found.replicates[0].tolist(), float(values.mean()), left, 0.95)
        ranked = np.sort(found.replicates[0])
        assert found.lower == ranked[math.floor(1000 * shares[0]) - 1]
        assert found.upper == ranked[999 - math.floor(1000 * (1 - shares[1]))]

    @pytest.mark.parametrize("method", METHODS)
    def test_a_function_gives_what_the_kernel_gives(self, method: str) -> None:
        values = np.random.default_rng(6).exponential(size=40)
        frame = pd.DataFrame({"value": values, "unit": np.arange(40) // 2})

        def statistic(part: Any) -> Any:
            mean = float(part["value"].mean())
            residuals = (part["value"] - mean).groupby(part["unit"]).sum()
            return (mean, 0.0 * residuals.sum() + 1.0) if method == "studentized" else mean

        one = bootstrap(frame, statistic, unit="unit", method=method, n_resamples=60, rng=3)
        two = bootstrap(frame, "mean", unit="unit", method=method, n_resamples=60, rng=3)
        np.testing.assert_allclose(one.replicates, two.replicates, rtol=1e-12)
        if method in ("poisson", "percentile", "basic"):
            assert (one.lower, one.upper) == pytest.approx((two.lower, two.upper), rel=1e-12)

    @pytest.mark.parametrize("statistic", ["mean_difference", "quantile_difference"])
    @pytest.mark.parametrize("method", ["poisson", "percentile"])
    def test_threads_change_no_bit(self, statistic: str, method: str, threaded: None) -> None:
        control, treated = two_samples(3000, 140_000)
        units = np.arange(143_000) // 2 if statistic.startswith("quantile") else np.arange(143_000)
        frame = frame_of(control, treated, unit=units)
        found = [
            bootstrap(
                frame, statistic, control="a", unit="unit", method=method, n_resamples=70, rng=1, n_threads=n
            ).replicates
            for n in (1, 2, 5)
        ]
        assert (found[0] == found[1]).all()
        assert (found[0] == found[2]).all()

    def test_more_resamples_keep_the_first(self) -> None:
        frame = frame_of(*two_samples())
        few, many = (
            bootstrap(frame, "mean_difference", control="a", n_resamples=n, rng=9).replicates for n in (50, 130)
        )
        assert (many[:, :50] == few).all()

    def test_clusters_widen_the_interval(self) -> None:
        rng = np.random.default_rng(7)
        units = np.repeat(np.arange(200), 5)
        values = np.repeat(rng.normal(size=200), 5)
        frame = pd.DataFrame({"value": values, "unit": units})
        by_row = bootstrap(frame, "mean", rng=1)
        by_unit = bootstrap(frame, "mean", unit="unit", rng=1)
        assert by_unit.standard_error == pytest.approx(math.sqrt(5) * float(by_row.standard_error), rel=0.1)

    def test_ratio_of_sums_is_that_of_clusters(self) -> None:
        rng = np.random.default_rng(8)
        frame = pd.DataFrame({"value": rng.poisson(3, 300) * 1.0, "den": rng.poisson(5, 300) + 1.0})
        rows = frame.loc[frame.index.repeat(frame["den"].astype(int))]
        spread = pd.DataFrame({"unit": rows.index, "value": rows["value"] / rows["den"]})
        one = bootstrap(frame, "ratio", denominator="den", rng=1)
        two = bootstrap(spread, "mean", unit="unit", rng=1)
        np.testing.assert_allclose(one.replicates, two.replicates, rtol=1e-12)

    def test_each_variant_has_a_row_and_its_own_units(self) -> None:
        frame = frame_of(*two_samples())
        both = bootstrap(frame, "mean", variant="variant", rng=1)
        assert both.columns()["variant"].tolist() == ["a", "b"]
        differences = bootstrap(frame, "mean_difference", control="a", rng=1).replicates[0]
        np.testing.assert_allclose(both.replicates[1] - both.replicates[0], differences, atol=1e-12)
        back = bootstrap(frame, "mean_difference", control="b", rng=1)
        assert back.estimate == pytest.approx(-differences.mean(), abs=0.05)

    def test_scale_of_the_metric_changes_only_the_scale(self) -> None:
        frame = frame_of(*two_samples())
        one = bootstrap(frame, "mean_difference", control="a", rng=1)
        two = bootstrap(frame.assign(value=frame["value"] * 1024), "mean_difference", control="a", rng=1)
        assert (two.lower, two.upper, two.p_value) == (1024 * one.lower, 1024 * one.upper, one.p_value)

    def test_control_near_zero_leaves_the_relative_interval_open(self) -> None:
        rng = np.random.default_rng(9)
        frame = frame_of(rng.normal(0.01, 1, 200), rng.normal(1, 1, 200))
        with pytest.warns(GrowthkitWarning, match="not defined"):
            found = bootstrap(frame, "relative_difference", control="a", rng=1)
        assert (found.lower, found.upper) == (-math.inf, math.inf)
        assert found.warnings[0].code == "undefined_replicates"
        json.dumps(found.to_dict(), allow_nan=False)

    def test_what_cannot_be_known_is_not_invented(self) -> None:
        with pytest.warns(GrowthkitWarning, match="too few for confidence"):
            few = bootstrap(frame_of(*two_samples()), "mean_difference", control="a", n_resamples=20, rng=1)
        assert (few.lower, few.upper) == (-math.inf, math.inf)
        for method in ("bca", "studentized"):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", GrowthkitWarning)
                flat = bootstrap(frame_of(np.ones(30), np.ones(30)), "mean_difference", control="a", method=method)
            assert method == "bca" or math.isnan(flat.lower[0])  # type: ignore[index]
        skewed = bootstrap(pd.DataFrame({"value": [0.0] * 99 + [50.0]}), "mean", rng=1)
        assert [notice.code for notice in skewed.warnings] == ["skewed"]
        small = bootstrap(frame_of([1.0, 2, 3], np.arange(30)), "mean_difference", control="a", method="percentile")
        assert small.warnings[-1].code == "few_units"

    def test_engines_agree(self, engine: FrameEngine) -> None:
        control, treated = two_samples(8, 7)
        data = {"variant": ["a"] * 8 + ["b"] * 7, "value": [*control.tolist(), *treated.tolist()]}
        data["unit"] = [f"u{i // 2}" for i in range(8)] + [f"v{i // 2}" for i in range(7)]
        found = bootstrap(engine(data), "mean_difference", control="a", unit="unit", method="percentile", rng=1)
        expected = bootstrap(
            pd.DataFrame(data), "mean_difference", control="a", unit="unit", method="percentile", rng=1
        )
        assert to_lists(found.to_frame()) == to_lists(expected.to_frame())
        median = bootstrap(
            engine(data), lambda part: float(np.median(to_lists(part)["value"])), method="percentile", n_resamples=40
        )
        assert median.estimate == np.median([*control, *treated])


class TestPermutation:
    def test_published(self, published: Callable[[str], Any]) -> None:
        case = published("resampling")["permutation"]
        for statistic in ("studentized", "difference"):
            found = permutation_test(frame_of(case["control"], case["treated"]), control="a", statistic=statistic)
            assert found.estimate == case["estimate"]
            assert found.p_value == pytest.approx(case["p_value"])
            assert found.exact.all()

    @given(whole_samples, whole_samples)
    @example([0.0, 0.0, 1.0, 3.0, -1.0, -5.0], [0.0, 0.0, -1.0])  # a difference of 0 up to rounding
    def test_exact_p_is_that_of_all_assignments(self, control: list[float], treated: list[float]) -> None:
        frame = frame_of(control, treated)
        plain = permutation_test(frame, control="a", statistic="difference")
        assert plain.p_value == pytest.approx(
            reference.permutation_p(treated, control, reference.mean_difference), abs=1e-12
        )
        if len({*control, *treated}) == len(control) + len(treated):
            studentized = permutation_test(frame, control="a")
            expected = reference.permutation_p(treated, control, reference.welch)
            assert studentized.p_value == pytest.approx(expected, abs=1e-12)

    def test_agrees_with_scipy(self) -> None:
        from scipy import stats

        control, treated = two_samples(7, 6)

        def welch(x: Any, y: Any) -> Any:
            return stats.ttest_ind(x, y, equal_var=False).statistic

        theirs = stats.permutation_test((treated, control), welch, n_resamples=np.inf)  # type: ignore[arg-type]
        found = permutation_test(frame_of(control, treated), control="a")
        # scipy doubles the smaller tail; ours counts |t|.
        greater = permutation_test(frame_of(control, treated), control="a", alternative="greater")
        less = permutation_test(frame_of(control, treated), control="a", alternative="less")
        assert 2 * min(greater.p_value[0], less.p_value[0]) == pytest.approx(theirs.pvalue)  # type: ignore[index]
        assert found.exact.all()

    @pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
    @pytest.mark.parametrize("statistic", ["studentized", "difference"])
    def test_interval_excludes_zero_exactly_when_p_says_so(self, alternative: str, statistic: str) -> None:
        for seed in range(10):
            frame = frame_of(*two_samples(9, 8, seed))
            found = permutation_test(
                frame, control="a", alternative=alternative, statistic=statistic, n_permutations=199, rng=seed,
                confidence=0.8,
            )  # fmt: skip
            excluded = not found.lower[0] <= 0 <= found.upper[0]  # type: ignore[index]
            assert excluded == (found.p_value[0] <= 0.2 + 1e-12)  # type: ignore[index]

    def test_ends_are_where_the_test_turns(self) -> None:
        control, treated = two_samples(8, 7)
        found = permutation_test(frame_of(control, treated), control="a", confidence=0.9)
        for end, outwards in ((found.lower[0], -1e-6), (found.upper[0], 1e-6)):  # type: ignore[index]
            inside = permutation_test(frame_of(control, treated - (end - outwards)), control="a").p_value[0]  # type: ignore[index]
            outside = permutation_test(frame_of(control, treated - (end + outwards)), control="a").p_value[0]  # type: ignore[index]
            assert outside <= 0.1 + 1e-12 < inside

    def test_large_samples_give_the_welch_interval(self) -> None:
        from scipy import stats

        control, treated = two_samples(400, 300)
        found = permutation_test(frame_of(control, treated), control="a", rng=1)
        welch = stats.ttest_ind(treated, control, equal_var=False)
        assert found.statistic == pytest.approx(welch.statistic)
        assert found.p_value == pytest.approx(welch.pvalue, abs=0.01)
        ends = welch.confidence_interval()
        assert (found.lower[0], found.upper[0]) == pytest.approx((ends.low, ends.high), abs=0.02)  # type: ignore[index]

    def test_clusters_of_one_row_are_rows(self) -> None:
        frame = frame_of(*two_samples(30, 20), unit=np.arange(50))
        one, two = (
            permutation_test(frame, control="a", unit=unit, rng=1, n_permutations=99) for unit in (None, "unit")
        )
        assert one.p_value == two.p_value
        assert one.lower == pytest.approx(two.lower)

    def test_threads_change_no_bit(self, threaded: None) -> None:
        frame = frame_of(*two_samples(300, 200))
        found = [
            permutation_test(frame, control="a", n_permutations=500, rng=1, n_threads=n).to_dict() for n in (1, 2, 5)
        ]
        assert found[0] == found[1] == found[2]

    def test_too_few_assignments_are_named(self) -> None:
        found = permutation_test(frame_of([1, 2], [3, 4]), control="a")
        assert found.warnings[0].code == "too_few_assignments"
        assert (found.lower[0], found.upper[0]) == (-math.inf, math.inf)  # type: ignore[index]


class TestMannWhitney:
    def test_published(self, published: Callable[[str], Any]) -> None:
        case = published("resampling")["mann_whitney"]
        found = mann_whitney(frame_of(case["control"], case["treated"]), control="a")
        assert found.u == case["u"]
        assert found.p_value == pytest.approx(case["p_value"], abs=5e-5)
        case = published("resampling")["brunner_munzel"]
        found = mann_whitney(frame_of(case["control"], case["treated"]), control="a")
        assert found.estimate == pytest.approx(case["estimate"], abs=5e-7)
        assert found.p_brunner_munzel == pytest.approx(case["p_value"], abs=5e-7)
        assert (found.lower[0], found.upper[0]) == pytest.approx((case["lower"], case["upper"]), abs=5e-8)  # type: ignore[index]

    @pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
    @pytest.mark.parametrize("tied", [False, True])
    def test_agrees_with_scipy(self, alternative: Any, tied: bool) -> None:
        from scipy import stats

        for n, m in ((4, 3), (12, 20), (49, 30), (80, 60)):
            control, treated = two_samples(n, m, n)
            control, treated = (np.round(x * 3) if tied else x for x in (control, treated))
            found = mann_whitney(frame_of(control, treated), control="a", alternative=alternative)
            no_ties = len({*control, *treated}) == n + m
            method: Any = "exact" if no_ties and max(n, m) < 50 else "asymptotic"
            theirs = stats.mannwhitneyu(treated, control, alternative=alternative, method=method)
            assert found.u == theirs.statistic
            assert found.p_value == pytest.approx(theirs.pvalue, rel=1e-9)
            mirrored: Any = {"two-sided": "two-sided", "greater": "less", "less": "greater"}[alternative]
            munzel = stats.brunnermunzel(control, treated, alternative=mirrored)
            assert found.p_brunner_munzel == pytest.approx(munzel.pvalue, rel=1e-9)

    def test_interval_agrees_with_brunner_munzel(self) -> None:
        for seed in range(40):
            found = mann_whitney(frame_of(*two_samples(12, 10, seed)), control="a", confidence=0.7)
            excluded = not found.lower[0] <= 0.5 <= found.upper[0]  # type: ignore[index]
            assert excluded == (found.p_brunner_munzel[0] <= 0.3)
            disagrees = excluded != (found.p_value[0] <= 0.3)  # type: ignore[index]
            assert disagrees == any(notice.code == "tests_disagree" for notice in found.warnings)

    def test_newcombe_ends_solve_his_equation(self) -> None:
        control, treated = two_samples(15, 25)
        found = mann_whitney(frame_of(control, treated), control="a", interval="newcombe")
        size, pairs = (15 + 25) / 2 - 1, 15 * 25
        for theta in (found.lower[0], found.upper[0]):  # type: ignore[index]
            spread = 1 + size * (1 - theta) / (2 - theta) + size * theta / (1 + theta)
            variance = theta * (1 - theta) * spread / pairs
            assert (found.estimate[0] - theta) ** 2 == pytest.approx(1.959963984540054**2 * variance)  # type: ignore[index]

    def test_separated_samples_have_an_interval_and_a_notice(self) -> None:
        found = mann_whitney(frame_of([1, 2, 3, 4], [5, 6, 7]), control="a")
        assert (found.estimate, found.upper) == (1.0, 1.0)
        assert 0.3 < found.lower[0] < 0.95  # type: ignore[index]
        assert math.isnan(found.p_brunner_munzel[0])
        assert found.warnings[0].code == "no_overlap"

    def test_an_interval_that_was_cut_is_named(self) -> None:
        frame = frame_of(np.arange(10.0), np.arange(10.0) + 7.5)
        found = mann_whitney(frame, control="a")
        assert found.upper == 1.0
        assert [notice.code for notice in found.warnings] == ["cut_interval"]
        assert not mann_whitney(frame, control="a", interval="logit").warnings

    @given(whole_samples, whole_samples)
    def test_order_alone_counts(self, control: list[float], treated: list[float]) -> None:
        one = mann_whitney(frame_of(control, treated), control="a")
        two = mann_whitney(frame_of(np.exp(control), np.exp(treated)), control="a")
        assert one.to_dict() == two.to_dict()
        assert one.u == reference.pairs_won(treated, control)

    def test_exact_is_refused_with_ties_and_for_large_samples(self) -> None:
        with pytest.raises(DataError, match="tied"):
            mann_whitney(frame_of([1, 2], [2, 3]), control="a", method="exact")
        with pytest.raises(DataError, match="too many"):
            mann_whitney(frame_of(*two_samples(200, 100)), control="a", method="exact")


class TestQuantileTest:
    def test_several_quantiles_are_each_alone(self) -> None:
        frame = frame_of(*two_samples(300, 200))
        together = quantile_test(frame, [0.1, 0.5, 0.9], control="a").columns()
        for place, q in enumerate((0.1, 0.5, 0.9)):
            alone = quantile_test(frame, q, control="a").columns()
            assert {name: column[place] for name, column in together.items()} == {n: c[0] for n, c in alone.items()}

    def test_interval_excludes_zero_exactly_when_p_says_so(self) -> None:
        for seed in range(60):
            found = quantile_test(frame_of(*two_samples(25, 30, seed)), 0.5, control="a", confidence=0.6)
            excluded = not found.lower[0] <= 0 <= found.upper[0]  # type: ignore[index]
            assert excluded == (found.p_value[0] <= 0.4)  # type: ignore[index]

    def test_own_intervals_are_those_of_one_sample(self) -> None:
        control, treated = two_samples(100, 80)
        found = quantile_test(frame_of(control, treated), 0.25, control="a")
        alone = quantile_test(pd.DataFrame({"value": treated}), 0.25)
        assert (found.value_lower, found.value, found.value_upper) == (alone.lower, alone.estimate, alone.upper)
        assert found.estimate == reference.quantile(treated.tolist(), 0.25) - reference.quantile(control.tolist(), 0.25)

    def test_one_sample_levels_are_binomial(self) -> None:
        from scipy.special import bdtr

        for n, q in ((30, 0.9), (200, 0.02), (57, 0.5)):
            found = quantile_test(pd.DataFrame({"value": np.arange(1.0, n + 1)}), q)
            low, high = (int(found.lower[0]) if math.isfinite(found.lower[0]) else 0), found.upper[0]  # type: ignore[index]
            assert bdtr(low - 1.0, n, q) <= 0.025 < bdtr(float(low), n, q)
            if math.isfinite(high):
                assert 1 - bdtr(high - 1.0, n, q) <= 0.025 < 1 - bdtr(high - 2.0, n, q)

    def test_small_samples_have_open_ends(self) -> None:
        found = quantile_test(pd.DataFrame({"value": np.arange(10.0)}), [0.5, 0.99])
        assert found.upper[1] == math.inf  # type: ignore[index]
        assert [notice.code for notice in found.warnings] == ["unbounded_interval"]


class TestIntervals:
    @given(st.lists(st.integers(-9, 9), min_size=39, max_size=45), st.integers(-9, 9))
    def test_every_interval_and_its_p_agree(self, replicates: list[int], null: int) -> None:
        values = np.array(replicates, dtype=float)
        for found in (
            _intervals.percentile(values, confidence=0.8, null=null),
            _intervals.basic(values, 1.0, confidence=0.8, null=null),
            _intervals.bca(values, 0.5, 0.05, confidence=0.8, null=null),
            _intervals.studentized(values, 0.5, 2.0, confidence=0.8, null=null),
        ):
            if not math.isnan(found.lower):
                assert (not found.lower <= null <= found.upper) == (found.p_value <= 0.2 + 1e-12)


class TestHostileInput:
    frame = frame_of([1.0, 2, 3], [4.0, 5, 6], unit=[1, 1, 2, 3, 3, 4], zero=0.0)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"statistic": "median"}, "statistic must be one of"),
            ({"statistic": "mean_difference"}, "control must be given"),
            ({"statistic": "mean", "control": "a"}, "control must be None"),
            ({"statistic": "ratio"}, "denominator must be the name"),
            ({"statistic": "mean", "denominator": "zero"}, "denominator must be None"),
            ({"statistic": "quantile", "method": "bca"}, "method must be 'poisson', 'percentile' or 'basic'"),
            ({"statistic": "quantile", "q": 1.0}, "q must be a finite number above 0 and below 1"),
            ({"statistic": "mean", "n_resamples": 3}, "n_resamples must be a whole number of at least 20"),
            ({"statistic": "mean", "confidence": 95}, "confidence must be"),
            ({"statistic": "mean_difference", "control": "c"}, "control 'c' is not in column \"variant\""),
        ],
    )
    def test_parameters(self, options: dict[str, Any], message: str) -> None:
        with pytest.raises(ParameterError, match=message):
            bootstrap(self.frame, **options)

    def test_data(self) -> None:
        two_arms = self.frame.assign(unit=[1, 1, 2, 2, 3, 4])
        for function in (lambda f: bootstrap(f, "mean_difference", control="a", unit="unit"),
                         lambda f: bootstrap(f, "quantile_difference", control="a", unit="unit"),
                         lambda f: permutation_test(f, control="a", unit="unit")):  # fmt: skip
            with pytest.raises(DataError, match=r"1 units in two variants \(first 2, at row 3\)"):
                function(two_arms)
        with pytest.raises(DataError, match=r"variant 7 of column \"variant\" has 1 row"):
            permutation_test(pd.DataFrame({"variant": [3, 3, 7], "value": 1.0}), control=3)
        with pytest.raises(DataError, match=r"variant 'b' of column \"variant\" has 1 row"):
            mann_whitney(self.frame.iloc[:4], control="a")
        with pytest.raises(DataError, match="has 1 unit of column"):
            bootstrap(self.frame.iloc[:4], "quantile", variant="variant", unit="unit")
        with pytest.raises(DataError, match="holds 'a' alone"):
            quantile_test(self.frame.iloc[:3], control="a")
        with pytest.raises(DataError, match='column "zero" sums to 0 in variant'):
            bootstrap(self.frame, "ratio_difference", denominator="zero", control="a")
        with pytest.raises(DataError, match="1 NaN"):
            permutation_test(self.frame.assign(value=[1, 2, np.nan, 4, 5, 6]), control="a")
        with pytest.raises(ParameterError, match="q must be"):
            quantile_test(self.frame, [0.5, 0.0])
        with pytest.raises(ParameterError, match="standard error"):
            bootstrap(self.frame, lambda part: 1.0, method="studentized", n_resamples=20)

    def test_nothing_is_changed(self) -> None:
        before, state = self.frame.copy(deep=True), np.random.get_state()[1].tolist()  # noqa: NPY002
        bootstrap(self.frame, "mean_difference", control="a", unit="unit", method="basic", rng=1)
        bootstrap(self.frame, "quantile_difference", control="a")
        permutation_test(self.frame, control="a")
        mann_whitney(self.frame, control="a")
        quantile_test(self.frame, [0.1, 0.5], control="a")
        pd.testing.assert_frame_equal(self.frame, before)
        assert np.random.get_state()[1].tolist() == state  # noqa: NPY002

    @given(st.permutations(range(20)))
    def test_order_of_rows_does_not_matter(self, order: list[int]) -> None:
        frame = frame_of(*two_samples(12, 8), unit=np.arange(20))
        calls: list[Callable[[Any], Any]] = [
            lambda f: bootstrap(f, "quantile_difference", control="a", rng=1),
            lambda f: bootstrap(f, "mean_difference", control="a", unit="unit", n_resamples=50, rng=1),
            lambda f: mann_whitney(f, control="a"),
            lambda f: quantile_test(f, [0.3, 0.5], control="a"),
        ]
        for call in calls:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", GrowthkitWarning)
                one, two = call(frame).columns(), call(frame.iloc[order]).columns()
            for name in one:
                if one[name].dtype.kind == "f":
                    np.testing.assert_allclose(one[name], two[name], rtol=1e-9)


@pytest.mark.slow
class TestSimulations:
    @pytest.mark.parametrize("method", METHODS)
    def test_bootstrap_covers(self, method: str) -> None:
        share, error = simulate.rate(simulate.bootstrap_covers(simulate.normal, (500, 500), method), 1000)
        assert abs(share - 0.95) < 0.01 + 3 * error

    def test_quantiles_cover(self) -> None:
        share, error = simulate.rate(simulate.quantile_covers(simulate.exponential, (500, 500), 0.9), 1000)
        assert 0.95 - 3 * error < share < 0.975 + 3 * error

    def test_studentized_permutation_keeps_its_level_under_unequal_variances(self) -> None:
        share, error = simulate.rate(simulate.permutation_rejects((1, 3), (60, 20), "studentized"), 1000)
        assert share < 0.06 + 3 * error
        plain, _ = simulate.rate(simulate.permutation_rejects((1, 3), (60, 20), "difference"), 1000)
        assert plain > 0.1

    def test_brunner_munzel_keeps_its_level_under_unequal_variances(self) -> None:
        share, error = simulate.rate(simulate.rank_rejects((1, 4), (60, 20), "p_brunner_munzel"), 1000)
        assert share < 0.06 + 3 * error
