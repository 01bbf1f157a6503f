"""Metrics against published numbers and a readable twin; intervals and differences by simulation and by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from growthkit.exceptions import DataError, ParameterError
from growthkit.recommend import Interactions
from growthkit.recommend._base import Recommender
from growthkit.recommend.evaluation import Evaluation, evaluate
from growthkit.recommend.split import Split, rolling
from growthkit.testing import FrameEngine
from tests.references import evaluation as slow

Published = Callable[[str], dict[str, Any]]
Lists = Sequence[Sequence[Any]]

FOUND = tuple(slow.METRICS)
SHOWN = ("novelty", "popularity_lift", "coverage", "gini")


class Counted(Recommender):
    """Recommends what most customers have: enough of a model to test with."""

    def __init__(self) -> None:
        pass

    def _learn(self, interactions: Interactions, items: Any, customers: Any) -> None:
        del items, customers
        self.counts_ = np.bincount(interactions.rows.codes, minlength=interactions.n_items).astype(np.float32)

    def _scores(self, customers: np.ndarray) -> np.ndarray:
        return np.tile(self.counts_, (customers.size, 1))


def pairs(rows: Lists, weights: Lists | None = None, **names: str) -> Interactions:
    """Return interactions of customers 0, 1, ... with the items of each row."""
    customer, item = names.get("customer", "customer_id"), names.get("item", "item_id")
    frame = pd.DataFrame(
        {
            customer: [u for u, row in enumerate(rows) for _ in row],
            item: [i for row in rows for i in row],
            "weight": [1.0 for row in rows for _ in row] if weights is None else [w for row in weights for w in row],
        }
    )
    return Interactions.from_frame(frame, customer=customer, item=item, weight="weight")


def lists_of(rows: Lists) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "customer_id": [u for u, row in enumerate(rows) for _ in row],
            "item_id": [i for row in rows for i in row],
            "rank": [rank for row in rows for rank, _ in enumerate(row, start=1)],
        }
    )


def split_of(relevant: Lists, n_items: int = 12, weights: Lists | None = None) -> Split:
    """Return a split whose customers share one item that nobody is to find; another customer has all items."""
    train = [[-1] for _ in relevant] + [list(range(n_items))]
    return Split.of(pairs(train), pairs(relevant, weights))


def values(result: Evaluation) -> dict[tuple[str, int], float]:
    return dict(zip(result.measures, result.estimate[0].tolist(), strict=True))


class TestPublished:
    @pytest.mark.parametrize("metric", ["precision", "recall", "map", "ndcg"])
    def test_spark(self, published: Published, metric: str) -> None:
        case = published("evaluation")["spark"]
        lengths = [int(k) for k in case[metric]]
        result = evaluate(
            {"lists": lists_of(case["lists"])}, split_of(case["relevant"]), metrics=metric, k=lengths, ci=None
        )
        share = len(case["lists"]) / case["customers_in_source"]
        assert result.estimate[0] * share == pytest.approx(list(case[metric].values()), abs=1e-5)

    def test_spark_graded(self, published: Published) -> None:
        case = published("evaluation")["spark_graded"]
        found, relevant = [*case["lists"], case["other"]["list"]], [*case["relevant"], case["other"]["relevant"]]
        gains = [[2.0**grade - 1 for grade in row] for row in [*case["grades"], case["other"]["grades"]]]
        parts = split_of(relevant, weights=gains)
        lengths = [int(k) for k in case["ndcg_graded"]]
        result = evaluate({"lists": lists_of(found)}, parts, metrics=["ndcg_graded"], k=lengths, ci=None)
        assert result.estimate[0] * 2 / 3 == pytest.approx(list(case["ndcg_graded"].values()), abs=1e-5)

    @pytest.mark.parametrize(
        ("name", "metric"),
        [("short_lists", "precision"), ("short_lists", "recall"), ("short_lists", "ndcg"), ("r_metrics", "map")],
    )
    def test_others(self, published: Published, name: str, metric: str) -> None:
        case = published("evaluation")[name]
        lengths = [int(k) for k in case[metric]]
        parts = split_of(case["relevant"])
        result = evaluate({"lists": lists_of(case["lists"])}, parts, metrics=metric, k=lengths, ci=None)
        assert result.estimate[0] == pytest.approx(list(case[metric].values()), abs=1e-5)
        assert ("short_lists" in {notice.code for notice in result.warnings}) == (name == "short_lists")


def test_one_relevant_item_ranked_first_scores_one() -> None:
    result = evaluate({"lists": lists_of([[3, 4]])}, split_of([[3]]), metrics=["ndcg"], k=[1, 2, 10], ci=None)
    assert result.estimate[0].tolist() == [1.0, 1.0, 1.0]


CASES = st.lists(
    st.tuples(
        st.lists(st.integers(0, 11), unique=True, max_size=8), st.lists(st.integers(0, 11), unique=True, min_size=1)
    ),
    min_size=1,
    max_size=6,
).filter(lambda rows: any(found for found, _ in rows))


class TestTwin:
    @given(CASES, st.integers(1, 10))
    def test_metrics_of_what_is_found(self, rows: list[tuple[list[int], list[int]]], k: int) -> None:
        found, relevant = [row[0] for row in rows], [row[1] for row in rows]
        result = evaluate({"lists": lists_of(found)}, split_of(relevant), metrics=FOUND, k=k, ci=None)
        expected = [
            np.mean([slow.METRICS[name](one, set(other), k) for one, other in rows]) for name, _ in result.measures
        ]
        assert result.estimate[0] == pytest.approx(expected)

    @given(CASES, st.permutations(range(12)), st.randoms(use_true_random=False))
    def test_names_of_customers_and_items_do_not_matter(
        self, rows: list[tuple[list[int], list[int]]], items: list[int], random: Any
    ) -> None:
        renamed = [([items[i] for i in found], [items[i] for i in relevant]) for found, relevant in rows]
        random.shuffle(renamed)
        results = [
            evaluate(
                {"lists": lists_of([row[0] for row in these])},
                split_of([row[1] for row in these]),
                metrics=[*FOUND, "novelty", "coverage", "gini"],
                k=5,
                ci=None,
            )
            for these in (rows, renamed)
        ]
        np.testing.assert_allclose(results[0].estimate, results[1].estimate)

    @given(CASES, st.integers(1, 10), st.integers(0, 3))
    def test_graded_gains(self, rows: list[tuple[list[int], list[int]]], k: int, seed: int) -> None:
        found, relevant = [row[0] for row in rows], [row[1] for row in rows]
        grades = [np.random.default_rng(seed).integers(1, 5, len(row)).astype(float).tolist() for row in relevant]
        parts = split_of(relevant, weights=grades)
        result = evaluate({"lists": lists_of(found)}, parts, metrics=["ndcg_graded"], k=k, ci=None)
        gains = [dict(zip(row, grade, strict=True)) for row, grade in zip(relevant, grades, strict=True)]
        expected = np.mean([slow.ndcg(one, other, k) for one, other in zip(found, gains, strict=True)])
        assert result.estimate[0, 0] == pytest.approx(expected)

    def test_metrics_of_what_is_shown(self) -> None:
        train = [[0, 1, 2], [0, 1], [0, 5], [3, 4]]
        found = [[3, 4, 5], [2, 3, 9], [1, 2, 4], [0, 1, 2]]
        parts = Split.of(pairs(train), pairs([[5], [2], [1], [0]]))
        got = values(evaluate({"lists": lists_of(found)}, parts, metrics=SHOWN, k=3, ci=None))
        owners = {item: sum(item in row for row in train) for item in range(6)}
        known = [[item for item in row if item in owners] for row in found]
        novelty = np.mean([slow.novelty(row, owners, 4, 3) for row in known])
        popularity = [np.mean([owners[item] for item in row]) for row in known]
        profile = [np.mean([owners[item] for item in row]) for row in train]
        times = [sum(item in row for row in found) for item in range(6)]
        assert got["novelty", 3] == pytest.approx(novelty)
        assert got["popularity_lift", 3] == pytest.approx(np.mean(popularity) / np.mean(profile) - 1)
        assert got["coverage", 3] == pytest.approx(6 / 6)
        assert got["gini", 3] == pytest.approx(slow.gini(times))

    @pytest.mark.parametrize("k", [2, 3])
    def test_metrics_that_need_features(self, k: int) -> None:
        train = pairs([[0, 1, 2], [0, 1], [2]], [[1.0, 3.0, 2.0], [1.0, 1.0], [4.0]])
        found = [[3, 4, 5], [5, 3, 2], [0, 1, 6]]
        items = pd.DataFrame(
            {
                "item_id": [0, 1, 2, 3, 4, 5],
                "drama": [1, 0, 1, 1, 0, 0],
                "crime": [0, 1, 1, 0, 2, 0],
                "x": [1.0, 0.5, 0.0, -1.0, 2.0, 0.0],
                "y": [0.0, 0.5, 3.0, 1.0, 2.0, 0.0],
            }
        )
        parts = Split.of(train, pairs([[5], [3], [0]]))
        features = {"items": items, "category": ["drama", "crime"], "vector": ["x", "y"]}
        metrics = ["diversity", "miscalibration"]
        result = evaluate({"lists": lists_of(found)}, parts, metrics=metrics, k=k, ci=None, **features)
        table = result.by_customer()
        shares = {row.item_id: (row.drama, row.crime) for row in items.itertuples()}
        named = {item: {"drama": a / (a + b), "crime": b / (a + b)} for item, (a, b) in shares.items() if a + b > 0}
        vectors = {row.item_id: (row.x, row.y) for row in items.itertuples() if row.x or row.y}
        histories = [{0: 1.0, 1: 3.0, 2: 2.0}, {0: 1.0, 1: 1.0}, {2: 4.0}]
        diversity = [slow.diversity(row, vectors, k) for row in found]
        off = [slow.miscalibration(row, old, named, k) for row, old in zip(found, histories, strict=True)]
        np.testing.assert_allclose(table[f"diversity@{k}"], diversity)
        np.testing.assert_allclose(table[f"miscalibration@{k}"], off)
        assert result.estimate[0] == pytest.approx([np.nanmean(diversity), np.nanmean(off)])

    def test_categories_in_rows_are_those_in_columns(self) -> None:
        draw = np.random.default_rng(0)
        member = draw.random((12, 4)) < 0.4
        wide = pd.DataFrame(member.astype(int), columns=list("abcd")).assign(item_id=np.arange(12))
        rows, columns = np.nonzero(member)
        long = pd.DataFrame({"item_id": rows, "kind": np.array(list("abcd"))[columns]})
        train = pairs([draw.permutation(12)[:4].tolist() for _ in range(20)])
        parts = Split.of(train, pairs([draw.permutation(12)[:6].tolist() for _ in range(20)]))
        one, two = (
            evaluate(Counted(), parts, metrics=["diversity", "miscalibration"], k=4, ci=None, **features)
            for features in ({"items": wide, "category": list("abcd")}, {"items": long, "category": "kind"})
        )
        np.testing.assert_allclose(one.estimate, two.estimate)
        assert np.isfinite(one.estimate).all()

    def test_diversity_by_category(self) -> None:
        items = pd.DataFrame({"item_id": [0, 1, 2], "kind": ["a", "a", "b"]})
        parts = split_of([[0], [0]], 3)
        result = evaluate(
            {"lists": lists_of([[0, 1], [1, 2]])},
            parts,
            metrics="diversity",
            k=2,
            items=items,
            category="kind",
            ci=None,
        )
        assert result.by_customer()["diversity@2"].tolist() == [0.0, 1.0]


class TestWhoCounts:
    def test_repeats_cannot_be_found_unless_they_may_be_recommended(self) -> None:
        parts = Split.of(pairs([[1], [2, 3]]), pairs([[1, 2], [3]]))
        lists = {"lists": lists_of([[2], [3]])}
        unseen = evaluate(lists, parts, metrics="recall", ci=None)
        anything = evaluate(lists, parts, metrics="recall", exclude=None, ci=None)
        assert (unseen.n_customers, unseen.estimate[0, 0]) == (1, 1.0)
        assert (anything.n_customers, anything.estimate[0, 0]) == (2, 0.75)
        assert {"repeated", "nothing_to_find"} <= {notice.code for notice in unseen.warnings}

    def test_seen_items_in_lists_are_counted(self) -> None:
        result = evaluate({"lists": lists_of([[-1, 3]])}, split_of([[3]]), metrics="mrr", ci=None)
        assert result.estimate[0, 0] == 0.5
        assert "seen_recommended" in {notice.code for notice in result.warnings}

    def test_dislikes_are_not_relevant(self) -> None:
        parts = split_of([[3, 4]], weights=[[1.0, -1.0]])
        assert evaluate({"lists": lists_of([[4, 3]])}, parts, metrics="recall", k=1, ci=None).estimate[0, 0] == 0.0

    def test_customers_without_history_are_left_out_and_counted(self) -> None:
        parts = Split.of(pairs([[1, 2], [1], [2]]), pairs([[3], [2], [1], [1]]))
        result = evaluate(Counted(), parts, metrics="recall", ci=None)
        assert result.customers.tolist() == [0, 1, 2]
        assert "without_history" in {notice.code for notice in result.warnings}

    def test_a_fallback_serves_them(self) -> None:
        from growthkit.recommend.popular import Popular

        parts = Split.of(pairs([[1, 2], [1], [2]]), pairs([[3], [2], [1], [1]]))
        result = evaluate(Counted(), parts, metrics="recall", fallback=Popular(), ci=None)
        assert result.customers.tolist() == [0, 1, 2, 3]
        assert result.by_customer()["recall@10"].tolist() == [0.0, 1.0, 1.0, 1.0]

    def test_items_that_training_does_not_know_stay_in_the_denominator(self) -> None:
        parts = Split.of(pairs([[1], [2]]), pairs([[2, 77], [1]]))
        result = evaluate(Counted(), parts, metrics="recall", ci=None)
        assert result.by_customer()["recall@10"].tolist() == [0.5, 1.0]

    def test_nobody_to_evaluate(self) -> None:
        parts = Split.of(pairs([[1]]), pairs([[1]]))
        with pytest.raises(DataError, match="no customer of the test data has both"):
            evaluate(Counted(), parts)

    def test_cold_customers_are_folded_in(self) -> None:
        class Copycat(Counted):
            def _scores(self, customers: np.ndarray) -> np.ndarray:
                scores = np.zeros((customers.size, len(self.items_)), dtype=np.float32)
                for row, customer in enumerate(customers.tolist()):
                    start, stop = self.history_.indptr[customer : customer + 2]
                    scores[row, np.minimum(self.history_.codes[start:stop] + 1, len(self.items_) - 1)] = 1.0
                return scores

        train, told = pairs([[0, 1, 2, 3], [1, 2]]), pairs([[], [], [0], [2]])
        parts = Split.of(train, pairs([[], [], [1], [3]]), given=told)
        result = evaluate({"plain": Counted(), "copycat": Copycat()}, parts, metrics="mrr", k=3, ci=None)
        assert result.customers.tolist() == [2, 3]
        assert result.estimate[1, 0] == 1.0


class TestModels:
    def test_unfitted_ones_are_fitted_on_a_copy(self) -> None:
        model = Counted()
        evaluate(model, split_of([[3], [4]]), ci=None)
        assert not model._learnt()

    def test_fitted_ones_are_used_as_they_are(self) -> None:
        parts = split_of([[3], [4]])
        model = Counted().fit(parts.train)
        model.counts_[model.items_.find([3])] = 100
        assert evaluate(model, parts, metrics="mrr", ci=None).by_customer()["mrr@10"][0] == 1.0

    def test_one_that_has_seen_the_test_data_is_refused(self) -> None:
        parts = split_of([[3], [4]])
        leaked = Counted().fit(parts.train.merge(parts.test))
        with pytest.raises(DataError, match=r'model "good" was fitted on data that hold 2 of the 2 pairs'):
            evaluate({"good": leaked}, parts)

    def test_names(self) -> None:
        parts = split_of([[3], [4]])
        assert evaluate([Counted()], parts, ci=None).models == ("Counted",)
        with pytest.raises(ParameterError, match="a mapping of names"):
            evaluate([Counted(), Counted()], parts)
        with pytest.raises(ParameterError, match="models must be a model, a list"):
            evaluate(3, parts)

    @pytest.mark.parametrize(
        ("frame", "message"),
        [
            ({"item_id": [3, 3], "rank": [1, 2]}, r'"item_id" holds 1 rows that recommend an item a second time'),
            ({"item_id": [3, 4], "rank": [1, 1]}, r'"rank" holds 1 rows whose customer has another item of this rank'),
            ({"item_id": [3, 4], "rank": [0, 1]}, r'"rank" holds 1 ranks that are not 1, 2, ... \(first at row 0\)'),
        ],
    )
    def test_bad_lists(self, frame: dict[str, Any], message: str) -> None:
        lists = pd.DataFrame({"customer_id": [0, 0], **frame})
        with pytest.raises(DataError, match=message):
            evaluate({"lists": lists}, split_of([[3], [4]]))

    def test_column_names_of_the_log_are_those_of_the_lists(self) -> None:
        names = {"customer": "user", "item": "movie"}
        parts = Split.of(pairs([[1, 2], [2]], **names), pairs([[3], [1]], **names))
        result = evaluate({"lists": pd.DataFrame({"user": [1], "movie": [1], "rank": [1]})}, parts, ci=None)
        assert result.value("lists", "ndcg") == 0.5
        assert next(iter(result.by_customer())) == "user"

    def test_engines(self, engine: FrameEngine) -> None:
        lists = engine({"customer_id": ["ä", "b"], "item_id": ["x", "y"], "rank": [1, 1]})
        train = engine({"customer_id": ["ä", "b"], "item_id": ["y", "x"]})
        test = engine({"customer_id": ["ä", "b"], "item_id": ["x", "x"]})
        parts = Split.of(Interactions.from_frame(train), Interactions.from_frame(test))
        result = evaluate({"lists": lists}, parts, exclude=None, metrics="recall", ci=None)
        assert result.estimate[0, 0] == 0.5
        assert type(result.to_frame()) is type(lists)


def noisy(n: int, seed: int = 0, better: float = 0.0) -> tuple[Split, dict[str, pd.DataFrame]]:
    """Return n customers with one item each to find, and two sets of lists that find it with different chances."""
    draw = np.random.default_rng(seed)
    target = draw.integers(0, 8, n)
    parts = split_of([[item] for item in target.tolist()], 9)
    lists = {}
    for name, chance in (("a", 0.3), ("b", 0.3 + better)):
        hit = draw.random(n) < chance
        lists[name] = lists_of([[int(item) if one else 8] for item, one in zip(target, hit, strict=True)])
    return parts, lists


class TestIntervals:
    @pytest.mark.parametrize("ci", ["bootstrap", "normal"])
    def test_of_a_share_are_those_of_a_binomial(self, ci: str) -> None:
        parts, lists = noisy(2_000)
        table = evaluate(lists, parts, metrics="hit_rate", k=1, ci=ci, rng=1).to_frame()
        half = 1.96 * np.sqrt(table["value"] * (1 - table["value"]) / 2_000)
        np.testing.assert_allclose(table["upper"] - table["value"], half, rtol=0.12)
        np.testing.assert_allclose(table["value"] - table["lower"], half, rtol=0.12)

    def test_differences_are_paired(self) -> None:
        parts, lists = noisy(500)
        twin = {"a": lists["a"], "same": lists["a"], "b": lists["b"]}
        result = evaluate(twin, parts, metrics="hit_rate", k=1, rng=1)
        table = result.differences().to_frame().set_index(["model", "baseline"])
        assert table.loc[("same", "a"), "difference"] == 0.0
        assert np.isnan(table.loc[("same", "a"), "p_value"])
        one, two = table.loc[("b", "a")], table.loc[("b", "same")]
        assert (
            one[["difference", "lower", "upper", "p_value"]].tolist()
            == two[["difference", "lower", "upper", "p_value"]].tolist()
        )

    @pytest.mark.parametrize("ci", ["bootstrap", "normal"])
    def test_p_values_and_intervals_never_contradict_each_other(self, ci: str) -> None:
        for seed in range(12):
            parts, lists = noisy(60, seed, better=0.15)
            table = evaluate(lists, parts, metrics=["ndcg", "recall"], k=1, ci=ci, rng=seed, n_resamples=199)
            found = table.differences(correction="none")
            apart = (found.lower > 0) | (found.upper < 0)
            np.testing.assert_array_equal(found.p_value <= 1 - found.confidence, apart)

    def test_p_values_are_adjusted_by_holm(self) -> None:
        parts, lists = noisy(800, better=0.1)
        lists["c"] = lists["b"].assign(item_id=8)
        result = evaluate(lists, parts, metrics="hit_rate", k=1, ci="normal")
        found = result.differences()
        order = np.argsort(found.p_value)
        expected = np.minimum(1, np.maximum.accumulate(found.p_value[order] * [3, 2, 1]))
        np.testing.assert_allclose(found.p_adjusted[order], expected)
        assert result.differences("a").baseline.tolist() == ["a", "a"]

    def test_too_few_resamples_are_said(self) -> None:
        parts, lists = noisy(200)
        result = evaluate(lists, parts, metrics=FOUND, k=1, n_resamples=100, rng=0)
        assert [notice.code for notice in result.differences().warnings] == ["too_few_resamples"]

    def test_what_has_no_interval(self) -> None:
        parts, lists = noisy(60)
        result = evaluate(lists, parts, metrics=["coverage", "gini", "recall"], k=1, rng=0)
        table = result.to_frame().set_index(["metric", "model"])
        assert table.loc["coverage", "lower"].isna().all()
        assert table.loc["gini", "upper"].isna().all()
        assert table.loc["recall", "upper"].notna().all()
        found = result.differences(metric="coverage")
        assert np.isnan(found.lower).all()
        assert not np.isnan(found.difference).any()
        assert "no_interval" in {notice.code for notice in result.warnings}

    def test_no_variation_gives_no_interval(self) -> None:
        result = evaluate({"lists": lists_of([[0], [0], [0]])}, split_of([[0], [0], [0]]), metrics="ndcg", rng=0)
        (lower,) = result.to_frame()["lower"]
        assert np.isnan(lower)
        assert {"few_customers", "no_variation"} <= {notice.code for notice in result.warnings}

    def test_same_on_any_number_of_threads(self, threaded: None) -> None:
        del threaded
        parts, lists = noisy(9_000)
        metrics = [*FOUND, *SHOWN]
        one, *others = (
            evaluate(lists, parts, metrics=metrics, k=[1, 3], rng=3, n_threads=n, n_resamples=100) for n in (1, 2, 5)
        )
        for other in others:
            assert one.replicates is not None
            assert other.replicates is not None
            assert one.replicates.tobytes() == other.replicates.tobytes()
            assert one.estimate.tobytes() == other.estimate.tobytes()

    def test_rows_in_any_order(self) -> None:
        parts, lists = noisy(100)
        shuffled = {name: frame.sample(frac=1.0, random_state=0) for name, frame in lists.items()}
        one, two = (evaluate(these, parts, k=1, rng=0).to_dict() for these in (lists, shuffled))
        assert one == two

    @pytest.mark.slow
    @pytest.mark.parametrize("ci", ["bootstrap", "normal"])
    def test_coverage_of_intervals_and_differences(self, ci: str) -> None:
        inside = np.zeros(2)
        for seed in range(400):
            parts, lists = noisy(150, seed, better=0.1)
            result = evaluate(lists, parts, metrics="hit_rate", k=1, ci=ci, rng=seed, n_resamples=999)
            table, found = result.to_frame(), result.differences()
            inside += [
                table["lower"][0] <= 0.3 <= table["upper"][0],
                found.lower[0] <= 0.1 <= found.upper[0],
            ]
        assert (inside / 400 >= 0.92).all()
        assert (inside / 400 <= 0.98).all()


class TestSeveralSplits:
    def test_customers_are_pooled(self) -> None:
        draw = np.random.default_rng(0)
        log = pd.DataFrame(
            {
                "customer_id": draw.integers(0, 30, 600),
                "item_id": draw.integers(0, 15, 600),
                "timestamp": pd.Timestamp("2026-01-01") + pd.to_timedelta(draw.integers(0, 100, 600), "D"),
            }
        )
        parts = rolling(log, 3, horizon=10)
        alone = [evaluate(Counted(), part, ci=None, k=5) for part in parts]
        result = evaluate(Counted(), parts, k=5, rng=0)
        total = sum(one.numerator[0].sum(axis=1) for one in alone) / sum(one.n_customers for one in alone)
        np.testing.assert_allclose(result.estimate[0], total)
        assert result.n_customers <= 30

    def test_lists_belong_to_one_split(self) -> None:
        parts = split_of([[3], [4]])
        with pytest.raises(ParameterError, match="lists belong to one"):
            evaluate({"lists": lists_of([[3]])}, [parts, parts])


class TestParameters:
    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"metrics": ["auc"]}, "metrics must be one of 'recall'"),
            ({"metrics": []}, "metrics must be some of"),
            ({"k": 0}, "k must be a whole number of at least 1"),
            ({"k": []}, "with a length k"),
            ({"ci": "bca"}, "ci must be one of 'bootstrap', 'normal'"),
            ({"confidence": 1.0}, "confidence must be"),
            ({"n_resamples": 10}, "n_resamples must be a whole number of at least 100"),
            ({"exclude": "all"}, "exclude must be one of 'seen'"),
            ({"metrics": ["miscalibration"]}, "category must be given with items"),
            ({"metrics": ["diversity"]}, "vector must be given with items"),
            ({"split": 3}, "split must be a Split"),
        ],
    )
    def test_out_of_range(self, change: dict[str, Any], message: str) -> None:
        arguments = {"models": Counted(), "split": split_of([[3], [4]])} | change
        with pytest.raises(ParameterError, match=message):
            evaluate(**arguments)

    def test_item_frames(self) -> None:
        parts = split_of([[3], [4]])
        twice = pd.DataFrame({"item_id": [3, 3], "kind": ["a", "a"], "x": [1.0, 2.0]})
        with pytest.raises(DataError, match=r'"item_id" holds 2 rows whose item has another row'):
            evaluate({"x": lists_of([[3]])}, parts, metrics="diversity", items=twice, vector=["x"])
        with pytest.raises(DataError, match=r'"kind" holds 1 rows that repeat an item and its aspect'):
            evaluate({"x": lists_of([[3]])}, parts, metrics="miscalibration", items=twice, category="kind")
        with pytest.raises(DataError, match="vector must name columns of the item frame in a list"):
            evaluate({"x": lists_of([[3]])}, parts, metrics="diversity", items=twice, vector="x")  # type: ignore[arg-type]
        below = pd.DataFrame({"item_id": [3], "drama": [-1.0]})
        with pytest.raises(DataError, match=r'"drama" holds 1 memberships under 0'):
            evaluate({"x": lists_of([[3]])}, parts, metrics="miscalibration", items=below, category=["drama"])

    def test_questions_about_what_was_not_evaluated(self) -> None:
        result = evaluate(Counted(), split_of([[3], [4]]), ci=None, k=[1, 2])
        with pytest.raises(ParameterError, match="two or more to compare"):
            result.differences()
        with pytest.raises(ParameterError, match=r"metric must be one of ndcg \(k=1\)"):
            result.value("Counted", "ndcg")
        assert result.value("Counted", "ndcg", 2) >= 0
        with pytest.raises(ParameterError, match="model must be one of 'Counted'"):
            result.value("other", "ndcg", 1)
        assert "best by ndcg@1" in result.summary()
