"""Seventeen bugs, one in each function, and one function without: FastAPI.

What a function's docstring says after `GET` is the request that is sent, and after `->` the right answer to it.
"""

from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException
from fastapi.responses import JSONResponse
from shelf import BOOKS, Book, Label, Public, fetch, find, get_books

app = FastAPI()


@app.get("/control/{number}")
def control(number: int) -> Public:
    """No bug at all. GET /control/1 -> {"title": "Emma"}"""
    book = find(number)
    if book is None:
        raise HTTPException(404)
    return Public(title=book.title)


@app.get("/misspelt-attribute/{number}")
def misspelt_attribute(number: int) -> Public:
    """An attribute is misspelt. GET /misspelt-attribute/1 -> {"title": "Emma"}"""
    book = BOOKS[number]
    return Public(title=book.titel)


@app.get("/maybe-none/{number}")
def maybe_none(number: int) -> Public:
    """Nobody asks whether it exists. GET /maybe-none/9 -> 404"""
    return Public(title=find(number).title)


@app.get("/missing-await/{number}")
async def missing_await(number: int) -> Public:
    """An await is missing. GET /missing-await/1 -> {"title": "Emma"}"""
    book = fetch(number)
    return Public(title=book.title)


@app.get("/renamed-field")
def renamed_field() -> Public:
    """A field has its old name. GET /renamed-field -> {"title": "Sanditon"}"""
    return Public(name="Sanditon")


@app.get("/text-default")
def text_default(limit: int = "1") -> list[Public]:
    """A number's default is a text. GET /text-default -> [{"title": "Emma"}]"""
    return [Public(title=book.title) for book in [*BOOKS.values()][:limit]]


@app.get("/no-return/{number}")
def no_return(number: int) -> Public:
    """One way returns nothing. GET /no-return/9 -> 404"""
    if number in BOOKS:
        return Public(title=BOOKS[number].title)


@app.get("/misspelt-dependency")
def misspelt_dependency(books: Annotated[dict[int, Book], Depends(get_books)]) -> Public:
    """A dependency is misspelt. GET /misspelt-dependency -> {"title": "Emma"}"""
    return Public(title=bookz[1].title)


@app.get("/text-key/{number}")
def text_key(number: str) -> Public:
    """A number stays a text. GET /text-key/1 -> {"title": "Emma"}"""
    book = find(number)
    if book is None:
        raise HTTPException(404)
    return Public(title=book.title)


@app.post("/text-status", status_code="201")
def text_status() -> Public:
    """The status is a text. POST /text-status -> 201"""
    return Public(title="Sanditon")


@app.get("/wrong-shape/{number}")
def wrong_shape(number: int) -> Public:
    """The answer has another shape. GET /wrong-shape/1 -> {"title": "Emma"}"""
    return {"name": BOOKS[number].title}


@app.get("/unknown-object")
def unknown_object() -> Label:
    """The answer is no JSON. GET /unknown-object -> {"text": "new"}"""
    return Label("new")


@app.get("/other-parameter/{number}")
def other_parameter(no: int) -> Public:
    """Path and parameter differ. GET /other-parameter/1 -> {"title": "Emma"}"""
    return Public(title=BOOKS[no].title)


@app.get("/lying-type")
def lying_type(books: Annotated[dict[str, Book], Depends(get_books)]) -> Public:
    """The type of a dependency lies. GET /lying-type -> {"title": "Emma"}"""
    return Public(title=books["1"].title)


@app.get("/renamed-column")
def renamed_column() -> Public:
    """A row has a field's old name. GET /renamed-column -> {"title": "Sanditon"}"""
    row: dict[str, Any] = {"name": "Sanditon"}
    return Public(**row)


def tagged(tag: str, tags: list[str] = []) -> list[str]:
    tags.append(tag)
    return tags


@app.get("/mutable-default")
def mutable_default() -> list[str]:
    """A list is a default, and grows. GET /mutable-default -> ["new"]"""
    return tagged("new")


@app.get("/own-response/{number}")
def own_response(number: int) -> JSONResponse:
    """A response has another shape. GET /own-response/1 -> {"title": "Emma"}"""
    return JSONResponse({"name": BOOKS[number].title})


@app.get("/leaked-field/{number}")
def leaked_field(number: int) -> Public:
    """More is returned than is public. GET /leaked-field/1 -> {"title": "Emma"}"""
    return BOOKS[number]
