"""Slow, readable twins of `growthkit.rules.association`: sets, fractions, sums term by term."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from itertools import chain, combinations
from typing import NamedTuple

Item = str | int
Set = frozenset[Item]
NAN, INF = math.nan, math.inf


class Rule(NamedTuple):
    """A rule with its counts."""

    antecedent: Set
    consequent: Set
    count: int
    antecedent_count: int
    consequent_count: int


def count(baskets: Sequence[Set], items: Set) -> int:
    """Return how many baskets hold all items."""
    return sum(items <= basket for basket in baskets)


def subsets(items: Set, *, least: int, most: int) -> Iterable[Set]:
    """Yield the subsets with so many items."""
    return map(frozenset, chain.from_iterable(combinations(sorted(items, key=str), k) for k in range(least, most + 1)))


def frequent(baskets: Sequence[Set], least: int) -> list[Set]:
    """Return all sets that at least `least` baskets hold."""
    items: Set = frozenset().union(*baskets)
    return [held for held in subsets(items, least=1, most=len(items)) if count(baskets, held) >= least]


def rules(baskets: Sequence[Set], least: int, most: int) -> list[Rule]:
    """Return all rules whose items together are in at least `least` baskets, whatever their confidence."""
    return [
        Rule(both - right, right, count(baskets, both), count(baskets, both - right), count(baskets, right))
        for both in frequent(baskets, least)
        for right in subsets(both, least=1, most=min(most, len(both) - 1))
    ]


def absences(baskets: Sequence[Set], least: int) -> list[Rule]:
    """Return all rules from a frequent set to the absence of a frequent item that enough baskets bear out."""
    found: list[Rule] = []
    singles = [held for held in frequent(baskets, least) if len(held) == 1]
    for left in frequent(baskets, least):
        for item in singles:
            without = count(baskets, left) - count(baskets, left | item)
            if not item <= left and without >= least:
                found.append(Rule(left, item, without, count(baskets, left), len(baskets) - count(baskets, item)))
    return found


def tests_made(baskets: Sequence[Set], least: int) -> int:
    """Return the number of disjoint pairs of a frequent set and a frequent item."""
    sets = frequent(baskets, least)
    return sum(not right <= left for left in sets for right in sets if len(right) == 1)


def upper_tail(k: int, drawn: int, marked: int, n: int) -> Fraction:
    """Return the chance of k or more marked ones among `drawn` of n, exactly."""
    low, high = max(k, drawn + marked - n, 0), min(drawn, marked)
    if low > high:
        return Fraction(0)
    ways = total = math.comb(marked, low) * math.comb(n - marked, drawn - low)
    for i in range(low, high):
        ways = ways * (marked - i) * (drawn - i) // ((i + 1) * (n - marked - drawn + i + 1))
        total += ways
    return Fraction(total, math.comb(n, drawn))


def improvement(baskets: Sequence[Set], rule: Rule) -> Fraction:
    """Return the confidence of a rule less the best confidence of a shorter antecedent, the empty one included."""
    shorter = subsets(rule.antecedent, least=0, most=len(rule.antecedent) - 1)
    best = max(Fraction(count(baskets, left | rule.consequent), count(baskets, left)) for left in shorter)
    return Fraction(rule.count, rule.antecedent_count) - best


def productive_p(baskets: Sequence[Set], rule: Rule) -> Fraction:
    """Return the largest p-value of the exact tests of one item of the antecedent, given the others."""
    largest = Fraction(0)
    for item in rule.antecedent:
        inside = [basket for basket in baskets if rule.antecedent - {item} <= basket]
        with_item, with_right = count(inside, frozenset({item})), count(inside, rule.consequent)
        both = count(inside, rule.consequent | {item})
        largest = max(largest, upper_tail(both, with_item, with_right, len(inside)))
    return largest


def offers(basket: Set, found: Sequence[Rule], scores: Sequence[float], *, summed: bool) -> dict[Item, float]:
    """Return the value of each item that rules offer for a basket."""
    values: dict[Item, list[float]] = {}
    for rule, score in zip(found, scores, strict=True):
        if rule.antecedent <= basket:
            for item in rule.consequent - basket:
                values.setdefault(item, []).append(score)
    return {item: math.fsum(given) if summed else max(given) for item, given in values.items()}


def _over(one: float | Fraction, two: float | Fraction) -> float | Fraction:
    if two == 0:
        return NAN if one == 0 or math.isnan(one) else math.copysign(INF, one)
    return one / two


class Chances:
    """The probabilities of the four cells, as fractions, and what the definitions are made of."""

    def __init__(self, a: int, b: int, c: int, d: int) -> None:
        self.cells = (a, b, c, d)
        self.n = n = a + b + c + d
        self.ab, self.a_not_b, self.b_not_a, self.neither = (Fraction(cell, n) for cell in self.cells)
        self.a, self.b = self.ab + self.a_not_b, self.ab + self.b_not_a
        self.not_a, self.not_b = 1 - self.a, 1 - self.b
        self.b_given_a, self.not_b_given_a = _over(self.ab, self.a), _over(self.a_not_b, self.a)
        self.b_given_not_a, self.not_b_given_not_a = _over(self.b_not_a, self.not_a), _over(self.neither, self.not_a)
        self.a_given_b, self.not_a_given_not_b = _over(self.ab, self.b), _over(self.neither, self.not_b)
        self.odds = (self.ab * self.neither, self.a_not_b * self.b_not_a)


def _entropy(*chances: Fraction) -> float:
    return -math.fsum(float(p) * math.log2(p) for p in chances if p > 0)


def _log_ratio(weight: float | Fraction, one: Fraction, two: Fraction) -> float:
    return 0.0 if one == 0 else float(weight) * math.log2(one / two)


def _zhang(p: Chances) -> float | Fraction:
    return _over(p.ab - p.a * p.b, max(p.ab * (1 - p.a), p.a * (p.b - p.ab)))


def _certainty(p: Chances) -> float | Fraction:
    if p.b_given_a > p.b:
        return _over(p.b_given_a - p.b, 1 - p.b)
    return _over(p.b_given_a - p.b, p.b)


def _strength(p: Chances) -> float | Fraction:
    violated, expected = p.a_not_b + p.b_not_a, 1 - p.a * p.b - p.not_a * p.not_b
    if violated == 0:
        return NAN if expected == 0 else INF
    return (1 - violated) / (1 - expected) * expected / violated


def _information(p: Chances) -> float:
    pairs = (
        (p.ab, p.a * p.b), (p.a_not_b, p.a * p.not_b), (p.b_not_a, p.not_a * p.b), (p.neither, p.not_a * p.not_b)
    )  # fmt: skip
    return math.fsum(_log_ratio(joint, joint, product) for joint, product in pairs)


def _lambda(p: Chances) -> float | Fraction:
    likeliest = max(p.b, p.not_b)
    return _over(max(p.ab, p.a_not_b) + max(p.b_not_a, p.neither) - likeliest, 1 - likeliest)


def _gini(p: Chances) -> float | Fraction:
    if p.not_a == 0:
        return NAN
    within = p.a * (p.b_given_a**2 + p.not_b_given_a**2) + p.not_a * (p.b_given_not_a**2 + p.not_b_given_not_a**2)
    return within - p.b**2 - p.not_b**2


def _linkage(p: Chances) -> float | Fraction:
    excess = p.odds[0] - p.odds[1]
    room = min(p.a_not_b, p.b_not_a) if excess > 0 else -min(p.ab, p.neither)
    return _over(excess, excess + room)


def _standardized_lift(p: Chances) -> float | Fraction:
    lift = p.ab / (p.a * p.b)
    least = max(p.a + p.b - 1, Fraction(1, p.n)) / (p.a * p.b)
    return _over(lift - least, 1 / max(p.a, p.b) - least)


def _roots(p: Chances) -> float:
    agree, differ = (math.sqrt(product) for product in p.odds)
    return float(_over(agree - differ, agree + differ))


DEFINITIONS: dict[str, Callable[[Chances], float | Fraction]] = {
    "support": lambda p: p.ab,
    "coverage": lambda p: p.a,
    "prevalence": lambda p: p.b,
    "confidence": lambda p: p.b_given_a,
    "recall": lambda p: p.a_given_b,
    "lift": lambda p: p.ab / (p.a * p.b),
    "leverage": lambda p: p.ab - p.a * p.b,
    "conviction": lambda p: _over(p.a * p.not_b, p.a_not_b),
    "zhang": _zhang,
    "jaccard": lambda p: p.ab / (p.a + p.b - p.ab),
    "dice": lambda p: 2 * p.ab / (p.a + p.b),
    "kulczynski": lambda p: (p.b_given_a + p.a_given_b) / 2,
    "imbalance": lambda p: abs(p.a - p.b) / (p.a + p.b - p.ab),
    "cosine": lambda p: float(p.ab) / math.sqrt(p.a * p.b),
    "all_confidence": lambda p: min(p.b_given_a, p.a_given_b),
    "max_confidence": lambda p: max(p.b_given_a, p.a_given_b),
    "added_value": lambda p: p.b_given_a - p.b,
    "certainty": _certainty,
    "loevinger": lambda p: _over(p.b_given_a - p.b, p.not_b),
    "phi": lambda p: _over(float(p.ab - p.a * p.b), math.sqrt(p.a * p.b * p.not_a * p.not_b)),
    "chi_squared": lambda p: _over(p.n * (p.ab - p.a * p.b) ** 2, p.a * p.b * p.not_a * p.not_b),
    "odds_ratio": lambda p: _over(*p.odds),
    "yule_q": lambda p: _over(p.odds[0] - p.odds[1], p.odds[0] + p.odds[1]),
    "yule_y": _roots,
    "relative_risk": lambda p: _over(p.b_given_a, p.b_given_not_a),
    "confidence_difference": lambda p: p.b_given_a - p.b_given_not_a,
    "kappa": lambda p: _over(p.ab + p.neither - p.a * p.b - p.not_a * p.not_b, 1 - p.a * p.b - p.not_a * p.not_b),
    "collective_strength": _strength,
    "goodman_kruskal": _lambda,
    "gini": _gini,
    "mutual_information": _information,
    "uncertainty": lambda p: _over(_information(p), _entropy(p.b, p.not_b)),
    "j_measure": lambda p: _log_ratio(p.ab, p.ab, p.a * p.b) + _log_ratio(p.a_not_b, p.a_not_b, p.a * p.not_b),
    "pointwise_information": lambda p: math.log2(p.ab / (p.a * p.b)) if p.ab else -INF,
    "one_way_support": lambda p: _log_ratio(p.b_given_a, p.ab, p.a * p.b),
    "two_way_support": lambda p: _log_ratio(p.ab, p.ab, p.a * p.b),
    "laplace": lambda p: Fraction(p.cells[0] + 1, p.cells[0] + p.cells[1] + 2),
    "klosgen": lambda p: math.sqrt(p.ab) * float(p.b_given_a - p.b),
    "sebag": lambda p: _over(p.b_given_a, p.not_b_given_a),
    "counterexample": lambda p: _over(p.ab - p.a_not_b, p.ab),
    "least_contradiction": lambda p: (p.ab - p.a_not_b) / p.b,
    "casual_support": lambda p: p.ab + p.neither,
    "casual_confidence": lambda p: (p.b_given_a + p.not_b_given_not_a) / 2,
    "causal_confidence": lambda p: (p.b_given_a + p.not_a_given_not_b) / 2,
    "confirmed_confidence": lambda p: p.b_given_a - p.not_b_given_a,
    "counter_support": lambda p: p.a_not_b,
    "implication_index": lambda p: _over(math.sqrt(p.n) * float(p.a_not_b - p.a * p.not_b), math.sqrt(p.a * p.not_b)),
    "lerman": lambda p: _over(math.sqrt(p.n) * float(p.ab - p.a * p.b), math.sqrt(p.a * p.b)),
    "rule_power_factor": lambda p: p.ab * p.b_given_a,
    "odd_multiplier": lambda p: _over(p.ab * p.not_b, p.b * p.a_not_b),
    "standardized_lift": _standardized_lift,
    "linkage_disequilibrium": _linkage,
}
"""Each measure by its definition in probabilities."""
