"""`load` beside wrk, on the same servers in turn.

    python benchmarks/beside_wrk.py [pairs [seconds each]]   ten and two unless given

Two questions: does the client see what the server can do (throughput), and does it make the server work more for each
answer than another client would (answers per second of the server's processor)? Pairs alternate in order. wrk has to be
installed (`apt-get install wrk`).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from statistics import median
from tempfile import TemporaryDirectory

from a_a import APPS

from helpers.benchmark.statistics import interval
from helpers.client import load
from helpers.client.counting import Meter
from helpers.servers import launch, stop_all


@dataclass
class Run:
    """Answers a second, answers per second of the server's processor, microseconds of the client's for each."""

    throughput: float
    per_server_second: float
    client_us: float


def ours(url: str, concurrency: int, seconds: int) -> Run:
    """One run of `load`."""
    found = load(url, concurrency=concurrency, seconds=seconds)
    if found.failed or found.server_seconds is None:
        raise RuntimeError(found.summary())
    return Run(found.throughput, found.completed / found.server_seconds, found.client_seconds / found.completed * 1e6)


def wrk(url: str, concurrency: int, seconds: int, meter: Meter) -> Run:
    """One run of wrk, with one thread."""
    server, client = meter.seconds(), _children()
    command = ["wrk", "-t1", f"-c{concurrency}", f"-d{seconds}s", url]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    spent, cost = meter.seconds() - server, _children() - client
    count = int(re.search(r"(\d+) requests in", said)[1])
    if "Non-2xx" in said or "Socket errors" in said:
        raise RuntimeError(said)
    return Run(float(re.search(r"Requests/sec:\s+([\d.]+)", said)[1]), count / spent, cost / count * 1e6)


def _children() -> float:
    used = getrusage(RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def compare(url: str, concurrency: int, pairs: int, seconds: int) -> list[tuple[Run, Run]]:
    """Runs of both clients in alternating order; one pair more, before the others, does not count."""
    meter = Meter(int(url.split(":")[2].split("/")[0]))
    found = []
    for number in range(-1, pairs):
        if number % 2:
            a = ours(url, concurrency, seconds)
            b = wrk(url, concurrency, seconds, meter)
        else:
            b = wrk(url, concurrency, seconds, meter)
            a = ours(url, concurrency, seconds)
        if number >= 0:
            found.append((a, b))
    return found


def table(title: str, found: list[tuple[Run, Run]]) -> str:
    """Medians, and the ratios of the pairs with their 95 % intervals."""
    lines = [
        f"{title}, {len(found)} pairs",
        f"{'':24}{'load':>10}{'wrk':>10}   load / wrk: median of the pairs; mean (95 %)",
    ]
    for name, label in (
        ("throughput", "answers a second"),
        ("per_server_second", "per server-CPU second"),
        ("client_us", "client, µs a request"),
    ):
        a, b = ([getattr(run, name) for run in column] for column in zip(*found, strict=True))
        value, low, high = interval([x / y for x, y in zip(a, b, strict=True)])
        middle = median(x / y for x, y in zip(a, b, strict=True))
        ratio = f"{middle:.2f}; mean {value:.2f} ({low:.2f} to {high:.2f})"
        lines.append(f"{label:24}{median(a):10,.0f}{median(b):10,.0f}   {ratio}")
    return "\n".join(lines)


def main(pairs: int = 10, seconds: int = 2) -> None:
    """Print a table for hello and one for the wait."""
    if shutil.which("wrk") is None:
        print("wrk is not installed here, so there is nothing to compare with.")
        return
    with TemporaryDirectory() as folder:
        before = Path.cwd()
        os.chdir(folder)
        try:
            Path("hello_fastapi.py").write_text(APPS["hello_fastapi.py"], encoding="utf-8")
            url = launch("uvicorn", "hello_fastapi.py:app").url
            for title, path, concurrency in (("FastAPI hello, c = 32", "/", 32), ("50 ms wait, c = 50", "/wait", 50)):
                print(table(title, compare(url + path, concurrency, pairs, seconds)), flush=True)
        finally:
            stop_all()
            os.chdir(before)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
