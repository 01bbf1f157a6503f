"""The Mann-Whitney test: whether a variant tends to larger values, and how often it has them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

import numpy as np

from .._core.frames import read_frame
from .._core.params import Params
from .._core.results import Estimate, Notice
from ..exceptions import DataError
from ..typing import AnyArray, FloatArray, IntoFrame
from . import _kernels
from ._samples import no_values, read_samples
from ._special import special

__all__ = ["MannWhitney", "mann_whitney"]

ALTERNATIVES = ("two-sided", "greater", "less")
SMALL = 50
"""Samples under this size get the exact law of U where nothing is tied."""

MOST_PAIRS = 10_000
"""The largest product of sizes for which the exact law of U is computed."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class MannWhitney(Estimate):
    """P(variant > control) + P(equal) / 2, by variant.

    Parameters
    ----------
    variant
        The variant of each estimate.
    u
        The Mann-Whitney statistic: the pairs in which the variant is greater, plus half of those that are equal.
    p_brunner_munzel
        The p-value of "the estimate is one half", which allows for unequal distributions; NaN where the samples do not
        overlap. `p_value` is that of "the distributions are equal".
    """

    _picture: ClassVar[str] = "resampling:draw_mann_whitney"

    variant: AnyArray = field(default_factory=no_values)
    u: FloatArray = field(default_factory=no_values)
    p_brunner_munzel: FloatArray = field(default_factory=no_values)

    def columns(self) -> dict[str, AnyArray]:
        """Return the table as arrays by column name: one row a variant."""
        table = super(MannWhitney, self).columns()
        return {"variant": self.variant, **table, "u": self.u, "p_brunner_munzel": self.p_brunner_munzel}


class _Overlap(NamedTuple):
    """How a sample of m values lies to one of n: U, the DeLong variance of U / (m n) and its degrees of freedom."""

    m: int
    n: int
    u: float
    variance: float
    df: float
    ties: float

    @property
    def effect(self) -> float:
        return self.u / (self.m * self.n)


def mann_whitney(
    data: IntoFrame,
    *,
    value: str = "value",
    variant: str = "variant",
    control: Any,
    alternative: str = "two-sided",
    method: str = "auto",
    interval: str = "brunner_munzel",
    confidence: float = 0.95,
) -> MannWhitney:
    """Test whether a variant tends to larger values, and estimate how often it has them.

    The method is that of [1]_.

    Parameters
    ----------
    data
        One row per unit: a pandas, Polars or PyArrow dataframe.
    value
        Column of the metric, finite numbers; only their order counts.
    variant
        Column of variants; each other one is compared with `control`.
    control
        The variant that the others are compared with.
    alternative
        "two-sided", "greater" (the variant tends to larger values) or "less"; the interval is one-sided with the last
        two.
    method
        Of `p_value`: "exact" (the law of U, without ties, sizes with a product of at most 10,000), "normal" (with
        corrections for ties and for continuity), "auto" (exact if both samples are smaller than 50 and nothing is
        tied).
    interval
        "brunner_munzel": estimate +- t x standard error of DeLong [2]_, cut at 0 and 1; it leaves 1/2 out exactly when
        `p_brunner_munzel` [3]_ is at most 1 - confidence. "logit": the same on the logit scale, better far from 1/2.
        "newcombe": method 5 of Newcombe [4]_, for which the variances are those of a model, but which also stands where
        samples do not overlap.
    confidence
        Level of the interval, in (0, 1).

    Returns
    -------
    MannWhitney
        One row per variant other than the control. `p_value` tests that the distributions are equal, the interval
        and `p_brunner_munzel` allow that they differ in shape; a notice says where they disagree.

    Raises
    ------
    DataError
        For missing columns or values, a variant with a single row, or ties with ``method="exact"``.
    ParameterError
        For parameters out of range.

    Notes
    -----
    O(n log n). With ``p_i`` the share of the control's values below value i of the variant (ties count half) and
    ``r_j`` likewise, the estimate is the mean of p and its variance ``var(p) / m + var(r) / n``.

    References
    ----------
    .. [1] Mann, H. B. and D. R. Whitney (1947). On a test of whether one of two random variables is stochastically
       larger than the other. Annals of Mathematical Statistics 18, 50-60.
    .. [2] DeLong, E. R., D. M. DeLong and D. L. Clarke-Pearson (1988). Comparing the areas under two or more correlated
       receiver operating characteristic curves. Biometrics 44, 837-845.
    .. [3] Brunner, E. and U. Munzel (2000). The nonparametric Behrens-Fisher problem. Biometrical Journal 42, 17-25.
    .. [4] Newcombe, R. G. (2006). Confidence intervals for an effect size measure based on the Mann-Whitney statistic.
       Part 2. Statistics in Medicine 25, 559-573.

    Examples
    --------
    >>> import pandas as pd
    >>> from growthkit.experiment.resampling import mann_whitney
    >>> frame = pd.DataFrame({"variant": ["m"] * 5 + ["f"] * 4, "value": [19, 22, 16, 29, 24, 20, 11, 17, 12]})
    >>> found = mann_whitney(frame, control="f")
    >>> float(found.u[0]), round(float(found.p_value[0]), 4)
    (17.0, 0.1111)
    """
    params = Params("mann_whitney")
    params.one_of("alternative", alternative, ALTERNATIVES)
    params.one_of("method", method, ("auto", "exact", "normal"))
    params.one_of("interval", interval, tuple(INTERVALS))
    params.number("confidence", confidence, above=0, below=1)
    log = read_frame(data, function=params.function)
    samples = read_samples(log, value, variant=variant, control=control)
    control_values = np.sort(samples[0].values)
    overlaps = [_overlap(np.sort(sample.values), control_values) for sample in samples[1:]]
    ends = [_ends(overlap, alternative, interval, confidence) for overlap in overlaps]
    p_values = np.array([_p_value(overlap, alternative, method) for overlap in overlaps])
    labels = [sample.label for sample in samples[1:]]
    return MannWhitney(
        log.backend,
        np.array([overlap.effect for overlap in overlaps]),
        np.array([low for low, _ in ends]),
        np.array([high for _, high in ends]),
        confidence,
        f"Mann-Whitney test, {method} p, {interval} interval, {alternative}",
        p_values,
        tuple(_rank_notices(labels, overlaps, ends, p_values, confidence, alternative)),
        np.array(labels),
        np.array([overlap.u for overlap in overlaps]),
        np.array([_p_brunner_munzel(overlap, alternative) for overlap in overlaps]),
    )


def _overlap(values: FloatArray, others: FloatArray) -> _Overlap:
    m, n = values.size, others.size
    below, above = np.empty(m), np.empty(n)
    _kernels.placements(values, others, below)
    _kernels.placements(others, values, above)
    parts = float(np.var(below / n, ddof=1)) / m, float(np.var(above / m, ddof=1)) / n
    total = sum(parts)
    df = total**2 / (parts[0] ** 2 / (m - 1) + parts[1] ** 2 / (n - 1)) if total > 0 else math.nan
    return _Overlap(m, n, float(below.sum()), total, df, _kernels.tie_cubes(values, others))


def _p_value(overlap: _Overlap, alternative: str, method: str) -> float:
    m, n, tied = overlap.m, overlap.n, overlap.ties > 0
    if method == "exact" and tied:
        raise DataError(
            'mann_whitney: some values are tied, for which the exact law is not known; use method="normal".'
        )
    if method == "exact" and m * n > MOST_PAIRS:
        raise DataError(
            f'mann_whitney: {m} and {n} values are too many for the exact law; use method="normal", which is as good.'
        )
    exact = method == "exact" or (method == "auto" and not tied and max(m, n) < SMALL)
    tail = _exact_tail if exact else _normal_tail
    if alternative == "two-sided":
        return min(1.0, 2 * tail(overlap, max(overlap.u, m * n - overlap.u)))
    return tail(overlap, overlap.u if alternative == "greater" else m * n - overlap.u)


def _exact_tail(overlap: _Overlap, u: float) -> float:
    """Return P(U >= u) if all arrangements are equally likely."""
    counts = _kernels.u_counts(min(overlap.m, overlap.n), max(overlap.m, overlap.n))
    return float(counts[math.ceil(u) :].sum() / counts.sum())


def _normal_tail(overlap: _Overlap, u: float) -> float:
    m, n = overlap.m, overlap.n
    total = m + n
    variance = m * n / 12 * (total + 1 - overlap.ties / (total * (total - 1)))
    return float(special.ndtr(-(u - m * n / 2 - 0.5) / math.sqrt(variance))) if variance > 0 else 1.0


def _p_brunner_munzel(overlap: _Overlap, alternative: str) -> float:
    if not overlap.variance > 0:
        return math.nan
    t = (overlap.effect - 0.5) / math.sqrt(overlap.variance)
    if alternative == "two-sided":
        return float(2 * special.stdtr(overlap.df, -abs(t)))
    return float(special.stdtr(overlap.df, -t if alternative == "greater" else t))


def _ends(overlap: _Overlap, alternative: str, interval: str, confidence: float) -> tuple[float, float]:
    level = 0.5 + confidence / 2 if alternative == "two-sided" else confidence
    name = interval if overlap.variance > 0 else "newcombe"
    low, high = INTERVALS[name](overlap, level)
    return (0.0 if alternative == "less" else low), (1.0 if alternative == "greater" else high)


def _plain_ends(overlap: _Overlap, level: float) -> tuple[float, float]:
    reach = float(special.stdtrit(overlap.df, level)) * math.sqrt(overlap.variance)
    return max(0.0, overlap.effect - reach), min(1.0, overlap.effect + reach)


def _logit_ends(overlap: _Overlap, level: float) -> tuple[float, float]:
    effect = overlap.effect
    reach = float(special.stdtrit(overlap.df, level)) * math.sqrt(overlap.variance) / (effect * (1 - effect))
    return float(special.expit(special.logit(effect) - reach)), float(special.expit(special.logit(effect) + reach))


def _newcombe_ends(overlap: _Overlap, level: float) -> tuple[float, float]:
    """Solve (estimate - theta)^2 = z^2 variance(theta) on either side of the estimate."""
    z, effect, pairs = float(special.ndtri(level)), overlap.effect, overlap.m * overlap.n
    size = (overlap.m + overlap.n) / 2 - 1

    def inside(theta: float) -> bool:
        spread = 1 + size * (1 - theta) / (2 - theta) + size * theta / (1 + theta)
        return (effect - theta) ** 2 <= z * z * theta * (1 - theta) * spread / pairs

    ends: list[float] = []
    for outer in (0.0, 1.0):
        kept, dropped = effect, outer
        for _ in range(60):
            middle = (kept + dropped) / 2
            kept, dropped = (middle, dropped) if inside(middle) else (kept, middle)
        ends.append(kept)
    return ends[0], ends[1]


INTERVALS = {"brunner_munzel": _plain_ends, "logit": _logit_ends, "newcombe": _newcombe_ends}


def _rank_notices(
    labels: list[Any],
    overlaps: list[_Overlap],
    ends: list[tuple[float, float]],
    p_values: FloatArray,
    confidence: float,
    alternative: str,
) -> list[Notice]:
    notices: list[Notice] = []
    for label, overlap, (low, high), p_value in zip(labels, overlaps, ends, p_values, strict=True):
        if not overlap.variance > 0:
            text = (
                f"{label}: the samples do not overlap; the interval is Newcombe's, which needs no variance of theirs."
            )
            notices.append(Notice("no_overlap", text))
        elif (p_value <= 1 - confidence) != (not low <= 0.5 <= high):
            text = f"{label}: p_value (of equal distributions) and the interval (of the effect) do not say the same."
            notices.append(Notice("tests_disagree", text))
        if overlap.variance > 0 and alternative == "two-sided" and (low == 0 or high == 1):
            text = f"{label}: the interval was cut at {low:g} or {high:g} and is too narrow; use interval='logit'."
            notices.append(Notice("cut_interval", text))
    return notices
