"""The child's side of the conversation with the kernel (`helpers.processes.parent`)."""

import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import Any

from helpers.errors import one_line
from helpers.processes.errors import Refused
from helpers.processes.pipes import lines, write

Order = dict[str, Any]

ORDERS = 0  # the descriptor of the standard input


class Kernel:
    """The kernel that has started this process: it says what to do, and hears what came of it.

    `gone` is set when the kernel closes the pipe, or has ended. SIGTERM ends this process by way of the ``finally``
    clauses of its main thread.
    """

    def __init__(self) -> None:
        answers = int(sys.argv.pop(1))
        if sys.platform == "win32":
            import msvcrt

            answers = msvcrt.open_osfhandle(answers, os.O_WRONLY)
        os.set_inheritable(answers, False)  # nothing that is started from here shall hold the pipe open
        self.gone = threading.Event()
        self._answers = answers
        self._speaking = threading.Lock()
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))

    def say(self, **message: object) -> None:
        """Send a message: the greeting, or with the `id` of an order what came of it."""
        line = json.dumps(message).encode() + b"\n"
        with self._speaking:
            write(self._answers, line)

    def refuse(self, error: BaseException, order: Order | None = None) -> None:
        """Say that `order`, or the start, cannot be carried out: a Refused in its own words, others by name."""
        text = str(error) if isinstance(error, Refused) else one_line(error)
        kind = type(error).__name__ if isinstance(error, Refused) else Refused.__name__
        self.say(id=order["id"] if order else None, error=text, kind=kind)

    def orders(self) -> Iterator[Order]:
        """What the kernel asks for, until it has no more use for this process."""
        arrived: SimpleQueue[Order | None] = SimpleQueue()

        def listen() -> None:
            for line in lines(ORDERS):
                arrived.put(json.loads(line))
            self.gone.set()
            arrived.put(None)

        threading.Thread(target=listen, daemon=True).start()
        while (order := arrived.get()) is not None:
            yield order

    def obey(self, carry_out: Callable[[Order], dict[str, Any]]) -> None:
        """Answer each order with what `carry_out` makes of it, or with the reason why not, until the kernel is gone."""
        for order in self.orders():
            try:
                self.say(**carry_out(order), id=order["id"])
            except Exception as error:  # the kernel tells the learner
                self.refuse(error, order)
