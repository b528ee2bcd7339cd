"""Requests and their spans: what became of each note that a watch took, and of each reply that the client got."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from helpers.timeline.recording import Interval, Note

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from helpers.client.bursting import Burst, Reply

SHORTEST_BLOCK = 0.010  # seconds that code may hold a loop before it counts as blocking it


class Span(NamedTuple):
    """A piece of a request's life, in seconds since the watch began.

    ``"running"``: the endpoint's code has a thread, whether it computes or sleeps in it. ``"waiting"``: a coroutine has
    given its loop back, and waits to go on.
    """

    kind: Literal["running", "waiting"]
    start: float
    end: float

    @property
    def when(self) -> Interval:
        """Start and end."""
        return self.start, self.end


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


def peak(requests: Iterable[Request]) -> int:
    """The largest number of `requests` that were in an endpoint at the same time."""
    changes: list[tuple[float, int]] = []
    for request in requests:
        if request.started is not None:
            changes += [(request.started, 1), (float("inf") if request.ended is None else request.ended, -1)]
    now = most = 0
    for _, change in sorted(changes):
        now += change
        most = max(most, now)
    return most


def union(intervals: Iterable[Interval]) -> list[Interval]:
    """The time that `intervals` cover, each moment once, in order."""
    merged: list[Interval] = []
    for start, end in sorted(intervals):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], end)
        else:
            merged.append((start, end))
    return merged


def within(intervals: Iterable[Interval], start: float, end: float) -> list[Interval]:
    """The parts of `intervals` that lie between `start` and `end`."""
    return [(max(a, start), min(b, end)) for a, b in intervals if b > start and a < end]


def length(intervals: Iterable[Interval]) -> float:
    """What `intervals` add up to; of a `union`, how long it was."""
    return sum(end - start for start, end in intervals)


@dataclass(frozen=True)
class Seen:
    """What a watch has seen, on the clock of `time.perf_counter`. `loops` are the servers' own, by server's name."""

    began: float
    ended: float
    notes: Sequence[Note]
    bursts: Sequence[Burst]
    loops: Mapping[str, AbstractEventLoop | None]

    def requests(self) -> list[Request]:
        """A request for each note, and for each that was sent and never noticed, in the order of sending."""
        replies = {r.id: (n, b, r) for n, b in enumerate(self.bursts) if b.server in self.loops for r in b.replies}
        pairs = [(note, replies.pop(note.id or "", None)) for note in self.notes]
        for unnoticed in replies.values():
            _, burst, reply = unnoticed
            if reply.sent is not None:
                note = Note(burst.server, burst.method, burst.path, reply.id, arrived=reply.sent)
                pairs.append((note, unnoticed))
        ran = [note.thread for note in self.notes if note.started is not None or note.ended is not None]
        workers = {thread: number for number, thread in enumerate(dict.fromkeys(filter(None, ran)), 1)}
        on = dict.fromkeys(note.loop for note in self.notes if note.loop is not None)
        loops = {loop: number for number, loop in enumerate(on, 1)}
        found = []
        for note, sent in pairs:
            number, answered = (sent[0], sent[2]) if sent else (None, None)
            worker = workers.get(note.thread) if note.thread else None
            loop = loops.get(note.loop) if note.loop else None
            found.append(self._request(note, answered, number, worker, loop))
        return sorted(found, key=lambda request: request.sent)

    def _request(
        self, note: Note, reply: Reply | None, burst: int | None, worker: int | None, loop: int | None
    ) -> Request:
        started, ended, spans = _life(note, self.ended, reply.answered if reply else None)
        spans = [Span(kind, start - self.began, end - self.began) for kind, start, end in spans]
        own = note.loop is not None and note.loop is self.loops.get(note.server)
        held = [span for span in spans if own and span.kind == "running" and span.end - span.start >= SHORTEST_BLOCK]
        return Request(
            server=note.server,
            method=note.method,
            path=note.path.split("?")[0],
            status=note.status or (reply.status if reply else None),
            sent=(note.arrived if reply is None or reply.sent is None else reply.sent) - self.began,
            started=self._since(started),
            ended=self._since(ended),
            answered=self._since(reply.answered if reply else ended),
            failed=self._since(reply.failed if reply else None),
            error=reply.error if reply else None,
            thread=note.thread.native_id if note.thread else None,
            worker=worker,
            loop=loop,
            spans=tuple(spans),
            blocking=tuple(held),
            burst=burst,
        )

    def _since(self, moment: float | None) -> float | None:
        return None if moment is None else moment - self.began


def _life(note: Note, watch_ended: float, answered: float | None) -> tuple[float | None, float | None, list[Span]]:
    """Start, end and pieces of the endpoint; of the app where no endpoint was seen. A stream ends with the answer."""
    if note.started is None and note.ended is None and not note.is_stream:
        return None, None, []  # in a queue before the endpoint, such as that for a thread
    start, end, steps = _course(note, answered)
    until = watch_ended if end is None else end
    if note.running_since is not None:
        steps = [*steps, (note.running_since, until)]
    spans = _pieces(start, until, steps)
    if end is not None and spans and all(begin < end for begin, _ in steps):
        spans[-1] = spans[-1]._replace(end=end)  # nothing waits between the last step and the end
    elif until > (last := spans[-1].end if spans else start):
        spans.append(Span("waiting", last, until))
    return start, end, spans


def _course(note: Note, answered: float | None) -> tuple[float, float | None, list[Interval]]:
    """Start, end and steps of the endpoint, or of the app, as they were noted."""
    if note.started is None:
        return note.arrived, note.ended, note.outer
    if not note.is_stream or note.returned is None:
        return note.started, note.returned, note.inner
    end, returned = note.ended, note.returned
    if answered is not None:  # the app may tidy up for a while, with the whole answer sent
        end = max(returned, answered if end is None else min(answered, end))
    return note.started, end, note.inner + [(max(a, returned), b) for a, b in note.outer if b > returned]


def _pieces(start: float, until: float, steps: Iterable[Interval]) -> list[Span]:
    """The steps from `start` to `until` as spans, with the waits between them."""
    spans: list[Span] = []
    last = start
    for begin, stop in steps:
        begin, stop = max(begin, last), min(stop, until)
        if stop <= begin:
            continue
        if spans and begin > last:
            spans.append(Span("waiting", last, begin))
        spans.append(Span("running", begin if spans else start, stop))
        last = stop
    return spans
