"""Interactions for the benchmarks of the area "recommend": public sets, a grocer's year, and made-up ones."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from .contest import LARGER_DATA

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from growthkit.recommend import Interactions, Split

__all__ = ["InteractionData", "gowalla", "grocer", "lastfm", "parted", "power_law", "weighted"]


@dataclass(frozen=True)
class InteractionData:
    """A sparse matrix of customers by items that each library gets in its own form.

    Parameters
    ----------
    matrix
            A `scipy.sparse.csr_matrix`, float32, sorted, without duplicates or zeros; every row has an
        entry, and every column of a matrix without test data.
    test
        What customers did later, as a matrix of the same shape; or None.
    options
        What the case asks for, such as the length of vectors.
    """

    matrix: Any
    test: Any = None
    options: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def ours(self) -> Interactions:
        """The interactions as growthkit holds them; codes are rows and columns of the matrix."""
        from growthkit.recommend import Interactions

        return Interactions.from_csr(self.matrix)

    @cached_property
    def split(self) -> Split:
        """Training and test data as growthkit holds them."""
        from growthkit.recommend import Interactions, Split

        return Split.of(self.ours, Interactions.from_csr(self.test))


def gowalla(**options: Any) -> InteractionData:
    """Read the check-ins of Gowalla with their usual split: 29,858 customers, 40,981 places, all weights 1."""
    train, test = (_columns(f"gowalla_{part}.csv.xz", "user", "item") for part in ("train", "test"))
    shape = int(train[0].max()) + 1, int(train[1].max()) + 1
    return InteractionData(_matrix(*train, None, shape), _matrix(*test, None, shape), options)


def lastfm(**options: Any) -> InteractionData:
    """Read who listened to whom at Last.fm (HetRec 2011): 1,880 customers, weights are play counts."""
    customers, items, weights = _columns("lastfm_hetrec.csv.xz", "user", "item", "weight")
    return InteractionData(_matrix(customers, items, weights), options=options)


def grocer(least: int, **options: Any) -> InteractionData:
    """Return which household of Complete Journey bought which product, of those that `least` households bought."""
    from growthkit.datasets import load_complete_journey

    lines = load_complete_journey().transactions[["household_id", "product_id"]].drop_duplicates()
    lines = lines[lines.groupby("product_id")["household_id"].transform("size") >= least]
    return InteractionData(_matrix(lines["household_id"].to_numpy(), lines["product_id"].to_numpy()), options=options)


def power_law(
    n_customers: int = 136_677, n_items: int = 20_108, n_entries: int = 10_000_000, *, seed: int = 0, **options: Any
) -> InteractionData:
    """Make interactions of the size of MovieLens 20M as it is usually filtered; about `n_entries` distinct pairs.

    Lengths of histories are log-normal. Items are drawn with chances that fall with their rank, slowly at first; pairs
    that are drawn twice are one.
    """
    draw = np.random.default_rng(seed)
    lengths = draw.lognormal(0.0, 1.0, n_customers)
    chances = (np.arange(n_items) + 0.002 * n_items) ** -1.0
    edges = np.cumsum(chances) / chances.sum()
    drawn = np.maximum(1, np.rint(1.06 * n_entries * lengths / lengths.sum())).astype(np.int64)
    customers = np.repeat(np.arange(n_customers), drawn)
    items = np.searchsorted(edges, draw.random(customers.size), side="right").clip(max=n_items - 1)
    items = draw.permutation(n_items)[items]
    return InteractionData(_matrix(customers, items), options=options)


def weighted(n_customers: int, n_items: int, n_entries: int) -> InteractionData:
    """Make interactions with weights from 1 to 5."""
    data = power_law(n_customers, n_items, n_entries)
    matrix = data.matrix.copy()
    matrix.data = np.random.default_rng(1).integers(1, 6, matrix.nnz).astype(np.float32)
    return replace(data, matrix=matrix)


def parted(n_customers: int, n_items: int, n_entries: int, **options: Any) -> InteractionData:
    """Make interactions of which one in five, at random, is to be found; each customer keeps one at least."""
    matrix = power_law(n_customers, n_items, n_entries).matrix
    late = np.random.default_rng(2).random(matrix.nnz) < 0.2
    late[matrix.indptr[:-1]] = False
    whole = matrix.tocoo()
    train, test = (_matrix(whole.row[part], whole.col[part], None, whole.shape) for part in (~late, late))
    return InteractionData(train, test, options)


def _columns(name: str, *columns: str) -> list[NDArray[Any]]:
    import pandas as pd

    table = pd.read_csv(LARGER_DATA / "recommend" / name)
    return [table[column].to_numpy() for column in columns]


def _matrix(customers: Any, items: Any, weights: Any = None, shape: tuple[int, int] | None = None) -> Any:
    """Return a sparse matrix of pairs, each once; without a shape, ids are numbered without gaps."""
    from scipy.sparse import csr_matrix

    if shape is None:
        (customers, items), sizes = _numbered(customers, items)
        shape = sizes
    values = np.ones(len(customers), dtype=np.float32) if weights is None else np.asarray(weights, dtype=np.float32)
    matrix = csr_matrix((values, (customers, items)), shape=shape)
    matrix.sum_duplicates()
    if weights is None:
        matrix.data[:] = 1
    return matrix


def _numbered(*columns: Any) -> tuple[list[Any], tuple[int, int]]:
    """Return whole numbers as places among those that occur, and how many these are."""
    places = [np.cumsum(np.bincount(column) > 0) - 1 for column in columns]
    customers, items = (int(one[-1]) + 1 for one in places)
    return [one[column] for one, column in zip(places, columns, strict=True)], (customers, items)
