"""What a group of requests amounts to, in numbers and in a few words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, TypeVar

from helpers.timeline.recording import Interval
from helpers.timeline.requests import Request, Span, length, peak, union, within
from helpers.words import plural

if TYPE_CHECKING:
    from helpers.timeline.model import Timeline

T = TypeVar("T")

BLOCKS = 0.3  # share of a panel's time that its endpoints hold the loop, from which on the panel is called blocking
LONGEST_PATH = 32  # characters of a path that are shown


@dataclass
class Panel:
    """Requests that are drawn together, on a clock of their own: milliseconds since the first of them was sent."""

    server: str
    path: str
    requests: list[Request]
    is_burst: bool
    gaps: list[Interval] | None  # of the server's loop; None without one
    blocking: list[Span]  # what these requests hold that loop with, as `holds` tells
    held: list[Interval]  # when the loop was held so, from whichever panel
    workers: int | None = None
    guess: Interval | None = None

    def __post_init__(self) -> None:
        never = float("inf")
        self.requests.sort(key=lambda r: (never if r.started is None else r.started, r.sent))
        self.n = len(self.requests)
        self.zero = min(request.sent for request in self.requests)
        self.finish_ms = self.ms(max(request.last for request in self.requests))  # the last answer
        self.peak = peak(self.requests)
        self.threads = len({r.worker for r in self.requests if r.worker is not None})
        self.loops = len({r.loop for r in self.requests if r.loop is not None})

    def ms(self, moment: float) -> float:
        """A moment on this panel's clock."""
        return (moment - self.zero) * 1000

    def _shown(self, intervals: Sequence[Interval]) -> list[Interval]:
        """What of `intervals` lies between the first request and the last answer, on this panel's clock."""
        return within([(self.ms(start), self.ms(end)) for start, end in intervals], 0.0, self.finish_ms)

    @property
    def name(self) -> str:
        path = self.path if len(self.path) <= LONGEST_PATH else self.path[: LONGEST_PATH - 1] + "…"
        return f"{self.server} {path}"

    @property
    def count(self) -> str:
        """``20 requests at once``."""
        return plural(self.n, "request") + " at once" * (self.is_burst and self.n > 1)

    @property
    def finish(self) -> str:
        """``1,019 ms``; ``given up after 300 ms`` when there was no answer at all."""
        nobody = all(request.error is not None for request in self.requests)
        return "given up after " * nobody + f"{self.finish_ms:,.0f} ms"

    @property
    def longest_ms(self) -> float:
        """The longest time that an endpoint had a request: with perfect concurrency, all would take just this."""
        return max(self._inside_ms, default=0.0)

    @property
    def in_a_row_ms(self) -> float:
        """What the endpoints' own time adds up to: the finish of requests that are served one after another."""
        return sum(self._inside_ms)

    @property
    def _inside_ms(self) -> list[float]:
        return [(r.ended - r.started) * 1000 for r in self.requests if r.started is not None and r.ended is not None]

    @property
    def theory_ms(self) -> list[tuple[float, str]]:
        """Finishes that theory foresees, with their names: for `workers` at a time, or for the two extremes."""
        if self.n == 1:
            return []
        if self.workers and self.workers < self.n:
            waves = ceil(self.n / self.workers) * self.longest_ms
            return [(waves, f"in theory, {self.workers} at a time: {waves:,.0f} ms")]
        lines = [(self.longest_ms, f"in theory, all at once: {self.longest_ms:,.0f} ms")]
        if self.peak <= 1 and self.in_a_row_ms > 2 * self.longest_ms:
            lines.append((self.in_a_row_ms, f"in theory, one by one: {self.in_a_row_ms:,.0f} ms"))
        return lines

    @property
    def gaps_ms(self) -> list[Interval]:
        """When the server's event loop had no beat, on this panel's clock."""
        return self._shown(self.gaps or [])

    @property
    def held_ms(self) -> list[Interval]:
        """When endpoints of the server held its loop, on this panel's clock; each moment once."""
        return self._shown(self.held)

    @property
    def blocked_ms(self) -> float:
        """How long these requests' own code held the server's event loop; each moment counts once."""
        return length(union(span.when for span in self.blocking)) * 1000

    @property
    def blocks(self) -> bool:
        """Whether the endpoint blocks its event loop."""
        return self._is_long(self.blocked_ms)

    def _is_long(self, ms: float) -> bool:
        """The rule for the headline, the lane and the words: from which time on a loop is called blocked, or busy."""
        return ms > BLOCKS * self.finish_ms

    @property
    def loop_state(self) -> str:
        """``"blocked"`` by endpoints; ``"busy"`` with what is none: reading requests, middleware, gathered tasks."""
        if self._is_long(length(self.held_ms)):
            return "blocked"
        return "busy" if self._is_long(length(self.gaps_ms)) else "free"

    @property
    def trouble(self) -> str:
        """Failures, counted; empty without any."""
        wrong = sum(1 for r in self.requests if r.status is not None and r.status >= 500 and r.error is None)
        gone = sum(1 for r in self.requests if r.error is not None)
        parts = [f"{wrong} answered 5xx"] * bool(wrong) + [f"{gone} without an answer"] * bool(gone)
        return ", ".join(parts)

    @property
    def finding(self) -> str:
        """What happened to them, in words."""
        if self.n == 1:
            manner = "blocks the event loop" if self.blocks else f"{self.longest_ms:,.0f} ms of it in the endpoint"
        elif self.peak <= 1:
            manner = "one after another" if self.in_a_row_ms > self.finish_ms / 2 else "never two at the same time"
        elif self.peak == self.n:
            manner = f"all {self.n} at the same time"
        else:
            manner = f"at most {self.peak} at the same time"
        if self.blocks and self.n > 1:
            manner = f"blocks the event loop: {manner}"
        return f"{manner}; {self.trouble}" if self.trouble else manner

    @property
    def shared(self) -> str:
        """``20 threads, 20 event loops``; ``20 threads beside the loop`` for a pool's threads under an ASGI server."""
        text = plural(self.threads, "thread") + f", {plural(self.loops, 'event loop')}" * bool(self.loops)
        return text + " beside the loop" * (self.gaps is not None and self.threads > 0 and not self.loops)


def holds(requests: Sequence[Request], held: Sequence[Interval]) -> list[Span]:
    """The spans with which `requests` of one panel hold their loop: for half of one wait, or for half of their time.

    One wait is the time that a request has in the endpoint while nobody holds the loop (`held` says when somebody
    does); of the requests' waits it is the one that three in four do not exceed. So a loop that is late for all of
    them at the same moment, on a busy machine, is not taken for one that their code blocks. What holds the loop for
    half of the time from the first request to the last answer blocks it, however long the waits become by that.
    """
    spans = [span for request in requests for span in request.blocking]
    seconds = max(request.last for request in requests) - min(request.sent for request in requests)
    if length(union(span.when for span in spans)) > seconds / 2:
        return spans
    waits = []
    for request in requests:
        if request.started is not None:
            end = max(request.started, request.last if request.ended is None else request.ended)
            waits.append(end - request.started - length(within(held, request.started, end)))
    wait = sorted(waits)[(len(waits) - 1) * 3 // 4] if waits else 0.0
    return [span for span in spans if span.end - span.start >= wait / 2]


def panels(timeline: Timeline) -> list[Panel]:
    """The requests of `timeline` in panels: each burst one, and the others by server and path, in order of time."""
    groups: dict[tuple[int | None, str, str], list[Request]] = {}
    for request in timeline.requests:
        path = request.path if request.burst is None else timeline.bursts[request.burst]
        groups.setdefault((request.burst, request.server, path), []).append(request)
    servers = dict(timeline.servers)
    any_hold = {
        name: union(span.when for r in timeline.requests if r.server == name for span in r.blocking) for name in servers
    }
    blocking = {key: holds(requests, any_hold[key[1]]) for key, requests in groups.items()}
    held = {name: union(span.when for key in groups if key[1] == name for span in blocking[key]) for name in servers}
    return [
        Panel(
            server,
            path,
            requests,
            burst is not None,
            timeline.gaps(server) if servers[server] == "asgi" else None,
            blocking[burst, server, path],
            held[server],
            _given(timeline.workers, path, server),
            _range(_given(timeline.guesses, path, server)),
        )
        for (burst, server, path), requests in groups.items()
    ]


def _given(settings: Mapping[str, T], path: str, server: str) -> T | None:
    """The setting for `path`, with or without its query, else that for `server`; None without any."""
    return next((settings[key] for key in (path, path.split("?")[0], server) if key in settings), None)


def _range(guess: object) -> Interval | None:
    """A guess as two numbers; None for ``...`` and for what is no number."""
    ends = guess if isinstance(guess, list | tuple) else (guess,)
    numbers = [end for end in ends if isinstance(end, int | float) and not isinstance(end, bool)]
    return (min(numbers), max(numbers)) if 0 < len(numbers) == len(ends) else None
