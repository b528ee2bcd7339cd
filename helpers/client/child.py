"""The client process: carries out what the kernel orders, and tells of a load slice by slice."""

import os
import threading
from queue import Queue
from typing import Any

from helpers.client.orders import ListenOrder, LoadOrder, TalkOrder
from helpers.processes.child import Kernel, Order


def main() -> None:
    """Obey orders until the kernel is gone."""
    kernel = Kernel()
    parts: Queue[dict[str, Any]] = Queue()

    def leave() -> None:
        kernel.gone.wait()
        os._exit(0)  # whatever is under way

    def speak() -> None:  # in a thread, as a kernel that is slow to read must not hold up the load
        while True:
            kernel.say(**parts.get())
            parts.task_done()

    def carry_out(order: Order) -> dict[str, Any]:
        if order["kind"] == "burst":
            from helpers.client import sender  # aiohttp takes a while to import, and a load does without

            return {"reports": sender.run(order["order"])}

        def tell(part: Any) -> None:
            parts.put({"part": part, "id": order["id"]})

        if order["kind"] == "load":
            from helpers.client import models

            reports: Any = models.run(LoadOrder(**order["order"]), tell)
        else:
            from helpers.client import streams

            kind = TalkOrder if order["kind"] == "talk" else ListenOrder
            reports = streams.run(kind(**order["order"]), tell)
        parts.join()  # the answer comes after all its parts
        return {"reports": reports}

    for work in (leave, speak):
        threading.Thread(target=work, daemon=True).start()
    kernel.say(ready=True)
    kernel.obey(carry_out)


if __name__ == "__main__":
    main()
