"""`locust`: a master and workers that count what a server of known behaviour does, and end with the kernel."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from known_server import Known, known_server

from helpers import LessonError
from helpers.client import locust, locusting

LOCUSTFILE = """
import os
from locust import FastHttpUser, constant, task

class Visitor(FastHttpUser):
    wait_time = constant(0)

    @task
    def visit(self):
        self.client.get(os.environ["WHERE"])
"""


@pytest.fixture(scope="module")
def known() -> Iterator[Known]:
    with known_server() as server:
        yield server


@pytest.fixture(autouse=True)
def locustfile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In the current folder."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "locustfile.py"
    file.write_text(LOCUSTFILE, encoding="utf-8")
    return file


def below(process: psutil.Process) -> list[psutil.Process]:
    """The processes of Locust below `process`."""
    found = []
    for child in process.children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if "locust" in " ".join(child.cmdline()):
                found.append(child)
    return found


def test_what_the_users_of_two_workers_get_is_counted(known):
    known.counts()
    found = locust("locustfile.py", known.url, users=10, environment={"WHERE": "/fixed?ms=50"})
    asked = known.counts()["/fixed"]
    assert asked - 10 <= found.completed <= asked  # what is under way at the end does not count
    assert found.failed == 0
    assert found.throughput == pytest.approx(10 / 0.050, rel=0.15)
    assert found.percentile(50) == pytest.approx(50, abs=5)
    master, worker = found.commands
    assert "--expect-workers 2" in master and "--master-bind-host 127.0.0.1" in master and "-t 3s" in master
    assert worker.endswith("# 2 times")
    assert "0 failed" in found.summary() and "<pre>locust" in found.body()
    assert below(psutil.Process()) == []


def test_failures_are_counted_apart(known):
    known.counts()
    found = locust("locustfile.py", known.url, users=5, seconds=2, environment={"WHERE": "/errors"})
    assert found.failed / (found.failed + found.completed) == pytest.approx(0.1, abs=0.03)
    assert f"{found.failed:,} failed" in found.summary()


def test_a_locustfile_that_does_not_run_is_one_sentence(known, locustfile):
    locustfile.write_text("import nowhere\n", encoding="utf-8")
    with pytest.raises(LessonError, match="has counted nothing"):
        locust("locustfile.py", known.url, seconds=1)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"file": "nowhere.py"}, "no file nowhere.py"),
        ({"url": "http://example.org/"}, "this machine only"),
        ({"users": 0}, "users is a number from 1 to 500"),
        ({"users": 2.5}, "users is a number"),
        ({"workers": True}, "workers is a number from 1 to 8"),
        ({"seconds": 61}, "seconds is a number from 1 to 60"),
        ({"seconds": "3"}, "seconds is a number"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(known, arguments, says):
    with pytest.raises(LessonError, match=says):
        locust(**{"file": "locustfile.py", "url": known.url, **arguments})


def test_without_locust_there_is_a_sentence(known, monkeypatch):
    monkeypatch.setattr(locusting, "find_spec", lambda name: None)
    with pytest.raises(LessonError, match="Locust is not installed here"):
        locust("locustfile.py", known.url)


KERNEL = """
    from helpers.client import locust
    try:
        locust("locustfile.py", "{url}", seconds=30, environment={{"WHERE": "/fixed?ms=50"}})
    except KeyboardInterrupt:
        print("interrupted", flush=True)
        input()
"""


@pytest.mark.parametrize("how", ["interrupted", "killed"])
def test_a_kernel_that_ends_in_the_middle_leaves_no_process(known, how):
    kernel = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(KERNEL).format(url=known.url)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ},
    )
    known.counts()
    deadline = time.monotonic() + 30
    while known.counts().get("/fixed", 0) < 20 and time.monotonic() < deadline:
        time.sleep(0.2)
    started = below(psutil.Process(kernel.pid))
    assert len(started) >= 3
    with kernel.stdout, kernel.stdin:
        if how == "interrupted":
            kernel.send_signal(signal.SIGINT)
            assert kernel.stdout.readline() == "interrupted\n"
        else:
            kernel.kill()
            kernel.wait()
        _, alive = psutil.wait_procs(started, timeout=5)
    assert alive == []
    kernel.wait(10)
