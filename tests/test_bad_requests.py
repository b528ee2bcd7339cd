"""The box of bad requests, and lesson 02's own apps before it: what the lesson says of them holds here."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any

import pytest
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from lessons import ROOT, code_cells, exercise_of, read
from pydantic import BaseModel, Field

from helpers import LessonError, serve, stop_all
from helpers.acceptance import AcceptanceMap, Case, bad_requests, try_all
from helpers.acceptance.cases import FILE
from helpers.exercises import solution

LESSON = ROOT / "notebooks" / "02_who_checks_the_input.ipynb"
CASES = bad_requests()

every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)


# The file


def test_there_are_forty_or_more_and_the_file_is_small() -> None:
    assert len(CASES) >= 40
    assert FILE.stat().st_size < 50_000, "a long body is a recipe, not text"


def test_each_answer_that_ought_to_be_is_there_and_each_group_is_a_group() -> None:
    assert {case.ought for case in CASES} == {"refuse", "accept", "either"}
    groups = [case.group for case in CASES]
    assert all(groups.count(group) >= 2 for group in groups)
    assert len(set(groups)) <= 10


@every_case
def test_a_case_has_a_short_title_and_a_reason(case: Case) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", case.id)
    assert 3 <= len(case.title) <= 34, "a title is a label in the map"
    assert re.fullmatch(r"[A-Za-z0-9“].{10,110}\.", case.why), "why is one short sentence"
    assert case.method in ("GET", "POST", "PUT")
    assert case.path.startswith("/items")


def test_titles_and_requests_differ() -> None:
    assert len({case.title for case in CASES}) == len(CASES)
    sent = {(case.method, case.path, case.body, tuple(case.headers.items())) for case in CASES}
    assert len(sent) == len(CASES)


def test_the_huge_ones_are_built() -> None:
    body = {case.id: case.body or b"" for case in CASES}
    assert len(json.loads(body["name-20-mb"])["name"]) == 20_000_000
    assert body["nested"] == b"[" * 100_000 + b"]" * 100_000
    assert body["quantity-5000-digits"].count(b"9") == 5001  # one of them in the price
    assert body["bytes-no-text"].count(b"\xe4") == 1
    assert body["bom"].startswith(b"\xef\xbb\xbf")
    assert next(case for case in CASES if case.id == "path-word").body is None


def test_every_good_request_and_no_other_is_as_the_contract_asks() -> None:
    """JSON read without mercy, and the contract once more, by hand: `ought` is no slip of the pen."""

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    def good(body: bytes) -> bool:
        try:
            item = json.loads(body.decode(), parse_constant=refuse)
        except (ValueError, RecursionError):
            return False
        if not isinstance(item, dict) or not {"name", "quantity", "price", "category"} <= {*item}:
            return False
        name, quantity, price = item["name"], item["quantity"], item["price"]
        return (
            isinstance(name, str)
            and 1 <= len(name) <= 50
            and not re.search(r"[\ud800-\udfff]", name)
            and type(quantity) is int
            and 1 <= quantity <= 1000
            and type(price) in (int, float)
            and 0 < price < float("inf")
            and item["category"] in ("tool", "toy")
            and re.fullmatch(r"\d{4}-(0\d|1[0-2])-([0-2]\d|3[01])", item.get("due") or "2026-05-01") is not None
            and "-02-30" not in (item.get("due") or "")
            and isinstance(item.get("parts", []), list)
            and all(type(part["qty"]) is int for part in item.get("parts", []))
        )

    is_json = {"application/json", "application/json; charset=utf-8", "application/vnd.api+json"}
    for case in CASES:
        if case.method == "POST" and case.ought != "either":
            body = case.body or b""
            typed = case.headers.get("content-type") in is_json
            number = not re.search(rb'"due": \d', body)
            assert (typed and number and good(body)) is (case.ought == "accept"), case.id


@pytest.mark.parametrize(
    "changed",
    [
        "no json",
        "[]",
        '{"cases": 3}',
        '{"cases": [{"id": "a"}]}',
        json.dumps({"cases": [{**vars(CASES[0]), "body": None, "ought": "maybe"}]}),
        json.dumps({"cases": [{**vars(CASES[0]), "body": None, "surprise": 1}]}),
        json.dumps({"cases": [{**vars(CASES[0]), "body": None, "body_base64": "%"}]}),
        json.dumps({"cases": [{**vars(CASES[0]), "body": None}] * 2}),
    ],
)
def test_a_file_that_was_changed_into_something_else_is_told_in_a_sentence(changed: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    file.write_text(changed, encoding="utf-8")
    with pytest.raises(LessonError, match=r"mine\.json cannot be read; compare what you changed"):
        bad_requests(file)


def test_a_case_of_ones_own_can_be_added(tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    own = {**vars(CASES[0]), "id": "own", "body": "€"}
    file.write_text(json.dumps({"cases": [own]}), encoding="utf-8")
    assert [(case.id, case.body) for case in bad_requests(file)] == [("own", "€".encode())]


# The lesson's own apps before them. What the lesson says in words, it has to see


@pytest.fixture(scope="module")
def lesson() -> Iterator[SimpleNamespace]:
    """The names that the lesson's cells define, once they have run as far as its last app."""
    names: dict[str, Any] = {"__name__": "lesson_02"}
    for cell in code_cells(read(LESSON)):
        if exercise_of(cell):
            break
        exec(compile(cell.source, f"<{cell.id}>", "exec"), names)
    yield SimpleNamespace(**names)
    stop_all()


@pytest.fixture
def acceptance(lesson: SimpleNamespace) -> AcceptanceMap:
    return lesson.acceptance


def test_every_request_is_answered_by_each_of_the_six(acceptance: AcceptanceMap) -> None:
    assert len(acceptance.servers) == 6
    assert [case.id for case in acceptance.cases] == [case.id for case in CASES]
    assert all(answer.error is None for case in CASES for answer in acceptance[case.id])


def test_a_checker_takes_most_of_the_tiles_away_and_each_column_keeps_a_cross(acceptance: AcceptanceMap) -> None:
    let_in = dict(zip(acceptance.servers, acceptance.counts("let in"), strict=True))
    baseline = let_in.pop("bare Flask")
    assert all(0 < count < baseline / 2 for count in let_in.values())
    assert all(acceptance.counts("crashed"))


def test_only_strict_fastapi_refuses_good_requests_and_only_for_their_date(acceptance: AcceptanceMap) -> None:
    refused = {server: [case.id for case in acceptance.wrong(server, "refused")] for server in acceptance.servers}
    assert {server: ids for server, ids in refused.items() if ids} == {"FastAPI strict": ["full", "date-iso"]}


def test_strict_fastapi_lets_in_the_fewest_and_marshmallow_has_the_fewest_tiles(acceptance: AcceptanceMap) -> None:
    let_in, crashed, refused = (acceptance.counts(found) for found in ("let in", "crashed", "refused"))
    assert let_in.index(min(let_in)) == acceptance.servers.index("FastAPI strict")
    assert let_in.count(min(let_in)) == 1
    tiles = [sum(counts) for counts in zip(let_in, crashed, refused, strict=True)]
    assert tiles.index(min(tiles)) == acceptance.servers.index("Flask + marshmallow")
    assert tiles.count(min(tiles)) == 1


def test_flask_itself_checks_path_and_query_alike_in_all_its_columns(acceptance: AcceptanceMap) -> None:
    for case in CASES:
        if case.group == "Path, query, method":
            assert len(set(list(acceptance[case.id].statuses.values())[2:])) == 1, case.id


def test_each_library_has_its_habit(acceptance: AcceptanceMap) -> None:
    def quantity(case_id: str, server: str) -> Any:
        return acceptance[case_id][server].json()["quantity"]

    assert (quantity("quantity-true", "FastAPI"), type(quantity("quantity-true", "FastAPI"))) == (1, int)
    assert quantity("quantity-fraction", "Flask + marshmallow") == 3
    assert quantity("quantity-true", "Flask + Cerberus") is True
    assert acceptance["quantity-true"]["Flask + marshmallow"].status == 422
    assert acceptance["price-text"]["bare Flask"].json()["total"] == "9.509.509.50"
    assert {answer.status for answer in acceptance["part-qty-text"]} == {200, 422}
    assert acceptance["part-qty-text"]["FastAPI strict"].status == 200


def test_a_list_is_no_document_for_cerberus(acceptance: AcceptanceMap) -> None:
    assert type(acceptance["array"]["Flask + Cerberus"].failure.exception).__name__ == "DocumentError"
    flask = list(acceptance["nested"])[2:]
    assert {type(answer.failure.exception).__name__ for answer in flask} == {"RecursionError"}


def test_fastapi_stumbles_over_its_own_refusal_and_not_over_the_input(acceptance: AcceptanceMap) -> None:
    assert [case.id for case in acceptance.wrong("FastAPI", "crashed")] == ["price-nan", "name-surrogate"]
    assert "JSON compliant" in str(acceptance["price-nan"]["FastAPI"].failure)
    assert acceptance["price-infinity"]["FastAPI"].json()["price"] is None


def test_the_numbers_compared_are_of_requests_that_all_six_refuse(acceptance: AcceptanceMap) -> None:
    (asked,) = [cell.source for cell in code_cells(read(LESSON)) if cell.id == "run-numbers"]
    compared = re.findall(r'"([a-z-]+)"', asked)
    assert len(compared) == 6
    assert not {case.id for case in acceptance.rows} & {*compared}


def test_who_echoes_twenty_megabytes(acceptance: AcceptanceMap) -> None:
    long = [answer.server for answer in acceptance["name-20-mb"] if len(answer.content) > 20_000_000]
    assert long == ["FastAPI", "FastAPI strict", "bare Flask", "Flask + Pydantic"]


def test_the_numbers_are_those_of_the_recap(acceptance: AcceptanceMap) -> None:
    numbers = {
        "quantity-word": (422, 500),
        "query-word": (422, 200),
        "path-word": (422, 404),
        "trailing-comma": (422, 400),
        "text-plain": (422, 415),
        "no-content-type": (422, 415),
        "bytes-no-text": (400, 400),
        "method": (405, 405),
    }
    assert {
        case_id: (acceptance[case_id]["FastAPI"].status, acceptance[case_id]["bare Flask"].status)
        for case_id in numbers
    } == numbers


def test_the_switches_of_the_libraries_work(lesson: SimpleNamespace) -> None:
    assert [*lesson.ExactSchema().validate({**lesson.hammer, "quantity": 3.5})] == ["quantity"]
    assert not lesson.ExactSchema().validate(lesson.hammer)
    assert [*lesson.exact.errors] == ["quantity"]
    assert lesson.exact.validate(lesson.hammer)
    assert lesson.extended_three[0].status == 422


def test_the_guarded_app_neither_crashes_nor_refuses_more(lesson: SimpleNamespace) -> None:
    posts = [case for case in CASES if case.method == "POST"]
    guarded = try_all([lesson.with_cerberus, lesson.guarded], posts)
    assert not guarded.wrong("guarded Flask", "crashed")
    assert not guarded.wrong("guarded Flask", "refused")


def refuse_of_exercise_2_3() -> Any:
    names: dict[str, Any] = {}
    exec(compile(solution("2.3").source, "<solution>", "exec"), names)
    return names["refuse"]


def test_the_handler_of_exercise_2_3_ends_the_500s_of_fastapi(lesson: SimpleNamespace) -> None:
    calm = FastAPI(strict_content_type=False)
    calm.include_router(lesson.lookups)
    calm.add_exception_handler(RequestValidationError, refuse_of_exercise_2_3())
    calm.post("/items")(lesson.fastapi_app.routes[-1].endpoint)
    tried = try_all([lesson.fastapi, serve(calm, name="calm FastAPI")], CASES)
    assert [case.id for case in tried.rows] == ["price-nan", "name-surrogate", "no-content-type"]
    assert not tried.wrong("calm FastAPI", "crashed")
    assert len(tried["name-20-mb"]["calm FastAPI"].content) < 1000


def test_refusing_infinity_takes_the_handler_too() -> None:
    class Finite(BaseModel):
        price: Annotated[float, Field(gt=0, allow_inf_nan=False)]

    def add_item(item: Finite) -> Finite:
        return item

    apps = {"without": FastAPI(), "with": FastAPI()}
    for app in apps.values():
        app.post("/items")(add_item)
    apps["with"].add_exception_handler(RequestValidationError, refuse_of_exercise_2_3())
    servers = [serve(app, name=name) for name, app in apps.items()]
    infinite = [case for case in CASES if case.id in ("price-infinity", "price-1e999")]
    tried = try_all(servers, infinite)
    assert [tried[case.id].statuses for case in infinite] == [{"without": 500, "with": 422}] * 2
