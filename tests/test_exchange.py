"""helpers.exchange: one request to several servers, answers side by side."""

import contextlib
import gzip
import io
import json
import os
import re
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from fastapi import FastAPI, Request
from flask import Flask
from flask import request as flask_request
from pydantic import BaseModel
from werkzeug.serving import WSGIRequestHandler, make_server

from helpers import ask, serve
from helpers.errors import LessonError
from helpers.exchange import sending
from helpers.exchange.comparing import pretty

# --- servers -----------------------------------------------------------------------------------------------------


class Raw:
    """A server that reads a whole request into `seen` and then does to the connection what `behave` says."""

    def __init__(self, behave, name="raw", port=0):
        self.name, self.behave, self.seen = name, behave, []
        self.listener = socket.create_server(("127.0.0.1", port))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.closing = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.closing.is_set():
            connection, _ = self.listener.accept()
            with connection, contextlib.suppress(OSError):
                if not self.closing.is_set():
                    self.seen.append(self.read(connection))
                    self.behave(self, connection)

    def read(self, connection):
        connection.settimeout(5)
        received = b""
        while b"\r\n\r\n" not in received:
            received += connection.recv(65536)
        length = re.search(rb"content-length: (\d+)", received, re.IGNORECASE)
        whole = received.index(b"\r\n\r\n") + 4 + (int(length[1]) if length else 0)
        while len(received) < whole:
            received += connection.recv(65536)
        return received

    def stop(self):
        self.closing.set()
        with contextlib.suppress(OSError):
            socket.create_connection(self.listener.getsockname(), timeout=1).close()
        self.thread.join(6)
        self.listener.close()

    @property
    def head(self):
        return self.seen[-1].partition(b"\r\n\r\n")[0].decode("latin-1").lower()

    @property
    def body(self):
        return self.seen[-1].partition(b"\r\n\r\n")[2]


@pytest.fixture
def raw():
    """Makes raw servers: from bytes that they answer, or from a function (server, connection)."""
    servers = []

    def make(behave=b"", name="raw", port=0):
        if isinstance(behave, bytes):
            answer = behave
            behave = lambda server, connection: connection.sendall(answer)  # noqa: E731
        servers.append(Raw(behave, name, port))
        return servers[-1]

    yield make
    for server in servers:
        server.stop()


def http(body=b"", status="200 OK", **headers):
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def as_json(value, **more):
    return http(json.dumps(value).encode(), content_type="application/json", **more)


class Book(BaseModel):
    title: str
    price: float


@pytest.fixture(scope="module")
def fastapi():
    app = FastAPI()

    @app.post("/books", status_code=201)
    def add(book: Book):
        return book

    @app.get("/items/")
    def items():
        return []

    @app.get("/crash")
    def crash():
        return {}["price"]

    server = serve(app)
    yield server
    server.stop()


class Silent(WSGIRequestHandler):
    def log(self, *_):
        pass


@pytest.fixture(scope="module")
def flask():
    app = Flask("shop")

    @app.post("/books")
    def add():
        book = flask_request.get_json()
        return {"title": book["title"], "price": book["price"]}, 201

    @app.get("/items/")
    def items():
        return []

    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Silent)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield SimpleNamespace(name="flask", url=f"http://127.0.0.1:{server.port}")
    server.shutdown()
    thread.join(10)
    server.server_close()


def stopped(name="stopped"):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return SimpleNamespace(name=name, url=f"http://127.0.0.1:{listener.getsockname()[1]}")


def marks(exchange):
    """What the summary calls different and alike."""
    lines = exchange.summary().splitlines()[-2:]
    return [set(line.partition(": ")[2].removesuffix(".").split(", ")) for line in lines]


def drawn(exchange):
    return exchange._repr_mimebundle_()["text/html"]


def cells(exchange):
    """The rows of the table: {label: the HTML of each cell after it}."""
    rows = re.findall(r"<tr>(.*?)</tr>", drawn(exchange).partition("<tbody>")[2], re.DOTALL)
    return {
        re.search(r'scope="row"[^>]*>(.*?)</th>', row)[1]: re.findall(r"<td>(.*?)</td>", row, re.DOTALL) for row in rows
    }


# --- asking two frameworks ---------------------------------------------------------------------------------------


def test_the_same_bad_book_gets_a_row_for_each_key_of_the_answers(fastapi, flask):
    exchange = ask([fastapi, flask], "POST", "/books", json={"title": "Emma", "price": "abc"})
    assert exchange.statuses == {"fastapi": 422, "flask": 201}
    assert exchange["fastapi"].json()["detail"][0]["loc"] == ["body", "price"]
    assert marks(exchange) == [{"status", "body: detail", "body: title", "body: price"}, {"content-type"}]
    assert "absent" in cells(exchange)["body: detail"][1]
    assert "abc" in cells(exchange)["body: price"][1]


def test_malformed_json_is_sent_as_it_is(fastapi, flask):
    exchange = ask(
        [fastapi, flask], "POST", "/books", content='{"price": 3,}', headers={"content-type": "application/json"}
    )
    assert exchange.statuses == {"fastapi": 422, "flask": 400}
    assert marks(exchange)[0] == {"status", "content-type", "body"}
    assert "&lt;!doctype html&gt;" in cells(exchange)["body"][1]


def test_a_redirect_is_shown_not_followed_and_the_port_in_it_is_no_difference(fastapi, flask):
    exchange = ask([fastapi, flask], "GET", "/items")
    assert exchange.statuses == {"fastapi": 307, "flask": 308}
    assert "location" in marks(exchange)[1]
    assert "/items/" in cells(exchange)["location"][0]


def test_a_500_shows_the_exception_and_the_line_that_raised_it(fastapi, flask):
    exchange = ask([fastapi, flask], "GET", "/crash")
    assert isinstance(exchange["fastapi"].failure.exception, KeyError)
    assert exchange["flask"].failure is None
    assert re.fullmatch(
        r"<pre>KeyError: &#x27;price&#x27;\nin crash\(\), line \d+: return {}\[&quot;price&quot;\]</pre>",
        cells(exchange)["exception in the app"][0],
    )
    assert "the app raised KeyError: 'price', in crash(), line " in exchange.summary()


def test_the_same_exception_in_two_apps_is_alike_wherever_it_was_raised(raw):
    servers = [raw(http(status="500 Oops"), "a"), raw(http(status="500 Oops"), "b")]
    for server in servers:
        server.errors = [SimpleNamespace(request_id="r", exception=ValueError("no"), where=f"line {server.url}")]
    exchange = ask(servers, "GET", "/", headers={"x-request-id": "r"})
    assert "exception in the app" in marks(exchange)[1]


def test_a_failure_of_another_request_is_not_shown(raw):
    server = raw(http(status="500 Oops"))
    server.errors = [SimpleNamespace(request_id="other", exception=ValueError(), where="")]
    assert ask(server, "GET", "/")[0].failure is None


def test_an_id_of_the_caller_finds_the_failure(raw):
    server = raw(http(status="500 Oops"))
    server.errors = [SimpleNamespace(request_id="mine", exception=ValueError("no"), where="")]
    assert str(ask(server, "GET", "/", headers={"X-Request-ID": "mine"})[0].failure.exception) == "no"


def test_every_request_has_an_id_of_its_own(raw):
    servers = [raw(http(), "a"), raw(http(), "b")]
    ask(servers, "GET", "/")
    ids = [re.search(r"x-request-id: (\S+)", server.head)[1] for server in servers]
    assert len(set(ids)) == 2


# --- what is sent ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [b'{"name": "\xff\xfe"}', '{"price": NaN}', "", "é", b"\x00" * 10, bytearray(b"abc"), b"[" * 100_000],
    ids=["invalid UTF-8", "NaN", "empty", "text", "NUL", "bytearray", "deep"],
)
def test_content_goes_out_untouched_and_without_a_content_type(raw, content):
    server = raw(http())
    exchange = ask(server, "POST", "/", content=content)
    assert server.body == (content.encode() if isinstance(content, str) else bytes(content))
    assert "content-type" not in server.head
    assert ("(no content-type)" in drawn(exchange)) is bool(content)


def test_twenty_megabytes_go_out_and_come_back_but_not_into_the_notebook(raw):
    def echo(server, connection):
        connection.sendall(http(server.body, content_type="application/json"))

    body = b'["' + b"x" * 20_000_000 + b'"]'
    exchange = ask([raw(echo, "a"), raw(echo, "b")], "POST", "/", content=body)
    assert [len(answer.content) for answer in exchange] == [20_000_004] * 2
    bundle = exchange._repr_mimebundle_()
    assert len(bundle["text/html"]) < 30_000
    assert len(bundle["text/plain"]) < 2_000
    assert "20,000,004 characters" in bundle["text/html"]
    assert "20.0 MB" in bundle["text/html"]


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/a%2Fb%20c", "/a%2fb%20c"),
        ("/%zz", "/%zz"),
        ("/a/../b/./c//d", "/a/../b/./c//d"),
        ("/a b", "/a%20b"),
        ("/caf\u00e9/\u0664", "/caf%c3%a9/%d9%a4"),
        ('/"<>\\^`{|}', '/"<>\\^`{|}'),
        ("//evil.example/x", "//evil.example/x"),
        ("/x\r\nhost: y", "/x%0d%0ahost:%20y"),
        ("books", "/books"),
        ("/?q=http://x", "/?q=http://x"),
        ("/\ud800", "/%ed%a0%80"),
    ],
)
def test_a_path_goes_out_as_written(raw, path, target):
    server = raw(http())
    assert ask(server, "GET", path)[0].status == 200
    assert server.head.splitlines()[0] == f"get {target} http/1.1"


def test_params_join_a_query_that_is_there(raw):
    server = raw(http())
    exchange = ask(server, "GET", "/x?a=1", params={"ids": [1, "x y"]})
    assert server.head.startswith("get /x?a=1&ids=1&ids=x+y ")
    assert "/x?a=1&amp;ids=1&amp;ids=x+y" in drawn(exchange)


def test_a_header_may_come_twice_and_replace_a_default(raw):
    server = raw(http())
    ask(server, "GET", "/", headers=[("x-a", "1"), ("x-a", "2"), ("accept", "text/csv"), ("host", "shop.example")])
    assert [line for line in server.head.splitlines() if line.startswith(("x-a", "accept:", "host"))] == [
        "host: shop.example",
        "x-a: 1",
        "x-a: 2",
        "accept: text/csv",
    ]


def test_what_goes_out_by_itself_is_little(raw):
    server = raw(http())
    ask(server, "POST", "/", content="x")
    assert set(server.head.splitlines()[1:]) - {re.search(r"x-request-id: \w{32}", server.head)[0]} == {
        f"host: {server.url.removeprefix('http://')}",
        "accept: */*",
        "accept-encoding: gzip",
        "connection: close",
        "content-length: 1",
        "user-agent: ask",
    }


def test_no_connection_is_kept_even_when_a_header_asks_for_it(raw):
    after = []

    def keep(server, connection):
        connection.sendall(http())
        after.append(connection.recv(1))

    server = raw(keep)
    ask(server, "GET", "/", headers={"connection": "keep-alive"})
    server.stop()
    assert after == [b""]


@pytest.fixture
def serving_both():
    flask_app, fastapi_app = Flask("echo"), FastAPI()

    @flask_app.post("/echo")
    def echo():
        request = flask_request
        found = {"body": len(request.get_data()), "length": request.headers.get("content-length")}
        return found | {"name": request.headers["x-name"]}

    @fastapi_app.post("/echo")
    async def echo_too(request: Request):
        found = {"body": len(await request.body()), "length": request.headers.get("content-length")}
        return found | {"name": request.headers["x-name"]}

    servers = [serve(flask_app), serve(fastapi_app)]
    yield servers
    for server in servers:
        server.stop()


def test_a_body_in_pieces_has_one_length_and_a_header_may_have_letters(serving_both):
    seen = ask(
        serving_both, "POST", "/echo", content=b"x" * 10, headers={"transfer-encoding": "chunked", "x-name": "Zoë"}
    )
    for answer in seen:
        assert answer.status == 200, answer
        assert answer.json() == {"body": 10, "length": None, "name": "Zoë"}


def test_a_file_that_can_be_read_once_reaches_every_server_alike(raw):
    servers = [raw(http(), "a"), raw(http(), "b")]
    exchange = ask(servers, "POST", "/", files={"cover": ("c.png", io.BytesIO(b"\x89PNG"))}, data={"title": "Emma"})
    assert servers[0].body == servers[1].body
    assert b"\x89PNG" in servers[0].body and b"Emma" in servers[0].body
    assert "multipart/form-data" in drawn(exchange)


def test_a_form_is_sent(raw):
    server = raw(http())
    ask(server, "POST", "/", data={"title": "Emma & I"})
    assert server.body == b"title=Emma+%26+I"
    assert "application/x-www-form-urlencoded" in server.head


def test_cookies_of_one_answer_are_not_sent_with_the_next_request(raw):
    server = raw(http(set_cookie="session=secret; Path=/"))
    ask(server, "GET", "/")
    ask(server, "GET", "/")
    assert "cookie" not in server.head


def test_proxies_of_the_environment_are_not_used(raw, monkeypatch):
    proxy, server = raw(http(b"proxy")), raw(http(b"server"))
    sending.transport.cache_clear()
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.url)
    assert ask(server, "GET", "/")[0].text == "server"


def test_the_transport_is_made_once(raw, monkeypatch):
    made = []
    real = sending.httpx.HTTPTransport
    monkeypatch.setattr(sending.httpx, "HTTPTransport", lambda **options: made.append(1) or real(**options))
    sending.transport.cache_clear()
    server = raw(http())
    for _ in range(3):
        ask(server, "GET", "/")
    assert len(made) == 1


def test_a_server_that_was_started_anew_on_its_port_is_reached(raw):
    first = raw(http(b"old"))
    assert ask(first, "GET", "/")[0].text == "old"
    first.stop()
    second = raw(http(b"new"), port=int(first.url.rpartition(":")[2]))
    assert ask(second, "GET", "/")[0].text == "new"


# --- what comes back ---------------------------------------------------------------------------------------------


def test_a_whole_answer_can_be_read_in_every_way(raw):
    answer = ask(raw(as_json({"a": 1}, status="418 I'm a teapot")), "GET", "/")[0]
    assert (answer.server, answer.status, answer.reason) == ("raw", 418, "I'm a teapot")
    assert answer.headers["Content-Type"] == "application/json"
    assert (answer.content, answer.text, answer.json()) == (b'{"a": 1}', '{"a": 1}', {"a": 1})
    assert 0 < answer.elapsed_ms < 5000
    assert answer.error is None and answer.failure is None and not answer.ok
    assert "418 I'm a teapot" in repr(answer) and "418 I&#x27;m a teapot" in drawn(answer)


def test_ok_means_success(raw):
    assert ask(raw(http(status="204 No Content")), "GET", "/")[0].ok
    assert not ask(raw(http(status="302 Found")), "GET", "/")[0].ok
    assert not ask(raw(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"), "GET", "/")[0].ok


def test_no_content_and_head_have_an_empty_body(raw):
    exchange = ask([raw(b"HTTP/1.1 204 No Content\r\n\r\n", "a"), raw(http(), "b")], "DELETE", "/")
    assert "(empty)" in cells(exchange)["body"][0]
    answer = ask(raw(b"HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n"), "HEAD", "/")[0]
    assert (answer.status, answer.content, answer.error) == (200, b"", None)


def test_gzip_is_unpacked_and_said(raw):
    packed = gzip.compress(b'{"a": 1}')
    exchange = ask([raw(http(packed, content_encoding="gzip"), "a"), raw(http(b'{"a": 1}'), "b")], "GET", "/")
    assert exchange[0].json() == {"a": 1}
    assert "content-encoding" in marks(exchange)[0]


def test_a_body_that_is_not_gzip_as_it_says_is_an_error(raw):
    answer = ask(raw(http(b"plain", content_encoding="gzip")), "GET", "/")[0]
    assert answer.status == 200 and "content-encoding" in answer.error


def test_binary_is_shown_as_its_size_and_first_bytes(raw):
    exchange = ask(raw(http(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40, content_type="image/png")), "GET", "/")
    assert "binary, 10.2 kB, begins 89 50 4e 47" in cells(exchange)["body"][0]


def test_binary_bodies_of_other_bytes_differ(raw):
    exchange = ask([raw(http(b"\xff\x00"), "a"), raw(http(b"\xfe\x00"), "b")], "GET", "/")
    assert "body" in marks(exchange)[0]


def test_header_lines_that_come_twice_stay_two_lines(raw):
    twice = b"HTTP/1.1 200 OK\r\nset-cookie: a=1\r\nset-cookie: b=2\r\ncontent-length: 0\r\n\r\n"
    exchange = ask([raw(twice, "a"), raw(http(), "b")], "GET", "/")
    assert cells(exchange)["set-cookie"][0] == "<pre>a=1\nb=2</pre>"
    assert "absent" in cells(exchange)["set-cookie"][1]


def test_headers_that_say_nothing_are_no_difference_but_can_be_unfolded(raw):
    exchange = ask([raw(http(server="a", date="now"), "a"), raw(http(server="b"), "b")], "GET", "/")
    assert marks(exchange)[0] == {"nothing"}
    assert "server: a" in cells(exchange)["all headers"][0]


@pytest.mark.parametrize("charset", ["latin-1", "nonsense", "hex"])
def test_the_charset_of_an_answer_is_heeded_where_it_is_one(raw, charset):
    body = "café".encode("latin-1" if charset == "latin-1" else "utf-8")
    answer = ask(raw(http(body, content_type=f"text/plain; charset={charset}")), "GET", "/")[0]
    assert answer.text == "café"
    assert "café" in drawn(answer)


def test_json_of_what_is_none_is_one_sentence(raw):
    with pytest.raises(LessonError, match=r"The answer of 'raw' is not JSON; it is text/html: <p>hi</p>\."):
        ask(raw(http(b"<p>hi</p>", content_type="text/html")), "GET", "/")[0].json()
    with pytest.raises(LessonError, match="did not come: stopped"):
        ask(stopped(), "GET", "/")[0].json()


@pytest.mark.parametrize(
    ("one", "other", "different"),
    [
        (1, 1.0, True),
        (1, True, True),
        (1, "1", True),
        (None, "absent", True),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, False),
        ([1, 2], [2, 1], True),
    ],
)
def test_values_are_alike_only_when_their_json_is(raw, one, other, different):
    exchange = ask([raw(as_json({"x": one}), "a"), raw(as_json({"x": other}), "b")], "GET", "/")
    assert ("body: x" in marks(exchange)[0]) is different
    mark = cells(exchange)["body: x"]
    assert len(mark) == 2


def test_null_is_not_absent(raw):
    exchange = ask([raw(as_json({"x": None, "y": 1}), "a"), raw(as_json({"y": 1}), "b")], "GET", "/")
    assert marks(exchange) == [{"body: x"}, {"status", "content-type", "body: y"}]
    assert cells(exchange)["body: x"] == ["<pre>null</pre>", '<span class="quiet">absent</span>']


def test_a_body_that_is_no_object_stands_beside_the_keys_of_the_others(raw):
    servers = [raw(as_json({"x": 1}), "a"), raw(as_json({"x": 1}), "b"), raw(http(b"oops"), "c"), stopped("d")]
    exchange = ask(servers, "GET", "/")
    assert {"body", "body: x", "status"} <= marks(exchange)[0]
    assert [re.sub("<.*?>", "", cell) for cell in cells(exchange)["body"]] == ["(key by key below)"] * 2 + ["oops", "—"]
    assert [re.sub("<.*?>", "", cell) for cell in cells(exchange)["body: x"]] == ["1", "1", "—", "—"]


def test_marks_are_signs_with_words_and_a_single_answer_has_none(raw):
    pair = drawn(ask([raw(http(b"1"), "a"), raw(http(b"2"), "b")], "GET", "/"))
    assert 'aria-label="differs" title="differs">≠</b>' in pair and 'aria-label="alike" title="alike">=</b>' in pair
    alone = ask(raw(http(b"1")), "GET", "/")
    assert "≠" not in drawn(alone) and 'aria-label="alike"' not in drawn(alone)
    assert '<tr><th scope="row"' in drawn(alone) and '<tr><th scope="row"' not in pair
    assert "Different" not in alone.summary()


def test_nothing_from_an_app_becomes_markup(raw):
    evil = "<script>alert(1)</script>"
    kind = f"application/json; {evil}"
    keyed = http(json.dumps({evil: evil}).encode(), f"200 {evil}", content_type=kind, x_evil=evil)
    servers = [raw(keyed, f"a{evil}"), raw(keyed, "b"), raw(http(100 * evil.encode(), status="500 No"), "c")]
    servers[2].errors = [SimpleNamespace(request_id="r", exception=ValueError(evil), where=evil)]
    headers = {"content-type": evil, "x-y": evil, "x-request-id": "r"}
    for asked in servers, servers[0], servers[2]:
        exchange = ask(asked, "POST", f"/?{evil}", content=evil, headers=headers)
        assert "<script" not in drawn(exchange) and "&lt;script&gt;" in drawn(exchange)


def test_what_a_notebook_cannot_hold_is_written_out(raw):
    odd = http(b'{"x": "\\ud800", "\\udfff": 1}', content_type="application/json")
    exchange = ask([raw(odd, "a"), raw(odd, "b")], "GET", "/")
    assert "\\ud800" in drawn(exchange) and "body: \\udfff" in exchange.summary()
    for text in exchange._repr_mimebundle_().values():
        text.encode()
    assert "␛" in drawn(ask(raw(http(b"\x1b[31m red")), "GET", "/"))


@pytest.mark.parametrize(
    "body",
    [b"[" * 900 + b"]" * 900, b"[" * 100_000, b"{" + b'"a":{' * 400 + b"}" * 401, b"1" * 5000, b"", b"{}"],
    ids=["deep", "too deep", "deep objects", "long number", "empty", "no keys"],
)
def test_odd_json_is_drawn_all_the_same(raw, body):
    exchange = ask([raw(http(body, content_type="application/json"), name) for name in "ab"], "GET", "/")
    assert "body" in " ".join(marks(exchange)[1])
    assert len(drawn(exchange)) < 30_000


def test_a_long_body_is_folded_with_its_length_and_a_short_one_is_not(raw):
    page = cells(ask(raw(http(b"word " * 1000)), "GET", "/"))["body"][0]
    assert page.startswith("<details><summary>") and "(5,000 characters)" in page and "the first 4,000" in page
    assert cells(ask(raw(http(b"word")), "GET", "/"))["body"] == ["<pre>word</pre>"]


def test_deep_json_does_not_become_a_staircase():
    nested = json.loads('{"a":' * 300 + "1" + "}" * 300)
    assert len(pretty(nested)) < 5 * len(json.dumps(nested))


def test_a_big_json_object_is_one_row(raw):
    big = as_json({"x": "y" * 300_000})
    assert "body" in cells(ask([raw(big, "a"), raw(big, "b")], "GET", "/"))


def test_the_own_address_in_a_body_is_no_difference(raw):
    def own(server, connection):
        connection.sendall(http(f"see {server.url}/docs".encode()))

    assert "body" in marks(ask([raw(own, "a"), raw(own, "b")], "GET", "/"))[1]


def test_many_keys_are_one_row(raw):
    many = as_json({f"k{number}": number for number in range(100)})
    assert "body" in cells(ask([raw(many, "a"), raw(many, "b")], "GET", "/"))


def test_an_exchange_is_a_sequence_of_its_answers(raw):
    exchange = ask([raw(http(b"1"), "a"), raw(http(b"2"), "b")], "GET", "/")
    assert len(exchange) == 2 and [answer.server for answer in exchange] == ["a", "b"]
    assert exchange[0] is exchange["a"] is exchange.rows[0] and exchange[-1] is exchange["b"]
    with pytest.raises(LessonError, match=r"No server 'c' was asked, only a, b\."):
        exchange["c"]
    with pytest.raises(IndexError):
        exchange[2]


def test_the_summary_is_plain_lines(raw):
    servers = [raw(http(b"hello", content_type="text/plain"), "a"), raw(as_json([1], status="404 Not Found"), "b")]
    exchange = ask(servers, "POST", "/x", json={"q": 1})
    assert repr(exchange) == exchange.summary()
    assert exchange.summary().splitlines() == [
        'POST /x; content-type: application/json; body {"q":1}',
        "a: 200 OK; text/plain: hello",
        "b: 404 Not Found; application/json: [1]",
        "Different: status, content-type, body.",
        "Alike: nothing.",
    ]


# --- no answer, or half of one -----------------------------------------------------------------------------------


def reset(server, connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def sleep(server, connection):
    server.closing.wait(5)


def drip(pieces):
    def behave(server, connection):
        connection.sendall(pieces)
        while not server.closing.wait(0.05):
            connection.sendall(b"x")

    return behave


@pytest.mark.parametrize(
    ("behave", "status", "error"),
    [
        (b"", None, "closed the connection without an answer"),
        (reset, None, "closed the connection without an answer"),
        (b"HTTP/1.1 200 OK\r\ncontent-", None, "closed the connection without an answer"),
        (b"220 mail.example ESMTP\r\n\r\n", None, "sent something that is not HTTP: RemoteProtocolError"),
        (
            b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf",
            200,
            "broke off in the middle of its answer, after 4 bytes",
        ),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n", 200, "broke off in the middle"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzzz\r\n", 200, "broke off in the middle"),
        (sleep, None, "timed out after 0.3 s: no answer"),
        (drip(b"HTTP/1.1 200 OK\r\nx-a: "), None, "timed out after 0.3 s: no answer"),
        (
            drip(b"HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n"),
            200,
            "timed out after 0.3 s: its answer had not ended",
        ),
        (drip(b"HTTP/1.1 200 OK\r\n\r\n"), 200, "timed out after 0.3 s: its answer had not ended"),
    ],
    ids=[
        "nothing",
        "reset",
        "half a head",
        "not HTTP",
        "half a body",
        "half a chunked body",
        "bad chunk",
        "silence",
        "a head that never ends",
        "a body that drips",
        "a stream",
    ],
)
def test_what_happened_is_said_when_no_whole_answer_comes(raw, behave, status, error):
    began = time.monotonic()
    exchange = ask([raw(behave), raw(http(b"fine"), "fine")], "GET", "/", timeout=0.3)
    assert time.monotonic() - began < 2
    assert exchange.statuses == {"raw": status, "fine": 200}
    assert exchange[0].error.startswith(error)
    assert exchange[1].text == "fine"
    assert exchange[0].error in exchange.summary()
    assert "status" in marks(exchange)[0]
    assert exchange[0].error.split(":")[0] in cells(exchange)["status"][0]
    assert not exchange[0].ok


def test_what_came_of_a_broken_answer_is_kept(raw):
    assert ask(raw(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf"), "GET", "/")[0].content == b"half"


def test_a_stopped_server_says_which_cell_to_run():
    exchange = ask([stopped("a"), stopped("b")], "GET", "/")
    assert exchange["a"].error.startswith("stopped, nothing listens at http://127.0.0.1:")
    assert "run its serve(...) cell again" in drawn(exchange)
    assert exchange.statuses == {"a": None, "b": None}


def test_a_server_that_does_not_read_is_no_trap(raw):
    server = raw(sleep)
    server.read = lambda connection: b""
    began = time.monotonic()
    answer = ask(server, "POST", "/", content=b"x" * 20_000_000, timeout=0.3)[0]
    assert answer.error == "timed out after 0.3 s: no answer"
    assert time.monotonic() - began < 2


def test_an_answer_without_end_is_cut(raw, monkeypatch):
    monkeypatch.setattr(sending, "AT_MOST", 1000)
    answer = ask(raw(http(b"x" * 500_000)), "GET", "/")[0]
    assert answer.error == "sent more than 1.0 kB: the rest was not read"
    assert 1000 < len(answer.content) < 500_000


def test_a_refusal_before_the_body_was_read_is_an_answer(raw):
    server = raw(lambda server, connection: [connection.sendall(http(status="413 Too Large")), server.closing.wait(1)])
    server.read = lambda connection: connection.recv(1000)
    assert ask(server, "POST", "/", content=b"x" * 100_000)[0].status == 413


def test_a_redirect_to_nowhere_is_an_answer(raw):
    assert (
        ask(raw(http(status="302 Found", location="http://[bad")), "GET", "/")[0].headers["location"] == "http://[bad"
    )


def comes_true(condition: Callable[[], bool], seconds: float = 3) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


@pytest.mark.alone
def test_an_interrupt_passes_through_and_leaves_nothing_behind(raw):
    server = raw(sleep)
    threads = threading.active_count()
    timer = threading.Timer(0.2, os.kill, [os.getpid(), signal.SIGINT])
    timer.start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        ask(server, "GET", "/", timeout=8)
    timer.join()
    assert time.monotonic() - began < 4, "it has waited for the answer"
    assert comes_true(lambda: threading.active_count() <= threads)


@pytest.mark.alone
@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts descriptors in /proc")  # noqa: PTH112
def test_asking_leaves_no_thread_and_no_descriptor(raw):
    servers = [raw(http(b"fine"), "a"), raw(b"", "b"), stopped()]
    ask(servers, "GET", "/")

    def left() -> tuple[int, int]:
        return threading.active_count(), len(os.listdir("/proc/self/fd"))  # noqa: PTH208

    before = left()
    for _ in range(20):
        ask(servers, "GET", "/")
    assert comes_true(lambda: left() == before)


# --- wrong use ---------------------------------------------------------------------------------------------------

HERE = "http://127.0.0.1:9"


@pytest.mark.parametrize(
    ("servers", "sentence"),
    [
        ([], "There is no server to ask"),
        (None, "ask needs a running server, not an object of type NoneType"),
        (Flask("shop"), r"type Flask: start it, flask = serve\(app\)"),
        ([FastAPI()], "type FastAPI"),
        (5, "type int"),
        ("shop", "talks only to servers on this machine"),
        ("http://127.0.0.1:port", "is no address of a server"),
        ("http://example.com", "talks only to servers on this machine"),
        ("http://127.0.0.1@example.com", "talks only to servers on this machine"),
        ("http://10.0.0.1:80", "talks only to servers on this machine"),
        ("https://127.0.0.1", "talks only to servers on this machine"),
        (SimpleNamespace(name="far", url="http://127.0.0.1.example.com"), "talks only to servers on this machine"),
        ([HERE, HERE], "'127.0.0.1:9' is there twice"),
    ],
)
def test_what_is_no_server_on_this_machine_is_refused(servers, sentence):
    with pytest.raises(LessonError, match=sentence):
        ask(servers, "GET", "/")


@pytest.mark.parametrize(
    ("arguments", "options", "sentence"),
    [
        (("GET /", "/"), {}, "'GET /' is no HTTP method"),
        (("/books", "GET"), {}, 'write ask\\(servers, "GET", "/path"\\)'),
        ((None, "/"), {}, "None is no HTTP method"),
        (("GÉT", "/"), {}, "is no HTTP method"),
        (("GET", "http://127.0.0.1:9/books"), {}, "The path begins after the address"),
        (("GET", None), {}, "it cannot be None"),
        (("POST", "/"), {"json": 1, "content": "x"}, "A request has one body"),
        (("POST", "/"), {"json": 1, "data": {"a": "b"}}, "A request has one body"),
        (("POST", "/"), {"json": 1, "files": {"a": b"b"}}, "A request has one body"),
        (("POST", "/"), {"content": {"a": 1}}, "for a dict use json="),
        (("POST", "/"), {"data": "a=b"}, "goes into content="),
        (("POST", "/"), {"json": float("nan")}, r"""content='\{"price": NaN\}'.*Out of range float"""),
        (("POST", "/"), {"json": {1, 2}}, "cannot write this value as JSON.*set"),
        (("POST", "/"), {"json": "\ud800"}, "cannot write this value as JSON.*surrogates"),
        (("POST", "/"), {"content": "\ud800"}, "cannot be built.*surrogates"),
        (("GET", "/"), {"headers": {"x-n": 5}}, "cannot be built"),
        (("GET", "/"), {"headers": {"x-n": "→"}}, "cannot be built"),
        (("POST", "/"), {"headers": {"x-n": 5}, "json": 1}, "look at headers="),
        (("GET", "/"), {"headers": 5}, "cannot be built"),
        (("GET", "/"), {"params": 5}, "cannot be built"),
        (("GET", "/"), {"timeout": 0}, "timeout= is a number of seconds"),
        (("GET", "/"), {"timeout": None}, "timeout= is a number of seconds"),
        (("GET", "/"), {"timeout": float("nan")}, "timeout= is a number of seconds"),
    ],
)
def test_a_request_that_cannot_be_sent_is_one_sentence(arguments, options, sentence):
    with pytest.raises(LessonError, match=sentence) as raised:
        ask(HERE, *arguments, **options)
    assert str(raised.value).count("\n") == 0


@pytest.mark.parametrize(
    "options",
    [
        {"headers": {"x-a": "1\r\nx-b: 2"}},
        {"content": "12345", "headers": {"content-length": "3"}},
        {"content": "12345", "headers": {"content-length": "9"}},
        {"headers": {"a b": "1"}},
    ],
    ids=["line break", "too short", "too long", "space in a name"],
)
def test_what_is_not_http_is_refused_before_a_server_is_confused(raw, options):
    server = raw(sleep)
    server.read = lambda connection: b""
    with pytest.raises(LessonError, match="HTTP does not allow this request"):
        ask(server, "POST", "/", **options)


def test_a_circle_is_no_json():
    circle = []
    circle += [circle, {"again": circle}]
    with pytest.raises(LessonError, match="cannot write this value as JSON"):
        ask(HERE, "POST", "/", json=circle)


def test_a_url_is_a_server_and_may_have_a_path(raw):
    server = raw(http())
    exchange = ask(server.url + "/api/", "get", "/books")
    assert exchange.statuses == {server.url.removeprefix("http://"): 200}
    assert server.head.startswith("get /api/books ")


@pytest.mark.parametrize(
    ("servers", "arguments", "options"),
    [
        (..., ("GET", "/"), {}),
        ([HERE, ...], ("GET", "/"), {}),
        (HERE, (..., "/"), {}),
        (HERE, ("GET", ...), {}),
        (HERE, ("POST", "/"), {"json": {"books": [{"price": ...}]}}),
        (HERE, ("POST", "/"), {"headers": {"accept": ...}}),
        (HERE, ("GET", "/"), {"timeout": ...}),
    ],
)
def test_dots_mean_not_filled_in_yet(servers, arguments, options):
    exchange = ask(servers, *arguments, **options)
    assert exchange.summary() == "This request is not sent yet: replace each ... in ask(...)."
    assert "not sent yet" in drawn(exchange)
    assert exchange["fastapi"].status is None and exchange["fastapi"].json() is ...


def test_dots_keep_the_names_of_the_servers():
    exchange = ask([stopped("a"), stopped("b")], "POST", "/", json=...)
    assert exchange.statuses == {"a": None, "b": None}
    assert "not sent yet" in exchange["a"].error and "not sent yet" in exchange[0].summary()
