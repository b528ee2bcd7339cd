"""Lesson 12: five sentences that the learner's own ledger bears out, and the day on which one passed the other."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from helpers.claims import rules
from helpers.claims.entries import Entry, entry_of
from helpers.claims.rules import Claim, Verdict
from helpers.claims.store import open_store
from helpers.errors import LessonError
from helpers.exercises.attempt import NotStarted, NotYet
from helpers.exercises.exercise import Exercise, Wrong
from helpers.popularity.measures import rows_of
from helpers.words import listed, plural

SENTENCES = 5
DECIDED = (rules.HOLDS, rules.CONDITIONS, rules.FAILS)
NAMES = re.compile(r"flask|fastapi", re.IGNORECASE)
OPINION = re.compile(
    r"\b(I|we)(['’]d)? (also |still |only |really )?"
    r"(think|believe|guess|expect|suspect|prefer|like|hope|doubt|would|take|choose|vote)\b"
    r"|\bin (my|our) (opinion|view)\b",
    re.IGNORECASE,
)
TOO_MUCH = re.compile(r"(?<!not )\b(always|never|every|everywhere|all|fastest|best|whatever)\b", re.IGNORECASE)
NUMBER = re.compile(r"(?<![\w./])\d[\d,]*(?:\.\d+)?")
RESULT = re.compile(rf"({NUMBER.pattern})(?= ?(?:times|percent|%|x\b))")  # a number that can be no setting and no date
VERSION = re.compile(r"\b(python|flask|fastapi|pydantic|version) v?\d[\d.]*", re.IGNORECASE)

ARTICLE = """\
from helpers import ledger

points = {
    "C2": "Flask is as old as the article says",
    "C5": "FastAPI is as old as the article says",
    "C8": "FastAPI grows faster than Flask and Django",
    "C11": "what was built on Flask is huge",
    "C12": "Flask has been there for more than ten years",
}
said = {
    "holds": "By what I found, {}.",
    "holds with conditions": "By what I found, {}, under conditions that I can name.",
    "does not hold": "What I found speaks against it that {}.",
}
found = ledger().verdicts
article = [
    (said.get(found[claim], "I think, without evidence of mine, that {}.").format(point), claim, found[claim])
    for claim, point in points.items()
]
"""


class Sentence(NamedTuple):
    """One line of the learner's article, and what the ledger has under its claim."""

    text: str
    claim: Claim
    verdict: str
    entry: Entry

    @property
    def stands(self) -> Verdict:
        """The verdict in the ledger."""
        verdicts = self.entry["verdicts"]
        return (verdicts[-1]["verdict"] or rules.UNTRIED) if verdicts else rules.UNTRIED

    @property
    def found(self) -> str:
        """What was found, in words."""
        return self.entry["verdicts"][-1]["found"] if self.entry["verdicts"] else ""


def check_article(article: Any) -> str:
    if not isinstance(article, list | tuple):
        raise NotYet(f"`article` is a list of {SENTENCES} tuples; this is a {type(article).__name__}.")
    if not article:
        raise NotStarted('The list is empty: write your first sentence; hint("12.1") gets you going.')
    entries = open_store().read()
    complaints, sentences = [], []
    for number, line in enumerate(article, 1):
        try:
            sentences.append(understood(line, entries))
            say_what_is_wrong(sentences[-1])
        except NotYet as mistake:
            complaints.append(f"Sentence {number}: {mistake}")
    claims = [sentence.claim.id for sentence in sentences]
    if twice := sorted({claim for claim in claims if claims.count(claim) > 1}):
        complaints.append(f"{listed(twice)} stands under two sentences: take another claim for one of them.")
    if len(article) != SENTENCES:
        complaints.append(f"These are {plural(len(article), 'sentence')}; the article wants {SENTENCES}.")
    if complaints:
        raise NotYet(" ".join(complaints))
    borne = [sentence.claim.id for sentence in sentences if sentence.stands in DECIDED]
    thought = [sentence.claim.id for sentence in sentences if sentence.stands not in DECIDED]
    told = [f"Your ledger bears out what you say of {listed(borne)}."] if borne else []
    told += [f"Of {listed(thought)} you say what you think, and that you think it."] if thought else []
    return " ".join(told)


def understood(line: object, entries: Mapping[str, Entry]) -> Sentence:
    """A line of the article; NotYet where it is none."""
    parts = list(line) if isinstance(line, tuple | list) else []
    if len(parts) != 3 or not all(isinstance(part, str) for part in parts):
        raise NotYet('it has three parts, all of them texts: `("what you say", "C30", "holds with conditions")`.')
    text, name, verdict = (part.strip() for part in parts)
    try:
        _, claim = rules.find(name)
    except LessonError as unknown:
        raise NotYet(str(unknown)) from unknown
    if claim is None:
        raise NotYet(f'`"{name}"` is no claim; name one such as `"C30"`. The claims are in the ledger.')
    if verdict.lower() not in rules.VERDICTS:
        raise NotYet(f"“{verdict}” is no verdict; there are {listed(f'“{word}”' for word in rules.VERDICTS)}.")
    return Sentence(text, claim, verdict.lower(), entry_of(dict(entries), claim.id))


def say_what_is_wrong(sentence: Sentence) -> None:
    """NotYet with what the sentence says and the ledger does not."""
    name, stands = sentence.claim.id, sentence.stands
    if not NAMES.search(sentence.text):
        raise NotYet("it names neither Flask nor FastAPI.")
    if sentence.verdict == rules.CONDITIONS and (word := TOO_MUCH.search(sentence.text)):
        raise NotYet(f"it says “{word[0]}”, although the verdict has conditions: name the condition instead.")
    if stands in DECIDED and sentence.verdict != stands:
        raise NotYet(f"you write “{sentence.verdict}”; of {name} your ledger says “{stands}” ({sentence.found}).")
    if stands not in DECIDED:
        without_evidence(sentence)
    look_at_numbers(sentence)


def without_evidence(sentence: Sentence) -> None:
    """NotYet unless the sentence says of itself that it is an opinion."""
    name, stands = sentence.claim.id, sentence.stands
    lessons = listed(sentence.claim.lesson, "or")
    why = {
        rules.UNTRIED: f"{name} is not tried yet, and lesson {lessons} tries it",
        rules.INCONCLUSIVE: f"{name} is inconclusive, so another run may say either",
        rules.UNMEASURABLE: f"{name} cannot be measured",
        rules.OPINION: f"{name} is a vote",
    }[stands]
    if sentence.verdict in DECIDED:
        raise NotYet(
            f"your evidence does not reach “{sentence.verdict}”: {why}. Take another claim, or write “{stands}” and "
            "begin with “I think”."
        )
    if sentence.verdict not in (stands, rules.OPINION):
        raise NotYet(f"you write “{sentence.verdict}”; of {name} your ledger says “{stands}”.")
    if not OPINION.search(sentence.text):
        raise NotYet(f"{why}, so this is what you think: say so in the sentence, with “I think” or “I would”.")


def look_at_numbers(sentence: Sentence) -> None:
    """NotYet for a sentence whose numbers are not what was found.

    Numbers beside the right one may be settings. Where checks decide, only a result ("8 times") is looked at.
    """
    text, numeric = VERSION.sub("", sentence.text), sentence.claim.numeric
    known = NUMBER.findall(sentence.found if numeric else f"{sentence.claim.article} {sentence.found}")
    evidence = sentence.entry["verdicts"][-1].get("evidence") if sentence.entry["verdicts"] else None
    numbers = (NUMBER if numeric else RESULT).findall(text)
    strange = [number for number in numbers if number not in known and not lies_in(number, evidence)]
    if not strange or (numeric and len(strange) < len(numbers)):
        return
    if sentence.stands not in DECIDED:
        raise NotYet(f"the number {strange[0]} has no evidence in your ledger: leave it out, or go and get some.")
    raise NotYet(f"the number {strange[0]} is not what was found: {sentence.found}.")


def lies_in(text: str, evidence: object) -> bool:
    """Whether a written number, to the digits that are written, lies in the interval of a verdict's evidence."""
    if not isinstance(evidence, Mapping) or not rules.is_number(evidence.get("value")):
        return False
    value, half = float(text.replace(",", "")), 0.5 / 10 ** len(text.partition(".")[2])
    low, high = (evidence.get(end) for end in ("low", "high"))
    return (low is None or low <= value + half) and (high is None or value - half <= high)


def changed(line: int, text: str, claim: str, verdict: str) -> str:
    """The solution, and then one of its lines anew."""
    return f"{ARTICLE}article[{line}] = ({text!r}, {claim!r}, {verdict!r})\n"


CROSSING = """\
def crossing(rows, first, second):
    values = {(row["framework"], row["as_of"]): row["value"] for row in rows}
    days = sorted(day for name, day in values if name == first and (second, day) in values)
    behind = False
    for day in days:
        lead = values[first, day] - values[second, day]
        if lead > 0 and behind:
            return day
        behind = behind or lead < 0
    return None
"""


def table_of(**values: Sequence[int | None]) -> list[dict[str, Any]]:
    """Rows of some frameworks for the firsts of January from 2020 on; None leaves one out."""
    return [
        {"framework": name, "as_of": f"{2020 + year}-01-01", "value": value}
        for name, own in values.items()
        for year, value in enumerate(own)
        if value is not None
    ]


CASES: list[tuple[str, list[dict[str, Any]], str | None]] = [
    ("is behind in 2020 and in front in 2021", table_of(Ada=[1, 5], Bob=[3, 4]), "2021-01-01"),
    ("never gets in front", table_of(Ada=[1, 2, 3], Bob=[3, 4, 5]), None),
    ("is level in 2021 and in front in 2022", table_of(Ada=[1, 4, 6], Bob=[3, 4, 5]), "2022-01-01"),
    ("has been in front from the first row on, and so has passed nobody", table_of(Ada=[5, 6], Bob=[3, 4]), None),
    (
        "has a high row of 2021, of which day Bob has none, and is in front on a day of both in 2022",
        table_of(Ada=[1, 9, 6], Bob=[3, None, 5]),
        "2022-01-01",
    ),
    ("passes in 2021, in rows that begin with the newest", table_of(Ada=[1, 5, 6], Bob=[3, 4, 5])[::-1], "2021-01-01"),
    ("passes, falls back and passes again", table_of(Ada=[1, 5, 2, 6], Bob=[3, 4, 4, 5]), "2021-01-01"),
    (
        "passes Bob, and Eve, who is in the rows too, stays ahead",
        table_of(Eve=[9, 9], Ada=[1, 5], Bob=[3, 4]),
        "2021-01-01",
    ),
]


def check_crossing(crossing: Any) -> str:
    if not callable(crossing):
        raise NotYet(f"Hand over the function `crossing` itself; this is a {type(crossing).__name__}.")
    for what, rows, day in CASES:
        said = crossing([dict(row) for row in rows], "Ada", "Bob")
        if said != day:
            raise NotYet(f"Ada {what}: asked for is `{day!r}`, your function says `{said!r}`.")
    stars = [{"framework": row.framework, "as_of": row.as_of, "value": row.value} for row in rows_of("github_stars")]
    if (said := crossing(stars, "FastAPI", "Flask")) != "2023-12-04":
        raise NotYet(f"In the rows of stars FastAPI is first in front on 2023-12-04; your function says `{said!r}`.")
    return "By the rows of stars it is 2023-12-04, two years before the page's December 2025."


EXERCISES = [
    Exercise(
        id="12.1",
        title="write it anew",
        also="Also right: any five other claims. What your ledger does not reach may stand as what you think.",
        answer=("article",),
        hints=(
            "Begin with a claim that your ledger decides: `ledger()` has them, the latest verdict counts.",
            'One line: `("Flask has been there for more than ten years.", "C12", "holds")`. Five of them in a list.',
            "With conditions? Name one in the sentence. Not decided? “I think ...”, with the ledger's own word.",
        ),
        solution=ARTICLE,
        wrong={
            "four sentences": Wrong(f"{ARTICLE}article = article[:4]\n", "These are 4 sentences"),
            "the same claim twice": Wrong(f"{ARTICLE}article[1] = article[0]\n", "C2 stands under two sentences"),
            "sentences alone": Wrong(f"{ARTICLE}article[0] = article[0][0]\n", "it has three parts"),
            "neither is named": Wrong(changed(0, "I think that it is old.", "C3", "opinion"), "names neither Flask"),
            "a claim that is none": Wrong(changed(0, "I think Flask is old.", "C99", "opinion"), "no claim C99"),
            "a word that is no verdict": Wrong(changed(0, "I think Flask is old.", "C2", "true"), "is no verdict"),
            "another verdict than one's own": Wrong(
                changed(4, "I think Flask is old.", "C12", "cannot be measured"), "of C12 your ledger says"
            ),
            "beyond the evidence": Wrong(
                changed(3, "Flask is deployed most.", "C10", "holds"), "your evidence does not reach “holds”"
            ),
            "an opinion that does not say so": Wrong(
                changed(3, "FastAPI is where one starts.", "C46", "opinion"), "so this is what you think"
            ),
            "more than the conditions allow": Wrong(
                changed(2, "FastAPI always grows fastest.", "C8", "holds with conditions"), "it says “always”"
            ),
            "a number from nowhere": Wrong(
                f'{ARTICLE}article[0] = ("I think Flask dates from 2005.", "C2", found["C2"])\n', "the number 2005"
            ),
        },
        check=check_article,
    ),
    Exercise(
        id="12.2",
        title="find the day",
        also="Also right: pandas, with a pivot by day and framework. It wants one more package for ten lines.",
        answer=("crossing",),
        hints=(
            "Which days can you compare at all? Those of which both have a row.",
            "Sort these days. The order of the rows says nothing; days written as here sort as texts.",
            "Remember whether `first` has been behind. Level is neither behind nor in front.",
        ),
        solution=CROSSING,
        wrong={
            "any day in front": Wrong(CROSSING.replace("if lead > 0 and behind", "if lead > 0"), "has passed nobody"),
            "level is enough": Wrong(CROSSING.replace("lead > 0 and", "lead >= 0 and"), "is level in 2021"),
            "in the order of the rows": Wrong(CROSSING.replace("sorted(day", "list(day"), "begin with the newest"),
            "the other's last row stays": Wrong(
                CROSSING.replace(" and (second, day) in values", "")
                .replace(
                    "    for day in days:\n",
                    "    last = 0\n    for day in days:\n        last = values.get((second, day), last)\n",
                )
                .replace("- values[second, day]", "- last"),
                "of which day Bob has none",
            ),
            "yes in place of the day": Wrong(
                CROSSING.replace("return day", "return True"), "your function says `True`"
            ),
            "a text where there is none": Wrong(
                CROSSING.replace("return None", 'return "never"'), "never gets in front"
            ),
        },
        check=check_crossing,
    ),
]
