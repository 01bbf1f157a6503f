"""The pictures of association rules."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from growthkit.exceptions import ParameterError
from growthkit.rules import Baskets, Rules, mine_rules

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

from matplotlib import pyplot as plt  # noqa: E402 - after the backend is chosen
from matplotlib.axes import Axes  # noqa: E402

from growthkit.plotting.rules import draw_rule_network, draw_rule_scatter  # noqa: E402

SHOP = [["bread", "milk", "$alt"]] * 4 + [["bread"], ["milk"], ["tea", "x" * 60], ["tea", "milk"], []]


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    plt.close("all")


@pytest.fixture
def rules() -> Rules:
    return mine_rules(Baskets.from_lists(SHOP), min_support=1, min_threshold=0.1)


def title(ax: Axes) -> str:
    ax.figure.canvas.draw()
    return ax.get_title(loc="left").replace("\n", " ")


def test_points_are_the_rules(rules: Rules) -> None:
    ax = draw_rule_scatter(rules)
    assert title(ax).startswith(f"{len(rules)} rules; the strongest, ")
    (points,) = ax.collections
    drawn = sorted(map(tuple, np.asarray(points.get_offsets()).tolist()))
    assert drawn == sorted(zip(rules.measure("support").tolist(), rules.measure("confidence").tolist(), strict=True))


def test_network_holds_the_strongest(rules: Rules) -> None:
    ax = draw_rule_network(rules, k=3, by="leverage")
    assert "3 of" in " ".join(text.get_text() for text in ax.texts)
    (dots,) = ax.collections
    assert len(np.asarray(dots.get_offsets())) == 3
    assert "leverage" in title(ax)


def test_places_are_the_same_in_every_run(rules: Rules) -> None:
    one, two = (np.asarray(draw_rule_network(rules).collections[0].get_offsets()) for _ in range(2))
    np.testing.assert_array_equal(one, two)


def test_rules_draw_themselves(rules: Rules) -> None:
    _, (left, right) = plt.subplots(1, 2)
    assert rules.plot(ax=left) is left
    assert rules.plot(kind="network", k=2, by="phi", ax=right) is right
    with pytest.raises(ParameterError, match="kind must be one of"):
        rules.plot(kind="pie")


@pytest.mark.parametrize("kind", ["scatter", "network"])
def test_none_one_and_negative(rules: Rules, kind: str) -> None:
    assert title(rules.take([]).plot(kind=kind)) == "There is no rule"
    assert "→" in title(rules.take([0]).plot(kind=kind))
    absent = mine_rules(Baskets.from_lists(SHOP), min_support=1, min_threshold=0.1, negative=True)
    assert "→ no " in title(absent.plot(kind=kind))


def test_infinite_and_unknown_values(rules: Rules) -> None:
    for name in ("conviction", "odds_ratio"):
        assert isinstance(draw_rule_network(rules, by=name), Axes)
    everyone = mine_rules(Baskets.from_lists([["a", "b"]]), min_support=1)
    assert isinstance(draw_rule_network(everyone, by="phi"), Axes)
