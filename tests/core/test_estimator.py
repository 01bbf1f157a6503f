"""The protocol of models: parameters, files, what is not fitted; seen with a model that learns one of everything."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from growthkit._core.estimator import Estimator
from growthkit._core.ragged import Ragged
from growthkit._core.vocabulary import Vocabulary
from growthkit.exceptions import DataError, NotFittedError, ParameterError
from growthkit.testing import check_estimator


class Everything(Estimator):
    """Learns one attribute of each kind that the file format knows."""

    def __init__(self, *, k: int = 10, name: str = "x", share: float | None = None) -> None:
        self.k = k
        self.name = name
        self.share = share

    def fit(self, ids: list[Any]) -> Everything:
        column = np.array(ids, dtype=object if isinstance(ids[0], str) else None)
        codes, self.vocabulary_ = Vocabulary.encode(column)
        self.plain_ = {"k": self.k, "missing": None}
        self.number_ = np.float64(0.1)
        self.array_ = np.array([[1.5, np.nan], [np.inf, -0.0]])
        self.days_ = np.array(["2026-01-01", "NaT"], dtype="datetime64[D]")
        self.texts_ = np.array(["é", ""], dtype=object)
        self.ragged_ = Ragged.from_codes(codes, codes, len(self.vocabulary_), values=codes.astype(np.float64))
        return self


@pytest.mark.parametrize("ids", [[3, 1, 3], ["b", "é", "b"], [1.5, -2.5], [True, False]], ids=repr)
def test_a_model_of_everything_keeps_the_protocol(ids: list[Any]) -> None:
    check_estimator(Everything(k=3, share=0.5), ids)


def test_saved_is_what_is_loaded(tmp_path: Path) -> None:
    Everything(k=3).fit(["b", "a"]).save(tmp_path / "model")
    loaded = Everything.load(str(tmp_path / "model"))
    assert loaded.get_params() == {"k": 3, "name": "x", "share": None}
    assert loaded.vocabulary_.labels.tolist() == ["a", "b"]
    assert loaded.ragged_.codes.tolist() == [0, 1]
    assert loaded.ragged_.times is None
    assert np.signbit(loaded.array_[1, 1])


def test_files_hold_no_code(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(tmp_path / "boom"),)

    np.savez(tmp_path / "model.npz", header=np.array([Bomb()], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle=False"):
        Everything.load(tmp_path / "model.npz")
    assert not (tmp_path / "boom").exists()


def test_objects_that_are_no_text_cannot_be_saved(tmp_path: Path) -> None:
    model = Everything().fit([1])
    model.texts_ = np.array([("a", 1), ("b", 2), "c"], dtype=object)
    with pytest.raises(DataError, match=r"^Everything\.save: texts_ is or holds a tuple, which the file .* keep\.$"):
        model.save(tmp_path / "model.npz")


@pytest.mark.parametrize("change", [{"class": "Other"}, {"schema": 999}])
def test_other_files_are_refused(change: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    Everything().fit([1]).save(path)
    with np.load(path) as file:
        arrays = dict(file)
    header = json.loads(str(arrays.pop("header"))) | change
    np.savez(path, header=np.array(json.dumps(header)), **arrays)
    with pytest.raises(DataError, match=r"^Everything\.load: the file holds \w+ of schema \d+, not Everything of"):
        Everything.load(path)


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04"])
def test_files_of_others_are_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"^Everything\.load: '.*model\.npz' is no file that save wrote\.$"):
        Everything.load(path)
    with path.open("wb") as file:
        np.savez(file, other=np.arange(3))
    with pytest.raises(DataError, match="is no file that save wrote"):
        Everything.load(path)


@pytest.mark.parametrize(
    "value", [np.int64(3), np.float32(0.5), (), ("a", (1, 2.5)), ["a", None], {"a": [1, True]}], ids=repr
)
def test_parameters_come_back_as_they_were(value: Any, tmp_path: Path) -> None:
    Everything(name=value).fit([1]).save(tmp_path / "model.npz")
    assert Everything.load(tmp_path / "model.npz").name == value


@pytest.mark.parametrize(
    ("value", "kind"), [(np.random.default_rng(0), "Generator"), ([{1}], "set"), ({1: 2}, "int"), (b"x", "bytes")]
)
def test_parameters_that_files_cannot_keep(value: Any, kind: str, tmp_path: Path) -> None:
    """Nothing is written, and setting a plain value first helps."""
    model, path = Everything(name=value).fit([1]), tmp_path / "model.npz"
    remedy = r"set a plain value first, with set_params\(name=\.\.\.\)\.$"
    with pytest.raises(DataError, match=rf"^Everything\.save: name is or holds a {kind}, which .* keep; {remedy}"):
        model.save(path)
    assert not path.exists()
    model.set_params(name="plain").save(path)
    assert Everything.load(path).name == "plain"


def test_before_fit(tmp_path: Path) -> None:
    with pytest.raises(NotFittedError, match=r"^Everything: call fit first\.$"):
        Everything().save(tmp_path / "model.npz")
    assert list(tmp_path.iterdir()) == []


def test_unknown_parameters_are_refused_and_known_ones_listed() -> None:
    with pytest.raises(ParameterError, match=r"^Everything: there is no parameter 'depth', only k, name, share\.$"):
        Everything().set_params(depth=3)


def test_repr_shows_the_parameters() -> None:
    assert repr(Everything(k=3)) == "Everything(k=3, name='x', share=None)"


def test_scikit_learn_searches_over_it() -> None:
    from sklearn.model_selection import ParameterGrid

    models = [Everything().set_params(**point) for point in ParameterGrid({"k": [1, 2], "name": ["a"]})]
    assert [(model.k, model.name) for model in models] == [(1, "a"), (2, "a")]
