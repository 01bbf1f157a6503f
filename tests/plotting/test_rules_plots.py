"""The pictures of association rules."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

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
    assert title(draw_rule_network(rules.filter(minimum={"confidence": 1}), by="conviction")).endswith("without end")
    everyone = mine_rules(Baskets.from_lists([["a", "b"]]), min_support=1)
    assert title(draw_rule_network(everyone, by="phi")) == "No rule can be drawn"


@pytest.mark.parametrize("kind", ["scatter", "network"])
def test_rules_of_other_baskets(rules: Rules, kind: str) -> None:
    assert title(rules.counted_in(Baskets.from_lists([["nothing of that"]])).plot(kind=kind)) == "No rule can be drawn"
    items = rules.baskets.items.labels[:2].tolist()
    apart = rules.counted_in(Baskets.from_lists([[item] for item in items]))
    assert "has lift 0" in title(draw_rule_scatter(apart)) and "lift 0" in title(draw_rule_network(apart))


def test_labels_of_a_network_neither_meet_nor_leave_it() -> None:
    rng = np.random.default_rng(7)
    names = [f"CATEGORY {letter * 9}/OTHER" for letter in "ABCDEFGHIJKLMNOP"]
    lists = [[name for name, held in zip(names, row < 0.3, strict=True) if held] for row in rng.random((300, 16))]
    ax = draw_rule_network(mine_rules(Baskets.from_lists(lists), min_support=8, min_threshold=0.1), k=12)
    title(ax)
    boxes = [text.get_window_extent() for text in ax.texts if text.get_text() in names]
    assert len(boxes) > 5
    assert not any(one.overlaps(two) for one, two in combinations(boxes, 2))
    frame = ax.get_window_extent()
    assert all(frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1 for box in boxes)


def test_a_network_has_a_limit(rules: Rules) -> None:
    with pytest.raises(
        ParameterError, match="draw_rule_network: k must be a whole number of at least 1 and of at most"
    ):
        draw_rule_network(rules, k=201)
