"""The promise that `serve` starts within 10 ms and stops within 200 ms, held by the benchmark that measures it."""

import re
import subprocess
import sys

from lessons import ROOT
from steady import until_quiet

ROUNDS, PROCESSES = 10, 2
COMMAND = [sys.executable, str(ROOT / "benchmarks" / "start_stop.py"), str(ROUNDS), str(PROCESSES)]
NUMBERS = re.compile(r"(\d+\.\d) \(\d+\.\d to \d+\.\d\)")  # median, 10th and 90th percentile


def test_the_median_start_takes_10_ms_and_the_median_stop_200_at_most() -> None:
    def measured() -> None:
        done = subprocess.run(COMMAND, capture_output=True, text=True, timeout=50)
        if (done.returncode, done.stderr) != (0, ""):
            raise RuntimeError(f"the benchmark ended with {done.returncode}: {done.stderr}")
        _, *rows = done.stdout.splitlines()
        found = {}
        for row, rounds in zip(rows, (ROUNDS, ROUNDS, PROCESSES), strict=True):
            assert row[16:23].split() == [str(rounds)]
            found[row[:16].strip()] = [float(number) for number in NUMBERS.findall(row)]
        process_start, _ = found.pop("uvicorn process")
        assert list(found) == ["serve(FastAPI)", "serve(Flask)"]
        assert all("times to start" in row for row in rows[:2])
        for name, (start, stop) in found.items():
            assert start <= max(10, process_start / 100), f"{name} takes {start} ms to start: {done.stdout}"
            assert stop <= 200, f"{name} takes {stop} ms to stop: {done.stdout}"

    until_quiet(measured)
