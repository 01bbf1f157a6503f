"""`Baskets`: every way in gives the same sets, parts merge to the whole, hierarchies add groups, bad input is named."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from growthkit.exceptions import DataError, ParameterError
from growthkit.rules import Baskets
from growthkit.testing import FrameEngine

LINES = st.lists(st.tuples(st.integers(0, 6), st.sampled_from("äbcd")), min_size=1, max_size=40)


def frame_of(lines: list[tuple[int, str]]) -> pd.DataFrame:
    return pd.DataFrame(lines, columns=["basket_id", "item_id"])


def sets_of(baskets: Baskets) -> list[set[Any]]:
    edges = baskets.rows.indptr
    return [set(baskets.items.decode(baskets.rows.codes[a:b]).tolist()) for a, b in pairwise(edges)]


def by_id(baskets: Baskets) -> dict[Any, set[Any]]:
    assert baskets.baskets is not None
    return dict(zip(baskets.baskets.labels.tolist(), sets_of(baskets), strict=True))


def ancestors_of(baskets: Baskets) -> dict[str, set[str]]:
    assert baskets.taxonomy is not None
    labels, edges = baskets.items.labels, baskets.taxonomy.indptr
    above = [set(labels[baskets.taxonomy.codes[a:b]].tolist()) for a, b in pairwise(edges)]
    return dict(zip(labels.tolist(), above, strict=True))


class TestFromFrame:
    @given(LINES)
    def test_baskets_are_the_sets_of_their_lines(self, lines: list[tuple[int, str]]) -> None:
        expected: dict[int, set[str]] = {}
        for basket, item in lines:
            expected.setdefault(basket, set()).add(item)
        baskets = Baskets.from_frame(frame_of(lines))
        assert by_id(baskets) == expected
        assert baskets.n_baskets == len(expected)

    @given(LINES)
    def test_codes_rise_within_a_basket(self, lines: list[tuple[int, str]]) -> None:
        rows = Baskets.from_frame(frame_of(lines)).rows
        for a, b in pairwise(rows.indptr):
            assert (np.diff(rows.codes[a:b]) > 0).all()

    def test_every_engine(self, engine: FrameEngine) -> None:
        columns = {"ticket": ["x", "x", "y", "x"], "sku": [3, 1, 1, 3], "n": [2, 2, 1, 2]}
        baskets = Baskets.from_frame(engine(columns), basket="ticket", item="sku", weight="n")
        assert by_id(baskets) == {"x": {1, 3}, "y": {1}}
        assert baskets.weights is not None
        assert baskets.weights.tolist() == [2, 1]
        assert type(baskets.to_frame()) is type(engine(columns))

    def test_the_time_of_a_basket_is_its_earliest(self) -> None:
        stamps = pd.to_datetime(["2026-01-02 10:00", "2026-01-02 09:00", "2026-01-05 00:00"])
        baskets = Baskets.from_frame(
            pd.DataFrame({"basket_id": [1, 1, 2], "item_id": ["a", "b", "a"], "timestamp": stamps}),
            timestamp="timestamp",
        )
        assert baskets.times is not None
        assert baskets.times.astype("datetime64[h]").astype(str).tolist() == ["2026-01-02T09", "2026-01-05T00"]
        assert by_id(baskets.before("2026-01-05")) == {1: {"a", "b"}}
        assert by_id(baskets.since("2026-01-05")) == {2: {"a"}}

    def test_threads_change_nothing(self, threaded: None) -> None:
        draw = np.random.default_rng(3)
        frame = pd.DataFrame({"basket_id": draw.integers(0, 90, 900), "item_id": draw.integers(0, 40, 900)})
        one, five = (Baskets.from_frame(frame, n_threads=n) for n in (1, 5))
        assert np.array_equal(one.rows.codes, five.rows.codes)
        assert np.array_equal(one.rows.indptr, five.rows.indptr)


class TestOtherWaysIn:
    @given(st.lists(st.lists(st.sampled_from("abcd"), max_size=5), min_size=1, max_size=8))
    def test_all_give_the_same_baskets(self, lists: list[list[str]]) -> None:
        items = sorted({item for basket in lists for item in basket})
        table = np.array([[item in basket for item in items] for basket in lists], dtype=bool).reshape(len(lists), -1)
        made = [Baskets.from_lists(lists), Baskets.from_csr(sp.csr_matrix(table), items)]
        if items:
            made.append(Baskets.from_onehot(pd.DataFrame(table, columns=items)))
        for baskets in made:
            assert sets_of(baskets) == [set(basket) for basket in lists]
            assert baskets.n_baskets == len(lists)

    def test_collections_of_any_kind(self) -> None:
        baskets = Baskets.from_lists([("b", "a"), {"a"}, np.array(["b"]), (item for item in "ab"), []])
        assert sets_of(baskets) == [{"a", "b"}, {"a"}, {"b"}, {"a", "b"}, set()]

    def test_onehot_columns_are_named_by_ids_of_any_kind(self) -> None:
        table = pd.crosstab(pd.Series([7, 7, 8]), pd.Series([20, 3, 20]))
        baskets = Baskets.from_onehot(table)
        assert sets_of(baskets) == [{3, 20}, {20}]
        assert baskets.items.kind == "integer"
        assert Baskets.from_onehot(pd.DataFrame(index=[0, 1])).rows.lengths.tolist() == [0, 0]
        with pytest.raises(DataError, match="1 ids are of type int among str"):
            Baskets.from_onehot(pd.DataFrame({"a": [1], 1: [0]}))

    @given(st.lists(st.lists(st.booleans(), min_size=3, max_size=3), min_size=1, max_size=6))
    def test_sparse_onehot_columns(self, table: list[list[bool]]) -> None:
        dense = pd.DataFrame(table, columns=["b", "a", "c"])
        for dtype in (pd.SparseDtype(bool, False), pd.SparseDtype(int, 0), pd.SparseDtype(float, 0.0)):
            sparse = dense.astype({"b": dtype, "a": dtype, "c": int})
            assert sets_of(Baskets.from_onehot(sparse)) == sets_of(Baskets.from_onehot(dense))

    @pytest.mark.parametrize(
        ("column", "complaint"),
        [
            (pd.arrays.SparseArray([0, 0, 2, 0, 3]), r"2 values other than 0 and 1 \(first at row 2\)"),
            (pd.arrays.SparseArray([0, np.nan, 1], fill_value=0.0), r"1 NaN, null or infinite values .*row 1\)"),
            (pd.arrays.SparseArray([np.nan, 1.0]), r"is of type Sparse\[float64, nan\], not numbers; cast it"),
        ],
        ids=["numbers", "NaN", "NaN left out"],
    )
    def test_sparse_columns_that_are_no_onehot(self, column: Any, complaint: str) -> None:
        with pytest.raises(DataError, match=f'column "tea" (holds )?{complaint}'):
            Baskets.from_onehot(pd.DataFrame({"tea": column}))

    def test_unsorted_column_names(self) -> None:
        assert sets_of(Baskets.from_csr(sp.csr_array([[1, 0], [0, 1]]), ["z", "a"])) == [{"z"}, {"a"}]

    def test_indices_that_are_unsorted_and_stand_twice(self) -> None:
        matrix = sp.csr_matrix((np.ones(4), np.array([2, 0, 2, 1]), np.array([0, 3, 4])), shape=(2, 3))
        assert sets_of(Baskets.from_csr(matrix, ["c", "b", "a"])) == [{"a", "c"}, {"b"}]

    def test_explicit_zeros_are_not_bought(self) -> None:
        matrix = sp.csr_array((np.array([0.0, 2.0]), np.array([0, 1]), np.array([0, 2])), shape=(1, 2))
        assert sets_of(Baskets.from_csr(matrix)) == [{1}]

    def test_one_and_true_and_text_differ(self) -> None:
        for item in (1, 1.0, True, "1"):
            (label,) = Baskets.from_lists([[item]]).items.labels.tolist()
            assert (type(label), label) == (type(item), item)

    @pytest.mark.parametrize("other", [1.0, True, "1"], ids=repr)
    def test_scalars_of_numpy_are_those_of_python(self, other: Any) -> None:
        assert sets_of(Baskets.from_lists([[1, np.int64(1)], [np.int32(2)]])) == [{1}, {2}]
        assert sets_of(Baskets.from_csr(sp.csr_array([[1, 1]]), [np.int64(1), 2])) == [{1, 2}]
        for one in (1, np.int64(1)):
            with pytest.raises(DataError, match=f"1 ids are of type {type(other).__name__} among int"):
                Baskets.from_lists([[one, np.array(other)[()]]])

    def test_baskets_without_any_item(self) -> None:
        baskets = Baskets.from_lists([[], []])
        assert (baskets.n_baskets, baskets.n_items) == (2, 0)


class TestMerge:
    @given(LINES, st.lists(st.integers(0, 2), min_size=40, max_size=40))
    def test_parts_merge_to_the_whole(self, lines: list[tuple[int, str]], part_of: list[int]) -> None:
        """Baskets whose lines lie in several parts are put together, their items in order and once each."""
        cut = [[line for line, part in zip(lines, part_of, strict=False) if part == number] for number in range(3)]
        parts = [part for part in cut if part]
        whole = Baskets.from_frame(frame_of(lines))
        first, *others = [Baskets.from_frame(frame_of(part)) for part in parts]
        merged = first.merge(*others)
        assert np.array_equal(merged.rows.indptr, whole.rows.indptr)
        assert np.array_equal(merged.rows.codes, whole.rows.codes)
        assert merged.items == whole.items
        assert merged.baskets == whole.baskets

    def test_baskets_without_ids_are_put_one_after_another(self) -> None:
        merged = Baskets.from_lists([["b"], []]).merge(Baskets.from_lists([["a", "b"]]))
        assert sets_of(merged) == [{"b"}, set(), {"a", "b"}]

    def test_times_and_weights_merge(self) -> None:
        days = pd.to_datetime(["2026-01-03", "2026-01-01"])
        table = pd.DataFrame({"basket_id": [1, 1], "item_id": ["a", "b"], "timestamp": days, "n": [2, 2]})
        options = {"timestamp": "timestamp", "weight": "n"}
        merged = Baskets.from_frame(table[:1], **options).merge(Baskets.from_frame(table[1:], **options))
        assert merged.times is not None
        assert merged.times.astype("datetime64[D]").astype(str).tolist() == ["2026-01-01"]
        assert merged.n_baskets == 2

    def test_unlike_parts_are_refused(self) -> None:
        one = Baskets.from_frame(frame_of([(1, "a")]))
        with pytest.raises(DataError, match="some parts have baskets"):
            one.merge(Baskets.from_lists([["a"]]))
        with pytest.raises(DataError, match="integer ids, another text"):
            one.merge(Baskets.from_frame(pd.DataFrame({"basket_id": [1], "item_id": [3]})))

    def test_different_weights_of_one_basket_are_refused(self) -> None:
        parts = [pd.DataFrame({"basket_id": [1], "item_id": ["a"], "n": [n]}) for n in (1, 2)]
        one, other = (Baskets.from_frame(part, weight="n") for part in parts)
        with pytest.raises(DataError, match="1 baskets have different weights"):
            one.merge(other)

    @given(LINES)
    def test_a_table_and_back(self, lines: list[tuple[int, str]]) -> None:
        whole = Baskets.from_frame(frame_of(lines))
        again = Baskets.from_table(whole.to_table())
        assert by_id(again) == by_id(whole)

    def test_empty_baskets_survive_a_table(self) -> None:
        again = Baskets.from_table(Baskets.from_lists([["a"], [], []]).to_table())
        assert (again.n_baskets, sets_of(again)) == (3, [{"a"}, set(), set()])


class TestTaxonomy:
    TABLE = pd.DataFrame(
        {"item_id": ["brie", "gouda", "rye"], "shelf": ["cheese", "cheese", "bread"], "floor": ["food"] * 3}
    )

    def test_groups_stand_beside_their_items(self) -> None:
        baskets = Baskets.from_lists([["brie", "gouda"], ["rye"], []]).with_taxonomy(self.TABLE)
        assert sets_of(baskets) == [
            {"brie", "gouda", "shelf=cheese", "floor=food"},
            {"rye", "shelf=bread", "floor=food"},
            set(),
        ]

    def test_ancestors_are_the_groups_that_always_come_along(self) -> None:
        above = ancestors_of(Baskets.from_lists([["brie", "gouda"], ["rye"]]).with_taxonomy(self.TABLE))
        assert above["brie"] == {"shelf=cheese", "floor=food"}
        assert above["shelf=cheese"] == {"floor=food"}
        assert above["floor=food"] == set()

    def test_a_group_of_one_item_is_above_it_and_not_below(self) -> None:
        levels = {"shelf": ["cheese", "bread"], "floor": ["food", "bakery"]}
        baskets = Baskets.from_lists([["brie", "rye"]]).with_taxonomy(
            pd.DataFrame({"item_id": ["brie", "rye"], **levels})
        )
        assert ancestors_of(baskets) == {
            "brie": {"shelf=cheese", "floor=food"},
            "shelf=cheese": {"floor=food"},
            "floor=food": set(),
            "rye": {"shelf=bread", "floor=bakery"},
            "shelf=bread": {"floor=bakery"},
            "floor=bakery": set(),
        }

    @given(st.lists(st.tuples(*[st.sampled_from("xyz")] * 3), min_size=1, max_size=6))
    def test_ancestors_are_larger_groups_or_equal_ones_of_later_levels(self, groups: list[tuple[str, ...]]) -> None:
        items = [f"i{number}" for number in range(len(groups))]
        table = pd.DataFrame(groups, columns=["p", "q", "r"]).assign(item_id=items)
        inside = {(0, item): {item} for item in items}
        for level, name in enumerate("pqr", start=1):
            for item, group in zip(items, table[name], strict=True):
                inside.setdefault((level, f"{name}={group}"), set()).add(item)
        expected = {
            name: {
                above
                for (high, above), others in inside.items()
                if high > 0 and high != low and (held < others or (held == others and low < high))
            }
            for (low, name), held in inside.items()
        }
        assert ancestors_of(Baskets.from_lists([items]).with_taxonomy(table)) == expected

    def test_names_that_clash_are_refused(self) -> None:
        table = pd.DataFrame({"item_id": ["brie", "shelf=cheese"], "shelf": ["cheese", "odd"]})
        with pytest.raises(DataError, match=r"1 groups have the id of an item .*\(first 'shelf=cheese'\)"):
            Baskets.from_lists([["brie", "shelf=cheese"]]).with_taxonomy(table)
        table = pd.DataFrame({"item_id": ["brie", "rye"], "a": ["b=c", "x"], "a=b": ["y", "c"]})
        with pytest.raises(DataError, match=r"or of another level's group \(first 'a=b=c'\)"):
            Baskets.from_lists([["brie", "rye"]]).with_taxonomy(table)

    def test_levels(self) -> None:
        baskets = Baskets.from_lists([["brie"]])
        twice = baskets.with_taxonomy(self.TABLE, levels=["shelf", "shelf"])
        assert sets_of(twice) == [{"brie", "shelf=cheese"}]
        assert ancestors_of(twice)["shelf=cheese"] == set()
        with pytest.raises(ParameterError, match="levels must be names of columns in a list, got 'shelf'"):
            baskets.with_taxonomy(self.TABLE, levels="shelf")
        for levels in ([], None):
            with pytest.raises(DataError, match="give at least one level"):
                baskets.with_taxonomy(self.TABLE[["item_id"]], levels=levels)

    def test_an_item_and_a_group_may_share_a_name(self) -> None:
        table = pd.DataFrame({"item_id": ["cheese"], "shelf": ["cheese"]})
        baskets = Baskets.from_lists([["cheese"]]).with_taxonomy(table)
        assert sets_of(baskets) == [{"cheese", "shelf=cheese"}]

    def test_bad_tables_are_refused(self) -> None:
        baskets = Baskets.from_lists([["brie"], ["rye"]])
        with pytest.raises(DataError, match=r"1 items of the baskets are not in column \"item_id\" \(first 'rye'\)"):
            baskets.with_taxonomy(self.TABLE[:2])
        with pytest.raises(DataError, match="2 values that stand in several rows"):
            baskets.with_taxonomy(pd.concat([self.TABLE, self.TABLE[:1]]))
        with pytest.raises(DataError, match="of kind integer"):
            Baskets.from_lists([[1]]).with_taxonomy(self.TABLE)
        with pytest.raises(ParameterError, match="have a taxonomy"):
            baskets.with_taxonomy(self.TABLE).with_taxonomy(self.TABLE)
        with pytest.raises(DataError, match="merge first"):
            baskets.with_taxonomy(self.TABLE).merge(baskets)


class TestRefusals:
    @pytest.mark.parametrize(
        ("baskets", "sentence"),
        [
            ([], "there is no basket"),
            (["ab"], "basket 0 is the str 'ab'"),
            ([["a"], 7], "basket 1 is the int 7"),
            ([["a"], [None]], r"1 ids are missing.*first in basket 1"),
            ([[1.0], [float("nan"), float("inf")]], "2 ids are missing, NaN or infinite"),
            ([["a"], ["b", 1]], r"1 ids are of type int among str \(first in basket 1\)"),
            ([[1, True]], "of type bool among int"),
            ([[np.datetime64("NaT", "s")], [np.datetime64("2026-01-01")]], "1 ids are missing"),
            ([["a"], [["b"]]], r"1 ids are of type list \(first in basket 1\), which is not hashable"),
        ],
    )
    def test_lists(self, baskets: list[Any], sentence: str) -> None:
        with pytest.raises(DataError, match=sentence):
            Baskets.from_lists(baskets)

    @pytest.mark.parametrize("weights", [[1], [0, 1], [1.5, 1.0]])
    def test_weights_of_lists(self, weights: list[Any]) -> None:
        with pytest.raises(ParameterError, match="2 whole numbers of at least 1"):
            Baskets.from_lists([["a"], ["b"]], weights=weights)

    @pytest.mark.parametrize(
        ("weights", "sentence"),
        [([0, 1], "1 values that are no whole numbers"), ([1, 2], "differ within a basket")],
    )
    def test_weights_of_a_frame(self, weights: list[int], sentence: str) -> None:
        frame = pd.DataFrame({"basket_id": [1, 1], "item_id": ["a", "b"], "n": weights})
        with pytest.raises(DataError, match=sentence):
            Baskets.from_frame(frame, weight="n")

    def test_null_items(self) -> None:
        frame = pd.DataFrame({"basket_id": [1, 1], "item_id": ["a", None]})
        with pytest.raises(DataError, match=r'Baskets.from_frame: column "item_id" holds 1 null values'):
            Baskets.from_frame(frame)

    def test_matrices(self) -> None:
        with pytest.raises(DataError, match=r"1 negative or NaN values \(first in row 1\)"):
            Baskets.from_csr(sp.csr_array([[1.0, 0.0], [0.0, -1.0]]))
        with pytest.raises(DataError, match="2 columns, but 2 ids came, 1 of them different"):
            Baskets.from_csr(sp.csr_array([[1.0, 1.0]]), ["a", "a"])
        with pytest.raises(DataError, match="no rows"):
            Baskets.from_csr(sp.csr_array((0, 3)))

    @pytest.mark.parametrize("matrix", [None, [[1, 0]], np.eye(2), sp.coo_array(np.array([1, 0]))])
    def test_what_is_no_matrix(self, matrix: Any) -> None:
        with pytest.raises(DataError, match=r"Baskets.from_csr: expected a scipy.sparse matrix of two dimensions"):
            Baskets.from_csr(matrix)

    def test_complex_numbers_and_texts_of_a_matrix(self) -> None:
        with pytest.raises(DataError, match="values of type complex128, not real numbers"):
            Baskets.from_csr(sp.csr_array([[1j]]))
        with pytest.raises(DataError, match="columns must be ids in a list, got 'ab'"):
            Baskets.from_csr(sp.csr_array([[1, 0]]), "ab")

    def test_weights_beyond_what_can_be_counted(self) -> None:
        message = r"the weights sum to 9,223,372,036,854,775,808, 2\*\*63 or more"
        with pytest.raises(DataError, match=f"from_lists: {message}"):
            Baskets.from_lists([["a"], []], weights=[2**62, 2**62])
        with pytest.raises(DataError, match=f"from_lists: {message}"):
            Baskets.from_lists([["a"]], weights=[2**63])
        half = Baskets.from_lists([["a"]], weights=[2**62])
        with pytest.raises(DataError, match=f"merge: {message}"):
            half.merge(half)
        assert half.merge(Baskets.from_lists([["a"]], weights=[2**62 - 1])).n_baskets == 2**63 - 1

    @pytest.mark.parametrize("other", [5, [], pd.DataFrame({"basket_id": [1], "item_id": ["a"]})])
    def test_merging_what_is_no_baskets(self, other: Any) -> None:
        with pytest.raises(DataError, match=r"Baskets\.merge: expected Baskets, got"):
            Baskets.from_lists([["a"]]).merge(other)

    @pytest.mark.parametrize(
        "moment", [None, 5, "soon", pd.NaT, pd.Timestamp("2026-01-01", tz="UTC"), "2026-01-01T00:00+01:00"]
    )
    def test_what_is_no_moment(self, moment: Any) -> None:
        day = pd.to_datetime(["2026-01-01"])
        baskets = Baskets.from_frame(
            pd.DataFrame({"basket_id": [1], "item_id": [2], "timestamp": day}), timestamp="timestamp"
        )
        for method in ("before", "since"):
            with pytest.raises(ParameterError, match=rf"Baskets\.{method}: moment must be a date or time without zone"):
                getattr(baskets, method)(moment)

    def test_lists_that_are_none(self) -> None:
        with pytest.raises(DataError, match="expected a list of baskets, got 5"):
            Baskets.from_lists(5)  # type: ignore[arg-type]

    def test_onehot_that_is_none(self) -> None:
        with pytest.raises(DataError, match='column "tea" holds 1 values other than 0 and 1'):
            Baskets.from_onehot(pd.DataFrame({"tea": [1, 2]}))

    def test_times_that_are_not_there(self) -> None:
        with pytest.raises(DataError, match="have no times"):
            Baskets.from_lists([["a"]]).before("2026-01-01")
