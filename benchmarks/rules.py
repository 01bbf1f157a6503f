"""The contenders of the area "rules": ourselves, and what else mines baskets."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np

from .baskets import BasketData
from .contest import Disagreement

__all__ = [
    "agree_on_counts",
    "agree_on_rules",
    "agree_on_sequences",
    "agree_on_sets",
    "efficient_apriori_rules",
    "fim_counts",
    "fim_sets",
    "mlxtend_rules",
    "mlxtend_sets",
    "our_counts",
    "our_rules",
    "our_sequences",
    "our_sets",
    "prefixspan_sequences",
]

Call = Callable[[], Any]
Sets = tuple[int, Iterable[tuple[tuple[Any, ...], int]]]
"""The number of baskets, and itemsets with their counts."""

TARGETS = {"all": "s", "closed": "c", "maximal": "m", "generators": "g"}
"""How pyfim names the kinds of itemsets."""

CONFIDENCE = 0.2


def our_sets(data: BasketData, *, kind: str = "all") -> Call:
    """`growthkit.rules.frequent_itemsets` on baskets that were read before."""
    from growthkit.rules import frequent_itemsets

    return partial(frequent_itemsets, data.ours, min_support=data.min_count, kind=kind)


def our_counts(data: BasketData) -> Call:
    """`growthkit.rules.count_itemsets`."""
    from growthkit.rules import count_itemsets

    return partial(count_itemsets, data.ours, min_support=data.min_count)


def fim_sets(data: BasketData, *, algorithm: str, kind: str = "all") -> Call:
    """One of pyfim's algorithms, with the absolute count of each set as output."""
    import fim

    mine = getattr(fim, algorithm)
    lists, options = data.lists, {"target": TARGETS[kind], "supp": -data.min_count, "report": "a"}
    return lambda: (len(lists), mine(lists, **options))


def fim_counts(data: BasketData, *, algorithm: str) -> Call:
    """One of pyfim's algorithms, which only counts the sets of each length and count (its pattern spectrum)."""
    import fim

    mine, n_baskets = getattr(fim, algorithm), len(data.lists)
    in_all = int((data.ours.rows.transpose(data.ours.n_items).lengths == n_baskets).sum())
    return lambda: (n_baskets, 2**in_all - 1, mine(data.lists, target="s", supp=-data.min_count, report="="))


def mlxtend_sets(data: BasketData) -> Call:
    """`mlxtend.frequent_patterns.fpgrowth`; a support a hair below the count, which it would miss itself."""
    from mlxtend.frequent_patterns import fpgrowth

    table, n = data.onehot, len(data.lists)
    support = (data.min_count - 0.5) / n

    def run() -> Sets:
        found = fpgrowth(table, min_support=support, use_colnames=True)
        counts = np.rint(found["support"].to_numpy() * n).astype(int)
        return n, [(tuple(itemset), int(c)) for itemset, c in zip(found["itemsets"], counts, strict=True)]

    return run


def our_rules(data: BasketData) -> Call:
    """`growthkit.rules.association_rules` on itemsets that were mined before, with twelve measures and p-values."""
    from growthkit.rules import association_rules, frequent_itemsets

    itemsets = frequent_itemsets(data.ours, min_support=data.min_count)
    return partial(association_rules, itemsets, min_threshold=CONFIDENCE, max_consequent=None)


def mlxtend_rules(data: BasketData) -> Call:
    """`mlxtend.frequent_patterns.association_rules` on its own itemsets."""
    from mlxtend.frequent_patterns import association_rules, fpgrowth

    n = len(data.lists)
    support = (data.min_count - 0.5) / n
    itemsets = fpgrowth(data.onehot, min_support=support, use_colnames=True)
    options: dict[str, Any] = {"metric": "confidence", "min_threshold": CONFIDENCE - 1e-9}

    def run() -> Any:
        return association_rules(itemsets, **options)

    return run


def efficient_apriori_rules(data: BasketData) -> Call:
    """The rules of efficient-apriori from itemsets that were mined before."""
    from efficient_apriori import itemsets_from_transactions
    from efficient_apriori.rules import generate_rules_apriori

    itemsets, n = itemsets_from_transactions(data.lists, data.min_count / len(data.lists) - 1e-12)
    return lambda: list(generate_rules_apriori(itemsets, CONFIDENCE - 1e-9, n))


def our_sequences(data: BasketData) -> Call:
    """`growthkit.rules.sequential_patterns` on a frame of clicks."""
    import pandas as pd

    from growthkit.rules import sequential_patterns

    events = [(row, place, item) for row, items in enumerate(data.lists) for place, item in enumerate(items)]
    frame = pd.DataFrame(events, columns=["customer_id", "timestamp", "item_id"])
    return partial(sequential_patterns, frame, min_support=data.min_count)


def prefixspan_sequences(data: BasketData) -> Call:
    """The package prefixspan."""
    from prefixspan import PrefixSpan

    return lambda: PrefixSpan(data.lists).frequent(data.min_count)


def agree_on_sets(ours: Any, theirs: Sets) -> None:
    """Check that both found the same itemsets with the same counts.

    Sets that are in every basket are left out: some of pyfim's algorithms lose them.
    """
    n_baskets, found = theirs
    labels = ours.vocabulary.labels
    place = {label: code for code, label in enumerate(labels.tolist())}
    listed = [(sorted(place[item] for item in itemset), count) for itemset, count in _pairs(found) if count < n_baskets]
    lengths = [len(codes) for codes, _ in listed]
    their_codes = np.fromiter((code for codes, _ in listed for code in codes), np.int64, sum(lengths))
    their_counts = np.fromiter((count for _, count in listed), np.int64, len(listed))
    their_edges = np.concatenate(([0], np.cumsum(lengths, dtype=np.int64)))
    kept = ours.counts < n_baskets
    mine = np.sort(_hashes(ours.indptr, ours.codes.astype(np.int64), ours.counts)[kept])
    if mine.size != len(listed):
        raise Disagreement(f"{mine.size:,} itemsets against {len(listed):,}")
    if not np.array_equal(mine, np.sort(_hashes(their_edges, their_codes, their_counts))):
        raise Disagreement("the itemsets or their counts differ")


def _pairs(found: Iterable[Any]) -> Iterable[tuple[tuple[Any, ...], int]]:
    for itemset, count in found:
        yield itemset, int(count[0] if isinstance(count, tuple) else count)


def _hashes(indptr: Any, codes: Any, counts: Any) -> Any:
    """Return a number for each set and its count; codes rise within a set."""
    with np.errstate(over="ignore"):
        lengths = np.diff(indptr)
        places = np.arange(codes.size) - np.repeat(indptr[:-1], lengths)
        mixed = (codes.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(29))) * (2 * places.astype(np.uint64) + np.uint64(0xBF58476D1CE4E5B9))
        sums = np.concatenate((np.zeros(1, np.uint64), np.cumsum(mixed, dtype=np.uint64)))
        return (sums[indptr[1:]] - sums[indptr[:-1]]) ^ (counts.astype(np.uint64) * np.uint64(0x94D049BB133111EB))


def agree_on_counts(ours: Any, theirs: tuple[int, int, list[tuple[int, int, float]]]) -> None:
    """Check that both counted as many sets; those in every basket are counted here, as in `agree_on_sets` left out."""
    n_baskets, n_in_all, spectrum = theirs
    their_total = n_in_all + round(sum(n for _, count, n in spectrum if count < n_baskets))
    if ours.total != their_total:
        raise Disagreement(f"{ours.total:,} itemsets against {their_total:,}")


def agree_on_rules(ours: Any, theirs: Any) -> None:
    """Check that both found as many rules."""
    if len(ours) != len(theirs):
        raise Disagreement(f"{len(ours):,} rules against {len(theirs):,}")


def agree_on_sequences(ours: Any, theirs: list[tuple[int, list[Any]]]) -> None:
    """Check that both found the same patterns with the same counts."""
    columns = ours.columns()
    mine = {
        tuple(element[0] for element in pattern): count
        for pattern, count in zip(columns["pattern"].tolist(), columns["count"].tolist(), strict=True)
    }
    if mine != {tuple(pattern): count for count, pattern in theirs}:
        raise Disagreement("the patterns or their counts differ")
