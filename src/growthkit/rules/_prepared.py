"""Baskets made ready for mining: items by rank, equal baskets merged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import NamedTuple

import numpy as np

from .._core.frames import frozen
from .._core.ragged import Ragged
from ..summaries.baskets import Baskets
from ..typing import AnyArray, BoolArray, Int32Array, Int64Array
from . import _basket_kernels
from ._choosing_kernels import Masked
from ._instructions import BLOCK, LANES, RUN
from ._local_kernels import Database
from ._support import item_counts, weights_of

__all__ = ["Prepared", "Recoded", "Split", "aligned", "located", "mask", "prepare", "recode", "split"]

DENSE = 0.2
"""The share of items in an average basket from which on baskets are searched without making local databases."""

ROOM_FOR_MASKS = 3
"""Masks, and what is beside them, take at most so many times the memory that the baskets took, or what lists would."""

WORKSPACE = 1 << 18
"""Bytes that a search takes besides, more or less; by then, what said where the recoded baskets begin is given back."""

NARROW = 2**31 - 1


@dataclass(frozen=True, slots=True, eq=False)
class Recoded:
    """Baskets of at least two frequent items, these by rank: 0 the most frequent, an ancestor before its descendants.

    Parameters
    ----------
    indptr
        Where each basket begins in `codes`.
    codes
        The weight of each basket, and then its items.
    supports
        The count of each rank.
    lineage, ancestors
        The ancestors of rank r in a taxonomy are ``ancestors[lineage[r]:lineage[r + 1]]``.
    code_of
        The item of each rank, and behind these the items that stand in every basket.
    n_always
        How many items stand in every basket.
    n_baskets
        The number of baskets.
    longest
        The most frequent items of one basket.
    n_rows
        The number of baskets that differ, or are not worth merging.
    n_bytes
        The memory that the baskets took before they were recoded.
    is_dense
        Whether to search the whole as one database: its baskets hold a good part of all items.
    """

    indptr: Int64Array
    codes: AnyArray
    supports: Int64Array
    lineage: Int64Array
    ancestors: Int32Array
    code_of: Int32Array
    n_always: int
    n_baskets: int
    longest: int
    n_rows: int
    n_bytes: int
    is_dense: bool

    @property
    def n_ranks(self) -> int:
        """The number of items to be mined."""
        return self.supports.size

    def without_baskets(self) -> Recoded:
        """Return what is known of the baskets without these themselves, which may take much memory."""
        return replace(self, indptr=np.zeros(0, dtype=np.int64), codes=self.codes[:0].copy())

    @property
    def visits(self) -> Int64Array:
        """About how many pairs of frequent items stand in the baskets before each rank, were items independent."""
        before = np.cumsum(self.supports) - self.supports
        pairs = self.supports * (before / max(self.n_baskets, 1)) * (self.n_rows / max(self.n_baskets, 1))
        return np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(pairs).astype(np.int64)))


@dataclass(frozen=True, slots=True, eq=False)
class Prepared(Recoded):
    """Recoded baskets whose items are sorted.

    Parameters
    ----------
    indptr, codes, supports, lineage, ancestors, code_of, n_always, n_baskets, longest, n_rows, n_bytes, is_dense
        As in `Recoded`.
    data
        The baskets, and where each item stands in them.
    """

    data: Database


def recode(baskets: Baskets, least: int, allowed: BoolArray | None, *, perfect: bool) -> Recoded:
    """Recode baskets for mining: frequent items only, by rank; equal baskets merged.

    Parameters
    ----------
    baskets
        What was bought together.
    least
        The count from which on an item is frequent.
    allowed
        Which items may be part of an itemset; None for all.
    perfect
        Whether items that stand in every basket are set apart.
    """
    counts, n_baskets = item_counts(baskets), baskets.n_baskets
    frequent = counts >= least if allowed is None else (counts >= least) & allowed
    always = np.flatnonzero(frequent & (counts == n_baskets)) if perfect else np.zeros(0, dtype=np.int64)
    frequent[always] = False
    order = np.flatnonzero(frequent)
    depth = np.zeros(order.size) if baskets.taxonomy is None else baskets.taxonomy.lengths[order]
    order = order[np.lexsort((depth, -counts[order]))]
    rank = np.full(counts.size, -1, dtype=np.int32)
    rank[order] = np.arange(order.size, dtype=np.int32)
    indptr, codes = _merged(baskets, rank)
    lineage, ancestors = _lineage(baskets.taxonomy, order, rank)
    code_of = np.concatenate((order, always)).astype(np.int32)
    longest, n_rows = int(np.diff(indptr).max(initial=1)) - 1, indptr.size - 1
    is_dense = codes.size - n_rows > DENSE * order.size * n_rows
    n_bytes = baskets.rows.indptr.nbytes + baskets.rows.codes.nbytes
    return Recoded(
        indptr, codes, counts[order], lineage, ancestors, code_of, always.size, n_baskets, longest, n_rows, n_bytes,
        is_dense,
    )  # fmt: skip


def prepare(baskets: Baskets, least: int, allowed: BoolArray | None, *, perfect: bool) -> Prepared:
    """Recode baskets, sort their items, and list where each item stands; the parameters are those of `recode`."""
    return located(recode(baskets, least, allowed, perfect=perfect))


def located(recoded: Recoded) -> Prepared:
    """Sort the items of recoded baskets, in place, and list where each item stands."""
    indptr, codes, n = recoded.indptr, recoded.codes, recoded.n_ranks
    sizes = np.zeros(n + 1, dtype=np.int64)
    _basket_kernels.sort_baskets(recoded.n_rows, indptr, codes, sizes[1:])
    starts = np.cumsum(sizes)
    places = np.empty((starts[-1], 2), dtype=codes.dtype)
    _basket_kernels.list_places(recoded.n_rows, indptr, codes, starts[:-1].copy(), places)
    data = Database(codes, starts, places, recoded.supports, recoded.lineage, recoded.ancestors)
    return Prepared(**{field.name: getattr(recoded, field.name) for field in fields(recoded)}, data=data)


class Split(NamedTuple):
    """Baskets whose most frequent items are bits of masks; the arrays are those of `Masked`, and the baskets an item.

    Parameters
    ----------
    split, width, masks, tails, ends, weights
        As in `Masked`.
    sizes
        How many baskets hold each item, behind a zero.
    """

    split: int
    width: int
    masks: AnyArray
    tails: Int32Array
    ends: AnyArray
    weights: AnyArray
    sizes: Int64Array


def split(recoded: Recoded) -> Split | None:
    """Return recoded baskets with masks of their most frequent items; nothing where they are dense."""
    if recoded.is_dense:
        return None
    width, n_rows, narrow = _width(recoded), recoded.n_rows, recoded.codes.dtype
    first = min(recoded.n_ranks, BLOCK) * (width > 0)
    weighted = (recoded.codes[recoded.indptr[:-1]] > 1).any()
    made = Split(
        first,
        width,
        aligned(n_rows * width + LANES),
        np.empty(_n_listed(recoded, first) + 1 + RUN, dtype=np.int32),
        np.zeros(n_rows + 1, dtype=narrow),
        np.empty(n_rows * weighted, dtype=narrow),
        np.zeros(recoded.n_ranks + 1, dtype=np.int64),
    )
    _basket_kernels.split_baskets(
        n_rows, first, width, recoded.indptr, recoded.codes, made.masks, made.tails, made.ends, made.weights,
        made.sizes[1:],
    )  # fmt: skip
    return made._replace(tails=made.tails[: made.ends[-1] + RUN])


def mask(recoded: Recoded, made: Split) -> Masked:
    """Return baskets with masks, and what holds each item; of `recoded`, the baskets themselves are not needed."""
    starts = np.cumsum(made.sizes)
    first = starts[made.split]
    owners = np.empty(starts[-1], dtype=made.ends.dtype)
    depths = np.empty(starts[-1] - first, dtype=np.uint8)
    before = np.zeros(recoded.n_ranks, dtype=np.int64)
    _basket_kernels.list_owners(
        recoded.n_rows, made.width, first, made.masks, made.tails, made.ends, starts[:-1].copy(), owners, depths, before
    )
    return Masked(
        made.split, made.width, made.masks, made.tails, made.ends, starts, owners, depths, int(before.max(initial=0)),
        made.weights, recoded.supports, recoded.lineage, recoded.ancestors,
    )  # fmt: skip


def _width(recoded: Recoded) -> int:
    """Return the words of a mask: a line of the cache, or as few as the items need where memory is short, or none."""
    first = min(recoded.n_ranks, BLOCK)
    beside = recoded.codes.nbytes + max(2 * recoded.indptr.nbytes, WORKSPACE)
    room = max(ROOM_FOR_MASKS * recoded.n_bytes - beside, _bytes_listed(recoded, 0)) - _bytes_listed(recoded, first)
    return next((width for width in (LANES, -(-first // 64)) if 8 * width * recoded.n_rows <= room), 0)


def _bytes_listed(recoded: Recoded, first: int) -> int:
    """Return the memory of lists of the items from rank `first` on: an item of a tail, and how deep it stands there."""
    return 5 * _n_listed(recoded, first)


def _n_listed(recoded: Recoded, first: int) -> int:
    """Return how many items from rank `first` on stand in the baskets, at most."""
    return min(recoded.codes.size - recoded.n_rows, int(recoded.supports[first:].sum()))


def aligned(n: int, make: Callable[..., AnyArray] = np.zeros) -> AnyArray:
    """Return n words of an array that `make` makes, from where a line of the cache begins."""
    room = make(n + LANES - 1, dtype=np.uint64)
    skip = -room.ctypes.data % (8 * LANES) // 8
    return room[skip : skip + n]


def _merged(baskets: Baskets, rank: Int32Array) -> tuple[Int64Array, AnyArray]:
    """Return where each basket begins, and the weights and the items by rank of all."""
    rows = baskets.rows
    size = rows.codes.size + len(rows)
    wide = max(baskets.n_baskets, size) > NARROW
    codes = np.empty(size + 1, dtype=np.int64 if wide else np.int32)
    indptr = np.zeros(len(rows) + 1, dtype=np.int64)
    table = np.full(1 << (2 * len(rows)).bit_length(), -1, dtype=np.int32)
    weights = weights_of(baskets)
    n = _basket_kernels.recode(frozen(rows.indptr), frozen(rows.codes), weights, rank, table, indptr, codes)
    return indptr[: n + 1], codes[: indptr[n]]


def _lineage(taxonomy: Ragged | None, order: Int64Array, rank: Int32Array) -> tuple[Int64Array, Int32Array]:
    """Return the ranks of the ancestors of each rank."""
    if taxonomy is None:
        return np.zeros(order.size + 1, dtype=np.int64), np.zeros(0, dtype=np.int32)
    of_rank = [rank[taxonomy.codes[slice(*taxonomy.indptr[code : code + 2])]] for code in order]
    known = [ranks[ranks >= 0] for ranks in of_rank]
    indptr = np.cumsum([0, *map(len, known)], dtype=np.int64)
    return indptr, np.concatenate([*known, np.zeros(0, dtype=np.int32)])
