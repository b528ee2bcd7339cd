"""Measurements on a machine that does other things, too: a failure counts where a control says that it was quiet."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from time import perf_counter as now
from typing import TypeVar

import psutil

T = TypeVar("T")

LATE = 0.004  # seconds that a sleeper may be late where the machine is quiet
OTHERS = 0.15  # of one core: what other programs may use of the processor where it is
TICKS = 0.05  # seconds: processor times come in hundredths, and there are several of them

# Sleeps a little, again and again, in a process of its own, as what a test computes would hold up a thread of the test.
SLEEPER = """
import sys, threading, time

def look(worst=0.0):
    global lateness
    while True:
        began = time.perf_counter()
        time.sleep(0.002)
        lateness = worst = max(worst, time.perf_counter() - began - 0.002)

lateness = 0.0
threading.Thread(target=look, daemon=True).start()
print(flush=True)
sys.stdin.read()
print(lateness)
"""


class Control:
    """Looks at the machine while something is measured.

    `lateness` is by how many seconds a sleeper woke up late at worst, `others` what programs beside the test and its
    children used of the processor, as a share of one core.
    """

    def __enter__(self) -> Control:
        self.lateness = self.others = 0.0
        self._sleeper = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", SLEEPER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._sleeper.stdout
        self._sleeper.stdout.readline()  # it has begun
        self._began, self._before = now(), used_by_others()
        return self

    def __exit__(self, *exception: object) -> None:
        used, seconds = used_by_others() - self._before, now() - self._began
        self.others = max(0.0, used - TICKS) / seconds
        self.lateness = float(self._sleeper.communicate()[0])

    @property
    def quiet(self) -> bool:
        return self.lateness < LATE and self.others < OTHERS


def used_by_others() -> float:
    """Seconds of processor time that others have used since the machine began: all, without this process's family."""
    everyone = psutil.cpu_times()
    busy = sum(everyone) - everyone.idle - getattr(everyone, "iowait", 0) - getattr(everyone, "guest", 0)
    me = psutil.Process()
    family = 0.0
    for process in (me, *me.children(recursive=True)):
        try:
            family += sum(process.cpu_times()[:4])  # its own, and that of its children that have ended
        except psutil.Error:  # it has just ended, and counts with its parent
            continue
    return busy - family


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
        if control.quiet:
            raise failed
        between()
    raise ValueError("tries is at least 1")
