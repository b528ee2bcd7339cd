"""What was measured, on disk as it comes: a file of JSON lines for each measurement, in results/measured/.

The first line says what is measured and on what machine, each further one what came out of a part of it. A kernel that
is interrupted or killed leaves all the lines before that. Where results/ cannot be written, it is in the cache.
"""

from __future__ import annotations

import json
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from helpers.errors import LessonError
from helpers.machine import machine
from helpers.storage import folders

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

KEPT = 200  # files; the oldest go first


class Record:
    """The file of one measurement. `path` is None where nothing can be written: a measurement goes on without."""

    def __init__(self, what: str, head: dict[str, Any]) -> None:
        moment = datetime.now(UTC).astimezone()
        self.head = {"what": what, "when": moment.isoformat(timespec="seconds"), "machine": machine(), **head}
        self.path: Path | None = None
        self._file: IO[str] | None = None
        for folder in _folders():
            with suppress(OSError):
                path = folder / f"{moment:%Y%m%d-%H%M%S-%f}-{what}.jsonl"
                folder.mkdir(parents=True, exist_ok=True)
                for old in sorted(folder.glob("*.jsonl"))[: 1 - KEPT]:
                    old.unlink()
                self._file, self.path = path.open("x", encoding="utf-8"), path
                break
        self.add(self.head)

    def add(self, line: dict[str, Any]) -> None:
        """Write a line; it is in the file when this returns."""
        if self._file is not None:
            try:
                self._file.write(json.dumps(line) + "\n")
                self._file.flush()
            except OSError:  # the disk is full
                self.path = None

    def close(self) -> None:
        if self._file is not None:
            with suppress(OSError):
                self._file.close()
            self._file = None


def read(what: str, path: str | Path | None = None) -> tuple[Path, dict[str, Any], list[dict[str, Any]]]:
    """A file, its first line and the further ones: of the newest ``"load"`` or ``"measure"``, or of the one at `path`.

    Raises LessonError when there is none, or when it is no such file.
    """
    if path is None:
        files = [file for folder in _folders() for file in folder.glob(f"*-{what}.jsonl")]
        if not files:
            raise LessonError(f"No {what}(...) has been recorded yet; run one first.")
        path = max(files, key=lambda file: file.name)  # the name begins with the moment
    path = Path(path)
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise LessonError(f"{path.name} cannot be read as a recorded measurement.") from error
    found: list[dict[str, Any]] = []
    with suppress(ValueError):  # half a line of a kernel that was killed
        found += map(json.loads, lines)
    if not found or not isinstance(found[0], dict) or found[0].get("what") != what:
        raise LessonError(f"{path.name} is not what {what}(...) records.")
    return path, found[0], found[1:]


def _folders() -> list[Path]:
    """Where measurements may be kept, the first choice first."""
    return [folder / "measured" for folder in folders()]


def histogram(values: npt.NDArray[np.float64]) -> dict[str, int]:
    """`values` to three digits, with how often each occurs: a file stays small and readable whatever the load."""
    return dict(Counter(f"{value:.3g}" for value in values))


def values(histogram: dict[str, int]) -> npt.NDArray[np.float64]:
    """The values of a `histogram`, smallest first."""
    import numpy as np

    ordered = sorted((float(value), count) for value, count in histogram.items())
    return np.repeat([value for value, _ in ordered], [count for _, count in ordered]).astype(float)
