"""Exceptions that an app did not handle, kept where the learner looks: with the server, and in `ask`'s answers."""

import linecache
import sys
import traceback
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from helpers.errors import one_line

# Where a file lies whose lines are nobody's own
_LIBRARIES = (str(Path(__file__).resolve().parents[1]), sys.base_prefix, "<frozen")


@dataclass(frozen=True)
class Failure:
    """One request (or lifespan event) that ended in an exception of the app."""

    exception: BaseException
    method: str  # "GET"; "WEBSOCKET" or "LIFESPAN" where there is no method
    path: str
    request_id: str | None  # the request's own `x-request-id` header

    @property
    def where(self) -> str:
        """The learner's line that raised it, ``"in books(), line 3: return shelf[n]"``; empty where there is none."""
        return where(self.exception)

    def __str__(self) -> str:
        where = f" ({self.where})" if self.where else ""
        return f"{self.method} {self.path} raised {one_line(self.exception)}{where}"


def where(error: BaseException) -> str:
    """The innermost line of `error`'s traceback that is the learner's own; empty where there is none."""
    for frame, line in reversed(list(traceback.walk_tb(error.__traceback__))):
        filename = frame.f_code.co_filename
        if "site-packages" not in filename and not filename.startswith(_LIBRARIES):
            source = linecache.getline(filename, line).strip()
            return f"in {frame.f_code.co_name}(), line {line}: {source}".removesuffix(": ")
    return ""


class Failures(deque[Failure]):
    """The newest hundred failures of one server, newest last."""

    def __init__(self, name: str) -> None:
        super().__init__(maxlen=100)
        self.name = name

    def record(self, exception: BaseException, method: str, path: str, request_id: str | None) -> None:
        """Keep a failure; print it too when nobody else will show it.

        `ask` numbers its requests and shows their failures beside the answers. Any other request, such as a browser's,
        gets what a terminal would give it: a line on stderr.
        """
        failure = Failure(exception, method, path, request_id)
        self.append(failure)
        if request_id is None:
            print(f"{self.name}: {failure}", file=sys.stderr)
