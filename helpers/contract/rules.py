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
            Rule("made", "POST answers 201 with the todo, and its url as Location.", one_todo.made),
            Rule("kept", "All that is sent is kept, with its type, and is there under the url.", one_todo.kept),
            Rule("titles", "A title is text of 1 to 100 characters without the blanks around it.", one_todo.titles),
            Rule(
                "types", "done is true or false, order a whole number from 0 on; nothing is converted.", one_todo.types
            ),
            Rule(
                "unknown fields", "A field that nobody knows gets 422, with its name in `fields`.", one_todo.strangers
            ),
            Rule("refusals", "Every refusal has one form, whoever refuses.", one_todo.refusals),
            Rule("absent", "What is not there gets 404.", one_todo.absent),
            Rule("PATCH", "PATCH changes what is sent, leaves the rest, and keeps it.", one_todo.patched),
            Rule("PATCH checks", "PATCH checks as POST does; refused, it changes nothing.", one_todo.patch_checked),
            Rule("DELETE", "DELETE answers 204, takes this one away, and its id never comes back.", one_todo.deleted),
            Rule("pages", "The list comes in order of creation, in pages; next shows each once.", many_todos.paged),
            Rule("leafing", "A todo deleted meanwhile makes nobody miss another.", many_todos.deleted_between),
            Rule("filter", "done= filters items, total and next.", many_todos.filtered),
            Rule("limit", "limit is 1 to 100; anything else is refused, not repaired.", many_todos.limited),
            Rule("versions", "Each change gives a new ETag; PATCH needs the present one.", many_todos.versions),
            Rule("twelve at once", "Of twelve who change one version at once, one does.", many_todos.at_once),
            Rule("same key", "The same Idempotency-Key makes no second todo.", many_todos.repeated),
            Rule("ten at once", "Ten with one key in the same moment make one todo.", many_todos.repeated_at_once),
            Rule("document", "/openapi.json names every route and every status.", document.named),
            Rule("fields", "/openapi.json describes the fields that come.", document.described),
        ],
        start=1,
    )
)
