"""How many itemsets may be listed."""

from __future__ import annotations

from threading import Lock

from ..exceptions import ParameterError

__all__ = ["Budget", "TooManyItemsetsError"]


class TooManyItemsetsError(ParameterError):
    """More itemsets than `Budget` allows."""


class Budget:
    """How many itemsets may be listed; several threads spend it.

    Parameters
    ----------
    limit
        The most that are allowed.
    least
        The count that they reach, for the message.
    function
        The public function, for the message.
    """

    advice = 'raise min_support, set max_len, ask for kind="closed", or raise max_itemsets (an itemset takes 12 bytes)'

    def __init__(self, limit: int, least: int, function: str) -> None:
        self.limit, self.least, self.function = limit, least, function
        self.spent = 0
        self._lock = Lock()

    def spend(self, n: int) -> None:
        """Take account of `n` more itemsets.

        Raises
        ------
        TooManyItemsetsError
            If they are too many.
        """
        with self._lock:
            self.spent += n
            if self.spent > self.limit:
                raise TooManyItemsetsError(
                    f"{self.function}: {self.spent:,} itemsets and more have a count of at least {self.least:,}, and "
                    f"max_itemsets is {self.limit:,}; {self.advice}."
                )
