"""The vector code that kernels share, against what it says in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import pytest
from numba.core import types as nb
from numba.extending import intrinsic

from growthkit.rules import _instructions
from growthkit.rules._instructions import LANES, count_lanes, squeeze, sum_marked

WORDS = [0, 1, 1 << 63, (1 << 64) - 1, 0x5555555555555555, 0xF0F0F0F00F0F0F0F, 0x8000000000000001]


def by_loop(_context: Any, word: Any, _chosen: Any) -> tuple[Any, Callable[..., Any]]:
    """Compile to the loop that stands in for `squeeze` on processors without its instruction."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return _instructions.squeeze_bit_by_bit(builder, *arguments)

    return word(word, word), generate


loop: Any = intrinsic(by_loop)


@numba.njit
def squeezed(word: Any, chosen: Any) -> Any:
    return squeeze(word, chosen)


@numba.njit
def squeezed_by_loop(word: Any, chosen: Any) -> Any:
    return loop(word, chosen)


@numba.njit
def summed(numbers: Any, at: int, marks: Any) -> Any:
    return sum_marked(numbers, at, marks)


@numba.njit
def counted(bits: Any, one: int, others: int, stride: int, n: int, spots: Any, shifts: int, least: int) -> Any:
    return count_lanes(bits, one, others, stride, n, spots, shifts, least)


def words(seed: int) -> list[int]:
    drawn = np.random.default_rng(seed).integers(0, 2**64, size=(3, 40), dtype=np.uint64)
    return [*WORDS, *drawn[0].tolist(), *(drawn[0] & drawn[1] & drawn[2]).tolist()]


class TestSqueeze:
    @pytest.mark.parametrize("compiled", [squeezed, squeezed_by_loop], ids=["instruction", "loop"])
    def test_moves_the_chosen_bits_together(self, compiled: Callable[..., Any]) -> None:
        for word, chosen in zip(words(1) * 2, words(2) + words(3)[::-1], strict=True):
            places = [place for place in range(64) if chosen >> place & 1]
            expected = sum((word >> place & 1) << i for i, place in enumerate(places))
            assert int(compiled(np.uint64(word), np.uint64(chosen))) == expected

    def test_processors_that_need_the_loop_get_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        class Codegen:
            def magic_tuple(self) -> tuple[str, str, str]:
                return "a triple", "znver1", "+avx2,+bmi2"

        class Context:
            def codegen(self) -> Codegen:
                return Codegen()

        taken: list[Any] = []

        def write_loop(*arguments: Any) -> None:
            taken.append(arguments)

        monkeypatch.setattr(_instructions, "squeeze_bit_by_bit", write_loop)
        _, generate = _instructions._squeeze(None, nb.uint64, nb.uint64)
        generate(Context(), "builder", None, ("word", "chosen"))
        assert taken == [("builder", "word", "chosen")]


def test_marked_numbers_are_summed() -> None:
    numbers = np.random.default_rng(4).integers(-(2**62), 2**62, size=100)
    for marks in words(5):
        chosen = numbers[30:94][[bool(marks >> place & 1) for place in range(64)]]
        assert int(summed(numbers, 30, np.uint64(marks))) == int(chosen.sum())


class TestCountLanes:
    @pytest.mark.parametrize("shifts", [0, 2], ids=["once", "by weight"])
    def test_counts_what_listed_words_have_in_common(self, shifts: int) -> None:
        rng = np.random.default_rng(6)
        stride, n_words, start = 3 * LANES, 5, 4 * LANES
        bits = rng.integers(0, 2**64, size=start + stride * n_words, dtype=np.uint64)
        bits[2 * LANES : 2 * LANES + n_words] = shifts
        sets = bits[start:].reshape(n_words, stride).copy()
        for spots in ([0, 1, 2, 3, 4], [1, 4], [], [3]):
            listed, one = np.array([*spots, -1], dtype=np.int64), 17
            common = sets[spots, one, np.newaxis] & sets[spots, LANES : 2 * LANES]
            ones = np.unpackbits(common.T.copy().view(np.uint8), axis=1).sum(axis=1, dtype=np.int64)
            expected = ones << shifts
            least = int(np.median(expected))
            found = counted(bits, start + one, start + LANES, stride, len(spots), listed, 2 * LANES, least)
            assert bits[:LANES].tolist() == expected.tolist()
            assert [bool(found >> lane & 1) for lane in range(LANES)] == (expected >= least).tolist()
