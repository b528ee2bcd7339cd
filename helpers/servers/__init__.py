"""Run an app inside the kernel, show its pages in a cell, find its address for a browser."""

from helpers.servers.detect import NotAnApp
from helpers.servers.failures import Failure
from helpers.servers.server import ServeError, Server, ServerWarning, serve, stop_all
from helpers.servers.show import show

__all__ = ["Failure", "NotAnApp", "ServeError", "Server", "ServerWarning", "serve", "show", "stop_all"]
