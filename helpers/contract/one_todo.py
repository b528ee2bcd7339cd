"""Rules 1 to 10: one todo is made, kept, checked, changed and taken away."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from helpers.contract.story import Broken, Story, Todo, excerpt, short, todo, told, value
from helpers.errors import LessonError
from helpers.exchange import Answer

NOBODY = "/todos/987654321"
NO_VERSION = {"if-match": '"no-such-version"'}
LONGEST = 100

BAD_TITLES: tuple[Any, ...] = ("", "   ", "x" * (LONGEST + 1), 5, None)
BAD_FIELDS: tuple[tuple[str, Any], ...] = (
    *(("done", each) for each in ("yes", "true", 1, 0, None)),
    *(("order", each) for each in (-1, 1.5, "3", True)),
)


def made(app: Story) -> None:
    answer = app.ask("POST", "/todos", 201, json={"title": "milk"})
    new = todo(answer)
    if answer.headers.get("location") != new["url"]:
        came = answer.headers.get("location")
        raise Broken(
            f"{told(answer)} came with Location {short(came)}; the contract says the todo's url, {new['url']}."
        )
    if new["url"] != f"/todos/{new['id']}":
        raise Broken(f"{told(answer)} came with url {short(new['url'])} and id {new['id']}; the url is /todos/ID.")
    _holds(answer, new, {"title": "milk", "done": False, "order": None}, "a todo begins not done and without an order")


def kept(app: Story) -> None:
    for sent in (
        {"title": "Käse, 2 €", "done": True, "order": 3},
        {"title": "bread", "done": False, "order": 0},
        {"title": "0", "done": True, "order": 2_000_000},
    ):
        answer = app.ask("POST", "/todos", 201, json=sent)
        new = todo(answer)
        _holds(answer, new, sent, "all that is sent is kept")
        again = app.ask("GET", new["url"], 200)
        _holds(again, todo(again), {**sent, "id": new["id"]}, f"what was sent was {short(sent)}")


def titles(app: Story) -> None:
    for good in ("x", "x" * LONGEST, f"  {'y' * LONGEST} ", " tea "):
        answer = app.ask("POST", "/todos", 201, json={"title": good}, says="this title has 1 to 100 characters")
        _holds(answer, todo(answer), {"title": good.strip()}, "blanks around a title are cut off")
    app.ask("POST", "/todos", 422, json={"done": True}, says="the title is missing")
    for bad in BAD_TITLES:
        app.ask("POST", "/todos", 422, json={"title": bad}, says="a title is text of 1 to 100 characters")


def types(app: Story) -> None:
    for name, bad in BAD_FIELDS:
        says = "done is true or false" if name == "done" else "order is a whole number from 0 on"
        app.ask("POST", "/todos", 422, json={"title": "milk", name: bad}, says=says)


def unknown_fields(app: Story) -> None:
    for name in ("priority", "Done"):
        answer = app.ask("POST", "/todos", 422, json={"title": "milk", name: 1}, says="nobody knows this field")
        found = value(answer)
        fields = found.get("fields") if isinstance(found, dict) else None
        if not isinstance(fields, dict) or name not in fields:
            raise Broken(f"{told(answer)} came back {excerpt(answer)}; the contract says {name} is among `fields`.")


def refusals(app: Story) -> None:
    new = app.post(title="milk")
    url, key = new["url"], {"idempotency-key": "one for two"}
    app.post(title="tea", headers=key)
    for method, path, request in (
        ("GET", NOBODY, {}),
        ("PATCH", url, {"json": {"title": "tea"}, "headers": NO_VERSION}),
        ("PATCH", url, {"json": {"title": "tea"}}),
        ("GET", "/todos?done=maybe", {}),
        ("POST", "/todos", {"json": {"title": "coffee"}, "headers": key}),
    ):  # whether these are refused is for other rules: here is asked how
        _refusal_form(app, method, path, request, ())
    _refusal_form(app, "POST", "/todos", {"json": {"title": ""}}, (), names="title")
    broken = {"content": '{"title": ', "headers": {"content-type": "application/json"}}
    _refusal_form(app, "POST", "/todos", broken, (400, 422))
    _refusal_form(app, "POST", "/todos", {"json": []}, (400, 422))
    _refusal_form(app, "GET", "/nowhere", {}, (404,))
    for method, path in (("PUT", "/todos"), ("DELETE", "/todos"), ("POST", url)):
        _refusal_form(app, method, path, {}, (405,))


def absent(app: Story) -> None:
    app.post(title="milk")
    app.ask("GET", NOBODY, 404, says="there is no such todo")
    app.ask("PATCH", NOBODY, 404, json={"title": "tea"}, headers=NO_VERSION, says="there is no such todo")
    app.ask("DELETE", NOBODY, 404, says="there is no such todo")


def patched(app: Story) -> None:
    new = app.post(title="milk", done=True, order=3)
    expected = {**new}
    for change in ({"title": "tea"}, {"done": False}, {"order": 0}, {"order": None}, {"title": "oil", "order": 7}):
        answer = app.patch(new["url"], 200, **change)
        expected.update(change)
        wanted = {name: expected[name] for name in ("id", "title", "done", "order", "url")}
        says = "PATCH changes what is sent and leaves the rest"
        _holds(answer, todo(answer), wanted, says)
        again = app.ask("GET", new["url"], 200)
        _holds(again, todo(again), wanted, f"PATCH with {short(change)} is kept")


def patch_checked(app: Story) -> None:
    new = app.post(title="milk", done=True, order=3)
    wanted = {name: new[name] for name in ("title", "done", "order")}
    refused: list[dict[str, Any]] = [{"title": bad} for bad in BAD_TITLES]
    refused += [{name: bad} for name, bad in BAD_FIELDS]
    refused += [{"priority": 1}, {"title": "good", "order": -1}, {"order": 5, "done": "no"}]
    for change in refused:
        answer = app.patch(new["url"], 422, says="PATCH checks as POST does", **change)
        again = app.ask("GET", new["url"], 200)
        _holds(again, todo(again), wanted, f"the refused {told(answer)} changes nothing")
    cut = app.patch(new["url"], 200, title="  tea ")
    _holds(cut, todo(cut), {"title": "tea"}, "blanks around a title are cut off, in PATCH as well")


def deleted(app: Story) -> None:
    first, second, third = (app.post(title=title) for title in ("milk", "tea", "oil"))
    used = {each["id"] for each in (first, second, third)}
    for gone, left in ((third, (first, second)), (first, (second,)), (second, ())):
        answer = app.ask("DELETE", gone["url"], 204)
        if answer.content:
            raise Broken(f"{told(answer)} came back with a body, {excerpt(answer)}; a 204 has none.")
        app.ask("GET", gone["url"], 404, says=f"it was taken away by {told(answer)}")
        for other in left:
            app.ask("GET", other["url"], 200, says=f"{told(answer)} takes no other away")
        new = app.ask("POST", "/todos", 201, json={"title": "bread"})
        if (id_ := todo(new)["id"]) in used:
            raise Broken(f"{told(answer)}, and the next POST got the id {id_} once more; an id never comes back.")
        used.add(id_)


def _holds(answer: Answer, found: Todo, wanted: Mapping[str, Any], says: str) -> None:
    """Every field of `wanted` is in `found`, with its type."""
    for name, expected in wanted.items():
        if type(found[name]) is not type(expected) or found[name] != expected:
            came = f"{name} {short(found[name])} where {short(expected)} was due"
            raise Broken(f"{told(answer)} came back with {came}; the contract says: {says}.")


def _refusal_form(
    app: Story, method: str, path: str, request: dict[str, Any], statuses: tuple[int, ...], names: str = ""
) -> None:
    """A refusal, where it is one, is JSON of the one form; a 422 has the field `names` among its fields."""
    answer = app.ask(method, path, *statuses, says="and JSON with an error" if statuses else "", **request)
    if answer.status is None or not 400 <= answer.status < 500:
        return
    try:
        found = answer.json()
    except LessonError:  # it is not JSON
        found = None
    form = '{"error": "..."}' + (f' and "fields": {{"{names or "name"}": "..."}}' if answer.status == 422 else "")
    good = isinstance(found, dict) and isinstance(found.get("error"), str) and found["error"] != ""
    if good and answer.status == 422:
        fields = found.get("fields")
        good = isinstance(fields, dict) and all(isinstance(text, str) for text in fields.values())
        good = good and (not names or names in fields)
    if not good or "json" not in answer.headers.get("content-type", ""):
        raise Broken(f"{told(answer)} came back {answer.status} {excerpt(answer)}; every refusal is JSON, {form}.")
