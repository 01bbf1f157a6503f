"""Re-ranking: from lists that are good item by item to lists that are good as a whole.

Every function takes recommendations as models give them (a row per customer and item, with ``rank`` and ``score``) and
what is known of items, and returns lists of the same form. No item is added or repeated; without `k` only `quota` may
leave items out. ``score`` stays what it was, except in `blend`; ``rank`` is the new order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from .._core.frames import frozen, read_frame
from .._core.params import Params
from .._core.results import announce
from ..typing import FloatArray, IntoFrame
from . import _rerank_kernels
from ._aspects import Target, arrays, groups_of, read_aspects, target_of, unknown_items
from ._blend import blend
from ._candidates import NORMALISATIONS, Candidates, list_length, read_candidates
from ._features import columns_of, read_features
from ._quotas import Quota, bounds, farthest, shortcomings

__all__ = ["Quota", "blend", "calibrated", "mmr", "quota", "xquad"]


def mmr(
    recommendations: IntoFrame,
    items: IntoFrame,
    *,
    text: str | Sequence[str] = (),
    categorical: str | Sequence[str] = (),
    numeric: str | Sequence[str] = (),
    embedding: str | Sequence[str] = (),
    weights: Mapping[str, float] | None = None,
    analyzer: str = "auto",
    trade_off: float = 0.7,
    k: int | None = None,
    normalise: str = "minmax",
    customer: str = "customer_id",
    item: str = "item_id",
    n_threads: int | None = None,
) -> IntoFrame:
    """Diversify lists by maximal marginal relevance [1]_.

    Place after place goes to the candidate i that maximises, over the set S of those already chosen,

    ``trade_off * relevance(i) - (1 - trade_off) * max(similarity(i, j) for j in S)``

    where the maximum over nothing is 0.

    Parameters
    ----------
    recommendations
        A dataframe with the columns customer, item, rank and score.
    items
        A dataframe with one row per item and columns of features.
    text, categorical, numeric, embedding, weights, analyzer
        Columns of `items` that make items similar, as in `ContentBased`; similarity is the cosine of their vectors.
    trade_off
        From 0 (diversity only) to 1 (relevance only).
    k
        Length of the new lists; None for all candidates.
    normalise
        How the scores of a list become relevance: "minmax", "zscore", "max", "rank" or "none"; see `blend`.
    customer, item
        Columns of ids.
    n_threads
        Number of threads; None for all cores.

    Returns
    -------
    dataframe
        customer, item, rank, score and, if it was there, source.

    Raises
    ------
    DataError
        If a column is missing, ids or embedding columns hold nulls, an item has no row or two, or a list has an item or
        a rank twice.
    ParameterError
        If a parameter is out of range.

    Warns
    -----
    GrowthkitWarning
        If a column of features holds nothing for some items.

    Notes
    -----
    Worth can only fall while the list grows, so a candidate is compared with the list only when it might be next.
    At most O(candidates * k * features of an item) per list. Ties go to the candidate further up.

    References
    ----------
    .. [1] Carbonell, J. and Goldstein, J. (1998). The use of MMR, diversity-based reranking for reordering documents
       and producing summaries. SIGIR, 335-336.

    Examples
    --------
    >>> import pandas as pd
    >>> from growthkit.recommend import rerank
    >>> lists = pd.DataFrame({"customer_id": 1, "item_id": list("abc"), "rank": [1, 2, 3], "score": [3.0, 2.9, 2.0]})
    >>> items = pd.DataFrame({"item_id": list("abc"), "kind": ["tea", "tea", "mug"]})
    >>> rerank.mmr(lists, items, categorical="kind", trade_off=0.5)["item_id"].tolist()
    ['a', 'c', 'b']
    """
    params = Params("rerank.mmr")
    trade_off, k = _common(params, trade_off, k, normalise)
    columns = columns_of(params, text, categorical, numeric, embedding, weights, analyzer)
    lists = read_candidates(params, recommendations, customer, item, n_threads)
    features = read_features(read_frame(items, function=params.function), item, columns)
    announce(features.notices, function=params.function)
    places = frozen(unknown_items(params.function, lists, features.items))
    vectors = arrays(features.rows())
    floor = -1.001 if (vectors[2] < 0).any() else 0.0
    request = (lists.indptr, places, lists.relevance(normalise), *vectors, features.names.size, trade_off, floor, k)
    return lists.frame(lists.rank(_rerank_kernels.mmr_lists, request))


def calibrated(
    recommendations: IntoFrame,
    items: IntoFrame,
    target: Target,
    *,
    by: str,
    share: str | None = None,
    trade_off: float = 0.5,
    smoothing: float = 0.01,
    k: int | None = None,
    normalise: str = "minmax",
    customer: str = "customer_id",
    item: str = "item_id",
    n_threads: int | None = None,
) -> IntoFrame:
    """Calibrate lists: give each aspect about the share that it has in the customer's history [1]_.

    Place after place goes to the candidate that maximises, for the list with it added,

    ``(1 - trade_off) * sum(relevance) - trade_off * KL(p, q)``, with
    ``KL(p, q) = sum(p(a) * log(p(a) / ((1 - smoothing) * q(a) + smoothing * p(a))))``

    over aspects a, where p is the target and q(a) the mean share of a in the list.

    Parameters
    ----------
    recommendations
        A dataframe with the columns customer, item, rank and score.
    items
        A dataframe with the columns item and `by`: one row per item, or several where an item has several aspects.
    target
        `Interactions`: p is the mean of the items that a customer had to do with, by weight (negative ones count as 0);
        customers without history get the mean over customers. Or a mapping of aspects to shares, the same for all.
    by
        The column of `items` that names aspects: a genre, a brand, a department.
    share
        The column of `items` that says how much of an item an aspect makes; None for equal parts. Scaled to sum to 1
        for each item.
    trade_off
        From 0 (relevance only) to 1 (calibration only).
    smoothing
        Keeps the divergence finite where the list lacks an aspect; in (0, 1).
    k, normalise, customer, item, n_threads
        As in `mmr`.

    Returns
    -------
    dataframe
        customer, item, rank, score and, if it was there, source.

    Raises
    ------
    DataError, ParameterError
        As in `mmr`; also if `target` knows no aspect of the items.

    Warns
    -----
    GrowthkitWarning
        If customers have no history, or items of the histories are not in `items`.

    Notes
    -----
    Items with the same shares wait in one queue, so a step costs O(queues * aspects of an item). Greedy choice comes
    within a factor 1 - 1/e of the best set where the objective is monotone and submodular; see [1]_.

    References
    ----------
    .. [1] Steck, H. (2018). Calibrated recommendations. RecSys, 154-162.

    Examples
    --------
    >>> import pandas as pd
    >>> from growthkit.recommend import rerank
    >>> lists = pd.DataFrame({"customer_id": 1, "item_id": list("abcd"), "rank": range(1, 5), "score": [4, 3, 2, 1]})
    >>> items = pd.DataFrame({"item_id": list("abcd"), "genre": ["drama", "drama", "drama", "comedy"]})
    >>> rerank.calibrated(lists, items, {"drama": 0.5, "comedy": 0.5}, by="genre", k=2)["item_id"].tolist()
    ['a', 'd']
    """
    params = Params("rerank.calibrated")
    smoothing = params.number("smoothing", smoothing, above=0, below=1)
    if target is None:
        params.refuse("target", "Interactions or a mapping of aspects to shares", target)
    trade_off, k = _common(params, trade_off, k, normalise)
    lists = read_candidates(params, recommendations, customer, item, n_threads)
    weighing = (_rerank_kernels.CALIBRATED, trade_off, smoothing, k)
    return _by_aspects(params, lists, lists.relevance(normalise), items, target, item, by, share, weighing)


def xquad(
    recommendations: IntoFrame,
    items: IntoFrame,
    target: Target = None,
    *,
    by: str,
    share: str | None = None,
    trade_off: float = 0.5,
    k: int | None = None,
    normalise: str = "minmax",
    customer: str = "customer_id",
    item: str = "item_id",
    n_threads: int | None = None,
) -> IntoFrame:
    """Cover the aspects that a customer may want: explicit query aspect diversification [1]_.

    Place after place goes to the candidate i that maximises, over the set S of those already chosen,

    ``(1 - trade_off) * r(i) + trade_off * sum(p(a) * r(i, a) * prod(1 - r(j, a) for j in S))``

    over aspects a, where p(a) is how much the customer wants a, r(i) relevance, and ``r(i, a) = r(i) * share(i, a)``.

    Parameters
    ----------
    recommendations, items
        As in `calibrated`.
    target
        As in `calibrated`, or None: all aspects of a customer's candidates are wanted equally.
    by, share, trade_off
        As in `calibrated`; `trade_off` runs from 0 (relevance only) to 1 (coverage only).
    k
        As in `mmr`.
    normalise
        "minmax", "max" or "rank"; relevance must lie in 0..1 here. With "max", scores must not be negative.
    customer, item, n_threads
        As in `mmr`.

    Returns
    -------
    dataframe
        customer, item, rank, score and, if it was there, source.

    Raises
    ------
    DataError, ParameterError
        As in `calibrated`; also if "max" meets negative scores.

    Warns
    -----
    GrowthkitWarning
        As in `calibrated`.

    Notes
    -----
    Same cost as `calibrated`. The least relevant candidate has relevance 0 under "minmax" and covers nothing; "rank"
    keeps all above 0.

    References
    ----------
    .. [1] Santos, R. L. T., Macdonald, C. and Ounis, I. (2010). Exploiting query reformulations for web search result
       diversification. WWW, 881-890.

    Examples
    --------
    >>> import pandas as pd
    >>> from growthkit.recommend import rerank
    >>> lists = pd.DataFrame({"customer_id": 1, "item_id": list("abc"), "rank": [1, 2, 3], "score": [3.0, 2.9, 2.8]})
    >>> items = pd.DataFrame({"item_id": list("abc"), "kind": ["tea", "tea", "mug"]})
    >>> rerank.xquad(lists, items, by="kind", normalise="max")["item_id"].tolist()
    ['a', 'c', 'b']
    """
    params = Params("rerank.xquad")
    params.one_of("normalise", normalise, ("minmax", "max", "rank"))
    trade_off, k = _common(params, trade_off, k, normalise)
    lists = read_candidates(params, recommendations, customer, item, n_threads)
    if normalise == "max":
        negative = lists.scores < 0
        lists.log.refuse_rows("score", negative[np.argsort(lists.order)], "negative values", 'use normalise="minmax"')
    weighing = (_rerank_kernels.XQUAD, trade_off, 0.0, k)
    return _by_aspects(params, lists, lists.relevance(normalise), items, target, item, by, share, weighing)


def quota(
    recommendations: IntoFrame,
    items: IntoFrame,
    rules: Sequence[Quota],
    *,
    by: str,
    k: int | None = None,
    customer: str = "customer_id",
    item: str = "item_id",
    n_threads: int | None = None,
) -> IntoFrame:
    """Keep quotas of groups, in the whole list or in its first places, and otherwise the order of the list.

    Place after place goes to the first candidate that leaves all rules within reach.

    Parameters
    ----------
    recommendations
        A dataframe with the columns customer, item, rank and score.
    items
        A dataframe with one row per item and the column `by`.
    rules
        What to keep; several rules may name one group: ``Quota("sale", at_least=1, within=3)`` and
        ``Quota("sale", at_most=4)``; ``Quota(None, at_most=2)`` allows two items of each group. A rule for one place is
        one within 1, or two rules that differ in `within`.
    by
        The column of `items` that names groups.
    k, customer, item, n_threads
        As in `mmr`.

    Returns
    -------
    dataframe
        customer, item, rank, score and, if it was there, source. Upper bounds hold without exception: items that no
        place is free for are left out. Lower bounds hold wherever a customer's candidates allow it.

    Raises
    ------
    DataError
        As in `mmr`.
    ParameterError
        If rules contradict each other whatever the candidates are, or name a group that no item has.

    Warns
    -----
    GrowthkitWarning
        If some customers' candidates do not suffice, with the number of customers.

    Notes
    -----
    Whether rules stay within reach is decided by filling the remaining places by earliest deadline, which is exact for
    disjoint groups: the j-th item of a group is a job that is due at the first place for which j are asked, and may
    start where the upper bounds let it [1]_. O(candidates) for lists that keep the rules anyway, else at most
    O(k^2 * groups^2) per list.

    References
    ----------
    .. [1] Glover, F. (1967). Maximum matching in a convex bipartite graph. Naval Research Logistics Quarterly 14,
       313-316.

    Examples
    --------
    >>> import pandas as pd
    >>> from growthkit.recommend import rerank
    >>> lists = pd.DataFrame({"customer_id": 1, "item_id": list("abcd"), "rank": range(1, 5), "score": [4, 3, 2, 1]})
    >>> items = pd.DataFrame({"item_id": list("abcd"), "label": ["brand", "brand", "brand", "own"]})
    >>> rules = [rerank.Quota("own", at_least=1, within=2)]
    >>> rerank.quota(lists, items, rules, by="label")["item_id"].tolist()
    ['a', 'd', 'b', 'c']
    """
    params = Params("rerank.quota")
    k = list_length(params, k)
    lists = read_candidates(params, recommendations, customer, item, n_threads)
    groups, labels = groups_of(params, items, item, by, lists)
    places = min(k, int(np.diff(lists.indptr).max()))
    rule_of_group, lower, upper, due = bounds(params, rules, labels, max(places, farthest(params, rules, k)))
    states = np.zeros(lists.customers.size, dtype=np.int8)
    tables = (rule_of_group, lower.shape[0] - 1, frozen(lower), frozen(upper), frozen(due))
    out = lists.rank(_rerank_kernels.quota_lists, (lists.indptr, groups, *tables, places, states))
    announce(shortcomings(states), function=params.function)
    return lists.frame(out)


def _common(params: Params, trade_off: float, k: int | None, normalise: str) -> tuple[float, int]:
    params.one_of("normalise", normalise, NORMALISATIONS)
    return params.number("trade_off", trade_off, low=0, high=1), list_length(params, k)


def _by_aspects(
    params: Params,
    lists: Candidates,
    relevance: FloatArray,
    items: IntoFrame,
    target: Target,
    item: str,
    by: str,
    share: str | None,
    weighing: tuple[int, float, float, int],
) -> IntoFrame:
    """Choose by what aspects items have; `weighing` holds the method, trade-off, smoothing and length."""
    aspects = read_aspects(read_frame(items, function=params.function), item, by, share)
    places = unknown_items(params.function, lists, aspects.items)
    wanted, notices = target_of(params, target, lists, places, aspects)
    kinds, shares = aspects.kinds(places)
    sizes = (lists.indptr, frozen(kinds), relevance, *arrays(shares), len(aspects.labels), *arrays(wanted))
    out = lists.rank(_rerank_kernels.aspect_lists, (weighing[0], *sizes, *weighing[1:]))
    announce(notices, function=params.function)
    return lists.frame(out)
