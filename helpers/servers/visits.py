"""Has the browser fetched the pages that `show` put on the screen?

Run All reaches the last cell, `stop_all()`, while frames further up are still loading. Who then stops the servers at
once leaves broken frames on the screen.
"""

import time
from urllib.parse import unquote, urlsplit

PATIENCE = 2.0  # seconds for a shown page to be fetched, and again for its scripts; perhaps no browser is looking
QUIET = 0.3  # seconds without a request that tell that a page has its scripts too


class Visits:
    """The pages of one server that were shown and not fetched yet, and when a browser last asked for anything."""

    def __init__(self) -> None:
        self._shown: dict[str, float] = {}  # path: when it was shown
        self._fetched = 0.0  # when the last of the shown pages was fetched
        self._last = 0.0  # when anything was

    def expect(self, path: str) -> None:
        """The page at `path` has just been shown."""
        self._shown[unquote(urlsplit(path).path)] = time.monotonic()

    def note(self, path: str, request_id: str | None) -> None:
        """A request for `path` has come; those of `ask` carry an id, a browser's do not."""
        if request_id is None:
            self._last = time.monotonic()
            if self._shown.pop(path, None) is not None:
                self._fetched = self._last

    def pending(self) -> bool:
        """Whether a shown page is still loading."""
        now = time.monotonic()
        scripts = now - self._fetched < PATIENCE and now - self._last < QUIET
        return scripts or any(now - shown < PATIENCE for shown in list(self._shown.values()))
