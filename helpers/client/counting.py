"""From what the client process tells, slice by slice, to a `Load`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from helpers.client import process
from helpers.client.orders import MOST, End, LoadOrder, Slice
from helpers.client.results import Load
from helpers.machine import machine

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import psutil

    Floats = npt.NDArray[np.float64]

SLACK = 10.0  # seconds that the client process may take beyond what its order allows


class Meter:
    """The processor time of the server that listens on `port`: of this process, or of one below it with all it started.

    Whoever listens need not be who works: uWSGI's router hands requests on to workers that do not listen.
    """

    def __init__(self, port: int) -> None:
        import psutil

        self.processes: list[psutil.Process] = []
        me = psutil.Process()
        with suppress(psutil.Error, OSError):
            families = {child: child.children(recursive=True) for child in me.children()}
            listening = _listening(port, [me, *families, *(each for family in families.values() for each in family)])
            if me.pid in listening:
                self.processes = [me]
            for child, family in families.items():
                if child.pid in listening:
                    self.processes += [child, *family]
                elif listening & {each.pid for each in family}:
                    self.processes += family  # `child` itself is the one that watches over a launched server

    def seconds(self) -> float | None:
        """So far, of all the server's processes; None where it is not known, or one has ended."""
        import psutil

        try:
            spent = [process.cpu_times() for process in self.processes]
        except (psutil.Error, OSError):
            return None
        return sum(times.user + times.system for times in spent) if spent else None


def _listening(port: int, candidates: list[psutil.Process]) -> set[int]:
    """The ids of the processes that listen on `port`."""
    import psutil

    try:  # one look at all of the system takes a fraction of the time of one for each process,
        found: list[tuple[int | None, Any]] = [(each.pid, each) for each in psutil.net_connections("tcp")]
    except psutil.AccessDenied:  # but macOS does not let everybody
        found = []
        for process in candidates:
            with suppress(psutil.Error, OSError):
                found += [(process.pid, each) for each in process.net_connections("tcp")]
    return {
        pid for pid, each in found if pid is not None and each.status == psutil.CONN_LISTEN and each.laddr.port == port
    }


def send(order: LoadOrder, hear: Callable[[Load, float], None] | None = None, meter: Meter | None = None) -> Load:
    """Have the client process carry out `order`, and count.

    `hear` gets what was counted in each slice, and the seconds since the beginning. With more connections than the
    process may have files, the order is carried out with as many as it may.
    """
    order, doubts = _within_limits(order)
    if machine()["cores"] == 1:
        doubts.append("Client and server share the one core there is: a quick server looks slower than it is.")
    slices: list[Slice] = []

    def keep(found: Slice) -> None:
        slices.append(found)
        if hear is not None:
            hear(count(order, [found], None, doubts), found["until"] / 1e6)

    before = meter.seconds() if meter else None
    end: End = process.client.order("load", asdict(order), order.seconds + order.timeout + SLACK, keep)
    result = count(order, slices, end, doubts)
    after = meter.seconds() if meter else None
    if before is not None and after is not None:
        result.server_seconds = after - before
    return result


def count(order: LoadOrder, slices: list[Slice], end: End | None, doubts: list[str]) -> Load:
    """`slices` (microseconds since the beginning) as a `Load`; without the `end` of it, by plain counting."""
    import numpy as np

    def joined(name: Literal["due", "sent", "took"]) -> Floats:
        return np.array([value for found in slices for value in found[name] or ()], float)

    is_open = order.rate is not None
    sent, took = joined("sent"), joined("took")
    due = joined("due") if is_open else sent
    ended = sent + took
    outcomes = [outcome for found in slices for outcome in found["outcome"]]
    # 304: the client's copy is still good
    good = np.array([isinstance(found, int) and (200 <= found < 300 or found == 304) for found in outcomes], bool)
    errors = Counter(str(outcome) for outcome, is_good in zip(outcomes, good, strict=True) if not is_good)
    first, last, answers, short = _counted(order, slices, end, Answers(sent, took, good))
    notes = []
    if end is not None and end["closes"] and order.keep_alive:
        notes.append("The server closes each connection after its answer, so every request pays for a new one.")
    return Load(
        url=order.url,
        model="open" if is_open else "closed",
        concurrency=None if is_open else order.concurrency,
        rate=order.rate,
        seconds=order.seconds,
        window=max(last - first, 0.0) / 1e6,
        answers=answers,
        completed=int(good.sum()),
        errors=errors,
        latency_ms=(ended - due)[good] / 1000,
        lateness_ms=(sent - due) / 1000 if is_open else np.array([]),
        client_seconds=end["cpu"] if end else 0.0,
        elapsed=(slices[-1]["until"] - slices[0]["from"]) / 1e6,
        lags_ms=np.array(end["lags"], float) / 1000 if end else np.array([]),
        server_gone=end is not None and end["gone"],
        notes=notes,
        doubts=list(doubts),
        short=short,
        closes=bool(end and end["closes"]),
    )


class Answers(NamedTuple):
    """All requests, in microseconds, and which of them got a good answer."""

    sent: Floats
    took: Floats
    good: npt.NDArray[np.bool_]


def _counted(
    order: LoadOrder, slices: list[Slice], end: End | None, found: Answers
) -> tuple[float, float, float, bool]:
    """What counts for the throughput: from when to when, how many answers, and whether the load was too short."""
    import numpy as np

    ended = found.sent + found.took
    answered = np.sort(ended[found.good])
    first, last = float(slices[0]["from"]), min(float(slices[-1]["until"]), order.seconds * 1e6)
    if end is None:  # a part of a load: by plain counting
        if order.rate is None:
            first = slices[-1]["joined"] or first
        return first, last, float(((answered > first) & (answered <= last)).sum()), False
    if end["gone"] and len(answered):
        last = min(last, float(answered[-1]))  # what a dead server does not answer is no sign of slowness
    full = slices[-1]["full"]
    if order.rate is None and full is not None and last - full >= 0.25 * (last - first):
        inside = np.minimum(ended, last) - np.maximum(found.sent, full)
        shares = np.clip(inside, 0, None) / np.maximum(found.took, 1)
        return full, last, float(shares[found.good].sum()), False
    if len(answered) and answered[0] >= last:  # they all came after the end
        return first, slices[-1]["until"], float(len(answered)), False
    if order.rate is None:
        first = slices[-1]["joined"] or first
    elif len(answered) > 1:
        first = float(answered[0])
    short = order.rate is None and not end["gone"] and len(answered) > 0
    return first, last, float(((answered > first) & (answered <= last)).sum()), short


def _within_limits(order: LoadOrder) -> tuple[LoadOrder, list[str]]:
    """`order` with no more connections than half the files this process may open, and a sentence if that is fewer."""
    most = _files() // 2  # the other half is for the server, which may be in this very process
    wanted = order.concurrency or most
    if wanted <= most:
        return replace(order, concurrency=min(wanted, MOST)), []
    text = f"A process may open {_files():,} files here, so there were {most:,} connections instead of {wanted:,}."
    return replace(order, concurrency=most), [text]


def _files() -> int:
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return 1 << 20
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft if 0 < soft < 1 << 20 else 1 << 20
