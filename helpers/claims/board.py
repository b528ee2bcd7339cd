"""The board of all the verdicts that `ledger` shows."""

from collections import Counter
from collections.abc import Iterable, Mapping

from helpers.claims import rules
from helpers.claims.beside import Beside
from helpers.claims.drawing import MARKS, MOODS, in_words, marked
from helpers.claims.entries import Entries, entry_of
from helpers.claims.guesses import change, paragraphs
from helpers.claims.picture import LedgerPicture, draw, verdict_of
from helpers.claims.recorded import recorded
from helpers.claims.rules import Claim, Verdict
from helpers.claims.scoring import Score
from helpers.errors import LessonError
from helpers.machine import machine
from helpers.plots import Drawn, Note, escape, table
from helpers.storage import ROOT

FEW = 4  # lessons that are listed one below the other


class Ledger(Drawn):
    """All the claims and where they stand here. `verdicts` maps "C30" to its verdict, in the article's order.

    `entries` are what is kept under any name, a claim or not.
    """

    def __init__(self, claims: Mapping[str, Claim], entries: Entries, place: str, notices: Iterable[str] = ()) -> None:
        self._claims, self._all, self._place, self.notices = claims, entries, place, list(notices)
        self._entries = {name: entry_of(entries, name) for name in claims}
        self.verdicts: dict[str, Verdict] = {name: verdict_of(entry) for name, entry in self._entries.items()}

    def picture(self) -> LedgerPicture:
        """All claims in one picture: verdicts, guesses, and what was turned over."""
        numbers = {lesson for claim in self._claims.values() for lesson in claim.lesson}
        return draw(self._claims, self._entries, {lesson: _title(lesson) for lesson in numbers}, self.notices)

    def right(self) -> Score:
        """How often the guesses were right, and at which kind of question they were not."""
        return Score(self._claims, self._all, self.notices)

    def beside(self) -> Drawn:
        """This ledger beside the recorded one; a sentence where there is none that can be read."""
        try:
            return Beside(self._claims, self._entries, machine(), recorded(), self.notices)
        except LessonError as missing:
            return Note(" ".join([missing.args[0], *self.notices]))

    def summary(self) -> str:
        tried = filter(self._tried, self.verdicts)
        lines = [f"{name} {self.verdicts[name]}: {self._claims[name].article}" for name in tried]
        return "\n".join([self._counts(), *lines, *self.notices])

    def body(self) -> str:
        lessons: dict[str, list[str]] = {}
        for name, claim in self._claims.items():
            lessons.setdefault(claim.lesson[0], []).append(name)
        begun = [lesson for lesson in sorted(lessons) if any(map(self._tried, lessons[lesson]))]
        parts = [f"<p><b>{escape(self._counts())}</b></p>"]
        if begun:
            parts.append(self._table({lesson: lessons[lesson] for lesson in begun}))
        full = "".join(self._fold(lesson, lessons[lesson]) for lesson in begun)
        many = f"<details><summary>{len(begun)} lessons, claim by claim</summary>{full}</details>"
        parts.append(full if len(begun) <= FEW else many)
        if rest := [lesson for lesson in sorted(lessons) if lesson not in begun]:
            folds = "".join(self._fold(lesson, lessons[lesson]) for lesson in rest)
            parts.append(f"<details><summary>{len(rest)} lessons not begun</summary>{folds}</details>")
        parts.append(f'<p class="quiet">Kept in {escape(self._place)}.</p>')
        return "".join(parts) + paragraphs(self.notices)

    def _table(self, lessons: Mapping[str, list[str]]) -> str:
        """A row a lesson, a column for each verdict that occurs in them."""
        occur = {self.verdicts[name] for names in lessons.values() for name in names}
        columns = [verdict for verdict in rules.VERDICTS if verdict in occur]
        heads = "".join(f"<th style='overflow-wrap:normal'>{escape(marked(verdict))}</th>" for verdict in columns)
        rows = "".join(
            f"<tr><th style='white-space:nowrap'>{escape(_title(lesson))}</th>"
            f"{''.join(self._cell(names, verdict) for verdict in columns)}</tr>"
            for lesson, names in lessons.items()
        )
        return f"<table><tr><th>lesson</th>{heads}</tr>{rows}</table>"

    def _tried(self, name: str) -> bool:
        return self.verdicts[name] != rules.UNTRIED

    def _cell(self, names: list[str], verdict: Verdict) -> str:
        """The claims among `names` with this verdict, behind its mark and its edge."""
        here = " ".join(name for name in names if self.verdicts[name] == verdict)
        if not here:
            return "<td></td>"
        if verdict == rules.UNTRIED:
            return f'<td><div class="quiet">{MARKS[verdict]} {here}</div></td>'
        edge = MOODS.get(verdict, "note")
        return f'<td><div class="{edge}" style="white-space:nowrap">{MARKS[verdict]} {here}</div></td>'

    def _counts(self) -> str:
        count = Counter(self.verdicts.values())
        said = ", ".join(f"{verdict} {count[verdict]}" for verdict in rules.VERDICTS if count[verdict])
        return f"{len(self.verdicts)} claims on trial: {said}."

    def _fold(self, lesson: str, names: list[str]) -> str:
        """One lesson's claims in full, folded."""
        tried = sum(map(self._tried, names))
        rows = []
        for name in names:
            claim, entry = self._claims[name], self._entries[name]
            guess = in_words(entry["guesses"][-1]["value"]) + change(entry["guesses"]) if entry["guesses"] else ""
            last = entry["verdicts"][-1] if entry["verdicts"] else None
            found = f"{last['found']} ({str(last.get('when', ''))[:10]})" if last else ""
            also = f" (also in {', '.join(claim.lesson[1:])})" if claim.lesson[1:] else ""
            cells = (name + also, claim.article, marked(self.verdicts[name]), guess, found, claim.flip)
            rows.append(cells)
        columns = ("claim", "the article says", "verdict here", "your guess", "found here", "what flips it")
        fold = f"<summary>Lesson {escape(_title(lesson))}: {tried} of {len(names)} tried</summary>"
        return f"<details>{fold}{table(rows, columns)}</details>"


def _title(lesson: str) -> str:
    """A lesson's number and, from its notebook's file name, its title: ``"02 who checks the input"``."""
    for notebook in sorted((ROOT / "notebooks").glob(f"{lesson}_*.ipynb")):
        return notebook.stem.replace("_", " ")
    return lesson
