"""`upstream`: as slow as it is told to be, counted on its own side, and gone with the kernel."""

import asyncio
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import psutil
import pytest
from children import child

from helpers import LessonError, stop_all, upstream
from helpers.processes import Child

UPSTREAM = "helpers.servers.upstream_child"

KERNEL = """
import sys
import psutil
from helpers import upstream
api = upstream()
print(api.port, psutil.Process().children()[0].pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def nothing_is_left():
    yield
    stop_all()


def seconds_of(client, url):
    began = time.perf_counter()
    client.get(url)
    return time.perf_counter() - began


def gather(url, count, timeout=10.0):
    """Status of `count` requests sent at once, or None where the client gave up, and the seconds it took."""

    async def one(client):
        try:
            return (await client.get(url)).status_code
        except httpx.TimeoutException:
            return None

    async def all_of_them():
        limits = httpx.Limits(max_connections=count)
        async with httpx.AsyncClient(verify=False, trust_env=False, timeout=timeout, limits=limits) as client:
            return await asyncio.gather(*(one(client) for _ in range(count)))

    began = time.perf_counter()
    return asyncio.run(all_of_them()), time.perf_counter() - began


def answers(port, path="/?latency=0"):
    try:
        return httpx.get(f"http://127.0.0.1:{port}{path}", verify=False, trust_env=False, timeout=30).is_success
    except httpx.TransportError:
        return False


def test_it_answers_json_after_its_latency_and_counts(client):
    api = upstream(latency=0.2)
    assert api.name == "upstream"
    assert client.get(f"{api.url}/price/7").json() == {"path": "/price/7", "waited_ms": 200.0}
    assert 0.2 <= seconds_of(client, api.url) < 0.4
    assert (api.requests, api.peak, api.active) == (2, 1, 0)


def test_requests_wait_side_by_side_and_the_peak_says_so():
    api = upstream(latency=0.5)
    statuses, seconds = gather(api.url, 60)
    assert statuses == [200] * 60
    assert seconds < 5  # one after another: 30 s
    assert (api.requests, api.peak) == (60, 60)
    assert api.reset().peak == 0


def test_it_is_controlled_while_it_runs(client):
    api = upstream(latency=5)
    assert api.set(latency=0.01) is api
    assert seconds_of(client, api.url) < 1
    assert seconds_of(client, f"{api.url}/slow?latency=0.3") >= 0.3
    api.set(jitter=0.01)
    waits = [client.get(api.url).json()["waited_ms"] for _ in range(20)]
    assert len(set(waits)) > 10
    assert all(0 <= wait <= 20 for wait in waits)


def test_the_share_of_failures_is_as_asked(client):
    api = upstream(latency=0, failures=0.5)
    statuses = [client.get(api.url).status_code for _ in range(60)]
    assert set(statuses) == {200, 503}
    assert 15 < statuses.count(503) < 45
    assert api.failed == statuses.count(503)
    api.set(failures=1)
    assert client.get(api.url).status_code == 503


def test_clients_that_go_away_are_counted_and_free_their_place():
    api = upstream(latency=20)
    statuses, _ = gather(api.url, 3, timeout=0.3)
    assert statuses == [None] * 3
    deadline = time.monotonic() + 5
    while api.active and time.monotonic() < deadline:
        time.sleep(0.01)
    assert (api.requests, api.active, api.abandoned) == (3, 0, 3)


def lives(process):
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("query", ["latency=nan", "latency=-1", "latency=", "latency=soon"])
def test_a_strange_latency_in_the_address_does_no_harm(client, query):
    api = upstream(latency=0)
    assert client.get(f"{api.url}/?{query}").json()["waited_ms"] == 0


def test_three_dots_leave_a_setting_alone(client):
    api = upstream(latency=..., jitter=..., failures=...)
    assert client.get(api.url).json()["waited_ms"] == 50.0
    api.set(latency=...)
    assert client.get(api.url).json()["waited_ms"] == 50.0


@pytest.mark.parametrize(
    "settings", [{"latency": -1}, {"latency": 31}, {"latency": float("nan")}, {"jitter": "much"}, {"failures": 2}]
)
def test_settings_that_make_no_sense_are_refused_in_one_sentence(settings):
    api = upstream(latency=0.2)
    for call in (upstream, api.set):
        with pytest.raises(LessonError, match=f"{next(iter(settings))} is a number (of seconds )?from 0 to"):
            call(**settings)
    assert api.running


def test_called_again_it_replaces_the_old_one_and_keeps_the_port(client):
    old = upstream()
    client.get(old.url)
    new = upstream(latency=0.01)
    assert new.url == old.url
    assert not old.running
    assert old.requests == 1
    assert new.requests == 0
    with pytest.raises(LessonError, match="is stopped"):
        old.set(latency=1)


def test_it_draws_itself_running_and_stopped():
    api = upstream(latency=0.05, jitter=0.01, failures=0.25)
    assert f"answers after 50 ± 10 ms, 25% of the answers being 503, at {api.url}" in repr(api)
    assert api.url in api._repr_mimebundle_()["text/html"]
    api.stop()
    assert "is stopped" in repr(api)


def test_it_stops_at_once_with_requests_in_flight_and_may_be_stopped_twice():
    api = upstream(latency=20)
    process = child(UPSTREAM)
    threads = threading.active_count()
    answered = []
    waiting = threading.Thread(target=lambda: answered.append(answers(api.port, "/")))
    waiting.start()
    while not api.active:
        time.sleep(0.01)
    began = time.monotonic()
    api.stop()
    api.stop()
    assert time.monotonic() - began < 2
    waiting.join(5)
    assert answered == [False]
    assert not process.is_running()
    assert not answers(api.port)
    assert threading.active_count() < threads


def test_stop_all_stops_it_too():
    api = upstream()
    stop_all()
    assert not api.running
    assert not answers(api.port)
    stop_all()


def test_one_that_died_says_so_and_is_replaced(client):
    api = upstream()
    child(UPSTREAM).kill()
    while api.running:
        time.sleep(0.01)
    assert "is stopped" in repr(api)
    assert client.get(upstream().url).status_code == 200


def test_one_that_does_not_answer_its_kernel_is_one_sentence(monkeypatch):
    api = upstream()
    process = child(UPSTREAM)
    process.suspend()
    while process.status() != psutil.STATUS_STOPPED:
        time.sleep(0.01)
    _, *others = Child.ask.__defaults__
    monkeypatch.setattr(Child.ask, "__defaults__", (0.2, *others))
    with pytest.raises(LessonError, match="does not answer"):
        api.set(latency=1)
    process.resume()
    api.stop()
    assert not api.running


def test_a_start_that_takes_too_long_ends_in_a_sentence():
    with pytest.raises(LessonError, match=r"did not start.*in time"):
        upstream(timeout=0.01)
    assert upstream().running


def test_a_module_of_the_learner_is_not_in_its_way(tmp_path, monkeypatch, client):
    for name in ("random", "uvicorn", "starlette"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit")
    monkeypatch.chdir(tmp_path)
    assert client.get(upstream().url).status_code == 200


def test_a_killed_kernel_takes_it_along():
    command = [sys.executable, "-c", KERNEL]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[1]
    ) as kernel:
        port, pid = map(int, kernel.stdout.readline().split())
        process = psutil.Process(pid)
        assert answers(port)
        kernel.kill()
        deadline = time.monotonic() + 10
        while lives(process) and time.monotonic() < deadline:
            time.sleep(0.02)
    assert not lives(process)
    assert not answers(port)


def test_it_is_in_no_group_that_an_interrupted_cell_interrupts():
    upstream()
    assert os.getpgid(child(UPSTREAM).pid) != os.getpgid(0)
