"""Kernels of session neighbours: sessions are numbered by recency, 0 for the latest.

For each item the sessions that hold it stand in that order. So the `m` latest sessions that share an item with the one
at hand are among the first `m` of each of its items, and no list has to be read further.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core.jit import kernel
from ..typing import AnyArray, FloatArray, Int32Array, Int64Array

SAME, LINEAR, QUADRATIC, LOG, RECIPROCAL = 0, 1, 2, 3, 4


@kernel
def position_weight(position: int, length: int, decay: int) -> float:
    """Return the weight of the item at a position from 1 (first) to `length` (last)."""
    if decay == LINEAR:
        return position / length
    if decay == QUADRATIC:
        return (position / length) ** 2
    if decay == LOG:
        return 1.0 / np.log10(length - position + 1.7)
    return 1.0


@kernel
def step_weight(step: Any, decay: int) -> float:
    """Return the weight of a neighbour whose last shared item stands `step` places from the end, 1 for the last."""
    if decay == LINEAR:
        return max(1.0 - 0.1 * (step - 1), 0.0)
    if decay == QUADRATIC:
        return 1.0 / (step * step)
    if decay == LOG:
        return 1.0 / np.log10(step + 1.7)
    return 1.0 / step if decay == RECIPROCAL else 1.0


@kernel
def session_order(items: Int32Array, times: Int64Array) -> Int32Array:
    """Return the items in the order of their times, those of one time by code."""
    ordered = items.copy()
    for i in range(1, times.size):
        if times[i] < times[i - 1]:
            order = np.argsort(times, kind="mergesort")
            for j in range(times.size):
                ordered[j] = items[order[j]]
            break
    return ordered


@kernel
def gather(
    ordered: Int32Array,
    own: Any,
    sample_size: int,
    decay: int,
    posting_indptr: Int64Array,
    postings: Int32Array,
    similarity: FloatArray,
    newest: Int32Array,
) -> Int32Array:
    """Sum up the similarities of sessions that share an item; return those sessions.

    `similarity` is zeros before; `newest` gets the position of the last shared item.
    """
    n = ordered.size
    room = 0
    for item in ordered:
        room += min(posting_indptr[item + 1] - posting_indptr[item], sample_size + 1)
    touched = np.empty(room, np.int32)
    n_touched = 0
    for p in range(n):
        weight = position_weight(p + 1, n, decay) / n
        start = posting_indptr[ordered[p]]
        stop = min(posting_indptr[ordered[p] + 1], start + sample_size + 1)
        for e in range(start, stop):
            session = postings[e]
            if session == own:
                continue
            if similarity[session] == 0.0:
                touched[n_touched] = session
                n_touched += 1
            similarity[session] += weight
            newest[session] = p + 1
    return touched[:n_touched]


@kernel
def nearest(touched: Int32Array, similarity: FloatArray, sample_size: int, k: int) -> Int32Array:
    """Return, of the `sample_size` latest sessions, the `k` most similar, later ones first among equals; by recency."""
    latest = np.sort(touched)[:sample_size]
    if latest.size <= k:
        return latest
    near = np.empty(latest.size)
    for i in range(latest.size):
        near[i] = -similarity[latest[i]]
    bound = np.partition(near, k - 1)[k - 1]
    room = k
    for i in range(near.size):
        room -= near[i] < bound
    chosen = np.empty(k, np.int32)
    n = 0
    for i in range(near.size):
        if near[i] < bound or (near[i] == bound and room > 0):
            room -= near[i] == bound
            chosen[n] = latest[i]
            n += 1
    return chosen


@kernel
def neighbours(
    ordered: Int32Array,
    own: Any,
    sample_size: int,
    k: int,
    decay: int,
    step_decay: int,
    posting_indptr: Int64Array,
    postings: Int32Array,
    similarity: FloatArray,
    newest: Int32Array,
) -> tuple[Int32Array, FloatArray]:
    """Return the nearest sessions and what each adds to the scores of its items; `similarity` is zeros and stays so."""
    touched = gather(ordered, own, sample_size, decay, posting_indptr, postings, similarity, newest)
    chosen = nearest(touched, similarity, sample_size, k)
    weights = np.empty(chosen.size)
    for i in range(chosen.size):
        step = ordered.size - newest[chosen[i]] + 1
        weights[i] = similarity[chosen[i]] * step_weight(step, step_decay)
    for session in touched:
        similarity[session] = 0.0
    return chosen, weights


@kernel
def session_scores(
    customers: AnyArray,
    indptr: Int64Array,
    items: Int32Array,
    times: Int64Array,
    own: Int32Array,
    sample_size: int,
    k: int,
    decay: int,
    step_decay: int,
    posting_indptr: Int64Array,
    postings: Int32Array,
    session_indptr: Int64Array,
    sessions: Int32Array,
    factors: FloatArray,
    out: Any,
) -> None:
    """Write the scores of all items for some customers; -inf where no neighbour has the item."""
    similarity = np.zeros(session_indptr.size - 1)
    newest = np.zeros(session_indptr.size - 1, np.int32)
    totals = np.zeros(factors.size)
    for r in range(customers.size):
        c = customers[r]
        ordered = session_order(items[indptr[c] : indptr[c + 1]], times[indptr[c] : indptr[c + 1]])
        chosen, weights = neighbours(
            ordered, own[c], sample_size, k, decay, step_decay, posting_indptr, postings, similarity, newest
        )
        totals[:] = 0.0
        for i in range(chosen.size):
            for e in range(session_indptr[chosen[i]], session_indptr[chosen[i] + 1]):
                totals[sessions[e]] += weights[i]
        for j in range(totals.size):
            score = totals[j] * factors[j]
            out[r, j] = score if score > 0.0 else -np.inf
