"""Lesson 10: a form that withstands the attack, a cookie read without its key, Markdown from visitors."""

from __future__ import annotations

from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

from helpers.exercises.attempt import NotStarted, NotYet
from helpers.exercises.exercise import Exercise, Wrong

MAIL = """\
import secrets
from typing import Annotated

from fastapi import FastAPI, Form, HTTPException, Request
from fastapi.responses import HTMLResponse
from starlette.middleware.sessions import SessionMiddleware

mail_app = FastAPI()
mail_app.add_middleware(SessionMiddleware, secret_key=secrets.token_hex(), session_cookie="mail")
mails = []


@mail_app.get("/mail", response_class=HTMLResponse)
def mail_form(request: Request):
    token = request.session.setdefault("csrf_token", secrets.token_hex())
    field = f'<input type="hidden" name="csrf_token" value="{token}">'
    return f'<form method="post">{field}<input name="address"></form>'


@mail_app.post("/mail")
def change_mail(request: Request, address: Annotated[str, Form()], csrf_token: Annotated[str, Form()] = ""):
    if not secrets.compare_digest(csrf_token, request.session.get("csrf_token", "none yet")):
        raise HTTPException(400, "The CSRF token is missing, or not yours.")
    mails.append(address)
    return "changed"
"""

CHECKED = """\
    if not secrets.compare_digest(csrf_token, request.session.get("csrf_token", "none yet")):
        raise HTTPException(400, "The CSRF token is missing, or not yours.")
"""


class Inputs(HTMLParser):
    """The value of each named input of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.values: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        if tag == "input" and given.get("name"):
            self.values[given["name"] or ""] = given.get("value") or ""


def check_mail(attempt: tuple[Any, Any]) -> str:
    from fastapi.testclient import TestClient

    app, mails = attempt
    if type(app).__name__ != "FastAPI" or not isinstance(mails, list):
        raise NotYet("Hand over the FastAPI app and the list `mails`, as the check cell does.")
    mails.clear()
    ada, eve = (TestClient(app, raise_server_exceptions=False, follow_redirects=False) for _ in range(2))

    def send(client: Any, address: str, **token: str) -> int:
        status: int = client.post("/mail", data={"address": address, **token}).status_code
        return status

    page = ada.get("/mail")
    if page.status_code != 200:
        raise NotYet(f"GET `/mail` answers {page.status_code}; it showed a form.")
    token = Inputs(page.text).values.get("csrf_token", "")
    bare = send(ada, "bare@evil.example")
    if not token and bare < 400:
        raise NotStarted('The form has no token yet, and whoever posts is believed; hint("10.1") gets you going.')
    if not token:
        raise NotYet("The form has no hidden input `csrf_token` with a value: how shall a good visitor send it?")
    refused = {
        "no token": bare,
        "a wrong token": send(ada, "wrong@evil.example", csrf_token="0" * len(token)),
        "the token of another session": send(ada, "eve@evil.example", csrf_token=token_of(eve)),
    }
    for what, status in refused.items():
        if status < 400:
            raise NotYet(f"A form with {what} is answered with {status}, and believed.")
    if mails:
        raise NotYet(f"`mails` has {mails}: the address was changed before it was refused.")
    for what, status in refused.items():
        if status != 400:
            raise NotYet(f"A form with {what} is answered with {status}; asked for is 400.")
    good = send(ada, "ada@lovelace.example", csrf_token=token_of(ada))
    if good >= 400 or mails != ["ada@lovelace.example"]:
        raise NotYet(f"Ada's own form, with its token, is answered with {good}, and `mails` has {mails}.")
    return "Whoever sends the form has seen it: another page cannot read the token, and Ada's browser sends it along."


def token_of(client: Any) -> str:
    return Inputs(client.get("/mail").text).values.get("csrf_token", "")


READ = """\
import json
import zlib
from base64 import urlsafe_b64decode


def session_of(cookie):
    try:
        compressed = cookie.startswith(".")
        payload = cookie.removeprefix(".").split(".")[0]
        content = urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
        found = json.loads(zlib.decompress(content) if compressed else content)
    except (ValueError, zlib.error, AttributeError):
        return None
    return found if isinstance(found, dict) else None
"""

SESSIONS: list[dict[str, Any]] = [
    {"user": "ada"},
    {"user": "ada", "cart": [1, 2]},
    {"note": "???>>>~~~"},  # its base64 has the two letters that differ in a URL
    {"text": "long " * 100},
]
NO_SESSIONS: list[str | None] = ["", "abc", "a.b.c", ".abc.def", "W10.x.y", None]


def check_session_of(session_of: Any) -> str:
    if not callable(session_of):
        raise NotYet(f"Hand over the function `session_of` itself; this is a {type(session_of).__name__}.")
    from flask import Flask
    from flask.sessions import SecureCookieSessionInterface

    app = Flask("practice")
    app.secret_key = "nobody knows it"
    signer = SecureCookieSessionInterface().get_signing_serializer(app)
    assert signer is not None
    for session in SESSIONS:
        cookie = signer.dumps(session)
        text = cookie if isinstance(cookie, str) else cookie.decode()
        kind = "A long session, compressed," if text.startswith(".") else f"The session `{session}`"
        try:
            said = session_of(text)
        except Exception as error:
            raise NotYet(f"{kind} makes your function raise {type(error).__name__}: {error}.") from error
        if said != session:
            raise NotYet(f"{kind} comes out as `{str(said)[:80]}`.")
    for strange in NO_SESSIONS:
        try:
            said = session_of(strange)
        except Exception as error:
            raise NotYet(
                f"For `{strange!r}`, which is no session, your function raises {type(error).__name__}."
            ) from error
        if said is not None:
            raise NotYet(f"For `{strange!r}`, which is no session, your function returns `{said!r}`, not None.")
    return "Four sessions read, and no key needed: what you would not show belongs into the database."


COMMENT = """\
import re

from markdown import markdown
from markupsafe import escape


def comment(text):
    html = markdown(str(escape(text)))
    return re.sub(r'(href|src)="(?!https?:|mailto:)[^"]*"', "", html, flags=re.IGNORECASE)
"""

FINE = {
    "p",
    "em",
    "strong",
    "ul",
    "ol",
    "li",
    "a",
    "code",
    "pre",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "br",
    "img",
}
FINE |= {"blockquote", "span", "div"}


class Tags(HTMLParser):
    """The tags of a piece of HTML, their attributes, and its text."""

    def __init__(self, piece: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.feed(piece)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attributes}))

    def handle_data(self, data: str) -> None:
        self.text += data


EVIL = "<script>alert(1)</script>"
IMAGE = '<img src="x" onerror="alert(1)">'


def check_comment(comment: Any) -> str:
    if not callable(comment):
        raise NotYet(f"Hand over the function `comment` itself; this is a {type(comment).__name__}.")

    def of(text: str) -> Tags:
        said = comment(text)
        if not isinstance(said, str):
            raise NotYet(f"`comment` returns `{said!r}`; asked for is a text of HTML.")
        return Tags(said)

    for text in (EVIL, IMAGE, f"*nice* {EVIL}"):
        found = of(text)
        bad = [tag for tag, given in found.tags if tag not in FINE or any(name.startswith("on") for name in given)]
        if bad:
            raise NotYet(f"`{text}` is answered with a real `<{bad[0]}>`: a browser would run it.")
        if "alert(1)" not in found.text or "<" not in found.text:
            raise NotYet(f"Of `{text}` a reader sees `{found.text.strip()}`; they should see it as it was typed.")
    if ("em", {}) not in of("*nice*").tags or "li" not in [tag for tag, _ in of("- one\n- two").tags]:
        raise NotYet("`*nice*` is no emphasis, or a list is no list: what Markdown makes has to stay HTML.")
    look_at_links(of)
    return "Emphasis yes, scripts no. In earnest take a sanitizer such as nh3, whose authors know more tricks."


def look_at_links(of: Callable[[str], Tags]) -> None:
    """Complain about a link that a click would run, and about a good one that has lost its address."""
    for address in ("javascript:alert(1)", "JavaScript:alert(1)", "data:text/html,x"):
        for text in (f"[a prize]({address})", f"![a prize]({address})"):
            given = [value for _, attributes in of(text).tags for value in attributes.values()]
            if any(value.lower().startswith(address.split(":")[0].lower()) for value in given):
                raise NotYet(f"`{text}` keeps its address: a click would run it, or open it.")
    for address in ("https://example.org/a", "http://example.org", "mailto:ada@example.org"):
        if address not in [attributes.get("href") for _, attributes in of(f"[here]({address})").tags]:
            raise NotYet(f"The link to `{address}` has lost its address; that one is fine.")


EXERCISES = [
    Exercise(
        id="10.1",
        title="a form that withstands the attack",
        also="Also right: the check as a dependency, `dependencies=[Depends(checked)]`. Written once for all forms.",
        answer=("mail_app", "mails"),
        hints=(
            "The other page can send a form. It cannot *read* yours: put something into it that only you know.",
            '`request.session.setdefault("csrf_token", secrets.token_hex())` is the token, in a hidden input.',
            "In the POST compare what came with what is in the session, before anything is changed, and raise a 400.",
        ),
        solution=MAIL,
        wrong={
            "no check": Wrong(MAIL.replace(CHECKED, ""), "A form with no token is answered with 200"),
            "any token will do": Wrong(
                MAIL.replace(CHECKED, '    if not csrf_token:\n        raise HTTPException(400, "no token")\n'),
                "A form with a wrong token",
            ),
            "one token for all": Wrong(
                MAIL.replace("secrets.token_hex())\n    field", "TOKEN)\n    field").replace(
                    "mails = []", "mails = []\nTOKEN = secrets.token_hex()"
                ),
                "the token of another session",
            ),
            "changed, then refused": Wrong(
                MAIL.replace("    mails.append(address)\n", "").replace(
                    "    if not", "    mails.append(address)\n    if not"
                ),
                "before it was refused",
            ),
            "another status": Wrong(
                MAIL.replace("HTTPException(400", "HTTPException(403"), "answered with 403; asked for"
            ),
            "the form has none": Wrong(
                MAIL.replace('method="post">{field}', 'method="post">'), "how shall a good visitor"
            ),
            "nobody gets in": Wrong(
                MAIL.replace("if not secrets", "if secrets").replace('"none yet")):', '"none yet")) or 1:'),
                "Ada's own form",
            ),
        },
        check=check_mail,
    ),
    Exercise(
        id="10.2",
        title="read a cookie",
        also="Also right: `itsdangerous.base64_decode`, which adds what is missing at the end by itself.",
        answer=("session_of",),
        hints=(
            "A cookie has parts with dots between them; the first is the session, the last its signature.",
            '`urlsafe_b64decode` wants a length that 4 divides: add `"=" * (-len(payload) % 4)`.',
            "With a dot in front: take it away, decode, then `zlib.decompress`. Then `json.loads`, all in a `try`.",
        ),
        solution=READ,
        wrong={
            "not filled up": Wrong(
                READ.replace(' + "=" * (-len(payload) % 4)', ""), "The session `{'user': 'ada'}` comes out as `None`"
            ),
            "not decompressed": Wrong(
                READ.replace("zlib.decompress(content) if compressed else content", "content"),
                "A long session, compressed,",
            ),
            "as text": Wrong(
                READ.replace("json.loads(", "str(").replace("if isinstance(found, dict) else None", ""),
                "comes out as `b'",
            ),
            "the other alphabet": Wrong(READ.replace("urlsafe_b64decode", "b64decode"), "The session `{'note'"),
            "nothing is caught": Wrong(
                READ.replace("except (ValueError, zlib.error, AttributeError)", "except KeyError"),
                "your function raises",
            ),
            "a list is a session": Wrong(
                READ.replace("return found if isinstance(found, dict) else None", "return found"),
                "your function returns `[]`",
            ),
        },
        check=check_session_of,
    ),
    Exercise(
        id="10.3",
        title="let visitors write Markdown",
        also="Also right: a sanitizer over the result, where one is installed. It takes tags away.",
        answer=("comment",),
        hints=(
            "Which comes first: making the visitor's `<` harmless, or making HTML from Markdown?",
            "`markupsafe.escape` first, `markdown` then. Left are links: `[a](javascript:...)`.",
            'A regular expression over the result: `href="` or `src="` not followed by http:, https: or mailto:.',
        ),
        solution=COMMENT,
        wrong={
            "Markdown alone": Wrong(COMMENT.replace("str(escape(text))", "text"), "a real `<script>`"),
            "escaped afterwards": Wrong(
                COMMENT.replace("markdown(str(escape(text)))", "str(escape(markdown(text)))"), "has to stay HTML"
            ),
            "links are left": Wrong(COMMENT.replace("return re.sub(", "return html or re.sub("), "keeps its address"),
            "no link at all": Wrong(COMMENT.replace("(?!https?:|mailto:)", ""), "has lost its address"),
            "taken away": Wrong(
                COMMENT.replace("str(escape(text))", 're.sub("<[^>]*>.*", "", text)'),
                "they should see it as it was typed",
            ),
        },
        check=check_comment,
    ),
]
