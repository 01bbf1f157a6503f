"""Kernels of moments: counts, means, centred cross products and third powers by cell, in one pass over the columns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic
from numba.np.numpy_support import carray

from .._core.instructions import prefetch
from .._core.jit import kernel, summing_kernel
from ..typing import AnyArray, FloatArray, Int32Array, Int64Array

KINDS = tuple(map(np.dtype, ("f8", "f4", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1")))
"""Types of numbers that columns may have; a kind is a place here."""

AHEAD = 512
"""Numbers between the one at work and the one that is fetched."""


def _as_pointer(_context: Any, address: Any, sample: Any) -> tuple[Any, Callable[..., Any]]:
    """Compile to the pointer to numbers of the type of `sample` at an address."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

    return types.CPointer(sample)(address, sample), generate


pointer: Any = intrinsic(_as_pointer)


@kernel
def cross(
    codes: Int32Array, others: Int32Array, width: int, joint: AnyArray, counts: Int64Array, start: int, stop: int
) -> None:
    """Write ``codes * width + others`` from `start` to `stop`, and count how often each occurs."""
    for i in range(start, stop):
        both = codes[i] * width + others[i]
        joint[i] = both
        counts[np.uint64(both)] += 1


@kernel
def place_by_cell(cells: Int32Array, starts: Int64Array, places: AnyArray) -> None:
    """Write the place of each row once the rows are sorted by cell; those of cell c begin at ``starts[c]``.

    `places` are unsigned: the compiler then need not think of places counted from the end.
    """
    starts[:] = 0
    for i in range(cells.size):
        starts[cells[i] + 1] += 1
    for cell in range(starts.size - 1):
        starts[cell + 1] += starts[cell]
    for i in range(cells.size):
        cell = cells[i]
        places[i] = starts[cell]
        starts[cell] += 1
    for cell in range(starts.size - 1, 0, -1):
        starts[cell] = starts[cell - 1]
    starts[0] = 0


@kernel
def put_numbers(column: AnyArray, places: AnyArray, row: FloatArray) -> None:
    """Write each number of `column` to its place in `row`, which is float64.

    What comes next is fetched ahead of its use: the processor does so by itself only within a page of memory.
    """
    whole = column.size - column.size % 8
    for i in range(0, whole, 8):
        prefetch(column, i + AHEAD)
        for k in range(8):
            row[places[i + k]] = column[i + k]
    for i in range(whole, column.size):
        row[places[i]] = column[i]


@kernel
def put(kind: int, address: int, places: AnyArray, row: FloatArray) -> None:
    """Write the numbers at `address`, of the type that stands at `kind` in `KINDS`, to their places in `row`."""
    n = row.size
    if kind == 0:
        put_numbers(carray(pointer(address, np.float64(0)), n), places, row)
    elif kind == 1:
        put_numbers(carray(pointer(address, np.float32(0)), n), places, row)
    elif kind == 2:
        put_numbers(carray(pointer(address, np.int64(0)), n), places, row)
    elif kind == 3:
        put_numbers(carray(pointer(address, np.int32(0)), n), places, row)
    elif kind == 4:
        put_numbers(carray(pointer(address, np.int16(0)), n), places, row)
    elif kind == 5:
        put_numbers(carray(pointer(address, np.int8(0)), n), places, row)
    elif kind == 6:
        put_numbers(carray(pointer(address, np.uint64(0)), n), places, row)
    elif kind == 7:
        put_numbers(carray(pointer(address, np.uint32(0)), n), places, row)
    elif kind == 8:
        put_numbers(carray(pointer(address, np.uint16(0)), n), places, row)
    else:
        put_numbers(carray(pointer(address, np.uint8(0)), n), places, row)


@kernel
def strangers(row: FloatArray) -> int:
    """Return how many numbers are neither 0 nor 1."""
    count = 0
    for i in range(row.size):
        count += (row[i] != 0.0) & (row[i] != 1.0)
    return count


@kernel
def cut(row: FloatArray, cap: float) -> None:
    """Lower what lies above `cap` to it."""
    for i in range(row.size):
        row[i] = min(row[i], cap)


@summing_kernel
def average(values: FloatArray) -> float:
    """Return the mean, summed around the first value."""
    shifted = 0.0
    for i in range(values.size):
        shifted += values[i] - values[0]
    return values[0] + shifted / values.size


@summing_kernel
def centre(values: FloatArray, reference: float) -> tuple[float, float, float]:
    """Subtract `reference`; return the sums of what is left, of its squares and of its cubes."""
    first = second = third = 0.0
    for i in range(values.size):
        delta = values[i] - reference
        square = delta * delta
        values[i] = delta
        first += delta
        second += square
        third += square * delta
    return first, second, third


@summing_kernel
def dot(x: FloatArray, y: FloatArray) -> float:
    """Return the sum of ``x * y``."""
    total = 0.0
    for i in range(x.size):
        total += x[i] * y[i]
    return total


@kernel
def centre_row(row: FloatArray, starts: Int64Array, n: FloatArray, mean: FloatArray, sums: FloatArray, j: int) -> None:
    """Centre one column of a block, sorted by cell, at each cell's mean so far; `sums` is (cells, columns, powers).

    In a cell's first block that is the mean of the block.
    """
    for cell in range(n.size):
        values = row[starts[cell] : starts[cell + 1]]
        if values.size:
            if n[cell] == 0:
                mean[cell, j] = average(values)
            first, second, third = centre(values, mean[cell, j])
            sums[cell, j, 0], sums[cell, j, 1], sums[cell, j, 2] = first, second, third


@kernel
def add_block(
    work: FloatArray,
    starts: Int64Array,
    pairs: Int32Array,
    rows: Int32Array,
    sums: FloatArray,
    n: FloatArray,
    mean: FloatArray,
    products: FloatArray,
    thirds: FloatArray,
) -> None:
    """Add a block that `centre_row` has centred to the moments of the cells; column j stands in ``work[rows[j]]``.

    All sums are around the mean so far, so the new ones around the new mean follow by shifting both together. Where the
    cell had fewer rows than the block, at most their ratio times the rounding of a double is lost.
    """
    for cell in range(n.size):
        start, stop = starts[cell], starts[cell + 1]
        if stop == start:
            continue
        total = n[cell] + (stop - start)
        for j in range(mean.shape[1]):
            shift = sums[cell, j, 0] / total
            square = products[cell, j] + sums[cell, j, 1]
            cubes = thirds[cell, j] + sums[cell, j, 2]
            thirds[cell, j] = cubes - 3.0 * shift * square + 2.0 * total * shift * shift * shift
            products[cell, j] = max(square - shift * sums[cell, j, 0], 0.0)
            mean[cell, j] += shift
        for pair in range(mean.shape[1], pairs.shape[0]):
            x, y = pairs[pair, 0], pairs[pair, 1]
            product = dot(work[rows[x], start:stop], work[rows[y], start:stop])
            products[cell, pair] += product - sums[cell, x, 0] * sums[cell, y, 0] / total
        n[cell] = total


@kernel
def sum_part(
    columns: Int64Array,
    caps: FloatArray,
    binary: AnyArray,
    rows: Int32Array,
    pairs: Int32Array,
    cells: Int32Array,
    block: int,
    start: int,
    stop: int,
    n: FloatArray,
    mean: FloatArray,
    products: FloatArray,
    thirds: FloatArray,
    bad: Int64Array,
) -> None:
    """Add rows `start` to `stop` to the moments of their cells, block by block.

    ``columns[j]`` holds the address of column j's first number, the bytes of each, and its kind; while its block is
    worked on, column j stands in row ``rows[j]``. Addresses, because a list of arrays of several types cannot be handed
    over; so a part is one call, and threads need not wait for each other between many short ones. `bad` counts the
    numbers that are neither 0 nor 1 in the columns marked in `binary`.
    """
    size = min(block, stop - start)
    starts, places = np.empty(n.size + 1, np.int64), np.empty(size, np.uint32)
    work, sums = np.empty((rows.max() + 1, size)), np.empty((n.size, mean.shape[1], 3))
    for low in range(start, stop, block):
        some = cells[low : min(low + block, stop)]
        place_by_cell(some, starts, places)
        for j in range(mean.shape[1]):
            row = work[rows[j], : some.size]
            put(columns[j, 2], columns[j, 0] + low * columns[j, 1], places, row)
            if binary[j]:
                bad[j] += strangers(row)
            if caps[j] < np.inf:
                cut(row, caps[j])
            centre_row(row, starts, n, mean, sums, j)
        add_block(work, starts, pairs, rows, sums, n, mean, products, thirds)


@kernel
def merge_cell(
    pairs: Int32Array,
    n: float,
    mean: FloatArray,
    products: FloatArray,
    thirds: FloatArray,
    n_b: float,
    mean_b: FloatArray,
    products_b: FloatArray,
    thirds_b: FloatArray,
) -> None:
    """Add the moments of part b to those of a part of `n` rows; the first pairs are (j, j) for each column j.

    Chan, Golub and LeVeque (1979) for products, Pebay (2008) for third powers.
    """
    total = n + n_b
    for j in range(mean.size):
        shift = mean_b[j] - mean[j]
        thirds[j] += thirds_b[j] + shift * shift * shift * n * n_b * (n - n_b) / (total * total)
        thirds[j] += 3.0 * shift * (n * products_b[j] - n_b * products[j]) / total
    for pair in range(products.size):
        i, j = pairs[pair, 0], pairs[pair, 1]
        products[pair] += products_b[pair] + (mean_b[i] - mean[i]) * (mean_b[j] - mean[j]) * n * n_b / total
    for j in range(mean.size):
        mean[j] += (mean_b[j] - mean[j]) * (n_b / total)


@kernel
def merge_cells(
    pairs: Int32Array,
    n: FloatArray,
    mean: FloatArray,
    products: FloatArray,
    thirds: FloatArray,
    n_b: FloatArray,
    mean_b: FloatArray,
    products_b: FloatArray,
    thirds_b: FloatArray,
) -> None:
    """Add the moments of all cells of part b to those of the cells."""
    for cell in range(n.size):
        if n_b[cell] > 0:
            merge_cell(
                pairs,
                n[cell],
                mean[cell],
                products[cell],
                thirds[cell],
                n_b[cell],
                mean_b[cell],
                products_b[cell],
                thirds_b[cell],
            )
            n[cell] += n_b[cell]
