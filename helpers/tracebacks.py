"""Tracebacks that end where the learner's own code does.

A path without a slash is a mistake in one line of a cell. FastAPI and Flask say so in one sentence, at the end of sixty
lines about their own insides: what is shown is the learner's line, and that sentence.
"""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

PACKAGES, PYTHON = ("site-packages", "dist-packages"), (sys.base_prefix, "<frozen")


def shorten() -> None:
    """Have the IPython shell of this process show tracebacks so; where there is none, nothing is to be done."""
    shell: Any = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is not None:
        shell.set_custom_exc((Exception,), _show)


def _show(
    shell: InteractiveShell,
    kind: type[BaseException],
    error: BaseException,
    found: TracebackType,
    tb_offset: int | None = None,
) -> list[str]:
    """What IPython calls for an exception that a cell did not handle."""
    short = own(found)
    if short is not None:
        error.__cause__, error.__suppress_context__ = None, True  # what led to it lies in the library too
    shell.showtraceback((kind, error, short or found), tb_offset=tb_offset, running_compiled_code=True)
    return []


def installed(file: str) -> bool:
    """Whether a file of code belongs to an installed package."""
    return any(folder in file for folder in PACKAGES)


def foreign(file: str) -> bool:
    """Whether a file of code is an installed package's or Python's own."""
    return installed(file) or file.startswith(PYTHON)


def own(found: TracebackType) -> TracebackType | None:
    """`found` down to the last frame of the learner's, where an installed package comes after it; otherwise None."""
    steps = [found]
    while (inner := steps[-1].tb_next) is not None:
        steps.append(inner)
    files = [step.tb_frame.f_code.co_filename for step in steps]
    last = max((n for n, file in enumerate(files) if not foreign(file)), default=0)
    if last == 0 or not any(map(installed, files[last + 1 :])):
        return None
    short = None
    for step in reversed(steps[: last + 1]):
        short = TracebackType(short, step.tb_frame, step.tb_lasti, step.tb_lineno)
    return short
