"""Docker: the SDK's own ``docker.DockerClient`` from the environment. There is no embedded engine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from companion._server import package_version
from companion.engines import Status
from companion.errors import EngineUnavailable

if TYPE_CHECKING:
    from docker import DockerClient

VARIABLE = "DOCKER_HOST"
GET_DOCKER = (
    "Debian/Ubuntu: apt-get install docker.io, then add yourself to the group docker. macOS and Windows: Docker Desktop. "
    f"An engine elsewhere: set {VARIABLE}."
)


def connect(timeout: int = 60) -> DockerClient:
    """A client of the engine that the ``docker`` command would use, after it has answered a ping.

    Raises:
        EngineUnavailable: no engine answers; the message says how to get one.
    """
    import docker

    try:
        client = docker.from_env(timeout=timeout)
        client.ping()
    except (docker.errors.DockerException, OSError) as error:
        where = f"at {VARIABLE}={os.environ[VARIABLE]}" if os.environ.get(VARIABLE) else "on this machine"
        raise EngineUnavailable(f"no Docker engine answers {where}. {GET_DOCKER}") from error
    return client


def probe() -> Status:
    """The engine's version when one answers."""
    try:
        client = connect(timeout=2)
    except EngineUnavailable as error:
        return Status("docker", "missing", package_version("docker") or "-", str(error), optional=True)
    version, where = client.version()["Version"], client.api.base_url
    client.close()
    return Status("docker", "live", version, os.environ.get(VARIABLE, where), optional=True)
