"""Numbers, counts and lists as a person would write them."""

from collections.abc import Iterable


def digits(value: float) -> str:
    """A number with the digits that a measurement deserves: ``1,004``, ``98.2``, ``0.512``."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def milliseconds(value: float) -> str:
    """``"98.2 ms"``; a dash where there is no number (NaN)."""
    return "–" if value != value else f"{digits(value)} ms"


def plural(count: int, noun: str, nouns: str = "") -> str:
    """``"1 thread"``, ``"1,200 threads"``; `nouns` is the plural where it takes more than an s."""
    return f"{count:,} {noun if count == 1 else nouns or noun + 's'}"


def listed(items: Iterable[object], word: str = "and") -> str:
    """``"a, b and c"``; empty without items."""
    *first, last = map(str, items) if (items := list(items)) else [""]
    return f"{', '.join(first)} {word} {last}" if first else last
