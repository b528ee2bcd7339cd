"""The promise that `serve` starts within 10 ms and stops within 200 ms, held by the benchmark that measures it."""

import re
import subprocess
import sys
from collections.abc import Iterator
from statistics import median

import pytest
from lessons import ROOT

TRIES = 3  # other programs on the machine can make one measurement slow


def over_the_limit(times: dict) -> Iterator[str]:
    for name, found in times.items():
        for what, values, limit in (("start", found.starts, 10), ("stop", found.stops, 200)):
            if name.startswith("serve") and median(values) > limit:
                yield f"{name} takes {median(values):.1f} ms to {what}, more than {limit}"


def test_the_median_start_takes_10_ms_and_the_median_stop_200_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    from start_stop import FASTAPI, FLASK, PROCESS, measure

    for _ in range(TRIES):
        times = measure(rounds=10, processes=2)
        for name in (FASTAPI, FLASK):
            assert len(times[name].starts) == len(times[name].stops) == 10
            assert median(times[name].starts) < median(times[PROCESS].starts)
        slow = list(over_the_limit(times))
        if not slow:
            return
    pytest.fail("; ".join(slow))


def test_the_benchmark_prints_a_row_for_each_server() -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "start_stop.py"), "2", "2"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    _, *rows = done.stdout.splitlines()
    assert [row[:15].strip() for row in rows] == ["serve(FastAPI)", "serve(Flask)", "uvicorn process"]
    for row in rows:
        assert len(re.findall(r"\d+\.\d \(\d+\.\d to \d+\.\d\)", row)) == 2
    assert all("times to start" in row for row in rows[:2])
