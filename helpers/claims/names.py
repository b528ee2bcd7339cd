"""The short names under which the lessons ask for guesses, and the words they offer as answers: data/names.json.

The file is made from the notebooks as they are stored in the project and not read from a learner's copy, in which a
learner may have typed anything. After a change of a lesson's `predict` or `judge`:
``.venv/bin/python -c "from helpers.claims.names import gather; gather()"``.
"""

import ast
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from helpers.claims.rules import VERDICTS, VOTES, claims
from helpers.errors import LessonError
from helpers.storage import ROOT

FILE = ROOT / "data" / "names.json"
ANYWHERE = ("yes", "no", "true", "false")  # what True and False are in words

Names = dict[str, list[str]]  # {"JSON for a 404": ["flask", "fastapi", "both", "neither"]}


@cache
def names() -> Names:
    """The lessons' short names, each with the words that the lesson offers.

    Raises LessonError if data/names.json cannot be read.
    """
    try:
        found: Names = json.loads(FILE.read_text("utf-8"))
        return {str(name): [str(word) for word in words] for name, words in found.items()}
    except (OSError, ValueError, TypeError, AttributeError) as cause:
        raise LessonError("data/names.json cannot be read as a table of names; restore it with git.") from cause


def words_for(name: str) -> list[str]:
    """The words that may be an answer under `name`: a claim, or a short name of a lesson."""
    if name in claims():
        return [*VERDICTS, *VOTES, *ANYWHERE]
    return [*names().get(name, []), *ANYWHERE]


def gather(file: Path = FILE) -> Names:
    """Write the names and words of all stored notebooks to `file`; returns them."""
    found = asked()
    file.write_text(json.dumps(found, indent=1, ensure_ascii=False, sort_keys=True) + "\n", "utf-8")
    return found


def asked(notebooks: Path = ROOT / "notebooks") -> Names:
    """What the notebooks in `notebooks` ask for and judge under short names, with the words that they offer.

    A word is offered by the text before the guess, in quotes and as code: ``"both"``.
    """
    found: Names = {}
    for page in sorted(notebooks.glob("[0-9][0-9]_*.ipynb")):
        offered: list[str] = []
        for cell in json.loads(page.read_text("utf-8"))["cells"]:
            source = "".join(cell["source"])
            if cell["cell_type"] != "code":
                offered = [word for word in re.findall(r'`"([^"`]{1,30})"`', source) if word not in VERDICTS]
                continue
            for verb, name in _calls(source):
                words = offered if verb == "predict" else []
                found[name] = list(dict.fromkeys([*found.get(name, []), *words]))
    return {name: words for name, words in found.items() if name not in claims()}


def _calls(source: str) -> Iterator[tuple[str, str]]:
    """``("predict", "same bytes")`` for each such call in a cell."""
    lines = ["" if line.lstrip().startswith(("%", "!")) else line for line in source.splitlines()]
    for node in ast.walk(ast.parse("\n".join(lines))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
            verb, name = node.func.id, node.args[0]
            if verb in ("predict", "judge") and isinstance(name, ast.Constant) and isinstance(name.value, str):
                yield verb, name.value
