"""Answers to the exercises of lesson 01 that differ from its solutions and are as right."""

import pytest

from helpers.exercises import check
from helpers.exercises.lesson_01 import ASGI, WSGI

LIFESPAN = """\
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
"""
RETURNS = '    if scope["type"] != "http":\n        return\n'


def answer(source, name):
    namespace = {}
    exec(compile(source, "<answer>", "exec", dont_inherit=True), namespace)
    return namespace[name]


@pytest.mark.parametrize(
    "source",
    [
        WSGI.replace("return [json", "yield json").replace(".encode()]", ".encode()"),
        WSGI.replace("application/json", "application/json; charset=utf-8"),
        WSGI.replace(
            'parse_qs(environ["QUERY_STRING"])["name"][0]', 'dict(parse_qsl(environ["QUERY_STRING"]))["name"]'
        ).replace("import parse_qs", "import parse_qsl"),
    ],
    ids=["a generator", "a charset", "parse_qsl"],
)
def test_other_wsgi_answers_pass(source):
    assert check("1.1", answer(source, "greet_wsgi")).status == "passed"


@pytest.mark.parametrize(
    "source",
    [
        ASGI.replace("        return\n", '        raise NotImplementedError(scope["type"])\n'),
        ASGI.replace("        return\n", '        assert scope["type"] == "http"\n'),
        ASGI.replace(RETURNS, LIFESPAN),
    ],
    ids=["raises", "asserts", "speaks lifespan"],
)
def test_other_asgi_answers_pass(source):
    assert check("1.2", answer(source, "greet_asgi")).status == "passed"
