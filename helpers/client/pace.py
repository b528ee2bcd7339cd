"""Whoever rehearses a lesson, or tests its cells, need not wait for good numbers: LESSON_PACE shortens every load."""

import os
from contextlib import suppress

VARIABLE = "LESSON_PACE"
NOTE = f"A rehearsal: {VARIABLE} shortens every load, and numbers from it are rough."


def pace() -> float:
    """The share of its time that a load takes: the environment variable LESSON_PACE, from 0.1 to 1; otherwise 1."""
    with suppress(ValueError):
        if 0.1 <= (share := float(os.environ.get(VARIABLE, "1"))) <= 1:
            return share
    return 1.0


def paced(seconds: float, least: float) -> float:
    """`seconds` at this pace: no longer than they were, and no shorter than `least`."""
    return max(seconds * pace(), min(seconds, least))
