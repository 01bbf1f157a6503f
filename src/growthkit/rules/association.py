"""Association rules: from itemsets to rules with their measures, p-values and corrections."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from .._core.parallel import thread_count
from .._core.params import Params
from ..summaries.baskets import Baskets
from ..typing import IntoFrame
from ._candidates import Request, absences_of, rules_of
from ._family import family_of_absences, family_of_rules
from ._sets import Counter, as_sets
from ._significance import corrected, fisher
from ._support import allowed_items, least_double
from .itemsets import Itemsets, frequent_itemsets
from .measures import DEFAULT_MEASURES, MEASURES, chosen
from .ruleset import Rules

__all__ = ["association_rules", "mine_rules"]


def association_rules(
    itemsets: Itemsets,
    *,
    metric: str = "confidence",
    min_threshold: float = 0.5,
    max_consequent: int | None = 1,
    measures: str | Iterable[str] = DEFAULT_MEASURES,
    antecedent: Sequence[Any] | None = None,
    consequent: Sequence[Any] | None = None,
    negative: bool = False,
    correction: str | None = "holm",
    n_threads: int | None = None,
) -> Rules:
    """Make rules "who has the antecedent has the consequent" from itemsets [1]_, with p-values.

    Parameters
    ----------
    itemsets
        From `frequent_itemsets`, of any kind. A rule's items together are one of these itemsets; counts of parts that
        are not among them (of closed itemsets, say) are found in the baskets.
    metric
        The measure that rules are chosen by, one of `MEASURES`.
    min_threshold
        Its smallest value; a rule that reaches it exactly is in. NaN never reaches it, infinity does.
    max_consequent
        The most items of a consequent; None for any number. Antecedents have at least one item.
    measures
        Names of the measures to show, or "all".
    antecedent, consequent
        The items that may stand there, and no others; None for all.
    negative
        True: rules "who has the antecedent does not have the item". Antecedents are then the itemsets themselves, items
        those in at least as many baskets as an itemset needs, and so many baskets must have the antecedent without the
        item. Most items are absent anyway, so choose by a measure such as "lift", not by confidence.
    correction
        For `n_tests` tests, see Notes: "holm" holds the chance of any false rule [2]_, "bh" the expected share of false
        ones [3]_, None leaves q-values out.
    n_threads
        Number of threads; None for all cores.

    Returns
    -------
    Rules
        In the order of the itemsets; rules of one itemset by the places of the consequent's items.

    Raises
    ------
    ParameterError
        If a parameter is out of range, or one itemset gives more than 4 million rules (lower `max_consequent`).

    Notes
    -----
    O(rules looked at) hash look-ups. Confidence is one division of whole numbers, rounded correctly, and compared with
    `min_threshold` as it is: no rule at the threshold is lost to rounding.

    The family of tests are the rules that could have been found given how many baskets have each side: disjoint
    frequent antecedents and consequents within the limits asked for (for consequents of several items a bound on their
    number, pairs that overlap included). A rule that misses the support or the threshold counts as tested with p = 1,
    which is never too small. So the search is paid for, though only the rules found are listed.

    References
    ----------
    .. [1] Agrawal, R., Imielinski, T., Swami, A. (1993). Mining association rules between sets of items in large
       databases. SIGMOD, 207-216.
    .. [2] Holm, S. (1979). A simple sequentially rejective multiple test procedure. Scandinavian Journal of Statistics
       6(2), 65-70.
    .. [3] Benjamini, Y., Hochberg, Y. (1995). Controlling the false discovery rate. Journal of the Royal Statistical
       Society B 57(1), 289-300.

    Examples
    --------
    >>> from growthkit import rules
    >>> baskets = rules.Baskets.from_lists([["bread", "milk"]] * 4 + [["bread"], ["milk"], ["tea"], ["tea", "milk"]])
    >>> itemsets = rules.frequent_itemsets(baskets, min_support=2)
    >>> found = rules.association_rules(itemsets, min_threshold=0.8, measures=["confidence", "lift"])
    >>> found.to_frame()[["antecedent", "consequent", "count", "confidence", "lift"]]
      antecedent consequent  count  confidence      lift
    0   (bread,)    (milk,)      4         0.8  1.066667
    """
    params = Params("association_rules")
    request = _request(params, itemsets, metric, min_threshold, antecedent, consequent, negative, max_consequent)
    shown = chosen(params, measures)
    if correction is not None:
        params.one_of("correction", correction, ("holm", "bh"))
    size = itemsets.codes.size + itemsets.baskets.rows.codes.size
    counter = Counter(itemsets.baskets, thread_count(n_threads, n_rows=size, function=params.function))
    sets = as_sets(itemsets.indptr, itemsets.codes)
    found = (
        absences_of(request, sets, counter) if negative else rules_of(params, request, sets, itemsets.counts, counter)
    )
    p = fisher(*found[2:], itemsets.n_baskets, n_threads=counter.n_threads)
    n_tests, q = len(p), None
    if correction is not None:
        counts = counter.item_counts
        n_tests = (
            family_of_absences(request, sets, counts)
            if negative
            else family_of_rules(request, itemsets, sets, counts, len(p))
        )
        q = corrected(p, correction, n_tests)
    return Rules(itemsets.backend, itemsets.baskets, *found, shown, p, q, correction, n_tests, negative)


def mine_rules(
    data: Baskets | IntoFrame,
    *,
    basket: str = "basket_id",
    item: str = "item_id",
    min_support: float | int = 0.01,
    max_len: int | None = None,
    metric: str = "confidence",
    min_threshold: float = 0.5,
    max_consequent: int | None = 1,
    measures: str | Iterable[str] = DEFAULT_MEASURES,
    antecedent: Sequence[Any] | None = None,
    consequent: Sequence[Any] | None = None,
    negative: bool = False,
    correction: str | None = "holm",
    n_threads: int | None = None,
    progress: bool = False,
) -> Rules:
    """Find rules in baskets in one call: `frequent_itemsets`, then `association_rules`.

    Parameters
    ----------
    data
        `Baskets`, or a dataframe with one row per basket line.
    basket, item
        Columns of ids, if `data` is a dataframe.
    min_support
        The fewest baskets that must hold all items of a rule: a share in (0, 1], or a count if it is a whole number.
    max_len
        The most items of a rule, both sides together; None for any number. In negative rules the absent item is not
        counted.
    metric, min_threshold, max_consequent, measures, antecedent, consequent, negative, correction
        As in `association_rules`.
    n_threads
        Number of threads; None for all cores.
    progress
        Whether to show a bar.

    Returns
    -------
    Rules
        One row a rule.

    Raises
    ------
    ParameterError
        If a parameter is out of range.
    DataError
        If the dataframe cannot be read as baskets.

    Examples
    --------
    >>> import pandas as pd
    >>> from growthkit import rules
    >>> bought = ["tea", "milk", "tea", "milk", "milk", "tea"]
    >>> lines = pd.DataFrame({"basket_id": [1, 1, 2, 2, 3, 4], "item_id": bought})
    >>> rules.mine_rules(lines, min_support=2, min_threshold=0.6).to_frame()[["antecedent", "consequent", "confidence"]]
      antecedent consequent  confidence
    0     (tea,)    (milk,)    0.666667
    1    (milk,)     (tea,)    0.666667
    """
    baskets = data
    if not isinstance(data, Baskets):
        baskets = Baskets.from_frame(data, basket=basket, item=item, n_threads=n_threads)
    itemsets = frequent_itemsets(
        baskets, min_support=min_support, max_len=max_len, n_threads=n_threads, progress=progress
    )
    return association_rules(
        itemsets,
        metric=metric,
        min_threshold=min_threshold,
        max_consequent=max_consequent,
        measures=measures,
        antecedent=antecedent,
        consequent=consequent,
        negative=negative,
        correction=correction,
        n_threads=n_threads,
    )


def _request(
    params: Params,
    itemsets: Any,
    metric: str,
    min_threshold: float,
    antecedent: Sequence[Any] | None,
    consequent: Sequence[Any] | None,
    negative: bool,
    max_consequent: int | None,
) -> Request:
    if not isinstance(itemsets, Itemsets):
        params.refuse("itemsets", "what frequent_itemsets returned (or call mine_rules on baskets)", type(itemsets))
    params.one_of("metric", metric, tuple(MEASURES))
    threshold = least_double(params, "min_threshold", min_threshold)
    longest = max(1, int(np.diff(itemsets.indptr).max(initial=1)) - 1)
    most = longest if max_consequent is None else params.whole("max_consequent", max_consequent, low=1)
    if params.flag("negative", negative) and most > 1 and max_consequent is not None:
        params.refuse("max_consequent", "1 with negative=True: a rule is about the absence of one item", max_consequent)
    left, right = (
        allowed_items(params, name, items, itemsets.baskets)
        for name, items in (("antecedent", antecedent), ("consequent", consequent))
    )
    return Request(metric, threshold, left, right, min(most, longest), itemsets.n_baskets, itemsets.min_count)
