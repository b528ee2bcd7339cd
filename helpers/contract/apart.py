"""A fresh app for each rule, served where it can do no harm: in a forked process, which is ended when it hangs.

Where forking is not safe (macOS) or not possible (Windows) the app is served in this process.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import sys
import threading
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from helpers.errors import LessonError, one_line

START_SECONDS = 10.0  # for make_app() and the start of its server
FORKS = hasattr(os, "fork") and sys.platform != "darwin"
END_SECONDS = 5.0


class CannotStart(Exception):
    """Raised with a sentence that says why there is no app to ask."""


class Apart(ABC):
    """An app that runs until `stop`: `url` is where it listens."""

    url: str

    @abstractmethod
    def failure(self) -> str:
        """What the app raised last without handling it, with the line; empty where it has raised nothing."""

    @abstractmethod
    def stop(self) -> None:
        """End it, within seconds whatever it does."""


def start(make_app: Callable[[], Any]) -> Apart:
    """Call `make_app` and serve what it returns; raises CannotStart with a sentence where that goes wrong.

    `make_app` may also return a server that `launch` started. It is asked as it is, and stopped afterwards.
    """
    return _Forked(make_app) if FORKS else _Threaded(make_app)


class _Forked(Apart):
    def __init__(self, make_app: Callable[[], Any]) -> None:
        from helpers.servers import asgi, wsgi  # noqa: F401 - loaded here once, not in each child again

        forking = multiprocessing.get_context("fork")
        self._pipe, theirs = forking.Pipe()
        self._process = forking.Process(target=_child, args=(make_app, self._pipe, theirs), daemon=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of threads: the child uses none of the parent's
            self._process.start()
        theirs.close()
        try:
            told = self._hear(START_SECONDS + 1)  # the child says itself what takes so long, if it can
        except BaseException:  # the learner interrupted the cell
            self._end()
            raise
        if told is None:
            ended = self._has_ended()
            self._end()
            how = "ends the whole process" if ended else f"has not returned after {START_SECONDS:g} seconds"
            raise CannotStart(f"make_app() {how}: it makes an app and returns it, and waits for nothing.")
        trouble, self.url, self._launched = told
        if trouble:
            self._end()
            raise CannotStart(trouble)

    def _hear(self, seconds: float) -> Any:
        """The child's next word; None where none comes in time, and where it has ended."""
        try:
            return self._pipe.recv() if self._pipe.poll(seconds) else None
        except (EOFError, OSError):
            return None

    def _say(self, word: str) -> None:
        try:
            self._pipe.send(word)
        except OSError:
            return  # it has ended

    def failure(self) -> str:
        self._say("failure")
        if (told := self._hear(1)) is not None:
            return str(told)
        return "the app has ended its process" if self._has_ended() else ""

    def _has_ended(self) -> bool:
        self._process.join(0.2)  # its pipe is closed a moment before it is seen to have ended
        return not self._process.is_alive()

    def stop(self) -> None:
        if self._launched:  # its processes are to end with it
            self._say("stop")
            self._hear(END_SECONDS)
        self._end()

    def _end(self) -> None:
        self._process.kill()
        self._process.join()
        self._process.close()
        self._pipe.close()


class _Threaded(Apart):
    def __init__(self, make_app: Callable[[], Any]) -> None:
        self._server = _served(make_app)
        self.url = self._server.url

    def failure(self) -> str:
        return _last_failure(self._server)

    def stop(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an app that does not let go has been told of by its rule
            self._server.stop()


def _child(make_app: Callable[[], Any], parents_end: Connection, pipe: Connection) -> None:
    """Serve the app, tell where it listens, and wait for orders; a parent that ends closes the pipe."""
    parents_end.close()
    gc.freeze()  # what is the parent's is not cleaned up from here
    try:
        server = _served(make_app)
    except CannotStart as trouble:
        pipe.send((str(trouble), "", False))
        os._exit(0)
    launched = server.app is None  # a process of its own
    pipe.send(("", server.url, launched))
    try:
        while pipe.recv() == "failure":
            pipe.send(_last_failure(server))
    except (EOFError, OSError):
        pass
    if launched:
        server.stop()
    os._exit(0)


def _served(make_app: Callable[[], Any]) -> Any:
    """The server of a new app; raises CannotStart with a sentence."""
    from helpers.servers import Server, serve
    from helpers.servers.failures import where

    raised: list[BaseException] = []
    made: list[Any] = []

    def make() -> None:
        try:
            app = make_app()
            made.append(app if isinstance(app, Server) else serve(app, name="review", timeout=START_SECONDS / 2))
        except BaseException as error:  # whatever the learner's code raises, sys.exit() included
            raised.append(error)

    thread = threading.Thread(target=make, daemon=True)
    thread.start()
    thread.join(START_SECONDS)
    if made:
        return made[0]
    if not raised:
        raise CannotStart(f"make_app() has not returned after {START_SECONDS:g} seconds: it waits for something.")
    (error,) = raised
    if isinstance(error, LessonError):
        cause = f" ({one_line(error.__cause__)})" if error.__cause__ else ""
        raise CannotStart(f"{error}{cause}")
    line = where(error)
    raise CannotStart(f"make_app() raises {one_line(error)}" + (f" ({line})." if line else "."))


def _last_failure(server: Any) -> str:
    failures = [*server.errors]
    return str(failures[-1]) if failures else ""
