"""From rounds to a ratio and the interval that it is good for.

Each round gives one ratio, of two throughputs that were measured within a second of each other, so that what else the
computer does falls on both. Their logarithms are averaged, with Student's 95 % interval. A bootstrap would say the same
of many rounds; of the eight to twenty that twenty seconds allow, resampling makes too little: in simulated rounds with
the noise of a shared machine BCa intervals missed the truth 12 to 17 times in 100, percentile intervals 10 to 12,
Student's 3 to 6.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from helpers.plots import Drawn, escape
from helpers.words import digits, plural

WITHIN = 1.1  # an interval that reaches no further than this factor from its ratio is narrow enough
RULER = 1.02  # the benchmark's own error, however many rounds: the same server, measured twice, differs by this factor
FEWEST = 5  # rounds without which nothing is concluded


@dataclass(frozen=True, repr=False)
class Estimate(Drawn):
    """How many times `b`'s throughput `a` has: `value`, and the 95 % interval from `low` to `high`.

    It is `conclusive` when the interval is within 10 % of the value, there were enough rounds, and neither the client
    nor a busy computer was in the way; `why_not` says what was missing. `doubt` is why the interval itself cannot be
    believed, empty when it can.
    """

    a: str
    b: str
    value: float
    low: float
    high: float
    rounds: int
    doubt: str = ""

    @property
    def conclusive(self) -> bool:
        return not self.why_not

    @property
    def why_not(self) -> str:
        """Why it is not conclusive, in words; empty when it is."""
        if self.doubt or is_narrow(self.value, self.high):
            return self.doubt
        return f"the time was not enough to tell {digits(self.low)} from {digits(self.high)}"

    def at_least(self, limit: float) -> bool | None:
        """Whether the ratio is `limit` or more; None where the interval allows both, or cannot be believed."""
        if self.doubt or self.low < limit <= self.high:
            return None
        return self.low >= limit

    def below(self, limit: float) -> bool | None:
        """Whether the ratio is less than `limit`; None where that stays open."""
        found = self.at_least(limit)
        return None if found is None else not found

    @property
    def different(self) -> bool:
        """Whether the two differ, as far as this measurement can tell: the interval leaves out 1."""
        return self.conclusive and not self.low <= 1 <= self.high

    @property
    def direction(self) -> str:
        """``"more"`` or ``"fewer"`` where the interval can be believed and leaves out 1, however wide it is."""
        if self.doubt or self.low <= 1 <= self.high:
            return ""
        return "more" if self.low > 1 else "fewer"

    @property
    def finding(self) -> str:
        """What it says, in a sentence without its full stop."""
        if self.direction == "fewer":
            return Estimate(self.b, self.a, 1 / self.value, 1 / self.high, 1 / self.low, self.rounds).finding
        if not self.conclusive:
            if self.direction:
                times = f"{digits(self.low)} to {digits(self.high)} times as many"
                return f"{self.a} answers more than {self.b}; by how much is inconclusive ({times})"
            return f"Inconclusive: {self.why_not}"
        if not self.different:
            reach = max(self.high, 1 / self.low) - 1
            return f"No difference between {self.a} and {self.b}, to within {reach:.0%}"
        if self.value < 1.5:
            return f"{self.a} answers {self.value - 1:.0%} more than {self.b}"
        return f"{self.a} answers {digits(self.value)} times as many as {self.b}"

    @property
    def words(self) -> str:
        """``"4.02 (3.91 to 4.13)"``"""
        return f"{digits(self.value)} ({digits(self.low)} to {digits(self.high)})"

    def summary(self) -> str:
        return f"{self.a} / {self.b}: {self.words}, 95 % interval from {self.rounds} rounds. {self.finding}."

    def body(self) -> str:
        return f'<p class="{"good" if self.conclusive else "note"}">{escape(self.summary())}</p>'


def interval(ratios: Sequence[float]) -> tuple[float, float, float]:
    """Geometric mean of `ratios` (positive), and its 95 % interval, the ruler's own error included.

    Fewer than two ratios have an open interval: 0 to infinity.
    """
    import numpy as np
    from scipy import special  # scipy.stats has the same under a clearer name, and takes seconds to import

    logs = np.log(np.asarray(ratios, float))
    value = float(np.exp(logs.mean()))
    if len(logs) < 2:
        return value, 0.0, math.inf
    reach = float(special.stdtrit(len(logs) - 1, 0.975) * logs.std(ddof=1) / math.sqrt(len(logs))) + math.log(RULER)
    return value, value * math.exp(-min(reach, 300.0)), value * math.exp(min(reach, 300.0))


def estimate(a: str, b: str, pairs: Sequence[tuple[float, float]], doubt: str = "") -> Estimate:
    """The ratio of two arms from their throughputs, round by round (answers a second; not all zero).

    `doubt` is a reason, in words, why nothing can be concluded whatever the numbers.
    """
    both = [(first, second) for first, second in pairs if first > 0 and second > 0]
    if not both:
        first, second = (sum(column) for column in zip(*pairs, strict=True))
        value = first / second if second else 0.0
        return Estimate(a, b, value, 0.0, math.inf, len(pairs), "no round in which both gave good answers")
    value, low, high = interval([first / second for first, second in both])
    if not doubt and len(both) < len(pairs):
        doubt = f"{len(pairs) - len(both)} of {len(pairs)} rounds had no good answer"
    elif not doubt and len(both) < FEWEST:
        doubt = f"the time was enough for {plural(len(both), 'round')} only"
    return Estimate(a, b, value, low, high, len(pairs), doubt)


def is_narrow(value: float, high: float) -> bool:
    """Whether an interval with the end `high` is within 10 % of `value`; it reaches by the same factor both ways."""
    return high <= value * WITHIN
