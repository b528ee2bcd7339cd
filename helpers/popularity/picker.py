"""`adoption`: one measure, or a picker in which the reader changes the measure, and with it the winner."""

from __future__ import annotations

from collections import Counter
from typing import Any

from helpers.plots import Drawn, card, escape, table
from helpers.popularity.measures import ARTICLE, MEASURES
from helpers.popularity.series import NOBODY, Adoption, leads, written
from helpers.words import listed, plural


class Picker(Drawn):
    """All the measures, one at a time. Where widgets do not run: a row for each, and each picture folded."""

    def __init__(self) -> None:
        self.measures = {name: Adoption(name) for name in MEASURES}

    @property
    def title(self) -> str:
        """The finding in one line."""
        led = Counter(one.leader(ARTICLE) for one in self.measures.values())
        unknown = led.pop(NOBODY, 0)
        who = listed(f"{name} by {count}" for name, count in led.most_common())
        rest = f"; {plural(unknown, 'measure')} cannot tell" if unknown else ""
        return f"On the article's day, {ARTICLE}, who leads? {who}{rest}"

    def summary(self) -> str:
        return "\n".join([f"{self.title}.", *(f"{': '.join(row)}." for row in self._told())])

    def body(self) -> str:
        rows = [
            (one.measure.title, one.leader(ARTICLE), one.leader(), self._passed(one)) for one in self.measures.values()
        ]
        head = ("measure", "led on the article's day", "leads in the newest row", "FastAPI passed Flask between")
        folds = "".join(
            f"<details><summary>{escape(one.measure.title)}</summary>{one.body()}</details>"
            for one in self.measures.values()
        )
        return f"<p><b>{escape(self.title)}</b></p>{table(rows, head, row_heads=True)}{folds}"

    def _told(self) -> list[tuple[str, str]]:
        """Each measure, and what there is to say of it."""
        return [
            (
                one.measure.title,
                f"{leads(one.leader(ARTICLE))} on the article's day, {leads(one.leader())} in the newest row, "
                f"FastAPI passed Flask: {self._passed(one)}",
            )
            for one in self.measures.values()
        ]

    @staticmethod
    def _passed(one: Adoption) -> str:
        found = one.crossing("FastAPI", "Flask")
        return f"{written(found.before)} and {written(found.after)}" if found else "no row shows it"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        """The list as text and as HTML, for whoever cannot show widgets, and the widget."""
        return {**super()._repr_mimebundle_(), **self.widget()}

    def widget(self) -> dict[str, Any]:
        """What a front end with widgets shows in place of the list; nothing where this Python has none.

        Buttons, for Tab and the space bar: of a list box's keys JupyterLab takes the arrows and letters to itself.
        """
        try:
            import ipywidgets  # type: ignore[import-untyped]  # it comes without types
        except ImportError:
            return {}
        choice: Any = ipywidgets.ToggleButtons(
            options=[(one.measure.title, name) for name, one in self.measures.items()],
            style={"button_width": "auto"},
        )
        shown: Any = ipywidgets.HTML()

        def show(change: object = None) -> None:
            shown.value = card(self.measures[choice.value].body())

        choice.observe(show, "value")
        show()
        bundle: dict[str, Any] = ipywidgets.VBox([choice, shown])._repr_mimebundle_()
        del bundle["text/plain"]  # the widget's own says how it is made
        return bundle


def adoption(measure: str | None = None) -> Adoption | Picker:
    """Who leads: ``adoption("github_stars")`` shows one measure over time, ``adoption()`` a picker with all of them.

    Every value is a row of data/adoption.csv, with its date and its source. Raises LessonError, with those there
    are, for a measure that the table does not have.
    """
    return Picker() if measure is None else Adoption(measure)
