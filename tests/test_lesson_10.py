"""Lesson 10: other right answers to its exercises, a run in which all comes out as its text says, and its flips."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import flask
import pytest
from browser import browser, chromium
from lessons import ROOT, changed, only, read, run_lesson
from test_exercises import assert_passes

from helpers import serve, stop_all
from helpers.exercises.lesson_10 import CHECKED, COMMENT, MAIL, READ

pytestmark = pytest.mark.together

NOTEBOOK = ROOT / "notebooks" / "10_flask_at_home.ipynb"
SECONDS = 120  # for one run

AS_A_DEPENDENCY = (
    MAIL.replace(CHECKED, "")
    .replace("import FastAPI,", "import Depends, FastAPI,")
    .replace(
        '@mail_app.post("/mail")',
        f'def checked(request: Request, csrf_token: Annotated[str, Form()] = ""):\n{CHECKED}\n\n'
        '@mail_app.post("/mail", dependencies=[Depends(checked)])',
    )
    .replace(
        'address: Annotated[str, Form()], csrf_token: Annotated[str, Form()] = ""', "address: Annotated[str, Form()]"
    )
)
ALSO_RIGHT = {
    "10.1 as a dependency": AS_A_DEPENDENCY,
    "10.1 with quotes of another kind": MAIL.replace(
        """f'<input type="hidden" name="csrf_token" value="{token}">'""",
        '''f"<input value='{token}' type=hidden name=csrf_token>"''',
    ),
    "10.2 by itsdangerous": READ.replace(
        "from base64 import urlsafe_b64decode", "from itsdangerous import base64_decode"
    )
    .replace('urlsafe_b64decode(payload + "=" * (-len(payload) % 4))', "base64_decode(payload)")
    .replace("(ValueError,", "(Exception,"),
    "10.3 by a parser of addresses": COMMENT.replace(
        're.sub(r\'(href|src)="(?!https?:|mailto:)[^"]*"\', "", html, flags=re.IGNORECASE)',
        're.sub(r\'(?:href|src)="([^"]*)"\', lambda m: m[0] if urlsplit(m[1]).scheme in '
        "('http', 'https', 'mailto') else '', html)",
    ).replace("import re\n", "import re\nfrom urllib.parse import urlsplit\n"),
}


@pytest.mark.parametrize("name", ALSO_RIGHT)
def test_another_right_answer_passes_too(name: str) -> None:
    assert_passes(name.split()[0], ALSO_RIGHT[name])


@pytest.mark.lesson("10 as stored")
@pytest.mark.timeout(SECONDS + 60)
def test_everything_comes_out_as_the_text_says(tmp_path: Path) -> None:
    seen = run_lesson(NOTEBOOK, tmp_path, SECONDS)
    assert seen["run-tasks"].count("True") == 6
    assert re.search(r"Flask \d+ lines, 0 jobs of yours; FastAPI \d+ lines, 2 jobs of yours", seen["tiles"])
    assert seen["run-admin"] == "('Emma, by Flask-Admin', 'Emma, by sqladmin')"
    assert seen["run-cookies"] == "(200, 302)"
    assert re.findall(r"True|False", seen["run-attack"]) == ["True", "False", "True", "False"]
    assert seen["run-read"] == """b'{"user":"ada"}'"""
    assert seen["run-forge"] == "('dev', 'added')"
    assert "9 % of flask-* and 44 % of fastapi-*" in seen["run-alive"]
    assert "Flask-Login's newest release (years): 3.08" in seen["judge-alive"]
    assert seen["run-share"].endswith("share of the two 56%, then 37%'")
    escaped, safe, link = seen["wrong-escape"].splitlines()
    assert "<script>" not in escaped and "<script>" in safe and "javascript:" in link
    assert "<script>" in seen["wrong-markdown-run"]
    assert seen["wrong-open-run"] == "([200, 403], 302)"
    assert "Verdict: holds with conditions." in seen["judge-c39"]
    assert "Verdict: holds with conditions." in seen["judge-c41"]
    assert "Verdict: holds." in seen["judge-c45"]


FLIPS = (
    ("fastapi-form", '@app.post("/add", dependencies=[Depends(token_checked)])', '@app.post("/add")'),
    ("judge-c41", '("Flask-Admin", "Flask-Login", "Flask-FlatPages")', '("Flask-Admin", "Flask-FlatPages")'),
    ("judge-c45", 'downloads["Flask", newest] / downloads["Flask", then]', "share(newest) / share(then)"),
    (
        "bare-shop",
        'SESSION_COOKIE_NAME="bare_session")',
        'SESSION_COOKIE_NAME="bare_session", SESSION_COOKIE_SAMESITE="Lax")',
    ),
)


@pytest.mark.lesson
@pytest.mark.timeout(SECONDS + 60)
def test_each_flip_turns_its_result_over(tmp_path: Path) -> None:
    seen = run_lesson(NOTEBOOK, tmp_path, SECONDS, changed(read(NOTEBOOK), FLIPS))
    assert "FastAPI passes the same three: no" in seen["judge-c39"]
    assert "Verdict: holds." in seen["judge-c39"]
    assert "an extension is two years old: no" in seen["judge-c41"]
    assert "Verdict: holds." in seen["judge-c41"]
    assert "Verdict: holds with conditions." in seen["judge-c45"]
    assert re.findall(r"True|False", seen["run-attack"]) == ["True", "False", "False", "False"]


@pytest.mark.lesson
@pytest.mark.timeout(SECONDS + 60)
def test_where_there_is_no_postgresql_a_file_of_sqlite_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://127.0.0.1:9/none")
    cells = [cell.id for cell in read(NOTEBOOK).cells if cell.cell_type == "code"]
    seen = run_lesson(NOTEBOOK, tmp_path, SECONDS, only(read(NOTEBOOK), *cells[: cells.index("run-cookies")]))
    assert "'sqlite'" in seen["database"]
    assert seen["run-tasks"].count("True") == 6
    assert seen["run-admin"] == "('Emma, by Flask-Admin', 'Emma, by sqladmin')"


# Whether browsers do what the lesson's function `sends` says of them


def shop(same_site: str | None) -> flask.Flask:
    app = flask.Flask("shop")
    app.config.update(SECRET_KEY="dev", SESSION_COOKIE_NAME=f"shop_{same_site}", SESSION_COOKIE_SAMESITE=same_site)

    @app.get("/login")
    def login() -> str:
        flask.session["user"] = "ada"
        return "Hello"

    @app.post("/add")
    def add() -> str:
        return f"<h1>{flask.session.get('user', 'nobody')}</h1>"

    return app


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, Any]]:
    page = flask.Flask("page")
    page.get("/")(lambda: f'<form method=post action="{flask.request.args["to"]}/add"></form>')
    yield {
        "Lax": serve(shop("Lax"), name="lax"),
        "none": serve(shop(None), name="none"),
        "page": serve(page, name="page"),
    }
    stop_all()


@pytest.mark.browser
@pytest.mark.skipif(not chromium(), reason="needs Chromium, as the browser tests do")
@pytest.mark.parametrize(
    ("cookie", "host", "who"),
    [
        ("Lax", "127.0.0.1", "ada"),
        ("Lax", "localhost", "nobody"),
        ("none", "127.0.0.1", "ada"),
        ("none", "localhost", "ada"),
    ],
)
def test_chromium_sends_the_cookie_along_as_the_lesson_says(
    servers: dict[str, Any], cookie: str, host: str, who: str
) -> None:
    target, attacker = servers[cookie].url, servers["page"].url.replace("127.0.0.1", host)
    with browser() as chrome:
        page = chrome.new_context().new_page()
        page.goto(f"{target}/login")
        page.goto(f"{attacker}/?to={target}")
        with page.expect_navigation():
            page.evaluate("document.forms[0].submit()")
        assert page.inner_text("h1") == who
