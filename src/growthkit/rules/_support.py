"""The threshold of support, as a count."""

from __future__ import annotations

import math

from .._core.params import Params

__all__ = ["least_count"]


def least_count(params: Params, min_support: float | int, n: int) -> int:
    """Return the least count that reaches `min_support` of `n`: itself if it is whole, else a share in (0, 1].

    A count k is in when ``k / n >= min_support``, both rounded to doubles: so is the count that the user had in mind
    when writing 0.1, or dividing k by n. Multiplying the share by n would miss some of these.
    """
    if isinstance(min_support, int) and not isinstance(min_support, bool):
        return params.whole("min_support", min_support, low=1)
    share = params.number("min_support", min_support, above=0, high=1)
    count = max(math.ceil(share * n), 1)
    while count > 1 and (count - 1) / n >= share:
        count -= 1
    while count / n < share:
        count += 1
    return count
