"""Exercises: `check` an attempt, ask for a `hint`, look at a `solution`. Each lesson's own are in ``lesson_NN.py``."""

from helpers.exercises.asking import check, find, hint, lessons, of_lesson, solution

__all__ = ["check", "find", "hint", "lessons", "of_lesson", "solution"]
