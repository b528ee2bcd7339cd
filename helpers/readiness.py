"""Is this machine ready for the lessons? One row a question, and what to do about each no."""

from __future__ import annotations

import platform
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from importlib import metadata
from typing import TYPE_CHECKING, Literal, NamedTuple

from helpers.claims.store import open_store
from helpers.errors import one_line
from helpers.machine import cores
from helpers.plots import Drawn, escape
from helpers.servers import NoDatabase, postgres, serve
from helpers.servers.address import jupyter_server, proxy_base
from helpers.storage import PROJECT
from helpers.strangers import REMEDY, strangers
from helpers.words import listed, plural

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

State = Literal["ready", "limited", "missing"]

MARKS: dict[State, str] = {"ready": "✓", "limited": "!", "missing": "✗"}


class Finding(NamedTuple):
    """One row: `state` is ``"ready"``, ``"limited"`` (the lessons work, with less) or ``"missing"``."""

    topic: str
    state: State
    found: str
    fix: str = ""


class Environment(Drawn):
    """What `environment` found; `ready` says whether every lesson can run."""

    def __init__(self, findings: list[Finding]) -> None:
        self.findings = findings

    @property
    def ready(self) -> bool:
        return all(finding.state != "missing" for finding in self.findings)

    def summary(self) -> str:
        rows = [f"{MARKS[f.state]} {f.topic}: {f.found} {f.fix}".rstrip() for f in self.findings]
        return "\n".join([self._verdict(), *rows])

    def body(self) -> str:
        rows = "".join(
            f"<tr><td style='white-space:nowrap'>{MARKS[f.state]} {f.state}</td>"
            f"<th scope='row' style='white-space:nowrap'>{escape(f.topic)}</th>"
            f"<td>{escape(f.found)} <b>{escape(f.fix)}</b></td></tr>"
            for f in self.findings
        )
        return f"<p class='{'good' if self.ready else 'bad'}'><b>{self._verdict()}</b></p><table>{rows}</table>"

    def _verdict(self) -> str:
        if not self.ready:
            return "Something is missing; the rows marked ✗ say what to do."
        limited = any(finding.state == "limited" for finding in self.findings)
        return "Ready, with a limit: see the rows marked !." if limited else "Ready: every lesson can run here."


def environment() -> Environment:
    """Look at this machine and say whether the lessons can run, with the fix for whatever is missing."""
    checks = [_python, _packages, _loopback, _proxy_variables, _browser, _results, _database, _patched]
    return Environment([finding for check in checks for finding in _safely(check)])


def _safely(check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """The findings of `check`; a check that breaks is a finding too."""
    try:
        yield from check()
    except Exception as error:
        topic = check.__name__.strip("_").replace("_", " ")
        yield Finding(topic, "missing", one_line(error), "Run python3 start.py again in a terminal.")


def _python() -> Iterator[Finding]:
    version = platform.python_version()
    found = f"{version} on {platform.system()}, {plural(cores(), 'core')}."
    if (3, 11) <= sys.version_info < (3, 14):
        yield Finding("Python", "ready", found)
    else:
        yield Finding("Python", "limited", found, "The lessons are tested with Python 3.11, 3.12 and 3.13.")


def _packages() -> Iterator[Finding]:
    """Every requirement of the project, against what is installed here."""
    from packaging.requirements import Requirement

    wrong = []
    required = [Requirement(text) for text in metadata.requires(PROJECT) or []]
    required = [requirement for requirement in required if not requirement.marker or requirement.marker.evaluate()]
    for requirement in required:
        try:
            installed = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            wrong.append(f"{requirement.name} is not installed")
            continue
        if not requirement.specifier.contains(installed, prereleases=True):
            wrong.append(f"{requirement.name} is {installed}, not {requirement.specifier}")
    if elsewhere := strangers():
        yield Finding("Packages", "missing", f"{listed(elsewhere)}, not from this environment.", REMEDY)
    if wrong:
        fix = f"In a terminal: {sys.executable} -m pip install -r requirements.txt; then restart the kernel."
        yield Finding("Packages", "missing", "; ".join(wrong) + ".", fix)
    elif not elsewhere:
        versions = " and ".join(f"{label} {metadata.version(label)}" for label in ("FastAPI", "Flask"))
        yield Finding("Packages", "ready", f"{len(required)} required packages, {versions} among them.")


def _loopback() -> Iterator[Finding]:
    """Whether a server in this kernel can be reached from this kernel."""

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"here"]

    server = serve(app, name="environment check")
    try:
        start = time.perf_counter()
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(server.url, timeout=5) as answer:
            assert answer.read() == b"here"
        milliseconds = (time.perf_counter() - start) * 1000
        yield Finding("Servers", "ready", f"One in this kernel answered in {milliseconds:.0f} ms.")
    except (OSError, AssertionError) as error:
        fix = "Let Python listen and connect on 127.0.0.1 in your firewall or security software."
        yield Finding("Servers", "missing", f"One in this kernel could not be reached: {one_line(error)}.", fix)
    finally:
        server.stop()


def _proxy_variables() -> Iterator[Finding]:
    """Proxy variables send even requests for 127.0.0.1 away, unless they are told not to."""
    if urllib.request.getproxies().get("all", "").startswith("socks"):
        fix = 'Run import os; os.environ.pop("ALL_PROXY", None), os.environ.pop("all_proxy", None) first in 06 and 07.'
        yield Finding("Proxy", "limited", "ALL_PROXY names a SOCKS proxy, which httpx does not know here.", fix)
        return
    if not urllib.request.getproxies().keys() & {"http", "all"} or urllib.request.proxy_bypass("127.0.0.1"):
        return
    fix = 'Run import os; os.environ["NO_PROXY"] = "127.0.0.1,localhost" first in any lesson that uses httpx directly.'
    yield Finding("Proxy", "limited", "HTTP_PROXY is set, and would be asked for addresses on this machine too.", fix)


def _browser() -> Iterator[Finding]:
    base = proxy_base()
    if base is not None:
        yield Finding("Live pages", "ready", f"Your browser reaches servers through Jupyter, under {base}proxy/.")
    elif jupyter_server() is not None:
        fix = "Elsewhere, install jupyter-server-proxy beside JupyterLab; all but the pages works without it."
        found = "jupyter-server-proxy does not answer, so pages show only where the browser runs on this machine."
        yield Finding("Live pages", "limited", found, fix)
    else:
        yield Finding("Live pages", "ready", "Your browser reaches servers at 127.0.0.1, on this machine.")


def _results() -> Iterator[Finding]:
    kept = open_store()
    kept.read()
    notices, kept.notices = kept.notices, []
    if notices:
        yield Finding("Results", "limited", " ".join(notices))
    else:
        yield Finding("Results", "ready", f"Your guesses and verdicts are kept in {kept.place}.")


def _database() -> Iterator[Finding]:
    """Whether lesson 06 gets its PostgreSQL; it stops with the kernel, or with `stop_all`."""
    try:
        database = postgres()
    except NoDatabase as error:
        yield Finding("Database", "limited", str(error))
    else:
        whose = "the one that DATABASE_URL names, answers" if database.external else "started here, for lesson 06"
        yield Finding("Database", "ready", f"PostgreSQL {database.version}, {whose}.")


def _patched() -> Iterator[Finding]:
    """nest-asyncio leaves a mark in asyncio; it slows the whole kernel down."""
    import asyncio

    if hasattr(asyncio, "_nest_patched"):
        found = "nest_asyncio.apply() has changed asyncio in this kernel, which makes it slower."
        yield Finding("asyncio", "limited", found, "Restart the kernel before you measure anything.")
