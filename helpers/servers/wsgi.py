"""A WSGI application under Werkzeug's threaded server, in a thread of its own.

Werkzeug's server is the one behind `flask run`: a development server, one thread a connection, one request a
connection. With `threads` it has that many, which take one connection after the other, as production servers do
(Gunicorn's gthread worker, waitress). It is for looking, not for measuring.
"""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

from helpers.servers.wsgi_middleware import KeepFailures, NoteVisits, OfflineDocs, Prefix

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

    from helpers.servers.failures import Failures
    from helpers.servers.visits import Visits

GRACE = 1.0  # seconds that requests in flight get to finish after stop()


class WsgiThread:
    """Serves `app` on `listener` from `start` until `stop`."""

    loop = None  # WSGI has no event loop

    def __init__(
        self, app: WSGIApplication, listener: socket.socket, failures: Failures, visits: Visits, threads: int | None
    ) -> None:
        self.failures, self.visits = failures, visits
        # In the order of asgi.py. There is no LateEnd: Flask's signal comes before the answer.
        self.entrance = KeepFailures(app, failures)
        inside = Prefix(NoteVisits(OfflineDocs(self.entrance), visits))
        with_prefix = ProxyFix(inside, x_for=0, x_proto=0, x_host=0, x_port=0, x_prefix=1)
        port = listener.getsockname()[1]
        self._server = _Werkzeug("127.0.0.1", port, with_prefix, handler=_Handler, fd=listener.fileno())
        listener.close()
        self.listener = self._server.socket  # its duplicate
        if threads is not None:
            self._server.start_pool(threads)
        name, poll = f"{failures.name} (werkzeug)", {"poll_interval": 0.02}
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs=poll, name=name, daemon=True)

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


def _quiet(*args: Any, **kwargs: Any) -> None:
    """Werkzeug's log would land in whichever cell is running. KeepFailures records the app's own exceptions."""


class _Handler(WSGIRequestHandler):
    """Werkzeug's handler, which keeps quiet and says which connections have a request in the app."""

    server: _Werkzeug

    def run_wsgi(self) -> None:
        self.server.busy.add(self.connection)
        super().run_wsgi()

    log = _quiet


class _Werkzeug(ThreadedWSGIServer):
    """Werkzeug's threaded server, which knows its open connections and can therefore end them."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.connections: set[socket.socket] = set()
        self.busy: set[socket.socket] = set()  # those whose request has reached the app
        self._workers: WeakSet[threading.Thread] = WeakSet()
        self._pool: list[threading.Thread] = []
        self._accepted: SimpleQueue[tuple[Any, Any] | None] = SimpleQueue()  # connections that wait for a pool's thread
        super().__init__(*args, **kwargs)

    log = handle_error = _quiet

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections.add(request)
        if self._pool:
            self._accepted.put((request, client_address))
        else:
            super().process_request(request, client_address)

    def start_pool(self, threads: int) -> None:
        """From now on `threads` threads take all the connections, in the order in which they come."""
        # Daemons, which a ThreadPoolExecutor's cannot be: a call that never returns would hold up the kernel's end.
        self._pool = [threading.Thread(target=self._work, name="werkzeug pool", daemon=True) for _ in range(threads)]
        for thread in self._pool:
            thread.start()

    def _work(self) -> None:
        while (connection := self._accepted.get()) is not None:
            self.process_request_thread(*connection)

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
            for open_one in self.connections - (self.busy if spent < grace else set()):
                with suppress(OSError):  # it closed in this very moment
                    open_one.shutdown(socket.SHUT_RDWR)
            time.sleep(0.002)
        for _ in self._pool:
            self._accepted.put(None)
        for worker in [*self._pool, *self._workers]:
            worker.join(0.1)
        return not self.connections
