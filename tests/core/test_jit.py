"""The decorator of kernels: what it compiles, and where it cannot keep what it compiled."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pytest

from growthkit._core import _kernels, jit
from growthkit.summaries import _kernels as summary_kernels
from growthkit.summaries import _moments_kernels

KERNELS = [
    value
    for module in (_kernels, summary_kernels, _moments_kernels)
    for value in vars(module).values()
    if hasattr(value, "py_func") and value.py_func.__module__ == module.__name__
]


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.py_func.__name__)
def test_kernels_release_the_gil_and_divide_like_numpy(kernel: Any) -> None:
    options = kernel.targetoptions
    assert (options["nogil"], options["error_model"]) == (True, "numpy")
    assert (options.get("fastmath") or set()) in (set(), jit.ANY_ORDER)  # never True: that forgets NaN
    assert not options.get("parallel")


@pytest.mark.parametrize("odd", [np.nan, np.inf])
def test_sums_in_any_order_keep_nan_and_infinity(odd: float) -> None:
    values = np.ones(1000)
    values[7] = odd
    found = _moments_kernels.dot(values, values)
    assert found == odd or (np.isnan(found) and np.isnan(odd))


def test_division_by_zero_is_an_infinity() -> None:
    @jit.kernel
    def ratio(a: float, b: float) -> float:
        return a / b

    assert ratio(1.0, 0.0) == np.inf


def test_functions_without_a_source_file_are_compiled_all_the_same() -> None:
    space: dict[str, Any] = {}
    exec("def double(x):\n    return 2 * x", space)
    with pytest.raises(RuntimeError, match="cannot cache"):
        numba.njit(cache=True)(space["double"])
    assert jit.kernel(space["double"])(21) == 42


def test_kernels_take_arrays_that_cannot_be_written() -> None:
    values = np.array([3, 1, 2])
    values.flags.writeable = False
    assert _kernels.extent(values, 0, 3) == (1, 3)


@pytest.mark.parametrize("ticks_per_day", [1, 86_400, 86_400_000, 86_400_000_000, 86_400_000_000_000])
def test_day_of_a_tick_is_its_floor(ticks_per_day: int) -> None:
    bound = 2**63 // ticks_per_day
    days = [day for day in (-bound + 1, -719_162, -1, 0, 1, 20_000, bound - 2) if abs(day) < min(bound, 2**31)]
    for day in days:
        for tick in (0, 1, ticks_per_day // 2, ticks_per_day - 1):
            assert summary_kernels.day_of(day * ticks_per_day + tick, ticks_per_day) == day + tick // ticks_per_day


def test_sums_keep_what_rounding_loses() -> None:
    total, residue = np.zeros(1), np.zeros(1)
    for value in (1e16, 1.0, -1e16, 0.5):
        summary_kernels.add_exactly(total, residue, 0, value)
    summary_kernels.normalise(total, residue, 0, 1)
    assert (total[0], residue[0]) == (1.5, 0.0)
