"""Lesson 05: thaw a frozen loop, count the threads that are needed, gather three sources of which one fails."""

from __future__ import annotations

import asyncio
import math
import numbers
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask

from helpers.client import burst
from helpers.exercises.attempt import NotYet, serving, within
from helpers.exercises.exercise import Exercise, Wrong
from helpers.servers import serve
from helpers.timeline import watch

WAIT = 0.050  # seconds that a report, and each of the three sources, takes
PEOPLE = 20


def slow_report(number: int) -> str:
    """A report, after 50 ms. It blocks its thread, as the clients of many databases and services do."""
    time.sleep(WAIT)
    return f"report {number}: {number * 37 % 101} visitors"


THAW = """\
from fastapi import FastAPI

from helpers.exercises.lesson_05 import slow_report

thawed = FastAPI()


@thawed.get("/report/{number}")
def report(number: int):
    return {"report": slow_report(number)}
"""

_STILL = THAW.replace("def report", "async def report")
_ANOTHER_WAIT = """\
import asyncio

from fastapi import FastAPI

thawed = FastAPI()


@thawed.get("/report/{number}")
async def report(number: int):
    await asyncio.sleep(0.05)
    return {"report": f"report {number}"}
"""

_ONE_THREAD = """\
import asyncio
from concurrent.futures import ThreadPoolExecutor

from fastapi import FastAPI

from helpers.exercises.lesson_05 import slow_report

thawed = FastAPI()
pool = ThreadPoolExecutor(max_workers=1)


@thawed.get("/report/{number}")
async def report(number: int):
    return {"report": await asyncio.get_running_loop().run_in_executor(pool, slow_report, number)}
"""


_ON_A_TASK = """\
import asyncio

from fastapi import FastAPI

from helpers.exercises.lesson_05 import slow_report

thawed = FastAPI()


async def make(number: int):
    return slow_report(number)


@thawed.get("/report/{number}")
async def report(number: int):
    return {"report": await asyncio.create_task(make(number))}
"""


def check_thawed(app: Any) -> str:
    usual = {
        "can't be used in 'await'": "`slow_report` is no coroutine: there is nothing to await, it has blocked already.",
        "'coroutine' object": "Your endpoint returns a coroutine that it has not awaited.",
        "'str' object is not callable": "Hand over the function and its number one by one: called, it runs right here.",
        "argument must be callable": "Hand over the function and its number one by one: called, it runs right here.",
        "not all arguments converted": "The number arrives as text; declare it: `number: int`.",
    }
    with serving(app) as ask:
        with telling(usual):
            answer = ask("GET", "/report/7")
        if answer.status != 200:
            raise NotYet(f"GET /report/7 is answered with {answer.status}, and no longer with a report.")
        wanted = {"report": slow_report(7)}
        if "json" not in answer.headers.get("content-type", "") or answer.json() != wanted:
            raise NotYet(f"GET /report/7 answers {answer.text.strip()[:80]}, not what `slow_report` makes of it.")
        with watch(ask.server) as timeline:
            burst(ask.server, "/report/8", PEOPLE)
    (panel,) = timeline.panels()
    if panel.trouble:
        raise NotYet(f"Of {PEOPLE} people at once not everyone gets a report: {panel.trouble}.")
    in_line = panel.finish_ms > PEOPLE * WAIT * 500  # half of what they take one after another
    if panel.blocks:
        raise NotYet(f"`slow_report` still holds the event loop: the last of {PEOPLE} waits {panel.finish}.")
    if in_line and panel.loop_state == "busy":
        raise NotYet(
            f"What your endpoint awaits runs `slow_report` on the event loop: {panel.finish} for {PEOPLE} people."
        )
    if in_line:
        raise NotYet(f"The loop is free now, but the reports still come one after another: {panel.finish} in all.")
    return f"{PEOPLE} people, {panel.finish} for the last. The library still blocks, but only a thread that may wait."


@contextmanager
def telling(usual: dict[str, str]) -> Iterator[None]:
    """Say `usual`'s sentence in place of a `NotYet` about a crash in which its key occurs."""
    try:
        yield
    except NotYet as crash:
        raise next((NotYet(better) for words, better in usual.items() if words in str(crash)), crash) from None


THREADS = """\
import math


def threads_for(people, wait, limit):
    waves = int(limit // wait)
    return math.ceil(people / waves) if waves else None
"""

CASES = [(20, 50, 1000), (20, 50, 60), (20, 50, 120), (20, 50, 150), (60, 50, 210), (7, 100, 250), (1, 50, 5000)]


def check_threads_for(answer: Callable[[int, int, int], float | None]) -> str:
    if not callable(answer):
        raise NotYet(f"`threads_for` is a function of people, wait and limit; this is {answer!r:.40}.")
    for people, wait, limit in CASES:
        said, call = answer(people, wait, limit), f"`threads_for({people}, {wait}, {limit})`"
        if isinstance(said, bool) or not isinstance(said, numbers.Real) or said % 1:
            raise NotYet(f"{call} returns {said!r}; a number of threads is a whole number, 1 or more.")
        if said < 1 or math.ceil(people / said) * wait > limit:
            waves = f"{math.ceil(people / said)} waves of {wait} ms" if said > 0 else "nobody is served"
            raise NotYet(f"{call} returns {said}: with so few there are {waves}, which is past the limit.")
        if said > 1 and math.ceil(people / (said - 1)) * wait <= limit:
            raise NotYet(f"{call} returns {said}, which is in time, and {said - 1} would be too: look for the fewest.")
    try:
        impossible = within(2, lambda: f"returns {answer(20, 50, 40)!r}")
    except ZeroDivisionError:
        impossible = "ends in a ZeroDivisionError"
    except NotYet:
        impossible = "does not end"
    if impossible != "returns None":
        raise NotYet(f"`threads_for(20, 50, 40)` {impossible}: nobody can wait 50 ms within 40, so say `None`.")
    threads = int(answer(20, 50, 120) or 0)
    few, enough = _measured(threads - 1), _measured(threads)
    return f"Tried with 20 people: {enough:,.0f} ms with your number of threads, {few:,.0f} ms with one less."


def _measured(threads: int) -> float:
    """Milliseconds until the last of the people has an answer from a Flask app on `threads` threads."""
    app = Flask("check")

    @app.get("/wait")
    def wait() -> dict[str, bool]:
        time.sleep(WAIT)
        return {"waited": True}

    server = serve(app, name="check your number", threads=threads)
    try:
        return burst(server, "/wait", PEOPLE).seconds * 1000
    finally:
        server.stop()


class _Meter:
    """How many of the sources are being waited for, whichever thread or loop they run on."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.now = self.most = 0

    @contextmanager
    def counting(self) -> Iterator[None]:
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
        try:
            yield
        finally:
            with self._lock:
                self.now -= 1


_meter = _Meter()


async def weather() -> str:
    """Today's weather, after 50 ms."""
    with _meter.counting():
        await asyncio.sleep(WAIT)
        return "sunny"


async def news() -> str:
    """Raises ConnectionError after 50 ms: the news are down today."""
    with _meter.counting():
        await asyncio.sleep(WAIT)
        raise ConnectionError("the news are down")


async def stocks() -> int:
    """A share's price, after 50 ms."""
    with _meter.counting():
        await asyncio.sleep(WAIT)
        return 104


PAGE = """\
import asyncio

from flask import Flask

from helpers.exercises.lesson_05 import news, stocks, weather

page = Flask("page")


@page.get("/")
async def front_page():
    found = await asyncio.gather(weather(), news(), stocks(), return_exceptions=True)
    weather_now, news_now, price = (None if isinstance(each, Exception) else each for each in found)
    return {"weather": weather_now, "news": news_now, "stocks": price}
"""

_ONE_BY_ONE = """\
from flask import Flask

from helpers.exercises.lesson_05 import news, stocks, weather

page = Flask("page")


async def or_none(source):
    try:
        return await source
    except ConnectionError:
        return None


@page.get("/")
async def front_page():
    return {"weather": await weather(), "news": await or_none(news()), "stocks": await stocks()}
"""

_TASK_GROUP = """\
import asyncio

from flask import Flask

from helpers.exercises.lesson_05 import news, stocks, weather

page = Flask("page")


@page.get("/")
async def front_page():
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(source()) for source in (weather, news, stocks)]
    return dict(zip(("weather", "news", "stocks"), (task.result() for task in tasks)))
"""

WANTED = {"weather": "sunny", "news": None, "stocks": 104}


def check_page(app: Any) -> str:
    _meter.most = 0
    usual = {
        "news are down": "One failing source takes the whole page down: let `gather` return exceptions, or catch it.",
        "TaskGroup": "A TaskGroup gives up when one task fails: catch the exception inside the task, or use `gather`.",
        "event loop in thread": "A plain `def` view has no event loop: write `async def`, and await in it.",
        "no running event loop": "A plain `def` view has no event loop: write `async def`, and await in it.",
        "JSON": "Your view returns something that JSON cannot say: an exception, or a coroutine that was not awaited?",
    }
    with serving(app) as ask, telling(usual):
        answer = ask("GET", "/")
    if answer.status != 200:
        raise NotYet(f"GET / is answered with {answer.status}, not with the page.")
    if "json" not in (kind := answer.headers.get("content-type", "no type")):
        raise NotYet(f"GET / answers with {kind.split(';')[0]}; return the dict itself, and Flask makes JSON of it.")
    found = answer.json()
    if not isinstance(found, dict) or found.keys() != WANTED.keys():
        raise NotYet(f"GET / answers {answer.text.strip()[:80]}; asked for are weather, news and stocks, as JSON.")
    if found["news"] is not None:
        raise NotYet(f"The news are {found['news']!r}: put None in their place, which is `null` in JSON.")
    if found != WANTED:
        raise NotYet(f"The page says {found}; the other two sources do answer, with 'sunny' and 104.")
    if _meter.most < len(WANTED):
        raise NotYet(
            f"The page is right, but never more than {_meter.most} of the three sources are under way at once."
        )
    return "All three at once, and one failure stays one failure. Lesson 06 adds a deadline."


EXERCISES = [
    Exercise(
        id="5.1",
        title="Thaw a frozen loop",
        also=(
            "Also right: `async def` with `await asyncio.to_thread(slow_report, number)`. It can await other "
            "things too; the pool is asyncio's, not AnyIO's with its forty threads."
        ),
        answer=("thawed",),
        hints=(
            "The loop freezes because `slow_report` runs on it. Where else can FastAPI run a function?",
            "FastAPI runs a plain `def` endpoint in a thread. In an `async def`, `asyncio.to_thread` does the same.",
            "Take the endpoint as it is, and delete one word.",
        ),
        solution=THAW,
        wrong={
            "still on the loop": Wrong(_STILL, "still holds the event loop"),
            "awaits what is no coroutine": Wrong(
                _STILL.replace("slow_report(n", "await slow_report(n"), "no coroutine"
            ),
            "forgets to await the thread": Wrong(
                _STILL.replace(
                    "import FastAPI", "import FastAPI\nfrom fastapi.concurrency import run_in_threadpool"
                ).replace("slow_report(number)}", "run_in_threadpool(slow_report, number)}"),
                "has not awaited",
            ),
            "calls it on the way to the thread": Wrong(
                _ON_A_TASK.replace("create_task(make(number))", "to_thread(make(number))").replace(
                    "async def make", "def make"
                ),
                "one by one",
            ),
            "number as text": Wrong(THAW.replace("number: int", "number"), "declare it"),
            "in a task on the same loop": Wrong(_ON_A_TASK, "What your endpoint awaits runs"),
            "waits without the library": Wrong(_ANOTHER_WAIT, "not what `slow_report` makes"),
            "one thread for all": Wrong(_ONE_THREAD, "one after another"),
        },
        check=check_thawed,
    ),
    Exercise(
        id="5.2",
        title="As few threads as will do",
        also=(
            "Also right: try 1, 2, 3 ... threads. Slower to compute, and right where the formula is not: with "
            "waits of different length."
        ),
        answer=("threads_for",),
        hints=(
            "With 10 threads, 20 people come in two waves, and the last has an answer after two waits.",
            "How many whole waves fit into the limit? A wave that does not fit does not count, so round down.",
            "Then the people have to fit into that many waves: divide, and round up. No wave at all means `None`.",
        ),
        solution=THREADS,
        wrong={
            "work divided by time": Wrong(
                "import math\n\n\ndef threads_for(people, wait, limit):\n    return math.ceil(people * wait / limit)\n",
                "past the limit",
            ),
            "one for each": Wrong("def threads_for(people, wait, limit):\n    return people\n", "look for the fewest"),
            "half a thread": Wrong(
                "def threads_for(people, wait, limit):\n    return people / (limit // wait)\n", "is a whole number"
            ),
            "tries until it fits": Wrong(
                "def threads_for(people, wait, limit):\n    threads = 1\n"
                "    while -(-people // threads) * wait > limit:\n        threads += 1\n    return threads\n",
                "does not end",
            ),
            "no function": Wrong("threads_for = 10\n", "this is 10"),
            "never says no": Wrong(
                THREADS.replace(" if waves else None", ""),
                "ZeroDivisionError",
            ),
        },
        check=check_threads_for,
    ),
    Exercise(
        id="5.3",
        title="Three sources, one wait",
        also=(
            "Also right: FastAPI with the same `gather`, which needs no thread for the view, or a task group "
            "that catches each error by itself."
        ),
        answer=("page",),
        hints=(
            "Flask takes an `async def` view, and in it `asyncio.gather` waits for several coroutines at once.",
            "`gather` stops at the first exception, unless you give it `return_exceptions=True`.",
            "With that, exceptions come back among the results: put None in the place of each `Exception`.",
        ),
        solution=PAGE,
        wrong={
            "one after another": Wrong(_ONE_BY_ONE, "are under way at once"),
            "one failure fails all": Wrong(PAGE.replace(", return_exceptions=True", ""), "takes the whole page down"),
            "shows the exception": Wrong(
                PAGE.replace("None if isinstance(each, Exception)", "str(each) if isinstance(each, Exception)"),
                "put None in their place",
            ),
            "one failure fails the group": Wrong(_TASK_GROUP, "catch the exception inside the task"),
            "no loop in a plain view": Wrong(
                PAGE.replace("async def", "def")
                .replace("await asyncio.gather(", "asyncio.get_event_loop().run_until_complete(asyncio.gather(")
                .replace("exceptions=True)", "exceptions=True))"),
                "has no event loop",
            ),
            "text in place of JSON": Wrong(
                PAGE.replace("import asyncio\n", "import asyncio\nimport json\n")
                .replace("return {", "return json.dumps({")
                .replace("price}", "price})"),
                "return the dict itself",
            ),
            "returns the exception": Wrong(
                PAGE.replace("(None if isinstance(each, Exception) else each for each in found)", "found"),
                "something that JSON cannot say",
            ),
        },
        check=check_page,
    ),
]
