"""Hybrids: each way against its formula, and the contract that they share with their members."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from growthkit.exceptions import DataError, GrowthkitError, ParameterError
from growthkit.recommend import ContentBased, Hybrid, Interactions, Popular, SessionKNN, _fusion_kernels
from growthkit.recommend.hybrid import _class_of

from ..references import recommending

N_ITEMS = 14


def catalogue() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    frame = pd.DataFrame({"item_id": np.arange(N_ITEMS)})
    frame["kind"] = rng.choice(["tea", "mug", "pot"], N_ITEMS)
    frame["brand"] = rng.choice(["own", "fine", "cheap"], N_ITEMS)
    return frame


def history(seed: int = 2, rows: int = 50) -> Interactions:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"customer_id": rng.integers(0, 9, rows), "item_id": rng.integers(0, N_ITEMS - 2, rows)})
    frame["timestamp"] = pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 9_999, rows), unit="min")
    return Interactions.from_frame(frame, timestamp="timestamp")


def members() -> dict[str, Any]:
    return {"content": ContentBased(categorical=["kind", "brand"]), "sessions": SessionKNN(), "all": Popular()}


HYBRIDS = {
    "weighted": Hybrid.weighted(members(), weights=[2.0, 1.0, 0.5]),
    "rrf": Hybrid.rrf(members(), depth=6),
    "switch": Hybrid.switch(members(), thresholds=[4, 6]),
    "cascade": Hybrid.cascade(members(), depth=[8, 3]),
}


def fitted(name: str) -> Hybrid:
    return Hybrid(**HYBRIDS[name].get_params()).fit(history(), items=catalogue())


def dense(model: Any, n: int = 9) -> np.ndarray:
    return model._scores(np.arange(n, dtype=np.int32))


def plain(frame: pd.DataFrame) -> list[tuple[Any, ...]]:
    return list(frame.drop(columns="source").itertuples(index=False, name=None))


@pytest.fixture(scope="module", params=sorted(HYBRIDS))
def hybrid(request: pytest.FixtureRequest) -> Hybrid:
    return fitted(request.param)


class TestWeighted:
    @pytest.mark.parametrize("normalise", ["minmax", "zscore", "max", "rank", "none"])
    def test_is_the_weighted_sum_of_normalised_scores(self, normalise: str) -> None:
        model = Hybrid.weighted(members(), weights=[2.0, 1.0, 0.5], normalise=normalise)
        model.fit(history(), items=catalogue())
        total = np.zeros((9, N_ITEMS))
        for weight, member in zip([2.0, 1.0, 0.5], model.models_.values(), strict=True):
            for c, row in enumerate(dense(member).astype(float)):
                known = np.isfinite(row)
                row = np.where(known, row, row[known].min() if known.any() else 0.0)
                scale = {
                    "minmax": (row - row.min()) / (np.ptp(row) or 1.0),
                    "zscore": (row - row.mean()) / (row.std() or 1.0),
                    "max": row / (abs(row).max() or 1.0),
                    "rank": (row[:, None] >= row).mean(axis=1),
                    "none": row,
                }
                total[c] += weight * scale[normalise]
        found = dense(model)
        np.testing.assert_allclose(found[np.isfinite(found)], total[np.isfinite(found)], atol=1e-6)

    def test_one_model_alone_keeps_its_order(self) -> None:
        alone = Popular().fit(history())
        model = Hybrid.weighted([Popular()]).fit(history())
        assert model.recommend(k=4)["item_id"].tolist() == alone.recommend(k=4)["item_id"].tolist()


class TestReciprocalRankFusion:
    def test_is_the_twin(self) -> None:
        model = Hybrid.rrf(members(), weights=[1.0, 2.0, 0.0], constant=60, depth=6)
        model.fit(history(), items=catalogue())
        found = model.recommend(k=6)
        for customer, part in found[found["source"] == "Hybrid"].groupby("customer_id"):
            lists = []
            for member in model.models_.values():
                own = member.recommend([customer], k=6)
                lists.append(own[own["source"] != "popular"]["item_id"].tolist())
            expected = recommending.reciprocal_rank_fusion(lists, [1.0, 2.0, 0.0], 60)
            for item, score in zip(part["item_id"], part["score"], strict=True):
                assert score == pytest.approx(expected[item], rel=1e-6)

    def test_a_published_example(self, published: Callable[[str], dict[str, Any]]) -> None:
        case = published("hybrid")["reciprocal_rank_fusion"]
        total = np.full((1, 6), -np.inf, dtype=np.float32)
        for items in case["lists"]:
            codes = np.array([["ABCDEF".index(item) for item in items]], dtype=np.int32)
            _fusion_kernels.add_reciprocal(codes, 1.0, float(case["constant"]), total)
        best = np.argsort(-total[0], kind="stable")[: len(case["fused"])]
        assert "".join("ABCDEF"[code] for code in best) == case["fused"]
        scores = recommending.reciprocal_rank_fusion(case["lists"], [1.0, 1.0], case["constant"])
        assert dict(zip("ABCDEF", total[0].tolist(), strict=True)) == pytest.approx(scores)


class TestSwitch:
    def test_history_decides(self) -> None:
        model = fitted("switch")
        found = model.recommend(k=3)
        lengths = dict(zip(model.customers_.labels.tolist(), model.history_.lengths.tolist(), strict=True))
        assert len({lengths[c] < 4 for c in lengths} | {lengths[c] >= 6 for c in lengths}) == 2
        for customer, part in found.groupby("customer_id"):
            name = "content" if lengths[customer] < 4 else "sessions" if lengths[customer] < 6 else "all"
            own = model.models_[name].recommend([customer], k=3)
            assert plain(part) == plain(own)
            assert set(part["source"]) <= {f"Hybrid ({name})", "popular"}


class TestCascade:
    def test_each_model_orders_the_best_of_the_one_before(self) -> None:
        model = fitted("cascade")
        first, second, third = model.models_.values()
        for customer in range(9):
            best = first.recommend([customer], k=8)
            best = best[best["source"] != "popular"]["item_id"].tolist()
            score = {name: dense(m)[customer] for name, m in (("second", second), ("third", third))}
            middle = sorted(best, key=lambda i: (-score["second"][i], i))
            expected = sorted(middle[:3], key=lambda i: (-score["third"][i], i)) + middle[3:]
            found = model.recommend([customer], k=8)
            found = found[found["source"] == "Hybrid"]
            assert found["item_id"].tolist() == expected
            assert found["score"].is_monotonic_decreasing


class TestContract:
    def test_lists_are_full_and_clean(self, hybrid: Hybrid) -> None:
        seen = {(c, i) for c, i in history().to_frame()[["customer_id", "item_id"]].itertuples(index=False)}
        found = hybrid.recommend(k=N_ITEMS)
        pairs = list(zip(found["customer_id"], found["item_id"], strict=True))
        assert len(set(pairs)) == len(pairs)
        assert not seen & set(pairs)
        counts = found.groupby("customer_id").size()
        assert (counts == N_ITEMS - hybrid.history_.lengths).all()

    def test_eligible_and_boost_and_caps(self, hybrid: Hybrid) -> None:
        assert set(hybrid.recommend(k=5, exclude=None, eligible=[1, 2, 3])["item_id"]) == {1, 2, 3}
        lifted = hybrid.recommend(k=1, exclude=None, eligible=[1, 2, 3, 4], boost={4: 1e9})
        scored = lifted[lifted["source"] != "popular"]
        assert (scored["item_id"] == 4).mean() > 0.6
        capped = hybrid.recommend(k=3, group_cap=("kind", 1))
        assert (capped.merge(catalogue(), on="item_id").groupby(["customer_id", "kind"]).size() == 1).all()

    def test_items_that_nobody_bought_are_there(self, hybrid: Hybrid) -> None:
        assert {N_ITEMS - 1, N_ITEMS - 2} <= set(hybrid.recommend(k=N_ITEMS)["item_id"])

    def test_explanations_sum_to_the_score(self, hybrid: Hybrid) -> None:
        found = hybrid.recommend(k=6)
        for row in found[found["source"].str.startswith("Hybrid")].itertuples():
            parts = hybrid.explain(row.customer_id, row.item_id)
            assert parts["contribution"].sum() == pytest.approx(row.score, rel=1e-5)

    def test_threads_change_nothing(self, hybrid: Hybrid, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("growthkit._core.parallel.SMALL", 0)
        monkeypatch.setattr("growthkit.recommend._selection.LONGEST_BLOCK", 2)
        monkeypatch.setattr("growthkit.recommend.hybrid.CHUNK", 4)
        one, *others = [hybrid.recommend(k=5, n_threads=n) for n in (1, 2, 5)]
        assert all(one.equals(other) for other in others)

    def test_files_bring_everything_back(self, hybrid: Hybrid, tmp_path: Path) -> None:
        hybrid.save(tmp_path / "hybrid.npz")
        loaded = Hybrid.load(tmp_path / "hybrid.npz")
        assert loaded.recommend(k=6).equals(hybrid.recommend(k=6))
        assert loaded.similar_items(k=3).equals(hybrid.similar_items(k=3))
        assert loaded.set_params(how="weighted").fit(history(), items=catalogue()).get_params()["how"] == "weighted"
        assert list(loaded.models) == ["content", "sessions", "all"]
        with pytest.raises(DataError, match="no recommender"):
            _class_of("Nothing")

    def test_folding_in_the_same_histories_changes_nothing(self, hybrid: Hybrid) -> None:
        if "sessions" in hybrid.models_:
            folded = hybrid.fold_in(history())
            sessions = hybrid.models_["sessions"].fold_in(history())
            np.testing.assert_array_equal(dense(folded.models_["sessions"]), dense(sessions))
            np.testing.assert_array_equal(dense(folded.models_["content"]), dense(hybrid.models_["content"]))
            assert folded.models_ is not hybrid.models_

    def test_partial_fit_reaches_all_members(self, hybrid: Hybrid) -> None:
        name = next(n for n, h in HYBRIDS.items() if h.how == hybrid.how)
        more = history(seed=5, rows=6)
        grown = fitted(name).partial_fit(more)
        whole = Hybrid(**HYBRIDS[name].get_params()).fit(history().merge(more), items=catalogue())
        assert grown.recommend(k=5).equals(whole.recommend(k=5))

    def test_members_are_not_touched(self) -> None:
        given = members()
        Hybrid.weighted(given).fit(history(), items=catalogue())
        assert not any(vars(model).keys() - set(model.get_params()) for model in given.values())

    def test_hybrids_nest(self) -> None:
        inner = Hybrid.rrf([ContentBased(categorical="kind"), Popular()])
        outer = Hybrid.switch([inner, Popular()], thresholds=[4]).fit(history(), items=catalogue())
        assert len(outer.recommend(k=3)) == 27

    def test_strangers_are_served_by_the_first_that_serves_anybody(self, hybrid: Hybrid) -> None:
        popular = Popular().fit(history())
        found, expected = hybrid.recommend([999], k=3), popular.recommend([999], k=3)
        assert found["item_id"].tolist() == expected["item_id"].tolist()


class TestRefusals:
    @pytest.mark.parametrize(
        "hybrid",
        [
            Hybrid([]),
            Hybrid([3]),  # type: ignore[list-item]
            Hybrid([Popular()], how="no"),
            Hybrid.weighted([Popular(), Popular()], weights=[1.0]),
            Hybrid.weighted([Popular()], weights=[0.0]),
            Hybrid.weighted([Popular(), Popular()], weights=[2.0, -1.0]),
            Hybrid.weighted([Popular()], normalise="no"),
            Hybrid.rrf([Popular()], constant=0),
            Hybrid.switch([Popular(), Popular()], thresholds=[]),
            Hybrid.switch([Popular()] * 3, thresholds=[3, 3]),
            Hybrid.cascade([Popular()] * 3, depth=[2, 3]),
            Hybrid.cascade([Popular()] * 2, depth=0),
            Hybrid(Popular()),  # type: ignore[arg-type]
            Hybrid(None),  # type: ignore[arg-type]
            Hybrid({1: Popular()}),  # type: ignore[dict-item]
            Hybrid.weighted([Popular()], weights=2),  # type: ignore[arg-type]
            Hybrid.weighted([Popular()], weights=["a"]),  # type: ignore[list-item]
            Hybrid.cascade([Popular()] * 2, depth=2.0),  # type: ignore[arg-type]
            Hybrid.cascade([Popular()] * 2, depth="2"),  # type: ignore[arg-type]
            Hybrid.switch([Popular()] * 2, thresholds=3),  # type: ignore[arg-type]
            Hybrid.switch([Popular()] * 2, thresholds=[2.5]),  # type: ignore[list-item]
        ],
        ids=range(21),
    )
    def test_of_parameters(self, hybrid: Hybrid) -> None:
        with pytest.raises(ParameterError, match=r"Hybrid\.fit"):
            hybrid.fit(history())

    def test_numbers_may_be_those_of_numpy(self) -> None:
        Hybrid.cascade([Popular()] * 2, depth=np.int64(3)).fit(history()).recommend(k=2)
        Hybrid.switch([Popular()] * 2, thresholds=np.array([3])).fit(history()).recommend(k=2)

    def test_of_similar_items_where_no_member_knows(self) -> None:
        with pytest.raises(GrowthkitError, match="no model of the hybrid"):
            Hybrid.weighted([Popular()]).fit(history()).similar_items([1])

    def test_same_classes_are_numbered(self) -> None:
        model = Hybrid.weighted([Popular(), Popular(half_life=3), ContentBased(categorical="kind")])
        model.fit(history(), items=catalogue())
        assert list(model.models_) == ["Popular 1", "Popular 2", "ContentBased"]
