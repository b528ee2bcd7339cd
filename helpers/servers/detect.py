"""What kind of application is this: WSGI, ASGI, or none at all?"""

from __future__ import annotations

import inspect
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
    if not callable(app):
        raise NotAnApp(f"serve was given {_article(type(app).__name__)}, which is no WSGI or ASGI app.")

    if inspect.isclass(app):
        return _kind_of_class(app)
    if inspect.iscoroutinefunction(app) or inspect.iscoroutinefunction(type(app).__call__):
        kind: Kind = "asgi"
        wanted = 3
    else:
        names = _positional(app)
        wanted = 3 if names is not None and (len(names) == 3 or names[:1] == ["scope"]) else 2
        kind = "asgi" if wanted == 3 else "wsgi"
    if not _takes(app, wanted):
        name = getattr(app, "__name__", type(app).__name__)
        raise NotAnApp(
            f"serve was given {name!r}, which does not take what a server passes to an app "
            f"(environ and start_response, or scope, receive and send); if it makes the app, call it: serve({name}())."
        )
    return kind


def _kind_of_class(cls: type) -> Kind:
    """A class may be an app itself: its instances are then the response (PEP 3333; Starlette's HTTPEndpoint)."""
    if hasattr(cls, "__await__") and _takes(cls, 3):
        return "asgi"
    if hasattr(cls, "__iter__") and _takes(cls, 2):
        return "wsgi"
    raise NotAnApp(
        f"serve was given the class {cls.__name__}, not an app made from it; try serve({cls.__name__}(...))."
    )


def _positional(app: Callable[..., object]) -> list[str] | None:
    """Names of the arguments that must be given by position, or None where Python cannot tell."""
    try:
        parameters = inspect.signature(app).parameters.values()
    except (TypeError, ValueError):
        return None
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [p.name for p in parameters if p.kind in kinds and p.default is p.empty]


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


def _article(noun: str) -> str:
    return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}"
