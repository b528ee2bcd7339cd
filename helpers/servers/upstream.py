"""`upstream`: a slow API in a process of its own, for apps that have to wait for somebody else."""

from __future__ import annotations

import contextlib
from types import EllipsisType
from typing import Any, cast

from helpers.arguments import number
from helpers.errors import LessonError
from helpers.plots import Drawn, escape
from helpers.processes import Child, ChildError, registry

LONGEST = 30.0  # seconds that one answer may take
KEY = "upstream"  # in the registry of what runs

Setting = float | EllipsisType


class Upstream(Drawn):
    """A slow API that runs beside the kernel, until `stop`.

    Every path answers JSON, ``{"path": "/price/7", "waited_ms": 50.0}``; ``?latency=0.2`` makes one request wait
    for 0.2 s instead. The counts are its own: what arrived there, not what was sent.
    """

    name = "upstream"
    waited_for = True

    def __init__(self, child: Child, state: dict[str, Any]) -> None:
        self._child: Child | None = child
        self._state = state
        self.port: int = child.hello["port"]

    @property
    def url(self) -> str:
        """``"http://127.0.0.1:PORT"``."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def running(self) -> bool:
        """Whether it still answers."""
        return self._child is not None and self._child.running

    @property
    def requests(self) -> int:
        """How many requests have arrived."""
        return self._count("requests")

    @property
    def active(self) -> int:
        """How many requests are waiting there at this moment."""
        return self._count("active")

    @property
    def peak(self) -> int:
        """The most requests that were waiting there at the same time."""
        return self._count("peak")

    @property
    def failed(self) -> int:
        """How many requests got 503."""
        return self._count("failed")

    @property
    def abandoned(self) -> int:
        """How many requests lost their client before the answer."""
        return self._count("abandoned")

    def set(self, latency: Setting = ..., jitter: Setting = ..., failures: Setting = ...) -> Upstream:
        """Change how it answers from the next request on; what is not named stays. See `upstream` for the units."""
        settings = _checked(latency, jitter, failures)
        if not self.running:
            raise LessonError("This upstream is stopped; call upstream() for a new one.")
        self._ask(settings=settings)
        return self

    def reset(self) -> Upstream:
        """Count from zero again."""
        self._ask(reset=True)
        return self

    def ask_to_stop(self) -> None:
        """Ask for a stop, without waiting for it."""
        with contextlib.suppress(LessonError):
            self._ask()  # the last counts stay readable
        if self._child is not None:
            self._child.ask_to_stop()

    def stop(self) -> None:
        """Stop at once; requests that still wait there lose their connection. Stopping twice is fine."""
        self.ask_to_stop()
        registry.discard(KEY, self)
        child, self._child = self._child, None
        if child is not None:
            child.stop()

    def abandon(self) -> None:
        """In a forked process: it is the parent's."""
        self._child = None

    def _count(self, name: str) -> int:
        return int(self._ask()[name])

    def _ask(self, **command: Any) -> dict[str, Any]:
        """Its settings and counts now, or the last known once it is stopped."""
        if self._child is not None and self._child.running:
            try:
                self._state = self._child.ask(**command)
            except ChildError as error:
                if self.running:
                    raise LessonError("The upstream API does not answer; call upstream() for a new one.") from error
        return self._state

    def summary(self) -> str:
        return f"{self.name} {self._answers()} at {self.url}; {self._seen()}"

    def body(self) -> str:
        return f"<p><b>{self.name}</b> {self._answers()} at {escape(self.url)}</p><p>{self._seen()}</p>"

    def _answers(self) -> str:
        state = self._ask()
        if not self.running:
            return "is stopped; it answered"
        spread = f" ± {1000 * state['jitter']:g}" if state["jitter"] else ""
        failing = f", {state['failures']:.0%} of the answers being 503," if state["failures"] else ""
        return f"answers after {1000 * state['latency']:g}{spread} ms{failing}"

    def _seen(self) -> str:
        state = self._ask()
        extras = [f"{state[name]} {name}" for name in ("failed", "abandoned") if state[name]]
        return ", ".join([f"requests so far: {state['requests']}, at once at most: {state['peak']}", *extras])


def upstream(
    latency: Setting = 0.05, jitter: Setting = 0.0, failures: Setting = 0.0, *, timeout: float = 20.0
) -> Upstream:
    """Start a slow API in a process of its own and return it once it answers; a second call replaces the first.

    It waits `latency` seconds (at most 30), give or take up to `jitter` seconds, before each answer, and answers 503
    to the share `failures` (0 to 1) of the requests. `Upstream.set` changes all three while it runs. The replacement
    keeps the port. It listens on 127.0.0.1 only, and ends with the kernel.

    Raises LessonError for settings that make no sense, and when it does not start within `timeout` seconds.
    """
    settings = {"latency": 0.05, "jitter": 0.0, "failures": 0.0} | _checked(latency, jitter, failures)
    with registry.lock:
        if (before := cast("Upstream | None", registry.get(KEY))) is not None:
            before.stop()
        try:
            where = str(registry.last_port(KEY))
            child = Child("helpers.servers.upstream_child", where, *map(str, settings.values()), timeout=timeout)
            started = Upstream(child, child.ask())
        except ChildError as error:
            raise LessonError("The upstream API did not start; run the cell again, or restart the kernel.") from error
        registry.add(KEY, started, started.port)
    return started


def _checked(latency: Setting, jitter: Setting, failures: Setting) -> dict[str, float]:
    """The settings that are given, as numbers; three dots stand for one that is left as it is."""
    given = {
        "latency": (latency, LONGEST, "seconds"),
        "jitter": (jitter, LONGEST, "seconds"),
        "failures": (failures, 1.0, ""),
    }
    return {name: number(name, value, 0, most, unit) for name, (value, most, unit) in given.items() if value is not ...}
