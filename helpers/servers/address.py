"""Where a browser finds a server of this kernel.

The browser may sit on another machine than the kernel: on Binder, on a hub, behind an SSH tunnel. What it reaches for
certain is Jupyter itself, and with jupyter-server-proxy Jupyter passes requests on to any port of the kernel's
machine.
"""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from functools import cache
from pathlib import Path


def browser_address(port: int, path: str) -> str:
    """The address under which the browser that shows this notebook reaches `path` on `port`."""
    path = "/" + path.lstrip("/")
    base = proxy_base()
    return f"http://127.0.0.1:{port}{path}" if base is None else f"{base}proxy/{port}{path}"


@cache
def proxy_base() -> str | None:
    """Jupyter's base URL (``"/"``, ``"/user/ada/"``) where jupyter-server-proxy serves it, else None.

    A hub says it in JUPYTERHUB_SERVICE_PREFIX. Otherwise the Jupyter server that started this kernel has written a
    ``jpserver-PID.json`` into its runtime folder; one request finds out whether it has the proxy.
    """
    prefix = os.environ.get("JUPYTERHUB_SERVICE_PREFIX")
    if prefix:
        return prefix.rstrip("/") + "/"
    server = jupyter_server()
    if server is None or not _has_proxy(server):
        return None
    return str(server["base_url"])


def jupyter_server() -> dict[str, object] | None:
    """What the Jupyter server that is this kernel's parent says about itself, or None outside of one."""
    pid = os.environ.get("JPY_PARENT_PID")
    if not pid:
        return None
    from jupyter_core.paths import jupyter_runtime_dir

    try:
        path = Path(jupyter_runtime_dir()) / f"jpserver-{pid}.json"
        found: dict[str, object] = json.loads(path.read_text(encoding="utf-8"))
        return found
    except (OSError, ValueError):
        return None


def _has_proxy(server: dict[str, object]) -> bool:
    """Whether jupyter-server-proxy answers there: 404 says that no such extension is in the server."""
    # Not proxy/PORT/: with nothing behind the port, that leaves a traceback in the terminal where Jupyter runs.
    url, token = server["url"], server.get("token", "")
    request = urllib.request.Request(f"{url}server-proxy/servers-info", headers={"Authorization": f"token {token}"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=3):
            return True
    except urllib.error.HTTPError as answer:
        answer.close()
        return answer.code != 404
    except OSError:
        return False
