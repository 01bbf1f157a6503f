"""`Rules`: what `association_rules` returns, a table with its statistics and ways to thin it out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, cast

import numpy as np

from .._core.parallel import thread_count
from .._core.params import Params
from .._core.ragged import Ragged
from .._core.results import Notice, Result
from .._core.vocabulary import Vocabulary
from ..summaries.baskets import Baskets
from ..typing import AnyArray, BoolArray, FloatArray, Int64Array, IntoFrame
from ._products import product_gap
from ._redundancy import Lattice
from ._sets import Counter, as_sets, some_rows, united, where_all
from ._significance import corrected, fisher
from ._support import allowed_items, least_double
from ._tables import framed, label_sets
from .measures import MEASURES, Cells

__all__ = ["Rules"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Rules(Result):
    """Rules "who has the antecedent has the consequent", one a row, with their counts and p-values.

    Made by `association_rules` or `mine_rules`. In negative rules the consequent is the absence of an item: the counts
    are those of baskets without it, and tables name it `absent`.

    Parameters
    ----------
    baskets
        The data that the counts are from.
    antecedents, consequents
        The items of each rule as codes into the items of `baskets`, in rising order.
    count
        Baskets with antecedent and consequent.
    antecedent_count, consequent_count
        Baskets with the antecedent, and with the consequent.
    measures
        The names of the measures that the table shows; `measure` computes any other.
    p_value
        Of Fisher's exact test, one-sided: the chance of `count` or more if both were independent, their counts given.
    q_value
        The p-values adjusted for `n_tests`; None where no correction was asked for.
    correction
        How: "holm", "bh" or None.
    n_tests
        The number of rules in the family of tests.
    negative
        Whether the consequents are absences.
    """

    _picture: ClassVar[str] = "rules:draw_rules"

    baskets: Baskets
    antecedents: Ragged
    consequents: Ragged
    count: Int64Array
    antecedent_count: Int64Array
    consequent_count: Int64Array
    measures: tuple[str, ...]
    p_value: FloatArray
    q_value: FloatArray | None
    correction: str | None
    n_tests: int
    negative: bool = False

    def __len__(self) -> int:
        """Return the number of rules."""
        return self.count.size

    @property
    def warnings(self) -> tuple[Notice, ...]:
        """Says so where there is no rule."""
        if len(self):
            return ()
        return (Notice("no_rules", "No rule is left; lower the thresholds."),)

    def measure(self, name: str) -> FloatArray:
        """Return one of `MEASURES` for each rule; NaN or infinite where it is not defined.

        Raises
        ------
        ParameterError
            If there is no such measure.
        """
        return MEASURES[Params("Rules.measure").one_of("name", name, tuple(MEASURES))].of(self._cells())

    def columns(self) -> dict[str, AnyArray]:
        """Return the table: antecedent and consequent as tuples of ids, counts, measures, p_value and q_value."""
        cells = self._cells()
        table: dict[str, AnyArray] = {
            "antecedent": label_sets(self.antecedents, self.baskets.items),
            "absent" if self.negative else "consequent": label_sets(self.consequents, self.baskets.items),
            **self._counts(),
            **{name: MEASURES[name].of(cells) for name in self.measures},
            "p_value": self.p_value,
        }
        return table if self.q_value is None else {**table, "q_value": self.q_value}

    def to_frame(self) -> IntoFrame:
        """Return the table as a dataframe of the caller's library; sides are tuples, lists in Polars and PyArrow."""
        side = (self.baskets.items.example,)
        return framed(self.columns(), self.backend, {"antecedent": side, "consequent": side, "absent": side})

    def facts(self) -> dict[str, Any]:
        """Return how many rules there are, from how many baskets, and the family of tests."""
        counted = {"rules": len(self), "baskets": self.baskets.n_baskets}
        if self.q_value is None:
            return counted
        return {**counted, "correction": self.correction, "rules tested": self.n_tests}

    def take(self, rows: AnyArray | Sequence[int]) -> Rules:
        """Return some of the rules: those at these places, in that order, or those marked in an array of booleans.

        Raises
        ------
        ParameterError
            If the places are no whole numbers from 0 to below the number of rules, or there is not one mark a rule.
        """
        kept = self._places(Params("Rules.take"), rows)
        return replace(
            self,
            antecedents=some_rows(self.antecedents, kept),
            consequents=some_rows(self.consequents, kept),
            q_value=None if self.q_value is None else self.q_value[kept],
            p_value=self.p_value[kept],
            **{name: column[kept] for name, column in self._counts().items()},
        )

    def strongest(self, k: int, *, by: str = "lift") -> Rules:
        """Return the k rules with the largest value of a measure, the largest first.

        Of equal rules the one with the larger count comes first, then the one with the larger confidence, then the one
        that stood first; NaN comes last.

        Raises
        ------
        ParameterError
            If k is below 1 or there is no such measure.
        """
        params = Params("Rules.strongest")
        k = params.whole("k", k, low=1)
        values = self.measure(params.one_of("by", by, tuple(MEASURES)))
        known = np.where(np.isnan(values), -np.inf, values)
        return self.take(np.lexsort((self.antecedent_count, -self.count, -known, np.isnan(values)))[:k])

    def significant(self, alpha: float = 0.05) -> Rules:
        """Return the rules whose q-value (p-value, if there was no correction) is at most `alpha`.

        Raises
        ------
        ParameterError
            If alpha is not in (0, 1).
        """
        alpha = Params("Rules.significant").number("alpha", alpha, above=0, below=1)
        return self.take((self.p_value if self.q_value is None else self.q_value) <= alpha)

    def improvement(self, *, n_threads: int | None = None) -> FloatArray:
        """Return by how much each rule's confidence exceeds the best of its more general rules [1]_.

        These are all rules with the same consequent and fewer items in the antecedent, the empty one included, whether
        mined or not; what was not counted yet is counted in the baskets. At most 0 means that a shorter antecedent says
        as much.

        Raises
        ------
        DataError
            If antecedents are so long that their parts are too many to look at (from about 25 items on).

        References
        ----------
        .. [1] Bayardo, R. J., Agrawal, R., Gunopulos, D. (1999). Constraint-based rule mining in large, dense
           databases. ICDE, 188-197.
        """
        return self._improvement(self._lattice("Rules.improvement", n_threads))

    def non_redundant(
        self, *, min_improvement: float = 0.0, alpha: float | None = None, n_threads: int | None = None
    ) -> Rules:
        """Return the rules that say more than their more general ones.

        Parameters
        ----------
        min_improvement
            A rule stays if its `improvement` is above this.
        alpha
            None, or the level of a further test: a rule stays if it is also productive [1]_, that is if each item of
            its antecedent raises the chance of the consequent significantly given the others. The largest of these
            one-sided exact p-values is adjusted as `correction` says for `n_tests` tests, like the rules' own.
        n_threads
            Number of threads; None for all cores.

        Raises
        ------
        ParameterError
            If a parameter is out of range.
        DataError
            As `improvement`.

        References
        ----------
        .. [1] Webb, G. I. (2007). Discovering significant patterns. Machine Learning 68(1), 1-33.
        """
        params = Params("Rules.non_redundant")
        least = params.number("min_improvement", min_improvement, low=0, high=1)
        lattice = self._lattice(params.function, n_threads)
        kept: BoolArray = self._improvement(lattice) > least
        if alpha is not None:
            alpha = params.number("alpha", alpha, above=0, below=1)
            p = np.zeros(len(self))
            for rules, tables in lattice.against_parents():
                p[rules] = np.maximum(p[rules], fisher(*tables))
            kept &= corrected(p, self.correction or "none", self.n_tests) <= alpha
        return self.take(kept)

    def filter(
        self,
        *,
        antecedent: Sequence[Any] | None = None,
        consequent: Sequence[Any] | None = None,
        minimum: Mapping[str, float] | None = None,
        maximum: Mapping[str, float] | None = None,
    ) -> Rules:
        """Return the rules that meet all conditions; their q-values stay as they are.

        Parameters
        ----------
        antecedent, consequent
            Items: a side may hold no others.
        minimum, maximum
            Smallest and largest values by name of a measure, or of count, antecedent_count, consequent_count,
            antecedent_length, p_value or q_value; both ends belong to the range, NaN does not.

        Raises
        ------
        ParameterError
            If there is no such item or name.
        """
        params = Params("Rules.filter")
        kept = np.ones(len(self), dtype=bool)
        for name, items, sets in (
            ("antecedent", antecedent, self.antecedents),
            ("consequent", consequent, self.consequents),
        ):
            kept &= where_all(sets, allowed_items(params, name, items, self.baskets))
        for role, bounds in (("minimum", minimum), ("maximum", maximum)):
            if not isinstance(cast("Any", bounds), Mapping | None):
                params.refuse(role, "a dict of names and numbers", bounds)
        for name, least in (minimum or {}).items():
            kept &= self._column(params, "minimum", name) >= least_double(params, f'minimum["{name}"]', least)
        for name, most in (maximum or {}).items():
            kept &= self._column(params, "maximum", name) <= params.number(f'maximum["{name}"]', most)
        return self.take(kept)

    def counted_in(self, baskets: Baskets, *, n_threads: int | None = None) -> Rules:
        """Return the same rules with counts, p-values and q-values from other baskets [1]_.

        Rules found in one part of the data and tested on another need a correction for their own number only, whatever
        the search that found them: `n_tests` is the number of the rules.

        Parameters
        ----------
        baskets
            Such as those of a later time (`Baskets.since`). Items that none of them holds count as never bought.
        n_threads
            Number of threads; None for all cores.

        Raises
        ------
        ParameterError
            If `baskets` are none.
        DataError
            If their items' ids are of another kind.

        References
        ----------
        .. [1] Webb, G. I. (2007). Discovering significant patterns. Machine Learning 68(1), 1-33.
        """
        if not isinstance(cast("Any", baskets), Baskets):
            Params("Rules.counted_in").refuse("baskets", "Baskets (see Baskets.from_frame)", type(baskets))
        moved = self._moved_to(baskets)
        counter = moved._counter("Rules.counted_in", n_threads)
        count = counter.count(united(moved.antecedents, moved.consequents))
        antecedent_count, consequent_count = counter.count(moved.antecedents), counter.count(moved.consequents)
        if self.negative:
            count, consequent_count = antecedent_count - count, baskets.n_baskets - consequent_count
        p = fisher(count, antecedent_count, consequent_count, baskets.n_baskets, n_threads=counter.n_threads)
        return replace(
            moved,
            count=count,
            antecedent_count=antecedent_count,
            consequent_count=consequent_count,
            p_value=p,
            q_value=None if self.correction is None else corrected(p, self.correction, len(self)),
            n_tests=len(self),
        )

    def _places(self, params: Params, rows: AnyArray | Sequence[int]) -> Int64Array:
        places = np.asarray(rows)
        if places.dtype == bool and places.shape == (len(self),):
            return np.flatnonzero(places)
        whole = places.ndim == 1 and (places.dtype.kind in "iu" or not places.size)
        if not whole or (places.size and not 0 <= places.min() <= places.max() < len(self)):
            params.refuse("rows", f"a list of places below {len(self)} or {len(self)} booleans", rows)
        return places.astype(np.int64)

    def _cells(self) -> Cells:
        return Cells(self.count, self.antecedent_count, self.consequent_count, self.baskets.n_baskets)

    def _counts(self) -> dict[str, Int64Array]:
        names = ("count", "antecedent_count", "consequent_count")
        return {name: getattr(self, name) for name in names}

    def _column(self, params: Params, role: str, name: str) -> AnyArray:
        """Return a measure, or another number that every rule has."""
        others: dict[str, AnyArray] = {
            **self._counts(),
            "antecedent_length": self.antecedents.lengths,
            "p_value": self.p_value,
        }
        if self.q_value is not None:
            others["q_value"] = self.q_value
        params.one_of(role, name, (*MEASURES, *others))
        return others[name] if name in others else MEASURES[name].of(self._cells())

    def _lattice(self, function: str, n_threads: int | None) -> Lattice:
        counter = self._counter(function, n_threads)
        sides = (self.antecedents, self.consequents, self.count, self.antecedent_count)
        return Lattice(*sides, counter, self.negative, function)

    def _improvement(self, lattice: Lattice) -> FloatArray:
        """Return the difference of two confidences, exact where it is 0: products of counts are compared."""
        hits, tries = lattice.best_shorter()
        gap = product_gap(self.count, tries, hits, self.antecedent_count, self.baskets.n_baskets)
        with np.errstate(invalid="ignore"):
            return gap / (tries.astype(np.float64) * self.antecedent_count)

    def _counter(self, function: str, n_threads: int | None) -> Counter:
        return Counter(self.baskets, thread_count(n_threads, n_rows=self.antecedents.codes.size, function=function))

    def _moved_to(self, baskets: Baskets) -> Rules:
        """Return the rules in the codes of other baskets, whose vocabulary grows by the items that they lack."""
        items, (theirs, ours) = Vocabulary.union([baskets.items, self.baskets.items], function="Rules.counted_in")
        taxonomy = baskets.taxonomy
        if taxonomy is not None:
            taxonomy = Ragged.from_codes(theirs[taxonomy.row_numbers()], theirs[taxonomy.codes], len(items))
        rows = Ragged(baskets.rows.indptr, theirs[baskets.rows.codes])
        return replace(
            self,
            backend=baskets.backend,
            baskets=replace(baskets, rows=rows, items=items, taxonomy=taxonomy),
            antecedents=as_sets(self.antecedents.indptr, ours[self.antecedents.codes]),
            consequents=as_sets(self.consequents.indptr, ours[self.consequents.codes]),
        )
