"""Vocabulary: ids to codes and back, whatever they are."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from growthkit._core.vocabulary import Vocabulary, array_of, plain
from growthkit.exceptions import DataError
from growthkit.testing.strategies import ID_KINDS
from tests.references.vocabulary import encode

pa = pytest.importorskip("pyarrow")

some_ids = st.sampled_from(sorted(ID_KINDS)).flatmap(lambda kind: st.lists(ID_KINDS[kind], min_size=1, max_size=30))


def array(ids: list[Any]) -> np.ndarray:
    return np.array(ids, dtype=object if isinstance(ids[0], str) else type(ids[0]))


@given(some_ids)
def test_equals_its_twin(ids: list[Any]) -> None:
    codes, vocabulary = Vocabulary.encode(array(ids))
    assert (codes.tolist(), vocabulary.labels.tolist()) == encode(ids)
    assert codes.dtype == np.int32


@given(st.lists(ID_KINDS["text"], min_size=1))
def test_arrow_and_pandas_texts_are_encoded_alike(ids: list[str]) -> None:
    expected = encode(ids)
    for column in (pa.array(ids), pa.chunked_array([ids[:1], ids[1:]], type=pa.string()), pd.Series(ids)):
        codes, vocabulary = Vocabulary.encode(column)
        assert (codes.tolist(), vocabulary.labels.tolist()) == expected


@given(some_ids)
def test_decode_undoes_encode(ids: list[Any]) -> None:
    codes, vocabulary = Vocabulary.encode(array(ids))
    assert vocabulary.decode(codes).tolist() == ids


@pytest.mark.usefixtures("threaded")
@given(st.lists(st.integers(-50, 50), min_size=1), st.sampled_from([2, 5]))
def test_threads_change_nothing(ids: list[int], n_threads: int) -> None:
    codes, vocabulary = Vocabulary.encode(np.array(ids), n_threads=n_threads)
    assert (codes.tolist(), vocabulary.labels.tolist()) == encode(ids)


@pytest.mark.parametrize(
    "ids", [[-3, 10**6, -3], [2**63 - 1, -(2**63)], [0, 1_029, 5], [0, 1_030, 5], [2**63 - 1, 2**63 - 2]], ids=repr
)
def test_range_of_whole_numbers_does_not_matter(ids: list[int]) -> None:
    codes, vocabulary = Vocabulary.encode(np.array(ids))
    assert (codes.tolist(), vocabulary.labels.tolist()) == encode(ids)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"])
def test_width_of_whole_numbers_does_not_matter(dtype: str) -> None:
    ids = np.array([100, 3, 100, 127], dtype=dtype)
    codes, vocabulary = Vocabulary.encode(ids)
    assert (codes.tolist(), vocabulary.labels.tolist()) == ([1, 0, 1, 2], [3, 100, 127])
    assert vocabulary.labels.dtype == np.int64


@given(some_ids, some_ids)
def test_find_gives_the_code_or_minus_one(ids: list[Any], wanted: list[Any]) -> None:
    vocabulary = Vocabulary.encode(array(ids)).vocabulary
    codes = {(type(label), label): code for code, label in enumerate(vocabulary.labels.tolist())}
    assert vocabulary.find(wanted).tolist() == [codes.get((type(one), one), -1) for one in wanted]
    assert vocabulary.find(array(wanted)).tolist() == vocabulary.find(wanted).tolist()


@pytest.mark.parametrize("wanted", [1, 1.0, True, "1"], ids=repr)
@pytest.mark.parametrize("held", [1, 1.0, True, "1"], ids=repr)
def test_one_in_four_spellings_is_four_ids(held: Any, wanted: Any) -> None:
    vocabulary = Vocabulary.encode(array([held])).vocabulary
    assert vocabulary.find([wanted]).tolist() == [0 if type(held) is type(wanted) else -1]


@pytest.mark.parametrize("kind", [np.bool_, np.int8, np.uint16, np.float32, np.datetime64])
def test_find_labels_that_are_scalars_of_numpy(kind: Any) -> None:
    ids = [kind("2026-01-01"), kind("2026-01-02")] if kind is np.datetime64 else [kind(0), kind(1)]
    assert Vocabulary.encode(np.array(ids)).vocabulary.find(ids[::-1]).tolist() == [1, 0]


def test_find_nothing_and_in_nothing() -> None:
    assert Vocabulary.encode(np.array([1])).vocabulary.find([]).tolist() == []
    assert Vocabulary(np.array([], dtype=np.int64)).find([1, 2]).tolist() == [-1, -1]


@pytest.mark.parametrize(
    "ids", [[1, 2**63], [2**64 - 1, 0], [(1, 2), (0, 5)], [b"b", b"a"], [dt.date(2026, 9, 1), dt.date(2026, 10, 1)]]
)
def test_unusual_ids_are_found(ids: list[Any]) -> None:
    column = np.array(ids, dtype=np.uint64) if isinstance(ids[0], int) else pd.Series(ids, dtype=object).to_numpy()
    codes, vocabulary = Vocabulary.encode(column)
    assert vocabulary.decode(codes).tolist() == ids
    assert vocabulary.find(ids).tolist() == codes.tolist()


@given(st.lists(st.lists(st.integers(0, 20), min_size=1), min_size=1, max_size=4))
def test_union_holds_each_id_once_and_says_where(parts: list[list[int]]) -> None:
    vocabularies = [Vocabulary.encode(np.array(part)).vocabulary for part in parts]
    union, places = Vocabulary.union(vocabularies, function="f")
    assert union.labels.tolist() == sorted({one for part in parts for one in part})
    for vocabulary, place in zip(vocabularies, places, strict=True):
        assert union.decode(place).tolist() == vocabulary.labels.tolist()


def test_union_of_kinds_is_refused() -> None:
    whole, texts = (Vocabulary.encode(array(ids)).vocabulary for ids in ([1], ["1"]))
    with pytest.raises(DataError, match=r"^f: one part has integer ids, another text ids, which never match; cast"):
        Vocabulary.union([whole, texts], function="f")


@given(some_ids)
def test_equality_is_that_of_the_ids(ids: list[Any]) -> None:
    one, two = (Vocabulary.encode(array(some)).vocabulary for some in (ids, ids[::-1]))
    assert one == two
    assert one != Vocabulary.encode(np.array([10**9])).vocabulary
    assert one != ids


@pytest.mark.parametrize(
    ("ids", "kind"),
    [
        (np.array([1], dtype=np.uint8), "integer"),
        (np.array([1.5]), "float"),
        (np.array([True]), "boolean"),
        (np.array(["2026-01-01"], dtype="datetime64[s]"), "datetime"),
        (np.array(["x"], dtype=object), "text"),
        (np.array([b"x"], dtype=object), "bytes"),
    ],
)
def test_kinds(ids: np.ndarray, kind: str) -> None:
    vocabulary = Vocabulary.encode(ids).vocabulary
    assert vocabulary.kind == kind
    assert repr(vocabulary) == f"Vocabulary(1 ids of kind {kind})"


def test_labels_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="read-only"):
        Vocabulary.encode(np.array([1, 2])).vocabulary.labels[0] = 5


def test_find_among_ids_of_several_types() -> None:
    texts = Vocabulary.encode(np.array(["a", "b"], dtype=object)).vocabulary
    assert texts.find(["b", 1, None, ["a"], "a"]).tolist() == [1, -1, -1, -1, 0]
    days = Vocabulary.encode(np.array(["2026-01-01", "2026-01-02"], dtype="datetime64[ns]")).vocabulary
    assert days.find([dt.datetime(2026, 1, 2), dt.datetime(2026, 1, 3)]).tolist() == [1, -1]


@pytest.mark.parametrize(
    ("ids", "twins"),
    [
        ([np.int64(1), 2, np.uint8(3)], [1, 2, 3]),
        ([np.float64(0.5), 1.5, np.float32(2.5), np.longdouble(3.5)], [0.5, 1.5, 2.5, 3.5]),
        ([np.bool_(True), False], [True, False]),
        ([np.str_("a"), "b"], ["a", "b"]),
        ([np.bytes_(b"a"), b"b"], [b"a", b"b"]),
        ([np.timedelta64(1, "ns"), np.timedelta64(2, "D")], [np.timedelta64(1, "ns"), np.timedelta64(2, "D")]),
    ],
    ids=["integer", "float", "boolean", "text", "bytes", "span"],
)
def test_scalars_of_numpy_are_their_twins_in_python(ids: list[Any], twins: list[Any]) -> None:
    found = array_of(ids).tolist()
    assert found == twins
    assert list(map(type, found)) == list(map(type, twins))
    assert Vocabulary.encode(array_of(twins)).vocabulary.find(ids).min() >= 0


def test_plain_ids_are_passed_on_as_they_are() -> None:
    ids = ["a", 1, np.datetime64("2026-01-01")]
    assert plain(ids) is ids


@pytest.mark.parametrize("dtype", ["i8", "u8", "f8", "?", "M8[us]", "M8[ns]", "O"])
def test_example_is_of_the_kind_of_the_ids(dtype: str) -> None:
    one = np.array(["x"] if dtype == "O" else [1000], dtype=dtype)
    assert Vocabulary(one).example == Vocabulary(one).objects()[0]
    assert type(Vocabulary(one[:0].copy()).example) is type(Vocabulary(one).example)
