"""The child processes of this one, and of kernels, as the operating system lists them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable

import psutil


def child(module: str) -> psutil.Process:
    """The one child of this process that runs `module`, such as ``"helpers.servers.upstream_child"``."""
    (found,) = (each for each in psutil.Process().children() if _runs(each, module))
    return found


def _runs(process: psutil.Process, module: str) -> bool:
    with contextlib.suppress(psutil.Error):  # it has ended, and its parent has not asked how
        return module in process.cmdline()
    return False


def runs(process: psutil.Process) -> bool:
    """Whether `process` has not ended: where nobody asks how it did, it stays listed as a zombie."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def left_after(seconds: float, processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    """Which of `processes` still run when all have ended, or after so many seconds."""
    deadline = time.monotonic() + seconds
    while (left := [each for each in processes if runs(each)]) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left
