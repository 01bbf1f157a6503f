"""What is split: rows of a log, or pairs of interactions, as codes and times, and a way to take some of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from .._core.frames import TICKS_A_DAY, Log, read_frame
from .._core.params import Params
from .._core.ragged import Ragged
from ..exceptions import DataError, ParameterError
from ..summaries.interactions import Interactions
from ..typing import AnyArray, BoolArray, Int32Array, Int64Array, IntoFrame
from ._alignment import kept_pairs

__all__ = ["Events", "read_events", "ticks_of"]

ROLES = ("customer", "item", "event", "weight", "event_weights", "half_life", "duplicates")
"""What a split passes on to `Interactions.from_frame`."""


@dataclass(frozen=True, slots=True, eq=False)
class Events:
    """Rows of a log, or pairs of interactions.

    Parameters
    ----------
    function
        The public function that reads them.
    backend
        The caller's dataframe library.
    customers, items
        The code of each event; ``n_customers`` and ``n_items`` how many there are.
    ticks, ticks_per_day
        The time of each event and its unit, or None.
    unit
        What an event is called: "rows" or "pairs".
    take
        Makes interactions of some of them.
    """

    function: str
    backend: str
    customers: Int32Array
    n_customers: int
    items: Int32Array
    n_items: int
    ticks: Int64Array | None
    ticks_per_day: int | None
    unit: str
    take: Callable[[BoolArray], Interactions]

    def part(self, chosen: BoolArray, name: str) -> Interactions:
        """Return the interactions of some events, of which there must be one."""
        if not chosen.any():
            raise DataError(f"{self.function}: no {self.unit} are left for {name}; choose another split.")
        return self.take(chosen)

    def timed(self) -> tuple[Int64Array, int]:
        """Return times and their unit, which must be there."""
        if self.ticks is None or self.ticks_per_day is None:
            raise DataError(f"{self.function}: the interactions have no times; make them with timestamp=.")
        return self.ticks, self.ticks_per_day

    def from_last(self) -> Int64Array:
        """Return for each event how many later ones its customer has, equal ones counting as one.

        Events of one time stand in the order of their items; without times, in that of their items alone.
        """
        order = self._in_order(self.ticks)[::-1]
        owners, items = self.customers[order], self.items[order]
        same = (owners[1:] == owners[:-1]) & (items[1:] == items[:-1])
        if self.ticks is not None:
            ticks = self.ticks[order]
            same &= ticks[1:] == ticks[:-1]
        return _unordered(order, _places(owners, same))

    def drawn(self, numbers: Callable[[int], AnyArray]) -> Int64Array:
        """Return for each event the place of its item among those of its customer, in random order."""
        pairs = self.pairs()
        order = np.lexsort((numbers(pairs.customers.size), pairs.customers))
        apart = np.zeros(max(order.size - 1, 0), dtype=bool)
        return _unordered(order, _places(pairs.customers[order], apart))[pairs.which]

    def pairs(self) -> Pairs:
        """Return the distinct pairs of customer and item, in the order of both, and the pair of each event."""
        order = self._in_order(None)
        owners, items = self.customers[order], self.items[order]
        new = np.ones(order.size, dtype=bool)
        new[1:] = (owners[1:] != owners[:-1]) | (items[1:] != items[:-1])
        return Pairs(owners[new], items[new], _unordered(order, np.cumsum(new) - 1))

    def items_each(self) -> Int64Array:
        """Return how many items each customer has."""
        return np.bincount(self.pairs().customers, minlength=self.n_customers)

    def _in_order(self, ticks: Int64Array | None) -> Int32Array:
        """Return the numbers of the events by customer, time and item: two counting sorts, and few comparisons."""
        numbers = np.arange(self.items.size, dtype=np.int32)
        by_item = Ragged.from_codes(self.items, numbers, self.n_items).codes
        times = None if ticks is None else ticks[by_item]
        return Ragged.from_codes(self.customers[by_item], by_item, self.n_customers, times=times).codes


class Pairs(NamedTuple):
    """Distinct pairs of customer and item, and for each event which of them it is."""

    customers: Int32Array
    items: Int32Array
    which: Int64Array


def _places(owners: Int32Array, same: BoolArray) -> Int64Array:
    """Return for events in order the place of each within its owner; one that is the same as the last shares its."""
    if not owners.size:
        return np.empty(0, dtype=np.int64)
    running = np.concatenate(([0], np.cumsum(~same)))
    first = np.ones(owners.size, dtype=bool)
    first[1:] = owners[1:] != owners[:-1]
    starts = np.flatnonzero(first)
    return running - np.repeat(running[starts], np.diff(np.append(starts, owners.size)))


def _unordered(order: AnyArray, values: Int64Array) -> Int64Array:
    """Return values by event, given them by place in an order."""
    by_event = np.empty(order.size, dtype=np.int64)
    by_event[order] = values
    return by_event


def read_events(function: str, data: IntoFrame | Interactions, timestamp: str | None, roles: dict[str, Any]) -> Events:
    """Read a log, or take interactions as they are."""
    unknown = [name for name in roles if name not in ROLES]
    if unknown:
        raise ParameterError(
            f"{function}: there is no parameter {unknown[0]!r}; columns are named by {', '.join(ROLES)}."
        )
    if isinstance(data, Interactions):
        if roles:
            raise ParameterError(f"{function}: {next(iter(roles))} is for a log; the interactions are made already.")
        return _of_interactions(function, data)
    log = read_frame(data, function=function)
    return _of_log(log, timestamp, roles)


def _of_log(log: Log, timestamp: str | None, roles: dict[str, Any]) -> Events:
    customers, customer_ids = log.ids(roles.get("customer", "customer_id"), role="customer")
    items, item_ids = log.ids(roles.get("item", "item_id"), role="item")
    times = None if timestamp is None else log.times(timestamp, role="timestamp")
    frame: Any = log.frame

    def take(chosen: BoolArray) -> Interactions:
        return Interactions.from_frame(frame[np.flatnonzero(chosen)].to_native(), timestamp=timestamp, **roles)

    counts = len(customer_ids), len(item_ids)
    moments = (None, None) if times is None else (times.ticks, times.ticks_per_day)
    return Events(log.function, log.backend, customers, counts[0], items, counts[1], *moments, "rows", take)


def _of_interactions(function: str, pairs: Interactions) -> Events:
    rows = pairs.rows

    def take(chosen: BoolArray) -> Interactions:
        return kept_pairs(pairs, chosen)

    sides = rows.row_numbers(), pairs.n_customers, rows.codes, pairs.n_items
    return Events(function, pairs.backend, *sides, rows.times, pairs.ticks_per_day, "pairs", take)


def ticks_of(params: Params, name: str, moment: Any, ticks_per_day: int) -> int:
    """Return the first tick that is not before a moment: a date, a datetime, numpy.datetime64 or ISO text."""
    unit = {count: unit for unit, count in TICKS_A_DAY.items()}[ticks_per_day]
    stamp = params.moment(name, moment)
    floor = stamp.astype(f"datetime64[{unit}]")
    return int(floor.astype(np.int64)) + int(floor < stamp)
