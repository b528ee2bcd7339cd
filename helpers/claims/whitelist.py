"""What of a ledger may leave this machine: nothing but what is named here (a whitelist, never a blacklist).

A learner may have typed anything into a name or a guess. So each part of what is kept is built anew: of words that the
project itself has written (names of claims, of checks and of lessons' guesses, verdicts, offered answers), and of
numbers, which are rounded. What is neither becomes null where its place in an order counts, and is gone elsewhere.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from helpers.claims import rules
from helpers.claims.names import names, words_for
from helpers.machine import PACKAGES

DIGITS = 4  # that count, of each number
SYSTEMS = ("Linux", "Windows", "Darwin")
KEPT_TEXT = re.compile(r"\d{1,4}(\.\d{1,2})?")  # a status, or another short number, typed as a text

Kept = dict[str, Any]


def kept_machine(machine: object) -> Kept:
    """Cores, system, Python and the versions of what is measured, each to major.minor; null where it is none."""
    given = machine if isinstance(machine, Mapping) else {}
    cores, system = given.get("cores"), given.get("system")
    kept: Kept = {
        "cores": cores if type(cores) is int and 1 <= cores <= 4096 else None,
        "system": system if system in SYSTEMS else None,
    }
    return kept | {part: short for part in ("python", *PACKAGES) if (short := _version(given.get(part)))}


def kept_entries(entries: object, most: int, *, found: bool = False) -> dict[str, Kept]:
    """What may be kept of `entries`: claims and lessons' short names, each with the first and the latest `most` - 1
    of its guesses and verdicts.

    With `found` a claim's verdicts keep what was found in words: sentences made of numbers, units and checks' names.
    """
    given = entries if isinstance(entries, Mapping) else {}
    kept = {}
    for name in (*rules.claims(), *names()):
        entry = given.get(name)
        entry = entry if isinstance(entry, Mapping) else {}
        guesses = [_guess(name, record) for record in _first_and_latest(entry.get("guesses"), most)]
        verdicts = [_verdict(name, record, found) for record in _first_and_latest(entry.get("verdicts"), most)]
        verdicts = [verdict for verdict in verdicts if verdict["verdict"] or name not in rules.claims()]
        if guesses or verdicts:
            kept[name] = {"guesses": guesses, "verdicts": verdicts}
    return kept


def rounded(value: object) -> float | None:
    """A finite number with DIGITS digits that count, as an int where it is whole; None for anything else."""
    if not rules.is_number(value):
        return None
    short = float(f"{value:.{DIGITS}g}")
    return int(short) if short.is_integer() and abs(short) < 1e15 else short


def _first_and_latest(records: object, most: int) -> Iterable[Mapping[str, object]]:
    sound = [record for record in records if isinstance(record, Mapping)] if isinstance(records, list) else []
    return sound[:1] + sound[1:][-(most - 1) :]


def _guess(name: str, record: Mapping[str, object]) -> Kept:
    return {"value": _value(name, record.get("value")), "late": record.get("late") is True}


def _verdict(name: str, record: Mapping[str, object], found: bool) -> Kept:
    claim, verdict, evidence = rules.claims().get(name), record.get("verdict"), record.get("evidence")
    kept: Kept = {"verdict": verdict if claim and verdict in rules.VERDICTS else None}
    if isinstance(evidence, Mapping) and claim and claim.checks:
        kept["evidence"] = {check: evidence[check] for check in claim.checks if _is_check(evidence.get(check, ...))}
    elif isinstance(evidence, Mapping) and "value" in evidence:
        numbers = {part: rounded(evidence.get(part)) for part in ("value", "low", "high")}
        kept["evidence"] = {**numbers, "conclusive": evidence.get("conclusive") is True}
    else:
        kept["evidence"] = _value(name, evidence)
    if found and claim:
        words = record.get("found")
        kept["found"] = words if isinstance(words, str) else ""
    return kept


def _value(name: str, value: object) -> object:
    """A number, a range, True, False, or one of the words that `name` offers, as the project writes them; else None."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        said = " ".join(value.split())
        offered = {word.casefold(): word for word in words_for(name)}
        return offered.get(said.casefold()) or (said if KEPT_TEXT.fullmatch(said) and said.isascii() else None)
    if isinstance(value, list) and len(value) == 2:
        ends = [rounded(end) for end in value]
        return None if None in ends else ends
    return rounded(value)


def _is_check(found: object) -> bool:
    return found is None or isinstance(found, bool)


def _version(version: object) -> str:
    """``"3.11"`` of ``"3.11.7"``; empty for what begins like no version."""
    short = re.match(r"\d{1,4}(\.\d{1,4})?(?![^.+-])", version, re.ASCII) if isinstance(version, str) else None
    return short[0] if short else ""
