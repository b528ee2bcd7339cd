"""Lesson 12: what its check says of sentences beside a ledger, a run that comes out as its text says, and its flips."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from lessons import ROOT, changed, only, read, run_lesson
from test_exercises import assert_passes

from helpers import LessonError, check, judge, ledger, predict, solution
from helpers.exercises.lesson_12 import CROSSING
from helpers.popularity import adoption

pytestmark = pytest.mark.together

NOTEBOOK = ROOT / "notebooks" / "12_the_verdict.ipynb"
SECONDS = 120  # for one run
GROWTH = {"gains most stars": True, "gains most in the survey": True, "another gains more downloads": True}

Line = tuple[str, str, str]
FINE: list[Line] = [
    ("Flask has been around since 2010.", "C2", "holds"),
    ("FastAPI dates from 2018.", "C5", "holds"),
    ("FastAPI gains most stars; by downloads gained, Flask does.", "C8", "holds with conditions"),
    ("Some 19,000 packages depend on Flask.", "C11", "holds"),
    ("We would begin with FastAPI.", "C46", "opinion"),
]


@pytest.fixture
def own_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ledger in which lesson 12 has been done, C30 measured, and C32 left open."""
    monkeypatch.setenv("LESSON_RESULTS", str(tmp_path))
    judge("C2", 2010)
    judge("C5", 2018)
    judge("C8", GROWTH)
    judge("C10")
    judge("C11", 19_000)
    judge("C46", "agree")
    judge("C30", type("Ratio", (), {"value": 8.24, "low": 7.6, "high": 8.9, "conclusive": True}))
    judge("C32", type("Ratio", (), {"value": 1.2, "low": 0.4, "high": 3.1, "conclusive": False}))


def said(*lines: object) -> str:
    """What the check says of `lines`, filled up to five with good ones of other claims."""
    used = {line[1] for line in lines if isinstance(line, tuple)}
    rest = [line for line in FINE if line[1] not in used][: 5 - len(lines)]
    return str(check("12.1", [*lines, *rest]).message)


@pytest.mark.usefixtures("own_ledger")
def test_five_sentences_that_the_ledger_bears_out_pass() -> None:
    feedback = check("12.1", FINE)
    assert feedback.status == "passed", feedback.message
    assert "bears out what you say of C2, C5, C8 and C11." in feedback.message
    assert "Of C46 you say what you think" in feedback.message
    assert check("12.1", tuple(map(list, FINE))).status == "passed"  # lists for tuples and the other way round


def test_with_an_empty_ledger_only_opinions_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LESSON_RESULTS", str(tmp_path))
    assert set(ledger().verdicts.values()) == {"not tried yet"}
    assert said(FINE[0]).count("your evidence does not reach “holds”") == 3
    thought = [
        (f"I think Flask is fine, {n}.", claim, "not tried yet")
        for n, claim in zip("abcde", ("C1", "C2", "C3", "C4", "C5"), strict=True)
    ]
    assert check("12.1", thought).status == "passed"


@pytest.mark.usefixtures("own_ledger")
@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (("Flask is not that old.", "C2", "does not hold"), "of C2 your ledger says “holds” (2010)"),
        (("FastAPI grows.", "C8", "holds"), "of C8 your ledger says “holds with conditions” (gains most stars: yes"),
        (("Flask is deployed most.", "C10", "holds"), "C10 cannot be measured. Take another claim, or write"),
        (("Flask is deployed most.", "C10", "cannot be measured"), "C10 cannot be measured, so this is what you think"),
        (("Both frameworks compute alike: Flask, FastAPI.", "C32", "holds"), "C32 is inconclusive, so another run may"),
        (("Flask runs on Gunicorn.", "C34", "holds"), "C34 is not tried yet, and lesson 08 tries it"),
        (("FastAPI is the default.", "C46", "opinion"), "C46 is a vote, so this is what you think"),
        (("FastAPI is faster in every case.", "C8", "holds with conditions"), "it says “every”"),
        (("FastAPI is 3 times as fast.", "C30", "holds with conditions"), "the number 3 is not what was found: 8.24"),
        (("FastAPI grows 12 times as fast.", "C8", "holds with conditions"), "the number 12 is not what was found"),
        (("I think Flask is 5 times slower.", "C34", "not tried yet"), "the number 5 has no evidence in your ledger"),
        (("It is old.", "C2", "holds"), "it names neither Flask nor FastAPI"),
        (("Flask is old.", "Flask's age", "holds"), "is no claim; name one such as"),
        (("Flask is old.", "C2", "yes"), "“yes” is no verdict"),
        (("Flask is old.", "C2"), "it has three parts"),
        ("Flask is old.", "it has three parts"),
        ((..., "C2", ...), "it has three parts"),
    ],
)
def test_each_mistake_is_told_with_its_sentence_and_what_the_ledger_has(line: object, sentence: str) -> None:
    message = said(line)
    assert message.startswith("Sentence 1: ")
    assert sentence in message
    assert "Sentence 2" not in message


@pytest.mark.usefixtures("own_ledger")
@pytest.mark.parametrize(
    "line",
    [
        (
            "With 10 threads in Flask, FastAPI answers 8 times as many.",
            "C30",
            "holds with conditions",
        ),  # 10 is a setting
        ("FastAPI answers 8.24 times as many as Flask with 10 threads.", "C30", "holds with conditions"),
        ("FastAPI answers 8.2 times as many where Flask is short of threads.", "C30", "holds with conditions"),
        ("FastAPI does not always gain most.", "C8", "holds with conditions"),
        ("From 2021 to 2025 FastAPI 0.63 gains most stars.", "C8", "holds with conditions"),
        ("I think that under Python 3.11 Flask runs on 2 servers, over HTTP/2.", "C34", "not tried yet"),
        ("I'd prefer FastAPI.", "C46", "opinion"),
        ("In my opinion Flask is deployed most.", "C10", "Cannot be measured "),
    ],
)
def test_what_the_evidence_allows_may_be_said(line: Line) -> None:
    assert said(line).startswith("Your ledger bears out")


@pytest.mark.usefixtures("own_ledger")
def test_every_sentence_gets_its_own_word() -> None:
    message = said(("Flask is young.", "C2", "does not hold"), ("It dates from 2018.", "C5", "holds"))
    assert "Sentence 1: you write" in message
    assert "Sentence 2: it names neither" in message
    assert check("12.1", []).status == "not started"
    assert "a list of 5 tuples; this is a str" in check("12.1", "Flask").message
    assert "These are 6 sentences" in check("12.1", [*FINE, ("I think Flask is old.", "C1", "not tried yet")]).message


@pytest.mark.usefixtures("own_ledger")
def test_the_solution_goes_with_the_ledger_at_hand() -> None:
    for evidence in (2010, 2018):
        judge("C2", evidence)
        assert ledger().verdicts["C2"] == {2010: "holds", 2018: "does not hold"}[evidence]
        namespace: dict[str, list[Line]] = {}
        exec(solution("12.1").source, namespace)
        assert check("12.1", namespace["article"]).status == "passed"
        assert ("speaks against it" in namespace["article"][0][0]) == (evidence == 2018)


WALKING = """
def crossing(rows, first, second):
    behind = False
    for day in sorted({row["as_of"] for row in rows}):
        found = {row["framework"]: row["value"] for row in rows if row["as_of"] == day}
        if not {first, second} <= found.keys():
            continue
        if behind and found[first] > found[second]:
            return day
        behind |= found[first] < found[second]
"""


def test_another_way_to_the_day_passes_too() -> None:
    assert_passes("12.2", WALKING)


def test_the_exercise_and_adoption_find_the_same_days() -> None:
    namespace: dict[str, Callable[..., str | None]] = {}
    exec(CROSSING, namespace)
    for name in ("github_stars", "pypi_downloads_30d", "github_dependent_repos", "survey_psf_jetbrains"):
        shown = adoption(name)
        rows = [{"framework": row.framework, "as_of": row.as_of, "value": row.value} for row in shown.rows]
        for pair in (("FastAPI", "Flask"), ("FastAPI", "Django"), ("Flask", "FastAPI"), ("Django", "Flask")):
            found = shown.crossing(*pair)
            day = next((row.as_of for row in shown.rows if found and row.day == found.after), None)
            assert namespace["crossing"](rows, *pair) == day


# The lesson


@pytest.mark.lesson("12 as stored")
@pytest.mark.timeout(SECONDS + 60)
def test_everything_comes_out_as_the_text_says(tmp_path: Path) -> None:
    seen = run_lesson(NOTEBOOK, tmp_path, SECONDS)
    verdicts = {
        **dict.fromkeys(("c2", "c5", "c11", "c12"), "holds"),
        "c8": "holds with conditions",
        "c10": "cannot be measured",
    }
    for name, verdict in verdicts.items():
        assert f"Verdict: {verdict}." in seen[f"judge-{name}"]
    assert "C46: not tried yet" in seen["judge-c46"]
    assert "different leaders: 3" in seen["judge-leaders"]
    assert "by stars: 2023" in seen["judge-year-stars"]
    assert "by downloads: 2025" in seen["judge-year-downloads"]
    assert "gains most downloads: Flask" in seen["judge-gained"]
    assert "('flask-', 'last 12 months'): 236" in seen["run-huge"]
    assert "No guess of yours can be compared" in seen["run-right"]
    assert seen["picture"].startswith("6 of 46 claims tried")
    assert seen["beside"]
    assert "first in front on 2023-12-04" in seen["wrong-december-run"]
    assert seen["wrong-techempower-run"].startswith("('0 of 30 rows fit'")
    assert "107.0" in seen["wrong-shares-run"]
    assert "Django: 550 downloads" in seen["wrong-users-run"]
    assert '"C12"' in seen["export"]
    assert seen["write"] == "'nothing written'"
    assert not list(tmp_path.rglob("export*.json"))


def test_no_row_of_that_benchmark_fits_and_the_stars_of_the_page_are_of_no_day() -> None:
    with (ROOT / "data" / "techempower.csv").open(encoding="utf-8") as file:
        runs = [(int(row["fastapi"]), int(row["flask"] or 0)) for row in csv.DictReader(file)]
    assert [run for run in runs if 2_000 <= run[1] <= 3_000]
    assert not [run for run in runs if 15_000 <= run[0] <= 20_000 and 2_000 <= run[1] <= 3_000]
    stars = {(row.framework, row.as_of): row.value for row in adoption("github_stars").rows}
    assert stars["Flask", "2025-01-06"] > 68_400
    assert stars["FastAPI", "2025-01-06"] < 80_000


BORN = ("imports", "rows", "run-born", "judge-c2", "judge-c5", "judge-c12")
GAINS = ("imports", "rows", "gain", "run-growth", "judge-c8")
HUGE = ("imports", "rows", "run-huge", "judge-c11")
FLIPS = {
    "count from 1.0, and from the survey": (
        BORN,
        (("run-born", '"first_release"', '"release_1_0"'), ("run-born", '"earliest_tag"', '"survey_psf_jetbrains"')),
        {"judge-c2": "does not hold", "judge-c5": "does not hold", "judge-c12": "holds with conditions"},
    ),
    "growth as a factor": (GAINS, (("gain", "last - first", "last / first"),), {"judge-c8": "holds"}),
    "downloads to 2026": (GAINS, (("gain", '"2025-02-01"', '"2026-04-01"'),), {"judge-c8": "holds"}),
    "names that begin with flask-": (
        HUGE,
        (
            (
                "judge-c11",
                'amount(dependents["value"])',
                'sum(packages for (prefix, _), packages in newest.items() if prefix == "flask-")',
            ),
        ),
        {"judge-c11": "holds with conditions"},
    ),
    "released in the last twelve months": (
        HUGE,
        (("judge-c11", 'amount(dependents["value"])', 'newest["flask-", "last 12 months"]'),),
        {"judge-c11": "does not hold"},
    ),
}


@pytest.mark.lesson
@pytest.mark.timeout(SECONDS + 60)
@pytest.mark.parametrize("name", FLIPS)
def test_each_flip_turns_its_verdict_over(name: str, tmp_path: Path) -> None:
    cells, flip, verdicts = FLIPS[name]
    seen = run_lesson(NOTEBOOK, tmp_path, SECONDS, changed(only(read(NOTEBOOK), *cells), flip))
    assert {cell: verdict for cell, verdict in verdicts.items() if f"Verdict: {verdict}." in seen[cell]} == verdicts


@pytest.mark.lesson
@pytest.mark.timeout(SECONDS + 60)
@pytest.mark.usefixtures("own_ledger")
def test_a_ledger_with_guesses_and_verdicts_is_laid_out(tmp_path: Path) -> None:
    predict("C33", "does not hold")
    judge(
        "C33",
        {
            "FastAPI: threads do not add up": True,
            "Flask: threads do not add up": True,
            "a second process adds up": True,
        },
    )
    cells = (
        "imports",
        "predict-right",
        "run-right",
        "judge-right",
        "picture",
        "beside",
        "judge-c46",
        "export",
        "write",
    )
    vote = (("judge-c46", "...", '"it depends"'), ("write", "False", "True"))
    seen = run_lesson(NOTEBOOK, tmp_path, SECONDS, changed(only(read(NOTEBOOK), *cells), vote))
    assert re.search(r"\b0 of (the )?1\b", seen["run-right"])
    assert "my guesses at claims that were right (%): 0" in seen["judge-right"]
    assert "C30 holds with conditions" in seen["picture"]
    assert "“it depends”" in seen["judge-c46"]
    assert (tmp_path / "export.json").read_text(encoding="utf-8").startswith("{")


@pytest.mark.lesson
@pytest.mark.timeout(SECONDS + 60)
def test_a_day_or_a_measure_that_is_not_there_is_told_in_a_sentence(tmp_path: Path) -> None:
    wrong = {
        "gain": ('"2025-02-01"', '"2025-02-02"', "of 2025-02-02; there are 2020-07-01, "),
        "run-born": ('"first_release"', '"first_love"', "No row of first_love for Flask; metrics: "),
    }
    for cell, (old, new, sentence) in wrong.items():
        cells = GAINS[:4] if cell == "gain" else BORN[:3]
        with pytest.raises(AssertionError, match=sentence):
            run_lesson(NOTEBOOK, tmp_path, SECONDS, changed(only(read(NOTEBOOK), *cells), [(cell, old, new)]))
    with pytest.raises(LessonError, match="no measure 'stars'"):
        adoption("stars")
