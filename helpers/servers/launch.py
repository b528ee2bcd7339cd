"""`launch`: an app under a production server, in processes of its own, as it would run for real."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path

from helpers.errors import LessonError
from helpers.servers import server as room
from helpers.servers.child import Child, ChildError
from helpers.servers.commands import Command, Settings, Software, Target, find
from helpers.servers.detect import Kind
from helpers.servers.launched import Launched, Log
from helpers.servers.server import MOST_THREADS, ServeError

LONGEST = 300.0  # seconds that a start may take
# What the kernel's surroundings (a hub, a platform) tell servers, and these servers shall not hear.
FOREIGN = ("UVICORN_", "GUNICORN_", "GRANIAN_", "UWSGI_")
OWN = {
    "PYTHONUNBUFFERED": "1",  # what the app prints is in the log at once
    "PYTHONDONTWRITEBYTECODE": "1",  # a file changed twice in a second would be taken for unchanged
}


def launch(
    software: str,
    target: str,
    *,
    workers: int = 1,
    threads: int | None = None,
    worker_class: str | None = None,
    name: str | None = None,
    environment: Mapping[str, str] | None = None,
    timeout: float = 20.0,
) -> Launched:
    """Start a production server with the app at `target` and return it once all its workers answer.

    `software` is uvicorn, hypercorn, gunicorn, uwsgi, waitress or granian; `target` is a file and the app's name in it,
    ``"work/io_flask.py:app"``, or a module's, ``"package.module:app"``; both are looked for from the current folder,
    where the server runs. `workers` is the number of processes that answer, `threads` (1 to 500) the size of the pool
    that each of them has for a WSGI app; left out, it is the server's own. ``worker_class="gevent"`` has Gunicorn run a
    WSGI app on greenlets in the place of threads. `environment` is added to this kernel's
    variables. A server of the same `name` (by default ``"io_flask under gunicorn"``) is replaced and keeps its port.
    Whether it answers is found out with a path that no app has, so that the app's own counts stay right.

    Raises NoSuchServer for what does not run here, ServeError when the app cannot be imported or the server does not
    answer within `timeout` seconds, LessonError for numbers and targets that cannot be.
    """
    known = find(software)
    found = Target.parse(target)
    variables = {**OWN, **_checked(environment)}
    _check_numbers(known, workers, threads, timeout)
    name = name or f"{found.module.rpartition('.')[2]} under {software}"
    deadline = time.monotonic() + timeout
    with room._lock:
        if name in room._running:
            room._running[name].stop()
        log = Log()
        child = None
        try:
            surroundings = {k: v for k, v in os.environ.items() if not k.startswith(FOREIGN)}
            child = Child("helpers.servers.launch_child", timeout=timeout, environment=surroundings)
            kind = _kind_of(child, found, target, variables, log, deadline)
            _check_pool(known, kind, threads)
            _check_class(known, kind, threads, worker_class)
            for attempt in (1, 2, 3):
                settings = Settings(found, kind, _free_port(name), workers, threads, worker_class)
                command = known.command(settings)
                try:
                    pid = _start(child, settings, command, variables, log, deadline, known.hangs_up)
                    break
                except ChildError as error:
                    if "in time" in str(error):
                        last = f"; the last line of its log is “{log.last_line}”" if log.last_line else ""
                        raise ServeError(f"{name} did not answer within {timeout:g} s{last}.") from None
                    if attempt == 3 or "in use" not in log.text:
                        raise ServeError(f"{name} did not start: {log.reason or error}.") from None
            server = Launched(name, software, known, settings, command, child, pid, log)
        except BaseException as error:  # an interrupted cell included: leave nothing half started
            if child is not None:
                child.stop()
            log.close()
            if isinstance(error, ChildError):
                raise ServeError(f"{name} did not start; run the cell again, or restart the kernel.") from error
            raise
        room._running[name], room._ports[name] = server, settings.port
    return server


def _kind_of(child: Child, found: Target, target: str, variables: dict[str, str], log: Log, deadline: float) -> Kind:
    """Of what kind the app is, found out in another process."""
    where = [str((found.folder or Path()).resolve()), found.module, found.name]
    try:
        return child.ask(_left(deadline), examine=where, environment=variables, log=str(log.path))["kind"]
    except ChildError as error:
        if "in time" in str(error):
            raise ServeError(f"{target} cannot be launched: importing it takes too long.") from None
        raise ServeError(f"{target} cannot be launched: {error}.") from None


def _start(
    child: Child,
    settings: Settings,
    command: Command,
    variables: dict[str, str],
    log: Log,
    deadline: float,
    hangs_up: bool,
) -> int:
    """The process id of the server, once it answers."""
    order = {
        "argv": command.argv,
        "environment": {**variables, **_joined(command.environment, variables)},
        "log": str(log.path),
        "port": settings.port,
        "workers": settings.workers,
        "hangs_up": hangs_up,
    }
    return child.ask(_left(deadline), **order)["pid"]


def _joined(environment: dict[str, str], variables: dict[str, str]) -> dict[str, str]:
    """`environment`, whose PYTHONPATH comes before the one there is."""
    paths = environment.get("PYTHONPATH"), variables.get("PYTHONPATH", os.environ.get("PYTHONPATH"))
    return {**environment, "PYTHONPATH": os.pathsep.join(paths)} if all(paths) else environment


def _left(deadline: float) -> float:
    return max(deadline - time.monotonic(), 0.01)


def _free_port(name: str) -> int:
    """The port that `name` had last, or one that the operating system picks."""
    with room._listen(name, None) as listener:
        return listener.getsockname()[1]


def _checked(environment: Mapping[str, str] | None) -> dict[str, str]:
    environment = dict(environment or {})
    for key, value in environment.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise LessonError(f"An environment variable's name and value are texts; {key!r}: {value!r} is not.")
    return environment


def _check_numbers(known: Software, workers: int, threads: int | None, timeout: float) -> None:
    if isinstance(workers, bool) or not isinstance(workers, int) or not 1 <= workers <= known.most_workers:
        if known.most_workers == 1:
            raise LessonError(f"{known.title} is one process; leave `workers` out, and give it more threads.")
        raise LessonError(f"workers is a whole number from 1 to {known.most_workers}; {workers!r} is not.")
    if threads is not None and (
        isinstance(threads, bool) or not isinstance(threads, int) or not 1 <= threads <= MOST_THREADS
    ):
        raise LessonError(f"threads is a whole number from 1 to {MOST_THREADS}; {threads!r} is not.")
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0 < timeout <= LONGEST:
        raise LessonError(f"timeout is a number of seconds up to {LONGEST:g}; {timeout!r} is not.")


def _check_pool(known: Software, kind: Kind, threads: int | None) -> None:
    if threads is not None and kind not in known.pool:
        if kind == "asgi":
            raise LessonError("An ASGI app runs on one event loop, not on a pool of threads; leave `threads` out.")
        raise LessonError(f"{known.title} does not let you choose the threads of a WSGI app; leave `threads` out.")


def _check_class(known: Software, kind: Kind, threads: int | None, worker_class: str | None) -> None:
    if worker_class is None:
        return
    if worker_class not in known.worker_classes:
        raise LessonError(
            f'worker_class is "gevent", for Gunicorn, or left out; {worker_class!r} for {known.title} is not.'
        )
    if kind != "wsgi" or threads is not None:
        raise LessonError(
            f"Workers of the class {worker_class} run WSGI apps, and greenlets in the place of `threads`."
        )
