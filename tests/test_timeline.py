"""`watch`: what it records, held against endpoints whose waits are known, and what it leaves behind: nothing."""

import asyncio
import dataclasses
import gc
import re
import subprocess
import sys
import threading
import time
import weakref
from contextlib import contextmanager
from itertools import pairwise
from types import SimpleNamespace

import fastapi
import fastapi.routing
import flask
import pytest
import quart
from fastapi.responses import StreamingResponse
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from helpers import LessonError, ask, burst, serve, stop_all, watch
from helpers.client import bursting
from helpers.timeline import Request, Span, recording, watching
from helpers.timeline.drawing import beats, lanes, whereabouts
from helpers.timeline.panels import panels
from helpers.timeline.recording import Note
from helpers.timeline.requests import Seen, union
from helpers.timeline.wording import describe, headline

WAIT = 0.05


@pytest.fixture(autouse=True)
def nothing_is_left():
    yield
    stop_all()


laps: list[float] = []  # seconds that each wait of an endpoint took, by the endpoint's own clock


@contextmanager
def lap():
    """Note how long the block takes, late awakening included: what the timeline has to agree with."""
    began = time.perf_counter()
    yield
    laps.append(time.perf_counter() - began)


def about(seconds):
    """Within two milliseconds: the few lines between the endpoint's own clock and the recorder's."""
    return pytest.approx(seconds, abs=0.002)


def waits_fastapi():
    app = fastapi.FastAPI()

    @app.get("/await")
    async def patient(ms: float = WAIT * 1000):
        with lap():
            await asyncio.sleep(ms / 1000)

    @app.get("/block")
    async def stubborn():
        with lap():
            time.sleep(WAIT)

    @app.get("/mixed")
    async def mixed():
        for seconds in (0.03, 0.04):
            with lap():
                time.sleep(0.03)
            with lap():
                await asyncio.sleep(seconds)

    @app.get("/def")
    def threaded(ms: float = WAIT * 1000):
        with lap():
            time.sleep(ms / 1000)

    return app


def waits_flask():
    app = flask.Flask("shop")

    @app.get("/wait")
    def wait():
        with lap():
            time.sleep(float(flask.request.args.get("ms", WAIT * 1000)) / 1000)
        return {}

    @app.get("/async")
    async def patient():
        with lap():
            await asyncio.sleep(WAIT)
        return {}

    return app


def recorded(app, path, n=1, **options):
    """The timeline of `n` requests, after one that is not watched and pays for what is loaded only once."""
    server = serve(app)
    burst(server, path, 1)
    laps.clear()
    with watch(server) as timeline:
        burst(server, path, n, **options)
    return timeline


def lengths(request):
    return [(span.kind, span.end - span.start) for span in request.spans]


# Ground truth: one request


def test_a_wait_off_the_loop_is_recorded_between_two_short_steps():
    (request,) = recorded(waits_fastapi(), "/await").requests
    kinds, times = zip(*lengths(request), strict=True)
    assert kinds == ("running", "waiting", "running")
    assert [times[1]] == about(laps)
    assert times[0] < 0.005
    assert times[2] < 0.005
    assert request.ended - request.started == pytest.approx(sum(times))
    assert not request.blocking


def test_blocked_and_waiting_pieces_are_told_apart():
    timeline = recorded(waits_fastapi(), "/mixed")
    (request,) = timeline.requests
    long = [(kind, length) for kind, length in lengths(request) if length > 0.01]
    assert [kind for kind, _ in long] == ["running", "waiting", "running", "waiting"]
    assert [length for _, length in long] == about(laps)
    assert [span.end - span.start for span in request.blocking] == about(laps[::2])
    assert len([gap for gap in timeline.gaps("fastapi") if gap[1] - gap[0] > 0.025]) == 2


@pytest.mark.parametrize(("make", "path"), [(waits_fastapi, "/def"), (waits_flask, "/wait")])
def test_a_function_has_its_thread_from_start_to_end(make, path):
    (request,) = recorded(make(), path).requests
    assert lengths(request) == [("running", about(laps[0]))]
    assert request.ended - request.started == about(laps[0])
    assert request.loop is None
    assert not request.blocking


def test_an_async_view_of_flask_waits_on_a_loop_of_its_own():
    (request,) = recorded(waits_flask(), "/async").requests
    assert [kind for kind, _ in lengths(request)] == ["running", "waiting", "running"]
    assert lengths(request)[1][1] == about(laps[0])
    assert request.loop is not None


def test_moments_come_in_order_and_spans_fill_the_time_in_the_endpoint():
    for make, path in [(waits_fastapi, "/await"), (waits_fastapi, "/def"), (waits_flask, "/async")]:
        for request in recorded(make(), path, 10).requests:
            assert 0 <= request.sent <= request.started < request.ended <= request.answered
            assert request.spans[0].start == request.started
            assert request.spans[-1].end == request.ended
            pairs = pairwise(request.spans)
            assert all(before.end == after.start for before, after in pairs)


def test_seconds_count_from_the_begin_of_the_watch():
    server = serve(waits_flask())
    burst(server, "/wait", 1)
    with watch(server) as timeline:
        time.sleep(0.2)
        burst(server, "/wait?ms=1", 1)
    assert 0.2 < timeline.requests[0].sent < 0.3


# Ground truth: many requests


def test_awaiting_requests_overlap_on_one_thread_and_one_loop():
    timeline = recorded(waits_fastapi(), "/await", 20)
    assert len(timeline.requests) == 20
    assert timeline.peak("fastapi") == 20
    assert (timeline.threads("fastapi"), timeline.loops("fastapi")) == (1, 1)
    assert timeline.last_ms("fastapi", "/await") < 3 * max(laps) * 1000  # 20 in a row
    assert not any(request.blocking for request in timeline.requests)
    assert [panel.blocks for panel in timeline.panels()] == [False]


def test_a_blocked_loop_is_a_staircase_that_the_client_sees_waiting():
    timeline = recorded(waits_fastapi(), "/block", 10)
    by_start = sorted(timeline.requests, key=lambda request: request.started)
    assert [request.ended - request.started for request in by_start] == about(laps)
    assert all(before.ended <= after.started for before, after in pairwise(by_start))
    assert max(request.sent for request in by_start) - min(request.sent for request in by_start) < 0.02
    # The last one waited for nine others, although the server heard of it only then.
    assert by_start[-1].started - by_start[-1].sent == pytest.approx(sum(laps[:9]), rel=0.1)
    assert all(len(request.blocking) == 1 for request in by_start)
    assert timeline.peak("fastapi") == 1
    stalled = sum(end - start for start, end in timeline.gaps("fastapi"))
    assert stalled == pytest.approx(sum(laps), rel=0.1)
    assert [panel.blocks for panel in timeline.panels()] == [True]


def test_staggered_waits_keep_their_own_lengths():
    server = serve(waits_fastapi())
    burst(server, "/await", 1)
    laps.clear()
    with watch(server) as timeline:
        for ms in (20, 120, 60):
            burst(server, f"/await?ms={ms}", 3)
    waits = [request.ended - request.started for request in timeline.requests]
    assert [sorted(waits[n : n + 3]) for n in (0, 3, 6)] == [about(sorted(laps[n : n + 3])) for n in (0, 3, 6)]
    assert min(laps[3:6]) > 0.12 > max(laps[6:]) > 0.06 > max(laps[:3]) > 0.02
    assert [panel.path for panel in timeline.panels()] == ["/await?ms=20", "/await?ms=120", "/await?ms=60"]
    assert {request.path for request in timeline.requests} == {"/await"}


def test_fastapi_runs_functions_in_a_pool_of_forty_threads():
    timeline = recorded(waits_fastapi(), "/def?ms=200", 100)
    assert timeline.threads("fastapi", "/def") == 40
    assert timeline.peak("fastapi", "/def") == 40
    assert timeline.loops("fastapi", "/def") == 0
    assert len(timeline.requests) == 100


def test_flask_gives_each_async_view_a_thread_and_a_loop():
    timeline = recorded(waits_flask(), "/async", 20)
    assert (timeline.threads("flask"), timeline.loops("flask")) == (20, 20)
    assert len({request.thread for request in timeline.requests}) == 20


def test_twenty_loops_one_after_another_are_twenty_although_ids_come_back():
    server = serve(waits_flask())
    with watch(server) as timeline:
        for _ in range(20):
            burst(server, "/async", 1)
    assert (timeline.threads(), timeline.loops(), timeline.peak()) == (20, 20, 1)


def test_counts_are_exact_with_five_hundred_requests_of_two_frameworks():
    servers = serve(waits_flask()), serve(waits_fastapi())
    with watch(*servers) as timeline:
        burst(servers[0], "/wait?ms=1", 200)
        burst(servers[1], "/await?ms=1", 300)
    assert [len([r for r in timeline.requests if r.server == name]) for name in ("flask", "fastapi")] == [200, 300]
    assert {request.status for request in timeline.requests} == {200}
    assert all(request.started is not None and request.ended is not None for request in timeline.requests)


# What is no plain request


def test_requests_from_elsewhere_are_recorded_with_their_arrival():
    server = serve(waits_fastapi())
    with watch(server) as timeline:
        ask([server], "GET", "/await?ms=1")
        ask([server], "POST", "/nowhere")
    first, second = timeline.requests
    assert (first.method, first.path, first.status) == ("GET", "/await", 200)
    assert first.sent <= first.started
    assert first.burst is None
    assert (second.method, second.path, second.status) == ("POST", "/nowhere", 404)


@pytest.mark.parametrize("kind", ["wsgi", "asgi"])
def test_exceptions_end_a_request(kind):
    app = flask.Flask("shop") if kind == "wsgi" else fastapi.FastAPI()

    @app.get("/")
    def broken():
        time.sleep(0.02)
        raise RuntimeError("no")

    timeline = recorded(app, "/", 3)
    assert [request.status for request in timeline.requests] == [500] * 3
    assert all(request.ended - request.started > 0.019 for request in timeline.requests)
    assert "3 answered 5xx" in timeline.summary()


def test_an_exception_in_a_coroutine_passes_through():
    app = fastapi.FastAPI()

    @app.get("/")
    async def recovers():
        try:
            async with asyncio.timeout(0.02):
                await asyncio.sleep(5)
        except TimeoutError:
            await asyncio.sleep(0.02)
            raise fastapi.HTTPException(418) from None

    (request,) = recorded(app, "/").requests
    assert request.status == 418
    assert 0.039 < request.ended - request.started < 0.5


def stream_fastapi():
    app = fastapi.FastAPI()

    @app.get("/")
    async def stream():
        async def chunks():
            for _ in range(3):
                with lap():
                    await asyncio.sleep(0.03)
                yield b"x"

        return StreamingResponse(chunks())

    return app


def stream_fastapi_yield():
    app = fastapi.FastAPI()

    @app.get("/")
    async def stream():
        for number in range(3):
            with lap():
                await asyncio.sleep(0.03)
            yield {"number": number}

    return app


def stream_flask():
    app = flask.Flask("shop")

    @app.get("/")
    def stream():
        def chunks():
            for _ in range(3):
                with lap():
                    time.sleep(0.03)
                yield b"x"

        return flask.Response(chunks())

    return app


@pytest.mark.parametrize("make", [stream_fastapi, stream_fastapi_yield, stream_flask])
def test_a_stream_lasts_until_its_last_piece(make):
    (request,) = recorded(make(), "/").requests
    lasted = request.ended - request.started
    assert sum(laps) <= lasted < sum(laps) + 0.01
    waited = sum(span.end - span.start for span in request.spans if span.kind == "waiting")
    assert waited == (0 if make is stream_flask else pytest.approx(sum(laps), abs=0.01))


def test_a_client_that_goes_away_is_recorded_and_so_is_what_goes_on_without_it():
    server = serve(waits_fastapi())
    burst(server, "/await", 1)
    with watch(server) as timeline:
        burst(server, "/await?ms=400", 3, timeout=0.1)
    for request in timeline.requests:
        assert (request.error, request.answered) == ("timeout", None)
        assert request.failed - request.sent > 0.05
        assert request.failed < request.ended  # for nobody
        assert request.ended - request.started >= 0.4
    assert "3 without an answer" in timeline.summary()


def test_requests_that_nobody_noticed_are_recorded_as_sent(monkeypatch):
    monkeypatch.setattr(watching, "PATIENCE", 0.1)
    server = serve(waits_fastapi())
    burst(server, "/def", 1)
    app = server.app

    @app.get("/freeze")
    async def freeze():
        time.sleep(1)

    with watch(server) as timeline:
        burst(server, "/freeze", 3, timeout=0.2)
    assert len(timeline.requests) == 3
    noticed = [request for request in timeline.requests if request.started is not None]
    assert len(noticed) == 1
    assert noticed[0].ended is None  # it goes on when the watch has lost its patience
    assert noticed[0].blocking
    assert all(request.error == "timeout" for request in timeline.requests)
    server.stop()
    assert "blocks the event loop" in timeline.summary()


def test_requests_that_wait_for_a_thread_have_not_started(monkeypatch):
    monkeypatch.setattr(watching, "PATIENCE", 0.0)
    release = threading.Event()
    app = fastapi.FastAPI()

    @app.get("/def")
    def threaded():
        release.wait(10)

    server = serve(app)
    with watch(server) as timeline:
        burst(server, "/def", 45, timeout=0.5)
    release.set()
    assert sum(request.started is None for request in timeline.requests) == 5
    assert timeline.peak() == 40


# Other frameworks, other ways in


def starlette_app():
    async def home(request):
        with lap():
            await asyncio.sleep(0.03)
        return PlainTextResponse("")

    return Starlette(routes=[Route("/", home)])


def quart_app():
    app = quart.Quart("shop")

    @app.get("/")
    async def home():
        with lap():
            await asyncio.sleep(0.03)
        return {}

    @app.get("/def")
    def function():
        time.sleep(0.03)
        return {}

    return app


async def bare_asgi(scope, receive, send):
    with lap():
        await asyncio.sleep(0.03)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def bare_wsgi(environ, start_response):
    with lap():
        time.sleep(0.03)
    start_response("204 No Content", [])
    return []


@pytest.mark.parametrize("make", [starlette_app, quart_app, lambda: bare_asgi, lambda: bare_wsgi])
def test_any_app_is_recorded(make):
    timeline = recorded(make(), "/", 5)
    assert len(timeline.requests) == 5
    inside = sorted(request.ended - request.started for request in timeline.requests)
    assert all(0 <= recorded - truth < 0.01 for recorded, truth in zip(inside, sorted(laps), strict=True))
    for request in timeline.requests:
        assert request.spans[0 if make() is bare_wsgi else 1].kind == ("running" if make() is bare_wsgi else "waiting")


def test_quart_runs_functions_in_threads_and_coroutines_on_its_one_loop():
    server = serve(quart_app())
    with watch(server) as timeline:
        burst(server, "/", 5)
        burst(server, "/def", 3)
    assert (timeline.threads(server, "/"), timeline.loops(server, "/")) == (1, 1)
    assert (timeline.threads(server, "/def"), timeline.loops(server, "/def")) == (3, 0)


def test_the_endpoint_starts_behind_dependencies_and_middleware():
    app = fastapi.FastAPI()

    @app.middleware("http")
    async def slow(request, call_next):
        await asyncio.sleep(0.05)
        return await call_next(request)

    def careful():
        time.sleep(0.05)

    @app.get("/", dependencies=[fastapi.Depends(careful)])
    async def home():
        await asyncio.sleep(0.02)

    (request,) = recorded(app, "/").requests
    assert request.started - request.sent >= 0.1
    assert 0.019 < request.ended - request.started < 0.09


def test_an_endpoint_called_by_an_endpoint_is_one_request():
    app = flask.Flask("shop")
    app.add_url_rule("/inner", "inner", lambda: "inner")

    @app.get("/")
    def outer():
        time.sleep(0.02)
        answer = app.view_functions["inner"]()
        time.sleep(0.02)
        return answer

    (request,) = recorded(app, "/").requests
    assert request.ended - request.started > 0.039


def test_the_app_answers_as_it_does_unwatched():
    app = fastapi.FastAPI()

    @app.get("/items/{number}")
    def item(number: int, request: fastapi.Request, tasks: fastapi.BackgroundTasks):
        tasks.add_task(lambda: None)
        return {"number": number, "path": request.url.path}

    server = serve(app)
    plain = ask([server], "GET", "/items/3")["fastapi"]
    with watch(server):
        watched = ask([server], "GET", "/items/3")["fastapi"]
        wrong = ask([server], "GET", "/items/three")["fastapi"]
    assert (plain.status, plain.json()) == (watched.status, watched.json())
    assert wrong.status == 422


# Nothing is kept


def test_nothing_is_kept_after_the_watch():
    apps = waits_flask(), waits_fastapi()
    servers = [serve(app) for app in apps]
    views = dict(apps[0].view_functions)
    run_endpoint = fastapi.routing.run_endpoint_function
    seen = []

    with pytest.MonkeyPatch.context() as patch:
        for kind in (recording.Recorder, watching.Heartbeat):
            patch.setattr(kind, "__init__", _remembering(kind.__init__, seen))
        with watch(*servers) as timeline:
            assert apps[0].view_functions != views
            assert fastapi.routing.run_endpoint_function is not run_endpoint
            assert all(server.entrance.app is not server.app for server in servers)
            burst(servers[0], "/async", 3)
            burst(servers[1], "/def", 3)
    assert apps[0].view_functions == views
    assert fastapi.routing.run_endpoint_function is run_endpoint
    assert all(server.entrance.app is server.app for server in servers)
    assert bursting.listeners == []
    burst(servers[1], "/await?ms=1", 1)
    ask([servers[0]], "GET", "/wait?ms=1")
    assert len(timeline.requests) == 6
    time.sleep(0.05)  # the last beat that was due has come
    gc.collect()
    assert [kept() for kept in seen] == [None, None]


def _remembering(init, seen):
    def remember(self, *arguments):
        seen.append(weakref.ref(self))
        init(self, *arguments)

    return remember


def test_nothing_is_kept_after_an_error_or_an_interrupt_in_the_block():
    app = waits_flask()
    server = serve(app)
    views = dict(app.view_functions)
    for error in (ValueError, KeyboardInterrupt):
        with pytest.raises(error), watch(server) as timeline:
            burst(server, "/wait?ms=1", 2)
            raise error
        assert app.view_functions == views
        assert server.entrance.app is app
        assert len(timeline.requests) == 2


def test_views_that_change_during_the_watch_stay_changed():
    app = waits_flask()
    server = serve(app)
    new = lambda: "new"  # noqa: E731
    with watch(server):
        app.view_functions["wait"] = new
        app.view_functions["more"] = new
    assert app.view_functions["wait"] is new
    assert app.view_functions["more"] is new


def test_a_server_that_stops_or_starts_anew_during_the_watch_does_no_harm():
    app = waits_fastapi()
    server = serve(app)
    with watch(server) as timeline:
        burst(server, "/await?ms=1", 2)
        new = serve(app)
        burst(new, "/await?ms=1", 3)
    assert new.entrance.app is app
    assert len(timeline.requests) == 5
    server = serve(waits_flask())
    with watch(server) as timeline:
        burst(server, "/wait?ms=1", 2)
        server.stop()
    assert len(timeline.requests) == 2


def test_one_watch_at_a_time():
    first, second = serve(waits_flask()), serve(waits_fastapi())
    with watch(first), pytest.raises(LessonError, match="under way"):
        watch(second).__enter__()
    with watch(second) as timeline:
        burst(second, "/await?ms=1", 1)
    assert len(timeline.requests) == 1
    with pytest.raises(LessonError, match="complete"):
        timeline.__enter__()


def test_what_cannot_be_watched_is_refused_in_a_sentence():
    server = serve(waits_flask())
    with pytest.raises(LessonError, match="at least one"):
        watch()
    with pytest.raises(LessonError, match="this is a Flask"):
        watch(server.app)
    with pytest.raises(LessonError, match="same name"):
        watch(server, server)
    server.stop()
    with pytest.raises(LessonError, match="is stopped"):
        watch(server).__enter__()
    other = serve(waits_fastapi())
    with pytest.raises(LessonError, match="is stopped"):
        watch(other, server).__enter__()
    assert other.entrance.app is other.app


def test_more_requests_than_a_watch_records_are_counted(monkeypatch):
    monkeypatch.setattr(recording, "MOST", 4)
    timeline = recorded(waits_flask(), "/wait?ms=1", 6)
    assert sum(request.started is not None for request in timeline.requests) == 4
    assert timeline.missed == 2
    assert "2 more requests" in timeline.summary()


# What it looks like


def texts(timeline):
    return timeline._repr_mimebundle_()


def test_a_timeline_says_where_it_stands_before_there_is_anything_to_draw():
    server = serve(waits_flask())
    timeline = watch(server)
    assert "has not begun" in texts(timeline)["text/html"]
    with timeline:
        assert "when the `with` block is over" in texts(timeline)["text/plain"]
    assert "no requests" in texts(timeline)["text/html"]


@pytest.mark.parametrize("n", [1, 10, 60, 300])
def test_it_draws_itself_with_any_number_of_requests(n):
    servers = serve(waits_flask()), serve(waits_fastapi())
    with watch(*servers, workers={"/def": 40}, guesses={"/def": 80, "/wait": ..., "flask": (5, 9)}) as timeline:
        burst(servers[0], "/wait?ms=10", n)
        burst(servers[1], "/def?ms=10", n)
        burst(servers[1], "/await?ms=10", n)
    shown = texts(timeline)
    assert shown["text/html"].count("<svg") == 1
    assert len(shown["text/html"]) < 600_000
    label = re.search(r'aria-label="([^"]+)"', shown["text/html"])[1]
    for panel in timeline.panels():
        assert panel.name in label
        assert panel.n == n
    assert f"{n} request" in shown["text/plain"]


def test_the_summary_names_who_blocks():
    server = serve(waits_fastapi())
    with watch(server) as timeline:
        burst(server, "/await", 8)
        burst(server, "/block", 8)
    assert timeline.summary().startswith("fastapi /block blocks the event loop: 8 requests at once take ")
    assert timeline.summary().count("one after another") == 1


def test_a_loop_that_other_code_holds_is_called_busy():
    app = fastapi.FastAPI()

    @app.get("/")
    async def gathers():
        async def selfish():
            time.sleep(0.03)

        await asyncio.gather(selfish(), selfish())

    (panel,) = recorded(app, "/", 4).panels()
    assert panel.loop_state == "busy"
    (panel,) = recorded(waits_fastapi(), "/await", 4).panels()
    assert panel.loop_state == "free"
    (panel,) = recorded(waits_fastapi(), "/block", 4).panels()
    assert panel.loop_state == "blocked"


def span_request(number, start, end, spans=(), held=(), server="flask"):
    """A request with `spans` as (kind, from, to); those in `held` are what it held its loop with."""
    moments = {"sent": 0.0, "started": start, "ended": end, "answered": end, "failed": None}
    place = {"thread": number, "worker": number, "loop": None, "burst": 0}
    blocking = tuple(Span("running", *when) for when in held)
    spans = tuple(Span(*span) for span in spans)
    return Request(server, "GET", "/", 200, **moments, error=None, **place, spans=spans, blocking=blocking)


def panel_of(*requests, **settings):
    timeline = SimpleNamespace(
        requests=list(requests),
        bursts=["/"],
        servers=[("flask", "wsgi"), ("quart", "asgi")],
        workers=settings.get("workers", {}),
        guesses=settings.get("guesses", {}),
        gaps=lambda name: settings.get("gaps", []),
    )
    (panel,) = panels(timeline)
    return panel


def looped(start, end, *held):
    """A request of Quart's from `start` to `end` that holds the loop meanwhile."""
    spans = [("running", *when) for when in held]
    return span_request(1, start, end, spans, held, server="quart")


@pytest.mark.parametrize("wait", [0.05, 0.12])
@pytest.mark.parametrize("gaps", [[], [(0.02, 0.031)]])
def test_a_loop_that_was_late_for_nine_at_the_same_moment_is_not_blocked(wait, gaps):
    panel = panel_of(*[looped(0.0, wait, (0.02, 0.031)) for _ in range(9)], gaps=gaps)
    assert not panel.blocks
    assert panel.loop_state == "free"
    assert (panel.blocked_ms, panel.held_ms, lanes(panel)["blocking"]) == (0, [], [])
    assert "block" not in describe([panel], 0) + headline([panel])
    assert len(lanes(panel)["running"]) == 9


def test_a_loop_that_was_late_again_and_again_is_busy_at_most():
    late = [looped(n * 0.011, 0.12 + n * 0.011, (n * 0.011, (n + 1) * 0.011)) for n in range(3)]
    awaiting = [looped(0.034, 0.154) for _ in range(6)]
    panel = panel_of(*late, *awaiting, gaps=[(0.0, 0.06)])
    assert (panel.blocks, panel.loop_state) == (False, "busy")
    assert "busy with other things" in describe([panel], 0)


def test_one_rule_says_of_title_lane_and_words_what_blocks():
    short = [span_request(n, n * 0.002, n * 0.002 + 0.001, server="quart") for n in range(20)]
    panel = panel_of(*short, looped(0.04, 0.06, (0.041, 0.052)))
    assert panel.held_ms, "a hold of 11 ms beside waits of one"
    assert (panel.blocks, panel.loop_state) == (False, "free")
    assert "block" not in describe([panel], 0) + headline([panel])


def test_two_holds_that_are_short_beside_the_waits_do_not_block():
    panel = panel_of(looped(0.0, 0.16, (0.0, 0.03), (0.08, 0.11)))
    assert (panel.blocks, panel.loop_state, panel.held_ms) == (False, "free", [])


def test_what_has_the_loop_for_most_of_the_time_blocks_it_however_long_the_waits_seem():
    # between two holds of 45 ms the loop is nobody's for 15: what the framework does on a busy machine
    panel = panel_of(*[looped(n * 0.06, 1.25, (n * 0.06, n * 0.06 + 0.045)) for n in range(20)])
    assert panel.blocks
    assert panel.loop_state == "blocked"
    assert panel.blocked_ms == pytest.approx(900)


def test_time_in_which_the_loop_was_held_counts_once():
    panel = panel_of(*[looped(0.0, 0.05, (0.0, 0.05)) for _ in range(9)])
    assert panel.blocked_ms == pytest.approx(50)
    assert panel.held_ms == [(0.0, pytest.approx(50))]
    assert "blocked for 50 ms" in describe([panel], 0)
    assert union([(2, 3), (0, 1), (1, 1.5), (2.5, 2.7)]) == [(0, 1.5), (2, 3)]


@pytest.mark.parametrize("n", [1, 2, 10])
def test_a_real_block_is_called_one(n):
    panel = panel_of(*[looped(i * 0.05, (i + 1) * 0.05, (i * 0.05, (i + 1) * 0.05)) for i in range(n)])
    assert panel.blocks
    assert panel.loop_state == "blocked"
    assert panel.blocked_ms == pytest.approx(n * 50)
    assert len(lanes(panel)["blocking"]) == n
    assert headline([panel]).startswith("quart / blocks the event loop: ")


def test_work_before_each_wait_blocks_when_the_waits_get_no_turn_for_it():
    # 20 ms of work and 50 ms of waiting each; when the twentieth has worked, the first have long waited enough
    row = [looped(n * 0.02, max(n * 0.02 + 0.07, 0.4), (n * 0.02, (n + 1) * 0.02)) for n in range(20)]
    panel = panel_of(*row)
    assert panel.blocks
    assert panel.blocked_ms == pytest.approx(400)
    alone = panel_of(looped(0.0, 0.07, (0.0, 0.02)))
    assert (alone.blocks, alone.loop_state) == (False, "free")


def test_a_panel_shows_what_others_hold_the_loop_with():
    freeze, ping = looped(0.0, 0.1, (0.0, 0.1)), span_request(2, 0.1, 0.101, server="quart")
    others = SimpleNamespace(
        requests=[freeze, dataclasses.replace(ping, path="/ping", burst=None)],
        bursts=["/"],
        servers=[("quart", "asgi")],
        workers={},
        guesses={},
        gaps=lambda name: [(0.0, 0.1)],
    )
    blocker, waiting = panels(others)
    assert (blocker.blocks, waiting.blocks) == (True, False)
    assert waiting.blocked_ms == 0
    assert waiting.held_ms == [(0.0, pytest.approx(100))]
    assert waiting.loop_state == "blocked"


def test_lanes_tell_each_request_in_numbers():
    spans = [("running", 0.01, 0.02), ("waiting", 0.02, 0.05), ("running", 0.05, 0.1)]
    first = span_request(1, 0.01, 0.1, spans, [(0.05, 0.1)], server="quart")
    first = dataclasses.replace(first, answered=0.11)
    never = dataclasses.replace(first, started=None, ended=None, answered=None, failed=0.12, error="timeout")
    never = dataclasses.replace(never, spans=(), blocking=(), worker=None)
    panel = panel_of(never, first, gaps=[(0.05, 0.1)])
    found = {kind: [tuple(map(round, bar)) for bar in bars] for kind, bars in lanes(panel).items()}
    assert found == {
        "sent": [(0, 0, 10), (1, 0, 120)],
        "running": [(0, 10, 20)],
        "waiting": [(0, 20, 50)],
        "blocking": [(0, 50, 100)],
        "on the way": [(0, 100, 110)],
        "failed": [(1, 120, 120)],
    }
    assert [tuple(map(round, when)) for when in beats(panel)] == [(0, 50), (100, 120)]
    assert [whereabouts(request) for request in panel.requests] == ["thread 1", "never noticed"]


def test_a_stream_that_goes_on_later_has_waited_for_that():
    note = Note("quart", "GET", "/", "1", arrived=0.0, started=0.0, returned=0.05, ended=0.09, is_stream=True)
    note.inner, note.outer = [(0.0, 0.001), (0.049, 0.05)], [(0.0, 0.001), (0.049, 0.051), (0.08, 0.09)]
    reply = SimpleNamespace(id="1", status=200, sent=0.0, answered=0.07, failed=None, error=None)
    sent = SimpleNamespace(server="quart", method="GET", path="/", replies=[reply])
    (request,) = Seen(0.0, 1.0, [note], [sent], {"quart": None}).requests()
    assert [tuple(span) for span in request.spans][1:] == [
        ("waiting", 0.001, 0.049),
        ("running", 0.049, 0.05),
        ("running", 0.05, 0.051),
        ("waiting", 0.051, 0.07),
    ]


def test_theory_knows_the_extremes_and_the_pool():
    row = [span_request(number, number * 0.1, number * 0.1 + 0.1) for number in range(10)]
    assert [round(x) for x, _ in panel_of(*row).theory_ms] == [100, 1000]
    assert panel_of(*row).finding == "one after another"
    heap = [span_request(number, 0.0, 0.1) for number in range(10)]
    assert [round(x) for x, _ in panel_of(*heap).theory_ms] == [100]
    assert panel_of(*heap).finding == "all 10 at the same time"
    assert [round(x) for x, _ in panel_of(*heap, workers={"/": 4}).theory_ms] == [300]
    assert [round(x) for x, _ in panel_of(*heap, workers={"flask": 10}).theory_ms] == [100]
    assert panel_of(*row).peak == 1  # one that ends as the next starts does not overlap


def test_guesses_are_numbers_ranges_or_not_there_yet():
    one = span_request(1, 0, 0.1)
    guesses = {5: (5, 5), (9, 3): (3, 9), ...: None, "many": None, True: None, (1, ...): None}
    assert {g: panel_of(one, guesses={"/": g}).guess for g in guesses} == guesses


def test_counts_ask_for_servers_of_the_timeline():
    timeline = recorded(waits_flask(), "/wait?ms=1")
    assert timeline.threads() == timeline.threads("flask") == timeline.threads("flask", "/wait") == 1
    assert timeline.threads("flask", "/other") == 0
    with pytest.raises(LessonError, match="not in this timeline"):
        timeline.peak("fastapi")
    with pytest.raises(LessonError, match="No such request"):
        timeline.last_ms("flask", "/other")


def test_nothing_is_printed(capfd):
    recorded(waits_fastapi(), "/await", 3)
    assert capfd.readouterr() == ("", "")


def test_a_pool_that_serve_made_is_known_to_the_theory():
    app = flask.Flask("waiting")

    @app.get("/wait")
    def wait():
        time.sleep(0.02)
        return {}

    server = serve(app, threads=2)
    with watch(server) as timeline:
        burst(server, "/wait", 6)
    ((finish, words),) = timeline.panels()[0].theory_ms
    assert words.startswith("in theory, 2 at a time") and finish >= 60


def test_single_requests_of_different_kinds_are_not_compared():
    server = serve(waits_fastapi())
    with watch(server) as timeline:
        ask(server, "GET", "/block?ms=100")
        burst(server, "/await?ms=1", 1)
    assert re.match(r"fastapi /block blocks the event loop: 1 request takes [\d,]+ ms\. ", timeline.summary())


def test_threads_of_the_pool_are_told_from_the_loop_beside_them():
    server = serve(waits_fastapi())
    with watch(server) as timeline:
        burst(server, "/def", 3)
        burst(server, "/await", 3)
    assert [panel.shared for panel in timeline.panels()] == ["3 threads beside the loop", "1 thread, 1 event loop"]


def test_the_key_says_what_the_dots_are_where_there_is_a_loop():
    for app, dots in ((waits_fastapi(), True), (waits_flask(), False)):
        server = serve(app)
        with watch(server) as timeline:
            burst(server, "/def", 2)
        assert ("dotted: the event loop is free" in timeline.body()) == dots


def test_nothing_is_drawn_after_the_whole_answer_is_there():
    app = quart.Quart("late")

    @app.get("/")
    async def short():
        return {}

    class Lingering:  # as middleware may, with the answer long sent
        def __init__(self, inner):
            self.inner = inner

        async def __call__(self, scope, *channels):
            await self.inner(scope, *channels)
            if scope["type"] == "http":
                await asyncio.sleep(WAIT)

    app.asgi_app = Lingering(app.asgi_app)
    server = serve(app)
    with watch(server) as timeline:
        burst(server, "/", 3)
    assert all(request.ended <= request.answered for request in timeline.requests)
    assert all(span.end <= request.answered for request in timeline.requests for span in request.spans)


RELOADED = """
import importlib, sys, urllib.request
import helpers.timeline
from helpers import serve

async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})

server = serve(app)
for name in sorted(name for name in sys.modules if name.startswith("helpers.")):
    importlib.reload(sys.modules[name])
from helpers.timeline import watch

with watch(server) as timeline:
    urllib.request.urlopen(server.url).close()
server.stop()
print([request.status for request in timeline.requests], timeline.peak(server))
"""


def test_a_server_of_before_a_reload_can_be_watched():
    done = subprocess.run([sys.executable, "-c", RELOADED], capture_output=True, text=True, timeout=60)
    assert (done.stdout.strip(), done.stderr) == ("[204] 1", "")


def test_three_panels_of_twenty_lanes_are_seen_at_once_on_a_small_laptop():
    server = serve(waits_fastapi())
    with watch(server) as timeline:
        for path in ("/await", "/block", "/def"):
            burst(server, path, 20)
    height = float(re.search(r'<svg[^>]* height="([\d.]+)pt"', timeline.body())[1])
    assert height / 72 <= 6.5  # inches, of the 640 pixels that are 6.67
