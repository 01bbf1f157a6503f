"""Choose a recommender: candidates are compared on held-out data, and must be better than the popular items."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from .._core.params import Params
from .._core.random import seed_from
from .._core.results import Notice, Result, announce
from ..exceptions import GrowthkitError
from ..summaries.interactions import Interactions
from ..typing import AnyArray, IntoFrame, RngLike
from . import split as splits
from ._base import Recommender
from ._evaluations import Differences, Evaluation
from ._judging import named_models
from ._leakage import Split
from ._ranking_metrics import METRICS
from .evaluation import evaluate

__all__ = ["ModelChoice", "compare_models"]

JUDGED_BY = tuple(name for name, metric in METRICS.items() if metric.of_customers is not None and metric.better == 1)
"""Metrics by which a model can be chosen: those of what is found."""

HELD_OUT = 0.2

ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ModelChoice(Result):
    """Which model to take, and why: one row a candidate, the best first.

    Made by `compare_models`.

    Parameters
    ----------
    best
        The chosen model, fitted on all data; or None where that was not asked for.
    best_name
        Its name.
    baseline
        The name of the popular items among the candidates.
    evaluation
        All candidates on the validation data.
    differences
        Each candidate against the popular items.
    validation
        What the candidates were fitted and judged on.
    skipped
        Candidates that could not be fitted, with the reason.
    notices
        What a reader must know.
    """

    _picture: ClassVar[str] = "recommend:draw_choice"

    best: Recommender | None
    best_name: str
    baseline: str
    evaluation: Evaluation
    differences: Differences | None
    validation: tuple[Split, ...]
    skipped: dict[str, str]
    notices: tuple[Notice, ...]

    @property
    def measure(self) -> tuple[str, int]:
        """The metric and the length of list by which it was chosen."""
        return self.evaluation.measures[0]

    @property
    def warnings(self) -> tuple[Notice, ...]:
        """What a reader must know, as codes and sentences."""
        return (*self.notices, *self.evaluation.warnings)

    def columns(self) -> dict[str, AnyArray]:
        """Return the table: each candidate's metric with its interval, and its difference from the popular items."""
        table = self.evaluation.columns()
        order = np.argsort(-np.nan_to_num(table["value"], nan=-np.inf), kind="stable")
        chosen = np.array([name == self.best_name for name in table["model"]])
        return {
            **{name: table[name][order] for name in ("model", "value", "lower", "upper")},
            **{name: self._against(name)[order] for name in ("difference", "p_adjusted")},
            "chosen": chosen[order],
        }

    def facts(self) -> dict[str, Any]:
        """Return the choice, what it was judged by, and on what."""
        metric, k = self.measure
        return {
            "best": self.best_name,
            "judged by": f"{metric}@{k}",
            "validation": ", ".join(dict.fromkeys(part.method for part in self.validation)),
            "customers": self.evaluation.n_customers,
            "candidates": len(self.evaluation.models),
            **{f"reason {place + 1}": text for place, text in enumerate(self.reasons)},
        }

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why this model, in sentences."""
        metric, k = self.measure
        columns = self.columns()
        by_name = {name: place for place, name in enumerate(columns["model"])}
        best, base = by_name[self.best_name], by_name[self.baseline]
        value, popular = float(columns["value"][best]), float(columns["value"][base])
        first = f"{self.best_name} has {metric}@{k} of {value:.4g}"
        if self.best_name == self.baseline:
            return (f"{first}; no candidate is better beyond chance.",)
        times = f", {value / popular:.2f} times that of {self.baseline}" if popular > 0 else ""
        rivals = self._rivals()
        second = f"Not told apart from it: {', '.join(rivals)}." if rivals else "It is told apart from all others."
        return (f"{first}{times} (p {self._p_text()}).", second)

    def _p_text(self) -> str:
        """Return the adjusted p-value of the best; what is as small as resamples can give is less than it says."""
        p = float(self._against("p_adjusted")[self.evaluation.models.index(self.best_name)])
        least = float(self._against("p_value")[self.evaluation.models.index(self.best_name)])
        floor = 0.0 if self.differences is None else self.differences.p_floor
        return f"{'< ' if least <= floor * (1 + ROUNDING) else ''}{p:.2g}"

    def _against(self, name: str) -> AnyArray:
        """Return a column of the differences by candidate; NaN for the popular items themselves."""
        known = self.differences
        by_model = {} if known is None else dict(zip(known.model, getattr(known, name), strict=True))
        return np.array([by_model.get(model, np.nan) for model in self.evaluation.models], dtype=np.float64)

    def _rivals(self) -> list[str]:
        """Return the candidates that are not worse than the best beyond chance."""
        if len(self.evaluation.models) == 1:
            return []
        against = self.evaluation.differences(self.best_name)
        alpha = 1 - self.evaluation.confidence
        worse = (against.p_adjusted <= alpha) & (against.difference < 0)
        return [str(name) for name, far in zip(against.model, worse, strict=True) if not far]


def compare_models(
    data: IntoFrame | Interactions,
    models: Mapping[str, Recommender] | Sequence[Recommender] | None = None,
    *,
    metric: str = "ndcg",
    k: int = 10,
    validation: Split | Sequence[Split] | None = None,
    exclude: str | None = "seen",
    fallback: Recommender | None = None,
    items: IntoFrame | None = None,
    ci: str = "bootstrap",
    confidence: float = 0.95,
    n_resamples: int = 2_000,
    refit: bool = True,
    rng: RngLike = None,
    timestamp: str | None = None,
    n_threads: int | None = None,
    progress: bool = False,
    **roles: Any,
) -> ModelChoice:
    """Compare recommenders on data held out from `data`, choose the best, and fit it on all of it.

    A model is chosen only if it is better than recommending what is popular beyond chance; where none is, the popular
    items are the choice, and a warning says so.

    Parameters
    ----------
    data
        A log with one row per event, or interactions. Keep the data of your final test out of it.
    models
        Unfitted recommenders: a mapping of names or a list; None for `Popular`, `ItemKNN`, `UserKNN`, `ImplicitALS` and
        `EASE` with their defaults. `Popular` joins them where it is missing.
    metric
        What to choose by: "ndcg", "ndcg_graded", "recall", "recall_capped", "precision", "map", "mrr" or "hit_rate".
    k
        Length of the lists.
    validation
        A split of `data`, or several, whose training data the candidates learn from; None for the last fifth of the
        rows by time, or without times a random fifth of each customer's items.
    exclude, fallback, items, ci, confidence, n_resamples
        As for `evaluate`; `ci` cannot be None.
    refit
        Whether to fit the chosen model on all of `data`.
    rng
        A seed, a `numpy.random.Generator` or None.
    timestamp
        Column of timestamps without time zone, or None; interactions bring their times.
    n_threads
        Number of threads; None for all cores.
    progress
        Whether to show a bar.
    **roles
        How to read the log: customer, item, event, weight, event_weights, half_life and duplicates, as in
        `Interactions.from_frame`.

    Returns
    -------
    ModelChoice
        Its `best` is the fitted model.

    Raises
    ------
    DataError
        If the data cannot be split, or the log is wrong.
    ParameterError
        If a parameter is out of range.

    Warns
    -----
    GrowthkitWarning
        If no candidate is better than the popular items beyond chance, or one could not be fitted.

    Notes
    -----
    The value of the chosen model on the validation data is too good by a little, as the best of several was taken;
    `evaluate` it on data that had no part in the choice. p-values against the popular items are adjusted by Holm's
    method for the number of candidates.

    The time is that of fitting each candidate once a split, and the best once more; of the defaults, `EASE` is by far
    the slowest where there are many items (cubic in their number), and refuses where its matrix would not fit.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from growthkit.recommend import ItemKNN, Popular, compare_models
    >>> draw = np.random.default_rng(0)
    >>> taste = draw.integers(0, 4, 400)
    >>> log = pd.DataFrame({
    ...     "customer_id": np.repeat(np.arange(400), 8),
    ...     "item_id": (np.repeat(taste, 8) * 25 + draw.integers(0, 25, 3_200)),
    ... })
    >>> choice = compare_models(log, {"popular": Popular(), "neighbours": ItemKNN()}, rng=0)
    >>> choice.best_name
    'neighbours'
    """
    params = Params("compare_models")
    params.one_of("metric", metric, JUDGED_BY)
    params.one_of("ci", ci, ("bootstrap", "normal"))
    params.flag("refit", refit)
    seed = seed_from(rng, function=params.function)
    candidates, baseline = _candidates(params, models)
    parts = _validation(data, validation, seed, timestamp, roles)
    options: dict[str, Any] = {
        "metrics": [metric],
        "k": params.whole("k", k, low=1),
        "exclude": exclude,
        "fallback": fallback,
        "items": items,
        "ci": ci,
        "confidence": confidence,
        "n_resamples": n_resamples,
        "rng": seed,
        "n_threads": n_threads,
        "progress": progress,
    }
    evaluation, skipped = _evaluated(candidates, baseline, parts, options)
    differences = evaluation.differences(baseline) if len(evaluation.models) > 1 else None
    best = _best(evaluation, differences, baseline)
    model = _fitted(data, candidates[best], items, timestamp, roles) if refit else None
    notices = _notices(evaluation, best, baseline, skipped)
    announce(notices, function=params.function)
    return ModelChoice(
        evaluation.backend, model, best, baseline, evaluation, differences, tuple(parts), skipped, notices
    )


def _candidates(params: Params, models: Any) -> tuple[dict[str, Recommender], str]:
    """Return the candidates by name, the popular items first, and the name of these."""
    from .popular import Popular

    named = _defaults() if models is None else named_models(params, models)
    strange = [name for name, model in named.items() if not isinstance(model, Recommender)]
    if strange:
        params.refuse("models", "recommenders", {name: named[name] for name in strange})
    popular = [name for name, model in named.items() if isinstance(model, Popular)]
    if not popular and "popular" in named:
        params.refuse("models", "such that only Popular is called 'popular'", named)
    baseline = popular[0] if popular else "popular"
    return {baseline: named[baseline] if popular else Popular(), **named}, baseline


def _defaults() -> dict[str, Recommender]:
    from .als import ImplicitALS
    from .linear import EASE
    from .neighbours import ItemKNN, UserKNN
    from .popular import Popular

    return {
        "popular": Popular(),
        "item_knn": ItemKNN(),
        "user_knn": UserKNN(),
        "als": ImplicitALS(),
        "ease": EASE(),
    }


def _validation(
    data: IntoFrame | Interactions, given: Any, seed: int, timestamp: str | None, roles: dict[str, Any]
) -> list[Split]:
    """Return the splits to validate on: those given, else by time, else at random."""
    if given is not None:
        return [given] if isinstance(given, Split) else list(given)
    timed = timestamp is not None
    if isinstance(data, Interactions):
        timed = data.rows.times is not None
    if timed:
        return [splits.by_time(data, 1 - HELD_OUT, timestamp=timestamp or "timestamp", **roles)]
    return [splits.at_random(data, HELD_OUT, rng=seed, **roles)]


def _evaluated(
    candidates: dict[str, Recommender], baseline: str, parts: list[Split], options: dict[str, Any]
) -> tuple[Evaluation, dict[str, str]]:
    """Evaluate the candidates one by one, so that only one is in memory; all meet the same resamples."""
    done: list[Evaluation] = []
    skipped: dict[str, str] = {}
    for name, model in candidates.items():
        try:
            done.append(evaluate({name: model}, parts, **options))
        except GrowthkitError as error:
            if name == baseline:
                raise
            skipped[name] = str(error)
    return _together(done), skipped


def _together(parts: list[Evaluation]) -> Evaluation:
    """Return evaluations of one model each, on the same customers and resamples, as one."""
    replicates = [part.replicates for part in parts if part.replicates is not None]
    return replace(
        parts[0],
        models=tuple(name for part in parts for name in part.models),
        numerator=np.concatenate([part.numerator for part in parts]),
        denominator=np.concatenate([part.denominator for part in parts]),
        wholes=np.concatenate([part.wholes for part in parts]),
        replicates=np.concatenate(replicates, axis=1) if replicates else None,
        notices=tuple(dict.fromkeys(notice for part in parts for notice in part.notices)),
    )


def _best(evaluation: Evaluation, differences: Differences | None, baseline: str) -> str:
    """Return the best of the candidates that are better than the baseline beyond chance; without any, the baseline."""
    if differences is None:
        return baseline
    better = (differences.difference > 0) & (differences.p_adjusted <= 1 - evaluation.confidence)
    if not better.any():
        return baseline
    return str(differences.model[np.where(better, differences.difference, -np.inf).argmax()])


def _fitted(
    data: IntoFrame | Interactions, model: Recommender, items: Any, timestamp: str | None, roles: dict[str, Any]
) -> Recommender:
    whole = data if isinstance(data, Interactions) else Interactions.from_frame(data, timestamp=timestamp, **roles)
    return copy.deepcopy(model).fit(whole, items=items)


def _notices(evaluation: Evaluation, best: str, baseline: str, skipped: dict[str, str]) -> tuple[Notice, ...]:
    """Say that nothing beats the popular items, and what was not compared."""
    notices = [Notice("skipped", f"{name} was not compared: {reason}") for name, reason in skipped.items()]
    if best == baseline:
        metric, k = evaluation.measures[0]
        text = f"no candidate has a better {metric}@{k} than {baseline} beyond chance, so that is the choice."
        notices.append(Notice("not_better_than_popular", text))
    return tuple(notices)
