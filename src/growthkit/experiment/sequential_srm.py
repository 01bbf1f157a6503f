"""`SequentialSRM`: a test for a sample ratio mismatch that holds at every look."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import numpy as np

from .._core.params import Params
from .._core.results import Notice, Result
from ..exceptions import DataError
from ..typing import AnyArray, FloatArray, Int64Array
from ._shares import ALPHA, count_mapping, read_shares, share_notices
from ._special import special

__all__ = ["SequentialSRM", "SequentialSrmResult"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SequentialSrmResult(Result):
    """One row per batch: the counts so far, the Bayes factor of a mismatch, and a p-value that holds at every look.

    Parameters
    ----------
    variants
        The arms, in the order of the weights.
    counts
        Units so far, shape (batches, variants).
    log_bayes_factors
        Logarithm of the odds that the data give to a mismatch against the weights, after each batch.
    p_values
        That hold at all looks, after each batch; never rising.
    alpha
        The level at which a mismatch is called one.
    notices
        What a reader must know.
    """

    _picture: ClassVar[str] = "srm:draw_sequential_srm"

    variants: tuple[Any, ...]
    counts: Int64Array
    log_bayes_factors: FloatArray
    p_values: FloatArray
    alpha: float
    notices: tuple[Notice, ...]

    def __len__(self) -> int:
        """Return the number of batches."""
        return self.p_values.size

    @property
    def warnings(self) -> tuple[Notice, ...]:
        """What a reader must know, as codes and sentences."""
        return self.notices

    @property
    def p_value(self) -> float:
        """The p-value after the last batch: 1 over the largest Bayes factor so far, at most 1."""
        return float(self.p_values[-1])

    @property
    def bayes_factor(self) -> float:
        """How many times likelier the counts so far are under a mismatch; infinite beyond the floating-point range."""
        with np.errstate(over="ignore"):
            return float(np.exp(self.log_bayes_factors[-1]))

    @property
    def mismatch(self) -> bool:
        """Whether the p-value ever reached `alpha`."""
        return self.p_value <= self.alpha

    def columns(self) -> dict[str, AnyArray]:
        """Return the table as arrays by column name."""
        counts = {f"n_{name}": self.counts[:, place] for place, name in enumerate(self.variants)}
        tests = {"log_bayes_factor": self.log_bayes_factors, "p_value": self.p_values}
        return {"batch": np.arange(1, len(self) + 1), **counts, **tests}

    def facts(self) -> dict[str, Any]:
        """Return the state after the last batch, and the batch at which a mismatch was found."""
        found = int((self.p_values <= self.alpha).argmax()) + 1 if self.mismatch else None
        tests = {"p_value": self.p_value, "bayes_factor": self.bayes_factor, "alpha": self.alpha}
        return {"units": int(self.counts[-1].sum()), "batches": len(self), **tests, "found at batch": found}


class SequentialSRM:
    """Test for a sample ratio mismatch at every look, from the first unit on.

    The method is that of [1]_.

    Parameters
    ----------
    weights
        The share that each variant should get, by variant; they must sum to 1, as in `srm`.
    concentration
        How close to the weights a mismatch is expected: shares are drawn from a Dirichlet law with parameters
        ``concentration * weights``. The default puts the share of an arm of weight .5 within about one percentage point
        of it. Any value is valid; smaller ones find gross mismatches sooner, larger ones slight mismatches.
    alpha
        The level at which a mismatch is called one: it bounds the probability to ever find one where there is none.

    Notes
    -----
    With N units, n_i of them in arm i, prior ``a_i = concentration * w_i`` and ``A = sum a_i``, the Bayes factor is

        ``Gamma(A) / Gamma(A + N) * prod Gamma(a_i + n_i) / (Gamma(a_i) w_i^n_i)``

    a martingale under the weights, so that ``p = min 1 / BF`` over the looks holds at all of them. It depends on the
    counts so far only: neither the order of units within a batch nor that of the batches changes the Bayes factor. A
    unit in an arm of weight 0 makes it infinite. O(batches x variants) an update.

    References
    ----------
    .. [1] Lindon, M. and A. Malek (2022). Anytime-valid inference for multinomial count data. NeurIPS 35.
       arXiv:2011.03567.

    Examples
    --------
    >>> from growthkit.experiment.sequential_srm import SequentialSRM
    >>> monitor = SequentialSRM({"control": 0.5, "treatment": 0.5})
    >>> monitor.update({"control": 5_020, "treatment": 4_980}).p_value
    1.0
    >>> result = monitor.update({"control": 53_100, "treatment": 50_900})
    >>> result.mismatch, f"{result.p_value:.1e}"
    (True, '5.7e-09')
    """

    def __init__(self, weights: Mapping[Any, float], *, concentration: float = 10_000.0, alpha: float = ALPHA) -> None:
        params = Params("SequentialSRM")
        self.weights = read_shares(params, weights)
        self.concentration = params.number("concentration", concentration, above=0)
        self.alpha = params.number("alpha", alpha, above=0, below=1)
        self._totals: Int64Array = np.zeros((0, len(self.weights)), dtype=np.int64)

    def __repr__(self) -> str:
        return f"SequentialSRM({self.weights!r}, concentration={self.concentration!r}, alpha={self.alpha!r})"

    def update(self, counts: Mapping[Any, int] | Iterable[Mapping[Any, int]]) -> SequentialSrmResult:
        """Add new units, and return the test over all batches so far.

        Parameters
        ----------
        counts
            The *new* units by variant, one batch; or several such mappings, one a batch, in the order of their coming.

        Returns
        -------
        SequentialSrmResult
            One row per batch since the monitor was made.

        Raises
        ------
        DataError
            If a count is no whole number of at least 0, or a variant has no weight; the monitor then stays as it was.
        """
        function = "SequentialSRM.update"
        batches = [cast("Mapping[Any, Any]", counts)] if isinstance(counts, Mapping) else list(counts)
        if not batches and not len(self._totals):
            raise DataError(f"{function}: there is no batch; pass units by variant.")
        new = [count_mapping(batch, self.weights, function, empty=True) for batch in batches]
        before = self._totals[-1:] if len(self._totals) else np.zeros((1, len(self.weights)), dtype=np.int64)
        self._totals = np.concatenate(
            [self._totals, before + np.cumsum(np.array(new).reshape(-1, before.size), axis=0)]
        )
        return self._result()

    def _result(self) -> SequentialSrmResult:
        weights = np.array(list(self.weights.values()))
        evidence = log_bayes_factors(self._totals, weights, self.concentration * weights)
        p_values = np.exp(-np.maximum.accumulate(np.maximum(evidence, 0)))
        notices = share_notices(self._totals[-1], self.weights)
        return SequentialSrmResult("pandas", tuple(self.weights), self._totals, evidence, p_values, self.alpha, notices)


def log_bayes_factors(counts: Int64Array, weights: FloatArray, prior: FloatArray) -> FloatArray:
    """Return the log Bayes factor of a Dirichlet law of shares against `weights`, for each row of `counts`."""
    planned = weights > 0
    n, w, prior = counts[:, planned], weights[planned], prior[planned]
    terms: FloatArray = (
        np.asarray(special.gammaln(prior + n)) - np.asarray(special.gammaln(prior)) - np.asarray(special.xlogy(n, w))
    )
    units, mass = np.asarray(n.sum(axis=1), dtype=np.float64), float(prior.sum())
    total: FloatArray = np.asarray(special.gammaln(units + mass)) - float(special.gammaln(mass))
    return np.where(counts[:, ~planned].any(axis=1), np.inf, terms.sum(axis=1) - total)
