"""What a site's jobs take in each framework, and how alive the extensions are that do them."""

from __future__ import annotations

import csv
import inspect
import textwrap
from collections.abc import Callable, Mapping
from typing import Any

from markupsafe import Markup

from helpers.errors import LessonError
from helpers.plots import FASTAPI, FLASK, INK, NOTICE, QUIET, TROUBLE, Drawn, Picture, canvas, table
from helpers.rulers import count
from helpers.storage import checkout
from helpers.words import listed, plural

KINDS = ("in the box", "a package", "you write it")
LOOKS = dict(zip(KINDS, (f"background:{FASTAPI}", f"border:2px dashed {FLASK}", f"background:{TROUBLE}"), strict=True))
TODAY = (2026, 11)  # year and month that the data is of

Way = tuple[Any, ...]  # one of KINDS, and the functions that do it


class Job:
    """A job of a site, and how it is done in Flask and in FastAPI: one of KINDS, then the functions that do it."""

    def __init__(self, title: str, flask: Way, fastapi: Way) -> None:
        self.title = title
        self.ways = {"Flask": flask, "FastAPI": fastapi}
        for framework, (kind, *_) in self.ways.items():
            if kind not in KINDS:
                raise LessonError(f"{title} in {framework} is {listed(map(repr, KINDS), 'or')}, not {kind!r}.")
        self.lines = {framework: sum(map(lines_of, way[1:])) for framework, way in self.ways.items()}


def lines_of(function: Callable[..., Any]) -> int:
    """How many lines of code a function of the notebook has; LessonError for what is no function."""
    try:
        return count(textwrap.dedent(inspect.getsource(function)), "lines").total()
    except (TypeError, OSError) as cause:
        raise LessonError(f"{function!r} has no lines to count; give the function itself.") from cause


class Tiles(Drawn):
    """A tile for each job and framework: who does it, and with how many lines of yours."""

    def __init__(self, *jobs: Job) -> None:
        if not jobs:
            raise LessonError("Give Tiles one job or more: Tiles(Job(...), Job(...)).")
        self.jobs = jobs

    def lines(self, framework: str) -> int:
        """All lines of a framework's jobs."""
        return sum(job.lines[framework] for job in self.jobs)

    @property
    def title(self) -> str:
        """The finding in one line."""
        parts = []
        for framework in ("Flask", "FastAPI"):
            own = sum(job.ways[framework][0] == KINDS[2] for job in self.jobs)
            parts.append(f"{framework} {plural(self.lines(framework), 'line')}, {plural(own, 'job')} of yours")
        return "; ".join(parts)

    def summary(self) -> str:
        lines = [f"{self.title}."]
        for job in self.jobs:
            ways = (
                f"{framework} {way[0]}, {plural(job.lines[framework], 'line')}" for framework, way in job.ways.items()
            )
            lines.append(f"{job.title}: {'; '.join(ways)}.")
        return "\n".join(lines)

    def body(self) -> str:
        rows = [[job.title, *(self._tile(job, framework) for framework in job.ways)] for job in self.jobs]
        rows.append(["together", *(plural(self.lines(framework), "line") for framework in ("Flask", "FastAPI"))])
        return f"<p><b>{self.title}</b></p>{table(rows, ['', 'Flask', 'FastAPI'], row_heads=True)}"

    def _tile(self, job: Job, framework: str) -> Markup:
        lines, kind = job.lines[framework], job.ways[framework][0]
        look = f"display:inline-block;height:.8rem;width:{5 * lines}px;box-sizing:border-box;{LOOKS[kind]}"
        return Markup(f'{kind}, {plural(lines, "line")}<br><span style="{look}"></span>')


class Releases(Drawn):
    """When extensions were last released, and how many packages of each name were released when."""

    def __init__(self, dates: Mapping[str, tuple[int, int]], packages: Mapping[str, Mapping[str, int]]) -> None:
        self.dates, self.packages = dates, packages

    def age(self, name: str) -> float:
        """Years from the newest release of the extension `name` to November 2026, in which it was looked up."""
        if name not in self.dates:
            raise LessonError(f"There is no {name!r} in data/releases.csv; there are {listed(self.dates)}.")
        year, month = self.dates[name]
        return (TODAY[0] - year) + (TODAY[1] - month) / 12

    @property
    def title(self) -> str:
        """The finding in one line."""
        shares = (
            f"{100 * part['last 12 months'] / sum(part.values()):.0f} % of {prefix}*"
            for prefix, part in self.packages.items()
        )
        return f"Released in the last 12 months: {listed(shares)}"

    def summary(self) -> str:
        ages = ", ".join(f"{name} {self.age(name):.1f}" for name in self.dates)
        counts = "; ".join(
            f"{prefix}*: {', '.join(f'{number:,} {when}' for when, number in part.items())}"
            for prefix, part in self.packages.items()
        )
        return f"{self.title}. Newest releases, by {counts}. Years since the newest release: {ages}."

    def body(self) -> str:
        return self._picture().body()

    def _picture(self) -> Picture:
        with canvas(1, 3, height=2.6, width=9) as drawing:
            first, *others = drawing.axes
            for row, name in enumerate(sorted(self.dates, key=self.age)):
                first.plot([0, self.age(name)], [row, row], color=QUIET, lw=1)
                first.plot(self.age(name), row, "D", color=TROUBLE if self.age(name) > 2 else FASTAPI)
            first.set_yticks(range(len(self.dates)), sorted(self.dates, key=self.age))
            first.axvline(2, color=INK, ls=":", lw=1)
            first.set(xlabel="years since the newest release", xlim=(-0.1, None), ymargin=0.15)
            for axes, (prefix, part) in zip(others, self.packages.items(), strict=True):
                bars = axes.bar([*part], [*part.values()], color=NOTICE, hatch="//")
                axes.bar_label(bars, labels=[f"{number:,}" for number in part.values()])
                axes.set(xlabel=f"newest release of {prefix}*", ylabel="packages", ymargin=0.15)
                axes.set_xticks(range(3), ["before\n2020", "2020 to\n2025", "last 12\nmonths"])
            drawing.figure.suptitle(self.title, x=0.01, ha="left", weight="bold", size=11)
            return drawing.picture(self.summary())


def releases() -> Releases:
    """The newest releases of this lesson's extensions, and of all packages named so; data/ says how it was counted."""
    dates: dict[str, tuple[int, int]] = {}
    packages: dict[str, dict[str, int]] = {}
    try:
        with (checkout() / "data" / "releases.csv").open(encoding="utf-8") as file:
            for row in csv.DictReader(file):
                year, month = row["released"].split("-")
                dates[row["name"]] = int(year), int(month)
        with (checkout() / "data" / "extensions.csv").open(encoding="utf-8") as file:
            for row in csv.DictReader(file):
                packages.setdefault(row["prefix"], {})[row["newest_release"]] = int(row["packages"])
    except (OSError, ValueError, LookupError) as cause:
        raise LessonError("data/releases.csv or data/extensions.csv cannot be read; restore them with git.") from cause
    return Releases(dates, packages)
