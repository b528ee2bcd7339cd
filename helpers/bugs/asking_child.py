"""The process in which the apps with the bugs are imported and asked (`helpers.bugs.asking`)."""

import sys
import traceback
import types
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from helpers.bugs.sources import Bug, Source
from helpers.errors import one_line
from helpers.processes.child import Kernel, Order
from helpers.processes.errors import Refused

Send = Callable[[str, str], Any]  # method and path to a response with .status_code and .json


def load(files: list[Path], leave_out: set[str]) -> tuple[Any, tuple[str, str] | None]:
    """The ``app`` of `files` without the functions `leave_out`, or the function that stops the import, and how."""
    for file in files:
        sys.modules.pop(file.stem, None)
    for file in files:
        source = Source(file.stem, file.read_text(encoding="utf-8"))
        text = source.text.splitlines(keepends=True)
        for name in leave_out & source.functions.keys():
            node = source.functions[name]
            for number in range(min(each.lineno for each in node.decorator_list), (node.end_lineno or 0) + 1):
                text[number - 1] = "\n"
        module = types.ModuleType(file.stem)
        module.__file__ = str(file)
        sys.modules[file.stem] = module
        try:
            exec(compile("".join(text), file, "exec"), module.__dict__)
        except Exception as error:
            own = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)]
            owner = source.owner(own[-1] or 0) if own else None
            if owner is None or owner in leave_out:
                raise Refused(f"{file.name} cannot be imported: {one_line(error)}") from error
            return None, (owner, one_line(error, 160))
    app = getattr(sys.modules[files[0].stem], "app", None)
    if app is None:
        raise Refused(f"{files[0].name} has no app: its first file calls it `app`")
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
    files = [Path(file) for file in order["files"]]
    sys.path.insert(0, str(files[0].parent))
    stopped: dict[str, str] = {}
    while True:
        app, stop = load(files, {*stopped})
        if stop is None:
            break
        stopped[stop[0]] = stop[1]
    there = {name for file in files for name in Source(file.stem, file.read_text(encoding="utf-8")).functions}
    send, asked = client_of(app), {}
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
