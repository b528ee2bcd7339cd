"""The vocabulary of the lessons: ``from helpers import serve, ask, predict, judge``.

Each name is loaded from its room when it is first used, so importing this package costs next to nothing.
"""

from importlib import import_module

from helpers.strangers import told
from helpers.tracebacks import shorten

_ROOMS = {
    "serve": "servers",
    "launch": "servers",
    "stop_all": "servers",
    "show": "servers",
    "Server": "servers",
    "upstream": "servers",
    "postgres": "servers",
    "burst": "client",
    "load": "client",
    "talk": "client",
    "listen": "client",
    "measure": "benchmark",
    "ask": "exchange",
    "watch": "timeline",
    "predict": "claims",
    "judge": "claims",
    "ledger": "claims",
    "start_again": "claims",
    "adoption": "popularity",
    "recall": "claims",
    "export": "claims",
    "review": "contract",
    "check": "exercises",
    "hint": "exercises",
    "solution": "exercises",
    "environment": "readiness",
    "LessonError": "errors",
}

__all__ = list(_ROOMS)


def __getattr__(name: str) -> object:
    if name not in _ROOMS:
        raise AttributeError(f"helpers has no {name!r}; it has {', '.join(sorted(_ROOMS))}")
    with told():
        return getattr(import_module(f"{__name__}.{_ROOMS[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)


shorten()
