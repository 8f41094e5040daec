"""The small cluster of ``docker/compose.yaml``, started by ``scripts/cluster.sh`` as ``make cluster`` does, and notebooks on it.

The notebooks run on this machine, with nothing set but what the script has printed, under strict nbval: what is stored is what a
reader sees here too.
"""

import os
import re
import subprocess
from collections.abc import Callable

import pytest
import requests
from conftest import NOTEBOOKS
from containers import DOCKER, client_of_a_module  # noqa: F401  (a fixture)
from harness import runs
from processes import until
from small_cluster import PORTS, Cluster, compose, left, running, state, what_it_told  # noqa: F401  (a fixture)

from companion import EngineUnavailable
from companion.book import chapter
from companion.engines import dask, postgres, prometheus, redis

pytestmark = pytest.mark.slow
EXAMPLES = {
    "model": {"temperature": 71.5, "vibration": 3.2, "load": 0.7, "hours": 2600, "kind": "press"},
    "nlp": {"text": "Vereinigtes Königreich"},
}
OWN_JOBS = {"catalogue", "dask", "features", "model_server", "nlp_service"}


@pytest.fixture(scope="module")
def cluster(client, tmp_path_factory):
    """All of it, with a scratch folder of this module's own that notebooks and workers share."""
    shared = tmp_path_factory.mktemp("shared")
    whole = {"COMPANION_WORKSPACE": str(shared), "COMPOSE_PROFILES": "monitoring,recommender,lab"}
    with running(client, tmp_path_factory.mktemp("stand-ins"), **whole) as cluster:
        yield cluster
    assert left(client, cluster.project) == []
    folder = DOCKER.parent / ".cache"
    assert not (folder / f"{cluster.project}.env").exists() and not (folder / cluster.project).exists()
    assert list(shared.iterdir()) == [], "a notebook, or a worker, has left its files"


def secrets_of(cluster: Cluster) -> dict[str, str]:
    """The passwords, which only a file in .cache holds."""
    lines = (DOCKER.parent / ".cache" / f"{cluster.project}.env").read_text().split()
    return dict(line.split("=", 1) for line in lines)


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except requests.RequestException:
        return False


def test_it_answers_on_loopback_and_wants_its_passwords(cluster, told, monkeypatch):
    for container in cluster.containers():
        assert until(lambda c=container: c.reload() or state(c) in ("running", "healthy"), 300), (
            container.name,
            container.logs(),
        )
    mounted = [mount for c in cluster.containers() for mount in c.attrs["Mounts"] if mount["Type"] == "volume"]
    assert mounted and all(mount["Name"].startswith(cluster.project) for mount in mounted), (
        "it would outlive its container"
    )
    published = [p for c in cluster.containers() for ports in c.ports.values() for p in ports or ()]
    assert {p["HostIp"] for p in published} == {"127.0.0.1"}
    # Prometheus is on the machine's own network, and publishes nothing: it listens where it is told to
    expected = {cluster.env[name] for name in PORTS if name != "PROMETHEUS_PORT"}
    assert {p["HostPort"] for p in published} == expected
    listening = subprocess.run(["ss", "-Hltn"], capture_output=True, text=True, check=True).stdout
    (server,) = [line.split()[3] for line in listening.splitlines() if f":{cluster.env['PROMETHEUS_PORT']} " in line]
    assert server == f"127.0.0.1:{cluster.env['PROMETHEUS_PORT']}"
    assert not any(secret in cluster.said for secret in secrets_of(cluster).values())
    for made in (DOCKER.parent / ".cache").rglob(f"{cluster.project}*/**/*"):
        assert made.is_dir() or made.suffix == ".json" or made.stat().st_mode & 0o077 == 0, made

    with redis.connect(decode_responses=True) as client_:
        assert client_.set("a", "1") and client_.get("a") == "1" and client_.delete("a")
    with postgres.connect() as connection:
        assert connection.execute("SELECT current_user || 1 + 1").fetchone() == ("companion2",)
    # without the passwords, or with others
    monkeypatch.setenv("REDIS_URL", re.sub(":[^@/]+@", "", told["REDIS_URL"]))
    monkeypatch.setenv("DATABASE_URL", re.sub(r":\w+@", ":wrong@", told["DATABASE_URL"]))
    monkeypatch.setenv("PROMETHEUS_URL", re.sub(r":\w+@", ":wrong@", told["PROMETHEUS_URL"]))
    # and by a scheduler that knows no plain word
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", told["DASK_SCHEDULER_ADDRESS"].replace("tls:", "tcp:"))
    for connect in (redis.connect, postgres.connect, prometheus.connect, lambda: dask.connect(timeout=3)):
        with pytest.raises(EngineUnavailable):
            connect()


def test_its_services_answer_and_are_counted(cluster, told):
    proxy = f"http://127.0.0.1:{cluster.env['PROXY_PORT']}"
    for service, example in EXAMPLES.items():
        assert until(lambda s=service: answers(f"{proxy}/{s}/healthz"), 300), service
        reply = requests.post(f"{proxy}/{service}/predict", json={"instances": [example]}, timeout=60)
        assert reply.status_code == 200 and len(reply.json()["predictions"]) == 1
        assert requests.get(f"{proxy}/{service}/metrics", timeout=20).status_code == 404, "the counters stay inside"
    too_large = requests.post(f"{proxy}/nlp/predict", data=b" " * 2**21, timeout=60)
    assert too_large.status_code == 413
    with prometheus.connect() as api:

        def up() -> set[str]:
            found = api.get("api/v1/query", params={"query": "up == 1"}).json()["data"]["result"]
            return {series["metric"]["job"] for series in found}

        assert until(lambda: up() == OWN_JOBS, 300), up()
        query = {"query": 'sum(service_requests_total{job="nlp_service"}) > 0'}
        assert until(lambda: api.get("api/v1/query", params=query).json()["data"]["result"], 300)


IN_THE_LAB = """
from companion import workspace
from companion.engines import dask, spark

folder = workspace("lab")
with dask.connect(timeout=60) as client:
    dask.require(client, folder)
    print(client.submit(pow, 2, 10).result(60))
with spark.connect(memory="600m") as session:
    spark.require(session, folder)
    session.range(1000).repartition(4).write.parquet(str(folder / "rows"))
    print(session.read.parquet(str(folder / "rows")).count())
"""


def test_jupyterlab_in_a_container_of_the_cluster_has_its_engines(cluster):
    (lab,) = cluster.containers("lab")
    assert until(lambda: lab.reload() or state(lab) == "healthy", 300), lab.logs()
    at, token = f"http://127.0.0.1:{cluster.env['LAB_PORT']}", secrets_of(cluster)["JUPYTER_TOKEN"]
    assert requests.get(f"{at}/api/contents", timeout=30).status_code == 403
    new = requests.put(f"{at}/api/contents/notebooks/mine.txt?token={token}", json={"type": "file", "format": "text", "content": "x"}, timeout=30)  # fmt: skip
    assert new.status_code == 201, "what is written there can be saved"
    doctor = lab.exec_run(["python", "-m", "companion", "doctor"]).output.decode()
    assert re.findall(r"^(\w+) +live", doctor, re.MULTILINE) == ["dask", "spark", "redis", "postgres"]
    done = lab.exec_run(["python", "-c", IN_THE_LAB])
    assert done.exit_code == 0 and done.output.decode().split()[-2:] == ["1024", "1000"], done.output.decode()[-3000:]


# The notebooks


def used_dask(cluster: Cluster) -> float:
    """Transitions of tasks that the scheduler has seen."""
    with dask.connect(timeout=60) as client:
        return client.run_on_scheduler(lambda dask_scheduler: dask_scheduler.transition_counter)


def used_spark(cluster: Cluster) -> float:
    (master,) = cluster.containers("spark_master")
    return master.logs().decode().count("Registered app")


def used_redis(cluster: Cluster) -> float:
    with redis.connect() as client:
        return client.info("stats")["total_commands_processed"]


def used_postgres(cluster: Cluster) -> float:
    with postgres.connect() as connection:
        (count,) = connection.execute("SELECT sum(xact_commit) FROM pg_stat_database").fetchone()
    return float(count)


def used_prometheus(cluster: Cluster) -> float:
    """Targets beside the cluster's own, which it has asked."""
    with prometheus.connect() as api:
        asked = set(api.get("api/v1/label/instance/values").json()["data"])
    return len(asked - {f"127.0.0.1:{cluster.env[name]}" for name in ("METRICS_PORT", "DASK_DASHBOARD_PORT")})


#: each notebook, what shows that it has really been on the cluster, and by how much more than the asking itself
ON_THE_CLUSTER: dict[str, list[tuple[Callable[[Cluster], float], int]]] = {
    "dask_audio": [(used_dask, 100)],
    "spark_recommendations": [(used_spark, 1)],
    "case_ska_telescope": [(used_dask, 100)],
    "redis_caching": [(used_redis, 1000)],
    "sql_partitioning": [(used_postgres, 50)],
    "prometheus_metrics": [(used_prometheus, 1)],
    "flask_service": [(used_redis, 100), (used_postgres, 50)],
}


@pytest.mark.parametrize("name", ON_THE_CLUSTER)
def test_a_notebook_gives_the_same_outputs_on_the_cluster(name, cluster, told, tmp_path):
    """nbval, strictly, with nothing set but what the script has printed; what differs by nature is tagged, and says why."""
    before = [used(cluster) for used, _ in ON_THE_CLUSTER[name]]
    path = runs.for_a_cluster(NOTEBOOKS / chapter(name).file, tmp_path, repeats=name != "spark_recommendations")
    done = runs.nbval(path, told)
    assert done.returncode == 0 and " passed" in done.said, done.said
    after = [used(cluster) for used, _ in ON_THE_CLUSTER[name]]
    least = [least for _, least in ON_THE_CLUSTER[name]]
    assert all(new - old >= few for new, old, few in zip(after, before, least, strict=True)), (before, after)


def test_compose_starts_nothing_without_passwords(client):
    bare = {name: value for name, value in os.environ.items() if name not in ("REDIS_PASSWORD", "POSTGRES_PASSWORD")}
    command = [*compose(), "-p", "companion-test-bare", "-f", DOCKER / "compose.yaml", "up", "-d"]
    done = subprocess.run(command, env=bare, capture_output=True, text=True)
    assert done.returncode and "_PASSWORD" in done.stderr
    assert left(client, "companion-test-bare") == []
