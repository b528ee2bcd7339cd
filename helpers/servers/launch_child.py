"""The process of `launch`: it starts a server, waits until the kernel has ended, and ends the server with all it made.

The server and its workers are a session of their own, so that one signal reaches all of them, even those whose parent
is gone. The kernel says what to do; when its end of the pipe closes, in whatever way, everything ends here.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

GRACE = 3.0  # seconds that requests in flight get to finish
SETTLED = 0.25  # seconds without work that tell that a worker has loaded its app
PATIENCE = 5.0  # seconds for several workers to settle; an app may be busy by itself
# Nobody has a route there, so that the app's own counts stay right. Any answer will do, 404 and 500 included.
QUESTION = b"GET /.is-it-ready HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"


class Failed(Exception):
    """What was asked for did not come about; the message says why."""


def start(argv: list[str], environment: dict[str, str], **streams: Any) -> subprocess.Popen[bytes]:
    """`argv` in a session of its own."""
    environment = {**os.environ, **environment}
    return subprocess.Popen(argv, env=environment, stdin=subprocess.DEVNULL, start_new_session=True, **streams)


def end(process: subprocess.Popen[bytes], grace: float) -> None:
    """Ask `process` to end, and after `grace` seconds make it; then end whatever it has left behind."""
    family = descendants(process.pid)
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(grace)
    kill(process.pid, family)
    process.wait()


def kill(leader: int, family: list[psutil.Process]) -> None:
    """Kill the session of `leader`; on Windows, which has none, `leader` and its `family`."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):  # PermissionError: macOS, for one of zombies
            os.killpg(leader, signal.SIGKILL)
        return
    for pid in [leader, *(process.pid for process in family if process.is_running())]:
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGTERM)  # there, the end of it


def descendants(pid: int) -> list[psutil.Process]:
    """The processes below `pid`."""
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def examine(where: list[str], environment: dict[str, str], gone: threading.Event) -> dict[str, str]:
    """Import the app in a process that ends right after, and say of what kind it is."""
    argv = [sys.executable, "-P", "-m", "helpers.servers.launch_probe", *where]
    process = start(argv, environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                text = process.communicate(timeout=0.05)[0]
                break
            if gone.is_set():
                raise Failed("the kernel has ended")
    finally:
        end(process, 0)
    if not text:
        raise Failed(f"the app ended its process while it was imported (exit status {process.returncode})")
    report = json.loads(text)
    if "error" in report:
        raise Failed(report["error"])
    return report


def serve(order: dict[str, Any], gone: threading.Event) -> subprocess.Popen[bytes]:
    """Start the server of `order`, and return it once it answers. Raises Failed when it ends before."""
    with Path(order["log"]).open("ab") as log:
        server = start(order["argv"], order["environment"], stdout=log, stderr=subprocess.STDOUT)
    try:
        while not answers(order["port"], order["hangs_up"]):
            if server.poll() is not None:
                raise Failed("ended")
            if gone.wait(0.03):
                raise Failed("the kernel has ended")
        if server.poll() is not None:
            raise Failed("ended")  # and somebody else answers at this port
        if order["workers"] > 1:
            settle(server.pid, order["workers"], gone)
    except BaseException:
        end(server, 0)
        raise
    return server


def answers(port: int, hangs_up: bool) -> bool:
    """Whether an HTTP server answers at `port`; if it `hangs_up` where others answer 500, that is an answer too."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
        connection.sendall(QUESTION)
        answer = connection.recv(5)
        return answer == b"HTTP/" or (hangs_up and not answer)
    return False


def settle(pid: int, workers: int, gone: threading.Event) -> None:
    """Wait until all the workers have loaded the app, which shows in that none of them has anything to do."""
    deadline = time.monotonic() + PATIENCE
    before: dict[int, float] = {}
    while time.monotonic() < deadline and not gone.wait(SETTLED):
        now = {}
        for process in descendants(pid):
            with contextlib.suppress(psutil.NoSuchProcess):
                now[process.pid] = sum(process.cpu_times()[:2])
        if len(now) >= workers and now == before:
            return
        before = now


def orders(arrived: queue.SimpleQueue[dict[str, Any] | None], gone: threading.Event) -> None:
    """What the kernel says, until it closes the pipe."""
    for line in sys.stdin:
        arrived.put(json.loads(line))
    gone.set()
    arrived.put(None)


def heard(arrived: queue.SimpleQueue[dict[str, Any] | None]) -> Iterator[dict[str, Any]]:
    while (order := arrived.get()) is not None:
        yield order


def say(**thing: object) -> None:
    sys.stdout.write(json.dumps(thing) + "\n")
    sys.stdout.flush()


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # by way of the `finally` clause
    arrived: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
    gone = threading.Event()
    threading.Thread(target=orders, args=[arrived, gone], daemon=True).start()
    say(ready=True)
    server: subprocess.Popen[bytes] | None = None
    undertaker: threading.Thread | None = None
    log: str | None = None
    try:
        for order in heard(arrived):
            log = order["log"]
            try:
                if "examine" in order:
                    say(id=order["id"], **examine(order["examine"], order["environment"], gone))
                else:
                    server = serve(order, gone)
                    undertaker = threading.Thread(target=bury, args=[server], daemon=True)
                    undertaker.start()
                    say(id=order["id"], pid=server.pid)
            except Failed as failure:
                say(error=str(failure))
    finally:
        if server is not None and undertaker is not None:
            if server.poll() is None:  # one that ended long ago has its number no more
                end(server, GRACE)
            undertaker.join(GRACE)
        if log is not None:
            with contextlib.suppress(OSError):  # Windows, while the kernel reads it
                Path(log).unlink(missing_ok=True)


def bury(server: subprocess.Popen[bytes]) -> None:
    """When the server ends by itself, end what it leaves behind."""
    server.wait()
    end(server, 0)


if __name__ == "__main__":
    main()
