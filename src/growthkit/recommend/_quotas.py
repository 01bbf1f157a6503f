"""Rules about groups in lists, checked and turned into bounds for each place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .._core.frames import frozen
from .._core.params import Params
from .._core.results import Notice
from .._core.vocabulary import Vocabulary, array_of
from ..exceptions import ParameterError
from ..typing import AnyArray, BoolArray, Int32Array
from ._candidates import NEVER

__all__ = ["Quota", "bounds", "farthest", "shortcomings"]


class Quota(NamedTuple):
    """How many items of a group stand in the first places of a list.

    Parameters
    ----------
    group
        The group; None for each group on its own.
    at_least, at_most
        The bounds; `at_most` may be None for no bound. Each group on its own can only be bounded from above.
    within
        How many places from the top are meant; None for the whole list.
    """

    group: Any
    at_least: int = 0
    at_most: int | None = None
    within: int | None = None


def farthest(params: Params, rules: Sequence[Quota], k: int) -> int:
    """Check the rules one by one; return the last place that one of them names."""
    if isinstance(rules, Quota) or not rules:
        params.refuse("rules", "a list of at least one Quota", rules)
    last = 1
    for n, rule in enumerate(rules):
        rule = Quota(*rule)
        within = k if rule.within is None else params.whole(f"rules[{n}].within", rule.within, low=1, high=k)
        params.whole(f"rules[{n}].at_least", rule.at_least, low=0, high=0 if rule.group is None else within)
        if rule.at_most is not None:
            params.whole(f"rules[{n}].at_most", rule.at_most, low=rule.at_least)
        last = max(last, 0 if rule.within is None else rule.within, rule.at_least)
    return last


def bounds(
    params: Params, rules: Sequence[Quota], labels: Vocabulary, last: int
) -> tuple[Int32Array, Int32Array, Int32Array, Int32Array]:
    """Return the row of each group; per row the bounds of the first 0..last places; and when the j-th item is due.

    Groups that no rule names share the last row.
    """
    rules = [Quota(*rule) for rule in rules]
    named = list(dict.fromkeys(rule.group for rule in rules if rule.group is not None))
    codes = labels.find(array_of(named)) if named else np.empty(0, dtype=np.int32)
    if (codes < 0).any():
        params.refuse("rules", "groups that items have in the column of by=", named[int((codes < 0).argmax())])
    lower = np.zeros((len(named) + 1, last + 1), dtype=np.int32)
    upper = np.full((len(named) + 1, last + 1), NEVER, dtype=np.int32)
    for rule in rules:
        rows = slice(None) if rule.group is None else named.index(rule.group)
        within = last if rule.within is None else rule.within
        lower[rows, within:] = np.maximum(lower[rows, within:], rule.at_least)
        if rule.at_most is not None:
            upper[rows, : within + 1] = np.minimum(upper[rows, : within + 1], rule.at_most)
    _refuse_contradictions(params, lower, upper)
    due = np.array([np.searchsorted(row, np.arange(last + 2)) for row in lower], dtype=np.int32)
    due[due > last] = NEVER
    rule_of_group = np.full(len(labels), len(named), dtype=np.int32)
    rule_of_group[codes] = np.arange(len(named), dtype=np.int32)
    return frozen(rule_of_group), lower, upper, due


def _refuse_contradictions(params: Params, lower: Int32Array, upper: Int32Array) -> None:
    places = np.arange(int(lower.shape[1]))
    crowded: BoolArray = (lower.sum(axis=0) > places) | (lower > upper).any(axis=0)
    if crowded.any():
        raise ParameterError(
            f"{params.function}: the rules contradict each other within the first {int(crowded.argmax())} places: "
            "they ask for more items than they allow, or than there are places."
        )


def shortcomings(states: AnyArray) -> list[Notice]:
    n_missed, n_short = int((states & 1 > 0).sum()), int((states & 2 > 0).sum())
    notices: list[Notice] = []
    if n_missed:
        text = f"the candidates of {n_missed:,} customers do not suffice for all lower bounds."
        notices.append(Notice("quota_missed", text))
    if n_short:
        text = f"upper bounds leave {n_short:,} customers with shorter lists than asked for."
        notices.append(Notice("quota_short", text))
    return notices
