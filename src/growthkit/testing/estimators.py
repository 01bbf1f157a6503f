"""`check_estimator`: whether a model keeps the protocol that growthkit's models share."""

from __future__ import annotations

import copy
import inspect
import pickle
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import numpy as np

from .._core.estimator import Estimator
from .._core.ragged import Ragged
from .._core.vocabulary import Vocabulary
from ..exceptions import DataError, NotFittedError, ParameterError

__all__ = ["check_estimator"]


def check_estimator(estimator: Estimator, *data: Any, **options: Any) -> None:
    """Check that a model keeps the protocol of growthkit's estimators.

    Arguments of ``__init__`` are stored as they are and nothing else happens there; parameters can be read, set and
    cloned; `fit` returns self, leaves the parameters alone, learns the same from the same data, and keeps what it
    learnt on attributes that end in ``_``; pickle and ``save``/``load`` bring all of it back, bit for bit; what is not
    fitted says so.

    Parameters
    ----------
    estimator
        Not fitted; random ones must hold a seed.
    *data
        What `fit` takes.
    **options
        Keyword arguments of `fit`.

    Raises
    ------
    AssertionError
        At the first rule that is broken, naming it.

    Examples
    --------
    >>> from growthkit._core.estimator import Estimator
    >>> from growthkit.testing import check_estimator
    >>> class Mean(Estimator):
    ...     def __init__(self, *, shift=0.0):
    ...         self.offset = shift
    >>> check_estimator(Mean())
    Traceback (most recent call last):
    AssertionError: check_estimator: __init__ stores each argument under its name, and nothing else (offset, shift).
    """
    fresh = copy.deepcopy(estimator)
    for check in (_check_init, _check_parameters, _check_clone, _check_unfitted):
        check(copy.deepcopy(fresh))
    fitted = _check_fit(copy.deepcopy(fresh), data, options)
    _check_same(_state(fitted), _state(_fit(copy.deepcopy(fresh), data, options)), "fit learns the same from the same")
    _check_same(_state(fitted), _state(_fit(copy.deepcopy(fitted), data, options)), "fit forgets what it learnt before")
    _check_same(_state(fitted), _state(pickle.loads(pickle.dumps(fitted))), "pickle keeps everything")  # noqa: S301
    _check_files(fitted)


def _require(holds: bool, rule: str, detail: Any = "") -> None:
    if not holds:
        raise AssertionError(f"check_estimator: {rule}{f' ({detail})' if detail else ''}.")


def _arguments(estimator: Estimator) -> set[str]:
    return {name for name in inspect.signature(type(estimator).__init__).parameters if name != "self"}


def _require_raises(error: type[Exception], call: Callable[[], Any], rule: str) -> None:
    try:
        call()
    except error:
        return
    _require(False, rule)


def _check_init(estimator: Estimator) -> None:
    rule = "__init__ stores each argument under its name, and nothing else"
    given = {name: object() for name in _arguments(estimator)}
    try:
        made = vars(type(estimator)(**given))
    except Exception as error:
        raise AssertionError(f"check_estimator: {rule}; it does not check them ({error}).") from error
    strange = set(made) ^ set(given) | {name for name in set(made) & set(given) if made[name] is not given[name]}
    _require(not strange, rule, ", ".join(sorted(strange)))


def _check_parameters(estimator: Estimator) -> None:
    names = _arguments(estimator)
    _require(set(estimator.get_params()) == names, "get_params returns the arguments of __init__")
    values = {name: object() for name in names}
    _require(estimator.set_params(**values) is estimator, "set_params returns self")
    _require(estimator.get_params() == values, "get_params returns what set_params set")
    _require_raises(
        ParameterError, lambda: estimator.set_params(no_such_parameter=1), "set_params refuses unknown parameters"
    )


def _check_clone(estimator: Estimator) -> None:
    from sklearn import base

    clone: Any = base.clone  # pyright: ignore[reportUnknownVariableType]
    copied = clone(estimator)
    _require(type(copied) is type(estimator), "scikit-learn's clone returns the same class")
    _check_same(_state(estimator), _state(copied), "scikit-learn's clone keeps the parameters")


def _check_unfitted(estimator: Estimator) -> None:
    _require_raises(NotFittedError, estimator.check_fitted, "check_fitted raises NotFittedError before fit")
    with TemporaryDirectory() as folder:
        path = Path(folder, "model.npz")
        _require_raises(NotFittedError, lambda: estimator.save(path), "save raises NotFittedError before fit")


def _check_fit(estimator: Estimator, data: tuple[Any, ...], options: dict[str, Any]) -> Estimator:
    before = {name: copy.deepcopy(value) for name, value in estimator.get_params().items()}
    _require(_fit(estimator, data, options) is estimator, "fit returns self")
    _check_same(before, estimator.get_params(), "fit leaves the parameters alone")
    learnt = set(vars(estimator)) - set(before)
    stray = sorted(name for name in learnt if not name.endswith("_") or name.startswith("_"))
    _require(not stray, "what fit learns stands on public attributes that end in _", ", ".join(stray))
    _require(bool(learnt), "fit learns something")
    estimator.check_fitted()
    return estimator


def _fit(estimator: Any, data: tuple[Any, ...], options: dict[str, Any]) -> Estimator:
    return estimator.fit(*data, **options)


def _check_files(fitted: Estimator) -> None:
    other = type("Other", (type(fitted),), {})
    with TemporaryDirectory() as folder:
        path = Path(folder, "model.npz")
        fitted.save(path)
        _check_same(_state(fitted), _state(type(fitted).load(path)), "save and load keep everything")
        _require_raises(DataError, lambda: other.load(path), "load refuses the file of another class")


def _state(estimator: Estimator) -> dict[str, Any]:
    return dict(vars(estimator))


def _check_same(one: dict[str, Any], two: dict[str, Any], rule: str) -> None:
    unequal = sorted(set(one) ^ set(two))
    unequal += [name for name in one if name in two and not _equal(one[name], two[name])]
    _require(not unequal, rule, ", ".join(unequal))


def _equal(one: Any, two: Any) -> bool:
    """Whether two values are the same bit for bit, NaN included; a NumPy number may come back as a Python one.

    Models are the same if they are of one class and everything on them is the same.
    """
    if isinstance(one, Estimator) and isinstance(two, Estimator):
        return type(one) is type(two) and _equal(_state(one), _state(two))
    if isinstance(one, dict) and isinstance(two, dict):
        mine, other = cast("tuple[dict[str, Any], dict[str, Any]]", (one, two))
        return list(mine) == list(other) and all(map(_equal, mine.values(), other.values()))
    if isinstance(one, (list, tuple)) and isinstance(two, type(cast(Any, one))):
        first, second = cast("tuple[list[Any], list[Any]]", (one, two))
        return len(first) == len(second) and all(map(_equal, first, second))
    if isinstance(one, Vocabulary) and isinstance(two, Vocabulary):
        return one == two
    if isinstance(one, Ragged) and isinstance(two, Ragged):
        return all(_equal(getattr(one, name), getattr(two, name)) for name in ("indptr", "codes", "times", "values"))
    if isinstance(one, np.ndarray) and isinstance(two, np.ndarray):
        return _equal_arrays(one, two)
    return bool(one == two) or (one != one and two != two)


def _equal_arrays(one: Any, two: Any) -> bool:
    if one.dtype != two.dtype or one.shape != two.shape:
        return False
    return one.tolist() == two.tolist() if one.dtype.kind == "O" else one.tobytes() == two.tobytes()
