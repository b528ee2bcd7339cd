"""Lesson 04: let nothing out that is not public, find bugs that no checker finds, commit or roll back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from helpers.exercises.attempt import NotYet, quoted, serving
from helpers.exercises.exercise import Exercise, Wrong

PRICED = """\
PRICED = {
    1: {"title": "Emma", "pages": 474, "bought_for": 3.5},
    3: {"title": "Sanditon", "bought_for": 2.0},
}
public_app = FastAPI()
"""

PUBLIC = (
    """\
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel


class Page(BaseModel):
    title: str
    pages: int


"""
    + PRICED
    + """

@public_app.get("/books/{number}")
def read_book(number: int) -> Page:
    if number not in PRICED:
        raise HTTPException(404, "no such book")
    return PRICED[number]
"""
)

BY_HAND = (
    "from fastapi import FastAPI, HTTPException\n"
    + PRICED
    + """

@public_app.get("/books/{number}")
def read_book(number: int):
    if number not in PRICED:
        raise HTTPException(404, "no such book")
    return {name: PRICED[number].get(name) for name in ("title", "pages")}
"""
)


def check_public(app: Any) -> str:
    if type(app).__name__ != "FastAPI":
        raise NotYet(f"This check asks a FastAPI app; it was given a {type(app).__name__}.")
    from helpers.exchange import ask as ask_any

    with serving(app) as ask:
        there, away = ask("GET", "/books/1"), ask("GET", "/books/99")
        (unfinished,) = ask_any(ask.server, "GET", "/books/3", timeout=5)  # its exception is what is asked for
    typed = is_typed(app)
    if there.status == 404:
        raise NotYet(f"GET `/books/1` answers 404 with `{quoted(there)}`: is there a route `/books/{{number}}`?")
    if "bought_for" in there.text:
        why = "a response of your own goes past the return type" if typed else "what leaves is nobody's business here"
        raise NotYet(f"GET `/books/1` answers `{quoted(there)}`, with what the book was bought for: {why}.")
    if there.status != 200 or "json" not in there.headers.get("content-type", ""):
        raise NotYet(f"GET `/books/1` answers {there.status} with `{quoted(there)}`; asked for is 200 with JSON.")
    if there.json() != {"title": "Emma", "pages": 474}:
        raise NotYet(f"GET `/books/1` answers `{quoted(there)}`; asked for are its title and its pages.")
    if away.status != 404:
        raise NotYet(f"There is no book 99, and GET `/books/99` answers {away.status}: `raise HTTPException(404)`.")
    if unfinished.ok:
        why = "your type allows that" if typed else "nobody looks at what leaves; a return type does"
        raise NotYet(f"Book 3 has no pages, and GET `/books/3` answers `{quoted(unfinished)}`: {why}.")
    if unfinished.status != 500:
        raise NotYet(f"GET `/books/3` answers {unfinished.status}; nobody asked wrongly, so it is a 500.")
    if "KeyError" in str(unfinished.failure and unfinished.failure.exception.__class__.__name__):
        raise NotYet("Book 3 ends in a KeyError of your own code. Let the return type look at the answer instead.")
    return "The type says what may leave: the rest is cut off, and what does not fit stays inside."


def is_typed(app: Any) -> bool:
    """Whether the app's document says what a book looks like."""
    for path, operations in app.openapi()["paths"].items():
        if path.startswith("/books/{"):
            content = operations.get("get", {}).get("responses", {}).get("200", {}).get("content", {})
            return bool(content.get("application/json", {}).get("schema"))
    return False


FINDS = """\
def finds(client):
    first = client.post("/loans/1").status_code
    again = client.post("/loans/1").status_code
    other = client.post("/loans/2").status_code
    client.delete("/loans/1")
    then = client.post("/loans/1").status_code
    still = client.post("/loans/2").status_code
    return [first, again, other, then, still] != [201, 409, 201, 201, 409]
"""

# How an app takes the loans: whether it lends a book, and what it does when one comes back.
Lend = Callable[[set[int], int], bool]
Back = Callable[[set[int], int], None]


def lend(lent: set[int], number: int) -> bool:
    free = number not in lent
    lent.add(number)
    return free


def lend_always(lent: set[int], number: int) -> bool:
    lent.add(number)
    return True


def lend_one(lent: set[int], number: int) -> bool:
    free = not lent
    lent.add(number)
    return free


def keep(lent: set[int], number: int) -> None:
    """Forgets that the book came back."""


APPS: list[tuple[str, bool, Lend, Back]] = [
    ("An app without a bug", False, lend, set.discard),
    ("An app that lends a lent book", True, lend_always, set.discard),
    ("An app that forgets what came back", True, lend, keep),
    ("An app in which one loan blocks all books", True, lend_one, set.discard),
    ("An app in which one return frees all books", True, lend, lambda lent, number: lent.clear()),
]


def check_finds(finds: Any) -> str:
    if not callable(finds):
        raise NotYet(f"Hand over the function `finds` itself; this is a {type(finds).__name__}.")
    for what, buggy, lends, back in APPS:
        for kind, client in (("Flask", in_flask(lends, back)), ("FastAPI", in_fastapi(lends, back))):
            said = finds(client)
            if not isinstance(said, bool):
                raise NotYet(f"Your function returns `{said!r}`: give back True or False.")
            if said is not buggy:
                raise NotYet(f"{what}, in {kind}, and your function says {said}{HELP[buggy]}")
    return "Five apps in two frameworks, and one test for all: no type is wrong in any of them."


HELP = {
    True: ": which story would show it? Lend, lend again, give back, and a second book beside the first.",
    False: ": 201 for a loan, 409 while it lasts, 201 again after it came back, each book by itself.",
}


def in_flask(lends: Lend, back: Back) -> Any:
    from flask import Flask

    app, lent = Flask("loans"), set[int]()

    @app.post("/loans/<int:number>")
    def add(number: int) -> tuple[dict[str, int], int]:
        return {"book": number}, 201 if lends(lent, number) else 409

    @app.delete("/loans/<int:number>")
    def end(number: int) -> tuple[str, int]:
        back(lent, number)
        return "", 204

    return app.test_client()


def in_fastapi(lends: Lend, back: Back) -> Any:
    from fastapi import FastAPI, HTTPException
    from fastapi.testclient import TestClient

    app, lent = FastAPI(), set[int]()

    @app.post("/loans/{number}", status_code=201)
    async def add(number: int) -> dict[str, int]:
        if not lends(lent, number):
            raise HTTPException(409)
        return {"book": number}

    @app.delete("/loans/{number}", status_code=204)
    async def end(number: int) -> None:
        back(lent, number)

    return TestClient(app)


INSTALL = """\
from flask import g


def install(app, connect):
    @app.before_request
    def begin():
        g.connection = connect()

    @app.after_request
    def settle(response):
        if response.status_code < 400:
            g.connection.commit()
        else:
            g.connection.rollback()
        return response

    @app.teardown_request
    def end(error):
        g.connection.close()
"""

IN_TEARDOWN = """\
from flask import g


def install(app, connect):
    @app.before_request
    def begin():
        g.connection = connect()

    @app.teardown_request
    def end(error):
        if error is None:
            g.connection.commit()
        else:
            g.connection.rollback()
        g.connection.close()
"""


class Connection:
    """Keeps what is done to it."""

    def __init__(self, made: list[Connection]) -> None:
        self.calls: list[str] = []
        made.append(self)

    def commit(self) -> None:
        self.calls.append("commit")

    def rollback(self) -> None:
        self.calls.append("rollback")

    def close(self) -> None:
        self.calls.append("close")


STORIES = {  # the path, and what is done to its connection
    "/good": ["commit", "close"],
    "/conflict": ["rollback", "close"],
    "/refused": ["rollback", "close"],
    "/boom": ["rollback", "close"],
}


def check_install(install: Any) -> str:
    if not callable(install):
        raise NotYet(f"Hand over the function `install` itself; this is a {type(install).__name__}.")
    made: list[Connection] = []
    app = practice()
    install(app, lambda: Connection(made))
    client = app.test_client()
    done = {}
    for path in STORIES:
        made.clear()
        status = client.get(path).status_code
        if not made:
            raise NotYet(f"GET `{path}` has no connection: call `connect()` before each request, in `install`.")
        if len(made) > 1:
            raise NotYet(f"GET `{path}` opens {len(made)} connections; one a request is enough.")
        calls = done[path] = made[0].calls
        if "close" not in calls:
            raise NotYet(f"GET `{path}` ends with {status}, and its connection is never closed.")
        if calls.index("close") < len(calls) - 1:
            raise NotYet(f"GET `{path}` closes first, and then does {calls[calls.index('close') + 1]}.")
    if all("commit" in calls for calls in done.values()):
        raise NotYet("It commits whatever happens, after a 409 and a 500, too: look at the status.")
    for path, wanted in STORIES.items():
        if done[path] != wanted:
            what = " and ".join(done[path][:-1]) or "neither commit nor rollback"
            raise NotYet(f"GET `{path}`: {what}; asked for is {wanted[0]}{ABOUT.get(path, '')}")
    return "Good work stays and failed work goes, by the one thing that knows: the status of the answer."


ABOUT = {
    "/conflict": ". It ends by `abort(409)`; a teardown does not hear of that.",
    "/refused": ". It *returns* a 422 and raises nothing, so only the response knows.",
    "/boom": ". Its exception becomes a 500.",
}


def practice() -> Any:
    """An app whose four ways to end are STORIES; its connection must be there while the view runs."""
    import logging

    from flask import Flask, abort, g

    app = Flask("practice")
    logging.getLogger("practice").addHandler(logging.NullHandler())
    logging.getLogger("practice").propagate = False

    @app.get("/good")
    def good() -> dict[str, bool]:
        return {"there": bool(g.connection)}

    @app.get("/conflict")
    def conflict() -> dict[str, bool]:
        abort(409)

    @app.get("/refused")
    def refused() -> tuple[dict[str, str], int]:
        return {"error": "no price"}, 422

    @app.get("/boom")
    def boom() -> dict[str, bool]:
        raise KeyError("shelf")

    return app


EXERCISES = [
    Exercise(
        id="4.1",
        title="nothing out that is not public",
        also="Also right: `response_model=Page` in the decorator. Then mypy no longer compares it with the function.",
        answer=("public_app",),
        hints=(
            "Two things leave: which model has just these two fields?",
            "A Pydantic model with `title: str` and `pages: int` behind `->` filters, and refuses book 3.",
            'A book that is not there is yours to tell: `raise HTTPException(404, "no such book")`.',
        ),
        solution=PUBLIC,
        wrong={
            "no return type": Wrong(PUBLIC.replace(" -> Page", ""), "what leaves is nobody's business here"),
            "by hand": Wrong(BY_HAND, "nobody looks at what leaves"),
            "pages may be missing": Wrong(
                PUBLIC.replace("pages: int", "pages: int | None = None"), "your type allows that"
            ),
            "a response of its own": Wrong(
                PUBLIC.replace("return PRICED", "return JSONResponse(PRICED")
                .replace("[number]\n", "[number])\n")
                .replace("import BaseModel", "import BaseModel\nfrom fastapi.responses import JSONResponse"),
                "goes past the return type",
            ),
            "by hand, with brackets": Wrong(BY_HAND.replace(".get(name)", "[name]"), "a KeyError of your own code"),
            "no 404": Wrong(
                PUBLIC.replace(
                    '    if number not in PRICED:\n        raise HTTPException(404, "no such book")\n', ""
                ).replace("PRICED[number]", "PRICED.get(number, PRICED[1])"),
                "There is no book 99",
            ),
            "titles alone": Wrong(PUBLIC.replace("    pages: int\n", ""), "asked for are its title and its pages"),
        },
        check=check_public,
    ),
    Exercise(
        id="4.2",
        title="the bugs that no checker finds",
        also="Also right: a comparison after each step. Longer, and it says which step failed.",
        answer=("finds",),
        hints=(
            "Write the story down: lend, lend again, give back, lend. Which status belongs to each step?",
            '`client.post("/loans/1").status_code` is 201 for a free book and 409 for a lent one, in both frameworks.',
            "Let a second book be lent from the middle of the story to its end: its loan must neither stop the first "
            "nor end with it.",
        ),
        solution=FINDS,
        wrong={
            "one loan": Wrong(
                'def finds(client):\n    return client.post("/loans/1").status_code != 201\n',
                "An app that lends a lent book",
            ),
            "never gives back": Wrong(
                'def finds(client):\n    one, two = client.post("/loans/1"), client.post("/loans/1")\n'
                "    return [one.status_code, two.status_code] != [201, 409]\n",
                "An app that forgets what came back",
            ),
            "one book": Wrong(
                FINDS.replace('"/loans/2"', '"/loans/1"').replace(
                    "[201, 409, 201, 201, 409]", "[201, 409, 409, 201, 409]"
                ),
                "An app in which one loan blocks all books",
            ),
            "the second is forgotten": Wrong(
                FINDS.replace(", still]", "]").replace(", 201, 409]", ", 201]"),
                "An app in which one return frees all books",
            ),
            "always": Wrong("def finds(client):\n    return True\n", "An app without a bug"),
            "a list": Wrong(FINDS.replace(" != [201, 409, 201, 201, 409]", ""), "give back True or False"),
            "as JSON": Wrong(
                FINDS.replace("first = client", "first = client.get('/loans').json\n    first = client").replace(
                    "return [", "return first.json() and ["
                ),
                "Your code raises AttributeError",
            ),
        },
        check=check_finds,
    ),
    Exercise(
        id="4.3",
        title="commit, or roll back",
        also="Also right: a context manager around the view, as a decorator. It has to be written above each view.",
        answer=("install",),
        hints=(
            "Three moments: before the request, after it, and when all is over, whatever happened.",
            "`@app.before_request`, `@app.after_request` (gets the response, returns it), `@app.teardown_request`.",
            "In `after_request`, `response.status_code < 400` decides; the teardown closes and decides nothing.",
        ),
        solution=INSTALL,
        wrong={
            "in the teardown": Wrong(IN_TEARDOWN, "GET `/conflict`: commit"),
            "always committed": Wrong(
                INSTALL.replace("if response.status_code < 400:", "if True:"), "It commits whatever happens"
            ),
            "never closed": Wrong(INSTALL.replace("g.connection.close()", "pass"), "is never closed"),
            "closed first": Wrong(
                INSTALL.replace(
                    "    def settle(response):\n", "    def settle(response):\n        g.connection.close()\n"
                ),
                "closes first",
            ),
            "one for all": Wrong(
                INSTALL.replace(
                    "    @app.before_request", "    shared = connect()\n\n    @app.before_request", 1
                ).replace("g.connection = connect()", "g.connection = shared"),
                "has no connection",
            ),
            "no rollback": Wrong(
                INSTALL.replace("g.connection.rollback()", "pass"),
                "neither commit nor rollback; asked for",
            ),
            "exceptions alone": Wrong(
                INSTALL.replace("if response.status_code < 400:", "if response.status_code not in (409, 500):"),
                "It *returns* a 422",
            ),
        },
        check=check_install,
    ),
]
