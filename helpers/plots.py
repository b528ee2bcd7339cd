"""The one style of everything a cell shows: palette, marks, cards, pictures with alternative text."""

from __future__ import annotations

import html
import io
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from markupsafe import escape as markup

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's colours (https://jfly.uni-koeln.de/color/), told apart with any kind of colour vision.
# A colour never speaks alone: a mark, a hatch or a label says the same.
FASTAPI = "#009E73"
FLASK = "#0072B2"
TROUBLE = "#D55E00"
NOTICE = "#E69F00"
QUIET = "#8A8F98"
INK = "#123456"  # stands for the page's own text colour: Picture writes `currentColor` in its place

_STYLE: dict[Any, Any] = {
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "hatch.color": INK,
    "svg.fonttype": "path",
}

_CSS = """
.trial{color:var(--jp-content-font-color1,inherit);font-family:var(--jp-content-font-family,system-ui,sans-serif);
 font-size:14px;line-height:1.45;max-width:62rem;margin:.3rem 0;overflow-x:auto}
.trial table{border-collapse:collapse;margin:.4rem 0;font-size:13px}
.trial th,.trial td{text-align:left!important;vertical-align:top;padding:.25rem .6rem;background:none!important;
 border:0;border-top:1px solid rgba(128,128,128,.35);white-space:normal;overflow-wrap:anywhere;min-width:2.2rem}
.trial th{font-weight:600}
.trial pre,.trial code{font-family:var(--jp-code-font-family,ui-monospace,monospace);font-size:12.5px}
.trial pre{white-space:pre-wrap;word-break:normal;overflow-wrap:anywhere;
 margin:0;padding:0;background:none!important;color:inherit;border:0}
.trial p{margin:.25rem 0}
.trial a{text-decoration:underline!important}
.trial tr{background:none!important}
.trial .quiet{opacity:.75}
.trial .good{border-left:5px solid #009E73;padding-left:.6rem}
.trial .bad{border-left:5px dashed #D55E00;padding-left:.6rem}
.trial .note{border-left:5px double #E69F00;padding-left:.6rem}
.trial details>summary{cursor:pointer;min-height:24px;padding:2px 0}
.trial svg{max-width:100%;height:auto;display:block}
.trial figure{margin:0}
"""


def color_of(name: str) -> str:
    """The colour of a framework, by a server's or an arm's name (``"FastAPI"``, ``"flask, 10 threads"``)."""
    low = name.lower()
    return FASTAPI if "fastapi" in low else FLASK if "flask" in low else QUIET


def escape(value: object) -> str:
    """`value` as text that is safe inside HTML."""
    return html.escape(str(value))


def inline(text: str) -> str:
    """`text` as safe HTML, with what stands between backticks as code."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", escape(text))


def card(body: str) -> str:
    """`body` (HTML) in the frame and style that all of the helpers' results share, in light and dark themes."""
    return f'<div class="trial"><style>{_CSS}</style>{body}</div>'


def table(rows: Iterable[Sequence[object]], head: Sequence[object] = (), *, row_heads: bool = False) -> str:
    """`rows` as an HTML table under `head`. Cells are text, or `markupsafe.Markup` where they are HTML already.

    With `row_heads` the first cell of each row says what the row is about.
    """
    columns = "".join(f'<th scope="col">{markup(cell)}</th>' if cell else "<td></td>" for cell in head)
    lines = [f"<thead><tr>{columns}</tr></thead>"] if head else []
    for row in rows:
        first = f'<th scope="row">{markup(row[0])}</th>' if row_heads else ""
        cells = "".join(f"<td>{markup(cell)}</td>" for cell in row[row_heads:])
        lines.append(f"<tr>{first}{cells}</tr>")
    return f"<table>{''.join(lines)}</table>"


class Drawn(ABC):
    """Something a cell can show: HTML for people who look, `summary()` for those who listen, a terminal, a test."""

    @abstractmethod
    def summary(self) -> str:
        """What the result says, in plain text."""

    @abstractmethod
    def body(self) -> str:
        """What the result looks like: HTML, without the frame that `card` adds."""

    def __repr__(self) -> str:
        return self.summary()

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/plain": self.summary(), "text/html": card(self.body())}


class Note(Drawn):
    """A sentence in a cell. `mood` is ``"good"``, ``"bad"`` or ``"note"``; the edge's line style says it too."""

    def __init__(self, text: str, mood: str = "note") -> None:
        self.text, self.mood = text, mood

    def summary(self) -> str:
        return self.text

    def body(self) -> str:
        return f'<p class="{self.mood}">{escape(self.text)}</p>'


class Picture(Drawn):
    """A figure with its alternative text and the one sentence that says what it shows.

    Drawn as SVG in the page's own text colour, so that it reads in light and dark themes alike.
    """

    def __init__(self, svg: str, alt: str, sentence: str = "") -> None:
        self.svg, self.alt, self.sentence = svg, alt, sentence

    def summary(self) -> str:
        return " ".join(part for part in (self.alt, self.sentence) if part)

    def body(self) -> str:
        caption = f"<figcaption>{escape(self.sentence)}</figcaption>" if self.sentence else ""
        return f'<figure><div role="img" aria-label="{escape(self.alt)}">{self.svg}</div>{caption}</figure>'


class Canvas:
    """What `canvas` hands out: `axes` to draw on, and `picture` once the drawing is done."""

    def __init__(self, rows: int, columns: int, width: float, height: float, **subplots: Any) -> None:
        from matplotlib.figure import Figure  # not pyplot: no global state, no backend, safe in any thread

        self.figure = Figure(figsize=(width, height), layout="constrained")
        self.axes: list[Axes] = list(self.figure.subplots(rows, columns, squeeze=False, **subplots).flat)

    def picture(self, alt: str, sentence: str = "") -> Picture:
        """The drawing as a `Picture`. Call it inside the ``with`` block: the style holds only there."""
        file = io.StringIO()
        self.figure.savefig(file, format="svg", metadata={"Date": None})
        svg = file.getvalue()
        svg = svg[svg.index("<svg") :].replace(INK, "currentColor").replace(INK.lower(), "currentColor")
        svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
        return Picture(svg.replace("<svg ", '<svg aria-hidden="true" ', 1), alt, sentence)


@contextmanager
def canvas(
    rows: int = 1, columns: int = 1, *, width: float = 8, height: float = 3, **subplots: Any
) -> Iterator[Canvas]:
    """A canvas in the house style, `width` by `height` inches, with `rows` by `columns` axes.

    Further arguments go to matplotlib's ``Figure.subplots`` (``sharex=True``).
    """
    import matplotlib

    with matplotlib.rc_context(_STYLE):
        yield Canvas(rows, columns, width, height, **subplots)
