"""`watch`: put the recorders in place, and take every one of them away again."""

from __future__ import annotations

import asyncio
import copy
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from time import perf_counter as now
from time import sleep
from typing import TYPE_CHECKING, Any

import anyio._backends._asyncio  # noqa: F401  anyio would load it within the first request to a `def` endpoint

from helpers.client import bursting
from helpers.errors import LessonError
from helpers.timeline import recording
from helpers.timeline.model import Timeline
from helpers.timeline.requests import Seen

if TYPE_CHECKING:
    from helpers.servers import Server

BEAT = 0.005  # seconds between two beats of a loop that is free
PATIENCE = 1.0  # seconds that requests under way get to end when the watch does

_turn = threading.Lock()  # one watch at a time


def watch(
    *servers: Server, workers: Mapping[str, int] | None = None, guesses: Mapping[str, object] | None = None
) -> Timeline:
    """Record what each request to `servers` does, for the length of a ``with`` block.

        with watch(flask, fastapi) as timeline:
            burst(flask, "/wait", 20)
            burst(fastapi, "/wait", 20)
        timeline

    For the drawing only: `workers` says by path or by server's name how many requests can be in an endpoint at once
    (``{"/def": 40}``), for the finish that theory foresees; for a pool that `serve` made it is known. `guesses` says in
    milliseconds when you expect the last answer (``{"/wait": 50}``, or a range ``(50, 80)``; ``...`` is no guess yet).

    The apps stay as they are; what is put around them goes when the block ends. Websockets are not recorded. Raises
    LessonError for what is no running server of this kernel, and for a watch inside another.
    """
    if not servers:
        raise LessonError("watch needs at least one server: with watch(serve(app)) as timeline: ...")
    for server in servers:
        if not hasattr(server, "entrance"):  # by what it can do: its class may have been loaded anew since
            raise LessonError(f"watch needs what serve(app) returned; this is a {type(server).__name__}.")
    if len({server.name for server in servers}) < len(servers):
        raise LessonError("Two of these servers have the same name; give each to watch once.")
    return Timeline(
        [(server.name, server.kind) for server in servers],
        lambda timeline: _begin(timeline, servers),
        {server.name: server.threads for server in servers if server.threads} | dict(workers or {}),
        guesses or {},
    )


def _begin(timeline: Timeline, servers: tuple[Server, ...]) -> Callable[[], None]:
    """Start recording; return what ends it and hands the notes to `timeline`."""
    recorder = recording.Recorder()
    bursts: list[bursting.Burst] = []
    began = now()
    with ExitStack() as setup:
        if not _turn.acquire(blocking=False):
            raise LessonError(
                "Another watch is under way; give it all the servers: with watch(flask, fastapi) as timeline."
            )
        setup.callback(_turn.release)
        hearts: dict[str, Heartbeat] = {}
        for server in servers:
            setup.callback(_wrap(server, recorder))
            setup.callback(_wrap_views(server.app))
            if server.loop is not None:
                hearts[server.name] = Heartbeat(server.loop)
                setup.callback(hearts[server.name].stop)
        if "fastapi" in sys.modules:
            setup.callback(_wrap_fastapi())
        setup.callback(bursting.listeners.remove, listener := bursts.append)
        bursting.listeners.append(listener)
        undo = setup.pop_all()

    def end() -> None:
        with undo:
            until = now() + PATIENCE
            while recorder.busy() and now() < until:
                sleep(0.002)
        recorder.closed = True
        seen = Seen(began, now(), recorder.notes, bursts, {server.name: server.loop for server in servers})
        gaps = {name: [(a - began, b - began) for a, b in heart.gaps] for name, heart in hearts.items()}
        timeline.fill(seen.requests(), [burst.path for burst in bursts], gaps, recorder.missed)

    return end


def _wrap(server: Server, recorder: recording.Recorder) -> Callable[[], None]:
    """Put the recorder at the server's entrance; return what takes it away."""
    entrance = server.entrance
    if entrance is None:
        raise LessonError(f"{server.name} is stopped; run its serve(...) cell again, then this one.")
    app = entrance.app
    entrance.app = recorder.asgi(app, server.name) if server.kind == "asgi" else recorder.wsgi(app, server.name)

    def undo() -> None:
        entrance.app = app

    return undo


def _wrap_views(app: Any) -> Callable[[], None]:
    """Record the endpoints of a Flask or a Quart app: both look a view up in `view_functions` for each request."""
    views = getattr(app, "view_functions", {})
    before = dict(views)
    during = {name: recording.endpoint(view) for name, view in before.items()}
    views.update(during)

    def undo() -> None:
        for name, view in before.items():
            if views.get(name) is during[name]:
                views[name] = view

    return undo


def _wrap_fastapi() -> Callable[[], None]:
    """Record the endpoints of FastAPI apps: one function of FastAPI calls them all, but for those that `yield`."""
    import fastapi.routing

    original = fastapi.routing.run_endpoint_function
    # A twin of FastAPI's description of each endpoint, by its id; the original beside it, so that its id stays taken.
    twins: dict[int, tuple[Any, Any]] = {}

    async def run_endpoint_function(*, dependant: Any, values: dict[str, Any], is_coroutine: bool) -> Any:
        if id(dependant) not in twins:
            twin = copy.copy(dependant)
            twin.call = recording.endpoint(dependant.call, is_coroutine)
            twins[id(dependant)] = dependant, twin
        return await original(dependant=twins[id(dependant)][1], values=values, is_coroutine=is_coroutine)

    fastapi.routing.run_endpoint_function = run_endpoint_function

    def undo() -> None:
        fastapi.routing.run_endpoint_function = original

    return undo


class Heartbeat:
    """A loop's own pulse: a callback every few milliseconds. `gaps` are the times in which it did not come."""

    LATE = 0.010  # seconds without a beat that make a gap

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.gaps: list[recording.Interval] = []
        self._loop = loop
        self._last = now()
        self._stopped = False
        with suppress(RuntimeError):  # the loop has closed: its server is stopping
            loop.call_soon_threadsafe(self._beat)

    def stop(self) -> None:
        """Beat no more. The last beat that is due does nothing."""
        self._stopped = True
        self._look(now())

    def _beat(self) -> None:
        if not self._stopped:
            self._look(now())
            self._loop.call_later(BEAT, self._beat)

    def _look(self, moment: float) -> None:
        if moment - self._last > BEAT + self.LATE:
            self.gaps.append((self._last, moment))
        self._last = moment
