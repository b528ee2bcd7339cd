"""The card that `predict` shows, and what a guess is in words."""

import math
from collections.abc import Iterable

from helpers.claims.drawing import band, in_words
from helpers.claims.entries import GuessRecord, GuessValue
from helpers.claims.rules import Claim, Number
from helpers.plots import Drawn, escape

asked_for: set[str] = set()  # the names that this kernel has asked a guess for, whether or not one was made


class Guess(Drawn):
    """What `predict` shows. `value` is the guess (a number, [low, high], a bool, a text) or None; `late` says that it
    was made or changed after the verdict."""

    def __init__(
        self,
        name: str,
        claim: Claim | None,
        guesses: list[GuessRecord],
        value: GuessValue | None,
        notices: Iterable[str] = (),
    ) -> None:
        self.name, self.claim, self.value, self.notices = name, claim, value, list(notices)
        self._guesses = guesses
        self.late = value is not None and bool(guesses and guesses[-1].get("late"))
        self.above: list[Guess] = []  # of the same cell, which shows only what its last line returns

    def summary(self) -> str:
        return "\n".join(" ".join([f"{one.name}: {one.said()}", *one.notices]) for one in (*self.above, self))

    def body(self) -> str:
        return "".join(one.card() for one in (*self.above, self))

    def card(self) -> str:
        """This guess alone, as HTML."""
        point = f"<p>{heading(self.claim)}</p>" if self.claim else ""
        own = "" if self.claim else f"<b>{escape(self.name)}</b>: "
        return f'{point}<p class="note">{own}{escape(self.said())}</p>{paragraphs(self.notices)}'

    def said(self) -> str:
        """The guess in a sentence."""
        if self.value is not None:
            return f"you guess {with_unit(self.claim, self.value)}{change(self._guesses)}."
        kind = "number" if self.claim and self.claim.numeric else "guess"
        kept = f" (your earlier guess, {in_words(self._guesses[-1]['value'])}, is kept)" if self._guesses else ""
        return f"not guessed yet; put your {kind} in place of ...{kept}"


def heading(claim: Claim) -> str:
    """The claim in the article's words."""
    return f"<b>{claim.id}</b> <span class='quiet'>The article:</span> {escape(claim.article)}"


def with_unit(claim: Claim | None, value: object) -> str:
    """A number with what it counts; a unit in brackets names the axis only."""
    counts = isinstance(value, Number) or band(value)
    unit = claim.unit if claim is not None and counts and not claim.unit.startswith("(") else ""
    return f"{in_words(value)} {unit}".strip()


def change(guesses: list[GuessRecord]) -> str:
    """What happened to a guess, in brackets: nothing as long as it was made before the verdict."""
    if not guesses or not guesses[-1].get("late"):
        return ""
    if len(guesses) == 1:
        return " (made after the verdict)"
    first, last = guesses[0]["value"], guesses[-1]["value"]
    if in_words(first) == in_words(last):
        return " (changed, and changed back after the verdict)"
    return f" (changed after the verdict; your first guess was {in_words(first)})"


def paragraphs(sentences: Iterable[str]) -> str:
    return "".join(f'<p class="note">{escape(sentence)}</p>' for sentence in sentences)


def says(guess: object, found: str | bool) -> bool:
    """Whether a guess in words, or True or False, says what was found."""
    said = str(guess).strip().casefold()
    if isinstance(found, bool):
        said = {"yes": "true", "no": "false"}.get(said, said)
    return said == str(found).strip().casefold()


def agrees(guess: object, found: Number) -> bool | None:
    """Whether a guessed number or range meets the measured interval.

    None where the guess is no number, and where the interval is too wide to tell: it would agree with anything.
    """
    if (span := band(guess)) is None:
        return None
    if span[0] > found.high or found.low > span[1]:
        return False
    return True if found.conclusive and math.inf not in (found.high, -found.low) else None
