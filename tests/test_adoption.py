"""`adoption`: what the rows say, who leads when, the gap of a crossing; and the picker, with widgets and without."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import nbformat
import pytest
from browser import browser, chromium, jupyterlab, lab_page
from lessons import ROOT, run_all, troubles
from nbconvert import HTMLExporter
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook
from playwright.sync_api import expect

import helpers
from helpers import LessonError, adoption
from helpers.plots import card
from helpers.popularity import ARTICLE, MEASURES, Adoption, Crossing, Picker, amount, day_of, measures
from helpers.popularity.series import apart, short, written

pytestmark = pytest.mark.together

HEAD = "metric,framework,value,unit,as_of,source_title,source_ref,kind,note\n"


@pytest.fixture
def stars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A table with no rows but those given, ("2021-01-01", framework, value) each, as rows of stars."""

    def of(*rows: tuple[str, str, str]) -> Adoption:
        lines = [f"github_stars,{who},{value},stars,{day},Weekly,commit 1,primary," for day, who, value in rows]
        (tmp_path / "data").mkdir(exist_ok=True)
        (tmp_path / "data" / "adoption.csv").write_text(HEAD + "\n".join(lines), encoding="utf-8")
        return Adoption("github_stars")

    monkeypatch.setattr(measures, "checkout", lambda: tmp_path)
    return of


def test_the_word_stays_the_word_after_its_room_was_imported() -> None:
    assert helpers.adoption is adoption
    assert callable(helpers.adoption)


def test_importing_the_room_is_cheap() -> None:
    code = "import sys, helpers.popularity; print(sorted({'matplotlib', 'ipywidgets', 'numpy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# The rows


def test_the_table_says_what_the_sources_say() -> None:
    assert adoption("github_stars").crossings == [
        Crossing("FastAPI", "Flask", date(2023, 1, 2), date(2023, 12, 4)),
        Crossing("FastAPI", "Django", date(2025, 1, 6), date(2025, 4, 14)),
    ]
    downloads = adoption("pypi_downloads_30d").crossing("FastAPI", "Flask")
    assert downloads == Crossing("FastAPI", "Flask", date(2025, 10, 1), date(2025, 11, 1))
    assert adoption("github_dependent_repos").crossings == []


def test_the_winner_changes_with_the_measure_and_with_the_day() -> None:
    then = {name: adoption(name).leader(ARTICLE) for name in MEASURES}
    assert then == {
        "github_stars": "Django",
        "pypi_downloads_30d": "Flask",
        "github_dependent_repos": "Flask",
        "pypi_dependent_packages": "Django",
        "survey_psf_jetbrains": "FastAPI",
        "survey_stackoverflow": "nobody knows",
    }
    assert [name for name in MEASURES if adoption(name).leader() != "FastAPI"] == ["github_dependent_repos"]
    assert adoption("survey_psf_jetbrains").leader("2023") == "Flask and Django"
    assert adoption("github_stars").leader("1999-01-01") == "nobody knows"


def test_every_measure_of_the_table_can_be_shown_and_every_value_read() -> None:
    with (ROOT / "data" / "adoption.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["metric"] for row in rows if row["unit"] != "date"} == set(MEASURES)
    assert {row["unit"] for row in rows if row["metric"] not in MEASURES} == {"date"}
    assert all(row["value"] == row["as_of"] for row in rows if row["unit"] == "date")
    shown = [(row.framework, row.as_of, row.written) for name in MEASURES for row in adoption(name).rows]
    written_down = {(row["framework"], row["as_of"], row["value"]) for row in rows if row["metric"] in MEASURES}
    assert sorted(shown) == sorted(written_down)


@pytest.mark.parametrize(
    ("text", "value"),
    [("940K", 940_000), ("1.8M", 1_800_000), ("5.9K", 5900), ("7.42", 7.42), ("13238892", 13_238_892)],
)
def test_an_amount_is_read_as_its_source_writes_it(text: str, value: float) -> None:
    assert amount(text) == value


@pytest.mark.parametrize("text", ["", "many", "1,000", "-3", "1B", None, 3])
def test_what_is_no_amount_is_told(text: Any) -> None:
    with pytest.raises(LessonError, match="a number as the table writes it"):
        amount(text)


def test_a_year_alone_counts_once_it_is_over() -> None:
    assert day_of("2024") == date(2024, 12, 31)
    assert day_of("2024-05-06") == day_of(date(2024, 5, 6)) == date(2024, 5, 6)
    for wrong in ("May 2024", "2024-13-01", "99999", None, 2024.5):
        with pytest.raises(LessonError, match="A day is written as"):
            day_of(wrong)


@pytest.mark.parametrize("wrong", ["stars", "", 3, ..., ["github_stars"]])
def test_an_unknown_measure_is_refused_with_those_there_are(wrong: Any) -> None:
    with pytest.raises(LessonError, match=r"no measure .*'github_stars', .* and 'survey_stackoverflow'"):
        adoption(wrong)


@pytest.mark.parametrize(
    "content", [None, "", HEAD + "github_stars,Flask,many,stars,2021-01-01,a,b,primary,\n", "a,b\n1,2\n"]
)
def test_a_damaged_table_is_one_sentence(content: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir()
    if content is not None:
        (tmp_path / "data" / "adoption.csv").write_text(content, encoding="utf-8")
    monkeypatch.setattr(measures, "checkout", lambda: tmp_path)
    with pytest.raises(LessonError, match="cannot be read; restore it with git"):
        adoption("github_stars")


# Who passed whom


def test_a_crossing_lies_between_the_rows_that_show_it(stars: Any) -> None:
    shown = stars(
        ("2023-01-01", "FastAPI", "5"),  # in no order
        ("2021-01-01", "FastAPI", "1"),
        ("2021-01-01", "Flask", "3"),
        ("2022-01-01", "FastAPI", "9"),  # a day without Flask shows nothing
        ("2023-01-01", "Flask", "4"),
    )
    assert shown.crossing("FastAPI", "Flask") == Crossing("FastAPI", "Flask", date(2021, 1, 1), date(2023, 1, 1))
    assert shown.crossing("Flask", "FastAPI") is None
    assert "FastAPI passed Flask between Jan 2021 and Jan 2023" in shown.title


def test_level_is_not_passed_and_the_gap_begins_where_one_was_behind(stars: Any) -> None:
    days = ("2021-01-01", "2022-01-01", "2023-01-01", "2024-01-01", "2025-01-01")
    values = [("1", "3"), ("4", "4"), ("6", "5"), ("5", "5"), ("7", "6")]
    rows = [
        (day, who, value)
        for day, pair in zip(days, values, strict=True)
        for who, value in zip(("FastAPI", "Flask"), pair, strict=True)
    ]
    assert stars(*rows).crossings == [Crossing("FastAPI", "Flask", date(2021, 1, 1), date(2023, 1, 1))]
    assert stars(*rows[:4]).crossings == []
    assert stars(*rows[:4]).leader() == "FastAPI and Flask"


def test_who_is_in_front_from_the_first_row_on_has_passed_nobody(stars: Any) -> None:
    shown = stars(
        *[
            (day, who, value)
            for day in ("2021-01-01", "2022-01-01")
            for who, value in (("FastAPI", "5"), ("Flask", "3"))
        ]
    )
    assert shown.crossing("FastAPI", "Flask") is None
    assert "no row shows FastAPI passing Flask" in shown.title


def test_one_common_row_says_that_it_is_too_few(stars: Any) -> None:
    shown = stars(("2021-01-01", "FastAPI", "5"), ("2022-01-01", "FastAPI", "6"), ("2022-01-01", "Flask", "3"))
    assert shown.title == "GitHub stars: FastAPI leads in Jan 2022; too few rows to say who passed whom"
    assert shown.leader("2021-06-01") == "nobody knows"
    assert "currentColor" in card(shown.body())


def test_a_framework_without_rows_is_told() -> None:
    with pytest.raises(LessonError, match="none of 'Litestar'"):
        adoption("github_stars").crossing("Litestar", "Flask")


# How it looks


@pytest.mark.parametrize("name", MEASURES)
def test_a_measure_tells_its_values_its_sources_and_what_it_is_not(name: str) -> None:
    shown = adoption(name)
    html, text = card(shown.body()), shown.summary()
    assert shown.measure.is_not in text
    assert f"{len(shown.rows)} rows" in text
    assert re.search(r"\((primary|secondary)\), \d{4}", text)
    assert "between two rows nobody has looked" in text
    assert html.count("<tr>") == len(shown.rows) + 1
    assert f'aria-label="{shown.title.replace(chr(39), "&#x27;")}' in html
    assert len(shown.title) < 120


def test_labels_do_not_meet_and_numbers_are_short() -> None:
    assert apart([0.9, 0.89, 0.3], 0.1) == pytest.approx([0.9, 0.8, 0.3])
    assert [short(value) for value in (367_740_348, 32_000, 1_800_000, 14.8)] == ["368M", "32K", "1.8M", "14.8"]
    assert (written(date(2024, 12, 31)), written(date(2024, 12, 1))) == ("2024", "Dec 2024")


# The picker


def test_the_list_has_a_row_for_each_measure() -> None:
    picker = adoption()
    assert isinstance(picker, Picker)
    assert picker.title == (
        "On the article's day, 2025-01-15, who leads? Django by 2, Flask by 2 and FastAPI by 1; 1 measure cannot tell"
    )
    for one in picker.measures.values():
        assert one.measure.title in picker.summary()
    assert card(picker.body()).count("<details><summary>") == 2 * len(MEASURES)


def test_with_widgets_the_list_comes_along() -> None:
    bundle = adoption()._repr_mimebundle_()
    assert bundle["text/plain"] == adoption().summary()
    assert "application/vnd.jupyter.widget-view+json" in bundle


def test_without_widgets_there_is_the_list_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    assert set(adoption()._repr_mimebundle_()) == {"text/plain", "text/html"}


def notebook(*sources: str) -> NotebookNode:
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    return new_notebook(cells=[new_code_cell(source) for source in sources], metadata=kernel)


def test_a_page_made_from_the_notebook_shows_the_list(tmp_path: Path) -> None:
    (executed,) = run_all(notebook("from helpers import adoption\n\nadoption()"), tmp_path, 60)
    assert not list(troubles(executed))
    (output,) = executed.cells[0].outputs
    assert set(output.data) == {"text/plain", "text/html", "application/vnd.jupyter.widget-view+json"}
    page, _ = HTMLExporter(embed_images=False).from_notebook_node(executed)
    assert "who leads? Django by 2, Flask by 2 and FastAPI by 1" in page


@pytest.mark.long  # in short: the browser's run of lesson 12
@pytest.mark.browser
@pytest.mark.timeout(300)
@pytest.mark.skipif(not chromium(), reason="needs Chromium, as the browser tests do")
@pytest.mark.parametrize("base_url", ["/", "/user/ada/"])
def test_the_keyboard_changes_the_winner_in_jupyterlab(base_url: str, tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    nbformat.write(notebook("from helpers import adoption\n\nadoption()"), tmp_path / "root" / "pick.ipynb")
    with (
        browser() as chrome,
        jupyterlab(tmp_path / "root", tmp_path / "private", base_url=base_url) as lab,
        lab_page(chrome.new_context(viewport={"width": 1366, "height": 900}), lab) as page,
    ):
        page.open("pick.ipynb")
        executed = page.run_all(60)
        shown = page.page.locator(".jp-OutputArea-output .trial")
        expect(shown).to_contain_text("On the article's day Django leads")
        page.page.get_by_role("button", name="GitHub stars").focus()
        for key, leader in (("Space", "Flask leads"), ("Enter", "Flask leads"), ("Space", "Django leads")):
            page.page.keyboard.press("Tab")
            page.page.keyboard.press(key)
            expect(shown).to_contain_text(f"On the article's day {leader}")
        if folder := os.environ.get("LESSON_SHOTS"):
            page.page.screenshot(path=Path(folder, "adoption.png"))
        assert page.unfit(executed) == []
        assert (page.errors, page.notices(), page.elsewhere()) == ([], [], [])
