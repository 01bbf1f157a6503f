"""Sequential patterns by definition: grow every pattern, look for it in every history."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

Element = tuple[str, ...]
Pattern = tuple[Element, ...]
History = Sequence[tuple[int, frozenset[str]]]
"""Moments in rising order, with what was bought then."""


def is_in(pattern: Pattern, history: History, min_gap: float, max_gap: float, max_span: float) -> bool:
    """Whether the elements of the pattern stand in the history in order, within the bounds of time."""

    @cache
    def rest_is_in(done: int, before: int, first: int) -> bool:
        if done == len(pattern):
            return True
        return any(
            set(pattern[done]) <= items
            and (
                done == 0 or (moment > before and min_gap <= moment - before <= max_gap and moment - first <= max_span)
            )
            and rest_is_in(done + 1, moment, moment if done == 0 else first)
            for moment, items in history
        )

    return rest_is_in(0, -1, -1)


def patterns(
    histories: Sequence[History],
    min_count: int,
    *,
    min_gap: float = 0,
    max_gap: float = float("inf"),
    max_span: float = float("inf"),
    max_len: float = float("inf"),
) -> dict[Pattern, int]:
    """Return all frequent patterns with the number of histories that hold them."""
    items = sorted({item for history in histories for _, bought in history for item in bought})
    found: dict[Pattern, int] = {}
    level: list[Pattern] = [((item,),) for item in items]
    while level:
        counts = {p: sum(is_in(p, h, min_gap, max_gap, max_span) for h in histories) for p in level}
        kept = {pattern: count for pattern, count in counts.items() if count >= min_count}
        found |= kept
        level = [longer for pattern in kept for longer in extensions(pattern, items) if size(longer) <= max_len]
    return {pattern: count for pattern, count in found.items() if size(pattern) <= max_len}


def extensions(pattern: Pattern, items: Sequence[str]) -> list[Pattern]:
    """Return the pattern with one item more, in a new element or in the last one."""
    last = pattern[-1]
    later = [(*pattern, (item,)) for item in items]
    return later + [(*pattern[:-1], (*last, item)) for item in items if item > last[-1]]


def size(pattern: Pattern) -> int:
    """Return the number of items."""
    return sum(map(len, pattern))


def closed(found: dict[Pattern, int]) -> dict[Pattern, int]:
    """Keep the patterns that stand in no other one with the same count."""

    def holds(longer: Pattern, shorter: Pattern) -> bool:
        history = [(place, frozenset(element)) for place, element in enumerate(longer)]
        return is_in(shorter, history, 0, float("inf"), float("inf"))

    return {
        pattern: count
        for pattern, count in found.items()
        if not any(other != pattern and n == count and holds(other, pattern) for other, n in found.items())
    }
