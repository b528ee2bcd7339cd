"""What a `Server` asks of the thread that serves its app, whatever is in it: Uvicorn or Werkzeug."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from helpers.servers.failures import Failures
    from helpers.servers.visits import Visits


class Entrance(Protocol):
    """The innermost middleware: each request goes through it to `app`, which may be swapped between two requests."""

    app: Any  # an ASGI or a WSGI application


class Backend(Protocol):
    """Serves an app in a thread of its own, from `start` until `stop`."""

    failures: Failures
    visits: Visits

    @property
    def entrance(self) -> Entrance: ...

    @property
    def loop(self) -> AbstractEventLoop | None:
        """The event loop that the app runs on, while it runs; None for WSGI."""

    def start(self, timeout: float) -> BaseException | None:
        """Start, and return None once requests are answered, or what went wrong within `timeout` seconds."""

    def ask_to_stop(self) -> None:
        """Ask for a stop, without waiting for it."""

    def stop(self, timeout: float) -> str | None:
        """Stop within about `timeout` seconds; return what did not go as it should, as the end of a sentence."""

    def abandon(self) -> None:
        """In a forked process: close its copy of the listening socket. The parent's server goes on."""
