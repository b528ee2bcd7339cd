"""What an exercise is: its hints, one answer, the usual wrong ones and a check; and how these show in a cell."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from helpers.errors import LessonError
from helpers.exercises.attempt import NotStarted, NotYet, bracketless, crash_sentence, is_blank, within
from helpers.plots import Drawn, escape, inline

Status = Literal["not started", "passed", "not yet"]

_LOOKS: dict[Status, tuple[str, str]] = {"passed": ("good", "✓"), "not yet": ("bad", "✗"), "not started": ("note", "…")}


class Wrong(NamedTuple):
    """A mistake that learners make: the whole answer cell, and words that only the message for it has."""

    source: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Exercise:
    """One exercise. Its text, and the cell to fill in, stand in the notebook.

    `check` is called with the learner's attempt, in a thread of its own. It returns a sentence for an attempt that
    passes, and raises `NotYet` with a sentence for one that does not. Anything else it raises is told as a crash of
    the learner's code.
    """

    id: str  # "2.1": lesson 2, first exercise
    title: str
    also: str  # other right answers, and what they trade: told after a pass
    answer: tuple[str, ...]  # the names that the answer cell defines; with several, the attempt is a tuple of them
    hints: tuple[str, ...]  # growing detail
    solution: str  # the whole answer cell, which runs by itself
    wrong: Mapping[str, Wrong]
    check: Callable[[Any], str]
    seconds: float = 20  # how long the check may take

    def feedback(self, attempt: object) -> Feedback:
        """What there is to say about `attempt`, after about `seconds` at most. Raises nothing."""
        try:
            return Feedback(self.id, "passed", within(self.seconds, lambda: self._praise(attempt)), self.also)
        except NotStarted as nothing:
            return Feedback(self.id, "not started", str(nothing))
        except (NotYet, LessonError) as mistake:
            return Feedback(self.id, "not yet", str(mistake))
        except KeyboardInterrupt:
            raise
        except BaseException as crash:  # the learner's code may raise anything, sys.exit() included
            return Feedback(self.id, "not yet", crash_sentence(crash))

    def _praise(self, attempt: object) -> str:
        for one in attempt if isinstance(attempt, tuple) else (attempt,):
            if hasattr(one, "url") and hasattr(one, "entrance"):
                raise NotYet("Hand over the app itself, not the server that `serve` made from it.")
        if is_blank(attempt) and (name := bracketless()):
            raise NotYet(
                f"Above `{name}` stands a decorator without brackets, so that no path is routed: "
                'write it as in `@app.get("/ping")`.'
            )
        if is_blank(attempt):
            raise NotStarted(f'Fill in the answer cell and run it, then this one; hint("{self.id}") gets you going.')
        return self.check(attempt)


class Feedback(Drawn):
    """What a check says: `.status` is ``"not started"``, ``"passed"`` or ``"not yet"``; `.message` says why.

    `.also` are other right answers, after a pass.
    """

    def __init__(self, exercise_id: str, status: Status, message: str, also: str = "") -> None:
        self.id, self.status, self.message, self.also = exercise_id, status, message, also

    def summary(self) -> str:
        return f"Exercise {self.id}: {self.status}. {self.message}{self.also and f' {self.also}'}"

    def body(self) -> str:
        mood, mark = _LOOKS[self.status]
        head = f'<b><span aria-hidden="true">{mark}</span> Exercise {self.id}: {self.status}.</b>'
        also = self.also and f'<p class="quiet">{inline(self.also)}</p>'
        return f'<p class="{mood}">{head} {inline(self.message)}</p>{also}'


class Hint(Drawn):
    """One hint of an exercise: `.number`, `.text`, and how many are left, `.remaining`."""

    def __init__(self, exercise: Exercise, number: int) -> None:
        self.number, self.text = number, exercise.hints[number - 1]
        self.remaining = len(exercise.hints) - number
        self._head = f"Hint {number} of {len(exercise.hints)} for exercise {exercise.id}:"
        if self.remaining:
            self._then = f'({self.remaining} more: run hint("{exercise.id}") again)'
        else:
            self._then = f'(the last one; solution("{exercise.id}") shows an answer)'

    def summary(self) -> str:
        return f"{self._head} {self.text} {self._then}"

    def body(self) -> str:
        head, then = f"<b>{self._head}</b>", f'<span class="quiet">{escape(self._then)}</span>'
        return f'<p class="note">{head} {inline(self.text)} {then}</p>'


class Solution(Drawn):
    """One answer to an exercise. `.source` is the text of a whole answer cell; any other that passes is as good."""

    def __init__(self, exercise: Exercise) -> None:
        self.source = exercise.solution.strip("\n")
        self._head = f"One answer to exercise {exercise.id}, {exercise.title}"

    def summary(self) -> str:
        return f"# {self._head}\n{self.source}"

    def body(self) -> str:
        return f'<div class="note"><p><b>{escape(self._head)}</b></p><pre>{escape(self.source)}</pre></div>'
