"""Rules: what is bought together, which of it means something, and what to offer next."""

from ..summaries.baskets import Baskets
from .sequences import SequentialPatterns, sequential_patterns
from .utility import UtilityItemsets, high_utility_itemsets

__all__ = ["Baskets", "SequentialPatterns", "UtilityItemsets", "high_utility_itemsets", "sequential_patterns"]
