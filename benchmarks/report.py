"""Ratios of one run as markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any

from .contest import OURS

__all__ = ["as_markdown", "ratios"]

MEBIBYTE = 2**20
SMALL_MEMORY = MEBIBYTE
"""Below this a peak is noise, and no ratio is formed."""

HOW = """\
Ratios are peer / growthkit: above 1 growthkit is faster, or needs less. Each was measured in one run, in turn within
one process, on equal answers: *time* and *CPU* are the medians of the turns' ratios, with the smallest and the largest;
*memory* compares the peaks of one call above its input. Seconds and megabytes are there for scale only. *First call* is
that of a fresh process; *nothing cached* includes compiling.
"""


def ratios(case: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return by peer the ratios of a measured case: "time" and "cpu" as (median, low, high), "memory" as a number."""
    ours = case["contenders"][OURS]
    return {name: _against(ours, theirs) for name, theirs in case["contenders"].items() if name != OURS}


def _against(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, clock in (("time", "wall"), ("cpu", "cpu")):
        turns = [b / a for a, b in zip(ours.get(clock, ()), theirs.get(clock, ()), strict=False) if a > 0]
        if turns:
            found[key] = (median(turns), min(turns), max(turns))
    if min(ours.get("peak_bytes", 0), theirs.get("peak_bytes", 0)) >= SMALL_MEMORY:
        found["memory"] = theirs["peak_bytes"] / ours["peak_bytes"]
    return found


def as_markdown(area: str, run: Mapping[str, Any]) -> str:
    """Return the report of one area."""
    cases = [case for case in run["cases"] if case["area"] == area]
    parts = [f"# Benchmark: {area}", HOW, _setting(run), "## Ratios", _ratio_table(cases)]
    parts += ["## For scale", _scale_table(cases), *_left_out(cases)]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _setting(run: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in run["versions"].items())
    threads = "1 thread" if run["threads"] == 1 else f"{run['threads']} threads"
    return f"{threads} of {run['cores']} cores; Python {run['python']}; {versions}."


def _ratio_table(cases: Iterable[Mapping[str, Any]]) -> str:
    rows: list[Sequence[str]] = []
    for case in cases:
        for name, found in ratios(case).items():
            memory = f"{found['memory']:.1f}" if "memory" in found else "-"
            rows.append((case["name"], name, _spread(found.get("time")), _spread(found.get("cpu")), memory))
    return _table(("case", "peer", "time", "CPU", "memory"), rows) if rows else "No peers."


def _spread(ratio: tuple[float, float, float] | None) -> str:
    return "-" if ratio is None else f"**{ratio[0]:.2f}** ({ratio[1]:.2f} to {ratio[2]:.2f})"


def _scale_table(cases: Iterable[Mapping[str, Any]]) -> str:
    head = ("case", "contender", "median", "fastest", "CPU", "first call", "first call, nothing cached", "peak memory")
    return _table(
        head, [_scale_row(case["name"], name, one) for case in cases for name, one in case["contenders"].items()]
    )


def _scale_row(case: str, name: str, one: Mapping[str, Any]) -> Sequence[str]:
    wall, cpu = one.get("wall"), one.get("cpu")
    return (
        case,
        name,
        _seconds(median(wall) if wall else None),
        _seconds(min(wall) if wall else None),
        _seconds(median(cpu) if cpu else None),
        _seconds(one.get("first_call")),
        _seconds(one.get("first_call_nothing_cached")),
        f"{one['peak_bytes'] / MEBIBYTE:,.1f} MB" if "peak_bytes" in one else "-",
    )


def _seconds(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return f"{seconds * 1000:.3g} ms" if seconds < 1 else f"{seconds:.2f} s"


def _left_out(cases: Iterable[Mapping[str, Any]]) -> list[str]:
    absent = [f"- {case['name']}: {', '.join(case['not_installed'])}" for case in cases if case["not_installed"]]
    return ["## Not installed, so not run", "\n".join(absent)] if absent else []


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
