"""The child processes of this one, as the operating system lists them."""

from __future__ import annotations

import psutil


def child(module: str) -> psutil.Process:
    """The one child of this process that runs `module`, such as ``"helpers.servers.upstream_child"``."""
    (found,) = (each for each in psutil.Process().children() if module in each.cmdline())
    return found
