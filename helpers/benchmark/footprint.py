"""What a server needs while requests wait in it: threads and memory of all its processes, seen from outside."""

import threading
from dataclasses import dataclass
from typing import Any

import psutil

from helpers.arguments import whole_number
from helpers.checks import Open, Timed
from helpers.client import burst
from helpers.client.bursting import NOWHERE
from helpers.errors import LessonError

LOOK = 0.02  # seconds between two looks


@dataclass(frozen=True)
class AtWork:
    """A launched server at its fullest while `requests` came at once.

    `threads` and `megabytes` (memory that no other process shares, USS) are summed over all its processes. `took` is
    the time to the last answer, `good` the number of answers with a status from 200 to 299.
    """

    requests: int
    threads: int
    megabytes: float
    took: Timed
    good: int


@dataclass(frozen=True)
class OneMore:
    """What one more waiting request takes: kilobytes of memory, and threads. `doubt` says why that is not known."""

    kilobytes: float
    threads: float
    doubt: str = ""

    def at_most(self, other: "OneMore", share: float = 1.0) -> bool | Open:
        """Whether it takes at most that `share` of the memory that `other` takes."""
        if doubt := self.doubt or other.doubt:
            return Open(doubt)
        return self.kilobytes <= share * other.kilobytes


def at_work(server: Any, path: str, n: int, *, rounds: int = 1) -> AtWork:
    """Send `n` requests (1 to 500) for `path` at once to a server that `launch` returned, and watch its processes.

    Of several `rounds` the most threads and memory count, and the shortest time. Raises LessonError for a server in
    this kernel, whose memory is the kernel's, and for one that has stopped.
    """
    if not getattr(server, "pid", None) or not server.running:
        raise LessonError("at_work needs a running server that launch(...) returned: it looks at its processes.")
    delay = burst(server, NOWHERE, n).seconds * 1000
    family = [psutil.Process(server.pid), *psutil.Process(server.pid).children(recursive=True)]
    seen: list[tuple[int, float]] = []
    over = threading.Event()

    def look() -> None:
        while not seen or not over.wait(LOOK):
            memory = sum(process.memory_full_info().uss for process in family) / 1e6
            seen.append((sum(process.num_threads() for process in family), memory))

    looking = threading.Thread(target=look, daemon=True)
    looking.start()
    try:
        done = [burst(server, path, n) for _ in range(whole_number("rounds", rounds, 1, 20))]
    finally:
        over.set()
        looking.join()
    threads, megabytes = (max(column) for column in zip(*seen, strict=True))
    good = min(sum(count for status, count in one.statuses.items() if 200 <= status < 300) for one in done)
    return AtWork(n, int(threads), megabytes, Timed(min(one.seconds for one in done) * 1000, delay), good)


def one_more(alone: AtWork, crowd: AtWork) -> OneMore:
    """What each further waiting request adds: the difference between the two, divided by how many more waited at once.

    Where each has a thread, its threads say how many.

    Raises LessonError when the second has no more requests than the first.
    """
    waited = crowd.requests - alone.requests
    if waited < 1:
        raise LessonError("one_more compares few requests with more of them, as 1 with 400.")
    threads = crowd.threads - alone.threads
    doubt = ""
    if crowd.good < crowd.requests:
        doubt = f"only {crowd.good} of {crowd.requests} requests got a good answer"
    elif 0.1 < threads / waited < 0.7:  # a thread each, or none: in between, many had left before others came
        doubt = f"at most {crowd.threads} threads were at work at once for {crowd.requests} requests"
    elif threads / waited >= 0.7:
        waited = threads  # those at the same time
    return OneMore((crowd.megabytes - alone.megabytes) * 1000 / waited, threads / waited, doubt)
