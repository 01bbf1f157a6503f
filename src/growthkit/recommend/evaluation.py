"""Evaluate recommenders: how well they find what customers went on to choose, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from .._core.params import Params
from .._core.random import seed_from
from .._core.results import Notice
from .._core.vocabulary import Vocabulary
from ..typing import FloatArray, IntoFrame, RngLike
from ._base import Recommender
from ._evaluations import Differences, Evaluation
from ._item_features import item_table
from ._judging import Outcome, Task, judge, named_models
from ._leakage import Split
from ._ranking_metrics import METRICS
from ._uncertainty import estimates, ratios

__all__ = ["Differences", "Evaluation", "evaluate"]

FEW = 50
"""Customers under which the bootstrap covers less than it says."""

INTERVALS = ("bootstrap", "normal")


def evaluate(
    models: Any,
    split: Split | Sequence[Split],
    *,
    metrics: Sequence[str] = ("ndcg", "recall"),
    k: int | Sequence[int] = 10,
    exclude: str | None = "seen",
    fallback: Recommender | None = None,
    items: IntoFrame | None = None,
    category: str | Sequence[str] | None = None,
    vector: Sequence[str] | None = None,
    ci: str | None = "bootstrap",
    confidence: float = 0.95,
    n_resamples: int = 2_000,
    rng: RngLike = None,
    n_threads: int | None = None,
    progress: bool = False,
) -> Evaluation:
    """Measure how well models find what customers went on to choose, out of all items.

    Parameters
    ----------
    models
        A recommender, a list of them, or a mapping of names to recommenders. Those that are not fitted are fitted, on a
        copy, on the training data; a fitted one is refused if it has seen pairs that it is to find. A mapping may also
        hold dataframes of recommendations with the columns of customer and item and "rank", made by whatever library.
    split
        From `recommend.split`; or several, whose customers are then pooled.
    metrics
        Names of metrics, all at length of list k. What is found: "recall" (hits / relevant), "recall_capped"
        (hits / min(k, relevant)), "precision" (hits / k), "hit_rate", "ndcg" [1]_, "ndcg_graded" (with the weights of
        the test data as gains), "map", "mrr". What is shown: "novelty" [2]_, "popularity_lift" [3]_, "diversity"
        (within lists), "miscalibration" [4]_, "coverage", "gini". Formulas in Notes.
    k
        Length of the lists, or several.
    exclude
        "seen": nobody is recommended what she has in the training data, and such pairs of the test data do not count as
        relevant; None: repeats may be recommended and found.
    fallback
        A recommender for customers without history and lists that a model cannot fill; None to leave these customers
        out, and say how many.
    items
        A dataframe with one row per item, its id in the column of the interactions: for the models' `fit`, and for
        "diversity" and "miscalibration". With several rows for an item, one a category as in `rerank.calibrated`, it is
        for these two metrics alone.
    category
        Column of `items` with the name of the category, or several columns with memberships of 0 or more.
    vector
        Columns of `items` that say how alike items are, by the cosine; None to go by `category`.
    ci
        "bootstrap": percentile intervals from resampling customers with Poisson weights [5]_; "normal": estimate plus
        and minus standard errors, whose p-values are not bounded by the number of resamples; None for no intervals.
    confidence
        Level of the intervals, in (0, 1).
    n_resamples
        How often customers are resampled, at least 100.
    rng
        A seed, a `numpy.random.Generator` or None.
    n_threads
        Number of threads; None for all cores.
    progress
        Whether to show a bar.

    Returns
    -------
    Evaluation
        One row a metric, k and model, with intervals; its `differences` compares models customer by customer.

    Raises
    ------
    DataError
        If nobody can be evaluated, a fitted model has seen what it is to find, lists hold an item or rank twice, or
        `items` lacks what a metric needs.
    ParameterError
        If a parameter is out of range.

    Notes
    -----
    Every item of the catalogue is ranked; metrics on a sample of items do not even keep the order of models [6]_. With
    h_r 1 if rank r is a hit, R relevant items and d_r = 1 / log2(r + 1): nDCG = sum h_r d_r / sum over r <= min(k, R)
    of d_r, so that one relevant item ranked first scores 1 whatever k is. MAP = sum h_r (h_1 + ... + h_r) / r / min(k,
    R). MRR = 1 / rank of the first hit, 0 without. Novelty = mean of -log2(share of training customers with the item).
    Popularity lift = mean popularity of lists / that of histories - 1. Diversity = 1 - mean cosine of pairs in a list.
    Miscalibration = KL(p || 0.99 q + 0.01 p) of the categories of history p and list q, in nats. Coverage = share of
    the training items in any list. Gini = sum over j of (2 j - n - 1) x_(j) / ((n - 1) sum x) of the times x that each
    of n items is shown. The last two are of all lists together and depend on how many there are: they get no interval.

    O(customers x k) for the metrics, O(customers x measures x resamples) for the intervals.

    References
    ----------
    .. [1] Järvelin, K. and J. Kekäläinen (2002). Cumulated gain-based evaluation of IR techniques. ACM Transactions on
       Information Systems 20(4), 422-446.
    .. [2] Vargas, S. and P. Castells (2011). Rank and relevance in novelty and diversity metrics for recommender
       systems. RecSys 2011, 109-116.
    .. [3] Abdollahpouri, H., M. Mansoury, R. Burke and B. Mobasher (2020). The connection between popularity bias,
       calibration, and fairness in recommendation. RecSys 2020, 726-731.
    .. [4] Steck, H. (2018). Calibrated recommendations. RecSys 2018, 154-162.
    .. [5] Hanley, J. A. and B. MacGibbon (2006). Creating non-parametric bootstrap samples using Poisson frequencies.
       Computer Methods and Programs in Biomedicine 83(1), 57-62.
    .. [6] Krichene, W. and S. Rendle (2020). On sampled metrics for item recommendation. KDD 2020, 1748-1757.

    Examples
    --------
    >>> import pandas as pd
    >>> from growthkit.recommend import Interactions, evaluate, split
    >>> train = pd.DataFrame({"customer_id": ["ann", "bob", "eve"], "item_id": ["tea", "tea", "milk"]})
    >>> test = pd.DataFrame({"customer_id": ["ann", "bob", "eve"], "item_id": ["milk", "milk", "tea"]})
    >>> parts = split.Split.of(Interactions.from_frame(train), Interactions.from_frame(test))
    >>> lists = pd.DataFrame({"customer_id": ["ann", "bob"], "item_id": ["milk", "salt"], "rank": [1, 1]})
    >>> result = evaluate({"by hand": lists}, parts, metrics=["ndcg", "coverage"], k=1, rng=0)
    >>> result.to_frame()[["metric", "k", "model", "value"]].round(3)
         metric  k    model  value
    0      ndcg  1  by hand  0.333
    1  coverage  1  by hand  0.500
    """
    params = Params("evaluate")
    named = named_models(params, models)
    splits = _splits(params, split, named)
    measures = _measures(params, metrics, k)
    how = _interval(params, ci)
    level = params.number("confidence", confidence, above=0.0, below=1.0)
    n_resamples = params.whole("n_resamples", n_resamples, low=100)
    if exclude is not None:
        params.one_of("exclude", exclude, ("seen",))
    needs = {METRICS[name].needs for name, _ in measures}
    _check_features(params, needs, items, category, vector)
    item_name = splits[0].train.item_name
    table = None if not needs - {""} else item_table(params.function, items, item_name, category, vector)
    to_fit = items if table is None or table.one_row_each else None
    task = Task(params.function, measures, exclude, fallback, to_fit, table, n_threads)
    outcome = _pooled([judge(task, part, named) for part in splits])
    found = estimates(
        outcome.numerator,
        outcome.denominator,
        n_resamples=n_resamples if how == "bootstrap" else 0,
        seed=seed_from(rng, function=params.function),
        n_threads=n_threads,
        function=params.function,
        progress=progress,
    )
    notices = (*outcome.notices, *_notices(outcome, measures, named))
    train = splits[0].train
    return Evaluation(
        train.backend,
        tuple(named),
        measures,
        outcome.customers.labels,
        train.customer_name,
        outcome.numerator,
        outcome.denominator,
        outcome.wholes,
        found.replicates,
        how,
        level,
        notices,
    )


def _splits(params: Params, split: Any, named: dict[str, Any]) -> list[Split]:
    several: list[Any] = list(cast("Sequence[Any]", split)) if isinstance(split, (list, tuple)) else [split]
    splits = [part for part in several if isinstance(part, Split)]
    if not splits or len(splits) < len(several):
        params.refuse("split", "a Split or a sequence of them", split)
    lists = [name for name, model in named.items() if not isinstance(model, Recommender)]
    if len(splits) > 1 and lists:
        params.refuse("models", "recommenders where there are several splits, as lists belong to one", lists)
    return splits


def _measures(params: Params, metrics: Any, k: Any) -> tuple[tuple[str, int], ...]:
    names = [metrics] if isinstance(metrics, str) else list(metrics)
    for name in names:
        params.one_of("metrics", name, tuple(METRICS))
    several = cast("Sequence[Any]", k if isinstance(k, (list, tuple, np.ndarray)) else [k])
    lengths = [params.whole("k", length, low=1) for length in several]
    measures = tuple(dict.fromkeys((name, length) for name in names for length in lengths))
    if not measures:
        params.refuse("metrics", f"some of {', '.join(METRICS)}, with a length k", metrics)
    return measures


def _interval(params: Params, ci: Any) -> str | None:
    return None if ci is None else params.one_of("ci", ci, INTERVALS)


def _check_features(params: Params, needs: set[str], items: Any, category: Any, vector: Any) -> None:
    if "category" in needs and (items is None or category is None):
        params.refuse("category", "given with items for miscalibration", category)
    if "vector" in needs and (items is None or (category is None and vector is None)):
        params.refuse("vector", "given with items for diversity, or category", vector)


def _pooled(outcomes: list[Outcome]) -> Outcome:
    """Add up what each customer did in several splits; values of all lists together are averaged."""
    if len(outcomes) == 1:
        return outcomes[0]
    customers, codes = Vocabulary.union([one.customers for one in outcomes], function="evaluate")
    shape = *outcomes[0].wholes.shape, len(customers)
    sums = np.zeros(shape), np.zeros(shape)
    for one, places in zip(outcomes, codes, strict=True):
        for total, part in zip(sums, (one.numerator, one.denominator), strict=True):
            total[..., places] += part
    notices = tuple(
        Notice(notice.code, f"split {place + 1}: {notice.text}")
        for place, one in enumerate(outcomes)
        for notice in one.notices
    )
    return Outcome(customers, *sums, np.mean([one.wholes for one in outcomes], axis=0), notices)


def _notices(outcome: Outcome, measures: tuple[tuple[str, int], ...], models: dict[str, Any]) -> list[Notice]:
    """Say where figures have no interval, and where one may cover less than it says."""
    n = len(outcome.customers)
    notices: list[Notice] = []
    if n < FEW:
        notices.append(Notice("few_customers", f"{n} customers are few: intervals cover less than they say."))
    whole = sorted({name for name, _ in measures if METRICS[name].of_lists is not None})
    if whole:
        text = f"{', '.join(whole)}: of all lists together, and dependent on how many there are; no interval."
        notices.append(Notice("no_interval", text))
    for place, model in enumerate(models):
        for measure, (name, k) in enumerate(measures):
            if METRICS[name].of_customers is not None:
                parts = outcome.numerator[place, measure], outcome.denominator[place, measure]
                notices += _notices_of_measure(f"{model}: {name}@{k}", *parts)
    return notices


def _notices_of_measure(what: str, numerator: FloatArray, denominator: FloatArray) -> list[Notice]:
    """Say where there is nothing to take the mean of, or nothing that varies."""
    if not denominator.any():
        return [Notice("undefined", f"{what} is not defined for any customer.")]
    if np.unique(ratios(numerator, denominator)[denominator != 0]).size == 1:
        return [Notice("no_variation", f"{what} is the same for all customers, which gives no interval.")]
    return []
