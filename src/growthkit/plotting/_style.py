"""The one look of all pictures: colours, headlines, bare axes. It sets artists, never matplotlib's settings."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..exceptions import ParameterError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap

__all__ = [
    "BLUE",
    "FAINT",
    "INK",
    "MUTED",
    "ORANGE",
    "PALE",
    "bare",
    "canvas",
    "fill",
    "headline",
    "ramp",
    "ticks",
    "write",
]

INK = "#1f2933"
MUTED = "#61707f"
FAINT = "#dfe5eb"
PALE = "#b4c0cc"
BLUE = "#1b5e9b"
ORANGE = "#d9731a"
"""Blue and orange stay apart for every common kind of colour blindness; the rest are greys."""

RAMP = ("#f1f5f9", "#a9c8e4", "#4b8bc2", "#1b5e9b", "#0d3b66")
TITLE_SIZE = 12.0
TEXT_SIZE = 9.0
LETTER = 0.55
BOLD_LETTER = 0.58
"""Mean width of a letter, as a share of the size of the font."""


def canvas(given: Any, n: int = 1, *, size: tuple[float, float]) -> list[Axes]:
    """Return `n` axes to draw on: those given, or the panels, side by side, of a new figure of `size` inches."""
    if given is None:
        figure, axes = _pyplot().subplots(1, n, figsize=size, layout="constrained", squeeze=False, facecolor="white")
        figure.get_layout_engine().set(w_pad=0.15, h_pad=0.15, wspace=0.04)
        return [_on_white(ax) for ax in axes[0]]
    axes = np.ravel(np.asarray(given, dtype=object))
    if axes.size != n:
        raise ParameterError(f"growthkit.plotting: this picture needs {n} axes, got {axes.size}.")
    return list(axes)


def headline(ax: Axes, finding: str, detail: str) -> None:
    """Write the finding as the title, and what is drawn below it in grey, both broken to the width of the axes."""
    below = fill(ax, detail)
    ax.annotate(
        below,
        xy=(0, 1),
        xytext=(0, 8),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize=TEXT_SIZE,
        color=MUTED,
        linespacing=1.25,
        parse_math=False,
    )
    height = 1.3 * TEXT_SIZE * (below.count("\n") + 1)
    above = fill(ax, finding, TITLE_SIZE * BOLD_LETTER)
    ax.set_title(
        above, loc="left", pad=height + 14, fontsize=TITLE_SIZE, fontweight="bold", color=INK, parse_math=False
    )


def bare(ax: Axes, *, grid: str | None = None) -> None:
    """Take frame and tick marks away; `grid` ("x" or "y") leaves faint lines across that axis."""
    for spine in ax.spines.values():
        spine.set_visible(False)
    ax.tick_params(length=0, labelsize=TEXT_SIZE, labelcolor=MUTED)
    ax.set_axisbelow(True)
    if grid == "x":
        ax.grid(axis="x", color=FAINT, linewidth=0.8)
    if grid == "y":
        ax.grid(axis="y", color=FAINT, linewidth=0.8)


def ticks(ax: Axes, axis: str, places: Sequence[float], labels: Sequence[str], **look: Any) -> None:
    """Label places of the "x" or "y" axis with texts, taken literally (a dollar sign starts no formula)."""
    (ax.xaxis if axis == "x" else ax.yaxis).set_ticks(places, labels, parse_math=False, **look)


def write(ax: Axes, x: float, y: float, text: str, **look: Any) -> None:
    """Write a text, taken literally, at a place in the units of the data."""
    usual: dict[str, Any] = {"fontsize": TEXT_SIZE, "color": INK, "va": "center", "parse_math": False}
    ax.text(x, y, text, **(usual | look))


def fill(ax: Axes, text: str, letter: float = TEXT_SIZE * LETTER, *, part: float = 1.0) -> str:
    """Break a text to the width of the axes, or a part of it, for letters of so many points."""
    figure = ax.get_figure(root=True)
    inches = 6.0 if figure is None else figure.get_figwidth() * ax.get_position().width
    width = max(12, int(part * inches * 72 / letter))
    return "\n".join(textwrap.fill(line, width) for line in text.splitlines())


def ramp() -> Colormap:
    """Return the colours from little (almost white) to much (deep blue)."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("growthkit", RAMP).with_extremes(bad="white")


def _pyplot() -> Any:
    try:
        from matplotlib import pyplot
    except ImportError as missing:
        raise ImportError(
            "growthkit.plotting: needs the package 'matplotlib', which is not installed; "
            "install it with: pip install 'growthkit[plot]'",
            name="matplotlib",
        ) from missing
    return pyplot


def _on_white(ax: Axes) -> Axes:
    ax.set_facecolor("white")
    return ax
