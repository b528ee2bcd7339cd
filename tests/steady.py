"""Measurements on a machine that does other things, too: a failure counts where a control says that it was quiet."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps
from time import perf_counter as now
from time import sleep
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

BEAT = 0.002  # seconds between two looks of the control
LATE = 0.004  # seconds that it may be late where the machine is quiet


class Control:
    """Sleeps a little, again and again, while something is measured: `lateness` is how late it woke up at worst."""

    def __enter__(self) -> Control:
        self.lateness = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.is_set():
            began = now()
            sleep(BEAT)
            self.lateness = max(self.lateness, now() - began - BEAT)


def until_quiet(attempt: Callable[[], T], tries: int = 5, between: Callable[[], None] = lambda: None) -> T:
    """What `attempt` returns. Where it fails (AssertionError) and was disturbed, `between` cleans up for another try.

    What fails undisturbed, or `tries` times, has failed: a bug that is always there cannot pass.
    """
    for left in reversed(range(tries)):
        with Control() as control:
            try:
                return attempt()
            except AssertionError as error:
                if not left:
                    raise
                failed = error
        if control.lateness < LATE:
            raise failed
        between()
    raise ValueError("tries is at least 1")


def steady(between: Callable[[], None]) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """A decorator for a test that reads a clock: `until_quiet`."""

    def decorate(test: Callable[P, None]) -> Callable[P, None]:
        @wraps(test)
        def patient(*args: P.args, **kwargs: P.kwargs) -> None:
            until_quiet(lambda: test(*args, **kwargs), between=between)

        return patient

    return decorate
