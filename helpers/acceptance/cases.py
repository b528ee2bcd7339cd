"""The requests, what ought to become of each, and what became of it."""

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from helpers.errors import LessonError
from helpers.exchange import Answer

Ought = Literal["refuse", "accept", "either"]
Outcome = Literal["let in", "refused", "crashed"]

WRONG: dict[Outcome, tuple[str, tuple[Ought, ...]]] = {  # in words, and for which cases it is wrong
    "let in": ("let in, ought to be refused", ("refuse",)),
    "crashed": ("crashed: 500, or no answer", ("refuse", "accept", "either")),
    "refused": ("refused, ought to be accepted", ("accept",)),
}

FILE = Path(__file__).resolve().parents[2] / "data" / "bad_requests.json"


@dataclass(frozen=True)
class Case:
    """One request, and whether it ought to be accepted: `ought` is ``"accept"``, ``"refuse"`` or ``"either"``."""

    id: str
    group: str
    title: str
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes | None
    ought: Ought
    why: str


def bad_requests(file: Path = FILE) -> list[Case]:
    """The cases of data/bad_requests.json, in its order; LessonError when the file was changed into something else."""
    try:
        cases = [_case(**each) for each in json.loads(file.read_text(encoding="utf-8"))["cases"]]
        if twice := {case.id for case in cases if [other.id for other in cases].count(case.id) > 1}:
            raise ValueError(f"the id {twice.pop()!r} is there twice")
    except (OSError, ValueError, LookupError, TypeError) as cause:
        raise LessonError(f"{file.name} cannot be read; compare what you changed with the cases around it.") from cause
    return cases


def _case(
    *,
    body: str | None = None,
    body_base64: str | None = None,
    body_recipe: Iterable[tuple[str, int]] = (),
    ought: Ought,
    **rest: Any,
) -> Case:
    """A case of the file: its body is text, bytes in base64, or a recipe of [text, how many times] to be joined."""
    if ought not in get_args(Ought):
        raise ValueError(f"ought is refuse, accept or either, not {ought!r}")
    content: bytes | None
    if body_base64 is not None:
        content = base64.b64decode(body_base64, validate=True)
    elif body_recipe:
        content = "".join(text * times for text, times in body_recipe).encode()
    else:
        content = None if body is None else body.encode()
    return Case(body=content, ought=ought, **rest)


def outcome(answer: Answer) -> Outcome:
    """What became of a request: let in (2xx), crashed (5xx, or no whole answer), or refused (anything else)."""
    if answer.ok:
        return "let in"
    return "crashed" if answer.error or (answer.status or 0) >= 500 else "refused"
