"""A child process that ends with this one, even if this one is killed.

Both ends speak JSON, one object a line: orders go to the child's standard input, answers come through a pipe of their
own, so that whatever else is printed in the child disturbs nothing. When this process ends, in whatever way, the
operating system closes the pipes; the child reads the end of its input and leaves (`helpers.processes.child`).
"""

import contextlib
import json
import os
import site
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import IO, Any

import helpers
from helpers.processes.errors import REFUSALS, CannotStart, ChildError, Ended, TimedOut
from helpers.processes.pipes import lines, write
from helpers.processes.registry import registry

Message = dict[str, Any]

# What changes how a Python process behaves, is meant for the kernel, and would only disturb a child.
DROPPED = {
    *("PYTHONASYNCIODEBUG", "PYTHONDEBUG", "PYTHONDEVMODE", "PYTHONINSPECT", "PYTHONIOENCODING", "PYTHONMALLOCSTATS"),
    *("PYTHONPROFILEIMPORTTIME", "PYTHONSTARTUP", "PYTHONTRACEMALLOC", "PYTHONVERBOSE", "PYTHONWARNINGS"),
}
CLOSED = -1  # in the place of a descriptor
TICK = 0.1  # seconds: how soon an interrupted cell ends on systems where a wait cannot be interrupted


class Child:
    """``python -m module arguments`` in a process and session of its own, so that interrupting a cell leaves it alone.

    `hello` is the first message it sent, which says that it is ready. `environment` takes the place of this process's
    variables. Raises CannotStart, TimedOut when no message came within `timeout` seconds, Ended, or what the child
    refused with.
    """

    def __init__(
        self, module: str, *arguments: str, timeout: float, environment: Mapping[str, str] | None = None
    ) -> None:
        self._lock = threading.Lock()
        self._over = False  # stopped, or in a forked process
        self._asked = 0
        self._messages: SimpleQueue[Message | None] = SimpleQueue()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (a pipe that nobody reads would block the child)
        # Descriptors, not files: a forked process has to close them, and a file may be locked by a thread it has not.
        reading, self._orders = os.pipe()
        self._answers, writing = os.pipe()
        try:
            self._process = _start(module, arguments, (reading, writing), self._errors, variables(environment))
        except OSError as error:
            self._close_pipes()
            self._errors.close()
            raise CannotStart(f"no process can be started: {error.strerror or error}") from error
        finally:
            os.close(reading)
            os.close(writing)
        self._reader = threading.Thread(target=self._read, args=[self._answers], name=module, daemon=True)
        self._reader.start()
        registry.forked.add(self)
        try:
            self.hello = self._next(time.monotonic() + timeout)
        except BaseException:  # an interrupted cell included: leave nothing half started
            self.stop()
            raise

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return not self._over and self._process.poll() is None

    def ask(self, timeout: float = 5.0, hear: Callable[[Any], None] = lambda part: None, **order: Any) -> Message:
        """Send `order` and return the answer to it; `hear` gets what the child tells on the way.

        Raises TimedOut when no answer comes within `timeout` seconds, Ended, or what the child refused with; TypeError
        or ValueError for an order that JSON cannot say.
        """
        with self._lock:
            self._asked += 1
            line = json.dumps({**order, "id": self._asked}).encode() + b"\n"
            try:
                write(self._orders, line)
            except OSError as error:  # the pipe is broken, or closed
                raise Ended("it has ended") from error
            deadline = time.monotonic() + timeout
            while True:
                answer = self._next(deadline, self._asked)
                if "part" not in answer:
                    return answer
                hear(answer["part"])

    def ask_to_stop(self) -> None:
        """Close the pipe: the child leaves in its own time."""
        orders, self._orders = self._orders, CLOSED
        if orders != CLOSED:
            os.close(orders)

    def stop(self, timeout: float = 5.0) -> None:
        """Ask the child to leave, and after `timeout` seconds make it. Stopping twice is fine."""
        if self._over:
            return
        self._over = True
        for insist in (self.ask_to_stop, self._process.terminate, self._process.kill):
            insist()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout)
                break
        self._reader.join(timeout)
        self._close_pipes()
        self._errors.close()

    def kill(self) -> None:
        """End the child at once, whatever it is doing."""
        self._process.kill()
        self.stop()

    def abandon(self) -> None:
        """In a forked process: close this copy of the pipes; the child is the parent's."""
        self._over = True
        self._lock = threading.Lock()
        self._close_pipes()

    def _close_pipes(self) -> None:
        self.ask_to_stop()
        answers, self._answers = self._answers, CLOSED
        if answers != CLOSED:
            os.close(answers)

    def _read(self, answers: int) -> None:
        with contextlib.suppress(OSError):
            for line in lines(answers):
                self._messages.put(json.loads(line))
        self._messages.put(None)

    def _next(self, deadline: float, wanted: int | None = None) -> Message:
        """The next message: the greeting, or what is said to the order `wanted`; others are of interrupted orders."""
        while True:
            try:
                message = self._messages.get(timeout=min(TICK, max(deadline - time.monotonic(), 0)))
            except Empty:
                if time.monotonic() >= deadline:
                    raise TimedOut("it did not answer in time") from None
                continue
            if message is None:
                self._messages.put(None)  # for the next who asks
                raise self._ended()
            if message.get("id") != wanted:
                continue
            if "error" in message:
                raise REFUSALS.get(message.get("kind", ""), ChildError)(message["error"])
            return message

    def _ended(self) -> Ended:
        """The child has closed its end of the pipe: its last words, and how it ended."""
        said: list[str] = []
        with contextlib.suppress(ValueError):
            self._errors.seek(0)
            said = self._errors.read().decode(errors="replace").strip().splitlines()
        error = Ended(f"it ended: {said[-1]}" if said else "it has ended")
        with contextlib.suppress(subprocess.TimeoutExpired):
            error.status = self._process.wait(1)
        return error


def variables(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a child, made from `environment` or this process's: it finds this package where this did."""
    kept = {k: v for k, v in (os.environ if environment is None else environment).items() if k not in DROPPED}
    home = str(Path(helpers.__file__).resolve().parents[1])
    if home not in site.getsitepackages():  # there it would come before the standard library
        given = kept.get("PYTHONPATH", "").split(os.pathsep)
        kept["PYTHONPATH"] = os.pathsep.join(dict.fromkeys([home, *filter(None, given)]))
    return kept


def _start(
    module: str, arguments: tuple[str, ...], pipes: tuple[int, int], errors: IO[bytes], environment: dict[str, str]
) -> subprocess.Popen[bytes]:
    """The process. It reads from the first of `pipes` and inherits the second, whose number is its first argument."""
    orders, answers = pipes
    inherited: dict[str, Any] = {"pass_fds": [answers]}
    if sys.platform == "win32":
        import msvcrt

        answers = msvcrt.get_osfhandle(answers)
        os.set_handle_inheritable(answers, True)
        inherited = {"startupinfo": subprocess.STARTUPINFO(lpAttributeList={"handle_list": [answers]})}
    return subprocess.Popen(
        [sys.executable, "-P", "-m", module, str(answers), *arguments],  # -P: no module of the learner's folder
        stdin=orders,
        stdout=errors,
        stderr=errors,
        start_new_session=True,
        env=environment,
        **inherited,
    )
