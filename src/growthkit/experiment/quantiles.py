"""Quantiles and their differences, with distribution-free intervals from order statistics."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

import numpy as np

from .._core.frames import read_frame
from .._core.params import Params
from .._core.results import Estimate, Notice
from ..typing import AnyArray, FloatArray, IntoFrame
from ._order_law import CERTAIN, Law, confidence_laws, difference_ends
from ._samples import Sample, no_values, read_samples

__all__ = ["QuantileTest", "quantile_test"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class QuantileTest(Estimate):
    """Quantiles of each variant, or their differences from the control's, with intervals; one row a variant and q.

    Parameters
    ----------
    variant
        The variant of each row; None where the whole frame is one sample.
    q
        The share of each row.
    value, value_lower, value_upper
        The variant's quantile and its distribution-free interval.
    control_value, control_lower, control_upper
        The control's; None where nothing is compared.
    """

    _picture: ClassVar[str] = "resampling:draw_quantile_test"

    variant: AnyArray | None = None
    q: FloatArray = field(default_factory=no_values)
    value: FloatArray = field(default_factory=no_values)
    value_lower: FloatArray = field(default_factory=no_values)
    value_upper: FloatArray = field(default_factory=no_values)
    control_value: FloatArray | None = None
    control_lower: FloatArray | None = None
    control_upper: FloatArray | None = None

    def columns(self) -> dict[str, AnyArray]:
        """Return the table as arrays by column name: one row a variant and q."""
        head = {} if self.variant is None else {"variant": self.variant}
        table = {**head, "q": self.q, **super(QuantileTest, self).columns()}
        names = ("value", "value_lower", "value_upper", "control_value", "control_lower", "control_upper")
        return table if self.control_value is None else table | {name: getattr(self, name) for name in names}


class _Row(NamedTuple):
    """One line of a quantile test."""

    q: float
    estimate: float
    ends: tuple[float, float, float]
    own: tuple[float, float, float]
    other: tuple[float, float, float] | None


def quantile_test(
    data: IntoFrame,
    q: float | Sequence[float] | FloatArray = 0.5,
    *,
    value: str = "value",
    variant: str | None = None,
    control: Any = None,
    confidence: float = 0.95,
) -> QuantileTest:
    """Estimate quantiles, or their differences between variants, with intervals from order statistics.

    The method is that of [1]_.

    Parameters
    ----------
    data
        One row per unit: a pandas, Polars or PyArrow dataframe.
    q
        One or more shares in (0, 1). The quantile is the smallest value that at least a share q of the sample does not
        exceed.
    value
        Column of the metric, finite numbers.
    variant
        Column of variants. None: "variant" if `control` is given, else the whole frame is one sample.
    control
        The variant that the others are compared with; None for the quantiles themselves.
    confidence
        Level of each interval, in (0, 1).

    Returns
    -------
    QuantileTest
        One row per variant and q. Ends are infinite where a sample is too small for its q.

    Raises
    ------
    DataError
        For missing columns or values, or a variant with a single row.
    ParameterError
        For parameters out of range.

    Notes
    -----
    O(n) a quantile, O(n log n) for several. With J ~ Binomial(n, q), the population's quantile lies between the J-th
    and the next value of the sample. So for one sample the interval from x(l) to x(u), with P(J < l) and P(J >= u) of
    at most (1 - confidence) / 2 each, covers at least at its level, whatever the distribution. For a difference both
    laws are convolved, each end with the neighbours that make the interval wider; p is the level at which the
    interval reaches 0. Rows that belong to one another (a unit with several rows) are not independent: use
    `bootstrap` with ``unit`` there.

    References
    ----------
    .. [1] David, H. A. and H. N. Nagaraja (2003). Order Statistics, 3rd ed., section 7.1. Wiley.

    Examples
    --------
    >>> import pandas as pd
    >>> from growthkit.experiment.resampling import quantile_test
    >>> found = quantile_test(pd.DataFrame({"value": range(1, 16)}), 0.5)
    >>> float(found.lower[0]), float(found.estimate[0]), float(found.upper[0])
    (4.0, 8.0, 12.0)
    """
    params = Params("quantile_test")
    shares = _shares(params, q)
    params.number("confidence", confidence, above=0, below=1)
    if control is not None and variant is None:
        variant = "variant"
    log = read_frame(data, function=params.function)
    samples = read_samples(log, value, variant=variant, control=control)
    laws = [_laws(sample, shares) for sample in samples]
    arms = range(len(samples)) if control is None else range(1, len(samples))
    rows = [
        _row(share, laws[arm][k], None if control is None else laws[0][k], confidence)
        for arm in arms
        for k, share in enumerate(shares)
    ]
    labels = None if variant is None else np.repeat(np.array([samples[arm].label for arm in arms]), len(shares))
    return _quantile_result(log.backend, rows, labels, confidence)


def _shares(params: Params, q: Any) -> list[float]:
    shares = np.atleast_1d(np.asarray(q, dtype=object)).tolist()
    if not shares:
        params.refuse("q", "one or more numbers in (0, 1)", q)
    return [params.number("q", share, above=0, below=1) for share in shares]


def _laws(sample: Sample, shares: list[float]) -> list[tuple[float, Law, Law]]:
    ranked = len(shares) > 1
    values = np.sort(sample.values) if ranked else sample.values
    return [confidence_laws(values, share, ranked=ranked) for share in shares]


def _row(q: float, own: tuple[float, Law, Law], other: tuple[float, Law, Law] | None, confidence: float) -> _Row:
    alone = _alone(own, confidence)
    if other is None:
        return _Row(q, own[0], (alone[1], alone[2], math.nan), alone, None)
    ends = difference_ends((own[1], other[2]), (own[2], other[1]), confidence=confidence)
    return _Row(q, own[0] - other[0], ends, alone, _alone(other, confidence))


def _alone(laws: tuple[float, Law, Law], confidence: float) -> tuple[float, float, float]:
    low, high, _ = difference_ends((laws[1], CERTAIN), (laws[2], CERTAIN), confidence=confidence)
    return laws[0], low, high


def _quantile_result(backend: str, rows: list[_Row], labels: AnyArray | None, confidence: float) -> QuantileTest:
    ends = np.array([row.ends for row in rows])
    own = np.array([row.own for row in rows])
    other = None if rows[0].other is None else np.array([row.other for row in rows])
    return QuantileTest(
        backend,
        np.array([row.estimate for row in rows]),
        ends[:, 0],
        ends[:, 1],
        confidence,
        "distribution-free interval from order statistics" + ("" if other is None else ", convolved"),
        None if other is None else ends[:, 2],
        _quantile_notices(rows, labels),
        labels,
        np.array([row.q for row in rows]),
        *own.T,
        *([None] * 3 if other is None else other.T),
    )


def _quantile_notices(rows: list[_Row], labels: AnyArray | None) -> tuple[Notice, ...]:
    notices: list[Notice] = []
    for place, row in enumerate(rows):
        if not all(map(math.isfinite, row.ends[:2])):
            of = "" if labels is None else f" of {labels[place]}"
            text = f"the {row.q:g}-quantile{of}: the sample is too small for an interval with both ends."
            notices.append(Notice("unbounded_interval", text))
    return tuple(notices)
