"""An ASGI application under Uvicorn, on an event loop in a thread of its own."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import uvicorn

from helpers.errors import one_line
from helpers.servers.asgi_middleware import KeepFailures, KeepLifespanError, LateEnd, NoteVisits, OfflineDocs, Prefix
from helpers.servers.failures import where, where_now

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp

    from helpers.servers.failures import Failures
    from helpers.servers.visits import Visits

# Uvicorn's own log would land in whichever cell is running. What the app did wrong is kept in Server.errors.
logging.getLogger("uvicorn").addHandler(logging.NullHandler())
logging.getLogger("uvicorn").propagate = False

GRACE = 1  # whole seconds that requests in flight get to finish after stop()


class AsgiThread:
    """Serves `app` on `listener` from `start` until `stop`."""

    def __init__(self, app: ASGIApp, listener: socket.socket, failures: Failures, visits: Visits) -> None:
        self.failures, self.visits, self.listener = failures, visits, listener
        self._died: BaseException | None = None
        self.loop: asyncio.AbstractEventLoop | None = None  # while it runs
        # The prefix comes first, as those inside take it off the path again or put it into pages. The docs' own files
        # are visits too, and never reach the app. A failure is recorded innermost, so that its answer can wait for it.
        self.entrance = KeepFailures(app, failures)
        self._lifespan = KeepLifespanError(
            Prefix(NoteVisits(OfflineDocs(LateEnd(self.entrance)), visits), getattr(app, "root_path", ""))
        )
        config = uvicorn.Config(
            self._lifespan,
            loop="asyncio",  # the same loop on every system, and the one that the lessons describe
            lifespan="on",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=GRACE,
        )
        self._server = _Uvicorn(config)
        self._thread = threading.Thread(target=self._run, name=f"{failures.name} (uvicorn)", daemon=True)

    def start(self, timeout: float) -> BaseException | None:
        """Start, and return None once requests are answered.

        Returns what went wrong instead: the app's own exception, or TimeoutError after `timeout` seconds.
        """
        self._thread.start()
        if not self._server.settled.wait(timeout):
            blocking = where_now(self._thread)  # in a call that does not give the loop back
            self._call(self._server.cancel)
            self._thread.join(1)
            place = blocking or (where(self._lifespan.error) if self._lifespan.error else "")
            return TimeoutError(f"its lifespan was still starting after {timeout:g} s{place and f' ({place})'}")
        return None if self._server.started else self._lifespan.error or self._died

    def ask_to_stop(self) -> None:
        """Ask for a stop, without waiting for it."""
        self._server.should_exit = True
        self._call(self._server.ticks.set)

    def stop(self, timeout: float) -> str | None:
        """Stop within about `timeout` seconds; return what did not go as it should, as the end of a sentence."""
        self.ask_to_stop()
        self._thread.join(timeout if self._server.started else 0)
        hung = self._thread.is_alive()
        if hung:
            self._call(self._server.cancel)
            self._thread.join(1)
        self.listener.close()
        if self._thread.is_alive():
            return "is stuck in a call that never returns; restart the kernel to be rid of it"
        if not self._server.started:
            return None
        if hung:
            return f"did not finish its shutdown within {timeout:g} s and was cancelled"
        return f"raised during its shutdown: {one_line(self._lifespan.error)}" if self._lifespan.error else None

    def _call(self, function: Callable[[], object]) -> None:
        """Call `function` in the server's loop, if that still runs."""
        with suppress(RuntimeError):  # the loop closed in this very moment
            if self.loop is not None:
                self.loop.call_soon_threadsafe(function)

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=self._server.config.get_loop_factory()) as runner:
                self.loop = runner.get_loop()
                self.loop.set_exception_handler(self._unhandled)
                runner.run(self._server.serve([self.listener]))
        except BaseException as error:  # SystemExit is how Uvicorn says that it could not start
            self._died = error
        finally:
            self.loop = None
            self._server.settled.set()

    def _unhandled(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """A task that nobody awaited failed. asyncio would log it into a cell; it belongs to the app's errors."""
        error = context.get("exception")
        if error is not None and not isinstance(error, (asyncio.CancelledError, SystemExit)):
            self.failures.record(error, "TASK", context.get("message", ""), None)


class _Uvicorn(uvicorn.Server):
    """Uvicorn's server, which says when it is ready, and hears of a stop at once instead of looking every 0.1 s."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.settled = threading.Event()  # started, or ended without having started
        self.ticks = asyncio.Event()  # set in the server's loop, ends the pause between two ticks
        self._main: asyncio.Task[None] | None = None

    def cancel(self) -> None:
        """Cancel what startup or shutdown hangs in. Call it in the server's loop."""
        if self._main is not None:
            self._main.cancel()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._main = asyncio.current_task()
        await super().startup(sockets)
        self.settled.set()

    async def main_loop(self) -> None:
        counter = 0
        while not await self.on_tick(counter):  # Uvicorn's own housekeeping: the date header, limits
            counter += 1
            with suppress(TimeoutError):
                await asyncio.wait_for(self.ticks.wait(), 0.1)
