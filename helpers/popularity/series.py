"""One measure of adoption over time: the values, who leads when, and between which rows the order changed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import groupby, pairwise, permutations
from typing import Any, NamedTuple

from helpers.errors import LessonError
from helpers.plots import INK, NOTICE, Drawn, Picture, canvas, color_of, escape, table
from helpers.popularity.measures import ARTICLE, FRAMEWORKS, MEASURES, Row, day_of, rows_of
from helpers.words import listed, plural

NOBODY = "nobody knows"  # who leads where no two frameworks have a row of the same day
LOOKS = {"FastAPI": "o-", "Flask": "s--", "Django": "^:"}  # what tells the lines apart beside their colours


class Crossing(NamedTuple):
    """`ahead` was still behind in the rows of `before`, and is in front of `behind` in those of `after`."""

    ahead: str
    behind: str
    before: date
    after: date


class Adoption(Drawn):
    """What ``adoption("github_stars")`` shows. `rows` are the measure's rows, `crossings` all changes of order."""

    def __init__(self, name: str) -> None:
        self.rows = rows_of(name)
        self.name, self.measure = name, MEASURES[name]
        self._on: dict[date, dict[str, Row]] = {
            day: {row.framework: row for row in rows} for day, rows in groupby(self.rows, key=lambda row: row.day)
        }
        pairs = permutations(FRAMEWORKS, 2)
        self.crossings = sorted((each for pair in pairs for each in self._changes(*pair)), key=lambda each: each.after)

    def leader(self, day: object = "9999") -> str:
        """Who led up to `day` ("2025-01-15", or a year): "Flask"; "Flask and Django" where two are level.

        The newest row counts that is not later than `day` and has two frameworks or more; "nobody knows" without one.
        Raises LessonError for what is no day.
        """
        known = [each for each in self._on if each <= day_of(day) and len(self._on[each]) > 1]
        return self._first(max(known)) if known else NOBODY

    def crossing(self, ahead: str, behind: str) -> Crossing | None:
        """The first time that `ahead` passed `behind`, by the rows there are; None where they show none.

        Raises LessonError for a framework that has no rows.
        """
        for framework in (ahead, behind):
            if framework not in FRAMEWORKS:
                raise LessonError(f"The table has rows of {listed(FRAMEWORKS)}, none of {framework!r}.")
        return next(self._changes(ahead, behind), None)

    @property
    def title(self) -> str:
        """The finding in one line."""
        passed = self.crossing("FastAPI", "Flask")
        if passed:
            when = f"FastAPI passed Flask between {written(passed.before)} and {written(passed.after)}"
        elif len(self._both("FastAPI", "Flask")) < 2:
            when = "too few rows to say who passed whom"
        else:
            when = "no row shows FastAPI passing Flask"
        return f"{self.measure.title}: {leads(self.leader())} in {written(max(self._on))}; {when}"

    def summary(self) -> str:
        lines = [f"{self.title}.", self.values(), self.history()]
        return "\n".join([*lines, self.measure.is_not, self._sources()])

    def body(self) -> str:
        rows = [(row.as_of, row.framework, value_of(row), f"{row.title}: {row.source}", row.kind) for row in self.rows]
        folded = table(rows, ("date", "framework", self.measure.unit, "source", "kind"))
        fold = f"<details><summary>All {len(rows)} rows, with their sources</summary>{folded}</details>"
        notes = (self.history(), self.measure.is_not, self._sources())
        return self.picture().body() + "".join(f"<p>{escape(note)}</p>" for note in notes) + fold

    def values(self) -> str:
        """The newest value of each framework, in a sentence."""
        newest = self._newest()
        return f"Newest rows: {listed(f'{row.framework} {value_of(row)} ({row.as_of})' for row in newest)}."

    def history(self) -> str:
        """Who led when, and who passed whom, in sentences."""
        known = [day for day in self._on if len(self._on[day]) > 1]
        turns = [next(days) for _, days in groupby(known, key=self._first)]
        led = listed(f"{leads(self._first(day))} from {written(day)} on" for day in turns)
        passed = [
            f"{c.ahead} passed {c.behind} between {exactly(c.before)} and {exactly(c.after)}" for c in self.crossings
        ]
        then = f"On the article's day {leads(self.leader(ARTICLE))}."
        return f"{then} By all rows {led}. {'; '.join(passed) or 'No row shows one passing another'}."

    def picture(self) -> Picture:
        """The lines, the article's day, and the gap in which FastAPI passed Flask."""
        from matplotlib.dates import YearLocator

        with canvas(height=3.4, width=8.6) as drawing:
            axes: Any = drawing.axes[0]  # whose types know nothing of dates
            if self.measure.log:
                axes.set_yscale("log")
            else:
                axes.set_ylim(0, 1.12 * max(row.value for row in self.rows))
            for framework in FRAMEWORKS:
                own = [row for row in self.rows if row.framework == framework]
                color = color_of(framework)
                axes.plot(
                    [placed(row.day) for row in own], [row.value for row in own], LOOKS[framework], color=color, ms=5
                )
            axes.axvline(ARTICLE, 0.12, color=INK, ls="-.", lw=1)
            axes.annotate("the article", (ARTICLE, 1.01), xycoords=("data", "axes fraction"), ha="center")
            if passed := self.crossing("FastAPI", "Flask"):
                axes.axvspan(placed(passed.before), placed(passed.after), color=NOTICE, alpha=0.35, lw=0)
                start = (placed(passed.before), 0.03)  # below all lines, to the left of the gap
                axes.annotate("FastAPI passes Flask ", start, xycoords=("data", "axes fraction"), ha="right")
            axes.margins(x=0.03)
            axes.yaxis.set_major_formatter(lambda value, _: short(value))
            axes.set(ylabel=self.measure.unit)
            axes.xaxis.set_major_locator(YearLocator())  # type: ignore[no-untyped-call]  # matplotlib.dates has no types
            low, high = axes.transData.inverted().transform(axes.transAxes.transform([(0, 0), (1, 1)]))[:, 1]
            turn = axes.yaxis.get_transform()
            bottom, top = turn.transform([low, high])
            places = {row: (turn.transform([row.value])[0] - bottom) / (top - bottom) for row in self._newest()}
            for row, place in zip(places, apart(list(places.values()), 0.07), strict=True):
                color = INK if row.framework == "Django" else color_of(row.framework)
                words = f"{row.framework} {short(row.value)}"
                axes.annotate(words, (1.01, place), xycoords="axes fraction", va="center", color=color)
            drawing.figure.suptitle(self.title.replace("; ", ";\n"), x=0.01, ha="left", weight="bold", size=11)
            return drawing.picture(f"{self.title}. {self.values()}")

    def _both(self, *frameworks: str) -> list[date]:
        """The days on which each of `frameworks` has a row."""
        return [day for day, rows in self._on.items() if all(framework in rows for framework in frameworks)]

    def _changes(self, ahead: str, behind: str) -> Iterator[Crossing]:
        """Each time that `ahead` comes to be in front of `behind`; rows in which they are level decide nothing."""
        leads_by = {day: self._on[day][ahead].value - self._on[day][behind].value for day in self._both(ahead, behind)}
        for before, after in pairwise(day for day, lead in leads_by.items() if lead):
            if leads_by[before] < 0 < leads_by[after]:
                yield Crossing(ahead, behind, before, after)

    def _first(self, day: date) -> str:
        best = max(row.value for row in self._on[day].values())
        return listed(name for name in FRAMEWORKS if name in self._on[day] and self._on[day][name].value == best)

    def _newest(self) -> list[Row]:
        """The last row of each framework, the largest value first."""
        return sorted({row.framework: row for row in self.rows}.values(), key=lambda row: -row.value)

    def _sources(self) -> str:
        kinds = listed(sorted({row.kind for row in self.rows}))
        first, last = self.rows[0].as_of, self.rows[-1].as_of
        titles = list(dict.fromkeys(row.title for row in self.rows))
        whose = titles[0] if len(titles) == 1 else f"{len(titles)} sources, told below"
        many = plural(len(self.rows), "row")
        return f"{many} ({kinds}), {first} to {last}: {whose}. Lines join rows; between two rows nobody has looked."


def leads(leader: str) -> str:
    """``"Flask leads"``, ``"Flask and Django are level"``."""
    return leader if leader == NOBODY else f"{leader} are level" if " and " in leader else f"{leader} leads"


def written(day: date) -> str:
    """A day in a title: ``"Oct 2025"``; the end of a year, which may stand for all of it, as the year."""
    return str(day.year) if (day.month, day.day) == (12, 31) else f"{day:%b %Y}"


def placed(day: date) -> date:
    """Where a day is drawn: a year in its middle."""
    return day.replace(month=7, day=1) if (day.month, day.day) == (12, 31) else day


def exactly(day: date) -> str:
    """A day in a sentence: ``"2025-10-01"``, and a year where only that is known."""
    return written(day) if (day.month, day.day) == (12, 31) else str(day)


def value_of(row: Row) -> str:
    """The value as the source gives it, thousands apart: ``"101,223"``, ``"1.8M"``, ``"14.8"``."""
    return f"{int(row.written):,}" if row.written.isdigit() else row.written


def short(value: float) -> str:
    """A large number in few characters: ``"368M"``, ``"32K"``, ``"1.8M"``."""
    for size, letter in ((1e6, "M"), (1e3, "K")):
        if value >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:g}"


def apart(places: list[float], gap: float) -> list[float]:
    """`places`, the highest first, moved down where two are nearer than `gap`, so that labels do not meet."""
    moved: list[float] = []
    for place in places:
        moved.append(min(place, moved[-1] - gap) if moved else place)
    return moved
