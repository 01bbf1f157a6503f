"""From models and a split to lists and outcomes: who is asked, what counts as found, what each model recommends."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import numpy as np

from .._core.frames import frozen, read_frame
from .._core.parallel import thread_count
from .._core.params import Params
from .._core.ragged import Ragged
from .._core.results import Notice
from .._core.vocabulary import Vocabulary
from ..exceptions import DataError, NotFittedError
from ..summaries.interactions import Interactions
from ..typing import AnyArray, BoolArray, FloatArray, Int32Array, IntoFrame
from ._alignment import codes_in, pairs_within
from ._base import Recommender
from ._item_features import ItemTable, Space
from ._leakage import Split
from ._ranking_metrics import METRICS, Case, Truth, case_of, marked

__all__ = ["Outcome", "Task", "judge", "named_models"]


@dataclass(frozen=True, slots=True)
class Task:
    """What is asked of every model.

    Parameters
    ----------
    function
        The public function.
    measures
        Pairs of metric and length of list.
    exclude
        "seen" or None.
    fallback
        A model for customers without history, or None.
    items
        The item frame for `fit`, or None.
    table
        What metrics read from it, or None.
    n_threads
        As the caller gave it.
    """

    function: str
    measures: tuple[tuple[str, int], ...]
    exclude: str | None
    fallback: Recommender | None
    items: IntoFrame | None
    table: ItemTable | None
    n_threads: int | None

    @property
    def k(self) -> int:
        """The longest list."""
        return max(k for _, k in self.measures)


class Outcome(NamedTuple):
    """What the models did on one split.

    Parameters
    ----------
    customers
        The evaluated customers.
    numerator, denominator
        What each adds to the sums of each measure: by model, measure and customer; 0 for measures of all lists.
    wholes
        By model and measure the value for all lists together; NaN for measures of customers.
    notices
        What a reader must know.
    """

    customers: Vocabulary
    numerator: FloatArray
    denominator: FloatArray
    wholes: FloatArray
    notices: tuple[Notice, ...]


def named_models(params: Params, models: Any) -> dict[str, Any]:
    """Return models by name: as given, or by the names of their classes."""
    if isinstance(models, Mapping):
        named = {str(name): model for name, model in cast("Mapping[Any, Any]", models).items()}
    elif isinstance(models, Recommender):
        named = {type(models).__name__: models}
    elif isinstance(models, (list, tuple)):
        several = cast("Sequence[Any]", models)
        named = {type(model).__name__: model for model in several}
        if len(named) < len(several) or not all(isinstance(model, Recommender) for model in several):
            params.refuse("models", "a mapping of names to models where classes repeat or lists are given", models)
    else:
        named = {}
    if not named:
        params.refuse("models", "a model, a list of models or a mapping of names to models", models)
    return named


def judge(task: Task, split: Split, models: Mapping[str, Any]) -> Outcome:
    """Let each model recommend to the customers of the test data, and measure the lists."""
    others = [split.test.items, *([] if task.table is None else [task.table.items])]
    space = Space(split.train.items, others, task.function)
    chosen, notices = _asked(task, split)
    truth = _truth(task, split, space, chosen)
    customers = Vocabulary(split.test.customers.labels[np.flatnonzero(chosen.customers)])
    shape = len(models), len(task.measures), len(customers)
    numerator, denominator, wholes = np.zeros(shape), np.zeros(shape), np.full(shape[:2], np.nan)
    for place, (name, model) in enumerate(models.items()):
        case = case_of(truth, _lists(task, split, space, customers, name, model))
        _measure(task, case, numerator[place], denominator[place], wholes[place])
        notices += _notices_of(task, case, name, min(task.k, split.train.n_items))
    return Outcome(customers, numerator, denominator, wholes, tuple(notices))


def _measure(task: Task, case: Case, numerator: FloatArray, denominator: FloatArray, wholes: FloatArray) -> None:
    for place, (name, k) in enumerate(task.measures):
        metric = METRICS[name]
        if metric.of_customers is not None:
            numerator[place], denominator[place] = metric.of_customers(case, k)
        if metric.of_lists is not None:
            wholes[place] = metric.of_lists(case, k)


class _Chosen(NamedTuple):
    """Which customers of the test data are asked, and which of its pairs count as relevant."""

    customers: BoolArray
    pairs: BoolArray


def _asked(task: Task, split: Split) -> tuple[_Chosen, list[Notice]]:
    """Choose customers and pairs, and say what is left out."""
    test, known = split.test, _known(split)
    owners = test.rows.row_numbers()
    liked = test.weights > 0
    repeated = pairs_within(test, known.rows, known.customers, known.items)
    relevant = liked & ~repeated if task.exclude == "seen" else liked
    wanting = np.bincount(owners[relevant], minlength=test.n_customers) > 0
    strange = _rows(known, test.customers) < 0
    asked = wanting if task.fallback is not None else wanting & ~strange
    left = [
        (
            "disliked",
            int((~liked).sum()),
            len(test),
            "pairs of the test data have a weight below 0 and are not relevant",
        ),
        (
            "repeated",
            int((liked & ~relevant).sum()),
            len(test),
            "pairs of the test data are known from before; with exclude='seen' they were left out",
        ),
        (
            "nothing_to_find",
            int((~wanting).sum()),
            test.n_customers,
            "customers have nothing to find and were left out",
        ),
        (
            "without_history",
            int((wanting & strange).sum()),
            test.n_customers,
            "customers of the test data have no history and "
            + (
                "were left out; give a fallback to count them"
                if task.fallback is None
                else "were served by the fallback"
            ),
        ),
    ]
    if not asked.any():
        raise DataError(f"{task.function}: no customer of the test data has both a history and something to find.")
    notices = [Notice(code, f"{count:,} of {of:,} {text}.") for code, count, of, text in left if count]
    return _Chosen(asked, relevant & asked[owners]), notices


def _known(split: Split) -> Interactions:
    """Return what is known of the customers of the test data."""
    return split.train if split.given is None else split.given


def _rows(known: Interactions, customers: Vocabulary) -> AnyArray:
    """Return the row of each customer; -1 for those without any pair."""
    rows = codes_in(known.customers, customers).astype(np.int64)
    return np.where(np.append(known.rows.lengths, 0)[rows] > 0, rows, -1)


def _truth(task: Task, split: Split, space: Space, chosen: _Chosen) -> Truth:
    test, train, known = split.test, split.train, _known(split)
    place = (np.cumsum(chosen.customers) - 1).astype(np.int32)
    owners = place[test.rows.row_numbers()[chosen.pairs]]
    codes = space.codes(test.items)[test.rows.codes[chosen.pairs]]
    n = int(chosen.customers.sum())
    order = np.lexsort((codes, owners))
    relevant = Ragged.from_codes(owners[order], codes[order], n, values=test.weights[chosen.pairs][order])
    asked = Vocabulary(test.customers.labels[np.flatnonzero(chosen.customers)])
    n_buyers = max(int((train.rows.lengths > 0).sum()), 1)
    history = Ragged(known.rows.indptr, space.codes(known.items)[known.rows.codes], None, known.weights)
    return Truth(
        relevant=_frozen(relevant),
        history=_frozen(history),
        rows=frozen(_rows(known, asked)),
        popularity=np.bincount(train.rows.codes, minlength=train.n_items) / n_buyers,
        features=None if task.table is None else task.table.features(space),
        n_threads=thread_count(task.n_threads, n_rows=n * task.k, function=task.function),
    )


def _frozen(rows: Ragged) -> Ragged:
    """Return rows as kernels take them: with weights, none of it to be written to."""
    values = np.ones(rows.codes.size) if rows.values is None else rows.values
    return Ragged(frozen(rows.indptr), frozen(rows.codes), None, frozen(values))


def _lists(task: Task, split: Split, space: Space, customers: Vocabulary, name: str, model: Any) -> Int32Array:
    """Return what a model recommends, or what a frame of recommendations holds, as codes; -1 for none."""
    function = f'{task.function}: model "{name}"'
    if isinstance(model, Recommender):
        ready = _ready(task, split, name, model)
        source = ready if split.given is None else ready.fold_in(split.given)
        fallback = None if task.fallback is None else _ready(task, split, "fallback", task.fallback)
        model = source.recommend(
            customers.labels, task.k, exclude=task.exclude, fallback=fallback, n_threads=task.n_threads
        )
    return _matrix(function, model, split.train, space, customers, task.k)


def _ready(task: Task, split: Split, name: str, model: Recommender) -> Recommender:
    """Return the model fitted: as it is if it was, once it is known that it has not seen the test data."""
    try:
        model.check_fitted()
    except NotFittedError:
        return copy.deepcopy(model).fit(split.train, items=task.items)
    known = _known(split)
    seen = pairs_within(split.test, model.history_, model.customers_, model.items_)
    leaked = int((seen & ~pairs_within(split.test, known.rows, known.customers, known.items)).sum())
    if leaked:
        raise DataError(
            f'{task.function}: model "{name}" was fitted on data that hold {leaked} of the {len(split.test)} pairs '
            "that it is to find; fit it on the split's train, or pass it unfitted."
        )
    return model


def _matrix(
    function: str, frame: IntoFrame, train: Interactions, space: Space, customers: Vocabulary, k: int
) -> Int32Array:
    """Return a frame of recommendations (customer, item, rank) as lists, a row a customer."""
    log = read_frame(frame, function=function)
    owners, labels = log.ids(train.customer_name, role="customer")
    items, names = log.ids(train.item_name, role="item")
    ranks = log.numbers("rank", role="rank")
    log.refuse_rows(
        "rank", (ranks < 1) | (ranks != np.floor(ranks)), "ranks that are not 1, 2, ...", "number them from 1"
    )
    rows = customers.find(labels.labels)[owners]
    used = (rows >= 0) & (ranks <= k)
    lists = np.full((len(customers), k), -1, dtype=np.int32)
    slots = rows[used].astype(np.int64) * k + ranks[used].astype(np.int64) - 1
    _refuse_twice(log.refuse_rows, "rank", slots, used, "rows whose customer has another item of this rank")
    codes = space.codes(names)[items]
    lists.ravel()[slots] = codes[used]
    pairs = rows[used].astype(np.int64) * (len(names) + 1) + items[used]
    _refuse_twice(log.refuse_rows, train.item_name, pairs, used, "rows that recommend an item a second time")
    return frozen(lists)


def _refuse_twice(refuse: Callable[..., None], column: str, keys: AnyArray, used: BoolArray, what: str) -> None:
    """Refuse keys that occur more than once; sorting finds out whether any does."""
    ordered = np.sort(keys)
    if not (ordered[1:] == ordered[:-1]).any():
        return
    _, first = np.unique(keys, return_index=True)
    again = np.ones(keys.size, dtype=bool)
    again[first] = False
    bad = np.zeros(used.size, dtype=bool)
    bad[np.flatnonzero(used)[again]] = True
    refuse(column, bad, what, "keep one")


def _notices_of(task: Task, case: Case, name: str, k: int) -> list[Notice]:
    """Say where lists are short, and where they hold what the customer has already."""
    n = len(case.lists)
    short = int(((case.lists >= 0).sum(axis=1) < k).sum())
    notices: list[Notice] = []
    if short:
        text = f"{name}: {short:,} of {n:,} customers got fewer than {k} items; what is missing counts as a miss."
        notices.append(Notice("short_lists", text))
    if task.exclude == "seen":
        seen = int(marked(case.truth, case.lists, case.truth.rows, case.truth.history).any(axis=1).sum())
        if seen:
            text = f"{name}: {seen:,} of {n:,} lists hold what the customer has already, which is never a hit."
            notices.append(Notice("seen_recommended", text))
    return notices
