"""Docker: the SDK's own ``docker.DockerClient`` from the environment. There is no embedded engine.

Whatever carries a session's labels is removed when the notebook's process ends, also when that is killed: see ``labels()``.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import subprocess
import sys
import uuid
from importlib import import_module
from typing import TYPE_CHECKING, Any

from companion.engines._ladder import Status, climb, variable
from companion.errors import EngineUnavailable

if TYPE_CHECKING:
    DockerClient = Any  # docker.DockerClient: a checker would look for it in this checkout's folder docker/

VARIABLE = "DOCKER_HOST"
#: an image to build on, instead of the public one
BASE_VARIABLE = "COMPANION_BASE_IMAGE"
VARIABLES = (VARIABLE, "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", BASE_VARIABLE)
GET_DOCKER = (
    "Debian/Ubuntu: apt-get install docker.io, then add yourself to the group docker. macOS and Windows: Docker Desktop. "
    f"An engine elsewhere: set {VARIABLE}."
)
PUBLIC_BASE, LOCAL_BASE = "python:3.12-slim", "companion/base:3.12"
SESSION = "companion.session"
#: by session, the images that were there before it
_there: dict[str, set[str]] = {}


def _sdk() -> Any:
    """The package docker, which a checker would take this checkout's folder docker/ for."""
    return import_module("docker")


def connect(*, timeout: float = 60) -> DockerClient:
    """A client of the engine that the ``docker`` command would use, after it has answered a ping.

    Args:
        timeout: seconds that the client waits for each answer.

    Raises:
        EngineUnavailable: no engine answers; the message says how to get one.
    """
    docker = _sdk()

    client = None
    try:
        client = docker.from_env(timeout=timeout)
        client.ping()
    except (docker.errors.DockerException, OSError) as error:
        if client is not None:
            client.close()
        where = f"at {VARIABLE}={variable(VARIABLE)}" if variable(VARIABLE) else "on this machine"
        raise EngineUnavailable(f"no Docker engine answers {where}. {GET_DOCKER}") from error
    return client


def probe() -> Status:
    """The engine's version when one answers."""
    return climb("docker", client="docker", install="pip install docker", live=_live_version, optional=True)


def _live_version() -> tuple[str, str]:
    client = connect(timeout=2)
    try:
        return client.version()["Version"], variable(VARIABLE) or client.api.base_url
    finally:
        client.close()


def base_image(client: DockerClient) -> str:
    """The name of a base image that this engine has, or can pull.

    ``COMPANION_BASE_IMAGE`` where it is set; else the public ``python:3.12-slim``, or the stand-in that
    ``scripts/local_base_image.sh`` makes.

    Raises:
        EngineUnavailable: there is none; the message says how to make one.
    """
    docker = _sdk()

    chosen = variable(BASE_VARIABLE)
    for name in [chosen] if chosen else [PUBLIC_BASE, LOCAL_BASE]:
        try:
            client.images.get(name)
        except docker.errors.ImageNotFound:
            continue
        return name
    wanted = chosen or PUBLIC_BASE
    try:
        client.images.pull(wanted)
    except docker.errors.APIError as error:
        raise EngineUnavailable(
            f"the engine has no image {wanted} and can't pull it. Without a registry, as root on a Debian: "
            f"scripts/local_base_image.sh makes {LOCAL_BASE}; or set {BASE_VARIABLE} to an image with Python 3.12."
        ) from error
    return wanted


def package_index() -> str | None:
    """The package index that pip has been told to use on this machine, None for its default."""
    if url := variable("PIP_INDEX_URL"):
        return url
    said = subprocess.run(
        [sys.executable, "-m", "pip", "config", "get", "global.index-url"], capture_output=True, text=True
    )
    return said.stdout.strip() or None


def build_arguments(client: DockerClient) -> dict[str, str]:
    """``buildargs=`` for the Dockerfiles of ``docker/``: the base image, and the package index where pip has one here.

    Everything that builds them takes these (``scripts/images.sh`` too): a step with other arguments is not in the cache.

    Raises:
        EngineUnavailable: there is no base image.
    """
    index = package_index()
    return {"BASE_IMAGE": base_image(client), **({"PIP_INDEX_URL": index} if index else {})}


def labels() -> dict[str, str]:
    """Labels for everything that a session builds and runs, and a process that removes it all at the end.

    Give them as ``labels=`` to builds, containers, networks and volumes. ``sweep(labels)`` removes early.
    """
    session = uuid.uuid4().hex[:12]
    _there[session] = _images()
    sweeper = subprocess.Popen(
        [sys.executable, "-m", "companion.engines.docker", str(os.getpid()), session],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    if sweeper.stdin is not None:
        sweeper.stdin.write(json.dumps(sorted(_there[session])).encode() + b"\n")
        sweeper.stdin.flush()

    def finish() -> None:
        if sweeper.stdin is not None:
            sweeper.stdin.close()
        sweeper.wait(60)

    atexit.register(finish)
    return {SESSION: session}


def _images() -> set[str]:
    """The ids of all images, also of those without a name; none when there is no engine."""
    try:
        client = connect()
    except EngineUnavailable:
        return set()
    try:
        return {str(image["Id"]) for image in client.api.images(all=True)}
    finally:
        client.close()


def sweep(labels: dict[str, str], client: DockerClient | None = None) -> None:
    """Remove all containers, images, networks and volumes that carry a session's labels, and the layers beneath its images
    that were not there before it. What was there stays, also an image without a name that ours were built on.
    """
    docker = _sdk()

    own = client is None
    client = client or connect()
    chosen = {"label": f"{SESSION}={labels[SESSION]}"}
    removals = (
        *(
            (c.remove, {"force": True, "v": True})
            for c in client.containers.list(all=True, filters=chosen, ignore_removed=True)
        ),
        *((n.remove, {}) for n in client.networks.list(filters=chosen)),
        *((v.remove, {"force": True}) for v in client.volumes.list(filters=chosen)),
    )
    for remove, options in removals:
        try:
            remove(**options)
        except docker.errors.APIError:  # gone already, or going
            continue
    # an image that another of ours was built on goes in a later round
    for _ in range(5):
        images = client.images.list(filters=chosen)
        for image in images:
            _remove_image(client, image.id, image.attrs.get("Parent", ""), _there.get(labels[SESSION]))
        if not images:
            break
    if own:
        client.close()


def _remove_image(client: DockerClient, image: str, parent: str, there: set[str] | None) -> None:
    """Remove an image of ours and then, from the top, the nameless layers that its build made and nobody else uses.

    The engine would remove nameless layers by itself, and with them an image that the reader has built without a tag.
    """
    docker = _sdk()
    with contextlib.suppress(docker.errors.APIError):  # others of ours were built on it: a later round
        client.images.remove(image, force=True, noprune=True)
        while parent and there is not None and parent not in there:
            layer = client.images.get(parent)
            if layer.tags:
                break
            client.images.remove(layer.id, noprune=True)  # refused where another image or a container uses it
            parent = layer.attrs.get("Parent", "")


def _watch(parent: int, session: str) -> None:
    """Wait until the notebook's process is gone, then sweep; again shortly after, for what the engine was just making."""
    import select
    import signal
    import time

    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, signal.SIG_IGN)
    if line := sys.stdin.readline():
        _there[session] = set(json.loads(line))
    while os.getppid() == parent and not select.select([sys.stdin], [], [], 0.3)[0]:
        pass
    for pause in (0.0, 1.5):
        time.sleep(pause)
        with contextlib.suppress(Exception):  # an engine that is gone has nothing left to remove
            sweep({SESSION: session})


if __name__ == "__main__":
    _watch(int(sys.argv[1]), sys.argv[2])
