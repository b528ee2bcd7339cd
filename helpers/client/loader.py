"""A load, in the client process: its connections, what became of each request, and when to stop.

Times are nanoseconds of `time.perf_counter_ns`, the same clock in every process of this machine.
"""

import asyncio
import errno
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from time import perf_counter_ns as now
from time import process_time
from typing import Any

from helpers.client.orders import MOST, End, LoadOrder, Outcome, Slice
from helpers.client.wire import Wire

TICK = 0.02  # seconds between two looks at the clock and at requests that take too long
SLICE = 0.25  # seconds between two reports
GONE = 1.0  # seconds of nothing but refused connections after which the server counts as gone
PATIENCE = 0.5  # seconds that the other users wait for the first one's answer
QUIET = 0.02  # seconds in which a server that closes connections unannounced does so
CONNECT = 3.0  # seconds that a connection may take


class Run(ABC):
    """One order: the requests, their outcomes, and when to stop. `tell` hears of what has happened, slice by slice."""

    def __init__(self, order: LoadOrder, tell: Callable[[Slice], None]) -> None:
        self.host, self.port = order.host, order.port
        self.request = order.request.encode("latin-1")
        self.bodiless = order.request.startswith("HEAD ")
        self.concurrency, self.rate, self.seconds = order.concurrency or MOST, order.rate or 0.0, order.seconds
        self.keep, self.timeout = order.keep_alive and not order.closes, order.timeout
        self.closes = order.closes
        self.patience = 0.0 if order.known else min(PATIENCE, self.seconds / 4)
        self.tell = tell
        self.loop = asyncio.get_running_loop()
        self.wires: set[Wire] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        self.under_way = 0
        self.idle = asyncio.Event()
        self.known = asyncio.Event()
        self.stopped = self.gone = False
        self.refused_since: int | None = None
        self.unanswered = self.concurrency  # connections that have not had an outcome yet
        self.began = self.deadline = self.told = now()
        self.joined: int | None = None  # when all connections had sent their first request,
        self.full: int | None = None  # and when all had the answer to it
        self.lags: list[int] = []
        self.samples: list[tuple[int, int, int, Outcome]] = []  # due, sent, ended, outcome

    async def carry_out(self) -> End:
        """Send the load, wait for the last answers, and report what concerns the whole of it."""
        watch = self.loop.create_task(self._watch())
        cpu = process_time()
        self.began = self.told = now()
        try:
            await self.send()
            self.stopped = True
            if self.under_way:
                self.idle.clear()
                await self.idle.wait()
        finally:
            self.stopped = True
            watch.cancel()
            for task in self.tasks:
                task.cancel()
            for wire in self.wires:
                if wire.transport is not None:
                    wire.transport.abort()
        self._slice()
        return {
            "cpu": process_time() - cpu,
            "lags": [lag // 1000 for lag in self.lags],
            "gone": self.gone or (self.refused_since is not None),
            "closes": self.closes,
        }

    @abstractmethod
    async def send(self) -> None:
        """Send the requests, until no more are to be sent."""

    @abstractmethod
    def go_on(self, wire: Wire, ended: int, outcome: Outcome, reusable: bool) -> None:
        """What follows the outcome of `wire`'s request, while there is more to send."""

    async def _until_the_end(self) -> None:
        while not self._is_over():
            await asyncio.sleep(min(TICK, (self.deadline - now()) / 1e9))

    def _is_over(self) -> bool:
        """Whether no more requests are to be sent."""
        return self.stopped or self.gone or now() >= self.deadline

    def _connect(self, due: int | None = None, first: bool = False) -> None:
        sent = now()
        wire = Wire(self, sent if due is None else due, sent)
        wire.asked_first = first
        self.under_way += 1
        self.wires.add(wire)
        self._start(self._connecting(wire))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = self.loop.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _connecting(self, wire: Wire) -> None:
        try:
            async with asyncio.timeout(min(CONNECT, self.timeout)):
                await self.loop.create_connection(lambda: wire, self.host, self.port)
        except ConnectionRefusedError:
            wire.give_up("refused")
        except TimeoutError:
            wire.give_up("no connection")
        except OSError as error:
            none = (errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL)
            wire.give_up("no connection left" if error.errno in none else "no connection")

    def done(self, wire: Wire, outcome: Outcome, reusable: bool) -> None:
        """Note the outcome of `wire`'s request, and send the next one where it is due."""
        ended = now()
        self.samples.append((wire.due, wire.sent, ended, outcome))
        self.under_way -= 1
        if wire.asked_first:
            self._first_outcome(wire, ended)
        if outcome == "refused":
            self.refused_since = self.refused_since or ended
            self.gone = ended - self.refused_since > GONE * 1e9
        elif outcome.__class__ is int:
            self.refused_since = None
        if not (reusable and self.keep):
            self.wires.discard(wire)
            if wire.transport is not None:
                wire.transport.abort()
        if self.stopped or self.gone or ended >= self.deadline:
            if not self.under_way:
                self.idle.set()
        else:
            self.go_on(wire, ended, outcome, reusable and self.keep)

    def _first_outcome(self, wire: Wire, ended: int) -> None:
        wire.asked_first = False
        self.unanswered -= 1
        if not self.unanswered:
            self.full = ended

    async def _stays(self, wire: Wire) -> bool:
        """Whether the server leaves the connection open, as it has said it would."""
        await asyncio.sleep(QUIET)
        if wire.lost:
            self.closes, self.keep = True, False
        return not wire.lost

    async def _watch(self) -> None:
        """Give up what takes too long, note how late this process wakes up, and report slice by slice."""
        while True:
            asleep = now()
            await asyncio.sleep(TICK)
            awake = now()
            self.lags.append(awake - asleep - int(TICK * 1e9))
            if self._is_over():
                self.known.set()
            for wire in [wire for wire in self.wires if wire.busy and awake - wire.sent > self.timeout * 1e9]:
                wire.give_up("timeout")
            if awake - self.told >= SLICE * 1e9:
                self._slice()

    def _slice(self) -> None:
        samples, self.samples = self.samples, []
        began, until = self.began, now()
        due, sent, ended, outcome = zip(*samples, strict=True) if samples else ((), (), (), ())
        self.tell(
            {
                "due": [(moment - began) // 1000 for moment in due] if self.rate else None,
                "sent": [(moment - began) // 1000 for moment in sent],
                "took": [(end - start) // 1000 for start, end in zip(sent, ended, strict=True)],
                "outcome": list(outcome),
                "joined": (self.joined - began) // 1000 if self.joined is not None else None,
                "full": (self.full - began) // 1000 if self.full is not None else None,
                "from": (self.told - began) // 1000,
                "until": (until - began) // 1000,
            }
        )
        self.told = until
