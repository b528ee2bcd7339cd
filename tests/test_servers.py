"""`serve` and its promises: what it accepts and refuses, how it starts, fails, stops, and what it leaves behind."""

import asyncio
import contextlib
import gc
import json
import logging
import os
import re
import socket
import ssl
import subprocess
import sys
import textwrap
import threading
import time
import traceback
import types
import warnings
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import aiohttp.web
import fastapi
import flask
import httpx
import pytest
from fastapi.responses import RedirectResponse, StreamingResponse
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from websockets.sync.client import connect

from helpers import LessonError, burst, serve, show, stop_all, watch
from helpers.servers import NotAnApp, ServeError, ServerWarning, offline_docs

BROWSER = {"accept": "text/html,application/xhtml+xml"}
BEHIND = {"x-forwarded-prefix": "/user/ada/proxy/4321", "host": "hub.test"}


@pytest.fixture(autouse=True)
def nothing_is_left():
    yield
    stop_all()


def flask_app():
    app = flask.Flask("shop")
    app.get("/")(lambda: {"framework": "flask"})
    return app


def fastapi_app(**options):
    app = fastapi.FastAPI(**options)

    @app.get("/")
    def home():
        return {"framework": "fastapi"}

    return app


def both():
    return [flask_app(), fastapi_app()]


async def bare_asgi(scope, receive, send):
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"bare ASGI"})


def bare_wsgi(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"bare WSGI"]


# What is an app, and of which kind


class WsgiClass:
    def __init__(self, environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])

    def __iter__(self):
        yield b"a class"


class AsgiEndpoint(HTTPEndpoint):
    async def get(self, request):
        return PlainTextResponse("an endpoint")


class MiddlewareWithPlainCall:
    def __init__(self, app):
        self.app = app

    def __call__(self, scope, receive, send):
        return self.app(scope, receive, send)


@pytest.mark.parametrize(
    ("app", "kind", "text"),
    [
        (flask_app(), "wsgi", "flask"),
        (fastapi_app(), "asgi", "fastapi"),
        (bare_wsgi, "wsgi", "bare WSGI"),
        (bare_asgi, "asgi", "bare ASGI"),
        (WsgiClass, "wsgi", "a class"),
        (AsgiEndpoint, "asgi", "an endpoint"),
        (MiddlewareWithPlainCall(fastapi_app()), "asgi", "fastapi"),
        (flask_app().wsgi_app, "wsgi", "flask"),
        (Starlette(routes=[Route("/", AsgiEndpoint)]), "asgi", "an endpoint"),
    ],
)
def test_any_wsgi_or_asgi_app_is_told_apart_and_served(app, kind, text, client):
    server = serve(app)
    assert server.kind == kind
    assert text in client.get(server.url).text


def create_app():
    return flask_app()


@pytest.mark.parametrize(
    ("thing", "said"),
    [
        (None, "nothing to serve"),
        (..., "three dots"),
        ("work/app.py:app", "a string"),
        (types.ModuleType("shop"), "the module 'shop'"),
        (create_app, "serve(create_app())"),
        (fastapi.FastAPI, "the class FastAPI"),
        (flask.Flask, "the class Flask"),
        (42, "an int"),
        ({"app": 1}, "a dict"),
        (lambda: None, "call it"),
        (aiohttp.web.Application(), "aiohttp's Application"),
    ],
)
def test_what_is_no_app_is_refused_in_one_sentence(thing, said):
    with pytest.raises(NotAnApp) as refusal:
        serve(thing)
    assert said in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_module_with_an_app_in_it_is_told_which_one():
    module = types.ModuleType("shop")
    module.application = flask_app()
    with pytest.raises(NotAnApp, match=r"serve\(shop\.application\)"):
        serve(module)


def test_a_coroutine_is_refused_without_a_warning_about_awaiting():
    async def make_app():
        return fastapi_app()

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(NotAnApp, match="await"):
            serve(make_app())
        gc.collect()


def test_a_refusal_leaves_the_server_of_that_name_alone(client):
    server = serve(flask_app(), name="shop")
    with pytest.raises(NotAnApp):
        serve(None, name="shop")
    assert client.get(server.url).status_code == 200


# Names, ports, addresses


def test_names_by_default():
    assert [serve(app).name for app in (*both(), bare_wsgi, bare_asgi)] == ["flask", "fastapi", "wsgi", "asgi"]


@pytest.mark.parametrize("app", both())
def test_the_same_name_replaces_the_old_server_and_keeps_its_port(app, client):
    first = serve(app, name="again")
    second = serve(fastapi_app(), name="again")
    assert (second.url, second.kind) == (first.url, "asgi")
    assert client.get(second.url).json() == {"framework": "fastapi"}
    assert not first.running
    first.stop()  # an old handle must not stop its successor
    assert client.get(second.url).status_code == 200


def test_the_port_is_kept_after_stop_and_with_connections_in_time_wait(client):
    server = serve(fastapi_app(), name="kept")
    client.get(server.url, headers={"connection": "close"})
    server.stop()
    assert serve(flask_app(), name="kept").url == server.url


def test_a_kept_port_that_somebody_took_is_given_up_for_a_free_one(client):
    server = serve(fastapi_app(), name="lost")
    server.stop()
    with socket.create_server(("127.0.0.1", server.port)):
        moved = serve(fastapi_app(), name="lost")
        assert moved.port != server.port
        assert client.get(moved.url).status_code == 200


def test_a_port_that_is_asked_for_and_taken_is_one_sentence():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for app in both():
            with pytest.raises(ServeError, match=rf"Port {port}.*Address already in use"):
                serve(app, port=port)
    with pytest.raises(ServeError, match="70000 is no port"):
        serve(bare_wsgi, port=70000)


def test_only_loopback_is_listened_on():
    server = serve(flask_app())
    assert server.url.startswith("http://127.0.0.1:")
    with socket.socket() as other, pytest.raises(OSError):
        other.settimeout(1)
        other.connect(("127.0.0.2", server.port))  # 0.0.0.0 would answer here too


def test_nagle_is_off_on_accepted_asgi_connections():
    server = serve(fastapi_app())
    with contextlib.closing(HTTPConnection("127.0.0.1", server.port)) as connection:
        connection.request("POST", "/", body=b"x")
        connection.getresponse().read()
        ours = connection.sock.getsockname()
        sockets = [each for each in gc.get_objects() if type(each) is socket.socket and each.fileno() != -1]
        (theirs,) = [each for each in sockets if _peer(each) == ours]
        assert theirs.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)  # else some answers take 40 ms longer


def _peer(connection):
    with contextlib.suppress(OSError):
        return connection.getpeername()


# Starts that fail


def lifespan_app(startup=None, shutdown=None):
    @contextlib.asynccontextmanager
    async def lifespan(app):
        if startup:
            await startup()
        yield {"shelf": "full"}
        if shutdown:
            await shutdown()

    return fastapi.FastAPI(lifespan=lifespan)


async def never():
    await asyncio.sleep(3600)


async def broken():
    raise RuntimeError("no database here")


async def needs_a_package():
    import a_package_nobody_has  # noqa: F401


@pytest.mark.parametrize(
    ("startup", "cause", "said"),
    [
        (broken, RuntimeError, "no database here"),
        (needs_a_package, ModuleNotFoundError, "a_package_nobody_has"),
    ],
)
def test_a_failing_lifespan_is_one_sentence_with_the_apps_own_exception(startup, cause, said, capfd):
    with pytest.raises(ServeError) as failure:
        serve(lifespan_app(startup))
    assert isinstance(failure.value.__cause__, cause)
    assert said in failure.value._render_traceback_()[0]
    assert len(failure.value._render_traceback_()) == 1
    assert capfd.readouterr() == ("", "")


def test_a_lifespan_that_hangs_at_start_ends_at_the_timeout():
    before = threading.active_count()
    start = time.monotonic()
    with pytest.raises(ServeError, match=r"still starting after 0\.3 s"):
        serve(lifespan_app(never), timeout=0.3)
    assert time.monotonic() - start < 3
    assert _threads(before) <= before


async def waits_for_a_database():
    await asyncio.sleep(60)  # the line


async def holds_the_loop():
    time.sleep(1)  # the line


@pytest.mark.parametrize("startup", [waits_for_a_database, holds_the_loop])
def test_a_slow_lifespan_is_told_with_the_line_that_it_is_in(startup):
    with pytest.raises(ServeError, match=rf"still starting after 0\.2 s \(in {startup.__name__}.*# the line\)"):
        serve(lifespan_app(startup), timeout=0.2)


def test_a_raw_asgi_app_that_raises_at_start_is_reported():
    async def app(scope, receive, send):
        message = await receive()
        if message["type"] == "lifespan.startup":
            raise ValueError("the shelves are empty")

    with pytest.raises(ServeError, match="ValueError: the shelves are empty"):
        serve(app)


def test_an_app_that_refuses_the_lifespan_scope_is_served(client):
    async def reads_first(scope, receive, send):  # answers every scope as if it were a request
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})

    for app in (bare_asgi, reads_first):
        assert client.get(serve(app).url).status_code == 200


def test_an_app_that_exits_in_its_lifespan_does_not_take_the_kernel_along():
    async def leave():
        sys.exit("bye")

    with pytest.raises(ServeError, match="bye"):
        serve(lifespan_app(leave))


def test_a_failed_start_leaves_no_thread_and_no_port_and_the_name_can_be_used_again(client):
    before = threading.active_count()
    with pytest.raises(ServeError):
        serve(lifespan_app(broken), name="retry")
    assert _threads(before) <= before
    assert client.get(serve(fastapi_app(), name="retry").url).status_code == 200


# Stops


def test_stop_and_stop_all_may_be_called_twice():
    servers = [serve(app) for app in both()]
    for server in servers:
        server.stop()
        server.stop()
    stop_all()
    stop_all()
    for server in servers:
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.1", server.port), timeout=1)
        assert "stopped" in server.summary()


def test_a_lifespan_that_hangs_at_stop_is_cancelled_and_said(monkeypatch):
    monkeypatch.setattr("helpers.servers.serving.STOP_TIMEOUT", 0.5)
    server = serve(lifespan_app(shutdown=never), name="slow-to-leave")
    start = time.monotonic()
    with pytest.warns(ServerWarning, match="slow-to-leave is stopped, but .*did not finish its shutdown"):
        server.stop()
    assert time.monotonic() - start < 6


def test_a_lifespan_that_fails_at_stop_is_said():
    server = serve(lifespan_app(shutdown=broken), name="grumpy")
    with pytest.warns(ServerWarning, match="grumpy is stopped, but .*RuntimeError: no database here"):
        server.stop()


def endless_wsgi(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])

    def forever():
        while True:
            yield b"more "
            time.sleep(0.01)

    return forever()


def endless_asgi():
    app = fastapi.FastAPI()

    @app.get("/")
    async def forever():
        async def more():
            while True:
                yield "more "
                await asyncio.sleep(0.01)

        return StreamingResponse(more())

    return app


@pytest.mark.parametrize("app", [endless_wsgi, endless_asgi()])
def test_an_endless_stream_does_not_hold_up_a_stop(app, client):
    before = threading.active_count()
    server = serve(app, name="river")
    with client.stream("GET", server.url) as response:
        chunks = response.iter_raw()
        assert b"more" in next(chunks)
        start = time.monotonic()
        server.stop()
        assert time.monotonic() - start < 4
    assert _threads(before) <= before


@pytest.mark.parametrize("kind", ["flask", "fastapi"])
def test_a_request_in_flight_at_stop_is_answered(kind, client):
    app = flask.Flask("slow") if kind == "flask" else fastapi.FastAPI()
    arrived = threading.Event()

    @app.get("/")
    def slow():
        arrived.set()
        time.sleep(0.2)
        return {"done": True}

    server = serve(app)
    answers = []
    asker = threading.Thread(target=lambda: answers.append(client.get(server.url).json()))
    asker.start()
    assert arrived.wait(10)
    server.stop()
    asker.join()
    assert answers == [{"done": True}]


@pytest.mark.parametrize("kind", ["flask", "fastapi"])
def test_a_request_that_takes_longer_than_the_grace_is_cut(kind, monkeypatch):
    monkeypatch.setattr("helpers.servers.serving.STOP_TIMEOUT", 1.5)
    arrived, release = threading.Event(), threading.Event()
    app = flask.Flask("stuck") if kind == "flask" else fastapi.FastAPI()

    @app.get("/")
    def stuck():
        arrived.set()
        release.wait(20)
        return {}

    server = serve(app)
    asker = threading.Thread(target=_quietly, args=(server.url,))
    asker.start()
    assert arrived.wait(10)
    start = time.monotonic()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ServerWarning)
        server.stop()
    assert time.monotonic() - start < 6
    release.set()
    asker.join(5)
    assert not asker.is_alive()


def _quietly(url):
    with contextlib.suppress(httpx.HTTPError):
        httpx.get(url, timeout=10)


def test_an_idle_connection_does_not_hold_up_a_stop():
    for app in both():
        times = []
        for _ in range(3):
            server = serve(app)
            with socket.create_connection(("127.0.0.1", server.port)):  # a browser opens such ones ahead of time
                time.sleep(0.05)
                start = time.monotonic()
                server.stop()
                times.append(time.monotonic() - start)
        assert min(times) < 0.6  # a connection that is waited for has its second each time


def _threads(expected):
    """How many threads there are, once those that are about to end have ended."""
    deadline = time.monotonic() + 2
    while threading.active_count() > expected and time.monotonic() < deadline:
        time.sleep(0.01)
    return threading.active_count()


def _descriptors():
    gc.collect()
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208


@pytest.mark.skipif(sys.platform != "linux", reason="counts descriptors in /proc")
@pytest.mark.parametrize("kind", ["flask", "fastapi"])
def test_fifty_starts_and_stops_leave_no_thread_port_or_descriptor(kind, client):
    app = flask_app() if kind == "flask" else fastapi_app()
    serve(app, name="fifty").stop()  # what is imported and cached once is not a leak
    threads, descriptors, ports = threading.active_count(), _descriptors(), set()
    for _ in range(50):
        server = serve(app, name="fifty")
        ports.add(server.port)
        with httpx.Client(verify=False) as once:
            assert once.get(server.url).status_code == 200
        server.stop()
    assert len(ports) == 1
    assert _threads(threads) <= threads
    assert _descriptors() <= descriptors
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", ports.pop()), timeout=1)


def test_an_interrupt_while_an_app_starts_leaves_nothing_half_started(monkeypatch):
    from helpers.servers import asgi

    before = threading.active_count()

    start = asgi.AsgiThread.start

    def interrupted(self, timeout):
        start(self, 0)
        raise KeyboardInterrupt

    monkeypatch.setattr(asgi.AsgiThread, "start", interrupted)
    with pytest.raises(KeyboardInterrupt):
        serve(fastapi_app())
    assert _threads(before) <= before


# Real apps


def test_mounted_apps_and_lifespan_state(client):
    app = lifespan_app()

    @app.get("/state")
    def state(request: fastapi.Request):
        return request.state.shelf

    inner = fastapi_app()
    app.mount("/inner", inner)
    server = serve(app)
    assert client.get(server.url + "/state").json() == "full"
    assert client.get(server.url + "/inner/").json() == {"framework": "fastapi"}


def test_websockets_pass():
    app = fastapi.FastAPI()

    @app.websocket("/echo")
    async def echo(ws: fastapi.WebSocket):
        await ws.accept()
        await ws.send_text((await ws.receive_text()).upper())

    server = serve(app)
    with connect(server.url.replace("http", "ws") + "/echo") as ws:
        ws.send("hello")
        assert ws.recv() == "HELLO"


@pytest.mark.parametrize("kind", ["flask", "fastapi"])
def test_streams_arrive_piece_by_piece(kind, client):
    seen = [threading.Event() for _ in range(3)]
    in_time = []

    def pieces():
        for n, event in enumerate(seen):
            yield f"<p>{n}</p>"
            in_time.append(event.wait(5))  # the next piece is not made before this one has arrived

    if kind == "flask":
        app = flask.Flask("stream")
        app.get("/")(lambda: pieces())
    else:
        app = fastapi.FastAPI()
        app.get("/")(lambda: StreamingResponse(pieces(), media_type="text/html"))
    server = serve(app)
    text = ""
    with client.stream("GET", server.url, headers=BROWSER) as response:
        for piece in response.iter_text():
            text += piece
            for event in seen[: text.count("</p>")]:
                event.set()
    assert text == "<p>0</p><p>1</p><p>2</p>"
    assert in_time == [True] * 3


def test_a_wsgi_generator_and_the_write_callable(client):
    def lazy(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/html"), ("Content-Length", "4")])
        yield b"lazy"

    def writes(environ, start_response):
        write = start_response("200 OK", [("Content-Type", "text/html"), ("Content-Length", "5")])
        write(b"wri")
        return [b"te"]

    assert client.get(serve(lazy).url, headers=BROWSER).text == "lazy"
    assert client.get(serve(writes).url, headers=BROWSER).text == "write"


def test_docs_that_an_app_would_compress_have_local_scripts_too(client):
    app = fastapi.FastAPI()
    app.add_middleware(GZipMiddleware, minimum_size=10)
    page = client.get(serve(app).url + "/docs", headers={**BROWSER, "accept-encoding": "gzip"})
    assert offline_docs.FOLDER in page.text
    assert "cdn." not in page.text


@pytest.mark.filterwarnings("ignore:The `root_path` parameter is deprecated")
def test_an_app_with_a_root_path_of_its_own_answers_behind_a_prefix(client):
    app = fastapi.FastAPI(root_path="/shop")
    app.get("/ping")(lambda: "pong")
    server = serve(app)
    for headers in ({}, {"x-forwarded-prefix": "/user/ada/proxy/1"}):
        assert client.get(server.url + "/ping", headers=headers).json() == "pong"


@pytest.mark.parametrize(
    ("headers", "framed"),
    [({}, True), ({"X-Frame-Options": "DENY"}, False), ({"Content-Security-Policy": "frame-ancestors 'none'"}, False)],
)
def test_a_page_that_refuses_frames_is_linked_and_not_framed(headers, framed):
    app = flask.Flask("framed")
    app.get("/")(lambda: ("<title>Shop</title>", headers))
    page = show(serve(app))
    assert ("<iframe" in page.body()) == framed
    assert ("refuses to be shown in a frame" in page.summary()) != framed


def test_the_link_of_a_server_leads_to_a_route_that_is_there():
    shop, books, bare = flask.Flask("shop"), fastapi.FastAPI(), fastapi.FastAPI()
    shop.get("/books/<int:number>")(lambda number: {})
    books.get("/books/{number}")(lambda number: {})
    for app, path in ((shop, "/books/1"), (books, "/books/1"), (bare, "/docs"), (flask.Flask("empty"), "/")):
        server = serve(app, name="linked")
        assert f'href="{server.url}{path}"' in server.body()


# Errors of the app


@pytest.mark.parametrize("raised", [SystemExit, KeyboardInterrupt])
@pytest.mark.parametrize("kind", ["flask", "fastapi", "fastapi, async"])
def test_an_app_that_wants_to_end_the_program_ends_one_request(kind, raised, client, capsys):
    app = flask.Flask("ends") if kind == "flask" else fastapi.FastAPI()

    def ends():
        raise raised("enough")

    async def ends_async():
        raise raised("enough")

    app.get("/ends")(ends_async if "async" in kind else ends)
    app.get("/goes-on")(lambda: "on")
    server = serve(app, threads=1) if kind == "flask" else serve(app)
    assert client.get(server.url + "/ends", headers={"x-request-id": "7"}).status_code == 500
    (failure,) = server.errors
    assert isinstance(failure.exception, raised)
    assert client.get(server.url + "/goes-on").status_code == 200
    capsys.readouterr()


@pytest.mark.parametrize("kind", ["flask", "fastapi"])
def test_an_unhandled_exception_is_kept_with_its_line_and_told_once(kind, client, capsys):
    app = flask.Flask("boom") if kind == "flask" else fastapi.FastAPI()

    @app.get("/boom")
    def boom():
        return 1 / 0  # the line

    server = serve(app)
    assert client.get(server.url + "/boom", headers={"x-request-id": "7"}).status_code == 500
    assert capsys.readouterr() == ("", "")  # numbered requests are shown by whoever numbered them
    (failure,) = server.errors
    assert (failure.method, failure.path, failure.request_id) == ("GET", "/boom", "7")
    assert isinstance(failure.exception, ZeroDivisionError)
    assert failure.where.startswith("in boom(), line ") and "1 / 0  # the line" in failure.where
    assert "ZeroDivisionError" in server.summary()
    client.get(server.url + "/boom")
    err = ""
    deadline = time.monotonic() + 2
    while "ZeroDivisionError" not in err and time.monotonic() < deadline:
        err += capsys.readouterr().err
    assert err.count("ZeroDivisionError: division by zero") == 1


@pytest.mark.parametrize("kind", ["wsgi", "asgi"])
def test_one_exception_that_ends_two_requests_is_two_failures(kind, client):
    same = RuntimeError("the same object")

    def wsgi(environ, start_response):
        raise same

    async def asgi(scope, receive, send):
        if scope["type"] == "http":
            raise same

    server = serve(wsgi if kind == "wsgi" else asgi)
    for number in ("1", "2"):
        with contextlib.suppress(httpx.HTTPError):
            client.get(server.url, headers={"x-request-id": number})
    assert [failure.request_id for failure in server.errors] == ["1", "2"]


def test_whoever_has_an_answer_that_reports_a_failure_finds_it_recorded(client):
    async def slow_to_raise(scope, receive, send):
        assert scope["type"] == "http"
        await send({"type": "http.response.start", "status": 500, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"no"})
        time.sleep(0.2)
        raise RuntimeError("out of books")

    server = serve(slow_to_raise)
    assert client.get(server.url, headers={"x-request-id": "1"}).status_code == 500
    assert [str(failure.exception) for failure in server.errors] == ["out of books"]


@pytest.mark.parametrize("headers", [{}, BROWSER])
def test_what_a_wsgi_app_returns_is_closed(headers, client):
    closed = threading.Event()

    class Page(list):
        def close(self):
            closed.set()

    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/html"), ("Content-Length", "4")])
        return Page([b"page"])

    assert client.get(serve(app).url, headers=headers).text == "page"
    assert closed.wait(5)


def test_a_page_that_breaks_off_while_it_is_held_back_is_kept(client):
    def breaks(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/html"), ("Content-Length", "9")])

        def pieces():
            yield b"one"
            raise RuntimeError("no more")

        return pieces()

    server = serve(breaks)
    with contextlib.suppress(httpx.HTTPError):
        client.get(server.url, headers={**BROWSER, "x-request-id": "1"})
    assert [str(failure.exception) for failure in server.errors] == ["no more"]


def test_the_path_of_a_failure_is_the_one_that_was_asked_for(client):
    inner = fastapi.FastAPI()
    inner.get("/bad")(lambda: 1 / 0)
    app = fastapi.FastAPI()
    app.mount("/inner", inner)
    server = serve(app)
    for headers in ({}, BEHIND):
        client.get(server.url + "/inner/bad", headers={**headers, "x-request-id": "1"})
    assert [failure.path for failure in server.errors] == ["/inner/bad"] * 2


def writes_to_wsgi_errors(environ, start_response):
    """Like Bottle and Falcon."""
    try:
        raise LookupError("no such book")
    except LookupError:
        environ["wsgi.errors"].write(traceback.format_exc())
    start_response("500 Internal Server Error", [])
    return []


def hands_exc_info_over(environ, start_response):
    """As PEP 3333 has it."""
    try:
        raise LookupError("no such book")
    except LookupError:
        start_response("500 Internal Server Error", [], sys.exc_info())
    return []


def logs(environ, start_response):
    """Like Django."""
    logging.getLogger("quiet").error("Internal Server Error", exc_info=LookupError("no such book"))
    start_response("500 Internal Server Error", [])
    return []


async def logs_async(scope, receive, send):
    if scope["type"] == "http":
        logging.getLogger("quiet").error("Internal Server Error", exc_info=LookupError("no such book"))
        await send({"type": "http.response.start", "status": 500, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})


def mounts_flask():
    inner = flask.Flask("quiet")

    @inner.get("/")
    def no_such_book():
        raise LookupError("no such book")

    with warnings.catch_warnings(action="ignore"):  # the package that shall replace it is not installed
        from starlette.middleware.wsgi import WSGIMiddleware
    app = fastapi.FastAPI()
    app.mount("/", WSGIMiddleware(inner))
    return app


@pytest.mark.parametrize("app", [writes_to_wsgi_errors, hands_exc_info_over, logs, logs_async, mounts_flask()])
def test_what_an_app_answers_with_500_by_itself_is_kept_however_it_tells(app, client):
    logging.getLogger("quiet").addHandler(logging.NullHandler())
    logging.getLogger("quiet").propagate = False
    server = serve(app)
    assert client.get(server.url, headers={"x-request-id": "1"}).status_code == 500
    assert [str(failure.exception) for failure in server.errors] == ["no such book"]


@pytest.mark.parametrize("status", [200, 404, 503])
def test_what_an_app_handles_is_no_failure_unless_it_answers_so(status, client):
    app = flask.Flask("quiet")

    @app.get("/")
    def handles():
        try:
            raise LookupError("no such book")
        except LookupError:
            app.logger.exception("looked in vain")
        return "", status

    app.logger.addHandler(logging.NullHandler())
    app.logger.propagate = False
    server = serve(app)
    assert client.get(server.url, headers={"x-request-id": "1"}).status_code == status
    assert len(server.errors) == (status == 503)


def test_a_reload_records_a_failure_once_and_show_still_knows_the_server():
    code = """
        import importlib, sys
        import flask, httpx
        from helpers import serve
        from helpers.servers import wsgi_middleware
        app = flask.Flask("shop")
        app.add_url_rule("/", "home", lambda: "<title>Shop</title>")
        app.add_url_rule("/bad", "bad", lambda: 1 / 0)
        server = serve(app)
        kept = wsgi_middleware.record_flask  # whoever holds on to it keeps it connected
        for name in ("wsgi_middleware", "wsgi", "server", "show"):
            importlib.reload(sys.modules[f"helpers.servers.{name}"])
        assert kept is not wsgi_middleware.record_flask
        httpx.get(server.url + "/bad", headers={"x-request-id": "1"}, trust_env=False)
        print(len(server.errors), "Shop" in sys.modules["helpers.servers.show"].show(server).summary())
        server.stop()
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=30)
    assert done.stdout == "1 True\n", done


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes cannot fork here")
@pytest.mark.parametrize("kind", ["wsgi", "asgi"])
def test_a_fork_that_abandons_a_server_neither_stops_it_nor_holds_its_port(kind):
    code = f"""
        import os, socket, warnings
        import httpx
        from helpers.servers.{kind} import {kind.title()}Thread
        from helpers.servers.failures import Failures
        from helpers.servers.visits import Visits

        def wsgi(environ, start_response):
            start_response("200 OK", [("Content-Length", "0")])
            return []

        async def asgi(scope, receive, send):
            assert scope["type"] == "http"
            await send({{"type": "http.response.start", "status": 200, "headers": []}})
            await send({{"type": "http.response.body"}})

        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 on: threads and fork
        listener = socket.create_server(("127.0.0.1", 0))
        address = listener.getsockname()
        backend = {kind.title()}Thread({kind}, listener, Failures("shop"), Visits(){", None" * (kind == "wsgi")})
        assert backend.start(10) is None
        (ready, say), (wait, end) = os.pipe(), os.pipe()
        if not (child := os.fork()):
            os.close(end)
            backend.listener.close()
            os.write(say, b".")
            os.read(wait, 1)  # until the parent has closed its end
            os._exit(0)
        os.read(ready, 1)
        answers = [httpx.get("http://127.0.0.1:%d" % address[1], trust_env=False).status_code for _ in range(3)]
        assert backend.stop(3) is None
        with socket.socket() as probe:
            refused = probe.connect_ex(address) != 0
        os.close(end)
        os.waitpid(child, 0)
        print(answers, refused)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=30)
    assert done.stdout == "[200, 200, 200] True\n", done


def test_a_stream_that_breaks_off_is_kept(client):
    def breaks(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        yield b"one"
        raise RuntimeError("no more")

    server = serve(breaks)
    with contextlib.suppress(httpx.HTTPError):
        client.get(server.url, headers={"x-request-id": "1"})
    assert [str(f.exception) for f in server.errors] == ["no more"]


def test_flask_messages_reach_the_cell_but_its_traceback_does_not():
    code = """
        import flask, httpx
        from helpers import serve
        app = flask.Flask("chatty")
        @app.get("/")
        def chatty():
            app.logger.warning("low on books")
            raise RuntimeError("out of books")
        httpx.get(serve(app).url, headers={"x-request-id": "1"})
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=30)
    assert "low on books" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_task_that_fails_unseen_is_kept(client):
    app = fastapi.FastAPI()

    @app.get("/")
    async def forget():
        asyncio.create_task(broken())  # noqa: RUF006
        return {}

    server = serve(app)
    client.get(server.url)
    gc.collect()
    deadline = time.monotonic() + 3
    while not server.errors and time.monotonic() < deadline:
        client.get(server.url + "/missing")
        gc.collect()
    assert "no database here" in str(server.errors[0])


# Prefix, redirects, documentation pages


def test_a_prefix_reaches_both_kinds_and_the_direct_address_goes_on_working(client):
    app = fastapi.FastAPI()

    @app.get("/here")
    def here(request: fastapi.Request):
        return {"root": request.scope["root_path"], "url": request.url_for("here").path}

    flask_ = flask.Flask("here")

    @flask_.get("/here")
    def there():
        return {"root": flask.request.root_path, "url": flask.url_for("there")}

    for server in (serve(app), serve(flask_)):
        behind = client.get(server.url + "/here", headers=BEHIND).json()
        assert behind["root"].rstrip("/") == "/user/ada/proxy/4321"
        assert behind["url"] == "/user/ada/proxy/4321/here"
        direct = client.get(server.url + "/here").json()
        assert direct == {"root": direct["root"], "url": "/here"}


def test_redirects_behind_a_prefix_keep_it(client):
    app = fastapi.FastAPI(redirect_slashes=True)
    app.get("/go")(lambda: RedirectResponse("/books/?q=1"))
    app.get("/away")(lambda: RedirectResponse("https://example.org/x"))
    app.get("/books/")(lambda: "all")
    flask_ = flask.Flask("redirects")
    flask_.add_url_rule("/go", "go", lambda: flask.redirect(flask.url_for("books", q=1)))
    flask_.add_url_rule("/away", "away", lambda: flask.redirect("https://example.org/x"))
    flask_.add_url_rule("/books/", "books", lambda: "all")
    for server in (serve(app), serve(flask_)):

        def location(path, headers, server=server):
            return client.get(server.url + path, headers=headers, follow_redirects=False).headers["location"]

        assert location("/go", BEHIND) == "//hub.test/user/ada/proxy/4321/books/?q=1"
        assert location("/books", BEHIND) == "//hub.test/user/ada/proxy/4321/books/"
        assert location("/away", BEHIND) == "https://example.org/x"
        assert client.get(server.url + "/go", follow_redirects=True).status_code == 200


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_documentation_pages_name_no_other_host_for_a_browser_only(path, client):
    server = serve(fastapi_app())
    page = client.get(server.url + path, headers=BROWSER)
    scripts = [part.split('"')[0] for part in page.text.split('src="')[1:]]
    assert scripts and all(s.startswith("/.docs-assets/") for s in scripts)
    assert "googleapis" not in page.text
    assert int(page.headers["content-length"]) == len(page.content)
    for script in scripts:
        asset = client.get(server.url + script)
        assert asset.status_code == 200 and len(asset.content) > 100_000
        assert b"cdn.redoc.ly" not in asset.content
    assert "https://" in client.get(server.url + path).text  # anybody else gets FastAPI's own page
    assert 'src="/user/ada/proxy/4321/.docs-assets/' in client.get(server.url + path, headers=BROWSER | BEHIND).text


def test_the_documentation_of_flask_extensions_works_offline_too(client):
    from apiflask import APIFlask
    from flask_smorest import Api

    smorest = flask.Flask("smorest")
    cdn = "https://cdn.jsdelivr.net/npm/swagger-ui-dist/"
    smorest.config |= {
        "API_TITLE": "Books",
        "API_VERSION": "1",
        "OPENAPI_VERSION": "3.1.0",
        "OPENAPI_URL_PREFIX": "/",
        "OPENAPI_SWAGGER_UI_PATH": "/docs",
        "OPENAPI_SWAGGER_UI_URL": cdn,
    }
    Api(smorest)
    for app in (APIFlask("api"), smorest):
        server = serve(app)
        page = client.get(server.url + "/docs", headers=BROWSER).text
        assets = set(re.findall(r'(?:src|href)="(/\.docs-assets/[^"]+)"', page))
        assert {"/.docs-assets/swagger-ui-bundle.js", "/.docs-assets/swagger-ui.css"} <= assets
        assert [client.get(server.url + asset).status_code for asset in assets] == [200] * len(assets)
        assert re.findall(r'(?:src|href)="https?:[^"]*', page) == []


def test_a_page_of_the_learners_own_is_left_as_it_is(client):
    app = flask.Flask("page")
    html = '<!doctype html><img src="https://example.org/cat.png"><link href="https://fonts.googleapis.com/css">'
    app.get("/")(lambda: html)
    assert client.get(serve(app).url, headers=BROWSER).text == html


# The browser's address


def test_the_address_on_a_hub_without_and_with_a_jupyter_server(monkeypatch, tmp_path):
    from helpers.servers import address

    server = serve(flask_app())

    monkeypatch.setattr(address, "_with_proxy", set())

    def base(**environment):
        for name in ("JUPYTERHUB_SERVICE_PREFIX", "JPY_PARENT_PID", "JUPYTER_RUNTIME_DIR"):
            monkeypatch.delenv(name, raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        return server.address("/docs")

    direct = f"{server.url}/docs"
    assert base() == direct
    assert base(JUPYTERHUB_SERVICE_PREFIX="/user/ada/") == f"/user/ada/proxy/{server.port}/docs"
    assert base(JPY_PARENT_PID="1", JUPYTER_RUNTIME_DIR=str(tmp_path)) == direct  # no file: not started by Jupyter
    for has_proxy, expected in ((False, direct), (True, f"/lab7/proxy/{server.port}/docs")):
        jupyter = flask.Flask("jupyter")
        if has_proxy:
            jupyter.get("/lab7/server-proxy/servers-info")(lambda: {"server_processes": []})
        fake = serve(jupyter, name="jupyter")
        (tmp_path / "jpserver-77.json").write_text(
            f'{{"url": "{fake.url}/lab7/", "base_url": "/lab7/", "token": "t"}}', encoding="utf-8"
        )
        own = {"JPY_PARENT_PID": "77", "JUPYTER_RUNTIME_DIR": str(tmp_path)}
        assert base(**own) == base(**own, JUPYTERHUB_SERVICE_PREFIX="/lab7/") == expected


def print_nothing(*arguments):
    """In the place of a log."""


def jupyter_at(folder, monkeypatch, url):
    """A Jupyter server that has started this kernel, as far as this kernel can see."""
    from helpers.servers import address

    (folder / "jpserver-77.json").write_text(json.dumps({"url": url, "base_url": "/", "token": "t"}))
    monkeypatch.setenv("JPY_PARENT_PID", "77")
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(folder))
    monkeypatch.setattr(address, "_with_proxy", set())


def test_a_jupyter_with_a_certificate_of_its_own_is_asked_too(monkeypatch, tmp_path):
    class Jupyter(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()

        log_message = print_nothing

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(Path(__file__).with_name("own_certificate.pem"))
    with HTTPServer(("127.0.0.1", 0), Jupyter) as jupyter:
        jupyter.socket = context.wrap_socket(jupyter.socket, server_side=True)
        threading.Thread(target=jupyter.serve_forever, daemon=True).start()
        jupyter_at(tmp_path, monkeypatch, f"https://127.0.0.1:{jupyter.server_port}/")
        monkeypatch.setattr("helpers.servers.address.find_spec", lambda name: None)
        server = serve(flask_app())
        assert server.address("/") == f"/proxy/{server.port}/"
        jupyter.shutdown()


def test_a_jupyter_that_is_slow_for_once_is_not_taken_for_one_without_the_proxy(monkeypatch, tmp_path):
    from helpers.servers import address

    jupyter = serve(flask.Flask("jupyter"), name="jupyter")
    jupyter_at(tmp_path, monkeypatch, jupyter.url + "/")
    server = serve(flask_app())
    with monkeypatch.context() as patch:
        patch.setattr(address, "ask", lambda request, timeout: (_ for _ in ()).throw(TimeoutError))
        assert server.address("/") == f"/proxy/{server.port}/"
    assert server.address("/") == f"{server.url}/", "it has answered 404"


def test_show_frames_the_page_and_says_what_it_is():
    server = serve(fastapi_app(title="Book shop"))
    page = show(server, "/docs", height=300)
    assert "“Book shop - Swagger UI”" in page.summary()
    html = page._repr_mimebundle_()["text/html"]
    assert f'src="{server.url}/docs"' in html and 'height="300"' in html and 'title="fastapi /docs"' in html
    assert "404" in show(server, "/nowhere").summary()
    server.stop()
    with pytest.raises(LessonError, match="is stopped"):
        show(server, "/docs")
    with pytest.raises(LessonError, match="this is a Flask"):
        show(flask_app(), "/docs")


# Kernels


def test_killing_the_process_frees_the_port_and_leaves_no_child():
    code = """
        import fastapi, flask, time
        from helpers import serve
        print(serve(fastapi.FastAPI()).port, serve(flask.Flask("x")).port, flush=True)
        time.sleep(60)
    """
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True)
    ports = [int(port) for port in process.stdout.readline().split()]
    process.kill()
    process.wait(10)
    process.stdout.close()
    for port in ports:
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=1)
    children = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True).stdout
    assert children == ""


def test_a_program_that_forgets_to_stop_ends_all_the_same():
    code = "import fastapi, flask\nfrom helpers import serve\nserve(fastapi.FastAPI())\nserve(flask.Flask('x'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_importing_the_vocabulary_is_cheap():
    code = "import sys; from helpers import LessonError; print([m for m in sys.modules if m in %r])"
    heavy = ("fastapi", "flask", "uvicorn", "matplotlib", "httpx", "numpy")
    done = subprocess.run([sys.executable, "-c", code % (heavy,)], capture_output=True, text=True, timeout=30)
    assert done.stdout.strip() == "[]"


def test_show_takes_a_path_as_a_person_writes_it():
    app = flask.Flask("hello")
    app.get("/hello/<name>")(lambda name: f"<title>{name}</title>")
    server = serve(app)
    for name in ("Ada Lovelace", "Zoë", "50%25"):
        assert f"“{name.replace('%25', '%')}”" in show(server, f"/hello/{name}").summary()
    server.stop()  # no browser comes for these pages


@pytest.mark.parametrize("app", both())
def test_a_shown_page_is_awaited_until_a_browser_has_it(app, client, monkeypatch):
    monkeypatch.setattr("helpers.servers.visits.PATIENCE", 60.0)
    monkeypatch.setattr("helpers.servers.visits.QUIET", 0.0)
    server = serve(app)
    show(server, "/")
    client.get(server.url, headers={"x-request-id": "1"})  # `ask` is no browser
    assert server.visits.pending()
    client.get(server.url, headers=BROWSER | BEHIND)
    assert not server.visits.pending()


def test_stop_all_lets_a_shown_page_load_first(client):
    server = serve(fastapi_app())
    show(server, "/docs")
    page = []

    def browse():
        time.sleep(0.5)
        page.append(client.get(server.url + "/docs", headers=BROWSER).status_code)
        page.append(client.get(server.url + "/.docs-assets/swagger-ui-bundle.js").status_code)

    browser = threading.Thread(target=browse)
    browser.start()
    stop_all()
    browser.join()
    assert page == [200, 200]
    assert not server.running


def test_stop_all_does_not_wait_for_a_browser_that_never_comes(monkeypatch):
    monkeypatch.setattr("helpers.servers.visits.PATIENCE", 0.5)
    server = serve(fastapi_app())
    assert not server.visits.pending()
    show(server, "/docs")
    assert server.visits.pending()
    start = time.monotonic()
    stop_all()
    assert time.monotonic() - start < 4
    assert not server.visits.pending()


def test_a_port_that_is_taken_leaves_the_old_server_of_that_name_alone(client):
    server = serve(flask_app(), name="shop")
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(ServeError):
        serve(flask_app(), name="shop", port=taken.getsockname()[1])
    assert client.get(server.url).status_code == 200
    assert serve(fastapi_app(), name="shop", port=server.port).url == server.url


def waiting_app():
    app = flask.Flask("waiting")
    seen = []

    @app.get("/wait")
    def wait():
        seen.append(threading.current_thread())
        time.sleep(0.05)
        return {}

    return app, seen


@pytest.mark.parametrize("threads", [1, 3, 12])
def test_a_pool_of_threads_takes_so_many_requests_at_once_and_no_more(threads):
    app, seen = waiting_app()
    server = serve(app, threads=threads)
    with watch(server) as timeline:
        burst(server, "/wait", 12)
    assert [request.status for request in timeline.requests] == [200] * 12
    assert timeline.peak() == timeline.threads() == len(set(seen)) == threads
    assert timeline.last_ms() > 12 / threads * 50


def test_without_a_pool_each_request_has_a_thread_of_its_own():
    app, seen = waiting_app()
    burst(serve(app), "/wait", 12)
    assert len(set(seen)) == 12


def test_a_server_says_how_many_threads_it_has():
    assert "(WSGI, 1 thread)" in serve(flask_app(), threads=1).summary()
    assert "(WSGI, 10 threads)" in serve(flask_app(), threads=10).body()
    assert "(WSGI)" in serve(flask_app()).summary()


@pytest.mark.parametrize("threads", [0, -1, 501, True, 2.0, "3"])
def test_a_number_of_threads_that_cannot_be_is_refused(threads):
    with pytest.raises(LessonError, match="whole number from 1 to 500"):
        serve(flask_app(), threads=threads)


def test_an_asgi_app_has_no_pool_of_threads():
    with pytest.raises(LessonError, match="one event loop"):
        serve(fastapi_app(), threads=10)


def test_stopping_a_pool_cuts_what_waits_in_its_queue_and_leaves_no_thread():
    app, seen = waiting_app()
    before = set(threading.enumerate())
    server = serve(app, threads=1)
    sending = threading.Thread(target=lambda: replies.append(burst(server, "/wait", 100)))
    replies = []
    sending.start()
    while not seen:
        time.sleep(0.01)
    start = time.monotonic()
    server.stop()
    assert time.monotonic() - start < 3
    sending.join(5)
    assert 0 < replies[0].statuses[200] < 60, replies
    assert replies[0].errors.total() > 40, replies[0].errors  # cut off; tried once more, they are refused
    left = {thread for thread in threading.enumerate() if thread.name != "client"} - before
    assert not left
