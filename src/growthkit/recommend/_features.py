"""Features of items: text, categories, numbers and embeddings as unit vectors whose inner product is a similarity."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from .._core.frames import Log
from .._core.params import Params
from .._core.ragged import Ragged
from .._core.results import Notice
from .._core.vocabulary import Vocabulary
from ..exceptions import DataError, ParameterError
from ..typing import AnyArray, BoolArray, FloatArray
from ._request import one_row_each

__all__ = ["ANALYZERS", "FeatureColumns", "Features", "columns_of", "read_features"]

ANALYZERS = ("auto", "word", "char")

KNOTS = 10
"""Quantiles between which a number is placed."""

UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
"""Scripts that write words without spaces: Thai, Lao, Burmese, Khmer, kana and Chinese characters."""

RUNS = re.compile(f"[{UNSPACED}]+|[^\\W{UNSPACED}]+")


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """Unit vectors of items, a sparse part and a dense one; zero vectors for items without any feature.

    Parameters
    ----------
    items
        The items, a row each.
    sparse
        Feature codes and values of each item.
    names
        What the features mean: those of the sparse part, then those of the dense one.
    dense
        float64, items x embedding columns.
    notices
        Columns that hold nothing for some items.
    """

    items: Vocabulary
    sparse: Ragged
    names: AnyArray
    dense: FloatArray
    notices: tuple[Notice, ...] = ()

    def rows(self) -> Ragged:
        """Return both parts as one ragged array."""
        import scipy.sparse as sp

        n_sparse = self.names.size - self.dense.shape[1]
        parts = [as_csr(self.sparse, n_sparse), sp.csr_array(self.dense)]
        return as_ragged(sp.hstack(parts, format="csr"))


@dataclass(frozen=True, slots=True)
class FeatureColumns:
    """The columns of the item frame that hold features, by what they hold, and their weights."""

    text: tuple[str, ...]
    categorical: tuple[str, ...]
    numeric: tuple[str, ...]
    embedding: tuple[str, ...]
    weights: Mapping[str, float]
    analyzer: str


def columns_of(
    params: Params,
    text: str | Sequence[str],
    categorical: str | Sequence[str],
    numeric: str | Sequence[str],
    embedding: str | Sequence[str],
    weights: Mapping[str, float] | None,
    analyzer: str,
) -> FeatureColumns:
    """Check which columns are features of which kind."""
    given = {"text": text, "categorical": categorical, "numeric": numeric, "embedding": embedding}
    columns = {name: _names(params, name, value) for name, value in given.items()}
    if not any(columns.values()):
        raise ParameterError(
            f"{params.function}: name at least one column with text=, categorical=, numeric= or embedding=."
        )
    blocks = [*columns["text"], *columns["categorical"], *columns["numeric"]]
    blocks += ["embedding"] if columns["embedding"] else []
    checked: dict[str, float] = {}
    given_weights: Any = {} if weights is None else weights
    if not isinstance(given_weights, Mapping):
        params.refuse("weights", "a mapping of columns to numbers, or None", weights)
    for name, weight in cast("Mapping[str, float]", given_weights).items():
        if name not in blocks:
            params.refuse("weights", f"a mapping whose keys are among {', '.join(map(repr, blocks))}", name)
        checked[name] = params.number(f"weights[{name!r}]", weight, above=0)
    return FeatureColumns(**columns, weights=checked, analyzer=params.one_of("analyzer", analyzer, ANALYZERS))


def read_features(log: Log, item: str, columns: FeatureColumns) -> Features:
    """Read the features of the items of a frame with one row per item.

    Each column makes one block, embedding columns together one. For each item a block has length 1 (a category its
    rarity, 1 if no other item has it; 0 where the column holds nothing), times the root of its weight; then the vector
    is scaled to length 1.
    """
    import scipy.sparse as sp

    codes, items = log.ids(item, role="item")
    one_row_each(log, item, codes, "item")
    makers: list[tuple[str, Callable[[Log, str], tuple[Any, list[str]]]]] = [
        *((name, lambda log, name: _text_block(log, name, columns.analyzer)) for name in columns.text),
        *((name, _category_block) for name in columns.categorical),
        *((name, _number_block) for name in columns.numeric),
    ]
    blocks: list[Any] = [sp.csr_array((codes.size, 0))]
    names: list[str] = []
    notices: list[Notice] = []
    for name, make in makers:
        block, labels = make(log, name)
        notices += _holes(name, _squares(block) == 0, items.labels[codes])
        blocks.append(block * np.sqrt(columns.weights.get(name, 1.0)))
        names += labels
    sparse, dense = sp.hstack(blocks, format="csr"), _embedding(log, columns)
    lengths = np.sqrt(_squares(sparse) + (dense**2).sum(axis=1))
    scale = np.divide(1.0, lengths, out=np.zeros_like(lengths), where=lengths > 0)
    order = np.argsort(codes)
    sparse = (sp.diags_array(scale, format="csr") @ sparse)[order]
    labels = np.array([*names, *columns.embedding], dtype=object)
    dense = np.ascontiguousarray((dense * scale[:, None])[order])
    return Features(items, as_ragged(sparse), labels, dense, tuple(notices))


def as_ragged(matrix: Any) -> Ragged:
    """Return a sparse matrix as a ragged array with rising codes."""
    matrix = matrix.tocsr()
    matrix.eliminate_zeros()
    matrix.sort_indices()
    return Ragged(matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32), None, matrix.data.astype(np.float64))


def as_csr(rows: Ragged, n_columns: int) -> Any:
    """Return a ragged array as a sparse matrix."""
    import scipy.sparse as sp

    values = np.ones(rows.codes.size) if rows.values is None else rows.values
    return sp.csr_array((values, rows.codes, rows.indptr), shape=(len(rows), n_columns))


def words_and_bigrams(text: str) -> list[str]:
    """Return the words of a text in lower case; of scripts without spaces, pairs of neighbouring characters."""
    tokens: list[str] = []
    for run in RUNS.findall(text.lower()):
        if re.match(f"[{UNSPACED}]", run):
            tokens += [run[i : i + 2] for i in range(len(run) - 1)] or [run]
        elif len(run) > 1:
            tokens.append(run)
    return tokens


def _text_block(log: Log, name: str, analyzer: str) -> tuple[Any, list[str]]:
    """Return TF-IDF with logarithmic term counts."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    held, texts_of = _held(log, name, "text")
    codes, vocabulary = texts_of.ids(name, role="text")
    if vocabulary.kind != "text":
        raise DataError(f'{log.function}: column "{name}" holds {vocabulary.kind} values, not text; use categorical=.')
    options: dict[str, Any] = {
        "auto": {"analyzer": words_and_bigrams},
        "word": {"analyzer": "word"},
        "char": {"analyzer": "char_wb", "ngram_range": (2, 4)},
    }[analyzer]
    texts = np.full(log.n_rows, "", dtype=object)
    texts[held] = vocabulary.decode(codes)
    vectorizer: Any = TfidfVectorizer(sublinear_tf=True, **options)
    try:
        matrix = vectorizer.fit_transform(texts)
    except ValueError as error:
        raise DataError(
            f'{log.function}: column "{name}" holds no words; name another, or use analyzer="char".'
        ) from error
    return _unit(matrix), [f"{name}: {token}" for token in vectorizer.get_feature_names_out()]


def _category_block(log: Log, name: str) -> tuple[Any, list[str]]:
    """Return one entry an item: how rare its category is, as smoothed inverse document frequency."""
    import scipy.sparse as sp

    held, categories = _held(log, name, "categorical")
    codes, vocabulary = categories.ids(name, role="categorical")
    weights = 1.0 + np.log((1.0 + log.n_rows) / (1.0 + np.bincount(codes)))
    rarity = weights[codes] / (1.0 + np.log((1.0 + log.n_rows) / 2.0))
    matrix = sp.csr_array((rarity, (np.flatnonzero(held), codes)), shape=(log.n_rows, len(vocabulary)))
    return matrix, [f"{name} = {label}" for label in vocabulary.labels]


def _number_block(log: Log, name: str) -> tuple[Any, list[str]]:
    """Place numbers between the two nearest of some quantiles, so that near numbers share features."""
    import scipy.sparse as sp

    held, holders = _held(log, name, "numeric")
    numbers = holders.numbers(name, role="numeric")
    knots = np.unique(np.quantile(numbers, np.linspace(0.0, 1.0, KNOTS)))
    places = np.interp(numbers, knots, np.arange(knots.size))
    left = np.minimum(places.astype(np.int32), max(knots.size - 2, 0))
    right = np.minimum(left + 1, knots.size - 1)
    share = places - left
    rows = np.flatnonzero(held)
    entries = (np.concatenate((1.0 - share, share)), (np.tile(rows, 2), np.concatenate((left, right))))
    return _unit(sp.csr_array(entries, shape=(log.n_rows, knots.size))), [f"{name} ~ {knot:.4g}" for knot in knots]


def _held(log: Log, name: str, role: str) -> tuple[BoolArray, Log]:
    """Return which rows hold something in a column, and these rows."""
    held, rows = log.holding(name, role=role)
    if not held.any():
        raise DataError(f'{log.function}: column "{name}" holds nothing but nulls; leave it out.')
    return held, rows


def _holes(name: str, empty: BoolArray, labels: AnyArray) -> list[Notice]:
    """Say for how many items a column holds nothing."""
    n = int(empty.sum())
    if not n:
        return []
    first: Any = labels[int(empty.argmax())]
    first = cast(Any, first).item() if isinstance(first, np.generic) else first
    text = f'column "{name}" holds nothing for {n:,} items (first {first!r}), which go by their other columns.'
    return [Notice("holes_in_features", text)]


def _embedding(log: Log, columns: FeatureColumns) -> FloatArray:
    """Return the embedding columns, each row of length 1 (0 where all are 0) times the root of their weight."""
    if not columns.embedding:
        return np.zeros((log.n_rows, 0))
    dense = np.column_stack([log.numbers(name, role="embedding") for name in columns.embedding])
    largest = np.abs(dense).max(axis=1, keepdims=True)
    dense = np.divide(dense, largest, out=dense, where=largest > 0)  # whose squares stay within range
    lengths = np.linalg.norm(dense, axis=1, keepdims=True)
    unit = np.divide(dense, lengths, out=np.zeros_like(dense), where=lengths > 0)
    return unit * np.sqrt(columns.weights.get("embedding", 1.0))


def _squares(matrix: Any) -> FloatArray:
    return np.asarray(matrix.multiply(matrix).sum(axis=1), dtype=np.float64).ravel()


def _unit(matrix: Any) -> Any:
    import scipy.sparse as sp

    lengths = np.sqrt(_squares(matrix))
    scale = np.divide(1.0, lengths, out=np.zeros_like(lengths), where=lengths > 0)
    return sp.diags_array(scale, format="csr") @ sp.csr_array(matrix)


def _names(params: Params, role: str, value: Any) -> tuple[str, ...]:
    several = not isinstance(value, str) and hasattr(value, "__iter__")
    names: tuple[Any, ...] = tuple(value) if several else (value,)
    if not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        params.refuse(role, "the name of a column, or a list of distinct ones", value)
    return names
