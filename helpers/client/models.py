"""The two kinds of load: who sends the next request, and when."""

import asyncio
import gc
from collections.abc import Callable
from contextlib import suppress
from time import perf_counter_ns as now

from helpers.client.loader import TICK, Run
from helpers.client.orders import End, LoadOrder, Outcome, Slice
from helpers.client.wire import Wire

RETRY = 0.05  # seconds before another try where a connection was refused
IDLE = 1.0  # seconds after which an unused connection is not used again: a server may be about to close it


class Closed(Run):
    """Closed model: a number of users, each of whom waits for the answer."""

    async def send(self) -> None:
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

    def go_on(self, wire: Wire, ended: int, outcome: Outcome, reusable: bool) -> None:
        if not self.known.is_set():
            self._start(self._get_to_know(wire, outcome, reusable))
        elif reusable and not wire.lost:
            self.under_way += 1
            wire.again(ended, ended)
        elif outcome.__class__ is int or outcome in ("cut off", "truncated", "timeout"):
            self._connect()
        else:
            self.loop.call_later(RETRY, self._retry)

    def _retry(self) -> None:
        if not self._is_over():
            self._connect()

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


class Open(Run):
    """Open model: each request has its moment. Connections that are free wait in `pool`."""

    def __init__(self, order: LoadOrder, tell: Callable[[Slice], None]) -> None:
        super().__init__(order, tell)
        self.pool: list[Wire] = []
        self.to_come = 0

    async def send(self) -> None:
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

    def go_on(self, wire: Wire, ended: int, outcome: Outcome, reusable: bool) -> None:
        wire.freed = ended
        if reusable and self.known.is_set():
            self.pool.append(wire)
        elif reusable:
            self._start(self._put_by(wire))

    async def _put_by(self, wire: Wire) -> None:
        """Open model: use a connection again only once it is known that they stay."""
        if await self._stays(wire):
            self.pool.append(wire)
        self.known.set()


def run(order: LoadOrder, tell: Callable[[Slice], None]) -> End:
    """Carry out a load order; see `Run`. `tell` gets a dict a slice, in microseconds since the beginning."""

    async def main() -> End:
        return await (Open if order.rate else Closed)(order, tell).carry_out()

    new_event_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
    with suppress(ImportError):  # Windows has none
        import uvloop

        new_event_loop = uvloop.new_event_loop
    gc.collect()
    gc.disable()  # a pause of the collector would look like one of the server
    try:
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            return runner.run(main())
    finally:
        gc.enable()
