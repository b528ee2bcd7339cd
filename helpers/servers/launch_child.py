"""The process of `launch`: it supervises a server until the kernel has ended, and ends it with all it made.

The server and its workers are a session of their own, so that one signal reaches all of them, even those whose parent
is gone. The kernel says what to do; when its end of the pipe closes, in whatever way, everything ends here.
"""

import contextlib
import os
import subprocess
import threading
from pathlib import Path
from typing import Any

from helpers.processes.child import Kernel
from helpers.processes.errors import PortTaken, Refused
from helpers.processes.family import end
from helpers.servers.ports import answers, is_free, settle

GRACE = 3.0  # seconds that requests in flight get to finish
TICK = 0.03  # seconds between two looks whether it answers


class Supervisor:
    """Starts one server, reaps it when it ends by itself, ends it when the kernel is gone."""

    def __init__(self, gone: threading.Event) -> None:
        self._gone = gone
        self._server: subprocess.Popen[bytes] | None = None
        self._reaper: threading.Thread | None = None
        self._log: Path | None = None

    def start(self, order: dict[str, Any]) -> dict[str, Any]:
        """Start the server of `order`, and return its process id once it answers.

        Raises PortTaken when it ends before that as somebody else has its port, Refused when it ends for another
        reason, or the kernel does.
        """
        self._log = Path(order["log"])
        environment = {**os.environ, **order["environment"]}
        with self._log.open("ab") as log:
            server = subprocess.Popen(
                order["argv"],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self._wait_until_ready(server, order)
        except BaseException as error:
            end(server, 0)
            if isinstance(error, Refused) and not is_free(order["port"]):
                raise PortTaken("its port is taken") from error
            raise
        self._server = server
        self._reaper = threading.Thread(target=self._reap, daemon=True)
        self._reaper.start()
        return {"pid": server.pid}

    def _wait_until_ready(self, server: subprocess.Popen[bytes], order: dict[str, Any]) -> None:
        while not answers(order["port"], order["hangs_up"]):
            if server.poll() is not None:
                raise Refused("it ended")
            if self._gone.wait(TICK):
                raise Refused("the kernel has ended")
        if server.poll() is not None:
            raise Refused("it ended")  # and somebody else answers at this port
        if order["workers"] > 1:
            settle(server.pid, order["workers"], self._gone)

    def _reap(self) -> None:
        """When the server ends by itself, end what it leaves behind."""
        assert self._server is not None
        self._server.wait()
        end(self._server, 0)

    def end(self) -> None:
        """End the server and all it made; delete its log."""
        if self._server is not None and self._reaper is not None:
            if self._server.poll() is None:  # one that ended long ago has its number no more
                end(self._server, GRACE)
            self._reaper.join(GRACE)
        if self._log is not None:
            with contextlib.suppress(OSError):  # Windows, while the kernel reads it
                self._log.unlink(missing_ok=True)


def main() -> None:
    kernel = Kernel()
    supervisor = Supervisor(kernel.gone)
    try:
        kernel.say(ready=True)
        kernel.obey(supervisor.start)
    finally:
        supervisor.end()


if __name__ == "__main__":
    main()
