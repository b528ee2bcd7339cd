"""The timeline of a watch: its requests, what they shared, and what can be counted from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from helpers.errors import LessonError
from helpers.plots import Drawn, escape

if TYPE_CHECKING:
    from helpers.client import Burst, Reply
    from helpers.timeline.panels import Panel
    from helpers.timeline.recording import Note

SHORTEST_BLOCK = 0.010  # seconds that code may hold a loop before it counts as blocking it


class Span(NamedTuple):
    """A piece of a request's life, in seconds since the watch began.

    ``"running"``: the endpoint's code has a thread, whether it computes or sleeps in it. ``"waiting"``: a coroutine has
    given its loop back, and waits to go on.
    """

    kind: Literal["running", "waiting"]
    start: float
    end: float


@dataclass(frozen=True)
class Request:
    """One request; all moments in seconds since the watch began, None where there was none.

    `sent` and `answered` are the client's own clock where `burst` sent it, otherwise the app's. `started` and `ended`
    are the endpoint's first line and its return, or the end of a stream; where the framework's endpoint cannot be
    seen (a bare app, a 404), they are the app's. `thread` is the native id, `worker` the number of the thread and
    `loop` that of the event loop in this timeline: ids come back when a thread is gone, these numbers do not.
    `error` is what the client met instead of an answer. `blocking` are the spans that held the server's own loop.
    """

    server: str
    method: str
    path: str
    status: int | None
    sent: float
    started: float | None
    ended: float | None
    answered: float | None
    failed: float | None
    error: str | None
    thread: int | None
    worker: int | None
    loop: int | None
    spans: tuple[Span, ...]
    blocking: tuple[Span, ...]
    burst: int | None

    @property
    def last(self) -> float:
        """When the client had the answer or gave up; where that is not known, the last moment that is."""
        return next(moment for moment in (self.answered, self.failed, self.ended, self.sent) if moment is not None)


class Timeline(Drawn):
    """What every request did during a ``with watch(...)`` block. It draws itself when the block is over."""

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
        self._gaps: dict[str, list[tuple[float, float]]] = {}
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

    def threads(self, server: Any = None, path: str | None = None) -> int:
        """How many different threads ran the endpoints of `server` (all servers) at `path` (all paths)."""
        return len({request.worker for request in self._some(server, path) if request.worker is not None})

    def loops(self, server: Any = None, path: str | None = None) -> int:
        """How many different event loops ran them; 0 when none did."""
        return len({request.loop for request in self._some(server, path) if request.loop is not None})

    def peak(self, server: Any = None, path: str | None = None) -> int:
        """The largest number of requests that were in an endpoint at the same time."""
        return peak(self._some(server, path))

    def last_ms(self, server: Any = None, path: str | None = None) -> float:
        """Milliseconds from the first request sent to the last answer. Raises LessonError when there was no request."""
        some = self._some(server, path)
        if not some:
            raise LessonError("No such request is in this timeline; look at timeline.requests for what is.")
        return (max(request.last for request in some) - min(request.sent for request in some)) * 1000

    def gaps(self, server: Any) -> list[tuple[float, float]]:
        """When the event loop of an ASGI `server` did nothing else for over 10 ms: (start, end) in seconds."""
        return list(self._gaps.get(getattr(server, "name", server), []))

    def panels(self) -> list[Panel]:
        """The requests in groups: each burst one, and the others by server and path."""
        from helpers.timeline.panels import panels

        return panels(self)

    def summary(self) -> str:
        if not self.requests:
            return f"The timeline {self._state}."
        from helpers.timeline.panels import describe

        return describe(self.panels(), self.missed)

    def body(self) -> str:
        if not self.requests:
            return f'<p class="note">{escape(self.summary())}</p>'
        from helpers.timeline.drawing import draw

        return draw(self).body()

    def fill(
        self,
        began: float,
        ended: float,
        notes: list[Note],
        missed: int,
        bursts: list[Burst],
        gaps: dict[str, list[tuple[float, float]]],
        loops: dict[str, Any],
    ) -> None:
        """Turn the notes of a watch, and what the client saw, into requests. `loops` are the servers' own, by name."""
        self._begin = _again
        self._state = "has no requests: none reached the watched servers in the `with` block"
        watched = dict(self.servers)
        # References keep ids from coming back while they are compared; they end with this call.
        workers = {id(note.thread): note.thread for note in notes if note.started is not None or note.ended is not None}
        numbers = {key: number for number, key in enumerate(workers, 1)}
        seen_loops = {id(note.loop): note.loop for note in notes if note.loop is not None}
        loop_numbers = {key: number for number, key in enumerate(seen_loops, 1)}
        replies = {r.id: (n, b, r) for n, b in enumerate(bursts) if b.server in watched for r in b.replies}

        def since(moment: float | None) -> float | None:
            return None if moment is None else moment - began

        def request(note: Note | None, number: int | None, burst: Burst | None, reply: Reply | None) -> Request | None:
            sent = reply.sent if reply is not None else None
            if note is None and sent is None:
                return None  # it never left
            whose = note or burst
            assert whose is not None
            seen = reply.answered if reply is not None else None
            started, end, spans = _life(note, ended, seen) if note else (None, None, [])
            spans = [Span(span.kind, span.start - began, span.end - began) for span in spans]
            own = bool(note) and note.loop is not None and note.loop is loops.get(whose.server)
            blocking = [s for s in spans if own and s.kind == "running" and s.end - s.start >= SHORTEST_BLOCK]
            return Request(
                server=whose.server,
                method=whose.method,
                path=whose.path.split("?")[0],
                status=note.status if note and note.status else reply.status if reply else None,
                sent=since(sent if sent is not None else note.arrived),  # type: ignore
                started=since(started),
                ended=since(end),
                answered=since(reply.answered if reply else end),
                failed=since(reply.failed if reply else None),
                error=reply.error if reply else None,
                thread=note.thread.native_id if note and note.thread else None,
                worker=numbers.get(id(note.thread)) if note else None,
                loop=loop_numbers.get(id(note.loop)) if note else None,
                spans=tuple(spans),
                blocking=tuple(blocking),
                burst=number,
            )

        none = (None, None, None)
        found = [request(note, *replies.pop(note.id, none)) for note in notes]  # type: ignore
        found += [request(None, *rest) for rest in replies.values()]  # sent, and never noticed
        self.requests = sorted((r for r in found if r is not None), key=lambda r: r.sent)
        self.bursts = [burst.path for burst in bursts]
        self.missed = missed
        self._gaps = {name: [(a - began, b - began) for a, b in pairs] for name, pairs in gaps.items()}

    def _some(self, server: Any, path: str | None) -> list[Request]:
        name = getattr(server, "name", server)
        if name is not None and name not in dict(self.servers):
            raise LessonError(f"{name!r} is not in this timeline; it has {', '.join(dict(self.servers))}.")
        return [r for r in self.requests if name in (None, r.server) and path in (None, r.path)]


def _again(timeline: Timeline) -> Callable[[], None]:
    raise LessonError("This timeline is complete; call watch(...) again for a new one.")


def peak(requests: list[Request]) -> int:
    """The largest number of `requests` that were in an endpoint at the same time."""
    started = [r for r in requests if r.started is not None]
    changes = [(r.started, 1) for r in started] + [
        (r.ended if r.ended is not None else float("inf"), -1) for r in started
    ]
    now = most = 0
    for _, change in sorted(changes):
        now += change
        most = max(most, now)
    return most


def _life(note: Note, watch_ended: float, seen: float | None) -> tuple[float | None, float | None, list[Span]]:
    """Start, end and pieces of the endpoint; of the app where no endpoint was seen. A stream ends with the answer."""
    if note.started is None and note.ended is None and not note.is_stream:
        return None, None, []  # in a queue before the endpoint, such as that for a thread
    if note.started is None:
        start, end, steps = note.arrived, note.ended, note.outer
    elif note.is_stream and note.returned is not None:
        start, end = note.started, note.ended
        if seen is not None:  # the app may tidy up for a while, with the whole answer sent
            end = max(note.returned, min(seen, end if end is not None else seen))
        steps = note.inner + [(max(a, note.returned), b) for a, b in note.outer if b > note.returned]
    else:
        start, end, steps = note.started, note.returned, note.inner
    until = end if end is not None else watch_ended
    running = [] if note.running_since is None else [(note.running_since, until)]
    spans, last = [], start
    for begin, stop in [*steps, *running]:
        begin, stop = max(begin, last), min(stop, until)
        if stop <= begin:
            continue
        if spans and begin > last:
            spans.append(Span("waiting", last, begin))
        spans.append(Span("running", begin if spans else start, stop))
        last = stop
    if end is not None and spans:
        spans[-1] = spans[-1]._replace(end=end)  # nothing waits between the last step and the end
    elif until > last:
        spans.append(Span("waiting", last, until))
    return start, end, spans
