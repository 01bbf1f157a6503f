"""The contract: requests, filling, sources, folding in, hostile input."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from growthkit.exceptions import DataError, GrowthkitError, GrowthkitWarning, NotFittedError, ParameterError
from growthkit.recommend import Interactions, ItemKNN
from growthkit.recommend._base import Recommender
from growthkit.testing import frame_engines
from tests.references import neighbours as reference

OTHER_CUSTOMERS = pd.DataFrame({"customer_id": ["0"], "item_id": ["a"]})
OTHER_ITEMS = pd.DataFrame({"customer_id": [0], "item_id": [1]})


class Table(Recommender):
    """Scores that are given; -inf for no opinion."""

    def __init__(self, table: Any = None, unknown: Any = None) -> None:
        self.table = table
        self.unknown = unknown

    def _learn(self, interactions: Any, items: Any, customers: Any) -> None:
        self.done_ = True

    def _scores(self, customers: Any) -> Any:
        return np.array(self.table, dtype=np.float32)[customers]

    def _scores_unknown(self) -> Any:
        return None if self.unknown is None else np.array(self.unknown, dtype=np.float32)


def data_of(dense: Any, **options: Any) -> Interactions:
    return Interactions.from_csr(sp.csr_array(np.asarray(dense, dtype=float)), **options)


def model_of(scores: Any, dense: Any, *, unknown: Any = None, items: Any = None, **options: Any) -> Table:
    return Table(scores, unknown).fit(data_of(dense, **options), items=items)


def lists(frame: Any, customer: Any) -> list[Any]:
    return frame[frame.customer_id == customer].item_id.tolist()


class TestLists:
    @settings(max_examples=150, deadline=None)
    @given(st.data())
    def test_are_those_of_the_definition(self, data: Any) -> None:
        """Any mix of masks, exclusions, caps, boosts, ties, and items without a score, filled by popularity."""
        n, m = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 12))
        rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
        dense = (rng.random((n, m)) < 0.3).astype(float)
        dense[0, 0] = 1
        scores = rng.integers(-3, 4, (n, m)).astype(float)
        scores[rng.random((n, m)) < 0.3] = -np.inf
        mask, boost, groups = rng.random(m) < 0.7, rng.choice([0.5, 1.0, 3.0], m), rng.integers(0, 3, m)
        use = data.draw(st.tuples(*[st.booleans()] * 4))
        k, cap = data.draw(st.integers(1, 14)), data.draw(st.integers(1, 3))
        frame = model_of(scores, dense).recommend(
            k=k,
            exclude="seen" if use[0] else None,
            eligible=mask if use[1] else None,
            group_cap=(dict(enumerate(groups.tolist())), cap) if use[2] else None,
            boost=dict(enumerate(boost.tolist())) if use[3] else None,
        )
        for customer in range(n):
            request: dict[str, Any] = {
                "forbidden": set(np.flatnonzero(dense[customer])) if use[0] else set(),
                "allowed": set(np.flatnonzero(mask)) if use[1] else None,
                "groups": dict(enumerate(groups.tolist())) if use[2] else None,
                "cap": cap,
                "boost": dict(enumerate(boost.tolist())) if use[3] else None,
            }
            known = {j: s for j, s in enumerate(scores[customer]) if np.isfinite(s)}
            first = reference.ranking(known, k, **request)
            everything = reference.ranking(dict(enumerate(dense.sum(axis=0))), k, before=first, **request)
            assert lists(frame, customer) == everything
            sources = frame[frame.customer_id == customer].source.tolist()
            assert sources == ["Table"] * len(first) + ["popular"] * (len(everything) - len(first))

    def test_minus_zero_ties_with_zero(self) -> None:
        frame = model_of([[0.0, -0.0, 0.0]], [[0, 0, 1]]).recommend(k=2)
        assert frame.item_id.tolist() == [0, 1]
        assert not np.signbit(frame.score).any()

    @pytest.mark.parametrize("n_items", [1, 255, 256, 257, 700])
    def test_of_any_length(self, n_items: int) -> None:
        scores = np.random.default_rng(0).integers(0, 50, (1, n_items)).astype(float)
        order = np.lexsort((np.arange(n_items), -scores[0]))
        model = model_of(scores, np.eye(1, n_items))
        for k in (1, 24, 25, 100, 256, n_items, n_items + 1):
            assert model.recommend(k=k, exclude=None).item_id.tolist() == order[:k].tolist()

    def test_more_than_there_are_items_gives_no_phantoms(self) -> None:
        frame = model_of([[3.0, 2.0, 1.0]], [[1, 0, 0]]).recommend(k=50)
        assert frame.item_id.tolist() == [1, 2]
        assert frame["rank"].tolist() == [1, 2]

    def test_a_customer_who_has_everything_gets_nothing(self) -> None:
        assert model_of([[1.0, 1.0], [1.0, 1.0]], [[1, 1], [1, 0]]).recommend().customer_id.tolist() == [1]

    def test_many_blocks_give_what_one_gives(self, monkeypatch: pytest.MonkeyPatch) -> None:
        rng = np.random.default_rng(0)
        model = model_of(rng.random((50, 20)), rng.random((50, 20)) < 0.2)
        whole = model.recommend(k=7, group_cap=({i: i % 3 for i in range(20)}, 2))
        monkeypatch.setattr("growthkit.recommend._selection.BLOCK", 60)
        monkeypatch.setattr("growthkit._core.parallel.SMALL", 0)
        for n_threads in (1, 2, 5):
            frame = model.recommend(k=7, group_cap=({i: i % 3 for i in range(20)}, 2), n_threads=n_threads)
            assert frame.equals(whole)

    @pytest.mark.slow
    def test_a_million_lists_leak_nothing(self) -> None:
        rng = np.random.default_rng(0)
        pairs = pd.DataFrame({"customer_id": rng.integers(0, 250_000, 2_500_000)})
        pairs["item_id"] = (rng.random(len(pairs)) ** 3 * 400).astype(int)
        data = Interactions.from_frame(pairs, duplicates="max")
        seen = set((data.rows.row_numbers().astype(np.int64) * 400 + data.rows.codes).tolist())
        model, total = ItemKNN(k=20).fit(data), 0
        for k in (1, 2, 5, 10):
            frame = model.recommend(k=k)
            keys = frame.customer_id.to_numpy().astype(np.int64) * 400 + frame.item_id.to_numpy()
            codes = model.customers_.find(frame.customer_id.to_numpy()) * np.int64(400)
            codes += model.items_.find(frame.item_id.to_numpy())
            assert np.unique(keys).size == keys.size
            assert seen.isdisjoint(codes.tolist())
            total += frame.customer_id.nunique()
        assert total >= 990_000


class TestRequests:
    SCORES = ((5.0, 4.0, 3.0, 2.0), (5.0, 4.0, 3.0, 2.0))
    DENSE = ((1, 0, 0, 0), (0, 1, 0, 0))

    @pytest.fixture
    def named(self) -> Table:
        brands = pd.DataFrame({"item_id": list("dcb"), "brand": ["x", "x", "y"], "price": [1.5, 2.0, 2.5]})
        return Table(self.SCORES).fit(data_of(self.DENSE, items=list("abcd")), items=brands)

    def test_eligible_as_list_mask_and_frame(self, named: Table) -> None:
        for eligible in (
            ["c", "d"],
            np.array(["d", "c"], dtype=object),
            pd.Series(["c", "d"]),
            named.items_.labels >= "c",
        ):
            assert named.recommend(eligible=eligible).item_id.tolist() == ["c", "d"] * 2
        frame = pd.DataFrame({"customer_id": [1, 0, 1, 7], "item_id": ["d", "a", "c", "b"]})
        answer = named.recommend(eligible=frame)
        assert (lists(answer, 0), lists(answer, 1)) == ([], ["c", "d"])

    def test_frames_without_rows_name_nobody(self, named: Table) -> None:
        none = OTHER_ITEMS.iloc[:0]
        assert named.recommend(k=4, exclude=none).equals(named.recommend(k=4, exclude=None))
        assert named.recommend(k=4, eligible=none).empty

    def test_empty_answers_have_the_types_of_full_ones(self, named: Table) -> None:
        for empty in (named.recommend([]), named.recommend(eligible=[]), named.recommend(eligible=[False] * 4)):
            assert empty.empty
            assert empty.dtypes["customer_id"] == named.recommend().dtypes["customer_id"]

    def test_unknown_items_in_a_request_are_announced(self, named: Table) -> None:
        with pytest.warns(GrowthkitWarning, match=r"eligible names 1 items that were not there at fit \(first 'z'\)"):
            assert lists(named.recommend(eligible=["c", "z"]), 0) == ["c"]
        with pytest.warns(GrowthkitWarning, match="boost names 1 items"):
            named.recommend(boost={"z": 2.0})

    def test_exclude_as_frame_holds_for_its_pairs_only(self, named: Table) -> None:
        frame = pd.DataFrame({"customer_id": [0, 0, 9], "item_id": ["b", "z", "a"]})
        answer = named.recommend(exclude=frame)
        assert (lists(answer, 0), lists(answer, 1)) == (["a", "c", "d"], ["a", "b", "c", "d"])

    def test_group_cap_by_column_and_by_mapping(self, named: Table) -> None:
        assert lists(named.recommend(exclude=None, group_cap=("brand", 1)), 0) == ["a", "b", "c"]  # a has no brand
        mapping = {"a": 1, "b": 1, "c": 1}
        assert lists(named.recommend(exclude=None, group_cap=(mapping, 2)), 0) == ["a", "b", "d"]

    def test_boost_lifts_negative_scores_too(self) -> None:
        model = model_of([[-4.0, -3.0, -2.0]], [[0, 0, 1]])
        assert model.recommend(k=2).item_id.tolist() == [1, 0]
        frame = model.recommend(k=2, boost={0: 2.0})
        assert frame.item_id.tolist() == [0, 1]
        assert frame.score.tolist() == [-2.0, -3.0]
        by_frame = model.recommend(k=2, boost=pd.DataFrame({"item_id": [0], "boost": [2.0]}))
        assert by_frame.equals(frame)

    @pytest.mark.parametrize(
        ("options", "error", "message"),
        [
            ({"k": 0}, ParameterError, "k must be a whole number of at least 1, got 0"),
            ({"k": 2.5}, ParameterError, "k must be a whole number"),
            (
                {"customers": "a"},
                ParameterError,
                "customers must be ids in a list, array or series (write ['a'] for one)",
            ),
            ({"customers": [0, 0]}, DataError, "customers holds 1 ids a second time; give each once"),
            ({"customers": [0, 7, 8]}, DataError, "2 customers were not there at fit (first 7); pass a fallback"),
            ({"customers": [0.0]}, DataError, "1 customers were not there at fit (first 0.0)"),
            ({"customers": ["0"]}, DataError, "1 customers were not there at fit (first '0')"),
            ({"exclude": "all"}, ParameterError, 'exclude must be "seen", None, or a dataframe'),
            ({"eligible": [True, False]}, ParameterError, "eligible must be a mask of 4 items, in the order of items_"),
            ({"group_cap": ("colour", 1)}, DataError, 'has the columns "item_id", "brand", "price"'),
            ({"group_cap": ("price", 1)}, DataError, 'the column "price" holds floats'),
            ({"group_cap": ("brand", 0)}, ParameterError, "group_cap[1] must be a whole number of at least 1"),
            ({"group_cap": 3}, ParameterError, "group_cap must be a pair"),
            ({"boost": {"a": -1.0}}, DataError, "boost holds 1 factors that are not from 1e-12 to 1e+12 (first -1.0)"),
            ({"boost": {"a": float("nan")}}, ParameterError, "boost['a'] must be a finite number, got nan"),
            ({"customers": {0: 1}}, ParameterError, "customers must be ids in a list, array or series, got {0: 1}"),
            ({"customers": pd.DataFrame({"a": [0]})}, ParameterError, "customers must be ids in a list, array or"),
            ({"customers": np.array([[0, 1]])}, ParameterError, "customers must be ids in a list, array or series"),
            ({"customers": [[0]]}, ParameterError, "customers must be ids, which are hashable"),
            ({"eligible": {0: ["a"]}}, ParameterError, "eligible must be ids in a list, array or series"),
            ({"eligible": pd.DataFrame({"a": [1]})}, DataError, 'the frame eligible needs the columns "customer_id"'),
            (
                {"exclude": OTHER_CUSTOMERS},
                DataError,
                'column "customer_id" of exclude has text ids, the model integer',
            ),
            ({"eligible": OTHER_ITEMS}, DataError, 'column "item_id" of eligible has integer ids, the model text ids'),
            (
                {"group_cap": (pd.Series({"a": 1}), 1)},
                ParameterError,
                "group_cap[0] must be a column of the item frame",
            ),
            (
                {"group_cap": ({"a": None}, 1)},
                DataError,
                "group_cap gives 1 items no group (first 'a'); leave them out",
            ),
            ({"boost": {"a": 1e300}}, DataError, "boost holds 1 factors that are not from 1e-12 to 1e+12"),
            ({"boost": {"a": "2"}}, ParameterError, "boost['a'] must be a finite number, got '2'"),
            ({"boost": pd.DataFrame({"item_id": ["a"]})}, DataError, 'needs the columns "item_id", "boost"; it has'),
            ({"boost": 2}, ParameterError, "boost must be a mapping of items to factors"),
            ({"fallback": "popular"}, ParameterError, "fallback must be a fitted recommender"),
            ({"n_threads": 0}, ParameterError, "n_threads must be a whole number of at least 1"),
        ],
    )
    def test_wrong_ones_are_refused(self, named: Table, options: Any, error: type[Exception], message: str) -> None:
        with pytest.raises(
            error, match=re.escape(f"Table.recommend: {message}" if error is ParameterError else message)
        ):
            named.recommend(**options)

    @pytest.mark.parametrize("engine", frame_engines().values(), ids=lambda engine: engine.name)
    def test_frames_of_each_library(self, engine: Any) -> None:
        log = {"who": ["ä", "b", "b"], "what": [1, 1, 2]}
        model = ItemKNN(similarity="cosine").fit(Interactions.from_frame(engine(log), customer="who", item="what"))
        for eligible in (engine({"who": ["ä"], "what": [2]}), None):
            frame = model.recommend(["ä"], eligible=eligible)
            assert type(frame) is type(engine(log))
            assert list(getattr(frame, "column_names", frame.columns)) == ["who", "what", "rank", "score", "source"]
            assert np.asarray(frame["what"]).tolist() == [2]

    def test_ids_of_any_kind(self) -> None:
        moments = np.array(["2026-01-01", "2026-01-02"], dtype="datetime64[us]")
        for customers in ([1, 2], ["ä", "b"], [0.5, 1.5], [False, True], moments):
            log = pd.DataFrame({"customer_id": customers, "item_id": ["x", "y"]})
            model = ItemKNN(similarity="cosine").fit(Interactions.from_frame(log))
            asked = log.customer_id[:1]
            assert model.recommend(asked).item_id.tolist() == ["y"]


class TestFallback:
    def test_fills_and_says_so(self) -> None:
        nothing = -np.inf
        model = model_of([[1.0, nothing, nothing, nothing], [1.0, 2.0, 3.0, 4.0]], [[0, 0, 1, 0], [0, 0, 1, 1]])
        other = model_of([[9.0, 1.0, 5.0, nothing], [0, 0, 0, 0]], [[0, 0, 1, 0], [0, 0, 1, 1]])
        frame = model.recommend([0], k=4, fallback=other)
        assert frame.item_id.tolist() == [0, 1, 3]
        assert frame.source.tolist() == ["Table", "Table (fallback)", "popular"]

    def test_serves_customers_that_the_model_does_not_know(self) -> None:
        model = model_of([[1.0, 2.0, 3.0]], [[1, 0, 0]], items=None)
        anybody = Table([[1.0, 2.0]], unknown=[5.0, 6.0]).fit(data_of([[1, 0]]))
        frame = model.recommend([0, 99], k=2, fallback=anybody)
        assert lists(frame, 0) == [2, 1]
        assert lists(frame, 99) == [1, 0]
        assert frame.source.tolist() == ["Table"] * 2 + ["Table (fallback)"] * 2

    def test_that_knows_the_customer_is_enough(self) -> None:
        model, other = model_of([[1.0, 2.0]], [[1, 0]]), model_of([[4.0, 3.0], [3.0, 4.0]], [[1, 0], [0, 1]])
        assert model.recommend([1], k=1, fallback=other, exclude=None).item_id.tolist() == [1]
        with pytest.raises(DataError, match=r"1 customers were not there at fit \(first 2\)"):
            model.recommend([1, 2], fallback=other)

    def test_counts_against_caps(self) -> None:
        nothing = -np.inf
        model = model_of([[1.0, nothing, nothing, nothing]], [[0, 0, 0, 1]])
        frame = model.recommend(k=3, group_cap=({0: "x", 1: "x", 2: "y"}, 1))
        assert frame.item_id.tolist() == [0, 2]

    def test_with_ids_of_another_kind_is_refused(self) -> None:
        other = model_of([[1.0, 2.0]], [[1, 1]])
        other.items_ = type(other.items_)(np.array(["a", "b"], dtype=object))
        with pytest.raises(DataError, match="the item column of fallback has text ids, the model integer ids"):
            model_of([[1.0, 2.0]], [[1, 1]]).recommend(fallback=other)


class TestLearning:
    def test_needs_interactions(self) -> None:
        with pytest.raises(ParameterError, match=r"ItemKNN.fit: interactions must be Interactions, got DataFrame"):
            ItemKNN().fit(pd.DataFrame())  # type: ignore[arg-type]
        with pytest.raises(NotFittedError):
            ItemKNN().recommend()

    def test_needs_names_for_its_columns(self) -> None:
        log = pd.DataFrame({"customer_id": [1], "score": [1]})
        with pytest.raises(DataError, match="need names of their own"):
            ItemKNN().fit(Interactions.from_frame(log, item="score"))

    def test_refuses_items_of_another_kind(self) -> None:
        with pytest.raises(
            DataError, match='column "item_id" of items has text ids, the model integer ids, which never'
        ):
            model_of([[1.0, 2.0]], [[1, 1]], items=pd.DataFrame({"item_id": ["0", "1"]}))

    def test_item_columns_without_a_text_for_a_name_are_passed_over(self) -> None:
        brands = pd.DataFrame({"item_id": [0, 1], 5: ["x", "x"], "brand": ["y", "z"]})
        assert list(model_of([[1.0, 2.0]], [[1, 1]], items=brands).item_columns_) == ["item_id", "brand"]

    def test_refuses_items_with_two_rows(self) -> None:
        twice = pd.DataFrame({"item_id": [0, 0]})
        with pytest.raises(DataError, match="holds 2 rows whose item has another row"):
            ItemKNN().fit(data_of([[1.0]]), items=twice)

    def test_partial_fit_is_a_refit_on_everything(self) -> None:
        rng = np.random.default_rng(0)
        log = pd.DataFrame({"customer_id": rng.integers(0, 30, 300), "item_id": rng.integers(0, 20, 300)})
        parts = [Interactions.from_frame(log[:150]), Interactions.from_frame(log[150:])]
        whole = ItemKNN(k=5).fit(Interactions.from_frame(log)).recommend()
        assert ItemKNN(k=5).partial_fit(parts[0]).partial_fit(parts[1]).recommend().equals(whole)

    def test_partial_fit_keeps_groups(self) -> None:
        brands = pd.DataFrame({"item_id": ["b", "d"], "brand": ["x", "x"]})
        model = ItemKNN(similarity="cosine").fit(data_of([[1, 1]], items=["b", "d"]), items=brands)
        model.partial_fit(data_of([[1, 1]], customers=[7], items=["a", "c"]))
        frame = model.recommend([7], group_cap=("brand", 1))
        assert frame.item_id.tolist() == ["b"]

    def test_fold_in_of_a_training_customer_changes_nothing(self) -> None:
        rng = np.random.default_rng(0)
        data = data_of(rng.random((30, 20)) < 0.3)
        model = ItemKNN(k=5).fit(data)
        part = Interactions.from_csr(data.to_csr()[3:9], customers=range(3, 9))
        assert model.fold_in(part).recommend().equals(model.recommend(range(3, 9)))

    def test_fold_in_refuses_unknown_items(self) -> None:
        model = ItemKNN(similarity="cosine").fit(data_of([[1, 1]]))
        with pytest.raises(DataError, match=r"fold_in: 1 items were not there at fit \(first 2\); drop their rows"):
            model.fold_in(data_of([[1, 0, 1]]))

    def test_permuting_ids_permutes_the_lists(self) -> None:
        rng = np.random.default_rng(0)
        log = pd.DataFrame({"customer_id": rng.integers(0, 30, 300), "item_id": rng.integers(0, 25, 300)})
        log = log.drop_duplicates().assign(weight=rng.random())
        log["weight"] = rng.random(len(log)) + 0.1
        rename = rng.permutation(25)
        one = ItemKNN(k=5).fit(Interactions.from_frame(log, weight="weight")).recommend(k=3)
        two = ItemKNN(k=5).fit(Interactions.from_frame(log.assign(item_id=rename[log.item_id]), weight="weight"))
        assert two.recommend(k=3).item_id.tolist() == rename[one.item_id].tolist()

    def test_what_a_model_lacks_it_says(self) -> None:
        model = model_of([[1.0, 2.0]], [[1, 1]])
        for call in (model.export_vectors, lambda: model.explain(0, 0), model.similar_items):
            with pytest.raises(GrowthkitError, match="this model"):
                call()
        for customer, item in ((5, 0), (0, 5)):
            with pytest.raises(DataError, match=r"explain: (customer|item) holds 1 ids that were not there at fit"):
                model.explain(customer, item)

    def test_explicit_zeros_are_no_interactions(self) -> None:
        matrix = sp.csr_array((np.array([1.0, 0.0, 1.0]), np.array([0, 1, 1]), np.array([0, 2, 3])), shape=(2, 2))
        assert ItemKNN(similarity="cosine").fit(Interactions.from_csr(matrix)).recommend([0]).item_id.tolist() == [1]
