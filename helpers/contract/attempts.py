"""The attempts so far, as a map of rules by attempts; they are kept in results/, for the second sitting."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable
from typing import Any, TypedDict

from helpers.plots import FASTAPI, TROUBLE
from helpers.storage import keep, kept

FILE = "reviews.json"
KEPT, SHOWN = 100, 12  # attempts of one name


class Attempt(TypedDict):
    """One review: whose it was, and the numbers of the rules."""

    name: str
    broken: list[int]
    kept: list[int]


def remember(name: str, broken: Iterable[int], not_broken: Iterable[int]) -> list[Attempt]:
    """Keep this attempt; return all of its name, oldest first."""
    attempt: Attempt = {"name": name, "broken": sorted(broken), "kept": sorted(not_broken)}
    everyone = [*_read(), attempt]
    names = {each["name"] for each in everyone}
    shortened = [each for one in sorted(names) for each in [a for a in everyone if a["name"] == one][-KEPT:]]
    keep(FILE, json.dumps(shortened))
    return [each for each in shortened if each["name"] == name]


def _read() -> list[Attempt]:
    """What was kept and can be read: a file that was damaged counts as none."""
    with contextlib.suppress(ValueError):
        found = json.loads(kept(FILE) or "[]")
        return [each for each in found if _whole(each)] if isinstance(found, list) else []
    return []


def _whole(found: Any) -> bool:
    return (
        isinstance(found, dict)
        and isinstance(found.get("name"), str)
        and all(
            isinstance(found.get(part), list) and all(type(number) is int for number in found[part])
            for part in ("broken", "kept")
        )
    )


def drawn(attempts: list[Attempt]) -> str:
    """A row for each of the latest attempts, the newest last; a column a rule: ✓ kept, ✗ broken, · not told."""
    from helpers.contract.rules import RULES

    style = "text-align:center!important;padding:.1rem 0;min-width:1.6rem"
    heads = "".join(f'<th style="{style}" title="{rule.name}">{number}</th>' for number, rule in RULES.items())
    rows = []
    for count, attempt in [*enumerate(attempts, start=1)][-SHOWN:]:
        cells = []
        for number in RULES:
            mark, color = ("·", "inherit")
            if number in attempt["kept"]:
                mark, color = "✓", FASTAPI
            elif number in attempt["broken"]:
                mark, color = "✗", TROUBLE
            weight = "700" if mark == "✗" else "400"
            edge = f"outline:2px dashed {TROUBLE};outline-offset:-3px;" if mark == "✗" else ""
            cells.append(f'<td style="{style};color:{color};font-weight:{weight};{edge}">{mark}</td>')
        here = " (now)" if count == len(attempts) else ""
        rows.append(f'<tr><th style="white-space:nowrap">{count}{here}</th>{"".join(cells)}</tr>')
    return f"<table><tr><th>rule</th>{heads}</tr>{''.join(rows)}</table>"
