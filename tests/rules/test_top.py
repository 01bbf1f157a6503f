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


def share(baskets: list[frozenset[str]], items: frozenset[str]) -> Fraction:
    return Fraction(sum(items <= basket for basket in baskets), len(baskets))
