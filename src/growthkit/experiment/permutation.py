"""Permutation tests: how large differences arise if the variants are handed out otherwise."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from .._core.frames import read_frame
from .._core.parallel import block_edges, run_blocks, thread_count
from .._core.params import Params
from .._core.random import seed_from
from .._core.results import Estimate, Notice
from ..typing import AnyArray, FloatArray, IntoFrame, RngLike
from . import _kernels
from ._samples import Sample, no_values, read_samples

__all__ = ["PermutationTest", "permutation_test"]

ALTERNATIVES = ("two-sided", "greater", "less")
BLOCK = 64
SLACK = 1e-9
"""Statistics that differ by less, relative to their size, are equal: sums of the same numbers in another order."""

NOISE = 1e-14
"""So much can rounding change a sum, relative to the sum of the absolute values."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PermutationTest(Estimate):
    """Differences of means by variant, with the interval of the shifts that the test does not reject.

    Parameters
    ----------
    variant
        The variant of each estimate.
    statistic
        The observed value of the test statistic.
    n_permutations
        How many other assignments each was compared with.
    exact
        Whether these were all there are.
    """

    variant: AnyArray = field(default_factory=no_values)
    statistic: FloatArray = field(default_factory=no_values)
    n_permutations: AnyArray = field(default_factory=no_values)
    exact: AnyArray = field(default_factory=no_values)

    def columns(self) -> dict[str, AnyArray]:
        """Return the table as arrays by column name: one row a variant."""
        table = super(PermutationTest, self).columns()
        extra = {"statistic": self.statistic, "n_permutations": self.n_permutations, "exact": self.exact}
        return {"variant": self.variant, **table, **extra}


class _Sums(NamedTuple):
    """Sums over a group by assignment, in the columns of `_table`, and the number of units in the group."""

    sums: FloatArray
    n: int


class _Test(NamedTuple):
    """What is needed to test any shift of one pair: sums of the treated and of the others, for each assignment.

    The first assignment is the observed one.
    """

    treated: _Sums
    others: _Sums
    studentized: bool
    alternative: str
    exact: bool

    def statistics(self, shift: float) -> tuple[FloatArray, FloatArray]:
        """Return the statistic of each assignment after `shift` has been taken off the treated units, and its noise."""
        ratio, error, noise = _ratio_and_error(self.treated, shift)
        other, other_error, other_noise = _ratio_and_error(self.others, shift)
        difference, noise = ratio - other, noise + other_noise
        if not self.studentized:
            return difference, noise
        scale = np.hypot(error, other_error)
        with np.errstate(invalid="ignore", divide="ignore"):
            pivots = difference / scale
            degenerate = np.where(np.abs(difference) <= noise, 0.0, np.copysign(np.inf, difference))
            return np.where(scale > 0, pivots, degenerate), np.where(scale > 0, noise / scale, 0.0)

    def p_value(self, shift: float) -> float:
        """Return the share of assignments whose statistic is at least as extreme as the observed one."""
        statistics, noise = self.statistics(shift)
        if self.alternative == "less":
            statistics = -statistics
        elif self.alternative == "two-sided":
            statistics = np.abs(statistics)
        observed = statistics[0]
        slack = noise + noise[0] + SLACK * abs(observed) if math.isfinite(observed) else 0.0
        # Undefined statistics (a group without denominators) count as extreme.
        return 1 - int(np.count_nonzero(statistics < observed - slack)) / statistics.size


def permutation_test(
    data: IntoFrame,
    *,
    value: str = "value",
    denominator: str | None = None,
    unit: str | None = None,
    variant: str = "variant",
    control: Any,
    statistic: str = "studentized",
    alternative: str = "two-sided",
    n_permutations: int = 9999,
    confidence: float = 0.95,
    rng: RngLike = None,
    n_threads: int | None = None,
    progress: bool = False,
) -> PermutationTest:
    """Test the difference of two means by handing out the variants anew.

    The method is that of [1]_.

    Parameters
    ----------
    data
        One row per observation: a pandas, Polars or PyArrow dataframe.
    value
        Column of the metric, finite numbers.
    denominator
        Column of denominators: compare sum(value) / sum(denominator) instead of means.
    unit
        Column of the units that were randomised, where one has several rows; they are handed out whole.
    variant
        Column of variants; each other one is compared with `control`, among the units of the two.
    control
        The variant that the others are compared with.
    statistic
        "studentized": the difference over its (Welch, by unit) standard error, which keeps the level for large samples
        also if only the means agree [2]_. "difference": the plain difference, exact only if the distributions agree.
    alternative
        "two-sided", "greater" (the variant's mean is greater) or "less".
    n_permutations
        How many assignments to draw. Where there are no more than that, all are gone through and p is exact.
    confidence
        Level of the interval, in (0, 1).
    rng
        Seed, Generator or None; the assignment b depends on the seed and b only.
    n_threads
        Number of threads; None for all cores. The result is the same for any number.
    progress
        Whether to show a bar.

    Returns
    -------
    PermutationTest
        One row per variant other than the control. The interval holds the shifts of all treated units that the same
        test, with the same assignments, does not reject; one-sided alternatives give one-sided intervals.

    Raises
    ------
    DataError
        For missing columns or values, a unit in two variants, or a variant with a single unit.
    ParameterError
        For parameters out of range.

    Notes
    -----
    O(units x n_permutations). With all assignments, p is the share whose statistic is at least as extreme as the
    observed one; with m drawn ones, p = (b + 1) / (m + 1), which keeps the level whatever m is [3]_. Each assignment is
    reduced to a few sums from which its statistic follows for every shift, so that the interval costs no more draws.

    References
    ----------
    .. [1] Pitman, E. J. G. (1937). Significance tests which may be applied to samples from any populations. Supplement
       to the JRSS 4, 119-130.
    .. [2] Janssen, A. (1997). Studentized permutation tests for non-i.i.d. hypotheses and the generalized
       Behrens-Fisher problem. Statistics & Probability Letters 36, 9-21.
    .. [3] Phipson, B. and G. K. Smyth (2010). Permutation p-values should never be zero. Statistical Applications in
       Genetics and Molecular Biology 9(1), 39.

    Examples
    --------
    >>> import pandas as pd
    >>> from growthkit.experiment.resampling import permutation_test
    >>> quiz = pd.DataFrame({"variant": ["B", "B", "A", "A"], "value": [7, 5, 3, 1]})
    >>> float(permutation_test(quiz, control="A").p_value[0])
    0.333...
    """
    params = Params("permutation_test")
    params.one_of("statistic", statistic, ("studentized", "difference"))
    params.one_of("alternative", alternative, ALTERNATIVES)
    params.number("confidence", confidence, above=0, below=1)
    params.flag("progress", progress)
    n = params.whole("n_permutations", n_permutations, low=19)
    seed = seed_from(rng, function=params.function)
    log = read_frame(data, function=params.function, n_threads=n_threads)
    samples = read_samples(log, value, denominator=denominator, unit=unit, variant=variant, control=control)
    tests = [
        _prepare(sample, samples[0], statistic, alternative, n, (seed, arm), n_threads, progress)
        for arm, sample in enumerate(samples[1:])
    ]
    estimates = np.array([sample.ratio - samples[0].ratio for sample in samples[1:]])
    p_values = np.array([test.p_value(0.0) for test in tests])
    ends = [_ends(test, estimate, 1 - confidence) for test, estimate in zip(tests, estimates, strict=True)]
    return PermutationTest(
        log.backend,
        estimates,
        np.array([low for low, _ in ends]),
        np.array([high for _, high in ends]),
        confidence,
        f"permutation test of the {'studentized ' if statistic == 'studentized' else ''}difference, {alternative}",
        p_values,
        _notices(tests, confidence),
        np.array([sample.label for sample in samples[1:]]),
        np.array([test.statistics(0.0)[0][0] for test in tests]),
        np.array([test.treated.sums.shape[0] - (not test.exact) for test in tests]),
        np.array([test.exact for test in tests]),
    )


def _prepare(
    treated: Sample,
    control: Sample,
    statistic: str,
    alternative: str,
    n_permutations: int,
    keys: tuple[int, int],
    n_threads: int | None,
    progress: bool,
) -> _Test:
    """Reduce every assignment of one pair to sums."""
    table = _table(treated, control)
    n = table.shape[0]
    exact = math.comb(n, treated.n) <= n_permutations
    if exact:
        sums = _all_sums(table, treated.n)
    else:
        sums = np.empty((n_permutations + 1, table.shape[1]))
        sums[0] = table[: treated.n].sum(axis=0)
        _draw(table, treated.n, keys, sums[1:], n_threads, progress)
    rest = table.sum(axis=0) - sums
    studentized = statistic == "studentized"
    return _Test(_Sums(sums, treated.n), _Sums(rest, n - treated.n), studentized, alternative, exact)


def _table(treated: Sample, control: Sample) -> FloatArray:
    """Return, by unit, x, xx, n, xn, nn, and with z = n of the treated units and 0 else: z, xz, nz.

    The metric is first centred at the pooled ratio, for the sake of the sums of squares.
    """
    pooled = (treated.values.sum() + control.values.sum()) / (treated.base + control.base)
    n = np.concatenate([np.ones(s.n) if s.bases is None else s.bases for s in (treated, control)])
    x = np.concatenate((treated.values, control.values)) - pooled * n
    z = np.where(np.arange(n.size) < treated.n, n, 0.0)
    return np.column_stack((x, x * x, n, x * n, n * n, z, x * z, n * z))


def _ratio_and_error(group: _Sums, shift: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the ratio of each assignment's group, its standard error, and how far rounding can move the ratio.

    x - shift z stands in the place of x. The sum of |x| over the units is at most sqrt(units x sum of x x).
    """
    x, xx, n, xn, nn, z, xz, nz = group.sums.T
    # z is n or 0, so that z z = n z.
    x, xx, xn = x - shift * z, xx - 2 * shift * xz + shift**2 * nz, xn - shift * nz
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = x / n
        squares = xx - 2 * ratio * xn + ratio**2 * nn
        noise = 1e-12 * (np.abs(xx) + np.abs(ratio**2 * nn))
        squares = np.where(squares > noise, squares, 0.0)
        rounding = NOISE * np.sqrt(group.n * np.abs(xx)) / np.abs(n)
        return ratio, np.sqrt(squares * group.n / max(group.n - 1, 1)) / np.abs(n), rounding


def _all_sums(table: FloatArray, size: int) -> FloatArray:
    """Return the sums of all choices of `size` units; the first `size` units come first."""
    choices = np.array(list(combinations(range(table.shape[0]), size)), dtype=np.intp)
    return table[choices].sum(axis=1)


def _draw(
    table: FloatArray, size: int, keys: tuple[int, int], sums: FloatArray, n_threads: int | None, progress: bool
) -> None:
    seed: Any = np.random.SeedSequence(keys[0], spawn_key=keys[1:]).generate_state(1, np.uint64)[0]
    edges = block_edges(sums.shape[0], -(-sums.shape[0] // BLOCK))

    def work(block: int) -> None:
        first, stop = edges[block]
        _kernels.selected_sums(table, size, seed, first, sums[first:stop])

    rows = table.shape[0] * sums.shape[0] // 16
    threads = thread_count(n_threads, n_rows=rows, function="permutation_test")
    run_blocks(work, len(edges), n_threads=threads, progress=progress, label="permutation_test")


def _ends(test: _Test, estimate: float, alpha: float) -> tuple[float, float]:
    """Return the ends of the set of shifts that are not rejected, outwards from the estimate."""
    low = -math.inf if test.alternative == "less" else _end(test, estimate, -1.0, alpha)
    high = math.inf if test.alternative == "greater" else _end(test, estimate, 1.0, alpha)
    return low, high


def _end(test: _Test, estimate: float, side: float, alpha: float) -> float:
    """Return the outermost shift on one side that is not rejected; infinite where every one is kept."""
    kept: Callable[[float], bool] = lambda shift: test.p_value(shift) > alpha  # noqa: E731
    inside, step = estimate, _scale(test, estimate)
    outside = inside + side * step
    for _ in range(60):
        if not kept(outside):
            break
        inside, step = outside, 2 * step
        outside = inside + side * step
    else:
        return side * math.inf
    # The set need not be convex near the ends; 0 must fall on the side that its own p-value says.
    if (0.0 - estimate) * side > 0:
        if kept(0.0) and (0.0 - inside) * side > 0:
            inside = 0.0
            outside = outside if (outside - inside) * side > 0 else inside + side * step
        elif not kept(0.0) and (outside - 0.0) * side > 0:
            inside, outside = (estimate if (inside - 0.0) * side >= 0 else inside), 0.0
    for _ in range(60):
        middle = inside + (outside - inside) / 2
        inside, outside = (middle, outside) if kept(middle) else (inside, middle)
    return inside


def _scale(test: _Test, estimate: float) -> float:
    """Return a first step outwards: a standard error, or something of the size of the estimate."""
    _, errors, _ = _ratio_and_error(test.treated, 0.0)
    _, others, _ = _ratio_and_error(test.others, 0.0)
    error = float(np.hypot(errors[0], others[0]))
    return error if error > 0 else abs(estimate) or 1.0


def _notices(tests: list[_Test], confidence: float) -> tuple[Notice, ...]:
    smallest = min(test.treated.sums.shape[0] for test in tests)
    if smallest * (1 - confidence) >= 1:
        return ()
    text = f"{smallest} assignments cannot give a p-value of {1 - confidence:g} or less; no difference can be found."
    return (Notice("too_few_assignments", text),)
