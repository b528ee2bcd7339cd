"""Lesson 05: other right answers to its exercises, and runs in which everything comes out as its text says."""

import re
from pathlib import Path
from typing import Any

import pytest
from lessons import ROOT, changed, only, read, run_lesson, solved
from test_exercises import assert_passes

from helpers.exercises.lesson_05 import PAGE, THAW, THREADS

# Answers, right and wrong, leave clients and loops open.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.usefixtures("collected"),
]

NOTEBOOK = ROOT / "notebooks" / "05_sync_and_async.ipynb"
SECONDS = 120  # for one run of the lesson

IN_A_THREAD = THAW.replace("def report", "async def report").replace("from fastapi", "import asyncio\n\nfrom fastapi")
GATHER = "await asyncio.gather(weather(), news(), stocks(), return_exceptions=True)"
WITHOUT_FLASK = PAGE.replace("from flask import Flask", "from fastapi import FastAPI").replace(
    'Flask("page")', "FastAPI()"
)

ALSO_RIGHT = {
    "5.1 in a thread of asyncio's": IN_A_THREAD.replace(
        "slow_report(number)}", "await asyncio.to_thread(slow_report, number)}"
    ),
    "5.1 in a thread of Starlette's": IN_A_THREAD.replace("import asyncio\n", "")
    .replace("slow_report(number)}", "await run_in_threadpool(slow_report, number)}")
    .replace("import FastAPI\n", "import FastAPI\nfrom fastapi.concurrency import run_in_threadpool\n"),
    "5.1 in Flask": THAW.replace("fastapi", "flask")
    .replace("FastAPI()", 'Flask("thawed")')
    .replace("FastAPI", "Flask")
    .replace("{number}", "<int:number>")
    .replace("number: int", "number"),
    "5.1 in a dependency": THAW.replace("import FastAPI\n", "import Depends, FastAPI\n").replace(
        """\
def report(number: int):
    return {"report": slow_report(number)}
""",
        """\
async def report(found: str = Depends(slow_report)):
    return {"report": found}
""",
    ),
    "5.2 by trying": """\
import math


def threads_for(people, wait, limit):
    return next((n for n in range(1, people + 1) if math.ceil(people / n) * wait <= limit), None)
""",
    "5.2 with whole numbers alone": THREADS.replace("math.ceil(people / waves)", "-(-people // waves)"),
    "5.2 as a whole number with a point": THREADS.replace("math.ceil(people / waves)", "float(-(-people // waves))"),
    "5.3 with tasks": PAGE.replace(
        "    found = " + GATHER,
        """\
    tasks = [asyncio.create_task(source()) for source in (weather, news, stocks)]
    await asyncio.wait(tasks)
    found = [task.exception() or task.result() for task in tasks]""",
    ),
    "5.3 from a plain view": PAGE.replace("async def", "def")
    .replace("found = " + GATHER, "found = asyncio.run(gathered())")
    .replace('@page.get("/")', f'async def gathered():\n    return {GATHER}\n\n\n@page.get("/")'),
    "5.3 in FastAPI": WITHOUT_FLASK,
}


@pytest.mark.parametrize("name", ALSO_RIGHT)
def test_another_right_answer_passes_too(name: str) -> None:
    assert_passes(name.split()[0], ALSO_RIGHT[name])


def milliseconds(text: str) -> list[float]:
    """The times in a summary, in order."""
    return [float(number.replace(",", "")) for number in re.findall(r"([\d,]+) ms", text)]


@pytest.mark.lesson("05 as stored")
@pytest.mark.timeout(SECONDS + 60)
def test_everything_comes_out_as_the_text_says(tmp_path: Path) -> None:
    seen = run_lesson(NOTEBOOK, tmp_path, SECONDS)
    assert seen["run-freeze"].startswith("fastapi /block blocks the event loop")
    awaited, blocked, threaded = (panel for panel in seen["run-freeze"].split("fastapi /")[-3:])
    assert "all 20 at the same time (1 thread, 1 event loop" in awaited  # and free, or busy on a busy machine
    assert "blocked" not in awaited
    assert "one after another (1 thread, 1 event loop, blocked" in blocked
    assert "all 20 at the same time (20 threads" in threaded
    assert milliseconds(blocked)[0] > 5 * max(milliseconds(awaited)[0], milliseconds(threaded)[0])
    assert seen["judge-pool"].startswith("most /def requests at the same time: 40")
    assert "(40 threads" in seen["run-pool"]
    assert int(re.search(r"\((\d+) threads", seen["run-wide"])[1]) > 40  # 100, unless they start too slowly here
    assert re.findall(r"\((\d+) threads?\)", seen["run-flask"]) == ["1", "10", "20"]
    assert "'calls': 20, 'calls that ran on a loop': 20" in seen["run-async-views"]
    assert "one after another (1 thread)" in seen["look-async-views"]
    assert "one after another (20 threads, 20 event loops)" in seen["look-async-views"]
    assert milliseconds(seen["run-gather"])[0] < 3 * 50
    assert seen["run-quart"].count("all 20 at the same time (1 thread, 1 event loop") == 2
    assert "block" not in seen["run-quart"]
    assert seen["run-mail"] == "{'Flask': ['cancelled'], 'Quart': ['sent'], 'FastAPI': ['sent']}"
    outcomes = [line.strip() for line in seen["run-nest"].splitlines()][1::2]
    assert [outcome == "fine" for outcome in outcomes] == [True, True, False, False, True, True, False]
    assert "cannot be called from a running event loop" in outcomes[2]
    pings = dict(re.findall(r"/ping\?during=/sum/(\w+): 1 request, (\d+) ms", seen["run-computing"]))
    assert int(pings["async"]) > int(pings["def"])
    held = {f"C{number}": seen[f"judge-c{number}"] for number in (3, 22, 23, 24, 26, 27, 28, 29)}
    conditions = [claim for claim, text in held.items() if "Verdict: holds with conditions." in text]
    assert conditions == ["C3", "C24", "C26"]
    assert [claim for claim, text in held.items() if "Verdict: does not hold." in text] == ["C29"]
    assert [claim for claim, text in held.items() if "Verdict: holds." in text] == ["C22", "C23", "C27", "C28"]


@pytest.mark.lesson
@pytest.mark.timeout(SECONDS + 60)
def test_verdicts_do_not_hang_on_other_numbers_or_stopped_servers(tmp_path: Path) -> None:
    wanted = ["imports", "waiting-app", "run-freeze", "flask-app", "async-app", "judged-apps", "judge-c24", "judge-c26"]
    changes = [("waiting-app", "wait = 0.050", "wait = 0"), ("run-freeze", "people = 20", "people = 1")]
    changes.append(("stop", "finished = False", "finished = True"))
    notebook = only(changed(read(NOTEBOOK), changes), *wanted, "stop", "judge-c27", "judge-c3")
    seen = run_lesson(NOTEBOOK, tmp_path, SECONDS, notebook)
    for claim in ("C24", "C26", "C3"):
        assert "Verdict: holds with conditions." in seen[f"judge-{claim.lower()}"]
    assert "Verdict: holds." in seen["judge-c27"]


@pytest.mark.lesson
@pytest.mark.timeout(SECONDS + 60)
def test_an_adapter_fails_c23(tmp_path: Path) -> None:
    adapted = [("judge-c23", 'fastapi, "/await"', 'flask, "/async"'), ("judge-c23", "watch(fastapi)", "watch(flask)")]
    wanted = ("imports", "waiting-app", "async-app", "call-by-hand", "judge-c23")
    seen = run_lesson(NOTEBOOK, tmp_path, SECONDS, only(changed(read(NOTEBOOK), adapted), *wanted))
    assert "awaits without an adapter: no" in seen["judge-c23"]
    assert "Verdict: does not hold." in seen["judge-c23"]


def test_an_error_in_the_second_kernel_does_not_cost_the_next_line() -> None:
    class Hasty:
        """A kernel that drops what comes after an error, as a real one does to what comes too soon."""

        dropping = False

        def execute(self, line: str, *, stop_on_error: bool = True, **_: object) -> dict[str, dict[str, str]]:
            if self.dropping:
                return {"content": {"status": "aborted"}}
            self.dropping = stop_on_error and line == "fail"
            return {
                "content": {"status": "error", "ename": "Oops", "evalue": "no"} if line == "fail" else {"status": "ok"}
            }

    (cell,) = only(read(NOTEBOOK), "second-kernel").cells
    defined: dict[str, Any] = {}
    exec(cell.source, defined)
    kernel = Hasty()
    assert [defined["outcome"](kernel, line) for line in ("fail", "pass")] == ["Oops: no", "fine"]


OTHER_VERDICTS = {
    "awaiting in both": (
        "c24",
        "time.sleep(0.050)\n\n\n@judged_flask",
        "await asyncio.sleep(0.050)\n\n\n@judged_flask",
        "holds",
    ),
    "blocking in both": ("c24", "await asyncio.sleep", "time.sleep", "does not hold"),
    "nothing to wait for": ("c26", "time.sleep(0.050)\n    return", "return", "does not hold"),
}


@pytest.mark.parametrize("name", OTHER_VERDICTS)
def test_the_verdicts_can_turn_by_what_the_apps_do(tmp_path: Path, name: str) -> None:
    claim, old, new, verdict = OTHER_VERDICTS[name]
    notebook = only(read(NOTEBOOK), "imports", "judged-apps", f"judge-{claim}")
    seen = run_lesson(NOTEBOOK, tmp_path, SECONDS, changed(notebook, [("judged-apps", old, new)]))
    assert f"Verdict: {verdict}." in seen[f"judge-{claim}"]


FLIPS = (
    ("waiting-app", "async def stubborn", "def stubborn"),
    ("wide-app", "total_tokens = 100", "total_tokens = 1"),
    ("run-flask", "[1, 10, 40]", "[20, 10, 40]"),
    (
        "async-app",
        "await asyncio.gather(asyncio.sleep(wait), asyncio.sleep(wait), asyncio.sleep(wait))",
        "await asyncio.sleep(wait)\n    await asyncio.sleep(wait)\n    await asyncio.sleep(wait)",
    ),
    ("quart-app", "await asyncio.sleep(wait)", "time.sleep(wait)"),
    ("run-freeze", "watch(fastapi)", 'watch(fastapi, guesses={"/block": 60})'),
)


@pytest.mark.lesson("05 solved")
@pytest.mark.timeout(SECONDS + 60)
def test_each_flip_turns_its_result_over_in_the_solved_lesson(tmp_path: Path) -> None:
    flips = [*FLIPS[:1], ("run-wide", "people", "30"), *FLIPS[1:]]  # a hundred in line would take five seconds
    seen = run_lesson(NOTEBOOK, tmp_path, SECONDS, changed(solved(read(NOTEBOOK)), flips), status="passed")
    assert "blocks the event loop" not in seen["run-freeze"]
    assert [claim for claim in ("c24", "c26") if "Verdict: holds with conditions." not in seen[f"judge-{claim}"]] == []
    assert "one after another (1 thread" in seen["run-wide"]
    assert re.findall(r"\((\d+) threads?\)", seen["run-flask"]) == ["20", "10", "20"]
    assert milliseconds(seen["run-gather"])[0] >= 3 * 50
    assert "quart /async blocks the event loop" in seen["run-quart"]
