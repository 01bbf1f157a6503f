"""Pictures of plans: sizes, power, days, and what a design did in simulation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .._core.params import Params
from ..typing import AnyArray, FloatArray
from ._rows import MOST, Rows, draw_bars, draw_rows, first_of, room_for, told
from ._style import BLUE, INK, MUTED, ORANGE, bare, canvas, headline
from ._words import capital, count, ends, figure, number, share

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..experiment.planning import Duration, SamplePlan
    from ..experiment.simulation import Simulation

__all__ = ["draw_duration", "draw_sample_plan", "draw_simulation"]

ANSWERS = {"sample_size": "n_total", "power": "power", "effect": "effect"}

WORDS = {
    "n_total": "Units in all arms",
    "power": "Power",
    "effect": "True effect",
    "baseline": "Baseline",
    "alpha": "Alpha",
}

ROUNDING = 0.02
"""Power of plans for one power differs by no more than this, units being whole."""


def draw_sample_plan(result: SamplePlan, *, ax: Axes | None = None) -> Axes:
    """Draw what was asked for over what varies between the plans; one plan as the units of each arm.

    Parameters
    ----------
    result
        From ``sample_size``, ``power`` or ``minimum_detectable_effect``.
    ax
        Axes to draw on; None for a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The axes drawn on: a curve where one thing varies, else bars, of which the first 30 are drawn.

    Raises
    ------
    ImportError
        If matplotlib is not installed.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from growthkit.experiment import power
    >>> from growthkit.plotting import draw_sample_plan
    >>> plan = power(0.10, effect=0.02, n_control=[2000, 4000, 8000])
    >>> ax = draw_sample_plan(plan, ax=Figure(figsize=(9, 5)).subplots())
    >>> print(ax.get_title(loc="left"))
    Power 52% at 4,000 units in all arms, 98% at 16,000
    """
    columns, answer = result.columns(), ANSWERS[result.solved]
    varied = [name for name in WORDS if name != answer and _varies(columns[name], name)]
    if columns["power"].size == 1:
        return _draw_arms(ax, result, columns)
    if len(varied) == 1 and np.isfinite(columns[answer].astype(np.float64)).any():
        return _draw_curve(ax, result, columns, varied[0], answer)
    names = [_told_plan(columns, varied, place) for place in range(min(columns["power"].size, MOST))]
    values = columns[answer][:MOST].astype(np.float64)
    (ax,) = canvas(ax, size=room_for(values.size))
    draw_bars(ax, names, values, [_word(answer, value) for value in values.tolist()], BLUE)
    headline(ax, WORDS[answer], f"{result.method}{first_of(columns['power'].size, 'plans')}")
    return ax


def draw_duration(result: Duration, *, ax: Axes | None = None) -> Axes:
    """Draw how many days each plan takes.

    Parameters
    ----------
    result
        From ``duration``.
    ax
        Axes to draw on; None for a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The axes drawn on. Thin lines are weeks. Of more than 30 plans the first are drawn.

    Raises
    ------
    ImportError
        If matplotlib is not installed.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from growthkit.experiment import duration
    >>> from growthkit.plotting import draw_duration
    >>> ax = draw_duration(duration(7682, traffic=[400, 400, 400, 450, 500, 750, 700]), ax=Figure().subplots())
    >>> " ".join(ax.get_title(loc="left").split())
    '21 days for 7,682 units'
    """
    columns = result.columns()
    days, n, expected = (columns[name].astype(np.float64) for name in ("days", "n_total", "n_expected"))
    texts = [
        f"{count(one)} days, {count(units)} units enter" if np.isfinite(one) else "more than a hundred years"
        for one, units in zip(days[:MOST].tolist(), expected[:MOST].tolist(), strict=True)
    ]
    (ax,) = canvas(ax, size=room_for(len(texts)))
    draw_bars(ax, [f"{count(units)} units" for units in n[:MOST].tolist()], days[:MOST], texts, BLUE)
    longest = float(np.nan_to_num(days[:MOST]).max())
    if longest <= 7 * MOST:
        ax.vlines(np.arange(7, longest, 7), *ax.get_ylim(), color="white", linewidth=1)
    detail = f"{number(float(columns['per_week'][0]))} units a week{'' if days.size == 1 else ' for the first'}"
    headline(ax, _time(days, n), f"{detail}; {result.method}{first_of(days.size, 'plans')}")
    return ax


def draw_simulation(result: Simulation, *, ax: Axes | None = None, level: float | None = None) -> Axes:
    """Draw how often a design erred, with intervals for the number of runs, against the nominal level.

    Parameters
    ----------
    result
        From ``simulate``.
    ax
        Axes to draw on; None for a new figure.
    level
        The nominal rate of errors, such as 0.05, which false positives and coverage are held against; None for that of
        the design.

    Returns
    -------
    matplotlib.axes.Axes
        The axes drawn on. Dark strokes are nominal values; rates whose interval lies on their wrong side are orange.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ParameterError
        If `level` is not between 0 and 1.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from growthkit.experiment.simulation import Population, Trial, simulate
    >>> from growthkit.plotting import draw_simulation
    >>> naive = Trial(population=Population.bernoulli(0.1), n_control=10_000, rule="naive", looks=10)
    >>> ax = draw_simulation(simulate(naive, 2_000, rng=1), ax=Figure(figsize=(9, 5)).subplots())
    >>> ax.get_title(loc="left").startswith("False positive rate 21%")
    True
    """
    level = result.alpha if level is None else Params("draw_simulation").number("level", level, above=0, below=1)
    shown = [place for place, name in enumerate(result.measures) if name != "exaggeration"]
    names = [result.measures[place] for place in shown]
    estimate, lower, upper = (part[shown] for part in (result.estimate, result.lower, result.upper))
    nominal = _nominal(names, level)
    wrong = [_is_wrong(*row) for row in zip(names, lower.tolist(), upper.tolist(), nominal.tolist(), strict=True)]
    colours = [ORANGE if one else BLUE for one in wrong]
    (ax,) = canvas(ax, size=room_for(len(names)))
    labels = [capital(name.replace("_", " ")) for name in names]
    draw_rows(ax, Rows(labels, estimate, lower, upper, colours, told(estimate, lower, upper, share)), (-0.02, 1.02))
    ax.vlines(nominal, np.arange(nominal.size) - 0.3, np.arange(nominal.size) + 0.3, color=INK, linewidth=1.5)
    ax.xaxis.set_ticks(np.linspace(0, 1, 5), [share(mark) for mark in np.linspace(0, 1, 5).tolist()], color=MUTED)
    finding = f"{labels[0]} {share(float(estimate[0]))} ({ends(float(lower[0]), float(upper[0]), share)})"
    headline(ax, finding, _runs(result))
    return ax


def _varies(values: AnyArray, name: str) -> bool:
    known = values[np.isfinite(values)].astype(np.float64)
    return known.size > 1 and float(np.ptp(known)) > (ROUNDING if name == "power" else 1e-12 * float(abs(known[0])))


def _word(name: str, value: float) -> str:
    return (
        count(value) if name == "n_total" and np.isfinite(value) else share(value) if name == "power" else figure(value)
    )


def _told_plan(columns: dict[str, AnyArray], varied: list[str], place: int) -> str:
    parts = [f"{name.replace('n_total', 'units')} {_word(name, float(columns[name][place]))}" for name in varied]
    return ", ".join(parts) or str(place)


def _draw_arms(ax: Axes | None, result: SamplePlan, columns: dict[str, AnyArray]) -> Axes:
    control, treatment = (float(columns[name][0]) for name in ("n_control", "n_treatment"))
    arms = min(result.arms, MOST)
    names = ["Control", *([f"Treatment {arm}" for arm in range(1, arms)] if arms > 2 else ["Treatment"])]
    lengths = np.array([control] + [treatment] * (arms - 1))
    (ax,) = canvas(ax, size=room_for(arms))
    draw_bars(ax, names, lengths, [f"{_word('n_total', n)} units" for n in lengths.tolist()], BLUE)
    effect, power = float(columns["effect"][0]), float(columns["power"][0])
    finding = f"{_word('n_total', float(columns['n_total'][0]))} units find an effect of {figure(effect)}"
    headline(ax, f"{finding} with power {share(power)}", f"{result.method}{first_of(result.arms, 'arms')}")
    return ax


def _draw_curve(ax: Axes | None, result: SamplePlan, columns: dict[str, AnyArray], over: str, answer: str) -> Axes:
    (ax,) = canvas(ax, size=(8.2, 4.8))
    order = np.argsort(columns[over], kind="stable")
    x, y = (columns[name][order].astype(np.float64) for name in (over, answer))
    known = np.isfinite(x) & np.isfinite(y)
    ax.plot(x[known], y[known], color=BLUE, linewidth=2, marker="o", markersize=4 if known.sum() <= MOST else 0)
    bare(ax, grid="y")
    _name_axes(ax, over, answer)
    if answer == "power":
        ax.set_ylim(0, 1.03)
    elif answer == "n_total":
        ax.set_ylim(0, 1.05 * float(y[known].max()))
    first, last = (np.flatnonzero(known)[[0, -1]]).tolist()
    ends_told = (f"{_word(answer, float(y[place]))} at {_word(over, float(x[place]))}" for place in (first, last))
    begin, end = ends_told
    headline(ax, f"{WORDS[answer]} {begin} {_unit(over)}, {end}", result.method)
    return ax


def _unit(over: str) -> str:
    return {"n_total": "units in all arms", "power": "power"}.get(over, f"of {WORDS[over].lower()}")


def _name_axes(ax: Axes, over: str, answer: str) -> None:
    ax.set_xlabel(WORDS[over], fontsize=10, color=MUTED, labelpad=8)
    ax.set_ylabel(WORDS[answer], fontsize=10, color=MUTED)
    for axis, name in ((ax.xaxis, over), (ax.yaxis, answer)):
        if name in ("n_total", "power"):
            axis.set_major_formatter(lambda mark, _, name=name: _word(name, mark))


def _time(days: FloatArray, n: FloatArray) -> str:
    if days.size == 1:
        takes = f"{count(float(days[0]))} days" if np.isfinite(days[0]) else "More than a hundred years"
        return f"{takes} for {count(float(n[0]))} units"
    known = days[np.isfinite(days)]
    if not known.size:
        return "All take more than a hundred years"
    return f"{count(float(known.min()))} to {count(float(known.max()))} days"


def _nominal(names: list[str], alpha: float) -> FloatArray:
    held = {"false_positive_rate": alpha, "coverage": 1 - alpha, "coverage_all_looks": 1 - alpha}
    return np.array([held.get(name, np.nan) for name in names])


def _is_wrong(name: str, low: float, high: float, nominal: float) -> bool:
    return high < nominal if name.startswith("coverage") else low > nominal


def _runs(result: Simulation) -> str:
    looks = "1 look" if result.shares.size == 1 else f"{result.shares.size} looks"
    detail = f"{count(result.n_runs)} runs, {looks}, {result.method}, true effect {figure(result.truth)}; "
    if "exaggeration" in result.measures:
        one = result["exaggeration"]
        low, high = float(np.asarray(one.lower)), float(np.asarray(one.upper))
        detail += (
            f"significant estimates are {figure(float(np.asarray(one.estimate)))} times the truth ({ends(low, high)}); "
        )
    return f"{detail}{share(result.confidence)} intervals"
