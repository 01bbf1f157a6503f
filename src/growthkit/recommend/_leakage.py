"""`Split`: training data, test data, and what the one knows of the other."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from .._core.frames import stamps
from .._core.params import Params
from .._core.results import Notice, Result
from ..exceptions import DataError
from ..summaries.interactions import Interactions
from ..typing import AnyArray
from ._alignment import codes_in, pairs_within
from ._events import ticks_of

__all__ = ["Check", "Split", "check_parts"]


class Check(NamedTuple):
    """One line of the leakage report.

    Parameters
    ----------
    code
        A stable word.
    n, of
        How many of how many.
    text
        What is counted.
    doubtful
        Whether a count above 0 is something that a reader must know.
    """

    code: str
    n: int
    of: int
    text: str
    doubtful: bool = False


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Split(Result):
    """Training data and test data, with a report on what leaks from the one to the other.

    Made by `split.by_time`, `split.leave_last`, `split.rolling`, `split.cold_customers` and `split.at_random`, or by
    `of` from parts that are there already.

    Parameters
    ----------
    train
        What models may learn from.
    test
        What they are to find.
    given
        What is told of customers that are not in `train`, for `fold_in`; or None.
    method
        How the data were split.
    checks
        The report.
    """

    _picture: ClassVar[str] = "recommend:draw_split"

    train: Interactions
    test: Interactions
    given: Interactions | None
    method: str
    checks: tuple[Check, ...]

    @classmethod
    def of(
        cls,
        train: Interactions,
        test: Interactions,
        *,
        given: Interactions | None = None,
        at: str | dt.date | np.datetime64 | None = None,
    ) -> Split:
        """Make a split of parts that are there already, such as the official ones of a published data set.

        Parameters
        ----------
        train, test, given
            As the fields of the same name.
        at
            The moment of the split, as in `split.by_time`: training rows from then on are refused. None to count those
            that are not older than the first test row.

        Raises
        ------
        DataError
            If the parts have ids of different kinds, `given` has items that `train` has not, or `train` has rows from
            `at` on, or no times to say so.
        ParameterError
            If `at` is no moment.

        Examples
        --------
        >>> import pandas as pd
        >>> from growthkit.recommend import Interactions
        >>> from growthkit.recommend.split import Split
        >>> train = pd.DataFrame({"customer_id": ["ann", "ann", "bob"], "item_id": [1, 2, 2]})
        >>> test = pd.DataFrame({"customer_id": ["ann", "bob", "eve"], "item_id": [2, 1, 3]})
        >>> parts = Split.of(Interactions.from_frame(train), Interactions.from_frame(test))
        >>> parts.to_frame()[["check", "count", "of"]]
                    check  count  of
        0        repeated      1   3
        1   new_customers      1   3
        2       new_items      1   3
        3  new_item_pairs      1   3
        4       reachable      1   3
        """
        function = "Split.of"
        if at is not None:
            _refuse_late(function, train, at)
        checks = check_parts(function, train, test, given)
        return cls(train.backend, train, test, given, "as given", (*_late(train, test), *checks))

    @property
    def warnings(self) -> tuple[Notice, ...]:
        """The lines of the report that a reader must know."""
        doubtful = [check for check in self.checks if check.doubtful and check.n]
        return tuple(Notice(check.code, f"{check.n:,} of {check.of:,} {check.text}.") for check in doubtful)

    def count(self, code: str) -> int:
        """Return the count of one line of the report; 0 if it has no such line."""
        return sum(check.n for check in self.checks if check.code == code)

    def columns(self) -> dict[str, AnyArray]:
        """Return the leakage report: one row a check."""
        n, of = (np.array([getattr(check, name) for check in self.checks]) for name in ("n", "of"))
        return {
            "check": np.array([check.code for check in self.checks], dtype=object),
            "count": n,
            "of": of,
            "share": np.where(of > 0, n / np.maximum(of, 1), np.nan),
            "meaning": np.array([check.text for check in self.checks], dtype=object),
        }

    def facts(self) -> dict[str, Any]:
        """Return the sizes of both parts, the times that they span, and the report."""
        given = {} if self.given is None else {"given": _size(self.given)}
        spans = {f"{name} times": _span(part) for name, part in self._parts() if part.rows.times is not None}
        report = {check.code: f"{check.n:,} of {check.of:,}" for check in self.checks}
        sizes = {"train": _size(self.train), **given, "test": _size(self.test)}
        return {"method": self.method, **sizes, **spans, **report}

    def _parts(self) -> list[tuple[str, Interactions]]:
        return [("train", self.train), ("test", self.test)]


def check_parts(
    function: str, train: Interactions, test: Interactions, given: Interactions | None
) -> tuple[Check, ...]:
    """Return the lines of the report that both parts tell without the log."""
    for side in ("customers", "items"):
        kinds = {getattr(part, side).kind for part in (train, test, given) if part is not None}
        if len(kinds) > 1:
            raise DataError(
                f"{function}: the ids of the {side} are of kinds {' and '.join(sorted(kinds))}, which never match; "
                "cast them to one type first."
            )
    if given is not None and (codes_in(train.items, given.items) < 0).any():
        raise DataError(f"{function}: given has items that train has not; drop their rows.")
    known = train if given is None else given
    customer_known = _rows_of(known, test) > 0
    item_known = _known_items(train, test)
    repeated = pairs_within(test, known.rows, known.customers, known.items)
    by_pair = customer_known[test.rows.row_numbers()], item_known[test.rows.codes]
    reachable = int((by_pair[0] & by_pair[1] & ~repeated).sum())
    n_pairs, text = len(test), "pairs of the test data"
    return (
        Check("repeated", int(repeated.sum()), n_pairs, f"{text} are known from before", True),
        Check(
            "new_customers",
            int((~customer_known & (test.rows.lengths > 0)).sum()),
            int((test.rows.lengths > 0).sum()),
            "customers of the test data have no history",
            True,
        ),
        Check(
            "new_items", int((~item_known).sum()), test.n_items, "items of the test data are not in the training data"
        ),
        Check(
            "new_item_pairs",
            int((~by_pair[1]).sum()),
            n_pairs,
            f"{text} have an item that is not in the training data",
            True,
        ),
        Check(
            "reachable", reachable, n_pairs, f"{text} are new pairs of customers and items that the training data know"
        ),
    )


def _refuse_late(function: str, train: Interactions, at: Any) -> None:
    """Refuse training data that go on after the moment of the split."""
    if train.rows.times is None or train.ticks_per_day is None:
        raise DataError(f"{function}: train has no times to hold against at; make it with timestamp=.")
    late = train.rows.times >= ticks_of(Params(function), "at", at, train.ticks_per_day)
    if late.any():
        raise DataError(
            f"{function}: train holds {int(late.sum())} pairs whose last event is at {at} or later (first at pair "
            f"{int(late.argmax())}); drop these rows before making the interactions."
        )


def _late(train: Interactions, test: Interactions) -> list[Check]:
    """Count training pairs that are not older than the first test pair, where both parts have times of one unit."""
    early, late = train.rows.times, test.rows.times
    if early is None or late is None or train.ticks_per_day != test.ticks_per_day:
        return []
    text = "training pairs are not older than the first test pair"
    return [Check("train_after_test", int((early >= late.min()).sum()), len(train), text, doubtful=True)]


def _rows_of(known: Interactions, test: Interactions) -> AnyArray:
    """Return how many pairs of each customer of the test data are known."""
    rows = codes_in(known.customers, test.customers)
    return np.append(known.rows.lengths, 0)[rows]


def _known_items(train: Interactions, test: Interactions) -> AnyArray:
    """Return which items of the test data have a pair in the training data."""
    present = np.append(np.bincount(train.rows.codes, minlength=train.n_items) > 0, False)
    return present[codes_in(train.items, test.items)]


def _size(part: Interactions) -> str:
    return f"{len(part):,} pairs of {part.n_customers:,} customers and {part.n_items:,} items"


def _span(part: Interactions) -> str:
    times = part.rows.times
    if times is None:
        return ""
    ends = stamps(np.array([times.min(), times.max()]), part.ticks_per_day or 1).astype("datetime64[s]")
    return " to ".join(str(end).replace("T00:00:00", "").replace("T", " ") for end in ends)
