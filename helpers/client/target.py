"""What requests may be sent to: this machine, and nothing else."""

from typing import Any
from urllib.parse import urlsplit

from helpers.errors import LessonError


def target(server: Any, sender: str = "burst") -> tuple[str, str]:
    """Name and address (``"http://127.0.0.1:PORT"``) of `server`: a text, or what `serve` or `launch` returned.

    Raises LessonError, in the name of `sender`, for another machine, for a stopped server and for what is no server.
    """
    if isinstance(server, str):
        try:
            parts = urlsplit(server)
            known = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost") and parts.port != 0
        except ValueError:  # a port that is none
            known = False
        if not known:
            raise LessonError(f'{sender} sends to this machine only, "http://127.0.0.1:PORT"; {server!r} is elsewhere.')
        return parts.netloc, f"http://{parts.netloc}"
    if not hasattr(server, "url") or not hasattr(server, "name"):
        raise LessonError(f"{sender} needs what serve(app) returned; this is a {type(server).__name__}.")
    if not getattr(server, "running", True):
        raise LessonError(f"{server.name} is stopped; run the cell that starts it again, then this one.")
    return server.name, target(server.url, sender)[1]
