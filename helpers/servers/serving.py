"""`serve`: an app, alive in this kernel. `stop_all`: all that was started from here, gone."""

from __future__ import annotations

import sys
import time
import warnings
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from helpers.arguments import whole_number
from helpers.errors import LessonError
from helpers.plots import escape
from helpers.processes import registry
from helpers.servers.detect import Kind, a_path, kind_of
from helpers.servers.failures import Failure, Failures
from helpers.servers.ports import listen
from helpers.servers.server import MOST_THREADS, NO_POOL, ServeError, Server, ServerWarning, key
from helpers.servers.visits import Visits
from helpers.strangers import told
from helpers.words import plural

if TYPE_CHECKING:
    import socket
    from asyncio import AbstractEventLoop

    from helpers.servers.asgi import AsgiThread
    from helpers.servers.wsgi import WsgiThread

    Backend: TypeAlias = AsgiThread | WsgiThread

STOP_TIMEOUT = 3.0  # seconds; requests in flight get one of them


class Served(Server):
    """An app that runs in a thread of this kernel.

    `errors` are the exceptions that the app did not handle, newest last.
    """

    errors: Failures

    def __init__(self, name: str, kind: Kind, app: Any, port: int, threads: int | None, backend: Backend) -> None:
        super().__init__(name, kind, port, threads, backend.visits)
        self.app = app
        self.errors = backend.failures
        self._backend: Backend | None = backend

    @property
    def running(self) -> bool:
        return self._backend is not None

    @property
    def entrance(self) -> Any:
        return self._backend.entrance if self._backend is not None else None

    @property
    def loop(self) -> AbstractEventLoop | None:  # type: ignore[override]  # it changes, and is not to be set
        """The event loop that an ASGI app runs on; None for WSGI, and when stopped."""
        return self._backend.loop if self._backend is not None else None

    def ask_to_stop(self) -> None:
        if self._backend is not None:
            self._backend.ask_to_stop()

    def stop(self) -> None:
        """Stop, within about five seconds whatever the app is doing. Stopping twice is fine.

        Requests in flight get a second to finish. Warns (ServerWarning) when the app did not let go by itself.
        """
        with registry.lock:
            backend, self._backend = self._backend, None
            if backend is None:
                return
            registry.discard(key(self.name), self)
            trouble = backend.stop(STOP_TIMEOUT)
        if trouble:
            warnings.warn(f"{self.name} is stopped, but its app {trouble}.", ServerWarning, stacklevel=2)

    def abandon(self) -> None:
        if self._backend is not None:
            self._backend.listener.close()  # the descriptor and nothing else: a loop's epoll is the parent's, too
        self._backend = None

    def summary(self) -> str:
        state = f"answers at {self.url}" if self.running else "is stopped"
        return f"{self.name} ({self._kind}) {state}" + "".join(f"; last error: {error}" for error in self._last_error)

    def body(self) -> str:
        state = "stopped"
        if self.running:
            path = a_path(self.app)
            link = (
                f'<a href="{escape(self.address(path))}" target="_blank" rel="noopener">{escape(self.url + path)}</a>'
            )
            state = f"answers at {link}"
        errors = "".join(f'<p class="bad">last error: {escape(error)}</p>' for error in self._last_error)
        return f"<p><b>{escape(self.name)}</b> ({self._kind}) {state}</p>{errors}"

    @property
    def _last_error(self) -> list[Failure]:
        return list(self.errors)[-1:]

    @property
    def _kind(self) -> str:
        pool = "" if self.threads is None else f", {plural(self.threads, 'thread')}"
        return self.kind.upper() + pool


def serve(
    app: Any,
    name: str | None = None,
    *,
    port: int | None = None,
    threads: int | None = None,
    timeout: float = 10.0,
) -> Server:
    """Start a WSGI or ASGI `app` in this kernel and return its `Server` once it answers.

    The app runs in a thread: Flask and other WSGI apps under Werkzeug's threaded server, FastAPI and other ASGI apps
    under Uvicorn. A server of the same `name` (by default ``"flask"``, ``"fastapi"`` or the app's own kind) is
    replaced, and keeps its port. The operating system picks the port of a new name unless `port` is given.

    A WSGI app gets a thread for each request, or a pool of `threads` (1 to 500), which is what a production server
    gives it: requests beyond that wait in a queue.

    Raises NotAnApp for what is no app, and ServeError when the app does not start within `timeout` seconds, when its
    lifespan fails, or when `port` is taken; LessonError for a number of `threads` that cannot be.
    """
    kind = kind_of(app)
    if threads is not None:
        if kind == "asgi":
            raise LessonError(NO_POOL)
        threads = whole_number("threads", threads, 1, MOST_THREADS)
    name = name or _default_name(app, kind)
    with registry.lock:
        before = cast("Server | None", registry.get(key(name)))  # not isinstance: modules may have been loaded again
        if before is not None and port in (None, before.port):
            before.stop()  # it holds the very port that is wanted
        listener = _listener(name, port)
        if before is not None:
            before.stop()
        chosen: int = listener.getsockname()[1]
        backend = _backend(app, kind, listener, Failures(name), threads)
        try:
            trouble = backend.start(timeout)
        except BaseException:  # the learner interrupted the cell: leave nothing half started
            backend.stop(STOP_TIMEOUT)
            raise
        if trouble is not None:
            backend.stop(STOP_TIMEOUT)
            raise ServeError(f"{name} did not start; the reason is the app's own.") from trouble
        server = Served(name, kind, app, chosen, threads, backend)
        registry.add(key(name), server, chosen)
    return server


def stop_all() -> None:
    """Stop every server that this kernel started, `upstream` and `postgres` included. Calling it twice is fine.

    A page that `show` has just put on the screen gets up to two seconds to load, so that it stays on the screen.
    """
    while any(each.visits.pending() for each in registry.all() if hasattr(each, "visits")):
        time.sleep(0.02)
    registry.stop_all()


def _backend(app: Any, kind: Kind, listener: socket.socket, failures: Failures, threads: int | None) -> Backend:
    """The thread that will serve `app` on `listener`; Uvicorn and Werkzeug are loaded when they are needed."""
    if kind == "asgi":
        with told():
            from helpers.servers.asgi import AsgiThread

        return AsgiThread(app, listener, failures, Visits())
    with told():
        from helpers.servers.wsgi import WsgiThread

    return WsgiThread(app, listener, failures, Visits(), threads)


def _default_name(app: Any, kind: Kind) -> str:
    """The framework whose app it is, or the kind."""
    for framework, cls in (("flask", "Flask"), ("fastapi", "FastAPI")):
        module = sys.modules.get(framework)
        if module is not None and isinstance(app, getattr(module, cls)):
            return framework
    return kind


def _listener(name: str, port: int | None) -> socket.socket:
    """A listening socket on `port`, or on the port that `name` had last, or on one the operating system picks."""
    try:
        return listen(port) if port is not None else listen(registry.last_port(key(name)), 0)
    except OverflowError as error:
        raise ServeError(f"{port} is no port; ports go from 1 to 65535, or leave `port` out.") from error
    except OSError as error:
        if port is None:
            raise ServeError(
                "The operating system has no free port on 127.0.0.1; stop other servers, or restart the kernel."
            ) from error
        raise ServeError(f"Port {port} on 127.0.0.1 cannot be used; leave `port` out to get a free one.") from error
