"""Tracebacks in a notebook end where the learner's code does; nothing else about them changes."""

import re
from pathlib import Path

import pytest
from lessons import run_all
from nbformat.v4 import new_code_cell, new_notebook

IMPORTS = "import json\nfrom flask import Flask\nimport httpx\nfrom helpers import ask, serve"
WRONG = {
    "Flask, no slash": (
        'app = Flask("shop")\n\n\n@app.get("ping")\ndef ping():\n    return "pong"',
        "ValueError: URL rule 'ping' must start with a slash.",
        '@app.get("ping")',
    ),
    "nobody there": ('httpx.get("http://127.0.0.1:9")', "ConnectError", 'httpx.get("http://127.0.0.1:9")'),
}


def traceback_of(source: str, tmp_path: Path) -> str:
    (executed,) = run_all(new_notebook(cells=[new_code_cell(IMPORTS), new_code_cell(source)]), tmp_path, 60)
    (output,) = executed.cells[1].outputs
    assert output.output_type == "error"
    return re.sub(r"\x1b\[[\d;]*m", "", "\n".join(output.traceback))


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_is_shown_with_its_line_and_the_librarys_words(name: str, tmp_path: Path) -> None:
    source, words, line = WRONG[name]
    shown = traceback_of(source, tmp_path)
    assert words.partition(":")[0] in shown and words.rpartition(":")[2].strip() in shown
    assert "site-packages" not in shown
    assert len(shown.splitlines()) < 20
    assert line.split("(")[0].strip("@") in shown


def test_a_mistake_of_the_learners_own_and_a_lesson_error_are_as_they_were(tmp_path: Path) -> None:
    assert "1 / 0" in traceback_of("def divide():\n    return 1 / 0\n\n\ndivide()", tmp_path)
    assert traceback_of("serve(None)", tmp_path).startswith("NotAnApp: serve(None)")
    assert "json/decoder.py" in traceback_of('json.loads("{")', tmp_path).replace("\\", "/")
