"""Lesson 07: other right answers to its exercises, and runs in which everything comes out as its text says."""

import os
import re
from pathlib import Path

import pytest
from lessons import QUICK, ROOT, changed, read, run_lesson, solved
from steady import until_quiet
from test_exercises import attempt_at

from helpers import check
from helpers.benchmark import Estimate
from helpers.exercises import find, lesson_07
from helpers.exercises.attempt import NotYet
from helpers.exercises.lesson_07 import judge_ratio

NOTEBOOK = ROOT / "notebooks" / "07_honest_benchmarks.ipynb"
SECONDS = 280  # for one run of the lesson; under four minutes on two cores, of which tests may have less

ALSO_RIGHT = {
    "7.1 with two processes": 'setting = {"workers": 2, "threads": 50}\n',
    "7.1 with more than enough": 'setting = {"threads": 150}\n',
    "7.2 in another order": 'flaws = {"C": "counts errors", "B": "blocks the loop", "A": "unequal processes"}\n',
}


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.long) if name.endswith("more than enough") else name for name in ALSO_RIGHT],
)
def test_another_right_answer_passes_too(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LESSON_PACE", "0.4")
    exercise = find(name.split()[0])

    def passes() -> None:
        feedback = check(exercise.id, attempt_at(exercise, ALSO_RIGHT[name]))
        assert feedback.status == "passed", feedback.message

    until_quiet(passes)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("{}", "dict of"),
        ('{"processes": 4}', "dict of"),
        ('{"threads": 0}', "1 or more"),
        ('{"threads": True}', "1 or more"),
        ('{"threads": 1000}', "500"),
    ],
)
def test_a_setting_that_cannot_be_is_a_sentence(setting: str, said: str) -> None:
    exercise = find("7.1")
    feedback = check("7.1", attempt_at(exercise, f"setting = {setting}\n"))
    assert feedback.status == "not yet"
    assert said in feedback.message


def test_a_right_setting_on_a_busy_machine_is_not_called_too_small() -> None:
    busy = Estimate("FastAPI", "Flask", 1.6, 1.3, 1.9, 8, "busy")
    with pytest.raises(NotYet, match="has room for all 100"):
        judge_ratio(busy, {"workers": 2, "threads": 50})
    with pytest.raises(NotYet, match="for 80 at a time"):
        judge_ratio(busy, {"threads": 80})


def test_what_is_measured_decides_once_the_arithmetic_has_nothing_to_say(monkeypatch: pytest.MonkeyPatch) -> None:
    measured = [Estimate("FastAPI", "Flask", value, value - 0.1, value + 0.1, 8, "") for value in (2.0, 1.0)]
    monkeypatch.setattr(lesson_07, "measured_ratio", lambda setting: measured.pop(0))
    setting = attempt_at(find("7.1"), find("7.1").solution)
    slower, equal = check("7.1", setting), check("7.1", setting)
    assert (slower.status, equal.status) == ("not yet", "passed")
    assert "FastAPI answers 2.0 times as many" in slower.message


def numbers(text: str) -> list[float]:
    return [float(number.replace(",", "")) for number in re.findall(r"\d[\d,]*(?:\.\d+)?", text)]


# At a quick pace, too, a stall must fit into a load, and so must fifty people before one thread.
UNHURRIED = (
    ("run-closed", "seconds=4", "seconds=8"),
    ("run-threads", "budget=18", "budget=18 if n > 1 else 36"),
)


@pytest.mark.lesson("07 as stored")
@pytest.mark.timeout(SECONDS + 60)
def test_everything_comes_out_as_the_text_says(tmp_path: Path) -> None:
    seen = run_lesson(NOTEBOOK, tmp_path, SECONDS, changed(read(NOTEBOOK), UNHURRIED), pace=0.4)
    assert 300 < numbers(seen["judge-known"])[2] <= 1000  # Little's law for 50 connections and 50 ms
    _, low, high = numbers(seen["judge-itself"])[:3]
    assert low <= 1 <= high or "nconclusive" in seen["run-itself"]
    ratios = {int(n): float(value) for n, value in re.findall(r"(\d+) threads?: ([\d.]+)", seen["run-threads"])}
    assert list(ratios) == [1, 6, 12, 50]
    assert list(ratios.values()) == sorted(ratios.values(), reverse=True)
    assert ratios[1] > 20 > 3 > ratios[50]
    assert seen["run-limit"].startswith("At 200 connections, answers a second: FastAPI")
    assert "Flask, gevent" in seen["run-limit"] or os.name == "nt"
    assert seen["run-cost"].count("ms of the processor") == (6 if os.name == "posix" else 4)
    assert numbers(seen["judge-open"])[2] > 5 * numbers(seen["judge-stall"])[1]
    assert "40 times" in seen["run-history"] or "39.90" in seen["run-history"]
    mine, theirs = numbers(seen["run-own-load"])
    assert theirs > 2 * mine
    assert "0 good answers" in seen["run-errors"] and "× 404" in seen["run-errors"]
    in_a, in_b, in_c = (numbers(line.partition(":")[2]) for line in seen["three-benchmarks"].splitlines())
    assert in_b[1] > 5 * in_b[0] and min(*in_a, *in_c) > 0
    assert "Verdict: does not hold." in seen["judge-c30"] or "Verdict: inconclusive." in seen["judge-c30"]
    for claim in ("c32", "c33"):  # a clock decides them
        assert re.search(r"Verdict: (holds|inconclusive)\.", seen[f"judge-{claim}"])
    assert "one more request takes less memory: yes" in seen["judge-c31"]


FLIPS = (
    ("launch-flask", "connections = 50", "connections = 12"),
    ("launch-flask", "[1, 6, 12, 50]", "[6, 12]"),
    ("run-closed", "concurrency=2", "concurrency=150"),
    ("judge-c30", "max(ratios)", "min(ratios)"),
    ("judge-c31", 'flask = "Flask, threads"', 'flask = "Flask, gevent"'),
)


@pytest.mark.long
@pytest.mark.lesson("07 solved")
@pytest.mark.timeout(SECONDS + 60)
def test_each_flip_turns_its_result_over_in_the_solved_lesson(tmp_path: Path) -> None:
    notebook = changed(solved(read(NOTEBOOK)), FLIPS)
    notebook.cells = [cell for cell in notebook.cells if cell.id not in ("run-itself", "judge-itself", "run-gil")]
    notebook.cells = [cell for cell in notebook.cells if cell.id not in ("run-processes", "judge-c33")]
    seen = run_lesson(NOTEBOOK, tmp_path, SECONDS, notebook, status="passed", pace=QUICK)
    ratios = {int(n): float(value) for n, value in re.findall(r"(\d+) threads: ([\d.]+)", seen["run-threads"])}
    assert ratios[12] < 1.6 < ratios[6] * 1.2
    assert f"{ratios[6]:.3g} (" in seen["judge-c30"], "the verdict is about the setting that was chosen"
    assert "one more request takes less memory: no" in seen["judge-c31"]
