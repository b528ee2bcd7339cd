"""The process in which the apps with the bugs are imported and asked (`helpers.bugs.asking`)."""

import sys
import traceback
import types
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from helpers.bugs.sources import Bug, Source
from helpers.errors import one_line
from helpers.processes.child import Kernel, Order
from helpers.processes.errors import Refused

Send = Callable[[str, str], Any]  # method and path to a response with .status_code and .json


def load(sources: Mapping[Path, Source], leave_out: set[str]) -> tuple[Any, tuple[str, str] | None]:
    """The ``app`` of the files without the functions `leave_out`, or the function that stops the import, and how."""
    for source in sources.values():
        sys.modules.pop(source.name, None)
    for file, source in sources.items():
        module = types.ModuleType(source.name)
        module.__file__ = str(file)
        sys.modules[source.name] = module
        try:
            exec(compile(source.without(leave_out), file, "exec"), module.__dict__)
        except Exception as error:
            own = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)]
            owner = source.owner(own[-1] or 0) if own else None
            if owner is None or owner in leave_out:
                raise Refused(f"{file.name} cannot be imported: {one_line(error)}") from error
            return None, (owner, one_line(error, 160))
    first = next(iter(sources.values()))
    app = getattr(sys.modules[first.name], "app", None)
    if app is None:
        raise Refused(f"{first.name}.py has no app: the first file of an app calls it `app`")
    return app, None


def client_of(app: Any) -> Send:
    """The framework's own test client, which lets the app's exceptions through."""
    if hasattr(app, "wsgi_app"):
        app.testing = True
        flask = app.test_client()
        return lambda method, path: flask.open(path, method=method)
    from fastapi.testclient import TestClient

    return TestClient(app).request


def ask(send: Send, bug: Bug) -> dict[str, Any]:
    """What became of the second of two requests that are alike."""
    try:
        answers = [send(bug.method, bug.path) for _ in range(2)]
    except Exception as error:
        return {"outcome": "crashed", "status": 500, "said": one_line(error, 160)}
    status = answers[-1].status_code
    right = status == bug.right if bug.by_status else status < 300 and json_of(answers[-1]) == bug.right
    said = "" if right or "html" in answers[-1].headers.get("content-type", "") else answers[-1].text.strip()[:160]
    return {"outcome": "right" if right else "refused" if status >= 400 else "wrong", "status": status, "said": said}


def json_of(answer: Any) -> Any:
    """The JSON in a response of httpx or of Werkzeug; None where there is none."""
    try:
        return answer.json() if callable(answer.json) else answer.get_json(silent=True)
    except ValueError:
        return None


def carry_out(order: Order) -> dict[str, Any]:
    sources = {Path(file): Source(Path(file).stem, Path(file).read_text(encoding="utf-8")) for file in order["files"]}
    sys.path.insert(0, str(next(iter(sources)).parent))
    stopped: dict[str, str] = {}
    while (loaded := load(sources, {*stopped}))[1] is not None:
        function, how = loaded[1]
        stopped[function] = how
    there = {name for source in sources.values() for name in source.functions}
    send, asked = client_of(loaded[0]), {}
    for bug in (Bug(**bug) for bug in order["bugs"]):
        if bug.id in stopped:
            asked[bug.id] = {"outcome": "at import", "said": stopped[bug.id]}
        else:
            asked[bug.id] = ask(send, bug) if bug.id in there else {"outcome": "not there"}
    return {"asked": asked}


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # of a bug that forgets an await; the map says so
    kernel = Kernel()
    kernel.say(ready=True)
    kernel.obey(carry_out)
