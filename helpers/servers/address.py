"""Where a browser finds a server of this kernel.

The browser may sit on another machine than the kernel: on Binder, on a hub, behind an SSH tunnel. What it reaches for
certain is Jupyter itself, and with jupyter-server-proxy Jupyter passes requests on to any port of the kernel's
machine: /user/ada/proxy/43210/docs arrives there as /docs. The proxy names the prefix that it cuts off in the
`X-Forwarded-Prefix` header. An app that hears of it (as `root_path` in ASGI, `SCRIPT_NAME` in WSGI) writes links that
work for the browser. What the header cannot mend is a redirect.
"""

import json
import os
import ssl
import urllib.error
import urllib.request
from http.client import HTTPResponse
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit


def browser_address(port: int, path: str) -> str:
    """The address under which the browser that shows this notebook reaches `path` on `port`."""
    path = "/" + path.lstrip("/")
    base = proxy_base()
    return f"http://127.0.0.1:{port}{path}" if base is None else f"{base}proxy/{port}{path}"


def proxy_base() -> str | None:
    """Jupyter's base URL (``"/"``, ``"/user/ada/"``) where jupyter-server-proxy serves it, else None.

    The Jupyter server that started this kernel has written a ``jpserver-PID.json`` into its runtime folder; a request
    finds out whether it has the proxy. Where there is no such file, a hub's JUPYTERHUB_SERVICE_PREFIX has to do.
    """
    if server := jupyter_server():
        return str(server["base_url"]) if _has_proxy(server) else None
    prefix = os.environ.get("JUPYTERHUB_SERVICE_PREFIX")
    return prefix.rstrip("/") + "/" if prefix else None


def jupyter_server() -> dict[str, object] | None:
    """What the Jupyter server that is this kernel's parent says about itself, or None outside of one."""
    if not (pid := os.environ.get("JPY_PARENT_PID")):
        return None
    from jupyter_core.paths import jupyter_runtime_dir

    try:
        found: dict[str, object] = json.loads(Path(jupyter_runtime_dir(), f"jpserver-{pid}.json").read_bytes())
    except (OSError, ValueError):
        return None
    return found


def _has_proxy(server: dict[str, object]) -> bool:
    """Whether jupyter-server-proxy answers there: 404 says that no such extension is in the server.

    A server that is too busy to answer counts as one that has what is installed here, and is asked again next time.
    """
    # Not proxy/PORT/: with nothing behind the port, that leaves a traceback in the terminal where Jupyter runs.
    url = f"{server['url']}server-proxy/servers-info"
    if url in _with_proxy:
        return True
    token = server.get("token") or os.environ.get("JUPYTERHUB_API_TOKEN", "")
    try:
        ask(urllib.request.Request(url, headers={"Authorization": f"token {token}"}), 3).close()
    except urllib.error.HTTPError as answer:
        answer.close()
        if answer.code == 404:
            return False
    except OSError:
        return find_spec("jupyter_server_proxy") is not None
    _with_proxy.add(url)
    return True


_with_proxy: set[str] = set()  # addresses at which the proxy has answered


def ask(request: urllib.request.Request, timeout: float) -> HTTPResponse:
    """The answer of a server on this machine, past any proxy that the environment names.

    Its certificate, where it has one, may be of its own making: who answers at 127.0.0.1 is known without.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    handlers = urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
    answer: HTTPResponse = urllib.request.build_opener(*handlers).open(request, timeout=timeout)
    return answer


def redirect_target(location: str, host: str, prefix: str) -> str:
    """`location` as a browser behind `prefix` needs it.

    A redirect within this server becomes ``//host/prefix/path``: a form that keeps the browser's own scheme (https on
    a hub), and that jupyter-server-proxy passes on as it is, while it would put the prefix before a bare path again.
    Redirects to other hosts, and relative ones, stay.
    """
    parts = urlsplit(location)
    if not parts.path.startswith("/") or parts.netloc not in ("", host):
        return location
    inside = f"{parts.path}/".startswith(f"{prefix}/")
    return parts._replace(scheme="", netloc=host, path=parts.path if inside else prefix + parts.path).geturl()
