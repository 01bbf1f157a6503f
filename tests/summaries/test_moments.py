"""`Moments`: against exact sums, split and merged, there and back, on any number of threads."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from growthkit.exceptions import DataError, ParameterError
from growthkit.summaries import Moments
from tests.references.moments import exact_moments

PARTS = ("n", "mean", "products", "thirds")


def log(n: int = 5000, *, shift: float = 0.0, seed: int = 1) -> pd.DataFrame:
    draws = np.random.default_rng(seed)
    frame = pd.DataFrame({"variant": draws.choice(["a", "b", "c"], n), "segment": draws.integers(0, 4, n)})
    frame["x"] = draws.normal(size=n) + shift
    frame["y"] = frame["x"] - shift + draws.exponential(size=n)
    return frame


def moments(frame: Any, **options: Any) -> Moments:
    return Moments.from_frame(frame, by=["variant", "segment"], variables=["x", "y"], **options)


def assert_close(one: Moments, other: Moments, tolerance: float) -> None:
    assert list(one.keys) == list(other.keys)
    for key in one.keys:
        assert one.keys[key].tolist() == other.keys[key].tolist()
    assert np.array_equal(one.n, other.n)
    scale = np.sqrt(one.products[:, :2] / one.n[:, None]) + 1e-300
    assert (np.abs(one.mean - other.mean) <= tolerance * scale).all()
    np.testing.assert_allclose(one.products, other.products, rtol=tolerance, atol=tolerance * one.products.max())
    np.testing.assert_allclose(one.thirds, other.thirds, rtol=tolerance, atol=tolerance * np.abs(one.thirds).max())


class TestPass:
    @pytest.mark.parametrize("shift", [0.0, 1e6])
    def test_agrees_with_exact_sums(self, shift: float) -> None:
        frame = log(300, shift=shift)
        found = moments(frame)
        for cell, (_, rows) in enumerate(frame.groupby(["variant", "segment"])):
            n, mean, product = exact_moments(rows["x"].tolist(), rows["y"].tolist())
            assert found.n[cell] == n
            assert found.mean[cell, 0] == pytest.approx(mean, rel=1e-15)
            assert found.products[cell, found.pair("x", "y")] == pytest.approx(product, rel=1e-9)

    def test_a_mean_of_1e9_leaves_a_variance_of_1(self) -> None:
        values = np.random.default_rng(0).normal(size=200_000)
        frame = pd.DataFrame({"variant": "a", "x": values + 1e9})
        truth = np.var((values + 1e9) - 1e9, ddof=1)
        found = Moments.from_frame(frame, by=["variant"], variables=["x"])
        assert found.covariance("x")[0] == pytest.approx(truth, rel=1e-9)

    def test_third_powers(self) -> None:
        frame = log(40_000)
        found = moments(frame)
        expected = frame.groupby(["variant", "segment"])["y"].apply(lambda y: ((y - y.mean()) ** 3).sum())
        np.testing.assert_allclose(found.thirds[:, 1], expected, rtol=1e-9)

    def test_threads_change_no_bit(self) -> None:
        frame = log(450_000)
        one = moments(frame, n_threads=1)
        for n_threads in (2, 5):
            other = moments(frame, n_threads=n_threads)
            assert all(np.array_equal(getattr(one, part), getattr(other, part)) for part in PARTS)

    def test_many_cells(self) -> None:
        draws = np.random.default_rng(3)
        frame = pd.DataFrame({"variant": draws.integers(0, 6000, 60_000), "x": draws.normal(size=60_000)})
        found = Moments.from_frame(frame, by=["variant"], variables=["x"])
        expected = frame.groupby("variant")["x"].agg(["size", "mean", "var"])
        assert np.array_equal(found.n, expected["size"])
        np.testing.assert_allclose(found.mean[:, 0], expected["mean"], atol=1e-12)
        np.testing.assert_allclose(found.covariance("x"), expected["var"], atol=1e-12)

    def test_engines_agree(self) -> None:
        frame = log(500)
        expected = moments(frame)
        for other in (pl.from_pandas(frame), pa.Table.from_pandas(frame), frame.convert_dtypes()):
            found = moments(other)
            assert all(np.array_equal(getattr(found, part), getattr(expected, part)) for part in PARTS)

    def test_row_order_changes_rounding_only(self) -> None:
        frame = log(30_000)
        assert_close(moments(frame), moments(frame.sample(frac=1.0, random_state=2)), 1e-11)


class TestMerge:
    @settings(max_examples=40, deadline=None)
    @given(cuts=st.lists(st.integers(1, 1999), min_size=1, max_size=4), shift=st.sampled_from([0.0, 1e9]))
    def test_of_parts_is_the_whole(self, cuts: list[int], shift: float) -> None:
        frame = log(2000, shift=shift)
        edges = [0, *sorted(set(cuts)), 2000]
        parts = [moments(frame[a:b]) for a, b in pairwise(edges)]
        assert_close(moments(frame), parts[0].merge(*parts[1:]), 1e-6 if shift else 1e-11)

    def test_coarser_cells_are_those_of_the_coarser_frame(self) -> None:
        frame = log(3000)
        whole = Moments.from_frame(frame, by=["variant"], variables=["x", "y"])
        assert_close(whole, moments(frame).by("variant"), 1e-11)

    def test_refuses_other_variables_and_kinds(self) -> None:
        frame = log(100)
        other = Moments.from_frame(frame, by=["variant"], variables=["x"])
        with pytest.raises(DataError, match="the keys"):
            moments(frame).merge(other)
        with pytest.raises(DataError, match="text ids"):
            moments(frame).merge(moments(frame.assign(variant=1)))


class TestTable:
    @pytest.mark.parametrize("convert", [lambda f: f, pl.from_pandas, pa.Table.from_pandas])
    def test_there_and_back(self, convert: Any) -> None:
        found = moments(convert(log(400)))
        again = Moments.from_table(found.to_table())
        assert all(np.array_equal(getattr(found, part), getattr(again, part)) for part in (*PARTS, "pairs"))
        assert {key: labels.tolist() for key, labels in again.keys.items()} == {
            key: labels.tolist() for key, labels in found.keys.items()
        }

    def test_in_any_order_of_rows_and_columns_and_without_thirds(self) -> None:
        found = moments(log(400))
        table = found.to_table().sample(frac=1.0, random_state=1)
        kept = ["variant", "segment", "n", "product:x:y", "mean:x", "mean:y", "product:y:y", "product:x:x"]
        again = Moments.from_table(table[kept].rename(columns={"product:x:y": "product:y:x"}))
        assert again.covariance("x", "y").tolist() == found.covariance("x", "y").tolist()
        assert np.isnan(again.thirds).all()

    def test_refuses_nonsense(self) -> None:
        table = moments(log(400)).to_table()
        with pytest.raises(DataError, match="no count"):
            Moments.from_table(table.assign(n=0.5))
        with pytest.raises(DataError, match="negative sums of squares"):
            Moments.from_table(table.assign(**{"product:x:x": -1.0}))
        with pytest.raises(DataError, match="stand in an earlier row"):
            Moments.from_table(pd.concat([table, table]))
        with pytest.raises(DataError, match="needs key columns"):
            Moments.from_table(table[["variant", "segment"]])


class TestHostile:
    def test_refuses(self) -> None:
        frame = log(50)
        with pytest.raises(DataError, match="NaN, null or infinite"):
            moments(frame.assign(x=np.nan))
        with pytest.raises(ParameterError, match="variables must be"):
            Moments.from_frame(frame, by=["variant"], variables=["x", "x"])
        with pytest.raises(ParameterError, match="none of the variables"):
            moments(frame, pairs=[("x", "z")])
        with pytest.raises(DataError, match="was not summed"):
            moments(frame, pairs=[]).covariance("x", "y")
        with pytest.raises(DataError, match="no key"):
            moments(frame).by("region")

    @pytest.mark.parametrize("huge", [1.7e308, -1e154, 1e78])
    def test_values_whose_squares_overflow(self, huge: float) -> None:
        frame = log(5000)
        frame.loc[[17, 400], "x"] = huge
        with pytest.raises(DataError, match=r'^Moments\.from_frame: column "x" holds 2 values beyond 1e\+75.*row 17\)'):
            moments(frame)
        with pytest.raises(DataError, match=r"holds 5000 values beyond"):
            moments(frame.assign(x=huge))

    def test_values_that_are_just_small_enough(self) -> None:
        frame = log(400)
        frame["x"] *= 1e75 / frame["x"].abs().max()
        found = moments(frame)
        for part in PARTS:
            assert np.isfinite(getattr(found, part)).all()

    def test_values_whose_squares_vanish(self) -> None:
        tiny = pd.DataFrame({"variant": ["a", "a", "b", "b"], "x": [0.0, 1e-170, 1e-170, 1.0]})
        with pytest.raises(DataError, match=r'column "x" holds 1 values below 1e-150, .*\(first at row 1\); scale'):
            Moments.from_frame(tiny, by=["variant"], variables=["x"])
        for numbers in ([0.0, 0.0, 1e-170, 1.0], [5.0, 5.0, 0.0, 0.0], [1e-140, -1e-140, 0.0, 1.0]):
            found = Moments.from_frame(tiny.assign(x=numbers), by=["variant"], variables=["x"])
            spread = [numbers[0] != numbers[1], numbers[2] != numbers[3]]
            assert (found.covariance("x") > 0).tolist() == spread

    @pytest.mark.parametrize("name", ["mean:x", "product:x:x"])
    def test_tables_of_huge_values(self, name: str) -> None:
        table = moments(log(400)).to_table()
        with pytest.raises(DataError, match=f'column "{name}" holds 12 values beyond'):
            Moments.from_table(table.assign(**{name: 1e300}))

    def test_changes_no_input(self) -> None:
        frame = log(50)
        before = frame.copy(deep=True)
        moments(frame)
        pd.testing.assert_frame_equal(frame, before)
