"""How guesses and verdicts look: numbers in words, one number line, the words of a rule."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from helpers import plots
from helpers.claims import rules
from helpers.claims.rules import Claim, Number, Verdict

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MARKS = {
    rules.HOLDS: "✓",
    rules.CONDITIONS: "◐",
    rules.FAILS: "✗",
    rules.INCONCLUSIVE: "≈",
    rules.OPINION: "“”",
    rules.UNMEASURABLE: "∅",
    rules.UNTRIED: "○",
}
MOODS = {rules.HOLDS: "good", rules.FAILS: "bad"}  # every other verdict is a "note"

Band = tuple[float, float]


def marked(verdict: Verdict) -> str:
    """A verdict with its mark: ``"✗ does not hold"``."""
    return f"{MARKS[verdict]} {verdict}"


def digits(value: float) -> str:
    """A number as a person would write it: three digits that count, thousands apart, a year as a year."""
    if 1e15 > abs(value) >= 10_000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if abs(value) < 10_000 and (value == round(value) or abs(value) >= 100) else f"{value:.3g}"


def extent(low: float, high: float) -> str:
    """A band in words: ``"3 to 10"``, ``"10 or more"``."""
    if math.isinf(high):
        return "any number" if math.isinf(low) else f"{digits(low)} or more"
    if math.isinf(low):
        return f"{digits(high)} or less"
    return digits(low) if low == high else f"{digits(low)} to {digits(high)}"


def in_words(found: object) -> str:
    """A guess, a measurement, a check or a vote in plain words."""
    if isinstance(found, Number):
        return digits(found.value) + ("" if found.low == found.high else f" ({extent(found.low, found.high)})")
    if isinstance(found, bool):
        return "yes" if found else "no"
    if found is None:
        return "open"
    if rules.is_number(found):
        return digits(found)
    if isinstance(found, list | tuple) and len(found) == 2 and all(rules.is_number(edge) for edge in found):
        return extent(*found)
    return str(found)


def band(value: object) -> Band | None:
    """A number or a pair of numbers as (low, high); None for anything else."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value), float(value)
    if isinstance(value, list | tuple) and len(value) == 2 and all(isinstance(edge, int | float) for edge in value):
        return float(value[0]), float(value[1])
    return None


def rule_in_words(claim: Claim) -> str:
    """What decides `claim`, as a sentence for the learner."""
    if claim.decided == "opinion":
        return "Decided by your vote; the verdict is “opinion” whatever you vote."
    if claim.decided == "unmeasurable":
        return "No run and no source at hand can decide this."
    if claim.numeric:
        parts = [
            f"{verdict} {'at' if len(set(claim.rule[key])) == 1 else 'within'} {extent(*claim.rule[key])}"
            for key, verdict in (("holds", rules.HOLDS), ("conditions", rules.CONDITIONS))
            if key in claim.rule
        ]
        rest = "does not hold elsewhere; inconclusive when the interval reaches across an edge."
        return f"It {'; '.join(parts)}; {rest}"
    needs = " and ".join(f"“{name}”" for name in claim.rule["needs"])
    unless = " or ".join(f"“{name}”" for name in claim.rule.get("unless", []))
    when = f"It holds if {needs}{f'; with conditions once {unless}' if unless else ''}; otherwise it does not hold."
    return f"{when} Inconclusive where an open check decides."


def number_line(
    title: str, unit: str, measured: Number, guess: object = None, says: object = None, rule: rules.Rule | None = None
) -> plots.Picture:
    """Article, rule, guess and measurement above one axis in `unit`, a lane each, so that no label meets another.

    `guess`, `says` and the bands of `rule` are a number or a (low, high), or None; an infinite end runs off the axis.
    """
    holds, conditions = (band((rule or {}).get(part)) for part in ("holds", "conditions"))
    lanes = [
        (label, name, span)
        for label, name, span in (
            ("the article", "article", band(says)),
            ("it holds within", "rule", holds if holds != band(says) else None),
            ("with conditions within", "conditions", conditions),
            ("your guess", "guess", band(guess)),
            ("measured here", "measured", (measured.low, measured.high)),
        )
        if span
    ]
    ends = [end for *_, span in lanes for end in (*span, measured.value) if math.isfinite(end)]
    with plots.canvas(width=8, height=1.15 + 0.36 * len(lanes)) as drawing:
        axes = drawing.axes[0]
        low, high = _scale(axes, ends)
        for row, (_, name, span) in enumerate(reversed(lanes)):
            _lane(axes, row, name, (max(span[0], low), min(span[1], high)), measured.value)
            words = in_words(measured) if name == "measured" else extent(*span)
            axes.annotate(words, (1.02, row), xycoords=("axes fraction", "data"), va="center")
        target = next((span for _, name, span in lanes if name in ("article", "rule")), None)
        if target:  # what the measurement is compared with runs down through all the lanes
            for edge in filter(math.isfinite, set(target)):
                axes.axvline(edge, color=plots.QUIET, linestyle=":", linewidth=1, zorder=0)
        axes.set_yticks(range(len(lanes)), [label for label, *_ in reversed(lanes)])
        axes.set_ylim(-0.6, len(lanes) - 0.4)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel(unit.strip("()"))
        rows = math.ceil(len(title) / 80)
        heading = textwrap.fill(title, len(title) // rows + (10 if rows > 1 else 1))  # rows of about the same length
        drawing.figure.suptitle(heading, x=0.01, ha="left", fontsize=11, fontweight="bold")
        said = [f"{label} {extent(*span)}" for label, name, span in lanes if name != "measured"]
        alt = f"Number line, {unit or 'no unit'}: {', '.join([*said, f'measured here {in_words(measured)}'])}."
        return drawing.picture(alt)


def _scale(axes: Axes, ends: Sequence[float]) -> Band:
    """Choose a scale on which all of `ends` can be told apart; returns two places just outside the axis."""
    from matplotlib.ticker import EngFormatter, LogLocator, MaxNLocator, NullFormatter, StrMethodFormatter

    sizes = sorted(abs(end) for end in ends if end)
    wide = bool(sizes) and sizes[-1] >= 12 * sizes[0]
    if wide and min(ends) > 0:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if sizes[-1] < 1000 * sizes[0] else (1,), numticks=9))
    elif wide:
        axes.set_xscale("symlog", linthresh=sizes[0])
    else:
        axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    turn = axes.xaxis.get_transform()
    first, last = turn.transform([min(ends), max(ends)])
    room = 0.08 * (last - first) or max(0.2 * min(abs(last), 5), 0.001 * abs(last)) or 1.0
    low, high = turn.inverted().transform([first - room, last + room])
    axes.set_xlim(low, high)
    kept: list[float] = []  # ticks with room for their labels
    for tick in sorted(tick for tick in axes.get_xticks() if low <= tick <= high):
        if not kept or turn.transform(tick) - turn.transform(kept[-1]) > 0.1 * (last - first + 2 * room):
            kept.append(tick)
    axes.set_xticks(kept)
    plain = all(1e-4 <= abs(tick) < 1e5 for tick in kept if tick)
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}") if plain else EngFormatter(sep=""))
    axes.xaxis.set_minor_formatter(NullFormatter())
    beyond = turn.inverted().transform([first - 2 * room, last + 2 * room])  # where an open end goes
    return float(beyond[0]), float(beyond[1])


def _lane(axes: Axes, row: int, name: str, span: Band, value: float) -> None:
    """One lane's mark: a hatched bar (article), an outlined bar (rule), triangles (guess), a dot with its interval."""
    low, high = span
    if name == "measured":
        axes.plot(span, (row, row), color=plots.INK, linewidth=2.5, marker="|" if low < high else "", markersize=11)
        axes.plot(value, row, "o", color=plots.INK, markersize=8)
    elif name == "guess":
        axes.plot(span, (row, row), "v--", color=plots.NOTICE, markersize=9, markeredgecolor=plots.INK)
    elif low == high:
        axes.plot(low, row, "D", color=plots.QUIET, markersize=8, markeredgecolor=plots.INK)
    else:
        hatch = "////" if name == "article" else ""
        axes.barh(row, high - low, left=low, height=0.5, facecolor="none", edgecolor=plots.QUIET, hatch=hatch)
