"""The cards that `predict` and `judge` show."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from helpers.claims import rules
from helpers.claims.drawing import MARKS, MOODS, band, extent, in_words, marked, number_line, rule_in_words
from helpers.claims.rules import Checks, Claim, Number
from helpers.plots import Drawn, Picture, escape, inline, table


class Guess(Drawn):
    """What `predict` shows. `value` is the guess (a number, [low, high], a bool, a text) or None; `late` says that it
    was made or changed after the verdict."""

    def __init__(
        self, name: str, claim: Claim | None, guesses: list[dict], value: object, notices: Iterable[str] = ()
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
        point = f"<p>{_heading(self.claim)}</p>" if self.claim else ""
        own = "" if self.claim else f"<b>{escape(self.name)}</b>: "
        return f'{point}<p class="note">{own}{escape(self.said())}</p>{paragraphs(self.notices)}'

    def said(self) -> str:
        """The guess in a sentence."""
        if self.value is not None:
            return f"you guess {with_unit(self.claim, self.value)}{change(self._guesses)}."
        kind = "number" if self.claim and self.claim.numeric else "guess"
        kept = f" (your earlier guess, {in_words(self._guesses[-1]['value'])}, is kept)" if self._guesses else ""
        return f"not guessed yet; put your {kind} in place of ...{kept}"


class Judgement(Drawn):
    """What `judge` shows: `verdict` (None under a free name), `claim`, `evidence` as understood, and `guess`."""

    def __init__(
        self,
        name: str,
        claim: Claim | None,
        verdict: str | None,
        evidence: Number | Checks | str | bool | None,
        entry: Mapping[str, list[dict]],
        notices: Iterable[str] = (),
    ) -> None:
        self.name, self.claim, self.verdict, self.evidence = name, claim, verdict, evidence
        self.notices = list(notices)
        self._guesses, self._verdicts = entry["guesses"], entry["verdicts"]
        self.guess = self._guesses[-1]["value"] if self._guesses else None
        self._tried = verdict != rules.UNTRIED and (claim is not None or evidence is not None)

    @property
    def title(self) -> str:
        """The finding in one line, computed from the evidence."""
        if not self._tried:
            earlier = f"; it stands at “{self._verdicts[-1]['verdict']}” from before" if self._earlier() else ""
            return f"{self.name}: {rules.UNTRIED}{earlier}"
        if self.claim is None:
            beside = f", {self._compared()}" if isinstance(self.evidence, Number) and band(self.guess) else ""
            return f"{self.name}: {in_words(self.evidence)}{beside}"
        if self.claim.decided == "opinion":
            return f"{self.name}: your opinion is “{self.evidence}”"
        if isinstance(self.evidence, dict):
            needs, unless = self.claim.rule["needs"], self.claim.rule.get("unless", [])
            met, limits = (sum(self.evidence[name] is True for name in names) for names in (needs, unless))
            limited = f", {limits} of {len(unless)} limits found" if unless else ""
            left = sum(found is None for found in self.evidence.values())
            still = f", {left} left open" if left else ""
            return f"{self.name} {_phrase(self.verdict)}: {met} of {len(needs)} needs met{limited}{still}"
        if isinstance(self.evidence, Number):
            return f"{self.name} {_phrase(self.verdict)}: {with_unit(self.claim, self.evidence)}, {self._compared()}"
        return f"{self.name} {self.verdict}"

    def summary(self) -> str:
        lines = [self.title + ("." if self._tried else "; put what you found in place of the dots.")]
        lines += [f"Verdict: {self.verdict}."] if self.claim and self._tried else []
        if isinstance(self.evidence, dict):
            lines += [f"{name}: {in_words(found)}." for name, found in self.evidence.items()]
        lines += [self._guessed()] if self._guessed() else []
        lines += [f"{label}: {text}" for label, text in self._foot()]
        return "\n".join([*lines, *self.notices])

    def body(self) -> str:
        parts = [f"<p>{_heading(self.claim)}</p>"] if self.claim else []
        if not self._tried:
            todo = f"{MARKS[rules.UNTRIED]} {self.title}; put what you found in place of the dots."
            return "".join([*parts, f'<p class="note">{escape(todo)}</p>', self._decided()]) + paragraphs(self.notices)
        picture = self.picture()
        if picture:
            parts.append(picture.body())
        elif isinstance(self.evidence, dict):
            parts += [f"<p><b>{escape(self.title)}</b></p>", self._table()]
        elif self.claim is None or self.claim.decided == "opinion":
            parts.append(f"<p><b>{escape(self.title)}</b></p>")
        if self.claim:
            mood = MOODS.get(self.verdict, "note")
            parts.append(f'<p class="{mood}"><b>{escape(marked(self.verdict))}</b></p>')
        parts += [f"<p>{escape(self._guessed())}</p>"] if self._guessed() else []
        parts += [f"<p><b>{label}:</b> {inline(text)}</p>" for label, text in self._foot()]
        return "".join([*parts, self._decided()]) + paragraphs(self.notices)

    def picture(self) -> Picture | None:
        """Guess, article and measurement on one number line; None when there are no two numbers to compare."""
        if not isinstance(self.evidence, Number) or (self.claim is None and band(self.guess) is None):
            return None
        if self.claim is None:
            unit = re.search(r"\(([^()]+)\)$", self.name)
            return number_line(self.title, unit[1] if unit else self.name, self.evidence, guess=self.guess)
        holds = self.claim.rule.get("holds")
        return number_line(self.title, self.claim.unit, self.evidence, self.guess, self.claim.says, holds)

    def _earlier(self) -> bool:
        return bool(self.claim and self._verdicts)

    def _compared(self) -> str:
        """Where the measurement lies beside the article's number, the rule's band or, under a free name, the guess."""
        if self.claim is None:
            whose, (low, high) = "your", band(self.guess)
        elif self.claim.says is not None:
            whose, (low, high) = "the article's", band(self.claim.says)
        else:
            whose, (low, high) = "the rule's", self.claim.rule.get("holds") or self.claim.rule["conditions"]
        against = f"{whose} {extent(low, high)}"
        if self.evidence.high < low or self.evidence.low > high:
            return f"{'below' if self.evidence.high < low else 'above'} {against}"
        if low <= self.evidence.low and self.evidence.high <= high:
            return f"{'exactly' if low == high else 'inside'} {against}"
        return f"reaching across an edge of {against}"

    def _guessed(self) -> str:
        if not self._tried or (self.guess is None and self.claim and not self.claim.rule):
            return ""
        if self.guess is None and isinstance(self.evidence, dict):
            return ""  # several things were looked at; a lesson may ask for guesses at them under other names
        if self.guess is None:
            return "You made no guess; predict(...) before you look makes the next one count."
        said = f"You guessed {with_unit(self.claim, self.guess)}{change(self._guesses)}"
        if isinstance(self.guess, str) and isinstance(self.evidence, Number):
            return f"{said}: a text, so it cannot be compared with a number."
        if self.claim is None and isinstance(self.evidence, str | bool):
            return f"{said}: {'right' if _same(self.guess, self.evidence) else 'not so'}."
        span = band(self.guess)
        if isinstance(self.evidence, Number) and span:
            low, high = span
            if low <= self.evidence.high and self.evidence.low <= high:
                return f"{said}: the measurement agrees."
            ratio = self.evidence.value / (low if self.evidence.value < low else high or 1)
            far = max(ratio, 1 / ratio) if ratio > 0 else 0
            off = f" by a factor of {in_words(float(f'{far:.2g}'))}" if far >= 1.5 and high else ""
            return f"{said}: too {'high' if self.evidence.value < low else 'low'}{off}."
        return f"{said}."

    def _foot(self) -> list[tuple[str, str]]:
        if self.claim is None or not self._tried:
            return []
        earlier = []
        if self.claim.decided == "opinion" and len(self._verdicts) > 1:
            earlier = [("Your votes before", ", ".join(str(record["found"]) for record in self._verdicts[:-1]))]
        shows = "Why" if self.claim.decided == "unmeasurable" else "What this does not show"
        return [*earlier, ("Flip it", self.claim.flip), (shows, self.claim.limits)]

    def _decided(self) -> str:
        """The rule and what counts as evidence, folded."""
        if self.claim is None:
            return ""
        texts = f"<p>{escape(rule_in_words(self.claim))}</p><p>{inline(self.claim.asks)}</p>"
        return f'<details class="quiet"><summary>How this is decided</summary>{texts}</details>'

    def _table(self) -> str:
        rows = []
        needs = self.claim.rule["needs"]
        for name, found in self.evidence.items():
            good = found == (name in needs)
            mark = "≈" if found is None else "✓" if good else "✗" if name in needs else "◐"
            result = f"{mark} {in_words(found)}"
            result += "" if name in needs or found is None else ", a limit" if found else ", no limit"
            role = "must be so" if name in needs else "would limit it"
            rows.append((name, role, result))
        return table(rows, ("check", "for the claim", "found here"))


def _same(guess: object, found: str | bool) -> bool:
    """Whether a guess in words, or True or False, says what was found."""
    said = str(guess).strip().casefold()
    if isinstance(found, bool):
        said = {"yes": "true", "no": "false"}.get(said, said)
    return said == str(found).strip().casefold()


def _heading(claim: Claim) -> str:
    return f"<b>{claim.id}</b> <span class='quiet'>The article:</span> {escape(claim.article)}"


def with_unit(claim: Claim | None, value: object) -> str:
    """A number with what it counts; a unit in brackets names the axis only."""
    counts = claim is not None and not claim.unit.startswith("(") and (isinstance(value, Number) or band(value))
    return f"{in_words(value)} {claim.unit}".strip() if counts else in_words(value)


def change(guesses: list[dict]) -> str:
    """What happened to a guess, in brackets: nothing as long as it was made before the verdict."""
    if not guesses or not guesses[-1].get("late"):
        return ""
    if len(guesses) == 1:
        return " (made after the verdict)"
    return f" (changed after the verdict; your first guess was {in_words(guesses[0]['value'])})"


def _phrase(verdict: str) -> str:
    return f"{verdict} here" if verdict != rules.INCONCLUSIVE else "is inconclusive here"


def paragraphs(sentences: Iterable[str]) -> str:
    return "".join(f'<p class="note">{escape(sentence)}</p>' for sentence in sentences)
