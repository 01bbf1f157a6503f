"""`Hybrid`: several recommenders as one."""

from __future__ import annotations

import copy
import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self, SupportsIndex, cast

import numpy as np

from .._core.frames import frozen
from .._core.params import Params
from .._core.ragged import Ragged
from ..exceptions import DataError, GrowthkitError
from ..summaries.interactions import Interactions
from ..typing import AnyArray, Int32Array, Int64Array, IntoFrame
from . import _fusion_kernels
from ._base import Recommender
from ._candidates import NORMALISATIONS
from ._request import Ranked, Wanted
from ._selection import select

__all__ = ["Hybrid"]

WAYS = ("weighted", "rrf", "switch", "cascade")

CHUNK = 4096
"""Customers whose lists of all members are held at a time."""

Members = Sequence[Recommender] | Mapping[str, Recommender]


class Hybrid(Recommender):
    """Several recommenders as one; made by `weighted`, `rrf`, `switch` or `cascade`.

    `fit` fits a copy of each member to the same interactions and frames. What the members are asked for is what the
    hybrid is asked for: exclusions and eligibility hold for all of them; caps of groups and boosts apply to what they
    result in. `explain` tells what each member gave.

    Parameters
    ----------
    models
        Recommenders in a list, or in a mapping of names to recommenders; in a list they are named by their class.
    how
        "weighted", "rrf", "switch" or "cascade".
    weights
        A factor for each model, 0 or more; None for 1 each.
    normalise
        How "weighted" brings the scores of a customer to one scale: "minmax", "zscore", "max", "rank" or "none" (see
        `rerank.blend`), over all items.
    constant
        What "rrf" adds to ranks; above 0.
    depth
        How many items of each model "rrf" ranks; for "cascade" how many each but the last model passes on, one number
        or one for each.
    thresholds
        For "switch": one number of interactions less than there are models, rising.

    Notes
    -----
    Scores: "weighted" ``sum(weight * normalised score)``, where no score counts as the lowest; "rrf"
    ``sum(weight / (constant + rank))`` over the models that have the item among their best `depth`; "switch" those of
    the model; "cascade" ``1 / rank``. Ranks are those among the items that may be recommended.

    References
    ----------
    .. [1] Burke, R. (2002). Hybrid recommender systems: survey and experiments. User Modeling and User-Adapted
       Interaction 12, 331-370.
    .. [2] Cormack, G. V., Clarke, C. L. A. and Buettcher, S. (2009). Reciprocal rank fusion outperforms Condorcet and
       individual rank learning methods. SIGIR, 758-759.

    Examples
    --------
    >>> import pandas as pd
    >>> from growthkit import recommend
    >>> log = pd.DataFrame({"customer_id": [1, 1, 2, 2, 3], "item_id": ["tea", "cup", "tea", "mug", "cup"]})
    >>> items = pd.DataFrame({"item_id": ["tea", "cup", "mug"], "kind": ["food", "ware", "ware"]})
    >>> content = recommend.ContentBased(categorical="kind")
    >>> model = recommend.Hybrid.switch([content, recommend.Popular()], thresholds=[2])
    >>> lists = model.fit(recommend.Interactions.from_frame(log), items=items).recommend(k=1)
    >>> lists[["customer_id", "item_id", "source"]].to_records(index=False).tolist()
    [(1, 'mug', 'Hybrid (Popular)'), (2, 'cup', 'Hybrid (Popular)'), (3, 'mug', 'Hybrid (ContentBased)')]
    """

    models_: dict[str, Recommender]

    def __init__(
        self,
        models: Members,
        *,
        how: str = "weighted",
        weights: Sequence[float] | None = None,
        normalise: str = "minmax",
        constant: float = 60.0,
        depth: int | Sequence[int] = 100,
        thresholds: Sequence[int] | None = None,
    ) -> None:
        self.models = models
        self.how = how
        self.weights = weights
        self.normalise = normalise
        self.constant = constant
        self.depth = depth
        self.thresholds = thresholds

    @classmethod
    def weighted(cls, models: Members, *, weights: Sequence[float] | None = None, normalise: str = "minmax") -> Self:
        """Return the weighted sum of the models' scores, on a common scale for each customer."""
        return cls(models, how="weighted", weights=weights, normalise=normalise)

    @classmethod
    def rrf(
        cls,
        models: Members,
        *,
        weights: Sequence[float] | None = None,
        constant: float = 60.0,
        depth: int = 100,
    ) -> Self:
        """Return the reciprocal rank fusion of the models' lists: scores need not compare."""
        return cls(models, how="rrf", weights=weights, constant=constant, depth=depth)

    @classmethod
    def switch(cls, models: Members, *, thresholds: Sequence[int]) -> Self:
        """Return one model for each customer: the first for fewer than ``thresholds[0]`` interactions, and so on."""
        return cls(models, how="switch", thresholds=thresholds)

    @classmethod
    def cascade(cls, models: Members, *, depth: int | Sequence[int] = 100) -> Self:
        """Return models of which each puts the best `depth` items of the one before in an order of its own."""
        return cls(models, how="cascade", depth=depth)

    def save(self, path: str | Path) -> None:
        """Write the hybrid and its members to one npz file, which holds a file of each member.

        Raises
        ------
        DataError
            If a parameter is something that the format has no place for; nothing has been written then.
        """
        self.check_fitted()
        shell = copy.copy(self)
        shell.models = {}
        del shell.models_
        with TemporaryDirectory() as folder:
            for number, model in enumerate(self.models_.values()):
                model.save(Path(folder, f"member_{number}.npz"))
            Recommender.save(shell, path)
            with zipfile.ZipFile(path, "a") as archive:
                for number, (name, model) in enumerate(self.models_.items()):
                    about = {"name": name, "class": type(model).__name__, "named": isinstance(self.models, Mapping)}
                    archive.writestr(f"member_{number}.json", json.dumps(about))
                    archive.write(Path(folder, f"member_{number}.npz"), f"member_{number}.npz")

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what `save` wrote; the classes of the members must have been imported.

        Raises
        ------
        DataError
            If the file holds something else, or a member of an unknown class.
        """
        hybrid = super().load(path)
        named = False
        hybrid.models_ = {}
        with zipfile.ZipFile(path) as archive, TemporaryDirectory() as folder:
            for number in range(sum(name.endswith(".json") for name in archive.namelist())):
                about = json.loads(archive.read(f"member_{number}.json"))
                file = Path(archive.extract(f"member_{number}.npz", folder))
                hybrid.models_[about["name"]] = _class_of(about["class"]).load(file)
                named = about["named"]
        fresh = {name: type(model)(**model.get_params()) for name, model in hybrid.models_.items()}
        hybrid.models = fresh if named else list(fresh.values())
        return hybrid

    # Hooks -----------------------------------------------------------------------------------------------------------

    @property
    def _takes_new_items(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        return any(model._takes_new_items for model in self._named().values())

    def _named(self) -> dict[str, Recommender]:
        """Return the models by name."""
        given: Any = self.models
        named: dict[Any, Any] = {}
        if isinstance(given, Mapping):
            named = dict(cast("Mapping[Any, Any]", given))
        elif isinstance(given, Sequence):
            named = _by_class(list(cast("Sequence[Any]", given)))
        if not named or not all(isinstance(n, str) and isinstance(model, Recommender) for n, model in named.items()):
            wanted = "recommenders in a list or a mapping of names to them, at least one"
            Params("Hybrid.fit").refuse("models", wanted, self.models)
        return named

    def _check(self) -> None:
        params, n = Params("Hybrid.fit"), len(self._named())
        params.one_of("how", self.how, WAYS)
        params.one_of("normalise", self.normalise, NORMALISATIONS)
        params.number("constant", self.constant, above=0)
        self._factors(params)
        depths = [params.whole("depth", depth, low=1) for depth in self._depths(params)]
        if len(depths) != n - 1 or depths != sorted(depths, reverse=True):
            params.refuse("depth", f"a whole number, or {n - 1} of them, none larger than the one before", self.depth)
        if self.how == "switch":
            thresholds = [params.whole("thresholds", number, low=0) for number in self._rising(params)]
            if len(thresholds) != n - 1 or thresholds != sorted(set(thresholds)):
                params.refuse("thresholds", f"{n - 1} rising numbers of interactions", self.thresholds)

    def _factors(self, params: Params) -> list[float]:
        n = len(self._named())
        given = [1.0] * n if self.weights is None else _listed(params, "weights", self.weights)
        weights = [params.number("weights", weight, low=0) for weight in given]
        if len(weights) != n or not sum(weights) > 0:
            params.refuse("weights", f"{n} numbers, not all 0", self.weights)
        return weights

    def _depths(self, params: Params) -> list[int]:
        """Return how many items each model but the last passes on."""
        if isinstance(self.depth, SupportsIndex):
            return [cast(Any, self.depth)] * (len(self._named()) - 1)
        return _listed(params, "depth", self.depth)

    def _rising(self, params: Params) -> list[int]:
        return [] if self.thresholds is None else _listed(params, "thresholds", self.thresholds)

    def _learn(self, interactions: Interactions, items: IntoFrame | None, customers: IntoFrame | None) -> None:
        self._check()
        self.models_ = {
            name: copy.deepcopy(model).fit(interactions, items=items, customers=customers)
            for name, model in self._named().items()
        }

    def _update(self, merged: Interactions, new: Interactions) -> None:
        """Every member learns from the new interactions in its own way."""
        del merged
        for model in self.models_.values():
            model.partial_fit(new)

    def _fold(self, history: Ragged) -> None:
        members: dict[str, Recommender] = {}
        for name, model in self.models_.items():
            members[name] = copy.copy(model)
            members[name].customers_, members[name].history_ = self.customers_, history
            members[name]._fold(history)
        self.models_ = members

    def _codes(self, model: Recommender, customers: Int32Array) -> Int32Array:
        """Return the codes that a member, which may know further customers, has for some customers."""
        if len(model.customers_) == len(self.customers_):
            return customers
        return model.customers_.find(self.customers_.labels[customers])

    def _scores(self, customers: Int32Array) -> AnyArray:
        if self.how == "weighted":
            return self._sum([model._scores(self._codes(model, customers)) for model in self.models_.values()])
        if self.how == "switch":
            return self._switched(customers)
        wanted = Wanted(len(self.items_))
        return self._dense(self._lists_of(customers, wanted, 1), customers)

    def _scores_unknown(self) -> AnyArray | None:
        """Return what the first model that serves anybody has."""
        known = (model._scores_unknown() for model in self.models_.values())
        return next((scores for scores in known if scores is not None), None)

    def _top(self, customers: Int32Array, wanted: Wanted, n_threads: int) -> Ranked:
        if self.how == "switch":
            return self._switched_lists(customers, wanted, n_threads)
        if self.how == "weighted":
            return super()._top(customers, wanted, n_threads)
        ranked = Ranked.empty(customers.size, min(wanted.k, len(self.items_)))
        for start in range(0, customers.size, CHUNK):
            places = np.arange(start, min(start + CHUNK, customers.size))
            part = self._chunk(customers[places], wanted.at(places), n_threads)
            ranked.items[places], ranked.scores[places] = part.items, part.scores
        return ranked

    def _chunk(self, customers: Int32Array, wanted: Wanted, n_threads: int) -> Ranked:
        """Return the lists of some customers, made from the members' lists."""
        lists = self._lists_of(customers, wanted, n_threads)

        def scorer(start: int, stop: int) -> AnyArray:
            parts = [Ranked(part.items[start:stop], part.scores[start:stop]) for part in lists]
            return self._dense(parts, customers[start:stop])

        return select(scorer, customers.size, len(self.items_), wanted, n_threads)

    def _similar(self, items: Int32Array, k: int) -> Ranked:
        """Return what the first model says that has a notion of similar items."""
        for model in self.models_.values():
            try:
                return model._similar(items, k)
            except GrowthkitError:
                continue
        raise GrowthkitError("Hybrid.similar_items: no model of the hybrid has a notion of similar items.")

    def _contributions(self, customer: int, item: int) -> tuple[AnyArray, AnyArray]:
        codes = np.array([customer], dtype=np.int32)
        names = np.array(list(self.models_), dtype=object)
        if self.how == "switch":
            model = list(self.models_.values())[int(self._choice(codes)[0])]
            return model._contributions(int(self._codes(model, codes)[0]), item)
        if self.how == "weighted":
            scores = [model._scores(self._codes(model, codes)) for model in self.models_.values()]
            parts = [np.zeros(part.shape) for part in scores]
            self._weighted(scores, parts)
            return names, np.array([part[0, item] for part in parts])
        seen = self.history_.slice(customer, customer + 1).codes
        others = seen[seen != item]
        wanted = Wanted(len(self.items_), excluded=Ragged(np.array([0, others.size], dtype=np.int64), others))
        lists = self._lists_of(codes, wanted, 1)
        if self.how == "rrf":
            parts = [np.full((1, len(self.items_)), -np.inf, dtype=np.float32) for _ in lists]
            self._reciprocal(lists, parts)
            return names, np.array([max(float(part[0, item]), 0.0) for part in parts])
        score = self._dense(lists, codes)[0, item]
        place = "not ranked" if not np.isfinite(score) else f"rank {round(1 / score)}"
        return np.array([place], dtype=object), np.array([max(float(score), 0.0)])

    def _own_sources(self) -> list[str]:
        return [f"Hybrid ({name})" for name in self.models_] if self.how == "switch" else []

    def _lists(
        self, labels: AnyArray, codes: Int32Array, wanted: Wanted, fallback: Recommender | None, n_threads: int
    ) -> tuple[Ranked, AnyArray]:
        ranked, sources = super()._lists(labels, codes, wanted, fallback, n_threads)
        if self.how == "switch":
            known = codes >= 0
            own = np.where(known, 3 + self._choice(np.maximum(codes, 0)), 0)
            sources = np.where(sources == 0, own[:, None], sources)
        return ranked, sources

    # Ways ------------------------------------------------------------------------------------------------------------

    def _weighted(self, scores: list[AnyArray], totals: list[AnyArray]) -> AnyArray:
        """Add what each model gives, normalised and weighted, to a total; return which items have a score."""
        method = NORMALISATIONS.index(self.normalise)
        weights = self._factors(Params("Hybrid"))
        known = np.zeros(scores[0].shape, dtype=bool)
        for weight, part, total in zip(weights, scores, totals, strict=True):
            _fusion_kernels.add_normalised(frozen(np.ascontiguousarray(part)), method, weight, total, known)
        return known

    def _sum(self, scores: list[AnyArray]) -> AnyArray:
        total = np.zeros(scores[0].shape)
        known = self._weighted(scores, [total] * len(scores))
        return np.where(known, total, -np.inf).astype(np.float32)

    def _choice(self, customers: Int32Array) -> Int64Array:
        """Return the number of the model of each customer."""
        thresholds = np.array(self._rising(Params("Hybrid")), dtype=np.int64)
        return np.searchsorted(thresholds, self.history_.lengths[customers], side="right")

    def _parts(self, customers: Int32Array) -> Iterator[tuple[Recommender, AnyArray]]:
        """Yield each model that has customers, and their places."""
        choice = self._choice(customers)
        for number, model in enumerate(self.models_.values()):
            places = np.flatnonzero(choice == number)
            if places.size:
                yield model, places

    def _switched(self, customers: Int32Array) -> AnyArray:
        out = np.empty((customers.size, len(self.items_)), dtype=np.float32)
        for model, places in self._parts(customers):
            out[places] = model._scores(self._codes(model, customers[places]))
        return out

    def _switched_lists(self, customers: Int32Array, wanted: Wanted, n_threads: int) -> Ranked:
        ranked = Ranked.empty(customers.size, min(wanted.k, len(self.items_)))
        for model, places in self._parts(customers):
            part = model._top(self._codes(model, customers[places]), wanted.at(places), n_threads)
            ranked.items[places], ranked.scores[places] = part.items, part.scores
        return ranked

    def _lists_of(self, customers: Int32Array, wanted: Wanted, n_threads: int) -> list[Ranked]:
        """Return the members' lists of what is allowed: of all for "rrf", of the first for "cascade"."""
        deepest = int(self.depth) if isinstance(self.depth, SupportsIndex) else max([*self.depth, 1])
        k = min(max(deepest, wanted.k) if self.how == "cascade" else deepest, len(self.items_))
        plain = replace(wanted, k=k, groups=None, cap=0, boost=None)
        models = list(self.models_.values())[: 1 if self.how == "cascade" else None]
        return [model._top(self._codes(model, customers), plain, n_threads) for model in models]

    def _dense(self, lists: list[Ranked], customers: Int32Array) -> AnyArray:
        if self.how == "cascade":
            return self._staged(lists[0], customers)
        out = np.full((customers.size, len(self.items_)), -np.inf, dtype=np.float32)
        self._reciprocal(lists, [out] * len(lists))
        return out

    def _reciprocal(self, lists: list[Ranked], totals: list[AnyArray]) -> None:
        """Add the reciprocal ranks of each model to a total."""
        for weight, part, total in zip(self._factors(Params("Hybrid")), lists, totals, strict=True):
            _fusion_kernels.add_reciprocal(frozen(part.items), weight, float(self.constant), total)

    def _staged(self, first: Ranked, customers: Int32Array) -> AnyArray:
        """Return reciprocal ranks: each model reorders the best of the one before."""
        items = first.items.copy()
        for model, depth in zip(list(self.models_.values())[1:], self._depths(Params("Hybrid")), strict=True):
            scores = model._scores(self._codes(model, customers))
            items[:, :depth] = _reordered(items[:, :depth], scores)
        out = np.full((customers.size, len(self.items_)), -np.inf, dtype=np.float32)
        rows, places = np.nonzero(items >= 0)
        out[rows, items[rows, places]] = 1.0 / (places + 1)
        return out


def _by_class(models: list[Any]) -> dict[str, Any]:
    """Name models by their class; one that occurs twice is numbered."""
    kinds = [type(model).__name__ for model in models]
    counts = [kinds[: i + 1].count(kind) for i, kind in enumerate(kinds)]
    names = [kind if kinds.count(kind) == 1 else f"{kind} {n}" for kind, n in zip(kinds, counts, strict=True)]
    return dict(zip(names, models, strict=True))


def _listed(params: Params, name: str, value: Any) -> list[Any]:
    """Return several numbers as a list."""
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        params.refuse(name, "numbers in a list", value)
    return list(value)


def _reordered(items: Int32Array, scores: AnyArray) -> Int32Array:
    """Return lists in the order of scores; -1 comes last, equal scores by item."""
    present = items >= 0
    worth = np.where(present, np.take_along_axis(scores, np.maximum(items, 0), axis=1), -np.inf)
    order = np.lexsort((np.where(present, items, np.iinfo(np.int32).max), -worth, ~present), axis=-1)
    return np.take_along_axis(items, order, axis=1)


def _class_of(name: str) -> type[Recommender]:
    """Return the recommender of this name."""
    found: list[type[Recommender]] = [Recommender]
    for kind in found:
        found += kind.__subclasses__()
        if kind.__name__ == name:
            return kind
    raise DataError(f"Hybrid.load: the file holds a {name}, which is no recommender that has been imported.")
