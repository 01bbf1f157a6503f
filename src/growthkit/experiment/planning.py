"""How many units, for how long, to see which effect."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .._core.params import Params
from ..exceptions import DataError
from ..typing import FloatArray
from ._inputs import Columns
from ._plans import SamplePlan, answer, read_setup, read_target, refuse_equivalence
from ._test_power import solve_effect, solve_size
from ._traffic import Duration, days_to_reach, notices_of, read_traffic

__all__ = ["Duration", "SamplePlan", "duration", "minimum_detectable_effect", "power", "ratio_sd", "sample_size"]


def sample_size(
    baseline: Any,
    target: Any = None,
    *,
    effect: Any = None,
    relative_effect: Any = None,
    power: Any = 0.8,
    alpha: Any = 0.05,
    alternative: str = "two-sided",
    direction: str | None = None,
    sd: Any = None,
    sd_treatment: Any = None,
    formula: str | None = None,
    goal: str | None = None,
    margin: Any = None,
    margin_scale: str = "relative",
    arms: int = 2,
    comparisons: int | None = None,
    correction: str = "holm",
    allocation_ratio: Any = 1.0,
    r_squared: Any = 0.0,
    design_effect: Any = None,
    cluster_size: Any = None,
    cluster_cv: Any = None,
    icc: Any = None,
    inflation: Any = 1.0,
) -> SamplePlan:
    """Return how many units an experiment needs to find an effect.

    All numbers may be arrays of k, for k plans at once.

    Parameters
    ----------
    baseline
        Proportion (in [0, 1]) or, if `sd` is given, mean or ratio of the control.
    target, effect, relative_effect
        One of them: what the treatment has, how much more that is, or which share more. May be left out with a margin,
        and then is no effect.
    power
        Probability to find the effect, above `alpha`.
    alpha
        Probability to find one where there is none (or, with a margin, one beyond it).
    alternative
        "two-sided", "greater" or "less". Tests with a margin are one-sided: at alpha / 2 if this is "two-sided", as
        when the margin is compared with a two-sided interval of `readout`, else at alpha.
    direction
        "increase" (default) or "decrease": which way is good, for non-inferiority and minimum detectable effects.
    sd
        Standard deviation of a unit: then `baseline` is a mean. For a ratio of sums take that of `ratio_sd`.
    sd_treatment
        The same in the treatment, if it differs.
    formula
        For proportions "pooled" (default; the score test) [1]_, "unpooled", "continuity" [1]_ (for those who will test
        with a continuity correction) or "arcsine" (Cohen's h) [2]_. For means "welch" (default), "student" (one
        variance) or "normal".
    goal
        "superiority" (default), "non_inferiority" (default if there is a margin) or "equivalence".
    margin, margin_scale
        How much worse (for equivalence: how different) is acceptable, above 0: a share of the control's value
        ("relative", default) or in the metric's own unit ("absolute").
    arms
        Number of arms with the control.
    comparisons
        Number of tests that share alpha; by default each arm against the control, arms - 1. More with several primary
        metrics.
    correction
        "holm" and "bonferroni" (alpha / comparisons), "sidak", "dunnett" or "none".
    allocation_ratio
        Units of each treatment for one of the control. The power is best at 1 / sqrt(arms - 1).
    r_squared
        Share of the variance that covariates explain (CUPED), in [0, 1): the squared correlation with one covariate.
    design_effect
        By what clusters inflate the variance.
    cluster_size, cluster_cv, icc
        Or its parts: mean units in a cluster, their coefficient of variation, and the correlation of two units of one
        cluster, giving ``1 + ((1 + cv^2) size - 1) icc`` [3]_.
    inflation
        By what sequential looks inflate the sample: a number, or an object that has it, such as a `GroupSequential`.

    Returns
    -------
    SamplePlan
        `n_control`, `n_treatment` (of each treatment) and `n_total`, rounded up, `exact` (of the control, not rounded),
        `power` of the rounded sizes, and `method`. NaN where no size gives the power.

    Raises
    ------
    ParameterError
        For parameters out of range or that contradict each other.
    DataError
        For NaN, arrays of different lengths, or numbers out of range, with the first row.

    Notes
    -----
    With d the distance of the treatment from the hypothesis, s0 the standard error of its estimate under the hypothesis
    and s1 under the alternative, the power of one side is ``Phi((d - z s0) / s1)``, and a two-sided test adds the other
    side. "pooled" takes s0 at the proportions that are most likely under the hypothesis, with a margin those of
    Farrington and Manning [4]_; "continuity" takes ``(1/n0 + 1/n1) / 2`` off d; "welch" and "student" put the
    noncentral t distribution in place of Phi, with Satterthwaite's degrees of freedom, or n0 + n1 - 2; tests of
    equivalence have ``Phi_above + Phi_below - 1``. `sample_size` and `minimum_detectable_effect` solve this for n and
    d. O(k), about 15 evaluations.

    References
    ----------
    .. [1] Fleiss, J. L., A. Tytun and H. K. Ury (1980). A simple approximation for calculating sample sizes for
       comparing independent proportions. Biometrics 36(2), 343-346.
    .. [2] Cohen, J. (1988). Statistical Power Analysis for the Behavioral Sciences. 2nd edition. Erlbaum.
    .. [3] Eldridge, S. M., D. Ashby and S. Kerry (2006). Sample size for cluster randomized trials: effect of
       coefficient of variation of cluster size and analysis method. International Journal of Epidemiology 35(5).
    .. [4] Farrington, C. P. and G. Manning (1990). Test statistics and sample size formulae for comparative binomial
       trials with null hypothesis of non-zero risk difference or non-unity relative risk. Statistics in Medicine 9(12).

    Examples
    --------
    >>> from growthkit.experiment.planning import sample_size
    >>> plan = sample_size(0.10, 0.12)
    >>> plan.n_control, plan.n_total
    (3841, 7682)
    >>> plan.method
    'z test of two proportions, variance pooled under the null hypothesis (Fleiss), two-sided'
    >>> sample_size(20.0, relative_effect=[0.02, 0.05], sd=60.0, r_squared=0.4).n_control
    array([211921,  33909])
    >>> sample_size(0.10, margin=0.05).method
    'z test of two proportions, score test with margin (Farrington-Manning), non-inferiority, one-sided at 0.025'
    """
    shared = _numbers(baseline, alpha, sd, sd_treatment, margin, allocation_ratio, r_squared) | {
        "power": power,
        **_clusters(design_effect, cluster_size, cluster_cv, icc),
    }
    aims = {"target": target, "effect": effect, "relative_effect": relative_effect}
    words = _words(alternative, direction, formula, goal, margin_scale, arms, comparisons, correction, inflation)
    setup = read_setup("sample_size", shared | aims, words)
    mean = read_target(setup, aims)
    exact = solve_size(setup.plan, setup.ratio, mean, setup.columns["power"])
    n0, n1 = (np.ceil(part * (1 - 1e-11)) for part in (exact, setup.ratio * exact))
    return answer(setup, "sample_size", n0, n1, mean, exact)


def power(
    baseline: Any,
    target: Any = None,
    *,
    n_control: Any,
    n_treatment: Any = None,
    effect: Any = None,
    relative_effect: Any = None,
    alpha: Any = 0.05,
    alternative: str = "two-sided",
    direction: str | None = None,
    sd: Any = None,
    sd_treatment: Any = None,
    formula: str | None = None,
    goal: str | None = None,
    margin: Any = None,
    margin_scale: str = "relative",
    arms: int = 2,
    comparisons: int | None = None,
    correction: str = "holm",
    r_squared: Any = 0.0,
    design_effect: Any = None,
    cluster_size: Any = None,
    cluster_cv: Any = None,
    icc: Any = None,
    inflation: Any = 1.0,
) -> SamplePlan:
    """Return the probability to find an effect with so many units.

    Parameters
    ----------
    baseline, target
        As for `sample_size`.
    n_control, n_treatment
        Units in the control and in each treatment (by default as many), at least 2; arrays of k.
    effect, relative_effect, alpha, alternative, direction, sd, sd_treatment, formula, goal, margin, margin_scale, \
arms, comparisons, correction, r_squared, design_effect, cluster_size, cluster_cv, icc, inflation
        As for `sample_size`. For an effect that was seen in the same data this "observed power" says no more than its
        p-value.

    Returns
    -------
    SamplePlan
        Its `power`, for one comparison of a treatment with the control.

    Raises
    ------
    ParameterError, DataError
        As `sample_size`.

    Notes
    -----
    The formula of `sample_size`. For a group sequential test, "inflation" is that of its planned power, so that other
    powers are approximate; its own `characteristics` are exact. O(k).

    Examples
    --------
    >>> from growthkit.experiment.planning import power
    >>> round(power(0.10, 0.12, n_control=3841).power, 4)
    0.8
    >>> power(0.10, effect=0.02, n_control=[2000, 4000, 8000]).power.round(3)
    array([0.525, 0.816, 0.981])
    """
    shared = _numbers(baseline, alpha, sd, sd_treatment, margin, None, r_squared) | {
        "n_control": n_control,
        "n_treatment": n_control if n_treatment is None else n_treatment,
        **_clusters(design_effect, cluster_size, cluster_cv, icc),
    }
    aims = {"target": target, "effect": effect, "relative_effect": relative_effect}
    words = _words(alternative, direction, formula, goal, margin_scale, arms, comparisons, correction, inflation)
    setup = read_setup("power", shared | aims, words)
    n0, n1 = setup.columns["n_control"], setup.columns["n_treatment"]
    return answer(setup, "power", n0, n1, read_target(setup, aims))


def minimum_detectable_effect(
    baseline: Any,
    *,
    n_control: Any,
    n_treatment: Any = None,
    power: Any = 0.8,
    alpha: Any = 0.05,
    alternative: str = "two-sided",
    direction: str | None = None,
    sd: Any = None,
    sd_treatment: Any = None,
    formula: str | None = None,
    goal: str | None = None,
    margin: Any = None,
    margin_scale: str = "relative",
    arms: int = 2,
    comparisons: int | None = None,
    correction: str = "holm",
    r_squared: Any = 0.0,
    design_effect: Any = None,
    cluster_size: Any = None,
    cluster_cv: Any = None,
    icc: Any = None,
    inflation: Any = 1.0,
) -> SamplePlan:
    """Return the smallest true effect that so many units find with the given power.

    Parameters
    ----------
    baseline
        As for `sample_size`.
    n_control, n_treatment
        Units in the control and in each treatment (by default as many), at least 2; arrays of k.
    power, alpha, alternative
        As for `sample_size`.
    direction
        "increase" (default) or "decrease": the sign of the effect. It matters for proportions, whose variance changes.
    sd, sd_treatment, formula, goal, margin, margin_scale, arms, comparisons, correction, r_squared, design_effect, \
cluster_size, cluster_cv, icc, inflation
        As for `sample_size`.

    Returns
    -------
    SamplePlan
        Its `effect` and `relative_effect`; with a margin, the smallest true effect, often below 0, for which
        non-inferiority is shown. NaN where even a proportion of 0 or 1 would not be found.

    Raises
    ------
    ParameterError, DataError
        As `sample_size`.

    Notes
    -----
    The root of the formula of `sample_size`. Effects that turn out significant are larger than this only by luck: an
    experiment finds effects of about 0.7 times this one every other time. O(k), about 15 evaluations.

    Examples
    --------
    >>> from growthkit.experiment.planning import minimum_detectable_effect
    >>> found = minimum_detectable_effect(0.10, n_control=3841)
    >>> round(found.effect, 5), round(found.relative_effect, 4)
    (0.02, 0.2)
    """
    shared = _numbers(baseline, alpha, sd, sd_treatment, margin, None, r_squared) | {
        "n_control": n_control,
        "n_treatment": n_control if n_treatment is None else n_treatment,
        "power": power,
        **_clusters(design_effect, cluster_size, cluster_cv, icc),
    }
    words = _words(alternative, direction, formula, goal, margin_scale, arms, comparisons, correction, inflation)
    setup = read_setup("minimum_detectable_effect", shared, words)
    refuse_equivalence("minimum_detectable_effect", setup.plan)
    n0, n1 = setup.columns["n_control"], setup.columns["n_treatment"]
    return answer(setup, "effect", n0, n1, solve_effect(setup.plan, n0, n1, setup.columns["power"]))


def duration(
    n_total: SamplePlan | Any,
    *,
    traffic: Any,
    share: Any = 1.0,
    start: int = 0,
    ramp_up: float | Sequence[float] | FloatArray | None = None,
    whole_weeks: bool = True,
) -> Duration:
    """Return how many days an experiment takes.

    Parameters
    ----------
    n_total
        Units in all arms, a number or an array of k, or what `sample_size` returned.
    traffic
        New units (seen for the first time in the experiment) a day: a number; 7 numbers from Monday to Sunday; or k
        rows of 7.
    share
        Share of the traffic that enters the experiment, in (0, 1], a number or an array of k.
    start
        Day of the week on which it starts, 0 (Monday) to 6 (Sunday).
    ramp_up
        Shares of `share`, in [0, 1], for each of the first days; all arms must keep their ratios meanwhile.
    whole_weeks
        Whether to round up to whole weeks (default), so that all days of the week weigh the same.

    Returns
    -------
    Duration
        `days`, `weeks`, `n_expected` units by then and units `per_week`. Experiments of under a week or over eight
        weeks are named in `warnings`.

    Raises
    ------
    ParameterError, DataError
        For numbers out of range, traffic that is not by day of the week, or a plan that is out of reach.

    Notes
    -----
    The first day on which the sum of the units reaches `n_total`. The same unit coming again is no new unit: the number
    of different visitors grows more slowly than that of visits, so count from logs, not from page views. O(k).

    Examples
    --------
    >>> from growthkit.experiment.planning import duration, sample_size
    >>> found = duration(sample_size(0.10, 0.12), traffic=[900, 800, 800, 850, 1000, 1500, 1400], share=0.5)
    >>> found.days, found.weeks, round(found.n_expected)
    (21, 3.0, 10875)
    >>> duration(7682, traffic=1000, ramp_up=[0.1, 0.5], whole_weeks=False).days
    10
    """
    params = Params("duration")
    first = params.whole("start", start, low=0, high=6)
    params.flag("whole_weeks", whole_weeks)
    units = n_total.n_total if isinstance(n_total, SamplePlan) else n_total
    flow = read_traffic(params, traffic, first, ramp_up)
    extra = {"traffic": flow.week.sum(axis=1)} if np.ndim(traffic) > 1 else {}
    columns = _duration_columns(units, share, extra)
    days, reached, per_week = days_to_reach(flow, columns["n_total"], columns["share"], whole_weeks)
    told = ["whole weeks" if whole_weeks else "days", *(["ramp-up"] if flow.ramp.size else [])]
    weeks, entered, weekly = (columns.plain(part) for part in (days / 7, reached, per_week))
    method = ", ".join(["cumulated traffic", *told])
    whole = _whole(columns, days), weeks, _whole(columns, columns["n_total"])
    return Duration("pandas", *whole, entered, weekly, method, notices_of(days))


def ratio_sd(numerator: Any, denominator: Any, var_num: Any, var_den: Any, cov: Any) -> Any:
    """Return the standard deviation of a unit of a ratio of sums, by the delta method, as `sd` of `sample_size`.

    The method is that of [1]_.

    Parameters
    ----------
    numerator, denominator
        Means per unit; the metric is their ratio. Numbers or arrays of k; the denominator not 0.
    var_num, var_den, cov
        Variances and covariance over units.

    Returns
    -------
    float or numpy.ndarray
        ``sqrt(var_num - 2 R cov + R^2 var_den) / |denominator|`` with ``R = numerator / denominator``.

    Raises
    ------
    DataError
        For NaN, negative variances, a covariance too large for them, or a denominator of 0.

    Notes
    -----
    O(k).

    References
    ----------
    .. [1] Deng, A., U. Knoblich and J. Lu (2018). Applying the delta method in metric analytics: a practical guide with
       novel ideas. KDD 2018.

    Examples
    --------
    >>> from growthkit.experiment.planning import ratio_sd, sample_size
    >>> sd = ratio_sd(0.6, 12.0, 1.1, 90.0, 6.0)
    >>> round(sd, 5)
    0.07096
    >>> sample_size(0.6 / 12.0, relative_effect=0.03, sd=sd).n_control
    35128
    """
    given = {"numerator": numerator, "denominator": denominator, "var_num": var_num, "var_den": var_den, "cov": cov}
    columns = Columns("ratio_sd", **given)
    for name in ("var_num", "var_den"):
        columns.refuse(name, columns[name] < 0, "negative values", "pass variances over units")
    too_large = columns["cov"] ** 2 > columns["var_num"] * columns["var_den"] * (1 + 1e-9)
    columns.refuse("cov", too_large, "values beyond sqrt(var_num var_den)", "pass a covariance over units")
    columns.refuse("denominator", columns["denominator"] == 0, "values of 0", "choose another denominator")
    ratio = columns["numerator"] / columns["denominator"]
    variance = columns["var_num"] - 2 * ratio * columns["cov"] + ratio**2 * columns["var_den"]
    return columns.plain(np.sqrt(np.maximum(variance, 0)) / np.abs(columns["denominator"]))


def _numbers(
    baseline: Any, alpha: Any, sd: Any, sd_treatment: Any, margin: Any, ratio: Any, r_squared: Any
) -> dict[str, Any]:
    own = {"baseline": baseline, "alpha": alpha, "sd": sd, "sd_treatment": sd_treatment, "margin": margin}
    return own | {"allocation_ratio": ratio, "r_squared": r_squared}


def _clusters(design_effect: Any, size: Any, cv: Any, icc: Any) -> dict[str, Any]:
    return {"design_effect": design_effect, "cluster_size": size, "cluster_cv": cv, "icc": icc}


def _words(*values: Any) -> dict[str, Any]:
    names = ("alternative", "direction", "formula", "goal", "margin_scale", "arms", "comparisons", "correction")
    return dict(zip((*names, "inflation"), values, strict=True))


def _whole(columns: Columns, numbers: FloatArray) -> Any:
    """Return whole numbers as such, and others (NaN for what is out of reach) as they are."""
    if not (numbers == np.floor(numbers)).all():
        return columns.plain(numbers)
    return int(numbers[0]) if columns.scalar else numbers.astype(np.int64)


def _duration_columns(n_total: Any, share: Any, extra: dict[str, Any]) -> Columns:
    if np.isnan(np.asarray(n_total, dtype=np.float64)).any():
        raise DataError("duration: n_total holds NaN, plans that are out of reach; change those plans first.")
    columns = Columns("duration", n_total=n_total, share=share, **extra)
    columns.refuse("n_total", columns["n_total"] <= 0, "values of 0 or less", "pass the units of all arms")
    columns.refuse("share", (columns["share"] <= 0) | (columns["share"] > 1), "values out of range", "use (0, 1]")
    return columns
