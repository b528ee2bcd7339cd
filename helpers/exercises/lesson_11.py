"""Lesson 11: the capstone in FastAPI and in Flask, a store to repair, a document that lies."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from helpers.contract import RULES, Review, Store, over, review
from helpers.contract.example import source
from helpers.contract.reviewing import refuse_apps
from helpers.errors import LessonError
from helpers.exercises.attempt import NotStarted, NotYet, serving
from helpers.exercises.exercise import Exercise, Wrong

# 11.1 and 11.2


def check_fastapi(attempt: Any) -> str:
    return _all_kept(attempt, "FastAPI", "fastapi")


def check_flask(attempt: Any) -> str:
    return _all_kept(attempt, "Flask", "flask")


def _all_kept(make_app: Any, framework: str, package: str) -> str:
    name = f"make_{package}"
    refuse_apps(make_app)
    app = make_app()
    if app is not None and package not in {base.__module__.partition(".")[0] for base in type(app).__mro__}:
        raise NotYet(f"{name}() returns an object of type {type(app).__name__}, no app of {framework}.")
    if app is None or not any("todos" in path for path in _paths(app)):
        raise NotStarted(f"{name}() has no route for /todos yet: begin with rule 1, and POST.")
    _refuse_if_broken(review(make_app, stop_first=True))
    return f"All twenty rules are kept, in {framework}."


def _refuse_if_broken(found: Review) -> None:
    """Raises NotYet with the number and the sentence of the first broken rule."""
    if found.first is None:
        return
    before = f"Rules 1 to {found.first - 1} are kept. " if found.first > 1 else ""
    raise NotYet(f"{before}Rule {found.first}, {RULES[found.first].name}: {found.broken[found.first]}")


def _paths(app: Any) -> list[str]:
    if hasattr(app, "url_map"):
        return [rule.rule for rule in app.url_map.iter_rules()]
    return [*app.openapi()["paths"]]


FASTAPI, FLASK = source("fastapi"), source("flask")

# 11.3

SHELF = """\
from helpers.contract import Store


class Shelf:
    def __init__(self):
        self.store = Store()

    def add(self, todo, key=None):
        return self.store.add(todo, key)

    def get(self, id):
        return self.store.get(id)

    def page(self, after=0, limit=20, done=None):
        return self.store.page(after, limit, done)

    def change(self, id, changes, version=None):
        return self.store.change(id, changes, version)

    def remove(self, id):
        return self.store.remove(id)
"""

BUGS = {
    7: (
        "        return self.store.remove(id)\n",
        "        self.store.remove(id)\n        return True\n",
    ),
    12: (
        "        return self.store.page(after, limit, done)\n",
        "        rows, total = self.store.page(0, 1000, done)\n"
        "        start = [row['id'] for row in rows].index(after) + 1 if after else 0\n"
        "        return rows[start : start + limit], total\n",
    ),
    16: (
        "        return self.store.change(id, changes, version)\n",
        "        row = self.store.get(id)\n"
        "        if row is None or version not in (None, row['version']):\n"
        "            return None\n"
        "        return self.store.change(id, changes)\n",
    ),
    18: (
        "        return self.store.add(todo, key)\n",
        "        keys = self.__dict__.setdefault('keys', {})\n"
        "        if key in keys:\n"
        "            same = todo.items() <= keys[key].todo.items()\n"
        "            return keys[key]._replace(made=False, same=same)\n"
        "        added = self.store.add(todo)\n"
        "        if key is not None:\n"
        "            keys[key] = added\n"
        "        return added\n",
    ),
}


def check_shelf(attempt: Any) -> str:
    if not isinstance(attempt, type) and not callable(attempt):
        raise NotYet("Hand over the class Shelf itself, not a shelf made from it.")
    make_app = over(attempt)
    if _untouched(attempt):
        raise NotStarted("All four mistakes are still in it: run `review(over(Shelf))` and begin with the first.")
    _refuse_if_broken(review(make_app, stop_first=True))
    return "All twenty rules are kept: each job is one step of the store, which is told what was read before."


def _untouched(shelf: Any) -> bool:
    """Whether a class has the methods of the shelf that was handed out, step by step."""
    namespace: dict[str, Any] = {}
    exec(compile(AS_GIVEN, "<as given>", "exec", dont_inherit=True), namespace)

    def steps(kind: Any) -> dict[str, Any]:
        codes = {name: getattr(method, "__code__", None) for name, method in vars(kind).items()}
        return {name: (code.co_code, code.co_names) for name, code in codes.items() if code}

    return isinstance(shelf, type) and steps(shelf) == steps(namespace["Shelf"])


# 11.4


def lying() -> Any:
    """The series' own app in FastAPI, with a document that promises what the app does not do, in two places."""
    app = over(Store)()
    honest = app.openapi

    def openapi() -> Any:
        document = json.loads(json.dumps(honest()))
        schemas = document["components"]["schemas"]
        schemas["Sent"]["properties"]["title"]["maxLength"] = 255
        for parameter in document["paths"]["/todos"]["get"]["parameters"]:
            if parameter["name"] == "limit":
                parameter["schema"]["maximum"] = 1000
        return document

    app.openapi = openapi
    return app


LIE = """\
lie = ("GET", "/todos?limit=500", None)
"""


def check_lie(attempt: Any) -> str:
    if not isinstance(attempt, tuple) or len(attempt) != 3:
        raise NotYet('Hand over one request as a tuple of three: ("POST", "/todos", {"title": "milk"}).')
    method, path, body = attempt
    if ... in attempt:
        raise NotStarted("Put a method, a path, and a body or None in place of the dots.")
    if not isinstance(method, str) or not isinstance(path, str):
        raise NotYet('The method and the path are texts: ("GET", "/todos", None).')
    with serving(lying(), "the app") as ask:
        document = ask("GET", "/openapi.json").json()
        if trouble := _forbidden(document, method.upper(), path, body):
            raise NotYet(f"The document forbids this request, too: {trouble}. A lie is a request that it allows.")
        answer = ask(method, path, **({} if body is None else {"json": body}))
    if answer.status is not None and answer.status < 400:
        raise NotYet(f"{method} {path} is allowed by the document and answered with {answer.status}: here it is true.")
    if answer.status != 422:
        why = "as the document says of what is not there" if answer.status == 404 else "which is no word about its form"
        raise NotYet(f"{method} {path} came back {answer.status}, {why}: find one that is refused with 422.")
    return f"The document allows {method} {path} with this, and the app refuses it with 422. Anybody can run that."


def _forbidden(document: dict[str, Any], method: str, path: str, body: Any) -> str:
    """Why the document does not allow a request; empty where it does."""
    from openapi_schema_validator import OAS31Validator

    parts = urlsplit(path)
    for pattern, operations in document["paths"].items():
        named_parts = re.sub(r"\{([^}]*)\}", r"(?P<\1>[^/]+)", pattern)
        if (place := re.fullmatch(named_parts, parts.path)) and method.lower() in operations:
            operation = operations[method.lower()]
            break
    else:
        return f"it has no {method} {parts.path}"

    def trouble(schema: Any, value: Any) -> str:
        whole = {**schema, "components": document["components"]}
        return next((error.message for error in OAS31Validator(whole).iter_errors(value)), "")

    if "requestBody" in operation:
        if found := trouble(operation["requestBody"]["content"]["application/json"]["schema"], body):
            return found
    elif body is not None:
        return f"it has no body for {method} {parts.path}"
    named = {each["name"]: each["schema"] for each in operation.get("parameters", [])}
    for name, text in (*place.groupdict().items(), *parse_qsl(parts.query, keep_blank_values=True)):
        if name not in named:
            return f"it has no parameter {name}"
        if found := trouble(named[name], _read(text)):
            return found
    return ""


def _read(text: str) -> Any:
    """A parameter's value as JSON reads it, such as 5 or true; any other text as it is."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _broken(text: str, old: str, new: str) -> str:
    if old not in text:
        raise LessonError(f"The series' own app has changed: {old!r} is not in it.")
    return text.replace(old, new)


def _by_offset(text: str) -> str:
    """The Flask app, with `after` as an offset into the list."""
    text = _broken(text, "todos.page(asked.after, asked.limit + 1, asked.done)", "todos.page(0, 1000, asked.done)")
    text = _broken(
        text, "        items = [", "        rows = rows[asked.after : asked.after + asked.limit + 1]\n        items = ["
    )
    return _broken(text, "after={items[-1]['id']}", "after={asked.after + asked.limit}")


def _with(*rules: int) -> str:
    """The shelf with the mistakes that break these rules."""
    text = SHELF
    for rule in rules:
        text = _broken(text, *BUGS[rule])
    return text


AS_GIVEN = _with(*BUGS)  # as the notebook hands it out

EXERCISES = [
    Exercise(
        id="11.1",
        title="the contract, in FastAPI",
        also="Also right: `async def` with a store that awaits, an `APIRouter`, models that inherit from one.",
        answer=("make_fastapi",),
        hints=(
            'Begin with rule 1 alone: `review(make_fastapi, rules=[1])`. A model with `ConfigDict(extra="forbid")`.',
            "Rule 6 wants two handlers: for `RequestValidationError`, and for *Starlette's* `HTTPException`.",
            '`fields`: `{str(each["loc"][-1]): each["msg"] for each in error.errors()}`.',
            "A header or a status: take `response: Response`, and set `response.headers[...]`, `response.status_code`.",
            "PATCH: `sent.model_dump(exclude_unset=True)`; hand the version that you read to `todos.change`.",
            'Statuses are named in `responses={404: {"model": Refusal}}`; that is all that rule 19 wants.',
        ),
        solution=FASTAPI,
        wrong={
            "converts": Wrong(
                _broken(FASTAPI, "Done = Annotated[bool, Field(strict=True)]", "Done = bool"),
                "Rule 4, types: POST /todos",
            ),
            "its own errors only": Wrong(
                _broken(FASTAPI, "@app.exception_handler(AnyHTTPException)", "@app.exception_handler(HTTPException)"),
                "Rule 6, refusals: GET /nowhere",
            ),
            "resets": Wrong(_broken(FASTAPI, "exclude_unset=True", ""), "Rule 8, PATCH: PATCH /todos/1"),
            "another framework": Wrong(
                FLASK.replace("make_flask", "make_fastapi"), "an object of type APIFlask, no app of FastAPI"
            ),
            "an app": Wrong(f"{FASTAPI}\nmake_fastapi = make_fastapi()\n", "Hand over the function that makes the app"),
        },
        check=check_fastapi,
        seconds=90,
    ),
    Exercise(
        id="11.2",
        title="the contract, in Flask",
        also="Also right: flask-smorest, or bare Flask with Pydantic and a document of your own by hand.",
        answer=("make_flask",),
        hints=(
            "Begin with rule 1 alone: `review(make_flask, rules=[1])`. `@app.input(Sent)` takes a Pydantic model.",
            "Rule 6: `@app.error_processor` gets every refusal, APIFlask's own and `abort`'s.",
            '`refused.detail` of a 422 is `{"json": {"title": ["..."]}}`; the processor returns body, status, headers.',
            "A view returns `body, status, headers` too: there go `ETag` and `Location`.",
            "PATCH: `sent.model_dump(exclude_unset=True)`; hand the version that you read to `todos.change`.",
            "Statuses are named in `@app.doc(responses=[404, 412, 428])`; that is all that rule 19 wants.",
        ),
        solution=FLASK,
        wrong={
            "ignores": Wrong(_broken(FLASK, 'extra="forbid"', 'extra="ignore"'), "Rule 5, unknown fields: POST /todos"),
            "an offset": Wrong(
                _by_offset(FLASK),
                "Rule 12, leafing: GET /todos?limit=2",
            ),
            "no version": Wrong(_broken(FLASK, ', row["version"])', ")"), "Rule 16, twelve at once: 12 × PATCH"),
            "another framework": Wrong(
                FASTAPI.replace("make_fastapi", "make_flask"), "an object of type FastAPI, no app of Flask"
            ),
        },
        check=check_flask,
        seconds=90,
    ),
    Exercise(
        id="11.3",
        title="repair a store",
        also="Also right: a lock of your own around read and write, as long as there is one process.",
        answer=("Shelf",),
        hints=(
            "`review(over(Shelf))` names a rule, a request and what came. Which method had that request's work?",
            "Rules 16 and 18 break where a method looks first and writes later: in between, anybody may come.",
            "`self.store.change` takes a version and `self.store.add` takes a key: let the store do it in one step.",
        ),
        solution=SHELF,
        wrong={
            "removes nothing": Wrong(_with(7), "Rule 7, absent: DELETE"),
            "looks places up": Wrong(_with(12), "Rule 12, leafing: GET"),
            "looks, then changes": Wrong(_with(16), "Rule 16, twelve at once: 12"),
            "looks, then adds": Wrong(_with(18), "Rule 18, ten at once: 10"),
            "a shelf": Wrong(f"{SHELF}\n\nShelf = Shelf()\n", "Hand over the class Shelf itself"),
        },
        check=check_shelf,
        seconds=90,
    ),
    Exercise(
        id="11.4",
        title="catch a document lying",
        also='Also right: `("POST", "/todos", {"title": "x" * 200})`, the other place. And a title of blanks: '
        "that lie is in every document, as a schema does not say that blanks are cut off.",
        answer=("lie",),
        hints=(
            "The contract's numbers stand in the document too: compare them, one after another.",
            "Look at `maxLength` in `components`, and at `maximum` among the parameters of `GET /todos`.",
        ),
        solution=LIE,
        wrong={
            "the truth": Wrong('lie = ("GET", "/todos?limit=50", None)\n', "here it is true"),
            "forbidden": Wrong('lie = ("GET", "/todos?limit=5000", None)\n', "The document forbids this request, too"),
            "not there": Wrong('lie = ("GET", "/todos/4711", None)\n', "as the document says of what is not there"),
            "no tuple": Wrong('lie = "/todos?limit=500"\n', "one request as a tuple of three"),
        },
        check=check_lie,
    ),
]
