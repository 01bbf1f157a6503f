"""Content: features, profiles, items that nobody had to do with yet, explanations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from growthkit.exceptions import DataError, GrowthkitError, GrowthkitWarning, ParameterError
from growthkit.recommend import ContentBased, Interactions
from growthkit.recommend._features import words_and_bigrams
from growthkit.testing import FrameEngine, check_estimator

from ..references import recommending
from ..support import to_lists


def catalogue(n: int = 12, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"item_id": np.arange(n)})
    frame["kind"] = rng.choice(["tea", "mug", "pot"], n)
    frame["brand"] = rng.choice(["own", "fine", "cheap", "odd"], n)
    frame["price"] = np.round(rng.lognormal(2, 1, n), 2)
    frame["name"] = [" ".join(rng.choice(["green", "black", "stone", "glass", "绿茶", "马克杯"], 3)) for _ in range(n)]
    frame[["e0", "e1", "e2"]] = rng.normal(size=(n, 3))
    return frame


def history(n: int = 12, seed: int = 1, rows: int = 40) -> Interactions:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"customer_id": rng.integers(0, 8, rows), "item_id": rng.integers(0, n, rows)})
    frame["w"] = rng.choice([1.0, 3.0, -1.0], rows)
    return Interactions.from_frame(frame, weight="w", duplicates="max")


EVERYTHING = ContentBased(
    text="name", categorical=["kind", "brand"], numeric="price", embedding=["e0", "e1", "e2"], weights={"brand": 2.0}
)


class TestScores:
    @given(seed=st.integers(0, 30))
    def test_are_those_of_the_twin(self, seed: int) -> None:
        items, given_ = catalogue(seed=seed), history(seed=seed)
        model = ContentBased(categorical=["kind", "brand"]).fit(given_, items=items)
        vectors = recommending.category_vectors(items.to_dict("records"), ["kind", "brand"])
        found = model.recommend(k=12, exclude=None)
        found = found[found["source"] == "ContentBased"]
        for customer, part in found.groupby("customer_id"):
            code = int(given_.customers.find(np.array([customer]))[0])
            start, stop = given_.rows.indptr[code : code + 2]
            held = given_.items.decode(given_.rows.codes[start:stop])
            weights = given_.weights[start:stop]
            profile = recommending.mean_vector([vectors[i] for i in held], weights)
            for item, score in zip(part["item_id"], part["score"], strict=True):
                assert score == pytest.approx(recommending.cosine(profile, vectors[item]), abs=1e-6)

    def test_every_kind_of_feature_counts(self) -> None:
        items = pd.DataFrame({"item_id": range(4), "name": ["green tea", "tea green", "mug", "mug"]})
        items["price"] = [1.0, 1.1, 50.0, 60.0]
        items[["x", "y"]] = [[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [-1.0, 0.0]]
        log = Interactions.from_frame(pd.DataFrame({"customer_id": [1], "item_id": [0]}))
        for model in (ContentBased(text="name"), ContentBased(numeric="price"), ContentBased(embedding=["x", "y"])):
            assert model.fit(log, items=items).recommend(k=1)["item_id"].tolist() == [1]

    def test_dislikes_push_away(self) -> None:
        items = pd.DataFrame({"item_id": range(4), "kind": ["tea", "mug", "tea", "mug"]})
        log = pd.DataFrame({"customer_id": [1, 1], "item_id": [0, 1], "w": [1.0, -1.0]})
        model = ContentBased(categorical="kind").fit(Interactions.from_frame(log, weight="w"), items=items)
        found = model.recommend(k=2)
        assert found["item_id"].tolist() == [2, 3]
        assert found["score"].tolist() == pytest.approx([2**-0.5, -(2**-0.5)])

    def test_items_that_nobody_bought_are_recommended(self) -> None:
        items = pd.DataFrame({"item_id": ["a", "b", "new"], "kind": ["tea", "mug", "tea"]})
        log = Interactions.from_frame(pd.DataFrame({"customer_id": [1, 2], "item_id": ["a", "b"]}))
        model = ContentBased(categorical="kind").fit(log, items=items)
        assert model.recommend([1], k=1)["item_id"].tolist() == ["new"]
        assert model.recommend([2], k=2)["source"].tolist() == ["popular", "popular"]

    def test_items_without_features_are_said_and_come_last(self) -> None:
        items = pd.DataFrame({"item_id": ["a", "b"], "kind": ["tea", "tea"]})
        log = Interactions.from_frame(pd.DataFrame({"customer_id": [1, 2, 3], "item_id": ["a", "plain", "plain"]}))
        with pytest.warns(GrowthkitWarning, match="1 items have no row"):
            model = ContentBased(categorical="kind").fit(log, items=items)
        found = model.recommend([1], k=2)
        assert found["item_id"].tolist() == ["b", "plain"]
        assert found["source"].tolist() == ["ContentBased", "popular"]

    def test_columns_may_hold_nothing_for_some_items(self, engine: FrameEngine) -> None:
        items = engine(
            {
                "item_id": ["a", "b", "c", "d", "e"],
                "kind": ["tea", None, "tea", "mug", None],
                "name": ["green", "green", None, "", "!"],
                "price": [1.0, 2.0, None, 4.0, 5.0],
            }
        )
        log = Interactions.from_frame(engine({"customer_id": [1, 2], "item_id": ["a", "c"]}))
        options: dict[str, Any] = {"categorical": "kind", "text": "name", "numeric": "price"}
        with pytest.warns(GrowthkitWarning) as heard:
            model = ContentBased(**options).fit(log, items=items)
        assert [str(one.message).removeprefix("ContentBased.fit: ") for one in heard] == [
            "column \"name\" holds nothing for 3 items (first 'c'), which go by their other columns.",
            "column \"kind\" holds nothing for 2 items (first 'b'), which go by their other columns.",
            "column \"price\" holds nothing for 1 items (first 'c'), which go by their other columns.",
        ]
        vectors = model.export_vectors()[1]
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, rtol=1e-6)
        features = model.features_.tolist()
        filled = {
            prefix: (vectors[:, [name.startswith(prefix) for name in features]] != 0).any(axis=1).tolist()
            for prefix in ("kind", "name", "price")
        }
        assert filled == {
            "kind": [True, False, True, True, False],
            "name": [True, True, False, False, False],
            "price": [True, True, False, True, True],
        }

    @pytest.mark.filterwarnings("ignore::growthkit.exceptions.GrowthkitWarning")
    def test_a_null_text_is_an_empty_one_and_a_null_category_like_no_other(self) -> None:
        items = catalogue()
        holes = items.assign(name=items["name"].where(items.index > 2), kind=items["kind"].where(items.index != 1))
        filled = holes.assign(name=holes["name"].fillna(""))
        a, b = (ContentBased(text="name", categorical="kind").fit(history(), items=each) for each in (holes, filled))
        np.testing.assert_array_equal(a.export_vectors()[1], b.export_vectors()[1])
        assert not any("nan" in name.lower() or "none" in name.lower() for name in a.features_)

    def test_an_item_of_which_nothing_is_known_comes_last(self) -> None:
        items = pd.DataFrame({"item_id": ["a", "b", "c"], "kind": ["tea", None, "tea"]})
        log = Interactions.from_frame(pd.DataFrame({"customer_id": [1, 2, 3], "item_id": ["a", "b", "b"]}))
        with pytest.warns(GrowthkitWarning, match="holds nothing for 1 items"):
            found = ContentBased(categorical="kind").fit(log, items=items).recommend([1], k=2)
        assert found["item_id"].tolist() == ["c", "b"]
        assert found["source"].tolist() == ["ContentBased", "popular"]

    def test_a_rare_category_says_more(self) -> None:
        items = pd.DataFrame({"item_id": range(8), "kind": ["x"] * 6 + ["y"] * 2, "brand": list("abababba")})
        log = Interactions.from_frame(pd.DataFrame({"customer_id": [1], "item_id": [6]}))
        model = ContentBased(categorical=["kind", "brand"]).fit(log, items=items)
        assert model.recommend(k=1)["item_id"].tolist() == [7]


class TestText:
    def test_scripts_without_spaces_become_pairs(self) -> None:
        assert words_and_bigrams("龙井 绿茶 Premium Tea-Box 5") == ["龙井", "绿茶", "premium", "tea", "box"]
        assert words_and_bigrams("西湖龙井茶") == ["西湖", "湖龙", "龙井", "井茶"]
        assert words_and_bigrams("茶") == ["茶"]
        assert words_and_bigrams("カップ") == ["カッ", "ップ"]

    @pytest.mark.parametrize("analyzer", ["auto", "char"])
    def test_chinese_names_find_each_other(self, analyzer: str) -> None:
        items = pd.DataFrame({"item_id": range(3), "name": ["西湖龙井绿茶", "陶瓷马克杯", "明前龙井绿茶礼盒"]})
        log = Interactions.from_frame(pd.DataFrame({"customer_id": [1], "item_id": [0]}))
        assert ContentBased(text="name", analyzer=analyzer).fit(log, items=items).recommend(k=1)[
            "item_id"
        ].tolist() == [2]

    def test_is_the_tfidf_of_scikit_learn(self) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer

        items = catalogue()
        model = ContentBased(text="name", analyzer="word").fit(history(), items=items)
        vectors = TfidfVectorizer(sublinear_tf=True).fit_transform(items["name"]).toarray()
        np.testing.assert_allclose(model.export_vectors()[1], vectors, rtol=1e-6)


@pytest.fixture(scope="module")
def model() -> ContentBased:
    return ContentBased(**EVERYTHING.get_params()).fit(history(), items=catalogue())


class TestContract:
    def test_vectors_are_the_scores(self, model: ContentBased) -> None:
        customers, items = model.export_vectors()
        found = model.recommend(k=12, exclude=None)
        expected = (customers @ items.T)[model.customers_.find(found["customer_id"].to_numpy()), found["item_id"]]
        own = (found["source"] == "ContentBased").to_numpy()
        np.testing.assert_allclose(found["score"].to_numpy()[own], expected[own], atol=1e-6)

    def test_explanations_sum_to_the_score(self, model: ContentBased) -> None:
        found = model.recommend(k=12, exclude=None)
        for row in found[found["source"] == "ContentBased"].itertuples():
            parts = model.explain(row.customer_id, row.item_id)
            assert parts["contribution"].sum() == pytest.approx(row.score, abs=1e-6)

    def test_explanations_name_the_features(self, model: ContentBased) -> None:
        reasons = " ".join(model.explain(0, 3)["reason"])
        assert "embedding" in reasons
        assert any(text in reasons for text in ("kind = ", "brand = ", "price ~ ", "name: "))

    def test_similar_items_are_the_cosines(self, model: ContentBased) -> None:
        vectors = model.export_vectors()[1].astype(float)
        found = model.similar_items([4], k=11)
        expected = vectors[found["similar_item_id"]] @ vectors[4]
        np.testing.assert_allclose(found["score"], expected, atol=1e-5)
        assert found["score"].is_monotonic_decreasing
        assert 4 not in found["similar_item_id"].tolist()

    def test_folding_in_the_same_history_changes_nothing(self, model: ContentBased) -> None:
        assert model.fold_in(history()).recommend(k=5).equals(model.recommend(k=5))

    def test_new_interactions_may_bring_items_without_features(self, model: ContentBased) -> None:
        more = Interactions.from_frame(
            pd.DataFrame({"customer_id": [99], "item_id": [77], "w": [1.0]}), weight="w", duplicates="max"
        )
        grown = ContentBased(**EVERYTHING.get_params()).fit(history(), items=catalogue()).partial_fit(more)
        assert grown.recommend([0, 3], k=5).equals(model.recommend([0, 3], k=5))
        assert len(grown.items_) == 13

    def test_threads_change_nothing(self, model: ContentBased, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("growthkit._core.parallel.SMALL", 0)
        monkeypatch.setattr("growthkit.recommend._selection.LONGEST_BLOCK", 2)
        one, *others = [model.recommend(k=5, n_threads=n) for n in (1, 2, 5)]
        assert all(one.equals(other) for other in others)

    def test_protocol(self) -> None:
        check_estimator(EVERYTHING, history(), items=catalogue())

    def test_order_of_rows_does_not_matter(self, model: ContentBased) -> None:
        mixed = ContentBased(**EVERYTHING.get_params()).fit(history(), items=catalogue().sample(frac=1, random_state=2))
        a, b = model.recommend(k=5), mixed.recommend(k=5)
        assert a["item_id"].equals(b["item_id"])
        np.testing.assert_allclose(a["score"], b["score"], rtol=1e-6)

    def test_all_libraries(self, engine: FrameEngine) -> None:
        items = engine({"item_id": [1, 2, 3], "kind": ["tea", "mug", "tea"], "name": ["绿茶", "cup", "绿茶 tea"]})
        log = Interactions.from_frame(engine({"customer_id": [1, 2], "item_id": [1, 2]}))
        model = ContentBased(text="name", categorical="kind").fit(log, items=items)
        assert to_lists(model.recommend([1], k=1))["item_id"] == [3]


class TestRefusals:
    def test_needs_items_and_columns(self) -> None:
        with pytest.raises(ParameterError, match="items"):
            ContentBased(categorical="kind").fit(history())
        with pytest.raises(ParameterError, match="name at least one column"):
            ContentBased().fit(history(), items=catalogue())

    @pytest.mark.parametrize(
        ("options", "error", "message"),
        [
            ({"categorical": "nothing"}, DataError, "no column"),
            ({"text": "price"}, DataError, "not text"),
            ({"numeric": "kind"}, DataError, "not numbers"),
            ({"categorical": ["kind", "kind"]}, ParameterError, "distinct"),
            ({"categorical": "kind", "weights": {"brand": 1.0}}, ParameterError, "keys are among"),
            ({"categorical": "kind", "weights": {"kind": 0.0}}, ParameterError, "above 0"),
            ({"categorical": "kind", "analyzer": "no"}, ParameterError, "analyzer"),
            ({"categorical": "void"}, DataError, 'column "void" holds nothing but nulls'),
            ({"text": "void"}, DataError, 'column "void" holds nothing but nulls'),
            ({"numeric": "gap"}, DataError, r"infinite values \(first at row 3\)"),
            ({"embedding": ["e0", "hole"]}, DataError, "NaN, null or infinite"),
            ({"categorical": "mixed"}, DataError, r"of type int among str \(first at row 4\)"),
        ],
    )
    def test_of_columns(self, options: dict[str, Any], error: type[Exception], message: str) -> None:
        items = catalogue().assign(void=None, gap=[np.nan, 1, 2, np.inf, *range(8)], hole=[np.nan, *range(11)])
        items["mixed"] = pd.Series([None, "a", None, "b", 5, *"cdefghi"], dtype=object)
        with pytest.raises(error, match=message):
            ContentBased(**options).fit(history(), items=items)

    @pytest.mark.parametrize(("name", "value"), [("weights", [1]), ("categorical", 3), ("text", ["a", "a"])])
    def test_of_what_names_no_columns(self, name: str, value: Any) -> None:
        with pytest.raises(ParameterError, match=rf"ContentBased\.fit: {name} must be"):
            ContentBased(**{"categorical": "kind", name: value}).fit(history(), items=catalogue())

    def test_of_nothing_where_numbers_are_large(self) -> None:
        """Their squares would not fit."""
        large = catalogue().assign(x=1e200, y=-1e200)
        model = ContentBased(embedding=["x", "y"]).fit(history(), items=large)
        assert np.linalg.norm(model.embedding_, axis=1) == pytest.approx(1.0)

    def test_of_text_without_words(self) -> None:
        with pytest.raises(DataError, match="holds no words"):
            ContentBased(text="name").fit(history(), items=catalogue().assign(name="!"))

    def test_of_vectors_that_are_too_large(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("growthkit.recommend.content.MOST_NUMBERS", 10)
        with pytest.raises(GrowthkitError, match="bytes of vectors"):
            ContentBased(categorical="kind").fit(history(), items=catalogue()).export_vectors()
