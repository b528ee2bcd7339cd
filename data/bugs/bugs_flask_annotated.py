"""The same seventeen bugs, and one function without: Flask, with annotations."""

from typing import Any

from flask import Flask, Response, abort, g, jsonify, request
from flask.typing import ResponseReturnValue
from shelf import BOOKS, Book, Label, Public, fetch, find, get_books

app = Flask(__name__)


@app.before_request
def open_books() -> None:
    g.books = get_books()


@app.get("/control/<int:number>")
def control(number: int) -> dict[str, Any]:
    book = find(number)
    if book is None:
        abort(404)
    return Public(title=book.title).model_dump()


@app.get("/misspelt-attribute/<int:number>")
def misspelt_attribute(number: int) -> dict[str, Any]:
    book = BOOKS[number]
    return Public(title=book.titel).model_dump()


@app.get("/maybe-none/<int:number>")
def maybe_none(number: int) -> dict[str, Any]:
    return Public(title=find(number).title).model_dump()


@app.get("/missing-await/<int:number>")
async def missing_await(number: int) -> dict[str, Any]:
    book = fetch(number)
    return Public(title=book.title).model_dump()


@app.get("/renamed-field")
def renamed_field() -> dict[str, Any]:
    return Public(name="Sanditon").model_dump()


@app.get("/text-default")
def text_default() -> list[dict[str, Any]]:
    limit: int = request.args.get("limit", "1")
    return [Public(title=book.title).model_dump() for book in [*BOOKS.values()][:limit]]


@app.get("/no-return/<int:number>")
def no_return(number: int) -> dict[str, Any]:
    if number in BOOKS:
        return Public(title=BOOKS[number].title).model_dump()


@app.get("/misspelt-dependency")
def misspelt_dependency() -> dict[str, Any]:
    return Public(title=g.bookz[1].title).model_dump()


@app.get("/text-key/<number>")
def text_key(number: int) -> dict[str, Any]:
    book = find(number)
    if book is None:
        abort(404)
    return Public(title=book.title).model_dump()


@app.post("/text-status")
def text_status() -> ResponseReturnValue:
    return Public(title="Sanditon").model_dump(), "201"


@app.get("/wrong-shape/<int:number>")
def wrong_shape(number: int) -> dict[str, Any]:
    return {"name": BOOKS[number].title}


@app.get("/unknown-object")
def unknown_object() -> Label:
    return Label("new")


@app.get("/other-parameter/<int:number>")
def other_parameter(no: int) -> dict[str, Any]:
    return Public(title=BOOKS[no].title).model_dump()


@app.get("/lying-type")
def lying_type() -> dict[str, Any]:
    books: dict[str, Book] = g.books
    return Public(title=books["1"].title).model_dump()


@app.get("/renamed-column")
def renamed_column() -> dict[str, Any]:
    row: dict[str, Any] = {"name": "Sanditon"}
    return Public(**row).model_dump()


def tagged(tag: str, tags: list[str] = []) -> list[str]:
    tags.append(tag)
    return tags


@app.get("/mutable-default")
def mutable_default() -> list[str]:
    return tagged("new")


@app.get("/own-response/<int:number>")
def own_response(number: int) -> Response:
    return jsonify({"name": BOOKS[number].title})


@app.get("/leaked-field/<int:number>")
def leaked_field(number: int) -> dict[str, Any]:
    return BOOKS[number].model_dump()
