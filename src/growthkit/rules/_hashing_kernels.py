"""Kernels that hash the baskets of local databases, so that itemsets in the same baskets are known by their hashes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba.core import cgutils as _cgutils
from numba.core import types as nb
from numba.extending import intrinsic

from .._core.jit import kernel
from ..typing import AnyArray, Int32Array, Int64Array

cgutils: Any = _cgutils  # numba has no stubs

AHEAD = 12
"""How many baskets ahead memory is asked for."""

SPARE = 16
"""Places of `tally`, a power of 2, for items that are not asked for: adding to one alone would wait for itself."""

SIZE, START, WORDS, SHIFTS = 1, 3, 4, 5
"""Columns of the records that `_local_kernels.build` writes."""

KEYS, HASH = range(2)
"""Columns of what is noted beside these: where the keys stand, and the hash of the baskets with the item."""


def _prefetch(_context: Any, array: Any, _place: Any) -> tuple[Any, Callable[..., Any]]:
    """Compile to the hint that ``array[place]`` will be read soon."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        ir = cgutils.ir
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        number = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t, number, number, number])
        hint = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
        pointer = builder.bitcast(builder.gep(data, [arguments[1]]), cgutils.voidptr_t)
        builder.call(hint, [pointer, number(0), number(3), number(1)])
        return context.get_dummy_value()

    return nb.void(array, nb.int64), generate


prefetch: Any = intrinsic(_prefetch)


@kernel
def hash_basket(begin: Any) -> Any:
    """Return a random-looking number for the basket that begins at `begin` (the finaliser of splitmix64)."""
    mixed = (begin + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.int64(mixed ^ (mixed >> np.uint64(31)))


@kernel
def note_keys(key: Any, weight: Any, shifts: Any, next_bit: Int64Array, keys: Int64Array) -> None:
    """Write the keys of the bits of a basket, in the order in which `_local_kernels.set_bits` sets these."""
    power = 0
    while weight:
        if shifts == 0 or weight & 1:
            keys[next_bit[power]] = key << power
            next_bit[power] += 1
        weight = weight >> 1 if shifts else weight - 1
        power += shifts > 0


@kernel
def hash_database(
    record: Int64Array,
    note: Int64Array,
    codes: AnyArray,
    starts: Int64Array,
    places: AnyArray,
    local: Int32Array,
    tally: Int64Array,
    extensions: Int64Array,
    bits: AnyArray,
    hashes: Int64Array,
    keys: Int64Array,
) -> None:
    """Hash the baskets with a local database's item, those with each of its extensions, and those of each bit."""
    size, start, words, shifts = record[SIZE], record[START], record[WORDS], record[SHIFTS]
    first, last, one = np.uint64(starts[record[0]]), np.uint64(starts[record[0] + 1]), np.uint64(1)
    next_bit, total = np.zeros(64, np.int64), np.int64(0)
    for word in range(words - 1, -1, -1):
        next_bit[np.int64(bits[shifts + word]) if shifts else 0] = note[KEYS] + (word << 6)
    for i in range(size):
        local[extensions[start + i, 0]] = i
        tally[i] = 0
    for i in range(first, last):
        prefetch(codes, np.int64(places[min(i + np.uint64(AHEAD), last - one), 0]))
        begin, n = np.uint64(places[i, 0]), 0
        key, weight = hash_basket(begin), np.int64(codes[begin])
        own = key * weight
        total += own
        for place in range(begin + one, np.uint64(places[i, 1])):
            code = local[np.uint64(codes[place])]
            tally[np.uint64(code) if code >= 0 else np.uint64(size) + (place & np.uint64(SPARE - 1))] += own
            n += code >= 0
        if n > 1 and words:
            note_keys(key, weight, shifts, next_bit, keys)
    for i in range(size):
        local[extensions[start + i, 0]] = -1
        hashes[start + i] = tally[i]
    note[HASH] = total


@kernel
def hash_databases(
    n: int,
    records: Int64Array,
    notes: Int64Array,
    codes: AnyArray,
    starts: Int64Array,
    places: AnyArray,
    local: Int32Array,
    tally: Int64Array,
    extensions: Int64Array,
    bits: AnyArray,
    hashes: Int64Array,
    keys: Int64Array,
) -> int:
    """Hash the baskets of the first `n` local databases; return how many keys there are.

    A hash is the sum of a number for each basket times its weight. `local` is -1 throughout.
    """
    used = 0
    for i in range(n):
        notes[i, KEYS] = used
        hash_database(records[i], notes[i], codes, starts, places, local, tally, extensions, bits, hashes, keys)
        used += records[i, WORDS] << 6
    return used
