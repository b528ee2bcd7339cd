"""Every lesson runs from top to bottom: as it is stored, solved, and twice in a row."""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from lessons import (
    LONG,
    QUICK,
    WITHOUT_CLOCK,
    assert_fine,
    calls,
    code_cells,
    exercise_of,
    notebooks,
    read,
    run_all,
    run_lesson,
    solved,
    stored,
    troubles,
    wrong_checks,
)
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook

SECONDS = 240  # for one run of one lesson
ONCE = LONG | {"09"}  # solved, these run once, and among the long tests


def lessons(how: str, long: Collection[str] = ()) -> Iterator[Any]:
    """Each lesson as a parameter of a test that runs it; a test of its own file that runs it so takes the place."""
    for path in notebooks():
        number = path.stem[:2]
        marks = [pytest.mark.lesson(f"{number} {how}"), *([pytest.mark.long] if number in long else [])]
        marks += [pytest.mark.together] if number in WITHOUT_CLOCK else []
        yield pytest.param(path, id=path.stem, marks=marks)


def test_there_are_lessons() -> None:
    assert notebooks(), "notebooks/ has no NN_topic.ipynb"


@pytest.mark.timeout(SECONDS + 60)
@pytest.mark.parametrize("path", [*lessons("as stored")])
def test_the_lesson_runs_as_it_is_stored(path: Path, tmp_path: Path) -> None:
    run_lesson(path, tmp_path, SECONDS)


@pytest.mark.timeout(2 * SECONDS + 60)
@pytest.mark.parametrize("path", [*lessons("solved", long=ONCE)])
def test_the_solved_lesson_runs_twice_in_one_kernel(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LESSON_RESULTS", str(tmp_path))
    monkeypatch.setenv("LESSON_PACE", str(QUICK))
    for executed in run_all(solved(read(path)), path.parent, 2 * SECONDS, times=1 if path.stem[:2] in ONCE else 2):
        assert_fine(executed, "passed")


@pytest.mark.parametrize("path", notebooks(), ids=lambda path: path.stem)
def test_each_lesson_has_exercises_and_checks(path: Path) -> None:
    cells = list(code_cells(stored(path)))
    assert any(exercise_of(cell) for cell in cells), "no cell has the tags of an exercise"
    assert any(calls(cell.source, "check") for cell in cells), "no cell checks an exercise"


# The harness itself: each kind of trouble must be seen


def run(*sources: str, folder: Path, seconds: float = 60, times: int = 1) -> Iterator[NotebookNode]:
    cells = [new_code_cell(source) for source in sources]
    notebook = new_notebook(cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})
    nbformat.validate(notebook)
    return run_all(notebook, folder, seconds, times)


def test_errors_and_stderr_are_seen_and_the_other_cells_run_too(tmp_path: Path) -> None:
    (executed,) = run("1 / 0", "import sys; print('careful', file=sys.stderr)", "print('fine')", folder=tmp_path)
    by_zero, on_stderr = troubles(executed)
    assert "ZeroDivisionError" in by_zero
    assert "1 / 0" in by_zero
    assert "careful" in on_stderr
    assert executed.cells[2].outputs[0].text == "fine\n"


def test_the_second_time_is_in_the_same_kernel_and_in_the_folder(tmp_path: Path) -> None:
    count = "from pathlib import Path\nn = globals().get('n', 0) + 1\nprint(n, Path.cwd())"
    first, second = run(count, folder=tmp_path, times=2)
    assert first.cells[0].outputs[0].text == f"1 {tmp_path}\n"
    assert second.cells[0].outputs[0].text == f"2 {tmp_path}\n"


def test_a_cell_that_does_not_end_is_named(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"CellTimeoutError in cell .*\n+while True"):
        list(run("while True:\n    pass", folder=tmp_path, seconds=4))


def test_a_cell_that_kills_the_kernel_is_named(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"DeadKernelError in cell .*\n+import os"):
        list(run("import os; os._exit(1)", folder=tmp_path))


def test_a_check_with_another_status_or_without_output_is_seen(tmp_path: Path) -> None:
    sources = "from helpers import check", 'check("0.1", ...)', 'check("0.1", ...);'
    (executed,) = run(*sources, folder=tmp_path)
    assert len(list(wrong_checks(executed, "not started"))) == 1
    assert len(list(wrong_checks(executed, "passed"))) == 2
    with pytest.raises(AssertionError, match=r"Exercise 0\.1: passed"):
        assert_fine(executed, "passed")
