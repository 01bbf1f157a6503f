"""Baskets for the benchmarks: the public collections that everybody mines, and small made-up ones."""

from __future__ import annotations

import gzip
import lzma
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from .contest import LARGER_DATA

if TYPE_CHECKING:
    import pandas as pd

    from growthkit.rules import Baskets

__all__ = ["BasketData", "clicks", "grocer", "groceries", "public", "small", "small_clicks"]


@dataclass(frozen=True)
class BasketData:
    """Baskets that each library gets in its own form, and the count that makes a set frequent."""

    lists: list[list[Any]]
    min_count: int

    @cached_property
    def ours(self) -> Baskets:
        """The baskets as growthkit holds them."""
        from growthkit.rules import Baskets

        return Baskets.from_lists(self.lists)

    @cached_property
    def onehot(self) -> pd.DataFrame:
        """The baskets as mlxtend wants them: a table of booleans."""
        import pandas as pd

        return pd.DataFrame(self.sparse.toarray().astype(bool), columns=list(self.ours.items.labels))

    @property
    def sparse(self) -> Any:
        """The baskets as a sparse matrix."""
        from scipy.sparse import csr_matrix

        rows = self.ours.rows
        ones = np.ones(rows.codes.size, dtype=np.int8)
        return csr_matrix((ones, rows.codes, rows.indptr), shape=(len(rows), self.ours.n_items))


def public(name: str, min_count: int) -> BasketData:
    """Read a collection of the FIMI repository: one basket a line, items as whole numbers."""
    with lzma.open(LARGER_DATA / "rules" / f"{name}.dat.xz", "rt") as file:
        return BasketData([list(dict.fromkeys(map(int, line.split()))) for line in file], min_count)


def groceries(min_count: int) -> BasketData:
    """Read a month of a grocery's receipts, items as text."""
    baskets: dict[str, list[str]] = defaultdict(list)
    with gzip.open(LARGER_DATA / "rules" / "groceries_lines.csv.gz", "rt", encoding="utf-8") as file:
        next(file)
        for line in file:
            basket, item = line.rstrip("\n").split(",", 1)
            baskets[basket].append(item)
    return BasketData(list(baskets.values()), min_count)


def grocer(column: str, min_count: int) -> BasketData:
    """Return the baskets of Complete Journey by product, type or category, as whole numbers."""
    from growthkit.datasets import load_complete_journey

    journey = load_complete_journey()
    lines = journey.transactions[["basket_id", "product_id"]]
    if column != "product_id":
        lines = lines.merge(journey.products[["product_id", column]], on="product_id").dropna()
    lines = lines.assign(item=lines[column].astype("category").cat.codes).drop_duplicates(["basket_id", "item"])
    return BasketData(lines.groupby("basket_id")["item"].agg(list).tolist(), min_count)


def small(n_baskets: int = 60, n_items: int = 9, min_count: int = 4, *, text: bool = False) -> BasketData:
    """Make a few baskets with items of falling popularity."""
    draw = np.random.default_rng(4).random((n_baskets, n_items)) < np.linspace(0.8, 0.2, n_items)
    labels = np.array([f"item {i}" for i in range(n_items)], dtype=object) if text else np.arange(n_items)
    return BasketData([labels[row].tolist() for row in draw if row.any()], min_count)


def clicks(name: str, min_count: int) -> BasketData:
    """Read a collection whose lines are in the order of the clicks, repeated ones included."""
    with lzma.open(LARGER_DATA / "rules" / f"{name}.dat.xz", "rt") as file:
        return BasketData([list(map(int, line.split())) for line in file], min_count)


small_clicks = partial(small, 40, 5, 8)
