"""A burst, in the client process: n requests in the same moment."""

import asyncio
from time import perf_counter_ns as now  # the same clock in every process of this machine
from typing import Any

import aiohttp

CONNECT = 3.0  # seconds that a connection may take, while the others wait for it


async def burst(order: dict[str, Any]) -> list[dict[str, Any]]:
    """Send `n` requests in the same moment; report each: id, sent, answered (ns), status, size, error.

    All connections are open before the first request goes out.
    """
    n = order["n"]
    reports = [{"id": f"{order['id']}-{number}", "sent": None, "answered": None, "status": None} for number in range(n)]
    missing, go = n, asyncio.Event()

    def here() -> None:
        nonlocal missing
        missing -= 1
        if not missing:
            go.set()

    async def connected(session: object, context: Any, params: object) -> None:
        report = context.trace_request_ctx
        report["here"] = True
        here()
        await go.wait()
        report["sent"] = now()  # what follows, without a pause, is the write to the socket

    async def send(report: dict[str, Any]) -> None:
        headers = {**order["headers"], "x-request-id": report["id"]}
        try:
            async with session.request(
                order["method"],
                order["url"],
                headers=headers,
                json=order["json"],
                allow_redirects=False,
                trace_request_ctx=report,
            ) as response:
                report["status"] = response.status
                size = 0
                async for chunk in response.content.iter_any():
                    size += len(chunk)
                report["answered"], report["size"] = now(), size
        except (aiohttp.ClientError, OSError) as error:  # TimeoutError is an OSError
            report["error"], report["failed"] = _kind(error), now()
        finally:
            if not report.pop("here", False):
                here()  # the others need not wait for a connection that cannot be

    trace = aiohttp.TraceConfig()
    trace.on_request_headers_sent.append(connected)
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, force_close=True),
        timeout=aiohttp.ClientTimeout(total=order["timeout"], sock_connect=CONNECT),
        trust_env=False,
        trace_configs=[trace],
        auto_decompress=False,
    ) as session:
        await asyncio.gather(*map(send, reports))
    return reports


def _kind(error: Exception) -> str:
    """What went wrong, in a word or two, for counting."""
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return "no connection"
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, aiohttp.ClientConnectorError):
        return "refused" if isinstance(error.os_error, ConnectionRefusedError) else "no connection"
    if isinstance(error, (aiohttp.ServerDisconnectedError, aiohttp.ClientPayloadError, ConnectionError)):
        return "cut off"
    return type(error).__name__


def run(order: dict[str, Any]) -> list[dict[str, Any]]:
    """Carry out a burst order; see `burst`."""
    return asyncio.run(burst(order))
