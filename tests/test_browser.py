"""Every lesson in a real JupyterLab in a real browser: at /, and behind a prefix as on Binder or a hub."""

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from browser import Lab, LabPage, browser, chromium, jupyterlab, lab_page
from lessons import LONG, QUICK, ROOT, calls, code_cells, notebooks, read, troubles, wrong_checks
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook
from playwright.sync_api import BrowserContext, FrameLocator, expect

SECONDS = 300  # for one run of one lesson, beside another test

expect.set_options(timeout=30_000)  # milliseconds

# Pages are looked at here, not numbers: a lesson may find the machine busy, and says so.
pytestmark = [pytest.mark.browser, pytest.mark.together, pytest.mark.timeout(2 * SECONDS)]


def shows_pages(lesson: Path) -> bool:
    return any(calls(cell.source, "show") for cell in code_cells(read(lesson)))


AT_ROOT = {"03"}
MOSTLY_RUNS = {"06", "11"}  # minutes in which a page of cards and timelines comes, as in lessons that are looked at
BASES = {"plain": "/", "prefix": "/user/ada/"}


def lessons_at_their_addresses() -> list[Any]:
    """Each lesson behind a prefix, and at / too where it shows pages: to all else a prefix makes no difference.

    At / one lesson stands for the others, which have their turn among the long tests.
    """
    return [
        pytest.param(
            base,
            path,
            id=f"{name}-{path.stem}",
            marks=[
                *(
                    [pytest.mark.long]
                    if path.stem[:2] in LONG | MOSTLY_RUNS or (name == "plain" and path.stem[:2] not in AT_ROOT)
                    else []
                ),
            ],
        )
        for name, base in BASES.items()
        for path in notebooks()
        if name == "prefix" or shows_pages(path)
    ]


HELLO = """
import flask
from helpers import serve, show, stop_all

hello = flask.Flask("hello")
hello.get("/")(lambda: "<h1>Hello from Flask</h1>")
server = serve(hello)
"""


def small_notebook(*sources: str) -> NotebookNode:
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    return new_notebook(cells=[new_code_cell(source) for source in sources], metadata=kernel)


def require_chromium() -> None:
    """Skip without a browser, or fail where one is promised."""
    if chromium():
        return
    sentence = "These tests need Chromium: install it (Debian, Ubuntu: sudo apt install chromium), then run them again."
    if os.environ.get("CI") == "true":
        pytest.fail(sentence, pytrace=False)
    pytest.skip(sentence)


@pytest.fixture(scope="module")
def context() -> Iterator[BrowserContext]:
    require_chromium()
    with browser() as chrome:
        yield chrome.new_context(viewport={"width": 1300, "height": 1000})


@pytest.fixture(scope="module", params=BASES.values(), ids=BASES)
def lab(
    request: pytest.FixtureRequest, context: BrowserContext, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Lab]:
    """One JupyterLab for each base URL, which shows a copy of what a learner opens."""
    folder = tmp_path_factory.mktemp("lab")
    for name in ("notebooks", "data"):
        shutil.copytree(ROOT / name, folder / "root" / name)
    nbformat.write(small_notebook(HELLO, "show(server)", "stop_all()"), folder / "root" / "stopped.ipynb")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LESSON_PACE", str(QUICK))  # the page is looked at here, not the numbers
        with jupyterlab(folder / "root", folder / "private", base_url=request.param) as lab:
            yield lab


@pytest.fixture
def page(context: BrowserContext, lab: Lab) -> Iterator[LabPage]:
    with lab_page(context, lab) as page:
        yield page


@pytest.mark.parametrize(("lab", "lesson"), lessons_at_their_addresses(), indirect=["lab"])
def test_run_all_shows_nothing_that_a_learner_should_not_see(page: LabPage, lesson: Path) -> None:
    page.open(f"notebooks/{lesson.name}")
    executed = page.run_all(SECONDS)
    if shows_pages(lesson):
        look_at_pages(page)
    if lesson.stem.startswith("03"):
        look_at_redoc(page)
        page.run_cell(index_of(executed, "books-app"))  # Run All ended in stop_all(); the page above comes back to life
        use_swagger_ui(page)
    save_picture(page, lesson.stem)
    assert_clean(page, executed)
    assert all(cell.execution_count for cell in code_cells(executed))
    assert list(wrong_checks(executed, "not started")) == []
    assert page.elsewhere() == []
    if "/user/" in page.lab.url:  # each lesson once
        assert page.unfit(executed) == []
    if lesson.stem.startswith("09"):
        draw_a_digit(page)
        follow_the_ticker(page, index_of(executed, "wrong-address-run"))
    if lesson.stem.startswith("12"):
        pick_by_keyboard(page)
    if lesson.stem.startswith("10"):
        for shop in ("Flask shop", "FastAPI shop"):
            log_in_to(page, f"{shop} /")
        for shop, edit in (("Flask shop", "admin/book/edit/?id=1"), ("FastAPI shop", "admin/book/edit/1")):
            edit_the_first_book(page, f"{shop} /", edit, f"Emma, by hand in the {shop}")


@pytest.mark.parametrize("lab", [BASES["prefix"]], indirect=True)
def test_a_frame_of_a_stopped_server_says_so_and_lives_again_once_it_is_served(page: LabPage) -> None:
    page.open("stopped.ipynb")
    page.run_all(SECONDS)
    expect(frame(page, "flask /").locator("h1")).to_have_text("Hello from Flask")
    page.page.evaluate("jupyterapp.commands.execute('docmanager:save')")
    page.run_cell(2)
    page.open("stopped.ipynb")  # as on the next day
    expect(frame(page, "flask /").locator("p")).to_contain_text("This server is stopped")
    page.run_cell(0)
    expect(frame(page, "flask /").locator("h1")).to_have_text("Hello from Flask")


def test_lab_asks_nobody_for_news_or_updates(page: LabPage) -> None:
    page.open()
    page.page.wait_for_timeout(2000)  # milliseconds; by default they come as soon as JupyterLab is there
    assert page.notices() == []
    assert [url for url in page.requests if url.endswith(("lab/api/news", "lab/api/update"))] == []


def index_of(notebook: NotebookNode, cell_id: str) -> int:
    return [cell.id for cell in notebook.cells].index(cell_id)


def look_at_pages(page: LabPage) -> None:
    """Each page that a cell shows is on the screen, and is not Jupyter's own page that says "no such server"."""
    frames = page.page.locator(".jp-OutputArea-output iframe").all()
    assert frames
    for frame in frames:
        expect(frame.content_frame.locator("body")).not_to_be_empty()
        assert frame.element_handle().content_frame().title() != "Jupyter Server", "the proxy found no server"


def assert_clean(page: LabPage, executed: NotebookNode) -> None:
    """Everything ran, and neither a cell nor JupyterLab complains about anything."""
    assert list(troubles(executed)) == []
    assert page.notices() == []
    assert page.errors == []


def use_swagger_ui(page: LabPage) -> None:
    """Do what a learner is asked to do: execute POST /books with the suggested example, then with a bad price."""
    docs = frame(page, "fastapi /docs")
    operation = docs.locator(".opblock-post", has=docs.locator("[data-path='/books']"))
    operation.locator(".opblock-summary-control").click()
    operation.locator(".try-out__btn").click()
    for body, status in ((None, "201"), ({"title": "Emma", "price": "abc"}, "422")):
        if body:
            operation.locator("textarea.body-param__text").fill(json.dumps(body))
        operation.locator(".execute").click()
        expect(operation.locator(".live-responses-table .response-col_status").last).to_contain_text(status)


def look_at_redoc(page: LabPage) -> None:
    redoc = frame(page, "fastapi /redoc")
    expect(redoc.locator("h1").first).to_contain_text("FastAPI")
    expect(redoc.get_by_text("/books").first).to_be_visible()


def draw_a_digit(page: LabPage) -> None:
    """Draw a line with the mouse, and wait until the model has read it."""
    grid = frame(page, "FastAPI /").locator("#grid")
    box = grid.bounding_box()
    assert box is not None
    page.page.mouse.move(box["x"] + 85, box["y"] + 12)
    page.page.mouse.down()
    page.page.mouse.move(box["x"] + 85, box["y"] + 170, steps=20)
    page.page.mouse.up()
    expect(frame(page, "FastAPI /").locator("#digit")).to_have_text(re.compile(r"\d"))


def pick_by_keyboard(page: LabPage) -> None:
    """Go from the first measure's button to the next, press it, and see who leads by that."""
    output = page.page.locator(".jp-OutputArea-output", has=page.page.locator(".widget-toggle-buttons"))
    picture = output.locator(".widget-html [role=img]").first
    expect(picture).to_have_attribute("aria-label", re.compile("GitHub stars"))
    output.locator("button").first.focus()
    page.page.keyboard.press("Tab")
    page.page.keyboard.press("Space")
    expect(picture).to_have_attribute("aria-label", re.compile("PyPI downloads"))


def log_in_to(page: LabPage, title: str) -> None:
    """Log in as a learner does, by the shop's own link and form."""
    shop = frame(page, title)
    shop.locator("a", has_text="Log in").click()
    shop.locator("input[name=name]").fill("ada")
    shop.locator("input[name=password]").fill("lovelace")
    shop.locator("button").click()
    expect(shop.locator("body")).to_contain_text("Hello ada, this is the office.")


def edit_the_first_book(page: LabPage, title: str, path: str, book: str) -> None:
    """Change a title in the shop's admin, inside its frame, and find it on the shop's page, which reads the database.

    Both shops are logged in to: neither login has thrown the other away.
    """
    shop = frame(page, title)
    inside = page.page.locator(f'iframe[title="{title}"]').element_handle().content_frame()
    home = inside.url.rpartition("/")[0]
    inside.goto(f"{home}/{path}")
    shop.locator("input[name=title]").fill(book)
    shop.locator("input[type=submit], button[type=submit]").first.click()
    expect(shop.locator("body")).to_contain_text(book)
    expect(shop.locator("input[name=title]")).to_have_count(0)  # the list has taken the form's place
    inside.goto(f"{home}/")
    expect(shop.locator("ul")).to_contain_text(book)


def follow_the_ticker(page: LabPage, spare: int) -> None:
    """Both channels tick; with its server stopped they stop; once it is served again the events go on."""

    def ticks(channel: str, after: int) -> int:
        text = frame(page, "FastAPI ticker /").locator(f"#{channel}")
        for _ in range(100):
            shown = text.inner_text()
            if shown.isdigit() and int(shown) > after:
                return int(shown)
            page.page.wait_for_timeout(100)
        raise AssertionError(f"{channel} does not tick beyond {after}: {shown!r}")

    events = ticks("events", ticks("events", 0) + 2)
    assert ticks("socket", ticks("socket", 0) + 2) > 2
    page.page.evaluate(
        "cell => jupyterapp.shell.currentWidget.content.widgets[cell].model.sharedModel.setSource('ticker.stop()')",
        spare,
    )
    page.run_cell(spare)
    expect(frame(page, "FastAPI ticker /").locator("#socket")).to_have_text("closed")
    events = max(events, int(frame(page, "FastAPI ticker /").locator("#events").inner_text()))
    page.page.evaluate(
        "cell => { const cells = jupyterapp.shell.currentWidget.content.widgets;"
        "cells[cell].model.sharedModel.setSource('serve(ticker_app, name=\"FastAPI ticker\")') }",
        spare,
    )
    page.run_cell(spare)  # the frame above stays as it is
    assert events < ticks("events", events) < events + 20  # it went on where it was
    assert 0 < ticks("socket", 0) < 20


def frame(page: LabPage, title: str) -> FrameLocator:
    """The page in the cell that `show` labelled with `title`."""
    found = page.page.locator(f'iframe[title="{title}"]')
    found.scroll_into_view_if_needed()
    return found.content_frame


def save_picture(page: LabPage, name: str) -> None:
    """Save what the notebook looks like, for people, where the environment variable LESSON_SHOTS names a folder."""
    if folder := os.environ.get("LESSON_SHOTS"):
        where = "prefix" if "/user/" in page.lab.url else "plain"
        page.picture(Path(folder, f"{name}-{where}.png"))


# Without a proxy, and whether trouble is seen at all

BOOKS = """
import fastapi, flask, pydantic
from helpers import serve, show, stop_all

class Book(pydantic.BaseModel):
    title: str
    price: float

books = fastapi.FastAPI()

@books.post("/books", status_code=201)
def add_book(book: Book) -> Book:
    return book

hello = flask.Flask("hello")
hello.get("/")(lambda: "<h1>Hello from Flask</h1>")
served, greeter = serve(books), serve(hello)
"""
TROUBLES = {
    "warned.ipynb": ["import sys", "print('careful', file=sys.stderr)"],
    "failed.ipynb": ["1 / 0"],
    "remote.ipynb": [
        "from IPython.display import HTML, Javascript",
        "HTML('<img src=\"https://outside.test/picture.png\">')",
        "Javascript('new WebSocket(\"wss://outside.test/socket\")')",
    ],
    "broken.ipynb": ["from IPython.display import HTML", "HTML('<img src=\"/nowhere.png\">')"],
    "unfit.ipynb": [
        "from IPython.display import HTML",
        """HTML('<div style="width: 300px; height: 700px; overflow: auto">'
        '<p style="width: 900px">wide</p><input></div>')""",
    ],
    "endless.ipynb": ["import time", "time.sleep(60)"],
}


@pytest.fixture(scope="module")
def bare_lab(context: BrowserContext, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A JupyterLab without jupyter-server-proxy, which shows small notebooks."""
    folder = tmp_path_factory.mktemp("bare")
    pages = [BOOKS, 'show(served, "/docs")', 'show(served, "/redoc")', 'show(greeter, "/")']
    (folder / "root").mkdir()
    for name, sources in {"pages.ipynb": pages, **TROUBLES}.items():
        nbformat.write(small_notebook(*sources), folder / "root" / name)
    off = "--ServerApp.jpserver_extensions={'jupyter_server_proxy': False}"
    with jupyterlab(folder / "root", folder / "private", off) as lab:
        yield lab


@pytest.fixture
def bare_page(context: BrowserContext, bare_lab: Lab) -> Iterator[LabPage]:
    with lab_page(context, bare_lab) as page:
        yield page


def test_without_the_proxy_pages_come_straight_from_the_server(bare_page: LabPage) -> None:
    bare_page.open("pages.ipynb")
    executed = bare_page.run_all(SECONDS)
    # The proxy's part in the browser is still installed, and looks in vain for its part in the server.
    bare_page.errors[:] = [error for error in bare_page.errors if "/server-proxy/" not in error]
    assert_clean(bare_page, executed)
    use_swagger_ui(bare_page)
    look_at_redoc(bare_page)
    expect(frame(bare_page, "flask /").locator("h1")).to_have_text("Hello from Flask")
    assert bare_page.elsewhere()
    assert [url for url in bare_page.elsewhere() if not url.startswith("http://127.0.0.1:")] == []


@pytest.mark.parametrize(("notebook", "complaint"), [("warned", "careful"), ("failed", "ZeroDivisionError")])
def test_trouble_in_a_cell_is_seen(bare_page: LabPage, notebook: str, complaint: str) -> None:
    bare_page.open(f"{notebook}.ipynb")
    with pytest.raises(AssertionError, match=complaint):
        assert_clean(bare_page, bare_page.run_all(SECONDS))


def test_trouble_of_the_page_is_seen(bare_page: LabPage) -> None:
    bare_page.open("broken.ipynb")
    with bare_page.page.expect_response("**/nowhere.png"):
        executed = bare_page.run_all(SECONDS)
    with pytest.raises(AssertionError, match=r"404 for .*/nowhere\.png"):
        assert_clean(bare_page, executed)
    bare_page.open("unfit.ipynb")
    found = " ".join(bare_page.unfit(bare_page.run_all(SECONDS)))
    assert "scrolls sideways: wide, 1366 px across" in found
    assert "px high: wide, 1092 px across" in found
    assert all(f"{where}, label: <input" in found for where in ("JupyterLab Dark", "JupyterLab Light", "as HTML"))


def test_requests_to_other_hosts_are_seen_and_go_nowhere(bare_page: LabPage) -> None:
    bare_page.open("remote.ipynb")
    with (
        bare_page.page.expect_event("requestfailed", lambda request: "outside.test" in request.url),
        bare_page.page.expect_websocket(lambda socket: "outside.test" in socket.url),
    ):
        bare_page.run_all(SECONDS)
    assert {*bare_page.elsewhere()} == {"https://outside.test/picture.png", "wss://outside.test/socket"}


def test_a_dialog_is_seen(bare_page: LabPage) -> None:
    bare_page.open()
    bare_page.page.evaluate("void jupyterapp.commands.execute('help:about')")
    bare_page.page.locator(".jp-Dialog").wait_for()
    assert bare_page.notices() != []


def test_a_run_that_does_not_end_names_its_cell(bare_page: LabPage) -> None:
    bare_page.open("endless.ipynb")
    with pytest.raises(AssertionError, match="did not end within 2 s; cells without a number"):
        bare_page.run_all(2)


def test_a_missing_browser_is_a_skip_with_the_remedy_and_a_failure_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="install"):
        require_chromium()
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="install"):
        require_chromium()
