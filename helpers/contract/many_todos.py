"""Rules 11 to 18: the list and its pages, versions, and what happens in the same moment."""

from __future__ import annotations

from typing import Any

from helpers.contract.story import Broken, Story, Todo, short, todo, told
from helpers.exchange import Answer

PAGE = 20  # todos, where nobody asks for another number
CROWDS = 6  # on a busy machine those of one may come one after another


def paged(app: Story) -> None:
    made = [app.post(title=title, order=order) for title, order in zip("gacfbed", (3, 1, 7, 2, 6, 5, 4), strict=True)]
    changed = todo(app.patch(made[2]["url"], 200, title="changed"))
    made[2] = changed
    made += [app.post(title=f"number {n}") for n in range(len(made) + 1, PAGE + 6)]
    for path, size in (("/todos", PAGE), ("/todos?limit=10", 10), ("/todos?limit=25", 25)):
        pages = app.pages(path)
        sizes = [len(page["items"]) for page in pages]
        if any(came != size for came in (sizes[0], *sizes[:-1])) or sizes[-1] > size:
            raise Broken(
                f"GET {path} and its next pages came back with {short(sizes)} of {len(made)} todos; the contract says "
                f"{size} a page."
            )
        _shows(path, pages, made)


def deleted_between(app: Story) -> None:
    made = [app.post(title=f"number {n}") for n in range(1, 8)]
    page = app.page("/todos?limit=2")
    for seen in page["items"]:
        app.ask("DELETE", seen["url"], 204)
    then = "GET /todos?limit=2, then both of its todos are deleted"
    if page["next"] is None:
        raise Broken(f"{then}; next was null, and {len(made) - 2} more todos were there.")
    shown = [each["id"] for one in app.pages(page["next"]) for each in one["items"]]
    if missed := [each["id"] for each in made[2:] if each["id"] not in shown]:
        raise Broken(
            f"{then}: {page['next']} goes on with {short(shown)} and misses {short(missed)}; the contract says a "
            "deleted todo makes nobody miss another (`after` is the last id seen)."
        )


def filtered(app: Story) -> None:
    made = [app.post(title=f"number {n}", done=n % 3 > 0) for n in range(1, 9)]
    for word, wanted in (("true", True), ("false", False)):
        right = [each for each in made if each["done"] is wanted]
        for path in (f"/todos?done={word}", f"/todos?done={word}&limit=2"):
            _shows(path, app.pages(path), right)
    app.ask("GET", "/todos?done=maybe", 422, says="done is true or false")


def limited(app: Story) -> None:
    made = [app.post(title=f"number {n}") for n in range(1, 53)]
    for limit, size in ((1, 1), (100, len(made))):
        path = f"/todos?limit={limit}"
        if (came := len(app.page(path)["items"])) != size:
            raise Broken(f"GET {path} came back with {came} of {len(made)} todos; the contract says {size}.")
    for bad in (0, 101, -1, "ten"):
        app.ask("GET", f"/todos?limit={bad}", 422, says="limit is 1 to 100, refused and not repaired")


def versions(app: Story) -> None:
    answer = app.ask("POST", "/todos", 201, 200, json={"title": "milk"})
    url, numbers = todo(answer)["url"], [todo(answer)["version"]]
    first = _etag(answer)
    _same(app, url, first, told(answer))
    app.post(title="another")
    _same(app, url, first, "POST of another todo")
    app.ask("PATCH", url, 428, json={"title": "tea"}, says="a PATCH names the version it changes, by If-Match")
    _same(app, url, first, "PATCH without If-Match")
    seen = [first]
    for title in ("tea", "milk", "tea"):
        answer = app.ask("PATCH", url, 200, json={"title": title}, headers={"if-match": seen[-1]})
        if (new := _etag(answer)) in seen:
            raise Broken(f"{told(answer)} came with ETag {new}, as before; each change gives a new one.")
        _same(app, url, new, told(answer))
        if (version := todo(answer)["version"]) in numbers:
            raise Broken(f"{told(answer)} came back with version {version}, as before; each change makes a new one.")
        numbers.append(version)
        for old in seen:
            request = {"json": {"title": "oil"}, "headers": {"if-match": old}}
            refused = app.ask("PATCH", url, 412, says=f"the version is {new} by now", **request)
            _same(app, url, new, f"the refused {told(refused)}")
        seen.append(new)
    if app.get(url)["title"] != "tea":
        raise Broken(f"PATCH {url} with an old If-Match was refused and has changed the todo; it changes nothing.")


def _etag(answer: Answer) -> str:
    tag = answer.headers.get("etag")
    if tag is None or len(tag) < 3 or not (tag.startswith('"') and tag.endswith('"')):
        raise Broken(f"{told(answer)} came with ETag {short(tag)}; the contract says a text in quotes.")
    return str(tag)


def _same(app: Story, url: str, expected: str, after: str) -> None:
    """GET gives the ETag that is expected, twice."""
    for _ in range(2):
        answer = app.ask("GET", url, 200)
        if (came := _etag(answer)) != expected:
            raise Broken(f"GET {url} after {after} came with ETag {came} where {expected} was due.")


def at_once(app: Story) -> None:
    for _ in range(CROWDS):
        new = app.post(title="milk")
        tag = {"if-match": app.etag(new["url"])}
        came = app.crowd(12, "PATCH", new["url"], {"title": "tea"}, tag)
        if came != {200: 1, 412: 11}:
            said = ", ".join(f"{count} × {status}" for status, count in sorted(came.items()))
            raise Broken(
                f"12 × PATCH {new['url']} with If-Match {tag['if-match']} in the same moment: {said}; the contract "
                "says 1 × 200 and 11 × 412, as only one of them can have changed that version."
            )


def repeated(app: Story) -> None:
    key = {"idempotency-key": "b7e1-a"}
    first = app.ask("POST", "/todos", 201, json={"title": "milk", "order": 3}, headers=key)
    again = app.ask("POST", "/todos", 200, json={"title": "milk", "order": 3}, headers=key, says="the same todo again")
    if todo(again) != todo(first):
        raise Broken(
            f"{told(again)}, the second time, came back {short(todo(again))}; the first was {short(todo(first))}."
        )
    for other in ({"title": "tea", "order": 3}, {"title": "milk", "order": 4}):
        app.ask("POST", "/todos", 409, json=other, headers=key, says="this key was for another todo")
    _count(app, 1, f"{told(again)}, twice, and once for another todo")
    second = app.ask("POST", "/todos", 201, json={"title": "milk", "order": 3}, headers={"idempotency-key": "b7e1-b"})
    if todo(second)["id"] == todo(first)["id"]:
        raise Broken(f"{told(second)} came back with the todo of another key; another key makes another todo.")
    app.ask("POST", "/todos", 201, json={"title": "milk", "order": 3}, says="without a key each POST makes a todo")
    _count(app, 3, "two keys and a POST without one")


def repeated_at_once(app: Story) -> None:
    for round_ in range(CROWDS):
        before = app.page("/todos?limit=1")["total"]
        key = {"idempotency-key": f"crowd {round_} of {before}"}
        came = app.crowd(10, "POST", "/todos", {"title": "milk"}, key)
        said = ", ".join(f"{count} × {status}" for status, count in sorted(came.items()))
        made = app.page("/todos?limit=1")["total"] - before
        if made != 1 or came[201] != 1 or not came.keys() <= {200, 201, 409}:
            raise Broken(
                f"10 × POST /todos with the same Idempotency-Key in the same moment: {said}, and {made} todos are "
                "there; the contract says one todo, and one 201."
            )


def _count(app: Story, wanted: int, after: str) -> None:
    if (total := app.page("/todos")["total"]) != wanted:
        raise Broken(f"After {after}, GET /todos has the total {total}; the contract says {wanted}.")


def _shows(path: str, pages: list[dict[str, Any]], wanted: list[Todo]) -> None:
    """The pages together show each of the todos once, as they are, in order of creation, and count them."""
    shown = [each["id"] for page in pages for each in page["items"]]
    right = [each["id"] for each in wanted]
    if shown != right:
        how = "each once, in order of creation" if sorted(shown) == sorted(right) else "each of them once"
        raise Broken(
            f"GET {path} and its next pages show the ids {short(shown)}; the contract says {short(right)}, {how}."
        )
    for page in pages:
        if page["total"] != len(wanted):
            raise Broken(f"GET {path} has the total {page['total']}; the contract says it counts all {len(wanted)}.")
    differing = [each for page in pages for each in page["items"] if each not in wanted]
    if differing:
        raise Broken(f"GET {path} shows {short(differing[0])}, which is not how that todo came under its url.")
