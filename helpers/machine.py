"""The machine that something was measured on: what a number needs beside it."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from functools import cache
from importlib import metadata
from typing import Any

PACKAGES = (
    *("fastapi", "starlette", "pydantic", "uvicorn", "uvloop", "httptools", "flask", "werkzeug"),
    *("granian", "gunicorn", "hypercorn", "pyuwsgi", "waitress"),
)


@cache
def machine() -> dict[str, Any]:
    """Its shape: the cores that this process may use, system, Python, and the versions of what is measured."""
    versions = {}
    for package in PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            versions[package] = metadata.version(package)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {"cores": cores, "system": platform.system(), "python": platform.python_version(), **versions}
