"""The article's claims and the rules that turn evidence into a verdict. The claims stand in data/claims.toml."""

import difflib
import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal, TypeGuard, get_args

from helpers.errors import LessonError
from helpers.storage import ROOT

Verdict = Literal[
    "holds", "holds with conditions", "does not hold", "inconclusive", "opinion", "cannot be measured", "not tried yet"
]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
HOLDS: Verdict = "holds"
CONDITIONS: Verdict = "holds with conditions"
FAILS: Verdict = "does not hold"
INCONCLUSIVE: Verdict = "inconclusive"
OPINION: Verdict = "opinion"
UNMEASURABLE: Verdict = "cannot be measured"
UNTRIED: Verdict = "not tried yet"
Decided = Literal["measured", "count", "cited", "opinion", "unmeasurable"]
Rule = Mapping[str, list[Any]]  # bands of numbers, or names of checks

VOTES = ("agree", "disagree", "it depends")

Checks = dict[str, bool | None]  # what each check found; None: the measurement leaves it open


@dataclass(frozen=True)
class Claim:
    """One claim of the article. The head of data/claims.toml says what each field means."""

    id: str
    article: str
    lesson: list[str]
    decided: Decided
    asks: str
    flip: str
    limits: str
    rule: Rule = field(default_factory=dict)
    unit: str = ""
    says: float | list[float] | None = None

    @property
    def numeric(self) -> bool:
        """Whether a number decides this claim (rather than checks, a vote or nothing)."""
        return "holds" in self.rule or "conditions" in self.rule

    @property
    def checks(self) -> list[str]:
        """The names of the checks that decide this claim; empty when something else does."""
        return [*self.rule.get("needs", []), *self.rule.get("unless", [])]


@dataclass(frozen=True)
class Number:
    """A measured number and the interval that the truth lies in (95 %); without an interval, low = value = high.

    `conclusive` is what the measurement says of itself; `doubt` is why its interval cannot be believed.
    """

    value: float
    low: float
    high: float
    conclusive: bool = True
    doubt: str = ""


Evidence = Number | Checks | str | bool | None  # as it is understood


@cache
def claims() -> dict[str, Claim]:
    """All the claims, ``{"C1": Claim, ...}`` in order. Raises LessonError if data/claims.toml cannot be understood."""
    try:
        with (ROOT / "data" / "claims.toml").open("rb") as file:
            tables = tomllib.load(file)
        return {name: Claim(id=name, **table) for name, table in tables.items()}
    except (OSError, ValueError, TypeError) as cause:
        raise LessonError("data/claims.toml cannot be read as a table of claims; restore it with git.") from cause


def find(name: object) -> tuple[str, Claim | None]:
    """`name` as it is filed, and its claim: ``"c30"`` gives ``("C30", Claim)``, a free name ``(name, None)``.

    Raises LessonError for a claim that the article does not make, and for what is no short name.
    """
    if not isinstance(name, str) or not 0 < len(name.strip()) <= 80:
        raise LessonError('The name must be a claim such as "C30" or a short text of up to 80 characters.')
    name = name.strip()
    if not (number := re.fullmatch(r"[Cc](\d+)", name)):
        return name, None
    name = f"C{int(number[1])}"
    if name not in claims():
        raise LessonError(f"There is no claim {name}: the article makes {len(claims())}, C1 to C{len(claims())}.")
    return name, claims()[name]


def plain(value: object) -> object:
    """A NumPy scalar as Python's own bool or number; anything else as it is."""
    return value.item() if hasattr(value, "item") and getattr(value, "ndim", None) == 0 else value


def is_number(value: object) -> TypeGuard[float]:
    """Whether `value` is a number that can be drawn: True, False, NaN, infinity and the astronomical are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and -1e100 < value < 1e100


def number(evidence: object) -> Number | None:
    """`evidence` (a number, or anything with .value, .low and .high) as a Number; None if it is neither."""
    value, low, high = (plain(getattr(evidence, part, evidence)) for part in ("value", "low", "high"))
    if not is_number(value) or not all(isinstance(edge, int | float) for edge in (low, high)):
        return None
    lowest = min(low, value) if is_number(low) else -math.inf  # an edge that could not be computed is open
    highest = max(high, value) if is_number(high) else math.inf
    conclusive = bool(getattr(evidence, "conclusive", True))
    doubt: str = getattr(evidence, "doubt", "" if conclusive else "it says of itself that it is inconclusive")
    return Number(float(value), float(lowest), float(highest), conclusive, doubt)


def unfinished(evidence: object) -> bool:
    """Whether the learner has left a ``...`` in the evidence."""
    return evidence is ... or (isinstance(evidence, Mapping) and any(part is ... for part in evidence.values()))


def weigh(claim: Claim, evidence: object) -> tuple[Verdict, Number | Checks | str | None]:
    """The verdict that `claim`'s rule gives for `evidence`, and the evidence as it was understood.

    Raises LessonError, in one sentence, for evidence that the rule cannot use.
    """
    if claim.decided == "unmeasurable":
        return UNMEASURABLE, None
    if unfinished(evidence):
        return UNTRIED, None
    if claim.decided == "opinion":
        return OPINION, _vote(claim, evidence)
    if claim.numeric:
        if (measured := number(evidence)) is None:
            what = f"{claim.id} is decided by a number{f' ({claim.unit})' if claim.unit else ''}"
            raise LessonError(f"{what}, or by a measurement with .value, .low and .high; you gave {_kind(evidence)}.")
        return _by_number(claim.rule, measured), measured
    found = _checks(claim, evidence)
    return _by_checks(claim.rule, found), found


def _by_number(rule: Rule, measured: Number) -> Verdict:
    """One verdict for the whole interval; where the interval allows two, the measurement decides nothing.

    An interval that is too wide to tell much may be narrow enough for this.
    """
    if measured.doubt:
        return INCONCLUSIVE
    for band, verdict in {"holds": HOLDS, "conditions": CONDITIONS}.items():
        low, high = rule.get(band, (math.inf, -math.inf))
        if low <= measured.low and measured.high <= high:
            return verdict
        if measured.low <= high and low <= measured.high:
            return INCONCLUSIVE
    return FAILS


def _by_checks(rule: Rule, found: Checks) -> Verdict:
    """The verdict that stands however the open checks (None) would have come out; inconclusive where there is none."""
    needs, unless = ([found[name] for name in rule.get(part, [])] for part in ("needs", "unless"))
    if False in needs:
        return FAILS
    if None in needs:
        return INCONCLUSIVE
    if True in unless:
        return CONDITIONS
    return INCONCLUSIVE if None in unless else HOLDS


def _checks(claim: Claim, evidence: object) -> Checks:
    if not isinstance(evidence, Mapping):
        example = f'{{"{claim.checks[0]}": True, ...}}'
        raise LessonError(f"{claim.id} is decided by checks; give a dict such as {example}, not {_kind(evidence)}.")
    given = {name: plain(value) for name, value in evidence.items()}
    for name in given:
        if name not in claim.checks:
            close = difflib.get_close_matches(str(name), claim.checks, n=1)
            meant = f'did you mean "{close[0]}"?' if close else f"it has: {', '.join(claim.checks)}."
            raise LessonError(f'{claim.id} has no check "{name}"; {meant}')
    found: Checks = {}
    for name in claim.checks:
        if name not in given:
            raise LessonError(f'{claim.id} also needs the check "{name}"; add it to the evidence, True or False.')
        value = None if hasattr(given[name], "why") else given[name]
        if value is not None and not isinstance(value, bool):
            raise LessonError(
                f'The check "{name}" of {claim.id} must be True or False, or None where the measurement leaves it '
                f"open, not {_kind(value)}."
            )
        found[name] = value
    return found


def reasons(evidence: object) -> dict[str, str]:
    """Why checks stay open, by name: what a `helpers.checks.Open` among them says."""
    parts = evidence.items() if isinstance(evidence, Mapping) else ()
    return {str(name): str(value.why) for name, value in parts if hasattr(value, "why")}


def _vote(claim: Claim, evidence: object) -> str:
    vote = " ".join(evidence.lower().split()) if isinstance(evidence, str) else None
    if vote not in VOTES:
        raise LessonError(f'{claim.id} is an opinion: vote "agree", "disagree" or "it depends", not {_kind(evidence)}.')
    return vote


def _kind(value: object) -> str:
    """What was given, for an error's sentence: the value where it is short, otherwise its type."""
    text = repr(value)
    return text if len(text) <= 40 else f"a {type(value).__name__}"
