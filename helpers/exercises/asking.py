"""`check`, `hint` and `solution`, and how an exercise is found by its id."""

from __future__ import annotations

import os
import pkgutil
import re
import sys
from collections import Counter
from importlib import import_module
from types import EllipsisType

from helpers.errors import LessonError
from helpers.exercises.exercise import Exercise, Feedback, Hint, Solution
from helpers.words import listed

HERE = __name__.rpartition(".")[0]  # the package that has a file for each lesson

_NOTHING = object()
hints_given: Counter[str] = Counter()


def check(exercise_id: str, attempt: object = _NOTHING) -> Feedback:
    """Try `attempt`, the learner's answer to an exercise such as ``"2.1"``, and say what there is to say about it.

    Apps are served and asked, functions are called. Whatever the attempt does, the answer is a `Feedback`, within
    seconds. Under nbgrader (the environment variable NBGRADER_EXECUTION is set) anything but a pass raises
    LessonError, so that the cell counts as failed. LessonError too for an id that does not exist.
    """
    exercise = find(exercise_id)
    if attempt is _NOTHING:
        call = f'check("{exercise.id}", {_as_arguments(exercise)})'
        feedback = Feedback(exercise.id, "not started", f"Hand over your answer too: `{call}`.")
    else:
        feedback = exercise.feedback(attempt)
    if feedback.status != "passed" and os.environ.get("NBGRADER_EXECUTION"):
        raise LessonError(feedback.summary())
    return feedback


def hint(exercise_id: str, number: int | EllipsisType | None = None) -> Hint:
    """The next hint for an exercise, each time one that says more; or the one with this `number`, counted from 1.

    LessonError for a number that the exercise does not have.
    """
    exercise = find(exercise_id)
    count = len(exercise.hints)
    if number is None or number is ...:
        hints_given[exercise.id] += 1
        number = min(hints_given[exercise.id], count)
    if number not in range(1, count + 1):
        raise LessonError(f"Exercise {exercise.id} has {count} hints, 1 to {count}; there is no hint {number!r}.")
    return Hint(exercise, number)


def solution(exercise_id: str) -> Solution:
    """One answer to an exercise; its `.source` is the text of a whole answer cell."""
    return Solution(find(exercise_id))


def find(exercise_id: str) -> Exercise:
    """The exercise with this id; LessonError, with the ids that there are, where there is none."""
    parts = re.fullmatch(r"(\d+)\.(\d+)", exercise_id) if isinstance(exercise_id, str) else None
    if parts is None:
        raise LessonError(f'{exercise_id!r} is no exercise: name it in quotes, lesson first, as in "2.1".')
    lesson = int(parts[1])
    if lesson not in lessons():
        raise LessonError(f"There are no exercises for lesson {lesson}, only for {listed(lessons())}.")
    exercises = of_lesson(lesson)
    wanted = f"{lesson}.{int(parts[2])}"
    if wanted not in exercises:
        raise LessonError(f"Lesson {lesson} has no exercise {exercise_id}; it has {listed(exercises)}.")
    return exercises[wanted]


def lessons() -> list[int]:
    """The numbers of the lessons that have exercises, in order."""
    names = (module.name for module in pkgutil.iter_modules(sys.modules[HERE].__path__))
    return sorted(int(name.removeprefix("lesson_")) for name in names if re.fullmatch(r"lesson_\d+", name))


def of_lesson(lesson: int) -> dict[str, Exercise]:
    """The exercises of a lesson by their ids, in order. Its file is imported when they are first asked for."""
    module = import_module(f"{HERE}.lesson_{lesson:02}")
    return {exercise.id: exercise for exercise in module.EXERCISES}


def _as_arguments(exercise: Exercise) -> str:
    names = ", ".join(exercise.answer)
    return f"({names})" if len(exercise.answer) > 1 else names
