"""`predict`, `judge`, `ledger` and what they share: how guesses and evidence are taken, kept and shown."""

import math
import sys

from helpers.claims import rules
from helpers.claims.board import Ledger
from helpers.claims.cards import Checked, Judgement, kind_of
from helpers.claims.drawing import in_words
from helpers.claims.entries import GuessValue, VerdictRecord, entry_of, stamp
from helpers.claims.guesses import Guess, asked_for, with_unit
from helpers.claims.rules import Claim, Evidence, Number, Verdict
from helpers.claims.store import notices, open_store
from helpers.errors import LessonError

LONGEST = 200  # characters of a text

_of_cell: dict[int, list[Guess]] = {}  # the guesses that the running cell has made so far, by its number


def predict(name: str, *guess: object) -> Guess:
    """Write down what you expect before you look: ``predict("C30", 3, 10)``.

    `guess` is one number, the two ends of a range, True or False, or a short text; ``...`` means not guessed yet.
    A guess that changes after the verdict is kept too, and marked as such. A cell with several guesses shows them all
    below its last line.

    Raises LessonError for a claim that does not exist and for a guess that is none of these.
    """
    name, claim = rules.find(name)
    value = _guess(name, guess)
    asked_for.add(name)
    entry = entry_of(open_store().read(), name)
    if value is not None:
        last = entry["guesses"][-1]["value"] if entry["guesses"] else None
        if last != value or isinstance(last, bool) != isinstance(value, bool):
            late = bool(entry["verdicts"])
            entry = entry_of(open_store().add(name, guess={"value": value, "late": late, **stamp()}), name)
    made = Guess(name, claim, entry["guesses"], value, notices())
    if (cell := _running_cell()) is not None:
        if cell not in _of_cell:
            _of_cell.clear()
        made.above = list(_of_cell.setdefault(cell, []))
        _of_cell[cell].append(made)
    return made


def judge(name: str, evidence: object = ...) -> Judgement:
    """Confront a claim with what you found: ``judge("C30", comparison.ratio("FastAPI", "Flask"))``.

    What counts as evidence stands under `asks` in data/claims.toml: a number or an Estimate (.value, .low, .high), a
    dict of checks (name to True or False; None, or a `helpers.checks.Open`, where it stays open), or a vote. The
    claim's rule makes the verdict.
    Under a short name of your own, a number, True or False, or a text is shown beside your guess, with no verdict.
    ``...`` means not tried yet.

    Raises LessonError for evidence that the rule cannot use.
    """
    name, claim = rules.find(name)
    verdict: Verdict | None = None
    found: Evidence
    if claim:
        verdict, found = rules.weigh(claim, evidence)
    else:
        found = _free(name, evidence)
    if verdict == rules.UNTRIED or (not claim and found is None):
        entry = entry_of(open_store().read(), name)
    else:
        record: VerdictRecord = {"verdict": verdict, "found": _words(claim, found), "evidence": _json(found), **stamp()}
        entry = entry_of(open_store().add(name, verdict=record), name)
    card = kind_of(claim, verdict, found)(name, claim, verdict, found, entry, notices())
    if isinstance(card, Checked):
        card.why = rules.reasons(evidence)
    return card


def ledger() -> Ledger:
    """Where all of the article's claims stand on this machine; ``ledger().verdicts["C30"]`` is one verdict."""
    entries = open_store().read()
    return Ledger(rules.claims(), entries, open_store().place, notices())


def _running_cell() -> int | None:
    """The number of the notebook's cell that is running; None elsewhere."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return int(shell.execution_count) if shell is not None else None


def _guess(name: str, guess: tuple[object, ...]) -> GuessValue | None:
    """The guess as it is kept: a number, [low, high], a bool or a text; None while it is still ``...``."""
    if not guess or any(part is ... for part in guess):
        return None
    parts = [rules.plain(part) for part in guess]
    if len(parts) == 1 and isinstance(parts[0], list | tuple):
        parts = [rules.plain(part) for part in parts[0]]
        if any(part is ... for part in parts):
            return None
    numbers = [part for part in parts if rules.is_number(part)]
    if len(numbers) == len(parts) == 2:
        return sorted(numbers)
    if len(parts) == 1 and (isinstance(parts[0], bool) or rules.is_number(parts[0])):
        return parts[0]
    if len(parts) == 1 and isinstance(parts[0], str) and 0 < len(parts[0].strip()) <= LONGEST:
        return parts[0].strip()
    quoted = ""
    if len(parts) == 1 and not isinstance(parts[0], str | int | float | list | tuple):
        quoted = " A text stands in quotes" + (f': "{parts[0].name}".' if hasattr(parts[0], "name") else ".")
    raise LessonError(
        f'A guess for "{name}" is one number, two numbers (a range), True or False, or a text of up to {LONGEST} '
        f"characters.{quoted}"
    )


def _free(name: str, evidence: object) -> Number | bool | str | None:
    """What was found under a name of the learner's own; None while it is still ``...``."""
    evidence = rules.plain(evidence)
    if evidence is ...:
        return None
    if isinstance(evidence, bool) or (isinstance(evidence, str) and 0 < len(evidence) <= LONGEST):
        return evidence
    if (measured := rules.number(evidence)) is not None:
        return measured
    raise LessonError(f'For "{name}" give a number, True or False, or a text of up to {LONGEST} characters.')


def _words(claim: Claim | None, found: Evidence) -> str:
    """What was found, as the ledger shows it later."""
    if isinstance(found, dict):
        return "; ".join(f"{name}: {in_words(value)}" for name, value in found.items())
    if found is None:
        return ""
    return with_unit(claim, found)


def _json(found: Evidence) -> object:
    """The evidence as JSON can keep it; an open end of an interval becomes null."""
    if isinstance(found, Number):
        low, high = (None if math.isinf(edge) else edge for edge in (found.low, found.high))
        return {"value": found.value, "low": low, "high": high, "conclusive": found.conclusive}
    return found
