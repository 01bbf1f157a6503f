"""Slow twins of the factor models: what each step means, in loops and dense matrices."""

from __future__ import annotations

import numpy as np


def penalties(weights: np.ndarray, unobserved: float, regularization: float, exponent: float) -> np.ndarray:
    """Return the penalty of each row of a dense matrix of weights."""
    return regularization * (np.abs(weights).sum(axis=1) + unobserved * weights.shape[1]) ** exponent


def half_step(
    weights: np.ndarray, others: np.ndarray, unobserved: float, regularization: float, exponent: float
) -> np.ndarray:
    """Return the rows' vectors that minimise the loss of alternating least squares, pair by pair."""
    rows, f = len(weights), others.shape[1]
    solution = np.zeros((rows, f))
    for u, penalty in enumerate(penalties(weights, unobserved, regularization, exponent)):
        matrix, goal = penalty * np.eye(f), np.zeros(f)
        for i, y in enumerate(others):
            matrix += (unobserved + abs(weights[u, i])) * np.outer(y, y)
            goal += max(weights[u, i], 0.0) * y
        solution[u] = np.linalg.solve(matrix, goal)
    return solution


def loss(
    weights: np.ndarray,
    own: np.ndarray,
    others: np.ndarray,
    unobserved: float,
    regularization: float,
    exponent: float,
) -> float:
    """Return the loss of alternating least squares."""
    scores = own @ others.T
    fit = (np.abs(weights) * ((weights > 0) - scores) ** 2).sum() + unobserved * (scores**2).sum()
    settings = unobserved, regularization, exponent
    sizes = penalties(weights, *settings) @ (own**2).sum(axis=1)
    return float(fit + sizes + penalties(weights.T, *settings) @ (others**2).sum(axis=1))


def conjugate_gradients(
    matrix: np.ndarray, goal: np.ndarray, scale: np.ndarray, x: np.ndarray, steps: int
) -> np.ndarray:
    """Return x after some steps of conjugate gradients, preconditioned by a diagonal [1]_.

    .. [1] Shewchuk, J. R. (1994). An Introduction to the Conjugate Gradient Method Without the Agonizing Pain. B3.
    """
    x = x.copy()
    residual = goal - matrix @ x
    direction = residual / scale
    for _ in range(steps):
        size = residual @ (residual / scale)
        if size == 0:
            break
        length = size / (direction @ matrix @ direction)
        x += length * direction
        residual = residual - length * matrix @ direction
        direction = residual / scale + residual @ (residual / scale) / size * direction
    return x


MASK = 2**64 - 1


def scramble(key: int, counter: int) -> int:
    """Return draw `counter` of SplitMix64 [1]_ from the state `key`, the first being the state itself mixed.

    .. [1] Steele, G. L., Lea, D. and Flood, C. H. (2014). Fast Splittable Pseudorandom Number Generators. OOPSLA.
    """
    z = (key + counter * 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def below(bits: int, n: int) -> int:
    """Return a number below n from the upper half of 64 bits."""
    return ((bits >> 32) * n) >> 32


def ranking_step(
    x: np.ndarray, better: np.ndarray, worse: np.ndarray, rate: float, penalty: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the vectors after one step of stochastic descent on the ranking loss of one triple."""
    pull = 1 / (1 + np.exp(x @ better - x @ worse))
    moved = x + rate * (pull * (better - worse) - penalty * x)
    moved[-1] = 1.0  # the place of the bias does not learn
    return moved, better + rate * (pull * x - penalty * better), worse - rate * (pull * x + penalty * worse)


def visit(
    liked: list[set[int]],
    pairs: list[tuple[int, int]],
    candidates: list[int],
    key: int,
    rate: float,
    penalty: float,
    own: np.ndarray,
    others: np.ndarray,
    tries: int,
) -> None:
    """Visit the pairs of one stratum in drawn order (Fisher and Yates), each against a drawn item."""
    pairs = list(pairs)
    counter = 0
    for e in range(len(pairs) - 1, -1, -1):
        place = below(scramble(key, counter), e + 1)
        counter += 1
        pairs[e], pairs[place] = pairs[place], pairs[e]
        u, i = pairs[e]
        for _ in range(tries):
            j = candidates[below(scramble(key, counter), len(candidates))]
            counter += 1
            if j not in liked[u]:
                own[u], others[i], others[j] = ranking_step(own[u], others[i], others[j], rate, penalty)
                break
