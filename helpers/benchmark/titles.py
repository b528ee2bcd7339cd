"""What the figures say, computed from the numbers: nothing is drawn here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf
from typing import TYPE_CHECKING

from helpers.client.results import Load
from helpers.words import digits, listed

if TYPE_CHECKING:
    from helpers.benchmark.statistics import Estimate

Points = dict[str, list[tuple[int, float]]]  # for each arm: connections, good answers a second; fewest first
MET = 0.95  # the share of a model's promise from which on it counts as met


def by_concurrency(loads: Mapping[str, Sequence[Load]]) -> Points:
    """The throughput of closed-model loads by their number of connections."""
    return {name: sorted((each.concurrency or 0, each.throughput) for each in arm) for name, arm in loads.items()}


def shares_of_the_law(points: Points, wait: float, threads: Mapping[str, int]) -> str:
    """How much of min(connections, threads) / wait each arm reaches at its most connections."""
    said = []
    for name, arm in points.items():
        count, rate = arm[-1]
        share = rate / (min(count, threads.get(name, inf)) / wait)
        said.append(f"{name} {digits(rate)} ({share:.0%} of {'its threads’' if name in threads else 'the'} limit)")
    most = max(count for arm in points.values() for count, _ in arm)
    return f"At {most} connections, answers a second: {'; '.join(said)}"


def span_of_ratios(ratios: Mapping[int, Estimate], band: tuple[float, float]) -> str:
    """From the lowest ratio to the highest, and how many lie in the article's `band`."""
    low, high = band
    values = [ratio.value for ratio in ratios.values() if ratio.value > 0]
    inside = sum(low <= ratio.value <= high for ratio in ratios.values())
    return (
        f"From {digits(min(values))} to {digits(max(values))} times, by the number of Flask's threads; "
        f"{inside} of {len(ratios)} settings lie in the article's {low:g} to {high:g}"
    )


def percentiles_compared(loads: Mapping[str, Load], q: int) -> str:
    """The `q`-th percentile of each load's latency."""
    found = [f"{digits(load.percentile(q))} ms ({name})" for name, load in loads.items()]
    return f"{q} of 100 answers came within {listed(found)}"


def settings_that_reach(found: Mapping[str, float], expected: Mapping[str, float]) -> str:
    """How many settings reach what a model `expected` of them, and by how much the others fall short."""
    shares = {name: rate / expected[name] for name, rate in found.items()}
    short = {name: share for name, share in shares.items() if share < MET}
    title = f"{len(shares) - len(short)} of {len(shares)} settings reach {MET:.0%} of the model or more"
    return f"{title}; {', '.join(f'{name} reaches {share:.0%}' for name, share in short.items())}" if short else title
