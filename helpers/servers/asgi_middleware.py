"""What `serve` puts around an ASGI app: one small middleware a job. wsgi_middleware.py has the same for WSGI."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from helpers.servers import offline_docs
from helpers.servers.address import redirect_target
from helpers.servers.failures import Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from helpers.servers.failures import Failures
    from helpers.servers.visits import Visits


class Prefix:
    """Tells the app of the prefix that a proxy has cut off, and mends redirects.

    An app that names a `root_path` of its own is told nothing: it would look for that one in a path with the prefix.
    """

    def __init__(self, app: ASGIApp, root_path: str = "") -> None:
        self.app, self.root_path = app, root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        prefix = "" if scope["type"] == "lifespan" else _header(scope, b"x-forwarded-prefix").rstrip("/")
        if not prefix or self.root_path:
            return await self.app(scope, receive, send)
        path, raw_path = prefix + scope["path"], prefix.encode("latin-1") + scope["raw_path"]
        host = _header(scope, b"host")

        async def redirect(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = _changed(message, b"location", lambda target: redirect_target(target, host, prefix))
            await send(message)

        await self.app({**scope, "root_path": prefix, "path": path, "raw_path": raw_path}, receive, redirect)


class NoteVisits:
    """Notes which pages were asked for."""

    def __init__(self, app: ASGIApp, visits: Visits) -> None:
        self.app, self.visits = app, visits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            self.visits.note(_path(scope), _header(scope, b"x-request-id") or None)
        await self.app(scope, receive, send)


class OfflineDocs:
    """Answers with the scripts of documentation pages, and names them in such pages on their way to a browser."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (found := offline_docs.asset(_path(scope))):
            from starlette.responses import Response

            return await Response(found[1], headers={"content-type": found[0]})(scope, receive, send)
        if scope["type"] != "http" or "text/html" not in _header(scope, b"accept"):
            return await self.app(scope, receive, send)
        plain = [pair for pair in scope["headers"] if pair[0] != b"accept-encoding"]  # a page that can be read here
        start: Message | None = None  # of a page that waits until it is whole, for local scripts
        page, prefix = b"", scope.get("root_path", "")

        async def localized(message: Message) -> None:
            nonlocal start, page
            if message["type"] == "http.response.start":
                pairs = message.get("headers", [])
                if offline_docs.is_page((name.decode("latin-1"), value.decode("latin-1")) for name, value in pairs):
                    start = message
                    return
            elif start is not None and message["type"] == "http.response.body":
                page += message.get("body", b"")
                if message.get("more_body"):
                    return
                page = offline_docs.localize(page, prefix)
                await send(_changed(start, b"content-length", lambda _: str(len(page))))
                start, message = None, {**message, "body": page}
            await send(message)

        await self.app({**scope, "headers": plain}, receive, localized)


class LateEnd:
    """Sends the end of an answer that reports a failure once the failure is recorded.

    Starlette answers 500 and raises right after, for the server to log. Whoever has the whole answer shall find the
    failure recorded, so the end goes out when the app pauses next, or when it is done.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        status, answered = 0, False
        end: asyncio.Future[None] | None = None

        async def answer(message: Message) -> None:
            nonlocal status, answered, end
            status = message.get("status", status)
            answered = message["type"] == "http.response.body" and not message.get("more_body")
            if answered and status >= 500:
                end = asyncio.ensure_future(send(message))
            else:
                await send(message)

        try:
            await self.app(scope, receive, answer)
        except Exception:
            # Uvicorn would close a connection whose client has its whole answer, and may be sending the next request.
            if not answered:
                raise
        if end is not None:
            await end


class KeepFailures:
    """Records the exceptions that the app does not handle, and those that it answers with 500 by itself."""

    def __init__(self, app: ASGIApp, failures: Failures) -> None:
        self.app, self.failures = app, failures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        path = _path(scope)  # now: a mounted app changes `root_path`
        request_id = _header(scope, b"x-request-id") or None
        request = Request(self.failures, scope.get("method", "WEBSOCKET"), path, request_id)

        async def answer(message: Message) -> None:
            request.answer(message.get("status", 0))
            await send(message)

        try:
            with request.current():
                await self.app(scope, receive, answer)
        except (Exception, SystemExit, KeyboardInterrupt) as error:
            request.record(error)
            if isinstance(error, Exception):
                raise
            raise RuntimeError(f"the app raised {type(error).__name__}") from error  # it would end the loop


class KeepLifespanError:
    """Keeps the exception that a lifespan ends with, which Uvicorn only logs.

    The ASGI specification lets an app refuse the lifespan scope by raising. An app that raises after it has taken a
    lifespan message did not refuse: its start, or its shutdown, went wrong. Unless it answers as if it were a request.
    """

    error: BaseException | None = None

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            return await self.app(scope, receive, send)
        took_part = False

        async def hear() -> Message:
            nonlocal took_part
            message = await receive()
            took_part = True
            return message

        async def say(message: Message) -> None:
            nonlocal took_part
            took_part = message["type"].startswith("lifespan.")
            await send(message)  # Uvicorn raises at any other message

        try:
            await self.app(scope, hear, say)
        except Exception as error:
            if not took_part:
                return  # Uvicorn takes a return for "started, and nothing to shut down"
            self.error = error
            raise
        except asyncio.CancelledError as error:  # it took too long, and its traceback says where
            self.error = error
            raise
        except SystemExit as error:  # the app called sys.exit(): let it end this start, not the thread's clean-up
            self.error = error
            raise RuntimeError("the app called sys.exit()") from error


def _path(scope: Scope) -> str:
    """The path as the server was asked for it, without the prefix that `Prefix` has put before it."""
    path: str = scope.get("path", "")
    return path.removeprefix(scope.get("root_path", ""))


def _header(scope: Scope, name: bytes) -> str:
    """The request's header `name` (in lower case); empty where there is none."""
    value: bytes = dict(scope["headers"]).get(name, b"")
    return value.decode("latin-1")


def _changed(start: Message, name: bytes, change: Callable[[str], str]) -> Message:
    """The start of an answer, with another value of the header `name` (in lower case) where it has one."""
    pairs = start.get("headers", [])
    new = [(n, change(v.decode("latin-1")).encode("latin-1") if n.lower() == name else v) for n, v in pairs]
    return {**start, "headers": new}
