"""How often `measure` calls a server different from itself.

    python benchmarks/a_a.py [comparisons [seconds each]]   forty and ten unless given; at most twenty seconds

Each comparison has the same address under two names. It is wrong to call them different; a ruler with 95 % intervals
may be wrong in one of twenty. Three servers take turns: FastAPI with a wait, Flask with a wait, FastAPI without one,
which is the hardest, as nothing but the processor sets its pace. The result is written to a_a.json beside this file.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from helpers.benchmark import Comparison, measure
from helpers.machine import machine
from helpers.servers import launch, stop_all

APPS = {
    "hello_fastapi.py": """
import asyncio, fastapi
app = fastapi.FastAPI()

@app.get("/")
async def hello():
    return {"hello": "world"}

@app.get("/wait")
async def wait():
    await asyncio.sleep(0.05)
    return {}
""",
    "hello_flask.py": """
import time, flask
app = flask.Flask(__name__)

@app.get("/wait")
def wait():
    time.sleep(0.05)
    return {}
""",
}


def compare(
    comparisons: int = 40, budget: float = 10.0, tell: Callable[[str], None] = print
) -> list[dict[str, object]]:
    """Measure servers beside themselves, `comparisons` times, for `budget` seconds each at most."""
    with TemporaryDirectory() as folder:
        before = Path.cwd()
        os.chdir(folder)
        try:
            for name, source in APPS.items():
                Path(name).write_text(source, encoding="utf-8")
            fastapi = launch("uvicorn", "hello_fastapi.py:app").url
            flask = launch("gunicorn", "hello_flask.py:app", threads=40).url
            arms = [("FastAPI, 50 ms", f"{fastapi}/wait", 50), ("Flask, 50 ms", f"{flask}/wait", 30)]
            arms.append(("FastAPI, no wait", f"{fastapi}/", 32))
            results = []
            for number in range(comparisons):
                name, url, concurrency = arms[number % len(arms)]
                results.append(_line(name, measure({"A": url, "B": url}, concurrency=concurrency, budget=budget)))
                tell(f"{number + 1:3} {' '.join(f'{key}={value}' for key, value in results[-1].items())}")
            return results
        finally:
            stop_all()
            os.chdir(before)


def _line(name: str, found: Comparison) -> dict[str, object]:
    ratio = found.ratio("A", "B")
    return {
        "server": name,
        "ratio": round(ratio.value, 4),
        "low": round(ratio.low, 4),
        "high": round(ratio.high, 4),
        "rounds": len(found.rounds),
        "seconds": round(found.seconds, 1),
        "says": "different" if ratio.direction else "no difference" if ratio.conclusive else "inconclusive",
        "why": ratio.why_not,
    }


def summary(results: list[dict[str, object]]) -> dict[str, object]:
    """How often what was said; `outside` counts the intervals without 1, whatever was said of them."""
    counts = {
        word: sum(line["says"] == word for line in results) for word in ("no difference", "different", "inconclusive")
    }
    return {
        "comparisons": len(results),
        **counts,
        "share different": counts["different"] / len(results),
        "outside": sum(not line["low"] <= 1 <= line["high"] for line in results),
        "longest": max(line["seconds"] for line in results),
    }


if __name__ == "__main__":
    arguments = sys.argv[1:]
    found = compare(int(arguments[0]) if arguments else 40, min(float(arguments[1]), 20.0) if arguments[1:] else 10.0)
    told = summary(found)
    print(told)
    record = {"when": time.strftime("%Y-%m-%d"), "machine": machine(), **told, "each": found}
    Path(__file__).with_name("a_a.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    raise SystemExit(told["share different"] > 0.05)
