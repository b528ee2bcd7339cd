"""The code is typed, plain and short enough to read, and names no place that packages come from."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from lessons import ROOT, notebooks

LINES = 250  # at most, in a file of helpers/; a lesson's exercises may take more
LONG = re.compile(r"exercises/lesson_\d\d\.py")
REASONED = re.compile(r"# type: ignore\[[\w-]+(, ?[\w-]+)*\]  # .*\w+ \w+")  # a code, and a few words that say why
HOSTS = re.compile("|".join(["py" + r"pi\.org", "python" + "hosted", r"ana" + r"conda\.(org|com)", "conda" + "-forge"]))
OWN = [*sorted((ROOT / "helpers").rglob("*.py")), *sorted((ROOT / "tests").glob("*.py")), ROOT / "start.py"]


def run(*command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True, cwd=ROOT, check=False)


def findings(*command: str) -> str:
    """What a checker says where it is not content."""
    done = run(*command)
    return f"{' '.join(command)}:\n{done.stdout}{done.stderr}" if done.returncode else ""


@pytest.mark.timeout(180)  # without a cache mypy reads every package that helpers/ imports
def test_mypy_is_content_with_helpers_and_start_py() -> None:
    assert not (said := findings("mypy")), said


def test_ruff_is_content_with_code_and_notebooks() -> None:
    said = findings("ruff", "check", "--no-cache") + findings("ruff", "format", "--check", "--no-cache")
    assert not said, said


def test_ruff_looks_at_everything() -> None:
    seen = {Path(line) for line in run("ruff", "check", "--show-files").stdout.splitlines()}
    assert not {*OWN, *notebooks()} - seen


def test_no_file_of_helpers_is_too_long_to_read_in_one_go() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in OWN if "helpers" in path.parts}
    assert len(lengths) > 50
    long = {str(path.relative_to(ROOT)): count for path, count in lengths.items() if count > LINES}
    assert not {name: count for name, count in long.items() if not LONG.search(name)}


def test_what_mypy_is_told_to_ignore_has_a_code_and_a_reason() -> None:
    lines = [
        (path.name, line.strip())
        for path in OWN
        if path.name != "test_code.py"
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    ignoring = [(name, line) for name, line in lines if "# type: " + "ignore" in line and "re.compile" not in line]
    assert not [place for place in ignoring if not REASONED.search(place[1])]


@pytest.mark.parametrize(
    ("line", "fine"),
    [
        ("f()  # type: ignore[attr-defined]  # only there on Windows", True),
        ("f()  # type: ignore[attr-defined, misc]  # noqa: SLF001  nothing public tells it", True),
        ("f()  # type: ignore[attr-defined]", False),
        ("f()  # type: ignore[attr-defined]  # noqa", False),
        ("f()  # type: ignore  # only there on Windows", False),
    ],
)
def test_a_reason_is_told_from_none(line: str, fine: bool) -> None:
    assert bool(REASONED.search(line)) == fine


def test_no_tracked_file_names_a_place_that_packages_come_from() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], capture_output=True, text=True, cwd=ROOT, check=False)
    if listed.returncode:
        pytest.skip("This copy is no git checkout, so nothing says which files belong to it.")
    texts = {
        name: (ROOT / name).read_bytes().decode(errors="replace") for name in filter(None, listed.stdout.split("\0"))
    }
    assert "start.py" in texts
    assert not {name: found[0] for name, text in texts.items() if (found := HOSTS.search(text))}
