"""Moments: counts, means and centred cross products by cell, in one pass; what closed-form tests need of the data."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .._core.frames import LARGEST, SMALLEST, Log, frozen, give_back, read_frame
from .._core.parallel import block_edges, rows_apart, run_blocks
from .._core.params import Params
from .._core.results import Result
from .._core.vocabulary import Vocabulary
from ..exceptions import DataError, ParameterError
from ..typing import AnyArray, BoolArray, FloatArray, Int32Array, Int64Array, IntoFrame
from . import _moments_kernels
from ._moments_pass import Sums, pass_over

__all__ = ["Moments"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Moments(Result):
    """Sufficient statistics of columns of numbers by cell (variant, segment, stratum), mergeable and small.

    For each cell: the number of rows n, the mean of each variable, the centred cross product
    ``sum((x - mean_x) * (y - mean_y))`` of each pair, and the centred sum of third powers of each variable.

    Parameters
    ----------
    keys
        By key column: the label of each cell, shape (cells,). No two cells have the same labels.
    variables
        Names of the columns that were summed.
    pairs
        Places in `variables` of the pairs, shape (pairs, 2); first (j, j) for each variable j.
    n
        Rows of each cell, shape (cells,), whole numbers as float64.
    mean
        Shape (cells, variables).
    products
        Centred cross products, shape (cells, pairs).
    thirds
        Sums of third powers of deviations from the mean, shape (cells, variables).

    References
    ----------
    .. [1] Chan, T. F., Golub, G. H., LeVeque, R. J. (1979). Updating formulae and a pairwise algorithm for computing
       sample variances. Stanford University, STAN-CS-79-773.
    .. [2] Pebay, P. (2008). Formulas for robust, one-pass parallel computation of covariances and arbitrary-order
       statistical moments. Sandia National Laboratories, SAND2008-6212.
    """

    keys: Mapping[str, AnyArray]
    variables: tuple[str, ...]
    pairs: Int32Array
    n: FloatArray
    mean: FloatArray
    products: FloatArray
    thirds: FloatArray

    @classmethod
    def from_frame(
        cls,
        data: IntoFrame,
        *,
        by: Sequence[str],
        variables: Sequence[str],
        pairs: Sequence[tuple[str, str]] | None = None,
        n_threads: int | None = None,
    ) -> Moments:
        """Summarise a dataframe in one pass.

        Parameters
        ----------
        data
            One row per unit: a pandas, Polars or PyArrow dataframe.
        by
            Key columns: variant, segments, strata. Each combination that occurs is a cell.
        variables
            Columns of finite numbers (True and False count as 1 and 0).
        pairs
            Pairs of variables whose cross product is wanted beside the squares; None for all.
        n_threads
            Number of threads; None for all cores. The result is bitwise the same for any number.

        Returns
        -------
        Moments
            One row per cell, sorted by its labels.

        Raises
        ------
        DataError
            For a missing column, null or mixed keys, NaN or infinite numbers, numbers above 1e75 or, where a cell holds
            no larger ones, below 1e-150, whose squares no float holds, an empty or lazy frame.
        ParameterError
            If `by` or `variables` is empty or names a column twice, or a pair names no variable.

        Notes
        -----
        O(rows x (variables + pairs)). Within blocks of at least 8,192 rows sums are taken around each cell's mean so
        far, and parts are merged by the formula of Chan, Golub and LeVeque [1]_: nothing is lost when the mean is
        large beside the spread.

        References
        ----------
        .. [1] Chan, T. F., Golub, G. H., LeVeque, R. J. (1979). Updating formulae and a pairwise algorithm for
           computing sample variances. Technical report STAN-CS-79-773, Stanford University.

        Examples
        --------
        >>> import pandas as pd
        >>> from growthkit.summaries import Moments
        >>> log = pd.DataFrame({"variant": ["a", "a", "b", "b"], "spend": [1e9, 1e9 + 2, 5.0, 9.0]})
        >>> found = Moments.from_frame(log, by=["variant"], variables=["spend"])
        >>> found.to_frame()[["variant", "n", "product:spend:spend"]]
          variant    n  product:spend:spend
        0       a  2.0                  2.0
        1       b  2.0                  8.0
        """
        params = Params("Moments.from_frame")
        names = _distinct(params, "variables", variables)
        keys = _distinct(params, "by", by)
        wanted = _all_pairs(names) if pairs is None else list(pairs)
        log = read_frame(data, function=params.function, n_threads=n_threads)
        columns = {name: log.unchecked_numbers(name, role="variables") for name in names}
        cells, labels = joint_cells({key: log.ids(key, role="by") for key in keys}, log.n_threads)
        return cls.from_arrays(log, cells, labels, columns, pairs=wanted)

    @classmethod
    def from_arrays(
        cls,
        log: Log,
        cells: Int32Array,
        labels: Mapping[str, AnyArray],
        columns: Mapping[str, AnyArray],
        *,
        pairs: Sequence[tuple[str, str]] = (),
        caps: Mapping[str, float] | None = None,
        binary: Collection[str] = (),
    ) -> Moments:
        """Summarise columns that were read already, of numbers of any type; `cells` and `labels` are `joint_cells`'.

        Those in `caps` are cut at their cap on the way; that would hide an infinity, so they must be finite. Other
        numbers that are not finite are refused, numbers so small that a cell has no variance though it has a spread,
        and numbers other than 0 and 1 in the columns that `binary` names.
        """
        names = tuple(columns)
        places = _pair_places(names, pairs, function=log.function)
        limits = [(caps or {}).get(name, np.inf) for name in names]
        n_cells = next(iter(labels.values())).size
        numbers = [frozen(column) for column in columns.values()]
        marks = [name in binary for name in names]
        sums, bad = pass_over(frozen(cells), n_cells, numbers, limits, marks, places, n_threads=log.n_threads)
        for j in np.flatnonzero(~_are_sound(sums)).tolist():  # which may be overflow, and only costs the slow look
            log.refuse_infinite(names[j], numbers[j])
            log.refuse_huge(names[j], np.minimum(numbers[j], limits[j]))
        flat = (sums.n > 1)[:, None] & (sums.products[:, : len(names)] < SMALLEST**2) & (np.abs(sums.mean) < SMALLEST)
        for j in np.flatnonzero(flat.any(axis=0)).tolist():  # mostly cells of zeros, which only cost the look
            log.refuse_tiny(names[j], numbers[j], flat[cells, j])
        for place in np.flatnonzero(bad).tolist():
            strange = (numbers[place] != 0) & (numbers[place] != 1)
            log.refuse_rows(names[place], strange, "values that are neither 0 nor 1", "compare first, or take its mean")
        return cls(log.backend, labels, names, places, *sums)

    def __len__(self) -> int:
        """Return the number of cells."""
        return self.n.size

    def covariance(self, x: str, y: str | None = None) -> FloatArray:
        """Return the sample covariance (divisor n - 1) of two variables, or the variance of one, in each cell.

        NaN in cells of one row.
        """
        with np.errstate(invalid="ignore", divide="ignore"):
            return self.products[:, self.pair(x, x if y is None else y)] / (self.n - 1.0)

    def pair(self, x: str, y: str) -> int:
        """Return the place of a pair in `products`.

        Raises
        ------
        DataError
            If the pair was not summed.
        """
        lookup = {frozenset(pair): place for place, pair in enumerate(self.pairs.tolist())}
        missing = [name for name in (x, y) if name not in self.variables]
        place = None if missing else lookup.get(frozenset((self.variables.index(x), self.variables.index(y))))
        if place is None:
            what = f'variable "{missing[0]}"' if missing else f'cross product of "{x}" and "{y}"'
            raise DataError(f"Moments: the {what} was not summed; make the moments again with it.")
        return place

    def merge(self, *others: Moments) -> Moments:
        """Return the moments of all parts together.

        Parts may share cells. n is that of the whole exactly; means and products are those of the whole in real
        arithmetic and differ from it by rounding only (the last digits: a few units of 1e-16 of ``sum(x**2)`` around a
        typical value, not around zero). Merging in another order changes no more than that.

        Raises
        ------
        DataError
            If the parts differ in keys, variables, pairs, or kind of labels.
        """
        return _merge([self, *others])

    def by(self, *keys: str) -> Moments:
        """Return the moments of coarser cells: those of `keys` alone, the others pooled.

        Raises
        ------
        DataError
            If there is no such key.
        """
        unknown = [key for key in keys if key not in self.keys]
        if unknown or not keys:
            listed = ", ".join(self.keys)
            raise DataError(f"Moments.by: there is no key {unknown[0] if unknown else ''!r}; the keys are {listed}.")
        cells, labels = joint_cells({key: Vocabulary.encode(self.keys[key]) for key in keys}, 1)
        pooled = pool(self, cells.astype(np.int64), next(iter(labels.values())).size)
        return replace(self, keys=labels, **pooled._asdict())

    def pooled(self, cells: Int64Array, groups: Int64Array, n_groups: int) -> Sums:
        """Return the moments of groups: cell ``cells[i]`` goes into group ``groups[i]``; 0 for groups without cells."""
        chosen = {name: getattr(self, name)[cells] for name in ("n", "mean", "products", "thirds")}
        return pool(replace(self, keys={}, **chosen), groups, n_groups)

    def to_table(self) -> IntoFrame:
        """Return all of it as one flat table: a row per cell.

        The columns are the keys, n, ``mean:x``, ``product:x:y`` and ``third:x`` for variables x and y.
        """
        return give_back(self.columns(), backend=self.backend)

    @classmethod
    def from_table(cls, table: IntoFrame) -> Moments:
        """Return the moments that `to_table` wrote, or an engine in the same form; rows may come in any order.

        Columns ``third:x`` may be missing; they are NaN then, and no warning of skewness is given.

        Raises
        ------
        DataError
            If n or a mean is missing, n is no count, a square is negative, or two rows have the same keys.
        """
        return _from_table(read_frame(table, function="Moments.from_table"))

    def columns(self) -> dict[str, AnyArray]:
        """Return the table as arrays by column name."""
        table = dict(self.keys) | {"n": self.n}
        table |= {f"mean:{name}": self.mean[:, j] for j, name in enumerate(self.variables)}
        table |= {
            f"product:{self.variables[i]}:{self.variables[j]}": self.products[:, place]
            for place, (i, j) in enumerate(self.pairs.tolist())
        }
        return table | {f"third:{name}": self.thirds[:, j] for j, name in enumerate(self.variables)}

    def facts(self) -> dict[str, Any]:
        """Return the number of cells and rows, and the names."""
        return {
            "cells": len(self),
            "rows": int(self.n.sum()),
            "keys": ", ".join(self.keys),
            "variables": ", ".join(self.variables),
        }


def joint_cells(
    keys: Mapping[str, tuple[Int32Array, Vocabulary]], n_threads: int
) -> tuple[Int32Array, dict[str, AnyArray]]:
    """Return the cell of each row, and by key the label of each cell; only combinations that occur are cells."""
    sizes = [len(vocabulary) for _, vocabulary in keys.values()]
    if np.prod([float(size) for size in sizes]) >= 2.0**62:
        raise DataError(f"Moments: the keys {', '.join(keys)} have too many combinations; use coarser ones.")
    codes, *rest = (frozen(codes) for codes, _ in keys.values())
    present, n_cells = np.arange(sizes[0]), sizes[0]
    for others, size in zip(rest, sizes[1:], strict=True):
        codes, found = _crossed(codes, others, n_cells, size, n_threads)
        present, n_cells = present[found // size] * size + found % size, found.size
    places = np.unravel_index(present, sizes)
    labels = {key: keys[key][1].labels[place] for key, place in zip(keys, places, strict=True)}
    return codes, labels


def _crossed(
    codes: Int32Array, others: Int32Array, n_codes: int, n_others: int, n_threads: int
) -> tuple[Int32Array, Int64Array]:
    """Number the pairs of codes that occur, in their order; return the number of each row, and the pairs.

    Pair (a, b) is ``a * n_others + b``.
    """
    if n_codes * n_others > max(codes.size // 8, 1024):
        joint, present = Vocabulary.encode(codes.astype(np.int64) * n_others + others, n_threads=n_threads)
        return joint, present.labels
    blocks = block_edges(codes.size, n_threads)
    joint, counts = np.empty(codes.size, dtype=np.int32), rows_apart(n_threads, n_codes * n_others)
    run_blocks(
        lambda b: _moments_kernels.cross(codes, others, n_others, joint, counts[b], *blocks[b]),
        n_threads,
        n_threads=n_threads,
    )
    present = np.flatnonzero(counts.any(axis=0))
    if present.size < n_codes * n_others:
        joint = Vocabulary.encode(frozen(joint), n_threads=n_threads).codes
    return joint, present


def pool(moments: Moments, groups: Int64Array, n_groups: int) -> Sums:
    """Return the moments of groups of cells; n is 0, and the rest 0, for a group without cells."""
    order = np.argsort(groups, kind="stable")
    present, starts = np.unique(groups[order], return_index=True)
    n, mean = moments.n[order], moments.mean[order]
    products, thirds = moments.products[order], moments.thirds[order]
    place = np.repeat(np.arange(present.size), np.diff(np.append(starts, order.size)))
    total = np.add.reduceat(n, starts)
    reference = mean[starts]
    shift = np.add.reduceat(n[:, None] * (mean - reference[place]), starts) / total[:, None]
    delta = mean - (reference + shift)[place]
    i, j = moments.pairs.T
    squares = products[:, : mean.shape[1]]
    found = Sums(
        total,
        reference + shift,
        np.add.reduceat(products + n[:, None] * delta[:, i] * delta[:, j], starts),
        np.add.reduceat(thirds + 3.0 * delta * squares + n[:, None] * delta**3, starts),
    )
    if present.size == n_groups:
        return found
    return Sums(*(_spread(values, present, n_groups) for values in found))


def _spread(values: FloatArray, present: Int64Array, n_groups: int) -> FloatArray:
    spread = np.zeros((n_groups, *values.shape[1:]))
    spread[present] = values
    return spread


def _merge(parts: list[Moments]) -> Moments:
    first = parts[0]
    for part in parts[1:]:
        for what in ("keys", "variables", "pairs"):
            mine, other = (_names(one, what) for one in (first, part))
            if mine != other:
                raise DataError(f"Moments.merge: one part has the {what} {mine}, another {other}; they must be equal.")
    encoded: dict[str, tuple[Int32Array, Vocabulary]] = {}
    for key in first.keys:
        own = [Vocabulary.encode(part.keys[key]) for part in parts]
        vocabulary, maps = Vocabulary.union([one.vocabulary for one in own], function="Moments.merge")
        codes = np.concatenate([places[one.codes] for one, places in zip(own, maps, strict=True)])
        encoded[key] = (codes, vocabulary)
    cells, labels = joint_cells(encoded, 1)
    joined = replace(
        first,
        **{name: np.concatenate([getattr(p, name) for p in parts]) for name in ("n", "mean", "products", "thirds")},
    )
    sums = pool(joined, cells.astype(np.int64), int(cells.max()) + 1)
    return replace(first, keys=labels, **sums._asdict())


def _names(moments: Moments, what: str) -> list[Any]:
    if what == "pairs":
        return [(moments.variables[i], moments.variables[j]) for i, j in moments.pairs.tolist()]
    return list(getattr(moments, what))


def _from_table(log: Log) -> Moments:
    names = list(log.frame.columns)
    variables = tuple(name.removeprefix("mean:") for name in names if name.startswith("mean:"))
    reserved = ("mean:", "product:", "third:")
    keys = [name for name in names if name != "n" and not name.startswith(reserved)]
    if not variables or not keys or "n" not in names:
        raise DataError(
            f"{log.function}: the table needs key columns, n, and mean:x and product:x:x for each variable x."
        )
    possible = {f"product:{x}:{y}": (x, y) for x in variables for y in variables}
    pairs = _pair_places(variables, [possible[name] for name in names if name in possible], function=log.function)
    numbers = {name: log.numbers(name, role="n") for name in names if name not in keys and name in _known(names)}
    for name in variables:
        log.refuse_huge(f"mean:{name}", numbers[f"mean:{name}"])
    found = [f"product:{variables[i]}:{variables[j]}" for i, j in pairs.tolist()]
    found = [name if name in names else ":".join(["product", *name.split(":")[:0:-1]]) for name in found]
    n = numbers["n"]
    log.refuse_rows("n", (n < 1) | (n != np.floor(n)), "values that are no count", "every cell needs at least one row")
    table = {name: log.numbers(name, role="product") for name in found}
    for name in found[: len(variables)]:
        log.refuse_rows(name, table[name] < 0, "negative sums of squares", "centre the products at the cell's mean")
        log.refuse_huge(name, np.sqrt(table[name] / n))
    encoded = {key: log.ids(key, role="keys") for key in keys}
    cells, labels = joint_cells(encoded, 1)
    first = np.unique(cells, return_index=True)[1]
    again = np.ones(cells.size, dtype=bool)
    again[first] = False
    log.refuse_rows(keys[0], again, "rows whose keys stand in an earlier row", "merge them first")
    nothing = np.full(cells.size, np.nan)
    return Moments(
        log.backend,
        labels,
        variables,
        pairs,
        n[first],
        np.column_stack([numbers[f"mean:{x}"] for x in variables])[first],
        np.column_stack([table[name] for name in found])[first],
        np.column_stack([numbers.get(f"third:{x}", nothing) for x in variables])[first],
    )


def _known(names: Sequence[str]) -> set[str]:
    return {name for name in names if name == "n" or name.startswith(("mean:", "third:"))}


def _distinct(params: Params, name: str, given: Any) -> tuple[str, ...]:
    names = tuple(given) if not isinstance(given, str) else ()
    if not names or len(set(names)) < len(names) or "n" in names:
        params.refuse(name, "a list of different column names, none of them 'n'", given)
    return names


def _are_sound(sums: Sums) -> BoolArray:
    """Return which variables hold nothing but finite numbers up to `LARGEST`, as their sums prove."""
    n = sums.n[:, None]
    squares = sums.products[:, : sums.mean.shape[1]]
    return np.all((np.abs(sums.mean) <= LARGEST) & (squares <= n * LARGEST**2), axis=0)


def _all_pairs(names: Sequence[str]) -> list[tuple[str, str]]:
    return [(x, y) for place, x in enumerate(names) for y in names[place + 1 :]]


def _pair_places(names: Sequence[str], pairs: Sequence[tuple[str, str]], *, function: str) -> Int32Array:
    places = {(j, j): None for j in range(len(names))}
    for pair in pairs:
        unknown = [name for name in pair if name not in names]
        if unknown:
            raise ParameterError(f"{function}: pairs names {unknown[0]!r}, which is none of the variables.")
        first, second = sorted(names.index(name) for name in pair)
        places[first, second] = None
    return np.array(list(places), dtype=np.int32).reshape(-1, 2)
