"""The benchmarks run and compare like with like: all contenders agree on tiny data, and a disagreement is noticed."""

import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import compare, experiment, probe, recommend, report, summaries
from benchmarks import experiment_design as design
from benchmarks import experiment_resampling as resampling
from benchmarks import interactions_data as interactions
from benchmarks.cases import CASES, chosen
from benchmarks.contest import OURS, Case, Contender, Disagreement
from benchmarks.experiment_data import mixed_cells
from benchmarks.logs import shop_log

ROOT = Path(__file__).resolve().parents[2]
PEERS = [(case, name) for case in CASES for name in case.peers]


def _refuse_to_agree(ours, theirs):
    raise Disagreement


TOY = Case(
    "toy",
    "toys",
    data=lambda: 20_000_000,
    tiny=lambda: 10,
    ours=Contender(lambda n: lambda: np.ones(n, dtype=np.uint8)),
    agree=lambda ours, theirs: None,
    peers={"slower": Contender(lambda n: lambda: time.sleep(0.01), "numpy"), "gone": Contender(int, "no_such_module")},
)


RUN = {
    "threads": 2,
    "cores": 4,
    "python": "3.11",
    "versions": {"growthkit": "0.1.0"},
    "cases": [
        {
            "name": "toy",
            "area": "toys",
            "not_installed": ["gone"],
            "contenders": {
                OURS: {"wall": [1.0, 2.0, 1.0], "cpu": [1.0, 1.0, 1.0], "peak_bytes": 10 * 2**20},
                "slower": {"wall": [3.0, 4.0, 5.0], "cpu": [6.0, 6.0, 6.0], "peak_bytes": 25 * 2**20},
                "slowest": {"wall": [9.0, 12.0], "cpu": [9.0, 9.0], "peak_bytes": 1},
            },
        }
    ],
}


class TestTable:
    def test_names_are_unique(self):
        assert len({case.name for case in CASES}) == len(CASES)

    def test_areas_and_names_choose(self):
        assert {case.area for case in chosen(["segmentation"])} == {"segmentation"}
        assert [case.name for case in chosen(["customers-100"])] == ["customers-100"]
        assert chosen([]) == list(CASES)
        with pytest.raises(LookupError, match="no area or case 'sumaries'; there are als-fit-gowalla-64,"):
            chosen(["sumaries"])

    @pytest.mark.parametrize(("case", "peer"), PEERS, ids=[f"{case.name}-{peer}" for case, peer in PEERS])
    def test_peers_agree_on_tiny_data(self, case, peer):
        if case.missing or not case.peers[peer].installed:
            pytest.skip("not installed")
        data = case.tiny()
        case.agree(case.ours.prepare(data)(), case.peers[peer].prepare(data)())

    @pytest.mark.parametrize("case", [case for case in CASES if not case.peers], ids=lambda case: case.name)
    def test_cases_without_peers_run(self, case):
        assert case.ours.prepare(case.tiny())() is not None


class TestAgreement:
    """Each check sees a wrong answer."""

    @pytest.mark.parametrize(
        "column",
        ["customer_id", "first", "n_purchases", "frequency", "recency", "T", "idle", "value_total", "monetary_value"],
    )
    def test_customers(self, column):
        pl = pytest.importorskip("polars")
        table = summaries.ours_on_polars(shop_log(200, 40))()
        step = pl.duration(days=1) if column == "first" else 1
        with pytest.raises(Disagreement, match=column):
            summaries.agree(table, table.with_columns(pl.col(column) + step))

    def test_scores(self):
        pl = pytest.importorskip("polars")
        case = chosen(["rfm-scores-10k"])[0]
        table = case.ours.prepare(case.tiny())()
        with pytest.raises(Disagreement, match="frequency_score"):
            case.agree(table, table.with_columns(pl.col("frequency_score").reverse()))

    @pytest.mark.parametrize("part", ["effect", "lower", "upper", "p_value"])
    @pytest.mark.parametrize("metric", ["spend_0", "clicks_0", "did_0"])
    def test_readouts(self, metric, part):
        pytest.importorskip("polars")
        ours, theirs = self.readout_and_answers()
        experiment.agree_on_effects(ours, theirs)
        result = ours[0]
        wrong = getattr(result.effects, part).copy()
        wrong[list(result.metrics).index(metric), 1, 0] += 0.5
        changed = replace(result, effects=result.effects._replace(**{part: wrong}))
        with pytest.raises(Disagreement, match=f"of {metric}"):
            experiment.agree_on_effects((changed, None), theirs)

    @staticmethod
    def readout_and_answers():
        ours = experiment.our_contrasts(mixed_cells(20_000, 2))()
        effects = ours[0].effects
        parts = (effects.effect, effects.lower, effects.upper, effects.p_value)
        return ours, np.stack(parts, axis=-1)

    @pytest.mark.parametrize("field", ["estimate", "lower", "upper"])
    def test_bootstraps(self, field):
        right = resampling.Interval(1.0, 0.0, 2.0, 2_000)
        resampling.agree_within_chance(right, replace(right, lower=0.02))
        with pytest.raises(Disagreement, match=field):
            resampling.agree_within_chance(right, replace(right, **{field: getattr(right, field) + 0.5}))

    def test_shares_p_values_and_bounds(self):
        units = np.array(["control"] * 500 + ["blue"] * 300 + ["green"] * 200, dtype=object)
        design.agree_on_shares(units, units)
        with pytest.raises(Disagreement, match="control has the share"):
            design.agree_on_shares(units, units[:800])
        with pytest.raises(Disagreement, match="p-value"):
            design.agree_on_p_value(0.5, 0.50001)
        bounds = np.array([3.0, 2.0])
        with pytest.raises(Disagreement, match="bounds taken"):
            design.agree_on_bounds((bounds, bounds), (bounds, bounds + 0.002))

    def test_neighbours_and_lists(self):
        pytest.importorskip("scipy")
        data = interactions.power_law(80, 200, 2_000)
        model = recommend.our_neighbours(data)()
        table = recommend._as_matrix(model.neighbours_)
        recommend.agree_on_neighbours(model, table)
        with pytest.raises(Disagreement, match="similarities differ"):
            recommend.agree_on_neighbours(model, table * 1.01)
        lists = recommend.our_knn_lists(data)()
        scores = lists["score"].to_numpy().reshape(80, recommend.N)
        items = lists["item_id"].to_numpy().reshape(80, recommend.N)
        recommend.agree_on_lists(lists, (items, scores))
        with pytest.raises(Disagreement, match="scores differ"):
            recommend.agree_on_lists(lists, (items, scores + 0.01))

    def test_losses_weights_and_metrics(self):
        pytest.importorskip("scipy")
        data = interactions.parted(80, 200, 2_000, factors=8)
        _, customers, items = ours = recommend.our_sweep(data)()
        recommend.agree_on_loss(ours, (customers, items))
        with pytest.raises(Disagreement, match="loss"):
            recommend.agree_on_loss(ours, (customers, 0.5 * items))
        weights = recommend.our_ease(data)()
        with pytest.raises(Disagreement, match="weights differ"):
            recommend.agree_on_weights(weights, weights.T)
        result = recommend.our_metrics(data)()
        with pytest.raises(Disagreement, match="ndcg"):
            recommend.agree_on_metrics(result, {"ndcg": result.value("ImplicitALS", "ndcg") + 0.001})


class TestInteractions:
    def test_sizes(self):
        pytest.importorskip("scipy")
        matrix = interactions.power_law(1_000, 300, 20_000).matrix
        assert matrix.shape == (1_000, 300)
        assert 10_000 < matrix.nnz <= 21_200
        assert (matrix.data == 1).all()
        assert np.diff(matrix.indptr).min() > 0

    def test_same_seed_same_interactions(self):
        pytest.importorskip("scipy")
        one, two = (interactions.power_law(80, 200, 2_000, seed=3).matrix for _ in range(2))
        assert (one != two).nnz == 0

    def test_parts_do_not_overlap(self):
        pytest.importorskip("scipy")
        data = interactions.parted(80, 200, 2_000)
        assert data.matrix.multiply(data.test).nnz == 0
        assert np.diff(data.matrix.indptr).min() > 0


class TestLogs:
    @pytest.mark.parametrize("ids", ["dense", "sparse", "text"])
    def test_polars_and_pandas_hold_the_same_log(self, ids):
        pytest.importorskip("polars")
        log = shop_log(100, 20, ids=ids)
        for column in log.pandas:
            assert log.polars[column].to_list() == log.pandas[column].tolist()

    def test_same_seed_same_log(self):
        one, two = (shop_log(100, 20, seed=3) for _ in range(2))
        assert np.array_equal(one.customer, two.customer)
        assert np.array_equal(one.timestamp, two.timestamp)
        assert np.array_equal(one.value, two.value)

    def test_by_time(self):
        assert (np.diff(shop_log(100, 20, by_time=True).timestamp) >= np.timedelta64(0, "us")).all()
        assert (np.diff(shop_log(100, 20).timestamp) < np.timedelta64(0, "us")).any()


class TestProbe:
    def test_contenders_take_turns(self):
        samples = probe.warm_calls(TOY, repeats=4, budget=60.0)
        assert list(samples) == [OURS, "slower"]
        assert {len(one[clock]) for one in samples.values() for clock in ("wall", "cpu")} == {4}

    def test_budget_ends_the_turns_of_a_slow_contender(self):
        samples = probe.warm_calls(TOY, repeats=9, budget=0.0)
        assert len(samples["slower"]["wall"]) == probe.FEWEST

    def test_disagreement_is_an_error(self):
        with pytest.raises(Disagreement):
            probe.warm_calls(replace(TOY, agree=_refuse_to_agree), repeats=1, budget=1.0)

    @pytest.mark.parametrize("watch", [probe._watch_peak, probe._sampled_peak])
    def test_peak_counts_what_is_held_and_what_is_given_back(self, watch):
        if watch is probe._sampled_peak:
            pytest.importorskip("psutil")
        size = 100_000_000
        with watch() as risen:
            held = np.ones(size, dtype=np.uint8)
            passing = np.ones(size, dtype=np.uint8)
            time.sleep(0.05)
            del passing
        assert held.size == size
        assert risen[0] == pytest.approx(2 * size, rel=0.1)

    def test_peak_memory_of_a_call(self):
        assert probe.peak_memory(TOY, OURS) == pytest.approx(20_000_000, rel=0.2)


class TestReport:
    def test_ratios_pair_the_turns(self):
        found = report.ratios(RUN["cases"][0])
        assert found["slower"] == {"time": (3.0, 2.0, 5.0), "cpu": (6.0, 6.0, 6.0), "memory": 2.5}
        assert found["slowest"]["time"] == (7.5, 6.0, 9.0)
        assert "memory" not in found["slowest"]

    def test_markdown(self):
        text = report.as_markdown("toys", RUN)
        assert "| toy | slower | **3.00** (2.00 to 5.00) | **6.00** (6.00 to 6.00) | 2.5 |" in text
        assert "| toy | growthkit | 1.00 s | 1.00 s | 1.00 s | - | - | 10.0 MB |" in text
        assert "- toy: gone" in text
        assert "2 threads of 4 cores" in text


class TestCompare:
    def test_end_to_end(self, tmp_path):
        pytest.importorskip("polars")
        command = [sys.executable, str(ROOT / "benchmarks" / "compare.py"), "customers-100", "--measure", "warm"]
        subprocess.run([*command, "--repeats", "2", "--out", str(tmp_path)], check=True, capture_output=True)
        run = json.loads((tmp_path / "summaries.json").read_text())
        contenders = run["cases"][0]["contenders"]
        assert {"growthkit", "numpy", "numba", "polars"} <= set(run["versions"])
        assert len(contenders) > 1
        assert all(len(one["wall"]) == 2 and min(one["wall"]) > 0 for one in contenders.values())
        assert "customers-100" in (tmp_path / "summaries.md").read_text()

    def test_unknown_case(self):
        with pytest.raises(SystemExit, match="no area or case"):
            compare.main(["sumaries"])

    def test_list(self, capsys):
        compare.main(["--list", "segmentation"])
        assert capsys.readouterr().out.split() == ["segmentation", "rfm-scores-500k", "segmentation", "rfm-scores-10k"]
