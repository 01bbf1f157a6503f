"""Rules from itemsets: by definition, at every edge, with their tests and their sub-rules."""

from __future__ import annotations

import gzip
import json
import math
import re
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from growthkit._core.corrections import adjusted
from growthkit.exceptions import DataError, ParameterError
from growthkit.rules import Baskets
from growthkit.rules._significance import corrected, fisher
from growthkit.rules.association import association_rules, mine_rules
from growthkit.rules.itemsets import frequent_itemsets
from growthkit.rules.measures import MEASURES
from growthkit.rules.ruleset import Rules
from growthkit.testing import FrameEngine
from tests.references import association as reference
from tests.references import corrections
from tests.support import to_lists

few_items = st.frozensets(st.sampled_from("abcdef"), max_size=5)
shops = st.lists(few_items, min_size=1, max_size=14).filter(any)
TINY = [*[frozenset("abcd")] * 4, *[frozenset("abc")] * 3, *map(frozenset, ("ab", "cd", "ad", "bd", ""))]


def everything(baskets: Baskets, least: int, *, kind: str = "all", min_len: int = 1, **options: Any) -> Rules:
    """All rules of the itemsets, whatever their confidence."""
    itemsets = frequent_itemsets(baskets, min_support=least, kind=kind, min_len=min_len)
    return association_rules(itemsets, **({"min_threshold": 0.0} | options))


def listed(rules: Rules) -> list[reference.Rule]:
    """Rules as the reference writes them, in order."""
    columns = rules.columns()
    sides = (columns["antecedent"], columns["absent" if rules.negative else "consequent"])
    counts = (columns[name].tolist() for name in ("count", "antecedent_count", "consequent_count"))
    return [
        reference.Rule(frozenset(left), frozenset(right), *numbers)
        for left, right, *numbers in zip(*sides, *counts, strict=True)
    ]


def tail(k: int, drawn: int, marked: int, n: int) -> float:
    return float(fisher(np.array([k]), np.array([drawn]), np.array([marked]), n)[0])


class TestFisher:
    @given(st.integers(1, 60), st.data())
    def test_is_the_hypergeometric_tail(self, n: int, data: st.DataObject) -> None:
        drawn, marked = data.draw(st.integers(0, n)), data.draw(st.integers(0, n))
        k = data.draw(st.integers(0, n))
        assert tail(k, drawn, marked, n) == pytest.approx(float(reference.upper_tail(k, drawn, marked, n)), rel=1e-12)

    @pytest.mark.parametrize(
        ("k", "drawn", "marked", "n"),
        [
            (100, 400, 900, 9_835),
            (300, 400, 900, 9_835),
            (21, 400, 500, 9_835),
            (20, 400, 500, 9_835),
            (1, 1, 1, 100_000),
            (70, 300, 80, 100_000),
            (15_000, 20_000, 70_000, 100_000),
            (13_900, 20_000, 70_000, 100_000),
            (14_000, 20_000, 70_000, 100_000),
            (14_001, 20_000, 70_000, 100_000),
        ],
    )
    def test_is_exact_far_out_and_in_the_middle(self, k: int, drawn: int, marked: int, n: int) -> None:
        exact = reference.upper_tail(k, drawn, marked, n)
        assert tail(k, drawn, marked, n) == pytest.approx(float(exact), rel=1e-11)

    @pytest.mark.parametrize("power", [40, 45, 52])
    def test_of_more_baskets_than_squares_fit_64_bits(self, power: int) -> None:
        """Among so many, ten are drawn as if with replacement."""
        exact = sum(Fraction(math.comb(10, k) * 7 ** (10 - k), 8**10) for k in range(3, 11))
        assert tail(3, 10, 2 ** (power - 3), 2**power) == pytest.approx(float(exact), rel=1e-10)

    def test_beyond_the_smallest_double_is_0(self) -> None:
        assert tail(3_000, 3_000, 3_000, 100_000) == 0.0

    def test_agrees_with_scipy_for_ten_million_baskets(self) -> None:
        from scipy.stats import hypergeom

        assert tail(5_600, 50_000, 1_000_000, 10_000_000) == pytest.approx(
            hypergeom.sf(5_599, 10_000_000, 1_000_000, 50_000), rel=1e-6
        )


class TestRules:
    @given(shops, st.integers(1, 3), st.integers(1, 4))
    def test_are_all_rules_of_frequent_sets(self, shop: list[frozenset[str]], least: int, most: int) -> None:
        found = listed(everything(Baskets.from_lists(shop), least, max_consequent=most))
        assert len(set(found)) == len(found)
        assert set(found) == set(reference.rules(shop, least, most))

    @given(shops, st.sampled_from(["closed", "maximal", "generators"]), st.integers(1, 3))
    def test_counts_of_parts_that_are_no_itemsets_come_from_the_baskets(
        self, shop: list[frozenset[str]], kind: str, least: int
    ) -> None:
        itemsets = frequent_itemsets(Baskets.from_lists(shop), min_support=least, kind=kind)
        held = {frozenset(labels) for labels in itemsets.to_frame()["itemset"]}
        found = listed(association_rules(itemsets, min_threshold=0.0, max_consequent=None))
        wanted = [rule for rule in reference.rules(shop, least, 9) if rule.antecedent | rule.consequent in held]
        assert set(found) == set(wanted)
        assert len(found) == len(wanted)

    @given(shops, st.integers(2, 3))
    def test_longer_sets_alone_are_enough(self, shop: list[frozenset[str]], min_len: int) -> None:
        found = listed(everything(Baskets.from_lists(shop), 1, min_len=min_len, max_consequent=2))
        wanted = [r for r in reference.rules(shop, 1, 2) if len(r.antecedent | r.consequent) >= min_len]
        assert set(found) == set(wanted)

    def test_of_chosen_items_only(self) -> None:
        itemsets = frequent_itemsets(Baskets.from_lists(TINY), min_support=2, items=["a", "b", "c"])
        found = listed(association_rules(itemsets, min_threshold=0.0))
        wanted = [r for r in reference.rules(TINY, 2, 1) if not (r.antecedent | r.consequent) & {"d"}]
        assert set(found) == set(wanted)

    @given(shops, st.sampled_from(sorted(MEASURES)), st.sampled_from([-0.1, 0.0, 0.2, 0.5, 1.0, 1.2]))
    def test_any_measure_can_choose(self, shop: list[frozenset[str]], metric: str, threshold: float) -> None:
        baskets = Baskets.from_lists(shop)
        every = everything(baskets, 1, max_consequent=2)
        some = everything(baskets, 1, max_consequent=2, metric=metric, min_threshold=threshold)
        assert listed(some) == listed(every.take(every.measure(metric) >= threshold))

    @given(st.integers(1, 60), st.integers(1, 60))
    def test_a_rule_at_the_threshold_is_in(self, hits: int, misses: int) -> None:
        baskets = Baskets.from_lists([["a", "b"], ["a"], ["b"]], weights=[hits, misses, 200])
        share = hits / (hits + misses)
        for threshold in (share, Fraction(hits, hits + misses)):
            found = association_rules(frequent_itemsets(baskets, min_support=1), min_threshold=threshold)  # type: ignore[arg-type]
            assert ("a",) in found.columns()["antecedent"].tolist()
        over = association_rules(frequent_itemsets(baskets, min_support=1), min_threshold=np.nextafter(share, 2))
        assert ("a",) not in over.columns()["antecedent"].tolist()

    def test_decimals_are_reached_by_the_counts_that_make_them(self) -> None:
        for hundredths in range(1, 100):
            baskets = Baskets.from_lists([["a", "b"], ["a"]], weights=[hundredths, 100 - hundredths])
            found = mine_rules(baskets, min_support=1, min_threshold=float(f"0.{hundredths:02}"))
            assert len(found) == 2, hundredths

    def test_items_can_be_bound_to_a_side(self) -> None:
        baskets = Baskets.from_lists(TINY)
        found = listed(everything(baskets, 2, max_consequent=2, antecedent=["a", "c"], consequent=["b", "d", "c"]))
        wanted = [
            rule
            for rule in reference.rules(TINY, 2, 2)
            if rule.antecedent <= set("ac") and rule.consequent <= set("bcd")
        ]
        assert set(found) == set(wanted)
        assert len(found) == len(wanted) > 0

    @given(shops)
    def test_weights_count_rows_several_times(self, shop: list[frozenset[str]]) -> None:
        weights = [1 + place % 3 for place in range(len(shop))]
        repeated = [basket for basket, weight in zip(shop, weights, strict=True) for _ in range(weight)]
        weighted, plain = Baskets.from_lists(shop, weights=weights), Baskets.from_lists(repeated)
        for options in ({}, {"negative": True}, {"max_consequent": None}):
            one, two = everything(weighted, 2, **options), everything(plain, 2, **options)
            assert set(listed(one)) == set(listed(two))
            np.testing.assert_array_equal(np.sort(one.improvement()), np.sort(two.improvement()))

    @given(shops, st.randoms(use_true_random=False))
    def test_order_and_names_change_nothing(self, shop: list[frozenset[str]], random: Any) -> None:
        names = dict(zip("abcdef", "zyxwvu", strict=True))
        other = [frozenset(names[item] for item in basket) for basket in shop]
        random.shuffle(other)
        one, two = (everything(Baskets.from_lists(baskets), 1, max_consequent=2) for baskets in (shop, other))
        back = {new: old for old, new in names.items()}
        renamed = {
            r._replace(
                antecedent=frozenset(map(back.get, r.antecedent)), consequent=frozenset(map(back.get, r.consequent))
            )
            for r in listed(two)
        }
        assert renamed == set(listed(one))
        np.testing.assert_allclose(np.sort(one.p_value), np.sort(two.p_value))

    def test_threads_change_nothing(self, threaded: None) -> None:
        rng = np.random.default_rng(5)
        baskets = Baskets.from_lists([np.flatnonzero(rng.random(14) < 0.5) for _ in range(120)])
        for options in ({"max_consequent": 3}, {"negative": True}, {"metric": "lift", "min_threshold": 1.0}):
            itemsets = frequent_itemsets(baskets, min_support=12)
            runs = [association_rules(itemsets, **({"min_threshold": 0.3} | options), n_threads=n) for n in (1, 2, 5)]  # type: ignore[arg-type]
            tables = [(run.to_frame(), run.improvement(n_threads=n)) for run, n in zip(runs, (1, 2, 5), strict=True)]
            for table, improvement in tables[1:]:
                pd.testing.assert_frame_equal(table, tables[0][0], check_exact=True)
                np.testing.assert_array_equal(improvement, tables[0][1])

    def test_ids_of_any_kind(self) -> None:
        for ids in ([1, 2], [1.5, 2.5], ["é", "日本"], [(1, 2), (3, 4)], [True, False]):
            found = everything(Baskets.from_lists([ids, ids, ids[:1]]), 2)
            assert {
                frozenset(pair)
                for pair in zip(*(found.columns()[s] for s in ("antecedent", "consequent")), strict=True)
            } == {frozenset([(ids[0],), (ids[1],)])}


class TestNegativeRules:
    @given(shops, st.integers(1, 3))
    def test_are_all_absences(self, shop: list[frozenset[str]], least: int) -> None:
        found = listed(everything(Baskets.from_lists(shop), least, negative=True))
        assert len(set(found)) == len(found)
        assert set(found) == set(reference.absences(shop, least))

    def test_measures_are_those_of_the_complement(self) -> None:
        found = everything(Baskets.from_lists(TINY), 2, negative=True, measures="all")
        for row, rule in enumerate(listed(found)):
            x, n = rule.antecedent_count, len(TINY)
            cells = (
                rule.count,
                x - rule.count,
                rule.consequent_count - rule.count,
                n - x - rule.consequent_count + rule.count,
            )
            chances = reference.Chances(*cells)
            for name, define in reference.DEFINITIONS.items():
                assert found.columns()[name][row] == pytest.approx(
                    float(define(chances)), rel=1e-9, abs=1e-12, nan_ok=True
                )
            assert found.p_value[row] == pytest.approx(
                float(reference.upper_tail(rule.count, x, rule.consequent_count, n))
            )

    def test_shorter_antecedents_are_negative_too(self) -> None:
        complemented = [basket | {f"no {item}" for item in "abcd" if item not in basket} for basket in TINY]
        found = everything(Baskets.from_lists(TINY), 2, negative=True)
        for rule, improvement in zip(listed(found), found.improvement(), strict=True):
            absent = frozenset(f"no {item}" for item in rule.consequent)
            assert improvement == pytest.approx(
                float(reference.improvement(complemented, rule._replace(consequent=absent)))
            )

    def test_never_about_the_kin_of_an_item(self) -> None:
        baskets = Baskets.from_lists([["brie", "tea"], ["gouda", "tea"], ["gouda"], ["tea"], ["brie"]])
        table = pd.DataFrame({"item_id": ["brie", "gouda", "tea"], "department": ["cheese", "cheese", "drinks"]})
        found = listed(everything(baskets.with_taxonomy(table), 1, negative=True))
        pairs = {(next(iter(r.antecedent)), next(iter(r.consequent))) for r in found if len(r.antecedent) == 1}
        assert ("brie", "gouda") in pairs
        assert ("department=cheese", "brie") not in pairs
        assert ("brie", "department=cheese") not in pairs

    def test_threshold_and_sides(self) -> None:
        baskets = Baskets.from_lists(TINY)
        found = everything(baskets, 2, negative=True, min_threshold=0.5, antecedent=["a", "b"], consequent=["d"])
        wanted = [
            rule
            for rule in reference.absences(TINY, 2)
            if rule.antecedent <= set("ab") and rule.consequent == {"d"} and 2 * rule.count >= rule.antecedent_count
        ]
        assert set(listed(found)) == set(wanted) != set()


class TestSignificance:
    @given(shops, st.integers(1, 3))
    def test_family_is_what_could_be_found(self, shop: list[frozenset[str]], least: int) -> None:
        baskets = Baskets.from_lists(shop)
        assert everything(baskets, least).n_tests == reference.tests_made(shop, least)
        assert everything(baskets, least, negative=True).n_tests == reference.tests_made(shop, least)
        assert everything(baskets, least, kind="maximal").n_tests >= reference.tests_made(shop, least)

    def test_family_heeds_the_sides(self) -> None:
        sets = reference.frequent(TINY, 2)
        left = [held for held in sets if held <= set("ab")]
        wanted = sum(not right <= held for held in left for right in sets if len(right) == 1 and right <= set("bc"))
        sides = {"antecedent": ["a", "b"], "consequent": ["b", "c"]}
        assert everything(Baskets.from_lists(TINY), 2, **sides).n_tests == wanted

    def test_longer_consequents_are_bounded(self) -> None:
        sets = reference.frequent(TINY, 2)
        wanted = sum(not left & right for left in sets for right in sets if len(right) <= 2)
        found = everything(Baskets.from_lists(TINY), 2, max_consequent=2).n_tests
        assert wanted <= found <= len(sets) * sum(len(held) <= 2 for held in sets)

    @given(shops, st.integers(1, 3), st.sampled_from(["closed", "generators", "maximal"]))
    def test_no_more_rules_are_listed_than_are_corrected_for(
        self, shop: list[frozenset[str]], least: int, kind: str
    ) -> None:
        """Parts of a closed set may be in the same baskets, so that its rules are more than the tests they are."""
        found = everything(Baskets.from_lists(shop), least, kind=kind, max_consequent=None)
        assert found.n_tests >= len(found)

    @given(
        st.lists(st.floats(0, 1), max_size=8), st.integers(0, 5), st.sampled_from(["holm", "bh"]), st.floats(0.001, 0.5)
    )
    def test_rules_not_listed_count_as_1(self, p: list[float], unseen: int, method: str, alpha: float) -> None:
        q = adjusted(np.array(p), method, len(p) + unseen)
        wanted = corrections.rejected([*p, *[1.0] * unseen], alpha, method) - set(range(len(p), len(p) + unseen))
        borderline = {row for row, value in enumerate(q) if abs(value - alpha) < 1e-12}
        assert {row for row, value in enumerate(q) if value <= alpha} | borderline == wanted | borderline

    def test_significant(self) -> None:
        baskets = Baskets.from_lists([["a", "b"]] * 30 + [["a"]] + [["b"]] + [["c"]] * 40)
        found = mine_rules(baskets, min_support=1, min_threshold=0.0)
        assert listed(found.significant()) == listed(found.take(found.q_value <= 0.05)) != []  # type: ignore[operator]
        plain = mine_rules(baskets, min_support=1, min_threshold=0.0, correction=None)
        assert plain.q_value is None
        assert "q_value" not in plain.columns()
        assert listed(plain.significant(0.01)) == listed(plain.take(plain.p_value <= 0.01))
        softer = mine_rules(baskets, min_support=1, min_threshold=0.0, correction="bh")
        assert (softer.q_value <= found.q_value).all()  # type: ignore[operator]

    @pytest.mark.slow
    @pytest.mark.parametrize("least", [4, 12, 25])
    def test_chance_of_any_false_rule_is_held(self, least: int) -> None:
        """Items bought independently: any rule called significant is a false one."""
        rng, runs, false = np.random.default_rng(3), 2_000, 0
        shares = np.array([0.1, 0.2, 0.3, 0.15, 0.25, 0.12, 0.35, 0.2])
        for _ in range(runs):
            onehot = pd.DataFrame(rng.random((200, shares.size)) < shares, columns=list("abcdefgh"))
            found = mine_rules(Baskets.from_onehot(onehot), min_support=least, min_threshold=0.0)
            false += len(found.significant()) > 0
        assert false / runs <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / runs)


class TestRedundancy:
    @given(shops, st.integers(1, 3), st.sampled_from(["all", "closed", "maximal"]))
    def test_improvement_is_over_all_shorter_antecedents(
        self, shop: list[frozenset[str]], least: int, kind: str
    ) -> None:
        found = everything(Baskets.from_lists(shop), least, kind=kind, max_consequent=2, min_threshold=0.4)
        wanted = [float(reference.improvement(shop, rule)) for rule in listed(found)]
        np.testing.assert_allclose(found.improvement(), wanted, atol=1e-15)
        exact = [reference.improvement(shop, rule) > 0 for rule in listed(found)]
        assert listed(found.non_redundant()) == listed(found.take(np.array(exact, dtype=bool)))

    @given(shops)
    def test_productive_rules(self, shop: list[frozenset[str]]) -> None:
        found = everything(Baskets.from_lists(shop), 1, correction=None, max_consequent=2)
        p = np.array([float(reference.productive_p(shop, rule)) for rule in listed(found)])
        for alpha in (0.1, 0.45):
            clear = np.abs(p - alpha) > 1e-9
            kept = set(listed(found.non_redundant(alpha=alpha)))
            wanted = (found.improvement() > 0) & (p <= alpha)
            assert {r for r, is_clear in zip(listed(found), clear, strict=True) if is_clear} & kept == {
                r for r, is_in in zip(listed(found), wanted & clear, strict=True) if is_in
            }

    def test_an_item_in_every_basket_adds_nothing(self) -> None:
        shop = [["bag", "a", "b"]] * 5 + [["bag", "a"], ["bag", "b"], ["bag"]]
        kept = listed(everything(Baskets.from_lists(shop), 1).non_redundant())
        assert {(r.antecedent, r.consequent) for r in kept} == {
            (frozenset("a"), frozenset("b")),
            (frozenset("b"), frozenset("a")),
        }

    def test_least_improvement(self) -> None:
        found = everything(Baskets.from_lists(TINY), 2)
        kept = found.non_redundant(min_improvement=0.1)
        assert listed(kept) == listed(found.take(found.improvement() > 0.1)) != []


class TestThinning:
    @pytest.fixture
    def rules(self) -> Rules:
        return everything(Baskets.from_lists(TINY), 2, max_consequent=2)

    def test_filter(self, rules: Rules) -> None:
        kept = rules.filter(antecedent=["a", "b"], minimum={"lift": 1.0, "count": 4}, maximum={"q_value": 1.0})
        lift = rules.measure("lift")
        wanted = [
            r
            for r, value in zip(listed(rules), lift, strict=True)
            if r.antecedent <= set("ab") and value >= 1.0 and r.count >= 4
        ]
        assert listed(kept) == wanted != []
        assert set(kept.filter(maximum={"antecedent_length": 1}).antecedents.lengths.tolist()) == {1}
        assert len(kept.filter(consequent=["a"], minimum={"p_value": 0.0})) < len(kept)

    def test_strongest(self, rules: Rules) -> None:
        best = rules.strongest(5, by="conviction").measure("conviction")
        every = np.sort(rules.measure("conviction"))[::-1]
        np.testing.assert_array_equal(best, every[~np.isnan(every)][:5])
        assert len(rules.strongest(10_000)) == len(rules)

    @pytest.mark.parametrize("correction", ["holm", "bh", None])
    def test_significant_goes_by_what_the_correction_leaves(self, correction: str | None) -> None:
        rng = np.random.default_rng(4)
        baskets = Baskets.from_lists([np.flatnonzero(row < 0.4) for row in rng.random((60, 8))] * 4)
        found = everything(baskets, 12, correction=correction)
        level = found.p_value if found.q_value is None else found.q_value
        alpha = float(np.median(level[level < 1]))
        kept = found.significant(alpha)
        assert listed(kept) == listed(found.take(level <= alpha))
        assert 0 < len(kept) < len(found)
        if correction is not None:
            assert len(kept) < (found.p_value <= alpha).sum()

    def test_take_keeps_q_values(self, rules: Rules) -> None:
        some = rules.take([3, 1])
        np.testing.assert_array_equal(some.q_value, rules.q_value[[3, 1]])  # type: ignore[index]
        assert listed(some) == [listed(rules)[3], listed(rules)[1]]

    @given(shops, shops, st.booleans())
    def test_counted_in_other_baskets(
        self, shop: list[frozenset[str]], later: list[frozenset[str]], negative: bool
    ) -> None:
        found = everything(Baskets.from_lists(shop), 1, negative=negative)
        moved = found.counted_in(Baskets.from_lists([*later, frozenset("xyz")]))
        n, baskets = len(later) + 1, [*later, frozenset("xyz")]
        for old, new, p in zip(listed(found), listed(moved), moved.p_value, strict=True):
            x, y = reference.count(baskets, old.antecedent), reference.count(baskets, old.consequent)
            both = reference.count(baskets, old.antecedent | old.consequent)
            counts = (x - both, x, n - y) if negative else (both, x, y)
            assert new == (old.antecedent, old.consequent, *counts)
            assert p == pytest.approx(float(reference.upper_tail(counts[0], x, counts[2], n)))
        assert moved.n_tests == len(found)

    def test_found_in_one_part_and_tested_on_the_other(self) -> None:
        half = [["a", "b"]] * 30 + [["a"]] * 5 + [["b"]] * 5 + [["c"]] * 40
        found = mine_rules(Baskets.from_lists(half), min_support=5)
        tested = found.counted_in(Baskets.from_lists(half[::-1]))
        np.testing.assert_array_equal(tested.count, found.count)
        assert (tested.q_value <= found.q_value).all()  # type: ignore[operator]


class TestFrames:
    def test_of_every_library(self, engine: FrameEngine) -> None:
        lines = engine(
            {"basket_id": np.array([1, 1, 2, 2, 3, 4]), "item_id": np.array(list("abababab")[:6], dtype=object)}
        )
        table = to_lists(mine_rules(lines, min_support=1, min_threshold=0.5, measures=["lift"]).to_frame())
        assert [tuple(side) for side in table["antecedent"]] == [("b",), ("a",)]
        assert [tuple(side) for side in table["consequent"]] == [("a",), ("b",)]
        assert list(table) == [
            "antecedent",
            "consequent",
            "count",
            "antecedent_count",
            "consequent_count",
            "lift",
            "p_value",
            "q_value",
        ]

    def test_input_stays_as_it_was(self) -> None:
        lines = pd.DataFrame({"basket_id": [1, 1, 2], "item_id": ["a", "b", "a"]})
        before = lines.copy()
        mine_rules(lines, min_support=1)
        pd.testing.assert_frame_equal(lines, before)

    def test_one_call_is_the_two(self) -> None:
        lines = pd.DataFrame({"shop": [1, 1, 2, 2, 3], "what": ["a", "b", "a", "b", "a"]})
        options: dict[str, Any] = {"min_threshold": 0.6, "measures": "all", "correction": "bh"}
        one = mine_rules(lines, basket="shop", item="what", min_support=0.4, **options)
        baskets = Baskets.from_frame(lines, basket="shop", item="what")
        two = association_rules(frequent_itemsets(baskets, min_support=0.4), **options)
        pd.testing.assert_frame_equal(one.to_frame(), two.to_frame())
        assert mine_rules(lines, basket="shop", item="what", min_support=1, max_len=1).warnings[0].code == "no_rules"

    def test_summary(self) -> None:
        found = everything(Baskets.from_lists(TINY), 2)
        assert "rules tested" in found.summary()
        assert found.to_dict()["facts"]["rules"] == len(found)
        assert "<table>" in found._repr_html_()


class TestEdges:
    @pytest.mark.parametrize("options", [{}, {"negative": True}, {"max_consequent": None}, {"metric": "lift"}])
    def test_nothing_to_find(self, options: dict[str, Any]) -> None:
        found = everything(Baskets.from_lists([["a"], ["b"], []]), 3, **options)
        assert len(found) == 0
        assert found.warnings[0].code == "no_rules"
        assert len(found.significant()) == len(found.non_redundant(alpha=0.05)) == len(found.strongest(3)) == 0
        assert len(found.to_frame()) == 0
        assert len(found.counted_in(Baskets.from_lists([["z"]]))) == 0

    def test_one_basket(self) -> None:
        found = everything(Baskets.from_lists([["a", "b"]]), 1, measures="all")
        assert found.measure("confidence").tolist() == [1.0, 1.0]
        assert np.isnan(found.measure("phi")).all()
        assert found.p_value.tolist() == [1.0, 1.0]

    def test_long_sets_with_every_consequent_are_refused(self) -> None:
        itemsets = frequent_itemsets(Baskets.from_lists([list(range(30))] * 2), min_support=2, kind="closed")
        assert len(association_rules(itemsets, min_threshold=0.0, correction=None)) == 30
        with pytest.raises(ParameterError, match="an itemset of 30 items gives more than 4,194,304 rules"):
            association_rules(itemsets, max_consequent=None)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"metric": "lyft"}, "metric must be one of"),
            ({"min_threshold": float("nan")}, "min_threshold must be a finite number"),
            ({"max_consequent": 0}, "max_consequent must be a whole number of at least 1"),
            ({"max_consequent": 2, "negative": True}, "max_consequent must be 1 with negative=True"),
            ({"measures": "lift"}, "measures must be names of measures in a list"),
            ({"measures": 5}, "measures must be names of measures in a list"),
            ({"antecedent": ["nobody"]}, "antecedent must be items that the baskets hold"),
            ({"antecedent": []}, "antecedent must be items that the baskets hold"),
            ({"consequent": "a"}, "consequent must be a list of items"),
            ({"consequent": [1]}, "consequent must be items that the baskets hold"),
            ({"negative": 1}, "negative must be True or False"),
            ({"correction": "bonferroni"}, "correction must be one of 'holm', 'bh'"),
            ({"n_threads": 0}, "n_threads must be a whole number"),
        ],
    )
    def test_refuses(self, options: dict[str, Any], message: str) -> None:
        with pytest.raises(ParameterError, match=re.escape(f"association_rules: {message}")):
            everything(Baskets.from_lists(TINY), 2, **options)

    @pytest.mark.parametrize("kind", [np.float16, np.float32])
    def test_a_threshold_in_short_precision_is_met_exactly(self, kind: Any) -> None:
        for share in (0.1, 0.3, 0.6, 0.7, 0.9):
            held = round(10 * share)
            baskets = Baskets.from_lists([["a", "b"]] * held + [["a"]] * (10 - held))
            found = association_rules(frequent_itemsets(baskets, min_support=1), min_threshold=kind(share))
            assert frozenset("a") in {rule.antecedent for rule in listed(found)}
            assert len(found.filter(minimum={"confidence": kind(share)})) == len(found)

    def test_other_things_than_itemsets_are_refused(self) -> None:
        with pytest.raises(ParameterError, match="itemsets must be what frequent_itemsets returned"):
            association_rules(Baskets.from_lists(TINY))  # type: ignore[arg-type]

    @pytest.mark.parametrize("rows", [[0.5], [100], [-1], [True], [[0]], ["a"], 1, slice(0, 2)])
    def test_take_refuses(self, rows: Any) -> None:
        with pytest.raises(ParameterError, match=r"Rules\.take: rows must be"):
            everything(Baskets.from_lists(TINY), 2).take(rows)

    @pytest.mark.parametrize("bounds", [5, {"lift": "x"}, {"lift": float("nan")}])
    def test_filter_refuses(self, bounds: Any) -> None:
        for side in ("minimum", "maximum"):
            with pytest.raises(ParameterError, match=rf"Rules\.filter: {side}"):
                everything(Baskets.from_lists(TINY), 2).filter(**{side: bounds})

    def test_counts_whose_products_pass_64_bits(self) -> None:
        weights = [2**39 + 1, 2**39, 2**38, 2**40]
        baskets = Baskets.from_lists([["a", "b"], ["a"], ["b"], ["c"]], weights=weights)
        found = everything(baskets, 1)
        n = sum(weights)
        for rule, leverage, improvement in zip(
            listed(found), found.measure("leverage"), found.improvement(), strict=True
        ):
            a, x, y = rule.count, rule.antecedent_count, rule.consequent_count
            assert leverage == pytest.approx(float(Fraction(a * n - x * y, n * n)), rel=1e-15)
            assert improvement == pytest.approx(float(Fraction(a, x) - Fraction(y, n)), rel=1e-15)

    def test_families_of_tests_beyond_floats(self) -> None:
        q = corrected(np.array([0.0, 1e-300, 0.5]), "holm", 2**1_100)
        assert q.tolist() == [0.0, 1.0, 1.0]

    def test_long_rules_have_too_many_parts(self) -> None:
        itemsets = frequent_itemsets(Baskets.from_lists([range(60)] * 2 + [[]]), min_support=2, kind="maximal")
        found = association_rules(itemsets, min_threshold=0.0)
        assert len(found) == 60
        with pytest.raises(DataError, match=r"Rules\.non_redundant: the rules have too many more general ones"):
            found.non_redundant()

    def test_methods_refuse(self) -> None:
        found = everything(Baskets.from_lists(TINY), 2)
        for call in (
            lambda: found.measure("lyft"),
            lambda: found.significant(1.0),
            lambda: found.strongest(0),
            lambda: found.strongest(1, by="lyft"),
            lambda: found.filter(minimum={"lyft": 1}),
            lambda: found.filter(antecedent=["z"]),
            lambda: found.non_redundant(min_improvement=-1),
            lambda: found.non_redundant(alpha=0),
        ):
            with pytest.raises(ParameterError):
                call()

    def test_messages_name_what_was_called(self) -> None:
        found = everything(Baskets.from_lists(TINY), 2)
        with pytest.raises(ParameterError, match=r"Rules\.strongest: by must be one of"):
            found.strongest(1, by="lyft")
        for other in (None, pd.DataFrame({"basket_id": [1], "item_id": ["a"]})):
            with pytest.raises(ParameterError, match=r"Rules\.counted_in: baskets must be Baskets"):
                found.counted_in(other)  # type: ignore[arg-type]

    def test_sides_are_lists_in_json(self) -> None:
        table = everything(Baskets.from_lists([["a", "b"], ["a"]]), 1, measures=[]).to_dict()["columns"]
        assert table["antecedent"] == [["b"], ["a"]]
        days = [np.datetime64("2026-01-01"), np.datetime64("2026-01-02")]
        json.dumps(everything(Baskets.from_lists([days]), 1).to_dict(), allow_nan=False)


class TestPublishedNumbers:
    @pytest.fixture
    def groceries(self, shared_data: Path) -> Baskets:
        with gzip.open(shared_data / "rules" / "groceries_lines.csv.gz", "rt", encoding="utf-8") as file:
            return Baskets.from_frame(pd.read_csv(file), basket="basket", item="item")

    def test_groceries(self, groceries: Baskets, published: Callable[[str], dict[str, Any]]) -> None:
        for case in published("rules")["groceries"]:
            found = mine_rules(
                groceries,
                min_support=case["support"],
                min_threshold=case["confidence"],
                max_consequent=case["max_consequent"],
            )
            assert len(found) == case["rules"]
