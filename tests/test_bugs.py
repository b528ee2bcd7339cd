"""`hunt`: who finds which seeded bug, what the map and a case say, and what a learner's own files may be."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from helpers import LessonError
from helpers.bugs import Hunt, asking, hunt
from helpers.bugs.sources import Source, read, seeded
from helpers.checks import Open
from helpers.plots import card

pytestmark = pytest.mark.together

APPS = {"FastAPI": ["bugs_fastapi.py"], "annotated Flask": ["bugs_flask_annotated.py"], "Flask": ["bugs_flask.py"]}
RUFF = {"ruff": ["ruff", "check", "--select=F,B"]}

FASTAPI = """
    from bugs_fastapi import app


    @app.get("/control")
    def control() -> str:
        '''Nothing. GET /control -> "fine"'''
        return "fine"


    def helper(names=[]):
        return names


    @app.get("/odd/{number}")
    def odd(number: int) -> bool:
        '''Asks for even. GET /odd/3 -> true'''
        return number % 2 == 0
"""


@pytest.fixture(scope="module")
def found() -> Hunt:
    checkers = {"mypy": ["mypy"], "ruff": ["ruff", "check", "--select=F,B,FAST,RET"]}
    return hunt(APPS, {**checkers, "Pyrefly": ["pyrefly", "check", "--preset=default"]})


def planted(folder: Path, monkeypatch: pytest.MonkeyPatch, text: str = FASTAPI) -> dict[str, list[str]]:
    (folder / "planted.py").write_text(dedent(text))
    monkeypatch.chdir(folder)
    return {"FastAPI": ["bugs_fastapi.py", "planted.py"]}


@pytest.mark.timeout(200)
def test_the_three_apps_have_the_same_functions_and_no_checker_minds_the_one_without_a_bug(found: Hunt) -> None:
    functions = [[*read(file).functions] for (file,) in APPS.values()]
    assert functions == [["control", *found.bugs]] * 3
    assert len(found.bugs) == 17
    assert not any(isinstance(found.count(app, checker), Open) for app in found.apps for checker in found.checkers)
    right = {bug for app in found.apps for bug in found.bugs if found.asked[app][bug].outcome == "right"}
    assert right == {"leaked_field", "text_status"}  # stopped by FastAPI; taken as meant by Flask


@pytest.mark.timeout(200)
def test_what_the_lesson_says_about_who_finds_what(found: Hunt) -> None:
    assert [found.count(app, "mypy") for app in found.apps] == [10, 8, 0]
    assert [found.count(app, "Pyrefly") for app in found.apps] == [10, 8, 9]
    assert found.silent("FastAPI") == ["own_response"]
    assert found.silent("annotated Flask") == found.silent("Flask") == ["wrong_shape", "own_response", "leaked_field"]
    assert found.asked["FastAPI"]["unknown_object"].outcome == "at import"
    for bug in ("lying_type", "own_response"):
        assert not any(found.messages(app, checker, bug) for app in found.apps for checker in found.checkers)
    only_ruff = {bug for bug in found.bugs if found.messages("FastAPI", "ruff", bug)} - {
        *found.found("FastAPI", "mypy")
    }
    assert only_ruff == {"mutable_default", "other_parameter"}
    assert found.more("mypy", "FastAPI", "annotated Flask") is True


@pytest.mark.timeout(200)
def test_the_map_says_in_words_and_marks_what_it_found(found: Hunt) -> None:
    assert found.title == "Of 17 bugs, mypy finds 10 in FastAPI, 8 in annotated Flask and 0 in Flask"
    page = card(found.body())
    assert (
        page.count("●") == sum(len(found.found(app, checker)) for app in found.apps for checker in found.checkers) + 1
    )
    assert page.count('class="ends wrong"') == 2 + 4 + 4
    assert "GET /text-key/1: 404 refused" in found["text_key"].summary()
    assert "limit: int = request.args" in found["text_default"].body()
    assert max(map(len, found["text_status"].summary().splitlines())) < 260  # mypy lists every type that would do
    with pytest.raises(LessonError, match="no bug 'typo'"):
        found["typo"]
    with pytest.raises(LessonError, match="no 'Django' here; there are FastAPI"):
        found.count("Django", "mypy")


@pytest.mark.timeout(200)
def test_one_flag_lets_mypy_into_ordinary_flask() -> None:
    flag = hunt({"Flask": ["bugs_flask.py"]}, {"mypy": ["mypy", "--check-untyped-defs"]})
    assert flag.count("Flask", "mypy") == 5
    strict = hunt({"Flask": ["bugs_flask.py"]}, {"mypy": ["mypy", "--strict"]})  # that annotations lack is no bug
    assert strict.found("Flask", "mypy") == flag.found("Flask", "mypy")


def test_a_bug_of_ones_own_lands_in_the_map(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = hunt(planted(tmp_path, monkeypatch), RUFF)
    assert found.asked["FastAPI"]["odd"].outcome == "wrong"
    assert found.messages("FastAPI", "ruff", "odd") == [
        "B006 Do not use mutable data structures for argument defaults"
    ]  # what stands between two functions belongs to the lower one
    assert len(found.bugs) == 18


def test_whoever_complains_about_the_function_without_a_bug_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    apps = planted(tmp_path, monkeypatch, FASTAPI.replace('        return "fine"', '        return "fine" + nothing'))
    found = hunt(apps, RUFF)
    assert isinstance(found.count("FastAPI", "ruff"), Open)
    assert isinstance(found.more("ruff", "FastAPI", "FastAPI"), Open)
    assert found.title.startswith("Ruff complains about the function without a bug: F821")


def test_a_kernel_that_asks_for_colours_hears_as_much(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CLICOLOR", "CLICOLOR_FORCE", "FORCE_COLOR", "PY_COLORS"):
        monkeypatch.setenv(name, "1")
    checkers = {**RUFF, "Pyrefly": ["pyrefly", "check", "--preset=default"]}
    found = hunt({"Flask": ["bugs_flask.py"]}, checkers)
    assert [found.count("Flask", checker) for checker in found.checkers] == [1, 9]


STOPS = """
    from bugs_fastapi import app


    @app.get("/fine")
    def fine() -> int:
        '''Fine. GET /fine -> 1'''
        return 1


    @app.get("/stops")
    def stops(number: itn) -> int:
        '''Stops. GET /stops -> 1'''
        return 1


    @app.get("/stops-too")
    def stops_too(number: nit) -> int:
        '''Stops too. GET /stops-too -> 1'''
        return 1
"""


def test_a_function_that_stops_the_import_is_left_out_and_the_others_are_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = hunt(planted(tmp_path, monkeypatch, STOPS), RUFF).asked["FastAPI"]
    ends = {name: asked[name].outcome for name in ("fine", "stops", "stops_too", "missing_await")}
    assert ends == {"fine": "right", "stops": "at import", "stops_too": "at import", "missing_await": "crashed"}
    assert "name 'itn' is not defined" in asked["stops"].said


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x =", "planted.py is no Python yet"),
        ("from nowhere import app", "planted.py cannot be imported: ModuleNotFoundError"),
        (FASTAPI.replace(" -> true", ""), "odd in planted.py: let its docstring end in a request"),
        (FASTAPI.replace("-> true", "-> True"), "odd in planted.py: what follows -> is a status or JSON"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_in_a_sentence(
    text: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(LessonError, match=re.escape(message)):
        hunt(planted(tmp_path, monkeypatch, text), RUFF)


@pytest.mark.parametrize(
    ("apps", "checkers", "message"),
    [
        ({}, RUFF, "Give the apps by name"),
        ({"Flask": []}, RUFF, "Give the apps by name"),
        ({"Flask": ["nothing.py"]}, RUFF, "There is no file 'nothing.py', neither here nor in data/bugs"),
        (APPS, {}, "Give the checkers by name"),
        (APPS, {"pylint": ["pylint"]}, "it begins with ruff, mypy or pyrefly"),
        (APPS, {"mypy": "mypy --strict"}, "A checker is a list"),
        (APPS, {"ruff": ["ruff", "check", "--sellect=F"]}, "ruff check --sellect=F did not check anything"),
    ],
)
def test_what_cannot_be_hunted_is_told_in_a_sentence(apps: Any, checkers: Any, message: str) -> None:
    with pytest.raises(LessonError, match=re.escape(message)):
        hunt(apps, checkers)


def test_a_function_that_never_ends_ends_the_hunt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "SECONDS", 3)
    apps = planted(tmp_path, monkeypatch, FASTAPI.replace("        return number % 2 == 0", "        while True: ..."))
    with pytest.raises(LessonError, match="has not answered within 3 s: does a function never end"):
        hunt(apps, RUFF)


def test_a_source_knows_its_functions_and_their_lines() -> None:
    source = Source("planted", dedent(FASTAPI))
    assert [*source.functions] == ["control", "odd"]
    assert source.owner(len(source.text.splitlines()) + 1) is None
    piece = source.piece("odd")
    assert piece.startswith("def helper") and "GET /odd" not in piece and piece.endswith("== 0")


def test_the_checkers_see_what_the_folder_has() -> None:
    assert {path.name for path in seeded().glob("*.py")} == {"shelf.py", *(file for (file,) in APPS.values())}
