"""The timeline of a watch: its requests, what they shared, and what can be counted from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from helpers.errors import LessonError
from helpers.plots import Drawn, escape
from helpers.timeline.drawing import draw
from helpers.timeline.panels import Panel, panels
from helpers.timeline.recording import Interval
from helpers.timeline.requests import Request, peak
from helpers.timeline.wording import describe

if TYPE_CHECKING:
    from helpers.servers import Server


class Timeline(Drawn):
    """What every request did during a ``with watch(...)`` block. It draws itself when the block is over.

    `servers` are names and kinds; `begin` starts the watch, and returns what ends it and calls `fill`.
    """

    def __init__(
        self,
        servers: list[tuple[str, str]],
        begin: Callable[[Timeline], Callable[[], None]],
        workers: Mapping[str, int],
        guesses: Mapping[str, object],
    ) -> None:
        self.servers = servers
        self.workers, self.guesses = workers, guesses
        self.requests: list[Request] = []
        self.bursts: list[str] = []  # the path of each, with its query
        self.missed = 0
        self._gaps: dict[str, list[Interval]] = {}
        self._state = "has not begun: write `with watch(...) as timeline:` and send requests inside"
        self._begin = begin
        self._end: Callable[[], None] | None = None

    def __enter__(self) -> Timeline:
        self._end = self._begin(self)
        self._state = "is being taken; it can be seen when the `with` block is over"
        return self

    def __exit__(self, *exception: object) -> None:
        assert self._end is not None
        end, self._end = self._end, None
        end()

    def fill(self, requests: list[Request], bursts: list[str], gaps: dict[str, list[Interval]], missed: int) -> None:
        """Take what the watch has found: the timeline is complete. `gaps` are by server's name."""
        self.requests, self.bursts, self._gaps, self.missed = requests, bursts, gaps, missed
        self._begin = _again
        self._state = "has no requests: none reached the watched servers in the `with` block"

    def threads(self, server: Server | str | None = None, path: str | None = None) -> int:
        """How many different threads ran the endpoints of `server` (all servers) at `path` (all paths)."""
        return len({request.worker for request in self._some(server, path) if request.worker is not None})

    def loops(self, server: Server | str | None = None, path: str | None = None) -> int:
        """How many different event loops ran them; 0 when none did."""
        return len({request.loop for request in self._some(server, path) if request.loop is not None})

    def peak(self, server: Server | str | None = None, path: str | None = None) -> int:
        """The largest number of requests that were in an endpoint at the same time."""
        return peak(self._some(server, path))

    def last_ms(self, server: Server | str | None = None, path: str | None = None) -> float:
        """Milliseconds from the first request sent to the last answer. Raises LessonError when there was no request."""
        some = self._some(server, path)
        if not some:
            raise LessonError("No such request is in this timeline; look at timeline.requests for what is.")
        return (max(request.last for request in some) - min(request.sent for request in some)) * 1000

    def gaps(self, server: Server | str) -> list[Interval]:
        """When the event loop of an ASGI `server` did nothing else for over 10 ms: (start, end) in seconds."""
        return list(self._gaps.get(_name(server), []))

    def panels(self) -> list[Panel]:
        """The requests in groups: each burst one, and the others by server and path."""
        return panels(self)

    def summary(self) -> str:
        return describe(self.panels(), self.missed) if self.requests else f"The timeline {self._state}."

    def body(self) -> str:
        if not self.requests:
            return f'<p class="note">{escape(self.summary())}</p>'
        return draw(self.panels(), self.missed).body()

    def _some(self, server: Server | str | None, path: str | None) -> list[Request]:
        name = None if server is None else _name(server)
        if name is not None and name not in dict(self.servers):
            raise LessonError(f"{name!r} is not in this timeline; it has {', '.join(dict(self.servers))}.")
        return [r for r in self.requests if name in (None, r.server) and path in (None, r.path)]


def _name(server: Server | str) -> str:
    return server if isinstance(server, str) else server.name


def _again(timeline: Timeline) -> Callable[[], None]:
    raise LessonError("This timeline is complete; call watch(...) again for a new one.")
