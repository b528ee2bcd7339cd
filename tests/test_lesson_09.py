"""Lesson 09: other right answers to its exercises, and runs in which everything comes out as its text says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from lessons import ROOT, changed, only, read, run_lesson
from test_exercises import assert_passes

from helpers.exercises.lesson_09 import IN_A_THREAD, NEWS, RESUME, THAWED

NOTEBOOK = ROOT / "notebooks" / "09_fastapi_at_home.ipynb"
SECONDS = 240  # for one run

ALSO_RIGHT = {
    "9.1 handed to a thread": IN_A_THREAD,
    "9.1 by run_in_threadpool": IN_A_THREAD.replace("asyncio.to_thread", "run_in_threadpool").replace(
        "import asyncio\n", "from starlette.concurrency import run_in_threadpool\n"
    ),
    "9.1 in a router": THAWED.replace("frozen_app = FastAPI()", "router = APIRouter()")
    .replace("@frozen_app", "@router")
    .replace("import FastAPI", "import APIRouter, FastAPI")
    + "\n\nfrozen_app = FastAPI()\nfrozen_app.include_router(router)\n",
    "9.2 by its exception": NEWS.replace("    finally:\n", "    except asyncio.CancelledError:\n").replace(
        'gone.append("gone")', 'gone.append("gone")\n        raise'
    ),
    "9.2 with numbers": NEWS.replace("ServerSentEvent(raw_data=str(number))", "number"),
    "9.3 by slicing": RESUME.replace(
        "enumerate(history, 1)", "enumerate(history[max(seen, 0):], max(seen, 0) + 1)"
    ).replace("        if number > seen:\n            yield", "        yield"),
    "9.3 as a list": RESUME.replace("    for", "    events = []\n    for")
    .replace("yield f", "events.append(f")
    .replace('\\n\\n"', '\\n\\n")')
    + "    return events\n",
    "9.3 with other line ends": RESUME.replace('"id: {number}\\n', '"data: {text}\\n').replace(
        'data: {text}\\n\\n"', 'id: {number}\\n\\n"'
    ),
}


@pytest.mark.parametrize("name", ALSO_RIGHT)
def test_another_right_answer_passes_too(name: str) -> None:
    assert_passes(name.split()[0], ALSO_RIGHT[name])


def number(text: str, before: str) -> float:
    """The number that follows `before` in `text`."""
    found = re.search(re.escape(before) + r"\D*?([\d,.]+\d|\d)", text)
    assert found, f"{before!r} is not in {text!r}"
    return float(found[1].replace(",", ""))


@pytest.mark.lesson("09 as stored")
@pytest.mark.timeout(SECONDS + 60)
def test_everything_comes_out_as_the_text_says(tmp_path: Path) -> None:
    seen = run_lesson(NOTEBOOK, tmp_path, SECONDS)
    assert number(seen["train"], "'") > 90
    assert "ping is answered beside async def: no" in seen["judge-ping-async"]
    assert "ping is answered beside def: yes" in seen["judge-ping"]
    costs = {name: number(seen["run-batch"], f"'{name}':") for name in ("async def", "def", "FastAPI, batched")}
    assert min(costs["async def"], costs["def"]) > 3 * costs["FastAPI, batched"]
    assert number(seen["run-batch"], "'Flask':") > 3 * number(seen["run-batch"], "'Flask, batched':")
    assert "blocks the event loop" in seen["run-pictures"]
    apart, shared = seen["run-preload"].split("True:")
    assert number(shared, "'pss':") < 0.6 * number(apart, "'pss':")
    assert number(shared, "'rss':") > 1.5 * number(shared, "'pss':")
    fastapi, pool, gevent = re.findall(
        r"'let in': (\d+),\s+'threads': (\d+),\s+'an ordinary request': (\w+)", seen["run-idle"]
    )
    assert (fastapi[0], fastapi[2]) == ("200", "200") and int(fastapi[1]) < 20
    assert (pool[0], pool[2]) == ("40", "None") and 80 <= int(pool[1]) <= 86
    assert gevent == ("200", "2", "200")
    assert seen["run-leave"] == "{'async-def': 20, 'def': 0, 'flask': 20}"
    assert number(seen["judge-tokens"], "whole time:") < 25
    pages = {name: number(seen["run-sources"], f"'{name} pages, 10':") for name in ("FastAPI", "Flask")}
    assert pages["Flask"] >= 3 and pages["Flask"] > 3 * pages["FastAPI"]
    assert "FastAPI in time: " in seen["run-deadline"] and "and 0 that came for nobody" in seen["run-deadline"]
    assert 1 <= number(seen["judge-deadline"], "nobody:") <= 10
    assert [line.split()[2] for line in seen["wrong-connected"].splitlines()[1:]] == ["received:", "sent:", "received:"]
    assert 1 <= number(seen["wrong-shared-run"], "20 people,") <= 20
    assert "Verdict: holds with conditions." in seen["judge-c38"]
    assert "4 of 4 needs met, 2 of 2 limits found" in seen["judge-c38"]
    assert "Verdict: cannot be measured." in seen["judge-c9"]
    assert "survey_psf_jetbrains" in seen["run-c9"]


NEEDED = (
    *("imports", "train", "model-read", "model-fastapi", "model-flask", "draw", "draw-page", "ping-during"),
    *("sources-fastapi", "ticker-fastapi", "ticker-flask", "ticker-flask-events", "ticker-flask-socket"),
    *("ticker-page", "ticker-serve", "leave-apps", "leave-def", "leave-flask", "run-leave", "four-apps", "four-checks"),
    "judge-c38",
)
GATHERED = 'len(await asyncio.gather(*(fetch(four_app, f"/part/{n}?latency=0.1") for n in range(3))))'


@pytest.mark.lesson
@pytest.mark.timeout(SECONDS + 60)
def test_each_flip_turns_its_result_over(tmp_path: Path) -> None:
    flips = (
        ("model-fastapi", "async def predict_in_the_loop", "def predict_in_the_loop"),
        ("train", "RandomForestClassifier(400", "RandomForestClassifier(200"),
        ("run-leave", "    time.sleep(1)\n", "    time.sleep(1)\n    import gc; gc.collect()\n"),
        ("four-apps", GATHERED, '[await fetch(four_app, f"/part/{n}?latency=0.1") for n in range(3)]'),
    )
    seen = run_lesson(NOTEBOOK, tmp_path, SECONDS, only(changed(read(NOTEBOOK), flips), *NEEDED))
    assert seen["run-leave"] == "{'async-def': 20, 'def': 20, 'flask': 20}"
    assert "fans out in one wait: no" in seen["judge-c38"]
    assert "a model in async def holds others up: no" in seen["judge-c38"]
    assert "Verdict: does not hold." in seen["judge-c38"]
