"""`Tiles` and `releases`: who does which job of a site, and how alive the extensions are."""

from __future__ import annotations

import csv

import pytest

from helpers import LessonError
from helpers.home import Job, Tiles, releases
from helpers.plots import card
from helpers.storage import ROOT

pytestmark = pytest.mark.together


def short() -> int:
    return 1


def long() -> int:
    # a comment, and an empty line

    one = 1
    return one


def test_tiles_say_who_does_a_job_and_with_how_many_lines() -> None:
    tiles = Tiles(
        Job("a page", ("in the box", short), ("a package", long)),
        Job("a login", ("a package", short, long), ("you write it", long)),
    )
    assert (tiles.lines("Flask"), tiles.lines("FastAPI")) == (7, 6)
    assert tiles.title == "Flask 7 lines, 0 jobs of yours; FastAPI 6 lines, 1 job of yours"
    assert "a login: Flask a package, 5 lines; FastAPI you write it, 3 lines." in tiles.summary()
    assert card(tiles.body()).count("<span style=") == 4


def test_what_is_no_tile_is_told_in_a_sentence() -> None:
    with pytest.raises(LessonError, match="is 'in the box', 'a package' or 'you write it', not 'magic'"):
        Job("a page", ("magic", short), ("in the box", short))
    with pytest.raises(LessonError, match="give the function itself"):
        Job("a page", ("in the box", 3), ("in the box", short))
    with pytest.raises(LessonError, match="one job or more"):
        Tiles()


def test_releases_have_their_ages_and_their_counts() -> None:
    found = releases()
    assert found.age("Flask-Login") == pytest.approx(3 + 1 / 12)
    assert found.title == "Released in the last 12 months: 9 % of flask-* and 44 % of fastapi-*"
    assert sum(found.packages["flask-"].values()) == 2653
    assert sum(found.packages["fastapi-"].values()) == 1293
    assert "currentColor" in card(found.body())
    with pytest.raises(LessonError, match="no 'Flask-Nothing'"):
        found.age("Flask-Nothing")


@pytest.mark.parametrize("name", ["adoption", "extensions", "releases"])
def test_each_row_of_the_data_says_where_it_comes_from(name: str) -> None:
    with (ROOT / "data" / f"{name}.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert rows
    known = [row.get("source") or row.get("source_ref") or row.get("how") for row in rows]
    assert all(known)
    assert not [row for row in rows if None in row]  # more values than columns
