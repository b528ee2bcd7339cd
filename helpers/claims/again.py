"""`start_again` and `recall`: a lesson from its beginning, and earlier guesses that were off."""

import json
import re

from helpers.claims import rules
from helpers.claims.drawing import in_words
from helpers.claims.entries import Entry, entry_of
from helpers.claims.guesses import paragraphs
from helpers.claims.scoring import says_so
from helpers.claims.store import notices, open_store
from helpers.errors import LessonError
from helpers.plots import Drawn, escape
from helpers.storage import ROOT
from helpers.words import plural

AT_MOST = 2  # guesses that a lesson opens with


class NewStart(Drawn):
    """What `start_again` shows."""

    def __init__(self, lesson: str, names: int, told: list[str]) -> None:
        self.lesson, self.names, self.notices = lesson, names, told

    def summary(self) -> str:
        if not self.names:
            return " ".join([f"Lesson {self.lesson} has no guess or verdict yet.", *self.notices])
        done = f"Lesson {self.lesson} begins anew: what you had under {plural(self.names, 'name')} is set aside"
        return " ".join([f"{done}, and your next guess counts as one before the look.", *self.notices])

    def body(self) -> str:
        return f'<p class="note">{escape(self.summary())}</p>'


class Recall(Drawn):
    """What `recall` shows: for each guess what it was, and, folded, what was found."""

    def __init__(self, guesses: list[tuple[str, str, str]], told: list[str]) -> None:
        self.guesses, self.notices = guesses, told

    def summary(self) -> str:
        asked = [f"{about}: you guessed {guess}; found: {found}." for about, guess, found in self.guesses]
        return "\n".join(["Guesses of yours that were off. Do you know why?", *asked, *self.notices])

    def body(self) -> str:
        folds = "".join(
            f"<details><summary>{escape(about)}: you guessed {escape(guess)}. What was found, and why?</summary>"
            f"<p>{escape(found)}</p></details>"
            for about, guess, found in self.guesses
        )
        return f'<div class="note">{folds}</div>{paragraphs(self.notices)}'


def start_again(lesson: str) -> NewStart:
    """Begin a lesson anew: ``start_again("05")`` sets its guesses and verdicts aside, so that a guess counts again.

    Nothing is lost: what was there stays in the results file, behind the new start. Raises LessonError for a lesson
    that does not exist.
    """
    return NewStart(lesson, open_store().set_aside(_names_in(lesson)), notices())


def recall(lesson: str) -> Recall | None:
    """Two guesses from other lessons than this one that were off, those that were looked at longest ago.

    None, which shows nothing, where there are none. Raises LessonError for a lesson that does not exist.
    """
    own, entries = _names_in(lesson), open_store().read()
    off = [name for name, entry in entries.items() if name not in own and _is_off(name, entry)]
    off.sort(key=lambda name: str(entries[name]["verdicts"][-1].get("when", "")))
    shown = []
    for name in off[:AT_MOST]:
        claim, entry = rules.claims().get(name), entry_of(entries, name)
        last = entry["verdicts"][-1]
        found = ", ".join(filter(None, [last["verdict"], last["found"]]))
        shown.append((f"{name}, {claim.article}" if claim else name, in_words(entry["guesses"][-1]["value"]), found))
    return Recall(shown, notices()) if shown else None


def _is_off(name: str, entry: Entry) -> bool:
    """Whether a guess that was made before the look says something else than what was found."""
    if not entry["guesses"] or not entry["verdicts"] or entry["guesses"][-1].get("late"):
        return False
    last = entry["verdicts"][-1]
    return last["verdict"] != rules.INCONCLUSIVE and says_so(entry["guesses"][-1]["value"], last) is False


def _names_in(lesson: str) -> set[str]:
    """The names under which a lesson predicts and judges, read from its notebook."""
    pages = {page.name[:2]: page for page in sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))}
    if not isinstance(lesson, str) or lesson not in pages:
        raise LessonError(f'Name a lesson by its two digits, in quotes, such as "{min(pages, default="05")}".')
    cells = json.loads(pages[lesson].read_text("utf-8"))["cells"]
    source = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    return set(re.findall(r'\b(?:predict|judge)\(\s*"([^"]+)"', source))
