"""Imports an app, says whether it is WSGI or ASGI, and ends: the kernel shall not have the learner's module in it."""

import os
import sys
import threading
import traceback
from importlib import import_module
from pathlib import Path

from helpers.errors import one_line
from helpers.processes.child import Kernel
from helpers.processes.errors import Refused
from helpers.processes.family import kill
from helpers.servers.detect import Kind, NotAnApp, kind_of


def examine(folder: str, module: str, name: str) -> Kind:
    """Of what kind the app is. Raises Refused, with the reason, where there is none."""
    sys.path.insert(0, folder)
    try:
        found = import_module(module)
    except BaseException as error:  # sys.exit() included
        package = '; a file of a package is launched by its module, as in "package.module:app"'
        hint = package * ("attempted relative import" in str(error))
        raise Refused(f"importing it raises {one_line(error)}{_where(error, folder)}{hint}") from error
    if not hasattr(found, name):
        names = [each for each in ("app", "application", "api", "create_app", "make_app") if hasattr(found, each)]
        raise Refused(f"it has no name {name!r}{f', but {names[0]!r}' if names else ''}")
    app = getattr(found, name)
    try:
        return kind_of(app)
    except NotAnApp as error:
        hint = f"; if it makes the app, add app = {name}() to the file and launch that" if callable(app) else ""
        raise Refused(f"its {name!r} is {type(app).__name__}, no WSGI or ASGI app{hint}") from error


def _where(error: BaseException, folder: str) -> str:
    """The last line in the learner's own files that led to `error`."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename).is_relative_to(folder)]
    return f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""


def _leave(kernel: Kernel) -> None:
    """When the kernel has its answer, or is gone, end whatever the app has started, and this process."""
    for _ in kernel.orders():
        pass
    kill(os.getpid(), [])
    os._exit(0)


def main() -> None:
    kernel = Kernel()
    where = sys.argv[1:]
    leaving = threading.Thread(target=_leave, args=[kernel], daemon=True)
    leaving.start()
    try:
        kernel.say(kind=examine(*where))
    except Refused as reason:
        kernel.refuse(reason)
    leaving.join()


if __name__ == "__main__":
    main()
