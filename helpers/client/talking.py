"""`talk`: a conversation over a WebSocket, and when each side said what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Literal

from helpers.arguments import number
from helpers.client import process
from helpers.client.orders import TalkOrder
from helpers.client.target import target
from helpers.errors import LessonError
from helpers.plots import Drawn, escape, table
from helpers.words import milliseconds, plural

MOST = 100  # messages to say
MOST_HEARD = 1000  # messages in all, those that the server says included
LONGEST = 60.0  # seconds
PATIENCE = 10.0  # seconds until a connection must be accepted

Side = Literal["sent", "received"]

CODES = {  # RFC 6455, section 7.4.1
    1000: "a normal end",
    1001: "it goes away",
    1003: "it takes no such data",
    1006: "cut off, without a goodbye",
    1008: "against its policy",
    1009: "too big",
    1011: "an error in the server",
    1012: "the server restarts",
}


class Talk(Drawn):
    """What was said: `messages` has (``"sent"`` or ``"received"``, seconds since it was connected, text), in order.

    `closed` is the code with which the server ended it, None where it was open to the end; 1006 means that it was cut
    off. `refused` says why it was not accepted, None where it was.
    """

    def __init__(
        self, server: str, path: str, messages: list[tuple[Side, float, str]], closed: int | None, refused: str | None
    ) -> None:
        self.server, self.path = server, path
        self.messages, self.closed, self.refused = messages, closed, refused

    @property
    def received(self) -> list[str]:
        """What the server said, in order."""
        return [text for side, _, text in self.messages if side == "received"]

    @property
    def _end(self) -> str:
        if self.refused:
            return f"{self.server} did not accept a WebSocket at {self.path}: {self.refused}"
        if self.closed is None:
            return f"{self.server} was still there when the client left"
        return f"{self.server} closed with {self.closed}: {CODES.get(self.closed, 'a code of its own')}"

    def summary(self) -> str:
        sent = len(self.messages) - len(self.received)
        lines = [f"{plural(sent, 'message')} sent, {len(self.received)} received; {self._end}."]
        lines += [f"  {milliseconds(seconds * 1000)} {side}: {text[:80]}" for side, seconds, text in self.messages[:20]]
        return "\n".join(lines)

    def body(self) -> str:
        rows = [
            [f"{seconds * 1000:,.0f} ms", *((text[:200], "") if side == "sent" else ("", text[:200]))]
            for side, seconds, text in self.messages[:20]
        ]
        more = f'<p class="quiet">{len(self.messages) - 20} more.</p>' if len(self.messages) > 20 else ""
        mood = "bad" if self.refused or self.closed not in (None, 1000) else "good"
        shown = table(rows, ["after", "client", self.server], row_heads=True) if rows else ""
        return f'{shown}{more}<p class="{mood}">{escape(self._end)}.</p>'


def talk(
    server: Any,
    path: str,
    messages: Sequence[str],
    *,
    seconds: float = 2.0,
    greeting: bool = False,
    stay: float = 0.0,
    headers: dict[str, str] | None = None,
) -> Talk:
    """Open a WebSocket at `path` and say `messages` (texts, up to 100), each when the one before has its answer.

    Without an answer the next follows after `seconds` (up to 60). With a `greeting` the server speaks first. After the
    last answer the client stays for `stay` seconds and hears what else comes, up to 1,000 messages in all.

    Raises LessonError for a target on another machine, a stopped server, and what is no text.
    """
    name, base = target(server, "talk")
    if isinstance(messages, str) or not all(isinstance(message, str) for message in messages):
        raise LessonError('talk says texts: a list such as ["hello", "and again"].')
    if len(messages) > MOST:
        raise LessonError(f"talk says up to {MOST} messages; these are {len(messages):,}.")
    path = checked_path(path)
    order = TalkOrder(
        url=base + path,
        messages=list(messages),
        seconds=number("seconds", seconds, 0.01, LONGEST),
        greeting=bool(greeting),
        stay=number("stay", stay, 0, LONGEST),
        headers=dict(headers or {}),
        most=MOST_HEARD,
        patience=PATIENCE,
    )
    longest = PATIENCE + seconds * (len(messages) + 1) + stay
    if longest > 3 * LONGEST:
        raise LessonError(f"That may take {longest:,.0f} s; let it wait fewer `seconds` for {len(messages)} answers.")
    report = process.client.order("talk", asdict(order), longest + 10)
    said: list[tuple[Side, float, str]] = [
        (side, (moment - report["origin"]) / 1e9, text) for side, moment, text in report["said"]
    ]
    return Talk(name, path, said, report["closed"], report["refused"])


def checked_path(path: object) -> str:
    """`path` with its slash; LessonError for what is no text."""
    if not isinstance(path, str):
        raise LessonError(f'The path is a text such as "/events"; this is a {type(path).__name__}.')
    return "/" + path.lstrip("/")
