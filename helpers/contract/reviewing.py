"""`review`: all rules of the contract, each told to a fresh app; and the map that shows what is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from helpers.arguments import whole_number
from helpers.contract import attempts
from helpers.contract.apart import CannotStart, start
from helpers.contract.rules import RULES
from helpers.contract.story import Broken, Story
from helpers.errors import LessonError
from helpers.plots import Drawn, escape, table
from helpers.words import plural


class Review(Drawn):
    """What became of each rule that was told.

    `broken` maps a rule's number to one sentence with the request, what came and what the contract says; `kept` are the
    numbers of the others. `first` is the lowest broken number, None without one: one mistake often breaks later rules
    too, so that is where to look.
    """

    def __init__(self, name: str, broken: dict[int, str], kept: list[int]) -> None:
        self.name, self.broken, self.kept = name, broken, kept
        self._attempts = attempts.remember(name, broken, kept)

    @property
    def first(self) -> int | None:
        """The lowest number of a broken rule; None where all are kept."""
        return min(self.broken, default=None)

    @property
    def stumbled(self) -> int | None:
        """The first broken rule of the first attempt that kept rule 1; None where there was no such attempt."""
        begun = (attempt for attempt in self._attempts if 1 in attempt["kept"])
        return min(next(begun, {"broken": []})["broken"], default=None)

    @property
    def title(self) -> str:
        """The finding in one line."""
        told = len(self.kept) + len(self.broken)
        return f"{self.name}: {len(self.kept)} of {plural(told, 'rule')} kept"

    def summary(self) -> str:
        lines = [f"Rule {number} ({RULES[number].name}): {self.broken[number]}" for number in sorted(self.broken)]
        return "\n".join([f"{self.title}.", *lines])

    def body(self) -> str:
        parts = [f"<p><b>{escape(self.title)}</b></p>", attempts.drawn(self._attempts)]
        if self.first is not None:
            rule = f"Rule {self.first}, {RULES[self.first].name}"
            seen = escape(self.broken[self.first])
            parts.append(f'<p class="bad">Begin here. <b>{escape(rule)}:</b> {seen}</p>')
        if rest := sorted(self.broken)[1:]:
            rows = [(str(number), RULES[number].name, self.broken[number]) for number in rest]
            said = f"{plural(len(rest), 'more broken rule')}: one mistake often breaks several"
            parts.append(f"<details><summary>{said}</summary>{table(rows, ('rule', '', 'what was seen'))}</details>")
        rules = [(str(number), rule.name, rule.says) for number, rule in RULES.items()]
        parts.append(f"<details><summary>The twenty rules</summary>{table(rules, ('rule', '', 'it says'))}</details>")
        return "".join(parts)


def review(make_app: Callable[[], Any], rules: Iterable[int] | None = None, *, stop_first: bool = False) -> Review:
    """Tell the contract's rules to `make_app()`, which returns a new WSGI or ASGI app with an empty store each time.

    Each rule gets an app of its own; `make_app` may also return a server that `launch` started. `rules` are the numbers
    (1 to 20) of those to tell, all of them where it is left out; `stop_first` stops at the first broken one.

    Whatever the app does, there is a sentence for it, within seconds a rule. Raises LessonError for numbers that no
    rule has, and where `make_app` is no function.
    """
    numbers = _numbers(rules)
    refuse_apps(make_app)
    name = getattr(make_app, "__name__", type(make_app).__name__)
    broken: dict[int, str] = {}
    kept: list[int] = []
    for number in numbers:
        try:
            app = start(make_app)
        except CannotStart as trouble:
            broken |= dict.fromkeys([number] if stop_first else numbers[len(broken) + len(kept) :], str(trouble))
            break
        try:
            RULES[number].story(Story(app))
            kept.append(number)
        except Broken as found:
            broken[number] = str(found)
        finally:
            app.stop()
        if broken and stop_first:
            break
    return Review(name, broken, kept)


def refuse_apps(make_app: object) -> None:
    """Raises LessonError for an app in place of the function that makes one, and for what cannot be called."""
    if not callable(make_app) or hasattr(make_app, "wsgi_app") or hasattr(make_app, "openapi"):
        kind = type(make_app).__name__
        raise LessonError(f"Hand over the function that makes the app, review(make_app); this is an object, a {kind}.")


def _numbers(rules: Iterable[int] | None) -> list[int]:
    if rules is None:
        return list(RULES)
    if isinstance(rules, int) or not isinstance(rules, Iterable) or isinstance(rules, str):
        raise LessonError(f"rules= is a list of numbers, such as [1, 2], not {rules!r}.")
    numbers = sorted({whole_number("A rule's number", rule, 1, len(RULES)) for rule in rules})
    if not numbers:
        raise LessonError(f"Name one rule or more, from 1 to {len(RULES)}.")
    return numbers
