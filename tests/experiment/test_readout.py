"""`readout`: against slow twins, on moments, under relabelling, and by simulation."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from growthkit.exceptions import DataError, ParameterError
from growthkit.experiment.confidence_sequence import ConfidenceSequence
from growthkit.experiment.group_sequential import GroupSequential
from growthkit.experiment.metrics import Metric
from growthkit.experiment.proportions import proportion_difference
from growthkit.experiment.readout import Readout, readout
from tests.references.moments import lin, linearised, post_stratified, rejected_ratio, welch

REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "experiment"


def log(n: int = 3000, *, seed: int = 1, lift: float = 0.1) -> pd.DataFrame:
    draws = np.random.default_rng(seed)
    frame = pd.DataFrame({"variant": draws.choice(["a", "b", "c"], n, p=[0.5, 0.3, 0.2])})
    frame["device"] = draws.choice(["app", "web"], n)
    frame["before"] = draws.gamma(2, 5, n)
    frame["spend"] = frame["before"] + draws.exponential(3, n) + lift * (frame["variant"] == "b")
    frame["views"] = draws.poisson(4, n) + 1.0
    frame["clicks"] = draws.binomial(frame["views"].astype(int), 0.3).astype(float)
    frame["bought"] = draws.random(n) < 0.1
    return frame


METRICS = {
    "spend": Metric.mean("spend"),
    "adjusted": Metric.mean("spend", covariate="before", role="secondary"),
    "rate": Metric.ratio("clicks", "views", role="secondary"),
    "bought": Metric.proportion("bought", role="guardrail"),
}


def run(frame: Any = None, **options: Any) -> Readout:
    wanted: dict[str, Any] = {"control": "a", "metrics": METRICS} | options
    return readout(log() if frame is None else frame, **wanted)


def row(result: Readout, metric: str, variant: str = "b", segment: str = "all") -> dict[str, Any]:
    table = pd.DataFrame(result.columns())
    found = table[(table["metric"] == metric) & (table["variant"] == variant) & (table["segment"] == segment)]
    assert len(found) == 1
    return found.iloc[0].to_dict()


def arms(frame: pd.DataFrame, column: str, variant: str = "b") -> tuple[Any, Any]:
    return tuple(frame.loc[frame["variant"] == name, column].to_numpy(dtype=float) for name in (variant, "a"))


class TestTwins:
    @pytest.mark.parametrize("segment", ["all", "device=web"])
    def test_mean_is_welch(self, segment: str) -> None:
        frame = log()
        own = frame if segment == "all" else frame[frame["device"] == "web"]
        found = row(run(frame, segments="device"), "spend", segment=segment)
        low, high, p = welch(*arms(own, "spend"), 0.95)
        assert (found["lower"], found["upper"], found["p_value"]) == pytest.approx((low, high, p), rel=1e-9)

    def test_ratio_is_welch_of_linearised_values(self) -> None:
        frame = log()
        values = [linearised(*pair) for pair in zip(arms(frame, "clicks"), arms(frame, "views"), strict=True)]
        found = row(run(frame), "rate")
        low, high, p = welch(*values, 0.95)
        assert (found["lower"], found["upper"], found["p_value"]) == pytest.approx((low, high, p), rel=1e-9)

    def test_proportion_is_the_score_test(self) -> None:
        frame = log()
        one, control = arms(frame, "bought")
        counts = (int(one.sum()), one.size, int(control.sum()), control.size)
        found = row(run(frame), "bought")
        for metric, names in (("difference", ("lower", "upper")), ("ratio", ("relative_lower", "relative_upper"))):
            twin = proportion_difference(*counts, method="miettinen_nurminen", metric=metric)
            shift = 1.0 if metric == "ratio" else 0.0
            assert [found[name] + shift for name in names] == pytest.approx([twin.lower, twin.upper], rel=1e-9)

    def test_cuped_is_the_difference_of_residuals(self) -> None:
        frame = log()
        within = frame[["spend", "before"]] - frame.groupby("variant")[["spend", "before"]].transform("mean")
        slope = (within["spend"] * within["before"]).sum() / (within["before"] ** 2).sum()
        one, control = arms(frame.assign(left=frame["spend"] - slope * frame["before"]), "left")
        found = row(run(frame), "adjusted")
        low, high, _ = welch(one, control, 0.95)
        assert found["effect"] == pytest.approx(one.mean() - control.mean(), rel=1e-10)
        assert (found["lower"], found["upper"]) == pytest.approx((low, high), rel=2e-3)

    def test_lin_is_the_interacted_regression(self) -> None:
        frame = log()
        frame = frame[frame["variant"] != "c"].assign(other=lambda d: d["before"] ** 2 + d["views"])
        metric = Metric.mean("spend", covariate=["before", "other"])
        found = row(run(frame, metrics={"m": metric}, adjustment="lin"), "m")
        treated = (frame["variant"] == "b").to_numpy()
        expected = lin(frame["spend"].to_numpy(), frame[["before", "other"]].to_numpy(), treated.astype(float))
        assert found["effect"] == pytest.approx(expected, rel=1e-9)

    def test_post_stratification(self) -> None:
        frame = log()
        frame = frame[frame["variant"] != "c"].assign(size=lambda d: pd.cut(d["before"], 4, labels=False))
        found = row(run(frame, metrics=[Metric.mean("spend")], strata="size"), "spend")
        treated = (frame["variant"] == "b").to_numpy()
        expected = post_stratified(frame["spend"].to_numpy(), treated, frame["size"].to_numpy())
        assert found["effect"] == pytest.approx(expected, rel=1e-9)
        plain = row(run(frame), "spend")
        assert found["upper"] - found["lower"] < plain["upper"] - plain["lower"]

    def test_relative_interval_holds_the_ratios_that_are_not_rejected(self) -> None:
        frame = log(400)
        one, control = arms(frame, "spend")
        found = row(run(frame), "spend")
        v1, v0 = one.var(ddof=1) / one.size, control.var(ddof=1) / control.size
        critical = (found["upper"] - found["effect"]) / np.sqrt(v1 + v0)
        for name, outward in (("relative_lower", -1e-6), ("relative_upper", 1e-6)):
            for nudge in (outward, -outward):
                ratio = 1 + found[name] + nudge
                rejected = rejected_ratio(one.mean(), control.mean(), v1, v0, ratio, critical)
                assert rejected == (nudge == outward)

    def test_clusters_are_ratios_of_sums(self) -> None:
        frame = log(2000).assign(user=lambda d: np.arange(len(d)))
        rows = frame.loc[frame.index.repeat(np.random.default_rng(0).integers(1, 5, len(frame)))]
        rows = rows.assign(value=rows["spend"] + np.random.default_rng(1).normal(size=len(rows)))
        sums = rows.groupby("user").agg(variant=("variant", "first"), total=("value", "sum"), rows=("value", "size"))
        expected = row(run(sums, metrics=[Metric.ratio("total", "rows")]), "total / rows")
        found = row(run(rows, metrics=[Metric.mean("value")], unit="user"), "value")
        for name in ("effect", "lower", "upper", "p_value", "relative_lower"):
            assert found[name] == pytest.approx(expected[name], rel=1e-9)

    def test_one_row_a_unit_is_no_cluster(self) -> None:
        frame = log(500).assign(user=lambda d: np.arange(len(d)))
        plain, with_unit = (pd.DataFrame(run(frame, unit=unit).columns()) for unit in (None, "user"))
        pd.testing.assert_frame_equal(plain, with_unit)

    def test_quantile(self) -> None:
        frame = log()
        result = run(frame, metrics=[Metric.quantile("spend", 0.5)])
        one, control = (np.sort(part) for part in arms(frame, "spend"))
        found = row(result, "spend (quantile 0.5)")
        assert found["value"] == one[int(np.ceil(one.size / 2)) - 1]
        assert found["control_value"] == control[int(np.ceil(control.size / 2)) - 1]
        assert found["lower"] < found["effect"] < found["upper"]

    def test_quantile_of_clusters(self) -> None:
        frame = log(600).assign(user=lambda d: np.arange(len(d)))
        metric = {"m": Metric.quantile("spend", 0.5)}
        single = row(run(frame, metrics=metric, segments="device"), "m")
        fivefold = run(pd.concat([frame] * 5), metrics=metric, unit="user", segments="device")
        found = row(fivefold, "m")
        assert found["method"] == "order statistics, clusters"
        assert found["effect"] == single["effect"]
        # Five copies of every row tell no more than one; as independent rows they would seem to.
        width = found["upper"] - found["lower"]
        assert width == pytest.approx(single["upper"] - single["lower"], rel=0.1)
        naive = row(run(pd.concat([frame] * 5), metrics=metric), "m")
        assert width > 2 * (naive["upper"] - naive["lower"])
        alone = run(pd.concat([frame[frame["device"] == "app"]] * 5), metrics=metric, unit="user")
        of_apps = row(fivefold, "m", segment="device=app")
        assert (of_apps["lower"], of_apps["p_value"]) == (row(alone, "m")["lower"], row(alone, "m")["p_value"])

    @pytest.mark.slow
    @pytest.mark.parametrize(("n_units", "q"), [(100, 0.5), (500, 0.9)])
    def test_quantiles_of_clusters_cover(self, n_units: int, q: float) -> None:
        draws, covered, runs = np.random.default_rng(8), 0, 600
        for _ in range(runs):
            user = np.repeat(np.arange(2 * n_units), 1 + draws.poisson(4, 2 * n_units))
            frame = pd.DataFrame({"variant": np.where(user < n_units, "a", "b"), "user": user})
            frame["y"] = np.exp(draws.normal(size=2 * n_units)[user] + draws.normal(size=user.size))
            found = row(run(frame, metrics={"m": Metric.quantile("y", q)}, unit="user"), "m")
            covered += found["lower"] <= 0 <= found["upper"]
        assert 0.93 < covered / runs < 0.985


class TestMomentsAlone:
    def test_give_the_same_readout(self) -> None:
        options = {"segments": "device", "strata": None}
        whole = run(log(), **options)
        again = run(whole.moments, **options)
        for name in ("lower", "relative_upper", "p_value"):
            assert np.array_equal(getattr(whole.effects, name), getattr(again.effects, name), equal_nan=True)

    def test_of_days_merged(self) -> None:
        frame = log()
        parts = [run(frame[start::3]).moments for start in range(3)]
        whole, merged = run(frame), run(parts[0].merge(*parts[1:]))
        np.testing.assert_allclose(merged.effects.lower, whole.effects.lower, rtol=1e-9)

    def test_refuse_what_they_cannot_tell(self) -> None:
        moments = run().moments
        with pytest.raises(ParameterError, match="quantile"):
            run(moments, metrics=[Metric.quantile("spend", 0.5)])
        with pytest.raises(DataError, match='no variable "profit"'):
            run(moments, metrics=[Metric.mean("profit")])
        with pytest.raises(DataError, match='no key "device"'):
            run(moments, segments="device")
        with pytest.raises(DataError, match="variance is not that of values 0 and 1"):
            run(moments, metrics=[Metric.proportion("clicks")])


class TestProperties:
    @settings(max_examples=60, deadline=None)
    @given(
        seed=st.integers(0, 10_000),
        n=st.integers(12, 200),
        alternative=st.sampled_from(["two-sided", "greater", "less"]),
        scale=st.sampled_from([0.01, 1.0, 100.0]),
        adjustment=st.sampled_from(["cuped", "lin"]),
    )
    def test_interval_and_test_never_contradict(
        self, seed: int, n: int, alternative: str, scale: float, adjustment: str
    ) -> None:
        frame = log(n, seed=seed, lift=2.0)
        frame = frame.assign(variant=np.tile(["a", "b"], n)[:n], spend=frame["spend"] * scale)
        effects = run(frame, alternative=alternative, adjustment=adjustment).effects
        rejected = effects.p_value < 0.05
        assert np.array_equal(rejected, (effects.lower > 0) | (effects.upper < 0))
        outside = (effects.relative_lower > 0) | (effects.relative_upper < 0)
        assert np.array_equal(outside[~effects.unbounded], rejected[~effects.unbounded])
        assert not outside[effects.unbounded & np.isinf(effects.relative_lower)].any()

    def test_row_order_and_names_change_nothing(self) -> None:
        frame = log()
        base = run(frame, segments="device").effects
        shuffled = run(frame.sample(frac=1.0, random_state=3), segments="device").effects
        named = frame.assign(variant=frame["variant"].map({"a": "z", "b": "m", "c": "n"}))
        renamed = run(named, control="z", segments="device").effects
        for other in (shuffled, renamed):
            np.testing.assert_allclose(other.lower, base.lower, rtol=1e-9)
            np.testing.assert_allclose(other.p_value, base.p_value, rtol=1e-7)

    def test_units_of_measure_change_the_scale_alone(self) -> None:
        frame = log()
        base = row(run(frame), "adjusted")
        cents = row(run(frame.assign(spend=frame["spend"] * 100, before=frame["before"] / 7)), "adjusted")
        assert cents["lower"] == pytest.approx(100 * base["lower"], rel=1e-9)
        assert cents["relative_lower"] == pytest.approx(base["relative_lower"], rel=1e-9)

    def test_engines_and_threads_agree(self) -> None:
        frame = log()
        metrics = [*METRICS.values(), Metric.quantile("views", 0.5)]
        metrics = {str(place): metric for place, metric in enumerate(metrics)}
        base = run(frame, metrics=metrics, segments=["device"])
        for other in (pl.from_pandas(frame), pa.Table.from_pandas(frame), frame.convert_dtypes()):
            found = run(other, metrics=metrics, segments=["device"])
            assert type(found.to_frame()) is type(other)
            for name in ("lower", "relative_upper", "p_value"):
                assert np.array_equal(getattr(found.effects, name), getattr(base.effects, name))

    def test_changes_no_input(self) -> None:
        frame = log(100)
        before = frame.copy(deep=True)
        run(frame, segments="device")
        pd.testing.assert_frame_equal(frame, before)

    def test_a_repeated_or_constant_covariate_adds_nothing(self) -> None:
        frame = log().assign(again=lambda d: d["before"] * 3, constant=1.0)
        metric = Metric.mean("spend", covariate=["before", "again", "constant"])
        one, other = row(run(frame), "adjusted"), row(run(frame, metrics={"m": metric}), "m")
        assert other["effect"] == pytest.approx(one["effect"], rel=1e-6)


class TestEdges:
    def test_control_near_zero_has_no_finite_relative_interval(self) -> None:
        draws = np.random.default_rng(0)
        frame = pd.DataFrame({"variant": ["a", "b"] * 100, "x": draws.normal(0, 1, 200)})
        found = row(run(frame, metrics=[Metric.mean("x")]), "x")
        assert (found["relative_lower"], found["relative_upper"]) == (-np.inf, np.inf)
        assert "relative_unbounded" in found["warnings"]

    def test_rare_proportions_have_proper_intervals(self) -> None:
        frame = pd.DataFrame({"variant": np.repeat(["a", "b"], 200), "x": 0})
        frame.loc[[250], "x"] = 1
        found = row(run(frame, metrics=[Metric.proportion("x")]), "x")
        assert -0.02 < found["lower"] < 0 < found["upper"] < 0.03
        assert found["p_value"] > 0.3

    def test_no_variation(self) -> None:
        frame = pd.DataFrame({"variant": ["a", "b"] * 10, "x": [1.0, 2.0] * 10, "y": 3.0})
        result = run(frame, metrics=[Metric.mean("x"), Metric.mean("y")])
        assert np.isnan(row(result, "x")["lower"])
        assert "no_variation" in row(result, "x")["warnings"]
        assert row(result, "y")["p_value"] == 1.0

    def test_segment_without_enough_units(self) -> None:
        frame = log(300)
        frame.loc[[0], "device"] = "tv"
        found = row(run(frame, segments="device"), "spend", segment="device=tv")
        assert np.isnan(found["lower"])
        assert "too_few_units" in found["warnings"]

    def test_skewed_and_unequal_arms_are_warned_of(self) -> None:
        draws = np.random.default_rng(0)
        frame = pd.DataFrame({"variant": np.repeat(["a", "b"], [900, 100])})
        frame["x"] = (draws.random(1000) < 0.05) * draws.lognormal(0, 1.5, 1000)
        assert "skewed" in row(run(frame, metrics=[Metric.mean("x")]), "x")["warnings"]

    def test_cap(self) -> None:
        frame = log()
        capped = row(run(frame, metrics=[Metric.mean("spend", cap=12.0)]), "spend (cap 12)")
        cut = row(run(frame.assign(spend=frame["spend"].clip(upper=12.0))), "spend")
        assert capped["lower"] == pytest.approx(cut["lower"], rel=1e-12)


class TestSequential:
    def test_confidence_sequence_is_wider_and_agrees_with_its_p_value(self) -> None:
        plain = run().effects
        found = run(sequential=ConfidenceSequence(target=3000)).effects
        assert (found.upper - found.lower > plain.upper - plain.lower)[:3].all()
        assert np.array_equal(found.p_value < 0.05, (found.lower > 0) | (found.upper < 0))

    def test_group_sequential_uses_the_bound_of_the_look(self) -> None:
        plan = GroupSequential(0.05, information=[0.5, 1.0])
        found = run(sequential=(plan, 1)).effects
        reach = (found.upper - found.lower) / 2 / found.error
        np.testing.assert_allclose(reach, plan.bounds[0], rtol=1e-9)
        assert np.array_equal(found.p_value < 0.05, (found.lower > 0) | (found.upper < 0))

    def test_refuses_looks_beyond_the_plan_and_other_levels(self) -> None:
        plan = GroupSequential(0.05, information=[0.5, 1.0])
        with pytest.raises(ParameterError, match="look 3 lies beyond the 2"):
            run(sequential=(plan, 3))
        with pytest.raises(ParameterError, match="make them equal"):
            run(sequential=(plan, 1), confidence=0.9)
        with pytest.raises(ParameterError, match="sequential must be"):
            run(sequential="always")


class TestHostile:
    @pytest.mark.parametrize("unit", [None, "user"])
    @pytest.mark.parametrize(
        "metric", [Metric.mean("spend"), Metric.quantile("spend", 0.5), Metric.mean("spend", cap=9)]
    )
    def test_refuses_values_whose_squares_overflow(self, metric: Metric, unit: str | None) -> None:
        frame = log(200).assign(user=np.arange(200))
        frame.loc[[7, 90], "spend"] = -1.7e308
        told = r'^readout: column "spend" holds 2 values beyond 1e\+75, whose squares overflow \(first at row 7\); drop'
        with pytest.raises(DataError, match=told):
            run(frame, metrics={"spend": metric}, unit=unit)

    def test_names_a_unit_in_two_variants_as_the_caller_does(self) -> None:
        frame = log(200).assign(user=5)
        with pytest.raises(DataError, match=r"holds 1 units in two variants \(first 5, at row"):
            run(frame, metrics={"spend": Metric.mean("spend")}, unit="user")

    def test_missing_control(self) -> None:
        with pytest.raises(ParameterError, match="control 'x' is not in column \"variant\", which holds 'a', 'b', 'c'"):
            run(control="x")
        with pytest.raises(DataError, match="no variant to compare"):
            run(log()[lambda d: d["variant"] == "a"])

    def test_units_in_two_variants(self) -> None:
        frame = log(100).assign(user=lambda d: np.arange(len(d)) // 2)
        with pytest.raises(DataError, match=r'column "user" holds \d+ units in two variants \(first'):
            run(frame, unit="user", metrics=[Metric.mean("spend")])

    def test_values(self) -> None:
        with pytest.raises(DataError, match="neither 0 nor 1"):
            run(metrics=[Metric.proportion("clicks")])
        with pytest.raises(DataError, match='column "spend" holds 1 NaN'):
            run(log().assign(spend=lambda d: d["spend"].where(d.index != 5)))

    def test_covariates_measured_after_exposure(self) -> None:
        frame = log().assign(before=lambda d: d["before"] + 3.0 * (d["variant"] == "b"))
        with pytest.raises(DataError, match='covariate "before" differs between'):
            run(frame)
        with pytest.raises(ParameterError, match="no metric's own column"):
            run(covariates="spend")

    def test_an_arm_of_one(self) -> None:
        frame = log(50)
        frame.loc[[0], "variant"] = "d"
        with pytest.raises(DataError, match="1 arms of fewer than two units \\(first 'd', 1\\)"):
            run(frame)

    def test_weights(self) -> None:
        with pytest.raises((ParameterError, DataError), match="weights"):
            run(weights={"a": 0.5, "b": 0.3, "c": 0.3})

    def test_metrics(self) -> None:
        for metrics in ([], "spend", [1], [Metric.mean("spend"), Metric.mean("spend")]):
            with pytest.raises(ParameterError, match="metrics must be"):
                run(metrics=metrics)


class TestDecision:
    def decide(self, frame: pd.DataFrame, metrics: Any, **options: Any) -> tuple[str, str]:
        found = pd.DataFrame(run(frame, metrics=metrics, **options).decision().columns())
        return tuple(found.loc[found["variant"] == "b", ["decision", "reasons"]].iloc[0])

    def frame(self, effect: float, guard: float = 0.0) -> pd.DataFrame:
        draws = np.random.default_rng(5)
        frame = pd.DataFrame({"variant": ["a", "b"] * 2000})
        treated = frame["variant"] == "b"
        frame["x"] = draws.normal(10, 2, 4000) + effect * treated
        frame["g"] = draws.normal(10, 2, 4000) - guard * treated
        return frame

    def test_rules(self) -> None:
        x = Metric.mean("x", minimum_effect=0.02)
        guard = Metric.mean("g", role="guardrail", margin=0.02)
        assert self.decide(self.frame(0.5), [x, guard])[0] == "ship"
        assert self.decide(self.frame(-0.5), [x, guard])[0] == "keep"
        assert self.decide(self.frame(0.5, guard=0.6), [x, guard])[0] == "keep"
        assert self.decide(self.frame(0.5, guard=0.2), [x, guard])[0] == "wait"
        assert self.decide(self.frame(0.0), [x, guard])[0] == "keep"
        assert self.decide(self.frame(0.0), [Metric.mean("x", minimum_effect=0.002)])[0] == "wait"

    def test_non_inferiority(self) -> None:
        metric = Metric.mean("x", margin=0.3, margin_scale="absolute")
        assert self.decide(self.frame(0.0), [metric])[0] == "ship"
        assert self.decide(self.frame(-0.6), [metric])[0] == "keep"

    def test_less_is_better(self) -> None:
        metric = Metric.mean("x", direction="decrease")
        assert self.decide(self.frame(-0.5), [metric])[0] == "ship"
        assert self.decide(self.frame(0.5), [metric])[0] == "keep"

    def test_sample_ratio_mismatch_forbids_it(self) -> None:
        action, reasons = self.decide(self.frame(0.5), [Metric.mean("x")], weights={"a": 0.4, "b": 0.6})
        assert action == "wait"
        assert "shares of units" in reasons
        assert self.decide(self.frame(0.5), [Metric.mean("x")], weights={"a": 0.5, "b": 0.5})[0] == "ship"


class TestResult:
    def test_columns(self) -> None:
        table = run(segments="device").to_frame()
        expected = (
            "metric segment variant control_value value effect lower upper relative_effect relative_lower "
            "relative_upper p_value p_adjusted method warnings"
        )
        assert table.columns.tolist() == expected.split()
        assert len(table) == 4 * 3 * 2
        assert run().to_dict()["kind"] == "Readout"
        assert "adjusted p" in run().summary()
        assert "<table>" in run()._repr_html_()

    def test_correction_by_role(self) -> None:
        found = run(log(lift=1.0), correction="holm")
        place = list(found.metrics).index("bought")
        assert np.array_equal(found.p_adjusted[place], found.effects.p_value[place])
        assert (found.p_adjusted >= found.effects.p_value - 1e-15).all()


@pytest.mark.skipif(not REAL.exists(), reason="the fetched data are not here")
class TestRealData:
    def test_hillstrom(self) -> None:
        with gzip.open(REAL / "hillstrom.csv.gz") as file:
            frame = pd.read_csv(file)
        metrics = [
            Metric.proportion("visit"),
            Metric.proportion("conversion"),
            Metric.mean("spend", covariate="history"),
        ]
        result = readout(frame, variant="segment", control="No E-Mail", metrics=metrics, segments="channel")
        for metric in ("visit", "conversion", "spend"):
            for variant in ("Mens E-Mail", "Womens E-Mail"):
                found = row(result, metric, variant)
                plain = frame.groupby("segment")[metric].mean()
                expected = plain[variant] - plain["No E-Mail"]
                assert found["lower"] < expected < found["upper"]
                assert found["lower"] > 0
        assert result.decision().actions == ("ship", "ship")

    def test_cookie_cats(self) -> None:
        with gzip.open(REAL / "cookie_cats.csv.gz") as file:
            frame = pd.read_csv(file)
        metrics = [
            Metric.proportion("retention_1"),
            Metric.proportion("retention_7"),
            Metric.quantile("sum_gamerounds", 0.5),
        ]
        result = readout(frame, variant="version", control="gate_30", metrics=metrics, unit="userid", weights=None)
        week = row(result, "retention_7", "gate_40")
        assert week["upper"] < 0 < row(result, "retention_1", "gate_40")["upper"]
        assert result.decision().actions == ("keep",)
        biased = readout(
            frame, variant="version", control="gate_30", metrics=metrics, weights={"gate_30": 0.5, "gate_40": 0.5}
        )
        assert biased.srm_p == pytest.approx(0.0086, abs=2e-4)


def replicates(make: Any, n: int, arms_of: tuple[int, int], draws: np.random.Generator) -> pd.DataFrame:
    size = sum(arms_of)
    frame = pd.DataFrame({"rep": np.repeat(np.arange(n), size), "variant": np.tile(np.repeat(["b", "a"], arms_of), n)})
    return make(frame, draws)


def revenue(frame: pd.DataFrame, draws: np.random.Generator) -> pd.DataFrame:
    return frame.assign(y=(draws.random(len(frame)) < 0.05) * draws.lognormal(0, 1.5, len(frame)))


def covaried(frame: pd.DataFrame, draws: np.random.Generator) -> pd.DataFrame:
    x = draws.gamma(2, 5, len(frame))
    return frame.assign(x=x, y=x + draws.normal(0, 3, len(frame)), s=(x > 8).astype(int) + (x > 14))


def ratios(frame: pd.DataFrame, draws: np.random.Generator) -> pd.DataFrame:
    views = draws.poisson(3, len(frame)) + 1
    return frame.assign(views=views, y=draws.binomial(views, draws.beta(2, 2 + views / 3)))


def conversions(frame: pd.DataFrame, draws: np.random.Generator) -> pd.DataFrame:
    return frame.assign(y=draws.random(len(frame)) < 0.01)


CASES = [
    ("revenue", revenue, Metric.mean("y"), (500, 500), {}),
    ("cuped", covaried, Metric.mean("y", covariate="x"), (500, 500), {}),
    ("lin", covaried, Metric.mean("y", covariate="x"), (500, 100), {"adjustment": "lin"}),
    ("strata", covaried, Metric.mean("y"), (300, 100), {"strata": "s"}),
    ("strata and cuped", covaried, Metric.mean("y", covariate="x"), (300, 100), {"strata": "s"}),
    ("ratio", ratios, Metric.ratio("y", "views"), (500, 500), {}),
    ("one percent", conversions, Metric.proportion("y"), (500, 500), {}),
]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "metric", "sizes", "options"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_coverage(make: Any, metric: Metric, sizes: tuple[int, int], options: dict[str, Any]) -> None:
    frame = replicates(make, 2000, sizes, np.random.default_rng(11))
    result = readout(frame, control="a", metrics=[metric], segments="rep", correction="none", **options)
    effects = result.effects
    for lower, upper in ((effects.lower, effects.upper), (effects.relative_lower, effects.relative_upper)):
        covered = float(((lower <= 0) & (upper >= 0))[0, 1:].mean())
        assert 0.935 < covered < 0.985
