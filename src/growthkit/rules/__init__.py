"""Rules: what is bought together, which of it means something, and what to offer next."""

from ..summaries.baskets import Baskets
from .association import association_rules, mine_rules
from .itemsets import ItemsetCounts, Itemsets, count_itemsets, frequent_itemsets
from .measures import MEASURES, Measure
from .recommender import RuleRecommender
from .ruleset import Rules
from .sequences import SequentialPatterns, sequential_patterns
from .top import top_itemsets
from .utility import UtilityItemsets, high_utility_itemsets

__all__ = [
    "MEASURES",
    "Baskets",
    "ItemsetCounts",
    "Itemsets",
    "Measure",
    "RuleRecommender",
    "Rules",
    "SequentialPatterns",
    "UtilityItemsets",
    "association_rules",
    "count_itemsets",
    "frequent_itemsets",
    "high_utility_itemsets",
    "mine_rules",
    "sequential_patterns",
    "top_itemsets",
]
