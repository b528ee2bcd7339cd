"""Send one request to one server, and say plainly what happened when no whole answer came."""

import threading
import time
from contextlib import suppress
from dataclasses import replace
from functools import cache
from socket import SHUT_RDWR, socket
from typing import Any, NamedTuple
from uuid import uuid4

import h11
import httpx

from helpers.errors import LessonError, one_line
from helpers.exchange.answers import Answer, Sent
from helpers.exchange.comparing import size

AT_MOST = 64_000_000  # bytes of a body that are read


class Target(NamedTuple):
    """Where a request goes. `server` may keep records of what its app raised, in `.errors`."""

    name: str
    url: httpx.URL
    server: object


@cache
def transport() -> httpx.HTTPTransport:
    """The one way out, kept for the life of the process: making its TLS context anew takes longer than most answers.

    A bare transport, not a client: no cookies, no redirects, no proxies from the environment. No connection is kept:
    all servers pay for a new one alike, and a server that was started anew never meets a connection to the old one.
    """
    return httpx.HTTPTransport(verify=False, limits=httpx.Limits(max_keepalive_connections=0))


class _Deadline:
    """Ends an exchange `seconds` after it connected; httpx's own timeouts start anew with each piece that arrives."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.passed = seconds, False
        self.timer: threading.Timer | None = None

    def trace(self, event: str, info: dict[str, Any]) -> None:
        """What httpcore calls at each step."""
        if event == "connection.connect_tcp.complete":
            self.timer = threading.Timer(self.seconds, self._cut, [info["return_value"].get_extra_info("socket")])
            self.timer.daemon = True
            self.timer.start()

    def _cut(self, connection: socket) -> None:
        self.passed = True
        with suppress(OSError):
            connection.shutdown(SHUT_RDWR)

    def cancel(self) -> None:
        if self.timer:
            self.timer.cancel()
            self.timer.join()


def send(target: Target, sent: Sent, timeout: float) -> Answer:
    """The answer of one server to `sent`, whatever became of it.

    Raises LessonError when `sent` cannot be put into HTTP.
    """
    headers = sent.headers.copy()
    identity = headers.setdefault("x-request-id", uuid4().hex)
    deadline = _Deadline(timeout)
    request = httpx.Request(
        sent.method,
        target.url,
        headers=headers,
        content=sent.body,
        extensions={
            "target": (target.url.path.rstrip("/") + sent.target).encode("ascii"),
            "timeout": dict.fromkeys(("connect", "read", "write", "pool"), timeout),
            "trace": deadline.trace,
        },
    )
    if "transfer-encoding" in headers:
        request.headers.pop("content-length", None)
    response, content, error = None, bytearray(), None
    opened = transport()  # made before the clock starts
    began = time.perf_counter()
    try:
        response = opened.handle_request(request)
        for piece in response.iter_bytes():
            content += piece
            if len(content) > AT_MOST:
                error = f"sent more than {size(AT_MOST)}: the rest was not read"
                break
    except (httpx.LocalProtocolError, h11.LocalProtocolError) as cause:
        raise LessonError("HTTP does not allow this request, so it was not sent: look at headers=.") from cause
    except httpx.RequestError as cause:
        error = _trouble(cause, target, None if response is None else len(content))
        deadline.passed = deadline.passed or isinstance(cause, httpx.TimeoutException)
    finally:
        elapsed = time.perf_counter() - began
        deadline.cancel()
        if response is not None:
            response.close()
    if deadline.passed:  # said here: a body without a length ends in good order, for httpx, when the deadline cuts it
        error = f"timed out after {timeout:g} s: " + (
            "no answer" if response is None else f"its answer had not ended, {size(len(content))} of the body had come"
        )
    answer = Answer(
        server=target.name,
        url=str(target.url).rstrip("/"),
        sent=sent,
        elapsed_ms=elapsed * 1000,
        error=error,
        failure=_failure(target.server, identity),
    )
    if response is None:
        return answer
    return replace(
        answer,
        status=response.status_code,
        reason=response.reason_phrase,
        headers=response.headers,
        content=bytes(content),
        encoding=response.encoding or "utf-8",
    )


def _trouble(cause: httpx.RequestError, target: Target, received: int | None) -> str:
    """What kept an answer from coming, in words; `received` bytes of its body came, None if not even its head did."""
    causes: list[BaseException] = [cause]
    while link := causes[-1].__cause__ or causes[-1].__context__:
        causes.append(link)
    if any(isinstance(each, ConnectionRefusedError) for each in causes):
        return f"stopped, nothing listens at {target.url}: run its serve(...) cell again"
    if isinstance(cause, httpx.ConnectError):
        return f"could not be reached: {one_line(cause)}"
    if isinstance(cause, httpx.DecodingError):
        return f"sent a body that is not what its content-encoding header says: {one_line(cause)}"
    if received is not None:
        return f"broke off in the middle of its answer, after {size(received)} of the body"
    if any(isinstance(each, h11.RemoteProtocolError) for each in causes):
        return f"sent something that is not HTTP: {one_line(cause)}"
    return "closed the connection without an answer"


def _failure(server: object, identity: str) -> Any:
    """The record of what the app raised for this request, if `server` keeps such records (before its answer ends)."""
    records = [*getattr(server, "errors", ())]
    return next((record for record in reversed(records) if record.request_id == identity), None)
