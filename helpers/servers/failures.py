"""Exceptions that an app did not handle, kept where the learner looks: with the server, and in `ask`'s answers."""

import linecache
import logging
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from helpers.errors import one_line
from helpers.tracebacks import foreign

_HELPERS = str(Path(__file__).resolve().parents[1])


@dataclass(frozen=True)
class Failure:
    """One request (or lifespan event) that ended in an exception of the app."""

    exception: BaseException
    method: str  # "GET"; "WEBSOCKET" or "LIFESPAN" where there is no method
    path: str
    request_id: str | None  # the request's own `x-request-id` header

    @property
    def where(self) -> str:
        """The learner's line that raised it, ``"in books(), line 3: return shelf[n]"``; empty where there is none."""
        return where(self.exception)

    def __str__(self) -> str:
        where = f" ({self.where})" if self.where else ""
        return f"{self.method} {self.path} raised {one_line(self.exception)}{where}"


def where(error: BaseException) -> str:
    """The innermost line of `error`'s traceback that is the learner's own; empty where there is none."""
    return _own_line(reversed(list(traceback.walk_tb(error.__traceback__))))


def where_now(thread: threading.Thread) -> str:
    """The innermost of the learner's own lines that a running `thread` is in; empty where there is none."""
    frame = sys._current_frames().get(thread.ident or 0)  # noqa: SLF001 - CPython's way to look at a thread
    return _own_line(traceback.walk_stack(frame)) if frame else ""


def _own_line(frames: Iterable[tuple[FrameType, int]]) -> str:
    """The first of the `frames`, each with its line, that is the learner's own."""
    for frame, line in frames:
        filename = frame.f_code.co_filename
        if not foreign(filename) and not filename.startswith(_HELPERS):
            source = linecache.getline(filename, line).strip()
            return f"in {frame.f_code.co_name}(), line {line}: {source}".removesuffix(": ")
    return ""


class Failures(deque[Failure]):
    """The newest hundred failures of one server, newest last."""

    def __init__(self, name: str) -> None:
        super().__init__(maxlen=100)
        self.name = name

    def record(self, exception: BaseException, method: str, path: str, request_id: str | None) -> None:
        """Keep a failure; print it too when nobody else will show it.

        `ask` numbers its requests and shows their failures beside the answers. Any other request, such as a browser's,
        gets what a terminal would give it: a line on stderr.
        """
        failure = Failure(exception, method, path, request_id)
        self.append(failure)
        if request_id is None:
            print(f"{self.name}: {failure}", file=sys.stderr)


class Request:
    """One request on its way through the app.

    `failure` is the exception that was recorded for it. Frameworks differ in how they tell of an exception that they
    answer with 500: Starlette raises it afterwards, Flask has a signal, Django and aiohttp log it, Bottle and Falcon
    write it to `wsgi.errors`. What is only told counts once the answer reports a failure.
    """

    def __init__(self, failures: Failures, method: str, path: str, request_id: str | None) -> None:
        self._failures, self._request = failures, (method, path, request_id)
        self.failure: BaseException | None = None
        self._told: BaseException | None = None

    def record(self, error: BaseException) -> None:
        """Record an exception that the app did not handle, unless it is recorded already."""
        if self.failure is not error:
            self.failure = error
            self._failures.record(error, *self._request)

    def tell(self, error: BaseException) -> None:
        """Hear of an exception that may or may not be the end of the request."""
        self._told = error

    def answer(self, status: int) -> None:
        """Hear of the answer's status."""
        if status >= 500 and self.failure is None and self._told is not None:
            self.record(self._told)

    @contextmanager
    def current(self) -> Iterator[None]:
        """Within this block, and in threads that take its context along, `current_request` is this one."""
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)


_current: ContextVar[Request | None] = ContextVar("request", default=None)


def current_request() -> Request | None:
    """The request that is answered here, if any is."""
    return _current.get()


def _listening(make: Callable[..., logging.LogRecord]) -> Callable[..., logging.LogRecord]:
    """`make`, a factory of log records, which tells the current request of a logged exception."""

    def factory(*args: object, **kwargs: object) -> logging.LogRecord:
        record = make(*args, **kwargs)
        if record.exc_info and record.exc_info[1] and (request := _current.get()):
            request.tell(record.exc_info[1])
        return record

    return factory


logging.setLogRecordFactory(_listening(logging.getLogRecordFactory()))
