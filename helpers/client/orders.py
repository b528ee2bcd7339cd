"""What kernel and client process say to each other about a load, a conversation and listeners."""

from dataclasses import dataclass
from typing import TypedDict

MOST = 1000  # connections of an open-model load

Outcome = int | str  # a status, or what went wrong in a word or two


@dataclass(frozen=True)
class LoadOrder:
    """A load as the client process sends it: closed model, or open where there is a `rate`."""

    url: str
    host: str
    port: int
    request: str  # its bytes, as text in latin-1
    concurrency: int | None  # None, open model only: as many connections as it takes
    rate: float | None  # requests a second
    seconds: float
    timeout: float  # seconds
    keep_alive: bool = True
    closes: bool = False  # whether the server closes connections unannounced,
    known: bool = False  # and whether that is known yet


@dataclass(frozen=True)
class TalkOrder:
    """A conversation over a WebSocket; all times are seconds."""

    url: str
    messages: list[str]
    seconds: float  # that each may wait for its answer
    greeting: bool  # whether the server speaks first
    stay: float  # after the last answer
    headers: dict[str, str]
    most: int  # messages of both sides
    patience: float  # until it is accepted


@dataclass(frozen=True)
class ListenOrder:
    """`n` listeners, of which the first `slow` never read; all times are seconds."""

    url: str
    n: int
    seconds: float  # from the first that was let in
    websocket: bool  # otherwise server-sent events
    slow: int
    headers: dict[str, str]
    patience: float  # until the first is let in


# Of what happened since the last one, in microseconds since the beginning; `due` only in the open model.
Slice = TypedDict(
    "Slice",
    {
        "due": list[int] | None,
        "sent": list[int],
        "took": list[int],
        "outcome": list[Outcome],
        "joined": int | None,  # when all connections had sent their first request,
        "full": int | None,  # and when all had the answer to it
        "from": int,
        "until": int,
    },
)


class End(TypedDict):
    """What concerns the whole of a load."""

    cpu: float  # seconds of the processor that the client spent
    lags: list[int]  # microseconds by which it woke up late
    gone: bool
    closes: bool
