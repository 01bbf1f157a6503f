"""Recommending for everybody takes memory for the input, the output, and blocks; never for customers by items."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from growthkit.recommend import ImplicitALS, Interactions, ItemKNN, Popular, UserKNN

N_CUSTOMERS, N_ITEMS, K, N_THREADS = 8_000, 1_500, 10, 2
BLOCK = 300_000
"""Bytes of a block: of scores, or of rows in the form that kernels take."""

SLACK = 500_000
"""Bytes for what does not grow with the data, and for one byte a place of the lists that says its source."""


@pytest.fixture(scope="module")
def data() -> Interactions:
    draw = np.random.default_rng(0)
    entries = draw.integers(0, N_CUSTOMERS, 160_000), (N_ITEMS * draw.random(160_000) ** 2).astype(int)
    matrix = sp.coo_array((draw.integers(1, 5, 160_000).astype(float), entries), shape=(N_CUSTOMERS, N_ITEMS)).tocsr()
    matrix.sum_duplicates()
    return Interactions.from_csr(matrix)


def allowed(answer: Any) -> int:
    """Return the bytes of the rule; what PyArrow allocates is not traced, so it does not count as output."""
    traced = [column for column in answer if answer[column].dtype != "str"]
    output = int(answer[traced].memory_usage(index=False).sum())
    return output + N_THREADS * (12 * N_ITEMS + BLOCK) + SLACK


def peak_of(model: Any, **request: Any) -> tuple[int, Any]:
    """Return the bytes at the peak of a request for everybody, beyond what was held before, and the answer."""
    model.recommend(model.customers_.labels[:5], k=K, **request)  # what is compiled or imported once
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    answer = model.recommend(k=K, n_threads=N_THREADS, **request)
    peak = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    return peak, answer


MODELS = {
    "ItemKNN": ItemKNN(k=20),
    "UserKNN": UserKNN(k=5),
    "ImplicitALS": ImplicitALS(4, iterations=1),
    "Popular": Popular(),
}


@pytest.mark.parametrize("name", MODELS)
def test_the_peak_is_the_output_and_blocks(name: str, data: Interactions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("growthkit.recommend._selection.BLOCK", BLOCK // 4)
    peak, answer = peak_of(MODELS[name].fit(data))
    assert len(answer) == K * N_CUSTOMERS
    assert peak <= allowed(answer)
    assert peak < N_CUSTOMERS * N_ITEMS  # not one byte for each pair


def test_a_selection_of_customers_and_items_takes_no_more(data: Interactions) -> None:
    model = ItemKNN(k=20).fit(data)
    peak, answer = peak_of(model, eligible=model.items_.labels[::2])
    assert peak <= allowed(answer)
