"""Each claim whose verdict a learner guesses can come out in two ways: as the lesson stands, and by its flip.

Here are the flips that turn verdicts and that no test of a lesson carries out. What the lessons find as they are stored
is in those tests; C28 and C29, for which a number is guessed, C24, C26, C30 and C31 have theirs in them too.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest
from lessons import ROOT, changed, only, read, run_lesson

SECONDS = 120  # for one run

BRIEF = """
@fastapi_app.exception_handler(RequestValidationError)
def brief(request, error):
    from fastapi.responses import JSONResponse

    return JSONResponse({"detail": [{"loc": each["loc"], "msg": each["msg"]} for each in error.errors()]}, 422)


fastapi = serve("""
DOCUMENT = """@bare_app.get("/openapi.json")
def describe():
    return hand_written(book_schema)


@bare_app.get("/docs")
def page():
    return "<title>Books</title>"


flask = serve(bare_app)"""


class Run(NamedTuple):
    """The cells that some verdicts need, what a flip changes in them, and the verdicts before and after it."""

    lesson: str
    cells: tuple[str, ...]
    flip: tuple[tuple[str, str, str], ...]
    before: dict[str, str]
    after: dict[str, str]
    always: tuple[tuple[str, str, str], ...] = ()  # what these verdicts can do without


MAP = (
    *("contract", "lookups-fastapi", "app-fastapi", "lookups-flask", "app-bare", "run-one", "schema-marshmallow"),
    *("app-marshmallow", "rules-cerberus", "app-cerberus", "app-pydantic", "app-strict", "serve-six", "count-cases"),
    *("run-map", "app-apiflask"),
)
KINDS = ("tools", "books-app", "kinds-one", "kinds-two", "kinds-three", "ten-kinds", "alive", "state", "count-kinds")
DOCS = (*KINDS, "gaps", "mended", "gaps-closed", "hosts", "no-docs", "proxy", "prefix-told")
SHOPS = ("in-fastapi", "in-apiflask", "in-smorest", "in-flask", "written-by-hand", "open-shops", "bare-flask")
FILES = ("big-file", "app-files", "ping-during", "run-open", "run-anyio", "new-threads")
BENCH = ("file-fastapi", "file-flask", "launch-fastapi", "launch-flask", "run-limit")
FEW = (
    ("launch-flask", "threads = [1, 6, 12, 50]", "threads = [50]"),
    ("run-limit", "[10, 50, 100, 200]", "[10, 20]"),
)
RUNS = {
    "annotations that are strict, a brief refusal, a decorator for Flask": Run(
        "02",
        MAP,
        (
            (
                "contract",
                "class Item(BaseModel):",
                "class Item(BaseModel):\n    model_config = ConfigDict(strict=True, extra='forbid')\n",
            ),
            ("app-fastapi", "fastapi = serve(", BRIEF),
            ("app-bare", 'bare_app = Flask("bare")', 'bare_app = APIFlask("bare")'),
            (
                "app-bare",
                "def add_item():\n    item = request.get_json()",
                "@bare_app.input(Item)\ndef add_item(json_data):\n    item = json_data.model_dump(mode='json')",
            ),
        ),
        {"C14": "holds with conditions", "C15": "holds with conditions", "C16": "holds with conditions"},
        {"C14": "holds", "C15": "holds", "C16": "does not hold"},
    ),
    "every route annotated, no docs": Run(
        "03",
        (*DOCS, *SHOPS, "body-schema", "ask-for-docs", "rename"),
        (
            ("kinds-one", "def plain():", "def plain() -> Book:"),
            ("kinds-one", '("/raises")', '("/raises", responses={404: {"description": "no such book"}})'),
            ("kinds-two", '("/by-hand")', '("/by-hand", openapi_extra={"requestBody": {"content": {}}})'),
            ("judge-c19", "tried = fastapi", "tried = no_docs"),
            ("bare-flask", "flask = serve(bare_app)", DOCUMENT),
        ),
        {"C18": "holds with conditions", "C19": "holds with conditions", "C20": "holds"},
        {"C18": "holds", "C19": "does not hold", "C20": "does not hold"},
    ),
    "ordinary routes only": Run(
        "03",
        KINDS,
        (("ten-kinds", "ten = serve(", "routes = {kind: routes[kind] for kind in [*routes][:6]}\nten = serve("),),
        {"C17": "holds with conditions"},
        {"C17": "holds"},
    ),
    "a def view": Run(
        "05",
        ("waiting-app", "async-app", "run-async-views"),
        (
            ("run-async-views", 'request.path == "/async"', 'request.path == "/def"'),
            ("judge-c28", 'threads(flask, "/async")', 'threads(flask, "/def")'),
        ),
        {"C28": "holds", "C29": "does not hold"},
        {"C28": "does not hold", "C29": "holds"},
    ),
    "open() in the place of AnyIO": Run(
        "06",
        FILES,
        (
            ("app-files", 'async with await open_file(big, "rb") as file:', 'with big.open("rb") as file:'),
            ("app-files", "while await file.read(piece):", "while file.read(piece):"),
        ),
        {"C25": "holds with conditions"},
        {"C25": "does not hold"},
    ),
    "a short loop in async def": Run(
        "07",
        (*BENCH, "run-computing"),
        (
            ("file-fastapi", "def add_up", "async def add_up"),
            ("file-fastapi", "200_000", "200"),
            ("file-flask", "200_000", "200"),
        ),
        {"C32": "holds"},
        {"C32": "does not hold"},
        FEW,
    ),
    "waiting in the place of computing": Run(
        "07",
        (*BENCH, "run-gil", "run-processes"),
        tuple(
            (file, 'return {"sum": sum(number for number in range(200_000))}', "time.sleep(0.02)\n    return {}")
            for file in ("file-fastapi", "file-flask")
        ),
        {"C33": "holds"},
        {"C33": "does not hold"},
        FEW,
    ),
    "a WSGI server for FastAPI": Run(
        "08",
        ("file-fastapi", "file-flask", "launch-fastapi", "launch-flask", "run-second", "run-interface"),
        (("judge-claims", "tried = fastapi_second", 'tried = {**fastapi_second, "Hypercorn": wrong_server}'),),
        {"C34": "holds"},
        {"C34": "does not hold"},
    ),
}


LESSONS_LOOK_AT = {"03", "05", "06", "07", "08"}  # their own tests see what they find as they are stored
CLOCKLESS = {"02", "03", "08"}


@pytest.mark.parametrize(
    ("name", "flipped"),
    [
        pytest.param(name, flipped, marks=[pytest.mark.together] if run.lesson in CLOCKLESS else [])
        for name, run in RUNS.items()
        for flipped in ([True] if run.lesson in LESSONS_LOOK_AT else [False, True])
    ],
)
@pytest.mark.timeout(3 * SECONDS + 60)
def test_a_verdict_that_is_guessed_comes_out_in_two_ways(name: str, flipped: bool, tmp_path: Path) -> None:
    run = RUNS[name]
    (path,) = ROOT.glob(f"notebooks/{run.lesson}_*.ipynb")
    cells = {claim: "judge-claims" if claim == "C34" else f"judge-{claim.lower()}" for claim in run.before}
    changes = (*run.always, *(run.flip if flipped else ()))
    notebook = only(changed(read(path), changes), "imports", *run.cells, *cells.values())
    seen = run_lesson(path, tmp_path, SECONDS, notebook, pace=0.5)
    for claim, verdict in (run.after if flipped else run.before).items():
        assert f"Verdict: {verdict}." in seen[cells[claim]]
