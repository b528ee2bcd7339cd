"""What a rule is told with: requests to one fresh app, and sentences for answers that the contract does not allow."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

from helpers.client import burst
from helpers.contract.apart import Apart
from helpers.errors import LessonError
from helpers.exchange import Answer, ask
from helpers.exchange.comparing import shorten
from helpers.words import listed

ANSWER_SECONDS = 3.0  # for one answer
RULE_SECONDS = 15.0  # for all answers of one rule
FIELDS: dict[str, tuple[type, ...]] = {
    "id": (int,),
    "title": (str,),
    "done": (bool,),
    "order": (int, type(None)),
    "version": (int,),
    "url": (str,),
}

Todo = dict[str, Any]


class Broken(Exception):
    """Raised by a rule's story: one sentence with the request, what came, and what the contract says."""


class Story:
    """Asks one app. Each method raises Broken where the answer is not what the contract allows."""

    def __init__(self, app: Apart) -> None:
        self._app = app
        self._until = time.monotonic() + RULE_SECONDS

    def ask(self, method: str, path: str, *statuses: int, says: str = "", **request: Any) -> Answer:
        """The whole answer to a request, with one of these `statuses` where there are any; `says` is the contract's."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise Broken(f"The app is slow: {RULE_SECONDS:g} seconds were not enough for this rule.")
        headers = {"accept": "application/json", **request.pop("headers", {})}
        try:
            (answer,) = ask(self._app.url, method, path, timeout=min(ANSWER_SECONDS, left), headers=headers, **request)
        except LessonError as error:  # such as an address of the app's own that no request line can carry
            raise Broken(f"{method} {path} could not be sent: {error}") from error
        if answer.error:
            failure = self._app.failure()
            raise Broken(f"{told(answer)}: the app {answer.error}{f' ({failure})' if failure else ''}.")
        if statuses and answer.status not in statuses:
            wanted = f"{listed(statuses, 'or')}{f': {says}' if says else ''}"
            raise Broken(f"{told(answer)} came back {self._came(answer)}; the contract says {wanted}.")
        return answer

    def _came(self, answer: Answer) -> str:
        if answer.status == 500 and (failure := self._app.failure()):
            return f"500, as {failure}"
        return f"{answer.status} {excerpt(answer)}".rstrip()

    def post(self, headers: Mapping[str, str] | None = None, **fields: Any) -> Todo:
        """A new todo, as the answer to its POST shows it."""
        return todo(self.ask("POST", "/todos", 201, 200, json=fields, headers=headers or {}))

    def get(self, url: str) -> Todo:
        """The todo at its url."""
        return todo(self.ask("GET", url, 200))

    def patch(self, url: str, *statuses: int, says: str = "", **fields: Any) -> Answer:
        """The answer to a PATCH of the version there is."""
        return self.ask("PATCH", url, *statuses, says=says, json=fields, headers={"if-match": self.etag(url)})

    def etag(self, url: str) -> str:
        """The ETag of the todo at `url`; where the app sends none, what it would be by the version."""
        answer = self.ask("GET", url, 200)
        return answer.headers.get("etag") or f'"{todo(answer)["version"]}"'

    def page(self, path: str) -> dict[str, Any]:
        """A page of the list, whose form is right."""
        answer = self.ask("GET", path, 200)
        found = value(answer)
        if not isinstance(found, dict) or not {"items", "total", "next"} <= found.keys():
            raise Broken(f"{told(answer)} came back {excerpt(answer)}; a page has items, total and next.")
        after = found["next"]
        if not isinstance(found["items"], list) or type(found["total"]) is not int:
            raise Broken(f"{told(answer)} came back {excerpt(answer)}; items is a list of todos, total a number.")
        if after is not None and not (isinstance(after, str) and after.startswith("/todos?")):
            raise Broken(f'{told(answer)} has the next page {short(after)}; it is "/todos?..." or null.')
        for item in found["items"]:
            well_formed(item, told(answer))
        return found

    def pages(self, path: str, most: int = 40) -> list[dict[str, Any]]:
        """The page at `path`, and all that follow it."""
        found = [self.page(path)]
        while found[-1]["next"] is not None:
            if len(found) == most:
                raise Broken(f"{most} pages after GET {path} there is still a next one: the last page's next is null.")
            found.append(self.page(found[-1]["next"]))
        return found

    def crowd(self, n: int, method: str, path: str, json: Any, headers: dict[str, str]) -> Counter[int]:
        """How often each status came when `n` sent the same in the same moment; raises Broken for lost answers."""
        found = burst(self._app.url, path, n, method=method, json=json, headers=headers, timeout=10.0)
        if found.errors:
            lost = listed(f"{count} × {kind}" for kind, count in found.errors.items())
            raise Broken(f"{n} × {method} {path} in the same moment: {lost} in place of an answer.")
        if failed := sum(count for status, count in found.statuses.items() if status >= 500):
            failure = self._app.failure()
            why = f", as {failure}" if failure else ""
            raise Broken(f"{n} × {method} {path} in the same moment: {failed} came back 500 or more{why}.")
        return found.statuses


def value(answer: Answer) -> Any:
    """The JSON that came."""
    try:
        return answer.json()
    except LessonError:
        raise Broken(f"{told(answer)} came back {excerpt(answer)}, which is not JSON.") from None


def todo(answer: Answer) -> Todo:
    """The todo that came, whose form is right."""
    return well_formed(value(answer), told(answer))


def well_formed(found: Any, request: str) -> Todo:
    """`found`, where it has the fields of a todo, each of its type; what came is told with the `request`."""
    if not isinstance(found, dict):
        raise Broken(f"{request} came back {short(found)}; the contract says a todo, an object in JSON.")
    if missing := [name for name in FIELDS if name not in found]:
        raise Broken(f"{request} came back {short(found)}; a todo has {listed(missing)} too.")
    if extra := [name for name in found if name not in FIELDS]:
        raise Broken(f"{request} came back with {listed(map(str, extra))}, which no todo of the contract has.")
    for name, types in FIELDS.items():
        if type(found[name]) not in types:
            wanted = " or ".join(type_.__name__.replace("NoneType", "null") for type_ in types)
            raise Broken(f"{request} came back with {name} {short(found[name])}; the contract says {wanted}.")
    return found


def told(answer: Answer) -> str:
    """A request in words: ``POST /todos with {"title": "milk"} and If-Match "3"``."""
    sent = answer.sent
    if sent is None:
        return "A request"
    parts = [sent.body.decode("utf-8", "replace")] if sent.body else []
    names = {"if-match": "If-Match", "idempotency-key": "Idempotency-Key"}
    parts += [f"{name} {sent.headers[key]}" for key, name in names.items() if key in sent.headers]
    return f"{sent.method} {sent.target}" + (f" with {shorten(listed(parts), 160)}" if parts else "")


def excerpt(answer: Answer) -> str:
    """The beginning of what came."""
    return shorten(answer.content[:2000].decode("utf-8", "replace"), 120)


def short(found: Any) -> str:
    """A value that came, as JSON writes it."""
    return shorten(json.dumps(found, ensure_ascii=False), 120)
