"""`load` against servers of known behaviour: what it counts, what it times, and what it leaves behind."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import fastapi
import flask
import numpy as np
import psutil
import pytest
from known_server import Known, known_server
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook
from steady import Control, until_quiet

from helpers import LessonError, load, serve, stop_all
from helpers.client import Load, process
from helpers.client.counting import count
from helpers.client.orders import LoadOrder
from helpers.machine import cores as cores_here
from helpers.servers import launch


@pytest.fixture(scope="module")
def known() -> Iterator[Known]:
    with known_server() as server:
        yield server


def test_a_fixed_wait_is_measured_as_it_is(known):
    def check():
        with Control() as control:
            result = load(known.url + "/fixed?ms=50", concurrency=20, seconds=1.5)
        assert result.failed == 0
        assert result.percentile(50) >= 50
        assert result.throughput <= 1.02 * 20 / 0.050  # no machine is so busy that more come
        if result.warning and not control.quiet:  # it is busy, and the load has said so
            return
        assert result.throughput == pytest.approx(20 / 0.050, rel=0.05)
        assert result.percentile(50) == pytest.approx(50, abs=2.5)
        assert result.warning == ""

    until_quiet(check)


def test_every_request_is_counted_once(known):
    known.counts()
    result = load(known.url + "/fixed?ms=20", concurrency=10, seconds=0.5)
    assert known.counts()["/fixed"] == result.completed == len(result.latency_ms)
    result = load(known.url + "/fixed?ms=20", rate=50, seconds=0.5)
    assert known.counts()["/fixed"] == result.completed == len(result.latency_ms) == 25


def test_two_kinds_of_answers_show_in_the_percentiles(known):
    def check():
        known.counts()
        result = load(known.url + "/bimodal", concurrency=10, seconds=2)
        assert result.throughput == pytest.approx(10 / (0.8 * 0.020 + 0.2 * 0.200), rel=0.05)
        assert result.percentile(50) == pytest.approx(20, abs=2)
        assert result.percentile(99) == pytest.approx(200, rel=0.05)

    until_quiet(check)


def test_a_queue_shows_as_latency_not_as_throughput(known):
    def check():
        known.counts()
        alone = load(known.url + "/serial?ms=10", concurrency=1, seconds=1)
        crowd = load(known.url + "/serial?ms=10", concurrency=10, seconds=1)
        truth = 1000 / alone.percentile(50)  # what one pass through the queue takes
        assert alone.percentile(50) == pytest.approx(10, abs=2)
        assert crowd.throughput == pytest.approx(truth, rel=0.05)
        assert crowd.percentile(50) == pytest.approx(10 * 1000 / crowd.throughput, rel=0.05)

    until_quiet(check)


def test_a_load_far_beyond_a_server_is_still_counted_right(known):
    def check():
        alone = [load(known.url + "/serial?ms=10", concurrency=1, seconds=0.5)]
        result = load(known.url + "/serial?ms=10", concurrency=200, seconds=1, timeout=5)
        alone.append(load(known.url + "/serial?ms=10", concurrency=1, seconds=0.5))
        slow, quick = sorted(1000 / each.percentile(50) for each in alone)
        assert 0.92 * slow < result.throughput < 1.08 * quick
        assert "start could not be left out" in result.warning

    until_quiet(check)


def test_answers_that_come_after_the_end_still_count(known):
    def check():
        result = load(known.url + "/fixed?ms=600", concurrency=6, seconds=0.3)
        assert result.completed == 6
        assert result.throughput == pytest.approx(6 / 0.65, rel=0.15)

    until_quiet(check)


def test_a_stall_shows_in_the_open_model_and_not_in_the_closed_one(known):
    def check():
        known.counts()
        is_open = load(known.url + "/stall", rate=150, seconds=4)
        known.counts()
        closed = load(known.url + "/stall", concurrency=2, seconds=4)
        assert is_open.completed == 600
        assert 800 < is_open.percentile(99) < 1050
        assert closed.percentile(99) < 50
        assert 950 < closed.latency_ms.max() < 1100  # it is there: two requests of hundreds
        assert is_open.throughput == pytest.approx(150, rel=0.05)

    until_quiet(check)


def test_lateness_is_honest(known):
    def check():
        result = load(known.url + "/fixed?ms=50", rate=200, seconds=1)
        assert len(result.lateness_ms) == 200
        assert (result.lateness_ms >= 0).all()
        assert result.latency_ms.min() >= 50  # a request that left early would seem quicker than the server is
        assert np.percentile(result.lateness_ms, 99) < 10
        assert result.percentile(50) == pytest.approx(50, abs=2.5)
        assert result.warning == ""

    until_quiet(check)


def test_a_client_that_does_not_get_to_run_says_so(known):
    def hold_up():
        time.sleep(0.5)
        os.kill(process.client.pid, signal.SIGSTOP)
        time.sleep(0.4)
        os.kill(process.client.pid, signal.SIGCONT)

    load(known.url + "/fixed", concurrency=1, seconds=0.1)  # so that there is a client
    holding = threading.Thread(target=hold_up)
    holding.start()
    result = load(known.url + "/fixed?ms=5", rate=200, seconds=2.5)
    holding.join()
    assert result.lateness_ms.max() > 300
    assert "after they were due" in result.warning
    assert (result.latency_ms > 100).sum() > 30  # from the moment they were due, whoever was late


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/dropped", "cut off"),
        ("/truncated", "truncated"),
        ("/truncated-chunks", "truncated"),
    ],
)
@pytest.mark.parametrize("how", [{"concurrency": 7}, {"rate": 150}, {"concurrency": 7, "keep_alive": False}])
def test_answers_that_do_not_come_whole_are_counted_exactly(known, path, kind, how):
    known.counts()
    result = load(known.url + path, seconds=0.5, **how)
    asked = known.counts()[path]
    assert result.errors == {kind: asked // 10}
    assert result.completed == asked - asked // 10
    assert len(result.latency_ms) == result.completed


def test_what_is_not_2xx_has_failed_and_is_not_in_the_throughput(known):
    known.counts()
    result = load(known.url + "/errors", concurrency=5, seconds=1)
    asked = known.counts()["/errors"]
    down = asked // 10
    moved = sum(number % 15 == 1 and number % 10 != 0 for number in range(1, asked + 1))
    assert result.errors == {"503": down, "302": moved}
    assert result.completed == asked - down - moved
    assert result.throughput == pytest.approx(result.completed / result.elapsed, rel=0.1)


def test_no_answer_in_time_is_a_timeout(known):
    began = time.monotonic()
    result = load(known.url + "/never", concurrency=3, seconds=0.2, timeout=0.5)
    assert time.monotonic() - began < 3
    assert result.errors == {"timeout": 3}
    assert (result.completed, result.throughput, result.server_gone) == (0, 0, False)
    assert "3 × timeout" in result.summary()


def test_nonsense_is_counted_as_such(known):
    result = load(known.url + "/nonsense", concurrency=2, seconds=0.2)
    assert set(result.errors) == {"bad answer"}
    assert result.completed == 0


@pytest.mark.parametrize("keep_alive", [True, False])
@pytest.mark.parametrize("framework", ["flask", "fastapi"])
def test_head_is_answered_without_the_body_that_its_headers_promise(framework, keep_alive):
    asked = []
    if framework == "flask":
        app = flask.Flask("pages")
        app.get("/")(lambda: asked.append(flask.request.method) or "x" * 100)
    else:
        app = fastapi.FastAPI()
        app.head("/")(lambda: asked.append("HEAD") or "x" * 100)
    try:
        result = load(serve(app).url + "/", method="head", concurrency=3, seconds=0.3, keep_alive=keep_alive)
    finally:
        stop_all()
    assert result.failed == 0
    assert asked == ["HEAD"] * result.completed
    assert result.completed > 5


def test_big_bodies_are_read_to_their_end(known):
    known.counts()
    result = load(known.url + "/big", concurrency=4, seconds=0.5)
    assert result.failed == 0
    assert result.completed == known.counts()["/big"] > 10


@pytest.mark.parametrize("how", [{"concurrency": 4}, {"rate": 100}])
@pytest.mark.parametrize("path", ["/old", "/close", "/unannounced"])
def test_a_server_that_closes_its_connections_is_no_failure(known, path, how):
    known.counts()
    result = load(known.url + path, seconds=0.5, **how)
    assert not result.errors
    assert result.completed == known.counts()[path] > 20
    assert ("closes each connection" in result.summary()) == (path == "/unannounced")


def test_method_and_body_and_path_are_as_asked_for(known):
    known.counts()
    result = load(known.url + "/fixed?ms=1", concurrency=1, seconds=0.1, method="post", json={"title": "Momo"})
    seen = known.counts()
    assert seen["/fixed"] == seen["POST 17"] == result.completed > 10


def test_without_keep_alive_every_request_has_a_connection(known):
    result = load(known.url + "/fixed?ms=5", concurrency=2, seconds=0.3, keep_alive=False)
    assert not result.errors
    assert result.completed > 30


def test_warm_up_is_sent_and_does_not_count(known):
    known.counts()
    result = load(known.url + "/fixed?ms=10", concurrency=2, seconds=0.3, warm_up=0.3)
    assert known.counts()["/fixed"] > 1.5 * result.completed


def test_a_server_that_dies_is_reported_as_that_and_not_as_slow():
    with known_server() as server:
        began = time.monotonic()
        result = load(server.url + "/die?ms=700", concurrency=10, seconds=10)
        assert time.monotonic() - began < 5
        assert result.server_gone
        assert "dead" in result.summary()
        assert result.errors["refused"] > 0
        assert result.completed > 300
        assert result.throughput > 500  # of the time that it was alive


def test_a_server_that_was_never_there_is_reported_as_that():
    with known_server() as server:
        url = server.url
    began = time.monotonic()
    result = load(url + "/", concurrency=5, seconds=5)
    assert time.monotonic() - began < 4
    assert result.server_gone
    assert set(result.errors) == {"refused"}
    assert result.completed == 0
    is_open = load(url + "/", rate=50, seconds=5)
    assert is_open.server_gone
    assert set(is_open.errors) == {"refused"}


def test_a_server_that_comes_back_is_not_gone():
    """The socket is closed for a moment, as in a restart."""
    app = flask.Flask("shop")
    app.get("/")(lambda: "")
    server = serve(app)

    def restart():
        time.sleep(0.6)
        server.stop()
        time.sleep(0.3)
        serve(app)

    again = threading.Thread(target=restart)
    again.start()
    try:
        result = load(server.url + "/", concurrency=3, seconds=2.5)
    finally:
        again.join()
        stop_all()
    assert not result.server_gone
    assert result.errors["refused"] > 0
    assert result.latency_ms.size > 20


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"concurrency": 0}, "1 to 500"),
        ({"concurrency": 501}, "1 to 500"),
        ({"concurrency": 2.0}, "1 to 500"),
        ({"concurrency": True}, "1 to 500"),
        ({"concurrency": ...}, "1 to 500"),
        ({"concurrency": 5, "rate": 5}, "not both"),
        ({"rate": 0}, "from 0.1 to"),
        ({"rate": 1e9}, "from 0.1 to"),
        ({"rate": 5000, "seconds": 60}, "too many"),
        ({"seconds": 61}, "seconds is a number"),
        ({"seconds": 0}, "seconds is a number"),
        ({"seconds": float("nan")}, "seconds is a number"),
        ({"seconds": "3"}, "seconds is a number"),
        ({"timeout": 0}, "timeout is a number"),
        ({"warm_up": -1}, "warm_up is a number"),
        ({"method": "TRACE"}, "GET, HEAD, POST"),
        ({"json": {1, 2}, "method": "POST"}, "JSON can say"),
        ({"headers": {"x": "a\r\nb: c"}}, "header"),
        ({"headers": {"x y": "a"}}, "header"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(known, arguments, says):
    with pytest.raises(LessonError, match=says):
        load(known.url + "/fixed", **arguments)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/",
        "https://127.0.0.1:8000/",
        "http://127.0.0.1.example.org:80/",
        "http://10.0.0.1:8000/",
        "http://user@10.0.0.1/",
        "http://127.0.0.1@10.0.0.1/",
        "http://127.0.0.1:99999/",
        "127.0.0.1:8000",
    ],
)
def test_other_targets_are_refused(url):
    with pytest.raises(LessonError, match="load sends to this machine only"):
        load(url)


def test_a_server_instead_of_its_address_is_told_in_a_sentence(known):
    with pytest.raises(LessonError, match=r'server\.url \+ "/wait"'):
        load(known)


def test_fastapi_reaches_nine_tenths_of_what_a_server_that_only_waits_reaches(known, tmp_path, monkeypatch):
    app = """
        import asyncio, fastapi
        app = fastapi.FastAPI()

        @app.get("/wait")
        async def wait():
            await asyncio.sleep(0.05)
            return {}
    """
    (tmp_path / "waiting.py").write_text(textwrap.dedent(app))
    monkeypatch.chdir(tmp_path)
    server = launch("uvicorn", "waiting.py:app")

    def check():
        result = load(server.url + "/wait", concurrency=50, seconds=1.5)
        beside = load(known.url + "/fixed?ms=50", concurrency=50, seconds=1.5)
        assert 0.9 * beside.throughput <= result.throughput <= 1.02 * 50 / 0.050  # Little's law
        assert result.failed == 0
        assert 0.05 < result.cpu_ms_per_request < 5

    try:
        until_quiet(check)
    finally:
        stop_all()


BURNING = """
    import time
    import fastapi, flask

    def burn():
        end = time.thread_time() + 0.005
        while time.thread_time() < end:
            pass
        return {}

    wsgi = flask.Flask(__name__)
    wsgi.get("/")(burn)
    asgi = fastapi.FastAPI()
    asgi.get("/")(burn)
"""


@pytest.mark.parametrize(
    ("software", "kind", "settings"),
    [
        ("uvicorn", "asgi", {}),
        ("uvicorn", "asgi", {"workers": 2}),
        ("gunicorn", "wsgi", {"workers": 2, "threads": 2}),
        ("uwsgi", "wsgi", {"threads": 2}),
        ("granian", "wsgi", {"threads": 2}),
    ],
)
def test_what_an_answer_costs_is_what_all_the_servers_processes_spend(software, kind, settings, tmp_path, monkeypatch):
    (tmp_path / "burning.py").write_text(textwrap.dedent(BURNING))
    monkeypatch.chdir(tmp_path)
    server = launch(software, f"burning.py:{kind}", **settings)
    try:
        result = load(server.url + "/", concurrency=2, seconds=1)
    finally:
        stop_all()
    assert result.failed == 0
    assert 5 <= result.cpu_ms_per_request < 8


@pytest.mark.parametrize("may_look", [True, False])
def test_what_an_answer_costs_in_this_very_process(may_look, monkeypatch):
    def refuse(kind):
        raise psutil.AccessDenied  # as on macOS

    if not may_look:
        monkeypatch.setattr(psutil, "net_connections", refuse)
    app = flask.Flask("shop")
    app.get("/")(lambda: str(sum(range(100_000))))
    try:
        assert 0.5 < load(serve(app).url + "/", concurrency=2, seconds=0.5).cpu_ms_per_request < 20
    finally:
        stop_all()


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({"cpu.max": "100000 100000"}, 1),
        ({"cpu.max": "50000 100000"}, 1),
        ({"cpu.max": "max 100000"}, None),
        ({"cpu/cpu.cfs_quota_us": "100000", "cpu/cpu.cfs_period_us": "100000"}, 1),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, None),
        ({"cpu.max": "99900000 100000"}, None),
        ({}, None),
    ],
)
def test_a_containers_quota_counts_as_its_cores(files, cores, tmp_path):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text + "\n")
    assert cores_here(tmp_path) == (cores or cores_here(Path("/nowhere")))


def test_it_is_kept_and_comes_back(known):
    result = load(known.url + "/errors", concurrency=4, seconds=0.6)
    again = Load.load()
    assert (again.completed, again.errors, again.throughput) == (result.completed, result.errors, result.throughput)
    assert again.percentile(50) == pytest.approx(result.percentile(50), rel=0.01)
    assert len(again.latency_ms) == len(result.latency_ms)
    assert again.recorded["machine"]["python"]
    assert again.summary().startswith("Recorded on ")


def test_nothing_is_printed(known, capfd):
    load(known.url + "/fixed", concurrency=3, seconds=0.3)
    assert capfd.readouterr() == ("", "")


def test_a_notebook_shows_progress_and_keeps_only_the_result(known, tmp_path):
    cell = new_code_cell(f"from helpers import load\nload({known.url!r} + '/fixed?ms=10', concurrency=5, seconds=0.6)")
    notebook = new_notebook(cells=[cell])
    seen = []
    client = NotebookClient(notebook, resources={"metadata": {"path": str(tmp_path)}}, timeout=60)
    handle = client.process_message

    def spy(message, *rest):
        if message["msg_type"] == "comm_msg":
            state = message["content"]["data"].get("state", {})
            seen.append(state.get("value"))
        return handle(message, *rest)

    client.process_message = spy
    client.execute()
    texts = [output.get("data", {}).get("text/plain") for output in cell.outputs]
    assert texts[0] == ""  # where the bar was
    assert "good answers" in texts[1]
    assert len(texts) == 2
    assert {output.output_type for output in cell.outputs} == {"display_data", "execute_result"}
    assert any(isinstance(value, float) and 0 < value <= 0.6 for value in seen)


LOADING = """
    from helpers import load
    from helpers.client import process, Load
    import sys, time
    load("{url}/fixed", concurrency=1, seconds=0.1)
    print(process.client.pid, flush=True)
    try:
        load("{url}/fixed?ms=10", concurrency=4, seconds=30)
    except KeyboardInterrupt:
        found = Load.load()
        print(found.completed, flush=True)
        print(found.warning, flush=True)
        print(load("{url}/fixed", concurrency=1, seconds=0.1).failed, flush=True)
"""


def kernel(known, folder):
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(LOADING).format(url=known.url)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "LESSON_RESULTS": str(folder)},
    )


def test_an_interrupt_ends_a_load_at_once_and_keeps_what_was_measured(known, tmp_path):
    child = kernel(known, tmp_path)
    with child.stdout:
        child.stdout.readline()
        time.sleep(1)
        child.send_signal(signal.SIGINT)
        began = time.monotonic()
        assert int(child.stdout.readline()) > 40
        assert time.monotonic() - began < 2
        assert "ended before its time" in child.stdout.readline()
        assert child.stdout.readline() == "0\n"
    assert child.wait(10) == 0


def test_a_killed_kernel_leaves_no_client_and_what_was_measured(known, tmp_path):
    child = kernel(known, tmp_path)
    with child.stdout:
        client = int(child.stdout.readline())
        time.sleep(1)
        child.kill()
        child.wait()
    deadline = time.monotonic() + 5
    while Path(f"/proc/{client}").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    with pytest.raises(ProcessLookupError):
        os.kill(client, 0)
    newest = sorted((tmp_path / "measured").glob("*-load.jsonl"))[-1]
    assert Load.load(newest).completed > 40


def test_few_files_mean_fewer_connections_and_a_sentence(known, tmp_path):
    program = f"""
        from helpers import load
        result = load({known.url!r} + "/fixed?ms=20", concurrency=300, seconds=0.5)
        print(result.failed, result.warning)
    """
    done = subprocess.run(
        ["bash", "-c", f'ulimit -n 256; exec "{sys.executable}" -c "$0"', textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "LESSON_RESULTS": str(tmp_path)},
    )
    assert done.stdout.startswith("0 A process may open 256 files here, so there were 128 connections instead of 300.")


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system cannot give a process one core")
def test_one_core_for_all_is_said(known, tmp_path):
    program = f"""
        import os
        os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
        from helpers import load
        result = load({known.url!r} + "/fixed?ms=20", concurrency=5, seconds=0.5)
        print(result.failed, result.warning)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "LESSON_RESULTS": str(tmp_path)},
    )
    assert done.stdout.startswith("0 Client and server share the one core")


def order(**changes):
    given = LoadOrder("http://127.0.0.1:1/", "127.0.0.1", 1, "", concurrency=2, rate=None, seconds=1.0, timeout=1.0)
    return replace(given, **changes)


def test_ramp_and_drain_are_left_out_of_the_throughput():
    """Two clients, 0.1 s an answer; the second starts at 0.2 s, and the last answers come after the end."""
    sent = [*range(0, 1_000_000, 100_000), *range(200_000, 1_000_000, 100_000)]
    part = {
        "sent": sent,
        "took": [100_000] * 18,
        "due": None,
        "outcome": [200] * 18,
        "full": 300_000,
        "joined": 200_000,
    }
    end = {"cpu": 0.1, "lags": [], "gone": False, "closes": False}
    result = count(order(), [{**part, "from": 0, "until": 1_050_000}], end, [])
    assert result.window == pytest.approx(0.7)
    assert result.throughput == pytest.approx(20)
    shifted = {**part, "sent": [moment + 33_000 for moment in sent], "full": 333_000}
    result = count(order(), [{**shifted, "from": 0, "until": 1_090_000}], end, [])
    assert result.throughput == pytest.approx(20)  # wherever the edges fall


def test_a_load_too_short_for_its_answers_says_so_and_is_not_far_off():
    """Fifty clients, a second an answer, a second and a quarter of load: all first answers come in one batch."""
    sent = [number * 1_000 for number in range(50)]
    again = [moment + 1_000_000 for moment in sent]
    part = {"sent": sent + again, "took": [1_000_000] * 100, "due": None, "outcome": [200] * 100}
    end = {"cpu": 0.1, "lags": [], "gone": False, "closes": False}
    marks = {"full": 1_049_000, "joined": 49_000, "from": 0, "until": 2_060_000}
    result = count(order(concurrency=50, seconds=1.25), [{**part, **marks}], end, [])
    assert result.throughput == pytest.approx(50, rel=0.2)
    assert "the start could not be left out" in result.warning
    assert result.disturbance


@pytest.mark.parametrize(("share", "seconds"), [("0.2", 0.4), ("1", 2.0), ("0.01", 2.0), ("slow", 2.0)])
def test_a_rehearsal_is_short_and_says_so(known, monkeypatch, share, seconds):
    monkeypatch.setenv("LESSON_PACE", share)
    result = load(known.url + "/fixed?ms=5", concurrency=2, seconds=2)
    assert result.seconds == pytest.approx(seconds)
    assert ("LESSON_PACE" in result.summary()) == (seconds < 2)
    assert load(known.url + "/fixed?ms=5", concurrency=2, seconds=0.1).seconds == pytest.approx(0.1)


def test_where_results_cannot_be_written_the_record_is_in_the_cache(known, monkeypatch, tmp_path):
    (tmp_path / "a file").write_text("no folder")
    monkeypatch.setenv("LESSON_RESULTS", str(tmp_path / "a file"))
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: tmp_path / "cache")
    result = load(known.url + "/fixed", concurrency=1, seconds=0.1)
    assert len(list((tmp_path / "cache").rglob("measured/*-load.jsonl"))) == 1
    assert Load.load().completed == result.completed


def test_a_child_that_prints_disturbs_no_load(known, tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import warnings; print('hello'); warnings.warn('strange')")
    program = f"from helpers import burst, load; u = {known.url!r}; b = burst(u, '/fixed', 2); "
    program += "print(b.statuses, load(u + '/fixed', concurrency=1, seconds=0.1).failed)"
    given = {"PYTHONPATH": str(tmp_path), "PYTHONASYNCIODEBUG": "1", "LESSON_RESULTS": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, **given}, capture_output=True, text=True, timeout=30
    )
    assert done.stdout.splitlines()[-1] == "Counter({200: 2}) 0", done.stderr
