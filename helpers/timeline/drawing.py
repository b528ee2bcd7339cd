"""Draw a timeline: a panel for each burst, one above the other on one axis; in it a lane for each request."""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING, Any

from helpers.plots import INK, NOTICE, QUIET, TROUBLE, Picture, canvas, color_of
from helpers.timeline.panels import Panel
from helpers.timeline.recording import Interval
from helpers.timeline.requests import Request
from helpers.timeline.wording import describe, headline

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_PANELS = 8
NAMED = 12  # lanes up to which each has its thread and loop written beside it
LANE, TALLEST = 0.075, 2.4  # inches
SCREEN = 6.2  # inches: all panels, as a small laptop shows them at once
OUTLINED = 60  # lanes up to which a waiting request has an outline; closer together, outlines would fill it
ROW = 0.2  # inches: a line of theory, a guess, the loop's pulse
SMALL = 8.5  # points
SENT: dict[str, Any] = {"facecolor": "none", "edgecolor": QUIET, "hatch": "/////", "hatchcolor": QUIET, "linewidth": 0}
BLOCKING: dict[str, Any] = {"facecolor": TROUBLE, "edgecolor": INK, "linewidth": 0.8}
Bar = tuple[int, float, float]  # the lane, from, to: milliseconds on the panel's clock


def draw(found: list[Panel], missed: int) -> Picture:
    """The drawing, with its finding as title and all panels in words as alternative text."""
    shown = found[:MOST_PANELS]
    around = [ROW * (1 + (panel.gaps is not None) + (panel.guess is not None)) for panel in shown]
    margins = 0.55 * len(shown) + 0.75
    lanes_heights = [_lanes_height(panel) for panel in shown]
    squeeze = min(1, max(SCREEN - sum(around) - margins, 0.3 * len(shown)) / sum(lanes_heights))
    lanes_heights = [squeeze * height for height in lanes_heights]
    heights = [sum(both) for both in zip(lanes_heights, around, strict=True)]
    width = max(x for p in shown for x in (1, p.finish_ms, *(p.guess or ()), *(x for x, _ in p.theory_ms)))
    words = describe(found, missed)
    with canvas(len(shown), height=sum(heights) + margins, sharex=True, height_ratios=heights) as drawing:
        drawing.figure.suptitle(_wrapped(headline(found)), x=0.01, ha="left", weight="bold", size=12)
        for axes, panel, lanes_height in zip(drawing.axes, shown, lanes_heights, strict=True):
            _panel(axes, panel, width, lanes_height)
            if len(shown) > 1:  # otherwise the headline says the same
                axes.set_title(f"{panel.name}   {panel.finding}", size=10.5, pad=4)
        drawing.axes[-1].set_xlabel("milliseconds since the first request of the panel was sent")
        kinds = _key(drawing.figure, shown)
        drawing.axes[-1].set_xlim(0, width * 1.25)
        left_out = f"{len(found) - len(shown)} more panels are not drawn." if len(found) > len(shown) else ""
        return drawing.picture(f"Timeline, one lane a request ({kinds}). {words}", left_out)


def _lanes_height(panel: Panel) -> float:
    return min(max(panel.n * (0.16 if panel.n <= NAMED else LANE), 0.3), TALLEST)


def _panel(axes: Axes, panel: Panel, width: float, lanes_height: float) -> None:
    """All of one panel. Lane i lies from i to i + 1, downwards; theory stands above the lanes, the loop below."""
    color = color_of(panel.server)
    row = ROW * panel.n / lanes_height  # in lanes
    axes.set_title(panel.shared, loc="right", size=SMALL, weight="normal")
    bars = lanes(panel)
    for lane, moment, _ in bars["failed"]:
        axes.plot(moment, lane + 0.5, "X", color=TROUBLE, markersize=5, clip_on=False, zorder=4)
    _bars(axes, bars["sent"], **SENT)
    _bars(axes, bars["on the way"], facecolor=QUIET, edgecolor="none", thick=0.12)
    _bars(axes, bars["waiting"], facecolor=color, edgecolor="none", alpha=0.3)
    if panel.n <= OUTLINED:
        _bars(axes, bars["waiting"], facecolor="none", edgecolor=color, linewidth=0.6)
    _bars(axes, bars["running"], facecolor=color, edgecolor=color, linewidth=0.3)
    _bars(axes, bars["blocking"], **BLOCKING)
    if panel.gaps is not None:
        _loop(axes, panel, panel.n + 0.55 * row)
    axes.set_ylim(panel.n + row * (panel.gaps is not None), -row * (1 + (panel.guess is not None)))
    _finishes(axes, panel, row, width)
    if 1 < panel.n <= NAMED:
        names = [whereabouts(request) for request in panel.requests]
        axes.set_yticks([lane + 0.5 for lane in range(panel.n)], names, size=7.5)
        axes.tick_params(axis="y", length=0)
    else:
        axes.set_yticks([])
    axes.spines["left"].set_visible(False)


def _bars(axes: Axes, bars: list[Bar], thick: float = 0.8, **style: Any) -> None:
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


def _loop(axes: Axes, panel: Panel, y: float) -> None:
    """The pulse of the event loop: dots while it beats, nothing while it does not, a bar while endpoints hold it."""
    for start, end in beats(panel):
        axes.plot([start, end], [y, y], ":", color=color_of(panel.server), linewidth=1.5)
    for start, end in panel.held_ms:
        axes.plot([start, end], [y, y], color=TROUBLE, linewidth=4, solid_capstyle="butt")
    _label(axes, f"event loop: {panel.loop_state}", panel.finish_ms, y)


def _finishes(axes: Axes, panel: Panel, row: float, width: float) -> None:
    """When the last answer came, when theory says it could have, when the learner said it would."""
    axes.axvline(panel.finish_ms, color=INK, linewidth=1.4)
    _label(axes, panel.finish, panel.finish_ms, panel.n / 2, weight="bold", size=12)
    last = -width
    for x, text in panel.theory_ms:
        if x < last + 0.35 * width:  # no room for a second label
            continue
        last = x
        axes.plot([x, x], [-row, panel.n], color=INK, linewidth=1, linestyle=(0, (4, 3)))
        if x > 0.6 * width:
            _label(axes, text, x, -row / 2, left=True, style="italic")
        else:
            close = x < panel.finish_ms < x + 0.3 * width
            _label(axes, text, panel.finish_ms if close else x, -row / 2, style="italic")
    if panel.guess is not None:
        (low, high), y = panel.guess, -row * 1.5
        axes.plot([low, high], [y, y], color=NOTICE, linewidth=4)
        axes.plot([low, low], [y, panel.n], color=NOTICE, linewidth=1)
        axes.plot([low], [y], ">", color=NOTICE, markersize=8)
        _label(axes, f"you said {low:,.0f}" + (f" to {high:,.0f}" if high > low else "") + " ms", high, y, gap=8)


def _label(axes: Axes, text: str, x: float, y: float, left: bool = False, gap: int = 4, **style: Any) -> None:
    """`text` beside the point (x, y); the axes keep their size whatever its length."""
    offset, side = (-gap, "right") if left else (gap, "left")
    default: dict[str, Any] = {"size": SMALL, "ha": side, "va": "center", "in_layout": False}
    axes.annotate(text, (x, y), (offset, 0), textcoords="offset points", **(default | style))


def _key(figure: Figure, shown: list[Panel]) -> str:
    """The key below the drawing: what is drawn, and no more. Returns it in words."""
    from matplotlib.colors import to_rgba
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    colors = {color_of(panel.server) for panel in shown}
    color = colors.pop() if len(colors) == 1 else QUIET
    kinds = {span.kind for panel in shown for request in panel.requests for span in request.spans}
    entries: list[tuple[str, Artist]] = [("hatched: sent, not started yet", Patch(**SENT))]
    if "waiting" in kinds:
        faint = Patch(facecolor=to_rgba(color, 0.3), edgecolor=color)
        entries.append(("faint: awaits, and gives the loop back", faint))
    if "running" in kinds:
        entries.append(("solid: has a thread", Patch(facecolor=color)))
    if any(panel.blocking for panel in shown):
        entries.append(("outlined: holds the event loop", Patch(**BLOCKING)))
    if any(panel.gaps is not None for panel in shown):
        entries.append(("dotted: the event loop is free", Line2D([], [], linestyle=":", color=color, linewidth=1.5)))
    texts, patches = zip(*entries, strict=True)
    style: dict[str, Any] = {"ncols": 3, "frameon": False, "fontsize": SMALL, "handlelength": 1.6, "columnspacing": 1.4}
    figure.legend(patches, texts, loc="outside lower left", **style)
    return ", ".join(texts)


def _wrapped(title: str) -> str:
    """`title` in lines that fit, with no break inside ``20 ms`` and ``flask /wait``."""
    return fill(title.replace(" ms", "\u00a0ms").replace(" /", "\u00a0/"), 72)


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
