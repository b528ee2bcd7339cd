"""Servers of known behaviour for `talk` and `listen`: WebSockets on one port, server-sent events on another.

Run as a program: it prints both ports as JSON, and ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import http
import json
import sys
from typing import Any

from websockets.asyncio.server import ServerConnection, broadcast, serve

TICK = 0.1  # seconds between two events of /ticks
here: dict[str, int] = {"websocket": 0, "events": 0}


async def echo(socket: ServerConnection) -> None:
    """Answer a message such as "0.2 hello" after 0.2 s."""
    async for message in socket:
        await asyncio.sleep(float(str(message).partition(" ")[0]))
        await socket.send(str(message))


async def greeting(socket: ServerConnection) -> None:
    await asyncio.sleep(0.2)
    await socket.send("welcome")
    async for message in socket:
        await socket.send(f"{message} to you")


async def silent(socket: ServerConnection) -> None:
    async for _ in socket:
        pass


async def some_bytes(socket: ServerConnection) -> None:
    await socket.send(b"abc")
    await socket.wait_closed()


async def drop(socket: ServerConnection) -> None:
    await socket.recv()
    socket.transport.abort()


async def flood(socket: ServerConnection) -> None:
    while True:
        await socket.send("x")


async def large(socket: ServerConnection) -> None:
    """What one who does not read must not hold up for the others."""
    for number in range(20):
        await socket.send(str(number) + "x" * 200_000)
        await asyncio.sleep(0.02)
    await socket.wait_closed()


async def close(socket: ServerConnection) -> None:
    await socket.recv()
    await socket.close(int(path_of(socket).removeprefix("/close/")))


WAYS = {"/echo": echo, "/greeting": greeting, "/silent": silent, "/bytes": some_bytes, "/drop": drop, "/flood": flood}
WAYS |= {"/large": large, "/ticks": silent}


def path_of(socket: ServerConnection) -> str:
    return socket.request.path if socket.request else ""


async def converse(socket: ServerConnection) -> None:
    here["websocket"] += 1
    try:
        await WAYS.get(path_of(socket), close)(socket)
    finally:
        here["websocket"] -= 1


def gate(socket: ServerConnection, request: Any) -> Any:
    return socket.respond(http.HTTPStatus.FORBIDDEN, "no\n") if request.path == "/forbidden" else None


async def tick(server: Any) -> None:
    number = 0
    while True:
        await asyncio.sleep(TICK)
        broadcast([each for each in server.connections if path_of(each) == "/ticks"], str(number))
        number += 1


async def stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    path = head.split()[1]
    if path == "/count":
        body = json.dumps(here).encode()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%s" % (len(body), body))
        await writer.drain()
        writer.close()
        return
    if path == "/full":
        writer.write(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        writer.close()
        return
    if path == "/mute":
        await reader.read()
        writer.close()
        return
    here["events"] += 1
    try:
        chunked = b"transfer-encoding: chunked\r\n" if path == "/cut" else b""  # only there an end is told from a cut
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n%sconnection: close\r\n\r\n" % chunked)
        if path == "/forms":  # all that a stream may look like
            last = head.lower().partition("last-event-id: ")[2].split("\r")[0] or "none"
            for part in (
                b": a comment\n\n",
                b"data: one\r\ndata:two\r\n\r\n",
                b"id: 7\revent: x\rdata: three\r\r",
                b"data: x\r",
                b"\ndata: y\r\n\r\n",
                b"data: sp",
                b"lit\n\n",
                f"data: last {last}\n\n".encode(),
                b"retry: 5\n\ndata: never ended",
            ):
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(0.02)
        for number in range(3 if path in ("/three", "/cut") else 10_000 if path == "/ticks" else 0):
            await asyncio.sleep(TICK)
            event = f"id: {number}\ndata: {number}\n\n".encode()
            writer.write(b"%x\r\n%s\r\n" % (len(event), event) if path == "/cut" else event)
            await writer.drain()
        if path == "/cut":
            writer.transport.abort()
    except ConnectionError:
        pass
    finally:
        here["events"] -= 1
        writer.close()


async def main() -> None:
    async with serve(converse, "127.0.0.1", 0, process_request=gate, compression=None) as sockets:
        events = await asyncio.start_server(stream, "127.0.0.1", 0, backlog=512)
        ticking = asyncio.create_task(tick(sockets))
        ports = [server.sockets[0].getsockname()[1] for server in (sockets, events)]
        print(json.dumps(ports), flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        ticking.cancel()


if __name__ == "__main__":
    asyncio.run(main())
