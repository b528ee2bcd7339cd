"""What a group of requests amounts to, in numbers and in words: the drawing and the summary say the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import TYPE_CHECKING, Any

from helpers.timeline.model import Request, Span, peak

if TYPE_CHECKING:
    from helpers.timeline.model import Timeline

BLOCKS = 0.3  # share of a panel's time that its endpoints hold the loop, from which on the panel is called blocking

LONGEST_PATH = 32  # characters of a path that are shown


@dataclass
class Panel:
    """Requests that are drawn together, on a clock of their own: milliseconds since the first of them was sent."""

    server: str
    path: str
    requests: list[Request]
    is_burst: bool
    gaps: list[tuple[float, float]] | None  # of the server's loop; None without one
    holds: list[Span]  # what held that loop, from whichever panel
    workers: int | None = None
    guess: tuple[float, float] | None = None
    zero: float = field(init=False)

    def __post_init__(self) -> None:
        self.zero = min(request.sent for request in self.requests)
        never = float("inf")
        self.requests.sort(key=lambda r: (never if r.started is None else r.started, r.sent))

    def ms(self, moment: float) -> float:
        """A moment on this panel's clock."""
        return (moment - self.zero) * 1000

    @property
    def name(self) -> str:
        path = self.path if len(self.path) <= LONGEST_PATH else self.path[: LONGEST_PATH - 1] + "…"
        return f"{self.server} {path}"

    @property
    def n(self) -> int:
        return len(self.requests)

    @property
    def end(self) -> float:
        return max(request.last for request in self.requests)

    @property
    def finish_ms(self) -> float:
        """From the first request sent to the last answer."""
        return (self.end - self.zero) * 1000

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
    def gaps_ms(self) -> list[tuple[float, float]]:
        """When the server's event loop had no beat, on this panel's clock."""
        gaps = [(self.ms(start), min(self.ms(end), self.finish_ms)) for start, end in self.gaps or []]
        return [(max(start, 0.0), end) for start, end in gaps if end > 0 and start < self.finish_ms]

    @property
    def held_ms(self) -> list[tuple[float, float]]:
        """When endpoints of the server held its loop, on this panel's clock."""
        spans = [(self.ms(span.start), min(self.ms(span.end), self.finish_ms)) for span in self.holds]
        return [(max(start, 0.0), end) for start, end in spans if end > 0 and start < self.finish_ms]

    @property
    def peak(self) -> int:
        return peak(self.requests)

    @property
    def threads(self) -> int:
        return len({r.worker for r in self.requests if r.worker is not None})

    @property
    def loops(self) -> int:
        return len({r.loop for r in self.requests if r.loop is not None})

    @property
    def blocked_ms(self) -> float:
        """How long these requests' own code held the server's event loop."""
        return sum(span.end - span.start for request in self.requests for span in request.blocking) * 1000

    @property
    def blocks(self) -> bool:
        """Whether the endpoint blocks its event loop."""
        return self.blocked_ms > BLOCKS * self.finish_ms

    @property
    def loop_state(self) -> str:
        """``"blocked"`` by endpoints; ``"busy"`` with what is none: reading requests, middleware, gathered tasks."""
        if self.held_ms:
            return "blocked"
        silent = sum(end - start for start, end in self.gaps_ms)
        return "busy" if silent > BLOCKS * self.finish_ms else "free"

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
        parts = [f"{self.threads} thread{'s' * (self.threads != 1)}"]
        if self.loops:
            parts.append(f"{self.loops} event loop{'s' * (self.loops != 1)}")
        beside = " beside the loop" * (self.gaps is not None and self.threads > 0 and not self.loops)
        return ", ".join(parts) + beside


def panels(timeline: Timeline) -> list[Panel]:
    """The requests of `timeline` in panels: each burst one, and the others by server and path, in order of time."""
    groups: dict[tuple, list[Request]] = {}
    for request in timeline.requests:
        path = request.path if request.burst is None else timeline.bursts[request.burst]
        groups.setdefault((request.burst, request.server, path), []).append(request)
    kinds = dict(timeline.servers)
    return [
        Panel(
            server,
            path,
            requests,
            burst is not None,
            timeline.gaps(server) if kinds[server] == "asgi" else None,
            [span for request in timeline.requests if request.server == server for span in request.blocking],
            _given(timeline.workers, path, server),
            _range(_given(timeline.guesses, path, server)),
        )
        for (burst, server, path), requests in groups.items()
    ]


def _given(settings: Mapping[str, Any], path: str, server: str) -> Any:
    """The setting for `path`, with or without its query, else that for `server`; None without any."""
    return next((settings[key] for key in (path, path.split("?")[0], server) if key in settings), None)


def headline(found: list[Panel]) -> str:
    """The finding of all panels in one line."""
    slowest = max(found, key=lambda p: p.finish_ms)
    quickest = min(found, key=lambda p: p.finish_ms)
    blockers = [panel for panel in found if panel.blocks]
    if blockers:
        worst = max(blockers, key=lambda p: p.finish_ms)
        takes = "takes" if worst.n == 1 else "take"
        text = f"{worst.name} blocks the event loop: {_count(worst)} {takes} {worst.finish}"
        free = [p for p in found if p.n == worst.n > 1 and not p.blocks]  # single requests may be of any kind
        best = min(free, key=lambda p: p.finish_ms, default=worst)
        return text + f"; {best.name} takes {best.finish}" * (best.finish_ms < worst.finish_ms / 1.5)
    if len(found) == 1:
        return f"{slowest.name}: {_count(slowest)}, {slowest.finish}, {slowest.finding}"
    if len(found) > 3:
        return f"From {quickest.finish} ({quickest.name}) to {slowest.finish} ({slowest.name})"
    counts = {_count(panel) for panel in found}
    start = f"{counts.pop()}: " if len(counts) == 1 else ""
    return start + ", ".join(f"{panel.name} {panel.finish}" for panel in found)


def describe(found: list[Panel], missed: int) -> str:
    """The finding, and all panels in words, for those who do not see the drawing."""
    lines = [f"{headline(found)}."] if len(found) > 1 else []
    for panel in found:
        text = f"{panel.name}: {_count(panel)}, {panel.finish}, {panel.finding}"
        held = sum(end - start for start, end in panel.held_ms)
        loop = f", blocked for {held:,.0f} ms" if held else ", busy with other things" * (panel.loop_state == "busy")
        lines.append(f"{text} ({panel.shared}{loop}).")
    if missed:
        lines.append(f"{missed:,} more requests were too many to record.")
    return " ".join(lines)


def _count(panel: Panel) -> str:
    return f"{panel.n:,} request{'s' * (panel.n != 1)}" + " at once" * (panel.is_burst and panel.n > 1)


def _range(guess: object) -> tuple[float, float] | None:
    """A guess as two numbers; None for ``...`` and for what is no number."""
    ends = guess if isinstance(guess, list | tuple) else (guess,)
    if not ends or any(isinstance(end, bool) or not isinstance(end, int | float) for end in ends):
        return None
    return min(ends), max(ends)
