"""Let the checkers and the requests loose on the apps, and keep who found what."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from helpers.bugs.asking import Asked, ask_all
from helpers.bugs.checkers import Messages, check, commands
from helpers.bugs.drawing import Case, draw
from helpers.bugs.sources import CONTROL, Bug, Source, described, read, seeded
from helpers.checks import Open
from helpers.errors import LessonError
from helpers.plots import Drawn
from helpers.words import listed


def hunt(apps: Mapping[str, Sequence[str | Path]], checkers: Mapping[str, Sequence[str]]) -> Hunt:
    """Who finds which bug in which app.

    `apps` gives each app's files, those of data/bugs by their names; the first has the ``app``. `checkers` gives each
    checker's command: ``{"mypy": ["mypy", "--strict"]}``. A function without an address is nobody's, and a docstring
    says which request a bug is met by. mypy takes some ten seconds when it runs for the first time, others one or two.

    Raises LessonError for files that are no Python or cannot be imported, and for commands that check nothing.
    """
    lines = commands(checkers)
    if not isinstance(apps, Mapping) or not apps or not all(apps.values()):
        raise LessonError('Give the apps by name, each with a list of files: {"Flask": ["bugs_flask.py"]}.')
    sources = {name: [read(file) for file in files] for name, files in apps.items()}
    every = {source.name: source for these in sources.values() for source in these}
    known = described([*every.values(), *map(read, seeded().glob("*.py"))])
    there = {function for source in every.values() for function in source.functions}
    bugs = {name: bug for name, bug in known.items() if name in there}
    with (
        tempfile.TemporaryDirectory(prefix="bugs-", ignore_cleanup_errors=True) as folder,
        ThreadPoolExecutor() as pool,
    ):
        for source in [*map(read, seeded().glob("*.py")), *every.values()]:
            (Path(folder) / f"{source.name}.py").write_text(source.text, encoding="utf-8")
        said = {name: pool.submit(check, line, every.values(), Path(folder)) for name, line in lines.items()}
        asked = {name: pool.submit(ask_all, these, bugs, Path(folder)) for name, these in sources.items()}
        return Hunt(
            bugs,
            sources,
            {name: each.result() for name, each in said.items()},
            {name: each.result() for name, each in asked.items()},
        )


class Hunt(Drawn):
    """Who found what: `count`, `found`, `silent`; ``hunt["no_return"]`` opens one bug. Draws itself as a map."""

    def __init__(
        self,
        bugs: Mapping[str, Bug],
        sources: Mapping[str, Sequence[Source]],
        said: Mapping[str, Messages],
        asked: Mapping[str, Mapping[str, Asked]],
    ) -> None:
        self.bugs = {name: bug for name, bug in bugs.items() if name != CONTROL}
        self.sources, self.asked = sources, asked
        self._said = said

    @property
    def apps(self) -> list[str]:
        return [*self.sources]

    @property
    def checkers(self) -> list[str]:
        return [*self._said]

    def messages(self, app: str, checker: str, bug: str) -> list[str]:
        """What `checker` says about the function of `bug` in `app`."""
        self._known(app, checker)
        return [text for each in self.sources[app] for text in self._said[checker][each.name].get(bug, [])]

    def found(self, app: str, checker: str) -> list[str]:
        """The bugs that `checker` reports in `app`, by name."""
        return [bug for bug in self.bugs if self.messages(app, checker, bug)]

    def count(self, app: str, checker: str) -> int | Open:
        """How many bugs `checker` reports in `app`; open where it complains about the function without a bug, too."""
        if complaint := self.messages(app, checker, CONTROL):
            return Open(f"{checker} complains about the function without a bug: {complaint[0][:120]}")
        return len(self.found(app, checker))

    def more(self, checker: str, app: str, other: str) -> bool | Open:
        """Whether `checker` reports more bugs in `app` than in `other`; open where it cannot be believed."""
        one, two = self.count(app, checker), self.count(other, checker)
        return one if isinstance(one, Open) else two if isinstance(two, Open) else one > two

    def silent(self, app: str) -> list[str]:
        """The bugs in `app` that no checker reports, and that end in a wrong answer with a good status."""
        reported = {bug for checker in self.checkers for bug in self.found(app, checker)}
        return [bug for bug in self.bugs if bug not in reported and self.asked[app][bug].outcome == "wrong"]

    def __getitem__(self, bug: str) -> Case:
        if bug not in self.bugs:
            raise LessonError(f"There is no bug {bug!r}; there are {', '.join(self.bugs)}.")
        return Case(self, bug)

    def _known(self, app: str, checker: str) -> None:
        for given, known in ((app, self.apps), (checker, self.checkers)):
            if given not in known:
                raise LessonError(f"There is no {given!r} here; there are {listed(known)}.")

    @property
    def title(self) -> str:
        """The finding in one line: what the first type checker, or the only checker, finds in each app."""
        checker = next((name for name in self.checkers if name != "ruff"), self.checkers[0])
        counts = {app: self.count(app, checker) for app in self.apps}
        for count in counts.values():
            if isinstance(count, Open):
                return f"{count.why[0].upper()}{count.why[1:]}"
        return (
            f"Of {len(self.bugs)} bugs, {checker} finds {listed(f'{count} in {app}' for app, count in counts.items())}"
        )

    def summary(self) -> str:
        lines = [f"{self.title}."]
        for app in self.apps:
            finders = ", ".join(f"{checker} {len(self.found(app, checker))}" for checker in self.checkers)
            ends = [self.asked[app][bug].outcome for bug in self.bugs]
            counts = ", ".join(f"{ends.count(end)} {word}" for end, word in ENDS.items() if end in ends)
            silent = ", ".join(self.silent(app)) or "none"
            lines.append(f"{app}: reported by {finders}; {counts}; never noticed: {silent}.")
        return "\n".join(lines)

    def body(self) -> str:
        return draw(self)


ENDS = {
    "at import": "stopped at import",
    "crashed": "crash at the first request",
    "refused": "refuse a good request",
    "wrong": "answer wrongly",
    "right": "answer rightly",
    "not there": "not there",
}
