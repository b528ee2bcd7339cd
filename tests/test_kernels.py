"""Servers in real kernels: two at once, killed, interrupted, patched, and what a cell shows of an error."""

import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from queue import Empty
from textwrap import dedent
from time import monotonic, sleep

import psutil
import pytest
from children import left_after
from jupyter_client.manager import start_new_kernel
from lessons import code_cells, notebooks, read, run_all, troubles, wrong_checks
from nbformat import NotebookNode
from nbformat.v4 import output_from_msg

from helpers.benchmark import Comparison

APPS = """
import threading, time
import fastapi, flask, httpx
from helpers import ask, serve, show, stop_all

released = threading.Event()
apps = [flask.Flask("shop"), fastapi.FastAPI()]
for app in apps:
    @app.get("/")
    def home():
        return {"kernel": mark}

    @app.get("/slow")
    def slow():
        print("in the app", flush=True)
        return {"released": released.wait(60)}

    @app.get("/bad")
    def bad():
        return 1 / 0
"""
SERVE = "servers = [serve(app) for app in apps]"
ASK = '[answer.json() for answer in ask(servers, "GET", "/")]'


class Kernel:
    """A kernel of its own process, which runs cells one after another."""

    def __init__(self) -> None:
        self.manager, self.client = start_new_kernel(kernel_name="python3")

    @property
    def process(self) -> psutil.Process:
        return psutil.Process(self.manager.provisioner.pid)

    def run(self, source: str, seconds: float = 60, stop_at: str | None = None) -> list[NotebookNode]:
        """The outputs of a cell, pieces of one stream put together; interrupt it once it prints `stop_at`."""
        request = self.client.execute(source, stop_on_error=False)
        outputs: list[NotebookNode] = []
        end = monotonic() + seconds
        while True:
            try:
                message = self.client.get_iopub_msg(timeout=max(0, end - monotonic()))
            except Empty:
                raise AssertionError(f"not done within {seconds} s, after {outputs}: {source}") from None
            if message["parent_header"].get("msg_id") != request:
                continue
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                return outputs
            if message["msg_type"] in ("status", "execute_input"):
                continue
            output = output_from_msg(message)
            if outputs and output.output_type == "stream" and outputs[-1].get("name") == output.name:
                outputs[-1].text += output.text
            else:
                outputs.append(output)
            if stop_at and stop_at in output.get("text", ""):
                self.manager.interrupt_kernel()
                stop_at = None

    def value(self, source: str, seconds: float = 60) -> str:
        """What a cell that ends in an expression shows, as text; nothing else may be shown."""
        (output,) = self.run(source, seconds)
        assert output.output_type == "execute_result", output
        return output.data["text/plain"]

    def ports(self) -> list[int]:
        return [int(port) for port in self.value("[server.port for server in servers]")[1:-1].split(",")]

    def end(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.fixture
def kernels() -> Iterator[list[Kernel]]:
    """Two fresh kernels, in which two apps (`apps`) are written and not yet served."""
    with ExitStack() as stack, ThreadPoolExecutor() as pool:
        made = [*pool.map(lambda _: Kernel(), range(2))]
        for mark, kernel in enumerate(made):
            stack.callback(kernel.end)
            assert kernel.run(f"mark = {mark}\n{APPS}") == []
        yield made


@pytest.fixture(scope="module")
def kernel() -> Iterator[Kernel]:
    """One kernel for all tests that leave it as it was, with both apps served."""
    kernel = Kernel()
    try:
        assert kernel.run(f"mark = 0\n{APPS}{SERVE}") == []
        yield kernel
    finally:
        kernel.end()


def listening(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


# Several kernels, and their end


def test_two_kernels_run_the_same_cells_at_once(kernels: list[Kernel]) -> None:
    with ThreadPoolExecutor() as pool:
        assert [*pool.map(lambda kernel: kernel.run(SERVE), kernels)] == [[], []]
    assert len({port for kernel in kernels for port in kernel.ports()}) == 4
    for mark, kernel in enumerate(kernels):
        assert kernel.value(ASK) == f"[{{'kernel': {mark}}}, {{'kernel': {mark}}}]"
    assert kernels[0].run("stop_all()") == []
    assert kernels[1].value(ASK) == "[{'kernel': 1}, {'kernel': 1}]"


def test_a_killed_kernel_leaves_no_process_and_no_open_port(kernels: list[Kernel]) -> None:
    kernel, survivor = kernels
    for each in kernels:
        each.run(SERVE)
    family = [kernel.process, *kernel.process.children(recursive=True)]
    ports = kernel.ports()
    assert all(map(listening, ports))
    kernel.process.kill()
    assert left_after(10, family) == []
    assert not any(map(listening, ports))
    assert survivor.value(ASK) == "[{'kernel': 1}, {'kernel': 1}]"


MEASURING = """
from pathlib import Path
from helpers import launch, measure
Path("shop.py").write_text("import flask; app = flask.Flask('shop'); app.get('/')(lambda: 'hello')")
server = launch("gunicorn", "shop.py:app", workers=2, threads=4)
measure({"A": server.url, "B": server.url + "/?b"}, concurrency=3, budget=100)
"""


@pytest.mark.parametrize("how", ["interrupted", "restarted", "killed"])
def test_a_measurement_that_is_cut_short_leaves_no_process_and_what_was_measured(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LESSON_RESULTS", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    kernel = Kernel()
    try:
        kernel.run("from helpers.benchmark import plan; plan.ENOUGH = 10_000  # so that it goes on")
        kernel.client.execute(MEASURING, stop_on_error=False)
        wait_for(lambda: any('"arm": "B"' in path.read_text() for path in tmp_path.glob("measured/*-measure.jsonl")))
        family = kernel.process.children(recursive=True)
        clients = [each for each in family if each.is_running() and "helpers.client.child" in each.cmdline()]
        assert len(clients) == 1 and len(family) > 3
        if how == "interrupted":
            kernel.manager.interrupt_kernel()
            assert kernel.value("len(server.pids)") == "2"  # the server goes on
            family = clients
        elif how == "restarted":
            kernel.manager.restart_kernel()
        else:
            kernel.process.kill()
        assert left_after(10, family) == []
    finally:
        kernel.end()
    found = Comparison.load()
    assert found.arms["A"].completed > 0
    assert found.ended == "it was interrupted"


def wait_for(what: Callable[[], bool], seconds: float = 60) -> None:
    end = monotonic() + seconds
    while not what():
        assert monotonic() < end
        sleep(0.1)


@pytest.mark.lesson
def test_two_kernels_run_the_same_lesson_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lesson = notebooks()[0]
    monkeypatch.setenv("LESSON_RESULTS", str(tmp_path))
    with ThreadPoolExecutor() as pool:
        runs = [pool.submit(lambda: [*run_all(read(lesson), lesson.parent, seconds=200)]) for _ in range(2)]
        executed = [notebook for run in runs for notebook in run.result()]
    for notebook in executed:
        assert [*troubles(notebook), *wrong_checks(notebook, "not started")] == []
        assert any(cell.outputs for cell in code_cells(notebook))
    assert list(tmp_path.glob("*damaged*")) == []


# Interrupted cells


@pytest.mark.parametrize(
    "cell",
    [
        'ask(servers[0], "GET", "/slow", timeout=60)',
        'ask(servers[1], "GET", "/slow", timeout=60)',
        'httpx.get(servers[0].url + "/slow", timeout=60)',
        'httpx.get(servers[1].url + "/slow", timeout=60)',
        'print("in the app", flush=True); time.sleep(60)',
    ],
)
def test_servers_answer_after_an_interrupted_cell(kernel: Kernel, cell: str) -> None:
    *_, error = kernel.run(cell, seconds=20, stop_at="in the app")
    assert error.ename == "KeyboardInterrupt"
    assert kernel.value(ASK, seconds=10) == "[{'kernel': 0}, {'kernel': 0}]"
    assert kernel.run("released.set()\nreleased.clear()") == []


# What a cell shows


@pytest.mark.parametrize(
    ("cell", "name", "said"),
    [
        ("serve(None)", "NotAnApp", "nothing to serve"),
        ("serve(flask.Flask('new'), 'new', port=servers[1].port)", "ServeError", "Address already in use"),
        ("serve(fastapi.FastAPI(lifespan=lambda app: 1 / 0), name='broken')", "ServeError", "ZeroDivisionError"),
        ("show(apps[0], '/')", "LessonError", "what serve(app) returned"),
        ("ask(servers, 'GET', '/', timeout=-1)", "LessonError", "timeout"),
    ],
)
def test_a_learners_mistake_is_one_line_without_frames(kernel: Kernel, cell: str, name: str, said: str) -> None:
    (output,) = kernel.run(f"def attempt():\n    {cell}\n\nattempt()")
    assert (output.output_type, output.ename) == ("error", name)
    (line,) = output.traceback
    assert line.startswith(f"{name}: ")
    assert said in line
    assert "\n" not in line


def test_running_the_serve_cell_again_keeps_the_ports(kernel: Kernel) -> None:
    before = kernel.ports()
    assert kernel.run(SERVE) == []
    assert kernel.ports() == before
    assert kernel.value(ASK) == "[{'kernel': 0}, {'kernel': 0}]"


@pytest.mark.parametrize("index", [0, 1])
def test_a_failing_request_that_nobody_numbered_is_one_line_on_stderr(kernel: Kernel, index: int) -> None:
    output, status = kernel.run(f"httpx.get(servers[{index}].url + '/bad').status_code")
    assert status.data["text/plain"] == "500"
    assert output.name == "stderr"
    (line,) = output.text.splitlines()
    assert "GET /bad raised ZeroDivisionError: division by zero" in line
    assert "return 1 / 0" in line


@pytest.mark.parametrize("index", [0, 1])
def test_a_failure_is_recorded_by_the_time_its_answer_is_there(kernel: Kernel, index: int) -> None:
    cell = f"""
    from http.client import HTTPConnection

    late = 0
    for number in map(str, range(300)):
        connection = HTTPConnection("127.0.0.1", servers[{index}].port)
        connection.request("GET", "/bad", headers={{"x-request-id": number}})
        connection.getresponse().read()
        late += [failure.request_id for failure in servers[{index}].errors][-1:] != [number]
        connection.close()
    late
    """
    assert kernel.value(dedent(cell)) == "0"


def test_a_failing_request_of_ask_is_in_its_answer_and_nowhere_else(kernel: Kernel) -> None:
    shown = kernel.value('ask(servers, "GET", "/bad")')
    assert shown.count("ZeroDivisionError") == 2


# A patched event loop


@pytest.mark.parametrize("patched", ["before", "after"])
def test_serve_and_ask_work_in_a_kernel_that_nest_asyncio_patched(kernels: list[Kernel], patched: str) -> None:
    kernel = kernels[0]
    patch = "import nest_asyncio; nest_asyncio.apply()"
    for cell in (patch, SERVE) if patched == "before" else (SERVE, patch):
        assert kernel.run(cell) == []
    expected = "[{'kernel': 0}, {'kernel': 0}]"
    assert kernel.value(ASK) == expected
    inside = f"import asyncio\nasync def asking():\n    return {ASK}\n\nasyncio.run(asking())"
    assert kernel.value(inside) == expected
    assert kernel.run(f"{SERVE}\nstop_all()\n{SERVE}") == []
    assert kernel.value(ASK) == expected
