"""The client process as the kernel sees it: started when it is first needed, and again when it has died."""

import atexit
import os
import threading
from collections.abc import Callable
from typing import Any

from helpers.errors import LessonError
from helpers.processes import CannotStart, Child, ChildError, Ended, TimedOut

START = 20.0  # seconds


class ClientError(LessonError):
    """The client process did not do what it was asked to."""


class ClientProcess:
    """A child process that takes one order at a time. `pid` is None until the first."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._child: Child | None = None

    @property
    def pid(self) -> int | None:
        """The process id of the one that took the last order; None when it was ended."""
        return self._child.pid if self._child is not None else None

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.running

    def order(
        self, kind: str, order: dict[str, Any], timeout: float, hear: Callable[[Any], None] = lambda part: None
    ) -> Any:
        """Have `order` carried out, and return the reports; `hear` is called with what is told on the way.

        Raises ClientError when no answer came within `timeout` seconds, when the process died on it, or when it could
        not be carried out. An interrupt ends the process; the next order starts a new one.
        """
        with self._turn:
            try:
                if self._child is None or not self._child.running:
                    self._end()
                    self._child = Child("helpers.client.child", timeout=START)
                return self._child.ask(timeout, hear, kind=kind, order=order)["reports"]
            except CannotStart as error:
                raise ClientError(f"The client process cannot be started: {error}.") from error
            except TimedOut as error:
                self._end()
                raise ClientError(
                    f"The client process gave no report within {timeout:g} s; run the cell again."
                ) from error
            except Ended as error:
                self._end()
                raise ClientError("The client process died; run the cell again to start a new one.") from error
            except ChildError as error:
                raise ClientError(f"The client process could not send this: {error}") from None
            except BaseException:
                self._end()
                raise

    def end(self) -> None:
        """End the process, if there is one."""
        with self._turn:
            self._end()

    def abandon(self) -> None:
        """In a forked process: the client is the parent's, and the next order starts another."""
        self._turn = threading.Lock()  # another thread may have held it
        self._child = None

    def _end(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            (child.kill if child.running else child.stop)()


client = ClientProcess()
atexit.register(client.end)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=client.abandon)
