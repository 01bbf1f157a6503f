"""What holds for every model alike: the contract, the protocol, hostile data, ids and frames of every kind."""

from __future__ import annotations

import copy
import datetime as dt
import pickle
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from growthkit.exceptions import DataError, GrowthkitError
from growthkit.recommend import (
    BPR,
    EASE,
    SLIM,
    ContentBased,
    Hybrid,
    ImplicitALS,
    Interactions,
    ItemKNN,
    Popular,
    PureSVD,
    SessionKNN,
    UserKNN,
)
from growthkit.recommend._base import Recommender
from growthkit.recommend._similarities import SIMILARITIES
from growthkit.testing import FrameEngine, check_estimator, check_recommender, frame_engines

N_CUSTOMERS, N_ITEMS = 25, 18


def content() -> ContentBased:
    return ContentBased(text="name", categorical="kind", numeric="price")


def members() -> dict[str, Any]:
    return {"knn": ItemKNN(k=5), "content": content(), "all": Popular()}


MODELS: dict[str, Callable[[], Recommender]] = {
    **{f"ItemKNN {name}": lambda name=name: ItemKNN(k=6, similarity=name) for name in SIMILARITIES},
    **{f"UserKNN {name}": lambda name=name: UserKNN(k=6, similarity=name) for name in ("cosine", "pearson", "rp3beta")},
    "EASE": lambda: EASE(l2=2.0),
    "SLIM": lambda: SLIM(l1=0.1, l2=1.0),
    "ImplicitALS": lambda: ImplicitALS(factors=4, iterations=2),
    "BPR": lambda: BPR(factors=4, iterations=3),
    "PureSVD": lambda: PureSVD(factors=3),
    "Popular": Popular,
    "Popular of late": lambda: Popular(window=20, half_life=3),
    "Popular by group": lambda: Popular(by="group"),
    "ContentBased": content,
    "SessionKNN": lambda: SessionKNN(k=5),
    "Hybrid weighted": lambda: Hybrid.weighted(members(), weights=[2.0, 1.0, 0.5]),
    "Hybrid weighted of a list": lambda: Hybrid.weighted([ImplicitALS(factors=3, iterations=1), SessionKNN()]),
    "Hybrid rrf": lambda: Hybrid.rrf(members(), depth=5),
    "Hybrid rrf of a list": lambda: Hybrid.rrf([BPR(factors=3, iterations=1), EASE(), EASE(l2=1.0)]),
    "Hybrid switch": lambda: Hybrid.switch(members(), thresholds=(4, 7)),
    "Hybrid cascade": lambda: Hybrid.cascade(members(), depth=[8, 3]),
}

ONE_OF_EACH = [name for name in MODELS if not name.startswith(("ItemKNN", "UserKNN"))] + ["ItemKNN rp3beta"]
ONE_OF_EACH += ["UserKNN cosine"]

EXPLAINED = [name for name in MODELS if name != "BPR" and not name.startswith(("Hybrid rrf", "Hybrid cascade"))]
"""BPR refuses; what these hybrids explain depends on what else may be recommended, see their tests."""

KNOWLEDGEABLE = [name for name in MODELS if "SessionKNN" not in name]
KNOWLEDGEABLE = [name for name in KNOWLEDGEABLE if "of late" not in name and "of a list" not in name]

every = pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
one_of_each = pytest.mark.parametrize("make", [MODELS[name] for name in ONE_OF_EACH], ids=ONE_OF_EACH)


def ids(codes: Any) -> list[str]:
    return [f"item {code:02}" for code in codes]


def catalogue(labels: list[Any] | None = None) -> pd.DataFrame:
    labels = ids(range(N_ITEMS + 2)) if labels is None else labels
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"item_id": labels, "kind": rng.choice(["tea", "mug", "pot"], len(labels))})
    frame["price"] = rng.random(len(labels)) * 10
    frame["name"] = rng.choice(["green tea", "black tea", "绿茶 tea", "white mug"], len(labels))
    return frame


def segments(n: int = N_CUSTOMERS + 3) -> pd.DataFrame:
    return pd.DataFrame({"customer_id": np.arange(n), "group": np.where(np.arange(n) % 3, "many", "few")})


def events(seed: int = 0, rows: int = 150) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"customer_id": rng.integers(0, N_CUSTOMERS, rows)})
    frame["item_id"] = ids(rng.integers(0, N_ITEMS, rows))
    frame["timestamp"] = pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 50_000, rows), unit="min")
    return frame


def read(frame: pd.DataFrame) -> Interactions:
    weight = "weight" if "weight" in frame else None
    return Interactions.from_frame(frame, weight=weight, timestamp="timestamp")


def pairs(customers: list[int], items: list[int], weights: list[float] | None = None) -> pd.DataFrame:
    frame = pd.DataFrame({"customer_id": customers, "item_id": ids(items)})
    frame["timestamp"] = pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(len(frame)), unit="h")
    return frame if weights is None else frame.assign(weight=weights)


def fitted(make: Callable[[], Recommender], data: Interactions | None = None) -> Recommender:
    return make().fit(read(events()) if data is None else data, items=catalogue(), customers=segments())


def same(one: Any, two: Any) -> bool:
    return all(np.array_equal(np.asarray(one[name]), np.asarray(two[name])) for name in one.columns)


def check_lists(model: Recommender, k: int, frame: pd.DataFrame) -> None:
    """Exactly min(k, left) finite rows a customer, none of them seen or doubled."""
    counts = frame["customer_id"].value_counts().reindex(model.customers_.labels, fill_value=0).to_numpy()
    assert counts.tolist() == np.minimum(k, len(model.items_) - model.history_.lengths).tolist()
    assert np.isfinite(frame["score"]).all()
    assert not frame.duplicated(["customer_id", "item_id"]).any()
    customers, items = model.customers_.find(frame["customer_id"]), model.items_.find(frame["item_id"].to_numpy(object))
    seen = set(zip(model.history_.row_numbers().tolist(), model.history_.codes.tolist(), strict=True))
    assert not seen & set(zip(customers.tolist(), items.tolist(), strict=True))


class TestKits:
    @every
    def test_contract(self, make: Callable[[], Recommender]) -> None:
        check_recommender(make(), read(events()), items=catalogue(), customers=segments())

    @every
    def test_protocol(self, make: Callable[[], Recommender]) -> None:
        check_estimator(make(), read(events()), items=catalogue(), customers=segments())


CASES = {
    "one pair": pairs([1], [3]),
    "one customer": pairs([1] * 4, [1, 2, 3, 4]),
    "one item": pairs([1, 2, 3, 4], [1] * 4),
    "a customer with every item": pairs([1, 1, 1, 2, 3], [1, 2, 3, 1, 2]),
    "customers with every item": pairs([1, 1, 2, 2], [1, 2, 1, 2]),
    "the same again": pairs([1, 1, 1, 2, 2], [1, 1, 2, 1, 1]),
    "equal weights": pairs([1, 1, 2, 2, 3], [1, 2, 2, 3, 1], [2.5] * 5),
    "tiny weights": pairs([1, 1, 2, 2, 3, 3], [1, 2, 2, 3, 1, 3], [1e-40] * 6),
    "some dislikes": pairs([1, 1, 2, 2, 3, 3], [1, 2, 2, 3, 1, 3], [1, -1, 2, 1, -2, 1]),
    "dislikes": pairs([1, 1, 2, 2, 3, 3], [1, 2, 2, 3, 1, 3], [-1, -1, -2, -1, -2, -1]),
    "weights far apart": pairs([1, 1, 2, 2, 3, 3], [1, 2, 2, 3, 1, 3], [1e12, 1, 1e-12, 1, 2, 1]),
}

REFUSALS = {
    "some dislikes": "weights? (are )?below 0|negative weights",
    "dislikes": "weights? (are )?below 0|negative weights|no interaction has a weight above 0",
    "weights far apart": "no inverse",
}
"""What a model may say of each case instead of learning; pearson and adjusted_cosine need weights that differ."""


class TestHostileData:
    @pytest.mark.parametrize("case", CASES)
    @every
    def test_lists_are_full_and_clean_or_fit_says_why_not(self, make: Callable[[], Recommender], case: str) -> None:
        data = read(CASES[case])
        try:
            model = fitted(make, data)
        except DataError as error:
            assert re.search(rf"nothing to go by|{REFUSALS.get(case, '^$')}", str(error))
            return
        for k in (1, 3, 50):
            check_lists(model, k, model.recommend(k=k))
        folded = model.fold_in(data)
        check_lists(folded, 3, folded.recommend(k=3))
        weights = [1.0] * 3 if "weight" in CASES[case] else None
        model.partial_fit(read(pairs([9, 9, 1], [7, 19, 19], weights)))
        check_lists(model, 4, model.recommend(k=4))

    @pytest.mark.parametrize("case", CASES)
    @pytest.mark.parametrize("make", [MODELS[name] for name in EXPLAINED], ids=EXPLAINED)
    def test_explanations_sum_to_the_score(self, make: Callable[[], Recommender], case: str) -> None:
        try:
            model = fitted(make, read(CASES[case]))
        except DataError:
            return
        scores = model._scores(np.arange(len(model.customers_), dtype=np.int32))
        for customer, row in zip(model.customers_.labels[:3].tolist(), scores, strict=False):
            for item, score in zip(model.items_.labels[:4].tolist(), row, strict=False):
                parts = np.asarray(model.explain(customer, item)["contribution"])
                wanted = float(score) if np.isfinite(score) else 0.0
                assert parts.sum() == pytest.approx(wanted, rel=1e-3, abs=1e-5)

    @one_of_each
    def test_nothing_is_similar_to_nothing(self, make: Callable[[], Recommender]) -> None:
        model = fitted(make)
        try:
            similar = model.similar_items([])
        except GrowthkitError as error:
            assert "similar_items: this model" in str(error)
        else:
            assert len(similar) == 0

    @every
    def test_dislikes_are_taken_or_refused(self, make: Callable[[], Recommender]) -> None:
        """As the pages of the models say."""
        names = {part.similarity if hasattr(part, "similarity") else type(part).__name__ for part in members_of(make())}
        refuse = {*SIMILARITIES, "SLIM", "SessionKNN"} - {"cosine", "pearson", "adjusted_cosine"}
        if not names & refuse:
            fitted(make, read(CASES["some dislikes"]))
            return
        with pytest.raises(DataError, match=r"below 0|negative weights"):
            fitted(make, read(CASES["some dislikes"]))

    @every
    def test_weights_beyond_single_precision_are_refused(self, make: Callable[[], Recommender]) -> None:
        with pytest.raises(DataError, match=r"^\w+\.fit: weights beyond 1e\+15 overflow; scale the weights"):
            fitted(make, read(pairs([1, 1, 2], [1, 2, 2], [1e300, 1.0, 2.0])))

    @pytest.mark.parametrize("make", [MODELS[name] for name in KNOWLEDGEABLE], ids=KNOWLEDGEABLE)
    def test_a_customer_of_whom_nothing_is_known_gets_what_is_popular(self, make: Callable[[], Recommender]) -> None:
        """An empty row of a matrix; never the items in the order of their ids."""
        dense = np.array(
            [[1, 2, 0, 0, 0, 1], [0, 3, 0, 0, 0, 1], [0, 0, 1, 0, 0, 2], [0, 1, 4, 0, 0, 0], [0] * 6], float
        )
        data = Interactions.from_csr(sp.csr_array(dense), items=ids(range(6)))
        frame = make().fit(data, items=catalogue(), customers=segments()).recommend([4], k=3)
        assert set(frame["item_id"]) == {"item 01", "item 02", "item 05"}

    @one_of_each
    def test_items_and_customers_that_come_later(self, make: Callable[[], Recommender]) -> None:
        model = fitted(make)
        before = len(model.customers_), len(model.items_)
        model.partial_fit(read(pairs([900, 900, 1, 901], [3, 40, 41, 40])))
        assert (len(model.customers_) - before[0], len(model.items_) - before[1]) == (2, 2)
        check_lists(model, 5, model.recommend(k=5))
        with pytest.raises(DataError, match="fold_in: 2 items were not there at fit"):
            model.fold_in(read(pairs([1, 1, 1], [3, 70, 71])))

    @one_of_each
    def test_columns_cannot_have_names_that_answers_need(self, make: Callable[[], Recommender]) -> None:
        log = events().rename(columns={"item_id": "contribution"})
        with pytest.raises(DataError, match=r"the columns \('customer_id', 'contribution'\) need names of their own"):
            make().fit(Interactions.from_frame(log, item="contribution", timestamp="timestamp"))


class TestCopies:
    @every
    def test_answers_survive_files_pickles_and_copies(self, make: Callable[[], Recommender], tmp_path: Path) -> None:
        model = fitted(make)
        lists = model.recommend(k=4)
        model.save(tmp_path / "model.npz")
        for other in (
            type(model).load(tmp_path / "model.npz"),
            pickle.loads(pickle.dumps(model)),
            copy.deepcopy(model),
        ):
            assert same(lists, other.recommend(k=4))
            assert same(model.fold_in(read(events(1, 30))).recommend(), other.fold_in(read(events(1, 30))).recommend())

    @every
    def test_threads_change_no_bit(self, make: Callable[[], Recommender], threaded: None) -> None:
        """Neither of learning nor of recommending; threads start for small data, too."""
        answers: list[Any] = []
        for n_threads in (1, 2, 5):
            model = make()
            for part in members_of(model):
                if "n_threads" in part.get_params():
                    part.set_params(n_threads=n_threads)
            model.fit(read(events()), items=catalogue(), customers=segments())
            answers.append(model.recommend(k=6, n_threads=n_threads))
        assert same(answers[0], answers[1])
        assert same(answers[0], answers[2])

    @pytest.mark.parametrize(
        "model",
        [
            ImplicitALS(rng=np.random.default_rng(0)),
            Hybrid.rrf([Popular(), BPR(factors=2, rng=np.random.default_rng(0))]),
        ],
        ids=["alone", "in a hybrid"],
    )
    def test_a_generator_cannot_be_saved(self, model: Recommender, tmp_path: Path) -> None:
        model.fit(read(events()))
        with pytest.raises(DataError, match=r"\.save: rng is or holds a Generator, which .* set_params\(rng=\.\.\.\)"):
            model.save(tmp_path / "model.npz")
        assert not list(tmp_path.iterdir())


def members_of(model: Recommender) -> list[Any]:
    models = getattr(model, "models", [])
    return [model, *(models.values() if isinstance(models, dict) else models)]


KINDS: dict[str, Callable[[int], Any]] = {
    "whole numbers": lambda code: code - 5,
    "large numbers": lambda code: 2**53 + code,
    "text": lambda code: f"é{code:02} 茶",
    "floats": lambda code: code / 2,
    "booleans": lambda code: code % 2 == 1,
    "timestamps": lambda code: dt.datetime(2026, 1, 1) + dt.timedelta(days=code),
}


class TestIdsAndFrames:
    @pytest.mark.parametrize("kind", KINDS)
    @one_of_each
    def test_ids_of_every_kind(self, make: Callable[[], Recommender], kind: str, tmp_path: Path) -> None:
        self.check(make, KINDS[kind], frame_engines()["pandas-numpy"], tmp_path)

    @one_of_each
    def test_frames_of_every_library(
        self, make: Callable[[], Recommender], engine: FrameEngine, tmp_path: Path
    ) -> None:
        self.check(make, KINDS["text"], engine, tmp_path)

    def check(self, make: Callable[[], Recommender], label: Callable[[int], Any], engine: Any, folder: Path) -> None:
        rng = np.random.default_rng(0)
        hours = rng.integers(0, 900, 60).tolist()
        columns = {
            "shop customer": [label(code) for code in rng.integers(0, 10, 60).tolist()],
            "sku": [label(code) for code in rng.integers(0, 8, 60).tolist()],
            "timestamp": [dt.datetime(2026, 1, 1) + dt.timedelta(hours=hour) for hour in hours],
        }
        log = engine(columns)
        data = Interactions.from_frame(log, customer="shop customer", item="sku", timestamp="timestamp")
        table = catalogue(data.items.objects().tolist()).rename(columns={"item_id": "sku"})
        items = engine({name: table[name].tolist() for name in table})
        people = sorted(set(columns["shop customer"]))
        groups = engine({"shop customer": people, "group": ["a"] * len(people)})
        model = make().fit(data, items=items, customers=groups)
        lists = model.recommend(k=3)
        assert type(lists) is type(log)
        assert set(np.asarray(lists["sku"]).tolist()) <= set(data.items.labels.tolist())
        pair = engine({"shop customer": [label(3)], "sku": [label(1)]})
        request: dict[str, Any] = {"boost": {label(1): 2.0}, "group_cap": ("kind", 1), "eligible": pair}
        assert len(model.recommend([label(3)], exclude=None, **request)) == 1
        assert len(model.recommend([label(3)], exclude=pair, **request)) == 0
        model.save(folder / "model.npz")
        assert same_frames(lists, type(model).load(folder / "model.npz").recommend(k=3))


def same_frames(one: Any, two: Any) -> bool:
    names = ("shop customer", "sku", "rank", "score", "source")
    return all(np.array_equal(np.asarray(one[name]), np.asarray(two[name])) for name in names)


@pytest.fixture(autouse=True)
def quiet() -> Any:
    """Items without a row in the frame, and descents cut short, are announced; that is tested elsewhere."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
