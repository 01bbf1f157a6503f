"""`srm`: a test of the counts of the arms against the shares that were planned (sample ratio mismatch)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import numpy as np

from .._core.frames import Log, read_frame
from .._core.params import Params
from .._core.results import Notice, Result
from ..typing import AnyArray, FloatArray, Int64Array, IntoFrame
from ._multinomial import DRAWS, exact_p_value
from ._shares import ALPHA, count_mapping, read_shares, refuse_unplanned, share_notices
from ._special import special
from .corrections import adjust_p_values
from .sequential_srm import SequentialSRM, SequentialSrmResult

__all__ = ["SequentialSRM", "SequentialSrmResult", "SrmResult", "srm"]

SMALL = 5
"""Below so many expected units in an arm the chi-square law is not trusted."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SrmResult(Result):
    """Counts against weights: one row over all units, then one per group of each column of `by`.

    Parameters
    ----------
    variants
        The arms, in the order of `weights`.
    weights
        Their shares, by variant; they sum to 1.
    by, group
        The column and its value of each row; "" and "all" in the first.
    counts, expected
        Units that are there and units that should be, shape (rows, variants).
    statistic
        Pearson's chi-square of each row, over the arms whose weight is not 0; infinite where an arm of weight 0 has
        units.
    p_values, p_adjusted
        Of each row; adjusted for the number of groups. The first row is no part of the adjustment.
    methods
        "chi-square", "exact", "monte carlo", or "certain" where units are in an arm of weight 0.
    alpha
        The level at which a mismatch is called one.
    notices
        What a reader must know.
    """

    _picture: ClassVar[str] = "srm:draw_srm"

    variants: tuple[Any, ...]
    weights: dict[Any, float]
    by: AnyArray
    group: AnyArray
    counts: Int64Array
    expected: FloatArray
    statistic: FloatArray
    p_values: FloatArray
    p_adjusted: FloatArray
    methods: AnyArray
    alpha: float
    notices: tuple[Notice, ...]

    def __len__(self) -> int:
        """Return the number of rows."""
        return self.p_values.size

    @property
    def warnings(self) -> tuple[Notice, ...]:
        """What a reader must know, as codes and sentences."""
        return self.notices

    @property
    def p_value(self) -> float:
        """The p-value over all units."""
        return float(self.p_values[0])

    @property
    def mismatch(self) -> bool:
        """Whether the arms do not hold what they should, over all units or (adjusted) in some group."""
        return bool((self.p_adjusted < self.alpha).any())

    def columns(self) -> dict[str, AnyArray]:
        """Return the table as arrays by column name."""
        counts = {f"n_{name}": self.counts[:, place] for place, name in enumerate(self.variants)}
        expected = {f"expected_{name}": self.expected[:, place] for place, name in enumerate(self.variants)}
        tests = {"statistic": self.statistic, "p_value": self.p_values, "p_adjusted": self.p_adjusted}
        return {"by": self.by, "group": self.group, **counts, **expected, **tests, "method": self.methods}

    def facts(self) -> dict[str, Any]:
        """Return the test over all units, and how many groups are out of proportion."""
        shares = {
            f"share of {name}": n / self.counts[0].sum() for name, n in zip(self.variants, self.counts[0], strict=True)
        }
        test = {"p_value": self.p_value, "method": self.methods[0], "alpha": self.alpha, "mismatch": self.mismatch}
        groups = {"groups": len(self) - 1, "groups out of proportion": int((self.p_adjusted[1:] < self.alpha).sum())}
        return {"units": int(self.counts[0].sum()), **shares, **test, **(groups if len(self) > 1 else {})}


def srm(
    counts: Mapping[Any, int] | IntoFrame,
    *,
    weights: Mapping[Any, float],
    variant: str = "variant",
    by: str | Sequence[str] | None = None,
    method: str = "auto",
    correction: str = "holm",
    alpha: float = ALPHA,
) -> SrmResult:
    """Test whether the arms of an experiment hold the shares of units that they were given.

    If they do not, units were lost or added after the assignment, and seldom at random: look for the cause before you
    read any metric [1]_.

    Parameters
    ----------
    counts
        Units by variant, as a mapping; or a dataframe with one row per unit.
    weights
        The share that each variant should get, by variant. They must sum to 1 (to within 1e-6), so that a forgotten arm
        is noticed; divide ratios such as 9 : 1 by their sum. An arm of weight 0 is left out of the degrees of freedom;
        if it holds units, the p-value is 0. A variant with a weight and no units counts 0.
    variant
        The column of variants, for a dataframe.
    by
        Columns of a dataframe, such as a segment and a day: each of their values is tested on its own. Timestamps are
        grouped by calendar day.
    method
        "chi_square" (Pearson), "exact" (multinomial), or "auto": exact where fewer than 5 units are expected in an arm.
        The exact test lists all outcomes, or draws 100,000 (from a fixed seed) if there are more than two million.
    correction
        How the p-values of all groups of `by` together are adjusted, as in `adjust_p_values`: "holm", "hochberg",
        "bonferroni", "bh", "by" or "none".
    alpha
        The level at which a mismatch is called one.

    Returns
    -------
    SrmResult
        `p_value` is that over all units; the table has a row per group.

    Raises
    ------
    ParameterError
        If the weights do not sum to 1, one is negative, fewer than two are positive, or another parameter is out of
        range.
    DataError
        If a count is no whole number of at least 0, a variant has no weight, or there are no units.

    Notes
    -----
    ``X^2 = sum (n_i - N w_i)^2 / (N w_i)`` against the chi-square law with as many degrees of freedom as there are
    positive weights, less one. The exact p-value is the probability of all outcomes that are at most as likely as the
    observed one. O(units) for a dataframe.

    References
    ----------
    .. [1] Kohavi, R., D. Tang and Y. Xu (2020). Trustworthy Online Controlled Experiments. Cambridge University Press,
       chapter 21.

    Examples
    --------
    >>> from growthkit.experiment.srm import srm
    >>> result = srm({"control": 821_588, "treatment": 815_482}, weights={"control": 0.5, "treatment": 0.5})
    >>> f"{result.p_value:.3g}", result.mismatch
    ('1.82e-06', True)
    """
    params = Params("srm")
    params.one_of("method", method, ("auto", "chi_square", "exact"))
    params.one_of("correction", correction, ("holm", "hochberg", "bonferroni", "bh", "by", "none"))
    alpha = params.number("alpha", alpha, above=0, below=1)
    shares = read_shares(params, weights)
    if isinstance(counts, Mapping):
        if by is not None:
            params.refuse("by", "None where counts are a mapping; pass a dataframe with one row per unit", by)
        table = count_mapping(cast("Mapping[Any, Any]", counts), shares, "srm")[None, :]
        return _test(table, ["all"], [""], shares, method, correction, alpha, backend="pandas")
    log = read_frame(counts, function="srm")
    table, groups, names = _count_frame(log, shares, variant, _columns(params, by))
    return _test(table, groups, names, shares, method, correction, alpha, backend=log.backend)


def _columns(params: Params, by: Any) -> list[str]:
    columns: list[Any] = [] if by is None else [by] if isinstance(by, str) else list(by)
    if len(set(columns)) < len(columns):
        params.refuse("by", "different columns", by)
    return columns


def _count_frame(
    log: Log, shares: dict[Any, float], variant: str, by: list[str]
) -> tuple[Int64Array, list[Any], list[str]]:
    """Count units by variant: over all rows, and in each group of each column."""
    arms = log.ids(variant, role="variant")
    found = arms.vocabulary.find(list(shares))
    unplanned = np.setdiff1d(np.arange(len(arms.vocabulary)), found)
    if unplanned.size:
        refuse_unplanned(arms.vocabulary.decode(unplanned).tolist(), shares, "srm")
    tables = [np.bincount(arms.codes, minlength=len(arms.vocabulary))[None, :]]
    groups, names = ["all"], [""]
    for column in by:
        codes, labels = _groups(log, column)
        cells = codes.astype(np.int64) * len(arms.vocabulary) + arms.codes
        tables.append(np.bincount(cells, minlength=labels.size * len(arms.vocabulary)).reshape(labels.size, -1))
        groups += [str(label) for label in labels]
        names += [column] * labels.size
    table = np.concatenate(tables)
    return np.where(found >= 0, table[:, found], 0), groups, names


def _groups(log: Log, column: str) -> tuple[AnyArray, AnyArray]:
    """Return the codes and labels of one column; days where it holds timestamps."""
    ids = log.ids(column, role="by")
    labels = ids.vocabulary.labels
    if labels.dtype.kind != "M":
        return ids.codes, labels
    days, place = np.unique(labels.astype("datetime64[D]"), return_inverse=True)
    return place[ids.codes], days


def _test(
    table: Int64Array,
    groups: list[Any],
    names: list[str],
    shares: dict[Any, float],
    method: str,
    correction: str,
    alpha: float,
    *,
    backend: str,
) -> SrmResult:
    weights = np.array(list(shares.values()))
    expected = table.sum(axis=1, keepdims=True) * weights
    statistic, p_values, methods = _p_values(table, expected, weights, method)
    adjusted = np.concatenate([p_values[:1], adjust_p_values(p_values[1:], method=correction)])
    labels, groups_array = np.array(names, dtype=object), np.array(groups, dtype=object)
    notices = (*share_notices(table[0], shares), *_simulated(methods))
    tests = (statistic, p_values, adjusted, methods, alpha, notices)
    return SrmResult(backend, tuple(shares), shares, labels, groups_array, table, expected, *tests)


def _p_values(
    table: Int64Array, expected: FloatArray, weights: FloatArray, method: str
) -> tuple[FloatArray, FloatArray, AnyArray]:
    planned = weights > 0
    observed, should = table[:, planned], expected[:, planned]
    statistic: FloatArray = ((observed - should) ** 2 / should).sum(axis=1)
    freedom = float(np.count_nonzero(planned) - 1)
    p_values: FloatArray = np.asarray(special.chdtrc(freedom, statistic), dtype=np.float64)
    methods = np.full(p_values.size, "chi-square", dtype=object)
    small = should.min(axis=1) < SMALL
    for row in np.flatnonzero(small if method == "auto" else np.full(small.shape, method == "exact")):
        p_values[row], methods[row] = exact_p_value(observed[row], weights[planned])
    impossible = table[:, ~planned].any(axis=1)
    statistic[impossible], p_values[impossible], methods[impossible] = np.inf, 0.0, "certain"
    return statistic, p_values, methods


def _simulated(methods: AnyArray) -> tuple[Notice, ...]:
    count = int((methods == "monte carlo").sum())
    text = f"{count} exact p-values were estimated from {DRAWS:,} draws; they cannot be smaller than {1 / DRAWS:g}."
    return (Notice("monte_carlo", text),) if count else ()
