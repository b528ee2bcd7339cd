"""A real JupyterLab, and a real Chromium that opens notebooks in it, as tests drive them."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import nbformat
from axe_playwright_python.sync_playwright import Axe
from nbconvert import HTMLExporter
from nbformat import NotebookNode
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Error, Page, Response, sync_playwright
from playwright.sync_api import TimeoutError as TooLate

START = 60  # seconds that JupyterLab, a kernel or a page may take to come up

READY = """async () => {
    const notebook = jupyterapp.shell.currentWidget;
    await notebook.context.ready;
    await notebook.sessionContext.ready;
    await notebook.sessionContext.session.kernel.info;
}"""
RUN = """command => {
    window.lessonHasRun = false;
    jupyterapp.commands.execute(command).finally(() => { window.lessonHasRun = true; });
}"""

SMALL_LAPTOP = (1366, 1366 * 4 // 5)  # CSS pixels across: of a small laptop's screen, and at a zoom of 125 %
HIGHEST = 640  # pixels that such a laptop shows of a notebook
TALL = 40_000  # pixels, more than any lesson has: JupyterLab lays out the cells that are in sight
PARTS = ".jp-OutputArea-output, .jp-CodeCell .cm-scroller"
UNFIT = """([parts, highest]) => [...document.querySelectorAll(parts)].flatMap(part => {
    const what = (part.querySelector('[role=img]')?.ariaLabel ?? part.innerText).slice(0, 60);
    const wide = [part, ...part.querySelectorAll('*')].some(
        each => each.scrollWidth > each.clientWidth + 1 && getComputedStyle(each).overflowX === 'auto');
    const high = part.matches('.jp-OutputArea-output') && part.offsetHeight > highest;
    return [...(wide ? [`scrolls sideways: ${what}`] : []), ...(high ? [`${part.offsetHeight} px high: ${what}`] : [])];
})"""
THEME = "theme => jupyterapp.commands.execute('apputils:change-theme', {theme})"
OUTPUTS, TEXTS = [".jp-OutputArea-output"], [".jp-RenderedMarkdown"]

DRAWN = "new Promise(done => requestIdleCallback(done, {timeout: 5000}))"  # the browser has nothing left to do


def chromium() -> str | None:
    """The system's Chromium or Chrome, or None."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@contextmanager
def browser() -> Iterator[Browser]:
    """Headless Chromium, for which there is no other machine: no address but 127.0.0.1 can be reached."""
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(
            executable_path=chromium(),
            args=[
                "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
                "--no-sandbox",  # tests may run as root, in a container
                "--no-first-run",
                "--disable-quic",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
            ],
        )


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab: `url` ends with the slash of its base URL."""

    url: str
    token: str

    def api(self, path: str, method: str = "GET") -> Any:
        """What Jupyter's REST API answers at `path`, decoded from JSON; None where that is nothing."""
        headers = {"Authorization": f"token {self.token}"}
        request = urllib.request.Request(f"{self.url}api/{path}", headers=headers, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=START) as answer:
            content = answer.read()
        return json.loads(content) if content else None

    def until_no_kernel_runs(self) -> None:
        """Wait for the last kernel's end: a list of kernels that is asked for in between may come back as a 500."""
        deadline = time.monotonic() + START
        while time.monotonic() < deadline:
            with contextlib.suppress(urllib.error.HTTPError):
                if self.api("kernels") == []:
                    return
            time.sleep(0.1)


@contextmanager
def jupyterlab(root: Path, private: Path, *arguments: str, base_url: str = "/") -> Iterator[Lab]:
    """JupyterLab as this environment has it, on a free port, with the folder `root` to show, until the block ends.

    It works as for somebody who opens it for the first time: settings, workspaces and results begin empty in the
    folder `private`.
    """
    private.mkdir()
    log = private / "lab.log"
    token = secrets.token_hex()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("JUPYTERHUB_", "JPY_"))},
        "JUPYTER_CONFIG_DIR": str(private / "config"),
        "JUPYTER_DATA_DIR": str(private / "data"),
        "JUPYTER_RUNTIME_DIR": str(private / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(private / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(private / "workspaces"),
        "IPYTHONDIR": str(private / "ipython"),
        "LESSON_RESULTS": str(private / "results"),
    }
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
        *(f"--ServerApp.root_dir={root}", f"--ServerApp.base_url={base_url}", "--ServerApp.port=0"),
        *(f"--IdentityProvider.token={token}", "--LabApp.expose_app_in_browser=True"),
        *arguments,
    ]
    with log.open("w") as output:
        process = subprocess.Popen(command, cwd=root, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield Lab(_url(process, private / "runtime", log), token)
    finally:
        process.terminate()  # Jupyter ends its kernels, and then itself
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _url(process: subprocess.Popen[bytes], runtime: Path, log: Path) -> str:
    """Where the JupyterLab in `process` answers, once it does."""
    end = time.monotonic() + START
    while time.monotonic() < end and process.poll() is None:
        try:
            info = json.loads((runtime / f"jpserver-{process.pid}.json").read_text(encoding="utf-8"))
            url = f"http://127.0.0.1:{info['port']}{info['base_url']}"
            urllib.request.urlopen(f"{url}api", timeout=5).close()
            return url
        except (OSError, ValueError):
            time.sleep(0.1)
    raise AssertionError(f"JupyterLab did not come up within {START} s:\n{log.read_text()[-3000:]}")


class LabPage:
    """One page of a browser that shows a JupyterLab, and everything it did that a learner should not meet."""

    def __init__(self, page: Page, lab: Lab) -> None:
        self.page, self.lab = page, lab
        self.requests: list[str] = []  # addresses of HTTP requests and WebSockets, those of frames included
        self.errors: list[str] = []  # what JupyterLab itself stumbled over; pages in frames may answer 404 or 422
        page.set_default_timeout(START * 1000)
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("websocket", lambda socket: self.requests.append(socket.url))
        page.on("response", self._note_response)
        page.on("console", self._note_message)
        page.on("pageerror", self._note_error)

    def open(self, path: str = "") -> None:
        """Open JupyterLab as if for the first time; on the notebook at `path`, with a kernel that is ready, if any."""
        where = f"lab/tree/{quote(path)}" if path else "lab"
        self.page.goto(f"{self.lab.url}{where}?reset&token={self.lab.token}")
        self.page.wait_for_function("window.jupyterapp")
        self.page.evaluate("jupyterapp.restored")
        if path:
            self.page.wait_for_function("jupyterapp.shell.currentWidget?.sessionContext")
            self.page.evaluate(READY)

    def run_all(self, seconds: float) -> NotebookNode:
        """Run All Cells; return the notebook with its outputs. AssertionError when it takes longer than `seconds`."""
        return self._run("notebook:run-all-cells", seconds)

    def run_cell(self, cell: int, seconds: float = 30) -> NotebookNode:
        """Run one cell (an index); otherwise as `run_all`."""
        self.page.evaluate("cell => { jupyterapp.shell.currentWidget.content.activeCellIndex = cell; }", cell)
        return self._run("notebook:run-cell", seconds)

    def _run(self, command: str, seconds: float) -> NotebookNode:
        self.page.evaluate(RUN, command)
        try:
            self.page.wait_for_function("window.lessonHasRun", timeout=seconds * 1000)
        except TooLate:
            waiting = [cell.id for cell in self._notebook().cells if cell.get("execution_count", 0) is None]
            late = f"{command} did not end within {seconds} s; cells without a number: {waiting}"
            raise AssertionError(late) from None
        self.page.evaluate(DRAWN)
        return self._notebook()

    def _notebook(self) -> NotebookNode:
        return nbformat.from_dict(self.page.evaluate("jupyterapp.shell.currentWidget.content.model.toJSON()"))

    def notices(self) -> list[str]:
        """Texts of the dialogs and notifications that are on screen."""
        return self.page.locator(".jp-Dialog, .Toastify__toast").all_inner_texts()

    def elsewhere(self) -> list[str]:
        """Addresses the page asked for that are not Jupyter's own host and port."""
        home = urlsplit(self.lab.url).netloc
        remote = ("http", "https", "ws", "wss")
        return [url for url in self.requests if urlsplit(url).scheme in remote and urlsplit(url).netloc != home]

    def picture(self, path: Path) -> None:
        """Save a picture of the notebook as PNG, whole up to 16,000 pixels."""
        self.page.evaluate("jupyterapp.commands.execute('application:toggle-left-area')")
        for _ in range(2):  # cells out of sight have an estimated height, until they are in sight
            cells = self.page.locator(".jp-WindowedPanel-outer")
            height = cells.evaluate("cells => { cells.scrollTop = 0; return cells.scrollHeight; }")
            self.page.set_viewport_size({"width": 1200, "height": min(16_000, height + 120)})
            self.page.wait_for_timeout(1000)
        self.page.screenshot(path=path)

    def unfit(self, executed: NotebookNode) -> list[str]:
        """What a small laptop cannot show whole, and what axe finds, in both themes and in the notebook as HTML.

        Looked at is what the lessons bring: Jupyter's own page is Jupyter's.
        """
        found = []
        for across in reversed(SMALL_LAPTOP):
            self._lay_out(across, TALL)
            self.page.wait_for_timeout(1000)
            end = self.page.locator(".jp-Cell").last.evaluate("cell => cell.getBoundingClientRect().bottom")
            assert end < TALL, "the end of the notebook is out of sight"
            found += [f"{each}, {across} px across" for each in self.page.evaluate(UNFIT, [PARTS, HIGHEST])]
        for theme in ("JupyterLab Dark", "JupyterLab Light"):
            self.page.evaluate(THEME, theme)
            self.page.wait_for_function("theme => document.body.dataset.jpThemeName === theme", arg=theme)
            found += _violations(self.page, theme, OUTPUTS, TEXTS)
        for cell in executed.cells:
            if not cell.get("attachments"):  # JupyterLab says null where the format wants nothing
                cell.pop("attachments", None)
        exported, _ = HTMLExporter(embed_images=False).from_notebook_node(executed)
        with self.page.context.new_page() as page:
            page.set_content(exported, wait_until="domcontentloaded")
            return found + _violations(page, "as HTML", OUTPUTS)  # how texts look there is nbconvert's

    def _lay_out(self, across: int, high: int) -> None:
        """Make the window so large, in CSS pixels; it is painted coarsely, which takes a fraction of the time."""
        window = {"width": across, "height": high, "deviceScaleFactor": 0.1, "mobile": False}
        self.page.context.new_cdp_session(self.page).send("Emulation.setDeviceMetricsOverride", window)

    def _note_response(self, response: Response) -> None:
        if response.status >= 400 and response.frame == self.page.main_frame:
            self.errors.append(f"{response.status} for {response.url}")

    def _note_message(self, message: ConsoleMessage) -> None:
        bad_answer = message.text.startswith("Failed to load resource")  # _note_response knows whose
        if message.type == "error" and not bad_answer and not self._in_a_frame(message.location["url"]):
            self.errors.append(f"{message.text} ({message.location['url']})")

    def _note_error(self, error: Error) -> None:
        if not self._in_a_frame(error.stack or ""):
            self.errors.append(error.stack or str(error))

    def _in_a_frame(self, where: str) -> bool:
        """Whether a script's address, or a stack of them, belongs to a page that a lesson's server sent."""
        return f"{self.lab.url}proxy/" in where or ("http://" in where and self.lab.url not in where)


def _violations(page: Page, where: str, *parts: list[str]) -> list[str]:
    """What axe has to say of these parts of a page, without the frames in it."""
    violations = Axe().run(page, context={"include": [*parts], "exclude": [["iframe"]]}).response["violations"]
    return [f"{where}, {each['id']}: {node['html'][:200]}" for each in violations for node in each["nodes"]]


@contextmanager
def lab_page(context: BrowserContext, lab: Lab) -> Iterator[LabPage]:
    """A new page, until the block ends; kernels that it started end with it."""
    page = context.new_page()
    try:
        yield LabPage(page, lab)
    finally:
        page.close()
        for session in lab.api("sessions"):
            lab.api(f"sessions/{session['id']}", "DELETE")
        lab.until_no_kernel_runs()
