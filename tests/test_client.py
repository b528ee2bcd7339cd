"""`burst`: requests that leave in the same moment, from a process that leaves nothing behind."""

import asyncio
import importlib
import itertools
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import fastapi
import flask
import pytest
from fastapi.responses import StreamingResponse

from helpers import LessonError, burst, serve, stop_all
from helpers.client import bursting, process, sender


@pytest.fixture(autouse=True)
def nothing_is_left():
    yield
    stop_all()


def waiting_app():
    app = flask.Flask("shop")
    app.get("/")(lambda: {"id": flask.request.headers["x-request-id"]})

    @app.get("/wait")
    def wait():
        time.sleep(0.05)
        return {}

    @app.post("/echo")
    def echo():
        return flask.request.get_json(), 201

    @app.get("/slow")
    def slow():
        time.sleep(2)
        return {}

    app.get("/away", endpoint="away")(lambda: flask.redirect("http://example.org/"))
    return app


def test_every_request_is_counted_once_with_its_status():
    result = burst(serve(waiting_app()), "/wait", 20)
    assert result.statuses == {200: 20}
    assert not result.errors
    assert len(result.replies) == len({reply.id for reply in result.replies}) == 20
    assert all(reply.duration >= 0.05 for reply in result.replies)
    assert result.durations_ms == sorted(result.durations_ms)
    assert result.seconds < 20 * 0.05  # at once, not one after another


def test_they_leave_within_a_few_milliseconds():
    server = serve(waiting_app())
    assert min(burst(server, "/wait", 20).spread for _ in range(5)) < 0.010


def test_nobody_sends_before_the_last_one_is_connected(monkeypatch):
    class Slow(sender.aiohttp.TCPConnector):
        """Connects one a tenth of a second after the other."""

        turns = itertools.count()

        async def connect(self, *args, **kwargs):
            await asyncio.sleep(0.1 * next(self.turns))
            return await super().connect(*args, **kwargs)

    monkeypatch.setattr(sender.aiohttp, "TCPConnector", Slow)
    url = serve(waiting_app()).url + "/"
    order = {"id": "test", "n": 4, "method": "GET", "url": url, "json": None, "headers": {}, "timeout": 5}
    began = time.perf_counter_ns()
    reports = asyncio.run(sender.burst(order))
    assert [report["status"] for report in reports] == [200] * 4
    sent = [report["sent"] for report in reports]
    assert min(sent) - began > 0.3e9
    assert max(sent) - min(sent) < 0.1e9


def test_one_that_cannot_connect_does_not_keep_the_others(monkeypatch):
    class Failing(sender.aiohttp.TCPConnector):
        turns = itertools.count()

        async def connect(self, *args, **kwargs):
            if next(self.turns) == 1:
                raise ConnectionRefusedError
            return await super().connect(*args, **kwargs)

    monkeypatch.setattr(sender.aiohttp, "TCPConnector", Failing)
    url = serve(waiting_app()).url + "/"
    order = {"id": "test", "n": 3, "method": "GET", "url": url, "json": None, "headers": {}, "timeout": 5}
    reports = asyncio.run(sender.burst(order))
    assert [report["status"] for report in reports] == [200, None, 200]


def test_method_body_and_status_are_as_asked_for():
    result = burst(serve(waiting_app()), "echo", 3, method="post", json={"title": "Momo"})
    assert (result.method, result.path, result.statuses) == ("POST", "/echo", {201: 3})


def test_redirects_are_not_followed():
    assert burst(serve(waiting_app()), "/away", 2).statuses == {302: 2}


def test_a_request_without_an_answer_is_given_up_and_counted():
    began = time.perf_counter()
    result = burst(serve(waiting_app()), "/slow", 4, timeout=0.3)
    assert time.perf_counter() - began < 2
    assert result.errors == {"timeout": 4}
    assert not result.statuses
    assert not result.durations_ms
    assert 0.2 < result.seconds < 1.5
    assert "4 × timeout" in result.summary()


def test_a_server_that_is_gone_is_counted_as_refused():
    server = serve(waiting_app())
    url = server.url
    server.stop()
    result = burst(url, "/", 3)
    assert result.errors == {"refused": 3}
    assert result.seconds == 0
    assert "3 × refused" in result.summary()


def test_an_answer_that_breaks_off_is_counted_as_cut_off():
    app = fastapi.FastAPI()

    @app.get("/")
    async def broken():
        def chunks():
            yield b"a"
            raise RuntimeError("out of paper")

        return StreamingResponse(chunks())

    assert burst(serve(app), "/", 2).errors == {"cut off": 2}


def test_an_address_will_do():
    assert burst(serve(waiting_app()).url, "/", 1).statuses == {200: 1}


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("http://example.org", "this machine only"),
        ("http://127.0.0.1.example.org:80", "this machine only"),
        ("https://127.0.0.1:8000", "this machine only"),
        ("http://10.0.0.1:8000", "this machine only"),
        ("http://user@10.0.0.1", "this machine only"),
        (flask.Flask("shop"), "what serve"),
    ],
)
def test_other_targets_are_refused(target, says):
    with pytest.raises(LessonError, match=says):
        burst(target, "/", 1)


@pytest.mark.parametrize("n", [0, -1, 501, 2.0, "20", True, ...])
def test_a_senseless_number_of_requests_is_refused(n):
    with pytest.raises(LessonError, match="1 to 500"):
        burst("http://127.0.0.1:9", "/", n)


@pytest.mark.parametrize("timeout", [0, 61, "1", True, float("nan")])
def test_a_senseless_timeout_is_refused(timeout):
    with pytest.raises(LessonError, match="to 60"):
        burst("http://127.0.0.1:9", "/", 1, timeout=timeout)


def test_a_stopped_server_and_a_wrong_path_are_told_in_a_sentence():
    server = serve(waiting_app())
    with pytest.raises(LessonError, match="path is a text"):
        burst(server, 3, 1)
    with pytest.raises(LessonError, match="JSON"):
        burst(server, "/echo", 1, method="POST", json={1, 2})
    with pytest.raises(LessonError, match="could not send"):
        burst(server, "/", 1, headers={"bad\n": "x"})
    server.stop()
    with pytest.raises(LessonError, match="is stopped"):
        burst(server, "/", 1)
    assert burst(serve(waiting_app()), "/", 1).statuses == {200: 1}


def test_the_client_is_one_process_that_is_replaced_when_it_dies():
    server = serve(waiting_app())
    burst(server, "/", 1)
    first = process.client.pid
    burst(server, "/", 1)
    assert process.client.pid == first
    os.kill(first, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while process.client.running and time.monotonic() < deadline:
        time.sleep(0.01)
    assert burst(server, "/", 1).statuses == {200: 1}
    assert process.client.pid != first


def test_a_client_that_dies_at_work_is_told_in_a_sentence():
    server = serve(waiting_app())
    burst(server, "/", 1)
    pid = process.client.pid
    threading.Timer(0.3, os.kill, (pid, signal.SIGKILL)).start()
    with pytest.raises(LessonError, match="client process died"):
        burst(server, "/slow", 1)
    assert burst(server, "/", 1).statuses == {200: 1}


def run(program, **options):
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, text=True, **options
    )


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def ends(pid, seconds=5):
    deadline = time.monotonic() + seconds
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not is_alive(pid)


HANGING = """
    import time, flask
    from helpers import burst, serve
    from helpers.client import process, sender
    app = flask.Flask("shop")
    app.get("/")(lambda: "")
    app.get("/hang", endpoint="hang")(lambda: time.sleep(20))
    server = serve(app)
    burst(server, "/", 1)
    print(process.client.pid, flush=True)
"""


def test_an_interrupt_ends_a_burst_and_the_next_one_works():
    program = textwrap.dedent(HANGING) + textwrap.dedent("""
        try:
            burst(server, "/hang", 2)
        except KeyboardInterrupt:
            print(burst(server, "/", 2).statuses[200], flush=True)
            print(process.client.pid, flush=True)
        import os; os._exit(0)
    """)
    kernel = run(program)
    try:
        first = int(kernel.stdout.readline())
        time.sleep(0.5)
        kernel.send_signal(signal.SIGINT)
        began = time.monotonic()
        assert kernel.stdout.readline().strip() == "2"
        assert time.monotonic() - began < 10
        second = int(kernel.stdout.readline())
        assert ends(first)
        assert ends(second)
    finally:
        kernel.kill()
        kernel.wait()
        kernel.stdout.close()


def test_an_interrupt_of_an_idle_kernel_leaves_the_client_alone():
    program = textwrap.dedent(HANGING) + textwrap.dedent("""
        try:
            time.sleep(20)
        except KeyboardInterrupt:
            burst(server, "/", 1)
            print(process.client.pid, flush=True)
        import os; os._exit(0)
    """)
    kernel = run(program, start_new_session=True)
    try:
        first = int(kernel.stdout.readline())
        time.sleep(0.3)
        os.killpg(kernel.pid, signal.SIGINT)  # as Jupyter does: to the kernel and all its children
        assert int(kernel.stdout.readline()) == first
        assert ends(first)
    finally:
        kernel.kill()
        kernel.wait()
        kernel.stdout.close()


@pytest.mark.parametrize("at_work", [False, True])
def test_a_killed_kernel_leaves_no_client_behind(at_work):
    kernel = run(textwrap.dedent(HANGING) + ('burst(server, "/hang", 2)' if at_work else "time.sleep(60)"))
    try:
        client = int(kernel.stdout.readline())
        time.sleep(0.5)
        assert is_alive(client)
        kernel.kill()
        kernel.wait()
        assert ends(client)
    finally:
        kernel.kill()
        kernel.wait()
        kernel.stdout.close()


def test_a_file_of_the_learner_cannot_stand_in_for_a_library(tmp_path):
    (tmp_path / "aiohttp.py").write_text("raise SystemExit('not this one')")
    (tmp_path / "json.py").write_text("raise SystemExit('nor this one')")
    program = HANGING + "    import os; os._exit(0)\n"
    kernel = subprocess.Popen(
        [sys.executable, "-P", "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, text=True, cwd=tmp_path
    )
    with kernel.stdout:
        assert int(kernel.stdout.readline())
    assert kernel.wait(20) == 0


def test_nothing_is_printed(capfd):
    server = serve(waiting_app())
    burst(server, "/", 3)
    burst(server, "/slow", 1, timeout=0.1)
    assert capfd.readouterr() == ("", "")


def test_who_listens_to_bursts_goes_on_after_a_reload():
    heard = []
    bursting.listeners.append(heard.append)
    try:
        found = importlib.reload(bursting).burst(serve(waiting_app()), "/", 1)
    finally:
        bursting.listeners.remove(heard.append)
    assert heard == [found]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_kernel_has_a_client_of_its_own():
    program = textwrap.dedent(HANGING) + textwrap.dedent("""
        import os
        first = process.client.pid
        if not (child := os.fork()):
            print(burst(server.url, "/", 1).statuses, process.client.pid != first, flush=True)
            process.client.end()
            os._exit(0)
        os.waitpid(child, 0)
        print(burst(server, "/", 1).statuses, process.client.pid == first, flush=True)
    """)
    kernel = run(program)
    try:
        kernel.stdout.readline()
        assert kernel.stdout.readline() == "Counter({200: 1}) True\n"
        assert kernel.stdout.readline() == "Counter({200: 1}) True\n"
    finally:
        kernel.kill()
        kernel.wait()
        kernel.stdout.close()
