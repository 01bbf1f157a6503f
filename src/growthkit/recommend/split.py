"""Split a log into what models may learn from and what they are to find; each split reports what leaks."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import replace
from typing import Any

import numpy as np

from .._core.params import Params
from .._core.random import seed_from, stream
from ..summaries.interactions import Interactions
from ..typing import BoolArray, Int64Array, IntoFrame, RngLike
from ._alignment import codes_in, kept_pairs
from ._events import Events, read_events, ticks_of
from ._leakage import Check, Split, check_parts

__all__ = ["Split", "at_random", "by_time", "cold_customers", "leave_last", "rolling"]


def by_time(
    log: IntoFrame | Interactions,
    at: float | str | dt.date | np.datetime64,
    *,
    until: str | dt.date | np.datetime64 | None = None,
    gap: float = 0.0,
    timestamp: str = "timestamp",
    **roles: Any,
) -> Split:
    """Train on what happened before a moment, test on what happened from then on.

    The only split that asks what a recommender is asked in production: all training rows are older than all test rows.

    Parameters
    ----------
    log
        A pandas, Polars or PyArrow dataframe with one row per event; or interactions with times, whose pairs are then
        split by their last event.
    at
        The moment: a date, a datetime or ISO text without zone; or the share of the rows to train on, in (0, 1). Rows
        of one time are never parted.
    until
        The moment at which the test data end; rows from then on are left out. None for no end.
    gap
        Days from `at` whose rows are left out, at least 0: the time that a model takes to go into production.
    timestamp
        Column of timestamps without time zone.
    **roles
        How to read the log: customer, item, event, weight, event_weights, half_life and duplicates, as in
        `Interactions.from_frame`. Weights of the training data decay to the last training row.

    Returns
    -------
    Split
        With its leakage report.

    Raises
    ------
    DataError
        If no rows are left on one side, or the log is wrong in the ways of `Interactions.from_frame`.
    ParameterError
        If a parameter is out of range.

    Notes
    -----
    O(rows). What a model may still learn too early are item features of today; the split cannot see them.

    References
    ----------
    .. [1] Ji, Y., A. Sun, J. Zhang and C. Li (2023). A critical study on data leakage in recommender system offline
       evaluation. ACM Transactions on Information Systems 41(3).

    Examples
    --------
    >>> import pandas as pd
    >>> from growthkit.recommend import split
    >>> log = pd.DataFrame({
    ...     "customer_id": ["ann", "bob", "ann", "bob", "eve"],
    ...     "item_id": [1, 2, 2, 1, 1],
    ...     "timestamp": pd.to_datetime(["2026-01-01", "2026-01-02", "2026-01-05", "2026-01-06", "2026-01-07"]),
    ... })
    >>> parts = split.by_time(log, "2026-01-05")
    >>> len(parts.train), len(parts.test), parts.count("reachable")
    (2, 3, 2)
    """
    params = Params("split.by_time")
    days = params.number("gap", gap, low=0.0)
    events = read_events(params.function, log, timestamp, roles)
    ticks, ticks_per_day = events.timed()
    start = _start(params, at, ticks, ticks_per_day)
    stop = None if until is None else ticks_of(params, "until", until, ticks_per_day)
    return _windows(events, (start, _later(start, days, ticks_per_day), stop), "by time")


def leave_last(
    log: IntoFrame | Interactions, n: int = 1, *, min_history: int = 1, timestamp: str = "timestamp", **roles: Any
) -> Split:
    """Test on the last `n` events of each customer, train on the rest.

    Every customer is tested, but at different times: what others did later is in the training data. The report counts
    these rows; `by_time` has none.

    Parameters
    ----------
    log
        As for `by_time`.
    n
        How many events to leave out, at least 1. Rows of one customer, time and item are one event; events of one time
        stand in the order of their items.
    min_history
        Events that must remain, at least 1; customers with fewer stay in the training data whole.
    timestamp
        Column of timestamps without time zone.
    **roles
        As for `by_time`.

    Returns
    -------
    Split
        With its leakage report.

    Raises
    ------
    DataError
        If no customer has ``n + min_history`` events, or the log is wrong.
    ParameterError
        If a parameter is out of range.

    Notes
    -----
    O(rows log rows).

    Examples
    --------
    >>> import pandas as pd
    >>> from growthkit.recommend import split
    >>> log = pd.DataFrame({
    ...     "customer_id": ["ann", "bob", "ann", "bob", "eve"],
    ...     "item_id": [1, 2, 2, 1, 1],
    ...     "timestamp": pd.to_datetime(["2026-01-01", "2026-01-02", "2026-01-05", "2026-01-06", "2026-01-07"]),
    ... })
    >>> parts = split.leave_last(log)
    >>> len(parts.train), len(parts.test), parts.count("train_after_test")
    (3, 2, 1)
    """
    params = Params("split.leave_last")
    n = params.whole("n", n, low=1)
    least = params.whole("min_history", min_history, low=1)
    events = read_events(params.function, log, timestamp, roles)
    events.timed()
    later = events.from_last()
    enough = np.zeros(events.n_customers, dtype=bool)
    enough[events.customers[later >= n + least - 1]] = True
    tested = enough[events.customers] & (later < n)
    return _split(events, ~tested, tested, f"last {n} of each customer")


def rolling(
    log: IntoFrame | Interactions,
    n: int = 3,
    *,
    horizon: float,
    step: float | None = None,
    gap: float = 0.0,
    train_days: float | None = None,
    timestamp: str = "timestamp",
    **roles: Any,
) -> tuple[Split, ...]:
    """Split by time `n` times, each time a step later: how good is a model over the weeks, not in one of them.

    Parameters
    ----------
    log
        As for `by_time`.
    n
        Number of splits, at least 1.
    horizon
        Days of test data in each split, above 0; those of the last split end with the log.
    step
        Days between splits, above 0; None for `horizon`, so that the test data do not overlap.
    gap
        As for `by_time`.
    train_days
        Days of training data before each split; None for all that is older.
    timestamp
        Column of timestamps without time zone.
    **roles
        As for `by_time`.

    Returns
    -------
    tuple of Split
        The oldest first. `evaluate` takes them together.

    Raises
    ------
    DataError
        If a split has no training or no test rows, or the log is wrong.
    ParameterError
        If a parameter is out of range.

    Examples
    --------
    >>> import pandas as pd
    >>> from growthkit.recommend import split
    >>> log = pd.DataFrame({
    ...     "customer_id": [1, 1, 2, 2, 1, 2],
    ...     "item_id": [1, 2, 1, 3, 3, 2],
    ...     "timestamp": pd.date_range("2026-01-01", periods=6),
    ... })
    >>> [(len(parts.train), len(parts.test)) for parts in split.rolling(log, n=2, horizon=2)]
    [(2, 2), (4, 2)]
    """
    params = Params("split.rolling")
    n = params.whole("n", n, low=1)
    days = params.number("horizon", horizon, above=0.0)
    apart = days if step is None else params.number("step", step, above=0.0)
    pause = params.number("gap", gap, low=0.0)
    kept = None if train_days is None else params.number("train_days", train_days, above=0.0)
    events = read_events(params.function, log, timestamp, roles)
    ticks, ticks_per_day = events.timed()
    end = int(ticks.max()) + 1
    stops = [end - round(back * apart * ticks_per_day) for back in reversed(range(n))]
    return tuple(_rolled(events, stop, days, pause, kept, ticks_per_day) for stop in stops)


def cold_customers(
    log: IntoFrame | Interactions,
    share: float = 0.1,
    *,
    hidden: float = 0.2,
    rng: RngLike = None,
    timestamp: str | None = None,
    **roles: Any,
) -> Split:
    """Train without some customers, then tell part of what they did and test on the rest.

    Asks what a model does for customers who come after it has been trained. Their told part is `Split.given`, which
    `evaluate` passes to `Recommender.fold_in`.

    Parameters
    ----------
    log
        As for `by_time`, with or without times.
    share
        Of the customers, in (0, 1): those kept out of training, drawn at random.
    hidden
        Share of each cold customer's items to test on, in (0, 1]: the last ones by time, or random ones without times.
        At least one item, and of customers with two or more not all; with 1 nothing is told, and only models with an
        answer for strangers (or a `fallback`) have one.
    rng
        A seed, a `numpy.random.Generator` or None. Who is drawn does not depend on the order of the rows.
    timestamp
        Column of timestamps without time zone, or None.
    **roles
        As for `by_time`.

    Returns
    -------
    Split
        With its leakage report. Told rows with items that no other customer has are left out and counted.

    Raises
    ------
    DataError
        If no rows are left on one side, or the log is wrong.
    ParameterError
        If a parameter is out of range.

    References
    ----------
    .. [1] Liang, D., R. G. Krishnan, M. D. Hoffman and T. Jebara (2018). Variational autoencoders for collaborative
       filtering. WWW 2018, 689-698. (Strong generalisation: users held out, 80 % of their items told.)

    Examples
    --------
    >>> import pandas as pd
    >>> from growthkit.recommend import split
    >>> log = pd.DataFrame({"customer_id": [1, 1, 2, 2, 3, 3, 4, 4], "item_id": [1, 2, 1, 2, 1, 2, 1, 2]})
    >>> parts = split.cold_customers(log, 0.25, hidden=0.5, rng=1)
    >>> parts.train.n_customers, len(parts.given), len(parts.test)
    (3, 1, 1)
    """
    params = Params("split.cold_customers")
    part = params.number("share", share, above=0.0, below=1.0)
    unseen = params.number("hidden", hidden, above=0.0, high=1.0)
    seed = seed_from(rng, function=params.function)
    events = read_events(params.function, log, timestamp, roles)
    lots = stream(seed, 0).random(events.n_customers)
    n_cold = max(1, round(part * events.n_customers))
    cold = np.zeros(events.n_customers, dtype=bool)
    cold[np.argsort(lots, kind="stable")[:n_cold]] = True
    place = _item_places(events, seed)
    n_hidden = _n_hidden(events.items_each(), unseen)
    enough = n_hidden > 0
    of_cold = cold[events.customers]
    tested = of_cold & (place < n_hidden[events.customers])
    told = of_cold & ~tested & enough[events.customers]
    return _split(events, ~of_cold, tested, f"{part:.0%} of the customers cold", told=told)


def at_random(
    log: IntoFrame | Interactions,
    share: float = 0.2,
    *,
    rng: RngLike = None,
    timestamp: str | None = None,
    **roles: Any,
) -> Split:
    """Test on random items of each customer, train on the others: where there are no times.

    The usual split of published data sets. It looks into the future (items that come up later are in the training
    data), so its figures are too good; use `by_time` where there are times.

    Parameters
    ----------
    log
        As for `by_time`, with or without times.
    share
        Of each customer's items to test on, in (0, 1); rounded, and never all.
    rng
        A seed, a `numpy.random.Generator` or None. What is drawn does not depend on the order of the rows.
    timestamp
        Column of timestamps without time zone, only for the report and for decay; or None.
    **roles
        As for `by_time`.

    Returns
    -------
    Split
        With its leakage report.

    Raises
    ------
    DataError
        If no rows are left on one side, or the log is wrong.
    ParameterError
        If a parameter is out of range.

    Examples
    --------
    >>> import pandas as pd
    >>> from growthkit.recommend import split
    >>> log = pd.DataFrame({"customer_id": [1, 1, 2, 2, 3], "item_id": [1, 2, 1, 2, 1]})
    >>> parts = split.at_random(log, 0.5, rng=0)
    >>> len(parts.train), len(parts.test)
    (3, 2)
    """
    params = Params("split.at_random")
    part = params.number("share", share, above=0.0, below=1.0)
    seed = seed_from(rng, function=params.function)
    events = read_events(params.function, log, timestamp, roles)
    each = events.items_each()
    n_hidden = np.minimum(np.floor(part * each + 0.5).astype(np.int64), each - 1)
    tested = events.drawn(stream(seed, 1).random) < n_hidden[events.customers]
    return _split(events, ~tested, tested, f"{part:.0%} of each customer's items at random")


def _start(params: Params, at: Any, ticks: Int64Array, ticks_per_day: int) -> int:
    """Return the tick of the first test row."""
    if isinstance(at, (int, float)):
        share = params.number("at", at, above=0.0, below=1.0)
        place = min(math.ceil(share * ticks.size), ticks.size - 1)
        return int(np.partition(ticks, place)[place])
    return ticks_of(params, "at", at, ticks_per_day)


def _later(tick: int, days: float, ticks_per_day: int) -> int:
    return tick + math.ceil(days * ticks_per_day)


def _rolled(events: Events, stop: int, days: float, pause: float, kept: float | None, ticks_per_day: int) -> Split:
    """Return the split whose test data end before `stop`."""
    begin = stop - round(days * ticks_per_day)
    start = begin - math.ceil(pause * ticks_per_day)
    oldest = None if kept is None else start - round(kept * ticks_per_day)
    return _windows(events, (start, begin, stop), "rolling", oldest)


def _windows(events: Events, moments: tuple[int, int, int | None], method: str, oldest: int | None = None) -> Split:
    """Train before the first moment, test from the second to the third."""
    ticks, _ = events.timed()
    start, begin, stop = moments
    trained = (ticks < start) & (ticks >= oldest) if oldest is not None else ticks < start
    tested = (ticks >= begin) & (ticks < stop) if stop is not None else ticks >= begin
    return _split(events, trained, tested, method)


def _item_places(events: Events, seed: int) -> Int64Array:
    """Return the place of each event's item among those of its customer: the latest first, or at random."""
    if events.ticks is None:
        return events.drawn(stream(seed, 1).random)
    pairs = events.pairs()
    last = np.full(pairs.customers.size, np.iinfo(np.int64).min)
    np.maximum.at(last, pairs.which, events.ticks)
    return replace(events, customers=pairs.customers, items=pairs.items, ticks=last).from_last()[pairs.which]


def _n_hidden(n_items: Int64Array, hidden: float) -> Int64Array:
    """Return how many items of each customer to hide: with less than all hidden, none of a single one."""
    if hidden == 1.0:
        return n_items
    return np.clip(np.floor(hidden * n_items + 0.5).astype(np.int64), np.minimum(1, n_items - 1), n_items - 1)


def _split(
    events: Events, trained: BoolArray, tested: BoolArray, method: str, *, told: BoolArray | None = None
) -> Split:
    """Make the parts and the report."""
    train, test = events.part(trained, "training"), events.part(tested, "the test")
    given, n_strange = None, 0
    if told is not None and told.any():
        given, n_strange = _known_part(train, events.part(told, "fold-in"))
    used = trained | tested | (np.zeros_like(tested) if told is None else told)
    n = tested.size
    out = Check("left_out", int(n - used.sum()), n, f"{events.unit} are in neither part", doubtful=True)
    strange = Check(
        "given_left_out",
        n_strange,
        n_strange + (0 if given is None else len(given)),
        "told pairs have an item that no customer of the training data has, and were left out",
        True,
    )
    checks = [*_time_checks(events, trained, tested), out, *([] if told is None else [strange])]
    checks += check_parts(events.function, train, test, given)
    return Split(events.backend, train, test, given, method, tuple(checks))


def _known_part(train: Interactions, told: Interactions) -> tuple[Interactions | None, int]:
    """Return what of the told pairs has an item of the training data, and how many have not."""
    known = (codes_in(train.items, told.items) >= 0)[told.rows.codes]
    if known.all():
        return told, 0
    return (kept_pairs(told, known) if known.any() else None), int((~known).sum())


def _time_checks(events: Events, trained: BoolArray, tested: BoolArray) -> list[Check]:
    """Count the training rows that a model could not have had when the first test row happened."""
    if events.ticks is None:
        return []
    late = int((events.ticks[trained] >= events.ticks[tested].min()).sum())
    text = f"training {events.unit} are not older than the first test row"
    return [Check("train_after_test", late, int(trained.sum()), text, doubtful=True)]
