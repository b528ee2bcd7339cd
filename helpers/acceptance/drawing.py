"""Draw who accepts what: a table of counts that explains the marks, and under it the map."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from helpers.acceptance.cases import WRONG, Case, Ought, Outcome, outcome
from helpers.plots import NOTICE, TROUBLE, color_of, escape

if TYPE_CHECKING:
    from helpers.acceptance.trying import AcceptanceMap
    from helpers.exchange import Answer

Section = tuple[Ought, str, list[Case]]

HEADINGS: dict[Ought, str] = {
    "refuse": "Ought to be refused",
    "accept": "Ought to be accepted",
    "either": "Fine either way",
}
DIVIDED, ALONE = "Servers against servers", "One server against the others"
ONE_PANEL = 12  # lines; more are laid out in two panels side by side

# Where all is well the marks are faint. Where it is not they stand on a tile: the eye finds the tiles first.
CSS = f"""<style>
.trial .who td,.trial .who th{{padding:0 .1rem;border:0;line-height:1.3;min-width:1.15rem;
 text-align:center!important;vertical-align:middle}}
.trial .who tr>th:first-child{{text-align:left!important;font-weight:400;width:10.5rem;padding-right:.2rem}}
.trial .who thead th{{vertical-align:bottom}}
.trial .who tr>th.ought{{padding-top:.5rem;font-weight:600}}
.trial .who tr>th.group{{font-style:italic;opacity:.8;border-top:1px solid rgba(128,128,128,.35)}}
.trial .counts td,.trial .counts th{{font-weight:400;border:0;padding:.05rem .35rem .05rem 0;overflow-wrap:normal}}
.trial .counts tr>:first-child{{min-width:12rem}}
.trial .counts thead th{{font-weight:600;vertical-align:bottom}}
.trial .counts tbody td{{white-space:nowrap}}
.trial .counts span{{display:inline-block;height:.55rem;background:{TROUBLE}}}
.trial .mark{{display:inline-block;box-sizing:border-box;width:18px;height:15px;border-radius:3px;position:relative;
 vertical-align:middle}}
.trial .mark::before{{content:"";position:absolute;box-sizing:border-box;inset:3px 4.5px;border-radius:50%;
 border:2px solid;opacity:.45}}
.trial .mark.let::before{{background:currentColor}}
.trial .mark.wrong::before{{opacity:1}}
.trial .mark.let.wrong{{background:{TROUBLE};color:#fff}}
.trial .mark.refused.wrong{{background:{NOTICE};color:#000}}
.trial .mark.crashed{{background:currentColor}}
.trial .mark.crashed::before{{inset:1px 2.5px;border:0;border-radius:0;background:
 linear-gradient(45deg,transparent 43%,var(--jp-layout-color0,Canvas) 43% 57%,transparent 57%),
 linear-gradient(-45deg,transparent 43%,var(--jp-layout-color0,Canvas) 43% 57%,transparent 57%)}}
</style>"""


def draw(found: AcceptanceMap) -> str:
    """The finding, the counts, the map of the cases that divide the servers most, and the others folded under it."""
    first, *others = kinds_of_rows(found).items() or [("", [])]
    folds = "".join(
        f"<details><summary>{title}: {len(cases)} more</summary>{_panels(found, cases)}</details>"
        for title, cases in others
    )
    return (
        f"{CSS}<p><b>{escape(found.title)}</b></p>{_counts(found)}{_panels(found, first[1])}{folds}"
        f'<p class="quiet">{found.shown} Point at a request to see why it ought to be so, at a mark for its status.</p>'
    )


def kinds_of_rows(found: AcceptanceMap) -> dict[str, list[Case]]:
    """The cases that are drawn, by kind; kinds without a case are left out."""
    kinds: dict[str, list[Case]] = {DIVIDED: [], ALONE: [], HEADINGS["either"]: []}
    for case in found.rows:
        biggest = max(Counter(map(outcome, found[case.id])).values())
        alone = biggest == len(found.servers) - 1 and len(found.servers) > 2
        kinds[HEADINGS["either"] if case.ought == "either" else ALONE if alone else DIVIDED].append(case)
    return {kind: cases for kind, cases in kinds.items() if cases}


def _panels(found: AcceptanceMap, cases: list[Case]) -> str:
    groups = dict.fromkeys(case.group for case in found.cases)
    sections: list[Section] = [
        (ought, group, these)
        for ought in HEADINGS
        for group in groups
        if (these := [case for case in cases if (case.ought, case.group) == (ought, group)])
    ]
    panels = "".join(_panel(found, half) for half in halves(sections) if half)
    return f'<div style="display:flex;flex-wrap:wrap;align-items:flex-start;gap:0 .7rem">{panels}</div>'


def _counts(found: AcceptanceMap) -> str:
    """A row for each thing that can go wrong, with its mark, and a count for each server."""
    heads = "".join(
        f'<th scope="col" style="border-bottom:3px solid {color_of(server)}">{number} {escape(server)}</th>'
        for number, server in enumerate(found.servers, 1)
    )
    fine = f"{_mark('let in', True)} let in, {_mark('refused', True)} refused: as it ought to be, or fine either way"
    rows = [f"<thead><tr><td>{fine}</td>{heads}</tr></thead>"]
    longest = max(max(found.counts(kind)) for kind in WRONG) or 1
    for kind, (words, _) in WRONG.items():
        bars = (f'<td>{n} <span style="width:{40 * n / longest:.0f}px"></span></td>' for n in found.counts(kind))
        label = f"{_mark(kind, False)} {words} ({found.total(kind)})"
        rows.append(f'<tr><th scope="row">{label}</th>{"".join(bars)}</tr>')
    return f'<table class="counts">{"".join(rows)}</table>'


def _panel(found: AcceptanceMap, sections: list[Section]) -> str:
    """A table of the map: a row for each case, a mark for each server."""
    heads = "".join(
        f'<th scope="col" aria-label="{escape(server)}" title="{escape(server)}">{number}</th>'
        for number, server in enumerate(found.servers, 1)
    )
    rows = [f"<thead><tr><td></td>{heads}</tr></thead>"]
    across = f'scope="colgroup" colspan="{len(found.servers) + 1}"'
    before = None
    for ought, group, cases in sections:
        if ought != before:
            rows.append(f'<tr><th {across} class="ought">{HEADINGS[ought]}</th></tr>')
        rows.append(f'<tr><th {across} class="group">{escape(group)}</th></tr>')
        rows += [_row(case, list(found[case.id])) for case in cases]
        before = ought
    return f'<table class="who">{"".join(rows)}</table>'


def _row(case: Case, answers: list[Answer]) -> str:
    cells = []
    for answer in answers:
        ended = outcome(answer)
        cells.append(f"<td>{_mark(ended, case.ought not in WRONG[ended][1], str(answer.status or 'no answer'))}</td>")
    why = escape(f"{case.why} ({case.id})")
    return f'<tr><th scope="row" title="{why}">{escape(case.title)}</th>{"".join(cells)}</tr>'


def _mark(ended: Outcome, right: bool, status: str = "") -> str:
    """A dot (let in), a ring (refused) or a cross (crashed), on a tile where that is wrong."""
    said = f"{status} {ended}".strip() + ("" if right else ", wrongly")
    classes = f"mark {ended.split()[0]}{'' if right else ' wrong'}"
    return f'<i class="{classes}" role="img" aria-label="{said}" title="{said}"></i>'


def halves(sections: list[Section]) -> list[list[Section]]:
    """The sections as two panels of about the same height, or as one where they are few."""
    heights = [len(cases) + 1 for _, _, cases in sections]
    if sum(heights) <= ONE_PANEL:
        return [sections]
    cut = min(range(len(sections)), key=lambda n: abs(sum(heights[:n]) - sum(heights[n:])))
    return [sections[:cut], sections[cut:]]
