"""The decision record: context, what was measured, the decision, and what would turn it over."""

from __future__ import annotations

import re
from pathlib import Path

from helpers.errors import LessonError
from helpers.plots import Drawn, escape, table
from helpers.storage import keep, kept
from helpers.words import listed

PARTS = {
    "Context": "what is to be built, by whom, and what is given",
    "Measured": "two findings of your own, with their numbers",
    "Decision": "the framework, in one sentence",
    "What would turn it over": "the finding that would make you decide otherwise",
}
FILE, BEFORE = "decision.md", "decision_before.md"
FEWEST = 5  # words of a part


class Decision(Drawn):
    """What there is to say about a decision record: `lacks` maps a part to what it lacks; `place` is where it lies."""

    def __init__(self, lacks: dict[str, str], place: Path | None) -> None:
        self.lacks, self.place = lacks, place

    def summary(self) -> str:
        if self.place is None:
            return (
                f"Nothing is written yet: under each heading put a sentence or two in place of the dots. {self._all()}"
            )
        place = f"Kept in {self.place}."
        if not self.lacks:
            return f"All four parts are there. {place}"
        return " ".join([*(f"{part}: {what}" for part, what in self.lacks.items()), place])

    def body(self) -> str:
        if self.place is None:
            return f'<p class="note">{escape(self.summary())}</p>'
        rows = [(part, self.lacks.get(part, "✓"), what) for part, what in PARTS.items()]
        mood = "note" if self.lacks else "good"
        said = "All four parts are there." if not self.lacks else f"Not yet: {listed(self.lacks)}."
        place = f'<p class="quiet">Kept in {escape(str(self.place))}.</p>'
        return f'<div class="{mood}"><p><b>{escape(said)}</b></p>{table(rows, ("part", "", "it says"))}</div>{place}'

    def _all(self) -> str:
        return "; ".join(f"{part}: {what}" for part, what in PARTS.items()) + "."


def decide(text: str) -> Decision:
    """Look whether a decision record in Markdown has its four parts, and keep it in results/decision.md.

    Each part stands under a heading of its name (`PARTS`). What was kept before goes to results/decision_before.md.
    Raises LessonError for anything but text, and where no folder can be written.
    """
    if not isinstance(text, str):
        raise LessonError('A decision record is a text in Markdown: decide("""## Context ...""").')
    found = _parts(text)
    if not any(found.values()):
        return Decision(dict.fromkeys(PARTS, "not written yet"), None)
    lacks = {part: lack for part in PARTS if (lack := _lack(part, found[part]))}
    return Decision(lacks, _keep(text.strip() + "\n"))


def _parts(text: str) -> dict[str, str]:
    """What stands under each heading, without dots that were left."""
    pieces = re.split(r"(?m)^#+[ \t]*(.+?)[ \t]*$", text)
    under = {title.strip().rstrip(":").lower(): body for title, body in zip(pieces[1::2], pieces[2::2], strict=True)}
    return {part: under.get(part.lower(), "").replace("...", "").strip() for part in PARTS}


def _lack(part: str, body: str) -> str:
    if not body:
        return "not written yet"
    if part == "Measured" and len(re.findall(r"\d+", body)) < 2:
        return "name two numbers that you measured"
    if part == "Decision" and not re.search(r"flask|fastapi", body, re.IGNORECASE):
        return "name the framework"
    return "say a little more" if len(body.split()) < FEWEST else ""


def _keep(text: str) -> Path:
    before = kept(FILE)
    if before not in (None, text):
        keep(BEFORE, str(before))
    if (place := keep(FILE, text)) is None:
        raise LessonError("No folder for results can be written: copy your record elsewhere, so that it is not lost.")
    return place
