"""Where a learner's results go: guesses and verdicts, and what was measured."""

import hashlib
import os
from pathlib import Path

PROJECT = "fastapi-vs-flask-on-trial"
ROOT = Path(__file__).resolve().parents[1]  # of the checkout
VARIABLE = "LESSON_RESULTS"


def checkout() -> Path:
    """The checkout whose notebook this kernel runs, which is not that of these helpers where a machine has two.

    A notebook's kernel starts in notebooks/; beside it lies helpers/.
    """
    beside = Path.cwd().resolve().parent
    return beside if (beside / "helpers" / "__init__.py").is_file() else ROOT


def folders() -> list[Path]:
    """The folders that may hold results, the first one first: whoever cannot write there goes on to the next.

    The folder that the environment variable LESSON_RESULTS names, otherwise results/ in the checkout; then one in this
    user's cache, for that folder alone.
    """
    import platformdirs  # not before it is needed

    given = os.environ.get(VARIABLE)
    chosen = Path(given).expanduser().absolute() if given else checkout() / "results"
    its_own = hashlib.sha256(bytes(chosen)).hexdigest()[:12]
    return [chosen, platformdirs.user_cache_path(PROJECT) / "results" / its_own]
