"""Recommenders: what to show to whom."""

from ..summaries.interactions import Interactions
from . import rerank, split
from .als import ImplicitALS
from .bpr import BPR
from .content import ContentBased
from .evaluation import Differences, Evaluation, evaluate
from .hybrid import Hybrid
from .linear import EASE, SLIM
from .neighbours import ItemKNN, UserKNN
from .popular import Popular
from .selection import ModelChoice, compare_models
from .sessions import SessionKNN
from .split import Split
from .svd import PureSVD

__all__ = [
    "BPR",
    "EASE",
    "SLIM",
    "ContentBased",
    "Differences",
    "Evaluation",
    "Hybrid",
    "ImplicitALS",
    "Interactions",
    "ItemKNN",
    "ModelChoice",
    "Popular",
    "PureSVD",
    "SessionKNN",
    "Split",
    "UserKNN",
    "compare_models",
    "evaluate",
    "rerank",
    "split",
]
