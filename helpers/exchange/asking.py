"""Send one request to each of several servers on this machine."""

import re
from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_address
from typing import Any
from urllib.parse import quote

import httpx

from helpers.errors import LessonError
from helpers.exchange.answers import Exchange, Sent
from helpers.exchange.sending import Target, send

LONGEST = 600  # seconds that `timeout` may say
DEFAULTS = {"accept": "*/*", "accept-encoding": "gzip", "user-agent": "ask", "connection": "close"}
VISIBLE = "".join(map(chr, range(0x21, 0x7F)))  # what a request line may carry as it is


def ask(
    servers: Any,
    method: str,
    path: str,
    *,
    json: Any = None,
    content: str | bytes | None = None,
    headers: Mapping[str, str] | Sequence[tuple[str, str]] | None = None,
    params: Any = None,
    data: Mapping[str, Any] | None = None,
    files: Any = None,
    timeout: float = 10.0,
) -> Exchange:
    """Send the same request to each server, one after another, and lay the answers side by side.

    `servers` is one server or several: whatever `serve` returned, or a URL such as ``"http://127.0.0.1:8000"``.
    The body is given once: `json` (a value; None sends no body), `content` (text or bytes, sent untouched and without
    a content type of its own), `data` (form fields) and, alone or with `data`, `files` (uploads), as httpx takes them.
    `path` goes out as written; only what a request line cannot carry (spaces, letters beyond ASCII) is
    percent-encoded. `timeout` is in seconds and holds for the whole answer of each server.

    Redirects are not followed, cookies are not kept, each request has a connection of its own. A server that does
    not answer is no exception: its `Answer` says what happened. Raises LessonError for a request that cannot be sent.
    """
    if _blank([servers, method, path, json, content, headers, params, data, files, timeout]):
        return Exchange.blank([*_names(servers)])
    targets = _targets(servers)
    if not (isinstance(timeout, int | float) and 0 < timeout <= LONGEST):
        raise LessonError(f"timeout= is a number of seconds between 0 and {LONGEST}, not {timeout!r}.")
    sent = _build(method, path, json, content, headers, params, data, files)
    return Exchange(sent, [send(target, sent, timeout) for target in targets])


def _blank(value: object) -> bool:
    """Whether a ``...`` that the learner has yet to replace is in `value`."""
    try:
        return _has_dots(value)
    except RecursionError:  # a circle: json= says what is wrong with it
        return False


def _has_dots(value: object) -> bool:
    if isinstance(value, Mapping):
        return _has_dots([*value.values()])
    return value is ... or (isinstance(value, list | tuple) and any(map(_has_dots, value)))


def _names(servers: Any) -> Iterable[str]:
    """The names of those among `servers` that have one."""
    each = servers if isinstance(servers, list | tuple) else [servers]
    return (server.name for server in each if hasattr(server, "url"))


def _targets(servers: Any) -> list[Target]:
    alone = isinstance(servers, str) or hasattr(servers, "url") or not isinstance(servers, Iterable)
    targets = [_target(server) for server in ([servers] if alone else servers)]
    if not targets:
        raise LessonError("There is no server to ask: start one, flask = serve(app), and write ask(flask, ...).")
    names = [target.name for target in targets]
    for name in names:
        if names.count(name) > 1:
            raise LessonError(
                f"{name!r} is there twice: ask each server once, and name them apart with serve(app, name=...)."
            )
    return targets


def _target(server: Any) -> Target:
    address = server if isinstance(server, str) else getattr(server, "url", None)
    if not isinstance(address, str):
        raise LessonError(
            f"ask needs a running server, not an object of type {type(server).__name__}: start it, flask = serve(app)."
        )
    try:
        url = httpx.URL(address)
    except httpx.InvalidURL as cause:
        raise LessonError(f"{address!r} is no address of a server: it looks like http://127.0.0.1:8000.") from cause
    if url.scheme != "http" or not _loopback(url.host):
        raise LessonError(f"ask talks only to servers on this machine (http://127.0.0.1:PORT), not to {address!r}.")
    return Target(url.netloc.decode() if server is address else server.name, url, server)


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _build(method: Any, path: Any, json: Any, content: Any, headers: Any, params: Any, data: Any, files: Any) -> Sent:
    """The request as every server gets it, byte for byte. Bodies that can be read once are read here."""
    if not (isinstance(method, str) and re.fullmatch(r"[\w!#$%&'*+.^`|~-]+", method, re.ASCII)):
        raise LessonError(f'{method!r} is no HTTP method: write ask(servers, "GET", "/path").')
    if not isinstance(path, str) or re.match(r"[a-z]+://", path):
        raise LessonError(f'The path begins after the address of the server, like "/books/1"; it cannot be {path!r}.')
    if sum(part is not None for part in (json, content, files if data is None else data)) > 1:
        raise LessonError("A request has one body: give json=, content= or data= (with files=), not several of them.")
    if not isinstance(content, str | bytes | bytearray | None):
        raise LessonError(
            f"content= is sent as it is, so it is text or bytes; for a {type(content).__name__} use json=."
        )
    if not isinstance(data, Mapping | None):
        raise LessonError("data= is a dict of form fields; a body of text or bytes goes into content=.")
    content = bytes(content) if isinstance(content, bytearray) else content
    try:
        given = _in_latin_1(headers)
        if params is not None:
            path += ("&" if "?" in path else "?") + str(httpx.QueryParams(params))
    except (TypeError, ValueError, AttributeError) as cause:
        raise LessonError("This request cannot be built: look at headers= and params=.") from cause
    try:
        request = httpx.Request(
            method, "http://127.0.0.1", headers=given, content=content, json=json, data=data, files=files
        )
        body = request.read()
    except (TypeError, ValueError, AttributeError, RecursionError) as cause:
        if json is not None:
            raise LessonError(
                "json= cannot write this value as JSON; to send it all the same, write the text yourself: "
                """content='{"price": NaN}', headers={"content-type": "application/json"}."""
            ) from cause
        raise LessonError("This request cannot be built: look at content=, data= and files=.") from cause
    _complete(request.headers, given)
    slash = "" if path.startswith("/") else "/"
    return Sent(request.method, quote(slash + path, safe=VISIBLE, errors="surrogatepass"), request.headers, body)


def _in_latin_1(headers: Any) -> httpx.Headers:
    """The headers in the bytes that servers read them by; httpx by itself takes no letter beyond ASCII."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers or ()
    return httpx.Headers([(name, value.encode("latin-1")) for name, value in pairs])


def _complete(headers: httpx.Headers, given: httpx.Headers) -> None:
    """Make of httpx's own `headers` what goes out: those that were `given`, and the defaults of this series."""
    if "host" not in given:
        del headers["host"]  # each server has its own
    if "transfer-encoding" in given:
        headers.pop("content-length", None)  # a body has one length or the other
    for name, value in DEFAULTS.items():
        headers.setdefault(name, value)
