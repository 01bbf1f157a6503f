"""The measures of a rule, all in one table: formula, range, value at independence, source."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import cast

import numpy as np

from .._core.params import Params
from ..typing import FloatArray, Int64Array
from ._products import product_gap
from ._support import members

__all__ = ["DEFAULT_MEASURES", "MEASURES", "SOURCES", "Cells", "Measure"]

INF = float("inf")

SOURCES = {
    "aggarwal": "Aggarwal, C. C., Yu, P. S. (1998). A new framework for itemset generation. PODS, 18-24.",
    "agrawal": "Agrawal, R., Imielinski, T., Swami, A. (1993). Mining association rules between sets of items in large "
    "databases. SIGMOD, 207-216.",
    "aze": "Azé, J., Kodratoff, Y. (2002). Evaluation de la résistance au bruit de quelques mesures d'extraction de "
    "règles d'association. Extraction des connaissances et apprentissage 1, 143-154.",
    "brin": "Brin, S., Motwani, R., Ullman, J. D., Tsur, S. (1997). Dynamic itemset counting and implication rules for "
    "market basket data. SIGMOD, 255-264.",
    "brin2": "Brin, S., Motwani, R., Silverstein, C. (1997). Beyond market baskets: generalizing association rules to "
    "correlations. SIGMOD, 265-276.",
    "church": "Church, K. W., Hanks, P. (1990). Word association norms, mutual information, and lexicography. "
    "Computational Linguistics 16(1), 22-29.",
    "cohen": "Cohen, J. (1960). A coefficient of agreement for nominal scales. Educational and Psychological "
    "Measurement 20(1), 37-46.",
    "dice": "Dice, L. R. (1945). Measures of the amount of ecologic association between species. Ecology 26(3), "
    "297-302.",
    "geng": "Geng, L., Hamilton, H. J. (2006). Interestingness measures for data mining: a survey. ACM Computing "
    "Surveys 38(3), article 9.",
    "goodman": "Goodman, L. A., Kruskal, W. H. (1954). Measures of association for cross classifications. JASA 49, "
    "732-764.",
    "gras": "Gras, R. (1996). L'implication statistique: nouvelle méthode exploratoire de données. La Pensée Sauvage.",
    "hofmann": "Hofmann, H., Wilhelm, A. (2001). Visual comparison of association rules. Computational Statistics "
    "16(3), 399-415.",
    "kenett": "Kenett, R., Salini, S. (2008). Relative linkage disequilibrium: a new measure for association rules. "
    "Advances in Data Mining, 189-199.",
    "klosgen": "Klösgen, W. (1996). Explora: a multipattern and multistrategy discovery assistant. Advances in "
    "Knowledge Discovery and Data Mining, 249-271.",
    "kodratoff": "Kodratoff, Y. (2001). Comparing machine learning and knowledge discovery in databases: an "
    "application to knowledge discovery in texts. Machine Learning and Its Applications, 1-21.",
    "lerman": "Lerman, I. C. (1981). Classification et analyse ordinale des données. Dunod.",
    "loevinger": "Loevinger, J. (1947). A systematic approach to the construction and evaluation of tests of ability. "
    "Psychological Monographs 61(4).",
    "mcnicholas": "McNicholas, P. D., Murphy, T. B., O'Regan, M. (2008). Standardising the lift of an association "
    "rule. Computational Statistics and Data Analysis 52(10), 4712-4721.",
    "ochin": "Ochin, Kumar, S., Joshi, N. (2016). Rule power factor: a new interest measure in associative "
    "classification. Procedia Computer Science 93, 12-18.",
    "omiecinski": "Omiecinski, E. R. (2003). Alternative interest measures for mining associations in databases. IEEE "
    "Transactions on Knowledge and Data Engineering 15(1), 57-69.",
    "piatetsky": "Piatetsky-Shapiro, G. (1991). Discovery, analysis, and presentation of strong rules. Knowledge "
    "Discovery in Databases, 229-248.",
    "ralambondrainy": "Diatta, J., Ralambondrainy, H., Totohasina, A. (2007). Towards a unifying probabilistic "
    "implicative normalized quality measure for association rules. Quality Measures in Data Mining, 237-250.",
    "sebag": "Sebag, M., Schoenauer, M. (1988). Generation of rules with certainty and confidence factors from "
    "incomplete and incoherent learning bases. EKAW, 28.1-28.20.",
    "shannon": "Shannon, C. E. (1948). A mathematical theory of communication. Bell System Technical Journal 27, "
    "379-423 and 623-656.",
    "shortliffe": "Shortliffe, E. H., Buchanan, B. G. (1975). A model of inexact reasoning in medicine. Mathematical "
    "Biosciences 23, 351-379.",
    "smyth": "Smyth, P., Goodman, R. M. (1992). An information theoretic approach to rule induction from databases. "
    "IEEE Transactions on Knowledge and Data Engineering 4(4), 301-316.",
    "tan": "Tan, P.-N., Kumar, V., Srivastava, J. (2004). Selecting the right objective measure for association "
    "analysis. Information Systems 29(4), 293-313.",
    "theil": "Theil, H. (1970). On the estimation of relationships involving qualitative variables. American Journal "
    "of Sociology 76(1), 103-154.",
    "wu": "Wu, T., Chen, Y., Han, J. (2010). Re-examination of interestingness measures in pattern mining: a unified "
    "framework. Data Mining and Knowledge Discovery 21(3), 371-397.",
    "yao": "Yao, Y. Y., Zhong, N. (1999). An analysis of quantitative measures associated with rules. PAKDD, 479-488.",
    "zhang": "Zhang, T. (2000). Association rules. PAKDD, 245-256.",
}
"""What the table cites, by short name."""


class Cells:
    """The four cells of many rules, and their margins, as float64.

    Parameters
    ----------
    count
        Baskets with antecedent and consequent: cell a.
    antecedent, consequent
        Baskets with the antecedent (x = a + b) and with the consequent (y = a + c).
    n
        All baskets.
    """

    def __init__(self, count: Int64Array, antecedent: Int64Array, consequent: Int64Array, n: int) -> None:
        self.a, self.x, self.y = (column.astype(np.float64) for column in (count, antecedent, consequent))
        self.n = float(n)
        self.b, self.c = self.x - self.a, self.y - self.a
        self.not_x, self.not_y = self.n - self.x, self.n - self.y
        self.d = self.not_x - self.c
        # a d - b c = a n - x y, in whole numbers: its sign decides much, and a difference of products would lose it.
        self.gap = product_gap(count, n, antecedent, consequent, n)


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure of a rule.

    Parameters
    ----------
    name
        Its name in tables and parameters.
    formula
        In the cells a (both), b (antecedent only), c (consequent only), d (neither), x = a + b, y = a + c and
        n = a + b + c + d, written as Python. A division of 0 by 0 is NaN, of anything else by 0 infinite.
    low, high
        The ends of its range.
    independent
        Its value where antecedent and consequent are independent; None where that depends on the margins.
    source
        Short name into `SOURCES`.
    compute
        From `Cells` to one value a rule.
    """

    name: str
    formula: str
    low: float
    high: float
    independent: float | None
    source: str
    compute: Callable[[Cells], FloatArray]

    def of(self, cells: Cells) -> FloatArray:
        """Return the measure of each rule; NaN or infinite where it is not defined."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.compute(cells)


def _entropy(*parts: FloatArray) -> FloatArray:
    """Return the entropy, in bits, of shares given as arrays; 0 log 0 is 0."""
    bits = -sum(part * np.log2(np.where(part > 0, part, 1)) for part in parts)
    return cast("FloatArray", bits)


def _information(t: Cells) -> FloatArray:
    shares = [cell / t.n for cell in (t.a, t.b, t.c, t.d)]
    joint = _entropy(t.x / t.n, t.not_x / t.n) + _entropy(t.y / t.n, t.not_y / t.n) - _entropy(*shares)
    return np.maximum(joint, 0)


def _j_measure(t: Cells) -> FloatArray:
    with_y = t.a / t.n * np.log2(np.where(t.a > 0, t.a * t.n / (t.x * t.y), 1))
    without = t.b / t.n * np.log2(np.where(t.b > 0, t.b * t.n / (t.x * t.not_y), 1))
    return with_y + without


def _times_bits(weight: FloatArray, t: Cells) -> FloatArray:
    """Return the weight times the logarithm of lift, in bits; 0 log 0 is 0."""
    return weight * np.log2(np.where(t.a > 0, t.a * t.n / (t.x * t.y), 1))


def _goodman_kruskal(t: Cells) -> FloatArray:
    most = np.maximum(t.y, t.not_y)
    return (np.maximum(t.a, t.b) + np.maximum(t.c, t.d) - most) / (t.n - most)


def _collective_strength(t: Cells) -> FloatArray:
    return (t.a + t.d) * (t.x * t.not_y + t.not_x * t.y) / ((t.x * t.y + t.not_x * t.not_y) * (t.b + t.c))


def _linkage(t: Cells) -> FloatArray:
    room = np.where(t.gap > 0, np.minimum(t.b, t.c), -np.minimum(t.a, t.d))
    return t.gap / (t.gap + t.n * room)


def _yule_y(t: Cells) -> FloatArray:
    agree, differ = np.sqrt(t.a * t.d), np.sqrt(t.b * t.c)
    return (agree - differ) / (agree + differ)


def _standardized_lift(t: Cells) -> FloatArray:
    least = np.maximum(t.x + t.y - t.n, 1)
    return (t.a - least) / (np.minimum(t.x, t.y) - least)


INFORMATION = (
    "(a*log2(a*n / (x*y)) + b*log2(b*n / (x*(n - y))) + c*log2(c*n / ((n - x)*y)) "
    "+ d*log2(d*n / ((n - x)*(n - y)))) / n"
)

_TABLE = (
    Measure("support", "a / n", 0, 1, None, "agrawal", lambda t: t.a / t.n),
    Measure("coverage", "x / n", 0, 1, None, "geng", lambda t: t.x / t.n),
    Measure("prevalence", "y / n", 0, 1, None, "geng", lambda t: t.y / t.n),
    Measure("confidence", "a / x", 0, 1, None, "agrawal", lambda t: t.a / t.x),
    Measure("recall", "a / y", 0, 1, None, "geng", lambda t: t.a / t.y),
    Measure("lift", "a*n / (x*y)", 0, INF, 1, "brin", lambda t: t.a * t.n / (t.x * t.y)),
    Measure("leverage", "(a*d - b*c) / n**2", -0.25, 0.25, 0, "piatetsky", lambda t: t.gap / (t.n * t.n)),
    Measure("conviction", "x*(n - y) / (n*b)", 0, INF, 1, "brin", lambda t: t.x * t.not_y / (t.n * t.b)),
    Measure(
        "zhang",
        "(a*d - b*c) / max(a*(n - x), x*c)",
        -1,
        1,
        0,
        "zhang",
        lambda t: t.gap / np.maximum(t.a * t.not_x, t.x * t.c),
    ),
    Measure("jaccard", "a / (a + b + c)", 0, 1, None, "tan", lambda t: t.a / (t.x + t.c)),
    Measure("dice", "2*a / (x + y)", 0, 1, None, "dice", lambda t: 2 * t.a / (t.x + t.y)),
    Measure("kulczynski", "(a/x + a/y) / 2", 0, 1, None, "wu", lambda t: (t.a / t.x + t.a / t.y) / 2),
    Measure("imbalance", "abs(x - y) / (a + b + c)", 0, 1, None, "wu", lambda t: np.abs(t.x - t.y) / (t.x + t.c)),
    Measure("cosine", "a / sqrt(x*y)", 0, 1, None, "tan", lambda t: t.a / np.sqrt(t.x * t.y)),
    Measure("all_confidence", "a / max(x, y)", 0, 1, None, "omiecinski", lambda t: t.a / np.maximum(t.x, t.y)),
    Measure("max_confidence", "a / min(x, y)", 0, 1, None, "wu", lambda t: t.a / np.minimum(t.x, t.y)),
    Measure("added_value", "a/x - y/n", -1, 1, 0, "tan", lambda t: t.gap / (t.n * t.x)),
    Measure(
        "certainty",
        "(a*d - b*c) / (x*(n - y) if a*d > b*c else x*y)",
        -1,
        1,
        0,
        "shortliffe",
        lambda t: t.gap / (t.x * np.where(t.gap > 0, t.not_y, t.y)),
    ),
    Measure("loevinger", "1 - n*b / (x*(n - y))", -INF, 1, 0, "loevinger", lambda t: t.gap / (t.x * t.not_y)),
    Measure(
        "phi",
        "(a*d - b*c) / sqrt(x*y*(n - x)*(n - y))",
        -1,
        1,
        0,
        "tan",
        lambda t: t.gap / (np.sqrt(t.x * t.not_x) * np.sqrt(t.y * t.not_y)),
    ),
    Measure(
        "chi_squared",
        "n*(a*d - b*c)**2 / (x*y*(n - x)*(n - y))",
        0,
        INF,
        0,
        "brin2",
        lambda t: t.gap / (t.x * t.not_x) * (t.gap / (t.y * t.not_y)) * t.n,
    ),
    Measure("odds_ratio", "a*d / (b*c)", 0, INF, 1, "tan", lambda t: t.a * t.d / (t.b * t.c)),
    Measure("yule_q", "(a*d - b*c) / (a*d + b*c)", -1, 1, 0, "tan", lambda t: t.gap / (t.a * t.d + t.b * t.c)),
    Measure("yule_y", "(sqrt(a*d) - sqrt(b*c)) / (sqrt(a*d) + sqrt(b*c))", -1, 1, 0, "tan", _yule_y),
    Measure("relative_risk", "a*(n - x) / (x*c)", 0, INF, 1, "geng", lambda t: t.a * t.not_x / (t.x * t.c)),
    Measure("confidence_difference", "a/x - c/(n - x)", -1, 1, 0, "hofmann", lambda t: t.gap / (t.x * t.not_x)),
    Measure(
        "kappa",
        "2*(a*d - b*c) / (x*(n - y) + y*(n - x))",
        -1,
        1,
        0,
        "cohen",
        lambda t: 2 * t.gap / (t.x * t.not_y + t.y * t.not_x),
    ),
    Measure(
        "collective_strength",
        "(a + d)*(x*(n - y) + (n - x)*y) / ((x*y + (n - x)*(n - y))*(b + c))",
        0,
        INF,
        1,
        "aggarwal",
        _collective_strength,
    ),
    Measure(
        "goodman_kruskal",
        "(max(a, b) + max(c, d) - max(y, n - y)) / (n - max(y, n - y))",
        0,
        1,
        0,
        "goodman",
        _goodman_kruskal,
    ),
    Measure(
        "gini",
        "2*(a*d - b*c)**2 / (n**2*x*(n - x))",
        0,
        0.5,
        0,
        "tan",
        lambda t: 2 * (t.gap / t.n) * (t.gap / t.n) / (t.x * t.not_x),
    ),
    Measure("mutual_information", INFORMATION, 0, 1, 0, "shannon", _information),
    Measure(
        "uncertainty",
        f"{INFORMATION} / entropy(y / n)",
        0,
        1,
        0,
        "theil",
        lambda t: _information(t) / _entropy(t.y / t.n, t.not_y / t.n),
    ),
    Measure("j_measure", "(a*log2(a*n / (x*y)) + b*log2(b*n / (x*(n - y)))) / n", 0, 1, 0, "smyth", _j_measure),
    Measure(
        "pointwise_information", "log2(a*n / (x*y))", -INF, INF, 0, "church", lambda t: np.log2(t.a * t.n / (t.x * t.y))
    ),
    Measure("one_way_support", "a/x * log2(a*n / (x*y))", -0.5308, INF, 0, "yao", lambda t: _times_bits(t.a / t.x, t)),
    Measure(
        "two_way_support", "a/n * log2(a*n / (x*y))", -0.5308, 0.5308, 0, "yao", lambda t: _times_bits(t.a / t.n, t)
    ),
    Measure("laplace", "(a + 1) / (x + 2)", 0, 1, None, "tan", lambda t: (t.a + 1) / (t.x + 2)),
    Measure(
        "klosgen",
        "sqrt(a/n) * (a/x - y/n)",
        -0.1482,
        0.385,
        0,
        "klosgen",
        lambda t: np.sqrt(t.a / t.n) * (t.gap / (t.n * t.x)),
    ),
    Measure("sebag", "a / b", 0, INF, None, "sebag", lambda t: t.a / t.b),
    Measure("counterexample", "(a - b) / a", -INF, 1, None, "geng", lambda t: (t.a - t.b) / t.a),
    Measure("least_contradiction", "(a - b) / y", -INF, 1, None, "aze", lambda t: (t.a - t.b) / t.y),
    Measure("casual_support", "(a + d) / n", 0, 1, None, "kodratoff", lambda t: (t.a + t.d) / t.n),
    Measure(
        "casual_confidence", "(a/x + d/(n - x)) / 2", 0, 1, 0.5, "kodratoff", lambda t: (t.a / t.x + t.d / t.not_x) / 2
    ),
    Measure(
        "causal_confidence", "(a/x + d/(n - y)) / 2", 0, 1, None, "kodratoff", lambda t: (t.a / t.x + t.d / t.not_y) / 2
    ),
    Measure("confirmed_confidence", "(a - b) / x", -1, 1, None, "kodratoff", lambda t: (t.a - t.b) / t.x),
    Measure("counter_support", "b / n", 0, 1, None, "ralambondrainy", lambda t: t.b / t.n),
    Measure(
        "implication_index",
        "-(a*d - b*c) / sqrt(n*x*(n - y))",
        -INF,
        INF,
        0,
        "gras",
        lambda t: 0.0 - t.gap / (np.sqrt(t.n * t.x) * np.sqrt(t.not_y)),
    ),
    Measure(
        "lerman",
        "(a*d - b*c) / sqrt(n*x*y)",
        -INF,
        INF,
        0,
        "lerman",
        lambda t: t.gap / (np.sqrt(t.n * t.x) * np.sqrt(t.y)),
    ),
    Measure("rule_power_factor", "a**2 / (n*x)", 0, 1, None, "ochin", lambda t: t.a / t.n * (t.a / t.x)),
    Measure("odd_multiplier", "a*(n - y) / (y*b)", 0, INF, 1, "geng", lambda t: t.a * t.not_y / (t.y * t.b)),
    Measure(
        "standardized_lift",
        "(a - max(x + y - n, 1)) / (min(x, y) - max(x + y - n, 1))",
        0,
        1,
        None,
        "mcnicholas",
        _standardized_lift,
    ),
    Measure(
        "linkage_disequilibrium",
        "(a*d - b*c) / (a*d - b*c + n*(min(b, c) if a*d > b*c else -min(a, d)))",
        0,
        1,
        0,
        "kenett",
        _linkage,
    ),
)

MEASURES = {measure.name: measure for measure in _TABLE}
"""All measures by name."""

DEFAULT_MEASURES = (
    "support",
    "confidence",
    "lift",
    "leverage",
    "conviction",
    "zhang",
    "jaccard",
    "kulczynski",
    "imbalance",
    "cosine",
    "certainty",
    "phi",
)
"""The twelve that a table of rules shows unless told otherwise."""


def chosen(params: Params, measures: str | Iterable[str]) -> tuple[str, ...]:
    """Check names of measures, or "all" for all of them, and return them without repetition."""
    listed = list(MEASURES) if isinstance(measures, str) and measures == "all" else members(measures)
    if listed is None:
        params.refuse("measures", 'names of measures in a list, or "all"', measures)
    names = tuple(dict.fromkeys(listed))
    for name in names:
        params.one_of("measures", name, tuple(MEASURES))
    return names
