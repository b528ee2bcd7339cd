from typing import Annotated

from apiflask import APIFlask, abort
from flask import request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

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


class Asked(BaseModel):
    after: int = 0
    limit: Annotated[int, Field(ge=1, le=100)] = 20
    done: bool | None = None


def with_url(row):
    return {**row, "url": f"/todos/{row['id']}"}


def shown(row, status=200):
    return with_url(row), status, {"ETag": f'"{row["version"]}"'}


def make_flask(store=Store):
    app, todos = APIFlask("todos"), store()
    app.config["HTTP_ERROR_SCHEMA"] = Refusal.model_json_schema()
    app.config["VALIDATION_ERROR_SCHEMA"] = Refused.model_json_schema()

    @app.error_processor
    def refuse(refused):
        said = {"error": refused.message}
        if refused.status_code == 422:
            said["fields"] = {name: " ".join(why) for part in refused.detail.values() for name, why in part.items()}
        return said, refused.status_code, refused.headers

    @app.get("/todos")
    @app.input(Asked, location="query", arg_name="asked")
    @app.output(Page)
    def page(asked):
        rows, total = todos.page(asked.after, asked.limit + 1, asked.done)
        items = [with_url(row) for row in rows[: asked.limit]]
        done = "" if asked.done is None else f"&done={str(asked.done).lower()}"
        following = f"/todos?after={items[-1]['id']}&limit={asked.limit}{done}" if len(rows) > asked.limit else None
        return {"items": items, "total": total, "next": following}

    @app.post("/todos")
    @app.input(Sent, arg_name="sent")
    @app.output(Todo, status_code=201)
    @app.doc(responses=[200, 409])
    def add(sent):
        added = todos.add(sent.model_dump(), request.headers.get("Idempotency-Key"))
        if not added.same:
            abort(409, "This Idempotency-Key was for another todo.")
        body, status, headers = shown(added.todo, 201 if added.made else 200)
        return body, status, {**headers, "Location": body["url"]}

    @app.get("/todos/<int:id>")
    @app.output(Todo)
    @app.doc(responses=[404])
    def one(id):
        return shown(todos.get(id) or abort(404, "There is no such todo."))

    @app.patch("/todos/<int:id>")
    @app.input(Change, arg_name="sent")
    @app.output(Todo)
    @app.doc(responses=[404, 412, 428])
    def change(id, sent):
        row = todos.get(id) or abort(404, "There is no such todo.")
        match = request.headers.get("If-Match") or abort(428, "Say by If-Match which version you change.")
        changed = None
        if match == f'"{row["version"]}"':
            changed = todos.change(id, sent.model_dump(exclude_unset=True), row["version"])
        return shown(changed or abort(412, "Somebody has changed this todo in the meantime."))

    @app.delete("/todos/<int:id>")
    @app.output({}, status_code=204)
    @app.doc(responses=[404])
    def remove(id):
        return "" if todos.remove(id) else abort(404, "There is no such todo.")

    return app
