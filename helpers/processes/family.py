"""A process and all that it has started: find them, end them."""

import contextlib
import os
import signal
import subprocess

import psutil


def descendants(pid: int) -> list[psutil.Process]:
    """The processes below `pid`."""
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def end(process: subprocess.Popen[bytes], grace: float) -> None:
    """Ask `process` to end, and after `grace` seconds make it; then end whatever it has left behind."""
    family = descendants(process.pid)
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(grace)
    kill(process.pid, family)
    process.wait()


def kill(leader: int, family: list[psutil.Process]) -> None:
    """Kill the session of `leader`; on Windows, which has none, `leader` and its `family`."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):  # PermissionError: macOS, for one of zombies
            os.killpg(leader, signal.SIGKILL)
        return
    for pid in [leader, *(process.pid for process in family if process.is_running())]:
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGTERM)  # there, the end of it
