"""Where two much used libraries go wrong, and growthkit on the same data: each test shows both.

gbstats (GrowthBook) takes the error of a relative effect by the delta method at the observed control, also between
looks; tea-tasting does so for its intervals but not for its p-values.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from growthkit.experiment.confidence_sequence import ConfidenceSequence
from growthkit.experiment.metrics import Metric
from growthkit.experiment.proportions import proportion_difference
from growthkit.experiment.readout import readout
from tests.experiment.test_peeking import alarms, revenue

CONTROL, TREATMENT = "a", "b"


def apart(low: Any, high: Any) -> Any:
    return (np.asarray(low) > 0) | (np.asarray(high) < 0)


def null_revenue(runs: int, n: int, seed: int) -> pd.DataFrame:
    keys = {"run": np.repeat(np.arange(runs), 2 * n), "variant": np.tile(np.repeat([CONTROL, TREATMENT], n), runs)}
    return pd.DataFrame(keys | revenue(np.random.default_rng(seed), 2 * n * runs))


def our_alarms(frame: pd.DataFrame) -> tuple[float, float, bool]:
    """Return the shares of runs whose interval excludes 0, absolute and relative, and whether p always agrees.

    Where the control is not separated from 0 the relative interval is the whole line, and says so.
    """
    effects = readout(frame, control=CONTROL, metrics=[Metric.mean("y")], segments="run", correction="none").effects
    absolute, relative = apart(effects.lower, effects.upper), apart(effects.relative_lower, effects.relative_upper)
    agree = np.array_equal(effects.p_value <= 0.05, absolute) and np.array_equal(
        absolute & ~effects.unbounded, relative
    )
    return float(absolute[0, 1:].mean()), float(relative[0, 1:].mean()), agree


class TestGbstats:
    def statistic(self, values: Any) -> Any:
        models = pytest.importorskip("gbstats.models.statistics")
        return models.SampleMeanStatistic(n=values.size, sum=float(values.sum()), sum_squares=float(values @ values))

    def fixed(self, control: Any, treatment: Any) -> bool:
        tests = pytest.importorskip("gbstats.frequentist.tests")
        arms = self.statistic(control), self.statistic(treatment)
        result = tests.TwoSidedTTest(*arms, tests.FrequentistConfig(difference_type="relative")).compute_result()
        return bool(apart(*result.ci))

    def peeked(self, control: Any, treatment: Any, looks: range) -> bool:
        """Whether the sequential relative interval excludes 0 at one of the looks."""
        tests = pytest.importorskip("gbstats.frequentist.tests")
        config = tests.SequentialConfig(difference_type="relative")
        for n in looks:
            arms = self.statistic(control[:n]), self.statistic(treatment[:n])
            with np.errstate(
                divide="ignore", over="ignore", invalid="ignore"
            ):  # its p-value, where nobody has bought yet
                interval = tests.SequentialTwoSidedTTest(*arms, config).compute_result().ci
            if apart(*interval):
                return True
        return False

    def test_its_relative_test_alarms_on_one_null_experiment_in_seven(self) -> None:
        pytest.importorskip("gbstats")
        frame = null_revenue(500, 500, seed=3)
        runs = frame["y"].to_numpy().reshape(-1, 2, 500)
        theirs = np.mean([self.fixed(*arms) for arms in runs])
        absolute, relative, agree = our_alarms(frame)
        assert theirs > 0.10
        assert relative <= absolute <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 500)
        assert agree

    @pytest.mark.slow
    @pytest.mark.parametrize(("n_looks", "per_look", "least"), [(50, 100, 0.15), (200, 25, 0.3)])
    def test_its_sequential_relative_interval_does_not_survive_peeking(
        self, n_looks: int, per_look: int, least: float
    ) -> None:
        pytest.importorskip("gbstats")
        runs, draws, n = 100, np.random.default_rng(4), n_looks * per_look
        looks = range(per_look, n + 1, per_look)
        theirs = np.mean([self.peeked(*(revenue(draws, n)["y"] for _ in "ab"), looks) for _ in range(runs)])
        ours = alarms(revenue, Metric.mean("y"), ConfidenceSequence(target=2 * n), n_looks, per_look, 400)
        assert theirs > least
        assert max(ours.absolute, ours.relative) / 400 <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400)


class TestTeaTasting:
    def test_its_relative_interval_covers_too_little_and_contradicts_its_p_value(self) -> None:
        tt = pytest.importorskip("tea_tasting")
        frame = null_revenue(120, 500, seed=5)
        experiment = tt.Experiment(y=tt.Mean("y"))
        found = [experiment.analyze(one.reset_index(drop=True), CONTROL)["y"] for _, one in frame.groupby("run")]
        called = apart(*([getattr(one, f"rel_effect_size_ci_{end}") for one in found] for end in ("lower", "upper")))
        significant = np.array([one.pvalue <= 0.05 for one in found])
        assert called.mean() > 0.06
        assert (called != significant).mean() > 0.04
        _, relative, agree = our_alarms(frame)
        assert relative <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 120)
        assert agree

    def test_its_proportions_of_few_events_have_no_interval(self) -> None:
        tt = pytest.importorskip("tea_tasting")
        y = np.zeros(400, dtype=np.int64)
        y[[0, 200]] = 1
        frame = pd.DataFrame({"variant": np.repeat([CONTROL, TREATMENT], 200), "y": y})
        theirs = tt.Experiment(y=tt.Proportion("y")).analyze(frame, CONTROL)["y"]
        assert np.isnan([theirs.effect_size_ci_lower, theirs.effect_size_ci_upper]).all()
        effects = readout(frame, control=CONTROL, metrics=[Metric.proportion("y")]).effects
        by_hand = proportion_difference(1, 200, 1, 200, method="miettinen_nurminen")
        assert (effects.lower.item(), effects.upper.item()) == pytest.approx((by_hand.lower, by_hand.upper))
        assert -0.03 < effects.lower.item() < 0 < effects.upper.item() < 0.03
        assert effects.p_value.item() == pytest.approx(1.0)
