"""`burst`: n requests in the same moment, and what became of each."""

from __future__ import annotations

import itertools
import json as json_
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from helpers.arguments import number, whole_number
from helpers.checks import Timed
from helpers.client import process
from helpers.client.target import target
from helpers.errors import LessonError
from helpers.plots import Drawn, escape

MOST = 500  # requests at once: each needs an open file on both sides, and 1,024 is a usual limit of a process
LONGEST = 60.0  # seconds
NOWHERE = "/no-app-has-this-path"

_numbers = itertools.count(1)
# Who wants to hear of each burst when it is over; they stay when this module is reloaded.
listeners: list[Callable[[Burst], None]] = globals().get("listeners", [])


@dataclass(frozen=True)
class Reply:
    """What the client saw of one request. `sent`, `answered` and `failed` are seconds of `time.perf_counter`.

    `answered` is the moment the whole answer was there. `error` is None, or ``"timeout"``, ``"refused"``,
    ``"no connection"``, ``"cut off"``, or the name of the exception; then `failed` says when.
    """

    id: str
    status: int | None
    sent: float | None
    answered: float | None
    failed: float | None
    error: str | None

    @property
    def duration(self) -> float | None:
        """Seconds from sending to the end of the answer; None without an answer."""
        return self.answered - self.sent if self.answered is not None and self.sent is not None else None


class Burst(Drawn):
    """n requests that were sent at once: `replies` has one Reply each, in the order of sending."""

    def __init__(self, server: str, method: str, path: str, replies: list[Reply]) -> None:
        self.server, self.method, self.path = server, method, path
        self.replies = replies
        self.sent = min((reply.sent for reply in replies if reply.sent is not None), default=None)

    @property
    def statuses(self) -> Counter[int]:
        """How many answers came with which status: ``{200: 20}``."""
        return Counter(
            reply.status for reply in self.replies if reply.answered is not None and reply.status is not None
        )

    @property
    def errors(self) -> Counter[str]:
        """How many requests failed without an answer, by kind: ``{"timeout": 3}``."""
        return Counter(reply.error for reply in self.replies if reply.error is not None)

    @property
    def durations_ms(self) -> list[float]:
        """Milliseconds from sending to the end of the answer, of those that were answered, shortest first."""
        return sorted(reply.duration * 1000 for reply in self.replies if reply.duration is not None)

    @property
    def seconds(self) -> float:
        """From the first request that was sent to the last answer or failure; 0 when none could be sent."""
        ends = [end for reply in self.replies for end in (reply.answered, reply.failed) if end is not None]
        return max(ends) - self.sent if self.sent is not None and ends else 0.0

    @property
    def spread(self) -> float:
        """Seconds between the first and the last moment of sending: how much at once they were."""
        return max((reply.sent for reply in self.replies if reply.sent is not None), default=0.0) - (self.sent or 0.0)

    def summary(self) -> str:
        n = len(self.replies)
        counts = [f"{count:,} × {status}" for status, count in sorted(self.statuses.items())]
        counts += [f"{count:,} × {kind}" for kind, count in sorted(self.errors.items())]
        times = ""
        if durations := self.durations_ms:
            times = f"; first answer after {durations[0]:,.0f} ms, last after {durations[-1]:,.0f} ms"
        what = f"{n:,} requests at once" if n > 1 else "1 request"
        return f"{what}: {self.method} {self.path} of {self.server}: {', '.join(counts)}{times}."

    def body(self) -> str:
        mood = "good" if not self.errors and all(status < 500 for status in self.statuses) else "bad"
        return f'<p class="{mood}">{escape(self.summary())}</p>'


def burst(
    server: Any,
    path: str,
    n: int,
    *,
    method: str = "GET",
    json: Any = None,
    headers: dict[str, str] | None = None,
    timeout: float = 30.0,
) -> Burst:
    """Send `n` requests (1 to 500) for `path` in the same moment, and wait for all the answers.

    They come from a process of its own, over `n` connections that are open beforehand, so that neither side waits for
    this kernel. `server` is what `serve` returned, or an address such as ``"http://127.0.0.1:8000"``. Redirects are
    not followed. A request without an answer after `timeout` seconds (at most 60) is given up and counted.

    Raises LessonError for a target on another machine, a stopped server, and numbers out of range.
    """
    n = whole_number("n", n, 1, MOST)
    timeout = number("timeout", timeout, 0.01, LONGEST)
    name, base = target(server)
    if not isinstance(path, str):
        raise LessonError(f'The path is a text such as "/wait"; this is a {type(path).__name__}.')
    path = "/" + path.lstrip("/")
    try:
        json_.dumps([json, headers])
    except (TypeError, ValueError) as error:
        raise LessonError("The body of a request must be something that JSON can say.") from error
    order = {
        "id": f"burst{next(_numbers)}",
        "n": n,
        "method": method.upper(),
        "url": base + path,
        "json": json,
        "headers": headers or {},
        "timeout": timeout,
    }
    reports = process.client.order("burst", order, timeout + 10)
    result = Burst(name, order["method"], path, [_reply(report) for report in reports])
    for listener in listeners:
        listener(result)
    return result


def last_answer(server: Any, path: str, n: int = 20, *, beside: str = NOWHERE, rounds: int = 3) -> Timed:
    """How long `n` requests at once for `path` take until the last has its answer: the best of `rounds` bursts.

    Before each goes a burst for `beside`, the same job without its wait; otherwise for a path that no app has, which is
    enough where the job is nothing but the wait. What that takes at worst, this computer may have added.
    Raises LessonError as `burst` does.
    """
    took, delays = [], []
    for _ in range(whole_number("rounds", rounds, 1, 20)):
        delays.append(burst(server, beside, n).seconds * 1000)
        took.append(burst(server, path, n).seconds * 1000)
    return Timed(min(took), max(delays))


def _reply(report: dict[str, Any]) -> Reply:
    def seconds(moment: str) -> float | None:
        return report[moment] / 1e9 if report.get(moment) is not None else None

    return Reply(
        report["id"],
        report["status"],
        seconds("sent"),
        seconds("answered"),
        seconds("failed"),
        report.get("error"),
    )
