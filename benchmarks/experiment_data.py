"""Inputs of the area "experiment": made-up experiments of any size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import polars as pl

    from growthkit.summaries import Moments

    from .experiment import Names

__all__ = [
    "CONTROL",
    "RATIOS",
    "VARIANTS",
    "Cells",
    "TwoArms",
    "experiment_log",
    "id_list",
    "many_cells",
    "mixed_cells",
    "two_arms",
]

CONTROL = "control"
VARIANTS = (CONTROL, "blue", "green")
N_SEGMENTS = 10
MEANS = 8
SHARES = (0.3, 0.1, 0.05, 0.02, 0.5)
"""Of rows that are 1, by proportion."""

RATIOS = {"clicks_0": "views", "clicks_1": "views", "clicks_2": "views", "orders_0": "visits", "orders_1": "visits"}
"""Numerator and denominator of each ratio."""

Columns = dict[str, np.ndarray[Any, Any]]


@dataclass(frozen=True)
class TwoArms:
    """Values of a control and a treatment, as a frame with the columns variant and value, and how often to resample."""

    frame: pl.DataFrame
    n_resamples: int

    @property
    def arms(self) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """The values of the control and of the treatment."""
        control, treatment = (
            self.frame.filter(variant=name)["value"].to_numpy().copy() for name in (CONTROL, "treatment")
        )
        return control, treatment


@dataclass(frozen=True)
class Cells:
    """Moments by segment and variant, and what is to be read out of them."""

    moments: Moments
    names: Names


def experiment_log(n_rows: int, *, exact: bool = False, n_segments: int = N_SEGMENTS, seed: int = 0) -> pl.DataFrame:
    """Make a frame of one row per user, without any effect.

    Parameters
    ----------
    n_rows
        Users, in three arms and `n_segments` segments of equal shares.
    exact
        Whether counts are int32, and 0 and 1 int8, as a warehouse stores them; else all numbers are float64.
    n_segments
        How many segments.
    seed
        The same seed gives the same frame.
    """
    import polars as pl

    rng = np.random.default_rng(seed)
    count, flag = (np.int32, np.int8) if exact else (np.float64, np.float64)
    texts = {
        "variant": pl.Series(VARIANTS).gather(rng.integers(0, len(VARIANTS), n_rows)),
        "segment": pl.Series([f"country {k}" for k in range(n_segments)]).gather(rng.integers(0, n_segments, n_rows)),
    }
    numbers = _spending(rng, n_rows) | {name: values.astype(count) for name, values in _counts(rng, n_rows).items()}
    for place, share in enumerate(SHARES):
        numbers[f"did_{place}"] = (rng.random(n_rows) < share).astype(flag)
    for place in range(2):
        numbers[f"seconds_{place}"] = rng.lognormal(0.0, 1.0, n_rows)
    return pl.DataFrame(texts | numbers).rechunk()


def _spending(rng: np.random.Generator, n_rows: int) -> Columns:
    columns: Columns = {}
    for place in range(MEANS):
        columns[f"before_{place}"] = rng.standard_exponential(n_rows) * 20.0
        columns[f"spend_{place}"] = columns[f"before_{place}"] + rng.standard_exponential(n_rows) * 10.0 * (place + 1)
    return columns


def _counts(rng: np.random.Generator, n_rows: int) -> Columns:
    bases = {name: 1 + rng.poisson(4.0, n_rows) for name in ("views", "visits")}
    return bases | {name: rng.binomial(bases[base], 0.2) for name, base in RATIOS.items()}


def many_cells(n_rows: int, n_segments: int) -> Cells:
    """Return the moments of plain means by segment and variant."""
    from .experiment import Names

    names = Names(means=tuple(f"spend_{place}" for place in range(MEANS)))
    return Cells(_moments(n_rows, n_segments, names), names)


def mixed_cells(n_rows: int, n_segments: int) -> Cells:
    """Return the moments of CUPED means, ratios and proportions by segment and variant."""
    from .experiment import CLOSED

    return Cells(_moments(n_rows, n_segments, CLOSED), CLOSED)


def _moments(n_rows: int, n_segments: int, names: Names) -> Moments:
    from growthkit.summaries import Moments

    frame = experiment_log(n_rows, n_segments=n_segments)
    return Moments.from_frame(frame, by=["segment", "variant"], variables=names.variables, pairs=names.pairs)


def two_arms(n_rows: int, n_resamples: int, *, seed: int = 0) -> TwoArms:
    """Make an experiment of two equal arms with exponential values."""
    import polars as pl

    rng = np.random.default_rng(seed)
    variant = pl.Series((CONTROL, "treatment")).gather(rng.integers(0, 2, n_rows))
    frame = pl.DataFrame({"variant": variant, "value": rng.standard_exponential(n_rows)})
    return TwoArms(frame, n_resamples)


def id_list(n_ids: int, *, text: bool = False) -> np.ndarray[Any, Any]:
    """Return distinct ids in random order: whole numbers, or text such as "U0000042"."""
    ids = np.random.default_rng(0).permutation(n_ids)
    return np.array([f"U{number:07d}" for number in ids], dtype=object) if text else ids
