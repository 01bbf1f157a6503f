"""Code for eight words of 64 bits at once: sets of bits that are intersected and counted, and masks that are turned.

What `_core.instructions` says of caches holds here as well.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from numba.core import cgutils as _cgutils
from numba.core import types as nb
from numba.extending import intrinsic

__all__ = [
    "BLOCK",
    "LANES",
    "RUN",
    "copy_mask",
    "copy_run",
    "count_lanes",
    "meet",
    "reach",
    "squeeze",
    "sum_marked",
    "turn_halfway",
    "turn_rest",
]

cgutils: Any = _cgutils  # numba has no stubs

LANES = 8
"""Words that are handled at once."""

BLOCK = 64 * LANES
"""Words of 64 masks of LANES words."""

RUN = 2 * LANES
"""Items, of 32 bits each, that are copied at once."""

SLOW_TO_SQUEEZE = ("bdver4", "znver1", "znver2")
"""Processors that have the instruction `squeeze` is made for, but need hundreds of cycles for it."""

Compiler = tuple[Any, Callable[..., Any]]


class Vectors:
    """Writes code for LANES words at once; arrays go by the place of the argument, vectors by where they begin."""

    def __init__(self, context: Any, builder: Any, signature: Any, arguments: Any) -> None:
        self.builder = builder
        self.word = cgutils.ir.IntType(64)
        self.kind = cgutils.ir.VectorType(self.word, LANES)
        self.data = [
            context.make_array(kind)(context, builder, argument).data if isinstance(kind, nb.Array) else argument
            for kind, argument in zip(signature.args, arguments, strict=True)
        ]

    def at(self, array: int, *offsets: Any) -> Any:
        """Return the address of an element, which is the sum of the offsets behind the first."""
        address = self.data[array]
        for offset in offsets:
            address = self.builder.gep(address, [offset])
        return address

    def load(self, array: int, *offsets: Any, align: int = 8) -> Any:
        """Return the vector that begins at an element."""
        address = self.builder.bitcast(self.at(array, *offsets), self.kind.as_pointer())
        return self.builder.load(address, align=align)

    def store(self, vector: Any, array: int, *offsets: Any, align: int = 8) -> None:
        """Write a vector."""
        address = self.builder.bitcast(self.at(array, *offsets), self.kind.as_pointer())
        self.builder.store(vector, address, align=align)

    def constant(self, word: int) -> Any:
        """Return a vector of equal words."""
        return cgutils.ir.Constant(self.kind, [word] * LANES)

    def spread(self, word: Any) -> Any:
        """Return a vector of equal words that are not known before."""
        ir = cgutils.ir
        empty = ir.Constant(self.kind, ir.Undefined)
        first = self.builder.insert_element(empty, word, ir.IntType(32)(0))
        return self.builder.shuffle_vector(first, empty, ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES))

    def ones(self, vector: Any) -> Any:
        """Return how many bits are set in each word."""
        return self._call("llvm.ctpop", self.kind, vector)

    def sum(self, vector: Any) -> Any:
        """Return the sum of the words."""
        return self._call("llvm.vector.reduce.add", self.word, vector)

    def zero(self) -> Any:
        """Return the address of a vector of zeros, to add to."""
        return cgutils.alloca_once_value(self.builder, self.constant(0))

    def add(self, total: Any, vector: Any) -> None:
        """Add a vector to the one at an address."""
        self.builder.store(self.builder.add(self.builder.load(total), vector), total)

    def swap(self, rows: list[Any], near: int, shift: int) -> None:
        """Exchange the high bits of each row with the low bits of the one that stands `near` behind it."""
        builder = self.builder
        low, by = self.constant(sum(1 << bit for bit in range(64) if not bit & shift)), self.constant(shift)
        for i in (i for i in range(len(rows)) if not i & near):
            differing = builder.and_(builder.xor(builder.lshr(rows[i], by), rows[i + near]), low)
            rows[i + near] = builder.xor(rows[i + near], differing)
            rows[i] = builder.xor(rows[i], builder.shl(differing, by))

    @contextmanager
    def steps(self, stop: Any, step: int) -> Generator[Any]:
        """Write a loop over 0, step, 2 step, ... below `stop`."""
        with cgutils.for_range_slice(self.builder, self.word(0), stop, self.word(step), inc=True) as (place, _):
            yield place

    def _call(self, name: str, returned: Any, vector: Any) -> Any:
        kind = cgutils.ir.FunctionType(returned, [self.kind])
        function = cgutils.get_or_insert_function(self.builder.module, kind, f"{name}.v{LANES}i64")
        return self.builder.call(function, [vector])


def _meet(_context: Any, bits: Any, _one: Any, _other: Any, _out: Any, _words: Any, shifts: Any) -> Compiler:
    """Compile to: set ``bits[out:out + words]`` to what two sets have in common; return how often it counts.

    A bit of word w counts ``2 ** bits[shifts + w]`` times, or once if `shifts` is None.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        lanes = Vectors(context, builder, signature, arguments)
        _, one, other, out, words, at = arguments
        total = lanes.zero()
        with lanes.steps(words, LANES) as word:
            both = builder.and_(lanes.load(0, one, word), lanes.load(0, other, word))
            lanes.store(both, 0, out, word)
            ones = lanes.ones(both)
            lanes.add(total, ones if shifts == nb.none else builder.shl(ones, lanes.load(0, at, word)))
        return lanes.sum(builder.load(total))

    return nb.int64(bits, *[nb.int64] * 4, shifts), generate


def _count_lanes(
    _context: Any, bits: Any, _one: Any, _others: Any, _stride: Any, _words: Any, spots: Any, shifts: Any, _least: Any
) -> Compiler:
    """Compile to: count what one set has in common with LANES others that stand side by side.

    Word w of a set stands `stride` behind word w - 1; the words are numbers 0 to `words`, or those that `spots` lists.
    Writes the counts to ``bits[:LANES]`` and returns a bit for each that is at least `least`. Bits count as for `meet`.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        lanes = Vectors(context, builder, signature, arguments)
        _, one, others, stride, words, _, at, least = arguments
        total = lanes.zero()
        with cgutils.for_range(builder, words, intp=lanes.word) as loop:
            word = loop.index if spots == nb.none else builder.load(lanes.at(5, loop.index))
            row = builder.mul(word, stride)
            both = builder.and_(lanes.spread(builder.load(lanes.at(0, one, row))), lanes.load(0, others, row))
            ones = lanes.ones(both)
            if shifts != nb.none:
                ones = builder.shl(ones, lanes.spread(builder.load(lanes.at(0, at, word))))
            lanes.add(total, ones)
        counts = builder.load(total)
        lanes.store(counts, 0)
        enough = builder.icmp_signed(">=", counts, lanes.spread(least))
        return builder.zext(builder.bitcast(enough, cgutils.ir.IntType(LANES)), lanes.word)

    return nb.int64(bits, *[nb.int64] * 4, spots, shifts, nb.int64), generate


def _copy_mask(_context: Any, source: Any, _at: Any, limit: Any, target: Any, _to: Any) -> Compiler:
    """Compile to: set the mask at ``target[to]`` to the one at ``source[at]`` where `limit` is set; return its size."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        lanes = Vectors(context, builder, signature, arguments)
        left = builder.and_(lanes.load(0, arguments[1]), lanes.load(2))
        lanes.store(left, 3, arguments[4])
        return lanes.sum(lanes.ones(left))

    return nb.int64(source, nb.int64, limit, target, nb.int64), generate


def _copy_run(_context: Any, source: Any, _at: Any, target: Any, _to: Any) -> Compiler:
    """Compile to: copy RUN items from ``source[at]`` to ``target[to]``."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        lanes = Vectors(context, builder, signature, arguments)
        lanes.store(lanes.load(0, arguments[1], align=4), 2, arguments[3], align=4)
        return context.get_dummy_value()

    return nb.void(source, nb.int64, target, nb.int64), generate


def _turn_halfway(_context: Any, rows: Any, _at: Any, block: Any) -> Compiler:
    """Compile to: turn the masks of 64 baskets as far as one can by exchanging bits of rows at least 8 apart."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        lanes = Vectors(context, builder, signature, arguments)
        with lanes.steps(lanes.word(8 * LANES), LANES) as first:
            places = [builder.add(first, lanes.word(8 * LANES * i)) for i in range(8)]
            vectors = [lanes.load(0, arguments[1], place) for place in places]
            for near in (4, 2, 1):
                lanes.swap(vectors, near, 8 * near)
            for vector, place in zip(vectors, places, strict=True):
                lanes.store(vector, 2, place)
        return context.get_dummy_value()

    return nb.void(rows, nb.int64, block), generate


def _turn_rest(_context: Any, block: Any, counts: Any, _shift: Any) -> Compiler:
    """Compile to: turn a block for the rest of the way, and add to `counts` how many bits are set, times 2 ** shift.

    With None for `counts` nothing is counted.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        lanes = Vectors(context, builder, signature, arguments)
        shift = lanes.spread(arguments[2])
        with lanes.steps(lanes.word(BLOCK), 8 * LANES) as first:
            places = [builder.add(first, lanes.word(LANES * i)) for i in range(8)]
            vectors = [lanes.load(0, place) for place in places]
            for near in (4, 2, 1):
                lanes.swap(vectors, near, near)
            for vector, place in zip(vectors, places, strict=True):
                lanes.store(vector, 0, place)
                if counts != nb.none:
                    ones = builder.shl(lanes.ones(vector), shift)
                    lanes.store(builder.add(lanes.load(1, place), ones), 1, place)
        return context.get_dummy_value()

    return nb.void(block, counts, nb.int64), generate


def _reach(_context: Any, counts: Any, _least: Any, limit: Any) -> Compiler:
    """Compile to: set in `limit` the bits whose counts are at least `least`."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        lanes = Vectors(context, builder, signature, arguments)
        least, found = lanes.spread(arguments[1]), lanes.zero()
        bit = cgutils.alloca_once_value(builder, lanes.constant(1))
        with lanes.steps(lanes.word(BLOCK), LANES) as place:
            here = builder.load(bit)
            enough = builder.icmp_signed(">=", lanes.load(0, place), least)
            chosen = builder.select(enough, here, lanes.constant(0))
            builder.store(builder.or_(builder.load(found), chosen), found)
            builder.store(builder.shl(here, lanes.constant(1)), bit)
        lanes.store(builder.load(found), 2)
        return context.get_dummy_value()

    return nb.void(counts, nb.int64, limit), generate


def _squeeze(_context: Any, word: Any, _chosen: Any) -> Compiler:
    """Compile to: the bits of a word that stand where `chosen` has one, moved together to the lowest places."""

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        word, chosen = arguments
        _, processor, features = context.codegen().magic_tuple()
        if "+bmi2" in features.split(",") and processor not in SLOW_TO_SQUEEZE:
            kind = cgutils.ir.FunctionType(word.type, [word.type] * 2)
            return builder.call(cgutils.get_or_insert_function(builder.module, kind, "llvm.x86.bmi.pext.64"), arguments)
        return squeeze_bit_by_bit(builder, word, chosen)

    return word(word, word), generate


def squeeze_bit_by_bit(builder: Any, word: Any, chosen: Any) -> Any:
    """Write a loop that does what `squeeze` does, for processors without an instruction for it."""
    one, left = word.type(1), builder.and_(word, chosen)
    rest, moved = cgutils.alloca_once_value(builder, left), cgutils.alloca_once_value(builder, word.type(0))
    with cgutils.for_range(builder, builder.ctpop(left)):
        left = builder.load(rest)
        lower = builder.and_(builder.not_(left), builder.sub(left, one))
        place = builder.ctpop(builder.and_(chosen, lower))
        builder.store(builder.or_(builder.load(moved), builder.shl(one, place)), moved)
        builder.store(builder.and_(left, builder.sub(left, one)), rest)
    return builder.load(moved)


def _sum_marked(_context: Any, numbers: Any, _at: Any, marks: Any) -> Compiler:
    """Compile to: the sum of those of the 64 numbers from ``numbers[at]`` on whose bit is set in `marks`."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        lanes = Vectors(context, builder, signature, arguments)
        total, few = lanes.constant(0), cgutils.ir.IntType(LANES)
        for first in range(0, 64, LANES):
            here = builder.trunc(builder.lshr(arguments[2], lanes.word(first)), few)
            marked = builder.bitcast(here, cgutils.ir.VectorType(cgutils.ir.IntType(1), LANES))
            found = lanes.load(0, arguments[1], lanes.word(first))
            total = builder.add(total, builder.select(marked, found, lanes.constant(0)))
        return lanes.sum(total)

    return nb.int64(numbers, nb.int64, marks), generate


meet: Any = intrinsic(_meet)
count_lanes: Any = intrinsic(_count_lanes)
copy_mask: Any = intrinsic(_copy_mask)
copy_run: Any = intrinsic(_copy_run)
turn_halfway: Any = intrinsic(_turn_halfway)
turn_rest: Any = intrinsic(_turn_rest)
reach: Any = intrinsic(_reach)
squeeze: Any = intrinsic(_squeeze)
sum_marked: Any = intrinsic(_sum_marked)
