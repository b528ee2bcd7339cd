"""The machine that something was measured on: what a number needs beside it."""

import math
import os
import platform
from contextlib import suppress
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from helpers.words import plural

PACKAGES = (
    *("fastapi", "starlette", "pydantic", "uvicorn", "uvloop", "httptools", "flask", "werkzeug"),
    *("granian", "gunicorn", "hypercorn", "pyuwsgi", "waitress"),
)


def cores(groups: Path = Path("/sys/fs/cgroup")) -> int:
    """The processor cores that this process may use at once: those there are, or what a container's quota comes to.

    A container, as on Binder or a hub, sees all the cores of its machine and gets the time of a few.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with suppress(OSError, ValueError):  # cgroup v2: "200000 100000" microseconds of each period, or "max 100000"
        quota, period = (groups / "cpu.max").read_text().split()
        return min(cores, max(1, math.ceil(int(quota) / int(period))))
    with suppress(OSError, ValueError):  # cgroup v1: -1 for no limit
        limit, each = (int((groups / "cpu" / f"cpu.cfs_{name}_us").read_text()) for name in ("quota", "period"))
        return min(cores, max(1, math.ceil(limit / each))) if limit > 0 else cores
    return cores


@cache
def machine() -> dict[str, Any]:
    """Its shape: the cores that this process may use, system, Python, and the versions of what is measured."""
    versions = {}
    for package in PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            versions[package] = metadata.version(package)
    return {"cores": cores(), "system": platform.system(), "python": platform.python_version(), **versions}


def origin(head: dict[str, Any]) -> str:
    """``"Recorded on 2026-11-22, 2 cores, Linux, Python 3.11.7"``, from the first line of a record."""
    of = head["machine"]
    return f"Recorded on {head['when'][:10]}, {plural(of['cores'], 'core')}, {of['system']}, Python {of['python']}"
