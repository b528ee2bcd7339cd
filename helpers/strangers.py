"""Files and folders that stand in the place of a package: a learner's flask.py, a folder that PYTHONPATH names."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from helpers.errors import LessonError
from helpers.words import listed

PACKAGES = ("fastapi", "flask", "httpx", "numpy", "pydantic", "starlette", "uvicorn", "werkzeug")
REMEDY = "Move that file away, or take the folder out of PYTHONPATH; then restart the kernel."


def strangers() -> list[str]:
    """What Python finds elsewhere than in its environment: ``["flask comes from /home/me/notebooks"]``."""
    first = [Path.cwd(), *map(Path, filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep)))]
    found = []
    for name in PACKAGES:
        spec = find_spec(name)
        for folder in first if spec and spec.origin else []:
            if spec and Path(spec.origin or "").parent in (folder.resolve(), folder.resolve() / name):
                found.append(f"{name} comes from {folder}")
    return found


@contextmanager
def told() -> Iterator[None]:
    """Tell of strangers in a sentence where they may be why an import fails in this block. Raises LessonError."""
    try:
        yield
    except LessonError:
        raise
    except Exception as error:
        if found := strangers():
            raise LessonError(f"{listed(found)}, not from this environment. {REMEDY}") from error
        raise
