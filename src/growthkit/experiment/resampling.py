"""The bootstrap: intervals for statistics of skewed metrics and repeated rows, by resampling units."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

import numpy as np

from .._core.frames import Log, read_frame
from .._core.params import Params
from .._core.random import seed_from
from .._core.results import Estimate, Notice, announce
from ..exceptions import ParameterError
from ..typing import AnyArray, FloatArray, IntoFrame, RngLike
from . import _intervals
from ._intervals import Interval
from ._order_law import CERTAIN, Law, bootstrap_law, difference_ends, difference_moments
from ._replicates import Engine, Replicates, contrast, of_callable, of_quantiles, of_ratios
from ._samples import Sample, group_rows, in_arms, no_values, read_samples, refuse_few
from .permutation import PermutationTest, permutation_test
from .quantiles import QuantileTest, quantile_test
from .ranks import MannWhitney, mann_whitney

__all__ = [
    "BootstrapEstimate",
    "MannWhitney",
    "PermutationTest",
    "QuantileTest",
    "bootstrap",
    "mann_whitney",
    "permutation_test",
    "quantile_test",
]

LEVELS = ("mean", "ratio", "quantile")
CONTRASTS = ("mean_difference", "relative_difference", "ratio_difference", "quantile_difference")
METHODS = ("poisson", "percentile", "basic", "bca", "studentized")
FEW_UNITS = 20

QUIET = ("few_units", "skewed")
"""Notices that do not warn: they are about the data, and stand in the result."""

MOST_SKEW = 0.25
"""Skewness of a sample over the root of its size from which intervals of means miss their level noticeably."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class BootstrapEstimate(Estimate):
    """A statistic, or one per variant, with its bootstrap interval.

    Parameters
    ----------
    variant
        The variant of each estimate; None where the whole frame gives one.
    standard_error
        The standard deviation of the replicates of each estimate; NaN where some are not defined.
    n_resamples
        How many resamples were made; 0 where the law of the replicates was computed instead.
    replicates
        The replicates, of shape (estimates, resamples).
    """

    _picture: ClassVar[str] = "resampling:draw_bootstrap"

    variant: AnyArray | None = None
    standard_error: float | FloatArray = math.nan
    n_resamples: int = 0
    replicates: FloatArray = field(default_factory=no_values)

    def columns(self) -> dict[str, AnyArray]:
        """Return the table as arrays by column name: one row an estimate."""
        table = super(BootstrapEstimate, self).columns()
        head = {} if self.variant is None else {"variant": self.variant}
        return {**head, **table, "standard_error": np.atleast_1d(np.asarray(self.standard_error))}


@dataclass(frozen=True, slots=True)
class _Columns:
    """The names of the columns of one call."""

    value: str
    denominator: str | None
    unit: str | None
    variant: str | None
    control: Any


class _Found(NamedTuple):
    """What one call found: one entry an estimate."""

    labels: AnyArray | None
    estimates: list[float]
    intervals: list[Interval]
    errors: list[float]
    replicates: FloatArray
    smallest: int
    skew: float


def bootstrap(
    data: IntoFrame,
    statistic: str | Callable[[Any], Any],
    *,
    value: str = "value",
    denominator: str | None = None,
    q: float = 0.5,
    unit: str | None = None,
    variant: str | None = None,
    control: Any = None,
    n_resamples: int = 2000,
    method: str = "poisson",
    confidence: float = 0.95,
    rng: RngLike = None,
    n_threads: int | None = None,
    progress: bool = False,
) -> BootstrapEstimate:
    """Estimate a statistic with an interval from resampled units.

    Parameters
    ----------
    data
        One row per observation: a pandas, Polars or PyArrow dataframe.
    statistic
        Of the whole frame, or of each variant if `variant` is given: "mean", "ratio" (sum of `value` over sum of
        `denominator`), "quantile". Of each variant against `control`: "mean_difference", "ratio_difference",
        "relative_difference" (of ratios if `denominator` is given, else of means) and "quantile_difference".
        Or a function of a dataframe that returns a number; for "studentized", a number and its standard error.
    value
        Column of the metric, finite numbers.
    denominator
        Column of denominators, for ratios.
    q
        The quantile wanted, in (0, 1): the smallest value that at least a share q of the rows do not exceed.
    unit
        Column of the units that were randomised, where one has several rows; units are resampled whole. None: each row
        is a unit.
    variant
        Column of variants; each is resampled on its own. None: "variant" if `control` is given, else no variants.
    control
        The variant that the others are compared with.
    n_resamples
        How many resamples, at least 20.
    method
        "poisson": each unit gets an independent Poisson(1) weight [2]_, percentile interval. The others draw n of n
        units: "percentile", "basic", "bca" [3]_, "studentized" [1]_.
    confidence
        Level of the interval, in (0, 1).
    rng
        Seed, Generator or None. The weight of unit i in resample b depends on the seed, b and i only.
    n_threads
        Number of threads; None for all cores. The result is the same for any number. A function runs on one.
    progress
        Whether to show a bar.

    Returns
    -------
    BootstrapEstimate
        For contrasts one row per variant other than the control, with the two-sided p-value of "no difference" that
        belongs to the interval: it is at most 1 - confidence exactly when the interval leaves 0 out.

    Raises
    ------
    DataError
        For missing columns or values, a unit in two variants, a variant with a single unit, denominators that sum to 0.
    ParameterError
        For parameters out of range or in contradiction, and for quantiles by "bca" or "studentized", for which they
        have no ground.

    Notes
    -----
    O(rows x n_resamples). The quantile of rows that are units needs no resampling: the q-quantile of a resample is at
    most the j-th smallest value with probability P(Binomial(n, j / n) >= ceil(n q)), which gives the percentile
    interval as it is for infinitely many resamples, in O(rows) [4]_; "poisson" then means the same law, and
    `n_resamples` and `rng` play no part.

    Ends are order statistics of the replicates. Replicates that are not defined (a resample without units, a control
    whose sign changes, for a relative difference) count as -inf at the lower end and inf at the upper: the interval is
    unbounded where the control is not separated from 0.

    References
    ----------
    .. [1] Davison, A. C. and D. V. Hinkley (1997). Bootstrap Methods and their Application. Cambridge University Press.
    .. [2] Chamandy, N., O. Muralidharan, A. Najmi and S. Naidu (2012). Estimating uncertainty for massive data streams.
       Google.
    .. [3] Efron, B. (1987). Better bootstrap confidence intervals. JASA 82, 171-185.
    .. [4] Maritz, J. S. and R. G. Jarrett (1978). A note on estimating the variance of the sample median. JASA 73,
       194-196.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from growthkit.experiment.resampling import bootstrap
    >>> rng = np.random.default_rng(1)
    >>> frame = pd.DataFrame({"variant": np.repeat(["a", "b"], 500), "value": rng.exponential(1.0, 1000)})
    >>> found = bootstrap(frame, "quantile_difference", q=0.9, control="a")
    >>> found.to_frame()[["variant", "estimate", "lower", "upper", "p_value"]].round(3)
      variant  estimate  lower  upper  p_value
    0       b     0.126 -0.293  0.526    0.577
    """
    params = Params("bootstrap")
    params.one_of("method", method, METHODS)
    params.number("confidence", confidence, above=0, below=1)
    params.number("q", q, above=0, below=1)
    params.flag("progress", progress)
    n = params.whole("n_resamples", n_resamples, low=20)
    engine = Engine(
        method == "poisson", n, seed_from(rng, function="bootstrap"), method == "studentized", n_threads, progress
    )
    if control is not None and variant is None:
        variant = "variant"
    columns = _Columns(value, denominator, unit, variant, control)
    if not callable(statistic):
        _check_statistic(params, statistic, columns, method)
    log = read_frame(data, function=params.function, n_threads=n_threads)
    found = _find(log, statistic, columns, q, method, confidence, engine)
    notices = _notices(found, method, confidence)
    announce((n for n in notices if n.code not in QUIET), function=params.function)
    return _result(log.backend, statistic, method, confidence, found, notices)


def _check_statistic(params: Params, statistic: str, columns: _Columns, method: str) -> None:
    params.one_of("statistic", statistic, LEVELS + CONTRASTS)
    if (statistic in CONTRASTS) != (columns.control is not None):
        wanted = "given, to say what is compared with what" if statistic in CONTRASTS else "None for a level"
        params.refuse("control", f"{wanted}, with statistic={statistic!r}", columns.control)
    if statistic.startswith("ratio") and columns.denominator is None:
        params.refuse("denominator", f"the name of a column with statistic={statistic!r}", None)
    if columns.denominator is not None and not statistic.startswith(("ratio", "relative")):
        params.refuse("denominator", f"None with statistic={statistic!r}", columns.denominator)
    if statistic.startswith("quantile") and method in ("bca", "studentized"):
        params.refuse("method", "'poisson', 'percentile' or 'basic' for quantiles", method)


def _find(
    log: Log,
    statistic: str | Callable[[Any], Any],
    columns: _Columns,
    q: float,
    method: str,
    confidence: float,
    engine: Engine,
) -> _Found:
    if callable(statistic):
        drawn = of_callable(log, statistic, columns.unit, columns.variant, engine, jackknife=method == "bca")
        return _summarise(None, [drawn], method, confidence, log.n_rows, 0.0)
    if statistic.startswith("quantile") and columns.unit is None:
        return _exact_quantiles(log, columns, q, method, confidence)
    if statistic.startswith("quantile"):
        labels, levels, smallest = _quantiles_by_unit(log, columns, q, engine)
    else:
        samples = read_samples(
            log,
            columns.value,
            denominator=columns.denominator,
            unit=columns.unit,
            variant=columns.variant,
            control=columns.control,
        )
        labels, levels = _labels(samples), of_ratios(samples, engine)
        smallest = min(sample.n for sample in samples)
    skew = max(6 * abs(_acceleration(level.influence)) for level in levels)
    if columns.control is not None:
        relative = statistic == "relative_difference"
        levels = [contrast(level, levels[0], relative=relative) for level in levels[1:]]
        labels = None if labels is None else labels[1:]
    return _summarise(labels, levels, method, confidence, smallest, skew)


def _labels(samples: list[Sample]) -> AnyArray | None:
    if samples[0].label is None:
        return None
    return np.array([sample.label for sample in samples], dtype=object if isinstance(samples[0].label, str) else None)


def _quantiles_by_unit(
    log: Log, columns: _Columns, q: float, engine: Engine
) -> tuple[AnyArray | None, list[Replicates], int]:
    values = log.measures(columns.value, role="value")
    arms = None if columns.variant is None else in_arms(log, columns.variant, columns.control)
    units, arm_of = group_rows(log, str(columns.unit), arms)
    counts = np.bincount(arm_of, minlength=1)
    refuse_few(log, counts, None if arms is None else arms[1], columns.variant, columns.unit)
    levels = of_quantiles(values, units.codes, arm_of[units.codes], counts.size, q, engine)
    return None if arms is None else arms[1], levels, int(counts.min())


def _exact_quantiles(log: Log, columns: _Columns, q: float, method: str, confidence: float) -> _Found:
    samples = read_samples(log, columns.value, variant=columns.variant, control=columns.control)
    laws = [bootstrap_law(sample.values, q) for sample in samples]
    if columns.control is None:
        pairs = [(estimate, law, CERTAIN) for estimate, law in laws]
    else:
        pairs = [(estimate - laws[0][0], law, laws[0][1]) for estimate, law in laws[1:]]
    intervals = [_exact_interval(estimate, (law, other), method, confidence) for estimate, law, other in pairs]
    labels = _labels(samples)
    return _Found(
        labels if labels is None or columns.control is None else labels[1:],
        [estimate for estimate, _, _ in pairs],
        intervals if columns.control is not None else [Interval(i.lower, i.upper, math.nan) for i in intervals],
        [difference_moments(law, other)[1] for _, law, other in pairs],
        np.empty((len(pairs), 0)),
        min(sample.n for sample in samples),
        0.0,
    )


def _exact_interval(estimate: float, laws: tuple[Law, Law], method: str, confidence: float) -> Interval:
    if method != "basic":
        return Interval(*difference_ends(laws, laws, confidence=confidence))
    lower, upper, p_value = difference_ends(laws, laws, confidence=confidence, null=2 * estimate)
    return Interval(2 * estimate - upper, 2 * estimate - lower, p_value)


def _summarise(
    labels: AnyArray | None, levels: list[Replicates], method: str, confidence: float, smallest: int, skew: float
) -> _Found:
    return _Found(
        labels,
        [level.estimate for level in levels],
        [_interval(level, method, confidence) for level in levels],
        [float(np.std(level.values, ddof=1)) for level in levels],
        np.stack([level.values for level in levels]),
        smallest,
        skew,
    )


def _interval(level: Replicates, method: str, confidence: float) -> Interval:
    if method == "basic":
        return _intervals.basic(level.values, level.estimate, confidence=confidence)
    if method == "bca":
        return _intervals.bca(level.values, level.estimate, _acceleration(level.influence), confidence=confidence)
    if method == "studentized":
        if level.errors is None or math.isnan(level.error):
            raise ParameterError(
                'bootstrap: with method="studentized" the statistic must return (value, standard error).'
            )
        with np.errstate(invalid="ignore", divide="ignore"):
            pivots = (level.values - level.estimate) / level.errors
        return _intervals.studentized(pivots, level.estimate, level.error, confidence=confidence)
    return _intervals.percentile(level.values, confidence=confidence)


def _acceleration(influence: FloatArray) -> float:
    squares = float(influence @ influence)
    return float((influence * influence) @ influence) / (6 * squares**1.5) if squares > 0 else 0.0


def _notices(found: _Found, method: str, confidence: float) -> tuple[Notice, ...]:
    notices: list[Notice] = []
    n = found.replicates.shape[1]
    undefined = int(np.isnan(found.replicates).any(axis=0).sum())
    if undefined:
        text = f"in {undefined} of {n} resamples the statistic is not defined; they count against both ends."
        notices.append(Notice("undefined_replicates", text))
    if n and (n + 1) * (1 - confidence) / 2 < 1 - 1e-9:
        text = (
            f"{n} resamples are too few for confidence {confidence:g}; take at least {math.ceil(2 / (1 - confidence))}."
        )
        notices.append(Notice("too_few_resamples", text))
    if any(math.isnan(interval.lower) for interval in found.intervals):
        text = f"the resamples do not vary in a way that method={method!r} could use."
        notices.append(Notice("no_interval", text))
    if found.skew > MOST_SKEW:
        text = "a few units with extreme values make up much of the variance; the interval covers less than it says."
        notices.append(Notice("skewed", text))
    if found.smallest < FEW_UNITS:
        text = f"a sample has {found.smallest} units; the bootstrap is not reliable under {FEW_UNITS}."
        notices.append(Notice("few_units", text))
    return tuple(notices)


def _result(
    backend: str,
    statistic: str | Callable[[Any], Any],
    method: str,
    confidence: float,
    found: _Found,
    notices: tuple[Notice, ...],
) -> BootstrapEstimate:
    n = found.replicates.shape[1]
    name = statistic if isinstance(statistic, str) else getattr(statistic, "__name__", "function")
    how = f"{n} resamples" if n else "exact law of the order statistics"
    tested = isinstance(statistic, str) and statistic in CONTRASTS
    single = found.labels is None
    return BootstrapEstimate(
        backend,
        _one_or_all(found.estimates, single),
        _one_or_all([interval.lower for interval in found.intervals], single),
        _one_or_all([interval.upper for interval in found.intervals], single),
        confidence,
        f"{method} bootstrap of {name}, {how}",
        _one_or_all([interval.p_value for interval in found.intervals], single) if tested else None,
        notices,
        found.labels,
        _one_or_all(found.errors, single),
        n,
        found.replicates,
    )


def _one_or_all(values: list[float], single: bool) -> float | FloatArray:
    return values[0] if single else np.array(values)
