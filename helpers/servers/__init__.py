"""Run an app inside the kernel, show its pages in a cell, find its address; what it waits for."""

from helpers.servers.detect import NotAnApp
from helpers.servers.failures import Failure
from helpers.servers.postgres import Database, NoDatabase, postgres
from helpers.servers.server import ServeError, Server, ServerWarning, serve, stop_all
from helpers.servers.show import show
from helpers.servers.upstream import Upstream, upstream

__all__ = [
    "Database",
    "Failure",
    "NoDatabase",
    "NotAnApp",
    "ServeError",
    "Server",
    "ServerWarning",
    "Upstream",
    "postgres",
    "serve",
    "show",
    "stop_all",
    "upstream",
]
