"""What holds for every test: results go to a folder of this session, no grader is at work, clocks are read in peace."""

from __future__ import annotations

import gc
import inspect
import json
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from side_by_side import ALONE, ClockLast, turn
from steady import until_quiet

from helpers.machine import cores

if TYPE_CHECKING:
    from xdist.remote import Producer
    from xdist.workermanage import WorkerController

# Test files that read no clock: what they look at stays the same however busy the machine is.
TOGETHER = {
    *("test_acceptance", "test_adoption", "test_contract", "test_export", "test_ledger_picture", "test_lesson_12"),
    *("test_anatomy", "test_bad_requests", "test_browser", "test_claims", "test_code"),
    *("test_exchange", "test_figures", "test_kernels", "test_launch", "test_lesson_01", "test_lesson_03", "test_locks"),
    *("test_poor_machines", "test_postgres", "test_processes", "test_readiness", "test_servers", "test_side_by_side"),
    *("test_start", "test_streams", "test_timeline", "test_tracebacks"),
}
GENERAL = "test_lessons"  # its runs give way to those of a lesson's own file
TURNS = pytest.StashKey[Path]()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what may run beside other tests; leave out the general test of a run that a lesson's own file does too."""
    for item in items:
        if item.path.stem in TOGETHER and not item.get_closest_marker("alone"):
            item.add_marker("together")
    general = [item for item in items if item.path.stem == GENERAL and runs(item)]
    own = {run for item in items if item.path.stem != GENERAL for run in runs(item)}
    spare = [item for item in general if runs(item) <= own]
    if spare:
        config.hook.pytest_deselected(items=spare)
        items[:] = [item for item in items if item not in spare]


def runs(item: pytest.Item) -> set[str]:
    """The whole runs of a lesson that a test does, such as "06 as stored"."""
    return {run for mark in item.iter_markers("lesson") for run in mark.args}


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """A test that reads a clock is tried again where something disturbed it, three times at most."""
    if turn(pyfuncitem) != ALONE or inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = [name for name in inspect.signature(pyfuncitem.obj).parameters if name in pyfuncitem.funcargs]

    def tidy() -> None:
        if folder := pyfuncitem.funcargs.get("tmp_path"):
            shutil.rmtree(folder)
            folder.mkdir()

    until_quiet(lambda: pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}), tries=3, between=tidy)
    return True


def pytest_xdist_auto_num_workers() -> int:
    """Most of what runs together waits for servers, kernels and pages."""
    return min(4, max(2, cores()))


def pytest_configure(config: pytest.Config) -> None:
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell starts what it puts into the background
        signal.signal(signal.SIGINT, signal.default_int_handler)
    folder = tempfile.TemporaryDirectory()
    config.add_cleanup(folder.cleanup)
    config.stash[TURNS] = Path(folder.name, "turns.json")


def pytest_configure_node(node: WorkerController) -> None:
    node.workerinput["turns"] = str(node.config.stash[TURNS])


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    if workerinput := getattr(session.config, "workerinput", None):
        Path(workerinput["turns"]).write_text(json.dumps([*map(turn, session.items)]), encoding="utf-8")


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ClockLast:
    return ClockLast(config, log, config.stash[TURNS])


@pytest.fixture(scope="session", autouse=True)
def results(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder that stands in for ``results/``, so that a test run leaves the learner's own alone."""
    folder = tmp_path_factory.mktemp("results")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LESSON_RESULTS", str(folder))
        patch.delenv("NBGRADER_EXECUTION", raising=False)
        yield folder


@pytest.fixture(scope="session", autouse=True)
def ipython_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """IPython's own folder: where a test moves the home folder, IPython would look in vain for it and warn."""
    folder = tmp_path_factory.mktemp("ipython")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IPYTHONDIR", str(folder))
        yield folder


@pytest.fixture(scope="module")
def collected() -> Iterator[None]:
    """For tests that leave open what others would be warned of, in whichever test it is collected."""
    yield
    gc.collect()


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    """Asks servers on this machine as a learner's own program would: no proxies, no TLS to prepare for."""
    with httpx.Client(verify=False, trust_env=False, timeout=10) as client:
        yield client
