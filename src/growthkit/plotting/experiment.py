"""Pictures of experiments."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .._core.params import Params
from ..typing import FloatArray
from ._rows import MOST, Rows, draw_rows, draw_texts, room_for, room_for_texts, window_of
from ._style import BLUE, MUTED, ORANGE, canvas, headline, ticks
from ._words import capital, count, figure, joined, p_text, share, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..experiment.decision import Decision
    from ..experiment.heterogeneity import Heterogeneity
    from ..experiment.readout import Readout

__all__ = ["draw_decision", "draw_heterogeneity", "draw_readout"]

SMALLEST = 1e-8
"""The smallest p-value that has a place of its own."""

COLOURS = {"ship": BLUE, "keep": ORANGE, "wait": MUTED}


def draw_readout(readout: Readout, *, ax: Axes | None = None, segment: str = "all", metric: str | None = None) -> Axes:
    """Draw relative effects with their intervals: all metrics of one segment, or all segments of one metric.

    Parameters
    ----------
    readout
        From ``experiment.readout``.
    ax
        Axes to draw on; None for a new figure.
    segment
        The segment whose metrics are drawn.
    metric
        A metric whose segments are drawn instead.

    Returns
    -------
    matplotlib.axes.Axes
        The axes drawn on. Blue: better after correction; orange: worse; grey: undecided. Ends that are infinite or far
        away are arrows.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ParameterError
        If there is no such segment or metric.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from matplotlib.figure import Figure
    >>> from growthkit.experiment.metrics import Metric
    >>> from growthkit.experiment.readout import readout
    >>> from growthkit.plotting.experiment import draw_readout
    >>> log = pd.DataFrame({"variant": ["a", "b"] * 2000, "spend": np.random.default_rng(2).normal(10, 2, 4000)})
    >>> log["spend"] += 0.5 * (log["variant"] == "b")
    >>> result = readout(log, control="a", metrics=[Metric.mean("spend")])
    >>> ax = draw_readout(result, ax=Figure(figsize=(9, 4)).subplots())
    >>> print(ax.get_title(loc="left"))
    b: spend +5.3%
    """
    names, table, signs = _chosen(readout, segment, metric)
    rows = _rows(readout, names, table, signs)
    (ax,) = canvas(ax, size=(9.4, room_for(len(rows.names))[1]))
    window = window_of(rows.estimate, rows.lower, rows.upper, 0.0)
    draw_rows(ax, rows, window)
    marks = [mark for mark in ax.get_xticks().tolist() if window[0] <= mark <= window[1]]
    ticks(ax, "x", marks, [f"{mark:+.1%}" if mark else "0" for mark in marks], color=MUTED)
    headline(ax, _finding(readout), _detail(readout, segment, metric))
    return ax


def draw_decision(result: Decision, *, ax: Axes | None = None) -> Axes:
    """Write what to do with each variant, and why.

    Parameters
    ----------
    result
        From ``Readout.decision``.
    ax
        Axes to write on; None for a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The axes written on, without scales: variant, decision, reasons.

    Raises
    ------
    ImportError
        If matplotlib is not installed.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from matplotlib.figure import Figure
    >>> from growthkit.experiment import Metric, readout
    >>> from growthkit.plotting import draw_decision
    >>> log = pd.DataFrame({"variant": ["a", "b"] * 2000, "spend": np.random.default_rng(2).normal(10, 2, 4000)})
    >>> log["spend"] += 0.5 * (log["variant"] == "b")
    >>> result = readout(log, control="a", metrics=[Metric.mean("spend")]).decision()
    >>> ax = draw_decision(result, ax=Figure(figsize=(9, 3)).subplots())
    >>> print(ax.get_title(loc="left"))
    Ship b
    """
    names = [str(name) for name in result.variants]
    reasons = ["\n".join(told) for told in result.reasons]
    rows = [
        (name, action, COLOURS[action], text) for name, action, text in zip(names, result.actions, reasons, strict=True)
    ]
    (ax,) = canvas(ax, size=room_for_texts(reasons))
    draw_texts(ax, rows)
    groups = {word: [short(name) for name, action, *_ in rows if action == word] for word in COLOURS}
    told = {"ship": "ship {}", "keep": "keep the control against {}", "wait": "wait for {}"}
    parts = [told[word].format(joined(group)) for word, group in groups.items() if group]
    headline(ax, capital("; ".join(parts)), "Variant, decision, and the reasons, the deciding ones first")
    return ax


def draw_heterogeneity(result: Heterogeneity, *, ax: Axes | None = None) -> Axes:
    """Draw how unlikely the differences of the effect between segments are, one row a test.

    Parameters
    ----------
    result
        From ``heterogeneity``.
    ax
        Axes to draw on; None for a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The axes drawn on: adjusted p-values, small ones at the right; those up to the readout's level are blue. Of more
        than 30 rows those with the smallest are drawn.

    Raises
    ------
    ImportError
        If matplotlib is not installed.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from matplotlib.figure import Figure
    >>> from growthkit.experiment import Metric, heterogeneity, readout
    >>> from growthkit.plotting import draw_heterogeneity
    >>> log = pd.DataFrame({"variant": np.tile(["a", "b"], 2000), "device": np.repeat(["app", "web"], 2000)})
    >>> log["spend"] = np.random.default_rng(3).normal(10, 3, 4000)
    >>> log["spend"] += (log["variant"] == "b") & (log["device"] == "app")
    >>> result = heterogeneity(readout(log, control="a", metrics=[Metric.mean("spend")], segments="device"))
    >>> ax = draw_heterogeneity(result, ax=Figure(figsize=(9, 4)).subplots())
    >>> print(ax.get_title(loc="left"))
    The effect differs between segments: spend by device
    """
    order = np.sort(np.argsort(result.p_adjusted, kind="stable")[:MOST])
    names = _test_names(result)
    p = result.p_adjusted[order]
    powers = -np.log10(np.maximum(p, SMALLEST))
    spread = "share of the control" if result.scale == "relative" else "units of the metric"
    told = share if result.scale == "relative" else figure
    texts = [
        f"p {p_text(one)}, spread {told(wide)}" if np.isfinite(one) else "no test"
        for one, wide in zip(p.tolist(), result.spread[order].tolist(), strict=True)
    ]
    colours = [BLUE if one <= result.alpha else MUTED for one in p.tolist()]
    (ax,) = canvas(ax, size=room_for(len(order)))
    top = max(2.0, float(np.nanmax(powers, initial=0.0)))
    drawn = Rows([names[i] for i in order.tolist()], powers, np.zeros(p.size), powers, colours, texts)
    draw_rows(ax, drawn, (-0.04 * top, 1.06 * top), at=-float(np.log10(result.alpha)))
    marks = np.arange(0, top + 0.5, 2 if top > 4 else 1)
    ticks(ax, "x", marks.tolist(), [f"{10**-mark:g}" for mark in marks.tolist()], color=MUTED)
    different = [name for name, p in zip(names, result.p_adjusted.tolist(), strict=True) if p <= result.alpha][:3]
    finding = f"The effect differs between segments: {joined(different)}" if different else "No difference is shown"
    detail = (
        f"Adjusted p of equal {result.scale} effects in all segments, line at {result.alpha:.3g}; spread in {spread}"
    )
    left_out = f"; {MOST} of {count(result.p_value.size)} tests" if result.p_value.size > MOST else ""
    headline(ax, finding, detail + left_out)
    return ax


def _chosen(readout: Readout, segment: str, metric: str | None) -> tuple[list[str], FloatArray, list[int]]:
    """Return the names of the rows, their effects (change, low, high, adjusted p) and which way is good."""
    params, effects = Params("draw_readout"), readout.effects
    parts = (effects.relative, effects.relative_lower, effects.relative_upper, readout.p_adjusted)
    metrics = list(readout.metrics)
    if metric is not None:
        place = metrics.index(params.one_of("metric", metric, metrics))
        signs = [readout.metrics[metric].sign] * len(readout.segments)
        return list(readout.segments), np.stack([part[place] for part in parts]), signs
    place = readout.segments.index(params.one_of("segment", segment, readout.segments))
    return metrics, np.stack([part[:, place] for part in parts]), [one.sign for one in readout.metrics.values()]


def _test_names(result: Heterogeneity) -> list[str]:
    several = len(set(result.variant.tolist())) > 1
    rows = zip(result.metric.tolist(), result.column.tolist(), result.variant.tolist(), strict=True)
    return [f"{metric} by {column}{f', {variant}' if several else ''}" for metric, column, variant in rows]


def _rows(readout: Readout, names: list[str], table: FloatArray, signs: list[int]) -> Rows:
    """Return a row for each metric (or segment) and variant; the name stands at the first variant's."""
    several = len(readout.variants) > 1
    estimate, lower, upper, p = (part.ravel() for part in table)
    blank = [""] * (len(readout.variants) - 1)
    labels = [label for name in names for label in (name, *blank)]
    variants = [f"{variant}  " if several else "" for variant in readout.variants] * len(names)
    ways = np.repeat(signs, len(readout.variants)) * estimate
    decided = p <= 1 - readout.confidence
    colours = [(BLUE if way > 0 else ORANGE) if one else MUTED for way, one in zip(ways, decided, strict=True)]
    texts = [
        variant + _text(*ends)
        for variant, *ends in zip(variants, estimate.tolist(), lower.tolist(), upper.tolist(), strict=True)
    ]
    return Rows(labels, estimate, lower, upper, colours, texts)


def _text(change: float, low: float, high: float) -> str:
    if not np.isfinite(change):
        return "no estimate"
    interval = f"({_signed(low)} to {_signed(high)})" if not np.isnan(low) else "(no interval)"
    return f"{_signed(change)} {interval}"


def _signed(share: float) -> str:
    return f"{share:+.1%}" if np.isfinite(share) else ("unbounded" if share > 0 else "-unbounded")


def _finding(readout: Readout) -> str:
    """Say for each variant which primary metrics moved."""
    moved: list[str] = []
    for arm, variant in enumerate(readout.variants):
        told = [
            f"{name} {readout.effects.relative[place, 0, arm]:+.1%}"
            for place, (name, metric) in enumerate(readout.metrics.items())
            if metric.role == "primary" and readout.p_adjusted[place, 0, arm] <= 1 - readout.confidence
        ]
        moved += [f"{variant}: {', '.join(told)}"] if told else []
    return "; ".join(moved) or "No primary metric is decided"


def _detail(readout: Readout, segment: str, metric: str | None) -> str:
    shown = f"{metric} by segment" if metric is not None else ("" if segment == "all" else f"{segment}; ")
    units = f"{int(readout.counts[0].sum()):,} units"
    separator = "; " if shown and not shown.endswith("; ") else ""
    return (
        f"{shown}{separator}Change against {readout.control} with {readout.confidence:.0%} intervals, {units}. "
        "Blue: better after correction, orange: worse, grey: undecided"
    )
