"""Similarities of rows (of items by customers, or of customers by items), and the nearest rows of each.

Every similarity here is made from inner products ``G(a, b) = sum_f c_f v(a, f) v(b, f)`` over features f, where v is a
transform of the weights and c a weight of the feature; then come numbers of the two rows alone. For weights that are
all 1, v is 1, so that the pass over the data reads indices only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np

from .._core.frames import frozen
from .._core.parallel import block_edges, run_blocks, thread_count
from .._core.params import Params
from .._core.ragged import Ragged
from ..exceptions import DataError
from ..typing import AnyArray, FloatArray, Int32Array
from . import _select_kernels

__all__ = ["SIGNED", "SIMILARITIES", "Measure", "nearest"]

SIMILARITIES = (
    "cosine",
    "tfidf",
    "bm25",
    "jaccard",
    "dice",
    "tversky",
    "asymmetric",
    "pearson",
    "adjusted_cosine",
    "p3alpha",
    "rp3beta",
)
CENTRED = ("pearson", "adjusted_cosine")
OVERLAPS = ("jaccard", "dice", "tversky")
WALKS = ("p3alpha", "rp3beta")

SIGNED = ("cosine", *CENTRED)
"""Those that take negative weights."""

DEFAULTS: dict[str, dict[str, float]] = {
    "tversky": {"alpha": 1.0, "beta": 1.0},
    "asymmetric": {"alpha": 0.5},
    "p3alpha": {"alpha": 0.9},
    "rp3beta": {"alpha": 0.9, "beta": 0.1},
    "bm25": {"k1": 1.2, "b": 0.75},
}
"""The parameters of those similarities that have some."""

LARGEST_NARROW = 2**16
"""Up to so many rows their numbers take 2 bytes: the pass over the data is bound by memory."""

LARGEST = 1e12
"""The largest weight, so that sums of squares fit single precision with room to spare."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A similarity and its parameters.

    Parameters
    ----------
    name
        One of `SIMILARITIES`.
    shrinkage
        What is added to the denominator.
    alpha, beta, k1, b
        Parameters of some similarities, 0 elsewhere.
    """

    name: str
    shrinkage: float = 0.0
    alpha: float = 0.0
    beta: float = 0.0
    k1: float = 0.0
    b: float = 0.0

    @classmethod
    def checked(cls, function: str, name: Any, shrinkage: Any, given: dict[str, Any]) -> Measure:
        """Return a measure from a model's parameters, where None stands for the default."""
        params = Params(function)
        name = params.one_of("similarity", name, SIMILARITIES)
        shrinkage = params.number("shrinkage", shrinkage, low=0)
        if shrinkage and name in ("bm25", *WALKS):
            params.refuse("shrinkage", f"0 for {name}, which has no denominator", shrinkage)
        numbers = dict(DEFAULTS.get(name, {}))
        for key, value in given.items():
            if value is not None and key not in numbers:
                params.refuse(key, f"None for {name}, which has no such parameter", value)
            if value is not None:
                high = 1.0 if key == "b" or name == "asymmetric" else None
                numbers[key] = params.number(key, value, low=0, high=high)
        return cls(name, float(shrinkage), **numbers)

    @property
    def is_symmetric(self) -> bool:
        """Whether two rows are as similar in one direction as in the other."""
        even = self.name == "tversky" and self.alpha == self.beta
        return even or self.name not in ("tversky", "asymmetric", *WALKS)


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """What the training rows say about each feature, and how long they are on average."""

    n_rows: int
    counts: AnyArray
    totals: FloatArray
    mean_length: float

    @classmethod
    def of(cls, by_feature: Ragged, n_rows: int) -> Features:
        totals = _sums(by_feature, _weights(by_feature))
        return cls(n_rows, by_feature.lengths, totals, float(totals.sum()) / max(n_rows, 1))

    def importance(self, measure: Measure) -> FloatArray:
        """Return c, the weight of each feature in inner products."""
        counts = np.maximum(self.counts, 1)
        if measure.name == "tfidf":
            return np.log(self.n_rows / counts) ** 2
        if measure.name == "bm25":
            return np.log1p((self.n_rows - counts + 0.5) / (counts + 0.5)) ** 2
        if measure.name in WALKS:
            return _power(self.totals, -measure.alpha)
        return np.ones(counts.size)

    def saturation(self, weights: AnyArray, lengths: AnyArray, measure: Measure) -> FloatArray:
        """Return the BM25 transform of weights in rows of these lengths."""
        norm = measure.k1 * (1 - measure.b + measure.b * lengths / self.mean_length)
        return weights * (measure.k1 + 1) / (weights + norm)


@dataclass(frozen=True, slots=True, eq=False)
class Sides:
    """The part of a similarity that depends on each of the two rows alone; see `likeness` among the kernels."""

    query: FloatArray
    row: FloatArray
    gamma: float
    shrinkage: float
    ratio: bool


def nearest(
    queries: Ragged,
    trained: Ragged,
    by_feature: Ragged,
    own: Int32Array,
    k: int,
    measure: Measure,
    *,
    function: str,
    n_threads: int | None = None,
) -> Ragged:
    """Return, for each query, up to `k` training rows that are most similar to it, and how similar (float32).

    Parameters
    ----------
    queries
        Rows to be compared with the training rows; `trained` itself to compare these with each other.
    trained
        The training rows.
    by_feature
        The same, transposed.
    own
        The training row that each query is, -1 for none: it is not its own neighbour.
    k
        The number of neighbours. Ties go to the smaller code; the neighbours of a row come in no order.
    measure
        The similarity; a walk goes from the query to the row.
    function
        The public function, for messages.
    n_threads
        Number of threads; None for all cores.

    Notes
    -----
    O(sum over features of rows with it squared) time; 13 to 21 bytes a row and thread on top of input and output.
    """
    _check_weights(function, queries, measure)
    _check_weights(function, trained, measure)
    facts = Features.of(by_feature, len(trained))
    codes = narrow(by_feature.codes, len(trained))
    asked, table = (frozen(queries.indptr), frozen(queries.codes)), (frozen(by_feature.indptr), codes)
    if _all_ones(queries) and _all_ones(trained):
        sides = _sides_of_counts(queries, trained, facts, measure)
        kernel, more = cast(Any, _select_kernels.nearest_by_count), ()
        inputs: Any = asked, frozen(facts.importance(measure).astype(np.float32)), table
    else:
        query_values, values, sides = _valued(queries, trained, by_feature, facts, measure)
        kernel, more = cast(Any, _select_kernels.nearest_by_value), (measure.name in CENTRED,)
        inputs = (*asked, frozen(query_values)), (*table, frozen(values))
    out = np.full((len(queries), min(k, max(len(trained), 1))), -1, dtype=np.int32)
    scores = np.zeros(out.shape, dtype=np.float32)
    pair = frozen(sides.query.astype(np.float32)), frozen(sides.row.astype(np.float32))
    numbers = np.float32(sides.gamma), np.float32(sides.shrinkage), sides.ratio
    arguments: Any = (*inputs, (*pair, *numbers), *more, frozen(own), (out, scores))
    threads = thread_count(n_threads, n_rows=_work(queries, facts), function=function)
    blocks = block_edges(len(queries), min(len(queries), 64 * threads) if threads > 1 else 1)
    run_blocks(lambda b: kernel(*blocks[b], *arguments), len(blocks), n_threads=threads)
    return _compact(out, scores)


def _sides(
    measure: Measure,
    counts: tuple[AnyArray, AnyArray],
    lengths: tuple[AnyArray, AnyArray],
    squares: tuple[AnyArray, AnyArray],
) -> Sides:
    """Return the sides of query and row, given how many entries each has, their sum and the sum of c v^2."""
    h = measure.shrinkage
    zeros = [np.zeros(one.size) for one in squares]
    scales, adds, gamma, ratio = [np.ones(one.size) for one in squares], zeros, 0.0, h > 0
    if measure.name in ("cosine", "tfidf", "asymmetric"):
        share = measure.alpha if measure.name == "asymmetric" else 0.5
        sign = 1 if ratio else -1
        scales = [_power(squares[0], sign * share), _power(squares[1], sign * (1 - share))]
    elif measure.name in OVERLAPS:
        alpha, beta = {"jaccard": (1.0, 1.0), "dice": (0.5, 0.5)}.get(measure.name, (measure.alpha, measure.beta))
        scales, adds = zeros, [alpha * squares[0], beta * squares[1]]
        gamma, ratio = 1 - alpha - beta, True
    elif measure.name in WALKS:
        scales = [_power(lengths[0], -measure.alpha), _power(counts[1], -measure.beta)]
    pairs = [np.column_stack(side) for side in zip(scales, adds, strict=True)]
    return Sides(pairs[0], pairs[1], gamma, h, ratio)


def _sides_of_counts(queries: Ragged, trained: Ragged, facts: Features, measure: Measure) -> Sides:
    """Return the sides where all weights are 1."""
    importance = facts.importance(measure)
    counts = queries.lengths, trained.lengths
    plain = bool((importance == 1).all())
    squares: tuple[AnyArray, AnyArray] = counts
    if not plain:
        squares = _sums(queries, importance[queries.codes]), _sums(trained, importance[trained.codes])
    sides = _sides(measure, counts, counts, squares)
    if measure.name == "bm25":
        for side, count in zip((sides.query, sides.row), counts, strict=True):
            side[:, 0] = facts.saturation(np.ones(count.size), count, measure)
    return sides


def _valued(
    queries: Ragged, trained: Ragged, by_feature: Ragged, facts: Features, measure: Measure
) -> tuple[AnyArray, AnyArray, Sides]:
    """Return the transformed weights of the queries and of the table by feature, float32, and the sides."""
    known_lengths = _sums(trained, _weights(trained))
    asked_rows, known_rows = queries.row_numbers(), trained.row_numbers()
    asked = _transformed(queries, asked_rows, queries.codes, _sums(queries, _weights(queries)), queries, facts, measure)
    known = _transformed(trained, known_rows, trained.codes, known_lengths, trained, facts, measure)
    features = by_feature.row_numbers()
    table = _transformed(by_feature, by_feature.codes, features, known_lengths, trained, facts, measure)
    relative = bool(measure.shrinkage) or measure.name in (*OVERLAPS, *CENTRED)
    if relative:  # weights of any size fit single precision, if what they are compared with shrinks along
        largest = max(float(np.abs(asked).max(initial=0)), float(np.abs(table).max(initial=0))) or 1.0
        asked, known, table = asked / largest, known / largest, table / largest
        measure = replace(measure, shrinkage=measure.shrinkage / largest**2)
    squares = np.bincount(asked_rows, asked**2, len(queries)), np.bincount(known_rows, known**2, len(trained))
    lengths = _sums(queries, _weights(queries)), known_lengths
    sides = _sides(measure, (queries.lengths, trained.lengths), lengths, squares)
    if not relative:
        asked, table = asked * sides.query[asked_rows, 0], table * sides.row[by_feature.codes, 0]
        sides = replace(sides, query=np.ones_like(sides.query), row=np.ones_like(sides.row))
    return asked.astype(np.float32), table.astype(np.float32), sides


def _transformed(
    entries: Ragged,
    rows: Int32Array,
    features: Int32Array,
    lengths: FloatArray,
    owner: Ragged,
    facts: Features,
    measure: Measure,
) -> FloatArray:
    """Return v times the root of c for weights that belong to these rows (of `owner`) and features."""
    weights = _weights(entries)
    if measure.name == "pearson":
        return weights - (lengths / np.maximum(owner.lengths, 1))[rows]
    if measure.name == "adjusted_cosine":
        return weights - (facts.totals / np.maximum(facts.counts, 1))[features]
    if measure.name == "bm25":
        weights = facts.saturation(weights, lengths[rows], measure)
    elif measure.name in WALKS:
        weights = weights**measure.alpha
    return weights * np.sqrt(facts.importance(measure))[features]


def _weights(rows: Ragged) -> FloatArray:
    return np.ones(rows.codes.size) if rows.values is None else rows.values


def _all_ones(rows: Ragged) -> bool:
    return rows.values is None or bool((rows.values == 1).all())


def _sums(rows: Ragged, numbers: FloatArray) -> FloatArray:
    """Return the sum of numbers in each row, given one an entry."""
    return np.bincount(rows.row_numbers(), numbers, minlength=len(rows)).astype(np.float64)


def _power(numbers: AnyArray, exponent: float) -> FloatArray:
    """Return numbers to a power, 0 where they are 0."""
    base = numbers.astype(np.float64)
    return np.where(base > 0, np.where(base > 0, base, 1.0) ** exponent, 0.0)


def _work(queries: Ragged, facts: Features) -> int:
    """Return how many entries the pass over the data reads."""
    return int(np.bincount(queries.codes, minlength=facts.counts.size) @ facts.counts)


def narrow(codes: Int32Array, n_rows: int) -> AnyArray:
    """Return codes of so many rows in as few bytes as hold them, as kernels take them: fewer bytes are read faster."""
    return frozen(codes.astype(np.uint16) if n_rows <= LARGEST_NARROW else codes)


def _compact(out: Int32Array, scores: AnyArray) -> Ragged:
    """Return the filled places of slots of equal length."""
    present = out >= 0
    indptr = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(present.sum(axis=1), dtype=np.int64)))
    return Ragged(indptr, out[present], None, scores[present])


def _check_weights(function: str, rows: Ragged, measure: Measure) -> None:
    weights = _weights(rows)
    if measure.name in CENTRED and weights.size and (weights == weights[0]).all():
        raise DataError(
            f"{function}: all weights are {weights[0]:g}, so that {measure.name} has nothing to go by; use cosine."
        )
    if measure.name not in SIGNED and (weights < 0).any():
        raise DataError(
            f"{function}: {int((weights < 0).sum())} weights are below 0, which {measure.name} cannot take; drop "
            f"them, or use one of {', '.join(SIGNED)}."
        )
    if weights.size and np.abs(weights).max() > LARGEST:
        raise DataError(f"{function}: weights reach {np.abs(weights).max():g}; divide them to stay within {LARGEST:g}.")
