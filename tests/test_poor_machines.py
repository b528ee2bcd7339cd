"""Lessons 07 and 08 on machines that have too little: they end, with warnings in place of wrong verdicts."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from lessons import LONG, notebooks, run_lesson

resource = pytest.importorskip("resource", reason="Windows has no limits on open files")
pytestmark = [
    pytest.mark.long,
    pytest.mark.lesson,
    pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system cannot give a process one core"),
]
SECONDS = 600  # for one run of one lesson: these machines are slow


@contextmanager
def one_core() -> Iterator[None]:
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


@contextmanager
def every_core_busy() -> Iterator[None]:
    count = len(os.sched_getaffinity(0))
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


@contextmanager
def few_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


# What a verdict may be, wherever it is reached.
POSSIBLE = {
    "C30": {"does not hold", "inconclusive"},  # with a thread for each connection
    "C31": {"holds with conditions", "does not hold", "inconclusive"},
    "C32": {"holds", "holds with conditions", "inconclusive"},
    "C33": {"holds", "inconclusive"},
    "C34": {"holds"},
    "C35": {"holds"},
}


@pytest.mark.timeout(SECONDS + 60)
@pytest.mark.parametrize("machine", [one_core, every_core_busy, few_files], ids=lambda machine: machine.__name__)
@pytest.mark.parametrize("path", [path for path in notebooks() if path.stem[:2] in LONG], ids=lambda path: path.stem)
def test_the_lesson_ends_and_says_what_is_in_doubt(
    machine: Callable[[], AbstractContextManager[None]], path: Path, tmp_path: Path
) -> None:
    with machine():
        seen = run_lesson(path, tmp_path, SECONDS)
    text = "\n".join(seen.values())
    verdicts = dict(re.findall(r"^(C\d+) .*\nVerdict: (.*)\.$", text, re.MULTILINE))
    assert verdicts
    for claim, verdict in verdicts.items():
        assert verdict in POSSIBLE[claim], claim
    if machine is one_core:
        assert "share the one core" in text
        assert verdicts.get("C33", "inconclusive") == "inconclusive"
    if path.stem.startswith("08"):  # its loads are lighter, and may go undisturbed
        return
    if machine is every_core_busy:
        assert "so busy that the client often woke up" in text or "after they were due" in text
    if machine is few_files:
        assert "A process may open 256 files here" in text
