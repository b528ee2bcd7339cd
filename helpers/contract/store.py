"""Stores for the capstone's apps: each call waits as a query does, and is one step that nobody comes in between.

Between two calls anybody may come: whoever reads, thinks and then writes has to say to the write what was read.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple
from uuid import uuid4

from helpers.arguments import number
from helpers.errors import LessonError

Row = dict[str, Any]  # id, title, done, order and version

WAIT = 0.005  # seconds: what a query to a database nearby takes


class Added(NamedTuple):
    """What became of `add`: the todo, whether it was made now, and whether the key's first todo was the same."""

    todo: Row
    made: bool
    same: bool


class Store:
    """Todos in memory. Each call waits `wait` seconds (0 to 1), as threads of a server wait for a database."""

    def __init__(self, wait: float = WAIT) -> None:
        self.wait = number("wait", wait, 0, 1)
        self._lock = threading.Lock()
        self._rows: dict[int, Row] = {}
        self._keys: dict[str, tuple[int, Mapping[str, Any]]] = {}
        self._last = 0

    def add(self, todo: Mapping[str, Any], key: str | None = None) -> Added:
        """Keep a new `todo` (title, done, order) as version 1; with a `key` that was used before, make none."""
        sent = {name: todo[name] for name in ("title", "done", "order")}
        with self._step():
            if key in self._keys and (first := self._keys[key])[0] in self._rows:
                return Added(dict(self._rows[first[0]]), made=False, same=first[1] == sent)
            self._last += 1
            self._rows[self._last] = {"id": self._last, **sent, "version": 1}
            if key is not None:
                self._keys[key] = (self._last, sent)
            return Added(dict(self._rows[self._last]), made=True, same=True)

    def get(self, id: int) -> Row | None:
        """The todo with this id, None where there is none."""
        with self._step():
            return dict(row) if (row := self._rows.get(id)) else None

    def page(self, after: int = 0, limit: int = 20, done: bool | None = None) -> tuple[list[Row], int]:
        """The first `limit` todos with an id beyond `after`, by id, and how many there are in all."""
        with self._step():
            fit = [dict(row) for row in self._rows.values() if done is None or row["done"] is done]
            return [row for row in fit if row["id"] > after][:limit], len(fit)

    def change(self, id: int, changes: Mapping[str, Any], version: int | None = None) -> Row | None:
        """Change fields of a todo, which makes a new version of it, and return it.

        None, and no change, where there is no such todo, or where its version is not the one that is given.
        """
        with self._step():
            row = self._rows.get(id)
            if row is None or version not in (None, row["version"]):
                return None
            row.update(changes, version=row["version"] + 1)
            return dict(row)

    def remove(self, id: int) -> bool:
        """Take a todo away; False where there was none."""
        with self._step():
            return self._rows.pop(id, None) is not None

    @contextmanager
    def _step(self) -> Iterator[None]:
        time.sleep(self.wait)
        with self._lock:
            yield


class PostgresStore:
    """The same in PostgreSQL, whose own means take the place of the lock: one `update ... where`, one unique key.

    `address` is a connection string, such as `postgres().url`. Each store makes a schema of its own and so begins
    empty; processes that share their todos give the same name as `schema`. Raises LessonError where nobody answers.
    """

    def __init__(self, address: str, schema: str | None = None) -> None:
        from psycopg.rows import dict_row
        from psycopg.sql import SQL, Identifier
        from psycopg_pool import ConnectionPool, PoolTimeout

        name = Identifier(schema or f"todos_{uuid4().hex}")
        self._table = SQL(".").join([name, Identifier("todos")])
        self._pool = ConnectionPool(
            address, min_size=1, max_size=10, kwargs={"row_factory": dict_row}, open=False, name="todos"
        )
        try:
            self._pool.open(wait=True, timeout=5)
        except PoolTimeout as cause:
            self._pool.close()
            raise LessonError("No PostgreSQL answers at this address: run the cell with postgres() first.") from cause
        with self._pool.connection() as connection:
            connection.execute("select pg_advisory_xact_lock(1)")  # workers begin in the same moment
            connection.execute(SQL("create schema if not exists {}").format(name))
            connection.execute(
                SQL(
                    "create table if not exists {} (id bigint generated always as identity primary key, "
                    'title text not null, done boolean not null, "order" bigint, version bigint not null default 1, '
                    "key text unique, sent jsonb not null)"
                ).format(self._table)
            )

    def add(self, todo: Mapping[str, Any], key: str | None = None) -> Added:
        """As `Store.add`; the key is unique, so of several inserts in the same moment one makes a row."""
        sent = {name: todo[name] for name in ("title", "done", "order")}
        values = {**sent, "key": key, "sent": json.dumps(sent)}
        insert = (
            'insert into {} (title, done, "order", key, sent) values (%(title)s, %(done)s, %(order)s, %(key)s, '
            "%(sent)s) on conflict (key) do nothing returning *"
        )
        while True:
            if made := self._run(insert, values):
                return Added(_row(made[0]), made=True, same=True)
            if first := self._run("select * from {} where key = %(key)s", values):  # not removed in between
                return Added(_row(first[0]), made=False, same=first[0]["sent"] == sent)

    def get(self, id: int) -> Row | None:
        """As `Store.get`."""
        found = self._run("select * from {} where id = %(id)s", {"id": id})
        return _row(found[0]) if found else None

    def page(self, after: int = 0, limit: int = 20, done: bool | None = None) -> tuple[list[Row], int]:
        """As `Store.page`."""
        values = {"after": after, "limit": limit, "done": done}
        fit = "from {} where (%(done)s::boolean is null or done = %(done)s)"
        with self._pool.connection() as connection:
            connection.execute("set transaction isolation level repeatable read")  # both see the same todos
            page = f"select * {fit} and id > %(after)s order by id limit %(limit)s"
            rows = self._rows(connection, page, values)
            (counted,) = self._rows(connection, f"select count(*) {fit}", values)
        return [_row(row) for row in rows], counted["count"]

    def change(self, id: int, changes: Mapping[str, Any], version: int | None = None) -> Row | None:
        """As `Store.change`, in one statement: the row is changed only where the version is still the one given."""
        new = "".join(f'"{name}" = %({name})s, ' for name in ("title", "done", "order") if name in changes)
        found = self._run(
            f"update {{}} set {new}version = version + 1 where id = %(id)s "
            "and (%(version)s::bigint is null or version = %(version)s) returning *",
            {**changes, "id": id, "version": version},
        )
        return _row(found[0]) if found else None

    def remove(self, id: int) -> bool:
        """As `Store.remove`."""
        return bool(self._run("delete from {} where id = %(id)s returning id", {"id": id}))

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()

    def _run(self, statement: str, values: Mapping[str, Any]) -> list[Row]:
        """The rows that one statement returns, in a transaction of its own."""
        with self._pool.connection() as connection:
            return self._rows(connection, statement, values)

    def _rows(self, connection: Any, statement: str, values: Mapping[str, Any]) -> list[Row]:
        """The rows that a statement returns, with the table in place of its braces."""
        from psycopg.sql import SQL

        found: list[Row] = connection.execute(SQL(statement).format(self._table), values).fetchall()
        return found


def _row(found: Row) -> Row:
    return {name: found[name] for name in ("id", "title", "done", "order", "version")}
