"""What all servers have, wherever they run."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from helpers.errors import LessonError
from helpers.plots import Drawn
from helpers.servers.address import browser_address
from helpers.servers.detect import Kind
from helpers.servers.visits import Visits

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from helpers.servers.failures import Failure

MOST_THREADS = 500
NO_POOL = "An ASGI app runs on one event loop, not on a pool of threads; leave `threads` out."


class ServeError(LessonError):
    """An app could not be started; `__cause__` is the app's own exception."""


class ServerWarning(UserWarning):
    """A server that stopped, but not as it should."""


class Server(Drawn):
    """Something that answers requests, until `stop`.

    `name` and `kind` (``"wsgi"`` or ``"asgi"``) say what it is, `url` where it listens: always on 127.0.0.1. `threads`
    is the size of a WSGI server's pool, None where each request gets a thread of its own, and for ASGI. `app` is None,
    and `errors` empty, where the app runs in another process.
    """

    waited_for = False
    app: Any = None
    errors: Sequence[Failure] = ()
    loop: AbstractEventLoop | None = None

    def __init__(self, name: str, kind: Kind, port: int, threads: int | None, visits: Visits) -> None:
        self.name = name
        self.kind = kind
        self.port = port
        self.threads = threads
        self.visits = visits

    @property
    def url(self) -> str:
        """``"http://127.0.0.1:PORT"``, for programs on this machine. A browser needs `address`."""
        return f"http://127.0.0.1:{self.port}"

    @property
    @abstractmethod
    def running(self) -> bool:
        """Whether it still answers."""

    @property
    @abstractmethod
    def entrance(self) -> Any:
        """The object whose `.app` each request goes to, where `watch` puts its recorder; None when stopped."""

    def address(self, path: str = "/") -> str:
        """The address of `path` for the *browser* that shows this notebook.

        With jupyter-server-proxy, on Binder and on a hub it is a path on Jupyter's own host, such as
        ``/user/ada/proxy/43210/docs``; otherwise it is `url` + `path`.
        """
        return browser_address(self.port, path)

    @abstractmethod
    def ask_to_stop(self) -> None:
        """Ask for a stop, without waiting for it."""

    @abstractmethod
    def stop(self) -> None:
        """Stop, within seconds whatever the app is doing. Stopping twice is fine."""

    @abstractmethod
    def abandon(self) -> None:
        """In a forked process: let go of what is the parent's."""


def key(name: str) -> str:
    """Under what a server of that name stands in the registry, beside what else runs."""
    return f"server {name}"
