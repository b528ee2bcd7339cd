"""Rules 19 and 20: what /openapi.json says of the app."""

from __future__ import annotations

import re
from typing import Any

from helpers.contract.story import FIELDS, Broken, Story, excerpt, told, value
from helpers.words import listed

ONE, MANY = r"/todos/\{[^/{}]+\}", "/todos"
STATUSES = {
    ("GET", MANY): (200, 422),
    ("POST", MANY): (201, 200, 409, 422),
    ("GET", ONE): (200, 404),
    ("PATCH", ONE): (200, 404, 412, 422, 428),
    ("DELETE", ONE): (204, 404),
}
DEEPEST = 20  # references from one to the next


def named(app: Story) -> None:
    document = _document(app)
    missing = []
    for (method, path), statuses in STATUSES.items():
        place = f"{method} {'/todos/ID' if path == ONE else path}"
        operation = _operation(document, method, path)
        if operation is None:
            missing.append(place)
            continue
        responses = operation.get("responses")
        found = {str(status) for status in responses} if isinstance(responses, dict) else set()
        if absent := [status for status in statuses if str(status) not in found]:
            missing.append(f"{place} {listed(absent)}")
    if missing:
        raise Broken(f"GET /openapi.json does not name {'; '.join(missing)}; the contract says every route and status.")


def described(app: Story) -> None:
    document = _document(app)
    operation = _operation(document, "GET", ONE) or {}
    schema = _schema_of(document, operation)
    if schema is None:
        raise Broken(
            "GET /openapi.json describes no JSON for the 200 of GET /todos/ID; the contract says a todo's fields."
        )
    found = _properties(document, schema)
    parts = [f"leaves out {listed(sorted(FIELDS.keys() - found))}"] if FIELDS.keys() - found else []
    parts += [f"has {listed(sorted(found - FIELDS.keys()))}, which never comes"] if found - FIELDS.keys() else []
    if parts:
        raise Broken(
            f"GET /openapi.json describes the 200 of GET /todos/ID, and {listed(parts)}; "
            "the contract says the fields that a todo has."
        )


def _document(app: Story) -> dict[str, Any]:
    answer = app.ask("GET", "/openapi.json", 200)
    document = value(answer)
    if not isinstance(document, dict) or not isinstance(document.get("paths"), dict):
        raise Broken(f"{told(answer)} came back {excerpt(answer)}, which is no OpenAPI document: it has no paths.")
    return document


def _operation(document: dict[str, Any], method: str, path: str) -> dict[str, Any] | None:
    for name, item in document["paths"].items():
        if isinstance(item, dict) and re.fullmatch(path, str(name)) and isinstance(item.get(method.lower()), dict):
            found: dict[str, Any] = item[method.lower()]
            return found
    return None


def _schema_of(document: dict[str, Any], operation: dict[str, Any]) -> Any:
    """The schema of the JSON in an operation's 200; None where there is none."""
    found: Any = operation
    for name in ("responses", "200", "content", "application/json", "schema"):
        found = _followed(document, found)
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _properties(document: dict[str, Any], schema: Any, depth: int = 0) -> set[str]:
    """The names of a schema's properties, through references and what it is composed of."""
    schema = _followed(document, schema)
    if not isinstance(schema, dict) or depth > DEEPEST:
        return set()
    properties = schema.get("properties")
    names = set(properties) if isinstance(properties, dict) else set()
    for word in ("allOf", "anyOf", "oneOf"):
        for part in schema.get(word) or []:
            names |= _properties(document, part, depth + 1)
    return names


def _followed(document: dict[str, Any], found: Any) -> Any:
    """What a reference such as ``#/components/schemas/Todo`` leads to, whatever stands between."""
    for _ in range(DEEPEST):
        if not (isinstance(found, dict) and isinstance(found.get("$ref"), str)):
            break
        place: Any = document
        for part in found["$ref"].removeprefix("#/").split("/"):
            place = place.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(place, dict) else None
        found = place
    return found
