"""The kernel of content: products of sparse profiles with all items, feature by feature."""

from __future__ import annotations

from typing import Any

from .._core.jit import kernel
from ..typing import AnyArray, FloatArray, Int32Array, Int64Array


@kernel
def add_products(
    indptr: Int64Array,
    features: Int32Array,
    values: FloatArray,
    item_indptr: Int64Array,
    items: Int32Array,
    item_values: AnyArray,
    out: Any,
) -> None:
    """Add to ``out[row, item]`` the product of each profile with each item.

    `item_indptr`, `items` and `item_values` hold the items of each feature.
    """
    for row in range(out.shape[0]):
        for e in range(indptr[row], indptr[row + 1]):
            feature, value = features[e], values[e]
            for i in range(item_indptr[feature], item_indptr[feature + 1]):
                out[row, items[i]] += value * item_values[i]
