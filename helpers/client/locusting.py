"""`locust`: visitors of a locustfile, by a master and workers that all run on this machine."""

from __future__ import annotations

import json
import shlex
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from helpers.client.progress import progress
from helpers.client.results import digits
from helpers.client.target import target
from helpers.errors import LessonError
from helpers.plots import Drawn, escape
from helpers.servers.child import Child, ChildError

MOST_USERS, MOST_WORKERS, LONGEST = 500, 8, 60.0
START = 30  # seconds that the workers may take to report to the master
END = 15.0  # seconds that all of it may take beyond its start and its time


@dataclass(repr=False)
class Crowd(Drawn):
    """What Locust has counted: `completed` and `failed` requests, and good answers a second (`throughput`).

    The first and the last second of a longer run do not count for the throughput, as users come and go in these.
    `latency_ms` maps milliseconds, rounded by Locust, to how often they came. `commands` are what a user would type.
    """

    commands: list[str]
    users: int
    seconds: float
    completed: int
    failed: int
    throughput: float
    latency_ms: Counter[int]

    def summary(self) -> str:
        return f"Locust, {self.users} users, {self.seconds:g} s: {self._found()}."

    def body(self) -> str:
        mood = "bad" if not self.completed else "note" if self.failed else "good"
        return f'<p class="{mood}">{escape(self.summary())}</p><pre>{escape(chr(10).join(self.commands))}</pre>'

    def percentile(self, q: float) -> float:
        """Milliseconds within which `q` of 100 answers came; NaN without answers."""
        import numpy as np

        times = np.repeat(list(self.latency_ms.keys()), list(self.latency_ms.values()))
        return float(np.percentile(times, q)) if len(times) else float("nan")

    def _found(self) -> str:
        if not self.completed:
            return f"no good answer, {self.failed:,} failed"
        times = f"p50 {self.percentile(50):.0f} ms, p99 {self.percentile(99):.0f} ms"
        return f"{self.completed:,} good answers, {digits(self.throughput)} a second; {self.failed:,} failed; {times}"


def locust(
    file: str,
    url: str,
    *,
    users: int = 20,
    seconds: float = 3,
    workers: int = 2,
    environment: Mapping[str, str] | None = None,
) -> Crowd:
    """Send the users of a locustfile to a server on this machine for `seconds` (1 to 60), and count.

    A master and `workers` (1 to 8) are started, as they would be on several machines, and end with this kernel.
    `users` (1 to 500) all come at once. `environment` is added to the variables that the locustfile sees.

    Raises LessonError where Locust is not installed, for another machine and for numbers out of range, and when Locust
    has counted nothing.
    """
    if find_spec("locust") is None:
        raise LessonError("Locust is not installed here; everything else runs without it.")
    _, base = target(url, "locust")
    if not Path(file).is_file():
        raise LessonError(f"There is no file {file}, seen from {Path.cwd()}; write it first, or correct the path.")
    for name, value, least, most in (
        ("users", users, 1, MOST_USERS),
        ("workers", workers, 1, MOST_WORKERS),
        ("seconds", seconds, 1, LONGEST),
    ):
        whole = isinstance(value, int) or name == "seconds"
        if isinstance(value, bool) or not isinstance(value, int | float) or not whole or not least <= value <= most:
            raise LessonError(f"{name} is a number from {least} to {most:g}; {value!r} is not.")
    with tempfile.TemporaryDirectory() as folder:
        master, worker = _arguments(file, base, users, seconds, workers)
        report = Path(folder, "report.json")
        reporting = [*master, "--json-file", str(report.with_suffix("")), "--expect-workers-max-wait", str(START)]
        log = _run([reporting, *[worker] * workers], dict(environment or {}), seconds)
        stats = json.loads(report.read_text("utf-8")) if report.exists() else []
    if not stats:
        last = f"; its last words are “{log.strip().splitlines()[-1][:200]}”" if log.strip() else ""
        raise LessonError(f"Locust has counted nothing{last}. Try again when the computer is less busy.")
    shown = [shlex.join(["locust", *arguments]) for arguments in (master, worker)]
    shown[1] += f"    # {workers} times" * (workers > 1)
    return _counted(stats, shown, users, seconds)


def _arguments(file: str, url: str, users: int, seconds: float, workers: int) -> tuple[list[str], list[str]]:
    """The command lines of the master and of each worker, after the word ``locust``."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
    master = ["-f", file, "--master", "--headless", "--host", url, "-u", str(users), "-r", str(users)]
    master += ["-t", f"{round(seconds)}s", "--expect-workers", str(workers)]
    master += ["--master-bind-host", "127.0.0.1", "--master-bind-port", port]
    return master, ["-f", file, "--worker", "--master-host", "127.0.0.1", "--master-port", port]


def _run(commands: list[list[str]], environment: dict[str, str], seconds: float) -> str:
    """Run Locust with each of `commands` until the first has ended; what they have written."""
    locust = [sys.executable, "-m", "locust"]
    began, limit = time.monotonic(), START + seconds + END
    try:
        child = Child("helpers.client.locust_child", timeout=10)
    except ChildError as error:
        raise LessonError("Locust did not start; run the cell again.") from error
    try:
        with progress("locust", seconds + 4) as show:
            found = child.ask(commands=[locust + each for each in commands], environment=environment)
            while found["code"] is None and (passed := time.monotonic() - began) < limit:
                show(passed, "")
                found = child.ask(wait=0.25)
    except ChildError as error:
        raise LessonError("Locust was ended from outside; run the cell again.") from error
    finally:  # an interrupted cell included
        child.stop()
    return found["said"]


def _counted(stats: list[dict[str, Any]], commands: list[str], users: int, seconds: float) -> Crowd:
    """Locust's own statistics, an entry for each name of a request, as a `Crowd`."""
    failed = sum(entry["num_failures"] for entry in stats)
    good: Counter[str] = Counter()  # by the second in which they came
    times: Counter[int] = Counter()
    for entry in stats:
        good.update({second: int(count) for second, count in entry["num_reqs_per_sec"].items()})
        good.subtract({second: int(count) for second, count in entry["num_fail_per_sec"].items()})
        times.update({round(float(ms)): count for ms, count in entry["response_times"].items()})
    by_second = [good[second] for second in sorted(good)]
    steady = by_second[1:-1] or by_second
    completed = sum(entry["num_requests"] for entry in stats) - failed
    return Crowd(commands, users, seconds, completed, failed, sum(steady) / max(len(steady), 1), times)
