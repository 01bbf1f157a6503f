"""`check_recommender`: whether a model keeps the contract that growthkit's recommenders share."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import numpy as np

from ..exceptions import DataError, NotFittedError, ParameterError
from ..recommend._base import Recommender
from ..summaries.interactions import Interactions
from ..typing import AnyArray, IntoFrame

__all__ = ["check_recommender"]

N_CUSTOMERS, N_ITEMS = 40, 30


def check_recommender(
    model: Recommender,
    interactions: Interactions | None = None,
    *,
    items: IntoFrame | None = None,
    customers: IntoFrame | None = None,
) -> None:
    """Check that a model keeps the contract of growthkit's recommenders.

    Each customer gets exactly min(k, eligible) items, no seen, ineligible or doubled one among them; ranks count from 1
    and scores of one source do not rise; caps, exclusions, masks and boosts do what they say; the same comes on 1, 2
    and 5 threads, after saving and loading, and when customers are asked for one by one; wrong requests are refused
    with a sentence; nothing that was given is changed.

    Parameters
    ----------
    model
        Not fitted; random ones must hold a seed.
    interactions
        What to fit on; some made up ones by default.
    items, customers
        Frames of features for `fit`, if the model needs them.

    Raises
    ------
    AssertionError
        At the first rule that is broken, naming it.

    Examples
    --------
    >>> from growthkit import recommend
    >>> from growthkit.testing import check_recommender
    >>> check_recommender(recommend.ItemKNN(k=5))
    """
    data = _made_up() if interactions is None else interactions
    before = copy.deepcopy(data.rows)
    _raises(NotFittedError, lambda: copy.deepcopy(model).recommend(), "recommend before fit raises NotFittedError")
    _raises(ParameterError, lambda: cast(Any, copy.deepcopy(model)).fit("log"), "fit refuses what are no interactions")
    fitted = copy.deepcopy(model).fit(data, items=items, customers=customers)
    for k in (1, 3, len(fitted.items_) + 5):
        _check_lists(fitted, k)
    for check in (_check_masks, _check_pairs, _check_caps, _check_boost, _check_same_answers, _check_refusals):
        check(fitted)
    _check_similar(fitted)
    _check_fold_in(fitted, data)
    _require(_same_rows(before, data.rows), "nothing that was given is changed")


def _made_up() -> Interactions:
    """Return interactions with ties, a customer who has nearly everything, and one who has one item."""
    from scipy.sparse import csr_array

    rng = np.random.default_rng(0)
    dense = rng.integers(1, 4, (N_CUSTOMERS, N_ITEMS)) * (rng.random((N_CUSTOMERS, N_ITEMS)) < 0.2)
    dense[0, :-2] = 1
    dense[1] = 0
    dense[1, 4] = 2
    return Interactions.from_csr(csr_array(dense.astype(float)), items=[f"item {i:02}" for i in range(N_ITEMS)])


def _require(holds: Any, rule: str) -> None:
    if not holds:
        raise AssertionError(f"check_recommender: {rule}.")


def _raises(error: type[Exception], call: Callable[[], Any], rule: str) -> None:
    try:
        call()
    except error:
        return
    _require(False, rule)


def _column(frame: IntoFrame, name: str) -> AnyArray:
    return np.asarray(frame[name])


def _codes(model: Recommender, frame: IntoFrame) -> tuple[AnyArray, AnyArray]:
    names = model.origin_["customer_name"], model.origin_["item_name"]
    return model.customers_.find(_column(frame, names[0])), model.items_.find(_column(frame, names[1]))


def _seen(model: Recommender) -> AnyArray:
    seen = np.zeros((len(model.customers_), len(model.items_)), dtype=bool)
    seen[model.history_.row_numbers(), model.history_.codes] = True
    return seen


def _check_allowed(model: Recommender, frame: IntoFrame, allowed: AnyArray, wanted: AnyArray, rule: str) -> None:
    """Check a frame for all customers against what each may get, and how many items each should get."""
    customers, items = _codes(model, frame)
    _require((customers >= 0).all() and (items >= 0).all(), f"{rule}: customers and items are known")
    _require(allowed[customers, items].all(), f"{rule}: no item is seen, excluded or ineligible")
    pairs = customers.astype(np.int64) * len(model.items_) + items
    _require(np.unique(pairs).size == pairs.size, f"{rule}: no item stands twice in a list")
    counts = np.bincount(customers, minlength=len(model.customers_))
    _require((counts == wanted).all(), f"{rule}: each customer gets exactly min(k, eligible) items")
    expected: list[int] = [rank for count in counts.tolist() for rank in range(1, count + 1)]
    _require(np.array_equal(_column(frame, "rank"), expected), f"{rule}: ranks count from 1")
    scores, sources = _column(frame, "score"), _column(frame, "source")
    _require(np.isfinite(scores).all(), f"{rule}: scores are finite")
    same = (customers[1:] == customers[:-1]) & (sources[1:] == sources[:-1])
    _require((np.diff(scores)[same] <= 0).all(), f"{rule}: scores of one source do not rise")
    tied = same & (np.diff(scores) == 0)
    _require((np.diff(items)[tied] > 0).all(), f"{rule}: ties go to the smaller id")


def _check_lists(model: Recommender, k: int) -> None:
    left = ~_seen(model)
    _check_allowed(model, model.recommend(k=k), left, np.minimum(k, left.sum(axis=1)), f"recommend(k={k})")
    frame = model.recommend(k=k, exclude=None)
    everything = np.ones(left.shape, dtype=bool)
    _check_allowed(model, frame, everything, np.minimum(k, everything.sum(axis=1)), f"recommend(k={k}, exclude=None)")


def _check_masks(model: Recommender) -> None:
    mask = np.arange(len(model.items_)) % 3 != 0
    left = ~_seen(model) & mask
    wanted = np.minimum(4, left.sum(axis=1))
    by_mask = model.recommend(k=4, eligible=mask)
    _check_allowed(model, by_mask, left, wanted, "recommend(eligible=mask)")
    by_ids = model.recommend(k=4, eligible=model.items_.objects()[mask].tolist())
    _require(_same(by_mask, by_ids), "a mask and a list of the same items give the same")


def _check_pairs(model: Recommender) -> None:
    from .._core.frames import give_back

    rng = np.random.default_rng(1)
    chosen = rng.random((len(model.customers_), len(model.items_))) < 0.3
    customers, items = np.nonzero(chosen)
    names, backend = (model.origin_["customer_name"], model.origin_["item_name"]), model.origin_["backend"]
    columns = {names[0]: model.customers_.decode(customers), names[1]: model.items_.decode(items)}
    frame = give_back(columns, backend=backend)
    left = chosen & ~_seen(model)
    answer = model.recommend(k=4, eligible=frame)
    _check_allowed(model, answer, left, np.minimum(4, left.sum(axis=1)), "recommend(eligible=frame)")
    wanted: AnyArray = np.minimum(4, (~chosen).sum(axis=1))
    _check_allowed(model, model.recommend(k=4, exclude=frame), ~chosen, wanted, "recommend(exclude=frame)")


def _check_caps(model: Recommender) -> None:
    groups = np.arange(len(model.items_)) % 4
    left = ~_seen(model)
    room: AnyArray = sum(
        (np.minimum(2, (left & (groups == g)).sum(axis=1)) for g in range(4)), np.zeros(len(left), int)
    )
    mapping = dict(zip(model.items_.objects(), groups.tolist(), strict=True))
    frame = model.recommend(k=6, group_cap=(mapping, 2))
    _check_allowed(model, frame, left, np.minimum(6, room), "recommend(group_cap=)")
    customers, items = _codes(model, frame)
    counts = np.bincount(customers * 4 + groups[items])
    _require((counts <= 2).all(), "recommend(group_cap=): no list holds more of a group than the cap")


def _check_boost(model: Recommender) -> None:
    item = model.items_.labels[len(model.items_) // 2]
    plain, lifted = (model.recommend(k=len(model.items_), boost=boost) for boost in (None, {item: 1e6}))
    ranks: list[dict[Any, int]] = []
    for frame in (plain, lifted):
        mine = _codes(model, frame)[1] == len(model.items_) // 2
        ranks.append(
            dict(zip(_codes(model, frame)[0][mine].tolist(), _column(frame, "rank")[mine].tolist(), strict=True))
        )
    _require(all(ranks[1][c] <= ranks[0][c] for c in ranks[0]), "a boost above 1 lifts an item")


def _check_same_answers(model: Recommender) -> None:
    frame = model.recommend(k=5, n_threads=1)
    for n in (2, 5):
        _require(_same(frame, model.recommend(k=5, n_threads=n)), "threads change no bit")
    with TemporaryDirectory() as folder:
        path = Path(folder, "model.npz")
        model.save(path)
        _require(_same(frame, type(model).load(path).recommend(k=5)), "a loaded model answers as the saved one")
    customers = _codes(model, frame)[0]
    for code in (0, len(model.customers_) - 1):
        alone = model.recommend([model.customers_.labels[code]], k=5)
        items = _codes(model, alone)[1]
        _require(np.array_equal(items, _codes(model, frame)[1][customers == code]), "a customer alone gets the same")


def _check_refusals(model: Recommender) -> None:
    known = model.customers_.labels[0]
    _raises(ParameterError, lambda: model.recommend(k=0), "k below 1 is refused")
    _raises(ParameterError, lambda: model.recommend(exclude="bought"), "an unknown exclude is refused")
    _raises(DataError, lambda: model.recommend([known, known]), "a customer asked for twice is refused")
    short = np.ones(len(model.items_) + 1, dtype=bool)
    _raises(ParameterError, lambda: model.recommend(eligible=short), "a mask of another length is refused")
    boost = {model.items_.labels[0]: 0.0}
    _raises(DataError, lambda: model.recommend(boost=boost), "a boost of 0 is refused")
    if model._scores_unknown() is None:
        stranger = object()
        _raises(DataError, lambda: model.recommend([stranger]), "an unknown customer without a fallback is refused")


def _check_similar(model: Recommender) -> None:
    from ..exceptions import GrowthkitError

    try:
        frame = model.similar_items(k=4)
    except GrowthkitError:
        return
    name = model.origin_["item_name"]
    items, similar = _column(frame, name), _column(frame, f"similar_{name}")
    _require((items != similar).all(), "similar_items never holds the item itself")
    _require((_column(frame, "rank") <= 4).all(), "similar_items holds at most k")


def _check_fold_in(model: Recommender, data: Interactions) -> None:
    try:
        folded = model.fold_in(data)
    except NotImplementedError:
        return
    _require(folded is not model and type(folded) is type(model), "fold_in returns another model of the class")
    left = ~_seen(folded)
    _check_allowed(folded, folded.recommend(k=3), left, np.minimum(3, left.sum(axis=1)), "fold_in(...).recommend(k=3)")


def _same(one: IntoFrame, two: IntoFrame) -> bool:
    names = list(one.columns)
    return all(np.array_equal(_column(one, name), _column(two, name)) for name in names)


def _same_rows(one: Any, two: Any) -> bool:
    return all(np.array_equal(getattr(one, name), getattr(two, name)) for name in ("indptr", "codes", "values"))
