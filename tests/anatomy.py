"""What a lesson must have: each rule looks at one lesson and yields a sentence for each thing its author must change.

`RULES` holds them all by name. tests/test_anatomy.py applies them to the lessons, and proves each of them on a small
lesson that keeps it and on changed ones that do not.
"""

from __future__ import annotations

import ast
import re
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from urllib.parse import unquote, urlsplit

import mistune
import nbformat
from bs4 import BeautifulSoup
from lessons import WRITEFILE, calls, exercise_of, first_argument, parsed, stored
from nbformat import NotebookNode

KEPT_METADATA = {"tags", "nbgrader"}  # of a cell; anything else is how somebody's Lab happened to look
NO_VERB = re.compile(
    r"(a|an|the|how|what|why|when|that|you|your|to|it|this|understand|know|learn|see)\b", re.IGNORECASE
)
SECTIONS = ["Where people go wrong", "Exercises", "The verdict", "Recap", "What to read next"]
TURNS_OVER = {"measured", "count"}  # how a claim is decided that one change can turn over (data/claims.toml)


@dataclass
class Lesson:
    """A stored notebook, with the claims that are on trial in it and the names that its exercises ask for."""

    path: Path
    notebook: NotebookNode
    claims: Mapping[str, str]  # {"C14": how it is decided}
    exercises: Mapping[str, Sequence[str]]  # {"2.1": ("app",)}
    apps: int = 0  # how many of the exercises ask for a whole app

    @cached_property
    def texts(self) -> list[NotebookNode]:
        return [cell for cell in self.notebook.cells if cell.cell_type == "markdown"]

    @cached_property
    def codes(self) -> list[NotebookNode]:
        return [cell for cell in self.notebook.cells if cell.cell_type == "code"]

    @cached_property
    def headings(self) -> list[tuple[int, int, str]]:
        """(index of the cell, level, text) of each heading, in order."""
        found = []
        for index, cell in enumerate(self.notebook.cells):
            if cell.cell_type == "markdown":
                found += [(index, int(tag.name[1]), tag.get_text()) for tag in html(cell.source).find_all(HEADING)]
        return found

    def place(self, title: str) -> int | None:
        """Which of `headings` begins with `title`, the notebook's own title aside."""
        begins = [level > 1 and text.lower().startswith(title.lower()) for _, level, text in self.headings]
        return begins.index(True) if True in begins else None

    def section(self, title: str) -> list[NotebookNode]:
        """The cells under the heading that begins with `title`, subsections included; empty where there is none."""
        if (place := self.place(title)) is None:
            return []
        start, level, _ = self.headings[place]
        ends = (index for index, depth, _ in self.headings[place + 1 :] if depth <= level and index > start)
        return self.notebook.cells[start : next(ends, None)]

    def calling(self, name: str) -> list[NotebookNode]:
        """The code cells that call the function `name`."""
        return [cell for cell in self.codes if calls(cell.source, name)]

    def code_after(self, cell: NotebookNode) -> NotebookNode | None:
        """The code cell that follows `cell`."""
        after = self.notebook.cells[self.notebook.cells.index(cell) + 1 :]
        return next((other for other in after if other.cell_type == "code"), None)


HEADING = re.compile(r"^h[1-6]$")
Rule = Callable[[Lesson], Iterator[str]]
RULES: dict[str, Rule] = {}


def rule(function: Rule) -> Rule:
    RULES[function.__name__] = function
    return function


@cache
def html(markdown: str) -> BeautifulSoup:
    """Markdown as its readers get it, tables and embedded HTML included; to look at, not to change."""
    return BeautifulSoup(str(mistune.html(markdown)), "html.parser")


def words(markdown: str) -> int:
    """How many words there are to read, apart from tables and blocks of code."""
    page = copy(html(markdown))
    for aside in page.find_all(["table", "pre"]):
        aside.decompose()
    return len(page.get_text(" ").split())


def lines(cell: NotebookNode) -> int:
    """How many lines of code there are, apart from empty ones."""
    return len([line for line in cell.source.splitlines() if line.strip()])


def only_calls(cell: NotebookNode) -> bool:
    """Whether there is nothing in `cell` but calls that run nothing of the lesson's own."""
    asides = [call for name in ("predict", "judge", "check", "hint") for call in calls(cell.source, name)]
    return {ast.unparse(line) for line in parsed(cell.source).body} <= {ast.unparse(call) for call in asides}


# The head


@rule
def name_is_number_and_topic(lesson: Lesson) -> Iterator[str]:
    if not re.fullmatch(r"\d\d_[a-z0-9]+(_[a-z0-9]+)*\.ipynb", lesson.path.name):
        yield f"name the file NN_topic_in_words.ipynb, not {lesson.path.name}"


@rule
def one_title_in_the_first_cell(lesson: Lesson) -> Iterator[str]:
    titles = [(index, text) for index, level, text in lesson.headings if level == 1]
    if [index for index, _ in titles] != [0]:
        yield f"write exactly one '# Title', in the first cell; there are {titles}"


@rule
def no_heading_level_is_skipped(lesson: Lesson) -> Iterator[str]:
    before = 0
    for _, level, text in lesson.headings:
        if level > before + 1:
            yield f"the heading {text!r} is of level {level} under one of level {before}: make it {before + 1}"
        before = level


@rule
def one_question_under_the_title(lesson: Lesson) -> Iterator[str]:
    page = html(lesson.notebook.cells[0].source)
    text = " ".join(paragraph.get_text() for paragraph in page.find_all("p"))
    asked = re.findall(r"[^.?!]*\?(?![\w/=])", text)
    if len(asked) != 1:
        yield f"ask the one question that the lesson answers, in the first cell under its title; there are {asked}"


@rule
def minutes_are_what_a_reader_needs(lesson: Lesson) -> Iterator[str]:
    """200 words a minute, a minute for a code cell, six and a half for an exercise and its check, thirty for an app."""
    stated = re.search(r"(\d+) minutes", lesson.notebook.cells[0].source)
    exercises = sum(exercise_of(cell) is not None for cell in lesson.codes)
    read = sum(words(cell.source) for cell in lesson.texts) / 200
    needed = read + len(lesson.codes) - 2 * exercises + 6.5 * (exercises - lesson.apps) + 30 * lesson.apps
    if stated and abs(int(stated[1]) - needed) > 5:
        yield f"say {round(needed / 5) * 5} minutes: this lesson takes about {needed:.0f}"
    if needed > 80 and not any("Half-way house" in cell.source for cell in lesson.texts):
        yield f"mark a half-way house, where one can stop: it takes about {needed:.0f} minutes"


@rule
def a_line_with_minutes_prerequisites_and_claims(lesson: Lesson) -> Iterator[str]:
    first = lesson.notebook.cells[0].source.splitlines()
    line = next((line for line in first if re.search(r"\d+ minutes", line) and "on trial" in line.lower()), None)
    if line is None:
        yield "write one line in the first cell such as '45 minutes · before this: lesson 01 · on trial: C3, C4'"
        return
    if "before" not in line.lower():
        yield f"say in the line with the minutes what to have done before this lesson: {line!r}"
    named = {f"C{number}" for number in re.findall(r"\bC(\d+)\b", line)}
    for low, high in re.findall(r"\bC(\d+)\s*(?:to|-|–)\s*C(\d+)", line):
        named |= {f"C{number}" for number in range(int(low), int(high))}
    if named != set(lesson.claims):
        yield f"data/claims.toml puts {in_order(lesson.claims)} on trial here, this line {in_order(named)}"


@rule
def three_to_five_verbs_after_this_you_can(lesson: Lesson) -> Iterator[str]:
    cell = next((cell for cell in lesson.texts if "after this you can" in cell.source.lower()), None)
    if cell is None:
        yield "write 'After this you can', and below it a list of three to five things to do"
        return
    items = [item.get_text().strip() for item in html(cell.source).find_all("li")]
    if not 3 <= len(items) <= 5:
        yield f"list three to five things under 'After this you can'; there are {len(items)}"
    for item in items:
        if NO_VERB.match(item):
            yield f"begin {item!r} with a verb that can be seen to be done (tell, measure, choose)"
    if lesson.codes and lesson.notebook.cells.index(cell) > lesson.notebook.cells.index(lesson.codes[0]):
        yield "let 'After this you can' stand before the first code cell"


@rule
def one_cell_of_imports_near_the_top(lesson: Lesson) -> Iterator[str]:
    importing = [
        cell
        for cell in lesson.codes
        if exercise_of(cell) is None
        and not WRITEFILE.match(cell.source)  # what that file imports is its own affair
        and any(isinstance(statement, ast.Import | ast.ImportFrom) for statement in parsed(cell.source).body)
    ]
    if len(importing) != 1:
        yield f"import everything in one cell; cells {ids(importing)} import"
    if lesson.codes[:1] != importing[:1]:
        yield "let the cell of imports be the first code cell"
    elif importing and lesson.notebook.cells.index(importing[0]) > 5:
        yield "let the cell of imports be among the first six cells"


# The turns


@rule
def four_guesses_or_more(lesson: Lesson) -> Iterator[str]:
    if (count := len(lesson.calling("predict"))) < 4:
        yield f"let the learner guess at least four times: {count} cells call predict(...)"


@rule
def a_guess_is_a_cell_of_its_own_and_blank(lesson: Lesson) -> Iterator[str]:
    for cell in lesson.calling("predict"):
        guesses = calls(cell.source, "predict")
        statements = [ast.unparse(statement) for statement in parsed(cell.source).body]
        if statements != [ast.unparse(guess) for guess in guesses]:
            yield f"cell {cell.id!r}: put nothing but predict(...) into a cell of guesses; the run is the next cell"
        for guess in guesses:
            if not isinstance(first_argument(guess), str):
                yield f"cell {cell.id!r}: begin predict(...) with a claim or a short name, in quotes"
            values = [argument.value if isinstance(argument, ast.Constant) else 0 for argument in guess.args[1:]]
            if not values or any(value is not ... for value in values):
                yield f"cell {cell.id!r}: leave the guess to the learner: predict({first_argument(guess)!r}, ...)"


@rule
def each_guess_is_followed_by_its_run_and_an_explanation(lesson: Lesson) -> Iterator[str]:
    guesses = lesson.calling("predict")
    cells = lesson.notebook.cells
    for number, cell in enumerate(guesses):
        run = lesson.code_after(cell)
        if run is None or exercise_of(run) is not None or only_calls(run):
            yield f"cell {cell.id!r}: let the run that answers this guess be the next code cell"
            continue
        next_guess = guesses[number + 1 : number + 2]
        between = cells[cells.index(run) : cells.index(next_guess[0]) if next_guess else None]
        if not any(each.cell_type == "markdown" for each in between):
            yield f"cell {run.id!r}: explain in a text cell what this run shows, before the next guess"


@rule
def a_guess_at_a_claim_stands_before_its_verdict(lesson: Lesson) -> Iterator[str]:
    judged: set[str] = set()
    for cell in lesson.codes:
        judged |= {first_argument(call) for call in calls(cell.source, "judge")}
        for guess in calls(cell.source, "predict"):
            if first_argument(guess) in judged:
                yield f"cell {cell.id!r}: {first_argument(guess)} is judged above; guess first"


@rule
def a_measured_claim_is_flipped(lesson: Lesson) -> Iterator[str]:
    measured = [claim for claim, decided in lesson.claims.items() if decided in TURNS_OVER]
    if measured and not any("flip it" in cell.source.lower() for cell in lesson.texts):
        yield f"write a 'Flip it' with the one change that turns the result over; measured here: {in_order(measured)}"


# The rest, in its order


@rule
def sections_stand_in_their_order(lesson: Lesson) -> Iterator[str]:
    places = [lesson.place(title) for title in SECTIONS]
    for title, place in zip(SECTIONS, places, strict=True):
        if place is None:
            yield f"write a heading '## {title}'"
    found = [place for place in places if place is not None]
    if found != sorted(found):
        yield f"put the sections into this order: {', '.join(SECTIONS)}"


@rule
def people_go_wrong_in_a_cell_that_runs(lesson: Lesson) -> Iterator[str]:
    section = lesson.section("Where people go wrong")
    if section and not any(cell.cell_type == "code" for cell in section):
        yield "show each misconception with a cell under 'Where people go wrong'"


@rule
def two_to_four_exercises_each_with_its_check(lesson: Lesson) -> Iterator[str]:
    answers = [cell for cell in lesson.codes if exercise_of(cell) is not None]
    found = [exercise_of(cell) for cell in answers]
    if not 2 <= len(found) <= 4:
        yield f'tag two to four answer cells with "exercise" and an id such as "2.1"; there are {found}'
    if found != list(lesson.exercises):
        yield f"helpers/exercises has {list(lesson.exercises)} for this lesson, the tags of its answer cells {found}"
    section = lesson.section("Exercises")
    for cell, exercise in zip(answers, found, strict=True):
        if cell not in section:
            yield f"cell {cell.id!r}: put exercise {exercise} under the heading 'Exercises'"
        after = lesson.code_after(cell)
        checks = calls(after.source, "check") if after else []
        names = [ast.unparse(argument).strip("()") for argument in checks[0].args[1:]] if checks else []
        wanted = ", ".join(lesson.exercises.get(exercise, ["..."]))
        if [first_argument(check) for check in checks] != [exercise] or names != [wanted]:
            arguments = f"({wanted})" if "," in wanted else wanted
            yield f'cell {cell.id!r}: let the next code cell be check("{exercise}", {arguments})'


@rule
def a_verdict_for_exactly_the_claims_on_trial(lesson: Lesson) -> Iterator[str]:
    judged = [first_argument(call) for cell in lesson.codes for call in calls(cell.source, "judge")]
    if None in judged:
        yield 'name the claim in quotes: judge("C14", evidence)'
    named = [name for name in judged if name and re.fullmatch(r"C\d+", name)]  # other names are the lesson's own
    if sorted(named) != sorted(lesson.claims):
        yield f"data/claims.toml puts {in_order(lesson.claims)} on trial here; judged, each time: {in_order(named)}"


@rule
def no_verdict_is_written_by_hand(lesson: Lesson) -> Iterator[str]:
    for cell in lesson.calling("judge"):
        for call in calls(cell.source, "judge"):
            for evidence in [*call.args[1:], *(keyword.value for keyword in call.keywords)]:
                values = evidence.values if isinstance(evidence, ast.Dict) else getattr(evidence, "elts", [evidence])
                if any(isinstance(value, ast.Constant) and value.value is not ... for value in values):
                    yield f"cell {cell.id!r}: give judge(...) what the lesson measured, not {ast.unparse(evidence)}"


@rule
def recap_in_sentences_and_a_table(lesson: Lesson) -> Iterator[str]:
    section = [html(cell.source) for cell in lesson.section("Recap") if cell.cell_type == "markdown"]
    heads = [[cell.get_text().strip() for cell in table.find_all("th")] for page in section for table in page("table")]
    if ["What", "Flask", "FastAPI"] not in heads:  # a reader that reads aloud says the head of each column
        yield f"end the recap with a table headed What | Flask | FastAPI; there are {heads}"
    if not any("." in paragraph.get_text() for page in section for paragraph in page("p")):
        yield "say in sentences under 'Recap' what was found"


@rule
def what_to_read_next_has_a_link(lesson: Lesson) -> Iterator[str]:
    section = [html(cell.source) for cell in lesson.section("What to read next") if cell.cell_type == "markdown"]
    if not any(page.find("a", href=True) for page in section):
        yield "link to at least one thing under 'What to read next'"


@rule
def the_last_code_cell_stops_all_servers_when_it_is_asked_to(lesson: Lesson) -> Iterator[str]:
    last = lesson.codes[-1].source if lesson.codes else ""
    if not calls(last, "stop_all"):
        yield "let the last code cell call stop_all()"
    elif not last.startswith("finished = False  #") or "\nif finished:\n    stop_all()" not in last:
        yield "let it do so only when a learner has put True in place of `finished = False`: flips come after Run All"


# Text and code


@rule
def code_is_plain_python(lesson: Lesson) -> Iterator[str]:
    for cell in lesson.codes:
        try:
            ast.parse(WRITEFILE.sub("", cell.source))
        except SyntaxError as error:
            yield f"cell {cell.id!r} is no Python ({error.msg}): do without magics but %%writefile work/NAME.py"


@rule
def code_cells_are_short(lesson: Lesson) -> Iterator[str]:
    lengths = [lines(cell) for cell in lesson.codes]
    middle = statistics.median(lengths or [0])
    if not 2 <= middle <= 6:
        yield f"the median code cell has {middle:g} lines: two to six are wanted"
    long = [cell for cell in lesson.codes if lines(cell) >= 15]
    if len(long) > len(lengths) / 10:
        yield f"keep nine code cells in ten under fifteen lines; of {len(lengths)}, these have more: {ids(long)}"
    for cell in lesson.codes:
        if lines(cell) > 40:
            yield f"cell {cell.id!r} has {lines(cell)} lines: forty are the most"


@rule
def text_cells_are_short(lesson: Lesson) -> Iterator[str]:
    middle = statistics.median([words(cell.source) for cell in lesson.texts] or [0])
    if not 20 <= middle <= 70:
        yield f"the median text cell has {middle:g} words: thirty to sixty are wanted"
    for cell in lesson.texts:
        if (count := words(cell.source)) > 150:
            yield f"cell {cell.id!r} has {count} words: 150 are the most"


@rule
def every_image_has_alternative_text(lesson: Lesson) -> Iterator[str]:
    for cell in lesson.texts:
        for image in html(cell.source)("img"):
            alternative, source = image.get("alt", "").strip(), image.get("src", "")
            if not alternative or alternative in source:
                yield f"cell {cell.id!r}: say in the alternative text of {source!r} what the picture shows"


@rule
def relative_links_lead_somewhere(lesson: Lesson) -> Iterator[str]:
    own_anchors = anchors_of_notebook(lesson.notebook)
    for cell in lesson.texts:
        for link, why in broken_links(cell.source, lesson.path, own_anchors):
            yield f"cell {cell.id!r}: the link to {link!r} {why}"


@rule
def no_path_of_one_machine(lesson: Lesson) -> Iterator[str]:
    absolute = r"file://\S*|(?<![\w.:/})])/(?:home|Users|root|tmp|mnt|opt|var|usr|private)/\S*|\b[A-Z]:\\\S*"
    for cell in lesson.notebook.cells:
        for found in re.findall(absolute, cell.source):
            yield f"cell {cell.id!r}: {found!r} is on one machine only; write a path relative to the notebook"
        if "sys.path" in cell.source:
            yield f"cell {cell.id!r}: `helpers` imports without changes to sys.path"


@rule
def no_fixed_port(lesson: Lesson) -> Iterator[str]:
    for cell in lesson.notebook.cells:
        for found in re.findall(r"https?://(?:127\.0\.0\.1|localhost|0\.0\.0\.0|\[::1?\]):\d+", cell.source):
            yield f"cell {cell.id!r}: {found} is an address of one run; use server.url"


# How it is stored


@rule
def stored_without_results(lesson: Lesson) -> Iterator[str]:
    for cell in lesson.codes:
        if cell.outputs or cell.execution_count is not None:
            yield f"cell {cell.id!r}: clear its outputs and its execution count"
    for cell in lesson.notebook.cells:
        if noise := set(cell.metadata) - KEPT_METADATA:
            yield f"cell {cell.id!r}: drop its metadata {sorted(noise)}"
        if not cell.source.strip():
            yield f"cell {cell.id!r} is empty: drop it"


@rule
def stored_for_any_kernel(lesson: Lesson) -> Iterator[str]:
    metadata = lesson.notebook.metadata
    if metadata.get("kernelspec", {}).get("name") != "python3":
        yield "let the kernelspec be python3, which every installation has"
    if noise := set(metadata) - {"kernelspec", "language_info"}:
        yield f"drop the notebook's metadata {sorted(noise)}"
    if "version" in metadata.get("language_info", {}):
        yield "drop language_info.version from the notebook's metadata: it is one machine's"


@rule
def valid_notebook_of_format_4_5(lesson: Lesson) -> Iterator[str]:
    if (lesson.notebook.nbformat, lesson.notebook.nbformat_minor) != (4, 5):
        yield "store the notebook as nbformat 4.5, in which cells have ids"
    try:
        nbformat.validate(lesson.notebook)
    except nbformat.ValidationError as error:
        yield f"nbformat finds it invalid: {str(error).splitlines()[0]}"


@rule
def cell_ids_are_unique_and_say_something(lesson: Lesson) -> Iterator[str]:
    known = [cell.get("id", "") for cell in lesson.notebook.cells]
    machine_made = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?=.*\d)[0-9a-f]{8,}|(cell|code|markdown|text)?-?\d*"
    for each in known:
        if re.fullmatch(machine_made, each) or not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", each):
            yield f"name the cell {each!r} for what it does, such as 'predict-c14'"
        if known.count(each) > 1:
            yield f"the cell id {each!r} is there {known.count(each)} times"


# Links, of notebooks and of the other documents


def broken_links(markdown: str, file: Path, own_anchors: set[str]) -> Iterator[tuple[str, str]]:
    """The relative links and images of `file` that lead nowhere, each with the end of a sentence that says why."""
    page = html(markdown)
    for link in [*(tag["href"] for tag in page("a", href=True)), *(tag["src"] for tag in page("img", src=True))]:
        url = urlsplit(link)
        if url.scheme in ("http", "https", "mailto"):
            continue
        if url.scheme or url.netloc or url.path.startswith("/"):
            yield link, "is not relative to this file"
            continue
        target = (file.parent / unquote(url.path)) if url.path else file
        if url.path and not target.exists():
            yield link, "leads to no file"
        elif url.fragment and unquote(url.fragment) not in (anchors(target) if url.path else own_anchors):
            yield link, f"leads to no heading; {target.name} may have changed"


def anchors(file: Path) -> set[str]:
    """What a link into `file` can name after the #."""
    if file.suffix == ".ipynb":
        return anchors_of_notebook(stored(file))
    return anchors_of_page(file.read_text(encoding="utf-8")) if file.suffix == ".md" else set()


def anchors_of_notebook(notebook: NotebookNode) -> set[str]:
    """As JupyterLab makes them: the heading's text with hyphens for spaces."""
    pages = [html(cell.source) for cell in notebook.cells if cell.cell_type == "markdown"]
    named = {tag["id"] for page in pages for tag in page(id=True)}
    return named | {tag.get_text().strip().replace(" ", "-") for page in pages for tag in page(HEADING)}


def anchors_of_page(markdown: str) -> set[str]:
    """As code hosts make them: lower case, without punctuation, with hyphens for spaces."""
    page = html(markdown)
    slugs = {re.sub(r"[^\w\- ]", "", tag.get_text().strip().lower()).replace(" ", "-") for tag in page(HEADING)}
    return slugs | {tag["id"] for tag in page(id=True)}


def ids(cells: Sequence[NotebookNode]) -> list[str]:
    return [cell.get("id", "?") for cell in cells]


def in_order(claims: Iterator[str] | Mapping[str, str] | Sequence[str] | set[str]) -> str:
    return ", ".join(sorted(claims, key=lambda claim: int(claim[1:]) if claim[1:].isdigit() else 0)) or "none"
