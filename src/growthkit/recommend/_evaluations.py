"""What an evaluation says: metrics with intervals, and paired differences between models."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any, ClassVar

import numpy as np

from .._core.corrections import adjusted
from .._core.frames import give_back
from .._core.params import Params
from .._core.results import Notice, Result
from ..typing import AnyArray, FloatArray, IntoFrame
from ._ranking_metrics import METRICS
from ._uncertainty import interval_of, ratios

__all__ = ["Differences", "Evaluation"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Evaluation(Result):
    """The metrics of each model: one row a metric, length of list and model.

    Made by `evaluate`.

    Parameters
    ----------
    models
        Their names.
    measures
        Pairs of metric and length of list.
    customers
        The ids of those who were evaluated.
    customer_name
        The column that the ids came from.
    numerator, denominator
        What each customer adds to the two sums whose ratio is the metric: by model, measure and customer.
    wholes
        By model and measure the value for all lists together (coverage, Gini); NaN for metrics of customers.
    replicates
        The ratios in each resample of customers, by resample, model and measure; or None.
    ci
        "bootstrap", "normal" or None.
    confidence
        The level of the intervals.
    notices
        What a reader must know.
    """

    _picture: ClassVar[str] = "recommend:draw_evaluation"

    models: tuple[str, ...]
    measures: tuple[tuple[str, int], ...]
    customers: AnyArray
    customer_name: str
    numerator: FloatArray
    denominator: FloatArray
    wholes: FloatArray
    replicates: FloatArray | None
    ci: str | None
    confidence: float
    notices: tuple[Notice, ...]

    @property
    def estimate(self) -> FloatArray:
        """The metrics, by model and measure."""
        of_customers = ratios(self.numerator.sum(axis=-1), self.denominator.sum(axis=-1))
        return np.where(self._of_lists, self.wholes, of_customers)

    @property
    def n_customers(self) -> int:
        """How many customers were evaluated."""
        return self.customers.size

    @property
    def warnings(self) -> tuple[Notice, ...]:
        """What a reader must know, as codes and sentences."""
        return self.notices

    def value(self, model: str, metric: str, k: int | None = None) -> float:
        """Return one metric of one model; `k` may be left out where there is only one.

        Raises
        ------
        ParameterError
            If the model or the measure was not evaluated.
        """
        params = Params("Evaluation.value")
        place = self.models.index(params.one_of("model", model, self.models))
        return float(self.estimate[place, self._measure(params, metric, k)])

    def columns(self) -> dict[str, AnyArray]:
        """Return the table: metric, k, model, value, lower, upper and how many customers it is of."""
        ends = self._intervals()
        names = [metric for metric, _ in self.measures]
        shape = len(self.measures), len(self.models)
        counted = (self.denominator != 0).sum(axis=-1)
        table = {
            "metric": np.broadcast_to(np.array(names, dtype=object)[:, None], shape),
            "k": np.broadcast_to(np.array([k for _, k in self.measures])[:, None], shape),
            "model": np.broadcast_to(np.array(self.models, dtype=object), shape),
            "value": self.estimate.T,
            "lower": ends[0].T,
            "upper": ends[1].T,
            "n_customers": np.where(self._of_lists, self.n_customers, counted).T,
        }
        return {name: column.ravel() for name, column in table.items()}

    def facts(self) -> dict[str, Any]:
        """Return how many customers were evaluated, and the best model by each metric that has one."""
        best = {f"best by {metric}@{k}": self._best(place) for place, (metric, k) in enumerate(self.measures)}
        return {
            "models": len(self.models),
            "customers": self.n_customers,
            "confidence": self.confidence,
            "interval": self.ci or "none",
            **{name: text for name, text in best.items() if text},
        }

    def by_customer(self) -> IntoFrame:
        """Return one row a model and customer, one column a metric of customers: its value, NaN where not defined."""
        n_models, n = len(self.models), self.n_customers
        values = ratios(self.numerator, self.denominator)
        table: dict[str, AnyArray] = {
            self.customer_name: np.tile(self.customers, n_models),
            "model": np.repeat(np.array(self.models, dtype=object), n),
        }
        for place, (metric, k) in enumerate(self.measures):
            if METRICS[metric].of_customers is not None:
                table[f"{metric}@{k}"] = values[:, place].ravel()
        return give_back(table, backend=self.backend)

    def differences(
        self, baseline: str | None = None, *, metric: str | None = None, k: int | None = None, correction: str = "holm"
    ) -> Differences:
        """Compare models customer by customer.

        Parameters
        ----------
        baseline
            The model that the others are compared with; None for all pairs.
        metric, k
            One measure; None for all. p-values are adjusted for all comparisons of the call, so ask for what you want
            to know.
        correction
            "holm" [1]_ or "none".

        Returns
        -------
        Differences
            One row a comparison. Intervals are not adjusted.

        Raises
        ------
        ParameterError
            If there is no such model or measure, or only one model.

        References
        ----------
        .. [1] Holm, S. (1979). A simple sequentially rejective multiple test procedure. Scandinavian Journal of
           Statistics 6(2), 65-70.
        """
        params = Params("Evaluation.differences")
        params.one_of("correction", correction, ("holm", "none"))
        if len(self.models) == 1:
            params.refuse("models", "two or more to compare", list(self.models))
        pairs = [(b, a) for a, b in combinations(range(len(self.models)), 2)]
        if baseline is not None:
            base = self.models.index(params.one_of("baseline", baseline, self.models))
            pairs = [(place, base) for place in range(len(self.models)) if place != base]
        if metric is None:
            chosen = [place for place, (_, length) in enumerate(self.measures) if k in (None, length)]
        else:
            chosen = [self._measure(params, metric, k)]
        if not chosen:
            params.refuse("k", f"one of {', '.join(str(length) for _, length in self.measures)}", k)
        return _differences(self, pairs, chosen, correction)

    @property
    def _of_lists(self) -> AnyArray:
        return np.array([METRICS[metric].of_lists is not None for metric, _ in self.measures])

    def _measure(self, params: Params, metric: str, k: int | None) -> int:
        """Return the place of a measure."""
        found = [place for place, (name, length) in enumerate(self.measures) if name == metric and k in (None, length)]
        if len(found) != 1:
            params.refuse(
                "metric", f"one of {', '.join(f'{name} (k={length})' for name, length in self.measures)}", metric
            )
        return found[0]

    def _intervals(self) -> tuple[FloatArray, FloatArray]:
        values = self.estimate
        ends = interval_of(values, self.replicates, _influence(self), ci=self.ci, confidence=self.confidence)
        known = ~self._of_lists
        return np.where(known, ends.lower, np.nan), np.where(known, ends.upper, np.nan)

    def _best(self, measure: int) -> str:
        """Return the best model by one measure; "" where no direction is better."""
        values, better = self.estimate[:, measure], METRICS[self.measures[measure][0]].better
        if better == 0 or np.isnan(values).all():
            return ""
        place = int(np.nanargmax(better * values))
        return f"{self.models[place]} ({values[place]:.4g})"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Differences(Result):
    """How much models differ: one row a measure and pair of models.

    Parameters
    ----------
    metric, k
        The measure.
    model, baseline
        Names: the difference is that of the model minus the baseline.
    difference, lower, upper
        With the ends of its interval; infinite where there are too few resamples for one, NaN where it is not known.
    p_value, p_adjusted
        Two-sided, of the null hypothesis of no difference; adjusted for all rows.
    p_floor
        The smallest p-value, before it is adjusted, that the resamples can give: one that is as small may be smaller. 0
        without resamples.
    n_customers
        How many customers it is of.
    confidence
        The level of the intervals.
    ci
        "bootstrap", "normal" or None.
    correction
        How p-values are adjusted.
    notices
        What a reader must know.
    """

    _picture: ClassVar[str] = "recommend:draw_differences"

    metric: AnyArray
    k: AnyArray
    model: AnyArray
    baseline: AnyArray
    difference: FloatArray
    lower: FloatArray
    upper: FloatArray
    p_value: FloatArray
    p_adjusted: FloatArray
    p_floor: float
    n_customers: int
    confidence: float
    ci: str | None
    correction: str
    notices: tuple[Notice, ...]

    @property
    def warnings(self) -> tuple[Notice, ...]:
        """What a reader must know, as codes and sentences."""
        return self.notices

    def columns(self) -> dict[str, AnyArray]:
        """Return the table as arrays by column name."""
        names = ("metric", "k", "model", "baseline", "difference", "lower", "upper", "p_value", "p_adjusted")
        return {name: getattr(self, name) for name in names}

    def facts(self) -> dict[str, Any]:
        """Return how many comparisons there are, and how many are told apart."""
        apart = int((self.p_adjusted <= 1 - self.confidence).sum())
        return {
            "comparisons": self.metric.size,
            "told apart": apart,
            "customers": self.n_customers,
            "confidence": self.confidence,
            "interval": self.ci or "none",
            "correction": self.correction,
        }


def _influence(evaluation: Evaluation) -> FloatArray:
    """Return what each customer adds to each ratio to first order."""
    numerator, denominator = evaluation.numerator, evaluation.denominator
    totals = denominator.sum(axis=-1, keepdims=True)
    values = ratios(numerator.sum(axis=-1, keepdims=True), totals)
    return np.nan_to_num(ratios(numerator - values * denominator, np.broadcast_to(totals, numerator.shape)))


def _differences(
    evaluation: Evaluation, pairs: list[tuple[int, int]], chosen: list[int], correction: str
) -> Differences:
    one, two = (np.array(side) for side in zip(*pairs, strict=True))
    values = evaluation.estimate[:, chosen]
    influence = _influence(evaluation)[:, chosen]
    replicates = None if evaluation.replicates is None else evaluation.replicates[:, :, chosen]
    apart = values[one] - values[two]
    resampled = None if replicates is None else replicates[:, one] - replicates[:, two]
    ends = interval_of(
        apart, resampled, influence[one] - influence[two], ci=evaluation.ci, confidence=evaluation.confidence
    )
    of_lists = np.array([METRICS[evaluation.measures[place][0]].of_lists is not None for place in chosen])
    p_value = np.where(of_lists, np.nan, ends.p_value).T.ravel()
    lower, upper = (np.where(of_lists, np.nan, end).T.ravel() for end in (ends.lower, ends.upper))
    names = np.array(evaluation.models, dtype=object)
    metric = np.array([evaluation.measures[place][0] for place in chosen], dtype=object)
    return Differences(
        evaluation.backend,
        np.repeat(metric, one.size),
        np.repeat(np.array([evaluation.measures[place][1] for place in chosen]), one.size),
        np.tile(names[one], len(chosen)),
        np.tile(names[two], len(chosen)),
        apart.T.ravel(),
        lower,
        upper,
        p_value,
        adjusted(p_value, correction or "none"),
        _p_floor(evaluation),
        evaluation.n_customers,
        evaluation.confidence,
        evaluation.ci,
        correction,
        _few_resamples(evaluation, p_value, correction),
    )


def _p_floor(evaluation: Evaluation) -> float:
    """Return the smallest p-value that the resamples can give; 0 without resamples."""
    return 0.0 if evaluation.replicates is None else 2 / (len(evaluation.replicates) + 1)


def _few_resamples(evaluation: Evaluation, p_value: FloatArray, correction: str) -> tuple[Notice, ...]:
    """Say where so few resamples were made that no adjusted p-value can be small."""
    if evaluation.replicates is None:
        return ()
    n = int((~np.isnan(p_value)).sum()) if correction == "holm" else 1
    smallest = n * _p_floor(evaluation)
    if smallest <= 1 - evaluation.confidence:
        return ()
    text = (
        f"{len(evaluation.replicates):,} resamples give no adjusted p-value under {min(smallest, 1.0):.2g} with {n} "
        "comparisons; ask for fewer, raise n_resamples, or take ci='normal'."
    )
    return (Notice("too_few_resamples", text),)
