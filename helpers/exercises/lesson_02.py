"""Lesson 02: strict but for dates, checks by hand, a refusal that does not repeat what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field

from helpers.exercises.attempt import NotYet, quoted, serving
from helpers.exercises.exercise import Exercise, Wrong

if TYPE_CHECKING:
    from helpers.exchange import Answer

DELIVERY = """\
from datetime import date
from typing import Annotated

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field


class Delivery(BaseModel):
    model_config = ConfigDict(strict=True)

    quantity: int
    due: Annotated[date, Field(strict=False)]


delivery_app = FastAPI()


@delivery_app.post("/deliveries")
def add_delivery(delivery: Delivery) -> Delivery:
    return delivery
"""


def check_delivery(delivery_app: Any) -> str:
    good = {"quantity": 3, "due": "2026-05-01"}
    with serving(delivery_app, "your app") as ask:
        answer = ask("POST", "/deliveries", json=good)
        if answer.status in (404, 405):
            raise NotYet("Your app knows no `POST /deliveries`: compare the decorator.")
        if answer.status == 422 and "due" in fields_named(answer):
            if "quantity" not in fields_named(ask("POST", "/deliveries", json={**good, "quantity": "3"})):
                raise NotYet("The exception is on the wrong field: it is `due` that needs it, not `quantity`.")
            raise NotYet(
                "A good delivery is refused: `2026-05-01` arrives as text, and strict mode wants a `date` object. "
                "Make an exception for this one field."
            )
        if not answer.ok:
            raise NotYet(f"A good delivery, {good}, gets status {answer.status}: {quoted(answer, 200)}")
        for value, told in (("3", 'the text `"3"`'), (True, "`true`"), (3.0, "`3.0`")):
            if ask("POST", "/deliveries", json={**good, "quantity": value}).ok:
                raise NotYet(f"As a quantity, {told} is still let in: strictness has not reached that field.")
        for day in ("soon", "2026-02-30"):
            if ask("POST", "/deliveries", json={**good, "due": day}).ok:
                raise NotYet(f'`"{day}"` passes as a day: keep the type `date`, and relax only its strictness.')
        if answer.json() != good:
            raise NotYet("A good delivery is let in, but the answer is not the delivery: `return` it.")
    return "Text, true and 3.0 are refused as numbers, and the date in ISO form goes through."


def fields_named(answer: Answer) -> str:
    """Which fields FastAPI's own 422 complains about, as one text."""
    try:
        return " ".join(str(error["loc"]) for error in answer.json()["detail"])
    except (LookupError, TypeError):
        return ""


ORDERS = """\
from flask import Flask, request

orders_app = Flask("orders")


@orders_app.post("/orders")
def add_order():
    order = request.get_json()
    if not isinstance(order, dict):
        return {"errors": {"body": "must be a JSON object"}}, 422
    name, quantity = order.get("name"), order.get("quantity")
    errors = {}
    if not isinstance(name, str) or not 1 <= len(name) <= 50:
        errors["name"] = "must be text of 1 to 50 characters"
    if type(quantity) is not int or not 1 <= quantity <= 1000:
        errors["quantity"] = "must be a whole number from 1 to 1000"
    if errors:
        return {"errors": errors}, 422
    return {"name": name, "quantity": quantity}
"""

BAD_ORDERS: list[tuple[Any, set[str]]] = [  # what is sent, and the fields that the refusal has to name
    ({"name": "hammer"}, {"quantity"}),
    ({"name": "hammer", "quantity": "three"}, {"quantity"}),
    ({"name": "hammer", "quantity": 0}, {"quantity"}),
    ({"name": "hammer", "quantity": 1001}, {"quantity"}),
    ({"name": "hammer", "quantity": 3.5}, {"quantity"}),
    ({"name": "hammer", "quantity": True}, {"quantity"}),
    ({"name": "", "quantity": 3}, {"name"}),
    ({"name": 123, "quantity": 3}, {"name"}),
    ({"name": ["hammer"], "quantity": 3}, {"name"}),
    ({"name": "x" * 51, "quantity": 3}, {"name"}),
    ({"name": None, "quantity": None}, {"name", "quantity"}),
    ({}, {"name", "quantity"}),
    ([], set()),
    ("hammer", set()),
]


GOOD_ORDERS: list[dict[str, Any]] = [  # the last two stand on the edges of what is allowed
    {"name": "hammer", "quantity": 3},
    {"name": "x", "quantity": 1},
    {"name": "x" * 50, "quantity": 1000},
]


def check_orders(orders_app: Any) -> str:
    with serving(orders_app, "your app") as ask:
        for good in GOOD_ORDERS:
            answer = ask("POST", "/orders", json=good)
            if answer.status in (404, 405):
                raise NotYet("Your app knows no `POST /orders`: compare the decorator.")
            if answer.status in (400, 415) and "text/html" in answer.headers.get("content-type", ""):
                raise NotYet(
                    f"Flask itself refuses a good order: {quoted(answer)} A JSON body is in `request.get_json()`; "
                    "`request.form` has the fields of a form."
                )
            if not answer.ok:
                raise NotYet(f"A good order, `{shown(good)}`, gets status {answer.status}: {quoted(answer, 200)}")
            if answer.json() != good:
                raise NotYet(f"`{shown(good)}` is good, but the answer does not return both: {quoted(answer)}")
        for sent, fields in BAD_ORDERS:
            judge_refusal(sent, fields, ask("POST", "/orders", json=sent))
        if ask("POST", "/orders", content="null", headers={"content-type": "application/json"}).ok:
            raise NotYet("`null` is let in as an order: look at what kind of value `get_json()` gave you.")
        if (broken := ask("POST", "/orders", content="{", headers={"content-type": "application/json"})).ok:
            raise NotYet(f"Broken JSON gets {broken.status}: let `request.get_json()` refuse it, as it does by itself.")
    bad = len(BAD_ORDERS) + 2
    return f"{len(GOOD_ORDERS)} good orders in, {bad} bad ones out, each with its reason, and never a 500. All by hand."


def judge_refusal(sent: Any, fields: set[str], answer: Answer) -> None:
    """Raise NotYet where the answer to a bad order is not a 422 whose `errors` name `fields` and no other field."""
    if answer.ok:
        raise NotYet(f"`{shown(sent)}` is let in with status {answer.status}.")
    if answer.status != 422:
        raise NotYet(f"`{shown(sent)}` is refused with status {answer.status}; say 422, as the others do.")
    body = answer.json()
    errors = body.get("errors") if isinstance(body, dict) else None
    if not isinstance(errors, dict):
        raise NotYet(f'The refusal of `{shown(sent)}` is not `{{"errors": {{...}}}}`: {quoted(answer)}')
    if missing := sorted(fields - errors.keys()):
        raise NotYet(f"The refusal of `{shown(sent)}` does not name `{'` and `'.join(missing)}`: {quoted(answer)}")
    if fields and (wrongly := sorted({"name", "quantity"} & errors.keys() - fields)):
        raise NotYet(f"The refusal of `{shown(sent)}` blames `{wrongly[0]}`, which is fine: {quoted(answer)}")


def shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


REFUSE = """\
from fastapi.responses import JSONResponse


def refuse(request, error):
    detail = [{key: one[key] for key in ("loc", "msg", "type")} for one in error.errors()]
    return JSONResponse({"detail": detail}, status_code=422)
"""


class Reading(BaseModel):
    """What the app that gets the learner's handler asks for."""

    kelvin: Annotated[float, Field(gt=0)]
    note: Annotated[str, Field(max_length=50)] = ""


def check_refuse(refuse: Callable[..., Any]) -> str:
    app = FastAPI()
    app.add_exception_handler(RequestValidationError, refuse)

    @app.post("/readings")
    def add_reading(reading: Reading) -> Reading:
        return reading

    as_json = {"content-type": "application/json"}
    with serving(app, "the app with your handler") as ask:
        plain = ask("POST", "/readings", json={"kelvin": -98765})
        if plain.status != 422:
            raise NotYet(
                f"A value below 0 is answered with status {plain.status}: return a response with `status_code=422`."
            )
        said = plain.text
        for key, shows, missing in (
            ("loc", "kelvin", "which field is wrong"),
            ("msg", "greater than 0", "the reason"),
            ("type", "greater_than", "the reason in a program's words"),
        ):
            if shows not in said:
                raise NotYet(f"The sender does not learn {missing}: keep `{key}`. You send {said[:120]}")
        body = ask("POST", "/readings", content='{"kelvin": NaN, "note": "a secret"}', headers=as_json)
        body.json()
        if "a secret" in body.text:
            raise NotYet("The refusal repeats a field that was not even wrong: leave the body out of it.")
        long = ask("POST", "/readings", json={"kelvin": 1, "note": "a secret " * 10_000})
        if "98765" in said or "a secret" in long.text:
            raise NotYet(f"What was sent comes back, at least a part of it: leave `input` out. You send {said[:200]}")
        if (broken := ask("POST", "/readings", content="{", headers=as_json)).status != 422:
            raise NotYet(f"Broken JSON comes to your handler, too, and gets status {broken.status}.")
    return "NaN gets a clean 422, the sender learns where and why, and nothing that was sent comes back."


EXERCISES = [
    Exercise(
        id="2.1",
        title="strict, but for dates",
        also=(
            "Also right: a lax model with `Field(strict=True)` on `quantity`. Fewer surprises when the next "
            "field comes, and one more thing to remember for it."
        ),
        answer=("delivery_app",),
        hints=(
            "Strictness can be set for a whole model and for one field; the field wins.",
            "The model: `model_config = ConfigDict(strict=True)`. The field: `Field(strict=...)`.",
            "`due: Annotated[date, Field(strict=False)]` is lax again; then let the function return the delivery.",
        ),
        solution=DELIVERY,
        wrong={
            "lax throughout": Wrong(
                DELIVERY.replace("    model_config = ConfigDict(strict=True)\n\n", ""),
                'As a quantity, the text `"3"` is still let in',
            ),
            "strict throughout": Wrong(
                DELIVERY.replace("Annotated[date, Field(strict=False)]", "date"),
                "`2026-05-01` arrives as text, and strict mode wants a `date` object",
            ),
            "strict on the wrong field": Wrong(
                DELIVERY.replace("Annotated[date, Field(strict=False)]", "date").replace(
                    "quantity: int", "quantity: Annotated[int, Field(strict=False)]"
                ),
                "The exception is on the wrong field",
            ),
            "a date that is any text": Wrong(
                DELIVERY.replace("Annotated[date, Field(strict=False)]", "str"),
                '`"soon"` passes as a day',
            ),
            "a date by its shape": Wrong(
                DELIVERY.replace(
                    "Annotated[date, Field(strict=False)]", r'Annotated[str, Field(pattern=r"^\d+-\d+-\d+$")]'
                ),
                '`"2026-02-30"` passes as a day',
            ),
            "refuses text by hand, forgets true": Wrong(
                DELIVERY.replace("    model_config = ConfigDict(strict=True)\n\n", "")
                .replace("ConfigDict, Field", "Field, field_validator")
                .replace(
                    "Field(strict=False)]\n",
                    "Field(strict=False)]\n\n"
                    '    @field_validator("quantity", mode="before")\n'
                    "    @classmethod\n"
                    "    def no_text(cls, value):\n"
                    "        if isinstance(value, str):\n"
                    '            raise ValueError("a number, please")\n'
                    "        return value\n",
                ),
                "As a quantity, `true` is still let in",
            ),
            "nothing returned": Wrong(
                DELIVERY.replace(" -> Delivery:\n    return delivery", ":\n    print(delivery)"),
                "the answer is not the delivery: `return` it",
            ),
        },
        check=check_delivery,
    ),
    Exercise(
        id="2.2",
        title="by hand, and never a 500",
        also=(
            "Also right: a Pydantic model and `model_validate`, or a schema. Shorter and less to forget, for a "
            "dependency and error texts that are not yours."
        ),
        answer=("orders_app",),
        hints=(
            "Ask three questions in this order: is it a dict, is the field there, is it of the right kind and size?",
            "Collect what is wrong in a dict `errors`, field by field; return it with 422 if anything is in it.",
            "`order.get(...)` gives None for what is missing. `isinstance(True, int)` is True in Python: compare "
            "`type(quantity) is int`.",
        ),
        solution=ORDERS,
        wrong={
            "the field may be missing": Wrong(
                ORDERS.replace('order.get("quantity")', 'order["quantity"]'),
                "raised KeyError: 'quantity'",
            ),
            "reads a form": Wrong(
                ORDERS.replace("request.get_json()", "request.form").replace(
                    'order.get("name"), order.get("quantity")', 'order["name"], order["quantity"]'
                ),
                "`request.form` has the fields of a form",
            ),
            "true is an int": Wrong(
                ORDERS.replace("type(quantity) is not int", "not isinstance(quantity, int)"),
                "`{'name': 'hammer', 'quantity': True}` is let in",
            ),
            "size before type": Wrong(
                ORDERS.replace("type(quantity) is not int or not 1 <= quantity <= 1000", "not 1 <= quantity <= 1000"),
                "TypeError: '<=' not supported between instances of 'int' and 'NoneType'",
            ),
            "the first mistake only": Wrong(
                ORDERS.replace("    if type(quantity)", "    elif type(quantity)"),
                "The refusal of `{'name': None, 'quantity': None}` does not name `quantity`",
            ),
            "400 instead of 422": Wrong(
                ORDERS.replace('"errors": errors}, 422', '"errors": errors}, 400'),
                "is refused with status 400; say 422",
            ),
            "no field named": Wrong(
                ORDERS.replace('{"errors": errors}, 422', '{"errors": "wrong input"}, 422'),
                "The refusal of `{'name': 'hammer'}` is not `{\"errors\": {...}}`",
            ),
            "the edges are refused": Wrong(
                ORDERS.replace("1 <= quantity <= 1000", "1 < quantity < 1000"),
                "A good order, `{'name': 'x', 'quantity': 1}`, gets status 422",
            ),
            "nothing but thanks": Wrong(
                ORDERS.replace('{"name": name, "quantity": quantity}', '{"thanks": name}'),
                "`{'name': 'hammer', 'quantity': 3}` is good, but the answer does not return both",
            ),
            "a list has a length": Wrong(
                ORDERS.replace("not isinstance(name, str)", "not isinstance(name, str | list)"),
                "`{'name': ['hammer'], 'quantity': 3}` is let in",
            ),
            "a list is no dict": Wrong(
                "".join(ORDERS.splitlines(keepends=True)[:8] + ORDERS.splitlines(keepends=True)[10:]),
                "AttributeError: 'list' object has no attribute 'get'",
            ),
            "no upper bound": Wrong(
                ORDERS.replace("not 1 <= quantity <= 1000", "quantity < 1"),
                "`{'name': 'hammer', 'quantity': 1001}` is let in",
            ),
        },
        check=check_orders,
    ),
    Exercise(
        id="2.3",
        title="a refusal that repeats nothing",
        also=(
            "Also right: `error.errors()` through `jsonable_encoder` with `input` and `ctx` taken out. It keeps "
            "what later versions add to an error, wanted or not."
        ),
        answer=("refuse",),
        hints=(
            "`error.errors()` is a list of dicts. `input` is the key that repeats what was sent; `ctx` may, too.",
            'Build new dicts with `"loc"`, `"msg"` and `"type"` only.',
            "A handler returns a response, not a dict: `JSONResponse({...}, status_code=422)`.",
        ),
        solution=REFUSE,
        wrong={
            "a dict, not a response": Wrong(
                REFUSE.replace('JSONResponse({"detail": detail}, status_code=422)', '{"detail": detail}'),
                "TypeError: 'dict' object is not callable",
            ),
            "status 200": Wrong(
                REFUSE.replace(", status_code=422", ""),
                "A value below 0 is answered with status 200",
            ),
            "status 400": Wrong(
                REFUSE.replace("422", "400"),
                "A value below 0 is answered with status 400",
            ),
            "everything again": Wrong(
                REFUSE.replace(
                    '[{key: one[key] for key in ("loc", "msg", "type")} for one in error.errors()]', "error.errors()"
                ),
                "ValueError: Out of range float values are not JSON compliant",
            ),
            "the beginning of the input": Wrong(
                REFUSE.replace(" for one in", ' | {"input": str(one["input"])[:50]} for one in'),
                "What was sent comes back",
            ),
            "nothing but bad": Wrong(
                REFUSE.replace('{"detail": detail}', '{"detail": "bad request"}'),
                "does not learn which field is wrong",
            ),
            "where without why": Wrong(
                REFUSE.replace('"loc", "msg", "type"', '"loc", "type"'),
                "does not learn the reason: keep `msg`",
            ),
            "no word for programs": Wrong(
                REFUSE.replace('"loc", "msg", "type"', '"loc", "msg"'),
                "does not learn the reason in a program's words",
            ),
            "the whole body": Wrong(
                REFUSE.replace('{"detail": detail}', '{"detail": detail, "sent": str(error.body)[:200]}'),
                "repeats a field that was not even wrong",
            ),
        },
        check=check_refuse,
    ),
]
