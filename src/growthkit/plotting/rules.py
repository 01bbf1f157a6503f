"""Pictures of association rules: all of them as points, the strongest as a network."""

from __future__ import annotations

import math
import unicodedata
from typing import TYPE_CHECKING, Any

import numpy as np

from .._core.params import Params
from ..typing import AnyArray, FloatArray, Int64Array
from ._style import BLUE, INK, MUTED, PALE, bare, canvas, headline, ramp, write
from ._words import count, figure, joined, share, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..rules import Rules

__all__ = ["draw_rule_network", "draw_rule_scatter", "draw_rules"]

STEPS = 300
"""Moves of the network's layout."""

TO_THE_MIDDLE = 0.4
"""The force that keeps parts without a common item together."""

SHEET = (9.0, 6.6)
"""Inches of the network's figure."""

LETTER, CAPITAL, WIDE = 0.073, 0.086, 0.14
"""Widths in inches of a letter of a label: a small one, a capital, one of a script like Chinese."""

LABEL_HEIGHT, LABEL_SIDES = 0.22, 0.09
"""Inches that a label is high, and that its box adds to its letters."""

WIDE_SPAN = 10
"""Supports that differ by more than this factor stand on a logarithmic axis."""

GAP = 0.2
"""Inches to leave between labels and dots: room for an arrow."""

MOST_IN_NETWORK = 200
"""Rules of a network: more can neither be read nor laid out in a few seconds."""

LIGHTEST = 0.18
"""Where on the ramp the weakest rule stands: it must be seen on white."""


def draw_rules(rules: Rules, *, kind: str = "scatter", ax: Axes | None = None, **options: Any) -> Axes:
    """Draw rules as points ("scatter") or the strongest of them as a network ("network").

    Parameters
    ----------
    rules
        From ``rules.association_rules`` or ``rules.mine_rules``.
    kind
        "scatter": `draw_rule_scatter`. "network": `draw_rule_network`.
    ax
        Axes to draw on; None for a new figure.
    **options
        What the drawing takes besides.

    Returns
    -------
    matplotlib.axes.Axes
        The axes drawn on.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ParameterError
        If a parameter is out of range.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from growthkit import rules
    >>> from growthkit.plotting.rules import draw_rules
    >>> baskets = rules.Baskets.from_lists([["bread", "milk"]] * 4 + [["bread"], ["milk"], ["tea"], ["tea", "milk"]])
    >>> found = rules.mine_rules(baskets, min_support=1)
    >>> ax = draw_rules(found, kind="network", ax=Figure(figsize=(9, 6)).subplots())
    >>> print(ax.get_title(loc="left"))
    The strongest rule: bread → milk, lift 1.07
    """
    Params("draw_rules").one_of("kind", kind, ("scatter", "network"))
    draw = draw_rule_scatter if kind == "scatter" else draw_rule_network
    return draw(rules, ax=ax, **options)


def draw_rule_scatter(rules: Rules, *, ax: Axes | None = None) -> Axes:
    """Draw each rule as a point: support to the right, confidence up, the darker the larger the lift.

    Parameters
    ----------
    rules
        From ``rules.association_rules`` or ``rules.mine_rules``.
    ax
        Axes to draw on; None for a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The axes drawn on. Support is on a logarithmic axis where it spans more than a factor of 10. Rules one side of
        which is in no basket have no lift, and are left out.

    Raises
    ------
    ImportError
        If matplotlib is not installed.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from growthkit import rules
    >>> from growthkit.plotting.rules import draw_rule_scatter
    >>> baskets = rules.Baskets.from_lists([["bread", "milk"]] * 4 + [["bread"], ["milk"], ["tea"], ["tea", "milk"]])
    >>> found = rules.mine_rules(baskets, min_support=1)
    >>> ax = draw_rule_scatter(found, ax=Figure(figsize=(9, 6)).subplots())
    >>> print(ax.get_title(loc="left"))
    3 rules; the strongest, bread → milk, has lift 1.07
    """
    (ax,) = canvas(ax, size=(8.2, 5.4))
    every, rules = rules, _with_value(rules, "lift")
    if not len(rules):
        return _nothing(ax, every)
    support, confidence, lift = (rules.measure(name) for name in ("support", "confidence", "lift"))
    drawn = np.argsort(lift, kind="stable")
    points = ax.scatter(
        support[drawn], confidence[drawn], c=_shades(lift)[drawn], cmap=ramp(), vmin=0, vmax=1, s=_dot(len(rules)), lw=0
    )
    points.set_clip_on(False)
    bare(ax, grid="y")
    _share_axes(ax, support)
    ax.set_xlabel("Support: baskets with all items of the rule", fontsize=10, color=MUTED, labelpad=8)
    ax.set_ylabel("Confidence", fontsize=10, color=MUTED)
    best = rules.strongest(1)
    they = "1 rule:" if len(rules) == 1 else f"{count(len(rules))} rules; the strongest,"
    low, high = figure(float(lift.min())), figure(float(lift.max()))
    finding = f"{they} {_sentence(best, 0)}{',' if len(rules) > 1 else ''} has lift {high}"
    headline(ax, finding, f"Darker: larger lift, from {low} to {high}{_left_out(every, rules)}")
    return ax


def draw_rule_network(rules: Rules, *, k: int = 15, by: str = "lift", ax: Axes | None = None) -> Axes:
    """Draw the strongest rules as a network: arrows lead from the items of an antecedent over a dot to the consequent.

    Parameters
    ----------
    rules
        From ``rules.association_rules`` or ``rules.mine_rules``.
    k
        How many rules to draw, up to 200.
    by
        The measure that makes them strong. Rules for which it is not defined are left out.
    ax
        Axes to draw on; None for a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The axes drawn on. A dot is a rule, the darker the larger the measure, the larger the more baskets have all
        items. The places come from forces between the points [1]_ and are the same in every run.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ParameterError
        If k is below 1 or above 200, or there is no such measure.

    References
    ----------
    .. [1] Fruchterman, T. M. J., Reingold, E. M. (1991). Graph drawing by force-directed placement. Software: Practice
       and Experience 21(11), 1129-1164.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from growthkit import rules
    >>> from growthkit.plotting.rules import draw_rule_network
    >>> baskets = rules.Baskets.from_lists([["bread", "milk"]] * 4 + [["bread"], ["milk"], ["tea"], ["tea", "milk"]])
    >>> found = rules.mine_rules(baskets, min_support=1)
    >>> ax = draw_rule_network(found, k=2, ax=Figure(figsize=(9, 6)).subplots())
    >>> print(ax.get_title(loc="left"))
    The strongest rule: bread → milk, lift 1.07
    """
    (ax,) = canvas(ax, size=SHEET)
    k = Params("draw_rule_network").whole("k", k, low=1, high=MOST_IN_NETWORK)
    best = _with_value(rules.strongest(k, by=by), by)
    if not len(best):
        return _nothing(ax, rules)
    name, values = by.replace("_", " "), best.measure(by)
    headline(ax, _strongest(best, name, values), _legend(best, len(rules), name))
    _draw_network(ax, best, values)
    return ax


def _draw_network(ax: Axes, best: Rules, values: FloatArray) -> None:
    left, right = best.antecedents, best.consequents
    items = np.unique(np.concatenate((left.codes, right.codes)))
    into = np.column_stack((np.searchsorted(items, left.codes), items.size + left.row_numbers()))
    out = np.column_stack((items.size + right.row_numbers(), np.searchsorted(items, right.codes)))
    labels = [short(str(label)) for label in best.baskets.items.decode(items).tolist()]
    size = best.measure("support")
    area = 40 + 260 * size / (float(size.max()) or 1.0)
    half = _half_sizes(labels, area)
    sheet = _sheet(ax)
    places = _parted(_laid_out(len(half), np.concatenate((into, out)).astype(np.int64)), half, sheet)
    _draw_arrows(ax, places, half, into, out)
    dots = places[items.size :]
    ax.scatter(dots[:, 0], dots[:, 1], s=area, c=_shades(values), cmap=ramp(), vmin=0, vmax=1, zorder=3, lw=0)
    for place, label in zip(places, labels, strict=False):
        box = {"boxstyle": "round,pad=0.25", "facecolor": "white", "edgecolor": PALE}
        write(ax, float(place[0]), float(place[1]), label, ha="center", zorder=4, bbox=box, color=INK)
    ax.set_xlim(0, sheet[0])
    ax.set_ylim(0, sheet[1])


def _sheet(ax: Axes) -> FloatArray:
    """Take all but the headline away from the axes, and return their width and height in inches, which become units."""
    bare(ax)
    ax.set_xticks([])
    ax.set_yticks([])
    figure = ax.get_figure(root=True)
    if figure is None:
        return np.array(SHEET)
    figure.draw_without_rendering()  # only then has a layout been made
    return np.array(ax.get_window_extent().size) / figure.dpi


def _half_sizes(labels: list[str], area: FloatArray) -> FloatArray:
    """Return half the width and height, in inches, of the labels and of the dots of so many square points."""
    boxes = [(sum(map(_letter, label)) / 2 + LABEL_SIDES, LABEL_HEIGHT / 2) for label in labels]
    radius = np.sqrt(area / math.pi) / 72
    return np.concatenate((np.array(boxes), np.column_stack((radius, radius))))


def _letter(letter: str) -> float:
    if unicodedata.east_asian_width(letter) in "WF":
        return WIDE
    return CAPITAL if letter.isupper() else LETTER


def _strongest(best: Rules, name: str, values: FloatArray) -> str:
    value = float(values[0])
    return f"The strongest rule: {_sentence(best, 0)}, {name} {'without end' if value == math.inf else figure(value)}"


def _legend(best: Rules, n: int, name: str) -> str:
    shown = f"{count(len(best))} of {count(n)} rules" if len(best) < n else f"All {count(n)} rules"
    return f"{shown}, a dot each. Darker: larger {name}; larger: more baskets"


def _sentence(rules: Rules, row: int) -> str:
    """Return a rule in words, such as "bread and tea → milk"."""
    sides: list[str] = []
    for sets in (rules.antecedents, rules.consequents):
        codes = sets.codes[sets.indptr[row] : sets.indptr[row + 1]]
        sides.append(joined(short(str(label)) for label in rules.baskets.items.decode(codes).tolist()))
    return f"{sides[0]} → {'no ' if rules.negative else ''}{sides[1]}"


def _with_value(rules: Rules, measure: str) -> Rules:
    """Return the rules for which a measure is defined."""
    return rules.take(~np.isnan(rules.measure(measure)))


def _left_out(every: Rules, drawn: Rules) -> str:
    n = len(every) - len(drawn)
    return f". {count(n)} without baskets of one side left out" if n else ""


def _nothing(ax: Axes, rules: Rules) -> Axes:
    bare(ax)
    ax.set_xticks([])
    ax.set_yticks([])
    if len(rules):
        headline(
            ax, "No rule can be drawn", "Their measure is not defined: one side is in no basket, or in all of them"
        )
    else:
        headline(ax, "There is no rule", "Lower the thresholds")
    return ax


def _shades(values: FloatArray) -> FloatArray:
    """Return a place on the ramp for each value: by its logarithm where all are positive, infinite ones darkest."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return np.ones(values.size)
    scaled = np.clip(np.nan_to_num(values, nan=finite.min()), finite.min(), finite.max())
    if finite.min() > 0:
        scaled = np.log(scaled)
    width = float(np.ptp(scaled))
    return np.ones(values.size) if width == 0 else LIGHTEST + (1 - LIGHTEST) * (scaled - scaled.min()) / width


def _dot(n: int) -> float:
    """Return the area of a point: smaller where there are many."""
    return float(np.clip(6_000 / n, 8, 60))


def _share_axes(ax: Axes, support: FloatArray) -> None:
    positive = support[support > 0]
    if positive.size and float(positive.max() / positive.min()) > WIDE_SPAN:
        ax.set_xscale("log", subs=[])
        ax.xaxis.set_major_locator(_ticks())
    ax.xaxis.set_major_formatter(lambda x, _: share(x))
    ax.yaxis.set_major_formatter(lambda y, _: share(y))


def _ticks() -> Any:
    from matplotlib.ticker import LogLocator

    return LogLocator(subs=(1, 2, 5))


def _draw_arrows(ax: Axes, places: FloatArray, half: FloatArray, into: AnyArray, out: AnyArray) -> None:
    for pairs, style, color in ((into, "-", PALE), (out, "-|>", BLUE)):
        look = {"arrowstyle": style, "color": color, "linewidth": 1.2, "shrinkA": 0, "shrinkB": 1}
        for start, end in pairs.tolist():
            way = places[end] - places[start]
            left, reached = (_part_inside(way, half[point]) for point in (start, end))
            if left + reached < 1:  # else they overlap
                ends = places[start] + left * way, places[end] - reached * way
                ax.annotate("", xy=tuple(ends[1]), xytext=tuple(ends[0]), arrowprops=look)


def _part_inside(way: FloatArray, half: FloatArray) -> float:
    """Return what part of a way from the middle of a box lies inside the box."""
    reach = float((np.abs(way) / half).max())
    return 1 / reach if reach > 1 else 1.0


def _laid_out(n: int, edges: Int64Array) -> FloatArray:
    """Return places for n points: all push each other away, those that share an edge pull, with less and less haste."""
    turn = 2 * math.pi * np.arange(n) * 0.381966  # the golden angle spreads neighbours in number
    places = np.sqrt(np.arange(n) + 0.5)[:, None] * np.column_stack((np.cos(turn), np.sin(turn)))
    for step in range(STEPS):
        apart = places[:, None] - places
        distance = np.sqrt((apart**2).sum(axis=2)) + 1e-9
        move = (apart / distance[:, :, None] ** 2).sum(axis=1)
        pull = places[edges[:, 1]] - places[edges[:, 0]]
        pull *= np.sqrt((pull**2).sum(axis=1))[:, None]
        np.add.at(move, edges[:, 0], pull)
        np.add.at(move, edges[:, 1], -pull)
        move -= TO_THE_MIDDLE * places
        length = np.sqrt((move**2).sum(axis=1))[:, None] + 1e-9
        places = places + move / length * np.minimum(length, 0.5 * (1 - step / STEPS))
    return places


def _parted(places: FloatArray, half: FloatArray, sheet: FloatArray) -> FloatArray:
    """Return places in inches on a sheet, moved until labels and dots do not overlap, where there is room for that.

    Half of a place is its rank, which spreads crowds over the sheet. The gap to keep shrinks to nothing on the way.
    """
    low, width = places.min(axis=0), np.ptp(places, axis=0)
    ranks = places.argsort(axis=0, kind="stable").argsort(axis=0) / (len(places) - 1)
    edge = np.minimum(half + GAP / 2, sheet / 2)
    spots = edge + ((places - low) / np.where(width > 0, width, 1) + ranks) / 2 * (sheet - 2 * edge)
    order = np.sign(np.subtract.outer(np.arange(len(spots)), np.arange(len(spots))))  # parts what lies on one place
    for step in range(STEPS):
        apart = spots[:, None] - spots
        overlap = half[:, None] + half + GAP * (1 - step / STEPS) - np.abs(apart)
        meet = (overlap > 0).all(axis=2)
        np.fill_diagonal(meet, False)
        if not meet.any():
            break
        sign = np.where(apart == 0, order[..., None], np.sign(apart))
        least = np.arange(2) == overlap.argmin(axis=2)[..., None]
        spots = spots + 0.4 * (sign * overlap * (least & meet[..., None])).sum(axis=1)
        spots = np.clip(spots, edge, sheet - edge)
    return spots
