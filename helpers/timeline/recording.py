"""Notes on a request, taken from outside the app: at its entrance, at the endpoint, at each step of a coroutine.

The note of the request that a piece of code belongs to travels in a context variable: asyncio's tasks, anyio's and
Quart's thread pools and Flask's async views all carry it along.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import threading
from collections.abc import Awaitable, Callable, Generator, Iterable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from time import perf_counter as now  # the client process reads the same clock
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

T = TypeVar("T")
Interval = tuple[float, float]  # from when to when

MOST = 20_000  # requests that one watch records


@dataclass(slots=True, eq=False)
class Note:
    """What one request did. Moments are seconds of `time.perf_counter`; None is "not yet", or "never"."""

    server: str
    method: str
    path: str
    id: str | None
    arrived: float = field(default_factory=now)
    started: float | None = None  # the endpoint's first line
    returned: float | None = None  # the endpoint's return
    ended: float | None = None  # the app is done with the request
    status: int | None = None
    thread: threading.Thread | None = None
    loop: asyncio.AbstractEventLoop | None = None
    is_stream: bool = False  # the answer goes on after the endpoint's return
    inner: list[Interval] = field(default_factory=list)  # when the endpoint's code was running
    outer: list[Interval] = field(default_factory=list)  # when that of the app as a whole was
    running_since: float | None = None  # the step that is not over

    def locate(self) -> None:
        """Note the thread and the loop that this is called on."""
        self.thread = threading.current_thread()
        try:
            self.loop = asyncio.get_running_loop()
        except RuntimeError:
            self.loop = None

    def start(self) -> float:
        """Note that the endpoint starts here and now, and return that moment."""
        self.locate()
        self.started = self.running_since = moment = now()
        return moment

    def end(self) -> None:
        """Note that a WSGI app is done; it had its thread all the time."""
        self.ended = now()
        self.outer.append((self.arrived, self.ended))


class Recorder:
    """Takes the notes of one watch, until it is `closed`."""

    def __init__(self) -> None:
        self.notes: list[Note] = []
        self.missed = 0  # requests beyond MOST
        self.closed = False

    def note(self, server: str, method: str, path: str, request_id: str | None) -> Note | None:
        """A note for a request that has just arrived; None when it is not to be recorded."""
        if self.closed or len(self.notes) >= MOST:
            self.missed += not self.closed
            return None
        note = Note(server, method, path, request_id)
        self.notes.append(note)
        return note

    def busy(self) -> bool:
        """Whether an app still has one of the requests."""
        return any(note.ended is None for note in self.notes)

    def wsgi(self, app: WSGIApplication, server: str) -> WSGIApplication:
        """The WSGI `app`, with a note of each request."""

        def recorded(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            note = self.note(server, environ["REQUEST_METHOD"], environ["PATH_INFO"], environ.get("HTTP_X_REQUEST_ID"))
            if note is None:
                return app(environ, start_response)
            note.locate()

            def start(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Callable[[bytes], object]:
                note.status = int(status[:3])
                note.is_stream = not any(name.lower() == "content-length" for name, _ in headers)
                return start_response(status, headers, *exc_info)

            token = _current.set(note)
            try:
                chunks = app(environ, start)
            except BaseException:
                note.status = 500
                note.end()
                raise
            finally:
                _current.reset(token)
            return _Chunks(chunks, note)

        return recorded

    def asgi(self, app: ASGIApp, server: str) -> ASGIApp:
        """The ASGI `app`, with a note of each HTTP request."""

        async def recorded(scope: Scope, receive: Receive, send: Send) -> None:
            note = None
            if scope["type"] == "http":
                request_id = next((value for name, value in scope["headers"] if name == b"x-request-id"), None)
                path = scope["path"].removeprefix(scope.get("root_path", ""))
                note = self.note(server, scope["method"], path, request_id and request_id.decode("latin-1"))
            if note is None:
                return await app(scope, receive, send)
            note.locate()

            async def answer(message: Message) -> None:
                if message["type"] == "http.response.start":
                    note.status = message["status"]
                elif message.get("more_body"):
                    note.is_stream = True
                await send(message)

            token = _current.set(note)
            try:
                await _Stepped(app(scope, receive, answer), note, note.outer)
            except BaseException:
                note.status = note.status or 500
                raise
            finally:
                _current.reset(token)
                note.ended = now()

        return recorded


_current: ContextVar[Note | None] = ContextVar("request", default=None)


def endpoint(function: Callable[..., Any], is_async: bool | None = None) -> Callable[..., Any]:
    """`function`, an endpoint of any framework, with its start, thread, loop, steps and return noted."""

    def starting() -> Note | None:
        note = _current.get()  # without one it is not watched; with one that has started, an endpoint has called it
        return note if note is not None and note.started is None else None

    if inspect.iscoroutinefunction(function) if is_async is None else is_async:

        @functools.wraps(function)
        async def recorded(*args: Any, **kwargs: Any) -> Any:
            if (note := starting()) is None:
                return await function(*args, **kwargs)
            note.start()
            try:
                return await _Stepped(function(*args, **kwargs), note, note.inner)
            finally:
                note.returned = now()

        return recorded

    @functools.wraps(function)
    def recorded_here(*args: Any, **kwargs: Any) -> Any:
        if (note := starting()) is None:
            return function(*args, **kwargs)
        started = note.start()
        try:
            return function(*args, **kwargs)
        finally:
            note.returned, note.running_since = now(), None
            note.inner.append((started, note.returned))  # a function has its thread all the time

    return recorded_here


class _Stepped(Awaitable[T]):
    """An awaitable that notes when its code is running; between two such steps it waits, and the loop is free."""

    def __init__(self, awaitable: Awaitable[T], note: Note, steps: list[Interval]) -> None:
        self._awaitable, self._note, self._steps = awaitable, note, steps

    def __await__(self) -> Generator[Any, Any, T]:
        generator = self._awaitable.__await__()
        step: Callable[[Any], Any] = generator.send
        argument: Any = None
        while True:
            begun = self._note.running_since = now()
            try:
                waits_for = step(argument)
            except StopIteration as end:
                result: T = end.value
                return result
            finally:
                self._steps.append((begun, now()))
                self._note.running_since = None
            try:
                argument = yield waits_for
                step = generator.send
            except GeneratorExit:
                generator.close()
                raise
            except BaseException as error:  # such as a cancellation: it is the coroutine's to handle
                step, argument = generator.throw, error


class _Chunks:
    """A WSGI app's response, whose end is noted."""

    def __init__(self, chunks: Iterable[bytes], note: Note) -> None:
        self._chunks = chunks
        self._note = note

    def __iter__(self) -> Iterator[bytes]:
        yield from self._chunks

    def close(self) -> None:
        try:
            if hasattr(self._chunks, "close"):
                self._chunks.close()
        finally:
            self._note.end()
