"""The recorded ledger, data/recorded/ledger.json: what all lessons found on one named, quiet machine.

To make it anew, run all lessons into an empty results folder on a machine that does nothing else. Then, with
LESSON_RESULTS naming that folder:
``.venv/bin/python -c "from helpers.claims import record; record('two cores, quiet')"``.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from helpers.claims.exporting import text_of
from helpers.claims.store import open_store
from helpers.claims.whitelist import kept_entries, kept_machine
from helpers.errors import LessonError
from helpers.machine import machine
from helpers.plots import Note
from helpers.storage import PROJECT, ROOT
from helpers.words import plural

FILE = ROOT / "data" / "recorded" / "ledger.json"
FORMAT = f"{PROJECT}/recorded"
VERSION = 1
HISTORY = 3  # records of a name


def record(name: str, file: Path = FILE) -> Note:
    """Write the present ledger as the recorded one, under the `name` of the machine: ``"two cores, quiet"``.

    What may be in it is what `export` lets out, and what was found in words, which the lessons' own code makes.
    Raises LessonError for what is no short name, and for a ledger without a verdict.
    """
    if not isinstance(name, str) or not 0 < len(name.strip()) <= 80:
        raise LessonError('Name the machine in up to 80 characters, such as record("two cores, quiet").')
    entries = kept_entries(open_store().read(), HISTORY, found=True)
    verdicts = sum(bool(entry["verdicts"]) for entry in entries.values())
    if not verdicts:
        raise LessonError("There is no verdict to record; run the lessons first, or name their folder: LESSON_RESULTS.")
    head = {"format": FORMAT, "version": VERSION, "name": name.strip(), "when": f"{datetime.now(UTC):%Y-%m-%d}"}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text_of({**head, "machine": kept_machine(machine()), "entries": entries}), "utf-8", newline="\n")
    return Note(f"Recorded {plural(verdicts, 'result')} of “{name.strip()}”.", "good")


def recorded(file: Path = FILE) -> dict[str, Any]:
    """The recorded ledger: its name, when, machine and entries, as an export's, with what was found.

    Raises LessonError where there is none, or none that can be read.
    """
    try:
        data = json.loads(file.read_text("utf-8"))
        sound = data["format"] == FORMAT and data["version"] == VERSION
        head = {part: str(data[part]) for part in ("name", "when")}
        found = {
            "machine": kept_machine(data["machine"]),
            "entries": kept_entries(data["entries"], HISTORY, found=True),
        }
    except FileNotFoundError as cause:
        raise LessonError(
            "This copy has no recorded ledger (data/recorded/ledger.json); your own is complete without it."
        ) from cause
    except (OSError, ValueError, LookupError, TypeError) as cause:
        raise LessonError("data/recorded/ledger.json cannot be read as a ledger; restore it with git.") from cause
    if not sound:
        raise LessonError("data/recorded/ledger.json is of another version than these helpers; restore it with git.")
    return head | found
