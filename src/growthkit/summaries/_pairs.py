"""Events of pairs of customer and item, and the weight that they make together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .._core.frames import Log, Times
from .._core.params import Params
from .._core.ragged import Ragged
from .._core.vocabulary import Encoded
from ..exceptions import DataError
from ..typing import FloatArray, Int32Array, Int64Array

__all__ = ["decay", "grouped", "one_a_pair", "paired", "weigh", "without_zeros"]


def weigh(log: Log, event: str | None, event_weights: Mapping[Any, float] | None, weight: str | None) -> FloatArray:
    """Return the weight of each event before decay; 0 is refused, as it says nothing."""
    weights = np.ones(log.n_rows)
    if event is not None and event_weights is not None:
        weights = _weights_of_kinds(log, event, event_weights)
    if weight is None:
        return weights
    numbers = log.numbers(weight, role="weight")
    log.refuse_rows(weight, numbers == 0, "weights of 0", "drop these rows; they say nothing")
    with np.errstate(over="ignore"):
        weighted = weights * numbers
    log.refuse_rows(weight, ~np.isfinite(weighted), "weights that overflow with their event's", "scale them down")
    return weighted


def _weights_of_kinds(log: Log, event: str, event_weights: Mapping[Any, float]) -> FloatArray:
    params = Params(log.function)
    codes, kinds = log.ids(event, role="event")
    unknown = np.array([kind not in event_weights for kind in kinds.labels.tolist()])
    if unknown.any():
        name = kinds.labels[int(unknown.argmax())]
        log.refuse_rows(
            event, unknown[codes], f"events without a weight, such as {name!r}", "add them to event_weights"
        )
    by_kind = [params.number(f"event_weights[{kind!r}]", event_weights[kind]) for kind in kinds.labels.tolist()]
    weights = np.array(by_kind)
    log.refuse_rows(event, weights[codes] == 0, "events of weight 0", "drop these rows; they say nothing")
    return weights[codes]


def decay(ticks: Int64Array, as_of: int, half_life: float) -> FloatArray:
    return np.exp2((ticks - as_of) / half_life)


def paired(
    log: Log, customers: Encoded, items: Encoded, weights: FloatArray, times: Times | None, duplicates: str
) -> tuple[Ragged, int]:
    """Return one entry a pair, and how many pairs were left out because their weights cancel."""
    sizes = len(customers.vocabulary), len(items.vocabulary)
    ticks = None if times is None else times.ticks
    events = grouped(customers.codes, items.codes, weights, ticks, *sizes, n_threads=log.n_threads)
    rows, n_cancelled = without_zeros(one_a_pair(events, duplicates))
    if not rows.codes.size:
        raise DataError(f"{log.function}: all weights sum to 0; there is nothing to learn from.")
    return rows, n_cancelled


def grouped(
    customers: Int32Array,
    items: Int32Array,
    weights: FloatArray,
    ticks: Int64Array | None,
    n_customers: int,
    n_items: int,
    *,
    n_threads: int = 1,
) -> Ragged:
    """Return the events by customer, sorted by item, those of one pair by time."""
    by_item = Ragged.from_codes(items, customers, n_items, times=ticks, values=weights, n_threads=n_threads)
    return by_item.transpose(n_customers)


def one_a_pair(events: Ragged, duplicates: str) -> Ragged:
    """Unite neighbouring entries of one row that have one code."""
    first = np.ones(events.codes.size, dtype=bool)
    first[1:] = events.codes[1:] != events.codes[:-1]
    first[events.indptr[:-1][events.lengths > 0]] = True
    starts = np.flatnonzero(first)
    if starts.size == events.codes.size or events.values is None:
        return events
    last = np.append(starts[1:], events.codes.size) - 1
    if duplicates == "sum":
        with np.errstate(over="ignore", invalid="ignore"):
            values = np.add.reduceat(events.values, starts)
        n_overflown = int(np.count_nonzero(~np.isfinite(values)))
        if n_overflown:
            raise DataError(
                f"Interactions: the weights of {n_overflown} pairs sum to more than a double holds; scale them down."
            )
    else:
        values = np.maximum.reduceat(events.values, starts) if duplicates == "max" else events.values[last]
    indptr = np.concatenate(([0], np.cumsum(first, dtype=np.int64)))[events.indptr]
    return Ragged(indptr, events.codes[starts], None if events.times is None else events.times[last], values)


def without_zeros(pairs: Ragged) -> tuple[Ragged, int]:
    kept = pairs.values != 0 if pairs.values is not None else np.ones(pairs.codes.size, dtype=bool)
    n_zeros = int(kept.size - kept.sum())
    if not n_zeros or pairs.values is None:
        return pairs, 0
    indptr = np.concatenate(([0], np.cumsum(kept, dtype=np.int64)))[pairs.indptr]
    times = None if pairs.times is None else pairs.times[kept]
    return Ragged(indptr, pairs.codes[kept], times, pairs.values[kept]), n_zeros
