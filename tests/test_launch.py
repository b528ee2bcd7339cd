"""`launch`: production servers as processes of their own, which answer, keep to their word and end with the kernel."""

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from importlib import import_module
from pathlib import Path

import httpx
import psutil
import pytest
from children import child, left_after

from helpers import LessonError, burst, launch, serve, show, stop_all
from helpers.servers import Launched, NoSuchServer, ServeError, Server, commands

launching = import_module("helpers.servers.launch")  # the module; the function has its name

GONE_WITHIN = 10.0  # seconds for a server whose kernel was killed

WSGI = """
import os, time
LOADED_BY = os.getpid()
print("loaded", os.environ.get("SHOP", "nothing"))
def app(environ, start_response):
    if environ["PATH_INFO"] == "/wait":
        time.sleep(0.05)
    body = str(LOADED_BY if environ["PATH_INFO"] == "/loader" else os.getpid()).encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
"""
ASGI = """
import asyncio, os
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while (message := await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        return await send({"type": "lifespan.shutdown.complete"})
    if scope["path"] == "/wait":
        await asyncio.sleep(0.05)
    body = str(os.getpid()).encode()
    headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
"""
SLOW = "import time\ntime.sleep(60)\n"
DYING = """
async def app(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "RuntimeError: no database"})
"""
HANGING = "import asyncio\nasync def app(scope, receive, send):\n    await receive()\n    await asyncio.sleep(60)\n"

KERNEL = """
import sys
from helpers import launch
server = launch("gunicorn", "work/io_wsgi.py:app", workers=2)
print(server.pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def work(tmp_path, monkeypatch):
    """The current folder, with the apps in ``work/``."""
    folder = tmp_path / "work"
    folder.mkdir()
    for name, source in {"io_wsgi": WSGI, "io_asgi": ASGI, "slow": SLOW}.items():
        (folder / f"{name}.py").write_text(source)
    monkeypatch.chdir(tmp_path)
    yield folder
    stop_all()


def session(pid):
    """The living processes of the session that `pid` leads."""
    found = []
    for process in psutil.process_iter(["status"]):
        try:
            if os.getsid(process.pid) == pid and process.info["status"] != psutil.STATUS_ZOMBIE:
                found.append(process)
        except OSError:  # it has just ended
            pass
    return found


def comes_true(condition, within=GONE_WITHIN):
    deadline = time.monotonic() + within
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def keeps_connections(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    with contextlib.closing(connection):
        connection.connect()
        first = connection.sock
        for _ in range(2):
            try:
                connection.request("GET", "/")
                same = connection.sock is first  # http.client opens another one where the answer said "close"
                connection.getresponse().read()
            except ConnectionError:  # closed without a word
                return False
    return same


def running_below(process, module):
    """The processes below `process` that run `module`."""
    found = []
    for each in process.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if module in " ".join(each.cmdline()):
                found.append(each)
    return found


def helpers_of_this_process():
    return running_below(psutil.Process(), "launch_child")


@pytest.mark.parametrize(
    ("software", "app", "options"),
    [
        ("uvicorn", "asgi", {}),
        ("hypercorn", "asgi", {}),
        ("hypercorn", "wsgi", {}),
        ("gunicorn", "wsgi", {}),
        ("gunicorn", "wsgi", {"threads": 40}),
        ("gunicorn", "asgi", {}),
        ("uwsgi", "wsgi", {"threads": 40}),
        ("waitress", "wsgi", {"threads": 40}),
        ("granian", "asgi", {}),
        ("granian", "wsgi", {"threads": 40}),
    ],
)
def test_each_server_answers_two_hundred_at_once_with_the_threads_it_was_given_and_leaves_nothing(
    software, app, options, client
):
    server = launch(software, f"work/io_{app}.py:app", **options)
    assert isinstance(server, Server)
    assert (server.kind, server.software, server.workers) == (app, software, 1)
    assert server.name == f"io_{app} under {software}"
    assert server.url == f"http://127.0.0.1:{server.port}"
    assert server.running
    assert burst(server, "/hello", 200).statuses == {200: 200}
    assert [int(client.get(server.url).text)] == server.pids
    if app == "asgi" or options:
        # One after the other they would take two seconds.
        assert min(burst(server, "/wait", 40).seconds for _ in range(2)) < 1
    if app == "wsgi":
        assert int(client.get(server.url + "/loader").text) in server.pids  # no worker is a fork that has it already
    assert keeps_connections(server) == (options != {} or (software, app) != ("gunicorn", "wsgi"))
    assert server.command.split()[0 if software not in ("waitress",) else 1] in (software, "waitress-serve")
    assert str(server.port) in repr(server)
    assert server.command in server._repr_mimebundle_()["text/plain"]
    assert {process.pid for process in session(server.pid)} >= {server.pid, *server.pids}
    (log,) = [file.path for file in psutil.Process().open_files() if "launch-" in file.path]
    server.stop()
    assert not server.running
    assert session(server.pid) == []
    assert not Path(log).exists()
    with pytest.raises(httpx.ConnectError):
        client.get(server.url)


def test_a_gevent_worker_waits_for_many_at_once_without_threads():
    server = launch("gunicorn", "work/io_wsgi.py:app", worker_class="gevent")
    assert "--worker-class=gevent" in server.command
    assert burst(server, "/wait", 100).seconds < 1  # one after the other would be five
    assert psutil.Process(server.pids[0]).num_threads() < 10
    assert keeps_connections(server)


PRELOADED = """
import os

at_import = os.getpid()


def app(environ, start_response):
    start_response("200 OK", [])
    return [b"%d %d" % (at_import, os.getpid())]
"""


@pytest.mark.parametrize("preload", [True, False])
@pytest.mark.parametrize("software", ["gunicorn", "uwsgi"])
def test_a_preloaded_app_is_loaded_once_for_all_workers(software, preload, work, client):
    (work / "preloaded.py").write_text(PRELOADED)
    server = launch(software, "work/preloaded.py:app", workers=2, preload=preload)
    loaded, *_ = {client.get(server.url, headers={"connection": "close"}).text for _ in range(20)}
    at_import, worker = map(int, loaded.split())
    assert worker in server.pids
    assert (at_import == server.pid) == preload
    if preload:
        with pytest.raises(LessonError, match="stays loaded"):
            server.reload()


@pytest.mark.parametrize(
    ("software", "app", "options", "said"),
    [
        ("waitress", "wsgi", {"preload": True}, "waitress loads the app in each worker"),
        ("gunicorn", "wsgi", {"worker_class": "eventlet"}, "'eventlet' for Gunicorn"),
        ("waitress", "wsgi", {"worker_class": "gevent"}, "'gevent' for waitress"),
        ("gunicorn", "wsgi", {"worker_class": "gevent", "threads": 4}, "in the place of `threads`"),
        ("gunicorn", "asgi", {"worker_class": "gevent"}, "run WSGI apps"),
    ],
)
def test_a_class_of_workers_that_cannot_be_is_refused_in_a_sentence(software, app, options, said):
    with pytest.raises(LessonError, match=said):
        launch(software, f"work/io_{app}.py:app", **options)


def test_a_sync_worker_takes_one_after_the_other():
    assert burst(launch("gunicorn", "work/io_wsgi.py:app"), "/wait", 10).seconds > 0.5


def test_one_thread_takes_one_after_the_other_and_keeps_connections_as_more_threads_do():
    server = launch("gunicorn", "work/io_wsgi.py:app", threads=1)
    assert burst(server, "/wait", 10).seconds > 0.5
    assert keeps_connections(server)


@pytest.mark.parametrize(
    ("software", "app"),
    [("uvicorn", "asgi"), ("hypercorn", "asgi"), ("gunicorn", "wsgi"), ("uwsgi", "wsgi"), ("granian", "wsgi")],
)
def test_two_workers_are_two_processes_that_both_answer(software, app):
    server = launch(software, f"work/io_{app}.py:app", workers=2)
    pids = server.pids
    assert "2 workers" in repr(server)
    assert len(set(pids)) == 2
    assert [process.pid for process in server.processes] == pids
    seen = set()

    def ask():
        seen.add(int(httpx.get(server.url + "/wait", trust_env=False, verify=False).text))

    for _ in range(20):
        askers = [threading.Thread(target=ask) for _ in range(8)]
        for asker in askers:
            asker.start()
        for asker in askers:
            asker.join()
        if len(seen) == 2:
            break
    assert seen == set(pids)


@pytest.mark.parametrize("moment", ["while it answers", "while it starts"])
def test_a_killed_kernel_leaves_no_process_and_no_file(moment, tmp_path, monkeypatch):
    logs = tmp_path / "logs"
    logs.mkdir()
    monkeypatch.setenv("TMPDIR", str(logs))
    program = KERNEL if moment == "while it answers" else KERNEL.replace("io_wsgi", "slow")
    kernel = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with kernel:
        mine = psutil.Process(kernel.pid)
        if moment == "while it answers":
            left = session(int(kernel.stdout.readline()))
            assert len(left) == 3
        else:
            assert comes_true(lambda: running_below(mine, "launch_probe"))
            left = []
        left += mine.children(recursive=True)
        assert left
        kernel.kill()
        assert left_after(GONE_WITHIN, left) == []
        assert comes_true(lambda: list(logs.iterdir()) == [])


def test_the_same_name_is_replaced_and_keeps_its_port_whatever_runs_it(client):
    first = launch("waitress", "work/io_wsgi.py:app", name="shop")
    second = launch("uvicorn", "work/io_asgi.py:app", name="shop")
    assert second.port == first.port
    assert not first.running
    assert session(first.pid) == []
    third = serve(lambda environ, start_response: start_response("200 OK", []) and [], name="shop")
    assert third.port == first.port
    assert not second.running


def test_a_port_that_is_taken_in_the_last_moment_is_exchanged(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        first = iter([taken.dup()])
        listen = launching.listen
        monkeypatch.setattr(launching, "listen", lambda *ports: next(first, None) or listen(*ports))
        server = launch("waitress", "work/io_wsgi.py:app")
        assert server.port != taken.getsockname()[1]
        assert burst(server, "/", 1).statuses == {200: 1}


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("def f(:\n", "SyntaxError"),
        ("1 / 0\n", "ZeroDivisionError: division by zero .broken.py, line 1."),
        ("import nowhere_at_all\n", "No module named 'nowhere_at_all'"),
        ("x = 1\n", "no name 'app'"),
        ("app = 3\n", "is int, no WSGI or ASGI app"),
        ("def app():\n    return None\n", r"if it makes the app, add app = app\(\) to the file"),
        ("def create_app():\n    return None\n", "no name 'app', but 'create_app'"),
        ("from . import other\n", "a file of a package is launched by its module"),
        ("import sys\nsys.exit('no key')\n", "no key"),
        ("import os\nos._exit(3)\n", "exit status 3"),
    ],
)
def test_an_app_that_cannot_be_imported_is_one_sentence_at_once(source, said, work):
    (work / "broken.py").write_text(source)
    began = time.monotonic()
    with pytest.raises(ServeError, match=said) as refusal:
        launch("waitress", "work/broken.py:app")
    assert time.monotonic() - began < 5
    assert "\n" not in str(refusal.value)
    assert helpers_of_this_process() == []


@pytest.mark.parametrize("software", ["uvicorn", "hypercorn", "granian"])
def test_an_app_whose_startup_fails_is_told_by_the_reason_in_the_log(software, work):
    (work / "dying.py").write_text(DYING)
    with pytest.raises(ServeError, match=r"did not start: .*(no database|startup failed)"):
        launch(software, "work/dying.py:app", timeout=15)
    assert helpers_of_this_process() == []


def test_what_takes_too_long_ends_at_the_timeout(work):
    (work / "hanging.py").write_text(HANGING)
    with pytest.raises(ServeError, match="importing it takes too long"):
        launch("waitress", "work/slow.py:app", timeout=1)
    told = r"did not answer within 3 s: give it longer, as in timeout=9; .*“INFO: +Waiting for application startup"
    with pytest.raises(ServeError, match=told):
        launch("uvicorn", "work/hanging.py:app", timeout=3)
    assert helpers_of_this_process() == []


def test_an_interrupted_cell_leaves_nothing_half_started():
    threading.Timer(1, os.kill, [os.getpid(), signal.SIGINT]).start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        launch("waitress", "work/slow.py:app")
    assert time.monotonic() - began < 5
    assert helpers_of_this_process() == []


@pytest.mark.parametrize(
    ("arguments", "options", "said"),
    [
        (["apache", "work/io_wsgi.py:app"], {}, "launch knows uvicorn, hypercorn, gunicorn, uwsgi, waitress, granian"),
        (["uvicorn", "work/nothing.py:app"], {}, "no file work/nothing.py"),
        (["uvicorn", "work/io_asgi.py"], {}, "by file and name"),
        (["uvicorn", ...], {}, "three dots"),
        (["uvicorn", ASGI.split], {}, "such as .work/shop.py:app., not builtin_function"),
        ([["uvicorn"], "work/io_asgi.py:app"], {}, "is none of them"),
        (["uvicorn", "nowhere_at_all:app"], {}, "No module named 'nowhere_at_all'"),
        (["uvicorn", "work/io_asgi.py:app"], {"threads": 4}, "one event loop"),
        (["hypercorn", "work/io_wsgi.py:app"], {"threads": 4}, "does not let you choose"),
        (["gunicorn", "work/io_wsgi.py:app"], {"threads": 0}, "from 1 to 500; 0 is not"),
        (["gunicorn", "work/io_wsgi.py:app"], {"threads": True}, "True is not"),
        (["gunicorn", "work/io_wsgi.py:app"], {"workers": 0}, "from 1 to 32; 0 is not"),
        (["waitress", "work/io_wsgi.py:app"], {"workers": 2}, "one process"),
        (["waitress", "work/io_wsgi.py:app"], {"timeout": 0}, "seconds from 0.01 to 300"),
        (["waitress", "work/io_wsgi.py:app"], {"environment": {"PORT": 1}}, "texts"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(arguments, options, said):
    with pytest.raises(LessonError, match=said) as refusal:
        launch(*arguments, **options)
    assert "\n" not in str(refusal.value)
    assert helpers_of_this_process() == []


def test_a_file_that_python_cannot_import_by_name_is_refused(work):
    (work / "my-app.py").write_text(WSGI)
    with pytest.raises(LessonError, match="letters, digits and _"):
        launch("waitress", "work/my-app.py:app")


def test_a_server_that_is_not_installed_says_so_and_names_others(monkeypatch):
    monkeypatch.setattr(commands, "find_spec", lambda name: None if name == "granian" else True)
    with pytest.raises(NoSuchServer, match=r"Granian is not installed here; what runs instead: uvicorn, .*waitress"):
        launch("granian", "work/io_asgi.py:app")


def test_on_windows_gunicorn_and_uwsgi_do_not_exist(monkeypatch):
    monkeypatch.setattr(commands, "WINDOWS", True)
    for software in ("gunicorn", "uwsgi"):
        with pytest.raises(
            NoSuchServer, match=r"does not exist for Windows; .*: uvicorn, hypercorn, waitress, granian"
        ):
            launch(software, "work/io_wsgi.py:app")


def test_an_asgi_app_under_a_wsgi_server_answers_500():
    server = launch("waitress", "work/io_asgi.py:app", threads=2)
    assert server.kind == "asgi"
    assert burst(server, "/hello", 20).statuses == {500: 20}


def test_what_the_surroundings_say_to_servers_is_not_heard(monkeypatch):
    monkeypatch.setenv("GUNICORN_CMD_ARGS", "--access-logfile=-")
    server = launch("gunicorn", "work/io_wsgi.py:app")
    assert burst(server, "/heard", 1).statuses == {200: 1}
    assert "/heard" not in server.log


def test_many_idle_connections_do_not_keep_others_out():
    server = launch("waitress", "work/io_wsgi.py:app")
    idle = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(150)]
    assert burst(server, "/", 50, timeout=5).statuses == {200: 50}
    for connection in idle:
        connection.close()


def test_a_file_changed_twice_in_a_second_is_loaded_anew(work, client):
    file = work / "io_wsgi.py"
    for text in ("one", "two"):
        file.write_text(WSGI.replace("else os.getpid()", f"else '{text}'"))
        os.utime(file, (1_000_000_000, 1_000_000_000))
        assert client.get(launch("waitress", "work/io_wsgi.py:app").url).text == text


def test_under_uwsgi_an_asgi_app_gets_no_answer_out():
    server = launch("uwsgi", "work/io_asgi.py:app")
    assert burst(server, "/hello", 20).errors == {"cut off": 20}
    assert "TypeError" in server.log


def test_the_servers_path_for_modules_is_kept_beside_the_apps_folder(work, monkeypatch):
    (work / "library").mkdir()
    (work / "library" / "a_library_of_mine.py").touch()
    (work / "using.py").write_text("import a_library_of_mine\n" + WSGI)
    monkeypatch.setenv("PYTHONPATH", str(work / "library"), prepend=os.pathsep)
    assert burst(launch("waitress", "work/using.py:app"), "/", 1).statuses == {200: 1}


def test_a_server_that_dies_later_says_so_with_the_last_line_of_its_log():
    server = launch("gunicorn", "work/io_wsgi.py:app", workers=2)
    workers = server.processes
    os.kill(server.pid, signal.SIGKILL)
    assert comes_true(lambda: not server.running)
    assert left_after(GONE_WITHIN, workers) == []
    assert server.pids == []
    assert "has ended; the last line of its log is" in repr(server)
    assert server.log.strip().splitlines()[-1].strip() in repr(server)
    assert "has ended" in server._repr_mimebundle_()["text/html"]
    with pytest.raises(LessonError, match="is stopped"):
        burst(server, "/", 1)
    server.stop()
    assert "is stopped" in repr(server)


def test_a_server_whose_watcher_was_killed_still_ends_when_it_is_stopped():
    server = launch("gunicorn", "work/io_wsgi.py:app")
    child("helpers.servers.launch_child").kill()
    assert burst(server, "/", 1).statuses == {200: 1}
    stop_all()
    assert comes_true(lambda: session(server.pid) == [])


def test_a_request_in_flight_is_answered_before_the_server_ends(work):
    (work / "late.py").write_text(WSGI.replace("0.05", "1"))
    server = launch("gunicorn", "work/late.py:app", threads=2)
    result = []
    asker = threading.Thread(target=lambda: result.append(burst(server, "/wait", 1)))
    burst(server, "/", 1)  # the client's process is there
    asker.start()
    time.sleep(0.4)
    server.stop()
    asker.join()
    assert result[0].statuses == {200: 1}


def test_a_worker_that_does_not_let_go_is_killed_in_time(work):
    (work / "late.py").write_text(WSGI.replace("0.05", "60"))
    server = launch("gunicorn", "work/late.py:app", threads=2)
    with pytest.raises(httpx.TimeoutException):
        httpx.get(server.url + "/wait", timeout=0.3, trust_env=False, verify=False)
    began = time.monotonic()
    server.stop()
    assert time.monotonic() - began < 5
    assert session(server.pid) == []


def test_stop_twice_and_stop_all_and_nothing_stays_open():
    here = psutil.Process()
    launch("waitress", "work/io_wsgi.py:app").stop()  # what is opened once and kept
    before, threads = here.num_fds(), threading.active_count()
    for _ in range(3):
        server = launch("waitress", "work/io_wsgi.py:app")
    other = launch("uvicorn", "work/io_asgi.py:app")
    server.stop()
    server.stop()
    stop_all()
    stop_all()
    assert not other.running
    assert session(server.pid) == session(other.pid) == []
    assert here.num_fds() == before
    assert threading.active_count() == threads
    assert "loaded nothing" in server.log  # it can still be read


def test_the_app_is_neither_in_this_process_nor_in_this_cell(capfd):
    server = launch("waitress", "work/io_wsgi.py:app", environment={"SHOP": "open"})
    assert "loaded open" in server.log
    assert "io_wsgi" not in sys.modules
    assert capfd.readouterr() == ("", "")
    assert os.getsid(server.pid) != os.getsid(0)  # an interrupt of this kernel goes to its own session
    assert "SHOP" not in os.environ


def test_a_module_is_found_from_the_current_folder_and_show_and_address_know_it(work):
    (work / "__init__.py").touch()
    for software in ("gunicorn", "waitress", "granian", "hypercorn", "uvicorn", "uwsgi"):
        server = launch(software, "work.io_wsgi:app")
        assert burst(server, "/", 1).statuses == {200: 1}, software
        server.stop()
    server = launch("waitress", "work.io_wsgi:app")
    assert server.address("/docs").endswith("/docs")
    assert "answers 200" in repr(show(server, "/"))


@pytest.mark.parametrize(("software", "workers"), [("gunicorn", 2), ("granian", 1), ("uwsgi", 1), ("hypercorn", 1)])
def test_a_graceful_reload_brings_new_workers_with_the_new_source(software, workers, work, client):
    server = launch(software, "work/io_wsgi.py:app", workers=workers)
    main, old = server.pid, set(server.pids)
    (work / "io_wsgi.py").write_text(WSGI.replace("else os.getpid()", "else 'changed'"))
    assert server.reload() is server
    assert client.get(server.url).text == "changed"
    assert server.pid == main
    assert len(server.pids) == workers
    assert not old & set(server.pids)


def test_without_a_graceful_reload_there_is_a_sentence():
    server = launch("waitress", "work/io_wsgi.py:app")
    with pytest.raises(LessonError, match="waitress with 1 worker has no graceful reload"):
        server.reload()
    assert server.running
    server.stop()
    with pytest.raises(LessonError, match="not running"):
        server.reload()


def test_watch_says_that_it_cannot_look_into_another_process():
    server = launch("waitress", "work/io_wsgi.py:app")
    with pytest.raises(LessonError, match="process of its own"):
        _ = server.entrance
    assert isinstance(server, Launched)


@pytest.mark.parametrize("name", list(commands.SOFTWARE))
def test_the_command_is_what_a_user_would_type_and_listens_on_this_machine_only(name):
    known = commands.SOFTWARE[name]
    target = commands.Target(Path("my work"), "shop", "app")
    kind = "wsgi" if known.pool else "asgi"
    settings = commands.Settings(target, kind, 8123, 1, 7 if known.pool else None)
    command = known.command(settings)
    assert str(command).replace("PYTHONPATH='my work' ", "").startswith(command.name)
    assert f"127.0.0.1:{settings.port}" in str(command) or "--host=127.0.0.1 --port=8123" in str(command)
    assert "'" in str(command)  # the space is quoted
    assert command.argv[:2] == [sys.executable, "-P"]
    assert any("my work" in part for part in [*command.arguments, *command.environment.values()])
    if known.pool:
        assert "threads=7" in str(command)
    assert "0.0.0.0" not in str(command)


def test_gunicorn_gets_the_worker_that_fits_the_app():
    def worker(kind, threads):
        settings = commands.Settings(commands.Target(None, "shop", "app"), kind, 8123, 1, threads)
        arguments = commands.SOFTWARE["gunicorn"].command(settings).arguments
        return next((argument for argument in arguments if "worker-class" in argument), "its own")

    assert worker("wsgi", None) == "its own"
    assert worker("wsgi", 1) == worker("wsgi", 2) == "--worker-class=gthread"
    assert worker("asgi", None) == "--worker-class=asgi"


def test_of_what_kind_an_app_is_is_found_out_once_for_each_state_of_its_file(work, monkeypatch):
    started = []
    child = launching.Child
    monkeypatch.setattr(launching, "Child", lambda module, *a, **k: started.append(module) or child(module, *a, **k))
    for source, kinds in ((WSGI, ["wsgi", "wsgi"]), (ASGI, ["asgi"])):
        (work / "both.py").write_text(source, encoding="utf-8")
        assert [launch("granian", "work/both.py:app").kind for _ in kinds] == kinds
    assert started.count("helpers.servers.launch_probe") == 2
