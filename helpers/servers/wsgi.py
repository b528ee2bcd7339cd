"""A WSGI application under Werkzeug's threaded server, in a thread of its own.

Werkzeug's server is the one behind `flask run`: a development server, one thread a connection, one request a
connection. With `threads` it has that many, which take one connection after the other, as production servers do
(Gunicorn's gthread worker, waitress). It is for looking, not for measuring.
"""

from __future__ import annotations

import io
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any
from weakref import WeakSet

import flask
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

from helpers.servers import offline_docs
from helpers.servers.failures import Failures
from helpers.servers.prefix import redirect_target
from helpers.servers.visits import Visits

GRACE = 1.0  # seconds that requests in flight get to finish after stop()


class WsgiThread:
    """Serves `app` on `listener` from `start` until `stop`."""

    lifespan_error = None  # WSGI has no lifespan
    loop = None  # nor an event loop

    def __init__(
        self, app: Any, listener: socket.socket, failures: Failures, visits: Visits, threads: int | None = None
    ) -> None:
        self.entrance = _Wrapped(app, failures, visits)
        with_prefix = ProxyFix(self.entrance, x_for=0, x_proto=0, x_host=0, x_port=0, x_prefix=1)
        port = listener.getsockname()[1]
        self._server = _Werkzeug("127.0.0.1", port, with_prefix, handler=_Handler, fd=listener.fileno())
        listener.close()  # the server keeps a duplicate
        if threads is not None:
            self._server.start_pool(threads)
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            kwargs={"poll_interval": 0.02},
            name=f"{failures.name} (werkzeug)",
            daemon=True,
        )

    def start(self, timeout: float) -> BaseException | None:
        """Start. The listener is open already, so that a request sent from now on is answered."""
        self._thread.start()
        return None

    def ask_to_stop(self) -> None:
        """Ask for a stop, without waiting for it."""
        # socketserver has no way to ask without waiting; stop() takes one poll interval.

    def stop(self, timeout: float) -> str | None:
        """Stop within about `timeout` seconds; return what did not go as it should, as the end of a sentence."""
        self._server.shutdown()  # within one poll interval
        self._thread.join()
        if self._server.finish_requests(GRACE, timeout):
            return None
        return "still has a request in a call that never returns; restart the kernel to be rid of it"


class _Handler(WSGIRequestHandler):
    """Werkzeug's handler, which keeps quiet and says which connections have a request in the app."""

    server: _Werkzeug

    def run_wsgi(self) -> None:
        self.server.busy.add(self.connection)
        super().run_wsgi()

    def log(self, type: str, message: str, *args: Any) -> None:
        pass  # Werkzeug's log would land in whichever cell is running


class _Werkzeug(ThreadedWSGIServer):
    """Werkzeug's threaded server, which knows its open connections and can therefore end them."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.connections: set[socket.socket] = set()
        self.busy: set[socket.socket] = set()  # those whose request has reached the app
        self._workers: WeakSet[threading.Thread] = WeakSet()
        self._pool: list[threading.Thread] = []
        self._accepted: SimpleQueue[tuple[Any, Any] | None] = SimpleQueue()  # connections that wait for a pool's thread
        super().__init__(*args, **kwargs)

    def log(self, type: str, message: str, *args: Any) -> None:
        pass

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # the app's own exceptions are recorded by _Wrapped; what remains is a client that left

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections.add(request)
        if self._pool:
            self._accepted.put((request, client_address))
        else:
            super().process_request(request, client_address)

    def start_pool(self, threads: int) -> None:
        """From now on `threads` threads take all the connections, in the order in which they come.

        They are daemons, which those of a ThreadPoolExecutor cannot be: a call that never returns would hold up the
        end of the kernel.
        """

        def work() -> None:
            while (connection := self._accepted.get()) is not None:
                self.process_request_thread(*connection)

        self._pool = [threading.Thread(target=work, name="werkzeug pool", daemon=True) for _ in range(threads)]
        for thread in self._pool:
            thread.start()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        self._workers.add(threading.current_thread())
        super().process_request_thread(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        self.connections.discard(request)
        self.busy.discard(request)

    def finish_requests(self, grace: float, timeout: float) -> bool:
        """Cut idle connections now and busy ones after `grace` seconds; whether all requests ended in `timeout`."""
        with suppress(Empty):
            while (connection := self._accepted.get_nowait()) is not None:
                self.shutdown_request(connection[0])  # no thread has taken it yet
        start = time.monotonic()
        while self.connections and (spent := time.monotonic() - start) < timeout:
            for connection in self.connections - (self.busy if spent < grace else set()):
                with suppress(OSError):  # it closed in this very moment
                    connection.shutdown(socket.SHUT_RDWR)
            time.sleep(0.002)
        for _ in self._pool:
            self._accepted.put(None)
        for worker in [*self._pool, *self._workers]:
            worker.join(0.1)
        return not self.connections


class _ErrorStream(io.TextIOBase):
    """`wsgi.errors` of one request: the cell's stderr, until the request fails.

    From then on Flask logs the traceback of what `Failures` keeps already.
    """

    failed = False

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        return len(text) if self.failed else sys.stderr.write(text)


def _record_flask(sender: object, exception: BaseException, **extra: object) -> None:
    """Flask answers 500 to an exception by itself; its signal is how we hear of it."""
    record = flask.request.environ.get("lesson.record")
    if record is not None:
        record(exception)


flask.got_request_exception.connect(_record_flask)


class _Wrapped:
    """The app, with its failures kept, documentation pages that work offline, and redirects that keep the prefix."""

    def __init__(self, app: Any, failures: Failures, visits: Visits) -> None:
        self.app = app
        self.failures = failures
        self.visits = visits

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        self.visits.note(environ["PATH_INFO"], environ.get("HTTP_X_REQUEST_ID"))
        if found := offline_docs.asset(environ["PATH_INFO"]):
            content_type, content = found
            start_response("200 OK", [("Content-Type", content_type), ("Content-Length", str(len(content)))])
            return [content]
        errors = _ErrorStream()

        def record(error: BaseException) -> None:
            errors.failed = True
            request_id = environ.get("HTTP_X_REQUEST_ID")
            self.failures.record(error, environ["REQUEST_METHOD"], environ["PATH_INFO"], request_id)

        environ["lesson.record"] = record
        environ["wsgi.errors"] = errors
        response = _Response(environ, start_response)
        try:
            chunks = self.app(environ, response.start)
        except Exception as error:
            record(error)
            raise
        if response.page:
            return response.localized(chunks)
        response.may_hold = False  # a generator calls start_response later, when its chunks are on their way already
        return _Watched(chunks, record)


class _Response:
    """`start_response` of one request, which holds back a page that may name another host's scripts."""

    def __init__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> None:
        self.environ = environ
        self.start_response = start_response
        self.prefix: str = environ.get("SCRIPT_NAME", "")
        self.may_hold = True
        self.page: tuple[str, list[tuple[str, str]]] | None = None
        self.written: list[bytes] = []

    def start(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
        found = {name.lower(): value for name, value in headers}
        if "location" in found:
            target = redirect_target(found["location"], self.environ.get("HTTP_HOST", ""), self.prefix)
            headers = [(name, target if name.lower() == "location" else value) for name, value in headers]
        accept, length = self.environ.get("HTTP_ACCEPT", ""), found.get("content-length")
        plain = "content-encoding" not in found
        if (
            self.may_hold
            and plain
            and offline_docs.is_page_for_a_browser(accept, found.get("content-type", ""), length)
        ):
            self.page = (status, headers)
            return self.written.append
        return self.start_response(status, headers, exc_info)

    def localized(self, chunks: Iterable[bytes]) -> list[bytes]:
        """The page that was held back, now with local scripts."""
        assert self.page is not None
        try:
            content = offline_docs.localize(b"".join([*self.written, *chunks]), self.prefix)
        finally:
            if hasattr(chunks, "close"):
                chunks.close()
        status, headers = self.page
        size = str(len(content))
        self.start_response(status, [(n, size if n.lower() == "content-length" else v) for n, v in headers])
        return [content]


class _Watched:
    """An app's response, whose exceptions are recorded when they come in the middle of it."""

    def __init__(self, chunks: Iterable[bytes], record: Callable[[BaseException], None]) -> None:
        self._chunks = chunks
        self._record = record

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._chunks
        except Exception as error:
            self._record(error)
            raise

    def close(self) -> None:
        if hasattr(self._chunks, "close"):
            self._chunks.close()
