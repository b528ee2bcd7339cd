"""`listen`: many who listen to the same stream of events, and what reached each of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Literal, get_args

from helpers.arguments import number, whole_number
from helpers.client import process
from helpers.client.orders import ListenOrder
from helpers.client.talking import LONGEST, PATIENCE, checked_path
from helpers.client.target import target
from helpers.errors import LessonError
from helpers.plots import FASTAPI, QUIET, TROUBLE, Drawn, canvas
from helpers.words import digits, listed, plural

MOST = 500  # listeners: each needs an open file on both sides, and 1,024 is a usual limit of a process
Kind = Literal["events", "websocket"]


@dataclass(frozen=True)
class Listener:
    """What one listener heard: `events` has (seconds, text), in order; seconds since the first one was connected.

    `connected` says whether the server let it in, at `connected_at`. `closed` is the code with which the server ended
    it (1000, or 1006 where it was cut off), None where it was open until the listener left. `refused` says why it was
    not let in; one that is neither connected nor refused was still waiting. `last_id` is the last event's id.
    """

    events: list[tuple[float, str]]
    connected_at: float | None
    closed: int | None
    refused: str | None
    last_id: str | None

    @property
    def connected(self) -> bool:
        return self.connected_at is not None

    @property
    def gaps_ms(self) -> list[float]:
        """Milliseconds between one event and the next."""
        moments = [moment for moment, _ in self.events]
        return [(later - sooner) * 1000 for sooner, later in pairwise(moments)]


class Listening(Drawn):
    """n listeners at the same path. `received` counts all events, `meanwhile` is what was asked half-way."""

    def __init__(self, server: str, path: str, listeners: list[Listener], seconds: float, meanwhile: Any) -> None:
        self.server, self.path, self.listeners = server, path, listeners
        self.seconds, self.meanwhile = seconds, meanwhile

    @property
    def connected(self) -> int:
        """How many were let in."""
        return sum(listener.connected for listener in self.listeners)

    @property
    def received(self) -> int:
        """How many events reached all of them together."""
        return sum(len(listener.events) for listener in self.listeners)

    @property
    def refused(self) -> int:
        """How many were turned away."""
        return sum(listener.refused is not None for listener in self.listeners)

    @property
    def waiting(self) -> int:
        """How many had no answer at all when it was over."""
        return len(self.listeners) - self.connected - self.refused

    @property
    def title(self) -> str:
        """The finding in one line."""
        out = [f"{self.waiting} still waiting"] if self.waiting else []
        reasons = Counter(listener.refused for listener in self.listeners if listener.refused)
        out += [f"{count} turned away ({why})" for why, count in reasons.items()]
        ended = Counter(listener.closed for listener in self.listeners if listener.closed is not None)
        out += [f"{count} ended by the server ({code})" for code, count in ended.items()]
        return listed([f"{self.server}: {self.connected} of {plural(len(self.listeners), 'listener')} let in", *out])

    def summary(self) -> str:
        return f"{self.title}; {plural(self.received, 'event')} in {digits(self.seconds)} s."

    def body(self) -> str:
        height = min(1.2 + 0.05 * len(self.listeners), 3.4)
        size = max(1.5, min(6, 160 / len(self.listeners)))
        with canvas(height=height) as drawing:
            (axes,) = drawing.axes
            for row, listener in enumerate(self.listeners):
                if listener.connected_at is None:
                    axes.plot(0, row, "x", color=TROUBLE, ms=size + 1)
                    continue
                axes.plot([listener.connected_at, self.seconds], [row, row], color=QUIET, lw=0.4, zorder=1)
                moments = [moment for moment, _ in listener.events]
                axes.plot(moments, [row] * len(moments), "o", color=FASTAPI, ms=size, mew=0, zorder=2)
            axes.invert_yaxis()
            axes.set(
                title=self.title, xlabel="seconds since the first was let in", ylabel="listener", xlim=(-0.05, None)
            )
            picture = drawing.picture(
                self.summary(), "A dot is an event that arrived; a cross is a listener not let in."
            )
        return picture.body()


def listen(
    server: Any,
    path: str,
    n: int = 1,
    *,
    seconds: float = 3.0,
    kind: Kind = "events",
    slow: int = 0,
    headers: dict[str, str] | None = None,
    meanwhile: Callable[[], Any] | None = None,
) -> Listening:
    """Let `n` listeners (1 to 500) hear what comes at `path`, until `seconds` (up to 60) after the first was let in.

    They listen to server-sent events, or to a WebSocket with ``kind="websocket"``, from a process of their own, and
    leave together. The first `slow` of them are connected and never read. Half-way `meanwhile` is called, in this
    kernel; it may `ask`, and must not `burst` or `load`, as their process is the one that listens.

    Raises LessonError for a target on another machine, a stopped server, and numbers out of range.
    """
    n = whole_number("n", n, 1, MOST)
    seconds = number("seconds", seconds, 0.05, LONGEST)
    slow = whole_number("slow", slow, 0, n)
    if kind not in get_args(Kind):
        raise LessonError(f'kind is "events" (server-sent events) or "websocket", not {kind!r}.')
    name, base = target(server, "listen")
    path = checked_path(path)
    order = ListenOrder(base + path, n, seconds, kind == "websocket", slow, dict(headers or {}), PATIENCE)
    heard: list[Any] = []

    def hear(part: Any) -> None:
        if meanwhile is not None:
            heard.append(meanwhile())

    reports = process.client.order("listen", asdict(order), seconds + PATIENCE + 30, hear)
    origin = min((report["connected"] for report in reports if report["connected"] is not None), default=0)
    return Listening(name, path, [_listener(report, origin) for report in reports], seconds, *heard or [None])


def _listener(report: dict[str, Any], origin: int) -> Listener:
    return Listener(
        [((moment - origin) / 1e9, text) for moment, text in report["events"]],
        None if report["connected"] is None else (report["connected"] - origin) / 1e9,
        report["closed"],
        report["refused"],
        report["id"],
    )
