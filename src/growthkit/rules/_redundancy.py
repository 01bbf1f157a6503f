"""Every more general rule: same consequent, fewer items in the antecedent, counted whether mined or not."""

from __future__ import annotations

from collections.abc import Iterator
from math import comb
from typing import NamedTuple

import numpy as np

from .._core.ragged import Ragged
from ..exceptions import DataError
from ..typing import AnyArray, Int32Array, Int64Array
from . import _rule_kernels
from ._products import product_gap
from ._sets import Counter, as_sets, distinct_sets, salts, slots_for, some_rows, united

__all__ = ["Lattice"]

MOST_ITEMS = 1 << 29
"""Items of the antecedents, with one less, of the rules of one level: some GB. Long antecedents have no end of them."""


class _Level(NamedTuple):
    """The different rules with antecedents of one length.

    `rows` holds the codes of the antecedent and, last, a code for the consequent; `parents` says for each row where the
    rules with one item less stand on the level below (none on level 0); `rules` are the given rules of this level and
    `place` their rows; of `tries` baskets with the antecedent, `hits` have the consequent.
    """

    rows: Int32Array
    parents: Int32Array
    rules: Int64Array
    place: Int64Array
    hits: Int64Array
    tries: Int64Array


class Lattice:
    """Some rules and all their more general ones, each once.

    Parameters
    ----------
    antecedents, consequents
        The items of each rule.
    count, antecedent_count
        Baskets with both sides, and with the antecedent.
    counter
        Counts the others.
    negative
        Whether the consequents are absences.
    function
        The public function, for messages.
    """

    def __init__(
        self,
        antecedents: Ragged,
        consequents: Ragged,
        count: Int64Array,
        antecedent_count: Int64Array,
        counter: Counter,
        negative: bool,
        function: str,
    ) -> None:
        self.antecedents = antecedents
        self.count, self.antecedent_count = count, antecedent_count
        self.counter = counter
        self.negative = negative
        self.function = function
        self.n_items = counter.baskets.n_items
        self.consequents, self.consequent_of = distinct_sets(consequents, self.n_items)
        self.levels = self._levels()

    def best_shorter(self) -> tuple[Int64Array, Int64Array]:
        """Return hits and tries of the more general rule of the largest confidence, for each rule.

        From the empty antecedent upwards, each row keeps the best of its parents and of what they kept. Confidences are
        compared as products of whole numbers.
        """
        hits, tries = self.count.copy(), self.antecedent_count.copy()
        below = self.levels[0]
        best_hits, best_tries = below.hits, below.tries
        for level in self.levels[1:]:
            found_hits, found_tries = best_hits[level.parents[:, 0]], best_tries[level.parents[:, 0]]
            for parent in level.parents.T[1:]:
                self._raise_to(found_hits, found_tries, best_hits[parent], best_tries[parent])
            hits[level.rules], tries[level.rules] = found_hits[level.place], found_tries[level.place]
            self._raise_to(found_hits, found_tries, level.hits, level.tries)
            best_hits, best_tries = found_hits, found_tries
        return hits, tries

    def against_parents(self) -> Iterator[tuple[Int64Array, tuple[Int64Array, ...]]]:
        """Yield, for one item of the antecedents after another, rules and what tests that item given the others.

        Among the baskets with the other items: those with all and the consequent, with all, with the consequent, and
        their number.
        """
        for below, level in zip(self.levels, self.levels[1:], strict=False):
            for parent in level.parents[level.place].T:
                tables = (self.count, self.antecedent_count)
                yield (
                    level.rules,
                    (*(column[level.rules] for column in tables), below.hits[parent], below.tries[parent]),
                )

    def _levels(self) -> list[_Level]:
        """Return the levels from the empty antecedent up."""
        lengths = self.antecedents.lengths
        longest = int(lengths.max(initial=0))
        self._refuse_too_many(comb(longest, longest // 2), longest // 2)  # the parts of one rule that long, at least
        rules = np.flatnonzero(lengths == longest)
        rows, place = _distinct(self._rows(rules, longest), self.n_codes)
        levels: list[_Level] = []
        for length in range(longest, 0, -1):
            shorter = np.flatnonzero(lengths == length - 1)
            below, parents, place_below = self._below(rows, self._rows(shorter, length - 1))
            levels.append(self._counted(rows, parents, rules, place))
            rows, rules, place = below, shorter, place_below
        levels.append(self._counted(rows, np.zeros((len(rows), 0), dtype=np.int32), rules, place))
        return levels[::-1]

    @property
    def n_codes(self) -> int:
        """The codes of the items, and behind them one a consequent."""
        return self.n_items + len(self.consequents)

    def _rows(self, rules: Int64Array, length: int) -> Int32Array:
        """Return antecedents of one length as rows, with the code of the consequent in the last column."""
        codes = some_rows(self.antecedents, rules).codes.reshape(rules.size, length)
        last = (self.n_items + self.consequent_of[rules]).astype(np.int32)
        return np.column_stack((codes, last))

    def _below(self, rows: Int32Array, others: Int32Array) -> tuple[Int32Array, Int32Array, Int64Array]:
        """Return the rows of the level below: the parents of `rows` together with `others`, each once.

        And for each row the places of its parents among them, and the places of `others`.
        """
        n, width = len(rows), rows.shape[1] - 1
        self._refuse_too_many(n, width)
        salt = salts(self.n_codes)
        numbers = np.empty(n * width, dtype=np.int32)
        rows = np.ascontiguousarray(rows)
        _rule_kernels.shorter(rows, salt[rows].sum(axis=1), salt, width, slots_for(n * width), numbers)
        first = np.flatnonzero(numbers == np.arange(numbers.size))
        rank = np.empty(numbers.size, dtype=np.int32)
        rank[first] = np.arange(first.size, dtype=np.int32)
        columns: Int64Array = np.arange(width, dtype=np.int64)
        columns = columns + (columns >= (first % width)[:, None])
        parents = np.take_along_axis(rows[first // width], columns, axis=1)
        below, place = _distinct(np.concatenate((parents, others)), self.n_codes)
        return below, place[rank[numbers]].astype(np.int32).reshape(n, width), place[first.size :]

    def _counted(self, rows: Int32Array, parents: Int32Array, rules: Int64Array, place: Int64Array) -> _Level:
        hits, tries = np.empty(len(rows), dtype=np.int64), np.empty(len(rows), dtype=np.int64)
        hits[place], tries[place] = self.count[rules], self.antecedent_count[rules]
        unknown = np.ones(len(rows), dtype=bool)
        unknown[place] = False
        left = _as_sets(rows[unknown, :-1])
        right = some_rows(self.consequents, rows[unknown, -1] - self.n_items)
        tries[unknown] = self.counter.count(left)
        both = self.counter.count(united(left, right))
        hits[unknown] = tries[unknown] - both if self.negative else both
        return _Level(rows, parents, rules, place, hits, tries)

    def _refuse_too_many(self, n: int, width: int) -> None:
        """Refuse to go below a level of n rules with so many items in the antecedent where that takes too much room."""
        if n * width * width > MOST_ITEMS:
            raise DataError(
                f"{self.function}: the rules have too many more general ones, {n:.3g} with {width} items in the "
                "antecedent alone; take fewer rules, or mine with max_len."
            )

    def _raise_to(self, hits: Int64Array, tries: Int64Array, other_hits: Int64Array, other_tries: Int64Array) -> None:
        """Replace each share ``hits / tries`` by the other where that is larger."""
        larger = product_gap(other_hits, tries, hits, other_tries, self.counter.baskets.n_baskets) > 0
        hits[larger], tries[larger] = other_hits[larger], other_tries[larger]


def _as_sets(rows: AnyArray) -> Ragged:
    edges: Int64Array = np.arange(len(rows) + 1) * rows.shape[1]
    return as_sets(edges, rows.ravel())


def _distinct(rows: Int32Array, n_codes: int) -> tuple[Int32Array, Int64Array]:
    """Return the different rows, and the place of each row among them."""
    sets, place = distinct_sets(_as_sets(rows), n_codes)
    return sets.codes.reshape(len(sets), rows.shape[1]), place
