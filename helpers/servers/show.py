"""`show`: a live page of a server, inside the cell."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request

from helpers.errors import LessonError
from helpers.plots import Drawn, escape
from helpers.servers.address import ask

if TYPE_CHECKING:
    from helpers.servers.server import Server

# What an address may consist of (RFC 3986), "%" included: whoever wrote "%20" meant it. The rest is encoded.
_AS_GIVEN = "/?#[]@!$&'()*+,;=:%-._~"


class Page(Drawn):
    """A frame with a live page, a link to it, and what it is in words."""

    def __init__(self, server: Server, path: str, height: int, description: str) -> None:
        self.server, self.path, self.height, self.description = server, path, height, description

    def summary(self) -> str:
        return f"{self.server.name}{self.path}: {self.description} At {self.server.address(self.path)}"

    def body(self) -> str:
        # Not loading="lazy": after "Run all" a page further down would be fetched when its server is stopped already.
        address, label = escape(self.server.address(self.path)), escape(f"{self.server.name} {self.path}")
        return (
            f'<p><b>{label}</b> <span class="quiet">{escape(self.description)}</span> '
            f'<a href="{address}" target="_blank" rel="noopener">Open it in a tab of its own</a></p>'
            f'<iframe src="{address}" title="{label}" width="100%" height="{self.height}" '
            'style="border:1px solid rgba(128,128,128,.5);box-sizing:border-box;background:white"></iframe>'
        )


def show(server: Server, path: str = "/", *, height: int = 420) -> Page:
    """The live page at `path` in a frame `height` pixels high, with a link and a description for those who listen.

    Raises LessonError for anything but a running Server. A page that answers with an error is shown as well: that is
    what a browser would do.
    """
    # Not by its class, which is another one after a reload.
    if not all(hasattr(server, name) for name in ("address", "running", "url", "visits")):
        raise LessonError(f"show needs what serve(app) returned; this is a {type(server).__name__}.")
    if not server.running:
        raise LessonError(f"{server.name} is stopped; run its serve(...) cell again, then this one.")
    path = quote("/" + path.lstrip("/"), safe=_AS_GIVEN)
    page = Page(server, path, height, _describe(server.url + path))
    server.visits.expect(path)
    return page


def _describe(url: str) -> str:
    """Status and title of the page, in a sentence."""
    try:
        with ask(Request(url, headers={"Accept": "text/html", "X-Request-Id": "show"}), 5) as answer:
            title = re.search(r"(?is)<title>(.*?)</title>", answer.read(100_000).decode(errors="replace"))
            return f"answers {answer.status} {answer.reason}" + (f", “{unescape(title[1]).strip()}”." if title else ".")
    except HTTPError as answer:
        answer.close()
        return f"answers {answer.code} {answer.reason}."
    except OSError as error:
        return f"did not answer within 5 s ({error})."
