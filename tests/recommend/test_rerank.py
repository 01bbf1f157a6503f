"""Re-ranking: the twins, what must never happen to a list, and hostile input."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from growthkit.exceptions import DataError, GrowthkitWarning, ParameterError
from growthkit.recommend import Interactions, rerank
from growthkit.testing import FrameEngine

from ..references import reranking
from ..references.recommending import category_vectors, cosine
from ..support import to_lists

KINDS = ("tea", "mug", "pot")
BRANDS = ("own", "other")


def lists_of(scores: list[list[float]]) -> pd.DataFrame:
    """Return one list per customer: items i0, i1, ... in the order of the given scores."""
    rows = [(c, f"i{i}", i + 1, s, "model") for c, part in enumerate(scores) for i, s in enumerate(part)]
    return pd.DataFrame(rows, columns=["customer_id", "item_id", "rank", "score", "source"])


def catalogue(n: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"item_id": [f"i{i}" for i in range(n)]})
    frame["kind"] = rng.choice(KINDS, n)
    frame["brand"] = rng.choice(BRANDS, n)
    frame["margin"] = rng.integers(1, 5, n) / 4
    return frame


def order(frame: pd.DataFrame, customer: int = 0) -> list[int]:
    """Return the numbers of a customer's items in the order of rank."""
    part = frame[frame["customer_id"] == customer].sort_values("rank")
    assert part["rank"].tolist() == list(range(1, len(part) + 1))
    return [int(item[1:]) for item in part["item_id"]]


def minmax(scores: list[float]) -> list[float]:
    low, high = min(scores), max(scores)
    return [(s - low) / (high - low) if high > low else 0.0 for s in scores]


score_lists = st.lists(st.integers(0, 8).map(float), min_size=1, max_size=9)


class TestMmr:
    @given(scores=score_lists, seed=st.integers(0, 50), trade_off=st.sampled_from([0.0, 0.3, 0.5, 0.7, 1.0]))
    def test_is_the_formula(self, scores: list[float], seed: int, trade_off: float) -> None:
        items = catalogue(len(scores), seed)
        vectors = category_vectors(items.to_dict("records"), ["kind", "brand"])
        worth = reranking.mmr_worth(minmax(scores), lambda i, j: cosine(vectors[i], vectors[j]), trade_off)
        found = order(rerank.mmr(lists_of([scores]), items, categorical=["kind", "brand"], trade_off=trade_off))
        assert_greedy(found, worth)

    def test_similarities_below_0_are_not_lost(self) -> None:
        items = pd.DataFrame({"item_id": ["i0", "i1", "i2"], "x": [1.0, 0.0, -1.0], "y": [0.0, 1.0, 0.0]})
        found = rerank.mmr(lists_of([[2.0, 1.5, 1.0]]), items, embedding=["x", "y"], trade_off=0.3, normalise="none")
        assert order(found) == [0, 2, 1]

    def test_relevance_only_keeps_the_order(self) -> None:
        lists = lists_of([[5.0, 4.0, 4.0, 1.0]])
        assert order(rerank.mmr(lists, catalogue(4), categorical="kind", trade_off=1.0)) == [0, 1, 2, 3]

    def test_text_makes_items_similar(self) -> None:
        items = pd.DataFrame({"item_id": ["i0", "i1", "i2"], "name": ["绿茶 大包", "绿茶 小包", "马克杯"]})
        assert order(rerank.mmr(lists_of([[3.0, 2.9, 2.0]]), items, text="name", trade_off=0.3, normalise="max")) == [
            0,
            2,
            1,
        ]


def assert_greedy(found: list[int], worth: Any) -> None:
    """Assert that each place holds a candidate worth most, up to rounding, given those before."""
    for place, i in enumerate(found):
        rest = found[place:]
        values = {j: worth(found[:place], j) for j in rest}
        assert values[i] >= max(values.values()) - 1e-9


class TestCalibrated:
    @given(scores=score_lists, seed=st.integers(0, 50), trade_off=st.sampled_from([0.0, 0.5, 0.9, 1.0]))
    def test_is_the_formula(self, scores: list[float], seed: int, trade_off: float) -> None:
        items = catalogue(len(scores), seed)
        target = {"tea": 0.6, "mug": 0.3, "pot": 0.1}
        known = {kind: share for kind, share in target.items() if kind in set(items["kind"])}
        total = sum(known.values())
        known = {kind: share / total for kind, share in known.items()}
        shares = [{kind: 1.0} for kind in items["kind"]]
        worth = reranking.calibrated_worth(minmax(scores), shares, known, trade_off, 0.01)
        found = order(rerank.calibrated(lists_of([scores]), items, known, by="kind", trade_off=trade_off))
        assert_greedy(found, worth)

    def test_seventy_to_thirty(self) -> None:
        """The example of Steck (2018): who watched 70 % romance and 30 % action gets a list of that kind."""
        scores = list(np.linspace(1.0, 0.5, 20))
        items = pd.DataFrame({"item_id": [f"i{i}" for i in range(20)], "genre": ["romance"] * 12 + ["action"] * 8})
        history = pd.DataFrame({"customer_id": 0, "item_id": [f"i{i}" for i in (0, 1, 2, 3, 4, 5, 6, 12, 13, 14)]})
        target = Interactions.from_frame(history)
        found = order(rerank.calibrated(lists_of([scores]), items, target, by="genre", trade_off=0.99, k=10))
        assert sum(i < 12 for i in found) == 7
        assert (
            sum(
                i < 12
                for i in order(rerank.calibrated(lists_of([scores]), items, target, by="genre", trade_off=0, k=10))
            )
            == 10
        )

    def test_items_of_several_aspects_share(self) -> None:
        items = pd.DataFrame({"item_id": ["i0", "i0", "i1", "i2"], "genre": ["a", "b", "a", "b"]})
        found = rerank.calibrated(lists_of([[3.0, 2.0, 1.0]]), items, {"a": 1, "b": 1}, by="genre", trade_off=1.0)
        assert order(found)[0] == 0
        items["share"] = [1.0, 9.0, 1.0, 1.0]
        uneven = rerank.calibrated(
            lists_of([[3.0, 2.0, 1.0]]), items, {"a": 1}, by="genre", share="share", trade_off=1.0
        )
        assert order(uneven)[0] == 1

    def test_customers_without_history_get_the_mean(self) -> None:
        lists = lists_of([[3.0, 2.0], [3.0, 2.0]])
        items = pd.DataFrame({"item_id": ["i0", "i1"], "kind": ["tea", "mug"]})
        history = Interactions.from_frame(pd.DataFrame({"customer_id": [0], "item_id": ["i1"]}))
        with pytest.warns(GrowthkitWarning, match="1 customers have no history"):
            found = rerank.calibrated(lists, items, history, by="kind", trade_off=1.0)
        assert order(found, 1) == [1, 0]

    def test_says_which_items_of_histories_are_unknown(self) -> None:
        history = Interactions.from_frame(pd.DataFrame({"customer_id": [0, 0], "item_id": ["i0", "gone"]}))
        with pytest.warns(GrowthkitWarning, match="1 items of the histories"):
            rerank.calibrated(lists_of([[1.0]]), catalogue(1), history, by="kind")

    def test_refuses_what_it_cannot_aim_at(self) -> None:
        lists, items = lists_of([[1.0]]), catalogue(1)
        for target in (None, {}, {"nothing": 1.0}, {"tea": -1.0}, 3):
            with pytest.raises(ParameterError):
                rerank.calibrated(lists, items, target, by="kind")
        strangers = Interactions.from_frame(pd.DataFrame({"customer_id": [0], "item_id": ["gone"]}))
        with pytest.raises(DataError, match="no item of the target"):
            rerank.calibrated(lists, items, strangers, by="kind")


class TestXquad:
    @given(scores=score_lists, seed=st.integers(0, 50), trade_off=st.sampled_from([0.0, 0.5, 1.0]))
    def test_is_the_formula(self, scores: list[float], seed: int, trade_off: float) -> None:
        items = catalogue(len(scores), seed)
        present = sorted(set(items["kind"]))
        target = {kind: 1 / len(present) for kind in present}
        shares = [{kind: 1.0} for kind in items["kind"]]
        n = len(scores)
        relevance = [sum(other <= s for other in scores) / n for s in scores]
        worth = reranking.xquad_worth(relevance, shares, target, trade_off)
        found = rerank.xquad(lists_of([scores]), items, by="kind", trade_off=trade_off, normalise="rank")
        assert_greedy(order(found), worth)

    def test_needs_relevance_between_0_and_1(self) -> None:
        with pytest.raises(DataError, match="negative"):
            rerank.xquad(lists_of([[1.0, -1.0]]), catalogue(2), by="kind", normalise="max")
        with pytest.raises(ParameterError, match="normalise"):
            rerank.xquad(lists_of([[1.0]]), catalogue(1), by="kind", normalise="zscore")


bounds = st.tuples(
    st.sampled_from(["tea", "mug", None]), st.integers(0, 2), st.one_of(st.none(), st.integers(0, 3)), st.integers(1, 4)
)


class TestQuota:
    @given(
        kinds=st.lists(st.sampled_from(["tea", "mug", "pot"]), min_size=4, max_size=6),
        rules=st.lists(bounds, max_size=3),
    )
    def test_is_the_first_of_all_lists_that_keep_the_rules(self, kinds: list[str], rules: list[Any]) -> None:
        rules = [(g, 0 if g is None else low, high, within) for g, low, high, within in rules] or [("tea", 0, 1, 4)]
        if any(g is not None and g not in kinds for g, *_ in rules):
            return
        items = pd.DataFrame({"item_id": [f"i{i}" for i in range(len(kinds))], "kind": kinds})
        quotas = [rerank.Quota(*rule) for rule in rules]
        best = next(reranking.quota_lists(kinds, 4, rules), None)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                found = order(rerank.quota(lists_of([[1.0] * len(kinds)]), items, quotas, by="kind", k=4))
            except ParameterError:
                assert best is None
                return
        if best is not None:
            assert found == list(best)
            assert not caught
            return
        assert caught
        upper_only = [(g, 0, high, within) for g, _, high, within in rules]
        assert len(found) < 4 or reranking.allowed(kinds, found, upper_only)

    def test_upper_bounds_hold_when_lower_ones_cannot(self) -> None:
        items = pd.DataFrame({"item_id": ["i0", "i1", "i2"], "kind": ["tea", "tea", "tea"]})
        everything = pd.concat([items, pd.DataFrame({"item_id": ["i9"], "kind": ["mug"]})])
        rules = [rerank.Quota("mug", at_least=1, within=2), rerank.Quota("tea", at_most=2)]
        with pytest.warns(GrowthkitWarning) as caught:
            found = rerank.quota(lists_of([[3.0, 2.0, 1.0]]), everything, rules, by="kind")
        assert order(found) == [0, 1]
        assert sorted(str(w.message).split(": ")[1][:20] for w in caught) == [
            "the candidates of 1 ",
            "upper bounds leave 1",
        ]

    def test_one_place_can_be_ruled(self) -> None:
        items = pd.DataFrame({"item_id": ["i0", "i1", "i2", "i3"], "kind": ["ad", "tea", "tea", "ad"]})
        rules = [rerank.Quota("ad", at_most=0, within=2), rerank.Quota("ad", at_least=1, at_most=1, within=3)]
        assert order(rerank.quota(lists_of([[4.0, 3.0, 2.0, 1.0]]), items, rules, by="kind")) == [1, 2, 0, 3]

    @pytest.mark.parametrize(
        "rules",
        [
            [],
            rerank.Quota("tea"),
            [rerank.Quota("nothing", at_least=1)],
            [rerank.Quota("tea", at_least=2, within=1)],
            [rerank.Quota("tea", at_least=2, at_most=1)],
            [rerank.Quota(None, at_least=1)],
            [rerank.Quota("tea", at_least=1, within=1), rerank.Quota("mug", at_least=1, within=1)],
            [rerank.Quota("tea", at_least=2), rerank.Quota("tea", at_most=1)],
            [rerank.Quota("tea", within=9)],
        ],
    )
    def test_refuses_rules_that_make_no_sense(self, rules: Any) -> None:
        items = pd.DataFrame({"item_id": ["i0", "i1"], "kind": ["tea", "mug"]})
        with pytest.raises(ParameterError, match=r"rerank\.quota"):
            rerank.quota(lists_of([[2.0, 1.0]]), items, rules, by="kind", k=2)


class TestBlend:
    def test_is_the_weighted_sum(self) -> None:
        scores = [4.0, 3.0, 1.0]
        items = pd.DataFrame({"item_id": ["i0", "i1", "i2"], "margin": [0.0, 10.0, 4.0]})
        found = rerank.blend(lists_of([scores]), items, weights={"score": 2, "margin": 1})
        assert order(found) == [1, 0, 2]
        assert found["score"].tolist() == pytest.approx([2 * 2 / 3 + 1, 2.0, 0.4])

    def test_product_is_the_expected_margin(self) -> None:
        items = pd.DataFrame({"item_id": ["i0", "i1"], "margin": [1.0, 3.0]})
        found = rerank.blend(lists_of([[0.5, 0.2]]), items, weights={"score": 1, "margin": 1}, how="product")
        assert found["score"].tolist() == pytest.approx([0.6, 0.5])

    def test_takes_columns_of_the_recommendations(self) -> None:
        lists = lists_of([[2.0, 1.0]]).assign(ctr=[0.1, 0.9])
        assert order(rerank.blend(lists, weights={"ctr": 1.0})) == [1, 0]

    def test_a_negative_weight_prefers_less(self) -> None:
        items = pd.DataFrame({"item_id": ["i0", "i1"], "price": [9.0, 1.0]})
        assert order(rerank.blend(lists_of([[2.0, 2.0]]), items, weights={"price": -1.0})) == [1, 0]

    @pytest.mark.parametrize("normalise", ["minmax", "zscore", "max", "rank", "none"])
    def test_all_scales_keep_the_order_of_one_column(self, normalise: str) -> None:
        found = rerank.blend(lists_of([[5.0, 1.0, 3.0], [7.0]]), weights={"score": 1.0}, normalise=normalise)
        assert order(found) == [0, 2, 1]
        assert np.isfinite(found["score"]).all()

    def test_refuses_what_it_cannot_weigh(self) -> None:
        lists, items = lists_of([[1.0, 0.0]]), catalogue(2)
        for options in ({"weights": {}}, {"weights": {"score": np.nan}}, {"weights": {"score": 1}, "how": "product"}):
            with pytest.raises(ParameterError):
                rerank.blend(lists, items, **options)
        with pytest.raises(ParameterError, match="both frames"):
            rerank.blend(lists.assign(margin=1.0), items, weights={"margin": 1})
        with pytest.raises(DataError, match="no column"):
            rerank.blend(lists, items, weights={"nothing": 1})


def all_ways(lists: Any, items: Any, **options: Any) -> dict[str, Any]:
    """Return the lists of every re-ranker."""
    return {
        "mmr": rerank.mmr(lists, items, categorical=["kind", "brand"], **options),
        "calibrated": rerank.calibrated(lists, items, {"tea": 0.5, "mug": 0.5}, by="kind", **options),
        "xquad": rerank.xquad(lists, items, by="kind", **options),
        "quota": rerank.quota(lists, items, [rerank.Quota("tea", at_least=1, within=2)], by="kind", **options),
        "blend": rerank.blend(lists, items, weights={"score": 1, "margin": 0.5}, **options),
    }


WAYS = ("mmr", "calibrated", "xquad", "quota", "blend")


@pytest.fixture(scope="module")
def shelf() -> tuple[pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(7)
    scores = [sorted(rng.integers(0, 30, n) / 3, reverse=True) for n in rng.integers(3, 12, 40)]
    items = catalogue(12)
    items.loc[:1, "kind"] = ["tea", "mug"]
    return lists_of(scores), items


class TestAllWays:
    @pytest.mark.parametrize("way", WAYS)
    def test_nothing_is_lost_or_repeated(self, shelf: Any, way: str) -> None:
        lists, items = shelf
        found = all_ways(lists, items)[way]
        pairs = ["customer_id", "item_id"]
        assert sorted(map(tuple, found[pairs].to_numpy())) == sorted(map(tuple, lists[pairs].to_numpy()))
        if way != "blend":
            merged = found.merge(lists, on=pairs)
            assert (merged["score_x"] == merged["score_y"]).all()
        assert (found["source"] == "model").all()
        assert found["customer_id"].drop_duplicates().tolist() == lists["customer_id"].drop_duplicates().tolist()

    @pytest.mark.parametrize("way", WAYS)
    def test_shorter_lists_are_the_beginning_of_longer_ones(self, shelf: Any, way: str) -> None:
        long, short = all_ways(*shelf)[way], all_ways(*shelf, k=3)[way]
        assert short.equals(long[long["rank"] <= 3].reset_index(drop=True))

    @pytest.mark.parametrize("way", WAYS)
    def test_the_order_of_rows_does_not_matter(self, shelf: Any, way: str) -> None:
        lists, items = shelf
        mixed = lists.sample(frac=1.0, random_state=3)
        both = [
            all_ways(frame, items)[way].sort_values(["customer_id", "rank"]).reset_index(drop=True)
            for frame in (lists, mixed)
        ]
        assert both[0].equals(both[1])

    @pytest.mark.parametrize("way", WAYS)
    def test_threads_change_nothing(self, shelf: Any, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("growthkit._core.parallel.SMALL", 0)
        one, *others = [all_ways(*shelf, n_threads=n)[way] for n in (1, 2, 5)]
        assert all(one.equals(other) for other in others)

    @pytest.mark.parametrize("way", WAYS)
    def test_all_libraries(self, shelf: Any, way: str, engine: FrameEngine) -> None:
        lists, items = (engine({name: frame[name].tolist() for name in frame}) for frame in shelf)
        found = all_ways(lists, items)[way]
        assert type(found) is type(lists)
        assert to_lists(found) == to_lists(all_ways(*shelf)[way])

    @pytest.mark.parametrize("way", WAYS)
    def test_input_is_not_changed(self, shelf: Any, way: str) -> None:
        before = [frame.copy() for frame in shelf]
        all_ways(*shelf)[way]
        assert all(frame.equals(copy) for frame, copy in zip(shelf, before, strict=True))

    def test_lists_of_one(self) -> None:
        items = catalogue(1).assign(kind="tea")
        for found in (
            rerank.mmr(lists_of([[1.0]]), items, numeric="margin"),
            rerank.xquad(lists_of([[1.0]]), items, by="kind"),
            rerank.blend(lists_of([[1.0]]), items, weights={"score": 1.0}),
        ):
            assert order(found) == [0]

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"rank": [1, 1, 2]}, "one rank twice"),
            ({"item_id": ["i0", "i0", "i1"]}, "one item twice"),
            ({"rank": [1, 2, 0]}, "no whole numbers"),
            ({"rank": [1, 2, 2.5]}, "no whole numbers"),
            ({"score": [1.0, np.nan, 2.0]}, "NaN"),
            ({"item_id": ["i0", "i1", None]}, "null"),
            ({"item_id": ["i0", "i1", "gone"]}, "lacks 1 of the 3"),
        ],
    )
    def test_refuses_lists_that_are_none(self, change: dict[str, Any], message: str) -> None:
        lists = lists_of([[3.0, 2.0, 1.0]]).assign(**change)
        with pytest.raises(DataError, match=message):
            rerank.xquad(lists, catalogue(3), by="kind")

    def test_refuses_item_frames_that_contradict_themselves(self) -> None:
        lists, items = lists_of([[1.0]]), catalogue(1)
        twice = pd.concat([items, items])
        for call in (
            lambda: rerank.mmr(lists, twice, categorical="kind"),
            lambda: rerank.xquad(lists, twice, by="kind"),
            lambda: rerank.quota(lists, twice, [rerank.Quota("tea")], by="kind"),
            lambda: rerank.blend(lists, twice, weights={"margin": 1}),
        ):
            with pytest.raises(DataError):
                call()

    @pytest.mark.parametrize(
        "options", [{"trade_off": 1.5}, {"k": 0}, {"normalise": "no"}, {"weights": {"x": 1}}, {"analyzer": "no"}]
    )
    def test_refuses_parameters_out_of_range(self, options: dict[str, Any]) -> None:
        with pytest.raises(ParameterError, match=r"rerank\.mmr"):
            rerank.mmr(lists_of([[1.0]]), catalogue(1), categorical="kind", **options)

    def test_features_must_be_named(self) -> None:
        with pytest.raises(ParameterError, match="name at least one column"):
            rerank.mmr(lists_of([[1.0]]), catalogue(1))
