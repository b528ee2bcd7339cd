"""Where guesses and verdicts are kept: results/ledger.json, safe against two kernels and against damage.

The file holds ``{"entries": {name: {"guesses": [record, ...], "verdicts": [record, ...]}}}``, oldest record first: the
last one counts, the earlier ones are its history. What was there before a new start is kept as ``"before"``, a list of
such entries. The environment variable LESSON_RESULTS names another folder.
"""

import contextlib
import copy
import json
import os
import threading
from collections.abc import Callable, Collection
from datetime import datetime
from functools import cache
from pathlib import Path

from helpers.claims.entries import HISTORY, Entries, GuessRecord, VerdictRecord, merge, shortened
from helpers.claims.rules import VERDICTS
from helpers.storage import ROOT, checkout, folders

PATIENCE = 5.0  # seconds to wait for another kernel that is writing


class Store:
    """The results file in `folder`; in a cache folder of this user, or in memory, when `folder` cannot be written.

    Once `folder` can be written again, what the cache folder has goes there.
    `notices` collects a sentence for each thing that did not go as planned, until somebody shows and clears them.
    """

    def __init__(self, folder: Path, fallback: Path) -> None:
        self.folders = [folder, fallback]
        self.notices: list[str] = []
        self._refuge = fallback / "ledger.json"
        self._unsaved: list[Callable[[Entries], None]] = []
        self._turn = threading.Lock()
        self._seed: Entries = {}  # what was last readable, for the next folder to start from

    @property
    def place(self) -> str:
        """Where the results are, in words."""
        return str(self.folders[0] / "ledger.json") if self.folders else "the memory of this kernel"

    def read(self) -> Entries:
        """Everything that is kept, by name."""
        with self._turn:
            return self._transact()

    def add(self, name: str, guess: GuessRecord | None = None, verdict: VerdictRecord | None = None) -> Entries:
        """Append a record to the guesses or to the verdicts of `name`, and return everything that is kept."""

        def change(entries: Entries) -> None:
            entry = entries.setdefault(name, {"guesses": [], "verdicts": []})
            if guess:
                entry["guesses"] = shortened([*entry["guesses"], guess])
            if verdict:
                entry["verdicts"] = shortened([*entry["verdicts"], verdict])

        return self._change(change)

    def set_aside(self, names: Collection[str]) -> int:
        """Put what is kept under `names` behind a new, empty entry each; return how many of them there were."""
        begun = [name for name, entry in self.read().items() if name in names and entry["guesses"] + entry["verdicts"]]

        def change(entries: Entries) -> None:
            for name in begun:
                old = entries.get(name, {"guesses": [], "verdicts": []})
                before = [*old.pop("before", []), old][-HISTORY:]
                entries[name] = {"guesses": [], "verdicts": [], "before": before}

        if begun:
            self._change(change)
        return len(begun)

    def _change(self, change: Callable[[Entries], None]) -> Entries:
        with self._turn:
            self._unsaved.append(change)
            return self._transact()

    def _transact(self) -> Entries:
        import filelock  # a tenth of a second, so not before it is needed

        while self.folders:
            file = self.folders[0] / "ledger.json"
            try:
                file.parent.mkdir(parents=True, exist_ok=True)
                with filelock.FileLock(file.with_suffix(".lock"), timeout=PATIENCE):
                    entries = self._load(file)
                    found = _peek(self._refuge) if file != self._refuge else {}
                    if self._unsaved or found:
                        merge(entries, found)
                        self._apply(entries)
                        write(file, entries)
                        self._unsaved.clear()
                    if found:
                        self._refuge.unlink()
                return entries
            except filelock.Timeout:
                self.notices.append("Another kernel keeps the results file busy; yours stay in memory for now.")
                return self._apply(_peek(file))
            except (OSError, NotImplementedError):  # read-only, full, or a file system without locks
                self._seed = _peek(file) or self._seed
                self._next_folder()
        return self._apply(copy.deepcopy(self._seed))

    def _apply(self, entries: Entries) -> Entries:
        for change in self._unsaved:
            change(entries)
        return entries

    def _load(self, file: Path) -> Entries:
        if not file.exists():
            return copy.deepcopy(self._seed)
        try:
            return _parse(file)
        except ValueError:
            aside = file.with_name(f"ledger.damaged-{datetime.now():%Y%m%d-%H%M%S-%f}.json")
            file.replace(aside)
            self.notices.append(f"The results file was damaged: it is set aside as {aside.name}, and a new one begun.")
            return {}

    def _next_folder(self) -> None:
        lost = self.folders.pop(0)
        instead = f"in {self.folders[0]}" if self.folders else "in memory, until this kernel stops"
        self.notices = [f"{lost} cannot be written, so your results are kept {instead}."]


def _parse(file: Path) -> Entries:
    """The entries in `file`. Raises ValueError when they are not what this module writes, OSError when unreadable."""
    try:
        entries: Entries = json.loads(file.read_text("utf-8"))["entries"]
        for entry in entries.values():
            guesses, verdicts = list(entry["guesses"]), list(entry["verdicts"])
            sound = all(isinstance(record, dict) for record in guesses + verdicts)
            sound = sound and all("value" in guess for guess in guesses)
            if not (sound and all(record["verdict"] in (None, *VERDICTS) and "found" in record for record in verdicts)):
                raise ValueError("a record lacks its parts")
    except (LookupError, TypeError, AttributeError, RecursionError) as cause:
        raise ValueError("not a ledger") from cause
    return entries


def _peek(file: Path) -> Entries:
    """The entries in `file`, as far as it can be read at all."""
    try:
        return _parse(file)
    except (OSError, ValueError):
        return {}


def write(file: Path, entries: Entries) -> None:
    """Write beside the file, then swap: whoever reads sees the old results or the new ones, never half of them."""
    fresh = file.with_suffix(".new")
    try:
        with fresh.open("w", encoding="utf-8") as out:
            json.dump({"entries": entries}, out, indent=1)
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(file)
    except BaseException:
        with contextlib.suppress(OSError):
            fresh.unlink()
        raise


def notices() -> list[str]:
    """What the store has to say, said once."""
    found, open_store().notices = open_store().notices, []
    return found


def open_store() -> Store:
    """The store of the folder that LESSON_RESULTS names, otherwise of results/ beside the notebooks' folder."""
    return _store(*folders(), checkout())


@cache
def _store(folder: Path, fallback: Path, notebooks: Path) -> Store:
    store = Store(folder, fallback)
    if notebooks != ROOT:
        store.notices.append(
            f"This notebook belongs to {notebooks}, and helpers comes from {ROOT}, which may be older: run "
            f"%pip install --no-deps --no-build-isolation --editable {notebooks} and restart the kernel."
        )
    return store
