"""`measure`: the same load on several servers, in short rounds, until the ratio is known well enough."""

from dataclasses import replace
from time import monotonic
from typing import Any

from helpers.arguments import number
from helpers.benchmark.comparison import Comparison, Round
from helpers.benchmark.statistics import interval, is_narrow
from helpers.client.counting import Meter, send
from helpers.client.loading import plan
from helpers.client.orders import LoadOrder
from helpers.client.pace import NOTE, pace, paced
from helpers.client.process import ClientError
from helpers.client.progress import progress
from helpers.client.records import Record
from helpers.client.results import Load
from helpers.errors import LessonError

LONGEST = 120.0  # seconds of a whole comparison
MOST_ARMS = 12
ENOUGH = 8  # rounds, before an interval that is narrow enough is believed
WARM_UP = 0.5  # seconds
STEADY = 0.25  # seconds of a round in which all connections are busy
RAMP = 0.6  # share of a round that the ramp may take; with more of it, the rest would say too little
ROOM = 1.2  # times what the last round took must be left for another one
LONG, SHORT = 3.5, 2.0  # seconds of a round: at most, and where even that would not be enough


def measure(
    arms: dict[str, str],
    *,
    concurrency: int = 50,
    budget: float = 20.0,
    method: str = "GET",
    json: Any = None,
    headers: dict[str, str] | None = None,
    keep_alive: bool = True,
    timeout: float = 10.0,
) -> Comparison:
    """Compare servers under the same closed load: ``measure({"FastAPI": a.url + "/wait", "Flask": b.url + "/wait"})``.

    `arms` names the addresses (two to twelve, on this machine). After a warm-up each arm has its turn in each round, in
    alternating order; a round is some tenths of a second, longer where the answers take long, and the time in which not
    all of the `concurrency` (1 to 500) connections are busy does not count. There are rounds until the 95 % interval of
    the first arm's ratio to each other arm is within 10 %, or until `budget` seconds (up to 120) are over, warm-up
    included.

    Each round is in results/measured/ as soon as it is over; ``Comparison.load()`` reads the last measurement back.

    Raises LessonError for a target on another machine, for numbers out of range, and for an arm that gives no good
    answer to begin with.
    """
    orders = _orders(arms, concurrency, budget, method, json, headers, keep_alive, timeout)
    budget = paced(budget, least=3.0)
    began = monotonic()
    end = began + 0.97 * budget  # what comes after the last round takes a moment too
    rounds: list[Round] = []
    with progress("measure", budget) as show:
        meters = {name: Meter(order.port) for name, order in orders.items()}
        for name, order in list(orders.items()):
            show(monotonic() - began, f", warming up {name}")
            orders[name] = _warm_up(name, order, began + budget / 2)
        record = Record("measure", {"arms": arms, "concurrency": concurrency, "budget": budget})
        try:
            cost, ended = monotonic() - began, ""
            while not ended:
                started = monotonic()
                if rounds and started + ROOM * cost > end:
                    ended = "the time was over"
                    break
                found: Round = {}
                try:
                    for name in arms if len(rounds) % 2 == 0 else reversed(arms):
                        show(monotonic() - began, f", round {len(rounds) + 1}: {name}")
                        share = (end - monotonic()) / (1 if rounds else len(arms) - len(found))
                        # How long a first round takes is not known; later ones are begun only if they fit.
                        found[name] = _turn(orders[name], meters[name], share, 0.9 if rounds else 0.5)
                        record.add({"round": len(rounds), "arm": name, "load": found[name].record()})
                        if found[name].server_gone:
                            ended = f"{name} was gone"
                        found[name].notes += [NOTE] * (pace() < 1)
                except ClientError:
                    if not rounds:
                        raise
                    ended = "the client, or this kernel with it, was held up"  # a machine that slept, say
                    break
                rounds.append({name: found[name] for name in arms})
                cost = monotonic() - started
                if not ended and len(rounds) >= ENOUGH and _is_known(rounds, arms):
                    ended = "the interval is within 10 %"
            seconds = monotonic() - began
            record.add({"ended": ended, "seconds": seconds})
        finally:
            record.close()
    return Comparison(dict(arms), concurrency, rounds, seconds, ended)


def _orders(
    arms: Any, concurrency: int, budget: float, method: str, json: Any, headers: Any, keep_alive: bool, timeout: float
) -> dict[str, LoadOrder]:
    """An order for each arm. Raises LessonError for what cannot be measured."""
    if not isinstance(arms, dict) or not all(isinstance(name, str) and name for name in arms):
        raise LessonError('Give the arms as a dict of names and addresses: {"FastAPI": server.url + "/wait", ...}.')
    if not 2 <= len(arms) <= MOST_ARMS:
        raise LessonError(f"measure compares 2 to {MOST_ARMS} arms; you gave {len(arms)}.")
    number("budget", budget, 1, LONGEST)
    return {
        name: plan(url, concurrency, None, WARM_UP, method, json, headers, keep_alive, timeout)
        for name, url in arms.items()
    }


def _warm_up(name: str, order: LoadOrder, end: float) -> LoadOrder:
    """Send a load that does not count; the order of a round is as long as that one says it has to be."""
    found = _turn(order, None, end - monotonic())
    if found.server_gone or not found.completed:
        raise LessonError(
            f"{name} gives no good answer at {order.url}: {found.failures()}; try it with ask(...) before you "
            "measure it."
        )
    ramp = 0.05 + found.percentile(95) / 1000  # until every connection has had its first answer
    wanted = max(ramp + STEADY, ramp / RAMP)
    return replace(order, closes=found.closes, known=True, seconds=wanted if wanted <= LONG else SHORT)


def _turn(order: LoadOrder, meter: Meter | None, share: float, part: float = 0.5) -> Load:
    """A load on one arm that takes no longer than `share` seconds: `part` of them for sending, the rest for answers."""
    share = max(share, 0.4)
    seconds = min(order.seconds, part * share)
    return send(replace(order, seconds=seconds, timeout=min(order.timeout, share - seconds)), None, meter)


def _is_known(rounds: list[Round], arms: dict[str, str]) -> bool:
    """Whether the first arm's ratio to each of the others is known within 10 %."""
    first, *others = arms
    for other in others:
        pairs = [(found[first].throughput, found[other].throughput) for found in rounds]
        if any(not a or not b for a, b in pairs):
            return False
        value, _, high = interval([a / b for a, b in pairs])
        if not is_narrow(value, high):
            return False
    return True
