"""What was sent, and what came back from each server."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

import httpx

from helpers.errors import LessonError
from helpers.exchange import drawing
from helpers.exchange.comparing import Row, compare, decoded, encodable, one_line_of, raised, readable, shorten
from helpers.plots import Drawn, Note

OWN = {"accept", "accept-encoding", "connection", "content-length", "host", "user-agent", "x-request-id"}
BLANK = "not sent yet: replace each ... in ask(...)"


@dataclass(frozen=True)
class Sent:
    """A request as it went out: `target` is the path with the query, `headers` all but host and x-request-id."""

    method: str
    target: str
    headers: httpx.Headers
    body: bytes

    @property
    def told(self) -> list[tuple[str, str]]:
        """The headers worth reading: those the caller gave and those that describe the body."""
        return [(name, value) for name, value in self.headers.multi_items() if name not in OWN]


@dataclass(frozen=True, eq=False, repr=False)
class Answer(Drawn):
    """What one server answered.

    `content` is the body in bytes, `encoding` how its text is written, `elapsed_ms` the milliseconds from connecting to
    the last byte. Where no whole answer came, `error` says why in a sentence and `status` is None unless at least the
    head of an answer came. `failure` is what the app raised: a record with .exception and .where, or None.
    """

    server: str
    url: str = ""
    sent: Sent | None = None
    status: int | None = None
    reason: str = ""
    headers: httpx.Headers = field(default_factory=httpx.Headers)
    content: bytes = b""
    encoding: str = "utf-8"
    elapsed_ms: float = 0.0
    error: str | None = None
    failure: Any = None

    @property
    def ok(self) -> bool:
        """Whether a whole answer came and its status says success (200 to 299)."""
        return self.error is None and self.status is not None and 200 <= self.status < 300

    @property
    def text(self) -> str:
        """The body as text; bytes that are no text become �."""
        return decoded(self.content, self.encoding, "replace")

    def json(self) -> Any:
        """The body as a Python value. Raises LessonError when it is not JSON; `...` for a request not sent yet."""
        if self.sent is None:
            return ...
        try:
            return json.loads(self.content)
        except (ValueError, RecursionError) as cause:
            what = f"is not JSON; it is {one_line_of(self, 60)}" if self.status else f"did not come: {self.error}"
            raise LessonError(f"The answer of {self.server!r} {what}.") from cause

    def summary(self) -> str:
        return Exchange(self.sent, [self]).summary()

    def body(self) -> str:
        return Exchange(self.sent, [self]).body()


class Exchange(Drawn, Sequence[Answer]):
    """One request and the answers to it: iterate, or pick one by its number or by the name of its server."""

    def __init__(self, sent: Sent | None, rows: Sequence[Answer]) -> None:
        self.sent, self.rows = sent, tuple(rows)

    @classmethod
    def blank(cls, names: Sequence[str]) -> Exchange:
        """The exchange that a learner has not filled in yet."""
        return cls(None, [Answer(name, error=BLANK) for name in names])

    @property
    def statuses(self) -> dict[str, int | None]:
        """The status of each server's answer; None where none came."""
        return {answer.server: answer.status for answer in self.rows}

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, key: int | str) -> Answer: ...

    @overload
    def __getitem__(self, key: slice) -> Sequence[Answer]: ...

    def __getitem__(self, key: int | str | slice) -> Answer | Sequence[Answer]:
        if not isinstance(key, str):
            return self.rows[key]
        for answer in self.rows:
            if answer.server == key:
                return answer
        if self.sent is None:
            return Answer(key, error=BLANK)
        raise LessonError(f"No server {key!r} was asked, only {', '.join(self.statuses)}.")

    def __iter__(self) -> Iterator[Answer]:
        return iter(self.rows)

    def summary(self) -> str:
        if self.sent is None:
            return f"This request is {BLANK}."
        compared = compare(self.rows)
        lines = [_asked(self.sent), *map(_answered, self.rows)]
        if len(self.rows) > 1:
            lines += [_listed("Different", compared, False), _listed("Alike", compared, True)]
        return encodable("\n".join(lines))

    def body(self) -> str:
        if self.sent is None:
            return Note(self.summary()).body()
        return encodable(drawing.request(self.sent) + drawing.table(self.rows, compare(self.rows)))


def _asked(sent: Sent) -> str:
    body = f"body {shorten(readable(sent.body), 160)}" if sent.body else ""
    return "; ".join(filter(None, [f"{sent.method} {sent.target}", *map(": ".join, sent.told), body]))


def _answered(answer: Answer) -> str:
    parts = [f"{answer.status} {answer.reason}".strip()] if answer.status else []
    parts += [answer.error] if answer.error else []
    parts += [one_line_of(answer, 160)] if answer.status else []
    parts += [f"the app raised {', '.join(raised(answer))}"] if answer.failure else []
    return f"{answer.server}: {'; '.join(parts)}"


def _listed(word: str, compared: list[Row], same: bool) -> str:
    return f"{word}: {', '.join(row.label for row in compared if row.same is same) or 'nothing'}."
