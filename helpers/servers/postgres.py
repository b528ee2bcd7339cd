"""`postgres`: a real PostgreSQL for this kernel, or the one that ``DATABASE_URL`` names."""

import os
import re
from typing import cast
from urllib.parse import quote

from helpers.errors import LessonError
from helpers.plots import Drawn, escape
from helpers.processes import Child, ChildError, registry

VARIABLE = "DATABASE_URL"
DATABASE = "lesson"
CONNECT = 5  # seconds
KEY = "postgres"  # in the registry of what runs


class NoDatabase(LessonError):
    """There is no PostgreSQL to ask; the message says why, and what goes on without it."""


class Database(Drawn):
    """A PostgreSQL that is there to be asked.

    `version` is the server's own word, such as ``"18.4"``; `external` says that it is not ours to stop.
    """

    waited_for = True

    def __init__(self, url: str, child: Child | None = None) -> None:
        self._url = url
        self.external = child is None
        self._child = child
        self._stopped = self._forked = False
        self.version, self.max_connections = _ask(url)

    @property
    def url(self) -> str:
        """Its address, which psycopg, its pool and SQLAlchemy understand. Raises NoDatabase once it is stopped."""
        if not self.running:
            raise NoDatabase("The database is stopped; run the cell that calls postgres(...), then those after it.")
        return self._url

    @property
    def running(self) -> bool:
        """Whether it is there to be asked."""
        return not self._stopped and (self._forked or self._child is None or self._child.running)

    def ask_to_stop(self) -> None:
        """Ask for a stop, without waiting for it."""
        if self._child is not None:
            self._child.ask_to_stop()

    def stop(self) -> None:
        """Stop it; its data is gone with it. An external one is left alone. Stopping twice is fine."""
        self._stopped = True
        registry.discard(KEY, self)
        if self._child is not None:
            self._child.stop()

    def abandon(self) -> None:
        """In a forked process: it is the parent's to stop, and can be asked as before."""
        self._forked = True

    def summary(self) -> str:
        if not self.running:
            return f"PostgreSQL {self.version} is stopped."
        return f"PostgreSQL {self.version} answers at {_without_password(self.url)}, {self._facts}"

    def body(self) -> str:
        if not self.running:
            return f"<p>{escape(self.summary())}</p>"
        address = escape(_without_password(self.url))  # a hundred characters and more
        fold = f'<details class="quiet"><summary>Its address</summary><code>{address}</code></details>'
        return f"<p>PostgreSQL {escape(self.version)} answers, {self._facts}</p>{fold}"

    @property
    def _facts(self) -> str:
        whose = f"the one that {VARIABLE} names" if self.external else "it started empty and stops with this kernel"
        return f"{self.max_connections} connections at most; {whose}."


def postgres(*, timeout: float = 30.0) -> Database:
    """A real PostgreSQL: started on first use, the same one afterwards, stopped together with this kernel.

    Each kernel has a server of its own, with an empty database, behind a Unix socket (on Windows, 127.0.0.1). Where the
    environment variable ``DATABASE_URL`` is set, it is that server instead, and none is started.

    Raises NoDatabase, in one sentence, when it does not run here or not within `timeout` seconds.
    """
    external = os.environ.get(VARIABLE, "").strip()
    # SQLAlchemy names a driver there, as in postgresql+psycopg://
    url = re.sub(r"^(postgres(?:ql)?)\+\w+:", r"\1:", external)
    with registry.lock:
        current = cast("Database | None", registry.get(KEY))  # not isinstance: this module may have been loaded again
        if current is not None:
            if current.running and (current.url == url if url else not current.external):
                return current
            current.stop()
        database = _connect(url) if url else _start(timeout)
        registry.add(KEY, database)
    return database


def _connect(url: str) -> Database:
    """The PostgreSQL at `url`, which the learner chose."""
    import psycopg

    repair = f"correct it, or remove it (import os; del os.environ['{VARIABLE}']) to have one started here."
    try:
        return Database(url)
    except psycopg.ProgrammingError:  # its message repeats a part of the address, which may be the password
        example = "postgresql://user:password@127.0.0.1/name"
        raise NoDatabase(f"{VARIABLE} holds no PostgreSQL address such as {example}; {repair}") from None
    except psycopg.Error as error:
        raise NoDatabase(f"No PostgreSQL answers at the address in {VARIABLE}; {repair}") from error


def _start(timeout: float) -> Database:
    """A PostgreSQL of our own, with an empty database."""
    import psycopg

    child = None
    try:
        child = Child("helpers.servers.postgres_child", timeout=timeout)
        host, port = quote(child.hello["host"], safe=""), child.hello["port"]
        where = f"host={host}&port={port}"
        with psycopg.connect(f"postgresql://postgres@/postgres?{where}", autocommit=True) as connection:
            # The data folder may be one that an earlier kernel has used.
            connection.execute(f"drop database if exists {DATABASE} with (force)")
            connection.execute(f"create database {DATABASE}")
        return Database(f"postgresql://postgres@/{DATABASE}?{where}", child)
    except BaseException as error:
        if child is not None:
            child.stop()
        if not isinstance(error, (ChildError, psycopg.Error)):
            raise
        raise NoDatabase(
            "PostgreSQL does not run here, so the cells that query it will not either, while all others do: to run "
            f"them, put the address of a PostgreSQL you have into {VARIABLE} "
            f"(%env {VARIABLE}=postgresql://user:password@127.0.0.1/name) and run this cell again."
        ) from error


def _ask(url: str) -> tuple[str, int]:
    """Version and number of connections of the server at `url`."""
    import psycopg

    with psycopg.connect(url, connect_timeout=CONNECT) as connection:
        version = connection.info.parameter_status("server_version") or "?"
        (most,) = connection.execute("show max_connections").fetchone() or ("0",)
        return version.split()[0], int(most)


def _without_password(url: str) -> str:
    """`url` as it may be shown: neither in the user part nor among the parameters does a password remain."""
    url = re.sub(r"^(\w+://[^:/@?]*):[^/@]*@", r"\1@", url)
    return re.sub(r"(?i)(password\s*=\s*)('[^']*'|[^\s&]*)", r"\1…", url)
