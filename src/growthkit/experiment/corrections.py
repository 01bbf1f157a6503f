"""Many tests at once: adjusted p-values, gatekeeping by role, and Dunnett's comparison of several arms with one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._core.corrections import CORRECTIONS, adjusted
from .._core.params import Params
from .._core.results import Estimate
from ..exceptions import DataError
from ..typing import AnyArray, BoolArray, FloatArray, Int64Array
from ._inputs import Columns, levels
from ._many_to_one import any_beyond, critical_value

__all__ = ["DunnettComparison", "adjust_p_values", "dunnett"]

ROLES = ("primary", "secondary", "guardrail")

GATES = ("all", "any")

FAMILYWISE = ("bonferroni", "holm", "hochberg")

MOST_SHARED = 1 - 1e-6
"""The most of a comparison's variance that may be the control's; beyond, the integrand is a step."""


def adjust_p_values(
    p: Any,
    *,
    method: str = "holm",
    role: Sequence[str] | None = None,
    gate: str = "all",
    branch: Sequence[Any] | AnyArray | None = None,
) -> FloatArray:
    """Adjust p-values for their number: reject where the adjusted one is at most alpha.

    Parameters
    ----------
    p
        p-values of one family, in [0, 1], any shape. NaN (a test that could not be made) stays NaN and does not count.
    method
        Holding the chance of any false rejection: "bonferroni" and "holm" [1]_ under any dependence, "hochberg" [2]_
        for independent or positively dependent tests. Holding the expected share of false rejections: "bh" [3]_ for
        independent or positively dependent tests, "by" [4]_ under any dependence. "none" leaves them as they are.
    role
        For each p-value "primary", "secondary" or "guardrail"; None for one family. Primary and secondary metrics are
        families of their own, and secondary ones are kept behind a gate. Guardrails are not adjusted: all of them must
        pass, and a test that asks for all of several needs no correction (intersection-union [5]_).
    gate
        When secondary metrics may be rejected. "all": their adjusted p-values are at least the largest of the primary
        ones, so nothing secondary counts until all primary metrics do. "any": parallel gatekeeping [6]_: the primary
        family is adjusted by Bonferroni; r rejected of m pass r / m of alpha on to the secondary family. A primary
        p-value of NaN cannot be rejected: with "all" it keeps the gate shut.
    branch
        For each p-value what it belongs to, such as its variant; None for one branch. Each branch has a gate of its
        own. Where there are secondary metrics, k branches that are adjusted by Bonferroni, Holm or Hochberg get an
        equal share of alpha each, so that the chance of any false rejection in all of them is held. With "bh" and "by"
        families span the branches, and only the gates are apart.

    Returns
    -------
    numpy.ndarray
        float64 in the shape of `p`: the smallest alpha at which the procedure rejects each hypothesis.

    Raises
    ------
    ParameterError
        For an unknown method, gate or role, or "any" with a method that holds the false discovery rate.
    DataError
        For p-values outside [0, 1], or roles that do not match them.

    Notes
    -----
    O(k log k). With p-values in rising order, of m: Holm ``max over i <= j of (m - i + 1) p_i``; Hochberg ``min over i
    >= j`` of the same; BH ``min over i >= j of m p_i / i``; BY that times ``1 + 1/2 + ... + 1/m``; all at most 1.

    References
    ----------
    .. [1] Holm, S. (1979). A simple sequentially rejective multiple test procedure. Scandinavian Journal of Statistics
       6(2), 65-70.
    .. [2] Hochberg, Y. (1988). A sharper Bonferroni procedure for multiple tests of significance. Biometrika 75(4),
       800-802.
    .. [3] Benjamini, Y. and Y. Hochberg (1995). Controlling the false discovery rate. Journal of the Royal Statistical
       Society B 57(1), 289-300.
    .. [4] Benjamini, Y. and D. Yekutieli (2001). The control of the false discovery rate in multiple testing under
       dependency. Annals of Statistics 29(4), 1165-1188.
    .. [5] Berger, R. L. (1982). Multiparameter hypothesis testing and acceptance sampling. Technometrics 24(4),
       295-300.
    .. [6] Dmitrienko, A. and A. C. Tamhane (2009). Gatekeeping procedures in clinical trials, section 5.4. In: Multiple
       Testing Problems in Pharmaceutical Statistics. Chapman and Hall/CRC.

    Examples
    --------
    >>> from growthkit.experiment.corrections import adjust_p_values
    >>> adjust_p_values([0.01, 0.04, 0.03, float("nan")]).tolist()
    [0.03, 0.06, 0.06, nan]
    >>> roles = ["primary", "secondary", "secondary", "guardrail"]
    >>> adjust_p_values([0.02, 0.001, 0.04, 0.03], role=roles).tolist()
    [0.02, 0.02, 0.04, 0.03]
    """
    params = Params("adjust_p_values")
    params.one_of("method", method, tuple(CORRECTIONS))
    params.one_of("gate", gate, GATES)
    values = _probabilities(params.function, p)
    flat: FloatArray = values.ravel()
    if role is None:
        return adjusted(flat, method).reshape(values.shape)
    roles = _roles(params, role, values.shape)
    if gate == "any" and method not in FAMILYWISE:
        params.refuse("method", "one of 'bonferroni', 'holm', 'hochberg' with gate='any'", method)
    branches = np.zeros(flat.size, dtype=np.int64) if branch is None else _branches(params, branch, values.shape)
    if branches.size and branches.any() and (roles == "secondary").any():
        return _by_branch(method, flat, roles, gate, branches).reshape(values.shape)
    return _gatekeep(method, flat, roles, gate).reshape(values.shape)


def _probabilities(function: str, p: Any) -> FloatArray:
    try:
        values = np.array(p, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{function}: p must be numbers, got {type(p).__name__}; convert them first.") from error
    bad = ((values < 0) | (values > 1)).ravel()
    if bad.any():
        raise DataError(
            f"{function}: p holds {int(bad.sum())} values outside [0, 1] (first at row {int(bad.argmax())}: "
            f"{values.ravel()[int(bad.argmax())]:g}); pass p-values, not statistics."
        )
    return values


def _roles(params: Params, role: Any, shape: tuple[int, ...]) -> AnyArray:
    roles: AnyArray = np.asarray(role, dtype=object)
    if roles.shape != shape:
        raise DataError(
            f"{params.function}: role has shape {roles.shape}, but p has {shape}; give one role for each p-value."
        )
    for name in set(roles.ravel().tolist()):
        params.one_of("role", name, ROLES)
    return roles.ravel()


def _branches(params: Params, branch: Any, shape: tuple[int, ...]) -> Int64Array:
    labels: AnyArray = np.asarray(branch)
    if labels.shape != shape:
        raise DataError(
            f"{params.function}: branch has shape {labels.shape}, but p has {shape}; give one branch for each p-value."
        )
    return np.unique(labels.ravel(), return_inverse=True)[1].astype(np.int64).ravel()


def _by_branch(method: str, p: FloatArray, roles: AnyArray, gate: str, branches: Int64Array) -> FloatArray:
    """Adjust with a gate for each branch; procedures that hold the family-wise error share alpha among branches."""
    answer, alone = p.copy(), method in FAMILYWISE
    n_branches = int(branches.max()) + 1
    if not alone:
        for role in ("primary", "secondary"):
            answer[roles == role] = adjusted(p[roles == role], method)
    for rows in np.split(np.argsort(branches, kind="stable"), np.cumsum(np.bincount(branches))[:-1]):
        ruled = rows[roles[rows] != "guardrail"]
        if alone:
            answer[ruled] = np.minimum(n_branches * _gatekeep(method, p[ruled], roles[ruled], gate), 1.0)
        else:
            answer[ruled] = _gatekeep("none", answer[ruled], roles[ruled], gate)
    return answer


def _gatekeep(method: str, p: FloatArray, roles: AnyArray, gate: str) -> FloatArray:
    answer = p.copy()
    primary, secondary = roles == "primary", roles == "secondary"
    answer[primary] = adjusted(p[primary], "bonferroni" if gate == "any" else method)
    answer[secondary] = adjusted(p[secondary], method)
    if primary.any():
        pass_gate = _through_any if gate == "any" else _through_all
        answer[secondary] = pass_gate(answer[primary], answer[secondary])
    return answer


def _through_all(primary: FloatArray, secondary: FloatArray) -> FloatArray:
    shut = 1.0 if np.isnan(primary).any() else float(primary.max())
    return np.where(np.isnan(secondary), np.nan, np.maximum(secondary, shut))


def _through_any(primary: FloatArray, secondary: FloatArray) -> FloatArray:
    """Return the least alpha at which so many primary rejections leave enough of it for the secondary ones."""
    ranked = np.sort(primary[~np.isnan(primary)])
    shares = np.arange(1, ranked.size + 1) / max(ranked.size, 1)
    needed = np.maximum(ranked, secondary[:, None] / shares)
    least = np.minimum(needed.min(axis=1, initial=1.0), 1.0)
    return np.where(np.isnan(secondary), np.nan, least)


@dataclass(frozen=True, slots=True, eq=False, repr=False, kw_only=True)
class DunnettComparison(Estimate):
    """Differences of several arms from one control: simultaneous intervals and adjusted p-values, a row an arm.

    Parameters
    ----------
    arm
        The place of each arm in what was given.
    statistic
        Difference over standard error.
    critical_value
        What the statistic must exceed (in size, if two-sided).
    df
        Degrees of freedom.
    """

    arm: AnyArray
    statistic: FloatArray
    critical_value: FloatArray
    df: FloatArray

    def columns(self) -> dict[str, AnyArray]:
        """Return the table as arrays by column name: one row an arm other than the control."""
        own = {name: getattr(self, name) for name in ("statistic", "critical_value", "df")}
        return {"arm": self.arm, **super(DunnettComparison, self).columns(), **own}


def dunnett(
    mean: Any,
    variance: Any,
    n: Any,
    *,
    control: int = 0,
    equal_variances: bool = False,
    confidence: float = 0.95,
    alternative: str = "two-sided",
) -> DunnettComparison:
    """Compare several arms with one control by Dunnett's test.

    The method is that of [1]_.

    Parameters
    ----------
    mean, variance, n
        Mean, variance (divisor n - 1) and number of units of each arm, arrays of k + 1 with the control among them.
    control
        The place of the control in them.
    equal_variances
        True: Dunnett's own test, exact for normal data with one variance in all arms. False (default): each
        comparison with its own variances and Welch's degrees of freedom, the correlations estimated [2]_.
    confidence
        The simultaneous level, in (0, 1); above .5 if one-sided.
    alternative
        "two-sided"; "greater" asks whether an arm exceeds the control and gives lower limits, "less" the reverse.

    Returns
    -------
    DunnettComparison
        One row an arm other than the control: arm minus control, simultaneous limits, p-values adjusted for all k
        comparisons. A limit excludes 0 exactly where the p-value is below 1 - `confidence`.

    Raises
    ------
    ParameterError
        For a control that is not among the arms, a level or side out of range.
    DataError
        For fewer than two arms, fewer than two units in an arm, negative variances, or no variance at all.

    Notes
    -----
    O(k^2) numerical integrations, about 5 ms each. The statistics share the control's mean, so their correlation is
    ``l_i l_j`` with ``l_i^2 = v_0 / (v_i + v_0)`` (v: variance of the arm's mean). The multivariate t probability then
    is a double integral, computed by quadrature to about 1e-9.

    References
    ----------
    .. [1] Dunnett, C. W. (1955). A multiple comparison procedure for comparing several treatments with a control.
       Journal of the American Statistical Association 50, 1096-1121.
    .. [2] Hasler, M. and L. A. Hothorn (2008). Multiple contrast tests in the presence of heteroscedasticity.
       Biometrical Journal 50(5), 793-800.

    Examples
    --------
    >>> from growthkit.experiment.corrections import dunnett
    >>> arms = dunnett([10.0, 10.4, 11.0], [4.0, 4.0, 4.0], [80, 80, 80], equal_variances=True)
    >>> arms.p_value.round(4).tolist()
    [0.3442, 0.0034]
    >>> arms.lower.round(3).tolist(), arms.upper.round(3).tolist()
    ([-0.304, 0.296], [1.104, 1.704])
    """
    params = Params("dunnett")
    tail = levels(params, confidence, alternative) * (2 if alternative == "two-sided" else 1)
    params.flag("equal_variances", equal_variances)
    columns = Columns(params.function, mean=mean, variance=variance, n=n)
    base = _check_arms(params, columns, control)
    others = np.delete(np.arange(columns["n"].size), base)
    difference, error, loadings, df = _against_control(columns, base, others, equal_variances)
    statistic = difference / error
    two_sided = alternative == "two-sided"
    beyond = np.abs(statistic) if two_sided else statistic * (1 if alternative == "greater" else -1)
    cases = list(zip(beyond, df, strict=True))
    p_value = np.array([any_beyond(float(t), loadings, float(f), two_sided=two_sided) for t, f in cases])
    critical = _critical_values(tail, loadings, df, two_sided)
    lower = difference - critical * error if alternative != "less" else np.full(others.size, -np.inf)
    upper = difference + critical * error if alternative != "greater" else np.full(others.size, np.inf)
    name = "Dunnett" if equal_variances else "Dunnett (Welch)"
    return DunnettComparison(
        *("pandas", difference, lower, upper, float(confidence), name, p_value),
        arm=others,
        statistic=statistic,
        critical_value=critical,
        df=df,
    )


def _check_arms(params: Params, columns: Columns, control: int) -> int:
    size = columns["n"].size
    if size < 2:
        raise DataError("dunnett: there must be a control and at least one other arm; give arrays of two or more.")
    few: BoolArray = (columns["n"] < 2) | (columns["n"] != np.floor(columns["n"]))
    columns.refuse("n", few, "values that are not whole numbers of at least 2", "drop arms with fewer than two units")
    columns.refuse("variance", columns["variance"] < 0, "negative values", "pass variances")
    base = params.whole("control", control, low=0, high=size - 1)
    means = columns["variance"] / columns["n"]
    stuck = (means + means[base] == 0) & (np.arange(size) != base)
    columns.refuse("variance", stuck, "arms that vary as little as the control, not at all", "compare them directly")
    return base


def _against_control(
    columns: Columns, base: int, others: AnyArray, equal_variances: bool
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return differences, standard errors, loadings on the control's mean, and degrees of freedom."""
    mean, variance, n = (columns[name] for name in ("mean", "variance", "n"))
    freedom = float((n - 1).sum())
    if equal_variances:
        variance = np.full(n.size, ((n - 1) @ variance) / freedom)
    v, v0 = variance[others] / n[others], float(variance[base] / n[base])
    welch = (v + v0) ** 2 / (v**2 / (n[others] - 1) + v0**2 / (n[base] - 1))
    df = np.full(others.size, freedom) if equal_variances else welch
    return mean[others] - mean[base], np.sqrt(v + v0), np.sqrt(np.minimum(v0 / (v + v0), MOST_SHARED)), df


def _critical_values(tail: float, loadings: FloatArray, df: FloatArray, two_sided: bool) -> FloatArray:
    """Return the critical value of each comparison; equal degrees of freedom share one."""
    kinds, place = np.unique(df, return_inverse=True)
    values = np.array([critical_value(tail, loadings, float(kind), two_sided=two_sided) for kind in kinds])
    return values[place]
