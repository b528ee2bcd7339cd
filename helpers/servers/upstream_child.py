"""The process of `upstream`: an API that takes its time. Counts what it sees, obeys the kernel, ends with it."""

import asyncio
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

from helpers.processes.child import Kernel
from helpers.servers.ports import listen
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

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
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


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, kernel: Kernel) -> None:
        super().__init__(config)
        self._kernel = kernel

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        assert sockets
        self._kernel.say(port=sockets[0].getsockname()[1])


def _obey(kernel: Kernel, api: SlowApi) -> None:
    """Do what the kernel says; when it is gone, leave at once, whatever is still waiting."""

    def carry_out(order: dict[str, Any]) -> dict[str, Any]:
        api.settings.update(order.get("settings", {}))
        if order.get("reset"):
            api.reset()
        return api.state()

    kernel.obey(carry_out)
    os._exit(0)


def main() -> None:
    kernel = Kernel()
    port, *settings = sys.argv[1:]
    api = SlowApi(*map(float, settings))
    listener = listen(int(port), 0)
    threading.Thread(target=_obey, args=[kernel, api], daemon=True).start()
    config = uvicorn.Config(
        api,
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        limit_concurrency=MOST_AT_ONCE,
        timeout_keep_alive=75,  # seconds: a client's pool may rest between two cells without losing its connections
    )
    _Server(config, kernel).run(sockets=[listener])


if __name__ == "__main__":
    main()
