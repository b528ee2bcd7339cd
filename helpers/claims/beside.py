"""This ledger beside the recorded one: what came out differently, and what may explain it."""

from collections.abc import Iterable, Mapping
from typing import Any

from helpers.claims import rules
from helpers.claims.drawing import in_words, marked
from helpers.claims.entries import Entry, entry_of
from helpers.claims.guesses import paragraphs
from helpers.claims.picture import verdict_of
from helpers.claims.rules import Claim
from helpers.claims.scoring import number_in, turned_over
from helpers.claims.whitelist import kept_machine
from helpers.plots import Drawn, escape, table
from helpers.words import listed, plural

IN_VIEW = 5  # rows; further ones are folded
BY_NAME = 8  # claims that the title names
SHAPE = ("cores", "system", "python")  # of a machine, whether or not the two differ in it
UNEXPLAINED = "Nothing in the two records explains it: run this claim's lesson again, without a flip."


class Beside(Drawn):
    """What `ledger().beside()` shows. `different` are the claims that came out differently, `same` those that did not,
    and `alone` those that only one of the two has tried."""

    def __init__(
        self,
        claims: Mapping[str, Claim],
        entries: Mapping[str, Entry],
        machine: Mapping[str, Any],
        there: Mapping[str, Any],
        notices: Iterable[str] = (),
    ) -> None:
        self._claims, self.name, self._when, self.notices = claims, there["name"], there["when"], list(notices)
        self._here = {name: entry_of(dict(entries), name) for name in claims}
        self._there = {name: entry_of(there["entries"], name) for name in claims}
        self.machines = kept_machine(machine), kept_machine(there["machine"])
        tried = {name: (_tried(self._here[name]), _tried(self._there[name])) for name in claims}
        both = [name for name in claims if all(tried[name])]
        self.different = [name for name in both if verdict_of(self._here[name]) != verdict_of(self._there[name])]
        self.same = [name for name in both if name not in self.different]
        self.alone = [name for name in claims if any(tried[name]) and not all(tried[name])]

    @property
    def title(self) -> str:
        """The finding in one line."""
        both = len(self.different) + len(self.same)
        if not both:
            return f"No claim has been tried both here and on “{self.name}” yet"
        names = f": {listed(self.different)}" if 0 < len(self.different) <= BY_NAME else ""
        count = len(self.different) or "none"
        return f"Of {plural(both, 'claim')} tried here and on “{self.name}”, {count} came out differently{names}"

    def summary(self) -> str:
        lines = [f"{self.title}.", f"“{self.name}”, recorded on {self._when}."]
        lines += [f"{part}: {here} here, {there} there." for part, here, there in self._shapes()]
        for name in self.different:
            here, there = self._apart(name)
            lines.append(f"{name}: here {here}; there {there}. {self.why(name)}")
        same = [f"The same on both: {listed(self.same)}."] if self.same else []
        return "\n".join([*lines, *same, *self._missing(), *self.notices])

    def body(self) -> str:
        parts = [f"<p><b>{escape(self.title)}.</b></p>", self._machines()]
        columns = ("claim", "here", "there", "what may explain it")
        rows = [(self._about(name), *self._apart(name), self.why(name)) for name in self.different]
        if rows:
            parts.append(table(rows[:IN_VIEW], columns))
        if more := rows[IN_VIEW:]:
            parts.append(_fold(f"{len(more)} more that came out differently", table(more, columns)))
        if self.same:
            rest = [(self._about(name), *self._found(name)) for name in self.same]
            parts.append(_fold(f"{len(rest)} that came out the same", table(rest, columns[:3])))
        parts += [f'<p class="quiet">{escape(line)}</p>' for line in self._missing()]
        return "".join(parts) + paragraphs(self.notices)

    def why(self, name: str) -> str:
        """What may explain that a claim came out differently, the likeliest first, in sentences."""
        claim, here, there = self._claims[name], self._here[name], self._there[name]
        found = []
        sides = [
            where for where, entry in (("here", here), ("there", there)) if verdict_of(entry) == rules.INCONCLUSIVE
        ]
        if sides:
            found.append(
                f"Nothing was decided {listed(sides)}: a busy machine, too short a run, or a part not installed."
            )
        if verdict_of(there) in [record["verdict"] for record in here["verdicts"]]:
            found.append("You have had the other result too: is the flip still in? The latest verdict counts.")
        elif turned_over(there):
            found.append("There it has come out in two ways: a flip.")
        if self._overlap(here, there):
            found.append("The two intervals overlap, so the numbers do not contradict each other.")
        if claim.decided in ("measured", "count"):
            differ = [part for part, *both in self._shapes() if both[0] != both[1] and self._matters(part, claim)]
            found += [f"The machines differ in {listed(differ)}."] if differ else []
        return " ".join(found) or UNEXPLAINED

    def _overlap(self, here: Entry, there: Entry) -> bool:
        a, b = (number_in(entry["verdicts"][-1].get("evidence")) for entry in (here, there))
        return bool(a and b and a.low <= b.high and b.low <= a.high)

    def _matters(self, part: str, claim: Claim) -> bool:
        """Whether a part of the machine can change the result: where nothing is timed, cores cannot."""
        return part != "cores" or claim.decided == "measured"

    def _shapes(self) -> list[tuple[str, str, str]]:
        """Part by part: the machine here and the one there."""
        here, there = self.machines
        return [(part, str(here.get(part) or "–"), str(there.get(part) or "–")) for part in {**here, **there}]

    def _machines(self) -> str:
        """Both machines, a row each: their shape, and what they differ in."""
        shown = [row for row in self._shapes() if row[0] in SHAPE or row[1] != row[2]]
        alike = [f"{part} {here}" for part, here, there in self._shapes() if part not in SHAPE and here == there]
        heads = ["", *(f"≠ {part}" if here != there else part for part, here, there in shown)]
        rows = [["here", *(row[1] for row in shown)], [f"“{self.name}”, {self._when}", *(row[2] for row in shown)]]
        same = f'<p class="quiet">The same on both: {escape(listed(alike))}.</p>' if alike else ""
        return table(rows, heads, row_heads=True) + same

    def _about(self, name: str) -> str:
        return f"{name} {self._claims[name].article}"

    def _found(self, name: str) -> list[str]:
        """The verdict and what was found, here and there."""
        last = [side[name]["verdicts"][-1] for side in (self._here, self._there)]
        return [": ".join(filter(None, [marked(one["verdict"] or rules.UNTRIED), one["found"]])) for one in last]

    def _apart(self, name: str) -> list[str]:
        """The same without the checks that came out alike."""
        here, there = (side[name]["verdicts"][-1].get("evidence") for side in (self._here, self._there))
        if not (self._claims[name].checks and isinstance(here, Mapping) and isinstance(there, Mapping)):
            return self._found(name)
        apart = [check for check in here if check in there and here[check] != there[check]]
        return [
            f"{marked(verdict_of(side[name]))}: {'; '.join(f'{check}: {in_words(found[check])}' for check in apart)}"
            for side, found in ((self._here, here), (self._there, there))
        ]

    def _missing(self) -> list[str]:
        mine = [name for name in self.alone if _tried(self._here[name])]
        theirs = [name for name in self.alone if name not in mine]
        lines = [f"Not tried here yet: {listed(theirs)}."] if theirs else []
        return [*lines, *([f"Tried here and not there: {listed(mine)}."] if mine else [])]


def _tried(entry: Entry) -> bool:
    return verdict_of(entry) != rules.UNTRIED


def _fold(about: str, body: str) -> str:
    return f"<details><summary>{about}</summary>{body}</details>"
