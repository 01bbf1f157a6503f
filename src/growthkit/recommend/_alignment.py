"""Codes of one set of interactions in the vocabularies of another."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .._core.ragged import Ragged
from .._core.vocabulary import Vocabulary
from ..summaries.interactions import Interactions
from ..typing import BoolArray, Int32Array, Int64Array

__all__ = ["codes_in", "kept_pairs", "pairs_within"]


def codes_in(those: Vocabulary, of: Vocabulary) -> Int32Array:
    """Return for each id of `of` its code in `those`, -1 where it is not."""
    return those.find(of.labels)


def pairs_within(pairs: Interactions, known: Ragged, customers: Vocabulary, items: Vocabulary) -> BoolArray:
    """Return for each of the pairs whether it also stands in `known`, whose codes are those of the vocabularies."""
    rows = codes_in(customers, pairs.customers)[pairs.rows.row_numbers()].astype(np.int64)
    codes = codes_in(items, pairs.items)[pairs.rows.codes]
    wanted = np.where((rows >= 0) & (codes >= 0), rows * len(items) + codes, -1)
    have = _keys_of(known, len(items))
    if not have.size:
        return np.zeros(wanted.size, dtype=bool)
    places = np.minimum(np.searchsorted(have, wanted), have.size - 1)
    return have[places] == wanted


def _keys_of(rows: Ragged, n_codes: int) -> Int64Array:
    """Return a number for each pair, rising."""
    return rows.row_numbers().astype(np.int64) * n_codes + rows.codes


def kept_pairs(pairs: Interactions, kept: BoolArray) -> Interactions:
    """Return some of the pairs; customers and items that are left without any go."""
    rows = pairs.rows
    owners, codes = rows.row_numbers()[kept], rows.codes[kept]
    customers, owner_of = _used(owners, len(pairs.customers))
    items, code_of = _used(codes, len(pairs.items))
    smaller = Ragged.from_codes(
        owner_of[owners],
        code_of[codes],
        customers.size,
        times=None,
        values=None if rows.values is None else rows.values[kept],
    )
    if rows.times is not None:  # the order is that of the items already, so the times must not sort the rows
        smaller = replace(smaller, times=rows.times[kept])
    vocabularies = Vocabulary(pairs.customers.labels[customers]), Vocabulary(pairs.items.labels[items])
    as_of = None if rows.times is None else int(rows.times[kept].max())
    return replace(pairs, customers=vocabularies[0], items=vocabularies[1], rows=smaller, as_of=as_of, n_cancelled=0)


def _used(codes: Int32Array, n: int) -> tuple[Int64Array, Int32Array]:
    """Return which codes occur, and the new code of each."""
    present = np.bincount(codes, minlength=n) > 0
    return np.flatnonzero(present), (np.cumsum(present) - 1).astype(np.int32)
