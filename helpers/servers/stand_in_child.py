"""The process that takes PostgreSQL's place where that cannot run: it speaks the protocol, and can do nothing but wait.

https://www.postgresql.org/docs/current/protocol.html describes the messages: a letter, a length, and what follows. An
app's side of a wait is the real thing: driver, pool, connections, timeouts. It knows `select pg_sleep(seconds)`,
`select` of a whole number, transactions that hold nothing, and `statement_timeout`; anything else is an error.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import re
import sys
import threading
from struct import pack, unpack, unpack_from

MAX_CONNECTIONS = 100
VERSION = "18.0"  # of the protocol's words; drivers want to know
LONGEST = 60.0  # seconds
PLAIN, CANCEL, SSL, GSS = 196608, 80877102, 80877103, 80877104  # what a connection can begin with
INTEGER, TEXT, VOID = 23, 25, 2278  # PostgreSQL's numbers for types

_sessions: dict[int, Session] = {}
_numbers = itertools.count(1)


class Refusal(Exception):
    """An error as PostgreSQL reports it: SQLSTATE and text."""


class Session:
    """One connection, from its first message to its last."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.number = next(_numbers)
        self.state = b"I"  # idle, in a Transaction, in one with an Error
        self.statements: dict[bytes, str] = {}  # by the names that the driver gave them
        self.query = ""  # the one that is bound
        self.timeout = LONGEST
        self.waiting: asyncio.Task[None] | None = None

    async def run(self) -> None:
        try:
            if await self.begins():
                _sessions[self.number] = self
                await self.serve()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has gone
        finally:
            _sessions.pop(self.number, None)
            self.writer.close()

    async def begins(self) -> bool:
        """Whether a session begins, with the messages that say so."""
        while True:
            length, code = unpack("!ii", await self.reader.readexactly(8))
            rest = await self.reader.readexactly(length - 8)
            if code not in (SSL, GSS):
                break
            self.writer.write(b"N")  # without encryption, please
        if code == CANCEL:
            session = _sessions.get(unpack("!i", rest[:4])[0])
            if session is not None and session.waiting is not None:
                session.waiting.cancel()
            return False
        if len(_sessions) >= MAX_CONNECTIONS:
            self.refuse("FATAL", Refusal("53300", "sorry, too many clients already"))
            return False
        if asked := re.search(rb"statement_timeout=(\d+)", rest):
            self.timeout = int(asked[1]) / 1000 or LONGEST
        self.say(b"R", pack("!i", 0))
        for name, value in {"server_version": VERSION, "client_encoding": "UTF8"}.items():
            self.say(b"S", f"{name}\0{value}\0".encode())
        self.say(b"K", pack("!ii", self.number, 0))
        self.say(b"Z", self.state)
        return code == PLAIN

    async def serve(self) -> None:
        failed = False  # until the next Sync, nothing that follows an error counts
        while True:
            kind, length = unpack("!ci", await self.reader.readexactly(5))
            body = await self.reader.readexactly(length - 4)
            if kind == b"X":
                return
            if not failed or kind in b"SQ":
                try:
                    await self.obey(kind, body)
                except Refusal as refusal:
                    self.state = b"E" if self.state == b"T" else self.state
                    self.refuse("ERROR", refusal)
                    failed = kind != b"Q"
            if kind in b"SQ":
                failed = False
                self.say(b"Z", self.state)
            await self.writer.drain()

    async def obey(self, kind: bytes, body: bytes) -> None:
        if kind == b"Q":
            await self.execute(body.rstrip(b"\0").decode(), describe=True)
        elif kind == b"P":
            name, query, _ = body.split(b"\0", 2)
            self.statements[name] = query.decode()
            self.say(b"1")
        elif kind == b"B":
            _, name, rest = body.split(b"\0", 2)
            self.query = self.statements[name].replace("$1", _first_parameter(rest))
            self.say(b"2")
        elif kind == b"D":
            self.describe(self.query if body[:1] == b"P" else self.statements[body[1:-1]])
        elif kind == b"E":
            await self.execute(self.query)
        elif kind == b"C":
            self.say(b"3")

    def describe(self, query: str) -> None:
        name, type_, _ = _column(query)
        if name:
            self.say(b"T", pack("!h", 1) + name.encode() + b"\0" + pack("!ihihih", 0, 0, type_, -1, -1, 0))
        else:
            self.say(b"n")

    async def execute(self, query: str, describe: bool = False) -> None:
        words = query.lower().rstrip("; ").split()
        if words[:1] in (["begin"], ["commit"], ["rollback"]):
            self.state = b"T" if words[0] == "begin" else b"I"
            return self.say(b"C", words[0].upper().encode() + b"\0")
        name, _, value = _column(query)
        if name == "pg_sleep":
            await self.wait(float(value))
            value = ""
        if describe:
            self.describe(query)
        self.say(b"D", pack("!hi", 1, len(value)) + value.encode())
        self.say(b"C", b"SELECT 1\0")

    async def wait(self, seconds: float) -> None:
        self.waiting = asyncio.create_task(asyncio.sleep(min(max(seconds, 0), LONGEST)))
        done, _ = await asyncio.wait([self.waiting], timeout=self.timeout)
        self.waiting.cancel()
        if not done or self.waiting.cancelled():
            why = "user request" if done else "statement timeout"
            raise Refusal("57014", f"canceling statement due to {why}")

    def refuse(self, severity: str, refusal: Refusal) -> None:
        state, text = refusal.args
        fields = {"S": severity, "V": severity, "C": state, "M": f"stand-in: {text}"}
        self.say(b"E", "".join(f"{key}{value}\0" for key, value in fields.items()).encode() + b"\0")

    def say(self, kind: bytes, body: bytes = b"") -> None:
        self.writer.write(kind + pack("!i", len(body) + 4) + body)


def _column(query: str) -> tuple[str, int, str]:
    """Name, type and value of the one column that `query` returns; no name for a command. Refuses what is unknown."""
    text = query.strip().rstrip(";").lower()
    if text.split(" ")[0] in ("begin", "commit", "rollback"):
        return "", 0, ""
    if found := re.fullmatch(r"select\s+pg_sleep\(\s*'?([\d.e+-]+|\$1)'?\s*\)", text):
        return "pg_sleep", VOID, found[1]
    if found := re.fullmatch(r"select\s+(\d+)", text):
        return "?column?", INTEGER, found[1]
    if text == "show max_connections":
        return "max_connections", TEXT, str(MAX_CONNECTIONS)
    raise Refusal("0A000", "this is no PostgreSQL, and knows only select pg_sleep(seconds)")


def _first_parameter(rest: bytes) -> str:
    """The first parameter of a Bind message, whose names are cut off, as text."""
    (formats,) = unpack_from("!h", rest)
    binary = formats > 0 and unpack_from("!h", rest, 2)[0] == 1
    place = 2 + 2 * formats
    (count,) = unpack_from("!h", rest, place)
    if not count:
        return "$1"
    (length,) = unpack_from("!i", rest, place + 2)
    value = rest[place + 6 : place + 6 + max(length, 0)]
    if not binary:
        return value.decode()
    return str(unpack("!d", value)[0] if length == 8 else int.from_bytes(value, "big", signed=True))


def _leave_with_the_kernel() -> None:
    sys.stdin.read()
    os._exit(0)


async def main() -> None:
    server = await asyncio.start_server(lambda *streams: Session(*streams).run(), "127.0.0.1", 0, backlog=512)
    threading.Thread(target=_leave_with_the_kernel, daemon=True).start()
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())
