"""`top_itemsets`: ties that rounding would hide."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations
from math import prod

import pytest
from hypothesis import given
from hypothesis import strategies as st

from growthkit.rules import Baskets, top_itemsets

INDEPENDENT = [["a", "b"]] * 3 + [["a"]] * 2 + [["b"]] * 6 + [[]] * 4
"""5, 9 and 3 of 15: shares whose product differs from 3 / 15 by rounding alone."""


class TestTies:
    @pytest.mark.parametrize("k", [1, 2, 3])
    def test_no_leverage_is_no_leverage(self, k: int) -> None:
        found = top_itemsets(Baskets.from_lists(INDEPENDENT), k=k, by="leverage", min_len=1)
        assert set(found.columns()["itemset"]) == {("a",), ("b",), ("a", "b")}
        assert found.columns()["length"].tolist() == [1, 1, 2]

    @given(
        st.lists(st.integers(0, 6), min_size=8, max_size=8), st.sampled_from(["lift", "leverage"]), st.integers(1, 6)
    )
    def test_are_those_of_exact_numbers(self, times: list[int], by: str, k: int) -> None:
        """Of three items: the eight kinds of baskets, each so many times."""
        kinds = [frozenset(kind) for length in range(4) for kind in combinations("abc", length)]
        baskets = [kind for kind, n in zip(kinds, times, strict=True) for _ in range(n)]
        if not any(baskets):
            return
        scores: dict[frozenset[str], Fraction] = {}
        for itemset in kinds[1:]:
            shares = [share(baskets, frozenset(item)) for item in itemset]
            if share(baskets, itemset):
                alone = prod(shares)
                scores[itemset] = share(baskets, itemset) / alone if by == "lift" else share(baskets, itemset) - alone
        last = sorted(scores.values(), reverse=True)[:k][-1]
        found = top_itemsets(Baskets.from_lists(baskets), k=k, by=by, min_len=1, min_count=1)
        assert set(map(frozenset, found.columns()["itemset"])) == {s for s, score in scores.items() if score >= last}

    @pytest.mark.parametrize("by", ["lift", "leverage"])
    def test_what_differs_in_the_last_digits_is_no_tie(self, by: str) -> None:
        """Pairs of 3e15 and 3e15 + 1 baskets, each item in no others: the scores differ by 3e-16 of their size."""
        kinds, weights = [["a", "b"], ["c", "d"], []], [3 * 10**15, 3 * 10**15 + 1, 10**15]
        baskets = Baskets.from_lists(kinds, weights=weights)
        best, second = (("a", "b"), ("c", "d")) if by == "lift" else (("c", "d"), ("a", "b"))
        assert top_itemsets(baskets, k=1, by=by).columns()["itemset"].tolist() == [best]
        assert top_itemsets(baskets, k=2, by=by).columns()["itemset"].tolist() == [best, second]

    @given(
        st.lists(st.integers(1, 3) | st.integers(2**52, 2**52 + 2), min_size=8, max_size=8),
        st.sampled_from(["support", "lift", "leverage"]),
        st.integers(1, 7),
    )
    def test_the_best_are_the_first_of_all(self, weights: list[int], by: str, k: int) -> None:
        kinds = [kind for length in range(4) for kind in combinations("abc", length)]
        baskets = Baskets.from_lists(kinds, weights=weights)
        scores: dict[tuple[str, ...], Fraction] = {}
        n = {s: sum(w for kind, w in zip(kinds, weights, strict=True) if set(s) <= set(kind)) for s in kinds}
        for itemset in kinds[1:]:
            alone = prod(Fraction(n[(item,)], sum(weights)) for item in itemset)
            together = Fraction(n[itemset], sum(weights))
            scores[itemset] = {"support": together, "lift": together / alone, "leverage": together - alone}[by]
        ordered = sorted(scores, key=lambda s: (-scores[s], len(s), s))
        wanted = [s for s in ordered if scores[s] >= scores[ordered[k - 1]]]
        found = top_itemsets(baskets, k=k, by=by, min_len=1, min_count=1).columns()
        assert found["itemset"].tolist() == wanted
        assert found[by].tolist() == pytest.approx([float(scores[s]) for s in wanted], rel=1e-14, abs=1e-17)

    def test_lifts_beyond_all_floats_keep_their_order(self) -> None:
        kinds = [[f"{name}{i:02}" for i in range(19)] for name in "ab"]
        baskets = Baskets.from_lists([*kinds, []], weights=[6, 5, 2**62])
        found = top_itemsets(baskets, k=2, by="lift", min_len=19).columns()
        assert found["itemset"].tolist() == [tuple(kinds[1]), tuple(kinds[0])]
        assert found["lift"].tolist() == [float("inf")] * 2


def share(baskets: list[frozenset[str]], items: frozenset[str]) -> Fraction:
    return Fraction(sum(items <= basket for basket in baskets), len(baskets))
