"""How much code is it? By lines, tokens, statements or characters: the ruler is the learner's."""

from __future__ import annotations

import ast
import io
import subprocess
import sys
import tokenize
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from helpers.arguments import whole_number
from helpers.errors import LessonError
from helpers.plots import FASTAPI, FLASK, NOTICE, QUIET, TROUBLE, Drawn, canvas, table
from helpers.words import listed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Ruler = Literal["lines", "tokens", "statements", "characters"]
RULERS: tuple[Ruler, ...] = get_args(Ruler)
Kind = Literal["imports", "models", "decorators", "views", "document"]
LOOKS: dict[Kind, tuple[str, str]] = {  # colour and hatch
    "imports": (QUIET, ""),
    "models": (NOTICE, "//"),
    "decorators": (TROUBLE, "xx"),
    "views": (FASTAPI, ""),
    "document": (FLASK, ".."),
}
NO_CODE = {*(tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT), *(tokenize.DEDENT, tokenize.ENDMARKER)}


def size(
    apps: Mapping[str, Sequence[str | Path]], by: Ruler = "lines", *, width: int = 120, decorators: bool = True
) -> Sizes:
    """How much code each app is, whose files `apps` gives: ``{"Flask": ["work/books_flask.py"]}``.

    `by` is the ruler: lines (blank ones and comments left out), tokens, statements or characters (spaces left out).
    Before that ruff lays the code out anew, for a page that is `width` characters wide (60 to 320); decorators can be
    left out. Raises LessonError for files that are not there or no Python.
    """
    if by not in RULERS:
        raise LessonError(f"There are the rulers {listed(map(repr, RULERS))}; {by!r} is none.")
    if not isinstance(apps, Mapping) or not apps or not all(apps.values()):
        raise LessonError('Give the apps by name, each with a list of files: {"Flask": ["work/books_flask.py"]}.')
    width = whole_number("width", width, 60, 320)
    counts = {app: {ruler: _sum(files, ruler, width, decorators) for ruler in RULERS} for app, files in apps.items()}
    return Sizes(counts, by)


def _sum(files: Sequence[str | Path], by: Ruler, width: int, decorators: bool) -> Counter[Kind]:
    total: Counter[Kind] = Counter()
    for file in files:
        total += count(laid_out(Path(file), width), by, document="document" in Path(file).stem)
    if not decorators:
        del total["decorators"]
    return total


def laid_out(file: Path, width: int) -> str:
    """The code in `file` as ruff lays it out."""
    line = [sys.executable, "-m", "ruff", "format", "--isolated", "--no-cache", f"--line-length={width}", "-"]
    try:
        text = file.read_text(encoding="utf-8")
        ran = subprocess.run(line, input=text, capture_output=True, encoding="utf-8", timeout=60)
    except (OSError, subprocess.TimeoutExpired) as cause:
        raise LessonError(f"{file} cannot be measured; run the cells that write it.") from cause
    if ran.returncode:
        raise LessonError(f"{file.name} is no Python: {ran.stderr.strip().splitlines()[-1]}.")
    return ran.stdout


def count(text: str, by: Ruler, *, document: bool = False) -> Counter[Kind]:
    """How much code of each kind there is in `text`; all of it is the document where that is what the file is for."""
    kinds: dict[int, Kind] = {}  # of each line that has code, and of no other
    units: Counter[int] = Counter()
    tree = ast.parse(text)
    for node in tree.body:
        for number, kind in _lines_of(node):
            kinds[number] = "document" if document else kind
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in NO_CODE:
            continue
        first, last = token.start[0], token.end[0]
        if by == "lines":
            for number in range(first, last + 1):
                units[number] = 1
        else:
            units[first] += 1 if by == "tokens" else len("".join(token.string.split()))
    if by == "statements":
        units = Counter(node.lineno for node in ast.walk(tree) if isinstance(node, ast.stmt))
    total: Counter[Kind] = Counter()
    for number, amount in units.items():
        total[kinds[number]] += amount
    return total


def _lines_of(node: ast.stmt) -> list[tuple[int, Kind]]:
    """The numbers of the lines of a statement at the top of a file, each with the kind of code that it is."""
    last = (node.end_lineno or node.lineno) + 1
    if isinstance(node, ast.Import | ast.ImportFrom):
        return [(number, "imports") for number in range(node.lineno, last)]
    if isinstance(node, ast.ClassDef) and node.bases and not _is_view(node):
        return [(number, "models") for number in range(node.lineno, last)]
    marks = [each for each in ast.walk(node) if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)]
    decorators = {
        number
        for each in marks
        for mark in each.decorator_list
        for number in range(mark.lineno, (mark.end_lineno or 0) + 1)
    }
    first = min([node.lineno, *decorators])
    return [(number, "decorators" if number in decorators else "views") for number in range(first, last)]


def _is_view(node: ast.ClassDef) -> bool:
    return any("View" in ast.unparse(base) for base in node.bases)


class Sizes(Drawn):
    """The size of each app by every ruler. ``sizes["Flask"]`` is its size by the chosen one."""

    def __init__(self, counts: Mapping[str, Mapping[Ruler, Counter[Kind]]], by: Ruler) -> None:
        self.counts, self.by = counts, by

    def __getitem__(self, app: str) -> int:
        return self._total(app, self.by)

    def ratio(self, app: str, other: str) -> float:
        """How many times as large `app` is as `other`, by the chosen ruler."""
        return self[app] / self[other]

    def _total(self, app: str, ruler: Ruler) -> int:
        if app not in self.counts:
            raise LessonError(f"There is no {app!r} here; there are {listed(self.counts)}.")
        return self.counts[app][ruler].total()

    @property
    def title(self) -> str:
        """The finding in one line."""
        first, *others = self.counts
        times = [f"{app} {self.ratio(app, first):.2f}" for app in others]
        return f"By {self.by}: {listed(times)} times {first}" if times else f"{self[first]} {self.by} in {first}"

    def summary(self) -> str:
        lines = [f"{self.title}."]
        for app, counts in self.counts.items():
            parts = ", ".join(f"{kind} {amount}" for kind in LOOKS if (amount := counts[self.by][kind]))
            lines.append(f"{app}: {self[app]} {self.by} ({parts}).")
        return "\n".join(lines)

    def body(self) -> str:
        rows = []
        for ruler in RULERS:
            totals = [self._total(app, ruler) for app in self.counts]
            rows.append([ruler, *(f"{total:,} ({total / totals[0]:.2f})" for total in totals)])
        with canvas(height=0.9 + 0.5 * len(self.counts)) as drawing:
            (axes,) = drawing.axes
            for row, app in enumerate(self.counts):
                self._bar(axes, row, app)
            axes.set_yticks(range(len(self.counts)), [*self.counts])
            axes.invert_yaxis()
            axes.set(xlabel=self.by, title=self.title, xlim=(0, 1.08 * max(map(self.__getitem__, self.counts))))
            picture = drawing.picture(self.summary())
        return picture.body() + table(rows, ["by", *self.counts], row_heads=True)

    def _bar(self, axes: Axes, row: int, app: str) -> None:
        """Draw an app's bar, a piece for each kind of code, with a name where it is wide enough."""
        left, widest = 0, max(map(self.__getitem__, self.counts))
        for kind, (color, hatch) in LOOKS.items():
            amount = self.counts[app][self.by][kind]
            axes.barh(row, amount, left=left, color=color, hatch=hatch, height=0.66)
            if amount > 0.075 * widest:
                axes.text(
                    left + amount / 2,
                    row,
                    f"{kind}\n{amount}",
                    ha="center",
                    va="center",
                    size=8,
                    color="black",
                    bbox={"facecolor": "white", "edgecolor": "none", "pad": 1, "alpha": 0.85},
                )
            left += amount
        axes.text(left, row, f" {left}", va="center", weight="bold")
