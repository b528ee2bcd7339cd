"""`Comparison`: arms under the same load, round by round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from helpers.benchmark.statistics import Estimate, estimate
from helpers.client import records
from helpers.client.results import Load, together
from helpers.errors import LessonError
from helpers.machine import origin
from helpers.plots import Drawn, escape, table
from helpers.words import digits, milliseconds, plural

Round = dict[str, Load]


def ratio_of(a: str, b: str, rounds: Sequence[tuple[Load, Load]]) -> Estimate:
    """How many times `b`'s throughput `a` has, from pairs of loads that were measured one right after the other."""
    pairs = [(first.throughput, second.throughput) for first, second in rounds]
    doubt = next((why for loads in zip(*rounds, strict=True) if (why := together(loads).disturbance)), "")
    return estimate(a, b, pairs, doubt)


@dataclass(repr=False)
class Comparison(Drawn):
    """What `measure` found. `arms` has a Load for each name, over all rounds; `rounds` has them one by one.

    ``ratio("FastAPI", "Flask")`` is how many times Flask's throughput FastAPI has, as an Estimate. `warning` is what
    makes the numbers doubtful, empty when nothing does. `recorded` is None, or says when and on what machine it was
    measured, where it was read from a file.
    """

    urls: dict[str, str]
    concurrency: int
    rounds: list[Round]
    seconds: float  # that it took, warm-up included
    ended: str = ""  # why there were no more rounds
    recorded: dict[str, Any] | None = field(default=None)

    @cached_property
    def arms(self) -> dict[str, Load]:
        return {name: together([found[name] for found in self.rounds]) for name in self.urls}

    def ratio(self, a: str, b: str) -> Estimate:
        """How many times `b`'s throughput `a` has. Raises LessonError for names that were not measured."""
        for name in (a, b):
            if name not in self.urls:
                raise LessonError(f"There is no arm {name!r}; there are {', '.join(map(repr, self.urls))}.")
        return ratio_of(a, b, [(found[a], found[b]) for found in self.rounds])

    @property
    def ratios(self) -> list[Estimate]:
        """The first arm beside each of the others."""
        first, *others = self.urls
        return [self.ratio(first, other) for other in others]

    @property
    def warning(self) -> str:
        return " ".join(self._warnings())

    def _warnings(self) -> list[str]:
        return self._with_names({name: arm.warnings() for name, arm in self.arms.items()})

    def summary(self) -> str:
        arms = [f"{name}: {self._figures(arm)}" for name, arm in self.arms.items()]
        ratios = [ratio.summary() for ratio in self.ratios]
        notes = [*self._warnings(), *self._notes()]
        return " ".join([f"{self._setup()}.", *(f"{text}." for text in arms), *ratios, *notes])

    def body(self) -> str:
        from helpers.benchmark.drawing import draw

        head = ("", "answers a second", "p50", "p95", "p99", "failed", "server’s processor", "client’s processor")
        rows = [(name, *self._cells(arm)) for name, arm in self.arms.items()]
        warnings = "".join(f'<p class="note">{escape(text)}</p>' for text in self._warnings())
        notes = "".join(f'<p class="quiet">{escape(text)}</p>' for text in [f"{self._setup()}.", *self._notes()])
        return f"{draw(self).body()}{table(rows, head, row_heads=True)}{warnings}{notes}"

    def _setup(self) -> str:
        connections, rounds = plural(self.concurrency, "connection"), plural(len(self.rounds), "round")
        return f"{connections}, closed model, {rounds} of each in {self.seconds:.0f} s"

    def _notes(self) -> list[str]:
        texts = self._with_names({name: arm.notes for name, arm in self.arms.items()})
        ended = [f"No more rounds, as {self.ended}."] if self.ended else []
        return [*texts, *ended, *([f"{origin(self.recorded)}."] if self.recorded else [])]

    @staticmethod
    def _with_names(texts: dict[str, list[str]]) -> list[str]:
        """Each text once, after the names of the arms that it is about; without names where it is about all."""
        about: dict[str, list[str]] = {}
        for name, said in texts.items():
            for text in said:
                about.setdefault(text, []).append(name)
        return [text if len(names) == len(texts) else f"{', '.join(names)}: {text}" for text, names in about.items()]

    def _figures(self, arm: Load) -> str:
        rate, p50, _, p99, *_ = self._cells(arm)
        return f"{rate} good answers a second, p50 {p50}, p99 {p99}, {arm.failures()}"

    @staticmethod
    def _cells(arm: Load) -> Sequence[str]:
        latencies = [milliseconds(arm.percentile(q)) for q in (50, 95, 99)]
        cost = arm.cpu_ms_per_request
        return (
            digits(arm.throughput),
            *latencies,
            arm.failures() if arm.failed else "0",
            f"{cost:.2f} ms a request" if cost is not None else "–",
            f"{arm.client_cpu:.0%} of a core",
        )

    @classmethod
    def load(cls, path: str | Path | None = None) -> Comparison:
        """What the last `measure` recorded, or the one in the file at `path`, as far as it came.

        Raises LessonError when there is none, or no whole round of it.
        """
        _, head, lines = records.read("measure", path)
        rounds: list[Round] = []
        for line in lines:
            if "arm" in line:
                if line["round"] == len(rounds):
                    rounds.append({})
                rounds[line["round"]][line["arm"]] = Load.from_record(line["load"], head)
        rounds = [found for found in rounds if len(found) == len(head["arms"])]
        if not rounds:
            raise LessonError("That measurement was ended before its first round.")
        end: dict[str, Any] = next(
            (line for line in lines if "ended" in line), {"ended": "it was interrupted", "seconds": 0.0}
        )
        seconds = end["seconds"] or sum(load.elapsed for found in rounds for load in found.values())
        return cls(head["arms"], head["concurrency"], rounds, seconds, end["ended"], head)
