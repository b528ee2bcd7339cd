"""All that this kernel has started and has to stop: by name, with the port that each name had last."""

import atexit
import os
import threading
from typing import Protocol
from weakref import WeakSet


class Forked(Protocol):
    """Something that a forked process has to let go of."""

    def abandon(self) -> None:
        """In a forked process: let go of what is the parent's, without a word to it."""


class Running(Forked, Protocol):
    """Something that runs until it is stopped."""

    waited_for: bool  # by apps, such as a database: stopped after them

    def ask_to_stop(self) -> None:
        """Ask for a stop, without waiting for it."""

    def stop(self) -> None:
        """Stop, within seconds. Stopping twice is fine."""


class Registry:
    """What runs, by name. Hold `lock` while something is started, replaced or stopped."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.forked: WeakSet[Forked] = WeakSet()  # that have to hear of a fork, beside what runs under a name
        self._running: dict[str, Running] = {}
        self._ports: dict[str, int] = {}

    def get(self, name: str) -> Running | None:
        """What runs under that name."""
        return self._running.get(name)

    def add(self, name: str, running: Running, port: int = 0) -> None:
        """From now on `running` is what runs under `name`, and has to be stopped; `port` is remembered if not 0."""
        with self.lock:
            self._running[name] = running
            if port:
                self._ports[name] = port

    def discard(self, name: str, running: Running) -> None:
        """`running` has stopped. What runs under its name by now stays."""
        with self.lock:
            if self._running.get(name) is running:
                del self._running[name]

    def last_port(self, name: str) -> int:
        """The port that `name` had last, so that pages and apps which know it can go on using it; 0 for none."""
        return self._ports.get(name, 0)

    def all(self) -> list[Running]:
        """Everything that runs, in the order in which it was started."""
        return list(self._running.values())

    def stop_all(self) -> None:
        """Stop everything: the apps first, then what they wait for; each time all are asked at once."""
        with self.lock:
            for last in (False, True):
                group = [each for each in self.all() if each.waited_for is last]
                for each in group:
                    each.ask_to_stop()
                for each in group:
                    each.stop()

    def abandon(self) -> None:
        """In a forked process: nothing here is ours to stop."""
        self.lock = threading.RLock()  # another thread may have held it
        for each in [*self.all(), *self.forked]:
            each.abandon()
        self.forked.clear()
        self._running.clear()
        self._ports.clear()


registry = Registry()
atexit.register(registry.stop_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=registry.abandon)
