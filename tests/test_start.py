"""start.py: one sentence for whatever can go wrong, a quick second start, and never a step outside its environment."""

import ast
import importlib.util
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import venv
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

ROOT = Path(__file__).parent.parent
PARTS = ("start.py", "pyproject.toml", "requirements.txt", "requirements-dev.txt", "lab", "helpers", "README.md")
posix = pytest.mark.skipif(os.name == "nt", reason="Signals and permissions work differently on Windows.")


class Installer:
    """Stands in for the programs that start.py runs: remembers the commands, makes real but empty environments."""

    def __init__(self) -> None:
        self.commands: list[list[str]] = []
        self.handed_over: list[list[str]] = []
        self.failures: dict[str, str] = {}  # a word of a command -> what the program says when it fails

    def run(self, command: list[str]) -> tuple[bool, str]:
        self.commands.append(command)
        for word, said in self.failures.items():
            if word in command:
                return False, said
        if command[-1] == "import helpers":
            self.commands.pop()  # a look, not a step
        if command[1:3] == ["-m", "venv"]:
            make_environment(Path(command[3]))
        return True, ""

    def hand_over(self, command: list[str]) -> int:
        self.handed_over.append(command)
        return 0

    def steps(self) -> list[str]:
        """What was done since the last look: "venv" made, "uv" fetched, packages by "uv install", "link"."""
        names = {"venv": "venv", "uv": "uv install", "--editable": "link", "--require-hashes": "pip install"}
        found = [next(name for word, name in names.items() if word in command) for command in self.commands]
        self.commands.clear()
        return found


def make_environment(folder: Path) -> None:
    """A real environment in which `import pip` works, without the seconds that installing pip takes."""
    venv.create(folder, symlinks=os.name != "nt")
    packages = next(folder.glob("[Ll]ib/**/site-packages"))
    (packages / "pip.py").touch()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of what start.py needs to see of the project."""
    folder = tmp_path / "a project, as caf\u00e9s have"
    folder.mkdir()
    for name in PARTS:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    for name in ("LICENSE", "LICENSE-text"):
        shutil.copy(ROOT / name, folder)
    return folder


@pytest.fixture
def start(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """start.py of the copy, as a module; what it does to os.environ ends with the test."""
    specification = importlib.util.spec_from_file_location("start_of_the_copy", project / "start.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    monkeypatch.setattr(os, "environ", os.environ.copy())
    return module


@pytest.fixture
def installer(start: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Installer:
    installer = Installer()
    monkeypatch.setattr(start, "run", installer.run)
    monkeypatch.setattr(start, "hand_over", installer.hand_over)
    return installer


def one_sentence(text: str) -> str:
    """`text` if it is one line without a traceback."""
    assert text.count("\n") == 1 and text.endswith("\n") and "Traceback" not in text, text
    return text


# --- what can go wrong ---------------------------------------------------------------------------------------------


def pretend(project: Path, version: tuple, path: Path, *arguments: str) -> subprocess.CompletedProcess:
    """Run start.py by an interpreter that says it is of another version, with the commands in the folder `path`."""
    script = "import runpy, sys; sys.version_info = {}; sys.argv = {}; runpy.run_path({!r}, run_name='__main__')"
    code = script.format(version, ["start.py", *arguments], str(project / "start.py"))
    environ = os.environ | {"PATH": str(path)}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environ, timeout=20)


def test_an_old_python_can_read_start_py_to_the_end():
    tree = ast.parse((ROOT / "start.py").read_text(), feature_version=(3, 6))
    for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
        for annotation in [function.returns, *(argument.annotation for argument in function.args.args)]:
            assert not isinstance(annotation, ast.Subscript | ast.BinOp), f"{function.name}: evaluated, it fails on 3.6"


@pytest.mark.parametrize("version", [(3, 6, 15), (3, 10, 13)])
def test_an_old_python_says_so_in_one_sentence(version: tuple[int, int, int], project: Path, tmp_path: Path):
    ran = pretend(project, version, tmp_path)
    assert ran.returncode == 1 and not ran.stdout
    assert "need Python 3.11 or newer and this is Python " + ".".join(map(str, version)) in one_sentence(ran.stderr)
    assert "install Python 3.13" in ran.stderr


@posix
def test_an_old_python_names_a_newer_one_that_answers(project: Path, tmp_path: Path):
    for name, script in {"python3.13": "exit 127", "python3.12": "exit 0"}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    ran = pretend(project, (3, 8, 18), tmp_path, "test", "-k", "servers")
    assert one_sentence(ran.stderr).endswith("run python3.12 start.py test -k servers\n")


def test_a_python_newer_than_the_tested_ones_goes_on(start: ModuleType, installer: Installer, monkeypatch, capsys):
    monkeypatch.setattr(start, "NEWEST_TESTED", (3, 10))
    assert start.main(["test"]) == 0
    assert "newer than those the lessons are tested with" in capsys.readouterr().out


def test_a_python_without_ensurepip_says_what_to_install(start: ModuleType, installer: Installer, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    assert start.main([]) == 1
    package = "python{}.{}-venv".format(*sys.version_info)
    assert f"sudo apt install {package}" in one_sentence(capsys.readouterr().err)
    assert not installer.commands


def test_too_little_room_says_how_much_is_needed(start: ModuleType, installer: Installer, monkeypatch, capsys):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=3 * 10**8))
    assert start.main([]) == 1
    assert "takes up to 1 GB" in (sentence := one_sentence(capsys.readouterr().err)) and "0.3 GB free" in sentence


@pytest.mark.parametrize("step", ["venv", "uv", "--editable"])
@pytest.mark.parametrize("said", ["ERROR: [Errno 28] No space left on device", "error: ... (os error 112)"])
def test_a_disk_that_fills_up_is_named(start: ModuleType, installer: Installer, capsys, step: str, said: str):
    installer.failures[step] = said
    assert start.main([]) == 1
    assert "disk is full" in one_sentence(capsys.readouterr().err)
    assert installer.steps()[-1] == {"venv": "venv", "uv": "uv install", "--editable": "link"}[step]


@posix
def test_a_disk_that_is_full_for_start_py_itself_is_named(
    start: ModuleType, installer: Installer, tmp_path: Path, monkeypatch, capsys
):
    def touch(path: Path) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(Path, "touch", touch)
    monkeypatch.setitem(os.environ, "XDG_CACHE_HOME", str(tmp_path))
    assert start.main([]) == 1 and not installer.commands
    assert "disk is full" in one_sentence(capsys.readouterr().err)


def test_no_network_is_one_sentence(project: Path):
    nowhere = "http://127.0.0.1:9"
    deaf = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"), nowhere)
    pip = {"PIP_CONFIG_FILE": os.devnull, "PIP_FIND_LINKS": "", "NO_PROXY": "", "no_proxy": ""}
    command = [sys.executable, str(project / "start.py")]
    ran = subprocess.run(command, capture_output=True, text=True, env=os.environ | deaf | pip)
    assert ran.returncode == 1
    assert "could not be downloaded: check the network" in one_sentence(ran.stderr)
    assert (project / ".venv" / "set-up-by-start.py").read_text() == "unfinished\n"


def test_where_nothing_can_be_written_the_environment_goes_to_the_user(
    start: ModuleType, installer: Installer, project: Path, tmp_path: Path, monkeypatch, capsys
):
    writable = start.writable
    monkeypatch.setattr(start, "writable", lambda folder: folder != project and writable(folder))
    monkeypatch.setitem(os.environ, "XDG_CACHE_HOME", str(tmp_path / "caches"))
    for expected in (["venv", "pip install", "uv install", "link"], []):
        assert start.main([]) == 0
        assert installer.steps() == expected
        said = capsys.readouterr().out
        place = Path(re.search("environment goes to (.*)[.]\n", said).group(1))
        assert f"{project} cannot be written to" in said
        assert place.is_relative_to(tmp_path / "caches") and (place / ".venv").is_dir()
    assert not (project / ".venv").exists()


def test_an_environment_prepared_in_a_folder_that_cannot_be_written_is_used(
    start: ModuleType, installer: Installer, project: Path, tmp_path: Path, monkeypatch
):
    start.main([])
    monkeypatch.setattr(start, "writable", lambda folder: False)
    monkeypatch.setitem(os.environ, "XDG_CACHE_HOME", str(tmp_path / "caches"))
    installer.commands.clear()
    assert start.main([]) == 0 and not installer.steps()
    assert installer.handed_over[-1][0].startswith(str(project / ".venv"))


def test_writable_tells_where_a_file_can_be_made(start: ModuleType, tmp_path: Path):
    assert start.writable(tmp_path) and not list(tmp_path.glob(".writable*"))
    assert not start.writable(tmp_path / "missing")
    if Path("/proc").is_dir():
        assert not start.writable(Path("/proc"))  # not even for root


def test_a_folder_that_cannot_be_used_is_named(start: ModuleType, installer: Installer, project: Path, capsys):
    (project / ".venv").write_text("not a folder")
    assert start.main([]) == 1
    assert ".venv" in one_sentence(capsys.readouterr().err)


def test_any_other_failure_shows_the_last_lines(start: ModuleType, installer: Installer, capsys):
    installer.failures["--editable"] = "\n".join(f"line {number}" for number in range(30))
    assert start.main([]) == 1
    said = capsys.readouterr().err.splitlines()
    assert len(said) < 15 and said[-2] == "line 29" and "the lines above" in said[-1]


def test_a_second_start_py_at_the_same_time_is_turned_away(
    start: ModuleType, installer: Installer, project: Path, capsys
):
    with start.alone(project):
        assert start.main([]) == 1
    assert "Another start.py is setting up" in one_sentence(capsys.readouterr().err)
    assert start.main([]) == 0


def test_a_port_that_is_taken_is_one_sentence(start: ModuleType, installer: Installer, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for arguments in (["--port", str(port)], [f"--port={port}"], [f"--ServerApp.port={port}"]):
            assert start.main(arguments) == 1
            assert f"Port {port} is taken" in one_sentence(capsys.readouterr().err)
    assert not installer.handed_over
    assert start.main(["--port", str(port)]) == 0
    assert "--ServerApp.port_retries=0" in installer.handed_over[-1]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # create_server leaves its socket open
def test_a_port_that_does_not_exist_is_one_sentence(start: ModuleType, installer: Installer, capsys):
    assert start.main(["--port", "70000"]) == 1
    assert "Port 70000" in one_sentence(capsys.readouterr().err)


# --- the commands --------------------------------------------------------------------------------------------------


def test_arguments_pass_through(start: ModuleType, installer: Installer, project: Path):
    python = str(start.python_in(project / ".venv"))
    assert start.main(["test", "-k", "servers"]) == 0
    assert installer.handed_over == [[python, "-m", "pytest", "-k", "servers"]]
    assert start.main(["--no-browser"]) == 0
    lab = installer.handed_over[-1]
    assert lab[:3] == [python, "-m", "jupyterlab"] and lab[-1] == "--no-browser"
    assert f"--ServerApp.root_dir={project}" in lab
    assert "--LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb" in lab
    assert start.main(["--ServerApp.root_dir=elsewhere"]) == 0
    assert [argument for argument in installer.handed_over[-1] if "root_dir" in argument] == [
        "--ServerApp.root_dir=elsewhere"
    ]


def test_help_installs_nothing(start: ModuleType, installer: Installer, capsys):
    assert start.main(["--help"]) == 0
    assert "start.py test" in capsys.readouterr().out and not installer.commands


def test_lock_compiles_the_larger_lock_first_and_stops_at_a_failure(
    start: ModuleType, installer: Installer, monkeypatch
):
    assert start.main(["lock", "--upgrade"]) == 0
    larger, smaller = installer.handed_over
    assert "--upgrade" in larger and "--upgrade" in smaller
    assert larger[-1] == "requirements-dev.txt" and smaller[-4:] == ["-c", larger[-1], "-o", "requirements.txt"]
    installer.handed_over.clear()
    monkeypatch.setattr(start, "hand_over", lambda command: installer.hand_over(command) or 2)
    assert start.main(["lock"]) == 2 and len(installer.handed_over) == 1


def test_the_tests_may_write_bytecode(start: ModuleType, installer: Installer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "PYTHONDONTWRITEBYTECODE", "1")
    assert start.main(["test"]) == 0
    assert "PYTHONDONTWRITEBYTECODE" not in os.environ


def test_programs_started_from_a_cell_are_those_of_the_environment(
    start: ModuleType, installer: Installer, project: Path
):
    start.main([])
    assert os.environ["VIRTUAL_ENV"] == str(project / ".venv")
    assert os.environ["PATH"].split(os.pathsep)[0] == str(start.python_in(project / ".venv").parent)


def hand_over(code: str) -> list[str]:
    """The command of a Python that hands the terminal over to a Python that runs `code`."""
    return [sys.executable, "-c", f"import start, sys; sys.exit(start.hand_over([sys.executable, '-c', {code!r}]))"]


@pytest.mark.parametrize("code", [0, 1, 7])
def test_the_exit_code_is_passed_on(code: int):
    assert subprocess.run(hand_over(f"raise SystemExit({code})"), cwd=ROOT).returncode == code


@posix
@pytest.mark.parametrize("sent", ["SIGINT", "SIGTERM"])
def test_a_program_that_is_told_to_stop_says_goodbye_in_its_own_time(sent: str):
    code = (
        "import signal, sys, time\n"
        f"signal.signal(signal.{sent}, lambda *_: (time.sleep(0.5), sys.exit(5)))\n"
        "print('up', flush=True); time.sleep(30)"
    )
    process = subprocess.Popen(hand_over(code), cwd=ROOT, stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout.readline() == b"up\n"
    if sent == "SIGINT":
        os.killpg(process.pid, signal.SIGINT)  # what the terminal does at Ctrl-C
    else:
        process.terminate()
    assert process.wait(10) == 5
    process.stdout.close()


@posix
def test_a_program_killed_by_a_signal_gives_the_shells_exit_code():
    assert subprocess.run(hand_over("import os; os.kill(os.getpid(), 9)"), cwd=ROOT).returncode == 128 + 9


# --- the environment -----------------------------------------------------------------------------------------------

ALL = ["venv", "pip install", "uv install", "link"]  # pip installs uv


def test_the_second_start_installs_nothing(start: ModuleType, installer: Installer):
    assert start.main([]) == 0 and installer.steps() == ALL
    assert start.main([]) == 0 and installer.steps() == []


def test_testing_adds_to_the_environment_of_the_lessons(start: ModuleType, installer: Installer, project: Path):
    start.main([])
    installer.commands.clear()
    assert start.main(["test"]) == 0
    assert str(project / "requirements-dev.txt") in installer.commands[1]
    assert installer.steps() == ALL[1:]


@pytest.mark.parametrize(
    "name", ["requirements.txt", "pyproject.toml", "lab/etc/jupyter/labconfig/default_setting_overrides.json"]
)
def test_a_change_of_what_is_installed_is_installed(start: ModuleType, installer: Installer, project: Path, name: str):
    start.main([])
    installer.commands.clear()
    with (project / name).open("a") as file:
        file.write("\n")
    assert start.main([]) == 0 and installer.steps() == ALL[1:]


@pytest.mark.parametrize("before", ["nothing", "an installation"])
def test_an_interrupted_installation_begins_anew(
    start: ModuleType, installer: Installer, monkeypatch, capsys, before: str
):
    def interrupted(command: list[str]) -> tuple[bool, str]:
        if "uv" in command:
            raise KeyboardInterrupt
        return installer.run(command)

    if before == "an installation":
        start.main([])
    with monkeypatch.context() as patch:
        patch.setattr(start, "run", interrupted)
        assert start.main(["test"]) == 130
    assert "Stopped" in capsys.readouterr().err
    installer.commands.clear()
    assert start.main([]) == 0 and installer.steps() == ALL


@pytest.mark.parametrize("damage", ["interpreter", "pip", "pyvenv.cfg"])
def test_a_damaged_environment_is_made_anew(start: ModuleType, installer: Installer, project: Path, damage: str):
    start.main([])
    installer.commands.clear()
    environment = project / ".venv"
    assert start.works(environment)
    python = start.python_in(environment)
    match damage:
        case "interpreter" if os.name == "nt":
            python.unlink()
        case "interpreter":
            python.unlink()
            python.symlink_to(project / "an interpreter that was uninstalled")
        case "pip":
            next(environment.glob("[Ll]ib/**/site-packages/pip.py")).unlink()
        case "pyvenv.cfg":  # without it, the environment's Python would install into the system's own packages
            (environment / damage).unlink()
    assert not start.works(environment)
    assert start.main([]) == 0 and installer.steps() == ALL
    assert start.works(environment)


def test_an_environment_of_another_python_is_made_anew(start: ModuleType, installer: Installer, project: Path):
    start.main([])
    installer.commands.clear()
    stamp = project / ".venv" / "set-up-by-start.py"
    stamp.write_text(re.sub(r"Python 3\.\d+", "Python 3.99", stamp.read_text()))
    assert start.main([]) == 0 and installer.steps() == ALL


def test_an_environment_that_was_moved_is_made_anew(
    start: ModuleType, installer: Installer, project: Path, monkeypatch
):
    start.main([])
    installer.commands.clear()
    monkeypatch.setattr(start, "ROOT", project.rename(project.with_name("elsewhere")))
    assert start.main([]) == 0 and installer.steps() == ALL


def test_a_good_environment_made_by_hand_is_built_upon(start: ModuleType, installer: Installer, project: Path):
    make_environment(project / ".venv")
    assert start.main([]) == 0 and installer.steps() == ALL[1:]


def test_pip_takes_over_where_uv_cannot(start: ModuleType, installer: Installer, project: Path, capsys):
    installer.failures["uv"] = "error: something\n  cause: no answer from the mirror"
    assert start.main([]) == 0
    assert "uv gave up (cause: no answer from the mirror)" in capsys.readouterr().out
    assert str(project / "requirements.txt") in installer.commands[-2] and "pip" in installer.commands[-2]
    assert installer.steps() == ["venv", "pip install", "uv install", "pip install", "link"]


def test_nothing_is_installed_outside_the_environment_or_without_its_hash(
    start: ModuleType, installer: Installer, project: Path
):
    installer.failures["uv"] = "error"
    start.main([])
    making, *installing = installer.commands
    assert making[3:] == [str(project / ".venv")]
    for command in installing:
        held = [str(project / ".venv")] if "uv" in command else []
        assert command[command.index("--prefix") + 1 :][:1] == held if held else "--require-virtualenv" in command
        assert "--require-hashes" in command or "--no-deps" in command


@pytest.mark.parametrize("name", ["PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PYTHONPATH", "PYTHONHOME"])
def test_settings_that_lead_elsewhere_do_not_reach_the_installation(
    start: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
):
    monkeypatch.setitem(os.environ, "PIP_USER", "1")
    monkeypatch.setitem(os.environ, name, str(tmp_path))
    look = f"import os; print(os.environ.get({name!r}), os.environ['PIP_USER'])"
    assert start.run([sys.executable, "-c", look]) == (True, "None 0")


def test_packages_are_compiled_once_and_not_at_each_start_of_a_server(start: ModuleType, installer: Installer):
    start.main([])
    assert ["--compile-bytecode" in command for command in installer.commands] == [False, False, True, False]


def test_uv_is_installed_by_the_hash_of_the_lock(start: ModuleType, installer: Installer, project: Path):
    start.main([])
    wanted = (project / ".venv" / "uv.txt").read_text()
    assert re.match(r"uv==[\d.]+ \\\n    --hash=sha256:", wanted) and wanted in (ROOT / "requirements.txt").read_text()
    assert len(re.findall("^[^ ]", wanted, re.MULTILINE)) == 1 and not wanted.endswith("\\")


@posix
def test_progress_is_shown_while_it_happens(start: ModuleType, capsys):
    lines = [
        "Resolved 2 packages in 1s",
        "Downloading numpy (16MiB)",
        " + numpy==1",
        "Requirement already satisfied: a",
    ]
    assert start.run(["printf", "%s\n", *lines]) == (True, "\n".join(lines))
    assert capsys.readouterr().out == "  Resolved 2 packages in 1s\n  Downloading numpy (16MiB)\n"
    assert start.run(["sh", "-c", "echo bad >&2; exit 3"]) == (False, "bad")


# --- the real thing ------------------------------------------------------------------------------------------------


@pytest.mark.timeout(400)
def test_from_a_fresh_copy_to_jupyterlab_and_again_in_ten_seconds(project: Path, tmp_path: Path):
    shutil.copytree(ROOT / "notebooks", project / "notebooks")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [
        sys.executable,
        str(project / "start.py"),
        "--no-browser",
        f"--port={port}",
        "--IdentityProvider.token=a",
    ]
    alone = {"JUPYTER_CONFIG_DIR": str(tmp_path / "config"), "JUPYTER_DATA_DIR": str(tmp_path / "data")}
    alone |= {"LC_ALL": "C", "PIP_USER": "1"}  # an encoding without the folder's letters; packages of the user's own

    def open_lab(patience: float, command: list[str] = command) -> tuple[str, float]:
        """The page of JupyterLab, asked for until it answers, and after how many seconds it did."""
        began = time.monotonic()
        with (tmp_path / "log").open("w+") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | alone, cwd=tmp_path)
            try:
                while True:
                    try:
                        with urllib.request.urlopen(f"http://127.0.0.1:{port}/?token=a", timeout=2) as answer:
                            assert answer.url.split("?")[0].endswith("/lab/tree/notebooks/00_start_here.ipynb")
                            page = answer.read().decode()
                        prompts = "lab/api/settings/@jupyterlab/apputils-extension:notification"
                        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{prompts}?token=a", timeout=5) as answer:
                            assert json.load(answer)["schema"]["properties"]["fetchNews"]["default"] == "false"
                        return page, time.monotonic() - began
                    except OSError:
                        log.seek(0)
                        said = log.read()
                        if "could not be downloaded" in said and os.environ.get("CI") != "true":
                            pytest.skip("Setting up anew takes a network: run this test with one.")
                        assert process.poll() is None and time.monotonic() - began < patience, said
                        time.sleep(0.1)
            finally:
                process.terminate()
                assert process.wait(20) is not None

    page, _ = open_lab(patience=200)
    settings = json.loads(re.search(r'id="jupyter-config-data"[^>]*>(.*?)</script>', page, re.DOTALL).group(1))
    assert settings["serverRoot"] == str(project)
    environment = project / ".venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
    where = "import helpers; print(helpers.__file__)"
    for encoding in ({}, {"LC_ALL": "C"}, {"LC_ALL": "C", "PYTHONUTF8": "0"}):
        found = subprocess.check_output([str(environment), "-c", where], cwd=tmp_path, env=os.environ | encoding)
        assert Path(os.fsdecode(found.strip())).parent == project / "helpers"
    again = min(open_lab(patience=60)[1] for _ in range(2))
    if again >= 10:  # a slow machine, or one that does something else: start.py adds little to JupyterLab's own start
        lab = [str(environment), "-m", "jupyterlab", "--allow-root", f"--ServerApp.root_dir={project}", *command[2:]]
        lab.append("--LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb")
        assert again < 1.5 * min(open_lab(60, lab)[1] for _ in range(2))
