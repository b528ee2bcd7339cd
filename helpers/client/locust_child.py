"""The process of `locust`: it starts a master and its workers, and ends them all.

Its standard input brings orders, a line each: to start commands, or to wait for the first of them. When the kernel's
end of the pipe closes, in whatever way, everything ends here.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from typing import IO, Any

TAIL = 2000  # characters of what they have written that are worth telling


def start(order: dict[str, Any], log: IO[bytes]) -> list[subprocess.Popen[bytes]]:
    """A process for each command of `order`, all of which write to `log`."""
    environment = {**os.environ, **order["environment"]}
    streams = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": subprocess.STDOUT}
    return [subprocess.Popen(argv, env=environment, **streams) for argv in order["commands"]]


def main() -> None:
    """Obey orders until the input ends."""
    orders: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()

    def listen() -> None:
        for line in sys.stdin:
            orders.put(json.loads(line))
        orders.put(None)

    threading.Thread(target=listen, daemon=True).start()
    say(ready=True)
    processes: list[subprocess.Popen[bytes]] = []
    with tempfile.TemporaryFile("a+b") as log:  # they append, wherever this process has been reading
        try:
            while (order := orders.get()) is not None:
                if "commands" in order:
                    processes += start(order, log)
                else:
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        processes[0].wait(order["wait"])
                log.seek(0)
                said = log.read().decode(errors="replace")[-TAIL:]
                say(id=order["id"], code=processes[0].poll(), said=said)
        finally:
            for process in processes:
                process.kill()
                process.wait()


def say(**thing: object) -> None:
    sys.stdout.write(json.dumps(thing) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
