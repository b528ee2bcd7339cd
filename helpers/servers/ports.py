"""Ports of 127.0.0.1: listen on one, and find out whether a server behind one is ready."""

import contextlib
import socket
import threading
import time

import psutil

from helpers.processes.family import descendants

QUEUE = 1024  # connections that may wait to be accepted
SETTLED = 0.25  # seconds without work that tell that a worker has loaded its app
PATIENCE = 5.0  # seconds for several workers to settle; an app may be busy by itself
# Nobody has a route there, so that the app's own counts stay right. Any answer will do, 404 and 500 included.
QUESTION = b"GET /.is-it-ready HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"


def listen(*ports: int) -> socket.socket:
    """A listening socket on the first of `ports` that is free; the operating system picks one for 0.

    Raises OSError when none is, OverflowError for a number that is no port.
    """
    for port in ports:
        if not 0 <= port <= 65535:
            raise OverflowError(f"{port} is no port")  # before create_server does, which leaves its socket open then
        try:
            bound = socket.create_server(("127.0.0.1", port), backlog=QUEUE)
        except OSError as error:
            taken = error
            continue
        # asyncio switches Nagle's algorithm off only for a socket that says it speaks TCP; without that a request on
        # a kept connection waits some 40 ms for a delayed acknowledgement.
        return socket.socket(bound.family, bound.type, socket.IPPROTO_TCP, fileno=bound.detach())
    raise taken


def is_free(port: int) -> bool:
    """Whether nobody listens on `port`."""
    try:
        listen(port).close()
    except OSError:
        return False
    return True


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
