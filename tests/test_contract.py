"""The capstone's contract: two apps that keep it, apps that each break a rule, apps that misbehave, and the store."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from flask import Flask

from helpers import LessonError, postgres, review, stop_all
from helpers.contract import RULES, PostgresStore, Store, apart, attempts
from helpers.contract.example import over, source
from helpers.servers import NoDatabase

F, K = "fastapi", "flask"


def app_maker(framework: str, *changes: tuple[str, str]) -> Callable[[], Any]:
    """The `make_app` of this series' own app, with these changes in its source."""
    text = source(framework)
    for old, new in changes:
        assert old in text, f"{old!r} is not in the app"
        text = text.replace(old, new)
    namespace: dict[str, Any] = {"__name__": "capstone"}
    exec(compile(text, f"<{framework}>", "exec", dont_inherit=True), namespace)
    make: Callable[[], Any] = namespace[f"make_{framework}"]
    return make


@pytest.mark.parametrize("framework", [F, K])
def test_an_app_that_keeps_all_rules_is_told_so_within_seconds(framework: str) -> None:
    began = time.monotonic()
    found = review(app_maker(framework))
    assert found.broken == {} and found.first is None and found.kept == list(RULES)
    assert "20 of 20 rules kept" in found.summary()
    assert time.monotonic() - began < 60, "under ten where the machine has nothing else to do"
    assert len([line for line in source(framework).splitlines() if line.strip()]) <= 150


ADDED = "added = todos.add(sent.model_dump(), idempotency_key)"
CHANGED = 'changed = todos.change(id, sent.model_dump(exclude_unset=True), row["version"])'
ROWS = "rows, total = todos.page(after, limit + 1, done)"
NEXT = 'following = f"/todos?after={items[-1].id}&limit={limit}{asked}" if len(rows) > limit else None'
FORM = '{"error": "This is not what the contract allows.", "fields": fields}'
ABSENT = 'raise HTTPException(404, "There is no such todo.")'
SENT_TITLE = "title: Title = Field(default_factory=str)  # a factory: the document shows no empty default"
STORE = "class Bad(Store):\n    def {}\n\n\ndef make_{}(store=Bad):"
REUSED = """remove(self, id):
        found = super().remove(id)
        self._last = max(self._rows, default=0)
        return found"""
BY_PLACE = """page(self, after=0, limit=20, done=None):
        rows, total = super().page(0, 1000, done)
        if after:
            rows = rows[[row["id"] for row in rows].index(after) + 1 :]
        return rows[:limit], total"""
NEWEST = """page(self, after=0, limit=20, done=None):
        rows, total = super().page(0, 1000, done)
        rows = [row for row in rows[::-1] if not after or row["id"] < after]
        return rows[:limit], total"""
ALL_GONE = """remove(self, id):
        found = super().remove(id)
        self._rows.clear()
        return found"""
TITLE_ONLY = """add(self, todo, key=None):
        added = super().add(todo, key)
        return added._replace(same=added.todo["title"] == todo["title"])"""
BUSY_KEYS = """add(self, todo, key=None):
        seen = self.__dict__.setdefault("seen", {})
        if key in seen:
            return type(seen[key])(seen[key].todo, False, todo.items() <= seen[key].todo.items())
        added = super().add(todo)
        if key:
            seen[key] = added
        return added"""


def store(framework: str, method: str) -> tuple[str, str]:
    return f"def make_{framework}(store=Store):", STORE.format(method, framework)


LIE = """@app.spec_processor
    def lie(spec):
        spec["components"]["schemas"]["Todo"]["properties"].pop("order")
        return spec

"""


BROKEN: dict[str, tuple[str, int, tuple[tuple[str, str], ...]]] = {
    "POST answers 200": (F, 1, (("201 if added.made else 200", "200"),)),
    "POST answers 200, in Flask": (K, 1, (("201 if added.made else 200", "200"),)),
    "no Location": (F, 1, (('response.headers["location"] = f"/todos/{added.todo[\'id\']}"\n', "\n"),)),
    "Location of the list": (K, 1, (('"Location": body["url"]', '"Location": "/todos"'),)),
    "done to begin with": (K, 1, (("done: Done = False", "done: Done = True"),)),
    "no version": (F, 1, (("    version: int\n", ""),)),
    "the order 0 is lost": (
        F,
        2,
        (("sent.model_dump(), idem", '{**sent.model_dump(), "order": sent.order or None}, idem'),),
    ),
    "done is not kept": (K, 2, (("todos.add(sent.model_dump(),", 'todos.add({**sent.model_dump(), "done": False},'),)),
    "blanks count as a title": (F, 3, (("strip_whitespace=True", "strip_whitespace=False"),)),
    "titles of 120": (K, 3, (("max_length=100", "max_length=120"),)),
    "titles of 99": (F, 3, (("max_length=100", "max_length=99"),)),
    "a number is a title": (
        K,
        3,
        (
            ("[str, StringC", "[str, BeforeValidator(str), StringC"),
            ("import BaseModel", "import BaseModel, BeforeValidator"),
        ),
    ),
    "yes is true": (F, 4, (("Done = Annotated[bool, Field(strict=True)]", "Done = bool"),)),
    "texts are numbers": (K, 4, (("Field(strict=True, ge=0)", "Field(ge=0)"),)),
    "orders below 0": (F, 4, (("strict=True, ge=0", "strict=True"),)),
    "unknown fields are ignored": (F, 5, (('extra="forbid"', 'extra="ignore"'),)),
    "unknown fields are ignored, in Flask": (K, 5, (('extra="forbid"', 'extra="ignore"'),)),
    "fields do not say which": (F, 5, (('str(each["loc"][-1]): each["msg"]', '"input": each["msg"]'),)),
    "only FastAPI's own errors": (
        F,
        6,
        (("@app.exception_handler(AnyHTTPException)", "@app.exception_handler(HTTPException)"),),
    ),
    "refusals in FastAPI's form": (F, 6, (("    @app.exception_handler(AnyHTTPException)\n", ""),)),
    "a message in place of an error": (K, 6, (('{"error": refused.message}', '{"message": refused.message}'),)),
    "GET of nothing fails": (
        F,
        7,
        ((f"if (row := todos.get(id)) is None:\n            {ABSENT}", "row = todos.get(id)"),),
    ),
    "DELETE of nothing is fine": (F, 7, ((f"if not todos.remove(id):\n            {ABSENT}", "todos.remove(id)"),)),
    "DELETE of nothing is fine, in Flask": (
        K,
        7,
        (('if todos.remove(id) else abort(404, "There is no such todo.")', "if todos.remove(id) or True else None"),),
    ),
    "PATCH resets": (F, 8, (("exclude_unset=True", ""),)),
    "PATCH resets, in Flask": (K, 8, (("exclude_unset=True", ""),)),
    "null is ignored": (K, 8, (("exclude_unset=True", "exclude_none=True, exclude_unset=True"),)),
    "PATCH is not kept": (
        F,
        8,
        ((CHANGED, 'changed = {**row, **sent.model_dump(exclude_unset=True), "version": row["version"] + 1}'),),
    ),
    "PATCH takes any title": (
        F,
        9,
        (
            (
                "    title: Title = Field(default_factory=str)  # a factory: the document shows no empty default",
                '    title: str = ""',
            ),
        ),
    ),
    "PATCH takes unknown fields": (
        K,
        9,
        (("class Change(Sent):\n", 'class Change(Sent):\n    model_config = ConfigDict(extra="ignore")\n'),),
    ),
    "the good half of a PATCH": (
        F,
        9,
        (
            (
                f"    {SENT_TITLE}\n",
                f"    {SENT_TITLE}\n    order: int | None = None\n",
            ),
            (
                "        return shown(changed, response)",
                '        if (changed["order"] or 0) < 0:\n            raise HTTPException(422, "order")\n'
                "        return shown(changed, response)",
            ),
        ),
    ),
    "DELETE answers 200": (
        F,
        10,
        (('@app.delete("/todos/{id}", status_code=204', '@app.delete("/todos/{id}", status_code=200'),),
    ),
    "DELETE takes all": (K, 10, (store(K, ALL_GONE),)),
    "ids come back": (F, 10, (store(F, REUSED),)),
    "newest first": (F, 11, (store(F, NEWEST),)),
    "no next page": (F, 11, ((NEXT, "following = None"),)),
    "total of the page": (K, 11, (('"total": total', '"total": len(items)'),)),
    "pages of ten": (K, 11, (("Field(ge=1, le=100)] = 20", "Field(ge=1, le=100)] = 10"),)),
    "after is an offset": (
        F,
        12,
        (
            (ROWS, "every, total = todos.page(0, 1000, done)\n        rows = every[after : after + limit + 1]"),
            ("after={items[-1].id}&", "after={after + limit}&"),
        ),
    ),
    "after is looked up": (K, 12, (store(K, BY_PLACE),)),
    "total is not filtered": (F, 13, ((ROWS, f"{ROWS}\n        total = todos.page()[1]"),)),
    "next forgets the filter": (K, 13, (("&limit={asked.limit}{done}", "&limit={asked.limit}"),)),
    "maybe is no filter": (
        F,
        13,
        (
            ("done: bool | None = None) -> Page:", "done: str | None = None) -> Page:"),
            (ROWS, f'done = {{"true": True, "false": False}}.get(done)\n        {ROWS}'),
        ),
    ),
    "limit is repaired": (
        F,
        14,
        (
            ("Annotated[int, Query(ge=1, le=100)] = 20", "int = 20"),
            (ROWS, f"limit = min(max(limit, 1), 100)\n        {ROWS}"),
        ),
    ),
    "limit 0 fails": (K, 14, (("Field(ge=1, le=100)] = 20", "Field(ge=0, le=100)] = 20"),)),
    "at most fifty": (F, 14, (("ge=1, le=100", "ge=1, le=50"),)),
    "an ETag of the title": (F, 15, (('f\'"{row["version"]}"\'', 'f\'"{hash(row["title"])}"\''),)),
    "an ETag without quotes": (
        K,
        15,
        (
            ("""{"ETag": f'"{row["version"]}"'}""", '{"ETag": str(row["version"])}'),
            ("""match == f'"{row["version"]}"'""", 'match == str(row["version"])'),
        ),
    ),
    "no If-Match is fine": (
        F,
        15,
        (
            (
                'raise HTTPException(428, "Say by If-Match which version you change.")',
                'if_match = f\'"{row["version"]}"\'',
            ),
        ),
    ),
    "any If-Match is fine": (K, 15, (("""if match == f'"{row["version"]}"':""", "if match:"),)),
    "the version is looked at before, not by the change": (F, 16, ((', row["version"])', ")"),)),
    "the version is looked at before, in Flask": (K, 16, ((', row["version"])', ")"),)),
    "keys are ignored": (F, 17, (("sent.model_dump(), idempotency_key", "sent.model_dump()"),)),
    "again is 201": (K, 17, (("201 if added.made else 200", "201"),)),
    "a key for another todo": (K, 17, (("if not added.same:", "if False:"),)),
    "keys are looked up before, not by the insert": (F, 18, (store(F, BUSY_KEYS),)),
    "keys are looked up before, in Flask": (K, 18, (store(K, BUSY_KEYS),)),
    "409 is not in the document": (F, 19, (("refusals(409, 422)", "refusals(422)"),)),
    "428 is not in the document": (K, 19, (("[404, 412, 428]", "[404, 412]"),)),
    "a route is not in the document": (
        F,
        19,
        (('@app.delete("/todos/{id}",', '@app.delete("/todos/{id}", include_in_schema=False,'),),
    ),
    "the document has other fields": (
        F,
        20,
        (
            (
                '@app.get("/todos/{id}", responses=refusals(404))',
                '@app.get("/todos/{id}", responses={200: {"model": Sent}, **refusals(404)}, response_model=None)',
            ),
            ("def one(id: int, response: Response) -> Todo:", "def one(id: int, response: Response):"),
        ),
    ),
    "the document lacks a field": (K, 20, (("    return app\n", f"    {LIE}    return app\n"),)),
    "a bad title is not named": (
        F,
        6,
        (
            (
                'fields = {str(each["loc"][-1]): each["msg"] for',
                'fields = {str(each["loc"][-1]).replace("title", "body"): each["msg"] for',
            ),
        ),
    ),
    "a list fails": (F, 6, (('each["loc"][-1]', 'each["loc"][1]'),)),
    "next forgets the limit": (F, 11, (("&limit={limit}{asked}", "{asked}"),)),
    "the version stays": (K, 15, (('return {**row, "url"', 'return {**row, "version": 1, "url"'),)),
    "another order is the same todo": (K, 17, (store(K, TITLE_ONLY),)),
}


EVERY_OTHER_RULE = {rule: name for name, (_, rule, _) in reversed(BROKEN.items()) if rule % 2 == 0}.values()
MORE = [name if name in EVERY_OTHER_RULE else pytest.param(name, marks=pytest.mark.long) for name in BROKEN]


@pytest.mark.parametrize("name", MORE)
def test_a_broken_rule_is_the_first_that_is_told(name: str) -> None:
    framework, rule, changes = BROKEN[name]
    found = review(app_maker(framework, *changes), stop_first=True)
    assert found.first == rule, found.summary()
    assert found.kept == list(range(1, rule))


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_rule_is_told_with_the_request_what_came_and_what_the_contract_says(name: str) -> None:
    framework, rule, changes = BROKEN[name]
    found = review(app_maker(framework, *changes), rules=[rule])
    assert found.first == rule, found.summary()
    sentence = found.broken[rule]
    assert any(method in sentence for method in ("GET", "POST", "PATCH", "DELETE", "PUT")), sentence
    assert len(sentence) < 700 and "\n" not in sentence
    assert f"Rule {rule}" in found.summary()


def test_at_least_twenty_five_mistakes_and_every_rule_and_both_frameworks_are_among_them() -> None:
    assert len(BROKEN) >= 25
    assert {rule for _, rule, _ in BROKEN.values()} == set(RULES)
    assert min(sum(framework == each for framework, *_ in BROKEN.values()) for each in (F, K)) >= 20


# Apps that misbehave


def told_of(make_app: Callable[[], Any], *rules: int) -> str:
    """What the first rule says of an app; no traceback, and within seconds."""
    began = time.monotonic()
    found = review(make_app, rules=rules or [1])
    assert time.monotonic() - began < 20 * len(found.broken)
    assert found.first is not None
    assert "Traceback" not in found.summary()
    return found.broken[found.first]


def answering(view: Callable[[], Any], **options: Any) -> Callable[[], Flask]:
    def make_app() -> Flask:
        app = Flask("misbehaving")
        app.add_url_rule("/todos", view_func=view, methods=["GET", "POST"], **options)
        return app

    return make_app


def raises() -> Any:
    raise KeyError("title")


def exits() -> Any:
    sys.exit(3)


def ends_the_process() -> Any:
    import os

    os._exit(3)


def hangs() -> Any:
    time.sleep(60)


def computes_for_ever() -> Any:
    while True:
        pass


def garbage() -> Any:
    return b"\xff\xfe{" * 50, 201


def megabytes() -> Any:
    return (b"[" * 1_000_000 for _ in range(100)), 201


def drips() -> Any:
    def slowly() -> Any:
        for _ in range(60):
            time.sleep(0.5)
            yield b" "

    return slowly(), 201


@pytest.mark.parametrize(
    ("view", "said"),
    [
        (raises, "500, as POST /todos raised KeyError: 'title' (in raises(), line"),
        (exits, "POST /todos"),
        (ends_the_process, "closed the connection without an answer (the app has ended its process)"),
        (hangs, "timed out after 3 s"),
        (computes_for_ever, "timed out after 3 s"),
        (garbage, "which is not JSON"),
        (megabytes, "sent more than 64"),
        (drips, "timed out after 3 s"),
    ],
)
def test_an_app_that_misbehaves_gets_a_sentence(view: Callable[[], Any], said: str) -> None:
    assert said in told_of(answering(view))


def test_an_async_app_that_never_lets_go_gets_a_sentence_and_the_next_rule_a_new_app() -> None:
    def make_app() -> FastAPI:
        app = FastAPI()

        @app.post("/todos")
        async def add() -> None:
            while True:
                pass

        return app

    found = review(make_app, rules=[1, 7])
    assert "timed out after 3 s" in found.broken[1]
    assert found.broken[7].startswith("POST /todos")


def make_nothing() -> None: ...


def make_error() -> Any:
    raise ValueError("no store")


def make_exit() -> Any:
    sys.exit("enough")


def make_end() -> Any:
    import os

    os._exit(0)


def make_wait() -> Any:
    time.sleep(60)


@pytest.mark.parametrize(
    ("make_app", "said"),
    [
        (make_nothing, "does the function that makes the app `return` it?"),
        (make_error, "make_app() raises ValueError: no store (in make_error(), line"),
        (make_exit, "make_app() raises SystemExit: enough"),
        (make_end, "ends the whole process"),
        (make_wait, "has not returned after"),
        (lambda: "app", "was given a string"),
    ],
)
def test_where_there_is_no_app_all_rules_get_one_sentence(
    make_app: Callable[[], Any], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apart, "START_SECONDS", 2.0)
    began = time.monotonic()
    found = review(make_app)
    assert set(found.broken) == set(RULES) and len(set(found.broken.values())) == 1
    assert said in found.broken[1]
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((FastAPI(),), "Hand over the function that makes the app"),
        ((Flask("app"),), "Hand over the function that makes the app"),
        ((None,), "Hand over the function"),
        ((make_nothing, 3), "rules= is a list of numbers"),
        ((make_nothing, "1"), "rules= is a list of numbers"),
        ((make_nothing, [21]), "A rule's number is a whole number from 1 to 20; 21 is not."),
        ((make_nothing, []), "Name one rule or more"),
    ],
)
def test_what_cannot_be_reviewed_is_refused_in_a_sentence(arguments: tuple[Any, ...], said: str) -> None:
    with pytest.raises(LessonError, match=said.replace("(", r"\(")):
        review(*arguments)


def test_where_forking_is_not_possible_the_app_is_served_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "FORKS", False)
    threads = threading.active_count()
    assert review(app_maker(K), rules=[1, 2, 16, 18]).broken == {}
    assert "500, as POST /todos raised KeyError" in told_of(answering(raises))
    assert said_no_app() == "make_app() raises ValueError: no store"
    assert threading.active_count() <= threads


def said_no_app() -> str:
    return review(make_error, rules=[3]).broken[3].partition(" (")[0]


def test_the_rules_that_are_asked_for_are_told_in_their_order_and_stop_first_stops() -> None:
    found = review(make_todoless, rules=[7, 2, 2])
    assert list(found.broken) == [2, 7] and found.first == 2
    assert list(review(make_todoless, stop_first=True).broken) == [1]


def make_todoless() -> Flask:
    return Flask("nothing yet")


def test_it_draws_a_row_for_each_attempt_and_remembers_them(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LESSON_RESULTS", str(tmp_path))
    for make_app in (make_todoless, make_nothing, make_todoless):
        found = review(make_app, rules=[1, 2])
    drawn = found.body()
    assert drawn.partition("</table>")[0].count("</tr>") == 3, "the head, and two attempts"
    assert drawn.count("✗") == 4 and drawn.count("·") == 2 * 18
    assert "2 (now)" in drawn and "3 (now)" not in drawn, "another function's attempts are not among them"
    assert "✓" not in drawn
    (tmp_path / attempts.FILE).write_text("{damaged", encoding="utf-8")
    assert "1 (now)" in review(make_todoless, rules=[1]).body()
    for _ in range(attempts.KEPT + 3):
        attempts.remember("often", [1], [])
    assert len(attempts.remember("often", [1], [])) == attempts.KEPT


def test_the_rule_that_breaks_first_is_that_of_the_first_attempt_that_kept_rule_1(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LESSON_RESULTS", str(tmp_path))
    make_app = app_maker(F, *BROKEN["ids come back"][2])
    monkeypatch.setattr(make_todoless, "__name__", make_app.__name__)
    assert review(make_todoless, rules=[1, 2]).stumbled is None
    assert review(make_app, rules=[1, 9, 10]).stumbled == 10
    assert review(app_maker(F), rules=[1, 10]).stumbled == 10, "what was mended since has been the first all the same"


# The store


@pytest.fixture(scope="module")
def database() -> Any:
    try:
        yield postgres()
    except NoDatabase as reason:
        pytest.skip(str(reason))
    finally:
        stop_all()


@pytest.fixture(params=["memory", "PostgreSQL"])
def todos(request: pytest.FixtureRequest) -> Any:
    if request.param == "memory":
        yield Store()
        return
    found = PostgresStore(request.getfixturevalue("database").url)
    yield found
    found.close()


MILK = {"title": "milk", "done": False, "order": None}


def test_a_store_keeps_changes_pages_and_removes(todos: Any) -> None:
    first, second, third = (todos.add({**MILK, "done": n == 2}).todo for n in (1, 2, 3))
    assert first == {"id": first["id"], **MILK, "version": 1}
    assert todos.get(second["id"]) == second and todos.get(999_999) is None
    assert todos.page(limit=2) == ([first, second], 3)
    assert todos.page(after=second["id"]) == ([third], 3)
    assert todos.page(done=True) == ([second], 1)
    changed = todos.change(first["id"], {"order": 4})
    assert changed == {**first, "order": 4, "version": 2}
    assert todos.change(first["id"], {"order": 5}, version=1) is None
    assert todos.change(999_999, {"order": 5}) is None
    assert todos.change(first["id"], {"order": None}, version=2)["order"] is None
    assert todos.remove(third["id"]) is True and todos.remove(third["id"]) is False
    assert todos.add(MILK).todo["id"] not in {first["id"], second["id"], third["id"]}


def test_a_key_makes_one_todo_and_tells_another_one_apart(todos: Any) -> None:
    first = todos.add(MILK, "k")
    again, other = todos.add(MILK, "k"), todos.add({**MILK, "title": "tea"}, "k")
    assert (first.made, again.made, other.made) == (True, False, False)
    assert (first.same, again.same, other.same) == (True, True, False)
    assert first.todo == again.todo == other.todo
    assert todos.page()[1] == 1


def at_once(n: int, work: Callable[[], Any]) -> list[Any]:
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(work())) for _ in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_a_step_is_one_step_and_between_two_steps_anybody_may_come(todos: Any) -> None:
    row = todos.add(MILK).todo
    assert sum(each is not None for each in at_once(12, lambda: todos.change(row["id"], {"order": 1}, 1))) == 1
    assert sum(each.made for each in at_once(12, lambda: todos.add(MILK, "one"))) == 1

    def count_up() -> None:
        now = todos.get(row["id"])
        todos.change(row["id"], {"order": now["order"] + 1})

    at_once(12, count_up)
    assert todos.get(row["id"])["order"] < 13


def test_a_store_is_new_and_a_named_schema_is_shared(database: Any) -> None:
    first, second = PostgresStore(database.url), PostgresStore(database.url)
    assert first.add(MILK).todo["id"] == 1 and second.page() == ([], 0)
    workers = at_once(6, lambda: PostgresStore(database.url, "shared"))
    workers[0].add(MILK)
    assert [worker.page()[1] for worker in workers] == [1] * 6
    for each in (first, second, *workers):
        each.close()


def test_a_database_that_this_process_holds_is_there_for_the_apps_too(database: Any) -> None:
    assert review(over(lambda: PostgresStore(database.url), K), rules=[1, 11, 16, 18]).broken == {}
    assert database.running


def test_no_database_is_one_sentence() -> None:
    with pytest.raises(LessonError, match="No PostgreSQL answers at this address"):
        PostgresStore("postgresql://nobody@127.0.0.1:9/none")
    with pytest.raises(LessonError, match="wait is a number of seconds from 0 to 1"):
        Store(wait=5)


WORKERS = """
import os
import threading
import time

from helpers.contract import PostgresStore
from helpers.contract.example import over


class Locked(PostgresStore):
    lock, keys = threading.Lock(), {}

    def change(self, id, changes, version=None):
        with self.lock:
            row = self.get(id)
            time.sleep(0.005)
            return super().change(id, changes) if row and version in (None, row["version"]) else None

    def add(self, todo, key=None):
        with self.lock:
            if key in self.keys:
                return self.keys[key]._replace(made=False, same=todo.items() <= self.keys[key].todo.items())
            added = super().add(todo)
            if key is not None:
                self.keys[key] = added
            return added


Kind = Locked if os.environ["LOCKED"] else PostgresStore
app = over(lambda: Kind(os.environ["TODOS_DATABASE"], os.environ["TODOS"]), "flask")()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Gunicorn runs on POSIX systems only")
@pytest.mark.parametrize(
    ("locked", "workers", "broken"),
    [pytest.param("yes", 1, set(), marks=pytest.mark.long), ("yes", 2, {16, 18}), ("", 2, set())],
)
def test_with_two_workers_a_lock_in_memory_fails_and_the_databases_own_means_do_not(
    database: Any, locked: str, workers: int, broken: set[int], tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from helpers import launch

    monkeypatch.chdir(tmp_path)
    (tmp_path / "workers.py").write_text(WORKERS, encoding="utf-8")
    environment = {"TODOS_DATABASE": database.url, "LOCKED": locked, "TODOS": f"with_{locked}_{workers}"}

    def make_server() -> Any:
        return launch("gunicorn", "workers.py:app", name="two", workers=workers, threads=12, environment=environment)

    assert set(review(make_server, rules=[16, 18]).broken) == broken
