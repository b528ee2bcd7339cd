"""Listening on 127.0.0.1."""

from __future__ import annotations

import socket

QUEUE = 1024  # connections that may wait to be accepted


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
