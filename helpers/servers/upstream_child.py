"""The process of `upstream`: an API that takes its time. Counts what it sees, obeys the kernel, ends with it."""

from __future__ import annotations

import asyncio
import json
import os
import random
import socket
import sys
import threading
from typing import Any
from urllib.parse import parse_qs

import uvicorn
from starlette.requests import Request
from starlette.responses import JSONResponse

from helpers.servers.upstream import LONGEST

MOST_AT_ONCE = 1000  # requests; more get 503 at once


class SlowApi:
    """An ASGI app: every path answers the same JSON, after waiting as long as the settings say."""

    def __init__(self, latency: float, jitter: float, failures: float) -> None:
        self.settings = {"latency": latency, "jitter": jitter, "failures": failures}
        self.active = 0
        self._dice = random.Random(20250115)  # the same sequence each time, so that a cell run again says the same
        self.reset()

    def reset(self) -> None:
        self.requests = self.failed = self.abandoned = 0
        self.peak = self.active

    def state(self) -> dict[str, Any]:
        counts = ("requests", "active", "peak", "failed", "abandoned")
        return {**self.settings, **{count: getattr(self, count) for count in counts}}

    async def __call__(self, scope: dict, receive: Any, send: Any) -> None:
        self.requests += 1
        self.active += 1
        self.peak = max(self.peak, self.active)
        try:
            seconds = self._seconds(parse_qs(scope["query_string"].decode("latin-1")).get("latency", [""])[0])
            fails = self._dice.random() < self.settings["failures"]
            if await _leaves(Request(scope, receive), seconds):
                self.abandoned += 1
                return
            if fails:
                self.failed += 1
                answer = JSONResponse({"error": "the upstream API has a bad moment"}, status_code=503)
            else:
                answer = JSONResponse({"path": scope["path"], "waited_ms": round(1000 * seconds, 1)})
        finally:
            self.active -= 1
        await answer(scope, receive, send)

    def _seconds(self, asked: str) -> float:
        """How long this request waits: `asked` by the client (``?latency=0.2``), or by the settings."""
        jitter = self.settings["jitter"]
        try:
            seconds = float(asked)
        except ValueError:
            seconds = self.settings["latency"] + self._dice.uniform(-jitter, jitter)
        return min(max(seconds, 0.0), LONGEST) if seconds == seconds else 0.0  # not equal to itself: NaN


async def _leaves(request: Request, seconds: float) -> bool:
    """Wait for `seconds`; True, and sooner, if the client goes away."""
    try:
        async with asyncio.timeout(seconds):
            while (await request.receive())["type"] != "http.disconnect":
                pass
        return True
    except TimeoutError:
        return False


def _listen(port: int) -> socket.socket:
    """A listening socket on `port`, or on one the operating system picks if that is taken."""
    for candidate in (port, 0):
        # With the protocol named: without it asyncio leaves Nagle's algorithm on, and answers are late by 40 ms.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", candidate))
            listener.listen(1024)
            return listener
        except OSError:
            listener.close()
    raise OSError("no free port on 127.0.0.1")


def _say(thing: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(thing) + "\n")
    sys.stdout.flush()


def _obey(api: SlowApi) -> None:
    """Do what the kernel says until it closes the pipe; then leave at once, whatever is still waiting."""
    for line in sys.stdin:
        command = json.loads(line)
        api.settings.update(command.get("settings", {}))
        if command.get("reset"):
            api.reset()
        _say({"id": command["id"], **api.state()})
    os._exit(0)


class _Server(uvicorn.Server):
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        _say({"port": sockets[0].getsockname()[1]})


def main(port: str, latency: str, jitter: str, failures: str) -> None:
    api = SlowApi(float(latency), float(jitter), float(failures))
    listener = _listen(int(port))
    threading.Thread(target=_obey, args=[api], daemon=True).start()
    config = uvicorn.Config(
        api,
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        limit_concurrency=MOST_AT_ONCE,
        timeout_keep_alive=75,  # seconds: a client's pool may rest between two cells without losing its connections
    )
    _Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main(*sys.argv[1:])
