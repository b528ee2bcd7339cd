"""The ledger as one picture: a cell for each claim, with its verdict, the guess, and whether it was turned over."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from helpers import plots
from helpers.claims import rules
from helpers.claims.drawing import MARKS
from helpers.claims.entries import Entry
from helpers.claims.rules import Claim, Verdict
from helpers.claims.scoring import first_guess, turned_over, was_right
from helpers.words import plural

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# A colour, an opacity and a line for each verdict; its mark says the same.
LOOKS: dict[Verdict, tuple[str, float, str]] = {
    rules.HOLDS: (plots.FASTAPI, 0.35, "-"),
    rules.CONDITIONS: (plots.NOTICE, 0.35, "-"),
    rules.FAILS: (plots.TROUBLE, 0.35, "-"),
    rules.INCONCLUSIVE: (plots.QUIET, 0.3, ":"),
    rules.OPINION: ("#CC79A7", 0.35, "-"),
    rules.UNMEASURABLE: (plots.QUIET, 0.3, "-"),
    rules.UNTRIED: (plots.QUIET, 0.0, "--"),
}
TURNED = "⟲"
GUESSED = {True: "guess right", False: "guess not right", None: "guess not compared"}
LEFT, WIDE, HIGH = 2.3, 1.08, 0.78  # where the cells begin, and what one takes, in inches and in rows

ROOM = 0.064  # inches for a letter of the key


class LedgerPicture(plots.Picture):
    """What `ledger().picture()` shows. `lines` says of each lesson's claims what their cells show."""

    def __init__(self, picture: plots.Picture, lines: list[str]) -> None:
        super().__init__(picture.svg, picture.alt, picture.sentence)
        self.lines = lines

    def summary(self) -> str:
        return "\n".join([self.alt, *self.lines, self.sentence])


def draw(
    claims: Mapping[str, Claim], entries: Mapping[str, Entry], titles: Mapping[str, str], notices: Sequence[str] = ()
) -> LedgerPicture:
    """All of `claims` in one picture, a row for each lesson; `titles` are the lessons'. Widths are in inches."""
    lessons: dict[str, list[str]] = {lesson: [] for lesson in sorted(titles)}
    for name, claim in claims.items():
        lessons[claim.lesson[0]].append(name)
    verdicts = {name: verdict_of(entries[name]) for name in claims}
    title = finding(claims, entries)
    with plots.canvas(width=10.2, height=0.36 * len(lessons) + 1.3) as drawing:
        axes = drawing.axes[0]
        axes.set_axis_off()
        axes.set_xlim(0, 10)
        axes.set_ylim(len(lessons) + 1.9, -0.5)
        for row, (lesson, names) in enumerate(lessons.items()):
            axes.text(0, row, titles[lesson], va="center", fontsize=9.5)
            for column, name in enumerate(names):
                x = LEFT + column * WIDE
                _cell(axes, x, row, verdicts[name], name)
                _signs(axes, x, row, entries[name])
        _key(axes, len(lessons) + 0.35, [verdict for verdict in rules.VERDICTS if verdict in verdicts.values()])
        heading = textwrap.fill(title, 100)
        drawing.figure.suptitle(heading, x=0.005, ha="left", fontsize=11, fontweight="bold")
        alt = f"{title}. A row for each lesson, a cell for each claim."
        picture = drawing.picture(alt, " ".join(["Each claim stands with the first lesson that tries it.", *notices]))
    said = [
        f"{titles[lesson]}: {'; '.join(told(name, entries[name]) for name in names)}."
        for lesson, names in lessons.items()
    ]
    return LedgerPicture(picture, said)


def verdict_of(entry: Entry) -> Verdict:
    """The latest verdict, which counts."""
    last = entry["verdicts"][-1]["verdict"] if entry["verdicts"] else None
    return last or rules.UNTRIED


def finding(claims: Mapping[str, Claim], entries: Mapping[str, Entry]) -> str:
    """What the picture shows, in one line."""
    tried = sum(verdict_of(entries[name]) != rules.UNTRIED for name in claims)
    if not tried:
        return f"{len(claims)} claims on trial, none of them tried yet"
    right = Counter(was_right(entries[name]) for name in claims if first_guess(entries[name]) is not None)
    guesses = f"{right[True]} of {plural(right[True] + right[False], 'guess', 'guesses')} right"
    turned = sum(turned_over(entries[name]) for name in claims)
    return f"{tried} of {len(claims)} claims tried, {guesses}, {turned or 'none'} turned over"


def told(name: str, entry: Entry) -> str:
    """What a claim's cell shows, in words: ``"C30 does not hold, guess right, turned over"``."""
    parts = [f"{name} {verdict_of(entry)}"]
    parts += [GUESSED[was_right(entry)]] if first_guess(entry) is not None else []
    return ", ".join([*parts, *(["turned over"] if turned_over(entry) else [])])


def _cell(axes: Axes, x: float, row: float, verdict: Verdict, name: str) -> None:
    """A verdict's mark on its colour, and the claim's name."""
    _tile(axes, x, row, verdict, WIDE - 0.08)
    axes.text(x + 0.29, row, name, va="center", fontsize=9)


def _tile(axes: Axes, x: float, row: float, verdict: Verdict, width: float) -> None:
    from matplotlib.colors import to_rgba
    from matplotlib.patches import Rectangle

    color, opacity, line = LOOKS[verdict]
    fill = to_rgba(color, opacity)
    axes.add_patch(Rectangle((x, row - HIGH / 2), width, HIGH, facecolor=fill, edgecolor=color, linestyle=line))
    axes.text(x + 0.15, row, MARKS[verdict], ha="center", va="center", fontsize=11)


def _signs(axes: Axes, x: float, row: float, entry: Entry) -> None:
    """Whether there was a guess and whether it was right, and whether the result was turned over."""
    if first_guess(entry) is not None:
        _guess(axes, x + 0.69, row, was_right(entry))
    if turned_over(entry):
        axes.text(x + 0.86, row, TURNED, ha="center", va="center", fontsize=11)


def _guess(axes: Axes, x: float, row: float, right: bool | None) -> None:
    """A filled triangle for a guess that was right, an empty one where it was not, a dash where nothing tells."""
    shape, fill = "_" if right is None else "v", plots.INK if right else "none"
    axes.plot(x, row, shape, markersize=6, markerfacecolor=fill, markeredgecolor=plots.INK)


def _key(axes: Axes, row: float, verdicts: list[Verdict]) -> None:
    """What the marks mean: the verdicts that occur, and the signs for guesses and turns."""
    axes.axhline(row - 0.7, color=plots.QUIET, linewidth=0.8)
    x = 0.0
    for verdict in verdicts:
        _tile(axes, x, row, verdict, 0.3)
        axes.text(x + 0.38, row, verdict, va="center", fontsize=9)
        x += 0.6 + ROOM * len(verdict)
    x = 0.15
    for right, words in ((True, "your guess was right"), (False, "it was not"), (None, "it is not decided")):
        _guess(axes, x, row + 1, right)
        axes.text(x + 0.23, row + 1, words, va="center", fontsize=9)
        x += 0.6 + ROOM * len(words)
    axes.text(x, row + 1, TURNED, ha="center", va="center", fontsize=11)
    axes.text(x + 0.23, row + 1, "it has come out in two ways", va="center", fontsize=9)
