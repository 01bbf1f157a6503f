"""Group sequential tests: look a few times, at planned amounts of information, and keep alpha."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .._core.params import Params
from .._core.results import Result
from ..exceptions import ParameterError
from ..typing import AnyArray, FloatArray
from ._boundaries import SHAPES, SPENDING, Plan, Walk, settle, spent_by_look, spent_share
from ._designs import DESIGNS, numbers, read_futility, read_information, read_shape
from ._interim import InterimAnalysis, first_look
from ._special import special

__all__ = ["GroupSequential", "InterimAnalysis", "OperatingCharacteristics"]


@dataclass(frozen=True, slots=True, eq=False, repr=False, init=False)
class GroupSequential(Result):
    """A test that may stop at any of a few planned looks, and rejects a true null hypothesis with probability alpha.

    Parameters
    ----------
    alpha
        Probability to reject without an effect, over all looks and both sides, in (0, 0.5].
    information
        The planned looks: how much is known at each, rising. Any scale will do for the bounds (shares, days, users);
        1 / standard_error^2 lets effects be given in their own unit. A whole number stands for that many equal steps.
    design
        Where the bounds come from. "spending": a function says how much of alpha is spent at a share of the planned
        information [1]_; number and place of the looks may then change. Or classical constants for a fixed number of
        looks, whose bounds on the z scale are proportional to a power of the share t of information:
        "obrien_fleming" ``t^(-1/2)`` [2]_, "pocock" ``t^0`` [3]_, "wang_tsiatis" ``t^(Delta - 1/2)`` [4]_; or
        "haybittle_peto": the same high bound at all looks but the last [5]_.
    spending
        For design "spending", with a the error of one side: "obrien_fleming" ``2 - 2 Phi(z(a/2) / sqrt(t))``, "pocock"
        ``a log(1 + (e - 1) t)`` [1]_, "kim_demets" ``a t^rho`` [6]_, "hwang_shih_decani"
        ``a (1 - exp(-gamma t)) / (1 - exp(-gamma))`` [7]_. The first two resemble the classical designs of the same
        name but are not equal to them.
    sided
        2, or 1 for effects above 0 only.
    shape
        The number of the family: rho > 0, gamma, Delta (at most 0.5), or the interim z of Haybittle and Peto
        (default 3).
    futility
        None, or bounds under which to stop without hope (two-sided: z within them): the name of a function that
        spends `beta` at the effect for which the power is ``1 - beta``, or z bounds for all looks but the last.
    futility_shape
        The number of the family of `futility`.
    binding
        Whether the bounds for rejecting count on stopping for futility. If not (default) alpha is kept either way.
    beta
        Probability not to reject under the effect planned for, in (0, 1 - alpha).

    Raises
    ------
    ParameterError
        If a parameter is out of range, or no bounds keep alpha.

    Notes
    -----
    O(looks x nodes^2) with some 50 to 150 nodes [8]_; ten looks take a few milliseconds, or some ten times that where
    `beta` is spent, because bounds and drift then depend on each other.

    References
    ----------
    .. [1] Lan, K. K. G. and D. L. DeMets (1983). Discrete sequential boundaries for clinical trials. Biometrika 70(3).
    .. [2] O'Brien, P. C. and T. R. Fleming (1979). A multiple testing procedure for clinical trials. Biometrics 35(3).
    .. [3] Pocock, S. J. (1977). Group sequential methods in the design and analysis of clinical trials. Biometrika 64.
    .. [4] Wang, S. K. and A. A. Tsiatis (1987). Approximately optimal one-parameter boundaries for group sequential
       trials. Biometrics 43(1).
    .. [5] Haybittle, J. L. (1971). Repeated assessment of results in clinical trials of cancer treatment. British
       Journal of Radiology 44.
    .. [6] Kim, K. and D. L. DeMets (1987). Design and analysis of group sequential tests based on the type I error
       spending rate function. Biometrika 74(1).
    .. [7] Hwang, I. K., W. J. Shih and J. S. DeCani (1990). Group sequential designs using a family of type I error
       probability spending functions. Statistics in Medicine 9(12).
    .. [8] Jennison, C. and B. W. Turnbull (2000). Group Sequential Methods with Applications to Clinical Trials.
       Chapman & Hall.

    Examples
    --------
    >>> from growthkit.experiment.group_sequential import GroupSequential
    >>> test = GroupSequential(0.05, information=[10_000, 20_000, 30_000])
    >>> test.bounds.round(3).tolist()
    [3.71, 2.511, 1.993]
    >>> GroupSequential(0.05, information=3, design="obrien_fleming").bounds.round(3).tolist()
    [3.471, 2.454, 2.004]
    >>> first = test.look(1.9, information=10_400)
    >>> second = first.look(2.8, information=20_100)
    >>> first.decision, second.decision
    ('continue', 'reject')
    """

    _picture: ClassVar[str] = "group_sequential:draw_boundaries"

    plan: Plan
    kept: Walk
    lived: Walk
    drift: float
    by_look: FloatArray | None

    def __init__(
        self,
        alpha: float = 0.05,
        *,
        information: int | Sequence[float] | FloatArray,
        design: str = "spending",
        spending: str = "obrien_fleming",
        sided: int = 2,
        shape: float | None = None,
        futility: str | Sequence[float] | FloatArray | None = None,
        futility_shape: float | None = None,
        binding: bool = False,
        beta: float = 0.2,
    ) -> None:
        params = Params("GroupSequential")
        level = float(params.number("alpha", alpha, above=0.0, high=0.5))
        miss = float(params.number("beta", beta, above=0.0, below=1.0 - level))
        looks = read_information(params, information)
        family = params.one_of("design", design, DESIGNS)
        function = params.one_of("spending", spending, SPENDING)
        plan = Plan(
            alpha=level,
            beta=miss,
            sided=params.whole("sided", sided, low=1, high=2),
            design=family,
            spending=function,
            shape=read_shape(params, "shape", function if family == "spending" else family, shape),
            information=looks,
            futility=read_futility(params, futility, looks.size),
            futility_shape=read_shape(params, "futility_shape", futility, futility_shape),
            binding=params.flag("binding", binding) and futility is not None,
        )
        kept, lived, drift = settle(plan)
        _refuse_impossible(plan, kept, lived, drift)
        by_look = None if family == "spending" else spent_by_look(kept)
        facts = {"plan": plan, "kept": kept, "lived": lived, "drift": drift, "by_look": by_look}
        for name, value in {"backend": "pandas", **facts}.items():
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        """Return the number of planned looks."""
        return self.information.size

    @property
    def alpha(self) -> float:
        """Probability to reject without an effect."""
        return self.plan.alpha

    @property
    def sided(self) -> int:
        """1 or 2."""
        return self.plan.sided

    @property
    def design(self) -> str:
        """Where the bounds come from."""
        return self.plan.design

    @property
    def binding(self) -> bool:
        """Whether the bounds for rejecting count on stopping for futility."""
        return self.plan.binding

    @property
    def information(self) -> FloatArray:
        """At each planned look."""
        return self.plan.information

    @property
    def bounds(self) -> FloatArray:
        """At each look, the z to reject at (two-sided: and minus it)."""
        return self.kept.bounds

    @property
    def futility_bounds(self) -> FloatArray:
        """At each look, the z below which (two-sided: within which) to stop for futility; NaN where there is none."""
        return self.lived.futility

    @property
    def nominal_p(self) -> FloatArray:
        """At each look, the p-value of that look by itself at which the test rejects."""
        return self.sided * special.ndtr(-self.bounds)

    @property
    def alpha_spent(self) -> FloatArray:
        """Probability to have rejected up to each look without an effect."""
        return self.sided * spent_by_look(self.kept)

    @property
    def inflation(self) -> float:
        """Planned information, relative to that of a test with a single look and the same alpha and power."""
        return float(self.drift**2 / (special.ndtri(self.plan.side) + special.ndtri(self.plan.beta)) ** 2)

    def maximum_information(self, effect: float) -> float:
        """Return the information, 1 / standard_error^2, that the last look needs for power 1 - beta.

        Parameters
        ----------
        effect
            The true effect, in its own unit; not 0.

        Returns
        -------
        float
            ``(drift / effect)^2``; `inflation` times what a test with a single look needs.
        """
        theta = Params("GroupSequential.maximum_information").number("effect", effect)
        if theta == 0.0:
            Params("GroupSequential.maximum_information").refuse("effect", "other than 0", effect)
        return (self.drift / theta) ** 2

    def characteristics(
        self,
        effect: float | Sequence[float] | FloatArray | None = None,
        *,
        drift: float | Sequence[float] | FloatArray | None = None,
    ) -> OperatingCharacteristics:
        """Return power, stopping probabilities and expected information for true effects.

        Parameters
        ----------
        effect
            True effects, if `information` is 1 / standard_error^2.
        drift
            The same on any scale of information: effect x sqrt(information of the last look), which is the mean of the
            last z. Without either: no effect, and the one planned for.

        Returns
        -------
        OperatingCharacteristics
            One row an effect.
        """
        params = Params("GroupSequential.characteristics")
        if effect is not None and drift is not None:
            raise ParameterError("GroupSequential.characteristics: give effect or drift, not both.")
        root_information = math.sqrt(self.information[-1])
        if effect is not None:
            means = numbers(params, "effect", effect) * root_information
        else:
            means = numbers(params, "drift", [0.0, self.drift] if drift is None else drift)
        effects = means / root_information
        walks = self.lived.upper(effects), self.lived.lower(effects), self.lived.stopped(effects)
        return OperatingCharacteristics(self.backend, self.information, means, *walks)

    def look(
        self,
        z: float | None = None,
        *,
        estimate: float | None = None,
        standard_error: float | None = None,
        information: float | None = None,
        final: bool = False,
    ) -> InterimAnalysis:
        """Take the first look: decide, and give the repeated interval.

        Parameters
        ----------
        z
            The statistic; or give `estimate` and `standard_error`. One-sided tests look for large z. With z alone the
            decision is made, but estimate and interval are NaN: the scale of the effect is not known.
        estimate, standard_error
            Of the effect, from all data so far.
        information
            On the scale of the plan; by default 1 / standard_error^2, or that of the planned look if `z` is given.
        final
            Whether this is the last look, whatever its information: all that is left of alpha is spent. A look at the
            planned maximum is the last one anyhow.

        Returns
        -------
        InterimAnalysis
            Its `decision` is "continue", "reject", "futility" or "not_rejected"; its `look` takes the next one.
            Bounds are found for the information of the looks taken, not of those planned.

        Raises
        ------
        ParameterError
            If the information does not grow, goes beyond the planned one without ``final=True``, or the test has ended.
        """
        params = Params("GroupSequential.look")
        return first_look(self, params, z, estimate, standard_error, information, final)

    def columns(self) -> dict[str, AnyArray]:
        """Return the table as arrays by column name: one row a look."""
        effect = self.drift / math.sqrt(self.information[-1])
        return {
            "look": np.arange(1, len(self) + 1),
            "information": self.information,
            "fraction": self.plan.fractions,
            "bound": self.bounds,
            **({} if self.plan.futility is None else {"futility_bound": self.futility_bounds}),
            "nominal_p": self.nominal_p,
            "alpha_spent": self.alpha_spent,
            **self._beta_spent(),
            "power": np.cumsum(self.lived.upper(effect)),
        }

    def facts(self) -> dict[str, Any]:
        """Return what was asked for, the inflation, and the expected information."""
        plan, expected = self.plan, self.characteristics().expected_fraction
        family = plan.spending if plan.design == "spending" else plan.design
        name = f"spending, {plan.spending}" if plan.design == "spending" else f"classical, {plan.design}"
        futility = (
            "none" if plan.futility is None else "z bounds" if not isinstance(plan.futility, str) else plan.futility
        )
        return {
            "design": name,
            **({SHAPES[family]: plan.shape} if family in SHAPES else {}),
            "alpha": plan.alpha,
            "sided": plan.sided,
            "power": 1.0 - plan.beta,
            "looks": len(self),
            "futility": futility if plan.futility is None else f"{futility}, {'' if plan.binding else 'not '}binding",
            "drift": self.drift,
            "inflation": self.inflation,
            "expected share of information without effect": expected[0],
            "expected share of information with effect": expected[1],
        }

    def _beta_spent(self) -> dict[str, FloatArray]:
        plan = self.plan
        if not isinstance(plan.futility, str):
            return {}
        return {"beta_spent": spent_share(plan.futility, plan.fractions, plan.beta, plan.futility_shape)}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class OperatingCharacteristics(Result):
    """What a group sequential test does under true effects: one row each.

    Parameters
    ----------
    information
        At each look.
    drift
        Of each true effect: effect x sqrt(information of the last look).
    upper, lower, futile
        Probability to stop above the upper bound, below the lower one, or for futility: by look (first axis) and
        effect.
    """

    _picture: ClassVar[str] = "group_sequential:draw_characteristics"

    information: FloatArray
    drift: FloatArray
    upper: FloatArray
    lower: FloatArray
    futile: FloatArray

    def __len__(self) -> int:
        """Return the number of effects."""
        return self.drift.size

    @property
    def effect(self) -> FloatArray:
        """The true effects, if the information is 1 / standard_error^2."""
        return self.drift / math.sqrt(self.information[-1])

    @property
    def power(self) -> FloatArray:
        """Probability to reject, on either side."""
        return (self.upper + self.lower).sum(axis=0)

    @property
    def expected_information(self) -> FloatArray:
        """Mean information at which the test stops."""
        stop = (self.upper + self.lower + self.futile)[:-1]
        return self.information[-1] - (self.information[-1] - self.information[:-1]) @ stop

    @property
    def expected_fraction(self) -> FloatArray:
        """Mean information at which the test stops, as a share of the planned one."""
        return self.expected_information / self.information[-1]

    def columns(self) -> dict[str, AnyArray]:
        """Return the table as arrays by column name: one row an effect."""
        return {
            "effect": self.effect,
            "drift": self.drift,
            "power": self.power,
            "rejects_above": self.upper.sum(axis=0),
            "rejects_below": self.lower.sum(axis=0),
            "stops_for_futility": self.futile.sum(axis=0),
            "expected_information": self.expected_information,
            "expected_fraction": self.expected_fraction,
        }

    def facts(self) -> dict[str, Any]:
        """Return the numbers of effects and looks, and the range of the power."""
        return {
            "effects": len(self),
            "looks": self.information.size,
            "lowest power": self.power.min(),
            "highest power": self.power.max(),
        }


def _refuse_impossible(plan: Plan, kept: Walk, lived: Walk, drift: float) -> None:
    if plan.design == "haybittle_peto" and math.isnan(kept.bounds[-1]):
        raise ParameterError(
            f"GroupSequential: the interim bounds z = {plan.shape:g} spend all of alpha = {plan.alpha:g} before "
            "the last look; raise shape."
        )
    crossed = np.flatnonzero(lived.futility[:-1] >= kept.bounds[:-1] - 1e-9)
    if crossed.size:
        raise ParameterError(
            f"GroupSequential: at look {crossed[0] + 1} the futility bound reaches the bound for rejecting, "
            f"z = {kept.bounds[crossed[0]]:.4g}, so that nobody goes on; lower it, or spend less of beta early."
        )
    if not np.isfinite(kept.bounds[-1]) or math.isnan(drift):
        raise ParameterError(
            f"GroupSequential: with these futility bounds no effect gives the power 1 - beta = {1 - plan.beta:g}; "
            "lower them, or spend less of beta early."
        )
