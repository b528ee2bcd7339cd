from typing import Annotated

from fastapi import FastAPI, Header, HTTPException, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from starlette.exceptions import HTTPException as AnyHTTPException

from helpers.contract import Store

Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
Order = Annotated[int, Field(strict=True, ge=0)]
Done = Annotated[bool, Field(strict=True)]


class Sent(BaseModel):
    model_config = ConfigDict(extra="forbid")
    title: Title
    done: Done = False
    order: Order | None = None


class Change(Sent):
    title: Title = Field(default_factory=str)  # a factory: the document shows no empty default


class Todo(BaseModel):
    id: int
    title: str
    done: bool
    order: int | None
    version: int
    url: str


class Page(BaseModel):
    items: list[Todo]
    total: int
    next: str | None


class Refusal(BaseModel):
    error: str


class Refused(Refusal):
    fields: dict[str, str]


def refusals(*statuses):
    return {status: {"model": Refused if status == 422 else Refusal} for status in statuses}


def shown(row, response):
    response.headers["etag"] = f'"{row["version"]}"'
    return Todo(url=f"/todos/{row['id']}", **row)


def make_fastapi(store=Store):
    app, todos = FastAPI(title="Todos"), store()

    @app.exception_handler(AnyHTTPException)
    def refuse(request: Request, refused: AnyHTTPException):
        return JSONResponse({"error": refused.detail}, refused.status_code, refused.headers)

    @app.exception_handler(RequestValidationError)
    def refuse_input(request: Request, refused: RequestValidationError):
        fields = {str(each["loc"][-1]): each["msg"] for each in refused.errors()}
        return JSONResponse({"error": "This is not what the contract allows.", "fields": fields}, 422)

    @app.get("/todos", responses=refusals(422))
    def page(after: int = 0, limit: Annotated[int, Query(ge=1, le=100)] = 20, done: bool | None = None) -> Page:
        rows, total = todos.page(after, limit + 1, done)
        items = [Todo(url=f"/todos/{row['id']}", **row) for row in rows[:limit]]
        asked = "" if done is None else f"&done={str(done).lower()}"
        following = f"/todos?after={items[-1].id}&limit={limit}{asked}" if len(rows) > limit else None
        return Page(items=items, total=total, next=following)

    @app.post("/todos", status_code=201, responses={200: {"model": Todo}, **refusals(409, 422)})
    def add(sent: Sent, response: Response, idempotency_key: Annotated[str | None, Header()] = None) -> Todo:
        added = todos.add(sent.model_dump(), idempotency_key)
        if not added.same:
            raise HTTPException(409, "This Idempotency-Key was for another todo.")
        response.status_code = 201 if added.made else 200
        response.headers["location"] = f"/todos/{added.todo['id']}"
        return shown(added.todo, response)

    @app.get("/todos/{id}", responses=refusals(404))
    def one(id: int, response: Response) -> Todo:
        if (row := todos.get(id)) is None:
            raise HTTPException(404, "There is no such todo.")
        return shown(row, response)

    @app.patch("/todos/{id}", responses=refusals(404, 412, 422, 428))
    def change(id: int, sent: Change, response: Response, if_match: Annotated[str | None, Header()] = None) -> Todo:
        row = todos.get(id)
        if row is None:
            raise HTTPException(404, "There is no such todo.")
        if if_match is None:
            raise HTTPException(428, "Say by If-Match which version you change.")
        changed = None
        if if_match == f'"{row["version"]}"':
            changed = todos.change(id, sent.model_dump(exclude_unset=True), row["version"])
        if changed is None:
            raise HTTPException(412, "Somebody has changed this todo in the meantime.")
        return shown(changed, response)

    @app.delete("/todos/{id}", status_code=204, responses=refusals(404))
    def remove(id: int) -> None:
        if not todos.remove(id):
            raise HTTPException(404, "There is no such todo.")

    return app
