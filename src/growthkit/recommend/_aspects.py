"""Aspects of items (genres, brands, departments), and how much of each a customer should get."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from .._core.frames import Log, frozen, read_frame
from .._core.params import Params
from .._core.ragged import Ragged
from .._core.results import Notice
from .._core.vocabulary import Vocabulary, array_of
from ..exceptions import DataError
from ..summaries.interactions import Interactions
from ..typing import AnyArray, Int32Array, IntoFrame
from ._candidates import Candidates
from ._features import as_csr, as_ragged

__all__ = ["Aspects", "Target", "groups_of", "read_aspects", "target_of", "unknown_items"]

Target = Interactions | Mapping[Any, float] | None


@dataclass(frozen=True, slots=True, eq=False)
class Aspects:
    """The share of each aspect in each item.

    Parameters
    ----------
    items
        The items of the frame.
    labels
        What the aspects are called.
    shares
        A row an item; shares sum to 1.
    """

    items: Vocabulary
    labels: Vocabulary
    shares: Ragged

    def kinds(self, items: Int32Array) -> tuple[Int32Array, Ragged]:
        """Return the kind of each of these items, and the shares of each kind: items of one kind are alike."""
        rows = self.shares
        values = np.ones(rows.codes.size) if rows.values is None else rows.values
        kind_of: dict[tuple[bytes, bytes], int] = {}
        kinds = np.empty(len(rows), dtype=np.int32)
        firsts: list[int] = []
        for item in range(len(rows)):
            part = slice(int(rows.indptr[item]), int(rows.indptr[item + 1]))
            key = rows.codes[part].tobytes(), values[part].tobytes()
            kinds[item] = kind_of.setdefault(key, len(kind_of))
            if len(firsts) < len(kind_of):
                firsts.append(item)
        return kinds[items], as_ragged(as_csr(rows, len(self.labels))[np.array(firsts)])


def read_aspects(log: Log, item: str, by: str, share: str | None) -> Aspects:
    """Read aspects from a frame with one row per item and aspect.

    Raises
    ------
    DataError
        If a pair stands twice or a share is not above 0.
    """
    items, labels = log.ids(item, role="item"), log.ids(by, role="by")
    pairs = items.codes.astype(np.int64) * len(labels.vocabulary) + labels.codes
    repeated = np.ones(pairs.size, dtype=bool)
    repeated[np.unique(pairs, return_index=True)[1]] = False
    log.refuse_rows(by, repeated, "rows that repeat an item and its aspect", "keep each once")
    parts = np.ones(pairs.size)
    if share is not None:
        parts = log.numbers(share, role="share")
        log.refuse_rows(share, parts <= 0, "shares of 0 or below", "leave out aspects that an item does not have")
    parts = parts / np.bincount(items.codes, weights=parts)[items.codes]
    order = np.argsort(labels.codes, kind="stable")
    rows = Ragged.from_codes(items.codes[order], labels.codes[order], len(items.vocabulary), values=parts[order])
    return Aspects(items.vocabulary, labels.vocabulary, rows)


def unknown_items(function: str, candidates: Candidates, items: Vocabulary) -> Int32Array:
    """Return the place of each candidate in an item frame.

    Raises
    ------
    DataError
        If the frame lacks some of the candidates' items.
    """
    places = items.find(candidates.item_ids.labels)
    missing = places < 0
    if missing.any():
        first = candidates.item_ids.labels[int(missing.argmax())]
        raise DataError(
            f"{function}: the item frame lacks {int(missing.sum())} of the {missing.size} recommended items (first "
            f"{first!r}); add a row for each."
        )
    return places[candidates.items]


def target_of(
    params: Params, target: Any, candidates: Candidates, items: Int32Array, aspects: Aspects
) -> tuple[Ragged, list[Notice]]:
    """Return how much of each aspect each customer should get, in the order of the lists: shares that sum to 1."""
    table = as_csr(aspects.shares, len(aspects.labels))
    if target is None:
        held = as_csr(Ragged(candidates.indptr, items), len(aspects.items)) @ table
        held.data[:] = 1.0
        return _shares(held), []
    if isinstance(target, Mapping):
        return _one_target(params, cast("Mapping[Any, float]", target), candidates, aspects.labels), []
    if not isinstance(target, Interactions):
        params.refuse("target", "Interactions, a mapping of aspects to shares, or None", target)
    return _targets_of_histories(params, target, candidates, aspects.items, table)


def groups_of(
    params: Params, frame: IntoFrame, item: str, by: str, candidates: Candidates
) -> tuple[Int32Array, Vocabulary]:
    """Return the group of each candidate, from a frame with one row per item, and what the groups are called."""
    log = read_frame(frame, function=params.function)
    items, labels = log.ids(item, role="item"), log.ids(by, role="by")
    counts = np.bincount(items.codes)
    log.refuse_rows(item, counts[items.codes] > 1, "rows whose item has another row", "give each item one group")
    group = np.empty(counts.size, dtype=np.int32)
    group[items.codes] = labels.codes
    return frozen(group[unknown_items(params.function, candidates, items.vocabulary)]), labels.vocabulary


def _one_target(params: Params, target: Mapping[Any, float], candidates: Candidates, labels: Vocabulary) -> Ragged:
    """Return the same target for everybody."""
    import scipy.sparse as sp

    codes = labels.find(array_of(list(target)))
    shares = np.array([params.number(f"target[{label!r}]", share, low=0) for label, share in target.items()])
    if not target or (codes < 0).any() or not shares.sum() > 0:
        known = ", ".join(map(repr, labels.objects()[:20].tolist()))
        params.refuse("target", f"shares, not all 0, of aspects that items have ({known})", dict(target))
    n = candidates.customers.size
    row = sp.csr_array((shares, (np.zeros(codes.size, dtype=np.int32), codes)), shape=(1, len(labels)))
    return _shares(sp.vstack([row] * n, format="csr") if n < 1000 else row[np.zeros(n, dtype=np.int32)])


def _targets_of_histories(
    params: Params, history: Interactions, candidates: Candidates, items: Vocabulary, table: Any
) -> tuple[Ragged, list[Notice]]:
    """Return what each customer's positive interactions were with; without any, what those of all customers were."""
    import scipy.sparse as sp

    places = items.find(history.items.labels)
    rows = history.to_csr()
    rows.data = np.maximum(rows.data, 0.0)
    known = np.flatnonzero(places >= 0)
    held = rows[:, known] @ table[places[known]]
    sums = np.asarray(held.sum(axis=1)).ravel()
    if not sums.any():
        raise DataError(f"{params.function}: no item of the target's histories is in the item frame.")
    shares = sp.diags_array(np.divide(1.0, sums, out=np.zeros_like(sums), where=sums > 0), format="csr") @ held
    usual = sp.csr_array(np.asarray(shares.sum(axis=0)).reshape(1, -1) / np.count_nonzero(sums))
    found = history.customers.find(candidates.customers)
    found = np.where((found >= 0) & (sums[found] > 0), found, shares.shape[0])
    notices: list[Notice] = []
    n_strange, n_lost = int((found == shares.shape[0]).sum()), int((places < 0).sum())
    if n_strange:
        text = f"{n_strange:,} customers have no history with known items; the mean of all customers is their target."
        notices.append(Notice("no_history", text))
    if n_lost:
        notices.append(Notice("unknown_items", f"{n_lost:,} items of the histories are not in the item frame."))
    return as_ragged(sp.vstack([shares, usual], format="csr")[found]), notices


def _shares(held: Any) -> Ragged:
    """Return rows that sum to 1."""
    import scipy.sparse as sp

    sums = np.asarray(held.sum(axis=1)).ravel()
    return as_ragged(sp.diags_array(1.0 / sums, format="csr") @ held)


def arrays(rows: Ragged) -> tuple[AnyArray, AnyArray, AnyArray]:
    """Return a ragged array with values as kernels take it."""
    values = np.ones(rows.codes.size) if rows.values is None else rows.values
    return frozen(rows.indptr), frozen(rows.codes), frozen(values)
