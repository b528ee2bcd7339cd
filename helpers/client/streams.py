"""Conversations and listeners, in the client process: WebSockets, and server-sent events."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from time import perf_counter_ns as now  # the same clock in every process of this machine
from typing import Any

import aiohttp
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage

from helpers.client.orders import ListenOrder, TalkOrder

MOST_EVENTS = 20_000  # of all listeners together
STAGGER = 0.001  # seconds between two listeners, as the queue of connections to accept is short on some servers
GOODBYE = 0.5  # seconds for the closing handshake
CUT = 1006  # what RFC 6455 calls a connection that ended without a close frame
ENDED = 1000  # a normal end

Report = dict[str, Any]


def websocket(order: TalkOrder | ListenOrder, patience: float) -> connect:
    """A connection to be opened within `patience` seconds: no proxy, no pings, nothing compressed."""
    return connect(
        order.url.replace("http", "ws", 1),
        additional_headers=order.headers,
        open_timeout=patience,
        close_timeout=GOODBYE,
        ping_interval=None,
        compression=None,
        proxy=None,
    )


def refusal(error: Exception) -> str:
    """Why a connection was not accepted, in a few words."""
    response = getattr(error, "response", None)
    if response is not None:
        return f"HTTP {response.status_code}"
    if isinstance(error, aiohttp.ClientResponseError):
        return f"HTTP {error.status}"
    if isinstance(error, ConnectionRefusedError) or isinstance(
        getattr(error, "os_error", None), ConnectionRefusedError
    ):
        return "refused"
    return "timeout" if isinstance(error, TimeoutError) else "cut off"


REFUSALS = (OSError, InvalidHandshake, InvalidMessage, ConnectionClosed, EOFError, aiohttp.ClientError)


def text_of(message: str | bytes) -> str:
    return message if isinstance(message, str) else f"({len(message):,} bytes)"


async def talk(order: TalkOrder) -> Report:
    """Say each of `messages` once the one before has its answer, or has had none for `seconds`; report what was said.

    ``said`` has (who, ns, text) in order; ``closed`` is the code with which the server ended it, None where it did not.
    """
    report: Report = {"said": [], "closed": None, "refused": None, "origin": now()}
    said, answered = report["said"], asyncio.Event()

    async def hear(socket: ClientConnection) -> None:
        try:
            async for message in socket:
                said.append(("received", now(), text_of(message)))
                answered.set()
                if len(said) >= order.most:
                    return
        except ConnectionClosed:
            pass
        report["closed"] = socket.close_code or CUT
        answered.set()

    async def wait_for_an_answer(ears: asyncio.Task[None]) -> bool:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(answered.wait(), order.seconds)
        return not ears.done()

    try:
        async with websocket(order, order.patience) as socket:
            report["origin"] = now()
            ears = asyncio.create_task(hear(socket))
            open_ = await wait_for_an_answer(ears) if order.greeting else True
            for message in order.messages if open_ else ():
                answered.clear()
                moment = now()
                with contextlib.suppress(ConnectionClosed):
                    await socket.send(message)
                    said.append(("sent", moment, message))
                if not await wait_for_an_answer(ears):
                    break
            if order.stay:
                await asyncio.wait([ears], timeout=order.stay)
            ears.cancel()
            await asyncio.wait([ears])
    except REFUSALS as error:
        report["refused"] = refusal(error)
    said.sort(key=lambda each: each[1])
    return report


async def events_of(content: aiohttp.StreamReader) -> AsyncIterator[tuple[str, str | None]]:
    """The data of each event in a stream, and its id where it has one (WHATWG, "server-sent events")."""
    data: list[str] = []
    last_id = None
    async for line in lines_of(content):
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line and data:
            yield "\n".join(data), last_id
            data = []
        elif name == "data":
            data.append(value)
        elif name == "id":
            last_id = value


async def lines_of(content: aiohttp.StreamReader) -> AsyncIterator[str]:
    """Lines however they end (LF, CR LF, CR), without their ends."""
    rest = b""
    async for chunk in content.iter_any():
        held = b"\r" if chunk.endswith(b"\r") else b""  # an LF may follow
        *lines, rest = (rest + chunk.removesuffix(held)).replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        rest += held
        for line in lines:
            yield line.decode(errors="replace")


class Crowd:
    """Listeners that come one after the other, stay until it is over, and leave together."""

    def __init__(self, order: ListenOrder, tell: Callable[[Report], None]) -> None:
        self.order, self.tell = order, tell
        self.reports: list[Report] = [
            {"connected": None, "events": [], "closed": None, "refused": None, "id": None} for _ in range(order.n)
        ]
        self.first = asyncio.Event()
        self.received = 0

    async def listen(self) -> list[Report]:
        """Until `seconds` after the first was connected; without any, until `patience` has passed."""
        one = self.websocket if self.order.websocket else self.events
        connector = aiohttp.TCPConnector(limit=0, force_close=True)
        timeout = aiohttp.ClientTimeout(total=None)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout, trust_env=False) as session:
            tasks = [
                asyncio.create_task(self.come(number, one(session, report, number < self.order.slow)))
                for number, report in enumerate(self.reports)
            ]
            everyone = asyncio.gather(*tasks, return_exceptions=True)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.someone(everyone), self.order.patience)
            if self.first.is_set():
                halfway = asyncio.create_task(self.halfway())
                await asyncio.wait([asyncio.shield(everyone)], timeout=self.order.seconds)
                halfway.cancel()
            for task in tasks:
                task.cancel()
            await asyncio.wait([everyone])
        return self.reports

    async def someone(self, everyone: asyncio.Future[Any]) -> None:
        first = asyncio.create_task(self.first.wait())
        await asyncio.wait([first, asyncio.shield(everyone)], return_when=asyncio.FIRST_COMPLETED)
        first.cancel()

    async def halfway(self) -> None:
        await asyncio.sleep(self.order.seconds / 2)
        self.tell({"connected": sum(report["connected"] is not None for report in self.reports)})

    async def come(self, number: int, listener: Awaitable[None]) -> None:
        report = self.reports[number]
        await asyncio.sleep(number * STAGGER)
        try:
            await listener
        except REFUSALS as error:
            if report["connected"] is None:
                report["refused"] = refusal(error)
            else:
                report["closed"] = CUT

    def here(self, report: Report) -> None:
        report["connected"] = now()
        self.first.set()

    def hear(self, report: Report, text: str) -> None:
        self.received += 1
        if self.received > MOST_EVENTS:
            raise asyncio.CancelledError  # it leaves, and so do the others at their next one
        report["events"].append((now(), text))

    async def websocket(self, session: aiohttp.ClientSession, report: Report, slow: bool) -> None:
        async with websocket(self.order, self.order.patience + self.order.seconds) as socket:
            self.here(report)
            if slow:
                await asyncio.Future()  # until all leave
            with contextlib.suppress(ConnectionClosed):
                async for message in socket:
                    self.hear(report, text_of(message))
            report["closed"] = socket.close_code or CUT

    async def events(self, session: aiohttp.ClientSession, report: Report, slow: bool) -> None:
        headers = {"accept": "text/event-stream", **self.order.headers}
        async with session.get(self.order.url, headers=headers, raise_for_status=True) as response:
            self.here(report)
            if slow:
                await asyncio.Future()  # until all leave
            async for text, last_id in events_of(response.content):
                self.hear(report, text)
                report["id"] = last_id
            report["closed"] = ENDED


def run(order: TalkOrder | ListenOrder, tell: Callable[[Report], None]) -> Any:
    """Carry out an order; `tell` hears half-way how many listeners are connected."""
    return asyncio.run(talk(order) if isinstance(order, TalkOrder) else Crowd(order, tell).listen())
