"""PureSVD against the dense decomposition."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from growthkit.exceptions import ParameterError
from growthkit.recommend import Interactions, PureSVD


def matrix(shape: tuple[int, int] = (30, 20)) -> np.ndarray:
    rng = np.random.default_rng(0)
    values = np.where(rng.random(shape) < 0.3, rng.choice([1.0, 2.0, 3.0, -1.0], size=shape), 0.0)
    values[2], values[:, 4] = 0, 0
    return values


def fitted(values: np.ndarray, **options: Any) -> PureSVD:
    return PureSVD(**options).fit(Interactions.from_csr(sp.csr_array(values)))


@pytest.mark.parametrize("scaling", [1.0, 0.5, 0.0])
@pytest.mark.parametrize("factors", [1, 5, 18, 19, 20, 64])
@pytest.mark.parametrize("wide", [False, True])
def test_scores_are_those_of_the_dense_decomposition(factors: int, scaling: float, wide: bool) -> None:
    values = matrix((20, 30)) if wide else matrix()
    own, others = fitted(values, factors=factors, scaling=scaling).export_vectors()
    lengths = np.sqrt((values**2).sum(axis=0))
    scales = np.where(lengths > 0, lengths, 1) ** (scaling - 1)
    directions = np.linalg.svd(values * scales, full_matrices=False)[2][:factors].T
    assert own @ others.T == pytest.approx(values @ directions @ directions.T, abs=1e-5)


def test_all_directions_give_back_the_weights() -> None:
    own, others = fitted(matrix(), factors=20).export_vectors()
    assert own @ others.T == pytest.approx(matrix(), abs=1e-5)


def test_folding_in_projects() -> None:
    model = fitted(matrix(), factors=4)
    folded = model.fold_in(Interactions.from_csr(sp.csr_array(matrix())))
    assert (folded.customer_vectors_ == model.customer_vectors_).all()


def test_explanations_sum_to_the_score() -> None:
    model = fitted(matrix(), factors=4)
    own, others = model.export_vectors()
    assert model.explain(3, 7)["contribution"].sum() == pytest.approx(own[3] @ others[7], abs=1e-6)


def test_one_customer_and_one_item() -> None:
    assert fitted(np.array([[3.0]])).recommend(exclude=None)["score"].tolist() == [3.0]


def test_saved_and_loaded(tmp_path: Path) -> None:
    model = fitted(matrix(), factors=4)
    model.save(tmp_path / "model.npz")
    pd.testing.assert_frame_equal(PureSVD.load(tmp_path / "model.npz").recommend(k=3), model.recommend(k=3))


@pytest.mark.parametrize(("name", "value"), [("factors", 0), ("scaling", -0.1), ("scaling", 2)])
def test_parameters_out_of_range(name: str, value: Any) -> None:
    with pytest.raises(ParameterError, match=rf"PureSVD.fit: {name} must be"):
        fitted(matrix(), **{name: value})
