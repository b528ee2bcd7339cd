"""Set the lessons up and open them, or set them up and test them.

    python3 start.py [arguments for JupyterLab]   opens the first lesson in JupyterLab
    python3 start.py test [arguments for pytest]  runs the tests
    python3 start.py lock [arguments for uv]      for maintainers: compiles both locks anew from pyproject.toml

Everything is installed into the folder .venv beside this file; delete that folder, and the installation is gone.
"""

# The standard library alone, and no syntax newer than Python 3.6: an old Python must be able to read this file to the
# end before it can say, in one sentence, that it is too old. (Annotations in quotes are not evaluated.)

import argparse
import contextlib
import hashlib
import importlib.util
import io
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent
FIRST_LESSON = "notebooks/00_start_here.ipynb"
LEARNER, DEVELOPER = "requirements.txt", "requirements-dev.txt"
# What `pip install --editable` copies:
LINKED = ("pyproject.toml", "lab/etc/jupyter/labconfig/default_setting_overrides.json")
STAMP = "set-up-by-start.py"  # a file in the environment: what has been installed into it
OLDEST, NEWEST_TESTED = (3, 11), (3, 13)
ELSEWHERE = ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PYTHONHOME", "PYTHONPATH")
SPACE = 10**9  # bytes: what a new environment may take

DISK_FULL = "The disk is full: free about 1 GB, then run the same command again."
NO_NETWORK = (
    "The packages could not be downloaded: check the network (and your proxy's or mirror's settings, if you have one), "
    "then run the same command again."
)
SIGNS = {  # how uv, pip and operating systems word them
    DISK_FULL: "no space left|errno 28|os error 28|not enough space|os error 112|quota exceeded",
    NO_NETWORK: "connection|connect error|name resolution|dns error|getaddrinfo|timed out|unreachable|certificate",
}


class Stop(Exception):
    """Ends the command with one sentence that says what is wrong and what to do."""


def main(arguments: "list[str]") -> int:
    """Do what the command line asks for; return the exit code."""
    if arguments[:1] in (["-h"], ["--help"]):
        print((__doc__ or "").strip())
        return 0
    try:
        check_python(arguments)
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")  # a console may lack a letter of a folder's name
        if arguments[:1] == ["test"]:
            # Many a container sets it; every kernel and child that a test starts would compile helpers/ anew.
            os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
            return hand_over([environment(DEVELOPER), "-m", "pytest", *arguments[1:]])
        if arguments[:1] == ["lock"]:
            return compile_locks(environment(LEARNER), arguments[1:])
        return open_lab(environment(LEARNER), arguments)
    except Stop as stop:
        print(stop, file=sys.stderr)
        return 1
    except OSError as error:
        print(explain(str(error)) or f"Make this file or folder usable, or move it away: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped before the end; the same command begins again.", file=sys.stderr)
        return 130


def check_python(arguments: "list[str]") -> None:
    """Refuse a Python that is too old, and name a newer one if this machine has it."""
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] > NEWEST_TESTED:
        print(f"Python {version} is newer than those the lessons are tested with (3.11 to 3.13); trying all the same.")
    if sys.version_info[:2] >= OLDEST:
        return
    advice = "install Python 3.13 and run this command with it."
    for name in ("python3.13", "python3.12", "python3.11", "py -3.13", "py -3.12", "py -3.11"):
        # Finding the name is not enough: version managers keep one on the path for versions that are switched off.
        asking, nowhere = [*name.split(), "-c", ""], subprocess.DEVNULL
        if shutil.which(asking[0]) and subprocess.call(asking, stdout=nowhere, stderr=nowhere) == 0:
            advice = "run " + " ".join([name, "start.py", *arguments])
            break
    raise Stop(f"The lessons need Python 3.11 or newer and this is Python {version}: {advice}")


def environment(lock: str) -> str:
    """Make sure that an environment has everything `lock` lists; activate it and return the path of its Python."""
    place = ROOT if writable(ROOT) else place_of_the_user()
    for venv in (ROOT / ".venv", place / ".venv"):
        if ready(venv, lock):
            break
    else:
        with alone(place):
            if not ready(venv, lock):
                set_up(venv, lock)
    activate(venv)
    return str(python_in(venv))


def ready(venv: Path, lock: str) -> bool:
    """Whether the environment in `venv` can be used as it is."""
    return read_stamp(venv) == stamp(venv, lock) and works(venv)


@contextlib.contextmanager
def alone(place: Path) -> "Iterator[None]":
    """Let one start.py at a time set up in `place`; the system frees the lock even when its holder is killed."""
    with (place / ".venv.lock").open("w") as file:
        try:
            if sys.platform == "win32":
                import msvcrt

                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            else:
                import fcntl

                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError) as error:
            raise Stop("Another start.py is setting up here: run the same command when it is ready.") from error
        except OSError:
            pass  # a network disk that knows no locks
        yield


def activate(venv: Path) -> None:
    """Make `venv` the environment of every program started from here, those that a cell starts included."""
    os.environ["VIRTUAL_ENV"] = str(venv)
    os.environ["PATH"] = f"{python_in(venv).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"


def writable(folder: Path) -> bool:
    """Whether a file can be made in `folder`. (Permissions alone do not tell, neither on Windows nor for root.)"""
    try:
        probe = folder / f".writable-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        if explain(str(error)):  # the disk is full: another folder would not help
            raise
        return False
    return True


def place_of_the_user() -> Path:
    """Where the environment goes when the lessons lie where this user may not write."""
    caches = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA") or Path.home() / ".cache"
    place = Path(caches, "fastapi-vs-flask-on-trial", hashlib.sha256(bytes(ROOT)).hexdigest()[:12])
    place.mkdir(parents=True, exist_ok=True)
    print(f"{ROOT} cannot be written to, so the environment goes to {place}.")
    return place


def stamp(venv: Path, lock: str) -> str:
    """What an environment in `venv` that has everything of `lock` was made for (line 1) and made from (line 2)."""
    sources = hashlib.sha256()
    for name in (lock, *LINKED):
        sources.update((ROOT / name).read_bytes())
    return f"{made_for(venv)}\n{sources.hexdigest()}\n"


def made_for(venv: Path) -> str:
    """An environment serves one Python in one place: its commands contain its path."""
    return "Python {}.{} in {}".format(*sys.version_info[:2], venv)


def read_stamp(venv: Path) -> str:
    """What has been installed into `venv`; empty when nothing says so."""
    try:
        return (venv / STAMP).read_text(encoding="utf-8")
    except OSError:
        return ""


def works(venv: Path) -> bool:
    """Whether `venv` is an environment with pip whose Python is still there and of our version."""
    ours = tuple(sys.version_info[:2])
    script = f"import pip, sys; sys.exit(sys.version_info[:2] != {ours} or sys.prefix == sys.base_prefix)"
    try:
        return subprocess.call([str(python_in(venv)), "-c", script], stderr=subprocess.DEVNULL) == 0
    except OSError:
        return False


def python_in(venv: Path) -> Path:
    """The interpreter of the environment in `venv`."""
    return venv / "Scripts" / "python.exe" if os.name == "nt" else venv / "bin" / "python"


def set_up(venv: Path, lock: str) -> None:
    """Install everything of `lock` into `venv`, made anew unless what is there can be built upon."""
    began = time.monotonic()
    wanted, found = stamp(venv, lock), read_stamp(venv)
    if not works(venv) or (found and not found.startswith(made_for(venv) + "\n")):
        make_venv(venv)
    (venv / STAMP).write_text("unfinished\n", encoding="utf-8")  # read again only if something stops us from here on
    install(str(python_in(venv)), venv, lock)
    (venv / STAMP).write_text(wanted, encoding="utf-8")
    print(f"Ready after {time.monotonic() - began:.0f} s.", flush=True)


def make_venv(venv: Path) -> None:
    """Make an empty environment in `venv`, in place of whatever is there."""
    if not importlib.util.find_spec("venv") or not importlib.util.find_spec("ensurepip"):
        package = "python{}.{}-venv".format(*sys.version_info)
        raise Stop(
            f"This Python lacks the modules venv and ensurepip: install them (on Debian or Ubuntu: sudo apt install "
            f"{package}), then run the same command again."
        )
    free = shutil.disk_usage(str(venv.parent)).free
    if free < SPACE:
        raise Stop(
            f"The installation takes up to {SPACE / 1e9:.0f} GB and {venv.parent} has {free / 1e9:.1f} GB free: "
            "make room, then run the same command again."
        )
    print(f"Making a Python environment in {venv} ...", flush=True)
    if venv.exists():
        shutil.rmtree(str(venv))
    venv.mkdir()
    (venv / STAMP).write_text("unfinished\n", encoding="utf-8")
    # The interpreter beneath, because the one that runs this file may have been in the folder that is gone now.
    beneath: str = sys._base_executable  # type: ignore[attr-defined]  # noqa: SLF001  nothing public tells it
    must([beneath, "-m", "venv", str(venv)])


def install(python: str, venv: Path, lock: str) -> None:
    """Install the packages of `lock`, each checked against its hash, and link helpers/ into the environment."""
    locked = (ROOT / lock).read_text(encoding="utf-8")
    # Held to this environment: for a damaged one, --python alone would lead uv to the system's own packages.
    pip = [python, "-m", "pip", "--require-virtualenv", "--disable-pip-version-check", "install", "--retries", "2"]
    uv = [python, "-m", "uv", "pip", "install", "--system-certs", "--python", python, "--prefix", str(venv)]
    uv_itself = venv / "uv.txt"
    uv_itself.write_text(next(re.finditer(r"^uv==(.*\\\n)*.*$", locked, re.MULTILINE)).group(), encoding="utf-8")
    packages = ["--require-hashes", "-r", str(ROOT / lock)]
    print(f"Installing the packages of {lock} ...", flush=True)
    must([*pip, "--require-hashes", "-r", str(uv_itself)])
    # As pip does by itself. A kernel and a server start in half the time where nobody else may write bytecode: launched
    # servers do not, and many a container sets PYTHONDONTWRITEBYTECODE.
    done, said = run([*uv, "--compile-bytecode", *packages])
    if not done:
        if explain(said) == DISK_FULL:
            raise Stop(DISK_FULL)
        # A mirror or a proxy may be set up for pip alone.
        reason = said.splitlines()[-1].strip() if said else "no reason given"
        print(f"uv gave up ({reason}); pip takes over, more slowly ...", flush=True)
        must([*pip, *packages])
    must([*pip, "--no-deps", "--no-build-isolation", "--editable", str(ROOT)])
    # Python up to 3.12 reads such a file in the locale's encoding, and may not even start if that lacks a letter of the
    # folder's name; lines that begin with "import" are run.
    link = Path(sysconfig.get_path("purelib", "venv", {"base": str(venv)}), "helpers.pth")
    line = f"import os, sys; sys.path.append(os.fsdecode({os.fsencode(str(ROOT))!r}))\n"
    link.write_text(line, encoding="ascii")
    must([python, "-I", "-c", "import helpers"])


def must(command: "list[str]") -> None:
    """Run a step of the installation that has to succeed."""
    done, said = run(command)
    if not done:
        last_words = "\n".join(said.splitlines()[-12:])
        raise Stop(explain(said) or f"{last_words}\nThe installation failed; the lines above say at what.")


def run(command: "list[str]") -> "tuple[bool, str]":
    """Run a step of the installation and show how far it is; return whether it succeeded, and all that it said."""
    said = []
    # pip's settings may lead elsewhere: to the user's own packages, say.
    surroundings = {name: value for name, value in os.environ.items() if name not in ELSEWHERE}
    with subprocess.Popen(
        command,
        cwd=str(ROOT),
        env={**surroundings, "PIP_USER": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    ) as child:
        try:
            for line in child.stdout or ():
                said.append(line)
                if re.match(r"\s*(Resolved|Download(ing|ed)|Prepared|Installed) ", line):
                    print("  " + line.strip()[:100], flush=True)
        except KeyboardInterrupt:
            child.terminate()
            raise
    return child.returncode == 0, "".join(said).strip()


def explain(said: str) -> str:
    """A sentence for a failure that the learner can mend; empty for any other."""
    return next((sentence for sentence, signs in SIGNS.items() if re.search(signs, said, re.IGNORECASE)), "")


def open_lab(python: str, arguments: "list[str]") -> int:
    """Open JupyterLab on the first lesson, with the project as its root; return Lab's exit code."""
    parser = argparse.ArgumentParser(prog="start.py", add_help=False, allow_abbrev=False)
    parser.add_argument("--port", "--ServerApp.port", dest="port", type=int, default=0)
    port = parser.parse_known_args(arguments)[0].port
    ours = [f"--ServerApp.root_dir={ROOT}", f"--LabApp.default_url=/lab/tree/{FIRST_LESSON}"]
    if port:
        ours.append("--ServerApp.port_retries=0")  # whoever names a port wants that one; without a name Lab finds one
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except (OSError, OverflowError) as error:
            raise Stop(
                f"Port {port} is taken or not allowed: name another one, or leave --port out and Lab finds a free one."
            ) from error
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        ours.append("--allow-root")  # in a container root is the only user there is
    theirs = {argument.split("=")[0] for argument in arguments}  # win over ours: JupyterLab refuses both at once
    ours = [argument for argument in ours if argument.split("=")[0] not in theirs]
    print("Opening JupyterLab; Ctrl-C in this window ends it.", flush=True)
    return hand_over([python, "-m", "jupyterlab", *ours, *arguments])


def compile_locks(python: str, arguments: "list[str]") -> int:
    """Compile pyproject.toml into both locks; what is locked already stays unless it has to move."""
    scope = ["pyproject.toml", "--universal", "--python-version", "3.11"]
    form = ["--generate-hashes", "--no-header", "--no-annotate"]
    compiling = [python, "-m", "uv", "pip", "compile", "--quiet", *scope, *form, *arguments]
    # The larger set first: it then holds the smaller one to the same versions.
    smaller = [*compiling, "-c", DEVELOPER, "-o", LEARNER]
    return hand_over([*compiling, "--group", "dev", "-o", DEVELOPER]) or hand_over(smaller)


def hand_over(command: "list[str]") -> int:
    """Give terminal and signals to a program until it ends; return its exit code."""
    with subprocess.Popen(command, cwd=str(ROOT)) as child:
        signal.signal(signal.SIGTERM, lambda *_: child.terminate())
        while child.returncode is None:
            with contextlib.suppress(KeyboardInterrupt):  # Ctrl-C reaches the program too, and it knows what to do
                child.wait()
    return child.returncode if child.returncode >= 0 else 128 - child.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
