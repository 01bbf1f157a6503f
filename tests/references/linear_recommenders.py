"""Slow twins of the linear models."""

from __future__ import annotations

import numpy as np


def ease(weights: np.ndarray, l2: float) -> np.ndarray:
    """Return the item weights of EASE, one target at a time: ridge regression on all other items."""
    n = weights.shape[1]
    solution = np.zeros((n, n))
    for j in range(n):
        others = [i for i in range(n) if i != j]
        x = weights[:, others]
        solution[others, j] = np.linalg.solve(x.T @ x + l2 * np.eye(n - 1), x.T @ weights[:, j])
    return solution


def slim_objective(weights: np.ndarray, column: np.ndarray, item: int, l1: float, l2: float) -> float:
    """Return what SLIM minimises in the weights for one item."""
    rest = weights[:, item] - weights @ column
    return float(0.5 * rest @ rest + l1 * np.abs(column).sum() + 0.5 * l2 * column @ column)


def slim(weights: np.ndarray, l1: float, l2: float, positive: bool, sweeps: int = 2000) -> np.ndarray:
    """Return the item weights of SLIM by plain coordinate descent on the data, many times over."""
    n = weights.shape[1]
    solution = np.zeros((n, n))
    for j in range(n):
        w = solution[:, j]
        rest = weights[:, j].copy()
        for _ in range(sweeps):
            before = w.copy()
            for i in range(n):
                length = weights[:, i] @ weights[:, i]
                if i == j or length == 0:
                    continue
                pull = weights[:, i] @ rest + length * w[i]
                size = max(abs(pull) - l1, 0.0) / (length + l2)
                after = size if pull > 0 else (0.0 if positive else -size)
                rest -= (after - w[i]) * weights[:, i]
                w[i] = after
            if np.abs(w - before).max() < 1e-12:
                break
    return solution
