"""Handling what a learner built: is it blank, serve it and ask it, bound its time, tell its crash in a sentence."""

from __future__ import annotations

import ctypes
import dis
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

from helpers.errors import one_line

if TYPE_CHECKING:
    from helpers.exchange import Answer
    from helpers.servers import Server

ANSWER_SECONDS = 5.0  # for one request to what the learner built


class NotYet(Exception):
    """Raised by a check: a sentence about this learner's mistake, and what to look at."""


class NotStarted(NotYet):
    """Raised by a check that sees that the learner has not begun, where `is_blank` cannot tell."""


class Asking:
    """What asks the learner's app: ``ask("GET", "/ping")``, with the arguments of `helpers.exchange.ask`.

    `server` is the app's `Server`, for `burst` and `watch`.
    """

    def __init__(self, server: Server, label: str) -> None:
        self.server, self.label = server, label

    def __call__(self, method: str, path: str, **request: Any) -> Answer:
        """The one answer. Raises NotYet, with a sentence that names the request, where none comes or the app raises."""
        from helpers.exchange import ask

        (answer,) = ask(self.server, method, path, timeout=ANSWER_SECONDS, **request)
        if answer.failure:
            raise NotYet(f"Inside {self.label}, {_told(answer.failure.exception) or answer.failure}.")
        if answer.error:
            raise NotYet(f"No good answer to {method} {path}: {self.label} {answer.error}.")
        return answer


def _told(error: BaseException) -> str:
    """The usual first mistakes in words of their own; empty for any other exception."""
    if type(error).__name__ == "ResponseValidationError" and "'input': None" in str(error):
        return "the function ends without a value: write what it answers behind `return`"
    if isinstance(error, TypeError) and str(error) == "'tuple' object is not callable":
        return (
            "a handler returns a tuple (body, status), which only Flask understands: "
            "return `JSONResponse(body, status)`"
        )
    return ""


@contextmanager
def serving(app: object, label: str = "your app") -> Iterator[Asking]:
    """The learner's app, served for the length of the ``with`` block, and what asks it.

    `label` names the app in messages, and tells two apart ("Flask", "FastAPI").
    """
    from helpers.servers import serve

    server = serve(app, name=f"check {label}")
    try:
        yield Asking(server, label)
    finally:
        server.stop()


def quoted(answer: Answer, longest: int = 120) -> str:
    """What an app answered, short enough for a sentence; of a page of HTML only its words."""
    html = "text/html" in answer.headers.get("content-type", "")
    text = " ".join(re.sub(r"(?s)<title>.*?</title>|<[^>]*>", " ", answer.text).split()) if html else answer.text
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def is_blank(attempt: object) -> bool:
    """Whether nothing has been filled in.

    True for `...` and None, for a function whose body is `...`, `pass` or a docstring, for an app whose own routes
    are all blank or missing, and for a tuple, list or dict of nothing but these.
    """
    if attempt is None or attempt is ...:
        return True
    if isinstance(attempt, tuple | list | dict):
        values = list(attempt.values() if isinstance(attempt, dict) else attempt)
        return bool(values) and all(is_blank(value) for value in values)
    if isinstance(attempt, type):
        return False
    if hasattr(attempt, "__code__"):
        return _steps(attempt.__code__) in _empty_bodies()
    if hasattr(attempt, "view_functions"):  # Flask
        return all(is_blank(view) for name, view in attempt.view_functions.items() if name != "static")
    if hasattr(attempt, "openapi") and hasattr(attempt, "routes"):  # FastAPI, whose docs are there from the start
        docs = {"/openapi.json", "/docs", "/docs/oauth2-redirect", "/redoc"}
        own = [route for route in attempt.routes if getattr(route, "path", None) not in docs]
        return all(is_blank(getattr(route, "endpoint", route)) for route in own)
    return False


def bracketless() -> str | None:
    """The name that a decorator without brackets has left in the notebook; None without one.

    ``@app.get`` above a function takes the function for a path, and leaves a decorator in its place.
    """
    for name, value in list(vars(sys.modules["__main__"]).items()):
        # by its type: some objects there, such as Flask's `request`, answer no question outside of a request
        swallowed = type(value) is FunctionType and value.__qualname__.endswith(".<locals>.decorator")
        if swallowed and value.__module__.partition(".")[0] in ("flask", "fastapi", "apiflask", "quart"):
            return name
    return None


def _steps(code: CodeType) -> list[tuple[str, object]]:
    return [(step.opname, step.argval) for step in dis.get_instructions(code)]


def _empty_bodies() -> list[list[tuple[str, object]]]:
    """What this version of Python makes of functions that nobody has filled in."""

    def dots() -> None: ...

    def returned_dots() -> object:
        return ...

    async def awaited_dots() -> None: ...

    async def awaited_returned_dots() -> object:
        return ...

    return [_steps(function.__code__) for function in (dots, returned_dots, awaited_dots, awaited_returned_dots)]


class _OutOfTime(BaseException):
    """Ends the thread of a check that takes too long; no Exception, so that the learner's handlers let it pass."""


def within(seconds: float, work: Callable[[], str]) -> str:
    """What `work` returns or raises, in a thread of its own; `NotYet` when it is not done after `seconds`."""
    returned: list[str] = []
    raised: list[BaseException] = []

    def run() -> None:
        try:
            returned.append(work())
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run, name="check", daemon=True)
    thread.start()
    try:
        thread.join(seconds)
    finally:  # also when the learner interrupts the cell
        in_time = not thread.is_alive()
        if not in_time:
            # Python code ends at its next step. A call that blocks ends when it does: the thread is a daemon.
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(_OutOfTime))
            thread.join(1)
    if not in_time:
        raise NotYet(f"Your code is still busy after {seconds:g} seconds: look for a loop or a wait that never ends.")
    if raised:
        raise raised[0]
    return returned[0]


def crash_sentence(error: BaseException) -> str:
    """The sentence for an exception of the learner's code, with their line where there is one."""
    from helpers.servers.failures import where

    if line := where(error):
        return f"Your code raises {one_line(error)} ({line})."
    return f"The check cannot work with this answer ({one_line(error)}); compare its form with what the text asks for."
