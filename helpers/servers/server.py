"""`serve`: an app, alive in this kernel. `stop_all`: all of them, gone."""

from __future__ import annotations

import atexit
import socket
import sys
import threading
import time
import warnings
from typing import TYPE_CHECKING, Any

from helpers.errors import LessonError
from helpers.plots import Drawn, escape
from helpers.servers.address import browser_address
from helpers.servers.child import stop_children
from helpers.servers.detect import Kind, kind_of
from helpers.servers.failures import Failure, Failures
from helpers.servers.visits import Visits

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from helpers.servers.asgi import AsgiThread
    from helpers.servers.wsgi import WsgiThread

_running: dict[str, Server] = {}
_ports: dict[str, int] = {}  # the port that a name had last, so that frames above in the notebook stay alive
_lock = threading.RLock()

MOST_THREADS = 500
STOP_TIMEOUT = 3.0  # seconds; requests in flight get one of them


class ServeError(LessonError):
    """An app could not be started; `__cause__` is the app's own exception."""


class ServerWarning(UserWarning):
    """A server that stopped, but not as it should."""


class Server(Drawn):
    """An app that answers requests, until `stop`.

    `name` and `kind` (``"wsgi"`` or ``"asgi"``) say what it is, `url` where it listens: always on 127.0.0.1. `threads`
    is the size of a WSGI server's pool, None where each request gets a thread of its own, and for ASGI.
    `errors` are the exceptions that the app did not handle, newest last.
    """

    def __init__(
        self,
        name: str,
        kind: Kind,
        app: Any,
        port: int,
        backend: AsgiThread | WsgiThread,
        errors: Failures,
        visits: Visits,
        threads: int | None = None,
    ) -> None:
        self.name = name
        self.kind = kind
        self.app = app
        self.port = port
        self.errors = errors
        self.visits = visits
        self.threads = threads
        self._backend: AsgiThread | WsgiThread | None = backend

    @property
    def url(self) -> str:
        """``"http://127.0.0.1:PORT"``, for programs on this machine. A browser needs `address`."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def running(self) -> bool:
        """Whether it still answers."""
        return self._backend is not None

    @property
    def entrance(self) -> Any:
        """The object whose `.app` each request goes to, where `watch` puts its recorder; None when stopped."""
        return self._backend.entrance if self._backend is not None else None

    @property
    def loop(self) -> AbstractEventLoop | None:
        """The event loop that an ASGI app runs on; None for WSGI, and when stopped."""
        return self._backend.loop if self._backend is not None else None

    def address(self, path: str = "/") -> str:
        """The address of `path` for the *browser* that shows this notebook.

        With jupyter-server-proxy, on Binder and on a hub it is a path on Jupyter's own host, such as
        ``/user/ada/proxy/43210/docs``; otherwise it is `url` + `path`.
        """
        return browser_address(self.port, path)

    def ask_to_stop(self) -> None:
        """Ask for a stop, without waiting for it."""
        if self._backend is not None:
            self._backend.ask_to_stop()

    def stop(self) -> None:
        """Stop, within about five seconds whatever the app is doing. Stopping twice is fine.

        Requests in flight get a second to finish. Warns (ServerWarning) when the app did not let go by itself.
        """
        with _lock:
            backend, self._backend = self._backend, None
            if backend is None:
                return
            if _running.get(self.name) is self:
                del _running[self.name]
            trouble = backend.stop(STOP_TIMEOUT)
        if trouble:
            warnings.warn(f"{self.name} is stopped, but its app {trouble}.", ServerWarning, stacklevel=2)

    def summary(self) -> str:
        state = f"answers at {self.url}" if self.running else "is stopped"
        last: list[Failure] = list(self.errors)[-1:]
        return f"{self.name} ({self._kind}) {state}" + "".join(f"; last error: {error}" for error in last)

    def body(self) -> str:
        state = "stopped"
        if self.running:
            link = f'<a href="{escape(self.address("/"))}" target="_blank" rel="noopener">{escape(self.url)}</a>'
            state = f"answers at {link}"
        errors = "".join(f'<p class="bad">last error: {escape(error)}</p>' for error in list(self.errors)[-1:])
        return f"<p><b>{escape(self.name)}</b> ({self._kind}) {state}</p>{errors}"

    @property
    def _kind(self) -> str:
        pool = "" if self.threads is None else f", {self.threads:,} thread{'s' * (self.threads != 1)}"
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
    _check_threads(threads, kind)
    name = name or _default_name(app, kind)
    with _lock:
        if name in _running and port in (None, _running[name].port):
            _running[name].stop()  # it holds the very port that is wanted
        listener = _listen(name, port)
        if name in _running:
            _running[name].stop()
        errors, visits = Failures(name), Visits()
        chosen: int = listener.getsockname()[1]
        backend: AsgiThread | WsgiThread
        if kind == "asgi":
            from helpers.servers.asgi import AsgiThread

            backend = AsgiThread(app, listener, errors, visits)
        else:
            from helpers.servers.wsgi import WsgiThread

            backend = WsgiThread(app, listener, errors, visits, threads)
        try:
            trouble = backend.start(timeout)
        except BaseException:  # the learner interrupted the cell: leave nothing half started
            backend.stop(STOP_TIMEOUT)
            raise
        if trouble is not None:
            backend.stop(STOP_TIMEOUT)
            raise ServeError(f"{name} did not start; the reason is the app's own.") from trouble
        server = Server(name, kind, app, chosen, backend, errors, visits, threads)
        _running[name], _ports[name] = server, chosen
    return server


def stop_all() -> None:
    """Stop every server that this kernel started, `upstream` and `postgres` included. Calling it twice is fine.

    A page that `show` has just put on the screen gets up to two seconds to load, so that it stays on the screen.
    """
    while any(server.visits.pending() for server in list(_running.values())):
        time.sleep(0.02)
    _stop_now()


@atexit.register
def _stop_now() -> None:
    with _lock:
        servers = list(_running.values())
        for server in servers:
            server.ask_to_stop()  # all at once, then wait for each
        for server in servers:
            server.stop()
    stop_children()


def _check_threads(threads: int | None, kind: Kind) -> None:
    """Raises LessonError unless a server of that `kind` can have `threads`."""
    if threads is None:
        return
    if kind == "asgi":
        raise LessonError("An ASGI app runs on one event loop, not on a pool of threads; leave `threads` out.")
    if isinstance(threads, bool) or not isinstance(threads, int) or not 1 <= threads <= MOST_THREADS:
        raise LessonError(f"threads is a whole number from 1 to {MOST_THREADS}; {threads!r} is not.")


def _default_name(app: Any, kind: Kind) -> str:
    """The framework whose app it is, or the kind."""
    for framework, cls in (("flask", "Flask"), ("fastapi", "FastAPI")):
        module = sys.modules.get(framework)
        if module is not None and isinstance(app, getattr(module, cls)):
            return framework
    return kind


def _listen(name: str, port: int | None) -> socket.socket:
    """A listening socket on `port`, or on the port that `name` had last, or on one the operating system picks."""
    for candidate in [port] if port is not None else [_ports.get(name, 0), 0]:
        try:
            bound = socket.create_server(("127.0.0.1", candidate), backlog=512)
        except OSError as error:
            if port is None:
                continue
            raise ServeError(f"Port {port} on 127.0.0.1 cannot be used; leave `port` out to get a free one.") from error
        except OverflowError as error:
            raise ServeError(f"{port} is no port; ports go from 1 to 65535, or leave `port` out.") from error
        # asyncio switches Nagle's algorithm off only for a socket that says it speaks TCP; without that a request on
        # a kept connection waits some 40 ms for a delayed acknowledgement.
        return socket.socket(bound.family, bound.type, socket.IPPROTO_TCP, fileno=bound.detach())
    raise ServeError("The operating system has no free port on 127.0.0.1; stop other servers, or restart the kernel.")
