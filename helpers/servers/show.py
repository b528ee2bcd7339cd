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


# Of a server that has stopped, jupyter-server-proxy shows Jupyter's own error page. The frame says so in its own words
# instead, and looks every two seconds whether the server is there again: then Jupyter's name is not on the answer.
WATCHES = """
let page; try { page = this.contentDocument } catch (elsewhere) {}
if (page?.title === 'Jupyter Server') {
  this.srcdoc = this.dataset.stopped;
  const again = setInterval(async () => {
    if (!this.isConnected) { clearInterval(again); return }
    const look = { method: 'HEAD', headers: { 'X-Request-Id': 'show' } };
    const answer = await fetch(this.src, look).catch(() => null);
    if (answer && !(answer.headers.get('server') ?? '').startsWith('Tornado')) {
      clearInterval(again);
      this.removeAttribute('srcdoc');
    }
  }, 2000);
}"""
STOPPED = (
    "<p style='font:1rem sans-serif;padding:1rem'>This server is stopped: run its <code>serve(...)</code> cell.</p>"
)


class Page(Drawn):
    """A frame with a live page, a link to it, and what it is in words; no frame where `framed` says so."""

    def __init__(self, server: Server, path: str, height: int, description: str, framed: bool = True) -> None:
        self.server, self.path, self.height, self.description = server, path, height, description
        self.framed = framed

    def summary(self) -> str:
        return f"{self.server.name}{self.path}: {self.description} At {self.server.address(self.path)}"

    def body(self) -> str:
        # Not loading="lazy": after "Run all" a page further down would be fetched when its server is stopped already.
        address, label = escape(self.server.address(self.path)), escape(f"{self.server.name} {self.path}")
        link = (
            f'<p><b>{label}</b> <span class="quiet">{escape(self.description)}</span> '
            f'<a href="{address}" target="_blank" rel="noopener">Open it in a tab of its own</a></p>'
        )
        if not self.framed:
            return link
        return (
            f'{link}<iframe src="{address}" title="{label}" width="100%" height="{self.height}" '
            f'onload="{escape(WATCHES)}" data-stopped="{escape(STOPPED)}" '
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
    page = Page(server, path, height, *_describe(server.url + path))
    if page.framed:
        server.visits.expect(path)
    return page


def _describe(url: str) -> tuple[str, bool]:
    """Status and title of the page, in a sentence, and whether it lets itself be framed."""
    try:
        with ask(Request(url, headers={"Accept": "text/html", "X-Request-Id": "show"}), 5) as answer:
            title = re.search(r"(?is)<title>(.*?)</title>", answer.read(100_000).decode(errors="replace"))
            said = f"answers {answer.status} {answer.reason}" + (f", “{unescape(title[1]).strip()}”." if title else ".")
            ancestors = "frame-ancestors" in answer.headers.get("Content-Security-Policy", "")
            if not ancestors and "X-Frame-Options" not in answer.headers:
                return said, True
            header = "Content-Security-Policy" if ancestors else "X-Frame-Options"
            return f"{said} It refuses to be shown in a frame (header {header}).", False
    except HTTPError as answer:
        answer.close()
        return f"answers {answer.code} {answer.reason}.", True
    except OSError as error:
        return f"did not answer within 5 s ({error}).", True
