"""Lesson 06: share a client, size threads and connections, keep what arrives in time."""

from __future__ import annotations

import asyncio
import inspect
import itertools
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil
from numbers import Real
from typing import TYPE_CHECKING, Any

from helpers.exercises.attempt import NotStarted, NotYet, is_blank
from helpers.exercises.exercise import Exercise, Wrong

if TYPE_CHECKING:
    from helpers.servers import Server

SHOP = """\
from contextlib import asynccontextmanager

import httpx
from fastapi import FastAPI, Request


def shop(url):
    @asynccontextmanager
    async def lifespan(app):
        async with httpx.AsyncClient(base_url=url) as client:
            yield {"client": client}

    app = FastAPI(lifespan=lifespan)

    @app.get("/offer")
    async def offer(request: Request):
        return (await request.state.client.get("/price")).json()

    return app
"""

SHOP_IN_FLASK = """\
import httpx
from flask import Flask


def shop(url):
    app = Flask("shop")
    client = httpx.Client(base_url=url)

    @app.get("/offer")
    def offer():
        return client.get("/price").json()

    return app
"""

AT_ONCE = 10  # people in a burst


class PriceApi:
    """An ASGI app that answers each request with another price, and knows over which connections they came."""

    def __init__(self, seconds: float = 0.05) -> None:
        self.seconds = seconds
        self.paths: list[str] = []
        self.connections: set[object] = set()
        self.active = self.peak = 0
        self.price = 0

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            raise RuntimeError("this API speaks HTTP alone")
        self.paths.append(scope["path"])
        self.connections.add(scope["client"])
        self.active += 1
        self.peak = max(self.peak, self.active)
        await asyncio.sleep(self.seconds)
        self.active -= 1
        self.price += 1
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps({"price": self.price}).encode()})


def check_shop(make: Any) -> str:
    from helpers.servers import serve

    if not inspect.isroutine(make):  # an app can be called too
        raise NotYet(f"Hand over the function `shop` itself; this is a {type(make).__name__}.")
    api = PriceApi()
    other = serve(api, name="check price api")
    try:
        app = make(other.url)
        if app is None:
            raise NotYet("`shop(url)` returns None: end it with `return app`.")
        if is_blank(app):
            raise NotStarted("The app has no route yet: it needs GET `/offer`.")
        server = serve(app, name="check your app")
        try:
            for _ in range(2):
                ask_for_offer(server, api)
            return crowd_shop(server, api)
        finally:
            server.stop()
    finally:
        other.stop()


def ask_for_offer(server: Server, api: PriceApi) -> None:
    """One request: the offer is what the API says now."""
    from helpers.exchange import ask

    before = len(api.paths)
    (answer,) = ask(server, "GET", "/offer", timeout=5)
    if answer.failure and "vars() argument" in str(answer.failure.exception):  # FastAPI made no JSON of it
        raise NotYet("`/offer` returns the client's response itself: return what is in it, with `.json()`.")
    if answer.failure:
        raise NotYet(f"Inside your app, {answer.failure}.")
    if answer.error or answer.status != 200:
        raise NotYet(f"GET `/offer` gets no good answer: {answer.error or answer.status}.")
    if "/price" not in api.paths:
        raise NotYet(f"`/offer` answers, and nobody asked `/price` of the API, only {api.paths or 'nothing'}.")
    told = answer.text.strip()
    if len(api.paths) == before:
        raise NotYet(f"`/offer` repeats `{told[:80]}`, and nobody asked the API this time; its price has changed.")
    if as_json(told) != {"price": api.price}:
        raise NotYet(f'The API said `{{"price": {api.price}}}`, and `/offer` says `{told[:80]}`.')


def crowd_shop(server: Server, api: PriceApi) -> str:
    """Two bursts: all get an answer, side by side, over connections that are used again."""
    from helpers.client import burst
    from helpers.timeline import watch
    from helpers.timeline.requests import length, union

    api.peak, asked = 0, len(api.paths)
    with watch(server) as timeline:
        bursts = [burst(server, "/offer", AT_ONCE, timeout=5) for _ in range(2)]
    asked = len(api.paths) - asked
    missing = 2 * AT_ONCE - sum(one.statuses[200] for one in bursts)
    if missing:
        failures = f": {list(server.errors)[-1]}" if server.errors else ""
        raise NotYet(f"With {AT_ONCE} people at once, {missing} of {2 * AT_ONCE} get no answer{failures}.")
    held = length(union(span.when for request in timeline.requests for span in request.blocking))
    if api.peak < AT_ONCE / 2 and held > AT_ONCE * api.seconds:  # half of what all requests waited
        raise NotYet(
            f"{AT_ONCE} people stand in line: the call holds the event loop while it waits. "
            "In `async def` use a client that you can await, or write `def`."
        )
    if api.peak < AT_ONCE / 2:
        raise NotYet(f"Of {AT_ONCE} people at once, only {api.peak} got through to the API: something lets in so few.")
    if len(api.connections) > 1.5 * AT_ONCE:
        raise NotYet(
            f"Over {len(api.connections)} connections came {asked + 2} requests: each makes a client of its own, "
            "where one client could keep its connections for the next."
        )
    last = max(one.durations_ms[-1] for one in bursts)
    return (
        f"{2 * AT_ONCE} people shared {len(api.connections)} connections; the last had an answer after {last:.0f} ms."
    )


def as_json(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return None


SIZE = """\
from math import ceil


def size(people, wait, target):
    rounds = target // wait
    if rounds == 0:
        return None
    at_once = ceil(people / rounds)
    return at_once, at_once
"""

CASES = [(60, 50, 200), (60, 50, 120), (20, 50, 50), (10, 80, 50), (100, 30, 100), (7, 10, 1000)]


def two_numbers(call: str, found: Any) -> tuple[int, int]:
    """What the learner's function returned, as (threads, connections)."""
    if not isinstance(found, tuple | list) or len(found) != 2:
        raise NotYet(f"`{call}` returns {found!r}; asked for are two numbers, (threads, connections).")
    if any(isinstance(number, bool) or not isinstance(number, Real) for number in found):
        raise NotYet(f"`{call}` returns {found!r}; asked for are two numbers, (threads, connections).")
    if any(number % 1 for number in found):
        raise NotYet(f"`{call}` returns {found!r}: half a thread there is not; make both whole numbers.")
    return int(found[0]), int(found[1])


def check_size(size: Any) -> str:
    if not callable(size):
        raise NotYet(f"Hand over the function `size` itself; this is a {type(size).__name__}.")
    for people, wait, target in CASES:
        call = f"size({people}, {wait}, {target})"
        try:
            found = size(people, wait, target)
        except ZeroDivisionError:
            raise NotYet(f"`{call}` divides by zero: where one query alone takes too long, return None.") from None
        rounds = target // wait
        if rounds == 0:
            if found is not None:
                raise NotYet(f"`{call}` returns {found}, and one query alone takes too long: no number helps, so None.")
            continue
        if found is None:
            raise NotYet(f"`{call}` returns None, and it can be done.")
        found = threads, connections = two_numbers(call, found)
        if min(found) < 1:
            raise NotYet(f"`{call}` returns {found}: with less than one, nobody is served.")
        needed, least = ceil(people / min(found)), ceil(people / rounds)
        if needed > rounds:
            raise NotYet(
                f"`{call}` returns {found}. {min(found)} at a time make {needed} rounds of {wait} ms, "
                f"that is {needed * wait} ms: a round that has begun counts in full."
            )
        if threads > connections:
            raise NotYet(
                f"`{call}` returns {found}: {threads - connections} of these threads can only wait for a connection."
            )
        if connections > threads:
            raise NotYet(f"`{call}` returns {found}: {connections - threads} of these connections lie idle.")
        if threads > least:
            raise NotYet(f"`{call}` returns {found}: that is in time, and {least} of each would be too.")
    threads, connections = map(int, size(24, 50, 190))
    last = live_run(24, threads, connections)
    return (
        f"All {len(CASES)} cases are right. In a run with 24 people and a target of 190 ms, {threads} of each took "
        f"{last:.0f} ms: {ceil(24 / threads) * 50} ms of waiting, and some work. Leave room for the work."
    )


def live_run(people: int, threads: int, connections: int) -> float:
    """Milliseconds until the last of `people` has an answer from a real app, whose query takes 50 ms."""
    from flask import Flask
    from psycopg_pool import ConnectionPool

    from helpers.client import burst
    from helpers.servers import postgres, serve

    with ConnectionPool(postgres().url, min_size=connections, open=True) as pool:
        pool.wait(5)
        app = Flask("sized")

        @app.get("/rows")
        def rows() -> dict[str, bool]:
            with pool.connection() as connection:
                connection.execute("select pg_sleep(0.05)")
            return {"served": True}

        server = serve(app, name="check sized", threads=threads)
        try:
            return burst(server, "/rows", people).seconds * 1000
        finally:
            server.stop()


OFFERS = """\
import asyncio

import httpx


async def offers(urls, seconds):
    async with httpx.AsyncClient() as client:
        calls = {asyncio.create_task(client.get(url)): url for url in urls}
        done, late = await asyncio.wait(calls, timeout=seconds)
        for call in late:
            call.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        return {calls[call]: call.result().json() for call in done}
"""

SLOW, DEADLINE, AMPLE = 4.0, 0.6, 3.0  # seconds


@contextmanager
def slow_api() -> Iterator[Any]:
    """An upstream API beside the one that the lesson has."""
    from helpers.processes import Child
    from helpers.servers.upstream import Upstream

    child = Child("helpers.servers.upstream_child", "0", "0.05", "0", "0", timeout=10)
    api = Upstream(child, child.ask())
    try:
        yield api
    finally:
        api.stop()


def check_offers(offers: Any) -> str:
    if not callable(offers):
        raise NotYet(f"Hand over the function `offers` itself; this is a {type(offers).__name__}.")
    with slow_api() as api:
        numbers = itertools.count(1)

        def urls(*latencies: float) -> list[str]:
            return [f"{api.url}/offer/{next(numbers)}?latency={latency}" for latency in latencies]

        asked = urls(0.2, 0.25, 0.3)
        found, seconds, _ = timed(offers, asked, AMPLE)
        if api.requests == 0:
            raise NotYet("Nobody asked the API: call each of `urls`.")
        if api.peak == 1:
            raise NotYet("The calls are made one after another; start all of them, then wait.")
        complain_about(found, asked)
        if seconds > 0.9 * AMPLE:
            raise NotYet(
                f"All answers were there after 0.3 s, and it returned after {seconds:.1f} s: stop when all have come."
            )
        api.reset()
        asked = urls(0.02, 0.04, SLOW)
        try:
            found, seconds, left = timed(offers, asked, DEADLINE, stay=0.3)
        except (Exception, asyncio.CancelledError) as error:
            kind = type(error).__name__
            if "Timeout" not in kind and not isinstance(error, asyncio.CancelledError):
                raise
            raise NotYet(
                f"Two of three answers came in time, and `offers` ends in a {kind}: what had come is lost."
            ) from None
        if seconds > SLOW / 2:
            raise NotYet(f"With {DEADLINE} seconds allowed, it took {seconds:.1f}: it waits for the slowest.")
        complain_about(found, asked[:2])
        if left or api.active:
            raise NotYet("It returns in time, but the slow call goes on behind its back: cancel what is late.")
        return (
            f"Three answers in one go, and with a slow one two of them after {seconds:.2f} s; "
            f"the API saw {api.abandoned} call given up."
        )


def timed(offers: Any, urls: list[str], seconds: float, stay: float = 0) -> tuple[object, float, bool]:
    """What `offers` returns, after how long, and whether a task of it goes on.

    All goes on for `stay` seconds, in which a call that was given up can end.
    """
    start = time.perf_counter()
    found = offers(urls, seconds)  # beside any loop, as a `def` may run one of its own
    took = time.perf_counter() - start
    if not inspect.isawaitable(found):
        time.sleep(stay)
        return found, took, False

    async def wait() -> tuple[object, float, bool]:
        answer = await found
        took = time.perf_counter() - start
        others = asyncio.all_tasks() - {asyncio.current_task()}
        left = any(not task.done() and not task.cancelling() for task in others)
        await asyncio.sleep(stay)
        return answer, took, left

    return asyncio.run(wait())


def complain_about(found: object, wanted: list[str]) -> None:
    """Raise NotYet unless `found` has just the answers of `wanted`."""
    if not isinstance(found, dict):
        raise NotYet(f"`offers` returns a {type(found).__name__}; asked for is a dict, `{{url: JSON}}`.")
    if missing := [url for url in wanted if url not in found]:
        raise NotYet(
            f"{len(missing)} of the {len(wanted)} answers that came in time are not in the dict: what had come?"
        )
    if more := [url for url in found if url not in wanted]:
        raise NotYet(f"The dict has {len(more)} more than the answers that came in time, such as {more[0]!r}.")
    if not all(isinstance(answer, dict) and "waited_ms" in answer for answer in found.values()):
        raise NotYet("The dict holds something else than the JSON of the answers: call `.json()` on each.")


EXERCISES = [
    Exercise(
        id="6.1",
        title="A client that is shared",
        also=(
            "Also right: Flask with an `httpx.Client`, or `requests.Session`, beside the app. No lifespan to "
            "write; a thread for each who waits."
        ),
        answer=("shop",),
        hints=(
            "Make one client when the app starts. In FastAPI the lifespan does it; in Flask a line beside the app.",
            "Look at `prices_app` above: `yield` hands the client to `request.state`.",
            "With `base_url=url`, the endpoint needs one line: `return (await request.state.client.get(...)).json()`.",
        ),
        solution=SHOP,
        wrong={
            "a blocking client in async def": Wrong(
                SHOP.replace("import httpx\n", "import requests\n")
                .replace("async with httpx.AsyncClient(base_url=url) as client", "with requests.Session() as client")
                .replace('(await request.state.client.get("/price"))', 'request.state.client.get(url + "/price")'),
                "holds the event loop",
            ),
            "a client for each request": Wrong(
                """\
import httpx
from fastapi import FastAPI


def shop(url):
    app = FastAPI()

    @app.get("/offer")
    async def offer():
        async with httpx.AsyncClient(base_url=url) as client:
            return (await client.get("/price")).json()

    return app
""",
                "each makes a client of its own",
            ),
            "one price for ever": Wrong(
                SHOP_IN_FLASK.replace(
                    '    @app.get("/offer")', '    price = client.get("/price").json()\n\n    @app.get("/offer")'
                ).replace('return client.get("/price").json()', "return price"),
                "this time",
            ),
            "a client with one connection": Wrong(
                SHOP.replace("base_url=url)", "base_url=url, limits=httpx.Limits(max_connections=1))"),
                "lets in so few",
            ),
            "no return": Wrong(SHOP.replace("    return app\n", ""), "end it with `return app`"),
        },
        check=check_shop,
    ),
    Exercise(
        id="6.2",
        title="Threads and connections for a target",
        also=(
            "Also right: a loop over 1, 2, 3 ... It is as good as the formula for numbers of this size, and "
            "easier to believe."
        ),
        answer=("size",),
        hints=(
            "A view holds a thread and a connection together. More of the one than of the other helps nobody.",
            "How many rounds of `wait` fit into `target`? Only whole rounds count: `target // wait`.",
            "All `people` must fit into these rounds: `math.ceil(people / rounds)` at a time. No round, no answer.",
        ),
        solution=SIZE,
        wrong={
            "people times wait by target": Wrong(
                SIZE.replace("ceil(people / rounds)", "ceil(people * wait / target)"), "a round that has begun"
            ),
            "a thread for everybody": Wrong(
                SIZE.replace("return at_once, at_once", "return people, at_once"), "can only wait for a connection"
            ),
            "everything for everybody": Wrong(
                SIZE.replace("return at_once, at_once", "return people, people"), "would be too"
            ),
            "never None": Wrong(SIZE.replace("return None", "return people, people"), "takes too long"),
            "one number": Wrong(SIZE.replace("return at_once, at_once", "return at_once"), "asked for are two numbers"),
        },
        check=check_size,
    ),
    Exercise(
        id="6.3",
        title="What arrives in time",
        also=(
            "Also right: a limit for each call with `asyncio.timeout`, or threads with "
            "`concurrent.futures.wait`. Threads cannot be given up, only left behind."
        ),
        answer=("offers",),
        hints=(
            "`asyncio.gather` gives all or nothing. `asyncio.wait(tasks, timeout=...)` gives two sets: done, and not.",
            "Make the tasks with `asyncio.create_task(client.get(url))`, and remember the url of each in a dict.",
            "`task.cancel()` gives a call up: the connection closes, the API sees it. `task.result()` is the answer.",
        ),
        solution=OFFERS,
        wrong={
            "one after another": Wrong(
                """\
import httpx


async def offers(urls, seconds):
    async with httpx.AsyncClient(timeout=seconds) as client:
        return {url: (await client.get(url)).json() for url in urls}
""",
                "one after another",
            ),
            "all or nothing": Wrong(
                """\
import asyncio

import httpx


async def offers(urls, seconds):
    async with httpx.AsyncClient() as client, asyncio.timeout(seconds):
        answers = await asyncio.gather(*[client.get(url) for url in urls])
        return {url: answer.json() for url, answer in zip(urls, answers, strict=True)}
""",
                "what had come is lost",
            ),
            "always the whole time": Wrong(
                """\
import asyncio

import httpx


async def offers(urls, seconds):
    async with httpx.AsyncClient() as client:
        calls = {asyncio.create_task(client.get(url)): url for url in urls}
        await asyncio.sleep(seconds)
        for call in calls:
            call.cancel()
        return {url: call.result().json() for call, url in calls.items() if call.done()}
""",
                "stop when all have come",
            ),
            "no deadline": Wrong(
                OFFERS.replace("timeout=seconds", "timeout=None").replace("AsyncClient()", "AsyncClient(timeout=None)"),
                "waits for the slowest",
            ),
            "late calls go on": Wrong(
                """\
import asyncio

import httpx


async def offers(urls, seconds):
    client = httpx.AsyncClient()
    calls = {asyncio.create_task(client.get(url)): url for url in urls}
    done, late = await asyncio.wait(calls, timeout=seconds)
    return {calls[call]: call.result().json() for call in done}
""",
                "behind its back",
            ),
            "a list": Wrong(
                OFFERS.replace(
                    "{calls[call]: call.result().json() for call in done}", "[call.result().json() for call in done]"
                ),
                "returns a list",
            ),
        },
        check=check_offers,
    ),
]
