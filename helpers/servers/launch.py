"""`launch`: an app under a production server, in processes of its own, as it would run for real."""

from __future__ import annotations

import os
import re
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import psutil

from helpers.errors import LessonError
from helpers.plots import escape
from helpers.servers import server as room
from helpers.servers.child import Child, ChildError
from helpers.servers.commands import Command, Settings, Software, Target, find
from helpers.servers.detect import Kind
from helpers.servers.server import MOST_THREADS, ServeError, Server
from helpers.servers.visits import Visits

LOG = 64 * 1024  # bytes of a server's log that are read
# What the kernel's surroundings (a hub, a platform) tell servers, and these servers shall not hear.
FOREIGN = ("UVICORN_", "GUNICORN_", "GRANIAN_", "UWSGI_", "WEB_CONCURRENCY", "FORWARDED_ALLOW_IPS", "LISTEN_", "PORT")
OWN = {
    "PYTHONUNBUFFERED": "1",  # what the app prints is in the log at once
    "PYTHONDONTWRITEBYTECODE": "1",  # a file changed twice in a second would be taken for unchanged
}


class Launched(Server):
    """A production server that runs an app, until `stop`: a `Server` in processes of its own.

    `software` is the server's name (``"gunicorn"``), `kind` the app's (``"wsgi"`` or ``"asgi"``), `command` the command
    line as a user would type it, `pid` the process that it started. `threads` is the size of each worker's pool, None
    where the app is not run on one, or the server has its own idea.
    """

    def __init__(
        self, name: str, software: str, settings: Settings, command: Command, child: Child, pid: int, log: _Log
    ) -> None:
        self.name = name
        self.software = software
        self.target = str(settings.target)
        self.kind = settings.kind
        self.port = settings.port
        self.workers = settings.workers
        self.threads = settings.threads
        self.command = str(command)
        self.pid = pid
        self.app = None  # it is not in this process,
        self.errors = ()  # nor are its exceptions: see `log`
        self.visits = Visits()
        self._backend = None
        self._software: Software = find(software)
        self._log = log
        self._child: Child | None = child
        self._process = psutil.Process(pid)

    @property
    def running(self) -> bool:
        """Whether its main process is still there."""
        if self._child is None:
            return False
        with suppress(psutil.NoSuchProcess):
            return self._process.is_running() and self._process.status() != psutil.STATUS_ZOMBIE
        return False

    @property
    def processes(self) -> list[psutil.Process]:
        """The processes that answer: the workers, or the main process where it answers itself; oldest first."""
        if not self.running:
            return []
        if self.workers < self._software.forks:
            return [self._process]
        with suppress(psutil.NoSuchProcess):
            return sorted(filter(_answers, self._process.children()), key=lambda process: process.create_time())
        return []

    @property
    def pids(self) -> list[int]:
        """The process ids of `processes`."""
        return [process.pid for process in self.processes]

    @property
    def log(self) -> str:
        """What the server and the app have written: the last 64 KiB of it."""
        return self._log.text

    def ask_to_stop(self) -> None:
        """Ask for a stop, without waiting for it."""
        if self._child is not None:
            self._child.ask_to_stop()

    def stop(self) -> None:
        """Stop it with all its workers. Requests in flight get three seconds. Stopping twice is fine.

        It gets SIGTERM, as from systemd or Docker: what each server does with that is its own.
        """
        with room._lock:
            child, self._child = self._child, None
            if child is None:
                return
            if room._running.get(self.name) is self:
                del room._running[self.name]
            child.stop()
            self._log.close()

    def summary(self) -> str:
        return f"{self.name} ({self._kind}) {self._state(self.url)}: {self.command}"

    def body(self) -> str:
        link = f'<a href="{escape(self.address("/"))}" target="_blank" rel="noopener">{escape(self.url)}</a>'
        mood = "" if self.running or self._child is None else ' class="bad"'
        return (
            f"<p{mood}><b>{escape(self.name)}</b> ({self._kind}) {self._state(link)}</p>"
            f"<pre>{escape(self.command)}</pre>"
        )

    def _state(self, where: str) -> str:
        if self.running:
            return f"answers at {where}"
        if self._child is None:
            return "is stopped"
        last = self._log.last_line
        return "has ended" + (f"; the last line of its log is “{last}”" if last else "")

    @property
    def _kind(self) -> str:
        workers = f", {self.workers} worker{'s' * (self.workers != 1)}"
        return f"{self._software.title}, {super()._kind}{workers}"


class _Log:
    """The file a server writes to; its end stays readable when the file is gone."""

    def __init__(self) -> None:
        handle, name = tempfile.mkstemp(prefix="launch-", suffix=".log")
        self.path = Path(name)
        self._file = os.fdopen(handle, "rb")
        self._lock = threading.Lock()
        self._last = b""

    @property
    def text(self) -> str:
        with self._lock:
            if not self._file.closed:
                self._file.seek(max(os.fstat(self._file.fileno()).st_size - LOG, 0))
                self._last = self._file.read(LOG)
            return self._last.decode(errors="replace")

    @property
    def last_line(self) -> str:
        lines = self.text.split("\n")
        return next((line.strip()[:300] for line in reversed(lines) if line.strip()), "")

    @property
    def reason(self) -> str:
        """The last exception in it, or else the last line."""
        errors = re.findall(r"^\s*(?:\w+\.)*(\w*(?:Error|Exception)\b.*)$", self.text, re.MULTILINE)
        return errors[-1].strip()[:300] if errors else self.last_line

    def close(self) -> None:
        _ = self.text  # keep it
        with self._lock:
            self._file.close()
        with suppress(OSError):
            self.path.unlink(missing_ok=True)


def launch(
    software: str,
    target: str,
    *,
    workers: int = 1,
    threads: int | None = None,
    name: str | None = None,
    environment: Mapping[str, str] | None = None,
    timeout: float = 20.0,
) -> Launched:
    """Start a production server with the app at `target` and return it once all its workers answer.

    `software` is uvicorn, hypercorn, gunicorn, uwsgi, waitress or granian; `target` is a file and the app's name in it,
    ``"work/io_flask.py:app"``, or a module's, ``"package.module:app"``; both are looked for from the current folder,
    where the server runs. `workers` is the number of processes that answer, `threads` (1 to 500) the size of the pool
    that each of them has for a WSGI app; left out, it is the server's own. `environment` is added to this kernel's
    variables. A server of the same `name` (by default ``"io_flask under gunicorn"``) is replaced and keeps its port.

    Raises NoSuchServer for what does not run here, ServeError when the app cannot be imported or the server does not
    answer within `timeout` seconds, LessonError for numbers and targets that cannot be.
    """
    known = find(software)
    found = Target.parse(target)
    variables = {**OWN, **_checked(environment)}
    _check_numbers(known, workers, threads)
    name = name or f"{found.module.rpartition('.')[2]} under {software}"
    deadline = time.monotonic() + timeout
    with room._lock:
        if name in room._running:
            room._running[name].stop()
        log = _Log()
        child = None
        try:
            surroundings = {k: v for k, v in os.environ.items() if not k.startswith(FOREIGN)}
            child = Child("helpers.servers.launch_child", timeout=timeout, environment=surroundings)
            kind = _kind_of(child, found, target, variables, deadline)
            _check_pool(known, kind, threads)
            for attempt in (1, 2, 3):
                settings = Settings(found, kind, _free_port(name, attempt), workers, threads)
                command = known.command(settings)
                try:
                    pid = _start(child, settings, command, variables, log, deadline)
                    break
                except ChildError as error:
                    if attempt == 3 or "in use" not in log.text.lower():
                        why = log.reason or str(error)
                        raise ServeError(f"{name} did not start: {why}") from None
            server = Launched(name, software, settings, command, child, pid, log)
        except BaseException as error:  # an interrupted cell included: leave nothing half started
            if child is not None:
                child.stop()
            log.close()
            if isinstance(error, ChildError):
                raise ServeError(f"{name} did not start; run the cell again, or restart the kernel.") from error
            raise
        room._running[name], room._ports[name] = server, settings.port
    return server


def _kind_of(child: Child, found: Target, target: str, variables: dict[str, str], deadline: float) -> Kind:
    """Of what kind the app is, found out in another process."""
    where = [str((found.folder or Path()).resolve()), found.module, found.name]
    try:
        return child.ask(_left(deadline), examine=where, environment=variables)["kind"]
    except ChildError as error:
        if "in time" in str(error):
            raise ServeError(f"{target} cannot be launched: importing it takes too long.") from None
        raise ServeError(f"{target} cannot be launched: {error}.") from None


def _start(
    child: Child, settings: Settings, command: Command, variables: dict[str, str], log: _Log, deadline: float
) -> int:
    """The process id of the server, once it answers."""
    order = {
        "argv": command.argv,
        "environment": {**variables, **_joined(command.environment)},
        "log": str(log.path),
        "port": settings.port,
        "workers": settings.workers,
    }
    return child.ask(_left(deadline), **order)["pid"]


def _joined(environment: dict[str, str]) -> dict[str, str]:
    """`environment`, whose PYTHONPATH comes before the one there is."""
    before = os.environ.get("PYTHONPATH")
    path = environment.get("PYTHONPATH")
    return environment if not (before and path) else {**environment, "PYTHONPATH": os.pathsep.join([path, before])}


def _left(deadline: float) -> float:
    return max(deadline - time.monotonic(), 0.01)


def _free_port(name: str, attempt: int) -> int:
    """The port that `name` had last, or one that the operating system picks."""
    if attempt > 1:
        room._ports.pop(name, None)
    with room._listen(name, None) as listener:
        return listener.getsockname()[1]


def _answers(process: psutil.Process) -> bool:
    """Whether it is a worker, and not one of the helpers that Python's multiprocessing has beside them."""
    with suppress(psutil.Error):
        alive = process.status() != psutil.STATUS_ZOMBIE
        return alive and "resource_tracker" not in " ".join(process.cmdline())
    return False


def _checked(environment: Mapping[str, str] | None) -> dict[str, str]:
    environment = dict(environment or {})
    for key, value in environment.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise LessonError(f"An environment variable's name and value are texts; {key!r}: {value!r} is not.")
    return environment


def _check_numbers(known: Software, workers: int, threads: int | None) -> None:
    if isinstance(workers, bool) or not isinstance(workers, int) or not 1 <= workers <= known.most_workers:
        if known.most_workers == 1:
            raise LessonError(f"{known.title} is one process; leave `workers` out, and give it more threads.")
        raise LessonError(f"workers is a whole number from 1 to {known.most_workers}; {workers!r} is not.")
    if threads is not None and (
        isinstance(threads, bool) or not isinstance(threads, int) or not 1 <= threads <= MOST_THREADS
    ):
        raise LessonError(f"threads is a whole number from 1 to {MOST_THREADS}; {threads!r} is not.")


def _check_pool(known: Software, kind: Kind, threads: int | None) -> None:
    if threads is not None and kind not in known.pool:
        if kind == "asgi":
            raise LessonError("An ASGI app runs on one event loop, not on a pool of threads; leave `threads` out.")
        raise LessonError(f"{known.title} does not let you choose the threads of a WSGI app; leave `threads` out.")
