"""Imports an app, says whether it is WSGI or ASGI, and ends: the kernel shall not have the learner's module in it."""

from __future__ import annotations

import json
import os
import sys
import traceback
from importlib import import_module
from pathlib import Path

from helpers.errors import one_line
from helpers.servers.detect import NotAnApp, kind_of


def examine(folder: str, module: str, name: str) -> dict[str, str]:
    """``{"kind": "asgi"}``, or ``{"error": why}``."""
    sys.path.insert(0, folder)
    try:
        found = import_module(module)
    except BaseException as error:  # sys.exit() included
        return {"error": f"importing it raises {one_line(error)}{_where(error, folder)}"}
    if not hasattr(found, name):
        return {"error": f"it has no name {name!r}"}
    try:
        return {"kind": kind_of(getattr(found, name))}
    except NotAnApp:
        return {"error": f"its {name!r} is {type(getattr(found, name)).__name__}, no WSGI or ASGI app"}


def _where(error: BaseException, folder: str) -> str:
    """The last line in the learner's own files that led to `error`."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename).is_relative_to(folder)]
    return f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""


if __name__ == "__main__":
    answer = os.dup(1)
    os.dup2(2, 1)  # what the app prints is not the answer
    with os.fdopen(answer, "w") as stream:
        json.dump(examine(*sys.argv[1:]), stream)
        stream.flush()
        os._exit(0)  # the app may have started threads
