"""A server whose behaviour is known, to test what measures servers: ``python tests/known_server.py``.

It runs in a process of its own, writes its port to its output, and ends with its input. `/counts` says what it has
done since the last time it was asked, by path.
"""

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

BIG = b"x" * 1_000_000
counts: Counter[str] = Counter()
first: dict[str, float] = {}
line = asyncio.Lock()


def reply(body: bytes = b"{}", status: str = "200 OK", more: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{more}\r\n".encode() + body


def errors(number: int) -> tuple[bytes | None, bool]:
    if number % 10 == 0:
        return reply(status="503 Service Unavailable"), True
    if number % 15 == 1:
        return reply(status="302 Found", more="Location: /fixed\r\n"), True
    return reply(), True


CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
ALWAYS: dict[str, tuple[bytes, bool]] = {
    "/nonsense": (b"what do you want?\r\n\r\n", False),
    "/big": (reply(BIG), True),
    "/old": (b"HTTP/1.0 200 OK\r\n\r\nhello", False),  # the end of the connection is the end of the answer
    "/close": (reply(more="Connection: close\r\n"), False),
    "/unannounced": (reply(), False),
}
SOMETIMES: dict[str, Callable[[int], tuple[bytes | None, bool]]] = {  # one in ten fails
    "/errors": errors,
    "/dropped": lambda number: (None, False) if number % 10 == 0 else (reply(), True),
    "/truncated": lambda number: (reply(b"x" * 100)[:-50], False) if number % 10 == 0 else (reply(), True),
    "/truncated-chunks": lambda number: (CHUNKS, False) if number % 10 == 0 else (CHUNKS + b"0\r\n\r\n", True),
}


async def answer(path: str, ms: float, number: int) -> tuple[bytes | None, bool]:
    """The bytes to send (None: nothing), and whether the connection stays open. `number` counts from 1."""
    if path in ALWAYS:
        return ALWAYS[path]
    if path in SOMETIMES:
        await asyncio.sleep(0.01)
        return SOMETIMES[path](number)
    match path:
        case "/fixed":
            await asyncio.sleep(ms / 1000)
        case "/bimodal":  # one in five is slow
            await asyncio.sleep(0.200 if number % 5 == 0 else 0.020)
        case "/stall":  # one second of nothing at all, two seconds after the first request
            began = first.setdefault(path, time.monotonic())
            if time.monotonic() > began + 2 and "stalled" not in first:
                first["stalled"] = True
                time.sleep(1)
            await asyncio.sleep(0.005)
        case "/serial":  # one at a time
            async with line:
                await asyncio.sleep(ms / 1000)
        case "/never":
            await asyncio.sleep(60)
        case "/die":
            if time.monotonic() > first.setdefault(path, time.monotonic()) + ms / 1000:
                os._exit(1)
            await asyncio.sleep(0.01)
        case "/counts":
            found = json.dumps(counts).encode()
            counts.clear()
            first.clear()
            return reply(found), True
    return reply(), True


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            method, target, _ = head.split(b"\r\n")[0].decode().split()
            length = [value for value in head.lower().split(b"\r\n") if value.startswith(b"content-length:")]
            body = await reader.readexactly(int(length[0].split(b":")[1])) if length else b""
            parts = urlsplit(target)
            counts[parts.path] += 1
            counts[f"{method} {len(body)}"] += 1
            ms = float(parse_qs(parts.query).get("ms", ["0"])[0])
            found, stays = await answer(parts.path, ms, counts[parts.path])
            if found is not None:
                writer.write(found)
                await writer.drain()
            if not stays or b"connection: close" in head.lower():
                break
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main() -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


class Known:
    """A server of known behaviour in a process of its own."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__))], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.url = f"http://127.0.0.1:{int(self.process.stdout.readline())}"

    def counts(self) -> dict[str, int]:
        """What it has done since the last time it was asked."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(self.url + "/counts", timeout=5) as answer:
            return json.load(answer)

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


@contextmanager
def known_server() -> Iterator[Known]:
    server = Known()
    try:
        yield server
    finally:
        server.end()


if __name__ == "__main__":

    def end_with_input() -> None:
        sys.stdin.read()
        os._exit(0)

    threading.Thread(target=end_with_input, daemon=True).start()
    asyncio.run(main())
