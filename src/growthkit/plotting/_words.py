"""Numbers as people read them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

__all__ = [
    "LONGEST",
    "MINUS",
    "UNITS",
    "capital",
    "count",
    "customers",
    "ends",
    "figure",
    "joined",
    "money",
    "number",
    "p_text",
    "share",
    "short",
    "span",
]

UNITS = {"D": "day", "W": "week", "M": "month", "Y": "year"}
"""The units of time of a summary."""

NOTHING = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"
LONGEST = 30
"""Letters of a name that a picture shows."""

TAIL = 12
"""Letters of these from the end of a name that is longer."""


def count(n: float) -> str:
    """Return a whole number with thousands separators."""
    return f"{n:,.0f}"


def customers(n: int) -> str:
    """Return a number of customers with the word."""
    return "1 customer" if n == 1 else f"{n:,} customers"


def number(x: float) -> str:
    """Return a number of three digits or, from 1,000 on, a whole one; without decimals that are 0."""
    decimals = 2 if abs(x) < 9.995 else 1 if abs(x) < 99.95 else 0
    text = f"{x:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if decimals else text


def share(x: float) -> str:
    """Return a share as a percentage of two or three digits; a dash where there is none."""
    if not math.isfinite(x):
        return NOTHING
    percent = 100 * x
    if 0 < percent < 0.05:
        return "<0.1%"
    return f"{percent:.1f}%".replace("-", MINUS) if 0 < abs(percent) < 9.95 else f"{percent:,.0f}%".replace("-", MINUS)


def figure(x: float) -> str:
    """Return a number of any size in three digits; a dash where there is none."""
    if not math.isfinite(x):
        return NOTHING
    return (f"{x:,.0f}" if 999.5 <= abs(x) < 1e9 else f"{x:.3g}").replace("-", MINUS)


def ends(low: float, high: float, word: Callable[[float], str] = figure) -> str:
    """Return the ends of an interval in words."""
    if math.isnan(low) or math.isnan(high):
        return "no interval"
    if math.isinf(low) and math.isinf(high):
        return "no bounds"
    if math.isinf(low) or math.isinf(high):
        return f"{word(low)} or more" if math.isinf(high) else f"{word(high)} or less"
    return f"{word(low)} to {word(high)}"


def p_text(p: float) -> str:
    """Return a p-value in two digits, however small; a dash where there is none."""
    if math.isnan(p):
        return NOTHING
    return f"{p:.1e}" if 0 < p < 0.001 else f"{p:.2g}" if p < 0.1 else number(p)


def money(amount: float, currency: str = "") -> str:
    """Return an amount of money of three or four digits, with `currency` before it; a dash where there is none."""
    if not math.isfinite(amount):
        return NOTHING
    sign, size = (MINUS if amount < 0 else ""), abs(amount)
    for least, scale, suffix in ((999_500_000, 1e9, "bn"), (999_500, 1e6, "M"), (9_999.5, 1e3, "k")):
        if size >= least:
            return f"{sign}{currency}{size / scale:,.3g}{suffix}"
    return f"{sign}{currency}{size:,.{0 if size >= 99.5 or size == 0 else 2}f}"


def span(length: float, unit: str) -> str:
    """Return a length of time with its unit in full, such as "5 days"."""
    text = number(length)
    return f"{text} {UNITS[unit]}{'' if text == '1' else 's'}"


def capital(text: str) -> str:
    """Return a text that begins like a sentence."""
    return text[:1].upper() + text[1:]


def short(name: str) -> str:
    """Return a name on one line; of a very long one both ends, as names often differ at one of them."""
    line = " ".join(name.split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - TAIL - 1]}…{line[-TAIL:]}"


def joined(words: Iterable[str]) -> str:
    """Return words as a list in a sentence: "a", "a and b", "a, b and c"."""
    *head, last = words
    return f"{', '.join(head)} and {last}" if head else last
