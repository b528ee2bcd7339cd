"""The map of who accepts what: what counts as what, what is drawn, and what a learner is told."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask, request

from helpers import LessonError, serve, stop_all
from helpers.acceptance import AcceptanceMap, Case, bad_requests, outcome, try_all
from helpers.acceptance.drawing import halves
from helpers.exchange import Answer
from helpers.plots import card

JSON = {"content-type": "application/json"}


def case(id: str, ought: Any, body: str = "{}", group: str = "all", title: str = "") -> Case:
    return Case(id, group, title or f"case {id}", "POST", "/do", JSON, body.encode(), ought, f"Because of {id}.")


# Each body tells the app how to answer: {"lax": 200, "strict": 422}.
CASES = [
    case("agreed", "refuse", '{"lax": 422, "strict": 422}'),
    case("parted", "refuse", '{"lax": 200, "strict": 422}'),
    case("good", "accept", '{"lax": 200, "strict": 400}', group="good"),
    case("crash", "either", '{"lax": 500, "strict": 201}', group="taste"),
]


def app(name: str) -> Flask:
    """Answers with the status that stands under its name in the body, and with the field n, plus one for lax."""
    flask = Flask(name)

    @flask.post("/do")
    def do() -> Any:
        body = request.get_json()
        if body[name] == 500:
            raise RuntimeError("as asked")
        n = body.get("n")
        return {"n": n + 1 if name == "lax" and n is not None else n}, body[name]

    return flask


@pytest.fixture(scope="module")
def servers() -> Iterator[list[Any]]:
    yield [serve(app(name), name=name) for name in ("lax", "strict")]
    stop_all()


@pytest.fixture(scope="module")
def tried(servers: list[Any]) -> AcceptanceMap:
    return try_all(servers, CASES)


@pytest.mark.parametrize(
    ("status", "error", "is_called"),
    [
        (200, None, "let in"),
        (204, None, "let in"),
        (307, None, "refused"),
        (404, None, "refused"),
        (422, None, "refused"),
        (500, None, "crashed"),
        (503, None, "crashed"),
        (None, "stopped", "crashed"),
        (200, "broke off", "crashed"),
    ],
)
def test_what_became_of_a_request(status: int | None, error: str | None, is_called: str) -> None:
    assert outcome(Answer("it", status=status, error=error)) == is_called


def test_wrong_is_what_ought_not_to_be(tried: AcceptanceMap) -> None:
    wrong = {
        (server, found): [each.id for each in tried.wrong(server, found)]
        for server in ("lax", "strict")
        for found in ("let in", "refused", "crashed")
    }
    assert {key: ids for key, ids in wrong.items() if ids} == {
        ("lax", "let in"): ["parted"],
        ("lax", "crashed"): ["crash"],
        ("strict", "refused"): ["good"],
    }


def test_the_title_tells_the_finding(tried: AcceptanceMap, servers: list[Any]) -> None:
    assert tried.title == "Of 2 bad requests lax lets 1 in and strict none; lax crashes at least once"
    assert try_all(servers[:1], CASES).title == "Of 2 bad requests lax lets 1 in; lax crashes at least once"
    assert try_all(servers, CASES[:1]).title == "Of 1 bad request each server lets none in; none crashes"
    assert try_all(servers, CASES[2:3]).title == "No request here ought to be refused; none crashes"
    three = [*servers, serve(app("lax"), name="also lax")]
    assert try_all(three, CASES[3:]).title.endswith("; 2 of the 3 servers crash at least once")
    assert try_all([servers[0], three[2]], CASES[3:]).title.endswith("; every server crashes at least once")


def test_the_summary_has_the_counts_of_each_server(tried: AcceptanceMap) -> None:
    first, lax, strict, shown = tried.summary().splitlines()
    assert first == f"{tried.title}."
    wrong_in, crashed, wrong_out = "let in, ought to be refused", "crashed: 500, or no answer", "refused, ought to be"
    assert lax == f"lax: {wrong_in}: 1; {crashed}: 1; {wrong_out} accepted: 0."
    assert strict == f"strict: {wrong_in}: 0; {crashed}: 0; {wrong_out} accepted: 1."
    assert shown.startswith("Shown are the 3 of 4 requests on which the servers differ")


def test_the_map_shows_where_they_part_and_all_on_request(tried: AcceptanceMap) -> None:
    assert [each.id for each in tried.rows] == ["parted", "good", "crash"]
    assert [each.id for each in tried.all.rows] == ["agreed", "parted", "good", "crash"]
    assert "case agreed" not in tried.body()
    assert "case agreed" in tried.all.body()
    assert "All 4 requests are shown." in tried.all.summary()


def marks(body: str, title: str) -> list[tuple[str, str]]:
    """The class and the spoken label of each mark in the row with this title."""
    (row,) = re.findall(rf"<tr><th[^>]*>{re.escape(title)}</th>(.*?)</tr>", body)
    return re.findall(r'<i class="([^"]*)" role="img" aria-label="([^"]*)"', row)


def test_a_mark_says_by_form_by_tile_and_in_words_what_happened(tried: AcceptanceMap) -> None:
    body = tried.body()
    assert marks(body, "case parted") == [("mark let wrong", "200 let in, wrongly"), ("mark refused", "422 refused")]
    assert marks(body, "case good") == [("mark let", "200 let in"), ("mark refused wrong", "400 refused, wrongly")]
    assert marks(body, "case crash") == [("mark crashed wrong", "500 crashed, wrongly"), ("mark let", "201 let in")]


def test_cases_stand_under_what_they_ought_to_be_and_under_their_group(servers: list[Any]) -> None:
    body = try_all(servers, [*CASES, case("late", "refuse", CASES[1].body.decode(), group="more")]).body()
    assert re.findall(r'<th scope="colgroup" colspan="3" class="(\w+)">([^<]*)</th>', body) == [
        ("ought", "Ought to be refused"),
        ("group", "all"),
        ("group", "more"),
        ("ought", "Ought to be accepted"),
        ("group", "good"),
        ("ought", "Fine either way"),
        ("group", "taste"),
    ]


def test_rows_that_tell_little_are_folded_under_those_on_which_servers_stand_against_servers() -> None:
    four = [serve(app(name), name=name) for name in "abcd"]
    cases = [
        case("alone", "refuse", '{"a": 200, "b": 422, "c": 422, "d": 422}'),
        case("divided", "refuse", '{"a": 200, "b": 200, "c": 422, "d": 422}'),
        case("taste", "either", '{"a": 200, "b": 200, "c": 422, "d": 422}'),
    ]
    shown, *folds = try_all(four, cases).body().split("<details>")
    for server in four:
        server.stop()
    assert re.findall(r">case (\w+)<", shown) == ["divided"]
    assert [fold.split("</summary>")[0] for fold in folds] == [
        "<summary>One server against the others: 1 more",
        "<summary>Fine either way: 1 more",
    ]


def test_the_reason_of_a_case_and_its_id_are_at_hand(tried: AcceptanceMap) -> None:
    assert 'title="Because of parted. (parted)"' in tried.body()


def test_what_is_drawn_takes_the_text_colour_of_the_page(tried: AcceptanceMap) -> None:
    rules = re.findall(r"([^{}]+)\{([^{}]*)\}", card(tried.body()))
    coloured = {selector.strip() for selector, rule in rules if re.search(r"(?<![-\w])color:#", rule)}
    assert coloured == {".trial .mark.let.wrong", ".trial .mark.refused.wrong"}, "only on tiles of their own colour"


def test_titles_from_the_file_cannot_become_html(servers: list[Any]) -> None:
    odd = case("odd", "refuse", CASES[1].body.decode(), group="<g>", title='<b>"&')
    body = try_all(servers, [odd]).body()
    assert "&lt;b&gt;&quot;&amp;" in body
    assert "&lt;g&gt;" in body
    assert "<b>&quot;" not in body


def test_many_cases_stand_in_two_panels_and_few_in_one() -> None:
    def section(rows: int) -> Any:
        return ("refuse", "g", [CASES[0]] * rows)

    assert len(halves([section(5), section(5)])) == 1
    left, right = halves([section(20), section(5), section(5), section(5)])
    assert (len(left), len(right)) == (1, 3)
    assert [half for half in halves([section(60)]) if half] == [[section(60)]]


def test_a_server_that_does_not_answer_counts_as_crashed(servers: list[Any]) -> None:
    gone = serve(app("strict"), name="gone")
    gone.stop()
    tried = try_all([servers[0], gone], CASES[:2])
    assert len(tried.wrong("gone", "crashed")) == 2
    assert ("mark crashed wrong", "no answer crashed, wrongly") in marks(tried.body(), "case parted")


def test_one_case_opens_as_its_exchange(tried: AcceptanceMap) -> None:
    assert tried["parted"].statuses == {"lax": 200, "strict": 422}
    assert tried.of("strict")["good"].status == 400
    with pytest.raises(LessonError, match="no case 'lost'; the ids are agreed, parted, good, crash"):
        tried["lost"]


def test_nothing_to_send_is_said_in_a_sentence(servers: list[Any]) -> None:
    with pytest.raises(LessonError, match=r"take some from bad_requests\(\)"):
        try_all(servers, [])


# A closer look


@pytest.fixture(scope="module")
def numbers(servers: list[Any]) -> AcceptanceMap:
    kept = '{{"lax": {0}, "strict": {1}, "n": {2}}}'
    return try_all(
        servers,
        [
            case("both", "accept", kept.format(200, 200, 4)),
            case("whole", "accept", kept.format(200, 200, "4.0")),
            case("one", "accept", kept.format(422, 200, 1)),
            case("true", "accept", kept.format(422, 200, "true")),
            case("none", "accept", kept.format(500, 422, 1)),
        ],
    )


def test_what_was_stored_is_compared_with_what_was_sent(numbers: AcceptanceMap) -> None:
    title, *lines = numbers.stored("n", "both", "whole", "one", "true", "none").summary().splitlines()
    assert title == "lax stores another n than was sent."
    assert lines == [
        "case both: lax → 5; strict 4.",
        "case whole: lax → 5.0; strict 4.0.",
        "case one: lax refused; strict 1.",
        "case true: lax refused; strict true.",
        "case none: lax crashed; strict refused.",
    ]
    assert numbers.stored("n", "one").summary().startswith("What is let in keeps the n that was sent.")


def test_one_is_not_true_but_three_is_three_point_zero(numbers: AcceptanceMap) -> None:
    stored = numbers.stored("n", "one")

    def is_changed(sent: Any, kept: str) -> bool:
        stored.sent["one"] = sent
        answer = Answer("it", sent=numbers["one"].sent, status=200, content=f'{{"n": {kept}}}'.encode())
        return stored.changed(stored.cases[0], answer)

    assert is_changed(True, "1")
    assert is_changed("3", "3")
    assert is_changed(3.5, "3")
    assert not is_changed(3.0, "3")
    assert not is_changed(True, "true")


def test_several_changing_servers_are_named(servers: list[Any]) -> None:
    also = serve(app("lax"), name="also lax")
    both = '{"lax": 200, "strict": 200, "n": 4}'
    stored = try_all([servers[0], also], [case("both", "accept", both)]).stored("n", "both")
    assert stored.title == "lax and also lax store another n than was sent"


def test_a_field_that_was_not_sent_is_refused(numbers: AcceptanceMap) -> None:
    with pytest.raises(LessonError, match="'both' sends no 'm'"):
        numbers.stored("m", "both")
    with pytest.raises(LessonError, match="Name one case or more"):
        numbers.stored("n")


def test_statuses_side_by_side(numbers: AcceptanceMap) -> None:
    statuses = numbers.statuses("both", "one", "none")
    assert statuses.summary().splitlines() == [
        "2 of 3 requests get different numbers from different servers.",
        "case both: lax 200; strict 200.",
        "case one: lax 422; strict 200.",
        "case none: lax 500; strict 422.",
    ]
    assert statuses.body().count("<tr>") == 4


# The whole box


def test_the_map_of_all_requests_is_small_and_free_of_their_bodies(servers: list[Any]) -> None:
    body = try_all(servers, bad_requests()).all.body()
    assert len(body) < 100_000
