"""A bar that fills while something is measured, and is gone afterwards."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def progress(title: str, seconds: float) -> Iterator[Callable[[float, str], None]]:
    """Show how much of `seconds` has passed: call what this yields with the seconds so far, and a few words.

    A widget in a notebook, a line in a terminal, nothing where nobody looks.
    """
    from tqdm.auto import tqdm
    from tqdm.notebook import tqdm_notebook

    if issubclass(tqdm, tqdm_notebook):
        from IPython.display import display

        bar: Any = tqdm(total=seconds, desc=title, bar_format=_FORMAT, display=False)
        shown = display(  # type: ignore[no-untyped-call]  # IPython has no types
            bar.container, display_id=True
        )
    else:
        bar = tqdm(total=seconds, desc=title, bar_format=_FORMAT, leave=False, disable=not sys.stderr.isatty())
        shown = None

    def show(passed: float, words: str = "") -> None:
        bar.n = min(passed, seconds)
        bar.set_postfix_str(words, refresh=False)
        bar.refresh()

    try:
        yield show
    finally:
        bar.n = bar.total  # whatever else is left counts as trouble, and stays on the screen in red
        bar.close()
        if shown is not None:  # a closed widget would stay in a stored notebook as a line of text
            shown.update({"text/plain": ""}, raw=True)


_FORMAT = "{desc} {bar} {n:.1f} of {total:.0f} s{postfix}"
