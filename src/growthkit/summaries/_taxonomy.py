"""Hierarchies of items: baskets that hold the groups of their items, too."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

import numpy as np

from .._core.frames import Log, read_frame
from .._core.ragged import Ragged
from .._core.vocabulary import Vocabulary
from ..exceptions import DataError, ParameterError
from ..typing import AnyArray, Int32Array, Int64Array, IntoFrame

__all__ = ["climb"]


def climb(
    rows: Ragged, items: Vocabulary, frame: IntoFrame, item: str, levels: Sequence[str] | None
) -> tuple[Ragged, Vocabulary, Ragged]:
    """Return baskets and items with the groups of the items, and the ancestors of each of these."""
    function = "Baskets.with_taxonomy"
    if items.kind != "text":
        raise DataError(
            f"{function}: the items are of kind {items.kind}, groups have names; cast the items to text first."
        )
    log = read_frame(frame, function=function)
    names = _names_of_levels(log, item, levels)
    places = _places_of_items(log, items, item)
    groups = [_named_groups(log, name)[places] for name in names]
    _refuse_clashes(function, items, groups)
    return _grown(rows, items, groups)


def _names_of_levels(log: Log, item: str, levels: Sequence[str] | None) -> list[str]:
    """Return the columns of the levels, each once."""
    if isinstance(levels, str):
        raise ParameterError(f"{log.function}: levels must be names of columns in a list, got {levels!r}.")
    names = [name for name in log.frame.columns if name != item] if levels is None else list(dict.fromkeys(levels))
    if not names:
        raise DataError(f'{log.function}: there is no column beside "{item}"; give at least one level.')
    return names


def _places_of_items(log: Log, items: Vocabulary, column: str) -> Int64Array:
    """Return the row of the table that describes each item."""
    codes, listed = log.ids(column, role="item")
    n_rows = np.bincount(codes, minlength=len(listed))
    log.refuse_rows(column, n_rows[codes] > 1, "values that stand in several rows", "give each item one row")
    found = listed.find(items.labels)
    if (found < 0).any():
        raise DataError(
            f'{log.function}: {int((found < 0).sum())} items of the baskets are not in column "{column}" '
            f"(first {items.labels[int((found < 0).argmax())]!r}); add a row for each."
        )
    row_of = np.empty(len(listed), dtype=np.int64)
    row_of[codes] = np.arange(codes.size)
    return row_of[found]


def _named_groups(log: Log, column: str) -> AnyArray:
    """Return the group of each row under an id that names its level."""
    codes, groups = log.ids(column, role="levels")
    return np.array([f"{column}={group}" for group in groups.labels], dtype=object)[codes]


def _refuse_clashes(function: str, items: Vocabulary, groups: list[AnyArray]) -> None:
    """Refuse groups that would have the id of an item, or of a group of another level."""
    taken = set(items.labels.tolist())
    for level in groups:
        names = set(level.tolist())
        clashes = sorted(taken & names)
        if clashes:
            raise DataError(
                f"{function}: {len(clashes)} groups have the id of an item or of another level's group (first "
                f"{clashes[0]!r}); rename the column, or the item."
            )
        taken |= names


def _grown(rows: Ragged, items: Vocabulary, groups: list[AnyArray]) -> tuple[Ragged, Vocabulary, Ragged]:
    """Put the groups beside their items; `groups` holds an array for each level, one entry an item."""
    parts = [items.labels, *groups]
    codes, vocabulary = Vocabulary.encode(np.concatenate(parts))
    own, *above = np.split(codes, len(parts))
    lines = np.concatenate([level[rows.codes] for level in (own, *above)])
    row_of = np.tile(rows.row_numbers(), len(parts))
    grown = Ragged.from_codes(lines, row_of, len(vocabulary)).transpose(len(rows)).distinct()
    return grown, vocabulary, _ancestors([own, *above], len(vocabulary))


def _ancestors(levels: list[Int32Array], n: int) -> Ragged:
    """Return the ancestors of each code, of items and groups; `levels` holds the items first.

    A code's ancestors are the groups of other levels that all its items belong to. Of two codes with the same items
    that of the later level is above, so that nothing is its own ancestor's ancestor.
    """
    pairs = [
        _always_together(levels[low], levels[high], only_part=low > high)
        for low, high in permutations(range(len(levels)), 2)
    ]
    below, above = np.concatenate(pairs, axis=1)
    return Ragged.from_codes(above, below, n).transpose(n).distinct()


def _always_together(below: Int32Array, above: Int32Array, *, only_part: bool) -> Int32Array:
    """Return the pairs of codes where `below` stands beside one code of `above` only, as two rows.

    With `only_part` without those where `above`, too, stands beside no other.
    """
    pairs = np.unique(np.stack((below, above)), axis=1)
    kept = np.bincount(pairs[0])[pairs[0]] == 1
    if only_part:
        kept &= np.bincount(pairs[1])[pairs[1]] > 1
    return pairs[:, kept]
