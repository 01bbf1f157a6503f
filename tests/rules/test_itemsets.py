"""Frequent itemsets: by definition, at every edge, and on real data."""

from __future__ import annotations

import datetime as dt
import gzip
import lzma
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from growthkit import rules
from growthkit._core.params import Params
from growthkit.exceptions import DataError, ParameterError
from growthkit.rules import Baskets, Itemsets, count_itemsets, frequent_itemsets, top_itemsets
from growthkit.rules._support import least_count
from growthkit.testing import FrameEngine
from tests.references import closed as by_definition
from tests.references import itemsets as reference
from tests.support import to_lists

BASKETS = st.lists(st.sets(st.integers(0, 9), max_size=8), min_size=1, max_size=40)


def found(itemsets: Itemsets) -> dict[frozenset[Any], int]:
    """Return itemsets as the reference does; no set may occur twice."""
    columns = itemsets.columns()
    listed = [frozenset(itemset) for itemset in columns["itemset"]]
    assert len(set(listed)) == len(listed) == len(itemsets)
    assert [len(itemset) for itemset in listed] == columns["length"].tolist()
    return dict(zip(listed, columns["count"].tolist(), strict=True))


def mined(baskets: Any, **options: Any) -> dict[frozenset[Any], int]:
    return found(frequent_itemsets(Baskets.from_lists(baskets), **options))


def same_bits(one: Itemsets, other: Itemsets) -> bool:
    return all(getattr(one, name).tobytes() == getattr(other, name).tobytes() for name in ("indptr", "codes", "counts"))


class TestDefinition:
    @given(baskets=BASKETS, least=st.integers(1, 6))
    def test_all_that_are_frequent_with_their_counts(self, baskets: list[set[int]], least: int) -> None:
        if not any(baskets):
            return
        assert mined(baskets, min_support=least) == reference.frequent(baskets, least)

    @given(baskets=BASKETS, least=st.integers(1, 4), min_len=st.integers(1, 4), more=st.none() | st.integers(0, 3))
    def test_lengths(self, baskets: list[set[int]], least: int, min_len: int, more: int | None) -> None:
        if not any(baskets):
            return
        lengths = {"min_len": min_len, "max_len": None if more is None else min_len + more}
        expected = reference.frequent(baskets, least, **lengths)
        assert mined(baskets, min_support=least, **lengths) == expected
        counted = count_itemsets(Baskets.from_lists(baskets), min_support=least, **lengths)
        by_length = Counter(map(len, expected))
        assert list(counted) == [by_length[length] for length in range(1, len(counted) + 1)]
        assert counted.total == len(expected)

    @given(baskets=BASKETS, least=st.integers(1, 4), data=st.data())
    def test_only_some_items(self, baskets: list[set[int]], least: int, data: st.DataObject) -> None:
        known = sorted(set().union(*baskets))
        if not known:
            return
        items = data.draw(st.sets(st.sampled_from(known), min_size=1))
        exclude = data.draw(st.sets(st.sampled_from(known), min_size=1))
        allowed = items - exclude
        expected = reference.frequent(baskets, least, allowed=allowed)
        assert mined(baskets, min_support=least, items=items, exclude=sorted(exclude)) == expected

    @given(baskets=BASKETS, least=st.integers(1, 9), data=st.data())
    def test_weights_are_repetitions(self, baskets: list[set[int]], least: int, data: st.DataObject) -> None:
        if not any(baskets):
            return
        weights = data.draw(st.lists(st.integers(1, 5), min_size=len(baskets), max_size=len(baskets)))
        weighted = Baskets.from_lists(baskets, weights=weights)
        repeated = [basket for basket, n in zip(baskets, weights, strict=True) for _ in range(n)]
        assert found(frequent_itemsets(weighted, min_support=least)) == reference.frequent(repeated, least)

    @given(data=st.data())
    def test_no_item_stands_beside_its_ancestor(self, data: st.DataObject) -> None:
        leaves = [f"i{number}" for number in range(6)]
        group = st.sampled_from(["x", "y"])
        table = pd.DataFrame(
            {
                "item_id": leaves,
                "aisle": data.draw(st.lists(group, min_size=6, max_size=6)),
                "floor": data.draw(st.lists(group, min_size=6, max_size=6)),
            }
        )
        lists = data.draw(st.lists(st.sets(st.sampled_from(leaves), max_size=4), min_size=1, max_size=12))
        if not any(lists):
            return
        least = data.draw(st.integers(1, 3))
        baskets = Baskets.from_lists(lists).with_taxonomy(table)
        labels = baskets.items.labels
        rows = np.split(baskets.rows.codes, baskets.rows.indptr[1:-1])
        assert baskets.taxonomy is not None
        above = np.split(baskets.taxonomy.codes, baskets.taxonomy.indptr[1:-1])
        expected = reference.frequent(
            [labels[row] for row in rows],
            least,
            ancestors={labels[code]: set(labels[codes]) for code, codes in enumerate(above)},
        )
        assert found(frequent_itemsets(baskets, min_support=least)) == expected
        assert count_itemsets(baskets, min_support=least).total == len(expected)


class TestKinds:
    @given(baskets=BASKETS, least=st.integers(1, 4))
    def test_each_is_what_it_is_called(self, baskets: list[set[int]], least: int) -> None:
        if not any(baskets):
            return
        every = reference.frequent(baskets, least)
        n = len(baskets)
        larger = {one: [other for other in every if one < other] for one in every}
        smaller = {one: [one - {item} for item in one] for one in every}
        closed = {one for one in every if all(every[other] < every[one] for other in larger[one])}
        maximal = {one for one in every if not larger[one]}
        generators = {one for one in every if all((every[part] if part else n) > every[one] for part in smaller[one])}
        for kind, expected in (("closed", closed), ("maximal", maximal), ("generators", generators)):
            assert mined(baskets, min_support=least, kind=kind) == {one: every[one] for one in expected}

    @pytest.mark.parametrize("kind", ["all", "closed", "maximal", "generators"])
    def test_lengths_beyond_64_bits_are_no_bound(self, kind: str) -> None:
        baskets = [list("abc"), list("ab"), list("a")]
        assert mined(baskets, min_support=1, kind=kind, max_len=10**30) == mined(baskets, min_support=1, kind=kind)
        assert mined(baskets, min_support=1, kind=kind, min_len=10**30) == {}

    @given(data=st.data())
    def test_of_items_and_their_groups(self, data: st.DataObject) -> None:
        """By definition among the items and groups of each basket, then without the groups of the items that are in."""
        leaves = [f"i{number}" for number in range(5)]
        group = st.sampled_from(["x", "y", "z"])
        table = pd.DataFrame({name: data.draw(st.lists(group, min_size=5, max_size=5)) for name in ("aisle", "floor")})
        lists = data.draw(st.lists(st.sets(st.sampled_from(leaves), max_size=4), min_size=1, max_size=10))
        if not any(lists):
            return
        baskets = Baskets.from_lists(lists).with_taxonomy(table.assign(item_id=leaves))
        codes, edges = baskets.rows.codes, baskets.rows.indptr
        assert baskets.taxonomy is not None
        above = [set(part.tolist()) for part in np.split(baskets.taxonomy.codes, baskets.taxonomy.indptr[1:-1])]
        least = data.draw(st.integers(1, 3))
        counts = by_definition.count_all(
            [row.tolist() for row in np.split(codes, edges[1:-1])], [1] * len(lists), least
        )
        expected = {
            "closed": by_definition.most_specific(by_definition.closed(counts), above),
            "maximal": by_definition.most_specific(by_definition.maximal(counts), above),
            "generators": by_definition.generators(counts, len(lists)),
        }
        for kind, itemsets in expected.items():
            named = {frozenset(baskets.items.labels[list(one)]): n for one, n in itemsets.items()}
            assert found(frequent_itemsets(baskets, min_support=least, kind=kind)) == named

    def test_an_item_that_is_all_of_its_group(self) -> None:
        table = pd.DataFrame({"item_id": ["brie", "gouda", "rye"], "shelf": ["cheese", "cheese", "bread"]})
        baskets = Baskets.from_lists([["brie", "gouda"], ["brie"], ["rye"], ["rye", "brie"]]).with_taxonomy(table)
        closed = {frozenset(["brie", "gouda"]): 1, frozenset(["rye"]): 2, frozenset(["brie", "rye"]): 1}
        closed |= {frozenset(["brie"]): 3}
        assert found(frequent_itemsets(baskets, min_support=1, kind="closed")) == closed
        assert set(found(frequent_itemsets(baskets, min_support=1, kind="maximal"))) == {
            frozenset(["brie", "gouda"]),
            frozenset(["brie", "rye"]),
        }

    def test_only_some_items(self) -> None:
        baskets = [list("abc"), list("ab"), list("ac"), list("bc")]
        expected = {frozenset("b"): 3, frozenset("c"): 3, frozenset("bc"): 2}
        assert mined(baskets, min_support=1, kind="closed", exclude=["a"]) == expected


class TestEdges:
    def test_an_item_in_every_basket(self) -> None:
        assert mined([("a", "b"), ("a",)], min_support=1) == {
            frozenset("a"): 2,
            frozenset("b"): 1,
            frozenset("ab"): 1,
        }

    def test_several_items_in_every_basket(self) -> None:
        baskets = ["abcx", "abcy", "abc"]
        assert mined(map(list, baskets), min_support=1) == reference.frequent(baskets, 1)

    @pytest.mark.parametrize("n", [1, 3, 7, 10, 30, 49, 1000, 8124, 88162])
    def test_support_exactly_at_the_threshold(self, n: int) -> None:
        for count in {1, n // 3, 7 * n // 30, n // 10, n - 1, n} - {0}:
            baskets = Baskets.from_lists([["a"], []], weights=[count, n - count] if count < n else [count, 1])
            share = count / baskets.n_baskets
            assert frequent_itemsets(baskets, min_support=share).find(["a"]) == count
            assert len(frequent_itemsets(baskets, min_support=count + 1)) == 0

    def test_a_tenth_of_thirty_is_three(self) -> None:
        assert mined([["a"]] * 3 + [[]] * 27, min_support=0.1) == {frozenset("a"): 3}

    @pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, np.longdouble, Fraction])
    def test_a_share_of_any_type(self, kind: Any) -> None:
        share = Fraction(1, 10) if kind is Fraction else kind("0.1")
        assert mined([["a"]] * 3 + [[]] * 27, min_support=share) == {frozenset("a"): 3}
        assert mined([["a"]] * 2 + [[]] * 28, min_support=share) == {}

    def test_every_share_of_up_to_sixty_baskets_is_its_count(self) -> None:
        params = Params("f")
        for n in range(1, 61):
            for count in range(1, n + 1):
                shares = (count / n, np.float32(count / n), np.float32(count) / np.float32(n))
                assert [least_count(params, share, n) for share in shares] == [count] * 3

    @pytest.mark.parametrize("count", [2, np.int64(2), np.uint8(2), np.int32(2)])
    def test_a_count_of_any_type(self, count: Any) -> None:
        assert mined([["a"], ["a", "b"]], min_support=count) == {frozenset("a"): 2}

    def test_one_is_a_count_and_one_point_zero_is_all(self) -> None:
        assert len(mined([["a", "b"], ["a"]], min_support=1)) == 3
        assert mined([["a", "b"], ["a"]], min_support=1.0) == {frozenset("a"): 2}

    def test_duplicates_count_once_and_empty_baskets_count(self) -> None:
        itemsets = frequent_itemsets(Baskets.from_lists([["a", "a", "b"], [], ["b"]]), min_support=1)
        assert found(itemsets) == {frozenset("a"): 1, frozenset("b"): 2, frozenset("ab"): 1}
        assert itemsets.n_baskets == 3
        assert itemsets.columns()["support"].max() == pytest.approx(2 / 3)

    @pytest.mark.parametrize("lists", [[[]], [[], ["a"]]])
    def test_nothing_is_frequent(self, lists: list[list[str]]) -> None:
        itemsets = frequent_itemsets(Baskets.from_lists(lists), min_support=2)
        assert (len(itemsets), itemsets.indptr.tolist(), itemsets.codes.size) == (0, [0], 0)
        assert to_lists(itemsets.to_frame()) == {"itemset": [], "length": [], "count": [], "support": []}
        assert list(count_itemsets(Baskets.from_lists(lists), min_support=2)) == []

    @pytest.mark.slow  # compiles the kernels for wider numbers
    def test_weights_beyond_32_bits(self) -> None:
        many = 2**40
        lists = [list("abc"), list("ab"), list("bcd"), []]
        baskets = Baskets.from_lists(lists, weights=[many, 5, 3, 1])
        expected = reference.frequent(lists, 4, weights=[many, 5, 3, 1])
        assert found(frequent_itemsets(baskets, min_support=4)) == expected

    def test_numbers_beyond_64_bits_are_counted(self) -> None:
        counted = count_itemsets(Baskets.from_lists([range(200), range(200), range(100)]), min_support=1)
        assert counted.total == 2**200 - 1
        assert counted[99] == max(counted)
        assert counted.columns()["itemsets"][0] == 200

    def test_the_guard_says_how_many_and_what_to_do(self) -> None:
        baskets = Baskets.from_lists([list(range(12)), list(range(1, 13))])
        with pytest.raises(ParameterError, match=r"frequent_itemsets: .* max_itemsets is 4,095; raise min_support"):
            frequent_itemsets(baskets, min_support=1, max_itemsets=4_095)
        n = count_itemsets(baskets, min_support=1).total
        assert len(frequent_itemsets(baskets, min_support=1, max_itemsets=n)) == n

    def test_numbers_beyond_floats_are_counted(self) -> None:
        counted = count_itemsets(Baskets.from_lists([range(1_100)] * 2), min_support=2)
        assert counted.total == 2**1_100 - 1
        assert counted.columns()["itemsets"][[0, 549]].tolist() == [1_100, np.inf]
        assert "inf" in counted.summary()

    @pytest.mark.parametrize(
        "labels",
        [
            [0.5, -0.0, 1e300],
            [True, False],
            [("a", 1), ("b", 2)],
            [dt.datetime(2026, 1, 1), dt.datetime(2026, 1, 2)],
            [dt.date(2026, 1, 1), dt.date(2026, 1, 2)],
            [np.datetime64("2026-01-01", "ns"), np.datetime64("2026-01-02", "ns")],
            [pd.Timestamp(2026, 1, 1), pd.Timestamp(2026, 1, 2)],
            [2**63 + 5, 3],
        ],
        ids=["float", "bool", "tuple", "datetime", "date", "nanoseconds", "Timestamp", "uint64"],
    )
    def test_ids_of_every_kind_are_found_again(self, labels: list[Any]) -> None:
        itemsets = frequent_itemsets(Baskets.from_lists([labels, labels[:1]]), min_support=1)
        columns = itemsets.columns()
        assert len(itemsets) == 2 ** len(labels) - 1
        assert [itemsets.find(itemset) for itemset in columns["itemset"]] == columns["count"].tolist()
        assert not any(isinstance(label, int) for label in columns["itemset"][0]) or isinstance(labels[0], int)

    def test_unicode_and_bytes(self) -> None:
        assert mined([["é", "日本"], ["é"]], min_support=2) == {frozenset(["é"]): 2}
        assert mined([[b"x", b"y"], [b"x"]], min_support=2) == {frozenset([b"x"]): 2}


class TestRefusals:
    @pytest.mark.parametrize("value", [0, -1, 0.0, 1.5, float("nan"), True, "0.1", None])
    def test_min_support(self, value: Any) -> None:
        with pytest.raises(ParameterError, match="min_support"):
            mined([["a"]], min_support=value)

    @pytest.mark.parametrize(
        "options",
        [
            {"kind": "each"},
            {"min_len": 0},
            {"max_len": 0},
            {"min_len": 3, "max_len": 2},
            {"max_itemsets": 0},
            {"n_threads": 0},
            {"progress": 1},
            {"items": "a"},
            {"items": ["z"]},
            {"exclude": [1]},
        ],
    )
    def test_other_parameters(self, options: dict[str, Any]) -> None:
        with pytest.raises(ParameterError, match=f"frequent_itemsets: {next(iter(reversed(options)))}"):
            mined([["a"]], **options)

    def test_null_items(self) -> None:
        frame = pd.DataFrame({"basket_id": [1, 1], "item_id": ["a", None]})
        with pytest.raises(DataError, match='column "item_id" holds 1 null values'):
            frequent_itemsets(frame)

    @pytest.mark.parametrize("value", [2.0, np.float32(1.5)])
    def test_a_share_above_one_says_what_a_count_is(self, value: Any) -> None:
        with pytest.raises(ParameterError, match=r"must be a count \(a whole number from 1 on\) or a share"):
            mined([["a"]], min_support=value)

    @pytest.mark.parametrize("items", [5, ["a", 1], [1, "a"], [["a"]], [None], [float("nan")]])
    def test_items_that_are_no_items(self, items: Any) -> None:
        with pytest.raises(ParameterError, match="frequent_itemsets: items must be"):
            mined([["a", "b"]], min_support=1, items=items)

    @pytest.mark.parametrize("itemset", ["ab", [], b"x", 5, None])
    def test_find_takes_several_ids(self, itemset: Any) -> None:
        with pytest.raises(DataError, match=r"Itemsets.find: expected some ids"):
            frequent_itemsets(Baskets.from_lists([["a"]]), min_support=1).find(itemset)


class TestInvariants:
    @given(baskets=BASKETS, least=st.integers(1, 4), seed=st.integers(0, 99))
    def test_order_and_names_do_not_matter(self, baskets: list[set[int]], least: int, seed: int) -> None:
        if not any(baskets):
            return
        rng = np.random.default_rng(seed)
        name = rng.permutation(10)
        shuffled = [[int(name[item]) for item in baskets[row]] for row in rng.permutation(len(baskets))]
        renamed = {frozenset(int(name[i]) for i in s): n for s, n in mined(baskets, min_support=least).items()}
        assert mined(shuffled, min_support=least) == renamed

    @given(baskets=BASKETS, least=st.integers(1, 4))
    def test_twice_the_baskets_count_twice(self, baskets: list[set[int]], least: int) -> None:
        if not any(baskets):
            return
        doubled = {itemset: 2 * count for itemset, count in mined(baskets, min_support=least).items()}
        assert mined(baskets * 2, min_support=2 * least) == doubled

    @given(baskets=BASKETS, least=st.integers(1, 4), cut=st.integers(1, 39))
    def test_merged_parts_are_the_whole(self, baskets: list[set[int]], least: int, cut: int) -> None:
        parts = [part for part in (baskets[:cut], baskets[cut:]) if any(part)]
        if not parts:
            return
        first, *rest = map(Baskets.from_lists, parts)
        whole = Baskets.from_lists([basket for part in parts for basket in part])
        assert same_bits(
            frequent_itemsets(first.merge(*rest), min_support=least), frequent_itemsets(whole, min_support=least)
        )

    @pytest.mark.usefixtures("threaded")
    @pytest.mark.parametrize("max_len", [None, 4])
    def test_threads_do_not_matter(self, max_len: int | None) -> None:
        rng = np.random.default_rng(7)
        log = pd.DataFrame({"basket_id": rng.integers(0, 2_000, 12_000), "item_id": rng.zipf(1.3, 12_000) % 300})
        options: dict[str, Any] = {"min_support": 4, "max_len": max_len}
        one, two, five = (frequent_itemsets(log, n_threads=n, **options) for n in (1, 2, 5))
        assert len(one) > 2_000
        assert same_bits(one, two)
        assert same_bits(one, five)
        counted = [list(count_itemsets(log, n_threads=n, **options)) for n in (1, 2, 5)]
        assert counted[0] == counted[1] == counted[2] == np.bincount(np.diff(one.indptr))[1:].tolist()

    def test_codes_are_in_rising_order(self) -> None:
        itemsets = frequent_itemsets(Baskets.from_lists([list("dcba"), list("abd"), list("ca")]), min_support=1)
        for start, stop in zip(itemsets.indptr[:-1], itemsets.indptr[1:], strict=True):
            assert (np.diff(itemsets.codes[start:stop]) > 0).all()

    def test_input_stays_as_it_is(self) -> None:
        log = pd.DataFrame({"basket_id": [2, 1, 1], "item_id": ["b", "a", "b"]})
        before = log.copy()
        baskets = Baskets.from_frame(log)
        arrays = [baskets.rows.indptr.copy(), baskets.rows.codes.copy()]
        frequent_itemsets(baskets, min_support=1)
        frequent_itemsets(log, min_support=1)
        pd.testing.assert_frame_equal(log, before)
        assert np.array_equal(baskets.rows.indptr, arrays[0])
        assert np.array_equal(baskets.rows.codes, arrays[1])


class TestResult:
    def test_frames_of_every_library(self, engine: FrameEngine) -> None:
        log = engine.build({"b": [1, 1, 2, 3], "i": ["x", "y", "x", "y"]})
        frame = frequent_itemsets(log, basket="b", item="i", min_support=1).to_frame()
        assert type(frame) is type(log)
        table = to_lists(frame)
        assert [tuple(itemset) for itemset in table["itemset"]] == [("x",), ("y",), ("x", "y")]
        assert table["count"] == [2, 2, 1]
        assert table["length"] == [1, 1, 2]

    def test_find(self) -> None:
        itemsets = frequent_itemsets(Baskets.from_lists([["b", "a"], ["a", "c"]]), min_support=1)
        assert itemsets.find(("b", "a")) == itemsets.find(["a", "b", "a"]) == 1
        assert itemsets.find(["a"]) == 2
        assert itemsets.find(["b", "c"]) is None
        assert itemsets.find(["a", 1]) is None

    def test_it_is_expanded_when_asked_for(self) -> None:
        itemsets = frequent_itemsets(Baskets.from_lists([range(14), range(14)]), min_support=2)
        assert len(itemsets) == 2**14 - 1
        assert itemsets.listing.nbytes == 12 * len(itemsets)
        assert itemsets.codes.size == 14 * 2**13
        assert not itemsets.codes.flags.writeable
        assert len(itemsets) == 2**14 - 1

    def test_facts_and_pictures_of_text(self) -> None:
        itemsets = frequent_itemsets(Baskets.from_lists([["a", "b"]] * 4), min_support=0.5)
        assert itemsets.facts() == {
            "itemsets": 3,
            "kind": "all",
            "least count": 2,
            "least support": 0.5,
            "baskets": 4,
        }
        assert "(&#x27;a&#x27;, &#x27;b&#x27;)" in itemsets._repr_html_()
        assert itemsets.to_dict()["columns"]["count"] == [4, 4, 4]
        counted = count_itemsets(Baskets.from_lists([["a", "b"]] * 4))
        assert (len(counted), counted[0], counted.facts()["itemsets"]) == (2, 2, 3)

    def test_names_of_columns(self) -> None:
        log = pd.DataFrame({"order": [1, 1], "sku": [5, 6]})
        assert frequent_itemsets(log, basket="order", item="sku", min_support=1).find([5, 6]) == 1

    def test_progress(self, capsys: pytest.CaptureFixture[str]) -> None:
        frequent_itemsets(Baskets.from_lists([list("abc"), list("ab")]), min_support=1, progress=True)
        assert "frequent_itemsets" in capsys.readouterr().err


class TestTop:
    @given(
        baskets=st.lists(st.sets(st.integers(0, 5), max_size=5), min_size=1, max_size=14),
        k=st.integers(1, 12),
        by=st.sampled_from(["support", "lift", "leverage"]),
        min_len=st.integers(1, 3),
        more=st.none() | st.integers(0, 2),
        least=st.integers(1, 3),
    )
    def test_the_best_of_all(
        self, baskets: list[set[int]], k: int, by: str, min_len: int, more: int | None, least: int
    ) -> None:
        if not any(baskets):
            return
        lengths = {"min_len": min_len, "max_len": None if more is None else min_len + more}
        top = top_itemsets(Baskets.from_lists(baskets), k=k, by=by, min_count=least, **lengths)
        if not reference.frequent(baskets, least, **lengths):
            assert len(top) == 0
            return
        expected = reference.best(baskets, k, by, least=least, **lengths)
        assert set(found(top)) == set(expected)
        columns = top.columns()
        scores = [float(expected[frozenset(itemset)]) for itemset in columns["itemset"]]
        assert columns[by].tolist() == pytest.approx(scores)
        assert scores == sorted(scores, reverse=True)

    def test_many_itemsets_at_the_first_threshold(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("growthkit.rules.top.FEW", 3)
        baskets = [range(6), range(6), [0, 1], [0, 1, 2]]
        top = top_itemsets(Baskets.from_lists(baskets), k=4, min_len=3)
        assert set(found(top)) == set(reference.best(baskets, 4, "support", min_len=3, max_len=None, least=1))

    def test_lift_needs_five_baskets_unless_told_otherwise(self) -> None:
        baskets = Baskets.from_lists([["a", "b"]] * 5 + [["c", "d"]] + [["e"]] * 9)
        assert found(top_itemsets(baskets, k=1, by="lift")) == {frozenset("ab"): 5}
        assert found(top_itemsets(baskets, k=1, by="lift", min_count=1)) == {frozenset("cd"): 1}

    def test_guard(self) -> None:
        with pytest.raises(ParameterError, match="max_itemsets is 10"):
            top_itemsets(Baskets.from_lists([range(9)]), k=1, by="lift", min_count=1, max_itemsets=10)
        with pytest.raises(ParameterError, match="max_itemsets is 10"):
            top_itemsets(Baskets.from_lists([range(9)]), k=1, max_itemsets=10)

    @pytest.mark.parametrize("options", [{"k": 0}, {"by": "cosine"}, {"min_count": 0}])
    def test_refusals(self, options: dict[str, Any]) -> None:
        with pytest.raises(ParameterError, match=f"top_itemsets: {next(iter(options))}"):
            top_itemsets(Baskets.from_lists([["a"]]), **{"k": 1, **options})


def read_rows(folder: Path, name: str) -> Baskets:
    """Return one of the data sets of the literature."""
    if name == "groceries":
        with gzip.open(folder / "groceries_lines.csv.gz", "rt") as file:
            return Baskets.from_frame(pd.read_csv(file), basket="basket", item="item")
    with lzma.open(folder / f"{name}.dat.xz", "rt") as file:
        return Baskets.from_lists([[int(item) for item in line.split()] for line in file])


class TestRealData:
    """Numbers that pyfim 6.28 finds, too, but for items in every basket; chess at 60 % as published with LCM."""

    @pytest.mark.parametrize(
        ("name", "least", "n"),
        [
            ("groceries", 10, 13_492),
            ("BMS1", 36, 461_521),
            ("kosarak_36k", 73, 15_211),
            ("mushroom", 812, 155_733),
            ("chess", 1_918, 254_944),
            ("connect_10k", 9_000, 1_198_335),
        ],
    )
    def test_numbers(self, shared_data: Path, name: str, least: int, n: int) -> None:
        baskets = read_rows(shared_data / "rules", name)
        itemsets = frequent_itemsets(baskets, min_support=least)
        counted = count_itemsets(baskets, min_support=least)
        assert len(itemsets) == counted.total == n
        assert np.bincount(np.diff(itemsets.indptr))[1:].tolist() == list(counted)
        assert (itemsets.counts >= least).all()

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("name", "least", "n"),
        [
            ("retail", 18, 67_186),
            ("retail", 9, 240_852),
            ("T10I4D100K", 50, 53_385),
            ("T10I4D100K", 10, 411_365),
            ("chess", 1_600, 1_261_227),
        ],
    )
    def test_larger_numbers(self, shared_data: Path, name: str, least: int, n: int) -> None:
        self.test_numbers(shared_data, name, least, n)

    def test_every_count_is_right(self, shared_data: Path) -> None:
        itemsets = frequent_itemsets(read_rows(shared_data / "rules", "groceries"), min_support=30)
        rows = np.zeros((len(itemsets.baskets), itemsets.baskets.n_items), dtype=bool)
        rows[itemsets.baskets.rows.row_numbers(), itemsets.baskets.rows.codes] = True
        for i in range(0, len(itemsets), 7):
            codes = itemsets.codes[itemsets.indptr[i] : itemsets.indptr[i + 1]]
            assert rows[:, codes].all(axis=1).sum() == itemsets.counts[i]


def test_the_menu() -> None:
    assert {"Itemsets", "ItemsetCounts", "frequent_itemsets", "count_itemsets", "top_itemsets"} <= set(rules.__all__)
