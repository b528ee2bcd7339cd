"""How long `serve` takes to start and to stop an app, beside Uvicorn in a process of its own.

    python benchmarks/start_stop.py [rounds in this process [rounds of the process]]   two or more of each

A start is timed from the call until a request has its answer, a stop from the call until nothing listens any more
(and the process, where there is one, has ended). All servers are asked in the same way. The rounds are interleaved
and their order alternates, so that whatever else the machine does falls on all of them.
"""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from time import perf_counter, sleep

import fastapi
import flask

from helpers import serve

FASTAPI, FLASK, PROCESS = "serve(FastAPI)", "serve(Flask)", "uvicorn process"
PATIENCE = 30.0  # seconds for anything that is waited for

BOOKS = """
import fastapi

books = fastapi.FastAPI()
books.get("/")(lambda: {"title": "Momo"})
"""


@dataclass
class Times:
    """Milliseconds that each start and each stop took."""

    starts: list[float] = field(default_factory=list)
    stops: list[float] = field(default_factory=list)


def measure(rounds: int = 30, processes: int = 5) -> dict[str, Times]:
    """Start and stop each app `rounds` times in this process, and Uvicorn `processes` times in a process of its own.

    Each has one round more, before the others, that does not count. Raises TimeoutError when a server does not answer
    or does not go.
    """
    books, shelf = fastapi.FastAPI(), flask.Flask("shelf")
    for app in (books, shelf):
        app.get("/")(lambda: {"title": "Momo"})
    due = {n * rounds // processes for n in range(processes)}  # the rounds in which the process has its turn
    with TemporaryDirectory() as folder:
        Path(folder, "shop.py").write_text(BOOKS, encoding="utf-8")
        arms = {FASTAPI: partial(_serve, books), FLASK: partial(_serve, shelf), PROCESS: partial(_spawn, folder)}
        times = {name: Times() for name in arms}
        for start in arms.values():
            _round(start, Times())
        for number in range(rounds):
            names = [name for name in arms if name != PROCESS or number in due]
            for name in names if number % 2 else reversed(names):
                _round(arms[name], times[name])
    return times


def table(times: dict[str, Times]) -> str:
    """The medians in milliseconds, 10th and 90th percentile, and how many times as long the process takes."""
    process = times[PROCESS]
    lines = [f"{'milliseconds':16}{'rounds':>7}{'start':>26}{'stop':>26}   the process takes"]
    for name, found in times.items():
        starts, stops = _ratio(process.starts, found.starts), _ratio(process.stops, found.stops)
        ratio = "" if found is process else f"{starts} to start, {stops} to stop"
        lines.append(f"{name:16}{len(found.starts):7}{_spread(found.starts):>26}{_spread(found.stops):>26}   {ratio}")
    return "\n".join(lines)


def _spread(values: list[float]) -> str:
    """``12.3 (11.0 to 14.1)``: median, 10th and 90th percentile."""
    deciles = quantiles(values, n=10, method="inclusive")
    return f"{median(values):.1f} ({deciles[0]:.1f} to {deciles[-1]:.1f})"


def _ratio(slow: list[float], fast: list[float]) -> str:
    return f"{median(slow) / median(fast):.1f} times"


Start = Callable[[], tuple[int, Callable[[], object]]]  # starts a server; returns its port, and what stops it


def _round(start: Start, times: Times) -> None:
    began = perf_counter()
    port, stop = start()
    try:
        _wait_until(_answers, port)
        times.starts.append((perf_counter() - began) * 1000)
    finally:
        began = perf_counter()
        stop()
    _wait_until(_is_free, port)
    times.stops.append((perf_counter() - began) * 1000)


def _serve(app: object) -> tuple[int, Callable[[], object]]:
    server = serve(app)
    return server.port, server.stop


def _spawn(folder: str) -> tuple[int, Callable[[], object]]:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "shop:books", "--app-dir", folder]
    command += ["--port", str(port), "--log-level", "critical"]
    process = subprocess.Popen(command)

    def stop() -> None:
        process.terminate()
        process.wait(PATIENCE)

    return port, stop


def _wait_until(holds: Callable[[int], bool], port: int) -> None:
    end = perf_counter() + PATIENCE
    while not holds(port):
        if perf_counter() > end:
            raise TimeoutError(f"port {port}: {holds.__name__} did not come true within {PATIENCE:g} s")
        sleep(0.0005)


def _answers(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", "/", headers={"connection": "close"})
        return connection.getresponse().status == 200
    except ConnectionError:
        return False
    finally:
        connection.close()


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


if __name__ == "__main__":
    print(table(measure(*map(int, sys.argv[1:]))))
