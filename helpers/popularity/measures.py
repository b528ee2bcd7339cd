"""The measures of adoption there are, and their rows in data/adoption.csv: each dated, each with its source."""

from __future__ import annotations

import csv
import re
from datetime import date
from typing import NamedTuple

from helpers.errors import LessonError
from helpers.storage import checkout
from helpers.words import listed

ARTICLE = date(2025, 1, 15)  # the day of the article on trial
FRAMEWORKS = ("FastAPI", "Flask", "Django")  # the two on trial, and one to see them beside


class Measure(NamedTuple):
    """What is counted, in words; what it is not; and whether its values are too far apart for a plain axis."""

    title: str
    unit: str
    is_not: str
    log: bool = False


MEASURES = {
    "github_stars": Measure(
        "GitHub stars", "stars", "A star is a bookmark: nobody takes it back when the project ends."
    ),
    "pypi_downloads_30d": Measure(
        "PyPI downloads in 30 days",
        "downloads in 30 days",
        "A download is not a user: build robots and mirrors count, and packages that bring the framework along.",
        log=True,
    ),
    "github_dependent_repos": Measure(
        "GitHub repositories that depend on it",
        "repositories",
        "A repository is not a running app: homework and abandoned trials count, private code does not.",
    ),
    "pypi_dependent_packages": Measure(
        "PyPI packages that depend on it",
        "packages",
        "A package is no deployment: it may be a plug-in, or a tool that needs one function.",
    ),
    "survey_psf_jetbrains": Measure(
        "Python developers' survey (PSF and JetBrains)",
        "percent of those asked",
        "A survey asks those who answer it, and several answers are allowed. The round of 2024 was published "
        "in August 2025, after the article.",
    ),
    "survey_stackoverflow": Measure(
        "Stack Overflow's survey",
        "percent of those asked",
        "A survey asks those who answer it, in all languages, and several answers are allowed.",
    ),
}


class Row(NamedTuple):
    """One row: `value` of a framework on `day`; `as_of` is the day as the source gives it, perhaps a year alone."""

    framework: str
    value: float
    day: date
    as_of: str
    written: str  # the value as the source gives it, such as "940K"
    title: str  # of the source
    source: str  # where in it
    kind: str  # "primary", or "secondary" where somebody else quotes it


def amount(text: str) -> float:
    """A value of data/adoption.csv as a number: ``"940K"`` gives 940000.0, ``"1.8M"`` 1800000.0, ``"14.8"`` 14.8.

    Raises LessonError for what is no number.
    """
    if not isinstance(text, str) or not (found := re.fullmatch(r"(\d+(?:\.\d+)?)([KM]?)", text.strip())):
        raise LessonError(f'amount takes a number as the table writes it, such as "940K" or "14.8"; not {text!r}.')
    return round(float(found[1]) * {"": 1, "K": 1e3, "M": 1e6}[found[2]], 6)


def day_of(as_of: object) -> date:
    """A day such as ``"2025-01-15"``; a year alone counts from its last day on, as all of it has to be known.

    Raises LessonError for what is neither.
    """
    if isinstance(as_of, date):
        return as_of
    try:
        text = str(as_of)
        return date(int(text), 12, 31) if re.fullmatch(r"\d{4}", text) else date.fromisoformat(text)
    except ValueError as cause:
        raise LessonError(f'A day is written as "2025-01-15", or as a year, "2025"; {as_of!r} is not.') from cause


def rows_of(name: object) -> list[Row]:
    """The rows of one measure, oldest first; two that say the same of the same day count once.

    Raises LessonError for a measure that there is not, and where the file cannot be read.
    """
    if not isinstance(name, str) or name not in MEASURES:
        raise LessonError(f"There is no measure {name!r}; there are {listed(map(repr, MEASURES))}.")
    try:
        with (checkout() / "data" / "adoption.csv").open(encoding="utf-8", newline="") as file:
            found = [_row(row) for row in csv.DictReader(file) if row["metric"] == name]
        if not found:
            raise LookupError(name)
    except (OSError, ValueError, LookupError, TypeError, LessonError) as cause:
        raise LessonError("data/adoption.csv cannot be read; restore it with git.") from cause
    return sorted({(row.framework, row.day): row for row in found}.values(), key=lambda row: row.day)


def _row(row: dict[str, str]) -> Row:
    return Row(
        row["framework"],
        amount(row["value"]),
        day_of(row["as_of"]),
        row["as_of"],
        row["value"],
        row["source_title"],
        row["source_ref"],
        row["kind"],
    )
