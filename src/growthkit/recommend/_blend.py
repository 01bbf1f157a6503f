"""`rerank.blend`: one score from several goals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .._core.frames import frozen, read_frame
from .._core.params import Params
from ..exceptions import ParameterError
from ..typing import FloatArray, IntoFrame
from . import _rerank_kernels
from ._aspects import unknown_items
from ._candidates import NORMALISATIONS, Candidates, list_length, normalised, read_candidates
from ._request import one_row_each

__all__ = ["blend"]


def blend(
    recommendations: IntoFrame,
    items: IntoFrame | None = None,
    *,
    weights: Mapping[str, float],
    how: str = "sum",
    normalise: str = "minmax",
    k: int | None = None,
    customer: str = "customer_id",
    item: str = "item_id",
    n_threads: int | None = None,
) -> IntoFrame:
    """Rank by several goals at once: the model's score, and price, margin, click rate or whatever else has a column.

    ``how="sum"``: the new score is ``sum(weights[c] * normalised(c))``, each column on a common scale within each list.
    ``how="product"``: it is ``prod(c ** weights[c])`` of the columns as they are; with a click rate for the score and a
    margin, both of weight 1, this is the expected margin.

    Parameters
    ----------
    recommendations
        A dataframe with the columns customer, item, rank and score, and perhaps further columns for `weights`.
    items
        A dataframe with one row per item and further columns for `weights`; None if there are none.
    weights
        The weight of "score" and of columns of one of the frames; a negative one makes less better. A column that is
        not named has no influence, the score neither.
    how
        "sum" or "product".
    normalise
        For "sum", within each list: "minmax" ``(x - min) / (max - min)``, "zscore" ``(x - mean) / standard deviation``,
        "max" ``x / max |x|``, "rank" the share of candidates with no larger x, or "none". Where all are equal, the
        first two give 0.
    k, customer, item, n_threads
        As in `mmr`.

    Returns
    -------
    dataframe
        customer, item, rank, score (the new one) and, if it was there, source. Ties keep their order.

    Raises
    ------
    DataError
        As in `mmr`; also if a column of weight other than 0 is in both frames or, for "product", not above 0.
    ParameterError
        If a parameter is out of range.

    Notes
    -----
    O(n log n) per list. A weighted sum reaches only the convex part of what is possible between two goals.

    Examples
    --------
    >>> import pandas as pd
    >>> from growthkit.recommend import rerank
    >>> lists = pd.DataFrame({"customer_id": 1, "item_id": list("abc"), "rank": [1, 2, 3], "score": [0.5, 0.4, 0.1]})
    >>> items = pd.DataFrame({"item_id": list("abc"), "margin": [1.0, 2.0, 3.0]})
    >>> rerank.blend(lists, items, weights={"score": 1, "margin": 1}, how="product")["item_id"].tolist()
    ['b', 'a', 'c']
    """
    params = Params("rerank.blend")
    params.one_of("how", how, ("sum", "product"))
    params.one_of("normalise", normalise, NORMALISATIONS)
    k = list_length(params, k)
    given: Any = weights
    if not isinstance(given, Mapping) or not given:
        params.refuse("weights", 'a mapping of "score" and columns to weights', weights)
    checked = {name: params.number(f"weights[{name!r}]", weight) for name, weight in weights.items()}
    lists = read_candidates(params, recommendations, customer, item, n_threads)
    columns = {name: _goal(params, lists, items, item, name) for name in checked}
    if how == "product":
        scores = np.exp(sum(weight * _logarithm(params, name, columns[name]) for name, weight in checked.items()))
    else:
        threads = lists.log.n_threads
        scaled = {name: normalised(lists.indptr, column, normalise, threads) for name, column in columns.items()}
        scores = np.zeros(lists.scores.size) + sum(weight * scaled[name] for name, weight in checked.items())
    return lists.frame(lists.rank(_rerank_kernels.sorted_lists, (lists.indptr, frozen(scores), k)), scores)


def _goal(params: Params, lists: Candidates, items: IntoFrame | None, item: str, name: str) -> FloatArray:
    """Return one column that scores are blended from, candidate by candidate."""
    if name == "score":
        return lists.scores
    table = None if items is None else read_frame(items, function=params.function)
    ours, theirs = name in lists.log.frame.columns, table is not None and name in table.frame.columns
    if ours and theirs:
        raise ParameterError(f'{params.function}: both frames have a column "{name}"; rename one of them.')
    if ours or table is None:
        return frozen(lists.column(name))
    codes, vocabulary = table.ids(item, role="item")
    one_row_each(table, item, codes, "item")
    numbers = np.empty(codes.size)
    numbers[codes] = table.numbers(name, role="weights")
    return frozen(numbers[unknown_items(params.function, lists, vocabulary)])


def _logarithm(params: Params, name: str, column: FloatArray) -> FloatArray:
    if not (column > 0).all():
        params.refuse("how", f'"sum" where a column has values of 0 or below, as "{name}" has', "product")
    return np.log(column)
