"""Switchback experiments: variants that take turns in time, analysed by block."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from .._core.frames import Log, Times, read_frame
from .._core.params import Params
from .._core.random import seed_from, stream
from .._core.results import Estimate, Notice, announce
from ..exceptions import DataError
from ..typing import AnyArray, BoolArray, FloatArray, IntoFrame, RngLike
from ._blocks import Blocks, read_blocks, ticks_of, without_units
from ._contributions import t_interval

__all__ = ["Carryover", "Switchback", "switchback"]

ALPHA = 0.05
"""Below this p-value, carryover is called such."""

FEWEST = 2
"""Blocks of each variant that a unit needs."""

FEW_BLOCKS = 10
"""Fewer blocks of a variant make the t interval lean on normal means."""

DRAWS_AT_A_TIME = 2_000_000


class Carryover(NamedTuple):
    """How far the variant of the block before still acts.

    Parameters
    ----------
    estimate
        Its effect on a block's mean, given the block's own variant.
    lower, upper, p_value
        Of that effect.
    """

    estimate: float
    lower: float
    upper: float
    p_value: float


@dataclass(frozen=True, slots=True, eq=False, repr=False, kw_only=True)
class Switchback(Estimate):
    """The effect of a variant on the mean of a block, and the blocks.

    Parameters
    ----------
    df
        Degrees of freedom of the interval.
    randomization_p_value
        Of the hypothesis that no block's mean depends on its variant, from permutations within units.
    carryover
        The effect of the variant before; NaN where it cannot be told.
    blocks
        The blocks in use.
    names
        The control and the other variant.
    """

    _picture: ClassVar[str] = "quasi:draw_switchback"

    df: float
    randomization_p_value: float
    carryover: Carryover
    blocks: Blocks
    names: tuple[Any, Any]

    def columns(self) -> dict[str, AnyArray]:
        """Return the blocks as arrays by column name."""
        blocks = self.blocks
        variant = np.array(self.names, dtype=object)[blocks.treated.astype(np.intp)]
        unit = {"unit": blocks.labels[blocks.unit]} if blocks.labels.size > 1 else {}
        return {**unit, "start": blocks.start, "variant": variant, "mean": blocks.mean, "rows": blocks.size}

    def facts(self) -> dict[str, Any]:
        """Return the effect with its interval, and the check of carryover."""
        names = ("estimate", "lower", "upper", "p_value", "randomization_p_value", "confidence", "method")
        counts = {"blocks": self.blocks.number.size, "blocks treated": int(self.blocks.treated.sum())}
        return {name: getattr(self, name) for name in names} | {"carryover p_value": self.carryover.p_value} | counts


def switchback(
    df: IntoFrame,
    *,
    control: Any,
    outcome: str,
    period: Any,
    variant: str = "variant",
    timestamp: str = "timestamp",
    unit: str | None = None,
    washout: Any = None,
    origin: Any = None,
    n_resamples: int = 2000,
    rng: RngLike = 0,
    confidence: float = 0.95,
) -> Switchback:
    """Analyse an experiment in which variants were switched at random from block to block of time.

    The method is that of [1]_.

    Parameters
    ----------
    df
        One row per event, such as an order or a search.
    control
        The variant to compare with. There must be exactly one other.
    outcome
        The column of outcomes.
    period
        The length of a block: "30min", "2h", "1D" (s, min, h, D, W), or a timedelta.
    variant
        The column of variants; one for each unit and block.
    timestamp
        The column of timestamps.
    unit
        The column of what was switched, such as regions; None if the whole business was.
    washout
        How long after the start of each block rows are left out, because they still feel the block before. Less than
        `period`.
    origin
        A moment at which a block started. None for 1970-01-01 00:00, so that blocks of a day or its parts start at
        midnight.
    n_resamples
        Permutations for the randomization test, at least 100.
    rng
        A seed or generator for them.
    confidence
        The level of the interval, in (0, 1).

    Returns
    -------
    Switchback
        `estimate` is the difference of mean block means, all blocks counting alike; its table holds the blocks. Read
        `carryover` before anything else.

    Raises
    ------
    ParameterError
        If a parameter is out of range.
    DataError
        If a unit has two variants in one block, there are not two variants, or no unit has 2 blocks of each.

    Notes
    -----
    The block, not the row, is what was randomized, so rows add no degrees of freedom. Within unit u, the difference of
    the mean block means has variance ``s_1^2 / n_1 + s_0^2 / n_0`` (Neyman, conservative); units are weighted by their
    blocks, degrees of freedom are Satterthwaite's. As variants were drawn independently from block to block, the
    correlation of outcomes in time does not disturb this; a fixed pattern (A B A B) would. Where all units switch
    together, their means by block are analysed as one series. The randomization test permutes variants within units and
    compares ``|estimate| / error``.

    The check of carryover regresses block means on the variants of the block and of the one before (with unit effects,
    HC3). Washout helps if what lingers fades within a block; if not, make blocks longer: an estimate under carryover
    compares mixtures.

    O(rows log rows + blocks x n_resamples).

    References
    ----------
    .. [1] Bojinov, I., D. Simchi-Levi and J. Zhao (2023). Design and analysis of switchback experiments. Management
       Science 69(7), 3759-3777.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from growthkit.experiment.switchback import switchback
    >>> rng = np.random.default_rng(3)
    >>> when = pd.Timestamp("2026-03-01") + pd.to_timedelta(np.sort(rng.integers(0, 28 * 24 * 60, 20_000)), unit="min")
    >>> draws = rng.integers(0, 2, 28 * 6)
    >>> on = draws[((when - when[0].normalize()) // pd.Timedelta("4h")).to_numpy()]
    >>> table = pd.DataFrame({"timestamp": when, "variant": np.where(on, "new", "old"),
    ...                       "minutes": 30 - 2 * on + 3 * np.sin(when.hour / 4) + rng.normal(0, 8, 20_000)})
    >>> result = switchback(table, control="old", outcome="minutes", period="4h", washout="30min")
    >>> round(result.estimate, 2), round(result.lower, 2), round(result.upper, 2)
    (-2.34, -3.04, -1.64)
    """
    params = Params("switchback")
    confidence = params.number("confidence", confidence, above=0, below=1)
    n_resamples = params.whole("n_resamples", n_resamples, low=100)
    seed = seed_from(rng, function=params.function)
    log = read_frame(df, function=params.function)
    times = log.times(timestamp, role="timestamp")
    treated, names = _arms(params, log, variant, control)
    length, lost, start = _spans(params, times, period, washout, origin)
    blocks = read_blocks(
        log,
        times=times,
        treated=treated,
        outcome=log.measures(outcome, role="outcome"),
        units=_units(log, unit),
        variant=variant,
        length=length,
        washout=lost,
        origin=start,
    )
    result = _analyse(log, blocks, names, confidence, n_resamples, seed)
    announce((n for n in result.notices if n.code in ("carryover", "fixed_pattern")), function=params.function)
    return result


def _arms(params: Params, log: Log, variant: str, control: Any) -> tuple[BoolArray, tuple[Any, Any]]:
    arms = log.ids(variant, role="variant")
    labels = arms.vocabulary.objects().tolist()
    if control not in labels:
        params.refuse("control", f"one of the variants, {', '.join(map(repr, labels[:5]))}", control)
    if len(labels) != 2:
        raise DataError(
            f'{log.function}: column "{variant}" holds {len(labels)} variants where 2 are compared; keep the rows of '
            "the control and one other."
        )
    place = labels.index(control)
    return arms.codes != place, (labels[place], labels[1 - place])


def _spans(params: Params, times: Times, period: Any, washout: Any, origin: Any) -> tuple[int, int, int]:
    length = ticks_of(params, "period", period, times)
    if length < 1:
        params.refuse("period", "longer than 0", period)
    lost = 0 if washout is None else ticks_of(params, "washout", washout, times)
    if lost >= length:
        params.refuse("washout", "shorter than period", washout)
    if origin is None:
        return length, lost, 0
    try:
        since = np.datetime64(origin) - np.datetime64(0, "D")
    except (TypeError, ValueError):
        params.refuse("origin", "a moment such as '2026-03-01 06:00'", origin)
    return length, lost, ticks_of(params, "origin", abs(since), times) * (1 if since >= np.timedelta64(0, "D") else -1)


def _units(log: Log, unit: str | None) -> tuple[AnyArray, AnyArray]:
    if unit is None:
        return np.zeros(log.n_rows, dtype=np.int32), np.array(["all"], dtype=object)
    ids = log.ids(unit, role="unit")
    return ids.codes, ids.vocabulary.labels


def _analyse(
    log: Log, blocks: Blocks, names: tuple[Any, Any], confidence: float, n_resamples: int, seed: int
) -> Switchback:
    blocks = _switched_together(blocks)
    blocks = _enough(log, blocks)
    strata = _strata(blocks)
    estimate, variance, df = _neyman(strata)
    table = np.array([estimate]), np.array([variance]), np.array([df])
    lower, upper, p_value = (float(end[0]) for end in t_interval(*table, confidence))
    before = _carryover(blocks, confidence)
    notices = (*blocks.notices, *_notices(blocks, before, lower))
    return Switchback(
        backend=log.backend,
        estimate=estimate,
        lower=lower,
        upper=upper,
        confidence=confidence,
        method="difference of block means, Neyman's variance by unit",
        p_value=p_value,
        notices=notices,
        df=df,
        randomization_p_value=_permuted(strata, n_resamples, seed),
        carryover=before,
        blocks=blocks,
        names=names,
    )


def _switched_together(blocks: Blocks) -> Blocks:
    """Return one series of the mean over units where all units always switch together."""
    numbers, place, count = np.unique(blocks.number, return_inverse=True, return_counts=True)
    on = np.bincount(place, weights=blocks.treated)
    if blocks.labels.size == 1 or ((on > 0) & (on < count)).any() or count.max() == 1:
        return blocks
    of_unit = np.bincount(blocks.unit, weights=blocks.mean) / np.maximum(np.bincount(blocks.unit), 1)
    whole = (count == blocks.labels.size).all()
    level = 0.0 if whole else of_unit[blocks.unit] - of_unit.mean()
    mean = np.bincount(place, weights=blocks.mean - level) / count
    first = np.unique(blocks.number, return_index=True)[1]
    size = np.bincount(place, weights=blocks.size).astype(np.int64)
    text = f"all {blocks.labels.size} units switch together: their {numbers.size} blocks are analysed as one series."
    notice = Notice("units_switch_together", text)
    unit = np.zeros(numbers.size, dtype=np.intp)
    labels = np.array(["all"], dtype=object)
    return Blocks(unit, numbers, on > 0, mean, size, labels, blocks.start[first], (*blocks.notices, notice))


def _enough(log: Log, blocks: Blocks) -> Blocks:
    """Leave out units with too few blocks of a variant."""
    n = np.array([np.bincount(blocks.unit[blocks.treated == arm], minlength=blocks.labels.size) for arm in (0, 1)])
    short = n.min(axis=0) < FEWEST
    if short.all():
        raise DataError(
            f"{log.function}: no unit has {FEWEST} blocks of each variant ({int(n.sum())} blocks in all); switch more "
            "often or longer."
        )
    if not short.any():
        return blocks
    text = f"{int(short.sum())} of {short.size} units have fewer than {FEWEST} blocks of a variant and were left out."
    return without_units(blocks, ~short[blocks.unit], Notice("units_with_few_blocks", text))


def _strata(blocks: Blocks) -> list[tuple[FloatArray, BoolArray]]:
    """Return the block means of each unit, less their mean, and whether they are treated."""
    members = [blocks.unit == unit for unit in np.unique(blocks.unit)]
    return [(blocks.mean[m] - blocks.mean[m].mean(), blocks.treated[m]) for m in members]


def _neyman(strata: list[tuple[FloatArray, BoolArray]]) -> tuple[float, float, float]:
    """Return the estimate, its variance and Satterthwaite's degrees of freedom."""
    total = sum(values.size for values, _ in strata)
    estimate = variance = squares = 0.0
    for values, treated in strata:
        share = values.size / total
        for sign, arm in ((1, values[treated]), (-1, values[~treated])):
            part = share**2 * float(arm.var(ddof=1)) / arm.size
            estimate += sign * share * float(arm.mean())
            variance += part
            squares += part**2 / (arm.size - 1)
    return estimate, variance, variance**2 / squares if squares > 0 else np.nan


def _permuted(strata: list[tuple[FloatArray, BoolArray]], n_resamples: int, seed: int) -> float:
    """Return the share of permutations within units whose |estimate| / error is at least that observed."""
    total = sum(values.size for values, _ in strata)
    estimate, variance = np.zeros(n_resamples + 1), np.zeros(n_resamples + 1)
    for place, (values, treated) in enumerate(strata):
        share = values.size / total
        sums = _drawn_sums(values, treated, n_resamples, seed, place)
        n, m = int(treated.sum()), int((~treated).sum())
        rest = np.array([[values.sum()], [np.square(values).sum()]]) - sums
        means, others = sums[0] / n, rest[0] / m
        estimate += share * (means - others)
        spread = (sums[1] - n * means**2) / (n * (n - 1)) + (rest[1] - m * others**2) / (m * (m - 1))
        variance += share**2 * np.maximum(spread, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        score: FloatArray = np.nan_to_num(np.abs(estimate) / np.sqrt(variance), nan=0.0, posinf=np.inf)
    return float((score >= score[0] * (1 - 1e-9)).sum() / score.size)


def _drawn_sums(values: FloatArray, treated: BoolArray, n_resamples: int, seed: int, place: int) -> FloatArray:
    """Return sum and sum of squares of the treated: as observed, then in each permutation; shape (2, resamples + 1)."""
    powers = np.array([values, np.square(values)])
    n = int(treated.sum())
    draw = stream(seed, place)
    found = [powers[:, treated].sum(axis=1)[:, None]]
    step = max(1, DRAWS_AT_A_TIME // values.size)
    for first in range(0, n_resamples, step):
        keys = draw.random((min(step, n_resamples - first), values.size))
        chosen = np.argpartition(keys, n - 1, axis=1)[:, :n]
        found.append(powers[:, chosen].sum(axis=2))
    return np.concatenate(found, axis=1)


def _carryover(blocks: Blocks, confidence: float) -> Carryover:
    """Regress block means on the variants of the block and of the one before, with unit effects and HC3 errors."""
    follows = np.flatnonzero((np.diff(blocks.number) == 1) & (np.diff(blocks.unit) == 0)) + 1
    unit, place = np.unique(blocks.unit[follows], return_inverse=True)
    columns = np.column_stack([blocks.treated[follows], blocks.treated[follows - 1], blocks.mean[follows]])
    columns = columns.astype(np.float64)
    count = np.bincount(place, minlength=unit.size)
    means = np.array([np.bincount(place, weights=c, minlength=unit.size) for c in columns.T]) / count
    x: FloatArray = columns[:, :2] - means[:2].T[place]
    y: FloatArray = columns[:, 2] - means[2][place]
    free = follows.size - unit.size - 2
    gram = x.T @ x
    if free < 1 or np.linalg.det(gram) <= 1e-9 * follows.size**2:
        return Carryover(np.nan, np.nan, np.nan, np.nan)
    inverse = np.asarray(np.linalg.inv(gram), dtype=np.float64)
    slopes: FloatArray = inverse @ (x.T @ y)
    leverage = np.einsum("ij,jk,ik->i", x, inverse, x) + 1 / count[place]
    pull = x @ inverse[1] * (y - x @ slopes) / np.maximum(1 - leverage, 1e-9)
    table = np.array([slopes[1]]), np.array([np.square(pull).sum()]), np.array([float(free)])
    return Carryover(float(slopes[1]), *(float(end[0]) for end in t_interval(*table, confidence)))


def _notices(blocks: Blocks, before: Carryover, lower: float) -> list[Notice]:
    found: list[Notice] = []
    consecutive = np.diff(blocks.unit) == 0
    changes = np.diff(blocks.treated.astype(np.int8))[consecutive] != 0
    if changes.size > 2 and (changes.all() or changes.mean() < 0.5 / changes.size**0.5):
        how = "take strict turns" if changes.all() else "hardly ever switch"
        text = f"variants {how}: that is not random, and what repeats or drifts in time is taken for an effect."
        found.append(Notice("fixed_pattern", text))
    if before.p_value < ALPHA:
        text = f"the variant of the block before still acts (p = {before.p_value:.3g}): the estimate is of a mixture; "
        found.append(Notice("carryover", text + "use a longer washout or longer blocks."))
    elif np.isnan(before.p_value):
        found.append(Notice("carryover_untested", "carryover could not be told from the effect of the variant."))
    fewest = min(int(blocks.treated.sum()), int((~blocks.treated).sum()))
    if fewest < FEW_BLOCKS:
        text = f"only {fewest} blocks of a variant: the interval leans on normal means; the other test does not."
        found.append(Notice("few_blocks", text))
    if np.isnan(lower):
        found.append(Notice("no_variation", "block means do not vary: there is no interval."))
    return found
