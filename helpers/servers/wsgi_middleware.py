"""What `serve` puts around a WSGI app: one small middleware a job. asgi_middleware.py has the same for ASGI."""

from __future__ import annotations

import io
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import flask
from werkzeug.wrappers import Response
from werkzeug.wsgi import ClosingIterator

from helpers.servers import offline_docs
from helpers.servers.address import redirect_target
from helpers.servers.failures import Request, current_request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from _typeshed import OptExcInfo

    from helpers.servers.failures import Failures
    from helpers.servers.visits import Visits

    Headers = list[tuple[str, str]]
    Write = Callable[[bytes], object]


class Prefix:
    """Mends redirects behind a prefix that a proxy has cut off. Werkzeug's ProxyFix, around it, tells the app."""

    def __init__(self, app: WSGIApplication) -> None:
        self.app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        prefix, host = environ.get("SCRIPT_NAME", ""), environ.get("HTTP_HOST", "")

        def redirect(status: str, headers: Headers, exc_info: OptExcInfo | None = None, /) -> Write:
            mended = _changed(headers, "location", lambda target: redirect_target(target, host, prefix))
            return start_response(status, mended, exc_info)

        return self.app(environ, redirect if prefix else start_response)


class NoteVisits:
    """Notes which pages were asked for."""

    def __init__(self, app: WSGIApplication, visits: Visits) -> None:
        self.app, self.visits = app, visits

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self.visits.note(environ["PATH_INFO"], environ.get("HTTP_X_REQUEST_ID"))
        return self.app(environ, start_response)


class OfflineDocs:
    """Answers with the scripts of documentation pages, and names them in such pages on their way to a browser."""

    def __init__(self, app: WSGIApplication) -> None:
        self.app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if found := offline_docs.asset(environ["PATH_INFO"]):
            return Response(found[1], content_type=found[0])(environ, start_response)
        if "text/html" not in environ.get("HTTP_ACCEPT", ""):
            return self.app(environ, start_response)
        environ.pop("HTTP_ACCEPT_ENCODING", None)  # a page that can be read here
        may_hold = True
        held: list[tuple[str, Headers]] = []  # the start of a page that waits until it is whole, for local scripts
        page: list[bytes] = []

        def start(status: str, headers: Headers, exc_info: OptExcInfo | None = None, /) -> Write:
            if may_hold and offline_docs.is_page(headers):
                held.append((status, headers))
                return page.append
            return start_response(status, headers, exc_info)

        chunks = self.app(environ, start)
        may_hold = False  # a generator calls `start` later, when its chunks are on their way already
        if not held:
            return chunks
        with closing(ClosingIterator(chunks)) as rest:
            content = offline_docs.localize(b"".join([*page, *rest]), environ.get("SCRIPT_NAME", ""))
        status, headers = held[-1]
        start_response(status, _changed(headers, "content-length", lambda _: str(len(content))))
        return [content]


class KeepFailures:
    """Records the exceptions that the app does not handle, and those that it answers with 500 by itself."""

    def __init__(self, app: WSGIApplication, failures: Failures) -> None:
        self.app, self.failures = app, failures

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request_id = environ.get("HTTP_X_REQUEST_ID")
        request = Request(self.failures, environ["REQUEST_METHOD"], environ["PATH_INFO"], request_id)
        environ["wsgi.errors"] = _ErrorStream(request)

        def start(status: str, headers: Headers, exc_info: OptExcInfo | None = None, /) -> Write:
            if exc_info and exc_info[1]:
                request.tell(exc_info[1])
            request.answer(int(status[:3]))
            return start_response(status, headers, exc_info)

        def watched(chunks: Iterable[bytes]) -> Iterator[bytes]:
            try:
                yield from chunks
            except Exception as error:  # in the middle of an answer
                request.record(error)
                raise
            finally:
                if hasattr(chunks, "close"):
                    chunks.close()

        try:
            with request.current():
                return watched(self.app(environ, start))
        except Exception as error:
            request.record(error)
            raise
        except (SystemExit, KeyboardInterrupt) as error:  # it would end the thread, and with it a part of the pool
            request.record(error)
            raise RuntimeError(f"the app raised {type(error).__name__}") from error


class _ErrorStream(io.TextIOBase):
    """`wsgi.errors` of one request: the cell's stderr, until the request fails.

    From then on Flask logs the traceback of what `Failures` keeps already.
    """

    def __init__(self, request: Request) -> None:
        self.request = request

    def write(self, text: str, /) -> int:
        if (error := sys.exception()) and type(error).__name__ in text:  # its traceback, written where it was caught
            self.request.tell(error)
        return sys.stderr.write(text) if self.request.failure is None else len(text)


@flask.got_request_exception.connect
def record_flask(sender: object, exception: BaseException, **extra: object) -> None:
    """Flask answers 500 to an exception by itself; its signal is how we hear of it, also where it is mounted."""
    if request := current_request():
        request.record(exception)


def _changed(headers: Headers, name: str, change: Callable[[str], str]) -> Headers:
    """The headers, with another value of `name` (in lower case) where they have one."""
    return [(each, change(value) if each.lower() == name else value) for each, value in headers]
