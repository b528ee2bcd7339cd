"""What holds for every test: results go to a folder of this session, and no grader is at work."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest


@pytest.fixture(scope="session", autouse=True)
def results(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder that stands in for ``results/``, so that a test run leaves the learner's own alone."""
    folder = tmp_path_factory.mktemp("results")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LESSON_RESULTS", str(folder))
        patch.delenv("NBGRADER_EXECUTION", raising=False)
        yield folder


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    """Asks servers on this machine as a learner's own program would: no proxies, no TLS to prepare for."""
    with httpx.Client(verify=False, trust_env=False, timeout=10) as client:
        yield client
