"""Lesson 03: document a 404, give a Flask app docs that follow its code, catch a document that lies."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from helpers.exercises.attempt import NotYet, quoted, serving
from helpers.exercises.exercise import Exercise, Wrong

if TYPE_CHECKING:
    from flask import Flask

    from helpers.exchange import Answer

LIBRARY = """\
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel


class Loan(BaseModel):
    title: str
    days: int


library = FastAPI()


@library.get("/loans/{number}", responses={404: {"description": "no such loan"}})
def read_loan(number: int) -> Loan:
    if number != 1:
        raise HTTPException(404, "no such loan")
    return Loan(title="Emma", days=14)
"""


LOAN = {"title": "Emma", "days": 14}


def check_library(app: Any) -> str:
    if type(app).__name__ != "FastAPI":
        raise NotYet(f"This check asks a FastAPI app; it was given a {type(app).__name__}.")
    with serving(app) as ask:
        there, away, document = ask("GET", "/loans/1"), ask("GET", "/loans/99"), document_of(ask)
    listed = [*document["paths"]]
    operation = next((document["paths"][path].get("get") for path in listed if path.startswith("/loans/{")), None)
    if there.status == 404 and operation is None:
        raise NotYet("There is no route for GET `/loans/1`: compare the path in the decorator.")
    if there.status != 200 or as_json(there) != LOAN:
        raise NotYet(
            f"GET `/loans/1` answers {there.status} with `{quoted(there)}`; asked for are 200 and `{json.dumps(LOAN)}`."
        )
    if away.status == 200 and '"status_code":404' in away.text:
        raise NotYet(
            "GET `/loans/99` answers 200: you `return` the HTTPException, and only `raise` makes it the answer."
        )
    if away.status == 200 and "404" in away.text:
        raise NotYet(
            f"GET `/loans/99` answers 200 with `{quoted(away)}`: a tuple with the status is Flask's way. "
            "In FastAPI you `raise HTTPException(404, ...)`."
        )
    if away.status != 404:
        raise NotYet(
            f"There is no loan 99, and GET `/loans/99` answers {away.status} with `{quoted(away)}`: "
            "a promise in the document does not change what the code does."
        )
    if operation is None:
        raise NotYet(f"The route answers, and the document does not list it; it has {listed or 'no path at all'}.")
    if "404" not in operation["responses"]:
        told = ", ".join(operation["responses"])
        raise NotYet(f"The app answers 404, and the document lists only {told}: look at `responses=`.")
    fields = sorted(fields_of(document, content_of(operation["responses"].get("200", {}))))
    if fields != ["days", "title"]:
        has = f"has the fields {fields}" if fields else "has no fields"
        raise NotYet(f"The 404 is documented; the 200 {has} there: what does the function say that it returns?")
    return "The app answers 200 and 404, and the document says so: the 200 from the type, the 404 from your line."


ORDERS = """\
from apiflask import APIFlask
from pydantic import BaseModel


class Order(BaseModel):
    title: str
    copies: int


orders = APIFlask("orders")


@orders.post("/orders")
@orders.input(Order)
@orders.output(Order, status_code=201)
def add_order(json_data):
    return json_data
"""

SMOREST_ORDERS = """\
from flask import Flask
from flask_smorest import Api, Blueprint
from marshmallow import Schema, fields


class OrderSchema(Schema):
    title = fields.String(required=True)
    copies = fields.Integer(required=True)


orders = Flask("orders")
orders.config.update(API_TITLE="Orders", API_VERSION="1", OPENAPI_VERSION="3.1.0")
orders.config.update(OPENAPI_URL_PREFIX="/", OPENAPI_JSON_PATH="openapi.json")
shop = Blueprint("shop", "shop")


@shop.post("/orders")
@shop.arguments(OrderSchema)
@shop.response(201, OrderSchema)
def add_order(order):
    return order


Api(orders).register_blueprint(shop)
"""

PLAIN_ORDERS = """\
from flask import Flask, request

orders = Flask("orders")


@orders.post("/orders")
def add_order():
    return request.get_json(), 201
"""


def check_orders(app: Any) -> str:
    if not hasattr(app, "wsgi_app"):
        raise NotYet(f"This check asks a Flask app, from an extension or not; it was given a {type(app).__name__}.")
    good, bad = {"title": "Emma", "copies": 2}, {"title": "Emma", "copies": "many"}
    with serving(app) as ask:
        document = document_of(ask)
        taken, refused = ask("POST", "/orders", json=good), ask("POST", "/orders", json=bad)
        unfinished = ask("POST", "/orders", json={"title": "Emma"})
    operation = document["paths"].get("/orders", {}).get("post")
    if operation is None:
        raise NotYet(
            f"The document lists {[*document['paths']] or 'no path'}, not POST `/orders`. "
            "APIFlask lists routes of the app itself, flask-smorest only those of its own Blueprint."
        )
    if refused.status != 422:
        raise NotYet(
            f'`"copies": "many"` is answered with {refused.status}, not 422: '
            "a decorator under the route has to say which body it takes."
        )
    promised = fields_of(document, content_of(operation.get("requestBody", {})))
    kinds = {name: field.get("type") for name, field in promised.items()}
    if kinds != {"title": "string", "copies": "integer"}:
        raise NotYet(f"The document describes the body as {kinds}; asked for are a text `title` and whole `copies`.")
    if unfinished.status != 422:
        raise NotYet(f"An order without `copies` is answered with {unfinished.status}: both fields are required.")
    if taken.status != 201 or as_json(taken) != good:
        raise NotYet(
            f"A good order is answered with {taken.status} and `{taken.text.strip()[:120]}`; "
            "asked for are 201 and the order itself, from the decorator for the output."
        )
    answered = operation["responses"].get("201")
    if answered is None or fields_of(document, content_of(answered)).keys() != good.keys():
        told = ", ".join(operation["responses"])
        raise NotYet(
            f"The app answers 201 with the order, and the document, which lists {told}, does not say so: "
            "the decorator for the output takes the schema and the status."
        )
    return "One schema checks the order and writes the document. The next rename happens in one place."


def document_of(ask: Callable[..., Answer]) -> dict[str, Any]:
    """The app's OpenAPI document; `NotYet` where there is none at /openapi.json."""
    answer = ask("GET", "/openapi.json")
    document: dict[str, Any] = as_json(answer)
    if answer.status != 200 or "paths" not in document:
        raise NotYet(f"There is no OpenAPI document at `/openapi.json`: it answers {answer.status}.")
    return document


def as_json(answer: Answer) -> Any:
    return answer.json() if "json" in answer.headers.get("content-type", "") else {}


def content_of(part: dict[str, Any]) -> dict[str, Any]:
    """The schema of a requestBody or of a response; empty where it has none."""
    schema: dict[str, Any] = part.get("content", {}).get("application/json", {}).get("schema", {})
    return schema


def fields_of(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """``{"title": {"type": "string"}}`` of a schema that may stand elsewhere in the document, or be one of several."""
    found: dict[str, dict[str, Any]] = {}
    for part in schema.get("anyOf", [schema]):
        name = part.get("$ref", "").split("/")[-1]
        found |= (document["components"]["schemas"][name] if name else part).get("properties", {})
    return found


DRIFTED = """\
from helpers import ask

EXAMPLES = {"string": "some text", "number": 1.5, "integer": 1, "boolean": True}


def drifted(schema, server):
    body = {name: EXAMPLES[field["type"]] for name, field in schema["properties"].items()}
    return not ask(server, "POST", "/books", json=body)[0].ok
"""

KINDS = {"string": (str,), "number": (float, int), "integer": (int,), "boolean": (bool,)}

# Whether the document is true, the fields that it describes, and those that the code takes.
CASES: list[tuple[str, dict[str, str], dict[str, str]]] = [
    ("The document is true", {"title": "string", "price": "number"}, {"title": "string", "price": "number"}),
    ("The code has renamed `title`", {"title": "string", "price": "number"}, {"name": "string", "price": "number"}),
    ("The code takes `pages` as a text now", {"pages": "integer"}, {"pages": "string"}),
    ("The document is true", {"pages": "integer", "lent": "boolean"}, {"pages": "integer", "lent": "boolean"}),
]


def check_drifted(drifted: Callable[[dict[str, Any], Any], Any]) -> str:
    from helpers.servers import serve

    for case, promised, taken in CASES:
        app, bodies = practice(taken)
        schema = {
            "type": "object",
            "required": [*promised],
            "properties": {name: {"type": kind} for name, kind in promised.items()},
        }
        server = serve(app, name="practice")
        try:
            said = drifted(schema, server)
        finally:
            server.stop()
        look_at(said, bodies, promised)
        if said is not (promised != taken):
            raise NotYet(f"{case}, and your function says {said}: you sent the right body, so look at what you return.")
    return "Four servers, four right answers: you asked the app itself whether its document is true."


def practice(taken: dict[str, str]) -> tuple[Flask, list[Any]]:
    """An app whose POST /books takes fields of these types, and the list of the bodies that it is sent."""
    from flask import Flask, request

    app, bodies = Flask("practice"), []

    @app.post("/books")
    def add() -> tuple[Any, int]:
        body = request.get_json(silent=True)
        bodies.append(body)
        fits = isinstance(body, dict) and all(type(body.get(name)) in KINDS[kind] for name, kind in taken.items())
        return (body, 201) if fits else ({"wanted": taken}, 422)

    return app, bodies


def look_at(said: object, bodies: list[Any], promised: dict[str, str]) -> None:
    """Complain about an answer that is no bool, and about a last body that is not the promised one."""
    if said is None:
        raise NotYet("Your function returns None: give back True or False.")
    if not isinstance(said, bool):
        raise NotYet(f"Your function returns `{said!r}`, which is neither True nor False: compare it with something.")
    if not bodies:
        raise NotYet("Nothing was posted to `/books`: a document cannot say whether it is true, the app can.")
    body = bodies[-1]
    if not isinstance(body, dict) or set(body) != set(promised):
        raise NotYet(f"The document names {sorted(promised)} and you sent `{body}`: take the names from the schema.")
    for name, kind in promised.items():
        if type(body[name]) not in KINDS[kind]:
            raise NotYet(f"The document says that `{name}` is {kind}, and you sent `{body[name]!r}`: look at its type.")


EXERCISES = [
    Exercise(
        id="3.1",
        title="a 404 in the document",
        also=(
            "Also right: `JSONResponse({...}, 404)` in the place of the exception. No handler can change it any "
            "more, and the function keeps going by itself."
        ),
        answer=("library",),
        hints=(
            "Three things to do: describe the loan by its type, raise what is missing, and announce what you raise.",
            "A model with two fields after `->` fills in the 200; `raise HTTPException(404, ...)` makes the 404.",
            'What you raise goes into the decorator too: `responses={404: {"description": "no such loan"}}`.',
        ),
        solution=LIBRARY,
        wrong={
            "raised, not announced": Wrong(
                LIBRARY.replace(', responses={404: {"description": "no such loan"}}', ""),
                "the document lists only 200, 422",
            ),
            "announced, not raised": Wrong(
                LIBRARY.replace(
                    '        raise HTTPException(404, "no such loan")', '        return Loan(title="", days=0)'
                ),
                "a promise in the document does not change what the code does",
            ),
            "a tuple, as in Flask": Wrong(
                LIBRARY.replace(
                    'raise HTTPException(404, "no such loan")', 'return {"detail": "no such loan"}, 404'
                ).replace(" -> Loan", ""),
                "a tuple with the status is Flask's way",
            ),
            "returned, not raised": Wrong(
                LIBRARY.replace("raise HTTPException", "return HTTPException").replace(" -> Loan", ""),
                "you `return` the HTTPException",
            ),
            "a list of loans": Wrong(
                LIBRARY.replace(" -> Loan:", ":")
                .replace("return Loan(title", "return [Loan(title")
                .replace("14)", "14)]"),
                'answers 200 with `[{"title":"Emma","days":14}]`; asked for are 200 and',
            ),
            "no return type": Wrong(
                LIBRARY.replace(" -> Loan", ""),
                "The 404 is documented; the 200 has no fields",
            ),
            "hidden": Wrong(
                LIBRARY.replace("responses=", "include_in_schema=False, responses="),
                "the document does not list it",
            ),
            "another path": Wrong(
                LIBRARY.replace('"/loans/{number}"', '"/loan/{number}"'),
                "There is no route for GET `/loans/1`",
            ),
            "a dict that has no 99": Wrong(
                LIBRARY.replace('raise HTTPException(404, "no such loan")', "return {1: 14}[number]"),
                "GET /loans/99 raised KeyError: 99",
            ),
        },
        check=check_library,
    ),
    Exercise(
        id="3.2",
        title="a Flask app with a document",
        also=(
            "Also right: flask-smorest with a marshmallow schema. More settings at the start; blueprints bring "
            "their documents along."
        ),
        answer=("orders",),
        hints=(
            "Write the fields down once: a Pydantic model for APIFlask, a marshmallow schema for flask-smorest.",
            "APIFlask: `@orders.input(Order)` checks and documents the body, `@orders.output(...)` the answer. "
            "flask-smorest: a Blueprint with `@shop.arguments(...)` and `@shop.response(...)`.",
            "The route's own decorator stands on top. The status belongs to the output: "
            "`@orders.output(Order, status_code=201)`; the checked body arrives as `json_data`.",
        ),
        solution=ORDERS,
        wrong={
            "bare Flask": Wrong(
                PLAIN_ORDERS,
                "no OpenAPI document at `/openapi.json`: it answers 404",
            ),
            "no input": Wrong(
                ORDERS.replace("@orders.input(Order)\n", "")
                .replace("json_data):", "):")
                .replace("return json_data", 'return {"title": "Emma", "copies": 2}'),
                '`"copies": "many"` is answered with 201, not 422',
            ),
            "no status": Wrong(
                ORDERS.replace(", status_code=201", ""),
                "A good order is answered with 200",
            ),
            "the status beside the order": Wrong(
                ORDERS.replace(", status_code=201", "").replace("return json_data", "return json_data, 201"),
                "the document, which lists 200, 422, does not say so",
            ),
            "copies may be left out": Wrong(
                ORDERS.replace("copies: int", "copies: int = 1"),
                "An order without `copies` is answered with 201",
            ),
            "copies is a fraction": Wrong(
                ORDERS.replace("copies: int", "copies: float"),
                "describes the body as {'copies': 'number', 'title': 'string'}",
            ),
            "flask-smorest without its Blueprint": Wrong(
                SMOREST_ORDERS.replace('@shop.post("/orders")', '@orders.post("/orders")'),
                "flask-smorest only those of its own Blueprint",
            ),
            "FastAPI": Wrong(
                "from fastapi import FastAPI\n\norders = FastAPI()\norders.post('/orders')(lambda: {'title': ''})\n",
                "it was given a FastAPI",
            ),
        },
        check=check_orders,
    ),
    Exercise(
        id="3.3",
        title="catch the document that lies",
        also=(
            "Also right: compare `status` with 201. It is stricter than `.ok`, and wrong the day the API answers 200."
        ),
        answer=("drifted",),
        hints=(
            "A true document describes a body that the app takes. So build that body, send it, and look at the status.",
            'Each field has a `"type"`: keep one example for each of the four types in a dict, and build the body from '
            '`schema["properties"]`.',
            '`ask(server, "POST", "/books", json=body)[0].ok` is True for 201; drifted is the opposite.',
        ),
        solution=DRIFTED,
        wrong={
            "the names by heart": Wrong(
                DRIFTED.replace("json=body", 'json={"title": "Emma", "price": 9.5}'),
                "The document names ['pages'] and you sent",
            ),
            "everything is a text": Wrong(
                DRIFTED.replace('EXAMPLES[field["type"]]', '"some text"'),
                "`price` is number, and you sent `'some text'`",
            ),
            "the other way round": Wrong(
                DRIFTED.replace("return not ask", "return ask"),
                "so look at what you return",
            ),
            "the status itself": Wrong(
                DRIFTED.replace("return not ask", "return ask").replace("[0].ok", "[0].status"),
                "returns `201`, which is neither True nor False",
            ),
            "the document only": Wrong(
                "def drifted(schema, server):\n    return 'title' not in schema['properties']\n",
                "Nothing was posted to `/books`",
            ),
            "printed": Wrong(
                DRIFTED.replace("return not ask(server", "print(ask(server").replace("[0].ok", "[0].ok)"),
                "Your function returns None",
            ),
        },
        check=check_drifted,
    ),
]
