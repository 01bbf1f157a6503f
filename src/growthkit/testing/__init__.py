"""Test kits: for growthkit itself, and for those who build on it.

The strategies for hypothesis stand in a module of their own, `growthkit.testing.strategies`, which needs hypothesis;
the rest needs nothing beyond growthkit.
"""

from .engines import FrameEngine, frame_engines
from .estimators import check_estimator
from .recommenders import check_recommender

__all__ = ["FrameEngine", "check_estimator", "check_recommender", "frame_engines"]
