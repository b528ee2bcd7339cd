"""`size`: how much code it is, by which ruler; what counts as what; the picture and its words."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from helpers import LessonError
from helpers.plots import card
from helpers.rulers import RULERS, count, size

pytestmark = pytest.mark.together

APP = """\
import flask  # a comment
from pydantic import (
    BaseModel,
)


class Book(BaseModel):
    title: str = ""


app = flask.Flask("books")


@app.get("/")
@app.get(
    "/books"
)
def books():
    # a comment of its own

    return [{"title": "Emma"}]


class Shelf(flask.views.MethodView):
    @app.get("/shelf")
    def get(self):
        return []
"""


def test_each_line_of_code_is_counted_once_and_has_its_kind() -> None:
    lines = count(APP, "lines")
    assert lines == {"imports": 4, "models": 2, "decorators": 5, "views": 6}
    assert lines.total() == len(
        [line for line in APP.splitlines() if line.strip() and not line.strip().startswith("#")]
    )


def test_other_rulers_count_other_things() -> None:
    assert count("a = 1; b = 22\n", "lines").total() == 1
    assert count("a = 1; b = 22\n", "statements").total() == 2
    assert count("a = 1; b = 22\n", "tokens").total() == 7
    assert count("a = 1; b = 22\n", "characters").total() == 8
    assert count('a = """x\n\ny z"""\n', "lines").total() == 3
    assert count(APP, "statements")["decorators"] == 0
    assert count(APP, "tokens", document=True).keys() == {"document"}


@pytest.fixture
def files(tmp_path: Path) -> dict[str, list[Path]]:
    (tmp_path / "small.py").write_text("a = {'one': 1, 'two': 2}\n")
    (tmp_path / "large.py").write_text(APP)
    (tmp_path / "large_document.py").write_text("document = {}\n")
    return {"small": [tmp_path / "small.py"], "large": [tmp_path / "large.py", tmp_path / "large_document.py"]}


def test_sizes_are_compared_by_the_chosen_ruler(files: dict[str, list[Path]]) -> None:
    sizes = size(files, "lines")
    assert (sizes["small"], sizes["large"], sizes.ratio("large", "small")) == (
        1,
        16,
        16,
    )  # what a comma holds apart, ruff leaves
    assert sizes.title == "By lines: large 16.00 times small"
    assert "large: 16 lines (imports 4, models 2, decorators 3, views 6, document 1)" in sizes.summary()
    assert "currentColor" in card(sizes.body())
    assert size(files, "lines", decorators=False)["large"] == 13
    assert size({"long": files["large"]}, "lines", width=60)["long"] == 16


def test_a_narrow_page_has_more_lines(tmp_path: Path) -> None:
    (tmp_path / "wide.py").write_text(f"answer = [{', '.join(map(str, range(30)))}]\n")
    narrow, wide = (size({"wide": [tmp_path / "wide.py"]}, width=width)["wide"] for width in (60, 200))
    assert narrow > wide == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"by": "hours"}, "There are the rulers 'lines', 'tokens', 'statements' and 'characters'"),
        ({"width": 20}, "width is a whole number from 60 to 320"),
    ],
)
def test_other_rulers_and_widths_are_refused(
    arguments: dict[str, Any], message: str, files: dict[str, list[Path]]
) -> None:
    with pytest.raises(LessonError, match=re.escape(message)):
        size(files, **arguments)


def test_files_that_cannot_be_measured_are_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("def f(:\n")
    with pytest.raises(LessonError, match="cannot be measured; run the cells that write it"):
        size({"none": [tmp_path / "none.py"]})
    with pytest.raises(LessonError, match=r"broken\.py is no Python"):
        size({"broken": [tmp_path / "broken.py"]})
    with pytest.raises(LessonError, match="Give the apps by name"):
        size({})


def test_there_is_a_number_for_every_ruler(files: dict[str, list[Path]]) -> None:
    assert [size(files, ruler)["small"] for ruler in RULERS] == [1, 11, 1, 19]
