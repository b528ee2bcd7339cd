"""The client process: reads an order a line from its standard input, and writes what comes of it to its output.

It answers an order with any number of lines ``{"slice": ...}`` and one ``{"reports": ...}`` or ``{"error": ...}``. It
ends when its input ends, so that no kernel leaves it behind.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any


def carry_out(order: dict[str, Any], tell: Callable[[dict[str, Any]], None]) -> Any:
    """What comes of `order`; `tell` hears of it while it is under way."""
    if order["kind"] == "burst":
        from helpers.client import sender  # aiohttp takes a while to import, and a load does without

        return sender.run(order)
    from helpers.client import loader

    return loader.run(order, tell)


def main() -> None:
    """Obey orders until the input ends."""
    orders: SimpleQueue[str] = SimpleQueue()
    lines: SimpleQueue[str] = SimpleQueue()

    def listen() -> None:
        for line in sys.stdin:
            orders.put(line)
        os._exit(0)  # the kernel is gone, or has no more use for this process: whatever is under way

    def speak() -> None:  # in a thread, as a kernel that is slow to read must not hold up the load
        while True:
            print(lines.get(), flush=True)

    for work in (listen, speak):
        threading.Thread(target=work, daemon=True).start()
    while True:
        order = json.loads(orders.get())
        try:
            answer = {"reports": carry_out(order, lambda part: lines.put(json.dumps({"slice": part})))}
        except Exception as error:  # the kernel tells the learner
            answer = {"error": f"{type(error).__name__}: {error}"}
        lines.put(json.dumps(answer))


if __name__ == "__main__":
    main()
