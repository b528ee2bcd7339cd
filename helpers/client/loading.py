"""`load`: as many requests as a server takes from n clients, or as many as the clock says, for some seconds."""

import json as json_
import re
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlsplit

from helpers.arguments import number, whole_number
from helpers.client.counting import Meter, send
from helpers.client.orders import LoadOrder
from helpers.client.pace import NOTE, pace, paced
from helpers.client.progress import progress
from helpers.client.records import Record
from helpers.client.results import Load
from helpers.client.target import target
from helpers.errors import LessonError

MOST = 500  # connections: each needs an open file on both sides, and 1,024 is a usual limit of a process
LONGEST = 60.0  # seconds
FASTEST = 5000.0  # requests a second that the client can send on time
MOST_ARRIVALS = 50_000  # requests of one open-model run
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


def load(
    url: str,
    *,
    concurrency: int | None = None,
    rate: float | None = None,
    seconds: float = 3.0,
    method: str = "GET",
    json: Any = None,
    headers: dict[str, str] | None = None,
    keep_alive: bool = True,
    warm_up: float = 0.0,
    timeout: float = 10.0,
) -> Load:
    """Send requests to `url` (``"http://127.0.0.1:PORT/path"``) for `seconds` (up to 60) and count what comes back.

    Closed model: `concurrency` (1 to 500, otherwise 50) clients, each of which sends its next request when it has the
    answer to the last. Open model: `rate` requests a second, each at a moment that is fixed beforehand, whatever became
    of the others; latency counts from that moment. The requests come from a process of their own. With
    ``keep_alive=False`` each has a connection of its own. `warm_up` seconds of the same load go before and do not
    count. A request without an answer after `timeout` seconds (up to 60) is given up. Redirects are not followed.

    What is measured is in results/measured/ while it comes; ``Load.load()`` reads the last one back.

    Raises LessonError for a target on another machine and for numbers out of range.
    """
    order = plan(url, concurrency, rate, seconds, method, json, headers, keep_alive, timeout)
    warm_up = number("warm_up", warm_up, 0.0, LONGEST)
    order = replace(order, seconds=paced(order.seconds, least=0.3))
    meter = Meter(order.port)
    if warm_up:
        order = replace(order, closes=send(replace(order, seconds=max(warm_up, 0.1))).closes)
    record = Record("load", {name: getattr(order, name) for name in ("url", "concurrency", "rate", "seconds")})
    try:
        with progress(f"load {urlsplit(url).path or '/'}", order.seconds) as show:

            def hear(part: Load, passed: float) -> None:
                record.add({"part": part.record()})
                show(passed, "" if passed < order.seconds else ", waiting for the last answers")

            result = send(order, hear, meter)
            result.notes += [NOTE] * (pace() < 1)
        record.add({"whole": result.record()})
    finally:
        record.close()
    return result


def plan(
    url: str,
    concurrency: int | None,
    rate: float | None,
    seconds: float,
    method: str,
    json: Any,
    headers: dict[str, str] | None,
    keep_alive: bool,
    timeout: float,
) -> LoadOrder:
    """The order for the client process. Raises LessonError for what cannot be."""
    if not isinstance(url, str):
        raise LessonError('Give the address as a text, such as server.url + "/wait".')
    name, _ = target(url, "load")
    if concurrency is not None and rate is not None:
        raise LessonError("Give concurrency (closed model) or rate (open model), not both.")
    if rate is None and concurrency is None:
        concurrency = 50
    if rate is None:
        concurrency = whole_number("concurrency", concurrency, 1, MOST)
    seconds = number("seconds", seconds, 0.1, LONGEST)
    timeout = number("timeout", timeout, 0.01, LONGEST)
    if rate is not None:
        rate = number("rate", rate, 0.1, FASTEST, "requests a second")
        if rate * seconds > MOST_ARRIVALS:
            raise LessonError(f"{rate:g} a second for {seconds:g} s are too many requests; {MOST_ARRIVALS:,} at most.")
    if not isinstance(method, str) or method.upper() not in METHODS:
        raise LessonError(f"load sends {', '.join(METHODS)}; {method!r} is none of these.")
    parts = urlsplit(url)
    return LoadOrder(
        url=url,
        host="127.0.0.1",
        port=parts.port or 80,
        request=_request(method.upper(), parts.path or "/", parts.query, name, json, headers, keep_alive),
        concurrency=concurrency,
        rate=rate,
        seconds=seconds,
        timeout=timeout,
        keep_alive=bool(keep_alive),
    )


def _request(
    method: str, path: str, query: str, host: str, json: Any, headers: dict[str, str] | None, keep_alive: bool
) -> str:
    """The bytes of the request, as text in latin-1."""
    try:
        body = b"" if json is None else json_.dumps(json).encode()
    except (TypeError, ValueError) as error:
        raise LessonError("The body of a request must be something that JSON can say.") from error
    lines = {"host": host, "accept": "*/*"}
    if json is not None:
        lines["content-type"] = "application/json"
    for name, value in (headers or {}).items():
        if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", str(name)) or not re.fullmatch(
            r"[\t -~\xa0-\xff]*", str(value)
        ):
            raise LessonError(f"{name!r}: {value!r} cannot be sent as a header.")
        lines[str(name).lower()] = str(value)
    if body or method not in ("GET", "DELETE"):
        lines["content-length"] = str(len(body))
    if not keep_alive:
        lines["connection"] = "close"
    target = quote(path, safe="/%:@!$&'()*+,;=~") + (f"?{quote(query, safe=_IN_QUERY)}" if query else "")
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"{method} {target} HTTP/1.1\r\n{head}\r\n{body.decode('latin-1')}"


_IN_QUERY = "/%:@!$&'()*+,;=~?"
