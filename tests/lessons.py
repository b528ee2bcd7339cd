"""The lessons as tests see them: which there are, their cells, exercises filled in, and what a run shows."""

from __future__ import annotations

import ast
import os
import re
import time
from collections.abc import Iterable, Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from helpers.exercises import solution

LONG = {"07", "08"}  # lessons that take minutes, as they measure servers of their own
WITHOUT_CLOCK = {"00", "01", "02", "03", "04", "10", "11", "12"}  # lessons in which nothing is measured by a clock
QUICK = 0.2  # the pace at which loads are as short as a test of the cells, not of the numbers, can have them
ROOT = Path(__file__).resolve().parents[1]
WRITEFILE = re.compile(r"\A%%writefile work/\w+\.py$", re.MULTILINE)  # how a lesson makes a file for a server to load


def notebooks() -> list[Path]:
    """Every lesson, in order."""
    return sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))


def read(path: Path) -> NotebookNode:
    """A copy of the notebook as it is stored; its format is checked by a rule of its own."""
    return deepcopy(stored(path))


def stored(path: Path) -> NotebookNode:
    """The notebook at `path`, read once: to look at, not to change."""
    return _stored(path, path.stat().st_mtime_ns)


@cache
def _stored(path: Path, changed: int) -> NotebookNode:
    return nbformat.from_dict(nbformat.reader.reads(path.read_text(encoding="utf-8")))


def exercise_of(cell: NotebookNode) -> str | None:
    """``"2.1"`` where `cell` is the answer cell of that exercise (tags ``exercise`` and ``2.1``), else None."""
    tags = cell.metadata.get("tags", [])
    return next((tag for tag in tags if tag != "exercise"), "") if "exercise" in tags else None


def solved(notebook: NotebookNode) -> NotebookNode:
    """A copy of `notebook` in which each answer cell holds the reference solution."""
    copy = deepcopy(notebook)
    for cell in copy.cells:
        if exercise := exercise_of(cell):
            cell.source = solution(exercise).source
    return copy


@cache
def parsed(source: str) -> ast.Module:
    """A cell as Python reads it, to look at; an empty module where it is no Python, which a rule of its own reports.

    The one magic that counts as Python is ``%%writefile work/NAME.py``, whose file is.
    """
    try:
        return ast.parse(WRITEFILE.sub("", source))
    except SyntaxError:
        return ast.Module(body=[], type_ignores=[])


def calls(source: str, name: str) -> list[ast.Call]:
    """The calls of the function `name` in a cell, in the order of the text."""
    found = [node for node in ast.walk(parsed(source)) if isinstance(node, ast.Call)]
    found = [call for call in found if isinstance(call.func, ast.Name) and call.func.id == name]
    return sorted(found, key=lambda call: (call.lineno, call.col_offset))


def first_argument(call: ast.Call) -> Any:
    """The literal that a call begins with (``"C14"``), or None where it is no literal."""
    first = call.args[0] if call.args else None
    return first.value if isinstance(first, ast.Constant) else None


def run_all(notebook: NotebookNode, folder: Path, seconds: float, times: int = 1) -> Iterator[NotebookNode]:
    """Run every cell in one fresh kernel that works in `folder`; yield the notebook with its outputs, `times` times.

    A cell that fails does not end the run, as its error is an output. `seconds` bound the whole of it: AssertionError
    with the cell's source when a cell does not end in time, or takes the kernel with it.
    """
    client = NotebookClient(deepcopy(notebook), allow_errors=True, resources={"metadata": {"path": str(folder)}})
    end = time.monotonic() + seconds
    client.timeout_func = lambda cell: max(1, round(end - time.monotonic()))
    with client.setup_kernel():
        for _ in range(times):
            for index, cell in enumerate(client.nb.cells):
                try:
                    client.execute_cell(cell, index)
                except (CellTimeoutError, DeadKernelError) as error:
                    raise AssertionError(f"{type(error).__name__} in {described(cell)}") from error
            yield deepcopy(client.nb)


def shown(notebook: NotebookNode) -> dict[str, str]:
    """What each code cell of an executed notebook shows, as plain text, by the cell's id."""
    texts = {}
    for cell in code_cells(notebook):
        parts = [output.get("text") or output.get("data", {}).get("text/plain", "") for output in cell.outputs]
        texts[cell.id] = "".join(parts)  # a stream may come in pieces
    return texts


def changed(notebook: NotebookNode, changes: Iterable[tuple[str, str, str]]) -> NotebookNode:
    """A copy of `notebook` with each (cell's id, old text, new text) carried out: what a learner does in a flip."""
    copy = deepcopy(notebook)
    cells = {cell.id: cell for cell in copy.cells}
    for cell_id, old, new in changes:
        assert old in cells[cell_id].source, f"{old!r} is not in cell {cell_id!r}"
        cells[cell_id].source = cells[cell_id].source.replace(old, new)
    return copy


def only(notebook: NotebookNode, *wanted: str) -> NotebookNode:
    """`notebook` with the cells of these ids alone, in this order."""
    cells = {cell.id: cell for cell in notebook.cells}
    return NotebookNode(notebook, cells=[cells[each] for each in wanted])


def run_lesson(
    path: Path,
    results: Path,
    seconds: float,
    notebook: NotebookNode | None = None,
    *,
    status: str = "not started",
    pace: float = 1,
) -> dict[str, str]:
    """What each cell of the lesson at `path`, or of a `notebook` made from it, shows in a run in a fresh kernel.

    Guesses and verdicts go to `results`, loads take the share `pace` of their time. Fails for whatever a learner
    should not see, and for a check that says anything but `status`.
    """
    with mock.patch.dict(os.environ, LESSON_RESULTS=str(results), LESSON_PACE=str(pace)):
        (executed,) = run_all(notebook or read(path), path.parent, seconds)
    assert_fine(executed, status)
    return shown(executed)


def assert_fine(executed: NotebookNode, status: str) -> None:
    """Nothing went wrong in an executed notebook, and each of its checks shows `status`."""
    complaints = [*troubles(executed), *wrong_checks(executed, status)]
    if complaints:  # show the first few: the others mostly follow from these
        raise AssertionError(f"{len(complaints)} troubles, first of all:\n\n" + "\n\n".join(complaints[:5]))


def troubles(notebook: NotebookNode) -> Iterator[str]:
    """What a learner should not see in the outputs of an executed notebook: errors, and anything on stderr."""
    for cell, output in outputs(notebook):
        if output.output_type == "error":
            yield f"{output.ename}: {output.evalue}\nin {described(cell)}"
        elif output.output_type == "stream" and output.name == "stderr":
            yield f"on stderr: {output.text.strip()}\nfrom {described(cell)}"


def wrong_checks(notebook: NotebookNode, status: str) -> Iterator[str]:
    """Each check in an executed notebook that does not show `status`."""
    for cell in code_cells(notebook):
        shown = [output.get("data", {}).get("text/plain", "") for output in cell.outputs]
        for call in calls(cell.source, "check"):
            wanted = f"Exercise {first_argument(call)}: {status}."
            if not any(text.startswith(wanted) for text in shown):
                yield f"{wanted!r} is not what is shown, but {shown}\nin {described(cell)}"


def code_cells(notebook: NotebookNode) -> Iterable[NotebookNode]:
    return (cell for cell in notebook.cells if cell.cell_type == "code")


def outputs(notebook: NotebookNode) -> Iterator[tuple[NotebookNode, NotebookNode]]:
    """Each output with its cell."""
    return ((cell, output) for cell in code_cells(notebook) for output in cell.outputs)


def described(cell: NotebookNode) -> str:
    """The cell as a message names it: its id and its source."""
    return f"cell {cell.get('id')!r}:\n{cell.source}"
