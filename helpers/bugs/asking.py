"""Import an app in a process of its own, and send each of its functions the request that meets the bug."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from helpers.bugs.sources import Bug, Source
from helpers.errors import LessonError
from helpers.processes import Child, ChildError, TimedOut

SECONDS = 90  # for one app: to import it, and to answer

Outcome = Literal["at import", "crashed", "refused", "wrong", "right", "not there"]


@dataclass(frozen=True)
class Asked:
    """What became of a request: its status (None without an answer), and what was said where something was.

    `outcome`: the function stopped the import; it raised; it was refused with a 4xx; it answered something else, and
    nobody was told; it answered what it ought to. The second answer counts: some bugs grow.
    """

    outcome: Outcome
    status: int | None = None
    said: str = ""


def ask_all(sources: Sequence[Source], bugs: Mapping[str, Bug], folder: Path) -> dict[str, Asked]:
    """What the app in `sources`, which are files in `folder`, answers where it has a function of a bug's name.

    Raises LessonError for an app that cannot be imported, or that does not answer in time.
    """
    try:
        child = Child("helpers.bugs.asking_child", timeout=30)
    except ChildError as cause:
        raise LessonError("The apps cannot be asked, as no process for them can be started.") from cause
    try:
        files = [str(folder / f"{source.name}.py") for source in sources]
        answer = child.ask(SECONDS, files=files, bugs=[asdict(bug) for bug in bugs.values()])
    except TimedOut as cause:
        raise LessonError(
            f"{sources[0].name} has not answered within {SECONDS} s: does a function never end?"
        ) from cause
    except ChildError as cause:
        raise LessonError(f"{sources[0].name} could not be asked.") from cause
    finally:
        child.kill()
    return {name: Asked(**asked) for name, asked in answer["asked"].items()}
