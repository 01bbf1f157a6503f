"""From arrays to the columns of a frame: moments, categories, ids."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...typing import AnyArray, BoolArray, Int64Array
from .plan import Plan

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["category", "ids", "moments", "nullable_ids", "time_order"]


def moments(plan: Plan, seconds: Int64Array, *, missing: BoolArray | None = None) -> NDArray[np.datetime64]:
    """Return seconds since the start as moments (microseconds, as both pandas 2 and 3 keep them)."""
    times = plan.start.astype("datetime64[us]") + (seconds.astype(np.int64) * 1_000_000).astype("timedelta64[us]")
    if missing is not None:
        times[missing] = np.datetime64("NaT", "us")
    return times


def time_order(seconds: Int64Array) -> Int64Array:
    """Return the rows in order of time; rows of one second keep their order."""
    return np.argsort(seconds, kind="stable")


def ids(codes: Int64Array) -> NDArray[np.int32]:
    """Return the ids of codes: 1 for code 0, and so on."""
    return (codes + 1).astype(np.int32)


def nullable_ids(codes: Int64Array) -> pd.api.extensions.ExtensionArray:
    """Return the ids of codes, missing where the code is negative."""
    import pandas as pd

    return pd.arrays.IntegerArray(ids(codes), codes < 0)


def category(codes: AnyArray, names: tuple[str, ...]) -> pd.Categorical:
    """Return codes as a categorical column; a negative code is missing."""
    import pandas as pd

    dtype = pd.CategoricalDtype(list(names))
    return pd.Categorical.from_codes(codes.astype(np.int8), dtype=dtype)
