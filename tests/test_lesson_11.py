"""Lesson 11: other right answers to its exercises, a run in which all comes out as its text says, and its flips."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from lessons import ROOT, changed, read, run_lesson, solved
from test_exercises import assert_passes, attempt_at

from helpers import check, solution
from helpers.contract import decide
from helpers.exercises import find
from helpers.exercises.lesson_11 import FASTAPI

pytestmark = pytest.mark.together

NOTEBOOK = ROOT / "notebooks" / "11_the_capstone.ipynb"
SECONDS = 240  # for one run, beside another test

WITH_A_LOCK = """\
import threading

from helpers.contract import Store


class Shelf(Store):
    def __init__(self):
        super().__init__()
        self.alone = threading.Lock()

    def change(self, id, changes, version=None):
        with self.alone:
            row = self.get(id)
            if row is None or version not in (None, row["version"]):
                return None
            return super().change(id, changes)
"""
IN_PLAIN_FLASK = """\
import json

from flask import Flask, Response, request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, create_model
from typing import Annotated
from werkzeug.exceptions import HTTPException

from helpers.contract import Store


class Sent(BaseModel):
    model_config = ConfigDict(extra="forbid")
    title: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
    done: Annotated[bool, Field(strict=True)] = False
    order: Annotated[int, Field(strict=True, ge=0)] | None = None


class Change(Sent):
    title: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)] = "never used"


STATUSES = {
    "/todos": {"get": (200, 422), "post": (200, 201, 409, 422)},
    "/todos/{id}": {"get": (200, 404), "patch": (200, 404, 412, 422, 428), "delete": (204, 404)},
}
FIELDS = {name: {} for name in ("id", "title", "done", "order", "version", "url")}
SHOWN = {"description": "", "content": {"application/json": {"schema": {"type": "object", "properties": FIELDS}}}}
DOCUMENT = {
    "openapi": "3.1.0",
    "info": {"title": "Todos", "version": "1"},
    "paths": {
        path: {
            method: {"responses": {str(s): SHOWN if s == 200 else {"description": ""} for s in statuses}}
            for method, statuses in methods.items()
        }
        for path, methods in STATUSES.items()
    },
}


class Refused(Exception):
    pass


def make_flask(store=Store):
    app, todos = Flask("todos"), store()

    def answer(body, status=200, **headers):
        return Response(json.dumps(body), status, headers, mimetype="application/json")

    def shown(row, status=200, **headers):
        headers["ETag"] = f'"{row["version"]}"'
        return answer({**row, "url": f"/todos/{row['id']}"}, status, **headers)

    @app.errorhandler(Refused)
    def refuse(refused):
        status, error, *fields = refused.args
        return answer({"error": error, **({"fields": fields[0]} if fields else {})}, status)

    @app.errorhandler(HTTPException)
    def refuse_more(refused):
        return answer({"error": refused.description}, refused.code)

    def sent(model):
        try:
            return model.model_validate(request.get_json())
        except ValidationError as error:
            raise Refused(422, "bad", {str((*each["loc"], "body")[0]): each["msg"] for each in error.errors()})

    def found(id):
        if (row := todos.get(id)) is None:
            raise Refused(404, "no such todo")
        return row

    @app.get("/todos")
    def page():
        try:
            limit, after = int(request.args.get("limit", 20)), int(request.args.get("after", 0))
        except ValueError:
            raise Refused(422, "limit and after are numbers", {"limit": "a number"})
        done = {"true": True, "false": False, None: None}.get(request.args.get("done"), 0)
        if not 1 <= limit <= 100 or done == 0 and done is not False:
            raise Refused(422, "limit is 1 to 100, done true or false", {"limit": "1 to 100"})
        rows, total = todos.page(after, limit + 1, done)
        items = [{**row, "url": f"/todos/{row['id']}"} for row in rows[:limit]]
        word = "" if done is None else f"&done={request.args['done']}"
        following = f"/todos?after={items[-1]['id']}&limit={limit}{word}" if len(rows) > limit else None
        return answer({"items": items, "total": total, "next": following})

    @app.post("/todos")
    def add():
        added = todos.add(sent(Sent).model_dump(), request.headers.get("Idempotency-Key"))
        if not added.same:
            raise Refused(409, "another todo")
        return shown(added.todo, 201 if added.made else 200, Location=f"/todos/{added.todo['id']}")

    @app.get("/todos/<int:id>")
    def one(id):
        return shown(found(id))

    @app.patch("/todos/<int:id>")
    def change(id):
        row, changes, match = found(id), sent(Change), request.headers.get("If-Match")
        if match is None:
            raise Refused(428, "no If-Match")
        if match == f'"{row["version"]}"':
            if changed := todos.change(id, changes.model_dump(exclude_unset=True), row["version"]):
                return shown(changed)
        raise Refused(412, "an old version")

    @app.delete("/todos/<int:id>")
    def remove(id):
        return ("", 204) if todos.remove(id) else refuse(Refused(404, "no such todo"))

    @app.get("/openapi.json")
    def document():
        return answer(DOCUMENT)

    return app
"""

ALSO_RIGHT = {
    "11.1 with async def": FASTAPI.replace("    def one(", "    async def one(").replace(
        "    def page(", "    async def page("
    ),
    "11.2 in plain Flask": IN_PLAIN_FLASK,
    "11.3 with a lock": WITH_A_LOCK,
    "11.4 in the body": 'lie = ("post", "/todos", {"title": "x" * 200})\n',
}


@pytest.mark.parametrize("name", ALSO_RIGHT)
def test_another_right_answer_passes_too(name: str) -> None:
    assert_passes(name.split()[0], ALSO_RIGHT[name])


ALSO_WRONG = {
    "11.1 no app": ("def make_fastapi():\n    return 5\n", "not yet", "no app of FastAPI"),
    "11.1 nothing returned": ("def make_fastapi():\n    app = 5\n", "not started", "no route for /todos"),
    "11.2 fails": ("def make_flask():\n    return {}[1]\n", "not yet", "raises KeyError: 1"),
    "11.3 nothing to make it with": ("Shelf = 5\n", "not yet", "Hand over the class"),
    "11.4 another path": ('lie = ("GET", "/nowhere", None)\n', "not yet", "it has no GET /nowhere"),
    "11.4 another parameter": ('lie = ("GET", "/todos?size=5", None)\n', "not yet", "it has no parameter size"),
    "11.4 a wrong type": ('lie = ("POST", "/todos", {"title": 5})\n', "not yet", "forbids this request"),
    "11.4 no texts": ("lie = (1, 2, 3)\n", "not yet", "The method and the path are texts"),
}


@pytest.mark.parametrize("name", ALSO_WRONG)
def test_another_wrong_answer_is_told_what_is_wrong(name: str) -> None:
    source, status, said = ALSO_WRONG[name]
    exercise = name.split()[0]
    feedback = check(exercise, attempt_at(find(exercise), source))
    assert (feedback.status, said in feedback.message) == (status, True), feedback.message


@pytest.mark.lesson("11 as stored")
@pytest.mark.timeout(SECONDS + 60)
def test_everything_comes_out_as_the_text_says(tmp_path: Path) -> None:
    seen = run_lesson(NOTEBOOK, tmp_path, SECONDS)
    assert "nothing_yet: 0 of 20 rules kept" in seen["run-nothing"]
    assert int(re.search(r"order after twelve: (\d+)", seen["run-race"])[1]) < 12
    assert seen["flip-race"].strip() == "12"
    router, both, plain = seen["wrong-handler"].splitlines()[1:4]
    assert "text/html" in plain
    assert '{"detail":"Not Found"}' in router and '{"error":"Not Found"}' in both
    assert seen["wrong-patch-run"].strip() == "({'title': '', 'done': True}, {'done': True})"
    assert seen["wrong-types-run"].strip() == "[True, True, False]"
    assert "0 of 20 rules kept" in seen["review-fastapi"] and "0 of 20 rules kept" in seen["review-flask"]
    assert re.findall(r"Rule (\d+) \(", seen["review-shelf"]) == ["7", "12", "16", "18"]
    assert "(True or False): no" in seen["run-lie"]
    assert re.findall(r"Rule (\d+) \(", seen["run-lie-asked"]) == ["20"]
    assert "'maximum': 1000" in seen["run-lying"]
    assert seen["run-load-both"].count("× 404") == 4
    assert "two workers: 2" in seen["judge-two"] or "not tried yet" in seen["judge-two"]
    assert "Nothing is written yet" in seen["decision"]


RECORD = """\
## Context
A shop's API for three people who know Flask.
## Measured
Twelve at once: 2 got through without the version, 1 with it.
## Decision
Flask, since the team knows it well.
## What would turn it over
More than two handlers that overrule a habit.
"""


@pytest.mark.lesson("11 solved")
@pytest.mark.timeout(SECONDS + 60)
def test_solved_both_keep_all_rules_and_the_flips_turn_their_results_over(tmp_path: Path) -> None:
    flips = (
        ("run-two", "workers, locked = 2, True", "workers, locked = 2, False"),
        ("run-race", 'todos.change(1, {"order": row["order"] + 1})', 'todos.change(1, {"order": 12})'),
        ("judge-c37", "my_vote = ...", 'my_vote = "it depends"'),
    )
    notebook = changed(solved(read(NOTEBOOK)), flips)
    cell = next(cell for cell in notebook.cells if cell.id == "decision")
    cell.source = f"record = {RECORD!r}\ndecide(record)"
    seen = run_lesson(NOTEBOOK, tmp_path, SECONDS, notebook, status="passed")
    for name in ("review-fastapi", "review-flask", "review-shelf"):
        assert "20 of 20 rules kept" in seen[name]
    fastapi, flask = (len(lines(solution(each).source)) for each in ("11.1", "11.2"))
    assert (fastapi, flask) == (84, 89), "the lesson's text names them"
    assert f"FastAPI: {fastapi}" in seen["judge-lines"] and f"Flask: {flask}" in seen["judge-lines-flask"]
    assert seen["run-load-both"].count("none failed") == 4
    assert "two workers: 0" in seen["judge-two"] or "not tried yet" in seen["judge-two"]
    assert "All four parts are there" in seen["decision"]
    assert (tmp_path / "decision.md").read_text(encoding="utf-8") == RECORD
    assert "Verdict: opinion" in seen["judge-c37"]


def lines(source: str) -> list[str]:
    return [line for line in source.splitlines() if line.strip() and not line.strip().startswith("#")]


def test_a_decision_lacks_what_it_lacks_and_what_was_kept_before_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LESSON_RESULTS", str(tmp_path))
    assert decide(RECORD).lacks == {}
    vague = RECORD.replace("Flask, since the team knows it well.", "The better one of both, of course.")
    assert decide(
        vague.replace("Twelve at once: 2 got through without the version, 1 with it.", "It is fast.")
    ).lacks == {
        "Measured": "name two numbers that you measured",
        "Decision": "name the framework",
    }
    assert (tmp_path / "decision_before.md").read_text(encoding="utf-8") == RECORD
    assert decide("## Context\nAn API.\n").lacks["Context"] == "say a little more"
    assert decide("").place is None and decide("## Context\n...\n## Decision\n").place is None
