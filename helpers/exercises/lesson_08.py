"""Lesson 08: one counter for all workers, and workers and threads for a budget."""

from __future__ import annotations

import linecache
import os
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from math import ceil
from pathlib import Path
from typing import Any

from helpers.exercises.attempt import NotYet
from helpers.exercises.exercise import Exercise, Wrong

COUNTER = """\
import sqlite3
from contextlib import closing


def next_visit(path):
    with closing(sqlite3.connect(path, timeout=10)) as database, database:
        database.execute("create table if not exists visits (number integer primary key)")
        return database.execute("insert into visits default values").lastrowid
"""

IN_A_FILE = """\
from pathlib import Path


def next_visit(path):
    file = Path(path)
    number = int(file.read_text()) + 1 if file.exists() else 1
    file.write_text(str(number))
    return number
"""

# What the learner's cell becomes a part of; its own names are out of the way.
APP = """


import os as _os
import sys as _sys
import traceback as _traceback

import flask as _flask

app = _flask.Flask("counter")


@app.get("/visit")
def _visit():
    try:
        return {"visit": next_visit(_os.environ["COUNTER_FILE"]), "worker": _os.getpid()}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}, 500
"""

IN_TURN, CROWD, AT_ONCE = 20, 300, 30  # visits one after another; then of a crowd, of which so many at once


def check_counter(next_visit: Any) -> str:
    import httpx

    if not callable(next_visit):
        raise NotYet(f"Hand over the function `next_visit` itself; this is a {type(next_visit).__name__}.")
    complain_about(asked_in_turn(next_visit))  # a look, before anything is launched
    with (
        counting_app(next_visit) as url,
        # a connection for each visit, so that both workers have visitors
        httpx.Client(
            base_url=url, verify=False, trust_env=False, timeout=15, headers={"connection": "close"}
        ) as visitor,
        ThreadPoolExecutor(AT_ONCE) as pool,
    ):
        answers = [visitor.get("/visit").json() for _ in range(IN_TURN)]
        complain_about(answers)
        crowd = [answer.json() for answer in pool.map(visitor.get, ["/visit"] * CROWD)]
    numbers = sorted(answer["visit"] for answer in crowd if "visit" in answer)
    if numbers != list(range(IN_TURN + 1, IN_TURN + CROWD + 1)):
        complain_about_workers(answers + crowd)
        failed = f", {len(crowd) - len(numbers)} got an error" * (len(crowd) > len(numbers))
        said = f"One after another is right. Of {CROWD} visitors, {AT_ONCE} at a time, {len(set(numbers))} got a number"
        if "Lock(" in cell_of(next_visit):
            raise NotYet(f"{said}{failed}. Your lock is in memory, so it holds within one process alone.")
        raise NotYet(f"{said}{failed}: between reading and writing another comes in. Something has to lock.")
    return f"{CROWD} visitors, {AT_ONCE} at a time, asked two workers, and no two of them read the same number."


def asked_in_turn(next_visit: Any) -> list[dict[str, Any]]:
    """What two copies of the learner's cell answer in turn: as two workers would, each with globals of its own."""
    cell = compile(cell_of(next_visit), next_visit.__code__.co_filename, "exec", dont_inherit=True)
    copies: list[dict[str, Any]] = [{"__name__": "counted"}, {"__name__": "counted"}]
    for names in copies:
        exec(cell, names)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        path = str(Path(folder, "visits"))
        return [{"visit": copies[n % 2]["next_visit"](path), "worker": n % 2} for n in range(IN_TURN)]


def complain_about(answers: list[dict[str, Any]]) -> None:
    """Raise NotYet unless these answers, one after another, count from 1."""
    for answer in answers:
        if "error" in answer:
            raise NotYet(f"In a worker, your function raises {answer['error']}.")
    numbers = [answer["visit"] for answer in answers]
    if any(isinstance(number, bool) or not isinstance(number, int) for number in numbers):
        raise NotYet(f"`next_visit` returns {numbers[0]!r}; asked for is a whole number.")
    if len(set(numbers)) == 1:
        raise NotYet(f"Every visitor reads {numbers[0]}: nothing is counted.")
    complain_about_workers(answers)
    if len(set(numbers)) == len(numbers) and numbers != list(range(1, IN_TURN + 1)):
        raise NotYet(f"The first visitors read {', '.join(map(str, numbers[:4]))}; asked for is 1, 2, 3 and so on.")


def complain_about_workers(answers: list[dict[str, Any]]) -> None:
    """Raise NotYet where each of several workers has given every number from its first to its last by itself."""
    by_worker: dict[int, list[int]] = {}
    for answer in answers:
        by_worker.setdefault(answer.get("worker", 0), []).append(answer.get("visit", -1))
    if len(by_worker) > 1 and all(sorted(own) == list(range(1, len(own) + 1)) for own in by_worker.values()):
        counts = " and ".join(f"1 to {len(own)}" for own in by_worker.values())
        raise NotYet(
            f"{len(answers)} visitors have read {counts}: each worker counts for itself. Keep the number where all "
            "can see it, at `path`."
        )


def cell_of(next_visit: Any) -> str:
    """The text of the cell that defines this function, which other processes do not have."""
    cell = "".join(linecache.getlines(getattr(getattr(next_visit, "__code__", None), "co_filename", "")))
    if "def next_visit" not in cell:
        raise NotYet("Write `def next_visit(path):` in the answer cell, run that cell, then this one.")
    return cell


@contextmanager
def counting_app(next_visit: Any) -> Iterator[str]:
    """The address of a Flask app with the learner's cell in it, on two workers of eight threads."""
    from helpers.servers import launch

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        app = Path(folder, "counted.py")
        app.write_text(cell_of(next_visit) + APP, encoding="utf-8")
        server = launch(
            forking(),
            f"{app}:app",
            name="check counter",
            workers=2,
            threads=8,
            environment={"COUNTER_FILE": str(Path(folder, "visits"))},
        )
        try:
            yield server.url
        finally:
            server.stop()


def forking() -> str:
    """A server with several workers and threads that runs on this system."""
    return "gunicorn" if os.name == "posix" else "granian"


CHOOSE = """\
from math import ceil


def choose(target, wait, cpu, cores, memory, each):
    workers = ceil(target * cpu / 1000)
    if workers > cores or workers * each > memory:
        return None
    inside = target * (wait + cpu) / 1000
    return workers, ceil(inside / workers)
"""

# target a second, wait ms, cpu ms, cores, memory MB, MB a worker
CASES = [
    (100, 50, 2, 2, 500, 60),
    (400, 50, 2, 4, 500, 60),
    (1000, 50, 2, 4, 500, 60),
    (1000, 50, 5, 4, 500, 60),
    (1500, 20, 2, 4, 150, 60),
    (250, 0, 4, 2, 100, 60),
    (500, 30, 5, 4, 200, 60),
]


def check_choose(choose: Any) -> str:
    if not callable(choose):
        raise NotYet(f"Hand over the function `choose` itself; this is a {type(choose).__name__}.")
    for case in CASES:
        complain_about_choice(case, choose(*case))
    workers, threads = choose(*CASES[0])
    return f"All {len(CASES)} cases are right. {live_run(workers, threads, CASES[0][0])}"


def complain_about_choice(case: tuple[int, ...], found: Any) -> None:
    """Raise NotYet unless `found` is the best choice for `case`."""
    target, wait, cpu, cores, memory, each = case
    call = f"choose{case}"
    needed = ceil(target * cpu / 1000)  # cores' worth of work
    if needed > cores or needed * each > memory:
        if found is None:
            return
        why = f"{target} a second of {cpu} ms keep {needed} cores busy, and there are {cores}"
        if needed <= cores:
            why = f"{needed} workers of {each} MB do not fit into {memory} MB"
        raise NotYet(f"`{call}` returns {found!r}. {why}: None.")
    if found is None:
        raise NotYet(f"`{call}` returns None, and it can be done.")
    if not isinstance(found, tuple | list) or len(found) != 2:
        raise NotYet(f"`{call}` returns {found!r}; asked for are two numbers, (workers, threads).")
    if any(isinstance(number, bool) or not isinstance(number, int) or number < 1 for number in found):
        raise NotYet(f"`{call}` returns {found!r}: make both whole numbers, from 1.")
    workers, threads = found
    if workers < needed:
        raise NotYet(
            f"`{call}` returns {found}. {target} a second of {cpu} ms each are {target * cpu} ms of work in a second: "
            f"too much for {workers} worker{'s' * (workers != 1)}, as one computes on one core."
        )
    if workers > needed:
        raise NotYet(f"`{call}` returns {found}: {needed} would do, and each worker takes {each} MB.")
    inside = target * (wait + cpu) / 1000
    least = ceil(inside / workers)
    if threads < least:
        raise NotYet(
            f"`{call}` returns {found}, room for {workers * threads} requests. By Little's law {inside:g} are inside "
            "at any moment: each is there for its wait and for its cost."
        )
    if threads >= least * workers > least:
        raise NotYet(f"`{call}` returns {found}: threads are counted for each worker, so {least} would do.")
    if threads > least:
        raise NotYet(f"`{call}` returns {found}: {least} threads would do.")


def live_run(workers: int, threads: int, target: int) -> str:
    """What a real Flask app with these settings does with `target` requests of 50 ms a second; a sentence."""
    from helpers.client import load
    from helpers.servers import launch

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        app = Path(folder, "chosen.py")
        app.write_text(WAITING, encoding="utf-8")
        server = launch(forking(), f"{app}:app", name="check chosen", workers=workers, threads=threads)
        try:
            found = load(server.url + "/", rate=target, seconds=1.5)
        finally:
            server.stop()
    return (
        f"Launched with {workers} x {threads}, the first of them had {found.completed} good answers in 1.5 s, "
        f"half of these within {found.percentile(50):.0f} ms."
    )


WAITING = """\
import time

from flask import Flask

app = Flask("chosen")


@app.get("/")
def wait():
    time.sleep(0.050)
    return {"waited": 0.050}
"""

EXERCISES = [
    Exercise(
        id="8.1",
        title="One counter for all workers",
        also=(
            "Also right: a file with a lock, or a transaction of SQLite. The lock waits in line; the database "
            "also survives a crash halfway."
        ),
        answer=("next_visit",),
        hints=(
            "A global variable, and a lock of `threading`, exist once in each process. The file at `path` exists once.",
            "Reading and then writing are two steps, and another worker gets in between. Something has to lock.",
            "SQLite locks the file by itself. A table with an `integer primary key` numbers what you insert: see "
            "`cursor.lastrowid`.",
        ),
        solution=COUNTER,
        wrong={
            "a global": Wrong(
                "visits = 0\n\n\ndef next_visit(path):\n    global visits\n    visits += 1\n    return visits\n",
                "each worker counts for itself",
            ),
            "a file without a lock": Wrong(IN_A_FILE, "between reading and writing"),
            "a lock within each process": Wrong(
                IN_A_FILE.replace("from pathlib", "import threading\nfrom pathlib")
                .replace("def next_visit", "lock = threading.Lock()\n\n\ndef next_visit")
                .replace(
                    """\
    file = Path(path)
    number = int(file.read_text()) + 1 if file.exists() else 1
    file.write_text(str(number))
    return number
""",
                    """\
    with lock:
        file = Path(path)
        number = int(file.read_text()) + 1 if file.exists() else 1
        file.write_text(str(number))
        return number
""",
                ),
                "lock is in memory",
            ),
            "always one": Wrong(COUNTER.replace(".lastrowid", ".rowcount"), "nothing is counted"),
            "no return": Wrong(COUNTER.replace("return database", "database"), "returns None"),
            "starts at zero": Wrong(COUNTER.replace(".lastrowid", ".lastrowid - 1"), "asked for is 1, 2, 3"),
        },
        check=check_counter,
        seconds=40,
    ),
    Exercise(
        id="8.2",
        title="Workers for a budget",
        also="Also right: try the pairs from the smallest up. Slower, and no formula to get wrong.",
        answer=("choose",),
        hints=(
            "Workers first: `target` a second, each `cpu` ms, are how many seconds of work in a second?",
            "A worker computes on one core. More workers than cores, or than fit into the memory: None.",
            "Threads: by Little's law `target * (wait + cpu) / 1000` requests are inside. Share them out, rounded up.",
        ),
        solution=CHOOSE,
        wrong={
            "a worker for each core": Wrong(
                CHOOSE.replace("workers = ceil(target * cpu / 1000)", "workers = cores"), "each worker takes"
            ),
            "one worker": Wrong(
                CHOOSE.replace("workers = ceil(target * cpu / 1000)", "workers = 1"), "computes on one core"
            ),
            "the wait alone": Wrong(CHOOSE.replace("(wait + cpu)", "wait"), "for its wait and for its cost"),
            "all threads in each": Wrong(CHOOSE.replace("inside / workers", "inside"), "counted for each worker"),
            "no look at the memory": Wrong(CHOOSE.replace(" or workers * each > memory", ""), "do not fit"),
            "no look at the cores": Wrong(CHOOSE.replace("workers > cores or ", ""), "cores busy"),
            "halves": Wrong(CHOOSE.replace("ceil(inside / workers)", "inside / workers"), "whole numbers"),
        },
        check=check_choose,
        seconds=40,
    ),
]
