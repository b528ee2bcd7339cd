"""Lesson 01: a greeting without a framework, once in WSGI and once in ASGI."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from helpers.errors import LessonError
from helpers.exercises.attempt import NotYet, quoted, serving
from helpers.exercises.exercise import Exercise, Wrong

WSGI = """\
import json
from urllib.parse import parse_qs


def greet_wsgi(environ, start_response):
    name = parse_qs(environ["QUERY_STRING"])["name"][0]
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({"hello": name}).encode()]
"""

ASGI = """\
import json
from urllib.parse import parse_qs


async def greet_asgi(scope, receive, send):
    if scope["type"] != "http":
        return
    name = parse_qs(scope["query_string"].decode())["name"][0]
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps({"hello": name}).encode()})
"""


def check_wsgi(app: Callable[..., Any]) -> str:
    if inspect.iscoroutinefunction(app):
        raise NotYet("This is an `async def`: a WSGI server calls the app and never awaits it. Make it a plain `def`.")
    called = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> None:
        called.append(status)
        if not isinstance(headers, list) or not all(isinstance(pair, tuple) and len(pair) == 2 for pair in headers):
            raise NotYet('The headers are a list of pairs: `[("Content-Type", "application/json")]`.')

    body = app({"REQUEST_METHOD": "GET", "PATH_INFO": "/", "QUERY_STRING": "name=Ada"}, start_response)
    if isinstance(body, str | dict):
        raise NotYet(f"Your app returns a {type(body).__name__}; WSGI wants a list of bytes: `[text.encode()]`.")
    if isinstance(body, bytes):
        raise NotYet(
            "Your app returns bytes; WSGI wants them in a list, or each single byte becomes a piece of its own."
        )
    pieces = list(body)
    if not called:
        raise NotYet("Your app never calls `start_response`, so the server has no status and no headers to send.")
    if not all(isinstance(piece, bytes) for piece in pieces):
        raise NotYet("There is text in your list: the network carries bytes, so call `.encode()` on it.")
    greets(app)
    return "A complete web app, and no framework in sight. Everything Flask does ends in these two arguments."


def check_asgi(app: Callable[..., Any]) -> str:
    if not inspect.iscoroutinefunction(app):
        raise NotYet("This is a plain `def`: an ASGI server awaits what it calls, so it has to be `async def`.")
    sent: list[dict[str, Any]] = []
    lifespan = iter(({"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}))

    async def receive() -> dict[str, Any]:
        return next(lifespan)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    with suppress(Exception):  # to refuse a scope by raising is as good as to return
        step(app({"type": "lifespan"}, receive, send))
    if not all(str(message.get("type")).startswith("lifespan.") for message in sent):
        raise NotYet("Your app answers a `lifespan` scope as if it were a request: return unless the type is `http`.")
    sent.clear()
    scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"name=Ada", "headers": []}
    try:
        step(app(scope, receive, send))
    except KeyError as error:
        if error.args == ("name",):
            raise NotYet('`parse_qs` of bytes has bytes for keys: `scope["query_string"].decode()` first.') from None
        raise
    if not sent:
        raise NotYet("Nothing was sent: is there an `await` before each `send(...)`?")
    kinds = [message.get("type") for message in sent]
    if kinds != ["http.response.start", "http.response.body"]:
        raise NotYet(f"A response is two messages, `http.response.start`, then `http.response.body`; yours: {kinds}.")
    if not all(isinstance(part, bytes) for pair in sent[0].get("headers", []) for part in pair):
        raise NotYet('There is text in your headers: in ASGI they are pairs of bytes, `(b"content-type", b"...")`.')
    if not isinstance(sent[1].get("body"), bytes):
        raise NotYet("The `body` of your second message is no bytes: call `.encode()` on the JSON text.")
    greets(app)
    return "Two messages for one answer. A chat would send more of them, and that is all that streaming is."


def step(called: Any) -> None:
    """Run a coroutine that has nothing to wait for."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of a `send` that nobody awaits; the check says it better
        try:
            called.send(None)
        except StopIteration:
            return
    called.close()
    raise NotYet("Your app waits for something before it answers; everything it needs is in the scope already.")


def greets(app: Callable[..., Any]) -> None:
    """Ask the app over the network, with names that show what it does to them."""
    with serving(app) as ask:
        for name in ("Ada", "Grace Hopper", "Zoë & Co"):
            answer = ask("GET", "/", params={"name": name})
            if answer.status != 200:
                raise NotYet(f"For the name {name} your app answers with status {answer.status}, not 200.")
            if not (sent_as := answer.headers.get("content-type", "nothing")).startswith("application/json"):
                raise NotYet(f"The content type is {sent_as}: say `application/json`, or no client parses the body.")
            try:
                said = answer.json()
            except LessonError:
                raise NotYet(f"`{quoted(answer, 80)}` is no JSON: let `json.dumps` write it.") from None
            if said == {"hello": [name]}:
                raise NotYet("`parse_qs` gives a list for each name, as a query may repeat it: take its `[0]`.")
            if said == {"hello": "Ada"} != {"hello": name}:
                raise NotYet("Your app greets Ada whoever asks: take the name from the query.")
            if said != {"hello": name}:
                raise NotYet(f'For the name {name} you answer `{quoted(answer)}`: `parse_qs` undoes the "+" and "%".')


EXERCISES = [
    Exercise(
        id="1.1",
        title="an app without a framework",
        also=(
            "Also right: a generator that yields the bytes. It can begin before it knows the end, but nothing "
            "tells the client how long the answer is."
        ),
        answer=("greet_wsgi",),
        hints=(
            "Three steps: read the name from `environ`, call `start_response`, return the body.",
            '`urllib.parse.parse_qs(environ["QUERY_STRING"])` gives a dict of lists: `{"name": ["Ada"]}`.',
            "The body is a list with one piece of bytes: `[json.dumps(...).encode()]`.",
        ),
        solution=WSGI,
        wrong={
            "text instead of bytes": Wrong(WSGI.replace(".encode()]", "]"), "There is text in your list"),
            "a dict, as in Flask": Wrong(
                WSGI.replace('[json.dumps({"hello": name}).encode()]', '{"hello": name}'),
                "Your app returns a dict",
            ),
            "no start_response": Wrong(
                WSGI.replace('    start_response("200 OK", [("Content-Type", "application/json")])\n', ""),
                "never calls `start_response`",
            ),
            "no content type": Wrong(
                WSGI.replace('[("Content-Type", "application/json")]', "[]"),
                "The content type is nothing",
            ),
            "the query cut by hand": Wrong(
                WSGI.replace('parse_qs(environ["QUERY_STRING"])["name"][0]', 'environ["QUERY_STRING"].split("=")[1]'),
                "For the name Grace Hopper you answer",
            ),
            "a list for a name": Wrong(WSGI.replace('["name"][0]', '["name"]'), "gives a list for each name"),
            "headers as a dict": Wrong(
                WSGI.replace('[("Content-Type", "application/json")]', '{"Content-Type": "application/json"}'),
                "The headers are a list of pairs",
            ),
            "no json.dumps": Wrong(
                WSGI.replace('json.dumps({"hello": name})', 'str({"hello": name})'), "let `json.dumps` write it"
            ),
            "always Ada": Wrong(WSGI.replace('{"hello": name}', '{"hello": "Ada"}'), "greets Ada whoever asks"),
            "async": Wrong(WSGI.replace("def greet", "async def greet"), "This is an `async def`"),
        },
        check=check_wsgi,
    ),
    Exercise(
        id="1.2",
        title="the same, in ASGI",
        also=(
            "A server takes the body in pieces too, each but the last with `more_body`: such an answer streams, for "
            "one more `await` a piece."
        ),
        answer=("greet_asgi",),
        hints=(
            'First `if scope["type"] != "http": return`, then read the name, then send twice.',
            '`scope["query_string"]` is bytes; `.decode()` makes it the text that `parse_qs` wants.',
            'First send `{"type": "http.response.start", "status": 200, "headers": [...]}` with the headers in bytes, '
            'then `{"type": "http.response.body", "body": ...}`.',
        ),
        solution=ASGI,
        wrong={
            "plain def": Wrong(ASGI.replace("async def", "def").replace("await ", ""), "This is a plain `def`"),
            "answers every scope": Wrong(
                ASGI.replace('    if scope["type"] != "http":\n        return\n', "").replace(
                    'scope["query_string"]', 'scope.get("query_string", b"name=x")'
                ),
                "answers a `lifespan` scope",
            ),
            "no body": Wrong(ASGI[: ASGI.rindex("    await send")], "A response is two messages"),
            "send without await": Wrong(ASGI.replace("    await send", "    send"), "Nothing was sent"),
            "text headers": Wrong(ASGI.replace('b"content-type"', '"content-type"'), "There is text in your headers"),
            "query not decoded": Wrong(ASGI.replace(".decode())", ")"), "has bytes for keys"),
            "a text body": Wrong(ASGI.replace("}).encode()", "})"), "The `body` of your second message is no bytes"),
            "bytes as a name": Wrong(
                ASGI.replace('parse_qs(scope["query_string"].decode())["name"][0]', 'str(scope["query_string"])'),
                "For the name Ada you answer",
            ),
            "sent as text": Wrong(ASGI.replace("application/json", "text/plain"), "The content type is text/plain"),
        },
        check=check_asgi,
    ),
]
