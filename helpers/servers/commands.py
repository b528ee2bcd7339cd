"""The command line of each production server that `launch` knows.

All listen on 127.0.0.1, log their own doings but not each request, and keep a client's connection open where they can.
Queues and limits of connections are large enough for `burst`'s 500 at once. What is not named stays as the server has
it by default: event loop, HTTP parser, timeouts.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from helpers.errors import LessonError
from helpers.servers.detect import Kind

WINDOWS = os.name == "nt"
MOST_CONNECTIONS = 1000  # for the servers that refuse, or leave waiting, what is beyond a limit


class NoSuchServer(LessonError):
    """A server that is not installed, or does not exist for this system."""


@dataclass(frozen=True)
class Target:
    """Where the app is: `name` in the module `module`, found from `folder` (None: from the current folder)."""

    folder: Path | None
    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}:{self.name}"

    @classmethod
    def parse(cls, text: object) -> Target:
        """From ``"work/io_flask.py:app"`` or ``"package.module:app"``. Raises LessonError for what is neither."""
        if text is ...:
            raise LessonError(
                "launch(..., ...): the three dots are still there; put the app's file and name in their place."
            )
        if not isinstance(text, str):
            raise LessonError(
                f"launch starts another process, which has to find the app by itself: give it a text such as "
                f'"work/shop.py:app", not {type(text).__name__}.'
            )
        where, colon, name = text.rpartition(":")
        path = Path(where)
        is_file = path.suffix == ".py"
        if not colon or not name.isidentifier() or not (is_file or all(p.isidentifier() for p in where.split("."))):
            raise LessonError(
                f'launch finds an app by file and name, as in "work/shop.py:app", or by module and name, as in '
                f'"package.module:app"; {text!r} is neither.'
            )
        if not is_file:
            return cls(None, where, name)
        if not path.is_file():
            raise LessonError(f"There is no file {where}, seen from {Path.cwd()}; write it first, or correct the path.")
        if not path.stem.isidentifier():
            raise LessonError(f"A server imports {path.name} by its name; call it by letters, digits and _ alone.")
        return cls(path.parent, path.stem, name)


@dataclass(frozen=True)
class Settings:
    """What the command line of a server is made from."""

    target: Target
    kind: Kind
    port: int
    workers: int
    threads: int | None
    worker_class: str | None = None  # Gunicorn's, where it is not the one that follows from the rest
    preload: bool = False  # whether the app is loaded before the workers are forked


@dataclass(frozen=True)
class Command:
    """How to start a server: `name` is what a user types, `start` what Python gets in its place."""

    name: str
    start: list[str]
    arguments: list[str]
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def argv(self) -> list[str]:
        """For subprocess; -P: no module of the current folder in the place of a library."""
        return [sys.executable, "-P", *self.start, *self.arguments]

    def __str__(self) -> str:
        """What a user would type."""
        variables = [f"{name}={shlex.quote(value)}" for name, value in self.environment.items()]
        return " ".join([*variables, shlex.join([self.name, *self.arguments])])


@dataclass(frozen=True)
class Software:
    """A server: what makes its command, and what it can do.

    `pool` are the kinds of app that it runs on a pool of threads whose size can be chosen.
    """

    module: str
    title: str
    command: Callable[[Settings], Command]
    pool: tuple[Kind, ...] = ()
    worker_classes: tuple[str, ...] = ()  # of WSGI workers without a pool of threads
    most_workers: int = 32
    forks_from: int = 1  # with fewer workers than this, the process that was started answers itself
    reloads_from: int = 1  # with fewer workers than this, it does not know SIGHUP
    windows: bool = True
    preloads: bool = False  # whether it can load the app before it forks
    router: bool = False  # the process that listens is none of the workers, but hands the requests on to them
    hangs_up: bool = False  # where others answer 500 for an app that raises, it closes the connection


def _uvicorn(s: Settings) -> Command:
    arguments = [str(s.target), "--host=127.0.0.1", f"--port={s.port}", f"--workers={s.workers}"]
    arguments += ["--no-access-log", "--no-use-colors"]
    arguments += ["--interface=wsgi"] * (s.kind == "wsgi")
    arguments += [f"--app-dir={s.target.folder}"] * (s.target.folder is not None)
    return Command("uvicorn", ["-m", "uvicorn"], arguments)


def _hypercorn(s: Settings) -> Command:
    where = s.target.folder / f"{s.target.module}.py" if s.target.folder is not None else s.target.module
    arguments = [f"{where}:{s.target.name}", f"--bind=127.0.0.1:{s.port}", f"--workers={s.workers}", "--backlog=2048"]
    return Command("hypercorn", ["-m", "hypercorn"], arguments)


def _gunicorn(s: Settings) -> Command:
    arguments = [str(s.target), f"--bind=127.0.0.1:{s.port}", f"--workers={s.workers}"]
    if s.worker_class is not None:  # and without threads, as it has greenlets
        arguments.append(f"--worker-class={s.worker_class}")
    elif s.kind == "asgi":
        arguments.append("--worker-class=asgi")
    elif s.threads is not None:  # named, as Gunicorn takes a sync worker for one thread, which closes each connection
        arguments += ["--worker-class=gthread", f"--threads={s.threads}"]
    arguments += [f"--pythonpath={s.target.folder}"] * (s.target.folder is not None)
    arguments += ["--preload"] * s.preload
    arguments.append("--no-control-socket")  # it would be one and the same file for all
    return Command("gunicorn", ["-m", "gunicorn"], arguments)


def _waitress(s: Settings) -> Command:
    arguments = ["--host=127.0.0.1", f"--port={s.port}"]
    arguments += [f"--threads={s.threads}"] * (s.threads is not None)
    # select() takes no file descriptor above 1023
    arguments += [f"--connection-limit={MOST_CONNECTIONS}", "--asyncore-use-poll", str(s.target)]
    return Command("waitress-serve", ["-m", "waitress"], arguments, _python_path(s.target))


def _granian(s: Settings) -> Command:
    where = s.target.folder / f"{s.target.module}.py" if s.target.folder is not None else s.target.module
    arguments = [f"--interface={s.kind}", "--host=127.0.0.1", f"--port={s.port}", f"--workers={s.workers}"]
    arguments += [f"--blocking-threads={s.threads}"] * (s.threads is not None)
    return Command("granian", ["-m", "granian"], [*arguments, f"{where}:{s.target.name}"])


def _uwsgi(s: Settings) -> Command:
    """Uses uWSGI's HTTP router, a process of its own in front of the workers.

    It is the one way in which uWSGI keeps connections open without a thread of a worker for each: behind
    --http11-socket as many clients are answered as there are threads, while the others starve; --http-socket closes
    each connection after its answer.
    """
    arguments = [f"--http=127.0.0.1:{s.port}", "--http-keepalive=5", f"--module={s.target}", "--master"]
    arguments += [f"--processes={s.workers}"]
    arguments += [f"--threads={s.threads}"] * (s.threads is not None)
    arguments += [f"--listen={min(MOST_CONNECTIONS, longest_queue())}"]  # it refuses to start with more
    arguments += [f"--pythonpath={s.target.folder}"] * (s.target.folder is not None)
    # By itself it loads the app before it forks. Here each worker does, as elsewhere, unless asked.
    arguments += ["--lazy-apps"] * (not s.preload)
    arguments += ["--need-app", "--die-on-term", "--disable-logging"]
    # A reload replaces the program: by this Python, not by the one that it was made from.
    arguments += [f"--binary-path={sys.executable}"]
    return Command("uwsgi", ["-c", "import sys, pyuwsgi; sys.exit(pyuwsgi.run())"], arguments)


def longest_queue() -> int:
    """How many connections the operating system lets wait at a socket."""
    with contextlib.suppress(OSError, ValueError):
        return int(Path("/proc/sys/net/core/somaxconn").read_text())
    return socket.SOMAXCONN


def _python_path(target: Target) -> dict[str, str]:
    """For servers that cannot be told a folder."""
    return {"PYTHONPATH": str(target.folder)} if target.folder is not None else {}


SOFTWARE = {
    "uvicorn": Software("uvicorn", "Uvicorn", _uvicorn, forks_from=2, reloads_from=2),
    "hypercorn": Software("hypercorn", "Hypercorn", _hypercorn),
    "gunicorn": Software(
        "gunicorn", "Gunicorn", _gunicorn, ("wsgi",), worker_classes=("gevent",), windows=False, preloads=True
    ),
    "uwsgi": Software(
        "pyuwsgi", "uWSGI", _uwsgi, ("wsgi", "asgi"), windows=False, preloads=True, router=True, hangs_up=True
    ),
    "waitress": Software(
        "waitress", "waitress", _waitress, pool=("wsgi", "asgi"), most_workers=1, forks_from=2, reloads_from=2
    ),
    "granian": Software("granian", "Granian", _granian, pool=("wsgi",), most_workers=1 if WINDOWS else 32),
}


def find(name: str) -> Software:
    """The server of that name.

    Raises LessonError for a name that no server has, NoSuchServer for one that cannot run here.
    """
    if not isinstance(name, str) or name not in SOFTWARE:
        raise LessonError(f"launch knows {', '.join(SOFTWARE)}; {name!r} is none of them.")
    software = SOFTWARE[name]
    if not runs_here(software):
        others = ", ".join(other for other, candidate in SOFTWARE.items() if runs_here(candidate))
        why = "does not exist for Windows" if WINDOWS and not software.windows else "is not installed here"
        raise NoSuchServer(f"{software.title} {why}; what runs instead: {others}.")
    return software


def runs_here(software: Software) -> bool:
    """Whether it exists for this system and is installed."""
    return (software.windows or not WINDOWS) and find_spec(software.module) is not None
