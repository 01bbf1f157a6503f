"""`Estimator`: the protocol of everything that is fitted, and its file format."""

from __future__ import annotations

import inspect
import json
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self, cast
from zipfile import BadZipFile

import numpy as np
from numpy.lib.npyio import NpzFile

from ..exceptions import DataError, NotFittedError, ParameterError
from ..typing import AnyArray
from .ragged import Ragged
from .vocabulary import Vocabulary

__all__ = ["SCHEMA", "Estimator"]

SCHEMA = 1
"""Version of the file format; raised when old files can no longer be read."""


class Estimator:
    """Base of the models: parameters by name, a check that `fit` has run, and files that hold no code.

    A subclass stores each argument of ``__init__`` under its own name and does nothing else there; `fit` sets what it
    learnt on attributes that end in ``_`` and returns self. That is scikit-learn's protocol, so its clone and its
    searches work.
    """

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters by name; `deep` is there for scikit-learn and changes nothing."""
        del deep
        return {name: getattr(self, name) for name in self._parameter_names()}

    def set_params(self, **params: Any) -> Self:
        """Set parameters by name and return self.

        Raises
        ------
        ParameterError
            If there is no such parameter.
        """
        names = self._parameter_names()
        for name, value in params.items():
            if name not in names:
                raise ParameterError(f"{type(self).__name__}: there is no parameter {name!r}, only {', '.join(names)}.")
            setattr(self, name, value)
        return self

    def save(self, path: str | Path) -> None:
        """Write parameters and what was learnt to one npz file: arrays, and a JSON header with the schema version.

        Raises
        ------
        DataError
            If a parameter is something that the format has no place for, such as a random generator; nothing has been
            written then.
        """
        self.check_fitted()
        arrays: dict[str, AnyArray] = {}
        parts = {"params": self.get_params(), "learnt": self._learnt()}
        header: dict[str, Any] = {"schema": SCHEMA, "class": type(self).__name__}
        for part, values in parts.items():
            header[part] = {name: self._packed(name, value, arrays) for name, value in values.items()}
        with Path(path).open("wb") as file:
            write: Any = np.savez_compressed  # its stub takes each array for its flag allow_pickle
            write(file, header=np.array(json.dumps(header)), **arrays)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what `save` wrote; nothing in the file is executed.

        Raises
        ------
        DataError
            If the file holds something else, another class or a schema that this version does not know.
        """
        with _opened(path, cls.__name__) as file:
            header = json.loads(str(file["header"]))
            if (header["class"], header["schema"]) != (cls.__name__, SCHEMA):
                raise DataError(
                    f"{cls.__name__}.load: the file holds {header['class']} of schema {header['schema']}, "
                    f"not {cls.__name__} of schema {SCHEMA}."
                )
            estimator = cls(**{name: _unpack(node, file) for name, node in header["params"].items()})
            for name, node in header["learnt"].items():
                setattr(estimator, name, _unpack(node, file))
        return estimator

    def check_fitted(self) -> None:
        """Raise `NotFittedError` unless `fit` has run."""
        if not self._learnt():
            raise NotFittedError(f"{type(self).__name__}: call fit first.")

    def __repr__(self) -> str:
        listed = ", ".join(f"{name}={value!r}" for name, value in self.get_params().items())
        return f"{type(self).__name__}({listed})"

    def _packed(self, name: str, value: Any, arrays: dict[str, AnyArray]) -> dict[str, Any]:
        try:
            return _pack(name, value, arrays)
        except TypeError as error:
            remedy = "" if name.endswith("_") else f"; set a plain value first, with set_params({name}=...)"
            raise DataError(
                f"{type(self).__name__}.save: {name} is or holds a {error}, which the file format cannot keep{remedy}."
            ) from error

    def _learnt(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name.endswith("_") and not name.startswith("_")}

    @classmethod
    def _parameter_names(cls) -> list[str]:
        return [name for name in inspect.signature(cls.__init__).parameters if name != "self"]


@contextmanager
def _opened(path: str | Path, name: str) -> Generator[Any]:
    """Open what `save` wrote."""
    with Path(path).open("rb") as stream:  # not by NumPy, which leaves broken archives open
        try:
            file = np.load(stream, allow_pickle=False)
        except (ValueError, EOFError, BadZipFile):
            file = None
        if not isinstance(file, NpzFile) or "header" not in file.files:
            raise DataError(f"{name}.load: {str(path)!r} is no file that save wrote.")
        yield file


def _pack(name: str, value: Any, arrays: dict[str, AnyArray]) -> dict[str, Any]:
    """Return a JSON node for `value`, and put its arrays into `arrays`.

    Raises
    ------
    TypeError
        If there is none; it names the type.
    """
    if isinstance(value, Vocabulary):
        return {"vocabulary": _pack(f"{name}.labels", value.labels, arrays)}
    if isinstance(value, Ragged):
        fields = ("indptr", "codes", "times", "values")
        return {"ragged": {field: _pack(f"{name}.{field}", getattr(value, field), arrays) for field in fields}}
    if isinstance(value, np.ndarray) and value.dtype.kind != "O":
        arrays[name] = value
        return {"array": name}
    if isinstance(value, np.ndarray):
        return {"texts": [_text(label) for label in value]}
    if isinstance(value, tuple):
        return {"tuple": [_pack(f"{name}[{i}]", part, arrays) for i, part in enumerate(cast(Any, value))]}
    return {"plain": _plain(value)}


def _text(label: Any) -> str:
    if not isinstance(label, str):
        raise TypeError(type(label).__name__)
    return label


def _plain(value: Any) -> Any:
    """Return a value that JSON gives back as it is."""
    if isinstance(value, np.generic):
        return cast(Any, value).item()
    if isinstance(value, list):
        return [_plain(part) for part in cast(Any, value)]
    if isinstance(value, Mapping):
        return {_text(key): _plain(part) for key, part in cast(Any, value).items()}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(type(value).__name__)


def _unpack(node: dict[str, Any], arrays: Any) -> Any:
    ((kind, content),) = node.items()
    if kind == "vocabulary":
        return Vocabulary(_unpack(content, arrays))
    if kind == "ragged":
        return Ragged(**{field: _unpack(part, arrays) for field, part in content.items()})
    if kind == "tuple":
        return tuple(_unpack(part, arrays) for part in content)
    if kind == "array":
        return arrays[content]
    if kind == "texts":
        return np.array(content, dtype=object)
    return content
