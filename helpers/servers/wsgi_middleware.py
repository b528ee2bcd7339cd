"""What `serve` puts around a WSGI app: one small middleware a job. asgi_middleware.py has the same for ASGI."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

import flask

from helpers.servers import offline_docs
from helpers.servers.prefix import redirect_target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import TracebackType
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from helpers.servers.failures import Failures
    from helpers.servers.visits import Visits

    Headers = list[tuple[str, str]]
    ExcInfo = tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None] | None


class Prefix:
    """Mends redirects behind a prefix that a proxy has cut off. Werkzeug's ProxyFix, around it, tells the app."""

    def __init__(self, app: WSGIApplication) -> None:
        self.app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        prefix, host = environ.get("SCRIPT_NAME", ""), environ.get("HTTP_HOST", "")
        if not prefix:
            return self.app(environ, start_response)

        def mended(name: str, value: str) -> str:
            return redirect_target(value, host, prefix) if name.lower() == "location" else value

        def redirect(status: str, headers: Headers, exc_info: ExcInfo = None, /) -> Callable[[bytes], object]:
            return start_response(status, [(name, mended(name, value)) for name, value in headers], exc_info)

        return self.app(environ, redirect)


class NoteVisits:
    """Notes which pages were asked for."""

    def __init__(self, app: WSGIApplication, visits: Visits) -> None:
        self.app = app
        self.visits = visits

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self.visits.note(environ["PATH_INFO"], environ.get("HTTP_X_REQUEST_ID"))
        return self.app(environ, start_response)


class OfflineDocs:
    """Answers with the scripts of documentation pages, and names them in such pages on their way to a browser."""

    def __init__(self, app: WSGIApplication) -> None:
        self.app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if found := offline_docs.asset(environ["PATH_INFO"]):
            content_type, content = found
            start_response("200 OK", [("Content-Type", content_type), ("Content-Length", str(len(content)))])
            return [content]
        if "text/html" not in environ.get("HTTP_ACCEPT", ""):
            return self.app(environ, start_response)
        page = _Page(start_response, environ.get("SCRIPT_NAME", ""))
        chunks = self.app(environ, page.start)
        if page.held:
            return page.localized(chunks)
        page.may_hold = False  # a generator calls start_response later, when its chunks are on their way already
        return chunks


class _Page:
    """`start_response` of one request, which holds a page back until it is whole and can be sent with local scripts."""

    def __init__(self, start_response: StartResponse, prefix: str) -> None:
        self.start_response = start_response
        self.prefix = prefix
        self.may_hold = True
        self.held: tuple[str, Headers] | None = None
        self.written: list[bytes] = []

    def start(self, status: str, headers: Headers, exc_info: ExcInfo = None, /) -> Callable[[bytes], object]:
        if self.may_hold and offline_docs.is_page({name.lower(): value for name, value in headers}):
            self.held = (status, headers)
            return self.written.append
        return self.start_response(status, headers, exc_info)

    def localized(self, chunks: Iterable[bytes]) -> list[bytes]:
        """The page that was held back, now with local scripts."""
        assert self.held is not None
        try:
            content = offline_docs.localize(b"".join([*self.written, *chunks]), self.prefix)
        finally:
            if hasattr(chunks, "close"):
                chunks.close()
        status, headers = self.held
        size = str(len(content))
        self.start_response(status, [(n, size if n.lower() == "content-length" else v) for n, v in headers])
        return [content]


class KeepFailures:
    """Records the exceptions that the app does not handle, and those that Flask answers with 500 by itself."""

    def __init__(self, app: WSGIApplication, failures: Failures) -> None:
        self.app = app
        self.failures = failures

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        errors = _ErrorStream()

        def record(error: BaseException) -> None:
            if errors.failure is not error:  # else Flask's signal has told it already
                errors.failure = error
                request_id = environ.get("HTTP_X_REQUEST_ID")
                self.failures.record(error, environ["REQUEST_METHOD"], environ["PATH_INFO"], request_id)

        environ["lesson.record"] = record
        environ["wsgi.errors"] = errors
        try:
            return _Watched(self.app(environ, start_response), record)
        except Exception as error:
            record(error)
            raise


class _Watched:
    """An app's response, whose exceptions are recorded when they come in the middle of it."""

    def __init__(self, chunks: Iterable[bytes], record: Callable[[BaseException], None]) -> None:
        self._chunks = chunks
        self._record = record

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._chunks
        except Exception as error:
            self._record(error)
            raise

    def close(self) -> None:
        if hasattr(self._chunks, "close"):
            self._chunks.close()


class _ErrorStream(io.TextIOBase):
    """`wsgi.errors` of one request: the cell's stderr, until the request fails.

    From then on Flask logs the traceback of what `Failures` keeps already.
    """

    failure: BaseException | None = None

    def writable(self) -> bool:
        return True

    def write(self, text: str, /) -> int:
        return sys.stderr.write(text) if self.failure is None else len(text)


@flask.got_request_exception.connect
def record_flask(sender: object, exception: BaseException, **extra: object) -> None:
    """Flask answers 500 to an exception by itself; its signal is how we hear of it."""
    record = flask.request.environ.get("lesson.record")
    if record is not None:
        record(exception)
