"""Instructions of the processor that numba has no name for, which are compiled into the kernels that call them.

Unlike kernels they are shared between files. numba's cache does not notice a change here: remove the caches after one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba.core import cgutils as _cgutils
from numba.core import types as nb
from numba.extending import intrinsic

__all__ = ["count_ones", "lowest_one", "prefetch"]

cgutils: Any = _cgutils  # numba has no stubs


def _population_count(_context: Any, word: Any) -> tuple[Any, Callable[..., Any]]:
    """Compile to the count of the bits set in a word."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return word(word), generate


def _trailing_zeros(_context: Any, word: Any) -> tuple[Any, Callable[..., Any]]:
    """Compile to the place of the lowest bit set in a word that is not 0."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], cgutils.true_bit)

    return word(word), generate


def _prefetch(_context: Any, array: Any, _place: Any) -> tuple[Any, Callable[..., Any]]:
    """Compile to the hint that ``array[place]`` will be read soon; any place will do."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        ir = cgutils.ir
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        number = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t, number, number, number])
        hint = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
        pointer = builder.bitcast(builder.gep(data, [arguments[1]]), cgutils.voidptr_t)
        builder.call(hint, [pointer, number(0), number(3), number(1)])  # to read, often, data
        return context.get_dummy_value()

    return nb.void(array, nb.int64), generate


count_ones: Any = intrinsic(_population_count)
lowest_one: Any = intrinsic(_trailing_zeros)
prefetch: Any = intrinsic(_prefetch)
