"""Lesson 09: thaw a server that a model has frozen, stop when nobody listens, go on where a stream broke off."""

from __future__ import annotations

import inspect
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from helpers.exercises.attempt import NotStarted, NotYet, is_blank, serving
from helpers.exercises.exercise import Exercise, Wrong

FROZEN = """\
import time

from fastapi import FastAPI


def slow_model(number):
    end = time.process_time() + 0.2
    while time.process_time() < end:
        pass
    return number * 2


frozen_app = FastAPI()


@frozen_app.get("/predict")
async def predict_number(number: int):
    return slow_model(number)


@frozen_app.get("/ping")
async def ping():
    return "pong"
"""

THAWED = FROZEN.replace("async def predict_number", "def predict_number")
IN_A_THREAD = FROZEN.replace("return slow_model(number)", "return await asyncio.to_thread(slow_model, number)").replace(
    "import time", "import asyncio\nimport time"
)

TRIES = 3  # of the one in which a busy computer leaves the ping in time counts


def check_thawed(app: Any) -> str:
    if type(app).__name__ != "FastAPI":
        raise NotYet(f"This check asks a FastAPI app; it was given a {type(app).__name__}.")
    if untouched(app):
        raise NotStarted('The endpoint is as it was: mend it, then run this cell again; hint("9.1") gets you going.')
    with serving(app) as ask, ThreadPoolExecutor(1) as other:
        answer = ask("GET", "/predict?number=21")
        if answer.status != 200 or answer.text.strip() != "42":
            raise NotYet(
                f"GET `/predict?number=21` answers {answer.status} with `{answer.text[:80]}`; asked for is 42."
            )
        if ask("GET", "/ping").status != 200:
            raise NotYet("GET `/ping` is gone; it was fine as it was.")
        for _ in range(TRIES):
            prediction = other.submit(ask, "GET", "/predict?number=4")
            time.sleep(0.05)  # until it is under way
            ask("GET", "/ping")
            meanwhile = not prediction.done()
            if prediction.result().text.strip() != "8":
                raise NotYet("While `/ping` is asked, a prediction comes out wrong.")
            if meanwhile:
                return "The ping is answered while the model computes: the loop is free, and the work in a thread."
    raise NotYet("While a prediction runs, `/ping` waits for its end: who computes, the loop or a thread?")


def endpoint_of(app: Any, path: str) -> Any:
    """The function that answers at `path`; None where the app does not list it itself."""
    return next((route.endpoint for route in app.routes if getattr(route, "path", None) == path), None)


def untouched(app: Any) -> bool:
    """Whether /predict still does what it does in the lesson's cell."""
    cell: dict[str, Any] = {}
    exec(FROZEN, cell)
    code = getattr(endpoint_of(app, "/predict"), "__code__", None)
    as_it_was = cell["predict_number"].__code__
    return code is not None and (code.co_code, code.co_names) == (as_it_was.co_code, as_it_was.co_names)


NEWS = """\
import asyncio
from itertools import count

from fastapi import FastAPI
from fastapi.sse import EventSourceResponse, ServerSentEvent

gone = []
news_app = FastAPI()


@news_app.get("/news", response_class=EventSourceResponse)
async def news():
    try:
        for number in count(1):
            yield ServerSentEvent(raw_data=str(number))
            await asyncio.sleep(0.1)
    finally:
        gone.append("gone")
"""

LISTENERS, STAY = 3, 0.75  # seconds: they leave between two events


def check_news(attempt: tuple[Any, Any]) -> str:
    app, gone = attempt
    if type(app).__name__ == "FastAPI" and is_blank(app):
        raise NotStarted('Fill in the answer cell and run it, then this one; hint("9.2") gets you going.')
    if type(app).__name__ != "FastAPI" or not isinstance(gone, list):
        raise NotYet("Hand over the FastAPI app and the list `gone`, as the check cell does.")
    for _ in range(TRIES):  # a generator that is just handing over an event is left to the garbage collector
        heard, left = listeners_of(app, gone)
        if left == ["gone"] * LISTENERS:
            break
    look_at_news(heard)
    if heard.meanwhile:
        raise NotYet(f"`gone` has {heard.meanwhile} entries while all {LISTENERS} listeners are still there.")
    if len(left) < LISTENERS:
        told = (
            "what is to be done at its end stands in the `finally` of a `try`"
            if is_async(app)
            else "a `def` generator is not told that its listener has left, an `async` one is, at its `await`"
        )
        raise NotYet(f"{LISTENERS} listeners have left, and a second later `gone` has {len(left)} entries: {told}.")
    if left != ["gone"] * LISTENERS:
        raise NotYet(f'`gone` has {left[:5]} after {LISTENERS} listeners; asked for is one "gone" each.')
    return "Three came, three left, and nothing of yours works for them any more."


def listeners_of(app: Any, gone: list[Any]) -> tuple[Any, list[Any]]:
    """What listeners hear, and what is in `gone` once they have left."""
    from helpers.client import listen

    gone.clear()
    with serving(app) as ask:
        heard = listen(ask.server, "/news", LISTENERS, seconds=STAY, meanwhile=lambda: len(gone))
        end = time.monotonic() + 1
        while len(gone) < LISTENERS and heard.connected and time.monotonic() < end:
            time.sleep(0.02)
        return heard, list(gone)


def is_async(app: Any) -> bool:
    """Whether there is an async generator behind /news; also True where that cannot be seen."""
    endpoint = endpoint_of(app, "/news")
    return endpoint is None or inspect.isasyncgenfunction(endpoint)


def look_at_news(heard: Any) -> None:
    """Complain about a stream that is not there, or that says something else than asked for."""
    if not heard.connected:
        raise NotYet(f"GET `/news` lets nobody in ({heard.listeners[0].refused or 'no answer'}).")
    said = [text for _, text in heard.listeners[0].events]
    if not said:
        raise NotYet(f"GET `/news` sends no event within {STAY:g} s: is it `response_class=EventSourceResponse`?")
    if said[0] == '"1"':
        raise NotYet("The events have quotes: what you yield becomes JSON. `ServerSentEvent(raw_data=...)` has none.")
    if said[: len(said)] != [str(number) for number in range(1, len(said) + 1)]:
        raise NotYet(f"The events are {', '.join(said[:4])}, ...; asked for are 1, 2, 3, ...")
    if len(said) > 3 * STAY * 10:
        raise NotYet(f"{len(said)} events in {STAY:g} s: wait a tenth of a second between two.")
    if len(said) < 3:
        raise NotYet(f"{len(said)} events in {STAY:g} s: a tenth of a second lies between two.")


RESUME = """\
def resume(history, last_event_id):
    try:
        seen = int(last_event_id or 0)
    except ValueError:
        seen = 0
    for number, text in enumerate(history, 1):
        if number > seen:
            yield f"id: {number}\\ndata: {text}\\n\\n"
"""

HISTORY = ["Emma", "Persuasion", "Sanditon"]
CASES: list[tuple[str | None, list[int]]] = [
    (None, [1, 2, 3]),
    ("1", [2, 3]),
    ("3", []),
    ("", [1, 2, 3]),
    ("yesterday", [1, 2, 3]),
]


def check_resume(resume: Any) -> str:
    if not callable(resume):
        raise NotYet(f"Hand over the function `resume` itself; this is a {type(resume).__name__}.")
    for header, wanted in CASES:
        about = "At the first visit (None)" if header is None else f"After `Last-Event-ID: {header}`"
        try:
            given = resume(list(HISTORY), header)
            parts = list(given) if isinstance(given, Iterable) and not isinstance(given, str) else None
        except (TypeError, ValueError) as error:
            raise NotYet(f"{about} your function raises {type(error).__name__}: {error}.") from error
        if parts is None or not all(isinstance(part, str) for part in parts):
            raise NotYet(f"{about} your function gives `{given!r}`; asked for is a generator of texts: `yield` each.")
        events = read("".join(parts), about)
        if [number for number, _ in events] != [str(number) for number in wanted]:
            ids = ", ".join(number or "none" for number, _ in events) or "no event"
            raise NotYet(f"{about} come the ids {ids}; missed are {', '.join(map(str, wanted)) or 'none'}.")
        if [text for _, text in events] != [HISTORY[number - 1] for number in wanted]:
            raise NotYet(f"{about} the texts are {[text for _, text in events]}: they do not belong to their ids.")
    return "Whoever comes back hears what was missed, once, and a strange header harms nobody."


def read(stream: str, about: str) -> list[tuple[str, str]]:
    """The (id, data) of each event of a stream. Raises NotYet for an event that is not ended by an empty line."""
    *events, rest = stream.split("\n\n")
    if rest.strip() or any(event.count("data:") > 1 for event in events):
        raise NotYet(f"{about} an event has no end: after its lines comes an empty one, `\\n\\n` in all.")
    found = []
    for event in events:
        fields = dict(line.split(":", 1) for line in event.splitlines() if ":" in line)
        found.append((fields.get("id", "").strip(), fields.get("data", "").removeprefix(" ")))
    return found


EXERCISES = [
    Exercise(
        id="9.1",
        title="thaw a frozen server",
        also="Also right: `await asyncio.to_thread(slow_model, number)`. It can then await other things, too.",
        answer=("frozen_app",),
        hints=(
            "Who computes while the model runs? In `async def` it is the event loop itself.",
            "FastAPI runs an endpoint without `async` in a thread of its pool.",
            "Delete one word. Or keep it, and hand the work over: `asyncio.to_thread`.",
        ),
        solution=THAWED,
        wrong={
            "an await before": Wrong(
                FROZEN.replace("    return slow", "    await asyncio.sleep(0)\n    return slow").replace(
                    "import time", "import asyncio\nimport time"
                ),
                "waits for its end",
            ),
            "not awaited": Wrong(
                FROZEN.replace(
                    "return slow_model(number)", "return asyncio.to_thread(slow_model, number).__class__"
                ).replace("import time", "import asyncio\nimport time"),
                "Inside your app",
            ),
            "no return": Wrong(THAWED.replace("return slow_model", "slow_model"), "asked for is 42"),
            "the ping is gone": Wrong(THAWED.replace('"/ping"', '"/pong"'), "it was fine as it was"),
            "in a wrong thread": Wrong(
                THAWED.replace("    return slow_model(number)", "    return 42"), "a prediction comes out wrong"
            ),
        },
        check=check_thawed,
    ),
    Exercise(
        id="9.2",
        title="stop when nobody listens",
        also="Also right: `except asyncio.CancelledError`, with a `raise` at its end. It says nothing of a normal end.",
        answer=("news_app", "gone"),
        hints=(
            "An endless generator, and something that is done whenever it ends.",
            "`response_class=EventSourceResponse`; `async def`, `yield`, `await asyncio.sleep(0.1)`, all inside `try`.",
            'The `finally` of that `try` appends "gone". `ServerSentEvent(raw_data=...)` sends a text without quotes.',
        ),
        solution=NEWS,
        wrong={
            "in def": Wrong(
                NEWS.replace("async def", "def")
                .replace("await asyncio.sleep", "time.sleep")
                .replace("import asyncio", "import asyncio\nimport time"),
                "a `def` generator is not told",
            ),
            "nothing in the end": Wrong(NEWS.replace('gone.append("gone")', "pass"), "in the `finally` of a `try`"),
            "at every event": Wrong(
                NEWS.replace("finally:\n        gone", "finally:\n        gone_too").replace(
                    "            await", '            gone.append("gone")\n            await'
                )
                + "\n\ngone_too = []\n",
                "while all 3 listeners are still there",
            ),
            "quoted": Wrong(NEWS.replace("ServerSentEvent(raw_data=str(number))", "str(number)"), "have quotes"),
            "from nought": Wrong(NEWS.replace("count(1)", "count()"), "asked for are 1, 2, 3"),
            "without a pause": Wrong(NEWS.replace("sleep(0.1)", "sleep(0)"), "wait a tenth of a second"),
            "too slow": Wrong(NEWS.replace("sleep(0.1)", "sleep(2)"), "a tenth of a second lies between two"),
            "another path": Wrong(NEWS.replace('"/news"', '"/new"'), "lets nobody in (HTTP 404)"),
        },
        check=check_news,
    ),
    Exercise(
        id="9.3",
        title="go on where it broke off",
        also="Also right: slicing, `history[seen:]` with `enumerate(..., seen + 1)`. Mind a header below nought.",
        answer=("resume",),
        hints=(
            "The header is a text, or None, or anything that a client cares to send: make a number of it first.",
            "`int(last_event_id or 0)` in a `try`; a `ValueError` means that nothing was seen.",
            'An event is its lines and an empty one: `yield f"id: {number}\\ndata: {text}\\n\\n"`.',
        ),
        solution=RESUME,
        wrong={
            "the last one again": Wrong(
                RESUME.replace("number > seen", "number >= seen"), "come the ids 1, 2, 3; missed are 2, 3"
            ),
            "no empty line": Wrong(RESUME.replace("\\n\\n", "\\n"), "an event has no end"),
            "from nought": Wrong(
                RESUME.replace("enumerate(history, 1)", "enumerate(history)"), "come the ids 1, 2; missed"
            ),
            "a number is expected": Wrong(
                RESUME.replace("    except ValueError:\n        seen = 0\n", "").replace(
                    "    try:\n        seen", "    seen"
                ),
                "raises ValueError",
            ),
            "always there": Wrong(RESUME.replace("int(last_event_id or 0)", "int(last_event_id)"), "raises TypeError"),
            "no id": Wrong(RESUME.replace("id: {number}\\n", ""), "come the ids none"),
            "one text": Wrong(
                'def resume(history, last_event_id):\n    return "".join(history)\n', "a generator of texts"
            ),
            "the wrong text": Wrong(RESUME.replace("{text}", "{history[0]}"), "do not belong to their ids"),
        },
        check=check_resume,
    ),
]
