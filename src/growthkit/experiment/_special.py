"""`scipy.special`, loaded when the first of its functions is called: half of what importing experiments would cost."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["special"]


class _Special:
    """Stands for the module; each function is looked up once."""

    def __getattr__(self, name: str) -> Any:
        function = getattr(import_module("scipy.special"), name)
        setattr(self, name, function)
        return function


special: Any = _Special()
