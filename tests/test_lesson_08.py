"""Lesson 08: other right answers to its exercises, and runs in which everything comes out as its text says."""

import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from children import left_after
from lessons import QUICK, ROOT, changed, only, read, run_lesson
from nbformat.v4 import new_code_cell
from test_exercises import assert_passes, attempt_at
from test_kernels import Kernel

from helpers import check, stop_all
from helpers.benchmark import Comparison
from helpers.exercises import find
from helpers.exercises.lesson_08 import CHOOSE, COUNTER

NOTEBOOK = ROOT / "notebooks" / "08_production_servers.ipynb"
SECONDS = 290  # for one run of the lesson, on a busy machine

ALSO_RIGHT = {
    "8.1 by the length of a file": """\
def next_visit(path):
    with open(path, "ab", buffering=0) as file:
        file.write(b".")
        return file.tell()
""",
    "8.1 with a lock file": """\
import os
import time
from pathlib import Path


def next_visit(path):
    while True:
        try:
            os.close(os.open(path + ".lock", os.O_CREAT | os.O_EXCL))
            break
        except FileExistsError:
            time.sleep(0.001)
    try:
        file = Path(path)
        number = int(file.read_text()) + 1 if file.exists() else 1
        file.write_text(str(number))
        return number
    finally:
        os.remove(path + ".lock")
""",
    "8.1 with a transaction": COUNTER.replace(
        'return database.execute("insert into visits default values").lastrowid',
        """database.execute("begin immediate")
        ((before,),) = database.execute("select count(*) from visits")
        database.execute("insert into visits values (?)", [before + 1])
        return before + 1""",
    ),
    "8.2 by trying": """\
def choose(target, wait, cpu, cores, memory, each):
    for workers in range(1, cores + 1):
        if workers * each > memory:
            return None
        if workers * 1000 < target * cpu:
            continue
        threads = 1
        while workers * threads * 1000 < target * (wait + cpu):
            threads += 1
        return workers, threads
""",
    "8.2 as a list": CHOOSE.replace(
        "return workers, ceil(inside / workers)", "return [workers, ceil(inside / workers)]"
    ),
}


@pytest.fixture(scope="module", autouse=True)
def leave_nothing_running() -> Iterator[None]:
    yield
    stop_all()


@pytest.mark.parametrize("name", ALSO_RIGHT)
def test_another_right_answer_passes_too(name: str) -> None:
    assert_passes(name.split()[0], ALSO_RIGHT[name])


@pytest.mark.parametrize("name", ["a global", "starts at zero", "always one"])
def test_a_counter_that_a_look_tells_gets_the_same_words_again_and_no_server(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def launched(*_: object, **__: object) -> None:
        raise AssertionError("a look tells this")

    monkeypatch.setattr("helpers.servers.launch", launched)
    wrong = find("8.1").wrong[name]
    attempt = attempt_at(find("8.1"), wrong.source)
    first, again = (check("8.1", attempt).message for _ in range(2))
    assert wrong.message in first
    assert again == first, "the check has used up the learner's own counter"


def test_the_recorded_comparison_says_so_and_has_the_arms_of_the_lesson() -> None:
    recorded = Comparison.load(ROOT / "data" / "recorded" / "flask_servers.jsonl")
    assert "Recorded on" in recorded.summary()
    assert list(recorded.arms) == ["Gunicorn", "uWSGI", "waitress", "Granian"]
    assert all(arm.completed and not arm.failed for arm in recorded.arms.values())


def numbers(text: str) -> list[float]:
    return [float(number.replace(",", "")) for number in re.findall(r"\d[\d,]*(?:\.\d+)?", text)]


# Of the two long comparisons only that they come out is looked at.
BRIEF = tuple((f"run-{kind}-servers", "concurrency=20)", "concurrency=20, budget=8)") for kind in ("fastapi", "flask"))
LEFT = "print(len(psutil.Process().children(recursive=True)))"


@pytest.mark.lesson("08 as stored")
@pytest.mark.timeout(SECONDS + 60)
@pytest.mark.skipif(os.name != "posix", reason="Gunicorn and uWSGI exist on POSIX systems only")
def test_everything_comes_out_as_the_text_says(tmp_path: Path) -> None:
    notebook = changed(read(NOTEBOOK), [*BRIEF, ("stop", "finished = False", "finished = True")])
    notebook.cells.append(new_code_cell(LEFT, id="left-over"))
    seen = run_lesson(NOTEBOOK, tmp_path, SECONDS, notebook, pace=0.5)
    assert seen["left-over"].split() == ["1"], "processes are left besides the client that load keeps"
    assert seen["run-second"].count("none failed") == 8
    assert "good answers a second" in seen["run-fastapi-servers"]
    assert "Recorded" not in seen["run-flask-servers"]
    installed = {line.split(":")[0]: numbers(line) for line in lines_of(seen["run-defaults"])}
    assert installed["Gunicorn"][0] < 24  # 1 / 50 ms, and an answer more or less in half a second
    assert installed["uWSGI"][0] < 24
    assert installed["waitress"][0] < 90
    assert all(found[2] > 100 for found in installed.values())
    for line in lines_of(seen["run-visits"]):
        highest, *by_worker = numbers(line)
        assert highest < sum(by_worker) == 40
    one, two, four = (numbers(line)[1] for line in lines_of(seen["run-four"]))
    assert psutil.cpu_count() == 1 or max(two, four) > 1.1 * one  # much more where the other cores are free
    alone, *mastered = lines_of(seen["run-kill"])
    assert "refused" in alone
    assert alone.endswith("nobody replaced it")
    for line in mastered:
        assert "refused" not in line
        assert "a new process after" in line
        assert failed(line) < 30
    reload, restart = lines_of(seen["run-reload"])
    assert "refused" not in reload
    assert failed(reload) <= 2
    assert failed(restart) > 20
    assert '{"hello":"world"}' in seen["new-version"], "the workers had loaded the old file"
    assert reload.endswith("{'hello': 'world, version 2'}")
    few, *more = (numbers(line) for line in lines_of(seen["run-settings"]))
    for workers, threads, expected, found, *_ in (few, *more):
        law = min(workers * threads, 40) / 0.05  # whatever an answer costs on a machine as busy as this one
        assert max(expected, found) < 1.05 * law
    assert 0.5 * few[2] < few[3], "ten threads are the limit before any processor is"
    assert all(found > few[3] for *_, found in (setting[:4] for setting in more)), "more room, more answers"
    assert "settings reach 95% of the model or more" in seen["look-settings"]
    assert seen["command-locust"].startswith("VISIT=/hello locust -f work/locustfile.py --headless")
    assert re.search(r"Locust: [\d,]+ good answers, [\d,]+ a second; 0 failed", seen["count-locust"])
    assert seen["run-mail"].count("'nothing': 'sent', 'kill': 'lost'") == 2
    assert "0 good answers" in seen["run-interface"]
    assert "× 500)" in seen["run-interface"]
    assert "TypeError" in seen["log-interface"]
    assert "Verdict: holds." in seen["judge-claims"]
    assert "Verdict: holds." in seen["judge-c35"]


def failed(line: str) -> int:
    return sum(map(int, re.findall(r"(\d+) failed", line)))


def lines_of(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()]


WITHOUT = """
import tempfile
from helpers.servers import commands

commands.runs_here = lambda software: software.module not in ("gunicorn", "pyuwsgi")
os.environ["PYTHONPATH"] = tempfile.mkdtemp()
Path(os.environ["PYTHONPATH"], "locust.py").write_text("raise SystemExit('Locust is not installed here')")
forking = "granian"
"""


@pytest.mark.long
@pytest.mark.lesson
@pytest.mark.timeout(SECONDS + 60)
def test_the_lesson_goes_on_where_servers_and_locust_are_missing(tmp_path: Path) -> None:
    notebook = read(NOTEBOOK)
    place = [cell.id for cell in notebook.cells].index("imports") + 1
    notebook.cells.insert(place, new_code_cell(WITHOUT, id="without"))
    seen = run_lesson(NOTEBOOK, tmp_path, SECONDS, notebook, pace=QUICK)
    assert seen["launch-fastapi"].count("Gunicorn is not installed here") == 1
    assert "uWSGI is not installed here" in seen["launch-flask"]
    assert "Recorded on" in seen["run-flask-servers"]
    assert "Locust is not installed here" in seen["count-locust"]
    assert "Verdict: holds." in seen["judge-claims"]
    assert "Verdict: inconclusive." in seen["judge-c35"]


SERVED = """
async def hello(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body"})

from helpers import serve
path, users, seconds, url = "/hello", 4, 2, serve(hello).url
"""
LATE = """

from locust import events
from locust.runners import WorkerRunner


@events.quitting.add_listener
def late(environment, **kwargs):
    if isinstance(environment.runner, WorkerRunner):
        __import__("time").sleep(2)
"""


@pytest.mark.skipif(os.name != "posix", reason="Locust's processes are forked")
def test_locusts_count_is_read_though_a_worker_ends_after_the_master_has_written(tmp_path: Path) -> None:
    notebook = read(NOTEBOOK)
    notebook.cells.append(new_code_cell(SERVED, id="served"))
    notebook = only(notebook, "imports", "file-locust", "served", "command-locust", "count-locust", "stop")
    notebook.cells[1].source += LATE
    seen = run_lesson(NOTEBOOK, tmp_path, 50, notebook)
    assert re.search(r"Locust: [\d,]+ good answers, [\d,]+ a second; 0 failed", seen["count-locust"])


@pytest.mark.parametrize("end", ["interrupt", "kill"])
@pytest.mark.skipif(os.name != "posix", reason="Locust's processes are forked")
def test_locust_ends_with_its_cell_and_with_its_kernel(end: str, tmp_path: Path) -> None:
    cells = {cell.id: cell.source for cell in read(NOTEBOOK).cells}
    seconds = 30 if end == "interrupt" else 3
    kernel = Kernel()
    try:
        kernel.run(f"import os; os.chdir({str(tmp_path)!r}); os.makedirs('work', exist_ok=True)")
        for source in (cells["imports"], cells["file-locust"], SERVED, f"seconds = {seconds}"):
            assert not [output for output in kernel.run(source) if output.output_type == "error"]
        kernel.client.execute(cells["command-locust"])
        sending = wait_for(lambda: three_of_locust(kernel.process), 20)
        kernel.manager.interrupt_kernel() if end == "interrupt" else kernel.process.kill()
        assert left_after(20, sending) == []
    finally:
        kernel.end()


def three_of_locust(kernel: psutil.Process) -> list[psutil.Process]:
    """The master and its two workers, once all of them are there."""
    found = [child for child in kernel.children(recursive=True) if "locust" in child.cmdline()]
    return found if len(found) == 3 else []


def wait_for(look: Callable[[], list[psutil.Process]], seconds: float) -> list[psutil.Process]:
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, f"not there within {seconds} s"
        time.sleep(0.1)
    return found


FLIPS = (
    ("imports", 'forking = "gunicorn" if', 'forking = "uwsgi" if'),
    ("launch-pair", "workers = several", "workers = 1"),
    ("run-kill", '("uvicorn", fastapi_app, 2)', '("hypercorn", fastapi_app, 2)'),
    ("run-locust", '"/hello", 20', '"/wait", 40'),
    ("run-interface", '"waitress"', '"hypercorn"'),
)


@pytest.mark.long
@pytest.mark.lesson
@pytest.mark.timeout(SECONDS + 60)
@pytest.mark.skipif(os.name != "posix", reason="Gunicorn exists on POSIX systems only")
def test_each_flip_turns_its_result_over(tmp_path: Path) -> None:
    wanted = ["imports", "file-fastapi", "file-flask", "launch-fastapi", "launch-pair", "run-visits", "under-load"]
    wanted += ["kill-one", "run-kill", "run-reload", "file-locust", "run-locust", "command-locust", "count-locust"]
    wanted += ["run-interface", "stop"]
    notebook = only(changed(read(NOTEBOOK), FLIPS), *wanted)
    seen = run_lesson(NOTEBOOK, tmp_path, SECONDS, notebook)
    assert seen["run-visits"].count("highest number 40; by worker [40]") == 2
    assert lines_of(seen["run-kill"])[1].endswith("nobody replaced it")
    assert failed(lines_of(seen["run-reload"])[0]) > 20  # a reload that replaces all of it
    counted = seen["run-locust"] + seen["count-locust"]
    ours, theirs = re.findall(r"good answers, ([\d,.]+) a second", counted)
    assert 0.7 < float(theirs.replace(",", "")) / float(ours.replace(",", "")) < 1.3
    assert "none failed" in seen["run-interface"]


@pytest.mark.long
@pytest.mark.lesson
@pytest.mark.timeout(SECONDS + 60)
@pytest.mark.skipif(os.name != "posix", reason="a graceful reload takes SIGHUP")
def test_a_graceful_reload_waits_for_the_mail(tmp_path: Path) -> None:
    notebook = only(read(NOTEBOOK), "imports", "file-fastapi", "file-flask", "launch-pair", "run-mail", "stop")
    notebook.cells.insert(-1, new_code_cell('mail(pair["FastAPI"], lambda pid: pair["FastAPI"].reload())', id="flip"))
    seen = run_lesson(NOTEBOOK, tmp_path, SECONDS, notebook)
    assert "'FastAPI': {'nothing': 'sent', 'kill': 'lost'}" in seen["run-mail"]
    assert seen["flip"] == "'sent'"
