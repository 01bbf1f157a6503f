"""What a group sequential test has seen so far: decisions, and intervals that hold at all looks at once."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

import numpy as np

from .._core.params import Params
from .._core.results import Estimate, Notice, Result
from ..exceptions import ParameterError
from ..typing import AnyArray, FloatArray
from ._boundaries import futility_at, regions, spent_share
from ._recursion import LEAST_GROWTH, Grid, above, advance, below, root, solve_above, start
from ._special import special

if TYPE_CHECKING:
    from .group_sequential import GroupSequential

__all__ = ["InterimAnalysis", "first_look"]

CLOSE = 1e-6
"""Relative difference of information that counts as none."""


HIGHEST = {1: 3.0, 2: -1e-6}
"""Normal quantile of the highest level of one side that a repeated p-value may have, by the number of sides."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class InterimAnalysis(Result):
    """The looks that were taken at a group sequential test: one row each.

    Made by `GroupSequential.look`; `look` takes the next one and returns a new object.

    Parameters
    ----------
    test
        The test.
    z, information, standard_error
        Of each look: the statistic, its information, and the standard error of the effect, NaN where only z was given.
    bounds, futility_bounds
        On the z scale, found for the information of the looks taken; NaN where there is no futility bound.
    alpha_spent
        Up to each look, of both sides.
    decisions
        Of each look: "continue", "reject", "futility" or, at the last, "not_rejected".
    kept, lived
        Who gets to each look without effect: as the efficacy bounds see it, and with futility stops.
    notices
        What a reader must know.
    """

    _picture: ClassVar[str] = "group_sequential:draw_boundaries"

    test: GroupSequential
    z: FloatArray
    information: FloatArray
    standard_error: FloatArray
    bounds: FloatArray
    futility_bounds: FloatArray
    alpha_spent: FloatArray
    decisions: tuple[str, ...]
    kept: tuple[Grid, ...]
    lived: tuple[Grid, ...]
    notices: tuple[Notice, ...] = ()

    def __len__(self) -> int:
        """Return the number of looks taken."""
        return self.z.size

    @property
    def warnings(self) -> tuple[Notice, ...]:
        """What a reader must know."""
        return self.notices

    @property
    def decision(self) -> str:
        """The decision at the latest look."""
        return self.decisions[-1]

    @property
    def stopped(self) -> bool:
        """Whether the test is over; a futility bound that is not binding leaves that to you."""
        return self.decision in ("reject", "not_rejected") or (self.decision == "futility" and self.test.binding)

    @property
    def estimate(self) -> FloatArray:
        """The effect seen at each look, z times its standard error; NaN where that was not given."""
        return self.z * self.standard_error

    @property
    def lower(self) -> FloatArray:
        """Lower ends of the repeated confidence intervals, which all hold at once with probability 1 - alpha."""
        return self.estimate - self.bounds * self.standard_error

    @property
    def upper(self) -> FloatArray:
        """Upper ends of the repeated confidence intervals; infinite for a one-sided test."""
        if self.test.sided == 1:
            return np.full(len(self), np.inf)
        return self.estimate + self.bounds * self.standard_error

    @property
    def nominal_p(self) -> FloatArray:
        """The p-value of each look taken by itself, not to be compared with alpha but with the test's `nominal_p`."""
        return special.ndtr(-self.z) if self.test.sided == 1 else 2.0 * special.ndtr(-np.abs(self.z))

    @property
    def repeated_p_value(self) -> float:
        """The smallest alpha at which a test of this design would reject at the latest look; at most alpha if it does.

        NaN at the looks of Haybittle and Peto before the last, whose bound is the same at every alpha, and where beta
        is spent with binding bounds.
        """
        plan, k = self.test.plan, len(self) - 1
        if (plan.design == "haybittle_peto" and not self._final) or (plan.binding and isinstance(plan.futility, str)):
            return math.nan
        score = float(self.z[-1]) if plan.sided == 1 else abs(float(self.z[-1]))
        as_planned = k < len(self.test) and np.allclose(self.information, plan.information[: k + 1], rtol=CLOSE, atol=0)
        if (
            as_planned
            and plan.design not in ("spending", "haybittle_peto")
            and self._final == (k + 1 == len(self.test))
        ):
            return plan.level_at(k, score)
        return self._level(score)

    def columns(self) -> dict[str, AnyArray]:
        """Return the table as arrays by column name: one row a look."""
        futility = {} if self.test.plan.futility is None else {"futility_bound": self.futility_bounds}
        return {
            "look": np.arange(1, len(self) + 1),
            "information": self.information,
            "fraction": self.information / self.test.information[-1],
            "z": self.z,
            "bound": self.bounds,
            **futility,
            "nominal_p": self.nominal_p,
            "alpha_spent": self.alpha_spent,
            "estimate": self.estimate,
            "lower": self.lower,
            "upper": self.upper,
            "decision": np.array(self.decisions, dtype=object),
        }

    def facts(self) -> dict[str, Any]:
        """Return the decision, the effect seen and its repeated interval."""
        return {
            "look": len(self),
            "decision": self.decision,
            "z": self.z[-1],
            "bound": self.bounds[-1],
            "estimate": self.estimate[-1],
            "lower": self.lower[-1],
            "upper": self.upper[-1],
            "confidence": 1.0 - self.test.alpha,
            "alpha_spent": self.alpha_spent[-1],
            "alpha": self.test.alpha,
        }

    def look(
        self,
        z: float | None = None,
        *,
        estimate: float | None = None,
        standard_error: float | None = None,
        information: float | None = None,
        final: bool = False,
    ) -> InterimAnalysis:
        """Take the next look.

        Parameters
        ----------
        z, estimate, standard_error, information, final
            As in `GroupSequential.look`.

        Returns
        -------
        InterimAnalysis
            All looks so far; this object stays as it is.

        Raises
        ------
        ParameterError
            If the test has ended, the information does not grow, or it goes beyond the plan without ``final=True``.
        """
        params = Params("InterimAnalysis.look")
        if self.stopped:
            _over(self, params.function)
        return _take(self, params, z, estimate, standard_error, information, final)

    def adjusted(self) -> Estimate:
        """Return effect, interval and p-value corrected for having stopped when the test stopped.

        Outcomes are ordered by the look at which the test stops, then by z ("stage-wise"). The estimate is the effect
        under which a larger outcome has probability 1/2 (median unbiased); the ends of the interval are those for
        which it has alpha / 2 and 1 - alpha / 2, or alpha and none if the test is one-sided.

        Returns
        -------
        Estimate
            Its interval excludes 0 exactly when the test rejects. NaN, with a notice, after a two-sided test that may
            stop for futility on a binding bound and did not reject: its outcomes have no such order.

        Raises
        ------
        ParameterError
            If the test goes on; report the repeated interval until it stops.

        Notes
        -----
        A futility bound that is not binding is ignored, as if the test had ended at this look for another reason.

        References
        ----------
        .. [1] Tsiatis, A. A., G. L. Rosner and C. R. Mehta (1984). Exact confidence intervals following a group
           sequential test. Biometrics 40(3), 797-803.
        .. [2] Jennison, C. and B. W. Turnbull (2000). Group Sequential Methods with Applications to Clinical Trials,
           ch. 8. Chapman & Hall.
        """
        if self.decision == "continue":
            raise ParameterError(
                f"InterimAnalysis.adjusted: the test goes on after look {len(self)}; take its next look, or report the "
                "repeated interval (lower, upper) until it stops."
            )
        return _adjusted(self)

    def _level(self, score: float) -> float:
        """Return the alpha at which the bound of the latest look would be `score`."""
        plan, k = self.test.plan, len(self) - 1

        def excess(normal: float) -> float:
            level = replace(plan, alpha=plan.sided * float(special.ndtr(normal)))
            bound = level.bounds_at(k, self.information, final=self._final)
            return 50.0 if math.isnan(bound) else float(np.clip(bound - score, -50.0, 50.0))

        if excess(HIGHEST[plan.sided]) >= 0.0:
            return 1.0
        return min(1.0, plan.sided * float(special.ndtr(root(excess, -score - 0.5, -score + 0.5))))

    @property
    def _final(self) -> bool:
        return self.decision == "not_rejected" or math.isclose(self.alpha_spent[-1], self.test.alpha, rel_tol=1e-12)


def first_look(
    test: GroupSequential,
    params: Params,
    z: float | None,
    estimate: float | None,
    standard_error: float | None,
    information: float | None,
    final: bool,
) -> InterimAnalysis:
    """Return the first look at a test."""
    none = np.zeros(0)
    nothing = InterimAnalysis(test.backend, test, none, none, none, none, none, none, (), (), ())
    return _take(nothing, params, z, estimate, standard_error, information, final)


def _take(
    past: InterimAnalysis,
    params: Params,
    z: float | None,
    estimate: float | None,
    standard_error: float | None,
    information: float | None,
    final: bool,
) -> InterimAnalysis:
    score, error = _statistic(params, z, estimate, standard_error)
    info = _information(past, params, information, error)
    last = _is_last(past, params, info, params.flag("final", final))
    infos = np.append(past.information, info)
    spent = past.test.plan.spent_at(infos, past.test.by_look, final=last)
    return _decide(past, score, math.nan if error is None else error, infos, spent, last)


def _decide(
    past: InterimAnalysis, z: float, error: float, infos: FloatArray, spent: FloatArray, last: bool
) -> InterimAnalysis:
    plan, info = past.test.plan, float(infos[-1])
    kept = _next(past, past.kept, info, futility=plan.binding)
    lived = kept if plan.binding or plan.futility is None else _next(past, past.lived, info, futility=True)
    before = float(past.alpha_spent[-1]) / plan.sided if len(past) else 0.0
    bound = solve_above(kept, info, float(spent[-1]) - before)
    futile = math.nan if last else _futility(past, lived, infos, bound)
    side = z if plan.sided == 1 else abs(z)
    decision = "reject" if side >= bound else "not_rejected" if last else "futility" if side < futile else "continue"
    return InterimAnalysis(
        past.backend,
        past.test,
        np.append(past.z, z),
        infos,
        np.append(past.standard_error, error),
        np.append(past.bounds, bound),
        np.append(past.futility_bounds, futile),
        np.append(past.alpha_spent, plan.sided * float(spent[-1])),
        (*past.decisions, decision),
        (*past.kept, kept),
        (*past.lived, lived),
        _notices(past, info, error, last),
    )


def _next(past: InterimAnalysis, grids: tuple[Grid, ...], info: float, *, futility: bool) -> Grid:
    if not grids:
        return start()
    futile = float(past.futility_bounds[-1]) if futility else math.nan
    open_to = regions(past.test.sided, float(past.bounds[-1]), futile)
    return advance(grids[-1], float(past.information[-1]), open_to, info)


def _futility(past: InterimAnalysis, grid: Grid, infos: FloatArray, bound: float) -> float:
    plan, k = past.test.plan, len(past)
    if plan.futility is None:
        return math.nan
    if not isinstance(plan.futility, str):
        return min(float(plan.futility[k]), bound) if k < plan.futility.size else math.nan
    shares = infos / plan.information[-1]
    spent = np.diff(spent_share(plan.futility, shares, plan.beta, plan.futility_shape), prepend=0.0)
    effect = past.test.drift / math.sqrt(plan.information[-1])
    return futility_at(grid, float(infos[-1]), float(spent[-1]), effect, plan.sided, bound)


def _statistic(
    params: Params, z: float | None, estimate: float | None, standard_error: float | None
) -> tuple[float, float | None]:
    """Return z, and the standard error if it was given."""
    if (z is None) == (estimate is None) or (estimate is not None and standard_error is None):
        raise ParameterError(f"{params.function}: give z, or estimate and standard_error.")
    error = None if standard_error is None else params.number("standard_error", standard_error, above=0.0)
    if estimate is None:
        return float(params.number("z", z)), None if error is None else float(error)
    assert error is not None
    return float(params.number("estimate", estimate)) / float(error), float(error)


def _information(past: InterimAnalysis, params: Params, information: float | None, error: float | None) -> float:
    planned, k = past.test.information, len(past)
    if information is None:
        if error is None and k >= planned.size:
            params.refuse("information", f"given at a look beyond the {planned.size} planned ones", information)
        information = float(planned[k]) if error is None else error**-2
    info = float(params.number("information", information, above=0.0))
    if k and info - past.information[-1] < LEAST_GROWTH * info:
        raise ParameterError(
            f"{params.function}: look {k + 1} has information {info:g}, less or hardly more than the "
            f"{past.information[-1]:g} of look {k}; it must grow by 0.01 % at least. Leave this look out, or wait."
        )
    return info


def _is_last(past: InterimAnalysis, params: Params, info: float, final: bool) -> bool:
    planned, k = past.test.information, len(past)
    if info > planned[-1] * (1.0 + CLOSE) and not final:
        raise ParameterError(
            f"{params.function}: look {k + 1} has information {info:g}, beyond the planned {planned[-1]:g}; there is "
            "no alpha to spend there. If this is the one last look, over-run by accident, pass final=True: it spends "
            "all that is left of alpha at the information reached."
        )
    if k >= planned.size and past.test.design != "spending":
        raise ParameterError(
            f"{params.function}: this is look {k + 1} of a {past.test.design} test of {planned.size} looks; only "
            'design="spending" lets their number change.'
        )
    by_number = past.test.design != "spending" and k == planned.size - 1
    return final or by_number or info >= planned[-1] * (1.0 - CLOSE)


def _notices(past: InterimAnalysis, info: float, error: float, last: bool) -> tuple[Notice, ...]:
    planned, found, k = past.test.information, dict(past.notices), len(past)
    if math.isnan(error):
        found["no_standard_error"] = (
            "a look was given z alone; without the standard error there is no estimate and no interval on the scale "
            "of the effect."
        )
    if last and info > planned[-1] * (1.0 + CLOSE):
        found["over_running"] = (
            f"the last look has information {info:g}, planned were {planned[-1]:g}; its bound spends all of alpha."
        )
    if last and info < planned[-1] * (1.0 - CLOSE):
        found["under_running"] = (
            f"the last look has information {info:g} of the planned {planned[-1]:g}; its bound spends all of alpha "
            "there, and the power is less than planned."
        )
    if not last and past.test.design != "spending" and not math.isclose(info, planned[k], rel_tol=CLOSE):
        found["information_differs"] = (
            f"look {k + 1} has information {info:g}, planned were {planned[k]:g}; the alpha planned for that look is "
            "spent at the information reached, so the bounds are no longer those of the classical design."
        )
    if past.test.binding:
        found["binding_futility"] = (
            "the bounds and intervals count on stopping at the futility bound; going on below it breaks alpha."
        )
    return tuple(Notice(code, text) for code, text in found.items())


def _over(past: InterimAnalysis, function: str) -> NoReturn:
    raise ParameterError(
        f"{function}: the test ended at look {len(past)} (information {past.information[-1]:g}) with "
        f"{past.decision!r}; a further look has no alpha to spend. Plan a new experiment."
    )


def _adjusted(done: InterimAnalysis) -> Estimate:
    plan, unit = done.test.plan, float(done.standard_error[-1]) * math.sqrt(done.information[-1])
    method = "stage-wise ordering, median unbiased"
    if plan.sided == 2 and plan.binding and plan.futility is not None and done.decision != "reject":
        reason = Notice(
            "no_order", "outcomes of a two-sided test that did not reject, with binding futility: no order."
        )
        nan = math.nan
        return Estimate(done.backend, nan, nan, nan, 1 - plan.alpha, method, nan, (*done.notices, reason))

    def effect(share: float) -> float:
        guess = float(done.z[-1]) / math.sqrt(done.information[-1])
        width = 1.0 / math.sqrt(done.information[-1])
        centre = guess + width * float(special.ndtri(share))
        return unit * root(lambda theta: _larger(done, theta) - share, centre - width, centre + width)

    p = _larger(done, 0.0)
    tail = plan.alpha / plan.sided
    upper = effect(1.0 - tail) if plan.sided == 2 else math.inf
    p_value = p if plan.sided == 1 else 2.0 * min(p, _smaller(done, 0.0))
    return Estimate(
        done.backend, effect(0.5), effect(tail), upper, 1.0 - plan.alpha, method, min(1.0, p_value), done.notices
    )


def _larger(done: InterimAnalysis, theta: float) -> float:
    """Return the probability of an outcome at least as large in the stage-wise order."""
    if done.z[-1] < 0.0 and done.decision == "reject":
        return 1.0 - _smaller(done, theta)
    if done.decision == "futility" and done.test.binding:
        return 1.0 - _smaller(done, theta)
    earlier = zip(done.kept[:-1], done.information[:-1], done.bounds[:-1], strict=True)
    stopped = sum(float(above(grid, float(info), float(bound), theta)) for grid, info, bound in earlier)
    return stopped + float(above(done.kept[-1], float(done.information[-1]), float(done.z[-1]), theta))


def _smaller(done: InterimAnalysis, theta: float) -> float:
    """Return the probability of an outcome at most as large in the stage-wise order."""
    ends = -done.bounds[:-1] if done.test.sided == 2 else done.futility_bounds[:-1]
    if done.test.sided == 1 and not done.test.binding:
        ends = np.full(ends.size, np.nan)
    earlier = zip(done.kept[:-1], done.information[:-1], ends, strict=True)
    stopped = sum(float(below(grid, float(info), float(z), theta)) for grid, info, z in earlier if not math.isnan(z))
    return stopped + float(below(done.kept[-1], float(done.information[-1]), float(done.z[-1]), theta))
