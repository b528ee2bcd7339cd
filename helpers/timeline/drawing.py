"""Draw a timeline: a panel for each burst, one above the other on one axis; in it a lane for each request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from helpers.plots import INK, NOTICE, QUIET, TROUBLE, Picture, canvas, color_of
from helpers.timeline.panels import Panel, describe, headline

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from helpers.timeline.model import Timeline

MOST_PANELS = 8
NAMED = 12  # lanes up to which each has its thread and loop written beside it
LANE, TALLEST = 0.075, 2.4  # inches
SMALL = 8.5  # points


def draw(timeline: Timeline) -> Picture:
    """The drawing, with its finding as title and all panels in words as alternative text."""
    found = timeline.panels()
    shown = found[:MOST_PANELS]
    heights = [_height(panel) for panel in shown]
    width = max(max(panel.finish_ms, panel.waves_ms or 0, *(panel.guess or (0,))) for panel in shown) or 1.0
    words = describe(found, timeline.missed)
    with canvas(
        len(shown), height=sum(heights) + 0.55 * len(shown) + 0.75, sharex=True, height_ratios=heights
    ) as drawing:
        drawing.figure.suptitle(_wrapped(headline(found)), x=0.01, ha="left", weight="bold", size=12)
        for axes, panel in zip(drawing.axes, shown, strict=True):
            _panel(axes, panel, width)
        drawing.axes[-1].set_xlabel("milliseconds since the first request of the panel was sent")
        kinds = _key(drawing.figure, shown)
        drawing.axes[-1].set_xlim(0, width * 1.14)
        left_out = f" {len(found) - len(shown)} more panels are not drawn." if len(found) > len(shown) else ""
        return drawing.picture(f"Timeline, one lane a request ({kinds}). {headline(found)}.", words + left_out)


def _height(panel: Panel) -> float:
    lanes = min(max(panel.n * (0.16 if panel.n <= NAMED else LANE), 0.3), TALLEST)
    return lanes + 0.2 + 0.2 * (panel.gaps is not None)


def _panel(axes: Axes, panel: Panel, width: float) -> None:
    """All of one panel. Lane i lies from i to i + 1, downwards; theory stands above the lanes, the loop below."""
    color = color_of(panel.server)
    unit = panel.n / (_height(panel) - 0.2 - 0.2 * (panel.gaps is not None))  # lanes an inch
    axes.set_title(f"{panel.name}   {panel.finding}", size=10.5, pad=4)
    axes.set_title(panel.shared, loc="right", size=SMALL, weight="normal")
    sent, waiting, running, blocking, on_the_way = [], [], [], [], []
    for lane, request in enumerate(panel.requests):
        known = request.started if request.started is not None else request.last
        sent.append((lane, panel.ms(request.sent), panel.ms(known)))
        for span in request.spans:
            kind = blocking if span in request.blocking else running if span.kind == "running" else waiting
            kind.append((lane, panel.ms(span.start), panel.ms(span.end)))
        if request.ended is not None and request.answered is not None:
            on_the_way.append((lane, panel.ms(request.ended), panel.ms(request.answered)))
        if request.error is not None or (request.status or 0) >= 500:
            axes.plot(panel.ms(request.last), lane + 0.5, "X", color=TROUBLE, markersize=5, clip_on=False, zorder=4)
    _bars(axes, sent, facecolor="none", edgecolor=QUIET, hatch="/////", linewidth=0, hatchcolor=QUIET)
    _bars(axes, on_the_way, facecolor=QUIET, edgecolor="none", thick=0.12)
    _bars(axes, waiting, facecolor=color, edgecolor="none", alpha=0.3)
    _bars(axes, waiting, facecolor="none", edgecolor=color, linewidth=0.6)
    _bars(axes, running, facecolor=color, edgecolor=color, linewidth=0.3)
    _bars(axes, blocking, facecolor=TROUBLE, edgecolor=TROUBLE, linewidth=0.3)
    top, bottom = -0.2 * unit, float(panel.n)
    if panel.gaps is not None:
        bottom += 0.2 * unit
        _loop(axes, panel, panel.n + 0.11 * unit, unit, width)
    axes.set_ylim(bottom, top)
    _finishes(axes, panel, top, width)
    if 1 < panel.n <= NAMED:
        names = [_whereabouts(request) for request in panel.requests]
        axes.set_yticks([lane + 0.5 for lane in range(panel.n)], names, size=7.5)
        axes.tick_params(axis="y", length=0)
    else:
        axes.set_yticks([])
    axes.spines["left"].set_visible(False)


def _bars(axes: Axes, bars: list[tuple[int, float, float]], thick: float = 0.8, **style: Any) -> None:
    """Bars (lane, from, to) as one shape, which keeps the drawing of 500 lanes small."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    corners = []
    for lane, start, end in bars:
        low, high = lane + 0.5 - thick / 2, lane + 0.5 + thick / 2
        corners += [(start, low), (end, low), (end, high), (start, high), (start, low)]
    if not corners:
        return
    codes = [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY] * len(bars)
    axes.add_patch(PathPatch(Path(corners, codes), **style))


def _loop(axes: Axes, panel: Panel, y: float, unit: float, width: float) -> None:
    """The pulse of the event loop: a thin line while it beats, a thick bar where it does not."""
    color = color_of(panel.server)
    axes.plot([0, panel.finish_ms], [y, y], ":", color=color, linewidth=1.5)
    gaps = [(panel.ms(start), min(panel.ms(end), panel.finish_ms)) for start, end in panel.gaps or []]
    for start, end in gaps:
        axes.plot([start, end], [y, y], color=TROUBLE, linewidth=4, solid_capstyle="butt")
        axes.plot([start], [y], "|", color=INK, markersize=5)
    blocked = sum(end - start for start, end in gaps)
    text = f"the loop stands still for {blocked:,.0f} ms" if blocked else "the loop is free"
    axes.annotate(text, (panel.finish_ms, y), (4, 0), textcoords="offset points", va="center", size=SMALL - 1)


def _finishes(axes: Axes, panel: Panel, top: float, width: float) -> None:
    """When the last answer came, when theory says it could have, when the learner said it would."""
    axes.axvline(panel.finish_ms, color=INK, linewidth=1.4)
    middle = panel.n / 2
    axes.annotate(
        f"{panel.finish_ms:,.0f} ms",
        (panel.finish_ms, middle),
        (4, 0),
        textcoords="offset points",
        va="center",
        weight="bold",
        size=12,
    )
    lines = [(panel.longest_ms, f"all at once: {panel.longest_ms:,.0f} ms")] if panel.n > 1 else []
    if panel.waves_ms and panel.n > panel.workers:
        lines = [(panel.waves_ms, f"{panel.workers} at a time: {panel.waves_ms:,.0f} ms")]
    elif panel.n > 1 and panel.peak <= 1 and panel.in_a_row_ms - panel.longest_ms > 0.5 * width:
        lines.append((panel.in_a_row_ms, f"one by one: {panel.in_a_row_ms:,.0f} ms"))
    for x, text in lines:
        axes.axvline(x, color=INK, linewidth=1, linestyle=(0, (4, 3)))
        right = x > 0.6 * width
        axes.annotate(
            text,
            (x, top),
            (-4 if right else 4, -1),
            textcoords="offset points",
            ha="right" if right else "left",
            va="top",
            size=SMALL,
            style="italic",
        )
    if panel.guess is not None:
        low, high = panel.guess
        axes.plot([low, high], [top, top], color=NOTICE, linewidth=4, clip_on=False)
        axes.plot([(low + high) / 2], [top], "v", color=NOTICE, markersize=9, clip_on=False, zorder=5)
        text = f"you said {low:,.0f}" + (f" to {high:,.0f}" if high > low else "")
        axes.annotate(text, (high, top), (7, 0), textcoords="offset points", va="center", size=SMALL, zorder=6)


def _whereabouts(request: Any) -> str:
    parts = [f"thread {request.worker}"] if request.worker else ["never noticed"]
    return ", ".join(parts + [f"loop {request.loop}"] * bool(request.loop))


def _key(figure: Any, shown: list[Panel]) -> str:
    """The key below the drawing: what is drawn, and no more. Returns it in words."""
    from matplotlib.patches import Patch

    color = color_of(shown[0].server)
    spans = [span for panel in shown for request in panel.requests for span in request.spans]
    has_blocking = any(request.blocking for panel in shown for request in panel.requests)
    kinds = {span.kind for span in spans}
    entries = [("hatched: sent, not started yet", Patch(facecolor="none", edgecolor=QUIET, hatch="/////", linewidth=0))]
    if "waiting" in kinds:
        entries.append(("light: awaits, the loop is free", Patch(facecolor=(*_rgb(color), 0.3), edgecolor=color)))
    if "running" in kinds:
        entries.append(("solid: has a thread to itself", Patch(facecolor=color)))
    if has_blocking:
        entries.append(("orange: holds the event loop", Patch(facecolor=TROUBLE)))
    figure.legend(
        [patch for _, patch in entries],
        [text for text, _ in entries],
        loc="outside lower left",
        ncols=len(entries),
        frameon=False,
        fontsize=SMALL,
        handlelength=1.6,
        columnspacing=1.4,
    )
    return ", ".join(text for text, _ in entries)


def _rgb(color: str) -> tuple[float, float, float]:
    from matplotlib.colors import to_rgb

    return to_rgb(color)


def _wrapped(text: str) -> str:
    from textwrap import fill

    return fill(text, 88)
