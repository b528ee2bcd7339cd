"""One connection of the load client: HTTP/1.1 as an asyncio protocol, with httptools as the parser.

aiohttp spends some 100 microseconds on a request and is the limit before a quick server is; this spends some 20 to 40,
as the same bytes go out each time and nothing of an answer is kept but its status and its end. That is also what it
cannot do: no redirects, no cookies, one request at a time on a connection.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

import httptools

from helpers.client.orders import Outcome

if TYPE_CHECKING:
    from helpers.client.loader import Run


class Wire(asyncio.Protocol):
    """One connection, with at most one request under way (`busy`)."""

    def __init__(self, run: Run, due: int, sent: int) -> None:
        self.run, self.due, self.sent = run, due, sent
        self.busy, self.lost, self.asked_first = True, False, False
        self.freed = 0
        self.head: bytes | None = None  # the first bytes of the answer
        self.bodiless = False  # whether the answer is whole with its headers, whatever they say of a body
        self.transport: Any = None
        self.parser: Any = None

    def connection_made(self, transport: Any) -> None:
        if not self.busy:  # it took too long, and nobody waits for it any more
            transport.abort()
            return
        self.transport, self.parser = transport, httptools.HttpResponseParser(self)
        transport.write(self.run.request)

    def again(self, due: int, sent: int) -> None:
        """Send the request once more on the same connection."""
        self.due, self.sent, self.busy, self.head = due, sent, True, None
        if self.bodiless:  # the parser waits for a body
            self.bodiless, self.parser = False, httptools.HttpResponseParser(self)
        self.transport.write(self.run.request)

    def data_received(self, data: bytes) -> None:
        if not self.busy:  # more than an answer
            self.transport.abort()
            return
        if self.head is None:
            self.head = data
        try:
            self.parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.give_up("bad answer")
        if self.bodiless:
            self._done()

    def on_headers_complete(self) -> None:
        self.bodiless = self.run.bodiless and self.parser.get_status_code() >= 200

    def on_message_complete(self) -> None:
        if self.parser.get_status_code() < 200:  # "continue": the answer itself follows
            self.head = None
        elif not self.bodiless:
            self._done()

    def _done(self) -> None:
        if self.busy:
            self.busy = False
            self.run.done(self, self.parser.get_status_code(), self.parser.should_keep_alive())

    def connection_lost(self, error: Exception | None) -> None:
        self.lost = True
        self.run.wires.discard(self)
        if self.busy:
            self.busy = False
            self.run.done(self, self._last_words(error), False)
        self.transport = self.parser = None  # they know this object too, and the collector of such rings is off

    def _last_words(self, error: Exception | None) -> Outcome:
        if self.head is None:
            return "cut off"
        if error is None and re.match(rb"HTTP/1\.. \d", self.head) and b"\r\n\r\n" in self.head:
            headers = self.head.partition(b"\r\n\r\n")[0].lower()
            if b"\r\ncontent-length:" not in headers and b"\r\ntransfer-encoding:" not in headers:
                status: int = self.parser.get_status_code()
                return status  # of old: the end of the connection is the end of the answer
        return "truncated"

    def give_up(self, why: str) -> None:
        """End the request without its answer, and the connection with it."""
        if self.busy:
            self.busy = False
            self.run.done(self, why, False)
