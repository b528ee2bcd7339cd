"""Lesson 06: other right answers, a run in which all comes out as the text says, its flips, and no PostgreSQL."""

from pathlib import Path

import pytest
from lessons import ROOT, changed, only, read, run_all, run_lesson, shown, solved
from nbformat.v4 import new_code_cell
from test_exercises import assert_passes, attempt_at

from helpers import check, stop_all
from helpers.exercises import find
from helpers.exercises.lesson_06 import OFFERS, SHOP, SHOP_IN_FLASK, SIZE

# Answers, right and wrong, leave clients and loops open.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.usefixtures("collected"),
]

NOTEBOOK = ROOT / "notebooks" / "06_waiting_for_real_things.ipynb"
SECONDS = 150  # for one run of the lesson

ALSO_RIGHT = {
    "6.1 in Flask": SHOP_IN_FLASK,
    "6.1 in Flask with requests": SHOP_IN_FLASK.replace("import httpx", "import requests")
    .replace("httpx.Client(base_url=url)", "requests.Session()")
    .replace('client.get("/price")', 'client.get(url + "/price")'),
    "6.1 with def": SHOP_IN_FLASK.replace("from flask import Flask", "from fastapi import FastAPI").replace(
        'Flask("shop")', "FastAPI()"
    ),
    "6.1 with a client beside the app": SHOP_IN_FLASK.replace("from flask import Flask", "from fastapi import FastAPI")
    .replace('Flask("shop")', "FastAPI()")
    .replace("httpx.Client", "httpx.AsyncClient")
    .replace("def offer", "async def offer")
    .replace('client.get("/price").json()', '(await client.get("/price")).json()'),
    "6.1 with aiohttp": SHOP.replace("import httpx", "import aiohttp")
    .replace("httpx.AsyncClient", "aiohttp.ClientSession")
    .replace("(await request.state.client.get", "await (await request.state.client.get"),
    "6.2 with a loop": """\
def size(people, wait, target):
    for at_once in range(1, people + 1):
        rounds = -(-people // at_once)
        if rounds * wait <= target:
            return [at_once, at_once]
""",
    "6.2 in one line": """\
def size(people, wait, target):
    return (n := -(-people // (target // wait)), n) if target >= wait else None
""",
    "6.2 with NumPy's numbers": """\
import numpy as np


def size(people, wait, target):
    return 2 * (np.ceil(people / (target // wait)),) if target >= wait else None
""",
    "6.3 with a loop of its own": OFFERS.replace("async def offers", "async def ask")
    + """

def offers(urls, seconds):
    return asyncio.run(ask(urls, seconds))
""",
    "6.3 with a limit for each": """\
import asyncio

import httpx


async def offers(urls, seconds):
    async with httpx.AsyncClient(timeout=seconds) as client:
        answers = await asyncio.gather(*map(client.get, urls), return_exceptions=True)
        return {url: one.json() for url, one in zip(urls, answers) if isinstance(one, httpx.Response)}
""",
    "6.3 with anyio": """\
import anyio
import httpx


async def offers(urls, seconds):
    found = {}

    async def ask(client, url):
        found[url] = (await client.get(url)).json()

    async with httpx.AsyncClient() as client:
        with anyio.move_on_after(seconds):
            async with anyio.create_task_group() as group:
                for url in urls:
                    group.start_soon(ask, client, url)
    return found
""",
    "6.3 with threads": """\
from concurrent.futures import ThreadPoolExecutor

import httpx


def offers(urls, seconds):
    def ask(url):
        try:
            return client.get(url, timeout=seconds).json()
        except httpx.TimeoutException:
            return None

    with httpx.Client() as client, ThreadPoolExecutor(len(urls)) as pool:
        return {url: found for url, found in zip(urls, pool.map(ask, urls)) if found is not None}
""",
    "6.3 with the rest left to the loop": OFFERS.replace(
        "        await asyncio.gather(*late, return_exceptions=True)\n", ""
    ),
}


@pytest.mark.parametrize("name", ALSO_RIGHT)
def test_another_right_answer_passes_too(name: str) -> None:
    assert_passes(name.split()[0], ALSO_RIGHT[name])


ALSO_WRONG = {
    "6.1 an app in place of the function": (
        SHOP_IN_FLASK.replace("def shop(url):\n", "")
        .replace("    ", "")
        .replace("return app", "shop = app")
        .replace("=url", '="http://127.0.0.1"')
        .replace("return client", "    return client"),
        "Hand over the function",
    ),
    "6.1 the response itself": (SHOP.replace(".json()", ""), "`.json()`"),
    "6.2 no thought of None": (
        SIZE.replace("    if rounds == 0:\n        return None\n", ""),
        "`size(10, 80, 50)` divides by zero",
    ),
    "6.3 httpx's own timeout, not caught": (
        """\
import asyncio

import httpx


async def offers(urls, seconds):
    async with httpx.AsyncClient(timeout=seconds) as client:
        answers = await asyncio.gather(*map(client.get, urls))
    return {url: answer.json() for url, answer in zip(urls, answers)}
""",
        "ends in a ReadTimeout",
    ),
}


@pytest.mark.parametrize("name", ALSO_WRONG)
def test_another_wrong_answer_is_told_what_is_wrong(name: str) -> None:
    source, said = ALSO_WRONG[name]
    exercise = find(name.split()[0])
    feedback = check(exercise.id, attempt_at(exercise, source))
    assert feedback.status == "not yet"
    assert said in feedback.message


def test_where_there_is_no_postgresql_a_check_that_needs_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    stop_all()
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:9/none")
    feedback = check("6.2", attempt_at(find("6.2"), SIZE))
    assert feedback.status == "not yet"
    assert "No PostgreSQL answers at the address in DATABASE_URL" in feedback.message


LEFT = """
import psutil

names = ("postgres", "upstream", "launch", "client", "uvicorn", "gunicorn")
commands = [" ".join(process.cmdline()) for process in psutil.Process().children(recursive=True)]
threads = [thread.name for thread in threading.enumerate() if thread.name.startswith("pool-")]
print(threads, [next((name for name in names if name in command), command) for command in commands])
"""


FINISHED = ("stop", "finished = False", "finished = True")
OPEN = "import psutil; print(psutil.Process().num_fds())"


def everything_is_as_the_text_says(seen: dict[str, str]) -> None:
    assert "(1 thread, 1 event loop)" in seen["run-database"]
    assert "(20 threads)" in seen["run-database"]
    assert seen["run-database"].count("all 20 at the same time") == 2
    assert "blocking driver /rows blocks the event loop" in seen["run-wrong"]
    assert "one after another" in seen["run-wrong"]
    assert "200" in seen["run-patience"]
    assert "500" in seen["run-patience"]
    assert "couldn't get a connection" in seen["run-patience"]
    assert "503" in seen["full"]
    each, stubborn = (seen["run-each"].split(f"prices {path}: ")[1] for path in ("/each", "/requests"))
    assert "blocks the event loop" in each.split("(")[0]
    assert "blocks the event loop: one after another" in stubborn.split("(")[0]
    assert seen["run-leave"].count("'finished for nobody': 10, 'calls given up': 0") == 2
    assert "'finished for nobody': 0, 'calls given up': 10" in seen["asks"]
    assert seen["run-budget"].count("'finished for nobody': 0, 'calls given up': 10") == 2
    assert "statement timeout" in seen["run-statement"]
    assert ": no." in seen["judge-open"]
    assert "AnyIO worker thread" in seen["new-threads"]
    assert "too many clients" in seen["wrong-bigger"]
    each_worker, before_the_fork = seen["wrong-preload-run"].splitlines()
    assert "40 × 200" in each_worker
    assert "40 × 200" not in before_the_fork
    depends, limited = seen["wrong-depends-run"].splitlines()
    assert "× 500" in depends
    assert "60 × 200" in limited
    assert "1 × 500" in seen["wrong-client-run"]
    assert "Event loop is closed" in seen["wrong-client-run"]
    for claim in ("c24", "c25"):
        assert "Verdict: holds with conditions." in seen[f"judge-{claim}"]
    assert "Verdict: holds with conditions." in seen["judge-c31"]
    assert "one more request takes less memory: yes" in seen["judge-c31"]


@pytest.mark.lesson("06 as stored")
@pytest.mark.timeout(SECONDS + 60)
def test_everything_comes_out_as_the_text_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notebook = changed(read(NOTEBOOK), [FINISHED])
    notebook.cells.append(new_code_cell(LEFT, id="left"))
    ids = [cell.id for cell in notebook.cells]
    notebook.cells.insert(ids.index("wrong-bigger"), new_code_cell(OPEN, id="open"))
    seen = run_lesson(NOTEBOOK, tmp_path, SECONDS, notebook)
    assert seen["database"].startswith("PostgreSQL 18")
    everything_is_as_the_text_says(seen)
    assert int(seen["open"]) < 190, "of 256 files that some systems allow, when about 55 more are about to be opened"
    assert seen["left"] == "[] ['client']\n", "threads of pools, and processes"


def test_where_there_is_no_postgresql_the_cell_that_needs_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody:secret@127.0.0.1:9/none")
    (executed,) = run_all(only(read(NOTEBOOK), "imports", "database"), tmp_path, 60)
    (shown,) = executed.cells[1].outputs
    (sentence,) = shown.traceback
    assert sentence.startswith("NoDatabase: No PostgreSQL answers at the address in DATABASE_URL")
    assert "secret" not in sentence


@pytest.mark.together
@pytest.mark.timeout(SECONDS + 60)
def test_where_there_is_no_postgresql_the_cells_that_ask_none_go_on_and_all_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody:secret@127.0.0.1:9/none")
    monkeypatch.setenv("LESSON_RESULTS", str(tmp_path))
    notebook = changed(read(NOTEBOOK), [FINISHED])
    ids = [cell.id for cell in notebook.cells if cell.cell_type == "code"]
    waits = ids[ids.index("api") : ids.index("new-threads") + 1]
    notebook.cells.append(new_code_cell(LEFT + "print(prices.running)", id="left"))
    wanted = ["imports", "tools", "database", *waits, "judge-c25", "stop", "left"]
    (executed,) = run_all(only(notebook, *wanted), NOTEBOOK.parent, SECONDS)
    failed = {cell.id for cell in executed.cells for output in cell.outputs if output.output_type == "error"}
    assert failed == {"database", "run-statement", "stop"}, "what asks the database, and what closes its pool"
    assert shown(executed)["left"] == "[] ['client']\nFalse\n"


FLIPS = (
    ("app-wrong", "async def rows", "def rows"),
    ("run-ceiling", "threads=crowd", "threads=5"),
    ("app-prices", '@prices_app.get("/each")', 'context = httpx.create_ssl_context()\n\n\n@prices_app.get("/each")'),
    (
        "app-prices",
        "AsyncClient(base_url=api.url) as client:\n        return",
        "AsyncClient(base_url=api.url, verify=context) as client:\n        return",
    ),
    ("budget-fastapi", "budget = 0.15", "budget = 0.6"),
    ("app-files", "async def with_open", "def with_open"),
    ("file-fastapi", "min_size=20", "min_size=10"),
    ("judge-c31", 'flask = "Flask, threads"', 'flask = "Flask, gevent"'),
    ("file-flask", "min_size=20", "min_size=10"),
)


OTHER_NUMBERS = (
    ("database", "wait = 0.05", "wait = 0.2"),
    ("database", "people = 20", "people = 60"),
    ("run-ceiling", "[2, 5, 10, 20]", "[50]"),
    ("run-patience", "patience = 0.2", "patience = 0"),
    ("api", "latency=0.05", "latency=0.1"),
    ("budget-fastapi", "budget = 0.15", "budget = 0"),
)


@pytest.mark.long
@pytest.mark.lesson
@pytest.mark.timeout(SECONDS + 60)
def test_with_other_numbers_it_ends_well_and_c24_is_judged_by_its_own(tmp_path: Path) -> None:
    notebook = changed(read(NOTEBOOK), OTHER_NUMBERS)
    ids = [cell.id for cell in notebook.cells if cell.cell_type == "code"]
    wanted = [*ids[: ids.index("judge-each")], "budget-fastapi", "judged-app", "judge-c24"]
    seen = run_lesson(NOTEBOOK, tmp_path, SECONDS, only(notebook, *wanted))
    assert "(60 threads)" in seen["run-database"]
    assert "40 × 500" in seen["run-patience"]
    assert "Verdict: holds with conditions." in seen["judge-c24"]


@pytest.mark.lesson("06 solved")
@pytest.mark.timeout(SECONDS + 60)
def test_each_flip_turns_its_result_over_in_the_solved_lesson(tmp_path: Path) -> None:
    flipped = changed(solved(read(NOTEBOOK)), FLIPS)
    seen = run_lesson(NOTEBOOK, tmp_path, SECONDS, flipped, status="passed")
    assert "blocks the event loop" not in seen["run-wrong"]
    assert seen["run-wrong"].count("all 20 at the same time") == 2
    assert "blocking waits stand in line: yes" in seen["judge-c24"], "the flip is not the verdict's"
    flask = seen["draw-ceiling"].split("Flask: ")[1].split(" at 20")[0].split(", ")[-1]
    assert float(flask.replace(",", "")) > 250, "5 threads take 8 rounds, whatever the pool"
    assert "prices /each: 20 requests at once" in seen["run-each"]
    assert "blocks" not in seen["run-each"].split("prices /each: ")[1].split("(")[0]
    assert seen["run-budget"].count("'finished for nobody': 10, 'calls given up': 0") == 2
    assert ": yes." in seen["judge-open"]
    assert "open() holds everyone up: no" in seen["judge-c25"]
    last = seen["draw-cost"].split("last answer (ms), FastAPI: ")[1].split(" at 200")[0].split(", ")[-1]
    assert float(last.replace(",", "")) > 950, "200 people, 10 connections: 20 rounds"
    assert "Verdict: does not hold." in seen["judge-c31"], "under gevent a waiting request takes no more"
