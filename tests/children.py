"""The child processes of this one, as the operating system lists them."""

from __future__ import annotations

import contextlib

import psutil


def child(module: str) -> psutil.Process:
    """The one child of this process that runs `module`, such as ``"helpers.servers.upstream_child"``."""
    (found,) = (each for each in psutil.Process().children() if _runs(each, module))
    return found


def _runs(process: psutil.Process, module: str) -> bool:
    with contextlib.suppress(psutil.Error):  # it has ended, and its parent has not asked how
        return module in process.cmdline()
    return False
