"""Recommenders: what to show to whom."""

from ..summaries.interactions import Interactions

__all__ = ["Interactions"]
