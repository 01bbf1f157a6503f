"""Pictures of recommenders: splits, metrics of models with their intervals, differences, and what reach costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from .._core.params import Params
from ..typing import AnyArray, FloatArray
from ._rows import MOST, Rows, draw_bars, draw_rows, first_of, room_for, rows_of, told, window_of
from ._style import BLUE, INK, MUTED, ORANGE, PALE, bare, canvas, headline, ticks
from ._words import LONGEST, capital, count, figure, p_text, share, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..recommend import Differences, Evaluation, ModelChoice, Split

__all__ = ["draw_choice", "draw_differences", "draw_evaluation", "draw_split", "draw_trade_off"]

SHOWN = ("coverage", "popularity_lift", "novelty", "diversity", "gini", "miscalibration")
"""Metrics of what is shown, in the order in which the picture of a trade-off looks for one."""

LINE = 0.048
"""Height of a line of names beside the points, as a share of the axes."""


def draw_split(split: Split, *, ax: Axes | None = None) -> Axes:
    """Draw the leakage report of a split.

    Parameters
    ----------
    split
        From ``recommend.split``.
    ax
        Axes to draw on; None for a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The axes drawn on: a bar a check, as long as its share. Orange: something that a reader must know.

    Raises
    ------
    ImportError
        If matplotlib is not installed.

    Examples
    --------
    >>> import pandas as pd
    >>> from matplotlib.figure import Figure
    >>> from growthkit import plotting
    >>> from growthkit.recommend import split
    >>> days = pd.date_range("2026-01-01", periods=5)
    >>> log = pd.DataFrame({"customer_id": [1, 2, 1, 2, 3], "item_id": [1, 2, 2, 1, 1], "timestamp": days})
    >>> ax = plotting.draw_split(split.by_time(log, "2026-01-03"), ax=Figure(figsize=(9, 4)).subplots())
    >>> print(ax.get_title(loc="left"))
    2 of 3 pairs of the test data can be found
    """
    columns = split.columns()
    (ax,) = canvas(ax, size=room_for(len(split.checks), 0.5))
    shares = np.nan_to_num(columns["share"].astype(np.float64))
    texts = [f"{count(check.n)} of {count(check.of)}" for check in split.checks]
    names = [check.code.replace("_", " ") for check in split.checks]
    draw_bars(ax, names, shares, texts, BLUE)
    for bar, check in zip(ax.patches, split.checks, strict=True):
        bar.set_facecolor(ORANGE if check.doubtful else BLUE)  # pyright: ignore[reportAttributeAccessIssue]
    finding = f"{count(split.count('reachable'))} of {count(len(split.test))} pairs of the test data can be found"
    headline(ax, finding, f"Leakage report of the split {split.method}; the rest is what leaks or cannot be found")
    return ax


def draw_evaluation(
    result: Evaluation, *, metric: str | None = None, k: int | None = None, ax: Axes | None = None
) -> Axes:
    """Draw one metric of all models with its intervals, the largest value on top.

    Parameters
    ----------
    result
        From ``evaluate``.
    metric, k
        Which measure; None for the first.
    ax
        Axes to draw on; None for a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The axes drawn on. Blue: the first. Intervals of two models may overlap and the models still be told apart: see
        the differences. Of more than 30 models the first are drawn.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ParameterError
        If the measure was not evaluated.

    Examples
    --------
    >>> import pandas as pd
    >>> from matplotlib.figure import Figure
    >>> from growthkit import plotting
    >>> from growthkit.recommend import Interactions, Popular, Split, evaluate
    >>> train = pd.DataFrame({"customer_id": [1, 2, 3, 3], "item_id": [1, 1, 2, 1]})
    >>> test = pd.DataFrame({"customer_id": [1, 2], "item_id": [2, 3]})
    >>> parts = Split.of(Interactions.from_frame(train), Interactions.from_frame(test))
    >>> ax = plotting.draw_evaluation(evaluate(Popular(), parts, rng=0), ax=Figure(figsize=(9, 4)).subplots())
    >>> print(ax.get_title(loc="left"))
    ndcg@10 of Popular: 0.5
    """
    name, length, table = _measure(result, metric, k)
    order = np.argsort(-np.nan_to_num(table["value"], nan=-np.inf), kind="stable")
    rows = _rows({column: values[order] for column, values in table.items()})
    (ax,) = canvas(ax, size=room_for(len(rows.names)))
    draw_rows(ax, rows, window_of(rows.estimate, rows.lower, rows.upper), at=None)
    interval = f"{share(result.confidence)} intervals ({result.ci})" if result.ci else "no intervals"
    left_out = first_of(len(result.models), "models")
    headline(
        ax,
        f"{name}@{length} of {short(rows.names[0])}: {figure(float(rows.estimate[0]))}",
        f"{name}@{length} of each model, {count(result.n_customers)} customers, {interval}{left_out}",
    )
    return ax


def draw_differences(result: Differences, *, ax: Axes | None = None) -> Axes:
    """Draw how much models differ, customer by customer: one row a comparison.

    Parameters
    ----------
    result
        From ``Evaluation.differences``.
    ax
        Axes to draw on; None for a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The axes drawn on. Blue: the adjusted p-value says that they differ. Of more than 30 comparisons the first are
        drawn.

    Raises
    ------
    ImportError
        If matplotlib is not installed.

    Examples
    --------
    >>> import pandas as pd
    >>> from matplotlib.figure import Figure
    >>> from growthkit import plotting
    >>> from growthkit.recommend import Interactions, Split, evaluate
    >>> customers = list(range(60))
    >>> train = Interactions.from_frame(pd.DataFrame({"customer_id": customers, "item_id": 0}))
    >>> test = Interactions.from_frame(pd.DataFrame({"customer_id": customers, "item_id": 1}))
    >>> lists = {
    ...     name: pd.DataFrame({"customer_id": customers, "item_id": [1] * n + [2] * (60 - n), "rank": 1})
    ...     for name, n in {"old": 20, "new": 40}.items()
    ... }
    >>> result = evaluate(lists, Split.of(train, test), metrics="recall", rng=0)
    >>> ax = plotting.draw_differences(result.differences(), ax=Figure(figsize=(9, 4)).subplots())
    >>> print(ax.get_title(loc="left"))
    1 of 1 comparisons are told apart
    """
    alpha = 1 - result.confidence
    columns = result.columns() | {"estimate": result.difference}
    several = len(set(zip(result.metric.tolist(), result.k.tolist(), strict=True))) > 1
    rows = rows_of(columns, _pairs(result, several), None)
    apart = (result.p_adjusted <= alpha)[: len(rows.names)]
    texts = [text + p for text, p in zip(rows.texts, _p_values(result), strict=False)]
    rows = rows._replace(colours=[BLUE if one else MUTED for one in apart.tolist()], texts=texts)
    names = rows.names
    two_lines = any("\n" in name for name in names)
    width, height = room_for(len(names), 0.48 if two_lines else 0.34)
    (ax,) = canvas(ax, size=(width + 1.4 * two_lines, height))
    draw_rows(ax, rows, window_of(rows.estimate, rows.lower, rows.upper, 0.0), at=0.0)
    ticks(ax, "y", list(range(len(names))), names, color=INK, fontsize=9.5, linespacing=1.1)
    _settle(ax)
    what = "" if several else f" of {result.metric[0]}@{result.k[0]}"
    n = result.metric.size
    headline(
        ax,
        f"{count(int((result.p_adjusted <= alpha).sum()))} of {count(n)} comparisons are told apart",
        f"Paired differences{what} with {share(result.confidence)} intervals, {count(result.n_customers)} customers; "
        f"p-values {_corrected(result)}{first_of(n, 'comparisons')}",
    )
    return ax


def draw_choice(choice: ModelChoice, *, axes: Sequence[Axes] | None = None) -> list[Axes]:
    """Draw the candidates by their metric, and how far each is from the popular items.

    Parameters
    ----------
    choice
        From ``compare_models``.
    axes
        Two axes to draw on; None for a new figure.

    Returns
    -------
    list of matplotlib.axes.Axes
        The axes drawn on. Blue: the choice.

    Raises
    ------
    ImportError
        If matplotlib is not installed.

    Examples
    --------
    >>> import warnings
    >>> import pandas as pd
    >>> from matplotlib.figure import Figure
    >>> from growthkit import plotting
    >>> from growthkit.recommend import Popular, compare_models
    >>> log = pd.DataFrame({"customer_id": [i // 3 for i in range(180)], "item_id": [i % 7 for i in range(180)]})
    >>> with warnings.catch_warnings(action="ignore"):
    ...     choice = compare_models(log, {"popular": Popular()}, k=2, rng=0)
    >>> axes = plotting.draw_choice(choice, axes=Figure(figsize=(12, 4)).subplots(1, 2))
    >>> print(axes[0].get_title(loc="left"))
    The choice is popular
    """
    width, height = room_for(len(choice.evaluation.models))
    left, right = canvas(axes, 2, size=(1.7 * width, height))
    table = choice.columns()
    chosen = [BLUE if one else MUTED for one in table["chosen"].tolist()]
    rows = _rows(table)._replace(colours=chosen)
    draw_rows(left, rows, window_of(rows.estimate, rows.lower, rows.upper), at=None)
    metric, k = choice.measure
    told_of = ", better than the popular items beyond chance"
    finding = f"The choice is {short(choice.best_name)}{'' if choice.best_name == choice.baseline else told_of}"
    headline(left, finding, f"{metric}@{k} on held-out data, {count(choice.evaluation.n_customers)} customers")
    gaps = _gaps(choice, table)
    draw_rows(right, gaps, window_of(gaps.estimate, gaps.lower, gaps.upper, 0.0), at=0.0)
    headline(
        right,
        f"Difference from {short(choice.baseline)}",
        f"Paired by customer, with {share(choice.evaluation.confidence)} intervals",
    )
    return [left, right]


def draw_trade_off(
    result: Evaluation, *, x: str | None = None, y: str | None = None, k: int | None = None, ax: Axes | None = None
) -> Axes:
    """Draw what is found against what is shown: accuracy over coverage, popularity or novelty, one point a model.

    Parameters
    ----------
    result
        From ``evaluate``, with a metric of each kind.
    x
        A metric of what is shown, such as "coverage"; None for the first of them that was evaluated.
    y
        A metric of what is found; None for the first.
    k
        Length of list; None where there is one.
    ax
        Axes to draw on; None for a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The axes drawn on, with intervals where there are any. Blue: the best by y.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ParameterError
        If a metric was not evaluated.

    Examples
    --------
    >>> import pandas as pd
    >>> from matplotlib.figure import Figure
    >>> from growthkit import plotting
    >>> from growthkit.recommend import Interactions, Popular, Split, evaluate
    >>> train = pd.DataFrame({"customer_id": [1, 2, 3, 3], "item_id": [1, 1, 2, 1]})
    >>> test = pd.DataFrame({"customer_id": [1, 2], "item_id": [2, 3]})
    >>> parts = Split.of(Interactions.from_frame(train), Interactions.from_frame(test))
    >>> result = evaluate(Popular(), parts, metrics=["ndcg", "coverage"], rng=0)
    >>> ax = plotting.draw_trade_off(result, ax=Figure(figsize=(9, 6)).subplots())
    >>> print(ax.get_title(loc="left"))
    Popular has the best ndcg@10 at a coverage of 0.5
    """
    params = Params("draw_trade_off")
    names = [name for name, _ in result.measures]
    shown = [name for name in SHOWN if name in names]
    found = [name for name in names if name not in SHOWN]
    if not shown or not found:
        params.refuse("result", f"an evaluation by one of {', '.join(SHOWN)} and a metric of what is found", names)
    across, up = (_measure(result, name, k) for name in (x or shown[0], y or found[0]))
    (ax,) = canvas(ax, size=(9.2, max(5.6, room_for(min(len(result.models), MOST + 1), 0.2)[1])))
    best = int(np.nanargmax(up[2]["value"])) if np.isfinite(up[2]["value"]).any() else 0
    shown_models = sorted({*range(min(len(result.models), MOST)), best})
    for place in shown_models:
        one, other = (
            {column: float(values[place]) for column, values in table.items() if column != "model"}
            for table in (across[2], up[2])
        )
        _point(ax, one, other, BLUE if place == best else MUTED)
    bare(ax, grid="y")
    ax.margins(0.08)
    names = [short(result.models[place]) for place in shown_models]
    x_of, y_of = (table["value"][shown_models] for table in (across[2], up[2]))
    _name_points(ax, x_of, y_of, names, [BLUE if place == best else MUTED for place in shown_models])
    ax.set_xlabel(f"{capital(across[0].replace('_', ' '))} of lists of {across[1]}", fontsize=10, color=MUTED)
    ax.set_ylabel(f"{up[0]}@{up[1]}", fontsize=10, color=MUTED)
    at = figure(float(across[2]["value"][best]))
    finding = f"{short(result.models[best])} has the best {up[0]}@{up[1]} at a {across[0].replace('_', ' ')} of {at}"
    _settle(ax)
    left_out = first_of(len(result.models), "models")
    headline(ax, finding, f"One point a model, {count(result.n_customers)} customers{left_out}")
    return ax


def _measure(result: Evaluation, metric: str | None, k: int | None) -> tuple[str, int, dict[str, AnyArray]]:
    """Return a measure and its rows of the table."""
    columns = result.columns()
    measures = [(name, length) for name, length in result.measures if metric in (None, name) and k in (None, length)]
    if not measures:
        listed = ", ".join(f"{name} (k={length})" for name, length in result.measures)
        Params("growthkit.plotting").refuse("metric", f"one of {listed}", metric if k is None else (metric, k))
    name, length = measures[0]
    chosen = (columns["metric"] == name) & (columns["k"] == length)
    wanted = ("model", "value", "lower", "upper")
    return name, length, {column: columns[column][chosen] for column in wanted}


def _rows(table: dict[str, AnyArray]) -> Rows:
    """Return the models of a table as rows to draw, the first of them blue."""
    rows = rows_of(table | {"estimate": table["value"]}, table["model"], None)
    return rows._replace(colours=[BLUE, *[MUTED] * (len(rows.names) - 1)])


def _pairs(result: Differences, several: bool) -> list[str]:
    """Return a name for each comparison, on one line if it is short, else each model on a line of its own."""
    columns = (result.model, result.baseline, result.metric, result.k)
    pairs = [
        ((f"{metric}@{k}: " if several else "") + short(model), short(base))
        for model, base, metric, k in zip(*(column.tolist() for column in columns), strict=True)
    ]
    return [model + (" - " if len(model + base) < LONGEST else "\n- ") + base for model, base in pairs]


def _corrected(result: Differences) -> str:
    return "not adjusted" if result.correction == "none" else f"adjusted by {capital(result.correction)}"


def _gaps(choice: ModelChoice, table: dict[str, AnyArray]) -> Rows:
    """Return the differences from the popular items as rows to draw, in the order of the table."""
    found = choice.differences
    ends = {} if found is None else dict(zip(found.model, zip(found.lower, found.upper, strict=True), strict=True))
    kept = np.array([name in ends for name in table["model"]], dtype=bool)
    names = [str(name) for name in table["model"][kept]]
    against: FloatArray = table["difference"][kept]
    lower, upper = (np.array([ends[name][side] for name in names], dtype=np.float64) for side in (0, 1))
    colours = [BLUE if one else MUTED for one in table["chosen"][kept].tolist()]
    return Rows(names, against, lower, upper, colours, told(against, lower, upper))


def _p_values(result: Differences) -> list[str]:
    """Return the adjusted p-values in words; resamples give none under a floor, so what stands there is below it."""
    signs = np.where(result.p_value <= result.p_floor * (1 + 1e-9), "< ", "")
    return [
        "" if np.isnan(p) else f", p {sign if p < 1 else ''}{p_text(p)}"
        for p, sign in zip(result.p_adjusted.tolist(), signs.tolist(), strict=True)
    ]


def _settle(ax: Axes) -> None:
    """Lay the figure out, so that headlines are broken to the width that names leave to the axes."""
    figure = ax.get_figure(root=True)
    engine = None if figure is None else figure.get_layout_engine()
    if figure is not None and engine is not None:
        engine.execute(figure)


def _name_points(ax: Axes, x: FloatArray, y: FloatArray, names: Sequence[str], colours: Sequence[str]) -> None:
    """Write names in a column beside the axes, in the order of their points and each on a line of its own."""
    low, high = ax.get_ylim()
    known = np.flatnonzero(np.isfinite(x + y))
    order = known[np.argsort(-y[known], kind="stable")]
    heights = _apart((y[order] - low) / (high - low), min(LINE, 1 / max(order.size, 1)))
    for place, height in zip(order.tolist(), heights.tolist(), strict=True):
        ax.annotate(
            str(names[place]),
            xy=(float(x[place]), float(y[place])),
            xytext=(1.02, height),
            textcoords="axes fraction",
            fontsize=9,
            color=colours[place],
            va="center",
            annotation_clip=False,
            parse_math=False,
            arrowprops={
                "arrowstyle": "-",
                "color": PALE,
                "linewidth": 0.6,
                "shrinkA": 1,
                "shrinkB": 5,
                "relpos": (0.0, 0.5),
            },
        )


def _apart(heights: FloatArray, least: float) -> FloatArray:
    """Move falling heights within 0 and 1 as little as keeps them `least` apart."""
    moved = heights.copy()
    for i in range(1, moved.size):
        moved[i] = min(moved[i], moved[i - 1] - least)
    for i in range(moved.size - 1, -1, -1):
        moved[i] = max(moved[i], 0.0 if i + 1 == moved.size else moved[i + 1] + least)
    return moved


def _point(ax: Axes, across: dict[str, float], up: dict[str, float], colour: str) -> None:
    x, y = across["value"], up["value"]
    if np.isfinite(up["lower"] + up["upper"]):
        ax.plot([x, x], [up["lower"], up["upper"]], color=colour, linewidth=1.6)
    if np.isfinite(across["lower"] + across["upper"]):
        ax.plot([across["lower"], across["upper"]], [y, y], color=colour, linewidth=1.6)
    ax.plot([x], [y], color=colour, marker="o", markersize=7)
