"""`talk` and `listen` against servers of known behaviour: times, order, codes, counts, bounds, and what is left."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import httpx
import psutil
import pytest

from helpers import LessonError, listen, talk
from helpers.client import process
from helpers.plots import card


class Known(NamedTuple):
    sockets: str
    events: str

    def here(self) -> dict[str, int]:
        counts: dict[str, int] = httpx.get(f"{self.events}/count", trust_env=False).json()
        return counts


@pytest.fixture(scope="module")
def known() -> Iterator[Known]:
    program = Path(__file__).with_name("known_streams.py")
    with subprocess.Popen(
        [sys.executable, program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        yield Known(*(f"http://127.0.0.1:{port}" for port in json.loads(server.stdout.readline())))
        server.communicate("")
    process.client.end()


# talk


@pytest.mark.alone
def test_a_conversation_has_its_order_and_its_times(known: Known) -> None:
    talk(known.sockets, "/echo", ["0 first"])  # the client has started
    said = talk(known.sockets, "/echo", ["0.1 a", "0 b", "0.3 c"])
    assert [(side, text) for side, _, text in said.messages] == [
        (side, text) for text in ("0.1 a", "0 b", "0.3 c") for side in ("sent", "received")
    ]
    assert said.closed is None and said.refused is None
    moments = [moment for _, moment, _ in said.messages]
    for asked, answered, wanted in zip(moments[::2], moments[1::2], (0.1, 0, 0.3), strict=True):
        assert answered - asked == pytest.approx(wanted, rel=0.05, abs=0.005)


@pytest.mark.together
def test_a_server_that_speaks_first_is_heard_first(known: Known) -> None:
    said = talk(known.sockets, "/greeting", ["hello"], greeting=True)
    assert [text for _, _, text in said.messages] == ["welcome", "hello", "hello to you"]
    assert said.messages[0][1] == pytest.approx(0.2, abs=0.1)
    assert said.received == ["welcome", "hello to you"]


@pytest.mark.together
def test_without_an_answer_the_talk_goes_on_after_its_time(known: Known) -> None:
    began = time.monotonic()
    said = talk(known.sockets, "/silent", ["one", "two"], seconds=0.3)
    assert 0.6 <= time.monotonic() - began < 3
    assert [side for side, _, _ in said.messages] == ["sent", "sent"]
    assert said.messages[1][1] - said.messages[0][1] >= 0.3


@pytest.mark.together
@pytest.mark.parametrize(
    ("path", "closed", "words"),
    [("/close/4001", 4001, "a code of its own"), ("/close/1000", 1000, "a normal end"), ("/drop", 1006, "cut off")],
)
def test_how_the_server_ends_it_is_told(known: Known, path: str, closed: int, words: str) -> None:
    said = talk(known.sockets, path, ["bye", "still there?"])
    assert said.closed == closed
    assert [text for _, _, text in said.messages] == ["bye"]
    assert f"closed with {closed}: {words}" in said.summary()
    assert words in card(said.body())


@pytest.mark.together
def test_what_is_not_accepted_is_told_and_nothing_raised(known: Known) -> None:
    assert talk(known.sockets, "/forbidden", ["hello"]).refused == "HTTP 403"
    assert talk(known.events, "/full", ["hello"]).refused == "HTTP 503"
    assert talk("http://127.0.0.1:9", "/", ["hello"]).refused == "refused"


@pytest.mark.together
def test_who_stays_hears_more_and_a_flood_is_bounded(known: Known) -> None:
    ticks = talk(known.sockets, "/ticks", [], stay=0.55)
    assert 4 <= len(ticks.received) <= 6
    assert talk(known.sockets, "/bytes", [], stay=0.3).received == ["(3 bytes)"]
    flood = talk(known.sockets, "/flood", ["stop"], stay=5)
    assert len(flood.messages) in (1000, 1001)
    assert flood.closed is None  # the client has had enough; the server has not
    assert len(flood.summary().splitlines()) == 21
    assert "980 more." in flood.body() or "981 more." in flood.body()


# listen


def test_what_listeners_hear_is_bounded(known: Known, monkeypatch: pytest.MonkeyPatch) -> None:
    began = time.monotonic()
    heard = listen(known.sockets, "/flood", 2, seconds=50, kind="websocket")
    assert heard.received == 20_000
    assert time.monotonic() - began < 40


@pytest.mark.alone
@pytest.mark.parametrize("kind", ["events", "websocket"])
def test_every_listener_hears_every_tick_in_time(known: Known, kind: Any) -> None:
    server = known.sockets if kind == "websocket" else known.events
    heard = listen(server, "/ticks", 20, seconds=1.05, kind=kind)
    assert (heard.connected, heard.refused, heard.waiting) == (20, 0, 0)
    assert {len(one.events) for one in heard.listeners} <= {9, 10, 11}
    for one in heard.listeners:
        numbers = [int(text) for _, text in one.events]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        assert one.closed is None
        assert median(one.gaps_ms) == pytest.approx(100, abs=5)
    assert heard.received == sum(len(one.events) for one in heard.listeners)


@pytest.mark.parametrize("kind", ["events", "websocket"])
def test_five_hundred_listen_and_leave_within_a_second(known: Known, kind: Any) -> None:
    server = known.sockets if kind == "websocket" else known.events
    heard = listen(server, "/ticks", 500, seconds=2, kind=kind, meanwhile=known.here)
    assert (heard.connected, heard.refused, heard.waiting) == (500, 0, 0)
    assert heard.meanwhile[kind] == 500
    assert min(len(one.events) for one in heard.listeners) >= 10
    deadline = time.monotonic() + 1
    while known.here()[kind] and time.monotonic() < deadline:
        time.sleep(0.05)
    assert known.here()[kind] == 0
    assert process.client.pid is not None
    assert not [each for each in psutil.Process(process.client.pid).net_connections() if each.status == "ESTABLISHED"]


@pytest.mark.together
def test_a_stream_is_read_as_the_standard_says(known: Known) -> None:
    heard = listen(known.events, "/forms", seconds=1, headers={"Last-Event-ID": "41"})
    (one,) = heard.listeners
    assert [text for _, text in one.events] == ["one\ntwo", "three", "x\ny", "split", "last 41"]
    assert one.last_id == "7"
    assert one.closed == 1000


@pytest.mark.together
def test_how_a_stream_ends_is_told(known: Known) -> None:
    assert [len(one.events) for one in listen(known.events, "/three", 3, seconds=2).listeners] == [3, 3, 3]
    assert {one.closed for one in listen(known.events, "/cut", 3, seconds=2).listeners} == {1006}
    assert {one.closed for one in listen(known.sockets, "/drop", 1, seconds=0.3, kind="websocket").listeners} == {None}
    full = listen(known.events, "/full", 4, seconds=1)
    assert (full.refused, full.connected, full.title[-32:]) == (4, 0, "let in and 4 turned away (HTTP 503)"[-32:])
    forbidden = listen(known.sockets, "/forbidden", 2, seconds=1, kind="websocket")
    assert forbidden.refused == 2


def test_who_gets_no_answer_is_waiting(known: Known, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("helpers.client.listening.PATIENCE", 0.5)
    began = time.monotonic()
    heard = listen(known.events, "/mute", 2, seconds=30)
    assert time.monotonic() - began < 5
    assert (heard.connected, heard.refused, heard.waiting) == (0, 0, 2)


@pytest.mark.together
def test_a_slow_reader_does_not_hold_up_the_others(known: Known) -> None:
    heard = listen(known.sockets, "/large", 3, seconds=2, kind="websocket", slow=1)
    assert [len(one.events) for one in heard.listeners] == [0, 20, 20]


def test_an_interrupted_listener_is_gone(known: Known) -> None:
    timer = threading.Timer(0.7, lambda: __import__("signal").raise_signal(2))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        listen(known.events, "/ticks", 50, seconds=30)
    deadline = time.monotonic() + 1
    while known.here()["events"] and time.monotonic() < deadline:
        time.sleep(0.05)
    assert known.here()["events"] == 0


@pytest.mark.together
def test_a_listening_draws_itself_and_says_it(known: Known) -> None:
    heard = listen(known.events, "/three", 2, seconds=1)
    assert heard.title.endswith("2 of 2 listeners let in and 2 ended by the server (1000)")
    assert "6 events in 1 s" in heard.summary()
    assert "currentColor" in card(heard.body())


@pytest.mark.together
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: talk("http://192.0.2.1:80", "/", []), "talk sends to this machine only"),
        (lambda: listen("http://192.0.2.1:80", "/"), "listen sends to this machine only"),
        (lambda: talk("http://127.0.0.1:9", "/", "hello"), "talk says texts: a list"),
        (lambda: talk("http://127.0.0.1:9", "/", [b"x"]), "talk says texts: a list"),
        (lambda: talk("http://127.0.0.1:9", "/", ["x"] * 101), "up to 100 messages; these are 101"),
        (lambda: talk("http://127.0.0.1:9", "/", ["x"] * 100, seconds=60), "That may take 6,070 s"),
        (lambda: talk("http://127.0.0.1:9", 5, []), "The path is a text"),
        (lambda: talk("http://127.0.0.1:9", "/", [], stay=100), "stay is a number of seconds from 0 to 60"),
        (lambda: listen("http://127.0.0.1:9", "/", 501), "n is a whole number from 1 to 500"),
        (lambda: listen("http://127.0.0.1:9", "/", 2, slow=3), "slow is a whole number from 0 to 2"),
        (lambda: listen("http://127.0.0.1:9", "/", kind="smoke"), 'kind is "events"'),
    ],
)
def test_what_cannot_be_said_or_heard_is_told_in_a_sentence(call: Any, message: str) -> None:
    with pytest.raises(LessonError, match=re.escape(message)):
        call()
