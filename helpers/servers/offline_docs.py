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

FOLDER = "/.docs-assets/"  # not a path that an app would use
LARGEST_PAGE = 100_000  # bytes; a documentation page has about one thousand

# SwaggerUIStandalonePreset adds the top bar, which the frameworks' pages switch off; the pages want the name to exist.
_EMPTY_PRESET = b"var SwaggerUIStandalonePreset = [];"
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


def is_page_for_a_browser(accept: str, content_type: str, content_length: str | None) -> bool:
    """Whether this answer could be a documentation page that a browser is about to show.

    A stream has no Content-Length and is left alone: holding it back would break it.
    """
    return (
        "text/html" in accept
        and content_type.startswith("text/html")
        and content_length is not None
        and int(content_length) <= LARGEST_PAGE
    )


def localize(page: bytes, prefix: str) -> bytes:
    """`page` with the known scripts and styles of other hosts replaced by those under `prefix` + FOLDER."""
    local = _REMOTE_FILE.sub(lambda m: f"{prefix}{FOLDER}".encode() + m.group(1), page)
    return _REMOTE_FONT.sub(b"", local) if local != page else page


@cache
def asset(path: str) -> tuple[str, bytes] | None:
    """Content type and content of the asset at `path`, or None where there is none."""
    name = path.removeprefix(FOLDER)
    if not path.startswith(FOLDER) or name not in _KNOWN:
        return None
    if name == "swagger-ui-standalone-preset.js":
        return _KNOWN[name], _EMPTY_PRESET
    content = files("fastapi_offline").joinpath("static", name).read_bytes()
    return _KNOWN[name], content.replace(_REDOC_LOGO, _NO_IMAGE)
