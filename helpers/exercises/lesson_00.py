"""Lesson 00: two small exercises, to meet `check`, `hint` and `solution`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from helpers.exercises.attempt import NotYet, is_blank, quoted, serving
from helpers.exercises.exercise import Exercise, Wrong

if TYPE_CHECKING:
    from helpers.exchange import Exchange

PING = """\
from fastapi import FastAPI
from flask import Flask

ping_flask = Flask("ping")
ping_fastapi = FastAPI()


@ping_flask.get("/ping")
def flask_ping():
    return {"ping": "pong"}


@ping_fastapi.get("/ping")
def fastapi_ping():
    return {"ping": "pong"}
"""


def check_ping(attempt: Any) -> str:
    kinds = [type(app).__name__ for app in attempt] if isinstance(attempt, tuple | list) else type(attempt).__name__
    if kinds != ["Flask", "FastAPI"]:
        raise NotYet(f"Hand over the Flask app, then the FastAPI app; this check was given {kinds}.")
    for label, app in zip(kinds, attempt, strict=True):
        if is_blank(app):
            raise NotYet(f"One app is done; {label} has no route of its own yet.")
        with serving(app, label) as ask:
            answer = ask("GET", "/ping")
        if answer.status == 404:
            raise NotYet(f"{label} knows no `/ping`: it answers 404. Compare the path in its decorator, slash and all.")
        if answer.status == 405:
            raise NotYet(f"{label} has a `/ping`, but not for GET: it allows {answer.headers.get('allow', 'others')}.")
        if 300 <= (answer.status or 0) < 400:
            raise NotYet(f"{label} redirects `/ping` to `/ping/`: drop the slash at the end of the path.")
        if answer.status != 200:
            raise NotYet(f"{label} answers GET `/ping` with status {answer.status}, not 200: {quoted(answer, 200)}")
        if "json" not in (sent_as := answer.headers.get("content-type", "nothing in particular")):
            raise NotYet(f"{label} answers `{quoted(answer)}` as {sent_as}, which is no JSON: return a dict instead.")
        if answer.json() != {"ping": "pong"}:
            raise NotYet(f'{label} answers `{answer.text.strip()[:200]}` where `{{"ping": "pong"}}` is asked for.')
    return "Both apps answered a real GET request with the same JSON. Every check works like this: it asks your app."


ANSWERED = """\
def who_answered(exchange):
    return [answer.server for answer in exchange if answer.status == 200]
"""


def check_who_answered(who_answered: Callable[[Exchange], Any]) -> str:
    from fastapi import FastAPI
    from flask import Flask

    from helpers.exchange import ask
    from helpers.servers import serve

    def here() -> dict[str, bool]:
        return {"here": True}

    flask_app, fastapi_app = Flask("practice"), FastAPI()
    flask_app.get("/both")(here)
    flask_app.get("/flask")(here)
    fastapi_app.get("/both")(here)
    servers = [serve(app, name=f"practice {type(app).__name__}") for app in (flask_app, fastapi_app)]
    try:
        compare(who_answered, ask(servers, "GET", "/both"))
        compare(who_answered, ask(servers, "GET", "/flask"))
        servers[0].stop()
        compare(who_answered, ask(servers, "GET", "/both"))
    finally:
        for server in servers:
            server.stop()
    return "Three real exchanges, three right lists: all well, a 404, and a server that was switched off."


def compare(who_answered: Callable[[Exchange], Any], exchange: Exchange) -> None:
    names = who_answered(exchange)
    if names is None:
        raise NotYet("Your function returns None: does it `print` what it should `return`?")
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        kind = type(names[0] if isinstance(names, list) else names).__name__
        raise NotYet(f"Your function gives back {kind} where names are asked for: put `answer.server` into a list.")
    for answer in exchange:
        if answer.status == 200 and answer.server not in names:
            wanted = "its status is the number 200" if not names else f"your list names only {', '.join(names)}"
            raise NotYet(f"{answer.server} answered, and it is missing: {wanted}.")
        if answer.status is None and answer.server in names:
            raise NotYet(f"{answer.server} is in your list although it was switched off and gave no answer at all.")
        if answer.status != 200 and answer.server in names:
            raise NotYet(
                f"{answer.server} is in your list with status {answer.status}: an answer, but not the one asked for."
            )


EXERCISES = [
    Exercise(
        id="0.1",
        title="two pings",
        also=(
            'Also right: in Flask `jsonify(ping="pong")`, a response whose headers you can still change; the '
            "dict is shorter."
        ),
        answer=("ping_flask", "ping_fastapi"),
        hints=(
            "Both frameworks have the same shape here: a decorator with the path, above a function that returns.",
            'The decorators are `@ping_flask.get("/ping")` and `@ping_fastapi.get("/ping")`.',
            'Each function needs one line, `return {"ping": "pong"}`: both frameworks turn a dict into JSON.',
        ),
        solution=PING,
        wrong={
            "one app only": Wrong(
                PING[: PING.index("\n\n@ping_fastapi")],
                "FastAPI has no route of its own yet",
            ),
            "another path": Wrong(
                PING.replace('_flask.get("/ping")', '_flask.get("/pong")'),
                "Flask knows no `/ping`",
            ),
            "a slash at the end": Wrong(
                PING.replace('_flask.get("/ping")', '_flask.get("/ping/")'),
                "Flask redirects `/ping` to `/ping/`",
            ),
            "POST only": Wrong(
                PING.replace("ping_fastapi.get", "ping_fastapi.post"),
                "FastAPI has a `/ping`, but not for GET: it allows POST",
            ),
            "text, not JSON": Wrong(
                PING.replace('{"ping": "pong"}', '"pong"'),
                "Flask answers `pong` as text/html",
            ),
            "key and value swapped": Wrong(
                PING.replace('{"ping": "pong"}', '{"pong": "ping"}'),
                'Flask answers `{"pong":"ping"}` where',
            ),
            "pong without quotes": Wrong(
                PING.replace('"pong"}', "pong}"),
                "NameError: name 'pong' is not defined (in flask_ping(), line 10: return {\"ping\": pong})",
            ),
        },
        check=check_ping,
    ),
    Exercise(
        id="0.2",
        title="who answered",
        also="Also right: a loop with `append`. It takes more lines, and has room for a second condition.",
        answer=("who_answered",),
        hints=(
            "An exchange is a row of answers: `for answer in exchange` takes them one by one.",
            "Each answer has a `.server`, a name, and a `.status`, a number, or None where no answer came.",
            "Keep the names where `answer.status == 200`; a list comprehension says that in one line.",
        ),
        solution=ANSWERED,
        wrong={
            "everybody asked": Wrong(
                ANSWERED.replace(" if answer.status == 200", ""),
                "practice FastAPI is in your list with status 404",
            ),
            "a set": Wrong(
                ANSWERED.replace("[answer", "{answer").replace("200]", "200}"),
                "gives back set where names are asked for",
            ),
            "a status of None counts": Wrong(
                ANSWERED.replace("== 200", "!= 404"),
                "practice Flask is in your list although it was switched off",
            ),
            "status compared with text": Wrong(
                ANSWERED.replace("== 200", '== "200"'),
                "practice Flask answered, and it is missing: its status is the number 200",
            ),
            "the first only": Wrong(
                ANSWERED.replace("200]", "200][:1]"),
                "practice FastAPI answered, and it is missing: your list names only practice Flask",
            ),
            "answers, not names": Wrong(
                ANSWERED.replace("answer.server for", "answer for"),
                "gives back Answer where names are asked for",
            ),
            "printed": Wrong(
                ANSWERED.replace("return [answer.server", "print([answer.server").replace("200]", "200])"),
                "returns None: does it `print`",
            ),
            "None compared with a number": Wrong(
                ANSWERED.replace("== 200", "< 400"),
                "TypeError: '<' not supported between instances of 'NoneType' and 'int'",
            ),
        },
        check=check_who_answered,
    ),
]
