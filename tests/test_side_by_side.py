"""Tests that read a clock run alone, the others beside each other; whatever happens, the exit code tells it."""

import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest
from lessons import ROOT

SUITE = """
    import os, time
    from pathlib import Path
    import pytest

    def noted(name, seconds=0.0):
        log = Path(__file__).with_name("log")
        for word in ("begins", "ends"):
            with log.open("a") as file:
                file.write(f"{name} {word}\\n")
            time.sleep(seconds if word == "begins" else 0)

    def test_clock():
        noted("clock", 0.1)

    @pytest.mark.together
    @pytest.mark.parametrize("number", range(2))
    def test_text(number):
        noted(f"text-{number}", 0.5)

    def test_another_clock():
        noted("another-clock", 0.1)

    @pytest.mark.together
    def test_wrong_text():
        assert not os.environ.get("WRONG") == "text"

    def test_wrong_clock():
        assert not os.environ.get("WRONG") == "clock"

    def test_crash_of_clock():
        if os.environ.get("WRONG") == "crash of clock": os._exit(3)
"""


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """A folder with a few small tests, run as those of this folder are."""
    for name in ("conftest.py", "side_by_side.py", "steady.py"):
        (tmp_path / name).write_text((ROOT / "tests" / name).read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "test_small.py").write_text(dedent(SUITE), encoding="utf-8")
    markers = "\n".join(f"    {name}: of the real ones" for name in ("alone", "browser", "lesson", "long", "together"))
    (tmp_path / "pytest.ini").write_text(f"[pytest]\naddopts = -n 2 --strict-markers\nmarkers =\n{markers}\n")
    return tmp_path


def run(suite: Path, *arguments: str, monkeypatch: pytest.MonkeyPatch, wrong: str = "") -> tuple[int, str]:
    """The exit code and the closing line of a run."""
    monkeypatch.setenv("WRONG", wrong)
    command = [sys.executable, "-m", "pytest", "-q", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=suite, timeout=50, check=False)
    return done.returncode, done.stdout.strip().splitlines()[-1]


def test_clocks_are_read_alone_after_all_that_runs_together(suite: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, closing = run(suite, monkeypatch=monkeypatch)
    assert (code, closing.split(" in ")[0]) == (0, "7 passed")
    *texts, one, two, three, four = (suite / "log").read_text().splitlines()
    assert {*texts[:2]} == {"text-0 begins", "text-1 begins"} and {*texts[2:]} == {"text-0 ends", "text-1 ends"}
    assert [one, two, three, four] == ["clock begins", "clock ends", "another-clock begins", "another-clock ends"]


@pytest.mark.parametrize("wrong", ["text", "clock", "crash of clock"])
def test_one_failure_among_either_is_a_failure_and_the_others_run_too(
    suite: Path, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    code, closing = run(suite, monkeypatch=monkeypatch, wrong=wrong)
    assert (code, closing.split(" in ")[0]) == (1, "1 failed, 6 passed")


@pytest.mark.parametrize(
    ("arguments", "code", "closing"),
    [
        (("-k", "another_clock"), 0, "1 passed"),
        (("-m", "together", "test_small.py::test_text"), 0, "2 passed"),
        (("-k", "nothing"), 5, "no tests ran"),
        (("-n", "0"), 0, "7 passed"),
        (("--collect-only",), 0, "7 tests collected"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_is_asked_for_is_run(
    suite: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], code: int, closing: str
) -> None:
    found, said = run(suite, *arguments, monkeypatch=monkeypatch)
    assert (found, said.split(" in ")[0]) == (code, closing)


RUNS = """
    import pytest

    @pytest.mark.lesson("{}")
    def test_{}(): pass
"""


def test_a_run_that_a_lessons_own_file_does_is_not_done_twice(suite: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    general = RUNS.format("05 as stored", "general") + RUNS.format("05 solved", "another_way")
    (suite / "test_lessons.py").write_text(dedent(general), encoding="utf-8")
    (suite / "test_lesson_05.py").write_text(dedent(RUNS.format("05 as stored", "own")), encoding="utf-8")
    both = run(suite, "test_lessons.py", "test_lesson_05.py", "-n", "0", monkeypatch=monkeypatch)
    assert both[1].split(" in ")[0] == "2 passed, 1 deselected"
    alone = run(suite, "test_lessons.py", "-n", "0", monkeypatch=monkeypatch)
    assert alone[1].split(" in ")[0] == "2 passed"


DISTURBED = """
    import pytest
    from steady import Control

    Control.quiet = False
    found, tried = [], []

    def test_clock(tmp_path):
        found.append(len(list(tmp_path.iterdir())))
        (tmp_path / "left").touch()
        assert found == [0, 0, 0]

    @pytest.mark.together
    def test_text():
        tried.append("once")
        assert len(tried) == 2
"""


def test_a_clock_is_read_again_where_something_disturbed_it(suite: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (suite / "test_small.py").write_text(dedent(DISTURBED), encoding="utf-8")
    code, closing = run(suite, monkeypatch=monkeypatch)
    assert (code, closing.split(" in ")[0]) == (1, "1 failed, 1 passed")
