"""A comparison as a figure: a bar for each arm with a dot for each round, and a forest of ratios beside it."""

from __future__ import annotations

import math
from textwrap import fill
from typing import TYPE_CHECKING

from helpers.plots import FLASK, INK, QUIET, Picture, canvas, color_of
from helpers.words import digits

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from helpers.benchmark.comparison import Comparison
    from helpers.benchmark.statistics import Estimate

ROW = 0.55  # inches


def draw(comparison: Comparison) -> Picture:
    """The figure, with its finding as title and its numbers in words."""
    ratios = comparison.ratios
    count = len(comparison.urls)
    title = headline(ratios)
    with canvas(1, 2, height=1.3 + ROW * count, sharey=True, width_ratios=[1.15, 1]) as drawing:
        bars, forest = drawing.axes
        drawing.figure.suptitle(fill(title, 74), x=0.01, ha="left", weight="bold", size=12)
        _bars(bars, comparison)
        _forest(forest, ratios)
        bars.set_yticks(range(count), [fill(name, 22) for name in comparison.urls])
        bars.set_ylim(count - 0.45, -0.55)
        for axes in drawing.axes:
            axes.tick_params(axis="y", length=0)
            axes.spines["left"].set_visible(False)
        said = [f"{name} {digits(arm.throughput)} good answers a second" for name, arm in comparison.arms.items()]
        said += [f"{ratio.a} to {ratio.b} {ratio.words}" for ratio in ratios]
        return drawing.picture(f"{title}. Bars with a dot a round, and ratios with 95 % intervals: {'; '.join(said)}.")


def headline(ratios: list[Estimate]) -> str:
    """The finding of all the ratios together."""
    if len(ratios) == 1:
        return ratios[0].finding
    found = [f"{digits(ratio.value)} times {ratio.b}’s" for ratio in ratios if ratio.different]
    found += [f"as many as {ratio.b}’s" for ratio in ratios if ratio.conclusive and not ratio.different]
    wide = [ratio for ratio in ratios if ratio.direction and not ratio.conclusive]
    found += [f"{ratio.direction} than {ratio.b}’s" for ratio in wide]
    sentence = f"{ratios[0].a}’s answers: {', '.join(found)}" + " (by how much is inconclusive)" * bool(wide)
    unsure = [ratio for ratio in ratios if not ratio.conclusive and not ratio.direction]
    if not unsure:
        return sentence
    which = f"inconclusive beside {', '.join(ratio.b for ratio in unsure)}: {unsure[0].why_not}"
    return f"{sentence}; {which}" if found else f"{ratios[0].a} is {which}"


def _bars(axes: Axes, comparison: Comparison) -> None:
    from matplotlib.ticker import MaxNLocator

    most = max(load.throughput for found in comparison.rounds for load in found.values()) or 1.0
    for row, (name, arm) in enumerate(comparison.arms.items()):
        color = color_of(name)
        hatch = "////" if color == FLASK else ""
        axes.barh(row, arm.throughput, 0.5, facecolor=color, alpha=0.45, edgecolor="none", zorder=1)
        axes.barh(row, arm.throughput, 0.5, facecolor="none", edgecolor=color, hatch=hatch, hatchcolor=color, zorder=2)
        found = [each[name].throughput for each in comparison.rounds]
        spread = [row + 0.15 * math.sin(2.4 * number) for number in range(len(found))]
        axes.plot(found, spread, "o", color=INK, markersize=2.2, linewidth=0, zorder=3)
        end = max([arm.throughput, *found])
        axes.annotate(
            digits(arm.throughput), (end, row), (6, 0), textcoords="offset points", va="center", weight="bold"
        )
    axes.set_xlim(0, most * 1.22)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.set_xlabel("good answers a second\n(a dot: one round)")


def _forest(axes: Axes, ratios: list[Estimate]) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

    axes.axvline(1, color=QUIET, linewidth=1, linestyle=(0, (4, 3)), zorder=0)
    axes.plot(1, 0, "D", color=QUIET, markersize=6)
    axes.annotate("compared with the others", (1, 0), (8, 0), textcoords="offset points", va="center", size=8.5)
    finite = [edge for ratio in ratios for edge in (ratio.low, ratio.value, ratio.high) if 0 < edge < math.inf]
    low, high = min([1.0, *finite]), max([1.0, *finite])
    room = max((high / low) ** 0.12, 1.03)
    left, right = low / room, high * room
    axes.set_xscale("log")
    axes.set_xlim(left, right)
    for row, ratio in enumerate(ratios, start=1):
        ends = [min(max(edge, left), right) for edge in (ratio.low, ratio.high)]
        style = "-" if ratio.conclusive else ":"
        axes.plot(ends, [row, row], style, color=INK, linewidth=2, marker="|", markersize=10)
        value = min(max(ratio.value, left), right)
        fill_ = INK if ratio.conclusive else "none"
        axes.plot(value, row, "o", markerfacecolor=fill_, markeredgecolor=INK, markersize=8)
        axes.annotate(ratio.words, (1.03, row), xycoords=("axes fraction", "data"), va="center", size=9)
    if right / left > 4:
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=9))
        axes.xaxis.set_minor_locator(NullLocator())
    else:
        step = next(step for step in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1) if (right - left) / step <= 6)
        first = math.ceil(left / step)
        ticks = [number * step for number in range(first, math.floor(right / step) + 1)]
        axes.set_xticks(ticks)
        axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(f"{ratios[0].a} ÷ this\n(95 % interval)")
