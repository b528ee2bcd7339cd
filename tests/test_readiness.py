"""What lesson 00 says about a machine: ready, limited or missing something, each with what to do."""

import os
import subprocess
import sys
from importlib import metadata

import pytest

from helpers import environment, readiness, stop_all


def found(topic):
    return {finding.topic: finding for finding in environment().findings}.get(topic)


def test_this_machine_is_ready():
    report = environment()
    assert report.ready, report.summary()
    assert [f.topic for f in report.findings][:3] == ["Python", "Packages", "Servers"]
    assert report.summary().startswith("Ready")


@pytest.mark.parametrize(("cores", "said"), [(1, "1 core."), (3, "3 cores.")])
def test_the_cores_are_those_that_a_container_may_use(monkeypatch, cores, said):
    monkeypatch.setattr(readiness, "cores", lambda: cores)
    assert found("Python").found.endswith(f", {said}")


@pytest.mark.parametrize(
    ("requirement", "said"),
    [("a-package-nobody-has >=1", "a-package-nobody-has is not installed"), ("flask <1", "not <1")],
)
def test_a_missing_or_old_package_is_named_with_its_fix(monkeypatch, requirement, said):
    monkeypatch.setattr(metadata, "requires", lambda name: [requirement, "never; python_version < '3'"])
    packages = found("Packages")
    assert packages.state == "missing"
    assert said in packages.found and "pip install" in packages.fix
    assert not environment().ready


def test_a_project_that_is_not_linked_is_one_sentence(monkeypatch):
    monkeypatch.setattr(readiness, "PROJECT", "a-project-nobody-has")
    assert found("packages").state == "missing"


def test_proxy_variables_that_would_swallow_local_requests(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    assert found("Proxy") is None
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert found("Proxy").state == "limited"
    assert found("Servers").state == "ready"  # the helpers do not ask the proxy
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert found("Proxy") is None


def test_a_results_folder_that_cannot_be_written(monkeypatch, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("a file where a folder should be")
    monkeypatch.setenv("LESSON_RESULTS", str(blocked / "results"))
    results = found("Results")
    assert results.state == "limited"
    assert "cannot be written" in results.found


def test_without_jupyter_server_proxy_the_pages_are_limited(monkeypatch):
    monkeypatch.setattr(readiness, "proxy_base", lambda: None)
    assert found("Live pages").state == "ready"  # no Jupyter server at all: the browser is on this machine
    monkeypatch.setattr(readiness, "jupyter_server", lambda: {"base_url": "/"})
    pages = found("Live pages")
    assert pages.state == "limited" and "jupyter-server-proxy" in pages.found
    assert environment().ready


def test_a_kernel_changed_by_nest_asyncio(monkeypatch):
    import asyncio

    assert found("asyncio") is None
    monkeypatch.setattr(asyncio, "_nest_patched", True, raising=False)
    assert found("asyncio").state == "limited"


def test_the_database_of_lesson_06(monkeypatch):
    assert found("Database").found.startswith("PostgreSQL")
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    database = found("Database")
    assert database.state == "limited" and "DATABASE_URL" in database.found
    assert environment().ready
    stop_all()


def test_a_proxy_that_httpx_cannot_use_is_told_with_what_to_do(monkeypatch):
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1080")
    proxy = found("Proxy")
    assert proxy.state == "limited"
    assert "ALL_PROXY" in proxy.fix


@pytest.mark.parametrize(("name", "source"), [("flask", "app = 1"), ("httpx", "1 / 0"), ("werkzeug", "")])
def test_a_learners_file_with_the_name_of_a_package_is_told_in_a_sentence(name, source, tmp_path):
    (tmp_path / f"{name}.py").write_text(source)
    code = "import sys; sys.path.insert(0, ''); from helpers import ask, load, serve; serve(lambda environ, start: [])"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert f"LessonError: {name} comes from {tmp_path}, not from this environment." in ended.stderr


def test_what_stands_in_the_place_of_a_package_is_named(monkeypatch, tmp_path):
    (tmp_path / "pydantic").mkdir()
    (tmp_path / "pydantic" / "__init__.py").write_text("raise ImportError('broken')")
    code = "from helpers import environment; print(environment())"
    kernel = {**os.environ, "PYTHONPATH": str(tmp_path)}
    told = subprocess.run([sys.executable, "-c", code], env=kernel, capture_output=True, text=True, cwd=tmp_path).stdout
    assert f"pydantic comes from {tmp_path}" in told
    assert "Something is missing" in told
