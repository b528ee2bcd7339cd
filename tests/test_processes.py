"""Children of a kernel: whatever surrounds them, the conversation goes on, or ends in an error of its own class."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import psutil
import pytest
from children import left_after

from helpers.processes import CannotStart, Child, ChildError, Ended, PortTaken, Refused, TimedOut, registry

ROOT = Path(__file__).resolve().parents[1]

CHILD = """
import sys, time, warnings
from helpers.processes.child import Kernel
from helpers.processes.errors import PortTaken, Refused

kernel = Kernel()
print("a print is no answer")
warnings.warn("nor is a warning")

def carry_out(order):
    print("{}", flush=True)
    match order["do"]:
        case "echo":
            return {"said": order["say"]}
        case "parts":
            for part in range(3):
                kernel.say(id=order["id"], part=part)
            return {"done": True}
        case "sleep":
            time.sleep(order["seconds"])
        case "refuse":
            raise Refused("it does not want to")
        case "port":
            raise PortTaken("somebody else has it")
        case "raise":
            1 / 0
        case "exit":
            print("last words", file=sys.stderr)
            sys.exit(3)
    return {}

kernel.say(ready=True, arguments=sys.argv[1:])
kernel.obey(carry_out)
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module that a child can run, which is on PYTHONPATH alone."""
    (tmp_path / "a_child_for_tests.py").write_text(CHILD)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return "a_child_for_tests"


@pytest.fixture
def child(module: str):
    child = Child(module, "one", "two", timeout=20)
    yield child
    child.stop()
    child.stop()
    assert not psutil.pid_exists(child.pid)


def test_it_greets_answers_and_tells_on_the_way(child: Child) -> None:
    assert child.hello["arguments"] == ["one", "two"]
    heard: list[int] = []
    assert child.ask(do="echo", say="größer")["said"] == "größer"
    assert child.ask(hear=heard.append, do="parts")["done"]
    assert heard == [0, 1, 2]
    assert len(child.ask(do="echo", say="x" * 500_000)["said"]) == 500_000


def test_what_goes_wrong_has_a_class_of_its_own(child: Child) -> None:
    with pytest.raises(Refused, match=r"^it does not want to$"):
        child.ask(do="refuse")
    with pytest.raises(PortTaken, match="somebody else"):
        child.ask(do="port")
    with pytest.raises(Refused, match="ZeroDivisionError"):
        child.ask(do="raise")
    with pytest.raises(TimedOut):
        child.ask(timeout=0.1, do="sleep", seconds=0.3)
    assert child.ask(do="echo", say=1)["said"] == 1, "the late answer is of the other order"
    with pytest.raises(Ended, match="last words") as ended:
        child.ask(do="exit")
    assert ended.value.status == 3
    with pytest.raises(Ended):
        child.ask(do="echo", say=2)
    assert not child.running


def test_one_that_cannot_be_started_or_is_slow_to_greet_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    before = psutil.Process().num_fds() if os.name == "posix" else 0
    with pytest.raises(Ended, match="No module named"):
        Child("no_such_module", timeout=20)
    with pytest.raises(TimedOut):
        Child("helpers.client.child", timeout=0.001)
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with pytest.raises(CannotStart, match="No such file"):
        Child("helpers.client.child", timeout=20)
    assert os.name != "posix" or psutil.Process().num_fds() <= before
    assert all(issubclass(kind, ChildError) for kind in (CannotStart, Ended, Refused, TimedOut))


# Odd places: each verb works there. The kernel is a process of its own.

VERBS = """
import json, sys
from pathlib import Path
import fastapi
from helpers import ask, burst, launch, load, postgres, serve, stop_all, upstream

app = fastapi.FastAPI()

@app.get("/")
def home():
    return {"here": True}

Path("shop.py").write_text(
    "def app(environ, start_response):\\n"
    "    start_response('200 OK', [('Content-Length', '2')])\\n"
    "    return [b'ok']\\n"
)

def verbs():
    server = serve(app)
    launched = launch("waitress", "shop.py:app")
    found = {
        "ask": ask(server, "GET", "/")[0].status,
        "burst": burst(server, "/", 3).statuses[200],
        "load": load(server.url + "/", concurrency=2, seconds=0.3).failed,
        "launch": burst(launched, "/", 2).statuses[200],
        "upstream": upstream(latency=0).running,
        "postgres": postgres().running,
    }
    stop_all()
    return found
"""
FINE = {"ask": 200, "burst": 3, "load": 0, "launch": 2, "upstream": True, "postgres": True}


def told(script: str, folder: Path, **environment: str) -> object:
    """What a kernel that runs VERBS and `script` in `folder` prints last, as JSON."""
    command = [sys.executable, "-c", VERBS + dedent(script)]
    variables = {**os.environ, "LESSON_RESULTS": str(folder / "results"), **environment}
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.timeout(120)
def test_a_sitecustomize_that_prints_and_strange_variables_disturb_no_verb(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\nprint('hello', flush=True)\nprint('{}', file=sys.stderr)\n")
    strange = {"PYTHONWARNINGS": "error", "PYTHONINSPECT": "1", "PYTHONVERBOSE": "1", "PYTHONIOENCODING": "utf-16"}
    script = f"""
        import os
        os.environ.update({strange!r})
        print(json.dumps(verbs()))
    """
    assert told(script, tmp_path, PYTHONPATH=str(tmp_path)) == FINE


@pytest.mark.timeout(120)
def test_a_package_that_only_the_kernel_s_own_path_finds_is_found_by_its_children(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "helpers").symlink_to(ROOT / "helpers")
    (elsewhere / "data").symlink_to(ROOT / "data")
    command = f"""
        import sys
        sys.path.insert(0, {str(elsewhere)!r})
        import helpers.processes.parent as parent
        assert parent.variables()["PYTHONPATH"].split({os.pathsep!r})[0] == str(Path({str(ROOT)!r})), parent.variables()
        print(json.dumps(verbs()))
    """
    # -S -E would take site-packages away as well; a path that names another helpers first shows the same.
    (tmp_path / "helpers").mkdir()
    (tmp_path / "helpers" / "__init__.py").write_text("raise SystemExit('the wrong helpers')\n")
    first = f"import sys\nsys.path.insert(0, {str(elsewhere)!r})\n"
    script = first + VERBS + dedent(command)
    variables = {**os.environ, "LESSON_RESULTS": str(tmp_path / "results"), "PYTHONPATH": str(tmp_path)}
    run = [sys.executable, "-P", "-c", script]
    done = subprocess.run(run, cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == FINE


@pytest.mark.timeout(120)
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_kernel_hangs_in_nothing_and_leaves_its_parent_s_children_alone(tmp_path: Path) -> None:
    script = """
        import os, threading, time
        from helpers.processes import registry

        server, waiting = serve(app), upstream(latency=0)
        burst(server, "/", 1)
        held = threading.Event()

        def hold():
            with registry.lock:
                held.set()
                time.sleep(0.5)

        threading.Thread(target=hold).start()
        held.wait()
        pid = os.fork()  # in the moment in which another thread holds the lock
        if pid == 0:
            assert registry.all() == [] and not server.running and not waiting.running
            Path("forked").write_text(json.dumps(verbs()))
            sys.exit(0)  # by way of what is registered for the end of a process
        _, status = os.waitpid(pid, 0)
        assert status == 0, status
        assert burst(server, "/", 1).statuses[200] == 1
        assert waiting.set(latency=0.01).running
        port = server.port
        stop_all()
        import socket
        assert socket.socket().connect_ex(("127.0.0.1", port)) != 0
        print(Path("forked").read_text())
    """
    assert told(script, tmp_path) == FINE


@pytest.mark.timeout(120)
def test_after_a_reload_of_every_room_each_verb_works_and_finds_what_runs(tmp_path: Path) -> None:
    script = """
        import importlib
        from helpers import show, watch

        import helpers

        server, waiting = serve(app), upstream(latency=0)
        verbs_before, server = verbs(), serve(app)
        waiting = upstream(latency=0)
        for name in sorted(name for name in sys.modules if name.startswith("helpers.") and ".processes" not in name):
            importlib.reload(sys.modules[name])
        importlib.reload(helpers)
        with helpers.watch(server) as timeline:
            helpers.burst(server, "/", 2)
        assert len(timeline.requests) == 2, timeline.requests
        assert "answers 200" in repr(helpers.show(server, "/"))
        port = waiting.port
        again = helpers.upstream(latency=0)
        assert not waiting.running and again.port == port, "the one of before the reload is still there"
        assert helpers.serve(app).port == server.port and not server.running
        from helpers import ask, burst, launch, load, postgres, serve, stop_all, upstream
        print(json.dumps(verbs()))
    """
    assert told(script, tmp_path) == FINE


# The register


class Thing:
    def __init__(self, name: str, log: list[str], waited_for: bool = False) -> None:
        self.name, self.log, self.waited_for = name, log, waited_for
        registry.add(name, self, 1234)

    def ask_to_stop(self) -> None:
        self.log.append(f"ask {self.name}")

    def stop(self) -> None:
        self.log.append(f"stop {self.name}")
        registry.discard(self.name, self)

    def abandon(self) -> None:
        pass


def test_apps_are_stopped_before_what_they_wait_for_and_all_are_asked_at_once() -> None:
    log: list[str] = []
    Thing("a database", log, waited_for=True)
    shop = Thing("shop", log)
    Thing("books", log)
    assert registry.get("shop") is shop
    registry.stop_all()
    assert log == ["ask shop", "ask books", "stop shop", "stop books", "ask a database", "stop a database"]
    assert registry.last_port("books") == 1234
    assert registry.get("books") is registry.get("a database") is None


def test_what_has_taken_a_name_over_is_not_discarded_with_the_one_before() -> None:
    log: list[str] = []
    before, after = Thing("shop", log), Thing("shop", log)
    before.stop()
    assert registry.get("shop") is after
    after.stop()
    assert registry.get("shop") is None


def test_a_module_that_is_loaded_again_finds_the_same_register() -> None:
    assert importlib.reload(sys.modules["helpers.processes"]).registry is registry


def test_a_killed_kernel_takes_its_child_along(module: str) -> None:
    script = f"""
from helpers.processes import Child
child = Child({module!r}, timeout=20)
print(child.pid, flush=True)
input()
"""
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as kernel:
        assert kernel.stdout is not None
        process = psutil.Process(int(kernel.stdout.readline()))
        kernel.kill()
    assert left_after(10, [process]) == []
