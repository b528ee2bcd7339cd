"""Lesson 07: the setting that makes Flask equal, and what is wrong with three benchmarks."""

from __future__ import annotations

import math
import os
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from helpers.arguments import whole_number
from helpers.exercises.attempt import NotYet
from helpers.exercises.exercise import Exercise, Wrong

if TYPE_CHECKING:
    from helpers.benchmark import Estimate

CONNECTIONS = 100
MOST_WORKERS = 4
EQUAL = 1.25  # times as many answers as the other, which still counts as equal

IN_FASTAPI = """\
import asyncio

from fastapi import FastAPI

app = FastAPI()


@app.get("/wait")
async def wait():
    await asyncio.sleep(0.100)
    return {"waited": 0.100}
"""

IN_FLASK = """\
import time

from flask import Flask

app = Flask(__name__)


@app.get("/wait")
def wait():
    time.sleep(0.100)
    return {"waited": 0.100}
"""


def check_setting(setting: Any) -> str:
    from helpers.servers.server import MOST_THREADS

    if not isinstance(setting, dict) or not setting or not setting.keys() <= {"workers", "threads"}:
        raise NotYet('The setting is a dict of "workers" and "threads", such as `{"workers": 1, "threads": 10}`.')
    if any(isinstance(value, bool) or not isinstance(value, int) or value < 1 for value in setting.values()):
        raise NotYet(f"`{setting}`: workers and threads are whole numbers, 1 or more.")
    if setting.get("workers", 1) > MOST_WORKERS:
        raise NotYet(
            f"{setting['workers']} workers are as many copies of Python in memory: four are the most here. "
            "What else lets a process hold several requests?"
        )
    if "threads" in setting:
        whole_number("threads", setting["threads"], 1, MOST_THREADS)
    room = setting.get("workers", 1) * setting.get("threads", 1)
    if room * EQUAL < CONNECTIONS:  # no need to measure what Little's law says
        times = f"{CONNECTIONS / room:.3g} times as many, by Little's law"
        if "threads" not in setting:
            raise NotYet(
                f"Without threads each worker has one request at a time, so {room} of {CONNECTIONS} at once: "
                f"FastAPI answers {times}."
            )
        raise NotYet(
            f"Of {CONNECTIONS} requests, your Flask has room for {room} at a time: FastAPI still answers {times}."
        )
    return judge_ratio(measured_ratio(setting), setting)


def measured_ratio(setting: dict[str, int]) -> Estimate:
    """FastAPI beside a Flask with these workers and threads, in servers of their own."""
    from helpers.benchmark import measure
    from helpers.servers import launch

    software = "gunicorn" if os.name == "posix" else "waitress"
    with tempfile.TemporaryDirectory() as folder, ExitStack() as running:

        def address(source: str, software: str, framework: str, **settings: Any) -> str:
            path = Path(folder, f"check_{framework.lower()}.py")
            path.write_text(source, encoding="utf-8")
            server = launch(software, f"{path}:app", name=f"check, {framework}", **settings)
            running.callback(server.stop)
            return server.url + "/wait"

        urls = {
            "FastAPI": address(IN_FASTAPI, "uvicorn", "FastAPI"),
            "Flask": address(IN_FLASK, software, "Flask", **setting),
        }
        return measure(urls, concurrency=CONNECTIONS, budget=10).ratio("FastAPI", "Flask")


def judge_ratio(ratio: Estimate, setting: dict[str, int]) -> str:
    """The sentence for what was measured. Raises NotYet where FastAPI answers more."""
    at_once = setting.get("workers", 1) * setting.get("threads", 1)
    times = ratio.value if ratio.value > 0 else math.inf  # 0: one of the two gave no good answer in time
    if times > EQUAL and at_once >= CONNECTIONS:
        raise NotYet(
            f"Your Flask has room for all {CONNECTIONS}, and yet FastAPI answers {times:.1f} times as many: "
            "a busy processor limits it, or one worker got more than its share. Close what else runs, and check again."
        )
    if times > EQUAL:
        raise NotYet(
            f"FastAPI still answers {times:.1f} times as many: of {CONNECTIONS} requests, your Flask has room "
            f"for {at_once} at a time."
        )
    return f"Measured: FastAPI answers {ratio.words} times as many as Flask, which has room for {at_once} at a time."


FLAWS = ("unequal processes", "blocks the loop", "counts errors", "client is the limit", "other wait")
RIGHT = {"A": "unequal processes", "B": "blocks the loop", "C": "counts errors"}
LOOK = {
    "A": "in A, count the processes that `launch` starts for each",
    "B": "in B, see what `/stall` does with the time, and in which kind of function",
    "C": "in C, read the path letter by letter, and then which answers are added up",
}


def check_flaws(flaws: Any) -> str:
    if not isinstance(flaws, dict) or flaws.keys() != RIGHT.keys():
        raise NotYet('Answer with a dict that has "A", "B" and "C", each with one of the flaws.')
    for flaw in flaws.values():
        if flaw not in FLAWS:
            raise NotYet(f"{flaw!r} is not among the flaws to choose from: {', '.join(FLAWS)}.")
    wrong = [letter for letter in RIGHT if flaws[letter] != RIGHT[letter]]
    if len(wrong) == len(RIGHT):
        raise NotYet("None of the three yet. Read each benchmark and ask: do both get the same, and is all of it good?")
    if wrong:
        raise NotYet(f"Look again: {LOOK[wrong[0]]}.")
    return "Three questions find all of them: do both get the same room, the same work, and are the answers good?"


EXERCISES = [
    Exercise(
        id="7.1",
        title="Make Flask equal",
        also=(
            "Also right: two processes of fifty threads, or more threads than connections. Each makes the two "
            "equal here, and the memory differs."
        ),
        answer=("setting",),
        hints=(
            "FastAPI has room for all hundred waiting requests at once. How much room does Flask have?",
            "Room is workers times threads. The curve above shows what happens where there is as much as connections.",
            "One worker with a hundred threads will do, and so will two with fifty, if they share out well.",
        ),
        solution='setting = {"workers": 1, "threads": 100}\n',
        wrong={
            "FastAPI's own number": Wrong('setting = {"workers": 1, "threads": 40}\n', "still answers"),
            "workers alone": Wrong('setting = {"workers": 4}\n', "Without threads each worker"),
            "a worker for each": Wrong('setting = {"workers": 100, "threads": 1}\n', "copies of Python"),
            "words": Wrong('setting = {"threads": "many"}\n', "whole numbers, 1 or more"),
        },
        check=check_setting,
        seconds=60,
    ),
    Exercise(
        id="7.2",
        title="Three bad benchmarks",
        also="Any order of the three is right: what counts is which flaw spoils which benchmark.",
        answer=("flaws",),
        hints=(
            "Ask the same three questions each time: same room? same work? good answers?",
            "One gives the two different numbers of processes, one different endpoints, one asks for a wrong path.",
            "A compares two processes with one. Which flaw fits an `async def` that sleeps with `time.sleep`?",
        ),
        solution='flaws = {"A": "unequal processes", "B": "blocks the loop", "C": "counts errors"}\n',
        wrong={
            "the client": Wrong(
                'flaws = {"A": "client is the limit", "B": "blocks the loop", "C": "counts errors"}\n',
                "count the processes",
            ),
            "the wait": Wrong(
                'flaws = {"A": "unequal processes", "B": "other wait", "C": "counts errors"}\n',
                "which kind of function",
            ),
            "the speed": Wrong(
                'flaws = {"A": "unequal processes", "B": "blocks the loop", "C": "client is the limit"}\n',
                "letter by letter",
            ),
            "a flaw of their own": Wrong(
                'flaws = {"A": "too slow", "B": "blocks the loop", "C": "counts errors"}\n', "is not among the flaws"
            ),
            "all": Wrong(
                'flaws = {"A": "counts errors", "B": "unequal processes", "C": "blocks the loop"}\n',
                "None of the three",
            ),
        },
        check=check_flaws,
    ),
]
