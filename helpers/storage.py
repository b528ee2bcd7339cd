"""Where a learner's results go: guesses and verdicts, and what was measured."""

import os
from pathlib import Path

PROJECT = "fastapi-vs-flask-on-trial"
ROOT = Path(__file__).resolve().parents[1]  # of the checkout
VARIABLE = "LESSON_RESULTS"


def folders() -> list[Path]:
    """The folders that may hold results, the first one first: whoever cannot write there goes on to the next.

    The folder that the environment variable LESSON_RESULTS names, otherwise results/ in the checkout; then one in this
    user's cache.
    """
    import platformdirs  # not before it is needed

    given = os.environ.get(VARIABLE)
    chosen = Path(given).expanduser().absolute() if given else ROOT / "results"
    return [chosen, platformdirs.user_cache_path(PROJECT) / "results"]
