"""The figures of lessons 07 and 08: titles computed from the numbers, theory drawn in, words for who does not look."""

from collections import Counter

import numpy as np
import pytest

from helpers import LessonError
from helpers.benchmark.figures import against_concurrency, against_model, against_threads, latencies
from helpers.benchmark.statistics import Estimate
from helpers.benchmark.titles import percentiles_compared, settings_that_reach, shares_of_the_law, span_of_ratios
from helpers.client.results import Load

ARMS = {"FastAPI": [(10, 190), (50, 900), (100, 1300)], "Flask, 40 threads": [(100, 760), (10, 180), (50, 750)]}


def a_load(concurrency=50, rate=100.0, milliseconds=(50.0, 51.0), model="closed"):
    times = np.array(milliseconds)
    nothing = np.zeros(0)
    parts = {"url": "http://127.0.0.1:1/wait", "model": model, "concurrency": concurrency, "rate": None}
    counts = {"seconds": 2.0, "window": 2.0, "answers": rate * 2, "completed": len(times), "errors": Counter()}
    return Load(
        **parts, **counts, latency_ms=times, lateness_ms=nothing, client_seconds=0.1, elapsed=2.0, lags_ms=nothing
    )


def an_estimate(value, conclusive=True):
    return Estimate("FastAPI", "Flask", value, value * 0.95, value * 1.05, 10, "" if conclusive else "too few rounds")


def test_throughput_is_compared_with_littles_law_and_with_the_threads():
    loads = {name: [a_load(c, rate) for c, rate in arm] for name, arm in ARMS.items()}
    picture = against_concurrency(loads, 0.050, {"Flask, 40 threads": 40})
    # 1,300 of 100 / 50 ms = 2,000; 760 of 40 / 50 ms = 800
    assert picture.alt.startswith(
        "At 100 connections, answers a second: FastAPI 1,300 (65% of the limit); "
        "Flask, 40 threads 760 (95% of its threads’ limit)."
    )
    assert "180 at 10, 750 at 50, 760 at 100" in picture.alt
    assert "currentColor" in picture.svg


@pytest.mark.parametrize("loads", [{}, {"FastAPI": []}, {"FastAPI": [a_load(None)]}])
def test_loads_without_a_concurrency_are_refused(loads):
    with pytest.raises(LessonError, match="closed-model"):
        against_concurrency(loads, 0.05)


@pytest.mark.parametrize("wait", [0, -1])
def test_no_wait_has_no_law(wait):
    with pytest.raises(LessonError, match="wait above zero"):
        against_concurrency({"FastAPI": [a_load()]}, wait)


def test_the_ratio_is_compared_with_the_articles_band():
    picture = against_threads({100: an_estimate(1.1), 1: an_estimate(60), 10: an_estimate(8, False)}, 100)
    assert picture.alt.startswith(
        "From 1.1 to 60 times, by the number of Flask's threads; 1 of 3 settings lie in the article's 3 to 10."
    )
    assert "10 threads: 8 (7.6 to 8.4)" in picture.alt
    assert picture.sentence == "Hollow, because inconclusive: 10 threads (too few rounds)."
    with pytest.raises(LessonError, match="at least one ratio"):
        against_threads({}, 100)


def test_an_open_interval_can_be_drawn():
    endless = Estimate("FastAPI", "Flask", 2.0, 0.0, float("inf"), 1, "one round only")
    assert "0 to inf" in against_threads({4: endless}, 50).alt


def test_latencies_are_compared_by_a_percentile():
    closed, opened = (
        a_load(2, milliseconds=[4.0] * 999 + [1000.0]),
        a_load(None, milliseconds=[4.0] * 80 + [900.0] * 20),
    )
    picture = latencies({"closed": closed, "open": opened})
    assert picture.alt.startswith("99 of 100 answers came within 4 ms (closed) and 900 ms (open).")
    assert "open: p50 4 ms, p95 900 ms, p99 900 ms, worst 900 ms" in picture.alt
    assert "closed: p50 4 ms, p95 4 ms, p99 4 ms, worst 1,000 ms" in picture.alt
    assert latencies({"one": a_load(milliseconds=[3.0])}, 50).alt.startswith(
        "50 of 100 answers came within 3 ms (one)."
    )


def test_what_was_found_is_compared_with_a_model():
    picture = against_model({"1 x 10": 196.0, "2 x 20": 674.0}, {"1 x 10": 198.0, "2 x 20": 792.0})
    assert picture.alt == (
        "1 of 2 settings reach 95% of the model or more; 2 x 20 reaches 85%. "
        "Good answers a second: 1 x 10: model 198, found 196; 2 x 20: model 792, found 674."
    )
    assert against_model({"a": 10.0}, {"a": 10.0}).alt.startswith("1 of 1 settings reach 95% of the model or more. ")
    for expected in ({}, {"b": 1.0}, {"a": 0.0}):
        with pytest.raises(LessonError, match="the same settings twice"):
            against_model({"a": 1.0}, expected)


def test_what_makes_a_load_doubtful_stands_below_its_picture():
    doubtful = a_load()
    doubtful.doubts.append("One core for all.")
    for picture in (latencies({"a": a_load(), "b": doubtful}), against_concurrency({"a": [a_load(), doubtful]}, 0.05)):
        assert picture.sentence == "One core for all."
        assert "<figcaption>One core for all.</figcaption>" in picture.body()
    assert latencies({"a": a_load()}).sentence == ""


def test_latencies_of_nothing_are_refused():
    with pytest.raises(LessonError, match="no good answers to draw: dead"):
        latencies({"alive": a_load(), "dead": a_load(milliseconds=())})
    with pytest.raises(LessonError, match="no good answers"):
        latencies({})


def test_a_setting_without_good_answers_is_said_and_not_drawn(recwarn):
    nothing = Estimate("FastAPI", "Flask", 0.0, 0.0, float("inf"), 1, "no round in which both gave good answers")
    picture = against_threads({1: nothing, 10: an_estimate(8)}, 100)
    assert picture.alt.startswith("From 8 to 8 times") and "1 thread: 0 (0 to inf)" in picture.alt
    assert not list(recwarn)
    with pytest.raises(LessonError, match="no ratio to draw"):
        against_threads({1: nothing}, 100)


def test_titles_follow_from_the_numbers():
    points = {"FastAPI": [(10, 190.0), (100, 1000.0)], "Flask": [(100, 800.0)]}
    assert shares_of_the_law(points, 0.1, {"Flask": 80}) == (
        "At 100 connections, answers a second: FastAPI 1,000 (100% of the limit); "
        "Flask 800 (100% of its threads’ limit)"
    )
    assert "From 2.5 to 8 times" in span_of_ratios({1: an_estimate(8), 4: an_estimate(2.5)}, (3, 10))
    assert "1 of 2 settings" in span_of_ratios({1: an_estimate(8), 4: an_estimate(2.5)}, (3, 10))
    three = {name: a_load(milliseconds=[time]) for name, time in (("a", 1.0), ("b", 2.0), ("c", 3.0))}
    assert percentiles_compared(three, 50) == "50 of 100 answers came within 1 ms (a), 2 ms (b) and 3 ms (c)"
    reached = settings_that_reach({"a": 95.0, "b": 94.0}, {"a": 100.0, "b": 100.0})
    assert reached == "1 of 2 settings reach 95% of the model or more; b reaches 94%"
