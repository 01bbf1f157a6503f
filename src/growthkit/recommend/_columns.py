"""Lists as columns of a frame, made one by one, so that at no time much more is held than the frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .._core.frames import Coded
from ..typing import AnyArray
from ._request import Ranked

__all__ = ["Listed", "columns_of"]

Listed = tuple[Ranked, AnyArray | None]
"""Lists, and the number of the source of each of their places, or None."""


def columns_of(
    owner: tuple[str, AnyArray],
    item: tuple[str, AnyArray],
    lists: list[Listed],
    sources: Sequence[str] = (),
) -> dict[str, AnyArray | Coded]:
    """Return the columns of lists: whose they are, the item, rank, score, and the source where there are sources.

    Parameters
    ----------
    owner
        The name of the column, and the id of each list's owner.
    item
        The name of the column, and the id that each item's code stands for.
    lists
        The lists as the only entry of a list that is emptied: each part is freed as its column is made, if nobody else
        holds it.
    sources
        The names of the sources.
    """
    ranked, numbers = lists.pop()
    items, scores = ranked.items, ranked.scores
    del ranked
    present = items >= 0
    full = bool(present.all())

    def flat(table: AnyArray) -> AnyArray:
        return table.reshape(-1) if full else table[present]

    columns: dict[str, AnyArray | Coded] = {}
    columns[owner[0]] = _repeated(owner[1], present.shape[1] if full else present.sum(axis=1))
    columns[item[0]] = _decoded(flat(items), item[1])
    del items
    columns["rank"] = flat(_ranks(present.shape))
    columns["score"] = flat(scores).astype(np.float64)
    del scores
    if numbers is not None:
        columns["source"] = Coded(flat(numbers), np.array(sources, dtype=object))
    return columns


def _repeated(labels: AnyArray, counts: AnyArray | int) -> AnyArray | Coded:
    """Return labels several times each; objects as codes, as the frame holds these in another form."""
    if labels.dtype.kind == "O":
        return Coded(np.repeat(np.arange(labels.size, dtype=np.int32), counts), labels)
    return np.repeat(labels, counts)


def _decoded(codes: AnyArray, labels: AnyArray) -> AnyArray | Coded:
    return Coded(codes, labels) if labels.dtype.kind == "O" else labels[codes]


def _ranks(shape: tuple[int, ...]) -> AnyArray:
    """Return the place of each place in its list, from 1; all lists share their memory."""
    return np.broadcast_to(np.arange(1, shape[1] + 1, dtype=np.int64), shape)
