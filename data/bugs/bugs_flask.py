"""The same seventeen bugs, and one function without: Flask, as it is mostly written."""

from flask import Flask, abort, g, jsonify, request
from shelf import BOOKS, Label, Public, fetch, find, get_books

app = Flask(__name__)


@app.before_request
def open_books():
    g.books = get_books()


@app.get("/control/<int:number>")
def control(number):
    book = find(number)
    if book is None:
        abort(404)
    return Public(title=book.title).model_dump()


@app.get("/misspelt-attribute/<int:number>")
def misspelt_attribute(number):
    book = BOOKS[number]
    return Public(title=book.titel).model_dump()


@app.get("/maybe-none/<int:number>")
def maybe_none(number):
    return Public(title=find(number).title).model_dump()


@app.get("/missing-await/<int:number>")
async def missing_await(number):
    book = fetch(number)
    return Public(title=book.title).model_dump()


@app.get("/renamed-field")
def renamed_field():
    return Public(name="Sanditon").model_dump()


@app.get("/text-default")
def text_default():
    limit = request.args.get("limit", "1")
    return [Public(title=book.title).model_dump() for book in [*BOOKS.values()][:limit]]


@app.get("/no-return/<int:number>")
def no_return(number):
    if number in BOOKS:
        return Public(title=BOOKS[number].title).model_dump()


@app.get("/misspelt-dependency")
def misspelt_dependency():
    return Public(title=g.bookz[1].title).model_dump()


@app.get("/text-key/<number>")
def text_key(number):
    book = find(number)
    if book is None:
        abort(404)
    return Public(title=book.title).model_dump()


@app.post("/text-status")
def text_status():
    return Public(title="Sanditon").model_dump(), "201"


@app.get("/wrong-shape/<int:number>")
def wrong_shape(number):
    return {"name": BOOKS[number].title}


@app.get("/unknown-object")
def unknown_object():
    return Label("new")


@app.get("/other-parameter/<int:number>")
def other_parameter(no):
    return Public(title=BOOKS[no].title).model_dump()


@app.get("/lying-type")
def lying_type():
    return Public(title=g.books["1"].title).model_dump()


@app.get("/renamed-column")
def renamed_column():
    row = {"name": "Sanditon"}
    return Public(**row).model_dump()


def tagged(tag, tags=[]):
    tags.append(tag)
    return tags


@app.get("/mutable-default")
def mutable_default():
    return tagged("new")


@app.get("/own-response/<int:number>")
def own_response(number):
    return jsonify({"name": BOOKS[number].title})


@app.get("/leaked-field/<int:number>")
def leaked_field(number):
    return BOOKS[number].model_dump()
