"""An ASGI application under Uvicorn, on an event loop in a thread of its own."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import uvicorn

from helpers.errors import one_line
from helpers.servers import offline_docs
from helpers.servers.failures import Failures
from helpers.servers.prefix import redirect_target
from helpers.servers.visits import Visits

# Uvicorn's own log would land in whichever cell is running. What the app did wrong is kept in Server.errors.
logging.getLogger("uvicorn").addHandler(logging.NullHandler())
logging.getLogger("uvicorn").propagate = False

GRACE = 1  # whole seconds that requests in flight get to finish after stop()


class AsgiThread:
    """Serves `app` on `listener` from `start` until `stop`."""

    def __init__(self, app: Any, listener: socket.socket, failures: Failures, visits: Visits) -> None:
        self._failures = failures
        self._listener = listener
        self._settled = threading.Event()  # started, or ended without having started
        self._died: BaseException | None = None
        self.loop: asyncio.AbstractEventLoop | None = None  # while it runs
        self._main: asyncio.Task[None] | None = None
        self.entrance = _Wrapped(app, failures, visits)
        config = uvicorn.Config(
            self.entrance,
            loop="asyncio",  # the same loop on every system, and the one that the lessons describe
            lifespan="on",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=GRACE,
        )
        self._server = _Uvicorn(config, self._settled)
        self._thread = threading.Thread(target=self._run, name=f"{failures.name} (uvicorn)", daemon=True)

    def start(self, timeout: float) -> BaseException | None:
        """Start, and return None once requests are answered.

        Returns what went wrong instead: the app's own exception, or TimeoutError after `timeout` seconds.
        """
        self._thread.start()
        if not self._settled.wait(timeout):
            return TimeoutError(f"its lifespan was still starting after {timeout:g} s")
        if self._server.started:
            return None
        return self.entrance.lifespan_error or self._died

    def ask_to_stop(self) -> None:
        """Ask for a stop, without waiting for it."""
        self._server.should_exit = True
        self._call(self._server.wake)

    def stop(self, timeout: float) -> str | None:
        """Stop within about `timeout` seconds; return what did not go as it should, as the end of a sentence."""
        self.ask_to_stop()
        self._thread.join(timeout if self._server.started else 0)
        hung = self._thread.is_alive()
        if hung:
            self._call(self._cancel)
            self._thread.join(1)
        self._listener.close()
        if self._thread.is_alive():
            return "is stuck in a call that never returns; restart the kernel to be rid of it"
        if hung and self._server.started:
            return f"did not finish its shutdown within {timeout:g} s and was cancelled"
        if self._server.started and self.entrance.lifespan_error is not None:
            return f"raised during its shutdown: {one_line(self.entrance.lifespan_error)}"
        return None

    def _call(self, function: Callable[[], None]) -> None:
        """Call `function` in the server's loop, if that still runs."""
        with suppress(RuntimeError):  # the loop closed in this very moment
            if self.loop is not None:
                self.loop.call_soon_threadsafe(function)

    def _cancel(self) -> None:
        if self._main is not None:
            self._main.cancel()

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=self._server.config.get_loop_factory()) as runner:
                self.loop = runner.get_loop()
                self.loop.set_exception_handler(self._unhandled)
                runner.run(self._serve())
        except BaseException as error:  # SystemExit is how Uvicorn says that it could not start
            self._died = error
        finally:
            self.loop = None
            self._settled.set()

    async def _serve(self) -> None:
        self._main = asyncio.current_task()
        await self._server.serve(sockets=[self._listener])

    def _unhandled(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """A task that nobody awaited failed. asyncio would log it into a cell; it belongs to the app's errors."""
        error = context.get("exception")
        if error is not None and not isinstance(error, (asyncio.CancelledError, SystemExit)):
            self._failures.record(error, "TASK", context.get("message", ""), None)


class _Uvicorn(uvicorn.Server):
    """Uvicorn's server, which says when it is ready, and hears of a stop at once instead of looking every 0.1 s."""

    def __init__(self, config: uvicorn.Config, ready: threading.Event) -> None:
        super().__init__(config)
        self._ready = ready
        self._ticks = asyncio.Event()

    def wake(self) -> None:
        """End the pause between two ticks. Call it in the server's loop."""
        self._ticks.set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready.set()

    async def main_loop(self) -> None:
        counter = 0
        while not await self.on_tick(counter):  # Uvicorn's own housekeeping: the date header, limits
            counter += 1
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ticks.wait(), 0.1)


class _NotLifespan(Exception):
    """The app answers the lifespan scope as if it were a request: it does not know the lifespan protocol."""


class _Wrapped:
    """The app, with its failures kept, documentation pages that work offline, and a prefix that it hears of."""

    def __init__(self, app: Any, failures: Failures, visits: Visits) -> None:
        self.app = app
        self.failures = failures
        self.visits = visits
        self.lifespan_error: BaseException | None = None

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            return await self._lifespan(scope, receive, send)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        self.visits.note(scope["path"], headers.get("x-request-id"))
        if found := offline_docs.asset(scope["path"]):
            return await _answer(send, *found)
        prefix = headers.get("x-forwarded-prefix", "").rstrip("/")
        if prefix:
            scope["root_path"] = prefix
            scope["path"] = prefix + scope["path"]
            scope["raw_path"] = prefix.encode("latin-1") + scope["raw_path"]
        if scope["type"] == "http":
            send = _page_filter(send, headers, prefix)
        status, answered = 0, False
        end: asyncio.Task[None] | None = None  # of an answer that reports a failure

        async def answer(message: Any) -> None:
            nonlocal status, answered, end
            status = message.get("status", status)
            answered = message["type"] == "http.response.body" and not message.get("more_body")
            if answered and status >= 500:
                # Starlette raises right after this. Whoever has the whole answer shall find the failure recorded, so
                # the end goes out when the app pauses next, or below.
                end = asyncio.create_task(send(message))
            else:
                await send(message)

        try:
            await self.app(scope, receive, answer)
        except Exception as error:
            path = scope["path"].removeprefix(prefix)
            self.failures.record(error, scope.get("method", "WEBSOCKET"), path, headers.get("x-request-id"))
            # Starlette answers 500 and raises all the same, for the server to log. Uvicorn would then close a
            # connection whose client has its whole answer, and may be sending the next request on it.
            if not answered:
                raise
        if end is not None:
            await end

    async def _lifespan(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Keep the exception that a lifespan ends with, which Uvicorn only logs.

        The ASGI specification lets an app refuse the lifespan scope by raising. An app that raises after it has taken
        a lifespan message did not refuse: its start, or its shutdown, went wrong.
        """
        took_part = False

        async def hear() -> Any:
            nonlocal took_part
            message = await receive()
            took_part = True
            return message

        async def say(message: Any) -> None:
            if not message["type"].startswith("lifespan."):
                raise _NotLifespan
            await send(message)

        try:
            await self.app(scope, hear, say)
        except _NotLifespan:
            pass
        except Exception as error:
            if not took_part:
                return  # Uvicorn takes a return for "started, and nothing to shut down"
            self.lifespan_error = error
            raise
        except SystemExit as error:  # the app called sys.exit(): let it end this start, not the thread's clean-up
            self.lifespan_error = error
            raise RuntimeError("the app called sys.exit()") from error


async def _answer(send: Any, content_type: str, content: bytes) -> None:
    headers = [(b"content-type", content_type.encode()), (b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})


def _page_filter(send: Any, request: dict[str, str], prefix: str) -> Any:
    """`send`, with redirects that keep the prefix and documentation pages that work offline."""
    held: dict[str, Any] | None = None
    page = b""

    async def filtered(message: Any) -> None:
        nonlocal held, page
        if message["type"] == "http.response.start":
            pairs = [(bytes(name).lower(), bytes(value)) for name, value in message.get("headers", [])]
            headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in pairs}
            if "location" in headers:
                target = redirect_target(headers["location"], request.get("host", ""), prefix).encode("latin-1")
                pairs = [(name, target if name == b"location" else value) for name, value in pairs]
                message = {**message, "headers": pairs}
            length = None if "content-encoding" in headers else headers.get("content-length")
            if offline_docs.is_page_for_a_browser(request.get("accept", ""), headers.get("content-type", ""), length):
                held = message
                return
        elif held is not None and message["type"] == "http.response.body":
            page += message.get("body", b"")
            if message.get("more_body"):
                return
            start, held = held, None
            page = offline_docs.localize(page, prefix)
            size = str(len(page)).encode()
            pairs = [(n, size if bytes(n).lower() == b"content-length" else v) for n, v in start["headers"]]
            await send({**start, "headers": pairs})
            message = {**message, "body": page}
        await send(message)

    return filtered
