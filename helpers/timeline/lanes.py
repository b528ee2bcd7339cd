"""What stands where in a panel's drawing, in numbers: a lane for each request, and bars in it."""

from __future__ import annotations

from dataclasses import dataclass, field

from helpers.timeline.panels import Panel
from helpers.timeline.requests import Request

Bar = tuple[int, float, float]  # the lane, from, to: milliseconds on the panel's clock


@dataclass(frozen=True)
class Lanes:
    """The bars of a panel by kind, and the moments (lane, milliseconds) of failures. Lane i is for request i."""

    sent: list[Bar] = field(default_factory=list)  # and not started
    waiting: list[Bar] = field(default_factory=list)
    running: list[Bar] = field(default_factory=list)
    blocking: list[Bar] = field(default_factory=list)
    on_the_way: list[Bar] = field(default_factory=list)  # answered by the app, not at the client yet
    failed: list[tuple[int, float]] = field(default_factory=list)


def lanes(panel: Panel) -> Lanes:
    """The bars that tell what each request of `panel` did."""
    found, ms, blocking = Lanes(), panel.ms, set(panel.blocking)
    for lane, request in enumerate(panel.requests):
        known = request.last if request.started is None else request.started
        found.sent.append((lane, ms(request.sent), ms(known)))
        for span in request.spans:
            bars = found.waiting if span.kind == "waiting" else found.blocking if span in blocking else found.running
            bars.append((lane, ms(span.start), ms(span.end)))
        if request.ended is not None and request.answered is not None:
            found.on_the_way.append((lane, ms(request.ended), ms(request.answered)))
        if request.error is not None or (request.status or 0) >= 500:
            found.failed.append((lane, ms(request.last)))
    return found


def beats(panel: Panel) -> list[tuple[float, float]]:
    """When the panel's event loop was free, in milliseconds."""
    ends = [0.0, *(end for _, end in panel.gaps_ms)]
    return list(zip(ends, [*(start for start, _ in panel.gaps_ms), panel.finish_ms], strict=True))


def whereabouts(request: Request) -> str:
    """``thread 3, loop 1``; ``never noticed`` for a request that nobody has started."""
    place = f"thread {request.worker}" if request.worker else "never noticed"
    return place + f", loop {request.loop}" * bool(request.loop)
