"""How often this learner's guesses were right, and at which kind of question they were not."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from markupsafe import Markup

from helpers.claims import rules
from helpers.claims.entries import Entry, GuessValue, VerdictRecord
from helpers.claims.guesses import agrees, paragraphs, says, with_unit
from helpers.claims.rules import Claim, Number
from helpers.plots import FASTAPI, TROUBLE, Drawn, escape, table
from helpers.words import listed, plural

KINDS = {
    "measured": "claims measured with a clock or a load",
    "count": "claims counted or checked",
    "cited": "claims read off dated data",
    "number": "other questions, answered by a number",
    "word": "other questions, answered in a word or by yes and no",
}
HOW = "The first guess counts, and only if it came before the look."
TODO = "Put a guess in place of the dots in a lesson's predict(...), before you run what comes after it."
DECIDED = (rules.HOLDS, rules.CONDITIONS, rules.FAILS)


def first_guess(entry: Entry) -> GuessValue | None:
    """The first guess, which counts if it was made before any verdict; None without one."""
    first = entry["guesses"][0] if entry["guesses"] else None
    return first["value"] if first and not first.get("late") else None


def says_so(guess: GuessValue, record: VerdictRecord) -> bool | None:
    """Whether a guess says what was found, as the cards decide it; None where the two cannot be compared."""
    verdict, evidence = record["verdict"], record.get("evidence")
    if verdict in (rules.OPINION, rules.UNMEASURABLE):
        return None
    if isinstance(guess, str) and guess.strip().casefold() in rules.VERDICTS:
        return None if verdict not in DECIDED else guess.strip().casefold() == verdict
    if (found := number_in(evidence)) is not None:
        return agrees(guess, found)
    return says(guess, evidence) if isinstance(evidence, bool | str) else None


def number_in(evidence: object) -> Number | None:
    """The measured number that a verdict's record keeps; an end that is null there is open."""
    if not isinstance(evidence, Mapping) or not rules.is_number(value := evidence.get("value")):
        return None
    low, high = (evidence.get(end) for end in ("low", "high"))
    ends = (low if rules.is_number(low) else -float("inf"), high if rules.is_number(high) else float("inf"))
    return Number(value, *ends, conclusive=evidence.get("conclusive") is not False)


def was_right(entry: Entry) -> bool | None:
    """Whether the first guess says what the latest verdict found; None without a guess, and where nothing tells."""
    guess = first_guess(entry)
    return says_so(guess, entry["verdicts"][-1]) if guess is not None and entry["verdicts"] else None


def turned_over(entry: Entry) -> bool:
    """Whether the result has come out in two ways: two verdicts that decide, or two votes."""
    verdicts = {record["verdict"] for record in entry["verdicts"]} & {*DECIDED}
    votes = {str(record.get("evidence")) for record in entry["verdicts"] if record["verdict"] == rules.OPINION}
    return max(len(verdicts), len(votes)) > 1


class Row(NamedTuple):
    """The guesses of one kind by name: those that were right, those that were not, those that nothing tells about."""

    right: list[str]
    wrong: list[str]
    open: list[str]

    @property
    def told(self) -> int:
        return len(self.right) + len(self.wrong)

    @property
    def share(self) -> float:
        return len(self.right) / self.told


class Score(Drawn):
    """What `ledger().right()` shows. `rows` maps a kind to its guesses; `right` and `told` count those at claims."""

    def __init__(self, claims: Mapping[str, Claim], entries: Mapping[str, Entry], told: Iterable[str] = ()) -> None:
        self._claims, self._entries, self.notices = claims, entries, list(told)
        self.rows = {kind: Row([], [], []) for kind in KINDS}
        for name, entry in entries.items():
            if (kind := self._kind(name, entry)) is not None:
                row = self.rows[kind]
                {True: row.right, False: row.wrong, None: row.open}[was_right(entry)].append(name)
        at_claims = [row for kind, row in self.rows.items() if kind not in ("number", "word")]
        self.right, self.told = sum(len(row.right) for row in at_claims), sum(row.told for row in at_claims)

    @property
    def least(self) -> list[str]:
        """The kinds at which the guesses were least often right; empty where all kinds do equally well."""
        shares = {kind: row.share for kind, row in self.rows.items() if row.told}
        worst = [kind for kind, share in shares.items() if share == min(shares.values())]
        return worst if len(worst) < len(shares) else []

    @property
    def title(self) -> str:
        """The finding in one line."""
        if not any(row.told for row in self.rows.values()):
            return "No guess of yours can be compared with a result yet"
        claims = f"You guessed right at {self.right} of {plural(self.told, 'claim')}"
        claims = claims if self.told else "None of your guesses at a claim is decided yet"
        worst = [f"{KINDS[kind]} ({len(self.rows[kind].right)} of {self.rows[kind].told})" for kind in self.least]
        return claims + (f"; least often at {listed(worst)}" if worst else "")

    def summary(self) -> str:
        lines = [f"{self.title}.", HOW if self._any else TODO]
        for kind, row in self.rows.items():
            if any(row):
                still = f", {len(row.open)} not decided" if row.open else ""
                lines.append(f"{KINDS[kind]}: {len(row.right)} right, {len(row.wrong)} not{still}.")
        off = [f"{about}: you guessed {guess}; found: {found}." for about, guess, found in self._off()]
        return "\n".join([*lines, *off, *self.notices])

    def body(self) -> str:
        shown = f"<p><b>{escape(self.title)}.</b></p>"
        rows = [
            (KINDS[kind], _bar(row), len(row.right), len(row.wrong), len(row.open))
            for kind, row in self.rows.items()
            if any(row)
        ]
        if rows:
            shown += table(rows, ("what you guessed at", "", "right", "not right", "not decided"), row_heads=True)
        if off := self._off():
            missed = f"{plural(len(off), 'guess', 'guesses')} that came out otherwise"
            fold = table(off, ("where", "you guessed", "found here"))
            shown += f"<details><summary>{missed}</summary>{fold}</details>"
        return f'{shown}<p class="quiet">{HOW if rows else TODO}</p>{paragraphs(self.notices)}'

    @property
    def _any(self) -> bool:
        return any(any(row) for row in self.rows.values())

    def _kind(self, name: str, entry: Entry) -> str | None:
        """The kind of what was guessed at; None where no guess counts, or nothing can show that it was right."""
        if (guess := first_guess(entry)) is None:
            return None
        if name in self._claims:
            decided = self._claims[name].decided
            return decided if decided in KINDS else None
        return "word" if isinstance(guess, bool | str) else "number"

    def _off(self) -> list[tuple[str, str, str]]:
        """Each guess that was not right: where, what it was, what was found."""
        found = []
        for name in [name for row in self.rows.values() for name in row.wrong]:
            claim, entry = self._claims.get(name), self._entries[name]
            last = entry["verdicts"][-1]
            result = ", ".join(filter(None, [last["verdict"], last["found"]]))
            found.append((f"{name}, {claim.article}" if claim else name, with_unit(claim, first_guess(entry)), result))
        return found


def _bar(row: Row) -> Markup:
    """Right guesses filled, the others outlined; a guess is eight pixels, less where there are many."""
    each = min(8.0, 240 / max(row.told, 1))
    look = "display:inline-block;height:.8rem;box-sizing:border-box"
    right = f'<span style="{look};width:{each * len(row.right):.0f}px;background:{FASTAPI}"></span>'
    wrong = f'<span style="{look};width:{each * len(row.wrong):.0f}px;border:2px dashed {TROUBLE}"></span>'
    return Markup(right * bool(row.right) + wrong * bool(row.wrong))
