"""`Load`: what a load was, what came of it, and what to be wary of."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from helpers.client import records
from helpers.errors import LessonError
from helpers.machine import origin
from helpers.plots import Drawn, escape, table
from helpers.words import digits, milliseconds, plural

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

BUSY = 0.85  # share of a core from which on the client, not the server, may be the limit
CLOCK = time.get_clock_info("monotonic").resolution * 1000  # ms: no timer can be more exact; 16 on Windows
LAG = 5.0 + CLOCK  # ms: if a tenth of the client's wake-ups are later than this, it does not get the processor in time
LATE = 10.0 + CLOCK  # ms by which one in a hundred requests of an open model may leave late


@dataclass(repr=False)
class Load(Drawn):
    """The answers to a load. A good answer has a status from 200 to 299, or 304; all else has failed.

    - `completed`, `failed`, `errors`: good answers, failures, and failures by kind (``{"503": 2, "timeout": 1}``) of
      all the requests that were sent. Kinds: a status, ``"timeout"``, ``"refused"``, ``"no connection"``, ``"cut off"``
      (the connection closed without an answer), ``"truncated"`` (in the middle of one), ``"bad answer"``,
      ``"no connection left"`` (the client may not open more).
    - `throughput`: good answers a second while all connections were busy; ramp and drain are left out.
    - `latency_ms`: of each good answer, from sending (closed model) or from the moment it was due (open model).
    - `lateness_ms`: open model, of each request, how long after it was due the client sent it.
    - `client_cpu`: the share of one processor core that the client used.
    - `server_gone`: the server stopped listening before the end.
    - `warning`: what makes the numbers doubtful, in plain words; empty when nothing does.
    """

    url: str
    model: str  # "closed" or "open"
    concurrency: int | None
    rate: float | None
    seconds: float
    window: float  # seconds that count for the throughput
    answers: float  # good answers in these; one that reaches over the edge counts for the share that lies inside
    completed: int
    errors: Counter[str]
    latency_ms: npt.NDArray[np.float64]
    lateness_ms: npt.NDArray[np.float64]
    client_seconds: float  # of the processor, spent by the client
    elapsed: float  # seconds from the first request to the last answer
    lags_ms: npt.NDArray[np.float64]  # how late the client woke up, each time it looked at the clock
    server_gone: bool = False
    short: bool = False  # the connections had to wait so long for their first answers that these are most of it
    server_seconds: float | None = None  # of the processor, spent by the server where that can be seen
    notes: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    closes: bool = False  # the server closes each connection without saying so
    recorded: dict[str, Any] | None = None  # when and on what machine, where it comes from a file

    @property
    def failed(self) -> int:
        return sum(self.errors.values())

    @property
    def throughput(self) -> float:
        """Good answers a second."""
        return self.answers / self.window if self.window > 0 else 0.0

    @property
    def client_cpu(self) -> float:
        """Share of one core: 1.0 is all of it."""
        return self.client_seconds / self.elapsed if self.elapsed > 0 else 0.0

    @property
    def cpu_ms_per_request(self) -> float | None:
        """Milliseconds of the processor that the server spent on a request; None where that cannot be seen."""
        count = self.completed + self.failed
        return self.server_seconds * 1000 / count if self.server_seconds is not None and count else None

    def percentile(self, q: float) -> float:
        """Milliseconds that `q` of 100 good answers took at most; NaN without any."""
        import numpy as np

        return float(np.percentile(self.latency_ms, q)) if len(self.latency_ms) else float("nan")

    @property
    def warning(self) -> str:
        return " ".join(self.warnings())

    def warnings(self) -> list[str]:
        """The sentences of `warning`."""
        found = list(self.doubts)
        if self.server_gone:
            found.append("The server was gone before the end: this is not a slow server but a dead one.")
        elif why := self.disturbance:
            found.append(f"Do not take these numbers for the server's: {why}.")
        return found

    @property
    def disturbance(self) -> str:
        """Why the numbers say as much about something else as about the server; empty when they do not."""
        import numpy as np

        if self.short:
            return "some connections waited so long for their first answer that the start could not be left out"
        if self.client_cpu > BUSY:
            return f"the client needed {self.client_cpu:.0%} of a processor core, so it may have been the limit"
        if len(self.lags_ms) and (lag := np.percentile(self.lags_ms, 90)) > LAG:
            return f"this computer is so busy that the client often woke up {lag:.0f} ms late"
        if len(self.lateness_ms) and (late := np.percentile(self.lateness_ms, 99)) > LATE:
            return f"requests left up to {late:.0f} ms after they were due"
        return "the server died" if self.server_gone else ""

    def summary(self) -> str:
        q = ", ".join(f"p{each} {milliseconds(self.percentile(each))}" for each in (50, 95, 99))
        sentences = [f"{self._headline()}.", f"Latency {q}." if self.completed else "", *self.warnings(), *self.notes]
        return " ".join(filter(None, [self._origin(), *sentences]))

    def body(self) -> str:
        rows = {
            "good answers a second": digits(self.throughput),
            "p50": milliseconds(self.percentile(50)),
            "p95": milliseconds(self.percentile(95)),
            "p99": milliseconds(self.percentile(99)),
            "failed": f"{self.failed:,}",
            "client’s processor": f"{self.client_cpu:.0%} of a core",
        }
        if (cost := self.cpu_ms_per_request) is not None:
            rows["server’s processor"] = f"{cost:.2f} ms a request"
        if self.model == "open" and len(self.lateness_ms):
            rows["sent late by"] = milliseconds(float(self.lateness_ms.max())) + " at most"
        mood = "bad" if self.server_gone or not self.completed else "good" if not self.failed else "note"
        notes = "".join(f'<p class="note">{escape(text)}</p>' for text in self.warnings())
        notes += "".join(f'<p class="quiet">{escape(text)}</p>' for text in filter(None, [*self.notes, self._origin()]))
        return f'<p class="{mood}">{escape(self._headline())}.</p>{table([[*rows.values()]], [*rows])}{notes}'

    def _headline(self) -> str:
        how = plural(self.concurrency, "connection") if self.concurrency else ""
        how = f"open model, {self.rate:g} requests a second" if self.model == "open" else f"closed model, {how}"
        said = f"{urlsplit(self.url).path or '/'}, {how}, {self.seconds:g} s"
        if not self.completed and not self.failed:
            return f"{said}: no answer and no failure"
        found = f"{self.completed:,} good answers, {digits(self.throughput)} a second"
        return f"{said}: {found}; {self.failures()}"

    def failures(self) -> str:
        """The failures in words: ``"3 failed (2 × 503, 1 × timeout)"``."""
        kinds = ", ".join(f"{count:,} × {kind}" for kind, count in self.errors.most_common())
        return f"{self.failed:,} failed ({kinds})" if kinds else "none failed"

    def _origin(self) -> str:
        return f"{origin(self.recorded)}." if self.recorded else ""

    def record(self) -> dict[str, Any]:
        """All of it as JSON can keep it; `from_record` is the way back. Latencies are kept to three digits."""
        kept = {name: value for name, value in vars(self).items() if name not in ("recorded", "errors")}
        for name in ("latency_ms", "lateness_ms", "lags_ms"):
            kept[name] = records.histogram(kept[name])
        return {**kept, "errors": dict(self.errors)}

    @classmethod
    def from_record(cls, kept: dict[str, Any], recorded: dict[str, Any] | None = None) -> Load:
        arrays = {name: records.values(kept[name]) for name in ("latency_ms", "lateness_ms", "lags_ms")}
        return cls(**{**kept, **arrays, "errors": Counter(kept["errors"]), "recorded": recorded})

    @classmethod
    def load(cls, path: str | Path | None = None) -> Load:
        """What the last `load` recorded, or the one in the file at `path`, as far as it came."""
        _, head, lines = records.read("load", path)
        for line in lines:
            if "whole" in line:
                return cls.from_record(line["whole"], head)
        if not lines:
            raise LessonError("That load was ended before anything was measured.")
        found = together([cls.from_record(line["part"], head) for line in lines])
        found.doubts.append("The load was ended before its time; this is what came until then.")
        return found


def together(loads: Sequence[Load]) -> Load:
    """Several loads of the same kind, such as the rounds of a comparison, as one."""
    import numpy as np

    def joined(name: str) -> npt.NDArray[np.float64]:
        return np.concatenate([getattr(load, name) for load in loads])

    known = [load.server_seconds for load in loads if load.server_seconds is not None]
    totals = ("seconds", "window", "answers", "completed", "client_seconds", "elapsed")
    changes: dict[str, Any] = {name: sum(getattr(load, name) for load in loads) for name in totals}
    changes |= {name: joined(name) for name in ("latency_ms", "lateness_ms", "lags_ms")}
    for name in ("notes", "doubts"):
        changes[name] = list(dict.fromkeys(text for load in loads for text in getattr(load, name)))
    return replace(
        loads[0],
        **changes,
        errors=sum((load.errors for load in loads), Counter()),
        server_gone=any(load.server_gone for load in loads),
        short=any(load.short for load in loads),
        server_seconds=sum(known) if len(known) == len(loads) else None,
    )
