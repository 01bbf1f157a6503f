"""`SamplePlan`, the answer of the functions that plan an experiment, and how their parameters are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from .._core.params import Params
from .._core.results import Notice, Result
from ..exceptions import ParameterError
from ..typing import AnyArray, BoolArray, FloatArray
from ._inputs import ALTERNATIVES, Columns
from ._many_to_one import critical_value
from ._special import special
from ._test_power import T_FORMULAS, Comparison, power_of

__all__ = ["SamplePlan", "Setup", "answer", "read_setup", "read_target", "refuse_equivalence"]

FORMULAS = {
    "pooled": "z test of two proportions, variance pooled under the null hypothesis (Fleiss)",
    "unpooled": "z test of two proportions, variance not pooled (Wald)",
    "continuity": "z test of two proportions, pooled, with continuity correction (Fleiss-Tytun-Ury)",
    "arcsine": "z test of two proportions, arcsine difference (Cohen's h)",
    "welch": "Welch t test of two means (noncentral t)",
    "student": "Student t test of two means, common variance (noncentral t)",
    "normal": "z test of two means",
}
PROPORTIONS = ("pooled", "unpooled", "continuity", "arcsine")
SCORE_WITH_MARGIN = "z test of two proportions, score test with margin (Farrington-Manning)"

GOALS = ("superiority", "non_inferiority", "equivalence")
CORRECTIONS = {
    "none": "no correction for {} comparisons",
    "bonferroni": "Bonferroni for {} comparisons",
    "holm": "first step of Holm for {} comparisons",
    "sidak": "Sidak for {} comparisons",
    "dunnett": "Dunnett for {} comparisons",
}

FEW_EVENTS = 10
FEW_UNITS = 30


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SamplePlan(Result):
    """How many units, which effect and which power belong together: one row a plan.

    Numbers if all that was given were numbers, else arrays of k.

    Parameters
    ----------
    solved
        What was asked for: "sample_size", "power" or "effect".
    n_control, n_treatment
        Units (not clusters) in the control and in each other arm; whole, rounded up, where they were asked for.
    n_total
        Units in all arms.
    exact
        Units in the control before rounding.
    baseline, target
        Mean or proportion of the control, and that of the treatment.
    effect, relative_effect
        target - baseline, and the same over the baseline (NaN for a baseline of 0).
    power
        Probability to find the effect with these units: at least what was asked for, units being whole.
    alpha
        Level of one comparison after correction: of both sides together if two-sided, of the one side if not.
    arms
        Their number, with the control.
    method
        The formula, and all that was allowed for.
    notices
        What a reader must know.
    """

    _picture: ClassVar[str] = "planning:draw_sample_plan"

    solved: str
    n_control: Any
    n_treatment: Any
    n_total: Any
    exact: Any
    baseline: Any
    target: Any
    effect: Any
    relative_effect: Any
    power: Any
    alpha: Any
    arms: int
    method: str
    notices: tuple[Notice, ...] = ()

    @property
    def estimate(self) -> Any:
        """What was asked for: the units of all arms, the power, or the absolute effect."""
        return {"sample_size": self.n_total, "power": self.power, "effect": self.effect}[self.solved]

    @property
    def warnings(self) -> tuple[Notice, ...]:
        """What a reader must know."""
        return self.notices

    def columns(self) -> dict[str, AnyArray]:
        """Return the table as arrays by column name: one row a plan."""
        names = ("baseline", "target", "effect", "relative_effect", "n_control", "n_treatment", "n_total")
        table: dict[str, AnyArray] = {name: np.atleast_1d(getattr(self, name)) for name in (*names, "power", "alpha")}
        return table | {"method": np.full(table["power"].size, self.method, dtype=object)}

    def facts(self) -> dict[str, Any]:
        """Return the plan if it is one, else how many there are."""
        columns = self.columns()
        if columns["power"].size > 1:
            return {"plans": columns["power"].size, "solved for": self.solved, "arms": self.arms, "method": self.method}
        return {"solved for": self.solved, "arms": self.arms} | {name: part[0] for name, part in columns.items()}


class Setup(NamedTuple):
    """What was read: the rows, the comparison, and what else there is to know."""

    columns: Columns
    plan: Comparison
    arms: int
    method: str
    notices: tuple[Notice, ...]

    @property
    def ratio(self) -> FloatArray:
        """Units of each treatment for each of the control."""
        return self.columns["allocation_ratio"]


def read_setup(function: str, numbers: dict[str, Any], words: dict[str, Any]) -> Setup:
    """Check what the three functions have in common.

    Parameters
    ----------
    function
        The public function, for messages.
    numbers
        Numbers or arrays by name; those that are None are left out.
    words
        alternative, direction, formula, goal, margin_scale, correction, arms, comparisons, inflation.
    """
    params = Params(function)
    inflation = getattr(words["inflation"], "inflation", words["inflation"])
    given = {name: value for name, value in numbers.items() if value is not None}
    columns = Columns(function, **given, inflation=inflation)
    goal = _read_goal(params, words, "margin" in given)
    formula = _read_formula(params, words["formula"], "sd" in given, goal)
    if "sd_treatment" in given and ("sd" not in given or formula == "student"):
        params.refuse("sd_treatment", "left out for proportions and for formula='student'", numbers["sd_treatment"])
    _check_numbers(columns, given, formula, words["margin_scale"] == "relative" and goal != "superiority")
    sign = _read_sign(params, words)
    if "margin" in given and _bounded_margin(words["margin_scale"], formula, goal, sign):
        columns.refuse("margin", columns["margin"] >= 1, "values of 1 or more", "they accept anything; use less")
    two_sided = words["alternative"] == "two-sided"
    arms = params.whole("arms", words["arms"], low=2)
    correction = params.one_of("correction", words["correction"], tuple(CORRECTIONS))
    family = params.whole("comparisons", words["comparisons"] or arms - 1, low=1)
    if correction == "dunnett" and family != arms - 1:
        params.refuse("comparisons", f"left out, or arms - 1 = {arms - 1}, with Dunnett's correction", family)
    tail = _corrected(columns, _ratio(columns, given), correction, family, two_sided)
    plan = Comparison(
        *(formula, goal, two_sided, sign, goal != "superiority" and words["margin_scale"] == "relative"),
        baseline=columns["baseline"],
        tail=tail,
        factor=_variance_factor(columns, given),
        cluster=_column(columns, given, "cluster_size", 1.0),
        margin=_column(columns, given, "margin", 0.0),
        sd_control=_column(columns, given, "sd", np.nan),
        sd_treatment=_column(columns, given, "sd_treatment" if "sd_treatment" in given else "sd", np.nan),
    )
    method = _method(columns, given, plan, CORRECTIONS[correction].format(family) if family > 1 else "")
    return Setup(columns, plan, arms, method, _level_notices(words["inflation"], plan))


def read_target(setup: Setup, numbers: dict[str, Any]) -> FloatArray:
    """Return the mean of the treatment, from whichever of target, effect and relative_effect was given."""
    names = [name for name in ("target", "effect", "relative_effect") if numbers[name] is not None]
    columns, baseline = setup.columns, setup.columns["baseline"]
    if not names and setup.plan.goal != "superiority":
        return baseline.copy()
    if len(names) != 1:
        told = " and ".join(names) or "none"
        raise ParameterError(
            f"{columns.function}: give one of target, effect and relative_effect, got {told}; for example effect=0.02."
        )
    name = names[0]
    moved = {"target": 0.0, "effect": baseline, "relative_effect": baseline}[name]
    mean = moved + columns[name] * (baseline if name == "relative_effect" else 1.0)
    if setup.plan.formula in PROPORTIONS:
        fix = "a proportion lies between 0 and 1; give sd if it is a mean"
        columns.refuse(name, (mean < -1e-15) | (mean > 1 + 1e-15), "values that lead out of [0, 1]", fix)
        return np.clip(mean, 0.0, 1.0)
    return mean


def answer(
    setup: Setup, solved: str, n0: FloatArray, n1: FloatArray, mean: FloatArray, exact: FloatArray | None = None
) -> SamplePlan:
    """Put the result together, with the power of the units as they are."""
    columns, plan = setup.columns, setup.plan
    effect, total = mean - plan.baseline, n0 + (setup.arms - 1) * n1
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = np.where(plan.baseline != 0, effect / plan.baseline, np.nan)
        power = np.where(np.isnan(n0 + mean), np.nan, power_of(plan, n0, n1, mean))
    alpha = plan.tail * (2 if plan.two_sided and plan.goal == "superiority" else 1)
    units = (_units(columns, part) for part in (n0, n1, total))
    rest = (n0 if exact is None else exact, plan.baseline, mean, effect, relative, power, alpha)
    values = [*units, *map(columns.plain, rest)]
    notices = setup.notices + _notices(setup, solved, n0, n1, mean)
    return SamplePlan("pandas", solved, *values, arms=setup.arms, method=setup.method, notices=notices)


def _units(columns: Columns, n: FloatArray) -> Any:
    whole = np.isfinite(n).all() and (n == np.floor(n)).all()
    if not whole:
        return columns.plain(n)
    return int(n[0]) if columns.scalar else n.astype(np.int64)


def _column(columns: Columns, given: dict[str, Any], name: str, default: float) -> FloatArray:
    return columns[name] if name in given else np.full(columns["baseline"].size, default)


def _read_goal(params: Params, words: dict[str, Any], has_margin: bool) -> str:
    params.one_of("margin_scale", words["margin_scale"], ("relative", "absolute"))
    goal = words["goal"] or ("non_inferiority" if has_margin else "superiority")
    params.one_of("goal", goal, GOALS)
    if has_margin == (goal == "superiority"):
        wanted = "left out for goal='superiority'" if has_margin else f"given for goal={goal!r}"
        raise ParameterError(f"{params.function}: margin must be {wanted}.")
    return goal


def _read_formula(params: Params, formula: Any, has_sd: bool, goal: str) -> str:
    choices = (*T_FORMULAS, "normal") if has_sd else PROPORTIONS
    if formula in FORMULAS and formula not in choices:
        kind = "means, where sd is given" if has_sd else "proportions, where sd is not given"
        params.refuse("formula", f"one of {', '.join(map(repr, choices))} for {kind}", formula)
    name = params.one_of("formula", choices[0] if formula is None else formula, choices)
    if goal != "superiority" and name in ("arcsine", "continuity"):
        params.refuse("formula", "'pooled' or 'unpooled' with a margin", formula)
    return name


def _read_sign(params: Params, words: dict[str, Any]) -> int:
    alternative = params.one_of("alternative", words["alternative"], ALTERNATIVES)
    direction = words["direction"]
    if direction is None:
        return -1 if alternative == "less" else 1
    sign = 1 if params.one_of("direction", direction, ("increase", "decrease")) == "increase" else -1
    if (alternative, sign) in (("greater", -1), ("less", 1)):
        params.refuse("direction", f"in keeping with alternative={alternative!r}, or left out", direction)
    return sign


RANGES: dict[str, tuple[float, float, bool, str]] = {
    "power": (0.0, 1.0, True, "strictly between 0 and 1"),
    "alpha": (0.0, 1.0, True, "strictly between 0 and 1"),
    "sd": (0.0, np.inf, True, "above 0"),
    "sd_treatment": (0.0, np.inf, False, "of at least 0"),
    "margin": (0.0, np.inf, True, "above 0"),
    "allocation_ratio": (0.0, np.inf, True, "above 0"),
    "r_squared": (0.0, 1.0, False, "from 0 to below 1"),
    "design_effect": (0.0, np.inf, True, "above 0"),
    "cluster_size": (1.0, np.inf, False, "of at least 1"),
    "cluster_cv": (0.0, np.inf, False, "of at least 0"),
    "icc": (0.0, 1.0, False, "from 0 to 1"),
    "inflation": (1.0, np.inf, False, "of at least 1"),
    "n_control": (2.0, np.inf, False, "of at least 2"),
    "n_treatment": (2.0, np.inf, False, "of at least 2"),
}


def _check_numbers(columns: Columns, given: dict[str, Any], formula: str, relative_margin: bool) -> None:
    for name, (low, high, open_, told) in RANGES.items():
        if name in given or name == "inflation":
            values = columns[name]
            bad: BoolArray = (values <= low) | (values >= high) if open_ else (values < low) | (values > high)
            columns.refuse(name, bad, "values out of range", f"give numbers {told}")
    baseline = columns["baseline"]
    columns.refuse("r_squared", columns["r_squared"] >= 1, "values of 1", "give numbers below 1")
    if formula in PROPORTIONS:
        fix = "a proportion lies between 0 and 1; give sd if it is a mean"
        columns.refuse("baseline", (baseline < 0) | (baseline > 1), "values out of [0, 1]", fix)
    if relative_margin:
        fix = "a margin in shares of it needs a positive one; use margin_scale='absolute'"
        columns.refuse("baseline", baseline <= 0, "values of 0 or less", fix)
    if ("icc" in given) != ("cluster_size" in given):
        raise ParameterError(f"{columns.function}: give icc and cluster_size together, or design_effect alone.")
    if "cluster_cv" in given and "icc" not in given:
        raise ParameterError(f"{columns.function}: cluster_cv belongs to icc and cluster_size; give them too.")
    if "icc" in given and "design_effect" in given:
        raise ParameterError(f"{columns.function}: give design_effect, or icc and cluster_size, not both.")
    if "power" in given and (columns["power"] <= columns["alpha"]).any():
        columns.refuse("power", columns["power"] <= columns["alpha"], "values not above alpha", "ask for more power")


def _ratio(columns: Columns, given: dict[str, Any]) -> FloatArray:
    if "n_control" in given:
        return columns["n_treatment"] / columns["n_control"]
    return columns["allocation_ratio"]


def _bounded_margin(scale: str, formula: str, goal: str, sign: int) -> bool:
    """Whether a margin of 1 would let the treatment have nothing at all, or any proportion."""
    return formula in PROPORTIONS if scale == "absolute" else goal == "equivalence" or sign > 0


def _variance_factor(columns: Columns, given: dict[str, Any]) -> FloatArray:
    """Return by what the variance of a mean exceeds variance / n: Eldridge's design effect for unequal clusters."""
    factor = columns["inflation"] * (1 - columns["r_squared"])
    if "design_effect" in given:
        return factor * columns["design_effect"]
    if "icc" not in given:
        return factor
    size = columns["cluster_size"] * (1 + _column(columns, given, "cluster_cv", 0.0) ** 2)
    return factor * (1 + (size - 1) * columns["icc"])


def _corrected(columns: Columns, ratio: FloatArray, correction: str, family: int, two_sided: bool) -> FloatArray:
    """Return the level of one side of one comparison."""
    alpha = columns["alpha"]
    if family == 1 or correction == "none":
        return alpha / (1 + two_sided)
    if correction == "sidak":
        return -np.expm1(np.log1p(-alpha) / family) / (1 + two_sided)
    if correction != "dunnett":
        return alpha / family / (1 + two_sided)
    pairs = np.stack([alpha, ratio])
    kinds, place = np.unique(pairs, axis=1, return_inverse=True)
    values = [
        critical_value(float(level), np.full(family, np.sqrt(r / (1 + r))), np.inf, two_sided=two_sided)
        for level, r in kinds.T
    ]
    return special.ndtr(-np.array(values))[place.ravel()]


def _method(columns: Columns, given: dict[str, Any], plan: Comparison, correction: str) -> str:
    """Say what was computed and allowed for."""
    score = plan.formula == "pooled" and plan.goal != "superiority"
    side = "two-sided" if plan.two_sided and plan.goal == "superiority" else "one-sided"
    goal = {"non_inferiority": "non-inferiority", "equivalence": "equivalence by two one-sided tests"}
    parts = [SCORE_WITH_MARGIN if score else FORMULAS[plan.formula], goal.get(plan.goal, ""), side, correction]
    if plan.goal != "superiority" and np.ptp(plan.tail) == 0:
        parts[2] = f"{'each ' if plan.goal == 'equivalence' else ''}one-sided at {plan.tail[0]:.4g}"
    if (columns["r_squared"] > 0).any():
        parts.append("covariates (1 - r^2)")
    if "design_effect" in given or "icc" in given:
        parts.append("design effect of clusters")
    if (columns["inflation"] > 1).any():
        parts.append("sequential inflation")
    return ", ".join(filter(None, parts))


def _level_notices(design: Any, plan: Comparison) -> tuple[Notice, ...]:
    """Return a notice if a sequential test was planned for another level than this comparison has."""
    level, sides = getattr(design, "alpha", None), getattr(design, "sided", None)
    if level is None or sides is None or np.allclose(level / sides, plan.tail, rtol=1e-6):
        return ()
    text = (
        f"the sequential test has level {level / sides:.4g} on each side, but this comparison {plan.tail[0]:.4g}; plan "
        "both for the same alpha (after corrections)."
    )
    return (Notice("sequential_level_differs", text),)


def _notices(setup: Setup, solved: str, n0: FloatArray, n1: FloatArray, mean: FloatArray) -> tuple[Notice, ...]:
    plan, found = setup.plan, list[Notice]()
    lost = np.isnan(n0 + mean)
    if lost.any():
        what = "no sample size gives" if solved == "sample_size" else "no effect is found with"
        where = "" if lost.size == 1 else f" in {lost.sum()} rows (first at row {int(lost.argmax())})"
        found.append(Notice("out_of_reach", f"{what} this power{where}: the value is NaN."))
    with np.errstate(invalid="ignore"):
        if plan.formula in PROPORTIONS:
            pairs = ((n0, plan.baseline), (n1, mean))
            least = np.fmin.reduce([np.fmin(n * p, n * (1 - p)) for n, p in pairs])
            rare = least < FEW_EVENTS
            text = f"fewer than {FEW_EVENTS} conversions (or failures to convert) are expected in an arm"
            fix = "the normal approximation is poor there; check with simulate."
        else:
            rare = np.fmin(n0, n1) / plan.cluster < FEW_UNITS
            text, fix = (
                f"an arm has fewer than {FEW_UNITS} units or clusters",
                "skewed values need more; check with simulate.",
            )
    if rare.any():
        where = "" if rare.size == 1 else f" in {int(rare.sum())} rows (first at row {int(rare.argmax())})"
        found.append(Notice("few_events" if plan.formula in PROPORTIONS else "few_units", f"{text}{where}; {fix}"))
    return tuple(found)


def refuse_equivalence(function: str, plan: Comparison) -> None:
    """Raise the error that says why equivalence has no smallest effect."""
    if plan.goal == "equivalence":
        raise ParameterError(
            f"{function}: equivalence is shown where effects are small, so there is no smallest one; ask for power."
        )
