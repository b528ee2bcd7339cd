"""Run a linter or a type checker over files, and hear which function each of its messages is about."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from helpers.bugs.sources import Source
from helpers.errors import LessonError
from helpers.processes.parent import variables
from helpers.storage import PROJECT
from helpers.words import listed

SECONDS = 240  # for one tool; mypy reads the libraries, too, when it runs for the first time


@dataclass(frozen=True)
class Tool:
    """What a tool is told so that it writes a line a message, and what a line looks like."""

    options: tuple[str, ...]
    line: re.Pattern[str]


TOOLS = {
    "ruff": Tool(("--isolated", "--no-cache", "--output-format=concise"), re.compile(r"(\S+\.py):(\d+):\d+: (.+)")),
    "mypy": Tool(
        ("--config-file=", "--no-color-output", "--no-error-summary", "--hide-error-context",
         f"--cache-dir={platformdirs.user_cache_path(PROJECT) / 'mypy'}"),
        re.compile(r"(\S+\.py):(\d+): error: (.+)"),
    ),
    "pyrefly": Tool(
        ("--output-format=min-text", "--python-interpreter-path", sys.executable),
        re.compile(r"ERROR (\S+\.py):(\d+):\S+: (.+)"),
    ),
}  # fmt: skip

# That an annotation is missing is no bug. Strict checkers say so of every function that has none.
NO_BUG = re.compile(r"\[(no-untyped-\w+|type-arg|implicit-any[\w-]*|unannotated[\w-]*)\]|\bANN\d+\b")

Messages = dict[str, dict[str, list[str]]]  # what is said, by file and function


def check(command: Sequence[str], sources: Iterable[Source], folder: Path) -> Messages:
    """What `command`, such as ``["mypy", "--strict"]``, says about `sources`, which are files in `folder`.

    Raises LessonError for a command that the tool does not understand.
    """
    tool, files = TOOLS[command[0]], {f"{source.name}.py": source for source in sources}
    line = [sys.executable, "-m", *command, *tool.options, *files]
    environment = variables() | {"NO_COLOR": "1"}  # a kernel asks every program for colours
    try:
        ran = subprocess.run(
            line, cwd=folder, env=environment, capture_output=True, timeout=SECONDS, encoding="utf-8", errors="replace"
        )
    except subprocess.TimeoutExpired as cause:
        raise LessonError(f"{command[0]} has not ended within {SECONDS} s; run the cell again.") from cause
    found = tool.line.findall(ran.stdout)
    if ran.returncode not in (0, 1) or (ran.returncode and not found):  # 1: it has found something
        said = [text for text in (ran.stderr or ran.stdout).splitlines() if text.strip()] or [f"code {ran.returncode}"]
        raise LessonError(f"{' '.join(command)} did not check anything: {said[-1][:300]}")
    messages: Messages = {source.name: {} for source in files.values()}
    for name, number, text in found:
        source = files.get(Path(name).name)
        if source and not NO_BUG.search(text) and (owner := source.owner(int(number))):
            messages[source.name].setdefault(owner, []).append(text)
    return messages


def commands(checkers: object) -> dict[str, list[str]]:
    """The command of each checker by its name; LessonError for what is none."""
    if not isinstance(checkers, Mapping) or not checkers:
        raise LessonError('Give the checkers by name: {"mypy": ["mypy"], "ruff": ["ruff", "check"]}.')
    for command in checkers.values():
        if isinstance(command, str) or not command or command[0] not in TOOLS:
            raise LessonError(
                f'A checker is a list such as ["mypy", "--strict"]; it begins with {listed(TOOLS, "or")}.'
            )
    return {name: [*command] for name, command in checkers.items()}
