"""`launch`: an app under a production server, in processes of its own, as it would run for real."""

import os
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from helpers.arguments import number, whole_number
from helpers.errors import LessonError
from helpers.processes import Child, ChildError, Ended, PortTaken, TimedOut, registry
from helpers.servers.commands import Command, Settings, Software, Target, find
from helpers.servers.detect import Kind
from helpers.servers.launched import Launched, Log
from helpers.servers.ports import listen
from helpers.servers.server import MOST_THREADS, NO_POOL, ServeError, key

LONGEST = 300.0  # seconds that a start may take
TRIES = 3  # where somebody else takes the port in the moment between choosing it and listening
# What the kernel's surroundings (a hub, a platform) tell servers, and these servers shall not hear.
FOREIGN = ("UVICORN_", "GUNICORN_", "GRANIAN_", "UWSGI_")
OWN = {
    "PYTHONUNBUFFERED": "1",  # what the app prints is in the log at once
    "PYTHONDONTWRITEBYTECODE": "1",  # a file changed twice in a second would be taken for unchanged
}

_kinds: dict[tuple[object, ...], Kind] = {}  # by the state of the app's file and its variables


def launch(
    software: str,
    target: str,
    *,
    workers: int = 1,
    threads: int | None = None,
    worker_class: str | None = None,
    preload: bool = False,
    name: str | None = None,
    environment: Mapping[str, str] | None = None,
    timeout: float = 60.0,
) -> Launched:
    """Start a production server with the app at `target` and return it once all its workers answer.

    `software` is uvicorn, hypercorn, gunicorn, uwsgi, waitress or granian; `target` is a file and the app's name in it,
    ``"work/io_flask.py:app"``, or a module's, ``"package.module:app"``; both are looked for from the current folder,
    where the server runs. `workers` is the number of processes that answer, `threads` (1 to 500) the size of the pool
    that each of them has for a WSGI app; left out, it is the server's own. ``worker_class="gevent"`` has Gunicorn run a
    WSGI app on greenlets in the place of threads. ``preload=True`` has Gunicorn and uWSGI load the app once, before
    they fork the workers, and not in each of them. `environment` is added to this kernel's variables. A server of the
    same `name` (by default ``"io_flask under gunicorn"``) is replaced and keeps its port.
    Whether it answers is found out with a path that no app has, so that the app's own counts stay right.

    Raises NoSuchServer for what does not run here, ServeError when the app cannot be imported or the server does not
    answer within `timeout` seconds, LessonError for numbers and targets that cannot be.
    """
    known = find(software)
    found = Target.parse(target)
    variables = {**OWN, **_checked(environment)}
    if known.most_workers == 1 and workers != 1:
        raise LessonError(f"{known.title} is one process; leave `workers` out, and give it more threads.")
    if preload and not known.preloads:
        raise LessonError(f"{known.title} loads the app in each worker; preload=True is for Gunicorn and uWSGI.")
    workers = whole_number("workers", workers, 1, known.most_workers)
    threads = None if threads is None else whole_number("threads", threads, 1, MOST_THREADS)
    deadline = time.monotonic() + number("timeout", timeout, 0.01, LONGEST)
    name = name or f"{found.module.rpartition('.')[2]} under {software}"
    with registry.lock, ExitStack() as undo:  # whatever ends this before it is done leaves nothing half started
        if (before := registry.get(key(name))) is not None:
            before.stop()
        kind = _kind_of(found, target, variables, deadline)
        _check_pool(known, kind, threads, worker_class)
        log = Log()
        undo.callback(log.close)
        try:
            child = Child("helpers.servers.launch_child", timeout=_left(deadline), environment=_surroundings())
        except ChildError as error:
            raise ServeError(f"{name} did not start; run the cell again, or restart the kernel.") from error
        undo.callback(child.stop)
        for tries_left in reversed(range(TRIES)):
            with listen(registry.last_port(key(name)), 0) as listener:
                port: int = listener.getsockname()[1]
            settings = Settings(found, kind, port, workers, threads, worker_class, preload)
            command = known.command(settings)
            try:
                order = _order(known, settings, command, variables, log)
                pid: int = child.ask(_left(deadline), **order)["pid"]
                break
            except TimedOut:
                last = f"; the last line of its log is “{log.last_line}”" if log.last_line else ""
                longer = f"give it longer, as in timeout={min(3 * timeout, LONGEST):g}"
                raise ServeError(f"{name} did not answer within {timeout:g} s: {longer}{last}.") from None
            except ChildError as error:
                if not (tries_left and isinstance(error, PortTaken)):
                    raise ServeError(f"{name} did not start: {log.reason or error}.") from None
        server = Launched(name, software, known, settings, command, child, pid, log)
        registry.add(key(name), server, port)
        undo.pop_all()
    return server


def _kind_of(found: Target, target: str, variables: dict[str, str], deadline: float) -> Kind:
    """Of what kind the app is, found out once for each state of its file."""
    place = (found.folder or Path()).joinpath(*found.module.split(".")).with_suffix(".py").absolute()
    if not place.is_file():
        return _probed(found, target, variables, deadline)
    look = place.stat()
    state = place, look.st_mtime_ns, look.st_size, found.name, *sorted(variables.items())
    if state not in _kinds:
        _kinds[state] = _probed(found, target, variables, deadline)
    return _kinds[state]


def _probed(found: Target, target: str, variables: dict[str, str], deadline: float) -> Kind:
    """Of what kind the app is, found out in a process that ends right after: this one shall not have it in it."""
    where = [str((found.folder or Path()).resolve()), found.module, found.name]
    try:
        environment = {**_surroundings(), **variables}
        probe = Child("helpers.servers.launch_probe", *where, timeout=_left(deadline), environment=environment)
    except TimedOut:
        raise ServeError(f"{target} cannot be launched: importing it takes too long.") from None
    except Ended as error:
        status = f"the app ended its process while it was imported (exit status {error.status})"
        raise ServeError(f"{target} cannot be launched: {status}.") from None
    except ChildError as error:
        raise ServeError(f"{target} cannot be launched: {error}.") from None
    probe.stop()
    kind: Kind = probe.hello["kind"]
    return kind


def _order(
    known: Software, settings: Settings, command: Command, variables: dict[str, str], log: Log
) -> dict[str, Any]:
    """What `helpers.servers.launch_child` is to start, and when it counts as ready."""
    return {
        "argv": command.argv,
        "environment": {**variables, **_joined(command.environment, variables)},
        "log": str(log.path),
        "port": settings.port,
        "workers": settings.workers,
        "hangs_up": known.hangs_up,
    }


def _surroundings() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}


def _joined(environment: dict[str, str], variables: dict[str, str]) -> dict[str, str]:
    """`environment`, whose PYTHONPATH comes before the one there is."""
    paths = environment.get("PYTHONPATH"), variables.get("PYTHONPATH", os.environ.get("PYTHONPATH"))
    return {**environment, "PYTHONPATH": os.pathsep.join(filter(None, paths))} if all(paths) else environment


def _left(deadline: float) -> float:
    return max(deadline - time.monotonic(), 0.01)


def _checked(environment: Mapping[str, str] | None) -> dict[str, str]:
    given = dict(environment or {})
    for name, value in given.items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise LessonError(f"An environment variable's name and value are texts; {name!r}: {value!r} is not.")
    return given


def _check_pool(known: Software, kind: Kind, threads: int | None, worker_class: str | None) -> None:
    """Raises LessonError unless the server can run an app of that `kind` in that way."""
    if threads is not None and kind not in known.pool:
        if kind == "asgi":
            raise LessonError(NO_POOL)
        raise LessonError(f"{known.title} does not let you choose the threads of a WSGI app; leave `threads` out.")
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
