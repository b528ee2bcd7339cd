"""What is kept under one name: guesses and verdicts, with when and where each was made; and two ledgers as one."""

from datetime import UTC, datetime
from typing import Any, NotRequired, TypedDict, TypeVar

from helpers.claims.rules import Verdict
from helpers.machine import machine

HISTORY = 50  # records kept for one name; the first one is kept whatever happens

GuessValue = float | str | list[float]  # a number, True or False, a text, the two ends of a range


class Stamp(TypedDict):
    """When and on what kind of machine a record was made."""

    when: str
    machine: dict[str, Any]


class GuessRecord(Stamp):
    """One guess; `late` where it was made after a verdict."""

    value: GuessValue
    late: NotRequired[bool]


class VerdictRecord(Stamp):
    """One verdict (None under a free name), what was found in words, and the evidence as JSON keeps it."""

    verdict: Verdict | None
    found: str
    evidence: NotRequired[object]


class Entry(TypedDict):
    """What is kept under one name, oldest record first."""

    guesses: list[GuessRecord]
    verdicts: list[VerdictRecord]
    before: NotRequired["list[Entry]"]


Entries = dict[str, Entry]
Record = TypeVar("Record", GuessRecord, VerdictRecord)


def merge(entries: Entries, others: Entries) -> None:
    """Add the records of `others` to `entries`, each once, the oldest first."""
    for name, other in others.items():
        entry = entries.setdefault(name, {"guesses": [], "verdicts": []})
        entry["guesses"] = _union(entry["guesses"], other["guesses"])
        entry["verdicts"] = _union(entry["verdicts"], other["verdicts"])
        before = entry.get("before", [])
        before += [old for old in other.get("before", []) if old not in before]
        if before:
            entry["before"] = before[-HISTORY:]


def _union(records: list[Record], others: list[Record]) -> list[Record]:
    union = records + [record for record in others if record not in records]
    union.sort(key=_moment)
    return shortened(union)


def _moment(record: Stamp) -> datetime:
    return datetime.fromisoformat(record["when"])


def shortened(records: list[Record]) -> list[Record]:
    """The first of `records` and the latest."""
    return records[:1] + records[1:][1 - HISTORY :]


def stamp() -> Stamp:
    """Now, and this machine."""
    return {"when": datetime.now(UTC).astimezone().isoformat(timespec="seconds"), "machine": machine()}


def entry_of(entries: Entries, name: str) -> Entry:
    """What is kept under `name`; an empty entry where nothing is."""
    return entries.get(name, {"guesses": [], "verdicts": []})
