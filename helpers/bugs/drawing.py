"""Draw who finds which bug: a row a bug, and for each app a column a checker, and one for what a request met."""

from __future__ import annotations

from typing import TYPE_CHECKING

from helpers.plots import NOTICE, TROUBLE, Drawn, color_of, escape

if TYPE_CHECKING:
    from helpers.bugs.hunting import Hunt

CSS = f"""<style>
.trial .hunt td,.trial .hunt th{{padding:0 .25rem;line-height:1.3;vertical-align:middle;border-top-width:0;
 overflow-wrap:normal}}
.trial .hunt tr>th:first-child{{font-weight:400;padding-left:0}}
.trial .hunt thead th{{font-weight:400;vertical-align:bottom}}
.trial .hunt thead th.app{{font-weight:600}}
.trial .hunt td.mark{{text-align:center!important;min-width:1.3rem;padding:0 .1rem}}
.trial .hunt thead th.tool{{writing-mode:vertical-rl;transform:rotate(180deg);min-width:0;padding:.15rem .1rem}}
.trial .hunt td.asked{{padding-right:.6rem;white-space:nowrap}}
.trial .hunt tbody tr{{border-top:1px solid rgba(128,128,128,.25)}}
.trial .hunt .ends{{display:inline-block;padding:0 .3rem;border-radius:3px}}
.trial .hunt .wrong{{background:{TROUBLE};color:#000;font-weight:600}}
.trial .hunt .refused{{background:{NOTICE};color:#000}}
.trial .hunt tfoot th,.trial .hunt tfoot td{{border-top:1px solid;font-weight:600!important}}
.trial .pieces{{display:flex;flex-wrap:wrap;gap:.4rem 1.4rem;align-items:flex-start}}
.trial .pieces>div{{flex:1 1 17rem;min-width:0}}
</style>"""

WORDS = {
    "at import": "at import",
    "crashed": "500",
    "refused": "refused",
    "wrong": "wrong",
    "right": "right",
    "not there": "–",
}
LONGEST = 180  # characters of a message: some list every type that would have been right
FOOT = (
    "●: reported. Asked: what a request that meets the bug gets; 500: an exception, which a log shows; refused: a "
    "4xx for a good request; wrong: a good status and a wrong answer. Silent: wrong, and reported by nobody."
)


def draw(found: Hunt) -> str:
    """The finding, the map, and what its words mean."""
    columns = len(found.checkers)
    apps = "".join(
        f'<th scope="colgroup" colspan="{columns + 1}" class="app" style="border-bottom:3px solid {color_of(app)}">'
        f"{escape(app)}</th>"
        for app in found.apps
    )
    names = "".join(f'<th scope="col" class="tool">{escape(checker)}</th>' for checker in found.checkers)
    heads = (names + '<th scope="col">asked</th>') * len(found.apps)
    rows = "".join(_row(found, bug) for bug in sorted(found.bugs, key=lambda bug: -_reports(found, bug)))
    counts = "".join(
        "".join(f'<td class="mark">{len(found.found(app, checker))}</td>' for checker in found.checkers)
        + f'<td class="asked">{len(found.silent(app))} silent</td>'
        for app in found.apps
    )
    return (
        f"{CSS}<p><b>{escape(found.title)}</b></p>"
        f'<table class="hunt"><thead><tr><td></td>{apps}</tr><tr><td></td>{heads}</tr></thead>'
        f'<tbody>{rows}</tbody><tfoot><tr><th scope="row">of {len(found.bugs)}</th>{counts}</tr></tfoot></table>'
        f'<p class="quiet">{FOOT}</p>'
    )


def _reports(found: Hunt, bug: str) -> int:
    return sum(bool(found.messages(app, checker, bug)) for app in found.apps for checker in found.checkers)


def _row(found: Hunt, bug: str) -> str:
    cells = []
    for app in found.apps:
        for checker in found.checkers:
            said = found.messages(app, checker, bug)
            words = escape(f"{checker}: {said[0]}" if said else f"{checker} says nothing")
            cells.append(f'<td class="mark" title="{words}">{"●" if said else "·"}</td>')
        asked = found.asked[app][bug]
        words = escape(f"{asked.status or ''} {asked.said}".strip())
        kind = asked.outcome if asked.outcome in ("wrong", "refused") else "fine"
        cells.append(f'<td class="asked" title="{words}"><span class="ends {kind}">{WORDS[asked.outcome]}</span></td>')
    return f'<tr><th scope="row" title="{escape(bug)}">{escape(found.bugs[bug].title)}</th>{"".join(cells)}</tr>'


class Case(Drawn):
    """One bug in every app: its lines, what the checkers say about them, and what a request met."""

    def __init__(self, found: Hunt, bug: str) -> None:
        self.bug = found.bugs[bug]
        self._pieces: dict[str, str] = {}
        self._said: dict[str, list[str]] = {}
        for app in found.apps:
            files = [source for source in found.sources[app] if bug in source.functions]
            self._pieces[app] = files[0].piece(bug) if files else "(not there)"
            lines = [
                f"{checker}: {text[:LONGEST]}{'…' * (len(text) > LONGEST)}"
                for checker in found.checkers
                for text in found.messages(app, checker, bug)
            ] or ["no checker says anything"]
            asked = found.asked[app][bug]
            if asked.outcome != "not there":
                met = f"{self.bug.method} {self.bug.path}: {asked.status or 'stopped at import'}"
                lines.append(
                    " ".join(filter(None, [met, WORDS[asked.outcome] * (asked.outcome != "crashed"), asked.said]))
                )
            self._said[app] = lines

    def summary(self) -> str:
        lines = [f"{self.bug.title}."]
        for app, said in self._said.items():
            lines.append("\n  ".join([f"{app}:", *said]))
        return "\n".join(lines)

    def body(self) -> str:
        pieces = "".join(
            f'<div><p style="border-bottom:3px solid {color_of(app)}"><b>{escape(app)}</b></p>'
            f"<pre>{escape(piece)}</pre>"
            + "".join(f'<p class="quiet">{escape(line)}</p>' for line in self._said[app])
            + "</div>"
            for app, piece in self._pieces.items()
        )
        return f'{CSS}<p><b>{escape(self.bug.title)}</b></p><div class="pieces">{pieces}</div>'
