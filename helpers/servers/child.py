"""A helper process that ends with this one, even if this one is killed.

Both ends speak JSON, one object a line: commands go to the child's standard input, answers come from its standard
output. When this process ends, in whatever way, the operating system closes the pipe; the child reads the end of it
and leaves.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from queue import Empty, SimpleQueue
from typing import Any

_children: set[Child] = set()


class ChildError(Exception):
    """The child did not start, or does not answer; the message says why."""


class Child:
    """``python -m module arguments`` in a process and session of its own, so that interrupting a cell leaves it alone.

    `hello` is the first object it sent, which says that it is ready. Raises ChildError when it sends none within
    `timeout` seconds, sends ``{"error": why}``, or ends.
    """

    def __init__(
        self, module: str, *arguments: str, timeout: float, environment: Mapping[str, str] | None = None
    ) -> None:
        self._lock = threading.Lock()
        self._asked = 0
        self._answers: SimpleQueue[dict[str, Any] | None] = SimpleQueue()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (a pipe that nobody reads would block the child)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", module, *arguments],  # -P: no module of the learner's folder in the way
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            start_new_session=True,
            env=dict(os.environ if environment is None else environment),
        )
        self._reader = threading.Thread(target=self._read, name=module, daemon=True)
        self._reader.start()
        _children.add(self)
        try:
            self.hello = self._answer(time.monotonic() + timeout)
        except BaseException:  # an interrupted cell included: leave nothing half started
            self.stop()
            raise

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def ask(self, timeout: float = 5.0, **command: Any) -> dict[str, Any]:
        """Send `command` and return the answer to it. Raises ChildError when none comes within `timeout` seconds."""
        with self._lock:
            self._asked += 1
            try:
                self._process.stdin.write(json.dumps({"id": self._asked, **command}).encode() + b"\n")
                self._process.stdin.flush()
            except (OSError, ValueError) as error:  # the pipe is broken, or closed
                raise ChildError("it has ended") from error
            deadline = time.monotonic() + timeout
            while (answer := self._answer(deadline)).get("id") != self._asked:
                pass  # the answer to a question that was interrupted
            return answer

    def ask_to_stop(self) -> None:
        """Close the pipe: the child leaves in its own time."""
        with contextlib.suppress(OSError):
            self._process.stdin.close()

    def stop(self, timeout: float = 5.0) -> None:
        """Ask the child to leave, and after `timeout` seconds make it. Stopping twice is fine."""
        self.ask_to_stop()
        for insist in (lambda: None, self._process.terminate, self._process.kill):
            insist()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout)
                break
        self._reader.join(timeout)
        self._process.stdout.close()
        self._errors.close()
        _children.discard(self)

    def _read(self) -> None:
        with contextlib.suppress(ValueError, OSError):  # half a line of a child that was killed
            for line in self._process.stdout:
                self._answers.put(json.loads(line))
        self._answers.put(None)

    def _answer(self, deadline: float) -> dict[str, Any]:
        try:
            answer = self._answers.get(timeout=max(deadline - time.monotonic(), 0))
        except Empty:
            raise ChildError("it did not answer in time") from None
        if answer is None:
            self._answers.put(None)  # for the next who asks
            raise ChildError(self._last_words())
        if "error" in answer:
            raise ChildError(answer["error"])
        return answer

    def _last_words(self) -> str:
        with contextlib.suppress(ValueError):
            self._errors.seek(0)
            lines = self._errors.read().decode(errors="replace").strip().splitlines()
            if lines:
                return f"it ended: {lines[-1]}"
        return "it has ended"


def stop_children() -> None:
    """Stop every child of this process: ask all at once, then wait for each."""
    children = list(_children)
    for child in children:
        child.ask_to_stop()
    for child in children:
        child.stop()
