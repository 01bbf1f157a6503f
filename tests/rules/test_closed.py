"""Closed, maximal and generator itemsets: definitions, invariants, real data, hostile input."""

from __future__ import annotations

import lzma
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from growthkit._core.ragged import Ragged
from growthkit.exceptions import ParameterError
from growthkit.rules import _closed as closed
from growthkit.rules import _condensing_kernels as condensing
from growthkit.rules._closed import mine_closed
from tests.references import closed as twin

KINDS = ("closed", "maximal", "generators")
Itemsets = dict[frozenset[int], int]


def ragged(rows: list[list[int]]) -> Ragged:
    indptr = np.concatenate(([0], np.cumsum([len(row) for row in rows]))).astype(np.int64)
    return Ragged(indptr, np.array([code for row in rows for code in row], dtype=np.int32))


def arrays(rows: list[list[int]], min_count: int, kind: str, **options: Any) -> tuple[np.ndarray, ...]:
    weights = options.pop("weights", None)
    n_items = options.pop("n_items", 1 + max((code for row in rows for code in row), default=-1))
    defaults: dict[str, Any] = {"min_len": 1, "max_len": None, "conflicts": None, "limit": None, "n_threads": 1}
    given_weights = None if weights is None else np.array(weights, dtype=np.int64)
    return mine_closed(ragged(rows), given_weights, n_items, min_count, kind, **defaults | options)


def listed(result: tuple[np.ndarray, ...]) -> Itemsets:
    indptr, codes, counts = result
    itemsets = [tuple(codes[start:stop].tolist()) for start, stop in pairwise(indptr.tolist())]
    assert [itemset for itemset in itemsets if list(itemset) != sorted(set(itemset)) or not itemset] == []
    assert len(set(itemsets)) == len(itemsets)
    return dict(zip(map(frozenset, itemsets), counts.tolist(), strict=True))


def mined(rows: list[list[int]], min_count: int, kind: str, **options: Any) -> Itemsets:
    return listed(arrays(rows, min_count, kind, **options))


def expected(rows: list[list[int]], weights: list[int], min_count: int) -> dict[str, Itemsets]:
    counts = twin.count_all(rows, weights, min_count)
    return {
        "closed": twin.closed(counts),
        "maximal": twin.maximal(counts),
        "generators": twin.generators(counts, sum(weights)),
    }


small_rows = st.lists(st.sets(st.integers(0, 7), max_size=8).map(sorted), max_size=12)


@st.composite
def weighted(draw: st.DrawFn) -> tuple[list[list[int]], list[int], int]:
    rows = draw(small_rows)
    weights = draw(st.lists(st.sampled_from([0, 1, 1, 2, 3, 70]), min_size=len(rows), max_size=len(rows)))
    return rows, weights, draw(st.integers(1, 8))


def made_up(seed: int, n_rows: int, n_items: int, share: float) -> list[list[int]]:
    """Return rows of items of uneven frequency; some rows are alike, so that closures are larger than their sets."""
    rng = np.random.default_rng(seed)
    patterns = rng.random((n_rows, n_items)) < share * (0.4 + 1.2 * np.arange(n_items) / n_items)
    patterns[::3] = patterns[rng.integers(0, n_rows, patterns[::3].shape[0])]
    return [np.flatnonzero(pattern).tolist() for pattern in patterns]


class TestDefinitions:
    @given(weighted())
    def test_small_data(self, case: tuple[list[list[int]], list[int], int]) -> None:
        rows, weights, min_count = case
        for kind, itemsets in expected(rows, weights, min_count).items():
            assert mined(rows, min_count, kind, weights=weights, n_items=8) == itemsets

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize(
        ("n_rows", "n_items", "share", "min_count"),
        [(300, 9, 0.5, 20), (300, 9, 0.8, 100), (700, 10, 0.2, 2), (150, 8, 0.3, 1)],
    )
    def test_rooms_of_many_rows(self, kind: str, n_rows: int, n_items: int, share: float, min_count: int) -> None:
        rows = made_up(3, n_rows, n_items, share)
        weights = [1 + row % 5 for row in range(n_rows)]
        assert mined(rows, min_count, kind, weights=weights) == expected(rows, weights, min_count)[kind]

    @pytest.mark.parametrize("kind", KINDS)
    def test_sparse_data(self, kind: str) -> None:
        """Few of many items in a row, as in a shop: the rooms are lists of rows."""
        common = made_up(5, 400, 7, 0.4)
        rows = [[*row, 7 + number % 90] for number, row in enumerate(common)]
        assert mined(rows, 3, kind) == expected(rows, [1] * 400, 3)[kind]

    @pytest.mark.parametrize("kind", KINDS)
    def test_pairs_in_few_of_many_baskets(self, kind: str) -> None:
        """The sets of bits of a pair are written close together, in one word or in several."""
        common = made_up(7, 6000, 7, 0.16)
        rows = [[*row, 7 + number % 90] for number, row in enumerate(common)]
        assert mined(rows, 4, kind) == expected(rows, [1] * 6000, 4)[kind]

    @pytest.mark.parametrize("kind", KINDS)
    def test_more_items_than_a_word_has_bits(self, kind: str) -> None:
        rows = [list(range(0, 200, 2)), list(range(0, 200, 3)), list(range(200))] * 30
        sixths, halves, thirds = (frozenset(range(0, 200, step)) for step in (6, 2, 3))
        everything = frozenset(range(200))
        if kind == "closed":
            assert mined(rows, 30, kind) == {everything: 30, halves: 60, thirds: 60, sixths: 90}
        elif kind == "maximal":
            assert mined(rows, 31, kind) == {halves: 60, thirds: 60}
        else:
            others = everything - halves - thirds
            pairs = {frozenset({i, j}): 30 for i in halves - thirds for j in thirds - halves}
            alone = {frozenset({i}): 60 for i in (halves | thirds) - sixths} | {frozenset({i}): 30 for i in others}
            assert mined(rows, 30, kind) == alone | pairs


class TestHashes:
    def test_a_collision_drops_no_closed_itemset(self) -> None:
        """Four nodes of one count and hash, of which only {2} is part of another, {3, 2}, which is not the longest."""
        codes = np.array([2, 1, 0, 3, 2, 5, 4, 0], dtype=np.int32)
        sets = np.array([[1, 7, 99], [3, 7, 99], [5, 7, 99], [8, 7, 99]])
        kept = np.ones(4, dtype=bool)
        condensing.keep_longest(sets, codes, np.full(8, -1, dtype=np.int32), np.empty(4, dtype=np.int32), kept)
        assert kept.tolist() == [False, True, True, True]

    @pytest.mark.parametrize("salt", [0, 1, -(2**62)])
    def test_only_what_is_part_of_another_with_its_count_is_not_closed(self, salt: int) -> None:
        """{0} and {2, 1} are parts of {3, 0} and {3, 2, 1}, and {2} of {3, 2}, which is less frequent."""
        codes = np.array([0, 1, 2, 3, 0, 2, 1, 3, 2, 1, 3, 2], dtype=np.int32)
        sets = np.array([[1, 7, 0], [2, 8, 0], [3, 9, 0], [5, 7, 0], [7, 7, 0], [10, 7, 0], [12, 8, 0]])
        kept, salts = np.ones(7, dtype=bool), np.full(4, salt)
        table, seen = np.full(16, -1, dtype=np.int32), np.zeros(1, dtype=np.uint64)
        condensing.keep_closed(sets, codes, salts, seen, table, kept)
        assert kept.tolist() == [False, True, True, True, False, True, True]

    def test_a_collision_within_a_local_database_hides_no_closed_itemset(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """All sets of baskets and of items have one hash: what is looked up is compared item by item."""

        def forged(n: int) -> np.ndarray:
            return np.zeros(n, dtype=np.uint64)

        monkeypatch.setattr(closed, "salts", forged)
        common = made_up(5, 400, 7, 0.4)
        rows = [[*row, 7 + number % 90] for number, row in enumerate(common)]
        assert mined(rows, 3, "closed") == expected(rows, [1] * 400, 3)["closed"]


class TestSmallCases:
    def test_an_item_in_every_basket(self) -> None:
        rows = [[0, 1], [0]]
        assert mined(rows, 1, "closed") == {frozenset({0}): 2, frozenset({0, 1}): 1}
        assert mined(rows, 1, "maximal") == {frozenset({0, 1}): 1}
        assert mined(rows, 1, "generators") == {frozenset({1}): 1}

    @pytest.mark.parametrize("kind", KINDS)
    def test_nothing_to_find(self, kind: str) -> None:
        nothing: tuple[list[list[int]], ...] = ([], [[]], [[], []], [[0, 1], [2]])
        for rows in nothing:
            indptr, codes, counts = arrays(rows, 2, kind)
            assert (indptr.tolist(), codes.size, counts.size) == ([0], 0, 0)
            assert (indptr.dtype, codes.dtype, counts.dtype) == (np.int64, np.int32, np.int64)

    def test_one_row(self) -> None:
        assert mined([[1, 4, 6]], 1, "closed") == mined([[1, 4, 6]], 1, "maximal") == {frozenset({1, 4, 6}): 1}
        assert mined([[1, 4, 6]], 1, "generators") == {}

    def test_count_exactly_at_the_threshold(self) -> None:
        assert mined([[0, 1]] * 7 + [[0]], 7, "closed") == {frozenset({0, 1}): 7, frozenset({0}): 8}

    def test_empty_rows_count(self) -> None:
        assert mined([[0], []], 1, "generators") == {frozenset({0}): 1}

    def test_huge_weights(self) -> None:
        weights = [2**40, 2**40 + 1, 3]
        assert mined([[0, 1], [0], [1]], 3, "closed", weights=weights) == {
            frozenset({0}): 2**41 + 1,
            frozenset({1}): 2**40 + 3,
            frozenset({0, 1}): 2**40,
        }

    def test_items_that_always_go_together(self) -> None:
        rows = [[0, 1, 2], [0, 1, 2], [2]]
        assert mined(rows, 1, "closed") == {frozenset({0, 1, 2}): 2, frozenset({2}): 3}
        assert mined(rows, 1, "generators") == {frozenset({0}): 2, frozenset({1}): 2}

    def test_input_stays(self) -> None:
        data = ragged(made_up(1, 50, 6, 0.5))
        weights = np.full(50, 2, dtype=np.int64)
        before = data.indptr.copy(), data.codes.copy()
        for array in (data.indptr, data.codes, weights):
            array.flags.writeable = False
        mine_closed(data, weights, 6, 2, "closed", min_len=1, max_len=None, conflicts=None)
        assert np.array_equal(before[0], data.indptr)
        assert np.array_equal(before[1], data.codes)


class TestLengths:
    @given(weighted(), st.integers(1, 3), st.integers(0, 3))
    def test_choose_among_all(self, case: tuple[list[list[int]], list[int], int], low: int, more: int) -> None:
        rows, weights, min_count = case
        for kind, itemsets in expected(rows, weights, min_count).items():
            found = mined(rows, min_count, kind, weights=weights, min_len=low, max_len=low + more)
            assert found == {one: n for one, n in itemsets.items() if low <= len(one) <= low + more}


class TestTaxonomy:
    PARENTS = ((), (0,), (0,), (1, 0), (1, 2, 0), (), (5,), (5, 0))
    """Ancestors of items 0 to 7; 4 and 7 have two lines."""

    @given(small_rows, st.integers(1, 4), st.integers(1, 3), st.integers(0, 3))
    def test_itemsets_are_in_their_most_specific_form(
        self, rows: list[list[int]], min_count: int, low: int, more: int
    ) -> None:
        full = [sorted({above for item in row for above in (item, *self.PARENTS[item])}) for row in rows]
        conflicts = ragged([list(parents) for parents in self.PARENTS])
        for kind, itemsets in expected(full, [1] * len(full), min_count).items():
            wanted = twin.most_specific(itemsets, self.PARENTS)
            assert len(wanted) == len(itemsets)
            options = {"conflicts": conflicts, "n_items": 8}
            assert mined(full, min_count, kind, **options) == wanted
            some = mined(full, min_count, kind, min_len=low, max_len=low + more, **options)
            assert some == {one: n for one, n in wanted.items() if low <= len(one) <= low + more}


class TestInvariants:
    ROWS = made_up(11, 500, 24, 0.25)

    @pytest.mark.parametrize("kind", KINDS)
    def test_threads_and_order_of_rows_change_no_bit(
        self, kind: str, threaded: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first = arrays(self.ROWS, 5, kind)
        for rows, n_threads in ((self.ROWS, 2), (self.ROWS, 5), (self.ROWS[::-1], 2)):
            again = arrays(rows, 5, kind, n_threads=n_threads)
            assert [one.tobytes() for one in first] == [two.tobytes() for two in again]

    @pytest.mark.parametrize("kind", KINDS)
    def test_doubling_the_baskets_doubles_the_counts(self, kind: str) -> None:
        once = mined(self.ROWS, 5, kind)
        twice = {itemset: 2 * count for itemset, count in once.items()}
        assert mined(self.ROWS + self.ROWS, 10, kind) == twice
        assert mined(self.ROWS, 10, kind, weights=[2] * len(self.ROWS)) == twice

    @pytest.mark.parametrize("kind", KINDS)
    def test_relabelling(self, kind: str) -> None:
        names = np.random.default_rng(2).permutation(24)
        rows = [sorted(names[row].tolist()) for row in self.ROWS]
        relabelled = {frozenset(names[list(one)].tolist()): n for one, n in mined(self.ROWS, 5, kind).items()}
        assert mined(rows, 5, kind) == relabelled

    def test_maximal_within_closed_and_every_generator_has_a_closure(self) -> None:
        closed_ones, maximal, generators = (mined(self.ROWS, 5, kind) for kind in KINDS)
        assert maximal.items() <= closed_ones.items()
        closures = {
            generator: [one for one, n in closed_ones.items() if generator <= one and n == count]
            for generator, count in generators.items()
        }
        assert {len(found) for found in closures.values()} == {1}
        assert {one for found in closures.values() for one in found} == set(closed_ones)


class TestLimit:
    @pytest.mark.parametrize("kind", KINDS)
    def test_at_the_number_of_itemsets(self, kind: str) -> None:
        rows = made_up(11, 300, 12, 0.4)
        n = len(mined(rows, 5, kind))
        assert len(mined(rows, 5, kind, limit=n)) == n
        with pytest.raises(ParameterError, match=f"max_itemsets is {n - 1:,}; raise min_support"):
            mined(rows, 5, kind, limit=n - 1)

    @pytest.mark.parametrize("kind", KINDS)
    def test_stops_the_search(self, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where it is certain that there are too many, and not only when all are found; and gives advice that helps."""
        monkeypatch.setattr(closed, "FIRST_PIECE", 16)
        monkeypatch.setattr(closed, "BYTES_AN_ITEMSET", 2**40)
        monkeypatch.setattr(closed, "_joined", pytest.fail)
        with pytest.raises(ParameterError, match="max_itemsets is 1;") as caught:
            mined(TestInvariants.ROWS, 5, kind, limit=1)
        assert "closed" not in str(caught.value)

    @pytest.mark.parametrize("kind", KINDS)
    def test_counts_what_is_returned(self, kind: str) -> None:
        rows = made_up(11, 300, 12, 0.4)
        few = mined(rows, 5, kind, min_len=2, max_len=2)
        assert mined(rows, 5, kind, min_len=2, max_len=2, limit=len(few)) == few


def fimi(folder: Path, name: str) -> list[list[int]]:
    path = folder / "rules" / f"{name}.dat.xz"
    if not path.is_file():
        pytest.skip(f"needs {path}")
    with lzma.open(path, "rt") as lines:
        return [sorted({int(item) for item in line.split()}) for line in lines]


FIGURES = [
    ("chess", 1918, "closed", 98_392),
    ("chess", 1600, "maximal", 11_209),
    ("chess", 1600, "generators", 369_611),
    ("mushroom", 812, "closed", 3_287),
    ("mushroom", 812, "maximal", 453),
    ("BMS1", 36, "closed", 64_762),
    ("BMS1", 36, "maximal", 15_179),
    ("kosarak_36k", 73, "closed", 9_749),
    ("connect_10k", 9000, "closed", 5_257),
    ("retail", 9, "closed", 189_077),
    ("retail", 9, "maximal", 75_200),
    ("T10I4D100K", 10, "closed", 283_397),
    ("T10I4D100K", 10, "generators", 307_466),
]
"""What pyfim 6.28 finds, too, but for the closed itemset in every row of mushroom and connect, which it loses."""


@pytest.mark.slow
@pytest.mark.parametrize(("name", "min_count", "kind", "number"), FIGURES)
def test_real_data(shared_data: Path, name: str, min_count: int, kind: str, number: int) -> None:
    rows = fimi(shared_data, name)
    assert len(mined(rows, min_count, kind)) == number
