"""The shared bootstrap: weights by their definition, sums in any blocks, intervals that agree with their p-values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from growthkit._core import _resampling_kernels
from growthkit._core.resampling import percentiles, poisson_sums
from tests.references.resampling import poisson_weight


def weights(n: int, n_resamples: int, seed: int = 0, n_threads: int | None = 1) -> np.ndarray:
    """Return the weight of each unit (axis 1) in each resample, as sums of columns with a single 1."""
    return poisson_sums(np.eye(n), n_resamples, seed=seed, n_threads=n_threads, function="test")


def test_weights_are_those_of_the_definition() -> None:
    seed = int(np.random.SeedSequence(5).generate_state(1, np.uint64)[0])
    expected = [[poisson_weight(seed, b, i) for i in range(11)] for b in range(70)]
    assert weights(11, 70, 5).tolist() == expected


def test_sums_over_several_chunks() -> None:
    n = 2 * _resampling_kernels.CHUNK + 3
    columns = np.random.default_rng(0).integers(0, 100, (2, n)).astype(float)
    seed = int(np.random.SeedSequence(1).generate_state(1, np.uint64)[0])
    drawn = np.array([poisson_weight(seed, 1, i) for i in range(n)])
    sums = poisson_sums(columns, 2, seed=1, n_threads=1, function="test")
    assert sums[1].tolist() == (columns @ drawn).tolist()


def test_weights_are_poisson() -> None:
    drawn = weights(64, 4_000)
    assert drawn.mean() == pytest.approx(1.0, abs=0.01)
    assert drawn.var() == pytest.approx(1.0, abs=0.02)
    assert np.abs(np.corrcoef(drawn.T) - np.eye(64)).max() < 0.08


def test_same_on_any_number_of_threads(threaded: None) -> None:
    del threaded
    columns = np.random.default_rng(0).normal(size=(3, 10_000))
    one, *others = (poisson_sums(columns, 100, seed=1, n_threads=n, function="test") for n in (1, 2, 5))
    assert all(one.tobytes() == other.tobytes() for other in others)
    fewer = poisson_sums(columns, 40, seed=1, n_threads=1, function="test")
    assert one[:40].tobytes() == fewer.tobytes()


class TestPercentiles:
    def test_ends_by_hand(self) -> None:
        values = np.random.default_rng(0).permutation(np.arange(1.0, 200.0))[:, None]
        ends = percentiles(values, confidence=0.9)
        assert (ends.lower[0], ends.upper[0], ends.p_value[0]) == (10.0, 190.0, 0.01)

    def test_too_few_for_the_level(self) -> None:
        ends = percentiles(np.arange(9.0)[:, None], confidence=0.95)
        assert (ends.lower[0], ends.upper[0]) == (-np.inf, np.inf)

    def test_what_is_not_known(self) -> None:
        values = np.column_stack((np.full(99, np.nan), np.where(np.arange(99) < 30, np.nan, 1.0)))
        ends = percentiles(values, confidence=0.9)
        assert np.isnan([ends.lower[0], ends.upper[0], ends.p_value[0]]).all()
        assert (ends.lower[1], ends.upper[1], ends.p_value[1]) == (-np.inf, np.inf, 0.62)

    @given(st.lists(st.integers(-3, 3), min_size=20, max_size=80), st.sampled_from([0.5, 0.8, 0.9]), st.integers(-2, 2))
    def test_p_values_agree_with_the_ends(self, values: list[int], confidence: float, shift: int) -> None:
        ends = percentiles(np.array(values, dtype=float)[:, None] + shift, confidence=confidence)
        outside = ends.lower[0] > 0 or ends.upper[0] < 0
        assert (ends.p_value[0] <= 1 - confidence + 1e-12) == outside
