"""The units of an experiment by variant, as the resampling methods need them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._core.frames import Log
from .._core.vocabulary import Encoded
from ..exceptions import DataError, ParameterError
from ..typing import AnyArray, BoolArray, FloatArray, Int32Array
from ._dealing import Dealer

__all__ = ["Sample", "group_rows", "in_arms", "no_values", "read_samples", "refuse_few"]


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """The units of one variant: rows, or clusters of rows.

    Parameters
    ----------
    label
        The variant, or None for the whole frame.
    values
        The sum of the values of each unit.
    bases
        The sum of the denominators of each unit, or its rows; None where all are 1.
    """

    label: Any
    values: FloatArray
    bases: FloatArray | None

    @property
    def n(self) -> int:
        """The number of units."""
        return self.values.size

    @property
    def base(self) -> float:
        """The sum of the bases."""
        return float(self.n if self.bases is None else self.bases.sum())

    @property
    def ratio(self) -> float:
        """The sum of the values over the sum of the bases; the mean where all bases are 1."""
        return float(self.values.sum()) / self.base if self.base else np.nan

    def residuals(self) -> FloatArray:
        """Return values - ratio x bases, which sum to 0."""
        return self.values - (self.ratio if self.bases is None else self.ratio * self.bases)


def no_values() -> FloatArray:
    """Return an empty array, the default of fields of results."""
    return np.empty(0)


def read_samples(
    log: Log,
    value: str,
    *,
    denominator: str | None = None,
    unit: str | None = None,
    variant: str | None = None,
    control: Any = None,
) -> list[Sample]:
    """Read one sample per variant, that of `control` first; one sample of the whole where `variant` is None."""
    values = log.measures(value, role="value")
    bases = None if denominator is None else log.measures(denominator, role="denominator")
    arms = None if variant is None else in_arms(log, variant, control)
    if unit is not None:
        values, bases, arms = _by_unit(log, unit, values, bases, arms)
    if arms is None:
        samples = [Sample(None, values, bases)]
    else:
        codes, labels = arms
        dealer = Dealer.of(codes, np.arange(labels.size), labels.size, n_threads=log.n_threads)
        parts = dealer.parts(values)
        dealt = [None] * labels.size if bases is None else dealer.parts(bases)
        samples = [Sample(*sample) for sample in zip(labels.tolist(), parts, dealt, strict=True)]
    counts = np.array([sample.n for sample in samples])
    refuse_few(log, counts, None if arms is None else arms[1], variant, unit)
    _refuse_no_base(log, samples, denominator)
    return samples


def in_arms(log: Log, variant: str, control: Any) -> tuple[Int32Array, AnyArray]:
    """Return the arm of each row and the labels of the arms, the control's first (and without one, in sorted order)."""
    codes, vocabulary = log.ids(variant, role="variant")
    labels = vocabulary.labels
    if control is None:
        return codes, labels
    (place,) = vocabulary.find([control])
    if place < 0:
        listed = ", ".join(map(repr, labels[:10].tolist()))
        raise ParameterError(
            f'{log.function}: control {control!r} is not in column "{variant}", which holds {listed}; name one of them.'
        )
    if labels.size < 2:
        raise DataError(
            f'{log.function}: column "{variant}" holds {control!r} alone; there is no variant to compare it with.'
        )
    order = np.concatenate(([place], np.delete(np.arange(labels.size), place)))
    rank = np.empty(labels.size, dtype=np.int32)
    rank[order] = np.arange(labels.size, dtype=np.int32)
    return (codes if place == 0 else rank[codes]), labels[order]


def group_rows(log: Log, unit: str, arms: tuple[Int32Array, AnyArray] | None) -> tuple[Encoded, Int32Array]:
    """Return the unit of each row, and the arm of each unit, after checking that no unit is in two arms."""
    units = log.ids(unit, role="unit")
    arm_of = np.zeros(len(units.vocabulary), dtype=np.int32)
    if arms is None:
        return units, arm_of
    arm_of[units.codes[::-1]] = arms[0][::-1]
    strangers = arm_of[units.codes] != arms[0]
    if strangers.any():
        _refuse_two_arms(log, unit, units, strangers)
    return units, arm_of


def _by_unit(
    log: Log,
    unit: str,
    values: FloatArray,
    bases: FloatArray | None,
    arms: tuple[Int32Array, AnyArray] | None,
) -> tuple[FloatArray, FloatArray, tuple[Int32Array, AnyArray] | None]:
    units, arm_of = group_rows(log, unit, arms)
    n = len(units.vocabulary)
    sums = np.bincount(units.codes, weights=values, minlength=n).astype(np.float64)
    sizes = np.bincount(units.codes, weights=bases, minlength=n).astype(np.float64)
    return sums, sizes, None if arms is None else (arm_of, arms[1])


def _refuse_two_arms(log: Log, unit: str, units: Encoded, strangers: BoolArray) -> None:
    count = np.unique(units.codes[strangers]).size
    row = int(strangers.argmax())
    first = units.vocabulary.decode(units.codes[row : row + 1]).tolist()[0]
    raise DataError(
        f'{log.function}: column "{unit}" holds {count} units in two variants (first {first!r}, at row {row}); '
        "drop them, or find out why they were assigned twice."
    )


def refuse_few(log: Log, counts: AnyArray, labels: AnyArray | None, variant: str | None, unit: str | None) -> None:
    """Raise the error that names the first variant with a single unit, if there is one."""
    if (counts < 2).any():
        label = None if labels is None else labels.tolist()[int(counts.argmin())]
        where = "the frame" if labels is None else f'variant {label!r} of column "{variant}"'
        what = "row" if unit is None else f'unit of column "{unit}"'
        raise DataError(f"{log.function}: {where} has 1 {what}; at least 2 are needed to know how it varies.")


def _refuse_no_base(log: Log, samples: Sequence[Sample], denominator: str | None) -> None:
    for sample in samples:
        if sample.base == 0:
            where = "" if sample.label is None else f" in variant {sample.label!r}"
            raise DataError(
                f'{log.function}: column "{denominator}" sums to 0{where}, so that there is no ratio; drop the variant '
                "or choose another denominator."
            )
