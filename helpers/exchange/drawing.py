"""Draw a request and the answers to it as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from helpers.exchange.comparing import Quiet, Row, readable, shorten
from helpers.plots import color_of, escape

if TYPE_CHECKING:
    from helpers.exchange.answers import Answer, Sent

DRAWN_AT_MOST = 4000  # characters of one cell: the rest of a body never lands in the notebook
OPEN_AT_MOST = 700  # characters, and
LINES_AT_MOST = 16  # lines, that stand open; a longer text is folded
MARKS = {True: ("=", "alike"), False: ("≠", "differs")}


def request(sent: Sent) -> str:
    """The request as it went out: its line, the headers worth reading, its body."""
    headers = [f"{name}: {value}" for name, value in sent.told]
    if sent.body and "content-type" not in sent.headers:
        headers.append("(no content-type)")
    parts = [_fold(text) for text in ("\n".join(headers), readable(sent.body)) if text]
    line = f"<strong>{escape(sent.method)}</strong> {escape(shorten(sent.target, 500))}"
    return (
        f'<p><code style="font-size:14px;background:none;color:inherit">{line}</code></p>'
        f'<div class="quiet" style="padding-left:.8rem">{"".join(parts)}</div>'
    )


def table(answers: Sequence[Answer], rows: Sequence[Row]) -> str:
    """A column for each answer and, where there are several, a first one that marks what differs."""
    several = len(answers) > 1
    share = f"width:{90 // len(answers)}%;min-width:7.6rem;" if several else ""
    names = "".join(
        f'<th scope="col" style="{share}border-bottom:3px solid {color_of(name)}">{escape(name)}</th>'
        for name in (answer.server for answer in answers)
    )
    corner = f"{_mark(None) if several else ''}<td></td>"
    lines = "".join(
        f"<tr>{_mark(row.same) if several else ''}"
        f'<th scope="row" style="width:1%;min-width:6.2rem;overflow-wrap:break-word">{escape(row.label)}</th>'
        f"{''.join(f'<td>{_cell(text, row.fold)}</td>' for text in row.texts)}</tr>"
        for row in rows
    )
    return (
        f'<table style="min-width:{"100%" if several else "20rem"}"><thead><tr>{corner}{names}</tr></thead>'
        f"<tbody>{lines}</tbody></table>"
        '<p class="quiet"><small>The time is that of one request, and the first takes longer: no benchmark.</small></p>'
    )


def _mark(same: bool | None) -> str:
    if same is None:
        return '<td style="width:1%;min-width:1rem"></td>'
    sign, word = MARKS[same]
    return f'<td style="width:1%;min-width:1rem"><b role="img" aria-label="{word}" title="{word}">{sign}</b></td>'


def _cell(text: str, fold: str) -> str:
    return f'<span class="quiet">{escape(text)}</span>' if isinstance(text, Quiet) else _fold(text, fold)


def _fold(text: str, fold: str = "") -> str:
    """`text` as it is, folded when it is long or when `fold` names its lines, cut when it is very long."""
    drawn = escape(text[:DRAWN_AT_MOST])
    lines = text.count("\n") + 1
    length = f"{len(text):,} characters"
    if len(text) > DRAWN_AT_MOST:
        drawn += f"… <em>(the first {DRAWN_AT_MOST:,} of {length})</em>"
    if not fold and len(text) <= OPEN_AT_MOST and lines <= LINES_AT_MOST:
        return f"<pre>{drawn}</pre>"
    label = f"{lines} {fold}" if fold else f"<code>{escape(shorten(text, 60))}</code> ({length})"
    return f"<details><summary>{label}</summary><pre>{drawn}</pre></details>"
