"""What `watch` costs: the same bursts with and without it.

    python benchmarks/watch_overhead.py [rounds [requests a burst]]

Bursts of requests that do nothing go to one endpoint of each kind. A round has a burst with and one without the watch,
in alternating order, so that whatever else the machine does falls on both. Printed are the medians of requests per
second, and of the processor time that the servers' process needs for a request, with what the watch adds to it and a
95 % interval from resampled rounds. Processor time is the steadier of the two: others on the machine do not count.
"""

from __future__ import annotations

import random
import sys
from contextlib import nullcontext
from dataclasses import dataclass, field
from statistics import median, quantiles
from time import process_time
from typing import Any

import fastapi
import flask

from helpers import burst, serve, stop_all, watch


@dataclass
class Costs:
    """Seconds that a request took, on average over a burst, and seconds of the processor: one number a round."""

    seconds: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)


def measure(rounds: int = 40, n: int = 200) -> dict[str, dict[bool, Costs]]:
    """Send `n` requests at once, `rounds` times with and without a watch, to each kind of endpoint.

    Returns the costs by endpoint, and by whether it was watched.
    """
    servers = [serve(_shelf(flask.Flask("shelf"))), serve(_shelf(fastapi.FastAPI()))]
    arms = {
        "Flask def": (servers[0], "/def"),
        "Flask async def": (servers[0], "/async"),
        "FastAPI def": (servers[1], "/def"),
        "FastAPI async def": (servers[1], "/async"),
    }
    costs = {name: {False: Costs(), True: Costs()} for name in arms}
    try:
        for number in range(-1, rounds):  # one round more, that does not count
            for name, (server, path) in arms.items():
                for is_watched in (True, False) if number % 2 else (False, True):
                    with watch(*servers) if is_watched else nullcontext():
                        began = process_time()
                        result = burst(server, path, n)
                        spent = process_time() - began
                    if result.statuses != {200: n}:
                        raise RuntimeError(result.summary())
                    if number >= 0:
                        costs[name][is_watched].seconds.append(result.seconds / n)
                        costs[name][is_watched].processor.append(spent / n)
    finally:
        stop_all()
    return costs


def table(costs: dict[str, dict[bool, Costs]]) -> str:
    """A line for each kind of endpoint."""
    lines = [f"{'':18}{'requests/s':>10}{'watched':>9}{'ratio':>7}{'processor µs':>15}{'watched':>9}{'added':>24}"]
    for name, found in costs.items():
        plain, watched = (1 / median(found[arm].seconds) for arm in (False, True))
        before, after = (median(found[arm].processor) * 1e6 for arm in (False, True))
        pairs = zip(found[False].processor, found[True].processor, strict=True)
        added = [(b - a) * 1e6 for a, b in pairs]
        low, high = _interval(added)
        text = f"{median(added):.0f} ({low:.0f} to {high:.0f})"
        lines.append(
            f"{name:18}{plain:10,.0f}{watched:9,.0f}{watched / plain:7.2f}{before:15.0f}{after:9.0f}{text:>24}"
        )
    return "\n".join(lines)


def _interval(values: list[float]) -> tuple[float, float]:
    """The 95 % interval of the median, by resampling."""
    draw = random.Random(1)
    medians = [median(draw.choices(values, k=len(values))) for _ in range(2000)]
    cuts = quantiles(medians, n=40)
    return cuts[0], cuts[-1]


def _shelf(app: Any) -> Any:
    """`app`, of either framework, with the same two routes."""

    @app.get("/def")
    def function() -> dict[str, str]:
        return {"title": "Momo"}

    @app.get("/async")
    async def coroutine() -> dict[str, str]:
        return {"title": "Momo"}

    return app


if __name__ == "__main__":
    print(table(measure(*map(int, sys.argv[1:]))))
