"""What kind of application is this: WSGI, ASGI, or none at all?"""

import inspect
import re
from collections.abc import Callable
from types import ModuleType
from typing import Literal

from helpers.errors import LessonError

Kind = Literal["wsgi", "asgi"]


class NotAnApp(LessonError):
    """`serve` was given something that is neither a WSGI nor an ASGI application."""


def kind_of(app: object) -> Kind:
    """``"wsgi"`` or ``"asgi"``.

    An ASGI application is an asynchronous callable that takes `scope`, `receive` and `send`; a WSGI application is a
    plain callable that takes `environ` and `start_response` (https://asgi.readthedocs.io, PEP 3333).

    Raises NotAnApp, in one sentence that says what was given, for everything else.
    """
    if app is None:
        raise NotAnApp("serve(None): there is nothing to serve; does the function that makes the app `return` it?")
    if app is ...:
        raise NotAnApp("serve(...): the three dots are still there; put your app in their place.")
    if isinstance(app, str):
        raise NotAnApp(f"serve({app!r}) was given a string; import the app and pass the object itself: serve(app).")
    if isinstance(app, ModuleType):
        raise NotAnApp(f"serve was given the module {app.__name__!r}; pass the app inside it{_apps_in(app)}.")
    if inspect.iscoroutine(app):
        app.close()  # it will never be awaited, and Python would say so in the learner's cell
        raise NotAnApp("serve was given a coroutine, which is a call that still waits for its `await`.")
    name: str = getattr(app, "__name__", type(app).__name__)
    if not callable(app):
        article = "an" if name[:1].lower() in "aeiou" else "a"
        raise NotAnApp(f"serve was given {article} {name}, which is no WSGI or ASGI app.")
    if inspect.isclass(app):  # it may be an app: its instances are then the response (PEP 3333, HTTPEndpoint)
        if hasattr(app, "__await__") and _takes(app, 3):
            return "asgi"
        if hasattr(app, "__iter__") and _takes(app, 2):
            return "wsgi"
        raise NotAnApp(f"serve was given the class {name}, not an app made from it; try serve({name}(...)).")
    asynchronous = inspect.iscoroutinefunction(app) or inspect.iscoroutinefunction(type(app).__call__)
    if not asynchronous and _takes(app, 2):
        return "wsgi"
    if _takes(app, 3):
        return "asgi"
    raise NotAnApp(f"serve was given {_uncallable(app, name)}")


def _uncallable(app: Callable[..., object], name: str) -> str:
    """What is to be said of a callable that a server cannot call."""
    takes = "does not take what a server passes to an app (environ and start_response, or scope, receive and send)"
    if inspect.isroutine(app):
        return f"{name!r}, which {takes}; if it makes the app, call it: serve({name}())."
    return (
        f"{type(app).__module__.partition('.')[0]}'s {name}, which {takes}: frameworks like aiohttp and Tornado bring "
        "a server of their own, and speak neither WSGI nor ASGI."
    )


def _takes(app: Callable[..., object], count: int) -> bool:
    """Whether `app` can be called with `count` arguments."""
    try:
        inspect.signature(app).bind(*[None] * count)
    except TypeError:
        return False
    except ValueError:  # a callable written in C, without a signature to read: let it show itself when asked
        pass
    return True


def _apps_in(module: ModuleType) -> str:
    """`: serve(shop.app)`, where the module has something that looks like an app under a usual name."""
    name = module.__name__.rpartition(".")[2]
    found = [n for n in ("app", "application", "api") if callable(getattr(module, n, None))]
    return f": serve({name}.{found[0]})" if found else f", such as serve({name}.app)"


def a_path(app: object) -> str:
    """A path at which `app` answers GET, for a link: of a Flask app's or a Starlette's own routes; otherwise ``"/"``.

    What stands for a part of the path becomes a 1, which most converters take.
    """
    rules = app.url_map.iter_rules() if hasattr(app, "url_map") and hasattr(app, "view_functions") else ()
    paths = [rule.rule for rule in rules if "GET" in (rule.methods or ()) and rule.endpoint != "static"]
    routes = [route for route in getattr(app, "routes", []) if "GET" in (getattr(route, "methods", None) or ())]
    paths += [route.path for route in routes if route.include_in_schema]
    paths += [route.path for route in routes if route.path == "/docs"]
    return "/" if not paths or "/" in paths else re.sub(r"<[^>]*>|{[^}]*}", "1", paths[0])
