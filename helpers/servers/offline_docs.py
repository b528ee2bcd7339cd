"""Documentation pages without a content delivery network.

FastAPI, APIFlask and most others answer /docs and /redoc with a small HTML page that loads its scripts from another
host. On a machine without that host the page stays white. Here the same scripts come from disk: `localize` puts their
local addresses into a page on its way to a *browser*, and `asset` is what answers there. The app is not changed, and
any other client still gets the framework's own page.

The files are those of the fastapi-offline package: swagger-ui-dist and redoc, unchanged but for the logo that ReDoc
would fetch from its maker.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

FOLDER = "/.docs-assets/"  # not a path that an app would use
LARGEST_PAGE = 100_000  # bytes; a documentation page has about one thousand

_KNOWN = {
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "swagger-ui-standalone-preset.js": "text/javascript; charset=utf-8",
    "swagger-ui.css": "text/css; charset=utf-8",
    "redoc.standalone.js": "text/javascript; charset=utf-8",
    "favicon.png": "image/png",
}
_REMOTE_FILE = re.compile(rb"https?://[^\s\"'<>]+?/(" + b"|".join(re.escape(n.encode()) for n in _KNOWN) + rb")")
_REMOTE_FONT = re.compile(rb"<link[^>]+https://fonts\.googleapis\.com/[^>]*>")
_REDOC_LOGO = b"https://cdn.redoc.ly/redoc/logo-mini.svg"
_NO_IMAGE = b"data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg'/%3E"


def is_page(headers: Iterable[tuple[str, str]]) -> bool:
    """Whether the answer with these headers could be a documentation page.

    A stream has no Content-Length and is left alone: holding it back would break it.
    """
    found = {name.lower(): value for name, value in headers}
    html = found.get("content-type", "").startswith("text/html") and "content-encoding" not in found
    return html and int(found.get("content-length", LARGEST_PAGE + 1)) <= LARGEST_PAGE


def localize(page: bytes, prefix: str) -> bytes:
    """`page` with the known scripts and styles of other hosts replaced by those under `prefix` + FOLDER."""
    local = _REMOTE_FILE.sub(lambda m: f"{prefix}{FOLDER}".encode() + m.group(1), page)
    return _REMOTE_FONT.sub(b"", local) if local != page else page


def asset(path: str) -> tuple[str, bytes] | None:
    """Content type and content of the asset at `path`, or None where there is none."""
    name = path.removeprefix(FOLDER)
    return (_KNOWN[name], _content(name)) if path.startswith(FOLDER) and name in _KNOWN else None


@cache
def _content(name: str) -> bytes:
    if name == "swagger-ui-standalone-preset.js":  # a top bar that the frameworks switch off; the name must exist
        return b"var SwaggerUIStandalonePreset = [];"
    return files("fastapi_offline").joinpath("static", name).read_bytes().replace(_REDOC_LOGO, _NO_IMAGE)
