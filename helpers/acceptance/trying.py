"""Send the cases, and count what became of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from helpers.acceptance import drawing
from helpers.acceptance.cases import WRONG, Case, Outcome, outcome
from helpers.acceptance.tables import Statuses, Stored
from helpers.errors import LessonError
from helpers.exchange import Answer, Exchange, ask
from helpers.plots import Drawn


def try_all(servers: Any, cases: Sequence[Case]) -> AcceptanceMap:
    """Send each of `cases` to each of `servers`, which are what `ask` takes, and draw what became of them.

    LessonError when there is no case to send.
    """
    if not cases:
        raise LessonError("There is no request to send: take some from bad_requests().")
    exchanges = {
        case.id: ask(servers, case.method, case.path, content=case.body, headers=case.headers, timeout=30)
        for case in cases
    }
    return AcceptanceMap(cases, exchanges)


class AcceptanceMap(Drawn):
    """Who accepts what: a row for each case, a column for each server.

    It draws the cases on which the servers differ; `.all` draws every case. ``map["nested"]`` is the exchange of one
    case, by its id.
    """

    def __init__(self, cases: Sequence[Case], exchanges: Mapping[str, Exchange], every: bool = False) -> None:
        self.cases, self.exchanges, self._every = list(cases), dict(exchanges), every
        self.servers = list(next(iter(exchanges.values())).statuses)

    @property
    def all(self) -> AcceptanceMap:
        """The same map with every case in it."""
        return AcceptanceMap(self.cases, self.exchanges, every=True)

    def __getitem__(self, case_id: str) -> Exchange:
        return self.exchanges[self._of_id(case_id).id]

    def _of_id(self, case_id: str) -> Case:
        for case in self.cases:
            if case.id == case_id:
                return case
        raise LessonError(f"There is no case {case_id!r}; the ids are {', '.join(self.exchanges)}.")

    def of(self, server: str) -> dict[str, Answer]:
        """The answers of one server, by the id of the case."""
        return {case_id: exchange[server] for case_id, exchange in self.exchanges.items()}

    def wrong(self, server: str, found: Outcome) -> list[Case]:
        """The cases that `server` ``"let in"`` or ``"refused"`` although it ought not to, or ``"crashed"`` on."""
        answers = self.of(server)
        return [case for case in self.cases if case.ought in WRONG[found][1] and outcome(answers[case.id]) == found]

    def stored(self, field: str, *case_ids: str) -> Stored:
        """What each server made of one field of these cases."""
        return Stored([self._of_id(case_id) for case_id in case_ids], self.exchanges, field)

    def statuses(self, *case_ids: str) -> Statuses:
        """The number that each server answered these cases with."""
        return Statuses([self._of_id(case_id) for case_id in case_ids], self.exchanges)

    @property
    def rows(self) -> list[Case]:
        """The cases that are drawn."""
        return [case for case in self.cases if self._every or len(set(map(outcome, self[case.id]))) > 1]

    def counts(self, found: Outcome) -> list[int]:
        """How often each server did something wrong, in the order of `servers`."""
        return [len(self.wrong(server, found)) for server in self.servers]

    def total(self, found: Outcome) -> int:
        """On how many cases a server can do something wrong."""
        return sum(case.ought in WRONG[found][1] for case in self.cases)

    @property
    def title(self) -> str:
        """The finding in one line, computed from the answers."""
        counts, bad = self.counts("let in"), self.total("let in")
        most, least = (pick(counts) for pick in (max, min))
        first, last = (self.servers[counts.index(count)] for count in (most, least))
        if not bad:
            found = "No request here ought to be refused"
        else:
            found = f"Of {bad} bad request{'' if bad == 1 else 's'} "
            found += f"{'each server' if most == least and len(counts) > 1 else first} lets {most or 'none'} in"
            found += f" and {last} {least or 'none'}" if least < most else ""
        crashing = [server for server in self.servers if self.wrong(server, "crashed")]
        if not crashing:
            return f"{found}; none crashes"
        who = f"{len(crashing)} of the {len(counts)} servers crash"
        if len(crashing) == 1:
            who = f"{crashing[0]} crashes"
        elif len(crashing) == len(counts):
            who = "every server crashes"
        return f"{found}; {who} at least once"

    @property
    def shown(self) -> str:
        """How many of the cases are drawn."""
        if len(self.rows) == len(self.cases):
            return f"All {len(self.cases)} requests are shown."
        part = f"Shown are the {len(self.rows)} of {len(self.cases)} requests on which the servers differ"
        return f"{part}; add .all for the rest."

    def summary(self) -> str:
        lines = [f"{self.title}."]
        for server in self.servers:
            said = [f"{words}: {len(self.wrong(server, found))}" for found, (words, _) in WRONG.items()]
            lines.append(f"{server}: {'; '.join(said)}.")
        return "\n".join([*lines, self.shown])

    def body(self) -> str:
        return drawing.draw(self)
