"""What loads amount to, drawn: throughput against concurrency, ratios against threads, latencies as distributions.

Theory is Little's law (John D. C. Little, 1961): requests in the system = throughput x time in the system. With a wait
of W seconds, c clients and room for m requests at once, throughput is at most min(c, m) / W.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import log10
from textwrap import fill
from typing import TYPE_CHECKING, Any

from helpers.benchmark.titles import (
    by_concurrency,
    percentiles_compared,
    settings_that_reach,
    shares_of_the_law,
    span_of_ratios,
)
from helpers.client.results import Load
from helpers.errors import LessonError
from helpers.plots import FASTAPI, FLASK, INK, NOTICE, QUIET, Picture, canvas, color_of
from helpers.words import digits, plural

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from helpers.benchmark.statistics import Estimate

MARKS = ("o", "s", "^", "D", "v")
STYLES = ("-", "--", "-.", ":")
QUANTILES = {50: "o", 95: "s", 99: "D"}


def against_concurrency(
    loads: Mapping[str, Sequence[Load]], wait: float, threads: Mapping[str, int] | None = None
) -> Picture:
    """Good answers a second against the number of clients, with what Little's law allows drawn in.

    `loads` has for each arm one closed-model Load for each concurrency; `wait` is the endpoint's wait in seconds;
    `threads` says how many requests at once an arm has room for, where that is limited.
    """
    if not loads or not all(loads.values()) or any(load.concurrency is None for arm in loads.values() for load in arm):
        raise LessonError("Give at least one closed-model load for each name: load(url, concurrency=50).")
    if not wait > 0:
        raise LessonError(f"Little's law needs a wait above zero seconds; {wait!r} is not.")
    threads = threads or {}
    points = by_concurrency(loads)
    most = max(c for arm in points.values() for c, _ in arm)
    title = shares_of_the_law(points, wait, threads)
    with canvas(height=3.8) as drawing:
        (axes,) = drawing.axes
        highest = max(rate for arm in points.values() for _, rate in arm)
        axes.plot([0, most], [0, most / wait], color=INK, linewidth=1, linestyle=(0, (5, 4)))
        reach = min(most, 1.12 * highest * wait)
        label = f"Little's law: at most connections ÷ {wait * 1000:g} ms"
        axes.annotate(label, (reach, reach / wait), (-8, 0), textcoords="offset points", ha="right", size=9)
        for (name, arm), mark, style in zip(points.items(), _cycled(MARKS), _cycled(STYLES), strict=False):
            axes.plot(*zip(*arm, strict=True), mark + style, color=color_of(name), markersize=6)
            near = [other[-1][1] for other in points.values() if abs(other[-1][1] - arm[-1][1]) < 0.08 * highest]
            up = 8 * (sorted(near).index(arm[-1][1]) - (len(near) - 1) / 2) * 1.6  # names that would overlap
            spot: dict[str, Any] = {"xytext": (8, up), "textcoords": "offset points", "va": "center"}
            axes.annotate(name, arm[-1], **spot, weight="bold", color=color_of(name))
            if name in threads:
                ceiling = threads[name] / wait
                axes.plot([0, most], [ceiling] * 2, color=color_of(name), linewidth=1, linestyle=(0, (1, 3)))
                axes.annotate(
                    f"{threads[name]} ÷ {wait * 1000:g} ms", (0, ceiling), (4, 3), textcoords="offset points", size=8.5
                )
        axes.set(xlabel="connections (concurrency)", ylabel="good answers a second")
        axes.set_xlim(0, most * 1.25)
        axes.set_ylim(0, highest * 1.18)
        _title(drawing.figure, title)
        said = "; ".join(
            f"{name}: " + ", ".join(f"{digits(rate)} at {c}" for c, rate in arm) for name, arm in points.items()
        )
        text = f"{title}. Good answers a second by connections: {said}."
        return drawing.picture(text, _doubts(load for arm in loads.values() for load in arm))


def against_threads(ratios: Mapping[int, Estimate], concurrency: int, band: tuple[float, float] = (3, 10)) -> Picture:
    """How many times Flask's throughput FastAPI has, against the number of Flask's threads; the article's `band`.

    `ratios` has an Estimate for each number of threads. Dashed: what min(threads, connections) foresees for an arm
    that has no limit but the `concurrency`.
    """
    if not ratios:
        raise LessonError("Give at least one ratio: {10: comparison.ratio('FastAPI', 'Flask, 10 threads')}.")
    threads = sorted(ratios)
    low, high = band
    values = [ratios[n].value for n in threads if ratios[n].value > 0]
    if not values:
        raise LessonError("No setting gave a good answer in both, so there is no ratio to draw; measure for longer.")
    title = span_of_ratios(ratios, band)
    from matplotlib.ticker import FuncFormatter, NullLocator

    with canvas(height=3.8) as drawing:
        (axes,) = drawing.axes
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.axhspan(low, high, facecolor=NOTICE, alpha=0.25, edgecolor="none")
        axes.axhline(1, color=QUIET, linewidth=1)
        left, right = min(threads) / 1.6, max(threads) * 1.9  # room for the first point's number
        axes.annotate(f"the article: {low:g} to {high:g} times", (right, (low * high) ** 0.5), ha="right", va="center")
        axes.annotate("no difference", (left, 1), (6, 4), textcoords="offset points", size=9)
        steps = [left * (right / left) ** (i / 60) for i in range(61)]
        foreseen = [concurrency / min(step, concurrency) for step in steps]
        axes.plot(steps, foreseen, color=INK, linewidth=1, linestyle=(0, (5, 4)))
        theory = f"in theory: {concurrency} ÷ threads"
        axes.annotate(theory, (steps[14], foreseen[14]), (8, 6), textcoords="offset points", size=9)
        bottom, top = min(0.7, *values) / 1.2, max(high, concurrency / left, *values) * 1.4
        for n in threads:
            each = ratios[n]
            if not each.value > 0:
                axes.annotate("no good answers", (n, 1), (0, 6), textcoords="offset points", ha="center", size=8.5)
                continue
            ends = [max(each.low, bottom), min(each.high, top)]
            axes.plot([n, n], ends, color=INK, linewidth=2, marker="_", markersize=9)
            face = INK if each.conclusive else "none"
            axes.plot(n, each.value, "o", markerfacecolor=face, markeredgecolor=INK, markersize=8)
            axes.annotate(
                digits(each.value), (n, each.value), (-9, -14), textcoords="offset points", ha="right", weight="bold"
            )
        axes.set_xlim(left, right)
        axes.set_ylim(bottom, top)
        axes.set_xticks(threads, [str(n) for n in threads])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.set(xlabel="threads of the Flask server", ylabel="FastAPI ÷ Flask, throughput")
        _title(drawing.figure, title)
        said = "; ".join(f"{plural(n, 'thread')}: {ratios[n].words}" for n in threads)
        unsure = [f"{plural(n, 'thread')} ({ratios[n].why_not})" for n in threads if not ratios[n].conclusive]
        hollow = f"Hollow, because inconclusive: {'; '.join(unsure)}." if unsure else ""
        return drawing.picture(f"{title}. {said}.", hollow)


def latencies(loads: Mapping[str, Load], q: int = 99) -> Picture:
    """How long the good answers took: the share that came within a time, for each load, with p50, p95 and p99.

    The title compares the `q`-th percentile. Upper shares are drawn apart (-log10 of what is left): the tail is what
    people notice. For an open model a time counts from the moment the request was due.
    """
    empty = [name for name, load in loads.items() if not load.completed]
    if not loads or empty:
        raise LessonError(f"There are no good answers to draw{': ' + ', '.join(empty) if empty else ''}.")
    title = percentiles_compared(loads, q)
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    with canvas(height=3.6) as drawing:
        (axes,) = drawing.axes
        axes.set_xscale("log")
        lines = []
        for index, ((name, load), style) in enumerate(zip(loads.items(), _cycled(STYLES), strict=False)):
            color, times = _shade(name, index), sorted(load.latency_ms)
            shares = [_tail((rank + 0.5) / len(times)) for rank in range(len(times))]
            label = f"{fill(name, 22)}\nworst {digits(times[-1])} ms"
            lines += axes.step(times, shares, color=color, linestyle=style, linewidth=2, label=label)
            for each, mark in QUANTILES.items():
                axes.plot(load.percentile(each), _tail(each / 100), mark, color=color, markersize=8, zorder=4)
        # Lines that run side by side leave no room for names, so these stand beside the picture, slowest first.
        slowest_first = sorted(zip(loads.values(), lines, strict=True), key=lambda pair: -pair[0].percentile(q))
        spot: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1.01, 1.0), "frameon": False, "handlelength": 3}
        axes.legend(handles=[line for _, line in slowest_first], labelspacing=1.2, **spot)
        axes.set_ylim(0, _tail(0.997))
        ticks = {0: "0", 0.5: "p50 ●", 0.9: "p90", 0.95: "p95 ■", 0.99: "p99 ◆"}
        axes.set_yticks([_tail(share) for share in ticks], ticks.values())
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="y", color=QUIET, alpha=0.3)
        quickest, slowest = axes.get_xlim()
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if slowest < 300 * quickest else (1,), numticks=12))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
        axes.set(xlabel="milliseconds until the answer was there", ylabel="share of the answers, stretched")
        _title(drawing.figure, title)
        said = "; ".join(
            f"{name}: "
            + ", ".join(f"p{each} {digits(load.percentile(each))} ms" for each in QUANTILES)
            + f", worst {digits(load.latency_ms.max())} ms"
            for name, load in loads.items()
        )
        return drawing.picture(f"{title}. {said}.", _doubts(loads.values()))


def against_model(found: Mapping[str, float], expected: Mapping[str, float], color: str = FLASK) -> Picture:
    """What each setting gives (a bar, good answers a second) and what a model `expected` of it (a diamond)."""
    if not found or found.keys() != expected.keys() or not all(rate > 0 for rate in expected.values()):
        raise LessonError("Give the same settings twice, with what was found and with what a model expects above zero.")
    title = settings_that_reach(found, expected)
    with canvas(height=1.1 + 0.45 * len(found)) as drawing:
        (axes,) = drawing.axes
        axes.barh([*found], [*found.values()], 0.6, facecolor=color, alpha=0.45, edgecolor=color, hatch="////")
        axes.plot([*expected.values()], [*expected], "D", color=INK, linewidth=0)
        for name, rate in found.items():
            end = max(rate, expected[name])
            axes.annotate(digits(rate), (end, name), (10, 0), textcoords="offset points", va="center", weight="bold")
        axes.invert_yaxis()
        axes.set_xlim(0, 1.15 * max(*found.values(), *expected.values()))
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel("good answers a second (bars: found, diamonds: the model)")
        _title(drawing.figure, title)
        said = "; ".join(
            f"{name}: model {digits(expected[name])}, found {digits(rate)}" for name, rate in found.items()
        )
        return drawing.picture(f"{title}. Good answers a second: {said}.")


def _doubts(loads: Iterable[Load]) -> str:
    """What makes the numbers doubtful, each sentence once."""
    return " ".join(dict.fromkeys(warning for load in loads for warning in load.warnings()))


def _shade(name: str, index: int) -> str:
    """The framework's colour, or one of two others for names that are no framework's."""
    color = color_of(name)
    return color if color in (FASTAPI, FLASK) else (INK, NOTICE, QUIET)[index % 3]


def _tail(share: float) -> float:
    return -log10(1 - share)


def _cycled(choices: Sequence[str]) -> list[str]:
    return [*choices] * 5


def _title(figure: Figure, title: str) -> None:
    figure.suptitle(fill(title, 82), x=0.01, ha="left", weight="bold", size=12)
