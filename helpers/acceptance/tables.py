"""A closer look at a few cases: what each server stored, and the number it answered with."""

import json
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from helpers.acceptance.cases import Case, outcome
from helpers.errors import LessonError
from helpers.exchange import Answer, Exchange
from helpers.plots import Drawn, color_of, escape
from helpers.words import listed


class _Table(Drawn):
    """A row for each case, a column for each server."""

    foot = ""

    def __init__(self, cases: Sequence[Case], exchanges: Mapping[str, Exchange]) -> None:
        if not cases:
            raise LessonError("Name one case or more by their ids, such as 'quantity-true'.")
        self.cases = list(cases)
        self.answers = [list(exchanges[case.id]) for case in cases]
        self.servers = [answer.server for answer in self.answers[0]]

    @property
    @abstractmethod
    def title(self) -> str:
        """The finding in one line, computed from the answers."""

    @abstractmethod
    def cell(self, case: Case, answer: Answer) -> str:
        """What stands in one cell, in words."""

    def summary(self) -> str:
        lines = [f"{self.title}."]
        for case, answers in zip(self.cases, self.answers, strict=True):
            lines.append(f"{case.title}: {'; '.join(f'{a.server} {self.cell(case, a)}' for a in answers)}.")
        return "\n".join(lines)

    def body(self) -> str:
        heads = "".join(
            f'<th scope="col" style="overflow-wrap:normal;border-bottom:3px solid {color_of(name)}">{escape(name)}</th>'
            for name in self.servers
        )
        rows = []
        for case, answers in zip(self.cases, self.answers, strict=True):
            cells = "".join(f"<td>{escape(self.cell(case, answer))}</td>" for answer in answers)
            rows.append(f'<tr><th scope="row">{escape(case.title)}</th>{cells}</tr>')
        foot = f'<p class="quiet">{self.foot}</p>' if self.foot else ""
        return (
            f"<p><b>{escape(self.title)}</b></p>"
            f"<table><thead><tr><td></td>{heads}</tr></thead>{''.join(rows)}</table>{foot}"
        )


class Stored(_Table):
    """What each server made of one field: its value in the answer, beside the value that was sent."""

    foot = "An arrow: let in as something else than was sent."

    def __init__(self, cases: Sequence[Case], exchanges: Mapping[str, Exchange], field: str) -> None:
        super().__init__(cases, exchanges)
        self.field = field
        self.sent = {case.id: self._sent(case) for case in cases}

    def _sent(self, case: Case) -> Any:
        try:
            return json.loads(case.body or b"")[self.field]
        except (ValueError, LookupError, TypeError, RecursionError) as cause:
            raise LessonError(f"The request {case.id!r} sends no {self.field!r}; choose one that does.") from cause

    def value(self, answer: Answer) -> Any:
        """The field in an answer; None where it is not there."""
        body = answer.json()
        return body.get(self.field) if isinstance(body, dict) else None

    def changed(self, case: Case, answer: Answer) -> bool:
        """Whether a request was let in with another value than was sent; 3 and 3.0 are the same number."""
        if not answer.ok:
            return False
        sent, kept = self.sent[case.id], self.value(answer)
        return sent != kept or isinstance(sent, bool) != isinstance(kept, bool)

    def cell(self, case: Case, answer: Answer) -> str:
        if not answer.ok:
            return outcome(answer)
        return ("→ " if self.changed(case, answer) else "") + json.dumps(self.value(answer))

    @property
    def title(self) -> str:
        pairs = [(c, a) for c, answers in zip(self.cases, self.answers, strict=True) for a in answers]
        changing = list(dict.fromkeys(answer.server for case, answer in pairs if self.changed(case, answer)))
        if not changing:
            return f"What is let in keeps the {self.field} that was sent"
        return f"{listed(changing)} {'store' if len(changing) > 1 else 'stores'} another {self.field} than was sent"


class Statuses(_Table):
    """The number that each server answered with."""

    def cell(self, case: Case, answer: Answer) -> str:
        return str(answer.status or "no answer")

    @property
    def title(self) -> str:
        parted = sum(len({answer.status for answer in answers}) > 1 for answers in self.answers)
        return f"{parted} of {len(self.cases)} requests get different numbers from different servers"
