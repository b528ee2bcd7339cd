"""`at_work` and `one_more`: what a waiting request takes of a launched server, looked at from outside."""

import textwrap

import flask
import pytest

from helpers import LessonError, launch, serve, stop_all
from helpers.benchmark import AtWork, OneMore, at_work, one_more
from helpers.checks import Open, Timed

WAITING = """
    import time
    import flask

    app = flask.Flask("waiting")

    @app.get("/wait")
    def wait():
        time.sleep(0.5)
        return {}
"""


@pytest.fixture
def threaded(tmp_path, monkeypatch):
    (tmp_path / "waits_in_threads.py").write_text(textwrap.dedent(WAITING))
    monkeypatch.chdir(tmp_path)
    yield launch("waitress", "waits_in_threads.py:app", threads=60)
    stop_all()


def test_threads_are_counted_and_memory_grows_with_what_waits(threaded):
    alone, crowd = at_work(threaded, "/wait", 1), at_work(threaded, "/wait", 60)
    assert (alone.good, crowd.good) == (1, 60)
    assert crowd.threads >= 60
    assert crowd.megabytes >= alone.megabytes
    assert crowd.took.ms > 500


def test_what_one_more_takes_is_the_difference_by_their_number():
    alone, crowd = AtWork(1, 3, 30.0, Timed(50, 1), 1), AtWork(101, 103, 34.0, Timed(60, 1), 101)
    assert one_more(alone, crowd) == OneMore(pytest.approx(40), 1.0)
    some_late = AtWork(101, 83, 34.0, Timed(60, 1), 101)
    assert one_more(alone, some_late) == OneMore(pytest.approx(50), 1.0), "80 more of 100 had a thread at once"
    with pytest.raises(LessonError, match="few requests with more"):
        one_more(crowd, alone)


@pytest.mark.parametrize(
    ("crowd", "why"),
    [
        (AtWork(101, 53, 34.0, Timed(60, 1), 101), "at most 53 threads were at work at once for 101"),
        (AtWork(101, 103, 34.0, Timed(60, 1), 90), "only 90 of 101 requests got a good answer"),
    ],
)
def test_where_not_all_were_inside_at_once_nothing_is_decided(crowd, why):
    found = one_more(AtWork(1, 3, 30.0, Timed(50, 1), 1), crowd)
    for compared in (found.at_most(OneMore(1, 0)), OneMore(1, 0).at_most(found)):
        assert isinstance(compared, Open)
        assert why in compared.why


def test_less_memory_is_less_and_more_is_not():
    little, much = OneMore(24, 0), OneMore(43, 1)
    assert little.at_most(much, 0.9) is True
    assert much.at_most(little, 0.9) is False


def test_a_server_of_this_kernel_is_refused_in_a_sentence():
    server = serve(flask.Flask("here"))
    with pytest.raises(LessonError, match="at_work needs a running server that launch"):
        at_work(server, "/", 1)
    server.stop()
