"""A load, in the client process: who sends when, what became of each request, and when to stop.

Times are nanoseconds of `time.perf_counter_ns`, the same clock in every process of this machine.
"""

from __future__ import annotations

import asyncio
import errno
import gc
from collections.abc import Callable, Coroutine
from time import perf_counter_ns as now
from time import process_time
from typing import Any

from helpers.client.wire import Outcome, Wire

TICK = 0.02  # seconds between two looks at the clock and at requests that take too long
SLICE = 0.25  # seconds between two reports
RETRY = 0.05  # seconds before another try where a connection was refused
GONE = 1.0  # seconds of nothing but refused connections after which the server counts as gone
PATIENCE = 0.5  # seconds that the other users wait for the first one's answer
QUIET = 0.02  # seconds in which a server that closes connections unannounced does so
IDLE = 1.0  # seconds after which an unused connection is not used again: a server may be about to close it
CONNECT = 3.0  # seconds that a connection may take


class Run:
    """One order: the requests, their outcomes, and when to stop. `tell` hears of what has happened, slice by slice."""

    def __init__(self, order: dict[str, Any], tell: Callable[[dict[str, Any]], None]) -> None:
        self.host, self.port = order["host"], order["port"]
        self.request = order["request"].encode("latin-1")
        self.concurrency, self.rate, self.seconds = order["concurrency"], order["rate"], order["seconds"]
        self.keep, self.timeout = order["keep_alive"] and not order["closes"], order["timeout"]
        self.closes = order["closes"]
        self.patience = 0.0 if order["known"] else min(PATIENCE, self.seconds / 4)
        self.tell = tell
        self.loop = asyncio.get_running_loop()
        self.wires: set[Wire] = set()
        self.pool: list[Wire] = []
        self.tasks: set[asyncio.Task[None]] = set()
        self.under_way = self.to_come = 0
        self.idle = asyncio.Event()
        self.known = asyncio.Event()
        self.stopped = self.gone = False
        self.refused_since: int | None = None
        self.unanswered = self.concurrency or 0  # connections that have not had an outcome yet
        self.began = self.deadline = self.told = now()
        self.joined: int | None = None  # when all connections had sent their first request,
        self.full: int | None = None  # and when all had the answer to it
        self.lags: list[int] = []
        self.samples: list[tuple[int, int, int, Outcome]] = []  # due, sent, ended, outcome

    async def carry_out(self) -> dict[str, Any]:
        """Send the load, wait for the last answers, and report what concerns the whole of it."""
        watch = self.loop.create_task(self._watch())
        cpu = process_time()
        self.began = self.told = now()
        try:
            await (self._open() if self.rate else self._closed())
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

    async def _closed(self) -> None:
        """`concurrency` users, each of whom sends the next request when the last is answered.

        The first user goes ahead, to learn whether the server is there and whether it keeps connections open.
        """
        self.deadline = self.began + int(self.seconds * 1e9)
        self.unanswered = self.concurrency
        self._connect(first=True)
        patience = self.loop.call_later(self.patience, self.known.set)
        await self.known.wait()
        patience.cancel()
        spread = max(0.05, self.concurrency / 5000)  # not all in one moment: that is no load but a blow
        for number in range(1, self.concurrency):
            if self._is_over():
                return
            self._connect(first=True)
            if number % max(1, self.concurrency // 25) == 0:
                await asyncio.sleep(spread / 25)
        self.joined = now()
        await self._until_the_end()

    async def _until_the_end(self) -> None:
        while not self._is_over():
            await asyncio.sleep(min(TICK, (self.deadline - now()) / 1e9))

    def _is_over(self) -> bool:
        """Whether no more requests are to be sent."""
        return self.stopped or self.gone or now() >= self.deadline

    async def _open(self) -> None:
        """`rate` requests a second, each at its own moment, whatever became of those before it."""
        count = round(self.rate * self.seconds)
        start, origin = self.loop.time() + 0.01, now() + 10_000_000
        self.began = self.told = origin
        self.deadline = origin + int(self.seconds * 1e9)
        self.to_come = count
        for number in range(count):  # all the moments first, so that no answer can move one
            offset = number / self.rate
            self.loop.call_at(start + offset, self._arrive, origin + int(offset * 1e9))
        while self.to_come and not self.gone:
            await asyncio.sleep(TICK)
        await self._until_the_end()

    def _arrive(self, due: int) -> None:
        self.to_come -= 1
        if self.gone:
            return
        sent = now()
        due = min(due, sent)  # uvloop's timers may ring half a millisecond early
        while self.pool:
            wire = self.pool.pop()
            if wire.lost:
                continue
            if sent - wire.freed > IDLE * 1e9:
                wire.transport.abort()
                continue
            self.under_way += 1
            wire.again(due, sent)
            return
        if self.under_way >= self.concurrency:
            self.samples.append((due, sent, sent, "no connection left"))
            return
        self._connect(due=due)

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
        elif self.rate:
            wire.freed = ended
            if reusable and self.keep and self.known.is_set():
                self.pool.append(wire)
            elif reusable and self.keep:
                self._start(self._put_by(wire))
        elif not self.known.is_set():
            self._start(self._get_to_know(wire, outcome, reusable))
        elif reusable and self.keep and not wire.lost:
            self.under_way += 1
            wire.again(ended, ended)
        elif outcome.__class__ is int or outcome in ("cut off", "truncated", "timeout"):
            self._connect()
        else:
            self.loop.call_later(RETRY, self._retry)

    def _retry(self) -> None:
        if not self._is_over():
            self._connect()

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

    async def _put_by(self, wire: Wire) -> None:
        """Open model: use a connection again only once it is known that they stay."""
        if await self._stays(wire):
            self.pool.append(wire)
        self.known.set()

    async def _get_to_know(self, wire: Wire, outcome: Outcome, reusable: bool) -> None:
        """Closed model: what the first user does after an answer, while the others wait."""
        if outcome.__class__ is int and reusable and self.keep:
            await self._stays(wire)
        elif outcome in ("refused", "no connection", "no connection left"):
            await asyncio.sleep(RETRY)
        if outcome.__class__ is int:
            self.known.set()
        if self._is_over():
            return
        if reusable and self.keep and not wire.lost:
            self.under_way += 1
            sent = now()
            wire.again(sent, sent)
        else:
            self._connect()

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
                "outcome": outcome,
                "joined": (self.joined - began) // 1000 if self.joined is not None else None,
                "full": (self.full - began) // 1000 if self.full is not None else None,
                "from": (self.told - began) // 1000,
                "until": (until - began) // 1000,
            }
        )
        self.told = until


def run(order: dict[str, Any], tell: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Carry out a load order; see `Run`. `tell` gets a dict a slice, in microseconds since the beginning."""

    async def main() -> dict[str, Any]:
        return await Run(order, tell).carry_out()

    try:
        from uvloop import new_event_loop
    except ImportError:  # Windows
        new_event_loop = asyncio.new_event_loop
    gc.collect()
    gc.disable()  # a pause of the collector would look like one of the server
    try:
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            return runner.run(main())
    finally:
        gc.enable()
