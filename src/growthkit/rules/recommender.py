"""`RuleRecommender`: what to offer beside what is in the basket, with the rule that says so."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from .._core.frames import frozen
from .._core.parallel import block_edges, run_blocks, thread_count
from .._core.params import Params
from .._core.ragged import Ragged
from ..exceptions import DataError, ParameterError
from ..summaries.baskets import Baskets
from ..typing import AnyArray, Int32Array, IntoFrame
from . import _offer_kernels
from ._sets import as_sets, some_rows
from ._support import item_counts
from ._tables import framed, label_sets
from .measures import MEASURES
from .ruleset import Rules

__all__ = ["RuleRecommender"]

AGGREGATES = ("max", "sum")


class RuleRecommender:
    """Offers the consequents of rules whose antecedents are in the basket.

    Parameters
    ----------
    rules
        From `association_rules` or `mine_rules`; take ``rules.significant().non_redundant()`` to offer only what the
        data bear out. A rule with several items in its consequent speaks for each of them.
    score
        The measure that ranks, one of `MEASURES`. Rules for which it is NaN are left out.
    aggregate
        How several rules for one item are put together. "max" (default): the best one counts, as it does in the
        literature on prediction by rules [1]_. "sum": all are added. Rules overlap (one for {tea, milk} beside those
        for {tea} and {milk}), so a sum counts the same baskets again and again; it prefers what many rules agree on.

    Raises
    ------
    ParameterError
        If there is no such measure or aggregate, or the rules are negative.

    References
    ----------
    .. [1] Liu, B., Hsu, W., Ma, Y. (1998). Integrating classification and association rule mining. KDD, 80-86.

    Examples
    --------
    >>> import pandas as pd
    >>> from growthkit import rules
    >>> baskets = rules.Baskets.from_lists([["bread", "milk"]] * 4 + [["bread"], ["milk"], ["tea"], ["tea", "milk"]])
    >>> found = rules.mine_rules(baskets, min_support=1, min_threshold=0.1)
    >>> now = pd.DataFrame({"basket_id": [7, 8, 8], "item_id": ["bread", "tea", "bread"]})
    >>> rules.RuleRecommender(found).recommend(now, k=1)
       basket_id item_id  rank  score   because
    0          7    milk     1    0.8  (bread,)
    1          8    milk     1    0.8  (bread,)
    """

    def __init__(self, rules: Rules, *, score: str = "confidence", aggregate: str = "max") -> None:
        params = Params("RuleRecommender")
        params.one_of("score", score, tuple(MEASURES))
        self.score, self.aggregate = score, params.one_of("aggregate", aggregate, AGGREGATES)
        if not isinstance(cast("Any", rules), Rules):
            params.refuse("rules", "what association_rules or mine_rules returned", type(rules))
        if rules.negative:
            raise ParameterError("RuleRecommender: the rules are negative; absent items cannot be offered.")
        values = rules.measure(score)
        order = np.lexsort((rules.antecedents.lengths, -rules.count, -values))
        order = order[~np.isnan(values[order])]
        self.rules = rules.take(order)
        self._values = frozen(values[order])
        self._listed = self._by_item()

    def recommend(
        self,
        baskets: Baskets | IntoFrame,
        k: int = 10,
        *,
        basket: str = "basket_id",
        item: str = "item_id",
        n_threads: int | None = None,
    ) -> IntoFrame:
        """Return up to k items for each basket, none of which is in it.

        Parameters
        ----------
        baskets
            `Baskets`, or a dataframe with one row per basket line. Items that no rule knows play no part. If the rules
            are about groups of a taxonomy, the groups of the items are added.
        k
            The most items for a basket.
        basket, item
            Columns of ids, if `baskets` is a dataframe.
        n_threads
            Number of threads; None for all cores.

        Returns
        -------
        dataframe
            basket_id, item_id, rank (from 1), score and because: the antecedent of the best rule. Baskets for which no
            rule speaks have no rows. Equal scores are ranked by the larger count of their best rules, then by the
            shorter antecedent.

        Raises
        ------
        ParameterError
            If k is below 1.
        DataError
            If the dataframe cannot be read as baskets, or its items' ids are of another kind than those of the rules.

        Notes
        -----
        O(rules listed under the items of the basket): each rule is listed under the rarest item of its antecedent.
        """
        params = Params("RuleRecommender.recommend")
        k = params.whole("k", k, low=1)
        if not isinstance(baskets, Baskets):
            baskets = Baskets.from_frame(baskets, basket=basket, item=item, n_threads=n_threads)
        rows = self._known_items(baskets)
        threads = thread_count(n_threads, n_rows=rows.codes.size, function=params.function)
        items, values, because = self._offers(rows, min(k, self.rules.baskets.n_items), threads)
        row_of, column = np.nonzero(items >= 0)
        reasons = some_rows(self.rules.antecedents, because[row_of, column])
        vocabulary = self.rules.baskets.items
        offers: dict[str, AnyArray] = {
            "basket_id": row_of if baskets.baskets is None else baskets.baskets.decode(row_of),
            "item_id": vocabulary.decode(items[row_of, column]),
            "rank": column + 1,
            "score": values[row_of, column],
            "because": label_sets(reasons, vocabulary),
        }
        return framed(offers, baskets.backend, {"because": (vocabulary.example,)})

    def _by_item(self) -> Ragged:
        """List each rule under the item of its antecedent that the fewest baskets hold."""
        left, known = self.rules.antecedents, self.rules.baskets
        order = np.lexsort((item_counts(known)[left.codes], left.row_numbers()))
        rarest = left.codes[order[left.indptr[:-1]]]
        listed = Ragged.from_codes(rarest, np.arange(len(self.rules), dtype=np.int32), known.n_items)
        return as_sets(listed.indptr, listed.codes)

    def _known_items(self, baskets: Baskets) -> Ragged:
        """Return the baskets in the codes of the rules, with the groups of their items, without unknown ones."""
        known = self.rules.baskets
        if len(baskets.items) and len(known.items) and baskets.items.kind != known.items.kind:
            raise DataError(
                f"RuleRecommender.recommend: the baskets have {baskets.items.kind} ids, the rules {known.items.kind} "
                "ids, which never match; cast them to one type first."
            )
        codes = known.items.find(baskets.items.labels)[baskets.rows.codes]
        row_of = baskets.rows.row_numbers()[codes >= 0]
        codes = codes[codes >= 0]
        if known.taxonomy is not None:
            above = some_rows(known.taxonomy, codes)
            row_of = np.concatenate((row_of, row_of[above.row_numbers()]))
            codes = np.concatenate((codes, above.codes))
        rows = Ragged.from_codes(codes, row_of, known.n_items).transpose(len(baskets)).distinct()
        return as_sets(rows.indptr, rows.codes)

    def _offers(self, rows: Ragged, k: int, n_threads: int) -> tuple[Int32Array, AnyArray, Int32Array]:
        """Return items, scores and rules, up to k a basket; item -1 behind the last."""
        items, because = (np.full((len(rows), k), -1, dtype=np.int32) for _ in range(2))
        values = np.zeros((len(rows), k))
        left, right = self.rules.antecedents, self.rules.consequents
        blocks = block_edges(len(rows), 1 if n_threads == 1 else 8 * n_threads)

        def work(block: int) -> None:
            _offer_kernels.offer(
                *(rows.indptr, rows.codes, self._listed.indptr, self._listed.codes),
                *(left.indptr, left.codes, right.indptr, right.codes, self._values),
                *(self.aggregate == "sum", self.rules.baskets.n_items, *blocks[block], items, values, because),
            )

        run_blocks(work, len(blocks), n_threads=n_threads)
        return items, values, because
