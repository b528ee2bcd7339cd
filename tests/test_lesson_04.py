"""Lesson 04: other right answers to its exercises, and runs in which everything comes out as its text says."""

from pathlib import Path

import pytest
from lessons import ROOT, changed, read, run_lesson
from test_exercises import assert_passes

from helpers.exercises.lesson_04 import FINDS, INSTALL, PUBLIC

NOTEBOOK = ROOT / "notebooks" / "04_types_and_daily_work.ipynb"
SECONDS = 200  # for one run: mypy reads the libraries the first time

ALSO_RIGHT = {
    "4.1 with response_model": PUBLIC.replace('}")', '}", response_model=Page)').replace(" -> Page", ""),
    "4.1 by a model made by hand": PUBLIC.replace("return PRICED[number]", "return Page(**PRICED[number])"),
    "4.1 asynchronous": PUBLIC.replace("def read_book", "async def read_book"),
    "4.2 step by step": FINDS.replace("    again =", "    if first != 201:\n        return True\n    again ="),
    "4.2 by other books": FINDS.replace("/loans/1", "/loans/7").replace("/loans/2", "/loans/8"),
    "4.3 by the teardown of the app context": INSTALL.replace("teardown_request", "teardown_appcontext"),
    "4.3 by status class": INSTALL.replace("response.status_code < 400", "response.status_code // 100 in (2, 3)"),
}


@pytest.mark.together
@pytest.mark.parametrize("name", ALSO_RIGHT)
def test_another_right_answer_passes_too(name: str) -> None:
    assert_passes(name.split()[0], ALSO_RIGHT[name])


@pytest.mark.together
@pytest.mark.lesson("04 as stored")
@pytest.mark.timeout(SECONDS + 60)
def test_everything_comes_out_as_the_text_says(tmp_path: Path) -> None:
    seen = run_lesson(NOTEBOOK, tmp_path, SECONDS)
    assert "mypy finds 10 in FastAPI, 8 in annotated Flask and 0 in Flask" in seen["run-bugs"]
    assert seen["open-bug"].count("404 refused") == 3
    assert "bought_for" not in seen["run-answer"] and "/shape: 500" in seen["run-answer"]
    assert '/own: 200 {"name":"Emma"}' in seen["run-answer"]
    assert "bought_for" in seen["run-flask-answer"]
    assert (
        seen["run-eighteenth"].count("no checker says anything") == seen["run-eighteenth"].count("200 wrong [1]") == 2
    )
    assert "Of 18 bugs, mypy finds 10 in FastAPI and 0 in Flask" in seen["map-eighteenth"]
    assert seen["run-alike"].count("[422, 422, 422, 422]") == 6
    assert seen["run-alike"].count("[201, 201, 201, 201]") == 1
    assert seen["run-alike"].count("[200, 200, 200, 200]") == 2
    assert seen["run-alike"].count("[404, 404, 404, 404]") == 1
    assert "By lines: APIFlask 1.35, flask-smorest 1.48 and Flask 2.96 times FastAPI" in seen["run-four"]
    assert "Flask: 68 lines (imports 5, models 7, decorators 5, views 17, document 34)" in seen["run-four"]
    assert seen["run-clients"] == "('raises', '500')"
    assert seen["run-rollback"] == "{'FastAPI': 'HTTPException', 'Flask': 'no exception'}"
    assert seen["run-replace"] == "('a stand-in', 'a stand-in')"
    assert seen["wrong-override"] == "'the real store'"
    assert seen["wrong-g-run"] == "(['1', '2'], ['1', '1'])"
    assert seen["wrong-lifespan-run"] == "False True\n"
    assert "Verdict: holds with conditions." in seen["judge-c43"]
    assert "Verdict: holds." in seen["judge-c36"]


FLIPS = (
    ("who", '"mypy": ["mypy"]', '"mypy": ["mypy", "--check-untyped-defs"]'),
    ("answer-fastapi", "def shape() -> Public:", "def shape():"),
    ("run-four", '"work/books_flask.py", "work/books_document.py"', '"work/books_flask.py"'),
    ("run-clients", "by_fastapi, by_flask =", "day_flask.testing = True\nby_fastapi, by_flask ="),
    ("conflict-routes", 'abort(409, "somebody else was faster")', 'raise KeyError("shelf")'),
    ("judge-c36", '"lines"\n', '"statements"\n'),
)


@pytest.mark.together
@pytest.mark.lesson
@pytest.mark.timeout(SECONDS + 60)
def test_each_flip_turns_its_result_over(tmp_path: Path) -> None:
    quiet = ("rollback-apps", 'Flask("rollback")', 'Flask("rollback")\nrollback_flask.logger.disabled = True')
    seen = run_lesson(NOTEBOOK, tmp_path, SECONDS, changed(read(NOTEBOOK), (*FLIPS, quiet)))
    assert "5 in Flask" in seen["run-bugs"]
    assert '/shape: 200 {"name":"Emma"}' in seen["run-answer"]
    assert "a wrong answer is stopped: no" in seen["judge-c43"]
    assert "Verdict: does not hold." in seen["judge-c43"]
    assert "Flask 1.48 times FastAPI" in seen["run-four"]
    assert seen["run-clients"] == "('raises', 'raises')"
    assert seen["run-rollback"] == "{'FastAPI': 'HTTPException', 'Flask': 'KeyError'}"
    assert "an extension closes the gap: yes" in seen["judge-c36"]
    assert "Verdict: holds with conditions." in seen["judge-c36"]
