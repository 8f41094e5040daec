"""A guest on a reader's own server: names of this run, nothing that exists is touched, and all that was made goes again.

The notebooks make what they need through these functions, on the embedded server and on the reader's alike. On a server of
this kernel's own nothing has to be tidied up, since it goes as a whole. On a reader's, a caretaker process removes what was
made when the kernel ends, is killed, or dies in the middle of a cell. Should the caretaker be killed too, the next run on the
same machine finds what was left, by the mark on it, and removes that.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from companion import this_run
from companion.errors import EngineUnavailable
from companion.processes import caretaker
from companion.workspace import disk_errors

if TYPE_CHECKING:
    from distributed import Client
    from psycopg import Connection
    from redis import Redis

_RUNS = "companion:runs"  # in Redis: a hash with the mark of each prefix in use; Redis removes it with its last field
_MARK = "__meta_companion"  # Prometheus drops labels that begin with two underscores before it stores anything
_SAYS = "a notebook of the Scalable AI companion works here, and removes it at its end: "


class _Made(NamedTuple):
    """Something on a server, how to remove it over a client of that server, and the caretaker's number for it."""

    server: tuple[Any, ...]
    name: str
    remove: Callable[[Any], None]
    number: int | None


_made: list[_Made] = []
_numbers = itertools.count(1)


def leave(client: Connection | Redis, *names: str) -> None:
    """Remove what this run has made on the server behind a client, over that client: everything, or what is named."""
    server = _server(client)
    for made in [m for m in reversed(_made) if m.server == server and (not names or m.name in names)]:
        _remove(made, client)


def _remove(made: _Made, client: Connection | Redis | None) -> None:
    made.remove(client)
    _made.remove(made)
    if made.number is not None:
        caretaker.relieve(made.number)


def _server(client: Any) -> tuple[Any, ...]:
    """What tells one server from another: an embedded one has a port of its own."""
    if hasattr(client, "connection_pool"):
        kept = client.connection_pool.connection_kwargs
        return tuple(kept.get(part) for part in ("host", "port", "path", "db"))
    return client.info.host, client.info.port, client.info.dbname


def _is_ours(client: Any) -> bool:
    """Whether the server is this kernel's own: it ends when its client is closed (``close_with``)."""
    return "close" in vars(client)


# PostgreSQL


def schema(
    connection: Connection, what: str, *, roles: Sequence[str] = (), superuser: bool = False, version: int = 14
) -> str:
    """Make an empty schema of this run's own, first and alone on the connection's search path.

    What this run had made under the same name before is removed first, so that a cell may run twice.

    Args:
        connection: on autocommit.
        what: the beginning of its name.
        roles: beginnings of the names of roles that will be made (``this_run.name(role)``): none of them may exist; they
            are removed with the schema.
        superuser, version: what the notebook needs of the user and of PostgreSQL.

    Returns:
        The schema's name.

    Raises:
        EngineUnavailable: the user may not do that, or the server is too old, or such a name exists: nothing was made.
    """
    import psycopg
    from psycopg.sql import SQL, Identifier, Literal

    name, names = this_run.name(what), [this_run.name(role) for role in roles]
    server = _server(connection)
    for made in [m for m in _made if (m.server, m.name) == (server, name)]:
        _remove(made, connection)
    _require(connection, bool(roles), superuser, version)
    _remove_what_was_left(connection)
    taken = connection.execute("SELECT rolname FROM pg_roles WHERE rolname = ANY(%s) LIMIT 1", (names,)).fetchone()
    if taken:
        raise EngineUnavailable(
            f"the role {taken[0]} exists already, and is not this run's to remove. Nothing was made."
        )
    told = Literal(_SAYS + json.dumps({**this_run.mark(), "roles": names}))
    number = None
    if not _is_ours(connection):
        number = caretaker.entrust(
            __name__, "remove_schema", **_reach(connection), **{"schema": name, "roles": names, "tag": this_run.TAG}
        )
    try:
        with connection.transaction():
            connection.execute(SQL("CREATE SCHEMA {}").format(Identifier(name)))
            connection.execute(SQL("COMMENT ON SCHEMA {} IS {}").format(Identifier(name), told))
    except psycopg.Error as error:
        if number is not None:
            caretaker.relieve(number)
        reason = str(error).splitlines()[0]
        raise EngineUnavailable(f"the schema {name} can't be made: {reason}. Nothing was made.") from error
    _made.append(_Made(server, name, lambda c: _drop(c, name, names, this_run.TAG), number))
    connection.execute(SQL("SET search_path = {}").format(Identifier(name)))
    return name


def _require(connection: Connection, roles: bool, superuser: bool, version: int) -> None:
    """EngineUnavailable, with the statement that gives the right, for a user who may not do what is to come."""
    from companion.engines.postgres import VARIABLE

    row = connection.execute(
        "SELECT current_user, current_database(), rolsuper, rolsuper OR rolcreaterole, "
        "has_database_privilege(current_database(), 'CREATE') FROM pg_roles WHERE rolname = current_user"
    ).fetchone()
    assert row is not None
    user, database, is_super, may_make_roles, may_make_schemas = row
    instead = f"Or unset {VARIABLE} to use the embedded server. Nothing was made."
    if connection.info.server_version // 10_000 < version:
        found = connection.info.server_version // 10_000
        raise EngineUnavailable(f"this needs PostgreSQL {version} or newer, the server is {found}. {instead}")
    if superuser and not is_super:
        raise EngineUnavailable(
            f"this needs a superuser, and {user} is none: name another in {VARIABLE}, or ALTER ROLE {user} SUPERUSER. {instead}"
        )
    if roles and not may_make_roles:
        raise EngineUnavailable(f"{user} may not make roles: ALTER ROLE {user} CREATEROLE. {instead}")
    if not may_make_schemas:
        raise EngineUnavailable(
            f"{user} may not make a schema in {database}: GRANT CREATE ON DATABASE {database} TO {user}. {instead}"
        )


def _reach(connection: Connection) -> dict[str, Any]:
    """How the caretaker comes to the same database, and which session of ours to end first: it may hold locks."""
    from psycopg import conninfo

    row = connection.execute(
        "SELECT pid, backend_start::text FROM pg_stat_activity WHERE pid = pg_backend_pid()"
    ).fetchone()
    password = connection.info.password
    address = conninfo.make_conninfo(connection.info.dsn, **({"password": password} if password else {}))
    return {"conninfo": address, "session": list(row) if row else None}


def remove_schema(conninfo: str, session: list[Any] | None, schema: str, roles: list[str], tag: str) -> None:
    """For the caretaker: remove what a run made, once its own session is over."""
    import psycopg

    with psycopg.connect(conninfo, autocommit=True, connect_timeout=10) as connection:
        if session:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = %s AND backend_start = %s::timestamptz",
                session,
            )
        _drop(connection, schema, roles, tag)


def _drop(connection: Connection, schema: str, roles: Sequence[str], tag: str) -> None:
    """Drop a schema with all in it, if it carries the mark of the run with this tag, and the roles of that run."""
    from psycopg.sql import SQL, Identifier

    with connection.transaction():
        connection.execute("RESET ROLE")
        found = _marked(connection).get(schema)
        if found is not None and found["companion"] == tag:
            connection.execute(SQL("DROP SCHEMA {} CASCADE").format(Identifier(schema)))
        for role in reversed(roles):
            connection.execute(SQL("DROP ROLE IF EXISTS {}").format(Identifier(role)))


def _marked(connection: Connection) -> dict[str, dict[str, Any]]:
    """The marks of this user's schemas, by the schemas' names."""
    marks = {}
    for name, said in connection.execute(
        "SELECT nspname, obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspowner = current_user::regrole"
    ):
        with contextlib.suppress(ValueError):
            if said and said.startswith(_SAYS):
                marks[name] = json.loads(said.removeprefix(_SAYS))
    return marks


def _remove_what_was_left(connection: Connection) -> None:
    """Remove the schemas and roles of runs that were killed together with their caretaker."""
    for name, found in _marked(connection).items():
        if this_run.is_over(found):
            _drop(connection, name, found["roles"], found["companion"])


# Redis


def prefix(client: Redis, what: str) -> str:
    """A beginning for keys that is this run's own: ``companion:redis_caching:4711-0a1b2c3d:``.

    Keys of this run that begin so are removed first, so that a cell may run twice.

    Raises:
        EngineUnavailable: keys of somebody else begin so, or this user may not write there: nothing was made.
    """
    import redis

    begin = f"companion:{what}:{this_run.TAG}:"
    server = _server(client)
    for made in [m for m in _made if (m.server, m.name) == (server, begin)]:
        _remove(made, client)
    number = None
    try:
        _remove_what_runs_left(client)
        if next(client.scan_iter(f"{begin}*", count=10_000), None) is not None:
            raise EngineUnavailable(f"keys that begin with {begin} exist already, and are not this run's to remove.")
        if not _is_ours(client):
            number = caretaker.entrust(__name__, "remove_keys", **_address(client), begin=begin)
        client.hset(_RUNS, begin, json.dumps(this_run.mark()))
    except redis.ResponseError as error:
        if number is not None:
            caretaker.relieve(number)
        raise EngineUnavailable(
            f"this user may not work with keys that begin with 'companion:' ({error}). "
            "Give it ~companion:* with +@read +@write +@scripting, or unset REDIS_URL to use the embedded server. Nothing was made."
        ) from error
    _made.append(_Made(server, begin, lambda c: _unlink(c, begin), number))
    return begin


def _address(client: Redis) -> dict[str, Any]:
    kept = client.connection_pool.connection_kwargs
    wanted = ("host", "port", "path", "db", "username", "password")
    secure = "ssl" in client.connection_pool.connection_class.__name__.lower()
    options = {name: kept[name] for name in wanted if kept.get(name) is not None}
    if "path" in options:
        options["unix_socket_path"] = options.pop("path")
    options |= {
        name: value for name, value in kept.items() if name.startswith("ssl_") and isinstance(value, str | bool)
    }
    return {"options": options, "secure": secure}


def remove_keys(options: dict[str, Any], secure: bool, begin: str) -> None:
    """For the caretaker: remove the keys of a run."""
    import redis

    with redis.Redis(**options, ssl=secure, socket_connect_timeout=10) as client:
        _unlink(client, begin)


def _unlink(client: Redis, begin: str) -> None:
    """Remove the keys that begin so, a batch at a time: ``KEYS`` and one large ``DEL`` would stop the server for others."""
    batch: list[Any] = []
    for key in client.scan_iter(f"{begin}*", count=10_000):
        batch.append(key)
        if len(batch) == 1000:
            client.unlink(*batch)
            batch.clear()
    if batch:
        client.unlink(*batch)
    client.hdel(_RUNS, begin)


def _remove_what_runs_left(client: Redis) -> None:
    """Remove the keys of runs that were killed together with their caretaker."""
    for field, said in client.hgetall(_RUNS).items():
        begin = field.decode() if isinstance(field, bytes) else field
        with contextlib.suppress(ValueError):
            found = json.loads(said)
            # a mark that names other keys than its own run's is nobody's
            if this_run.is_over(found) and re.fullmatch(rf"companion:\w+:{re.escape(found['companion'])}:", begin):
                _unlink(client, begin)


# Prometheus


def targets(folder: Path, groups: Sequence[Mapping[str, Any]]) -> Callable[[], None]:
    """Put a new file into a folder of targets that a server watches (``file_sd_configs``), whole or not at all.

    Args:
        groups: each with ``targets`` and perhaps ``labels``.

    Returns:
        What takes the file away again.

    Raises:
        EngineUnavailable: there is a file of that name: nothing was written.
        WorkspaceError: the folder is full, or not writable.
    """
    _remove_files_that_were_left(folder)
    number = next(_numbers)
    file = folder / f"companion-{this_run.TAG}-{number}.json"
    draft = folder / f".companion-{this_run.TAG}-{number}.draft"
    mark = json.dumps(this_run.mark())
    marked = [{**group, "labels": {**group.get("labels", {}), _MARK: mark}} for group in groups]
    entrusted = None
    try:
        with disk_errors(folder):
            draft.write_text(json.dumps(marked))
            os.link(draft, file)  # unlike a rename it fails where the name is taken
        entrusted = caretaker.entrust(__name__, "remove_file", file=str(file))
    except FileExistsError as error:
        raise EngineUnavailable(
            f"{file} exists already, and is not this run's to replace. Nothing was written."
        ) from error
    finally:
        draft.unlink(missing_ok=True)
    made = _Made((str(folder),), file.name, lambda _: file.unlink(missing_ok=True), entrusted)
    _made.append(made)

    def withdraw() -> None:
        if made in _made:
            _remove(made, None)

    return withdraw


def remove_file(file: str) -> None:
    """For the caretaker: remove a file that a run has put there."""
    Path(file).unlink(missing_ok=True)


def _remove_files_that_were_left(folder: Path) -> None:
    """Remove the files of runs that were killed together with their caretaker: every group in them carries such a mark."""
    for file in folder.glob("companion-*.json"):
        with contextlib.suppress(OSError, ValueError, TypeError, AttributeError, KeyError):
            groups = json.loads(file.read_text())
            if groups and all(this_run.is_over(json.loads(group["labels"][_MARK])) for group in groups):
                file.unlink()


# Dask


def alone(client: Client) -> None:
    """Raise EngineUnavailable when somebody else works on the cluster: a worker that is killed may hold their results."""

    def others(dask_scheduler: Any, own: str = client.id) -> int:
        return sum(name not in (own, "fire-and-forget") for name in dask_scheduler.clients)

    if found := client.run_on_scheduler(others):
        raise EngineUnavailable(
            f"{found} other client(s) use this Dask cluster, and a worker is to be killed: nothing was. "
            "Wait until you are alone on it, or unset DASK_SCHEDULER_ADDRESS to use the embedded cluster."
        )
