"""What `launch` returns: a production server in processes of its own, and what it has written."""

from __future__ import annotations

import os
import re
import signal
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, NoReturn

import psutil

from helpers.errors import LessonError
from helpers.plots import escape
from helpers.processes import Child, registry
from helpers.processes.family import descendants, kill
from helpers.servers.commands import Command, Settings, Software
from helpers.servers.ports import answers, settle
from helpers.servers.server import Server, key
from helpers.servers.visits import Visits
from helpers.words import plural

READ = 64 * 1024  # bytes of it, the last ones


class Launched(Server):
    """A production server that runs an app, until `stop`: a `Server` in processes of its own.

    `software` is the server's name (``"gunicorn"``), `kind` the app's (``"wsgi"`` or ``"asgi"``), `command` the command
    line as a user would type it, `pid` the process that it started. `threads` is the size of each worker's pool, None
    where the app is not run on one, or the server has its own idea.
    """

    def __init__(
        self,
        name: str,
        software: str,
        known: Software,
        settings: Settings,
        command: Command,
        child: Child,
        pid: int,
        log: Log,
    ) -> None:
        super().__init__(name, settings.kind, settings.port, settings.threads, Visits())
        self.software = software
        self.target = str(settings.target)
        self.workers, self.preload = settings.workers, settings.preload
        self.command = str(command)
        self.pid = pid
        self._software = known
        self._log = log
        self._child: Child | None = child
        self._process = psutil.Process(pid)

    @property
    def running(self) -> bool:
        """Whether its main process is still there."""
        return self._child is not None and self._alive()

    @property
    def entrance(self) -> NoReturn:
        """There is none to get at. Raises LessonError."""
        raise LessonError(
            f"{self.name} runs in a process of its own, where `watch` sees nothing; use serve(app) for that."
        )

    @property
    def processes(self) -> list[psutil.Process]:
        """The processes that answer: the workers, or the main process where it answers itself."""
        if not self.running:
            return []
        if self.workers < self._software.forks_from:
            return [self._process]
        with suppress(psutil.NoSuchProcess):
            return sorted(filter(self._is_worker, self._process.children()), key=lambda process: process.pid)
        return []

    @property
    def pids(self) -> list[int]:
        """The process ids of `processes`."""
        return [process.pid for process in self.processes]

    @property
    def log(self) -> str:
        """What the server and the app have written: the last 64 KiB of it."""
        return self._log.text

    def reload(self, timeout: float = 60.0) -> Launched:
        """A graceful reload: new workers load the app anew, the old ones finish what they have begun and end.

        The main process (`pid`) stays; it is told by SIGHUP. Returns when the new workers alone answer. Raises
        LessonError where the server has no such thing, or when that takes longer than `timeout` seconds.
        """
        if not self.running:
            raise LessonError(f"{self.name} is not running; run its launch(...) cell again.")
        if self.preload:
            raise LessonError("What was loaded before the fork stays loaded: stop the server and launch it again.")
        if self.workers < self._software.reloads_from or not hasattr(signal, "SIGHUP"):
            what = f"{self._software.title} with {plural(self.workers, 'worker')}"
            raise LessonError(f"{what} has no graceful reload here: stop it and launch it again.")
        old, deadline = set(self.pids), time.monotonic() + timeout
        self._process.send_signal(signal.SIGHUP)
        while True:
            new = set(self.pids)
            if len(new) == self.workers and not new & old and answers(self.port, self._software.hangs_up):
                break
            if not self.running or time.monotonic() > deadline:
                raise LessonError(
                    f"{self.name} did not finish its reload; the last line of its log is “{self._log.last_line}”."
                )
            time.sleep(0.05)
        settle(self.pid, self.workers, threading.Event())
        return self

    def ask_to_stop(self) -> None:
        if self._child is not None:
            self._child.ask_to_stop()

    def stop(self) -> None:
        """Stop it with all its workers. Requests in flight get three seconds. Stopping twice is fine.

        It gets SIGTERM, as from systemd or Docker: what each server does with that is its own.
        """
        with registry.lock:
            child, self._child = self._child, None
            if child is None:
                return
            registry.discard(key(self.name), self)
            child.stop()
            if self._alive():  # somebody has killed the child that would have seen to it
                kill(self.pid, descendants(self.pid))
            self._log.close()

    def abandon(self) -> None:
        self._child = None

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

    def _alive(self) -> bool:
        with suppress(psutil.NoSuchProcess):
            return self._process.is_running() and self._process.status() != psutil.STATUS_ZOMBIE
        return False

    def _is_worker(self, process: psutil.Process) -> bool:
        """Whether that child answers requests: not a router, nor the tracker that multiprocessing has beside them."""
        with suppress(psutil.Error):
            if self._software.router:
                return all(
                    c.laddr.port != self.port for c in process.net_connections("tcp") if c.status == psutil.CONN_LISTEN
                )
            return "resource_tracker" not in " ".join(process.cmdline())
        return False  # it has ended

    @property
    def _kind(self) -> str:
        pool = f" with {plural(self.threads, 'thread')}" if self.threads is not None else ""
        each = " each" if pool and self.workers > 1 else ""
        return f"{self._software.title}, {self.kind.upper()}, {plural(self.workers, 'worker')}{pool}{each}"


class Log:
    """The file a server writes to; its end stays readable when the file is gone."""

    def __init__(self) -> None:
        handle, name = tempfile.mkstemp(prefix="launch-", suffix=".log")
        self.path = Path(name)
        self._file: BinaryIO = os.fdopen(handle, "rb")
        self._lock = threading.Lock()
        self._last = b""

    @property
    def text(self) -> str:
        with self._lock:
            if not self._file.closed:
                self._file.seek(max(os.fstat(self._file.fileno()).st_size - READ, 0))
                self._last = self._file.read(READ)
            return self._last.decode(errors="replace")

    @property
    def last_line(self) -> str:
        lines = self.text.split("\n")
        return next((line.strip()[:300] for line in reversed(lines) if line.strip()), "")

    @property
    def reason(self) -> str:
        """The last exception in it, or else the first line that speaks of a failure, or else the last line."""
        text = self.text
        if exceptions := re.findall(r"^\s*(?:\w+\.)*(\w*(?:Error|Exception)\b.*)$", text, re.MULTILINE):
            return str(exceptions[-1]).strip()[:300]
        failure = re.search(r"^.*(?:error|failed).*$", text, re.MULTILINE | re.IGNORECASE)
        return failure[0].strip()[:300] if failure else self.last_line

    def close(self) -> None:
        _ = self.text  # keep it
        with self._lock:
            self._file.close()
        with suppress(OSError):
            self.path.unlink(missing_ok=True)
