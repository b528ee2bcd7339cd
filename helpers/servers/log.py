"""What a launched server has written."""

from __future__ import annotations

import os
import re
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

READ = 64 * 1024  # bytes of it, the last ones


class Log:
    """The file a server writes to; its end stays readable when the file is gone."""

    def __init__(self) -> None:
        handle, name = tempfile.mkstemp(prefix="launch-", suffix=".log")
        self.path = Path(name)
        self._file: BinaryIO = os.fdopen(handle, "rb")
        self._lock = threading.Lock()
        self._last = b""

    @property
    def text(self) -> str:
        with self._lock:
            if not self._file.closed:
                self._file.seek(max(os.fstat(self._file.fileno()).st_size - READ, 0))
                self._last = self._file.read(READ)
            return self._last.decode(errors="replace")

    @property
    def last_line(self) -> str:
        lines = self.text.split("\n")
        return next((line.strip()[:300] for line in reversed(lines) if line.strip()), "")

    @property
    def reason(self) -> str:
        """The last exception in it, or else the first line that speaks of a failure, or else the last line."""
        text = self.text
        if exceptions := re.findall(r"^\s*(?:\w+\.)*(\w*(?:Error|Exception)\b.*)$", text, re.MULTILINE):
            return str(exceptions[-1]).strip()[:300]
        failure = re.search(r"^.*(?:error|failed).*$", text, re.MULTILINE | re.IGNORECASE)
        return failure[0].strip()[:300] if failure else self.last_line

    def close(self) -> None:
        _ = self.text  # keep it
        with self._lock:
            self._file.close()
        with suppress(OSError):
            self.path.unlink(missing_ok=True)
