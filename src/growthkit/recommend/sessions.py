"""`SessionKNN`: what came next in recent sessions like this one."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core.frames import frozen
from .._core.params import Params
from .._core.ragged import Ragged
from ..exceptions import DataError, ParameterError
from ..summaries.interactions import Interactions
from ..typing import AnyArray, FloatArray, Int32Array, IntoFrame
from . import _session_kernels
from ._base import Recommender
from ._request import Ranked, Wanted, rows_of
from ._selection import select

__all__ = ["SessionKNN"]

DECAYS = ("same", "linear", "quadratic", "log")
STEP_DECAYS = ("same", "linear", "quadratic", "log", "reciprocal")


class SessionKNN(Recommender):
    """Recommend what recent sessions similar to the one at hand hold: V-SKNN [1]_.

    The "customers" of the interactions are sessions; their items stand in the order of their times. For a session of
    items :math:`i_1, ..., i_n`, the `sample_size` latest sessions that share an item with it are compared, by

    ``similarity(s) = sum(position_weight(p) for p if item p is in s) / n``

    and the `k` most similar ones vote for their items:

    ``score(i) = (1 + idf_weight * log(N / n_i)) * sum(similarity(s) * step_weight(t_s) for s that hold i)``

    where t_s counts from the end of the session at hand to the last item that it shares with s, 1 being its last item,
    and n_i of N sessions hold i.

    Parameters
    ----------
    k
        Neighbours that vote.
    sample_size
        Latest sessions that are compared.
    decay
        Position weight: "same" 1, "linear" p / n, "quadratic" (p / n)^2, "log" 1 / log10(n - p + 1.7).
    step_decay
        Step weight: "same" 1, "linear" 1 - (t - 1) / 10, not below 0, "quadratic" 1 / t^2, "log" 1 / log10(t + 1.7),
        "reciprocal" 1 / t.
    idf_weight
        How much rare items gain; 0 or more.

    Notes
    -----
    Use `fold_in` for ongoing sessions. A session that was there at fit is no neighbour of itself. A score takes
    O(n * sample_size + k * length of a session + items). Items that no neighbour holds have no score.

    References
    ----------
    .. [1] Ludewig, M. and Jannach, D. (2018). Evaluation of session-based recommendation algorithms. User Modeling and
       User-Adapted Interaction 28, 331-390.

    Examples
    --------
    >>> import pandas as pd
    >>> from growthkit import recommend
    >>> def interactions(sessions):
    ...     rows = [(s, item, pd.Timestamp(2026, 1, s + 1, p)) for s, items in sessions for p, item in enumerate(items)]
    ...     log = pd.DataFrame(rows, columns=["session", "item_id", "timestamp"])
    ...     return recommend.Interactions.from_frame(log, customer="session", timestamp="timestamp")
    >>> model = recommend.SessionKNN().fit(interactions([(1, "abc"), (2, "abd"), (3, "ce")]))
    >>> model.fold_in(interactions([(9, "ab")])).recommend(k=2)["item_id"].tolist()
    ['d', 'c']
    """

    sessions_: Ragged
    postings_: Ragged
    own_: Int32Array
    factors_: FloatArray
    session_of_: Int32Array

    def __init__(
        self,
        k: int = 100,
        *,
        sample_size: int = 1000,
        decay: str = "linear",
        step_decay: str = "reciprocal",
        idf_weight: float = 1.0,
    ) -> None:
        self.k = k
        self.sample_size = sample_size
        self.decay = decay
        self.step_decay = step_decay
        self.idf_weight = idf_weight

    def _learn(self, interactions: Interactions, items: IntoFrame | None, customers: IntoFrame | None) -> None:
        del items, customers
        params = Params("SessionKNN.fit")
        self._settings(params)
        idf_weight = params.number("idf_weight", self.idf_weight, low=0)
        rows = interactions.rows
        times = _checked_times(params.function, rows)
        last = np.full(len(rows), np.iinfo(np.int64).min)
        filled = rows.lengths > 0
        last[filled] = np.maximum.reduceat(times, rows.indptr[:-1][filled])
        order = np.argsort(~last, kind="stable").astype(np.int32)  # ~last falls as last rises, without overflow
        self.session_of_ = order
        self.own_ = np.empty(order.size, dtype=np.int32)
        self.own_[order] = np.arange(order.size, dtype=np.int32)
        plain = rows_of(Ragged(rows.indptr, rows.codes), order)
        self.sessions_ = plain
        self.postings_ = plain.transpose(interactions.n_items)
        held = self.postings_.lengths
        rarity = np.log(np.divide(filled.sum(), held, out=np.ones(held.size), where=held > 0))
        self.factors_ = 1.0 + idf_weight * rarity

    def _fold(self, history: Ragged) -> None:
        _checked_times("SessionKNN.fold_in", history)
        self.own_ = np.full(len(history), -1, dtype=np.int32)

    def _settings(self, params: Params) -> tuple[int, int, int, int]:
        decay = DECAYS.index(params.one_of("decay", self.decay, DECAYS))
        params.one_of("step_decay", self.step_decay, STEP_DECAYS)
        return (
            params.whole("sample_size", self.sample_size, low=1, high=2**31 - 2),
            params.whole("k", self.k, low=1),
            decay,
            STEP_DECAYS.index(self.step_decay),
        )

    def _index(self) -> tuple[AnyArray, AnyArray]:
        return frozen(self.postings_.indptr), frozen(self.postings_.codes)

    def _block(self, customers: AnyArray, history: Ragged, own: Int32Array) -> AnyArray:
        out = np.empty((customers.size, len(self.items_)), dtype=np.float32)
        times = np.zeros(0, dtype=np.int64) if history.times is None else history.times
        arguments: tuple[Any, ...] = (
            frozen(customers.astype(np.int32)),
            *map(frozen, (history.indptr, history.codes, times, own)),
            *self._settings(Params("SessionKNN")),
            *self._index(),
            frozen(self.sessions_.indptr),
            frozen(self.sessions_.codes),
            frozen(self.factors_),
            out,
        )
        _session_kernels.session_scores(*arguments)
        return out

    def _scores(self, customers: Int32Array) -> AnyArray:
        return self._block(customers, self.history_, self.own_)

    def _similar(self, items: Int32Array, k: int) -> Ranked:
        """Return what is recommended to a session of one item."""
        single = Ragged(np.arange(items.size + 1, dtype=np.int64), items, np.zeros(items.size, dtype=np.int64))
        nobody = np.full(items.size, -1, dtype=np.int32)
        places = np.arange(items.size, dtype=np.int32)

        def scorer(start: int, stop: int) -> AnyArray:
            return self._block(places[start:stop], single, nobody)

        return select(scorer, items.size, len(self.items_), Wanted(k, excluded=Ragged(single.indptr, items)), 1)

    def _contributions(self, customer: int, item: int) -> tuple[AnyArray, AnyArray]:
        """Return what each item of the session adds, through the neighbours that hold it."""
        part = self.history_.slice(customer, customer + 1)
        times = np.zeros(0, dtype=np.int64) if part.times is None else part.times
        ordered = _session_kernels.session_order(frozen(part.codes), frozen(times))
        sample_size, k, decay, step_decay = self._settings(Params("SessionKNN"))
        scratch = np.zeros(len(self.sessions_)), np.zeros(len(self.sessions_), dtype=np.int32)
        chosen, weights = _session_kernels.neighbours(
            ordered, int(self.own_[customer]), sample_size, k, decay, step_decay, *self._index(), *scratch
        )
        n = ordered.size
        shares = np.array([_session_kernels.position_weight(p + 1, n, decay) for p in range(n)])
        parts = np.zeros(n)
        for session, weight in zip(chosen, weights, strict=True):
            held = self.sessions_.slice(int(session), int(session) + 1).codes
            if item in held:
                shared = np.isin(ordered, held) * shares
                parts += weight * shared / shared.sum()
        return ordered, parts * self.factors_[item]


def _checked_times(function: str, rows: Ragged) -> AnyArray:
    """Return the times of sessions.

    Raises
    ------
    ParameterError
        If there are none.
    DataError
        If a weight is below 0.
    """
    if rows.times is None:
        raise ParameterError(
            f"{function}: sessions need the times of their items; name timestamp= in Interactions.from_frame."
        )
    if rows.values is not None and (rows.values < 0).any():
        raise DataError(
            f"{function}: {int((rows.values < 0).sum())} interactions have a weight below 0, which a session cannot "
            "hold; leave dislikes out."
        )
    return rows.times
