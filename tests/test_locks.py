"""pyproject.toml is the one list of packages; the locks and environment.yml follow from it and name no index."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
LEARNER, DEVELOPER = "requirements.txt", "requirements-dev.txt"
BLOCK = re.compile(r"^([\w.-]+)==(\S+)((?:.*\\\n)*.*)$", re.MULTILINE)  # name, version, markers and hashes


def blocks(lock: str) -> set[tuple[str, str, str]]:
    """Every locked package as (name, version, rest); a package can stand there twice, under different markers."""
    return set(BLOCK.findall((ROOT / lock).read_text()))


def test_recompiling_the_locks_changes_nothing(tmp_path: Path):
    for name in ("start.py", "pyproject.toml", LEARNER, DEVELOPER):
        shutil.copy(ROOT / name, tmp_path)
    compiling = "import sys, start; sys.exit(start.compile_locks(sys.executable, []))"
    ran = subprocess.run([sys.executable, "-c", compiling], cwd=tmp_path, capture_output=True, text=True)
    if ran.returncode and "connect" in ran.stderr.lower() and os.environ.get("CI") != "true":
        pytest.skip("Without a network nobody can tell whether the locks are up to date: run this test with one.")
    assert ran.returncode == 0, ran.stderr
    for lock in (LEARNER, DEVELOPER):
        same = (tmp_path / lock).read_bytes() == (ROOT / lock).read_bytes()
        assert same, f"{lock} no longer follows from pyproject.toml: run python3 start.py lock"


@pytest.mark.parametrize("lock", [LEARNER, DEVELOPER])
def test_each_requirement_of_pyproject_is_locked_at_a_version_it_allows(lock: str):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = project["project"]["dependencies"] + (project["dependency-groups"]["dev"] if lock == DEVELOPER else [])
    locked = {(canonicalize_name(name), version) for name, version, _ in blocks(lock)}
    for requirement in map(Requirement, wanted):
        versions = [version for name, version in locked if name == canonicalize_name(requirement.name)]
        assert versions and all(requirement.specifier.contains(version) for version in versions), requirement


def test_the_learners_lock_is_part_of_the_developers():
    def files(lock: str) -> set[tuple[str, str, str]]:  # a marker may be narrower where fewer packages ask for it
        return {(name, version, "".join(re.findall(r"sha256:\w+", rest))) for name, version, rest in blocks(lock)}

    assert len(files(LEARNER)) > 20
    assert files(LEARNER) <= files(DEVELOPER)


@pytest.mark.parametrize("lock", [LEARNER, DEVELOPER])
def test_every_locked_package_has_its_hash_and_nothing_else_is_in_the_lock(lock: str):
    assert all("--hash=sha256:" in rest for *_, rest in blocks(lock))
    assert not BLOCK.sub("", (ROOT / lock).read_text()).strip()


@pytest.mark.parametrize("name", [LEARNER, DEVELOPER, "environment.yml", "pyproject.toml"])
def test_no_list_of_packages_names_an_index_or_an_address(name: str):
    assert not re.search(r"://|index-url|find-links|trusted-host|^channels", (ROOT / name).read_text(), re.MULTILINE)


def test_environment_yml_has_no_version_but_pythons():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    assert environment["dependencies"] == ["python=3.12", "pip", {"pip": [f"-r {LEARNER}"]}]


@pytest.mark.skipif(os.name == "nt", reason="Binder and continuous integration run on Linux.")
def test_the_scripts_of_binder_and_ci_can_be_executed():
    assert os.access(ROOT / "postBuild", os.X_OK)
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
