"""Every exercise: blank, right, and wrong in each way it names; and what check, hint and solution promise."""

from __future__ import annotations

import asyncio
import json
import linecache
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flask
import pytest
from fastapi import FastAPI
from flask import Flask
from lessons import WITHOUT_CLOCK
from steady import until_quiet

import helpers.exercises
from helpers import LessonError, ask, check, hint, solution
from helpers.exercises import asking, find, lessons, of_lesson
from helpers.exercises.attempt import NotStarted, NotYet, is_blank, serving
from helpers.exercises.exercise import Exercise, Feedback, Wrong
from helpers.servers import serve, stop_all

# Some wrong answers leave clients and loops open; that is what is wrong with them.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.usefixtures("collected"),
]

EXERCISES = [exercise for lesson in lessons() for exercise in of_lesson(lesson).values()]

CAPSTONE = {"11.1", "11.2"}  # whole apps


def beside_others(exercise: Exercise) -> list[pytest.MarkDecorator]:
    """A check that reads a clock is tried alone."""
    return [pytest.mark.together] if exercise.id.partition(".")[0].zfill(2) in WITHOUT_CLOCK else []


every_exercise = pytest.mark.parametrize(
    "exercise", [pytest.param(e, id=e.id, marks=beside_others(e)) for e in EXERCISES]
)
every_mistake = pytest.mark.parametrize(
    ("exercise", "name"),
    [pytest.param(e, name, id=f"{e.id}: {name}", marks=beside_others(e)) for e in EXERCISES for name in e.wrong],
)


@pytest.fixture(scope="module", autouse=True)
def leave_nothing_running() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LESSON_PACE", "0.3")  # right and wrong are far apart; three seconds tell them
        yield
    stop_all()


def attempt_at(exercise: Exercise, source: str) -> object:
    """What the notebook's check cell hands over once the answer cell holds `source`."""
    filename = f"<answer {exercise.id}>"
    lines = source.splitlines(keepends=True)
    linecache.cache[filename] = (len(source), None, lines, filename)  # as IPython does for a cell
    namespace: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(source, filename, "exec", dont_inherit=True), namespace)
    values = tuple(namespace[name] for name in exercise.answer)
    return values if len(values) > 1 else values[0]


def assert_passes(exercise_id: str, source: str) -> None:
    """Another answer than the reference solution passes, too."""
    exercise = find(exercise_id)
    assert source != exercise.solution
    feedback = check(exercise_id, attempt_at(exercise, source))
    assert feedback.status == "passed", feedback.message


# Each exercise


def test_there_are_exercises_and_their_ids_are_their_lesson_and_place() -> None:
    assert EXERCISES
    for lesson in lessons():
        exercises = list(of_lesson(lesson).values())
        assert len(exercises) in (2, 3, 4), f"lesson {lesson} has {len(exercises)} exercises; two to four are wanted"
        assert [exercise.id for exercise in exercises] == [f"{lesson}.{n + 1}" for n in range(len(exercises))]


@every_exercise
def test_blank_says_not_started(exercise: Exercise) -> None:
    blanks = [..., None, [...] * 2, lambda: ..., tuple(... for _ in exercise.answer)]
    assert [exercise.feedback(blank).status for blank in blanks] == ["not started"] * len(blanks)


@every_exercise
def test_the_solution_passes(exercise: Exercise) -> None:
    def passes() -> None:
        feedback = check(exercise.id, attempt_at(exercise, solution(exercise.id).source))
        assert feedback.status == "passed", feedback.message
        assert feedback.message

    until_quiet(passes)


@every_mistake
def test_each_wrong_attempt_gets_its_own_message(exercise: Exercise, name: str) -> None:
    source, fragment = exercise.wrong[name]
    feedback = check(exercise.id, attempt_at(exercise, source))
    assert feedback.status == "not yet", f"{name} is {feedback.status}: {feedback.message}"
    assert fragment in feedback.message
    others = [other.message for key, other in exercise.wrong.items() if key != name]
    assert not [other for other in others if other in feedback.message], "the message would fit another mistake too"


@every_exercise
def test_the_named_mistakes_are_three_or_more_and_differ(exercise: Exercise) -> None:
    assert len(exercise.wrong) >= 3, "name at least three mistakes that learners make"
    assert len({wrong.source for wrong in exercise.wrong.values()}) == len(exercise.wrong)
    assert len({wrong.message for wrong in exercise.wrong.values()}) == len(exercise.wrong)


@every_exercise
def test_hints_are_two_or_more_and_differ(exercise: Exercise) -> None:
    assert len(exercise.hints) >= 2
    assert len(set(exercise.hints)) == len(exercise.hints)
    assert not any(solution(exercise.id).source in text for text in exercise.hints), "a hint is not the solution"


@every_exercise
def test_an_answer_cell_is_short_and_each_cell_compiles(exercise: Exercise) -> None:
    for name, wrong in exercise.wrong.items():
        compile(wrong.source, name, "exec")
    most = 150 if exercise.id in CAPSTONE else 40
    assert len([line for line in exercise.solution.splitlines() if line.strip()]) <= most, f"{most} lines at most"


# A capstone's function has all its routes, as a learner has it in one cell.
CHECK = ["check", "--ignore=B018", "--extend-per-file-ignores=answer_11.[12].py:C901"]


@pytest.mark.parametrize("command", [CHECK, ["format", "--check", "--diff"]], ids=lambda c: c[0])
def test_the_solutions_are_clean(command: list[str], tmp_path: Path) -> None:
    for exercise in EXERCISES:  # a file for each, whose name a complaint begins with
        (tmp_path / f"answer_{exercise.id}.py").write_text(solution(exercise.id).source + "\n", encoding="utf-8")
    config = Path(helpers.exercises.__file__).parents[2] / "pyproject.toml"
    ruff = [sys.executable, "-m", "ruff", *command, "--no-cache", "--config", str(config), str(tmp_path)]
    done = subprocess.run(ruff, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


# What check promises


def an_exercise(look: Callable[[Any], str], **given: Any) -> Exercise:
    parts = {"id": "9.1", "title": "a test", "answer": ("it",), "hints": ("look", "see"), "solution": "it = 1\n"}
    return Exercise(**{"also": "", **parts, "wrong": {"two": Wrong("it = 2", "two")}, **given, "check": look})


def not_yet(sentence: str) -> Callable[[Any], str]:
    def look(attempt: Any) -> str:
        raise NotYet(sentence)

    return look


def test_a_decorator_without_brackets_is_told_where_an_app_is_blank(monkeypatch: pytest.MonkeyPatch) -> None:
    flask_app, fastapi_app = Flask("ping"), FastAPI()
    monkeypatch.setattr(sys.modules["__main__"], "aaa_request", flask.request, raising=False)
    assert check("0.1", (flask_app, fastapi_app)).status == "not started"
    for app in (flask_app, fastapi_app):
        monkeypatch.setattr(sys.modules["__main__"], "ping", app.get(lambda: "pong"), raising=False)
        feedback = check("0.1", (flask_app, fastapi_app))
        assert feedback.status == "not yet"
        assert "Above `ping` stands a decorator without brackets" in feedback.message


def test_a_server_in_place_of_an_app_is_told() -> None:
    feedback = check("0.1", (serve(Flask("ping"), name="handed over"), FastAPI()))
    assert feedback.status == "not yet"
    assert "Hand over the app itself" in feedback.message


def test_first_mistakes_have_words_of_their_own() -> None:
    app = FastAPI()

    @app.get("/nothing")
    def nothing() -> dict[str, int]:
        _ = 1 + 1

    @app.exception_handler(404)
    def missing(request: object, error: object) -> Any:
        return {"detail": "no"}, 404

    with serving(app) as request:
        with pytest.raises(NotYet, match="ends without a value: write what it answers behind `return`"):
            request("GET", "/nothing")
        with pytest.raises(NotYet, match=r"only Flask understands: return `JSONResponse\(body, status\)`"):
            request("GET", "/elsewhere")


def test_the_statuses_show_in_words_and_marks() -> None:
    passed = an_exercise(lambda attempt: "Well asked.").feedback(1)
    assert repr(passed) == "Exercise 9.1: passed. Well asked."
    wrong = an_exercise(not_yet("Use `a < b`.")).feedback(1)
    assert repr(wrong) == "Exercise 9.1: not yet. Use `a < b`."
    blank = an_exercise(not_yet("never asked")).feedback(...)
    assert "Exercise 9.1: not started." in repr(blank)
    assert "<code>a &lt; b</code>" in wrong.body()
    assert len({feedback.body().split("</span>")[0] for feedback in (passed, wrong, blank)}) == 3


def test_a_check_may_say_itself_that_nothing_was_begun() -> None:
    def look(attempt: Any) -> str:
        raise NotStarted("The model has no field yet.")

    assert repr(an_exercise(look).feedback(1)) == "Exercise 9.1: not started. The model has no field yet."


def test_a_crash_is_told_with_the_learners_line() -> None:
    crashing = attempt_at(an_exercise(str), "def it():\n    shelf = []\n    return shelf[2]\n")
    feedback = an_exercise(lambda function: function()).feedback(crashing)
    assert feedback.status == "not yet"
    assert "IndexError: list index out of range (in it(), line 3: return shelf[2])" in feedback.message


@pytest.mark.parametrize("statement", ["raise SystemExit(3)", "raise BaseException('odd')", "it()"])
def test_no_exception_of_the_learner_gets_out(statement: str) -> None:
    crashing = attempt_at(an_exercise(str), f"def it():\n    {statement}\n")
    assert an_exercise(lambda function: function()).feedback(crashing).message.startswith("Your code raises ")


def test_an_attempt_of_another_form_gets_a_sentence() -> None:
    feedback = an_exercise(lambda function: function("an argument")).feedback(attempt_at(an_exercise(str), "it = 3\n"))
    assert feedback.status == "not yet"
    assert "'int' object is not callable" in feedback.message


def test_a_lesson_error_is_told_in_its_own_words() -> None:
    feedback = an_exercise(lambda attempt: serving(attempt).__enter__() and "").feedback("shop:app")
    assert feedback.status == "not yet"
    assert feedback.message.startswith("serve('shop:app') was given a string")


@pytest.mark.parametrize("body", ["while True: pass", "import time; time.sleep(30)"])
def test_an_attempt_that_never_ends_is_given_up(body: str) -> None:
    endless = attempt_at(an_exercise(str), f"def it():\n    {body}\n")
    started = time.perf_counter()
    feedback = an_exercise(lambda function: function(), seconds=0.2).feedback(endless)
    assert time.perf_counter() - started < 3
    assert "still busy after 0.2 seconds" in feedback.message
    if "while" in body:
        assert not [thread for thread in threading.enumerate() if thread.name == "check"], "the loop goes on"


def test_a_check_may_use_an_event_loop_although_the_notebook_has_one() -> None:
    async def double(n: int) -> int:
        return 2 * n

    async def notebook() -> Feedback:
        return an_exercise(lambda function: str(asyncio.run(function(21)))).feedback(double)

    assert asyncio.run(notebook()).message == "42"


def test_check_without_an_attempt_says_what_to_hand_over() -> None:
    feedback = check("0.1")
    assert feedback.status == "not started"
    assert 'check("0.1", (ping_flask, ping_fastapi))' in feedback.message


@pytest.mark.parametrize(
    ("wrong_id", "sentence"),
    [
        ("0.9", "Lesson 0 has no exercise 0.9; it has 0.1"),
        ("77.1", "no exercises for lesson 77, only for 0"),
        ("first", 'in quotes, lesson first, as in "2.1"'),
        (0.1, 'in quotes, lesson first, as in "2.1"'),
        (..., 'in quotes, lesson first, as in "2.1"'),
    ],
)
def test_an_unknown_exercise_is_refused_with_those_there_are(wrong_id: Any, sentence: str) -> None:
    for function in (check, hint, solution):
        with pytest.raises(LessonError, match=sentence):
            function(wrong_id)


def test_under_nbgrader_anything_but_a_pass_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    right = attempt_at(find("0.1"), find("0.1").solution)
    wrong = attempt_at(find("0.1"), find("0.1").wrong["another path"].source)
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    assert check("0.1", right).status == "passed"
    with pytest.raises(LessonError, match=r"Exercise 0\.1: not yet\. Flask knows no `/ping`"):
        check("0.1", wrong)
    with pytest.raises(LessonError, match="not started"):
        check("0.1", ...)
    with pytest.raises(LessonError, match="not started"):
        check("0.1")


def test_each_call_gives_the_next_hint_until_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "hints_given", Counter())
    count = len(find("0.1").hints)
    given = [hint("0.1") for _ in range(count + 1)]
    assert [one.number for one in given] == [*range(1, count + 1), count]
    assert [one.remaining for one in given] == [*range(count - 1, -1, -1), 0]
    assert f"({count - 1} more" in repr(given[0])
    assert 'solution("0.1") shows an answer' in repr(given[-1])
    assert hint("0.1", 1).text == find("0.1").hints[0]
    assert hint("0.1", ...).number == count


@pytest.mark.parametrize("number", [0, -1, 99, "2", 1.5])
def test_a_hint_that_does_not_exist_is_refused(number: Any) -> None:
    with pytest.raises(LessonError, match="1 to 3; there is no hint"):
        hint("0.1", number)


def test_a_solution_shows_as_code_that_runs() -> None:
    shown = solution("0.1")
    compile(repr(shown), "shown", "exec")
    assert shown.source in repr(shown)
    assert "@ping_flask.get(&quot;/ping&quot;)" in shown.body()


# What the tools for checks promise


def filled(n: int) -> int:
    return n


async def awaited(n: int) -> None:
    """Not filled in."""


async def awaited_and_filled(n: int) -> None:
    await asyncio.sleep(n)


def documented(a: int, *rest: int, b: str = "x") -> None:
    """Only this."""


def passing() -> None:
    pass


def test_what_is_blank() -> None:
    with_dots, with_route, without = Flask("a"), Flask("b"), Flask("c")
    with_dots.get("/x")(passing)
    with_route.get("/x")(filled)
    api_with_dots, api_with_route, api_included = FastAPI(), FastAPI(docs_url=None), FastAPI()
    api_with_dots.get("/x")(passing)
    api_with_route.get("/x")(filled)
    api_included.include_router(api_with_route.router, prefix="/sub")

    blanks = [..., None, (..., None), {"a": ...}, passing, documented, awaited, lambda: ..., lambda: None]
    assert all(is_blank(blank) for blank in [*blanks, without, with_dots, FastAPI(), api_with_dots])
    begun = [0, "", [], {}, (..., 1), filled, awaited_and_filled, print, Flask, FastAPI, lambda: 0, lambda: False]
    assert not any(is_blank(thing) for thing in [*begun, with_route, api_with_route, api_included])


def an_app(framework: str) -> Any:
    app: Any = Flask("shop") if framework == "Flask" else FastAPI()

    @app.get("/crash")
    def crash() -> None:
        json.loads("{")

    @app.get("/sleep")
    def sleep() -> None:
        time.sleep(1)

    return app


@pytest.mark.parametrize("framework", ["Flask", "FastAPI"])
def test_a_crash_inside_an_app_is_told_and_does_not_reach_stderr(
    framework: str, capfd: pytest.CaptureFixture[str]
) -> None:
    said = rf"Inside {framework}, GET /crash raised JSONDecodeError: .*in crash\(\), line"
    with serving(an_app(framework), framework) as ask, pytest.raises(NotYet, match=said):
        ask("GET", "/crash")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("framework", ["Flask", "FastAPI"])
def test_an_app_that_does_not_answer_is_given_up(framework: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(helpers.exercises.attempt, "ANSWER_SECONDS", 0.1)
    said = f"No good answer to GET /sleep: {framework} timed out"
    with serving(an_app(framework), framework) as ask, pytest.raises(NotYet, match=said):
        ask("GET", "/sleep")


def test_an_app_is_stopped_after_its_check_and_the_learners_server_goes_on() -> None:
    app = an_app("Flask")
    learners = serve(app, name="Flask")
    with serving(app, "Flask") as ask_it:
        private = ask_it("GET", "/nowhere")
    assert private.status == 404
    assert private.url != learners.url
    assert ask(private.url, "GET", "/nowhere").statuses == {private.url.removeprefix("http://"): None}
    assert ask(learners, "GET", "/nowhere").statuses == {"Flask": 404}
    learners.stop()


def test_importing_the_room_loads_no_framework() -> None:
    heavy = "{'flask', 'fastapi', 'httpx', 'matplotlib', 'uvicorn', 'pydantic'}"
    code = f"import sys, helpers.exercises as room; room.lessons(); print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


OTHERS = {  # as `also` promises; the later lessons have theirs in files of their own
    "0.1": ('return {"ping": "pong"}\n\n\n@ping_fastapi', 'return jsonify(ping="pong")\n\n\n@ping_fastapi'),
    "0.2": (
        "return [answer.server for answer in exchange if answer.status == 200]",
        "found = []\n    for answer in exchange:\n        if answer.status == 200:\n"
        "            found.append(answer.server)\n    return found",
    ),
    "1.1": ("return [json", 'yield b" "\n    yield json'),
    "2.1": (
        "    model_config = ConfigDict(strict=True)\n\n"
        "    quantity: int\n    due: Annotated[date, Field(strict=False)]",
        "    quantity: Annotated[int, Field(strict=True)]\n    due: date",
    ),
    "2.3": (
        'detail = [{key: one[key] for key in ("loc", "msg", "type")} for one in error.errors()]',
        'detail = [{key: each for key, each in one.items() if key not in ("input", "ctx")} for one in error.errors()]',
    ),
}


@pytest.mark.parametrize("exercise_id", OTHERS)
def test_another_answer_that_a_pass_tells_of_passes_too(exercise_id: str) -> None:
    exercise = find(exercise_id)
    old, new = OTHERS[exercise_id]
    assert old in exercise.solution
    source = exercise.solution.replace(old, new)
    if exercise_id == "0.1":
        source = source.replace("import Flask", "import Flask, jsonify")
    if exercise_id == "1.1":
        source = source.replace(".encode()]", ".encode()")
    feedback = check(exercise_id, attempt_at(exercise, source))
    assert feedback.status == "passed", feedback.message
    assert exercise.also in feedback.summary()
