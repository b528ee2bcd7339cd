"""The files that the bugs are in: which functions there are, and what their docstrings ask and expect."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Set
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from helpers.errors import LessonError
from helpers.storage import checkout

CONTROL = "control"  # the function without a bug: whoever complains about it has not found one in the others either
ASKED = re.compile(r"(?P<title>.+?)\s+(?P<method>GET|POST|PUT|PATCH|DELETE) (?P<path>/\S*) -> (?P<right>.+)", re.DOTALL)
ROUTES = ast.FunctionDef | ast.AsyncFunctionDef


def seeded() -> Path:
    """The folder with the apps that the lesson comes with."""
    return checkout() / "data" / "bugs"


@dataclass(frozen=True)
class Bug:
    """A bug by its function's name: what is wrong, the request that meets it, and the right answer to that.

    `right` is a status (100 to 599), or the JSON of a good answer.
    """

    id: str
    title: str
    method: str
    path: str
    right: Any

    @property
    def by_status(self) -> bool:
        """Whether a status decides, and not what stands in the answer."""
        return isinstance(self.right, int) and 100 <= self.right <= 599


@dataclass(frozen=True)
class Source:
    """A file of Python, by its name without ``.py``."""

    name: str
    text: str

    @cached_property
    def functions(self) -> dict[str, ROUTES]:
        """Its functions that a decorator gives an address, by name, in their order."""
        nodes = (node for node in ast.parse(self.text).body if isinstance(node, ROUTES))
        return {node.name: node for node in nodes if any(isinstance(each, ast.Call) for each in node.decorator_list)}

    def owner(self, line: int) -> str | None:
        """The function that `line` belongs to: what stands between two of them belongs to the lower one."""
        return next((name for name, node in self.functions.items() if line <= (node.end_lineno or 0)), None)

    def piece(self, function: str) -> str:
        """What belongs to `function`, as text, its docstring left out."""
        node = self.functions[function]
        ends = [other.end_lineno or 0 for other in self.functions.values() if other.lineno < node.lineno]
        first = max(ends) + 1 if ends else _first_line(node)
        doc = node.body[0] if ast.get_docstring(node) is not None else None
        hidden = range(doc.lineno, (doc.end_lineno or 0) + 1) if doc else ()
        shown = (number for number in range(first, (node.end_lineno or 0) + 1) if number not in hidden)
        lines = self.text.splitlines()
        return "\n".join(lines[number - 1] for number in shown).strip()

    def without(self, functions: Set[str]) -> str:
        """The text with empty lines in the place of `functions`."""
        lines = self.text.splitlines()
        for name in functions & self.functions.keys():
            node = self.functions[name]
            for number in range(_first_line(node), (node.end_lineno or 0) + 1):
                lines[number - 1] = ""
        return "\n".join(lines)

    def bugs(self) -> dict[str, Bug]:
        """The bugs that a docstring describes. Raises LessonError for a docstring that names no right answer."""
        found = {}
        for name, node in self.functions.items():
            if (doc := ast.get_docstring(node)) is None:
                continue
            if not (asked := ASKED.fullmatch(doc)):
                raise LessonError(
                    f"{name} in {self.name}.py: let its docstring end in a request and its right answer, "
                    'such as GET /books/1 -> {"title": "Emma"}.'
                )
            try:
                right = json.loads(asked["right"])
            except ValueError as cause:
                raise LessonError(f"{name} in {self.name}.py: what follows -> is a status or JSON.") from cause
            title = " ".join(asked["title"].split()).rstrip(".")
            found[name] = Bug(name, title, asked["method"], asked["path"], right)
        return found


def _first_line(node: ROUTES) -> int:
    """The line of the function's first decorator."""
    return min(each.lineno for each in node.decorator_list)


def read(file: str | Path) -> Source:
    """`file` as Source: one of the folder data/bugs by its name, or any other by its path from the current folder.

    Raises LessonError for what is not there, and for what is no Python.
    """
    here, there = Path(file), seeded() / Path(file)
    path = here if here.is_file() else there
    try:
        source = Source(path.stem, path.read_text(encoding="utf-8"))
        source.functions  # noqa: B018 - parsed now: Python 3.11 stumbles where two threads parse at once
    except OSError as cause:
        names = ", ".join(sorted(path.name for path in seeded().glob("bugs_*.py")))
        raise LessonError(f"There is no file {str(file)!r}, neither here nor in data/bugs ({names}).") from cause
    except (SyntaxError, ValueError) as cause:
        raise LessonError(f"{path.name} is no Python yet; mend it, write it again and hunt again.") from cause
    return source


def described(sources: Iterable[Source]) -> dict[str, Bug]:
    """All the bugs that the docstrings of `sources` describe, by name; the first description counts."""
    found: dict[str, Bug] = {}
    for source in sources:
        found = source.bugs() | found
    return found
