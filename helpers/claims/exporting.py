"""`export`: one small file with what this learner guessed and found, shown in full before it is written.

The file is JSON: format and version, a random number that this learner's results got once, the machine's shape, and
for each claim and each short name of a lesson the guesses and the verdicts in their order. helpers/claims/whitelist.py
says what may be in it; `read_export` takes nothing else.
"""

import contextlib
import json
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from helpers.claims.guesses import paragraphs
from helpers.claims.store import notices, open_store
from helpers.claims.whitelist import DIGITS, kept_entries, kept_machine
from helpers.errors import LessonError
from helpers.machine import machine
from helpers.plots import Drawn, Note, escape
from helpers.storage import PROJECT
from helpers.words import listed, plural

FORMAT = f"{PROJECT}/export"
VERSION = 1
LARGEST = 64 * 1024  # bytes of a file, which stays below
HISTORIES = (50, 20, 10, 5, 3, 2)  # records of a name: the longest history with which the file is small enough
NUMBER = re.compile(r"[0-9a-f]{16}")

_of_kernel = secrets.token_hex(8)  # for a learner whose results cannot be written anywhere


class Export(Drawn):
    """What `export` shows: `text` is the file, word for word; `data` is the same as a dict; `write` writes it."""

    def __init__(self, data: dict[str, Any], left_out: list[str], told: list[str]) -> None:
        self.data, self.left_out, self.notices = data, left_out, told
        self.text = text_of(data)

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return len(self.text.encode())

    def write(self, folder: str | Path | None = None) -> Note:
        """Write the text to export.json in `folder`, or where this learner's results are kept; says where.

        Raises LessonError where that folder cannot be written.
        """
        chosen = Path(folder) if folder is not None else _home()
        if chosen is None:
            raise LessonError('Your results have no folder here; name one: export().write("a folder").')
        file = chosen.expanduser().absolute() / "export.json"
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(self.text, "utf-8", newline="\n")
        except OSError as cause:
            raise LessonError(f"{file} cannot be written; name another folder.") from cause
        return Note(f"{file} has {plural(self.size, 'byte')}: what you saw above, and nothing else.", "good")

    def summary(self) -> str:
        return "\n".join([self._about(), self._without(), self.text, *self.notices])

    def body(self) -> str:
        scroll = "max-height:22rem;overflow-y:auto;border:1px solid rgba(128,128,128,.35);padding:.3rem .6rem"
        frame = f'tabindex="0" role="region" aria-label="The file" style="{scroll}"'
        return (
            f"<p><b>{escape(self._about())}</b></p><p>{escape(self._without())}</p>"
            f"<div {frame}><pre>{escape(self.text)}</pre></div>"
            f"{paragraphs(self.notices)}"
        )

    def _about(self) -> str:
        entries = self.data["entries"].values()
        guesses, verdicts = (sum(len(entry[kind]) for entry in entries) for kind in ("guesses", "verdicts"))
        inside = f"{plural(guesses, 'guess', 'guesses')} and {plural(verdicts, 'result')}"
        return f"The whole file: {plural(self.size, 'byte')}, {inside}. It is written when you call .write()."

    def _without(self) -> str:
        inside = (
            "It holds numbers, yes and no, and words that the lessons themselves use; null is what is none of these."
        )
        return f"{inside} Left out: {listed(self.left_out)}. The id is a random number, made once for your results."


def export() -> Export:
    """One small anonymous file with this machine's guesses and verdicts, by a whitelist: shown, and not yet written.

    ``export().write()`` writes it to export.json beside your results, ``export().write("folder")`` elsewhere. The first
    call makes the random number of your results, which is kept beside them.
    """
    entries = open_store().read()
    head = {"format": FORMAT, "version": VERSION, "id": _own_id(), "machine": kept_machine(machine())}
    for most in HISTORIES:
        kept = kept_entries(entries, most)
        if len(text_of({**head, "entries": kept}).encode()) < LARGEST:
            break
    return Export({**head, "entries": kept}, _left_out(entries, kept), notices())


def read_export(source: str | Path) -> dict[str, Any]:
    """The data of an export: `source` is the file's text or its path.

    Raises LessonError, in one sentence, for what is no export of this version, is too large, or holds anything that an
    export may not hold.
    """
    text = source if isinstance(source, str) and source.lstrip().startswith("{") else _text_in(source)
    if len(text.encode(errors="replace")) >= LARGEST:
        _refuse(f"it has {LARGEST:,} bytes or more")
    try:
        data = json.loads(text, object_pairs_hook=_once)
        given = {part: _exactly(value) for part, value in data.items()}
    except (ValueError, RecursionError, AttributeError):
        _refuse("it is not JSON, or not as an export has it")
    if data.get("format") != FORMAT:
        _refuse("its format is another one")
    if type(data.get("version")) is not int or data["version"] != VERSION:
        _refuse(f"its version is not {VERSION}, so it comes from other lessons than these")
    if not isinstance(data.get("id"), str) or not NUMBER.fullmatch(data["id"]):
        _refuse("its id is not sixteen hexadecimal digits")
    may = {
        **{part: data[part] for part in ("format", "version", "id")},
        "machine": kept_machine(data.get("machine")),
        "entries": kept_entries(data.get("entries"), max(HISTORIES)),
    }
    for part in sorted(may.keys() | given.keys()):
        if part not in may or given.get(part) != _exactly(may[part]):
            _refuse(f"{part if part in may else 'one of its parts'} has what an export may not have")
    return may


def text_of(data: Mapping[str, Any]) -> str:
    """`data` as JSON, a line for each part and each name."""
    parts = [f" {json.dumps(part)}: {_line(value)}" for part, value in data.items() if part != "entries"]
    lines = [f"  {json.dumps(name, ensure_ascii=False)}: {_line(entry)}" for name, entry in data["entries"].items()]
    entries = "{\n" + ",\n".join(lines) + "\n }" if lines else "{}"
    return "{\n" + ",\n".join([*parts, f' "entries": {entries}']) + "\n}\n"


def _line(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _exactly(value: object) -> str:
    """`value` as a text that tells True from 1 and 1 from 1.0, whatever the order of its parts."""
    return json.dumps(value, sort_keys=True)


def _text_in(file: str | Path) -> str:
    try:
        if Path(file).stat().st_size >= LARGEST:
            _refuse(f"it has {LARGEST:,} bytes or more")
        return Path(file).read_text("utf-8")
    except (OSError, ValueError, TypeError):
        _refuse("there is no file of that name that can be read as text")


def _refuse(why: str) -> NoReturn:
    raise LessonError(f"This is no export of the lessons: {why}. Make one with export().write().")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object in which no name stands twice."""
    if len(found := dict(pairs)) < len(pairs):
        raise ValueError("a name stands twice")
    return found


def _home() -> Path | None:
    """The folder that the results are in; None where they are in memory only."""
    folders = open_store().folders
    return folders[0] if folders else None


def _own_id() -> str:
    """The random number of this learner's results: made at the first export and kept beside them."""
    if (folder := _home()) is None:
        return _of_kernel
    file = folder / "export.id"
    with contextlib.suppress(OSError, ValueError):
        if NUMBER.fullmatch(kept := file.read_text("utf-8").strip()):
            return kept
    with contextlib.suppress(OSError):
        file.write_text(_of_kernel, "utf-8")
    return _of_kernel


def _left_out(entries: Mapping[str, Any], kept: Mapping[str, Any]) -> list[str]:
    """What the file does not have, in words; nothing of it by name."""
    others = sum(name not in kept and any(entries[name][kind] for kind in ("guesses", "verdicts")) for name in entries)
    records = [(kind, name) for name in kept for kind in ("guesses", "verdicts")]
    older = sum(len(entries[name][kind]) - len(kept[name][kind]) for kind, name in records)
    worded = sum(guess["value"] is None for entry in kept.values() for guess in entry["guesses"])
    return [
        *([f"{plural(others, 'name')} that no lesson uses"] if others else []),
        *([f"{plural(worded, 'guess', 'guesses')} in words of your own"] if worded else []),
        *([f"{plural(older, 'older record')}, to stay below 64 kB"] if older > 0 else []),
        "all times and folders",
        "what was found, in words",
        "all but the first two numbers of a version",
        f"all digits of a number after the first {DIGITS}",
    ]
