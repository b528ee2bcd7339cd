"""Checks that a clock decides: yes, no, or open where the computer was too busy to tell."""

from __future__ import annotations

from dataclasses import dataclass

from helpers.words import digits


@dataclass(frozen=True)
class Open:
    """A check that stays open, as `judge` takes it; `why` says in a few words what stood in the way."""

    why: str

    def __bool__(self) -> bool:
        return False


def negated(check: bool | Open) -> bool | Open:
    """The opposite of a check; what is open stays open."""
    return check if isinstance(check, Open) else not check


@dataclass(frozen=True, order=True)
class Timed:
    """How long something took, in milliseconds, and how much of that the computer itself may have added.

    `delay` is what the same job took beside it without its wait. A busy computer adds time and takes none away, so the
    truth lies between ``ms - delay`` and ``ms``; a limit in between leaves a check open.
    """

    ms: float
    delay: float

    def at_most(self, limit: float) -> bool | Open:
        """Whether it took `limit` milliseconds at most."""
        return True if self.ms <= limit else self._unless_in_between(limit, False)

    def at_least(self, limit: float) -> bool | Open:
        """Whether it took `limit` milliseconds or more."""
        return False if self.ms < limit else self._unless_in_between(limit, True)

    def _unless_in_between(self, limit: float, found: bool) -> bool | Open:
        if self.ms - self.delay > limit:
            return found
        return Open(f"{digits(self.ms)} ms, of which this busy computer may have added {digits(self.delay)}")
