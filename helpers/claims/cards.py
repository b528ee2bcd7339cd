"""The cards that `judge` shows, one for each kind of evidence."""

import re
from abc import abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from helpers.claims import rules
from helpers.claims.drawing import MARKS, MOODS, band, extent, in_words, marked, number_line, rule_in_words
from helpers.claims.entries import Entry, GuessValue
from helpers.claims.guesses import agrees, asked_for, change, heading, paragraphs, says, with_unit
from helpers.claims.rules import Checks, Claim, Evidence, Number, Verdict
from helpers.plots import Drawn, Picture, escape, inline, table

NO_GUESS = "You made no guess; predict(...) before you look makes the next one count."


class Judgement(Drawn):
    """What `judge` shows: `verdict` (None under a free name), `claim`, `evidence` as understood, and `guess`.

    A class for each kind of evidence follows: a number, checks, words, and none yet.
    """

    evidence: Evidence

    def __init__(
        self, name: str, claim: Claim | None, verdict: Verdict | None, evidence: Any, entry: Entry, notices: list[str]
    ) -> None:
        self.name, self.claim, self.verdict, self.evidence, self.notices = name, claim, verdict, evidence, notices
        self.guesses, self.verdicts = entry["guesses"], entry["verdicts"]
        self.guess: GuessValue | None = self.guesses[-1]["value"] if self.guesses else None

    @property
    @abstractmethod
    def title(self) -> str:
        """The finding in one line, computed from the evidence."""

    def summary(self) -> str:
        lines = [f"{self.title}."]
        lines += [f"Verdict: {self.verdict}."] if self.claim else []
        lines += [*self.details(), *self.guessed()]
        lines += [f"{label}: {text}" for label, text in self._foot()]
        return "\n".join([*lines, *self.notices])

    def body(self) -> str:
        parts = [f"<p>{heading(self.claim)}</p>"] if self.claim else []
        parts.append(self.look())
        if self.claim and self.verdict:
            mood = MOODS.get(self.verdict, "note")
            parts.append(f'<p class="{mood}"><b>{escape(marked(self.verdict))}</b></p>')
        parts += [f"<p>{escape(said)}</p>" for said in self.guessed()]
        parts += [f"<p><b>{label}:</b> {inline(text)}</p>" for label, text in self._foot()]
        return "".join([*parts, self.decided(), paragraphs(self.notices)])

    def look(self) -> str:
        """What shows the evidence: HTML."""
        return f"<p><b>{escape(self.title)}</b></p>"

    def details(self) -> list[str]:
        """A sentence for each part of the evidence that the title does not name."""
        return []

    def guessed(self) -> list[str]:
        """The guess beside the evidence, in a sentence; none where nobody was asked for one."""
        if self.guess is None:
            return [NO_GUESS] if self.name in asked_for else []
        return [f"You guessed {with_unit(self.claim, self.guess)}{change(self.guesses)}{self.beside(self.guess)}."]

    def beside(self, guess: GuessValue) -> str:
        """How the guess compares, as the end of a sentence."""
        return ""

    def decided(self) -> str:
        """The rule and what counts as evidence, folded."""
        if self.claim is None:
            return ""
        texts = f"<p>{escape(rule_in_words(self.claim))}</p><p>{inline(self.claim.asks)}</p>"
        return f'<details class="quiet"><summary>How this is decided</summary>{texts}</details>'

    def _foot(self) -> list[tuple[str, str]]:
        if self.claim is None:
            return []
        earlier = []
        if self.claim.decided == "opinion" and len(self.verdicts) > 1:
            earlier = [("Your votes before", ", ".join(str(record["found"]) for record in self.verdicts[:-1]))]
        shows = "Why" if self.claim.decided == "unmeasurable" else "What this does not show"
        return [*earlier, ("Flip it", self.claim.flip), (shows, self.claim.limits)]


class Untried(Judgement):
    """There is no evidence yet."""

    @property
    def title(self) -> str:
        stands = self.verdicts[-1]["verdict"] if self.claim and self.verdicts else None
        return f"{self.name}: {rules.UNTRIED}" + (f"; it stands at “{stands}” from before" if stands else "")

    def summary(self) -> str:
        return "\n".join([self._todo, *self.notices])

    def body(self) -> str:
        about = f"<p>{heading(self.claim)}</p>" if self.claim else ""
        todo = f'<p class="note">{escape(f"{MARKS[rules.UNTRIED]} {self._todo}")}</p>'
        return about + todo + self.decided() + paragraphs(self.notices)

    @property
    def _todo(self) -> str:
        return f"{self.title}; put what you found in place of the dots."


class Measured(Judgement):
    """A number decides, or stands beside a guess."""

    evidence: Number

    @property
    def title(self) -> str:
        if self.claim is not None:
            found = f"{with_unit(self.claim, self.evidence)}, {self._compared()}"
            return f"{self.name} {_phrase(self.verdict)}: {found}"
        beside = f", {self._compared()}" if band(self.guess) else ""
        return f"{self.name}: {in_words(self.evidence)}{beside}"

    def look(self) -> str:
        picture = self.picture()
        return picture.body() if picture else super().look()

    def picture(self) -> Picture | None:
        """Guess, article and measurement on one number line; None when there are no two numbers to compare."""
        if self.claim is not None:
            rule = self.claim.rule
            return number_line(self.title, self.claim.unit, self.evidence, self.guess, self.claim.says, rule)
        if band(self.guess) is None:
            return None
        unit = re.search(r"\(([^()]+)\)$", self.name)
        return number_line(self.title, unit[1] if unit else self.name, self.evidence, guess=self.guess)

    def beside(self, guess: GuessValue) -> str:
        if isinstance(guess, str):
            return ": a text, so it cannot be compared with a number"
        if (span := band(guess)) is None:
            return ""
        low, high = span
        if (right := agrees(guess, self.evidence)) is None:
            return ": with an interval as wide as this, the measurement does not tell"
        if right:
            return ": the measurement agrees"
        ratio = self.evidence.value / (low if self.evidence.value < low else high or 1)
        far = max(ratio, 1 / ratio) if ratio > 0 else 0
        off = f" by a factor of {in_words(float(f'{far:.2g}'))}" if far >= 1.5 and high else ""
        return f": too {'high' if self.evidence.value < low else 'low'}{off}"

    def _compared(self) -> str:
        """Where the measurement lies beside the article's number, the rule's band or, under a free name, the guess."""
        if self.claim is None:
            whose, span = "your", band(self.guess)
        elif self.claim.says is not None:
            whose, span = "the article's", band(self.claim.says)
        elif self.verdict == rules.CONDITIONS:
            whose, span = "the conditions'", band(self.claim.rule["conditions"])
        else:
            whose, span = "the rule's", band(self.claim.rule.get("holds") or self.claim.rule["conditions"])
        assert span is not None
        low, high = span
        against = f"{whose} {extent(low, high)}"
        if self.evidence.high < low or self.evidence.low > high:
            return f"{'below' if self.evidence.high < low else 'above'} {against}"
        if low <= self.evidence.low and self.evidence.high <= high:
            doubt = f", but {self.evidence.doubt}" if self.evidence.doubt else ""
            return f"{'exactly' if low == high else 'inside'} {against}{doubt}"
        return f"reaching across an edge of {against}"


class Checked(Judgement):
    """Checks decide. Several things were looked at; a lesson may ask for guesses at them under other names."""

    claim: Claim
    evidence: Checks
    why: Mapping[str, str] = MappingProxyType({})  # what left a check open

    @property
    def title(self) -> str:
        needs, unless = self.claim.rule["needs"], self.claim.rule.get("unless", [])
        met, limits = (sum(self.evidence[name] is True for name in names) for names in (needs, unless))
        limited = f", {limits} of {len(unless)} limits found" if unless else ""
        left = sum(found is None for found in self.evidence.values())
        still = f", {left} left open" if left else ""
        return f"{self.name} {_phrase(self.verdict)}: {met} of {len(needs)} needs met{limited}{still}"

    def details(self) -> list[str]:
        return [f"{name}: {self._found(name)}." for name in self.evidence]

    def look(self) -> str:
        rows = [self._row(name, found) for name, found in self.evidence.items()]
        return super().look() + table(rows, ("check", "for the claim", "found here"), row_heads=True)

    def _row(self, name: str, found: bool | None) -> tuple[str, str, str]:
        if name in self.claim.rule["needs"]:
            mark = {None: "≈", True: "✓", False: "✗"}[found]
            return name, "must be so", f"{mark} {self._found(name)}"
        mark, limit = {None: ("≈", ""), True: ("◐", ", a limit"), False: ("✓", ", no limit")}[found]
        return name, "would limit it", f"{mark} {self._found(name)}{limit}"

    def _found(self, name: str) -> str:
        return in_words(self.evidence[name]) + (f": {self.why[name]}" if name in self.why else "")


class Told(Judgement):
    """Words: a vote, an answer under a free name, or nothing where nothing can decide."""

    evidence: str | bool | None

    @property
    def title(self) -> str:
        if self.claim is None:
            return f"{self.name}: {in_words(self.evidence)}"
        if self.claim.decided == "opinion":
            return f"{self.name}: your opinion is “{self.evidence}”"
        return f"{self.name} {self.verdict}"

    def look(self) -> str:
        return "" if self.claim and self.claim.decided != "opinion" else super().look()

    def beside(self, guess: GuessValue) -> str:
        if self.claim is not None or self.evidence is None:
            return ""
        return f": {'right' if says(guess, self.evidence) else 'not so'}"


def kind_of(claim: Claim | None, verdict: Verdict | None, evidence: Evidence) -> type[Judgement]:
    """The card for this kind of evidence."""
    if verdict == rules.UNTRIED or (claim is None and evidence is None):
        return Untried
    return Measured if isinstance(evidence, Number) else Checked if isinstance(evidence, dict) else Told


def _phrase(verdict: Verdict | None) -> str:
    return f"{verdict} here" if verdict != rules.INCONCLUSIVE else "is inconclusive here"
