"""`measure`: what it concludes about servers of known behaviour, what it does not, and what it leaves behind."""

import json
import math
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from known_server import Known, known_server
from steady import until_quiet

from helpers import LessonError, judge, measure
from helpers.benchmark import Comparison, Estimate, plan, ratio_of
from helpers.benchmark.drawing import headline
from helpers.benchmark.statistics import estimate, interval
from helpers.client import counting, process
from helpers.client.results import BUSY


@pytest.fixture(scope="module")
def known() -> Iterator[Known]:
    with known_server() as server:
        yield server


@pytest.fixture(scope="module")
def twice(known) -> Comparison:
    """Ten milliseconds beside thirty."""
    urls = {"FastAPI, 10 ms": known.url + "/fixed?ms=10", "Flask, 30 ms": known.url + "/fixed?ms=30"}
    return measure(urls, concurrency=10)


def test_a_known_ratio_is_found(known):
    def check():
        found = measure({"A": known.url + "/fixed?ms=20", "B": known.url + "/fixed?ms=50"}, concurrency=10)
        ratio = found.ratio("A", "B")
        assert ratio.conclusive
        assert ratio.low <= 50 / 20 <= ratio.high * 1.03  # the wait is a little longer than it says
        assert ratio.value == pytest.approx(50 / 20, rel=0.06)
        assert found.arms["A"].throughput == pytest.approx(10 / 0.020, rel=0.08)
        assert found.arms["B"].throughput == pytest.approx(10 / 0.050, rel=0.05)
        assert found.seconds < 20

    until_quiet(check)


def test_answers_that_take_long_are_given_longer_rounds(known):
    """In rounds that end with the first batch of answers, a second's wait would look like a third of one."""
    arms = {"A": known.url + "/fixed?ms=1000", "B": known.url + "/fixed?ms=500"}

    def check():
        found = measure(arms, concurrency=50, budget=12)
        assert found.arms["A"].throughput == pytest.approx(50, rel=0.08)
        assert found.arms["B"].throughput == pytest.approx(100, rel=0.08)
        assert found.ratio("A", "B").value == pytest.approx(1 / 2, rel=0.08)
        assert found.warning == ""

    until_quiet(check)


def test_rounds_too_short_for_the_answers_conclude_nothing(known):
    found = measure({"A": known.url + "/fixed?ms=2500", "B": known.url + "/fixed?ms=20"}, concurrency=10, budget=12)
    assert 2 < found.arms["A"].throughput < 6  # 10 / 2.5 s, and some error
    assert found.ratio("A", "B").at_least(0.5) is None
    assert found.ratio("A", "B").doubt


def test_the_same_server_twice_is_no_difference(known):
    def check():
        url = known.url + "/fixed?ms=20"
        ratio = measure({"A": url, "B": url}, concurrency=10, budget=8).ratio("A", "B")
        assert ratio.conclusive
        assert not ratio.different
        assert ratio.low < 1 < ratio.high
        assert ratio.finding.startswith("No difference between A and B, to within")

    until_quiet(check)


def test_rounds_alternate_and_are_counted_once(known, twice):
    assert 8 <= len(twice.rounds) <= 40
    for name, arm in twice.arms.items():
        assert arm.completed == sum(found[name].completed for found in twice.rounds)
        assert len(arm.latency_ms) == arm.completed
        assert arm.failed == 0
    orders = [list(map(json.loads, path.read_text().splitlines())) for path in _files("measure")][-1]
    turns = [line["arm"][0:2] for line in orders if "arm" in line]
    assert turns[:8] == ["Fa", "Fl", "Fl", "Fa", "Fa", "Fl", "Fl", "Fa"]


def _files(what: str) -> list[Path]:
    return sorted((Path(os.environ["LESSON_RESULTS"]) / "measured").glob(f"*-{what}.jsonl"))


def test_the_ratio_turned_round_is_its_inverse(twice):
    there, back = (twice.ratio(*names) for names in (list(twice.urls), list(twice.urls)[::-1]))
    assert there.value == pytest.approx(1 / back.value)
    assert (there.low, there.high) == pytest.approx((1 / back.high, 1 / back.low))


def test_the_claims_read_a_ratio(twice):
    verdict = judge("C30", twice.ratio(*twice.urls))
    assert verdict.evidence.value == pytest.approx(twice.ratio(*twice.urls).value)
    assert verdict.evidence.conclusive == twice.ratio(*twice.urls).conclusive
    unsure = Estimate("A", "B", 4.0, 3.5, 4.6, 5, "the time was over")
    assert judge("C30", unsure).verdict == "inconclusive"


def test_it_draws_itself_with_its_finding_as_title(twice):
    shown = twice._repr_mimebundle_()
    assert "<svg" in shown["text/html"]
    assert "times as many as Flask, 30 ms" in shown["text/html"] or "Inconclusive" in shown["text/html"]
    assert f"{twice.arms['Flask, 30 ms'].throughput:,.0f} good answers a second" in shown["text/plain"]
    assert "closed model" in shown["text/plain"]
    assert twice.ratio(*twice.urls).words in shown["text/plain"]


def test_it_comes_back_from_disk(known):
    url = known.url + "/fixed?ms=5"
    found = measure({"A": url, "B": url}, concurrency=2, budget=4)
    again = Comparison.load()
    assert again.ratio("A", "B") == found.ratio("A", "B")
    assert again.arms["A"].completed == found.arms["A"].completed
    assert (again.ended, again.concurrency) == (found.ended, 2)
    assert again.recorded["machine"]["cores"] >= 1
    assert again.recorded["machine"]["fastapi"]
    assert "Recorded on" in again.summary()
    assert "Recorded on" not in found.summary()


def test_the_budget_is_kept_even_when_answers_take_long(known):
    began = time.monotonic()
    found = measure({"A": known.url + "/fixed?ms=900", "B": known.url + "/serial?ms=60"}, concurrency=20, budget=6)
    assert time.monotonic() - began < 6.5
    ratio = found.ratio("A", "B")
    assert not ratio.conclusive
    assert ratio.finding.startswith("Inconclusive")


def test_failures_are_shown_and_are_not_in_the_throughput(known):
    known.counts()
    found = measure({"good": known.url + "/fixed?ms=10", "bad": known.url + "/errors"}, concurrency=4, budget=5)
    bad = found.arms["bad"]
    assert bad.errors["503"] > 0
    assert bad.failed / (bad.completed + bad.failed) == pytest.approx(1 / 10 + 1 / 15, abs=0.03)
    assert "503" in found.summary()
    assert found.ratio("bad", "good").value == pytest.approx(1 - 1 / 10 - 1 / 15, rel=0.1)


def test_an_arm_that_dies_is_reported_as_that(known):
    with known_server() as mortal:
        began = time.monotonic()
        found = measure({"lives": known.url + "/fixed?ms=10", "dies": mortal.url + "/die?ms=2500"}, concurrency=5)
        assert time.monotonic() - began < 10
    assert found.ended == "dies was gone"
    assert found.arms["dies"].server_gone
    assert "dead" in found.warning
    ratio = found.ratio("lives", "dies")
    assert not ratio.conclusive
    assert "died" in ratio.finding


def test_a_client_that_gives_up_leaves_the_rounds_before_it(known, monkeypatch):
    turns = iter(range(2 + 2 * 2 + 1))  # a warm-up and two rounds of both arms, and one turn more

    def send(*arguments):
        if next(turns, None) is None:
            raise process.ClientError("The client process gave no report within 20 s; run the cell again.")
        return counting.send(*arguments)

    monkeypatch.setattr(plan, "send", send)
    found = measure({"a": known.url + "/fixed", "b": known.url + "/fixed?ms=5"}, concurrency=4, budget=20)
    assert len(found.rounds) == 2
    assert "No more rounds, as the client, or this kernel with it, was held up." in found.summary()


def test_an_arm_that_gives_no_good_answer_is_told_in_a_sentence(known):
    with known_server() as gone:
        url = gone.url
    with pytest.raises(LessonError, match=r"B gives no good answer at .*refused"):
        measure({"A": known.url + "/fixed", "B": url + "/"}, concurrency=2)
    with pytest.raises(LessonError, match=r"B gives no good answer at .*bad answer"):
        measure({"A": known.url + "/fixed", "B": known.url + "/nonsense"}, concurrency=2)


@pytest.mark.parametrize(
    ("arms", "more", "says"),
    [
        ({"A": "http://127.0.0.1:1/"}, {}, "2 to 12 arms"),
        (["http://127.0.0.1:1/"], {}, "dict"),
        ({1: "http://127.0.0.1:1/", 2: "http://127.0.0.1:1/"}, {}, "dict"),
        ({"A": "http://127.0.0.1:1/", "B": "http://example.org/"}, {}, "this machine only"),
        ({"A": "http://127.0.0.1:1/", "B": "http://127.0.0.1:1/"}, {"concurrency": 501}, "1 to 500"),
        ({"A": "http://127.0.0.1:1/", "B": "http://127.0.0.1:1/"}, {"budget": 121}, "1 to 120"),
        ({"A": "http://127.0.0.1:1/", "B": "http://127.0.0.1:1/"}, {"budget": "20"}, "1 to 120"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(arms, more, says):
    with pytest.raises(LessonError, match=says):
        measure(arms, **more)


def test_a_name_that_was_not_measured_is_refused(twice):
    with pytest.raises(LessonError, match="There is no arm 'Django'"):
        twice.ratio("Django", "Flask, 30 ms")


MEASURING = """
    from helpers import measure
    from helpers.client import process, load
    from helpers.benchmark import Comparison
    load("{url}/fixed", concurrency=1, seconds=0.1)
    print(process.client.pid, flush=True)
    try:
        measure({{"A": "{url}/fixed?ms=5", "B": "{url}/serial?ms=5"}}, concurrency=5, budget=60)
    except KeyboardInterrupt:
        print(len(Comparison.load().rounds), flush=True)
        print(Comparison.load().ended, flush=True)
"""


@pytest.mark.parametrize("how", ["interrupted", "killed"])
def test_a_kernel_that_ends_in_the_middle_leaves_rounds_on_disk_and_no_process(known, tmp_path, how):
    kernel = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(MEASURING).format(url=known.url)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "LESSON_RESULTS": str(tmp_path)},
    )
    with kernel.stdout:
        client = int(kernel.stdout.readline())
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            files = sorted((tmp_path / "measured").glob("*-measure.jsonl"))
            if files and files[-1].read_text().count("\n") > 5:
                break
            time.sleep(0.05)
        if how == "interrupted":
            kernel.send_signal(signal.SIGINT)
            began = time.monotonic()
            assert int(kernel.stdout.readline()) >= 2
            assert time.monotonic() - began < 2
            assert kernel.stdout.readline() == "it was interrupted\n"
        else:
            kernel.kill()
    kernel.wait(10)
    deadline = time.monotonic() + 5
    with pytest.raises(ProcessLookupError):
        while time.monotonic() < deadline:
            os.kill(client, 0)
            time.sleep(0.02)
    found = Comparison.load(files[-1])
    assert len(found.rounds) >= 2
    assert found.arms["A"].completed > 0


def test_what_is_no_record_is_refused(tmp_path):
    other = tmp_path / "other.jsonl"
    for text in ("", "nonsense", '{"what": "load"}\n', "[]\n"):
        other.write_text(text)
        with pytest.raises(LessonError, match=r"other\.jsonl"):
            Comparison.load(other)
    with pytest.raises(LessonError, match="cannot be read"):
        Comparison.load(tmp_path / "missing.jsonl")


def test_the_interval_holds_what_it_promises():
    """A thousand simulated comparisons of eight rounds: the truth is outside some fifty times, the ruler aside."""
    draw = np.random.default_rng(7)
    outside = 0
    for _ in range(1000):
        _, low, high = interval(np.exp(draw.normal(math.log(2), 0.1, 8)))
        outside += not low * 1.02 <= 2 <= high / 1.02
    assert 30 <= outside <= 70


@pytest.mark.parametrize(
    ("pairs", "conclusive", "says"),
    [
        ([(100.0, 50.0)] * 8, True, "A answers 2 times as many as B"),
        ([(50.0, 100.0)] * 8, True, "B answers 2 times as many as A"),
        ([(110.0, 100.0)] * 8, True, "A answers 10% more than B"),
        ([(101.0, 100.0)] * 8, True, "No difference between A and B, to within 3%"),
        ([(100.0, 50.0)] * 3, False, "Inconclusive: the time was enough for 3 rounds only"),
        ([(100.0, 50.0)], False, "Inconclusive: the time was enough for 1 round only"),
        ([(100.0, 60.0), (100.0, 120.0)] * 4, False, "Inconclusive: the time was not enough to tell 0.8"),
        (
            [(100.0, 50.0), (100.0, 100.0)] * 4,
            False,
            "A answers more than B; by how much is inconclusive (1.02 to 1.97",
        ),
        (
            [(50.0, 100.0), (100.0, 100.0)] * 4,
            False,
            "B answers more than A; by how much is inconclusive (1.02 to 1.97",
        ),
        ([(100.0, 50.0)] * 8 + [(0.0, 50.0)], False, "Inconclusive: 1 of 9 rounds had no good answer"),
        ([(0.0, 50.0)] * 8, False, "Inconclusive: no round"),
    ],
)
def test_what_is_concluded_from_rounds(pairs, conclusive, says):
    found = estimate("A", "B", pairs)
    assert found.conclusive == conclusive
    assert found.finding.startswith(says)
    assert judge("a ratio", found).evidence.conclusive == conclusive


@pytest.mark.parametrize(
    ("limit", "at_least"), [(1.9, True), (1.96, True), (2.0, None), (2.04, None), (2.1, False), (math.inf, False)]
)
def test_a_limit_is_reached_where_the_whole_interval_says_so(limit, at_least):
    found = estimate("A", "B", [(100.0, 50.0)] * 8)  # 2, and the ruler's two percent either way
    assert found.at_least(limit) is at_least
    assert found.below(limit) is (None if at_least is None else not at_least)


def test_a_wide_interval_is_inconclusive_and_still_decides_what_lies_outside_it():
    found = estimate("A", "B", [(100.0, 50.0), (120.0, 50.0)] * 4)
    assert not found.conclusive
    assert (found.at_least(1.3), found.at_least(2.2), found.at_least(4)) == (True, None, False)


def test_loads_in_pairs_make_a_ratio_as_the_rounds_of_a_comparison_do(twice):
    a, b = twice.urls
    assert ratio_of(a, b, [(found[a], found[b]) for found in twice.rounds]) == twice.ratio(a, b)


def test_a_doubt_leaves_nothing_conclusive():
    found = estimate("A", "B", [(100.0, 50.0)] * 8, "the client needed 99% of a processor core")
    assert not found.conclusive
    assert "the client needed" in found.finding


def test_a_client_at_its_limit_decides_nothing(twice):
    name = next(iter(twice.urls))
    busy = [
        {**found, name: replace(found[name], client_seconds=found[name].elapsed * (BUSY + 0.05))}
        for found in twice.rounds
    ]
    slow = Comparison(twice.urls, 10, busy, twice.seconds)
    ratio = slow.ratio(*twice.urls)
    assert not ratio.conclusive
    assert ratio.at_least(0.1) is None, "an interval that cannot be believed decides nothing"
    assert slow.warning.startswith(f"{name}: ")
    assert "the client needed 90%" in slow.warning
    shared = [{each: replace(load, doubts=["One core."]) for each, load in found.items()} for found in twice.rounds]
    assert Comparison(twice.urls, 10, shared, twice.seconds).warning == "One core."


def test_the_headline_of_many_arms_names_the_unsure_ones():
    sure = Estimate("A", "B", 2.0, 1.9, 2.1, 8)
    other = Estimate("A", "C", 4.0, 3.9, 4.1, 8)
    unsure = Estimate("A", "D", 4.0, 3.0, 5.1, 8, "too few")
    same = Estimate("A", "E", 1.0, 0.97, 1.03, 8)
    wide = Estimate("A", "F", 0.5, 0.3, 0.8, 8)
    assert headline([sure, other]) == "A’s answers: 2 times B’s, 4 times C’s"
    assert headline([sure, same, wide]) == (
        "A’s answers: 2 times B’s, as many as E’s, fewer than F’s (by how much is inconclusive)"
    )
    assert headline([sure, unsure]) == "A’s answers: 2 times B’s; inconclusive beside D: too few"
    assert headline([unsure, unsure]) == "A is inconclusive beside D, D: too few"


def test_a_rehearsed_comparison_is_short_and_says_so(known, monkeypatch):
    monkeypatch.setenv("LESSON_PACE", "0.2")
    url = known.url + "/fixed?ms=20"
    began = time.monotonic()
    comparison = measure({"a": url, "b": url}, concurrency=4, budget=10)
    assert time.monotonic() - began < 4
    assert "LESSON_PACE" in comparison.summary()
