"""Lesson 03: other right answers to its exercises, and a run in which everything comes out as its text says."""

from pathlib import Path

import pytest
from lessons import ROOT, changed, read, run_lesson
from test_exercises import assert_passes

from helpers.exercises.lesson_03 import DRIFTED, LIBRARY, ORDERS, SMOREST_ORDERS

NOTEBOOK = ROOT / "notebooks" / "03_docs_that_write_themselves.ipynb"
SECONDS = 120  # for one run of the lesson

ALSO_RIGHT = {
    "3.1 with a response of its own": LIBRARY.replace(
        'raise HTTPException(404, "no such loan")', 'return JSONResponse({"no": "loan"}, 404)'
    ).replace("import FastAPI, HTTPException", "import FastAPI\nfrom fastapi.responses import JSONResponse"),
    "3.1 with another name for the number": LIBRARY.replace("number", "loan"),
    "3.1 with an answer that may be none": LIBRARY.replace("-> Loan:", "-> Loan | None:"),
    "3.1 with the status as text": LIBRARY.replace("{404: ", '{"404": '),
    "3.1 in a router": LIBRARY.replace("library = FastAPI()", "router = APIRouter()")
    .replace("@library", "@router")
    .replace("import FastAPI", "import APIRouter, FastAPI")
    + "\n\nlibrary = FastAPI()\nlibrary.include_router(router)\n",
    "3.2 with flask-smorest": SMOREST_ORDERS,
    "3.2 with marshmallow in APIFlask": ORDERS.replace("BaseModel", "Schema")
    .replace("from pydantic import Schema", "from marshmallow import Schema, fields")
    .replace("title: str", "title = fields.String(required=True)")
    .replace("copies: int", "copies = fields.Integer(required=True)"),
    "3.3 by status": DRIFTED.replace("return not ask", "return ask").replace("[0].ok", "[0].status != 201"),
    "3.3 with a test before": DRIFTED.replace("    return", '    ask(server, "POST", "/books", json={})\n    return'),
}


@pytest.mark.parametrize("name", ALSO_RIGHT)
def test_another_right_answer_passes_too(name: str) -> None:
    assert_passes(name.split()[0], ALSO_RIGHT[name])


@pytest.mark.lesson("03 as stored")
@pytest.mark.timeout(SECONDS + 60)
def test_everything_comes_out_as_the_text_says(tmp_path: Path) -> None:
    seen = run_lesson(NOTEBOOK, tmp_path, SECONDS)
    kinds = seen["count-kinds"]
    assert [kinds.count(f": {state}") for state in ("listed", "with a gap", "missing")] == [3, 3, 4]
    assert "'404'" not in seen["raises-responses"]
    assert seen["gaps"].count("True") == seen["gaps-closed"].count("False") == 3
    assert seen["hosts"].count("'") == 2 * 3
    assert seen["hosts-for-a-browser"] == "set()"
    assert "404" in seen["no-docs"]
    assert seen["open-shops"].count("422") == 4
    assert seen["body-schema"].count("['price', 'title']") == 4
    assert [line.count("200") for line in seen["ask-for-docs"].splitlines()] == [3, 4]
    assert (seen["rename"].count(": up to date"), seen["rename"].count(": drifted")) == (3, 1)
    assert "Flask, by hand: drifted" in seen["rename"]
    assert "'name'" in seen["flip-rename"]
    assert seen["validate"].count("True") == 4
    assert [line[-3:] for line in seen["truth"].splitlines()] == ["201", "201", "201", "422"]
    assert seen["prefix-told"] == "('/openapi.json', '/shop/openapi.json')"
    assert [line.split()[4] for line in seen["return-types-asked"].splitlines()] == ["200:", "500:", "200:"]
    assert ["bought_for" in line for line in seen["return-types-asked"].splitlines()] == [False, False, True]
    assert ["/books/{number}': ['200', '404']" in line for line in seen["extensions-gaps"].splitlines()] == [
        True,
        False,
    ]
    verdicts = {claim: seen[f"judge-{claim}"] for claim in ("c7", "c17", "c18", "c19", "c20", "c21")}
    with_conditions = [claim for claim, text in verdicts.items() if "Verdict: holds with conditions." in text]
    assert with_conditions == ["c7", "c17", "c18", "c19"]
    assert "Verdict: holds." in verdicts["c20"]
    assert "Verdict: does not hold." in verdicts["c21"]


FLIPS = (
    ("books-app", "price: float", "price: float\n    pages: int = 0"),
    ("books-app", "(book: Book)", "(book)"),
    ("kinds-three", "add_route", "add_api_route"),
    ("proxy", '"/" + rest)', '"/" + rest, headers={"x-forwarded-prefix": request.script_root + "/shop"})'),
)


@pytest.mark.lesson
@pytest.mark.timeout(SECONDS + 60)
def test_each_flip_turns_its_result_over(tmp_path: Path) -> None:
    seen = run_lesson(NOTEBOOK, tmp_path, SECONDS, changed(read(NOTEBOOK), FLIPS))
    assert "'pages'" in seen["book-schema"]
    assert "checks the body: no" in seen["judge-c7"]
    assert "Verdict: does not hold." in seen["judge-c7"]
    assert "model fields are in the document: yes" in seen["judge-c18"]
    assert "add_route: 200: with a gap" in seen["count-kinds"]
    assert seen["prefix-told"] == "('/shop/openapi.json', '/shop/openapi.json')"
