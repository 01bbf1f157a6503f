"""Looking often at `readout(sequential=...)`: false alarms of absolute and relative effects, and what peers do there.

Run as a program this prints the table of docs/methods/readout.md: ``python -m tests.experiment.test_peeking``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

from growthkit.experiment.confidence_sequence import ConfidenceSequence
from growthkit.experiment.group_sequential import GroupSequential
from growthkit.experiment.metrics import Metric
from growthkit.experiment.readout import readout
from growthkit.summaries import Moments

Draw = Callable[[np.random.Generator, int], dict[str, Any]]

ARMS = ("a", "b")


class Alarms(NamedTuple):
    """How many of the experiments without an effect were called different at some look, and how many there were."""

    absolute: int
    relative: int
    runs: int

    def __str__(self) -> str:
        share = np.array(self[:2]) / self.runs
        errors = np.sqrt(share * (1 - share) / self.runs)
        return " and ".join(f"{one:.1%} (± {error:.1%})" for one, error in zip(share, errors, strict=True))


def revenue(draws: np.random.Generator, n: int) -> dict[str, Any]:
    """5 % of units buy, for lognormal amounts."""
    return {"y": (draws.random(n) < 0.05) * draws.lognormal(0, 1.5, n)}


def ratio(draws: np.random.Generator, n: int) -> dict[str, Any]:
    """Clicks of views, more of them where there are fewer views."""
    views = draws.poisson(3, n) + 1
    return {"y": draws.binomial(views, draws.beta(2, 2 + views / 3)).astype(float), "views": views.astype(float)}


def looks(draw: Draw, n_looks: int, per_look: int, runs: int, seed: int) -> Iterator[Moments]:
    """Yield the moments by run and arm at each look, each that of the look before with the new units merged in."""
    draws = np.random.default_rng(seed)
    keys = {"run": np.repeat(np.arange(runs), 2 * per_look), "variant": np.tile(np.repeat(ARMS, per_look), runs)}
    total = None
    for _ in range(n_looks):
        values = draw(draws, 2 * runs * per_look)
        frame = pd.DataFrame(keys | values)
        new = Moments.from_frame(frame, by=["variant", "run"], variables=list(values))
        total = new if total is None else total.merge(new)
        yield total


def alarms(draw: Draw, metric: Metric, plan: Any, n_looks: int, per_look: int, runs: int, seed: int = 1) -> Alarms:
    """Count the runs in which an interval of a readout excludes 0 at one look at least."""
    called = np.zeros((2, runs), dtype=bool)
    for look, moments in enumerate(looks(draw, n_looks, per_look, runs, seed), start=1):
        sequential = (plan, look) if isinstance(plan, GroupSequential) else plan
        found = readout(
            moments, control="a", metrics=[metric], segments="run", sequential=sequential, correction="none"
        ).effects
        for place, (low, high) in enumerate(((found.lower, found.upper), (found.relative_lower, found.relative_upper))):
            called[place] |= ((low > 0) | (high < 0))[0, 1:, 0]
    return Alarms(int(called[0].sum()), int(called[1].sum()), runs)


CASES: dict[str, tuple[Draw, Metric, Any, int, int]] = {
    "revenue, confidence sequence, 50 looks": (revenue, Metric.mean("y"), ConfidenceSequence(target=10_000), 50, 100),
    "revenue, confidence sequence, 200 looks": (revenue, Metric.mean("y"), ConfidenceSequence(target=10_000), 200, 25),
    "ratio, confidence sequence, 50 looks": (
        ratio,
        Metric.ratio("y", "views"),
        ConfidenceSequence(target=2_000),
        50,
        20,
    ),
    "ratio, confidence sequence, 200 looks": (
        ratio,
        Metric.ratio("y", "views"),
        ConfidenceSequence(target=2_000),
        200,
        5,
    ),
    "revenue, group sequential, 50 looks": (revenue, Metric.mean("y"), GroupSequential(0.05, information=50), 50, 100),
    "ratio, group sequential, 50 looks": (
        ratio,
        Metric.ratio("y", "views"),
        GroupSequential(0.05, information=50),
        50,
        20,
    ),
    "ratio, group sequential, 200 looks": (
        ratio,
        Metric.ratio("y", "views"),
        GroupSequential(0.05, information=200),
        200,
        5,
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_holds_alpha(name: str) -> None:
    runs = 500
    found = alarms(*CASES[name], runs=runs)
    allowed = 0.05 + 3 * np.sqrt(0.05 * 0.95 / runs)
    assert found.absolute / runs <= allowed
    assert found.relative / runs <= allowed


def test_absolute_and_relative_alarm_together() -> None:
    found = alarms(ratio, Metric.ratio("y", "views"), ConfidenceSequence(target=1_000), 5, 50, 40)
    assert found.absolute == found.relative <= 4


def main(runs: int = 2000) -> None:
    """Print the table."""
    for name, case in CASES.items():
        print(f"| {name} | {alarms(*case, runs=runs)} |", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
