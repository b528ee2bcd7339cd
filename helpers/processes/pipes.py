"""Lines through a pipe, by its descriptor.

Not by a file: a file has a lock, which a thread that waits for the next line holds, and whoever ends the process, or
forks it, would wait for that thread.
"""

import os
from collections.abc import Iterator

PIECE = 1 << 16  # bytes: what a pipe holds


def write(descriptor: int, line: bytes) -> None:
    """All of `line`, even where the pipe takes only a part at once. Raises OSError when nobody reads."""
    while line:
        line = line[os.write(descriptor, line) :]


def lines(descriptor: int) -> Iterator[bytes]:
    """Each whole line that comes, until nobody writes any more."""
    rest = b""
    while piece := os.read(descriptor, PIECE):
        *whole, rest = (rest + piece).split(b"\n")
        yield from whole
