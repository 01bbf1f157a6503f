"""The pictures of splits, evaluations and choices."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest

from growthkit.exceptions import ParameterError
from growthkit.recommend import Evaluation, Interactions, Popular, Split, compare_models, evaluate, split

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

from matplotlib import pyplot as plt  # noqa: E402 - after the backend is chosen
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.text import Text  # noqa: E402
from matplotlib.transforms import Bbox  # noqa: E402

from growthkit.plotting import draw_differences, draw_evaluation, draw_trade_off  # noqa: E402
from growthkit.plotting._style import BLUE, ORANGE  # noqa: E402


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    plt.close("all")


def title(ax: Axes) -> str:
    ax.figure.canvas.draw()
    return ax.get_title(loc="left").replace("\n", " ")


def detail(ax: Axes) -> str:
    """Return what is written on the axes, on one line."""
    return " ".join(text.get_text() for text in ax.texts).replace("\n", " ")


def evaluated(n_models: int = 3, **options: object) -> Evaluation:
    """Return models that find the one item of each customer the more often the later they come."""
    n, draw = 300, np.random.default_rng(0)
    customers = np.arange(n)
    train = Interactions.from_frame(pd.DataFrame({"customer_id": customers, "item_id": customers % 7}))
    test = Interactions.from_frame(pd.DataFrame({"customer_id": customers, "item_id": 10}))
    lists = {}
    for place in range(n_models):
        hit = draw.random(n) < 0.2 + 0.1 * place
        lists[f"$model {place}$"] = pd.DataFrame(
            {"customer_id": customers, "item_id": np.where(hit, 10, (customers + 1) % 7), "rank": 1}
        )
    return evaluate(lists, Split.of(train, test), rng=0, **({"metrics": ["ndcg", "coverage"], "k": 1} | options))  # type: ignore[arg-type]


def test_models_by_a_metric() -> None:
    result = evaluated()
    ax = result.plot()
    assert title(ax).startswith("ndcg@1 of $model 2$: 0.3")
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert labels == ["$model 2$", "$model 1$", "$model 0$"]
    assert title(draw_evaluation(result, metric="coverage")).startswith("coverage@1 of")
    with pytest.raises(ParameterError, match=r"metric must be one of ndcg \(k=1\), coverage \(k=1\)"):
        draw_evaluation(result, metric="map")


def test_without_intervals_and_with_many_models() -> None:
    assert "no intervals" in detail(evaluated(2, ci=None).plot())
    assert "the first 30 of 32 models" in detail(evaluated(32).plot())


def test_differences() -> None:
    result = evaluated()
    ax = draw_differences(result.differences("$model 0$", metric="ndcg"))
    assert title(ax) == "2 of 2 comparisons are told apart"
    assert [label.get_text() for label in ax.get_yticklabels()] == ["$model 1$ - $model 0$", "$model 2$ - $model 0$"]
    assert "coverage@1" in result.differences().plot().get_yticklabels()[-1].get_text()
    assert "not adjusted" in detail(result.differences(correction="none").plot())


def boxes(ax: Axes, texts: list[str]) -> list[Bbox]:
    """Return where texts stand in the drawn figure, in pixels."""
    ax.figure.canvas.draw()
    found = [*ax.texts, *ax.get_yticklabels()]
    return [Text.get_window_extent(one) for one in found if one.get_text() in texts]


def named(n_models: int) -> Evaluation:
    """Return models with long names, most of them equally good."""
    result = evaluated(3)
    names = tuple(f"A model with parameter {place} and more" for place in range(n_models))
    places = np.arange(n_models) % 3
    parts = {part: getattr(result, part)[places] for part in ("numerator", "denominator", "wholes")}
    return dataclasses.replace(result, models=names, replicates=result.replicates[:, places], **parts)


@pytest.mark.parametrize("n_models", [2, 6, 12, 40])
def test_names_are_neither_cut_nor_laid_over_each_other(n_models: int) -> None:
    result = named(n_models)
    for ax in (draw_trade_off(result), draw_differences(result.differences())):
        ax.figure.canvas.draw()
        names = [text.get_text() for text in [*ax.texts, *ax.get_yticklabels()] if "A model" in text.get_text()]
        found = boxes(ax, names)
        assert len(found) >= min(n_models, 31) - 1
        width, height = ax.figure.bbox.max
        assert all(box.x0 >= 0 and box.x1 <= width and box.y0 >= 0 and box.y1 <= height for box in found)
        assert not any(a.overlaps(b) for place, a in enumerate(found) for b in found[:place])
        assert all(box.x1 <= width for box in boxes(ax, [text.get_text() for text in ax.texts]))
        assert len(set(names)) == len(names)


@pytest.mark.parametrize("dpi", [70, 100, 200])
def test_headlines_stay_within_the_picture(dpi: int) -> None:
    ax = draw_differences(named(40).differences())
    ax.figure.set_dpi(dpi)
    assert all(box.x1 <= ax.figure.bbox.x1 for box in boxes(ax, [text.get_text() for text in ax.texts]))


def test_what_resamples_cannot_tell_from_nothing_is_below_their_floor() -> None:
    result = evaluated().differences()
    assert result.p_floor == 2 / 2_001
    shown = [text.get_text() for text in draw_differences(result).texts if ", p" in text.get_text()]
    known = result.p_value[~np.isnan(result.p_value)]
    assert ["p < " in text for text in shown] == (known <= result.p_floor).tolist()
    assert any("p < 0.003" in text for text in shown)
    assert not any("p < " in text.get_text() for text in draw_differences(evaluated(ci="normal").differences()).texts)


def test_trade_off() -> None:
    result = evaluated()
    ax = draw_trade_off(result)
    assert title(ax).startswith("$model 2$ has the best ndcg@1 at a coverage of")
    best = [line for line in ax.get_lines() if line.get_marker() == "o" and line.get_color() == BLUE]
    assert [float(line.get_ydata()[0]) for line in best] == [result.value("$model 2$", "ndcg")]  # type: ignore[index]
    with pytest.raises(ParameterError, match="an evaluation by one of coverage"):
        draw_trade_off(evaluated(metrics=["ndcg"]))


def test_split() -> None:
    log = pd.DataFrame(
        {"customer_id": [1, 1, 2, 2], "item_id": [1, 2, 1, 3], "timestamp": pd.date_range("2026-01-01", periods=4)}
    )
    ax = split.leave_last(log).plot()
    assert title(ax) == "0 of 2 pairs of the test data can be found"
    assert matplotlib.colors.to_hex(ax.patches[0].get_facecolor()) == ORANGE


def test_choice() -> None:
    log = pd.DataFrame({"customer_id": np.repeat(np.arange(60), 4), "item_id": np.arange(240) % 9})
    with warnings.catch_warnings(action="ignore"):
        choice = compare_models(log, {"one": Popular(), "two": Popular()})
    left, right = choice.plot()
    assert title(left) == "The choice is one"
    assert title(right) == "Difference from one"
    _, given = plt.subplots(1, 2)
    assert choice.plot(axes=given)[0] is given[0]
