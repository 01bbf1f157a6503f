"""Growth-marketing algorithms: from a shop's logs to whom to address, what to offer and what worked.

Each area is a module of its own and is loaded when it is first used::

    from growthkit import datasets, experiment, recommend, rules, segmentation, summaries
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import datasets, exceptions, experiment, plotting, recommend, rules, segmentation, summaries, testing, typing

__version__ = "0.1.0"

__all__ = [
    "__version__",
    "datasets",
    "exceptions",
    "experiment",
    "plotting",
    "recommend",
    "rules",
    "segmentation",
    "summaries",
    "testing",
    "typing",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}")


def __dir__() -> list[str]:
    return sorted(__all__)
