"""The contract's twenty rules: a few words, the whole sentence, and the story that tells whether an app keeps it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from helpers.contract import document, many_todos, one_todo
from helpers.contract.story import Story


class Rule(NamedTuple):
    """One rule; `story` asks a fresh app, and raises Broken where the rule is not kept."""

    name: str
    says: str
    story: Callable[[Story], None]


RULES: dict[int, Rule] = dict(
    enumerate(
        [
            Rule(
                "made",
                "POST answers 201 with the todo and its url as Location; without done and order it is not done "
                "and has no order.",
                one_todo.made,
            ),
            Rule("kept", "All that is sent is kept, with its type, and is there under the todo's url.", one_todo.kept),
            Rule(
                "titles",
                "A title is text of 1 to 100 characters, not counting the blanks around it, which are cut off. "
                "Missing, empty, too long, 5, null: 422.",
                one_todo.titles,
            ),
            Rule(
                "types",
                'done is true or false, order a whole number from 0 on or null; nothing is converted: "yes", 1, '
                '"3" and 1.5 get 422.',
                one_todo.types,
            ),
            Rule(
                "unknown fields",
                "A field that nobody knows gets 422, and its name is among `fields`.",
                one_todo.unknown_fields,
            ),
            Rule(
                "refusals",
                "Every refusal has the one form: also of an unknown path (404), of a method that a path does not "
                "have (405), and of broken JSON (400 or 422).",
                one_todo.refusals,
            ),
            Rule("absent", "What is not there gets 404: GET, PATCH with an If-Match, DELETE.", one_todo.absent),
            Rule(
                "PATCH",
                'PATCH changes what is sent, leaves the rest, and keeps it; "order": null takes the order away.',
                one_todo.patched,
            ),
            Rule(
                "PATCH checks",
                "PATCH checks as POST does; a refused one changes nothing, not even its good half.",
                one_todo.patch_checked,
            ),
            Rule(
                "DELETE",
                "DELETE answers 204 without a body, takes this one away and no other; its id never comes back.",
                one_todo.deleted,
            ),
            Rule(
                "pages",
                "The list comes in order of creation, 20 a page unless `limit` says otherwise; following next "
                "shows each todo once; total counts all.",
                many_todos.paged,
            ),
            Rule(
                "leafing",
                "A todo deleted meanwhile makes nobody miss another: `after` is the last id seen, not an offset.",
                many_todos.deleted_between,
            ),
            Rule(
                "filter",
                "done=true and done=false filter items, total and next; done=maybe gets 422.",
                many_todos.filtered,
            ),
            Rule("limit", "limit is 1 to 100; 0, 101, -1 and ten get 422: refused, not repaired.", many_todos.limited),
            Rule(
                "versions",
                "Each change gives a new ETag and version; GET and POST give the same while nothing changes. "
                "PATCH without If-Match gets 428, with an old one 412, and changes nothing.",
                many_todos.versions,
            ),
            Rule(
                "twelve at once",
                "Of twelve who change the same version in the same moment, one gets 200 and eleven 412.",
                many_todos.at_once,
            ),
            Rule(
                "same key",
                "The same Idempotency-Key again gets 200 and the same todo, no second one; for another todo 409.",
                many_todos.repeated,
            ),
            Rule(
                "ten at once",
                "Ten with the same key in the same moment make one todo, and one of them gets 201.",
                many_todos.repeated_at_once,
            ),
            Rule(
                "document",
                "/openapi.json names every route, and every status that these rules meet on it.",
                document.named,
            ),
            Rule(
                "fields",
                "/openapi.json describes what comes: the properties of a todo's 200 are the fields that a todo has.",
                document.described,
            ),
        ],
        start=1,
    )
)
