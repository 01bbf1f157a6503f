"""From the caller's frame, or from moments, to what a readout computes with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._core.frames import Log, read_frame
from .._core.parallel import run_blocks
from .._core.vocabulary import Encoded, Vocabulary
from ..exceptions import DataError, ParameterError
from ..summaries.moments import Moments, joint_cells
from ..typing import AnyArray, FloatArray, Int32Array, Int64Array
from ._arms import Cells
from .metrics import Metric

__all__ = ["ROWS", "Experiment", "Grid", "Request", "read_experiment"]

ROWS = "rows per unit"
"""The variable of moments that holds how many rows a unit has, where units have several."""

FOREIGN = 6.0
"""Standard errors by which no covariate known before the assignment differs between arms (p = 2e-9)."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a caller of `readout` asked for, checked."""

    function: str
    variant: str
    control: Any
    metrics: Mapping[str, Metric]
    segments: tuple[str, ...]
    strata: tuple[str, ...]
    unit: str | None
    n_threads: int | None

    @property
    def keys(self) -> tuple[str, ...]:
        """The key columns, each once."""
        return tuple(dict.fromkeys((self.variant, *self.segments, *self.strata)))


@dataclass(frozen=True, slots=True, eq=False)
class Experiment:
    """An experiment that was read: its moments, and for quantiles the cell of each row and the columns.

    `units` is the unit of each row where units have several rows, and `unit_cells` then the cell of each unit.
    """

    moments: Moments
    cells: Int32Array
    columns: Mapping[str, AnyArray]
    units: Int32Array | None = None
    unit_cells: Int32Array | None = None


class Grid:
    """Cells of moments pooled to (segment, arm, stratum): "all" first, then the values of each segment column.

    Parameters
    ----------
    moments
        With the keys that the request names.
    request
        What was asked for.
    """

    def __init__(self, moments: Moments, request: Request) -> None:
        self.arm, self.arms = _arms_of(moments.keys[request.variant], request)
        stratum, n_strata = _strata_of(moments, request.strata)
        self.segments, rows = ["all"], [np.zeros(len(moments), dtype=np.int64)]
        for key in request.segments:
            codes, vocabulary = Vocabulary.encode(moments.keys[key])
            rows.append(codes.astype(np.int64) + len(self.segments))
            self.segments += [f"{key}={label}" for label in vocabulary.objects()]
        self.rows = rows
        self.moments, self.request = moments, request
        self.shape = (len(self.segments), self.arms.size, n_strata)
        self._pool(stratum)

    def _pool(self, stratum: Int64Array) -> None:
        n_segments, n_arms, n_strata = self.shape
        size = n_segments * n_arms * n_strata
        places = np.concatenate([table * n_strata + stratum for table in self.tables])
        cells = np.tile(np.arange(stratum.size), len(self.rows))
        sums = self.moments.pooled(cells, places, size)
        self.n = sums.n.reshape(self.shape)
        self.mean, self.products, self.thirds = (part.reshape(*self.shape, -1) for part in sums[1:])

    @property
    def tables(self) -> Int64Array:
        """The group (segment, arm) of each cell, for "all" and for each segment column: (groupings, cells)."""
        return np.stack(self.rows) * self.arms.size + self.arm

    @property
    def counts(self) -> FloatArray:
        """Units of each segment and arm."""
        return self.n.sum(axis=-1)

    def cells(self, columns: Sequence[Sequence[str]], *, ratio: bool) -> Cells:
        """Return the moments of metrics of one shape, each given by the names of its columns."""
        places = np.array([[self._place(name) for name in names] for names in columns])
        pairs = np.array([[[self._pair(x, y) for y in names] for x in names] for names in columns])
        with np.errstate(divide="ignore", invalid="ignore"):
            covariance = np.moveaxis(self.products[..., pairs], -3, 0) / (self.n - 1.0)[..., None, None]
            third = np.moveaxis(self.thirds[..., places[:, 0]], -1, 0) / self.n
        return Cells(self.n, np.moveaxis(self.mean[..., places], -2, 0), covariance, third, ratio)

    def _place(self, name: str) -> int:
        if name not in self.moments.variables:
            listed = ", ".join(self.moments.variables)
            raise DataError(f'{self.request.function}: the moments have no variable "{name}", only {listed}.')
        return self.moments.variables.index(name)

    def _pair(self, x: str, y: str) -> int:
        return self.moments.pair(x, y)


def columns_of(metric: Metric, *, clustered: bool) -> tuple[str, ...]:
    """Return the names of the variables that a closed-form metric needs, numerator first."""
    denominator = (metric.denominator,) if metric.denominator else ((ROWS,) if clustered else ())
    return (metric.variable, *denominator, *metric.covariates)


def read_experiment(data: Any, request: Request) -> Experiment:
    """Read a frame, or check that moments hold what the request needs."""
    if isinstance(data, Moments):
        return Experiment(_checked_moments(data, request), np.empty(0, dtype=np.int32), {})
    log = read_frame(data, function=request.function, n_threads=request.n_threads)
    keys = _read_keys(log, request)
    _arms_of(keys[request.variant].vocabulary.labels, request)
    columns, caps = _read_columns(log, request)
    clustered, rows, units = False, columns, None
    if request.unit is not None:
        units = log.ids(request.unit, role="unit")
        first = _first_rows(log, units, keys, request)
        clustered = len(units.vocabulary) < log.n_rows
        if clustered:
            columns, keys = _by_unit(units, columns, caps, first, request), _at(keys, first)
            caps = {}
    pairs = [pair for metric in request.metrics.values() for pair in _pairs_of(metric, clustered)]
    plain = {name: column for name, column in columns.items() if name in _wanted(request, clustered)}
    plain = plain or {next(iter(columns)): next(iter(columns.values()))}
    cells, labels = joint_cells(keys, log.n_threads)
    binary = [] if clustered else [m.column for m in request.metrics.values() if m.kind == "proportion"]
    moments = Moments.from_arrays(log, cells, labels, plain, pairs=pairs, caps=caps, binary=binary)
    if units is None or not clustered:
        return Experiment(moments, cells, columns)
    return Experiment(moments, cells[units.codes], rows, units.codes, cells)


def _read_keys(log: Log, request: Request) -> dict[str, Encoded]:
    """Read the key columns side by side: the hash tables of text each keep to one thread."""
    keys = request.keys
    read = run_blocks(
        lambda k: log.ids(keys[k], role=_role(keys[k], request)), len(keys), n_threads=min(log.n_threads, len(keys))
    )
    return dict(zip(keys, read, strict=True))


def _role(key: str, request: Request) -> str:
    return "variant" if key == request.variant else "segments" if key in request.segments else "strata"


def _read_columns(log: Log, request: Request) -> tuple[dict[str, AnyArray], dict[str, float]]:
    """Return the columns needed by the name of their variable, and the caps; a column is read once.

    Numbers stay as they are stored where the sums of moments tell whether all are finite; a cap would hide an infinity.
    """
    read: dict[str, AnyArray] = {}
    columns: dict[str, AnyArray] = {}
    caps: dict[str, float] = {}
    chosen = list(request.metrics.values())
    checked = {m.column for m in chosen if m.cap is not None or m.kind == "quantile"}
    for metric in chosen:
        sources = {metric.variable: metric.column} | {
            name: name for name in (metric.denominator or (), *metric.covariates) if name
        }
        for variable, source in sources.items():
            if source not in read:
                reader = log.measures if request.unit is not None or source in checked else log.unchecked_numbers
                read[source] = reader(source, role="metrics")
            columns[variable] = read[source]
        if metric.cap is not None:
            caps[metric.variable] = metric.cap
    return columns, caps


def _first_rows(log: Log, units: Encoded, keys: Mapping[str, Encoded], request: Request) -> Int64Array:
    """Return the first row of each unit, after checking that its variant, segments and strata are all the same."""
    first = np.empty(len(units.vocabulary), dtype=np.int64)
    first[units.codes[::-1]] = np.arange(units.codes.size - 1, -1, -1)
    for key, encoded in keys.items():
        strange = encoded.codes != encoded.codes[first][units.codes]
        if strange.any():
            row = int(strange.argmax())
            count = np.unique(units.codes[strange]).size
            (label,) = units.vocabulary.decode(units.codes[row : row + 1]).tolist()
            what = "two variants" if key == request.variant else f'two values of "{key}"'
            raise DataError(
                f'{log.function}: column "{request.unit}" holds {count} units in {what} '
                f"(first {label!r}, at row {row}); "
                "drop them, or find out how they came to be in both."
            )
    return first


def _at(keys: Mapping[str, Encoded], rows: Int64Array) -> dict[str, Encoded]:
    return {key: Encoded(encoded.codes[rows], encoded.vocabulary) for key, encoded in keys.items()}


def _by_unit(
    units: Encoded,
    columns: Mapping[str, FloatArray],
    caps: Mapping[str, float],
    first: Int64Array,
    request: Request,
) -> dict[str, FloatArray]:
    """Return sums by unit (of covariates: means), and the number of rows of each."""
    covariates = {name for metric in request.metrics.values() for name in metric.covariates}
    rows = np.bincount(units.codes, minlength=first.size).astype(np.float64)
    sums = {ROWS: rows}
    for name, column in columns.items():
        values = np.minimum(column, caps[name]) if name in caps else column
        total = np.bincount(units.codes, weights=values, minlength=first.size).astype(np.float64)
        sums[name] = total / rows if name in covariates else total
    return sums


def _pairs_of(metric: Metric, clustered: bool) -> list[tuple[str, str]]:
    if metric.kind == "quantile":
        return []
    names = columns_of(metric, clustered=clustered)
    return [(x, y) for place, x in enumerate(names) for y in names[place + 1 :]]


def _wanted(request: Request, clustered: bool) -> set[str]:
    closed = [metric for metric in request.metrics.values() if metric.kind != "quantile"]
    return {name for metric in closed for name in columns_of(metric, clustered=clustered)}


def _arms_of(labels: AnyArray, request: Request) -> tuple[Int64Array, AnyArray]:
    """Return the place of each label among the arms, the control's being 0, and the labels in that order."""
    codes, vocabulary = Vocabulary.encode(labels)
    listed = vocabulary.labels
    (place,) = vocabulary.find([request.control])
    if place < 0:
        told = ", ".join(map(repr, listed[:10].tolist()))
        raise ParameterError(
            f'{request.function}: control {request.control!r} is not in column "{request.variant}", '
            f"which holds {told}; name one of them."
        )
    if listed.size < 2:
        raise DataError(
            f'{request.function}: column "{request.variant}" holds {request.control!r} alone; there is no variant to '
            "compare it with."
        )
    order = np.concatenate(([place], np.delete(np.arange(listed.size), place)))
    rank = np.empty(listed.size, dtype=np.int64)
    rank[order] = np.arange(listed.size)
    return rank[codes], listed[order]


def _strata_of(moments: Moments, strata: Sequence[str]) -> tuple[Int64Array, int]:
    joint = np.zeros(len(moments), dtype=np.int64)
    for key in strata:
        codes, vocabulary = Vocabulary.encode(moments.keys[key])
        joint = joint * len(vocabulary) + codes
    codes, vocabulary = Vocabulary.encode(joint)
    return codes.astype(np.int64), len(vocabulary)


def _checked_moments(moments: Moments, request: Request) -> Moments:
    missing = [key for key in request.keys if key not in moments.keys]
    if missing:
        raise DataError(
            f'{request.function}: the moments have no key "{missing[0]}", only {", ".join(moments.keys)}; make them '
            "again with it."
        )
    for name, metric in request.metrics.items():
        if metric.kind == "quantile":
            raise ParameterError(
                f"{request.function}: metric {name!r} is a quantile, which moments cannot tell; pass the dataframe."
            )
        if metric.kind == "proportion" and ROWS not in moments.variables and metric.column in moments.variables:
            _refuse_not_binary(moments, metric.column, request)
    return moments


def _refuse_not_binary(moments: Moments, column: str, request: Request) -> None:
    """Values of 0 and 1 have the sum of squares n p (1 - p); other values within [0, 1] have less."""
    share = moments.mean[:, moments.variables.index(column)]
    expected = moments.n * share * (1 - share)
    found = moments.products[:, moments.pair(column, column)]
    bad = np.abs(found - expected) > 1e-6 * np.maximum(moments.n, 1.0)
    if bad.any():
        raise DataError(
            f'{request.function}: variable "{column}" holds {int(bad.sum())} cells whose variance is not that of '
            f"values 0 and 1 (first at cell {int(bad.argmax())}); use Metric.mean."
        )


def refuse_foreign_covariates(grid: Grid, covariates: Sequence[str], request: Request) -> None:
    """Refuse covariates that differ between arms more than chance allows: they were measured after exposure."""
    if not covariates:
        return
    cells = grid.cells([(name,) for name in covariates], ratio=False)
    n = grid.n[0].sum(axis=-1)
    mean = np.einsum("vh,mvh->mv", grid.n[0], cells.mean[:, 0, :, :, 0]) / n
    freedom = np.maximum(grid.n[0] - 1, 0)
    within = np.einsum("vh,mvh->m", freedom, np.nan_to_num(cells.covariance[:, 0, :, :, 0, 0])) / max(
        freedom.sum(), 1.0
    )
    spread = np.sqrt(within[:, None] * (1 / n[1:] + 1 / n[0]))
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.nan_to_num((mean[:, 1:] - mean[:, :1]) / spread, nan=0.0)
    if (np.abs(z) > FOREIGN).any():
        place, arm = np.argwhere(np.abs(z) > FOREIGN)[0].tolist()
        raise DataError(
            f'{request.function}: covariate "{covariates[place]}" differs between {grid.arms[0]!r} and '
            f"{grid.arms[arm + 1]!r} by {abs(z[place, arm]):.1f} standard errors; a covariate must be measured before "
            "the assignment, or the assignment is broken (see check_assignment)."
        )
