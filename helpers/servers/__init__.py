"""Run an app inside the kernel, show its pages in a cell, find its address; what it waits for."""

from helpers.servers.commands import NoSuchServer
from helpers.servers.detect import NotAnApp
from helpers.servers.failures import Failure
from helpers.servers.launch import launch
from helpers.servers.launched import Launched
from helpers.servers.postgres import Database, NoDatabase, postgres
from helpers.servers.server import ServeError, Server, ServerWarning
from helpers.servers.serving import serve, stop_all
from helpers.servers.show import show
from helpers.servers.upstream import Upstream, upstream

__all__ = [
    "Database",
    "Failure",
    "Launched",
    "NoDatabase",
    "NoSuchServer",
    "NotAnApp",
    "ServeError",
    "Server",
    "ServerWarning",
    "Upstream",
    "launch",
    "postgres",
    "serve",
    "show",
    "stop_all",
    "upstream",
]
