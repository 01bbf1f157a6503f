"""Adjusted p-values by definition: reject at alpha what the procedure rejects at alpha."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from growthkit._core.corrections import CORRECTIONS, adjusted

P_VALUES = st.lists(st.integers(0, 1000).map(lambda n: n / 1000), min_size=1, max_size=12)


def rejected(p: np.ndarray, method: str, n: int, alpha: float) -> np.ndarray:
    """Run the procedure step by step at one level, on the p-values given and ones for the rest of the family."""
    everything = np.concatenate((p, np.ones(n - p.size)))
    order = np.argsort(everything, kind="stable")
    ranked = everything[order]
    ranks = np.arange(1, n + 1)
    harmonic = (1 / ranks).sum()
    limits = {
        "none": np.full(n, alpha),
        "bonferroni": np.full(n, alpha / n),
        "holm": alpha / (n - ranks + 1),
        "hochberg": alpha / (n - ranks + 1),
        "bh": alpha * ranks / n,
        "by": alpha * ranks / (n * harmonic),
    }[method]
    passed = ranked <= limits
    if method == "holm":
        count = n if passed.all() else int(np.argmin(passed))
    elif method in ("hochberg", "bh", "by"):
        count = int(ranks[passed].max(initial=0))
    else:
        return (everything <= limits)[: p.size]
    answer = np.zeros(n, dtype=bool)
    answer[order[:count]] = True
    return answer[: p.size]


@pytest.mark.parametrize("method", list(CORRECTIONS))
@given(p=P_VALUES, unseen=st.integers(0, 30), alpha=st.sampled_from([0.0501, 0.1203, 0.5307]))
def test_rejects_what_the_procedure_rejects(method: str, p: list[float], unseen: int, alpha: float) -> None:
    values = np.array(p)
    n = values.size + unseen
    assert np.array_equal(adjusted(values, method, n) <= alpha, rejected(values, method, n, alpha))


@pytest.mark.parametrize("method", list(CORRECTIONS))
def test_unknown_p_values_do_not_count(method: str) -> None:
    with_gap = adjusted(np.array([[0.01, np.nan], [0.02, 0.3]]), method)
    assert with_gap.shape == (2, 2)
    assert np.isnan(with_gap[0, 1])
    assert with_gap[~np.isnan(with_gap)].tolist() == adjusted(np.array([0.01, 0.02, 0.3]), method).tolist()


def test_nothing_to_adjust() -> None:
    assert adjusted(np.empty(0), "by").size == 0
