"""Living behind a path prefix, as under jupyter-server-proxy: /user/ada/proxy/43210/docs arrives here as /docs.

The proxy cuts the prefix off and names it in the `X-Forwarded-Prefix` header. An app that hears of it (as `root_path`
in ASGI, `SCRIPT_NAME` in WSGI) writes links that work for the browser. What the header cannot mend is a redirect.
"""

from __future__ import annotations

from urllib.parse import urlsplit


def redirect_target(location: str, host: str, prefix: str) -> str:
    """`location` as a browser behind `prefix` needs it.

    A redirect within this server becomes ``//host/prefix/path``: a form that keeps the browser's own scheme (https on
    a hub), and that jupyter-server-proxy passes on as it is, while it would put the prefix before a bare path again.
    Redirects to other hosts, and relative ones, stay.
    """
    parts = urlsplit(location)
    if not prefix or not parts.path.startswith("/") or parts.netloc not in ("", host):
        return location
    inside = parts.path == prefix or parts.path.startswith(prefix + "/")
    path = parts.path if inside else prefix + parts.path
    return parts._replace(scheme="", netloc=host, path=path).geturl()
