"""The client process as the kernel sees it: started when it is first needed, and again when it has died."""

from __future__ import annotations

import atexit
import json
import queue
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Any

from helpers.errors import LessonError

_TICK = 0.1  # seconds: how soon an interrupted cell ends on systems where a wait cannot be interrupted


class ClientError(LessonError):
    """The client process did not do what it was asked to."""


class ClientProcess:
    """A child process that takes one order at a time. `pid` is None until the first."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process is not None else None

    def order(
        self, order: dict[str, Any], timeout: float, hear: Callable[[dict[str, Any]], None] = lambda part: None
    ) -> Any:
        """Have `order` carried out, and return the reports; `hear` is called with what is told on the way.

        Raises LessonError for an order that JSON cannot say, and ClientError when no answer came within `timeout`
        seconds, when the process died on it, or when it could not be carried out. An interrupt ends the process; the
        next order starts a new one.
        """
        try:
            text = json.dumps(order)
        except (TypeError, ValueError) as error:
            raise LessonError("The body of a request must be something that JSON can say.") from error
        with self._turn:
            try:
                self._start()
                assert self._process is not None
                assert self._process.stdin is not None
                self._process.stdin.write(text + "\n")
                self._process.stdin.flush()
                end = monotonic() + timeout
                while "slice" in (answer := json.loads(self._line(end, timeout))):
                    hear(answer["slice"])
            except BaseException as error:
                self._end()
                if isinstance(error, OSError):
                    raise ClientError("The client process is gone; run the cell again to start a new one.") from error
                raise
        if "error" in answer:
            raise ClientError(f"The client process could not send this: {answer['error']}")
        return answer["reports"]

    def end(self) -> None:
        """End the process, if there is one."""
        with self._turn:
            self._end()

    def _start(self) -> None:
        if self._process is not None and self._process.poll() is None:
            return
        self._end()
        self._process = subprocess.Popen(
            # -P: no file in the learner's folder can take the place of a library.
            [sys.executable, "-P", "-m", "helpers.client.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            start_new_session=True,  # an interrupt is for the kernel; the kernel ends this process itself
        )
        self._lines = queue.SimpleQueue()
        threading.Thread(target=_listen, args=(self._process, self._lines), name="client", daemon=True).start()

    def _line(self, end: float, timeout: float) -> str:
        while monotonic() < end:
            try:
                line = self._lines.get(timeout=_TICK)
            except queue.Empty:
                continue
            if not line:
                raise ClientError("The client process died; run the cell again to start a new one.")
            return line
        raise ClientError(f"The client process gave no report within {timeout:g} s; run the cell again.")

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            assert process.stdin is not None
            with suppress(OSError):  # an order was still on its way
                process.stdin.close()


def _listen(process: subprocess.Popen[str], lines: queue.SimpleQueue[str]) -> None:
    assert process.stdout is not None
    with process.stdout as output:
        for line in output:
            lines.put(line)
    lines.put("")


client = ClientProcess()
atexit.register(client.end)
