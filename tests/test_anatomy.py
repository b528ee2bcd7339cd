"""Every lesson is built as the others are, the whole tree is tidy, and no link is broken."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from copy import deepcopy
from functools import cache
from pathlib import Path

import pytest
from anatomy import RULES, Lesson, anchors_of_page, broken_links, words
from lessons import ROOT, notebooks, stored
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from helpers.exercises import lessons, of_lesson

every_rule = pytest.mark.parametrize("rule", RULES)


APP = 60  # lines of a solution, from which on it is a whole app


@cache
def lesson_at(path: Path) -> Lesson:
    claims = tomllib.loads((ROOT / "data" / "claims.toml").read_text(encoding="utf-8"))
    number = path.name[:2]
    exercises = of_lesson(int(number)) if int(number) in lessons() else {}
    return Lesson(
        path=path,
        notebook=stored(path),
        claims={claim: table["decided"] for claim, table in claims.items() if number in table["lesson"]},
        exercises={exercise.id: exercise.answer for exercise in exercises.values()},
        apps=sum(exercise.solution.count("\n") > APP for exercise in exercises.values()),
    )


# The lessons


TO_COME: set[str] = set()  # lessons that are not written yet although a later one is; data/claims.toml has their claims


def test_there_are_lessons_numbered_from_00_with_no_gap_but_those_to_come() -> None:
    numbers = [path.name[:2] for path in notebooks()]
    assert numbers, "notebooks/ has no NN_topic.ipynb"
    assert sorted([*numbers, *TO_COME]) == [f"{n:02}" for n in range(len(numbers) + len(TO_COME))]
    stray = {path.name for path in (ROOT / "notebooks").glob("*.ipynb")} - {path.name for path in notebooks()}
    assert not stray, f"these are no NN_topic.ipynb: {stray}"


def test_each_lesson_has_claims_on_trial_and_exercises_and_no_exercises_are_left_over() -> None:
    found = [lesson_at(path) for path in notebooks()]
    assert not [lesson.path.name for lesson in found if not (lesson.claims and lesson.exercises)]
    assert set(lessons()) <= {int(lesson.path.name[:2]) for lesson in found}


@every_rule
@pytest.mark.parametrize("path", notebooks(), ids=lambda path: path.stem)
def test_the_lesson_keeps_the_rule(path: Path, rule: str) -> None:
    if complaints := list(RULES[rule](lesson_at(path))):
        raise AssertionError(f"{path.name}:\n" + "\n".join(complaints))


# The tree


def documents() -> list[Path]:
    """The Markdown files, without those of the environment and of other hidden folders."""
    folders = [ROOT, *(each for each in ROOT.iterdir() if each.is_dir() and not each.name.startswith("."))]
    found = {path for folder in folders for path in (folder.glob("*.md") if folder == ROOT else folder.rglob("*.md"))}
    return sorted(path for path in found if not {"results", "work"} & set(path.relative_to(ROOT).parts))


@pytest.mark.parametrize("path", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_relative_links_of_a_document_lead_somewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    broken = [f"{link} {why}" for link, why in broken_links(text, path, anchors_of_page(text))]
    assert not broken, "\n".join(broken)


def test_the_readme_is_among_the_documents() -> None:
    assert ROOT / "README.md" in documents()


# The rules themselves: a small lesson that keeps them all, and changes that each break one


STOP = "finished = False  # True stops all servers\n\nif finished:\n    stop_all()"
FILLER = (
    "Both servers get the same request and answer it. Look at the status first, then at the body, and say what differs."
)


def text(cell_id: str, source: str) -> NotebookNode:
    return new_markdown_cell(source, id=cell_id)


def code(cell_id: str, source: str, *tags: str) -> NotebookNode:
    return new_code_cell(source, id=cell_id, metadata={"tags": list(tags)} if tags else {})


def turn(number: int, name: str) -> list[NotebookNode]:
    return [
        text(f"turn-{number}", f"## Turn number {number}\n\n{FILLER}"),
        code(f"predict-{number}", f'predict("{name}", ...)'),
        code(f"run-{number}", f'people = {number}\n\nask([flask, fastapi], "GET", f"/{{people}}")'),
        text(f"explain-{number}", f"{FILLER} **Flip it.** Change the number of people and run the cell again."),
    ]


def small_lesson(folder: Path) -> Lesson:
    (folder / "07_other.md").write_text("# Other page\n\n## A part, of it\n", encoding="utf-8")
    (folder / "plot.png").write_bytes(b"")
    facts = "*30 minutes · before this: lesson 06 · on trial: C3, C5 to C7*"
    cells = [
        text("title", f"# Ask two servers\n\nWho of the two answers first?\n\n{facts}\n\n{FILLER}"),
        text("goals", f"After this you can\n\n- ask both servers\n- tell them apart\n- measure one\n\n{FILLER}"),
        code("setup", "from flask import Flask\n\nfrom helpers import ask, check, judge, predict, serve, stop_all"),
        *[cell for n, name in enumerate(["C3", "answers", "C5", "bytes"]) for cell in turn(n, name)],
        text("wrong", f"## Where people go wrong\n\n{FILLER} ![two bars, the first longer](plot.png)"),
        code("wrong-file", "%%writefile work/app.py\nimport flask\n\napp = flask.Flask(__name__)"),
        code("wrong-run", "flask.url\nfastapi.url"),
        text("exercises", f"## Exercises\n\n{FILLER} See [there](07_other.md#a-part-of-it), [above](#Turn-number-1)."),
        code("exercise-7-1", "app = ...\nother = ...", "exercise", "7.1"),
        code("check-7-1", 'check("7.1", (app, other))'),
        text("exercise-7-2-text", f"### The second exercise\n\n{FILLER}"),
        code("exercise-7-2", "def names(exchange):\n    ...", "exercise", "7.2"),
        code("check-7-2", 'check("7.2", names)'),
        text("verdicts", f"## The verdict\n\n{FILLER}"),
        *[code(f"judge-c{n}", f'found = {{"a": people > {n}}}\njudge("C{n}", found)') for n in (3, 5, 6)],
        code("judge-c7", 'judge("C7", ...)\njudge("answers", people)'),
        text(
            "recap", f"## Recap\n\n{FILLER}\n\n| What | Flask | FastAPI |\n|---|---|---|\n| is called | once | twice |"
        ),
        text(
            "next", "## What to read next\n\nThe framework's own page on [requests](https://flask.palletsprojects.com)."
        ),
        code("stop", STOP),
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return Lesson(
        path=folder / "07_two_servers.ipynb",
        notebook=new_notebook(cells=cells, metadata=kernel),
        claims={"C3": "count", "C5": "cited", "C6": "measured", "C7": "opinion"},
        exercises={"7.1": ("app", "other"), "7.2": ("names",)},
    )


@every_rule
def test_the_small_lesson_keeps_the_rule(rule: str, tmp_path: Path) -> None:
    assert list(RULES[rule](small_lesson(tmp_path))) == []


Change = Callable[[Lesson], None]


def write(cell_id: str, old: str, new: str) -> Change:
    """In the source of one cell, put `new` for `old`."""

    def change(lesson: Lesson) -> None:
        cell = cell_of(lesson, cell_id)
        assert old in cell.source
        cell.source = cell.source.replace(old, new)

    return change


def everywhere(old: str, new: str) -> Change:
    def change(lesson: Lesson) -> None:
        for cell in lesson.notebook.cells:
            cell.source = cell.source.replace(old, new)

    return change


def every_code(source: str) -> Change:
    def change(lesson: Lesson) -> None:
        for cell in lesson.codes:
            cell.source = source

    return change


def drop(*cell_ids: str) -> Change:
    def change(lesson: Lesson) -> None:
        for cell_id in cell_ids:
            lesson.notebook.cells.remove(cell_of(lesson, cell_id))

    return change


def insert(after: str, *cells: NotebookNode) -> Change:
    def change(lesson: Lesson) -> None:
        place = lesson.notebook.cells.index(cell_of(lesson, after)) + 1
        lesson.notebook.cells[place:place] = deepcopy(list(cells))

    return change


def move(cell_id: str, after: str) -> Change:
    def change(lesson: Lesson) -> None:
        cell = cell_of(lesson, cell_id)
        lesson.notebook.cells.remove(cell)
        insert(after, cell)(lesson)

    return change


def put(cell_id: str, **parts: object) -> Change:
    return lambda lesson: cell_of(lesson, cell_id).update(parts)


def metadata(**entries: object) -> Change:
    return lambda lesson: lesson.notebook.metadata.update(entries)


def minor(number: int) -> Change:
    return lambda lesson: lesson.notebook.update(nbformat_minor=number)


def rename(name: str) -> Change:
    return lambda lesson: setattr(lesson, "path", lesson.path.with_name(name))


def cell_of(lesson: Lesson, cell_id: str) -> NotebookNode:
    return next(cell for cell in lesson.notebook.cells if cell.id == cell_id)


STREAM = new_output("stream", name="stdout", text="hello")
LONG = "\n".join(f"step_{n} = {n}" for n in range(41))
BREAKS: dict[str, dict[str, Change]] = {
    "name_is_number_and_topic": {
        "no number": rename("two_servers.ipynb"),
        "capitals": rename("07_TwoServers.ipynb"),
    },
    "one_title_in_the_first_cell": {
        "none": write("title", "# Ask", "Ask"),
        "two": write("goals", "After", "# Goals\n\nAfter"),
        "not in the first cell": move("title", "goals"),
    },
    "no_heading_level_is_skipped": {
        "down by two": write("exercise-7-2-text", "### The", "#### The"),
        "starts at two": write("title", "# Ask", "## Ask"),
    },
    "one_question_under_the_title": {
        "none": write("title", "first?", "first."),
        "two": write("title", "first?", "first? And why?"),
        "only in the title": write("title", "servers\n\nWho of the two answers first?", "servers?"),
    },
    "minutes_are_what_a_reader_needs": {
        "too few": write("title", "30 minutes", "20 minutes"),
        "too many": write("title", "30 minutes", "45 minutes"),
    },
    "a_line_with_minutes_prerequisites_and_claims": {
        "no minutes": write("title", "30 minutes", "long"),
        "no prerequisite": write("title", "before this: lesson 06", "begin"),
        "a claim too few": write("title", "C3, ", ""),
        "a claim too many": write("title", "to C7", "to C8"),
    },
    "three_to_five_verbs_after_this_you_can": {
        "none": drop("goals"),
        "two": write("goals", "- measure one\n", ""),
        "six": write("goals", "- measure one\n", "- measure one\n" * 4),
        "no verb": write("goals", "- tell them apart", "- the difference"),
        "understanding": write("goals", "- tell them apart", "- Understand both"),
        "after the setup": move("goals", "setup"),
    },
    "one_cell_of_imports_near_the_top": {
        "none": write("setup", "from flask import Flask\n\nfrom helpers import ask", "ask"),
        "two": write("run-2", "people = 2", "import json\npeople = 2"),
        "not the first": move("setup", "predict-0"),
        "far down": insert("goals", *(text(f"more-{n}", FILLER) for n in "abcd")),
    },
    "four_guesses_or_more": {"three": write("predict-3", 'predict("bytes", ...)', "people")},
    "a_guess_is_a_cell_of_its_own_and_blank": {
        "with its run": write("predict-1", "...)", "...)\nask(flask)"),
        "with a value": write("predict-1", "...", "3, 10"),
        "half a range": write("predict-1", "...", "..., 10"),
        "with nothing": write("predict-1", ", ...", ""),
        "without a name": write("predict-1", '"answers"', "name"),
        "kept in a name": write("predict-1", "predict", "guess = predict"),
    },
    "each_guess_is_followed_by_its_run_and_an_explanation": {
        "two guesses in a row": drop("run-1"),
        "only a verdict": write(
            "run-1", 'people = 1\n\nask([flask, fastapi], "GET", f"/{people}")', 'judge("C8", ...)'
        ),
        "a guess without a run": move("predict-1", "wrong-run"),
        "no explanation": drop("explain-1", "turn-2"),
        "a guess at the end": move("predict-1", "stop"),
    },
    "a_guess_at_a_claim_stands_before_its_verdict": {"judged first": move("judge-c5", "setup")},
    "a_measured_claim_is_flipped": {"nowhere": everywhere("Flip it", "Try it")},
    "sections_stand_in_their_order": {
        "no misconceptions": write("wrong", "## Where people go wrong", "## Also"),
        "no exercises": write("exercises", "## Exercises", "## Your turn"),
        "no verdict": write("verdicts", "## The verdict", "## So"),
        "no recap": write("recap", "## Recap", "## In the end"),
        "nothing to read": write("next", "## What to read next", "## More"),
        "recap before the exercises": move("recap", "wrong"),
        "the verdict only in the title": write("verdicts", "## The verdict", ""),
    },
    "people_go_wrong_in_a_cell_that_runs": {"only told": drop("wrong-file", "wrong-run")},
    "two_to_four_exercises_each_with_its_check": {
        "one": drop("exercise-7-2", "check-7-2"),
        "another id": put("exercise-7-2", metadata={"tags": ["exercise", "7.3"]}),
        "no id": put("exercise-7-2", metadata={"tags": ["exercise"]}),
        "no tags": put("exercise-7-2", metadata={}),
        "no check": drop("check-7-1"),
        "the check of another": write("check-7-1", "7.1", "7.2"),
        "another answer": write("check-7-1", "(app, other)", "app"),
        "outside its section": move("exercises", "check-7-2"),
    },
    "a_verdict_for_exactly_the_claims_on_trial": {
        "one too few": write("judge-c5", 'judge("C5", found)', "found"),
        "one too many": write("judge-c5", 'judge("C5", found)', 'judge("C5", found)\njudge("C8", found)'),
        "one twice": write("judge-c5", "C5", "C3"),
        "no literal": write("judge-c5", '"C5"', "claim"),
    },
    "no_verdict_is_written_by_hand": {
        "a number": write("judge-c5", "found)", "5)"),
        "a vote": write("judge-c7", "...", '"agree"'),
        "a check": write("judge-c5", "found)", '{"a": people > 5, "b": True})'),
        "by keyword": write("judge-c5", "found)", "evidence=True)"),
    },
    "recap_in_sentences_and_a_table": {
        "other columns": write("recap", "Flask | FastAPI", "FastAPI | Flask"),
        "three columns": write("recap", "| Flask |", "| Flask | Quart |"),
        "no table": write("recap", "|---|---|---|", ""),
        "no sentence": write("recap", FILLER, ""),
    },
    "what_to_read_next_has_a_link": {"no link": write("next", "[requests](https://flask.palletsprojects.com)", "x")},
    "the_last_code_cell_stops_all_servers_when_it_is_asked_to": {
        "always": write("stop", STOP, "stop_all()"),
        "never": drop("stop"),
        "not last": insert("stop", code("more", "people")),
    },
    "code_is_plain_python": {
        "a magic": write("run-2", "people", "%time people"),
        "a file that is no Python": write("run-2", "people", "%%writefile work/app.py\npeople is"),
        "a file elsewhere": write("run-2", "people", "%%writefile app.py\npeople"),
        "a shell": write("run-2", "people", "!pip list\npeople"),
    },
    "code_cells_are_short": {
        "one of 41": write("run-2", "people", f"{LONG}\npeople"),
        "three of 15": insert("run-2", *(code(f"long-{n}", "\n".join(["people"] * 15)) for n in "abc")),
        "all of one line": every_code("people"),
        "most of seven": every_code("people\n" * 7),
    },
    "text_cells_are_short": {
        "one of 151": write("explain-1", FILLER, "word " * 151),
        "hardly any": everywhere(FILLER, "Look."),
        "many words": everywhere(FILLER, FILLER * 4),
    },
    "every_image_has_alternative_text": {
        "none": write("wrong", "two bars, the first longer", ""),
        "the name of the file": write("wrong", "two bars, the first longer", "plot.png"),
        "HTML without": write("wrong", "![two", '<img src="plot.png"> ![two'),
    },
    "relative_links_lead_somewhere": {
        "no file": write("exercises", "07_other.md", "07_otter.md"),
        "no heading there": write("exercises", "#a-part-of-it", "#a-part"),
        "no heading here": write("exercises", "#Turn-number-1", "#turn-number-1"),
        "no picture": write("wrong", "(plot.png)", "(plots.png)"),
        "no picture in HTML": write("wrong", "![two", '<img alt="two bars" src="plots.png"> ![two'),
        "from the root": write("wrong", "(plot.png)", "(/plot.png)"),
        "an attachment": write("wrong", "(plot.png)", "(attachment:plot.png)"),
    },
    "no_path_of_one_machine": {
        "home": write("run-1", "people", 'open("/home/ada/book.json")\npeople'),
        "a drive": write("run-1", "people", 'open("C:\\\\books.json")\npeople'),
        "a file address": write("turn-1", FILLER, "Open file:///srv/book.html"),
        "sys.path": write("setup", "from", "import sys\n\nsys.path.append('..')\nfrom"),
    },
    "no_fixed_port": {
        "in code": write("run-1", "[flask, fastapi]", '"http://127.0.0.1:8000"'),
        "in text": write("turn-1", FILLER, "Open <http://localhost:5000/docs>."),
    },
    "stored_without_results": {
        "an output": put("run-1", outputs=[STREAM]),
        "a count": put("run-1", execution_count=3),
        "noise": put("run-1", metadata={"collapsed": True}),
        "noise in a text": put("turn-1", metadata={"jp-MarkdownHeadingCollapsed": True}),
        "an empty cell": insert("run-1", code("blank", "\n")),
    },
    "stored_for_any_kernel": {
        "another kernel": metadata(kernelspec={"name": "venv-3-11", "display_name": "mine"}),
        "noise": metadata(widgets={}),
        "one machine's version": metadata(language_info={"name": "python", "version": "3.11.7"}),
    },
    "valid_notebook_of_format_4_5": {
        "older": minor(4),
        "no source": lambda lesson: cell_of(lesson, "run-1").pop("source"),
    },
    "cell_ids_are_unique_and_say_something": {
        "twice": put("run-1", id="run-2"),
        "short hex": put("run-1", id="3fa9b2c1"),
        "a uuid": put("run-1", id="0b6f3c52-6a52-4f0e-9d0b-5f2f0c2e7a11"),
        "a number": put("run-1", id="cell-12"),
        "capitals": put("run-1", id="Run_1"),
    },
}


def test_every_rule_is_broken_here() -> None:
    assert set(BREAKS) == set(RULES)


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        pytest.param(rule, change, id=f"{rule}: {name}")
        for rule, all_of in BREAKS.items()
        for name, change in all_of.items()
    ],
)
def test_a_lesson_that_breaks_the_rule_is_told_so(rule: str, change: Change, tmp_path: Path) -> None:
    lesson = small_lesson(tmp_path)
    change(lesson)
    complaints = list(RULES[rule](lesson))
    assert complaints
    assert all(len(complaint.split()) > 4 for complaint in complaints), "a complaint says what to do"


def test_words_are_counted_without_tables_code_and_addresses() -> None:
    page = (
        "Two [words here](https://example.com/a/b)\n\n| a | b |\n|---|---|\n| c | d |\n\n```python\nno = words\n```\n"
    )
    assert words(page) == 3


def test_links_of_a_page_are_looked_up_as_code_hosts_name_headings(tmp_path: Path) -> None:
    page = "# Two commands, one `start.py`\n\n[up](#two-commands-one-startpy) [gone](#two) [out](https://example.com/x)"
    assert [link for link, _ in broken_links(page, tmp_path / "README.md", anchors_of_page(page))] == ["#two"]
