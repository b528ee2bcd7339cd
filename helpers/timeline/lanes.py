"""What stands where in a panel's drawing, in numbers: a lane for each request, and bars in it."""

from __future__ import annotations

from helpers.timeline.panels import Panel
from helpers.timeline.recording import Interval
from helpers.timeline.requests import Request

Bar = tuple[int, float, float]  # the lane, from, to: milliseconds on the panel's clock


def lanes(panel: Panel) -> dict[str, list[Bar]]:
    """The bars that tell what each request of `panel` did, by kind; lane i is for its request i.

    ``"sent"`` (and not started), ``"waiting"``, ``"running"``, ``"blocking"``, ``"on the way"`` (the app has answered,
    and the client has not got it), and ``"failed"``, which has no length.
    """
    kinds = ("sent", "waiting", "running", "blocking", "on the way", "failed")
    found: dict[str, list[Bar]] = {kind: [] for kind in kinds}

    def bar(kind: str, lane: int, start: float, end: float) -> None:
        found[kind].append((lane, panel.ms(start), panel.ms(end)))

    blocking = frozenset(panel.blocking)
    for lane, request in enumerate(panel.requests):
        bar("sent", lane, request.sent, request.last if request.started is None else request.started)
        for span in request.spans:
            bar("blocking" if span in blocking else span.kind, lane, span.start, span.end)
        if request.ended is not None and request.answered is not None:
            bar("on the way", lane, request.ended, request.answered)
        if request.error is not None or (request.status or 0) >= 500:
            bar("failed", lane, request.last, request.last)
    return found


def beats(panel: Panel) -> list[Interval]:
    """When the panel's event loop was free, in milliseconds."""
    ends = [0.0, *(end for _, end in panel.gaps_ms)]
    return list(zip(ends, [*(start for start, _ in panel.gaps_ms), panel.finish_ms], strict=True))


def whereabouts(request: Request) -> str:
    """``thread 3, loop 1``; ``never noticed`` for a request that nobody has started."""
    place = f"thread {request.worker}" if request.worker else "never noticed"
    return place + f", loop {request.loop}" * bool(request.loop)
