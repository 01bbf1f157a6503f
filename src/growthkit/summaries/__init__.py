"""Summaries: a log in, a compact table out that merges with others of its kind.

Tier 1 of growthkit. Each summary is made in one pass, ``merge(split(log)) == whole``, and goes to a table and back, so
that an engine elsewhere can make it and the models here can use it.
"""

from .baskets import Baskets
from .customers import CustomerSummary, customers
from .interactions import Interactions
from .moments import Moments

__all__ = ["Baskets", "CustomerSummary", "Interactions", "Moments", "customers"]
