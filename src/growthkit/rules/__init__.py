"""Rules: what is bought together, which of it means something, and what to offer next."""

from ..summaries.baskets import Baskets

__all__ = ["Baskets"]
